"""`client.raw`: generated operations with the manners of the client; a changed description arrives by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from kaleidoscope_api.api.records import get_or_create_record, get_record, search_records

from kalbio import NotFoundError
from scripts.codegen.diff import diff
from tests.conftest import Lab, World
from tests.generated_client import api_description, build_package, run


def call(world: World, operation: Any, *arguments: Any, **named: Any) -> Any:
    """Call a generated operation in the way of the world."""
    if world.kind == "sync":
        return operation.sync(*arguments, **named)
    return world(operation.asyncio(*arguments, **named))


def test_a_generated_operation_logs_in_and_parses(lab: Lab, world: World) -> None:
    """A raw call is authenticated and gives the model of the API description."""
    key = world(lab.api.entity_fields.get_or_create_key_field("Compound"))
    body = {"key_field_to_value": {key.id: "CPD-1"}}
    created = call(world, get_or_create_record, client=lab.api.raw, body=body)

    assert created.record_identifier == "CPD-1"
    assert world(lab.api.records.get_record_by_id(created.id)).record_identifier == "CPD-1"


def test_a_refused_raw_call_raises_the_typed_error(lab: Lab, world: World) -> None:
    """A raw call for something that is not there raises NotFoundError instead of returning an error model."""
    missing = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(NotFoundError) as caught:
        call(world, get_record, missing, client=lab.api.raw)

    assert caught.value.path == f"/records/{missing}"


def test_raw_calls_take_the_time_limits_of_a_block(lab: Lab, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`with client.timeout(...)` holds for raw calls as well."""
    limits: list[float] = []
    answer = lab.transport._answer

    def note(request: Any, body: bytes) -> Any:
        limits.append(request.extensions["timeout"]["read"])
        return answer(request, body)

    monkeypatch.setattr(lab.transport, "_answer", note)
    with lab.api.timeout(7):
        call(world, search_records, client=lab.api.raw)

    assert limits[-1] == 7


CHANGED = """
import json
import httpx
from kalbio import KaleidoscopeClient
from kaleidoscope_api.api.smells import list_smells
from kaleidoscope_api.api.records import get_record

ID = "00000000-0000-4000-8000-000000000000"
asked = []

def answer(request):
    asked.append([request.method, request.url.path, request.headers.get("x-kal-authorization")])
    if request.url.path.endswith("/token"):
        return httpx.Response(200, json={"access_token": "t", "refresh_token": "r", "expires_in": 3600})
    if request.url.path == "/smells":
        return httpx.Response(200, json=[{"id": ID, "odour": "almond"}])
    return httpx.Response(200, json={"id": ID, "smell": "almond"})

with KaleidoscopeClient("id", "secret", "http://api.invalid", transport=httpx.MockTransport(answer)) as client:
    smells = list_smells.sync(client=client.raw)
    record = get_record.sync(ID, client=client.raw)
    curated = client.records.get_record_by_id(ID)
    print(json.dumps({
        "asked": asked, "odour": smells[0].odour, "field": record.smell, "curated": curated.smell,
    }))
"""


def test_a_new_field_and_operation_arrive_by_themselves(tmp_path: Path) -> None:
    """A field and an operation added to the description arrive in the generated client, client.raw and the diff."""
    old = api_description()
    new = api_description()
    schemas = new["components"]["schemas"]
    schemas["Record"]["properties"]["smell"] = {"type": "string"}
    schemas["Smell"] = {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "string"}, "odour": {"type": "string"}},
    }
    listing = {"type": "array", "items": {"$ref": "#/components/schemas/Smell"}}
    new["tags"].append({"name": "smells"})
    new["paths"]["/smells"] = {
        "get": {
            "operationId": "listSmells",
            "tags": ["smells"],
            "summary": "List smells",
            "responses": {"200": {"description": "All.", "content": {"application/json": {"schema": listing}}}},
        }
    }

    seen = json.loads(run(build_package(new, tmp_path / "generated"), CHANGED))
    told = [str(change) for change in diff(old, new)]

    assert seen["odour"] == seen["field"] == seen["curated"] == "almond"
    assert ["GET", "/smells", "Bearer t"] in seen["asked"]
    assert any("listSmells" in line for line in told)
    assert any("smell" in line and "Record" in line for line in told)
