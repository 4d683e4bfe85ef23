"""Answers of another shape than the description says: each is an error that says so, or a look that is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kalbio._core.emulator.faults import Fault
from kalbio._core.errors import ResponseError
from kalbio.provena import JobTimeoutError
from kalbio.provena.sandbox import jobs
from tests.provena.conftest import Lab

STATUS = {"status": {"success": True, "details": "."}}
OTHER = {
    **STATUS,
    "job": {
        "session_id": "other",
        "status": "SUCCEEDED",
        "job_type": "REGISTRY",
        "job_sub_type": "REGISTRY_WAKE_UP",
        "payload": {},
        "username": "admin",
        "created_timestamp": 1,
        "result": {},
        "info": "",
        "batch_id": None,
        "gsi_status": "ok",
    },
}
ITEM = {"id": "10378.1/1", "item_subtype": "MODEL", "record_type": "COMPLETE_ITEM", "display_name": "A"}
ID = "10378.1/1"
TEMPLATE = {**ITEM, "item_subtype": "MODEL_RUN_WORKFLOW_TEMPLATE"}
NODE = {"id": "10378.1/1", "item_subtype": "MODEL"}
SETTINGS = "registryItemAuthConfigurationGet"
REPORT = "authAccessControlUserGenerateAccessReport"


def answer(lab: Lab, operation: str, body: Any) -> None:
    """Let an operation answer so."""
    lab.sandbox.faults.add(Fault(operation, status=200, body=json.dumps(body).encode(), rate=1))


def _models(lab: Lab) -> Any:
    return lab.items(lab.api.models.list())


def _all(lab: Lab) -> Any:
    return lab.items(lab.api.registry.list())


def _jobs(lab: Lab) -> Any:
    return lab.items(lab.api.jobs.list())


def _upstream(lab: Lab) -> Any:
    return lab(lab.api.lineage.upstream("10378.1/1"))


CASES: list[tuple[str, Any, Callable[[Lab], Any], str]] = [
    ("registryItemList", {"items": "x"}, _models, "items should be a list of objects"),
    ("registryItemList", {"items": ["x"]}, _models, "items should be a list of objects"),
    ("registryItemList", {"unparsable_items": 7}, _models, "unparsable_items should be a list"),
    ("registryItemList", {"not_authorised_count": "x"}, _models, "not_authorised_count should be a number"),
    ("registryItemList", {"items": [], "pagination_key": "x"}, _models, "pagination_key should be an object"),
    ("registryGeneralList", {"items": [], "pagination_key": 7}, _all, "pagination_key should be an object"),
    ("registryItemList", {"items": [ITEM], "pagination_key": {"id": "1"}}, _models, "without an end"),
    ("registryGeneralList", {"items": [ITEM], "pagination_key": {"id": "1"}}, _all, "without an end"),
    ("jobJobsUserList", {"jobs": [], "pagination_key": {"id": "1"}}, _jobs, "without an end"),
    ("jobJobsUserList", {"jobs": 7}, _jobs, "jobs should be a list"),
    ("jobJobsUserFetch", OTHER, lambda lab: lab(lab.api.jobs.get("mine")), "not about the job 'mine'"),
    ("searchEntityRegistry", {"results": 7}, lambda lab: lab(lab.api.search.find("reef")), "results should be a list"),
    ("authGroupsUserListGroups", {"groups": 7}, lambda lab: lab(lab.api.groups.list()), "groups should be a list"),
    ("provExploreUpstream", {"graph": "x"}, _upstream, "graph should be an object"),
    ("provExploreUpstream", {"graph": {"nodes": "x"}}, _upstream, "nodes of a graph should be a list"),
    ("provExploreUpstream", {"graph": {"nodes": [{}]}}, _upstream, "needs id"),
    ("provExploreUpstream", {"graph": {"nodes": [NODE], "links": [{}]}}, _upstream, "needs source and target"),
    (
        "provExploreUpstream",
        {"graph": {"nodes": [NODE], "links": [{"type": "used", "source": NODE["id"], "target": "10378.1/2"}]}},
        _upstream,
        "'10378.1/2', which is not among its nodes",
    ),
    (REPORT, {"report": {"components": ["x"]}}, lambda lab: lab(lab.api.access.report()), "components should be"),
    ("registryItemFetch", {"item": {**ITEM, "versioning_info": "x"}}, lambda lab: lab(lab.api.models.versions(ID)),
     "versioning_info should be an object"),
    ("registryItemFetch", {"item": {**ITEM, "versioning_info": {"next_version": 7}}},
     lambda lab: lab(lab.api.models.versions(ID)), "versioning_info should be an object"),
    ("registryItemFetch", {"item": ITEM, "roles": 7}, lambda lab: lab(lab.api.models.get(ID)), "roles should be"),
    ("registryItemFetch", {"item": {**TEMPLATE, "input_templates": ["x"]}},
     lambda lab: lab(lab.api.model_runs.template(ID)), "do not have the form"),
    ("registryItemAuthEvaluate", {"roles": [1]}, lambda lab: lab(lab.api.models.my_roles(ID)), "roles should be"),
    ("registryItemAuthRoles", {"roles": ["x"]}, lambda lab: lab(lab.api.models.roles()), "roles should be"),
    ("registryItemLocksLocked", {"locked": "no"}, lambda lab: lab(lab.api.models.is_locked(ID)), "whether it is lock"),
    ("registryAdminExport", {"items": "x"}, lambda lab: lab(lab.api.registry.export_items()), "items should be"),
    ("registryAdminImport", {"statistics": "x"}, lambda lab: lab(lab.api.registry.import_items([])), "statistics sh"),
    ("registryAdminRestoreProvGraph", {"task_ids": 7}, lambda lab: lab(lab.api.registry.restore_lineage([])),
     "task_ids should be"),
    ("handleList", {"ids": [7]}, lambda lab: lab(lab.api.handles.ids()), "ids should be"),
    ("authLinkUserLookup", {"person_id": 7}, lambda lab: lab(lab.api.access.linked_person()), "person_id should be"),
    ("authGroupsAdminExport", {"items": 7}, lambda lab: lab(lab.api.groups.admin.export()), "items should be"),
    (
        REPORT,
        {"report": {"components": [{"component_roles": 7}]}},
        lambda lab: lab(lab.api.access.report()),
        "component_roles should be a list",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "member", "call"),
    [
        ("registryItemList", "items", _models),
        ("registryGeneralList", "items", _all),
        ("jobJobsUserList", "jobs", _jobs),
        ("jobJobsUserListBatch", "jobs", lambda lab: lab.items(lab.api.jobs.list_batch("x"))),
    ],
)
def test_pages_that_go_round_in_a_circle_are_an_error(
    lab: Lab, operation: str, member: str, call: Callable[[Lab], Any]
) -> None:
    """However long the circle is; it is no list without an end."""
    for key in ("1", "2", "3", "1"):
        body = {**STATUS, member: [], "pagination_key": {"id": key}}
        lab.sandbox.faults.add(Fault(operation, status=200, body=json.dumps(body).encode()))
    with pytest.raises(ResponseError, match="was read already"):
        call(lab)
    assert lab.asked == [operation] * 4


@pytest.mark.parametrize(("operation", "body", "call", "text"), CASES)
def test_an_answer_of_another_shape_is_an_error_that_says_so(
    lab: Lab, operation: str, body: Any, call: Callable[[Lab], Any], text: str
) -> None:
    """Neither a bare error of Python, nor less than there is, nor a list without an end."""
    if operation != "registryGeneralFetch":
        lab.sandbox.put({**ITEM, "owner_username": "admin", "item_category": "ENTITY"})
    answer(lab, operation, {**STATUS, **body})
    with pytest.raises(ResponseError, match=text):
        call(lab)


def test_access_that_was_not_told_whole_is_not_written_back(lab: Lab) -> None:
    """A change keeps what it does not name, so all of it must be known."""
    lab.linked()
    model = lab.model()
    answer(lab, SETTINGS, {**STATUS, "owner": "admin", "general": "metadata-read", "groups": {}})
    with pytest.raises(ResponseError, match="the answer has"):
        lab(lab.api.models.set_access(model, groups={}))
    assert "registryItemAuthConfigurationPut" not in lab.asked


def test_an_answer_about_another_job_is_a_look_that_is_lost(lab: Lab) -> None:
    """It does not end the wait, neither as a success nor as an error of its own."""
    id = jobs.launch(lab.sandbox.store, "admin", "REGISTRY_WAKE_UP", {})
    lab.sandbox.faults.add(Fault("jobJobsUserFetch", status=200, body=json.dumps(OTHER).encode(), times=2))
    job = lab(lab.api.jobs.wait(id, interval=0.001))
    assert (job.id, job.status) == (id, "SUCCEEDED")
    answer(lab, "jobJobsUserFetch", OTHER)
    with pytest.raises(JobTimeoutError, match=r"the last look failed: .*not about the job"):
        lab(lab.api.jobs.wait(id, 0.01, interval=0.001))
