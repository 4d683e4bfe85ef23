"""Records of model runs: whether they fit their workflow template, and what becomes of them in the registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NoReturn

from kalbio._core.emulator.refusals import Code, Problem, Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import graph, items
from kalbio.provena.sandbox.contract import find_violations
from kalbio.provena.sandbox.errors import not_found
from kalbio.provena.sandbox.items import ITEM, Caller
from kalbio.provena.sandbox.store import Store

_LODGED = "Updating item to mark completion of provenance lodge."


def require_well_formed(records: list[tuple[tuple[str | int, ...], Document]]) -> None:
    """Refuse records that no template could make right; each comes with the way to it in the request."""
    problems = [
        Problem((*location, *where), text, "value_error")
        for location, record in records
        for where, text in _faults(record)
    ]
    if problems:
        raise Refusal(422, "the record is wrong", code=Code.INVALID_BODY, problems=tuple(problems))


def _faults(record: Document) -> Iterator[tuple[tuple[str, ...], str]]:
    for name in ("display_name", "description"):
        if not record[name]:
            yield (name,), "string must not be empty"
    start, end = record["start_time"], record["end_time"]
    if start > end:
        text = f"The 'start_time' value ({start}) must be smaller than or equal to the 'end_time' value ({end})."
        yield ("__root__",), text


def fetch(store: Store, caller: Caller, id: str, subtype: str) -> Document:
    """A complete item of a subtype, as one service asks another for it; a Refusal says what is wrong."""
    if not id:
        raise Refusal(400, "Failed to retrieve item with details: Value error. Details ID cannot be empty..")
    item = store.get(ITEM, id)
    if item is None:
        raise Refusal(400, f"Failed to retrieve item with details: {not_found(id)}.")
    if not items.may_read(store, caller, item):
        raise Refusal(
            401, "Registry API denied access to resource: 401. Error: You are not authorised to fetch this item."
        )
    if item["record_type"] == "SEED_ITEM":
        text = "A valid seed item was found, but seed_allowed was set to false.."
        raise Refusal(400, f"Failed to retrieve item with details: {text}")
    if item["item_subtype"] != subtype or find_violations(subtype, item):
        raise Refusal(
            400,
            "Failed to retrieve item with details: The record was found but could not parsed as an appropriate type: "
            "Error The record was marked as a COMPLETE_ITEM but could not be parsed as the correct model...",
        )
    return item


def validate(store: Store, caller: Caller, record: Document) -> Document:
    """The workflow template of a record that fits it; a Refusal otherwise."""
    workflow = record["workflow_template_id"]
    definition = "Provided model run workflow definition with id {} was not a valid id, error: {}."
    template = _checked(store, caller, workflow, "MODEL_RUN_WORKFLOW_TEMPLATE", definition)
    people = record["associations"]
    if record.get("study_id"):  # which is told with the same words
        _checked(store, caller, record["study_id"], "STUDY", definition)
    _checked(store, caller, people["modeller_id"], "PERSON", "Modeller with id {} was not a valid person, error: {}.")
    if people.get("requesting_organisation_id"):
        text = "Organisation with id {} was not a valid organisation, error: {}."
        _checked(store, caller, people["requesting_organisation_id"], "ORGANISATION", text)
    for given, expected, noun in (("inputs", "input_templates", "input"), ("outputs", "output_templates", "output")):
        parts = {part["dataset_template_id"]: part for part in record[given]}
        for one in template.get(expected) or ():
            if one["template_id"] not in parts and not one.get("optional"):
                _fail(
                    f"The workflow definition expects dataset with template ID {one['template_id']} "
                    f"but it was not present in the {given}.."
                )
        for part in record[given]:
            _check_part(store, caller, part, noun)
    missing = [
        key
        for key in (template.get("annotations") or {}).get("required") or ()
        if not (record.get("annotations") or {}).get(key)
    ]
    if missing:
        _fail(f"Missing required annotations with keys: ({','.join(missing)})..")
    return template


def _checked(store: Store, caller: Caller, id: str, subtype: str, text: str) -> Document:
    try:
        return fetch(store, caller, id, subtype)
    except Refusal as refusal:
        if refusal.status == 401:
            raise
        _fail(text.format(id, refusal.message))


def _check_part(store: Store, caller: Caller, part: Document, noun: str) -> None:
    template_id, dataset_id = part["dataset_template_id"], part["dataset_id"]
    about = (
        f"An {noun} dataset validation process failed, type DatasetType.{part['dataset_type']}, "
        f"template id {template_id}, reason "
    )
    text = about.replace("{", "{{").replace("}", "}}") + noun.capitalize()
    invalid = "with id {} was not a valid id, error: {}.."
    template = _checked(store, caller, template_id, "DATASET_TEMPLATE", f"{text} dataset template {invalid}")
    _checked(store, caller, dataset_id, "DATASET", f"{text} dataset {invalid}")
    known = {one["key"]: one for one in template.get("deferred_resources") or ()}
    given = part.get("resources") or {}
    whose = f"The provided dataset template with id {template_id} and dataset id {dataset_id}"
    missing = [key for key, one in known.items() if not one.get("optional") and not given.get(key)]
    if missing:
        keys = ",".join(missing)
        _fail(
            f"{about}{whose} was missing deferred resource paths for the following required resource keys ({keys})..."
        )
    unknown = [key for key in given if key not in known]
    if unknown:
        wrong = "provided unexpected deferred resource paths for the following unexpected resource keys"
        _fail(f"{about}{whose} {wrong} ({','.join(unknown)})...")


def _fail(text: str) -> NoReturn:
    raise Refusal(400, f"Failed to validate an entity's ID in the record, error: {text}")


# what becomes of them


def register(store: Store, record: Document, template: Document, username: str) -> Document:
    """Keep a model run, and what it says about lineage; gives what the job for it results in."""
    run = items.seed(store, "MODEL_RUN", username)
    said = graph.record_model_run(store, run["id"], record, template)
    run = items.update(store, run, _data(record, "COMPLETE", said), username)
    items.update(store, run, _data(record, "LODGED", said), username, _LODGED)
    return _result(run["id"], record, said)


def change(store: Store, run: Document, record: Document, template: Document, username: str, reason: str) -> Document:
    """Keep another record for a model run."""
    said = graph.record_model_run(store, run["id"], record, template)
    items.update(store, run, _data(record, "LODGED", said), username, reason)
    return _result(run["id"], record, said)


def lodge(store: Store, run: Document, template: Document) -> Document:
    """Keep what a model run says about lineage now."""
    said = graph.record_model_run(store, run["id"], run["record"], template)
    return _result(run["id"], run["record"], said)


def _data(record: Document, status: str, said: Document) -> Document:
    return {
        "display_name": record["display_name"],
        "record_status": status,
        "record": record,
        "prov_serialisation": json.dumps(said),
    }


def _result(id: str, record: Document, said: Document) -> Document:
    return {"id": id, "prov_json": json.dumps(said), "record": record}
