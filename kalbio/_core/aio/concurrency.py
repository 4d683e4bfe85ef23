"""Waiting, for tasks. Written by hand on both sides: the twin in `_core.sync` waits with threads."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from math import inf
from threading import Lock as ShortLock
from typing import TypeVar

from anyio import Lock, create_task_group, sleep
from anyio.to_thread import run_sync

from kalbio._core.http.time_limits import DeadlinePassed

__all__ = [
    "Event",
    "Lock",
    "held",
    "in_thread",
    "map_bounded",
    "map_ordered",
    "one_by_one",
    "raise_if_stopped",
    "running_loop",
    "sleep",
]


T = TypeVar("T")
R = TypeVar("R")


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the running event loop, to which connections are bound. Raises RuntimeError outside of asyncio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "No asyncio event loop is running here, and an async client needs one: call it within asyncio.run(...). "
            "Other event loops, such as trio's, are not supported; use the sync client in a thread there."
        ) from None


class Event:
    """Something that comes once. Tasks of several event loops may wait for it, and any thread may set it."""

    def __init__(self) -> None:
        self._lock = ShortLock()
        self._is_set = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def is_set(self) -> bool:
        """Whether it has come."""
        return self._is_set

    def set(self) -> None:
        """Let it come: all who wait go on."""
        with self._lock:
            self._is_set = True
            waiting, self._waiting = self._waiting, []
        try:
            present = asyncio.get_running_loop()
        except RuntimeError:
            present = None
        for loop, future in waiting:
            if loop is present:
                _wake(future)
            else:
                # A loop that has ended has nobody left who waits.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(_wake, future)

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has come, or for so many seconds; whether it has come."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        with self._lock:
            if self._is_set:
                return True
            self._waiting.append((loop, future))
        timer = None if timeout is None else loop.call_later(timeout, _wake, future)
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()
            with self._lock:
                self._waiting = [one for one in self._waiting if one[1] is not future]
        return self._is_set


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@contextlib.asynccontextmanager
async def held(lock: Lock, seconds: float | None) -> AsyncIterator[None]:
    """Hold a lock in the block. Raises DeadlinePassed when it is not to be had within so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await lock.acquire()
    except TimeoutError:
        raise DeadlinePassed("the deadline passed while the call waited for another one to log in") from None
    try:
        yield
    finally:
        lock.release()


async def in_thread(function: Callable[[], T]) -> T:
    """Run blocking code where it does not hold up other tasks.

    It is run here when no thread can be started any more, because the main thread has ended.
    """
    begun = False

    def run() -> T:
        nonlocal begun
        begun = True
        return function()

    try:
        return await run_sync(run)
    except RuntimeError:
        if begun:
            raise
        return function()


def raise_if_stopped() -> None:
    """Do nothing: a task that is cancelled does not come here. Threads have to ask."""


async def map_bounded(work: Callable[[T], Awaitable[R]], items: Sequence[T], limit: int) -> list[R]:
    """Do the work for each item, at most `limit` at a time; return the results in order.

    The first failure is raised, and what has not begun is not done.
    """
    if len(items) < 2 or limit < 2:
        return [await work(item) for item in items]
    done: dict[int, R] = {}
    to_do = iter(enumerate(items))

    async def worker() -> None:
        for index, item in to_do:
            done[index] = await work(item)

    try:
        async with create_task_group() as tasks:
            for _ in range(min(limit, len(items))):
                tasks.start_soon(worker)
    except BaseExceptionGroup as group:
        # One failure is one failure, however many tasks there were.
        raise group.exceptions[0] from None
    return [done[index] for index in range(len(items))]


async def map_ordered(
    work: Callable[[T], Awaitable[R]], items: Iterable[T] | AsyncIterable[T], limit: int, *, ahead: int | None = None
) -> AsyncGenerator[R, None]:
    """Do the work for each item as it comes, at most `limit` at a time; yield the results in order.

    Items are taken one by one, while fewer than `ahead` results (by default twice `limit`) are under way or not handed
    out yet. A failure, of the work or of the items, is raised after the results before it. After a failure, and when
    this is closed, nothing new is begun; what is under way ends, unless the caller is cancelled.
    """
    source = one_by_one(items)
    free = asyncio.Semaphore(limit)
    waiting: deque[asyncio.Task[R]] = deque()
    taken = 0
    last = inf  # what comes after this position is not begun
    more, broken = True, None

    async def run_one(index: int, item: T) -> R:
        nonlocal last
        async with free:
            if index > last:
                raise asyncio.CancelledError
            try:
                return await work(item)
            except BaseException:
                last = min(last, index)
                raise

    try:
        while more or waiting:
            full = len(waiting) >= (ahead or 2 * limit)
            if more and not full:
                try:
                    item = await anext(source)
                except StopAsyncIteration:
                    more = False
                except Exception as error:
                    more, broken = False, error
                else:
                    waiting.append(asyncio.create_task(run_one(taken, item)))
                    taken += 1
            more = more and last == inf
            if waiting and (full or not more or waiting[0].done()):
                yield await waiting.popleft()
        if broken is not None:
            raise broken
    except asyncio.CancelledError:
        for task in waiting:
            task.cancel()
        raise
    finally:
        last = min(last, -1)
        await asyncio.gather(*waiting, return_exceptions=True)


async def one_by_one(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    """Yield items that may be there, or have to be awaited."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
