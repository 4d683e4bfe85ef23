"""Loads with a journal: killed, run again, and nothing lost or doubled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kalbio import JournalError, OutcomeUnknownError
from kalbio._core.bulk.journal import Journal
from tests.conftest import Lab, World

FIELD = "Purity (%)"


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def lab(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A sandbox whose client sends one row at a time; chunks are of 6 rows, and nothing is waited for."""
    monkeypatch.setattr("kalbio._core.constants.BULK_CHUNK", 6)
    monkeypatch.setattr("kalbio._core.bulk.journal.JOURNAL_REST", 0.0)
    monkeypatch.setattr(Journal, "note", Journal.note)  # put back at the end, whatever became of a kill
    made = Lab(world, retries=0, max_in_flight=1)
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "load.db"


def records_of(lab: Lab, world: World, count: int = 3) -> list[Any]:
    """Return records of their own, each with an older value of the content that is loaded first."""
    records = [world(lab.api.records.get_or_create_record({"Compound": f"J-{n}"})) for n in range(count)]
    for record in records:
        world(record.add_value(FIELD, 1))
    return records


def rows_of(records: list[Any], contents: tuple[int, ...] = (1, 2, 2, 1, 2)) -> list[dict[str, Any]]:
    """Return rows that write the same contents to each record, some of them twice."""
    return [{"record": record, "field": FIELD, "content": content} for content in contents for record in records]


def stored(record: Any, world: World) -> list[str]:
    """Return the contents of the history, the oldest first, without the one that was there before."""
    return [value.content for value in reversed(world(record.get_values()))][1:]


def kill(lab: Lab, after: int, *, carried_out: bool, operation: str = "/values") -> Callable[[], None]:
    """Kill the process at a write, before or after it was carried out; returns what ends that.

    A process that is killed, unlike one that is interrupted, notes nothing more.
    """
    answer, count, note = lab.sandbox.handle_with_faults, iter(range(10**6)), Journal.note

    def end(*_: Any) -> None:
        raise Killed

    def meet(request: Any) -> Any:
        if request.method == "POST" and request.target.endswith(operation) and next(count) == after:
            if carried_out:
                answer(request)
            Journal.note = end  # type: ignore[assignment,method-assign]
            raise Killed
        return answer(request)

    lab.sandbox.handle_with_faults = meet  # type: ignore[method-assign]

    def live() -> None:
        lab.sandbox.handle_with_faults = answer  # type: ignore[method-assign]
        Journal.note = note  # type: ignore[method-assign]

    return live


def asked(lab: Lab, since: int = 0) -> list[str | None]:
    """Return the calls since so many exchanges."""
    return [exchange.operation for exchange in lab.exchanges[since:]]


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("after", [0, 1, 2, 7, 13, 14])
def test_a_load_that_is_killed_at_any_row_goes_on(
    lab: Lab, world: World, path: Path, after: int, carried_out: bool
) -> None:
    """Whichever row the kill hits, before or after it was carried out, all are in once and in their order."""
    records = records_of(lab, world)
    live = kill(lab, after, carried_out=carried_out)
    with pytest.raises(Killed):
        world(lab.api.records.add_values(rows_of(records), journal=path))
    live()

    result = world(lab.api.records.add_values(rows_of(records), journal=path))

    assert result.ok
    for record in records:
        assert stored(record, world) == ["1", "2", "2", "1", "2"]
    # A write at which the client is killed leaves no exchange.
    assert asked(lab).count("addRecordValue") == len(records) + 15 - carried_out


def test_a_load_that_is_killed_again_and_again_ends(lab: Lab, world: World, path: Path) -> None:
    """Killed at every second row, before and after it was carried out, each run gets on, and all rows are in once."""
    records = records_of(lab, world)
    runs = 0
    while True:
        live = kill(lab, 2, carried_out=runs % 2 == 0)
        runs += 1
        try:
            result = world(lab.api.records.add_values(rows_of(records), journal=path))
            break
        except Killed:
            pass
        finally:
            live()

    assert result.ok
    assert runs > 4
    assert [stored(record, world) for record in records] == [["1", "2", "2", "1", "2"]] * 3


