"""The cache of one client: bounded, expiring, one load for many askers, and never staler than a write."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kalbio import NotFoundError
from kalbio._core.aio.cache import AsyncCache
from kalbio._core.sync.cache import Cache
from tests.conftest import Lab, World
from tests.core.wire import Clock


class Source:
    """Where values come from; counts how often it is asked, and fails when told to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked = 0
        self.failure: Exception | None = None
        self.meanwhile: Any = None

    @property
    def load(self) -> Any:
        return self._load if self.world.kind == "sync" else self._async_load

    def _load(self) -> str:
        self.asked += 1
        answer = f"value {self.asked}"
        if self.meanwhile is not None:
            self.meanwhile()
        if self.failure is not None:
            raise self.failure
        return answer

    async def _async_load(self) -> str:
        return self._load()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def source(world: World) -> Source:
    """A source of values."""
    return Source(world)


def make(world: World, clock: Clock, *, size: int = 3, ttl: float = 60) -> Any:
    """A cache of the world."""
    kind: Any = Cache if world.kind == "sync" else AsyncCache
    return kind(size=size, ttl=ttl, clock=clock)


def test_a_value_is_loaded_once_until_it_expires(world: World, clock: Clock, source: Source) -> None:
    """Within its life it costs no load; at the end of it the next asker loads."""
    cache = make(world, clock)
    assert world(cache.get("k", source.load)) == "value 1"
    clock.now += 59.9
    assert world(cache.get("k", source.load)) == cache.peek("k") == "value 1"
    clock.now += 0.1
    assert cache.peek("k") is None
    assert world(cache.get("k", source.load)) == "value 2"


