"""How many requests of one client are under way at a time, and how it slows down when the server asks for that."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import sys
import threading
import time
from typing import Any

import pytest

from kalbio import KaleidoscopeClient, RetryPolicy, Timeouts
from kalbio._core.aio.limiter import AsyncLimiter, AsyncSlot
from kalbio._core.errors import ClientClosedError
from kalbio._core.sync.limiter import Limiter, Slot
from kalbio.sandbox import Fault, Faults, Sandbox
from kalbio.sandbox.server import serve
from tests.conftest import Lab, World


class Watch:
    """Counts the requests that are inside a sandbox at the same time."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.most = self.inside = 0
        self.lock = threading.Lock()
        self._meet = sandbox.handle_with_faults
        sandbox.handle_with_faults = self.handle_with_faults  # type: ignore[method-assign]

    def handle_with_faults(self, request: Any) -> Any:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.002)
        try:
            return self._meet(request)
        finally:
            with self.lock:
                self.inside -= 1


def call_from(callers: int, lab: Lab) -> None:
    """Let so many threads or tasks ask at once."""
    if lab.world.kind == "sync":
        threads = [threading.Thread(target=lab.api.programs.get_programs) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return

    async def ask() -> None:
        await asyncio.gather(*(lab.api.programs.get_programs() for _ in range(callers)))

    lab.world(ask())


def test_all_calls_of_a_client_share_its_places(world: World) -> None:
    """Whoever calls, a client has max_in_flight requests under way at most; max_connections allows more."""
    lab = Lab(world, retries=0, max_in_flight=3, use_cache=False)
    watch = Watch(lab.sandbox)
    call_from(24, lab)
    assert len(lab.operations()) == 24
    assert watch.most <= 3
    if world.kind == "sync":  # in the other world the sandbox answers one after the other
        assert watch.most == 3
    lab.close()


def test_after_a_429_fewer_are_let_through(world: World) -> None:
    """A 429 halves what may be under way, once for those turned away together; good answers bring it back."""
    faults = Faults()
    lab = Lab(world, Sandbox(faults=faults), retries=RetryPolicy(attempts=3, base=0), use_cache=False)
    world(lab.api.programs.get_programs())
    (pipe,) = lab.api._http_clients._http_clients.values()
    limiter = pipe._limiter
    assert limiter.allowed == 8
    faults.add(Fault(status=429, retry_after=0, times=2))
    world(lab.api.programs.get_programs())
    assert limiter.allowed == 2
    for _ in range(40):
        world(lab.api.programs.get_programs())
    assert limiter.allowed == 8
    lab.close()


def test_calls_turned_away_together_count_once() -> None:
    """Eight answers of 429 to one round of requests halve the number once, not eight times."""
    limiter = Limiter(8)
    turns = [Slot() for _ in range(8)]
    for turn in turns:
        limiter.acquire(turn)
    for turn in turns:
        limiter.release(turn)
        limiter.slow_down(turn)
    assert limiter.allowed == 4
    for allowed in (2, 1, 1):
        later = Slot()
        limiter.acquire(later)
        limiter.release(later)
        limiter.slow_down(later)
        assert limiter.allowed == allowed


@pytest.mark.parametrize("granted", [False, True])
def test_a_cancelled_caller_gives_its_place_back(granted: bool) -> None:
    """A task cancelled while it waits, or just when its turn has come, leaves no place lost."""

    async def run() -> None:
        limiter = AsyncLimiter(1)
        first, second, third = AsyncSlot(), AsyncSlot(), AsyncSlot()
        await limiter.acquire(first)

        async def wait() -> None:
            try:
                await limiter.acquire(second)
            finally:
                limiter.release(second)

        waiter = asyncio.create_task(wait())
        await asyncio.sleep(0)
        if granted:
            limiter.release(first)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        if not granted:
            limiter.release(first)
        await asyncio.wait_for(limiter.acquire(third), 1)

    asyncio.run(run())


def test_first_come_first_served() -> None:
    """Callers get their turn in the order in which they came."""

    async def run() -> list[int]:
        limiter = AsyncLimiter(1)
        order: list[int] = []

        async def call(number: int) -> None:
            turn = AsyncSlot()
            await limiter.acquire(turn)
            order.append(number)
            await asyncio.sleep(0)
            limiter.release(turn)

        await asyncio.gather(*map(call, range(10)))
        return order

    assert asyncio.run(run()) == list(range(10))


def test_who_waits_when_a_client_closes_is_told_at_once() -> None:
    """Closing lets nobody in, and whoever waits for a turn hears of it instead of waiting on."""
    limiter, told = Limiter(1), threading.Event()
    limiter.acquire(Slot())

    def wait() -> None:
        with contextlib.suppress(ClientClosedError):
            limiter.acquire(Slot(), 60)
            return
        told.set()

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    while not limiter._waiting:
        time.sleep(0.001)
    limiter.end()
    assert told.wait(10)
    with pytest.raises(ClientClosedError):
        limiter.acquire(Slot())


def test_a_place_is_given_back_once_however_often_it_is_given() -> None:
    """Who leaves twice, or without having entered, makes no place for others."""
    limiter = Limiter(2)
    one, other = Slot(), Slot()
    limiter.acquire(one)
    limiter.acquire(other)
    for turn in (one, one, Slot()):
        limiter.release(turn)
    assert len(limiter._inside) == 1


# Rooms of the core that a sandbox in this process uses, too.
SANDBOX = ("/_core/emulator/", "/_core/description/")


class Interrupt:
    """Raises KeyboardInterrupt at one of the moments when a signal may break into what a client uses of the core.

    The interpreter looks for signals when a function begins, and when a call has returned.
    """

    def __init__(self, number: int) -> None:
        self.left = number
        self.came = False

    def __call__(self, frame: Any, event: str, argument: Any) -> None:
        path = frame.f_code.co_filename
        if event in ("call", "c_return") and "/kalbio/_core/" in path and not any(room in path for room in SANDBOX):
            self.left -= 1
            if self.left < 0:
                self.came = True
                sys.setprofile(None)
                raise KeyboardInterrupt


def test_an_interrupt_at_any_moment_loses_no_place() -> None:
    """Whenever a signal breaks into a call, its place is free afterwards, and who waits for it gets in."""
    lab = Lab(World("sync"), retries=0, use_cache=False, max_in_flight=1)
    lab.api.programs.get_programs()
    limiter = lab.api._http_clients.current()._limiter
    for number in itertools.count():
        interrupt = Interrupt(number)
        sys.setprofile(interrupt)
        with contextlib.suppress(KeyboardInterrupt):
            lab.api.programs.get_programs()
        sys.setprofile(None)
        if not interrupt.came:
            break
        assert limiter._inside == set(), number
        assert not limiter._waiting, number
        assert not limiter._lock.locked(), number
        assert not lab.api._http_clients.current()._login._lock.locked(), number
    assert number > 40
    assert lab.api.programs.get_programs()
    lab.close()


def test_an_interrupt_at_any_moment_loses_no_connection() -> None:
    """Whenever a signal breaks into a call over the network, the only connection there may be can be used again."""
    with Sandbox() as sandbox, serve(sandbox) as server:
        credentials = sandbox.settings.client_id, sandbox.settings.client_secret
        limits = Timeouts(connect=5, pool=2, read=5, write=5)
        with KaleidoscopeClient(
            *credentials, server.url, retries=0, max_connections=1, timeout=limits, use_cache=False
        ) as client:
            client.programs.get_programs()
            limiter = client._http_clients.current()._limiter
            gc.collect()
            gc.freeze()  # what other tests have left need not be looked at each time
            for number in itertools.count():
                interrupt = Interrupt(number)
                sys.setprofile(interrupt)
                with contextlib.suppress(KeyboardInterrupt):
                    client.programs.get_programs()
                sys.setprofile(None)
                if not interrupt.came:
                    break
                assert limiter._inside == set(), number
                gc.collect()  # an answer that nobody has got yet stands in a circle
            gc.unfreeze()
            assert number > 60
            assert client.programs.get_programs()


def test_an_interrupted_leave_lets_the_next_one_in() -> None:
    """Whenever a signal breaks into the leaving of one thread, another one that waits gets its turn."""
    for number in itertools.count():
        limiter, one, other = Limiter(1), Slot(), Slot()
        limiter.acquire(one)
        entered = threading.Event()

        def wait(limiter: Limiter = limiter, other: Slot = other, entered: threading.Event = entered) -> None:
            limiter.acquire(other)
            entered.set()

        thread = threading.Thread(target=wait)
        thread.start()
        while not limiter._waiting:
            time.sleep(0.0005)
        interrupt = Interrupt(number)
        try:
            sys.setprofile(interrupt)
            limiter.release(one)
        except KeyboardInterrupt:
            limiter.release(one)  # as the pipe does
        finally:
            sys.setprofile(None)
        assert entered.wait(5), number
        thread.join()
        if not interrupt.came:
            break
    assert number > 5
