"""Registration: files and drafts go out, verdicts come back."""

from __future__ import annotations

from typing import Any

import pytest

from kalbio import IdentifierNotFoundError, KalbioAPIError, KalbioResponseError
from kalbio.registration import RegistrationFileStatusEnum, RegistrationResultStatusEnum
from tests.altered import alter, body_of, replace
from tests.conftest import Lab, World
from tests.demo import NOWHERE
from tests.rows import row

ROWS = [{"Compound": "R-1", "Purity (%)": 98}, {"Compound": "R-2", "Comment": "pale"}]


@pytest.fixture
def run(lab: Lab, world: World) -> Any:
    """An activity whose definition has table-based registration."""
    return world(lab.api.activities.create_activity("Run", "experiment", activity_definition_id="Batch registration"))


@pytest.fixture
def uploaded(lab: Lab, world: World) -> tuple[Any, str]:
    """An activity with an uploaded file that can be registered, and the file's id."""
    activity = world(lab.api.activities.get_activity_by_id("First registration"))
    world(activity.add_records([{"Compound": "SBX-1"}, {"Compound": "SBX-2"}]))
    upload = next(item for item in activity.properties if item.field_type == "file")
    return activity, world(upload.update_property_file("r.csv", b"Compound", "text/csv"))["file_id"]


def test_a_file_is_registered_and_its_results_come_back(lab: Lab, world: World, uploaded: tuple[Any, str]) -> None:
    """From pending over validated to failed with a bad row: each step is sent as told and can be read back."""
    activity, file_id = uploaded
    api = lab.api.registration
    made = world(api.register_file("First registration", file_id))
    assert (made.status, made.file_id, made.operation_id) == ("pending", file_id, activity.id)
    assert world(api.push_status(activity, file_id, RegistrationFileStatusEnum.VALIDATED, "fine")) is True
    assert body_of(lab, "updateRegistrationFileStatus") == {"status": "validated", "message": "fine"}
    assert [item.status for item in world(api.get_registration_files(activity.id))] == ["validated"]
    good, bad = activity.all_record_ids
    records = [
        {"record_id": good, "status": "registered", "data": {"Comment": "ok"}, "error_message": None},
        {"record_id": bad, "status": "error", "error_message": "no structure"},
    ]
    assert world(api.submit_results(activity, file_id, "error", "one bad row", ["Compound"], records)) is True
    assert body_of(lab, "submitRegistrationResults") == {
        "status": "error", "message": "one bad row", "key_field_names": ["Compound"],
        "records": [{k: v for k, v in record.items() if v is not None} for record in records],
    }  # fmt: skip
    (registration,) = world(api.get_registration_files(activity))
    assert (registration.status, registration.message) == ("failed", "one bad row")
    errors = [(item.source_record_id, item.error_message) for item in registration.record_errors]
    assert (bad, "no structure") in errors


def test_only_what_is_given_is_sent(lab: Lab, world: World, uploaded: tuple[Any, str]) -> None:
    """A result alone sends its status only; the older name of message still works, with a warning."""
    activity, file_id = uploaded
    api = lab.api.registration
    world(api.register_file(activity, file_id))
    with pytest.warns(DeprecationWarning, match="message"):
        world(api.submit_results(activity, file_id, RegistrationResultStatusEnum.SUCCESS, error_message="done"))
    assert body_of(lab, "submitRegistrationResults") == {"status": "success", "message": "done"}
    with pytest.raises(ValueError, match="same"):
        world(api.submit_results(activity, file_id, "success", "a", error_message="b"))
    replace(lab, "submitRegistrationResults", b"", status=204)
    world(api.submit_results(activity, file_id, "success"))
    assert body_of(lab, "submitRegistrationResults") == {"status": "success"}


