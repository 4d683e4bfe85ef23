"""Looks through many answers: which members of each schema came, and how; no datum is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from kalbio._core.description.document import Description, Document
from kalbio._core.description.shapes import form_of_time, is_id, safe_name, safe_word, shape
from kalbio._core.objects.times import parse_timestamp

_PREFIX = "#/components/schemas/"


@dataclass
class Seen:
    """What was seen of one member of a schema.

    Attributes:
        chances: objects that could have had it.
        shapes: how often it came, by its shape.
        forms: spellings of times, by operation and form.
        values: values that its enumeration does not have; None for those that may be data.
        operations: the operations that answered with it.
        odd_ids: how often it was an id of another form.
    """

    chances: int = 0
    shapes: Counter[str] = field(default_factory=Counter)
    forms: Counter[tuple[str, str]] = field(default_factory=Counter)
    values: Counter[str | None] = field(default_factory=Counter)
    operations: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    odd_ids: int = 0

    @property
    def count(self) -> int:
        """How often it came."""
        return self.shapes.total()


class Survey:
    """What many answers held, by the names of schemas and members.

    Args:
        description: the description of the API.
        ids: the names of the schemas that stand for ids.
    """

    def __init__(self, description: Description, ids: Collection[str] = ()) -> None:
        self._description = description
        self._ids = ids
        self.members: dict[str, Seen] = {}
        self.unknown: dict[tuple[str, str | None], Seen] = {}

    def look(self, operation: str, schema: Document, value: Any) -> None:
        """Look through an answer."""
        self._look(operation, operation, schema, value)

    def locate(
        self, operation: str, schema: Document, location: Sequence[str | int], value: Any
    ) -> tuple[str, Document]:
        """The name of a place in an answer, from the innermost schema that has one, and the schema that holds there."""
        name = operation
        for step in location:
            named, branch = self._branch(schema, value)
            name = named or name
            if isinstance(step, int):
                name, schema = f"{name}.*", branch.get("items", {})
                value = value[step] if isinstance(value, list) and step < len(value) else None
            else:
                known = branch.get("properties", {})
                more = branch.get("additionalProperties")
                told = step if step in known else "*"
                name, schema = f"{name}.{told}", known.get(step) or (more if isinstance(more, dict) else {})
                value = value.get(step) if isinstance(value, dict) else None
        named, _ = self._branch(schema, value)
        return named or name, schema

    def branches(self, schema: Document) -> Iterator[tuple[str | None, Document]]:
        """The forms that a value may have, with their names."""
        name = None
        while "$ref" in schema:
            name = schema["$ref"].removeprefix(_PREFIX)
            schema = self._description.resolve({"$ref": schema["$ref"]})
        if "allOf" in schema:
            schema = self._put_together(schema)
        choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
        if not choices:
            yield name, schema
        for choice in choices:
            yield from self.branches(choice)

    def _put_together(self, schema: Document) -> Document:
        """A schema of several parts as one; a member has the form that the last part says."""
        whole: Document = {name: said for name, said in schema.items() if name != "allOf"}
        for part in schema["allOf"]:
            said = self._description.resolve(part)
            said = self._put_together(said) if "allOf" in said else said
            members = {**whole.get("properties", {}), **said.get("properties", {})}
            whole = {**whole, **said, **({"properties": members} if members else {})}
        return whole

    def _branch(self, schema: Document, value: Any) -> tuple[str | None, Document]:
        """The form that a value has, and its name when it is an object with members of its own."""
        wanted = "object" if isinstance(value, dict) else "array" if isinstance(value, list) else None
        for name, branch in self.branches(schema):
            kinds = branch.get("type", ())
            if wanted is not None and wanted in ([kinds] if isinstance(kinds, str) else kinds):
                return (name if "properties" in branch else None), branch
        return None, {}

    def _look(self, operation: str, name: str, schema: Document, value: Any, seen: Seen | None = None) -> None:
        named, branch = self._branch(schema, value)
        if isinstance(value, list):
            for item in value:
                self._look(operation, f"{name}.*", branch.get("items", {}), item, seen)
        elif isinstance(value, dict):
            self._look_at_object(operation, named or name, branch, value)
        elif isinstance(value, str) and seen is not None:
            self._look_at_text(operation, schema, value, seen)

    def _look_at_object(self, operation: str, name: str, schema: Document, value: dict[str, Any]) -> None:
        known: Document = schema.get("properties", {})
        varies = bool(schema.get("x-varies"))
        more = schema.get("additionalProperties")
        for member, of_member in known.items():
            seen = self.members.setdefault(f"{name}.{member}", Seen())
            seen.chances += not varies
            seen.asked.add(operation)
            if member in value:
                seen.operations.add(operation)
                seen.shapes[shape(value[member])] += 1
                self._look(operation, f"{name}.{member}", of_member, value[member], seen)
        others = [member for member in value if member not in known]
        if isinstance(more, dict):
            seen = self.members.setdefault(f"{name}.*", Seen())
            for member in others:
                seen.shapes[shape(value[member])] += 1
                self._look(operation, f"{name}.*", more, value[member], seen)
        elif known and not varies:
            for member in others:
                seen = self.unknown.setdefault((name, safe_name(member)), Seen())
                seen.shapes[shape(value[member])] += 1
                seen.operations.add(operation)

    def _look_at_text(self, operation: str, schema: Document, value: str, seen: Seen) -> None:
        allowed: set[str] = set()
        for name, branch in self.branches(schema):
            if name in self._ids and not is_id(value):
                seen.odd_ids += 1
            if branch.get("format") == "date-time":
                seen.forms[operation, form_of_time(value)] += 1
            allowed.update(branch.get("enum", ()))
        if allowed and value not in allowed:
            seen.values[safe_word(value)] += 1


def in_order(items: Sequence[Any], order: str) -> bool:
    """Whether a list is in an order: a member to sort by, `-` before it for descending; `.` for texts."""
    member = order.removeprefix("-")
    keys = items if member == "." else [item.get(member) for item in items if isinstance(item, dict)]
    texts = [key for key in keys if isinstance(key, str)]
    moments = [parse_timestamp(text) for text in texts] if member.endswith("_at") else []
    if None in moments:  # it is no time, which is another finding
        return True
    placed: Sequence[Any] = moments or texts
    pairs = pairwise(placed[::-1] if order.startswith("-") else placed)
    return all(one <= other for one, other in pairs)
