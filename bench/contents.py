"""Contents and the data of activities, against a client that makes an object of pydantic for each value.

Such a client reads an answer with `json`, has pydantic make objects of it that know their client, and looks values up
by their times; names are looked up in the whole listing of objects.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, PrivateAttr

from bench.server import (
    ACTIVITIES,
    FIELD_IDS,
    OPERATION_IDS,
    RECORD_IDS,
    activity_title,
    field_name,
)
from bench.workloads import IDS, Workload, read, read_async, record_requests
from kalbio import AsyncKaleidoscopeClient, KaleidoscopeClient
from kalbio.aio.records import Record as AsyncRecord
from kalbio.records import Record

_SOME = IDS[:2000]
_ACTIVITY = OPERATION_IDS[1]
_TITLE, _NAME = activity_title(ACTIVITIES - 7), field_name(3)


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: str
    _client: Any = PrivateAttr(None)


class _Value(_Model):
    content: Any = None
    created_at: datetime | None = None
    record_id: str | None = None
    operation_id: str | None = None
    record_view_id: str | None = None


class _Record(_Model):
    created_at: datetime
    entity_slice_id: str
    identifier_ids: list[str]
    record_identifier: str
    record_values: dict[str, list[_Value]]
    initial_operation_id: str | None = None
    sub_record_ids: list[str]

    def content(self, field_id: str, operation_id: str | None = None) -> Any:
        entries = [
            entry
            for entry in self.record_values.get(field_id, ())
            if entry.record_id is None
            or (entry.record_id == self.id and (operation_id is None or entry.operation_id == operation_id))
        ]
        if len(entries) > 1:
            entries.sort(key=lambda entry: entry.created_at or datetime.min, reverse=True)
        return entries[0].content if entries else None

    def data(self, operation_id: str) -> dict[str, Any]:
        found = {field: self.content(field, operation_id) for field in self.record_values}
        return {field: content for field, content in found.items() if content is not None}


class _Activity(_Model):
    title: str
    activity_type: str
    status: str
    created_at: datetime
    child_ids: list[str]
    program_ids: list[str]
    assigned_user_ids: list[str]
    label_ids: list[str]
    dependencies: list[str]
    properties: list[dict[str, Any]]
    all_record_ids: list[str]


class _Field(_Model):
    created_at: datetime
    is_key: bool
    field_name: str
    field_type: str
    ref_slice_id: str | None


def _records(data: bytes) -> list[_Record]:
    return [_Record.model_validate(item) for item in json.loads(data)]


def _contents(records: Sequence[Any], operation: str | None) -> list[Any]:
    return [record.get_value_content(field, operation) for record in records for field in FIELD_IDS]


def _of_contents(title: str, operation: str | None) -> Workload:
    queries = record_requests(_SOME)

    async def ours_async(client: AsyncKaleidoscopeClient) -> list[Any]:
        records = await client.records.get_records_by_ids(_SOME)
        return [await record.get_value_content(field, operation) for record in records for field in FIELD_IDS]

    def theirs(records: Sequence[_Record]) -> list[Any]:
        return [record.content(field, operation) for record in records for field in FIELD_IDS]

    async def raw_async(http: httpx.AsyncClient) -> list[Any]:
        return theirs(await read_async(http, "/records", queries, _records))

    return Workload(
        f"2,000 records, 10 contents of each{title}, against pydantic",
        1 / 8,
        lambda client: _contents(client.records.get_records_by_ids(_SOME), operation),
        ours_async,
        lambda http: theirs(read(http, "/records", queries, _records)),
        raw_async,
    )


def _their_data(http: httpx.Client) -> list[dict[str, Any]]:
    _Activity.model_validate(json.loads(http.get(f"/activities/{_ACTIVITY}").content))
    return [record.data(_ACTIVITY) for record in _records(http.get(f"/operations/{_ACTIVITY}/records").content)]


async def _their_data_async(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    _Activity.model_validate(json.loads((await http.get(f"/activities/{_ACTIVITY}")).content))
    answer = await http.get(f"/operations/{_ACTIVITY}/records")
    return [record.data(_ACTIVITY) for record in _records(answer.content)]


def _record_data(client: KaleidoscopeClient) -> list[dict[str, Any]]:
    activity: Any = client.activities.get_activity_by_id(_ACTIVITY)
    found: list[dict[str, Any]] = activity.get_record_data()
    return found


async def _record_data_async(client: AsyncKaleidoscopeClient) -> list[dict[str, Any]]:
    activity: Any = await client.activities.get_activity_by_id(_ACTIVITY)
    found: list[dict[str, Any]] = await activity.get_record_data()
    return found


def _activity_data(client: KaleidoscopeClient) -> list[dict[str, Any]]:
    activity: Any = client.activities.get_activity_by_id(_ACTIVITY)
    return [record.get_activity_data(activity) for record in activity.records]


async def _activity_data_async(client: AsyncKaleidoscopeClient) -> list[dict[str, Any]]:
    activity: Any = await client.activities.get_activity_by_id(_ACTIVITY)
    return [await record.get_activity_data(activity) for record in await activity.records]


def _first_value(client: KaleidoscopeClient) -> None:
    Record({"id": RECORD_IDS[0]}, client).add_value(_NAME, "1.5", _TITLE)


async def _first_value_async(client: AsyncKaleidoscopeClient) -> None:
    await AsyncRecord({"id": RECORD_IDS[0]}, client).add_value(_NAME, "1.5", _TITLE)


def _body(fields: bytes, activities: bytes) -> dict[str, Any]:
    known = [_Field.model_validate(item) for item in json.loads(fields)]
    titled = [_Activity.model_validate(item) for item in json.loads(activities)]
    field = next(item.id for item in known if item.field_name == _NAME)
    operation = next(item.id for item in titled if item.title == _TITLE)
    return {"field_id": field, "content": "1.5", "operation_id": operation, "record_view_id": None}


def _their_first_value(http: httpx.Client) -> None:
    body = _body(http.get("/data_fields").content, http.get("/activities").content)
    answer = http.post(f"/records/{RECORD_IDS[0]}/values", json=body)
    _Value.model_validate(json.loads(answer.content)["resource"])


async def _their_first_value_async(http: httpx.AsyncClient) -> None:
    body = _body((await http.get("/data_fields")).content, (await http.get("/activities")).content)
    answer = await http.post(f"/records/{RECORD_IDS[0]}/values", json=body)
    _Value.model_validate(json.loads(answer.content)["resource"])


WORKLOADS = [
    _of_contents("", None),
    _of_contents(" in an activity", _ACTIVITY),
    *(
        Workload(
            f"an activity and the data of its 1,000 records by {name}, against pydantic",
            1 / 8,
            ours,
            ours_async,
            _their_data,
            _their_data_async,
            max_requests=2,
        )
        for name, ours, ours_async in (
            ("get_record_data", _record_data, _record_data_async),
            ("get_activity_data", _activity_data, _activity_data_async),
        )
    ),
    Workload(
        "the first add_value, by names among 200 fields and 5,000 activities, against pydantic",
        1 / 8,
        _first_value,
        _first_value_async,
        _their_first_value,
        _their_first_value_async,
        max_requests=3,
    ),
]
