# Derived from kalbio/aio/_workspace_reads.py by scripts/regenerate; edit that file. (digest fd309736da32)
"""What copies of a workspace read: its lists, and which records have changed since a moment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from kaleidoscope_api.api.activities import list_activities
from kaleidoscope_api.api.entity_slices import list_entity_slices
from kaleidoscope_api.api.fields import list_data_fields, list_key_fields
from kaleidoscope_api.api.programs import list_programs
from kaleidoscope_api.api.record_views import list_record_views
from kaleidoscope_api.api.records import search_records
from kaleidoscope_api.api.workspace import get_active_workspace, list_workspace_members

from kalbio._core.errors import NotFoundError, PermissionDeniedError
from kalbio._core.http.responses import as_json, as_list
from kalbio._core.json import strict_json
from kalbio._core.json.lazy_json import is_id
from kalbio._core.objects.listing import read_ids
from kalbio._core.objects.uuids import is_uuid
from kalbio._core.sync.concurrency import map_bounded
from kalbio._directory import Client

_EVENTS = 500

# The lists, with what asks for them; without fields and entity types there is nothing to copy.
_LISTS: Mapping[str, tuple[Any, ...]] = {
    "entity_types": (list_entity_slices,),
    "fields": (list_key_fields, list_data_fields),
    "activities": (list_activities,),
    "programs": (list_programs,),
    "members": (list_workspace_members,),
    "views": (list_record_views,),
}
_NEEDED = frozenset({"entity_types", "fields"})


def read_workspace(client: Client) -> tuple[datetime, Mapping[str, Any]]:
    """Return what time it is for the server, and what it says of the workspace."""
    now = datetime.now(UTC)
    response = client.session.call_or_none(get_active_workspace.build_request())
    item = None if response is None else as_json(response)
    with contextlib.suppress(TypeError, ValueError):  # no time, or one that nobody can read
        now = parsedate_to_datetime("" if response is None else response.headers.get("date", "")).astimezone(UTC)
    return now, item if isinstance(item, dict) else {}


def read_lists(client: Client) -> tuple[dict[str, list[Mapping[str, Any]]], list[str]]:
    """Return what the lists hold, by name, and which of them may not be read."""

    def ask(name: str) -> list[Mapping[str, Any]] | None:
        items: list[Mapping[str, Any]] = []
        for operation in _LISTS[name]:
            try:
                answer = client.session.call(operation.build_request())
            except (PermissionDeniedError, NotFoundError):
                if name in _NEEDED:
                    raise
                return None
            given = as_list(answer)
            whole = [item for item in given if isinstance(item, dict) and is_id(item.get("id"))]
            if len(whole) < len(given):
                text = "left out %d items of the list %s that are not objects or have no id"
                client.session.logger.warning(text, len(given) - len(whole), name)
            items += whole
        return items

    found = dict(zip(_LISTS, map_bounded(ask, list(_LISTS), client.session.max_in_flight), strict=True))
    missing = [name for name, items in found.items() if items is None]
    return {name: items or [] for name, items in found.items()}, missing


def search_ids(client: Client, **conditions: Any) -> list[str]:
    """Return the ids of the records that meet conditions."""
    build: Any = search_records.build_request
    response = client.session.call_or_none(build(**conditions))
    return [] if response is None else read_ids(response)


def with_newer_values(client: Client, since: datetime, field_ids: Iterable[str]) -> set[str]:
    """Return the ids of records that have got a value of one of these data fields since then."""

    def ask(field_id: str) -> list[str]:
        newer = {"field_id": field_id, "filter_type": "is_last_updated_after", "filter_prop": since}
        return search_ids(client, entity_field_filters=strict_json.encode_text([newer]))

    found = map_bounded(ask, list(field_ids), client.session.max_in_flight)
    return {one for ids in found for one in ids}


def in_events(client: Client, since: datetime) -> set[str] | None:
    """Return the ids that events since then name, of records among others; None where events may not be read.

    A record that was taken out of an activity and put back has lost its values there, and only the details of an event
    of the activity say so. What these look like is known for few types, so every id in them counts.
    """
    workspace: Any = client
    found: set[str] = set()
    try:
        events = workspace.workspace.iter_events(after_date=since, page_size=_EVENTS)
        with contextlib.closing(events):
            for event in events:
                found.update(_ids([event.resource_id, event.event_attrs]))
    except PermissionDeniedError:
        return None
    return found


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if is_uuid(value):
            yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _ids(item)
