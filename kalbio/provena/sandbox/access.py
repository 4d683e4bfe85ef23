"""Who may do what in general: reports, requests for other roles, and what becomes of them."""

from __future__ import annotations

import json

from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import jobs
from kalbio.provena.sandbox.errors import failure, success
from kalbio.provena.sandbox.store import SYSTEM_ADMIN, SYSTEM_READ, SYSTEM_WRITE, Call, Routes, Store

routes = Routes()

KIND = "access_request"
_DAY = 86_400
_EXPIRES_AFTER = 30 * _DAY
_PENDING_FOR = 5 * _DAY
_PENDING = "PENDING_APPROVAL"
_TOLD = {
    _PENDING: "request received, awaiting action",
    "APPROVED_PENDING_ACTION": "request approved, awaiting action",
    "DENIED_PENDING_DELETION": "request denied",
    "ACTIONED_PENDING_DELETION": "request carried out",
}
_COMPONENTS = {
    "handle-service": ("handle-read", "handle-write", "handle-admin"),
    "sys-admin": ("sys-admin-read", "sys-admin-write", "sys-admin-admin"),
    "entity-registry": ("entity-registry-read", "entity-registry-write", "entity-registry-admin"),
    "job-service": ("job-service-admin", "job-service-write", "job-service-read"),
}
_FOR_EVERYBODY = frozenset({"entity-registry-read", "entity-registry-write"})
_VERBS = {"READ": "reading", "WRITE": "reading and writing", "ADMIN": "everything"}
_SENDER = "auth-api"


def _report(roles: frozenset[str]) -> Document:
    return {
        "components": [
            {"component_name": component, "component_roles": [_role(name, name in roles) for name in names]}
            for component, names in _COMPONENTS.items()
        ]
    }


def _role(name: str, is_granted: bool) -> Document:
    component, _, level = name.rpartition("-")
    verb = _VERBS[level.upper()]
    return {
        "role_name": name,
        "role_display_name": f"{component}: {verb}",
        "role_level": level.upper(),
        "description": f"Allows {verb} in {component}.",
        "intended_users": [*(("GENERAL",) if name in _FOR_EVERYBODY else ()), "ADMINISTRATOR"],
        "access_granted": is_granted,
    }


@routes.operation("authAccessControlUserGenerateAccessReport")
def report(call: Call) -> Document:
    """The roles that there are, and which of them the caller has."""
    return {"status": success("Generated access report successfully."), "report": _report(call.caller.roles)}


@routes.operation("authAccessControlUserRequestChange")
def request_change(call: Call) -> Document:
    """A request for the roles of a report that the caller has changed."""
    store, user = call.store, call.caller
    differing = _difference(call.body, user.roles)
    if not differing["components"]:
        return {"status": failure("There were no differences between current access and desired access.")}
    now = store.seconds()
    if any(one["created_timestamp"] > now - _PENDING_FOR for one in _requests(store, user.username, _PENDING)):
        told = "You have a pending request which has been pending less than 5 days."
        return {"status": failure(f"Failed due to user having unresolved requests, info: {told}")}
    request: Document = {
        "username": user.username,
        "request_id": now,
        "expiry": now + _EXPIRES_AFTER,
        "email": user.email,
        "created_timestamp": now,
        "updated_timestamp": now,
        "status": _PENDING,
        "ui_friendly_status": _TOLD[_PENDING],
        "request_diff_contents": json.dumps(differing),
        "complete_contents": json.dumps(call.body),
        "notes": "",
    }
    _forget(store, user.username, now)
    store.add(KIND, {"id": _key(user.username, now), **request}, parent=user.username)
    if not call.query.get("send_email", True):
        return {"status": success("Successfully requested an update to access. No email sent due to not being PROD.")}
    _send(store, "requests@example.org", f"{user.username} asks for other roles")
    return {"status": success("Successfully requested an update to access and dispatched email.")}


def _difference(wanted: Document, roles: frozenset[str]) -> Document:
    parts = []
    for component in wanted["components"]:
        changed = [one for one in component["component_roles"] if one["access_granted"] != (one["role_name"] in roles)]
        if changed:
            parts.append({"component_name": component["component_name"], "component_roles": changed})
    return {"components": parts}


