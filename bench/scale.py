"""What a mirror, a nightly refresh and a load of millions of records cost, computed from what few records cost.

    python -m bench.scale [--records N] [--values N] [--changed SHARE]

Measures on a sandbox in a process of its own what a request, a record and a value cost the client and the sandbox, in
processor time and bytes; prints that as a table, and the tables that are computed from it: those of docs/scale.md.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import attrs

from kalbio import KaleidoscopeClient, RequestEvent

KINDS = ("number",) * 6 + ("text", "text", "date", "boolean")
THERE, LOADED = 3_000, 300
"""Records that are there, and rows that are loaded besides: so few that they are looked for by their keys."""
ROUNDS = 3
LATENCIES = (0.005, 0.02, 0.1)
IN_FLIGHT = 8
ROWS = 5_000  # of an import
LOOKS, INTERVAL = 2, 1.0  # at an import until it has ended, and the seconds between them

_SERVER = """
import sys, time
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve
with Sandbox() as sandbox, serve(sandbox) as server:
    print(server.url, sandbox.settings.client_id, sandbox.settings.client_secret, flush=True)
    for _ in sys.stdin:
        print(time.process_time(), flush=True)
"""


@attrs.frozen
class Cost:
    """What a piece of work costs.

    Attributes:
        requests: how many it takes.
        sent: bytes of their bodies.
        received: bytes of the bodies of the answers.
        client: seconds of processor time of the client.
        server: the same of the sandbox.
    """

    requests: float = 0
    sent: float = 0
    received: float = 0
    client: float = 0
    server: float = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(one + two for one, two in zip(attrs.astuple(self), attrs.astuple(other), strict=True)))

    def __mul__(self, times: float) -> Cost:
        return Cost(*(one * times for one in attrs.astuple(self)))

    def __sub__(self, other: Cost) -> Cost:
        return self + other * -1


@attrs.frozen
class Work:
    """A whole piece of work.

    Attributes:
        cost: what it costs.
        steps: how many of its requests wait for the one before; the others go `IN_FLIGHT` at a time.
        waits: seconds that the client waits for imports.
    """

    cost: Cost
    steps: float = 0
    waits: float = 0

    def hours(self, latency: float, workers: int) -> float:
        """Return how long it takes: waiting and computing go on at the same time, and the longer one counts."""
        waiting = self.waits + self.steps * latency + (self.cost.requests - self.steps) * latency / IN_FLIGHT
        return max(waiting, self.cost.client) / workers / 3600


class Scene:
    """A sandbox in a process of its own, and a client whose costs are taken down."""

    def __init__(self, values: int) -> None:
        command = [sys.executable, "-c", _SERVER]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        url, client_id, secret = self._server.stdout.readline().split()
        self.events: list[RequestEvent] = []
        self.client = KaleidoscopeClient(client_id, secret, url, on_request=self.events.append, max_in_flight=1)
        self.columns = {f"Field {n:02}": KINDS[n % len(KINDS)] for n in range(values)}
        self.client.entity_fields.get_or_create_key_field("Sample")
        for name, kind in self.columns.items():
            self.client.entity_fields.get_or_create_data_field(name, kind)

    def close(self) -> None:
        """End the sandbox."""
        self.client.close()
        self._server.communicate()

    def _server_time(self) -> float:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write("\n")
        self._server.stdin.flush()
        return float(self._server.stdout.readline())

    def measure(self, work: Callable[[], Any], rounds: int = ROUNDS) -> Cost:
        """Return what a work costs, the median of some rounds."""
        found: list[Cost] = []
        for _ in range(rounds):
            self.events.clear()
            server, client = self._server_time(), time.process_time()
            work()
            client, server = time.process_time() - client, self._server_time() - server
            sent = sum(event.bytes_sent or 0 for event in self.events)
            received = sum(event.bytes_received or 0 for event in self.events)
            found.append(Cost(len(self.events), sent, received, client, server))
        medians = map(statistics.median, zip(*map(attrs.astuple, found), strict=True))
        return Cost(*medians)

    def rows(self, first: int, count: int) -> list[dict[str, Any]]:
        """Return rows of a table."""
        contents: dict[str, Callable[[int], Any]] = {
            "number": lambda n: n * 0.37,
            "text": lambda n: f"lot {n % 97} of plate 3",
            "date": lambda n: f"2026-01-{n % 28 + 1:02}",
            "boolean": lambda n: n % 2 == 0,
        }
        return [
            {"Sample": f"S-{n:08}", **{name: contents[kind](n) for name, kind in self.columns.items()}}
            for n in range(first, first + count)
        ]


@contextmanager
def scene(values: int) -> Iterator[Scene]:
    """Yield a scene that ends with the block."""
    made = Scene(values)
    try:
        yield made
    finally:
        made.close()


@attrs.frozen
class Unit:
    """What is measured: the cost of a request by itself, and of what it carries."""

    request: Cost
    """A request by itself: what many small ones cost more than few large ones."""
    listed_id: Cost
    """An id in the answer of a search."""
    record: Cost
    """A record with its current values in a table."""
    history: Cost
    """All values of a record, a request of its own."""
    value: Cost
    """A value that is written by itself."""
    row: Cost
    """A row of an import."""
    loaded: Cost
    """A row of an upsert of new records, with what is read of them before and afterwards."""
    steps: int
    """Requests of an upsert that its rows have in common, and that wait for one another."""
    batch: int
    """Records of a request that lists them."""


def measured(values: int) -> Unit:
    """Measure what few records cost."""
    with scene(values) as here:
        client, names = here.client, list(here.columns)
        client.imports.wait(client.imports.push_data(["Sample"], here.rows(0, THERE)), interval=0.05)
        ids = client.records.search_records(entity_slice_id="Sample")
        record = client.records.get_records_by_ids(ids[:1])[0]

        def table(size: int) -> None:
            for _ in client.records.iter_batches(ids=ids, fields=names, batch_size=size):
                pass

        small, large = (here.measure(partial(table, size)) for size in (25, len(ids)))
        request = (small - large) * (1 / (small.requests - large.requests))
        request = attrs.evolve(request, sent=0, received=0)
        batch = round(len(ids) / (large.requests - 1))  # the first of an iteration is a small one
        one = (large - request * large.requests) * (1 / len(ids))
        search = here.measure(lambda: client.records.search_records(entity_slice_id="Sample"))
        listed = (search - request) * (1 / len(ids))
        history = here.measure(
            lambda: client.records.table(ids=ids[:100], fields=names, history=True)
        )  # with one listing for the lot
        shown = here.measure(lambda: client.records.table(ids=ids[:100], fields=names))
        written = here.measure(lambda: [record.add_value(names[0], number) for number in range(20)]) * (1 / 20)
        rounds = iter(range(ROUNDS))
        pushed = here.measure(partial(_push, here, rounds))
        upserts = iter(range(ROUNDS))
        loaded = here.measure(partial(_upsert, here, upserts))
        asked = Counter(str(event.operation) for event in here.events)
        steps = asked.total() - asked["identifyRecords"] - asked["listRecords"]
        common = request * steps + listed * ((THERE + LOADED * 5) * asked["searchRecords"])
        return Unit(
            request,
            listed,
            one,
            (history - shown) * (1 / 100),
            written,
            (pushed - request * pushed.requests) * (1 / LOADED),
            (loaded - common) * (1 / LOADED),
            steps,
            batch,
        )


def _push(here: Scene, rounds: Iterator[int]) -> None:
    rows = here.rows(10_000_000 + LOADED * next(rounds), LOADED)
    here.client.imports.push_data(["Sample"], rows)


def _upsert(here: Scene, rounds: Iterator[int]) -> None:
    report = here.client.records.upsert(here.rows(20_000_000 + LOADED * next(rounds), LOADED), key="Sample")
    assert report.ok, report


def reading(unit: Unit, records: int, size: int) -> Work:
    """All records in batches of a size."""
    return Work(unit.request * (records / size + 1) + (unit.record + unit.listed_id) * records)


def histories(unit: Unit, records: int, size: int) -> Work:
    """All records in batches, and all values of each."""
    return Work(reading(unit, records, size).cost + unit.history * records)


def refreshing(unit: Unit, records: int, changed: int, fields: int, *, history: bool) -> Work:
    """What a mirror reads in a night: all ids, a search for each field, events, lists, and what has changed."""
    # A changed record has changed in half of its fields: each of their searches lists it.
    found = unit.listed_id * (records + changed * fields * 0.5) + unit.request * (fields + changed / 500 + 10)
    size = 25 if history else unit.batch
    read = unit.request * (changed / size) + unit.record * changed
    return Work(found + read + (unit.history * changed if history else Cost()))


def importing(unit: Unit, rows: int) -> Work:
    """A push in batches, each of which is waited for."""
    imports = rows / ROWS
    requests = imports * (1 + LOOKS)
    return Work(unit.row * rows + unit.request * requests, requests, imports * INTERVAL)


def upserting(unit: Unit, rows: int, there: int, *, new: bool) -> Work:
    """Loads of partitions of 5,000 rows into a type that has so many records, on average, while they are loaded."""
    parts = rows / ROWS
    listed = unit.listed_id * (there * (2 if new else 1))  # before, and afterwards to find those that were made
    steps = parts * unit.steps
    return Work(unit.request * steps + listed * parts + unit.loaded * rows, steps, parts * INTERVAL)


def _line(name: str, work: Work) -> str:
    cost = work.cost
    moved = cost.sent + cost.received
    hours = [" / ".join(_hours(work.hours(latency, count)) for latency in LATENCIES) for count in (1, 4, 20)]
    own = f"{_hours(cost.client / 3600)} | {_hours(cost.server / 3600)}"
    return f"| {name} | {_count(cost.requests)} | {_size(moved)} | {own} | {' | '.join(hours)} |"


def _count(number: float) -> str:
    return f"{number:,.0f}" if number < 1e6 else f"{number / 1e6:,.1f} million"


def _size(number: float) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.0f} MB"


def _hours(number: float) -> str:
    if number < 1 / 60:
        return f"{number * 3600:.0f} s"
    return f"{number * 60:.0f} min" if number < 1 else f"{number:,.1f} h" if number < 10 else f"{number:,.0f} h"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--values", type=int, default=50)
    parser.add_argument("--changed", type=float, default=0.01)
    given = parser.parse_args(arguments)
    unit, records, values = measured(given.values), given.records, given.values
    changed = round(records * given.changed)
    print("| what | requests | client, µs | sandbox, µs | bytes sent | bytes received |")
    print("|---|---|---|---|---|---|")
    for name in ("request", "listed_id", "record", "history", "value", "row", "loaded"):
        cost: Cost = getattr(unit, name)
        times = f"{cost.client * 1e6:,.1f} | {cost.server * 1e6:,.1f}"
        print(f"| {name} | {cost.requests:.2f} | {times} | {cost.sent:,.0f} | {cost.received:,.0f} |")
    print(f"\n{unit.batch} records in a request; an upsert has {unit.steps} requests besides those for its rows")
    print(f"\n{records:,} records, {values} values; hours at {LATENCIES} s, with 1, 4 and 20 workers\n")
    works = {
        "read, one at a time": reading(unit, records, 1),
        "read, 75 at a time": reading(unit, records, 75),
        f"read, {unit.batch} at a time": reading(unit, records, unit.batch),
        "read with all values": histories(unit, records, 25),
        "refresh, current values": refreshing(unit, records, changed, values, history=False),
        "refresh, all values": refreshing(unit, records, changed, values, history=True),
        "write value by value": Work(unit.value * (records * values)),
        "push imports": importing(unit, records),
        "upsert, into an empty type": upserting(unit, records, records // 2, new=True),
        "upsert of what has changed": upserting(unit, changed, records, new=False),
    }
    for name, work in works.items():
        print(_line(name, work))


if __name__ == "__main__":
    main()
