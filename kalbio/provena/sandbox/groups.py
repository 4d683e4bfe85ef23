"""Groups of users: everybody sees them, administrators change them."""

from __future__ import annotations

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import imports
from kalbio.provena.sandbox.contract import find_faults
from kalbio.provena.sandbox.errors import failure, success
from kalbio.provena.sandbox.store import SYSTEM_ADMIN, SYSTEM_READ, SYSTEM_WRITE, Call, Routes, Store

routes = Routes()

KIND = "group"
_TABLE = "groups"
_METADATA = ("id", "display_name", "description", "default_data_store_access")
_MEMBER = ("username", "email", "first_name", "last_name")
_GROUP = ("id", "display_name", "description", "users")


def _unknown(id: str) -> Document:
    return failure(f"No group with id {id} was found.")


def _metadata(group: Document) -> Document:
    return {name: group.get(name) for name in _METADATA}


def _with_users(group: Document) -> Document:
    return {**_metadata(group), "users": [{name: user.get(name) for name in _MEMBER} for user in group["users"]]}


def _names(group: Document) -> list[str]:
    return [user["username"] for user in group["users"]]


def _sorted(store: Store) -> list[Document]:
    return sorted(store.all(KIND), key=lambda group: str(group["id"]))


def _groups(store: Store) -> Document:
    found = _sorted(store)
    status = success(f"Retrieved {len(found)} groups successfully")
    return {"status": status, "groups": [_metadata(group) for group in found]}


def _description(store: Store, id: str) -> Document:
    group = store.get(KIND, id)
    if group is None:
        return {"status": _unknown(id), "group": None}
    return {"status": success("Group metadata retrieved."), "group": _metadata(group)}


def _memberships(store: Store, username: str) -> Document:
    found = [_metadata(group) for group in _sorted(store) if username in _names(group)]
    return {"status": success(f"Member is part of {len(found)} groups as listed."), "groups": found}


def _is_member(store: Store, id: str, username: str) -> Document:
    group = store.get(KIND, id)
    if group is None:
        return {"status": _unknown(id), "is_member": None}
    status = success("Group was found and membership determined.")
    return {"status": status, "is_member": username in _names(group)}


# for everybody


@routes.operation("authGroupsUserListGroups")
def list_groups(call: Call) -> Document:
    """All groups."""
    return _groups(call.store)


@routes.operation("authGroupsUserDescribeGroup")
def describe(call: Call) -> Document:
    """One group."""
    return _description(call.store, call.query["id"])


@routes.operation("authGroupsUserListMembers")
def list_members(call: Call) -> Document:
    """The members of a group, for those who are among them."""
    id = call.query["id"]
    group = call.store.get(KIND, id)
    if group is None:
        return {"status": _unknown(id), "group": None}
    if call.caller.username not in _names(group):
        return {"status": failure(f"You are not a member of group with id {id}."), "group": None}
    return {"status": success(f"Group with {len(group['users'])} returned."), "group": _with_users(group)}


@routes.operation("authGroupsUserListUserMembership")
def list_memberships(call: Call) -> Document:
    """The groups of the caller."""
    return _memberships(call.store, call.caller.username)


@routes.operation("authGroupsUserCheckMembership")
def is_member(call: Call) -> Document:
    """Whether the caller is in a group."""
    return _is_member(call.store, call.query["group_id"], call.caller.username)


# for administrators


@routes.operation("authGroupsAdminListGroups", SYSTEM_READ)
def admin_list_groups(call: Call) -> Document:
    """All groups."""
    return _groups(call.store)


@routes.operation("authGroupsAdminDescribeGroup", SYSTEM_READ)
def admin_describe(call: Call) -> Document:
    """One group."""
    return _description(call.store, call.query["id"])


@routes.operation("authGroupsAdminListMembers", SYSTEM_READ)
def admin_list_members(call: Call) -> Document:
    """The members of any group."""
    id = call.query["id"]
    group = call.store.get(KIND, id)
    if group is None:
        return {"status": _unknown(id), "group": None}
    return {"status": success(f"Group with {len(group['users'])} users returned."), "group": _with_users(group)}


@routes.operation("authGroupsAdminListUserMembership", SYSTEM_READ)
def admin_list_memberships(call: Call) -> Document:
    """The groups of anybody."""
    return _memberships(call.store, call.query["username"])


@routes.operation("authGroupsAdminCheckMembership", SYSTEM_READ)
def admin_is_member(call: Call) -> Document:
    """Whether somebody is in a group."""
    return _is_member(call.store, call.query["group_id"], call.query["username"])


@routes.operation("authGroupsAdminAddGroup", SYSTEM_WRITE)
def add_group(call: Call) -> Document:
    """A new group, without members."""
    id = call.body["id"]
    if not id:
        raise Refusal(
            500,
            "Failed to check for existing group with ID: . Aborting. Error: Status code: 500, details: Failed to "
            "access user group table. Error: An error occurred (ValidationException) when calling the GetItem "
            "operation: One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
            "contain an empty string value. Key: id..",
        )
    if call.store.get(KIND, id) is not None:
        text = f"Tried to write a new group (id={id}) but there is an existing group! Update instead or remove first."
        raise Refusal(400, text)
    call.store.add(KIND, {**_given(call.body, _METADATA), "users": []})
    return {"status": success(f"Successfully created group with id: {id}.")}


