"""R30–R37: tolerant reading."""

from __future__ import annotations

import inspect
import pickle
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest

from kalbio._core.objects.resource import Field, Resource
from tests.altered import alter, replace
from tests.conftest import Lab, World
from tests.demo import NOWHERE, UnseenThings
from tests.requirements.lists import LISTS

OTHER = NOWHERE.replace("8", "9")


@pytest.fixture
def it(lab: Lab) -> Any:
    """Things of the demo seed; the client has cached nothing yet."""
    return UnseenThings(lab)


def fields_of(item: Any) -> set[str]:
    """The names of the members that the class of an object declares."""
    return {name for kind in type(item).__mro__ for name, value in vars(kind).items() if isinstance(value, Field)}


# Lists and maps of each class, which are never None.
COLLECTIONS = {
    "Activity": ["child_ids", "program_ids", "all_record_ids", "data_table_record_mapping", "properties"],
    "ActivityDefinition": ["content_layout", "label_ids", "properties", "queue_content_layout_ids"],
    "ActivityEvent": ["event_attrs"],
    "Dashboard": ["record_ids", "record_set_ids"],
    "DashboardCategory": ["operation_definition_ids", "label_ids", "field_ids"],
    "EntityType": ["key_field_ids"],
    "Record": ["identifier_ids", "record_values", "sub_record_ids"],
    "RecordView": ["view_fields", "filters", "sorts", "color_filters", "program_ids", "record_ids_filter"],
    "RegistrationFileWithErrors": ["record_errors"],
    "RegistrationSubmissionWithErrors": ["file_ids", "record_errors"],
    "ResultTableTemplate": ["view_fields", "filters", "sorts", "color_filters", "program_ids"],
    "WorkspaceEvent": ["event_attrs"],
    "WorkspaceGroup": ["user_ids", "program_ids"],
}


@pytest.mark.parametrize("null", [False, True], ids=["absent", "null"])
@pytest.mark.parametrize("name", [name for name in LISTS if name != "activities of a type"])
def test_r030_only_the_id_is_required(lab: Lab, world: World, it: Any, name: str, null: bool) -> None:
    """An item that has nothing but an id, or nulls beside it, is read like all others; its lists and maps are empty."""
    known = it.record.id if name == "records" else NOWHERE
    kind = LISTS[name].kind
    members = {item for module in MODULES for item in declared(module, kind)} - {"id"}
    replace(lab, LISTS[name].operation, [{"id": known, **(dict.fromkeys(members) if null else {})}])
    (item,) = world(LISTS[name].call(lab.api, it))
    assert item.id == known
    for member in fields_of(item) - {"is_key"}:
        assert getattr(item, member) in (None, "", False, [], {})
    for member in COLLECTIONS.get(kind, ()):
        assert not getattr(item, member)
        assert getattr(item, member) is not None
    assert str(item)


MODULES = (
    "activities", "dashboards", "entity_fields", "entity_types", "imports", "labels", "programs", "property_fields",
    "record_views", "records", "registration", "result_table_templates", "workspace",
)  # fmt: skip


def declared(module: str, kind: str) -> set[str]:
    """The members that a class of a module declares, with those that are worked out from the JSON."""
    found = getattr(import_module(f"kalbio.{module}"), kind, None)
    if found is None:
        return set()
    fields = {name for base in found.__mro__ for name, value in vars(base).items() if isinstance(value, Field)}
    return fields | {"properties", "record_values"}


@pytest.mark.parametrize("name", [name for name in LISTS if name != "activities of a type"])
def test_r030_missing_lists_leave_a_listing_readable(lab: Lab, world: World, it: Any, name: str) -> None:
    """A real answer whose lists and maps are null is read whole."""
    whole: list[Any] = []

    def empty(items: Any) -> Any:
        whole[:] = items or [{"id": NOWHERE}]
        return [{k: None if isinstance(v, list | dict) else v for k, v in item.items()} for item in whole]

    alter(lab, LISTS[name].operation, empty)
    found = world(LISTS[name].call(lab.api, it))
    assert [item.id for item in found] == [item["id"] for item in whole if not item.get("is_template")] or name in (
        "templates", "records",
    )  # fmt: skip
    assert found
    for item in found:
        for member in COLLECTIONS.get(LISTS[name].kind, ()):
            assert not getattr(item, member)


