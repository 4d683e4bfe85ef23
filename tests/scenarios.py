"""What users do, as functions of a client. They return what was seen, without ids and times, to compare runs by."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kalbio import KalbioAPIError
from tests.conftest import World

Scenario = Callable[[World, Any, Path], dict[str, Any]]


def registration_of_a_file(world: World, client: Any, folder: Path) -> dict[str, Any]:
    """A lab hands in a file, a registrar reports on it."""
    fields = client.entity_fields
    world(fields.get_or_create_key_field("Drug"))
    world(fields.get_or_create_data_field("Melting point", "number"))
    records = [world(client.records.get_or_create_record({"Drug": name})) for name in ("Isoniazid", "Warfarin")]
    for record, content in zip(records, ("171", "161"), strict=True):
        world(record.add_value("Melting point", content))
    run = world(
        client.activities.create_activity(
            "Melting points", "experiment", activity_definition_id="Assay results registration"
        )
    )
    world(run.add_records(records))
    upload = next(item for item in run.properties if item.field_type == "file")
    file_id = world(upload.update_property_file("points.csv", b"Drug,Melting point\n", "text/csv"))["file_id"]
    begun = world(client.registration.register_file(run, file_id))
    world(client.registration.push_status(run, file_id, "validated"))
    results = [
        {"record_id": records[0].id, "status": "matched", "data": {"Melting point": 171.5}},
        {"record_id": records[1].id, "status": "error", "error_message": "no sample"},
    ]
    world(client.registration.submit_results(run, file_id, "success", "one of two", records=results))
    ended = world(client.registration.get_registration_files(run))[0]
    world(records[0].refetch())
    hot = [{"field_id": "Melting point", "filter_type": "is_greater_than", "filter_prop": 165}]
    found = world(client.records.get_records_by_ids(world(client.records.search_records(entity_field_filters=hot))))
    exported = world(client.exports.pull_data("drugs.csv", "Drug", folder, overwrite=True))
    downloaded = world(client.files.download_file(file_id, "points.csv", folder, overwrite=True))
    return {
        "statuses": (begun.status, ended.status, ended.message),
        "own": world(records[0].get_value_content("Melting point", run)),
        "found": [str(record) for record in found],
        "export": len(Path(exported).read_text(encoding="utf-8").splitlines()),
        "download": Path(downloaded).read_bytes(),
    }


def records_and_values(world: World, client: Any, folder: Path) -> dict[str, Any]:
    """Records are made, found and read in every way there is."""
    world(client.entity_fields.get_or_create_key_field("Drug"))
    for name, field_type in (("Weight", "number"), ("Oral", "boolean"), ("Note", "text")):
        world(client.entity_fields.get_or_create_data_field(name, field_type))
    made = [world(client.records.get_or_create_record({"Drug": f"D-{n}"})) for n in range(4)]
    for n, record in enumerate(made):
        world(record.add_value("Weight", 100.5 * (n + 1)))
        world(record.add_value("Oral", n % 2 == 0))
    world(made[0].add_value("Weight", "99"))
    world(made[1].update_field("Note", "naïve – µM", None))
    by_dict = world(client.records.get_records_by_ids([{"Drug": f"D-{n}"} for n in (3, 9, 0)], use_cache=False))
    by_id = world(client.records.get_records_by_ids([record.id for record in reversed(made)], use_cache=False))
    filters = [{"field_id": "Weight", "filter_type": "is_between", "filter_prop": [99, 310]}]
    sorts = [{"field_id": "Weight", "descending": True}]
    ids = world(client.records.search_records(entity_field_filters=filters, entity_field_sorts=sorts))
    try:
        world(made[0].add_value("Weight", "heavy"))
        refused = None
    except KalbioAPIError as error:
        refused = error.status_code
    return {
        "by_dict": [str(record) for record in by_dict],
        "by_id": [str(record) for record in by_id],
        "found": [str(record) for record in world(client.records.get_records_by_ids(ids))],
        "history": [value.content for value in world(made[0].get_values())],
        "contents": [world(made[1].get_value_content(name)) for name in ("Drug", "Weight", "Oral", "Note")],
        "absent": world(client.records.get_record_by_id({"Drug": "D-9"})),
        "refused": refused,
    }


def activities_and_their_parts(world: World, client: Any, folder: Path) -> dict[str, Any]:
    """An experiment is made, changed, filled and searched for."""
    project = world(client.activities.create_activity("Lead finding", "project"))
    run = world(
        client.activities.create_activity("Screen 1", "experiment", activity_definition_id="Screening experiment")
    )
    text = {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "begun"}]}]}
    world(run.update(parent_id=project.id, status="in progress", comment=text))
    key = world(client.entity_fields.get_key_fields())[0]
    record = world(client.records.get_or_create_record({key: "S-1"}))
    world(run.add_records([record]))
    held = [str(item) for item in world(run.records)]
    world(run.remove_records([record]))
    world(project.refetch())
    found = world(client.activities.search_activities(search_text="Screen 1", statuses=["in progress"]))
    return {
        "definition": str(world(run.activity_definition).title),
        "status": run.status,
        "held": held,
        "after": run.all_record_ids,
        "children": [item.title for item in world(project.child_activities)],
        "comments": [item.content for item in world(run.get_comments())],
        "found": [item.title for item in found],
        "unknown": world(client.activities.get_activity_by_id("No such thing")),
    }


def imports_and_exports(world: World, client: Any, folder: Path) -> dict[str, Any]:
    """Rows go in, with one that does not fit, and come out as CSV."""
    world(client.entity_fields.get_or_create_data_field("Yield", "number"))
    rows = [
        {"Reaction": "R-1", "Yield": 81},
        {"Reaction": "R-2", "Yield": "much"},
        {"Reaction": "R-3", "Solvent": "DMF"},
    ]
    world(client.entity_fields.get_or_create_key_field("Reaction"))
    state = world(client.imports.get_import(world(client.imports.push_data(["Reaction"], rows))))
    checked = state.import_result.validation_result
    path = world(client.exports.pull_data("reactions.csv", "Reaction", folder, overwrite=True))
    return {
        "status": (state.import_status, state.is_complete),
        "rows": (checked.total_processed, checked.successful, checked.failed),
        "errors": [(item.field_name, item.value) for item in checked.errors],
        "added": state.import_result.fields_added,
        "csv": sorted(Path(path).read_text(encoding="utf-8").splitlines()[1:]),
    }


def registration_of_drafts(world: World, client: Any, folder: Path) -> dict[str, Any]:
    """Rows are staged, judged, submitted and cleared."""
    run = world(client.activities.create_activity("Batch 1", "experiment", activity_definition_id="Batch registration"))
    keys = ["Compound"]
    rows = [{name: f"{name}-{n}" for name in keys} for n in range(3)]
    state = world(client.imports.get_import(world(client.registration.stage_drafts(run, keys, rows))))
    world(run.refetch())
    drafts = run.data_table_draft_record_ids
    dry = world(client.registration.validate_drafts(run))
    verdicts = [{"record_id": item, "status": "ok"} for item in drafts]
    world(client.registration.submit_submission_results(run, dry.id, "success", records=verdicts))
    real = world(client.registration.submit_drafts(run, drafts[:1]))
    world(client.registration.push_submission_status(run, real.id, "validated", "on its way"))
    world(client.registration.submit_submission_results(run, real.id, "success", records=verdicts[:1]))
    world(client.registration.clear_drafts(run, drafts[1:2]))
    world(run.refetch())
    submissions = world(client.registration.get_registration_submissions(run))
    return {
        "staged": (state.import_status, len(drafts)),
        "submissions": [(item.submission_type, item.status) for item in submissions],
        "drafts": sorted(item.status or "" for item in world(client.registration.get_draft_statuses(run))),
        "left": len(run.data_table_draft_record_ids),
    }


def the_workspace(world: World, client: Any, folder: Path) -> dict[str, Any]:
    """What a workspace holds can be listed."""
    world(client.programs.update_program(world(client.programs.create_program("New")), "Newer"))
    return {
        "workspace": str(world(client.workspace.get_workspace())),
        "members": sorted(str(item.email) for item in world(client.workspace.get_members())),
        "groups": [str(item) for item in world(client.workspace.get_groups())],
        "programs": [str(item) for item in world(client.programs.get_programs())],
        "labels": [str(item) for item in world(client.labels.get_labels())],
        "definitions": [item.title for item in world(client.activities.get_definitions())],
        "properties": [str(item) for item in world(client.property_fields.get_property_fields())],
        "views": [str(item) for item in world(client.record_views.get_record_views())],
        "types": [str(item.slice_name) for item in world(client.entity_types.get_types())],
    }


def views_templates_and_dashboards(world: World, client: Any, folder: Path) -> dict[str, Any]:
    """A template is made, linked and taken away again; a dashboard gains and loses a record."""
    templates = client.result_table_templates
    made = world(
        templates.create_template(
            view_name="Potency", template_name="Potency table", entity_slice_id="Compound", data_field_ids=["Soluble"]
        )
    )
    linked = world(templates.link_to_operation_definition(made, operation_definition_id="Screening experiment"))
    definition = world(client.activities.get_definition_by_id("Screening experiment"))
    screen = world(client.activities.get_activity_by_id("Kinase screen"))
    tables = world(screen.record_views)
    during = sorted(str(view) for view in tables)
    made_table = next(view for view in tables if str(view).endswith("Potency"))
    columns = [str(field) for field in world(client.record_views.get_data_fields_on_view(made_table))]
    places = len(definition.content_layout_ids_for_view(made.id))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*None clears here")
        world(templates.update_template(made, template_name=None, sort_order="alphabetical"))
    world(templates.bulk_unlink_from_operation_definitions(made, operation_definition_ids=[definition]))
    renamed = world(templates.get_template_by_id(made.id))
    world(templates.delete_template(made))
    board = world(client.dashboards.get_dashboards())[0]
    before = len(board.record_ids)
    record = world(client.records.get_or_create_record({"Compound": "CPD-77"}))
    world(board.add_record(record))
    category = world(board.add_category("Potency", [definition], [["urgent"]], ["Soluble"]))
    events = world(client.workspace.get_events(resource_type="record", page_size=1))
    return {
        "linked": linked.operation_definition_ids == [definition.id],
        "columns": columns,
        "during": during,
        "places": places,
        "after": sorted(str(view) for view in world(screen.record_views)),
        "renamed": (renamed.template_name, renamed.sort_order, renamed.operation_definition_ids),
        "gone": world(templates.get_template_by_id(made.id)) is None,
        "board": len(world(client.dashboards.get_dashboards(use_cache=False))[0].record_ids) - before,
        "categories": sorted(str(item.category_name) for item in world(board.get_categories())),
        "category": (category.category_name, len(category.label_ids[0])),
        "events": [item.event_type for item in events],
    }


SCENARIOS: list[Scenario] = [
    registration_of_a_file,
    records_and_values,
    activities_and_their_parts,
    imports_and_exports,
    registration_of_drafts,
    the_workspace,
    views_templates_and_dashboards,
]