def test_the_least_recently_used_goes_first(world: World, clock: Clock) -> None:
    """The cache holds no more than its size; what was read lately stays."""
    cache = make(world, clock, size=2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.peek("a") == 1
    cache.put("c", 3)
    assert [cache.peek(key) for key in "abc"] == [1, None, 3]


def test_fresh_asks_in_any_case_and_keeps_the_answer(world: World, clock: Clock, source: Source) -> None:
    """A bypass is not a hole: what it brings is what later readers get."""
    cache = make(world, clock)
    world(cache.get("k", source.load))
    assert world(cache.get("k", source.load, fresh=True)) == "value 2"
    assert world(cache.get("k", source.load)) == "value 2"


def test_a_failure_is_never_kept(world: World, clock: Clock, source: Source) -> None:
    """The next asker asks the server."""
    cache = make(world, clock)
    source.failure = NotFoundError("GET", "/k", 404, b"")
    for fresh in (False, True):
        with pytest.raises(NotFoundError):
            world(cache.get("k", source.load, fresh=fresh))
    source.failure = None
    assert world(cache.get("k", source.load)) == "value 3"


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("forget", ["drop", "clear"])
def test_a_read_that_began_before_a_write_is_not_kept_after_it(
    world: World, clock: Clock, source: Source, forget: str, fresh: bool
) -> None:
    """The reader gets what it asked for, but the stale value stays out of the cache."""
    cache = make(world, clock)
    source.meanwhile = (lambda: cache.drop("k")) if forget == "drop" else cache.clear
    assert world(cache.get("k", source.load, fresh=fresh)) == "value 1"
    source.meanwhile = None
    assert cache.peek("k") is None
    assert world(cache.get("k", source.load)) == "value 2"


def test_what_was_put_before_a_write_is_known_to_be_stale(world: World, clock: Clock) -> None:
    """`put` with a generation from before a drop puts nothing."""
    cache = make(world, clock)
    since = cache.generation
    cache.drop("other")
    cache.put("k", 1, since=since)
    assert cache.peek("k") is None
    cache.put("k", 2, since=cache.generation)
    assert cache.peek("k") == 2


def test_drop_and_clear_forget_what_they_name(world: World, clock: Clock) -> None:
    """Dropping one key leaves the others; clearing leaves nothing."""
    cache = make(world, clock)
    for key in "abc":
        cache.put(key, key)
    cache.drop("a", "c", "never there")
    assert [cache.peek(key) for key in "abc"] == [None, "b", None]
    cache.clear()
    assert cache.peek("b") is None


# -- many askers ------------------------------------------------------------------------------------------------------


class Gate:
    """A source that holds its first load until it is opened, so that others can come while it is under way."""

    def __init__(self, *, failure: Exception | None = None) -> None:
        self.asked = 0
        self.failure = failure
        self.entered = threading.Event()
        self.open = threading.Event()

    def load(self) -> str:
        self.asked += 1
        mine = self.asked
        if mine == 1:
            self.entered.set()
            assert self.open.wait(5)
            if self.failure is not None:
                raise self.failure
        return f"value {mine}"


def together(gate: Gate, cache: Any, number: int = 20) -> list[Any]:
    """Let one thread lead and others join while it loads; errors are returned."""
    joined = threading.Semaphore(0)

    def join() -> Any:
        joined.release()
        try:
            return cache.get("k", gate.load)
        except Exception as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        leader = pool.submit(join)
        assert gate.entered.wait(5)
        others = [pool.submit(join) for _ in range(number - 1)]
        for _ in range(number):
            assert joined.acquire(timeout=5)
        gate.open.set()
        return [future.result(timeout=5) for future in (leader, *others)]


def test_threads_that_ask_for_the_same_share_one_load() -> None:
    """Twenty threads, one request."""
    gate = Gate()
    assert together(gate, Cache(size=3, ttl=60)) == ["value 1"] * 20
    assert gate.asked == 1


def test_tasks_that_ask_for_the_same_share_one_load() -> None:
    """Five hundred tasks, one request; asking for another key is not held up."""
    cache: AsyncCache[str, str] = AsyncCache(size=3, ttl=60)
    asked: list[str] = []

    async def scene() -> list[str]:
        gate = asyncio.Event()

        async def slow() -> str:
            asked.append("k")
            await gate.wait()
            return "slow"

        async def quick() -> str:
            return "quick"

        askers = [asyncio.create_task(cache.get("k", slow)) for _ in range(500)]
        await asyncio.sleep(0)
        assert await cache.get("other", quick) == "quick"
        gate.set()
        return await asyncio.gather(*askers)

    assert asyncio.run(scene()) == ["slow"] * 500
    assert asked == ["k"]


def test_a_failure_is_shared_with_those_who_waited_and_with_no_one_else() -> None:
    """Each gets an error object of its own, so that tracebacks do not pile up in one."""
    failure = NotFoundError("GET", "/k", 404, b"gone")
    gate = Gate(failure=failure)
    cache: Cache[str, str] = Cache(size=3, ttl=60)
    results = together(gate, cache)
    failed = [result for result in results if isinstance(result, NotFoundError)]
    assert {str(error) for error in failed} == {str(failure)}
    assert len({id(error) for error in failed}) == len(failed)
    # A thread that came too late to share the failure was not given it.
    assert {type(result) for result in results} <= {NotFoundError, str}
    assert cache.get("k", gate.load).startswith("value")


def test_a_failure_reaches_every_task_that_waited() -> None:
    """One failed request, one error each."""
    cache: AsyncCache[str, str] = AsyncCache(size=3, ttl=60)
    asked = 0

    async def scene() -> list[Any]:
        gate = asyncio.Event()

        async def load() -> str:
            nonlocal asked
            asked += 1
            await gate.wait()
            raise NotFoundError("GET", "/k", 404, b"gone")

        askers = [asyncio.create_task(cache.get("k", load)) for _ in range(10)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*askers, return_exceptions=True)

    results = asyncio.run(scene())
    assert [type(result) for result in results] == [NotFoundError] * 10
    assert len({id(result) for result in results}) == 10
    assert asked == 1


def test_when_the_leader_is_cancelled_another_asker_takes_over() -> None:
    """No one waits for an answer that will not come, and again only one request is made."""
    cache: AsyncCache[str, str] = AsyncCache(size=3, ttl=60)
    asked = 0

    async def scene() -> list[str]:
        gate = asyncio.Event()

        async def load() -> str:
            nonlocal asked
            asked += 1
            await gate.wait()
            return "value"

        leader = asyncio.create_task(cache.get("k", load))
        await asyncio.sleep(0)
        others = [asyncio.create_task(cache.get("k", load)) for _ in range(10)]
        await asyncio.sleep(0)
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        gate.set()
        return await asyncio.wait_for(asyncio.gather(*others), 5)

    assert asyncio.run(scene()) == ["value"] * 10
    assert asked == 2


def test_who_asks_after_a_write_does_not_join_a_load_from_before_it() -> None:
    """A load that is under way when something is dropped serves those who waited, not those who come later."""
    cache: AsyncCache[str, str] = AsyncCache(size=3, ttl=60)
    answers = iter(["before", "after"])

    async def scene() -> tuple[str, str]:
        gate = asyncio.Event()

        async def load() -> str:
            value = next(answers)
            await gate.wait()
            return value

        early = asyncio.create_task(cache.get("k", load))
        await asyncio.sleep(0)
        cache.drop("k")
        late = asyncio.create_task(cache.get("k", load))
        await asyncio.sleep(0)
        gate.set()
        return await early, await late

    assert asyncio.run(scene()) == ("before", "after")
    assert cache.peek("k") == "after"


# -- through a client -------------------------------------------------------------------------------------------------


def listings(lab: Lab, world: World, *, times: int = 1, **options: Any) -> int:
    """How many requests it takes to list the programs `times` times."""
    before = len(lab.exchanges)
    for _ in range(times):
        world(lab.api.programs.get_programs(**options))
    return len(lab.operations()) - len([e for e in lab.exchanges[:before] if e.operation not in (None, "createToken")])


def test_a_cache_can_be_bypassed_per_call_per_block_and_cleared(lab: Lab, world: World) -> None:
    """use_cache=False, cache_disabled() (nested too) and clear_caches() each lead to a request."""
    assert listings(lab, world, times=3) == 1
    assert listings(lab, world, times=2, use_cache=False) == 2
    with lab.api.cache_disabled():
        assert listings(lab, world) == 1
        with lab.api.cache_disabled():
            assert listings(lab, world) == 1
        assert listings(lab, world) == 1
    assert listings(lab, world) == 0
    lab.api.clear_caches()
    assert listings(lab, world) == 1


def test_a_block_without_cache_concerns_one_client_and_one_thread(lab: Lab, world: World) -> None:
    """Neither another client nor another thread or task is slowed down."""
    other = world.connect(transport=lab.transport)
    with lab.api.cache_disabled():
        assert not lab.api.session.caching()
        assert other.session.caching()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lab.api.session.caching).result()
    assert lab.api.session.caching()


