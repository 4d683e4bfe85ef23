"""Touches on a sandbox what `scripts.surface` has read in tables: imports it, calls it, reads it.

Every call is made with what it must have, and once more with each further argument by its name. What it gives is held
against the annotation in the table. And every call fails, on purpose: under the error policy `raise` it must raise,
under `log` it must give what the table says, which is what it gave in its oldest release.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import json
import logging
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import attrs

import kalbio.activities
import kalbio.client
from kalbio import KalbioError
from kalbio.entity_fields import DataFieldTypeEnum
from kalbio.testing import InProcess
from scripts.surface import WORLDS, Wanted, find

WAYS = [(world, policy) for world in WORLDS for policy in ("raise", "log")]
OLDEST = ("S", "2")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NOWHERE = "00000000-0000-4000-8000-000000000000"
ASKS_NOBODY = "asks nobody"
FAULTS: dict[str, dict[str, Any]] = {"refused": {"status": 403}, "no connection": {"refuse": True}}

# What an argument is given, as Python over the names that `prepare` makes; names and ids as the tables have them.
ARGUMENTS = {
    "client_id": "'sandbox-id'", "client_secret": "'sandbox-secret'", "url": "'http://127.0.0.1:9'",
    "additional_headers": "{'x-lab': '1'}", "iap_client_id": "'iap'", "verify_ssl": "True",
    "method": "'GET'", "status_code": "404", "response_body": "b'no'", "client": "client",
    "KalbioAPIError.url": "'/records'", "KalbioResponseError.url": "'/records'",
    "activity_definition_id": "'Screening experiment'", "definition_id": "'Screening experiment'",
    "activity_id": "run.title", "operation_id": "run.id", "activity_type": "'experiment'", "activity_types": "['task']",
    "add_view_ids": "[view.id]", "remove_view_ids": "[view.id]", "queue_content_layout_ids":
        "[{'view_id': place.record_view_id, 'content_layout_ids': [place.id]}]",
    "after_date": "NOON", "before_date": "NOON", "due_date": "NOON", "start_date": "NOON",
    "attrs": "{}", "batch_size": "10", "body": "{'new_key_field_name': 'Salt', 'records_to_transfer': None}",
    "RecordView.replace_key_fields.body":
        "{'add_key_field_names': ['Form'], 'remove_key_field_ids': [], 'records_to_transfer': "
        "[{'record_id': record.id, 'key_field_name_to_value': {'Compound': 'CPD-1', 'Form': 'salt'}}]}",
    "category_id": "category.id", "category_name": "'Potency'", "color_filters": "[]",
    "comment": "{'type': 'doc', 'content': []}",
    "completed_behavior": "'hide-all'", "content": "'x'", "content_layout_id": "place.id", "created_by": "member.id",
    "data": "[{'Compound': 'CPD-1'}]", "export_data.data": "[{field.id: 'x'}]",
    "ImportsService.push_data_by_field_id.data": "[{key.id: 'CPD-1'}]",
    "data_field_ids": "[field.id]", "lookup_field_ids": "[]", "plot_field_ids": "[]",
    "definition_ids": "[screening.id]", "description": "{'type': 'doc', 'content': []}",
    "duration": "3", "destination": "folder",
    "download_path": "folder", "display_aggregation_type": "'latest'", "lookup_display_aggregation_type": "'latest'",
    "lookup_display_operation_scope": "'all'", "entity_field_filters":
        "[{'field_id': field.id, 'filter_type': 'is_set', 'filter_prop': None}]",
    "entity_field_sorts": "[{'field_id': field.id, 'descending': True}]",
    "ExportsService.pull_data.entity_field_filters":
        "json.dumps([{'field_id': field.id, 'filter_type': 'is_set', 'filter_prop': None}])",
    "ExportsService.pull_data.entity_field_sorts": "json.dumps([{'field_id': field.id, 'descending': True}])",
    "ExportsService.pull_data.view_field_filters": "'[]'", "ExportsService.pull_data.view_field_sorts": "'[]'",
    "ExportsService.pull_data.identifier_ids": "record.identifier_ids[0]",
    "ExportsService.pull_data.view_field_ids": "column.id",
    "view_field_filters": "[{'key_field_id': None, 'view_field_id': column.id, 'filter_type': 'is_set', "
        "'filter_prop': None}]",
    "view_field_sorts": "[{'key_field_id': None, 'view_field_id': column.id, 'descending': True}]",
    "entity_slice_id": "kind.id", "error_message": "'why'", "event_types": "['record.created']",
    "event_user_ids": "[member.id]", "external_id": "'X-1'", "field_description": "'about'", "field_examples": "'1, 2'",
    "field_id": "'Remark'", "field_ids": "[field.id]", "field_name": "'Remark 2'", "field_type": "'text'",
    "EntityFieldsService.get_or_create_data_field.field_type": "DataFieldTypeEnum.TEXT",
    "Record.update_field_file.field_id": "file_field", "RecordsService.create_record_value_file.field_id":
        "file_field.id", "file_data": "io.BytesIO(b'1')", "file_id": "file_id", "file_name": "'a.csv'",
    "file_type": "'text/csv'", "filename": "'a.csv'", "file_property_field": "upload", "filters": "[]", "sorts": "[]",
    "format_enforcement": "'suggest'", "group_by_field_id": "None", "group_by_mode": "None",
    "identifier": "{'Compound': 'CPD-1'}", "EntityFieldsService.get_key_field_by_id.identifier": "'Compound'",
    "EntityFieldsService.get_data_field_by_id.identifier": "'Remark'", "identifier_ids": "record.identifier_ids",
    "ids": "[program.id]", "ActivitiesService.get_activities_by_ids.ids": "['Kinase screen']",
    "ActivitiesService.get_activity_by_id.activity_id": "'Kinase screen'",
    "ActivitiesService.get_definitions_by_ids.ids": "['Screening experiment']",
    "LabelsService.get_labels_by_ids.ids": "[label.id]", "WorkspaceService.get_members_by_ids.ids": "[member.id]",
    "WorkspaceService.get_groups_by_ids.ids": "[group.id]", "import_id": "import_id",
    "include_sub_record_values": "True", "initial_counter_value": "1", "key_field_ids": "[key.id]",
    "key_field_names": "['Compound']", "key_values": "{'Compound': 'CPD-3'}", "label_ids": "[label.id]",
    "Dashboard.add_category.label_ids": "[[label.id]]", "limit": "5", "message": "'done'", "name": "'Compound'",
    "operation_definition_id": "screening.id", "operation_definition_ids": "[screening.id]", "page": "1",
    "page_size": "10", "parent_id": "activity.id", "position_index": "0", "priority": "'high'",
    "program_id": "program.id",
    "program_ids": "[program.id]", "property_field_id": "upload.property_field_id", "property_value": "'protocol 8'",
    "record_id": "{'Compound': 'CPD-1'}", "Dashboard.add_record.record_id": "other.id",
    "Dashboard.remove_record.record_id": "record.id", "record_ids": "[record.id]", "record_set_ids": "NOWHERE",
    "record_set_ids_filter": "[]", "record_view_id": "view.id", "record_view_ids": "[view.id]",
    "ImportsService.push_data.record_view_ids": "[]", "add_fields_to_record_view_ids": "[view.id]",
    "regex_format": "'.*'", "reorder_view_field_ids": "[template.view_fields[0].id]",
    "save_view_field_ids": "[template.view_fields[0].id]", "remove_view_field_ids": "[template.view_fields[0].id]",
    "resource_type": "'record'", "result_content_layout_id": "place.id", "result_record_view_id": "view.id",
    "result_view": "place", "role": "'registered_entity'", "search_text": "'CPD'", "serial_format_padding": "3",
    "serial_format_prefix": "'C-'", "set_id": "set_id", "set_name": "'A set'", "sort_order": "None",
    "source_id": "'my instrument'", "source_view_id": "view.id", "staging_template_view_id": "template.id",
    "status": "'to do'", "status_field": "field", "status_field_id": "field.id", "statuses": "['to do']",
    "sub_record_id": "record", "submission_id": "submission.id", "template_id": "template.id", "template_name": "'T'",
    "template_view_id": "template.id", "title": "'Plate 8'", "value": "'x'", "view": "place",
    "ProgramsService.update_program.title": "'Renamed'", "view_field_ids": "[column.id]",
    "view_id": "place.record_view_id", "view_mode": "None", "view_name": "'A view'", "views": "[place]",
    "add_dependencies": "[activity.id]", "remove_dependencies": "[activity.id]", "kwargs": "",
    "RegistrationService.submit_results.status": "'success'",
    "RegistrationService.push_status.status": "'validated'",
    "RegistrationService.push_submission_status.status": "'pending'",
    "RegistrationService.submit_submission_results.status": "'success'",
    "RegistrationService.stage_drafts.operation_id": "fresh.id",
    "RegistrationService.validate_drafts.operation_id": "fresh.id",
    "RegistrationService.submit_drafts.operation_id": "fresh.id",
    "RegistrationService.get_draft_statuses.operation_id": "batch.id",
    "RegistrationService.get_registration_submissions.operation_id": "batch.id",
    "RegistrationService.clear_drafts.operation_id": "fresh.id",
    "RegistrationService.push_submission_status.operation_id": "batch.id",
    "RegistrationService.submit_submission_results.operation_id": "batch.id",
    "RegistrationService.clear_drafts.record_ids": "fresh.data_table_draft_record_ids[1:2]",
    "RegistrationService.submit_drafts.record_ids": "fresh.data_table_draft_record_ids[:1]",
    "RegistrationService.validate_drafts.record_ids": "fresh.data_table_draft_record_ids[:1]",
    "records": "[{'record_id': record.id, 'status': 'ok'}]",
    "RegistrationService.submit_submission_results.records":
        "[{'record_id': batch.data_table_draft_record_ids[0], 'status': 'ok'}]",
    "ResultTableTemplatesService.unlink_from_operation_definition.template_id": "linked.id",
    "ResultTableTemplatesService.unlink_from_operation_definition.content_layout_id": "link",
    "ResultTableTemplatesService.bulk_unlink_from_operation_definitions.template_view_id": "linked.id",
    "ResultTableTemplatesService.promote_view_to_template.source_view_id": "screen_table.id",
    "Activity.records_on_view.view_id": "view.id", "shift_dependency_mode": "'none'",
}  # fmt: skip
ARGUMENTS |= dict.fromkeys(
    re.findall(
        r"\w+",
        "aggregate_scheduling avoid_weekends extend_in_progress_items is_archived is_readonly use_cache is_complete "
        "display_includes_operations display_includes_sub_records lookup_display_includes_sub_records "
        "show_format_warning propagate_to_instances replace_existing sort_descending",
    ),
    "True",
)
for _role in ("label", "program", "assigned_user", "reviewer", "subscriber", "assigned_group"):
    _item = {"label": "label", "program": "program", "assigned_group": "group"}.get(_role, "member")
    ARGUMENTS |= {f"{_side}{_role}_ids": f"[{_item}.id]" for _side in ("add_", "remove_", "")}

# What else must be given for an argument to make sense.
NEEDS = {
    "Record.add_value(record_view_id)": {"activity_id": "run"},
    "Record.update_field(record_view_id)": {"activity_id": "run"},
    "Record.update_field_file(record_view_id)": {"activity_id": "run"},
    "KaleidoscopeClient": {"client_id": "'sandbox-id'", "client_secret": "'sandbox-secret'"},
    "ExportsService.pull_data": {"download_path": "folder"},
    "FilesService.download_file": {"destination": "folder"},
    "ImportsService.push_data(record_view_id)": {"operation_id": "run.id"},
}

# An object of each class.
OBJECTS = {
    "Record": "record", "RecordValue": "value", "Activity": "run", "ActivityDefinition": "definition",
    "Property": "protocol", "ContentLayoutItem": "place", "ActivityEvent": "wait(run.get_events())[0]",
    "KeyField": "key", "DataField": "field", "EntityField": "field", "EntityType": "kind", "RecordView": "view",
    "ViewField": "column", "ResultTableTemplate": "template", "Program": "program", "Label": "label",
    "PropertyField": "wait(client.property_fields.get_property_fields())[0]",
    "Workspace": "wait(client.workspace.get_workspace())", "WorkspaceUser": "member", "WorkspaceGroup": "group",
    "WorkspaceEvent": "wait(client.workspace.get_events())[0]", "Dashboard": "board", "DashboardCategory": "category",
    "ImportRecord": "finished", "ImportResult": "finished.import_result",
    "ImportValidationResult": "finished.import_result.validation_result",
    "RegistrationFile": "registered", "RegistrationFileWithErrors":
        "wait(client.registration.get_registration_files(run))[0]", "RegistrationSubmission": "submission",
    "RegistrationSubmissionWithErrors": "wait(client.registration.get_registration_submissions(batch))[0]",
    "RegistrationDraftStatus": "wait(client.registration.get_draft_statuses(batch))[0]",
    "KaleidoscopeClient": "client", "Property.update_property_file": "upload",
}  # fmt: skip

ACCEPTED = {
    r"\(record_set_filters\).* no longer supported":
        "it is sent as it is, with a DeprecationWarning; the sandbox refuses it by name",
    r"\((avoid_weekends|extend_in_progress_items|shift_dependency_mode)\).*does no scheduling":
        "it is sent as given; the sandbox schedules nothing and refuses it by name",
    r"Record\.refetch on failure: .* gives None, not raised AttributeError":
        "that a record is gone is logged, and its object stays as it was; an AttributeError told nobody why",
}  # fmt: skip
"""Differences and why they are: a pattern of the label to the reason."""


# The value of a failed call that a table tells in words.
IN_WORDS = {"all ids kept": "[{field.id: 'x'}]"}

# Older spellings, each with what it must give.
OLDER = {
    "older: submit_results(error_message)": (
        "client.registration.submit_results(run.id, file_id, 'success', error_message='done')", "bool"),
    "older: submit_results, message in 4th position": (
        "client.registration.submit_results(run.id, file_id, 'success', 'done')", "bool"),
    "older: search_records(record_set_id)": ("client.records.search_records(record_set_id=NOWHERE)", "list[str]"),
    "older: search_records(record_set_filters)": (
        "client.records.search_records(record_set_filters=[NOWHERE])", "list[str]"),
    "older: pull_data(record_set_id)": (
        "client.exports.pull_data('a.csv', kind.id, folder, record_set_id=set_id)", "str"),
    "older: pull_data(record_set_filters)": (
        "client.exports.pull_data('a.csv', kind.id, folder, record_set_filters=[NOWHERE])", "str"),
    "older: push_data, record_view_ids in 6th position, set_name in 7th": (
        "client.imports.push_data(['Compound'], [{'Compound': 'CPD-1'}], None, None, None, [], 'A set')", "str"),
    "older: create_activity, start_date and duration in 6th and 7th position": (
        "client.activities.create_activity('P', 'task', None, None, None, NOON, 3)", "Activity"),
    "older: Activity.update, free keywords": ("run.update(**{'title': 'Plate 7'})", "None"),
    "older: ActivityDefinition.update, free keywords": ("definition.update(**{'external_id': 'X'})", "None"),
    "older: ActivityStatusEnum.READY_FOR_MAKE": (
        "{'ready for make': 'x'}[kalbio.activities.ActivityStatusEnum.READY_FOR_MAKE.value]", "str"),
    "older: DataFieldTypeEnum.PEPTID": ("{'peptide': 'x'}[DataFieldTypeEnum.PEPTID.value]", "str"),
    "older: VALID_CONTENT_TYPES": ("[*kalbio.client.VALID_CONTENT_TYPES]", "list[str]"),
    "older: get_events gives what reads like dicts": (
        "wait(client.workspace.get_events())[0]['event_type']", "str"),
    "older: get_categories gives what reads like dicts": ("wait(board.get_categories())[0]['category_name']", "str"),
    "older: from kalbio import KaleidoscopeClient, __version__": (
        "[kalbio.KaleidoscopeClient.__name__, kalbio.__version__]", "list[str]"),
}  # fmt: skip


def prepare(client: Any, wait: Callable[[Any], Any], folder: Path) -> dict[str, Any]:
    """Return what expressions may name: things that are there in the sandbox."""
    fields, activities, registration = client.entity_fields, client.activities, client.registration
    key = wait(fields.get_or_create_key_field("Compound"))
    field = wait(fields.get_or_create_data_field("Remark", "text"))
    file_field = wait(fields.get_or_create_data_field("Scan", "file"))
    record = wait(client.records.get_or_create_record({"Compound": "CPD-1"}))
    value = wait(record.add_value(field, "first"))
    program = wait(client.programs.create_program("Surface"))
    definition = wait(activities.get_definition_by_id("Assay results registration"))
    screening = wait(activities.get_definition_by_id("Screening experiment"))
    activity = wait(activities.get_activity_by_id("Kinase screen"))
    run = wait(activities.create_activity("Plate 7", "experiment", activity_definition_id=definition))
    label = wait(client.labels.get_labels())[0]
    member = wait(client.workspace.get_members())[0]
    group = wait(client.workspace.get_groups())[0]
    wait(run.update(add_label_ids=[label.id], add_program_ids=[program.id]))
    wait(run.update(add_assigned_user_ids=[member.id], add_assigned_group_ids=[group.id]))
    wait(run.add_records([record.id]))
    upload = next(item for item in run.properties if item.field_type == "file")
    protocol = next(item for item in run.properties if item.field_type == "text")
    file_id = wait(upload.update_property_file("a.csv", io.BytesIO(b"a"), "text/csv"))["file_id"]
    registered = wait(registration.register_file(run.id, file_id))
    batch = wait(activities.create_activity("Batch 7", "experiment", activity_definition_id="Batch registration"))
    wait(registration.stage_drafts(batch.id, ["Compound"], [{"Compound": f"B-{number}"} for number in range(2)]))
    wait(batch.refetch())
    fresh = wait(activities.create_activity("Batch 8", "experiment", activity_definition_id="Batch registration"))
    wait(registration.stage_drafts(fresh.id, ["Compound"], [{"Compound": f"F-{number}"} for number in range(2)]))
    wait(fresh.refetch())
    submission = wait(registration.validate_drafts(batch.id, batch.data_table_draft_record_ids[:1]))
    board = next(item for item in wait(client.dashboards.get_dashboards()) if item.record_set_ids)
    wait(board.add_record(record.id))
    other = wait(client.records.get_or_create_record({"Compound": "CPD-2"}))
    import_id = wait(client.imports.push_data(["Compound"], [{"Compound": "CPD-1", "Potency (nM)": "much"}]))
    template = wait(
        client.result_table_templates.create_template(
            view_name="Surface", entity_slice_id="Compound", data_field_ids=[field.id]
        )
    )
    linked = wait(client.result_table_templates.duplicate_template(template.id))
    wait(client.result_table_templates.link_to_operation_definition(linked.id, operation_definition_id=screening.id))
    place = next(item for item in definition.content_layout if item.record_view_id)
    return locals() | {
        "kind": wait(client.entity_types.get_type_by_name("Compound")),
        "view": wait(run.record_views)[0],
        "column": next(v for v in wait(client.record_views.get_record_views()) if v.view_fields).view_fields[0],
        "screen_table": wait(activity.record_views)[0],
        "link": wait(activities.get_definition_by_id(screening.id)).content_layout_ids_for_view(linked.id)[0],
        "category": wait(board.add_category("Seen", [screening.id], [], [])),
        "finished": wait(client.imports.get_import(import_id)),
        "set_id": board.record_set_ids[0],
    }


class _LogCapture(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class LoggedFailure(Exception):
    """What a call gave after it had logged a failure."""

    def __init__(self, result: Any, lines: Sequence[str]) -> None:
        super().__init__(" / ".join(line.partition(": ")[2] for line in lines))
        self.result = result


class Lab:
    """A sandbox, a client of one world with one error policy, and what `prepare` makes."""

    def __init__(self, world: str, policy: str) -> None:
        self.world, self.policy = world, policy
        self.inside = InProcess(retries=0)
        client: Any = self.inside.client if world == "sync" else self.inside.async_client
        self.client = client
        self._runner = asyncio.Runner() if world == "async" else None
        self._folder = tempfile.TemporaryDirectory()
        self.names = prepare(self.client, self.wait, Path(self._folder.name))
        self.names |= {"NOON": datetime(2026, 1, 5, 12, tzinfo=UTC), "NOWHERE": NOWHERE, "io": io, "json": json}
        self.names |= {"DataFieldTypeEnum": DataFieldTypeEnum, "kalbio": kalbio, "wait": self.wait}
        self.client.on_error = policy

    def wait(self, result: Any) -> Any:
        """Return what a call gives, awaited where need be."""
        if self._runner is None or not inspect.isawaitable(result):
            return result

        async def wait() -> Any:
            return await result

        return self._runner.run(wait())

    def run(self, expression: str) -> Any:
        """Return what an expression gives; a failure is an outcome too."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with self._listening() as logged:
                    result = self.wait(eval(expression, dict(self.names)))  # noqa: S307 - text of this module
            except Exception as error:
                return error
        return LoggedFailure(result, logged) if logged else result

    @contextlib.contextmanager
    def _listening(self) -> Iterator[list[str]]:
        """Collect the failures that are logged."""
        logger, capture = logging.getLogger("kalbio"), _LogCapture()
        logger.addHandler(capture)
        before, logger.propagate = logger.propagate, False
        try:
            yield capture.lines
        finally:
            logger.removeHandler(capture)
            logger.propagate = before

    def fail(self, expression: str, **fault: Any) -> Any:
        """Return what an expression gives when every request goes wrong."""
        self.client.clear_caches()
        for item in ("run", "record", "definition", "view", "board"):
            self.names[item].clear_caches()
        self.inside.exchanges.clear()
        self.inside.fail(rate=1.0, **fault)
        try:
            return self.run(expression)
        finally:
            self.inside.sandbox.faults.clear()

    def close(self) -> None:
        """Close everything."""
        self.wait(self.client.aclose() if self._runner else self.client.close())
        if self._runner:
            self._runner.close()
        self.inside.close()
        self._folder.cleanup()


