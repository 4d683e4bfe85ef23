"""R90–R98: registration of drafts from a table."""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from kalbio import (
    AmbiguousIdentifierError,
    IdentifierNotFoundError,
    KalbioAPIError,
    KalbioError,
    KalbioResponseError,
    OutcomeError,
    WaitTimeoutError,
)
from kalbio.sandbox import Sandbox
from tests.altered import alter, body_of, replace
from tests.conftest import Lab, World
from tests.demo import NOWHERE

ROWS: list[dict[str, Any]] = [{"Compound": "R-1", "Purity (%)": 98}, {"Compound": "R-2", "Comment": "pale"}]
WRITES = {"createImport", "runImport", "validateDrafts", "submitDrafts"}


@pytest.fixture
def run(lab: Lab, world: World) -> Any:
    """An activity whose definition has table-based registration; the client has cached nothing."""
    made = world(lab.api.activities.create_activity("Run", "experiment", activity_definition_id="Batch registration"))
    lab.api.clear_caches()
    return made


def written(lab: Lab) -> set[str]:
    """Which steps of a registration were sent."""
    return WRITES & set(lab.operations())


@pytest.mark.parametrize("form", ["object", "id", "upper case", "title"])
def test_r090_every_identifier_is_sent_as_the_id(lab: Lab, world: World, run: Any, form: str) -> None:
    """Object, id and title of an activity all stage into it: what goes out is its id."""
    identifier = {"object": run, "id": run.id, "upper case": run.id.upper(), "title": "Run"}[form]
    world(lab.api.registration.stage_drafts(identifier, ["Compound"], ROWS))
    assert body_of(lab, "createImport")["operation_id"] == run.id
    world(run.refetch())
    assert len(run.data_table_draft_record_ids) == 2


def test_r090_an_unknown_title_stages_nothing(lab: Lab, world: World, run: Any) -> None:
    """A title of no activity, or of several, raises with what comes close, and nothing is stored."""
    with pytest.raises(IdentifierNotFoundError, match="'Run'"):
        world(lab.api.registration.stage_drafts("Runn", ["Compound"], ROWS))
    lab.client.activities.create_activity("Run", "task")
    lab.api.clear_caches()
    with pytest.raises(AmbiguousIdentifierError, match=run.id):
        world(lab.api.registration.stage_drafts("Run", ["Compound"], ROWS))
    assert not written(lab)


@pytest.mark.parametrize("single", [True, False], ids=["single reads", "listings only"])
@pytest.mark.parametrize("cached", [True, False], ids=["listing cached", "nothing cached"])
@pytest.mark.parametrize("form", ["object", "title"])
def test_r091_the_activity_is_read_once(
    lab: Lab, world: World, run: Any, form: str, cached: bool, single: bool
) -> None:
    """One fresh read of the activity is made, whatever names it, and whether or not the server reads single ones."""
    if not single:
        replace(lab, "getActivity", {"code": "FST_ERR_NOT_FOUND"}, status=404)
    if cached:
        world(lab.api.activities.get_activities())
    before = len(lab.exchanges)
    world(lab.api.registration.stage_drafts(run if form == "object" else "Run", ["Compound"], ROWS))
    reads = [item for item in lab.exchanges[before:] if item.operation in ("getActivity", "listActivities")]
    # Where single reads do not exist, the first refusal tells, and is no read.
    answered = [item.operation for item in reads if single or item.operation == "listActivities"]
    assert len(answered) == 1
    if cached and single:
        assert answered == ["getActivity"]


def test_r091_the_read_is_fresh(lab: Lab, world: World, run: Any) -> None:
    """What was staged elsewhere since the activity was listed is among the drafts that a replacement archives."""
    world(lab.api.activities.get_activities())
    lab.client.registration.stage_drafts(run.id, ["Compound"], ROWS)
    world(lab.api.registration.stage_drafts("Run", ["Compound"], ROWS[:1], replace_existing=True))
    assert len(body_of(lab, "runImport")["replace_draft_record_ids"]) == 2


