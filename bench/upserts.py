"""A table that is loaded into the sandbox, with a latency as of a network: new, again, and with some cells changed.

Against what a person would do who knows that all of it is new: one push, and the wait for it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import orjson
from kaleidoscope_api.operations import OPERATIONS

from bench.server import KEY_NAME
from kalbio import KaleidoscopeClient
from kalbio.testing import InProcess

LATENCY = 0.02
CHANGED = 50
_COLUMNS = {f"Value {n}": "number" for n in range(6)} | {f"Note {n}": "text" for n in range(3)}
Figures = dict[str, Any]


@contextmanager
def _lab() -> Iterator[tuple[InProcess, KaleidoscopeClient]]:
    """Yield a sandbox with the fields of the table, and a client of it whose requests take their time."""
    with InProcess() as lab:
        lab.client.entity_fields.get_or_create_key_field(KEY_NAME)
        for name, kind in _COLUMNS.items():
            lab.client.entity_fields.get_or_create_data_field(name, kind)
        answer = lab.transport.handle_request

        def slowly(request: Any) -> Any:
            time.sleep(LATENCY)
            return answer(request)

        lab.transport.handle_request = slowly  # type: ignore[method-assign]
        yield lab, lab.client


def _rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            KEY_NAME: f"UPS-{n}",
            **{name: n * 0.37 if kind == "number" else f"lot {n % 97}" for name, kind in _COLUMNS.items()},
        }
        for n in range(count)
    ]


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found


def _push(client: KaleidoscopeClient, rows: list[dict[str, Any]]) -> None:
    client.imports.wait(client.imports.push_data([KEY_NAME], rows))


def _cells_sent(lab: InProcess, since: int) -> int:
    """Return how many values went out, besides those of keys."""
    sent = 0
    for exchange in lab.exchanges[since:]:
        if exchange.operation in ("pushImport", "pushImportByFieldId"):
            sent += sum(len(row) - 1 for row in orjson.loads(exchange.body)["data"])
        elif exchange.operation == "addRecordValue":
            sent += 1
    return sent


def _writes(operations: list[str]) -> list[str]:
    return [name for name in operations if OPERATIONS[name].method != "GET" and name != "createToken"]


def run(count: int, rounds: int) -> list[Figures]:
    """Measure the three loads."""
    rows = _rows(count)
    changed = [dict(row) for row in rows]
    for n in range(CHANGED):
        changed[n * (count // CHANGED)]["Value 1"] = -1.5
    pushes, firsts, agains = [], [], []
    for _ in range(rounds):
        with _lab() as (_, client):
            pushes.append(_timed(partial(_push, client, rows))[0])
        with _lab() as (lab, client):
            load = client.records.upsert
            taken, first = _timed(partial(load, rows, key=KEY_NAME))
            firsts.append(taken)
            before = len(lab.operations())
            taken, again = _timed(partial(load, rows, key=KEY_NAME))
            agains.append(taken)
            asked = lab.operations()[before:]
            before = len(lab.exchanges)
            third = load(changed, key=KEY_NAME)
            rewritten = _cells_sent(lab, before)
    assert (len(first.done), len(again.done), len(third.done)) == (count * len(_COLUMNS), 0, CHANGED)
    title = f"upsert of {count:,} x {len(_COLUMNS) + 1}, 20 ms latency"
    new = statistics.median(one / other for one, other in zip(firsts, pushes, strict=True))
    same = statistics.median(one / other for one, other in zip(agains, firsts, strict=True))
    return [
        {"work": f"{title}: new, against a push and its wait", "ratio": new, "limit": 1.2,
         "ours": statistics.median(firsts), "raw": statistics.median(pushes)},
        {"work": f"{title}: the same again, against the first time", "ratio": same, "limit": 0.7,
         "ours": statistics.median(agains), "raw": statistics.median(firsts)},
        {"work": f"{title}: the same again: requests", "ratio": len(asked), "limit": 60, "unit": ""},
        {"work": f"{title}: the same again: writes", "ratio": len(_writes(asked)), "limit": 0, "unit": ""},
        {"work": f"{title}: {CHANGED} cells changed: cells written", "ratio": rewritten, "limit": CHANGED, "unit": ""},
    ]  # fmt: skip
