"""The rules of the registry as the stand-in has them: who may do what, and how it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from kalbio._core.emulator.messages import Request
from kalbio.provena.sandbox import Sandbox

MODEL = {
    "display_name": "Coral model",
    "name": "Coral",
    "description": "Grows corals",
    "documentation_url": "https://docs.example.org",
    "source_url": "https://git.example.org",
}
ORGANISATION = {"display_name": "Reef group", "name": "Reef group"}
STUDY = {"display_name": "A study", "title": "A study", "description": "About corals"}
TEMPLATE = {"display_name": "A template"}
DATASET_FORM = {
    "associations": {"organisation_id": "10378.1/1"},
    "approvals": {"ethics_registration": {}, "ethics_access": {}, "indigenous_knowledge": {}, "export_controls": {}},
    "dataset_info": {
        "name": "Reefs", "description": "Of corals", "access_info": {}, "publisher_id": "10378.1/1",
        "created_date": {}, "published_date": {}, "license": "https://license.example.org",
    },
}  # fmt: skip
NOT_LINKED = "In order to perform this operation you must link your User account to a Person in the registry."


class Registry:
    """The stand-in, asked by its users."""

    def __init__(self) -> None:
        self.sandbox = Sandbox()
        for user in ("admin", "alice", "bob"):
            data: dict[str, Any] = {
                "display_name": user,
                "first_name": user,
                "last_name": "X",
                "email": f"{user}@example.org",
            }
            person = self.create("agent/person", {**data, "ethics_approved": True}, user)
            self.sandbox.link(user, person["id"])

    def ask(self, user: str, method: str, action: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        """Send a request; gives the status and the body of the answer."""
        return self._send(user, method, f"/registry-api/{action}", body, query)

    def _send(self, user: str, method: str, target: str, body: Any, query: dict[str, Any]) -> tuple[int, Any]:
        token = self.sandbox.store.issue(user, "access", 300)
        headers = [("authorization", f"Bearer {token}")]
        if body is not None:
            headers.append(("content-type", "application/json"))
        target += f"?{urlencode(query)}" if query else ""
        answer = self.sandbox.handle(
            Request(method, target, headers, b"" if body is None else json.dumps(body).encode())
        )
        is_json = dict(answer.headers).get("content-type") == "application/json"
        return answer.status, json.loads(answer.body) if is_json else answer.body

    def do(self, user: str, method: str, action: str, body: Any = None, **query: Any) -> Any:
        """Send a request that succeeds."""
        status, answer = self.ask(user, method, f"registry/{action}", body, **query)
        assert status == 200, answer
        assert answer.get("status", {"success": True})["success"], answer
        return answer

    def refused(self, user: str, method: str, action: str, body: Any = None, **query: Any) -> tuple[int, str]:
        """Send a request that is refused; gives the status, and the reason."""
        status, answer = self.ask(user, method, f"registry/{action}", body, **query)
        if status == 200:
            assert answer["status"]["success"] is False
            return status, answer["status"]["details"]
        return status, answer["detail"]

    def group(self, id: str, member: str) -> None:
        """A new group with a member."""
        path = "auth-api/groups/admin"
        text = {"id": id, "display_name": id, "description": id}
        for action, body, query in (
            ("add_group", text, {}),
            ("add_member", {"username": member}, {"group_id": id}),
        ):
            status, answer = self._send("admin", "POST", f"/{path}/{action}", body, query)
            assert status == 200, answer

    def create(self, place: str, data: Any, user: str = "alice") -> Any:
        """A new item."""
        return self.do(user, "POST", f"{place}/create", data)["created_item"]

    def fetch(self, place: str, id: str, user: str = "alice") -> Any:
        """An item, with what is told with it."""
        return self.do(user, "GET", f"{place}/fetch", id=id, seed_allowed="true")


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry with three persons, who are users."""
    made = Registry()
    yield made
    made.sandbox.close()


