"""openapi.yaml says what the wire says, in words that the generator does not lose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from scripts.codegen import spec
from tests.rows import row

ROOT = Path(__file__).parent.parent
DOCUMENT: dict[str, Any] = spec.load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
METHODS = ("get", "put", "post", "delete")

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    """Follow `$ref` inside the document."""
    while "$ref" in node:
        target: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def _operations() -> Iterator[tuple[str, str, dict[str, Any], list[dict[str, Any]]]]:
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if operation := item.get(method):
                shared = [*item.get("parameters", []), *operation.get("parameters", [])]
                yield path, method, operation, [resolve(parameter) for parameter in shared]


OPERATIONS = list(_operations())
BY_ID = {operation["operationId"]: operation for _, _, operation, _ in OPERATIONS}


def validator(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    """Check instances against a schema of the document, formats included."""
    whole = {**schema, "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def answer_schema(operation_id: str) -> dict[str, Any]:
    """Return the schema of an operation's success."""
    schema: dict[str, Any] = resolve(BY_ID[operation_id]["responses"]["200"])["content"]["application/json"]["schema"]
    return schema


def body_schema(operation_id: str) -> dict[str, Any]:
    """Return the schema of an operation's JSON body."""
    schema: dict[str, Any] = resolve(BY_ID[operation_id]["requestBody"])["content"]["application/json"]["schema"]
    return schema


def query_schema(operation_id: str, name: str) -> dict[str, Any]:
    """Return the schema of a query parameter, of the decoded text if it is JSON."""
    for _, _, operation, parameters in OPERATIONS:
        if operation["operationId"] == operation_id:
            schema: dict[str, Any] = next(p["schema"] for p in parameters if p["name"] == name)
            inner: dict[str, Any] = schema.get("contentSchema", schema)
            return inner
    raise AssertionError(operation_id)


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Walk over every object of a piece of the document."""
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from nodes(child)


def reachable(start: Any) -> set[str]:
    """Name the component schemas that a piece of the document leads to."""
    found: set[str] = set()
    todo = [start]
    while todo:
        for node in nodes(todo.pop()):
            reference = node.get("$ref")
            if not isinstance(reference, str):
                continue
            _, kind, name = reference.removeprefix("#/").split("/")
            if kind != "schemas":
                todo.append(resolve(node))
            elif name not in found:
                found.add(name)
                todo.append(SCHEMAS[name])
    return found


def test_document_is_valid_openapi() -> None:
    """The document is a valid OpenAPI 3.1 description."""
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_operations_are_complete_and_named_once() -> None:
    """Each operation has an id of its own and one declared tag."""
    assert len(BY_ID) == len(OPERATIONS) > 0
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    assert {tag for operation in BY_ID.values() for tag in operation["tags"]} == tags
    for operation_id, operation in BY_ID.items():
        assert len(operation["tags"]) == 1, operation_id
        assert re.fullmatch(r"[a-z][A-Za-z]+", operation_id)
        assert operation["summary"]
        assert "\n" not in operation["summary"], operation_id


def test_path_parameters_match_their_paths() -> None:
    """The path parameters of an operation are the ones its path has places for."""
    for path, _, operation, parameters in OPERATIONS:
        declared = {p["name"] for p in parameters if p["in"] == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", path)), operation["operationId"]


def test_only_creating_a_field_has_a_trailing_slash() -> None:
    """The two calls that create fields end in a slash, and no other call does."""
    slashed = {operation["operationId"] for path, _, operation, _ in OPERATIONS if path.endswith("/")}
    assert slashed == {"getOrCreateKeyField", "getOrCreateDataField"}


def test_idempotency_marks() -> None:
    """The three get-or-create calls may be repeated, and the two calls that change a view's keys may not."""
    marks = {name: op["x-idempotent"] for name, op in BY_ID.items() if "x-idempotent" in op}
    assert marks == {
        "getOrCreateRecord": True,
        "getOrCreateKeyField": True,
        "getOrCreateDataField": True,
        "addRecordViewKeyField": False,
        "replaceRecordViewKeyFields": False,
    }


def test_every_write_has_a_required_body_named_after_it() -> None:
    """POST, PUT and DELETE need a body: the component `<OperationId>Body`, or the empty object."""
    for _, method, operation, _ in OPERATIONS:
        if method == "get":
            assert "requestBody" not in operation
            continue
        body = resolve(operation["requestBody"])
        assert body["required"] is True
        (content,) = body["content"].values()
        name = operation["operationId"]
        expected = {f"#/components/schemas/{name[0].upper()}{name[1:]}Body", "#/components/schemas/EmptyBody"}
        assert content["schema"]["$ref"] in expected, name


