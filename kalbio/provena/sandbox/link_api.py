"""Links of users to persons: each user makes one, administrators change them."""

from __future__ import annotations

from kalbio._core.emulator.refusals import Code, Problem, Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import items, links
from kalbio.provena.sandbox.errors import failure, not_found, success
from kalbio.provena.sandbox.registry import wrong_route
from kalbio.provena.sandbox.store import SYSTEM_ADMIN, SYSTEM_READ, SYSTEM_WRITE, Call, Routes, Store

routes = Routes()

_FETCHING = "Unexpected non 200 status code in Registry person auth configuration fetch. Status code: 400. Details: "


def _lookup(store: Store, username: str) -> Document:
    person_id = links.person_of(store, username)
    return {"person_id": person_id, "success": person_id is not None}


def _linked(store: Store, username: str) -> str | None:
    """What is said of a user who is linked already, None of others."""
    person_id = links.person_of(store, username)
    if person_id is None:
        return None
    return f"The username {username} already has a person ID assigned, ID {person_id}."


def _check_own(call: Call, person_id: str) -> None:
    """Refuse what is no person of the caller."""
    item = call.store.get(items.ITEM, person_id)
    if item is None:
        told = f"Item (id='{person_id}') was not present in the registry. Are you sure the id is correct?."
        raise Refusal(500, f"{_FETCHING}{told}")
    if item["item_subtype"] != "PERSON":
        raise Refusal(500, f"{_FETCHING}{wrong_route(item, 'PERSON')}")
    if items.settings(call.store, person_id)["owner"] != call.caller.username:
        raise Refusal(
            401,
            "Registry did not grant access to the auth configuration for this person. Details: You are not "
            f"authorised to view the access configuration for item id='{person_id}'..",
        )


def _person_id(call: Call) -> str:
    person_id: str = call.body["person_id"]
    if not person_id:
        text = "ensure this value has at least 1 characters"
        problem = Problem(("body", "person_id"), text, "minLength", 1)
        raise Refusal(422, text, code=Code.INVALID_BODY, problems=(problem,))
    return person_id


@routes.operation("authLinkUserLookup")
def look_up(call: Call) -> Document:
    """The person of the caller, or of anybody."""
    return _lookup(call.store, call.query.get("username") or call.caller.username)


@routes.operation("authLinkUserValidate")
def validate(call: Call) -> Document:
    """Whether the caller could be linked to a person."""
    person_id = _person_id(call)
    if (told := _linked(call.store, call.caller.username)) is not None:
        return {"status": failure(f"{told} You cannot deassign a Person ID without contacting an admin.")}
    _check_own(call, person_id)
    told = "This person ID could be linked to the specified username. Validation successful."
    return {"status": success(told)}


@routes.operation("authLinkUserAssign")
def assign(call: Call) -> Document:
    """The link of the caller, for good."""
    person_id = _person_id(call)
    if (told := _linked(call.store, call.caller.username)) is not None:
        raise Refusal(400, f"{told} You cannot deassign a Person ID without contacting an admin.")
    _check_own(call, person_id)
    links.link(call.store, call.caller.username, person_id)
    return {}


@routes.operation("authLinkAdminLookup", SYSTEM_READ)
def admin_look_up(call: Call) -> Document:
    """The person of anybody."""
    return _lookup(call.store, call.query["username"])


@routes.operation("authLinkAdminReverseLookup", SYSTEM_READ)
def admin_look_up_users(call: Call) -> Document:
    """The users that are linked to a person."""
    return {"usernames": links.users_of(call.store, call.query["person_id"])}


@routes.operation("authLinkAdminAssign", SYSTEM_WRITE)
def admin_assign(call: Call) -> Document:
    """A link for anybody, in place of another one when that is forced, to anything when that is not checked."""
    store, body = call.store, call.body
    username, person_id = body["username"], _person_id(call)
    told = _linked(store, username)
    if told is not None and not body.get("force", False):
        raise Refusal(400, f"{told} Use the force parameter to reassign.")
    item = store.get(items.ITEM, person_id)
    if body.get("validate_item", True) and (item is None or item["item_subtype"] != "PERSON"):
        raise Refusal(
            500,
            f"Registry fetch response id='{person_id}' indicated status failure - details: {not_found(person_id)}.",
        )
    links.link(store, username, person_id)
    return {}


@routes.operation("authLinkAdminClear", SYSTEM_ADMIN)
def admin_clear(call: Call) -> Document:
    """No link for somebody, who may have had none."""
    links.clear(call.store, call.query["username"])
    return {}
