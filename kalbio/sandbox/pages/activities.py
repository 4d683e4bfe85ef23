"""Activities, and one of them: its records and tables, properties and files, registrations, and what happened."""

from __future__ import annotations

import json

from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Page, paging
from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import drafts, membership, views
from kalbio.sandbox.content import FILE_TYPES
from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.pages.events import shown_events
from kalbio.sandbox.pages.tables import rows_of
from kalbio.sandbox.pages.visits import Pages, Visit, by_id, newest_of, titles, user_names
from kalbio.sandbox.store import Store

pages = Pages()

_CRUMBS = (("Activities", f"{PREFIX}/activities"),)
_OPEN_IN_LIST = 60
_WIDEST = 40


@pages.get(f"{PREFIX}/activities")
def activities(visit: Visit) -> Page:
    """Activities, newest first, narrowed by text, type, status and program."""
    store, query = visit.store, visit.query
    conditions, given = ["kind = 'activity'"], []
    store.connection.create_function("folded", 1, str.casefold, deterministic=True)
    for name, condition in (
        ("search", "instr(folded(json_extract(body, '$.title')), folded(?)) > 0"),
        ("type", "json_extract(body, '$.activity_type') = ?"),
        ("status", "json_extract(body, '$.status') = ?"),
        ("program", "exists (select 1 from json_each(body, '$.program_ids') where value = ?)"),
    ):
        if query.get(name):
            conditions.append(condition)
            given.append(query.get(name))
    where = " and ".join(conditions)
    total = store.rows(f"select count(*) from document where {where}", *given)[0][0]  # noqa: S608  fixed texts only
    part = paging(query, total)
    found = newest_of(store, where, given, part.size, part.offset)
    counts = store.rows(
        "select operation_id, count(distinct record_id) from membership where operation_id in"
        " (select value from json_each(?)) group by operation_id",
        id_list(activity["id"] for activity in found),
    )
    context = {
        "activities": found,
        "paging": part,
        "counts": dict(counts),
        "programs": store.all("program"),
        "titles": titles(store, [id_ for one in found for id_ in (one["parent_id"], *one["program_ids"])]),
        "types": load_contract().known_values("ActivityType"),
        "statuses": load_contract().known_values("ActivityStatus"),
        "is_narrowed": bool(given),
    }
    return Page("activities.html", "Activities", context)


@pages.get(f"{PREFIX}/activities/{{activity_id}}")
def activity(visit: Visit) -> Page:
    """One activity. `table` in the query chooses one of its tables, instead of all of its records."""
    store = visit.store
    found = store.need("activity", visit.path["activity_id"])
    id_ = found["id"]
    definition = store.get("definition", found["definition_id"])
    children = store.rows(
        "select id, json_extract(body, '$.title'), json_extract(body, '$.status') from document"
        " where kind = 'activity' and parent = ? order by seq desc limit ?",
        *(id_, _OPEN_IN_LIST + 1),
    )
    properties = store.all("property", id_)
    registrations = [*store.all("registration", id_), *store.all("submission", id_)]
    context = {
        "activity": found,
        "definition": definition,
        "titles": titles(store, [found["parent_id"], *found["program_ids"], *found["dependencies"]]),
        "names": user_names(store),
        "labels": by_id(store, "label", found["label_ids"]),
        "children": children[:_OPEN_IN_LIST],
        "has_more_children": len(children) > _OPEN_IN_LIST,
        "properties": properties,
        "files": _files(store, id_, properties),
        "file_to_register": _file_to_register(definition, properties, registrations),
        "registrations": sorted(registrations, key=lambda one: str(one["created_at"]), reverse=True),
        "comments": store.all("comment", id_),
        "events": shown_events(store, store.all("event", id_)[:-21:-1]),
        **(_table(visit, found) if found["activity_type"] in membership.OPERATION_TYPES else {"tables": None}),
    }
    return Page("activity.html", found["title"], context, _CRUMBS)


def _table(visit: Visit, activity: Document) -> Document:
    """The records of an activity, or of one of its tables, or its drafts."""
    store, id_ = visit.store, activity["id"]
    tables = store.all("view", id_)
    staging_id = activity["registration_staging_record_view_id"]
    chosen = next((view for view in tables if view["id"] == visit.query.get("table")), None)
    is_staging = chosen is not None and chosen["id"] == staging_id
    waiting = drafts.open_drafts(store, id_) if staging_id else []
    record_ids = waiting if is_staging else membership.members(store, id_, chosen["id"] if chosen else None)
    part = paging(visit.query, len(record_ids))
    record_ids = record_ids[part.offset : part.offset + part.size]
    if chosen:
        columns = by_id(store, "data_field", views.data_field_ids(chosen))
        fields = [columns[field_id] for field_id in views.data_field_ids(chosen) if field_id in columns]
    else:
        filled = store.rows(
            "select distinct field_id from value where operation_id = ? and record_id in"
            " (select value from json_each(?))",
            *(id_, id_list(record_ids)),
        )
        fields = list(by_id(store, "data_field", [field_id for (field_id,) in filled]).values())
    states = {one["record_id"]: one for one in store.all("draft_status", id_)} if is_staging else {}
    return {
        "tables": tables,
        "table": chosen,
        "is_staging": is_staging,
        "waiting": len(waiting),
        "states": states,
        "fields": fields[:_WIDEST],
        "rows": rows_of(store, record_ids, fields[:_WIDEST], id_, chosen["id"] if chosen else None),
        "paging": part,
    }


def _files(store: Store, activity_id: str, properties: list[Document]) -> list[tuple[Document, str]]:
    """The files of an activity with where they are: in its properties, and in values that were written in it."""
    found = [(one["content"], str(one["property_name"])) for one in properties if _is_file(one["content"])]
    columns = {field["id"]: field for field in store.all("data_field") if field["field_type"] in FILE_TYPES}
    rows = store.rows(
        "select v.field_id, v.content, r.identifier from value v join record r on r.id = v.record_id"
        " where v.field_id in (select value from json_each(?)) and v.operation_id = ? order by v.created limit 500",
        *(id_list(columns), activity_id),
    )
    for field_id, text, identifier in rows:
        if _is_file(content := json.loads(text)):
            found.append((content, f"{columns[field_id]['field_name']} of {identifier}"))
    return found


def _is_file(content: object) -> bool:
    return isinstance(content, dict) and "file_id" in content


def _file_to_register(
    definition: Document | None, properties: list[Document], registrations: list[Document]
) -> Document | None:
    """The file that can be submitted for registration: the one in the property for it, unless that is under way."""
    field_id = definition["registration_property_field_id"] if definition else None
    under_way = {one["file_id"] for one in registrations if "file_id" in one and one["status"] != "failed"}
    for one in properties:
        content: Document = one["content"]
        if one["property_field_id"] == field_id and _is_file(content) and content["file_id"] not in under_way:
            return content
    return None