def test_answers_promise_nothing_but_the_id() -> None:
    """What the server sends is open and requires at most `id`, or what holds it; tokens and imports say more."""
    exceptions = {
        "Token": {"access_token", "refresh_token", "expires_in"},
        "Import": {"id", "import_status", "is_complete"},
        "PushedImport": {"import_id"},
        **{name: {"resource"} for name in ("RecordValueWrite", "KeyFieldUpdate", "DataFieldUpdate")},
    }
    names = reachable([operation["responses"] for operation in BY_ID.values()])
    assert {"Record", "EmbeddedRecordValue", "Activity", "RegistrationRecordError", "Error"} <= names
    for name in names:
        schema = SCHEMAS[name]
        if schema.get("type") != "object":
            continue
        assert schema.get("additionalProperties", True) is not False, name
        assert set(schema.get("required", [])) <= exceptions.get(name, {"id"}), name


def test_enumerations_of_answers_are_open() -> None:
    """Wherever an answer uses a named enumeration, any other text is allowed too."""
    enums = {f"#/components/schemas/{name}" for name, schema in SCHEMAS.items() if "enum" in schema}
    uses = 0
    for name in reachable([operation["responses"] for operation in BY_ID.values()]):
        for prop in SCHEMAS[name].get("properties", {}).values():
            assert prop.get("$ref") not in enums, name
            if any(choice.get("$ref") in enums for choice in prop.get("anyOf", [])):
                uses += 1
                assert {"type": "string"} in prop["anyOf"], name
    assert uses > 20


def test_nothing_the_generator_loses_or_doubles() -> None:
    """No construct is used that the generator drops without a word or turns into several classes."""
    schema_words = {"discriminator", "patternProperties", "prefixItems", "allOf"}
    for node in nodes(DOCUMENT["components"]):
        assert not schema_words & set(node), node
        assert node.get("format") != "uuid", node
        assert None not in (node["enum"] if isinstance(node.get("enum"), list) else []), node
    for _, _, operation, parameters in OPERATIONS:
        for parameter in parameters:
            assert "content" not in parameter, (operation["operationId"], parameter["name"])
            assert "schema" in parameter
    for schema in SCHEMAS.values():
        for prop in schema.get("properties", {}).values():
            assert "enum" not in prop, "an enumeration in place gets a class name nobody chose"


def test_json_text_parameters_say_what_the_text_holds() -> None:
    """A query parameter that carries JSON text names the media type and the schema of the decoded text."""
    found = set()
    for _, _, operation, parameters in OPERATIONS:
        for parameter in parameters:
            schema = parameter["schema"]
            if "contentMediaType" in schema or "contentSchema" in schema:
                assert schema["type"] == "string"
                assert schema["contentMediaType"] == "application/json"
                assert schema["contentSchema"]
                found.add((operation["operationId"], parameter["name"]))
    assert ("identifyRecords", "records_key_field_to_value") in found
    assert ("searchActivities", "statuses") in found
    assert ("listWorkspaceEvents", "event_user_ids") in found
    for operation_id in ("searchRecords", "exportRecordsCsv"):
        for name in ("view_field_filters", "view_field_sorts", "entity_field_filters", "entity_field_sorts"):
            assert (operation_id, name) in found


def test_open_points_give_their_reason() -> None:
    """Every unconfirmed point says why, and every reason belongs to an unconfirmed point."""
    marked = [node for node in nodes(DOCUMENT) if "x-unconfirmed" in node or "x-unconfirmed-reason" in node]
    assert marked
    for node in marked:
        assert node.get("x-unconfirmed") is True, node
        assert len(node.get("x-unconfirmed-reason", "")) > 10, node
    unconfirmed = {name for name, operation in BY_ID.items() if "x-unconfirmed" in operation}
    assert unconfirmed == {"getActivity", "postOperationCallback"}


def test_webhooks() -> None:
    """The three registration webhooks are described, marked as unconfirmed, and name their event."""
    hooks = DOCUMENT["webhooks"]
    assert set(hooks) == {
        "registration_submitted",
        "registration_drafts_submitted",
        "registration_drafts_validation_requested",
    }
    for name, item in hooks.items():
        assert item["post"]["x-unconfirmed"] is True
        payload = resolve(item["post"]["requestBody"]["content"]["application/json"]["schema"])
        assert payload["properties"]["event"]["const"] == name


