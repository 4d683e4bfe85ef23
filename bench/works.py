"""The works that are measured: each by our client, and by the HTTP library with a fast JSON parser and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import httpx
import orjson

from bench.server import FIELD_IDS, KEY_FIELD_ID, OPERATION_IDS, RECORD_IDS
from kalbio import KaleidoscopeClient
from kalbio._core.batches import cut

KEYS = [{KEY_FIELD_ID: f"CPD-{n}"} for n in range(1000)]
FIRST = FIELD_IDS[0]


@attrs.frozen
class Work:
    """One thing to do, in two ways, and the ratio that ours may take."""

    name: str
    limit: float
    ours: Callable[[KaleidoscopeClient], Any]
    raw: Callable[[httpx.Client], Any]
    prepare: Callable[[KaleidoscopeClient], Any] = lambda client: client.clear_caches()


def _raw_records(http: httpx.Client) -> list[Any]:
    records: list[Any] = []
    for part in cut(RECORD_IDS, overhead=20, separator=",", max_count=250):
        answer = http.get("/records", params={"record_ids": ",".join(RECORD_IDS[part])})
        records += orjson.loads(answer.content)
    return records


def _raw_identified(http: httpx.Client) -> list[Any]:
    texts = [orjson.dumps(key).decode() for key in KEYS]
    records: list[Any] = []
    for part in cut(texts, overhead=60, separator=",", max_count=250):
        asked = f"[{','.join(texts[part])}]"
        answer = http.get("/records/identifiers", params={"records_key_field_to_value": asked})
        records += [item["record"] for item in orjson.loads(answer.content)]
    return records


def _raw_get_or_create(http: httpx.Client) -> None:
    for key in KEYS[:500]:
        orjson.loads(http.post("/records", json={"key_field_to_value": key}).content)


def _raw_add_value(http: httpx.Client) -> None:
    for number in range(500):
        body = {"field_id": FIRST, "content": number, "operation_id": None, "record_view_id": None}
        orjson.loads(http.post(f"/records/{RECORD_IDS[0]}/values", json=body).content)


def _add_value(client: KaleidoscopeClient) -> None:
    record = client.records.get_record_by_id(KEYS[0])
    assert record is not None
    for number in range(500):
        record.add_value(FIRST, number)


def _all_values(record: dict[str, Any]) -> list[Any]:
    values = record["record_values"]
    return [entry["content"] for field in FIELD_IDS for entry in values[field]]


WORKS = [
    Work(
        "10,000 records by uuid, one value of each",
        1.3,
        lambda client: [r.get_value_content(FIRST) for r in client.records.get_records_by_ids(RECORD_IDS)],
        lambda http: [r["record_values"][FIRST][0]["content"] for r in _raw_records(http)],
    ),
    Work(
        "10,000 records by uuid, all 30 values of each",
        1.8,
        lambda client: [
            [record.get_value_content(field, operation) for field in FIELD_IDS for operation in OPERATION_IDS]
            for record in client.records.get_records_by_ids(RECORD_IDS)
        ],
        lambda http: [_all_values(record) for record in _raw_records(http)],
    ),
    Work(
        "1,000 key-field dicts to records",
        1.5,
        lambda client: client.records.get_records_by_ids(KEYS),
        _raw_identified,
    ),
    Work(
        "500 get-or-create, one by one",
        1.25,
        lambda client: [client.records.get_or_create_record(key) for key in KEYS[:500]],
        _raw_get_or_create,
    ),
    Work("500 add_value, one by one", 1.25, _add_value, _raw_add_value),
    Work(
        "5,000 activities, titles read",
        1.4,
        lambda client: [activity.title for activity in client.activities.get_activities()],
        lambda http: [activity["title"] for activity in orjson.loads(http.get("/activities").content)],
    ),
]


def walk(records: list[dict[str, Any]]) -> None:
    """Read 100,000 current contents as a bare walk through dictionaries that does the same."""
    for _ in range(10):
        for record in records:
            own = record["id"]
            for field in FIELD_IDS:
                for entry in record["record_values"].get(field, ()):
                    if entry.get("record_id") == own:
                        entry["content"]
                        break


def look_up(records: list[Any], operation: str | None) -> None:
    """Read 100,000 current contents through the client's records."""
    for _ in range(10):
        for record in records:
            for field in FIELD_IDS:
                record.get_value_content(field, operation)
