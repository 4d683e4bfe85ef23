"""Loads of tables: what a plan tells, what is written, and what became of it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from kalbio import AmbiguousIdentifierError, FieldTypeError, IdentifierError, IdentifierNotFoundError, OutcomeError
from kalbio.loading import LoadRefusedError, LoadReport
from kalbio.loading.near_twins import difference, near_twins
from kalbio.reading import decimal_comma
from kalbio.sandbox import records
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


@pytest.mark.parametrize(("cell", "reason"), [
    ("1.2 µM", "is in 'µM', and the name of the field says 'nM'; give a converter that makes it a number in the unit of"
               " the field"),
    ("1,2 µM", "is in 'µM', has a decimal comma, and the name of the field says 'nM'; give a converter that makes it a"
               " number in the unit of the field"),
    ("1.2 nM", "has more than a number; where 'nM' is the unit of the field give the converter"
               " kalbio.reading.without_unit('nM'), and convert what has another one"),
])  # fmt: skip
def test_a_unit_that_is_not_that_of_the_field_is_told(lab: Lab, cell: str, reason: str) -> None:
    """Where the name of a field has another unit than a cell, nobody is told to take the unit of the cell away."""
    lab.world(lab.api.entity_fields.get_or_create_data_field("Potency (nM)", "number"))
    made = plan(lab, [{"Compound": "U-1", "Potency (nM)": cell}])
    assert [one.reason for one in made.refused] == [reason]


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


def test_a_column_of_another_key_field_is_to_be_in_key(lab: Lab) -> None:
    """Of a column that is a key field of a type with the key, the error says first to name both in key."""
    lab.world(lab.api.entity_fields.get_or_create_key_field("Tube"))
    rows = [{"Compound": "U-1", "Tube": "T-1", "logP": 1}]
    with pytest.raises(IdentifierNotFoundError, match=r"'Tube' \(a key field, which is not in key\)") as caught:
        plan(lab, rows)
    assert "key=[" not in str(caught.value)  # there is no such type
    upsert(lab, [{"Compound": "U-0", "Tube": "T-1"}], ["Compound", "Tube"])
    cure = r"the type 'Compound \+ Tube', give key=\['Compound', 'Tube'\]\. Say which .*columns={'Tube': None}"
    with pytest.raises(IdentifierNotFoundError, match=cure):
        plan(lab, rows)


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
    made = plan(lab, [{"Compound": twin, "logP": 1}], near_twins="create")
    assert "a new record is made for " in str(made)
    assert "which differs from the record 'U-1' in " in str(made)
    assert apply(lab, made).records_made == 1


def test_the_record_that_a_new_one_belongs_to_is_looked_for(lab: Lab) -> None:
    """A batch of a near-twin of a compound is held back, and one of a compound that is not there is told of."""
    upsert(lab, table())
    lab.world(lab.api.entity_fields.get_or_create_key_field("Batch"))
    keys = ["Compound", "Batch"]
    rows = [
        {"Compound": "u-1", "Batch": "B-1", "logP": 1},
        {"Compound": "U-1", "Batch": "B-1", "logP": 1},
        {"Compound": "NEW-9", "Batch": "B-1", "logP": 1},
    ]
    alone = plan(lab, [rows[0]], keys)
    assert "would belong to 'u-1', which differs from 'U-1' of Compound in case only" in alone.refused[0].reason
    assert alone.records_new == 0
    assert list(alone.notes) == []
    others = plan(lab, rows[1:], keys)
    assert list(others.refused) == []
    assert list(others.notes) == ["without a record of Compound that they belong to: 1 record (row 1)"]
    assert apply(lab, others).records_made == 2
    again = plan(lab, rows[1:], keys)
    assert (list(again.notes), again.values_unchanged) == ([], 2)
    chosen = plan(lab, [{**rows[0], "Batch": "B-2"}], keys, near_twins="create")
    assert apply(lab, chosen).records_made == 1
    assert "would belong to 'u-1'" in " ".join(chosen.notes)


def test_duplicate_keys_are_merged_or_refused(lab: Lab) -> None:
    """Rows of one key that do not contradict each other are one record; those that do are all refused."""
    made = plan(lab, [{"Compound": "A", "logP": 1}, {"Compound": "A", "Note": "n", "logP": "1.0"}])
    assert (made.records_new, made.values_new, made.refused) == (1, 2, [])
    merged = next(line for line in str(made).splitlines() if line.split()[0] == "merged")
    assert merged.endswith("1 row into another one of the same key")
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


def test_several_keys_are_one_key(lab: Lab) -> None:
    """Records of several key fields are found and told apart by all of them, whatever the order of the columns."""
    lab.world(lab.api.entity_fields.get_or_create_key_field("Batch"))
    rows = [{"Batch": f"B-{n % 2}", "logP": n, "Compound": f"U-{n // 2}"} for n in range(4)]
    assert upsert(lab, rows, ["Compound", "Batch"]).records_made == 4
    rows[2]["logP"] = 7
    made = plan(lab, rows, ["Batch", "Compound"])
    assert [(cell.key, cell.new) for cell in made] == [("B-0 / U-1", "7")]
    with pytest.raises(ValueError, match=r"identified by .*'Compound'.* together, not by 'Batch'"):
        plan(lab, [{"Batch": "B-0"}], "Batch", entity_type=lab_type(lab, 2))


def lab_type(lab: Lab, keys: int) -> Any:
    """The entity type that has so many key fields."""
    return next(
        kind for kind in lab.world(lab.api.entity_types.get_types(use_cache=False)) if len(kind.key_field_ids) == keys
    )


def test_an_activity_and_a_program_are_written_in(lab: Lab) -> None:
    """With an activity, what counts is what was written in it; records join it also where no cell is to be written."""
    upsert(lab, table(3))
    lab.world(lab.api.programs.create_program("Loads"))
    where = {"activity": "Kinase screen", "program": "Loads"}
    rows = [{"Compound": "U-0", "logP": 0.5}, {"Compound": "U-1", "logP": 9}, {"Compound": "U-2"}]
    made = plan(lab, rows, **where)
    assert [(cell.key, cell.column, cell.status) for cell in made] == [
        ("U-0", "logP", "new"), ("U-1", "logP", "new"), ("U-2", None, "joins"),
    ]  # fmt: skip
    assert "3 records that are not yet in" in str(made)
    assert apply(lab, made).ok
    writes(lab)
    assert upsert(lab, rows, **where).ok
    assert writes(lab) == []
    activity = lab.world(lab.api.activities.get_activity_by_id("Kinase screen"))
    assert len(lab.world(lab.api.records.search_records(operation_id=activity, program_id="Loads"))) == 3
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "U-0"}))
    assert [value.operation_id for value in lab.world(record.get_values()) if value.content == "0.5"] == [
        activity.id, None,
    ]  # fmt: skip


def test_fields_are_made_when_asked_for(lab: Lab) -> None:
    """Columns without a field get one of a type that takes all cells, or of the type that was given; once."""
    rows = [{"Compound": "U-0", "Yield": 1.5, "Lot": 42, "Empty": None}, {"Compound": "U-1", "Yield": 2, "Lot": 7}]
    made = plan(lab, rows, create_fields=True)
    assert made.new_fields == {"Yield": "number", "Lot": "number"}
    assert writes(lab) == []
    made = plan(lab, rows, create_fields={"Yield": "number", "Lot": "text"}, columns={"Empty": None})
    assert "'Lot' (text)" in str(made)
    assert apply(lab, made).ok
    assert writes(lab) == ["getOrCreateDataField", "getOrCreateDataField", "pushImportByFieldId"]
    assert histories(lab, "U-0") == {"Yield": ["1.5"], "Lot": ["42"]}
    assert upsert(lab, rows, create_fields=True).values_unchanged == 4
    assert writes(lab) == []


def test_a_field_that_looks_like_another_one_is_not_made(lab: Lab) -> None:
    """A column whose name differs from that of a field in case or blanks only is an error, also with create_fields."""
    for name in ("LOGP", "logP ", "log P"):
        with pytest.raises(IdentifierError, match="would stand beside 'logP'"):
            plan(lab, [{"Compound": "U-0", name: 1}], create_fields=True)
    with pytest.raises(FieldTypeError):
        plan(lab, [{"Compound": "U-0", "logP": 1}], create_fields={"logP": "text"})


def test_a_type_whose_first_record_was_made_meanwhile_is_read(lab: Lab) -> None:
    """A plan for a type without records meets those that others have made since: their values are conflicts."""
    lab.client.entity_fields.get_or_create_key_field("Plate")
    lab.client.entity_fields.get_or_create_data_field("Remark", "text")
    made = plan(lab, [{"Plate": "P-1", "Remark": "ours"}], key="Plate")
    lab.client.records.get_or_create_record({"Plate": "P-1"}).add_value("Remark", "theirs")
    assert [(cell.old, cell.new) for cell in apply(lab, made).conflicts] == [("theirs", "ours")]


def test_a_field_that_somebody_made_since_the_plan_is_not_written_over(lab: Lab) -> None:
    """The values of a field that was to be made, and was made by somebody else, are conflicts."""
    upsert(lab, table(1))
    made = plan(lab, [{"Compound": "U-0", "Lot": "ours"}], create_fields={"Lot": "text"})
    field = lab.world(lab.api.entity_fields.get_or_create_data_field("Lot", "text"))
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "U-0"}))
    lab.world(record.add_value(field, "theirs"))
    assert [(cell.old, cell.new) for cell in apply(lab, made).conflicts] == [("theirs", "ours")]


def test_all_cells_are_written_when_asked_for(lab: Lab) -> None:
    """With only_changed=False what is there already is written again, and a change by others is a conflict still."""
    upsert(lab, table(2))
    made = plan(lab, table(2), only_changed=False)
    assert made.values_changed == 4
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "U-1"}))
    lab.world(record.add_value("Note", "theirs"))
    report = apply(lab, made)
    assert report.counts == {"conflict": 1, "done": 3}
    assert histories(lab, "U-0") == {"Note": ["note 0"] * 2, "logP": ["0.5"] * 2}


def test_of_a_type_with_many_records_those_of_the_table_are_read(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the type has many more records than the table, they are asked for by their keys; the result is the same."""
    upsert(lab, table(20))
    for kind in ("kalbio.aio._load_state", "kalbio._load_state"):
        monkeypatch.setattr(f"{kind}._FEW", 3)
    lab.exchanges.clear()
    rows = [{"Compound": "U-3", "logP": 3.5, "Note": "n"}, {"Compound": "U-x", "logP": 1}]
    made = plan(lab, rows)
    assert "identifyRecords" in lab.operations()
    assert "listRecords" not in lab.operations()
    assert [(cell.key, cell.column, cell.old) for cell in made] == [("U-3", "Note", "note 3"), ("U-x", "logP", None)]
    assert "Only common other spellings of the new keys were looked up" in str(made)
    twins = plan(lab, [{"Compound": name} for name in ("u-7", " U-8", "U -9", "U\N{EN DASH}4")])
    assert [cell.row for cell in twins.refusals.near_twins] == [0, 1, 2, 3]
    report = apply(lab, made)
    assert (report.ok, report.records_made) == (True, 1)
    assert upsert(lab, rows).values_unchanged == 3


