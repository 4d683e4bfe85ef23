"""Activities: units of work in a tree, with comments and events."""

from __future__ import annotations

import json
from collections.abc import Iterable

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document, Json
from kalbio.sandbox import events, membership, views
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.properties import add_property
from kalbio.sandbox.properties import to_json as property_json
from kalbio.sandbox.store import Store
from kalbio.sandbox.times import midnight

routes = Routes()

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
_SCHEDULING = {"shift_dependency_mode", "avoid_weekends", "extend_in_progress_items"}
_PLAIN = {"title", "description", "duration", "aggregate_scheduling", "external_id"}


@routes.operation("listActivities")
def list_activities(call: Call) -> list[Document]:
    """All activities, newest first, or those asked for by id."""
    activities = call.store.all("activity")[::-1]
    if "activity_ids" in call.query:
        wanted = set(call.query["activity_ids"].split(","))
        activities = [activity for activity in activities if activity["id"] in wanted]
    return shown_activities(call.store, activities)


@routes.operation("getActivity")
def get_activity(call: Call) -> Document:
    """One activity."""
    return shown_activities(call.store, [call.store.need("activity", call.path["activity_id"])])[0]


@routes.operation("createActivity")
def create_activity(call: Call) -> list[Document]:
    """A new activity, as a list of one."""
    body = call.body
    if body["activity_type"] not in load_contract().known_values("ActivityType"):
        raise Refusal(400, f"activity_type {body['activity_type']!r} is unknown")
    definition_id = body.get("definition_id")
    definition = _need_definition(call, definition_id, body["activity_type"]) if definition_id else None
    for name, kind in (("program_ids", "program"), ("assigned_user_ids", "user"), ("subscriber_ids", "user")):
        for id_ in body.get(name, ()):
            call.store.need(kind, id_, status=400)
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
        events.log(call.store, "task", "updated", activity["id"], {"added_record_ids": body["record_ids"]})
    return shown_activities(call.store, [activity])


@routes.operation("updateActivity")
def update_activity(call: Call) -> Document:
    """Change the keys that were sent; lists change by add_ and remove_ deltas. Keys without an effect are refused."""
    store, body = call.store, call.body
    activity = call.store.need("activity", call.path["activity_id"])
    before = json.loads(json.dumps(activity))
    comment_id = None
    for key, value in body.items():
        verb, _, name = key.partition("_")
        if key in _PLAIN:
            activity[key] = value
        elif key == "priority":
            activity[key] = _known("ActivityPriority", key, value)
        elif key == "status":
            _set_status(call, activity, value)
        elif key in ("due_date", "start_date"):
            activity[key] = _date(value)
        elif key == "parent_id":
            _move(call, activity, value)
        elif key == "definition_id":
            _set_definition(call, activity, value)
        elif verb in ("add", "remove") and name in _DELTAS:
            for id_ in value:
                call.store.need(_DELTAS[name], id_, status=400)
            if key == "add_dependencies":
                _refuse_circle(store, activity["id"], value)
            kept = [id_ for id_ in activity[name] if id_ not in value]
            activity[name] = activity[name] + [i for i in value if i not in activity[name]] if verb == "add" else kept
        elif key == "comment":
            comment_id = add_comment(store, activity["id"], value)
        elif key in _SCHEDULING:
            raise Refusal(400, f"the sandbox does no scheduling: {key!r} is not supported")
        else:
            raise Refusal(400, f"the sandbox does not know the key {key!r} of an activity")
    for user_id in body.get("add_assigned_user_ids", ()):
        if user_id not in activity["subscriber_ids"]:
            activity["subscriber_ids"].append(user_id)
    activity["last_activity_at"] = store.stamp()
    store.put("activity", activity)
    _touch_blockers(store, before, activity)
    attrs = events.changes(before, activity) | ({"comment_id": comment_id} if comment_id else {})
    events.log(store, "task", "updated", activity["id"], attrs)
    return shown_activities(store, [activity])[0]


@routes.operation("listChildActivities")
def list_child_activities(call: Call) -> list[Document]:
    """Direct children, newest first."""
    activity_id = call.store.need("activity", call.path["activity_id"])["id"]
    return shown_activities(call.store, call.store.all("activity", activity_id)[::-1])


