"""Reviews: asked for by who manages a dataset, and decided by the reviewer who was named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kalbio._core.errors import IdentifierNotFoundError, PermissionDeniedError, ValidationError
from tests.provena.conftest import Lab
from tests.provena.datasets import client_of, dataset, metadata, person


def state(lab: Lab, made: Any) -> tuple[str, list[str]]:
    """The status of a release, and what happened."""
    read = lab(lab.api.datasets.get(made))
    return read.release_status, [entry["action"] for entry in read.release_history]


def test_a_dataset_is_rejected_and_then_released(lab: Lab) -> None:
    """Each step is in its history; its files stay as they are meanwhile, and its metadata may change."""
    made, reviewer = dataset(lab), person(lab, "bob")
    bob = client_of(lab, "bob")
    lab(lab.api.releases.add_reviewer("Bob"))
    assert lab(lab.api.releases.reviewers()) == [reviewer.id]
    lab(lab.api.releases.request(made, "Bob", notes="please"))
    assert state(lab, made) == ("PENDING", ["REQUEST"])
    with pytest.raises(PermissionDeniedError, match="pending review"):
        lab(lab.api.datasets.write_credentials(made))
    lab(lab.api.datasets.update(made, metadata(lab, "While pending"), reason="x"))
    lab(bob.releases.reject(made, notes="units"))
    assert state(lab, made) == ("NOT_RELEASED", ["REQUEST", "REJECT"])
    assert lab(lab.api.datasets.write_credentials(made))
    lab(lab.api.releases.request(made, reviewer, notes="again"))
    lab(bob.releases.approve(made, notes="good"))
    assert state(lab, made) == ("RELEASED", ["REQUEST", "REJECT", "REQUEST", "APPROVE"])
    with pytest.raises(PermissionDeniedError, match="released"):
        lab(lab.api.datasets.write_credentials(made))
    with pytest.raises(ValidationError, match="already pending review or is released"):
        lab(lab.api.releases.request(made, reviewer, notes="again"))
    new = lab(lab.api.datasets.version(made, "next", copy_files=False))
    assert state(lab, new) == ("NOT_RELEASED", [])


def test_who_may_not_ask_or_decide_is_refused(lab: Lab) -> None:
    """Managers ask, the named reviewer decides, and only what is PENDING."""
    made, reviewer = dataset(lab), person(lab, "bob")
    bob = client_of(lab, "bob")
    with pytest.raises(ValidationError, match="not a system dataset reviewer"):
        lab(lab.api.releases.request(made, reviewer, notes="x"))
    for name in ("Bob", "Admin"):
        lab(lab.api.releases.add_reviewer(name))
    with pytest.raises(PermissionDeniedError, match="not an admin of dataset"):
        lab(bob.releases.request(made, reviewer, notes="x"))
    with pytest.raises(ValidationError, match="not pending review"):
        lab(bob.releases.approve(made, notes="x"))
    with pytest.raises(ValidationError, match="link your User account"):
        lab(client_of(lab, "erin").releases.approve(made, notes="x"))
    lab(lab.api.releases.request(made, reviewer, notes="x"))
    with pytest.raises(PermissionDeniedError, match="not the approver"):
        lab(lab.api.releases.reject(made, notes="x"))
    assert state(lab, made) == ("PENDING", ["REQUEST"])


def test_a_reviewer_lists_what_was_asked_of_them(lab: Lab) -> None:
    """By status, and with the one order that the servers know; others are refused."""
    reviewer, first, second = person(lab, "bob"), dataset(lab), dataset(lab, "Second")
    bob = client_of(lab, "bob")
    lab(lab.api.releases.add_reviewer(reviewer))
    for made in (first, second):
        lab(lab.api.releases.request(made, reviewer, notes="x"))
    lab(bob.releases.approve(second, notes="x"))
    assert {one.id for one in lab.items(bob.registry.releases(reviewer.id))} == {first.id, second.id}
    assert [one.id for one in lab.items(bob.registry.releases(reviewer.id, status="PENDING"))] == [first.id]
    with pytest.raises(PermissionDeniedError, match="your own dataset releases"):
        lab.items(lab.api.registry.releases(reviewer.id))
    with pytest.raises(ValueError, match="status must be one of"):
        lab.items(bob.registry.releases(reviewer.id, status="DONE"))


def test_reviewers_are_persons(lab: Lab) -> None:
    """The server takes any text, so what names nobody is refused here; doing it twice does no harm."""
    person(lab, "bob")
    with pytest.raises(IdentifierNotFoundError):
        lab(lab.api.releases.add_reviewer("10378.1/0"))
    assert "datastoreReleaseSysReviewersAdd" not in lab.asked
    for _ in range(2):
        lab(lab.api.releases.add_reviewer("Bob"))
    assert len(lab(lab.api.releases.reviewers())) == 1
    for _ in range(2):
        lab(lab.api.releases.remove_reviewer("Bob"))
    assert lab(lab.api.releases.reviewers()) == []


@pytest.mark.parametrize("notes", ["", " ", None])
def test_a_review_says_something(lab: Lab, notes: Any) -> None:
    """Notes that are empty are refused before anything is sent."""
    calls: list[Callable[[], Any]] = [
        lambda: lab.api.releases.request("10378.1/1", "10378.1/2", notes=notes),
        lambda: lab.api.releases.approve("10378.1/1", notes=notes),
        lambda: lab.api.releases.reject("10378.1/1", notes=notes),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="notes must be text"):
            lab(call())
    assert lab.transport.exchanges == []
