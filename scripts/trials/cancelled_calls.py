"""Async calls that are cancelled wherever they are: no connection and no place is lost by it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from random import Random
from types import TracebackType
from typing import Any

import httpx

from kalbio import AsyncKaleidoscopeClient
from scripts.trials.echo_server import EchoServer, record_ids, serving

CALLERS = 12
IN_FLIGHT, CONNECTIONS = 8, 5
"""Fewer connections than calls under way, and fewer of these than callers: calls wait for both."""
PAUSE = 0.004
SHORTEST, LONGEST = 0.0002, 0.05
MUCH = bytes(2_000_000)
"""More than the system takes at once."""
AFTER = 20
PATIENCE = 2.0
LIMIT = 120.0

STEPS = {
    "AsyncLimiter.acquire": "waiting for a place",
    "AsyncConnections._turn": "waiting for a connection",
    "AsyncConnection.open": "connecting",
    "AsyncConnection.send": "sending",
    "AsyncConnection._head": "reading",
    "AsyncConnection.piece": "reading",
}
"""Functions of the client that a call may be in, and what it does there; the innermost one counts."""
WRONG = ("stuck connections", "places taken", f"of {AFTER} calls afterwards failed", "failures", "sockets left")
"""Figures that are 0 when nothing is lost."""


def run(cancellations: int, seed: int, *, compare: bool = True) -> dict[str, Any]:
    """Cancel so many calls at any moment; then as many over the connections of the bare library, to compare."""
    figures = asyncio.run(_run(cancellations, seed, None))
    if not compare:
        return figures
    library = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=CONNECTIONS))
    comparison = asyncio.run(_run(cancellations, seed, library))
    names = ("cancelled", "stuck connections", f"of {AFTER} calls afterwards failed")
    figures["by the library alone"] = ", ".join(f"{name}: {comparison[name]}" for name in names)
    return figures


def held(figures: dict[str, Any]) -> bool:
    """Whether nothing is stuck and all later calls succeed, although calls were cancelled at each place."""
    return not any(figures[name] for name in WRONG) and all(figures[step] for step in STEPS.values())


async def _run(cancellations: int, seed: int, transport: Any) -> dict[str, Any]:
    draw = Random(seed)  # noqa: S311  # a trial that can be repeated
    steps: Counter[str] = Counter()
    failures: list[str] = []
    completed = 0
    ids = record_ids(1000)
    with serving() as server:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # a large body takes a while
        server.before = lambda path: time.sleep(draw.random() * PAUSE)
        client = AsyncKaleidoscopeClient(
            "trial", "sandbox-secret", server.url, use_cache=False, retries=0,
            max_in_flight=IN_FLIGHT, max_connections=CONNECTIONS, transport=transport,
        )  # fmt: skip
        await client.programs.get_programs()  # logs in
        until = time.monotonic() + LIMIT

        async def call() -> None:
            nonlocal completed
            while steps.total() < cancellations and time.monotonic() < until:
                try:
                    async with asyncio.timeout(SHORTEST * (LONGEST / SHORTEST) ** draw.random()):
                        if draw.random() < 0.25:
                            await client.call({"method": "POST", "url": "/uploads", "content": MUCH})
                        else:
                            await client.records.get_record_by_id(draw.choice(ids))
                    completed += 1
                except TimeoutError as error:
                    steps[_step(None if error.__cause__ is None else error.__cause__.__traceback__)] += 1
                except Exception as error:
                    failures.append(repr(error))

        await asyncio.gather(*(call() for _ in range(CALLERS)))
        figures: dict[str, Any] = {"cancelled": steps.total(), **{name: steps[name] for name in STEPS.values()}}
        figures |= {"elsewhere": steps["elsewhere"], "completed": completed, "failures": failures[:3]}
        figures |= await _afterwards(client, ids)
        await client.aclose()
        figures["sockets left"] = await _left(server)
        return figures


async def _afterwards(client: AsyncKaleidoscopeClient, ids: list[str]) -> dict[str, int]:
    """Count what is still taken, and which of some calls at once fail."""
    http: Any = client._http_clients.current()
    failed = 0

    async def call(record_id: str) -> None:
        nonlocal failed
        try:
            async with asyncio.timeout(PATIENCE):
                found = await client.records.get_record_by_id(record_id)
            failed += found is None or found.id != record_id
        except Exception:
            failed += 1

    stuck = _stuck(http._transport)
    taken = len(http._limiter._inside) + len(http._limiter._waiting)
    await asyncio.gather(*map(call, ids[:AFTER]))
    return {"stuck connections": stuck, "places taken": taken, f"of {AFTER} calls afterwards failed": failed}


def _stuck(transport: Any) -> int:
    """Count the connections that are taken, though no call is under way."""
    if isinstance(transport, httpx.AsyncHTTPTransport) and not hasattr(transport, "connections"):
        return sum(not connection.is_idle() for connection in transport._pool.connections)
    return len(transport.connections._busy) + len(transport.connections._waiting)


async def _left(server: EchoServer) -> int:
    """Count the connections that the server still sees some time after the client has closed."""
    until = time.monotonic() + PATIENCE
    while server.open_connections and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return server.open_connections


def _step(traceback: TracebackType | None) -> str:
    """Say where a call was when it was cancelled."""
    step = "elsewhere"
    while traceback is not None:
        step = STEPS.get(traceback.tb_frame.f_code.co_qualname, step)
        traceback = traceback.tb_next
    return step