def test_drafts_are_staged_with_their_columns_mapped(lab: Lab, world: World, run: Any) -> None:
    """The rows are stored and started with the id of the activity, the columns by id, sorted by name; drafts appear."""
    lab.api.clear_caches()
    before = len(lab.operations())
    import_id = world(lab.api.registration.stage_drafts("Run", ["Compound"], ROWS))
    assert lab.operations()[before:].count("listActivities") <= 1
    assert "getActivity" not in lab.operations()[before:]  # the listing was a fresh read
    assert lab.operations()[before:][-2:] == ["createImport", "runImport"]
    assert body_of(lab, "createImport") == {
        "data_json": ROWS, "attrs": {}, "operation_id": run.id, "is_draft": True, "source_type": "http-post",
    }  # fmt: skip
    fields = [world(lab.api.entity_fields.get_data_field_by_id(name)) for name in ("Comment", "Purity (%)")]
    assert body_of(lab, "runImport") == {
        "key_field_configurations": [{"name": "Compound"}],
        "data_field_configurations": [
            {"name": field.field_name, "type": field.field_type, "mapped_field_id": field.id} for field in fields
        ],
        "record_view_id": run.registration_staging_record_view_id,
    }  # fmt: skip
    assert world(lab.api.imports.get_import(import_id)).is_complete
    world(run.refetch())
    assert len(run.data_table_draft_record_ids) == 2
    world(lab.api.registration.stage_drafts(run, ["Compound"], ROWS[:1], replace_existing=True))
    assert body_of(lab, "runImport")["replace_draft_record_ids"] == run.data_table_draft_record_ids
    world(run.refetch())
    assert len(run.data_table_draft_record_ids) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([], ROWS), "key_field_names is empty"),
        (("Compound", ROWS), "list of texts"),
        ((["Compound"], []), "data is empty"),
        ((["Compound"], ["x"]), r"data\[0\]"),
        ((["Compound"], [{"Purity (%)": 1}]), r"data\[0\] has no value for the key field 'Compound'"),
        ((["Compound"], [{"Compound": ""}]), r"data\[0\] has no value"),
        ((["Compond"], [{"Compond": "x"}]), "Did you mean 'Compound'"),
        ((["Compound"], [{"Compound": "x", "Purity": 1}]), r"Did you mean 'Purity \(%\)'"),
        ((["Compound"], [{"Compound": "x", "Purity (%)": float("nan")}]), "nan"),
    ],
)
def test_rows_that_make_no_sense_are_not_staged(lab: Lab, world: World, run: Any, arguments: Any, words: str) -> None:
    """Missing keys, empty tables and unknown columns raise before anything is written."""
    with pytest.raises(ValueError, match=words):
        world(lab.api.registration.stage_drafts(run, *arguments))
    assert "createImport" not in lab.operations()


def test_staging_needs_a_staging_table(lab: Lab, world: World, run: Any) -> None:
    """An unknown activity, one without a staging table, and a table that is not listed are told apart."""
    stage = lab.api.registration.stage_drafts
    with pytest.raises(IdentifierNotFoundError):
        world(stage("no such activity", ["Compound"], ROWS))
    with pytest.raises(ValueError, match="no staging table"):
        world(stage("Kinase screen", ["Compound"], ROWS))
    replace(lab, "listRecordViews", [])
    lab.api.clear_caches()
    with pytest.raises(ValueError, match=run.registration_staging_record_view_id):
        world(stage(run, ["Compound"], ROWS))
    assert "createImport" not in lab.operations()


def test_a_start_that_is_refused_can_be_made_up_for(lab: Lab, world: World, run: Any) -> None:
    """The error of a refused start carries the import; a call with it starts that, and stores no rows again."""
    alter(lab, "runImport", lambda _: {"message": "busy"}, status=400)
    with pytest.raises(KalbioAPIError) as caught:
        world(lab.api.registration.stage_drafts(run, ["Compound"], ROWS))
    import_id = caught.value.import_id  # type: ignore[attr-defined]
    assert import_id in "".join(caught.value.__notes__)
    lab.transport.__dict__.pop("_answer")
    replace(lab, "runImport", {})  # the sandbox has carried out the first start
    before = len(lab.operations())
    assert world(lab.api.registration.stage_drafts(run, ["Compound"], ROWS, import_id=import_id)) == import_id
    assert "createImport" not in lab.operations()[before:]
    assert f"/imports/{import_id}/run" in lab.exchanges[-1].target


def test_a_staged_import_without_an_id_is_a_response_error(lab: Lab, world: World, run: Any) -> None:
    """An answer that names no import raises, and nothing is started."""
    replace(lab, "createImport", {"import_id": NOWHERE})
    with pytest.raises(KalbioResponseError, match="POST /imports"):
        world(lab.api.registration.stage_drafts(run, ["Compound"], ROWS))
    assert "runImport" not in lab.operations()


def test_drafts_are_validated_submitted_and_registered(lab: Lab, world: World, run: Any) -> None:
    """A validation leaves verdicts only; a submission registers what was good, and every step can be read back."""
    api = lab.api.registration
    world(api.stage_drafts(run, ["Compound"], ROWS))
    world(run.refetch())
    first, second = run.data_table_draft_record_ids
    check = world(api.validate_drafts("Run"))
    assert body_of(lab, "validateDrafts") == {}
    assert (check.submission_type, check.status) == ("validation", "pending")
    world(api.submit_submission_results(run, check.id, "success"))
    assert {item.status for item in world(api.get_draft_statuses(run))} == {"validated"}

    submission = world(api.submit_drafts(run, [first]))
    assert body_of(lab, "submitDrafts") == {"record_ids": [first]}
    assert (submission.submission_type, submission.status) == ("registration", "submitted")
    assert submission.submitted_record_ids == [first]
    assert world(api.push_submission_status(run, submission.id, "submitted", "on it")) is True
    assert body_of(lab, "updateSubmissionStatus") == {"status": "submitted", "message": "on it"}
    outcome = [{"record_id": first, "status": "registered", "data": {"Compound": "R-1"}}]
    assert world(api.submit_submission_results(run, submission.id, "success", None, ["Compound"], outcome)) is True
    assert body_of(lab, "submitSubmissionResults") == {
        "status": "success", "key_field_names": ["Compound"], "records": outcome,
    }  # fmt: skip
    newest, oldest = world(api.get_registration_submissions(run))
    assert (newest.id, newest.status, oldest.id) == (submission.id, "completed", check.id)

    assert world(api.clear_drafts(run, [second])) is True
    assert body_of(lab, "clearDrafts") == {"record_ids": [second]}
    assert world(lab.api.activities.get_activity_by_id(run.id)).data_table_draft_record_ids == []