@pytest.mark.parametrize(("place", "data"), [("entity/model", MODEL), ("activity/study", STUDY)])
def test_those_without_a_person_write_organisations_and_persons_only(registry: Registry, place: str, data: Any) -> None:
    """Everything else is refused with 400, and nothing is kept."""
    assert registry.create("agent/organisation", ORGANISATION, "erin")
    assert registry.refused("erin", "POST", f"{place}/create", data) == (400, NOT_LINKED)
    assert registry.refused("erin", "POST", f"{place}/seed") == (400, NOT_LINKED)
    assert registry.do("alice", "POST", f"{place}/list", {"filter_by": {"record_type": "ALL"}})["items"] == []


def test_members_without_a_value_are_null_where_the_subtype_is_known(registry: Registry) -> None:
    """Also in what is nested and in the history; the general route has what is stored, which is without them."""
    resource = {"key": "config", "description": "x", "usage_type": "CONFIG_FILE"}
    made = registry.create("entity/dataset_template", {**TEMPLATE, "deferred_resources": [resource]})
    full = {**resource, "optional": None, "is_folder": None, "additional_metadata": None}
    data: dict[str, Any] = {**TEMPLATE, "description": None, "user_metadata": None, "defined_resources": []}
    assert {name: made[name] for name in data} == data
    assert made["deferred_resources"] == [full] == made["history"][0]["item"]["deferred_resources"]
    stored = registry.do("alice", "GET", "general/fetch", id=made["id"])["item"]
    assert stored["deferred_resources"] == [resource]
    assert "description" not in stored
    assert stored["universal_partition_key"] == "OK"


def test_an_update_replaces_the_data_and_adds_to_the_history(registry: Registry) -> None:
    """The newest entry stands first, and has the data; a reason is needed."""
    id = registry.create("agent/organisation", {**ORGANISATION, "ror": "https://ror.org/1"})["id"]
    status, text = registry.refused("alice", "PUT", "agent/organisation/update", ORGANISATION, id=id)
    assert (status, text.partition(" as ")[0]) == (400, f"Cannot update item {id}")
    registry.do("alice", "PUT", "agent/organisation/update", ORGANISATION, id=id, reason="no ror")
    item = registry.fetch("agent/organisation", id)["item"]
    assert item["ror"] is None
    assert [(one["id"], one["reason"], one["item"]["ror"]) for one in item["history"]] == [
        (1, "no ror", None),
        (0, "Initial record creation", "https://ror.org/1"),
    ]


def test_an_earlier_state_comes_back_as_a_new_entry(registry: Registry) -> None:
    """Also the current one; an entry that is not there and a seed are refused."""
    id = registry.create("entity/model", MODEL)["id"]
    registry.do("alice", "PUT", "entity/model/update", {**MODEL, "name": "Other"}, id=id, reason="rename")
    for history_id in (0, 2):
        registry.do("alice", "PUT", "entity/model/revert", {"id": id, "history_id": history_id, "reason": "back"})
    item = registry.fetch("entity/model", id)["item"]
    assert item["name"] == "Coral"
    assert [one["reason"] for one in item["history"][:2]] == ["(Restoring to v2) back", "(Restoring to v0) back"]
    wanted = {"id": id, "history_id": 99, "reason": "back"}
    assert registry.refused("alice", "PUT", "entity/model/revert", wanted)[0] == 400
    seed = registry.do("alice", "POST", "entity/model/seed")["seeded_item"]["id"]
    status, text = registry.refused("alice", "PUT", "entity/model/revert", {**wanted, "id": seed})
    assert (status, text.split(".")[0]) == (400, "You cannot revert a seed item to a previous version")


def test_a_seed_becomes_complete_without_a_reason_and_its_creation_is_registered_then(registry: Registry) -> None:
    """The job is told, noted in the item, and makes an item CREATE."""
    seed = registry.do("alice", "POST", "entity/model/seed")["seeded_item"]
    assert registry.do("alice", "POST", "activity/create/list", {})["items"] == []
    answer = registry.do("alice", "PUT", "entity/model/update", MODEL, id=seed["id"])
    item = registry.fetch("entity/model", seed["id"])["item"]
    session_id = answer["register_create_activity_session_id"]
    assert item["workflow_links"]["create_activity_workflow_id"] == session_id
    assert [one["reason"] for one in item["history"]] == ["Initial record creation"]
    created = registry.do("alice", "POST", "activity/create/list", {})["items"]
    assert [(one["display_name"], one["created_item_id"]) for one in created] == [
        (f"Created item {seed['id']}", seed["id"])
    ]


