# Derived from kalbio/aio/_policy.py by scripts/regenerate; edit that file. (digest 20afef1dbdab)
"""Wraps every public method: its plain arguments are checked, and errors follow the error policy.

With `on_error="log"`, the older policy, an error is logged; methods return a default value, and iterators end. This
applies to the call that the user makes. Calls made inside of it raise, so that methods can call each other.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextvars import ContextVar, Token
from typing import Any, TypeVar

from kalbio._core.concurrency.on_demand import mark_like
from kalbio._core.errors import AuthenticationError, ClientClosedError, OutcomeUnknownError, TransportError
from kalbio._core.objects.checks import argument_checker, renamed, unknown_argument
from kalbio._core.sync.session import Session
from kalbio._core.text.display import one_line
from kalbio._model.arguments import CHECKS, CLEARED_BY_NONE, OLDER_NAMES, SYNONYMS
from kalbio._model.bulk import BulkResult
from kalbio._model.errors import KalbioAPIError, KalbioError

logger = logging.getLogger("kalbio")

Method = TypeVar("Method", bound=Callable[..., Any])

# The session whose failures a call further out logs; never kept across a yield.
_logging: ContextVar[Session | None] = ContextVar("kalbio_logging", default=None)


def none() -> None:
    """Return None, the default of calls that return one thing."""


def unreachable(error: KalbioError) -> bool:
    """Whether no answer came, or there was no login. Older clients raised this about imports and exports."""
    if isinstance(error, OutcomeUnknownError):
        return error.answer is None
    return isinstance(error, TransportError | AuthenticationError)


def default_on_error(
    default: Callable[[], Any],
    *,
    skip_when_none: str | None = None,
    needs_no_client: bool = False,
    bulk_keyword: str | None = None,
    reraise_if: Callable[[KalbioError], bool] = lambda _: False,
) -> Callable[[Method], Method]:
    """Mark a method that returns `default()` when it fails and the client was made with `on_error="log"`.

    Args:
        default: makes the value that is returned instead of a result.
        skip_when_none: the argument that names what to read. When it is None there is nothing to read: the default is
            returned and nothing is sent.
        needs_no_client: whether the method also works without a client, or with a closed one.
        bulk_keyword: the keyword that turns the call into a bulk write, whose default is an empty `BulkResult`.
        reraise_if: says which errors are raised even with `on_error="log"`; bulk writes never raise them.
    """

    def decorate(method: Method) -> Method:
        check = argument_checker(method, CHECKS, CLEARED_BY_NONE, SYNONYMS)
        position = 0 if skip_when_none is None else list(inspect.signature(method).parameters).index(skip_when_none) - 1

        def is_load(kwargs: Mapping[str, Any]) -> bool:
            return bulk_keyword is not None and kwargs.get(bulk_keyword) is not None

        @functools.wraps(method)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            session = None if self._client is None else self._client.session
            if (
                skip_when_none is not None
                and (args[position] if position < len(args) else kwargs.get(skip_when_none, ...)) is None
            ):
                if not needs_no_client and session is not None:
                    session.check()
                return default()
            check(args, kwargs)
            if not needs_no_client and session is not None:
                session.check()
            if session is None or session.on_error == "raise" or _logging.get() is session:
                try:
                    return method(self, *args, **kwargs)
                except KalbioError as error:
                    _check_failure(session, error)
                    raise
                except BaseException as end:
                    _note_nothing_sent(end, BulkResult if is_load(kwargs) else default)
                    raise
            token = _logging.set(session)
            try:
                positional, named = _isolate_callbacks(args, kwargs)
                return method(self, *positional, **named)
            except KalbioError as error:
                _check_failure(session, error)
                if reraise_if(error) and not is_load(kwargs):
                    raise
                _log(self, method, error)
                # A load that broke off in the middle has sent rows.
                outcome = getattr(error, "outcome", None)
                if isinstance(outcome, BulkResult) or (outcome is not None and type(outcome) is type(default())):
                    return outcome
                return BulkResult() if is_load(kwargs) else default()
            except BaseException as end:
                _note_nothing_sent(end, BulkResult if is_load(kwargs) else default)
                raise
            finally:
                _restore(token)

        return wrapper  # type: ignore[return-value]  # the same signature, by construction

    return decorate


def end_on_error(method: Method) -> Method:
    """Mark an iterator that ends when it fails and the client was made with `on_error="log"`."""

    check = argument_checker(method, CHECKS, CLEARED_BY_NONE, SYNONYMS)

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        check(args, kwargs)
        session = self._client.session
        session.check()
        positional, named = _isolate_callbacks(args, kwargs)
        items = method(self, *positional, **named)
        # Closed with this one: what it holds open must not wait for the garbage collector.
        with contextlib.closing(items):
            while True:
                nested = session.on_error == "raise" or _logging.get() is session
                token = None if nested else _logging.set(session)
                try:
                    item = next(items)
                except StopIteration:
                    return
                except KalbioError as error:
                    _check_failure(session, error)
                    if nested:
                        raise
                    _log(self, method, error)
                    return
                finally:
                    # Before the item is handed out: what the caller does with it is no part of this call.
                    if token is not None:
                        _restore(token)
                yield item
                session.check()

    return wrapper  # type: ignore[return-value]  # the same signature, by construction


def when_called(inspect_call: Callable[[Any, dict[str, Any]], None]) -> Callable[[Method], Method]:
    """Mark a method whose arguments are inspected at once, before anything is awaited or iterated.

    `inspect_call` gets the object and the arguments by name, and may take some away. A warning that it gives with
    `stacklevel=3` is laid to the line of the caller. It must be the outermost decorator: code that runs later, in a
    task or when an iterator advances, no longer knows that line.
    """

    def decorate(method: Method) -> Method:
        kinds = inspect.signature(method).parameters.values()
        names = [item.name for item in kinds if item.kind is item.POSITIONAL_OR_KEYWORD][1:]

        @functools.wraps(method)
        def called(self: Any, *args: Any, **kwargs: Any) -> Any:
            named = dict(zip(names, args, strict=False))
            if len(named) < len(args) or named.keys() & kwargs.keys():
                return method(self, *args, **kwargs)  # which says what is wrong with it
            arguments = {**named, **kwargs}
            inspect_call(self, arguments)
            return method(self, **arguments)

        # Tools that replace methods in tests ask whether one is to be awaited.
        mark_like(method, called)
        return called  # type: ignore[return-value]  # the same signature, by construction

    return decorate


def deprecated(**older: str | None) -> Callable[[Method], Method]:
    """Mark a method that takes arguments of older releases: older name to newer name, None where there is no newer."""

    def inspect_call(self: Any, arguments: dict[str, Any]) -> None:
        for old, new in older.items():
            # Where both are given the method says so, which is worse.
            if arguments.get(old) is not None and arguments.get(new or "") is None:
                text = f"{old} is now called {new}" if new else f"{old} has no known effect any more"
                warnings.warn(text, DeprecationWarning, stacklevel=3)

    return when_called(inspect_call)


def takes_older_names(method: Method) -> Method:
    """Mark a method of today's words that takes the older names of its arguments as well (`OLDER_NAMES`).

    Its signature ends in `**older`, which is for type checkers: it is empty when the method runs. A slip is a TypeError
    with the names that come close.
    """
    kinds = inspect.signature(method).parameters.values()
    known = [item.name for item in kinds if item.kind is not item.VAR_KEYWORD][1:]
    older = {old: new for old, new in OLDER_NAMES.items() if new in known and old not in known}

    def inspect_call(_: object, arguments: dict[str, Any]) -> None:
        for name in arguments.keys() - set(known):
            if name not in older:
                raise unknown_argument(method.__name__, name, known, SYNONYMS)
            newer = older[name]
            arguments[newer] = renamed(name, arguments.pop(name), newer, arguments.get(newer))

    return when_called(inspect_call)(method)


def _restore(token: Token[Session | None]) -> None:
    # A coroutine that is dropped halfway may be closed in another context, where there is nothing to restore.
    with contextlib.suppress(ValueError):
        _logging.reset(token)


def _isolate_callbacks(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Wrap generators and `progress`, so that calls made by them count as calls of the user, with the error policy."""
    named = {
        name: _as_callers_function(value) if name == "progress" else _as_callers_iterator(value)
        for name, value in kwargs.items()
    }
    return [_as_callers_iterator(value) for value in args], named


