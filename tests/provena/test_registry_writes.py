"""What the registry service writes: data, versions, access settings, locks; and what it refuses before it does."""

from __future__ import annotations

from typing import Any

import pytest

from kalbio._core.emulator.faults import Fault
from kalbio._core.errors import (
    IdentifierError,
    IdentifierNotFoundError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ValidationError,
)
from kalbio.provena import ItemAccess, UnsupportedActionError
from tests.provena.conftest import Lab

CONTEXT = {"sync": ("__enter__", "__exit__"), "async": ("__aenter__", "__aexit__")}


def writes(lab: Lab) -> list[str]:
    """The operations that were called and may have changed something."""
    reading = ("Fetch", "List", "Get", "Locked", "History", "Roles", "Evaluate", "Validate", "Schema")
    return [one for one in lab.asked if not one.endswith(reading)]


def inside(lab: Lab, block: Any, body: Any) -> None:
    """Run a `with` block of the world of a lab."""
    enter, leave = CONTEXT[lab.world.kind]
    lab(getattr(block, enter)())
    try:
        body()
    except ValueError as error:
        if not lab(getattr(block, leave)(type(error), error, error.__traceback__)):
            raise
    else:
        lab(getattr(block, leave)(None, None, None))


def test_an_update_changes_the_members_that_are_named(lab: Lab) -> None:
    """The others are sent as they are, although the server replaces all; what comes back is the item as it is then."""
    made = lab(lab.api.organisations.create(display_name="Reef", name="Reef", ror="https://ror.org/1"))
    found = lab(lab.api.organisations.update("Reef", reason="it grew", name="Reef group", user_metadata={"team": "a"}))
    assert lab.sent("registryItemUpdate") == [
        {"display_name": "Reef", "name": "Reef group", "ror": "https://ror.org/1", "user_metadata": {"team": "a"}}
    ]
    assert (found.id, found.name, found.ror) == (made.id, "Reef group", "https://ror.org/1")
    assert [one["reason"] for one in found.history] == ["it grew", "Initial record creation"]
    assert found.roles
    again = lab(found.update(reason="no ror", ror=None))
    assert "ror" not in lab.sent("registryItemUpdate")[-1]
    assert again.ror is None


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"reason": "x", "nam": "y"}, TypeError, r"no member 'nam'\. Did you mean 'name'"),
        ({"reason": "x"}, TypeError, "needs the members to change"),
        ({"name": "y"}, ValueError, "reason is missing"),
        ({"reason": " ", "name": "y"}, ValueError, "reason must be text"),
        ({"reason": "x", "name": None}, TypeError, "an organisation needs name"),
    ],
)
def test_an_update_that_cannot_be_is_not_sent(lab: Lab, arguments: Any, kind: type[Exception], text: str) -> None:
    """The error names what is wrong."""
    made = lab.organisation("Reef")
    with pytest.raises(kind, match=text):
        lab(lab.api.organisations.update(made, **arguments))
    assert writes(lab) == ["registryItemCreate"]


def test_a_seed_gets_its_data_later(lab: Lab) -> None:
    """It has a handle at once; filling it needs no reason, and registers who created it."""
    lab.linked()
    seed = lab(lab.api.models.seed())
    assert seed.is_seed
    assert seed.create_job_id is None
    with pytest.raises(TypeError, match="a model needs"):
        lab(seed.update(display_name="Coral"))
    urls = {"documentation_url": "https://docs.example.org", "source_url": "https://git.example.org"}
    full = lab(seed.update(display_name="Coral", name="Coral", description="Grows", **urls))
    assert (full.id, full.is_seed, full.name) == (seed.id, False, "Coral")
    assert full.create_job_id
    (created,) = lab.items(lab.api.registry("CREATE").list())
    assert created.created_item_id == seed.id