def test_rows_that_are_done_are_not_sent_again(lab: Lab, world: World, path: Path) -> None:
    """A second run of a load that has ended asks for the workspace and nothing else; outcomes have the same ids."""
    records = records_of(lab, world)
    told: list[tuple[int, int]] = []
    first = world(lab.api.records.add_values(rows_of(records), journal=path))
    lab.api.clear_caches()
    since = len(lab.exchanges)

    again = world(
        lab.api.records.add_values(rows_of(records), journal=path, progress=lambda *state: told.append(state))
    )

    assert [name for name in asked(lab, since) if name != "listDataFields"] == ["getActiveWorkspace"]
    assert again.ok
    assert again.ids == first.ids == [value.id for value in first.values]
    assert [(outcome.earlier, outcome.value) for outcome in again] == [(True, None)] * 15
    assert not any(outcome.earlier for outcome in first)
    assert told == [(n, 15) for n in range(1, 16)]


def test_what_is_there_before_is_read_for_many_rows_at_once(lab: Lab, world: World, path: Path) -> None:
    """A chunk of rows for different records costs one more request, and none of them a history."""
    records = records_of(lab, world, 12)
    since = len(lab.exchanges)

    assert world(lab.api.records.add_values(rows_of(records, (5,)), journal=path)).ok
    assert asked(lab, since).count("listRecords") == 2
    assert asked(lab, since).count("listRecordValues") == 0


@pytest.mark.parametrize("fault", [{"lose_answer": True}, {"reset": True}, {"status": 504}], ids=str)
def test_a_lost_answer_is_settled_by_the_next_run(lab: Lab, world: World, path: Path, fault: dict[str, Any]) -> None:
    """A row of unknown fate holds back the later ones of its place; the next run finds it, or sends it, in its turn."""
    records = records_of(lab, world)
    lab.fail("addRecordValue", **fault)

    first = world(lab.api.records.add_values(rows_of(records), journal=path))
    assert [outcome.status for outcome in first] == ["unknown", "done", "done", *["skipped", "done", "done"] * 4]
    assert stored(records[0], world) == (["1"] if "lose_answer" in fault else [])

    assert world(lab.api.records.add_values(rows_of(records), journal=path)).ok
    assert [stored(record, world) for record in records] == [["1", "2", "2", "1", "2"]] * 3


def test_with_verify_a_lost_answer_is_settled_at_once(lab: Lab, world: World, path: Path) -> None:
    """With a journal verify needs no history before the row, only one after the loss."""
    records = records_of(lab, world)
    since = len(lab.exchanges)
    lab.fail("addRecordValue", lose_answer=True)

    assert world(lab.api.records.add_values(rows_of(records), journal=path, verify=True)).ok
    assert asked(lab, since).count("listRecordValues") == 1
    assert [stored(record, world) for record in records] == [["1", "2", "2", "1", "2"]] * 3


@pytest.mark.parametrize("theirs", [7, 9])
def test_somebody_else_writes_to_the_place_after_the_kill(lab: Lab, world: World, path: Path, theirs: int) -> None:
    """With another content the row stays unknown and nothing is sent; an equal one is taken for the row."""
    (record,) = records_of(lab, world, 1)
    live = kill(lab, 0, carried_out=False)
    with pytest.raises(Killed):
        world(lab.api.records.add_values(rows_of([record], (7,)), journal=path))
    live()
    world(record.add_value(FIELD, theirs))

    result = world(lab.api.records.add_values(rows_of([record], (7,)), journal=path))
    assert [outcome.status for outcome in result] == ["done" if theirs == 7 else "unknown"]
    assert stored(record, world) == [str(theirs)]
    if theirs == 9:
        assert isinstance(result[0].error, OutcomeUnknownError)
        assert "other content" in str(result[0].error)


def test_a_row_is_found_below_what_somebody_else_wrote_later(lab: Lab, world: World, path: Path) -> None:
    """The history tells that the row is in, although it is not the current value any more."""
    (record,) = records_of(lab, world, 1)
    live = kill(lab, 0, carried_out=True)
    with pytest.raises(Killed):
        world(lab.api.records.add_values(rows_of([record], (7,)), journal=path))
    live()
    world(record.add_value(FIELD, 9))

    assert world(lab.api.records.add_values(rows_of([record], (7,)), journal=path)).ok
    assert stored(record, world) == ["7", "9"]


