"""Loads of tables that end in the middle: killed, interrupted, with lost answers; and run again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kalbio import ClientClosedError, JournalError
from kalbio._core.bulk.journal import Journal
from kalbio.loading import LoadReport
from kalbio.sandbox import Sandbox
from tests.conftest import Lab, World
from tests.test_journals import Killed, kill
from tests.test_upserts import apply, histories, plan, prepared, table, upsert, writes

IMPORT = "/push/imports/by-field-id"


@pytest.fixture
def lab(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A sandbox whose client loads two records at a time, and waits for nothing after a kill."""
    monkeypatch.setattr("kalbio._core.bulk.journal.JOURNAL_REST", 0.0)
    monkeypatch.setattr("kalbio._model.constants.IMPORT_ROWS", 2)
    monkeypatch.setattr(Journal, "note", Journal.note)  # put back at the end, whatever became of a kill
    made = prepared(Lab(world, retries=0, max_in_flight=1))
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "load.db"


def all_values(lab: Lab, count: int = 5) -> list[dict[str, list[Any]]]:
    """The histories of all records of the table."""
    return [histories(lab, f"U-{number}") for number in range(count)]


ONCE = [{"Note": [f"note {n}"], "logP": [f"{n}.5"]} for n in range(5)]
ONCE_WITH_TAGS = [{**values, "Tags": [["a", "b"]]} for values in ONCE]


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_load_that_is_killed_goes_on(lab: Lab, path: Path, after: int, carried_out: bool) -> None:
    """Whichever import the kill hits, before or after it was carried out, every value is there once."""
    live = kill(lab, after, carried_out=carried_out, operation=IMPORT)
    with pytest.raises(Killed):
        upsert(lab, table(5), journal=path)
    live()

    assert upsert(lab, table(5), journal=path).ok
    assert all_values(lab) == ONCE
    writes(lab)
    assert upsert(lab, table(5), journal=path).ok
    assert writes(lab) == []


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("after", [0, 2, 4])
def test_a_load_that_is_killed_at_a_single_value_goes_on(lab: Lab, path: Path, after: int, carried_out: bool) -> None:
    """Values that no import carries are written once as well."""
    live = kill(lab, after, carried_out=carried_out)
    with pytest.raises(Killed):
        upsert(lab, table(5, Tags="a;b"), journal=path)
    live()

    assert upsert(lab, table(5, Tags="a;b"), journal=path).ok
    assert all_values(lab) == ONCE_WITH_TAGS


def test_a_plan_that_was_killed_is_made_again_and_goes_on(lab: Lab, path: Path) -> None:
    """A journal belongs to the table, however much of it is left to write."""
    live = kill(lab, 1, carried_out=True, operation=IMPORT)
    with pytest.raises(Killed):
        apply(lab, plan(lab, table(5)), journal=path)
    live()

    assert apply(lab, plan(lab, table(5)), journal=path).ok
    assert all_values(lab) == ONCE


def test_what_somebody_wrote_after_a_kill_is_left_alone(lab: Lab, path: Path) -> None:
    """Neither a cell that was done nor one that was under way is written over what came later."""
    live = kill(lab, 1, carried_out=True, operation=IMPORT)
    with pytest.raises(Killed):
        upsert(lab, table(5), journal=path)
    live()
    for key in ("U-0", "U-2"):  # the first was done, the other one was being written
        record = lab.world(lab.api.records.get_record_by_id({"Compound": key}, use_cache=False))
        lab.world(record.add_value("logP", 9))

    report = upsert(lab, table(5), journal=path)
    assert [(cell.key, cell.column, cell.old) for cell in report.conflicts] == [
        ("U-0", "logP", "9"),
        ("U-2", "logP", "9"),
    ]
    assert report.conflicts[0].reason.startswith("was written by an earlier run")
    assert [values["logP"] for values in all_values(lab)] == [["0.5", "9"], ["1.5"], ["2.5", "9"], ["3.5"], ["4.5"]]


def test_changes_are_written_once_after_a_kill(lab: Lab, path: Path) -> None:
    """Of a record that was there before, cells that were not written yet are told from those that were."""
    upsert(lab, table(5))
    rows = [{**row, "logP": row["logP"] + 10} for row in table(5)]
    for after, carried_out in ((0, False), (0, True), (1, False)):
        live = kill(lab, after, carried_out=carried_out, operation=IMPORT)
        with pytest.raises(Killed):
            upsert(lab, rows, journal=path)
        live()
    assert upsert(lab, rows, journal=path).ok
    assert [values["logP"] for values in all_values(lab)] == [[f"{n}.5", f"{n + 10}.5"] for n in range(5)]


