"""R145: times that are sent say what they mean, and those of answers are compared by what they mean."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from kalbio import KalbioError, UnreadableTimeError
from kalbio.record_views import FilterRuleType
from tests.altered import alter, body_of, query_of, replace
from tests.conftest import Lab, World
from tests.demo import UnseenThings

NOON = datetime(2026, 3, 1, 12)
MIDNIGHT = datetime(2026, 3, 1)


class Nanoseconds(datetime):
    """A moment of a table library, finer than microseconds."""

    nanosecond = 5


def date_condition(rule: str, value: Any) -> dict[str, Any]:
    """A filter on a field."""
    return {"field_id": "Comment", "filter_type": rule, "filter_prop": value}


def column_condition(value: Any) -> dict[str, Any]:
    """A filter on a column."""
    column = "7d8ff3a0-0000-4000-8000-000000000000"
    return {"key_field_id": None, "view_field_id": column, "filter_type": "is_last_updated_after", "filter_prop": value}


Call = Callable[[Any, Any, Any], Any]

INSTANT: dict[str, Call] = {
    "events after": lambda api, it, at: api.workspace.get_events(after_date=at),
    "events before": lambda api, it, at: api.workspace.get_events(before_date=at),
    "updated since": lambda api, it, at: api.records.search_records(
        entity_field_filters=[date_condition("is_last_updated_after", at)]
    ),
    "updated since, by member": lambda api, it, at: api.records.search_records(
        entity_field_filters=[date_condition(FilterRuleType.IS_LAST_UPDATED_AFTER, at)]
    ),
    "updated since, by column": lambda api, it, at: api.records.search_records(
        view_field_filters=[column_condition(at)]
    ),
    "export": lambda api, it, at: api.exports.pull_data(
        "a.csv", "Compound", entity_field_filters=[date_condition("is_last_updated_after", at)], overwrite=True
    ),
    "template": lambda api, it, at: api.result_table_templates.create_template(
        view_name="x", entity_slice_id="Compound", filters=[column_condition(at)]
    ),
}
DAY: dict[str, Call] = {
    "start": lambda api, it, at: api.activities.create_activity("x", "task", start_date=at),
    "new start": lambda api, it, at: it.activity.update(start_date=at),
    "due": lambda api, it, at: it.activity.update(due_date=at),
}
VALUE: dict[str, Call] = {
    "value": lambda api, it, at: it.record.add_value("Comment", at),
    "values": lambda api, it, at: api.records.add_values([{"record": it.record, "field": "Comment", "content": at}]),
    "deep": lambda api, it, at: it.record.add_value("Comment", {"a": [at]}),
    "import": lambda api, it, at: api.imports.push_data(["Compound"], [{"Compound": "x", "Comment": at}]),
    "imports": lambda api, it, at: api.imports.push_data(
        ["Compound"], [{"Compound": "x", "Comment": at}], batch_size=5
    ),
    "condition": lambda api, it, at: api.records.search_records(entity_field_filters=[date_condition("is_after", at)]),
    "between": lambda api, it, at: api.records.search_records(
        entity_field_filters=[date_condition("is_between", [at, at])]
    ),
    "free member": lambda api, it, at: it.activity.update(review_requested_at=at),
    "property": lambda api, it, at: it.activity.properties[0].update_property(at),
}


@pytest.fixture
def it(lab: Lab) -> UnseenThings:
    """A record and an activity of the demo seed."""
    return UnseenThings(lab)


@pytest.fixture(params=["UTC", "EAST-5:30", "WEST8"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """The zone that the machine stands in."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def refused(lab: Lab, world: World, call: Callable[[], Any]) -> None:
    """The call is refused, naming the cure, and nothing is written or asked."""
    before = len(lab.operations())
    with pytest.raises(ValueError, match=r"without a zone.*datetime\.now\(UTC\).*astimezone\(\)"):
        world(call())
    looked_up = {"listKeyFields", "listDataFields", "listEntitySlices", "listActivities"}
    assert set(lab.operations()[before:]) <= looked_up


@pytest.mark.parametrize("name", [*INSTANT, *DAY, *VALUE])
def test_r145_a_time_without_a_zone_is_refused(lab: Lab, world: World, it: UnseenThings, name: str) -> None:
    """A datetime without a zone is a ValueError that names the cure, wherever a condition or a value may be one."""
    call = {**INSTANT, **DAY, **VALUE}[name]
    for at in (NOON, MIDNIGHT.replace(microsecond=1), Nanoseconds(2026, 3, 1)):
        refused(lab, world, lambda at=at: call(lab.api, it, at))  # type: ignore[misc]
    if name not in VALUE:
        refused(lab, world, lambda: call(lab.api, it, NOON.isoformat()))


