"""Dask DataFrames written as records: an upsert for each partition, with a journal that outlives the worker."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import IdentifierNotFoundError, JournalError
from kalbio._core.sync.waiting import check_times
from kalbio._core.text.display import safe_repr
from kalbio._extras import require_dask
from kalbio._listing import Kind
from kalbio._load_layout import ColumnFields, Columns, Key, column_fields, entity_type_of
from kalbio._model import staleness
from kalbio._model.activities import ActivityData, ActivityIdentifier
from kalbio._model.fields import EntityFieldData
from kalbio.client import KaleidoscopeClient
from kalbio.dask._connection import Connection
from kalbio.dask._report import ClusterLoadReport, PartitionReport
from kalbio.entity_types import EntityTypeIdentifier
from kalbio.loading.cells import key_shown
from kalbio.loading.errors import LoadRefusedError
from kalbio.loading.near_twins import folded
from kalbio.loading.planning import Refusals, rows_to_load
from kalbio.programs import PROGRAMS, ProgramIdentifier
from kalbio.reading.cells import Converters
from kalbio.reading.rows import read_cells

if TYPE_CHECKING:
    import dask.dataframe
    import pandas
else:
    from types import SimpleNamespace

    # Names in annotations, for tools that read these where the libraries are not there.
    dask = SimpleNamespace(dataframe=SimpleNamespace(DataFrame=Any))
    pandas = SimpleNamespace(DataFrame=Any)

_ACTIVITIES: Kind[ActivityData] = Kind(staleness.ACTIVITY)
_MARKER = "load.json"
_NAMED = 3


@attrs.frozen
class _Keys:
    """Tells the keys of a partition.

    Attributes:
        fields: column to the name of its key field.
        converters: column to what makes its cells.
        fold: whether near-twins count as one key.
    """

    fields: Mapping[str, str]
    converters: Converters
    fold: bool

    def digests(self, part: pandas.DataFrame) -> Any:
        """Return a number for each key of a partition: of millions of keys these fit into memory."""
        import numpy

        return numpy.fromiter(self._by_digest(part), dtype="uint64")

    def among(self, part: pandas.DataFrame, digests: set[int]) -> dict[int, tuple[str, ...]]:
        """Return the keys that have these numbers."""
        return {number: key for number, key in self._by_digest(part).items() if number in digests}

    def _by_digest(self, part: pandas.DataFrame) -> dict[int, tuple[str, ...]]:
        rows = read_cells(part[list(self.fields)], converters=dict(self.converters), nested=True)
        fields = {column: EntityFieldData({"id": "", "field_name": name}) for column, name in self.fields.items()}
        planned, _ = rows_to_load(rows, fields, {}, Refusals())
        return {self._digest(row.key): row.key for row in planned}

    def _digest(self, key: tuple[str, ...]) -> int:
        text = json.dumps(folded(key) if self.fold else key)
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


@attrs.frozen
class _Job:
    """What workers write, in ids where names are looked up, and where they keep what became of it.

    Attributes:
        connection: whom they write to.
        folder: where the journals are.
        load_id: what is written in that folder, so that each worker knows that it sees the same one.
        key: the ids of the key fields.
        columns: column to the id of its field; None for one that is left out.
        options: further arguments of `client.records.upsert`.
    """

    connection: Connection
    folder: str
    load_id: str
    key: Sequence[str]
    columns: Mapping[str, str | None]
    options: Mapping[str, Any]

    def write(self, part: pandas.DataFrame, number: int) -> PartitionReport:
        """Write a partition, or what an earlier attempt has left of it."""
        if not len(part):
            return PartitionReport(number, 0)
        folder = Path(self.folder)
        seen = _read_marker(folder)
        if seen is None or seen["load"] != self.load_id:
            raise JournalError(
                f"This worker does not see the journals in {self.folder}: journal_dir must be a folder that all "
                "machines of the cluster share, so that whoever repeats a partition finds what was written"
            )
        try:
            report = self.connection.client().records.upsert(
                part, key=list(self.key), columns=dict(self.columns), journal=folder / f"partition-{number:05}.db",
                **self.options,
            )  # fmt: skip
        except LoadRefusedError as error:
            cells = error.plan.values_new + error.plan.values_changed
            counts = {"skipped": cells} if cells else {}
            return PartitionReport(
                number, len(part), counts={**counts, "refused": len(error.plan.refused)}, cells=error.plan.refused
            )
        return PartitionReport(
            number,
            len(part),
            report.records_made,
            report.values_unchanged,
            report.counts,
            [cell for cell in report if cell.status != "done"],
            report.notes,
        )


def upsert(
    data: dask.dataframe.DataFrame,
    key: Key,
    *,
    journal_dir: str | os.PathLike[str],
    entity_type: EntityTypeIdentifier | None = None,
    columns: Columns | None = None,
    activity: ActivityIdentifier | None = None,
    program: ProgramIdentifier | None = None,
    only_changed: bool = True,
    create_fields: Mapping[str, str] | None = None,
    near_twins: Literal["refuse", "create"] = "refuse",
    converters: Converters | None = None,
    on_error: Literal["stop", "continue"] = "stop",
    timeout: float = 300.0,
    profile: str | None = None,
    max_in_flight: int | None = None,
) -> ClusterLoadReport:
    """Load a Dask DataFrame: each worker loads its partitions as `client.records.upsert` does, with a journal for each.

    A partition whose worker is lost is loaded again by another one, which finds in the journal what was sent, and
    writes nothing twice. So does the whole call: after an error, call it again with the same frame and folder.

    The frame is computed twice, its key columns first: a key that is in two partitions would be loaded by two workers
    at the same time, so it is refused, before anything is written. Use `persist()` where computing is dear.

    Args:
        data: the frame. It must give the same rows in the same partitions each time it is computed.
        key: the key field that identifies a record, or several: objects, ids, or names.
        journal_dir: a folder that all machines of the cluster share, for the journals of this load. It is made where it
            is not there; delete it when the load is done.
        entity_type: the type of the records: object, id, or name. It follows from the key fields; given, it is checked.
        columns: column to field (object, id, or name), where they are not called alike; None leaves a column out.
        activity: the activity to write in, which the records join: object, id, or title.
        program: the program that the records join: object, id, or title.
        only_changed: whether only cells are written that differ from what is there.
        create_fields: column to the type of the field that is made for it, once, before anything is loaded.
        near_twins: "refuse" refuses keys that differ in case, blanks, hyphens or Unicode form only; "create" makes
            records of them.
        converters: column to what its cells are to become, as in `client.records.upsert`.
        on_error: "stop" sends nothing of a partition that has a cell or a row that cannot be loaded, and ends it after
            its first import in which something failed; "continue" loads the rest. Other partitions are loaded.
        timeout: longest time to wait for an import, in seconds.
        profile: as in `read_records`.
        max_in_flight: as in `read_records`.

    Returns:
        What became of each partition, and of each cell that is not done.

    Raises:
        IdentifierNotFoundError: columns match no field, or there is no such key field, activity or program.
        ValueError: a key is in several partitions, there is no record of the type yet, or an argument makes no sense.
        FieldTypeError: a field of `create_fields` is there with another type.
        JournalError: the folder belongs to another load, or a worker does not see it, or a journal is in use.
        SettingError: as in `read_records`.
        KalbioAPIError: the server refused.
        ModuleNotFoundError: Dask is not installed.

    API operation: as `client.records.upsert`, for each partition.

    Example:
        >>> frame = dask.dataframe.read_parquet("measured/*.parquet")
        >>> report = kalbio.dask.upsert(frame, key="Compound", journal_dir="/shared/measured")
        >>> report.ok
        True
    """
    require_dask()
    import dask
    from dask.dataframe import DataFrame

    if not isinstance(data, DataFrame):
        raise ArgumentError(
            f"upsert() takes a Dask DataFrame; got {type(data).__name__}. What one machine has goes by "
            "client.records.upsert(...)"
        )
    check_times(1.0, timeout)
    for name, value, choices in (
        ("near_twins", near_twins, ("refuse", "create")),
        ("on_error", on_error, ("stop", "continue")),
    ):
        if value not in choices:
            raise ArgumentError(f"{name} must be {' or '.join(map(safe_repr, choices))}; got {safe_repr(value)}")
    if create_fields is not None and not isinstance(create_fields, Mapping):
        raise ArgumentError(
            "create_fields must be a dict of column to the type of its field, since no partition sees all cells; got "
            f"{safe_repr(create_fields)}"
        )
    connection = Connection.here(profile, max_in_flight)
    client = connection.client()
    fields = _fields(client, list(data.columns), key, columns, create_fields or {}, converters)
    if entity_type_of(client.directory, entity_type, fields.keys.values()) is None:
        raise ArgumentError(
            "There is no record with these key fields yet, and so no entity type. Load the first row with "
            "client.records.upsert(...), so that the partitions do not each make one"
        )
    options: dict[str, Any] = {
        "activity": None if activity is None else _activity_id(client, activity),
        "program": None if program is None else client.directory[PROGRAMS].require_id(program),
        "only_changed": only_changed, "near_twins": near_twins, "converters": converters, "on_error": on_error,
        "timeout": timeout,
    }  # fmt: skip
    parts = data.to_delayed()
    names = {column: field.field_name or column for column, field in fields.keys.items()}
    of_keys = {name: convert for name, convert in (converters or {}).items() if name in names}
    _check_keys(data[list(names)].to_delayed(), _Keys(names, of_keys, near_twins == "refuse"))
    load_id = _prepare(Path(journal_dir), len(parts))
    for column, kind in fields.new_fields.items():
        name = fields.columns[column].field_name or column
        made = client.entity_fields.get_or_create_data_field(name, kind)
        fields.columns[column] = made
    ids = {column: field.id for column, field in {**fields.keys, **fields.columns}.items()}
    job = _Job(
        connection,
        str(Path(journal_dir).absolute()),
        load_id,
        [field.id for field in fields.keys.values()],
        {column: ids.get(column) for column in data.columns},
        options,
    )
    # Named apart from every other load: Dask would take an equal one for the same, and its result for this one's.
    label = f"kalbio-upsert-{uuid4().hex}"
    write = dask.delayed(job.write, pure=False)
    tasks = [write(part, number, dask_key_name=f"{label}-{number}") for number, part in enumerate(parts)]
    return ClusterLoadReport(dask.compute(*tasks))


def _activity_id(client: KaleidoscopeClient, activity: ActivityIdentifier) -> str:
    """Return the id of an activity that is there: partitions would find that out after the fields were made."""
    activity_id = client.directory[_ACTIVITIES].require_id(activity)
    if client.activities.get_activity_by_id(activity_id) is None:
        raise IdentifierNotFoundError("activity", activity_id)
    return activity_id


def _fields(
    client: KaleidoscopeClient,
    names: Sequence[str],
    key: Key,
    columns: Columns | None,
    create_fields: Mapping[str, str],
    converters: Converters | None,
) -> ColumnFields:
    """Return the fields of the columns, of which nothing but the names is known yet."""
    import pandas

    empty = read_cells(pandas.DataFrame(columns=list(names)), converters=converters, nested=True)
    return column_fields(client.directory, empty, key, columns, create_fields)


def _check_keys(parts: Sequence[Any], keys: _Keys) -> None:
    """Raise where a key is in several partitions."""
    import dask
    import numpy

    found = dask.compute(*(dask.delayed(keys.digests, pure=False)(part) for part in parts))
    numbers, counts = numpy.unique(numpy.concatenate(found), return_counts=True)
    twice = {int(number) for number in numbers[counts > 1]}
    if not twice:
        return
    some = set(sorted(twice)[:_NAMED])
    named = dask.compute(*(dask.delayed(keys.among, pure=False)(part, some) for part in parts))
    found_in: dict[int, list[tuple[str, int]]] = {}
    for partition, known in enumerate(named):
        for number, one in known.items():
            found_in.setdefault(number, []).append((key_shown(one), partition))
    shown = "; ".join(
        " and ".join(f"{safe_repr(key)} in partition {partition}" for key, partition in of_one[:_NAMED])
        for of_one in found_in.values()
    )
    more = f"; and {len(twice) - len(some):,} more" if len(twice) > len(some) else ""
    shuffle = f"data.shuffle(on={list(keys.fields)!r}).to_parquet(...)"
    cure = f"bring their rows together with {shuffle} and load that, or leave all but one of them out"
    if any(len({key for key, _ in of_one}) > 1 for of_one in found_in.values()):
        cure = "spell them alike, or give near_twins='create'; " + cure
    raise ArgumentError(
        "Nothing was sent, because there are keys in several partitions, which would be loaded at the same time: "
        f"{shown}{more}; {cure}"
    )


def _prepare(folder: Path, count: int) -> str:
    """Return the id of the load that a folder of journals is for, begun now or by an earlier call."""
    with _causes(folder):
        folder.mkdir(parents=True, exist_ok=True)
        marker = _read_marker(folder)
        if marker is None:
            if any(folder.iterdir()):
                raise JournalError(f"journal_dir {folder} has other files in it; give a folder of its own to each load")
            marker = {"load": uuid4().hex, "partitions": count}
            with (folder / _MARKER).open("x", encoding="utf-8") as file:
                json.dump(marker, file)
    if marker["partitions"] != count:
        raise JournalError(
            f"The journals in {folder} are of a load of {marker['partitions']} partitions, and the frame has {count}; "
            "to go on with that load give the same frame, for another one another folder"
        )
    return str(marker["load"])


def _read_marker(folder: Path) -> dict[str, Any] | None:
    """Return what a folder of journals says of its load, None where there is none."""
    path = folder / _MARKER
    with _causes(folder):
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
    try:
        found = json.loads(text)
        return {"load": str(found["load"]), "partitions": int(found["partitions"])}
    except (ValueError, TypeError, KeyError):
        raise JournalError(f"{path} is damaged, and does not tell which load these journals are of") from None


@contextlib.contextmanager
def _causes(folder: Path) -> Any:
    try:
        yield
    except OSError as error:
        raise JournalError(f"journal_dir {folder} cannot be used: {error.strerror or error}") from error
