"""Bulk loads whose journal meets a full disk again and again, and that go on with it: what is stored is what was given.

The limit on the size of files stands for the disk: it needs no rights, and the system refuses to write just the same.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from kalbio import KaleidoscopeClient
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve
from scripts.trials.killed_loads import PATIENCE, compared, rows_to_load, written

CHILD = """
import json, resource, sys
from kalbio import JournalError, KaleidoscopeClient
url, client_id, secret, rows, journal, limit = sys.argv[1:]
with open(rows) as file:
    given = json.load(file)
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
with KaleidoscopeClient(client_id, secret, url) as client:
    try:
        result, why = client.records.add_values(given, journal=journal), ""
    except JournalError as error:
        result, why = error.outcome, str(error)
    print(json.dumps({"done": 0 if result is None else len(result.done), "why": why}))
"""
_FIRST = 16_384  # a journal without rows
_ROW = 60  # bytes of a row at least


def run(rows: int, fills: int, seed: int, *, forgetful: bool = False) -> dict[str, Any]:
    """Load so many rows on a disk that is full so often, with a little more room each time.

    With `forgetful` each run gets the journal as it was before the last one, to see that the trial notices.
    """
    draw = Random(seed)  # noqa: S311  # a trial that can be repeated
    started = time.monotonic()
    with Sandbox() as sandbox, serve(sandbox) as server, tempfile.TemporaryDirectory() as folder:
        credentials = (sandbox.settings.client_id, sandbox.settings.client_secret)
        with KaleidoscopeClient(*credentials, server.url) as client:
            given = rows_to_load(client, rows, draw)
        file, path, kept = Path(folder) / "rows.json", Path(folder) / "load.db", Path(folder) / "kept.db"
        file.write_text(json.dumps(given), encoding="utf-8")

        def load(limit: int) -> dict[str, Any]:
            command = [sys.executable, "-c", CHILD, server.url, *credentials, str(file), str(path), str(limit)]
            ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
            return {"done": 0, "why": "", **json.loads(ended.stdout or "{}")}

        full = untold = begun = 0
        for number in range(fills):
            before = written(sandbox)
            if forgetful and path.exists():
                shutil.copy(path, kept)
            told = load(_FIRST + int(rows * _ROW * (number + draw.random()) / fills))
            full += "a quota or a limit on the size of files is reached" in told["why"]
            untold += abs(written(sandbox) - told["done"])
            begun += written(sandbox) > before
            if forgetful and kept.exists():
                kept.rename(path)
        last = load(0)
        return {
            "rows": rows,
            "full disks": fills,
            "loads that ended by it": full,
            "of these with rows sent": begun,
            "rows that are in and were not told": untold,
            "done in the end": last["done"],
            **compared(sandbox, given),
            "rows/s over all": round(rows / (time.monotonic() - started)),
        }


def held(figures: dict[str, Any]) -> bool:
    """Whether each load was told what was in when the disk was full, and nothing is lost, doubled or out of order."""
    wrong = ("lost", "doubled", "places out of order", "rows that are in and were not told")
    return (
        not any(figures[name] for name in wrong)
        and figures["loads that ended by it"] == figures["full disks"]
        and figures["of these with rows sent"] > figures["full disks"] / 2
        and figures["done in the end"] == figures["rows"]
    )
