"""Activity definitions: what activities of a type begin with, and how they register."""

from __future__ import annotations

import json

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document, Json
from kalbio.sandbox import events, views
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.properties import to_json as property_json
from kalbio.sandbox.store import Store

routes = Routes()

_PLAIN = {
    "title", "description", "status", "priority", "is_archived", "external_id", "duration", "aggregate_scheduling",
    "is_external", "inventory_enabled", "data_schema", "naming_convention",
}  # fmt: skip
_NAMED = {"status": "ActivityStatus", "priority": "ActivityPriority"}
_DELTAS = {
    "assigned_user_ids": "user",
    "assigned_group_ids": "group",
    "label_ids": "label",
    "program_ids": "program",
    "view_ids_to_add_to_when_record_attached": "view",
}
# registration settings that point at a document, and its kind
_POINTERS = {
    "registration_property_field_id": "property_field",
    "registration_record_view_id": "view",
    "registration_status_field_id": "data_field",
    "registration_result_record_view_id": "view",
    "registration_staging_template_view_id": "view",
}
_PLACEMENTS = {"registration_content_layout_id", "registration_result_content_layout_id"}


@routes.operation("listActivityDefinitions")
def list_activity_definitions(call: Call) -> list[Document]:
    """All definitions, oldest first."""
    return [shown_definition(call.store, definition) for definition in call.store.all("definition")]


@routes.operation("updateActivityDefinition")
def update_activity_definition(call: Call) -> Document:
    """Change the keys that were sent. Registration settings act at once on all activities of the type."""
    definition = call.store.need("definition", call.path["definition_id"])
    before = json.loads(json.dumps(definition))
    body = dict(call.body)
    propagate = body.pop("propagate_to_instances", False)
    for key, value in body.items():
        _change(call, definition, key, value)
    call.store.put("definition", definition)
    instances = [a for a in call.store.all("activity") if a["definition_id"] == definition["id"]]
    for activity in instances:
        if propagate:
            shared = (
                "description",
                "status",
                "duration",
                "aggregate_scheduling",
                "priority",
                "label_ids",
                "program_ids",
            )
            sent = {key.removeprefix("add_").removeprefix("remove_") for key in body}
            changed = {key: definition[key] for key in shared if key in sent}
            activity = call.store.put("activity", activity | changed)
        if definition["registration_staging_template_view_id"]:
            views.make_staging_table(call.store, activity, definition)
        else:
            views.remove_staging_table(call.store, activity)
    attrs = events.changes(before, definition) | ({"propagated": True} if propagate else {})
    events.log(call.store, "task_definition", "updated", definition["id"], attrs)
    return shown_definition(call.store, definition)


def add_definition(store: Store, title: str, activity_type: str, id: str | None = None, **settings: Json) -> Document:
    """Keep a new definition."""
    definition: Document = {
        "id": id or store.new_id(),
        "title": title,
        "description": None,
        "is_archived": False,
        "workspace_id": store.workspace_id,
        "status": "to do",
        "program_ids": [],
        "assigned_user_ids": [],
        "assigned_group_ids": [],
        "label_ids": [],
        "duration": None,
        "aggregate_scheduling": False,
        "naming_convention": {
            "separator": " ",
            "identifier": "incrementing_number",
            "propagate_to_children": False,
        },
        "activity_type": activity_type,
        "sub_definitions": [],
        "dependent_on_definition_id": None,
        "is_draft": False,
        "fixed_cost": None,
        "variable_cost": None,
        "note_section_ids": [],
        "data_schema": None,
        "enforce_slice_id": None,
        "incrementing_field_ids": [],
        "external_id": None,
        "priority": None,
        **dict.fromkeys([*_POINTERS, *_PLACEMENTS]),
        "view_ids_to_add_to_when_record_attached": [],
        "queue_content_layout_ids": [],
        "content_layout": [],
    }
    return store.add("definition", definition | settings)


def shown_definition(store: Store, definition: Document) -> Document:
    """A definition with its properties. Which priority new activities get is not told: no answer is known to."""
    shown = {name: value for name, value in definition.items() if name != "priority"}
    return shown | {"properties": [property_json(p) for p in store.all("property", definition["id"])]}


def _change(call: Call, definition: Document, key: str, value: Json) -> None:
    verb, _, name = key.partition("_")
    if key in _PLAIN:
        if key in _NAMED and value is not None and value not in load_contract().known_values(_NAMED[key]):
            raise Refusal(400, f"{key} {value!r} is unknown")
        definition[key] = value
    elif key in _POINTERS:
        if value is not None:
            _check_pointer(key, call.store.need(_POINTERS[key], value, status=400))
        definition[key] = value
    elif key in _PLACEMENTS:
        if value is not None and value not in [item["id"] for item in definition["content_layout"]]:
            raise Refusal(400, f"{value} is not in the content layout of {definition['title']!r}")
        definition[key] = value
    elif key == "assigned_user_ids":
        definition[key] = [call.store.need("user", id_, status=400)["id"] for id_ in value]
    elif key == "set_queue_content_layout_ids":
        definition["queue_content_layout_ids"] = [id_ for entry in value for id_ in entry["content_layout_ids"]]
    elif verb in ("add", "remove") and name in _DELTAS:
        for id_ in value:
            call.store.need(_DELTAS[name], id_, status=400)
        kept = [id_ for id_ in definition[name] if id_ not in value]
        definition[name] = definition[name] + [i for i in value if i not in definition[name]] if verb == "add" else kept
    else:
        raise Refusal(400, f"the sandbox does not know the key {key!r} of a definition")


def _check_pointer(key: str, target: Document) -> None:
    if key == "registration_property_field_id" and target["field_type"] != "file":
        raise Refusal(400, f"property field {target['property_name']!r} is not a file field")
    if key == "registration_staging_template_view_id" and target["operation_ids"]:
        raise Refusal(400, f"record view {target['id']} belongs to an operation and cannot be a template")
