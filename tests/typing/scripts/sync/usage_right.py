"""Usual code of a user, which a strict type checker must accept. Never run."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import assert_type

from kalbio import UNSET, AsyncKaleidoscopeClient, F, KalbioAPIError, KaleidoscopeClient, RetryPolicy, Timeouts
from kalbio.activities import Activity, ActivityDefinition, ActivityStatusEnum
from kalbio.entity_fields import DataField, DataFieldTypeEnum
from kalbio.imports import ImportRecord
from kalbio.programs import Program
from kalbio.records import Record, RecordValue, SearchRecordsQuery, Where


def partial_conditions(client: KaleidoscopeClient) -> list[str]:
    """Every condition of a search is optional, in a call and in a dict that is built step by step."""
    query: SearchRecordsQuery = {"search_text": "x"}
    query["limit"] = None
    client.records.search_records()
    client.records.search_records(entity_slice_id="Compound", limit=3)
    return client.records.search_records(**query)


def conditions_that_one_can_read(client: KaleidoscopeClient, field: DataField) -> None:
    """Comparisons of fields are conditions, and stand wherever filters do."""
    where = (F("logP") < 5) & F("Status").is_in(["hit", "lead"]) & F("Made on").since(date(2026, 1, 1))
    assert_type(where & F("SMILES").contains("Cl"), Where)
    assert_type(F(field) == "x", Where)
    client.records.search_records(where=where, sorts=["-logP", field])
    client.records.search_records(entity_field_filters=[where], entity_field_sorts=[F(field).descending()])
    client.exports.pull_data("name", "type", where=F("Made on") >= date(2026, 1, 1), sorts=["logP"])
    client.result_table_templates.create_template(
        view_name="x", entity_slice_id="y", filters=where, color_filters=where.in_color("#FF0000"), sorts=["logP"]
    )


def signatures_of_cached_methods(client: KaleidoscopeClient) -> None:
    """What cached and guarded methods take and give is known."""
    assert_type(client.programs.get_programs(use_cache=False), list[Program])
    assert_type(client.activities.get_activities(use_cache=True), list[Activity])
    assert_type(client.activities.get_definition_by_id("x"), ActivityDefinition | None)
    assert_type(client.records.get_record_by_id("x", False), Record | None)
    assert_type(client.entity_fields.get_or_create_data_field("x", DataFieldTypeEnum.NUMBER), DataField)
    assert_type(client.imports.wait("x", timeout=3), ImportRecord)


def text_stands_for_members(client: KaleidoscopeClient, activity: Activity) -> None:
    """Where an enumeration is known, plain text does as well."""
    client.entity_fields.get_or_create_data_field("x", "number")
    client.activities.search_activities(statuses=["to do", ActivityStatusEnum.DONE], completed_behavior="hide-all")
    activity.update(status="in progress")
    activity.update(status=ActivityStatusEnum.IN_PROGRESS, due_date=None, duration=UNSET)
    client.registration.push_status("x", "y", "validated")


def arguments_in_their_order(client: KaleidoscopeClient, record: Record) -> None:
    """The leading parameters may be given by place."""
    client.activities.create_activity("t", "experiment", ["p"], "d", ["u"], ["s"], datetime(2030, 1, 1), 3)
    client.imports.push_data(["k"], [{"k": 1}], "source", "activity", "program", "view", ["view"], "set")
    client.imports.get_imports(True, 1, 10)
    client.files.download_file("id", "name", Path(), "activity", overwrite=True)
    client.exports.pull_data("name", "type", Path(), "view", ["column"], ["key"], ["set"], "program", "activity")
    assert_type(record.add_value("field", 1.5, "activity", "view"), RecordValue | None)
    record.get_value_content("field", "activity", True, "sub-record", "view")
    record.update_field_file("field", "name", b"", "text/csv", "activity", "view")


def settings_of_a_client() -> None:
    """The settings of a client are typed, and it is a context."""
    with KaleidoscopeClient("id", "secret", timeout=Timeouts(read=5), retries=RetryPolicy(attempts=2)) as client:
        try:
            with client.timeout(3), client.cache_disabled():
                client.programs.create_program("x")
        except KalbioAPIError as error:
            assert_type(error.status_code, int)
            assert_type(error.message, str | None)


async def the_async_world() -> None:
    """The async client has the same methods, to be awaited, and iterators."""
    async with AsyncKaleidoscopeClient(on_error="log") as client:
        programs = await client.programs.get_programs(use_cache=False)
        print(programs[0].title)
        async for item in client.imports.iter_imports(page_size=10):
            print(item.is_complete)


asyncio.run(the_async_world())
