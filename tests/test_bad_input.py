"""Bad input for every parameter of every public method: refused before anything is sent, or sent as it is."""

from __future__ import annotations

import importlib
import inspect
import io
import json
import math
import pkgutil
import re
import warnings
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

import attrs
import pytest
from kaleidoscope_api.operations import OPERATIONS

import kalbio
from kalbio import KalbioAPIError, KalbioError
from kalbio._core.json import strict_json
from kalbio._core.objects.resource import Resource
from kalbio._model.arguments import OLDER_NAMES
from kalbio._model.search import SearchRecordsQuery
from kalbio._tables import OlderNames
from kalbio._typed_values import OlderScopeNames
from kalbio.loading import LoadReport
from kalbio.records import BulkResult, RecordLink
from kalbio.tables import Table
from kalbio.testing import InProcess
from kalbio.workspace import WorkspaceService
from tests.bad_inputs import (
    CALLBACK,
    CIRCLE,
    CONTENT,
    COUNT,
    DOCUMENT,
    FLAG,
    FROM_ZERO,
    HOSTILE,
    LOCAL_COUNT,
    LOCAL_TEXT,
    LONE,
    LONG,
    MAYBE_EMPTY,
    MOMENT,
    NO_TEXT,
    NUMBER,
    RECORD,
    RICH_TEXT,
    SECONDS,
    TEXT,
    WRONG_NUMBERS,
    Kind,
    Things,
    by_id,
    choice,
    named,
    nothing,
    optional,
    plus,
    several,
    table,
)
from tests.conftest import Lab, World
from tests.demo import NOWHERE

ACTIVITY = named(lambda it: it.activity, lambda it: it.program)
DEFINITION = named(lambda it: it.screening, lambda it: it.activity)
PROGRAM = named(lambda it: it.program, lambda it: it.record)
FIELD = named(lambda it: it.data_field, lambda it: it.record)
KEY_FIELD = named(lambda it: it.key_field, lambda it: it.data_field)
MEMBER = named(lambda it: it.member, lambda it: it.group)
GROUP = named(lambda it: it.group, lambda it: it.member)
LABEL = named(lambda it: it.label, lambda it: it.member)
ENTITY_TYPE = named(lambda it: it.entity_type, lambda it: it.key_field)
TEMPLATE = named(lambda it: it.template, lambda it: it.view)
FILE = by_id(lambda it: it.file_id, lambda it: it.record)
IMPORT = by_id(lambda it: it.import_id, lambda it: it.record)
VIEW = by_id(lambda it: it.view, lambda it: it.program)
DRAFT = by_id(lambda it: it.batch.data_table_draft_record_ids[0], lambda it: it.program)
SUBMISSION = by_id(lambda it: it.submission, lambda it: it.program)
PLACE = by_id(lambda it: it.place, lambda it: it.program)
SET = by_id(lambda _: NOWHERE, lambda it: it.record)
KEY_VALUE = by_id(lambda it: it.record.identifier_ids[0], lambda it: it.record)
COLUMN = by_id(lambda it: it.column, lambda it: it.record)
PROPERTY_FIELD = by_id(lambda it: it.property_field, lambda it: it.program)
ROWS = table(
    lambda _: {"Compound": "C"},
    empty=True,
    wrong=[{"Compound": None}, {"Compound": " "}, {5: "x"}, {None: "x"}, {LONE: "x"}, {"a": LONE}, {"a": math.nan}],
)
FULL_ROWS = table(lambda _: {"Compound": "C"}, empty=False, wrong=[{"Compound": None}, {5: "x"}, {"a": "no column"}])
ROWS_BY_ID = table(
    lambda it: {it.key_field.id: "C"},
    empty=True,
    wrong=[{5: "x"}, {None: "x"}, {LONE: "x"}, {"No such": 1}, {"Remark": math.nan}, {"Remark": LONE}],
)
RESULTS = table(
    lambda it: {"record_id": it.record, "status": "ok"},
    empty=True,
    wrong=[
        {"status": ""}, {"status": None}, {"record_id": "x"}, {"record_id": None}, {"more": 1}, {5: 1}, {"data": []},
        {"data": {5: 1}}, {"data": {"a": math.nan}}, {"status": LONE}, {"status": 5}, {"error_message": 5},
    ],
)  # fmt: skip
VALUES = table(
    lambda it: {"record": it.record, "field": it.data_field, "content": "x"},
    empty=True,
    wrong=[
        {"record": "x"}, {"record": None}, {"field": 5}, {"content": math.nan}, {"more": 1}, {5: 1}, {"activity": 5},
        {"record": {}}, {"record": {"Compound": None}}, {"content": LONE}, {"record_view_id": NOWHERE},
    ],
)  # fmt: skip
FILTERS = table(
    lambda it: {"field_id": it.data_field, "filter_type": "is_equal", "filter_prop": "x"},
    empty=True,
    wrong=[
        {"field_id": None}, {"field_id": 5}, {"field_id": ""}, {"field_id": HOSTILE[0]}, {"filter_type": "like"},
        {"filter_type": None}, {"filter_type": 5}, {"filter_type": []}, {"filter_prop": math.nan},
        {"filter_prop": LONE}, {"filter_prop": object()}, {5: 1},
    ],
)  # fmt: skip
SORTS = table(
    lambda it: {"field_id": it.data_field, "descending": True},
    empty=True,
    wrong=[{"field_id": None}, {"field_id": 5}, {"field_id": HOSTILE[3]}, {"descending": "yes"}, {5: 1}],
)
VIEW_FILTERS = table(
    lambda it: {"view_field_id": it.column.id, "filter_type": "is_equal", "filter_prop": "x"},
    empty=True,
    wrong=[
        {"view_field_id": None}, {"key_field_id": NOWHERE}, {"filter_type": "like"}, {"filter_prop": math.nan},
        {"view_field_id": 5}, {"view_field_id": HOSTILE[0]}, {5: 1},
    ],
)  # fmt: skip
VIEW_SORTS = table(
    lambda it: {"view_field_id": it.column.id, "descending": True},
    empty=True,
    wrong=[{"view_field_id": None}, {"key_field_id": NOWHERE}, {"descending": "yes"}, {5: 1}, {"view_field_id": 5}],
)
CONDITIONS = table(
    lambda it: {"key_field_id": it.key_field.id, "view_field_id": None, "descending": True},
    empty=True,
    wrong=[{"a": math.nan}, {5: 1}, {"a": LONE}],
)
TRANSFERS: list[Any] = [
    5, "text", {}, [5], [None], [{}], [{"record_id": None}], [{"record_id": NOWHERE, 5: 1}], [{"record_id": "x"}],
]  # fmt: skip
COMPOUND = Kind(lambda _: "Compound", TEXT.refused)
NO_NAMES: list[Any] = [5, "Form", [5], [None], [""], {}, [LONE]]
EXTENSION = Kind(
    lambda _: {"new_key_field_name": "Salt", "records_to_transfer": None},
    lambda _: [
        None, 5, True, math.nan, "text", b"x", object(), [],
        *({"new_key_field_name": name, "records_to_transfer": None} for name in [*NO_TEXT, "", LONE]),
        *({"new_key_field_name": "Salt", "records_to_transfer": moved} for moved in TRANSFERS),
    ],
)  # fmt: skip
EXCHANGE = Kind(
    lambda _: {"add_key_field_names": ["Form"], "records_to_transfer": []},
    lambda _: [
        None, 5, True, math.nan, "text", b"x", object(), [], {},
        *({"add_key_field_names": names} for names in NO_NAMES),
        *({"remove_key_field_ids": names} for names in [*NO_NAMES, ["No such"]]),
        *({"add_key_field_names": ["Form"], "records_to_transfer": moved} for moved in TRANSFERS),
    ],
)  # fmt: skip
QUEUES = table(
    lambda it: {"view_id": it.view, "content_layout_ids": [it.place]},
    empty=True,
    wrong=[{"view_id": None}, {"view_id": "x"}, {"content_layout_ids": "x"}, {"content_layout_ids": [5]}, {"more": 1}],
)
TABLE_VIEW = Kind(lambda it: it.place, lambda it: [*NO_TEXT, "", " ", it.program, it.view, *HOSTILE, LONE])
FOLDER = Kind(lambda _: Path("folder"), lambda _: [5, True, math.nan, b"x", object(), [], {}, "nul\x00", 10**5000])
FILE_NAME = Kind(lambda _: "file.txt", lambda _: [5, True, math.nan, object(), [], {}, 10**5000])
UPLOAD_NAME = plus(FILE_NAME, [None, "", " "])
JOURNAL = Kind(lambda _: None, lambda _: [5, True, math.nan, object(), [], {}, b"x", "a\0b"])
FILE_DATA = Kind(lambda _: b"data", lambda _: [5, True, math.nan, object(), [], {}, "text", io.StringIO("x")])
FILE_TYPE = Kind(
    lambda _: "text/csv", lambda _: [5, True, b"x", object(), [], {}, "", "csv", "a/b\r\nX: y", HOSTILE[0]]
)
CHECKSUM = Kind(lambda _: "0" * 64, lambda _: [5, True, b"0" * 64, object(), [], "", "0", "g" * 64, LONE])

