# Derived from kalbio/aio/_progress.py by scripts/regenerate; edit that file. (digest c4d83fc0186a)
"""Lets methods that take a function for `progress` take True as well: a bar is shown then."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, TypeVar

from kalbio._core.text.progress import progress_bar
from kalbio._extras import require_progress

Method = TypeVar("Method", bound=Callable[..., Any])


def with_progress(unit: str) -> Callable[[Method], Method]:
    """Mark a method that counts in a unit. It gets a function or None, whatever the caller gave."""

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def called(self: Any, *args: Any, **kwargs: Any) -> Any:
            wanted = kwargs.get("progress")
            if not isinstance(wanted, bool):
                return method(self, *args, **kwargs)
            if not wanted:
                return method(self, *args, **{**kwargs, "progress": None})
            require_progress()
            with progress_bar(method.__name__, unit) as advance:
                return method(self, *args, **{**kwargs, "progress": advance})

        return called  # type: ignore[return-value]  # the same signature, by construction

    return decorate


def iter_with_progress(unit: str) -> Callable[[Method], Method]:
    """Mark an iterator that counts in a unit, as `with_progress` marks other methods."""

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def called(self: Any, *args: Any, **kwargs: Any) -> Any:
            wanted = kwargs.get("progress")
            if wanted is True:
                require_progress()
            with progress_bar(method.__name__, unit) if wanted is True else contextlib.nullcontext() as advance:
                if isinstance(wanted, bool):
                    kwargs = {**kwargs, "progress": advance}
                items = method(self, *args, **kwargs)
                with contextlib.closing(items):
                    for item in items:
                        yield item

        return called  # type: ignore[return-value]  # the same signature, by construction

    return decorate