def test_a_revert_gives_the_data_of_an_entry_of_the_history(lab: Lab) -> None:
    """As a new entry; one that is not there is an error."""
    made = lab.organisation("Reef")
    lab(made.update(reason="rename", name="Other"))
    back = lab(lab.api.organisations.revert(made.id, 0, "it was wrong"))
    assert back.name == "Reef"
    assert back.history[0]["reason"] == "(Restoring to v0) it was wrong"
    with pytest.raises(ValidationError, match="does not have a history entry"):
        lab(back.revert(9, "x"))
    for wrong in ((-1, "x"), (True, "x"), (0, "")):
        with pytest.raises(ValueError, match=r"history_id|reason"):
            lab(lab.api.organisations.revert(made, *wrong))


def test_versions_follow_each_other(lab: Lab) -> None:
    """The new one is an item of its own, whose job is known; from any of them all are found, the oldest first."""
    lab.linked()
    first = lab.model()
    second = lab(lab.api.models.version("Coral model", "with currents"))
    assert (second.name, second.versioning_info["previous_version"]) == ("Coral model", first.id)
    assert second.version_job_id
    third = lab(second.version("with storms"))
    for one in (first, second, third):
        assert [found.id for found in lab(one.versions())] == [first.id, second.id, third.id]
    with pytest.raises(ValidationError, match="not the latest version"):
        lab(lab.api.models.version(first, "again"))
    organisation = lab.organisation("Reef")
    assert [one.id for one in lab(organisation.versions())] == [organisation.id]


def test_a_write_that_succeeded_is_no_error_when_it_cannot_be_read(lab: Lab) -> None:
    """What is known is given, and says that it is stale; reading it anew gives the rest."""
    lab.linked()
    model = lab.model()
    broken = Fault("registryItemFetch", status=503, times=3)
    lab.sandbox.faults.add(broken)
    new = lab(lab.api.models.version(model, "next"))
    assert new.is_stale
    assert new.version_job_id
    whole = lab(new.refetch())
    assert (whole.is_stale, whole.id, whole.name) == (False, new.id, "Coral model")
    lab.sandbox.faults.add(Fault("registryItemUpdate", lose_answer=True))
    with pytest.raises(OutcomeUnknownError):
        lab(whole.update(reason="x", name="y"))


def test_data_can_be_checked(lab: Lab) -> None:
    """Nothing is created; the server's reason is the error's."""
    person = {"display_name": "A", "first_name": "A", "last_name": "A", "email": "a@example.org"}
    assert lab(lab.api.persons.validate(**person, ethics_approved=True)) is None
    with pytest.raises(ValidationError, match="ethics"):
        lab(lab.api.persons.validate(**person, ethics_approved=False))
    with pytest.raises(ValidationError, match="not a valid email"):
        lab(lab.api.persons.validate(**{**person, "email": "a"}, ethics_approved=True))
    with pytest.raises(TypeError, match="a person needs"):
        lab(lab.api.persons.validate(display_name="A"))
    assert lab(lab.api.persons.count()) == 0


def test_schemas_are_told(lab: Lab) -> None:
    """That of the data, and how a form is shown."""
    schema = lab(lab.api.organisations.schema())
    assert schema["required"] == ["display_name", "name"]
    assert lab(lab.api.organisations.ui_schema())["ui:title"]


