"""Records and histories as Dask DataFrames: which records is decided at once, what they hold is read by the workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.objects.checks import require_whole_number
from kalbio._core.objects.identifiers import require_identifiers
from kalbio._core.text.display import safe_repr
from kalbio._extras import require_dask
from kalbio._listing import Kind
from kalbio._model import staleness
from kalbio._model.activities import ActivityData, ActivityIdentifier
from kalbio._model.filters import Filters, Sorts
from kalbio._record import RecordIdentifier
from kalbio._tables import Types
from kalbio.dask._connection import Connection
from kalbio.entity_fields import EntityFieldIdentifier
from kalbio.entity_types import EntityTypeIdentifier
from kalbio.programs import ProgramIdentifier
from kalbio.tables import Table

if TYPE_CHECKING:
    import dask.dataframe
    import pandas
else:
    from types import SimpleNamespace

    # Names in annotations, for tools that read these where the libraries are not there.
    dask = SimpleNamespace(dataframe=SimpleNamespace(DataFrame=Any))
    pandas = SimpleNamespace(DataFrame=Any)

_ACTIVITIES: Kind[ActivityData] = Kind(staleness.ACTIVITY)

Part: TypeAlias = tuple[int, Sequence[str]]
"""The records of a partition: the position of the first one among all, and their ids."""


@attrs.frozen
class _Query:
    """What workers read, in ids where names are looked up.

    Attributes:
        connection: whom they ask.
        fields: column to the id of its field.
        types: the id of a field to the type that it is read as.
        activity: the id of the activity whose values count.
        include_sub_records: whether values of sub-records count too.
        number: sets this frame apart from every other one: what was read for one, at another time, is not its content.
    """

    connection: Connection
    fields: Mapping[str, str]
    types: Mapping[str, type[float] | type[int] | type[Decimal] | type[str]]
    activity: str | None
    include_sub_records: bool
    number: str

    def read(self, ids: Sequence[str], columns: Sequence[str] | None = None, *, history: bool = False) -> Table:
        """Return the table of these records: all columns, or those of these names."""
        fields = [field for name, field in self.fields.items() if columns is None or name in columns]
        types = {field: kind for field, kind in self.types.items() if field in fields}
        table = self.connection.client().records.table(
            ids=ids, fields=fields, types=types, activity=self.activity, include_sub_records=self.include_sub_records,
            history=history,
        )  # fmt: skip
        _check_fit(table)
        return table


@attrs.frozen
class _Records:
    """Reads a partition of current values. Dask tells it which columns it needs."""

    query: _Query

    def __call__(self, part: Part, columns: Sequence[str] | None = None) -> pandas.DataFrame:
        import pandas

        start, ids = part
        frame = self.query.read(ids, columns).to_pandas()
        if len(frame) == len(ids):
            frame.index = pandas.RangeIndex(start, start + len(ids))
        else:  # some are gone by now; the others keep their positions
            there = {*frame["record_id"]}
            frame.index = pandas.Index(
                [start + position for position, one in enumerate(ids) if one in there], dtype="int64"
            )
        return frame if columns is None else frame[list(columns)]


@attrs.frozen
class _Values:
    """Reads a partition of histories."""

    query: _Query

    def __call__(self, part: Part) -> pandas.DataFrame:
        return self.query.read(part[1], history=True).to_pandas()


def read_records(
    entity_type: EntityTypeIdentifier | None = None,
    *,
    fields: Iterable[EntityFieldIdentifier],
    where: Filters | None = None,
    sorts: Sorts | None = None,
    activity: ActivityIdentifier | None = None,
    program: ProgramIdentifier | None = None,
    ids: Iterable[RecordIdentifier] | None = None,
    search_text: str | None = None,
    limit: int | None = None,
    types: Types | None = None,
    include_sub_records: bool = False,
    partition_size: int = 5_000,
    profile: str | None = None,
    max_in_flight: int | None = None,
) -> dask.dataframe.DataFrame:
    """Return the current values of records as a Dask DataFrame, which the workers of a cluster read part by part.

    It equals `client.records.table(...).to_pandas()` with the same arguments: columns, dtypes, values and index. Which
    records are in it is decided now, by one search; what they hold is read whenever a partition is computed. A record
    that is gone by then is left out, and the others keep their positions in the index.

    Args:
        entity_type: records of this type: object, id, or name.
        fields: the columns, in this order: fields as objects, ids, or names. They must be given, because all partitions
            have the same columns. Columns that a computation does not need are not read.
        where: conditions, made with `F` or as dicts.
        sorts: the order, e.g. `["-logP", "Compound"]`.
        activity: records of this activity, and only what was written in it: object, id, or title.
        program: records of this program: object, id, or title.
        ids: these records, in this order, in place of all conditions: ids, objects, or key-field dicts.
        search_text: free text.
        limit: most rows.
        types: name or id of a field to `float`, `int`, `Decimal` or `str`, to read it as that.
        include_sub_records: whether values of sub-records count too, so that the newest of all is the current one.
        partition_size: records in a partition.
        profile: the profile that this process and every worker use, which is kept on each machine; by default the
            environment of each says url and credentials. Neither goes into the graph.
        max_in_flight: requests that each worker process has under way at a time; by default as many as any client.

    Returns:
        A Dask DataFrame with known divisions.

    Raises:
        IdentifierNotFoundError: a field, an activity, or another thing that is named is not there.
        ValueError: the arguments contradict each other. When it is computed: a content does not fit its field.
        SettingError: credentials are missing; when it is computed, a worker has those of another workspace.
        KalbioAPIError: the server refused.
        ModuleNotFoundError: Dask is not installed.

    API operation: `searchRecords`, `getActiveWorkspace`; `listRecords` for each some 200 records when it is computed.

    Example:
        >>> frame = kalbio.dask.read_records("Compound", fields=["Compound", "Potency (nM)"])
        >>> mean = frame["Potency (nM)"].mean().compute()
    """
    query, found = _plan(
        entity_type, fields, where, sorts, activity, program, ids, search_text, limit, types, include_sub_records,
        partition_size, profile, max_in_flight,
    )  # fmt: skip
    parts = _parts(found, partition_size)
    divisions = [*(start for start, _ in parts), len(found) - 1] if found else [None, None]
    return _frame(_Records(query), parts, "kalbio-records", divisions)


def read_values(
    entity_type: EntityTypeIdentifier | None = None,
    *,
    fields: Iterable[EntityFieldIdentifier],
    where: Filters | None = None,
    sorts: Sorts | None = None,
    activity: ActivityIdentifier | None = None,
    program: ProgramIdentifier | None = None,
    ids: Iterable[RecordIdentifier] | None = None,
    search_text: str | None = None,
    limit: int | None = None,
    types: Types | None = None,
    include_sub_records: bool = False,
    partition_size: int = 500,
    profile: str | None = None,
    max_in_flight: int | None = None,
) -> dask.dataframe.DataFrame:
    """Return every value that was ever written as a Dask DataFrame: a row for each, with author, time and place.

    It has the rows of `client.records.table(..., history=True).to_pandas()` with the same arguments, in the same order
    and with the same dtypes. How many a partition has is known when it is read, so the index begins anew in each.

    Args:
        entity_type: as in `read_records`.
        fields: the key fields, which are columns, and the data fields whose values are read. With one data field, or
            several of one type, the column `value` has that type; else it is the text as it stands.
        where: as in `read_records`.
        sorts: as in `read_records`: the order of the records. The values of each come newest first.
        activity: as in `read_records`.
        program: as in `read_records`.
        ids: as in `read_records`.
        search_text: as in `read_records`.
        limit: most records.
        types: as in `read_records`.
        include_sub_records: whether values of sub-records have rows too, with a `sub_record_id`.
        partition_size: records in a partition; each takes a request.
        profile: as in `read_records`.
        max_in_flight: as in `read_records`.

    Returns:
        A Dask DataFrame.

    Raises:
        IdentifierNotFoundError: as in `read_records`.
        ValueError: as in `read_records`.
        SettingError: as in `read_records`.
        KalbioAPIError: the server refused.
        ModuleNotFoundError: Dask is not installed.

    API operation: `searchRecords`, `getActiveWorkspace`; `listRecords` and, for each record, `listRecordValues` when it
    is computed.

    Example:
        >>> values = kalbio.dask.read_values("Compound", fields=["Compound", "Potency (nM)"])
        >>> latest = values.groupby("Compound")["written_at"].max().compute()
    """
    query, found = _plan(
        entity_type, fields, where, sorts, activity, program, ids, search_text, limit, types, include_sub_records,
        partition_size, profile, max_in_flight,
    )  # fmt: skip
    parts = _parts(found, partition_size)
    return _frame(_Values(query), parts, "kalbio-values", [None] * (len(parts) + 1))


def _plan(
    entity_type: EntityTypeIdentifier | None,
    fields: Iterable[EntityFieldIdentifier],
    where: Filters | None,
    sorts: Sorts | None,
    activity: ActivityIdentifier | None,
    program: ProgramIdentifier | None,
    ids: Iterable[RecordIdentifier] | None,
    search_text: str | None,
    limit: int | None,
    types: Types | None,
    include_sub_records: bool,
    partition_size: int,
    profile: str | None,
    max_in_flight: int | None,
) -> tuple[_Query, list[str]]:
    """Return what to read of which records."""
    require_dask()
    require_whole_number("partition_size", partition_size, 1)
    conditions: dict[str, Any] = {
        "entity_slice_id": entity_type, "where": where, "sorts": sorts, "program_id": program,
        "search_text": search_text, "limit": limit,
    }  # fmt: skip
    if ids is not None and any(value is not None for value in conditions.values()):
        raise ArgumentError("ids names the records, so no conditions can be given besides: leave out one or the other")
    connection = Connection.here(profile, max_in_flight)
    client = connection.client()
    activity_id = None if activity is None else client.directory[_ACTIVITIES].require_id(activity)
    columns = client.records.table(ids=[], fields=fields, types=types).fields
    by_name = {column.name: str(column.field_id) for column in columns}
    query = _Query(
        connection,
        by_name,
        {by_name.get(name, name.lower()): kind for name, kind in (types or {}).items()},
        activity_id,
        include_sub_records,
        uuid4().hex,
    )
    if ids is not None:
        return query, client.directory.records.require_ids(require_identifiers(ids, "record"))
    return query, client.records.search_records(**conditions, operation_id=activity_id)


def _parts(ids: Sequence[str], size: int) -> list[Part]:
    return [(start, ids[start : start + size]) for start in range(0, len(ids), size)] or [(0, [])]


def _frame(
    read: _Records | _Values,
    parts: Sequence[Part],
    label: str,
    divisions: Sequence[int | None],
) -> dask.dataframe.DataFrame:
    import dask
    from dask.dataframe import from_map

    meta = read((0, []))
    # Dask would turn lists into their text otherwise, and `str` into another dtype.
    with dask.config.set({"dataframe.convert-string": False}):
        return from_map(read, parts, meta=meta, divisions=tuple(divisions), label=label, enforce_metadata=True)


def _check_fit(table: Table) -> None:
    """Raise where a content has no place in its column: nobody sees `table.misfits` of a part."""
    shows = {column.name: column.shows_misfits for column in table.fields}
    lost = [misfit for misfit in table.misfits if not shows[misfit.column]]
    if lost:
        first = lost[0]
        more = f"; and {len(lost) - 1} more in this partition" if len(lost) > 1 else ""
        raise ArgumentError(
            f"The content {safe_repr(first.content)} of the record {first.record_id} does not fit its column "
            f"{safe_repr(first.column)}{more}. Correct it, or read the field as the text it is: types={{field: str}}"
        )
