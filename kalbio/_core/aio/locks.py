"""Waiting, for tasks. Written by hand on both sides: the twin in `kalbio._core.sync` waits with threads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from anyio import CapacityLimiter, Event, Lock, create_task_group, sleep
from anyio.to_thread import run_sync

__all__ = ["Event", "Lock", "each", "here", "off_loop", "sleep"]


T = TypeVar("T")
R = TypeVar("R")


def here() -> object | None:
    """Return the running event loop, to which connections are bound; None outside of asyncio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def off_loop(function: Callable[[], T]) -> T:
    """Run blocking code where it does not hold up other tasks."""
    return await run_sync(function)


async def each(work: Callable[[T], Awaitable[R]], items: Sequence[T], limit: int) -> list[R]:
    """Do the work for each item, at most `limit` at a time; return the results in order.

    The first failure is raised, and what has not begun is not done.
    """
    if len(items) < 2 or limit < 2:
        return [await work(item) for item in items]
    done: dict[int, R] = {}
    free = CapacityLimiter(limit)

    async def one(place: int, item: T) -> None:
        async with free:
            done[place] = await work(item)

    try:
        async with create_task_group() as tasks:
            for place, item in enumerate(items):
                tasks.start_soon(one, place, item)
    except BaseExceptionGroup as group:
        # One failure is one failure, however many tasks there were.
        raise group.exceptions[0] from None
    return [done[place] for place in range(len(items))]
