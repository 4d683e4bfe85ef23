"""The sandbox under attack: whatever is sent to it over HTTP, its answer is one that openapi.yaml describes.

`KALBIO_ATTACKS=200 scripts/test tests/sandbox/test_attack.py` goes deeper.
"""

from __future__ import annotations

import contextlib
import copy
import os
import sqlite3
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import attrs
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from kalbio._core.description.document import Operation
from kalbio.sandbox import Sandbox
from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.server import serve
from tests.sandbox.scenario import live_in
from tests.sandbox.wire import Api, Json

EXAMPLES = int(os.environ.get("KALBIO_ATTACKS", "3"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = {operation.id: operation for operation in load_contract().operations}

# The kinds of things that a name means; tried from the top, by the end of the name.
KINDS = {
    "key_field": "key_field", "property_field": "property_field", "view_field": "place",
    "field": "data_field key_field",
    "definition": "definition", "operation": "activity", "activity": "activity", "parent": "activity",
    "content_layout": "template view", "template_view": "template", "template": "template", "view": "view template",
    "entity_slice": "slice", "record_set": "record_set", "set": "record_set", "record": "record", "label": "label",
    "program": "program", "user": "user", "reviewer": "user", "subscriber": "user", "group": "group",
    "dashboard": "dashboard", "category": "category", "property": "property", "file": "file", "import": "import",
    "submission": "submission", "source": "import",
}  # fmt: skip


@attrs.frozen
class Target:
    """A running sandbox in which something of every kind is there, and the ids by kind."""

    sandbox: Sandbox
    url: str
    image: sqlite3.Connection
    ids: dict[str, list[str]]
    session: requests.Session

    def reset(self) -> None:
        """Make everything as it was at first."""
        with self.sandbox.lock:
            self.image.backup(self.sandbox.store.connection)

    def real(self, name: str, value: Json) -> Json:
        """A real id in place of a made-up one, mostly; which one depends on name and value alone."""
        if isinstance(value, list):
            return [self.real(name, item) for item in value]
        kinds = next((kinds for end, kinds in KINDS.items() if name.removesuffix("s").endswith(f"{end}_id")), "")
        ids = [id for kind in kinds.split() for id in self.ids.get(kind, ())]
        chosen = zlib.crc32(repr((name, value)).encode("utf-8", "surrogatepass"))
        return ids[chosen // 8 % len(ids)] if isinstance(value, str) and ids and chosen % 8 else value

    def real_in(self, value: Json) -> Json:
        """The same for all members of a body or a query."""
        if isinstance(value, list):
            return [self.real_in(item) for item in value]
        if not isinstance(value, dict):
            return value
        made = {name: self.real(name, self.real_in(item)) for name, item in value.items()}
        for name, item in made.items():
            if name.endswith("key_field_to_value") and isinstance(item, dict):
                made[name] = {self.real("key_field_id", key): text for key, text in item.items()}
        return made


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """A sandbox with some history, on a port."""
    with Sandbox() as sandbox, serve(sandbox) as server, requests.Session() as session:
        api = Api(sandbox)
        live_in(api)
        session.headers["X-Kal-Authorization"] = f"Bearer {api.token}"
        rows = sandbox.store.rows("select kind, id from document union all select 'record', id from record")
        rows += sandbox.store.rows("select 'file', id from file")
        ids: dict[str, list[str]] = {}
        for kind, id_ in rows:
            ids.setdefault(kind, []).append(id_)
        ids["template"] = [view["id"] for view in sandbox.store.all("view") if view["is_template"]]
        ids["place"] = [place["id"] for view in sandbox.store.all("view") for place in view["view_fields"]]
        with contextlib.closing(sqlite3.connect(":memory:", check_same_thread=False)) as image:
            sandbox.store.connection.backup(image)
            yield Target(sandbox, server.url, image, ids, session)


@cache
def attacks() -> dict[str, Any]:
    """What the generator knows of each operation."""
    spec = copy.deepcopy(load_contract().spec)
    _say_what_is_in_text(spec)
    generation = GenerationConfig(deterministic=True, database="none", with_security_parameters=False)
    projects = ProjectsConfig(default=ProjectConfig(generation=generation))
    schema = schemathesis.openapi.from_dict(spec, config=SchemathesisConfig(projects=projects))
    found: list[Any] = [one.ok() for one in schema.get_all_operations()]  # type: ignore[union-attr]
    return {operation.definition.raw["operationId"]: operation for operation in found}


def _say_what_is_in_text(node: Json) -> None:
    """Describe query parameters that carry JSON text by what is in the text, which the generator then fills."""
    if isinstance(node, dict):
        if "in" in node and "contentSchema" in node.get("schema", {}):
            node["content"] = {"application/json": {"schema": node.pop("schema")["contentSchema"]}}
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            _say_what_is_in_text(item)


def can_be_wrong(operation: Operation) -> bool:
    """Whether there is a query or a body: any text may stand in a path, so nothing is wrong there."""
    return bool(operation.body) or any(parameter["in"] == "query" for parameter in operation.parameters)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        pytest.param(name, mode, id=f"{name}-{mode.value}")
        for name, operation in OPERATIONS.items()
        for mode in GenerationMode
        if mode is GenerationMode.POSITIVE or can_be_wrong(operation)
    ],
)
def test_every_answer_is_one_that_is_described(target: Target, name: str, mode: GenerationMode) -> None:
    """Right or wrong, a request gets no 5xx, and no status, content type or body that openapi.yaml does not know."""
    operation = attacks()[name]
    target.reset()
    statuses = []

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def attack(case: Case[Any]) -> None:
        assert case.meta is not None
        wrong = {place for place, part in case.meta.components.items() if part.mode is GenerationMode.NEGATIVE}
        case.path_parameters = {name: target.real(name, value) for name, value in case.path_parameters.items()}
        if ParameterLocation.QUERY not in wrong:
            case.query = target.real_in(case.query)
        if ParameterLocation.BODY not in wrong:
            case.body = target.real_in(case.body)
        response = case.call(base_url=target.url, session=target.session)
        statuses.append(response.status_code)
        case.validate_response(response, checks=CHECKS)
        if mode is GenerationMode.NEGATIVE:
            case.validate_response(response, checks=[negative_data_rejection])

    attack()
    if os.environ.get("KALBIO_SEE"):
        print(name, mode.value, statuses)
