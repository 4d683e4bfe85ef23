"""File-based registration: hand a file to an outside service and take its results back."""

from __future__ import annotations

from kalbio._core.emulator.calls import NO_CONTENT, Answer
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import events, membership, results, values
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.store import Store

routes = Routes()

# A registration never goes back; one that ended stays as it is until the file is registered again.
_STEPS = {"pending": 0, "validated": 1, "validation_failed": 1, "submitted": 2, "completed": 3, "failed": 3}
_ENDED = ("completed", "failed")
_OWN_KEYS = {"record_ids", "record_errors"}


@routes.operation("registerFile")
def register_file(call: Call) -> Document:
    """Begin a registration and tell the outside service.

    There is one per operation and file: registering again gives the one there is, and begins it anew if it failed.
    """
    store, file_id = call.store, call.path["file_id"]
    activity = membership.need_operation(store, call.path["operation_id"])
    definition = _registering_definition(store, activity)
    file_name = _registrable_file(store, activity, definition, file_id)
    found = _find(store, activity["id"], file_id)
    if found and found["status"] != "failed":
        return _bare(found)
    now = store.stamp()
    begun = {
        "status": "pending",
        "message": None,
        "error_message": None,
        "updated_at": now,
        "record_ids": _records_to_register(store, activity, definition),
        "record_errors": [],
    }
    if found:
        registration = store.put("registration", found | begun)
    else:
        registration = {
            "id": store.new_id(),
            "workspace_id": store.workspace_id,
            "operation_id": activity["id"],
            "file_id": file_id,
            "created_by": store.user_id,
            "last_updated_by": store.user_id,
            "created_at": now,
        } | begun
        store.add("registration", registration, parent=activity["id"])
    _track(store, registration)
    events.log(store, "registration_file", "created", registration["id"], {"operation_id": activity["id"]})
    path = load_contract().path_of("downloadActivityFile", activity_id=activity["id"], file_id=file_id)
    event = "registration_submitted"
    payload = {
        "event": event,
        "operation_id": activity["id"],
        "file_id": file_id,
        "file_url": call.base_url + path,
        "file_name": file_name,
        "record_ids": registration["record_ids"],
    }
    call.webhooks.append((event, payload))
    return _bare(registration)


@routes.operation("listRegistrationFiles")
def list_registration_files(call: Call) -> list[Document]:
    """The registrations of an operation, newest first, with what went wrong per record."""
    activity = membership.need_operation(call.store, call.path["operation_id"])
    found = call.store.all("registration", activity["id"])
    return [_bare(one) | {"record_errors": one["record_errors"]} for one in reversed(found)]


@routes.operation("updateRegistrationFileStatus")
def update_registration_file_status(call: Call) -> Answer:
    """Progress from the outside service."""
    registration = _need(call)
    _advance(call.store, registration, call.body["status"], call.body.get("message"))
    _track(call.store, registration)
    return NO_CONTENT


@routes.operation("submitRegistrationResults")
def submit_registration_results(call: Call) -> Answer:
    """The outcome: on success the data of good rows becomes values, and bad rows are listed as record errors."""
    store, body = call.store, call.body
    registration = _need(call)
    activity = membership.need_operation(store, registration["operation_id"])
    succeeded = body["status"] == "success"
    view_id = _result_table(store, activity)
    here = set(membership.members(store, activity["id"]))
    errors = []
    for row in body.get("records", ()):
        text = results.complaint(row)
        if row["record_id"] not in here:
            text = text or f"record is not in operation {activity['id']}"
        elif text is None and succeeded:
            text = _write(store, row, body.get("key_field_names", []), activity["id"], view_id)
        if text is not None:
            errors.append(results.record_error(row, text))
    registration["record_errors"] = errors
    message = body.get("message") or body.get("error_message")
    _advance(store, registration, "completed" if succeeded else "failed", message)
    _track(store, registration, failed={error["source_record_id"] for error in errors})
    return NO_CONTENT


def _registering_definition(store: Store, activity: Document) -> Document:
    definition = store.get("definition", activity["definition_id"])
    if definition is None or definition["registration_property_field_id"] is None:
        raise Refusal(400, f"activity {activity['title']!r} has no definition with file-based registration")
    return definition


def _registrable_file(store: Store, activity: Document, definition: Document, file_id: str) -> str:
    """The name of a file that was uploaded into the file property that registration is set up for."""
    rows = store.rows("select name, property_id from file where id = ? and activity_id = ?", file_id, activity["id"])
    if not rows:
        raise Refusal(404, f"activity {activity['id']} has no file {file_id}")
    name, property_id = rows[0]
    property_ = store.get("property", property_id)
    if property_ is None or property_["property_field_id"] != definition["registration_property_field_id"]:
        raise Refusal(400, f"file {file_id} was not uploaded into the file property for registration")
    return str(name)


def _records_to_register(store: Store, activity: Document, definition: Document) -> list[str]:
    template_id = definition["registration_record_view_id"]
    view_id = membership.table_of(store, activity["id"], template_id) if template_id else None
    return membership.members(store, activity["id"], view_id)


def _result_table(store: Store, activity: Document) -> str | None:
    definition = store.get("definition", activity["definition_id"])
    template_id = definition["registration_result_record_view_id"] if definition else None
    return membership.table_of(store, activity["id"], template_id) if template_id else None


def _write(store: Store, row: Document, key_names: list[str], operation_id: str, view_id: str | None) -> str | None:
    """Write the data of a row, all of it or none; gives what is wrong with it."""
    try:
        keys, cells = results.read_data(store, row, key_names)
    except Refusal as refusal:
        return refusal.message
    own = results.key_values(store, row["record_id"])
    for field_id, content in keys.items():
        if own.get(field_id) != content:
            return f"key value {content!r} is not that of the record"
    if view_id is not None and cells:
        membership.join(store, operation_id, [row["record_id"]], view_id)
    for column, content in cells:
        values.write(store, row["record_id"], column, content, operation_id, view_id)
    return None


def _find(store: Store, operation_id: str, file_id: str) -> Document | None:
    return next((one for one in store.all("registration", operation_id) if one["file_id"] == file_id), None)


def _need(call: Call) -> Document:
    found = _find(call.store, call.path["operation_id"], call.path["file_id"])
    if found is None:
        raise Refusal(404, f"file {call.path['file_id']} is not registered in operation {call.path['operation_id']}")
    return found


def _advance(store: Store, registration: Document, status: str, message: str | None) -> None:
    old = registration["status"]
    if old in _ENDED or _STEPS[status] < _STEPS[old]:
        raise Refusal(409, f"registration is {old} and cannot become {status}")
    attrs = {"changes": [{"field": "status", "old": old, "new": status}], "message": message}
    events.log(store, "registration_file", "updated", registration["id"], attrs)
    registration |= {"status": status, "message": message, "error_message": message, "updated_at": store.stamp()}
    store.put("registration", registration)


def _track(store: Store, registration: Document, failed: set[str] | None = None) -> None:
    """Write the status to the status field of the records, where the definition names one."""
    activity = store.get("activity", registration["operation_id"])
    definition = store.get("definition", activity["definition_id"]) if activity else None
    column = store.get("data_field", definition["registration_status_field_id"]) if definition else None
    if column is None:
        return
    present = set(membership.members(store, registration["operation_id"]))
    for record_id in registration["record_ids"]:
        if record_id in present:
            status = "failed" if failed and record_id in failed else registration["status"]
            values.write(store, record_id, column, status, registration["operation_id"])


def _bare(registration: Document) -> Document:
    return {key: value for key, value in registration.items() if key not in _OWN_KEYS}