def test_r030_value_objects_need_nothing(lab: Lab, world: World, it: Any) -> None:
    """Values, verdicts, columns, places and errors of imports are read with none of their members."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    replace(lab, "getRecord", {"id": it.record.id, "record_values": {field.id: [{}]}})
    record = world(lab.api.records.get_record_by_id(it.record.id, use_cache=False))
    (value,) = record.record_values[field.id]
    assert (value.content, value.created_at, value.id) == (None, None, "")
    assert world(record.get_value_content(field)) is None
    replace(lab, "listDraftStatuses", [{}])
    assert [item.status for item in world(lab.api.registration.get_draft_statuses(it.activity))] == [None]
    replace(lab, "listRecordViews", [{"id": NOWHERE, "view_fields": [{}]}])
    assert [item.data_field_id for item in world(lab.api.record_views.get_record_views())[0].view_fields] == [None]
    replace(lab, "listActivityDefinitions", [{"id": NOWHERE, "content_layout": [{}]}])
    assert [item.component_type for item in world(lab.api.activities.get_definitions())[0].content_layout] == [None]
    result: dict[str, Any] = {"validation_result": {"errors": [{}]}}
    replace(lab, "getImport", {"id": NOWHERE, "import_result": result})
    assert [item.field_name for item in world(lab.api.imports.get_import(NOWHERE)).row_errors] == [None]


ENUMERATIONS = {
    "activities": ["activity_type", "status"],
    "definitions": ["activity_type", "status"],
    "activities found": ["activity_type", "status"],
    "dashboards": ["dashboard_type"],
    "data fields": ["field_type"],
    "key fields": ["field_type"],
    "property fields": ["field_type"],
    "values": ["field_type"],
    "members": ["access_level"],
    "imports": ["import_status"],
    "registrations": ["status"],
    "submissions": ["status", "submission_type"],
    "record views": ["sort_order", "view_mode", "group_by_mode"],
    "events": ["event_type", "resource_type"],
}


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_r031_unknown_values_of_enumerations_are_kept(lab: Lab, world: World, it: Any, name: str) -> None:
    """A value that no enumeration knows leaves the whole list readable, and is read as it came."""
    new = dict.fromkeys(ENUMERATIONS[name], "brand-new")
    alter(lab, LISTS[name].operation, lambda items: [{**item, **new} for item in items or [{"id": NOWHERE}]])
    found = world(LISTS[name].call(lab.api, it))
    assert found
    for item in found:
        assert {member: getattr(item, member) for member in new} == new


def test_r031_unknown_types_can_be_worked_with(lab: Lab, world: World) -> None:
    """Activities of a new type are found by it, and fields of a new type take values."""
    alter(lab, "listActivities", lambda items: [{**item, "activity_type": "quest"} for item in items])
    alter(lab, "listDataFields", lambda items: [{**item, "field_type": "hologram"} for item in items])
    assert len(world(lab.api.activities.get_activity_by_type("quest"))) >= 4
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    assert world(record.add_value("Comment", "x")).content == "x"


PARTS: list[dict[str, Any]] = [
    {},
    {"filters": [{}], "sorts": [{}], "color_filters": [{}], "view_fields": [{}]},
    {"filters": [{"filter_type": "is_set"}], "sorts": [{"descending": True}], "color_filters": [{"color": "red"}]},
    {"filters": [{"view_field_id": NOWHERE, "filter_prop": None}], "view_fields": [{"id": NOWHERE}]},
    {"filters": None, "sorts": None, "color_filters": None, "view_fields": None},
]


@pytest.mark.parametrize("parts", PARTS, ids=range(len(PARTS)))
def test_r032_views_are_readable_with_any_part_of_their_filters(
    lab: Lab, world: World, it: Any, parts: dict[str, Any]
) -> None:
    """Filters, sorts and columns with any subset of their members break neither a list of views nor a look-up."""
    definition = world(lab.api.activities.get_definition_by_id("Assay results registration"))
    view = {"id": NOWHERE, "operation_ids": [it.activity.id], "operation_definition_ids": [definition.id], **parts}
    replace(lab, "listRecordViews", [view, {"id": OTHER}])
    replace(lab, "listRecordViewTemplates", [{**view, "is_template": True}])
    seen, _ = world(lab.api.record_views.get_record_views())
    (template,) = world(lab.api.result_table_templates.get_templates())
    for item in (seen, template):
        assert (item.filters, item.sorts, item.color_filters) == tuple(
            parts.get(name) or [] for name in ("filters", "sorts", "color_filters")
        )
        assert [column.to_dict() for column in item.view_fields] == (parts.get("view_fields") or [])
    assert world(it.activity.record_views) == [seen]
    assert world(definition.record_views) == [seen]
    assert world(definition.templates) == [template]
    assert world(lab.api.record_views.get_data_fields_on_view(NOWHERE)) == []


INSTANTS = {
    "2026-01-05": datetime(2026, 1, 5, tzinfo=UTC),
    "2026-01-05T09:00:00": datetime(2026, 1, 5, 9, tzinfo=UTC),
    "2026-01-05T09:00:00Z": datetime(2026, 1, 5, 9, tzinfo=UTC),
    "2026-01-05T10:00:00.5+01:00": datetime(2026, 1, 5, 9, 0, 0, 500_000, tzinfo=UTC),
    "2026-01-05T09:00:00.94Z": datetime(2026, 1, 5, 9, 0, 0, 940_000, tzinfo=UTC),
    "2026-01-05T09:00:01.946+00:00": datetime(2026, 1, 5, 9, 0, 1, 946_000, tzinfo=UTC),
    "2026-01-05T09:00:01.9464": datetime(2026, 1, 5, 9, 0, 1, 946_400, tzinfo=UTC),
    "2026-01-05T08:00:01.94647-01:00": datetime(2026, 1, 5, 9, 0, 1, 946_470, tzinfo=UTC),
    "2026-01-05T09:00:01.946471+00:00": datetime(2026, 1, 5, 9, 0, 1, 946_471, tzinfo=UTC),
}


def test_r033_timestamps_of_all_spellings_compare(lab: Lab, world: World, it: Any) -> None:
    """The newest value wins whatever the spelling of its time; text without a zone is UTC; no comparison raises."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    spellings = [*INSTANTS, None]
    entries = [
        {"id": str(number), "content": str(text), "created_at": text, "record_id": it.record.id}
        for number, text in enumerate(spellings)
    ]
    order = [*range(len(entries))]
    for turn in (order, order[::-1], order[4:] + order[:4]):
        raw = {"id": it.record.id, "record_values": {field.id: [entries[place] for place in turn]}}
        replace(lab, "getRecord", raw)
        record = world(lab.api.records.get_record_by_id(it.record.id, use_cache=False))
        assert world(record.get_value_content(field)) == [*INSTANTS][-1]
        seen = {value.content: value.created_at for value in record.record_values[field.id]}
        assert seen == {**INSTANTS, "None": None}
    replace(lab, "listRecordValues", entries)
    values = world(it.record.get_values())
    assert [value.created_at for value in values][: len(INSTANTS)] == [*INSTANTS.values()]