def test_r092_a_refused_start_can_be_resumed(lab: Lab, world: World, run: Any) -> None:
    """The error of a start that failed carries the import, also in a copy; a call with it starts that very import."""
    stage = lab.api.registration.stage_drafts
    lab.fail("runImport", status=409)
    with pytest.raises(KalbioAPIError) as caught:
        world(stage(run, ["Compound"], ROWS))
    error: Any = caught.value
    import_id = error.import_id
    assert import_id in "".join(error.__notes__)
    assert copy.copy(error).import_id == pickle.loads(pickle.dumps(error)).import_id == import_id
    assert world(stage(run, ["Compound"], ROWS, import_id=import_id)) == import_id
    assert lab.operations().count("createImport") == 1
    assert f"/imports/{import_id}" in [item for item in lab.exchanges if item.operation == "runImport"][-1].target
    world(run.refetch())
    assert len(run.data_table_draft_record_ids) == 2


@pytest.mark.parametrize("fault", [{"lose_answer": True}, {"refuse": True}, {"status": 500}], ids=str)
def test_r092_every_failure_of_the_start_names_the_import(world: World, fault: Any) -> None:
    """Lost connections and failures of the server carry the import too; with errors logged, the log names it."""
    lab = Lab(world, retries=0)
    run = world(lab.api.activities.create_activity("Run", "experiment", activity_definition_id="Batch registration"))
    lab.fail("runImport", **fault)
    with pytest.raises(KalbioError) as caught:
        world(lab.api.registration.stage_drafts(run, ["Compound"], ROWS))
    assert [item.id for item in world(lab.api.imports.get_imports())] == [caught.value.import_id]  # type: ignore[attr-defined]
    lab.close()