def test_a_version_is_a_copy_and_the_graph_knows_of_it(registry: Registry) -> None:
    """Old and new know each other, settings come along, a lock does not prevent it, and only the newest has a next."""
    old = registry.create("entity/model", MODEL)["id"]
    settings = {"owner": "alice", "general": ["metadata-read"], "groups": {"modellers": ["admin"]}}
    registry.do("alice", "PUT", "entity/model/auth/configuration", settings, id=old)
    registry.do("alice", "PUT", "entity/model/locks/lock", {"id": old, "reason": "freeze"})
    status, text = registry.refused("bob", "POST", "entity/model/version", {"id": old, "reason": "x"})
    assert (status, text.startswith("You are not authorised")) == (401, True)
    answer = registry.do("admin", "POST", "entity/model/version", {"id": old, "reason": "faster"})
    new = registry.fetch("entity/model", answer["new_version_id"], "admin")
    item = new["item"]
    assert item["versioning_info"] == {
        "previous_version": old, "version": 2, "reason": "faster", "next_version": None,
    }  # fmt: skip
    assert item["workflow_links"]["version_activity_workflow_id"] == answer["version_job_session_id"]
    assert [one["reason"] for one in item["history"]] == [f"New version of existing item (id={old})."]
    assert (new["locked"], item["owner_username"], item["name"]) == (False, "admin", "Coral")
    kept = registry.do("admin", "GET", "entity/model/auth/configuration", id=item["id"])
    assert kept == {**settings, "owner": "admin"}
    assert registry.fetch("entity/model", old)["item"]["versioning_info"]["next_version"] == item["id"]
    (made,) = registry.do("alice", "POST", "activity/version/list", {})["items"]
    assert made["display_name"] == f"(V2) Version from {old} to {item['id']}"
    status, text = registry.refused("alice", "POST", "entity/model/version", {"id": old, "reason": "again"})
    assert (status, text.endswith(f"Next version {item['id']} already exists!")) == (400, True)
    explored = registry.sandbox.handle(
        Request(
            "GET",
            f"/prov-api/explore/upstream?starting_id={item['id']}",
            [("authorization", f"Bearer {registry.sandbox.issue_token()}")],
        )
    )
    if explored.status != 501:  # of another part of the stand-in
        links = {(one["type"], one["target"]) for one in json.loads(explored.body)["graph"]["links"]}
        assert ("used", old) in links


def test_effective_roles_are_those_of_everybody_of_groups_of_the_owner_and_of_administrators(
    registry: Registry,
) -> None:
    """An item that nobody may see is in no list but that of its owner, and counted in the others."""
    id = registry.create("entity/model", MODEL)["id"]
    place = "entity/model/auth"
    seen = {user: registry.do(user, "GET", f"{place}/evaluate", id=id)["roles"] for user in ("alice", "bob", "admin")}
    everything = ["metadata-read", "metadata-write", "admin"]
    assert seen == {"alice": everything, "bob": ["metadata-read"], "admin": everything}
    registry.sandbox.store.add("group", {"id": "modellers", "users": [{"username": "bob"}]})
    hidden = {"owner": "alice", "general": [], "groups": {}}
    registry.do("alice", "PUT", f"{place}/configuration", hidden, id=id)
    assert registry.do("bob", "GET", f"{place}/evaluate", id=id)["roles"] == []
    assert registry.refused("bob", "GET", "entity/model/fetch", id=id)[0] == 401
    assert registry.refused("bob", "GET", "general/fetch", id=id)[0] == 401
    page = registry.do("bob", "POST", "entity/model/list", {})
    assert (page["items"], page["not_authorised_count"]) == ([], 1)
    assert registry.do("bob", "POST", "general/list", {"filter_by": {"item_subtype": "MODEL"}})["items"] == []
    groups = {"owner": "alice", "general": [], "groups": {"modellers": ["metadata-write"]}}
    registry.do("alice", "PUT", f"{place}/configuration", groups, id=id)
    assert registry.fetch("entity/model", id, "bob")["roles"] == ["metadata-write"]
    registry.do("bob", "PUT", "entity/model/update", MODEL, id=id, reason="as a member")
    assert registry.refused("bob", "GET", f"{place}/configuration", id=id)[0] == 401