ACTIONS = {
    "delete": lambda service, id: service.delete(id),
    "lock": lambda service, id: service.lock(id, "x"),
    "unlock": lambda service, id: service.unlock(id, "x"),
    "set_access": lambda service, id: service.set_access(id, general=[]),
    "access": lambda service, id: service.access(id),
    "is_locked": lambda service, id: service.is_locked(id),
    "lock_history": lambda service, id: service.lock_history(id),
    "version": lambda service, id: service.version(id, "x"),
    "revert": lambda service, id: service.revert(id, 0, "x"),
    "update": lambda service, id: service.update(id, reason="x", name="x"),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_an_item_of_another_subtype_is_left_alone(lab: Lab, action: str) -> None:
    """The server would do it, whatever the subtype in the path; so the subtype is looked at first."""
    made = lab.organisation("Reef")
    for identifier in (made.id, made):
        with pytest.raises(IdentifierError, match="names no model: it is an ORGANISATION item"):
            lab(ACTIONS[action](lab.api.models, identifier))
    assert writes(lab) == ["registryItemCreate"]
    assert lab(lab.api.organisations.get(made.id))


@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_not_there_is_told(lab: Lab, action: str) -> None:
    """By its handle and by its name, before anything is written."""
    with pytest.raises((NotFoundError, IdentifierNotFoundError)):
        lab(ACTIONS[action](lab.api.models, "10378.1/0"))
    with pytest.raises(IdentifierNotFoundError):
        lab(ACTIONS[action](lab.api.models, "Coral"))
    assert writes(lab) == []


def test_a_subtype_is_looked_at_once(lab: Lab) -> None:
    """What was seen to be of it is not asked for again."""
    made = lab.organisation("Reef")
    for _ in range(3):
        lab(lab.api.organisations.is_locked(made.id))
    assert lab.asked.count("registryGeneralFetch") == 1


def test_a_delete_needs_an_administrator(lab: Lab) -> None:
    """By handle and by object; a name is free again then."""
    made = lab.organisation("Reef")
    with pytest.raises(PermissionDeniedError):
        lab(lab.login("alice").organisations.delete(made.id))
    lab(lab.api.organisations.delete("Reef"))
    assert lab(lab.api.organisations.get("Reef")) is None
    other = lab.organisation("Reef")
    lab(other.delete())
    assert lab(lab.api.registry.get(other.id)) is None


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda api: api.organisations.version("x", "y"), "only MODEL, .* have it"),
        (lambda api: api.registry("CREATE").seed(), "server writes"),
        (lambda api: api.registry("VERSION").update("x", reason="y", name="z"), "server writes"),
        (lambda api: api.registry("MODEL_RUN").revert("x", 0, "y"), "provenance service"),
    ],
)
def test_pairs_that_do_not_exist_are_not_sent(lab: Lab, call: Any, why: str) -> None:
    """The error says why."""
    with pytest.raises(UnsupportedActionError, match=why):
        lab(call(lab.api))
    assert lab.transport.exchanges == []


def test_what_is_changed_as_a_whole_is_not_changed_by_members(lab: Lab) -> None:
    """The objects of datasets and model runs say which call changes them, before anything is sent."""
    for subtype, cure in (("DATASET", r"client\.datasets\.update"), ("MODEL_RUN", r"client\.model_runs\.register")):
        members = {"id": "10378.1/7", "item_category": "ENTITY", "item_subtype": subtype, "owner_username": "admin"}
        lab.sandbox.put({**members, "record_type": "SEED_ITEM", "created_timestamp": 1, "updated_timestamp": 1})
        seed = lab(lab.api.registry.get("10378.1/7"))
        before = len(lab.asked)
        with pytest.raises(UnsupportedActionError, match=cure):
            lab(seed.update(reason="x", display_name="y"))
        assert len(lab.asked) == before
        lab(seed.delete())


def test_access_is_read_and_set(lab: Lab) -> None:
    """What is not named stays; sets go out sorted, and the owner with them."""
    made = lab.organisation("Reef")
    lab(lab.api.groups.admin.add("modellers", display_name="Modellers", description="They model"))
    assert lab(made.access()) == ItemAccess("admin", frozenset({"metadata-read"}), {})
    changed = lab(made.set_access(groups={"modellers": {"metadata-write", "metadata-read"}}))
    assert changed == lab(lab.api.organisations.access("Reef"))
    lab(lab.api.organisations.set_access(made.id, general=set()))
    assert lab.sent("registryItemAuthConfigurationPut") == [
        {"owner": "admin", "general": general, "groups": {"modellers": ["metadata-read", "metadata-write"]}}
        for general in (["metadata-read"], [])
    ]
    assert lab(lab.login("carol").organisations.my_roles(made.id)) == frozenset()
    assert "admin" in lab(lab.api.organisations.my_roles("Reef"))
    with pytest.raises(PermissionDeniedError):
        lab(lab.login("carol").organisations.get(made.id))


