"""Holds answers against an OpenAPI description: every place where one breaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kalbio._core.description.document import Description, Document, Operation

if TYPE_CHECKING:
    import jsonschema_rs

_BASE = "urn:description"

Step = str | int


class Validators:
    """The validators of the schemas of a description, each compiled when it is first needed."""

    def __init__(self, spec: Document) -> None:
        # Imported here: who asks for the doctor without it is told what to install.
        import jsonschema_rs

        self._compile = jsonschema_rs.Draft202012Validator
        self._registry = jsonschema_rs.Registry([(_BASE, spec)])
        self._compiled: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def of(self, schema: Document, key: str = "", *, formats: bool = False) -> jsonschema_rs.Draft202012Validator:
        """The validator of a schema; `key` names it, and spares writing it out."""
        key = key or json.dumps(schema, sort_keys=True)
        validator = self._compiled.get(key)
        if validator is None:
            validator = self._compile(_absolute(schema), registry=self._registry, validate_formats=formats)
            self._compiled[key] = validator
        return validator


@dataclass(frozen=True)
class Violation:
    """One way in which an answer breaks the description.

    Attributes:
        kind: `status`, `content type`, `body`, or the keyword of the schema: `type`, `required`, `format`...
        location: members and indices of items, from the answer down.
        value: what stands there.
        member: the member that is missing, where `kind` is `required`.
        message: says it all, in words that may show what stands there.
    """

    kind: str
    location: tuple[Step, ...]
    value: Any = field(repr=False)
    member: str
    message: str = field(repr=False)


class AnswerChecks:
    """What is wrong with answers."""

    def __init__(self, description: Description, validators: Validators) -> None:
        self._description = description
        self._validators = validators

    def violations(self, operation: Operation, status: int, content_type: str, body: Any) -> Iterator[Violation]:
        """Yield each violation. `body` is what the JSON says, bytes for anything else, None when there is none."""
        name = operation.response_name(status)
        if name is None:
            yield _whole("status", body, f"{operation.id} describes no answer with status {status}")
            return
        response = self._description.resolve(operation.spec["responses"][name])
        content = response.get("content")
        if content is None or status == 204:
            if body not in (None, b""):
                yield _whole("body", body, f"{operation.id} describes an answer {status} without a body")
            return
        if content_type not in content:
            if not any(one in content for one in ("*/*", "application/octet-stream")):
                yield _whole(
                    "content type", body, f"{operation.id} describes no answer {status} of type {content_type}"
                )
            return
        if isinstance(body, bytes):
            return
        schema = content[content_type].get("schema", {})
        for error in self._validators.of(schema, f"{operation.pointer}/responses/{name}", formats=True).iter_errors(
            body
        ):
            for inner in _meant(error):
                yield _of_schema(inner, f"{operation.id} {status}")

    def webhook_violations(self, name: str, payload: Any) -> Iterator[Violation]:
        """Yield what is wrong with the payload of a webhook."""
        item = self._description.spec.get("webhooks", {}).get(name)
        if item is None:
            yield _whole("status", payload, f"there is no webhook {name}")
            return
        schema = self._description.resolve(item["post"]["requestBody"])["content"]["application/json"]["schema"]
        for error in self._validators.of(schema, f"webhook {name}", formats=True).iter_errors(payload):
            yield _of_schema(error, f"webhook {name}")


def _meant(error: Any) -> Iterator[Any]:
    """Yield what is wrong with the one form that a value was meant to have; the error itself where several could be."""
    forms: list[list[Any]] = getattr(error.kind, "context", [])
    location = list(error.instance_path)
    fitting = [
        form
        for form in forms
        if not any(
            list(one.instance_path) == location and next(reversed(one.schema_path), "") == "type" for one in form
        )
    ]
    if len(fitting) != 1:
        yield error
        return
    for one in fitting[0]:
        yield from _meant(one)


def _whole(kind: str, value: Any, message: str) -> Violation:
    return Violation(kind, (), value, "", message)


def _of_schema(error: Any, what: str) -> Violation:
    keyword = str(next(reversed(error.schema_path), ""))
    message = f"{what}{pointer(error.instance_path)}: {error.message} (schema {pointer(error.schema_path)})"
    member = error.kind.property if keyword == "required" else ""
    return Violation(keyword, tuple(error.instance_path), error.instance, member, message)


def pointer(path: Any) -> str:
    """A path as text."""
    return "".join(f"/{part}" for part in path)


def _absolute(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            name: _BASE + value
            if name == "$ref" and isinstance(value, str) and value.startswith("#")
            else _absolute(value)
            for name, value in node.items()
        }
    return [_absolute(item) for item in node] if isinstance(node, list) else node