def test_r092_the_log_names_the_import(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Where errors are logged instead of raised, the line in the log has the id of the import that is left."""
    lab = Lab(world, retries=0, on_error="log")
    run = world(lab.api.activities.create_activity("Run", "experiment", activity_definition_id="Batch registration"))
    lab.fail("runImport", status=409)
    assert world(lab.api.registration.stage_drafts(run, ["Compound"], ROWS)) is None
    (left,) = world(lab.api.imports.get_imports())
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert left.id in line.getMessage()
    lab.close()


@pytest.mark.parametrize("value", [{}, {"id": None}, [], 5, b""], ids=str)
def test_r093_an_import_without_an_id_is_a_response_error(lab: Lab, world: World, run: Any, value: Any) -> None:
    """A creation whose answer names no import raises with method and path, and nothing is started."""
    replace(lab, "createImport", value)
    with pytest.raises(KalbioResponseError) as caught:
        world(lab.api.registration.stage_drafts(run, ["Compound"], ROWS))
    assert (caught.value.method, caught.value.path) == ("POST", lab.exchanges[-1].target)
    assert "runImport" not in lab.operations()


@pytest.mark.parametrize(
    ("keys", "data", "words"),
    [
        ([], ROWS, "key_field_names is empty"),
        (["Compound"], [], "data is empty"),
        (["Compound"], [{}], r"data\[0\]"),
        (["Compound"], [ROWS[0], {"Comment": "x"}], r"data\[1\] has no value for the key field 'Compound'"),
        (["Compound"], [{"Compound": None}], r"data\[0\] has no value"),
        (["Compound"], [{"Compound": "  "}], r"data\[0\] has no value"),
        (["Compound", "Batch"], [{"Compound": "x"}], r"data\[0\] has no value for the key field 'Batch'"),
    ],
)
def test_r094_rows_are_checked_before_any_request(
    lab: Lab, world: World, run: Any, keys: Any, data: Any, words: str
) -> None:
    """Empty tables and rows without a key value are ValueErrors, for which nothing at all is sent."""
    before = len(lab.exchanges)
    with pytest.raises(ValueError, match=words):
        world(lab.api.registration.stage_drafts(run, keys, data))
    assert len(lab.exchanges) == before


def listed_type(lab: Lab, run: Any, *key_fields: str) -> None:
    """Let the staging table be of the entity type with these key fields."""
    kinds = lab.client.entity_types.get_types()
    fields = {field.field_name: field.id for field in lab.client.entity_fields.get_key_fields()}
    wanted = {fields[name] for name in key_fields}
    kind = next(item for item in kinds if set(item.key_field_ids) == wanted)
    alter(
        lab,
        "listRecordViews",
        lambda views: [
            {**view, "entity_slice_id": kind.id} if view["id"] == run.registration_staging_record_view_id else view
            for view in views
        ],
    )


def test_r094_key_names_must_be_keys_of_the_staging_table(lab: Lab, world: World, run: Any) -> None:
    """A key field of another entity type is refused by name, and so is one that is no key field at all."""
    listed_type(lab, run, "Compound")
    stage = lab.api.registration.stage_drafts
    with pytest.raises(ValueError, match=r"'Batch' is not a key field of the staging table.*\['Compound'\]"):
        world(stage(run, ["Batch"], [{"Batch": "x"}]))
    with pytest.raises(ValueError, match="'Comment'"):
        world(stage(run, ["Comment"], [{"Comment": "x"}]))
    assert not written(lab)


def test_r094_a_column_that_fits_two_fields_is_ambiguous(lab: Lab, world: World, run: Any) -> None:
    """A column or a key with the name of two fields of the staging table raises with both, instead of taking one."""
    stage = lab.api.registration.stage_drafts
    alter(
        lab,
        "listDataFields",
        lambda items: [
            {**item, "field_name": "Comment"} if item["field_name"] == "Purity (%)" else item for item in items
        ],
    )
    with pytest.raises(AmbiguousIdentifierError) as caught:
        world(stage(run, ["Compound"], [{"Compound": "x", "Comment": "y"}]))
    assert len(caught.value.candidates) == 2
    listed_type(lab, run, "Compound", "Batch")
    alter(lab, "listKeyFields", lambda items: [{**item, "field_name": "Compound"} for item in items])
    lab.api.clear_caches()
    with pytest.raises(AmbiguousIdentifierError) as caught:
        world(stage(run, ["Compound"], [{"Compound": "x"}]))
    assert len(caught.value.candidates) == 2
    assert not written(lab)


def test_r095_a_staging_table_that_is_not_listed_is_named(lab: Lab, world: World, run: Any) -> None:
    """The error of a missing staging table names it, after one look into a fresh listing; nothing is stored."""
    world(lab.api.record_views.get_record_views())
    alter(lab, "listRecordViews", lambda views: views[:1])
    lab.api.clear_caches()
    world(lab.api.record_views.get_record_views())
    before = len(lab.operations())
    with pytest.raises(ValueError, match=run.registration_staging_record_view_id):
        world(lab.api.registration.stage_drafts(run, ["Compound"], ROWS))
    assert lab.operations()[before:].count("listRecordViews") == 1
    assert not written(lab)


def test_r095_a_column_made_elsewhere_is_found_by_one_refresh(lab: Lab, world: World, run: Any) -> None:
    """A column that the cached lists do not know is accepted after one refresh; an unknown one costs no more."""
    hidden: list[Any] = []

    def hide_the_first_time(items: list[Any]) -> list[Any]:
        hidden.append(items)
        return [item for item in items if len(hidden) > 1 or item["field_name"] != "Purity (%)"]

    alter(lab, "listDataFields", hide_the_first_time)
    world(lab.api.entity_fields.get_data_fields())
    world(lab.api.registration.stage_drafts(run, ["Compound"], ROWS))
    assert len(hidden) == 2
    before = len(lab.operations())
    with pytest.raises(ValueError, match=r"'Puritty'.*Did you mean 'Purity"):
        world(lab.api.registration.stage_drafts(run, ["Compound"], [{"Compound": "x", "Puritty": 1}]))
    assert lab.operations()[before:].count("listDataFields") == 1
    assert "createImport" not in lab.operations()[before:]


def test_r095_a_failed_listing_is_not_taken_for_a_missing_column(world: World, caplog: Any) -> None:
    """Where errors are logged, the failure of a listing is what is logged; no column is blamed for it."""
    lab = Lab(world, retries=0, on_error="log")
    run = world(lab.api.activities.create_activity("Run", "experiment", activity_definition_id="Batch registration"))
    lab.fail("listDataFields", status=503, times=5)
    assert world(lab.api.registration.stage_drafts(run, ["Compound"], ROWS)) is None
    assert "createImport" not in lab.operations()
    assert "status 503" in caplog.text
    lab.close()


def test_r096_steps_refresh_the_lists_of_drafts(lab: Lab, world: World, run: Any) -> None:
    """After staging, validating, submitting, verdicts and clearing, the activity shows its drafts as they are."""
    api = lab.api.registration

    def shown() -> tuple[list[str], list[str]]:
        (listed,) = (item for item in world(lab.api.activities.get_activities()) if item.id == run.id)
        single = world(lab.api.activities.get_activity_by_id("Run"))
        assert single.data_table_draft_record_ids == listed.data_table_draft_record_ids
        stored = lab.client.activities.get_activities(use_cache=False)
        (fresh,) = (item for item in stored if item.id == run.id)
        assert listed.to_dict() == fresh.to_dict()
        return sorted(listed.data_table_draft_record_ids), sorted(listed.all_record_ids)

    assert shown() == ([], [])
    world(api.stage_drafts(run, ["Compound"], [*ROWS, {"Compound": "R-3"}]))
    drafts, _ = shown()
    assert len(drafts) == 3
    world(api.clear_drafts(run, drafts[:1]))
    assert shown()[0] == drafts[1:]
    dry = world(api.validate_drafts(run))
    before = len(lab.operations())
    shown()
    assert "listActivities" in lab.operations()[before:]
    world(api.submit_submission_results(run, dry.id, "success"))
    submission = world(api.submit_drafts(run))
    shown()
    results = [{"record_id": item, "status": "registered"} for item in drafts[1:]]
    world(api.push_submission_status(run, submission.id, "validated"))
    world(api.submit_submission_results(run, submission.id, "success", records=results))
    assert shown()[0] == []


@pytest.mark.parametrize("step", ["validate", "submit", "status", "results", "clear"])
def test_r096_each_step_leads_to_a_fresh_listing(lab: Lab, world: World, run: Any, step: str) -> None:
    """Every step drops the listing of activities, so that the next look asks the server."""
    api = lab.api.registration
    world(api.stage_drafts(run, ["Compound"], ROWS))
    world(run.refetch())
    submission: Any = world(api.validate_drafts(run)) if step in ("status", "results") else None
    world(lab.api.activities.get_activities())
    calls: dict[str, Callable[[], Any]] = {
        "validate": lambda: api.validate_drafts(run),
        "submit": lambda: api.submit_drafts(run),
        "status": lambda: api.push_submission_status(run, submission.id, "validated"),
        "results": lambda: api.submit_submission_results(run, submission.id, "success"),
        "clear": lambda: api.clear_drafts(run, run.data_table_draft_record_ids),
    }
    world(calls[step]())
    before = len(lab.operations())
    world(lab.api.activities.get_activities())
    assert lab.operations()[before:] == ["listActivities"]


@pytest.mark.parametrize("value", [{}, [], 3, "done", None, {"ok": True}, [{}, {}], b""], ids=str)
def test_r097_a_removal_counts_whatever_json_answers_it(lab: Lab, world: World, value: Any) -> None:
    """Any JSON, and nothing at all, is taken as the end of a removal; nothing cached contradicts it."""
    activity = world(lab.api.activities.get_activity_by_id("Kinase screen"))
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    world(lab.api.activities.get_activities_with_record(record))
    assert world(record.get_value_content("Potency (nM)", activity)) is not None
    replace(lab, "removeOperationRecords", value)
    world(activity.remove_records([record]))
    assert record.id not in activity.all_record_ids
    assert world(lab.api.activities.get_activities_with_record(record)) == []
    fresh = world(lab.api.records.get_record_by_id(record.id))
    assert world(fresh.get_value_content("Potency (nM)", activity)) is None
    again = world(lab.api.activities.get_activity_by_id("Kinase screen"))
    assert record.id not in again.all_record_ids


def test_r097_caches_are_dropped_before_the_answer_is_read(lab: Lab, world: World) -> None:
    """Even an answer that is no JSON leaves no cached state from before the removal."""
    activity = world(lab.api.activities.get_activity_by_id("Kinase screen"))
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    replace(lab, "removeOperationRecords", b"<html>")
    with pytest.raises(KalbioResponseError):
        world(activity.remove_records([record]))
    fresh = world(lab.api.records.get_record_by_id(record.id))
    assert world(fresh.get_value_content("Potency (nM)", activity)) is None
    assert record.id not in world(lab.api.activities.get_activity_by_id("Kinase screen")).all_record_ids


@pytest.mark.parametrize("polls", [0, 3])
def test_r098_an_import_is_waited_for(world: World, polls: int) -> None:
    """The wait polls until the import has ended and returns it; a limit ends it with the last state."""
    lab = Lab(world, sandbox=Sandbox(import_polls=polls), retries=0)
    import_id = world(lab.api.imports.push_data(["Compound"], [{"Compound": "x"}]))
    if polls:
        with pytest.raises(WaitTimeoutError) as caught:
            world(lab.api.imports.wait(import_id, timeout=0))
        assert caught.value.outcome.id == import_id
        assert not caught.value.outcome.is_complete
    ended = world(lab.api.imports.wait(import_id, interval=0.001))
    assert (ended.import_status, ended.is_complete) == ("completed", True)
    assert lab.operations().count("getImport") == polls + 1
    lab.close()


def test_r098_errors_of_rows_are_returned_or_raised(lab: Lab, world: World) -> None:
    """Rows that were left out are in the outcome, or, if asked for, an error that carries it."""
    errors = [{"field_name": "Purity (%)", "value": "high", "conflict_type": "type"}]
    result = {"validation_result": {"failed": 1, "errors": errors}}
    replace(lab, "getImport", {"id": NOWHERE, "is_complete": True, "import_status": "completed",
                               "import_result": result})  # fmt: skip
    ended = world(lab.api.imports.wait(NOWHERE))
    assert [(item.field_name, item.value) for item in ended.row_errors] == [("Purity (%)", "high")]
    with pytest.raises(OutcomeError, match="high") as caught:
        world(lab.api.imports.wait(NOWHERE, on_row_errors="raise"))
    assert caught.value.outcome.id == NOWHERE
    replace(lab, "getImport", {"id": NOWHERE, "is_complete": True, "import_status": "failed", "error_message": "no"})
    with pytest.raises(OutcomeError, match="no"):
        world(lab.api.imports.wait(NOWHERE))


def test_r098_a_submission_is_waited_for(lab: Lab, world: World, run: Any) -> None:
    """The wait polls until the registrar has spoken; verdicts against single drafts are returned or raised."""
    api = lab.api.registration
    world(api.stage_drafts(run, ["Compound"], ROWS))
    submission = world(api.submit_drafts(run))
    states = iter(["pending", "validated", "completed", "completed", "failed"])
    errors = [{"source_record_id": NOWHERE, "status": "rejected", "error_message": "no structure"}]

    def speak(items: list[Any]) -> list[Any]:
        return [{**item, "status": next(states), "record_errors": errors} for item in items]

    with pytest.raises(WaitTimeoutError):
        world(api.wait(run, submission_id=submission.id, timeout=0))
    alter(lab, "listRegistrationSubmissions", speak)
    before = len(lab.operations())
    ended = world(api.wait("Run", submission_id=submission.id, interval=0.001))
    assert ended.status == "completed"
    assert [item.error_message for item in ended.record_errors] == ["no structure"]
    assert lab.operations()[before:].count("listRegistrationSubmissions") == 3
    for options in ({"on_record_errors": "raise"}, {}):
        with pytest.raises(OutcomeError) as caught:
            world(api.wait(run, submission_id=submission.id, **options))
        assert caught.value.outcome.record_errors
