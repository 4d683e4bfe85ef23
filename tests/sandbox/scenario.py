"""A day in the lab that calls every operation once or more, and what the sandbox answered."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from kalbio.sandbox import Response, Sandbox
from kalbio.sandbox.contract import load_contract
from kalbio.testing import SandboxTransport
from tests.conftest import World
from tests.every_operation import call_every_operation
from tests.sandbox.wire import Api, Json

_COMPONENT = "#/components/schemas/"


@dataclass
class Answers:
    """What came back: operations by id, and objects by the name of their schema."""

    called: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    objects: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    silent_writes: list[str] = field(default_factory=list)
    """Writes that left no event."""


class Recorder(Api):
    """Notes every answer that is no error."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Log in."""
        self.answers = Answers()
        super().__init__(sandbox)
        self.answers.called["createToken"].append(None)

    def send(
        self, method: str, target: str, body: bytes = b"", content_type: str | None = None, token: str | None = None
    ) -> Response:
        """Send bytes with a token, and look at what they did."""
        before = self._events()
        answer = super().send(method, target, body, content_type, token)
        routed = load_contract().route(method, target.partition("?")[0])
        assert routed is not None
        operation = routed[0]
        assert answer.status < 300, (operation.id, answer.body)
        if method != "GET" and self._events() == before:
            self.answers.silent_writes.append(operation.id)
        is_json = dict(answer.headers).get("content-type", "").startswith("application/json")
        content = answer.json() if answer.body and is_json else None
        self.answers.called[operation.id].append(content)
        if content is not None:
            response = _resolved(operation.spec["responses"]["200"])
            _collect(response["content"]["application/json"]["schema"], content, self.answers.objects)
        return answer

    def _events(self) -> int:
        return int(self.sandbox.store.rows("select count(*) from document where kind = 'event'")[0][0])


def play() -> Answers:
    """Call everything."""
    with Sandbox() as sandbox:
        api = Recorder(sandbox)
        record = live_in(api)
        _look_around(api, record)
        return api.answers


