"""The JSON of a record, read in parts: a record of a list stays text until something of it is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec

from kalbio._core.json import lazy_json
from kalbio._core.json.lazy_json import LazyObject


class ValueEntry(msgspec.Struct, gc=False):
    """What decides which value of a field is current."""

    content: Any = None
    created_at: Any = None
    operation_id: Any = None
    record_id: Any = None
    record_view_id: Any = None


class TimedEntry(msgspec.Struct, gc=False):
    """The same, its time decoded already, to the nearest microsecond."""

    content: Any = None
    created_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    operation_id: str | None = None
    record_id: str | None = None


class _TimedEntries(msgspec.Struct, gc=False):
    record_values: dict[str, list[TimedEntry]]


class ShownEntry(msgspec.Struct, gc=False):
    """What is read most of a value, its time decoded already, to the nearest microsecond."""

    content: Any = None
    created_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class _ShownEntries(msgspec.Struct, gc=False):
    record_values: dict[str, list[ShownEntry]]


class Parts(msgspec.Struct, gc=False):
    """What is asked for most: the values of each field, still text."""

    record_values: dict[str, msgspec.Raw]
    identifier_ids: list[str | int] = []  # the library copies it


class _Children(msgspec.Struct, gc=False):
    sub_record_ids: list[str | int] = []  # the library copies it


_PARTS = msgspec.json.Decoder(Parts)
_CHILDREN = msgspec.json.Decoder(_Children)
ENTRIES = msgspec.json.Decoder(list[ValueEntry])
_TIMED = msgspec.json.Decoder(_TimedEntries)
_SHOWN = msgspec.json.Decoder(_ShownEntries)
_FINER = re.compile(rb"\.\d{7,}[Zz+-]")
"""A time, as a rule, with more digits than a microsecond has: it would be rounded."""


def values_of(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of a record, by field."""
    values = raw.get("record_values")
    return values if isinstance(values, dict) else {}


def objects_of(entries: Any) -> list[dict[str, Any]]:
    """Return the JSON objects of a list; what else stands there is left out."""
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def field_ids(state: Mapping[str, Any] | LazyObject) -> Iterable[str]:
    """Return the fields that a record holds values of."""
    if isinstance(state, LazyObject):
        try:
            return parts_of(state).record_values.keys()
        except (ValueError, RecursionError):
            return values_of(lazy_json.decode_object(state)).keys()
    return values_of(state).keys()


def entries_of(state: Mapping[str, Any] | LazyObject, field_id: str) -> list[ValueEntry]:
    """Return the entries of a field, from the JSON of a record or its text."""
    if isinstance(state, LazyObject):
        try:
            part = parts_of(state).record_values.get(field_id)
            return [] if part is None else ENTRIES.decode(part)
        except (ValueError, RecursionError):
            # Of another shape than all records that were ever seen, but still readable as far as it goes.
            return entries_of(lazy_json.decode_object(state), field_id)
    return [
        ValueEntry(*map(entry.get, ValueEntry.__struct_fields__))
        for entry in objects_of(values_of(state).get(field_id))
    ]


def entry_at(state: LazyObject, field_id: str, position: int) -> dict[str, Any]:
    """Return a value of a record as JSON; the entries of the field are all objects."""
    found: dict[str, Any] = values_of(lazy_json.decode_object(state))[field_id][position]
    return found


def shown_entries_of(state: LazyObject) -> dict[str, list[ShownEntry]] | None:
    """Return what is read most of the values of a record; None where one of them is unusual."""
    if _FINER.search(state.text) is not None:
        return None
    try:
        return _SHOWN.decode(state.text).record_values
    except (ValueError, RecursionError):
        return None


def timed_entries_of(state: Mapping[str, Any] | LazyObject) -> dict[str, list[TimedEntry]]:
    """Return the entries of all fields of a record that is still text, decoded at once.

    None at all where it is not, and where one has anything else than is usual: then they are read field by field.
    """
    if not isinstance(state, LazyObject):
        return {}
    try:
        return _TIMED.decode(state.text).record_values
    except (ValueError, RecursionError):
        return {}


def sub_records_of(state: Mapping[str, Any] | LazyObject) -> list[str]:
    """Return the ids of the sub-records that a record shows."""
    if isinstance(state, LazyObject):
        try:
            return [str(item) for item in _CHILDREN.decode(state.text).sub_record_ids]
        except ValueError:
            return sub_records_of(lazy_json.decode(state.text))
    ids = state.get("sub_record_ids")
    return [str(item) for item in ids] if isinstance(ids, list) else []


_AHEAD = 32


def is_read_widely(state: LazyObject) -> bool:
    """Whether several fields of a record are read, so that all of them had better be decoded at once.

    Who has read a second field of one record will do so with the next records of the answer. After some of them it is
    looked again whether that is so.
    """
    answer = state.answer
    if state.read:
        if answer is not None:
            answer.ahead = _AHEAD
        return True
    if answer is None or answer.ahead <= 0:
        return False
    answer.ahead -= 1
    state.read = True
    return True


def parts_of(state: LazyObject) -> Parts:
    """Return the parts of a record that is still text. Raises ValueError when it has another shape."""
    parts: Parts | None = state.parts
    if parts is None:
        parts = _PARTS.decode(state.text)
        if state.read:
            state.parts = parts
        state.read = True  # of many records one field is read, and no other: that is not worth keeping the parts
    return parts
