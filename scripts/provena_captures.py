"""Recorded requests and answers of Provena's services, and which method of the older clients makes each of them."""

from __future__ import annotations

import inspect
import json
import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from kalbio.provena import clients, models
from kalbio.provena._model.schema import ProvenaObject
from kalbio.provena._model.subtypes import Subtype

_OPERATION = re.compile(r"Operation `(\w+)`")
_ITEM_PATH = re.compile(r"/registry/(?:agent|entity|activity)/(\w+)/")
# How the older client spells what operations ask for in their queries.
_SPELLINGS = {"record_limit": ("limit",), "id": ("group_id", "handle_id"), "handle_id": ("id",)}


class Capture(NamedTuple):
    """One request and its answer."""

    seq: int
    service: str
    operation: str
    case: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.seq} {self.operation} {self.case}"

    @property
    def user(self) -> str | None:
        """Who asked: the name of a user, `bad` with a token that is none, None without a token."""
        header = self.request["headers"].get("Authorization")
        found = re.fullmatch(r"Bearer <token:(\w+)>", header or "", re.IGNORECASE)
        return found[1] if found else None if header is None else "bad"


class Call(NamedTuple):
    """A call of a method of the older clients."""

    owner: str
    method: str
    arguments: dict[str, Any]


class Unmade(Exception):
    """No method makes this request; the text says why."""


def read_captures(directory: Path) -> list[Capture]:
    """All captures below a directory, in the order of time."""
    lines = [
        line for path in sorted(directory.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()
    ]
    known = [json.loads(line) for line in lines if line.strip()]
    return sorted(Capture(*(one[name] for name in Capture._fields)) for one in known)


def methods() -> dict[str, tuple[str, str]]:
    """The class and the name of the method of each operation, as their docstrings tell it."""
    found = {}
    for owner, name, method in _all_methods():
        told = _OPERATION.search(method.__doc__ or "")
        if told:
            found[told[1]] = (owner, name)
    return found


def _all_methods() -> Iterator[tuple[str, str, Any]]:
    for owner in clients.__all__:
        for name, method in vars(getattr(clients, owner)).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                yield owner, name, method


_METHODS = methods()


def call_of(capture: Capture) -> Call:
    """The call that makes the request of a capture. Raises Unmade when there is none."""
    if capture.operation not in _METHODS:
        raise Unmade("the older client has no method for it")
    owner, name = _METHODS[capture.operation]
    method = getattr(getattr(clients, owner), name)
    hints = get_type_hints(method)
    query = dict(capture.request["query"] or {})
    body = _body(capture)
    arguments: dict[str, Any] = {}
    parameters = list(inspect.signature(method).parameters.values())[1:]
    for one in parameters:
        kind = hints[one.name]
        if one.name == "item_subtype":
            arguments[one.name] = _subtype(capture)
        elif get_origin(kind) is type:
            arguments[one.name] = _answer_class(capture)
        elif (schemas := _schemas(kind)) and one.name != "record":
            arguments[one.name] = _as_object(body, schemas)
            body = None
        elif isinstance(body, dict) and one.name in (*body, "record", "model_run_id") and not query:
            member = (
                "record_id" if capture.operation == "provModelRunDelete" and one.name == "model_run_id" else one.name
            )
            if member in body:
                arguments[one.name] = body.pop(member)
        elif isinstance(body, str) and one.name == "csv_file_contents":
            arguments[one.name], body = body, None
        elif one.name in query:
            arguments[one.name] = query.pop(one.name)
    left = [one for one in parameters if one.name not in arguments]
    for spelling in list(query):
        known = next((one for one in left if one.name in _SPELLINGS.get(spelling, ())), None)
        if known is None:
            raise Unmade(f"the query has {spelling}, which the method does not send")
        arguments[known.name] = query.pop(spelling)
        left.remove(known)
    if body not in (None, {}):
        raise Unmade("the method sends no such body")
    if missing := [
        one.name for one in left if one.default is inspect.Parameter.empty and "None" not in str(one.annotation)
    ]:
        raise Unmade(f"{', '.join(missing)} must be given")
    for one in left:
        if one.default is inspect.Parameter.empty or one.default is not None:
            arguments[one.name] = None  # of a flag with a default of its own: nothing is sent
    return Call(owner, name, arguments)


def _body(capture: Capture) -> Any:
    if "multipart" in capture.request:
        parts = capture.request["multipart"]
        if list(parts) != ["csv_file"]:
            raise Unmade("the method sends a part named csv_file")
        return parts["csv_file"][1]
    body = capture.request["body"]
    if isinstance(body, str):
        raise Unmade("the body is no JSON")
    return dict(body) if isinstance(body, dict) else body


def _subtype(capture: Capture) -> str:
    found = _ITEM_PATH.match(capture.request["path"])
    for subtype in Subtype:
        if found and subtype.segment == found[1]:
            return subtype.value
    raise Unmade("the path has no subtype that there is")


def _answer_class(capture: Capture) -> type:
    action = capture.request["path"].rpartition("/")[2]
    if action == "update":
        return models.UpdateResponse
    found: type = getattr(models, f"{Subtype(_subtype(capture)).stem}{action.capitalize()}Response")
    return found


def _schemas(kind: Any) -> list[type[ProvenaObject]]:
    options = get_args(kind) if get_origin(kind) in (types.UnionType, list) else (kind,)
    return [one for one in options if isinstance(one, type) and issubclass(one, ProvenaObject)]


def _as_object(body: Any, schemas: list[type[ProvenaObject]]) -> Any:
    """The body as an object of a schema where that says the same, else as it is: methods take both."""
    if isinstance(body, list):
        return [_as_object(item, schemas) for item in body]
    if not isinstance(body, dict):
        raise Unmade("the body is no JSON object")
    kind = models.GenericDomainInfo if schemas == [ProvenaObject] else schemas[0]
    try:
        made: ProvenaObject = kind(**body)
    except (TypeError, ValueError):
        return body
    return made if made.to_body() == body else body
