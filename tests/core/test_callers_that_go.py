"""Callers that go away in the middle: whoever is left gets an answer, and no one waits for ever."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from kalbio._core.aio.cache import AsyncCache
from kalbio._core.sync.cache import Cache
from kalbio.testing import InProcess
from tests.conftest import World
from tests.core.wire import TOKEN_PATH, Core, Wire


@pytest.fixture
def tasks() -> Any:
    """The core of the async world."""
    world = World("async")
    made = Core(world)
    yield made
    made.close()
    world.close()


@pytest.fixture
def threads() -> Any:
    """The core of the sync world."""
    world = World("sync")
    made = Core(world)
    yield made
    made.close()


class Held(Wire):
    """Holds token requests until it is opened, so that others can come, and go, while one is under way."""

    def __init__(self, *, fatal: BaseException | None = None) -> None:
        super().__init__()
        self.entered, self.open = threading.Event(), threading.Event()
        self.fatal = fatal
        self.gate, self.arrived = asyncio.Event(), asyncio.Event()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(TOKEN_PATH) and not self.entered.is_set():
            self.entered.set()
            assert self.open.wait(5)
            if self.fatal is not None:
                raise self.fatal
        return super().handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(TOKEN_PATH) and not self.entered.is_set():
            self.entered.set()
            self.arrived.set()
            await self.gate.wait()
        return await super().handle_async_request(request)


def test_a_task_that_stops_waiting_for_a_login_holds_nobody_up(tasks: Core) -> None:
    """Of those who wait for one login, some are cancelled: the others get their answers, and there is one login."""
    wire = Held()
    pipe = tasks.open(wire)

    async def scene() -> list[int]:
        callers = [asyncio.create_task(pipe.send(pipe.build_request("GET", "/things"))) for _ in range(50)]
        await wire.arrived.wait()
        for _ in range(5):  # so that the others have come to the lock
            await asyncio.sleep(0)
        for waiting in callers[1::2]:
            waiting.cancel()
        await asyncio.sleep(0)
        wire.gate.set()
        answers = await asyncio.wait_for(asyncio.gather(*callers, return_exceptions=True), 5)
        assert [type(item) for item in answers[1::2]] == [asyncio.CancelledError] * 25
        return [getattr(item, "status_code", 0) for item in answers[::2]]

    assert tasks.world(scene()) == [200] * 25
    assert len(wire.logins) == 1
    assert len(wire.requests) == 25


def test_a_thread_that_dies_while_it_logs_in_leaves_the_way_free(threads: Core) -> None:
    """A thread is ended by something that is no failure of the call: the next one logs in, and all others go on."""
    wire = Held(fatal=KeyboardInterrupt())
    pipe = threads.open(wire)

    def call() -> Any:
        try:
            return pipe.send(pipe.build_request("GET", "/things")).status_code
        except KeyboardInterrupt as end:
            return end

    with ThreadPoolExecutor(17) as pool:
        first = pool.submit(call)
        assert wire.entered.wait(5)
        others = [pool.submit(call) for _ in range(16)]
        wire.open.set()
        assert isinstance(first.result(timeout=5), KeyboardInterrupt)
        assert [other.result(timeout=5) for other in others] == [200] * 16
    assert len(wire.logins) == 1


def test_a_thread_that_dies_while_it_loads_lets_another_take_over() -> None:
    """Those who waited for a load that never ended load once more between them, and keep what came."""
    cache: Cache[str, str] = Cache(size=3, ttl=60)
    entered, go = threading.Event(), threading.Event()
    asked: list[int] = []

    def load() -> str:
        asked.append(len(asked))
        if len(asked) == 1:
            entered.set()
            assert go.wait(5)
            raise SystemExit
        return "value"

    def get() -> Any:
        try:
            return cache.get("k", load)
        except SystemExit as end:
            return end

    with ThreadPoolExecutor(17) as pool:
        first = pool.submit(get)
        assert entered.wait(5)
        others = [pool.submit(get) for _ in range(16)]
        go.set()
        assert isinstance(first.result(timeout=5), SystemExit)
        assert [other.result(timeout=5) for other in others] == ["value"] * 16
    assert len(asked) == 2
    assert cache.peek("k") == "value"


def test_tasks_that_stop_waiting_for_a_load_do_not_end_it() -> None:
    """Cancelled waiters leave; the load goes on, is shared by the rest, and is kept."""
    cache: AsyncCache[str, str] = AsyncCache(size=3, ttl=60)
    asked = 0

    async def scene() -> list[Any]:
        gate = asyncio.Event()

        async def load() -> str:
            nonlocal asked
            asked += 1
            await gate.wait()
            return "value"

        askers = [asyncio.create_task(cache.get("k", load)) for _ in range(20)]
        await asyncio.sleep(0)
        for waiting in askers[1::2]:
            waiting.cancel()
        gate.set()
        return await asyncio.wait_for(asyncio.gather(*askers[::2]), 5)

    assert asyncio.run(scene()) == ["value"] * 10
    assert asked == 1
    assert cache.peek("k") == "value"


def test_a_client_whose_callers_are_cancelled_at_random_stays_whole() -> None:
    """Of 500 tasks on one client every third is cancelled at some moment: the rest get their records."""

    async def scene() -> None:
        async with InProcess(retries=0) as lab:
            client = lab.async_client

            async def one(number: int) -> str:
                record = await client.records.get_record_by_id({"Compound": "SBX-1"}, use_cache=number % 2 == 0)
                await client.programs.get_programs()
                return str(record)

            callers = [asyncio.create_task(one(number)) for number in range(500)]
            for number, caller in enumerate(callers):
                if number % 3 == 0:
                    caller.cancel()
                if number % 25 == 0:
                    await asyncio.sleep(0)
            answers = await asyncio.wait_for(asyncio.gather(*callers, return_exceptions=True), 30)
            kept = [item for number, item in enumerate(answers) if number % 3]
            assert set(kept) == {"SBX-1"}
            assert sum(item.operation == "createToken" for item in lab.exchanges) == 1
            assert str(await client.records.get_record_by_id({"Compound": "SBX-1"})) == "SBX-1"

    asyncio.run(scene())


def test_one_client_serves_64_threads_with_one_listing_and_loses_no_entry() -> None:
    """On a cold cache 64 threads cause one login and one listing of each kind, and every record stays cached."""
    with InProcess(retries=0) as lab:
        client = lab.client
        ready = threading.Barrier(64)

        def one(number: int) -> str:
            ready.wait()
            name = f"SBX-{number % 4 + 1}"
            record = client.records.get_record_by_id({"Compound": name})
            assert client.programs.get_programs()
            return str(record) if record is not None else name

        with ThreadPoolExecutor(64) as pool:
            names = list(pool.map(one, range(64)))
        asked = [item.operation for item in lab.exchanges]
        assert names == [f"SBX-{number % 4 + 1}" for number in range(64)]
        assert (asked.count("createToken"), asked.count("listPrograms"), asked.count("listKeyFields")) == (1, 1, 1)
        assert asked.count("identifyRecords") == 4
        before = len(lab.exchanges)
        assert all(client.records.get_record_by_id({"Compound": f"SBX-{n}"}) is not None for n in range(1, 5))
        assert len(lab.exchanges) == before
