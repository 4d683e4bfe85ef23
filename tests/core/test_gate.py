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
    gate = pipe._limiter
    assert gate.allowed == 8
    faults.add(Fault(status=429, retry_after=0, times=2))
    world(lab.api.programs.get_programs())
    assert gate.allowed == 2
    for _ in range(40):
        world(lab.api.programs.get_programs())
    assert gate.allowed == 8
    lab.close()


def test_calls_turned_away_together_count_once() -> None:
    """Eight answers of 429 to one round of requests halve the number once, not eight times."""
    gate = Limiter(8)
    turns = [Slot() for _ in range(8)]
    for turn in turns:
        gate.acquire(turn)
    for turn in turns:
        gate.release(turn)
        gate.slow_down(turn)
    assert gate.allowed == 4
    for allowed in (2, 1, 1):
        later = Slot()
        gate.acquire(later)
        gate.release(later)
        gate.slow_down(later)
        assert gate.allowed == allowed


@pytest.mark.parametrize("granted", [False, True])
def test_a_cancelled_caller_gives_its_place_back(granted: bool) -> None:
    """A task cancelled while it waits, or just when its turn has come, leaves no place lost."""

    async def run() -> None:
        gate = AsyncLimiter(1)
        first, second, third = AsyncSlot(), AsyncSlot(), AsyncSlot()
        await gate.acquire(first)

        async def wait() -> None:
            try:
                await gate.acquire(second)
            finally:
                gate.release(second)

        waiter = asyncio.create_task(wait())
        await asyncio.sleep(0)
        if granted:
            gate.release(first)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        if not granted:
            gate.release(first)
        await asyncio.wait_for(gate.acquire(third), 1)

    asyncio.run(run())


def test_first_come_first_served() -> None:
    """Callers get their turn in the order in which they came."""

    async def run() -> list[int]:
        gate = AsyncLimiter(1)
        order: list[int] = []

        async def call(number: int) -> None:
            turn = AsyncSlot()
            await gate.acquire(turn)
            order.append(number)
            await asyncio.sleep(0)
            gate.release(turn)

        await asyncio.gather(*map(call, range(10)))
        return order

    assert asyncio.run(run()) == list(range(10))


def test_a_place_is_given_back_once_however_often_it_is_given() -> None:
    """Who leaves twice, or without having entered, makes no place for others."""
    gate = Limiter(2)
    one, other = Slot(), Slot()
    gate.acquire(one)
    gate.acquire(other)
    for turn in (one, one, Slot()):
        gate.release(turn)
    assert len(gate._inside) == 1


class Interrupt:
    """Raises KeyboardInterrupt at one of the moments when a signal may break into what a client uses of the core.

    The interpreter looks for signals when a function begins, and when a call has returned.
    """

    def __init__(self, number: int) -> None:
        self.left = number
        self.came = False

    def __call__(self, frame: Any, event: str, argument: Any) -> None:
        path = frame.f_code.co_filename
        if event in ("call", "c_return") and "/kalbio/_core/" in path and "/_core/emulator/" not in path:
            self.left -= 1
            if self.left < 0:
                self.came = True
                sys.setprofile(None)
                raise KeyboardInterrupt


def test_an_interrupt_at_any_moment_loses_no_place() -> None:
    """Whenever a signal breaks into a call, its place is free afterwards, and who waits for it gets in."""
    lab = Lab(World("sync"), retries=0, use_cache=False, max_in_flight=1)
    lab.api.programs.get_programs()
    gate = lab.api._http_clients.here()._limiter
    for number in itertools.count():
        interrupt = Interrupt(number)
        sys.setprofile(interrupt)
        with contextlib.suppress(KeyboardInterrupt):
            lab.api.programs.get_programs()
        sys.setprofile(None)
        if not interrupt.came:
            break
        assert gate._inside == set(), number
        assert not gate._waiting, number
        assert not gate._lock.locked(), number
        assert not lab.api._http_clients.here()._login._lock.locked(), number
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
            gate = client._http_clients.here()._limiter
            for number in itertools.count():
                interrupt = Interrupt(number)
                sys.setprofile(interrupt)
                with contextlib.suppress(KeyboardInterrupt):
                    client.programs.get_programs()
                sys.setprofile(None)
                if not interrupt.came:
                    break
                assert gate._inside == set(), number
                gc.collect()  # an answer that nobody has got yet stands in a circle
            assert number > 60
            assert client.programs.get_programs()


def test_an_interrupted_leave_lets_the_next_one_in() -> None:
    """Whenever a signal breaks into the leaving of one thread, another one that waits gets its turn."""
    for number in itertools.count():
        gate, one, other = Limiter(1), Slot(), Slot()
        gate.acquire(one)
        entered = threading.Event()

        def wait(gate: Limiter = gate, other: Slot = other, entered: threading.Event = entered) -> None:
            gate.acquire(other)
            entered.set()

        thread = threading.Thread(target=wait)
        thread.start()
        while not gate._waiting:
            time.sleep(0.0005)
        interrupt = Interrupt(number)
        try:
            sys.setprofile(interrupt)
            gate.release(one)
        except KeyboardInterrupt:
            gate.release(one)  # as the pipe does
        finally:
            sys.setprofile(None)
        assert entered.wait(5), number
        thread.join()
        if not interrupt.came:
            break
    assert number > 5
