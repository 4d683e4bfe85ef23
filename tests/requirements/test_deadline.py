"""The deadline bounds a call, whatever it does meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import Any

import pytest

from kalbio import KalbioError, OutcomeUnknownError, RequestTimeoutError, RetryPolicy
from tests.conftest import World
from tests.core.raw import Peer, answer, raw_server
from tests.core.wire import tokens

DEADLINE = 0.4
AT_MOST = 3.0
"""Seconds that a call may take which should end after the deadline: a busy machine is no reason for a red test."""
RECORD = "00000000-0000-4000-8000-000000000001"
LOGIN = answer(tokens(1).content)


def drip(peer: Peer, status: str = "200 OK") -> None:
    """Answer a byte at a time: each comes in time, all together never end."""
    peer.send(f"HTTP/1.1 {status}\r\nContent-Length: 100000\r\n\r\n".encode())
    with contextlib.suppress(OSError):
        for _ in range(200):
            peer.socket.sendall(b" ")
            time.sleep(0.05)


def timed(world: World, call: Any) -> tuple[BaseException, float]:
    """What a call raised, and how long it took."""
    started = time.monotonic()
    with pytest.raises(KalbioError) as raised:
        world(call())
    return raised.value, time.monotonic() - started


@pytest.mark.parametrize("where", ["login", "answer", "refusal"])
def test_r128_an_answer_that_drips_ends_at_the_deadline(world: World, where: str) -> None:
    """Each of its pieces comes within the time limit of reading; the call as a whole does not."""

    def serve(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            if request[0] == "POST" and where != "login":
                peer.send(LOGIN)
            else:
                drip(peer, "503 Service Unavailable" if where == "refusal" else "200 OK")
                return

    with raw_server(serve) as server:
        client = world.connect(url=server.url, retries=RetryPolicy(attempts=3, base=0, deadline=DEADLINE))
        error, seconds = timed(world, lambda: client.records.get_record_by_id(RECORD))
    assert isinstance(error, RequestTimeoutError)
    assert "took longer than the deadline of 0.4 s" in str(error)
    assert seconds < AT_MOST


def test_r128_a_write_that_ends_at_the_deadline_has_an_unknown_outcome(world: World) -> None:
    """It was sent, and its answer did not come whole."""

    def serve(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            if "/auth/" in request[1]:
                peer.send(LOGIN)
            else:
                drip(peer)
                return

    with raw_server(serve) as server:
        client = world.connect(url=server.url, retries=RetryPolicy(deadline=DEADLINE))
        error, seconds = timed(
            world,
            lambda: client.call({"method": "POST", "url": "/records", "json": {}, "extensions": {"idempotent": False}}),
        )
    assert isinstance(error, OutcomeUnknownError)
    assert seconds < AT_MOST


def test_r128_tries_and_waits_count_together(world: World) -> None:
    """A server that is overloaded again and again, and asks for waits, is not asked beyond the deadline."""

    def serve(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            peer.send(LOGIN if request[0] == "POST" else answer(b"{}", "503 Busy", "Retry-After: 0.1"))

    with raw_server(serve) as server:
        client = world.connect(url=server.url, retries=RetryPolicy(attempts=1000, base=0.1, deadline=DEADLINE))
        _, seconds = timed(world, lambda: client.records.get_record_by_id(RECORD))
    assert seconds < AT_MOST


@pytest.mark.parametrize("waiting_for", ["turn", "login"])
def test_r128_waiting_for_others_counts(world: World, waiting_for: str) -> None:
    """Whoever waits for a turn, or for the login of another call, waits no longer than the deadline."""
    held, done = threading.Event(), threading.Event()

    def serve(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            if request[0] == "POST" and waiting_for == "turn":
                peer.send(LOGIN)
                continue
            held.set()
            done.wait(10)
            return

    with raw_server(serve) as server:
        client = world.connect(
            url=server.url,
            max_in_flight=1 if waiting_for == "turn" else 8,
            retries=RetryPolicy(attempts=1, deadline=DEADLINE),
        )
        outcomes: list[tuple[str, float]] = []

        def note(error: Exception, started: float) -> None:
            outcomes.append((type(error).__name__, time.monotonic() - started))

        async def one_async() -> None:
            started = time.monotonic()
            try:
                await client.records.get_record_by_id(RECORD, use_cache=False)
            except KalbioError as error:
                note(error, started)

        def one() -> None:
            started = time.monotonic()
            try:
                client.records.get_record_by_id(RECORD, use_cache=False)
            except KalbioError as error:
                note(error, started)

        async def both() -> None:
            await asyncio.gather(one_async(), one_async())

        if world.kind == "async":
            world(both())
        else:
            threads = [threading.Thread(target=one) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
        done.set()
    assert held.is_set()
    assert [name for name, _ in outcomes] == ["RequestTimeoutError"] * 2
    assert max(seconds for _, seconds in outcomes) < AT_MOST


def test_r128_moving_a_file_does_not_count(world: World) -> None:
    """A download that takes longer than the deadline comes whole."""
    body = b"x" * 100

    def serve(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            if request[0] == "POST":
                peer.send(LOGIN)
                continue
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            for place in range(0, 100, 10):
                time.sleep(2 * DEADLINE / 10)
                peer.send(body[place : place + 10])

    with raw_server(serve) as server:
        client = world.connect(url=server.url, retries=RetryPolicy(deadline=DEADLINE))
        assert world(client.files.read_file(RECORD)) == body


def test_r128_it_holds_through_a_proxy_too(world: World) -> None:
    """There the connections are the HTTP library's, which know the limits of single waits alone."""

    def serve(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            if request[0] == "POST":
                peer.send(LOGIN)
            else:
                drip(peer)
                return

    with raw_server(serve) as server:
        client = world.connect(
            url="http://api.localhost", proxy=server.url, retries=RetryPolicy(attempts=1, deadline=DEADLINE)
        )
        error, seconds = timed(world, lambda: client.records.get_record_by_id(RECORD))
    assert isinstance(error, RequestTimeoutError)
    assert seconds < AT_MOST
