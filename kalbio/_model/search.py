"""The conditions of a record search: what they look like, what is wrong with them, how they stand in a query."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypeAlias, TypedDict

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.json import strict_json
from kalbio._core.objects.checks import require_flag
from kalbio._core.objects.identifiers import Many, did_you_mean, plain_id
from kalbio._core.objects.lists import is_list
from kalbio._core.objects.resource import Resource
from kalbio._core.objects.times import check_moment
from kalbio._core.text.display import safe_repr
from kalbio._model.activities import ActivityIdentifier
from kalbio._model.enums import FilterRuleTypeEnum, SearchRule
from kalbio._model.fields import EntityFieldData, EntityTypeData
from kalbio._model.filters import FieldSort, Filters, Sorts, Where, as_sorts, flat
from kalbio._model.records import RecordValue
from kalbio._model.views import ViewField


class ViewFieldFilter(TypedDict):
    """A search filter on a column of a record view; exactly one of the two ids is set."""

    key_field_id: NotRequired[EntityFieldData | str | None]
    view_field_id: NotRequired[ViewField | str | None]
    filter_type: FilterRuleTypeEnum | SearchRule
    filter_prop: NotRequired[Any]


class ViewFieldSort(TypedDict):
    """A search order by a column of a record view; exactly one of the two ids is set."""

    key_field_id: NotRequired[EntityFieldData | str | None]
    view_field_id: NotRequired[ViewField | str | None]
    descending: NotRequired[bool]


ViewFilters: TypeAlias = Where | Sequence[ViewFieldFilter | Where]
"""Conditions on columns of a view, of either form: made with `F`, or dicts."""

ViewSorts: TypeAlias = Sequence[str | ViewFieldSort | FieldSort | Resource]
"""Orders by columns of a view."""


class SearchRecordsQuery(TypedDict, total=False):
    """The conditions of a record search; all optional, None means not given.

    `where` and `sorts` are by field, as `entity_field_filters` and `entity_field_sorts` are.

    `record_set_id` is the older name of `record_set_ids`; `record_set_filters` is sent as it is, for servers that still
    know it.
    """

    record_set_ids: str | Many[str] | None
    program_id: Resource | str | None
    entity_slice_id: EntityTypeData | str | None
    operation_id: ActivityIdentifier | None
    identifier_ids: Many[RecordValue | str] | None
    where: Filters | None
    sorts: Sorts | None
    view_field_filters: ViewFilters | None
    view_field_sorts: ViewSorts | None
    entity_field_filters: Filters | None
    entity_field_sorts: Sorts | None
    search_text: str | None
    limit: int | None
    record_set_id: str | None
    record_set_filters: Many[str] | None


OLDER_CONDITIONS = {"record_set_id": "record_set_ids", "record_set_filters": None}
"""Conditions of older releases, with their newer names; None where there is no newer one."""


def check_rule(rule: Any) -> str:
    """Return the text of a rule of record search. Raises ValueError naming close ones when there is no such rule."""
    from kaleidoscope_api.models import SearchFilterRuleType

    known = [member.value for member in SearchFilterRuleType]
    if rule not in known:
        hint = did_you_mean(rule, known) or " FilterRuleTypeEnum has them all."
        raise ArgumentError(f"Record search has no filter rule {safe_repr(rule)}.{hint}")
    return str(rule)


def check_condition(condition: Any) -> Mapping[str, Any]:
    """Return a filter or a sort. Raises ValueError when it is none, or has an unknown rule."""
    if not isinstance(condition, Mapping):
        raise ArgumentError(f"A search filter or sort is made with F(field), or a dict; got {safe_repr(condition)}")
    if "filter_type" in condition:
        check_rule(condition["filter_type"])
    elif "filter_prop" in condition:
        raise ArgumentError(f"A search filter needs a filter_type: {safe_repr(condition)}")
    if "descending" in condition:
        require_flag("descending", condition["descending"])
    check_filter_time(condition)
    return condition


def check_filter_time(condition: Mapping[str, Any]) -> None:
    """Raise ValueError where a filter compares with an instant, and is given a time that is none."""
    limit = condition.get("filter_prop")
    if condition.get("filter_type") == FilterRuleTypeEnum.IS_LAST_UPDATED_AFTER and limit is not None:
        check_moment("filter_prop", limit)


def given_conditions(name: str, conditions: Any) -> list[Any]:
    """Return filters or sorts as dicts, whatever their form. Raises ValueError naming the argument if it is no list."""
    given = as_sorts(name, conditions) if name.endswith("sorts") else flat(name, conditions)
    if not is_list(given):
        single = isinstance(given, str | Mapping | Resource)
        if name.endswith("sorts"):
            hint = f"; for a single one, [{safe_repr(given)}]" if single else ""
            raise ArgumentError(
                f"{name} must be a list of names of fields, or of dicts{hint}; got {type(given).__name__}"
            )
        hint = f"; for a single dict, [{safe_repr(given)}]" if isinstance(given, Mapping) else ""
        raise ArgumentError(
            f"{name} takes conditions made with F, such as F('logP') < 5, or a list of dicts{hint};"
            f" got {type(given).__name__}"
        )
    return list(given)


def conditions_of(name: str, conditions: Any) -> list[Mapping[str, Any]]:
    """Return filters or sorts as dicts, each of them checked. Raises ValueError naming what is wrong."""
    return [check_condition(condition) for condition in given_conditions(name, conditions)]


def joined(where: Any, filters: Any) -> list[Any]:
    """Return the conditions of both arguments, all of which must hold."""
    if filters is None:
        return given_conditions("where", where)
    if isinstance(filters, str):
        raise ArgumentError(
            "where cannot be joined with entity_field_filters that are JSON text; give all of them as where"
        )
    return [*given_conditions("where", where), *given_conditions("entity_field_filters", filters)]


def view_conditions_text(name: str, given: str | Sequence[Mapping[str, Any]]) -> str:
    """Return filters or sorts by column as they stand in a query; text is taken to be prepared already."""
    if isinstance(given, str):
        return require_json_list(name, given)
    resolved = []
    for condition in conditions_of(name, given):
        columns = [key for key in ("key_field_id", "view_field_id") if condition.get(key)]
        if len(columns) != 1:
            raise ArgumentError(
                f"A condition on a view needs either a key_field_id or a view_field_id: {safe_repr(condition)}"
            )
        kind, accepted = ("key field", EntityFieldData) if columns[0] == "key_field_id" else ("column", ViewField)
        resolved.append({**condition, columns[0]: plain_id(condition[columns[0]], kind, accepted)})
    return strict_json.encode_text(resolved, name)


def require_json_list(name: str, text: str) -> str:
    """Return conditions that are JSON text already. Raises ValueError naming the argument when they are not."""
    try:
        known = json.loads(text)
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, list):
        raise ArgumentError(f"{name} must be a list, or one as JSON text; got {safe_repr(text)}")
    return text


def query_text(value: Any) -> str:
    """Return how a search condition stands in the query: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else strict_json.encode_text(value)
