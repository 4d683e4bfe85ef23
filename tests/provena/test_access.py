"""Roles, requests for others, and links of users to persons."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kalbio._core.errors import (
    ConflictError,
    IdentifierError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    ValidationError,
)
from tests.provena.conftest import Lab
from tests.rows import row

PERSON = {"first_name": "Ada", "last_name": "Lovelace", "ethics_approved": True}


def _person(lab: Lab, client: Any, name: str) -> str:
    email = f"{name.split()[0].lower()}@example.org"
    return str(lab(client.persons.create(display_name=name, email=email, **PERSON)).id)


def _sent(lab: Lab, operation: str) -> Any:
    return json.loads(next(one for one in lab.transport.exchanges[::-1] if one.operation == operation).body)


def test_link(lab: Lab) -> None:
    """A user who may not write for want of a person is told how to link one, links one by its name, and may write."""
    alice = lab.login("alice")
    study = {"display_name": "Reef", "title": "Reef", "description": "A study"}
    with pytest.raises(ValidationError, match=r"client\.access\.link_person\(") as told:
        lab(alice.studies.create(**study))
    assert told.value.cure.startswith("Link it once: client.access.link_person(")
    assert "link_person" in "".join(told.value._render_traceback_())
    assert lab(alice.access.linked_person()) is None
    person = _person(lab, alice, "Ada Lovelace")
    assert lab(alice.access.validate_link("Ada Lovelace")) == person
    assert lab(alice.access.link_person("Ada Lovelace")) == person
    assert lab(alice.access.linked_person()) == lab(lab.api.access.linked_person("alice")) == person
    assert lab(alice.studies.create(**study)).id


def test_links_that_are_refused(lab: Lab) -> None:
    """A person that is not there, is none, or is somebody else's is not linked, and nobody is linked twice."""
    alice, bob = lab.login("alice"), lab.login("bob")
    theirs, mine = _person(lab, bob, "Bob"), _person(lab, alice, "Ada")
    organisation = lab.organisation("Reef group")
    for name in ("link_person", "validate_link"):
        call = getattr(alice.access, name)
        cases: dict[str, tuple[Any, type[Exception], str]] = {
            "unknown": ("10378.1/0", NotFoundError, "not available in the registry"),
            "no such name": ("Nobody", IdentifierError, "Nobody"),
            "an organisation": (organisation, IdentifierError, "it is an ORGANISATION item"),
            "the id of one": (organisation.id, IdentifierError, "it is an ORGANISATION item"),
            "of somebody else": (theirs, PermissionDeniedError, "did not grant access"),
        }
        for case, (person, kind, text) in cases.items():
            before = lab.asked.count("authLinkUserAssign") + lab.asked.count("authLinkUserValidate")
            with row(name, case), pytest.raises(kind, match=text):
                lab(call(person))
            after = lab.asked.count("authLinkUserAssign") + lab.asked.count("authLinkUserValidate")
            assert after - before <= 1, case
    lab(alice.access.link_person(mine))
    for call in (alice.access.link_person, alice.access.validate_link):
        with pytest.raises(ConflictError, match="already has a person ID assigned"):
            lab(call(mine))


def test_links_of_administrators(lab: Lab) -> None:
    """Administrators link anybody, replace a link when they say so, find users of a person, and undo links."""
    admin, api = lab.api.access.admin, lab.api
    ada, bob = _person(lab, api, "Ada"), _person(lab, api, "Bob")
    assert lab(admin.link_person("carol", "Ada")) == ada
    with pytest.raises(ConflictError, match="Use the force parameter"):
        lab(admin.link_person("carol", bob))
    assert lab(admin.link_person("carol", bob, force=True)) == bob
    assert _sent(lab, "authLinkAdminAssign") == {
        "username": "carol", "person_id": bob, "force": True, "validate_item": True,
    }  # fmt: skip
    assert lab(admin.linked_users("Bob")) == ["carol"]
    assert lab(admin.linked_users(ada)) == []
    with pytest.raises(NotFoundError):
        lab(admin.link_person("zed", "10378.1/0"))
    lab(admin.link_person("zed", "10378.1/0", validate=False))
    assert lab(admin.linked_person("zed")) == "10378.1/0"
    for _ in range(2):
        lab(admin.clear_link("zed"))
    assert lab(admin.linked_person("zed")) is None
    with pytest.raises(PermissionDeniedError):
        lab(lab.login("alice").access.admin.linked_person("carol"))


