"""Bulk loads that are killed at any moment and run again with their journal: what is stored equals what was given."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from kalbio import KaleidoscopeClient
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve

FIELDS = ("Reading", "Control")
CHILD = """
import json, sys
from kalbio import KaleidoscopeClient
url, client_id, secret, rows, journal = sys.argv[1:]
with open(rows) as file:
    given = json.load(file)
with KaleidoscopeClient(client_id, secret, url) as client:
    result = client.records.add_values(given, journal=journal or None)
    print(result)
    sys.exit(0 if result.ok else 1)
"""
PATIENCE = 300.0
_OURS = f"field_id in (select id from document where json_extract(body, '$.field_name') in {FIELDS})"  # noqa: S608


def run(rows: int, kills: int, seed: int, *, journal: bool = True) -> dict[str, Any]:
    """Load so many rows, kill the load so often, and count what is stored too seldom, too often, or out of order."""
    draw = Random(seed)  # noqa: S311  # a trial that can be repeated
    started = time.monotonic()
    with Sandbox() as sandbox, serve(sandbox) as server, tempfile.TemporaryDirectory() as folder:
        credentials = (sandbox.settings.client_id, sandbox.settings.client_secret)
        with KaleidoscopeClient(*credentials, server.url) as client:
            given = rows_to_load(client, rows, draw)
        file, path = Path(folder) / "rows.json", Path(folder) / "load.db"
        file.write_text(json.dumps(given), encoding="utf-8")
        command = [sys.executable, "-c", CHILD, server.url, *credentials, str(file), str(path) if journal else ""]
        open_at_kill = carried_out = hits = 0
        for number in range(kills):
            # Spread over the load; without a journal each run begins with the first row.
            until = rows * (number + draw.random()) / kills if journal else written(sandbox) + draw.random() * rows / 9
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
                limit = time.monotonic() + PATIENCE
                while child.poll() is None and written(sandbox) <= until and time.monotonic() < limit:
                    time.sleep(0.002)
                child.kill()
            time.sleep(0.2)  # what is under way arrives
            if journal:
                sent, done = _noted(path)
                open_at_kill += sent
                carried_out += written(sandbox) - done
                hits += written(sandbox) > done
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as last:
            told, _ = last.communicate(timeout=PATIENCE)
        return {
            "rows": rows,
            "kills": kills,
            "kills with rows in that were not noted as done": hits,
            "rows that were open at a kill": open_at_kill,
            "of these carried out": carried_out,
            "told in the end": told.strip(),
            **compared(sandbox, given),
            "rows/s over all": round(rows / (time.monotonic() - started)),
        }


def held(figures: dict[str, Any]) -> bool:
    """Whether nothing was lost, doubled or out of order, although kills hit rows that were in already."""
    wrong = any(figures[name] for name in ("lost", "doubled", "places out of order"))
    hit = figures["kills with rows in that were not noted as done"] > figures["kills"] / 2
    return not wrong and hit and figures["told in the end"] == f"{figures['rows']} rows: {figures['rows']} done"


def rows_to_load(client: KaleidoscopeClient, count: int, draw: Random) -> list[dict[str, Any]]:
    """Return rows for some 0.4 places each, so that most places get several; one in ten repeats what was there."""
    for field in FIELDS:
        client.entity_fields.get_or_create_data_field(field, "number")
    made = client.imports.push_data(["Sample"], [{"Sample": f"S-{number}"} for number in range(count // 5 or 1)])
    client.imports.wait(made)
    ids = client.records.search_records(entity_slice_id="Sample")
    rows: list[dict[str, Any]] = []
    latest: dict[tuple[str, str], int] = {}
    for number in range(count):
        place = draw.choice(ids), draw.choice(FIELDS)
        if draw.random() > 0.1:
            latest[place] = number
        rows.append({"record": place[0], "field": place[1], "content": latest.setdefault(place, number)})
    return rows


def written(sandbox: Sandbox) -> int:
    """Return how many values of the load are there; the seed has others."""
    with sandbox.lock:
        return int(sandbox.store.rows(f"select count(*) from value where {_OURS}")[0][0])  # noqa: S608


def _noted(path: Path) -> tuple[int, int]:
    """Return how many rows the journal has as sent, and as done."""
    if not path.exists():
        return 0, 0
    with closing(sqlite3.connect(path)) as db:
        try:
            counts = dict(db.execute("select state, count(*) from row group by state").fetchall())
        except sqlite3.OperationalError:  # killed before there was a table
            counts = {}
    return counts.get("sent", 0), counts.get("done", 0)


def compared(sandbox: Sandbox, given: list[dict[str, Any]]) -> dict[str, int]:
    """Compare what is stored at each place with what was given for it."""
    with sandbox.lock:
        names = {field["id"]: field["field_name"] for field in sandbox.store.all("data_field")}
        values = sandbox.store.rows(
            f"select record_id, field_id, content from value where {_OURS} order by created"  # noqa: S608
        )
    stored: dict[tuple[str, str], list[float]] = {}
    for record_id, field_id, content in values:
        stored.setdefault((record_id, names[field_id]), []).append(float(json.loads(content)))
    wanted: dict[tuple[str, str], list[float]] = {}
    for row in given:
        wanted.setdefault((row["record"], row["field"]), []).append(float(row["content"]))
    lost = doubled = disordered = 0
    for place in wanted.keys() | stored.keys():
        there, asked = Counter(stored.get(place, [])), Counter(wanted.get(place, []))
        lost += (asked - there).total()
        doubled += (there - asked).total()
        disordered += there == asked and stored[place] != wanted[place]
    return {"lost": lost, "doubled": doubled, "places out of order": disordered}