def test_a_group_gives_its_members_what_an_item_gives_it(lab: Lab) -> None:
    """The group itself may stand for its id; a member can read what others cannot."""
    made = lab.organisation("Reef")
    lab(lab.api.groups.admin.add("modellers", display_name="Modellers", description="They model"))
    lab(lab.api.groups.admin.add_member("modellers", "carol"))
    group = lab(lab.api.groups.get("modellers"))
    assert lab(made.set_access(general=[], groups={group: ["metadata-read"]})).groups.keys() == {"modellers"}
    assert lab(lab.login("carol").organisations.my_roles(made)) == {"metadata-read"}
    with pytest.raises(PermissionDeniedError):
        lab(lab.login("alice").organisations.get(made.id))


@pytest.mark.parametrize(
    ("wrong", "kind", "text"),
    [
        ({}, TypeError, "needs general, groups"),
        ({"general": "metadata-read"}, TypeError, "general must be a set of roles"),
        ({"general": ["metadata-reed"]}, ValueError, "Did you mean 'metadata-read'"),
        ({"general": ["dataset-data-read"]}, ValueError, "no role of an organisation"),
        ({"general": [7]}, ValueError, "7, which is no role"),
        ({"groups": ["modellers"]}, TypeError, "groups must be a dict"),
        ({"groups": {"": ["admin"]}}, TypeError, "no id of a group"),
        ({"groups": {"modellers": "admin"}}, TypeError, r"groups\['modellers'\] must be a set"),
        ({"groups": {"modellers": None}}, TypeError, r"groups\['modellers'\] must be a set"),
    ],
)
def test_access_that_cannot_be_is_not_sent(lab: Lab, wrong: Any, kind: type[Exception], text: str) -> None:
    """The error names the role or the group."""
    with pytest.raises(kind, match=text):
        lab(lab.api.organisations.set_access("Reef", **wrong))
    assert lab.transport.exchanges == []


def test_roles_are_told(lab: Lab) -> None:
    """Those of datasets are more than those of others."""
    names = [role.name for role in lab(lab.api.organisations.roles())]
    assert names == ["metadata-read", "metadata-write", "admin"]
    assert {role.name for role in lab(lab.api.registry("DATASET").roles())} > set(names)


def test_locks_are_set_told_and_taken_away(lab: Lab) -> None:
    """A locked item cannot be changed; who locked it, and why, is in its history."""
    made = lab.organisation("Reef")
    lab(made.lock("under review"))
    assert lab(lab.api.organisations.is_locked("Reef"))
    assert lab(made.refetch()).locked is True
    with pytest.raises(PermissionDeniedError, match="locked"):
        lab(made.update(reason="x", name="y"))
    with pytest.raises(ValidationError, match="already locked"):
        lab(made.lock("again"))
    lab(lab.api.organisations.unlock(made.id, "reviewed"))
    history = lab(lab.api.organisations.lock_history(made))
    assert [(one.action_type, one.reason, one.username) for one in history] == [
        ("LOCK", "under review", "admin"),
        ("UNLOCK", "reviewed", "admin"),
    ]
    assert history[0].at.year > 2000
    for wrong in ("", None, 7):
        with pytest.raises(ValueError, match="reason must be text"):
            lab(lab.api.organisations.lock(made, wrong))


