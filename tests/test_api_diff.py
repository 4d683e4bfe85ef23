"""`scripts/regenerate --diff` tells what changed in the API and what of it breaks callers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from scripts.codegen.diff import Change, diff, report
from tests.rows import row

Json = dict[str, Any]
Edit = Callable[[Json], object]

SPEC: Json = {
    "openapi": "3.1.0",
    "paths": {
        "/things": {
            "get": {
                "operationId": "listThings",
                "tags": ["things"],
                "parameters": [
                    {"name": "kind", "in": "query", "schema": {"$ref": "#/components/schemas/Kind"}},
                    {"name": "limit", "in": "query", "required": True, "schema": {"type": "integer", "maximum": 9}},
                ],
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}
                            }
                        }
                    }
                },
            },
            "post": {
                "operationId": "createThing",
                "tags": ["things"],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CreateThingBody"}}},
                },
                "responses": {"204": {"description": "Done."}},
            },
        }
    },
    "webhooks": {
        "thingChanged": {
            "post": {
                "operationId": "thingChanged",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Notice"}}}},
            }
        }
    },
    "components": {
        "schemas": {
            "Kind": {"type": "string", "enum": ["a", "b"]},
            "State": {"type": "string", "enum": ["on", "off"]},
            "Thing": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string"},
                    "size": {"type": "integer"},
                    "state": {"$ref": "#/components/schemas/State"},
                    "parent": {"oneOf": [{"$ref": "#/components/schemas/Thing"}, {"type": "null"}]},
                },
            },
            "CreateThingBody": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 10},
                    "size": {"type": "integer"},
                    "kind": {"$ref": "#/components/schemas/Kind"},
                },
            },
            "Notice": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
        }
    },
}


def schemas(spec: Json) -> Json:
    """The component schemas."""
    found: Json = spec["components"]["schemas"]
    return found


def fields(spec: Json, name: str) -> Json:
    """The fields of a component schema."""
    found: Json = schemas(spec)[name]["properties"]
    return found


def listing(spec: Json) -> Json:
    """The operation listThings."""
    found: Json = spec["paths"]["/things"]["get"]
    return found


def creation(spec: Json) -> Json:
    """The operation createThing."""
    found: Json = spec["paths"]["/things"]["post"]
    return found


def changes_of(edit: Edit) -> list[Change]:
    """What `diff` finds after the edit."""
    new = copy.deepcopy(SPEC)
    edit(new)
    return diff(SPEC, new)


def test_equal_descriptions_do_not_differ() -> None:
    """A description does not differ from itself, and the report says so."""
    assert diff(SPEC, copy.deepcopy(SPEC)) == []
    assert report([]) == "No change in the API."


BREAKING = [
    (lambda s: s["paths"]["/things"].pop("get"), "operation removed: listThings (GET /things)"),
    (
        lambda s: listing(s).update(operationId="allThings"),
        "operation renamed: listThings is now allThings (GET /things)",
    ),
    (
        lambda s: s["paths"].update({"/items": s["paths"].pop("/things")}),
        "operation moved: listThings (GET /things is now GET /items)",
    ),
    (lambda s: listing(s)["parameters"].pop(0), "parameter removed from listThings: kind (in query)"),
    (
        lambda s: listing(s)["parameters"].append({"name": "n", "in": "query", "required": True}),
        "required parameter added to listThings: n (in query)",
    ),
    (
        lambda s: listing(s)["parameters"][0].update(required=True),
        "listThings parameter kind (in query) became required",
    ),
    (
        lambda s: listing(s)["parameters"][1]["schema"].update(maximum=5),
        "maximum of listThings parameter limit (in query) changed: 9 -> 5",
    ),
    (lambda s: fields(s, "Thing").pop("size"), "field removed from Thing: size"),
    (lambda s: fields(s, "CreateThingBody").pop("size"), "field removed from CreateThingBody: size"),
    (
        lambda s: schemas(s)["CreateThingBody"]["required"].append("size"),
        "CreateThingBody.size became required",
    ),
    (
        lambda s: (
            fields(s, "CreateThingBody").update(x={"type": "string"}),
            schemas(s)["CreateThingBody"]["required"].append("x"),
        ),
        "required field added to CreateThingBody: x",
    ),
    (lambda s: schemas(s)["Thing"].pop("required"), "Thing.id became optional"),
    (lambda s: schemas(s)["Kind"]["enum"].remove("b"), 'enum value removed from Kind: "b"'),
    (
        lambda s: fields(s, "Thing")["size"].update(type="string"),
        "type of Thing.size changed: integer -> string",
    ),
    (
        lambda s: fields(s, "Thing")["size"].update(type=["integer", "null"]),
        "type of Thing.size changed: integer -> integer or null",
    ),
    (
        lambda s: fields(s, "CreateThingBody")["size"].update(type="string"),
        "type of CreateThingBody.size changed: integer -> string",
    ),
    (
        lambda s: fields(s, "CreateThingBody")["name"].update(pattern="^a"),
        'pattern of CreateThingBody.name changed: null -> "^a"',
    ),
    (
        lambda s: fields(s, "Thing")["id"].update(format="date-time"),
        "format of Thing.id changed: none -> date-time",
    ),
    (lambda s: listing(s)["responses"].update({"204": listing(s)["responses"].pop("200")}), "answer 200 removed"),
    (lambda s: creation(s).pop("requestBody"), "request body removed from createThing"),
    (
        lambda s: schemas(s)["CreateThingBody"].update(additionalProperties=False),
        "CreateThingBody no longer takes fields that are not described",
    ),
    (lambda s: s.update(security=[{"token": []}]), "authentication of listThings changed"),
    (lambda s: listing(s).update(tags=["items"]), "tag of listThings changed"),
    (
        lambda s: (
            schemas(s).update(Item=schemas(s)["Thing"]),
            fields(s, "Item").update(parent={"$ref": "#/components/schemas/Item"}),
            listing(s)["responses"]["200"]["content"]["application/json"]["schema"].update(
                items={"$ref": "#/components/schemas/Item"}
            ),
        ),
        "answer 200 of listThings[] is now a Item, was a Thing",
    ),
    (lambda s: fields(s, "Notice").pop("id"), "field removed from Notice: id"),
]


def test_what_breaks_callers_is_breaking() -> None:
    """Each of these makes a good request bad, or takes something from an answer, and comes first in the report."""
    for edit, text in BREAKING:
        with row(edit, text):
            changes = changes_of(edit)
            assert any(change.breaking and change.text.startswith(text) for change in changes), changes
            assert report(changes).startswith("Breaking\n  ")


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (
            lambda s: s["paths"].update({"/x": {"get": {"operationId": "getX", "responses": {}}}}),
            "operation added: getX (GET /x)",
        ),
        (
            lambda s: listing(s)["parameters"].append({"name": "n", "in": "query"}),
            "parameter added to listThings: n (in query)",
        ),
        (
            lambda s: listing(s)["parameters"][1].update(required=False),
            "listThings parameter limit (in query) became optional",
        ),
        (
            lambda s: listing(s)["parameters"][1]["schema"].update(maximum=50),
            "maximum of listThings parameter limit (in query) changed: 9 -> 50",
        ),
        (lambda s: fields(s, "Thing").update(x={"type": "string"}), "field added to Thing: x"),
        (lambda s: fields(s, "CreateThingBody").update(x={"type": "string"}), "field added to CreateThingBody: x"),
        (lambda s: schemas(s)["CreateThingBody"].pop("required"), "CreateThingBody.name became optional"),
        (lambda s: schemas(s)["Thing"]["required"].append("size"), "Thing.size became required"),
        (lambda s: schemas(s)["State"]["enum"].append("lost"), 'enum value added to State: "lost"'),
        (lambda s: schemas(s)["State"]["enum"].remove("off"), 'enum value removed from State: "off"'),
        (lambda s: schemas(s)["Kind"]["enum"].append("c"), 'enum value added to Kind: "c"'),
        (
            lambda s: fields(s, "CreateThingBody")["size"].update(type="number"),
            "type of CreateThingBody.size changed: integer -> number",
        ),
        (
            lambda s: fields(s, "CreateThingBody")["size"].update(type=["integer", "null"]),
            "type of CreateThingBody.size changed: integer -> integer or null",
        ),
        (
            lambda s: creation(s)["responses"].update({"400": {"description": "Bad."}}),
            "answer 400 added to createThing",
        ),
        (lambda s: listing(s).update(deprecated=True), "operation deprecated: listThings"),
        (
            lambda s: creation(s).update({"x-idempotent": True}),
            "createThing: whether it may be repeated changed (x-idempotent: None -> True)",
        ),
        (lambda s: fields(s, "Notice").update(x={"type": "string"}), "field added to Notice: x"),
    ],
)
def test_what_breaks_nobody_is_told_as_such(edit: Edit, text: str) -> None:
    """Each of these is told, once, and is not breaking."""
    assert changes_of(edit) == [Change(False, text)]
    assert report(changes_of(edit)) == f"Not breaking\n  {text}"


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: listing(s).update(summary="Lists", description="Lists things"),
        lambda s: fields(s, "Thing")["id"].update(description="An id"),
        lambda s: (
            s["paths"]["/things"].update(parameters=[listing(s)["parameters"].pop(0)])
            or creation(s).update(parameters=[])
        ),
    ],
)
def test_words_and_places_are_not_the_api(edit: Edit) -> None:
    """Descriptions, and whether an operation or its path declares a parameter, make no difference to that operation."""
    assert [change for change in changes_of(edit) if "createThing" not in change.text] == []


def test_a_schema_on_both_sides_breaks_when_one_side_breaks() -> None:
    """An enum that requests and answers share is breaking when it loses a value, because requests are."""

    def share(spec: Json) -> Json:
        fields(spec, "Thing")["kind"] = {"$ref": "#/components/schemas/Kind"}
        return spec

    old = share(copy.deepcopy(SPEC))
    new = copy.deepcopy(old)
    schemas(new)["Kind"]["enum"].remove("a")
    assert diff(old, new) == [Change(True, 'enum value removed from Kind: "a"')]


def test_allof_is_read_as_one_schema() -> None:
    """Moving fields into an `allOf` part changes nothing; losing one of them does."""
    new = copy.deepcopy(SPEC)
    thing = schemas(new)["Thing"]
    schemas(new)["Thing"] = {"allOf": [{"$ref": "#/components/schemas/Base"}]}
    schemas(new)["Base"] = thing
    assert diff(SPEC, new) == []
    del thing["properties"]["size"]
    assert diff(SPEC, new) == [Change(True, "field removed from Thing: size")]
