"""Names in an update of an activity or a definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kalbio._core.objects.checks import require_text, require_whole_number
from kalbio._core.objects.times import check_day
from kalbio._model import staleness
from kalbio._model.activities import ActivityData, ActivityDefinitionData
from kalbio._model.arguments import RICH_TEXTS
from kalbio._model.rich_text import document_of
from kalbio.aio._directory import Directory
from kalbio.aio._listing import Kind
from kalbio.aio.labels import LABELS
from kalbio.aio.programs import PROGRAMS
from kalbio.aio.workspace import GROUPS, USERS

# Where the members of an update that name things are looked up.
_ACTIVITIES: Kind[ActivityData] = Kind(staleness.ACTIVITY)
_DEFINITIONS: Kind[ActivityDefinitionData] = Kind(staleness.DEFINITION)
_NAMED: dict[str, Kind[Any]] = {
    "parent_id": _ACTIVITIES,
    "definition_id": _DEFINITIONS,
    "dependencies": _ACTIVITIES,
    "label_ids": LABELS,
    "program_ids": PROGRAMS,
    "assigned_user_ids": USERS,
    "reviewer_ids": USERS,
    "subscriber_ids": USERS,
    "assigned_group_ids": GROUPS,
}


async def resolved(directory: Directory, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes of an update with ids in place of names and objects; unknown names raise."""
    require_text("title", changes.get("title", "unchanged"))
    resolved: dict[str, Any] = {}
    for name, value in changes.items():
        kind = _NAMED.get(name.removeprefix("add_").removeprefix("remove_"))
        if name in ("due_date", "start_date") and value is not None:
            check_day(name, value)
        if name == "duration" and value is not None:
            require_whole_number(name, value, 0)
        if name == "status":
            require_text(name, value)
        if name in RICH_TEXTS:
            resolved[name] = document_of(value)
            continue
        if kind is None or (value is None and name == "parent_id"):
            resolved[name] = value
            continue
        listing = directory[kind]
        one = name in ("parent_id", "definition_id")
        resolved[name] = await (listing.require_id(value) if one else listing.require_ids(value))
    return resolved
