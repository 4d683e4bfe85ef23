"""Writes of many rows: each has an outcome of its own."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from kalbio import IdentifierNotFoundError, NearTwinWarning, OutcomeError
from kalbio.records import BulkResult, RowOutcome
from tests.altered import replace
from tests.conftest import Lab, World


def rows_of(count: int) -> list[dict[str, str]]:
    """Return keys of so many records."""
    return [{"Compound": f"B-{n}"} for n in range(count)]


def test_many_records_are_made_or_found(lab: Lab, world: World) -> None:
    """Every row has its record, in order, whether it was there before or not; a second run makes nothing."""
    world(lab.api.records.get_or_create_record({"Compound": "B-3"}))
    told: list[tuple[int, int]] = []

    result = world(lab.api.records.get_or_create_records(rows_of(25), progress=lambda *state: told.append(state)))
    lab.api.clear_caches()
    again = world(lab.api.records.get_or_create_records(rows_of(25)))

    assert [str(outcome.value) for outcome in result] == [f"B-{n}" for n in range(25)]
    assert result.ok
    assert [record.id for record in again.values] == [record.id for record in result.values]
    assert told == [(n, 25) for n in range(1, 26)]
    assert str(result) == "25 rows: 25 done"


def test_those_that_are_there_are_read_together(lab: Lab, world: World) -> None:
    """Of 300 rows the 299 that are there share a few look-ups, and only the one that is missing is sent by itself."""
    some = [row for row in rows_of(300) if row != {"Compound": "B-7"}]
    made = world(lab.api.records.get_or_create_records(some)).values
    lab.api.clear_caches()
    since = len(lab.exchanges)

    result = world(lab.api.records.get_or_create_records([*rows_of(300), {"Compound": "B-7"}]))

    asked = lab.operations()[since:]
    assert asked.count("getOrCreateRecord") == 1
    assert asked.count("identifyRecords") == 3
    assert result.ok
    assert [record.id for record in result.values if str(record) != "B-7"] == [record.id for record in made]
    assert result[7].value.id == result[300].value.id


def test_records_that_look_like_others_are_warned_of(lab: Lab, world: World) -> None:
    """Where the look-up tells that records are made beside near-twins among the rows, one warning names them first."""
    world(lab.api.records.get_or_create_record({"Compound": "B-3"}))
    rows = [{"Compound": "b-3"}, *rows_of(20), {"Compound": "B-4 "}, {"Compound": "B\u20115"}, {"Compound": "b-6"}]
    lab.exchanges.clear()
    with pytest.raises(NearTwinWarning) as told:
        world(lab.api.records.get_or_create_records(rows))
    assert lab.operations() == ["identifyRecords"]
    text = str(told.value)
    assert all(pair in text for pair in ("'b-3' beside 'B-3' (case)", "'B-4' beside 'B-4 ' (blanks)", "and 1 more"))
    with pytest.warns(NearTwinWarning) as found:
        assert world(lab.api.records.get_or_create_records(rows)).ok
    assert len(found) == 1
    lab.api.clear_caches()
    assert world(lab.api.records.get_or_create_records(rows)).ok  # all are there


def test_few_rows_are_sent_without_a_look_up(lab: Lab, world: World) -> None:
    """As many rows as may be under way at a time are one round trip: they are sent at once."""
    world(lab.api.records.get_or_create_records(rows_of(8)))

    assert lab.operations().count("getOrCreateRecord") == 8
    assert "identifyRecords" not in lab.operations()


def test_rows_that_cannot_be_looked_up_are_sent(lab: Lab, world: World) -> None:
    """When the look-up is refused, each row is sent and has its own outcome."""
    world(lab.api.records.get_or_create_record({"Compound": "B-3"}))
    lab.api.clear_caches()
    lab.fail("identifyRecords", status=403)

    result = world(lab.api.records.get_or_create_records(rows_of(9)))

    assert result.ok
    assert lab.operations().count("getOrCreateRecord") == 1 + 9


def test_a_record_that_was_looked_up_by_another_key_is_not_taken(lab: Lab, world: World) -> None:
    """A look-up may answer with a record whose key is larger or spelled otherwise; the server then decides."""
    compound = world(lab.api.entity_fields.get_or_create_key_field("Compound"))
    batch = world(lab.api.entity_fields.get_or_create_key_field("Batch"))
    larger = world(lab.api.records.get_or_create_record({compound: "B-0", batch: "1"}))
    other = world(lab.api.records.get_or_create_record({compound: "b-1"}))
    found = [{"record": larger.to_dict()}, {"record": other.to_dict()}, *[{"record": None}] * 8]
    lab.api.clear_caches()
    replace(lab, "identifyRecords", found)

    result = world(lab.api.records.get_or_create_records(rows_of(10)))

    assert [str(record) for record in result.values] == [f"B-{n}" for n in range(10)]
    assert {larger.id, other.id}.isdisjoint({record.id for record in result.values})


def test_values_go_in_and_records_show_them(lab: Lab, world: World) -> None:
    """Rows name records by object, id and key; what was written is stored once, and the objects show it."""
    first, second, third = (world(lab.api.records.get_or_create_record(key)) for key in rows_of(3))
    rows = [
        {"record": first, "field": "Purity (%)", "content": 99},
        {"record": second.id, "field": "Purity (%)", "content": 98},
        {"record": {"Compound": "B-2"}, "field": "Purity (%)", "content": 97},
        {"record": first, "field": "Comment", "content": "dry"},
    ]

    result = world(lab.api.records.add_values(rows))

    assert [value.content for value in result.values] == ["99", "98", "97", "dry"]
    assert world(first.get_value_content("Purity (%)")) == "99"
    assert world(first.get_value_content("Comment")) == "dry"
    for record, contents in ((first, {"99", "dry"}), (second, {"98"}), (third, {"97"})):
        assert {value.content for value in world(record.get_values())} == contents


def test_rows_for_one_place_keep_their_order(lab: Lab, world: World) -> None:
    """However many rows are under way, those for one field of one record arrive in order: the last one is current."""
    records = [world(lab.api.records.get_or_create_record(key)) for key in rows_of(3)]
    rows = [{"record": record, "field": "Purity (%)", "content": n} for n in range(40) for record in records]

    assert world(lab.api.records.add_values(rows)).ok
    for record in records:
        assert [value.content for value in world(record.get_values())] == [str(n) for n in reversed(range(40))]
        assert world(record.get_value_content("Purity (%)")) == "39"


def test_rows_that_fail_do_not_keep_the_others_out(lab: Lab, world: World, tmp_path: Path) -> None:
    """A refused row is failed, one whose answer was lost unknown, the rest done; the account agrees with the lab."""
    record = world(lab.api.records.get_or_create_record({"Compound": "B-1"}))
    contents: list[Any] = [1, "much", 3, 4]
    lab.fail("addRecordValue", lose_answer=True)

    rows = [{"record": record, "field": "Purity (%)", "content": content} for content in contents]
    result = world(lab.api.records.add_values(rows))

    assert len(result.failed) + len(result.unknown) + len(result.done) == 4
    assert len(result.unknown) == 1
    assert 1 not in [outcome.index for outcome in result.done]
    stored = {value.content for value in world(record.get_values())}
    assert stored == {str(contents[outcome.index]) for outcome in [*result.done, *result.unknown]} - {"much"}
    with pytest.raises(OutcomeError, match="4 rows") as caught:
        result.raise_for_failures()
    assert caught.value.outcome is result

    result.save(tmp_path / "outcome.json")
    assert [row["status"] for row in json.loads((tmp_path / "outcome.json").read_bytes())] == [
        outcome.status for outcome in result
    ]
    with pytest.raises(ValueError, match=r"'outcome.xlsx' must end in .json or .csv"):
        result.save("outcome.xlsx")
    result.save(tmp_path / "outcome.csv")
    with (tmp_path / "outcome.csv").open(encoding="utf-8", newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == [outcome.status for outcome in result]


def test_a_failure_can_end_it(world: World) -> None:
    """With stop_on_error nothing is sent after the first failure; what was not sent is skipped."""
    lab = Lab(world, retries=0, max_in_flight=1)
    lab.fail("getOrCreateRecord", status=400)

    result = world(lab.api.records.get_or_create_records(rows_of(5), stop_on_error=True))

    assert [outcome.status for outcome in result] == ["failed", *["skipped"] * 4]
    assert lab.operations().count("getOrCreateRecord") == 1
    lab.close()


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"record": {"Compound": "B-0"}, "field": "Purty", "content": 1}, IdentifierNotFoundError),
        ({"record": {"Compound": "no such"}, "field": "Purity (%)", "content": 1}, IdentifierNotFoundError),
        ({"record": {"Compound": "B-0"}, "field": "Purity (%)"}, ValueError),
        ({"record": {"Compound": "B-0"}, "field": "Purity (%)", "content": 1, "value": 2}, ValueError),
        ({"record": {"Compound": "B-0"}, "field": "Purity (%)", "content": float("nan")}, ValueError),
        (
            {"record": {"Compound": "B-0"}, "field": "Purity (%)", "content": 1, "activity": "none"},
            IdentifierNotFoundError,
        ),
        ("B-0", ValueError),
    ],
)
def test_a_row_that_makes_no_sense_is_said_before_anything_is_sent(
    lab: Lab, world: World, row: Any, error: type[Exception]
) -> None:
    """One wrong row among good ones raises, and no value is written."""
    world(lab.api.records.get_or_create_record({"Compound": "B-0"}))
    good = {"record": {"Compound": "B-0"}, "field": "Purity (%)", "content": 99}

    with pytest.raises(error):
        world(lab.api.records.add_values([good, row, good]))
    assert "addRecordValue" not in lab.operations()


def test_nothing_to_do_is_done(lab: Lab, world: World) -> None:
    """No rows are no requests and an empty result."""
    assert list(world(lab.api.records.add_values([]))) == []
    assert list(world(lab.api.records.get_or_create_records([]))) == []
    assert lab.exchanges == []


def test_a_call_that_was_only_logged_does_not_look_done(world: World) -> None:
    """With on_error="log", rows that could not be sent at all give a result that is not ok; no rows are."""
    lab = Lab(world, retries=0, on_error="log")

    result = world(lab.api.records.add_values([{"record": {"no such": "B-0"}, "field": "Purity (%)", "content": 1}]))

    assert list(result) == []
    assert not result.ok
    with pytest.raises(OutcomeError, match="no row was sent"):
        result.raise_for_failures()
    assert world(lab.api.records.add_values([])).ok
    lab.close()


def test_the_text_of_a_result_names_the_rows_that_are_not_done() -> None:
    """What is printed names the first rows that are not done with their reasons, in bounds and without secrets."""
    outcomes: list[RowOutcome[None]] = [RowOutcome(0, "done")]
    outcomes += [RowOutcome(n, "failed", error=ValueError(f"reason {n}\n" + "x" * 999)) for n in range(1, 8)]
    outcomes += [RowOutcome(8, "unknown", error=ValueError("password=sandbox-secret-row"))]
    result = BulkResult(outcomes)
    lines = str(result).splitlines()
    assert lines[0] == "9 rows: 1 done, 7 failed, 1 unknown"
    assert lines[1] == "  row 8, unknown: password=[hidden]"
    assert lines[2].startswith("  row 1, failed: reason 1\\n")
    assert lines[-1] == "  ... 3 more, in .unknown and .failed"
    assert len(str(result)) < 1500
    assert repr(result) == f"<BulkResult {lines[0]}>"


def test_one_row_is_counted_in_the_singular() -> None:
    """The text of a result of one row says "1 row"."""
    assert str(BulkResult([RowOutcome(0, "done")])) == "1 row: 1 done"
