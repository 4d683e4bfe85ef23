"""Loads of tables where something happens between plan and write, or goes wrong on the way: the report is right."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kalbio import FieldTypeError, OutcomeError
from kalbio._core.bulk.journal import Journal
from kalbio._loads import _errors_by_record
from kalbio._model.imports import ImportValidationError
from kalbio.loading import LoadReport
from kalbio.sandbox import Sandbox
from tests.conftest import Lab, World
from tests.test_journals import Killed, kill
from tests.test_upsert_journals import IMPORT
from tests.test_upserts import apply, histories, plan, prepared, table, upsert, writes


@pytest.fixture
def lab(world: World) -> Iterator[Lab]:
    """A sandbox with fields and a program, and the two records of the table."""
    made = prepared(Lab(world, retries=0))
    world(made.api.programs.create_program("Loads"))
    upsert(made, table(2))
    writes(made)
    yield made
    made.close()


def archive(lab: Lab, *keys: str) -> None:
    """Archive records as people do in the app."""
    for key in keys:
        with lab.sandbox.lock:
            record = lab.world(lab.api.records.get_record_by_id({"Compound": key}))
            change = "update record set archived = 1, identity = identity || ' gone' where id = ?"
            lab.sandbox.store.run(change, record.id)


def members(lab: Lab) -> int:
    """How many records are in the program."""
    return len(lab.world(lab.api.records.search_records(program_id="Loads")))


def test_records_that_are_gone_since_the_plan_are_not_made_again(lab: Lab) -> None:
    """A plan for records that were archived meanwhile writes nothing, also where they were to join a program."""
    made = plan(lab, [{"Compound": "U-0", "logP": 7}, {"Compound": "U-1"}], program="Loads")
    archive(lab, "U-0", "U-1")
    report = apply(lab, made)
    assert writes(lab) == []
    assert [(cell.key, cell.column, cell.status) for cell in report] == [
        ("U-0", "logP", "conflict"), ("U-1", None, "conflict"),
    ]  # fmt: skip
    assert "is not there any more" in report.conflicts[1].reason


def test_a_plan_that_was_applied_joins_nothing_again(lab: Lab) -> None:
    """Records that have joined the program by now are not sent again."""
    made = plan(lab, table(2), program="Loads")
    assert apply(lab, made).ok
    assert (writes(lab), members(lab)) == (["pushImportByFieldId"], 2)
    assert apply(lab, made).ok
    assert writes(lab) == []


def test_new_records_that_somebody_made_since_the_plan_join_the_program(lab: Lab) -> None:
    """A record that was to be made, and is there as given by now, joins what the plan says."""
    made = plan(lab, table(4), program="Loads")
    upsert(lab, table(4))
    assert apply(lab, made).ok
    assert members(lab) == 4


@pytest.mark.parametrize(
    ("fault", "joined", "counts"),
    [
        ({"reset": True}, 0, {"unknown": 2, "done": 1}),
        ({"lose_answer": True}, 2, {"done": 2}),
        ({"status": 403}, 0, {"failed": 1, "unknown": 1, "done": 1}),
    ],
)
def test_records_that_do_not_join_are_told(lab: Lab, fault: Any, joined: int, counts: Any) -> None:
    """Where the import that adds records to a program is lost or refused, the report says which were not added."""
    lab.fail("pushImportByFieldId", **fault)
    rows = [{"Compound": "U-0"}, {"Compound": "U-1", "Tags": "a"}]
    report = upsert(lab, rows, program="Loads", on_error="continue")
    assert members(lab) == joined
    assert report.counts == counts
    assert upsert(lab, rows, program="Loads").ok
    assert members(lab) == 2


def test_a_record_that_has_not_joined_is_not_done_in_the_journal(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run again with its journal, a load adds the records to the program that it could not add at first."""
    monkeypatch.setattr("kalbio._core.bulk.journal.JOURNAL_REST", 0.0)
    lab.fail("pushImportByFieldId", reset=True)
    rows = [{"Compound": "U-0", "logP": 0.5}, {"Compound": "U-1", "Tags": "a"}]
    for ok in (False, True):
        options = {"program": "Loads", "on_error": "continue", "journal": tmp_path / "load.db"}
        assert upsert(lab, rows, **options).ok is ok
    assert members(lab) == 2


