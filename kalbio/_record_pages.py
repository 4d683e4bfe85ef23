# Derived from kalbio/aio/_record_pages.py by scripts/regenerate; edit that file. (digest 76dc4db71501)
"""What a notebook shows of records: their values by the names of the fields, where and when they were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kalbio._core.errors import UnreadableTimeError
from kalbio._core.json.lazy_json import LazyObject
from kalbio._core.objects.notebook import counted, moment
from kalbio._core.objects.times import ABSENT, Order, order_of
from kalbio._core.text.html_tables import ROWS, html_table
from kalbio._directory import Client
from kalbio._listing import CachedListing
from kalbio._model.content_reading import MisfitError, as_it_stands
from kalbio._model.errors import KalbioError
from kalbio._model.field_types import form_of, read_content
from kalbio._model.fields import EntityFieldData
from kalbio._model.record_json import ValueEntry, entries_of, field_ids
from kalbio._model.record_values import current_entry
from kalbio._model.records import RecordData, state_of
from kalbio.entity_fields import DATA_FIELDS, KEY_FIELDS

_COLUMNS = 10
_MOST = 50


def html_of_record(record: RecordData, client: Client | None) -> str:
    """Return the values of a record as a table: key values, then the others, the newest first."""
    state = state_of(record)
    known = _known_fields(client)
    names = {field_id: _name(known.get(field_id), field_id) for field_id in _in_order(state, known)}
    keys: list[tuple[str, ValueEntry]] = []
    data: list[tuple[str, ValueEntry]] = []
    for field_id in names:
        field = known.get(field_id)
        held = data if field is None or not field.is_key else keys
        held += ((field_id, entry) for entry in entries_of(state, field_id))
    data.sort(key=lambda item: _written(item[1]), reverse=True)
    rows = [
        [
            names[field_id],
            _text(known.get(field_id), entry.content),
            _where(record, client, entry),
            moment(entry.created_at),
        ]
        for field_id, entry in [*keys, *data][:_MOST]
    ]
    heads = ["field", "value", "in", "written"]
    used = [column for column in range(len(heads)) if column < 2 or any(row[column] for row in rows)]
    count = len(keys) + len(data)
    ids = ((f"field {name}", field_id) for field_id, name in names.items() if name != field_id)
    return html_table(
        f"{type(record).__name__} {record}",
        [[row[column] for column in used] for row in rows],
        count,
        heads=[heads[column] for column in used],
        hint="record.to_row() has all of them." if count > _MOST else _names_hint(names),
        folded=[("record", record.id), *ids],
        limit=_MOST,
    )


def html_of_records(records: Sequence[RecordData], client: Client | None) -> str:
    """Return the first records of a list as a table: a column for each field that they hold most of."""
    known = _known_fields(client)
    first = records[:ROWS]
    states = [state_of(record) for record in first]
    held: dict[str, int] = {}
    for state in states:
        for field_id in _in_order(state, known):
            held[field_id] = held.get(field_id, 0) + 1
    keys = [field_id for field_id in held if field_id in known and known[field_id].is_key]
    others = sorted((field_id for field_id in held if field_id not in keys), key=lambda one: -held[one])
    chosen = [*keys, *others][:_COLUMNS]
    rows = []
    for record, state in zip(first, states, strict=True):
        cells = [_current(known.get(field_id), record, state, field_id) for field_id in chosen]
        # Where the key fields are not known, what the record is called.
        rows.append([*([] if keys else [str(record)]), *cells, f"{record.id[:8]}…"])
    hints = [f"The first {ROWS} of {len(records)}; list[{ROWS}:] shows further ones."] if len(records) > ROWS else []
    if len(held) > len(chosen):
        hints.append(f"{len(held) - len(chosen)} more fields: client.records.table(ids=...) has all of them.")
    names = {field_id: _name(known.get(field_id), field_id) for field_id in chosen}
    hints.append(_names_hint(names))
    return html_table(
        counted(len(records), type(records[0]).__name__),
        rows,
        len(rows),
        heads=[*([] if keys else [""]), *names.values(), "id"],
        hint=" ".join(filter(None, hints)),
    )


def _known_fields(client: Client | None) -> dict[str, EntityFieldData]:
    """Return the fields of the workspace by id, key fields first; none where they cannot be told.

    With the async client these are the fields that are known; with the sync client, which need not wait to be awaited,
    they are read where they are not known, as `record[...]` reads them: values without names tell a person nothing.
    """
    found: dict[str, EntityFieldData] = {}
    if client is not None:
        listings: list[CachedListing[Any]] = [client.directory[KEY_FIELDS], client.directory[DATA_FIELDS]]
        for listing in listings:
            try:
                catalog = listing.peek() or listing.catalog()
            except KalbioError:  # to show something never fails
                continue
            if catalog is not None:
                found.update((field.id, field) for field in catalog.items)
    return found


def _in_order(state: Mapping[str, Any] | LazyObject, known: Mapping[str, EntityFieldData]) -> list[str]:
    """Return the fields that a record holds values of, in the order of the listings."""
    held = list(field_ids(state))
    return [*(field_id for field_id in known if field_id in held), *(one for one in held if one not in known)]


def _name(field: EntityFieldData | None, field_id: str) -> str:
    return field_id if field is None or not field.field_name else field.field_name


def _text(field: EntityFieldData | None, content: Any) -> str:
    """Return a content as the value that it is, as text."""
    if content is None:
        return ""
    if field is None:
        return as_it_stands(content)
    try:
        value = read_content(form_of(field), content)
    except MisfitError:
        return as_it_stands(content)
    if isinstance(value, dict) and "file_id" in value:
        return str(value.get("file_name") or value["file_id"])
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return as_it_stands(value) if isinstance(value, dict | list) else str(value)


def _where(record: RecordData, client: Client | None, entry: ValueEntry) -> str:
    """Return where a value was written: the activity, and the table or the sub-record."""
    parts = []
    for member, kind in (("operation_id", "activity"), ("record_view_id", "table")):
        identifier = getattr(entry, member)
        if identifier is not None:
            known = None if client is None else client.directory.shown_name(member, str(identifier))
            parts.append(known or f"{kind} {str(identifier)[:8]}…")
    if entry.record_id is not None and str(entry.record_id) != record.id:
        parts.append(f"sub-record {str(entry.record_id)[:8]}…")
    return ", ".join(parts)


def _written(entry: ValueEntry) -> Order:
    try:
        return order_of(entry.created_at, "created_at")
    except UnreadableTimeError:  # it is shown as it came, behind the others
        return ABSENT


def _current(field: EntityFieldData | None, record: RecordData, state: Any, field_id: str) -> str:
    try:
        entry = current_entry(entries_of(state, field_id), record.id)
    except UnreadableTimeError:  # which value is the newest cannot be told
        return "?"
    return "" if entry is None else _text(field, entry.content)


def _names_hint(names: Mapping[str, str]) -> str:
    """Return how the names of fields are got, where they are not known."""
    if all(name != field_id for field_id, name in names.items()):
        return ""
    return "Fields are shown by their ids: their names are not known yet; to_row() of a record reads them."
