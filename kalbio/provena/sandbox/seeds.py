"""What a new stand-in holds: nothing, or the work of a small modelling group, made by requests like any other."""

from __future__ import annotations

import json
from collections.abc import Callable

from kalbio._core.emulator.messages import Request, Response
from kalbio._core.emulator.strict_json import Document, Json
from kalbio.provena.sandbox import links, objects, releases
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.store import Store

NAMES = ("demo", "empty")

_GROUP, _STUDY, _MODEL = "Reef group", "Bleaching study", "Coral model"
_FORCING, _COVER, _WORKFLOW = "Sea temperature", "Coral cover", "Bleaching workflow"
_START, _HOUR = 1_767_225_600, 3600  # the beginning of 2026


def check(seed: str) -> None:
    """Raise ValueError for a seed that there is not."""
    if seed not in NAMES:
        raise ValueError(f"seed must be one of {', '.join(NAMES)}; got {seed!r}")


def plant(seed: str, store: Store, handle: Callable[[Request], Response]) -> None:
    """Fill a new stand-in, which answers requests with `handle`."""
    if seed == "demo":
        _Gardener(store, handle).demo()
        store.end_all("access")


class _Gardener:
    def __init__(self, store: Store, handle: Callable[[Request], Response]) -> None:
        self._store = store
        self._handle = handle

    def demo(self) -> None:
        """A study with datasets, a model, a workflow and its runs; a group; and a dataset that waits for its review."""
        persons = [self._person("alice", "Alice", "Archer"), self._person("bob", "Bob", "Baker")]
        group = self._create("agent/organisation", display_name=_GROUP, name=_GROUP)
        study = self._create(
            "activity/study", display_name=_STUDY, title=_STUDY, description="How much coral a warmer sea leaves"
        )
        model = self._create(
            "entity/model", display_name=_MODEL, name=_MODEL, description="Coral cover from the temperature of the sea",
            documentation_url="https://docs.example.org/coral", source_url="https://git.example.org/coral",
        )  # fmt: skip
        forcing = self._dataset_template(f"{_FORCING} template", "temperature")
        cover = self._dataset_template(f"{_COVER} template", "cover")
        workflow = self._create(
            "entity/model_run_workflow", display_name=_WORKFLOW, software_id=model,
            input_templates=[{"template_id": forcing, "optional": False}],
            output_templates=[{"template_id": cover, "optional": False}],
            annotations={"required": ["scenario"], "optional": ["note"]},
        )  # fmt: skip
        datasets = [
            self._dataset(_FORCING, group, persons[0], "day,temperature\n1,27.5\n2,28.1\n"),
            self._dataset(_COVER, group, persons[0], "day,cover\n1,60.0\n2,59.2\n"),
        ]
        for number, scenario in enumerate(("today", "warmer")):
            record = {
                "workflow_template_id": workflow, "display_name": f"Bleaching, {scenario}", "model_version": "1.0",
                "description": f"The reef of {scenario}", "study_id": study, "annotations": {"scenario": scenario},
                "associations": {"modeller_id": persons[0], "requesting_organisation_id": group},
                "inputs": [_part(forcing, datasets[0], temperature="data.csv")],
                "outputs": [_part(cover, datasets[1], cover="data.csv")],
                "start_time": _START + number * _HOUR, "end_time": _START + (number + 1) * _HOUR,
            }  # fmt: skip
            self._ask("alice", "POST", "/prov-api/model_run/register", record)
        members = {"id": "modellers", "display_name": "Modellers", "description": "Who runs the models"}
        self._ask("admin", "POST", "/auth-api/groups/admin/add_group", members)
        for name in ("alice", "bob"):
            self._ask("admin", "POST", "/auth-api/groups/admin/add_member?group_id=modellers", {"username": name})
        self._store.add(releases.REVIEWER, {"id": persons[1]})
        asked = {"dataset_id": datasets[1], "approver_id": persons[1], "notes": "Ready for its release"}
        self._ask("alice", "POST", "/data-store-api/release/approval-request", asked)

    def _person(self, username: str, first_name: str, last_name: str) -> str:
        names = {"display_name": f"{first_name} {last_name}", "first_name": first_name, "last_name": last_name}
        person = self._create("agent/person", username, **names, email=f"{username}@example.org", ethics_approved=True)
        links.link(self._store, username, person)
        return person

    def _dataset_template(self, name: str, key: str) -> str:
        resource = {"key": key, "description": f"The {key} of each day", "usage_type": "GENERAL_DATA"}
        return self._create("entity/dataset_template", display_name=name, deferred_resources=[resource])

    def _dataset(self, name: str, organisation: str, custodian: str, text: str) -> str:
        approvals = ("ethics_registration", "ethics_access", "indigenous_knowledge", "export_controls")
        metadata = {
            "associations": {"organisation_id": organisation, "data_custodian_id": custodian},
            "approvals": {approval: {"relevant": False, "obtained": False} for approval in approvals},
            "dataset_info": {
                "name": name, "description": f"{name} of each day", "access_info": {"reposited": True},
                "publisher_id": organisation, "created_date": {"relevant": True, "value": "2026-01-02"},
                "published_date": {"relevant": False}, "license": "https://creativecommons.org/licenses/by/4.0/",
                "keywords": ["reef"],
            },
        }  # fmt: skip
        id: str = self._ask("alice", "POST", "/data-store-api/register/mint-dataset", metadata)["handle"]
        objects.put_text(self._store, f"{self._store.need(ITEM, id)['s3']['path']}data.csv", text)
        return id

    def _create(self, path: str, username: str = "alice", **data: Json) -> str:
        answer = self._ask(username, "POST", f"/registry-api/registry/{path}/create", data)
        id: str = answer["created_item"]["id"]
        return id

    def _ask(self, username: str, method: str, target: str, body: Document) -> Document:
        token = self._store.issue(username, "access", _HOUR)
        headers = [("authorization", f"Bearer {token}"), ("content-type", "application/json")]
        answer = self._handle(Request(method, target, headers, json.dumps(body).encode()))
        told: Document = json.loads(answer.body)
        if answer.status != 200 or told.get("status", {}).get("success", True) is not True:
            raise AssertionError(f"{method} {target} gave {answer.status}: {answer.body!r}")
        return told


def _part(template: str, dataset: str, **resources: str) -> Document:
    part = {"dataset_template_id": template, "dataset_id": dataset, "dataset_type": "DATA_STORE"}
    return {**part, "resources": resources}
