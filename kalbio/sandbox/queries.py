"""Record search: from the query of a request to record ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document, Json, dumps
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.content import texts_in
from kalbio.sandbox.search import LAST_UPDATED, WrongProp, make_test, sort_ids
from kalbio.sandbox.store import Store

routes = Routes()


@routes.operation("searchRecords")
def search_records(call: Call) -> list[str]:
    """Ids of the records that meet every condition, ascending by id unless sorted."""
    columns = Columns(call.store, call.query.get("operation_id"))
    found = select_records(call.store, call.query, call.query.get("identifier_ids"), columns)
    return found[: call.query["limit"]] if "limit" in call.query else found


def select_records(
    store: Store,
    query: Mapping[str, Json],
    identifier_ids: list[str] | None,
    columns: Columns,
    order: Literal["id", "identity"] = "id",
) -> list[str]:
    """Ids of the records a search or an export is about, judged by these columns. Drafts never are.

    They come as the query sorts them, and in this order where it does not: by id, or by their keys.
    """
    conditions, parameters = ["draft_of is null", "archived = 0"], []
    for name, kind, condition in (
        ("entity_slice_id", "slice", "slice_id = ?"),
        ("operation_id", "activity", "id in (select record_id from membership where operation_id = ?)"),
        ("program_id", "program", "id in (select record_id from record_program where program_id = ?)"),
    ):
        if query.get(name):
            if store.get(kind, query[name]) is None:
                raise Refusal(400, f"{name} {query[name]!r} does not exist")
            conditions.append(condition)
            parameters.append(query[name])
    if query.get("program_id"):
        # a record also belongs to the programs of the activities that contain it
        operations = [a["id"] for a in store.all("activity") if query["program_id"] in a["program_ids"]]
        by_activity = "id in (select record_id from membership where operation_id in (select value from json_each(?)))"
        conditions[-1] = f"({conditions[-1]} or {by_activity})"
        parameters.append(id_list(operations))
    if query.get("record_set_ids"):
        conditions.append(
            "id in (select record_id from record_set_member where set_id in (select value from json_each(?)))"
        )
        parameters.append(id_list(_ids("record_set_ids", query["record_set_ids"])))
    if identifier_ids is not None:
        conditions.append(
            "id in (select record_id from record_key where key_value_id in (select value from json_each(?)))"
        )
        parameters.append(id_list(identifier_ids))
    where = " and ".join(conditions)
    rows = store.rows(f"select id from record where {where} order by {order}", *parameters)  # noqa: S608  fixed texts only
    found = [row[0] for row in rows]
    if query.get("search_text"):
        hits = _text_hits(store, query["search_text"], columns)
        found = [record_id for record_id in found if record_id in hits]
    now = store.clock.now()
    for condition in [*query.get("entity_field_filters", ()), *query.get("view_field_filters", ())]:
        field = columns.field(condition)
        try:
            test = make_test(condition["filter_type"], condition.get("filter_prop"), field["field_type"], now)
        except WrongProp as error:
            raise Refusal(400, f"field {field['field_name']!r}: {error}") from None
        of = (columns.times(field) if condition["filter_type"] == LAST_UPDATED else columns.contents(field)).get
        found = [record_id for record_id in found if test(of(record_id))]
    sorts = [*query.get("entity_field_sorts", ()), *query.get("view_field_sorts", ())]
    if sorts:
        by = [(columns.field(sort), sort["descending"]) for sort in sorts]
        found = sort_ids(found, [(columns.contents(field), field["field_type"], down) for field, down in by])
    return found


class Columns:
    """The current cells of fields, over all records.

    Within an operation only values written in it count, within one of its tables not those of the others; elsewhere
    the newest of all.
    """

    def __init__(self, store: Store, operation_id: str | None = None, view_id: str | None = None) -> None:
        """Look from within an operation, from one of its tables, or from nowhere in particular."""
        self._store = store
        self._operation_id = operation_id
        self._view_id = view_id
        self._contents: dict[str, dict[str, Json]] = {}

    def field(self, condition: Document) -> Document:
        """The field a filter or sort is about: by field id, key field id, or the id of a view's column."""
        if "field_id" in condition:
            wanted = condition["field_id"]
        elif (condition.get("key_field_id") is None) == (condition.get("view_field_id") is None):
            raise Refusal(400, "exactly one of key_field_id and view_field_id must be set")
        else:
            wanted = condition.get("key_field_id") or self._behind(condition["view_field_id"])
        field = self._store.get("data_field", wanted) or self._store.get("key_field", wanted)
        if field is None:
            raise Refusal(400, f"field {wanted} does not exist")
        return field

    def _behind(self, view_field_id: str) -> str:
        for view in self._store.all("view"):
            for column in view["view_fields"]:
                if column["id"] == view_field_id and column["data_field_id"]:
                    return str(column["data_field_id"])
        raise Refusal(400, f"view field {view_field_id} does not exist or shows no data field")

    def contents(self, field: Document) -> dict[str, Json]:
        """What the cells of a field hold, by record id."""
        if field["id"] not in self._contents:
            self._contents[field["id"]] = self._key_contents(field) if field["is_key"] else self._data_contents(field)
        return self._contents[field["id"]]

    def times(self, field: Document) -> dict[str, int]:
        """When the cells of a field were written, by record id, in microseconds: those of a key with the record."""
        if field["is_key"]:
            sql = (
                "select r.id, r.created from key_value v join record_key k on k.key_value_id = v.id"
                " join record r on r.id = k.record_id where v.field_id = ?"
            )
            return self._by_record(sql, field["id"])
        condition, parameters = self.scope
        sql = f"select record_id, created from value where field_id = ?{condition} order by created"  # noqa: S608
        return self._by_record(sql, field["id"], *parameters)

    def _key_contents(self, field: Document) -> dict[str, Json]:
        sql = (
            "select k.record_id, v.content from key_value v join record_key k on k.key_value_id = v.id"
            " where v.field_id = ?"
        )
        return self._by_record(sql, field["id"])

    def _data_contents(self, field: Document) -> dict[str, Json]:
        condition, parameters = self.scope
        sql = f"select record_id, content from value where field_id = ?{condition} order by created"  # noqa: S608
        newest = self._by_record(sql, field["id"], *parameters)
        # All at once: there are many, and small.
        return dict(zip(newest, json.loads(f"[{','.join(newest.values())}]"), strict=True))

    def _by_record(self, sql: str, *parameters: str) -> dict[str, Any]:
        """Two columns as a dictionary, in which the last row of a record counts: made without a list of all rows."""
        return dict(self._store.connection.execute(sql, parameters))

    @property
    def scope(self) -> tuple[str, list[str]]:
        """Which values count: what to add to a condition on the table of values, and its parameters."""
        condition, parameters = "", []
        if self._operation_id:
            condition += " and operation_id = ?"
            parameters.append(self._operation_id)
        if self._view_id:
            condition += " and (view_id is null or view_id = ?)"
            parameters.append(self._view_id)
        return condition, parameters


