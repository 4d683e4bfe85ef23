"""openapi.json as the judge: routes, and checks of what comes in and what goes out.

Loaded once per process and shared by all sandboxes; validators are compiled when first needed.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, unquote

import jsonschema_rs

from kalbio.sandbox.calls import Refusal
from kalbio.sandbox.store import Document, Json, dumps

_BASE = "urn:kaleidoscope"

_INTEGER = re.compile(r"-?[0-9]{1,18}")
# the escape of one, or the thing itself in text that was decoded elsewhere
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")

_DEPTH = 100
_TOO_DEEP = f"it is nested too deeply: {_DEPTH} levels at most"

# Query parameters of old clients that the description no longer lists, and what they mean today.
_LEGACY_QUERY = {
    "searchRecords": {"record_set_id": "record_set_ids", "record_set_filters": None},
    "exportRecordsCsv": {"record_set_id": "record_set_ids", "record_set_filters": None},
}
# Here the text `null` stands for a parameter that is not given: clients write None as JSON.
_NULL_IS_ABSENT = {"searchRecords", "searchActivities", "listWorkspaceEvents"}
# ... but not here, where it means "none".
_NULL_IS_A_VALUE = {"parent_id"}


@dataclass(frozen=True)
class Operation:
    """One operation of the API and its place in the description."""

    id: str
    method: str
    path: str
    pointer: str
    parameters: tuple[Document, ...]
    body: Document = field(repr=False)
    spec: Document = field(repr=False)

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path in pieces."""
        return tuple(self.path.strip("/").split("/"))

    @property
    def is_open(self) -> bool:
        """Whether it can be called without a token."""
        return {} in self.spec.get("security", ())

    @property
    def takes_nothing(self) -> bool:
        """Whether its body can only be `{}`, so that a request that is not typed as JSON may have none."""
        schema = self.body.get("content", {}).get("application/json", {}).get("schema", {})
        return str(schema.get("$ref", "")).endswith("/EmptyBody")

    def body_types(self) -> list[str]:
        """Content types of the body; empty for an operation without one."""
        return list(self.body.get("content", ()))