def test_a_lock_ends_with_its_block(lab: Lab) -> None:
    """Also with an error; an item that is locked already stays so, and the block is not entered."""
    made = lab.organisation("Reef")
    seen = []

    def body() -> None:
        seen.append(lab(lab.api.organisations.is_locked(made)))
        if len(seen) == 2:
            raise ValueError("inside")

    inside(lab, lab.api.organisations.locked("Reef", "a run"), body)
    with pytest.raises(ValueError, match="inside"):
        inside(lab, lab.api.organisations.locked(made.id, "a run"), body)
    assert seen == [True, True]
    assert not lab(lab.api.organisations.is_locked(made))
    lab(made.lock("by hand"))
    with pytest.raises(ValidationError, match="already locked"):
        inside(lab, lab.api.organisations.locked(made, "a run"), body)
    assert len(seen) == 2
    assert lab(lab.api.organisations.is_locked(made))


def test_the_whole_registry_is_listed_counted_and_got_from(lab: Lab) -> None:
    """Items of all subtypes; one is got by its handle alone, as its own service gives it."""
    lab.linked()
    model, organisation = lab.model(), lab.organisation("Reef")
    assert lab(lab.api.registry.counts()) == {"CREATE": 1, "MODEL": 1, "ORGANISATION": 1, "PERSON": 1}
    assert lab(lab.api.registry.counts(record_type="SEED_ONLY")) == {}
    found = lab.items(lab.api.registry.list(sort="DISPLAY_NAME", ascending=True, page_size=1))
    assert [one.item_subtype for one in found] == ["PERSON", "MODEL", "CREATE", "ORGANISATION"]
    assert len(lab.items(lab.api.registry.list(limit=2))) == 2
    got = lab(lab.api.registry.get(organisation.id))
    assert got.to_dict() == organisation.to_dict()
    assert got.roles
    assert lab(lab.api.registry.get(model.id)).name == "Coral model"
    assert lab(lab.api.registry.get("10378.1/0")) is None
    assert lab(lab.api.registry.get("Reef")).id == organisation.id
    assert lab(lab.api.registry.get("Reefs")) is None
    with pytest.raises(IdentifierError, match="5 names no item"):
        lab(lab.api.registry.get(5))
    assert lab(lab.api.registry.server_version()).commit_id == "sandbox"
    assert lab(lab.api.models.count()) == 1
    assert lab.api.registry("MODEL") is lab.api.models


def test_releases_are_listed_by_their_time(lab: Lab) -> None:
    """Of oneself alone; the order that the server fails at is never asked for."""
    person, other = lab.linked(), lab.linked("bob")
    assert lab.items(lab.api.registry.releases(person.id, status="PENDING", limit=5)) == []
    assert lab.sent("registryEntityDatasetUserReleases") == [
        {
            "filter_by": {"release_reviewer": person.id, "release_status": "PENDING"},
            "sort_by": {"sort_type": "RELEASE_TIMESTAMP", "ascending": False},
            "page_size": 5,
        }
    ]
    with pytest.raises(PermissionDeniedError, match="your own dataset releases"):
        lab.items(lab.api.registry.releases("Bob"))
    with pytest.raises(IdentifierError, match="Did you mean 'Bob'"):
        lab.items(lab.api.registry.releases("Bobb"))
    for wrong in ({"reviewer": 5}, {"reviewer": other.id, "status": "DONE"}, {"reviewer": other.id, "limit": -1}):
        with pytest.raises(ValueError, match=r"person|status|limit"):
            lab.api.registry.releases(**wrong)