LOADED = Kind(
    lambda _: [{"Compound": "C"}],
    lambda _: [
        None, 5, True, math.nan, "text", b"x", object(), [5], ["text"], [None], [[]], {"Compound": 5}, 10**5000,
        [{5: "x"}], [{"No such": "x"}], [{"Compound": "C", "No such": "x"}],
    ],
)  # fmt: skip
WRONG_MAPS: list[Any] = [5, True, "text", b"x", [], object(), math.nan, {"No such": "text"}, {5: "text"}]

BY_NAME: dict[str, Kind] = {
    "key": Kind(
        lambda it: it.key_field,
        lambda it: [
            None,
            5,
            True,
            math.nan,
            b"x",
            object(),
            [],
            {},
            "",
            " ",
            it.data_field,
            it.record,
            [5],
            [None],
            [it.key_field, it.key_field],
            [it.key_field, "Batch"],
            10**5000,
        ],
        lambda _: [*HOSTILE, LONE],
    ),
    "columns": Kind(lambda _: None, lambda it: [*WRONG_MAPS, {"Compound": 5}, {"Compound": it.record}]),
    "create_fields": Kind(
        lambda _: False, lambda _: [*[item for item in WRONG_MAPS if item is not True], None, {"Compound": "text"}]
    ),
    "converters": Kind(
        lambda _: None, lambda _: [*WRONG_MAPS, {"Compound": 5}, {"Compound": "text"}, {"Compound": [5]}]
    ),
    "skip_rows": Kind(lambda _: 0, lambda _: [*WRONG_NUMBERS, 10**5000]),
    "near_twins": choice("refuse"),
    "on_error": choice("stop"),
    **dict.fromkeys(
        ("sheet", "separator", "encoding"),
        Kind(lambda _: None, lambda _: [*(item for item in NO_TEXT if item is not None), LONE]),
    ),
    "activity": optional(ACTIVITY),
    "as_type": Kind(lambda _: str, lambda _: [5, True, "str", b"x", object(), [], {}, tuple]),
    "field": FIELD,
    "fields": optional(several(FIELD)),
    "entity_type": optional(ENTITY_TYPE),
    "ids": optional(several(RECORD)),
    "program": optional(PROGRAM),
    "sub_record": optional(RECORD),
    "types": Kind(
        lambda it: {it.data_field.id: str},
        lambda _: [5, True, "text", [], {"Remark": int}, {"Remark": 5}, {"No such": str}, {5: str}],
    ),
    "table": optional(VIEW),
    "activity_definition_id": optional(DEFINITION),
    "activity_id": optional(ACTIVITY),
    "activity_types": optional(several(choice("task"))),
    "activity_type": choice("experiment"),
    "attrs": DOCUMENT,
    "batch_size": LOCAL_COUNT,
    "category_name": TEXT,
    "category_id": by_id(lambda it: it.category, lambda it: it.program),
    "color_filters": optional(CONDITIONS),
    "comment": RICH_TEXT,
    "completed_behavior": optional(choice("hide-all")),
    "content": CONTENT,
    "created_by": optional(MEMBER),
    "data": ROWS,
    "data_field_ids": optional(several(named(lambda it: it.data_field, lambda it: it.key_field))),
    "definition_id": DEFINITION,
    "definition_ids": optional(several(DEFINITION)),
    "description": optional(RICH_TEXT),
    "destination": FOLDER,
    "download_path": FOLDER,
    "due_date": MOMENT,
    "start_date": MOMENT,
    "duration": optional(FROM_ZERO),
    "entity_field_filters": optional(FILTERS),
    "entity_field_sorts": optional(SORTS),
    "where": optional(FILTERS),
    "view_field_filters": optional(VIEW_FILTERS),
    "view_field_sorts": optional(VIEW_SORTS),
    "entity_slice_id": ENTITY_TYPE,
    "error_message": optional(MAYBE_EMPTY),
    "external_id": MAYBE_EMPTY,
    "field_description": MAYBE_EMPTY,
    "field_examples": MAYBE_EMPTY,
    "field_id": FIELD,
    "field_ids": several(FIELD),
    "field_name": TEXT,
    "field_type": choice("text"),
    "file_data": FILE_DATA,
    "file_id": FILE,
    "file_name": UPLOAD_NAME,
    "filename": FILE_NAME,
    "file_property_field": PROPERTY_FIELD,
    "file_type": FILE_TYPE,
    "filters": optional(CONDITIONS),
    "sorts": optional(CONDITIONS),
    "format_enforcement": optional(MAYBE_EMPTY),
    "group_by_field_id": optional(MAYBE_EMPTY),
    "group_by_mode": optional(MAYBE_EMPTY),
    "identifier_ids": optional(several(KEY_VALUE)),
    "import_id": IMPORT,
    "initial_counter_value": NUMBER,
    "interval": plus(SECONDS, [0]),
    "timeout": SECONDS,
    "key_field_ids": several(KEY_FIELD),
    "key_field_names": several(COMPOUND),
    "key_values": RECORD,
    "label_ids": optional(several(LABEL)),
    "limit": optional(COUNT),
    "lookup_field_ids": optional(several(SET)),
    "plot_field_ids": optional(several(SET)),
    "view_field_ids": optional(several(COLUMN)),
    "message": optional(MAYBE_EMPTY),
    "more": CONTENT,
    "name": ENTITY_TYPE,
    "on_record_errors": choice("return"),
    "on_row_errors": choice("return"),
    "operation_definition_id": DEFINITION,
    "operation_definition_ids": several(DEFINITION, empty=False),
    "operation_id": ACTIVITY,
    "page": optional(FROM_ZERO),
    "page_size": optional(COUNT),
    "parent_id": optional(ACTIVITY),
    "position_index": optional(FROM_ZERO),
    "priority": MAYBE_EMPTY,
    "program_id": optional(PROGRAM),
    "program_ids": optional(several(PROGRAM)),
    "journal": JOURNAL,
    "progress": CALLBACK,
    "property_field_id": optional(PROPERTY_FIELD),
    "property_value": CONTENT,
    "queue_content_layout_ids": QUEUES,
    "record_id": RECORD,
    "record_ids": several(RECORD),
    "record_set_filters": optional(several(TEXT)),
    "record_set_id": optional(several(SET, joined=True)),
    "record_set_ids": optional(several(SET, joined=True)),
    "record_set_ids_filter": several(SET),
    "record_view_id": optional(VIEW),
    "record_view_ids": optional(several(VIEW)),
    "records": RESULTS,
    "regex_format": optional(MAYBE_EMPTY),
    "role": optional(MAYBE_EMPTY),
    "rows": VALUES,
    "search_text": optional(MAYBE_EMPTY),
    "serial_format_padding": optional(NUMBER),
    "serial_format_prefix": optional(MAYBE_EMPTY),
    "set_id": SET,
    "set_name": optional(MAYBE_EMPTY),
    "sha256": CHECKSUM,
    "shift_dependency_mode": MAYBE_EMPTY,
    "sort_order": optional(MAYBE_EMPTY),
    "source_id": optional(TEXT),
    "source_view_id": VIEW,
    "status": choice("validated"),
    "statuses": optional(several(TEXT)),
    "sub_record_id": optional(RECORD),
    "submission_id": SUBMISSION,
    "template_id": TEMPLATE,
    "template_view_id": TEMPLATE,
    "template_name": optional(MAYBE_EMPTY),
    "title": TEXT,
    "value": CONTENT,
    "view": TABLE_VIEW,
    "view_id": VIEW,
    "view_mode": optional(MAYBE_EMPTY),
    "view_name": TEXT,
    "views": several(TABLE_VIEW),
    "body": EXTENSION,
    "content_layout_id": PLACE,
    "staging_template_view_id": optional(VIEW),
    "result_view": optional(TABLE_VIEW),
    "status_field": optional(FIELD),
    "display_aggregation_type": optional(MAYBE_EMPTY),
    "lookup_display_aggregation_type": optional(MAYBE_EMPTY),
    "lookup_display_operation_scope": MAYBE_EMPTY,
    "seconds": plus(SECONDS, [0, math.inf]),
    "event_types": optional(several(TEXT)),
    "resource_type": optional(MAYBE_EMPTY),
    "event_user_ids": optional(several(MEMBER)),
    "after_date": MOMENT,
    "before_date": MOMENT,
}
FLAGS = re.findall(
    r"\w+",
    "aggregate_scheduling avoid_weekends extend_in_progress_items is_archived is_readonly overwrite verify use_cache "
    "display_includes_operations display_includes_sub_records lookup_display_includes_sub_records show_format_warning "
    "propagate_to_instances replace_existing stop_on_error include_sub_records history only_changed",
)
BY_NAME |= dict.fromkeys(FLAGS, FLAG)
BY_NAME |= dict.fromkeys(("is_complete", "include_sub_record_values", "sort_descending"), optional(FLAG))
for _side in ("add", "remove"):
    BY_NAME[f"{_side}_dependencies"] = several(ACTIVITY)
    BY_NAME[f"{_side}_label_ids"] = several(LABEL)
    BY_NAME[f"{_side}_program_ids"] = several(PROGRAM)
    BY_NAME[f"{_side}_assigned_group_ids"] = several(GROUP)
    BY_NAME[f"{_side}_view_ids"] = several(VIEW)
    BY_NAME |= {f"{_side}_{role}_ids": several(MEMBER) for role in ("assigned_user", "reviewer", "subscriber")}