def test_filter_rules() -> None:
    """A record search knows 38 rules and refuses others; views know 2 more."""
    search = SCHEMAS["SearchFilterRuleType"]["enum"]
    views = SCHEMAS["FilterRuleType"]["enum"]
    assert len(search) == len(set(search)) == 38
    assert set(views) - set(search) == {"is_not_any_of_text", "subfield_rule"}
    assert len(views) == 40
    check = validator(query_schema("searchRecords", "entity_field_filters"))
    rule = {"field_id": "f", "filter_type": "is_equal", "filter_prop": "4"}
    assert check.is_valid([rule])
    assert not check.is_valid([{**rule, "filter_type": "subfield_rule"}])
    assert not check.is_valid([{**rule, "filter_type": "is_last_month"}])


def test_known_values_are_counted() -> None:
    """The enumerations hold all known values."""
    assert len(set(SCHEMAS["ActivityStatus"]["enum"])) == 30
    assert len(set(SCHEMAS["FieldType"]["enum"])) == 30
    assert len(set(SCHEMAS["ActivityType"]["enum"])) == 6
    assert len(set(SCHEMAS["RegistrationStatus"]["enum"])) == 6
    assert len(set(SCHEMAS["ValueAggregation"]["enum"])) == 8


def test_own_samples() -> None:
    """A sample validates as the answer of the operation, or the payload of the webhook, it is named after."""
    for sample in SAMPLES:
        with row(sample):
            instance = json.loads(sample.read_text(encoding="utf-8"))
            kind, _, hook = sample.stem.partition(".")
            if kind == "webhook":
                schema = DOCUMENT["webhooks"][hook]["post"]["requestBody"]["content"]["application/json"]["schema"]
            else:
                schema = answer_schema(kind)
            validator(schema).validate(instance)


def test_own_samples_show_the_quirks() -> None:
    """The samples hold the forms that break naive readers."""

    def sample(name: str) -> Any:
        return json.loads((Path(__file__).parent / "samples" / f"{name}.json").read_text(encoding="utf-8"))

    values = [value for per_field in sample("listRecords")[0]["record_values"].values() for value in per_field]
    assert {"id", "content"} in [set(value) for value in values]
    assert any(value.get("created_at", "").endswith("10:00:00.5+00:00") for value in values)
    single = [v for per_field in sample("getRecord")["record_values"].values() for v in per_field if "created_at" in v]
    assert all(re.fullmatch(r".*\.\d{3}Z", value["created_at"]) for value in single)
    assert sample("listKeyFields")[0]["attrs"] is None
    assert sample("listEntitySlices")[1]["slice_name"] == ""
    assert "id" not in sample("listDraftStatuses")[0]
    assert sample("listActivities")[1]["status"] not in SCHEMAS["ActivityStatus"]["enum"]


@pytest.mark.parametrize(
    ("operation_id", "instance"),
    [
        ("getRecord", {"created_at": "2031-03-04T09:00:00.123Z"}),
        ("getRecord", {"id": 7}),
        ("getRecord", {"id": "r", "created_at": "4 March 2031"}),
        ("getRecord", {"id": "r", "record_values": {"f": {"id": "v"}}}),
        ("listEntitySlices", {"items": []}),
        ("listKeyFields", [{"id": "k", "attrs": []}]),
        ("getImport", {"id": "i", "import_status": "completed"}),
        ("listActivities", [{"id": "a", "program_ids": None}]),
    ],
)
def test_wrong_answers_are_refused(operation_id: str, instance: Any) -> None:
    """An answer without its id, of the wrong type or with a null list does not validate."""
    assert not validator(answer_schema(operation_id)).is_valid(instance)


def test_answers_may_hold_unknown_things() -> None:
    """Unknown fields and unknown values of enumerations validate, and everything but the id may be missing."""
    check = validator(answer_schema("listDataFields"))
    assert check.is_valid([{"id": "f"}, {"id": "g", "field_type": "hologram", "brand_new": {"x": 1}}])


