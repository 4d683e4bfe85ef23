from __future__ import annotations

from collections.abc import Iterator

import pytest

from kalbio.sandbox import Sandbox
from tests.sandbox.wire import Api, Json


class Lab:
    """An experiment with two records and a results file, and what the outside service heard."""

    def __init__(self) -> None:
        self.heard: list[Json] = []
        self.sandbox = Sandbox(webhook=self.heard.append)
        self.api = Api(self.sandbox)
        self.operation = self.api.experiment("Assay 1", "Assay results registration")
        self.records = [self.api.record(Compound=name)["id"] for name in ("SBX-1", "SBX-2")]
        self.api.attach(self.operation["id"], *self.records)
        file_property = next(p["id"] for p in self.operation["properties"] if p["field_type"] == "file")
        self.file = self.api.upload(f"/properties/{file_property}/file", "results.csv", b"a\r\n").json()["file_id"]
        self.path = f"/operations/{self.operation['id']}"

    def register(self, status: int = 200) -> Json:
        """Register the file."""
        return self.api.post(f"{self.path}/register/{self.file}", {}, status)

    def report(self, status: str, expected: int = 204, **more: str) -> None:
        """Report progress."""
        self.api.post(f"{self.path}/registration_files/{self.file}/status", {"status": status, **more}, expected)

    def deliver(self, status: str, *records: Json, expected: int = 204, **more: Json) -> None:
        """Deliver results."""
        body = {"status": status, "records": list(records), **more}
        self.api.post(f"{self.path}/register/{self.file}/results", body, expected)

    def listed(self) -> Json:
        """The one registration of the operation."""
        (registration,) = self.api.read(f"{self.path}/registrations")
        return registration

    def contents(self, record_id: str, name: str) -> list[Json]:
        """A field's contents in the operation, newest first."""
        field = next(f["id"] for f in self.api.read("/data_fields") if f["field_name"] == name)
        history = self.api.read(f"/records/{record_id}/values")
        return [v["content"] for v in history if v["field_id"] == field and v["operation_id"] == self.operation["id"]]


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A fresh lab."""
    lab = Lab()
    with lab.sandbox:
        yield lab


def test_registering_a_file_tells_the_service(lab: Lab) -> None:
    """The event names operation, file and the records of the configured table; its URL serves the file."""
    registration = lab.register()

    assert (registration["status"], registration["file_id"]) == ("pending", lab.file)
    (event,) = lab.heard
    assert event["event"] == "registration_submitted"
    assert (event["operation_id"], event["file_id"]) == (lab.operation["id"], lab.file)
    assert (event["file_name"], sorted(event["record_ids"])) == ("results.csv", sorted(lab.records))
    path = event["file_url"].removeprefix(lab.sandbox.base_url)
    assert lab.api.get(path).body == b"a\r\n"


def test_registering_again_changes_nothing(lab: Lab) -> None:
    """One registration per operation and file; the second call brings no second event."""
    assert lab.register() == lab.register()
    assert len(lab.heard) == 1


def test_the_whole_life_with_one_bad_row(lab: Lab) -> None:
    """Progress, results, values in the result table, the bad row listed, the status field written."""
    good, bad = lab.records
    lab.register()
    lab.report("validated", message="2 rows")
    assert lab.listed() == lab.listed() | {"status": "validated", "message": "2 rows", "error_message": "2 rows"}
    lab.report("submitted")
    lab.deliver(
        "success",
        {"record_id": good, "status": "matched", "data": {"Compound": "SBX-1", "Potency (nM)": 7, "Soluble": False}},
        {"record_id": bad, "status": "error", "error_message": "no peak", "data": {"Potency (nM)": 9}},
        key_field_names=["Compound"],
    )

    listed = lab.listed()
    assert listed["status"] == "completed"
    assert listed["record_errors"] == [{"source_record_id": bad, "status": "error", "error_message": "no peak"}]
    assert lab.contents(good, "Potency (nM)") == ["7"]
    assert lab.contents(bad, "Potency (nM)") == []
    assert lab.contents(good, "Registration status") == ["completed", "submitted", "validated", "pending"]
    assert lab.contents(bad, "Registration status")[0] == "failed"
    view = next(v["id"] for v in lab.api.read("/record_views") if v["operation_ids"] == [lab.operation["id"]])
    newest = lab.api.read(f"/records/{good}/values")
    assert {v["record_view_id"] for v in newest if v["content"] in ("7", False) and v["operation_id"]} == {view}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"data": {"Nonsense": 1}}, "Nonsense"),
        ({"data": {"Potency (nM)": "high"}}, "Potency (nM)"),
        ({"data": {"Potency (nM)": 1, "Soluble": "yes"}}, "Soluble"),
        ({"data": {"Compound": "SBX-9"}}, "SBX-9"),
        ({"data": {"Nokey": "SBX-9"}}, "Nokey"),
        ({"record_id": "nope"}, "not in operation"),
        ({"status": "not_found"}, "not_found"),
    ],
)
def test_a_row_with_a_fault_is_reported_and_not_written(lab: Lab, row: Json, words: str) -> None:
    """Unknown fields, wrong content, other keys and foreign records become record errors, and the row is dropped."""
    lab.register()

    base = {"record_id": lab.records[0], "status": "matched"}
    lab.deliver("success", base | row, key_field_names=["Compound", "Nokey"])

    (error,) = lab.listed()["record_errors"]
    assert words in error["error_message"]
    assert "id" not in error
    assert lab.contents(lab.records[0], "Potency (nM)") == []


def test_a_failure_writes_nothing_and_can_be_tried_again(lab: Lab) -> None:
    """status error ends in failed; the old text key is understood; registering again starts anew."""
    first = lab.register()
    lab.deliver("error", {"record_id": lab.records[0], "status": "x", "data": {"Soluble": True}}, error_message="down")
    failed = lab.listed()
    assert (failed["status"], failed["message"]) == ("failed", "down")
    assert lab.contents(lab.records[0], "Soluble") == []

    again = lab.register()

    assert (again["id"], again["status"]) == (first["id"], "pending")
    assert len(lab.heard) == 2


def test_a_registration_never_goes_back(lab: Lab) -> None:
    """Steps may be left out but not undone, and what ended takes no more reports."""
    lab.report("validated", expected=404)
    lab.register()
    lab.report("submitted")
    lab.report("validated", expected=409)
    lab.report("submitted", message="still busy")
    lab.deliver("success")
    lab.report("failed", expected=409)
    lab.deliver("error", expected=409)
    lab.report("sleeping", expected=400)

    assert lab.listed()["status"] == "completed"


def test_only_the_configured_file_can_be_registered(lab: Lab) -> None:
    """A file of another activity, of another property, or an activity without the setting is refused."""
    other = lab.api.experiment()
    lab.api.post(f"/operations/{other['id']}/register/{lab.file}", {}, 400)
    lab.api.post(f"{lab.path}/register/nope", {}, 404)
    lab.api.post(f"/operations/nope/register/{lab.file}", {}, 404)
    field = next(f["id"] for f in lab.api.read("/data_fields") if f["field_name"] == "Spectrum")
    body = {"field_id": field, "operation_id": lab.operation["id"]}
    value = lab.api.upload(f"/records/{lab.records[0]}/values/file", "s.csv", b"x", body).json()["resource"]
    lab.api.post(f"{lab.path}/register/{value['content']['file_id']}", {}, 400)

    assert lab.heard == []


def test_a_receiver_that_fails_does_not_fail_the_request() -> None:
    """The delivery log keeps what happened."""

    def receiver(event: Json) -> None:
        raise RuntimeError("boom")

    lab = Lab()
    lab.sandbox.close()
    with Sandbox(webhook=receiver) as sandbox:
        api = Api(sandbox)
        operation = api.experiment("Assay", "Assay results registration")
        file_property = next(p["id"] for p in operation["properties"] if p["field_type"] == "file")
        file_id = api.upload(f"/properties/{file_property}/file", "r.csv", b"").json()["file_id"]
        api.post(f"/operations/{operation['id']}/register/{file_id}", {})

        (delivery,) = sandbox.webhook_log

    assert (delivery.delivered, delivery.error) == (False, "RuntimeError('boom')")


# drafts


class Staging:
    """An experiment with a staging table, and what the registrar heard."""

    def __init__(self) -> None:
        self.heard: list[Json] = []
        self.sandbox = Sandbox(webhook=self.heard.append)
        self.api = Api(self.sandbox)
        self.operation = self.api.experiment("Batches 1", "Batch registration")
        self.view = self.operation["registration_staging_record_view_id"]
        self.path = f"/operations/{self.operation['id']}"
        self.purity = self.api.field("Purity (%)", "number")

    def stage(self, *rows: Json, replace: list[str] | None = None, expected: int = 204, **config: Json) -> Json:
        """Stage rows as drafts."""
        body = {"data_json": list(rows), "attrs": {}, "is_draft": True, "source_type": "http-post"}
        import_ = self.api.post("/imports", body | {"operation_id": self.operation["id"]})
        assert (import_["import_status"], import_["is_complete"]) == ("created", False)
        run: Json = {
            "key_field_configurations": [{"name": "Compound"}],
            "data_field_configurations": [{"name": "Purity (%)", "type": "number", "mapped_field_id": self.purity}],
            "record_view_id": self.view,
        }
        if replace is not None:
            run["replace_draft_record_ids"] = replace
        self.api.post(f"/imports/{import_['id']}/run", run | config, expected)
        return self.api.read(f"/imports/{import_['id']}")

    def drafts(self) -> list[str]:
        """The open drafts."""
        return list(self.api.read(f"/activities/{self.operation['id']}")["data_table_draft_record_ids"])

    def statuses(self) -> dict[str, tuple[str, str | None]]:
        """Status and message by draft."""
        found = self.api.read(f"{self.path}/registration_draft_statuses")
        return {one["record_id"]: (one["status"], one["message"]) for one in found}

    def submit(self, body: Json = None, what: str = "submit_drafts_for_registration", expected: int = 200) -> Json:
        """Submit drafts."""
        return self.api.post(f"{self.path}/{what}", body or {}, expected)

    def deliver(self, submission: Json, status: str, *rows: Json, expected: int = 204, **more: Json) -> None:
        """Deliver results."""
        path = f"{self.path}/registration_submissions/{submission['id']}/results"
        self.api.post(path, {"status": status, "records": list(rows), **more}, expected)


@pytest.fixture
def staging() -> Iterator[Staging]:
    """A fresh staging table."""
    staging = Staging()
    with staging.sandbox:
        yield staging


def test_staged_rows_become_drafts(staging: Staging) -> None:
    """Equal rows give two drafts; drafts are readable by id and left out of search and membership."""
    before = staging.api.read("/records/search")
    done = staging.stage({"Compound": "N1", "Purity (%)": 97}, {"Compound": "N1"}, {"Purity (%)": 1})

    first, second = staging.drafts()
    assert (done["import_result"]["records_created"], done["import_result"]["records_skipped"]) == (2, 1)
    shown = staging.api.read(f"/records/{first}")
    assert shown["record_values"][staging.api.key("Compound")][0]["content"] == "N1"
    assert shown["record_values"][staging.purity][0]["record_view_id"] == staging.view
    assert shown["record_identifier"] != staging.api.read(f"/records/{second}")["record_identifier"]
    assert staging.api.read("/records/search") == before
    assert staging.api.read(f"{staging.path}/records") == []
    view = next(v for v in staging.api.read("/record_views") if v["id"] == staging.view)
    assert view["is_template"] is False
    assert view["entity_slice_id"] not in [s["id"] for s in staging.api.read("/entity_slices")]


def test_the_key_of_drafts_belongs_to_the_system(staging: Staging) -> None:
    """Nobody makes records with it."""
    keys = {staging.api.key("Draft ID"): "DRAFT-1"}

    staging.api.post("/records", {"key_field_to_value": keys}, 400)
    staging.api.post("/push/imports", {"key_field_names": ["Draft ID"], "data": [{"Draft ID": "DRAFT-1"}]}, 400)


@pytest.mark.parametrize(
    "config",
    [
        {"key_field_configurations": [{"name": "Batch"}]},
        {"key_field_configurations": [{"name": "Draft ID"}]},
        {"key_field_configurations": []},
        {"data_field_configurations": []},
        {"data_field_configurations": [{"name": "Purity (%)", "type": "number", "mapped_field_id": "nope"}]},
        {"record_view_id": "nope"},
        {"replace_draft_record_ids": ["nope"]},
    ],
)
def test_a_wrong_configuration_is_refused(staging: Staging, config: Json) -> None:
    """Every column must be a key field or data field of the staging table."""
    staging.stage({"Compound": "N1", "Purity (%)": 97}, expected=400, **config)

    assert staging.drafts() == []


def test_a_dry_run_leaves_verdicts(staging: Staging) -> None:
    """A validation registers nothing; errors are listed, and drafts stay."""
    staging.stage({"Compound": "N1"}, {"Compound": "N2"})
    good, bad = staging.drafts()
    submission = staging.submit(what="validate_drafts")
    assert (submission["submission_type"], submission["status"]) == ("validation", "pending")
    assert staging.heard[-1] == {
        "event": "registration_drafts_validation_requested",
        "operation_id": staging.operation["id"],
        "submission_id": submission["id"],
        "record_ids": [good, bad],
    }

    staging.deliver(submission, "error", {"record_id": bad, "status": "error", "error_message": "known"})

    (listed,) = staging.api.read(f"{staging.path}/registration_submissions")
    assert (listed["status"], listed["record_errors"][0]["source_record_id"]) == ("validation_failed", bad)
    assert staging.statuses()[bad] == ("validation_failed", "known")
    assert staging.drafts() == [good, bad]


def test_registration_turns_drafts_into_records(staging: Staging) -> None:
    """Good drafts leave the staging table as records of the operation; a bad one stays and can be submitted again."""
    staging.stage({"Compound": "N1", "Purity (%)": 97}, {"Compound": "N2"}, {"Compound": "N3"})
    one, two, bad = staging.drafts()
    submission = staging.submit()
    assert submission["status"] == "submitted"
    staging.submit(expected=409)
    staging.deliver(
        submission,
        "success",
        {"record_id": one, "status": "matched", "data": {"Comment": "fine"}},
        {"record_id": two, "status": "matched", "data": {"Compound": "REG-2"}},
        {"record_id": bad, "status": "error", "error_message": "impure"},
        key_field_names=["Compound"],
    )

    members = staging.api.read(f"{staging.path}/records")
    assert {record["record_identifier"] for record in members} == {"N1", "REG-2"}
    registered = next(record for record in members if record["record_identifier"] == "N1")
    contents = {v[0]["content"] for v in registered["record_values"].values()}
    assert contents == {"N1", "97", "fine"}
    assert staging.drafts() == [bad]
    assert staging.statuses() == {one: ("completed", None), two: ("completed", None), bad: ("failed", "impure")}
    staging.deliver(submission, "success", expected=409)
    again = staging.submit({"record_ids": [bad]})
    newest = [s["id"] for s in staging.api.read(f"{staging.path}/registration_submissions")]
    assert newest == [again["id"], submission["id"]]


def test_drafts_under_way_cannot_be_cleared_or_replaced(staging: Staging) -> None:
    """A pending or submitted draft is a conflict; others go."""
    staging.stage({"Compound": "N1"}, {"Compound": "N2"})
    held, free = staging.drafts()
    staging.submit({"record_ids": [held]})
    clear = f"{staging.path}/clear_draft_records"

    staging.api.post(clear, {"record_ids": [held]}, 409)
    staging.stage({"Compound": "N3"}, replace=[held], expected=409)
    staging.stage({"Compound": "N3"}, replace=[free])
    assert len(staging.drafts()) == 2
    assert free not in staging.drafts()
    staging.api.post(clear, {"record_ids": []}, 400)
    staging.api.post(clear, {"record_ids": ["nope"]}, 400)
    staging.api.post(clear, {"record_ids": [staging.drafts()[1]]}, 204)
    assert staging.drafts() == [held]


def test_progress_of_a_submission_reaches_its_drafts(staging: Staging) -> None:
    """REG-9 sets submission and drafts; a final status ends it."""
    staging.stage({"Compound": "N1"})
    (draft,) = staging.drafts()
    submission = staging.submit()
    path = f"{staging.path}/registration_submissions/{submission['id']}/status"

    staging.api.post(path, {"status": "validated", "message": "looks good"}, 204)
    assert staging.statuses() == {draft: ("validated", None)}
    staging.api.post(path, {"status": "failed"}, 204)
    staging.api.post(path, {"status": "pending"}, 409)
    assert staging.statuses() == {draft: ("failed", None)}


def test_an_empty_choice_is_no_choice(staging: Staging) -> None:
    """No drafts, an empty list and unknown ids are refused; so is an operation without a staging table."""
    staging.submit(expected=400)
    staging.stage({"Compound": "N1"})
    staging.submit({"record_ids": ["nope"]}, expected=400)
    assert staging.api.call("POST", f"{staging.path}/validate_drafts", {"record_ids": []}).status == 400
    plain = staging.api.experiment()["id"]
    staging.api.post(f"/operations/{plain}/validate_drafts", {}, 400)
    assert staging.api.read(f"/operations/{plain}/registration_submissions") == []
    assert staging.api.get("/operations/nope/registration_draft_statuses").status == 404


def test_switching_the_setting_on_gives_tables_to_old_activities(api: Api) -> None:
    """Existing activities of the type get a staging table at once."""
    activity = api.experiment("Old", "Screening experiment")
    assert activity["registration_staging_record_view_id"] is None
    template = api.definition("Batch registration")["registration_staging_template_view_id"]
    definition = api.definition("Screening experiment")["id"]

    api.put(f"/activity_definitions/{definition}", {"registration_staging_template_view_id": template})

    assert api.read(f"/activities/{activity['id']}")["registration_staging_record_view_id"] is not None
