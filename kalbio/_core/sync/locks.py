"""Waiting, for threads. Written by hand on both sides: the twin in `kalbio._core.aio` waits with tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextvars import copy_context
from threading import Event, Lock
from time import sleep
from typing import TypeVar

__all__ = ["Event", "Lock", "each", "here", "off_loop", "sleep"]

T = TypeVar("T")
R = TypeVar("R")


def here() -> object | None:
    """Return None: connections are not bound to a thread."""
    return None


def off_loop(function: Callable[[], T]) -> T:
    """Run blocking code; a thread may simply block."""
    return function()


def each(work: Callable[[T], R], items: Sequence[T], limit: int) -> list[R]:
    """Do the work for each item, at most `limit` at a time; return the results in order.

    The first failure is raised, and what has not begun is not done.
    """
    if len(items) < 2 or limit < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(limit, len(items)), "kalbio") as threads:
        # Each thread sees the blocks (`client.timeout`, `cache_disabled`) that the caller stands in.
        pending = [threads.submit(copy_context().run, work, item) for item in items]
        try:
            wait(pending, return_when=FIRST_EXCEPTION)
        finally:
            for future in pending:
                future.cancel()
        failed = next((one for one in pending if one.done() and not one.cancelled() and one.exception()), None)
        return [future.result() for future in (pending if failed is None else [failed])]