BY_NAME |= {name: optional(several(MEMBER)) for name in ("assigned_user_ids", "subscriber_ids")}
BY_NAME |= {f"{name}_view_field_ids": several(COLUMN) for name in ("save", "remove", "reorder")}
BY_NAME |= {"add_fields_to_record_view_ids": optional(several(VIEW)), "result_record_view_id": optional(VIEW)}
BY_NAME |= {"result_content_layout_id": optional(PLACE), "status_field_id": optional(FIELD)}

# Where the same name means something else.
DATA_FIELD = named(lambda it: it.data_field, lambda it: it.key_field)
FILE_FIELD = named(lambda it: it.file_field, lambda it: it.key_field)
BY_METHOD: dict[str, Kind] = {
    "Activity.get_record.identifier": RECORD,
    "Activity.has_record.identifier": RECORD,
    "Activity.update.parent_id": optional(ACTIVITY),
    "Activity.update.status": TEXT,
    "ActivityDefinition.update.status": TEXT,
    "ActivityDefinition.update.assigned_user_ids": several(MEMBER),
    "ActivitiesService.search_activities.record_ids": optional(several(RECORD)),
    "ActivityDefinition.set_registration_settings.content_layout_id": optional(PLACE),
    "ExportsService.pull_data.identifier_ids": optional(several(KEY_VALUE, joined=True)),
    "ExportsService.pull_data.view_field_ids": optional(several(COLUMN, joined=True)),
    "KaleidoscopeClient.timeout.seconds": optional(plus(SECONDS, [0, math.inf])),
    "RecordsService.table.sorts": optional(SORTS),
    "RecordsService.plan_upsert.data": LOADED,
    "RecordsService.upsert.data": LOADED,
    "RecordsService.iter_batches.sorts": optional(SORTS),
    "Activity.table.sorts": optional(SORTS),
    "Program.table.sorts": optional(SORTS),
    "RecordView.table.sorts": optional(SORTS),
    "Record.update_field.activity_id": optional(ACTIVITY),
    "RecordsService.search_records.entity_slice_id": optional(ENTITY_TYPE),
    "RecordsService.search_records.identifier_ids": optional(several(KEY_VALUE, joined=True)),
    "RecordsService.search_records.operation_id": optional(ACTIVITY),
    "ActivitiesService.get_activities_by_ids.ids": several(ACTIVITY),
    "ActivitiesService.get_activity_by_external_id.external_id": LOCAL_TEXT,
    "ActivitiesService.get_activity_by_id.activity_id": ACTIVITY,
    "ActivitiesService.get_activity_definition_by_external_id.external_id": LOCAL_TEXT,
    "ActivitiesService.get_definitions_by_ids.ids": several(DEFINITION),
    "ActivitiesService.search_activities.limit": optional(COUNT),
    "Dashboard.add_category.label_ids": several(several(LABEL)),
    "Dashboard.add_category.operation_definition_ids": several(DEFINITION),
    "EntityFieldsService.get_data_field_by_id.identifier": named(lambda it: it.data_field, lambda it: it.record),
    "EntityFieldsService.get_key_field_by_id.identifier": named(lambda it: it.key_field, lambda it: it.record),
    "FilesService.write_file.file": Kind(lambda _: io.BytesIO(), lambda _: [*NO_TEXT, "text", [], io.StringIO()]),
    "ImportsService.iter_imports.page_size": COUNT,
    "ImportsService.push_data.batch_size": optional(LOCAL_COUNT),
    "ImportsService.push_data.operation_id": optional(ACTIVITY),
    "ImportsService.push_data.record_view_id": attrs.evolve(
        VIEW, refused=lambda it: [item for item in VIEW.refused(it) if item is not None and not isinstance(item, list)]
    ),  # older releases had record_view_ids there
    "ImportsService.push_data.record_view_ids": Kind(lambda _: None),  # without effect, and not sent
    "ImportsService.push_data_by_field_id.data": ROWS_BY_ID,
    "ImportsService.push_data_by_field_id.key_field_ids": several(KEY_FIELD, empty=False),
    "ImportsService.push_data_by_field_id.operation_id": optional(ACTIVITY),
    "ImportsService.push_data.key_field_names": several(COMPOUND, empty=False),
    "LabelsService.get_labels_by_ids.ids": several(LABEL),
    "ProgramsService.get_programs_by_ids.ids": several(PROGRAM),
    "ProgramsService.update_program.program_id": PROGRAM,
    "ExportsService.pull_data.operation_id": optional(ACTIVITY),
    "Record.add_value.field_id": DATA_FIELD,
    "Record.get_activity_data.activity_id": ACTIVITY,
    "Record.update_field.field_id": DATA_FIELD,
    "Record.update_field_file.field_id": FILE_FIELD,
    "RecordViewsService.get_data_fields_on_view.field_type": optional(choice("text")),
    "RecordView.replace_key_fields.body": EXCHANGE,
    "RecordsService.create_record_value_file.field_id": FILE_FIELD,
    "RecordsService.get_or_create_record.key_values": attrs.evolve(RECORD, unknown=nothing),
    # What is wrong with a single row is the outcome of that row.
    "Record.history.field": optional(FIELD),
    "RecordsService.iter_add_values.rows": Kind(VALUES.good, lambda _: [5, True, None, "text", b"x", {}, object()]),
    "RecordsService.iter_get_or_create_records.rows": Kind(
        lambda it: [RECORD.good(it)], lambda _: [5, True, None, "text", b"x", {}, object()]
    ),
    "RecordsService.get_or_create_records.rows": several(attrs.evolve(RECORD, unknown=nothing)),
    "RegistrationService.clear_drafts.record_ids": several(DRAFT, empty=False),
    "RegistrationService.stage_drafts.data": FULL_ROWS,
    "RegistrationService.stage_drafts.import_id": optional(IMPORT),
    "RegistrationService.stage_drafts.operation_id": attrs.evolve(ACTIVITY, good=lambda it: it.batch),
    "RegistrationService.stage_drafts.key_field_names": several(COMPOUND, empty=False),
    "RegistrationService.submit_drafts.record_ids": optional(several(DRAFT, empty=False)),
    "RegistrationService.submit_results.key_field_names": optional(several(TEXT)),
    "RegistrationService.submit_results.records": optional(RESULTS),
    "RegistrationService.submit_results.status": choice("success"),
    "RegistrationService.submit_submission_results.key_field_names": optional(several(TEXT)),
    "RegistrationService.submit_submission_results.records": optional(RESULTS),
    "RegistrationService.submit_submission_results.status": choice("success"),
    "RegistrationService.validate_drafts.record_ids": optional(several(DRAFT, empty=False)),
    "ResultTableTemplatesService.create_template.record_set_ids_filter": optional(several(SET)),
    "RegistrationService.wait.file_id": optional(FILE),
    "RegistrationService.wait.submission_id": optional(SUBMISSION),
    "ResultTableTemplatesService.get_template_by_id.template_id": by_id(lambda it: it.template, lambda it: it.program),
    "WorkspaceService.get_groups_by_ids.ids": several(GROUP),
    "WorkspaceService.get_members_by_ids.ids": several(MEMBER),
}

