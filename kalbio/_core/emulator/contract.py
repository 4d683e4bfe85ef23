"""An OpenAPI description as the contract of an emulator: routes, and checks of what comes in and what goes out.

A contract holds no state of an emulator, so several may share one; validators are compiled when first needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, unquote

import jsonschema_rs

from kalbio._core.emulator.refusals import Code, Problem, Refusal
from kalbio._core.emulator.strict_json import Document, Json, loads

_BASE = "urn:description"
_JSON, _MULTIPART = "application/json", "multipart/form-data"
_METHODS = ("get", "put", "post", "delete", "patch")

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")

Query = list[tuple[str, str]]


@dataclass(frozen=True)
class Operation:
    """One operation of the API and its place in the description."""

    id: str
    method: str
    path: str
    """Its path on the emulator, the base path included."""
    pointer: str
    parameters: tuple[Document, ...]
    body: Document = field(repr=False)
    spec: Document = field(repr=False)
    is_open: bool = False
    """Whether it can be called without a token."""
    takes_nothing: bool = False
    """Whether its body can only be `{}`, so that a request that is not typed as JSON may have none."""
    form: Document = field(default_factory=dict, repr=False)
    """The members of a multipart body, by name."""

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path in pieces."""
        return tuple(self.path.strip("/").split("/"))

    def body_types(self) -> list[str]:
        """Content types of the body; empty for an operation without one."""
        return list(self.body.get("content", ()))


