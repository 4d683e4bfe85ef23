"""The registry: items are created, fetched and listed."""

from __future__ import annotations

from typing import Any

from kalbio._core.emulator.refusals import Code, Problem, Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox.contract import data_names, find_violations, find_wrong_data, subtype_of, subtypes_with
from kalbio.provena.sandbox.errors import failure, success
from kalbio.provena.sandbox.store import READ, WRITE, Call, Routes, Store

routes = Routes()

KIND = "item"
_CATEGORIES = {"agent": "AGENT", "entity": "ENTITY", "activity": "ACTIVITY"}
_VERSIONED = frozenset({"MODEL", "MODEL_RUN_WORKFLOW_TEMPLATE", "DATASET_TEMPLATE"})
_SORTS = {None: "updated_timestamp", "UPDATED_TIME": "updated_timestamp", "CREATED_TIME": "created_timestamp",
          "DISPLAY_NAME": "display_name"}  # fmt: skip
_UNPARSABLE = (
    "The record was found but could not parsed as an appropriate type: Error The record was marked as a "
    "COMPLETE_ITEM but could not be parsed as the correct model."
)


def _subtype(call: Call, action: str) -> str:
    """The subtype in the path, where it has this action; else the path does not exist."""
    subtype = subtype_of(call.path["category"], call.path["subtype"])
    if subtype is None or subtype not in subtypes_with(action):
        raise Refusal(404, "Not Found")
    return subtype


@routes.operation("registryItemCreate")
def create(call: Call) -> Document:
    """A complete item, with the first entry of its history."""
    call.caller.require(READ, WRITE)
    subtype = _subtype(call, "create")
    wrong = tuple(Problem(("body", *place), text, rule) for place, text, rule in find_wrong_data(subtype, call.body))
    if wrong:
        raise Refusal(422, "the data are wrong", code=Code.INVALID_BODY, problems=wrong)
    return _created(call.store, subtype, call.path["category"], call.body, call.caller.username)


def _created(store: Store, subtype: str, category: str, body: Document, username: str) -> Document:
    data: Document = {name: body.get(name) for name in data_names(subtype)}
    if subtype == "PERSON" and data.get("ethics_approved") is not True:
        text = "Please ensure mandatory ethics consent is obtained before proceeding with registration."
        return {"status": failure(f"Validation Error: {text}"), "created_item": None}
    now, handle = store.seconds(), store.new_handle("https://registry.sandbox.invalid")
    first = {"id": 0, "timestamp": now, "reason": "Initial record creation", "username": username, "item": data}
    item = {
        **data,
        "history": [first],
        **_record(handle, subtype, category, username, now, "COMPLETE_ITEM"),
    }
    store.add(KIND, item, parent=subtype)
    return {
        "status": success("The item was created."),
        "created_item": item,
        "register_create_activity_session_id": store.new_id() if subtype in _VERSIONED else None,
    }


@routes.operation("registryItemSeed")
def seed(call: Call) -> Document:
    """An item without data."""
    call.caller.require(READ, WRITE)
    subtype, store = _subtype(call, "seed"), call.store
    handle = store.new_handle("https://registry.sandbox.invalid")
    item = _record(handle, subtype, call.path["category"], call.caller.username, store.seconds(), "SEED_ITEM")
    store.add(KIND, item, parent=subtype)
    return {"status": success("The item was seeded."), "seeded_item": item}


def _record(handle: str, subtype: str, category: str, username: str, now: int, record_type: str) -> Document:
    version = {"previous_version": None, "version": 1, "reason": None, "next_version": None}
    return {
        "id": handle,
        "owner_username": username,
        "created_timestamp": now,
        "updated_timestamp": now,
        "item_category": _CATEGORIES[category],
        "item_subtype": subtype,
        "record_type": record_type,
        "workflow_links": None,
        "versioning_info": version if subtype in _VERSIONED else None,
    }