@pytest.mark.parametrize("name", INSTANT)
def test_r145_where_an_instant_is_meant_midnight_needs_a_zone(
    lab: Lab, world: World, it: UnseenThings, name: str
) -> None:
    """Midnight without a zone is no instant; a date is its beginning, and what has a zone goes out as it is."""
    refused(lab, world, lambda: INSTANT[name](lab.api, it, MIDNIGHT))
    refused(lab, world, lambda: INSTANT[name](lab.api, it, "2026-03-01T00:00:00"))
    for at in (date(2026, 3, 1), NOON.replace(tzinfo=UTC), "2026-03-01", "2026-03-01T12:00:00Z"):
        before = len(lab.operations())
        with contextlib.suppress(KalbioError):  # the sandbox knows no such column
            world(INSTANT[name](lab.api, it, at))
        assert len(lab.operations()) > before


@pytest.mark.parametrize("name", DAY)
def test_r145_where_a_day_is_meant_midnight_is_one(lab: Lab, world: World, it: UnseenThings, name: str) -> None:
    """A date and midnight without a zone are sent as the day, which is what the server keeps."""
    operation, member = ("createActivity" if name == "start" else "updateActivity"), name.split()[-1] + "_date"
    for at in (date(2026, 3, 1), MIDNIGHT):
        changed = world(DAY[name](lab.api, it, at)) or it.activity
        assert body_of(lab, operation)[member] == "2026-03-01"
        assert getattr(changed, member) == datetime(2026, 3, 1, tzinfo=UTC)


def test_r145_midnight_is_a_date_among_values(lab: Lab, world: World, it: UnseenThings, zone: str) -> None:
    """Midnight without a zone, as tables have it for dates, is the text of the day, wherever the machine stands."""
    world(it.record.add_value("Comment", MIDNIGHT))
    assert body_of(lab, "addRecordValue")["content"] == "2026-03-01"
    world(lab.api.imports.push_data(["Compound"], [{"Compound": "x", "Comment": MIDNIGHT}]))
    assert body_of(lab, "pushImport")["data"][0]["Comment"] == "2026-03-01"
    world(lab.api.records.search_records(entity_field_filters=[date_condition("is_after", MIDNIGHT)]))
    assert '"filter_prop":"2026-03-01"' in query_of(lab, "searchRecords")["entity_field_filters"]


def test_r145_what_has_just_happened_is_found(lab: Lab, world: World, it: UnseenThings, zone: str) -> None:
    """An instant with a zone is the same instant to the server, wherever the machine stands."""
    world(it.record.add_value("Comment", "just now"))
    for hours, found in ((-1, True), (1, False)):
        at = datetime.now().astimezone() + timedelta(hours=hours)
        condition = date_condition("is_last_updated_after", at)
        assert bool(world(lab.api.records.search_records(entity_field_filters=[condition]))) is found
        assert bool(world(lab.api.workspace.get_events(after_date=at))) is found


# In the order of time.
IN_ORDER = [
    "2026-01-04T23:59:59Z",
    "2026-01-04t23:59:59.5z",
    "2026-01-04T23:59:59.9999999Z",
    "2026-01-04T23:59:60Z",
    "2026-01-04T23:59:60.5Z",
    "2026-01-04T24:00:00Z",
    "2026-01-05T00:00:00,000001Z",
    "2026-01-05T00:00:00.0000011Z",
    "2026-01-05T01:00:00.000001101+0100",
    "20260105T000000.00000111Z",
    "2026-01-04T19:00:01-05",
    "2026-01-05T00:00.5Z",
    "2026-005T00:01:00Z",
    "2026-W02-1T00:02:00Z",
    "2026W021T000300Z",
    "2026-01-05 00:04:00",
    "2026-01-05T00:05:00\u221200:00",
]
NO_TIMES = ["soon", "2026-02-30T00:00:00Z", "2026", "1767603600", 1767603600, [], "2026-01-05T25:00:00Z", True]


