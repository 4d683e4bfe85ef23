"""Records read as tables, and all their values with their times: against own code with httpx, orjson, pandas, pyarrow.

Own code works answer by answer: it takes what it wants of an answer and lets go of the rest.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import httpx
import orjson

from bench.server import FIELD_IDS, FIELD_TYPES
from bench.workloads import IDS, Workload, read, read_async, record_requests
from kalbio import AsyncKaleidoscopeClient, KaleidoscopeClient

_LOADED = ("numpy", "pandas", "pyarrow", "pyarrow.csv", "nanoarrow")
_COLUMNS = ["record_id", *FIELD_IDS]


def _load() -> None:
    for name in _LOADED:
        importlib.import_module(name)


def _rows(data: bytes) -> list[list[Any]]:
    """Return the newest values of the records of an answer, as rows."""
    rows = []
    for record in orjson.loads(data):
        own = record["id"]
        row = [own]
        values = record["record_values"]
        for field in FIELD_IDS:
            newest, content = None, None
            for entry in values.get(field, ()):
                if entry["record_id"] != own:
                    continue
                at = datetime.fromisoformat(entry["created_at"])
                if newest is None or at > newest:
                    newest, content = at, entry["content"]
            row.append(content)
        rows.append(row)
    return rows


def _frame(rows: list[list[Any]]) -> Any:
    import pandas

    frame = pandas.DataFrame(rows, columns=_COLUMNS)
    for field, kind in zip(FIELD_IDS, FIELD_TYPES, strict=True):
        if kind == "number":
            frame[field] = pandas.to_numeric(frame[field])
        elif kind == "date":
            frame[field] = pandas.to_datetime(frame[field])
        elif kind == "boolean":
            frame[field] = frame[field].astype("boolean")
    return frame


def _arrow(rows: list[list[Any]]) -> Any:
    import pyarrow

    types = {"number": pyarrow.float64(), "date": pyarrow.date32(), "boolean": pyarrow.bool_()}
    made = pyarrow.Table.from_pylist([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
    kinds = ["text", *FIELD_TYPES]
    fields = [(name, types.get(kind, pyarrow.string())) for name, kind in zip(_COLUMNS, kinds, strict=True)]
    return made.cast(pyarrow.schema(fields))


def _table(ids: Sequence[str], form: str, client: KaleidoscopeClient) -> Any:
    return getattr(client.records.table(fields=FIELD_IDS, ids=ids), form)()


async def _table_async(ids: Sequence[str], form: str, client: AsyncKaleidoscopeClient) -> Any:
    return getattr(await client.records.table(fields=FIELD_IDS, ids=ids), form)()


def _tabular(ids: Sequence[str], form: str, make: Any, **settings: Any) -> Workload:
    queries = record_requests(ids)

    async def raw_async(http: httpx.AsyncClient) -> Any:
        return make(await read_async(http, "/records", queries, _rows))

    return Workload(
        f"{len(ids):,} records x 10 fields to {'pandas' if form == 'to_pandas' else 'Arrow'}",
        0.6,
        partial(_table, ids, form),
        partial(_table_async, ids, form),
        lambda http: make(read(http, "/records", queries, _rows)),
        raw_async,
        memory=0.75,
        prepare=_load,
        **settings,
    )


def _values(records: Sequence[Any]) -> int:
    """Read all values with their times, and return how many there were."""
    count = 0
    for record in records:
        for entries in record.record_values.values():
            for entry in entries:
                entry.content  # noqa: B018 - reading it is the work
                entry.created_at  # noqa: B018
                count += 1
    return count


def _raw_values(records: Sequence[Any]) -> int:
    count, read_time = 0, datetime.fromisoformat
    for record in records:
        for entries in record["record_values"].values():
            for entry in entries:
                entry["content"]
                if "created_at" in entry:
                    read_time(entry["created_at"])
                count += 1
    return count


def _through_record_values(ids: Sequence[str], **settings: Any) -> Workload:
    queries = record_requests(ids)

    async def ours_async(client: AsyncKaleidoscopeClient) -> int:
        return _values(await client.records.get_records_by_ids(ids))

    async def raw_async(http: httpx.AsyncClient) -> int:
        return _raw_values(await read_async(http, "/records", queries))

    return Workload(
        f"{len(ids):,} records by uuid, all values with times by record_values",
        0.6,
        lambda client: _values(client.records.get_records_by_ids(ids)),
        ours_async,
        lambda http: _raw_values(read(http, "/records", queries)),
        raw_async,
        **settings,
    )


WORKLOADS = [
    _tabular(IDS, "to_pandas", _frame, quick=False),
    _tabular(IDS, "to_arrow", _arrow, quick=False),
    _tabular(IDS[:2000], "to_pandas", _frame, full=False),
    _through_record_values(IDS, quick=False),
    _through_record_values(IDS[:2000], full=False),
]