@pytest.mark.parametrize(
    ("operation_id", "good", "bad"),
    [
        ("addRecordValue", {"field_id": "f", "content": None, "operation_id": None}, {"field_id": None, "content": 1}),
        ("addRecordValue", {"field_id": "f", "content": [1]}, {"field_id": "f"}),
        ("getOrCreateRecord", {"key_field_to_value": {"f": "CPD-7"}}, {"key_field_to_value": {}}),
        ("updateKeyField", {"role": None}, {"field_description": "x" * 501}),
        ("getOrCreateDataField", {"field_name": "n", "field_type": "text", "attrs": {}}, {"field_name": "n"}),
        ("removeOperationRecords", {"record_ids": ["r"]}, {"record_ids": ["r"], "record_view_id": None}),
        ("createRecordViewTemplate", {"view_name": "v", "source_view_id": "s"}, {"view_name": "v"}),
        (
            "createRecordViewTemplate",
            {"view_name": "v", "entity_slice_id": "s", "data_field_ids": []},
            {"view_name": "v", "entity_slice_id": "s", "data_fields": []},
        ),
        ("deleteRecordViewTemplate", {}, {"force": True}),
        (
            "bulkLinkRecordViewTemplate",
            {"template_view_id": "t", "operation_definition_ids": ["d"]},
            {"template_view_id": "t", "operation_definition_ids": []},
        ),
        ("submitRegistrationResults", {"status": "error", "records": []}, {"status": "pending"}),
        ("updateSubmissionStatus", {"status": "validated", "message": "ok"}, {"status": "almost"}),
        ("validateDrafts", {}, {"record_ids": None}),
        ("updateActivity", {"parent_id": None, "brand_new_key": 1}, {"add_label_ids": "l"}),
    ],
)
def test_request_bodies(operation_id: str, good: Any, bad: Any) -> None:
    """Bodies that the server takes validate, and near misses do not."""
    check = validator(body_schema(operation_id))
    assert check.is_valid(good)
    assert not check.is_valid(bad)


def test_token_grants_need_their_own_fields() -> None:
    """A first token needs id and secret, a renewal the refresh token alone."""
    check = validator({"$ref": "#/components/schemas/CreateTokenBody"})
    assert check.is_valid({"grant_type": "client_credentials", "client_id": "i", "client_secret": "s"})
    assert check.is_valid({"grant_type": "refresh_token", "refresh_token": "r"})
    assert not check.is_valid({"grant_type": "client_credentials", "client_id": "i"})
    assert not check.is_valid({"grant_type": "refresh_token", "client_id": "i", "client_secret": "s"})


def test_token_call_takes_no_token() -> None:
    """Every call but the token call sends the access token, with the IAP token or without."""
    assert DOCUMENT["security"] == [{"kaleidoscopeToken": []}, {"kaleidoscopeToken": [], "googleIap": []}]
    own = {name: operation["security"] for name, operation in BY_ID.items() if "security" in operation}
    assert own == {"createToken": [{}, {"googleIap": []}]}


def test_registration_answers_of_a_registrar_are_204() -> None:
    """Status reports, results and clearing of drafts succeed with 204 and nothing else."""
    for operation_id in (
        "updateRegistrationFileStatus",
        "submitRegistrationResults",
        "updateSubmissionStatus",
        "submitSubmissionResults",
        "clearDrafts",
    ):
        assert [code for code in BY_ID[operation_id]["responses"] if code.startswith("2")] == ["204"], operation_id


def test_nested_search_lists() -> None:
    """Statuses, labels and assignees of an activity search are lists of lists; types are a plain list."""
    for name in ("statuses", "label_ids", "assigned_user_ids"):
        check = validator(query_schema("searchActivities", name))
        assert check.is_valid([["a", "b"]])
        assert not check.is_valid(["a", "b"])
    assert validator(query_schema("searchActivities", "activity_types")).is_valid(["task"])


def test_completeness_filter_is_a_digit() -> None:
    """The list of imports is filtered with 1 or 0, never with true or false."""
    check = validator(query_schema("listImports", "is_complete"))
    assert check.is_valid(1)
    assert check.is_valid(0)
    assert not check.is_valid(True)
    assert not check.is_valid(2)


def test_uploads_are_multipart_with_a_binary_file() -> None:
    """Both uploads are forms with a file; the one for a value says where the value goes, nothing else."""
    value = BY_ID["uploadRecordValueFile"]["requestBody"]["content"]
    assert list(value) == ["multipart/form-data"]
    form = resolve(value["multipart/form-data"]["schema"])
    assert form["properties"]["file"] == {"type": "string", "format": "binary"}
    assert list(form["properties"]) == ["body", "file"]
    target = validator(form["properties"]["body"])
    assert target.is_valid({"field_id": "f"})
    assert not target.is_valid({"field_id": "f", "operation_id": None})
    prop = resolve(BY_ID["uploadPropertyFile"]["requestBody"]["content"]["multipart/form-data"]["schema"])
    assert list(prop["properties"]) == ["file"]
