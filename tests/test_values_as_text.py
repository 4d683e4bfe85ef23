"""Values that a record shows are kept as text but for what is read most; they read as values made of JSON do."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from kalbio import UnreadableTimeError
from kalbio._core.json.lazy_json import LazyObject, split_list
from kalbio.records import Record, RecordValue

OWN = "5eb0c0de-0000-4000-8000-000000000001"
FIELD = "6f1c0d5e-0000-4000-8000-000000000001"
OTHER = "6f1c0d5e-0000-4000-8000-000000000002"
NOON = "2026-01-12T12:00:00.100005+00:00"


def shown(*entries: Any, **more: Any) -> tuple[Record, Record]:
    """Return a record whose JSON is still text, and the same record made of a dict."""
    whole = {"id": OWN, "record_values": {FIELD: list(entries), OTHER: [{"id": OTHER, "content": "A-1"}]}, **more}
    return Record(LazyObject(OWN, json.dumps(whole).encode())), Record(whole)


def told(value: RecordValue) -> Any:
    """Return all that a value says, each way of asking it by itself, as the first thing that is asked."""
    ways = (
        lambda it: (it.content, type(it.content)), lambda it: it.created_at, lambda it: it.id, lambda it: it.record_id,
        lambda it: it.operation_id, lambda it: it.field_type, repr, str, lambda it: it.to_dict(),
        lambda it: dict(it.raw),
        lambda it: it.model_dump(), lambda it: it.model_dump_json(), dict, hash, lambda it: it.unit, dir,
        lambda it: it.is_stale,
        lambda it: pickle.loads(pickle.dumps(it)).to_dict(), lambda it: copy.copy(it).content,
        lambda it: copy.deepcopy(it).to_dict(), lambda it: it.model_copy(update={"content": "x"}).content,
        lambda it: it._repr_html_(),
    )  # fmt: skip
    found = []
    for way in ways:
        try:
            found.append(way(value))
        except Exception as error:
            found.append((type(error), str(error)))
    return found


ENTRIES: list[Any] = [
    {"id": FIELD, "content": "2.7", "created_at": NOON, "record_id": OWN, "operation_id": OTHER, "unit": "nM"},
    {"id": FIELD, "content": None, "created_at": None, "record_id": OWN},
    {"id": FIELD, "content": True, "created_at": "2026-01-12T12:00:00Z", "field_type": "boolean"},
    {"id": FIELD, "content": 2.5, "created_at": "2026-01-12T12:00:00.123456789Z"},
    {"id": 17, "content": 12, "created_at": "2026-01-12T12:00:00"},
    {"id": FIELD, "content": 10**30, "created_at": "2026-01-12"},
    {"id": FIELD, "content": ["a", "b"], "created_at": "2026-01-12T12:00:60Z"},
    {"id": FIELD, "content": {"file_id": OTHER}, "created_at": ""},
    {"id": FIELD, "content": "x", "created_at": "noon"},
    {"id": FIELD, "content": "x", "created_at": 17},
    {"id": FIELD, "created_at": NOON},
    {},
]  # fmt: skip


def test_values_read_alike_from_text_and_from_json() -> None:
    """Whatever is asked of a value first, and whatever stands beside it, text and JSON give the same answer."""
    cases = [[entry] for entry in ENTRIES] + [ENTRIES[:6], ENTRIES, [ENTRIES[0], {**ENTRIES[0], "unit": "mM"}], []]
    for entries in cases:
        for place in range(len(entries)):
            text, made = shown(*entries)
            mine, other = text.record_values[FIELD][place], made.record_values[FIELD][place]
            assert told(mine) == told(other), entries[place]
            assert mine == other
        text, made = shown(*entries)
        assert {name: len(values) for name, values in text.record_values.items()} == {FIELD: len(entries), OTHER: 1}


def test_odd_records_read_alike() -> None:
    """What is no list of values is left out in both."""
    for odd in ("text", None, [None, {"content": "x"}], [["x"]], {"a": 1}, 7):
        whole = {"id": OWN, "record_values": {FIELD: odd}}
        text = Record(LazyObject(OWN, json.dumps(whole).encode()))
        assert [value.to_dict() for value in text.record_values[FIELD]] == [
            value.to_dict() for value in Record(whole).record_values[FIELD]
        ]


def test_a_kept_value_stays_as_it_was() -> None:
    """A value shows what it showed when it was taken, also when its record has changed or was decoded meanwhile."""
    text, _ = shown(ENTRIES[0])
    value = text.record_values[FIELD][0]
    text._replace_json({"id": OWN, "record_values": {}})
    assert (value.content, value.operation_id, value.to_dict()["unit"]) == ("2.7", OTHER, "nM")
    assert value.created_at == datetime(2026, 1, 12, 12, 0, 0, 100005, tzinfo=UTC)


def test_values_refuse_to_be_changed() -> None:
    """Neither a value nor the lists of values take anything else."""
    text, _ = shown(ENTRIES[0])
    values = text.record_values[FIELD]
    for name in ("content", "created_at"):
        with pytest.raises(AttributeError):
            setattr(values[0], name, "x")
    with pytest.raises(TypeError, match="belongs to an object of the server"):
        values.append(values[0])
    with pytest.raises(TypeError, match="belongs to an object of the server"):
        text.record_values.clear()


def test_a_time_that_cannot_be_read_is_told_of_the_value() -> None:
    """Only reading the time raises; the error names the value."""
    text, _ = shown(ENTRIES[8])
    value = text.record_values[FIELD][0]
    assert value.content == "x"
    with pytest.raises(UnreadableTimeError, match="created_at of <RecordValue 'x' 6f1c0d5e"):
        _ = value.created_at


THIRD = "6f1c0d5e-0000-4000-8000-000000000003"
SUB = "5eb0c0de-0000-4000-8000-000000000002"
HERE, THERE = "9a08c9ed-0000-4000-8000-000000000001", "9a08c9ed-0000-4000-8000-000000000002"
LATE, EARLY = "2026-01-12T12:00:00.5Z", "2026-01-12T11:00:00+00:00"


def entry(content: Any, at: Any, where: Any = HERE, of: Any = OWN) -> dict[str, Any]:
    """Return a value of a data field."""
    return {"id": FIELD, "content": content, "created_at": at, "operation_id": where, "record_id": of}


FIELDS: list[list[dict[str, Any]]] = [
    [],
    [{"id": FIELD, "content": "A-1"}],
    [entry("new", LATE), entry("old", EARLY)],
    [entry("old", EARLY), entry("new", LATE, THERE)],
    [entry("sub", LATE, of=SUB), entry("own", EARLY)],
    [entry("same", LATE), entry("time", LATE)],
    [entry("a", "2026-01-12T12:00:00.1234561Z"), entry("b", "2026-01-12T12:00:00.1234564Z")],
    [entry("a", "2026-01-12T12:00:00.1234567Z"), entry("b", "2026-01-12T12:00:00.123457Z")],
    [entry("none", None), entry("some", EARLY)],
    [entry("odd", "noon"), entry("some", EARLY)],
    [entry("no zone", "2026-01-12T12:00:00"), entry("zone", "2026-01-12T11:59:59Z")],
    [entry(["a"], LATE), entry("text", EARLY)],
    [entry(None, LATE), entry("text", EARLY)],
    [entry(True, LATE), entry(2.5, EARLY, THERE), entry(7, EARLY, None)],
    [entry("number", LATE, 17, 18)],
]


def behind_one_that_was_read(made: bytes) -> Record:
    """Return the second record of an answer, after several fields of the first were read."""
    before, text = map(Record, split_list(b"[" + b",".join([made, made]) + b"]") or ())
    for field in (FIELD, OTHER):
        with contextlib.suppress(UnreadableTimeError):
            before.get_value_content(field)
    return text


def test_contents_read_alike_from_text_and_from_json() -> None:
    """Each field by itself and all in a row, anywhere, in an activity or as its data: text gives what JSON gives."""

    def asked(call: Any, *arguments: Any) -> Any:
        try:
            found = call(*arguments)
        except UnreadableTimeError as error:
            return str(error)
        return list(found.items()) if isinstance(found, dict) else (found, type(found))

    ids = [FIELD, OTHER, THIRD]
    for first in FIELDS:
        for second in FIELDS:
            whole = {"id": OWN, "record_values": {FIELD: first, OTHER: second, THIRD: [entry("x", LATE)]}}
            made, data = json.dumps(whole).encode(), Record(whole)
            for where in (None, HERE, THERE):
                for order in (ids, ids[::-1]):
                    for text in (Record(LazyObject(OWN, made)), behind_one_that_was_read(made)):
                        for field in [*order, SUB, *order, SUB.upper()]:
                            mine = asked(text.get_value_content, field, where)
                            assert mine == asked(data.get_value_content, field, where), (first, second, where)
                if where is not None:
                    text = Record(LazyObject(OWN, made))
                    assert asked(text.get_activity_data, where) == asked(data.get_activity_data, where), (first, second)


def test_a_content_that_can_be_changed_is_a_copy() -> None:
    """What becomes of a list that a record gave away does not show in the record, whichever field is read first."""
    for order in ((FIELD, OTHER), (OTHER, FIELD)):
        whole = {"id": OWN, "record_values": {FIELD: [entry(["a"], LATE)], OTHER: [entry({"a": 1}, LATE)]}}
        text = Record(LazyObject(OWN, json.dumps(whole).encode()))
        for field in order:
            given: list[Any] = [text.get_value_content(field), text.get_value_content(field, HERE)]
            for content in given:
                content.clear()
        text.get_activity_data(HERE)[FIELD].append("b")
        assert [text.get_value_content(field) for field in (FIELD, OTHER)] == [["a"], {"a": 1}]
        assert text.get_activity_data(HERE) == {FIELD: ["a"], OTHER: {"a": 1}}
