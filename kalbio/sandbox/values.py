"""Values: append-only cell writes, each in the scope of a record, a field, and perhaps an operation and its table."""

from __future__ import annotations

import json

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document, dumps
from kalbio.sandbox import events, files, membership
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.content import FILE_TYPES, Json, WrongContent, stored
from kalbio.sandbox.store import Store
from kalbio.sandbox.times import milliseconds

routes = Routes()


@routes.operation("listRecordValues")
def list_record_values(call: Call) -> list[Document]:
    """The whole history over all data fields, newest first."""
    record_id = call.path["record_id"]
    membership.need_record(call.store, record_id)
    kinds = {field["id"]: field["field_type"] for field in call.store.all("data_field")}
    rows = call.store.rows(
        "select id, field_id, operation_id, view_id, content, created, created_by, import_id from value"
        " where record_id = ? order by created desc",
        record_id,
    )
    return [
        {
            "id": id_,
            "content": json.loads(content),
            "created_at": milliseconds(created),
            "created_by": created_by,
            "import_id": import_id,
            "field_id": field_id,
            "field_type": kinds[field_id],
            "operation_id": operation_id,
            "record_id": record_id,
            "workspace_id": call.store.workspace_id,
            "record_view_id": view_id,
        }
        for id_, field_id, operation_id, view_id, content, created, created_by, import_id in rows
    ]


@routes.operation("addRecordValue")
def add_record_value(call: Call) -> Document:
    """Add a value; the newest of a scope is the current one."""
    record_id, body = call.path["record_id"], call.body
    membership.need_record(call.store, record_id)
    field, operation_id, view_id = _target(call, body)
    content = checked(call.store, field, body["content"])
    return {"resource": _logged(call, write(call.store, record_id, field, content, operation_id, view_id))}


@routes.operation("uploadRecordValueFile")
def upload_record_value_file(call: Call) -> Document:
    """Store a file and write a reference to it as a value of a file field."""
    record_id = call.path["record_id"]
    membership.need_record(call.store, record_id)
    field, operation_id, view_id = _target(call, call.body["body"])
    if field["field_type"] not in FILE_TYPES:
        raise Refusal(400, f"data field {field['field_name']!r} has type {field['field_type']!r} and takes no file")
    content = files.keep(call.store, call.files["file"], activity_id=operation_id)
    return {"resource": _logged(call, write(call.store, record_id, field, content, operation_id, view_id))}


def checked(store: Store, field: Document, content: Json) -> Json:
    """Content in its stored form, or a 400."""
    kind = field["field_type"]
    try:
        content = stored(kind, content)
    except WrongContent as error:
        raise Refusal(400, f"field {field['field_name']!r}: {error}") from None
    if kind == "record-reference" and content:
        membership.need_record(store, content, status=400)
    if kind in FILE_TYPES and content is not None:
        return files.reference(store, content)
    return content


def write(
    store: Store,
    record_id: str,
    field: Document,
    content: Json,
    operation_id: str | None = None,
    view_id: str | None = None,
    import_id: str | None = None,
) -> Document:
    """Append a value; gives its full form."""
    value_id, now = store.new_id(), store.tick()
    store.run(
        "insert into value values (?,?,?,?,?,?,?,?,?)",
        *(value_id, record_id, field["id"], operation_id, view_id, dumps(content), now, store.user_id, import_id),
    )
    return {
        "id": value_id,
        "content": content,
        "created_at": milliseconds(now),
        "created_by": store.user_id,
        "import_id": import_id,
        "field_id": field["id"],
        "field_type": field["field_type"],
        "operation_id": operation_id,
        "record_id": record_id,
        "workspace_id": store.workspace_id,
        "record_view_id": view_id,
    }


def _logged(call: Call, value: Document) -> Document:
    keys = ("field_id", "content", "operation_id", "record_view_id")
    attrs = {"value_id": value["id"]} | {key: value[key] for key in keys}
    events.log(call.store, "record", "updated", value["record_id"], attrs)
    return value


def _target(call: Call, body: Document) -> tuple[Document, str | None, str | None]:
    """The field, operation and table a write is aimed at."""
    field = call.store.get("data_field", body["field_id"])
    if field is None:
        if call.store.get("key_field", body["field_id"]):
            raise Refusal(400, f"field {body['field_id']} is a key field; key values cannot be written")
        raise Refusal(400, f"data field {body['field_id']} does not exist")
    if field["is_readonly"] or field["is_archived"]:
        raise Refusal(400, f"data field {field['field_name']!r} is read-only or archived")
    operation_id, view_id = body.get("operation_id"), body.get("record_view_id")
    if operation_id is not None:
        activity = call.store.need("activity", operation_id, status=400)
        if activity["activity_type"] not in ("experiment", "cycle"):
            raise Refusal(400, f"activity {operation_id} holds no records")
        if not call.store.rows(
            "select 1 from membership where operation_id = ? and record_id = ?", operation_id, call.path["record_id"]
        ):
            raise Refusal(400, f"record {call.path['record_id']} is not in operation {operation_id}")
    if view_id is not None:
        if operation_id is None:
            raise Refusal(400, "record_view_id needs an operation_id")
        view = call.store.need("view", view_id, status=400)
        if operation_id not in view["operation_ids"]:
            raise Refusal(400, f"record view {view_id} is not a table of operation {operation_id}")
        if call.path["record_id"] not in membership.members(call.store, operation_id, view_id):
            raise Refusal(400, f"record {call.path['record_id']} is not on table {view['view_name']!r}")
    return field, operation_id, view_id
