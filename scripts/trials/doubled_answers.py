"""A server, or a proxy before it, that sends every answer twice: no call may take the copy for its own answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from unittest import mock
from uuid import UUID

import httpx

from kalbio import AsyncKaleidoscopeClient, KaleidoscopeClient
from kalbio._core import constants
from kalbio.aio.records import Record as AsyncRecord
from kalbio.records import Record
from scripts.trials.echo_server import record_ids

ONE_PACKET, TWO_PACKETS, LATE = "in one packet", "at once", "0 to 3 ms late"
WAYS = (ONE_PACKET, TWO_PACKETS, LATE)
FIELD_ID = str(UUID(int=7 << 64))
LATEST = 0.003


class Doubling(asyncio.Protocol):
    """Answers reads of records and writes of values as they were asked, and sends each answer twice."""

    def __init__(self, way: str, seed: int, written: list[tuple[str, str]]) -> None:
        self._way = way
        self._draw = Random(seed)  # noqa: S311  # a trial that can be repeated
        self._written = written
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            lines = head.decode("latin-1").split("\r\n")
            length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._answer(lines[0].split()[1], rest[:length])

    def _answer(self, path: str, body: bytes) -> None:
        record_id = path.split("/")[2]
        if path.endswith("/oauth/token"):
            given: dict[str, Any] = {"access_token": "sandbox-token-a", "refresh_token": "sandbox-token-r"}
            given["expires_in"] = 3600
        elif path.endswith("/values"):
            content = json.loads(body)["content"]
            self._written.append((record_id, content))
            made = {"id": str(UUID(int=len(self._written))), "record_id": record_id, "field_id": FIELD_ID}
            given = {"resource": {**made, "field_type": "text", "content": content}}
        else:
            given = {"id": record_id, "record_identifier": record_id, "record_values": {}}
        text = json.dumps(given).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        answer = head.encode() + text
        self._write(2 * answer if self._way == ONE_PACKET else answer)
        if self._way == TWO_PACKETS:
            self._write(answer)
        elif self._way == LATE:
            asyncio.get_running_loop().call_later(self._draw.random() * LATEST, self._write, answer)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


@contextlib.contextmanager
def doubling(way: str, seed: int) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Serve within the block; yields the url, and what is written: record and content of each value."""
    written: list[tuple[str, str]] = []
    ready = threading.Event()
    started: list[tuple[int, Callable[[], object]]] = []

    async def serve() -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        server = await loop.create_server(lambda: Doubling(way, seed, written), "127.0.0.1", 0)
        started.append((server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(ended.set)))
        ready.set()
        await ended.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    ready.wait()
    port, end = started[0]
    try:
        yield f"http://127.0.0.1:{port}", written
    finally:
        end()
        thread.join()


def judged(call: tuple[str, str | None], found: Any) -> str:
    """Whether what a call gave is what was asked for: right, wrong, or an error."""
    record_id, content = call
    if isinstance(found, Exception):
        return type(found).__name__
    if content is None:
        return "right" if found is not None and found.id == record_id else "wrong"
    return "right" if found is not None and (found.record_id, found.content) == (record_id, content) else "wrong"


