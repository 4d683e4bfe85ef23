"""What the registry keeps: items, their access settings and their locks, and who may do what with them.

Other parts of the stand-in write items with these functions. They check nothing but what they say.
"""

from __future__ import annotations

from typing import Protocol

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox.contract import category_of
from kalbio.provena.sandbox.forms import stripped
from kalbio.provena.sandbox.store import ADMIN, Store

ITEM, SETTINGS, LOCK = "item", "item_settings", "item_lock"

VERSIONED = frozenset({"MODEL", "MODEL_RUN_WORKFLOW_TEMPLATE", "DATASET_TEMPLATE", "DATASET"})
"""The subtypes whose items have versions."""

_REGISTERED = (
    "id", "owner_username", "created_timestamp", "updated_timestamp", "item_category", "item_subtype", "record_type",
    "workflow_links", "versioning_info", "history",
)  # fmt: skip
_ROLES = ("metadata-read", "metadata-write", "admin")
_DATASET_ROLES = ("dataset-data-read", "dataset-data-write")
_FIRST = "Initial record creation"


class Caller(Protocol):
    """A user and their roles in the realm."""

    @property
    def username(self) -> str:
        """The name of the user."""

    @property
    def roles(self) -> frozenset[str]:
        """What the user may do in general."""


# writing


def create(store: Store, subtype: str, data: Document, username: str, *, reason: str = _FIRST) -> Document:
    """Keep a complete item, with the first entry of its history and the usual settings."""
    item = _record(store, subtype, username, "COMPLETE_ITEM")
    return keep(store, _with(item, data, [_entry(store, [], data, username, reason)]))


def seed(store: Store, subtype: str, username: str) -> Document:
    """Keep an item without data."""
    return keep(store, _record(store, subtype, username, "SEED_ITEM"))


def update(store: Store, item: Document, data: Document, username: str, reason: str = _FIRST) -> Document:
    """Give an item other data; a seed becomes complete with the first entry of its history, whatever the reason."""
    if item["record_type"] == "SEED_ITEM":
        item, reason = {**item, "record_type": "COMPLETE_ITEM"}, _FIRST
    history = item.get("history", [])
    entry = _entry(store, history, data, username, reason)
    registered = {name: item[name] for name in _REGISTERED if name in item}
    return replace(store, _with(registered, data, [entry, *history]))


def version(store: Store, item: Document, username: str, reason: str, data: Document | None = None) -> Document:
    """Keep the next version of an item, and note it in the item itself.

    Args:
        store: where items are kept.
        item: the newest version.
        username: who becomes the owner of the next one.
        reason: why there is one.
        data: its data; by default those of the item.
    """
    data = data_of(item) if data is None else data
    old = item["id"]
    new = _record(store, item["item_subtype"], username, "COMPLETE_ITEM")
    number = item["versioning_info"]["version"] + 1
    new["versioning_info"] = {"previous_version": old, "version": number, "reason": reason}
    entry = _entry(store, [], data, username, f"New version of existing item (id={old}).")
    new = keep(store, _with(new, data, [entry]), {**settings(store, old), "owner": username})
    replace(store, {**item, "versioning_info": {**item["versioning_info"], "next_version": new["id"]}})
    return new


def keep(store: Store, item: Document, access: Document | None = None) -> Document:
    """Keep an item as it is, with access settings; by default everybody may read it."""
    general = ["metadata-read", "dataset-data-read"] if item["item_subtype"] == "DATASET" else ["metadata-read"]
    access = access or {"owner": item["owner_username"], "general": general, "groups": {}}
    store.add(ITEM, item, parent=item["item_subtype"])
    store.add(SETTINGS, {"id": item["id"], "access_settings": access})
    store.add(LOCK, {"id": item["id"], "lock_information": {"locked": False, "history": []}})
    return item


def replace(store: Store, item: Document) -> Document:
    """Keep an item in place of what it was."""
    return store.put(ITEM, item)