def _send(store: Store, to: str, subject: str) -> None:
    email = {"email_to": to, "subject": subject, "body": subject, "reason": "access request"}
    jobs.launch(store, _SENDER, "SEND_EMAIL", email)


def _key(username: str, request_id: int) -> str:
    return f"{username}/{request_id}"


def _forget(store: Store, username: str, request_id: int) -> None:
    store.run("delete from document where kind = ? and id = ?", KIND, _key(username, request_id))


def _requests(store: Store, username: str | None = None, status: str | None = None) -> list[Document]:
    return [one for one in store.all(KIND, username) if status in (None, one["status"])]


def _shown(requests: list[Document]) -> Document:
    return {"items": [{name: value for name, value in one.items() if name != "id"} for one in requests]}


@routes.operation("authAccessControlUserRequestHistory")
def history(call: Call) -> Document:
    """All requests of the caller."""
    return _shown(_requests(call.store, call.caller.username))


@routes.operation("authAccessControlUserPendingRequestHistory")
def pending(call: Call) -> Document:
    """The requests of the caller that nobody has decided yet."""
    return _shown(_requests(call.store, call.caller.username, _PENDING))


@routes.operation("authAccessControlAdminAllRequestHistory", SYSTEM_READ)
def admin_history(call: Call) -> Document:
    """All requests."""
    return _shown(_requests(call.store))


@routes.operation("authAccessControlAdminAllPendingRequestHistory", SYSTEM_READ)
def admin_pending(call: Call) -> Document:
    """All requests that nobody has decided yet."""
    return _shown(_requests(call.store, status=_PENDING))


@routes.operation("authAccessControlAdminUserRequestHistory", SYSTEM_READ)
def admin_history_of(call: Call) -> Document:
    """All requests of somebody."""
    return _shown(_requests(call.store, call.query["username"]))


@routes.operation("authAccessControlAdminUserPendingRequestHistory", SYSTEM_READ)
def admin_pending_of(call: Call) -> Document:
    """The requests of somebody that nobody has decided yet."""
    return _shown(_requests(call.store, call.query["username"], _PENDING))


@routes.operation("authAccessControlAdminAddNote", SYSTEM_WRITE)
def add_note(call: Call) -> Document:
    """A note at a request."""
    request = call.store.get(KIND, _key(call.body["username"], call.body["request_id"]))
    if request is None:
        return failure("Could not find item in table.")
    call.store.put(KIND, _noted(request, call.body["note"]))
    return success("Added note.")


def _noted(request: Document, note: str | None) -> Document:
    return {**request, "notes": ",".join(filter(None, (request["notes"], note)))}


@routes.operation("authAccessControlAdminChangeRequestState", SYSTEM_WRITE)
def change_state(call: Call) -> Document:
    """Another state of a request: any may follow any. The roles themselves are given elsewhere."""
    store, body = call.store, call.body
    request = store.get(KIND, _key(body["username"], body["request_id"]))
    if request is None:
        missing = failure("Could not find item in table.")
        return {"state_change": missing, "email_alert": missing}
    state = body["desired_state"]
    if request["status"] == state:
        same = success("Status was already matching - no update applied.")
        return {"state_change": same, "email_alert": same}
    changed = {"status": state, "ui_friendly_status": _TOLD[state], "updated_timestamp": store.seconds()}
    store.put(KIND, _noted({**request, **changed}, body.get("additional_note")))
    told = success("No email requested.")
    if call.query.get("send_email_alert", True):
        _send(store, request["email"], f"Your request: {_TOLD[state]}")
        told = success(f"Update email dispatched successfully to {request['email']}.")
    return {"state_change": success(f"Updated status to RequestStatus.{state}."), "email_alert": told}


@routes.operation("authAccessControlAdminDeleteRequest", SYSTEM_ADMIN)
def delete(call: Call) -> Document:
    """One request less; one that was not there is told to be deleted as well."""
    _forget(call.store, call.body["username"], call.body["request_id"])
    return success(f"Deleted record {call.body['request_id']}")
