"""Conditions on fields, written so that one can read them: `(F("logP") < 5) & F("Status").is_in(["hit"])`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn, NotRequired, TypeAlias, TypedDict
from uuid import UUID

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.json import strict_json
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.objects.lists import is_list
from kalbio._core.objects.resource import Resource
from kalbio._core.objects.times import check_day, check_moment, parse_timestamp
from kalbio._core.text.display import safe_repr
from kalbio._model.enums import FilterRuleTypeEnum as Rule
from kalbio._model.enums import SearchRule
from kalbio._model.fields import EntityFieldData

Number: TypeAlias = int | float | Decimal
"""What number rules compare with."""

Time: TypeAlias = date | str
"""A date, a datetime with a zone, or the ISO 8601 text of one."""

Content: TypeAlias = str | int | float | Decimal | date | UUID | Enum | Resource
"""What a value is compared with; an object of the platform stands for its id."""


class FieldFilter(TypedDict):
    """A search filter on a field: object, id, or name."""

    field_id: EntityFieldData | str
    filter_type: Rule | SearchRule
    filter_prop: NotRequired[Any]


class FieldSort(TypedDict):
    """A search order by a field: object, id, or name."""

    field_id: Resource | str
    descending: NotRequired[bool]


class Where:
    """Conditions of which all must hold: what a comparison of `F(field)` gives, and several joined with `&`."""

    __slots__ = ("_conditions",)

    def __init__(self, conditions: Iterable[dict[str, Any]] = ()) -> None:
        self._conditions = tuple(conditions)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the conditions as dicts, which say the same."""
        return iter([dict(condition) for condition in self._conditions])

    def __len__(self) -> int:
        """Return the number of conditions."""
        return len(self._conditions)

    def __and__(self, other: Where) -> Where:
        """Return the conditions of both."""
        if not isinstance(other, Where):
            _refuse_and(other)
        return Where([*self._conditions, *other._conditions])

    def in_color(self, color: str) -> Where:
        """Return the same with a colour, e.g. "#FF0000", for `color_filters` of a view."""
        if not isinstance(color, str) or not color.strip():
            raise ArgumentError(f"color must be text, e.g. '#FF0000'; got {safe_repr(color)}")
        return Where([{**condition, "color": color} for condition in self._conditions])

    def __or__(self, other: object) -> NoReturn:
        """Refuse: the API has no *or*."""
        raise ArgumentTypeError(
            "Conditions cannot be joined with | : the API has no 'or' between them. For one field with several values"
            " write F(field).is_in([...]); for anything else search twice and unite the ids:"
            " list(dict.fromkeys(first + second))."
        )

    __ror__ = __or__

    def __invert__(self) -> NoReturn:
        """Refuse: the API has no *not*."""
        raise ArgumentTypeError(
            "A condition cannot be turned round with ~ : the API has no 'not'. Write the opposite rule: != for ==,"
            " >= for <, is_not_in for is_in, is_empty for is_set, does_not_contain for contains."
        )

    def __bool__(self) -> NoReturn:
        """Refuse: whether a condition holds is for the server to say."""
        raise ArgumentTypeError(
            "A condition is neither true nor false here: the server says for which records it holds. Join conditions"
            " with & instead of 'and', each in parentheses: (F('a') > 1) & (F('b') == 'x'). Instead of 'not' write the"
            " opposite rule, instead of 'or' search twice, instead of 1 < F('a') < 5 F('a').is_between(1, 5) or two"
            " conditions."
        )

    def __repr__(self) -> str:
        return " & ".join(f"({shown_condition(condition)})" for condition in self._conditions) or "Where()"


