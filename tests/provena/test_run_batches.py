"""Many model runs: tables, batches, what becomes of each row, and loads that go on after they were killed."""

from __future__ import annotations

import csv
import json
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pandas
import polars
import pytest

from kalbio._core.emulator.faults import Fault
from kalbio._core.emulator.messages import Response
from kalbio._core.errors import IdentifierError, JournalError
from kalbio.provena import RunProblem, RunsFailedError, RunsRefusedError
from kalbio.provena.aio import _lost_jobs
from kalbio.provena.sandbox import jobs
from kalbio.provena.sandbox.items import ITEM
from tests.provena.conftest import Lab
from tests.provena.scene import Scene
from tests.provena.test_model_runs import run_record


@pytest.fixture
def scene(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """All that a model run needs; what is lost is not looked for long."""
    monkeypatch.setattr("kalbio.provena.aio._lost_jobs.LOOKS_FOR", 0.0)
    monkeypatch.setattr("kalbio.provena._lost_jobs.LOOKS_FOR", 0.0)
    monkeypatch.setattr("kalbio._core.bulk.journal.JOURNAL_REST", 0.0)
    assert _lost_jobs.LOOKS_FOR == 0
    return Scene(lab.sandbox)


def batches(lab: Lab) -> list[list[str]]:
    """The names of the runs in each batch that was sent."""
    sent = [one.body for one in lab.transport.exchanges if one.operation == "provModelRunRegisterBatch"]
    return [[record["display_name"] for record in json.loads(body)["records"]] for body in sent]


def runs(lab: Lab) -> list[str]:
    """The names of the runs in the registry."""
    with lab.sandbox.lock:
        return [run["display_name"] for run in lab.sandbox.store.all(ITEM, "MODEL_RUN")]


def row(name: str = "Run one", **changes: Any) -> dict[str, Any]:
    """A row of a table."""
    return {
        "display_name": name,
        "description": "baseline run",
        "model_version": "1.0",
        "modeller": "Ada Lovelace",
        "study": "Reef study",
        "organisation": "Reef group",
        "start_time": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        "end_time": "2023-11-14T23:13:20Z",
        "input: Input template": "Forcing",
        "input: Input template: config": "conf/a.yml",
        "output: Output template": "Results",
        "output: Output template: result": "out/r.csv",
        "annotation: scenario": "baseline",
        "annotation: note": None,
        **changes,
    }


# -- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [list, pandas.DataFrame, polars.DataFrame])
def test_a_table_becomes_runs(lab: Lab, scene: Scene, kind: Any) -> None:
    """Rows of a list or a frame are sent as records with handles, and each outcome has the run."""
    table = kind([row("Run one"), row("Run two", **{"annotation: note": "second"})])
    if isinstance(table, pandas.DataFrame):
        table["start_time"] = pandas.to_datetime(table["start_time"], utc=True)
    outcomes = lab(lab.api.model_runs.register_batch(table, workflow_template="Coral workflow"))
    sent = [one.body for one in lab.transport.exchanges if one.operation == "provModelRunRegisterBatch"]
    annotated = {"annotations": {"scenario": "baseline", "note": "second"}}
    assert json.loads(sent[0]) == {"records": [scene.record("Run one"), scene.record("Run two", **annotated)]}
    assert [one.status for one in outcomes] == ["registered", "registered"]
    assert lab(lab.api.model_runs.get(outcomes[1].id)).display_name == "Run two"


def test_heads_of_csv_files_do_as_well(lab: Lab, scene: Scene) -> None:
    """A table with the heads of the servers' CSV files is read the same; what became of a row is left out."""
    template = lab(lab.api.model_runs.template("Coral workflow"))
    also = {one.name: one.also or one.name for one in template.columns}
    table = [{**{also[name]: cell for name, cell in row().items()}, "_job_id": ""}]
    outcomes = lab(lab.api.model_runs.register_batch(table, workflow_template=scene.workflow))
    assert outcomes[0].status == "registered"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"modeller": None}, "modeller is missing"),
        ({"modeller": float("nan")}, "modeller is missing"),
        ({"modeller": pandas.NA}, "modeller is missing"),
        ({"start_time": pandas.NaT}, "start_time is missing"),
        ({"start_time": datetime(2023, 1, 1)}, "no zone"),
        ({"model_version": 1.1}, "1.10 is not 1.1"),
        ({"input: Input template": " "}, "input: Input template is missing"),
        ({"input: Input template: config": None}, "needs the path of its file 'config'"),
        ({"annotation: scenario": ""}, "annotation: scenario is missing"),
        ({"output: Output template": "Result"}, "Did you mean 'Results'"),
    ],
)
def test_a_cell_that_cannot_be_used_is_told_with_its_row(lab: Lab, scene: Scene, change: Any, text: str) -> None:
    """The error names the row and what is wrong, and nothing is sent."""
    with pytest.raises(RunsRefusedError) as caught:
        lab(lab.api.model_runs.register_batch([row(), row("Run two", **change)], workflow_template="Coral workflow"))
    assert list(caught.value.problems) == [1]
    assert text in caught.value.problems[1]
    assert "rows[1]" in str(caught.value)
    assert batches(lab) == []