def remove(store: Store, id: str) -> None:
    """Forget an item, its settings and its lock."""
    for kind in (ITEM, SETTINGS, LOCK):
        store.run("delete from document where kind = ? and id = ?", kind, id)


def set_workflow_link(store: Store, id: str, member: str, session_id: str) -> Document:
    """Note the job that registers how an item came to be."""
    item = store.need(ITEM, id)
    return replace(store, {**item, "workflow_links": {**item.get("workflow_links", {}), member: session_id}})


def data_of(item: Document) -> Document:
    """The data of a complete item, without what the registry itself knows of it."""
    return {name: value for name, value in item.items() if name not in _REGISTERED}


def _record(store: Store, subtype: str, username: str, record_type: str) -> Document:
    now = store.seconds()
    handle = store.new_handle("https://registry.sandbox.invalid")
    item = {
        "id": handle,
        "owner_username": username,
        "created_timestamp": now,
        "updated_timestamp": now,
        "item_category": category_of(subtype),
        "item_subtype": subtype,
        "record_type": record_type,
    }
    return {**item, "versioning_info": {"version": 1}} if subtype in VERSIONED else item


def _entry(store: Store, history: list[Document], data: Document, username: str, reason: str) -> Document:
    id = max((one["id"] for one in history), default=-1) + 1
    return {"id": id, "timestamp": store.seconds(), "reason": reason, "username": username, "item": stripped(data)}


def _with(registered: Document, data: Document, history: list[Document]) -> Document:
    return {**stripped(data), **registered, "history": history, "updated_timestamp": history[0]["timestamp"]}


# who may do what


def roles_for(subtype: str) -> tuple[str, ...]:
    """The roles that items of a subtype have."""
    return (*_ROLES, *_DATASET_ROLES) if subtype == "DATASET" else _ROLES


def settings(store: Store, id: str) -> Document:
    """The access settings of an item."""
    access: Document = store.need(SETTINGS, id)["access_settings"]
    return access


def roles(store: Store, caller: Caller, item: Document) -> list[str]:
    """What somebody may do with an item: its owner and administrators of the registry everything."""
    known, access = roles_for(item["item_subtype"]), settings(store, item["id"])
    if caller.username == access["owner"] or ADMIN in caller.roles:
        return list(known)
    granted = set(access["general"])
    if access["groups"]:  # of most items there are none
        for group in access["groups"].keys() & groups_of(store, caller.username):
            granted.update(access["groups"][group])
    return [role for role in known if role in granted]


def groups_of(store: Store, username: str) -> set[str]:
    """The groups that somebody is in."""
    return {
        group["id"] for group in store.all("group") if any(member["username"] == username for member in group["users"])
    }


def may_read(store: Store, caller: Caller, item: Document) -> bool:
    """Whether somebody may see an item."""
    return any(role in _ROLES for role in roles(store, caller, item))


def may_write(store: Store, caller: Caller, item: Document) -> bool:
    """Whether somebody may change the data of an item."""
    return any(role in ("metadata-write", "admin") for role in roles(store, caller, item))


def may_manage(store: Store, caller: Caller, item: Document) -> bool:
    """Whether somebody may change the settings of an item, lock it, and make a new version."""
    return "admin" in roles(store, caller, item)


def lock(store: Store, id: str) -> Document:
    """The lock of an item; refuses an unknown item as the servers do where they look at locks alone."""
    found = store.get(LOCK, id)
    if found is None:
        raise Refusal(400, f"Failed to retrieve ID {id} from the lock table, are you sure it exists?")
    information: Document = found["lock_information"]
    return information


def require_unlocked(store: Store, id: str) -> None:
    """Refuse to change an item that is locked, and one that is not there."""
    try:
        information = lock(store, id)
    except Refusal as refusal:
        text = f"Failed to check if locked. No access provided. Error: {refusal.message}."
        raise Refusal(refusal.status, text) from None
    if information["locked"]:
        raise Refusal(401, "Cannot perform this action as the resource is locked.")
