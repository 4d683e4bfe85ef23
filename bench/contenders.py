"""Those who do the works: our clients and the HTTP library, sync and async.

python -m bench.contenders URL CONTENDER WORK             prints the peak of memory above the start, in MB
python -m bench.contenders URL CONTENDER WORK again       does the work once for each line that it reads
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import attrs
import httpx

from bench.memory import peak_above_start
from bench.server import FIELD_IDS, RECORD_IDS
from bench.workloads import Workload
from bench.works import WORKLOADS
from kalbio import AsyncKaleidoscopeClient, KaleidoscopeClient
from kalbio.records import ValueToWrite

NAMES = ("ours", "raw", "ours_async", "raw_async")


@attrs.frozen
class Cost:
    """What a work took: seconds of time, and of the processor in this process."""

    seconds: float
    cpu: float


class Contenders:
    """Our clients and those of the HTTP library, connected to one server."""

    def __init__(self, url: str, stack: contextlib.ExitStack) -> None:
        self._runner = stack.enter_context(asyncio.Runner())
        self._ours = stack.enter_context(KaleidoscopeClient("bench", "bench", url))
        self._raw = stack.enter_context(httpx.Client(base_url=url))
        self._ours_async = AsyncKaleidoscopeClient("bench", "bench", url)
        self._raw_async = httpx.AsyncClient(base_url=url)
        stack.callback(lambda: self._runner.run(self._ours_async.aclose()))
        stack.callback(lambda: self._runner.run(self._raw_async.aclose()))

    def do(self, name: str, workload: Workload) -> Cost:
        """Let one of them do a work, with empty caches and a clean heap."""
        self._ours.clear_caches()
        self._ours_async.clear_caches()
        workload.prepare()
        gc.collect()
        started, busy = time.perf_counter(), time.process_time()
        way = getattr(workload, name)
        kept: list[Any] = []  # until the clock has been stopped
        if name.endswith("_async"):
            client: Any = self._ours_async if name == "ours_async" else self._raw_async

            async def run() -> None:
                kept.append(await way(client))

            self._runner.run(run())
        else:
            kept.append(way(self._ours if name == "ours" else self._raw))
        return Cost(time.perf_counter() - started, time.process_time() - busy)

    def warm_up(self, name: str) -> None:
        """Load the modules and open the connection."""
        if name == "ours":
            self._ours.records.get_records_by_ids(RECORD_IDS[:2])
        elif name == "ours_async":
            self._runner.run(self._ours_async.records.get_records_by_ids(RECORD_IDS[:2]))
        elif name == "raw":
            self._raw.get("/bench/counts")
        else:
            self._runner.run(self._raw_async.get("/bench/counts"))

    def iterate(self) -> dict[str, Any]:
        """Go through all records of a search; returns how many there were, and the requests before the first one."""
        records = self._ours.records.iter_search()
        self._raw.get("/bench/counts")
        next(records)
        asked = self._raw.get("/bench/counts").json()["requests"]
        return {"records": 1 + sum(1 for _ in records), "requests before the first": asked}

    def batches(self) -> dict[str, Any]:
        """Go through all records as tables; returns how many there were."""
        parts = self._ours.records.iter_batches(fields=FIELD_IDS)
        return {"records": sum(map(len, parts))}

    def stream(self, count: int) -> dict[str, Any]:
        """Write values as they come; returns how many went in."""
        rows = (ValueToWrite(record=RECORD_IDS[n], field=FIELD_IDS[0], content=n) for n in range(count))
        return {"written": sum(outcome.status == "done" for outcome in self._ours.records.iter_add_values(rows))}


class Apart:
    """The same, each in a process of its own, for one work."""

    def __init__(self, url: str, workload: Workload, stack: contextlib.ExitStack) -> None:
        self._processes = {
            name: stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "bench.contenders", url, name, workload.name, "again"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for name in NAMES
        }
        for process in self._processes.values():
            stack.callback(process.kill)
            assert process.stdout is not None
            process.stdout.readline()  # it is ready: none must work while another one is measured

    def do(self, name: str, workload: Workload) -> Cost:
        """Let one of them do the work."""
        process = self._processes[name]
        assert process.stdin is not None
        assert process.stdout is not None
        print("again", file=process.stdin, flush=True)
        return Cost(**json.loads(process.stdout.readline()))

    def warm_up(self, name: str) -> None:
        """Nothing: they do it themselves."""


@contextlib.contextmanager
def connected(url: str, workload: Workload | None = None) -> Iterator[Contenders | Apart]:
    """Yield the contenders, connected to a server, and apart for a work that needs it."""
    with contextlib.ExitStack() as stack:
        if workload is not None and workload.apart:
            yield Apart(url, workload, stack)
        else:
            yield Contenders(url, stack)


def main(url: str, name: str, title: str, again: str = "") -> None:
    """Do a work once and print the peak of memory above the start; or do it again and again."""
    figures: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        contenders = Contenders(url, stack)
        contenders.warm_up(name)
        workload = next((workload for workload in WORKLOADS if workload.name == title), None)
        if again:
            assert workload is not None
            contenders.do(name, workload)
            print("ready", flush=True)
            for _ in sys.stdin:
                print(json.dumps(attrs.asdict(contenders.do(name, workload))), flush=True)
            return
        if title == "iter_search":
            contenders.warm_up("raw")
            peak = peak_above_start(lambda: figures.update(contenders.iterate()))
        elif title == "iter_batches":
            contenders.warm_up(name)
            peak = peak_above_start(lambda: figures.update(contenders.batches()))
        elif title == "iter_add_values":
            contenders.stream(1000)
            peak = peak_above_start(lambda: figures.update(contenders.stream(20_000)))
        else:
            assert workload is not None
            workload.prepare()
            peak = peak_above_start(lambda: contenders.do(name, workload))
    print(json.dumps({"peak": peak, **figures}))


if __name__ == "__main__":
    main(*sys.argv[1:])
