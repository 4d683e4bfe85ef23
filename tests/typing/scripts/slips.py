"""A slip of the pen does not type-check; what is right does, and has the type that the documentation says."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, assert_type

from kalbio import UNSET, AsyncKaleidoscopeClient, F
from kalbio.aio.activities import Activity, ActivityDefinition, ActivityStatusEnum
from kalbio.aio.dashboards import Dashboard
from kalbio.aio.entity_fields import DataField, KeyField
from kalbio.aio.helpers import export_data
from kalbio.aio.programs import Program
from kalbio.aio.record_views import RecordViewFilter
from kalbio.aio.records import (
    FieldFilter,
    FilterRuleTypeEnum,
    Record,
    RecordValue,
    RowOutcome,
    SearchRecordsQuery,
    ViewFieldFilter,
)
from kalbio.aio.registration import RegistrationFileWithErrors, RegistrationSubmissionWithErrors


async def members(client: AsyncKaleidoscopeClient, activity: Activity, record: Record, program: Program) -> None:
    """Members that this version does not know are no attributes for a checker; the JSON has them."""
    assert_type(activity.title, str | None)
    assert_type(activity.created_at, datetime | None)
    assert_type(activity.id, str)
    assert_type(activity.record_ids_typo, str)  # error
    activity.titel  # error
    record.get_value_contents()  # error
    record.record_value  # error
    program.titel  # error
    client.record  # error
    client.records.get_record("id")  # error
    activity.title = "another"  # error
    activity.raw["new_member"]
    assert_type(dict(program), dict[str, Any])


async def updates(activity: Activity, definition: ActivityDefinition, key: KeyField, field: DataField) -> None:
    """Updates take their keywords, and no others; a dict of further members may be handed on."""
    further: dict[str, Any] = {"new_member": 1}
    await activity.update(title="t", status=ActivityStatusEnum.DONE, due_date=None, duration=UNSET)
    await activity.update(status="in progress", **further)
    await definition.update(title="t", **further)
    assert_type(await field.update(field_description=""), DataField)
    assert_type(await key.update(field_name="Compound"), KeyField)
    await activity.update(titel="t")  # error
    await activity.update(status=3)  # error
    await activity.update(due_date="tomorrow")  # error
    await activity.update("t")  # error
    await definition.update(titel="t")  # error
    await field.update(feild_name="t")  # error
    await key.update(is_archived=True)  # error


async def conditions(client: AsyncKaleidoscopeClient) -> None:
    """A rule takes what it can compare with, and conditions are joined with `&` alone."""
    where = (F("logP") < 5) & F("Made on").since(date(2026, 1, 1)) & F("Status").is_in(["hit"])
    await client.records.search_records(where=where, sorts=["-logP"])
    await client.records.table(where=F("logP") < "5")  # error
    F("logP").is_less_than(date(2026, 1, 1))  # error
    F("Made on").since(5)  # error
    F("Status").is_in(5)  # error
    F("Made on").is_after_relative_day("1")  # error
    F("Status").contains(["hit"])  # error
    await client.records.search_records(where=F("logP"))  # error
    await client.records.table(where="logP < 5")  # error


async def filters(client: AsyncKaleidoscopeClient, field: DataField, activity: Activity) -> None:
    """Rules are the texts that the platform has, or the members of the enumeration."""
    by_field: FieldFilter = {"field_id": field, "filter_type": "is_less_than", "filter_prop": 5}
    by_column: ViewFieldFilter = {"view_field_id": "id", "filter_type": FilterRuleTypeEnum.IS_SET}
    of_view: RecordViewFilter = {
        "key_field_id": None, "view_field_id": "id", "filter_type": "subfield_rule", "filter_prop": 1,
        "plot_field_config": None,
    }  # fmt: skip
    await client.records.search_records(entity_field_filters=[by_field], view_field_filters=[by_column])
    await client.records.search_records(entity_field_filters=[{"field_id": "logP", "filter_type": "is_set"}])
    await client.records.search_records(
        entity_slice_id="Compound", operation_id=activity, entity_field_sorts=[{"field_id": "logP", "descending": True}]
    )
    await client.result_table_templates.update_template("t", filters=[of_view])
    wrong: FieldFilter = {"field_id": field, "filter_type": "is_les_than", "filter_prop": 5}  # error
    absent: FieldFilter = {"field_id": field, "filter_type": "subfield_rule", "filter_prop": 5}  # error
    lacking: FieldFilter = {"field_id": field, "filter_prop": 5}  # error
    unknown: SearchRecordsQuery = {"serch_text": "x"}  # error
    await client.records.search_records(entity_field_filters=[{"field_id": "x", "filter_type": "is_les_than"}])  # error
    await client.records.search_records(serch_text="x")  # error
    await client.records.search_records(operation_id=field)  # error
    await client.activities.search_activities(completed_behavior="hide")  # error
    await client.activities.create_activity("t", "experimnt")  # error


async def results(client: AsyncKaleidoscopeClient, record: Record, activity: Activity, dashboard: Dashboard) -> None:
    """What comes back has a type."""
    written = await client.records.add_values([{"record": record, "field": "logP", "content": 1}])
    assert_type(written[0], RowOutcome[RecordValue])
    assert_type(written[1:], tuple[RowOutcome[RecordValue], ...])
    assert_type(written[0].value, RecordValue | None)
    assert_type(next(outcome.status for outcome in written).upper(), str)
    assert_type(await record.get_activities(), list[Activity])
    assert_type(await activity.records, list[Record])
    assert_type(await activity.get_record("id"), Record | None)
    assert_type(await client.registration.wait(activity, file_id="id"), RegistrationFileWithErrors)
    assert_type(await client.registration.wait(activity, submission_id="id"), RegistrationSubmissionWithErrors)
    assert_type(await export_data(client, await activity.get_record_data()), list[dict[str, Any]])
    async for found in client.records.iter_search(search_text="SBX"):
        assert_type(found, Record)
    written["0"]  # error
    written[0].valeu  # error
    written[0].value.content  # error
    await client.registration.wait(activity)  # error
    await client.registration.wait(activity, file_id="id", submission_id="id")  # error
    await record.add_value("logP")  # error
    number: int = record.record_identifier  # error