@routes.operation("searchActivities")
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


@routes.operation("listActivityEvents")
def list_activity_events(call: Call) -> list[Document]:
    """What happened to an activity, newest first."""
    return call.store.all("event", call.store.need("activity", call.path["activity_id"])["id"])[::-1]


@routes.operation("listActivityComments")
def list_activity_comments(call: Call) -> list[Document]:
    """The comments on an activity, oldest first."""
    return call.store.all("comment", call.store.need("activity", call.path["activity_id"])["id"])


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
        _copy_properties(store, activity, definition)
    if activity_type in membership.OPERATION_TYPES:
        views.make_tables(store, activity, definition)
        if definition:
            views.make_staging_table(store, activity, definition)
    events.log(store, "task", "created", activity["id"], {"title": title})
    return activity


def add_comment(store: Store, activity_id: str, content: Document) -> str:
    """Post a comment on an activity; gives its id."""
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
    return str(comment["id"])


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
        properties.setdefault(parent, []).append(property_json(json.loads(text)))
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
    result = []
    for activity in activities:
        by_view = tables.get(activity["id"], {})
        attached = sorted(by_view.pop("", []))
        in_tables = sorted({record_id for record_ids in by_view.values() for record_id in record_ids})
        result.append(
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
    return result


def _refuse_circle(store: Store, activity_id: str, blocker_ids: list[str]) -> None:
    seen: set[str] = set()
    waiting = list(blocker_ids)
    while waiting:
        id_ = waiting.pop()
        if id_ == activity_id:
            raise Refusal(400, "an activity cannot depend on itself, directly or by way of others")
        if id_ not in seen:
            seen.add(id_)
            blocker = store.get("activity", id_)
            waiting += blocker["dependencies"] if blocker else []


def _touch_blockers(store: Store, before: Document, after: Document) -> None:
    """A change of dependencies is activity at both ends, at the same instant."""
    for id_ in set(before["dependencies"]) ^ set(after["dependencies"]):
        other = store.get("activity", id_)
        if other:
            store.put("activity", other | {"last_activity_at": after["last_activity_at"]})


def _date(text: str | None) -> str | None:
    if text is None:
        return None
    date = midnight(text)
    if date is None:
        raise Refusal(400, f"{text!r} is not an ISO 8601 date")
    return date


def _known(enumeration: str, key: str, value: Json) -> Json:
    if value is not None and value not in load_contract().known_values(enumeration):
        raise Refusal(400, f"{key} {value!r} is unknown")
    return value


def _need_definition(call: Call, definition_id: str, activity_type: str) -> Document:
    definition = call.store.need("definition", definition_id, status=400)
    if definition["activity_type"] != activity_type:
        raise Refusal(
            400, f"definition {definition['title']!r} is for activities of type {definition['activity_type']}"
        )
    return definition


def _set_definition(call: Call, activity: Document, definition_id: str | None) -> None:
    """Change the definition: properties and tables that the activity lacks are added, those it has stay."""
    activity["definition_id"] = definition_id
    if definition_id is None:
        return
    definition = _need_definition(call, definition_id, activity["activity_type"])
    _copy_properties(call.store, activity, definition)
    if activity["activity_type"] in membership.OPERATION_TYPES:
        views.ensure_tables(call.store, activity, definition)
        views.make_staging_table(call.store, activity, definition)


def _copy_properties(store: Store, activity: Document, definition: Document) -> None:
    own = {property_["property_field_id"] for property_ in store.all("property", activity["id"])}
    for property_ in store.all("property", definition["id"]):
        if property_["property_field_id"] not in own:
            field = property_ | {"id": property_["property_field_id"]}
            add_property(store, field, activity["id"], "task", property_["content"])


def _set_status(call: Call, activity: Document, status: str) -> None:
    activity["status"] = _known("ActivityStatus", "status", status)
    activity["completed_at_date"] = call.store.stamp() if status in _COMPLETE else None


def _move(call: Call, activity: Document, parent_id: str | None) -> None:
    ancestor_id = parent_id
    while ancestor_id:
        if ancestor_id == activity["id"]:
            raise Refusal(400, "an activity cannot lie below itself")
        ancestor_id = call.store.need("activity", ancestor_id, status=400)["parent_id"]
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