def _text_hits(store: Store, text: str, columns: Columns) -> set[str]:
    """Records with the text in a key value or in the current text of a cell, case aside."""
    needle = text.casefold()
    store.connection.create_function("holds", 1, lambda content: needle in content.casefold(), deterministic=True)
    hits = {
        row[0]
        for row in store.rows(
            "select record_id from record_key where key_value_id in (select id from key_value where holds(content))"
        )
    }
    escaped = dumps(text)[1:-1].casefold()
    store.connection.create_function("holds", 1, lambda content: escaped in content.casefold(), deterministic=True)
    condition, parameters = columns.scope
    # Those that have it now: it may stand in a value that another one has replaced. All values are looked at, for which
    # the table is read from one end to the other, hence `+`: by an index, each of them would be a look-up.
    current = store.rows(
        "with hit as materialized (select distinct +record_id as record_id, +field_id as field_id from value"  # noqa: S608
        " not indexed where holds(content)) select record_id, (select content from value v"
        f" where v.record_id = hit.record_id and v.field_id = hit.field_id{condition} order by created desc limit 1)"
        " from hit",
        *parameters,
    )
    for record_id, content in current:
        if content is not None and any(needle in text.casefold() for text in texts_in(json.loads(content))):
            hits.add(record_id)
    return hits


def _ids(name: str, text: str) -> list[str]:
    if text.startswith("["):
        raise Refusal(400, f"{name} takes ids joined with commas, not a list: {text}")
    return [part for part in text.split(",") if part]