class Contract:
    """An API description, ready to route and to check.

    Args:
        spec: the description, OpenAPI 3.1. Each operation has an `operationId`.
        base_paths: where the operations of a tag are served, by tag, e.g. `{"jobs": "/job-api"}`.
        clean_query: gets an operation and the members of a query before they are checked, and gives those that count;
            it may refuse some. By default every member must be in the description.
    """

    def __init__(
        self,
        spec: Document,
        *,
        base_paths: Mapping[str, str] = MappingProxyType({}),
        clean_query: Callable[[Operation, Query], Query] = lambda operation, query: query,
    ) -> None:
        self.spec = spec | {"paths": _with_base_paths(spec["paths"], base_paths)}
        self._clean_query = clean_query
        self._registry = jsonschema_rs.Registry([(_BASE, self.spec)])
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
            for method in _METHODS:
                if method not in item:
                    continue
                spec = item[method]
                parameters = [self._resolve(one) for one in item.get("parameters", []) + spec.get("parameters", [])]
                body = self._resolve(spec.get("requestBody", {}))
                form = self._body_schema(body, _MULTIPART).get("properties", {})
                security = spec.get("security", self.spec.get("security", []))
                found.append(
                    Operation(
                        id=spec["operationId"],
                        method=method.upper(),
                        path=path,
                        pointer=f"#/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}",
                        parameters=tuple(parameters),
                        body=body,
                        spec=spec,
                        is_open=not security or {} in security,
                        takes_nothing=_is_empty_object(self._body_schema(body, _JSON)),
                        form={name: self._resolve(member) for name, member in form.items()},
                    )
                )
        return found

    def _body_schema(self, body: Document, content_type: str) -> Document:
        return self._resolve(body.get("content", {}).get(content_type, {}).get("schema", {}))

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
        """The operation for a method and a path, with its path parameters."""
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

    def methods(self, path: str) -> list[str]:
        """The methods that are described for a path."""
        return [method.upper() for method in _METHODS if self.route(method.upper(), path)]

    def read_query(self, operation: Operation, text: str) -> dict[str, Json]:
        """The query parameters, decoded and checked."""
        declared = {p["name"]: p for p in operation.parameters if p["in"] == "query"}
        texts: dict[str, list[str]] = {}
        try:
            given = parse_qsl(text, keep_blank_values=True, errors="strict")
        except ValueError as error:
            raise Refusal(400, f"the query is not UTF-8: {error}", code=Code.INVALID_QUERY) from None
        for name, raw in self._clean_query(operation, given):
            if name not in declared:
                raise bad_query(name, f"{operation.id} has no query parameter {name!r}", "unknown")
            texts.setdefault(name, []).append(raw)
        for name, parameter in declared.items():
            if parameter.get("required") and name not in texts:
                raise bad_query(name, f"query parameter {name!r} is required", "required")
        return {name: self._read_parameter(declared[name], raw) for name, raw in texts.items()}

    def _read_parameter(self, parameter: Document, texts: list[str]) -> Json:
        name, schema = parameter["name"], self._resolve(parameter["schema"])
        is_list = schema.get("type") == "array" and "contentMediaType" not in schema
        if is_list and parameter.get("explode", True):
            items = self._resolve(schema.get("items", {}))
            value: Json = [_from_text(raw, items) for raw in texts]
        elif len(texts) > 1:
            raise bad_query(name, f"query parameter {name!r} is given twice", "repeated")
        elif is_list:
            items = self._resolve(schema.get("items", {}))
            value = [_from_text(raw, items) for raw in texts[0].split(",")] if texts[0] else []
        elif schema.get("contentMediaType") == _JSON:
            try:
                value = loads(texts[0])
            except ValueError as error:
                raise bad_query(name, f"query parameter {name!r} is not JSON text: {error}", "json") from None
            schema = schema.get("contentSchema", {})
        else:
            value = _from_text(texts[0], schema)
        self._check(schema, value, f"query parameter {name!r}", location=("query", name), code=Code.INVALID_QUERY)
        return value

    def check_body(self, operation: Operation, content_type: str, body: Json) -> None:
        """Refuse a body that the description does not allow."""
        schema = operation.body["content"][content_type]["schema"]
        key = f"{operation.pointer}/requestBody/{content_type}"
        self._check(schema, body, "body", location=("body",), code=Code.INVALID_BODY, key=key)

    def _check(
        self,
        schema: Document,
        value: Json,
        what: str,
        *,
        location: tuple[str, ...],
        code: Code,
        key: str | None = None,
    ) -> None:
        errors = list(self._validator(schema, key or json.dumps(schema, sort_keys=True)).iter_errors(value))
        if errors:
            problems = tuple(
                Problem((*location, *error.instance_path), error.message, str(next(reversed(error.schema_path), "")))
                for error in errors
            )
            message = "; ".join(f"{what}{_pointer(error.instance_path)}: {error.message}" for error in errors[:3])
            raise Refusal(400, message, code=code, problems=problems)

    def known_values(self, name: str) -> frozenset[str]:
        """The values of a named enumeration."""
        return frozenset(self.spec["components"]["schemas"][name]["enum"])

    # answers

    def describes(self, operation: Operation, status: int) -> bool:
        """Whether an operation may be answered with this status."""
        return _response_name(operation, status) is not None

    def find_violation(self, operation: Operation, status: int, content_type: str, body: Json) -> str | None:
        """What is wrong with an answer of the emulator itself, or None."""
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

    def find_webhook_violation(self, name: str, payload: Json) -> str | None:
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


def _from_text(raw: str, schema: Document) -> Json:
    kind = schema.get("type")
    if kind == "integer":
        return int(raw) if _INTEGER.fullmatch(raw) else raw
    if kind == "number":
        return float(raw) if _NUMBER.fullmatch(raw) else raw
    if kind == "boolean":
        return {"true": True, "false": False}.get(raw, raw)
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


def _with_base_paths(paths: Document, base_paths: Mapping[str, str]) -> Document:
    found: Document = {}
    for path, item in paths.items():
        tags = {tag for method in _METHODS if method in item for tag in item[method].get("tags", ())[:1]}
        bases = {base_paths.get(tag, "") for tag in tags} or {""}
        if len(bases) > 1:
            raise ValueError(f"the operations of {path} have tags with different base paths: {', '.join(sorted(tags))}")
        found[bases.pop().rstrip("/") + path] = item
    return found


def _is_empty_object(schema: Document) -> bool:
    is_object = schema.get("type") == "object" and not schema.get("properties")
    return is_object and schema.get("additionalProperties") is False


def bad_query(name: str, message: str, rule: str) -> Refusal:
    """The refusal of a member of a query."""
    return Refusal(400, message, code=Code.INVALID_QUERY, problems=(Problem(("query", name), message, rule),))
