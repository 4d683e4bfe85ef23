"""Which value of a field is current, and how a record looks after a value was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kalbio._core.errors import UnreadableTimeError
from kalbio._core.json.lazy_json import LazyObject
from kalbio._core.objects.fixed import copied
from kalbio._core.objects.times import Order, order_of
from kalbio._model.record_json import (
    TimedEntry,
    ValueEntry,
    entries_of,
    field_ids,
    objects_of,
    timed_entries_of,
    values_of,
)


def current_entry(
    entries: Iterable[ValueEntry],
    own_id: str,
    *,
    operation_id: str | None = None,
    record_view_id: str | None = None,
    include_sub_records: bool = False,
    sub_record_id: str | None = None,
) -> ValueEntry | None:
    """Return the newest entry of a field that passes the conditions, None when there is none.

    Key values pass every condition but that on a view. Values of sub-records count only when they are asked for.
    Raises UnreadableTimeError when there are several and the time of one cannot be read: any could be the newest.
    """
    best: ValueEntry | None = None
    newest: Order | None = None
    for entry in entries:
        owner = entry.record_id
        if owner is None:
            if record_view_id is not None:
                continue
        else:
            # Ids may come as numbers.
            if operation_id is not None and str(entry.operation_id) != operation_id:
                continue
            if record_view_id is not None and str(entry.record_view_id) != record_view_id:
                continue
            if sub_record_id is not None:
                if str(owner) != sub_record_id:
                    continue
            elif str(owner) != own_id and not include_sub_records:
                continue
        if best is None:  # as a rule it stays the only one, and its time need not be read
            best = entry
            continue
        newest = newest or _written(best, own_id)
        written = _written(entry, own_id)
        if written > newest:
            best, newest = entry, written
    return best


UNDECIDED: Any = object()
"""Stands for a content that cannot be told yet."""


def quick_contents(
    values: Mapping[str, Iterable[TimedEntry]], own_id: str, operation_id: str | None = None
) -> dict[str, Any]:
    """Return field id to the current content as `current_entry` finds it; None where there is none.

    UNDECIDED where times have to be compared closely, or the content would have to be copied.
    """
    found: dict[str, Any] = {}
    nothing: Any = object()
    for field_id, entries in values.items():
        content, newest = None, nothing
        for entry in entries:
            owner = entry.record_id
            if owner is not None and (
                owner != own_id or (operation_id is not None and entry.operation_id != operation_id)
            ):
                continue
            written = entry.created_at
            if newest is nothing:
                content, newest = entry.content, written
            elif written is None or newest is None or written == newest:
                content = UNDECIDED
                break
            elif newest < written:
                content, newest = entry.content, written
        # Most contents are text, and there are many of them.
        found[field_id] = UNDECIDED if type(content) is not str and isinstance(content, dict | list) else content
    return found


def contents_by_operation(entries: Iterable[ValueEntry], own_id: str) -> dict[str, Any]:
    """Return operation id to the current content of a data field there, of the record itself, not of sub-records.

    Operations where it cannot be told are left out.
    """
    own = [entry for entry in entries if entry.operation_id is not None and entry.record_id == own_id]
    found: dict[str, Any] = {entry.operation_id: entry.content for entry in own}
    if len(found) == len(own):  # as a rule there is one value in each
        return found
    for operation in found.copy():
        there = [entry for entry in own if entry.operation_id == operation]
        try:
            newest = current_entry(there, own_id)
        except UnreadableTimeError:
            del found[operation]
        else:
            found[operation] = None if newest is None else newest.content
    return found


def _written(entry: ValueEntry, own_id: str) -> Order:
    return order_of(entry.created_at, f"created_at of a value of the record {own_id}")


def contents(state: Mapping[str, Any] | LazyObject, own_id: str, *, operation_id: str) -> dict[str, Any]:
    """Return field id to content for everything the record holds in an operation, its key values included."""
    found: dict[str, Any] = {}
    quick = quick_contents(timed_entries_of(state), own_id, operation_id)
    for field_id in quick or field_ids(state):
        content = quick.get(field_id, UNDECIDED)
        if content is not UNDECIDED:
            if content is not None:
                found[field_id] = content
            continue
        entry = current_entry(entries_of(state, field_id), own_id, operation_id=operation_id)
        if entry is not None and entry.content is not None:
            found[field_id] = copied(entry.content)
    return found


# Members of a written value that the values inside a record do not have.
_HISTORY_ONLY = frozenset({"field_id", "field_type", "created_by", "import_id", "workspace_id"})
_SCOPE = ("record_id", "operation_id", "record_view_id")


def with_value(raw: Mapping[str, Any], field_id: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of a record after a value was written: the new one first, the old one of the same scope gone."""
    entry = {name: item for name, item in value.items() if name not in _HISTORY_ONLY}
    entry.setdefault("record_id", raw.get("id"))
    scope = tuple(entry.get(name) for name in _SCOPE)
    others = [
        old for old in objects_of(values_of(raw).get(field_id)) if tuple(old.get(name) for name in _SCOPE) != scope
    ]
    return {**raw, "record_values": {**values_of(raw), field_id: [entry, *others]}}


def current_at(raw: Mapping[str, Any], field_id: str, operation_id: str | None) -> dict[str, Any] | None:
    """Return the newest entry of a field written in exactly this activity, or on the record itself; in any table.

    Raises UnreadableTimeError when there are several and the time of one cannot be read.
    """
    own_id = str(raw.get("id"))
    entries = [
        entry
        for entry in objects_of(values_of(raw).get(field_id))
        if id_text(entry.get("record_id")) == own_id and id_text(entry.get("operation_id")) == operation_id
    ]
    return max(entries, key=moment_of, default=None) if len(entries) > 1 else next(iter(entries), None)


def moment_of(value: Mapping[str, Any]) -> Order:
    """Return when a value was written, as something that can be sorted. Raises UnreadableTimeError."""
    return order_of(value.get("created_at"), f"created_at of the value {value.get('id')}")


def id_text(value: Any) -> str | None:
    """Return an id as text; some servers send numbers."""
    return None if value is None else str(value)
