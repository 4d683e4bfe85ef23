"""The tables of activities: which activity one belongs to."""

from __future__ import annotations

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import IdentifierNotFoundError
from kalbio._core.objects.identifiers import plain_id
from kalbio._core.text.display import safe_repr
from kalbio._model import staleness
from kalbio._model.activities import ActivityData, ActivityIdentifier
from kalbio._model.views import RecordViewData
from kalbio.aio._directory import Directory
from kalbio.aio._listing import Kind
from kalbio.aio._typed_values import TableIdentifier
from kalbio.aio.record_views import RECORD_VIEWS

_ACTIVITIES: Kind[ActivityData] = Kind(staleness.ACTIVITY)


async def find_table(directory: Directory, table: TableIdentifier) -> RecordViewData:
    """Return the table that is named, or raise IdentifierNotFoundError."""
    found: RecordViewData | None = await directory[RECORD_VIEWS].find(plain_id(table, "table", RecordViewData))
    if found is None:
        raise IdentifierNotFoundError("table", table)
    return found


async def activity_of(
    directory: Directory, view: RecordViewData, activity: ActivityIdentifier | None
) -> ActivityData | None:
    """Return the activity that a table is read or written in; None for a table of no activity.

    It is the one that is named, which must have the table, or the only one that has it.
    """
    activities = view.operation_ids or []
    if activity is None and len(activities) > 1:
        raise ArgumentError(f"The table belongs to several activities: say which one with activity=...: {activities}")
    wanted = activity if activity is not None or not activities else activities[0]
    if wanted is None:
        return None
    found = await directory[_ACTIVITIES].get(wanted)
    if found is None:
        raise IdentifierNotFoundError("activity", wanted)
    if found.id not in activities:
        raise ArgumentError(f"The table {safe_repr(str(view))} is none of the activity {safe_repr(found.title)}")
    return found