def test_a_task_started_outside_a_block_keeps_its_cache(lab: Lab) -> None:
    """The block belongs to the task that opened it."""

    async def scene() -> tuple[bool, bool]:
        inside, done = asyncio.Event(), asyncio.Event()

        async def other() -> bool:
            await inside.wait()
            try:
                return bool(lab.api.session.caching())
            finally:
                done.set()

        task = asyncio.create_task(other())
        with lab.api.cache_disabled():
            inside.set()
            await done.wait()
            mine = bool(lab.api.session.caching())
        return mine, await task

    assert asyncio.run(scene()) == (False, True)


def test_callers_cannot_damage_a_cache_through_what_they_were_given(lab: Lab, world: World) -> None:
    """The list belongs to the caller; emptying it empties nothing else."""
    first = world(lab.api.programs.get_programs())
    held = len(first)
    first.clear()
    first.append(None)
    assert len(world(lab.api.programs.get_programs())) == held


def test_caches_of_two_clients_know_nothing_of_each_other(lab: Lab, world: World) -> None:
    """Clearing or filling one leaves the other as it is."""
    other = world.connect(transport=lab.transport)
    listings(lab, world)
    before = len(lab.operations())
    world(other.programs.get_programs())
    assert len(lab.operations()) == before + 1
    other.clear_caches()
    assert listings(lab, world) == 0
