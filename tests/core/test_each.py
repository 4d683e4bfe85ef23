"""Many requests of one call, a few at a time."""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest

from kalbio._core.aio import concurrency as aio_locks
from kalbio._core.sync import concurrency as sync_locks
from tests.conftest import World

seen_in_block: ContextVar[str] = ContextVar("seen_in_block", default="outside")


class Work:
    """Work that waits a moment, and notes how much of it ran at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._running = 0
        self.most = 0
        self.begun: list[Any] = []
        self.context: set[str] = set()
        self.broken: Any = None
        self.slow: Any = None

    def _begin(self, item: Any) -> None:
        with self._lock:
            self.begun.append(item)
            self.context.add(seen_in_block.get())
            self._running += 1
            self.most = max(self.most, self._running)

    def _end(self, item: Any) -> Any:
        with self._lock:
            self._running -= 1
        if item == self.broken:
            raise ValueError(f"{item} is broken")
        return item * 10

    def do(self, items: list[Any], limit: int) -> Any:
        """Do it for each item."""
        if self._world.kind == "sync":

            def work(item: Any) -> Any:
                self._begin(item)
                time.sleep(0.1 if item == self.slow else 0.002)
                return self._end(item)

            return sync_locks.map_bounded(work, items, limit)

        async def work_in_task(item: Any) -> Any:
            self._begin(item)
            await aio_locks.sleep(0.1 if item == self.slow else 0.002)
            return self._end(item)

        async def run() -> Any:
            return await aio_locks.map_bounded(work_in_task, items, limit)

        return self._world(run())


@pytest.mark.parametrize(("count", "limit", "most"), [(20, 4, 4), (3, 8, 3), (5, 1, 1), (1, 8, 1), (0, 8, 0)])
def test_results_come_in_order_and_no_more_run_than_may(world: World, count: int, limit: int, most: int) -> None:
    """Twenty items four at a time: never more than four at once, and the results in the order of the items."""
    work = Work(world)

    assert work.do(list(range(count)), limit) == [10 * item for item in range(count)]
    assert work.most <= most
    assert work.most == most or count > 1
    assert sorted(work.begun) == list(range(count))


def test_the_first_failure_ends_it(world: World) -> None:
    """The failure itself is raised, not a group of them, and what had not begun is not done."""
    work = Work(world)
    work.broken = 1

    with pytest.raises(ValueError, match="1 is broken"):
        work.do(list(range(100)), 2)
    assert len(work.begun) < 50


def test_a_failure_counts_when_it_happens_not_when_its_turn_comes(world: World) -> None:
    """An early item that takes its time does not keep the failure of a later one from ending the rest."""
    work = Work(world)
    work.broken, work.slow = 1, 0

    with pytest.raises(ValueError, match="1 is broken"):
        work.do(list(range(100)), 2)
    assert len(work.begun) < 50


def test_blocks_of_the_caller_hold_inside(world: World) -> None:
    """What stands in a block of the caller holds for every piece of the work."""
    work = Work(world)
    token = seen_in_block.set("inside")
    try:
        work.do([1, 2, 3], 3)
    finally:
        seen_in_block.reset(token)

    assert work.context == {"inside"}
