"""Writes with `verify`: after a lost answer, what they have done is found, and what they have not done is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kalbio._core.emulator.faults import Fault
from kalbio._core.errors import OutcomeUnknownError
from tests.provena.conftest import Lab
from tests.provena.datasets import dataset, metadata
from tests.provena.scene import Scene
from tests.rows import row

Call = Callable[[Any], Any]


class Place:
    """What is there to be written."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.api = lab.api
        self.scene = Scene(lab.sandbox)
        lab.sandbox.link("admin", self.scene.person)
        self.model = lab(self.api.models.get(self.scene.model))
        self.dataset = dataset(lab)
        self.run = lab(self.api.model_runs.run_of(lab(self.api.model_runs.register(self.scene.record(study_id=None)))))
        groups = self.api.groups.admin
        lab(groups.add("modellers", "Modellers", "They model"))
        lab(groups.add_member("modellers", "bob"))
        self.handle = lab(self.api.handles.mint("https://data.example.org"))
        self.person = lab(self.api.access.linked_person())
        lab(self.api.releases.add_reviewer(self.person))


def released(it: Place) -> None:
    """The release of the dataset was asked for."""
    it.lab(it.api.releases.request(it.dataset, it.person, notes="please"))


def locked(it: Place) -> None:
    """The model is locked."""
    it.lab(it.model.lock("x"))


def linked(it: Place) -> None:
    """Bob is linked."""
    it.lab(it.api.access.admin.link_person("bob", it.scene.person))


def unlinked(it: Place) -> None:
    """The administrator is not linked."""
    it.lab(it.api.access.admin.clear_link("admin"))


def changed(it: Place) -> None:
    """The model and the dataset have another state than their first one."""
    it.lab(it.model.update(reason="x", name="other"))
    it.lab(it.api.datasets.update(it.dataset, metadata(it.lab, "Other"), reason="x"))


def _nothing(it: Place) -> None:
    """Nothing else."""


