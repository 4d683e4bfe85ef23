"""Headers that a caller adds to his requests: checked when they are set, hidden when they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from kalbio._core.argument_errors import ArgumentTypeError
from kalbio._core.errors import SettingError
from kalbio._core.text.display import safe_repr

_NOT_OF_A_NAME = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def find_violation(name: Any, value: Any) -> str:
    """Return why a header cannot be sent, without showing its value; empty when it can."""
    if not isinstance(name, str):
        return f"the name of a header must be text; got {safe_repr(name)}"
    if not name:
        return "the name of a header is empty"
    if wrong := _NOT_OF_A_NAME.search(name):
        # What stands behind the name may be a value, pasted with it.
        start = safe_repr(name[: wrong.start()])
        return f"the name of a header is letters, digits and hyphens; {start} is followed by something else"
    if not isinstance(value, str):
        return f"header {name} must be text; got {'None' if value is None else type(value).__name__}"
    if match := re.search(r"[\r\n]", value):
        return f"header {name} has a line end at character {match.start()}"
    if match := _CONTROL.search(value):
        return f"header {name} has a control character at character {match.start()}"
    if value != value.strip(" \t"):
        return f"header {name} has space around it"
    if match := re.search(r"[^\x00-\xff]", value):
        return f"header {name} has a character beyond Latin-1 at character {match.start()}; it must be encoded"
    return ""


class AddedHeaders(MutableMapping[str, str]):
    """A mapping of header names to values that takes only what can be sent. Its representation shows no value."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        self._headers: dict[str, str] = {}
        self.replace(headers or {})

    def replace(self, headers: Mapping[str, str]) -> None:
        """Put other headers in the place of all. Raises SettingError, and changes nothing, when one cannot be sent."""
        if not isinstance(headers, Mapping):
            raise SettingError(f"additional_headers must be a mapping of names to values; got {type(headers).__name__}")
        fresh = dict(headers)
        for name, value in fresh.items():
            _check(name, value)
        self._headers = fresh

    def __getitem__(self, name: str) -> str:
        return self._headers[name]

    def __setitem__(self, name: str, value: str) -> None:
        _check(name, value)
        self._headers = {**self._headers, name: value}  # as a whole: another thread may be reading them

    def __delitem__(self, name: str) -> None:
        fresh = dict(self._headers)
        del fresh[name]
        self._headers = fresh

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)

    def __ior__(self, other: Mapping[str, str]) -> AddedHeaders:
        self.update(other)
        return self

    def __repr__(self) -> str:
        return f"AddedHeaders({', '.join(self._headers)})"

    def __reduce__(self) -> Any:
        raise ArgumentTypeError(
            "headers of a client may hold secrets and cannot be pickled or copied; copy them with dict(...)"
        )


def _check(name: Any, value: Any) -> None:
    if wrong := find_violation(name, value):
        raise SettingError(f"additional_headers cannot be used: {wrong}")
