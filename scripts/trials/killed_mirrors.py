"""Refreshes of a mirror that are killed at any moment: readers never see half of one, and the end is a fresh copy."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb

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
        # One file, and one folder of Parquet; whatever is killed, both are right in the end.
        paths, other = [Path(folder) / "killed.duckdb", Path(folder) / "killed"], Path(folder) / "fresh.duckdb"
        commands = [[sys.executable, "-c", CHILD, server.url, *credentials, str(path)] for path in paths]
        rows = make_compounds(records)
        killed = broken = 0
        with KaleidoscopeClient(*credentials, server.url) as client:
            client.imports.wait(client.imports.push_data(["Compound"], rows), interval=0.01)
            whole = max(_seconds([*command, "full"]) for command in commands)
            for number in range(kills):
                path, command = paths[number % 2], commands[number % 2]
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
                broken += not _is_whole(paths[1] / "latest", records)
            for path in paths:
                client.mirror(path, overlap=timedelta(seconds=2), full_every=None).refresh()
            client.mirror(other).refresh()
        return {
            "records": records,
            "killed": killed,
            "of refreshes": kills,
            "readers that saw less than a whole copy": broken,
            "tables that differ from a fresh copy": _different(paths, other),
        }


def held(figures: dict[str, Any]) -> bool:
    """Whether nothing was lost, although refreshes were killed."""
    wrong = figures["readers that saw less than a whole copy"] or figures["tables that differ from a fresh copy"]
    return not wrong and figures["killed"] > figures["of refreshes"] / 3


def _seconds(command: list[str]) -> float:
    started = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - started


def _different(paths: list[Path], other: Path) -> list[str]:
    with kalbio.mirror.connect(other) as db:
        fresh = {name: _rows(db.table(f'"{name}"')) for name in kalbio.mirror.status(other).rows}
    found = []
    for path in paths:
        with kalbio.mirror.connect(path) as db:
            names = {*kalbio.mirror.status(path).rows, *fresh}
            found += [f"{path.name}: {name}" for name in names if _rows(db.table(f'"{name}"')) != fresh.get(name)]
    with duckdb.connect() as db:
        db.execute("set TimeZone = 'UTC'")
        for name, rows in fresh.items():
            place = paths[1] / "latest" / ("values/*.parquet" if name == "values" else f"{name}.parquet")
            if _rows(db.read_parquet(str(place))) != rows:
                found.append(f"Parquet: {name}")
    return sorted(found)


def _rows(table: Any) -> list[str]:
    return sorted(map(repr, table.fetchall()))


def _is_whole(state: Path, records: int) -> bool:
    """Whether a state has all its files, and these are of the same moment: a record has its values in another file."""
    listed = json.loads((state / "_tables.json").read_text("utf-8"))
    files = [state / one["file"] for group in listed.values() for one in group.values()]
    with duckdb.connect() as db:
        for file in files:
            db.read_parquet(str(file)).fetchall()
        for name in ("records", "Compound"):
            db.read_parquet(str(state / f"{name}.parquet")).create_view(name)
        db.read_parquet(f"{state}/values/*.parquet").create_view("all_values")
        ((count,),) = db.execute("select count(*) from records").fetchall()
        ((strangers,),) = db.execute("select count(*) from all_values anti join records using (record_id)").fetchall()
        ((older,),) = db.execute(
            "select count(*) from Compound c where SMILES is not null and not exists (from all_values v"
            " where v.record_id = c.record_id and v.field = 'SMILES' and v.value = c.SMILES)"
        ).fetchall()
    return int(count) >= records and strangers == older == 0
