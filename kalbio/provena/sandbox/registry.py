"""The registry: items are seeded, created, fetched, changed, given new versions and deleted."""

from __future__ import annotations

from typing import Any

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document, Json
from kalbio.provena.sandbox import activities, items
from kalbio.provena.sandbox.contract import find_violations, load_contract, stem_of, subtype_of, subtypes_with
from kalbio.provena.sandbox.errors import UNCAUGHT, failure, not_found, success
from kalbio.provena.sandbox.forms import filled_data, shown
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.links import require_person
from kalbio.provena.sandbox.store import ADMIN, READ, WRITE, Call, Routes, Store
from kalbio.provena.sandbox.validation import find_objection, read_data

routes = Routes()

_NEED_NO_PERSON = frozenset({"ORGANISATION", "PERSON", "MODEL_RUN"})
_UNPARSABLE = (
    "The record was found but could not parsed as an appropriate type: Error The record was marked as a "
    "COMPLETE_ITEM but could not be parsed as the correct model."
)
_SEED_FILLED = "Successfully applied update. Seeded item was updated to a complete item."


def path_subtype(call: Call) -> str:
    """The subtype in the path."""
    subtype = subtype_of(call.path["category"], call.path["subtype"])
    if subtype is None:
        raise AssertionError(f"{call.request.path} has been routed")
    return subtype


def wrong_route(item: Document, subtype: str) -> str:
    """How the settings of an item are refused under the path of another subtype."""
    return (
        f"Failed to parse item with the associated route's subtype model of ItemSubType.{subtype}. Are you using the "
        f"correct endpoint route for id {item['id']} pointing to an item subtype of {item['item_subtype']}?"
    )


def needs_person(subtype: str) -> bool:
    """Whether those who write items of a subtype must be linked to a person."""
    return subtype not in _NEED_NO_PERSON


def require_writer(call: Call, subtype: str) -> str:
    """The person of the caller, empty where nobody asks for it; refuses those who may not write such items."""
    return require_person(call.store, call.caller.username) if needs_person(subtype) else ""


def find_item(call: Call, id: str) -> Document:
    """An item, refused as the servers do where an unlocked one is to be changed."""
    items.require_unlocked(call.store, id)
    return call.store.need(ITEM, id, 400)


def require_editor(call: Call, item: Document) -> None:
    """Refuse those who may not change an item."""
    if not items.may_write(call.store, call.caller, item):
        raise Refusal(401, f"You are not authorised to edit the item (id='{item['id']}').")


@routes.operation("registryItemCreate", READ, WRITE)
def create(call: Call) -> Document:
    """A complete item, with the first entry of its history."""
    subtype, store, username = path_subtype(call), call.store, call.caller.username
    data = read_data(subtype, call.body)
    person_id = require_writer(call, subtype)
    objection = find_objection(store, subtype, data)
    if objection is not None:
        status = failure(f"Validation Error: {objection}")
        return {"status": status, "created_item": None, "register_create_activity_session_id": None}
    _require_name(data)
    item = items.create(store, subtype, filled_data(subtype, data), username)
    session_id = None
    if subtype in items.VERSIONED:
        session_id = activities.register_creation(store, item, username, person_id)
        item = store.need(ITEM, item["id"])
    return {
        "status": success("The item was created."),
        "created_item": shown(item),
        "register_create_activity_session_id": session_id,
    }


def _require_name(data: Document) -> None:
    if not data["display_name"]:
        # The table has an index of names.
        raise Refusal(
            500,
            "Failed to write complete item to registry. Aborting. Contact administrator. Error: One or more parameter "
            "values are not valid. The AttributeValue for a key attribute cannot contain an empty string value.",
        )


@routes.operation("registryItemSeed", READ, WRITE)
def seed(call: Call) -> Document:
    """An item without data."""
    subtype = path_subtype(call)
    require_writer(call, subtype)
    item = items.seed(call.store, subtype, call.caller.username)
    return {"status": success("The item was seeded."), "seeded_item": shown(item)}


