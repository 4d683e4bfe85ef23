"""Activities: units of work in a tree, with comments and events."""

from __future__ import annotations

import json
from collections.abc import Iterable

from kalbio.sandbox import membership, views
from kalbio.sandbox.calls import Call, Refusal, operation
from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.properties import add_property
from kalbio.sandbox.properties import shown as shown_property
from kalbio.sandbox.store import Document, Json, Store, id_list
from kalbio.sandbox.times import midnight

_SEARCH_CAP = 500
_COMPLETE = {"complete", "done"}
CLOSED = {"locked"}
# kinds of documents that the add_/remove_ deltas of an update refer to
_DELTAS = {
    "dependencies": "activity",
    "label_ids": "label",
    "program_ids": "program",
    "assigned_user_ids": "user",
    "assigned_group_ids": "group",
    "reviewer_ids": "user",
    "subscriber_ids": "user",
}
_PLAIN = {"title", "description", "priority", "duration", "aggregate_scheduling", "external_id"}


@operation("listActivities")
def list_activities(call: Call) -> list[Document]:
    """All activities, newest first, or those asked for by id."""
    activities = call.store.all("activity")[::-1]
    if "activity_ids" in call.query:
        wanted = set(call.query["activity_ids"].split(","))
        activities = [activity for activity in activities if activity["id"] in wanted]
    return shown_activities(call.store, activities)


@operation("getActivity")
def get_activity(call: Call) -> Document:
    """One activity."""
    return shown_activities(call.store, [call.need("activity", call.path["activity_id"])])[0]


@operation("createActivity")
def create_activity(call: Call) -> list[Document]:
    """A new activity, as a list of one."""
    body = call.body
    if body["activity_type"] not in load_contract().known_values("ActivityType"):
        raise Refusal(400, f"activity_type {body['activity_type']!r} is unknown")
    definition = call.need("definition", body["definition_id"], status=400) if body.get("definition_id") else None
    if definition and definition["activity_type"] != body["activity_type"]:
        raise Refusal(
            400, f"definition {definition['title']!r} is for activities of type {definition['activity_type']}"
        )
    for name, kind in (("program_ids", "program"), ("assigned_user_ids", "user"), ("subscriber_ids", "user")):
        for id_ in body.get(name, ()):
            call.need(kind, id_, status=400)
    activity = add_activity(
        call.store,
        body["title"],
        body["activity_type"],
        definition,
        program_ids=body.get("program_ids", []),
        assigned_user_ids=body.get("assigned_user_ids", []),
        subscriber_ids=body.get("subscriber_ids", []),
        start_date=_date(body.get("start_date")),
        duration=body.get("duration"),
    )
    if body.get("record_ids"):
        membership.need_operation(call.store, activity["id"], status=400)
        membership.attach(call.store, activity, membership.need_records(call.store, body["record_ids"]))
    return shown_activities(call.store, [activity])


@operation("updateActivity")
def update_activity(call: Call) -> Document:
    """Change the keys that were sent; lists change by add_ and remove_ deltas.

    Keys that are not known here are taken too, as the server does; the event of the change names them.
    """
    store, body = call.store, call.body
    activity = call.need("activity", call.path["activity_id"])
    before = json.loads(json.dumps(activity))
    unused = []
    for key, value in body.items():
        verb, _, name = key.partition("_")
        if key in _PLAIN:
            activity[key] = value
        elif key == "status":
            _set_status(call, activity, value)
        elif key in ("due_date", "start_date"):
            activity[key] = _date(value)
        elif key == "parent_id":
            _move(call, activity, value)
        elif key == "definition_id":
            activity[key] = call.need("definition", value, status=400)["id"] if value else None
        elif verb in ("add", "remove") and name in _DELTAS:
            for id_ in value:
                call.need(_DELTAS[name], id_, status=400)
            kept = [id_ for id_ in activity[name] if id_ not in value]
            activity[name] = activity[name] + [i for i in value if i not in activity[name]] if verb == "add" else kept
        elif key == "comment":
            add_comment(store, activity["id"], value)
        else:
            unused.append(key)
    for user_id in body.get("add_assigned_user_ids", ()):
        if user_id not in activity["subscriber_ids"]:
            activity["subscriber_ids"].append(user_id)
    activity["last_activity_at"] = store.stamp()
    store.put("activity", activity)
    changes = [{"field": k, "old": before[k], "new": activity[k]} for k in before if before[k] != activity[k]]
    changes = [change for change in changes if change["field"] != "last_activity_at"]
    attrs: Document = {"changes": changes} | ({"not_applied": unused} if unused else {})
    add_event(store, activity["id"], "task.updated", attrs)
    return shown_activities(store, [activity])[0]


