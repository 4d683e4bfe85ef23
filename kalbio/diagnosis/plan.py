"""Which operations are called without changing anything, and where their arguments are found.

Most of it follows from the description: a GET without arguments is a listing, and `/things/{thing_id}` takes the ids
of the listing at `/things`. What does not follow is in `SOURCES`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

from kalbio._core.description.document import Description, Operation
from kalbio._core.diagnosis.exchanges import Answers, Call, Exchange, Steps
from kalbio.diagnosis.pages import is_paged

NOWHERE = "00000000-0000-4000-8000-000000000000"
"""An id that nothing has."""

_SOME = 50
_FEW = {"searchRecords": {"limit": "100"}}
"""What is asked with an operation so that its answer stays small."""


def _items(answers: Answers, operation: str) -> list[dict[str, Any]]:
    return answers[operation].items() if operation in answers else []


def _ids(answers: Answers, operation: str) -> list[str]:
    return [item["id"] for item in _items(answers, operation) if isinstance(item.get("id"), str)]


def _kinds_in_turn(answers: Answers) -> list[dict[str, Any]]:
    by_kind: dict[Any, list[dict[str, Any]]] = {}
    for item in _items(answers, "listActivities"):
        if isinstance(item.get("id"), str):
            by_kind.setdefault(str(item.get("activity_type")), []).append(item)
    return [item for row in zip_longest(*by_kind.values()) for item in row if item is not None]


def _operations(answers: Answers) -> list[str]:
    return [item["id"] for item in _kinds_in_turn(answers) if item.get("activity_type") in ("experiment", "cycle")]


def _records(answers: Answers) -> list[str]:
    found = answers["searchRecords"].data if "searchRecords" in answers else None
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def key_values(record: Mapping[str, Any], key_fields: list[str]) -> dict[str, str]:
    """The key values of a record, by the id of their key field."""
    values = record.get("record_values")
    found = {}
    for field in key_fields:
        entry = values.get(field) if isinstance(values, dict) else None
        first = entry[0] if isinstance(entry, list) and entry else None
        if isinstance(first, dict) and isinstance(first.get("content"), str):
            found[field] = first["content"]
    return found


def _known_keys(answers: Answers) -> list[str]:
    fields = _ids(answers, "listKeyFields")
    found = [key_values(record, fields) for record in _items(answers, "listRecords")]
    return [json.dumps([values]) for values in found if values]


def _exports(answers: Answers) -> list[dict[str, str]]:
    """Exports of one record each: a whole entity slice may be large."""
    found = []
    for record in _items(answers, "listRecords"):
        identifiers, entity_slice = record.get("identifier_ids"), record.get("entity_slice_id")
        if isinstance(entity_slice, str) and isinstance(identifiers, list) and identifiers:
            few = {"identifier_ids": json.dumps(identifiers[:1])}
            found.append({"filename": "doctor.csv", "entity_slice_id": entity_slice, **few})
    return found or [{"filename": "doctor.csv", "entity_slice_id": one} for one in _ids(answers, "listEntitySlices")]


def _file_of(content: Any) -> str | None:
    found = content.get("file_id") if isinstance(content, dict) else None
    return found if isinstance(found, str) else None


def _files_of_records(answers: Answers) -> list[str]:
    found = [
        _file_of(value.get("content"))
        for record in _items(answers, "listRecords")
        if isinstance(record.get("record_values"), dict)
        for values in record["record_values"].values()
        if isinstance(values, list)
        for value in values
        if isinstance(value, dict)
    ]
    return [file for file in found if file] + [pair["file_id"] for pair in _files_of_activities(answers)]


def _files_of_activities(answers: Answers) -> list[dict[str, str]]:
    return [
        {"activity_id": activity["id"], "file_id": file}
        for activity in _kinds_in_turn(answers)
        if isinstance(activity.get("properties"), list)
        for one in activity["properties"]
        if isinstance(one, dict) and (file := _file_of(one.get("content")))
    ]


SOURCES: dict[str, Callable[[Answers], list[str]]] = {
    "activity_id": lambda answers: [item["id"] for item in _kinds_in_turn(answers)],
    "operation_id": _operations,
    "record_id": _records,
    "record_ids": lambda answers: [",".join(_records(answers)[:_SOME])] if _records(answers) else [],
    "records_key_field_to_value": _known_keys,
    "entity_slice_id": lambda answers: _ids(answers, "listEntitySlices"),
    "file_id": _files_of_records,
}
"""Where a required argument is found, by its name, when the paths do not tell."""

TOGETHER: dict[str, Callable[[Answers], list[dict[str, str]]]] = {
    "downloadActivityFile": _files_of_activities,
    "exportRecordsCsv": _exports,
}
"""The arguments of operations whose arguments belong together."""


def _required(operation: Operation) -> dict[str, str]:
    """The arguments that an operation needs, and whether they are in its path or its query."""
    in_path = dict.fromkeys(operation.parameters_in("path"), "path")
    in_query = {name: "query" for name, one in operation.parameters_in("query").items() if one.get("required")}
    return in_path | in_query


def _listing_for(description: Description, operation: Operation, name: str) -> str | None:
    """The listing without arguments that stands where the path of an operation begins: `/things` of `/things/{id}`."""
    before = operation.path.partition("/{" + name + "}")[0]
    route = description.route("GET", before) if before != operation.path else None
    return route[0].id if route is not None and not _required(route[0]) else None


def why_not_called(description: Description, operation: Operation) -> str | None:
    """Why a read does not call an operation, None when it does."""
    if not operation.reads:
        return "it writes"
    if operation.id in TOGETHER or operation.method != "GET":
        return None
    for name in _required(operation):
        if name not in SOURCES and _listing_for(description, operation, name) is None:
            return f"nothing tells where its argument {name} is found"
    return None


def _arguments(description: Description, operation: Operation, answers: Answers, sample: int) -> list[dict[str, str]]:
    if operation.id in TOGETHER:
        return TOGETHER[operation.id](answers)[:sample]
    columns = {}
    for name in _required(operation):
        listing = _listing_for(description, operation, name)
        found = SOURCES[name](answers) if name in SOURCES else _ids(answers, listing or "")
        columns[name] = list(dict.fromkeys(found))[:sample]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=False)]


def _call(operation: Operation, arguments: Mapping[str, str], *, is_probe: bool = False) -> Call:
    locations = _required(operation) | dict.fromkeys(operation.parameters_in("query"), "query")
    path = {name: value for name, value in arguments.items() if locations[name] == "path"}
    query = {name: value for name, value in arguments.items() if locations[name] == "query"}
    return Call(operation.id, path, _FEW.get(operation.id, {}) | query, is_probe=is_probe)


def reads(description: Description, sample: int) -> Steps:
    """Call every operation that reads: listings, then everything with ids from those, then the open questions."""
    answers: dict[str, Exchange] = {}
    called = [
        operation
        for operation in description.operations
        if operation.method == "GET" and why_not_called(description, operation) is None
    ]
    for operation in sorted(called, key=lambda one: bool(_required(one)) or one.id in TOGETHER):
        needs = _required(operation)
        rows = _arguments(description, operation, answers, sample) if needs else [{}]
        made_up = not rows  # there is no such thing: ask for one all the same, and see how that is refused
        for arguments in rows or [dict.fromkeys(needs, NOWHERE)]:
            exchange = yield _call(operation, arguments, is_probe=made_up)
            if exchange.is_good:
                answers.setdefault(operation.id, exchange)
    for name, arguments in _questions(description, answers):
        yield _call(description.by_id[name], arguments, is_probe=True)


def _questions(description: Description, answers: Answers) -> Iterator[tuple[str, dict[str, str]]]:
    """Calls that ask how the server takes what the description leaves open."""
    if ids := _ids(answers, "listActivities"):
        yield "listActivities", {"activity_ids": ",".join(ids[:2])}
    nested: dict[str, list[str]] = {
        "statuses": ["in progress", "to do"],
        "label_ids": _ids(answers, "listActivityLabels")[:2],
        "assigned_user_ids": _ids(answers, "listWorkspaceMembers")[:2],
    }
    for name, values in nested.items():
        if values:
            yield "searchActivities", {name: json.dumps([[value] for value in (values * 2)[:2]])}
    yield "searchActivities", {"limit": "2"}
    yield "searchRecords", {"limit": "2"}
    yield "searchRecords", {"limit": "100", "record_set_filters": "[]"}
    yield "listRecords", {"record_ids": ""}
    yield "getRecord", {"record_id": NOWHERE}
    if fields := _ids(answers, "listKeyFields"):
        miss = {fields[0]: "no record of a workspace is called this"}
        yield "identifyRecords", {"records_key_field_to_value": json.dumps([miss])}
        yield "identifyRecords", {"records_key_field_to_value": json.dumps([miss, miss])}
    for operation in description.operations:
        if is_paged(operation):
            for page, size in ((0, 2), (1, 2), (2, 2), (1, 4), (1, 1000)):
                yield operation.id, {"page": str(page), "page_size": str(size)}
