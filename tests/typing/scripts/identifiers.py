"""Wherever the documentation says "object, id, or name", each of them will do; other things, and a text for a list, do not."""

from __future__ import annotations

from kalbio import AsyncKaleidoscopeClient
from kalbio.aio.activities import Activity, ActivityDefinition, ContentLayoutItem
from kalbio.aio.dashboards import Dashboard
from kalbio.aio.entity_fields import DataField, KeyField
from kalbio.aio.entity_types import EntityType
from kalbio.aio.imports import ImportRecord
from kalbio.aio.labels import Label
from kalbio.aio.programs import Program
from kalbio.aio.property_fields import PropertyField
from kalbio.aio.record_views import RecordView, ViewField
from kalbio.aio.records import Record, RecordValue, ValueToWrite
from kalbio.aio.registration import RegistrationSubmission
from kalbio.aio.result_table_templates import ResultTableTemplate
from kalbio.aio.workspace import WorkspaceGroup, WorkspaceUser


async def activities(
    client: AsyncKaleidoscopeClient,
    activity: Activity,
    definition: ActivityDefinition,
    label: Label,
    program: Program,
    user: WorkspaceUser,
    group: WorkspaceGroup,
    record: Record,
) -> None:
    """Activities."""
    await activity.update(parent_id=activity, definition_id=definition, add_dependencies=[activity, "Kinase screen"])
    await activity.update(parent_id="Kinase screen", definition_id="Screening", remove_dependencies=(activity,))
    await activity.update(add_label_ids=[label], remove_label_ids={"urgent"}, add_program_ids=[program, "Kinases"])
    await activity.update(add_assigned_user_ids=[user], remove_assigned_user_ids=["ada@example.org"])
    await activity.update(add_reviewer_ids=[user], add_subscriber_ids=(one for one in [user]))
    await activity.update(add_assigned_group_ids={group.id: group}.values(), parent_id=None)
    await definition.update(add_label_ids=[label], add_program_ids=[program], assigned_user_ids=[user, "u"])
    await client.activities.create_activity("t", "task", [program], definition, [user], ["ada@example.org"])
    await client.activities.search_activities(
        definition_ids=[definition], record_ids=[record, {"Compound": "SBX-1"}], label_ids=[label], created_by=user,
        assigned_user_ids=[user], parent_id=activity,
    )  # fmt: skip
    await client.activities.get_activities_by_ids([activity, "Kinase screen"])
    await client.activities.get_definitions_by_ids(definition.title or "" for _ in range(1))
    await activity.add_records([record, "id", {"Compound": "SBX-1"}])
    await client.files.download_file("id", activity_id=activity)
    await activity.update(add_label_ids="urgent")  # error
    await activity.update(add_label_ids=label)  # error
    await activity.update(add_label_ids=[program])  # error
    await activity.update(parent_id=program)  # error
    await activity.update(title=None)  # error
    await definition.update(add_program_ids="Kinases")  # error
    await client.activities.create_activity("t", "task", "Kinases")  # error
    await client.activities.create_activity("t", "task", [label])  # error
    await client.activities.search_activities(label_ids="urgent")  # error
    await client.activities.get_activities_by_ids("Kinase screen")  # error
    await client.activities.get_activities_by_ids(activity)  # error
    await activity.add_records([3])  # error


async def definitions(
    client: AsyncKaleidoscopeClient,
    definition: ActivityDefinition,
    view: RecordView,
    place: ContentLayoutItem,
    field: DataField,
    property_field: PropertyField,
) -> None:
    """Settings of definitions."""
    await definition.set_registration_settings(
        property_field_id=property_field, record_view_id=view, content_layout_id=place, status_field_id=field,
        result_record_view_id="id", result_content_layout_id=None, staging_template_view_id=view,
    )  # fmt: skip
    await definition.set_queuing_behavior(add_view_ids=[view, "id"], remove_view_ids=[view.id])
    definition.content_layout_ids_for_view(view)
    await definition.queue_to_views([view, place, "id"])
    await definition.configure_registration(view="id", file_property_field=property_field, result_view=place)
    await definition.set_registration_settings(record_view_id=field)  # error
    await definition.set_queuing_behavior(add_view_ids="id")  # error


