"""The scenario that calls every operation through the client. A new operation gets a line here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kaleidoscope_api.api.operations import post_operation_callback

from kalbio.testing import make_compounds
from tests.conftest import World

SOURCE = "5e0c0d5e-0000-4000-8000-000000000000"


def activities(world: World, api: Any, folder: Path) -> None:
    """Call everything about activities, definitions and properties."""
    run = world(api.activities.create_activity("Run", "experiment", activity_definition_id="Screening experiment"))
    record = world(api.records.get_or_create_record({"Compound": "CPD-1"}))
    world(api.activities.get_activity_by_id(run.id))
    world(run.update(status="in progress"))
    _ = world(run.child_activities), world(run.records), world(run.labels)
    world(run.get_events()), world(run.get_comments())
    world(run.add_records([record]))
    world(api.activities.get_activities_with_record(record))
    world(run.remove_records([record]))
    world(api.activities.search_activities(limit=1))
    world(world(api.activities.get_definitions())[0].update(external_id="X-1"))
    world(api.property_fields.get_property_fields())
    if world.kind == "sync":
        post_operation_callback.sync_detailed(run.id, client=api.raw, body={"done": True})
    else:
        world(post_operation_callback.asyncio_detailed(run.id, client=api.raw, body={"done": True}))


def records(world: World, api: Any, folder: Path) -> None:
    """Call everything about records, fields and entity types."""
    key = world(api.entity_fields.get_or_create_key_field("Plate"))
    data = world(api.entity_fields.get_or_create_data_field("Depth", "number"))
    upload = world(api.entity_fields.get_or_create_data_field("Scan", "file"))
    world(key.update(field_description="a plate"))
    world(data.update(field_description="in mm"))
    record = world(api.records.get_or_create_record({"Plate": "P-1"}))
    world(record.add_value("Depth", 3))
    file = world(record.update_field_file(upload, "scan.txt", b"1", "text/plain")).content
    world(api.files.read_file(file["file_id"]))
    world(record.get_values())
    world(record.refetch())
    world(api.records.get_records_by_ids([record.id, {"Plate": "P-2"}], use_cache=False))
    world(api.records.search_records(entity_slice_id="Plate"))
    world(api.entity_types.get_types())
    world(api.exports.pull_data("plates.csv", "Plate", folder, overwrite=True))


def imports(world: World, api: Any, folder: Path) -> None:
    """Call everything about imports."""
    rows = make_compounds(3)
    world(api.imports.push_data(["Compound"], rows))
    world(api.imports.push_data(["Compound"], rows, source_id=SOURCE))
    key = world(api.entity_fields.get_key_field_by_id("Compound"))
    world(api.imports.wait(world(api.imports.push_data_by_field_id([key.id], [{key.id: "CPD-00001"}]))))
    world(api.imports.get_imports())


def registration(world: World, api: Any, folder: Path) -> None:
    """Call everything about registration, from both sides."""
    run = world(api.activities.create_activity("A", "experiment", activity_definition_id="Assay results registration"))
    upload = next(item for item in run.properties if item.field_type == "file")
    text = next(item for item in run.properties if item.field_type == "text")
    world(text.update_property("protocol 7"))
    file_id = world(upload.update_property_file("a.csv", b"a", "text/csv"))["file_id"]
    world(api.files.read_file(file_id, run))
    world(api.registration.register_file(run, file_id))
    world(api.registration.push_status(run, file_id, "validated"))
    world(api.registration.submit_results(run, file_id, "success"))
    world(api.registration.get_registration_files(run))

    batch = world(api.activities.create_activity("B", "experiment", activity_definition_id="Batch registration"))
    world(api.registration.stage_drafts(batch, ["Compound"], [{"Compound": f"C-{n}"} for n in range(2)]))
    dry = world(api.registration.validate_drafts(batch))
    world(api.registration.push_submission_status(batch, dry.id, "pending"))
    world(api.registration.submit_submission_results(batch, dry.id, "success"))
    world(batch.refetch())
    world(api.registration.submit_drafts(batch, batch.data_table_draft_record_ids[:1]))
    world(api.registration.clear_drafts(batch, batch.data_table_draft_record_ids[1:]))
    world(api.registration.get_draft_statuses(batch))
    world(api.registration.get_registration_submissions(batch))


def views_and_templates(world: World, api: Any, folder: Path) -> None:
    """Call everything about record views and result table templates."""
    templates = api.result_table_templates
    made = world(templates.create_template(view_name="Potency", entity_slice_id="Compound", template_name="Potency"))
    world(templates.get_template_by_id(made.id))
    world(templates.update_template(made, view_name="Potency 2"))
    copy = world(templates.duplicate_template(made))
    linked = world(templates.link_to_operation_definition(made, operation_definition_id="Screening experiment"))
    definition = world(api.activities.get_definition_by_id("Screening experiment"))
    place = definition.content_layout_ids_for_view(linked.id)[0]
    arguments = {"operation_definition_id": definition, "content_layout_id": place}
    world(templates.unlink_from_operation_definition(made, **arguments))
    world(templates.bulk_link_to_operation_definitions(made, operation_definition_ids=[definition]))
    world(templates.bulk_unlink_from_operation_definitions(made, operation_definition_ids=[definition]))
    world(templates.delete_template(copy))
    world(templates.get_templates())
    screen = world(api.activities.get_activity_by_id("Kinase screen"))
    table = world(screen.record_views)[0]
    promoted = {"source_view_id": table, "operation_definition_id": definition, "view_name": "Promoted"}
    world(templates.promote_view_to_template(**promoted))
    main = next(view for view in world(api.record_views.get_record_views()) if view.view_name == "Main")
    world(main.extend_view({"new_key_field_name": "Salt", "records_to_transfer": None}))
    other = world(templates.save_view_as_template(source_view_id=main, view_name="Saved"))
    assert other.id
    fresh = world(api.record_views.get_record_views(use_cache=False))
    empty = next(view for view in fresh if view.id == main.id)
    world(empty.replace_key_fields({"add_key_field_names": ["Form"], "records_to_transfer": []}))


def dashboards_and_workspace(world: World, api: Any, folder: Path) -> None:
    """Call everything about dashboards, programs, labels and the workspace."""
    board = world(api.dashboards.get_dashboards())[0]
    record = world(api.records.get_or_create_record({"Compound": "CPD-9"}))
    world(board.add_record(record))
    world(board.remove_record(record))
    category = world(board.add_category("Potency", ["Screening experiment"], [["urgent"]], ["Compound"]))
    world(board.get_categories())
    world(board.remove_category(category))
    held = next(item for item in world(api.dashboards.get_dashboards(use_cache=False)) if item.record_set_ids)
    first = held.record_set_ids[0]
    world(held.remove_set(first))
    world(held.add_set(first))
    world(api.programs.update_program(world(api.programs.create_program("New")), "Newer"))
    world(api.programs.get_programs())
    world(api.workspace.get_workspace()), world(api.workspace.get_members()), world(api.workspace.get_groups())
    world(api.workspace.get_events(page_size=1))


def call_every_operation(world: World, api: Any, folder: Path) -> None:
    """All of it."""
    for part in (activities, records, imports, registration, dashboards_and_workspace, views_and_templates):
        part(world, api, folder)
