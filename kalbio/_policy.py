# Derived from kalbio/aio/_policy.py by scripts/regenerate; edit that file. (digest 4c3ce3f7b9c5)
"""What every call begins and ends with: its plain arguments are checked, and failures follow the error policy.

The older policy: with `on_error="log"` a failure is logged; methods give a neutral value, iterators end.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from kalbio._core.errors import AuthenticationError, ClientClosedError, KalbioError, TransportError, UnknownFateError
from kalbio._core.on_demand import mark_like
from kalbio._core.shown import one_line
from kalbio._core.sync.locks import here
from kalbio._model.bulk import BulkResult
from kalbio._model.checks import checker_of

logger = logging.getLogger("kalbio")

Method = TypeVar("Method", bound=Callable[..., Any])


def nothing() -> None:
    """Give None: the neutral value of calls that return one thing."""


def unreachable(error: KalbioError) -> bool:
    """Whether no answer came, or there was no login. Older clients raised this about imports and exports."""
    if isinstance(error, UnknownFateError):
        return error.answer is None
    return isinstance(error, TransportError | AuthenticationError)


def on_failure(
    neutral: Callable[[], Any],
    *,
    about: str | None = None,
    of: str | None = None,
    local: bool = False,
    unless: Callable[[KalbioError], bool] = lambda _: False,
) -> Callable[[Method], Method]:
    """Mark a method that returns `neutral()` when it fails and the client was made with `on_error="log"`.

    `about` names the argument of a read that says what is asked for: about None there is nothing, and nobody is asked.
    `of` names the public method that it is a part of. A `local` one may need no client, nor one that is open. What
    `unless` is true of is raised in any case.
    """

    def decorate(method: Method) -> Method:
        check = checker_of(method)
        owner, _, name = method.__qualname__.rpartition(".")
        told = f"{owner}.{of or name}"
        place = 0 if about is None else list(inspect.signature(method).parameters).index(about) - 1

        @functools.wraps(method)
        def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
            if about is not None and (args[place] if place < len(args) else kwargs.get(about, ...)) is None:
                if not local:
                    _check_client(self)
                return neutral()
            check(args, kwargs)
            if not local:
                _check_client(self)
            try:
                return method(self, *args, **kwargs)
            except KalbioError as error:
                _check_failure(self, error)
                if unless(error) or not _logged(self, told, error):
                    raise
                # A load that broke off in the middle has sent rows.
                outcome = getattr(error, "outcome", None)
                return outcome if isinstance(outcome, BulkResult) else neutral()

        return guarded  # type: ignore[return-value]  # the same signature, by construction

    return decorate


def ends_on_failure(method: Method) -> Method:
    """Mark an iterator that ends when it fails and the client was made with `on_error="log"`."""

    check = checker_of(method)

    @functools.wraps(method)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        check(args, kwargs)
        _check_client(self)
        items = method(self, *args, **kwargs)
        # Closed with this one: what it holds open must not wait for the garbage collector.
        with contextlib.closing(items):
            try:
                for item in items:
                    yield item
                    _check_client(self)
            except KalbioError as error:
                _check_failure(self, error)
                if not _logged(self, method.__qualname__, error):
                    raise

    return guarded  # type: ignore[return-value]  # the same signature, by construction


def when_called(look: Callable[[Any, dict[str, Any]], None]) -> Callable[[Method], Method]:
    """Mark a method whose arguments are looked at in the call itself, before anything is awaited or iterated.

    `look` gets the object and the arguments by name, and may take some away. A warning that it gives with
    `stacklevel=3` is laid to the line of the caller. Stands outermost: what runs later, in a task or when an iterator
    is advanced, no longer knows that line.
    """

    def decorate(method: Method) -> Method:
        kinds = inspect.signature(method).parameters.values()
        places = [item.name for item in kinds if item.kind is item.POSITIONAL_OR_KEYWORD][1:]

        @functools.wraps(method)
        def called(self: Any, *args: Any, **kwargs: Any) -> Any:
            named = dict(zip(places, args, strict=False))
            if len(named) < len(args) or named.keys() & kwargs.keys():
                return method(self, *args, **kwargs)  # which says what is wrong with it
            arguments = {**named, **kwargs}
            look(self, arguments)
            return method(self, **arguments)

        # Tools that replace methods in tests ask whether one is to be awaited.
        mark_like(method, called)
        return called  # type: ignore[return-value]  # the same signature, by construction

    return decorate


def deprecated(**older: str | None) -> Callable[[Method], Method]:
    """Mark a method that takes arguments of older releases: older name to newer name, None where there is no newer."""

    def look(self: Any, arguments: dict[str, Any]) -> None:
        for old, new in older.items():
            # Where both are given the method says so, which is worse.
            if arguments.get(old) is not None and arguments.get(new or "") is None:
                text = f"{old} is now called {new}" if new else f"{old} has no known effect any more"
                warnings.warn(text, DeprecationWarning, stacklevel=3)

    return when_called(look)


def _check_client(owner: Any) -> None:
    """Raise when the client can make no calls."""
    if owner._client is not None:
        owner._client._pipes.check()
        here()  # raises where no event loop runs that could carry a call


def _check_failure(owner: Any, error: KalbioError) -> None:
    """Raise ClientClosedError when that is what is behind a failure, also under the older policy."""
    if isinstance(error, ClientClosedError):
        raise error
    if isinstance(error, TransportError) and owner._client is not None and owner._client._pipes.is_closed:
        raise ClientClosedError from error


def _logged(owner: Any, method: str, error: KalbioError) -> bool:
    """Log the error under the older policy; False when it is to be raised."""
    if owner._client is None or owner._client.on_error == "raise":
        return False
    logger.error("%s: %s", method, one_line(" ".join([str(error), *getattr(error, "__notes__", ())])))
    return True