@routes.operation("registryItemUpdate", READ, WRITE)
def update(call: Call) -> Document:
    """Other data for an item, or data for a seed."""
    subtype, store, id = path_subtype(call), call.store, call.query["id"]
    data = read_data(subtype, call.body)
    person_id = require_writer(call, subtype)
    item = find_item(call, id)
    require_editor(call, item)
    is_seed, reason = item["record_type"] == "SEED_ITEM", call.query.get("reason")
    if item["item_subtype"] != subtype:
        text = "is neither a seed item nor a valid entry. Not sure how to handle this item. Aborting."
        raise Refusal(500, f"Item with id {id} {text}")
    if not is_seed and not reason:
        raise Refusal(
            400,
            f"Cannot update item {id} as no reason was provided and this item is not a seed item. "
            "Please provide a reason for this update.",
        )
    objection = find_objection(store, subtype, data)
    if objection is not None:
        status = failure(f"Validation Error: {objection}")
        return {"status": status, "register_create_activity_session_id": None}
    _require_name(data)
    username = call.caller.username
    item = items.update(store, item, filled_data(subtype, data), username, reason or "")
    session_id = None
    if is_seed and subtype in items.VERSIONED:
        session_id = activities.register_creation(store, item, username, person_id)
    done = _SEED_FILLED if is_seed else "The item has other data now."
    return {"status": success(done), "register_create_activity_session_id": session_id}


@routes.operation("registryItemRevert", READ, WRITE)
def revert(call: Call) -> Document:
    """An earlier state of an item, as a further entry of its history."""
    subtype, body = path_subtype(call), call.body
    require_writer(call, subtype)
    item = find_item(call, body["id"])
    require_editor(call, item)
    restore(call.store, item, body["history_id"], call.caller.username, body["reason"])
    return {"status": success(f"The item is again as in v{body['history_id']}.")}


def restore(store: Store, item: Document, history_id: int, username: str, reason: str) -> Document:
    """Give an item the data of an entry of its history."""
    if item["record_type"] == "SEED_ITEM":
        text = f"The item with id {item['id']} is not a complete item."
        raise Refusal(400, f"You cannot revert a seed item to a previous version. {text}")
    entry = find_entry(item, history_id)
    return items.update(store, item, entry["item"], username, f"(Restoring to v{history_id}) {reason}")


def find_entry(item: Document, history_id: int) -> Document:
    """An entry of the history of an item; else a refusal."""
    entry: Document | None = next((one for one in item.get("history", ()) if one["id"] == history_id), None)
    if entry is None:
        text = f"does not have a history entry with id matching {history_id}. No action taken."
        raise Refusal(400, f"The item with id {item['id']} {text}")
    return entry


@routes.operation("registryItemVersion", READ, WRITE)
def version(call: Call) -> Document:
    """The next version of an item; a lock does not prevent it."""
    subtype, body, username = path_subtype(call), call.body, call.caller.username
    person_id = require_writer(call, subtype)
    item = require_newest(call, body["id"], subtype)
    new = items.version(call.store, item, username, body["reason"])
    session_id = activities.register_version(call.store, new, username, person_id)
    return {"new_version_id": new["id"], "version_job_session_id": session_id}


def require_newest(call: Call, id: str, subtype: str) -> Document:
    """An item that the caller may give a next version; else a refusal."""
    item = call.store.get(ITEM, id)
    if item is None:
        raise Refusal(400, f"Could not find the given key ({id}) in the registry.")
    if item["item_subtype"] != subtype:
        raise Refusal(400, wrong_route(item, subtype))
    if not items.may_manage(call.store, call.caller, item):
        raise Refusal(401, f"You are not authorised to create a new version of the item (id='{id}').")
    if item["record_type"] == "SEED_ITEM":
        raise Refusal(400, f"Cannot create a new version for an item (id='{id}') which is a seed item.")
    following = item["versioning_info"].get("next_version")
    if following is not None:
        text = f"which is not the latest version. Next version {following} already exists!"
        raise Refusal(400, f"Cannot create a new version for an item (id='{id}') {text}")
    return item


@routes.operation("registryItemValidate", READ)
def validate(call: Call) -> Document:
    """Whether data could be registered."""
    subtype = path_subtype(call)
    objection = find_objection(call.store, subtype, read_data(subtype, call.body))
    return {
        "status": success("The data are valid.") if objection is None else failure(f"Validation Error: {objection}")
    }


@routes.operation("registryItemDelete", READ, WRITE, ADMIN)
def delete(call: Call) -> Document:
    """Forget an item, whatever its subtype is."""
    return _deleted(call)


@routes.operation("registryGeneralDelete", READ, WRITE, ADMIN)
def delete_any(call: Call) -> Document:
    """Forget an item."""
    return _deleted(call)


