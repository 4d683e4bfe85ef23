"""R140 and R141: what a load does when its journal fails, and which row an error is about."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kalbio import JournalError
from kalbio._core.bulk.journal import Journal, JournalEntry, Note
from tests.conftest import Lab, World
from tests.test_journals import FIELD, Killed, asked, kill, records_of, rows_of, stored

CONTENTS = tuple(range(2, 22))


@pytest.fixture
def lab(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A sandbox whose client notes 6 rows at a time, and does not wait after a kill."""
    monkeypatch.setattr("kalbio._core.constants.BULK_CHUNK", 6)
    monkeypatch.setattr("kalbio._core.bulk.journal.JOURNAL_REST", 0.0)
    made = Lab(world, retries=0, max_in_flight=2)
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "load.db"


@contextmanager
def room_for(pages: int) -> Iterator[None]:
    """Let journals grow to so many pages: the database then behaves as on a full disk."""
    take = Journal._take

    def limited(journal: Journal) -> None:
        take(journal)
        journal._db.execute(f"pragma max_page_count = {pages}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "_take", limited)
        yield


@contextmanager
def fails_at(note: int) -> Iterator[None]:
    """Let one note fail for want of room."""
    write, count = Journal.note, iter(range(10**6))

    def noted(journal: Journal, notes: Sequence[Note]) -> None:
        if notes and next(count) == note:
            (pages,) = journal._db.execute("pragma page_count").fetchone()
            journal._db.execute(f"pragma max_page_count = {pages}")
            notes = [*notes, Note(10**6, bytes(100_000), JournalEntry("sent", None, None))]
        write(journal, notes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "note", noted)
        yield


@pytest.mark.parametrize("pages", [3, 4, 5])
def test_r140_a_full_disk_ends_a_load_with_its_outcomes(lab: Lab, world: World, path: Path, pages: int) -> None:
    """The error names the cause and has the outcome of each row; run again with more room, each row is in once."""
    records = records_of(lab, world)
    rows = rows_of(records, CONTENTS * 2)
    with room_for(pages), pytest.raises(JournalError, match=r"load\.db cannot be written: the disk is full") as caught:
        world(lab.api.records.add_values(rows, journal=path))

    result = caught.value.outcome
    assert len(result) == len(rows)
    assert {outcome.status for outcome in result} == {"done", "skipped"}
    sent = asked(lab).count("addRecordValue") - len(records)
    assert 0 < len(result.done) == sent < len(rows)
    assert [outcome.value.content for outcome in result.done] == [
        str(rows[item.index]["content"]) for item in result.done
    ]

    assert world(lab.api.records.add_values(rows, journal=path)).ok
    assert [stored(record, world) for record in records] == [list(map(str, CONTENTS * 2))] * 3


@pytest.mark.parametrize("note", range(6))
def test_r140_whichever_note_fails_the_load_goes_on_exactly(lab: Lab, world: World, path: Path, note: int) -> None:
    """Before rows are sent or after, in the first chunk or a later one: told is what is in, and no row is in twice."""
    records = records_of(lab, world)
    rows = rows_of(records)
    with fails_at(note), pytest.raises(JournalError, match="the disk is full") as caught:
        world(lab.api.records.add_values(rows, journal=path))

    told = caught.value.outcome
    assert [len(stored(record, world)) for record in records] == [
        sum(outcome.status == "done" for outcome in told[start::3]) for start in range(3)
    ]
    assert world(lab.api.records.add_values(rows, journal=path)).ok
    assert [stored(record, world) for record in records] == [["1", "2", "2", "1", "2"]] * 3


def test_r140_an_iterator_yields_what_is_in_before_it_fails(lab: Lab, world: World, path: Path) -> None:
    """Outcomes of the batch in which the journal fails come first, then the error, which has them too."""
    records = records_of(lab, world)
    rows = rows_of(records)

    found: list[Any] = []

    def load() -> Any:
        outcomes = lab.api.records.iter_add_values(iter(rows), journal=path, batch_size=6)
        return found.extend(outcomes) if world.kind == "sync" else collect(outcomes)

    async def collect(outcomes: Any) -> None:
        async for outcome in outcomes:
            found.append(outcome)

    with fails_at(5), pytest.raises(JournalError, match="the disk is full") as caught:
        world(load())
    told = caught.value.outcome
    assert [outcome.index for outcome in told] == list(range(6, 12))
    assert found == [*found[:6], *told.done]
    assert len(found) == 9
    assert asked(lab).count("addRecordValue") - len(records) == len(found)

    found.clear()
    world(load())
    assert [outcome.status for outcome in found] == ["done"] * 15
    assert [stored(record, world) for record in records] == [["1", "2", "2", "1", "2"]] * 3


def test_r140_batches_of_an_import_are_told_too(lab: Lab, world: World, path: Path) -> None:
    """A journal that fails behind a push gives the outcome of the batches that went; a rerun pushes only the others."""
    rows = [{"Compound": f"R-{number}"} for number in range(10)]
    with fails_at(3), pytest.raises(JournalError, match="the disk is full") as caught:
        world(lab.api.imports.push_data(["Compound"], rows, batch_size=4, journal=path))
    assert [outcome.status for outcome in caught.value.outcome] == ["done", "done", "skipped"]

    assert world(lab.api.imports.push_data(["Compound"], rows, batch_size=4, journal=path)).ok
    assert asked(lab).count("pushImport") == 3


def test_r140_records_that_were_made_are_told(lab: Lab, world: World, path: Path) -> None:
    """Get-or-create tells its outcomes too when the journal fails."""
    keys = [{"Compound": f"R-{number}"} for number in range(10)]
    with fails_at(1), pytest.raises(JournalError, match="the disk is full") as caught:
        world(lab.api.records.get_or_create_records(keys, journal=path))
    assert [outcome.status for outcome in caught.value.outcome] == ["done"] * 10
    assert world(lab.api.records.get_or_create_records(keys, journal=path)).ok


def test_r140_the_older_error_policy_gives_the_outcomes(
    world: World, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With on_error="log" the failure of the journal is logged, and the result has the rows that are in."""
    lab = Lab(world, retries=0, on_error="log")
    records = records_of(lab, world)
    with fails_at(2):
        result = world(lab.api.records.add_values(rows_of(records), journal=path))
    assert (len(result), len(result.done), result.ok) == (15, 3, False)
    assert "the disk is full" in caplog.text
    lab.close()


@pytest.mark.parametrize("kind", ["empty", "cut off", "changed at the end", "memory", "folder", "pipe"])
def test_r140_a_journal_that_may_have_forgotten_is_refused(lab: Lab, world: World, path: Path, kind: str) -> None:
    """Nothing is sent by a journal that is empty, damaged, no file, or gone with the process."""
    records = records_of(lab, world)
    assert world(lab.api.records.add_values(rows_of(records), journal=path)).ok
    whole = path.read_bytes()
    since = len(lab.exchanges)
    if kind in ("folder", "pipe"):
        path.unlink()
        path.mkdir() if kind == "folder" else os.mkfifo(path)
    else:
        path.write_bytes(
            {"empty": b"", "cut off": whole[:-1], "changed at the end": whole[:-9] + bytes(9)}.get(kind, b"")
        )

    with pytest.raises(JournalError):
        world(lab.api.records.add_values(rows_of(records), journal=":memory:" if kind == "memory" else path))
    assert "addRecordValue" not in asked(lab, since)


@pytest.mark.parametrize("after", range(0, 15, 2))
def test_r140_the_one_file_has_all_that_counts(lab: Lab, world: World, path: Path, after: int) -> None:
    """A load that was killed at any row, and of whose journal only the one file is left, goes on exactly."""
    records = records_of(lab, world)
    answer, count, kept = lab.sandbox.handle_with_faults, iter(range(10**6)), path.with_suffix(".kept")

    def meet(request: Any) -> Any:
        if request.method == "POST" and request.target.endswith("/values") and next(count) == after:
            shutil.copy(path, kept)  # as it is at this moment, without what stands beside it
            raise Killed
        return answer(request)

    lab.sandbox.handle_with_faults = meet  # type: ignore[method-assign]
    with pytest.raises(Killed):
        world(lab.api.records.add_values(rows_of(records), journal=path))
    lab.sandbox.handle_with_faults = answer  # type: ignore[method-assign]
    for left in path.parent.glob("load.db*"):
        left.unlink()
    kept.rename(path)

    assert world(lab.api.records.add_values(rows_of(records), journal=path)).ok
    assert [stored(record, world) for record in records] == [["1", "2", "2", "1", "2"]] * 3


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_r140_a_clock_that_jumps_does_not_shorten_the_rest(
    lab: Lab, world: World, path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    """After a kill the load waits in full before it looks for what was sent, whatever the clock says meanwhile."""
    records = records_of(lab, world)
    live = kill(lab, 4, carried_out=True)
    with pytest.raises(Killed):
        world(lab.api.records.add_values(rows_of(records), journal=path))
    live()
    slept: list[float] = []

    def note_sleep(seconds: float) -> None:
        slept.append(seconds)

    async def note_sleep_async(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("kalbio._core.bulk.journal.JOURNAL_REST", 30.0)
    side, sleep = ("sync", note_sleep) if world.kind == "sync" else ("aio", note_sleep_async)
    monkeypatch.setattr(f"kalbio._core.{side}.bulk.sleep", sleep)
    clock = time.time
    monkeypatch.setattr("time.time", lambda: clock() + jump)

    assert world(lab.api.records.add_values(rows_of(records), journal=path)).ok
    assert len(slept) == 1
    assert 20.0 < slept[0] <= 30.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_r140_a_forked_child_does_not_go_on_with_a_load(path: Path) -> None:
    """An iterator that a child has got from its parent raises in it, sends nothing, and ends in the parent."""
    code = """if True:
        import os, sys, warnings
        from kalbio import JournalError
        from kalbio.testing import InProcess
        warnings.simplefilter("ignore")
        with InProcess() as lab:
            record = lab.client.records.get_or_create_record({"Compound": "F-1"})
            rows = ({"record": record.id, "field": "Purity (%)", "content": n} for n in range(6))
            outcomes = lab.client.records.iter_add_values(rows, journal=sys.argv[1], batch_size=2)
            next(outcomes), next(outcomes)
            child = os.fork()
            if child == 0:
                sent = len(lab.exchanges)
                try:
                    next(outcomes)
                except JournalError as error:
                    writes = [call.operation for call in lab.exchanges[sent:]].count("addRecordValue")
                    os._exit(0 if "in the parent process" in str(error) and not writes else 2)
                os._exit(1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert [outcome.status for outcome in outcomes] == ["done"] * 4
            assert len(record.get_values()) == 6
        """
    subprocess.run([sys.executable, "-c", code, path], check=True, timeout=60)


def test_r140_an_answer_of_another_row_is_not_noted_as_its_own(lab: Lab, world: World, path: Path) -> None:
    """A row that gets the answer to another one is unknown, and a rerun settles it: each id is that of its row."""
    records = records_of(lab, world)
    answer, last, writes = lab.sandbox.handle_with_faults, [], iter(range(10**6))

    def meet(request: Any) -> Any:
        if not (request.method == "POST" and request.target.endswith("/values")):
            return answer(request)
        last.append(answer(request))
        return last[-2] if next(writes) == 4 else last[-1]

    lab.sandbox.handle_with_faults = meet  # type: ignore[method-assign]
    first = world(lab.api.records.add_values(rows_of(records), journal=path))
    lab.sandbox.handle_with_faults = answer  # type: ignore[method-assign]
    assert {outcome.status for outcome in first} == {"done", "unknown", "skipped"}

    again = world(lab.api.records.add_values(rows_of(records), journal=path))
    assert again.ok
    assert len(set(again.ids)) == 15
    assert [stored(record, world) for record in records] == [["1", "2", "2", "1", "2"]] * 3
    for outcome, row in zip(again, rows_of(records), strict=True):
        assert outcome.id in [value.id for value in world(row["record"].get_values())]


# -- R141: which row an error is about --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    [float("nan"), b"bytes", "half \ud800", {1: "a number"}, object()],
    ids=["nan", "bytes", "half a letter", "a number for a key", "an object"],
)
@pytest.mark.parametrize("journalled", [False, True])
def test_r141_no_batch_goes_when_a_later_one_cannot(
    lab: Lab, world: World, path: Path, cell: Any, journalled: bool
) -> None:
    """A cell that cannot be sent, in the third batch, is named by its row and column before the first batch goes."""
    rows = [{"Compound": f"R-{number}", "Reading": cell if number == 9 else number} for number in range(12)]
    journal = {"journal": path} if journalled else {}
    with pytest.raises((ValueError, TypeError), match=r"data\[9\]\['Reading'\]"):
        world(lab.api.imports.push_data(["Compound"], (row for row in rows), batch_size=4, **journal))
    assert "pushImport" not in asked(lab)


def test_r141_what_breaks_batches_off_has_their_outcomes(lab: Lab, world: World) -> None:
    """Whatever ends a push in batches in the middle carries what became of each batch."""
    rows = [{"Compound": f"R-{number}"} for number in range(10)]

    def stop(ended: int, _: int) -> None:
        if ended == 2:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough") as caught:
        world(lab.api.imports.push_data(["Compound"], rows, batch_size=4, progress=stop))
    outcome: Any = caught.value.outcome  # type: ignore[attr-defined]
    assert [(item.status, item.id is not None) for item in outcome] == [
        ("done", True),
        ("done", True),
        ("skipped", False),
    ]


@pytest.mark.parametrize(
    "keys",
    [{}, {"No such field": "x"}, {"Compound": ""}, {"Compound": 2.5}, {"Compound": "half \ud800"}, "no dict"],
    ids=str,
)
def test_r141_a_row_of_keys_is_named_by_its_number(lab: Lab, world: World, keys: Any) -> None:
    """A list with a row that names no record says which, and nothing is sent; of a generator, that row alone fails."""
    rows = [keys if number == 7 else {"Compound": f"R-{number}"} for number in range(9)]
    named = r"^rows\[7\] has no value for the key field 'Compound'" if keys == {"Compound": ""} else r"^rows\[7\]: "
    with pytest.raises(ValueError, match=named):
        world(lab.api.records.get_or_create_records(rows))
    assert "getOrCreateRecord" not in asked(lab)

    outcomes = collected(world, lab.api.records.iter_get_or_create_records(iter(rows), batch_size=4))
    assert [outcome.index for outcome in outcomes if outcome.status == "failed"] == [7]
    assert len([outcome for outcome in outcomes if outcome.status == "done"]) == 8
    assert re.match(named, str(outcomes[7].error))


@pytest.mark.parametrize(
    "change",
    [
        {"record": "no id"},
        {"record": {"Compound": "nobody"}},
        {"record": {"No such field": "x"}},
        {"field": "No such field"},
        {"activity": "No such activity"},
        {"content": float("nan")},
        {"else": 1},
    ],
    ids=str,
)
def test_r141_a_row_of_values_is_named_by_its_number(lab: Lab, world: World, change: dict[str, Any]) -> None:
    """A list with a value that cannot be written says which, and nothing is sent; of a generator, it alone fails."""
    (record,) = records_of(lab, world, 1)
    since = len(lab.exchanges)
    rows = [
        {"record": record, "field": FIELD, "content": number, **(change if number == 7 else {})} for number in range(9)
    ]
    with pytest.raises((ValueError, TypeError), match=r"^rows\[7\]"):
        world(lab.api.records.add_values(rows))
    assert "addRecordValue" not in asked(lab, since)

    outcomes = collected(world, lab.api.records.iter_add_values(iter(rows), batch_size=4))
    assert [(outcome.index, outcome.status) for outcome in outcomes] == [
        (number, "failed" if number == 7 else "done") for number in range(9)
    ]
    assert str(outcomes[7].error).startswith("rows[7]")


def collected(world: World, outcomes: Any) -> list[Any]:
    """Return what an iterator of either world yields."""

    async def collect() -> list[Any]:
        return [outcome async for outcome in outcomes]

    return list(outcomes) if world.kind == "sync" else list(world(collect()))