def test_r145_all_spellings_order_right(lab: Lab, world: World, it: Any) -> None:
    """Every spelling of RFC 3339 and ISO 8601 is compared by its instant, to the last digit; the newest is current."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    for older, newer in itertools.pairwise(IN_ORDER):
        entries = [
            {"id": text, "content": text, "created_at": text, "record_id": it.record.id} for text in (older, newer)
        ]
        for turn in (entries, entries[::-1]):
            replace(lab, "getRecord", {"id": it.record.id, "record_values": {field.id: turn}})
            record = world(lab.api.records.get_record_by_id(it.record.id, use_cache=False))
            assert world(record.get_value_content(field)) == newer
            older_one, newer_one = sorted(record.record_values[field.id], key=lambda value: value.created_at)
            assert older_one.created_at <= newer_one.created_at
    assert record.record_values[field.id][1].created_at == datetime(2026, 1, 5, 0, 4, tzinfo=UTC)


def test_r145_spellings_mean_what_they_say(lab: Lab, world: World, it: Any) -> None:
    """The rarer forms are read as what they mean."""
    for text, moment in {
        "2026-01-05T09:00:00z": datetime(2026, 1, 5, 9, tzinfo=UTC),
        "2026-01-05T24:00:00Z": datetime(2026, 1, 6, tzinfo=UTC),
        "2026-12-31T23:59:60Z": datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        "2026-01-05T09:00.5Z": datetime(2026, 1, 5, 9, 0, 30, tzinfo=UTC),
        "2026-01-05T09,5Z": datetime(2026, 1, 5, 9, 30, tzinfo=UTC),
        "2026-01-05T09:00:00.123456789+05:30": datetime(
            2026, 1, 5, 9, 0, 0, 123_456, timezone(timedelta(hours=5, minutes=30))
        ),
        "20260105": datetime(2026, 1, 5, tzinfo=UTC),
    }.items():
        assert type(it.activity)({"id": it.activity.id, "due_date": text}).due_date == moment


@pytest.mark.parametrize("text", NO_TIMES)
def test_r145_what_cannot_be_read_is_said(lab: Lab, world: World, it: Any, text: Any) -> None:
    """A time that is none is never the oldest: it raises where it is read or compared, and alone it does no harm."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    good = {"id": "1", "content": "old", "created_at": "2026-01-05T09:00:00Z", "record_id": it.record.id}
    odd = {"id": "2", "content": "odd", "created_at": text, "record_id": it.record.id}
    for entries in ([odd, good], [good, odd]):
        replace(lab, "getRecord", {"id": it.record.id, "record_values": {field.id: entries}})
        record = world(lab.api.records.get_record_by_id(it.record.id, use_cache=False))
        with pytest.raises(UnreadableTimeError, match=rf"created_at of a value of the record {it.record.id}"):
            world(record.get_value_content(field))
        seen = {value.content: value for value in record.record_values[field.id]}
        assert seen["old"].created_at == datetime(2026, 1, 5, 9, tzinfo=UTC)
        with pytest.raises(UnreadableTimeError, match="which cannot be read as a time") as caught:
            _ = seen["odd"].created_at
        assert caught.value.value == text == seen["odd"].raw["created_at"]
    replace(lab, "getRecord", {"id": it.record.id, "record_values": {field.id: [odd]}})
    record = world(lab.api.records.get_record_by_id(it.record.id, use_cache=False))
    assert world(record.get_value_content(field)) == "odd"


def test_r145_the_contents_of_other_activities_are_not_guessed(lab: Lab, world: World, it: Any) -> None:
    """Reading one activity says nothing of another whose values have a time that cannot be read."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    clear, odd = it.activity.id, "7d8ff3a0-0000-4000-8000-000000000000"
    entries = [
        {"id": str(number), "content": str(number), "created_at": at, "record_id": it.record.id, "operation_id": where}
        for number, (where, at) in enumerate(
            [(clear, "2026-01-05"), (odd, "2026-01-05"), (odd, "soon"), (odd, "2026-01-06")]
        )
    ]
    replace(lab, "getRecord", {"id": it.record.id, "record_values": {field.id: entries}})
    record = world(lab.api.records.get_record_by_id(it.record.id, use_cache=False))
    assert world(record.get_value_content(field.id, clear)) == "0"
    with pytest.raises(UnreadableTimeError):
        world(record.get_value_content(field.id, odd))


def test_r145_the_older_policy_logs_what_cannot_be_read(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """With `on_error="log"` a time that cannot be read is logged, and None."""
    lab = Lab(world, retries=0, on_error="log")
    alter(lab, "listActivities", lambda items: [{**item, "due_date": "soon"} for item in items])
    activity = world(lab.api.activities.get_activities())[0]
    assert activity.due_date is None
    assert "due_date of <Activity" in caplog.text
    assert "'soon', which cannot be read as a time" in caplog.text
    lab.close()


def test_r145_a_lost_answer_is_not_told_by_times_that_cannot_be_read(lab: Lab, world: World, it: Any) -> None:
    """With `verify`, a value that is in is found in a history that has a time which cannot be read."""
    alter(
        lab,
        "listRecordValues",
        lambda values: [{**value, "created_at": "soon"} for value in values],
    )
    lab.fail("addRecordValue", status=502, after=True)
    value = world(it.record.add_value("Comment", "once", verify=True))
    assert value.content == "once"
    assert lab.operations().count("addRecordValue") == 1


def test_r145_a_load_with_a_journal_goes_on_where_a_time_cannot_be_read(
    lab: Lab, world: World, it: Any, tmp_path: Path
) -> None:
    """What was current before is then not known; the rows are written once, and a rerun writes none again."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    entries = [
        {"id": str(number), "content": "x", "created_at": at, "record_id": it.record.id}
        for number, at in enumerate(["soon", "2026-01-05T09:00:00Z"])
    ]
    alter(lab, "listRecords", lambda items: [{**item, "record_values": {field.id: entries}} for item in items])
    rows = [{"record": it.record.id, "field": field.id, "content": "once"}]
    for _ in range(2):
        assert world(lab.api.records.add_values(rows, journal=tmp_path / "load.db")).ok
    assert lab.operations().count("addRecordValue") == 1
