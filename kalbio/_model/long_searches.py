"""Searches whose conditions are too long for one URL: asked in parts where that gives the same ids."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.constants import LONGEST_TARGET, MAX_TARGET
from kalbio._core.http.url_chunks import chunk_for_url, quoted_length
from kalbio._core.json import strict_json
from kalbio._core.text.display import safe_repr
from kalbio._model.enums import FilterRuleTypeEnum as Rule

Query = Mapping[str, Any]

# Who has one of many values is found by one part of them or more; who has none of them, or all, by every part.
_BY_ONE_PART = frozenset({Rule.IS_IN, Rule.IS_ANY_OF_TEXT, Rule.VALUE_HAS_OVERLAP_WITH_PROPS})
_BY_EVERY_PART = frozenset({Rule.IS_NOT_IN, Rule.VALUE_HAS_NO_OVERLAP_WITH_PROPS, Rule.VALUE_IS_SUPERSET_OF_PROPS})
_SORTS = ("entity_field_sorts", "view_field_sorts")
_FILTERS = ("entity_field_filters", "view_field_filters")


@attrs.frozen
class _List:
    """A list within a query.

    Attributes:
        argument: the argument of the call that it stands in.
        index: its condition, None where the argument is the list.
        rule: the rule that compares with it; empty where the argument is the list.
        values: what it holds.
    """

    argument: str
    index: int | None
    rule: str
    values: Sequence[Any]

    @property
    def length(self) -> int:
        return quoted_length(strict_json.encode_text(list(self.values)))

    def within(self, query: Query, values: Sequence[Any]) -> dict[str, Any]:
        """Return the query with other values in the place of the list."""
        if self.index is None:
            return {**query, self.argument: strict_json.encode_text(list(values))}
        conditions = json.loads(query[self.argument])
        conditions[self.index]["filter_prop"] = list(values)
        return {**query, self.argument: strict_json.encode_text(conditions)}


@attrs.frozen
class Parts:
    """The queries that together say what one too long for a URL does.

    Attributes:
        queries: the queries.
        by_every: whether a record must be found by every one of them; else one is enough.
        limit: most ids to return.
    """

    queries: Sequence[dict[str, Any]]
    by_every: bool
    limit: int | None

    def together(self, answers: Sequence[Sequence[str]]) -> list[str]:
        """Return the ids of the whole search, each once."""
        found = list(dict.fromkeys(record_id for answer in answers for record_id in answer))
        if self.by_every:
            sets = [set(answer) for answer in answers]
            found = [record_id for record_id in found if all(record_id in ids for ids in sets)]
        return found[: self.limit]


def in_parts(query: Query, length_of: Callable[[Query], int]) -> Parts | None:
    """Return the parts to ask a search in, None where one request carries it.

    `length_of` gives the length of the request target. Raises ValueError naming the list that makes it too long where
    parts would not give the same, and servers would refuse the whole.
    """
    if _fits(query):
        return None
    length = length_of(query)
    if length <= MAX_TARGET:
        return None
    is_sorted = any(query.get(name) for name in _SORTS)
    lists = sorted(_lists(query), key=lambda item: item.length, reverse=True)
    for item in lists:
        by_every = item.rule in _BY_EVERY_PART
        if len(item.values) < 2 or not (by_every or item.rule in _BY_ONE_PART or item.index is None):
            continue
        if is_sorted and not by_every:  # what several answers hold has no order
            continue
        whole = {name: value for name, value in query.items() if name != "limit"}
        overhead = length_of(item.within(whole, []))
        if overhead >= MAX_TARGET:
            continue
        texts = [strict_json.encode_text(value) for value in item.values]
        chunks = chunk_for_url(texts, overhead=overhead, separator=",", max_count=len(texts))
        return Parts([item.within(whole, item.values[chunk]) for chunk in chunks], by_every, query.get("limit"))
    _refuse_length(length, lists, is_sorted)
    return None


def check_length(query: Query, length_of: Callable[[Query], int]) -> None:
    """Raise ValueError naming the longest list where a query is too long for a URL and cannot be asked in parts."""
    if not _fits(query):
        _refuse_length(length_of(query), sorted(_lists(query), key=lambda item: item.length, reverse=True), False)


def _fits(query: Query) -> bool:
    # Without making the request, which takes as long as the rest of the call.
    return sum(quoted_length(str(value)) + len(name) + 2 for name, value in query.items()) < MAX_TARGET - 500


def _lists(query: Query) -> list[_List]:
    found = []
    for argument in _FILTERS:
        for index, condition in enumerate(_items(query.get(argument))):
            if isinstance(condition, dict) and isinstance(condition.get("filter_prop"), list):
                found.append(_List(argument, index, str(condition.get("filter_type")), condition["filter_prop"]))
    ids = _items(query.get("identifier_ids"))
    return [*found, _List("identifier_ids", None, "", ids)] if ids else found


def _items(text: Any) -> list[Any]:
    try:
        items = json.loads(text)
    except (TypeError, ValueError):
        items = text.split(",") if isinstance(text, str) and text else []
    return items if isinstance(items, list) else []


def _refuse_length(length: int, lists: Sequence[_List], is_sorted: bool) -> None:
    if length <= LONGEST_TARGET:
        return  # more than some servers take; others do
    longest = lists[0] if lists else None
    what = ""
    if longest is not None:
        part = longest.argument if longest.index is None else f"{longest.argument}[{longest.index}] ({longest.rule})"
        what = f" The longest part is {part} with {len(longest.values)} values, from {safe_repr(longest.values[0])} on."
    cure = " Without an order it could be asked in parts." if is_sorted else " Ask in parts, each with some of them."
    raise ArgumentError(
        f"The conditions are too long for a URL: {length} bytes, of {LONGEST_TARGET} at most.{what}{cure}"
    )
