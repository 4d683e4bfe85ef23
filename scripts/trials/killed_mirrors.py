"""Refreshes of a mirror that are killed at any moment: readers never see half of one, and the end is a fresh copy."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import kalbio.mirror
from kalbio import KaleidoscopeClient, MirrorError
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve
from kalbio.testing import make_compounds

CHILD = """
import sys
from datetime import timedelta
import kalbio._mirror
from kalbio import KaleidoscopeClient
url, client_id, secret, target, full = sys.argv[1:]
kalbio._mirror._FLUSH = 200
with KaleidoscopeClient(client_id, secret, url) as client:
    client.mirror(target, overlap=timedelta(seconds=2)).refresh(full=full == "full")
"""


def run(records: int, kills: int, seed: int) -> dict[str, Any]:
    """Kill so many refreshes, with writes between them, and compare the mirror with a fresh copy."""
    draw = Random(seed)  # noqa: S311  # a trial that can be repeated
    with Sandbox() as sandbox, serve(sandbox) as server, tempfile.TemporaryDirectory() as folder:
        credentials = (sandbox.settings.client_id, sandbox.settings.client_secret)
        path, other = Path(folder) / "killed.duckdb", Path(folder) / "fresh.duckdb"
        command = [sys.executable, "-c", CHILD, server.url, *credentials, str(path)]
        rows = make_compounds(records)
        killed = broken = 0
        with KaleidoscopeClient(*credentials, server.url) as client:
            client.imports.wait(client.imports.push_data(["Compound"], rows), interval=0.01)
            whole = _seconds([*command, "full"])
            for number in range(kills):
                for row in draw.sample(rows, 5):
                    client.records.get_or_create_record({"Compound": row["Compound"]}).add_value("SMILES", f"C{number}")
                with subprocess.Popen([*command, draw.choice(["full", "changes"])]) as child:
                    try:
                        child.wait(draw.random() * whole)
                    except subprocess.TimeoutExpired:
                        child.kill()
                        killed += 1
                try:
                    broken += kalbio.mirror.status(path).rows["records"] < records
                except MirrorError:
                    broken += 1
            client.mirror(path, overlap=timedelta(seconds=2), full_every=None).refresh()
            client.mirror(other).refresh()
        return {
            "records": records,
            "killed": killed,
            "of refreshes": kills,
            "readers that saw less than a whole copy": broken,
            "tables that differ from a fresh copy": _different(path, other),
        }


def held(figures: dict[str, Any]) -> bool:
    """Whether nothing was lost, although refreshes were killed."""
    wrong = figures["readers that saw less than a whole copy"] or figures["tables that differ from a fresh copy"]
    return not wrong and figures["killed"] > figures["of refreshes"] / 3


def _seconds(command: list[str]) -> float:
    started = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - started


def _different(path: Path, other: Path) -> list[str]:
    with kalbio.mirror.connect(path) as one, kalbio.mirror.connect(other) as two:
        names = sorted({*kalbio.mirror.status(path).rows, *kalbio.mirror.status(other).rows})
        return [name for name in names if _rows(one, name) != _rows(two, name)]


def _rows(db: Any, name: str) -> list[str]:
    return sorted(map(repr, db.table(f'"{name}"').fetchall()))