def test_an_import_that_may_still_run_is_waited_for(world: World, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an import that began since the load runs, what was sent is unknown and not sent again."""
    monkeypatch.setattr("kalbio._core.bulk.journal.JOURNAL_REST", 0.0)
    monkeypatch.setattr(Journal, "note", Journal.note)
    lab = prepared(Lab(world, Sandbox(import_polls=3), retries=0))
    live = kill(lab, 0, carried_out=False, operation=IMPORT)
    with pytest.raises(Killed):
        upsert(lab, table(5), journal=path)
    live()
    world(lab.api.imports.push_data(["Compound"], [{"Compound": "of somebody else"}]))

    writes(lab)
    report = upsert(lab, table(5), journal=path, timeout=0, on_error="continue")
    assert report.counts == {"unknown": 10}
    assert "may be on its way still" in report.unknown[0].reason
    assert writes(lab) == []
    for _ in range(3):
        world(lab.api.imports.get_imports())
        for item in world(lab.api.imports.get_imports()):
            world(lab.api.imports.get_import(item))
    upsert(lab, table(5), journal=path, timeout=0)
    assert all_values(lab) == ONCE
    lab.close()


def test_a_lost_answer_is_settled_by_reading(lab: Lab, path: Path) -> None:
    """Where the answer to an import is lost, what is there is done, and what is not is unknown, and skipped after."""
    lab.fail("pushImportByFieldId", lose_answer=True)
    report = upsert(lab, table(5), journal=path)
    assert report.counts == {"done": 10}
    assert writes(lab).count("pushImportByFieldId") == 3

    lab.fail("pushImportByFieldId", reset=True)
    rows = [{**row, "Note": "new"} for row in table(5)]
    report = upsert(lab, rows)
    assert report.counts == {"unknown": 2, "skipped": 3}
    assert "may be written still" in report.unknown[0].reason
    assert upsert(lab, rows).ok
    assert [values["Note"] for values in all_values(lab)] == [[f"note {n}", "new"] for n in range(5)]


def test_a_refused_import_is_failed_and_stops_the_load(lab: Lab) -> None:
    """What the server refuses is failed, the rest is skipped, or goes on when asked for."""
    lab.fail("pushImportByFieldId", status=403)
    report = upsert(lab, table(5))
    assert report.counts == {"failed": 4, "skipped": 6}
    assert "status 403" in report.failed[0].reason
    lab.fail("pushImportByFieldId", status=403)
    report = upsert(lab, table(5), on_error="continue")
    assert report.counts == {"failed": 4, "done": 6}


def test_a_journal_belongs_to_one_table(lab: Lab, path: Path) -> None:
    """Another table, or the same one for another place, is refused before anything is sent."""
    upsert(lab, table(5), journal=path)
    writes(lab)
    for data, options in ((table(4), {}), (table(5, Tags="a"), {}), (table(5), {"activity": "Kinase screen"})):
        with pytest.raises(JournalError, match="belongs to other rows"):
            upsert(lab, data, journal=path, **options)
    assert writes(lab) == []
    secret = path.read_bytes()
    assert b"note 1" not in secret
    assert b"sandbox-secret" not in secret


@pytest.mark.parametrize("operation", [IMPORT, "/values"])
def test_an_interrupted_load_tells_what_became_of_it(lab: Lab, operation: str) -> None:
    """The exception that ends a load has its report: done, unknown for what was under way, skipped."""
    answer, count = lab.sandbox.handle_with_faults, iter(range(100))

    def meet(request: Any) -> Any:
        if request.method == "POST" and request.target.endswith(operation) and next(count) == 1:
            raise KeyboardInterrupt
        return answer(request)

    lab.sandbox.handle_with_faults = meet  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt) as caught:
        upsert(lab, table(5, Tags="a"))
    report: Any = getattr(caught.value, "outcome", None)
    assert isinstance(report, LoadReport)
    expected = (
        {"done": 6, "unknown": 6, "skipped": 3} if operation == IMPORT else {"done": 5, "unknown": 1, "skipped": 9}
    )
    assert report.counts == expected


def test_cells_that_are_written_in_any_case_are_not_doubled_after_a_kill(lab: Lab, path: Path) -> None:
    """With only_changed=False too, what an earlier run has written, or may have, is not written again."""
    upsert(lab, table(5))
    live = kill(lab, 1, carried_out=True, operation=IMPORT)
    with pytest.raises(Killed):
        upsert(lab, table(5), only_changed=False, journal=path)
    live()
    assert upsert(lab, table(5), only_changed=False, journal=path).ok
    assert [values["logP"] for values in all_values(lab)] == [[f"{n}.5"] * 2 for n in range(5)]


def test_a_journal_that_fails_ends_the_load(lab: Lab, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be noted is not sent; the error has the report, and a rerun writes the rest once."""
    note, count = Journal.note, iter(range(100))

    def fail(self: Journal, notes: Any) -> None:
        if next(count) == 2:  # before the second import
            raise JournalError("the disk is full")
        note(self, notes)

    monkeypatch.setattr(Journal, "note", fail)
    with pytest.raises(JournalError, match="the disk is full") as caught:
        upsert(lab, table(5), journal=path)
    report: Any = caught.value.outcome
    assert isinstance(report, LoadReport)
    assert report.counts == {"skipped": 6, "done": 4}
    assert writes(lab) == ["pushImportByFieldId"]
    assert upsert(lab, table(5), journal=path).ok
    assert all_values(lab) == ONCE


def test_a_closed_client_loads_nothing(lab: Lab) -> None:
    """A plan of a client that was closed since is not applied."""
    made = plan(lab, table(5))
    lab.world(lab.api.close() if lab.world.kind == "sync" else lab.api.aclose())
    with pytest.raises(ClientClosedError):
        apply(lab, made)