# What else must be given for an argument to make sense.
NEEDS: dict[str, dict[str, Callable[[Things], Any]]] = {
    "Record.add_value.record_view_id": {"activity_id": lambda it: it.activity},
    "Record.update_field.record_view_id": {"activity_id": lambda it: it.activity},
    "Record.update_field_file.record_view_id": {"activity_id": lambda it: it.activity},
    "Record.update_field_file.file_name": {"file_data": lambda _: b"x"},
    "Record.update_field_file": {"file_data": lambda _: b"x"},
    "RecordsService.create_record_value_file": {"file_data": lambda _: b"x"},
    "Property.update_property_file": {"file_data": lambda _: b"x"},
    "RecordsService.iter_batches": {"fields": lambda it: [it.data_field]},
    "RecordsService.iter_batches.table": {"fields": lambda it: None},
    # Cases before may have made two fields of one name, of which a table shows one at most.
    **{
        f"{cls}.table": {"fields": lambda it: [it.data_field]}
        for cls in ("RecordsService", "Activity", "Program", "RecordView")
    },
    "ImportsService.push_data.record_view_id": {"operation_id": lambda it: it.activity},
    "RegistrationService.wait": {"file_id": lambda it: it.file_id},
    "RegistrationService.wait.submission_id": {"file_id": lambda _: None},
}

