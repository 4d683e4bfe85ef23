# Derived from kalbio/aio/_history_tables.py by scripts/regenerate; edit that file. (digest 623c22b4952b)
"""The history of a record as a table: what was written, by whom, when and where, with the names of all of these."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kaleidoscope_api.api.records import list_record_values

from kalbio._core.errors import NotFoundError, PermissionDeniedError
from kalbio._core.http.responses import as_list
from kalbio._core.objects.times import ABSENT, read_time
from kalbio._directory import Client
from kalbio._listing import CachedListing, Kind
from kalbio._model import staleness
from kalbio._model.activities import ActivityData
from kalbio._model.field_types import STANDING, form_of
from kalbio._model.fields import EntityFieldData
from kalbio.record_views import RECORD_VIEWS
from kalbio.tables import MOMENT, Column, Table, make_column, names_of_files
from kalbio.tables._rows import RowReader, columns_from
from kalbio.workspace import USERS

_ACTIVITIES: Kind[ActivityData] = Kind(staleness.ACTIVITY)
_NAMES = ("author", "activity", "table")
_IDS = ("written_by", "activity_id", "table_id")
_MEMBERS = ("created_by", "operation_id", "record_view_id")


def read_history_table(
    client: Client, record_id: str, fields: Sequence[EntityFieldData], activity_id: str | None, table_id: str | None
) -> Table:
    """Read the values that were ever written to some data fields of a record, the newest first."""
    response = client.session.call_or_none(list_record_values.build_request(record_id))
    known = {field.id: field for field in fields}
    scope = RowReader([], activity_id, table_id)
    found: list[tuple[Any, EntityFieldData, Mapping[str, Any]]] = []
    for item in [] if response is None else as_list(response):
        field = known.get(str(item.get("field_id")))
        # The values of sub-records may be among those of a record.
        own = str(item.get("record_id") or record_id) == record_id
        if field is not None and own and scope.counts(item.get("operation_id"), item.get("record_view_id")):
            at = read_time(item.get("created_at"), f"created_at of the value {item.get('id')}")
            found.append((at, field, item))
    found.sort(key=lambda row: row[0] or ABSENT[0], reverse=True)
    directory = client.directory
    listings: list[CachedListing[Any]] = [directory[USERS], directory[_ACTIVITIES], directory[RECORD_VIEWS]]
    names = [
        _names(listing, {str(item[member]) for _, _, item in found if item.get(member) is not None})
        for listing, member in zip(listings, _MEMBERS, strict=True)
    ]
    rows = []
    for at, field, item in found:
        ids = [None if item.get(member) is None else str(item[member]) for member in _MEMBERS]
        told = [None if one is None else known_names.get(one, one) for one, known_names in zip(ids, names, strict=True)]
        rows.append([field.field_name or field.id, at, *told, *ids])
    field_names, moments, *others = columns_from(rows, 2 + len(_NAMES) + len(_IDS))
    forms = {form_of(field) for field in fields}
    value = Column("value", None, forms.pop() if len(forms) == 1 else STANDING)
    record_ids = [record_id] * len(found)
    contents = [item.get("content") for _, _, item in found]
    values, misfits = make_column(value, record_ids, contents)
    standing = [Column(name, None, STANDING) for name in ("field", *_NAMES, *_IDS)]
    author, *scopes = standing[1:]
    columns = [standing[0], value, author, Column("written_at", None, MOMENT), *scopes]
    files = names_of_files([value], [contents])
    return Table(columns, record_ids, [field_names, values, others[0], moments, *others[1:]], misfits, files)


def _names(listing: CachedListing[Any], ids: Collection[str]) -> dict[str, str]:
    """Return the names of what these ids name; none where there is none, or the credentials may not list them."""
    try:
        listing.get_many(ids)  # reads the listing, once more where it lacks one
    except (PermissionDeniedError, NotFoundError):
        return {}
    names = {identifier: listing.shown_name(identifier) for identifier in ids}
    return {identifier: name for identifier, name in names.items() if name}
