"""The rules of record search, decided without a database: 38 filters, sorts, text.

The API documents the names of the rules only. What each compares with (`filter_prop`) is chosen here and listed in
docs/sandbox.md; anything of another shape is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any

from kalbio._core.emulator.clock import to_micros
from kalbio.sandbox.content import as_number, as_text, holds_text
from kalbio.sandbox.times import parse

Json = Any


class WrongProp(ValueError):
    """`filter_prop` has not the shape its rule takes."""


Test = Callable[[Json], bool]
"""Whether the content of a cell meets a condition; None where there is none."""
LAST_UPDATED = "is_last_updated_after"
"""The rule whose test takes when a cell was written, in microseconds, and not its content."""


def is_empty(content: Json) -> bool:
    """Null, empty text and empty lists count as no value."""
    return content is None or content == "" or content == []


def make_test(rule: str, prop: Json, field_type: str, now: datetime) -> Test:
    """The test a filter stands for. Relative rules count days, weeks (from Monday) and months in UTC from `now`."""
    if rule in _NO_PROP:
        if prop not in (None, "", [], {}):
            raise WrongProp(f"{rule} takes no filter_prop")
        return _NO_PROP[rule](now)
    if rule in _TEXT_RULES:
        return _text_test(_TEXT_RULES[rule], _scalar(rule, prop), negate=rule == "does_not_include")
    if rule in ("is_equal", "is_not_equal"):
        same = _equal_to(_scalar(rule, prop), field_type)
        if rule == "is_equal":
            return lambda content: not is_empty(content) and same(content)
        return lambda content: is_empty(content) or not same(content)
    if rule in _LIST_RULES:
        return _list_test(_LIST_RULES[rule], _scalars(rule, prop), field_type)
    if rule in _NUMBER_RULES:
        return _number_test(_NUMBER_RULES[rule], _number(rule, prop))
    if rule in ("is_before", "is_after"):
        return _moment_test(rule, _moment(rule, prop))
    if rule == "is_between":
        return _between(prop, field_type)
    if rule == LAST_UPDATED:
        limit = to_micros(_moment(rule, prop))
        return lambda written: written is not None and written > limit
    if rule in _RELATIVE:
        return _relative(rule, prop, now)
    raise WrongProp(f"filter_type {rule!r} is unknown")


def sort_ids(ids: Iterable[str], sorts: Iterable[tuple[Mapping[str, Json], str, bool]]) -> list[str]:
    """Ids by several columns (contents, type of the field, whether descending), the first being the most important.

    Empty cells come last, ties go by id.
    """
    ordered = sorted(ids)
    for contents, field_type, descending in reversed(list(sorts)):
        key = _sort_key(field_type)
        numbers: dict[str, Decimal | int] = {}
        texts: dict[str, str] = {}
        empty: list[str] = []
        for id_ in ordered:
            content = contents.get(id_)
            if is_empty(content):
                empty.append(id_)
            elif isinstance(found := key(content), str):
                texts[id_] = found
            else:
                numbers[id_] = found
        parts = [
            sorted(numbers, key=numbers.__getitem__, reverse=descending),
            sorted(texts, key=texts.__getitem__, reverse=descending),
        ]
        ordered = [*chain(*(reversed(parts) if descending else parts)), *empty]
    return ordered


def _sort_key(field_type: str) -> Callable[[Json], Decimal | int | str]:
    """What sorts the cells of a field: text as text, whatever it looks like; what may be any JSON, numbers first."""
    if field_type == "date":
        return _moment_key
    return _text_key if holds_text(field_type) else _number_key


def _moment_key(content: Json) -> int:
    moment = parse(content)
    return 0 if moment is None else to_micros(moment)


def _text_key(content: Json) -> str:
    return as_text(content).casefold()


def _number_key(content: Json) -> Decimal | str:
    number = as_number(content)
    return as_text(content).casefold() if number is None else number


# shapes


def _scalar(rule: str, prop: Json) -> str | int | float | bool:
    if not isinstance(prop, str | int | float | bool):
        raise WrongProp(f"{rule} takes a text, number or boolean as filter_prop")
    return prop


def _scalars(rule: str, prop: Json) -> list[str | int | float | bool]:
    if not isinstance(prop, list) or not all(isinstance(item, str | int | float | bool) for item in prop):
        raise WrongProp(f"{rule} takes a list of texts, numbers or booleans as filter_prop")
    return prop


def _number(rule: str, prop: Json) -> Decimal:
    number = as_number(prop)
    if number is None:
        raise WrongProp(f"{rule} takes a number as filter_prop")
    return number


def _moment(rule: str, prop: Json) -> datetime:
    moment = parse(prop)
    if moment is None:
        raise WrongProp(f"{rule} takes an ISO 8601 date as filter_prop")
    return moment


def _whole(rule: str, prop: Json) -> int:
    if isinstance(prop, bool) or not isinstance(prop, int) or abs(prop) > 100_000:
        raise WrongProp(
            f"{rule} takes a whole number as filter_prop, counted from today: -1 is the last one, 1 the next"
        )
    return prop


# tests


def _equal_to(wanted: Json, field_type: str) -> Callable[[Json], bool]:
    if isinstance(wanted, bool):
        return lambda content: content is wanted
    number, moment, text = as_number(wanted), parse(wanted), as_text(wanted)

    def same(content: Json) -> bool:
        if isinstance(content, list):
            return len(content) == 1 and same(content[0])
        if field_type == "number":
            return number is not None and as_number(content) == number
        if field_type == "date" and moment is not None:
            return parse(content) == moment
        return as_text(content) == text

    return same


def _items(content: Json) -> list[Json]:
    return content if isinstance(content, list) else [content]


def _text_test(holds: Callable[[str, str], bool], wanted: Json, *, negate: bool) -> Test:
    needle = as_text(wanted).casefold()

    def test(content: Json) -> bool:
        if is_empty(content):
            return negate
        found = any(holds(as_text(item).casefold(), needle) for item in _items(content))
        return found != negate

    return test


def _list_test(decide: Callable[[set[int], int, int], bool], wanted: list[Json], field_type: str) -> Test:
    same = [_equal_to(item, field_type) for item in wanted]

    def test(content: Json) -> bool:
        items = [] if is_empty(content) else _items(content)
        hits = {n for n, one in enumerate(same) if any(one(item) for item in items)}
        known = sum(any(one(item) for one in same) for item in items)
        return decide(hits, len(same), len(items) - known)

    return test


def _number_test(compare: Callable[[Decimal, Decimal], bool], limit: Decimal) -> Test:
    def test(content: Json) -> bool:
        number = as_number(content)
        return number is not None and compare(number, limit)

    return test


def _moment_test(rule: str, limit: datetime) -> Test:
    def test(content: Json) -> bool:
        moment = parse(content)
        return moment is not None and (moment < limit if rule == "is_before" else moment > limit)

    return test


def _between(prop: Json, field_type: str) -> Test:
    if not isinstance(prop, list) or len(prop) != 2:
        raise WrongProp("is_between takes a list of two numbers or two dates as filter_prop")
    if field_type != "date":
        low, high = as_number(prop[0]), as_number(prop[1])
        if low is not None and high is not None:
            first, last = low, high

            def number_test(content: Json) -> bool:
                number = as_number(content)
                return number is not None and first <= number <= last

            return number_test
    begin, end = _moment("is_between", prop[0]), _moment("is_between", prop[1])

    def moment_test(content: Json) -> bool:
        moment = parse(content)
        return moment is not None and begin <= moment <= end

    return moment_test


def _span(begin: datetime | None, end: datetime | None) -> Test:
    """From `begin` on and before `end`."""

    def test(content: Json) -> bool:
        moment = parse(content)
        return moment is not None and (begin is None or moment >= begin) and (end is None or moment < end)

    return test


# the calendar


def _start(unit: str, now: datetime, offset: int) -> datetime:
    """When the day, week or month begins that lies `offset` of them from now."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        if unit == "day":
            return today + timedelta(days=offset)
        if unit == "week":
            return today + timedelta(days=7 * offset - today.weekday())
        year, month = divmod(today.year * 12 + today.month - 1 + offset, 12)
        return today.replace(year=year, month=month + 1, day=1)
    except (OverflowError, ValueError):
        raise WrongProp("filter_prop leads out of the calendar") from None


