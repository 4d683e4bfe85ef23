"""Model runs: what is sent for a record, what is refused before that, and how the run comes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs
import pytest
from provena_api.models import ModelRunRecord

from kalbio._core.emulator.faults import Fault
from kalbio._core.errors import IdentifierError, OutcomeUnknownError, ServerError, ValidationError
from kalbio.provena import RunRecord
from kalbio.provena._model.jobs import JobFailedError
from tests.provena.conftest import Lab
from tests.provena.scene import Scene


@pytest.fixture
def scene(lab: Lab) -> Scene:
    """All that a model run needs."""
    return Scene(lab.sandbox)


def run_record(**changes: Any) -> RunRecord:
    """The record of the scene, with names instead of handles."""
    record = RunRecord(
        "Run one",
        "baseline run",
        workflow_template="Coral workflow",
        modeller="Ada Lovelace",
        organisation="Reef group",
        study="Reef study",
        model_version="1.0",
        start_time=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        end_time="2023-11-15T09:13:20+10:00",
        inputs={"Input template": ("Forcing", {"config": "conf/a.yml"})},
        outputs={"Output template": ("Results", {"result": "out/r.csv"})},
        annotations={"scenario": "baseline"},
    )
    return attrs.evolve(record, **changes)


def sent(lab: Lab, operation: str) -> list[Any]:
    """The bodies that were sent to an operation."""
    return [json.loads(one.body) for one in lab.transport.exchanges if one.operation == operation]


def written(lab: Lab) -> list[str]:
    """The operations of the provenance service that were called."""
    return [one for one in lab.asked if one.startswith("provModelRun")]


def test_names_become_the_record_that_the_server_knows(lab: Lab, scene: Scene) -> None:
    """A record with names and times is sent with handles and seconds, and the job gives the run."""
    job = lab(lab.api.model_runs.register(run_record()))
    assert sent(lab, "provModelRunRegister") == [scene.record()]
    run = lab(lab.api.model_runs.run_of(job))
    assert run.display_name == "Run one"
    assert lab(lab.api.model_runs.run_of(job.id)) == run


def test_objects_and_handles_do_as_well(lab: Lab, scene: Scene) -> None:
    """Items, handles and zones of any kind lead to the same record; what is not given is not sent."""
    record = run_record(
        workflow_template=lab(lab.api.workflow_templates.get("Coral workflow")),
        modeller=scene.person,
        organisation=None,
        study=None,
        model_version=None,
        start_time=1700000000,
        end_time=datetime(2023, 11, 15, 9, 13, 20, 999999, tzinfo=timezone(timedelta(hours=10))),
        inputs={scene.input_template: (lab(lab.api.datasets.get("Forcing")), {"config": "conf/a.yml"})},
    )
    lab(lab.api.model_runs.register(record))
    assert sent(lab, "provModelRunRegister") == [
        scene.record(study_id=None, model_version=None, associations={"modeller_id": scene.person})
    ]


@pytest.mark.parametrize("kind", [dict, ModelRunRecord.from_dict])
def test_a_record_as_the_server_knows_it_is_sent_as_it_is(lab: Lab, scene: Scene, kind: Any) -> None:
    """A dict or an object of the generated package is checked; each handle is looked at once, and sent as it is."""
    for _ in range(2):
        lab(lab.api.model_runs.register(kind(scene.record())))
    assert sent(lab, "provModelRunRegister") == [scene.record()] * 2
    assert lab.asked == ["registryGeneralFetch"] * 8 + ["provModelRunRegister"] * 2


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"workflow_template": "Coral workflows"}, IdentifierError, "Did you mean 'Coral workflow'"),
        ({"modeller": "Charles"}, IdentifierError, "Charles"),
        ({"study": ""}, IdentifierError, "study"),
        ({"inputs": {}}, ValueError, "inputs lacks a dataset for 'Input template'"),
        ({"inputs": {"Input templates": "Forcing"}}, IdentifierError, "Did you mean 'Input template'"),
        ({"inputs": {"Input template": "Forcing"}}, ValueError, "needs the path of its file 'config'"),
        ({"inputs": {"Input template": ("Forcing", {"conf": "a"})}}, ValueError, "Did you mean 'config'"),
        ({"inputs": {"Input template": ("Forcing", {"config": ""})}}, ValueError, "path of config"),
        ({"inputs": {"Input template": ("Forcing", "a")}}, ValueError, "(dataset, {key: path})"),
        ({"inputs": {"Input template": ("Forced", {"config": "a"})}}, IdentifierError, "Forced"),
        ({"inputs": ["Forcing"]}, ValueError, "inputs must be a dict"),
        ({"annotations": {}}, ValueError, "annotations lacks 'scenario'"),
        ({"annotations": {"scenario": 5}}, ValueError, "scenario"),
        ({"display_name": " "}, ValueError, "display_name"),
        ({"description": ""}, ValueError, "description"),
        ({"start_time": datetime(2023, 1, 1)}, ValueError, "no zone"),
        ({"start_time": "2023-01-01 10:00"}, ValueError, "no zone"),
        ({"start_time": 1.5}, ValueError, "start_time"),
        ({"start_time": True}, ValueError, "start_time"),
        ({"end_time": "yesterday"}, ValueError, "end_time"),
        ({"end_time": 5}, ValueError, "is after end_time"),
        ({"model_version": 1.1}, ValueError, "model_version"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_registered(
    lab: Lab, scene: Scene, change: Any, error: type[Exception], text: str
) -> None:
    """A record that does not fit its workflow template is refused here, with the cure in the text."""
    with pytest.raises(error) as caught:
        lab(lab.api.model_runs.register(run_record(**change)))
    assert text in str(caught.value)
    assert written(lab) == []


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"study": "x"}, TypeError, "no member 'study'"),
        ({"inputs": [{"dataset_id": "10378.1/1"}]}, TypeError, r"inputs\[0\] needs dataset_template_id, dataset_type"),
        ({"associations": {"modeler_id": "10378.1/1"}}, TypeError, "Did you mean 'modeller_id'"),
        ({"associations": None}, TypeError, "needs associations"),
        ({"start_time": 1800000000}, ValueError, "is after end_time"),
        ({"outputs": "x"}, ValueError, "outputs must be a list"),
    ],
)
def test_a_record_of_the_server_is_checked_too(
    lab: Lab, scene: Scene, change: Any, error: type[Exception], text: str
) -> None:
    """Members that the server would ignore, and what it would refuse, are refused before anything is sent."""
    with pytest.raises(error, match=text):
        lab(lab.api.model_runs.register({**scene.record(), **change}))
    assert lab.asked == []


def test_the_server_s_refusal_is_the_error(lab: Lab, scene: Scene) -> None:
    """What only the server can know is its ValidationError, with its text."""
    with pytest.raises(ValidationError, match="annotation"):
        lab(lab.api.model_runs.register(scene.record(annotations={})))


def test_a_run_is_changed_by_members_or_by_a_record(lab: Lab, scene: Scene) -> None:
    """Members replace those of the record that is there; a whole record replaces it; one of the two is needed."""
    run = lab(lab.api.model_runs.run_of(lab(lab.api.model_runs.register(run_record()))))
    job = lab(lab.api.model_runs.update(run, reason="a better name", display_name="Run 1"))
    assert lab(lab.api.model_runs.run_of(job)).display_name == "Run 1"
    lab(lab.api.model_runs.update(run.id, run_record(display_name="Run I"), reason="another"))
    first, second = sent(lab, "provModelRunUpdate")
    assert first == {"model_run_id": run.id, "reason": "a better name", "record": scene.record("Run 1")}
    assert second["record"] == scene.record("Run I")
    for wrong in ({}, {"display_nam": "x"}, {"record": run_record(), "display_name": "x"}):
        with pytest.raises(TypeError):
            lab(lab.api.model_runs.update(run, reason="r", **wrong))
    with pytest.raises(ValueError, match="reason"):
        lab(lab.api.model_runs.update(run, run_record(), reason=""))
    assert len(sent(lab, "provModelRunUpdate")) == 2


def test_a_change_that_the_job_refuses_fails_there(lab: Lab, scene: Scene) -> None:
    """Somebody who may not change a run learns it from the job."""
    run = lab(lab.api.model_runs.run_of(lab(lab.api.model_runs.register(run_record()))))
    bob = lab.login("bob")
    job = lab(bob.model_runs.update(run.id, scene.record("Mine"), reason="r"))
    with pytest.raises(JobFailedError, match="MODEL_RUN_UPDATE"):
        lab(bob.model_runs.run_of(job))


def test_a_run_is_linked_to_a_study(lab: Lab, scene: Scene) -> None:
    """Names name the run and the study; a run with a study is refused."""
    lab(lab.api.model_runs.run_of(lab(lab.api.model_runs.register(run_record(study=None)))))
    job = lab(lab.api.model_runs.link_to_study("Run one", "Reef study"))
    run = lab(lab.api.model_runs.run_of(job))
    assert run.to_dict()["record"]["study_id"] == scene.study
    assert scene.study in lab(lab.api.lineage.upstream(run))
    with pytest.raises(ValidationError, match="already linked"):
        lab(lab.api.model_runs.link_to_study(run, scene.study))


def test_a_job_of_something_else_gives_no_run(lab: Lab, scene: Scene) -> None:
    """Only jobs of runs give a run."""
    job = lab(lab.api.jobs.admin.launch("PROV_LODGE_WAKE_UP", {"reason": "x"}))
    with pytest.raises(ValueError, match="no job of a model run"):
        lab(lab.api.model_runs.run_of(job.id))


def test_names_are_listed_once_for_each_registration(lab: Lab, scene: Scene) -> None:
    """So that they mean what they mean now; registering a run makes no names stale for `get` but those of runs."""
    for name in ("a", "b", "c"):
        lab(lab.api.model_runs.register(run_record(display_name=name)))
    listed = lab.asked.count("registryItemList")
    assert listed == 3 * 5  # workflow templates, datasets, persons, organisations, studies
    assert lab(lab.api.studies.get("Reef study")).id == scene.study
    assert lab.asked.count("registryItemList") == listed
    assert lab(lab.api.model_runs.get("c")).display_name == "c"
    lab(lab.api.model_runs.register(run_record(display_name="d")))
    assert lab(lab.api.model_runs.get("d")).display_name == "d"


# -- lost answers -----------------------------------------------------------------------------------------------------


def lose(lab: Lab, operation: str) -> None:
    """Let the answer to the next call of an operation get lost, after it was done."""
    lab.sandbox.faults.add(Fault(operation, lose_answer=True))


def test_a_lost_registration_is_found_by_its_job(lab: Lab, scene: Scene) -> None:
    """With verify the job of the record is looked for; equal jobs from before do not count."""
    lab(lab.api.model_runs.register(scene.record()))
    lose(lab, "provModelRunRegister")
    job = lab(lab.api.model_runs.register(scene.record(), verify=True))
    assert job.payload["record"] == scene.record()
    assert len(lab(lab.api.jobs.list().all())) == 2
    lose(lab, "provModelRunRegister")
    with pytest.raises(OutcomeUnknownError):
        lab(lab.api.model_runs.register(scene.record()))


# -- CSV --------------------------------------------------------------------------------------------------------------


def test_the_csv_template_has_the_columns_of_the_workflow(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """Text and file are the same, byte by byte, and a file that is there is not replaced."""
    path = tmp_path / "runs.csv"
    text = lab(lab.api.model_runs.csv_template("Coral workflow", path))
    assert path.read_bytes().decode() == text
    assert text == (
        f"_workflow template id {scene.workflow},display name,description,model version (optional),agent id,study id,"
        "execution start time (YYYY-MM-DD HH:MM:SS+HH:MM),execution end time (YYYY-MM-DD HH:MM:SS+HH:MM),"
        f"Input dataset id for template: Input template [template id: {scene.input_template}],Input resource: config,"
        f"Output dataset id for template: Output template [template id: {scene.output_template}],"
        "Output resource: result,annotation: scenario,annotation: note,"
        "_job_id,_job_status,_model_run_record_id,_error_info\r\n"
    )
    with pytest.raises(FileExistsError):
        lab(lab.api.model_runs.csv_template("Coral workflow", path))


def test_a_csv_file_becomes_records(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """Rows become records, those with a job are told by its id, and nothing is registered."""
    head = lab(lab.api.model_runs.csv_template(scene.workflow))
    cells = [
        "", "Run ä", "baseline run", "1.0", scene.person, scene.study,
        "2023-11-14 22:13:20", "2023-11-15 09:13:20+10:00", scene.input, "conf/a.yml",
        scene.output, "out/r.csv", "baseline", *[""] * 5,
    ]  # fmt: skip
    known = [*cells[:14], "the-job", "SUCCEEDED", "10378.1/1", ""]
    path = tmp_path / "runs.csv"
    path.write_bytes((head + ",".join(cells) + "\r\n" + ",".join(known) + "\r\n").encode())
    for converted in (
        lab(lab.api.model_runs.convert_csv(path)),
        lab(lab.api.model_runs.convert_csv(text=path.read_bytes().decode())),
    ):
        assert converted.existing == ["the-job"]
        (record,) = converted.records
        assert record["display_name"] == "Run ä"
        assert (record["start_time"], record["end_time"]) == (1700000000, 1700003600)
        lab(lab.api.model_runs.register(record))
    assert sent(lab, "provModelRunRegister")[0] == {
        **scene.record("Run ä"),
        "associations": {"modeller_id": scene.person},
    }


def test_a_csv_file_that_does_not_fit_is_refused(lab: Lab, scene: Scene) -> None:
    """Missing rows, columns, annotations and datasets are the server's refusals; neither file nor text is ours."""
    head = lab(lab.api.model_runs.csv_template(scene.workflow))
    row = [
        "", "Run", "d", "", scene.person, "", "2023-11-14 22:13:20Z", "2023-11-14 22:13:20Z", scene.input, "c",
        scene.output, "r", "s", "", "", "", "", "",
    ]  # fmt: skip

    def changed(place: int, value: str) -> str:
        return f"{head}" + ",".join([*row[:place], value, *row[place + 1 :]]) + "\r\n"

    cases = [
        (head, "no non header rows"),
        ("", "was empty"),
        (changed(12, ""), "Required annotation with key scenario"),
        (changed(8, "10378.1/0"), "a dataset id 10378.1/0 which was invalid"),
        (changed(8, ""), "ID cannot be empty"),
        (changed(6, "noon"), "noon"),
        (changed(0, "").replace(",_error_info", ""), "missing expected status header _error_info"),
        (changed(0, "").replace(scene.workflow, "10378.1/0"), "workflow template ID was invalid"),
    ]
    for text, told in cases:
        with pytest.raises(ValidationError, match=told):
            lab(lab.api.model_runs.convert_csv(text=text))
    for wrong in ({}, {"path": "a", "text": "b"}, {"text": 5}):
        with pytest.raises(TypeError):
            lab(lab.api.model_runs.convert_csv(**wrong))


def test_a_batch_that_is_not_there_is_told(lab: Lab, scene: Scene) -> None:
    """The server fails for an unknown batch; the error says what that means."""
    with pytest.raises(ServerError) as caught:
        lab(lab.api.model_runs.batch_csv("x"))
    assert any("no batch 'x'" in note for note in caught.value.__notes__)


def test_the_template_tells_the_columns_of_a_table(lab: Lab, scene: Scene) -> None:
    """The columns of a frame follow from the workflow template and its dataset templates."""
    template = lab(lab.api.model_runs.template("Coral workflow"))
    assert [one.name for one in template.columns if one.required] == [
        "display_name",
        "description",
        "modeller",
        "start_time",
        "end_time",
        "input: Input template",
        "output: Output template",
        "annotation: scenario",
    ]
    assert template.to_dataframe().columns.tolist() == [one.name for one in template.columns]