_ELSEWHERE = {
    "between": "is_between", "isin": "is_in", "isnull": "is_empty", "isna": "is_empty", "notnull": "is_set",
    "notna": "is_set", "startswith": "starts_with", "endswith": "ends_with", "eq": "==", "ne": "!=", "lt": "<",
    "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip
"""What the rules are called in other libraries."""


class F:
    """A field to compare: object, id, or name. Comparisons give conditions, to be joined with `&`.

    ```python
    where = (F("logP") < 5) & F("Status").is_in(["hit", "lead"]) & F("Made on").since(date(2026, 1, 1))
    ```

    Every rule of the API has a method here; the operators say the same, `<` and its like about numbers and dates.
    """

    __slots__ = ("_field",)

    def __init__(self, field: Resource | str) -> None:
        if not isinstance(field, Resource) and not (isinstance(field, str) and field.strip()):
            raise ArgumentError(f"F() takes a field: its name, its id or the object; got {safe_repr(field)}")
        self._field = field

    if not TYPE_CHECKING:  # type checkers shall refuse what is not here

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            same = _ELSEWHERE.get(name)
            rules = [rule for rule in vars(F) if not rule.startswith("_")]
            cure = f" Did you mean {same}?" if same else did_you_mean(name, rules).replace("'", "")
            raise AttributeError(f"F has no rule {name}.{cure or ' It has ' + ', '.join(rules) + '.'}")

    # -- filled or not, equal or not

    def is_set(self) -> Where:
        """It has a value."""
        return self._rule(Rule.IS_SET, None)

    def is_empty(self) -> Where:
        """It has no value."""
        return self._rule(Rule.IS_EMPTY, None)

    def is_equal(self, value: Content) -> Where:
        """It is this; the same as `==`."""
        return self._rule(Rule.IS_EQUAL, self._single(Rule.IS_EQUAL, value))

    def is_not_equal(self, value: Content) -> Where:
        """It is anything else, or has no value; the same as `!=`."""
        return self._rule(Rule.IS_NOT_EQUAL, self._single(Rule.IS_NOT_EQUAL, value))

    def __eq__(self, value: Content) -> Where:  # type: ignore[override]
        """It is this."""
        return self.is_equal(value)

    def __ne__(self, value: Content) -> Where:  # type: ignore[override]
        """It is anything else, or has no value."""
        return self.is_not_equal(value)

    __hash__ = None  # type: ignore[assignment]

    # -- text

    def contains(self, text: Content) -> Where:
        """Its text has this within it (the rule `includes`)."""
        return self._rule(Rule.INCLUDES, self._single(Rule.INCLUDES, text))

    def does_not_contain(self, text: Content) -> Where:
        """Its text does not have this within it, or it has no value (the rule `does_not_include`)."""
        return self._rule(Rule.DOES_NOT_INCLUDE, self._single(Rule.DOES_NOT_INCLUDE, text))

    def starts_with(self, text: Content) -> Where:
        """Its text begins with this."""
        return self._rule(Rule.STARTS_WITH, self._single(Rule.STARTS_WITH, text))

    def ends_with(self, text: Content) -> Where:
        """Its text ends with this."""
        return self._rule(Rule.ENDS_WITH, self._single(Rule.ENDS_WITH, text))

    # -- one of several, and lists

    def is_in(self, values: Iterable[Content]) -> Where:
        """It is one of these."""
        return self._rule(Rule.IS_IN, self._several(Rule.IS_IN, values))

    def is_not_in(self, values: Iterable[Content]) -> Where:
        """It is none of these, or has no value."""
        return self._rule(Rule.IS_NOT_IN, self._several(Rule.IS_NOT_IN, values))

    def is_any_of_text(self, values: Iterable[Content]) -> Where:
        """Its text is one of these."""
        return self._rule(Rule.IS_ANY_OF_TEXT, self._several(Rule.IS_ANY_OF_TEXT, values))

    def is_subset_of(self, values: Iterable[Content]) -> Where:
        """Its list has nothing but these (the rule `value_is_subset_of_props`)."""
        return self._rule(Rule.VALUE_IS_SUBSET_OF_PROPS, self._several(Rule.VALUE_IS_SUBSET_OF_PROPS, values))

    def is_superset_of(self, values: Iterable[Content]) -> Where:
        """Its list has all of these (the rule `value_is_superset_of_props`)."""
        return self._rule(Rule.VALUE_IS_SUPERSET_OF_PROPS, self._several(Rule.VALUE_IS_SUPERSET_OF_PROPS, values))

    def overlaps_with(self, values: Iterable[Content]) -> Where:
        """Its list has one of these (the rule `value_has_overlap_with_props`)."""
        return self._rule(Rule.VALUE_HAS_OVERLAP_WITH_PROPS, self._several(Rule.VALUE_HAS_OVERLAP_WITH_PROPS, values))

    def has_no_overlap_with(self, values: Iterable[Content]) -> Where:
        """Its list has none of these (the rule `value_has_no_overlap_with_props`)."""
        return self._rule(
            Rule.VALUE_HAS_NO_OVERLAP_WITH_PROPS, self._several(Rule.VALUE_HAS_NO_OVERLAP_WITH_PROPS, values)
        )

    def has_same_elements_as(self, values: Iterable[Content]) -> Where:
        """Its list has these and no others, in any order (the rule `value_has_same_elements_as_props`)."""
        return self._rule(
            Rule.VALUE_HAS_SAME_ELEMENTS_AS_PROPS, self._several(Rule.VALUE_HAS_SAME_ELEMENTS_AS_PROPS, values)
        )

    # -- numbers

    def is_less_than(self, number: Number) -> Where:
        """It is a number below this; the same as `<`."""
        return self._rule(Rule.IS_LESS_THAN, self._number(Rule.IS_LESS_THAN, number))

    def is_less_than_equal(self, number: Number) -> Where:
        """It is a number not above this; the same as `<=`."""
        return self._rule(Rule.IS_LESS_THAN_EQUAL, self._number(Rule.IS_LESS_THAN_EQUAL, number))

    def is_greater_than(self, number: Number) -> Where:
        """It is a number above this; the same as `>`."""
        return self._rule(Rule.IS_GREATER_THAN, self._number(Rule.IS_GREATER_THAN, number))

    def is_greater_than_equal(self, number: Number) -> Where:
        """It is a number not below this; the same as `>=`."""
        return self._rule(Rule.IS_GREATER_THAN_EQUAL, self._number(Rule.IS_GREATER_THAN_EQUAL, number))

    def is_between(self, low: Number | Time, high: Number | Time) -> Where:
        """It is a number or a date from one to the other, both included."""
        rule = Rule.IS_BETWEEN
        if isinstance(low, date | str) and isinstance(high, date | str):
            times = [self._time(rule, low), self._time(rule, high)]
            self._check_order(rule, times, _is_later(*times))
            return self._rule(rule, times)
        numbers = [self._number(rule, low), self._number(rule, high)]
        first, last = (Decimal(str(number)) for number in numbers)
        self._check_order(rule, [low, high], first > last)
        return self._rule(rule, numbers)

    def __lt__(self, limit: Number | date) -> Where:
        """It is below a number, or before a date."""
        return self.is_before(limit) if isinstance(limit, date) else self.is_less_than(limit)

    def __le__(self, limit: Number | date) -> Where:
        """It is not above a number, or on or before a date."""
        return self.until(limit) if isinstance(limit, date) else self.is_less_than_equal(limit)

    def __gt__(self, limit: Number | date) -> Where:
        """It is above a number, or after a date."""
        return self.is_after(limit) if isinstance(limit, date) else self.is_greater_than(limit)

    def __ge__(self, limit: Number | date) -> Where:
        """It is not below a number, or on or after a date."""
        return self.since(limit) if isinstance(limit, date) else self.is_greater_than_equal(limit)

    # -- dates

    def is_before(self, time: Time) -> Where:
        """It is a date before this; the same as `<`."""
        return self._rule(Rule.IS_BEFORE, self._time(Rule.IS_BEFORE, time))

    def is_after(self, time: Time) -> Where:
        """It is a date after this; the same as `>`."""
        return self._rule(Rule.IS_AFTER, self._time(Rule.IS_AFTER, time))

    def since(self, time: Time) -> Where:
        """It is this date or a later one; the same as `>=`.

        The API has no rule that includes the date, so `is_between` says it, to the end of the year 9999.
        """
        return self._rule(Rule.IS_BETWEEN, [self._time("since", time), "9999-12-31"])

    def until(self, time: Time) -> Where:
        """It is this date or an earlier one; the same as `<=`. What is said as `is_between`, from the year 1 on."""
        return self._rule(Rule.IS_BETWEEN, ["0001-01-01", self._time("until", time)])

    def is_last_updated_after(self, time: Time) -> Where:
        """Its value was written after this moment, whatever it is."""
        check_moment(f"The moment of {self._call(Rule.IS_LAST_UPDATED_AFTER)}", time)
        return self._rule(Rule.IS_LAST_UPDATED_AFTER, strict_json.plain(time))

    def is_before_relative_day(self, days: int) -> Where:
        """It is a date before the day that many days from today: 0 is today, -1 yesterday."""
        return self._rule(Rule.IS_BEFORE_RELATIVE_DAY, self._offset(Rule.IS_BEFORE_RELATIVE_DAY, days))

    def is_after_relative_day(self, days: int) -> Where:
        """It is a date after the day that many days from today."""
        return self._rule(Rule.IS_AFTER_RELATIVE_DAY, self._offset(Rule.IS_AFTER_RELATIVE_DAY, days))

    def is_between_relative_day(self, first: int, last: int) -> Where:
        """It is a date from one day to another, counted from today, both included."""
        return self._rule(Rule.IS_BETWEEN_RELATIVE_DAY, self._offsets(Rule.IS_BETWEEN_RELATIVE_DAY, first, last))

    def is_before_relative_week(self, weeks: int) -> Where:
        """It is a date before the week that many weeks from this one."""
        return self._rule(Rule.IS_BEFORE_RELATIVE_WEEK, self._offset(Rule.IS_BEFORE_RELATIVE_WEEK, weeks))

    def is_after_relative_week(self, weeks: int) -> Where:
        """It is a date after the week that many weeks from this one."""
        return self._rule(Rule.IS_AFTER_RELATIVE_WEEK, self._offset(Rule.IS_AFTER_RELATIVE_WEEK, weeks))

    def is_between_relative_week(self, first: int, last: int) -> Where:
        """It is a date from one week to another, counted from this one, both included."""
        return self._rule(Rule.IS_BETWEEN_RELATIVE_WEEK, self._offsets(Rule.IS_BETWEEN_RELATIVE_WEEK, first, last))

    def is_before_relative_month(self, months: int) -> Where:
        """It is a date before the month that many months from this one."""
        return self._rule(Rule.IS_BEFORE_RELATIVE_MONTH, self._offset(Rule.IS_BEFORE_RELATIVE_MONTH, months))

    def is_after_relative_month(self, months: int) -> Where:
        """It is a date after the month that many months from this one."""
        return self._rule(Rule.IS_AFTER_RELATIVE_MONTH, self._offset(Rule.IS_AFTER_RELATIVE_MONTH, months))

    def is_between_relative_month(self, first: int, last: int) -> Where:
        """It is a date from one month to another, counted from this one, both included."""
        return self._rule(Rule.IS_BETWEEN_RELATIVE_MONTH, self._offsets(Rule.IS_BETWEEN_RELATIVE_MONTH, first, last))

    def is_last_week(self) -> Where:
        """It is a date of last week."""
        return self._rule(Rule.IS_LAST_WEEK, None)

    def is_this_week(self) -> Where:
        """It is a date of this week."""
        return self._rule(Rule.IS_THIS_WEEK, None)

    def is_next_week(self) -> Where:
        """It is a date of next week."""
        return self._rule(Rule.IS_NEXT_WEEK, None)

    def is_this_month(self) -> Where:
        """It is a date of this month."""
        return self._rule(Rule.IS_THIS_MONTH, None)

    def is_next_month(self) -> Where:
        """It is a date of next month."""
        return self._rule(Rule.IS_NEXT_MONTH, None)

    # -- orders

    def ascending(self) -> FieldSort:
        """Sort by it, the smallest first: what the name alone says in `sorts`."""
        return {"field_id": self._field, "descending": False}

    def descending(self) -> FieldSort:
        """Sort by it, the greatest first: what the name with a "-" before it says in `sorts`."""
        return {"field_id": self._field, "descending": True}

    # -- what is no condition

    def __and__(self, other: object) -> NoReturn:
        """Refuse: a field alone is no condition."""
        _refuse_and(self)

    __rand__ = __and__

    def __invert__(self) -> NoReturn:
        """Refuse: a field alone is no condition."""
        raise ArgumentTypeError(
            f"{self!r} alone is no condition, and the API has no 'not'; for records without a value there write"
            f" {self!r}.is_empty(), for an unchecked box {self!r} == False"
        )

    def __bool__(self) -> NoReturn:
        """Refuse: a field alone is no condition."""
        raise ArgumentTypeError(
            f"{self!r} alone is no condition; for records that have a value there write {self!r}.is_set()"
        )

    def __repr__(self) -> str:
        return f"F({safe_repr(str(self._field))})"

    def _rule(self, rule: Rule, prop: Any) -> Where:
        return Where([{"field_id": self._field, "filter_type": rule.value, "filter_prop": prop}])

    def _call(self, rule: str) -> str:
        return f"{self!r}.{spelling(rule)}()"

    def _single(self, rule: Rule, value: Any) -> Any:
        """Return what one value is sent as. Raises ValueError for none, and for several."""
        if value is None:
            raise ArgumentError(f"{self._call(rule)} cannot compare with None; write {self!r}.is_empty() or .is_set()")
        if isinstance(value, Resource):
            return value.id
        if isinstance(value, F | Where):
            raise ArgumentError(f"{self._call(rule)} compares with a value, not with {safe_repr(value)}")
        sent = strict_json.plain(value, self._call(rule))
        if not isinstance(sent, str | int | float | bool):
            raise ArgumentError(
                f"{self._call(rule)} compares with one text, number, date or boolean; got {safe_repr(value)}"
            )
        return sent

    def _several(self, rule: Rule, values: Any) -> list[Any]:
        """Return what a list is sent as. Raises ValueError where it is none, or empty."""
        if not is_list(values):
            raise ArgumentError(f"{self._call(rule)} takes a list; got {safe_repr(values)}")
        sent = [self._single(rule, value) for value in values]
        if not sent:
            raise ArgumentError(
                f"{self._call(rule)} was given an empty list, which says nothing about a value; leave the condition"
                f" out, or do not search"
            )
        return sent

    def _number(self, rule: Rule, number: Any) -> Any:
        sent = None if isinstance(number, F | Where | Resource) else strict_json.plain(number, self._call(rule))
        if isinstance(number, Decimal) or (isinstance(sent, int | float) and not isinstance(sent, bool)):
            return sent
        raise ArgumentError(
            f"{self._call(rule)} compares with a number; got {safe_repr(number)}{self._number_cure(rule, number)}"
        )

    def _number_cure(self, rule: Rule, given: Any) -> str:
        if rule == Rule.IS_BETWEEN and isinstance(given, date | str):
            return "; give two numbers, or two dates"
        if not isinstance(given, str):
            return ""
        if _is_number(given):
            return f"; write {given.strip()}"
        if parse_timestamp(given) is not None:
            return f"; for a date write {self!r}.{_OF_DATES[rule]}({safe_repr(given)})"
        return "; for text there are ==, contains(), starts_with() and is_in()"

    def _time(self, rule: str, time: Any) -> Any:
        check_day(f"The day of {self._call(rule)}", time)
        return strict_json.plain(time, self._call(rule))

    def _check_order(self, rule: Rule, ends: Sequence[Any], is_reversed: bool) -> None:
        """Raise ValueError for a range that nothing can be in."""
        if is_reversed:
            first, last = map(safe_repr, ends)
            raise ArgumentError(
                f"{self._call(rule)} goes from {first} to {last}, and nothing is between them; write"
                f" {self!r}.{rule.value}({last}, {first})"
            )

    def _offset(self, rule: Rule, number: Any) -> int:
        sent = number if isinstance(number, bool | F | Where) else strict_json.plain(number, self._call(rule))
        if isinstance(sent, bool) or not isinstance(sent, int):
            raise ArgumentError(
                f"{self._call(rule)} takes a whole number, counted from now: 0 is this one, -1 the one before;"
                f" got {safe_repr(number)}"
            )
        return sent

    def _offsets(self, rule: Rule, first: Any, last: Any) -> list[int]:
        offsets = [self._offset(rule, first), self._offset(rule, last)]
        self._check_order(rule, offsets, offsets[0] > offsets[1])
        return offsets


def _refuse_and(operand: object) -> NoReturn:
    raise ArgumentTypeError(
        f"& joins conditions, and {safe_repr(operand)} is none. Put each comparison in parentheses:"
        " (F('a') < 5) & (F('b') == 'x')."
    )


def _is_later(one: str, other: str) -> bool:
    """Whether a day or a moment is certainly later than another; a day has all moments of it, in any zone."""
    first, second = parse_timestamp(one), parse_timestamp(other)
    assert first is not None
    assert second is not None
    have_time = [any(mark in time.upper() for mark in "T :") for time in (one, other)]
    slack = timedelta(0) if have_time[0] == have_time[1] else timedelta(days=2)
    return first - second > slack


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


_SPELLINGS: dict[str, str] = {
    Rule.INCLUDES: "contains",
    Rule.DOES_NOT_INCLUDE: "does_not_contain",
    Rule.VALUE_IS_SUBSET_OF_PROPS: "is_subset_of",
    Rule.VALUE_IS_SUPERSET_OF_PROPS: "is_superset_of",
    Rule.VALUE_HAS_OVERLAP_WITH_PROPS: "overlaps_with",
    Rule.VALUE_HAS_NO_OVERLAP_WITH_PROPS: "has_no_overlap_with",
    Rule.VALUE_HAS_SAME_ELEMENTS_AS_PROPS: "has_same_elements_as",
}
"""The methods of `F` that are called otherwise than their rules."""

_OF_DATES: dict[str, str] = {
    Rule.IS_LESS_THAN: "is_before",
    Rule.IS_LESS_THAN_EQUAL: "until",
    Rule.IS_GREATER_THAN: "is_after",
    Rule.IS_GREATER_THAN_EQUAL: "since",
}
"""The methods that say about dates what these rules say about numbers."""

_OPERATORS: dict[str, str] = {
    Rule.IS_EQUAL: "==",
    Rule.IS_NOT_EQUAL: "!=",
    Rule.IS_LESS_THAN: "<",
    Rule.IS_LESS_THAN_EQUAL: "<=",
    Rule.IS_GREATER_THAN: ">",
    Rule.IS_GREATER_THAN_EQUAL: ">=",
}


def spelling(rule: str) -> str:
    """Return the name of the method of `F` for a rule of record search."""
    return _SPELLINGS.get(rule, str(rule))


def shown_condition(condition: Mapping[str, Any]) -> str:
    """Return a condition as it is written with `F`."""
    field, rule, prop = (
        f"F({safe_repr(str(condition['field_id']))})",
        condition["filter_type"],
        condition["filter_prop"],
    )
    if rule in _OPERATORS:
        return f"{field} {_OPERATORS[rule]} {safe_repr(prop)}"
    two = isinstance(prop, list) and rule.startswith("is_between")
    given = "" if prop is None else ", ".join(map(safe_repr, prop)) if two else safe_repr(prop)
    return f"{field}.{spelling(rule)}({given})"


def flat(name: str, conditions: Any) -> Any:
    """Return filters with those that stand in a `Where` one by one; anything else as it is, for its own check.

    Raises ValueError naming the argument where a colour is missing, or has no place.
    """
    if isinstance(conditions, F):
        conditions = [conditions]
    if not is_list(conditions):
        return conditions
    if isinstance(conditions, Where):
        conditions = [conditions]
    found: list[Any] = []
    for condition in conditions:
        if isinstance(condition, F):
            raise ArgumentError(
                f"{name} takes conditions, and {condition!r} alone is none; for records that have a value there write"
                f" {condition!r}.is_set()"
            )
        if not isinstance(condition, Where):
            found.append(condition)
            continue
        for one in condition:
            if name == "color_filters" and "color" not in one:
                raise ArgumentError(
                    f"{name} takes conditions with a colour: ({shown_condition(one)}).in_color('#FF0000')"
                )
            if name != "color_filters" and "color" in one:
                raise ArgumentError(f"{name} takes conditions without a colour; it is for color_filters: {condition!r}")
            found.append(one)
    return found


def as_sorts(name: str, sorts: Any) -> Any:
    """Return orders as dicts where they are names, "-" before it for descending, or fields; others as they are."""
    if not is_list(sorts):
        return sorts
    return [_sort(f"{name}[{index}]", sort) for index, sort in enumerate(sorts)]


def _sort(argument: str, sort: Any) -> Any:
    if isinstance(sort, F):
        return sort.ascending()
    if isinstance(sort, Resource):
        return F(sort).ascending()
    if isinstance(sort, Where):
        raise ArgumentError(f"{argument} is a condition, not an order: {sort!r}")
    if not isinstance(sort, str):
        return sort
    field = sort.removeprefix("-")
    if not field.strip():
        raise ArgumentError(
            f"{argument} names no field: {safe_repr(sort)}; write its name, with a '-' before it to sort down"
        )
    return F(field).descending() if field != sort else F(field).ascending()


Filters: TypeAlias = Where | Sequence[FieldFilter | Where]
"""Conditions of which all must hold, of either form: made with `F`, or dicts."""

Sorts: TypeAlias = Sequence[str | FieldSort | Resource]
"""Orders, the most important first: names of fields, with a "-" before it for descending; fields; or dicts."""