ON: dict[str, Callable[[Things], Any]] = {
    "Activity": lambda it: it.activity,
    "ActivityDefinition": lambda it: it.definition,
    "Dashboard": lambda it: it.board,
    "DataField": lambda it: it.data_field,
    "EntityType": lambda it: it.entity_type,
    "FileValue": lambda it: it.record["Scan"],
    "KaleidoscopeClient": lambda it: it.api,
    "KeyField": lambda it: it.key_field,
    "Program": lambda it: it.program,
    "Property": lambda it: it.property,
    "Record": lambda it: it.record,
    "RecordLink": lambda it: RecordLink(it.record.id, it.api),
    "RecordView": lambda it: it.view,
    "ResultTableTemplate": lambda it: it.template,
    "UpsertPlan": lambda it: it.plan,
}

RAW = {
    "KaleidoscopeClient.call",
    "KaleidoscopeClient.request",
    "RawClient.get_httpx_client",
    "RawClient.get_async_httpx_client",
}
"""What takes requests that a generated operation or the user has built, and has tests of its own."""

LOOKUPS = set(
    re.findall(
        r"\w+",
        "listActivities listActivityDefinitions listActivityLabels listDashboards listDataFields listEntitySlices "
        "listKeyFields listPrograms listPropertyFields listRecordViewTemplates listRecordViews listWorkspaceGroups "
        "listWorkspaceMembers identifyRecords getActivity createToken",
    )
)
"""What may be asked before an argument is refused."""


