"""A mirror that was refreshed along the way is the same as a fresh copy, whatever was written meanwhile."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

import kalbio.mirror
from kalbio.testing import InProcess
from tests.rows import row

FIELDS = ("Potency (nM)", "SMILES", "Soluble")
CONTENTS: dict[str, list[Any]] = {"Potency (nM)": [7, 0.5], "SMILES": ["C", "CC"], "Soluble": [True, False]}


def contents(path: Path) -> dict[str, Any]:
    """Everything that a mirror shows: the columns of each table, and its rows."""
    found = {}
    with kalbio.mirror.connect(path) as db:
        for name in kalbio.mirror.status(path).rows:
            table = db.sql(f'select * from "{name}" order by all')
            found[name] = (table.columns, list(map(str, table.types)), table.fetchall())
    return found


def files(state: Path) -> dict[str, Any]:
    """The same of the Parquet files of a mirror."""
    told = json.loads((state / "_tables.json").read_text("utf-8"))["tables"]
    places = {name: state / one["file"] for name, one in told.items()} | {"values": state / "values" / "*.parquet"}
    found = {}
    with duckdb.connect() as db:
        db.sql("set TimeZone = 'UTC'")
        for name, place in places.items():
            table = db.sql(f"from read_parquet('{place}') order by all")
            found[name] = (table.columns, list(map(str, table.types)), table.fetchall())
    return found


def _record(lab: InProcess, number: int) -> Any:
    return lab.client.records.get_or_create_record({"Compound": f"SBX-{number}"})


def _screen(lab: InProcess) -> Any:
    lab.client.clear_caches()
    return lab.client.activities.get_activity_by_id("Kinase screen")


def write_value(lab: InProcess, number: int) -> None:
    """Write a value on a record, or in its activity."""
    field = FIELDS[number % 3]
    activity = "Kinase screen" if number % 2 and number % 7 < 4 else None
    record = _record(lab, number % 4 + 1 if activity else number % 7 + 1)
    if activity is None or record.id in _screen(lab).all_record_ids:
        record.add_value(field, CONTENTS[field][number % 2], activity_id=activity)


def load(lab: InProcess, number: int) -> None:
    """Load rows: one event that names no record."""
    rows = [{"Compound": f"SBX-{n % 9 + 1}", "SMILES": f"C{number}"} for n in range(number, number + 2)]
    lab.client.imports.wait(lab.client.imports.push_data(["Compound"], rows), interval=0.001)


def put_on(lab: InProcess, number: int) -> None:
    """Put a record on the activity."""
    _screen(lab).add_records([_record(lab, number % 7 + 1)])


def take_off(lab: InProcess, number: int) -> None:
    """Take a record off the activity: its values there are deleted."""
    screen = _screen(lab)
    if screen.all_record_ids:
        screen.remove_records([sorted(screen.all_record_ids)[number % len(screen.all_record_ids)]])


def add_field(lab: InProcess, number: int) -> None:
    """Make a field, and write a first value to it."""
    field = lab.client.entity_fields.get_or_create_data_field(f"New {number % 3}", "number")
    _record(lab, number % 7 + 1).add_value(field, number)


def rename(lab: InProcess, number: int) -> None:
    """Give a field that has a value, and a program, other names."""
    field = next(one for one in lab.client.entity_fields.get_data_fields() if str(one.field_name).startswith("Purity"))
    _record(lab, 1).add_value(field, number)
    field.update(field_name=f"Purity {number}")
    lab.client.programs.update_program(lab.client.programs.get_programs()[0], f"Program {number}")


def move(lab: InProcess, number: int) -> None:
    """Let a record be one of another entity type."""
    lab.client.records.get_or_create_record({"Compound": f"SBX-{number % 7 + 1}", "Batch": f"B{number}"})


WRITES: list[Callable[[InProcess, int], None]] = [write_value, load, put_on, take_off, add_field, rename, move]


def rename_field(lab: InProcess) -> None:
    """Give a field that has values another name, and do nothing else."""
    field = next(one for one in lab.client.entity_fields.get_data_fields() if one.field_name == "SMILES")
    field.update(field_name="Structure")


ALONE: list[Callable[[InProcess], object]] = [
    lambda lab: _record(lab, 8),  # a new record
    lambda lab: move(lab, 0),
    rename_field,
    lambda lab: add_field(lab, 1),
    lambda lab: put_on(lab, 4),
    lambda lab: _screen(lab).update(title="Another screen"),
    lambda lab: lab.fail("searchRecords", body=b"[]", times=100),  # all records are gone, or may not be read any more
]


def test_the_files_follow_every_kind_of_change() -> None:
    """After any one change, the Parquet files have what SQL shows: none is kept that should have been written."""
    with tempfile.TemporaryDirectory() as folder, InProcess() as lab:
        path = Path(folder) / "lab"
        mirror = lab.client.mirror(path, history=False, overlap=timedelta(0))
        mirror.refresh()
        for number, change in enumerate(ALONE):
            with row(number):
                before = kalbio.mirror.folder(path)
                change(lab)
                mirror.refresh()
                assert kalbio.mirror.folder(path) != before
                assert files(kalbio.mirror.folder(path)) == contents(path)


@settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(
    st.lists(st.lists(st.tuples(st.sampled_from(WRITES), st.integers(0, 60)), max_size=6), min_size=1, max_size=3),
    st.booleans(),
)
@example([[(move, 50)], [(take_off, 0), (load, 3)]], False)  # an entity type gets its first record
@example([[(take_off, 0), (put_on, 1), (put_on, 2)]], False)  # a record that is put back has lost its values there
def test_a_refreshed_mirror_is_a_fresh_copy(steps: list[Any], history: bool) -> None:
    """After any writes and refreshes, a mirror and its Parquet files show what a full copy shows."""
    with tempfile.TemporaryDirectory() as folder, InProcess() as lab:
        path, other = Path(folder) / "a", Path(folder) / "b.duckdb"
        mirror = lab.client.mirror(path, history=history, overlap=timedelta(0))
        mirror.refresh()
        for writes in steps:
            for write, number in writes:
                write(lab, number)
            assert mirror.refresh().full is False
        lab.client.mirror(other, history=history).refresh()
        fresh = contents(other)
        assert contents(path) == fresh
        assert files(kalbio.mirror.folder(path)) == fresh
