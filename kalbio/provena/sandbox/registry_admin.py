"""The registry taken out and in again, with access settings and locks."""

from __future__ import annotations

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import imports, items
from kalbio.provena.sandbox.contract import find_faults, find_violations, load_contract
from kalbio.provena.sandbox.errors import success
from kalbio.provena.sandbox.items import ITEM, LOCK, SETTINGS
from kalbio.provena.sandbox.store import ADMIN, READ, WRITE, Call, Routes, Store

routes = Routes()

_TABLES = frozenset({"registry", "registry-auth", "registry-lock"})


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
    parses = body.get("parse_items", True)
    broken: imports.Failures = [
        [text, one] for one in body["items"] if (text := _find_fault(one, parses=parses)) is not None
    ]
    gone, answer = imports.plan(body, _bundles(store), broken, ("old_registry_size", "new_registry_size"))
    if imports.is_done(answer):
        for id in gone:
            items.remove(store, id)
        for one in {one["id"]: one for one in body["items"]}.values():
            store.add(ITEM, one["item_payload"], parent=one["item_payload"]["item_subtype"])
            store.add(SETTINGS, one["auth_payload"])
            store.add(LOCK, one["lock_payload"])
    return answer


def _find_fault(bundle: Document, *, parses: bool) -> str | None:
    """What keeps a bundle from being imported: with `parses`, also that its item is not what its subtype says."""
    item, access, lock = bundle["item_payload"], bundle["auth_payload"], bundle["lock_payload"]
    subtype = item.get("item_subtype")
    if not isinstance(subtype, str) or subtype not in load_contract().spec["x-registry-subtypes"]:
        return "Could not parse registry item: it has no subtype."
    if any(part.get("id") != bundle["id"] for part in (item, access, lock)):
        return "Could not parse registry item: its parts have other ids."
    information = lock.get("lock_information")
    history = information.get("history") if isinstance(information, dict) else None
    found = [
        *find_faults("SeededItem", item),
        *(find_violations(subtype, item) if parses and item.get("record_type") != "SEED_ITEM" else ()),
        *find_faults("AccessSettings", access.get("access_settings")),
        *find_faults("LockStatusResponse", information),
        *find_faults("LockHistoryResponse", {"status": success(""), "history": history}),
    ]
    return f"Could not parse registry item as it's matched type: {found[0]}" if found else None


@routes.operation("registryAdminRestoreFromTable", READ, WRITE, ADMIN)
def restore(call: Call) -> Document:
    """Refused: there are no tables but those in use."""
    names = call.body["table_names"]
    if not _TABLES & {names[f"{part}_table_name"] for part in ("resource", "auth", "lock")}:
        raise Refusal(500, imports.UNKNOWN_TABLE)
    told = "You supplied a table name which is the same as the current active registry table(s)."
    return imports.refuse_table(call.body, f"{told} This behaviour is not supported.")