def test_settings_keep_their_owner_and_have_known_roles(registry: Registry) -> None:
    """Everything else is taken: roles that do nothing, groups that do not exist, nothing at all."""
    id = registry.create("entity/model", MODEL)["id"]
    place = "entity/model/auth/configuration"

    def put(owner: str, general: list[str], groups: dict[str, list[str]], user: str = "alice") -> tuple[int, str]:
        settings = {"owner": owner, "general": general, "groups": groups}
        return registry.refused(user, "PUT", place, settings, id=id)

    assert put("bob", [], {})[0] == 400
    assert put("alice", ["dataset-data-read"], {})[0] == 400
    assert put("alice", [], {}, "bob")[0] == 401
    registry.do("alice", "PUT", place, {"owner": "alice", "general": ["metadata-write"], "groups": {"zz": []}}, id=id)
    assert registry.do("alice", "GET", place, id=id)["general"] == ["metadata-write"]


def test_a_lock_stops_updates_reverts_and_deletes_only(registry: Registry) -> None:
    """Its history is told, the oldest first; locking twice and unlocking twice is refused."""
    id = registry.create("entity/model", MODEL)["id"]
    wanted = {"id": id, "reason": "freeze"}
    assert registry.refused("bob", "PUT", "entity/model/locks/lock", wanted)[0] == 401
    registry.do("alice", "PUT", "entity/model/locks/lock", wanted)
    assert registry.refused("alice", "PUT", "entity/model/locks/lock", wanted)[0] == 400
    assert registry.fetch("entity/model", id)["locked"] is True
    locked = (401, "Cannot perform this action as the resource is locked.")
    assert registry.refused("alice", "PUT", "entity/model/update", MODEL, id=id, reason="x") == locked
    assert registry.refused("alice", "PUT", "entity/model/revert", {**wanted, "history_id": 0}) == locked
    assert registry.refused("admin", "DELETE", "entity/model/delete", id=id) == locked
    registry.do("alice", "PUT", "entity/model/locks/unlock", {"id": id, "reason": "thaw"})
    assert registry.refused("alice", "PUT", "entity/model/locks/unlock", wanted)[0] == 400
    assert registry.do("bob", "GET", "entity/model/locks/locked", id=id) == {"locked": False}
    history = registry.do("bob", "GET", "entity/model/locks/history", id=id)["history"]
    assert [(one["action_type"], one["reason"], one["email"]) for one in history] == [
        ("LOCK", "freeze", "alice@example.org"),
        ("UNLOCK", "thaw", "alice@example.org"),
    ]


@pytest.mark.parametrize(
    ("method", "action", "body", "query"),
    [
        ("PUT", "entity/model/update", MODEL, {"id": "10378.1/0", "reason": "x"}),
        ("PUT", "entity/model/revert", {"id": "10378.1/0", "history_id": 0, "reason": "x"}, {}),
        ("POST", "entity/model/version", {"id": "10378.1/0", "reason": "x"}, {}),
        ("DELETE", "entity/model/delete", None, {"id": "10378.1/0"}),
        ("GET", "entity/model/auth/evaluate", None, {"id": "10378.1/0"}),
        ("GET", "entity/model/auth/configuration", None, {"id": "10378.1/0"}),
        ("GET", "entity/model/locks/locked", None, {"id": "10378.1/0"}),
        ("GET", "entity/model/locks/history", None, {"id": "10378.1/0"}),
        ("PUT", "entity/model/locks/lock", {"id": "10378.1/0", "reason": "x"}, {}),
    ],
)
def test_what_is_not_there_is_a_400(registry: Registry, method: str, action: str, body: Any, query: Any) -> None:
    """Never a 404."""
    assert registry.refused("admin", method, action, body, **query)[0] == 400


def test_a_delete_forgets_whatever_its_path_says(registry: Registry) -> None:
    """Only administrators of the registry may do that."""
    id = registry.create("agent/organisation", ORGANISATION)["id"]
    assert registry.refused("alice", "DELETE", "entity/model/delete", id=id)[0] == 401
    registry.do("admin", "DELETE", "entity/model/delete", id=id)
    assert registry.refused("admin", "GET", "general/fetch", id=id)[0] == 200