@attrs.define
class Account:
    """What was touched in one world under one policy, and what was different."""

    touched: set[str] = attrs.field(factory=set)
    differences: dict[str, str] = attrs.field(factory=dict)

    def note(self, label: str, difference: str | None) -> None:
        """Count a label as touched, or note what is different about it."""
        if difference is None:
            self.touched.add(label)
        else:
            self.differences[label] = difference


def labels(item: Wanted, tables: Sequence[Wanted]) -> list[str]:
    """What is to be touched of one wanted name."""
    name = _name(item)
    return [
        *([name] if item.name else []),
        *(f"{name}({parameter})" for parameter in _parameters(item, tables)),
        *(f"{name}.{member}" for member in item.members),
        *([f"{name} on failure"] if _can_fail(item) else []),
    ]


def _name(item: Wanted) -> str:
    return f"{'/'.join(item.modules) or 'every object'}: {item.name}"


def _can_fail(item: Wanted) -> bool:
    return item.failure is not None and item.failure != "–"


def _parameters(item: Wanted, tables: Sequence[Wanted]) -> list[str]:
    """Parameters by name; free keywords stand for the members of the dict that describes them."""
    found = list(item.parameters or ())
    if "params" in found:
        query = "SearchRecordsQuery" if "records" in item.modules else "WorkspaceService.EventsQuery"
        found = [member for other in tables if other.name == query for member in other.members]
    return found


