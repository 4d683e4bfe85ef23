"""Waiting, for threads. Written by hand on both sides: the twin in `kalbio._core.aio` waits with tasks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from math import inf
from threading import Event, Lock
from time import sleep
from typing import TypeVar

__all__ = ["Event", "Lock", "each", "here", "off_loop", "sleep", "stream"]

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
    done: dict[int, R] = {}
    to_do = deque(enumerate(items))

    def some() -> None:
        while True:
            try:
                place, item = to_do.popleft()
            except IndexError:
                return
            done[place] = work(item)

    count = min(limit, len(items))
    with ThreadPoolExecutor(count, "kalbio") as threads:
        # Each thread sees the blocks (`client.timeout`, `cache_disabled`) that the caller stands in.
        pending = [threads.submit(copy_context().run, some) for _ in range(count)]
        try:
            wait(pending, return_when=FIRST_EXCEPTION)
        finally:
            to_do.clear()
        for future in pending:
            if future.done():  # the failure that came first, while others may still be under way
                future.result()
    return [done[place] for place in range(len(items))]


def stream(
    work: Callable[[T], R], items: Iterable[T], limit: int, *, ahead: int | None = None
) -> Generator[R, None, None]:
    """Do the work for each item as it comes, at most `limit` at a time; yield the results in order.

    Items are taken one by one, while fewer than `ahead` results (by default twice `limit`) are under way or not handed
    out yet. A failure, of the work or of the items, is raised after the results before it. After a failure, and when
    this is closed, nothing new is begun; what is under way ends.
    """
    source = iter(items)
    waiting: deque[Future[R]] = deque()
    taken = 0
    last = inf  # what comes after this place is not begun
    more, broken = True, None

    def one(place: int, item: T) -> R:
        nonlocal last
        if place > last:
            raise CancelledError
        try:
            return work(item)
        except BaseException:
            last = min(last, place)
            raise

    with ThreadPoolExecutor(limit, "kalbio") as threads:
        try:
            while more or waiting:
                full = len(waiting) >= (ahead or 2 * limit)
                if more and not full:
                    try:
                        item = next(source)
                    except StopIteration:
                        more = False
                    except Exception as error:
                        more, broken = False, error
                    else:
                        # The thread sees the blocks that the caller stands in, as in `each`.
                        waiting.append(threads.submit(copy_context().run, one, taken, item))
                        taken += 1
                more = more and last == inf
                if waiting and (full or not more or waiting[0].done()):
                    yield waiting.popleft().result()
            if broken is not None:
                raise broken
        finally:
            last = min(last, -1)
