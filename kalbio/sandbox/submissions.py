"""Table-based registration: submissions of drafts, as dry runs or for good."""

from __future__ import annotations

from kalbio._core.emulator.calls import NO_CONTENT, Answer
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document, Json
from kalbio.sandbox import drafts, events, fields, membership, records, results, values
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.store import Store

routes = Routes()

_OWN_KEYS = {"is_closed", "record_errors"}
# What success and failure are called, by type of submission.
_VERDICTS = {"validation": ("validated", "validation_failed"), "registration": ("completed", "failed")}


@routes.operation("validateDrafts")
def validate_drafts(call: Call) -> Document:
    """Ask the registrar for verdicts only."""
    return _submit(call, "validation", "pending", "registration_drafts_validation_requested")


@routes.operation("submitDrafts")
def submit_drafts(call: Call) -> Document:
    """Ask the registrar to register."""
    return _submit(call, "registration", "submitted", "registration_drafts_submitted")


@routes.operation("listDraftStatuses")
def list_draft_statuses(call: Call) -> list[Document]:
    """Where the drafts stand that took part in some submission."""
    activity = membership.need_operation(call.store, call.path["operation_id"])
    found = call.store.all("draft_status", activity["id"])
    return [{key: one[key] for key in ("record_id", "status", "message")} for one in found]


@routes.operation("listRegistrationSubmissions")
def list_registration_submissions(call: Call) -> list[Document]:
    """The submissions of an operation, newest first, with what went wrong per record."""
    activity = membership.need_operation(call.store, call.path["operation_id"])
    found = call.store.all("submission", activity["id"])
    return [_bare(one) | {"record_errors": one["record_errors"]} for one in reversed(found)]


@routes.operation("updateSubmissionStatus")
def update_submission_status(call: Call) -> Answer:
    """Progress from the registrar; any status will do until results are in."""
    submission = _need_open(call)
    status, message = call.body["status"], call.body.get("message")
    _close(call.store, submission, status, message, closed=status in ("completed", "failed"))
    for record_id in submission["submitted_record_ids"]:
        _set_status(call.store, submission, record_id, status, None)
    return NO_CONTENT


@routes.operation("submitSubmissionResults")
def submit_submission_results(call: Call) -> Answer:
    """The outcome. Good drafts of a registration become records; a validation only leaves verdicts."""
    store, body = call.store, call.body
    submission = _need_open(call)
    good, bad = _VERDICTS[submission["submission_type"]]
    succeeded = body["status"] == "success"
    rows = {row["record_id"]: row for row in body.get("records", ())}
    strangers = rows.keys() - set(submission["submitted_record_ids"])
    if strangers:
        raise Refusal(400, f"records are not part of the submission: {', '.join(sorted(strangers)[:5])}")
    errors = []
    for record_id in submission["submitted_record_ids"]:
        row = rows.get(record_id)
        text = results.complaint(row) if row else None
        if text is None and succeeded and submission["submission_type"] == "registration":
            text = _register(store, submission["operation_id"], record_id, row, body.get("key_field_names", []))
        if text is not None:
            given = row or {"record_id": record_id, "status": bad}
            errors.append(results.record_error(given, text))
        _set_status(store, submission, record_id, good if succeeded and text is None else bad, text)
    submission["record_errors"] = errors
    _close(store, submission, good if succeeded else bad, body.get("message"), closed=True)
    return NO_CONTENT


@routes.operation("clearDrafts")
def clear_drafts(call: Call) -> Answer:
    """Archive drafts that no submission holds."""
    activity = membership.need_operation(call.store, call.path["operation_id"])
    if not call.body["record_ids"]:
        raise Refusal(400, "record_ids is empty: nothing is selected")
    cleared = drafts.need_free(call.store, activity["id"], call.body["record_ids"])
    drafts.archive(call.store, cleared)
    events.log(call.store, "task", "updated", activity["id"], {"cleared_draft_record_ids": cleared})
    return NO_CONTENT


