"""Whether a condition compares a field with what a field of its type may hold. No network.

The server finds nothing where it does not, without a word. Only what no field of the type can hold is refused: how the
platform compares text is not known, and a field of text may hold numbers and days.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.json import strict_json
from kalbio._core.objects.times import parse_timestamp
from kalbio._core.text.display import safe_repr
from kalbio._core.text.tracebacks import level_of_the_caller
from kalbio._model.content_reading import MisfitError, read_number
from kalbio._model.enums import FilterRuleTypeEnum as Rule
from kalbio._model.field_types import DAY, FLAG, NUMBER, TEXT, TEXTS, ContentTypeWarning, form_of
from kalbio._model.fields import EntityFieldData
from kalbio._model.filters import shown_condition

_OF_VALUES = frozenset(
    {
        Rule.IS_EQUAL, Rule.IS_NOT_EQUAL, Rule.IS_IN, Rule.IS_NOT_IN, Rule.IS_ANY_OF_TEXT,
        Rule.VALUE_IS_SUBSET_OF_PROPS, Rule.VALUE_IS_SUPERSET_OF_PROPS, Rule.VALUE_HAS_OVERLAP_WITH_PROPS,
        Rule.VALUE_HAS_NO_OVERLAP_WITH_PROPS, Rule.VALUE_HAS_SAME_ELEMENTS_AS_PROPS,
    }
)  # fmt: skip
_OF_NUMBERS = frozenset({Rule.IS_LESS_THAN, Rule.IS_LESS_THAN_EQUAL, Rule.IS_GREATER_THAN, Rule.IS_GREATER_THAN_EQUAL})
_OF_TIMES = frozenset(
    {Rule.IS_BEFORE, Rule.IS_AFTER, Rule.IS_LAST_WEEK, Rule.IS_THIS_WEEK, Rule.IS_NEXT_WEEK, Rule.IS_THIS_MONTH,
     Rule.IS_NEXT_MONTH}
)  # fmt: skip


def _is_number(value: Any) -> bool:
    try:
        return read_number(value) is not None
    except MisfitError:
        return False


def _flag_cure(value: Any) -> str:
    meant = {"true": "True", "yes": "True", "1": "True", "false": "False", "no": "False", "0": "False"}
    return f"write {meant.get(str(value).strip().lower(), 'True or False')}"


@attrs.frozen
class _Kind:
    """What fields of a type may be compared with.

    Attributes:
        holds: whether they may hold a value.
        called: what they hold.
        cure: what to compare with instead of a value that they cannot hold.
        rules: the rules that there are for them, for who has given one of other types.
        has_numbers: whether the rules about numbers are for them.
        has_times: whether the rules about days are.
    """

    holds: Callable[[Any], bool]
    called: str
    cure: Callable[[Any], str]
    rules: str = ""
    has_numbers: bool = False
    has_times: bool = False


_NUMBERS = _Kind(
    _is_number,
    "a number",
    lambda value: "compare with a number; whether it has a value at all says .is_set()",
    "for numbers there are <, <=, >, >=, is_between() and ==",
    has_numbers=True,
)
_DAYS = _Kind(
    lambda value: isinstance(value, str) and parse_timestamp(value) is not None,
    "a day",
    lambda value: "give a date, or text such as '2026-03-01'",
    "for days there are is_before(), is_after(), since(), until() and is_between()",
    has_times=True,
)
_FLAGS = _Kind(
    lambda value: isinstance(value, bool),
    "a yes or no",
    _flag_cure,
    "for yes or no there are ==, is_set() and is_empty()",
)
_TEXTS = _Kind(
    lambda value: not isinstance(value, bool),
    "a text",
    lambda value: f"write {str(value).lower()!r}, if the text is that",
    has_numbers=True,
    has_times=True,
)


def check_fit(field: EntityFieldData, condition: Mapping[str, Any]) -> None:
    """Raise ValueError where a condition compares a field with what no field of its type holds, naming the cure."""
    if str(field.field_type) == "qualified-number":
        _warn_of_signs(field, condition)
    kind = _kind_of(field)
    rule, prop = condition.get("filter_type"), condition.get("filter_prop")
    if kind is None or not isinstance(rule, str):
        return
    try:
        sent = strict_json.plain(prop)
    except (ValueError, TypeError):
        return  # told where it is written
    if rule in _OF_VALUES:
        for value in sent if isinstance(sent, list) else [sent]:
            if isinstance(value, str | int | float) and not kind.holds(value):
                raise _misfit(field, condition, f"{safe_repr(value)} is not {kind.called}; {kind.cure(value)}")
        return
    of_numbers, of_times = rule in _OF_NUMBERS, rule in _OF_TIMES or "_relative_" in rule
    if rule == Rule.IS_BETWEEN and isinstance(sent, list):
        # The type says what the ends are: a day may be digits alone, as 20260301.
        fits = kind is _TEXTS or (kind is not _FLAGS and all(map(kind.holds, sent)))
        of_numbers, of_times = not fits and kind is _DAYS, not fits and kind is not _DAYS
    if (of_numbers and not kind.has_numbers) or (of_times and not kind.has_times):
        about = "numbers" if of_numbers else "days"
        raise _misfit(field, condition, f"the rule is about {about}; {kind.rules}")


def _warn_of_signs(field: EntityFieldData, condition: Mapping[str, Any]) -> None:
    """Warn where numbers with signs are compared: the most potent compounds may be those that are `<0.5`."""
    if condition.get("filter_type") in (*_OF_NUMBERS, Rule.IS_BETWEEN):
        warnings.warn(
            f"{_shown(field, condition)} may not find numbers with a sign, such as '<0.5': what the platform makes of "
            "them is not known. To be sure, take the table without this condition, and compare in a frame",
            ContentTypeWarning,
            stacklevel=level_of_the_caller(),
        )


def _kind_of(field: EntityFieldData) -> _Kind | None:
    if field.field_type is None and not field.is_key:
        return None
    form = form_of(field)
    if form.read is TEXT.read or form.read is TEXTS.read:
        return _TEXTS
    return {NUMBER.read: _NUMBERS, DAY.read: _DAYS, FLAG.read: _FLAGS}.get(form.read)


def _misfit(field: EntityFieldData, condition: Mapping[str, Any], why: str) -> ArgumentError:
    name = safe_repr(field.field_name or field.id)
    return ArgumentError(
        f"{_shown(field, condition)} fits no field of the type {str(field.field_type)!r}, which {name} is: {why}"
    )


def _shown(field: EntityFieldData, condition: Mapping[str, Any]) -> str:
    return shown_condition({"filter_prop": None, **condition, "field_id": field.field_name or field.id})
