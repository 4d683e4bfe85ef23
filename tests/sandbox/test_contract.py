from __future__ import annotations

import json
import re
from typing import Any

import pytest

from kalbio.sandbox import Sandbox
from kalbio.sandbox.contract import load_contract
from tests.rows import row
from tests.sandbox.wire import Api


def test_every_operation_is_served(api: Api) -> None:
    """All operations of the description have a handler, and nothing else has."""
    described = {operation.id for operation in load_contract().operations}

    assert described
    assert api.sandbox.routes.handlers.keys() == described


def test_an_operation_that_is_not_implemented_says_its_name(api: Api) -> None:
    """501 and the operationId, when the description grows faster than the sandbox."""
    del api.sandbox.routes.handlers["listDashboards"]

    answer = api.get("/dashboards")

    assert answer.status == 501
    assert "listDashboards" in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "query", "word"),
    [
        ("/programs", {"colour": "red"}, "colour"),
        ("/records/search", {"limit": "many"}, "limit"),
        ("/records/search", {"entity_field_filters": "[{"}, "entity_field_filters"),
        ("/records/search", {"entity_field_filters": [{"field_id": "x", "filter_type": "is_funny"}]}, "is_funny"),
        ("/records/identifiers", {}, "records_key_field_to_value"),
        ("/records/export/csv", {"filename": "x.csv"}, "entity_slice_id"),
        ("/activities/search", {"statuses": ["to do"]}, "statuses"),
    ],
)
def test_a_wrong_query_is_refused_by_name(api: Api, path: str, query: dict[str, object], word: str) -> None:
    """Unknown, malformed and missing parameters are 400 and the message names them."""
    answer = api.get(path, **query)

    assert answer.status == 400
    assert word in answer.json()["message"]
    assert answer.json()["error"] == "Bad Request"


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("/programs", {"title": "A", "colour": "red"}, "colour"),
        ("/programs", {}, "title"),
        ("/programs", [], "object"),
        ("/records", {"key_field_to_value": {}}, "key_field_to_value"),
    ],
)
def test_a_wrong_body_is_refused_by_name(api: Api, path: str, body: object, word: str) -> None:
    """Bodies are held against the description, and details point at the place."""
    answer = api.call("POST", path, body)

    assert answer.status == 400
    text = answer.body.decode()
    assert word in text
    assert answer.json()["details"][0]["path"].startswith("/body")


def test_a_json_request_without_a_body_is_refused(api: Api) -> None:
    """The server answers 400 to a DELETE or POST that is typed as JSON and empty; without the type there is no body."""
    record = api.record(Compound="X")
    empty = api.send("POST", f"/records/{record['id']}/values", b"", "application/json")

    assert (empty.status, empty.json()["code"]) == (400, "FST_ERR_CTP_EMPTY_JSON_BODY")
    assert api.send("GET", "/programs", b"", "application/json").status == 200


@pytest.mark.parametrize("text", [b'{"title": NaN}', b'{"title": 1e999}', b"{", b"\xff"])
def test_what_is_not_json_is_refused(api: Api, text: bytes) -> None:
    """NaN, infinities and broken text are 400."""
    answer = api.send("POST", "/programs", text, "application/json")

    assert (answer.status, answer.json()["code"]) == (400, "FST_ERR_CTP_INVALID_JSON_BODY")


def test_another_media_type_is_refused(api: Api) -> None:
    """A JSON operation takes JSON only."""
    assert api.send("POST", "/programs", b"title=x", "text/plain").status == 415


@pytest.mark.parametrize("target", ["/nothing", "//programs", "/programs/", "/records/", "/data_fields/x/y"])
def test_unknown_paths_are_not_found(api: Api, target: str) -> None:
    """Only described paths exist; a slash too many is another path."""
    assert api.send("GET", target).status == 404


def test_field_creation_answers_under_both_spellings(api: Api) -> None:
    """The two paths that are described with a trailing slash work without it, and without a redirect."""
    with_slash = api.post("/key_fields/", {"field_name": "Lot"})
    without = api.post("/key_fields", {"field_name": "Lot"})

    assert with_slash["id"] == without["id"]


def test_literal_segments_win_over_parameters(api: Api) -> None:
    """`search` is no record id."""
    assert isinstance(api.read("/records/search"), list)


def test_old_names_of_parameters_still_work(api: Api) -> None:
    """`record_set_id` and the empty `record_set_filters` of old clients are understood."""
    assert api.read("/records/search", record_set_id="none", record_set_filters="[]") == []
    assert api.get("/records/search", record_set_filters='[{"a": 1}]').status == 400


def test_null_in_a_search_means_not_given(api: Api) -> None:
    """Clients write None as JSON text."""
    assert api.read("/records/search", entity_slice_id="null") == api.read("/records/search")


