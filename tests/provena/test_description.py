"""The description of Provena: valid, whole, and all of it in the generated package."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import yaml
from openapi_spec_validator import validate
from provena_api.operations import OPERATIONS

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "kalbio/provena/openapi.yaml").read_text(encoding="utf-8")
DOCUMENT: dict[str, Any] = yaml.load(TEXT, yaml.CSafeLoader)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
SUBTYPES: dict[str, dict[str, str]] = DOCUMENT["x-registry-subtypes"]
BY_ID = {
    operation["operationId"]: (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
}
CHANGES_NOTHING_TWICE = {"handleModifyByIndex"}


def test_the_description_is_valid() -> None:
    """It is OpenAPI 3.1."""
    validate(DOCUMENT)


def test_every_operation_is_generated_and_says_what_it_is() -> None:
    """Each has a module that builds its request, a summary, and the service whose prefix its path begins with."""
    prefixes = {tag: service["prefix"] for tag, service in DOCUMENT["x-services"].items()}
    assert {tag["name"] for tag in DOCUMENT["tags"]} == set(prefixes)
    for id, (path, _, operation) in BY_ID.items():
        (tag,) = operation["tags"]
        module = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in id)
        assert importlib.import_module(f"provena_api.api.{tag}.{module}").build_request, id
        assert path.startswith(prefixes[tag] + "/"), path
        assert operation["summary"], id
        assert tag == "identity" or operation["x-service"] == prefixes[tag].removeprefix("/"), id
    assert OPERATIONS.keys() == BY_ID.keys()


def test_only_reads_are_repeated() -> None:
    """What may be sent twice is what reads, and the one write that replaces a value by its index."""
    repeated = {id for id, operation in OPERATIONS.items() if operation.idempotent}
    reading = {
        id
        for id, (_, method, operation) in BY_ID.items()
        if method == "get" or (operation.get("x-reads") and operation["tags"] != ["identity"])
    }
    assert repeated == reading | CHANGES_NOTHING_TWICE


def test_the_table_of_subtypes_and_actions_fits_the_paths() -> None:
    """Each action names an operation with a subtype in its path, each of these has one, each subtype its schemas."""
    actions = DOCUMENT["x-registry-actions"]
    assert {action["operation"] for action in actions.values()} == {
        id for id, (path, _, _) in BY_ID.items() if "{subtype}" in path
    }
    named = {subtype for action in actions.values() if action["subtypes"] != "all" for subtype in action["subtypes"]}
    assert named < set(SUBTYPES)
    assert {one["segment"] for one in SUBTYPES.values()} == set(SCHEMAS["RegistrySubtypeSegment"]["enum"])
    assert {one["category"] for one in SUBTYPES.values()} == set(SCHEMAS["RegistryCategorySegment"]["enum"])
    stems = [one["stem"] for one in SUBTYPES.values()]
    made = {f"{stem}{kind}" for stem in stems for kind in ("DomainInfo", "FetchResponse", "ListResponse")}
    assert made | {f"Item{stem}" for stem in stems} <= SCHEMAS.keys()


def test_other_names_of_a_schema_are_free() -> None:
    """What `x-also-named` lists is no schema of its own, and is listed once."""
    other = [name for schema in SCHEMAS.values() for name in schema.get("x-also-named", ())]
    assert len(other) == len(set(other))
    assert not set(other) & SCHEMAS.keys()
    assert all(re.fullmatch(r"[A-Za-z0-9]+", name) for name in other)