@routes.operation("registryItemFetch")
def fetch(call: Call) -> Document:
    """One item. What is not there, and what is another thing, is told in the status."""
    call.caller.require(READ)
    subtype, id = _subtype(call, "fetch"), call.query["id"]
    nothing: Document = {"item": None, "roles": None, "locked": None, "item_is_seed": None}
    if not id:
        return {"status": failure("Value error. Details ID cannot be empty."), **nothing}
    item = call.store.get(KIND, id)
    if item is None:
        return {"status": failure(f"Could not find the given key ({id}) in the registry."), **nothing}
    if not _may_read(item, call.caller.username):
        raise Refusal(401, "You are not authorised to fetch this item.")
    is_seed = item["record_type"] == "SEED_ITEM"
    if item["item_subtype"] != subtype or (not is_seed and find_violations(subtype, _shown(item))):
        return {"status": failure(_UNPARSABLE), **nothing}
    if is_seed and not call.query.get("seed_allowed"):
        text = "A valid seed item was found, but seed_allowed was set to false."
        return {"status": failure(text), **nothing}
    roles = ["metadata-read", "metadata-write", "admin"]
    is_owner = item["owner_username"] == call.caller.username
    return {
        "status": success("The item was found."),
        "item": _shown(item),
        "roles": roles if is_owner else roles[:1],
        "locked": False,
        "item_is_seed": is_seed,
    }


@routes.operation("registryGeneralFetch")
def fetch_any(call: Call) -> Document:
    """One item of any subtype, without the members that have no value."""
    call.caller.require(READ)
    item = call.store.get(KIND, call.query["id"])
    if item is None:
        return {"status": failure("The id you specified was not available in the registry."), "item": None}
    if not _may_read(item, call.caller.username):
        raise Refusal(401, "You are not authorised to fetch this item.")
    stored = {name: value for name, value in _shown(item).items() if value is not None}
    return {"status": success("The item was found."), "item": stored}


@routes.operation("registryItemList")
def list_items(call: Call) -> Document:
    """One page: it is cut first, and what does not match is taken out of it then."""
    call.caller.require(READ)
    subtype = _subtype(call, "list")
    body = call.body
    size = body.get("page_size", 20)
    if size < 1:
        message = f"Invalid value for parameter Limit, value: {size}, valid min value: 1"
        raise Refusal(500, f"Failed to query the database. Error: Parameter validation failed:\n{message}")
    sorting = body.get("sort_by") or {}
    if sorting.get("sort_type") not in _SORTS:
        raise Refusal(400, "Failed to generate query parameters. Error: Could not derive an index name.")
    member = _SORTS[sorting.get("sort_type")]
    # Items without the member are not in its index.
    known = [item for item in call.store.all(KIND, subtype) if item.get(member) is not None]
    known.sort(key=lambda item: (item[member], item["id"]), reverse=not sorting.get("ascending", False))
    start = _start(known, body.get("pagination_key"))
    cut = known[start : start + size]
    last = cut[-1] if start + size < len(known) else None
    key = None if last is None else {"id": last["id"], "item_subtype": subtype, member: last[member]}
    wanted = (body.get("filter_by") or {}).get("record_type", "COMPLETE_ONLY")
    return {**_page(cut, subtype, wanted, call.caller.username), "pagination_key": key}


def _start(known: list[Document], key: Any) -> int:
    if key is None:
        return 0
    for place, item in enumerate(known):
        if item["id"] == key.get("id"):
            return place + 1
    raise Refusal(500, "Failed to query the database. Error: An error occurred (500) when calling the Query operation")


def _page(cut: list[Document], subtype: str, wanted: str, username: str) -> Document:
    complete: list[Document] = []
    seeds: list[Document] = []
    broken: list[Document] = []
    hidden = 0
    for item in cut:
        is_seed = item["record_type"] == "SEED_ITEM"
        if wanted == ("COMPLETE_ONLY" if is_seed else "SEED_ONLY"):
            continue
        if not _may_read(item, username):
            hidden += 1
        elif is_seed:
            seeds.append(_shown(item))
        else:
            (broken if find_violations(subtype, _shown(item)) else complete).append(_shown(item))
    warning = failure(" WARNING at least one unparsable entity exists in the registry.")
    return {
        "status": warning if broken else success("The items were listed."),
        "items": complete,
        "seed_items": seeds,
        "unparsable_items": broken,
        "total_item_count": len(complete) + len(seeds) + len(broken),
        "complete_item_count": len(complete),
        "seed_item_count": len(seeds),
        "unparsable_item_count": len(broken),
        "not_authorised_count": hidden,
    }


def _may_read(item: Document, username: str) -> bool:
    return not item.get("_private") or item["owner_username"] == username


def _shown(item: Document) -> Document:
    return {name: value for name, value in item.items() if name != "_private"}