def test_an_update_through_another_subtype_is_a_500(registry: Registry) -> None:
    """It is told in so many words, and nothing is changed."""
    id = registry.create("agent/organisation", ORGANISATION)["id"]
    status, text = registry.refused("alice", "PUT", "entity/model/update", MODEL, id=id, reason="x")
    assert (status, "neither a seed item nor a valid entry" in text) == (500, True)


@pytest.mark.parametrize(
    ("place", "data", "location", "kind"),
    [
        ("entity/model", {**MODEL, "source_url": "x"}, ["source_url"], "value_error.url.scheme"),
        ("agent/organisation", {"display_name": None, "name": "x"}, ["display_name"], "type_error.none.not_allowed"),
        ("agent/organisation", {"display_name": "x"}, ["name"], "value_error.missing"),
        (
            "agent/person",
            {"display_name": "x", "first_name": "x", "last_name": "x", "email": "x", "ethics_approved": True},
            ["email"],
            "value_error.email",
        ),
        (
            "entity/model_run_workflow",
            {"display_name": "x", "software_id": "1/2", "annotations": {"required": ["a"], "optional": ["a"]}},
            ["annotations", "__root__"],
            "value_error",
        ),
        (
            "entity/model_run_workflow",
            {"display_name": "x", "software_id": "1/2", "input_templates": [{"template_id": "1/3"}] * 2},
            ["input_templates"],
            "value_error",
        ),
        (
            "entity/dataset_template",
            {**TEMPLATE, "deferred_resources": [{"key": "a", "description": "", "usage_type": "GENERAL_DATA"}] * 2},
            ["deferred_resources"],
            "value_error",
        ),
    ],
)
def test_data_of_the_wrong_form_are_a_422(
    registry: Registry, place: str, data: Any, location: list[str], kind: str
) -> None:
    """It says where, and what, in a create and in a check."""
    for action in ("create", "validate"):
        status, answer = registry.ask("alice", "POST", f"registry/{place}/{action}", data)
        assert status == 422
        assert [(one["loc"], one["type"]) for one in answer["detail"]] == [(["body", *location], kind)]


def test_workflow_templates_name_complete_items_of_the_right_subtypes(registry: Registry) -> None:
    """Anything else is told in a 200."""
    model = registry.create("entity/model", MODEL)["id"]
    template = registry.create("entity/dataset_template", TEMPLATE)["id"]
    seed = registry.do("alice", "POST", "entity/dataset_template/seed")["seeded_item"]["id"]
    place = "entity/model_run_workflow/create"
    for software_id, template_id, reason in (
        ("10378.1/0", template, "Could not find Software ID"),
        (template, template, "could not be parsed as correct item type"),
        (model, "10378.1/0", "Could not find Dataset Template"),
        (model, seed, "Seed items"),
    ):
        data = {"display_name": "x", "software_id": software_id, "output_templates": [{"template_id": template_id}]}
        status, text = registry.refused("alice", "POST", place, data)
        assert (status, reason in text) == (200, True), text
    data = {"display_name": "x", "software_id": model, "output_templates": [{"template_id": template}]}
    assert registry.create("entity/model_run_workflow", data)["input_templates"] == []