@operation("listChildActivities")
def list_child_activities(call: Call) -> list[Document]:
    """Direct children, newest first."""
    activity_id = call.need("activity", call.path["activity_id"])["id"]
    return shown_activities(call.store, call.store.all("activity", activity_id)[::-1])


@operation("searchActivities")
def search_activities(call: Call) -> list[Document]:
    """Activities that meet every condition given, newest first, at most 500."""
    query = call.query
    activities = call.store.all("activity")
    if query.get("completed_behavior", "show-all") != "show-all":
        activities = _without_completed(activities, trees=query["completed_behavior"] == "hide-completed-trees")
    holders: set[str] = set()
    if "record_ids" in query:
        sql = "select distinct operation_id from membership where record_id in (select value from json_each(?))"
        holders = {row[0] for row in call.store.rows(sql, id_list(query["record_ids"]))}
    found = [
        a for a in reversed(activities) if _matches(a, query) and ("record_ids" not in query or a["id"] in holders)
    ]
    return shown_activities(call.store, found[: min(query.get("limit", _SEARCH_CAP), _SEARCH_CAP)])


@operation("listActivityEvents")
def list_activity_events(call: Call) -> list[Document]:
    """What happened to an activity, newest first."""
    return call.store.all("event", call.need("activity", call.path["activity_id"])["id"])[::-1]


@operation("listActivityComments")
def list_activity_comments(call: Call) -> list[Document]:
    """The comments on an activity, oldest first."""
    return call.store.all("comment", call.need("activity", call.path["activity_id"])["id"])


def add_activity(
    store: Store,
    title: str,
    activity_type: str,
    definition: Document | None = None,
    *,
    program_ids: Iterable[str] = (),
    assigned_user_ids: Iterable[str] = (),
    subscriber_ids: Iterable[str] = (),
    start_date: str | None = None,
    duration: int | None = None,
    id: str | None = None,
) -> Document:
    """A new activity with what its definition gives: defaults, properties of its own, and tables."""
    defaults: Document = definition or {}
    assigned = list(dict.fromkeys([*assigned_user_ids] or defaults.get("assigned_user_ids", [])))
    now = store.stamp()
    activity = store.add(
        "activity",
        {
            "id": id or store.new_id(),
            "definition_id": definition["id"] if definition else None,
            "parent_id": None,
            "created_by": store.user_id,
            "program_ids": list(dict.fromkeys([*program_ids] or defaults.get("program_ids", []))),
            "document_ids": [],
            "activity_type": activity_type,
            "title": title,
            "description": defaults.get("description"),
            "status": defaults.get("status") or "to do",
            "assigned_user_ids": assigned,
            "assigned_group_ids": defaults.get("assigned_group_ids", []),
            "due_date": None,
            "start_date": start_date,
            "duration": duration if duration is not None else defaults.get("duration"),
            "aggregate_scheduling": defaults.get("aggregate_scheduling", False),
            "completed_at_date": None,
            "dependencies": [],
            "label_ids": defaults.get("label_ids", []),
            "reviewer_ids": [],
            "subscriber_ids": list(dict.fromkeys([store.user_id, *assigned, *subscriber_ids])),
            "review_requested_at": None,
            "created_at": now,
            "workspace_id": store.workspace_id,
            "is_draft": False,
            "last_activity_at": now,
            "bulk_sync_id": None,
            "registration_staging_record_view_id": None,
            "source_container_ids": [],
            "note_section_ids": [],
            "external_id": None,
            "priority": defaults.get("priority"),
        },
    )
    if definition:
        for property_ in store.all("property", definition["id"]):
            field = property_ | {"id": property_["property_field_id"]}
            add_property(store, field, activity["id"], "task", property_["content"])
    if activity_type in membership.OPERATION_TYPES:
        views.make_tables(store, activity, definition)
        if definition:
            views.make_staging_table(store, activity, definition)
    add_event(store, activity["id"], "task.created", {"title": title})
    return activity


def add_event(store: Store, activity_id: str, event_type: str, attrs: Document) -> None:
    """Note what happened to an activity."""
    event = {
        "id": store.new_id(),
        "event_type": event_type,
        "event_type_version": 1,
        "event_attrs": attrs,
        "event_user_id": store.user_id,
        "created_at": store.stamp(),
        "resource_id": activity_id,
        "resource_type": "task",
        "workspace_id": store.workspace_id,
        "parent_bulk_event_id": None,
        "is_bulk": False,
        "request_id": None,
        "session_id": None,
        "log": None,
    }
    store.add("event", event, parent=activity_id)


