"""An OpenAPI description as the contract of an emulator: routes, and checks of what comes in and what goes out.

A contract holds no state of an emulator, so several may share one; validators are compiled when first needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from kalbio._core.description.checks import AnswerChecks, Validators, pointer
from kalbio._core.description.document import JSON, Description, Document, Operation
from kalbio._core.emulator.refusals import Code, Problem, Refusal
from kalbio._core.emulator.strict_json import Json, loads

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")

Query = list[tuple[str, str]]


class Contract(Description):
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
        super().__init__(spec, base_paths=base_paths)
        self._clean_query = clean_query
        self._validators = Validators(self.spec)
        self._checks = AnswerChecks(self, self._validators)

    @cached_property
    def secret_names(self) -> frozenset[str]:
        """The names of members and parameters whose values the description calls passwords, in lower case."""
        found: set[str] = set()
        waiting: list[Any] = [self.spec]
        while waiting:
            one = waiting.pop()
            if isinstance(one, list):
                waiting += one
            elif isinstance(one, dict):
                waiting += one.values()
                properties = one.get("properties")
                named = list(properties.items()) if isinstance(properties, dict) else []
                if isinstance(one.get("name"), str) and isinstance(one.get("schema"), dict):
                    named.append((one["name"], one["schema"]))
                found.update(name.lower() for name, schema in named if self._is_password(schema))
        return frozenset(found)

    def _is_password(self, schema: Any) -> bool:
        return isinstance(schema, dict) and self.resolve(schema).get("format") == "password"

    # requests

    def read_query(self, operation: Operation, text: str) -> dict[str, Json]:
        """The query parameters, decoded and checked."""
        declared = operation.parameters_in("query")
        texts: dict[str, list[str]] = {}
        try:
            given = parse_qsl(text, keep_blank_values=True, errors="strict")
        except ValueError as error:
            raise Refusal(400, f"the query is not UTF-8: {error}", code=Code.INVALID_QUERY) from None
        wrong: list[Refusal] = []
        for name, raw in self._clean_query(operation, given):
            if name in declared:
                texts.setdefault(name, []).append(raw)
            else:
                wrong.append(bad_query(name, f"{operation.id} has no query parameter {name!r}", "unknown"))
        query: dict[str, Json] = {}
        for name, parameter in declared.items():
            if name in texts:
                try:
                    query[name] = self._read_parameter(parameter, texts[name])
                except Refusal as refusal:
                    wrong.append(refusal)
            elif parameter.get("required"):
                wrong.append(bad_query(name, f"query parameter {name!r} is required", "required"))
        if wrong:
            message = "; ".join(refusal.message for refusal in wrong[:3])
            problems = tuple(problem for refusal in wrong for problem in refusal.problems)
            raise Refusal(400, message, code=Code.INVALID_QUERY, problems=problems)
        return query

    def _read_parameter(self, parameter: Document, texts: list[str]) -> Json:
        name, schema = parameter["name"], self.resolve(parameter["schema"])
        is_list = schema.get("type") == "array" and "contentMediaType" not in schema
        if is_list and parameter.get("explode", True):
            items = self.resolve(schema.get("items", {}))
            value: Json = [_from_text(raw, items) for raw in texts]
        elif len(texts) > 1:
            raise bad_query(name, f"query parameter {name!r} is given twice", "repeated")
        elif is_list:
            items = self.resolve(schema.get("items", {}))
            value = [_from_text(raw, items) for raw in texts[0].split(",")] if texts[0] else []
        elif schema.get("contentMediaType") == JSON:
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
        errors = list(self._validators.of(schema, key or "").iter_errors(value))
        if errors:
            problems = tuple(_problem(error, location) for error in errors)
            message = "; ".join(f"{what}{pointer(error.instance_path)}: {error.message}" for error in errors[:3])
            raise Refusal(400, message, code=code, problems=problems)

    def known_values(self, name: str) -> frozenset[str]:
        """The values of a named enumeration."""
        return frozenset(self.spec["components"]["schemas"][name]["enum"])

    # answers

    def find_violation(self, operation: Operation, status: int, content_type: str, body: Json) -> str | None:
        """What is wrong with an answer of the emulator itself, or None."""
        return next((found.message for found in self._checks.violations(operation, status, content_type, body)), None)

    def find_webhook_violation(self, name: str, payload: Json) -> str | None:
        """What is wrong with a webhook payload, or None."""
        return next((found.message for found in self._checks.webhook_violations(name, payload)), None)


def _problem(error: Any, location: tuple[str, ...]) -> Problem:
    rule = str(next(reversed(error.schema_path), ""))
    expected = error.kind.value if rule == "enum" or rule.startswith(("min", "max")) else None
    return Problem((*location, *error.instance_path), error.message, rule, expected)


def _from_text(raw: str, schema: Document) -> Json:
    kind = schema.get("type")
    if kind == "integer":
        return int(raw) if _INTEGER.fullmatch(raw) else raw
    if kind == "number":
        return float(raw) if _NUMBER.fullmatch(raw) else raw
    if kind == "boolean":
        return {"true": True, "false": False}.get(raw, raw)
    return raw


def bad_query(name: str, message: str, rule: str) -> Refusal:
    """The refusal of a member of a query."""
    return Refusal(400, message, code=Code.INVALID_QUERY, problems=(Problem(("query", name), message, rule),))