def test_handles_in_a_table_are_looked_at(lab: Lab, scene: Scene) -> None:
    """Each once, before anything is sent: one of another subtype, or of nothing, is told with its row."""
    good = {"modeller": scene.person, "input: Input template": scene.input, "study": scene.study}
    table = [
        row("a", **good),
        row("b", **{"input: Input template": scene.organisation}),
        row("c", **{**good, "output: Output template": "10378.1/0"}),
        row("d", **{**good, "modeller": scene.study}),
        row("e", **{**good, "modeller": scene.study}),
    ]
    with pytest.raises(RunsRefusedError) as caught:
        lab(lab.api.model_runs.register_batch(table, workflow_template="Coral workflow"))
    assert list(caught.value.problems) == [1, 2, 3, 4]
    assert lab.asked.count("registryGeneralFetch") == 6
    assert "it is an ORGANISATION item" in caught.value.problems[1]
    assert "10378.1/0" in caught.value.problems[2]
    assert "it is a STUDY item" in caught.value.problems[3]
    assert batches(lab) == []
    lab.transport.exchanges.clear()
    table = [row(str(n), **good) for n in range(5)]
    outcomes = lab(lab.api.model_runs.register_batch(table, workflow_template="Coral workflow"))
    assert len(outcomes.registered) == 5
    assert "registryGeneralFetch" not in lab.asked
    with pytest.raises(IdentifierError, match="it is an ORGANISATION item"):
        lab(lab.api.model_runs.link_to_study(outcomes[0].id, scene.organisation))


def test_a_table_with_other_columns_is_refused(lab: Lab, scene: Scene) -> None:
    """A column too many, one that is missing, and rows that are none are told before anything is sent."""
    lacking = row()
    del lacking["modeller"]
    for table, text in (
        ([row(modeler="Ada")], "Did you mean 'modeller'"),
        ([lacking], "lacks the columns modeller"),
        (["Run one"], "must be a dict"),
        (5, "rows must be a frame, a list of dicts or records, or the path of a file"),
        ([{**row(), "agent id": "Ada Lovelace"}], "twice"),
    ):
        with pytest.raises(ValueError, match=text):
            lab(lab.api.model_runs.register_batch(table, workflow_template="Coral workflow"))
    with pytest.raises(IdentifierError, match="Coral flow"):
        lab(lab.api.model_runs.register_batch([row()], workflow_template="Coral flow"))
    with pytest.raises(RunsRefusedError, match="no member 'modeller'"):
        lab(lab.api.model_runs.register_batch([row()]))
    assert batches(lab) == []


# -- files ------------------------------------------------------------------------------------------------------------


