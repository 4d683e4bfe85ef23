"""How the stand-in treats model runs: what it refuses, what jobs make of records, what reaches the graph."""

from __future__ import annotations

from typing import Any

import pytest
from provena_api.api.job import job_jobs_user_fetch, job_jobs_user_list_batch
from provena_api.api.prov import (
    prov_admin_store_all_registry_records,
    prov_admin_store_record,
    prov_graph_admin_clear,
    prov_model_run_delete,
    prov_model_run_edit_link_to_study,
    prov_model_run_register,
    prov_model_run_register_batch,
    prov_model_run_register_sync,
    prov_model_run_update,
)
from provena_api.models import (
    ItemModelRun,
    ListByBatchRequest,
    ModelRunRecord,
    PostDeleteGraphRequest,
    PostUpdateModelRunInput,
    RegisterBatchModelRunRequest,
)

from kalbio._core.errors import APIError
from kalbio.provena.sandbox import Sandbox, graph, items
from tests.provena.conftest import Lab
from tests.provena.scene import Scene


@pytest.fixture
def scene(lab: Lab) -> Scene:
    """All that a model run needs."""
    return Scene(lab.sandbox)


def send(lab: Lab, request: Any, client: Any = None) -> Any:
    """The answer to a request."""
    return lab((client or lab.api).call(request)).json()


def register(lab: Lab, record: Any, client: Any = None) -> Any:
    """The job of a registration that was accepted, at its end."""
    request = prov_model_run_register.build_request(body=ModelRunRecord.from_dict(record))
    return job(lab, send(lab, request, client)["session_id"], client)


def job(lab: Lab, session_id: str, client: Any = None) -> Any:
    """A job."""
    return send(lab, job_jobs_user_fetch.build_request(session_id=session_id), client)["job"]


def refusal(lab: Lab, request: Any, client: Any = None) -> tuple[int, str]:
    """The status and text of a refusal."""
    with pytest.raises(APIError) as caught:
        send(lab, request, client)
    return caught.value.status_code, str(caught.value)


def links_above(sandbox: Sandbox, id: str) -> set[tuple[str, str]]:
    """The links that lead from an item."""
    with sandbox.lock:
        return {(link.type, link.target) for link in graph.upstream(sandbox.store, id, 1).links.values()}


def test_a_registered_run_is_an_item_and_in_the_graph(lab: Lab, scene: Scene) -> None:
    """The job gives the item, whose history begins with the complete record and ends with the lodged one."""
    done = register(lab, scene.record())
    assert done["status"] == "SUCCEEDED"
    run = lab(lab.api.model_runs.get(done["result"]["record"]["id"]))
    assert [(one["reason"], one["item"]["record_status"]) for one in run.history] == [
        ("Updating item to mark completion of provenance lodge.", "LODGED"),
        ("Initial record creation", "COMPLETE"),
    ]
    assert run.to_dict()["record"]["display_name"] == run.display_name == "Run one"
    assert links_above(lab.sandbox, run.id) == {
        ("used", scene.input),
        ("used", scene.model),
        ("used", scene.workflow),
        ("wasAssociatedWith", scene.person),
        ("wasAssociatedWith", scene.organisation),
        ("wasInformedBy", scene.study),
    }


