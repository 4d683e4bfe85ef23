"""The jobs that register how an item came to be: a CREATE or VERSION item, and then its place in the graph."""

from __future__ import annotations

from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import graph, items
from kalbio.provena.sandbox.jobs import launch, worker
from kalbio.provena.sandbox.store import Store


def register_creation(store: Store, item: Document, username: str, person_id: str) -> str:
    """Launch the job that registers who created an item, and note it in the item; gives its session id."""
    payload = {
        "created_item_id": item["id"],
        "created_item_subtype": item["item_subtype"],
        "linked_person_id": person_id,
    }
    session_id = launch(store, username, "REGISTER_CREATE_ACTIVITY", payload)
    items.set_workflow_link(store, item["id"], "create_activity_workflow_id", session_id)
    return session_id


def register_version(store: Store, new: Document, username: str, person_id: str) -> str:
    """Launch the job that registers who made the next version of an item; gives its session id."""
    versioning = new["versioning_info"]
    payload = {
        "reason": versioning["reason"],
        "version_number": versioning["version"],
        "from_version_id": versioning["previous_version"],
        "to_version_id": new["id"],
        "linked_person_id": person_id,
        "item_subtype": new["item_subtype"],
    }
    session_id = launch(store, username, "REGISTER_VERSION_ACTIVITY", payload)
    items.set_workflow_link(store, new["id"], "version_activity_workflow_id", session_id)
    return session_id


@worker("REGISTER_CREATE_ACTIVITY")
def _register_creation(store: Store, job: Document) -> Document:
    payload, username = job["payload"], job["username"]
    created = payload["created_item_id"]
    data = {"display_name": f"Created item {created}", "created_item_id": created}
    activity = items.create(store, "CREATE", data, username)
    lodging = {**payload, "creation_activity_id": activity["id"]}
    session_id = launch(store, username, "LODGE_CREATE_ACTIVITY", lodging)
    return {"creation_activity_id": activity["id"], "lodge_session_id": session_id}


@worker("REGISTER_VERSION_ACTIVITY")
def _register_version(store: Store, job: Document) -> Document:
    payload, username = job["payload"], job["username"]
    old, new, number = payload["from_version_id"], payload["to_version_id"], payload["version_number"]
    data = {
        "display_name": f"(V{number}) Version from {old} to {new}",
        "reason": payload["reason"],
        "from_item_id": old,
        "to_item_id": new,
        "new_version_number": number,
    }
    activity = items.create(store, "VERSION", data, username)
    members = ("from_version_id", "to_version_id", "linked_person_id", "item_subtype")
    lodging = {**{name: payload[name] for name in members}, "version_activity_id": activity["id"]}
    session_id = launch(store, username, "LODGE_VERSION_ACTIVITY", lodging)
    return {"version_activity_id": activity["id"], "lodge_session_id": session_id}


@worker("LODGE_CREATE_ACTIVITY")
def _lodge_creation(store: Store, job: Document) -> Document:
    payload = job["payload"]
    created = store.need(items.ITEM, payload["created_item_id"])
    graph.record_creation(store, payload["creation_activity_id"], created, payload["linked_person_id"])
    return {}


@worker("LODGE_VERSION_ACTIVITY")
def _lodge_version(store: Store, job: Document) -> Document:
    payload = job["payload"]
    old = store.need(items.ITEM, payload["from_version_id"])
    new = store.need(items.ITEM, payload["to_version_id"])
    graph.record_version(store, payload["version_activity_id"], new, old, payload["linked_person_id"])
    return {}
