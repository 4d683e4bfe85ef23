"""Imports of many rows, a batch at a time, with and without a journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kalbio import JournalError, OutcomeError
from kalbio.sandbox import Sandbox
from tests.conftest import Lab, World
from tests.test_journals import Killed, kill

ROWS = [{"Compound": f"I-{number}", "Reading": number} for number in range(10)]


@pytest.fixture
def lab(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A sandbox, without waiting after a kill."""
    monkeypatch.setattr("kalbio._core.bulk.journal.JOURNAL_REST", 0.0)
    made = Lab(world, retries=0)
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "load.db"


def stored(lab: Lab, world: World) -> list[int]:
    """Return how many values each row has."""
    records = [world(lab.api.records.get_or_create_record({"Compound": row["Compound"]})) for row in ROWS]
    return [len(world(record.get_values())) for record in records]


def push(lab: Lab, world: World, rows: list[dict[str, Any]] = ROWS, **options: Any) -> Any:
    """Push the rows, four at a time."""
    return world(lab.api.imports.push_data(["Compound"], rows, **{"batch_size": 4, **options}))


def test_rows_are_pushed_batch_by_batch(lab: Lab, world: World) -> None:
    """Ten rows are three imports, each ended before the next, with an outcome and its import."""
    told: list[tuple[int, int]] = []
    result = push(lab, world, progress=lambda *state: told.append(state))

    assert result.ok
    assert [item.import_result.validation_result.total_processed for item in result.values] == [4, 4, 2]
    assert result.ids == [item.id for item in result.values]
    calls = [name for name in lab.operations() if name in ("pushImport", "getImport")]
    assert calls == ["pushImport", "getImport"] * 3
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert stored(lab, world) == [1] * 10


def test_rows_that_are_left_out_make_a_batch_fail(lab: Lab, world: World) -> None:
    """A batch with a row that does not fit is failed, says which, and does not stop the others unless asked to."""
    world(lab.api.entity_fields.get_or_create_data_field("Reading", "number"))
    rows = [*ROWS[:5], {**ROWS[5], "Reading": "much"}, *ROWS[6:]]

    result = push(lab, world, rows)
    assert [outcome.status for outcome in result] == ["done", "failed", "done"]
    assert result[1].value.row_errors[0].incoming_record_identifier == "I-5"
    assert isinstance(result[1].error, OutcomeError)
    stopped = push(lab, world, rows, stop_on_error=True)
    assert [outcome.status for outcome in stopped] == ["done", "failed", "skipped"]


def test_an_import_that_does_not_end_in_time_is_unknown(world: World) -> None:
    """What is still running may or may not get in, and the later batches are not sent."""
    lab = Lab(world, Sandbox(import_polls=9))
    result = push(lab, world, timeout=0)

    assert [outcome.status for outcome in result] == ["unknown", "skipped", "skipped"]
    assert lab.operations().count("pushImport") == 1
    lab.close()


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_load_that_is_killed_goes_on(lab: Lab, world: World, path: Path, after: int, carried_out: bool) -> None:
    """Whichever batch the kill hits, before or after it was carried out, each is pushed once."""
    live = kill(lab, after, carried_out=carried_out, operation="/push/imports")
    with pytest.raises(Killed):
        push(lab, world, journal=path)
    live()

    result = push(lab, world, journal=path)
    assert result.ok
    assert [outcome.earlier for outcome in result] == [number < after for number in range(3)]
    assert stored(lab, world) == [1] * 10
    assert len(world(lab.api.imports.get_imports())) == 3


def test_a_lost_answer_is_settled_by_the_next_run(lab: Lab, world: World, path: Path) -> None:
    """The batches behind one of unknown fate are skipped; the next run finds its import, and pushes the others."""
    lab.fail("pushImport", lose_answer=True)
    first = push(lab, world, journal=path)

    assert [outcome.status for outcome in first] == ["unknown", "skipped", "skipped"]
    assert push(lab, world, journal=path).ok
    assert stored(lab, world) == [1] * 10


@pytest.mark.parametrize("theirs", [ROWS[:3], ROWS[:4]])
def test_imports_of_others_are_not_taken_for_a_batch(lab: Lab, world: World, path: Path, theirs: Any) -> None:
    """One of another size, and a second one of the same, leave the batch unknown, and nothing is pushed."""
    lab.fail("pushImport", lose_answer=len(theirs) == 4, reset=len(theirs) == 3)
    push(lab, world, journal=path)
    world(lab.api.imports.push_data(["Compound"], theirs))
    since = lab.operations().count("pushImport")

    result = push(lab, world, journal=path)
    assert [outcome.status for outcome in result] == ["unknown", "skipped", "skipped"]
    assert "imports since that may be it" in str(result[0].error)
    assert lab.operations().count("pushImport") == since


def test_a_journal_belongs_to_its_batches(lab: Lab, world: World, path: Path) -> None:
    """Other rows and other sizes are refused before anything is sent, and a journal without a size too."""
    assert push(lab, world, journal=path).ok
    since = lab.operations().count("pushImport")

    with pytest.raises(JournalError, match="other rows"):
        push(lab, world, ROWS[:9], journal=path)
    with pytest.raises(JournalError, match="another load"):
        push(lab, world, journal=path, batch_size=5)
    with pytest.raises(ValueError, match="a journal needs a batch_size"):
        push(lab, world, journal=path, batch_size=None)
    assert push(lab, world, journal=path).ok
    assert lab.operations().count("pushImport") == since


def test_a_load_that_was_only_logged_does_not_look_done(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """With on_error="log", a load that could not begin gives a result that is not ok, and names the call."""
    lab = Lab(world, retries=0, on_error="log")
    result = push(lab, world, operation_id="no such activity")

    assert (list(result), result.ok) == ([], False)
    assert "ImportsService.push_data: " in caplog.text
    lab.close()
