"""Measures our clients against the HTTP library alone, side by side in one run, and prints ratios and their limits.

    scripts/bench [--quick] [--rounds N] [--only TEXT] [--json FILE] [--picture FILE]

All ways of a work take turns; times are medians, and ratios the medians of those of each turn. Exits 1 when a figure is
above its limit.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from rich.console import Console
from rich.table import Table

from bench import files, mirror, provena, provena_files, upserts
from bench.child import served
from bench.contenders import NAMES, Apart, Contenders, Cost, connected
from bench.memory import can_be_measured
from bench.picture import draw
from bench.server import FIELD_IDS, OPERATION_IDS, RECORD_IDS
from bench.workloads import IDS, Workload, look_up, walk, walk_in_operation
from bench.works import WORKLOADS
from kalbio import KaleidoscopeClient
from kalbio._core.http.plain_answers import is_plainly_right
from kalbio._core.http.response_identity import broken_promise, contradiction
from kalbio._core.http.responses import as_texts

Figures = dict[str, Any]
SIZES = (1_000, 10_000, 100_000)
BARE, HTTPX = "pass", "import httpx"


def seconds(function: Callable[[], Any]) -> float:
    """Return how long one call takes, with a clean heap."""
    gc.collect()
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def figure(workload: str, value: float, limit: float | None, **more: Any) -> Figures:
    """One line of the table: a value that must not be above its limit, where it has one."""
    return {"work": workload, "ratio": value, "limit": limit, **more}


def measure_workload(
    workload: Workload, contenders: Contenders | Apart, http: httpx.Client, url: str, rounds: int, memory: bool
) -> list[Figures]:
    """Measure a work by all contenders, in both worlds."""
    http.get("/bench/counts", params={"latency": str(workload.latency)})
    for name in NAMES:
        contenders.warm_up(name)
    counts: dict[str, dict[str, int]] = {}
    costs: dict[str, list[Cost]] = {name: [] for name in NAMES}
    for turn in range(rounds):
        # Not always in one order: a machine that gets slower or faster meanwhile must not favour anyone.
        for name in NAMES if turn % 2 else reversed(NAMES):
            http.get("/bench/counts")
            costs[name].append(contenders.do(name, workload))
            counts.setdefault(name, http.get("/bench/counts").json())
    wall = {name: statistics.median(cost.seconds for cost in taken) for name, taken in costs.items()}
    cpu = {name: statistics.median(cost.cpu for cost in taken) for name, taken in costs.items()}
    http.get("/bench/counts", params={"latency": "0"})
    remembering = memory and (workload.memory is not None or workload.max_memory is not None)
    peaks = {name: peak(url, name, workload.name) for name in NAMES} if remembering and can_be_measured() else {}

    found: list[Figures] = []
    for world in ("", "_async"):
        ours, raw = f"ours{world}", f"raw{world}"
        title = f"{workload.name}{', async' if world else ''}"
        more = {"ours": wall[ours], "raw": wall[raw], "cpu": cpu[ours], "cpu raw": cpu[raw], **counts[ours]}
        if peaks:
            more |= {"peak": peaks[ours], "peak raw": peaks[raw]}
        limit = workload.limit_async if world and workload.limit_async is not None else workload.limit
        found.append(figure(title, ratio(costs[ours], costs[raw]), limit, **more))
        if peaks and workload.memory is not None:
            found.append(figure(f"{title}: memory", peaks[ours] / peaks[raw], workload.memory))
        if peaks and workload.max_memory is not None:
            above_start = f"{title}: memory above start"
            found.append(figure(above_start, peaks[ours], workload.max_memory, unit=" MB"))
        if workload.max_requests is not None:
            found.append(figure(f"{title}: requests", counts[ours]["requests"], workload.max_requests, unit=""))
    return found


def ratio(ours: list[Cost], theirs: list[Cost]) -> float:
    """Return the median of what each turn says: the two of a turn had the same machine to run on."""
    return statistics.median(mine.seconds / other.seconds for mine, other in zip(ours, theirs, strict=True))


def peak(url: str, name: str, workload: str) -> float:
    """Return the peak of memory above the start of a process that does a work once: the median of three.

    Which answers are there at the same time is another matter in each of them.
    """
    peaks: list[float] = [in_a_process(url, name, workload)["peak"] for _ in range(3)]
    return statistics.median(peaks)


def in_a_process(url: str, name: str, workload: str) -> Figures:
    """Let a process of its own do a work once, and return what it prints."""
    command = [sys.executable, "-m", "bench.contenders", url, name, workload]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def measure_look_ups(client: KaleidoscopeClient, rounds: int) -> list[Figures]:
    """Measure 100,000 look-ups in memory against a bare walk through dictionaries."""
    records = client.records.get_records_by_ids(RECORD_IDS[:1000])
    raws = [record.to_dict() for record in records]
    last = OPERATION_IDS[-1]
    found = []
    for name, ours, raw in (
        ("", partial(look_up, records, None), partial(walk, raws)),
        (" of an activity", partial(look_up, records, last), partial(walk_in_operation, raws, last)),
    ):
        pairs = [(seconds(ours), seconds(raw)) for _ in range(rounds)]
        mine, bare = (statistics.median(times) for times in zip(*pairs, strict=True))
        found.append(figure(f"100,000 contents{name}, in memory", mine / bare, 2.5, ours=mine, raw=bare))
    return found


def measure_growth(client: KaleidoscopeClient, rounds: int) -> list[Figures]:
    """Measure what a record costs the processor among few and among many, one value read of each."""

    def cost(size: int) -> float:
        gc.collect()
        started = time.process_time()
        for _ in range(max(1, 10_000 // size)):
            client.clear_caches()
            for record in client.records.get_records_by_ids(RECORD_IDS[:size]):
                record.get_value_content(FIELD_IDS[0])
        return (time.process_time() - started) / max(size, 10_000)

    taken = [[cost(size) for size in SIZES] for _ in range(rounds)]
    medians = [statistics.median(costs) for costs in zip(*taken, strict=True)]
    found = []
    for place in (1, 2):
        growth = statistics.median(costs[place] / costs[place - 1] for costs in taken)
        title = f"a record among {SIZES[place]:,} against one among {SIZES[place - 1]:,}"
        found.append(figure(title, growth, 1.15, ours=medians[place], raw=medians[place - 1]))
    return found


def measure_checks(client: KaleidoscopeClient, rounds: int) -> list[Figures]:
    """Measure what share holding answers against requests has in the processor time of fetching 10,000 records."""
    spent: list[float] = []

    def timed(check: Callable[..., Any]) -> Callable[..., Any]:
        def run(operation: Any, request: Any, response: Any) -> Any:
            as_texts(response)  # is cut once, for whoever comes first; it has to be cut for the reader too
            started = time.thread_time()
            try:
                return check(operation, request, response)
            finally:
                spent.append(time.thread_time() - started)

        return run

    shares = []
    for _ in range(rounds):
        client.clear_caches()
        spent.clear()
        gc.collect()
        with contextlib.ExitStack() as stack:
            for check in (is_plainly_right, contradiction, broken_promise):
                stack.enter_context(mock.patch(f"kalbio._core.sync.retrying_client.{check.__name__}", timed(check)))
            started = time.process_time()
            client.records.get_records_by_ids(IDS)
            shares.append(100 * sum(spent) / (time.process_time() - started))
    share = statistics.median(shares)
    return [figure("identity checks, of the processor time for 10,000 records", share, 3, unit=" %")]


def measure_search(url: str) -> list[Figures]:
    """Measure what going through 100,000 records takes of memory, and what the first record takes of requests."""
    figures = in_a_process(url, "ours", "iter_search")
    assert figures["records"] == len(RECORD_IDS)
    asked = figures["requests before the first"]
    found = [figure("iter_search: requests before the first of 100,000 records", asked, 2, unit="")]
    if figures["peak"] is not None:
        found.append(figure("iter_search over 100,000 records: memory above start", figures["peak"], 60, unit=" MB"))
    return found


def measure_batches(url: str) -> list[Figures]:
    """Measure what going through 100,000 records as tables takes of memory."""
    figures = in_a_process(url, "ours", "iter_batches")
    assert figures["records"] == len(RECORD_IDS)
    if figures["peak"] is None:
        return []
    return [figure("iter_batches over 100,000 records: memory above start", figures["peak"], 60, unit=" MB")]


def measure_stream(url: str) -> list[Figures]:
    """Measure what writing 20,000 values as they come takes of memory."""
    figures = in_a_process(url, "ours", "iter_add_values")
    assert figures["written"] == 20_000
    if figures["peak"] is None:
        return []
    return [figure("iter_add_values over 20,000 rows: memory above start", figures["peak"], 4, unit=" MB")]


def measure_files(rounds: int) -> list[Figures]:
    """Measure an upload and a download of 200 MB."""
    found: list[Figures] = []
    for figures in files.run(200, rounds):
        memory = figures.pop("memory above start")
        found.append(figures)
        if memory is not None:
            found.append(figure(f"{figures['work']}: memory above start", memory, 4, unit=" MB"))
    return found


def measure_imports(rounds: int) -> list[Figures]:
    """Measure what importing costs over bare Python, against importing the HTTP library."""
    ours = {
        "import kalbio": (1 / 3, "import kalbio"),
        "a client made": (1.5, "import kalbio; kalbio.KaleidoscopeClient('id', 'secret')"),
    }
    best = dict.fromkeys([BARE, HTTPX, *(code for _, code in ours.values())], float("inf"))
    for _ in range(max(rounds, 7)):
        for code in best:
            taken = seconds(partial(subprocess.run, [sys.executable, "-c", code], check=True))
            best[code] = min(best[code], taken)  # a noisy machine only ever adds time
    bare = best.pop(BARE)
    over = {code: taken - bare for code, taken in best.items()}
    return [
        figure(f"{name}, against import httpx", over[code] / over[HTTPX], limit, ours=over[code], raw=over[HTTPX])
        for name, (limit, code) in ours.items()
    ]


def run(rounds: int, *, quick: bool, only: str) -> Iterator[Figures]:
    """Measure everything whose name has this text in it."""
    with served("bench.server") as url, httpx.Client(base_url=url) as http:
        for workload in WORKLOADS:
            if only in workload.name and (workload.quick if quick else workload.full):
                # New clients: connections that are left from an earlier work cost each request a look at them.
                with connected(url, workload) as contenders:
                    turns = rounds if quick else max(rounds, workload.rounds)
                    yield from measure_workload(workload, contenders, http, url, turns, memory=not quick)
        with KaleidoscopeClient("bench", "bench", url) as client:
            if only in "100,000 contents, in memory":
                yield from measure_look_ups(client, rounds)
            if only in "identity checks, of the processor time for 10,000 records":
                yield from measure_checks(client, rounds)
            if only in "a record among 10,000, a record among 100,000" and not quick:
                yield from measure_growth(client, 3)
        if only in "iter_search" and not quick:
            yield from measure_search(url)
        if only in "iter_batches" and not quick:
            yield from measure_batches(url)
        if only in "iter_add_values" and not quick:
            yield from measure_stream(url)
    if only in "upload and download of 200 MB":
        yield from measure_files(rounds)
    if only in "upsert of 5,000 x 10":
        yield from upserts.run(500, 1) if quick else upserts.run(5000, rounds=3)
    if only in "mirror":
        yield from mirror.run(20_000, 2_000, 3) if quick else mirror.run(100_000, 100_000, 3)
    if only in "Provena":
        yield from provena.run(3 if quick else max(rounds, 9))
    if only in "Provena: upload and download of 1000 MB":
        yield from provena_files.run(64 if quick else 1000)
    if only in "imports":
        yield from measure_imports(rounds)


def show(results: list[Figures], rounds: int) -> None:
    """Print the table."""

    def both(result: Figures, name: str, other: str, scale: float = 1.0, digits: int = 0) -> str:
        values = [result.get(name), result.get(other)]
        return " / ".join("–" if value is None else f"{scale * value:.{digits}f}" for value in values)

    table = Table(title=f"ours / httpx and orjson alone, medians of {rounds} rounds or more", title_justify="left")
    for heading in ("work", "ms", "ratio", "limit", "requests", "connections", "CPU ms", "peak MB"):
        table.add_column(heading, justify="left" if heading == "work" else "right")
    for result in results:
        unit = result.get("unit")
        shown = f"{result['ratio']:.2f}" if unit is None else f"{result['ratio']:.3g}{unit}"
        table.add_row(
            result["work"],
            both(result, "ours", "raw", 1000, 3 if result.get("ours", 1) < 0.001 else 0) if "ours" in result else "",
            f"[{'red' if above(result) else 'green'}]{shown}[/]",
            "–" if result["limit"] is None else f"{result['limit']:.3g}",
            str(result.get("requests", "")),
            str(result.get("connections", "")),
            both(result, "cpu", "cpu raw", 1000) if "cpu" in result else "",
            both(result, "peak", "peak raw") if "peak" in result else "",
        )
    Console(width=150).print(table)


def above(result: Figures) -> bool:
    """Whether a figure is above its limit."""
    return result["limit"] is not None and result["ratio"] > result["limit"]


def main() -> int:
    """Measure, print, and say whether every figure is within its limit."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, help="rounds of each workload (default: 7, 3 with --quick)")
    parser.add_argument(
        "--quick", action="store_true", help="take two minutes: fewer rounds, without the slowest workloads"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="only workloads with this text in their name")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file")
    parser.add_argument("--picture", metavar="FILE", help="draw the ratios as SVG, and for dark pages in FILE-dark")
    arguments = parser.parse_args()

    rounds = arguments.rounds or (3 if arguments.quick else 7)
    results: list[Figures] = []
    for result in run(rounds, quick=arguments.quick, only=arguments.only):
        results.append(result)
        # All of it takes long: who stops it has what was measured so far.
        print(f"{result['work']}: {result['ratio']:.3g}{result.get('unit', '')}", file=sys.stderr, flush=True)
    show(results, rounds)
    if arguments.json:
        about = {"python": platform.python_version(), "cores": os.cpu_count(), "httpx": version("httpx")}
        Path(arguments.json).write_text(json.dumps({**about, "rounds": rounds, "figures": results}, indent=2))
    if arguments.picture:
        picture = Path(arguments.picture)
        ratios = [result for result in results if "unit" not in result and result["limit"] is not None]
        picture.write_text(draw(ratios))
        picture.with_stem(f"{picture.stem}-dark").write_text(draw(ratios, dark=True))
    over = [result for result in results if above(result)]
    for result in over:
        print(f"above its limit: {result['work']}: {result['ratio']:.3g} > {result['limit']:.3g}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
