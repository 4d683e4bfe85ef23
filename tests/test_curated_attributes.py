"""The attributes of the client's objects are members that the API description has."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import Any

import kalbio._model
import kalbio.aio
from kalbio._core.objects.resource import Field, Resource
from tests.generated_client import api_description
from tests.rows import row

# Classes that are not named as the schema of what they show; what ends in Data is the base of the class without it.
SCHEMAS = {
    "DefinitionSettings": "ActivityDefinition",
    "EntityField": "KeyField",
    "EntityFieldData": "KeyField",
    "EntityType": "EntitySlice",
    "EntityTypeData": "EntitySlice",
    "ImportRecord": "Import",
    "RegistrationFileWithErrors": "RegistrationFile",
    "RegistrationResultError": "RegistrationRecordError",
    "RegistrationSubmissionWithErrors": "RegistrationSubmission",
    "ResultTableTemplate": "RecordView",
    "WritableRecord": "Record",
}

EXCEPTIONS: dict[str, str] = {}
"""Attributes that the description does not have, as `Class.attribute`, and why they are there all the same."""


def schema_of(cls: type) -> str:
    """The name of the schema that a class shows."""
    return SCHEMAS.get(cls.__name__, cls.__name__.removesuffix("Data"))


def attributes_of(cls: type) -> set[str]:
    """The members that the attributes of a class read."""
    return {value._name for base in cls.__mro__ for value in vars(base).values() if isinstance(value, Field)}


@cache
def curated() -> list[type[Resource]]:
    """Every class of objects that has such attributes.

    What has no schema of its own and is a part of other classes is looked at with those.
    """
    for package in (kalbio.aio, kalbio._model):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)

    def below(cls: type[Resource]) -> Iterator[type[Resource]]:
        for child in type.__subclasses__(cls):
            yield child
            yield from below(child)

    schemas = api_description()["components"]["schemas"]
    ours = {cls for cls in below(Resource) if cls.__module__.startswith(("kalbio.aio.", "kalbio._model."))}
    parts = {base for cls in ours for base in cls.__mro__[1:]}
    shown = (cls for cls in ours if attributes_of(cls) and (cls not in parts or schema_of(cls) in schemas))
    return sorted(shown, key=lambda cls: cls.__name__)


def members(schemas: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    """The members of the objects that a schema describes."""
    if "$ref" in schema:
        return members(schemas, schemas[schema["$ref"].rsplit("/")[-1]])
    parts = [part for kind in ("allOf", "anyOf", "oneOf") for part in schema.get(kind, ())]
    return set(schema.get("properties", ())).union(*(members(schemas, part) for part in parts))


def missing(description: dict[str, Any]) -> list[str]:
    """The attributes that the description does not have."""
    schemas = description["components"]["schemas"]
    return [
        f"{cls.__name__}.{name}: {schema_of(cls)} has no {name}"
        for cls in curated()
        for name in sorted(attributes_of(cls) - members(schemas, schemas.get(schema_of(cls), {})))
        if f"{cls.__name__}.{name}" not in EXCEPTIONS
    ]


def test_every_attribute_is_described() -> None:
    """Each attribute reads a member that the schema of its object has; where the schema is gone, it has none."""
    assert len(curated()) > 20
    assert missing(api_description()) == []


def rename(schemas: dict[str, Any], schema: dict[str, Any], name: str) -> None:
    """Give a member another name, wherever the schema has it from."""
    if "$ref" in schema:
        return rename(schemas, schemas[schema["$ref"].rsplit("/")[-1]], name)
    if name in schema.get("properties", {}):
        schema["properties"][f"new_{name}"] = schema["properties"].pop(name)
    for part in (part for kind in ("allOf", "anyOf", "oneOf") for part in schema.get(kind, ())):
        rename(schemas, part, name)


def test_a_member_that_is_renamed_is_missed() -> None:
    """Whichever member of its schema gets another name in the description, the attribute of the old name is told."""
    for cls in curated():
        with row(cls):
            description = api_description()
            schemas, names = description["components"]["schemas"], attributes_of(cls)
            for name in names:
                rename(schemas, schemas[schema_of(cls)], name)
            told = {f"{cls.__name__}.{name}: {schema_of(cls)} has no {name}" for name in names}
            assert told <= set(missing(description))


def test_exceptions_are_needed() -> None:
    """An exception is for an attribute that is there, and that the description does not have."""
    schemas = api_description()["components"]["schemas"]
    needed = {
        f"{cls.__name__}.{name}"
        for cls in curated()
        for name in attributes_of(cls) - members(schemas, schemas.get(schema_of(cls), {}))
    }
    assert set(EXCEPTIONS) == needed