def test_reads_are_few(lab: Lab) -> None:
    """Of 1,000 records that are there, all with what the table says, a load takes one request for some 200 of them."""
    upsert(lab, table(1000))
    lab.exchanges.clear()
    report = upsert(lab, table(1000))
    assert report.values_unchanged == 2000
    assert len(lab.operations()) <= 10


def test_rows_that_the_platform_leaves_out_are_failed(lab: Lab) -> None:
    """What an import reports as left out is failed with its reason, and the other rows are done."""
    key = lab.world(lab.api.entity_fields.get_key_field_by_id("Compound"))
    lab.world(key.update(regex_format="U-[0-9]", format_enforcement="enforce_only"))
    report = upsert(lab, [*table(2), {"Compound": "X-1", "logP": 1, "Note": "n"}])
    assert report.counts == {"failed": 2, "done": 4}
    assert report.records_made == 2
    assert "left out with its row: 'Compound' = 'X-1' (invalid_format: key field" in report.failed[0].reason
    with pytest.raises(OutcomeError, match=r"2 failed, 4 done; the first one: row 2 \(X-1\), 'Note'"):
        report.raise_for_failures()


def test_files_are_uploaded_once(lab: Lab, tmp_path: Path) -> None:
    """A path in a column of files uploads the file, with an outcome; the same bytes are not uploaded again."""
    lab.world(lab.api.entity_fields.get_or_create_data_field("Spectrum", "file"))
    file = tmp_path / "nmr.txt"
    file.write_bytes(b"1 2 3")
    rows = [{"Compound": "U-0", "Spectrum": str(file)}, {"Compound": "U-1", "Spectrum": file}]
    made = plan(lab, rows)
    assert [cell.new for cell in made] == [str(file)] * 2
    assert apply(lab, made).counts == {"done": 2}
    assert writes(lab) == ["pushImportByFieldId", "uploadRecordValueFile", "uploadRecordValueFile"]
    assert upsert(lab, rows).values_unchanged == 2
    assert writes(lab) == []
    file.write_bytes(b"1 2 4")  # of the same size
    report = upsert(lab, rows[:1])
    assert (report.ok, len(report.done)) == (True, 1)
    content = histories(lab, "U-0")["Spectrum"]
    assert [lab.world(lab.api.files.read_file(one["file_id"])) for one in content] == [b"1 2 3", b"1 2 4"]
    with pytest.raises(LoadRefusedError, match="is the path of no file that is there"):
        upsert(lab, [{"Compound": "U-0", "Spectrum": str(tmp_path / "no.txt")}])
    file_gone = plan(lab, [{"Compound": "U-2", "Spectrum": str(file)}])
    file.unlink()
    assert "cannot be read" in apply(lab, file_gone).failed[0].reason


