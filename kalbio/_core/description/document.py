"""An OpenAPI description: its operations, the way to them, and the schemas of their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

Document = dict[str, Any]

JSON, MULTIPART = "application/json", "multipart/form-data"
METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True)
class Operation:
    """One operation of the API and its location in the description."""

    id: str
    method: str
    path: str
    """Its path on the server, the base path included."""
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

    @property
    def reads(self) -> bool:
        """Whether it changes nothing: a GET, or marked so (`x-reads`)."""
        return self.method == "GET" or bool(self.spec.get("x-reads"))

    def body_types(self) -> list[str]:
        """Content types of the body; empty for an operation without one."""
        return list(self.body.get("content", ()))

    def parameters_in(self, location: str) -> dict[str, Document]:
        """The parameters of its path or its query, by name."""
        return {parameter["name"]: parameter for parameter in self.parameters if parameter["in"] == location}

    def response_name(self, status: int) -> str | None:
        """The name under which an answer of this status is described, None when it is not."""
        names = (str(status), f"{status // 100}XX", "default")
        return next((name for name in names if name in self.spec["responses"]), None)


class Description:
    """An API description, ready to find operations and schemas in.

    Args:
        spec: the description, OpenAPI 3.1. Each operation has an `operationId`.
        base_paths: where the operations of a tag are served, by tag, e.g. `{"jobs": "/job-api"}`.
    """

    def __init__(self, spec: Document, *, base_paths: Mapping[str, str] = MappingProxyType({})) -> None:
        self.spec = spec | {"paths": _with_base_paths(spec["paths"], base_paths)}
        self.operations = tuple(self._read_operations())
        self._routes: dict[tuple[str, int], list[Operation]] = {}
        for operation in self.operations:
            self._routes.setdefault((operation.method, len(operation.segments)), []).append(operation)
        for candidates in self._routes.values():
            # literal segments win over parameters, from the left
            candidates.sort(key=lambda operation: [segment.startswith("{") for segment in operation.segments])

    @cached_property
    def by_id(self) -> dict[str, Operation]:
        """The operations by their ids."""
        return {operation.id: operation for operation in self.operations}

    def _read_operations(self) -> list[Operation]:
        found = []
        for path, item in self.spec["paths"].items():
            for method in METHODS:
                if method not in item:
                    continue
                spec = item[method]
                parameters = [self.resolve(one) for one in item.get("parameters", []) + spec.get("parameters", [])]
                body = self.resolve(spec.get("requestBody", {}))
                form = self._body_schema(body, MULTIPART).get("properties", {})
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
                        takes_nothing=_is_empty_object(self._body_schema(body, JSON)),
                        form={name: self.resolve(member) for name, member in form.items()},
                    )
                )
        return found

    def _body_schema(self, body: Document, content_type: str) -> Document:
        return self.resolve(body.get("content", {}).get(content_type, {}).get("schema", {}))

    def resolve(self, node: Document) -> Document:
        """What a node says, references followed."""
        while "$ref" in node:
            target: Any = self.spec
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def path_of(self, operation_id: str, /, **values: str) -> str:
        """The path of an operation, with its parameters filled in."""
        return self.by_id[operation_id].path.format(**values)

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
        return [method.upper() for method in METHODS if self.route(method.upper(), path)]

    def describes(self, operation: Operation, status: int) -> bool:
        """Whether an operation may be answered with this status."""
        return operation.response_name(status) is not None

    def answer_schema(self, operation: Operation, status: int) -> Document | None:
        """The schema of an answer in JSON; None when none is described."""
        name = operation.response_name(status)
        if name is None:
            return None
        schema: Document | None = (
            self.resolve(operation.spec["responses"][name]).get("content", {}).get(JSON, {}).get("schema")
        )
        return schema


def _with_base_paths(paths: Document, base_paths: Mapping[str, str]) -> Document:
    found: Document = {}
    for path, item in paths.items():
        tags = {tag for method in METHODS if method in item for tag in item[method].get("tags", ())[:1]}
        bases = {base_paths.get(tag, "") for tag in tags} or {""}
        if len(bases) > 1:
            raise ValueError(f"the operations of {path} have tags with different base paths: {', '.join(sorted(tags))}")
        found[bases.pop().rstrip("/") + path] = item
    return found


def _is_empty_object(schema: Document) -> bool:
    is_object = schema.get("type") == "object" and not schema.get("properties")
    return is_object and schema.get("additionalProperties") is False
