"""A frame of Dask that is loaded and read by workers which are killed at any moment: nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import dask
import distributed
import pandas
from dask.dataframe import from_pandas

import kalbio.dask
from kalbio import KaleidoscopeClient
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve

FIELDS = {"Reading": "number", "Plate": "text"}
WORKERS = 2
PATIENCE = 300.0


def run(rows: int, kills: int, seed: int) -> dict[str, Any]:
    """Load so many rows in partitions of 100 by two workers, kill one of them so often, and compare what is stored."""
    draw = Random(seed)  # noqa: S311  # a trial that can be repeated
    started = time.monotonic()
    with Sandbox() as sandbox, serve(sandbox) as server, tempfile.TemporaryDirectory() as folder:
        credentials = (sandbox.settings.client_id, sandbox.settings.client_secret)
        names = ("KALEIDOSCOPE_API_CLIENT_ID", "KALEIDOSCOPE_API_CLIENT_SECRET", "KALEIDOSCOPE_API_URL")
        environment = dict(zip(names, (*credentials, server.url), strict=True))
        settings = {"distributed.scheduler.allowed-failures": kills, "distributed.worker.memory.terminate": False}
        with (
            KaleidoscopeClient(*credentials, server.url) as client,
            mock.patch.dict(os.environ, environment),
            dask.config.set(settings),
            distributed.LocalCluster(
                n_workers=WORKERS, threads_per_worker=1, dashboard_address=None, local_directory=folder
            ) as cluster,
            distributed.Client(cluster) as workers,
        ):
            for name, kind in FIELDS.items():
                client.entity_fields.get_or_create_data_field(name, kind)
            client.entity_fields.get_or_create_key_field("Sample")
            client.records.get_or_create_record({"Sample": "the first one"})
            given = pandas.DataFrame(
                {
                    "Sample": [f"S-{n}" for n in range(rows)],
                    "Reading": range(rows),
                    "Plate": [f"P-{n}" for n in range(rows)],
                }
            )
            frame = from_pandas(given, chunksize=100)
            over = threading.Event()
            killed: list[int] = []
            killer = threading.Thread(
                target=_kill, args=(sandbox, workers, rows, kills, draw, over, killed), daemon=True
            )
            killer.start()
            try:
                # Without the journals everything that is repeated would be written again.
                report = kalbio.dask.upsert(frame, "Sample", journal_dir=Path(folder) / "journals", only_changed=False)
            finally:
                over.set()
                killer.join()
            read = kalbio.dask.read_records("Sample", fields=["Sample", *FIELDS], sorts=["Sample"], partition_size=100)
            there = read.compute()
            table = client.records.table("Sample", fields=["Sample", *FIELDS], sorts=["Sample"]).to_pandas()
        return {
            "rows": rows,
            "workers killed": len(killed),
            "all there by the report": report.ok,
            **_compared(sandbox, rows),
            "frame equals table": there.equals(table),
            "rows/s over all": round(rows / (time.monotonic() - started)),
        }


def held(figures: dict[str, Any]) -> bool:
    """Whether nothing was lost or doubled, although workers were killed."""
    whole = figures["all there by the report"] and figures["frame equals table"]
    return whole and not (figures["lost"] or figures["doubled"]) and figures["workers killed"] > 0


def _kill(
    sandbox: Sandbox,
    workers: distributed.Client,
    rows: int,
    kills: int,
    draw: Random,
    over: threading.Event,
    killed: list[int],
) -> None:
    """Kill a worker whenever some more rows are there, until the load is over."""
    for number in range(kills):
        until = rows * (number + draw.random()) / kills
        limit = time.monotonic() + PATIENCE
        # A worker that is killed while it starts is not started again by Dask.
        while (_written(sandbox) < until or len(workers.nthreads()) < WORKERS) and time.monotonic() < limit:
            if over.wait(0.01):
                return
        with suppress(OSError, ValueError, KeyError):  # both of them are starting
            pids = list(workers.run(os.getpid, on_error="ignore").values())
            pid = draw.choice(pids)
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)


def _written(sandbox: Sandbox) -> int:
    with sandbox.lock:
        return int(sandbox.store.rows("select count(*) from value")[0][0]) // len(FIELDS)


def _compared(sandbox: Sandbox, rows: int) -> dict[str, int]:
    """Count the values that are there too seldom, and too often."""
    with sandbox.lock:
        fields = {field["id"] for field in sandbox.store.all("data_field") if field["field_name"] in FIELDS}
        values = sandbox.store.rows("select field_id, content from value")
    counts = Counter((field, content) for field, content in values if field in fields)
    return {
        "lost": rows * len(FIELDS) - len(counts),
        "doubled": sum(count - 1 for count in counts.values()),
    }