def walk(tables: Sequence[Wanted], world: str, policy: str) -> Account:
    """Touch everything in one world under one policy."""
    account = Account()
    lab = Lab(world, policy)
    with contextlib.closing(lab):
        for item in tables:
            found = find(item, world)
            if not found:
                account.note(_name(item), "is not there")
            elif item.members:
                _read_members(account, lab, item, found[0][1])
            elif item.parameters is None and not item.is_read:
                account.note(_name(item), None)
            else:
                _call(account, lab, item, tables)
        for place, (source, returns) in OLDER.items():
            account.note(place, _looked(lab, lambda lab, way=(source, returns): _good(lab, *way)))  # type: ignore[misc]
    return account


def _looked(lab: Lab, look: Callable[[Lab], str | None]) -> str | None:
    """Return what is different; in a new sandbox, where an earlier call may have used up what this one needs."""
    if look(lab) is None:
        return None
    with contextlib.closing(Lab(lab.world, lab.policy)) as fresh:
        fresh.names = {**lab.names, **fresh.names}
        return look(fresh)


def _read_members(account: Account, lab: Lab, item: Wanted, kind: Any) -> None:
    """Read the members of an enumeration, of an object that was made by keyword, and of one that came."""
    name = _name(item)
    if item.name:
        account.note(name, None)
    if inspect.isclass(kind) and issubclass(kind, Enum):
        for member, value in item.members.items():
            given = getattr(kind, member, None)
            account.note(f"{name}.{member}", None if given is not None and given.value == value else f"is {given!r}")
        return
    if not item.name:
        lab_objects = [lab.run(source) for source in OBJECTS.values() if source != "client"]
        things = [thing for thing in lab_objects if hasattr(thing, "id")]
        account.note(f"{name}.id", None if all(isinstance(thing.id, str) for thing in things) else "is no text")
        return
    result = lab.run(OBJECTS[item.name]) if item.name in OBJECTS else None
    if isinstance(result, Exception):
        account.note(name, f"none came: {result!r:.200}")
        return
    for member, expectation in item.members.items():
        if item.name != "KaleidoscopeClient":
            account.note(f"{name}.{member}", _made_with(kind, member))
        if result is not None and f"{name}.{member}" not in account.differences:
            given = lab.run(f"({OBJECTS[item.name]}).{member}")
            wrong = isinstance(given, Exception) or (expectation and given is not None and not fits(given, expectation))
            account.note(f"{name}.{member}", f"is {given!r:.120}, not {expectation}" if wrong else None)


