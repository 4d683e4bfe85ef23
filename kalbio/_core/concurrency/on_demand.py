"""Coroutines that nobody may come to await, and functions that return coroutines without being `async`."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from kalbio._core.argument_errors import ArgumentTypeError

T = TypeVar("T")
S = TypeVar("S")


class OnDemand(Coroutine[Any, Any, T], Generic[T]):
    """A coroutine that is made when it is awaited, so that one that nobody awaits is no fault.

    What an attribute of an async object gives: tools that look at all attributes of an object await none of them. It
    can be awaited again, which asks again, and stands wherever a coroutine does.
    """

    __slots__ = ("_coroutine", "_make", "_name", "_owner")

    def __init__(self, make: Callable[[], Coroutine[Any, Any, T]], name: str, owner: object) -> None:
        self._make = make
        self._coroutine: Coroutine[Any, Any, T] | None = None
        self._name = name
        self._owner = owner

    def __repr__(self) -> str:
        return f"<{self._name} of {self._owner!r}, to be awaited>"

    def _not_yet(self, *_: object) -> NoReturn:
        owner = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self._owner).__name__).lower()
        raise ArgumentTypeError(
            f"{self!r} is not read yet: await it first, `await {owner}.{self._name}`, in parentheses where more follows"
        )

    if not TYPE_CHECKING:  # type checkers know that a coroutine has none of these
        __iter__ = __len__ = __getitem__ = __contains__ = _not_yet

        def __bool__(self) -> bool:
            # As any coroutine: tools ask this of what they hold, and `__len__` would answer for it.
            return True

    def __await__(self) -> Generator[Any, Any, T]:
        return self._make().__await__()

    def send(self, value: Any) -> Any:
        """Go on, as the tasks of an event loop do."""
        if self._coroutine is None:
            self._coroutine = self._make()
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with an error, as a task that is cancelled does."""
        if self._coroutine is None:
            self._coroutine = self._make()
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """End it where it is; nothing when it has not begun."""
        if self._coroutine is not None:
            self._coroutine.close()


def on_demand(
    method: Callable[[S], Coroutine[Any, Any, T]],
) -> Callable[[S], Coroutine[Any, Any, T]]:
    """Mark what a property gives: the coroutine is made when it is awaited, not when the property is read."""

    @functools.wraps(method)
    def wrapper(self: S) -> Coroutine[Any, Any, T]:
        return OnDemand(lambda: method(self), method.__name__, self)

    return wrapper


def mark_like(method: Callable[..., Any], wrapper: Callable[..., Any]) -> None:
    """Let tools that replace functions in tests see that what `wrapper` returns is to be awaited, as for `method`."""
    if not inspect.iscoroutinefunction(method):
        return
    if hasattr(inspect, "markcoroutinefunction"):  # from Python 3.12 on
        inspect.markcoroutinefunction(wrapper)
    else:
        wrapper._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
