# Derived from kalbio/aio/_record_search.py by scripts/regenerate; edit that file. (digest b8416645970a)
"""The conditions of searches and exports, as they stand in a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kalbio._core.errors import IdentifierError
from kalbio._core.json import strict_json
from kalbio._core.objects.checks import renamed, require_texts, unicode_text
from kalbio._core.objects.identifiers import joined_ids
from kalbio._core.text.display import safe_repr
from kalbio._directory import Directory
from kalbio._listing import Kind
from kalbio._model import staleness
from kalbio._model.activities import ActivityData
from kalbio._model.filter_values import check_fit
from kalbio._model.search import (
    conditions_of,
    given_conditions,
    joined,
    query_text,
    require_json_list,
    view_conditions_text,
)
from kalbio.entity_fields import field_at_hand, require_field_id
from kalbio.entity_types import ENTITY_TYPES
from kalbio.programs import PROGRAMS
from kalbio.record_views import columns_shown, on_columns

_ACTIVITIES: Kind[ActivityData] = Kind(staleness.ACTIVITY)


def search_query(directory: Directory, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the conditions of a search or an export as they stand in the request; None is left out."""
    query = {name: value for name, value in conditions.items() if value is not None}
    if "search_text" in query:
        unicode_text("search_text", query["search_text"])
    if "entity_slice_id" in query:
        query["entity_slice_id"] = directory[ENTITY_TYPES].require_id(query["entity_slice_id"])
    if "program_id" in query:
        query["program_id"] = directory[PROGRAMS].require_id(query["program_id"])
    if "operation_id" in query:
        query["operation_id"] = directory[_ACTIVITIES].require_id(query["operation_id"])
    if "where" in query:
        query["entity_field_filters"] = joined(query.pop("where"), query.get("entity_field_filters"))
    if "sorts" in query:
        sorts = given_conditions("sorts", query.pop("sorts"))
        query["entity_field_sorts"] = renamed("entity_field_sorts", sorts, "sorts", query.get("entity_field_sorts"))
    for name in ("entity_field_filters", "entity_field_sorts"):
        if name in query:
            query[name] = _conditions_text(directory, name, query[name])
    for name in ("view_field_filters", "view_field_sorts"):
        if name in query:
            given = query[name]
            if not isinstance(given, str):
                view = query.get("record_view_id")
                columns = [] if view is None else columns_shown(directory, view)
                given = on_columns(directory, given_conditions(name, given), columns)
            query[name] = view_conditions_text(name, given)
    if "record_set_filters" in query:
        given = query["record_set_filters"]
        if isinstance(given, str):
            given = require_json_list("record_set_filters", given)
        query["record_set_filters"] = query_text(
            given if isinstance(given, str) else require_texts("record_set_filters", given)
        )
    if "record_set_ids" in query:
        query["record_set_ids"] = joined_ids(query["record_set_ids"], "record set")
    return query


def _conditions_text(directory: Directory, name: str, given: str | Sequence[Mapping[str, Any]]) -> str:
    """Return filters or sorts by field as they stand in a query; text is taken to be prepared already."""
    if isinstance(given, str):
        return require_json_list(name, given)
    resolved = []
    for condition in conditions_of(name, given):
        if condition.get("field_id") is None:
            raise IdentifierError("field", None, f"A search filter or sort needs a field_id: {safe_repr(condition)}")
        field_id = require_field_id(directory, condition["field_id"])
        field = field_at_hand(directory, condition["field_id"]) or field_at_hand(directory, field_id)
        if field is not None:
            check_fit(field, condition)
        resolved.append({**condition, "field_id": field_id})
    return strict_json.encode_text(resolved, name)
