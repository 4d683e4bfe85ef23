"""Export of records as CSV."""

from __future__ import annotations

import csv
import io

from kalbio._core.emulator.calls import Answer
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import membership, views
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.content import to_cell
from kalbio.sandbox.files import disposition
from kalbio.sandbox.queries import Columns, select_records

routes = Routes()


@routes.operation("exportRecordsCsv")
def export_records_csv(call: Call) -> Answer:
    """Key fields by name, then data fields by name: in the order of the view, or all that have a value."""
    store, query = call.store, call.query
    piece = call.store.need("slice", query["entity_slice_id"], status=400)
    identifiers = query.get("identifier_ids")
    view = call.store.need("view", query["record_view_id"], status=400) if query.get("record_view_id") else None
    table = view if view and view["operation_ids"] else None
    if table:
        query = query | {"operation_id": _operation_of(table, query.get("operation_id"))}
    columns = Columns(store, query.get("operation_id"), table["id"] if table else None)
    record_ids = select_records(store, query, identifiers.split(",") if identifiers else None, columns)
    if table:
        on_table = set(membership.records_of_view(store, table))
        record_ids = [record_id for record_id in record_ids if record_id in on_table]
    elif view:
        record_ids = membership.allowed_by(store, view, record_ids)
    chosen = [call.store.need("key_field", id_, status=400) for id_ in piece["key_field_ids"]]
    chosen += _data_fields(call, record_ids, columns)
    contents = [columns.contents(field) for field in chosen]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([field["field_name"] for field in chosen])
    for record_id in record_ids:
        row = zip(chosen, contents, strict=True)
        writer.writerow([to_cell(field["field_type"], of.get(record_id)) for field, of in row])
    # exactly text/csv: old clients discard the file when a charset follows
    headers = (("content-type", "text/csv"), ("content-disposition", disposition(query["filename"])))
    return Answer(text.getvalue().encode(), headers=headers)


def _operation_of(table: Document, operation_id: str | None) -> str:
    if operation_id is not None and operation_id not in table["operation_ids"]:
        raise Refusal(400, f"record view {table['id']} is not a table of operation {operation_id}")
    return operation_id or str(table["operation_ids"][0])


def _data_fields(call: Call, record_ids: list[str], columns: Columns) -> list[Document]:
    store, query = call.store, call.query
    asked = [part for part in query.get("view_field_ids", "").split(",") if part]
    if query.get("record_view_id"):
        view_fields = call.store.need("view", query["record_view_id"], status=400)["view_fields"]
    elif asked:
        view_fields = [view_field for view in store.all("view") for view_field in view["view_fields"]]
    else:
        sql = "select distinct field_id from value where record_id in (select value from json_each(?))"
        filled = {row[0] for row in store.rows(sql, id_list(record_ids))}
        fields = [field for field in store.all("data_field") if field["id"] in filled]
        return [field for field in fields if not columns.contents(field).keys().isdisjoint(record_ids)]
    if asked:
        unknown = set(asked) - {view_field["id"] for view_field in view_fields}
        if unknown:
            raise Refusal(400, f"view fields do not exist: {', '.join(sorted(unknown))}")
        view_fields = [view_field for view_field in view_fields if view_field["id"] in asked]
    ids = views.data_field_ids({"view_fields": view_fields})
    return [call.store.need("data_field", id_, status=400) for id_ in dict.fromkeys(ids)]