def _given(body: Document, names: tuple[str, ...]) -> Document:
    return {name: body[name] for name in names if body.get(name) is not None}


@routes.operation("authGroupsAdminUpdateGroup", SYSTEM_WRITE)
def update_group(call: Call) -> Document:
    """Other metadata for a group; its members stay."""
    id = call.body["id"]
    group = call.store.get(KIND, id)
    if group is None:
        raise Refusal(400, f"Tried to update group with ID: {id} but it does not exist!")
    call.store.put(KIND, {**_given(call.body, _METADATA), "users": group["users"]})
    return {"status": success(f"Successfully updated metadata for group with id: {id}.")}


@routes.operation("authGroupsAdminRemoveGroup", SYSTEM_ADMIN)
def remove_group(call: Call) -> Document:
    """One group less."""
    id = call.query["id"]
    if call.store.get(KIND, id) is None:
        raise Refusal(400, f"Tried to delete group with ID: {id} but it does not exist!")
    _forget(call.store, id)
    return {"status": success(f"Successfully removed group with id: {id}.")}


def _forget(store: Store, id: str) -> None:
    store.run("delete from document where kind = ? and id = ?", KIND, id)


@routes.operation("authGroupsAdminAddMember", SYSTEM_WRITE)
def add_member(call: Call) -> Document:
    """One member more."""
    id = call.query["group_id"]
    group = call.store.get(KIND, id)
    if group is None:
        raise Refusal(400, f"Tried to add a user to group {id} but no such group was found.")
    if call.body["username"] in _names(group):
        text = f"Tried to add a user to group {id} but the user was already a member of the group."
        raise Refusal(400, text)
    call.store.put(KIND, {**group, "users": [*group["users"], _given(call.body, _MEMBER)]})
    return {"status": success(f"User added to group {id} successfully.")}


@routes.operation("authGroupsAdminRemoveMember", SYSTEM_WRITE)
def remove_member(call: Call) -> Document:
    """One member less."""
    id, username = call.query["group_id"], call.query["username"]
    group = _to_remove_from(call.store, id)
    if username not in _names(group):
        text = f"Tried to remove specified user from group with id {id} but the user was not found in the group."
        raise Refusal(400, text)
    _without(call.store, group, [username])
    return {"status": success(f"User {username} removed from group {id} successfully.")}


@routes.operation("authGroupsAdminRemoveMembers", SYSTEM_WRITE)
def remove_members(call: Call) -> Document:
    """Several members less, or none when one of them is not there."""
    id, usernames = call.body["group_id"], call.body["member_usernames"]
    group = _to_remove_from(call.store, id)
    for username in usernames:
        if username not in _names(group):
            raise Refusal(
                400,
                f"Tried to remove specified user with username {username} from group with id {id} but the user was "
                "not found in the group. No users removed!",
            )
    _without(call.store, group, usernames)
    return {"status": success(f"{len(usernames)} users were removed from group {id} successfully.")}


def _to_remove_from(store: Store, id: str) -> Document:
    group = store.get(KIND, id)
    if group is None:
        raise Refusal(400, f"Tried to remove a user from group {id} but no such group was found.")
    return group


def _without(store: Store, group: Document, usernames: list[str]) -> None:
    store.put(KIND, {**group, "users": [user for user in group["users"] if user["username"] not in usernames]})


@routes.operation("authGroupsAdminExport", SYSTEM_ADMIN)
def export(call: Call) -> Document:
    """All groups as they are stored."""
    found = _sorted(call.store)
    return {"status": success(f"Successfully exported {len(found)} items."), "items": found}


@routes.operation("authGroupsAdminImport", SYSTEM_ADMIN)
def import_groups(call: Call) -> Document:
    """Groups as an export has them, tried only unless told otherwise."""
    body, store = call.body, call.store
    broken: imports.Failures = [
        [text, item]
        for item in body["items"]
        if (text := _find_fault(item, parses=body.get("parse_items", True))) is not None
    ]
    kept = {group["id"]: group for group in store.all(KIND)}
    gone, answer = imports.plan(body, kept, broken, ("old_size", "new_size"))
    if imports.is_done(answer):
        for id in gone:
            _forget(store, id)
        for item in {item["id"]: item for item in body["items"]}.values():
            store.add(KIND, item)
    return answer


def _find_fault(item: Document, *, parses: bool) -> str | None:
    # Whether they are parsed or not, a group without an id and members would be none.
    needed = _GROUP if parses else ("id", "users")
    lacks = [name for name in needed if name not in item]
    if lacks:
        told = "".join(f"\n{name}\n  field required (type=value_error.missing)" for name in lacks)
        return f"Could not parse item as valid group, exception: {len(lacks)} validation errors for UserGroup{told}"
    faults = find_faults("UserGroup", {"display_name": "", "description": "", **item})
    return f"Could not parse item as valid group, exception: {faults[0]}" if faults else None


@routes.operation("authGroupsAdminRestoreFromTable", SYSTEM_ADMIN)
def restore(call: Call) -> Document:
    """Refused: there is no table but the one in use."""
    name = call.query["table_name"]
    if name != _TABLE:
        raise Refusal(500, imports.UNKNOWN_TABLE)
    told = f"You supplied {name} as the table_name which is equal to the current active groups table name."
    return imports.refuse_table(call.body, f"{told} This behaviour is not supported.")
