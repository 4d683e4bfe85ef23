"""The routes on behalf of other users: their refusals; what the services do there for each other is not here."""

from __future__ import annotations

from kalbio._core.emulator.refusals import Code, Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import items
from kalbio.provena.sandbox.identity import User
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.registry import describe_any
from kalbio.provena.sandbox.store import ADMIN, READ, WRITE, Call, Routes

routes = Routes()

_CONTEXT = "X-Provena-User-Context"
_READING, _WRITING = ("Fetch",), ("Create", "Revert", "Seed", "Update", "Version")
_OPERATIONS = frozenset(f"registryItemProxy{action}" for action in (*_READING, *_WRITING))


def require_context(call: Call) -> None:
    """Refuse a call for a user whom no header names, and one by who is no service."""
    if call.operation.id not in _OPERATIONS:
        return
    if call.request.header(_CONTEXT) is None:
        text = f"No {_CONTEXT} header present. User context unavailable for proxy route."
        raise Refusal(400, text)
    _require_service(call)


def _require_service(call: Call) -> None:
    if ADMIN not in call.caller.roles:
        raise Refusal(401, "You are not authorised to take this action.")


@routes.operation("registryGeneralProxyFetch", READ)
def fetch(call: Call) -> Document:
    """One item of any subtype as it is stored, if the user that is named may read it."""
    _require_service(call)
    username, item = call.query["username"], call.store.get(ITEM, call.query["id"])
    user = User(username, frozenset(), "")
    if item is not None and not items.may_read(call.store, user, item):
        raise Refusal(401, "You are not authorised to fetch this item.")
    return describe_any(call.query["id"], item)


def _not_here(call: Call) -> None:
    raise Refusal(501, f"the sandbox does not implement {call.operation.id}", code=Code.NOT_IMPLEMENTED)


for _action in _READING:
    routes.operation(f"registryItemProxy{_action}", READ)(_not_here)
for _action in _WRITING:
    routes.operation(f"registryItemProxy{_action}", READ, WRITE)(_not_here)
