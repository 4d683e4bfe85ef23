"""Bulk writes of rows that come one by one: taken as they are needed, with an outcome for each."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from kalbio import IdentifierNotFoundError, JournalError, KalbioAPIError
from tests.conftest import Lab, World

FIELD = "Purity (%)"


class Rows:
    """Rows that note how many of them were taken; in the async world they have to be awaited."""

    def __init__(self, rows: Any) -> None:
        self.taken = 0
        self._rows = iter(rows)

    def __iter__(self) -> Iterator[Any]:
        for row in self._rows:
            self.taken += 1
            yield row


class AwaitedRows(Rows):
    """The same, as an async iterable."""

    __iter__ = None  # type: ignore[assignment]

    async def __aiter__(self) -> AsyncIterator[Any]:
        for row in self._rows:
            self.taken += 1
            yield row


def take(world: World, outcomes: Any, count: int | None = None) -> list[Any]:
    """Return so many outcomes, or all of them, and close the iterator."""
    if world.kind == "sync":
        with contextlib.closing(outcomes):
            return list(itertools.islice(outcomes, count))

    async def collect() -> list[Any]:
        found: list[Any] = []
        async with contextlib.aclosing(outcomes):
            async for outcome in outcomes:
                found.append(outcome)
                if len(found) == count:
                    break
        return found

    return world(collect())  # type: ignore[no-any-return]


@pytest.fixture(params=[Rows, AwaitedRows])
def kind(request: pytest.FixtureRequest, world: World) -> Any:
    """Rows of either kind; the sync world has only one."""
    if world.kind == "sync" and request.param is AwaitedRows:
        return Rows
    return request.param


def test_values_come_from_rows_without_end(lab: Lab, world: World, kind: Any) -> None:
    """Outcomes come in order while no more than one batch beyond them is taken, and each value is stored once."""
    record = world(lab.api.records.get_or_create_record({"Compound": "S-1"}))
    rows = kind({"record": record.id, "field": FIELD, "content": n} for n in itertools.count())

    outcomes = take(world, lab.api.records.iter_add_values(rows, batch_size=10), 25)

    assert [(outcome.index, outcome.status, outcome.value.content) for outcome in outcomes] == [
        (n, "done", str(n)) for n in range(25)
    ]
    assert rows.taken == 30
    assert [value.content for value in world(record.get_values())] == [str(n) for n in reversed(range(30))]


def test_records_come_from_rows_without_end(lab: Lab, world: World, kind: Any) -> None:
    """Records are made batch by batch, in order."""
    rows = kind({"Compound": f"S-{n}"} for n in itertools.count())

    outcomes = take(world, lab.api.records.iter_get_or_create_records(rows, batch_size=4), 7)

    assert [str(outcome.value) for outcome in outcomes] == [f"S-{n}" for n in range(7)]
    assert rows.taken == lab.operations().count("getOrCreateRecord") == 8


def test_nothing_is_taken_before_it_is_asked_for(lab: Lab, world: World, kind: Any) -> None:
    """Making the iterator takes no row and sends nothing."""
    rows = kind([{"Compound": "S-1"}])
    outcomes = lab.api.records.iter_get_or_create_records(rows)

    assert (rows.taken, lab.exchanges) == (0, [])
    assert [outcome.status for outcome in take(world, outcomes)] == ["done"]


def test_names_are_looked_up_for_a_batch_at_once(lab: Lab, world: World) -> None:
    """Rows that name records by their keys cost one look-up for each batch."""
    keys = [{"Compound": f"S-{n}"} for n in range(20)]
    assert world(lab.api.records.get_or_create_records(keys)).ok
    lab.api.clear_caches()
    since = len(lab.exchanges)

    rows = [{"record": key, "field": FIELD, "content": 1} for key in keys]
    assert len(take(world, lab.api.records.iter_add_values(rows, batch_size=10))) == 20
    assert [item.operation for item in lab.exchanges[since:]].count("identifyRecords") == 2


def test_a_row_that_makes_no_sense_fails_by_itself(lab: Lab, world: World) -> None:
    """Unknown names, wrong members and contents that cannot be sent are outcomes of their rows; the others go in."""
    record = world(lab.api.records.get_or_create_record({"Compound": "S-1"}))
    good = {"record": record, "field": FIELD, "content": 1}
    rows = [good, {**good, "field": "Purty"}, {**good, "content": float("nan")}, "row", {**good, "content": {1}}, good]

    outcomes = take(world, lab.api.records.iter_add_values(rows))

    assert [outcome.status for outcome in outcomes] == ["done", "failed", "failed", "failed", "failed", "done"]
    assert isinstance(outcomes[1].error, IdentifierNotFoundError)
    assert "rows[3]" in str(outcomes[3].error)
    assert len(world(record.get_values())) == 2
    assert world(record.get_value_content(FIELD)) == "1"


@pytest.mark.parametrize("bad", ["much", float("nan")])
def test_a_failure_can_end_it(world: World, bad: Any) -> None:
    """With stop_on_error no row is sent after one has failed; the rest of the batch is skipped, and no other taken."""
    lab = Lab(world, retries=0, max_in_flight=1)
    record = world(lab.api.records.get_or_create_record({"Compound": "S-1"}))
    rows = Rows({"record": record, "field": FIELD, "content": bad if n == 4 else n} for n in itertools.count())

    outcomes = take(world, lab.api.records.iter_add_values(rows, stop_on_error=True, batch_size=3))

    assert [outcome.status for outcome in outcomes] == ["done"] * 4 + ["failed", "skipped"]
    assert rows.taken == 6
    assert len(world(record.get_values())) == 4
    lab.close()


def test_rows_that_break_off_lose_no_outcome(lab: Lab, world: World) -> None:
    """What came before the rows themselves failed is written and accounted for."""

    def broken() -> Iterator[Any]:
        for n in range(5):
            yield {"Compound": f"S-{n}"}
        raise KeyError("no more")

    found: list[Any] = []
    outcomes = lab.api.records.iter_get_or_create_records(broken(), batch_size=3)
    step = outcomes.__next__ if world.kind == "sync" else lambda: world(anext(outcomes))
    with pytest.raises(KeyError):
        found.extend(iter(step, None))
    assert [outcome.status for outcome in found] == ["done"] * 5


def test_names_that_cannot_be_looked_up_end_it(lab: Lab, world: World) -> None:
    """When the server does not answer the look-up, that is no fault of a row: it is raised."""
    lab.fail("identifyRecords", status=403)
    rows = [{"record": {"Compound": "S-1"}, "field": FIELD, "content": 1}]

    with pytest.raises(KalbioAPIError):
        take(world, lab.api.records.iter_add_values(rows))
    assert "addRecordValue" not in lab.operations()


def test_a_stream_goes_on_where_it_was_left(lab: Lab, world: World, tmp_path: Path) -> None:
    """With a journal, what a closed iterator has written is not written again, and other rows are refused."""
    record = world(lab.api.records.get_or_create_record({"Compound": "S-1"}))

    def load(contents: Any, count: int | None = None) -> list[Any]:
        rows = ({"record": record, "field": FIELD, "content": n} for n in contents)
        journal = tmp_path / "load.db"
        return take(world, lab.api.records.iter_add_values(rows, batch_size=4, journal=journal), count)

    assert [outcome.earlier for outcome in load(range(10), 3)] == [False] * 3
    outcomes = load(range(10))

    assert [outcome.earlier for outcome in outcomes] == [True] * 4 + [False] * 6
    assert [value.content for value in world(record.get_values())] == [str(n) for n in reversed(range(10))]
    assert [outcome.id for outcome in outcomes] == [value.id for value in reversed(world(record.get_values()))]
    with pytest.raises(JournalError, match="row 5 is different"):
        load([0, 1, 2, 3, 4, 4])


def test_a_batch_has_rows(lab: Lab, world: World) -> None:
    """A batch size that makes no sense is refused."""
    with pytest.raises(ValueError, match="batch_size"):
        take(world, lab.api.records.iter_add_values([], batch_size=0))
