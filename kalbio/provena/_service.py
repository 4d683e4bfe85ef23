# Derived from kalbio/provena/aio/_service.py by scripts/regenerate; edit that file. (digest 2cc48ffc96d8)
"""What the services need of a client, and share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from inspect import currentframe
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.objects.resource import Names
from kalbio._core.sync.session import Session
from kalbio._core.text.display import safe_repr


class Client(Protocol):
    """What a service needs of the client."""

    @property
    def session(self) -> Session:
        """What calls are made with."""

    @property
    def directory(self) -> Names:
        """What knows what things are called."""


class WithRegistry(Client, Protocol):
    """What items need of the client."""

    @property
    def registry(self) -> Any:
        """What gives the service for the items of a subtype, when it is called with one."""


class Service:
    """A group of calls."""

    # What scripts for the older client ask for in vain, with what to write instead.
    _elsewhere: ClassVar[Mapping[str, str]] = {}

    def __init__(self, client: Client) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"

    if not TYPE_CHECKING:
        # Hidden from type checkers, so that a slip is an error there.

        def __getattr__(self, name: str) -> Any:
            raise not_there(self, name, self._elsewhere)


def not_there(owner: object, name: str, elsewhere: Mapping[str, str]) -> AttributeError:
    """Return the error for an attribute that is not there, with what to write instead where that is known."""
    if hasattr(type(owner), name):
        object.__getattribute__(owner, name)  # it is there, and fails: what it raises is the error
    cure = f"; write {elsewhere[name]}" if name in elsewhere else ""
    if not cure and not name.startswith("_"):
        cure = f".{did_you_mean(name, [one for one in dir(owner) if not one.startswith('_')])}".rstrip(".")
    return AttributeError(f"{type(owner).__name__} has no attribute {name!r}{cure}")


def outside() -> int:
    """Return the `stacklevel` for a warning of the caller: that of the first line which is not of kalbio."""
    frame, level = currentframe(), 0  # that of this function itself
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "kalbio":
        frame, level = frame.f_back, level + 1
    return level


def require_one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    """Raise ValueError unless a value is one of those that are known."""
    if value not in known:
        raise ArgumentError(f"{name} must be one of {', '.join(known)}; got {safe_repr(value)}")


def require_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Raise ValueError unless a value is a whole number within limits."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        span = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ArgumentError(f"{name} must be a whole number, {span}; got {safe_repr(value)}")


def require_progress(progress: Any) -> None:
    """Raise ValueError unless what is to be told of progress is a function, a yes or no, or None."""
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise ArgumentError(f"progress must be True, or a function that is called; got {safe_repr(progress)}")


def require_path(name: str, value: Any) -> Path:
    """Return a path. Raises TypeError for what is none."""
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise ArgumentTypeError(f"{name} must be the path of a file or folder; got {safe_repr(value)}")
    return Path(value)


def require_text(name: str, value: Any) -> None:
    """Raise ValueError unless a value is text that says something."""
    if not isinstance(value, str) or not value.strip():
        raise ArgumentError(f"{name} must be text that says something; got {safe_repr(value)}")