def test_a_report_is_saved_and_read(lab: Lab, tmp_path: Path) -> None:
    """A report reads back from its file as it was, with the outcome of each cell; other files are refused."""
    upsert(lab, table(2))
    made = plan(lab, [*table(3), {"Compound": "U-9", "logP": "n.d."}, {"Compound": "U-1", "logP": 5, "Tags": "a"}])
    report = apply(lab, made)
    report.save(tmp_path / "report.json")
    again = LoadReport.load(tmp_path / "report.json")
    assert str(again) == str(report)
    assert [attrs.evolve(cell, new=None) for cell in again] == [attrs.evolve(cell, new=None) for cell in report]
    assert (again.records_made, again.import_ids, again.ok) == (report.records_made, report.import_ids, False)
    text = (tmp_path / "report.json").read_text()
    assert "sandbox-" not in text
    apply(lab, plan(lab, [{"Compound": "U-9", "logP": object()}])).save(tmp_path / "odd.json")
    assert "object object" in LoadReport.load(tmp_path / "odd.json").refused[0].new
    (tmp_path / "other.json").write_text('{"format": "x"}')
    with pytest.raises(ValueError, match="is no report of a load"):
        LoadReport.load(tmp_path / "other.json")


def test_plans_and_reports_are_tables(lab: Lab) -> None:
    """Each cell of a plan and of a report is a row of a table, whatever it holds."""
    upsert(lab, table(2))
    made = plan(lab, [{"Compound": "U-0", "logP": 5, "Tags": ["a"]}, {"Compound": "U-7", "Note": {1: 2}}])
    rows = made.table().to_rows()
    assert [(row["row"], row["column"], row["status"], row["old"], row["new"]) for row in rows] == [
        (1, "Note", "refused", None, '{"1":2}'), (0, "logP", "changed", "0.5", "5"), (0, "Tags", "new", None, '["a"]'),
    ]  # fmt: skip
    rows = apply(lab, made).table().to_rows()
    assert [(row["key"], row["status"]) for row in rows] == [("U-0", "done"), ("U-0", "done"), ("U-7", "refused")]


def test_what_is_shown_is_bounded_and_escaped(lab: Lab) -> None:
    """Plans and reports show a summary first, then a part of what needs attention, and text as text."""
    upsert(lab, table(40))
    rows = [{"Compound": f"U-{n}", "logP": "<b>x</b>" if n else 7, "Note": "new"} for n in range(40)]
    made = plan(lab, rows)
    for shown in (made, apply(lab, made)):
        text, page = str(shown), shown._repr_html_()
        assert len(text.splitlines()) < 45
        assert "39 cells" in text
        assert "'logP': 39 cells (rows 1, 2, 3, 4, 5, ...): '<b>x</b>'" in text
        assert text.count("<b>x</b>") == 1
        assert "<b>x" not in page
        assert "&lt;b&gt;x" in page
        assert page.index("39 cells") < page.index("&lt;b&gt;x")
        assert page.count("<tr") < 40


def test_a_file_is_loaded_as_it_stands(lab: Lab, tmp_path: Path) -> None:
    """Of a CSV file the lines are the numbers of the rows, and the types of the fields say what cells mean."""
    path = tmp_path / "load.csv"
    path.write_text("Compound;Note;logP\n0042;1E5;2,5\nU-1;NA;n.d.\n", encoding="utf-8")
    converters: dict[str, Any] = {"logP": decimal_comma}
    made = plan(lab, path, converters=converters)
    assert [(cell.row, cell.column) for cell in made.refused] == [(3, "logP")]
    assert not plan(lab, path, converters={"logP": [decimal_comma, "none:n.d."]}).refused
    assert upsert(lab, str(path), converters=converters, on_error="continue").counts == {"refused": 1, "done": 3}
    assert histories(lab, "0042") == {"Note": ["1E5"], "logP": ["2.5"]}


def test_progress_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress counts the records that are written, import by import."""
    monkeypatch.setattr("kalbio._model.constants.IMPORT_ROWS", 2)
    told: list[tuple[int, int]] = []
    upsert(lab, table(5), progress=lambda *state: told.append(state))
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_the_older_policy_gives_a_report_that_is_not_ok(world: World) -> None:
    """With on_error="log" a load that is refused gives a report that is false, and raises when asked."""
    lab = prepared(Lab(world, retries=0, on_error="log"))
    report = upsert(lab, [{"Compound": "U-0", "logP": "x"}])
    assert (bool(report), report.ok) == (False, False)
    with pytest.raises(OutcomeError, match="nothing was sent"):
        report.raise_for_failures()
    lab.close()


def test_a_path_given_twice_is_no_contradiction(lab: Lab, tmp_path: Path) -> None:
    """Two rows of a key that name the same file are one record."""
    lab.world(lab.api.entity_fields.get_or_create_data_field("Spectrum", "file"))
    file = tmp_path / "a.txt"
    file.write_bytes(b"1")
    made = plan(lab, [{"Compound": "U-0", "Spectrum": str(file)}] * 2)
    assert (made.records_new, made.values_new, made.refused) == (1, 1, [])


def test_types_of_new_fields_take_all_cells(lab: Lab) -> None:
    """A new field is of the type of its cells, and of text where these have several, or times of day."""
    moment = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    rows = [
        {"Compound": "U-0", "Day": date(2026, 3, 1), "At": moment, "Hit": True, "Mixed": 1, "Kinds": ["a"]},
        {"Compound": "U-1", "Day": date(2026, 3, 2), "At": date(2026, 3, 1), "Hit": False, "Mixed": "x"},
    ]
    made = plan(lab, rows, create_fields=True)
    assert made.new_fields == {"Day": "date", "At": "text", "Hit": "boolean", "Mixed": "text", "Kinds": "multiselect"}
    assert apply(lab, made).ok
    assert upsert(lab, rows).values_unchanged == 9


class Odd:
    """What no cell has a form for."""


@pytest.mark.parametrize(
    "cell",
    [float("inf"), datetime(2026, 3, 1, 9, 30), timedelta(1), b"x", {"a": 1}, 1j, Odd()],
    ids=["inf", "naive", "timedelta", "bytes", "dict", "complex", "object"],
)
def test_a_new_column_whose_cells_are_all_refused_is_told_cell_by_cell(lab: Lab, cell: Any) -> None:
    """With create_fields=True cells without a form are refused by row and column, also where no other cell is there."""
    rows = [{"Compound": "U-0", "Note": "n", "Yield": cell}, {"Compound": "U-1", "Note": "n", "Yield": cell}]
    with pytest.raises(LoadRefusedError) as caught:
        upsert(lab, rows, create_fields=True)
    assert [(found.row, found.column) for found in caught.value.plan.refused] == [(0, "Yield"), (1, "Yield")]
    report = upsert(lab, rows, create_fields=True, on_error="continue")
    assert report.counts == {"refused": 2, "done": 2}
    assert writes(lab) == ["pushImportByFieldId"]
    assert any("no field is made for 'Yield'" in note for note in report.notes)


def test_a_new_column_without_a_value_makes_no_field_and_is_noted(lab: Lab) -> None:
    """A column that is empty, or has blanks alone, makes no field; plan and report note it."""
    made = plan(lab, [{"Compound": "U-0", "Note": "n", "Empty": None, "Blank": "  "}], create_fields=True)
    assert made.new_fields == {}
    report = apply(lab, made)
    for shown in (str(made), str(report), made._repr_html_().replace("&#x27;", "'")):
        assert "no field is made for 'Empty'" in shown
        assert "no field is made for 'Blank'" in shown
    assert writes(lab) == ["pushImportByFieldId"]


def test_percent_cells_of_excel_are_refused_in_a_new_column(lab: Lab, tmp_path: Path) -> None:
    """A column of cells that show percent and hold a fraction is refused cell by cell, and makes no field."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.append(["Compound", "Yield"])
    for number, value in enumerate((0.5, 0.95), 2):
        sheet.append([f"U-{number}", value])
        sheet.cell(number, 2).number_format = "0%"
    book.save(tmp_path / "yield.xlsx")
    made = plan(lab, tmp_path / "yield.xlsx", create_fields=True)
    assert [(cell.row, cell.column) for cell in made.refused] == [(2, "Yield"), (3, "Yield")]
    assert made.new_fields == {}


