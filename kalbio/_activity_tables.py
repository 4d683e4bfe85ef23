# Derived from kalbio/aio/_activity_tables.py by scripts/regenerate; edit that file. (digest 01e939c5fec4)
"""The tables of activities: which activity one belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import AmbiguousIdentifierError, IdentifierNotFoundError
from kalbio._core.objects.identifiers import as_id, close_matches
from kalbio._core.text.display import safe_repr
from kalbio._directory import Directory
from kalbio._listing import Kind
from kalbio._model import staleness
from kalbio._model.activities import ActivityData, ActivityIdentifier
from kalbio._model.views import RecordViewData
from kalbio._typed_values import TableIdentifier
from kalbio.record_views import RECORD_VIEWS

V = TypeVar("V", bound=RecordViewData)

_SHOWN = 10
_ACTIVITIES: Kind[ActivityData] = Kind(staleness.ACTIVITY)


def find_table(
    directory: Directory, table: TableIdentifier, activity: ActivityIdentifier | None = None
) -> RecordViewData:
    """Return the table that an object, an id or a name stands for, or raise IdentifierError.

    Names of tables repeat: with an activity, one of its tables is meant.
    """
    views = directory[RECORD_VIEWS]
    known = as_id(table, "table", RecordViewData)
    if known is not None:
        found: RecordViewData | None = views.find(known)
        if found is None:
            raise IdentifierNotFoundError("table", table)
        return found
    within = None if activity is None else directory[_ACTIVITIES].require_id(activity)
    found = views.search(lambda catalog: _named(tables_of(catalog.items, within), table, within))
    if found is None:
        names = [view.view_name for view in tables_of((views.catalog()).items, within) if view.view_name]
        there = f"The activity has {', '.join(map(safe_repr, names[:_SHOWN])) or 'no table'}." if within else ""
        raise IdentifierNotFoundError("table", table, close_matches(table, names), there)
    return found


def tables_of(views: Iterable[V], activity_id: str | None) -> list[V]:
    """Return the tables among views; with an activity, its own."""
    tables = [view for view in views if not view.is_template]
    return tables if activity_id is None else [view for view in tables if activity_id in (view.operation_ids or ())]


def _named(tables: Sequence[V], name: object, activity_id: str | None) -> V | None:
    found = [view for view in tables if view.view_name == name]
    if len(found) > 1:
        hint = "Or give the activity besides, activity=..." if activity_id is None else ""
        raise AmbiguousIdentifierError("table", name, [view.id for view in found], hint)
    return found[0] if found else None


def activity_of(directory: Directory, view: RecordViewData, activity: ActivityIdentifier | None) -> ActivityData | None:
    """Return the activity that a table is read or written in; None for a table of no activity.

    It is the one that is named, which must have the table, or the only one that has it.
    """
    activities = view.operation_ids or []
    if activity is None and len(activities) > 1:
        raise ArgumentError(f"The table belongs to several activities: say which one with activity=...: {activities}")
    wanted = activity if activity is not None or not activities else activities[0]
    if wanted is None:
        return None
    found = directory[_ACTIVITIES].get(wanted)
    if found is None:
        raise IdentifierNotFoundError("activity", wanted)
    if found.id not in activities:
        raise ArgumentError(f"The table {safe_repr(str(view))} is none of the activity {safe_repr(found.title)}")
    return found
