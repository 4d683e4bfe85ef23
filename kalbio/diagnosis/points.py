"""The open points of the description (`x-unconfirmed`), and what answers say about each.

A point is named after its location: `Record.record_identifier`, `searchRecords?limit`, `parameter page`. Members of
answers are judged by whether and how they came; everything else has an entry in `QUESTIONS` or in `NOT_TESTED`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kalbio._core.description.document import METHODS, Description, Document
from kalbio._core.description.shapes import about, form_of_time, shape
from kalbio._core.description.survey import in_order
from kalbio._core.diagnosis.examine import Examination
from kalbio._core.diagnosis.exchanges import Exchange
from kalbio._core.diagnosis.report import Verdict
from kalbio.diagnosis.plan import key_values

Said = tuple[str, str] | None
"""A verdict and its reason, None when nothing was seen that tells."""

_PUNCTUATION = re.compile(r"[ |/,;:_+-]{1,5}")


@dataclass(frozen=True)
class Point:
    """One open point of the description."""

    name: str
    reason: str
    member: bool
    """Whether it is a member of what answers hold."""


def points(description: Description) -> list[Point]:
    """The open points, in the order of the description."""
    found = []
    in_answers = _schemas_of_answers(description)
    for path, node in _marked(description.spec, ()):
        name, schema = _name(description, path), path[2] if path[:2] == ("components", "schemas") else ""
        is_member = len(path) == 5 and path[3] == "properties" and schema in in_answers
        found.append(Point(name, " ".join(node["x-unconfirmed-reason"].split()), is_member))
    return found


def _marked(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Document]]:
    if isinstance(node, dict):
        if node.get("x-unconfirmed") is True:
            yield path, node
        for name, inner in node.items():
            yield from _marked(inner, (*path, name))
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from _marked(inner, (*path, str(index)))


def _name(description: Description, path: tuple[str, ...]) -> str:
    spec = description.spec
    if path[0] == "paths":
        operation = spec["paths"][path[1]][path[2]]
        if "parameters" in path:
            return f"{operation['operationId']}?{operation['parameters'][int(path[4])]['name']}"
        return operation["operationId"] if len(path) == 3 else f"{operation['operationId']} {path[-1]}"
    if path[0] == "webhooks":
        return f"webhook {path[1]}"
    if path[1] == "parameters":
        return f"parameter {spec['components']['parameters'][path[2]]['name']}"
    return (
        f"answer {path[2]}" if path[1] == "responses" else ".".join(part for part in path[2:] if part != "properties")
    )


def _schemas_of_answers(description: Description) -> set[str]:
    found: set[str] = set()

    def follow(node: Any) -> None:
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).removeprefix("#/components/schemas/")
            if "$ref" in node and name not in found:
                found.add(name)
                follow(description.resolve(node))
            for inner in node.values():
                follow(inner)
        elif isinstance(node, list):
            for inner in node:
                follow(inner)

    for item in description.spec["paths"].values():
        for method in METHODS:
            follow(item.get(method, {}).get("responses", {}))
    return found


# -- questions that reading answers ------------------------------------------------------------------------------------


def _last(exchanges: list[Exchange]) -> Exchange | None:
    return exchanges[-1] if exchanges else None


def _is_taken(operation: str, parameter: str) -> Callable[[Examination], Said]:
    """Judges by whether a call with a parameter is taken or refused."""

    def judge(seen: Examination) -> Said:
        asked = _last([one for one in seen.of(operation) if parameter in one.call.query and one.call.is_probe])
        if asked is None or asked.status is None:
            return None
        if asked.is_good:
            return "confirmed", f"taken, status {asked.status}"
        return "refuted", f"refused with status {asked.status}"

    return judge


def _activity_ids(seen: Examination) -> Said:
    asked = _last([one for one in seen.of("listActivities") if "activity_ids" in one.call.query])
    if asked is None or asked.status is None:
        return None
    if not asked.is_good:
        return "refuted", f"refused with status {asked.status}"
    wanted = set(asked.call.query["activity_ids"].split(","))
    came = {item.get("id") for item in asked.items()}
    return ("confirmed", "only those came") if came == wanted else ("refuted", "others came too, or some did not")


def _single_activity(seen: Examination) -> Said:
    asked = [one for one in seen.of("getActivity") if one.status is not None and not one.call.is_probe]
    if not asked:
        return None
    if all(one.is_good for one in asked):
        return "confirmed", f"it answers with status {asked[0].status}"
    return "refuted", f"it answers with status {next(one.status for one in asked if not one.is_good)}"


def _order_of_search(seen: Examination) -> Said:
    lists = [one.items() for one in seen.of("searchActivities") if one.is_good and len(one.items()) > 1]
    if not lists:
        return None
    for order, told in (("-created_at", "newest first"), ("created_at", "oldest first"), ("id", "by id")):
        if all(in_order(items, order) for items in lists):
            return "answered", told
    return "answered", "none of: newest first, oldest first, by id"


def _times_of_operation_records(seen: Examination) -> Said:
    forms = {
        form_of_time(value["created_at"])
        for one in seen.of("listOperationRecords")
        for record in one.items()
        for value in _values_in(record)
        if isinstance(value.get("created_at"), str)
    }
    return ("answered", " and ".join(sorted(forms))) if forms else None


def _values_in(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    by_field = record.get("record_values")
    for values in by_field.values() if isinstance(by_field, dict) else ():
        yield from (value for value in values if isinstance(value, dict)) if isinstance(values, list) else ()


def _empty_record_ids(seen: Examination) -> Said:
    asked = _last(seen.of("listRecords", record_ids=""))
    if asked is None or asked.status is None:
        return None
    return "answered", f"an empty value gives status {asked.status}" + (
        f" and {about(len(asked.items()))} records" if asked.is_good else ""
    )


def _limit_of_search(seen: Examination) -> Said:
    cut = _last(seen.of("searchRecords", limit="2"))
    whole = _last([one for one in seen.of("searchRecords", limit="100") if not one.call.is_probe])
    if cut is None or whole is None or not (cut.is_list and whole.is_list) or len(whole.data) < 2:
        return None
    order = "ids ascend" if in_order(whole.data, ".") else "ids do not ascend"
    return "answered", f"a limit of 2 gives {len(cut.data)}; without a sort {order}"


def _export_layout(seen: Examination) -> Said:
    keys = {item.get("field_name") for one in seen.of("listKeyFields") for item in one.items()}
    for one in seen.of("exportRecordsCsv"):
        head = next(csv.reader(one.body.decode("utf-8", "replace").splitlines()), None) if one.is_good else None
        if head:
            positions = [position for position, name in enumerate(head) if name in keys]
            leading = (
                "key fields first" if positions == list(range(len(positions))) and positions else "key fields elsewhere"
            )
            rest = [name for name in head if name not in keys]
            by_name = "by name" if rest == sorted(rest, key=str.casefold) else "in another order than by name"
            return "answered", f"{about(len(head))} columns, {leading}, the others {by_name}"
    return None


def _first_page(seen: Examination) -> Said:
    for operation in ("listImports", "listWorkspaceEvents"):
        zero, one = (_last(seen.of(operation, page=page, page_size="2")) for page in "01")
        if zero is None or one is None or zero.status is None or not one.items():
            continue
        if not zero.is_good:
            return "answered", f"page 1 is the first, page 0 is refused with status {zero.status}"
        same = [item.get("id") for item in zero.items()] == [item.get("id") for item in one.items()]
        return "answered", "page 0 is the same as page 1" if same else "page 0 is the first"
    return None


def _page_sizes(seen: Examination) -> Said:
    for operation in ("listImports", "listWorkspaceEvents"):
        default = [one for one in seen.of(operation) if not one.call.query and one.is_good]
        most = _last(seen.of(operation, page="1", page_size="1000"))
        if default and most is not None and most.status is not None:
            usual = f"without a size {len(default[0].items())} items came" if default[0].items() else "no items came"
            largest = f"{about(len(most.items()))} items" if most.is_good else f"status {most.status}"
            return "answered", f"{usual}; a size of 1000 gives {largest}"
    return None


def _error_layout(seen: Examination) -> Said:
    known = ("statusCode", "code", "error", "message")
    refusals = [one for one in seen.exchanges if one.status is not None and 400 <= one.status < 500 and one.body]
    if not refusals:
        return None
    objects = [one.data for one in refusals if isinstance(one.data, dict)]
    always = [name for name in known if objects and all(name in item for item in objects)]
    told = f"{about(len(refusals))} refusals: {', '.join(always) or 'none of the members'} in each"
    return ("confirmed" if {"code", "message"} <= set(always) else "refuted"), told


def _identifier(seen: Examination) -> Said:
    fields = [str(item.get("id")) for one in seen.of("listKeyFields") for item in one.items()]
    joints = set()
    for record in (item for one in seen.of("listRecords") for item in one.items()):
        parts, whole = list(key_values(record, fields).values()), record.get("record_identifier")
        if len(parts) > 1 and isinstance(whole, str):
            joints.add(_joint(whole, parts))
    if not joints:
        return None
    told = sorted(repr(joint) if joint and _PUNCTUATION.fullmatch(joint) else "something else" for joint in joints)
    return "answered", f"joined with {' or '.join(told)}"


def _joint(whole: str, parts: list[str]) -> str | None:
    for first in parts:
        rest = whole.removeprefix(first)
        for second in parts:
            if rest != whole and second != first and second in rest:
                return rest.partition(second)[0]
    return None


def _contents(operation: str) -> Callable[[Examination], Said]:
    """Judges by the shapes that contents have, by the type of their field."""

    def judge(seen: Examination) -> Said:
        types = {item.get("id"): item.get("field_type") for one in seen.of("listDataFields") for item in one.items()}
        known = set(seen.description.spec["components"]["schemas"]["FieldType"]["enum"])
        shapes: dict[str, set[str]] = {}
        for one in seen.of(operation):
            for item in one.items():
                pairs = (
                    [(item.get("field_type"), item.get("content"))]
                    if operation == "listRecordValues"
                    else [
                        (types.get(field), value.get("content"))
                        for field, values in (item.get("record_values") or {}).items()
                        for value in _values_in({"record_values": {field: values}})
                    ]
                )
                for kind, content in pairs:
                    if kind in known and content is not None:
                        shapes.setdefault(str(kind), set()).add(shape(content))
        told = "; ".join(f"{kind}: {' or '.join(sorted(found))}" for kind, found in sorted(shapes.items()))
        return ("answered", told) if told else None

    return judge


def _missed_record(seen: Examination) -> Said:
    told = []
    for one in seen.of("identifyRecords"):
        if one.call.is_probe and one.is_good and one.is_list:
            asked = one.call.query.get("records_key_field_to_value", "").count("}")
            given = f"{len(one.data)} with null" if one.data else "an empty list"
            told.append(f"{asked} asked for: {given}")
    return ("answered", "; ".join(told)) if told else None


def _drafts_in_lists(seen: Examination) -> Said:
    for one in seen.of("listActivities"):
        for item in one.items():
            drafts, records = item.get("data_table_draft_record_ids"), item.get("all_record_ids")
            if isinstance(drafts, list) and drafts and isinstance(records, list):
                inside = set(map(str, drafts)) & set(map(str, records))
                return "answered", "drafts count in all_record_ids" if inside else "drafts are not in all_record_ids"
    return None


def _staging_views(seen: Examination) -> Said:
    definitions = {
        item.get("id")
        for one in seen.of("listActivityDefinitions")
        for item in one.items()
        if item.get("registration_staging_template_view_id")
    }
    runs = [
        item.get("registration_staging_record_view_id")
        for one in seen.of("listActivities")
        for item in one.items()
        if item.get("definition_id") in definitions and definitions
    ]
    if not runs:
        return None
    have = sum(1 for run in runs if run)
    return "answered", f"{about(have)} of {about(len(runs))} activities of such definitions have one"


# -- questions that writing answers ------------------------------------------------------------------------------------


def _makes_a_slice(seen: Examination) -> Said:
    made = [one for one in seen.of("getOrCreateRecord") if one.status is not None]
    if not made:
        return None
    first = made[0]
    if first.is_good:
        return "answered", "a slice is made, and the record in it"
    return "answered", f"refused with status {first.status}"


def _another_type(seen: Examination) -> Said:
    asked = [one for one in seen.of("getOrCreateDataField") if one.call.is_probe and one.status is not None]
    if not asked:
        return None
    if not asked[0].is_good:
        return "answered", f"refused with status {asked[0].status}"
    kept = isinstance(asked[0].data, dict) and asked[0].data.get("field_type") != asked[0].call.json["field_type"]
    return "answered", "the field comes with the type that it has" if kept else "a field of the other type comes"


def _records_at_creation(seen: Examination) -> Said:
    asked = [one for one in seen.of("createActivity") if one.call.json and "record_ids" in one.call.json]
    if not asked or asked[0].status is None:
        return None
    if not asked[0].is_good:
        return "refuted", f"refused with status {asked[0].status}"
    holds = any(item.get("all_record_ids") for item in asked[0].items())
    return (
        "confirmed" if holds else "refuted",
        "the activity holds them" if holds else "the activity does not hold them",
    )


def _types_of_columns(seen: Examination) -> Said:
    names = {
        column: shape(value)
        for one in seen.of("pushImport")
        if one.is_good
        for row in one.call.json["data"]
        for column, value in row.items()
        if column not in one.call.json["key_field_names"]
    }
    made = {
        names[str(item.get("field_name"))]: str(item.get("field_type"))
        for one in seen.of("listDataFields")[-1:]
        for item in one.items()
        if item.get("field_name") in names
    }
    known = set(seen.description.spec["components"]["schemas"]["FieldType"]["enum"])
    told = "; ".join(f"{came}: {kind if kind in known else 'another type'}" for came, kind in sorted(made.items()))
    return ("answered", told) if told else None


@dataclass(frozen=True)
class Question:
    """How a point is settled: by reading, or by `--writes`."""

    how: str
    judge: Callable[[Examination], Said]
    writes: bool = False


QUESTIONS: dict[str, Question] = {
    "listActivities?activity_ids": Question("asks for two activities", _activity_ids),
    "getActivity": Question("asks for single activities", _single_activity),
    "searchActivities?statuses": Question("asks with two inner lists", _is_taken("searchActivities", "statuses")),
    "searchActivities?label_ids": Question("asks with two inner lists", _is_taken("searchActivities", "label_ids")),
    "searchActivities?assigned_user_ids": Question(
        "asks with two inner lists", _is_taken("searchActivities", "assigned_user_ids")
    ),
    "searchActivities?limit": Question("compares the order of what is found", _order_of_search),
    "listOperationRecords 200": Question("looks at the spelling of times", _times_of_operation_records),
    "listRecords?record_ids": Question("asks with an empty value", _empty_record_ids),
    "searchRecords?limit": Question("asks with a limit of 2, and looks at the order", _limit_of_search),
    "exportRecordsCsv 200": Question("looks at the head of an export", _export_layout),
    "parameter record_set_filters": Question("sends an empty list", _is_taken("searchRecords", "record_set_filters")),
    "parameter page": Question("asks for the pages 0 and 1", _first_page),
    "parameter page_size": Question("asks without a size, and with 1000", _page_sizes),
    "Error": Question("looks at the members of refusals", _error_layout),
    "Record.record_identifier": Question("looks at records with several key values", _identifier),
    "EmbeddedRecordValue.content": Question("tells the shapes by type of field", _contents("listRecords")),
    "RecordValue.content": Question("tells the shapes by type of field", _contents("listRecordValues")),
    "RecordMatch.record": Question("looks up what is not there, once and twice", _missed_record),
    "Activity.data_table_draft_record_ids": Question("looks at activities with drafts", _drafts_in_lists),
    "Activity.registration_staging_record_view_id": Question(
        "looks at activities of definitions with a staging table", _staging_views
    ),
    "GetOrCreateRecordBody.key_field_to_value": Question(
        "makes a record under a key field of its own", _makes_a_slice, writes=True
    ),
    "GetOrCreateDataFieldBody.field_type": Question(
        "asks for a field of its own with another type", _another_type, writes=True
    ),
    "CreateActivityBody.record_ids": Question(
        "makes an activity with a record of its own", _records_at_creation, writes=True
    ),
    "PushImportBody.data": Question("imports columns of three kinds", _types_of_columns, writes=True),
}

_REGISTRAR = "it would hand records to the registrar of the workspace"
_WEBHOOK = "webhooks go to a registrar; the doctor receives none"
_OTHERS = "it would change a definition that others use"

NOT_TESTED: dict[str, str] = {
    "postOperationCallback": "nobody knows what a call would do",
    "webhook registration_submitted": _WEBHOOK,
    "webhook registration_drafts_submitted": _WEBHOOK,
    "webhook registration_drafts_validation_requested": _WEBHOOK,
    "RegistrationSubmittedEvent": _WEBHOOK,
    "RegistrationDraftsSubmittedEvent": _WEBHOOK,
    "RegistrationDraftsValidationRequestedEvent": _WEBHOOK,
    "answer DashboardChangeAnswer": "dashboards cannot be made by the API, and those that are there belong to others",
    "answer PropertyFileAnswer": "an upload to a property may start a registration",
    "RegistrationStatus": _REGISTRAR,
    "UpdateActivityBody.shift_dependency_mode": "a wrong value might move the dates of other activities",
    "UpdateActivityDefinitionBody.is_external": _OTHERS,
    "UpdateActivityDefinitionBody.inventory_enabled": _OTHERS,
    "UpdateActivityDefinitionBody.data_schema": _OTHERS,
    "UpdateActivityDefinitionBody.naming_convention": _OTHERS,
    "CreateRecordViewTemplateBody.group_by_mode": "values to try are not known",
    "UpdateRecordViewTemplateBody.group_by_mode": "values to try are not known",
    "PushImportFromSourceBody.data": "a source would have to exist; PushImportBody.data asks the same",
    "RunImportBody": _REGISTRAR,
    "SubmitRegistrationResultsBody.records": _REGISTRAR,
    "SubmitRegistrationResultsBody.error_message": _REGISTRAR,
    "SubmitSubmissionResultsBody.records": _REGISTRAR,
    "ValidateDraftsBody.record_ids": _REGISTRAR,
    "SubmitDraftsBody.record_ids": _REGISTRAR,
}
"""Open points that no call of the doctor settles, and why."""


def how_tested(point: Point) -> str:
    """What the doctor does about a point, in words for the page on open points."""
    if point.name in QUESTIONS:
        question = QUESTIONS[point.name]
        return f"with `--writes`: {question.how}" if question.writes else question.how
    if point.name in NOT_TESTED:
        return f"not tested: {NOT_TESTED[point.name]}"
    return "looks whether it comes, and how"


def judge(examination: Examination) -> list[Verdict]:
    """What the answers say about each open point."""
    found = []
    broken = {one.location: one.expected for one in examination.findings() if one.level == "wrong"}
    for point in points(examination.description):
        if point.name in NOT_TESTED:
            said: Said = ("not tested", NOT_TESTED[point.name])
        elif point.name in QUESTIONS:
            question = QUESTIONS[point.name]
            missing = "`--writes` asks it" if question.writes else "nothing came that tells"
            try:
                said = question.judge(examination) or ("not seen", missing)
            except (TypeError, AttributeError, LookupError, ValueError):
                # Judges take answers to be as described. One that is not is a finding, and must not cost the report.
                said = ("not seen", "what came has another shape than is described")
        else:
            said = _of_member(examination, point, broken)
        assert said is not None
        found.append(Verdict(point.name, point.reason, *said))
    return found


_EMPTY = {"null", "empty list", "empty text"}
_WHETHER_IT_COMES = ("Known from", "A hint", "Never seen")


def _of_member(examination: Examination, point: Point, broken: Mapping[str, str]) -> tuple[str, str]:
    seen = examination.survey.members.get(point.name)
    if seen is None or not seen.chances:
        return "not seen", "nothing came that could have it"
    of = f"of {about(seen.chances)}"
    if not seen.count:
        return "not seen", f"it came in none {of}"
    shapes = " or ".join(sorted(seen.shapes))
    if point.name in broken:
        return "refuted", f"{shapes}, where {broken[point.name]} is described"
    told, is_filled = f"{shapes}, in {about(seen.count)} {of}", not set(seen.shapes) <= _EMPTY
    if point.reason.startswith("Always null"):
        return ("refuted" if is_filled else "confirmed"), told
    if point.reason.startswith(_WHETHER_IT_COMES):
        return "confirmed", told
    return ("answered" if is_filled else "not seen"), told


def page(description: Description) -> str:
    """The page on open points: each with its reason and what the doctor does about it."""
    rows = [f"| `{one.name}` | {one.reason} | {how_tested(one)} |" for one in points(description)]
    return _HEAD + "\n".join(rows) + "\n"


_HEAD = """\
# Open points

The platform has no public description. What the evidence leaves open is marked `x-unconfirmed` in `openapi.yaml`; this
page lists every such point, why it is open, and what [the doctor](guide/doctor.md) does about it. The doctor's report
has a verdict on each under the same name: *confirmed* or *refuted* for what the description assumes, *answered* where
it asks a question, *not seen* when nothing came that tells, *not tested* where no call of the doctor could settle it.

`python -m scripts.unconfirmed` writes this page; a test holds it against `openapi.yaml`.

| point | why it is open | the doctor |
|---|---|---|
"""
