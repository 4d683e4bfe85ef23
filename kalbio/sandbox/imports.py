"""Imports: pushes (names or field ids) and staged imports of drafts.

They are processed at once, but a client learns of it by polling, after as many polls as the sandbox was told.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kalbio._core.emulator.calls import NO_CONTENT, Answer
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import drafts, events, fields, membership, records, values, views
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.content import Json, as_text, from_cell, inferred_type
from kalbio.sandbox.store import Store

routes = Routes()

_PAGE_SIZE = 100
_OWN_KEYS = {"polls", "outcome", "rows", "has_run"}


@dataclass
class Table:
    """Rows to load, with the fields their columns stand for."""

    keys: dict[str, Document]
    """Key fields by the name their values have in a row."""
    columns: dict[str, Document]
    rows: list[Document]
    fields_added: int = 0


@dataclass
class Report:
    """What became of the rows."""

    created: int = 0
    updated: int = 0
    errors: list[Document] = field(default_factory=list)
    skipped: int = 0

    def leave_out(self, errors: list[Document]) -> None:
        """Count a row that is left out, and say why."""
        self.errors += errors
        self.skipped += 1

    def result(self, table: Table) -> Document:
        """The `import_result` of an import."""
        total = len(table.rows)
        return {
            "records_created": self.created,
            "records_updated": self.updated,
            "records_skipped": self.skipped,
            "fields_added": table.fields_added,
            "validation_result": {
                "total_processed": total,
                "successful": total - self.skipped,
                "failed": self.skipped,
                "errors": self.errors,
            },
        }


@routes.operation("pushImport")
def push_import(call: Call) -> Document:
    """Load rows whose columns are field names; fields that are missing are created, of types that take all the rows."""
    return _push_by_name(call, None)


@routes.operation("pushImportFromSource")
def push_import_from_source(call: Call) -> Document:
    """The same, on behalf of an external source; its id is kept on the import."""
    return _push_by_name(call, call.path["source_id"])


@routes.operation("pushImportByFieldId")
def push_import_by_field_id(call: Call) -> Document:
    """Load rows whose columns are field ids; all of them must exist."""
    body, store = call.body, call.store
    keys = {id_: call.store.need("key_field", id_, status=400) for id_ in body["key_field_ids"]}
    names = dict.fromkeys(name for row in body["data"] for name in row if name not in keys)
    table = Table(keys, {name: call.store.need("data_field", name, status=400) for name in names}, body["data"])
    operation_id, view_ids = body.get("operation_id"), body["record_view_ids"]
    for view_id in view_ids:
        view = call.store.need("view", view_id, status=400)
        views.add_columns(store, view, [column["id"] for column in table.columns.values()])
        if operation_id and operation_id not in view["operation_ids"]:
            raise Refusal(400, f"record view {view_id} is not a table of operation {operation_id}")
    return _push(call, table, view_ids if operation_id else [], None)


@routes.operation("listImports")
def list_imports(call: Call) -> list[Document]:
    """One page of the imports, newest first. Pages count from 1."""
    page, size = call.query.get("page", 1), call.query.get("page_size", _PAGE_SIZE)
    if page < 1:
        raise Refusal(400, "pages count from 1")
    found = [shown_import(import_) for import_ in reversed(call.store.all("import"))]
    if "is_complete" in call.query:
        found = [import_ for import_ in found if import_["is_complete"] == bool(call.query["is_complete"])]
    return found[(page - 1) * size : page * size]


@routes.operation("getImport")
def get_import(call: Call) -> Document:
    """One import; asking brings a running one closer to its end."""
    import_ = call.store.need("import", call.path["import_id"])
    shown = shown_import(import_)
    if import_["polls"] > 0 and import_["has_run"]:
        call.store.put("import", import_ | {"polls": import_["polls"] - 1})
    return shown


@routes.operation("createImport")
def create_import(call: Call) -> Document:
    """Keep rows to be staged as drafts; nothing is processed yet."""
    body = call.body
    membership.need_operation(call.store, body["operation_id"], status=400)
    if body["source_type"] != "http-post":
        raise Refusal(400, f"source_type {body['source_type']!r} is unknown; http-post is the only one")
    if not body["is_draft"]:
        raise Refusal(400, "only imports of drafts can be staged")
    extra = {"is_draft": True, "source_type": body["source_type"], "attrs": body["attrs"], "rows": body["data_json"]}
    import_ = call.store.put("import", _keep(call, body["operation_id"], None) | extra)
    events.log(call.store, "import", "created", import_["id"], {"operation_id": body["operation_id"]})
    return shown_import(import_)


@routes.operation("runImport")
def run_import(call: Call) -> Answer:
    """Stage the rows of an import as drafts of its operation."""
    store, body = call.store, call.body
    import_ = call.store.need("import", call.path["import_id"])
    if import_["has_run"]:
        raise Refusal(409, f"import {import_['id']} has run already")
    activity = membership.need_operation(store, import_["operation_id"], status=400)
    view = call.store.need("view", body["record_view_id"], status=400)
    if view["id"] != activity["registration_staging_record_view_id"]:
        raise Refusal(400, f"record view {view['id']} is not the staging table of operation {activity['id']}")
    replaced = body.get("replace_draft_record_ids", [])
    drafts.need_free(store, activity["id"], replaced)
    table = _staging_table(store, body, view, import_["rows"])
    report = _load_drafts(store, table, activity, view, import_)
    drafts.archive(store, replaced)
    _finish(call, import_, table, report)
    return NO_CONTENT


def _push_by_name(call: Call, source_id: str | None) -> Document:
    body, store = call.body, call.store
    if not body["key_field_names"]:
        raise Refusal(400, "key_field_names is empty")
    added = 0
    keys: dict[str, Document] = {}
    for name in body["key_field_names"]:
        keys[name], new = fields.ensure_key_field(store, name)
        added += new
    columns: dict[str, Document] = {}
    created = []
    for name in dict.fromkeys(name for row in body["data"] for name in row if name not in keys):
        kind = inferred_type([row.get(name) for row in body["data"]])
        columns[name], new = fields.ensure_data_field(store, name, kind)
        if new:
            created.append(columns[name]["id"])
    for view_id in body.get("add_fields_to_record_view_ids", ()):
        views.add_columns(store, call.store.need("view", view_id, status=400), created)
    view_id, operation_id = body.get("record_view_id"), body.get("operation_id")
    if view_id is not None:
        if operation_id is None:
            raise Refusal(400, "record_view_id needs an operation_id")
        if operation_id not in call.store.need("view", view_id, status=400)["operation_ids"]:
            raise Refusal(400, f"record view {view_id} is not a table of operation {operation_id}")
    table = Table(keys, columns, body["data"], added + len(created))
    return _push(call, table, [view_id] if view_id else [], source_id)


def _push(call: Call, table: Table, view_ids: list[str], source_id: str | None) -> Document:
    store, body = call.store, call.body
    operation_id = body.get("operation_id")
    activity = membership.need_operation(store, operation_id, status=400) if operation_id else None
    if body.get("program_id"):
        call.store.need("program", body["program_id"], status=400)
    piece = fields.ensure_slice(store, [key["id"] for key in table.keys.values()])
    import_ = _keep(call, operation_id, source_id) | {"entity_slice_id": piece["id"]}
    report, loaded = Report(), []
    view_ids_or_none: list[str | None] = [*view_ids] or [None]
    for row in table.rows:
        keys, cells = _read_row(store, table, row, report)
        if keys is None:
            continue
        try:
            record_id, new = records.ensure_record(store, piece, keys, operation_id)
        except fields.Misfit as misfit:
            report.leave_out(_misfit_errors(misfit, keys))
            continue
        report.created += new
        report.updated += not new
        loaded.append(record_id)
        for column, content in cells:
            for view_id in view_ids_or_none:
                values.write(store, record_id, column, content, operation_id, view_id, import_["id"])
    loaded = list(dict.fromkeys(loaded))
    if activity and view_ids:
        for view_id in view_ids:
            membership.join(store, activity["id"], loaded, view_id)
    elif activity:
        membership.attach(store, activity, loaded)
    if body.get("program_id"):
        store.run_many(
            "insert or ignore into record_program values (?, ?)", [(body["program_id"], id_) for id_ in loaded]
        )
    if body.get("set_name"):
        import_["record_set_id"] = set_id = _record_set(store, body["set_name"])
        store.run_many("insert or ignore into record_set_member values (?, ?)", [(set_id, id_) for id_ in loaded])
    _finish(call, import_, table, report)
    return {"import_id": import_["id"]}


def _staging_table(store: Store, body: Document, view: Document, rows: list[Document]) -> Table:
    """The columns as configured; each must be a key field or a data field of the staging table."""
    piece = store.get("slice", view["entity_slice_id"])
    allowed = [store.get("key_field", id_) for id_ in (piece["key_field_ids"] if piece else ())]
    keys = {}
    for item in body["key_field_configurations"]:
        key = fields.named([key for key in allowed if key and key["field_name"] != fields.DRAFT_KEY], item["name"])
        if key is None:
            raise Refusal(400, f"{item['name']!r} is not a key field of the staging table")
        keys[item["name"]] = key
    if not keys:
        raise Refusal(400, "key_field_configurations is empty")
    columns = {}
    for item in body["data_field_configurations"]:
        column = store.get("data_field", item["mapped_field_id"])
        if column is None or column["id"] not in views.data_field_ids(view):
            raise Refusal(400, f"field {item['mapped_field_id']} is not a data field of the staging table")
        if item["type"] != column["field_type"]:
            raise Refusal(400, f"column {item['name']!r} has type {item['type']!r}, its field {column['field_type']!r}")
        columns[item["name"]] = column
    unknown = sorted({name for row in rows for name in row} - keys.keys() - columns.keys())
    if unknown:
        raise Refusal(400, f"columns are not configured: {', '.join(unknown)}")
    return Table(keys, columns, rows)


def _load_drafts(store: Store, table: Table, activity: Document, view: Document, import_: Document) -> Report:
    draft_key = fields.draft_key(store)
    own_keys = [key["id"] for key in table.keys.values()]
    piece = fields.ensure_slice(store, [*own_keys, draft_key["id"]], hidden=True)
    report = Report()
    for row in table.rows:
        keys, cells = _read_row(store, table, row, report)
        if keys is None:
            continue
        keys[draft_key["id"]] = f"DRAFT-{store.counter('draft', 1)}"
        try:
            record_id = records.add_draft(store, piece, keys, activity["id"])
        except fields.Misfit as misfit:
            report.leave_out(_misfit_errors(misfit, keys))
            continue
        report.created += 1
        for column, content in cells:
            values.write(store, record_id, column, content, activity["id"], view["id"], import_["id"])
    return report


def _read_row(
    store: Store, table: Table, row: Document, report: Report
) -> tuple[dict[str, str] | None, list[tuple[Document, Json]]]:
    """Key values and cells of a row, or None for a row that is left out as a whole because something is wrong in it."""
    keys = {key["id"]: as_text(row.get(name)) for name, key in table.keys.items()}
    identifier = records.SEPARATOR.join(keys.values())
    errors = [
        _row_error(key, row.get(name), identifier, "the key value is missing or no text")
        for name, key in table.keys.items()
        if not keys[key["id"]] or isinstance(row[name], list | dict)
    ]
    cells = []
    for name, content in row.items():
        if name in table.columns and content is not None and content != "":
            column = table.columns[name]
            try:
                cells.append((column, values.checked(store, column, from_cell(column["field_type"], content))))
            except Refusal as refusal:
                errors.append(_row_error(column, content, identifier, refusal.message))
    if errors:
        report.leave_out(errors)
        return None, []
    return keys, cells


def _row_error(column: Document, value: Json, identifier: str, text: str) -> Document:
    return {
        "field_id": column["id"],
        "field_name": column["field_name"],
        "value": value,
        "conflict_type": "invalid_format",
        "incoming_record_identifier": identifier,
        "error_details": text,
    }


def _misfit_errors(misfit: fields.Misfit, keys: dict[str, str]) -> list[Document]:
    return [_row_error(misfit.field, misfit.value, records.SEPARATOR.join(keys.values()), misfit.message)]


def _record_set(store: Store, name: str) -> str:
    found = next((one for one in store.all("record_set") if one["set_name"] == name), None)
    return str((found or store.add("record_set", {"id": store.new_id(), "set_name": name}))["id"])


def _keep(call: Call, operation_id: str | None, source_id: str | None) -> Document:
    return call.store.add(
        "import",
        {
            "id": call.store.new_id(),
            "import_status": "created",
            "is_complete": False,
            "created_at": call.store.stamp(),
            "started_at": None,
            "completed_at": None,
            "error_message": None,
            "operation_id": operation_id,
            "entity_slice_id": None,
            "source_id": source_id,
            "import_result": None,
            "is_draft": False,
            "source_type": None,
            "attrs": {},
            "has_run": False,
            "polls": 0,
            "outcome": {},
            "rows": [],
        },
    )


def _finish(call: Call, import_: Document, table: Table, report: Report) -> None:
    result = report.result(table)
    outcome = {
        "import_status": "completed",
        "is_complete": True,
        "completed_at": call.store.stamp(),
        "import_result": result,
    }
    polls = call.store.settings.import_polls
    started = {"started_at": import_["created_at"], "has_run": True, "polls": polls, "rows": []}
    call.store.put("import", import_ | started | {"outcome": outcome})
    # one event for all of it, however many rows there are
    counts = {key: number for key, number in result.items() if key != "validation_result"}
    attrs = {"operation_id": import_["operation_id"], "entity_slice_id": import_["entity_slice_id"]} | counts
    events.log(call.store, "import", "completed", import_["id"], attrs, bulk=True)


def shown_import(import_: Document) -> Document:
    """An import as seen now: its outcome shows once the polls are used up."""
    seen = import_ | (import_["outcome"] if import_["has_run"] and import_["polls"] <= 0 else {})
    return {key: value for key, value in seen.items() if key not in _OWN_KEYS}