def test_values_that_are_written_alone_are_done_where_the_import_was_refused(lab: Lab) -> None:
    """Each cell has its own outcome: what the import was to carry failed, what was written by itself is there."""
    lab.fail("pushImportByFieldId", status=403)
    report = upsert(lab, [{"Compound": "U-0", "logP": 8, "Tags": "x"}], on_error="continue")
    assert [(cell.column, cell.status) for cell in report] == [("logP", "failed"), ("Tags", "done")]
    assert histories(lab, "U-0") == {"Note": ["note 0"], "logP": ["0.5"], "Tags": [["x"]]}


def test_a_load_that_stops_writes_nothing_alone_after_a_refused_import(lab: Lab) -> None:
    """With on_error="stop" the values that no import carries are skipped when the import before them failed."""
    lab.fail("pushImportByFieldId", status=403)
    report = upsert(lab, [{"Compound": "U-0", "logP": 8, "Tags": "x"}])
    assert [(cell.column, cell.status) for cell in report] == [("logP", "failed"), ("Tags", "skipped")]
    assert histories(lab, "U-0") == {"Note": ["note 0"], "logP": ["0.5"]}


def test_every_row_of_a_key_that_is_refused_is_told(lab: Lab) -> None:
    """A row that was merged into another one is refused with it."""
    rows = [{"Compound": "A", "Note": "x"}, {"Compound": "A", "logP": 1}, {"Compound": "A", "Note": "y"}]
    made = plan(lab, rows)
    assert [cell.row for cell in made.refused] == [0, 1, 2]
    assert "merged" not in str(made)


def test_files_of_a_plan_that_was_applied_are_there(lab: Lab, tmp_path: Path) -> None:
    """A file that a plan has uploaded is no conflict, and is uploaded again only if all is to be written."""
    lab.world(lab.api.entity_fields.get_or_create_data_field("Spectrum", "file"))
    file = tmp_path / "nmr.txt"
    file.write_bytes(b"1 2 3")
    made = plan(lab, [{"Compound": "U-0", "Spectrum": file}])
    assert apply(lab, made).counts == {"done": 1}
    writes(lab)
    again = apply(lab, made)
    assert (again.ok, again.values_unchanged, writes(lab)) == (True, 1, [])
    assert upsert(lab, [{"Compound": "U-0", "Spectrum": file}], only_changed=False).counts == {"done": 1}
    assert len(histories(lab, "U-0")["Spectrum"]) == 2


def test_a_field_that_somebody_made_of_another_type_takes_nothing(lab: Lab) -> None:
    """Where a field was to be made, and is there with another type by now, nothing is written in it."""
    made = plan(lab, [{"Compound": "U-0", "Lot": "true"}], create_fields={"Lot": "text"})
    lab.world(lab.api.entity_fields.get_or_create_data_field("Lot", "boolean"))
    writes(lab)
    with pytest.raises(FieldTypeError, match="Lot"):
        apply(lab, made)
    assert writes(lab) == []


@pytest.mark.parametrize(
    ("field", "content", "new"),
    [("logP", ["a"], 3), ("logP", {"x": 1}, 3), ("Tags", {"x": 1}, "a"), ("Note", ["a"], "n"), ("Flag", ["a"], True)],
)
def test_contents_that_do_not_fit_their_field_are_no_conflict(lab: Lab, field: str, content: Any, new: Any) -> None:
    """A cell that holds what the plan saw is written, also where that was no content for such a field."""
    lab.world(lab.api.entity_fields.get_or_create_data_field("Flag", "boolean"))
    upsert(lab, [{"Compound": "U-0", "Tags": "t", "Flag": False}])
    field_id = lab.world(lab.api.entity_fields.get_data_field_by_id(field)).id
    with lab.sandbox.lock:
        lab.sandbox.store.run("update value set content = ? where field_id = ?", json.dumps(content), field_id)
    made = plan(lab, [{"Compound": "U-0", field: new}])
    assert [cell.old for cell in made] == [content]
    assert apply(lab, made).counts == {"done": 1}