def test_a_registry_is_taken_out_and_in_again(lab: Lab) -> None:
    """Items with their settings and locks; nothing is written before it is said that it is no trial."""
    kept, gone = lab.organisation("Kept"), lab.organisation("Gone")
    lab(kept.lock("x"))
    admin = lab.api.registry
    items = lab(admin.export_items())
    lab(gone.delete())
    with pytest.raises(ValidationError, match="errors during validation of the import mode") as caught:
        lab(admin.import_items(items))
    assert caught.value.details[0][0] == f"Overlapping item on add only mode {kept.id}"
    trial = lab(admin.import_items(items, "ADD_OR_OVERWRITE"))
    assert (trial.trial_mode, trial.new_entries, trial.overwritten_entries) == (True, 1, 1)
    assert lab(lab.api.organisations.get(gone.id)) is None
    done = lab(admin.import_items(items, "ADD_OR_OVERWRITE", trial_mode=False))
    assert (done.trial_mode, done.new_registry_size) == (False, 2)
    assert lab(lab.api.organisations.get(gone.id)).to_dict() == gone.to_dict()
    assert lab(lab.api.organisations.is_locked(kept.id))
    with pytest.raises(ValidationError, match="import mode"):
        lab(admin.import_items(items[:1], "SYNC_DELETION_ALLOWED"))
    last = lab(admin.import_items(items[:1], "SYNC_DELETION_ALLOWED", allow_entry_deletion=True, trial_mode=False))
    assert last.deleted_entries == 1
    with pytest.raises(PermissionDeniedError):
        lab(lab.login("alice").registry.export_items())


@pytest.mark.parametrize(
    ("items", "mode", "text"),
    [
        ([], "ADD", "mode must be one of"),
        ("items", "ADD_ONLY", "items must be a list"),
        ([{"id": "10378.1/1"}], "ADD_ONLY", "an item to import has"),
    ],
)
def test_an_import_that_cannot_be_is_not_sent(lab: Lab, items: Any, mode: str, text: str) -> None:
    """The error says what is missing."""
    with pytest.raises((TypeError, ValueError), match=text):
        lab(lab.api.registry.import_items(items, mode))
    assert lab.transport.exchanges == []


@pytest.mark.parametrize(
    "how", [Fault("registryItemCreate", lose_answer=True), Fault("registryItemCreate", status=502, after=True)]
)
def test_an_item_whose_answer_was_lost_is_found(lab: Lab, how: Fault) -> None:
    """By its data, beside one that was there before and looks the same; without `verify` its fate is unknown."""
    before = lab.organisation("Reef")
    lab.sandbox.faults.add(how)
    made = lab(lab.api.organisations.create(display_name="Reef", name="Reef", verify=True))
    assert made.id != before.id
    assert lab(lab.api.organisations.count()) == 2
    lab.sandbox.faults.add(Fault("registryItemCreate", lose_answer=True))
    with pytest.raises(OutcomeUnknownError):
        lab.organisation("Other")


def test_a_version_whose_answer_was_lost_is_found(lab: Lab) -> None:
    """It is the next one of the item, which had none before."""
    lab.linked()
    model = lab.model()
    lab.sandbox.faults.add(Fault("registryItemVersion", lose_answer=True))
    resource = {"key": "config", "description": "x", "usage_type": "CONFIG_FILE"}
    lab.sandbox.faults.add(Fault("registryItemCreate", lose_answer=True))
    data = {"display_name": "Config", "deferred_resources": [resource]}
    assert lab(lab.api.dataset_templates.create(**data, verify=True)).deferred_resources[0]["key"] == "config"
    found = lab(model.version("next", verify=True))
    assert found.versioning_info["previous_version"] == model.id
    assert lab(lab.api.models.count()) == 2


def test_what_was_lost_and_is_not_there_stays_unknown(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never written a second time by itself."""
    for module in ("kalbio.provena._verified", "kalbio.provena.aio._verified"):
        monkeypatch.setattr(f"{module}.LOOKS", (0.0, 0.0))
    lab.linked()
    model = lab.model()
    lab.sandbox.faults.add(Fault("registryItemCreate", reset=True))
    with pytest.raises(OutcomeUnknownError):
        lab(lab.api.organisations.create(display_name="Reef", name="Reef", verify=True))
    assert lab(lab.api.organisations.count()) == 0
    lab.sandbox.faults.add(Fault("registryItemVersion", reset=True))
    with pytest.raises(OutcomeUnknownError):
        lab(model.version("next", verify=True))
    assert lab.asked.count("registryItemVersion") == 1