def test_a_new_record_whose_cells_are_all_refused_is_not_made(lab: Lab) -> None:
    """A record that would be empty only because its cells are refused is not made, and plan and report say so."""
    rows = [{"Compound": "U-0", "logP": "n.d."}, {"Compound": "U-1"}, {"Compound": "U-2", "logP": 2}]
    made = plan(lab, rows)
    assert made.records_new == 2
    report = apply(lab, made)
    assert report.records_made == 2
    for shown in (str(made), str(report)):
        assert "not made, because all of their cells are refused: 1 record (row 0)" in shown
    assert "values   1 written" in str(report)
    assert histories(lab, "U-2") == {"logP": ["2"]}
    keys = [row["Compound"] for row in lab.world(lab.api.records.table(fields=["Compound"])).to_rows()]
    assert sorted(key for key in keys if key.startswith("U-")) == ["U-1", "U-2"]


@pytest.mark.parametrize("create", [False, True])
def test_the_ids_in_a_frame_of_this_library_are_no_column_to_load(lab: Lab, create: bool) -> None:
    """The column `record_id` of a table that was read is left out with a note, and never makes a field."""
    upsert(lab, table(2))
    writes(lab)
    frame = lab.world(lab.api.records.table(fields=["Compound", "Note"])).to_pandas()
    assert "record_id" in frame.columns
    frame = frame[frame["Compound"].str.startswith("U-")].assign(Note="new").reset_index(drop=True)
    made = plan(lab, frame, create_fields=create)
    report = apply(lab, made)
    assert report.counts == {"done": 2}
    assert writes(lab) == ["pushImportByFieldId"]
    for shown in (str(made), str(report)):
        assert "the column 'record_id' is left out" in shown
    with pytest.raises(ValueError, match="makes no field 'record_id'"):
        plan(lab, frame, create_fields={"record_id": "text"})


def test_the_notes_of_a_report_are_saved(lab: Lab, tmp_path: Path) -> None:
    """A report that is read from its file has its notes."""
    report = upsert(lab, [{"Compound": "U-0", "record_id": "x"}])
    report.save(tmp_path / "report.json")
    assert LoadReport.load(tmp_path / "report.json").notes == report.notes != ()


def test_reasons_of_many_rows_are_bounded(lab: Lab) -> None:
    """Of rows that differ in their reasons the first are shown, and how many more there are."""
    upsert(lab, table(30))
    made = plan(lab, [{"Compound": f"u-{n}"} for n in range(30)])
    assert made.refused_text == "30 rows"
    assert "... 10 more" in str(made)


def test_plan_and_report_count_alike(lab: Lab) -> None:
    """What is refused has the same words and numbers in plan, report and error."""
    rows = [
        {"Compound": "U-0", "logP": "x"},
        {"Compound": None, "logP": 1},
        {"Compound": "U-2", "logP": "y", "Note": 1},
    ]
    made = plan(lab, rows)
    assert made.refused_text == "2 cells, 1 row"
    assert "refused  2 cells, 1 row" in str(made)
    report = apply(lab, made)
    assert "refused  2 cells, 1 row" in str(report)
    assert report.failed_rows == [0, 1, 2]
    with pytest.raises(LoadRefusedError, match="2 cells, 1 row"):
        upsert(lab, rows)


def test_many_refusals_of_one_reason_are_one_line(lab: Lab) -> None:
    """Cells of a column with the same reason are told once, with their number and the first rows; also as HTML."""
    rows = [{"Compound": f"U-{n}", "logP": f"{n},5", "Note": "n"} for n in range(3_000)]
    made = plan(lab, rows)
    with pytest.raises(LoadRefusedError) as caught:
        upsert(lab, rows)
    for text in (str(made), str(caught.value)):
        assert "'logP': 3,000 cells (rows 0, 1, 2, 3, 4, ...): '0,5' has a decimal comma" in text
        assert len(text.splitlines()) < 10
    page = made._repr_html_()
    assert page.count("decimal comma") == 1
    assert "3,000 cells" in page


def test_the_error_of_a_load_is_imported_as_the_others_are() -> None:
    """LoadRefusedError is a name of the package itself."""
    import kalbio

    assert kalbio.LoadRefusedError is LoadRefusedError


def test_tab_shows_what_is_for_users(lab: Lab) -> None:
    """dir() of a plan names what the guide shows, and not how it is kept; the plan of an empty list reads well."""
    made = plan(lab, [])
    assert {"apply", "refused", "table", "notes", "new_fields"} <= set(dir(made))
    assert not {"all_rows", "known", "layout", "refusals"} & set(dir(made))
    assert str(made).startswith("Plan for 0 rows; nothing is written yet")


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("U-9 ", "blanks at the ends"),
        ("U\N{NO-BREAK SPACE}9", "blanks that are no usual ones"),
        ("U\N{NON-BREAKING HYPHEN}9", "hyphens that are no usual ones"),
        ("U-\N{ZERO WIDTH SPACE}9", "invisible characters"),
    ],
)
def test_new_keys_with_what_nobody_sees_are_noted(lab: Lab, key: str, told: str) -> None:
    """Plan and report name the rows of new keys with odd blanks, hyphens or invisible characters, and the cure."""
    rows = [{"Compound": "U-1", "logP": 1}, {"Compound": key, "logP": 2}]
    made = plan(lab, rows)
    report = apply(lab, made)
    for shown in (str(made), str(report)):
        assert f"keys of 1 record (row 1) have {told}" in shown
        assert "converter" in shown
    assert not plan(lab, rows).notes
    clean = plan(lab, [{"Compound": "U-9", "logP": 2}])
    if key != "U\N{NO-BREAK SPACE}9":
        assert f"is the odd one, it has {told}" in str(clean)


def test_a_key_in_many_rows_is_compared_once() -> None:
    """The comparisons grow with the number of keys, not with how often each is there."""

    class Counted(tuple[str, ...]):
        __slots__ = ()
        asked = 0

        def __ne__(self, other: object) -> bool:
            Counted.asked += 1
            return super().__ne__(other)

    keys = [Counted(("x-1",)), Counted(("X-1",))]
    assert near_twins(keys * 50, []) == {keys[0]: [keys[1]], keys[1]: [keys[0]]}
    assert Counted.asked == len(keys) ** 2


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        ("t-1", "case"),
        ("T-1 ", "blanks"),
        ("t-1 ", "blanks and case"),
        ("T\N{EN DASH}1", "hyphens"),
        ("T\N{NON-BREAKING HYPHEN}1", "hyphens"),
        ("T-\N{ZERO WIDTH SPACE}1", "invisible characters"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER T}-1", "the form of characters"),
    ],
)
def test_in_what_near_twins_differ(other: str, differs: str) -> None:
    """Of each pair of near-twins it is told in what they differ, both ways round."""
    assert difference(("T-1",), (other,)) == differs
    assert difference((other,), ("T-1",)) == differs