def test_what_cannot_be_looked_for_stays_unknown(lab: Lab, world: World, path: Path) -> None:
    """When the records cannot be read after a kill, the row that was under way is unknown, and nothing is sent."""
    (record,) = records_of(lab, world, 1)
    live = kill(lab, 0, carried_out=True)
    with pytest.raises(Killed):
        world(lab.api.records.add_values(rows_of([record], (7,)), journal=path))
    live()
    lab.fail("listRecords", status=403)
    result = world(lab.api.records.add_values(rows_of([record], (7,)), journal=path))

    assert [outcome.status for outcome in result] == ["unknown"]
    assert "could not be read" in str(result[0].error)
    assert world(lab.api.records.add_values(rows_of([record], (7,)), journal=path)).ok
    assert stored(record, world) == ["7"]


def test_nothing_is_sent_when_the_place_cannot_be_read_first(lab: Lab, world: World, path: Path) -> None:
    """Without a look before, a kill could not be told from a success, so the row fails before it is sent."""
    (record,) = records_of(lab, world, 1)
    lab.fail("listRecords", status=403)

    result = world(lab.api.records.add_values(rows_of([record], (7,)), journal=path))
    assert [outcome.status for outcome in result] == ["failed"]
    assert stored(record, world) == []
    assert world(lab.api.records.add_values(rows_of([record], (7,)), journal=path)).ok


def test_a_refused_row_is_tried_again_unless_a_later_one_is_in(lab: Lab, world: World, path: Path) -> None:
    """The next run sends a refused row once more, but not behind a later row for the same place."""
    records = records_of(lab, world, 2)
    rows = [
        {"record": records[0], "field": FIELD, "content": "much"},
        {"record": records[1], "field": FIELD, "content": "little"},
        {"record": records[0], "field": FIELD, "content": 2},
    ]
    first = world(lab.api.records.add_values(rows, journal=path))
    assert [outcome.status for outcome in first] == ["failed", "failed", "done"]
    since = len(lab.exchanges)

    again = world(lab.api.records.add_values(rows, journal=path))
    assert [outcome.status for outcome in again] == ["failed", "failed", "done"]
    assert asked(lab, since).count("addRecordValue") == 1
    assert "a later row for the same cell was written" in str(again[0].error)


def test_a_journal_of_other_rows_is_refused_before_anything_is_sent(lab: Lab, world: World, path: Path) -> None:
    """One changed content, or another kind of load, and the journal is refused; no row goes out."""
    records = records_of(lab, world)
    world(lab.api.records.add_values(rows_of(records), journal=path))
    since = len(lab.exchanges)

    with pytest.raises(JournalError, match="belongs to other rows"):
        world(lab.api.records.add_values(rows_of(records, (1, 2, 2, 1, 3)), journal=path))
    with pytest.raises(JournalError, match="belongs to another load"):
        world(lab.api.records.get_or_create_records([{"Compound": "J-0"}], journal=path))
    assert {"addRecordValue", "getOrCreateRecord"} & set(asked(lab, since)) == set()


def test_a_journal_holds_neither_credentials_nor_contents(lab: Lab, world: World, path: Path) -> None:
    """The bytes of the file have ids and digests; no secret, no token and nothing of what was loaded."""
    (record,) = records_of(lab, world, 1)
    rows = [{"record": record, "field": "Comment", "content": "a quite confidential remark"}]
    assert world(lab.api.records.add_values(rows, journal=path)).ok

    written = b"".join(part.read_bytes() for part in path.parent.iterdir())
    secrets = lab.api._tokens.secrets()
    assert len(secrets) > 1
    assert str(world(record.get_values())[0].id).encode() in written
    for text in ["confidential", *secrets]:
        assert text.encode() not in written


@pytest.mark.parametrize(("after", "sent"), [(0, 12), (5, 7), (7, 5), (12, 1)])
def test_records_are_made_once_whenever_the_load_was_killed(
    lab: Lab, world: World, path: Path, after: int, sent: int
) -> None:
    """Rows of chunks that have ended are not asked for again, the others are looked up, and sent where they are not in.

    A row alone is sent without a look-up. The ids are those of the records.
    """
    keys = [{"Compound": f"K-{n}"} for n in range(13)]
    live = kill(lab, after, carried_out=True, operation="/records")
    with pytest.raises(Killed):
        world(lab.api.records.get_or_create_records(keys, journal=path))
    live()
    lab.api.clear_caches()
    since = len(lab.exchanges)

    result = world(lab.api.records.get_or_create_records(keys, journal=path))
    assert result.ok
    assert asked(lab, since).count("getOrCreateRecord") == sent
    assert asked(lab, since).count("identifyRecords") == 2 - after // 6
    found = world(lab.api.records.get_records_by_ids(result.ids))
    assert [str(record) for record in found] == [f"K-{n}" for n in range(13)]
