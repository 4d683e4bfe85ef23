"""The release of datasets: asked for by who manages one, and approved or rejected by the reviewer who was named."""

from __future__ import annotations

from kalbio._core.emulator.calls import Answer
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import items
from kalbio.provena.sandbox.datastore import find_dataset, is_locked
from kalbio.provena.sandbox.forms import stripped
from kalbio.provena.sandbox.jobs import launch
from kalbio.provena.sandbox.links import require_person
from kalbio.provena.sandbox.store import READ, SYSTEM_ADMIN, SYSTEM_READ, SYSTEM_WRITE, WRITE, Call, Routes, Store

routes = Routes()

REVIEWER = "reviewer"
_NULL = Answer(b"null", headers=(("content-type", "application/json"),))


@routes.operation("datastoreReleaseSysReviewersList", READ, WRITE)
def list_reviewers(call: Call) -> list[str]:
    """The ids of all reviewers."""
    return sorted(one["id"] for one in call.store.all(REVIEWER))


@routes.operation("datastoreReleaseSysReviewersAdd", SYSTEM_READ, SYSTEM_WRITE)
def add_reviewer(call: Call) -> Answer:
    """One more reviewer; any text is one."""
    id = call.query["reviewer_id"]
    if call.store.get(REVIEWER, id) is None:
        call.store.add(REVIEWER, {"id": id})
    return _NULL


@routes.operation("datastoreReleaseSysReviewersDelete", SYSTEM_READ, SYSTEM_WRITE, SYSTEM_ADMIN)
def delete_reviewer(call: Call) -> Answer:
    """One reviewer less."""
    call.store.run("delete from document where kind = ? and id = ?", REVIEWER, call.query["reviewer_id"])
    return _NULL


@routes.operation("datastoreReleaseApprovalRequest", READ, WRITE)
def request(call: Call) -> Document:
    """A review is asked for: from now on, the files stay as they are."""
    store, username, body = call.store, call.caller.username, call.body
    id, approver = body["dataset_id"], body["approver_id"]
    item = find_dataset(call, id)
    if not items.may_manage(store, call.caller, item):
        text = "Only admins of datasets can request for the dataset to be reviewed."
        raise Refusal(401, f"User {username} is not an admin of dataset {id}. {text}")
    if store.get(REVIEWER, approver) is None:
        text = "Please provide an ID for entity pointing to a person who is a valid dataset reviewer for this system."
        raise Refusal(400, f"User {approver} is not a system dataset reviewer. {text}")
    if item["release_status"] != "NOT_RELEASED":
        text = "Cannot request a review while another is unresolved."
        raise Refusal(400, f"Dataset {id} is already pending review or is released. {text}")
    if is_locked(store, id):
        raise Refusal(401, "This dataset is locked - you cannot request its release. Unlock the dataset first.")
    requester = require_person(store, username)
    _note(store, item, "PENDING", "REQUEST", approver, requester, body["notes"])
    _mail(store, username, approver, f"Review of dataset {id}", body["notes"])
    text = "Successfully sent request to approve dataset release to approver. Email notification included."
    return {"dataset_id": id, "approver_id": approver, "details": text}


@routes.operation("datastoreReleaseActionApprovalRequest", READ, WRITE)
def act(call: Call) -> Document:
    """The dataset is released, or not, as the reviewer says."""
    store, body = call.store, call.body
    id, approve = body["dataset_id"], body["approve"]
    person_id = require_person(store, call.caller.username)
    if store.get(REVIEWER, person_id) is None:
        raise Refusal(401, f"User {person_id} is not a system dataset reviewer.")
    item = find_dataset(call, id)
    if item["release_status"] != "PENDING":
        raise Refusal(400, f"Dataset {id} is not pending review. Cannot perform this action.")
    if item.get("release_approver") != person_id:
        raise Refusal(401, f"User {person_id} is not the approver that was named for dataset {id}.")
    action, status = ("APPROVE", "RELEASED") if approve else ("REJECT", "NOT_RELEASED")
    asked = item["release_history"][-1].get("requester")
    _note(store, item, status, action, person_id, None, body["notes"])
    _mail(store, call.caller.username, asked, f"Review of dataset {id}: {action.lower()}", body["notes"])
    text = "Succesfully responded to dataset release approval request."
    return {"dataset_id": id, "approved": approve, "details": text}


def _note(
    store: Store, item: Document, status: str, action: str, approver: str, requester: str | None, notes: str
) -> None:
    now = store.seconds()
    entry = {"action": action, "timestamp": now, "approver": approver, "requester": requester, "notes": notes}
    changed = {
        "release_status": status,
        "release_approver": approver,
        "release_timestamp": now,
        "release_history": [*item["release_history"], entry],
    }
    items.replace(store, stripped({**item, **changed, "updated_timestamp": now}))


def _mail(store: Store, username: str, person_id: str | None, subject: str, notes: str) -> None:
    """Launch a job that sends a mail to a person, where the person is known."""
    person = store.get(items.ITEM, person_id)
    if person is not None and "email" in person:
        payload = {"email_to": person["email"], "subject": subject, "body": notes, "reason": subject}
        launch(store, username, "SEND_EMAIL", payload)
