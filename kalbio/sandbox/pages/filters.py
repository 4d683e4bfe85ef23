"""Conditions of a table, as the query of a page has them and as a search takes them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from kalbio._core.emulator.pages.visits import Query
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document, Json
from kalbio.sandbox.search import RULES

_LISTS = frozenset(
    {"is_any_of_text", "is_in", "is_not_in"} | {rule for rule in RULES if rule.startswith("value_")}
)  # fmt: skip
_PAIRS = frozenset(rule for rule in RULES if rule.startswith("is_between"))
_RELATIVE = frozenset(rule for rule in RULES if "_relative_" in rule)

GROUPS = (
    ("Any field", ("is_equal", "is_not_equal", "is_set", "is_empty", "is_last_updated_after")),
    ("Text", ("includes", "does_not_include", "starts_with", "ends_with")),
    ("Number", ("is_less_than", "is_less_than_equal", "is_greater_than", "is_greater_than_equal", "is_between")),
    ("Lists", tuple(sorted(_LISTS))),
    ("Date", (
        "is_before", "is_after", "is_last_week", "is_this_week", "is_next_week", "is_this_month", "is_next_month",
        *sorted(_RELATIVE),
    )),
)  # fmt: skip
"""The rules of the search, as a form offers them."""


@dataclass(frozen=True)
class Filter:
    """A condition on a field."""

    field_id: str
    rule: str
    text: str

    def condition(self) -> Document:
        """The condition as a search takes it."""
        if self.rule not in RULES:
            raise Refusal(400, f"There is no rule {self.rule[:60]!r}.")
        return {"field_id": self.field_id, "filter_type": self.rule, "filter_prop": _prop(self.rule, self.text)}


def filters_of(query: Query) -> list[Filter]:
    """The conditions of a query: `field`, `rule` and `value` come once for each of them."""
    parts = [query.all(name) for name in ("field", "rule", "value")]
    if len({len(part) for part in parts}) != 1:
        raise Refusal(400, "Each condition has a field, a rule and a value, which may be empty.")
    found = [Filter(*one) for one in zip(*parts, strict=True)]
    if any(one.text and not one.field_id for one in found):
        raise Refusal(400, "A value needs a field: choose the one that the condition is about.")
    return [one for one in found if one.field_id]


def _prop(rule: str, text: str) -> Json:
    """What a rule compares with. A search refuses what does not suit it."""
    if rule in _RELATIVE and rule in _PAIRS:
        return [_whole(part) for part in _parts(text)]
    if rule in _RELATIVE:
        return _whole(text.strip())
    return _parts(text) if rule in _LISTS or rule in _PAIRS else text


def _parts(text: str) -> list[Json]:
    """Several values: a JSON list, for those with commas in them, or texts between commas."""
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise Refusal(400, f"{text[:60]!r} begins like a JSON list, and is none.") from None
        return list(found)
    return [part.strip() for part in text.split(",") if part.strip()]


def _whole(text: Json) -> Json:
    if not isinstance(text, str):
        return text
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 10 else text