def as_file(folder: Path, kind: str, rows: list[dict[str, Any]]) -> Path:
    """A file of rows, of a kind that is told by its suffix."""
    path = folder / f"runs{kind}"
    rows = [{head: str(cell) if isinstance(cell, datetime) else cell for head, cell in row.items()} for row in rows]
    if kind == ".xlsx":
        pandas.DataFrame(rows).to_excel(path, index=False)
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*rows[0]], delimiter="\t" if kind == ".tsv" else ";")
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.mark.parametrize("kind", [".csv", ".tsv", ".xlsx"])
def test_a_file_becomes_runs(lab: Lab, scene: Scene, tmp_path: Path, kind: str) -> None:
    """As its rows would, whatever separates its cells."""
    path = as_file(tmp_path, kind, [row("Run one"), row("Run two")])
    outcomes = lab(lab.api.model_runs.register_batch(path, workflow_template="Coral workflow"))
    sent = [one.body for one in lab.transport.exchanges if one.operation == "provModelRunRegisterBatch"]
    assert json.loads(sent[0]) == {"records": [scene.record("Run one"), scene.record("Run two")]}
    assert [one.display_name for one in outcomes.registered] == ["Run one", "Run two"]


@pytest.mark.parametrize(("kind", "location"), [(".csv", "line 3"), (".xlsx", "row 3")])
def test_all_that_is_wrong_with_a_row_is_told(lab: Lab, scene: Scene, tmp_path: Path, kind: str, location: str) -> None:
    """With where the row stands and the column of each, not the first of it; the other rows have their outcomes."""
    wrong = {
        "description": " ",
        "modeller": "Ada Lovelac",
        "start_time": "2023-11-14T22:13:20",
        "input: Input template": scene.person,
        "output: Output template: result": "",
        "annotation: scenario": None,
        "study": "Reef studi",
    }
    path = as_file(tmp_path, kind, [row("good"), row("bad", **wrong)])
    with pytest.raises(RunsRefusedError, match=f"1 row cannot be registered; {location}: ") as caught:
        lab(lab.api.model_runs.register_batch(str(path), workflow_template="Coral workflow"))
    assert {(one.row, one.location, one.column) for one in caught.value.details} == {
        (1, location, name) for name in wrong
    }
    assert len(caught.value.details) == len(wrong)
    for text in (
        "description is missing",
        "Did you mean 'Ada Lovelace'",
        "no zone",
        "it is a PERSON item",
        "Reef study",
    ):
        assert text in caught.value.problems[1]
    assert "start_time" in caught.value._repr_html_()
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.problems, again.details) == (caught.value.problems, caught.value.details)
    assert batches(lab) == []
    outcomes = lab(lab.api.model_runs.register_batch(path, workflow_template="Coral workflow", on_invalid="skip"))
    assert [(one.status, one.error is None) for one in outcomes] == [("registered", True), ("refused", False)]
    assert outcomes[1].error == caught.value.problems[1]


def test_all_that_is_wrong_with_a_record_is_told(lab: Lab, scene: Scene) -> None:
    """Of a dict in a batch by its parts; of a single record the first is the error, and the others are its notes."""
    bad = scene.record("bad", start_time="noon", study_id=scene.person, more=1)
    with pytest.raises(RunsRefusedError) as caught:
        lab(lab.api.model_runs.register_batch([scene.record("good"), bad]))
    assert [(one.row, one.column) for one in caught.value.details] == [
        (1, "the record"), (1, "start_time"), (1, "study_id"),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="outputs lacks a dataset") as single:
        lab(lab.api.model_runs.register(run_record(modeller="Charles", study="None such", outputs={})))
    assert single.value.__notes__ == [
        "also modeller: There is no person 'Charles'.",
        "also There is no study 'None such'.",
    ]


