"""Recipes of the guide, run with values that look like something else."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas
import pytest

from kalbio.loading import LoadRefusedError
from kalbio.testing import InProcess
from tests.test_docs import PAGES, ROOT, blocks


def recipe(page: str, name: str, client: Any) -> Callable[..., Any]:
    """Return a function of a page of the guide, with the imports and functions of its block."""
    block = next(block for block in blocks(ROOT / "docs" / "guide" / page) if f"def {name}(" in block.code)
    kept: list[ast.stmt] = [
        node for node in ast.parse(block.code).body if isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom)
    ]
    namespace: dict[str, Any] = {"client": client}
    exec(compile(ast.Module(kept, []), page, "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    return function


TABLE = [
    {
        "Compound": "0042", "Whole": 2, "Float": 2.0, "Exact": Decimal("2.50"), "Huge": 2**53 + 1, "Tiny": 1e-7,
        "Day": date(2026, 3, 1), "Midnight": datetime(2026, 3, 1), "Time": datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        "Stamp": pandas.Timestamp("2026-03-01T09:30:00.5+02:00"), "Flag": True, "Code": "0042", "Gone": "NA",
        "Text": "1e5", "Mixed": 2.0, "Nothing": None,
    },
    {
        "Compound": 43, "Whole": -3, "Float": 1e16, "Exact": Decimal("1E+3"), "Huge": -5, "Tiny": 0.1,
        "Day": date(1999, 12, 31), "Midnight": pandas.Timestamp("2026-03-02"), "Time": datetime(2026, 3, 1, tzinfo=UTC),
        "Stamp": pandas.Timestamp("2026-03-01", tz="UTC"), "Flag": False, "Code": "42", "Gone": "None",
        "Text": "2026-03-01", "Mixed": "2.0 or so", "Nothing": None,
    },
]  # fmt: skip


def written(client: Any) -> Counter[tuple[str, str]]:
    """Return how many values each field of each record of the table has had."""
    records = [client.records.get_record_by_id({"Compound": key}, use_cache=False) for key in ("0042", 43)]
    return Counter((record.id, value.field_id) for record in records for value in record.get_values())


@pytest.mark.parametrize("as_text", [False, True])
def test_the_nightly_load_writes_each_value_once(as_text: bool) -> None:
    """Three nights with the same table leave one value in the history of each field; what changed is a second one."""
    rows = TABLE
    if as_text:  # as the reader of a CSV file gives them
        rows = [
            {name: str(cell).lower() if isinstance(cell, bool) else str(cell) for name, cell in row.items() if cell}
            for row in TABLE
        ]
    with InProcess() as lab:
        nightly = recipe("loading-data.md", "nightly", lab.client)
        lab.client.entity_fields.get_or_create_key_field("Compound")
        cells = sum(len(row) - 1 - ("Nothing" in row) for row in rows)
        assert [nightly(rows) for _ in range(3)] == [cells, 0, 0]
        counts = written(lab.client)
        assert set(counts.values()) == {1}
        assert len(counts) == cells

        assert nightly([rows[0], {**rows[1], "Whole": "7", "Code": "042"}]) == 2
        assert Counter((written(lab.client) - counts).values()) == {1: 2}


def test_the_nightly_load_raises_before_anything_is_sent() -> None:
    """A cell that its field cannot take, and two rows that contradict each other, raise, and nothing is written."""
    with InProcess() as lab:
        nightly = recipe("loading-data.md", "nightly", lab.client)
        lab.client.entity_fields.get_or_create_key_field("Compound")
        nightly([{"Compound": "A", "Reading": 1.5}])
        for wrong in ({"Compound": "A", "Reading": "n.d."}, {"Compound": "B", "Reading": 3}):
            with pytest.raises(LoadRefusedError):
                nightly([{"Compound": "B", "Reading": 2}, wrong])
        assert lab.client.records.get_record_by_id({"Compound": "B"}) is None


def test_numbers_are_written_when_they_change() -> None:
    """The recipe for a single number writes it once however it is spelled, and writes a new one."""
    with InProcess() as lab:
        put_number = recipe("records-and-values.md", "put_number", lab.client)
        lab.client.entity_fields.get_or_create_data_field("Reading", "number")
        record = lab.client.records.get_or_create_record({"Compound": "A"})
        for number in (2, 2.0, "2.00", Decimal("2.0"), 2**53, 2**53 + 1, "9007199254740993"):
            put_number(record, "Reading", number)
        assert [value.content for value in record.get_values()] == [str(2**53 + 1), str(2**53), "2"]


def test_an_export_is_read_as_it_was_stored(tmp_path: Path) -> None:
    """Each call of read_csv in the guide gives keys and texts as they were stored, whatever they look like."""
    calls = [
        node
        for page in PAGES
        for block in blocks(page)
        for node in ast.walk(ast.parse(block.code))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pandas.read_csv"
    ]
    assert calls
    stored = {"0042": "NA", "0043": "None", "1e5": "null", "1_000": "2026-03-01", "x": "", "007": " 1 "}
    with InProcess() as lab:
        lab.client.entity_fields.get_or_create_key_field("Lot")
        lab.client.entity_fields.get_or_create_data_field("Remark", "text")
        for lot, remark in stored.items():
            lab.client.records.get_or_create_record({"Lot": lot}).add_value("Remark", remark)
        path = lab.client.exports.pull_data("lots.csv", "Lot", str(tmp_path))
        assert path is not None
        for call in calls:
            table = eval(ast.unparse(call), {"pandas": pandas, "path": path})
            assert dict(zip(table["Lot"], table["Remark"], strict=True)) == stored
