"""The credentials that a client is made with."""

from __future__ import annotations

import os

from kalbio._core.errors import SettingError


def credential(name: str, given: str | None, variable: str) -> str:
    """Return what was given, or what a variable of the environment says. Raises SettingError when it cannot be sent."""
    value = given if given is not None else os.environ.get(variable)
    if not value:
        raise SettingError(f"{name} is missing: pass {name}=... or set the environment variable {variable}")
    setting = name if given is not None else variable
    # No error shows it: it is what nobody must see.
    if not isinstance(value, str):
        raise SettingError(f"{setting} must be text; got {type(value).__name__}")
    if value != value.strip():
        raise SettingError(f"{setting} has a line end or a space around it, perhaps from a file; strip() it")
    if any(
        character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff" for character in value
    ):
        raise SettingError(f"{setting} has characters that are not valid text")
    return value
