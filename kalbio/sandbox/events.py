"""The event log: every write leaves an event, and those of an activity are the ones it shows as its own."""

from __future__ import annotations

from kalbio._core.emulator.clock import to_micros
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.store import Store
from kalbio.sandbox.times import milliseconds, parse

routes = Routes()

_PAGE_SIZE = 100
# what an event of the workspace shows; the author's names come on top
_SHARED = (
    "id", "event_type", "event_type_version", "event_attrs", "event_user_id", "created_at", "resource_id",
    "resource_type", "parent_bulk_event_id", "is_bulk",
)  # fmt: skip
# these change with every write and say nothing
_CLOCKWORK = {"updated_at", "last_updated_by", "last_activity_at"}


@routes.operation("listWorkspaceEvents")
def list_workspace_events(call: Call) -> list[Document]:
    """One page of what happened in the workspace, newest first. Pages count from 1."""
    query = call.query
    page, size = query.get("page", 1), query.get("page_size", _PAGE_SIZE)
    if page < 1:
        raise Refusal(400, "pages count from 1")
    after, before = _moment(query, "after_date"), _moment(query, "before_date")
    found = []
    for event in reversed(call.store.all("event")):
        # all stamps of events have the same form, so their order is that of the texts
        if (
            event["event_type"] in query.get("event_types", [event["event_type"]])
            and event["resource_type"] == query.get("resource_type", event["resource_type"])
            and event["event_user_id"] in query.get("event_user_ids", [event["event_user_id"]])
            and (after is None or event["created_at"] > after)
            and (before is None or event["created_at"] < before)
        ):
            found.append(event)
    users = {user["id"]: user for user in call.store.all("user")}
    return [_with_author(event, users[event["event_user_id"]]) for event in found[(page - 1) * size : page * size]]


def log(
    store: Store, resource_type: str, verb: str, resource_id: str, attrs: Document | None = None, *, bulk: bool = False
) -> None:
    """Note what happened: `verb` is created, updated or deleted, or what else befell the thing."""
    event = {
        "id": store.new_id(),
        "event_type": f"{resource_type}.{verb}",
        "event_type_version": 1,
        "event_attrs": attrs or {},
        "event_user_id": store.user_id,
        "created_at": store.stamp(),
        "resource_id": resource_id,
        "resource_type": resource_type,
        "workspace_id": store.workspace_id,
        "parent_bulk_event_id": None,
        "is_bulk": bulk,
        "request_id": None,
        "session_id": None,
        "log": None,
    }
    store.add("event", event, parent=resource_id)


def changes(before: Document, after: Document) -> Document:
    """The attributes of an update: which fields changed, from what to what."""
    keys = [key for key in after if key not in _CLOCKWORK and before.get(key) != after[key]]
    return {"changes": [{"field": key, "old": before.get(key), "new": after[key]} for key in keys]}


def _moment(query: Document, name: str) -> str | None:
    if name not in query:
        return None
    moment = parse(query[name])
    if moment is None:
        raise Refusal(400, f"{name} is not an ISO 8601 date: {query[name]!r}")
    return milliseconds(to_micros(moment))


def _with_author(event: Document, user: Document) -> Document:
    names = {"full_name": user["full_name"], "preferred_name": user["preferred_name"], "is_bot": False}
    return {key: event[key] for key in _SHARED} | names