def test_each_near_twin_is_told_by_itself(lab: Lab) -> None:
    """Where a key has several near-twins, each is named with its own difference."""
    upsert(lab, [{"Compound": "T-1"}, {"Compound": "T-1 "}], near_twins="create")
    (cell,) = plan(lab, [{"Compound": "t-1"}]).refused
    assert "from the record 'T-1' in case only" in cell.reason
    assert "from the record 'T-1 ' in blanks and case only" in cell.reason
    assert "'T-1 ' is the odd one, it has blanks at the ends" in cell.reason


def test_near_twins_of_a_table_name_each_others_rows(lab: Lab) -> None:
    """Rows of a table that are twins of each other are told as rows, with one cure for all of them."""
    rows = [{"Compound": "T-1"}, {"Compound": "T-2"}, {"Compound": "t-1"}]
    assert list(map(str, plan(lab, rows).refused)) == [
        "row 0 (T-1): differs from row 2 't-1' in case only; spell them alike, or give near_twins=\"create\"",
        "row 2 (t-1): differs from row 0 'T-1' in case only",
    ]
    lab.world(lab.api.entity_fields.get_or_create_key_field("Batch"))
    upsert(lab, [{"Compound": "OTHER"}])
    batches = [{**row, "Batch": f"B-{number}"} for number, row in enumerate(rows)]
    reasons = [cell.reason for cell in plan(lab, batches, ["Compound", "Batch"]).refused]
    assert [reason.partition(";")[0] for reason in reasons] == [
        "would belong to 'T-1', which differs from 't-1' of row 2 in case only",
        "would belong to 't-1', which differs from 'T-1' of row 0 in case only",
    ]


def test_the_older_names_of_arguments_are_taken(lab: Lab) -> None:
    """upsert and plan_upsert take the names of the documented methods, and name what comes close to a slip."""
    rows = [{"Compound": "U-0", "logP": 1}]
    kind = lab.world(lab.api.records.table()).to_rows() and lab_type(lab, 1)
    for call in (lab.api.records.plan_upsert, lab.api.records.upsert):
        assert lab.world(call(rows, "Compound", entity_slice_id=kind)) is not None
        with pytest.raises(IdentifierNotFoundError):
            lab.world(call(rows, "Compound", operation_id="no such activity"))
        with pytest.raises(TypeError, match=r"upsert\(\) has no argument colums. Did you mean columns"):
            lab.world(call(rows, "Compound", colums={}))


def test_an_unknown_key_is_told_with_those_there_are(lab: Lab) -> None:
    """The error names the key fields, and how to make one."""
    with pytest.raises(
        IdentifierNotFoundError, match=r"The key fields are .*'Compound'.*get_or_create_key_field\('Drug'\)"
    ):
        plan(lab, [{"Drug": "a"}], "Drug")


@pytest.mark.parametrize("create", [True, {"IC50 (nM)": "number"}, {"IC50 nM": "number"}], ids=["any", "new", "column"])
def test_a_column_is_renamed_to_a_new_field(lab: Lab, create: Any) -> None:
    """With create_fields, the name in `columns` may be that of a field which is made."""
    rows = [{"Compound": "U-0", "IC50 nM": 1.5}]
    with pytest.raises(IdentifierNotFoundError):
        plan(lab, rows, columns={"IC50 nM": "IC50 (nM)"})
    made = plan(lab, rows, columns={"IC50 nM": "IC50 (nM)"}, create_fields=create)
    assert made.new_fields == {"IC50 (nM)": "number"}
    assert apply(lab, made).ok
    assert histories(lab, "U-0") == {"IC50 (nM)": ["1.5"]}
    with pytest.raises(IdentifierError, match="would stand beside 'logP'"):
        plan(lab, rows, columns={"IC50 nM": "LogP "}, create_fields=True)


def test_new_fields_of_text_that_could_be_numbers_are_noted(lab: Lab) -> None:
    """A column of text whose cells are numbers, all or most of them, becomes text; the plan says so, and the cure."""
    made = plan(lab, [{"Compound": "U-0", "Yield": "95.1", "Lot": "0042", "Free": "x"}], create_fields=True)
    cure = "create_fields={'Yield': 'number', 'Lot': 'text', 'Free': 'text'}"
    assert [note for note in made.notes if "number" in note] == [
        f"'Yield' becomes a field of text, and all of its cells look like numbers; for a field of numbers give {cure}"
    ]
    rows = [{"Compound": f"U-{n}", "Nearly": "n/a" if n == 3 else f"{n}.5", "Comma": f"{n},5"} for n in range(10)]
    notes = [note.partition("; ")[0] for note in plan(lab, rows, create_fields=True).notes]
    assert notes == [
        "'Nearly' becomes a field of text, and 9 of its 10 cells are numbers, all but row 3 'n/a'",
        "'Comma' becomes a field of text, and all of its cells look like numbers, some with a decimal comma (for "
        "those, give the converter kalbio.reading.decimal_comma)",
    ]
    cures = [note.partition("give create_fields=")[2] for note in plan(lab, rows, create_fields=True).notes]
    assert cures == ["", "{'Nearly': 'number', 'Comma': 'number'}"]
    mixed = [{"Compound": f"U-{n}", "Mixed": "n/a" if n % 2 else str(n)} for n in range(10)]
    assert plan(lab, mixed, create_fields=True).notes == ()


@pytest.mark.parametrize(
    ("cells", "kind", "told"),
    [
        ([">10", "7", "<= 2.5"], "qualified-number",
         "all of its cells are numbers, some with a comparison such as '>10'; for a field of numbers with comparisons"),
        (["1", "2", "3", "4", "5", "6", ">10", ">10", ">10", ">10"], "qualified-number", "some with a comparison"),
        (["1", "2", "3", "4", "5", "6", ">10", ">10", ">10", "n.d."], "qualified-number",
         "9 of its 10 cells are numbers, some with a comparison such as '>10', all but row 9 'n.d.'"),
        (["2026-02-03", "2026-02-04T00:00:00Z"], "date", "all of its cells are days; for a field of days"),
        (["yes", "no", "TRUE", "", "false", "yes", "maybe"], "boolean",
         "5 of its 6 cells are yes or no, all but row 6 'maybe'; for a field of yes or no"),
        (["0042", ">10"], None, ""),
        (["yes", "no", "perhaps"], None, ""),
    ],
)  # fmt: skip
def test_new_fields_of_text_that_could_be_of_another_type_are_noted(
    lab: Lab, tmp_path: Path, cells: list[str], kind: str | None, told: str
) -> None:
    """A column of a text file that holds comparisons, days, or yes and no is text; the plan says what it may be."""
    path = tmp_path / "new.csv"
    path.write_text("Compound,Note,New\n" + "".join(f"U-{n},x,{cell}\n" for n, cell in enumerate(cells)))
    made = plan(lab, path, create_fields=True)
    assert made.new_fields == {"New": "text"}
    if kind is None:
        assert made.notes == ()
        return
    (note,) = made.notes
    assert told.replace("row 9", "row 11").replace("row 6", "row 8") in note
    assert note.endswith(f"give create_fields={{'New': '{kind}'}}")
    assert plan(lab, path, create_fields={"New": kind}).notes == ()


