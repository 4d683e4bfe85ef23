"""Reads out of an API description what the answer to an operation promises, and what it repeats of the request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .spec import SpecError

Mark = tuple[str, str, str, tuple[tuple[str, tuple[str, ...]], ...]]


def promise(spec: dict[str, Any], operation: dict[str, Any]) -> tuple[str, bool, tuple[str, ...]]:
    """The JSON of the answer ("object", "list" or ""), whether it may be empty, and the ids that it must have."""
    schema = _answer_schema(spec, operation)
    if operation.get("x-unread-answer") or schema is None:
        return "", True, ()
    if schema.get("type") == "array":
        items = _resolve(spec, schema.get("items", {}))
        return "list", bool(operation.get("x-empty-answer")), tuple(_ids(spec, items))
    return "object", bool(operation.get("x-empty-answer")), tuple(_ids(spec, schema))


def repeats(
    spec: dict[str, Any], item: dict[str, Any], operation: dict[str, Any], path: str, where: str
) -> Iterator[Mark]:
    """The marks of an operation. Raises SpecError for one that names what the description does not have."""
    for mark in operation.get("x-repeats", ()):
        if not isinstance(mark, dict) or not {"answer"} < set(mark) <= {"answer", "request", "value", "only"}:
            raise SpecError(f"{where}: a mark of x-repeats has `answer`, `request` or `value`, and perhaps `only`")
        if ("request" in mark) == ("value" in mark):
            raise SpecError(f"{where}: a mark of x-repeats has either `request` or `value`")
        only = tuple((str(name), tuple(map(str, values))) for name, values in mark.get("only", {}).items())
        schema = _answer_schema(spec, operation) or {}
        for place in (mark["answer"], *(name for name, _ in only)):
            if not _leads_somewhere(spec, schema, place.split(".")):
                raise SpecError(f"{where}: x-repeats names {place}, which its answer does not have")
        if "request" in mark and not _is_sent(spec, item, operation, path, mark["request"]):
            raise SpecError(f"{where}: x-repeats names {mark['request']}, which its request does not have")
        yield str(mark["answer"]), str(mark.get("request", "")), str(mark.get("value", "")), only


def _answer_schema(spec: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    for code, response in operation.get("responses", {}).items():
        content = _resolve(spec, response).get("content", {})
        if str(code).startswith("2") and "application/json" in content:
            return _resolve(spec, content["application/json"].get("schema", {}))
    return None


def _ids(spec: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The ids among the required members, and what holds them. Readers can do without all others."""
    for name in schema.get("required", ()):
        member = _resolve(spec, schema.get("properties", {}).get(name, {}))
        if name == "id" or name.endswith("_id"):
            yield path + name
        elif member.get("type") == "object":
            yield from list(_ids(spec, member, f"{path}{name}.")) or [path + name]


def _leads_somewhere(spec: dict[str, Any], schema: dict[str, Any], steps: list[str]) -> bool:
    schema = _resolve(spec, schema)
    choices = [choice for name in ("oneOf", "anyOf", "allOf") for choice in schema.get(name, ())]
    if choices and any(_leads_somewhere(spec, choice, steps) for choice in choices):
        return True
    if not steps:
        return True
    step, rest = steps[0], steps[1:]
    if step in ("*", "?"):
        return "items" in schema and _leads_somewhere(spec, schema["items"], rest)
    if schema.get("type") == "array":  # a list that holds the one object
        return _leads_somewhere(spec, schema["items"], steps)
    if step == "{key}":
        values = schema.get("additionalProperties")
        return isinstance(values, dict) and _leads_somewhere(spec, values, rest)
    return step in schema.get("properties", {}) and _leads_somewhere(spec, schema["properties"][step], rest)


def _is_sent(spec: dict[str, Any], item: dict[str, Any], operation: dict[str, Any], path: str, place: str) -> bool:
    part, name, *rest = [*place.split("."), ""]
    if part == "path":
        return name in re.findall(r"{(\w+)}", path)
    if part == "query":
        parameters = [_resolve(spec, one) for one in (*item.get("parameters", ()), *operation.get("parameters", ()))]
        return any(one.get("in") == "query" and one.get("name") == name for one in parameters)
    content = _resolve(spec, operation.get("requestBody", {})).get("content", {})
    steps = [step for step in (name, *rest) if step]
    return part == "body" and any(_leads_somewhere(spec, kind.get("schema", {}), steps) for kind in content.values())


def _resolve(spec: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = spec
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node
