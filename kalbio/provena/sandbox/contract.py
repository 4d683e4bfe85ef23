"""The contract of the stand-in: the installed description, and its table of subtypes."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from kalbio._core.description.checks import Validators
from kalbio._core.description.document import Operation
from kalbio._core.emulator.contract import Contract, Query
from kalbio._core.emulator.strict_json import Document, Json


@cache
def load_contract() -> Contract:
    """The contract of the installed API description, shared by all stand-ins of the process."""
    spec = json.loads((files("provena_api") / "openapi.json").read_text(encoding="utf-8"))
    return Contract(spec, clean_query=_clean_query)


_TRUE, _FALSE = ("1", "on", "t", "true", "y", "yes"), ("0", "off", "f", "false", "n", "no")


def _clean_query(operation: Operation, query: Query) -> Query:
    """The members of a query that count: the servers ignore what they do not know, and take the last of several."""
    declared = operation.parameters_in("query")
    return [(name, _as_flag(raw, declared[name])) for name, raw in dict(query).items() if name in declared]


def _as_flag(raw: str, parameter: Document) -> str:
    if parameter["schema"].get("type") != "boolean":
        return raw
    text = raw.lower()
    return "true" if text in _TRUE else "false" if text in _FALSE else raw


@cache
def subtype_of(category: str, segment: str) -> str | None:
    """The subtype that a path names, None when there is none."""
    subtypes: Document = load_contract().spec["x-registry-subtypes"]
    spelt = {(one["category"], one["segment"]): name for name, one in subtypes.items()}
    return spelt.get((category, segment))


@cache
def subtypes_with(operation_id: str) -> frozenset[str]:
    """The subtypes that have an operation of the registry."""
    spec = load_contract().spec
    (named,) = (one["subtypes"] for one in spec["x-registry-actions"].values() if one["operation"] == operation_id)
    return frozenset(spec["x-registry-subtypes"] if named == "all" else named)


@cache
def category_of(subtype: str) -> str:
    """The category of a subtype, as items have it."""
    category: str = load_contract().spec["x-registry-subtypes"][subtype]["category"]
    return category.upper()


@cache
def _validators() -> Validators:
    return Validators(load_contract().spec)


def stem_of(subtype: str) -> str:
    """How the names of the schemas of a subtype begin."""
    stem: str = load_contract().spec["x-registry-subtypes"][subtype]["stem"]
    return stem


@cache
def data_names(subtype: str) -> tuple[str, ...]:
    """The members of the data of a subtype."""
    return tuple(load_contract().spec["components"]["schemas"][f"{stem_of(subtype)}DomainInfo"]["properties"])


def find_violations(subtype: str, item: Document) -> list[str]:
    """What keeps an item from being one of its subtype."""
    return find_faults(f"Item{stem_of(subtype)}", item)


def find_faults(schema: str, value: Json) -> list[str]:
    """What is wrong with a value, by a schema of the description."""
    checks = _validators().of({"$ref": f"#/components/schemas/{schema}"}, schema)
    return [error.message for error in checks.iter_errors(value)]


def find_wrong_data(subtype: str, data: Document) -> list[tuple[tuple[str | int, ...], str, str]]:
    """What is wrong with the data of an item: where, what, and the rule that it breaks."""
    name = f"{stem_of(subtype)}DomainInfo"
    checks = _validators().of({"$ref": f"#/components/schemas/{name}"}, name)
    return [
        (tuple(error.instance_path), error.message, str(next(reversed(error.schema_path), "")))
        for error in checks.iter_errors(data)
    ]