def test_new_fields_of_objects_are_of_the_type_that_takes_them(lab: Lab, tmp_path: Path) -> None:
    """A column of paths makes a field of files, which are uploaded; one of records makes a field of references."""
    file = tmp_path / "nmr.txt"
    file.write_bytes(b"1 2 3")
    upsert(lab, table(2))
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "U-1"}))
    rows = [{"Compound": "U-0", "Report": file, "Parent": record}, {"Compound": "U-1", "Report": str(file)}]
    made = plan(lab, rows, create_fields=True)
    assert made.new_fields == {"Report": "file", "Parent": "record-reference"}
    assert apply(lab, made).ok
    read = lab.world(lab.api.records.get_record_by_id({"Compound": "U-0"}, use_cache=False))
    values = {name: lab.world(read.value(name)) for name in ("Report", "Parent")}
    assert (lab.world(values["Report"].read()), values["Parent"].id) == (b"1 2 3", record.id)
    again = [{"Compound": "U-1", "Copy": values["Report"], "Root": values["Parent"]}]
    assert plan(lab, again, create_fields=True).new_fields == {"Copy": "file", "Root": "record-reference"}
    assert apply(lab, plan(lab, again, create_fields=True)).ok


def test_objects_that_no_type_is_sure_to_take_make_no_field(lab: Lab, tmp_path: Path) -> None:
    """Objects of another kind, lists of objects, and objects beside other cells are refused until one says the type."""
    upsert(lab, table(2))
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "U-1"}))
    field = lab.world(lab.api.entity_fields.get_data_field_by_id("Note"))
    for cells, told in {
        (field,): "'New' holds DataField objects, and no type of field is sure to take them",
        (record, 5): "Record objects beside other cells",
        (record, tmp_path): "objects",
        ((record,),): "holds lists of Record objects",
        (record, "U-1"): "Record objects beside other cells",
    }.items():
        rows = [{"Compound": f"U-{n}", "New": list(c) if isinstance(c, tuple) else c} for n, c in enumerate(cells)]
        with pytest.raises(ValueError, match=told) as caught:
            plan(lab, rows, create_fields=True)
        assert "give create_fields={'New': type}" in str(caught.value)
        assert plan(lab, rows, create_fields={"New": "text"}).new_fields == {"New": "text"}
    assert [cell.row for cell in plan(lab, [{"Compound": record, "Note": "x"}]).refused] == [0]
    assert writes(lab)[1:] == []


def test_people_are_the_same_by_any_of_their_names(lab: Lab) -> None:
    """A field of people that holds the same member, told by object, id, e-mail or name, is not written again."""
    lab.world(lab.api.entity_fields.get_or_create_data_field("Owner", "people"))
    first, other = lab.world(lab.api.workspace.get_members())[:2]
    upsert(lab, [{"Compound": "U-0", "Owner": first.email}])
    writes(lab)
    for owner in (first, first.id.upper(), first.full_name, [f"  {first.email.upper()}"], first.email):
        assert upsert(lab, [{"Compound": "U-0", "Owner": owner}]).values_unchanged == 1
    assert writes(lab) == []
    made = plan(lab, [{"Compound": "U-0", "Owner": first}])
    assert apply(lab, made).values_unchanged == 1
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "U-0"}))
    lab.world(record.add_value("Owner", [first.id]))
    assert apply(lab, made).values_unchanged == 1
    lab.world(record.add_value("Owner", [other.email]))
    assert len(apply(lab, made).conflicts) == 1
    for owner in ("Nobody At All", [first.email, other.email], first):
        assert plan(lab, [{"Compound": "U-0", "Owner": owner}]).values_changed == 1
    lab.api.clear_caches()
    lab.fail("listWorkspaceMembers", status=403)
    assert plan(lab, [{"Compound": "U-0", "Owner": other}]).values_changed == 1


def test_lines_of_separators_alone_are_no_rows(lab: Lab, tmp_path: Path) -> None:
    """A line of separators in a text file is no row, as an empty row of a sheet is none."""
    path = tmp_path / "load.csv"
    path.write_text("Compound;logP\nU-0;1\n;\nU-1;2\n;\n", encoding="utf-8")
    made = plan(lab, path)
    assert (made.refused, made.records_new) == ([], 2)
    path.write_text("Plate 7;\nCompound;logP\nU-0;1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="give skip_rows=N where N lines stand above the names of the columns"):
        plan(lab, path)


def test_lines_above_a_table_are_left_out(lab: Lab, tmp_path: Path) -> None:
    """Plan and load do not look at what an instrument writes above its table, and rows keep their line numbers."""
    path = tmp_path / "run.csv"
    path.write_text('Reader 7, "A\n\nDate;2026-01-31;10:00\n\nCompound;logP\nU-0;1\nU-1;x\n', encoding="utf-8")
    assert [(cell.row, cell.column) for cell in plan(lab, path, skip_rows=4).refused] == [(7, "logP")]
    assert upsert(lab, path, skip_rows=4, on_error="continue").counts == {"refused": 1, "done": 1}
    assert histories(lab, "U-0") == {"logP": ["1"]}


def test_cures_fit_the_cells(lab: Lab) -> None:
    """What is proposed for a cell is about cells: a time without a zone, and words for true and false."""
    lab.world(lab.api.entity_fields.get_or_create_data_field("Day", "date"))
    lab.world(lab.api.entity_fields.get_or_create_data_field("Hit", "boolean"))
    rows = [{"Compound": "U-0", "Day": datetime(2026, 3, 1, 10, 30), "Hit": "1"}, {"Compound": "U-1", "Hit": "true"}]
    reasons = {cell.column: cell.reason for cell in plan(lab, rows).refused}
    assert "now(UTC)" not in reasons["Day"]
    assert "value.date()" in reasons["Day"]
    cure = reasons["Hit"].partition("such as ")[2]
    made = plan(lab, rows, converters={"Hit": eval(cure), "Day": lambda value: value.date()})
    assert made.refused == []


def two_tables(lab: Lab) -> tuple[Any, str, str]:
    """An activity that has two tables of compounds."""
    activity = lab.world(lab.api.activities.get_activity_by_id("Kinase screen"))
    first = next(view for view in lab.sandbox.store.all("view") if activity.id in view["operation_ids"])
    other = {**first, "id": first["id"][:-1] + ("1" if first["id"][-1] == "0" else "0"), "view_name": "Second plate"}
    lab.sandbox.store.add("view", other)
    return activity, first["id"], other["id"]


def one_value_of_each_activity(patch: pytest.MonkeyPatch) -> None:
    """Let records show one value of each activity only, whatever tables it has, as servers were seen to do."""
    show = records._show_values

    def show_fewer(store: Any, shown: dict[str, Any], *more: Any) -> None:
        show(store, shown, *more)
        for record in shown.values():
            for field, entries in record["record_values"].items():
                newest = {(entry.get("record_id"), entry.get("operation_id")): entry for entry in reversed(entries)}
                record["record_values"][field] = [entry for entry in entries if entry in newest.values()]

    patch.setattr(records, "_show_values", show_fewer)


@pytest.mark.parametrize("whole", [True, False])
def test_values_are_written_in_a_table_of_an_activity(lab: Lab, monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
    """With a table, records come to stand on it; its values are written one by one, and only once."""
    if not whole:
        one_value_of_each_activity(monkeypatch)
    activity, first, second = two_tables(lab)
    rows: list[dict[str, Any]] = [{"Compound": "U-0", "Note": "a", "logP": 0.5}, {"Compound": "SBX-1", "Note": "a"}]
    report = upsert(lab, rows, activity=activity, table=first)
    assert (report.ok, report.records_made, report.counts) == (True, 1, {"done": 3})
    assert writes(lab) == ["pushImportByFieldId", *["addRecordValue"] * 3]
    others = [{**row, "Note": "b"} for row in rows]
    assert upsert(lab, others, table=second, activity=activity).counts == {"done": 3}
    writes(lab)
    for table_id, same in ((first, rows), (second, others), (first, rows)):
        assert upsert(lab, same, activity=activity, record_view_id=table_id).ok
    assert writes(lab) == []
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "U-0"}))
    assert {(value.content, value.operation_id, value.record_view_id) for value in lab.world(record.get_values())} == {
        ("a", activity.id, first), ("b", activity.id, second), ("0.5", activity.id, first), ("0.5", activity.id, second)
    }  # fmt: skip


