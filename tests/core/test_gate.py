"""How many requests of one client are under way at a time, and how it slows down when the server asks for that."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from kalbio import RetryPolicy
from kalbio._core.aio.gate import AsyncGate
from kalbio._core.sync.gate import Gate
from kalbio.sandbox import Fault, Faults, Sandbox
from tests.conftest import Lab, World


class Watch:
    """Counts the requests that are inside a sandbox at the same time."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.most = self.inside = 0
        self.lock = threading.Lock()
        self._meet = sandbox.meet
        sandbox.meet = self.meet  # type: ignore[method-assign]

    def meet(self, request: Any) -> Any:
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
    gate = lab.api._pipe._gate
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
    gate = Gate(8)
    entered = [gate.enter() for _ in range(8)]
    for one in entered:
        gate.leave()
        gate.slow_down(one)
    assert gate.allowed == 4
    gate.slow_down(gate.enter())
    assert gate.allowed == 2
    for _ in range(5):
        gate.slow_down(gate._round)
    assert gate.allowed == 1


@pytest.mark.parametrize("granted", [False, True])
def test_a_cancelled_caller_gives_its_place_back(granted: bool) -> None:
    """A task cancelled while it waits, or just when its turn has come, leaves no place lost."""

    async def run() -> None:
        gate = AsyncGate(1)
        await gate.enter()
        waiter = asyncio.create_task(gate.enter())
        await asyncio.sleep(0)
        if granted:
            gate.leave()
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        if not granted:
            gate.leave()
        await asyncio.wait_for(gate.enter(), 1)

    asyncio.run(run())


def test_first_come_first_served() -> None:
    """Callers get their turn in the order in which they came."""

    async def run() -> list[int]:
        gate = AsyncGate(1)
        order: list[int] = []

        async def call(number: int) -> None:
            await gate.enter()
            order.append(number)
            await asyncio.sleep(0)
            gate.leave()

        await asyncio.gather(*map(call, range(10)))
        return order

    assert asyncio.run(run()) == list(range(10))
