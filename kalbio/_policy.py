# Derived from kalbio/aio/_policy.py by scripts/regenerate; edit that file. (digest 189a1d8d56ca)
"""What every call begins and ends with: its plain arguments are checked, and failures follow the error policy.

The older policy: with `on_error="log"` a failure is logged; methods give a neutral value, iterators end.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from kalbio._core.errors import KalbioError
from kalbio._core.shown import one_line
from kalbio._model.checks import checker_of

logger = logging.getLogger("kalbio")

Method = TypeVar("Method", bound=Callable[..., Any])


def nothing() -> None:
    """Give None: the neutral value of calls that return one thing."""


def on_failure(neutral: Callable[[], Any], *, of: str | None = None) -> Callable[[Method], Method]:
    """Mark a method that returns `neutral()` when it fails and the client was made with `on_error="log"`.

    `of` names the public method that it is a part of.
    """

    def decorate(method: Method) -> Method:
        check = checker_of(method)
        owner, _, name = method.__qualname__.rpartition(".")
        told = f"{owner}.{of or name}"

        @functools.wraps(method)
        def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
            check(args, kwargs)
            try:
                return method(self, *args, **kwargs)
            except KalbioError as error:
                if not _logged(self, told, error):
                    raise
                return neutral()

        return guarded  # type: ignore[return-value]  # the same signature, by construction

    return decorate


def ends_on_failure(method: Method) -> Method:
    """Mark an iterator that ends when it fails and the client was made with `on_error="log"`."""

    check = checker_of(method)

    @functools.wraps(method)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        check(args, kwargs)
        items = method(self, *args, **kwargs)
        # Closed with this one: what it holds open must not wait for the garbage collector.
        with contextlib.closing(items):
            try:
                for item in items:
                    yield item
            except KalbioError as error:
                if not _logged(self, method.__qualname__, error):
                    raise

    return guarded  # type: ignore[return-value]  # the same signature, by construction


def _logged(owner: Any, method: str, error: KalbioError) -> bool:
    """Log the error under the older policy; False when it is to be raised."""
    if owner._client is None or owner._client.on_error == "raise":
        return False
    logger.error("%s: %s", method, one_line(" ".join([str(error), *getattr(error, "__notes__", ())])))
    return True