def add_comment(store: Store, activity_id: str, content: Document) -> None:
    """Post a comment on an activity."""
    now = store.stamp()
    comment: Document = {
        "id": store.new_id(),
        "workspace_id": store.workspace_id,
        "created_by": store.user_id,
        "content": content,
        "parent_comment_id": None,
        "mentioned_user_ids": [],
        "resource_type": "task",
        "resource_id": activity_id,
        "created_at": now,
        "updated_at": now,
    }
    store.add("comment", comment, parent=activity_id)


def shown_activities(store: Store, activities: list[Document]) -> list[Document]:
    """Activities as the API shows them, with children, properties and records."""
    chosen = id_list(activity["id"] for activity in activities)
    children: dict[str, list[str]] = {}
    for parent, id_ in store.rows(
        "select parent, id from document where kind = 'activity' and parent in"
        " (select value from json_each(?)) order by seq",
        chosen,
    ):
        children.setdefault(parent, []).append(id_)
    properties: dict[str, list[Document]] = {}
    for parent, text in store.rows(
        "select parent, body from document where kind = 'property' and parent in"
        " (select value from json_each(?)) order by seq",
        chosen,
    ):
        properties.setdefault(parent, []).append(shown_property(json.loads(text)))
    tables: dict[str, dict[str, list[str]]] = {}
    for operation_id, view_id, record_id in store.rows(
        "select m.operation_id, m.view_id, m.record_id from membership m join record r on r.id = m.record_id"
        " where r.archived = 0 and m.operation_id in (select value from json_each(?)) order by m.joined",
        chosen,
    ):
        tables.setdefault(operation_id, {}).setdefault(view_id, []).append(record_id)
    drafts: dict[str, list[str]] = {}
    for operation_id, record_id in store.rows(
        "select draft_of, id from record where archived = 0"
        " and draft_of in (select value from json_each(?)) order by created",
        chosen,
    ):
        drafts.setdefault(operation_id, []).append(record_id)
    shown = []
    for activity in activities:
        by_view = tables.get(activity["id"], {})
        attached = sorted(by_view.pop("", []))
        in_tables = sorted({record_id for record_ids in by_view.values() for record_id in record_ids})
        shown.append(
            activity
            | {
                "child_ids": children.get(activity["id"], []),
                "properties": properties.get(activity["id"], []),
                "all_record_ids": sorted({*attached, *in_tables}),
                "attached_record_ids": attached,
                "data_table_record_ids": in_tables,
                "data_table_record_mapping": by_view,
                "data_table_draft_record_ids": drafts.get(activity["id"], []),
            }
        )
    return shown


def _date(text: str | None) -> str | None:
    if text is None:
        return None
    date = midnight(text)
    if date is None:
        raise Refusal(400, f"{text!r} is no ISO 8601 date")
    return date


def _set_status(call: Call, activity: Document, status: str) -> None:
    if status not in load_contract().known_values("ActivityStatus"):
        raise Refusal(400, f"status {status!r} is unknown")
    activity["status"] = status
    activity["completed_at_date"] = call.store.stamp() if status in _COMPLETE else None


def _move(call: Call, activity: Document, parent_id: str | None) -> None:
    ancestor_id = parent_id
    while ancestor_id:
        if ancestor_id == activity["id"]:
            raise Refusal(400, "an activity cannot lie below itself")
        ancestor_id = call.need("activity", ancestor_id, status=400)["parent_id"]
    activity["parent_id"] = parent_id
    call.store.set_parent("activity", activity["id"], parent_id)


def _without_completed(activities: list[Document], *, trees: bool) -> list[Document]:
    by_id = {activity["id"]: activity for activity in activities}

    def hidden(activity: Document) -> bool:
        if activity["status"] not in _COMPLETE:
            return False
        parent = by_id.get(activity["parent_id"])
        return not trees or parent is None or hidden(parent)

    return [activity for activity in activities if not hidden(activity)]


def _matches(activity: Document, query: dict[str, Json]) -> bool:
    """Whether an activity meets all conditions but that on records. Inner lists are alternatives, all must be met."""
    if query.get("search_text", "").casefold() not in activity["title"].casefold():
        return False
    if "created_by" in query and activity["created_by"] != query["created_by"]:
        return False
    if "parent_id" in query and (activity["parent_id"] or "null") != query["parent_id"]:
        return False
    groups = {
        "activity_type": [query["activity_types"]] if "activity_types" in query else [],
        "definition_id": [query["definition_ids"]] if "definition_ids" in query else [],
        "status": query.get("statuses", []),
        "label_ids": query.get("label_ids", []),
        "assigned_user_ids": query.get("assigned_user_ids", []),
    }
    return all(_as_set(activity[key]) & set(group) for key, alternatives in groups.items() for group in alternatives)


def _as_set(value: Json) -> set[str]:
    return set(value) if isinstance(value, list) else {value}
