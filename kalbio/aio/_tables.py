"""Records read as tables: found by conditions, read many at a time, straight into columns."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import compress
from typing import Any, TypeAlias, Unpack

import attrs
from kaleidoscope_api.api.records import list_record_values, list_records, search_records

from kalbio._core.aio.concurrency import map_bounded, map_ordered
from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import AmbiguousIdentifierError
from kalbio._core.http.responses import as_list
from kalbio._core.http.url_chunks import chunk_for_url
from kalbio._core.objects.checks import document, require_whole_number
from kalbio._core.objects.identifiers import require_identifiers
from kalbio._core.objects.listing import read_ids
from kalbio._core.objects.times import read_time
from kalbio._core.text.display import safe_repr
from kalbio._core.text.progress import as_function
from kalbio._model import constants
from kalbio._model.activities import ActivityIdentifier
from kalbio._model.bulk import RowProgress
from kalbio._model.field_types import STANDING, form_of
from kalbio._model.fields import EntityFieldData
from kalbio._model.filters import Filters, Sorts
from kalbio._model.long_searches import in_parts
from kalbio._model.views import RecordViewData
from kalbio.aio._activity_tables import activity_of, find_table, tables_of
from kalbio.aio._policy import default_on_error, end_on_error, takes_older_names
from kalbio.aio._progress import iter_with_progress, with_progress
from kalbio.aio._record import RecordIdentifier
from kalbio.aio._record_search import search_query
from kalbio.aio._service import Service
from kalbio.aio._typed_values import OlderScopeNames, TableIdentifier, field_of
from kalbio.aio.entity_fields import DATA_FIELDS, KEY_FIELDS, EntityFieldIdentifier
from kalbio.aio.entity_types import ENTITY_TYPES, EntityTypeIdentifier
from kalbio.aio.programs import ProgramIdentifier
from kalbio.aio.record_views import RECORD_VIEWS
from kalbio.tables import ID, MOMENT, Column, Misfit, Table, make_column, names_of_files, warn_of_misfits
from kalbio.tables._rows import RowReader, columns_from

Types: TypeAlias = Mapping[str, type[float] | type[int] | type[Decimal] | type[str]]
"""Name or id of a field to the type that its numbers are read as; `str` for the text of any field as it stands."""


class OlderNames(OlderScopeNames, total=False):
    """Older names of what says which records are meant."""

    entity_slice_id: EntityTypeIdentifier | None
    program_id: ProgramIdentifier | None


@attrs.frozen
class _Plan:
    """What a table is to be made of.

    Attributes:
        columns: its columns.
        key_ids: the ids of those that are key fields.
        keys: how many of them are key fields that stand there by themselves.
        given: whether the columns were chosen; else those without any value are left out.
        ids: the records, in order.
        reader: reads the answers.
        includes_sub_records: whether values of sub-records count too.
    """

    columns: Sequence[Column]
    key_ids: frozenset[str]
    keys: int
    given: bool
    ids: Sequence[str]
    reader: RowReader
    includes_sub_records: bool


def _no_table() -> Table:
    return Table([], [], [])


class TableReads(Service):
    """The calls that give tables, as a part of the service of records."""

    @takes_older_names
    @default_on_error(_no_table)
    @with_progress("records")
    async def table(
        self,
        entity_type: EntityTypeIdentifier | None = None,
        *,
        fields: Iterable[EntityFieldIdentifier] | None = None,
        where: Filters | None = None,
        sorts: Sorts | None = None,
        activity: ActivityIdentifier | None = None,
        table: TableIdentifier | None = None,
        program: ProgramIdentifier | None = None,
        ids: Iterable[RecordIdentifier] | None = None,
        search_text: str | None = None,
        limit: int | None = None,
        types: Types | None = None,
        include_sub_records: bool = False,
        history: bool = False,
        progress: RowProgress | bool | None = None,
        **older: Unpack[OlderNames],
    ) -> Table:
        """Return the current values of records as a table, with columns typed by their fields.

        Args:
            entity_type: records of this type: object, id, or name.
            fields: the columns, in this order: fields as objects, ids, or names. By default the key fields, and all
                data fields of which a record has a value; of a table, its columns. Without records there are the key
                fields of the type, or of the tables of the activity; where neither is named, all of them.
            where: conditions, made with `F` or as dicts.
            sorts: the order, e.g. `["-logP", "Compound"]`.
            activity: records of this activity, and only what was written in it: object, id, or title. Key values
                always count.
            table: records on this table (record view): object, id, or name; give the activity besides where several
                have such a table. Of an activity in the order of the table, with what was written in it and in the
                activity outside of tables; else those that pass its filters.
            program: records of this program: object, id, or title.
            ids: these records, in this order: ids, objects, or key-field dicts. A dict that no record has is an error,
                an id that none has is left out.
            search_text: free text.
            limit: most rows.
            types: field to `float`, `int`, `Decimal` or `str`, to read it as that: a qualified number, which is text
                otherwise, as `float`, and any field as `str`. What is no such number
                has no value in the table, and a `ContentTypeWarning` tells how many there are.
            include_sub_records: whether values of sub-records count too, so that the newest of all is the current one.
                `where` and `sorts` look at the own values of a record in any case.
                With `history`, they have rows with a `sub_record_id`.
            history: one row for each value that was ever written, with field, activity, author and time; takes one
                request for each record, and for each sub-record that is included.
            progress: True shows a bar; a function is called with the number of records that were read, and of all.
            **older: the older names of arguments: `entity_slice_id`, `operation_id`, `record_view_id`, `program_id`.

        Returns:
            A `kalbio.tables.Table`, which pandas, polars, Arrow and DuckDB take.

        Raises:
            IdentifierNotFoundError: a field, an activity, or another thing that is named is not there.
            AmbiguousIdentifierError: two columns would have the same name.
            ValueError: the arguments contradict each other, or a field has no values of a type that you ask for.
            KalbioAPIError: the server refused.

        API operation: `searchRecords`, `listRecords` for each batch; `listRecordValues` with `history`, and of a
        table for records whose newest value in the activity is in another table of it.

        Example:
            >>> table = await client.records.table("Compound", fields=["Compound", "Potency (nM)"])
            >>> table.schema
            {'record_id': 'string', 'Compound': 'string', 'Potency (nM)': 'double'}
        """
        plan = await self._plan(
            entity_type, fields, where, sorts, activity, table, program, ids, search_text, limit, types,
            include_sub_records,
        )  # fmt: skip
        told = as_function(progress)
        parts = [part async for part in self._parts(plan, 250, None if history else told)]
        whole = _joined(plan, parts)
        found = await self._history(plan, whole, include_sub_records, told) if history else whole
        warn_of_misfits(found)
        return found

    @takes_older_names
    @end_on_error
    @iter_with_progress("records")
    async def iter_batches(
        self,
        entity_type: EntityTypeIdentifier | None = None,
        *,
        fields: Iterable[EntityFieldIdentifier] | None = None,
        where: Filters | None = None,
        sorts: Sorts | None = None,
        activity: ActivityIdentifier | None = None,
        table: TableIdentifier | None = None,
        program: ProgramIdentifier | None = None,
        ids: Iterable[RecordIdentifier] | None = None,
        search_text: str | None = None,
        limit: int | None = None,
        types: Types | None = None,
        include_sub_records: bool = False,
        batch_size: int = 75,
        progress: RowProgress | bool | None = None,
        **older: Unpack[OlderNames],
    ) -> AsyncIterator[Table]:
        """Yield a large table in parts that have the same columns, while further ones are on their way.

        Takes as little memory for a million records as for a thousand: only a few parts are held.

        Args:
            entity_type: records of this type: object, id, or name.
            fields: the columns, in this order: fields as objects, ids, or names. They must be given here, unless a
                table is, which has its own.
            where: conditions, made with `F` or as dicts.
            sorts: the order, e.g. `["-logP", "Compound"]`.
            activity: records of this activity, and only what was written in it: object, id, or title.
            table: records on this table (record view): object, id, or name.
            program: records of this program: object, id, or title.
            ids: these records, in this order: ids, objects, or key-field dicts.
            search_text: free text.
            limit: most rows.
            types: field to `float`, `int`, `Decimal` or `str`, to read it as that: a qualified number, which is text
                otherwise, as `float`, and any field as `str`. What is no such number
                has no value in the table, and a `ContentTypeWarning` tells how many there are.
            include_sub_records: whether values of sub-records count too, so that the newest of all is the current one.
                `where` and `sorts` look at the own values of a record in any case.
            batch_size: most rows of a part; parts are cut by the length of the URL as well.
            progress: True shows a bar; a function is called with the number of records that were read, and of all.
            **older: the older names of arguments: `entity_slice_id`, `operation_id`, `record_view_id`, `program_id`.

        Returns:
            An iterator of tables.

        Raises:
            IdentifierNotFoundError: a field, an activity, or another thing that is named is not there.
            ValueError: the arguments contradict each other, or there are no fields.
            KalbioAPIError: the server refused.

        API operation: `searchRecords`, `listRecords` for each part.

        Example:
            >>> rows = 0
            >>> async for part in client.records.iter_batches("Compound", fields=["Compound", "SMILES"]):
            ...     rows += len(part)
        """
        require_whole_number("batch_size", batch_size, 1)
        if fields is None and table is None:
            raise ArgumentError("iter_batches() needs fields=[...]: all parts have the same columns")
        plan = await self._plan(
            entity_type, fields, where, sorts, activity, table, program, ids, search_text, limit, types,
            include_sub_records,
        )  # fmt: skip
        parts = self._parts(plan, batch_size, as_function(progress))
        told: set[str] = set()
        async with contextlib.aclosing(parts):  # sync: with contextlib.closing(parts):
            async for part in parts:
                told |= warn_of_misfits(part, told)
                yield part

    async def _plan(
        self,
        entity_type: EntityTypeIdentifier | None,
        fields: Iterable[EntityFieldIdentifier] | None,
        where: Filters | None,
        sorts: Sorts | None,
        activity: ActivityIdentifier | None,
        table: TableIdentifier | None,
        program: ProgramIdentifier | None,
        ids: Iterable[RecordIdentifier] | None,
        search_text: str | None,
        limit: int | None,
        types: Types | None,
        include_sub_records: bool,
    ) -> _Plan:
        if limit is not None:
            require_whole_number("limit", limit, 1)
        directory = self._directory
        query: dict[str, Any] = {
            "entity_slice_id": entity_type, "operation_id": activity, "program_id": program, "where": where,
            "sorts": sorts, "search_text": search_text, "limit": limit,
        }  # fmt: skip
        view = None if table is None else await find_table(directory, table, activity)
        shown: list[EntityFieldIdentifier] | None = None
        on_view: Sequence[str] | None = None
        if view is not None:
            shown = await self._columns_of_view(view)
            query, on_view = await self._of_view(view, query)
        elif ids is not None:
            on_view = await directory.records.require_ids(require_identifiers(ids, "record"))
            ids = None
        if ids is not None:
            raise ArgumentError("ids and table cannot both say which records: give one of them")
        asked = await search_query(directory, query)
        operation = asked.get("operation_id")
        chosen, keys, given = await self._fields(fields, shown, asked.get("entity_slice_id"))
        columns = await self._columns(chosen, types)
        if given:
            _check_names(columns)
        wanted = await self._ids_found(asked, on_view)
        if not wanted and not given and asked.get("entity_slice_id") is None:
            possible = await self._possible_keys(operation)
            stays = [not field.is_key or field.id in possible for field in chosen]
            chosen, columns, keys = list(compress(chosen, stays)), list(compress(columns, stays)), len(possible)
        table_id = None if view is None else view.id
        reader = RowReader([field.id for field in chosen], operation, table_id, include_sub_records)
        key_ids = frozenset(field.id for field in chosen if field.is_key)
        return _Plan(columns, key_ids, keys, given, wanted, reader, include_sub_records)

    async def _of_view(
        self, view: RecordViewData, query: dict[str, Any]
    ) -> tuple[dict[str, Any], Sequence[str] | None]:
        """Return the conditions of a table, and the records on it where it is one of an activity."""
        if query["entity_slice_id"] is not None:
            raise ArgumentError("entity_type and table cannot both be given: a table has its own entity type")
        activity = await activity_of(self._directory, view, query["operation_id"])
        if activity is not None:
            return {**query, "operation_id": activity.id}, activity.data_table_record_mapping.get(view.id, [])
        shown = {name: _searchable(getattr(view, name)) for name in ("filters", "sorts")}
        more: dict[str, Any] = {
            "record_set_ids": view.record_set_ids_filter or None,
            "entity_slice_id": view.entity_slice_id,
        }
        if shown["filters"]:
            more["view_field_filters"] = shown["filters"]
        if shown["sorts"] and query["sorts"] is None:
            more["view_field_sorts"] = shown["sorts"]
        return {**query, **more}, view.record_ids_filter or None

    async def _columns_of_view(self, view: RecordViewData) -> list[EntityFieldIdentifier]:
        found = await self._directory[DATA_FIELDS].get_many(
            [column.data_field_id for column in view.view_fields if column.data_field_id]
        )
        kind = None if view.entity_slice_id is None else await self._directory[ENTITY_TYPES].find(view.entity_slice_id)
        keys = [] if kind is None else await self._directory[KEY_FIELDS].listed(kind.key_field_ids)
        return [*keys, *(field for field in found if field is not None)]

    async def _fields(
        self,
        fields: Iterable[EntityFieldIdentifier] | None,
        shown: Iterable[EntityFieldIdentifier] | None,
        entity_type: str | None,
    ) -> tuple[list[EntityFieldData], int, bool]:
        """Return the fields that are columns, how many of them stay in any case, and whether they were chosen."""
        directory = self._directory
        if fields is not None or shown is not None:
            wanted = require_identifiers(fields if fields is not None else shown, "field")
            chosen = [await field_of(directory, field) for field in wanted]
            return chosen, len(chosen), True
        keys = await directory[KEY_FIELDS].all()
        staying = 0
        if entity_type is not None:
            kind = await directory[ENTITY_TYPES].find(entity_type)
            if kind is not None:
                keys = keys.only(lambda field: field.id in kind.key_field_ids)
                staying = len(keys)
        data = await directory[DATA_FIELDS].all()
        return [*keys, *data], staying, False

    async def _possible_keys(self, activity: str | None) -> set[str]:
        """Return the ids of the key fields of a table whose records are of no type that is known, as there are none.

        Of an activity they are those of its tables, if it has some.
        """
        keys = {field.id for field in await self._directory[KEY_FIELDS].all()}
        if activity is None:
            return keys
        views = await self._directory[RECORD_VIEWS].all()
        types = {view.entity_slice_id for view in tables_of(views, activity)}
        kinds = await self._directory[ENTITY_TYPES].all()
        return keys & {field for kind in kinds if kind.id in types for field in kind.key_field_ids} or keys

    async def _columns(self, chosen: Sequence[EntityFieldData], types: Types | None) -> list[Column]:
        wanted: dict[str, type] = {}
        if types is not None:
            document("types", types)
        for name, kind in ({} if types is None else types).items():
            field = await field_of(self._directory, name)
            if all(field.id != other.id for other in chosen):
                raise ArgumentError(f"types has {safe_repr(name)}, which is no column of the table")
            wanted[field.id] = kind
        return [
            Column(
                field.field_name or field.id,
                field.id,
                form_of(field, wanted.get(field.id), f"types[{safe_repr(field.field_name or field.id)}]"),
            )
            for field in chosen
        ]

    async def _ids_found(self, asked: dict[str, Any], among: Sequence[str] | None) -> list[str]:
        """Return the ids of the records, in order."""
        narrowing = asked.keys() - {"operation_id", "limit"}
        limit = asked.get("limit")
        if among is not None and not narrowing:
            return list(among[:limit])
        if among is not None:
            # The server would cut what it finds before it is known what counts.
            asked = {name: value for name, value in asked.items() if name != "limit"}
        build: Any = search_records.build_request

        async def ask(conditions: Mapping[str, Any]) -> list[str]:
            response = await self._session.call_or_none(build(**conditions))
            return [] if response is None else read_ids(response)

        parts = in_parts(asked, lambda conditions: self._session.target_length(build(**conditions)))
        if parts is None:
            found = await ask(asked)
        else:
            found = parts.together(await map_bounded(ask, parts.queries, self._session.max_in_flight))
        if among is None:
            return found
        passing = set(found)
        if "entity_field_sorts" in asked or "view_field_sorts" in asked:
            wanted = Counter(among)
            return [record for record in found for _ in range(wanted[record])][:limit]
        return [record for record in among if record in passing][:limit]

    async def _parts(self, plan: _Plan, batch_size: int, progress: RowProgress | None) -> AsyncGenerator[Table, None]:
        """Yield the rows of a table in parts, while further ones are on their way."""
        overhead = self._session.target_length(list_records.build_request(record_ids=""))

        async def ask(batch: Sequence[str]) -> tuple[Sequence[str], Any]:
            distinct = list(dict.fromkeys(batch))
            return batch, await self._session.call(list_records.build_request(record_ids=",".join(distinct)))

        done = 0

        async def read(batch: Sequence[str], response: Any) -> Table:
            nonlocal done
            found = plan.reader.read(response)
            await self._look_behind(plan, found)
            part = _part(plan, batch, found)
            done += len(batch)
            if progress is not None:
                progress(done, len(plan.ids))
            return part

        first = plan.ids[: min(batch_size, constants.FIRST_BATCH)]
        rest = plan.ids[len(first) :]
        if first:
            yield await read(*await ask(first))
        cuts = chunk_for_url(rest, overhead=overhead, separator=",", max_count=batch_size)
        limit = self._session.max_in_flight
        answers = map_ordered(ask, (rest[cut] for cut in cuts), limit, ahead=limit)
        # Closed with this iterator: what is under way must not wait for the garbage collector.
        async with contextlib.aclosing(answers):  # sync: with contextlib.closing(answers):
            async for answer in answers:
                yield await read(*answer)

    async def _look_behind(self, plan: _Plan, found: dict[str, list[Any]]) -> None:
        """Read the values that a record does not show, because newer ones of other tables of the activity hide them."""
        hidden = [record_id for record_id in found if record_id in plan.reader.hidden]
        if hidden and plan.includes_sub_records:
            raise ArgumentError(
                f"include_sub_records cannot be given here: of {safe_repr(hidden[0])}, and maybe others, newest values"
                " are of other tables of the activity, and which of the older ones is the newest of record and"
                " sub-records cannot be told; read the sub-records by ids=[...]"
            )

        async def ask(record_id: str) -> list[Any]:
            values = as_list(await self._session.call(list_record_values.build_request(record_id)))
            behind = plan.reader.contents_among(values, record_id)
            return [old if old is not None else new for old, new in zip(found[record_id], behind, strict=True)]

        found.update(zip(hidden, await map_bounded(ask, hidden, self._session.max_in_flight), strict=True))

    async def _history(
        self, plan: _Plan, whole: Table, include_sub_records: bool, progress: RowProgress | None
    ) -> Table:
        """Return every value of the data fields of a table in a row of its own, with its circumstances."""
        keys = [column for column in whole.fields if column.field_id in plan.key_ids]
        # Of the plan: a field may have a history and no current value.
        data = {column.field_id: column for column in plan.columns if column.field_id not in plan.key_ids}
        forms = {column.form for column in data.values()}
        value = Column("value", None, forms.pop() if len(forms) == 1 else STANDING)
        rows: list[list[Any]] = []
        ids: list[str] = []
        contents: list[Any] = []

        async def ask(owner: tuple[str, str | None]) -> Any:
            response = await self._session.call_or_none(list_record_values.build_request(owner[1] or owner[0]))
            return [] if response is None else as_list(response)

        records = dict(zip(whole.record_ids, zip(*(whole[key.name] for key in keys), strict=True), strict=False))
        owners: list[tuple[str, str | None]] = [(record_id, None) for record_id in dict.fromkeys(whole.record_ids)]
        if include_sub_records:
            owners = await self._with_sub_records(owners)
        answers = map_ordered(ask, owners, self._session.max_in_flight)
        async with contextlib.aclosing(answers):  # sync: with contextlib.closing(answers):
            asked = enumerate(owners, 1)
            async for answer in answers:
                number, (record_id, sub_record_id) = next(asked)
                if progress is not None:
                    progress(number, len(owners))
                for item in answer:
                    column = data.get(str(item.get("field_id")))
                    where, view = item.get("operation_id"), item.get("record_view_id")
                    # The values of sub-records may be among those of a record.
                    own = str(item.get("record_id") or sub_record_id or record_id) == (sub_record_id or record_id)
                    if column is None or not own or not plan.reader.counts(where, view):
                        continue
                    at = read_time(item.get("created_at"), f"created_at of the value {item.get('id')}")
                    ids.append(record_id)
                    contents.append(item.get("content"))
                    known = (*records.get(record_id, ()), *([sub_record_id] if include_sub_records else []))
                    rows.append([*known, column.name, where, view, item.get("created_by"), at])
        circumstances = [Column(name, None, STANDING) for name in ("activity_id", "table_id", "written_by")]
        own_columns = [Column(name, None, STANDING) for name in ("sub_record_id", "field")[not include_sub_records :]]
        before, after = [*keys, *own_columns], [*circumstances, Column("written_at", None, MOMENT)]
        _check_names(keys, (ID, *(column.name for column in (*own_columns, value, *after))))
        made = columns_from(rows, len(before) + len(after))
        values, misfits = make_column(value, ids, contents)
        position = len(before)
        files = names_of_files([value], [contents])
        return Table([*before, value, *after], ids, [*made[:position], values, *made[position:]], misfits, files)

    async def _with_sub_records(self, owners: Sequence[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
        """Return the records, each followed by its sub-records."""
        records = await self._directory.records.find_many([record_id for record_id, _ in owners])
        return [
            owner
            for record in records
            for owner in [(record.id, None), *((record.id, sub_record) for sub_record in record.sub_record_ids)]
        ]


def _check_names(columns: Sequence[Column], own: Sequence[str] = (ID,)) -> None:
    """Raise unless each name is that of one column. `own` are the columns that the table has besides fields."""
    seen: dict[str, Column] = {}
    for column in columns:
        if column.name in own:
            raise ArgumentError(
                f"The table has a column {safe_repr(column.name)} of its own, so the field of this name has no place in"
                " it: give fields=[...] without that field"
            )
        other = seen.setdefault(column.name, column)
        if other is column:
            continue
        if other.field_id == column.field_id:
            raise ArgumentError(
                f"fields has {safe_repr(column.name)} twice: a table has one column of a name; give it once"
            )
        raise AmbiguousIdentifierError(
            "field",
            column.name,
            [str(other.field_id), str(column.field_id)],
            "A table has one column of a name: give fields=[...] with only one of these ids.",
        )


def _searchable(conditions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return filters or sorts of a view as conditions of a search."""
    return [{name: value for name, value in item.items() if name != "plot_field_config"} for item in conditions]