def calls(count: int) -> list[tuple[str, str | None]]:
    """Ten reads of records and ten writes of values by turns: the record, and the content to write."""
    return [
        (record_id, f"value {number}" if number // 10 % 2 else None)
        for number, record_id in enumerate(record_ids(count))
    ]


def sync(url: str, count: int, transport: Any) -> Counter[str]:
    """Make the calls one after the other, with the sync client."""
    told: Counter[str] = Counter()
    with KaleidoscopeClient("trial", "sandbox-secret", url, use_cache=False, transport=transport) as client:
        for record_id, content in calls(count):
            found: Any
            try:
                if content is None:
                    found = client.records.get_record_by_id(record_id)
                else:
                    found = Record({"id": record_id}, client).add_value(FIELD_ID, content)
            except Exception as error:
                found = error
            told[judged((record_id, content), found)] += 1
    return told


def in_tasks(url: str, count: int, transport: Any) -> Counter[str]:
    """Make the calls one after the other, with the async client."""

    async def run() -> Counter[str]:
        told: Counter[str] = Counter()
        client = AsyncKaleidoscopeClient("trial", "sandbox-secret", url, use_cache=False, transport=transport)
        async with client:
            for record_id, content in calls(count):
                found: Any
                try:
                    if content is None:
                        found = await client.records.get_record_by_id(record_id)
                    else:
                        found = await AsyncRecord({"id": record_id}, client).add_value(FIELD_ID, content)
                except Exception as error:
                    found = error
                told[judged((record_id, content), found)] += 1
        return told

    return asyncio.run(run())


WORLDS: tuple[tuple[str, Callable[[str, int, Any], Counter[str]], type[Any]], ...] = (
    ("sync", sync, httpx.HTTPTransport),
    ("async", in_tasks, httpx.AsyncHTTPTransport),
)


@contextlib.contextmanager
def unchecked() -> Iterator[None]:
    """Let answers count as they come, whatever was asked for."""
    with contextlib.ExitStack() as stack:
        for world in ("aio", "sync"):
            for check in ("contradiction", "broken_promise"):
                stack.enter_context(mock.patch(f"kalbio._core.{world}.retrying_client.{check}", return_value=None))
        yield


def run(count: int, seed: int, *, compare: bool = True) -> dict[str, Any]:
    """Make so many calls in each world and way: as the client is, without distrust, and over the bare library."""
    figures: dict[str, Any] = {"calls": 0, "wrong": 0, "values lost or doubled": 0, "errors": 0}
    with _quiet():
        for pause in (constants.DISTRUST, 0.0):
            # No connection is kept to a host once it has sent twice. Without this each call is a trial of its own,
            # and a copy that comes after the next request was sent is told by what it says alone.
            with mock.patch.object(constants, "DISTRUST", pause):
                for world, way, make, _ in _trials():
                    made = count if pause else count // 2
                    with doubling(way, seed) as (url, written):
                        told = make(url, made, None)
                    asked = Counter((record_id, content) for record_id, content in calls(made) if content)
                    figures["calls"] += told.total()
                    figures["wrong"] += told["wrong"]
                    figures["errors"] += told.total() - told["right"] - told["wrong"] if pause else 0
                    figures["values lost or doubled"] += (Counter(written) - asked).total()
                    figures["values lost or doubled"] += (asked - Counter(written)).total()
                    name = f"copies {way}, {world}{'' if pause else ', no host distrusted'}"
                    figures[name] = _said(told)
        if compare:
            with unchecked():
                for world, way, make, library in _trials():
                    with doubling(way, seed) as (url, _):
                        told = make(url, count // 5, library())
                    figures[f"by the library alone, copies {way}, {world}"] = _said(told)
    return figures


def _trials() -> Iterator[tuple[str, str, Callable[[str, int, Any], Counter[str]], type[Any]]]:
    for world, make, library in WORLDS:
        for way in WAYS:
            yield world, way, make, library


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Say nothing of each answer that is not the one to its request."""
    logger = logging.getLogger("kalbio")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _said(told: Counter[str]) -> str:
    errors = [f"{count} {kind}" for kind, count in told.items() if kind not in ("right", "wrong")]
    return ", ".join([f"{told['wrong']} of {told.total()} wrong", *errors])


def held(figures: dict[str, Any]) -> bool:
    """Whether no answer was wrong, and the trial such that the bare library gives wrong ones."""
    by_the_library = [figures.get(f"by the library alone, copies {ONE_PACKET}, {world}", "") for world, *_ in WORLDS]
    return (
        not (figures["wrong"] or figures["values lost or doubled"])
        and figures["errors"] <= len(WORLDS) * len(WAYS)  # one each, before the host is known to send twice
        and not any(told.startswith("0 of") for told in by_the_library)
    )
