"""What copies of a workspace keep of its lists: a table for each, with a column for each member worth asking for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from kalbio._core.text.display import printable
from kalbio._model.content_reading import as_it_stands


class Member(NamedTuple):
    """A column: its name, its type in SQL, and where it comes from in an item."""

    column: str
    type: str
    source: str


class Listing(NamedTuple):
    """A table of a list.

    Attributes:
        table: its name.
        members: its columns; the first is the id.
        label: the column that says what an item is called.
    """

    table: str
    members: Sequence[Member]
    label: str


def _listing(table: str, label: str, *members: str) -> Listing:
    made = []
    for text in members:
        column, kind, *source = text.split()
        made.append(Member(column, kind, source[0] if source else column))
    return Listing(table, made, label)


ENTITY_TYPES = _listing(
    "entity_types", "name", "entity_type_id VARCHAR id", "name VARCHAR slice_name", "key_field_ids VARCHAR[]",
    "is_archived BOOLEAN", "created_at TIMESTAMPTZ",
)  # fmt: skip
FIELDS = _listing(
    "fields", "name", "field_id VARCHAR id", "name VARCHAR field_name", "type VARCHAR field_type", "is_key BOOLEAN",
    "description VARCHAR field_description", "is_archived BOOLEAN", "created_at TIMESTAMPTZ",
)  # fmt: skip
ACTIVITIES = _listing(
    "activities", "title", "activity_id VARCHAR id", "title VARCHAR", "type VARCHAR activity_type", "status VARCHAR",
    "definition_id VARCHAR", "parent_id VARCHAR", "program_ids VARCHAR[]", "assigned_user_ids VARCHAR[]",
    "label_ids VARCHAR[]", "start_date TIMESTAMPTZ", "due_date TIMESTAMPTZ",
    "completed_at TIMESTAMPTZ completed_at_date", "external_id VARCHAR", "is_draft BOOLEAN",
    "created_by VARCHAR", "created_at TIMESTAMPTZ",
)  # fmt: skip
PROGRAMS = _listing("programs", "title", "program_id VARCHAR id", "title VARCHAR", "created_at TIMESTAMPTZ")
MEMBERS = _listing(
    "members", "name", "member_id VARCHAR id", "name VARCHAR full_name", "email VARCHAR", "access_level VARCHAR",
)  # fmt: skip
VIEWS = _listing(
    "views", "name", "view_id VARCHAR id", "name VARCHAR view_name", "entity_type_id VARCHAR entity_slice_id",
    "activity_ids VARCHAR[] operation_ids", "program_ids VARCHAR[]", "is_template BOOLEAN", "is_archived BOOLEAN",
    "created_at TIMESTAMPTZ",
)  # fmt: skip

LISTINGS = (ENTITY_TYPES, FIELDS, ACTIVITIES, PROGRAMS, MEMBERS, VIEWS)


def columns_of(listing: Listing, items: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Return the items as columns, in the order of the members."""
    return [[_CELLS[member.type](item.get(member.source)) for item in items] for member in listing.members]


def _text(value: Any) -> str | None:
    return None if value is None else printable(as_it_stands(value))


def _texts(value: Any) -> list[str] | None:
    return [printable(as_it_stands(item)) for item in value if item is not None] if isinstance(value, list) else None


_CELLS: dict[str, Callable[[Any], Any]] = {
    "VARCHAR": _text,
    "VARCHAR[]": _texts,
    "BOOLEAN": lambda value: value if isinstance(value, bool) else None,
    "TIMESTAMPTZ": _text,  # whoever takes it reads it
}


def members_of(activity: Mapping[str, Any]) -> list[tuple[str, str, str | None]]:
    """Return the records of an activity: its id, that of the record, and that of the table or None."""
    own = str(activity["id"])
    tables, every = activity.get("data_table_record_mapping"), activity.get("all_record_ids")
    on_table: set[str] = set()
    found: list[tuple[str, str, str | None]] = []
    for table, records in (tables if isinstance(tables, dict) else {}).items():
        found += [(own, str(record), str(table)) for record in records or ()]
        on_table.update(map(str, records or ()))
    if isinstance(every, list):
        found += [(own, record, None) for record in map(str, every) if record not in on_table]
    return found