def test_value_objects_without_ids_are_read(lab: Lab, world: World, run: Any) -> None:
    """Draft statuses and record errors have no ids; what is no object is kept aside."""
    replace(lab, "listDraftStatuses", [{"record_id": "a", "status": "matched"}, 5])
    statuses = world(lab.api.registration.get_draft_statuses(run))
    assert [(item.record_id, item.status, item.message) for item in statuses] == [("a", "matched", None)]
    assert statuses.unreadable == [5]
    failed = {"id": NOWHERE, "status": "failed", "error_message": "old", "record_errors": [{"source_record_id": "a"}]}
    replace(lab, "listRegistrationFiles", [failed])
    (registration,) = world(lab.api.registration.get_registration_files(run))
    assert (registration.message, registration.record_errors[0].source_record_id) == ("old", "a")


BAD_CALLS: list[Any] = [
    lambda api: api.register_file("no such activity", NOWHERE),
    lambda api: api.register_file(NOWHERE, "r.csv"),
    lambda api: api.get_registration_files(""),
    lambda api: api.push_status(NOWHERE, NOWHERE, "okay"),
    lambda api: api.push_status(NOWHERE, "r.csv", "validated"),
    lambda api: api.submit_results(NOWHERE, NOWHERE, "validated"),
    lambda api: api.submit_results(NOWHERE, NOWHERE, "success", key_field_names="Compound"),
    lambda api: api.submit_results(NOWHERE, NOWHERE, "success", records=[{"status": "x"}]),
    lambda api: api.submit_results(NOWHERE, NOWHERE, "success", records=[{"record_id": NOWHERE}]),
    lambda api: api.submit_results(NOWHERE, NOWHERE, "success", records=[{"record_id": "SBX-1", "status": "x"}]),
    lambda api: api.submit_results(
        NOWHERE, NOWHERE, "error", records=[{"record_id": NOWHERE, "status": "x", "eror_message": "y"}]
    ),
    lambda api: api.submit_results(
        NOWHERE, NOWHERE, "error", records=[{"record_id": NOWHERE, "status": "x", "data": [1]}]
    ),
    lambda api: api.submit_results(
        NOWHERE, NOWHERE, "error", records=[{"record_id": NOWHERE, "status": "x", "data": {"a": float("inf")}}]
    ),
    lambda api: api.validate_drafts(NOWHERE, []),
    lambda api: api.submit_drafts(NOWHERE, ["draft"]),
    lambda api: api.submit_drafts(NOWHERE, NOWHERE),
    lambda api: api.clear_drafts(NOWHERE, []),
    lambda api: api.get_registration_submissions("no such activity"),
    lambda api: api.push_submission_status(NOWHERE, NOWHERE, None),
    lambda api: api.submit_submission_results(NOWHERE, "last", "success"),
    lambda api: api.stage_drafts(NOWHERE, ["Compound"], "rows"),
]


def test_bad_input_is_refused_before_anything_is_sent(lab: Lab, world: World) -> None:
    """Unknown states, incomplete outcomes, empty lists of drafts, names of nothing: all raise, nothing is written."""
    for call in BAD_CALLS:
        with row(call):
            with pytest.raises(ValueError, match=r".+"):
                world(call(lab.api.registration))
            assert set(lab.operations()) <= {"listActivities"}


@pytest.mark.parametrize("operation", ["listDraftStatuses", "listRegistrationSubmissions", "listRegistrationFiles"])
def test_lists_of_an_unknown_activity_raise(lab: Lab, world: World, operation: str) -> None:
    """A 404 on these lists keeps its status: it is no empty list."""
    api = lab.api.registration
    call = {
        "listDraftStatuses": api.get_draft_statuses,
        "listRegistrationSubmissions": api.get_registration_submissions,
        "listRegistrationFiles": api.get_registration_files,
    }[operation]
    with pytest.raises(KalbioAPIError) as caught:
        world(call(NOWHERE))
    assert caught.value.status_code == 404