def test_fields_that_a_table_has_no_column_for_are_noted(lab: Lab) -> None:
    """A plan for a table of an activity names the fields whose values the table will not show, and no others."""
    views = lab.world(lab.api.record_views.get_record_views())
    view = next(view for view in views if view.view_name == "First registration Main")
    row = {"Compound": "U-0", "Potency (nM)": 1.5, "logP": 0.5}
    made = plan(lab, [row], table=view)
    (note,) = made.notes
    assert "has no column for 'logP':" in note
    assert note in str(apply(lab, made))
    shown, asked = (lab.world(lab.api.records.table(table=view, fields=names)) for names in (None, ["logP"]))
    assert "logP" not in shown.columns
    assert asked["logP"] == [0.5]
    assert plan(lab, [{**row, "logP": None}], table=view, columns={"logP": None}).notes == ()


def test_a_table_says_its_activity_or_what_is_wrong(lab: Lab) -> None:
    """Of a table of one activity, the activity need not be given; of another activity it is refused, nothing sent."""
    activity, first, _ = two_tables(lab)
    made = plan(lab, [{"Compound": "U-9", "Note": "a"}], table=first)
    assert made.layout.activity == activity.id
    assert apply(lab, made).ok
    other = lab.world(lab.api.activities.create_activity("Elsewhere", "experiment", program_ids=activity.program_ids))
    with pytest.raises(ValueError, match="is none of the activity 'Elsewhere'"):
        plan(lab, table(), table=first, activity=other)
    with pytest.raises(IdentifierNotFoundError):
        plan(lab, table(), table="00000000-0000-4000-8000-000000000000")
    lab.sandbox.store.put("view", {**lab.sandbox.store.need("view", first), "operation_ids": []})
    lab.api.clear_caches()
    with pytest.raises(ValueError, match="belongs to no activity"):
        plan(lab, table(), table=first)
    assert writes(lab)[-1] == "addRecordValue"


def test_a_table_is_found_by_its_name(lab: Lab) -> None:
    """The name that a plan prints names the table, within the activity where one is given; else it must be alone."""
    activity, first, second = two_tables(lab)
    store = lab.sandbox.store
    for table_id, name in ((first, "First"), (second, "Second")):
        store.put("view", {**store.need("view", table_id), "view_name": name})
    twin = lab.world(lab.api.activities.create_activity("Elsewhere", "experiment", program_ids=activity.program_ids))
    other = next(item for item in store.all("view") if twin.id in (item["operation_ids"] or ()))
    store.put("view", {**other, "view_name": "First"})
    lab.api.clear_caches()
    made = plan(lab, [{"Compound": "SBX-1", "Note": "a"}], table="First", activity=activity)
    assert "in the table 'First'" in str(made)
    assert apply(lab, made).ok
    read = lab.world(lab.api.records.table(table="First", activity=activity.title, fields=["Compound", "Note"]))
    assert ("SBX-1", "a") in [(row["Compound"], row["Note"]) for row in read.to_rows()]
    assert plan(lab, [{"Compound": "SBX-1", "Note": "a"}], table="Second").layout.activity == activity.id
    with pytest.raises(AmbiguousIdentifierError, match=r"not unique.*activity=\.\.\."):
        lab.world(lab.api.records.table(table="First"))
    with pytest.raises(IdentifierNotFoundError, match=r"no table 'Frist'. Did you mean 'First'\? .*'Second'"):
        lab.world(lab.api.records.table(table="Frist", activity=activity))
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    with pytest.raises(IdentifierNotFoundError, match="no table with the id 'First'"):
        lab.world(record.value("Note", table="First"))


def test_an_activity_that_holds_no_records_is_refused_by_the_plan(lab: Lab) -> None:
    """A project or a task, by title, object or known id, is no place to write in, and the plan says so before."""
    project = lab.world(lab.api.activities.get_activity_by_id("Lead optimisation"))
    before = writes(lab)
    for activity in ("Lead optimisation", project, project.id):
        with pytest.raises(ValueError, match=r"'Lead optimisation' is a project, which holds no records.*experiment"):
            plan(lab, [{"Compound": "SBX-5", "Potency (nM)": 5}], activity=activity)
    assert writes(lab) == before


def test_an_activity_that_is_not_there_is_refused_by_its_id(lab: Lab) -> None:
    """The id of no activity is refused by plan and load with the id named, before anything is written."""
    rows, nothing = [{"Compound": "SBX-5", "Potency (nM)": 5}], "00000000-0000-4000-8000-000000000000"
    for load in (plan, upsert):
        with pytest.raises(IdentifierNotFoundError, match=f"There is no activity '{nothing}'"):
            load(lab, rows, activity=nothing)
    assert "searchRecords" not in lab.operations()
    assert writes(lab) == []


def test_the_id_of_an_activity_is_looked_up_once_at_most(lab: Lab) -> None:
    """An id takes one request where the activities are not known, none where they are, and the plan has its title."""
    rows = [{"Compound": "SBX-5", "Potency (nM)": 5}]
    activity = lab.world(lab.api.activities.get_activity_by_id("Kinase screen")).id
    lab.api.clear_caches()
    lab.exchanges.clear()
    assert "in the activity 'Kinase screen'" in str(plan(lab, rows, activity=activity))
    assert [name for name in lab.operations() if "Activit" in name] == ["getActivity"]
    lab.world(lab.api.activities.get_activities())
    lab.exchanges.clear()
    plan(lab, rows, activity=activity)
    assert [name for name in lab.operations() if "Activit" in name] == []