def test_values_of_user_metadata_become_texts(registry: Registry) -> None:
    """Numbers and booleans, not what is nested; other members that nobody knows are ignored."""
    made = registry.create("agent/organisation", {**ORGANISATION, "user_metadata": {"a": 1, "b": True}, "surprise": 1})
    assert made["user_metadata"] == {"a": "1", "b": "True"}
    assert "surprise" not in made
    nested = {**ORGANISATION, "user_metadata": {"a": {}}}
    assert registry.ask("alice", "POST", "registry/agent/organisation/create", nested)[0] == 422


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("general/list", {"sort_by": {"sort_type": "RELEASE_TIMESTAMP"}}, 400),
        ("general/list", {"sort_by": {"sort_type": "ACCESS_INFO_URI_BEGINS_WITH", "begins_with": "x"}}, 400),
        ("general/list", {"filter_by": {"item_subtype": "DATASET", "release_status": "RELEASED"}}, 422),
        ("general/list", {"filter_by": {"release_reviewer": "x"}}, 500),
        ("general/list", {"sort_by": {"sort_type": "RELEASE_TIMESTAMP"}, "filter_by": {"release_reviewer": "x"}}, 200),
        ("general/list", {"filter_by": {"release_reviewer": "x", "item_subtype": "MODEL"}}, 200),
        ("entity/model/list", {"sort_by": {"sort_type": "RELEASE_TIMESTAMP"}}, 400),
        ("entity/model/list", {"sort_by": {"sort_type": "ACCESS_INFO_URI_BEGINS_WITH", "begins_with": "x"}}, 200),
        ("entity/model/list", {"sort_by": {"sort_type": "ACCESS_INFO_URI_BEGINS_WITH"}}, 422),
        ("entity/model/list", {"sort_by": {"sort_type": "DISPLAY_NAME", "begins_with": "x"}}, 422),
        ("entity/model/list", {"page_size": 0}, 500),
        ("entity/model/list", {"pagination_key": {"id": "x"}}, 500),
        ("entity/dataset/user/releases", {"filter_by": {}}, 400),
        ("entity/dataset/user/releases", {"filter_by": {"release_reviewer": "x"}}, 403),
    ],
)
def test_lists_that_cannot_be_sorted_or_filtered_so_are_refused(
    registry: Registry, path: str, body: Any, status: int
) -> None:
    """With the status that tells it least well."""
    assert registry.ask("alice", "POST", f"registry/{path}", body)[0] == status


def test_releases_are_those_of_the_reviewer_who_asks(registry: Registry) -> None:
    """By the time of their release, and by state."""
    person = registry.do("alice", "POST", "agent/person/list", {"sort_by": {"sort_type": "DISPLAY_NAME"}})["items"][0]
    assert person["display_name"] == "bob"
    for number, state in enumerate(("PENDING", "RELEASED")):
        registry.sandbox.put(
            {
                "id": f"10378.1/{number}", "display_name": state, "item_category": "ENTITY", "item_subtype": "DATASET",
                "record_type": "COMPLETE_ITEM", "owner_username": "alice", "created_timestamp": 1, "history": [],
                "updated_timestamp": 1, "release_status": state, "release_approver": person["id"],
                "release_timestamp": number, "release_history": [], "collection_format": DATASET_FORM,
                "s3": {"bucket_name": "b", "path": "p", "s3_uri": "s3://b/p"},
            }
        )  # fmt: skip
    body = {"filter_by": {"release_reviewer": person["id"]}, "sort_by": {"sort_type": "RELEASE_TIMESTAMP"}}
    status, answer = registry.ask("bob", "POST", "registry/entity/dataset/user/releases", body)
    assert status == 200, answer
    assert [one["display_name"] for one in answer["dataset_items"]] == ["RELEASED", "PENDING"]


def test_a_schema_has_everything_that_it_names(registry: Registry) -> None:
    """Every subtype has one, and a title for its form."""
    for place in ("agent/person", "entity/dataset", "entity/model_run_workflow", "activity/model_run"):
        schema = registry.do("carol", "GET", f"{place}/schema")["json_schema"]
        assert schema["title"].endswith("DomainInfo")
        names = set(json.dumps(schema).split('"#/definitions/')[1:])
        assert {name.split('"')[0] for name in names} == schema.get("definitions", {}).keys()
        titled = "ui:title" in registry.do("carol", "GET", f"{place}/ui_schema")["ui_schema"]
        assert titled == (place in ("agent/person", "entity/model_run_workflow"))


def test_roles_are_looked_at_before_the_request(registry: Registry) -> None:
    """Who may not call an operation is not told what is wrong with the call; whoever may is."""
    wrong = ("POST", "registry/agent/organisation/create", {"display_name": 7})
    assert registry.ask("dave", *wrong)[0] == registry.ask("carol", *wrong)[0] == 401
    assert registry.ask("alice", *wrong)[0] == 422
    assert registry.ask("alice", "DELETE", "registry/general/delete")[0] == 401
    assert registry.ask("admin", "DELETE", "registry/general/delete")[0] == 422