def _as_callers_function(progress: Any) -> Any:
    if not callable(progress):
        return progress

    def called(*args: Any) -> Any:
        token = _logging.set(None)
        try:
            return progress(*args)
        finally:
            _restore(token)

    return called


def _as_callers_iterator(value: Any) -> Any:
    if isinstance(value, Generator):
        return _sync_steps(value)
    return value


def _sync_steps(items: Generator[Any, None, None]) -> Iterator[Any]:
    # Not closed at the end: the caller may go on with what is left.
    while True:
        token = _logging.set(None)
        try:
            item = next(items)
        except StopIteration:
            return
        finally:
            _restore(token)
        yield item


def _check_failure(session: Session | None, error: KalbioError) -> None:
    """Raise ClientClosedError if a closed client caused the failure, with `on_error="log"` too."""
    if isinstance(error, ClientClosedError):
        raise error
    if isinstance(error, TransportError) and session is not None and session.http_clients.is_closed:
        raise ClientClosedError from error


def _note_nothing_sent(end: BaseException, default: Callable[[], Any]) -> None:
    """Attach an empty outcome to what stops a load before it has sent anything; a load that has begun attaches its own.

    An error that ends a call there says by itself that nothing was done.
    """
    if isinstance(end, Exception) or getattr(end, "outcome", None) is not None:
        return
    outcome = default()
    if hasattr(outcome, "raise_for_failures"):  # the outcome of a load
        with contextlib.suppress(AttributeError):  # an exception of somebody else's may not take it
            end.outcome = outcome  # type: ignore[attr-defined]
            end.add_note("Nothing was sent; the `outcome` of this exception is empty.")


def _log(owner: Any, method: Callable[..., Any], error: KalbioError) -> None:
    text = one_line(" ".join([str(error), *getattr(error, "__notes__", ())]))
    name = f"{type(owner).__name__}.{method.__name__}"
    members: dict[str, Any] = {"error": type(error).__name__, "status": None, "code": None, "request_id": None}
    if isinstance(error, KalbioAPIError):
        members.update(status=error.status_code, code=error.code, request_id=error.request_id)
    logger.error("%s: %s", name, text, extra={"call": name, **members})