async def records(
    client: AsyncKaleidoscopeClient,
    record: Record,
    key: KeyField,
    field: DataField,
    activity: Activity,
    view: RecordView,
    dashboard: Dashboard,
) -> None:
    """Records are named by objects, ids, and dicts of key fields, which are named in turn."""
    for name in (record, "id"):
        await client.records.get_record_by_id(name)
        await activity.get_record(name)
        await dashboard.add_record(name)
    await client.records.get_record_by_id({key: "SBX-1"})
    await client.records.get_record_by_id({"Compound": "SBX-1"})
    await client.records.get_or_create_record({"Plate": 7})
    await client.records.get_or_create_record({key: "SBX-1", "Batch": "1"})
    await client.records.get_or_create_records([{key: "SBX-1"}, {"Compound": "SBX-2"}])
    await client.records.get_or_create_records({"Compound": f"SBX-{number}"} for number in range(3))
    await client.records.get_records_by_ids([record, "id", {"Compound": "SBX-1"}])
    await client.activities.get_activities_with_record({"Compound": "SBX-1"})
    await dashboard.remove_record({"Compound": "SBX-1"})
    await record.add_value(field, 2.5, activity, view)
    await record.get_value_content(key, sub_record_id={"Compound": "SBX-1", "Batch": "1"}, record_view_id=view)
    await record.update_field_file("Spectrum", "nmr.txt", b"", activity_id=activity, record_view_id=view)
    await activity.records_on_view(view)
    await activity.remove_records([record], view)
    rows: list[ValueToWrite] = [
        {"record": record, "field": field, "content": 1, "activity": activity, "record_view_id": view},
        {"record": {key: "SBX-1"}, "field": "logP", "content": "2", "activity": "Kinase screen"},
    ]
    await client.records.add_values(rows)
    await client.records.add_values({"record": name, "field": "logP", "content": 1} for name in ("a", "b"))
    await client.records.get_or_create_record({"Compound": 2.5})  # error
    await client.records.get_or_create_record("SBX-1")  # error
    await client.records.get_record_by_id(3)  # error
    await client.records.get_records_by_ids("id")  # error
    await dashboard.add_record(3)  # error
    await record.add_value(activity, 2.5)  # error
    await record.add_value("logP", 2.5, field)  # error
    await client.records.add_values([{"record": record, "feild": "logP", "content": 1}])  # error
    await client.records.add_values([{"record": record, "field": "logP", "content": 1, "activity": view}])  # error


async def loads_and_exports(
    client: AsyncKaleidoscopeClient,
    activity: Activity,
    program: Program,
    view: RecordView,
    column: ViewField,
    value: RecordValue,
    kind: EntityType,
    key: KeyField,
    load: ImportRecord,
    submission: RegistrationSubmission,
    record: Record,
) -> None:
    """Imports, exports, and registration."""
    await client.imports.push_data(["Compound"], [{"Compound": "SBX-1"}], operation_id=activity, program_id=program)
    await client.imports.push_data(
        ["Compound"], [], operation_id="Kinase screen", record_view_id=view, add_fields_to_record_view_ids=[view, "id"]
    )
    await client.imports.push_data_by_field_id([key, "Batch"], [{key.id: "SBX-1"}], activity, program, [view])
    await client.imports.get_import(load)
    await client.imports.wait(load.id)
    await client.exports.pull_data("f.csv", kind, record_view_id=view, program_id=program, operation_id=activity)
    await client.exports.pull_data("f.csv", "Compound", view_field_ids=[column], identifier_ids=[value, "id"])
    await client.exports.pull_data("f.csv", "Compound", view_field_ids="id,id")
    await client.registration.submit_drafts(activity, [record, "id"])
    await client.registration.push_submission_status(activity, submission, "validated")
    await client.record_views.get_data_fields_on_view(view, "number")
    await client.imports.push_data("Compound", [{"Compound": "SBX-1"}])  # error
    await client.imports.push_data(["Compound"], [], operation_id=program)  # error
    await client.exports.pull_data("f.csv", kind, program_id=activity)  # error
    await client.exports.pull_data("f.csv", kind, record_view_id=column)  # error
    await client.registration.submit_drafts(activity, "id")  # error


async def others(
    client: AsyncKaleidoscopeClient,
    dashboard: Dashboard,
    definition: ActivityDefinition,
    label: Label,
    program: Program,
    field: DataField,
    key: KeyField,
    kind: EntityType,
    user: WorkspaceUser,
    group: WorkspaceGroup,
    column: ViewField,
    template: ResultTableTemplate,
) -> None:
    """Dashboards, templates, and what else is named."""
    category = await dashboard.add_category("c", [definition, "Screening"], [[label], ["urgent"]], [field, key, "logP"])
    await dashboard.remove_category(category)
    templates = client.result_table_templates
    await templates.create_template(
        view_name="v", entity_slice_id=kind, program_ids=[program, "Kinases"], data_field_ids=[field, "logP"],
        view_field_ids=[column, "id"],
    )  # fmt: skip
    await templates.update_template(template, program_ids=[program], remove_view_field_ids=[column])
    await templates.bulk_link_to_operation_definitions(template, operation_definition_ids=[definition, "Screening"])
    await client.labels.get_labels_by_ids([label, "urgent"])
    await client.programs.get_programs_by_ids([program, "Kinases"])
    await client.workspace.get_members_by_ids([user, "ada@example.org"])
    await client.workspace.get_groups_by_ids([group, "Chemistry"])
    await client.entity_types.get_type_exact_keys([key, "Batch"])
    await dashboard.add_category("c", "Screening", [], [])  # error
    await dashboard.add_category("c", [], ["urgent"], [])  # error
    await templates.create_template(view_name="v", entity_slice_id=kind, data_field_ids=[program])  # error
    await templates.update_template(template, program_ids="Kinases")  # error
    await client.labels.get_labels_by_ids("urgent")  # error
    await client.workspace.get_groups_by_ids([user])  # error
    await client.entity_types.get_type_exact_keys("Batch")  # error
