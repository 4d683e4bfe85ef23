"""Record views: tables of the records of one entity type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict, cast

from kaleidoscope_api.api.record_views import (
    add_record_view_key_field,
    replace_record_view_key_fields,
)

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import IdentifierNotFoundError
from kalbio._core.http.responses import as_optional_object
from kalbio._core.json import strict_json
from kalbio._core.objects.checks import in_row, require_rows, require_text, require_texts
from kalbio._core.objects.identifiers import as_id, close_matches, plain_id
from kalbio._core.objects.uuids import is_uuid
from kalbio._core.text.display import safe_repr
from kalbio._model import staleness
from kalbio._model.bulk import RowProgress
from kalbio._model.enums import DataFieldTypeEnum, FilterRuleTypeEnum
from kalbio._model.fields import EntityFieldData
from kalbio._model.filter_values import check_fit
from kalbio._model.filters import Filters, Sorts
from kalbio._model.keys import key_text
from kalbio._model.views import (
    RecordTransfer,
    RecordViewColorFilter,
    RecordViewData,
    RecordViewFilter,
    RecordViewIdentifier,
    RecordViewSort,
    ViewField,
)
from kalbio.aio._directory import Client, Directory, WithTables
from kalbio.aio._listing import Kind
from kalbio.aio._policy import default_on_error, none
from kalbio.aio._service import Service
from kalbio.aio.entity_fields import (
    DATA_FIELDS,
    KEY_FIELDS,
    DataField,
    KeyField,
    checked_field_type,
    field_at_hand,
    require_field_id,
)
from kalbio.tables import Table

__all__ = [
    "FilterRuleType",
    "RecordTransfer",
    "RecordView",
    "RecordViewColorFilter",
    "RecordViewFilter",
    "RecordViewIdentifier",
    "RecordViewSort",
    "RecordViewsService",
    "ViewField",
]

FilterRuleType = FilterRuleTypeEnum
"""How a filter of a view compares: the same enumeration as that of record search, which lacks two of its rules."""


class RecordView(RecordViewData):
    """A table of the records of one entity type."""

    __slots__ = ()
    _client: Client | None

    class ExtendViewBody(TypedDict):
        """What `extend_view` takes."""

        new_key_field_name: str
        records_to_transfer: list[RecordTransfer] | None

    class ReplaceKeyFieldsBody(TypedDict, total=False):
        """What `replace_key_fields` takes; all members are optional."""

        add_key_field_names: list[str]
        remove_key_field_ids: list[str]
        records_to_transfer: list[RecordTransfer] | None

    @default_on_error(none)
    async def table(
        self,
        fields: Iterable[EntityFieldData | str] | None = None,
        *,
        where: Filters | None = None,
        sorts: Sorts | None = None,
        history: bool = False,
        progress: RowProgress | bool | None = None,
    ) -> Table:
        """Return the records that it shows as a table, with columns typed by their fields.

        Args:
            fields: the columns, in this order: fields as objects, ids, or names. By default its columns.
            where: conditions, made with `F` or as dicts.
            sorts: the order, e.g. `["-logP", "Compound"]`.
            history: one row for each value that was ever written, with field, activity, author and time.
            progress: True shows a bar; a function is called with the number of records that were read, and of all.

        Returns:
            A `kalbio.tables.Table`; see `client.records.table`, which takes more conditions.

        Raises:
            IdentifierNotFoundError: no such field.
            KalbioAPIError: the server refused.

        API operation: `searchRecords`, `listRecords` for each batch; `listRecordValues` with `history`.

        Example:
            >>> view = (await client.record_views.get_record_views())[0]
            >>> table = await view.table()
        """
        client = cast(WithTables, self._require_client())
        return await client.records.table(
            table=self, fields=fields, where=where, sorts=sorts, history=history, progress=progress
        )

    @default_on_error(none)
    async def extend_view(self, body: RecordView.ExtendViewBody) -> None:
        """Add a key field: the view moves to the entity type that has this key field as well.

        Args:
            body: `new_key_field_name`, and `records_to_transfer`: the records that move along (objects, ids, or
                key-field dicts), each with its new key values by field name; or None.

        Raises:
            IdentifierNotFoundError: a record to transfer does not exist; nothing was sent.
            OutcomeUnknownError: the answer was lost; look at the view before you repeat it.
            KalbioAPIError: the server refused.

        API operation: `addRecordViewKeyField`.

        Example:
            >>> view = (await client.record_views.get_record_views())[0]
            >>> await view.extend_view({"new_key_field_name": "Salt form", "records_to_transfer": None})
        """
        client = self._require_client()
        sent = await self._body(body, RecordView.ExtendViewBody)
        require_text("new_key_field_name", sent.get("new_key_field_name"))
        response = await client.session.call(add_record_view_key_field.build_request(self.id, body=sent))
        self._stale = True
        answer = as_optional_object(response)
        if answer is None or answer.get("id") != self.id:
            answer = await client.directory[RECORD_VIEWS].after_write(self.id)
        if answer is not None:
            self._merge(answer)

    @default_on_error(none)
    async def replace_key_fields(self, body: RecordView.ReplaceKeyFieldsBody) -> RecordView | None:
        """Exchange key fields: the view is copied for the entity type that has them, and its records move there.

        Args:
            body: `add_key_field_names`, `remove_key_field_ids` (key fields: objects, ids, or names), and
                `records_to_transfer`: every record of the view (object, id, or key-field dict) with values for all
                key fields of the new set, by field name.

        Returns:
            The new view, which has another id; this object stays as it was. None when the server names none.

        Raises:
            IdentifierNotFoundError: a key field or a record does not exist; nothing was sent.
            OutcomeUnknownError: the answer was lost; look at the views before you repeat it.
            KalbioAPIError: the server refused, e.g. because a record lacks a key value; nothing was changed.

        API operation: `replaceRecordViewKeyFields`.

        Example:
            >>> view = (await client.record_views.get_record_views())[0]
            >>> ids = await client.records.search_records(entity_slice_id=view.entity_slice_id)
            >>> transfers = [
            ...     {"record_id": record, "key_field_name_to_value": {"Compound": str(record), "Salt form": "none"}}
            ...     for record in await client.records.get_records_by_ids(ids)
            ... ]
            >>> copy = await view.replace_key_fields(
            ...     {"add_key_field_names": ["Salt form"], "records_to_transfer": transfers}
            ... )
        """
        client = self._require_client()
        sent = await self._body(body, RecordView.ReplaceKeyFieldsBody)
        if not sent:
            raise ArgumentError("body is empty; give add_key_field_names, remove_key_field_ids or both")
        if sent.get("add_key_field_names") is not None:
            sent["add_key_field_names"] = require_texts("add_key_field_names", sent["add_key_field_names"])
        if sent.get("remove_key_field_ids") is not None:
            fields = client.directory[KEY_FIELDS]
            sent["remove_key_field_ids"] = await fields.require_ids(sent["remove_key_field_ids"])
        response = await client.session.call(replace_record_view_key_fields.build_request(self.id, body=sent))
        answer = as_optional_object(response)
        return None if answer is None else RecordView(answer, client)

    async def _body(self, body: Mapping[str, Any], members: type) -> dict[str, Any]:
        """Return a body whose records to transfer are named by their ids."""
        if not isinstance(body, Mapping):
            raise ArgumentError(f"body must be a dict with {', '.join(members.__annotations__)}; got {safe_repr(body)}")
        (sent,) = require_rows("body", [body], members)
        transfers = sent.get("records_to_transfer")
        if transfers is not None:
            moved = require_rows("records_to_transfer", transfers, RecordTransfer)
            for index, item in enumerate(moved):
                values = item.get("key_field_name_to_value")
                if values is not None:
                    if not isinstance(values, Mapping):
                        raise ArgumentError(
                            f"records_to_transfer[{index}]['key_field_name_to_value'] must be a dict of key field name "
                            f"to value; got {safe_repr(values)}"
                        )
                    with in_row(index, "records_to_transfer"):
                        item["key_field_name_to_value"] = {
                            name: key_text(value, name) for name, value in values.items()
                        }
            records = await self._require_client().directory.records.require_ids(
                [item.get("record_id") for item in moved]
            )
            sent["records_to_transfer"] = [
                {**item, "record_id": record} for item, record in zip(moved, records, strict=True)
            ]
            strict_json.encode(sent["records_to_transfer"], "records_to_transfer")
        return sent


RECORD_VIEWS: Kind[RecordView] = Kind(staleness.VIEW)


class RecordViewsService(Service):
    """Record views of the workspace (`client.record_views`)."""

    _remembers = (staleness.VIEW,)

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._views = self._directory[RECORD_VIEWS]

    @default_on_error(list)
    async def get_record_views(self, *, use_cache: bool = True) -> list[RecordView]:
        """Return all record views; templates are not among them.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listRecordViews`.

        Example:
            >>> names = [view.view_name for view in await client.record_views.get_record_views()]
        """
        return (await self._views.all(use_cache=use_cache)).only(lambda view: not view.is_template)

    @default_on_error(list, skip_when_none="view_id")
    async def get_data_fields_on_view(
        self, view_id: RecordViewIdentifier, field_type: DataFieldTypeEnum | str | None = None
    ) -> list[DataField]:
        """Return the data fields that are columns of a view, in the order of the view; [] for an unknown view.

        Args:
            view_id: the view, or its id.
            field_type: only fields of this type.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listRecordViews`, `listDataFields`.

        Example:
            >>> for view in await client.record_views.get_record_views():
            ...     fields = await client.record_views.get_data_fields_on_view(view, "number")
        """
        kind = None if field_type is None else checked_field_type(field_type)
        return await columns_of(self._directory, plain_id(view_id, "record view", RecordViewData), kind)


async def columns_of(directory: Directory, view_id: str, field_type: str | None = None) -> list[DataField]:
    """Return the data fields that are columns of a view."""
    view = await directory[RECORD_VIEWS].find(view_id)
    columns = [] if view is None else [column.data_field_id for column in view.view_fields if column.data_field_id]
    found = await directory[DATA_FIELDS].get_many(columns)
    return [field for field in found if field is not None and field_type in (None, field.field_type)]


async def columns_shown(directory: Directory, view_id: str) -> list[ViewField]:
    """Return the columns of a view, none where there is no such view."""
    view = await directory[RECORD_VIEWS].find(view_id)
    return [] if view is None else list(view.view_fields)


async def on_columns(
    directory: Directory, conditions: Iterable[Any], columns: Sequence[ViewField]
) -> list[Mapping[str, Any]]:
    """Return conditions by field as conditions on the columns of a view; others as they are.

    A key field is meant directly, a data field by the column that shows it. Raises ValueError where a condition
    compares a field with what it cannot hold.
    """
    found: list[Mapping[str, Any]] = []
    by_id = {column.id: column for column in columns}
    for condition in conditions:
        if not isinstance(condition, Mapping):
            found.append(condition)
            continue
        given = condition
        if "field_id" in condition:
            key, column = await _column(directory, condition["field_id"], columns)
            rest = {name: value for name, value in condition.items() if name != "field_id"}
            given = {"key_field_id": key, "view_field_id": column, **rest}
        found.append(given)
        named = condition.get("field_id") or given.get("view_field_id")
        shown = named if isinstance(named, ViewField) else by_id.get(str(given.get("view_field_id")))
        # What several values become in a column may be of another type than they are.
        is_plain = shown is not None and shown.aggregation_type in (None, "latest")
        meant = given.get("key_field_id") or (shown.data_field_id if shown is not None and is_plain else None)
        field = field_at_hand(directory, meant) if isinstance(meant, str | KeyField | DataField) and meant else None
        if field is not None:
            check_fit(field, condition)
    return found


async def _column(directory: Directory, field: Any, columns: Sequence[ViewField]) -> tuple[str | None, str | None]:
    """Return the ids of the key field and of the column that something names, one of which is None."""
    if isinstance(field, ViewField):
        return None, field.id
    shown = {column.data_field_id: column.id for column in columns if column.data_field_id}
    wanted = as_id(field, "column", (KeyField, DataField))
    name = str(field)
    if wanted is None:
        wanted = await require_field_id(directory, field)
    elif wanted in {column.id for column in columns}:
        return None, wanted
    if await directory[KEY_FIELDS].find(wanted) is not None:
        return wanted, None
    if wanted in shown:
        return None, shown[wanted]
    if is_uuid(field) and await directory[DATA_FIELDS].find(wanted) is None:
        return None, wanted  # the id of a column of a view that is not at hand
    if columns:
        names = [
            item.field_name or "" for item in await directory[DATA_FIELDS].get_many(list(shown)) if item is not None
        ]
        raise IdentifierNotFoundError("column", name, close_matches(name, names), "The view does not show that field.")
    raise IdentifierNotFoundError(
        "column", name, hint="Give the column, of view.view_fields: F(column); its data_field_id says what it shows."
    )