def _submit(call: Call, submission_type: str, status: str, event: str) -> Document:
    store = call.store
    activity = membership.need_operation(store, call.path["operation_id"])
    if activity["registration_staging_record_view_id"] is None:
        raise Refusal(400, f"operation {activity['id']} has no staging table")
    chosen = call.body.get("record_ids") if call.body else None
    if chosen is None:
        chosen = drafts.open_drafts(store, activity["id"])
    if not chosen:
        raise Refusal(400, "there are no drafts to submit")
    chosen = drafts.need_free(store, activity["id"], chosen)
    now = store.stamp()
    submission: Document = {
        "id": store.new_id(),
        "workspace_id": store.workspace_id,
        "operation_id": activity["id"],
        "submission_type": submission_type,
        "file_ids": [],
        "submitted_record_ids": chosen,
        "status": status,
        "message": None,
        "created_by": store.user_id,
        "last_updated_by": store.user_id,
        "created_at": now,
        "updated_at": now,
        "is_closed": False,
        "record_errors": [],
    }
    store.add("submission", submission, parent=activity["id"])
    attrs = {"operation_id": activity["id"], "submission_type": submission_type, "record_ids": chosen}
    events.log(store, "registration_submission", "created", submission["id"], attrs)
    for record_id in chosen:
        _set_status(store, submission, record_id, status, None)
    payload = {"event": event, "operation_id": activity["id"], "submission_id": submission["id"], "record_ids": chosen}
    call.webhooks.append((event, payload))
    return _bare(submission)


def _register(store: Store, operation_id: str, draft_id: str, row: Document | None, key_names: list[str]) -> str | None:
    """Make the record a draft stands for, with the draft's values and the registrar's; gives what is wrong with it.

    The record has the keys the registrar reports, or else those of the draft.
    """
    keys: dict[str, str] = {}
    cells: list[tuple[Document, Json]] = []
    if row:
        try:
            keys, cells = results.read_data(store, row, key_names)
        except Refusal as refusal:
            return refusal.message
    if not keys or not all(keys.values()):
        draft_key = fields.draft_key(store)["id"]
        keys = {id_: content for id_, content in results.key_values(store, draft_id).items() if id_ != draft_key}
    piece = fields.ensure_slice(store, keys)
    try:
        record_id, _ = records.ensure_record(store, piece, keys, operation_id)
    except fields.Misfit as misfit:
        return misfit.message
    membership.attach(store, membership.need_operation(store, operation_id), [record_id])
    for shown in records.shown_records(store, [draft_id], "list"):
        for field_id, entries in shown["record_values"].items():
            column = store.get("data_field", field_id)
            if column:
                values.write(store, record_id, column, entries[0]["content"], operation_id)
    for column, content in cells:
        values.write(store, record_id, column, content, operation_id)
    drafts.archive(store, [draft_id])
    return None


def _need_open(call: Call) -> Document:
    submission = call.store.need("submission", call.path["submission_id"])
    if submission["operation_id"] != call.path["operation_id"]:
        raise Refusal(404, f"operation {call.path['operation_id']} has no submission {submission['id']}")
    if submission["is_closed"]:
        raise Refusal(409, f"submission is {submission['status']} and takes no more reports")
    return submission


def _close(store: Store, submission: Document, status: str, message: str | None, *, closed: bool) -> None:
    attrs = {"changes": [{"field": "status", "old": submission["status"], "new": status}], "message": message}
    events.log(store, "registration_submission", "updated", submission["id"], attrs)
    submission |= {"status": status, "message": message, "updated_at": store.stamp(), "is_closed": closed}
    store.put("submission", submission)


def _set_status(store: Store, submission: Document, record_id: str, status: str, message: str | None) -> None:
    known = store.get("draft_status", record_id)
    body = {"id": record_id, "record_id": record_id, "status": status, "message": message}
    if known:
        store.put("draft_status", body)
    else:
        store.add("draft_status", body, parent=submission["operation_id"])


def _bare(submission: Document) -> Document:
    return {key: value for key, value in submission.items() if key not in _OWN_KEYS}