def test_r033_values_without_a_time_come_last(lab: Lab, world: World, it: Any) -> None:
    """A value without a time is current only where there is no other; among several the first one counts."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    undated = [{"content": name, "record_id": it.record.id} for name in ("first", "second")]
    old = {"content": "old", "record_id": it.record.id, "created_at": "1970-01-01T00:00:00"}
    for entries, expected in ((undated, "first"), ([*undated, old], "old"), ([old, *undated], "old")):
        replace(lab, "getRecord", {"id": it.record.id, "record_values": {field.id: entries}})
        record = world(lab.api.records.get_record_by_id(it.record.id, use_cache=False))
        assert world(record.get_value_content(field)) == expected


def test_r034_numbers_where_text_belongs_are_text(lab: Lab, world: World, it: Any) -> None:
    """Records with numbers as identifiers and ids stay in a list, and are read as text."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    value = {"id": 3, "content": "own", "record_id": "17", "operation_id": 4, "created_at": "2026-01-05T09:00:00Z"}
    raw = {"id": 17, "record_identifier": 1012035, "entity_slice_id": 5, "identifier_ids": [1, "b"],
           "record_values": {field.id: [value]}}  # fmt: skip
    replace(lab, "listOperationRecords", [raw, {"id": "18"}])
    record, _ = world(it.activity.records)
    assert (record.id, record.record_identifier, record.entity_slice_id) == ("17", "1012035", "5")
    assert record.identifier_ids == ["1", "b"]
    assert world(record.get_value_content(field)) == "own"
    assert record.record_values[field.id][0].operation_id == "4"
    assert str(record) == "1012035"
    replace(lab, "searchRecords", [17, "18"])
    assert world(lab.api.records.search_records()) == ["17", "18"]
    replace(lab, "pushImport", {"import_id": 5})
    assert world(lab.api.imports.push_data(["Compound"], [{"Compound": "x"}])) == "5"


def test_r035_verdicts_need_no_ids(lab: Lab, world: World, it: Any) -> None:
    """Failed registrations and draft statuses are listed although what is said of single records has no id."""
    errors = [{"source_record_id": it.record.id, "status": "rejected", "error_message": "no structure"}, {}]
    api = lab.api.registration
    for operation, call in (
        ("listRegistrationFiles", api.get_registration_files),
        ("listRegistrationSubmissions", api.get_registration_submissions),
    ):
        replace(lab, operation, [{"id": NOWHERE, "status": "failed", "record_errors": errors}])
        (registration,) = world(call(it.activity))
        assert [item.error_message for item in registration.record_errors] == ["no structure", None]
    replace(lab, "listDraftStatuses", [{"record_id": it.record.id, "status": "pending"}, {"record_id": OTHER}])
    statuses = world(api.get_draft_statuses(it.activity))
    assert [item.status for item in statuses] == ["pending", None]
    assert statuses.unreadable == []


