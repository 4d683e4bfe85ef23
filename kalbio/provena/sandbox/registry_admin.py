"""The registry taken out and in again, with access settings and locks."""

from __future__ import annotations

from collections.abc import Iterator

from kalbio._core.emulator.strict_json import Document, Json
from kalbio.provena.sandbox import items
from kalbio.provena.sandbox.contract import find_violations, load_contract
from kalbio.provena.sandbox.errors import failure, success
from kalbio.provena.sandbox.items import ITEM, LOCK, SETTINGS
from kalbio.provena.sandbox.store import ADMIN, READ, WRITE, Call, Routes, Store

routes = Routes()

_SYNCING = ("SYNC_ADD_OR_OVERWRITE", "SYNC_DELETION_ALLOWED")


@routes.operation("registryAdminExport", READ, WRITE, ADMIN)
def export(call: Call) -> Document:
    """Everything, in one answer."""
    found = list(_bundles(call.store).values())
    return {"status": success(f"{len(found)} items were exported."), "items": found}


def _bundles(store: Store) -> dict[str, Document]:
    return {
        item["id"]: {
            "id": item["id"],
            "item_payload": item,
            "auth_payload": store.need(SETTINGS, item["id"]),
            "lock_payload": store.need(LOCK, item["id"]),
        }
        for item in store.all(ITEM)
    }


@routes.operation("registryAdminImport", READ, WRITE, ADMIN)
def import_items(call: Call) -> Document:
    """Items as they were exported; nothing but a trial, unless the request says otherwise."""
    body, store = call.body, call.store
    mode, is_trial = body["import_mode"], body.get("trial_mode", True)
    old, given = _bundles(store), {one["id"]: one for one in body["items"]}
    refused: Document = {"trial_mode": is_trial, "statistics": None}
    if body.get("parse_items", True):
        broken = [pair for one in body["items"] for pair in _find_broken(one)]
        if broken:
            text = f"There were {len(broken)} items with parsing issues! See failure list."
            return {"status": failure(text), **refused, "failure_list": broken}
    wrong = list(_find_clashes(mode, old, given, may_delete=body.get("allow_entry_deletion", False)))
    if wrong:
        text = "There were errors during validation of the import mode, see the failure list."
        return {"status": failure(text), **refused, "failure_list": wrong}
    deleted = old.keys() - given.keys() if mode == "SYNC_DELETION_ALLOWED" else set()
    if not is_trial:
        for id in deleted | (old.keys() & given.keys()):
            items.remove(store, id)
        for one in given.values():
            store.add(ITEM, one["item_payload"], parent=one["item_payload"].get("item_subtype"))
            store.add(SETTINGS, one["auth_payload"])
            store.add(LOCK, one["lock_payload"])
    new = given.keys() - old.keys()
    statistics = {
        "old_registry_size": len(old),
        "new_registry_size": len(old) - len(deleted) + len(new),
        "deleted_entries": len(deleted),
        "overwritten_entries": len(given) - len(new),
        "new_entries": len(new),
    }
    done = success(f"{'TRIAL: ' if is_trial else ''}The items were imported with mode {mode}.")
    return {"status": done, "trial_mode": is_trial, "statistics": statistics, "failure_list": None}


def _find_broken(bundle: Document) -> Iterator[list[Json]]:
    item = bundle["item_payload"]
    subtype = item.get("item_subtype")
    if subtype not in load_contract().spec["x-registry-subtypes"]:
        yield ["Could not parse registry item: it has no subtype.", bundle]
    elif item.get("record_type") != "SEED_ITEM" and (found := find_violations(subtype, item)):
        yield [f"Could not parse registry item as it's matched type: {found[0]}", bundle]


def _find_clashes(
    mode: str, old: dict[str, Document], given: dict[str, Document], *, may_delete: bool
) -> Iterator[list[Json]]:
    for id, bundle in given.items():
        if mode == "ADD_ONLY" and id in old:
            yield [f"Overlapping item on add only mode {id}", bundle]
        if mode == "OVERWRITE_ONLY" and id not in old:
            yield [f"Item {id} does not already exist", bundle]
    for id in old.keys() - given.keys() if mode in _SYNCING else ():
        if mode == "SYNC_ADD_OR_OVERWRITE":
            yield [f"Item {id} currently exists but not provided in update", old[id]]
        elif not may_delete:
            yield [f"Item {id} will be deleted but deletion not explicitly enabled", old[id]]