# Modules of classes whose methods ask nobody.
NO_CALLS = ("kalbio._model", "kalbio.loading", "kalbio.tables", "kalbio._service", "kalbio._core.objects")


def methods() -> Iterator[tuple[str, Any]]:
    """Every public method of every service and object, in the sync world."""
    for module in pkgutil.iter_modules(kalbio.__path__):
        if module.name.startswith("_") or module.name in ("aio", "cli", "pytest_plugin", "sandbox", "testing"):
            continue
        found = importlib.import_module(f"kalbio.{module.name}")
        for name, kind in vars(found).items():
            if name.startswith("_") or not inspect.isclass(kind) or kind.__module__ != found.__name__:
                continue
            for attribute, function in inspect.getmembers(kind, inspect.isfunction):
                owners = [base.__module__ for base in kind.__mro__ if attribute in vars(base)]
                if not attribute.startswith("_") and owners and not owners[0].startswith(NO_CALLS):
                    yield f"{name}.{attribute}", function


@cache
def parameters(function: Any) -> list[tuple[str, bool]]:
    """The names of the parameters, and whether each must be given; conditions count as parameters."""
    found: list[tuple[str, bool]] = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.name == "params":
            query = SearchRecordsQuery if "records" in function.__module__ else WorkspaceService.EventsQuery
            names = [name for name in query.__annotations__ if not (name == "page" and "iter" in function.__name__)]
            found.extend((name, False) for name in names)
        elif parameter.name == "older":
            older = OlderNames if "tables" in function.__module__ else OlderScopeNames
            found.extend((name, False) for name in older.__annotations__)
        else:
            required = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
            found.append((parameter.name, required))
    return found


METHODS = {name: function for name, function in methods() if name not in RAW}
CASES = [(name, parameter) for name, function in METHODS.items() for parameter, _ in parameters(function)]


# Reads of what an argument names: about None there is nothing, and nobody is asked.
READS = {
    "Activity.get_record.identifier", "Activity.has_record.identifier", "Activity.records_on_view.view_id",
    "ActivitiesService.get_activities_by_ids.ids", "ActivitiesService.get_activities_with_record.record_id",
    "ActivitiesService.get_activity_by_external_id.external_id", "ActivitiesService.get_activity_by_id.activity_id",
    "ActivitiesService.get_activity_by_type.activity_type",
    "ActivitiesService.get_activity_definition_by_external_id.external_id",
    "ActivitiesService.get_definition_by_id.definition_id", "ActivitiesService.get_definitions_by_ids.ids",
    "ActivityDefinition.content_layout_ids_for_view.view_id", "EntityFieldsService.get_data_field_by_id.identifier",
    "EntityFieldsService.get_key_field_by_id.identifier", "EntityTypesService.get_type_by_name.name",
    "EntityTypesService.get_type_exact_keys.key_field_ids",
    "EntityTypesService.get_types_with_key_fields.key_field_ids",
    "FilesService.download_file.file_id", "FilesService.read_file.file_id",
    "FilesService.write_file.file_id", "ImportsService.get_import.import_id", "LabelsService.get_labels_by_ids.ids",
    "ProgramsService.get_programs_by_ids.ids", "Record.get_activity_data.activity_id",
    "Record.get_value_content.field_id", "RecordViewsService.get_data_fields_on_view.view_id",
    "RecordsService.get_record_by_id.record_id", "RecordsService.get_records_by_ids.record_ids",
    "RegistrationService.get_draft_statuses.operation_id", "RegistrationService.get_registration_files.operation_id",
    "RegistrationService.get_registration_submissions.operation_id",
    "ResultTableTemplatesService.get_template_by_id.template_id", "WorkspaceService.get_groups_by_ids.ids",
    "WorkspaceService.get_members_by_ids.ids",
}  # fmt: skip


@cache
def kind_of(method: str, parameter: str) -> Kind | None:
    """The kind of a parameter, None when the table does not know it."""
    name = method.replace("ResultTableTemplate.", "RecordView.").replace("iter_search", "search_records")
    if "older" in inspect.signature(METHODS[method]).parameters:
        parameter = OLDER_NAMES.get(parameter, parameter)
    kind = BY_METHOD.get(f"{name}.{parameter}", BY_NAME.get(parameter))
    return optional(kind) if kind is not None and f"{name}.{parameter}" in READS else kind


def shown(value: Any) -> str:
    """What a value looks like, when it can be shown."""
    try:
        return repr(value)
    except ValueError:
        return type(value).__name__


def target(things: Things, method: str) -> Any:
    """What a method is called on."""
    owner = method.partition(".")[0]
    if owner in ON:
        return ON[owner](things)
    return getattr(things.api, re.sub(r"(?<!^)(?=[A-Z])", "_", owner.removesuffix("Service")).lower())