def _relative(rule: str, prop: Json, now: datetime) -> Test:
    unit = rule.rsplit("_", 1)[1]
    if rule.startswith("is_between"):
        if not isinstance(prop, list) or len(prop) != 2:
            raise WrongProp(f"{rule} takes a list of two whole numbers as filter_prop")
        first, last = (_whole(rule, item) for item in prop)
        return _span(_start(unit, now, first), _start(unit, now, last + 1))
    offset = _whole(rule, prop)
    if rule.startswith("is_before"):
        return _span(None, _start(unit, now, offset))
    return _span(_start(unit, now, offset + 1), None)


def _period(unit: str, offset: int) -> Callable[[datetime], Test]:
    return lambda now: _span(_start(unit, now, offset), _start(unit, now, offset + 1))


_NO_PROP: dict[str, Callable[[datetime], Test]] = {
    "is_set": lambda now: lambda content: not is_empty(content),
    "is_empty": lambda now: lambda content: is_empty(content),
    "is_last_week": _period("week", -1),
    "is_this_week": _period("week", 0),
    "is_next_week": _period("week", 1),
    "is_this_month": _period("month", 0),
    "is_next_month": _period("month", 1),
}
_TEXT_RULES: dict[str, Callable[[str, str], bool]] = {
    "includes": lambda text, needle: needle in text,
    "does_not_include": lambda text, needle: needle in text,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
}
# (indices of the props that occur in the cell, number of props, number of items of the cell that are no prop)
_LIST_RULES: dict[str, Callable[[set[int], int, int], bool]] = {
    "is_any_of_text": lambda hits, props, others: bool(hits),
    "is_in": lambda hits, props, others: bool(hits),
    "is_not_in": lambda hits, props, others: not hits,
    "value_is_subset_of_props": lambda hits, props, others: bool(hits) and others == 0,
    "value_is_superset_of_props": lambda hits, props, others: len(hits) == props,
    "value_has_overlap_with_props": lambda hits, props, others: bool(hits),
    "value_has_no_overlap_with_props": lambda hits, props, others: not hits,
    "value_has_same_elements_as_props": lambda hits, props, others: len(hits) == props and others == 0,
}
_NUMBER_RULES: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "is_less_than": lambda number, limit: number < limit,
    "is_less_than_equal": lambda number, limit: number <= limit,
    "is_greater_than": lambda number, limit: number > limit,
    "is_greater_than_equal": lambda number, limit: number >= limit,
}
_RELATIVE = {f"is_{way}_relative_{unit}" for way in ("before", "after", "between") for unit in ("day", "week", "month")}
RULES = frozenset(
    {"is_equal", "is_not_equal", "is_before", "is_after", "is_between", "is_last_updated_after"}
    | _NO_PROP.keys()
    | _TEXT_RULES.keys()
    | _LIST_RULES.keys()
    | _NUMBER_RULES.keys()
    | _RELATIVE
)
