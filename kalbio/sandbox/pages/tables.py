"""Tables of records and fields: which fields have something in them, and the cells of one page of records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document, Json
from kalbio.sandbox.store import Store


@dataclass(frozen=True)
class Row:
    """A record of a table."""

    id: str
    name: str
    keys: list[str]
    cells: dict[str, Json]
    """Contents by field."""


def fields_in_type(store: Store, slice_id: str) -> list[Document]:
    """The data fields that some record of an entity type has a value in, oldest first."""
    rows = store.rows(
        "select f.body from document f where f.kind = 'data_field' and exists ("
        " select 1 from value v join record r on r.id = v.record_id where v.field_id = f.id and r.slice_id = ?"
        " and r.archived = 0 and r.draft_of is null) order by f.seq",
        slice_id,
    )
    return [json.loads(body) for (body,) in rows]


def rows_of(
    store: Store,
    record_ids: Sequence[str],
    fields: Iterable[Document],
    operation_id: str | None = None,
    view_id: str | None = None,
) -> list[Row]:
    """Records in this order, with the newest value of each field: of all, or of those written in an operation."""
    chosen = id_list(record_ids)
    names = dict(store.rows("select id, identifier from record where id in (select value from json_each(?))", chosen))
    keys: dict[str, list[str]] = {}
    for record_id, content in store.rows(
        "select k.record_id, v.content from record_key k join key_value v on v.id = k.key_value_id"
        " where k.record_id in (select value from json_each(?)) order by k.record_id, k.position",
        chosen,
    ):
        keys.setdefault(record_id, []).append(content)
    sql = (
        "select record_id, field_id, content, max(created) from value where record_id in"
        " (select value from json_each(?)) and field_id in (select value from json_each(?))"
    )
    parameters = [chosen, id_list(field["id"] for field in fields)]
    if operation_id is not None:
        sql += " and operation_id = ?"
        parameters.append(operation_id)
    if view_id is not None:
        sql += " and (view_id is null or view_id = ?)"
        parameters.append(view_id)
    cells: dict[str, dict[str, Json]] = {}
    for record_id, field_id, content, _ in store.rows(f"{sql} group by record_id, field_id", *parameters):
        cells.setdefault(record_id, {})[field_id] = json.loads(content)
    return [Row(id_, names[id_], keys.get(id_, []), cells.get(id_, {})) for id_ in record_ids if id_ in names]