def call(things: Things, method: str, folder: Path, **given: Any) -> Any:
    """Call a method with what is given, and what must be given."""
    function = METHODS[method]
    tested = next(iter(given), "")
    arguments: dict[str, Any] = {}
    for parameter, required in parameters(function):
        kind = kind_of(method, parameter)
        if required and kind is not None:
            arguments[parameter] = kind.good(things)
    for needs in (NEEDS.get(method, {}), NEEDS.get(f"{method}.{tested}", {})):
        arguments.update({name: make(things) for name, make in needs.items()})
    for parameter in ("download_path", "destination"):
        if parameter in dict(parameters(function)):
            arguments[parameter] = folder / uuid4().hex  # so that no file is in the way
    if tested == "more":
        given = {"something_else": given["more"]}
    result = getattr(target(things, method), method.partition(".")[2])(**{**arguments, **given})
    if method == "KaleidoscopeClient.timeout":
        with result:
            return None
    return next(result, None) if inspect.isgenerator(result) else result


def sent(things: Things) -> list[Any]:
    """What was asked for, but for look-ups."""
    return [item for item in things.lab.exchanges if item.operation not in LOOKUPS]


def is_in(wanted: Any, body: Any) -> bool:
    """Whether a value stands anywhere in JSON."""
    if type(body) is type(wanted) and body == wanted:
        return True
    if isinstance(body, dict):
        return any(is_in(wanted, item) for item in [*body, *body.values()])
    return isinstance(body, list) and any(is_in(wanted, item) for item in body)


def carries(exchange: Any, value: Any) -> bool:
    """Whether a request holds a value as it is, in its query or its body."""
    wanted = strict_json.plain(value)
    path, _, query = exchange.target.partition("?")
    if wanted in map(unquote, path.split("/")):
        return True
    for _, text in parse_qsl(query, keep_blank_values=True):
        if text == (wanted if isinstance(wanted, str) else json.dumps(wanted)):
            return True
        try:
            if is_in(wanted, json.loads(text)):
                return True
        except ValueError:
            pass
    try:
        return is_in(wanted, json.loads(exchange.body))
    except ValueError:
        return isinstance(wanted, str) and wanted.encode() in exchange.body


def is_in_place(exchange: Any) -> bool:
    """Whether the path of a request is that of its operation, with ids and nothing else in it; sources are any text."""
    path = OPERATIONS[exchange.operation].path.replace("{source_id}", "[^/?#]+")
    return re.fullmatch(re.sub(r"\{\w+\}", "[0-9a-f-]{36}", path), exchange.target.partition("?")[0]) is not None


@pytest.fixture(scope="module")
def things() -> Iterator[Things]:
    """One sandbox for all that is refused: it changes nothing."""
    with InProcess(retries=0) as lab:
        yield Things(lab)


@pytest.fixture(scope="module")
def changing() -> Iterator[Things]:
    """Another one for what arrives."""
    with InProcess(retries=0) as lab:
        yield Things(lab)


def outcome(things: Things, method: str, parameter: str, value: Any, folder: Path) -> tuple[Any, list[Any]]:
    """What a call gives or raises, and what it sent."""
    things.lab.exchanges.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            came: Any = call(things, method, folder, **{parameter: value})
        except Exception as error:
            came = error
    return came, sent(things)


CLEAR = (ValueError, TypeError)
UNCLEAR = (UnicodeError, KalbioAPIError)


def parts(value: Any) -> Iterator[Any]:
    """A value, and everything in it."""
    yield value
    if isinstance(value, Resource):
        yield value.id
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from parts(item)
    elif isinstance(value, list | tuple | set) and value is not CIRCLE:
        for item in value:
            yield from parts(item)


INSIDE = {"body": "a Record object"}
"""What an error names in the place of an argument whose members lack something."""


def says_what(error: Exception, parameter: str, value: Any) -> bool:
    """Whether an error names the argument, its value, or what is wrong in it; and stays readable."""
    text = str(error)
    words = {
        parameter,
        INSIDE.get(parameter, parameter),
        parameter.removesuffix("_ids").removesuffix("_id").replace("_", " "),
    }
    named = any(word in text for word in words) or any(shown(part)[:20].strip("'") in text for part in parts(value))
    return len(text) < 1_500 and (named or "contains itself" in text)


def test_the_table_knows_every_parameter() -> None:
    """Every parameter of every public method is of a kind whose bad values are known."""
    unknown = [f"{method}.{parameter}" for method, parameter in CASES if kind_of(method, parameter) is None]
    assert unknown == []
    assert len(METHODS) >= 110
    assert len(CASES) >= 290


def with_values(sort: str, cases: list[tuple[str, str]] = CASES) -> dict[str, list[tuple[str, Kind]]]:
    """The methods that have parameters with values of a sort, each with these parameters and their kinds."""
    found: dict[str, list[tuple[str, Kind]]] = {}
    for method, parameter in cases:
        kind = kind_of(method, parameter)
        if kind is not None and getattr(kind, sort) is not nothing:
            found.setdefault(method, []).append((parameter, kind))
    return found


REFUSED, UNKNOWN, CARRIED = map(with_values, ("refused", "unknown", "carried"))
# A sample: the policy is that of a whole method, whichever argument is wrong.
REFUSED_SOME = with_values("refused", CASES[::6])


@pytest.mark.parametrize("method", REFUSED)
def test_bad_input_is_refused(things: Things, tmp_path: Path, method: str) -> None:
    """What makes no sense raises before anything is sent, and the error says what is wrong."""
    failures = []
    for parameter, kind in REFUSED[method]:
        for value in kind.refused(things):
            came, asked = outcome(things, method, parameter, value, tmp_path)
            case = f"{parameter} {shown(value):.60}"
            if not isinstance(came, CLEAR) or isinstance(came, UNCLEAR):
                failures.append(f"{case}: gave {type(came).__name__} {came!s:.150}, sent {len(asked)}")
            elif asked:
                failures.append(f"{case}: sent {[item.operation for item in asked]}")
            elif not says_what(came, parameter, value):
                failures.append(f"{case}: says {came!s:.200}")
    assert failures == []


