"""Many requests of one call whose items come one by one: a few at a time, and the results as they are wanted."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from kalbio._core.aio import concurrency as aio_locks
from kalbio._core.sync import concurrency as sync_locks
from tests.conftest import World

seen_in_block: ContextVar[str] = ContextVar("seen_in_block", default="outside")


class Stream:
    """Work of a moment on items that come one by one; notes what was taken and begun, and how much ran at a time."""

    def __init__(
        self, world: World, items: Any, limit: int, *, broken: Any = None, held: Any = (), patience: int = 0
    ) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._running = 0
        self._broken, self._held = broken, held
        self._patience = patience  # no work ends before so many items were taken
        self.gate = threading.Event()
        self.most = 0
        self.taken: list[Any] = []
        self.begun: list[Any] = []
        self.ended: list[Any] = []
        self.context: set[str] = set()
        self._results: Any = (
            sync_locks.map_ordered(self._work, self._take(items), limit)
            if world.kind == "sync"
            else aio_locks.map_ordered(self._work_in_task, self._take(items), limit)
        )

    def _take(self, items: Any) -> Any:
        return items if isinstance(items, AsyncIterable) else self._take_one_by_one(items)

    def _take_one_by_one(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.taken.append(item)
            yield item

    def _begin(self, item: Any) -> None:
        with self._lock:
            self.begun.append(item)
            self.context.add(seen_in_block.get())
            self._running += 1
            self.most = max(self.most, self._running)

    def _end(self, item: Any) -> Any:
        with self._lock:
            self._running -= 1
            self.ended.append(item)
        if item == self._broken:
            raise ValueError(f"{item} is broken")
        return item * 10

    def _work(self, item: Any) -> Any:
        self._begin(item)
        time.sleep(0.002)
        while len(self.taken) < self._patience:
            time.sleep(0.002)
        if item in self._held:
            self.gate.wait()
        return self._end(item)

    async def _work_in_task(self, item: Any) -> Any:
        self._begin(item)
        await aio_locks.sleep(0.002)
        while (item in self._held and not self.gate.is_set()) or len(self.taken) < self._patience:
            await aio_locks.sleep(0.002)
        return self._end(item)

    def next(self) -> Any:
        """Return the next result."""
        return next(self._results) if self._world.kind == "sync" else self._world(anext(self._results))

    def all(self) -> list[Any]:
        """Return the results that are left."""
        return list(self.rest())

    def rest(self) -> Iterator[Any]:
        """Yield the results that are left."""
        while True:
            try:
                result = self.next()
            except (StopIteration, StopAsyncIteration):
                return
            yield result

    def close(self) -> None:
        """Take no more results."""
        self._world(self._results.close() if self._world.kind == "sync" else self._results.aclose())


@pytest.mark.parametrize(("count", "limit", "most"), [(40, 4, 4), (3, 8, 3), (5, 1, 1), (1, 8, 1), (0, 8, 0)])
def test_results_come_in_order_and_no_more_run_than_may(world: World, count: int, limit: int, most: int) -> None:
    """Forty items four at a time: never more than four at once, and the results in the order of the items."""
    stream = Stream(world, range(count), limit, held=range(count))
    threading.Timer(0.2, stream.gate.set).start()

    assert stream.all() == [10 * item for item in range(count)]
    assert stream.most == most
    assert stream.taken == list(range(count))
    # Threads come in no certain order to say that they have begun; tasks do.
    assert (stream.begun if world.kind == "async" else sorted(stream.begun)) == list(range(count))


def test_no_more_is_taken_than_is_wanted(world: World) -> None:
    """Of items without end, not more are taken beyond the results handed out than twice as many as may run."""
    stream = Stream(world, itertools.count(), 3)

    for wanted in range(50):
        assert stream.next() == 10 * wanted
        assert len(stream.taken) <= wanted + 1 + 6
    stream.close()


def test_nothing_is_taken_before_the_first_result_is_wanted(world: World) -> None:
    """Making the stream takes and begins nothing."""
    stream = Stream(world, range(5), 3)

    assert stream.taken == []
    stream.close()


def test_a_result_waits_for_one_more_item_at_most(world: World) -> None:
    """A source that is slower than the work does not hold results back until many items are there."""

    def slowly() -> Iterator[int]:
        for item in range(4):
            while len(stream.ended) < item:
                time.sleep(0.002)
            time.sleep(0.02)
            yield item

    async def slowly_in_task() -> AsyncIterator[int]:
        for item in range(4):
            while len(stream.ended) < item:  # noqa: ASYNC110  # the other world waits for it too
                await asyncio.sleep(0.002)
            await asyncio.sleep(0.02)
            stream.taken.append(item)
            yield item

    stream = Stream(world, slowly() if world.kind == "sync" else slowly_in_task(), 8)

    taken = [len(stream.taken) for _ in stream.rest()]
    assert all(count <= most for count, most in zip(taken, [2, 3, 4, 4], strict=True)), taken


@pytest.mark.parametrize("limit", [1, 3])
def test_a_failure_comes_after_the_results_before_it(world: World, limit: int) -> None:
    """What was done before the broken item is handed out first, and little is begun after it."""
    stream = Stream(world, itertools.count(), limit, broken=20)
    found: list[Any] = []

    with pytest.raises(ValueError, match="20 is broken"):
        found.extend(stream.rest())
    assert found == [10 * item for item in range(20)]
    assert set(stream.begun) == set(stream.ended)
    assert max(stream.begun) < 20 + 2 * limit


def test_a_failure_counts_when_it_happens_not_when_its_turn_comes(world: World) -> None:
    """An early item that takes its time does not keep the failure of a later one from ending the rest."""
    stream = Stream(world, range(100), 2, broken=1, held=[0])
    threading.Timer(0.2, stream.gate.set).start()

    assert stream.next() == 0
    with pytest.raises(ValueError, match="1 is broken"):
        stream.next()
    assert sorted(stream.begun) == [0, 1]


def test_items_that_break_off_lose_no_result(world: World) -> None:
    """When the items themselves fail, the results of all that came before are handed out first."""

    def broken() -> Iterator[int]:
        yield from range(5)
        raise ValueError("no sixth item")

    stream = Stream(world, broken(), 3)
    found: list[Any] = []

    with pytest.raises(ValueError, match="no sixth item"):
        found.extend(stream.rest())
    assert found == [0, 10, 20, 30, 40]


def test_closing_ends_what_is_under_way_and_begins_nothing(world: World) -> None:
    """After closing, everything that was begun has ended, and what had been taken but not begun is not done."""
    stream = Stream(world, itertools.count(), 2, held=range(1, 100), patience=4)
    assert stream.next() == 0

    threading.Timer(0.2, stream.gate.set).start()
    stream.close()
    assert set(stream.begun) == set(stream.ended)
    assert len(stream.begun) <= 3 < len(stream.taken)


def test_blocks_of_the_caller_hold_inside(world: World) -> None:
    """What stands in a block of the caller holds for every piece of the work."""
    token = seen_in_block.set("inside")
    try:
        stream = Stream(world, range(3), 3)
        stream.all()
    finally:
        seen_in_block.reset(token)

    assert stream.context == {"inside"}


def test_a_caller_that_is_cancelled_does_not_wait() -> None:
    """Cancelling the task that waits for a result cancels the work under way."""
    cancelled: list[int] = []

    async def work(item: int) -> int:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(item)
            raise
        return item

    async def run() -> None:
        results = aio_locks.map_ordered(work, itertools.count(), 3)
        task = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert sorted(cancelled) == [0, 1, 2]