def test_an_answer_that_breaks_the_description_is_a_500(api: Api) -> None:
    """The sandbox checks itself and names the place; another sandbox has handlers of its own."""
    api.sandbox.routes.handlers["listPrograms"] = lambda call: [{"title": 5}]

    answer = api.get("/programs")
    with Sandbox() as other:
        assert Api(other).get("/programs").status == 200

    assert answer.status == 500
    assert answer.json()["code"] == "SANDBOX_CONTRACT"
    assert "listPrograms 200" in answer.json()["message"]


def test_a_refused_request_changes_nothing(api: Api) -> None:
    """What was written before the refusal is undone."""
    before = api.read("/data_fields")
    body = {"key_field_names": ["Compound"], "data": [{"Compound": "A", "Novel": 1}], "operation_id": "nowhere"}
    api.post("/push/imports", body, 400)

    assert api.read("/data_fields") == before


def test_nonsense_is_refused_in_a_described_way(api: Api) -> None:
    """Unknown ids, empty and strange bodies never end in a fault of the sandbox."""
    for operation in load_contract().operations:
        with row(operation):
            path = re.sub(r"\{\w+\}", "nope", operation.path)
            bodies = [b"{}", b"[]", b"null", b'{"record_ids": ["nope"], "status": "failed"}', b""]
            kinds = ["application/json", "multipart/form-data; boundary=XX", "application/x-www-form-urlencoded", None]

            answers = [api.send(operation.method, path, body, kind) for body in bodies for kind in kinds]

            assert {answer.status for answer in answers} <= {200, 204, 400, 401, 404, 409, 415}


def test_a_nested_query_that_is_too_deep_is_refused(api: Api) -> None:
    """Depth beyond reason is a wrong query, not a crash."""
    deep = "[" * 100_000

    assert api.get("/records/search", entity_field_filters=deep).status == 400
    assert api.send("POST", "/programs", deep.encode(), "application/json").status == 400


_BASES: dict[str, dict[str, object]] = {
    "createDashboardCategory": {"category_name": "C"},
    "addDashboardRecord": {"record_id": "RECORD"},
    "addDashboardSet": {"set_id": "SET"},
    "addRecordViewKeyField": {"new_key_field_name": "Lot"},
    "replaceRecordViewKeyFields": {"add_key_field_names": ["Lot"]},
    "createRecordViewTemplate": {"view_name": "V", "entity_slice_id": "SLICE"},
    "updateRecordViewTemplate": {},
    "promoteRecordView": {"source_view_id": "VIEW", "operation_definition_id": "DEFINITION", "view_name": "P"},
    "linkRecordViewTemplate": {"template_view_id": "TEMPLATE", "operation_definition_id": "DEFINITION"},
    "unlinkRecordViewTemplate": {"operation_definition_id": "DEFINITION", "content_layout_id": "x"},
    "bulkLinkRecordViewTemplate": {"template_view_id": "TEMPLATE", "operation_definition_ids": ["DEFINITION"]},
    "bulkUnlinkRecordViewTemplate": {"template_view_id": "TEMPLATE", "operation_definition_ids": ["DEFINITION"]},
    "postOperationCallback": {"state": "done"},
    "updateActivity": {},
    "updateActivityDefinition": {},
    "updateKeyField": {},
}
_NONSENSE: list[Any] = [
    None,
    "",
    "nope",
    -1,
    True,
    {},
    {"a": 1},
    [],
    ["nope"],
    [["nope"]],
    [{}],
    [{"key_field_id": "nope"}],
]


@pytest.mark.parametrize("operation_id", _BASES)
def test_nonsense_in_one_place_is_refused_in_a_described_way(api: Api, operation_id: str) -> None:
    """Each key of a body in turn holds something strange, about things that exist; nothing ends in a fault."""
    operation = next(one for one in load_contract().operations if one.id == operation_id)
    view = next(v for v in api.read("/record_views") if not v["is_template"])
    dashboard = api.read("/dashboards")[0]
    definition = api.definition("Screening experiment")["id"]
    known = {
        "RECORD": dashboard["record_ids"][0],
        "SET": dashboard["record_set_ids"][0],
        "SLICE": view["entity_slice_id"],
        "VIEW": view["id"],
        "TEMPLATE": api.read("/record_view_templates")[0]["id"],
        "DEFINITION": definition,
    }
    path = operation.path.format(
        dashboard_id=dashboard["id"],
        view_id=known["VIEW"],
        template_id=known["TEMPLATE"],
        operation_id=api.experiment()["id"],
        activity_id=api.experiment()["id"],
        definition_id=definition,
        field_id=api.key("Compound"),
    )
    text = json.dumps(_BASES[operation_id])
    for name, id_ in known.items():
        text = text.replace(f'"{name}"', f'"{id_}"')
    name = operation_id[0].upper() + operation_id[1:] + "Body"
    keys = load_contract().spec["components"]["schemas"][name].get("properties", {"state": {}})

    statuses = {
        api.call(operation.method, path, json.loads(text) | {key: content}).status
        for key in keys
        for content in _NONSENSE
    }

    assert 400 in statuses or operation_id == "postOperationCallback"
    assert statuses <= {200, 204, 400}