def _part(plan: _Plan, batch: Sequence[str], found: Mapping[str, Sequence[Any]]) -> Table:
    ids = [record_id for record_id in batch if record_id in found]
    contents = columns_from((found[record_id] for record_id in ids), len(plan.columns))
    columns: list[list[Any]] = []
    misfits: list[Misfit] = []
    for column, values in zip(plan.columns, contents, strict=True):
        made, odd = make_column(column, ids, values)
        columns.append(made)
        misfits += odd
    return Table(plan.columns, ids, columns, misfits, names_of_files(plan.columns, contents))


def _joined(plan: _Plan, parts: Sequence[Table]) -> Table:
    """Return the whole of a table; columns that were not asked for and hold nothing are left out."""
    ids = [record_id for part in parts for record_id in part.record_ids]
    columns: list[Column] = []
    contents: list[list[Any]] = []
    misfits = [misfit for part in parts for misfit in part.misfits]
    told = {misfit.column for misfit in misfits}
    for position, column in enumerate(plan.columns):
        values = [value for part in parts for value in part.contents[position]]
        stays = plan.given or position < plan.keys or column.name in told
        if stays or any(value is not None for value in values):
            columns.append(column)
            contents.append(values)
    _check_names(columns)
    files = {known: name for part in parts for known, name in part.file_names.items()}
    return Table(columns, ids, contents, misfits, files)