def test_every_import_that_may_be_of_the_load_is_waited_for(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill, an import that has failed does not hide another one that runs still."""
    monkeypatch.setattr("kalbio._core.bulk.journal.JOURNAL_REST", 0.0)
    monkeypatch.setattr(Journal, "note", Journal.note)
    lab = prepared(Lab(world, Sandbox(import_polls=10**6), retries=0))
    live = kill(lab, 0, carried_out=False, operation=IMPORT)
    with pytest.raises(Killed):
        upsert(lab, table(2), journal=tmp_path / "load.db")
    live()
    for key in ("ours, it may be", "of somebody else"):
        import_id = world(lab.api.imports.push_data(["Compound"], [{"Compound": key}]))
    with lab.sandbox.lock:
        newest = lab.sandbox.store.need("import", import_id)
        failed = {**newest["outcome"], "import_status": "failed", "import_result": None}
        lab.sandbox.store.put("import", newest | {"polls": 1, "outcome": failed})
    writes(lab)
    report = upsert(lab, table(2), journal=tmp_path / "load.db", timeout=1.2, on_error="continue")
    assert report.counts == {"unknown": 4}
    assert writes(lab) == []
    lab.close()


def test_a_report_of_anything_is_saved(lab: Lab, tmp_path: Path) -> None:
    """Cells that no JSON can hold are kept as they are shown; the others as they are."""
    rows = [
        {"Compound": "U-0", "Note": "\ud800", "logP": 10**5000},
        {"Compound": "</td><b>U-1", "Note": "<img src=x>\x00\x1b[31m\u202e", "logP": float("inf")},
        {"Compound": "U-2", "logP": ["a", 1]},
    ]
    report = upsert(lab, rows, on_error="continue")
    assert "<img" not in report._repr_html_()
    assert "\x1b" not in str(report)
    report.save(tmp_path / "report.json")
    again = LoadReport.load(tmp_path / "report.json")
    assert [(cell.status, cell.key, cell.column) for cell in again] == [
        (cell.status, cell.key, cell.column) for cell in report
    ]
    assert again.refused[-1].new == ["a", 1]
    assert again.done == report.done


def test_values_that_are_written_alone_are_read_back(lab: Lab) -> None:
    """A value that was accepted, and reads back as another one, is unknown."""
    answer = lab.sandbox.handle_with_faults

    def meet(request: Any) -> Any:
        if request.target.endswith("/values") and request.method == "POST":
            request = dataclasses.replace(request, body=request.body.replace(b'"x"', b'"y"'))
        return answer(request)

    lab.sandbox.handle_with_faults = meet  # type: ignore[method-assign]
    report = upsert(lab, [{"Compound": "U-0", "Tags": "x"}, {"Compound": "U-1", "Tags": "z"}], on_error="continue")
    assert [(cell.key, cell.status) for cell in report] == [("U-0", "unknown"), ("U-1", "done")]
    assert "is not there as given" in report.unknown[0].reason


@pytest.mark.parametrize(("fault", "status"), [("lose_answer", "done"), ("reset", "unknown")])
def test_a_lost_answer_to_a_value_is_settled_by_what_is_there(lab: Lab, fault: str, status: str) -> None:
    """A value whose answer was lost is done where it is there as given; where it is not, it may come still."""
    lab.fail("addRecordValue", **{fault: True})
    report = upsert(lab, [{"Compound": "U-0", "Tags": "x"}], on_error="continue")
    assert [(cell.key, cell.column, cell.status) for cell in report] == [("U-0", "Tags", status)]
    assert report.ok is (status == "done")
    assert len(writes(lab)) == 1


@pytest.mark.parametrize("choice", ["refuse", "create"])
def test_a_near_twin_that_somebody_made_since_the_plan_holds_a_row_back(lab: Lab, choice: str) -> None:
    """A record that was to be made is not made beside one that looks like it, unless the plan makes near-twins."""
    made = plan(lab, [{"Compound": "U-9", "Note": "ours"}], near_twins=choice)
    upsert(lab, [{"Compound": "u-9", "Note": "theirs"}])
    writes(lab)
    report = apply(lab, made)
    assert report.counts == ({"refused": 1} if choice == "refuse" else {"done": 1})
    assert writes(lab) == ([] if choice == "refuse" else ["pushImportByFieldId"])


def test_an_error_is_of_the_record_that_it_names(lab: Lab) -> None:
    """Of several key values, what an import says of one record is not said of another whose values it contains."""
    error = ImportValidationError({"incoming_record_identifier": "xA::1b", "field_name": "Note"})
    own = ImportValidationError({"incoming_record_identifier": "A::1", "field_name": "Note"})
    assert _errors_by_record([error])(("A", "1")) == []
    assert _errors_by_record([error, own])(("A", "1")) == [own]
    assert _errors_by_record([error, own])(("1b", "xA")) == [error]


@pytest.mark.parametrize("rows", ["5", "[5]", '[{"cells": [1]}]', "[" * 5000])
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, rows: str) -> None:
    """Whatever stands in it, the error names the file."""
    rest = '"sent": true, "left": [], "values_unchanged": 0, "import_ids": []'
    (tmp_path / "report.json").write_text(f'{{"format": "kalbio load report 1", {rest}, "rows": {rows}}}')
    with pytest.raises(ValueError, match=r"report\.json is no report of a load"):
        LoadReport.load(tmp_path / "report.json")


def test_cells_that_were_unchanged_and_are_changed_since_are_conflicts(lab: Lab) -> None:
    """A cell that the plan found unchanged is told as a conflict where it says something else by now, and stays."""
    made = plan(lab, [{**row, "Tags": "new"} for row in table(1)] + table(2)[1:])
    first, second = (lab.world(lab.api.records.get_record_by_id({"Compound": f"U-{n}"})) for n in range(2))
    lab.world(first.add_value("logP", 44))
    lab.world(second.add_value("Note", "theirs"))
    lab.world(second.add_value("logP", "1.50"))  # the same number
    writes(lab)
    report = apply(lab, made)
    assert [(cell.key, cell.column, cell.old, cell.new) for cell in report.conflicts] == [
        ("U-0", "logP", "44", "0.5"), ("U-1", "Note", "theirs", "note 1"),
    ]  # fmt: skip
    assert report.conflicts[0].reason.startswith("was not written: the field holds '44' by now, the plan saw '0.5'")
    assert (report.ok, report.counts, report.values_unchanged) == (False, {"conflict": 2, "done": 1}, 2)
    assert writes(lab) == ["addRecordValue"]
    assert (made.values_unchanged, made.records_unchanged) == (4, 1)


def test_unchanged_records_that_are_gone_since_the_plan_are_conflicts(lab: Lab) -> None:
    """Of a record that is not there any more nothing is as the table says, though the plan found it unchanged."""
    made = plan(lab, [*table(1), {"Compound": "U-1"}])
    archive(lab, "U-0", "U-1")
    report = apply(lab, made)
    assert [(cell.key, cell.column) for cell in report.conflicts] == [("U-0", "Note"), ("U-0", "logP"), ("U-1", None)]
    assert (report.values_unchanged, writes(lab)) == (0, [])


def test_an_unchanged_file_that_is_replaced_since_the_plan_is_a_conflict(lab: Lab, tmp_path: Path) -> None:
    """Of a file that was there the bytes are compared again only where another file took its place."""
    lab.world(lab.api.entity_fields.get_or_create_data_field("Spectrum", "file"))
    file = tmp_path / "nmr.txt"
    file.write_bytes(b"1 2 3")
    rows = [{"Compound": "U-0", "Spectrum": file}]
    upsert(lab, rows)
    made = plan(lab, rows)
    lab.exchanges.clear()
    assert (apply(lab, made).values_unchanged, "readFile" in lab.operations()) == (1, False)
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "U-0"}))
    lab.world(record.update_field_file("Spectrum", "nmr.txt", b"1 2 3"))
    assert (apply(lab, made).ok, apply(lab, made).values_unchanged) == (True, 1)
    lab.world(record.update_field_file("Spectrum", "nmr.txt", b"3 2 1"))
    report = apply(lab, made)
    assert ([cell.column for cell in report.conflicts], report.values_unchanged) == (["Spectrum"], 0)


def test_an_apply_asks_no_more_than_its_plan(lab: Lab) -> None:
    """Looking whether unchanged cells have changed takes the requests that reading again takes."""
    rows = table(2)
    plan(lab, rows)  # the fields are known from now on
    lab.exchanges.clear()
    made = plan(lab, rows)
    asked = lab.operations()
    lab.exchanges.clear()
    assert (apply(lab, made).values_unchanged, lab.operations()) == (4, asked)


def test_a_record_of_which_nothing_was_written_has_not_changed(lab: Lab) -> None:
    """The report counts records as changed of which a cell was written, and says all that the import says."""
    lab.world(lab.api.entity_fields.get_or_create_data_field("Parent", "record-reference"))
    rows: list[Any] = [{"Compound": "U-0", "Parent": "00000000-0000-0000-0000-000000000000"}]
    report = upsert(lab, [*rows, {"Compound": "U-1", "Note": "new"}])
    assert "records  0 made, 1 changed" in str(report)
    reason = report.failed[0].reason
    assert reason.startswith("was refused: invalid_format: ")
    assert "record" in reason


def test_what_was_not_sent_when_a_load_is_stopped_says_so(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C what is left was not sent because the load was stopped; after an error, because that came."""
    monkeypatch.setattr("kalbio._model.constants.IMPORT_ROWS", 2)
    for error, reason in ((KeyboardInterrupt, "the load was stopped"), (OSError, "something before it failed")):

        def stop(*_: int, error: type[BaseException] = error) -> None:
            raise error

        with pytest.raises(error) as caught:
            upsert(lab, [{"Compound": f"{error.__name__}-{n}", "Tags": "a"} for n in range(4)], progress=stop)
        skipped = caught.value.outcome.skipped  # type: ignore[attr-defined]
        assert {cell.reason for cell in skipped} == {f"was not sent, because {reason}"}


@pytest.mark.parametrize("call", ["upsert", "apply", "add_values", "get_or_create_records", "push_data"])
def test_a_load_that_is_stopped_before_anything_is_sent_has_an_empty_outcome(
    lab: Lab, tmp_path: Path, call: str
) -> None:
    """Ctrl-C while a load looks up what it needs leaves an outcome that says that nothing was sent, and saves."""
    made = plan(lab, table(3))
    lab.api.clear_caches()

    def stop(_: Any) -> Any:
        raise KeyboardInterrupt

    lab.sandbox.handle_with_faults = stop  # type: ignore[method-assign,assignment]
    records, lot = lab.api.records, [{"record": {"Compound": "U-0"}, "field": "Note", "content": "a"}]
    with pytest.raises(KeyboardInterrupt) as caught:
        lab.world({
            "upsert": lambda: records.upsert(table(3), "Compound"),
            "apply": lambda: made.apply(),
            "add_values": lambda: records.add_values(lot),
            "get_or_create_records": lambda: records.get_or_create_records([{"Compound": "U-9"}]),
            "push_data": lambda: lab.api.imports.push_data(["Compound"], table(1), batch_size=1),
        }[call]())  # fmt: skip
    outcome = caught.value.outcome  # type: ignore[attr-defined]
    assert (outcome.ok, len(outcome)) == (False, 0)
    outcome.save(tmp_path / ("report.json" if call in ("upsert", "apply") else "rows.csv"))
    with pytest.raises(OutcomeError, match="sent"):
        outcome.raise_for_failures()


@pytest.mark.parametrize("world", ["async"], indirect=True)
def test_a_time_limit_leaves_an_outcome_too(lab: Lab) -> None:
    """A load whose time is up before anything was sent has its outcome on the cause of the TimeoutError."""

    lab.api.clear_caches()
    lab.fail(slow=20, times=9)

    async def load() -> None:
        async with asyncio.timeout(0):
            await lab.api.records.upsert(table(3), "Compound")

    with pytest.raises(TimeoutError) as caught:
        lab.world(load())
    outcome = caught.value.__cause__.outcome  # type: ignore[union-attr]
    assert (outcome.ok, len(outcome), writes(lab)) == (False, 0, [])