def test_request_for_roles(lab: Lab) -> None:
    """A request names roles, keeps all others, is told by e-mail unless that is not wanted, and is made once."""
    erin = lab.login("erin")
    report = lab(erin.access.report())
    assert report.granted == ["entity-registry-read", "entity-registry-write"]
    assert (len(report.roles), report.roles["handle-read"]) == (12, False)
    wanted = lab(erin.access.request(["handle-read"], remove=["entity-registry-write"], send_email=False))
    assert wanted.granted == ["handle-read", "entity-registry-read"]
    assert _sent(lab, "authAccessControlUserRequestChange") == wanted.to_dict()
    assert lab.transport.exchanges[-1].target.endswith("send_email=false")
    assert lab.sandbox.emails == []
    made = lab(erin.access.requests(pending=True))
    assert [one.changes for one in made] == [{"handle-read": True, "entity-registry-write": False}]
    assert (made[0].status, made[0].username, made[0].notes) == ("PENDING_APPROVAL", "erin", "")
    with pytest.raises(ValidationError, match="pending less than 5 days"):
        lab(erin.access.request(["handle-write"]))
    lab(lab.login("frank").access.request(["handle-read"]))
    assert len(lab.sandbox.emails) == 1
    with pytest.raises(ValidationError, match="no differences"):
        lab(erin.access.request(["entity-registry-read"]))


def test_decisions(lab: Lab) -> None:
    """Administrators see all requests, note something, and decide; the user sees what became of it."""
    erin, admin = lab.login("erin"), lab.api.access.admin
    lab(erin.access.request(["handle-read"], send_email=False))
    assert [one.username for one in lab(admin.requests())] == ["erin"]
    (request,) = lab(admin.requests("erin", pending=True))
    assert lab(admin.requests("nobody")) == lab(admin.requests("nobody", pending=True)) == []
    lab(admin.add_note(request, "looked at it"))
    lab(admin.set_state(request, "APPROVED_PENDING_ACTION", note="fine", send_email=False))
    assert _sent(lab, "authAccessControlAdminChangeRequestState")["additional_note"] == "fine"
    assert lab.sandbox.emails == []
    lab(admin.set_state(request, "ACTIONED_PENDING_DELETION"))
    assert lab.sandbox.emails[0]["email_to"] == "erin@example.org"
    (seen,) = lab(erin.access.requests())
    assert (seen.status, seen.notes) == ("ACTIONED_PENDING_DELETION", "looked at it,fine")
    assert lab(admin.requests(pending=True)) == []
    for _ in range(2):
        lab(admin.delete_request(request))
    assert lab(erin.access.requests()) == []
    calls: tuple[Any, ...] = (
        lambda: admin.add_note(request, "x"),
        lambda: admin.set_state(request, "DENIED_PENDING_DELETION"),
    )
    for call in calls:
        with pytest.raises(NotFoundError):
            lab(call())


def test_refused_before_anything_is_sent(lab: Lab) -> None:
    """What cannot be meant is refused without a request that would change something."""
    access, admin = lab.api.access, lab.api.access.admin
    cases: dict[str, tuple[Any, str]] = {
        "nothing": (lambda: access.request(), "give at least one role"),
        "one text": (lambda: access.request("handle-read"), "add must be a list of names"),
        "unknown role": (lambda: access.request(["handle-reed"]), "Did you mean 'handle-read'"),
        "both": (lambda: access.request(["handle-read"], remove=["handle-read"]), "to be added and to be removed"),
        "username": (lambda: access.linked_person(" "), "username must be text"),
        "state": (lambda: admin.set_state(_request(), "DONE"), "state must be one of"),
        "request": (lambda: admin.add_note("erin", "x"), "request must be one that requests"),
        "note": (lambda: admin.add_note(_request(), ""), "note must be text"),
        "unchecked name": (lambda: admin.link_person("zed", "Ada", validate=False), "person must be a handle"),
        "flag": (lambda: admin.link_person("zed", "10378.1/1", force="yes"), "force must be True or False"),
    }
    for name, (call, text) in cases.items():
        with row(name), pytest.raises(ValueError, match=text):
            lab(call())
    assert set(lab.asked) == {"authAccessControlUserGenerateAccessReport"}


def _request() -> Any:
    from kalbio.provena._model.users import AccessRequest

    return AccessRequest({"username": "erin", "request_id": 1})


def test_surroundings(lab: Lab) -> None:
    """Each service of the stand-in says who the caller is, to those who have its roles."""
    from provena_api.api.handle import handle_check_access_check_read_access
    from provena_api.api.registry import registry_admin_config, registry_check_access_check_read_access

    carol = lab.login("carol")
    who = lab(carol.call(registry_check_access_check_read_access.build_request())).json()
    assert (who["username"], who["email"], who["roles"]) == ("carol", "carol@example.org", ["entity-registry-read"])
    for build in (handle_check_access_check_read_access.build_request, registry_admin_config.build_request):
        with pytest.raises(PermissionDeniedError):
            lab(carol.call(build()))
    answer = lab(lab.api.call(registry_admin_config.build_request()))
    assert (answer.headers["content-type"], answer.text.split("=")[0]) == ("text/plain; charset=utf-8", "stage")
    with pytest.raises(ServerError):
        lab(lab.api.handles.ids())