def _deleted(call: Call) -> Document:
    items.require_unlocked(call.store, call.query["id"])
    items.remove(call.store, call.query["id"])
    return {"status": success("The item was deleted.")}


@routes.operation("registryItemFetch", READ)
def fetch(call: Call) -> Document:
    """One item. What is not there, and what is another thing, is told in the status."""
    subtype, id = path_subtype(call), call.query["id"]
    nothing: Document = {"item": None, "roles": None, "locked": None, "item_is_seed": None}
    if not id:
        return {"status": failure("Value error. Details ID cannot be empty."), **nothing}
    item = call.store.get(ITEM, id)
    if item is None:
        return {"status": failure(not_found(id)), **nothing}
    roles = _require_reader(call, item)
    is_seed = item["record_type"] == "SEED_ITEM"
    if item["item_subtype"] != subtype or (not is_seed and find_violations(subtype, item)):
        return {"status": failure(_UNPARSABLE), **nothing}
    if is_seed and not call.query.get("seed_allowed"):
        text = "A valid seed item was found, but seed_allowed was set to false."
        return {"status": failure(text), **nothing}
    return {
        "status": success("The item was found."),
        "item": shown(item),
        "roles": roles,
        "locked": items.lock(call.store, id)["locked"],
        "item_is_seed": is_seed,
    }


def _require_reader(call: Call, item: Document) -> list[str]:
    if not items.may_read(call.store, call.caller, item):
        raise Refusal(401, "You are not authorised to fetch this item.")
    return items.roles(call.store, call.caller, item)


@routes.operation("registryGeneralFetch", READ)
def fetch_any(call: Call) -> Any:
    """One item of any subtype, as it is stored."""
    id = call.query["id"]
    if not id:
        return UNCAUGHT
    item = call.store.get(ITEM, id)
    if item is not None:
        _require_reader(call, item)
    return describe_any(id, item)


def describe_any(id: str, item: Document | None) -> Document:
    """An item of any subtype as it is stored, or that there is none."""
    if item is None:
        text = f"Failed to find item. Is the ID ('{id}') correct and in the database?"
        told = f'The id you specified was not available in the registry, error: "{text}".'
        return {"status": failure(told), "item": None}
    return {"status": success("The item was found."), "item": {**item, "universal_partition_key": "OK"}}


@routes.operation("registryGeneralAboutVersion", READ)
def about_version(call: Call) -> Document:
    """Which version this is; nobody has released it."""
    return {
        "commit_id": "sandbox",
        "commit_url": "https://git.sandbox.invalid/commit/sandbox",
        "tag_name": "N/A",
        "release_title": "N/A",
        "release_url": "N/A",
    }


@routes.operation("registryItemSchema", READ)
def schema(call: Call) -> Document:
    """The JSON schema of the data of a subtype."""
    found = schema_of(f"{stem_of(path_subtype(call))}DomainInfo")
    return {"status": success("The schema was found."), "json_schema": found}


def schema_of(name: str) -> Document:
    """A schema of the description that stands alone."""
    used: set[str] = set()
    found = _with_definitions(load_contract().spec["components"]["schemas"][name], used)
    definitions: Document = {}
    while left := used - definitions.keys():
        for one in left:
            definitions[one] = _with_definitions(load_contract().spec["components"]["schemas"][one], used)
    return {"title": name, **found, **({"definitions": definitions} if definitions else {})}


def _with_definitions(schema: Json, used: set[str]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            used.add(name)
            return {"$ref": f"#/definitions/{name}"}
        return {key: _with_definitions(one, used) for key, one in schema.items()}
    return [_with_definitions(one, used) for one in schema] if isinstance(schema, list) else schema


@routes.operation("registryItemUiSchema", READ)
def ui_schema(call: Call) -> Document:
    """How a form of the data is shown; nothing for those that people do not fill in."""
    subtype = path_subtype(call)
    shown_as: Document = {}
    if subtype in subtypes_with("registryItemCreate"):
        members = load_contract().spec["components"]["schemas"][f"{stem_of(subtype)}DomainInfo"]["properties"]
        shown_as = {"ui:title": subtype.replace("_", " ").capitalize()}
        shown_as |= {name: {"ui:description": name.replace("_", " ").capitalize()} for name in members}
    return {"status": success("The schema was found."), "ui_schema": shown_as}