@pytest.mark.parametrize("name", LISTS)
def test_r036_lists_hold_objects_with_the_client(lab: Lab, world: World, it: Any, name: str) -> None:
    """What a list is declared to hold comes as objects of that class, each with the client that asked."""
    alter(lab, LISTS[name].operation, lambda items: items or [{"id": NOWHERE}])
    found = world(LISTS[name].call(lab.api, it))
    assert found
    for item in found:
        assert type(item).__name__ == LISTS[name].kind
        assert item._require_client() is lab.api


def test_r036_relations_and_answers_are_objects_with_the_client(lab: Lab, world: World, it: Any) -> None:
    """Relations, parts and the outcomes of writes can do what objects of a list can."""
    label, user = world(lab.api.labels.get_labels())[0], world(lab.api.workspace.get_members())[0]
    group = world(lab.api.workspace.get_groups())[0]
    world(it.activity.update(add_label_ids=[label], add_assigned_user_ids=[user], add_assigned_group_ids=[group]))
    category = world(it.dashboard.add_category("Potency", [], [], []))
    assert category in world(it.dashboard.get_categories())
    value = world(it.record.add_value("Comment", "x"))
    found = [
        category,
        value,
        *world(it.activity.labels),
        *world(it.activity.assigned_users),
        *world(it.activity.assigned_groups),
        *world(it.activity.programs),
        *it.activity.properties,
        *it.record.record_values[value.field_id],
        world(it.activity.activity_definition),
        world(lab.api.programs.create_program("New")),
        world(lab.api.workspace.get_workspace()),
        world(lab.api.imports.get_import(world(lab.api.imports.push_data(["Compound"], [{"Compound": "x"}])))),
    ]
    kinds = {type(item).__name__ for item in found}
    assert kinds >= {
        "DashboardCategory",
        "Label",
        "WorkspaceUser",
        "WorkspaceGroup",
        "Program",
        "Property",
        "Workspace",
    }
    for item in found:
        assert item._require_client() is lab.api
    world(it.activity.properties[0].update_property("plate 7"))
    assert lab.operations()[-1] == "updateProperty"


WITH_METHODS = {
    "Activity": "activities", "ActivityDefinition": "activities", "Property": "activities", "Record": "records",
    "KeyField": "entity_fields", "DataField": "entity_fields", "EntityType": "entity_types", "Dashboard": "dashboards",
    "RecordView": "record_views", "ResultTableTemplate": "result_table_templates",
}  # fmt: skip
ARGUMENTS: dict[str, Any] = {
    "field": "Comment",
    "field_id": "Comment", "content": 1, "value": 1, "activity_id": "Run", "file_name": "a.txt", "file_data": b"1",
    "identifier": NOWHERE, "view_id": NOWHERE, "record_ids": [NOWHERE], "record_id": NOWHERE, "set_id": NOWHERE,
    "category_id": NOWHERE, "category_name": "x", "operation_definition_ids": [], "label_ids": [], "field_ids": [],
    "property_value": 1, "views": [], "file_property_field": NOWHERE, "title": "x", "field_name": "x",
    "property_field_id": NOWHERE, "add_view_ids": [NOWHERE],
    "body": {"new_key_field_name": "x", "records_to_transfer": None},
}  # fmt: skip
RAW: dict[str, Any] = {"id": NOWHERE, "definition_id": OTHER, "data_table_record_mapping": {NOWHERE: [OTHER]},
       "content_layout": [{"id": OTHER, "record_view_id": NOWHERE}]}  # fmt: skip


@pytest.mark.parametrize("kind", WITH_METHODS)
def test_r037_methods_without_a_client_say_so(world: World, kind: str) -> None:
    """Every call of an object that has no client, such as one out of a pickle, names the object and the reason."""
    package = "kalbio" if world.kind == "sync" else "kalbio.aio"
    cls = getattr(import_module(f"{package}.{WITH_METHODS[kind]}"), kind)
    layout = import_module("kalbio.activities").ContentLayoutItem(RAW["content_layout"][0])
    lonely: Resource = pickle.loads(pickle.dumps(cls(RAW)))
    called = 0
    for name in sorted({name for base in cls.__mro__ for name in vars(base) if not name.startswith("_")}):
        member = inspect.getattr_static(cls, name)
        function: Any = member.fget if isinstance(member, property) else member
        if isinstance(member, classmethod) or not hasattr(function, "__wrapped__"):  # works on the JSON alone
            continue
        called += 1
        needed = [item.name for item in inspect.signature(function).parameters.values() if item.name in ARGUMENTS]
        given = {item: ARGUMENTS[item] for item in needed}
        if name == "configure_registration":
            given |= {"view": layout, "status_field": "Comment"}
        with pytest.raises(RuntimeError, match=f"This {kind} has no client"):
            world(getattr(lonely, name) if isinstance(member, property) else getattr(lonely, name)(**given))
    assert called