class Contract:
    """The API description, ready to route and to judge."""

    def __init__(self, spec: Document) -> None:
        """Read the operations of a description."""
        self.spec = spec
        self._registry = jsonschema_rs.Registry([(_BASE, spec)])
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}
        self.operations = tuple(self._read_operations())
        self._routes: dict[tuple[str, int], list[Operation]] = {}
        for operation in self.operations:
            self._routes.setdefault((operation.method, len(operation.segments)), []).append(operation)
        for candidates in self._routes.values():
            # literal segments win over parameters, from the left
            candidates.sort(key=lambda operation: [segment.startswith("{") for segment in operation.segments])

    def _read_operations(self) -> list[Operation]:
        found = []
        for path, item in self.spec["paths"].items():
            for method in ("get", "put", "post", "delete", "patch"):
                if method not in item:
                    continue
                parameters = [
                    self._resolve(one) for one in item.get("parameters", []) + item[method].get("parameters", [])
                ]
                pointer = f"#/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}"
                body = self._resolve(item[method].get("requestBody", {}))
                operation_id = item[method]["operationId"]
                found.append(
                    Operation(operation_id, method.upper(), path, pointer, tuple(parameters), body, item[method])
                )
        return found

    def _resolve(self, node: Document) -> Document:
        while "$ref" in node:
            target: Any = self.spec
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def path_of(self, operation_id: str, **values: str) -> str:
        """The path of an operation, with its parameters filled in."""
        operation = next(operation for operation in self.operations if operation.id == operation_id)
        return operation.path.format(**values)

    # requests

    def route(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation for a path, with its path parameters."""
        trailing_slash = path.endswith("/")
        parts = path.removeprefix("/").removesuffix("/").split("/")
        for operation in self._routes.get((method, len(parts)), ()):
            # a path described with a trailing slash is reached without one too, never the other way round
            if trailing_slash and not operation.path.endswith("/"):
                continue
            found: dict[str, str] = {}
            for segment, part in zip(operation.segments, parts, strict=True):
                if segment.startswith("{") and part:
                    found[segment[1:-1]] = unquote(part)
                elif segment != part:
                    break
            else:
                return operation, found
        return None

    def read_query(self, operation: Operation, text: str) -> dict[str, Json]:
        """The query parameters, decoded and checked."""
        declared = {p["name"]: p for p in operation.parameters if p["in"] == "query"}
        legacy = _LEGACY_QUERY.get(operation.id, {})
        values: dict[str, Json] = {}
        try:
            given = parse_qsl(text, keep_blank_values=True, errors="strict")
        except ValueError as error:
            raise Refusal(400, f"the query is not UTF-8: {error}", code="FST_ERR_VALIDATION") from None
        for name, raw in given:
            if raw == "null" and operation.id in _NULL_IS_ABSENT and name not in _NULL_IS_A_VALUE:
                continue
            if name in legacy:
                if legacy[name] is None:
                    if raw in ("", "[]"):
                        continue
                    raise _bad_query(name, f"{name} is no longer supported; use entity_field_filters")
                name = legacy[name] or name
            if name not in declared:
                raise _bad_query(name, f"{operation.id} has no query parameter {name!r}")
            if name in values:
                raise _bad_query(name, f"query parameter {name!r} is given twice")
            values[name] = self._read_parameter(declared[name], raw)
        for name, parameter in declared.items():
            if parameter.get("required") and name not in values:
                raise _bad_query(name, f"query parameter {name!r} is required")
        return values

    def _read_parameter(self, parameter: Document, raw: str) -> Json:
        name, schema = parameter["name"], self._resolve(parameter["schema"])
        if schema.get("contentMediaType") == "application/json":
            try:
                value = loads(raw)
            except ValueError as error:
                raise _bad_query(name, f"query parameter {name!r} is not JSON text: {error}") from None
            schema = schema.get("contentSchema", {})
        else:
            value = _from_text(raw, schema)
        self._check(schema, value, f"query parameter {name!r}", location=f"/query/{name}")
        return value

    def check_body(self, operation: Operation, content_type: str, body: Json) -> None:
        """Refuse a body that the description does not allow."""
        schema = operation.body["content"][content_type]["schema"]
        self._check(schema, body, "body", location="/body", key=f"{operation.pointer}/requestBody/{content_type}")

    def _check(self, schema: Document, value: Json, what: str, *, location: str, key: str | None = None) -> None:
        errors = list(self._validator(schema, key or json.dumps(schema, sort_keys=True)).iter_errors(value))
        if errors:
            details = [
                {"path": location + "".join(f"/{part}" for part in error.instance_path), "message": error.message}
                for error in errors
            ]
            message = "; ".join(f"{what}{_pointer(error.instance_path)}: {error.message}" for error in errors[:3])
            raise Refusal(400, message, code="FST_ERR_VALIDATION", details=details)

    def known_values(self, name: str) -> frozenset[str]:
        """The values of a named enumeration."""
        return frozenset(self.spec["components"]["schemas"][name]["enum"])

    # answers

    def describes(self, operation: Operation, status: int) -> bool:
        """Whether an operation may be answered with this status."""
        return _response_name(operation, status) is not None

    def find_fault(self, operation: Operation, status: int, content_type: str, body: Json) -> str | None:
        """What is wrong with an answer of the sandbox itself, or None."""
        name = _response_name(operation, status)
        if name is None:
            return f"{operation.id} describes no answer with status {status}"
        response = self._resolve(operation.spec["responses"][name])
        content = response.get("content")
        if content is None or status == 204:
            return None if body in (None, b"") else f"{operation.id} describes an answer {status} without a body"
        if content_type not in content:
            wildcard = any(one in content for one in ("*/*", "application/octet-stream"))
            return None if wildcard else f"{operation.id} describes no answer {status} of type {content_type}"
        if not isinstance(body, bytes):
            schema = content[content_type].get("schema", {})
            validator = self._validator(schema, f"{operation.pointer}/responses/{name}", formats=True)
            for error in validator.iter_errors(body):
                return (
                    f"{operation.id} {status}{_pointer(error.instance_path)}: {error.message} "
                    f"(schema {_pointer(error.schema_path)})"
                )
        return None

    def webhook_fault(self, name: str, payload: Json) -> str | None:
        """What is wrong with a webhook payload, or None."""
        item = self.spec.get("webhooks", {}).get(name)
        if item is None:
            return f"there is no webhook {name}"
        schema = self._resolve(item["post"]["requestBody"])["content"]["application/json"]["schema"]
        for error in self._validator(schema, f"webhook {name}", formats=True).iter_errors(payload):
            return f"webhook {name}{_pointer(error.instance_path)}: {error.message}"
        return None

    def _validator(self, schema: Document, key: str, *, formats: bool = False) -> jsonschema_rs.Draft202012Validator:
        validator = self._validators.get(key)
        if validator is None:
            # User dates may lack a zone, so formats are checked in answers only.
            validator = jsonschema_rs.Draft202012Validator(
                _absolute(schema), registry=self._registry, validate_formats=formats
            )
            self._validators[key] = validator
        return validator


@cache
def load_contract() -> Contract:
    """The contract of the installed API description."""
    return Contract(json.loads((files("kaleidoscope_api") / "openapi.json").read_text(encoding="utf-8")))


def loads(text: str | bytes) -> Json:
    """JSON as the standard has it: UTF-8, without NaN and infinities, numbers too large to keep, lone surrogates and
    endless nesting."""
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")  # JSON is UTF-8; left to itself the library guesses, and lets surrogates in
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    _refuse_depth(value)
    if _SURROGATE.search(text):
        _refuse_halves(value)
    return value


def _refuse_halves(value: Json) -> None:
    # Half of a pair is no character: no answer could hold it, and no database keeps it.
    try:
        dumps(value).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"\\u{ord(error.object[error.start]):04x} is half of a character") from None


def _refuse_depth(value: Json) -> None:
    # Whatever handles or shows the value later may call itself once for each level.
    level = [value]
    for _ in range(_DEPTH):
        level = [
            item
            for outer in level
            if isinstance(outer, dict | list)
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is out of range")
    return number


def _from_text(raw: str, schema: Document) -> Json:
    kind = schema.get("type")
    if kind == "integer":
        return int(raw) if _INTEGER.fullmatch(raw) else raw
    if kind == "boolean":
        return {"true": True, "false": False}.get(raw, raw)
    if kind == "array":
        return raw.split(",") if raw else []
    return raw


def _response_name(operation: Operation, status: int) -> str | None:
    names = (str(status), f"{status // 100}XX", "default")
    return next((name for name in names if name in operation.spec["responses"]), None)


def _absolute(node: Json) -> Json:
    if isinstance(node, dict):
        return {
            name: _BASE + value
            if name == "$ref" and isinstance(value, str) and value.startswith("#")
            else _absolute(value)
            for name, value in node.items()
        }
    return [_absolute(item) for item in node] if isinstance(node, list) else node


def _pointer(path: Any) -> str:
    return "".join(f"/{part}" for part in path)


def _bad_query(name: str, message: str) -> Refusal:
    return Refusal(400, message, code="FST_ERR_VALIDATION", details=[{"path": f"/query/{name}", "message": message}])
