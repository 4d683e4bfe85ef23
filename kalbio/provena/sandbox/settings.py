"""Access settings and locks of items."""

from __future__ import annotations

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import items
from kalbio.provena.sandbox.errors import success
from kalbio.provena.sandbox.items import ITEM, LOCK, SETTINGS
from kalbio.provena.sandbox.registry import path_subtype, wrong_route
from kalbio.provena.sandbox.store import READ, WRITE, Call, Routes

routes = Routes()

_ABOUT_ROLES = {
    "metadata-read": ("Metadata Read", "See the item.", []),
    "metadata-write": ("Metadata Write", "Change the data of the item.", ["metadata-read"]),
    "dataset-data-read": ("Dataset Data Read", "Get the files of the dataset.", ["metadata-read"]),
    "dataset-data-write": ("Dataset Data Write", "Change the files of the dataset.", ["metadata-read"]),
    "admin": (
        "Admin",
        "Do everything with the item, change its settings included.",
        ["metadata-read", "metadata-write", "dataset-data-read", "dataset-data-write"],
    ),
}


def _item(call: Call) -> Document:
    id, subtype = call.query["id"], path_subtype(call)
    item = call.store.get(ITEM, id)
    if item is None:
        raise Refusal(400, f"Item (id='{id}') was not present in the registry. Are you sure the id is correct?")
    if item["item_subtype"] != subtype:
        raise Refusal(400, wrong_route(item, subtype))
    return item


@routes.operation("registryItemAuthEvaluate", READ)
def evaluate(call: Call) -> Document:
    """What the caller may do with an item; nothing is an answer too."""
    return {"roles": items.roles(call.store, call.caller, _item(call))}


@routes.operation("registryItemAuthRoles", READ)
def list_roles(call: Call) -> Document:
    """The roles that items of a subtype have."""
    told = []
    for role in items.roles_for(path_subtype(call)):
        title, text, grants = _ABOUT_ROLES[role]
        told.append({"role_display_name": title, "role_name": role, "description": text, "also_grants": grants})
    return {"roles": told}


@routes.operation("registryItemAuthConfigurationGet", READ)
def get_settings(call: Call) -> Document:
    """Who may do what with an item; only its administrators may know."""
    item = _item(call)
    if not items.may_manage(call.store, call.caller, item):
        text = "You are not authorised to view the access configuration for item"
        raise Refusal(401, f"{text} id='{item['id']}'.")
    return items.settings(call.store, item["id"])


@routes.operation("registryItemAuthConfigurationPut", READ, WRITE)
def replace_settings(call: Call) -> Document:
    """Other access settings, also for an item that is locked."""
    item, wanted = _item(call), call.body
    id, known = item["id"], set(items.roles_for(item["item_subtype"]))
    if not items.may_manage(call.store, call.caller, item):
        raise Refusal(401, f"You are not authorised to edit the access configuration for item id='{id}'.")
    owner = items.settings(call.store, id)["owner"]
    if wanted["owner"] != owner:
        raise Refusal(400, f"The owner of a resource cannot be changed. Old: {owner}, New: {wanted['owner']}.")
    strange = {*wanted["general"], *(role for roles in wanted["groups"].values() for role in roles)} - known
    if strange:
        raise Refusal(
            400,
            "Inappropriate roles are being added to the role configuration - ensure these roles are available for the "
            f"resource type. Invalid roles: {_set(strange)}. Available roles: {_set(known)}.",
        )
    kept = {"owner": owner, "general": wanted["general"], "groups": wanted["groups"]}
    call.store.put(SETTINGS, {"id": id, "access_settings": kept})
    return {"status": success("The access settings were replaced.")}


def _set(names: set[str]) -> str:
    return "{" + ", ".join(map(repr, sorted(names))) + "}"


@routes.operation("registryItemLocksLocked", READ)
def is_locked(call: Call) -> Document:
    """Whether an item is locked."""
    return {"locked": _read_lock(call)["locked"]}


@routes.operation("registryItemLocksHistory", READ)
def lock_history(call: Call) -> Document:
    """When an item was locked and unlocked, the oldest first."""
    return {"status": success("The history of the lock was found."), "history": _read_lock(call)["history"]}


def _read_lock(call: Call) -> Document:
    found = items.lock(call.store, call.query["id"])
    if not items.may_read(call.store, call.caller, call.store.need(ITEM, call.query["id"], 400)):
        raise Refusal(401, "You are not authorised to read the lock of this item.")
    return found


@routes.operation("registryItemLocksLock", READ, WRITE)
def lock(call: Call) -> Document:
    """Lock an item: its data cannot be changed then."""
    return _switched(call, "LOCK")


@routes.operation("registryItemLocksUnlock", READ, WRITE)
def unlock(call: Call) -> Document:
    """Unlock an item."""
    return _switched(call, "UNLOCK")


def _switched(call: Call, action: str) -> Document:
    id, store, caller = call.body["id"], call.store, call.caller
    verb, lock = action.lower(), items.lock(store, id)
    if not items.may_manage(store, caller, store.need(ITEM, id, 400)):
        raise Refusal(401, f"You are not authorised to {verb} this item.")
    if lock["locked"] == (action == "LOCK"):
        raise Refusal(400, f"Cannot {verb} already {verb}ed resource.")
    event = {
        "action_type": action,
        "username": caller.username,
        "email": caller.email,
        "reason": call.body["reason"],
        "timestamp": store.seconds(),
    }
    information = {"locked": action == "LOCK", "history": [*lock["history"], event]}
    store.put(LOCK, {"id": id, "lock_information": information})
    return {"status": success(f"The item is {verb}ed.")}
