"""A local mirror against reading the same records without storing them, and a refresh against a first copy.

Run as a process of its own, `python -m bench.mirror` is the loopback server of these works; it prints its port.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx

from bench.child import served
from bench.memory import can_be_measured, peak_above_start
from bench.server import Connection, made_id, record_id
from kalbio import KaleidoscopeClient

RECORDS = 100_000
BODIES = 10_000  # records that differ in more than their ids
TYPES = ("number",) * 6 + ("text", "text", "date", "boolean")
FIELDS = [made_id("field", n) for n in range(len(TYPES))]
NAMES = [f"Field {n}" for n in range(len(TYPES))]
ACTIVITIES = [made_id("operation", n) for n in range(3)]
KEY, KIND, MEMBER = made_id("key field", 0), made_id("slice", 0), made_id("member", 0)
_AUTHORS = " with authors"
Figures = dict[str, Any]


def _content(number: int, field: int, version: int) -> Any:
    match TYPES[field]:
        case "number":
            return f"{number * 0.37 + field + version:.3f}"
        case "date":
            return f"2026-01-{number % 28 + 1:02}"
        case "boolean":
            return number % 2 == 0
    return f"lot {number % 97} of plate {field}"


def _values(number: int, version: int) -> list[dict[str, Any]]:
    return [
        {
            "id": made_id(f"value/{number}/{f}", version),
            "content": _content(number, f, version),
            "created_at": f"2026-01-{10 + version:02}T10:00:00.{100000 + number % 899999}+00:00",
            "operation_id": ACTIVITIES[number % 3],
            "record_id": record_id(number),
        }
        for f in range(len(FIELDS))
    ]


def _record(number: int, version: int) -> bytes:
    values: dict[str, Any] = {
        field: [value] for field, value in zip(FIELDS, _values(number, version), strict=True)
    }  # fmt: skip
    key = made_id("key value", number)
    values[KEY] = [{"id": key, "content": f"CPD-{number}"}]
    return json.dumps(
        {
            "id": record_id(number), "created_at": "2026-01-05T09:00:00.123Z", "entity_slice_id": KIND,
            "identifier_ids": [key], "record_identifier": f"CPD-{number}", "initial_operation_id": None,
            "workspace_id": made_id("workspace", 0), "record_values": values, "sub_record_ids": [],
            "excluded_operation_ids": [], "operation_records_created_at": {},
        }
    ).encode()  # fmt: skip


def _history(number: int, version: int) -> bytes:
    found = [
        {**value, "created_by": MEMBER, "field_id": field, "field_type": kind, "import_id": None,
         "workspace_id": made_id("workspace", 0)}
        for field, kind, value in zip(FIELDS, TYPES, _values(number, version), strict=True)
    ]  # fmt: skip
    return json.dumps(found).encode()


def _item(identifier: str, **members: Any) -> dict[str, Any]:
    return {"id": identifier, "created_at": "2026-01-05T09:00:00.123Z", **members}


class Answers:
    """Every answer as bytes, of a workspace in which every hundredth record changes when it is told to."""

    def __init__(self) -> None:
        self.counts = {"requests": 0, "connections": 0}
        self.latency = 0.0
        self._size, self._version = RECORDS, 0
        self._bodies = [[_record(n, version) for n in range(BODIES)] for version in (0, 1)]
        self._histories = [[_history(n, version) for n in range(BODIES)] for version in (0, 1)]
        field = {"ref_slice_id": None, "field_description": "", "is_archived": False}
        data = zip(FIELDS, NAMES, TYPES, strict=True)
        self._lists = {
            "/data_fields": [_item(f, field_name=n, field_type=t, is_key=False, **field) for f, n, t in data],
            "/key_fields": [_item(KEY, field_name="Compound", field_type="text", is_key=True, **field)],
            "/entity_slices": [_item(KIND, slice_name="Compound", key_field_ids=[KEY], is_archived=False)],
            "/programs": [_item(made_id("program", 0), title="Program")],
            "/workspaces/members": [_item(MEMBER, full_name="Ada", email="ada@example.org", access_level="admin")],
            "/record_views": [],
        }

    def answer(self, method: str, target: str, body: bytes | bytearray) -> bytes:
        """Return the body of an answer."""
        path, _, text = target.partition("?")
        query = parse_qs(text)
        if path == "/bench/set":
            self._size, self._version = int(query["size"][0]), int(query["version"][0])
            return b"{}"
        if path == "/bench/counts":
            counts, self.counts = json.dumps(self.counts).encode(), dict.fromkeys(self.counts, 0)
            return counts
        self.counts["requests"] += 1
        if path == "/records":
            ids = query["record_ids"][0].split(",")
            return b"[" + b",".join(self._of(self._bodies, one) for one in ids) + b"]"
        if path.endswith("/values"):
            return self._of(self._histories, path.split("/")[2])
        if path == "/records/search":
            changed = range(0, self._size, 100) if self._version else range(0)
            asked = "entity_field_filters" not in query
            is_first = not asked and FIELDS[0] in query["entity_field_filters"][0]
            numbers = range(self._size) if asked else changed if is_first else ()
            return json.dumps([record_id(n) for n in numbers]).encode()
        if path == "/activities":
            held: list[list[str]] = [[], [], []]
            for n in range(self._size):
                held[n % 3].append(record_id(n))
            items = [
                _item(one, title=f"Experiment {n}", activity_type="experiment", status="to do", all_record_ids=ids)
                for n, (one, ids) in enumerate(zip(ACTIVITIES, held, strict=True))
            ]
            empty: dict[str, Any] = {name: [] for name in ("child_ids", "program_ids", "assigned_user_ids",
                                                           "label_ids", "dependencies", "properties")}  # fmt: skip
            return json.dumps([{**item, **empty} for item in items]).encode()
        if path == "/workspaces/active":
            return json.dumps({"id": made_id("workspace", 0), "workspace_name": "Bench"}).encode()
        if path == "/workspaces/events":
            return b"[]"
        if path.endswith("/token"):
            return json.dumps({"access_token": "t", "refresh_token": "r", "expires_in": 86_400}).encode()
        return json.dumps(self._lists[path]).encode()

    def _of(self, bodies: list[list[bytes]], wanted: str) -> bytes:
        number = int(wanted[-12:], 16)
        body = bodies[self._version if number % 100 == 0 else 0][number % BODIES]
        return body if number < BODIES else body.replace(record_id(number % BODIES).encode(), wanted.encode())


async def serve() -> None:
    """Answer on a free port until it is killed."""
    answers: Any = Answers()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(answers), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _seconds(work: Callable[[], object]) -> float:
    """Return the time of the processor that a work takes here: the server has its own."""
    started = time.process_time()
    work()
    return time.process_time() - started


def _fetch(client: KaleidoscopeClient, history: bool) -> None:
    """Read what a mirror holds, and let go of it."""
    fields = ["Compound", *NAMES]
    if history:
        client.records.table("Compound", fields=fields, history=True)
    else:
        for part in client.records.iter_batches("Compound", fields=fields, batch_size=250):
            len(part)


def _measure(url: str, http: httpx.Client, size: int, rounds: int, history: bool) -> list[Figures]:
    title = f"mirror of {size:,} records x 10 values{_AUTHORS * history}"
    times: dict[str, list[float]] = {"fetch": [], "first": [], "refresh": []}
    with tempfile.TemporaryDirectory() as folder, KaleidoscopeClient("bench", "bench", url) as client:
        path = Path(folder) / "bench.duckdb"

        def refresh() -> object:
            return client.mirror(path, history=history, overlap=timedelta(0)).refresh()

        for turn in range(rounds + 1):  # the first one warms up
            http.get("/bench/set", params={"size": size if turn else min(size, 1000), "version": 0})
            path.unlink(missing_ok=True)
            taken = {"fetch": _seconds(lambda: _fetch(client, history)), "first": _seconds(refresh)}
            http.get("/bench/set", params={"size": size if turn else min(size, 1000), "version": 1})
            taken["refresh"] = _seconds(refresh)
            for name, seconds in taken.items():
                if turn:
                    times[name].append(seconds)
    # Among few records a refresh is the fixed part of it.
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    pairs = list(zip(times["first"], times["fetch"], times["refresh"], strict=True))
    first = statistics.median(first / fetch for first, fetch, _ in pairs)
    later = statistics.median(100 * refresh / first for first, _, refresh in pairs)
    return [
        {"work": f"{title}: first copy / fetching", "ratio": first, "limit": 1.3,
         "ours": medians["first"], "raw": medians["fetch"]},
        {"work": f"{title}: refresh after 1 % changed, of the first", "ratio": later,
         "limit": 5 if size >= RECORDS else None, "unit": " %", "ours": medians["refresh"], "raw": medians["first"]},
    ]  # fmt: skip


def _memory(url: str, size: int, target: str, *, history: bool) -> list[Figures]:
    if not can_be_measured():
        return []
    # In a process of its own: what one copy has taken and given back, the next one would not be seen to take.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        peak = pool.submit(_peak, url, size, target, history).result()
    kind = "mirror" if target.endswith(".duckdb") else "mirror in Parquet"
    title = f"{kind} of {size:,} records x 10 values{_AUTHORS * history}: memory above start"
    return [{"work": title, "ratio": peak, "limit": 150, "unit": " MB"}]


def _peak(url: str, size: int, target: str, history: bool) -> float | None:
    import duckdb  # noqa: F401  # loaded before it is measured
    import pyarrow.dataset  # noqa: F401

    httpx.get(f"{url}/bench/set", params={"size": size, "version": 0})
    with tempfile.TemporaryDirectory() as folder, KaleidoscopeClient("bench", "bench", url) as client:
        return peak_above_start(client.mirror(Path(folder) / target, history=history).refresh)


def run(size: int, with_authors: int, rounds: int) -> Iterator[Figures]:
    """Measure a mirror of so many records, and one with authors, whose requests are many, of so many."""
    with served("bench.mirror") as url, httpx.Client(base_url=url, timeout=60) as http:
        for target in ("bench.duckdb", "bench"):
            yield from _memory(url, size, target, history=False)
        yield from _memory(url, with_authors, "bench.duckdb", history=True)
        yield from _measure(url, http, size, rounds, history=False)
        yield from _measure(url, http, with_authors, rounds, history=True)


if __name__ == "__main__":
    asyncio.run(serve())
