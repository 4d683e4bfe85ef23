"""The two forms of what is stored: without the members that have no value, and as typed answers show it."""

from __future__ import annotations

from functools import cache
from typing import Any

from kalbio._core.emulator.strict_json import Document, Json
from kalbio.provena.sandbox.contract import load_contract, stem_of


def stripped(value: Json) -> Any:
    """The form that is stored: members without a value are not there."""
    if isinstance(value, dict):
        return {name: stripped(one) for name, one in value.items() if one is not None}
    return [stripped(one) for one in value] if isinstance(value, list) else value


def shown(item: Document) -> Document:
    """An item as the routes of its subtype show it: members without a value are null, or what they are by default."""
    name = "SeededItem" if item.get("record_type") == "SEED_ITEM" else f"Item{stem_of(item['item_subtype'])}"
    filled: Document = _filled(item, {"$ref": f"#/components/schemas/{name}"})
    return filled


def filled_data(subtype: str, data: Document) -> Document:
    """The data of a subtype with all of their members, and no others."""
    filled: Document = _filled(data, {"$ref": f"#/components/schemas/{stem_of(subtype)}DomainInfo"}, only=True)
    return filled


def _filled(value: Json, schema: Document, *, only: bool = False) -> Any:
    if isinstance(value, list):
        items = _of(schema).get("items", {})
        return [_filled(one, items, only=only) for one in value]
    if not isinstance(value, dict):
        return value
    members = _members(schema)
    if not members:
        return value
    found = {} if only else dict(value)
    for name, member in members.items():
        if value.get(name) is not None:
            found[name] = _filled(value[name], member, only=only)
        elif (usual := _usual(member)) is not _NOTHING:
            found[name] = usual
    return found


_NOTHING = object()


def _usual(schema: Document) -> Any:
    """What a member is that was not given; `_NOTHING` for one that is required."""
    given = schema.get("type")
    if (isinstance(given, list) and "null" in given) or {"type": "null"} in schema.get("anyOf", ()):
        return None
    kind = _of(schema).get("type")
    return [] if kind == "array" else False if kind == "boolean" else _NOTHING


def _of(schema: Document) -> Document:
    """A schema without its references, and without its being nullable."""
    while True:
        if "$ref" in schema:
            schema = load_contract().resolve(schema)
        elif len(others := [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]) == 1:
            schema = others[0]
        else:
            return schema


def _members(schema: Document) -> Document:
    if "$ref" in schema:
        return _members_of(schema["$ref"])
    return _gathered(_of(schema))


@cache
def _members_of(reference: str) -> Document:
    return _gathered(_of({"$ref": reference}))


def _gathered(schema: Document) -> Document:
    found: Document = dict(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        found |= _members(part)
    return found