def test_a_run_needs_no_person_but_the_role_to_write(lab: Lab, scene: Scene) -> None:
    """A user without a person may register runs, one who may only read may not."""
    assert register(lab, scene.record(), lab.login("erin"))["status"] == "SUCCEEDED"
    request = prov_model_run_register.build_request(body=ModelRunRecord.from_dict(scene.record()))
    assert refusal(lab, request, lab.login("carol"))[0] == 401


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"workflow_template_id": "10378.1/0"}, "Provided model run workflow definition with id 10378.1/0 was not"),
        ({"study_id": "10378.1/0"}, "Provided model run workflow definition with id 10378.1/0 was not"),
        ({"associations": {"modeller_id": "10378.1/0"}}, "Modeller with id 10378.1/0 was not a valid person"),
        ({"annotations": None}, "Missing required annotations with keys: (scenario)"),
        ({"annotations": {"scenario": ""}}, "Missing required annotations with keys: (scenario)"),
        ({"inputs": []}, "but it was not present in the inputs"),
        ({"outputs": []}, "but it was not present in the outputs"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_at_once(lab: Lab, scene: Scene, change: Any, text: str) -> None:
    """What a record names must be there and of the right subtype, and what its template requires must be in it."""
    request = prov_model_run_register.build_request(body=ModelRunRecord.from_dict(scene.record(**change)))
    status, told = refusal(lab, request)
    assert status == 400
    assert "Failed to validate an entity's ID in the record" in told
    assert text in told


def test_datasets_of_a_record_are_checked(lab: Lab, scene: Scene) -> None:
    """A dataset must exist and have all files of its template, and no others."""
    cases = [
        (scene.part(scene.output_template, scene.output), "missing deferred resource paths"),
        (scene.part(scene.output_template, scene.output, result="a", zzz="b"), "unexpected resource keys (zzz)"),
        (
            scene.part(scene.output_template, "10378.1/0", result="a"),
            "Output dataset with id 10378.1/0 was not a valid",
        ),
        (scene.part(scene.output_template, scene.model, result="a"), "could not parsed as an appropriate type"),
    ]
    for part, text in cases:
        record = scene.record(outputs=[part])
        status, told = refusal(lab, prov_model_run_register.build_request(body=ModelRunRecord.from_dict(record)))
        assert status == 400
        assert text in told


def test_what_makes_no_record_is_told_point_by_point(lab: Lab, scene: Scene) -> None:
    """Times the wrong way round and an empty name are 422, in batches too, where nothing else is looked at."""
    wrong = scene.record("", start_time=10, end_time=5)
    status, told = refusal(lab, prov_model_run_register.build_request(body=ModelRunRecord.from_dict(wrong)))
    assert status == 422
    assert "must be smaller than or equal" in told
    batch = RegisterBatchModelRunRequest.from_dict({"records": [scene.record(), wrong]})
    told = refusal(lab, prov_model_run_register_batch.build_request(body=batch))[1]
    assert "records.1.display_name: string must not be empty" in told


def test_a_batch_has_a_job_for_each_record(lab: Lab, scene: Scene) -> None:
    """Bad records fail by themselves, with the text of the refusal; an empty batch fails as a whole."""
    records = [scene.record("b1"), scene.record("b2", workflow_template_id="10378.1/0")]
    body = RegisterBatchModelRunRequest.from_dict({"records": records})
    submitted = job(lab, send(lab, prov_model_run_register_batch.build_request(body=body))["session_id"])
    assert submitted["info"] == "Successfully distributed batch jobs to queue."
    listed = job_jobs_user_list_batch.build_request(
        body=ListByBatchRequest.from_dict({"batch_id": submitted["result"]["batch_id"]})
    )
    jobs = {one["payload"]["record"]["display_name"]: one for one in send(lab, listed)["jobs"]}
    assert jobs["b1"]["status"] == "SUCCEEDED"
    assert jobs["b2"]["status"] == "FAILED"
    assert jobs["b2"]["info"].startswith("Failed to validate an entity's ID in the record")
    empty = RegisterBatchModelRunRequest.from_dict({"records": []})
    failed = job(lab, send(lab, prov_model_run_register_batch.build_request(body=empty))["session_id"])
    assert (failed["status"], failed["info"]) == ("FAILED", "Callback function raised unhandled exception. Error: .")


def change(run: str, record: Any) -> Any:
    """The request that changes a run."""
    body = PostUpdateModelRunInput.from_dict({"model_run_id": run, "reason": "fix", "record": record})
    return prov_model_run_update.build_request(body=body)


def test_a_run_is_changed_by_a_job(lab: Lab, scene: Scene) -> None:
    """The graph follows the new record; what a job may not do fails it without a reason."""
    run = register(lab, scene.record())["result"]["record"]["id"]
    other = scene.dataset("Other forcing")
    record = scene.record("Renamed", inputs=[scene.part(scene.input_template, other, config="c")])
    assert job(lab, send(lab, change(run, record))["session_id"])["status"] == "SUCCEEDED"
    assert lab(lab.api.model_runs.get(run)).history[0]["reason"] == "fix"
    above = links_above(lab.sandbox, run)
    assert ("used", other) in above
    assert ("used", scene.input) not in above
    bob = lab.login("bob")
    for session_id, client in (
        (send(lab, change("10378.1/0", record))["session_id"], None),
        (send(lab, change(run, record), bob)["session_id"], bob),
    ):
        failed = job(lab, session_id, client)
        assert failed["status"] == "FAILED"
        assert failed["info"] == "Job failed, err: An error occurred while lodging the provenance record. Error: .."


def test_a_run_without_a_study_is_linked_to_one(lab: Lab, scene: Scene) -> None:
    """Linking changes item and graph; a run that has a study is refused, before it is asked who may do that."""
    run = register(lab, scene.record(study_id=None))["result"]["record"]["id"]
    link = prov_model_run_edit_link_to_study.build_request(model_run_id=run, study_id=scene.study)
    answer = send(lab, link)
    assert job(lab, answer["session_id"])["job_sub_type"] == "MODEL_RUN_LODGE_ONLY"
    assert ("wasInformedBy", scene.study) in links_above(lab.sandbox, run)
    status, told = refusal(lab, link, lab.login("bob"))
    assert status == 400
    assert "already linked to a study" in told
    unknown = prov_model_run_edit_link_to_study.build_request(model_run_id=run, study_id="10378.1/0")
    assert "Item 10378.1/0 failed validation" in refusal(lab, unknown)[1]


def test_a_run_is_taken_out_of_the_graph(lab: Lab, scene: Scene) -> None:
    """A trial tells the same changes and changes nothing; afterwards the run is still an item, and in no graph."""
    run = register(lab, scene.record())["result"]["record"]["id"]
    register(lab, scene.record("Run two"))

    def delete(**members: Any) -> Any:
        body = PostDeleteGraphRequest.from_dict({"record_id": run, **members})
        return send(lab, prov_model_run_delete.build_request(body=body))["diff"]

    trial = delete(trial_mode=True)
    assert links_above(lab.sandbox, run)
    assert delete() == trial
    assert {one["action_type"] for one in trial} == {
        "REMOVE_NODE",
        "REMOVE_RECORD_ID_FROM_NODE",
        "REMOVE_LINK",
        "REMOVE_RECORD_ID_FROM_LINK",
    }
    assert not links_above(lab.sandbox, run)
    assert lab(lab.api.model_runs.get(run)) is not None
    body = PostDeleteGraphRequest.from_dict({"record_id": "10378.1/0"})
    assert refusal(lab, prov_model_run_delete.build_request(body=body))[0] == 400


def test_administrators_put_runs_into_the_graph_again(lab: Lab, scene: Scene) -> None:
    """After the graph was cleared, one run or all runs of the registry are put into it again."""
    request = prov_model_run_register_sync.build_request(body=ModelRunRecord.from_dict(scene.record()))
    run = send(lab, request)["record_info"]["id"]
    above = links_above(lab.sandbox, run)
    assert refusal(lab, request, lab.login("alice"))[0] == 401
    send(lab, prov_graph_admin_clear.build_request())
    assert not links_above(lab.sandbox, run)
    told = send(lab, prov_admin_store_all_registry_records.build_request())["status"]["details"]
    assert told == "Successfully re-lodged all 1 provenance records from the registry."
    assert links_above(lab.sandbox, run) == above
    item = ItemModelRun.from_dict(lab(lab.api.model_runs.get(run)).to_dict())
    assert send(lab, prov_admin_store_record.build_request(body=item))["status"]["success"]


def test_an_unreadable_dataset_keeps_a_run_from_being_registered(lab: Lab, scene: Scene) -> None:
    """What the caller may not read is told as a matter of permission."""
    with lab.sandbox.lock:
        access = items.settings(lab.sandbox.store, scene.input)
        lab.sandbox.store.put(items.SETTINGS, {"id": scene.input, "access_settings": {**access, "general": []}})
    request = prov_model_run_register.build_request(body=ModelRunRecord.from_dict(scene.record()))
    status, told = refusal(lab, request, lab.login("bob"))
    assert status == 401
    assert "Registry API denied access" in told
