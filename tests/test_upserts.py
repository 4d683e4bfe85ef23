"""Loads of tables: what a plan tells, what is written, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kalbio import IdentifierNotFoundError
from kalbio.loading import LoadRefusedError
from tests.conftest import Lab, World

WRITES = {
    "pushImport", "pushImportByFieldId", "addRecordValue", "getOrCreateRecord", "getOrCreateDataField",
    "getOrCreateKeyField", "uploadRecordValueFile",
}  # fmt: skip


def prepared(lab: Lab) -> Lab:
    """A sandbox that has a key field and some data fields."""
    fields, world = lab.api.entity_fields, lab.world
    world(fields.get_or_create_key_field("Compound"))
    for name, kind in (("Note", "text"), ("logP", "number"), ("Tags", "multiselect")):
        world(fields.get_or_create_data_field(name, kind))
    lab.exchanges.clear()
    return lab


@pytest.fixture
def lab(world: World) -> Iterator[Lab]:
    """A sandbox with fields."""
    made = prepared(Lab(world, retries=0))
    yield made
    made.close()


def table(count: int = 4, **more: Any) -> list[dict[str, Any]]:
    """Rows of compounds."""
    return [{"Compound": f"U-{n}", "Note": f"note {n}", "logP": n + 0.5, **more} for n in range(count)]


def upsert(lab: Lab, data: Any, key: Any = "Compound", **options: Any) -> Any:
    """Load a table."""
    return lab.world(lab.api.records.upsert(data, key, **options))


def plan(lab: Lab, data: Any, key: Any = "Compound", **options: Any) -> Any:
    """Plan a load."""
    return lab.world(lab.api.records.plan_upsert(data, key, **options))


def apply(lab: Lab, made: Any, **options: Any) -> Any:
    """Apply a plan."""
    return lab.world(made.apply(**options))


def writes(lab: Lab) -> list[str]:
    """What was written since this was asked last."""
    found = [name for name in lab.operations() if name in WRITES]
    lab.exchanges.clear()
    return found


def histories(lab: Lab, key: str) -> dict[str, list[Any]]:
    """All values that a record ever had, oldest first, by the name of the field."""
    record = lab.world(lab.api.records.get_record_by_id({"Compound": key}, use_cache=False))
    fields = lab.world(lab.api.entity_fields.get_data_fields())
    names = {field.id: field.field_name for field in fields}
    found: dict[str, list[Any]] = {}
    for value in reversed(lab.world(record.get_values())):
        found.setdefault(names[value.field_id], []).append(value.content)
    return found


def test_a_plan_writes_nothing_and_counts_what_is_new(lab: Lab) -> None:
    """A plan of a table of new records sends no write, and counts its records and cells."""
    made = plan(lab, table())
    assert writes(lab) == []
    assert (made.records_new, made.values_new, made.values_changed, made.values_unchanged) == (4, 8, 0, 0)
    assert "4 new" in str(made)
    assert not made.writes_nothing


def test_a_table_is_loaded_by_one_import(lab: Lab) -> None:
    """All rows go by one import, are read back, and hold what was given."""
    report = upsert(lab, table())
    assert writes(lab) == ["pushImportByFieldId"]
    assert report.ok
    assert report.records_made == 4
    assert report.counts == {"done": 8}
    assert histories(lab, "U-2") == {"Note": ["note 2"], "logP": ["2.5"]}


def test_the_same_table_three_times_is_written_once(lab: Lab) -> None:
    """The second and the third load send no write, and every history has one value."""
    upsert(lab, table())
    assert writes(lab) == ["pushImportByFieldId"]
    for _ in range(2):
        report = upsert(lab, [{**row, "logP": f"{row['logP']}0"} for row in table()])
        assert (report.ok, report.values_unchanged, len(report)) == (True, 8, 0)
    assert writes(lab) == []
    assert histories(lab, "U-3") == {"Note": ["note 3"], "logP": ["3.5"]}


def test_only_changed_cells_are_written(lab: Lab) -> None:
    """Of a table with one changed cell and one new one, these two are written and no other."""
    upsert(lab, table())
    rows = table()
    rows[1]["logP"] = 9
    rows[2] = {"Compound": "U-2", "Tags": ["a"]}
    made = plan(lab, rows)
    told = [(cell.key, cell.column, cell.status, cell.old, cell.new) for cell in made]
    assert told == [("U-1", "logP", "changed", "1.5", "9"), ("U-2", "Tags", "new", None, ["a"])]
    assert "'1.5' -> '9'" in str(made)
    assert apply(lab, made).ok
    assert histories(lab, "U-1") == {"Note": ["note 1"], "logP": ["1.5", "9"]}
    assert histories(lab, "U-2") == {"Note": ["note 2"], "logP": ["2.5"], "Tags": [["a"]]}


def test_what_no_import_carries_is_written_by_itself(lab: Lab) -> None:
    """Lists of a new record are single writes after the import that makes it, with an outcome each."""
    report = upsert(lab, table(2, Tags="x;y"))
    assert writes(lab) == ["pushImportByFieldId", "addRecordValue", "addRecordValue"]
    assert report.counts == {"done": 6}
    assert histories(lab, "U-1")["Tags"] == [["x", "y"]]


def test_refused_cells_stop_a_load_before_anything_is_sent(lab: Lab) -> None:
    """A cell that its field cannot take is named with row and column, and nothing is written."""
    rows = table()
    rows[2]["logP"] = "n.d."
    with pytest.raises(LoadRefusedError, match=r"1 cell: row 2 \(U-2\), 'logP': 'n.d.' is no number") as caught:
        upsert(lab, rows)
    assert writes(lab) == []
    assert [(cell.row, cell.column) for cell in caught.value.plan.refused] == [(2, "logP")]


def test_the_rest_is_loaded_when_asked_for(lab: Lab) -> None:
    """With on_error="continue" everything but the refused cell is written, and the report is not ok."""
    rows = table()
    rows[2]["logP"] = "n.d."
    report = upsert(lab, rows, on_error="continue")
    assert report.counts == {"refused": 1, "done": 7}
    assert not report.ok
    assert histories(lab, "U-2") == {"Note": ["note 2"]}


def test_a_cell_that_somebody_changed_since_the_plan_is_left_alone(lab: Lab) -> None:
    """A plan overwrites nothing that it has not seen; the other cells are written."""
    upsert(lab, table())
    made = plan(lab, [{**row, "Note": "ours", "logP": 7} for row in table()])
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "U-1"}))
    lab.world(record.add_value("logP", 8))

    report = apply(lab, made)
    (conflict,) = report.conflicts
    assert (conflict.key, conflict.column, conflict.old, conflict.new) == ("U-1", "logP", "8", "7")
    assert report.counts == {"conflict": 1, "done": 7}
    assert histories(lab, "U-1") == {"Note": ["note 1", "ours"], "logP": ["1.5", "8"]}


def test_a_plan_that_was_applied_writes_nothing_again(lab: Lab) -> None:
    """What is as planned by now is unchanged, whoever wrote it."""
    made = plan(lab, table())
    apply(lab, made)
    writes(lab)
    report = apply(lab, made)
    assert (report.ok, report.values_unchanged, writes(lab)) == (True, 8, [])


def test_columns_without_a_field_are_an_error(lab: Lab) -> None:
    """All columns that match no field are named with what comes close, before anything is sent."""
    with pytest.raises(IdentifierNotFoundError, match=r"'LogP' \(did you mean 'logP'\?\); 'Colour'"):
        plan(lab, [{"Compound": "U-1", "LogP": 1, "Colour": "red"}])
    assert upsert(lab, [{"Compound": "U-1", "LogP": 1, "Colour": "red"}], columns={"LogP": "logP", "Colour": None}).ok
    assert histories(lab, "U-1") == {"logP": ["1"]}


@pytest.mark.parametrize(
    "twin", ["u-1", "U-1 ", "U -1", "U\N{NO-BREAK SPACE}-1", "U\N{EN DASH}1", "\N{FULLWIDTH LATIN CAPITAL LETTER U}-1"]
)
def test_a_new_key_that_looks_like_another_one_is_held_back(lab: Lab, twin: str) -> None:
    """A near-twin of a key makes no second record unless that is asked for."""
    upsert(lab, table())
    made = plan(lab, [{"Compound": twin, "logP": 1}])
    assert [cell.row for cell in made.refusals.near_twins] == [0]
    assert "'U-1'" in made.refused[0].reason
    assert made.records_new == 0
    assert upsert(lab, [{"Compound": twin, "logP": 1}], near_twins="create").records_made == 1


def test_duplicate_keys_are_merged_or_refused(lab: Lab) -> None:
    """Rows of one key that do not contradict each other are one record; those that do are all refused."""
    made = plan(lab, [{"Compound": "A", "logP": 1}, {"Compound": "A", "Note": "n", "logP": "1.0"}])
    assert (made.records_new, made.values_new, made.refused) == (1, 2, [])
    made = plan(lab, [{"Compound": "A", "logP": 1}, {"Compound": "A", "logP": 2}])
    assert [cell.row for cell in made.refusals.duplicates] == [0, 1]
    assert "row 1, with other cells in 'logP'" in made.refused[0].reason
    assert made.records_new == 0


@pytest.mark.parametrize("key", [None, float("nan"), "", "  ", 1.5])
def test_rows_without_a_key_are_told(lab: Lab, key: Any) -> None:
    """A row without a key, or with something that is none, is told with its number and not loaded."""
    made = plan(lab, [{"Compound": "A", "logP": 1}, {"Compound": key, "logP": 1}])
    assert [cell.row for cell in made.refusals.without_key] == [1]
    assert made.records_new == 1


def test_a_list_without_rows_changes_nothing(lab: Lab) -> None:
    """There may be nothing to load: the report is ok, and nothing is asked."""
    report = upsert(lab, [])
    assert (report.ok, len(report), lab.operations()) == (True, 0, [])