def test_a_csv_file_of_the_servers_says_of_which_template_it_is(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """It needs no other name, is refused under that of another, and rows that were sent already are not sent again."""
    text = lab(lab.api.model_runs.csv_template("Coral workflow"))
    heads = next(csv.reader([text]))
    cells = {f"_workflow template id {scene.workflow}": "", "display name": "By hand", "description": "d"}
    cells |= {"agent id": scene.person, "annotation: scenario": "b", "Input resource: config": "c.yml"}
    cells |= {"Output resource: result": "r.csv"}
    for head in heads:
        if head.startswith("execution"):
            cells[head] = "2026-01-31 08:00:00+10:00"
        if "dataset id for template" in head:
            cells[head] = scene.input if head.startswith("Input") else scene.output
    path = as_file(tmp_path, ".csv", [{head: cells.get(head, "") for head in heads}])
    assert lab(lab.api.model_runs.register_batch(path))[0].status == "registered"
    lab.sandbox.link("admin", scene.person)
    other = lab(lab.api.workflow_templates.create(display_name="Other", software_id=scene.model))
    with pytest.raises(ValueError, match=f"the file is of the workflow template '{scene.workflow}', not of {other.id}"):
        lab(lab.api.model_runs.register_batch(path, workflow_template="Other"))
    sent = as_file(tmp_path, ".csv", [{head: cells.get(head, "job-1" if head == "_job_id" else "") for head in heads}])
    with pytest.raises(RunsRefusedError, match="_job_id is 'job-1': the row was sent already; leave it out"):
        lab(lab.api.model_runs.register_batch(sent))
    assert batches(lab) == [["By hand"]]


def test_a_file_that_cannot_be_read_is_told(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """Before anything is asked: its kind, its columns, an option that is not for it, and that it is not there."""
    Path(tmp_path, "a.ods").write_bytes(b"x")
    Path(tmp_path, "b.csv").write_text("display_name,display_name\n1,2\n")
    Path(tmp_path, "c.csv").write_text("display_name,\n1,2\n")
    Path(tmp_path, "e.csv").write_text("_workflow template id 10378.1/7,_workflow template id 10378.1/8\n,\n")
    for name, options, text in (
        ("e.csv", {}, "names several workflow templates, '10378.1/7', '10378.1/8', in the heads of its columns; keep"),
        ("a.ods", {}, "is of no kind that is read"),
        ("b.csv", {}, "two columns 'display_name'"),
        ("c.csv", {}, "line 2: '2' stands in a column without a name"),
        ("c.csv", {"sheet": "x"}, "sheet is for Excel files"),
        ("c.csv", {"skip_rows": 3}, "has 2 lines; skip_rows=3 leaves none"),
        ("d.xlsx", {"encoding": "x"}, "separator and encoding are for text files"),
    ):
        with pytest.raises(ValueError, match=text):
            lab(lab.api.model_runs.register_batch(tmp_path / name, workflow_template="Coral workflow", **options))
    with pytest.raises(FileNotFoundError):
        lab(lab.api.model_runs.register_batch("none.csv", workflow_template="Coral workflow"))
    with pytest.raises(ValueError, match="separator is for files"):
        lab(lab.api.model_runs.register_batch([row()], workflow_template="Coral workflow", separator=";"))
    assert lab.asked == []


def test_rows_that_are_refused_may_be_left_out(lab: Lab, scene: Scene) -> None:
    """With "skip" the others are registered, and the outcome of a refused row says why."""
    table = [row("a"), row("b", modeller="Nobody"), row("c")]
    outcomes = lab(lab.api.model_runs.register_batch(table, workflow_template="Coral workflow", on_invalid="skip"))
    assert [one.status for one in outcomes] == ["registered", "refused", "registered"]
    assert "Nobody" in str(outcomes[1].error)
    assert batches(lab) == [["a", "c"]]
    with pytest.raises(RunsFailedError, match=r"1 of 3 .* rows\[1\] is refused"):
        outcomes.raise_for_others()


# -- batches ----------------------------------------------------------------------------------------------------------


def test_records_go_in_batches(lab: Lab, scene: Scene) -> None:
    """Batches have as many records as they may, in order; all are waited for, and progress is told."""
    told: list[tuple[int, int | None]] = []
    records = [run_record(display_name=f"r{n}") for n in range(5)]
    outcomes = lab(
        lab.api.model_runs.register_batch(
            records, batch_size=2, progress=lambda done, total: told.append((done, total))
        )
    )
    assert batches(lab) == [["r0", "r1"], ["r2", "r3"], ["r4"]]
    assert [one.display_name for one in outcomes.registered] == ["r0", "r1", "r2", "r3", "r4"]
    assert told[-1] == (5, 5)
    outcomes.raise_for_others()
    assert lab.asked.count("registryItemFetch") == 3  # the templates
    assert (
        lab.asked.count("registryItemList") == 5
    )  # for all rows: templates, datasets, persons, organisations, studies


def test_a_batch_is_cut_by_its_size_in_bytes_too(lab: Lab, scene: Scene) -> None:
    """Queues of the servers take so much at most: long records go in smaller batches."""
    records = [scene.record(f"r{n}", description="x" * 70_000) for n in range(4)]
    lab(lab.api.model_runs.register_batch(records))
    assert batches(lab) == [["r0", "r1"], ["r2", "r3"]]


def test_a_record_that_the_server_refuses_fails_alone(lab: Lab, scene: Scene) -> None:
    """What only its job can find out is the outcome of the row, with the server's text."""
    bad = scene.record("bad", annotations={})
    outcomes = lab(lab.api.model_runs.register_batch([scene.record("good"), bad, scene.record("good")]))
    assert [one.status for one in outcomes] == ["registered", "failed", "registered"]
    assert "annotation" in str(outcomes[1].error)
    assert outcomes[0].id != outcomes[2].id
    assert outcomes.to_dataframe()["status"].tolist() == ["registered", "failed", "registered"]
    assert "1 failed" in outcomes._repr_html_()


def test_a_batch_that_is_refused_stops_the_load(lab: Lab, scene: Scene) -> None:
    """When a batch cannot be sent, its rows have failed, and those after it are not sent."""
    lab.sandbox.faults.add(Fault("provModelRunRegisterBatch", status=400))
    outcomes = lab(lab.api.model_runs.register_batch([scene.record("a"), scene.record("b")], batch_size=1))
    assert [one.status for one in outcomes] == ["failed", "not sent"]
    assert runs(lab) == []


def test_no_rows_are_no_batch(lab: Lab, scene: Scene) -> None:
    """Servers fail for an empty batch: none is sent."""
    assert len(lab(lab.api.model_runs.register_batch([]))) == 0
    assert batches(lab) == []


def test_jobs_that_do_not_end_are_unknown(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """After the time is over, rows are unknown; with the journal a later call sees their end and sends nothing."""
    journal = tmp_path / "runs.journal"
    lab.sandbox.hold_jobs()
    first = lab(lab.api.model_runs.register_batch([scene.record("a")], journal=journal, timeout=0))
    assert first[0].status == "unknown"
    lab.sandbox.release_jobs()
    second = lab(lab.api.model_runs.register_batch([scene.record("a")], journal=journal))
    assert second[0].status == "registered"
    assert batches(lab) == [["a"]]
    assert runs(lab) == ["a"]


# -- lost answers and killed loads ------------------------------------------------------------------------------------


def test_a_batch_whose_answer_was_lost_is_found(lab: Lab, scene: Scene) -> None:
    """The job of a batch is found by its records, and nothing is sent twice; equal runs from before do not count."""
    lab(lab.api.model_runs.register_batch([scene.record("a"), scene.record("b")]))
    lab.sandbox.faults.add(Fault("provModelRunRegisterBatch", lose_answer=True))
    outcomes = lab(lab.api.model_runs.register_batch([scene.record("a"), scene.record("b")]))
    assert len(outcomes.registered) == 2
    assert sorted(runs(lab)) == ["a", "a", "b", "b"]


def test_a_batch_that_is_not_found_is_unknown(lab: Lab, scene: Scene) -> None:
    """When the answer was lost and there is no job, nobody can say: the rows are unknown, the next ones not sent."""
    lab.sandbox.faults.add(Fault("provModelRunRegisterBatch", reset=True))
    outcomes = lab(lab.api.model_runs.register_batch([scene.record("a"), scene.record("b")], batch_size=1))
    assert [one.status for one in outcomes] == ["unknown", "not sent"]


def test_what_was_sent_is_told_when_the_next_batch_cannot_be_prepared(lab: Lab, scene: Scene) -> None:
    """The rows of earlier batches have their outcomes, and those after them were not sent."""
    answer = lab.sandbox.handle_with_faults

    def refuse(request: Any) -> Any:
        outcome = answer(request)
        sent = batches(lab) and "/jobs/user/list" in request.path and "batch" not in request.path
        return type(outcome)(Response(403, (), b"{}"), None) if sent else outcome

    lab.sandbox.handle_with_faults = refuse  # type: ignore[method-assign]
    outcomes = lab(lab.api.model_runs.register_batch([scene.record("a"), scene.record("b")], batch_size=1))
    assert [one.status for one in outcomes] == ["registered", "not sent"]


@pytest.mark.parametrize("result", [{}, {"batch_id": 7}])
def test_a_job_that_names_no_batch_leaves_its_rows_unknown(
    lab: Lab, scene: Scene, result: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runs may be registered: nobody can say, and the error tells why."""
    monkeypatch.setitem(jobs._workers, "MODEL_RUN_BATCH_SUBMIT", lambda store, job: result)
    outcomes = lab(lab.api.model_runs.register_batch([scene.record("a")], timeout=5))
    assert [one.status for one in outcomes] == ["unknown"]
    assert "does not name the batch" in str(outcomes[0].error)


class Killed(BaseException):
    """Ends a load as a signal does."""


@pytest.mark.parametrize("operation", ["provModelRunRegisterBatch", "jobJobsUserFetch", "jobJobsUserListBatch"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_killed_load_goes_on(
    lab: Lab, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str, after: bool, nth: int
) -> None:
    """Wherever it is killed, the same call again registers what is left, and nothing twice."""
    journal = tmp_path / "runs.journal"
    records = [scene.record(f"r{n}") for n in range(5)]
    kill(lab, monkeypatch, operation, after, nth)
    with pytest.raises(Killed):
        lab(lab.api.model_runs.register_batch(records, batch_size=2, journal=journal))
    monkeypatch.undo()
    monkeypatch.setattr("kalbio.provena.aio._lost_jobs.LOOKS_FOR", 0.0)
    monkeypatch.setattr("kalbio.provena._lost_jobs.LOOKS_FOR", 0.0)
    outcomes = lab(lab.api.model_runs.register_batch(records, batch_size=2, journal=journal))
    assert [one.status for one in outcomes] == ["registered"] * 5
    assert sorted(runs(lab)) == ["r0", "r1", "r2", "r3", "r4"]
    assert sorted(lab(lab.api.model_runs.get(one.id)).display_name for one in outcomes) == sorted(runs(lab))


def kill(lab: Lab, monkeypatch: pytest.MonkeyPatch, operation: str, after: bool, nth: int) -> None:
    """End the process, so to speak, before or after the nth call of an operation."""
    seen = 0
    handle = type(lab.sandbox).handle_with_faults

    def killing(sandbox: Any, request: Any) -> Any:
        nonlocal seen
        name = sandbox.operation_of(request) if hasattr(sandbox, "operation_of") else ""
        path = {"provModelRunRegisterBatch": "/model_run/register_batch", "jobJobsUserFetch": "/jobs/user/fetch",
                "jobJobsUserListBatch": "/jobs/user/list_batch"}[operation]  # fmt: skip
        if path in request.target or name == operation:
            seen += 1
            if seen == nth:
                if after:
                    handle(sandbox, request)
                raise Killed
        return handle(sandbox, request)

    monkeypatch.setattr(type(lab.sandbox), "handle_with_faults", killing)


def test_rows_that_failed_are_sent_again_with_the_journal(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """What is registered stays; what failed is tried again, as it is or after what was missing is there."""
    journal = tmp_path / "runs.journal"
    records = [scene.record("a"), scene.record("b", annotations={})]
    first = lab(lab.api.model_runs.register_batch(records, journal=journal))
    second = lab(lab.api.model_runs.register_batch(records, journal=journal))
    assert [one.status for one in first] == [one.status for one in second] == ["registered", "failed"]
    assert batches(lab) == [["a", "b"], ["b"]]
    assert first[0].id == second[0].id


def test_a_journal_belongs_to_its_rows(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """Other rows are refused before anything is sent."""
    journal = tmp_path / "runs.journal"
    lab(lab.api.model_runs.register_batch([scene.record("a")], journal=journal))
    with pytest.raises(JournalError, match="other rows"):
        lab(lab.api.model_runs.register_batch([scene.record("b")], journal=journal))
    assert batches(lab) == [["a"]]


def test_rows_that_were_refused_are_mended_and_sent_with_the_journal(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """With the same journal, what is registered stays wherever it stands; what was mended or added is sent."""
    journal = tmp_path / "runs.journal"
    bad = scene.record("b", start_time="noon")
    failing = scene.record("d", annotations={})

    def load(rows: list[Any]) -> Any:
        return lab(lab.api.model_runs.register_batch(rows, on_invalid="skip", journal=journal))

    first = load([scene.record("a"), bad, scene.record("c"), failing])
    assert [one.status for one in first] == ["registered", "refused", "registered", "failed"]
    second = load([scene.record("new"), *(scene.record(name) for name in "abcd")])
    assert [one.status for one in second] == ["registered"] * 5
    assert [second[1].id, second[3].id] == [first[0].id, first[2].id]
    third = load([scene.record(name) for name in ("d", "c", "b", "a", "new", "last")])
    assert [one.id for one in third[:5]] == [second[n].id for n in (4, 3, 2, 1, 0)]
    assert batches(lab) == [["a", "c", "d"], ["new", "b", "d"], ["last"]]
    assert sorted(runs(lab)) == ["a", "b", "c", "d", "last", "new"]


def test_rows_that_may_be_registered_are_not_mended(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """A row whose end is not known is refused in another form, and goes on in its own among others."""
    journal = tmp_path / "runs.journal"
    lab.sandbox.hold_jobs()
    lab(lab.api.model_runs.register_batch([scene.record("a"), scene.record("b")], journal=journal, timeout=0))
    lab.sandbox.release_jobs()
    with pytest.raises(JournalError, match="1 that were sent are not among these as they were"):
        lab(lab.api.model_runs.register_batch([scene.record("a"), scene.record("B")], journal=journal))
    rows = [scene.record(name) for name in ("new", "b", "a")]
    assert len(lab(lab.api.model_runs.register_batch(rows, journal=journal)).registered) == 3
    assert batches(lab) == [["a", "b"], ["new"]]


def test_records_and_outcomes_are_values() -> None:
    """An outcome says what it is; a record can be changed into another one."""
    assert attrs.evolve(run_record(), display_name="x").display_name == "x"
    error = RunsRefusedError([RunProblem(3, "rows[3]", "modeller", "modeller is missing")])
    assert "rows[3]: modeller is missing" in str(error)


def test_equal_rows_have_runs_of_their_own(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """Of two equal rows whose runs are registered at different times, each has its own run."""
    journal, records = tmp_path / "runs.journal", [scene.record("a"), scene.record("a")]

    def load(timeout: float) -> Any:
        return lab(lab.api.model_runs.register_batch(records, journal=journal, timeout=timeout))

    lab.sandbox.hold_jobs()
    load(0)
    lab.sandbox.step_jobs(4)  # the batch is submitted
    with lab.sandbox.lock:
        for _ in range(4):
            jobs._move(lab.sandbox.store, lab.sandbox.store.all("job", "waiting")[-1])
    first = load(0)
    assert sorted(one.status for one in first) == ["registered", "unknown"]
    lab.sandbox.release_jobs()
    second = load(60)
    assert len({one.id for one in second}) == 2
    assert {one.id for one in first.registered} < {one.id for one in second.registered}


def test_objects_are_members_and_starts(lab: Lab, scene: Scene) -> None:
    """Where a handle is wanted, an object does: in data that are written, for lineage, and for items of any kind."""
    lab.sandbox.link("admin", scene.person)
    model = lab(lab.api.models.get("Coral model"))
    template = lab(lab.api.registry("DATASET_TEMPLATE").get(scene.input_template))
    members = {"display_name": "Other", "software_id": model, "input_templates": [{"template_id": template}]}
    made = lab(lab.api.workflow_templates.create(**members, output_templates=[]))
    assert (made.software_id, made.input_templates[0]["template_id"]) == (scene.model, scene.input_template)
    lab(lab.api.workflow_templates.update(made, reason="x", software_id=model))
    assert lab.sent("registryItemUpdate")[-1]["software_id"] == scene.model
    assert lab(lab.api.registry.get(model)) == model
    (outcome,) = lab(lab.api.model_runs.register_batch([scene.record("a")]))
    assert lab(lab.api.lineage.upstream(outcome)).find("DATASET")
    assert lab(lab.api.model_runs.get(outcome)).id == lab(lab.api.registry.get(outcome)).id == outcome.id
