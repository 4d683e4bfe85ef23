"""Measures the client against the HTTP library alone, side by side in one run, and prints ratios.

    scripts/bench [--rounds N] [--json FILE]

Both ways of each work alternate; the figures are medians. Exits 1 when a ratio is above its limit.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from bench.server import OPERATION_IDS, RECORD_IDS
from bench.works import WORKS, Work, look_up, walk
from kalbio import KaleidoscopeClient


@contextmanager
def server() -> Iterator[str]:
    """Run the loopback server in a process of its own; yields its URL."""
    process = subprocess.Popen([sys.executable, "-m", "bench.server"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()


def seconds(function: Callable[[], Any]) -> float:
    """Return how long one call takes, with a clean heap."""
    gc.collect()
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def measure(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Return the median of each way over alternating rounds."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(way())
    return {name: statistics.median(values) for name, values in taken.items()}


def run_work(
    work: Work, client: KaleidoscopeClient, http: httpx.Client, counter: httpx.Client, rounds: int
) -> dict[str, Any]:
    """Measure one work."""

    def ours() -> float:
        work.prepare(client)
        return seconds(partial(work.ours, client))

    ours()  # a first time for modules and the connection
    counter.get("/bench/counts")
    ours()
    counts = counter.get("/bench/counts").json()
    medians = measure({"ours": ours, "raw": partial(seconds, partial(work.raw, http))}, rounds)
    return {"work": work.name, "limit": work.limit, **medians, **counts}


def run(rounds: int) -> list[dict[str, Any]]:
    """Measure every work."""
    results: list[dict[str, Any]] = []
    with (
        server() as url,
        KaleidoscopeClient("bench", "bench", url) as client,
        httpx.Client(base_url=url) as http,
        httpx.Client(base_url=url) as counter,
    ):
        results.extend(run_work(work, client, http, counter, rounds) for work in WORKS)
        records = client.records.get_records_by_ids(RECORD_IDS[:1000])
        raws = [record.to_dict() for record in records]
        for name, operation in (("", None), (" of an activity", OPERATION_IDS[-1])):
            ours, raw = partial(look_up, records, operation), partial(walk, raws)
            medians = measure({"ours": partial(seconds, ours), "raw": partial(seconds, raw)}, rounds)
            results.append({"work": f"100,000 contents{name}, in memory", "limit": 2.5, **medians, "requests": 0})
    for result in results:
        result["ratio"] = result["ours"] / result["raw"]
    return results


def main() -> int:
    """Measure, print, and say whether every ratio is within its limit."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each work (default: 5)")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file")
    arguments = parser.parse_args()

    results = run(arguments.rounds)
    table = Table(title=f"medians of {arguments.rounds} alternating rounds", title_justify="left")
    for heading in ("work", "ours", "httpx + orjson", "ratio", "limit", "requests"):
        table.add_column(heading, justify="left" if heading == "work" else "right")
    for result in results:
        held = result["ratio"] <= result["limit"]
        table.add_row(
            result["work"],
            f"{1000 * result['ours']:.1f} ms",
            f"{1000 * result['raw']:.1f} ms",
            f"[{'green' if held else 'red'}]{result['ratio']:.2f}[/]",
            f"{result['limit']:.2f}",
            str(result["requests"]),
        )
    Console().print(table)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(results, file, indent=2)
    return 0 if all(result["ratio"] <= result["limit"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