def listen(answers: Answers, folder: Path) -> None:
    """Add the answers to operations that have none yet, from the scenario of the client."""
    known = set(answers.called)

    class Listener(SandboxTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = super().handle_request(request)
            operation = request.extensions.get("operation")
            if operation in described and operation not in known and response.status_code < 300:
                content = json.loads(response.read() or b"null")
                answers.called[operation].append(content)
                good = _resolved(described[operation]["responses"]["200"])
                _collect(good["content"]["application/json"]["schema"], content, answers.objects)
            return response

    described = {operation.id: operation.spec for operation in load_contract().operations}
    world = World("sync")
    with Sandbox() as sandbox:
        api = world.connect(transport=Listener(sandbox))
        call_every_operation(world, api, folder)
        api.close()
    world.close()


def live_in(api: Api) -> str:
    """Call everything that writes; gives the id of a record that has been through it."""
    record, field_id = _fields_and_records(api)
    _views(api)
    _dashboards(api, record)
    _activities(api, record, field_id)
    _imports(api)
    _file_registration(api)
    _draft_registration(api)
    return record


def _fields_and_records(api: Api) -> tuple[str, str]:
    key, text, spectrum = api.key("Plate"), api.field("Remark"), api.field("Raw data", "file")
    api.put(f"/key_fields/{key}", {"field_description": "A plate", "regex_format": r"P\d+", "role": None})
    api.put(f"/data_fields/{text}", {"field_examples": "fine", "is_readonly": False})
    record = str(api.record(Plate="P1")["id"])
    api.record(Plate="P1", Batch="1")
    api.value(record, text, "fine")
    api.upload(f"/records/{record}/values/file", "raw.csv", b"1,2", {"field_id": spectrum})
    program = api.post("/programs", {"title": "Fresh"})["id"]
    api.put(f"/programs/{program}", {"title": "Renamed"})
    return record, text


def _views(api: Api) -> None:
    key, text = api.key("Compound"), api.field("Remark")
    piece = next(s["id"] for s in api.read("/entity_slices") if s["slice_name"] == "Compound")
    screening = api.definition("Screening experiment")["id"]
    rule = {"key_field_id": key, "filter_type": "is_set"}
    body: Json = {"view_name": "T", "entity_slice_id": piece, "data_field_ids": [text], "filters": [rule]}
    body |= {"sorts": [{"key_field_id": key}], "color_filters": [rule | {"color": "#00FF00"}]}
    templates = "/record_view_templates"
    template = api.post(templates, body)["id"]
    api.put(f"{templates}/{template}", {"template_name": "For screens"})
    copy = api.post(f"{templates}/{template}/duplicate", {})["id"]
    experiment = api.experiment("Viewed", "Screening experiment")
    link = {"template_view_id": template, "operation_definition_id": screening}
    api.post(f"{templates}/link", link)
    api.post(f"{templates}/bulk/link", {"template_view_id": copy, "operation_definition_ids": [screening]}, 204)
    api.post(f"{templates}/bulk/unlink", {"template_view_id": copy, "operation_definition_ids": [screening]}, 204)
    api.post(f"{templates}/link", link)
    place = api.definition("Screening experiment")["content_layout"][1]["id"]
    unlink = {"operation_definition_id": screening, "content_layout_id": place}
    api.post(f"{templates}/{template}/unlink", unlink, 204)
    assert api.call("DELETE", f"{templates}/{copy}", {}).status == 204
    main = next(v for v in api.read("/record_views") if v["operation_ids"] == [experiment["id"]])
    promote = {"source_view_id": main["id"], "operation_definition_id": screening, "view_name": "Promoted"}
    api.post(f"{templates}/promote", promote)
    moving = [v["id"] for v in api.read("/record_views") if v["operation_ids"] == [experiment["id"]]]
    api.put(f"/record_views/{moving[0]}/add_key_field", {"new_key_field_name": "Lot"})
    api.put(f"/record_views/{moving[1]}/replace_key_fields", {"add_key_field_names": ["Lot"]})
    api.read(f"{templates}/{template}")


def _dashboards(api: Api, record: str) -> None:
    dashboard = api.read("/dashboards")[0]
    path = f"/dashboards/{dashboard['id']}"
    category = api.post(f"{path}/categories", {"category_name": "C", "label_ids": [[]]})["id"]
    api.post(f"{path}/records", {"record_id": record})
    (set_id,) = dashboard["record_set_ids"]
    for target in (f"sets/{set_id}", f"records/{record}", f"categories/{category}"):
        assert api.call("DELETE", f"{path}/{target}", {}).status == 204
    api.post(f"{path}/sets", {"set_id": set_id})
    api.read(f"{path}/categories")


def _activities(api: Api, record: str, field_id: str) -> None:
    definition = api.definition("Screening experiment")
    api.put(f"/activity_definitions/{definition['id']}", {"description": {"type": "doc", "content": []}})
    experiment = api.experiment("Run", "Screening experiment")
    task = api.post(
        "/activities", {"title": "Wait", "activity_type": "task", "duration": 3, "start_date": "2026-02-01"}
    )
    path = f"/activities/{experiment['id']}"
    comment = {"type": "doc", "content": [{"type": "paragraph"}]}
    change = {"comment": comment, "add_dependencies": [task[0]["id"]], "due_date": "2026-03-01T10:00:00", "duration": 2}
    api.put(path, change | {"priority": "high"})
    api.put(f"/properties/{experiment['properties'][0]['id']}", {"content": "stir"})
    api.attach(experiment["id"], record)
    api.value(record, field_id, "here", operation_id=experiment["id"])
    api.read(f"/operations/{experiment['id']}/records")
    api.read(f"/records/{record}/operations")
    api.post(f"/operations/{experiment['id']}/callback", {"state": "done"}, 204)
    api.post(f"/operations/{experiment['id']}/records/remove", {"record_ids": [record]})
    for part in ("", "/activities", "/events", "/comments"):
        api.read(path + part)
    api.read("/activities/search", search_text="Run", statuses=[["to do"]])


def _imports(api: Api) -> None:
    rows: Json = {"key_field_names": ["Plate"], "data": [{"Plate": "P7", "Volume": 1.5}, {"Volume": "x"}]}
    done = api.post("/push/imports", rows | {"set_name": "Plates"})["import_id"]
    api.post("/push/imports/source-1", rows)
    key, volume = api.key("Plate"), api.field("Volume")
    by_id = {"key_field_ids": [key], "data": [{key: "P8", volume: "1"}], "record_view_ids": []}
    api.post("/push/imports/by-field-id", by_id)
    api.read("/imports", is_complete="1", page=1, page_size=5)
    api.read(f"/imports/{done}")


def _file_registration(api: Api) -> None:
    run = api.experiment("Registered", "Assay results registration")
    api.attach(run["id"], *(api.record(Compound=name)["id"] for name in ("SBX-1", "SBX-2")))
    property_id = next(p["id"] for p in run["properties"] if p["field_type"] == "file")
    file_id = api.upload(f"/properties/{property_id}/file", "r.csv", b"a,b").json()["file_id"]
    path = f"/operations/{run['id']}"
    api.post(f"{path}/register/{file_id}", {})
    api.post(f"{path}/registration_files/{file_id}/status", {"status": "validated", "message": "ok"}, 204)
    rows = [{"record_id": api.record(Compound="SBX-1")["id"], "status": "error", "error_message": "smudged"}]
    api.post(f"{path}/register/{file_id}/results", {"status": "error", "message": "no", "records": rows}, 204)
    api.read(f"{path}/registrations")
    api.get(f"/files/{file_id}")
    api.get(f"/activities/{run['id']}/file/{file_id}")


def _draft_registration(api: Api) -> None:
    run = api.experiment("Staged", "Batch registration")
    path, view = f"/operations/{run['id']}", run["registration_staging_record_view_id"]
    for names in (["A", "B"], ["C"]):
        staged: Json = {"attrs": {}, "operation_id": run["id"], "is_draft": True, "source_type": "http-post"}
        import_id = api.post("/imports", staged | {"data_json": [{"Compound": name} for name in names]})["id"]
        config = {"key_field_configurations": [{"name": "Compound"}], "data_field_configurations": []}
        api.post(f"/imports/{import_id}/run", config | {"record_view_id": view}, 204)
    first, second, third = api.read(f"/activities/{run['id']}")["data_table_draft_record_ids"]
    checked = api.post(f"{path}/validate_drafts", {"record_ids": [first]})["id"]
    api.post(f"{path}/registration_submissions/{checked}/status", {"status": "validated"}, 204)
    submitted = api.post(f"{path}/submit_drafts_for_registration", {"record_ids": [second]})["id"]
    rows = [{"record_id": second, "status": "error", "error_message": "unknown"}]
    results = {"status": "error", "message": "failed", "records": rows}
    api.post(f"{path}/registration_submissions/{submitted}/results", results, 204)
    api.post(f"{path}/clear_draft_records", {"record_ids": [third]}, 204)
    api.read(f"{path}/registration_draft_statuses")
    api.read(f"{path}/registration_submissions")


def _look_around(api: Api, record: str) -> None:
    for path in (
        *("/activities", "/activity_definitions", "/activity_labels", "/property_fields", "/key_fields"),
        *("/data_fields", "/entity_slices", "/record_views", "/record_view_templates", "/programs", "/dashboards"),
        *("/workspaces/active", "/workspaces/members", "/workspaces/groups", "/workspaces/events"),
        *(f"/records/{record}", f"/records/{record}/values"),
    ):
        api.read(path)
    piece = api.read("/entity_slices")[0]["id"]
    api.read("/records", record_ids=",".join(api.read("/records/search")))
    api.read("/records/identifiers", records_key_field_to_value=[{api.key("Plate"): "P1"}])
    api.get("/records/export/csv", filename="x.csv", entity_slice_id=piece)


def _resolved(node: Json) -> Json:
    while "$ref" in node:
        target: Any = load_contract().spec
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def _collect(schema: Json, value: Json, found: dict[str, list[Json]]) -> None:
    """Sort the objects in an answer by the schemas they follow."""
    if schema.get("$ref", "").startswith(_COMPONENT) and isinstance(value, dict):
        found[schema["$ref"].removeprefix(_COMPONENT)].append(value)
    schema = _resolved(schema)
    for key in ("oneOf", "anyOf", "allOf"):
        for branch in schema.get(key, ()):
            _collect(branch, value, found)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            _collect(schema["items"], item, found)
    if isinstance(value, dict):
        for name, inner in value.items():
            inner_schema = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            if isinstance(inner_schema, dict):
                _collect(inner_schema, inner, found)