def _made_with(kind: Any, member: str) -> str | None:
    """Make an object, or a dict, by keyword with one member."""
    try:
        made = kind(**{"id": NOWHERE, member: None} if hasattr(kind, "model_dump") else {member: None})
        known = made[member] is None and member in kind.__annotations__ if isinstance(made, dict) else True
        _ = None if isinstance(made, dict) else getattr(made, member)
        return None if known else "is no member"
    except Exception as error:
        return f"cannot be made with it: {error!r:.120}"


def _call(account: Account, lab: Lab, item: Wanted, tables: Sequence[Wanted]) -> None:
    """Call something well in every way, and let it fail."""
    owner, function = find(item, lab.world)[0]
    name, method = _name(item), item.name.rpartition(".")[2]
    if not item.modules:
        sources = [source for source in OBJECTS.values() if hasattr(lab.run(source), "id")]
        given = [lab.run(f"({source}).{method}()") for source in sources]
        bad = [
            repr(result)[:120] for result in given if isinstance(result, Exception) or not fits(result, item.returns)
        ]
        account.note(name, ", ".join(bad) or None)
        return
    owner = owner.removeprefix("Async")
    if owner in OBJECTS:
        target = f"{OBJECTS.get(f'{owner}.{method}', OBJECTS[owner])}.{method}"
    elif owner.endswith("Service"):
        target = f"client.{re.sub(r'(?<!^)(?=[A-Z])', '_', owner.removesuffix('Service')).lower()}.{method}"
    else:
        owner, target = item.name, item.name
        lab.names[item.name] = function
    path = owner if owner == item.name else f"{owner}.{method}"

    def source(parameters: Sequence[str]) -> str:
        if item.is_read:
            return target
        given = {parameter: ARGUMENTS.get(f"{path}.{parameter}", ARGUMENTS.get(parameter)) for parameter in parameters}
        needed = dict(NEEDS.get(path, {}))
        for one in parameters:
            needed |= NEEDS.get(f"{path}({one})", {})
        return f"{target}({', '.join(f'{key}={text}' for key, text in {**needed, **given}.items() if text != '')})"

    known = {} if item.is_read else inspect.signature(function).parameters
    parameters = _parameters(item, tables)
    must = [one for one in known if known[one].default is inspect.Parameter.empty]
    required = [one for one in parameters if one in item.required or one in must]
    optional = [one for one in parameters if one not in required]
    if _can_fail(item):
        # An update of nothing sends nothing.
        ways = [source(required), *(source([*required, one]) for one in optional[:1])]
        expectation = item.failure or ""
        found = [_looked(lab, lambda lab, way=way: _failing(lab, way, expectation)) for way in ways]  # type: ignore[misc]
        account.note(f"{name} on failure", min(found, key=lambda difference: difference is not None))

    def good(parameters: Sequence[str]) -> str | None:
        return _looked(lab, lambda lab: _good(lab, source(parameters), item.returns))

    account.note(name, good(required))
    for parameter in required:
        account.note(f"{name}({parameter})", None if name in account.touched else "see the call")
    for parameter in optional:
        account.note(f"{name}({parameter})", good([*required, parameter]))


