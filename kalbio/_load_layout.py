# Derived from kalbio/aio/_load_layout.py by scripts/regenerate; edit that file. (digest 63b4c370d4dd)
"""Which fields the columns of a table are, and of which entity type its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Any, TypeAlias

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import AmbiguousIdentifierError, IdentifierError, IdentifierNotFoundError
from kalbio._core.objects.identifiers import Catalog, Many, close_matches, did_you_mean
from kalbio._core.objects.uuids import is_uuid
from kalbio._core.text.display import safe_repr
from kalbio._directory import Directory
from kalbio._model.errors import FieldTypeError
from kalbio._model.fields import EntityFieldData
from kalbio._record import WritableRecord
from kalbio._typed_values import FileValue, RecordLink, field_of
from kalbio.entity_fields import DATA_FIELDS, KEY_FIELDS, EntityFieldIdentifier, checked_field_type
from kalbio.entity_types import ENTITY_TYPES, EntityType, EntityTypeIdentifier
from kalbio.loading.near_twins import folded
from kalbio.loading.new_fields import text_notes, types_for
from kalbio.reading.rows import Rows

Key: TypeAlias = EntityFieldIdentifier | Many[EntityFieldIdentifier]
"""A key field, or several: object, id, or name."""

Columns: TypeAlias = Mapping[str, EntityFieldIdentifier | None]
"""Column to field: object, id, or name; None leaves the column out."""

NewFields: TypeAlias = bool | Mapping[str, str]
"""Whether fields are made for columns that have none; or column to the type of its field."""


_RECORD_ID = "record_id"
_NAMED = 10
_OBJECT_TYPES = {
    PurePath: "file",
    FileValue: "file",
    WritableRecord: "record-reference",
    RecordLink: "record-reference",
}


class ColumnFields:
    """The fields of the columns of a table.

    Attributes:
        keys: column to key field, in the order of `key`.
        columns: column to data field, in the order of the table; one that is to be made has no id.
        new_fields: column to the type of the field that is to be made for it.
        fieldless: the columns for which no field is made, because none of their cells has a value that one could hold.
        notes: what is told of columns that are not loaded.
    """

    def __init__(self) -> None:
        self.keys: dict[str, EntityFieldData] = {}
        self.columns: dict[str, EntityFieldData] = {}
        self.new_fields: dict[str, str] = {}
        self.fieldless: list[str] = []
        self.notes: list[str] = []


def column_fields(
    directory: Directory, rows: Rows, key: Key, columns: Columns | None, create_fields: NewFields
) -> ColumnFields:
    """Return the fields of the columns. Raises where a column has none, naming all such columns and the cure."""
    given = _checked(columns, rows.columns)
    types = _checked_types(create_fields, rows.columns, given)
    found = ColumnFields()
    found.keys = _key_columns(directory, _key_list(key), rows.columns, given)
    for name in types:
        if name in found.keys:
            raise ArgumentError(f"create_fields makes a data field for {safe_repr(name)}, which is a key field")
    wanted = [name for name in rows.columns if name not in found.keys and given.get(name, name) is not None]
    mapped: dict[str, EntityFieldData] = {}
    renamed: dict[str, str] = {}
    for name in wanted:
        if (field := given.get(name)) is None:
            continue
        try:
            mapped[name] = field_of(directory, field)
        except IdentifierNotFoundError:
            # A name of no field is that of a new one where fields are made, and an id is no name.
            if not isinstance(field, str) or is_uuid(field) or not (create_fields is True or name in types):
                raise
            renamed[name] = field
    unmapped = [name for name in wanted if name not in mapped and name not in renamed]
    by_name = dict(zip(unmapped, directory[DATA_FIELDS].get_many(unmapped), strict=True))
    lacking = [name for name in unmapped if by_name[name] is None]
    if _RECORD_ID in lacking:  # the frames of this library have it
        if _RECORD_ID in types:
            raise ArgumentError(
                f"create_fields makes no field {_RECORD_ID!r}: that is the column of ids in the tables of this "
                "library; rename the column"
            )
        lacking.remove(_RECORD_ID)
        wanted.remove(_RECORD_ID)
        found.notes.append(
            f"the column {_RECORD_ID!r} is left out: a record is told by its key, and its id is no field"
        )
    lacking += renamed
    if lacking:
        found.new_fields = _new_fields(directory, rows, lacking, create_fields, types, renamed, found.keys)
        found.notes += text_notes(rows, found.new_fields, types)
    for name in wanted:
        field = mapped.get(name) or by_name.get(name)
        if field is None and name in found.new_fields:
            field = EntityFieldData(
                {"id": "", "field_name": renamed.get(name, name), "field_type": found.new_fields[name]}
            )
        if field is None:
            found.fieldless.append(name)
            found.notes.append(
                f"no field is made for {safe_repr(name)}: the column has no value that a field could hold"
            )
            continue
        if field.is_key:
            raise _not_written(name, field.field_name)
        if name in types and field.id and field.field_type != types[name]:
            raise FieldTypeError(field.field_name or name, field.id, str(field.field_type), types[name])
        found.columns[name] = field
    _check_distinct({**found.keys, **found.columns})
    return found


def _checked(columns: Columns | None, names: Sequence[str]) -> dict[str, Any]:
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise ArgumentError(f"columns must be a dict of column to field; got {safe_repr(columns)}")
    for name in columns:
        _check_column("columns", name, names)
    return dict(columns)


def _check_column(argument: str, name: Any, names: Sequence[str]) -> None:
    if name not in names:
        shown = did_you_mean(name, names) or f" It has {', '.join(map(safe_repr, names))}."
        raise ArgumentError(f"{argument} names a column {safe_repr(name)} that the table does not have.{shown}")


def _checked_types(create_fields: NewFields, names: Sequence[str], given: Mapping[str, Any]) -> dict[str, str]:
    if isinstance(create_fields, bool):
        return {}
    if not isinstance(create_fields, Mapping):
        raise ArgumentError(
            f"create_fields must be True, False, or a dict of column to type; got {safe_repr(create_fields)}"
        )
    for name in create_fields:
        if name not in names and name not in given.values():
            _check_column("create_fields", name, names)
        if name in names and given.get(name, name) is None:
            raise ArgumentError(f"create_fields makes a field for {safe_repr(name)}, and columns leaves it out")
    columns = {field: name for name, field in given.items() if isinstance(field, str)}
    return {columns.get(name, name): checked_field_type(kind) for name, kind in create_fields.items()}


def _key_list(key: Any) -> list[Any]:
    many = not isinstance(key, str | EntityFieldData) and isinstance(key, Iterable)
    keys = list(key) if many else [key]
    if not keys:
        raise ArgumentError("key is empty; name the key fields that identify a record")
    return keys


def _key_columns(
    directory: Directory, keys: Sequence[Any], names: Sequence[str], given: Mapping[str, Any]
) -> dict[str, EntityFieldData]:
    """Return column to key field. A key may be named by its field, or by its column where `columns` says the field."""
    listing = directory[KEY_FIELDS]
    found: dict[str, EntityFieldData] = {}
    mapped: dict[str, EntityFieldData] = {}
    for name, other in given.items():
        with suppress(IdentifierNotFoundError):  # it may be the name of a field that is to be made
            if other is not None:
                mapped[name] = field_of(directory, other)
    for key in keys:
        column = key if isinstance(key, str) and key in mapped else None
        field: EntityFieldData | None = mapped[column] if column is not None else listing.get(key)
        if field is None:
            raise _no_key(listing.catalog(), key)
        if not field.is_key:
            raise IdentifierError(
                "key field", key, f"{safe_repr(field.field_name)} is a data field; a key is made of key fields."
            )
        if column is None:
            columns = [name for name, other in mapped.items() if other.id == field.id]
            if not columns and field.field_name in names and field.field_name not in given:
                columns = [field.field_name or ""]
            if not columns:
                shown = safe_repr(field.field_name)
                raise ArgumentError(
                    f"The table has no column for the key field {shown}; it has {', '.join(map(safe_repr, names))}. "
                    f"Say which one it is with columns={{column: {shown}}}"
                )
            column = columns[0]
        if any(other.id == field.id for other in found.values()):
            raise ArgumentError(f"key names the key field {safe_repr(field.field_name)} twice")
        found[column] = field
    return found


def _no_key(known: Catalog[Any], key: Any) -> IdentifierNotFoundError:
    names = [safe_repr(name) for name in _names(known)]
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    hint = f"The key fields are {', '.join(names[:_NAMED])}{more}." if names else "There are no key fields yet."
    if isinstance(key, str):
        hint += f" To make a new one: client.entity_fields.get_or_create_key_field({safe_repr(key)})."
    return IdentifierNotFoundError("key field", key, close_matches(key, _names(known)), hint)


def _new_fields(
    directory: Directory,
    rows: Rows,
    lacking: Sequence[str],
    create_fields: NewFields,
    types: Mapping[str, str],
    renamed: Mapping[str, str],
    key_columns: Mapping[str, EntityFieldData],
) -> dict[str, str]:
    """Return the types of the fields to make, by column, or raise for columns that are to have none.

    `renamed` is column to the name of its field, where that is another; `key_columns` are those of the key.
    """
    data, keys = directory[DATA_FIELDS].catalog(), directory[KEY_FIELDS].catalog()
    known = [*_names(data), *_names(keys)]
    unknown = [name for name in lacking if create_fields is not True and name not in types]
    if unknown:
        shown = "; ".join(f"{safe_repr(name)}{_close(name, data, keys)}" for name in unknown)
        longer = _longer_key(directory, key_columns.values(), [keys.find(name) for name in unknown])
        raise IdentifierNotFoundError(
            "data field",
            unknown[0],
            hint=(
                f"Columns that match no field: {shown}. {longer}Say which fields they are with "
                f"columns={{{safe_repr(unknown[0])}: field}}, leave one out with "
                f"columns={{{safe_repr(unknown[0])}: None}}, or make fields for them with create_fields"
            ),
        )
    twins = {folded([name]): name for name in known}
    for column in lacking:
        name = renamed.get(column, column)
        twin = twins.get(folded([name]))
        if twin == name and keys.find(name) is not None:
            raise _not_written(column, name)
        if twin is not None:
            raise IdentifierError(
                "data field",
                name,
                f"A new field {safe_repr(name)} would stand beside {safe_repr(twin)}, which a person takes for the "
                f"same; say which field the column is with columns={{{safe_repr(column)}: {safe_repr(twin)}}}.",
            )
        twins[folded([name])] = name
    inferred = types_for(rows.rows, [name for name in lacking if name not in types], _OBJECT_TYPES)
    return {name: kind for name in lacking if (kind := types.get(name) or inferred.get(name)) is not None}


def _longer_key(directory: Directory, keys: Iterable[EntityFieldData], others: Sequence[EntityFieldData | None]) -> str:
    """Return the advice to name other key fields too, where an entity type has all of them as its key."""
    together = {field.id: field.field_name or field.id for field in [*keys, *others] if field is not None}
    for kind in directory[ENTITY_TYPES].all() if any(others) else ():
        if set(kind.key_field_ids) == together.keys():
            names = ", ".join(map(safe_repr, together.values()))
            return f"To load records of the type {safe_repr(kind.shown_name)}, give key=[{names}]. "
    return ""


def _not_written(column: str, key_field: str | None) -> ArgumentError:
    return ArgumentError(
        f"The column {safe_repr(column)} is the key field {safe_repr(key_field)}, whose values are not written: name "
        f"it in key, or leave the column out with columns={{{safe_repr(column)}: None}}"
    )


def _close(name: str, data: Catalog[Any], keys: Catalog[Any]) -> str:
    if keys.find(name) is not None:
        return " (a key field, which is not in key)"
    hint = did_you_mean(name, [*_names(data), *_names(keys)]).strip()
    return f" ({hint[0].lower()}{hint[1:]})" if hint else ""


def _names(catalog: Catalog[Any]) -> list[str]:
    return [field.field_name for field in catalog.items if field.field_name]


def _check_distinct(fields: Mapping[str, EntityFieldData]) -> None:
    seen: dict[str, str] = {}
    for name, field in fields.items():
        other = seen.setdefault(field.id or f"new {name}", name)
        if other != name:
            raise ArgumentError(
                f"The columns {safe_repr(other)} and {safe_repr(name)} are both the field "
                f"{safe_repr(field.field_name)}; leave one out with columns={{column: None}}"
            )


def entity_type_of(
    directory: Directory, wanted: EntityTypeIdentifier | None, keys: Iterable[EntityFieldData]
) -> str | None:
    """Return the id of the type whose records these keys identify, None where the first record brings it along."""
    fields = {field.id: field.field_name or field.id for field in keys}
    listing = directory[ENTITY_TYPES]
    shown = " + ".join(map(safe_repr, fields.values()))
    if wanted is not None:
        kind = listing.get(wanted)
        if kind is None:
            raise (listing.catalog()).not_found(wanted)
        if set(kind.key_field_ids) != set(fields):
            names = {field.id: field.field_name or field.id for field in directory[KEY_FIELDS].all()}
            own = ", ".join(safe_repr(names.get(one, one)) for one in kind.key_field_ids)
            raise ArgumentError(
                f"The records of the type {safe_repr(str(kind))} are identified by {own} together, not by {shown}: "
                f"give key=[{own}]"
            )

    def look(catalog: Catalog[EntityType]) -> EntityType | None:
        fitting = [kind for kind in catalog.items if set(kind.key_field_ids) == set(fields)]
        fitting = [kind for kind in fitting if not kind.is_archived] or fitting
        if len(fitting) > 1:
            raise AmbiguousIdentifierError(
                "entity type",
                shown,
                [kind.id for kind in fitting],
                "Several types have these keys, and a load names a type by its keys only.",
            )
        return fitting[0] if fitting else None

    found = listing.search(look)
    return None if found is None else found.id
