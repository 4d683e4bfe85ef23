"""Events as they come, with links to what they are about."""

from __future__ import annotations

from dataclasses import dataclass

from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Page, paging
from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox.pages.visits import Pages, Visit, by_id, newest_of, user_names
from kalbio.sandbox.store import Store

pages = Pages()

# Where the things are that events are about, by their kind in the store.
_PAGES = {
    "activity": "activities", "program": "activities?program=", "import": "imports", "registration": "registrations",
    "submission": "registrations", "data_field": "fields#", "key_field": "fields#",
}  # fmt: skip


@dataclass(frozen=True)
class Event:
    """An event, and what a page says of it."""

    event: Document
    user: str
    name: str
    """What the thing is called; its id, where it has no name or is gone."""
    path: str
    """Its page, or nothing."""
    field: str
    """The name of the field that a value was written to, or nothing."""


@pages.get(f"{PREFIX}/events")
def events(visit: Visit) -> Page:
    """What happened, newest first, of all things or of one type."""
    store, wanted = visit.store, visit.query.get("type")
    condition = "kind = 'event'" + (" and json_extract(body, '$.resource_type') = ?" if wanted else "")
    given = [wanted] if wanted else []
    part = paging(visit.query, store.rows(f"select count(*) from document where {condition}", *given)[0][0])  # noqa: S608
    found = newest_of(store, condition, given, part.size, part.offset)
    types = store.rows(
        "select distinct json_extract(body, '$.resource_type') from document where kind = 'event' order by 1"
    )
    context = {"events": shown_events(store, found), "paging": part, "types": [row[0] for row in types]}
    return Page("events.html", "Events", context)


def shown_events(store: Store, found: list[Document]) -> list[Event]:
    """Events with the names of those who caused them and of the things that they are about, where these are there."""
    names, ids = user_names(store), [event["resource_id"] for event in found]
    things: dict[str, tuple[str, str]] = {}
    for kind, path in _PAGES.items():
        for id_, thing in by_id(store, kind, ids).items():
            name = thing.get("title") or thing.get("field_name") or id_
            things[id_] = (name, f"{PREFIX}/{path}{id_}" if path[-1] in "=#" else f"{PREFIX}/{path}/{id_}")
    sql = "select id, identifier from record where archived = 0 and id in (select value from json_each(?))"
    things |= {id_: (name, f"{PREFIX}/records/{id_}") for id_, name in store.rows(sql, id_list(ids))}
    written = [event["event_attrs"].get("field_id") for event in found]
    fields = {id_: field["field_name"] for id_, field in by_id(store, "data_field", written).items()}
    return [
        Event(
            event,
            names.get(event["event_user_id"], ""),
            *things.get(event["resource_id"], (event["resource_id"], "")),
            "" if field_id is None else fields.get(field_id, field_id),
        )
        for event, field_id in zip(found, written, strict=True)
    ]