def _good(lab: Lab, source: str, returns: str) -> str | None:
    """Compare what a call gives that is right with the annotation in the table."""
    result = lab.run(source)
    made: Any = getattr(kalbio, source.partition("(")[0], ())  # the exceptions of the tables are made, not raised
    if isinstance(result, Exception) and not isinstance(result, made):
        return f"{source} fails: {_UUID.sub('…', str(result))[:250]}"
    return None if not returns or fits(result, returns) else f"{source} gives {result!r:.80}, not {returns}"


def _failing(lab: Lab, source: str, expectation: str) -> str | None:
    """Compare what a call gives when nothing works with what the table tells."""
    code = re.search(r"`(None|\[\]|\{\}|False)`", expectation)
    expected = next((text for words, text in IN_WORDS.items() if words in expectation), code.group(1) if code else "")
    differences = []
    for kind, fault in FAULTS.items():
        result = lab.fail(source, **fault)
        if not lab.inside.exchanges:
            differences.append(f"{kind}: {source} {ASKS_NOBODY}")
        elif "transport and login errors raised" in expectation and kind == "no connection":
            if not isinstance(result, KalbioError):
                differences.append(f"{kind}: {source} gives {result!r:.80}, not {expectation}")
        elif lab.policy == "log" and not isinstance(result, LoggedFailure):
            differences.append(f"{kind}: {source} logs nothing and gives {result!r:.80}")
        elif lab.policy == "raise":
            if not isinstance(result, KalbioError):
                differences.append(f"{kind}: {source} gives {result!r:.80} and raises nothing")
        elif not expected or result.result != (wanted := lab.run(expected)) or type(result.result) is not type(wanted):
            differences.append(f"{kind}: {source} gives {result.result!r:.80}, not {expectation}")
    return "; ".join(differences) or None


