"""What is wrong with the data of an item: against its form, and against what else the registry has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from kalbio._core.emulator.refusals import Code, Problem, Refusal
from kalbio._core.emulator.strict_json import Document, Json
from kalbio.provena.sandbox.contract import find_wrong_data
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.store import Store

_URLS = ("ror", "orcid", "documentation_url", "source_url")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://.")
_MAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_ETHICS = (
    "Please ensure mandatory ethics consent is obtained before proceeding with registration or updating of person."
)


def read_data(subtype: str, body: Document) -> Document:
    """The data in a request; refuses those that do not have the form of the subtype."""
    data = dict(body)
    if isinstance(data.get("user_metadata"), dict):
        data["user_metadata"] = {name: _as_text(value) for name, value in data["user_metadata"].items()}
    problems = [Problem(("body", *location), text, rule) for location, text, rule in find_wrong_data(subtype, data)]
    if not problems:
        problems = [Problem(("body", *location), text, rule) for location, text, rule in _find_wrong_values(data)]
    if problems:
        raise Refusal(422, "the data are wrong", code=Code.INVALID_BODY, problems=tuple(problems))
    return data


def _as_text(value: Json) -> Json:
    return str(value) if isinstance(value, (bool, int, float)) else value


def _find_wrong_values(data: Document) -> Iterator[tuple[tuple[str, ...], str, str]]:
    for name in _URLS:
        if data.get(name) is not None and not _SCHEME.match(data[name]):
            yield (name,), "invalid or missing URL scheme", "value_error.url.scheme"
    if "email" in data and not _MAIL.fullmatch(data["email"]):
        yield ("email",), "value is not a valid email address", "value_error.email"
    annotations = data.get("annotations") or {}
    if _has_twins((*annotations.get("required", ()), *annotations.get("optional", ()))):
        text = "Provided required and/or optional field keys are non-unique."
        yield ("annotations", "__root__"), text, "value_error"
    for name in ("input_templates", "output_templates"):
        if _has_twins(one["template_id"] for one in data.get(name, ())):
            yield (name,), "a template is named twice", "value_error"
    if _has_twins(one["key"] for one in data.get("deferred_resources", ())):
        yield ("deferred_resources",), "a key is named twice", "value_error"


def _has_twins(values: Iterable[str]) -> bool:
    return any(number > 1 for number in Counter(values).values())


def find_objection(store: Store, subtype: str, data: Document) -> str | None:
    """What keeps data of the right form from being registered, None when nothing does."""
    if subtype == "PERSON" and data.get("ethics_approved") is not True:
        return _ETHICS
    if subtype == "MODEL_RUN_WORKFLOW_TEMPLATE":
        wanted = [(data["software_id"], "MODEL", "Software ID")]
        for name in ("input_templates", "output_templates"):
            wanted += [(one["template_id"], "DATASET_TEMPLATE", "Dataset Template") for one in data.get(name, ())]
        return next(filter(None, (_find_reference_objection(store, *one) for one in wanted)), None)
    return None


def _find_reference_objection(store: Store, id: str, subtype: str, noun: str) -> str | None:
    item = store.get(ITEM, id)
    if item is None:
        return f"Could not find {noun} with ID {id} in registry. Please ensure it exists."
    if item["item_subtype"] != subtype:
        text = "The entity was found, but could not be parsed as the appropriate type"
        return f"Existing item {id} could not be parsed as correct item type. Error: {text}"
    if item["record_type"] == "SEED_ITEM":
        return f"Seed items ({id}) are not allowed to be used in this type. Use complete items only"
    return None
