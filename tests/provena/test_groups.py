"""Groups: seen by everybody, changed by administrators."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kalbio._core.errors import ConflictError, NotFoundError, PermissionDeniedError, ValidationError
from tests.provena.conftest import Lab
from tests.rows import row


def _body(lab: Lab) -> Any:
    return json.loads(lab.transport.exchanges[-1].body)


def _modellers(lab: Lab, *members: str) -> Any:
    group = lab(lab.api.groups.admin.add("modellers", "Modellers", "people who model"))
    for name in members:
        lab(lab.api.groups.admin.add_member(group, name))
    return group


def test_seen_by_members(lab: Lab) -> None:
    """Everybody sees which groups there are; who is in one sees who else is."""
    _modellers(lab, "alice", "bob")
    alice, erin = lab.login("alice").groups, lab.login("erin").groups
    (group,) = lab(erin.list())
    assert (group.id, group.display_name, group.description) == ("modellers", "Modellers", "people who model")
    assert lab(erin.get(group)).default_data_store_access is None
    assert lab(erin.get("nowhere")) is None
    assert [one.username for one in lab(alice.members(group))] == ["alice", "bob"]
    assert (lab(alice.mine()), lab(erin.mine())) == ([group], [])
    assert (lab(alice.is_member(group)), lab(erin.is_member(group))) == (True, False)
    with pytest.raises(PermissionDeniedError, match="You are not a member"):
        lab(erin.members(group))
    for call in (alice.members, alice.is_member):
        with pytest.raises(NotFoundError, match="No group with id nowhere"):
            lab(call("nowhere"))
    with pytest.raises(PermissionDeniedError):
        lab(alice.admin.list())


def test_members(lab: Lab) -> None:
    """Members are added once, and removed one by one or together, all of them or none."""
    admin = lab.api.groups.admin
    group = _modellers(lab, "bob", "erin")
    lab(admin.add_member(group, "alice", email="alice@example.org", first_name="Alice"))
    assert _body(lab) == {"username": "alice", "email": "alice@example.org", "first_name": "Alice"}
    with pytest.raises(ConflictError, match="already a member"):
        lab(admin.add_member(group, "bob"))
    assert [one.id for one in lab(admin.of_user("alice"))] == ["modellers"]
    assert lab(admin.is_member(group, "alice"))
    calls: tuple[Any, ...] = (
        lambda: admin.remove_member(group, "zed"),
        lambda: admin.remove_members(group, ["bob", "zed"]),
    )
    for call in calls:
        with pytest.raises(NotFoundError, match="was not found in the group"):
            lab(call())
    assert [(one.username, one.email) for one in lab(admin.members(group))] == [
        ("bob", None), ("erin", None), ("alice", "alice@example.org"),
    ]  # fmt: skip
    lab(admin.remove_members(group, ["bob", "erin"]))
    lab(admin.remove_member(group, "alice"))
    assert lab(admin.members(group)) == []
    calls = (lambda: admin.add_member("nowhere", "bob"), lambda: admin.remove_member("nowhere", "bob"))
    for call in calls:
        with pytest.raises(NotFoundError, match="no such group"):
            lab(call())


def test_life_of_a_group(lab: Lab) -> None:
    """A group is added once; an update keeps what it does not name, and the members; it is removed once."""
    admin = lab.api.groups.admin
    group = lab(admin.add("g", "G", "first", default_data_store_access=["dataset-data-read"]))
    lab(admin.add_member(group, "bob"))
    with pytest.raises(ConflictError, match="there is an existing group"):
        lab(admin.add("g", "G", "again"))
    lab(admin.update("g", description="second"))
    assert _body(lab) == {
        "id": "g", "display_name": "G", "description": "second", "default_data_store_access": ["dataset-data-read"],
    }  # fmt: skip
    assert lab(admin.get("g")).description == "second"
    assert [one.username for one in lab(admin.members("g"))] == ["bob"]
    lab(admin.update(group, default_data_store_access=[]))
    assert lab(admin.get("g")).default_data_store_access == []
    lab(admin.remove(group))
    calls: tuple[Any, ...] = (lambda: admin.remove("g"), lambda: admin.update("g", description="x"))
    for call in calls:
        with pytest.raises(NotFoundError):
            lab(call())


def test_export_and_import(lab: Lab) -> None:
    """What was exported can be imported; by default it is only tried, and what a mode does not allow is refused."""
    admin = lab.api.groups.admin
    _modellers(lab, "bob")
    kept = lab(admin.export())
    assert kept[0]["users"] == [{"username": "bob"}]
    with pytest.raises(ValidationError, match="errors during validation of the import mode") as told:
        lab(admin.import_groups(kept))
    assert told.value.details == [["Overlapping item on add only mode modellers", kept[0]]]
    new = [{"id": "new", "display_name": "N", "description": "d", "users": []}]
    counted = lab(admin.import_groups(new))
    assert counted["new_size"] == 2
    assert [one.id for one in lab(admin.list())] == ["modellers"]
    lab(admin.import_groups(new, trial=False))
    assert [one.id for one in lab(admin.list())] == ["modellers", "new"]
    with pytest.raises(ValidationError):
        lab(admin.import_groups(new, "SYNC_DELETION_ALLOWED", trial=False))
    counted = lab(admin.import_groups(new, "SYNC_DELETION_ALLOWED", trial=False, allow_deletion=True))
    assert counted == {
        "old_size": 2, "new_size": 1, "deleted_entries": 1, "overwritten_entries": 1, "new_entries": 0,
    }  # fmt: skip
    assert [one.id for one in lab(admin.list())] == ["new"]
    with pytest.raises(ValidationError, match="parsing issues"):
        lab(admin.import_groups([{"id": "bad"}], "ADD_OR_OVERWRITE"))
    with pytest.raises(ValidationError, match="active groups table"):
        lab(admin.restore("groups", "ADD_OR_OVERWRITE"))


def test_refused_before_anything_is_sent(lab: Lab) -> None:
    """What cannot be meant is refused without a request."""
    groups, admin = lab.api.groups, lab.api.groups.admin
    cases: dict[str, tuple[Any, str]] = {
        "no group": (lambda: groups.get(""), "group must be text"),
        "no id": (lambda: admin.add(" ", "G", "d"), "id must be text"),
        "no description": (lambda: admin.add("g", "G", None), "description must be text"),
        "roles": (lambda: admin.add("g", "G", "d", default_data_store_access="all"), "must be a list of roles"),
        "no change": (lambda: admin.update("g"), "give what is to change"),
        "empty name": (lambda: admin.update("g", display_name=""), "display_name must be text"),
        "email": (lambda: admin.add_member("g", "bob", email=7), "email must be text"),
        "nobody": (lambda: admin.remove_members("g", []), "at least one user"),
        "one text": (lambda: admin.remove_members("g", "bob"), "usernames must be a list"),
        "mode": (lambda: admin.import_groups([], "REPLACE"), "mode must be one of"),
        "rows": (lambda: admin.import_groups(["g"]), "groups.* must be a dict"),
        "trial": (lambda: admin.restore("t", trial=None), "trial must be True or False"),
    }
    for name, (call, text) in cases.items():
        with row(name), pytest.raises(ValueError, match=text):
            lab(call())
    assert lab.asked == []