def fits(value: Any, annotation: str) -> bool:
    """Whether a value is of a type as the tables write it."""
    depth, part = 0, ""
    parts: list[str] = []
    for char in annotation:
        depth += (char == "[") - (char == "]")
        if char == "|" and depth == 0:
            parts, part = [*parts, part], ""
        else:
            part += char
    return any(_fits_one(value, one.strip()) for one in [*parts, part])


def _fits_one(value: Any, name: str) -> bool:
    if name in ("Any", "None"):
        return value is None if name == "None" else True
    outer, _, inner = name.partition("[")
    names = {kind.__name__.removeprefix("Async") for kind in type(value).__mro__}
    if outer not in names and not (outer == "dict" and hasattr(value, "keys")):
        return False
    return outer != "list" or not inner or all(fits(one, inner.removesuffix("]")) for one in value)


def report(tables: Sequence[Wanted], ways: Sequence[tuple[str, str]] = WAYS) -> tuple[list[str], list[str]]:
    """Touch everything, and return what there is to tell, and of that what is different without a reason."""
    asked = {label: item.era in OLDEST for item in tables for label in labels(item, tables)}
    asked |= dict.fromkeys(OLDER, True)
    oldest = {label for label, is_old in asked.items() if is_old}
    lines: list[str] = []
    merged: dict[str, list[str]] = {}
    for world, policy in ways:
        account = walk(tables, world, policy)
        lines.append(
            f"{world}, on_error={policy!r}: {len(asked.keys() & account.touched)} of {len(asked)} touched and as "
            f"documented, {len(oldest & account.touched)} of {len(oldest)} of the oldest releases"
        )
        for label in asked.keys() - account.touched:
            line = f"{label}: {_UUID.sub('…', account.differences.get(label, 'was not touched'))}"
            merged.setdefault(line, []).append(f"{world} {policy}")
    open_: list[str] = []
    for line, where in sorted(merged.items()):
        reason = next((why for pattern, why in ACCEPTED.items() if re.search(pattern, line)), None)
        lines.append(f"  {line} ({', '.join(where)})\n      {f'because {reason}' if reason else 'WITHOUT A REASON'}")
        if reason is None:
            open_.append(line)
    return lines, open_