def test_plans_and_reports_say_where_values_go(lab: Lab) -> None:
    """Plan and report name the activity that is written in, or say that it is none, also when they are kept."""
    rows = [{"Compound": "SBX-1", "Potency (nM)": 77}]
    for activity, told in (("Kinase screen", "in the activity 'Kinase screen'"), (None, "in no activity")):
        made = plan(lab, rows, activity=activity)
        report = apply(lab, made)
        for shown in (made, report):
            assert f"{told}\n" in f"{shown}\n"
            assert "in no activity" in shown._repr_html_() or "Kinase screen" in shown._repr_html_()
        assert report.place.endswith(told)


def test_a_key_field_that_is_no_key_is_named_at_once(lab: Lab) -> None:
    """A column that is a key field outside of `key` gets the cure that works, with `create_fields` as well."""
    for given in ({"create_fields": True}, {"columns": {"Batch": "Batch"}}):
        with pytest.raises(ValueError, match=r"'Batch' is the key field 'Batch'.*name it in key, or leave the column"):
            plan(lab, [{"Compound": "SBX-1", "Batch": "x"}], **given)


@pytest.mark.parametrize("whole", [True, False])
def test_leading_zeros_are_no_second_record(lab: Lab, monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
    """A key of digits that differs in leading zeros only is held back with the cure, however large the type is."""
    lab.world(lab.api.entity_fields.get_or_create_key_field("Batch"))
    upsert(lab, [{"Compound": "0042"}, {"Compound": "7"}])
    upsert(lab, [{"Compound": "0042", "Batch": "01"}, {"Compound": "7", "Batch": "1"}], ["Compound", "Batch"])
    if not whole:
        kind = f"kalbio.{'aio.' if lab.world.kind == 'async' else ''}_load_state"
        monkeypatch.setattr(f"{kind}._FEW", -10)
    made = plan(lab, [{"Compound": 42, "Note": "x"}, {"Compound": "007", "Note": "y"}, {"Compound": "8"}])
    assert [str(cell).split(";")[0] for cell in made.refused] == [
        "row 0 (42): differs from the record '0042' in leading zeros only",
        "row 1 (007): differs from the record '7' in leading zeros only",
    ]
    assert "dtype=str" in made.refused[0].reason
    assert [row.key for row in made.rows] == [("8",)]
    rows = [{"Compound": "0042", "Batch": "1"}, {"Compound": "7", "Batch": "01"}, {"Compound": "7", "Batch": "2"}]
    batches = plan(lab, rows, ["Compound", "Batch"])
    assert [cell.row for cell in batches.refusals.near_twins] == [0, 1]
    assert "leading zeros" in " ".join(plan(lab, [{"Compound": "42"}], near_twins="create").notes)


@pytest.mark.parametrize("whole", [True, False])
def test_zeros_behind_letters_are_noted(lab: Lab, monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
    """Whether CPD-1 is CPD-001 only a person knows: such new records are made, and noted."""
    upsert(lab, [{"Compound": "CPD-001"}, {"Compound": "LOT 1.5"}])
    if not whole:
        kind = f"kalbio.{'aio.' if lab.world.kind == 'async' else ''}_load_state"
        monkeypatch.setattr(f"{kind}._FEW", -10)
    made = plan(lab, [{"Compound": key} for key in ("cpd-1", "X-01", "X-1", "LOT 1.05", "CPD-10", "CPD-100")])
    (note,) = (note for note in made.notes if "leading zeros" in note)
    assert (
        note.startswith(
            "new keys that differ from others in leading zeros only: 'cpd-1' (row 0) from the record 'CPD-001', "
            "'X-01' (row 1) from row 2 'X-1'; "
        )
        == whole
    )
    assert "'X-01' (row 1) from row 2 'X-1'; spell them alike if they are the same" in note
    assert (made.refused, made.records_new) == ([], 6)


def test_the_keys_of_new_records_are_shown(lab: Lab) -> None:
    """What cannot be undone is named: the first five new keys, and how many more there are, as text and as HTML."""
    upsert(lab, table(1))
    made = plan(lab, [*table(8), {"Compound": "n = 3, measured by <X>"}])
    line = "'U-1', 'U-2', 'U-3', 'U-4', 'U-5' and 3 more"
    assert f"  new keys {line}" in str(made)
    assert "&#x27;U-1&#x27;, &#x27;U-2&#x27;" in made._repr_html_()
    assert "new keys" not in str(plan(lab, table(1)))


def test_junk_below_a_table_is_noted(lab: Lab) -> None:
    """New records whose keys are words for no value or of totals are noted, and rows of a key alone beside others."""
    words = ["n/a", "-", "#N/A", "NA", "None", "nan", "--", "Total", "Grand total", "?"]
    made = plan(lab, [*table(1), *({"Compound": word, "Note": "x"} for word in words)])
    (note,) = made.notes
    assert note.startswith(
        "new keys that are words for a missing value, or for a line of totals: 'n/a' (row 1), '-' (row 2), "
        "'#N/A' (row 3), 'NA' (row 4), 'None' (row 5) and 5 more; "
    )
    footnote = {"Compound": "n = 3, measured by X"}
    (note,) = plan(lab, [*table(2), footnote]).notes
    assert note.startswith("new records of rows that have nothing but a key, where others have cells: 'n = 3, measured")
    assert "(row 2)" in note
    assert plan(lab, [footnote, {"Compound": "Nantes-7"}, {"Compound": "NA-001"}]).notes == ()
    assert apply(lab, made).notes == made.notes


@pytest.mark.parametrize("data", ["Compound,Note\n", {"Compound": [], "Note": []}, []], ids=["file", "columns", "list"])
def test_a_table_without_rows_is_noted(lab: Lab, tmp_path: Path, data: Any) -> None:
    """A load of no rows is no failure, and says that there were none."""
    if isinstance(data, str):
        path = tmp_path / "empty.csv"
        path.write_text(data)
        data = path
    report = upsert(lab, data)
    assert (report.ok, report.notes) == (True, ("the table has no rows",))


def test_the_name_of_a_report_says_its_kind(lab: Lab, tmp_path: Path) -> None:
    """A report is saved as JSON or CSV as its name ends; another ending is refused, and CSV is not read back."""
    report = upsert(lab, [*table(1), {"Compound": "U-1", "logP": "x"}], on_error="continue")
    report.save(tmp_path / "report.CSV")
    with (tmp_path / "report.CSV").open(encoding="utf-8", newline="") as file:
        assert [(row["column"], row["status"]) for row in csv.DictReader(file)] == [
            ("Note", "done"), ("logP", "done"), ("logP", "refused"),
        ]  # fmt: skip
    with pytest.raises(ValueError, match=r"report.xlsx' must end in .json or .csv"):
        report.save(tmp_path / "report.xlsx")
    assert not (tmp_path / "report.xlsx").exists()
    with pytest.raises(ValueError, match=r"is not all of a report: save it as \.json to load it"):
        LoadReport.load(tmp_path / "report.CSV")