CASES: dict[str, tuple[str, Call, Callable[[Place], None]]] = {
    "seed": ("registryItemSeed", lambda it: it.api.models.seed(verify=True), _nothing),
    "update": ("registryItemUpdate", lambda it: it.model.update(reason="r", name="New", verify=True), _nothing),
    "revert": ("registryItemRevert", lambda it: it.model.revert(0, "back", verify=True), changed),
    "delete": ("registryItemDelete", lambda it: it.model.delete(verify=True), _nothing),
    "lock": ("registryItemLocksLock", lambda it: it.model.lock("r", verify=True), _nothing),
    "unlock": ("registryItemLocksUnlock", lambda it: it.model.unlock("r", verify=True), locked),
    "set_access": (
        "registryItemAuthConfigurationPut", lambda it: it.model.set_access(general=set(), verify=True), _nothing,
    ),
    "datasets.update": (
        "datastoreRegisterUpdateMetadata",
        lambda it: it.api.datasets.update(it.dataset, metadata(it.lab, "New"), reason="r", verify=True), _nothing,
    ),
    "datasets.revert": (
        "datastoreRegisterRevertMetadata", lambda it: it.api.datasets.revert(it.dataset, 0, "r", verify=True), changed,
    ),
    "model_runs.update": (
        "provModelRunUpdate", lambda it: it.api.model_runs.update(it.run, reason="r", display_name="N", verify=True),
        _nothing,
    ),
    "link_to_study": (
        "provModelRunEditLinkToStudy", lambda it: it.api.model_runs.link_to_study(it.run, "Reef study", verify=True),
        _nothing,
    ),
    "releases.request": (
        "datastoreReleaseApprovalRequest",
        lambda it: it.api.releases.request(it.dataset, it.person, notes="n", verify=True), _nothing,
    ),
    "approve": (
        "datastoreReleaseActionApprovalRequest",
        lambda it: it.api.releases.approve(it.dataset, notes="n", verify=True), released,
    ),
    "reject": (
        "datastoreReleaseActionApprovalRequest",
        lambda it: it.api.releases.reject(it.dataset, notes="n", verify=True), released,
    ),
    "remove_reviewer": (
        "datastoreReleaseSysReviewersDelete",
        lambda it: it.api.releases.remove_reviewer(it.person, verify=True), _nothing,
    ),
    "link_person": (
        "authLinkUserAssign", lambda it: it.api.access.link_person(it.scene.person, verify=True), unlinked,
    ),
    "admin.link_person": (
        "authLinkAdminAssign", lambda it: it.api.access.admin.link_person("carol", it.scene.person, verify=True),
        _nothing,
    ),
    "clear_link": ("authLinkAdminClear", lambda it: it.api.access.admin.clear_link("bob", verify=True), linked),
    "groups.add": (
        "authGroupsAdminAddGroup", lambda it: it.api.groups.admin.add("others", "Others", "o", verify=True), _nothing,
    ),
    "groups.update": (
        "authGroupsAdminUpdateGroup",
        lambda it: it.api.groups.admin.update("modellers", description="d", verify=True), _nothing,
    ),
    "groups.remove": (
        "authGroupsAdminRemoveGroup", lambda it: it.api.groups.admin.remove("modellers", verify=True), _nothing,
    ),
    "add_member": (
        "authGroupsAdminAddMember", lambda it: it.api.groups.admin.add_member("modellers", "carol", verify=True),
        _nothing,
    ),
    "remove_member": (
        "authGroupsAdminRemoveMember", lambda it: it.api.groups.admin.remove_member("modellers", "bob", verify=True),
        _nothing,
    ),
    "remove_members": (
        "authGroupsAdminRemoveMembers",
        lambda it: it.api.groups.admin.remove_members("modellers", ["bob"], verify=True), _nothing,
    ),
    "handles.add_value": (
        "handleAddValue", lambda it: it.api.handles.add_value(it.handle, "d", "DESC", verify=True), _nothing,
    ),
    "handles.add_value_by_index": (
        "handleAddValueByIndex", lambda it: it.api.handles.add_value_by_index(it.handle, 7, "d", "DESC", verify=True),
        _nothing,
    ),
    "handles.remove_by_index": (
        "handleRemoveByIndex", lambda it: it.api.handles.remove_by_index(it.handle, 1, verify=True), _nothing,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_was_done_is_found(lab: Lab, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """Without a second write; and of what was not done, nothing is found, whatever looks like it from before."""
    for world in ("kalbio.provena", "kalbio.provena.aio"):
        monkeypatch.setattr(f"{world}._verified.LOOKS", (0.0, 0.0))
        monkeypatch.setattr(f"{world}._lost_jobs.LOOKS_FOR", 0.0)
    operation, call, begin = CASES[case]
    it = Place(lab)
    begin(it)
    before = lab.asked.count(operation)
    lab.sandbox.faults.add(Fault(operation, reset=True))
    with pytest.raises(OutcomeUnknownError):
        lab(call(it))
    lab.sandbox.faults.add(Fault(operation, lose_answer=True))
    lab(call(it))
    assert lab.asked.count(operation) == before + 2


def test_what_cannot_be_verified_says_so(lab: Lab) -> None:
    """Whether a handle was minted nobody can ask: the error says that."""
    lab.sandbox.faults.add(Fault("handleMint", lose_answer=True))
    with pytest.raises(OutcomeUnknownError) as caught:
        lab(lab.api.handles.mint("https://e.example.org"))
    assert caught.value.__notes__ == ["whether it was minted cannot be verified: the servers do not list handles"]


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    """Let another program do something between a write whose answer is lost and the one look for what it did."""

    async def pause(seconds: float) -> None:
        await act()

    for world, sleep in (("kalbio.provena", lambda seconds: act()), ("kalbio.provena.aio", pause)):
        monkeypatch.setattr(f"{world}._verified.LOOKS", (0.0,))
        monkeypatch.setattr(f"{world}._verified.sleep", sleep)


def test_an_older_seed_is_not_taken_for_the_new_one(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor when it comes into the newest ones because one of those gets its data meanwhile."""
    for world in ("kalbio.provena", "kalbio.provena.aio"):
        monkeypatch.setattr(f"{world}.registry._LATELY", 2)
    seeds = [lab(lab.api.organisations.seed()) for _ in range(3)]
    other = lab.login("admin")
    meanwhile(monkeypatch, lambda: other.organisations.update(seeds[2].id, display_name="Reef", name="Reef"))
    lab.sandbox.faults.add(Fault("registryItemSeed", reset=True))
    with pytest.raises(OutcomeUnknownError):
        lab(lab.api.organisations.seed(verify=True))


def test_values_that_others_change_meanwhile_count_for_nobody(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value is gone when nothing has its index, and added when it is at an index that was free, and the one given."""
    handles, others = lab.api.handles, lab.login("admin").handles
    handle = lab(handles.mint("https://data.example.org"))
    calls: dict[str, tuple[str, Call, Callable[[], Any]]] = {
        "remove": (
            "handleRemoveByIndex", lambda api: api.remove_by_index(handle, 1, verify=True),
            lambda: others.modify_by_index(handle, 1, "https://e.example.org"),
        ),
        "add at an index": (
            "handleAddValueByIndex", lambda api: api.add_value_by_index(handle, 7, "d", "DESC", verify=True),
            lambda: others.add_value_by_index(handle, 8, "d", "DESC"),
        ),
        "add": (
            "handleAddValue", lambda api: api.add_value(handle, "e", "DESC", verify=True),
            lambda: others.modify_by_index(handle, 8, "e"),
        ),
    }  # fmt: skip
    for name, (operation, call, act) in calls.items():
        meanwhile(monkeypatch, act)
        lab.sandbox.faults.add(Fault(operation, reset=True))
        with row(name), pytest.raises(OutcomeUnknownError):
            lab(call(handles))


def test_looks_that_fail_are_no_finding(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says why nobody could look, and that nothing was found only where somebody could."""
    for world in ("kalbio.provena", "kalbio.provena.aio"):
        monkeypatch.setattr(f"{world}._verified.LOOKS", (0.0, 0.0))
    made = lab.organisation("Reef")
    for fails, text in ((2, "could not look: PermissionDeniedError: "), (1, "looked for what it has done, and found")):
        lab.sandbox.faults.add(Fault("registryItemDelete", reset=True))
        lab.sandbox.faults.add(Fault("registryGeneralFetch", status=403, times=fails))
        with row(text), pytest.raises(OutcomeUnknownError) as caught:
            lab(lab.api.organisations.delete(made, verify=True))
        assert any(note.startswith(f"verify {text}") for note in caught.value.__notes__), caught.value.__notes__