@pytest.mark.parametrize("case", sorted(READS))
def test_about_none_there_is_nothing(things: Things, tmp_path: Path, case: str) -> None:
    """A read of what None names gives None, nothing or False, under both policies, and asks nobody."""
    method, _, parameter = case.rpartition(".")
    for policy in ("raise", "log"):
        things.api.on_error = policy
        came, asked = outcome(things, method, parameter, None, tmp_path)
        assert isinstance(came, NEUTRAL)
        assert not came
        assert asked == []
    things.api.on_error = "raise"


def a_third(values: list[Any], case: str) -> list[Any]:
    """A third of the odd values, another one for each parameter: what reads and writes them is shared by all."""
    return values[zlib.crc32(case.encode()) % 3 :: 3] if len(values) > 3 else values


@pytest.mark.parametrize("method", UNKNOWN)
def test_odd_text_names_nothing(things: Things, tmp_path: Path, method: str) -> None:
    """Odd text that names nothing is looked up and no more."""
    failures = []
    for parameter, kind in UNKNOWN[method]:
        for value in a_third(kind.unknown(things), f"{method}.{parameter}"):
            came, asked = outcome(things, method, parameter, value, tmp_path)
            bad = isinstance(came, Exception) and (not isinstance(came, CLEAR) or isinstance(came, UNCLEAR))
            if bad or asked or (isinstance(came, Exception) and not says_what(came, parameter, value)):
                sent_too = [item.operation for item in asked]
                failures.append(f"{parameter} {shown(value):.60}: {came!r:.150}, sent {sent_too}")
    assert failures == []


@pytest.mark.parametrize("method", CARRIED)
def test_odd_content_arrives(changing: Things, tmp_path: Path, method: str) -> None:
    """Odd content arrives as it was given, in the place that it is meant for."""
    failures = []
    for parameter, kind in CARRIED[method]:
        for value in a_third(kind.carried(changing), f"{method}.{parameter}"):
            came, asked = outcome(changing, method, parameter, value, tmp_path)
            case = f"{parameter} {shown(value):.60}"
            if value is LONG and isinstance(came, ValueError) and "too long" in str(came):
                continue  # a query cannot hold it
            if getattr(came, "field_name", None) == value and not asked:
                continue  # it is there under this name
            if isinstance(came, Exception) and not isinstance(came, KalbioAPIError):
                failures.append(f"{case}: {type(came).__name__} {came!s:.150}")
            elif not any(carries(item, value) for item in asked):
                failures.append(f"{case}: not in {[item.operation for item in asked]}")
            elif not all(is_in_place(item) and (item.status or 500) < 500 for item in asked):
                failures.append(f"{case}: sent {[(item.target[:100], item.status) for item in asked]}")
    assert failures == []


NEUTRAL = (LoadReport, Table, type(None), list, dict, bool, BulkResult)


@pytest.mark.parametrize("method", REFUSED_SOME)
def test_the_older_policy_sends_nothing_either(
    things: Things, tmp_path: Path, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With on_error="log", bad input raises, or is logged once and gives the neutral value; nothing is sent."""
    failures = []
    things.api.on_error = "log"
    try:
        for parameter, value in [
            (name, value) for name, kind in REFUSED_SOME[method] for value in kind.refused(things)
        ]:
            caplog.clear()
            came, asked = outcome(things, method, parameter, value, tmp_path)
            logged = [item for item in caplog.records if item.levelname == "ERROR"]
            raised = isinstance(came, CLEAR) and not isinstance(came, KalbioError) and not logged
            neutral = isinstance(came, NEUTRAL) and not came and len(logged) == 1
            if method.endswith(".update_template") and parameter != "template_id" and value is None:
                neutral = came is things.template  # where it leaves everything as it is
            if asked or not (raised or neutral):
                case = f"{parameter} {shown(value):.60}"
                failures.append(f"{case}: {came!r:.150}, logged {len(logged)}, sent {len(asked)}")
    finally:
        things.api.on_error = "raise"
    assert failures == []


@pytest.mark.parametrize("world", ["async"], indirect=True)
def test_the_async_world_refuses_the_same(lab: Lab, world: World) -> None:
    """A sample of the same in the async world: it raises when the call is awaited, and nothing is sent."""
    api = lab.api

    async def all_of(items: Any) -> list[Any]:
        return [item async for item in items]

    calls: list[Callable[[], Any]] = [
        lambda: api.records.get_record_by_id({"Compound": math.nan}),
        lambda: api.records.get_records_by_ids("CPD-1"),
        lambda: api.records.get_records_by_ids([], use_cache="no"),
        lambda: api.records.search_records(search_text=LONE),
        lambda: api.activities.create_activity("title", "task", start_date="tomorrow"),
        lambda: api.activities.get_activity_by_external_id(5),
        lambda: api.programs.create_program(LONE),
        lambda: api.imports.push_data(["Compound"], [{"Compound": "x", "a": 10**5000}]),
        lambda: api.imports.wait(NOWHERE, timeout="5"),
        lambda: all_of(api.imports.iter_imports("yes")),
        lambda: all_of(api.workspace.iter_events(page_size=0)),
        lambda: api.exports.pull_data(5, NOWHERE),
    ]
    for call_it in calls:
        with pytest.raises((ValueError, TypeError)):
            world(call_it())
    assert set(lab.operations()) <= LOOKUPS
