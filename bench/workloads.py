"""The works that are measured: each by our clients, and by the HTTP library with a fast JSON parser and nothing else.

Both sides of a work do the same at the same concurrency: threads against threads, tasks against tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import httpx
import orjson
from kaleidoscope_api.api.records import add_record_value, get_record
from kaleidoscope_api.models import AddRecordValueBody

from bench.server import BODIES, FIELD_IDS, KEY_FIELD_ID, OPERATION_IDS, RECORD_IDS
from kalbio import AsyncKaleidoscopeClient, KaleidoscopeClient
from kalbio._core.http.url_chunks import chunk_for_url
from kalbio.activities import Activity
from kalbio.aio.activities import Activity as AsyncActivity
from kalbio.aio.records import Record as AsyncRecord
from kalbio.records import Record

IN_FLIGHT = 8
IDS = RECORD_IDS[:BODIES]
KEYS = [{KEY_FIELD_ID: f"CPD-{n}"} for n in range(1000)]
SOME_KEYS = KEYS[:500]
NEW_KEYS = [{KEY_FIELD_ID: f"NEW-{n}"} for n in range(500)]
FIRST = FIELD_IDS[0]
SMALL = 500
JSON = {"Content-Type": "application/json"}

Sync = Callable[[KaleidoscopeClient], Any]
Async = Callable[[AsyncKaleidoscopeClient], Awaitable[Any]]
RawSync = Callable[[httpx.Client], Any]
RawAsync = Callable[[httpx.AsyncClient], Awaitable[Any]]


@attrs.frozen
class Workload:
    """One thing to do, by each of the contenders.

    Attributes:
        name: what it is.
        limit: the most that ours may take, as a ratio to the other of its world.
        limit_async: the same for tasks, where they have another.
        ours: by our sync client; `ours_async` by the async one.
        raw: by the HTTP library; `raw_async` with its async client.
        latency: seconds that each answer takes.
        max_requests: the most that ours may send.
        memory: the most that the peak of memory may be, as a ratio to the other's; None compares none.
        max_memory: the most that it may be in MB above the start.
        quick: whether it belongs to the quick mode.
        full: whether it belongs to the full mode; a small one does not, where there is a large one of its kind.
        rounds: how many it needs at least, outside of the quick mode, because its limit is close.
        prepare: what is done before the clock starts: modules to load, data to make.
        apart: whether each contender works in a process of its own: what one leaves in memory slows the others.
    """

    name: str
    limit: float
    ours: Sync
    ours_async: Async
    raw: RawSync
    raw_async: RawAsync
    limit_async: float | None = None
    latency: float = 0.0
    max_requests: int | None = None
    memory: float | None = None
    max_memory: float | None = None
    quick: bool = True
    full: bool = True
    rounds: int = 0
    prepare: Callable[[], object] = lambda: None
    apart: bool = False


# -- by the HTTP library and orjson -----------------------------------------------------------------------------------


def record_requests(ids: Sequence[str] = IDS) -> list[dict[str, str]]:
    """Return the queries that ask for records."""
    parts = chunk_for_url(ids, overhead=20, separator=",", max_count=250)
    return [{"record_ids": ",".join(ids[part])} for part in parts]


def _identify_requests() -> list[dict[str, str]]:
    texts = [orjson.dumps(key).decode() for key in KEYS]
    parts = chunk_for_url(texts, overhead=60, separator=",", max_count=250)
    return [{"records_key_field_to_value": f"[{','.join(texts[part])}]"} for part in parts]


def read(
    http: httpx.Client, path: str, queries: Sequence[dict[str, str]], take: Callable[[bytes], list[Any]] = orjson.loads
) -> list[Any]:
    """Return all that the answers hold, as it is taken from each of them, in threads."""

    def ask(query: dict[str, str]) -> list[Any]:
        return take(http.get(path, params=query).content)

    with ThreadPoolExecutor(IN_FLIGHT) as threads:
        return [item for page in threads.map(ask, queries) for item in page]


async def read_async(
    http: httpx.AsyncClient,
    path: str,
    queries: Sequence[dict[str, str]],
    take: Callable[[bytes], list[Any]] = orjson.loads,
) -> list[Any]:
    """Return the same, in tasks."""
    free = asyncio.Semaphore(IN_FLIGHT)

    async def ask(query: dict[str, str]) -> list[Any]:
        async with free:
            return take((await http.get(path, params=query)).content)

    return [item for page in await asyncio.gather(*map(ask, queries)) for item in page]


def _value_body(number: int) -> dict[str, Any]:
    return {"field_id": FIRST, "content": _content(number), "operation_id": None, "record_view_id": None}


def _content(number: int) -> str:
    return f"{number:0180}"


def _raw_get_or_create(http: httpx.Client) -> None:
    for key in SOME_KEYS:
        orjson.loads(http.post("/records", json={"key_field_to_value": key}).content)


async def _raw_get_or_create_async(http: httpx.AsyncClient) -> None:
    for key in SOME_KEYS:
        orjson.loads((await http.post("/records", json={"key_field_to_value": key})).content)


def _raw_bulk(keys: Sequence[dict[str, str]]) -> RawSync:
    def run(http: httpx.Client) -> None:
        def ask(key: dict[str, str]) -> Any:
            return orjson.loads(http.post("/records", json={"key_field_to_value": key}).content)

        with ThreadPoolExecutor(IN_FLIGHT) as threads:
            list(threads.map(ask, keys))

    return run


def _raw_bulk_async(keys: Sequence[dict[str, str]]) -> RawAsync:
    async def run(http: httpx.AsyncClient) -> None:
        free = asyncio.Semaphore(IN_FLIGHT)

        async def ask(key: dict[str, str]) -> Any:
            async with free:
                return orjson.loads((await http.post("/records", json={"key_field_to_value": key})).content)

        await asyncio.gather(*map(ask, keys))

    return run


def _raw_get(http: httpx.Client) -> None:
    for _ in range(SMALL):
        orjson.loads(http.get(f"/records/{IDS[0]}").content)


async def _raw_get_async(http: httpx.AsyncClient) -> None:
    for _ in range(SMALL):
        orjson.loads((await http.get(f"/records/{IDS[0]}")).content)


def _raw_post(http: httpx.Client) -> None:
    for number in range(SMALL):
        body = orjson.dumps(_value_body(number))
        orjson.loads(http.post(f"/records/{IDS[0]}/values", content=body, headers=JSON).content)


async def _raw_post_async(http: httpx.AsyncClient) -> None:
    for number in range(SMALL):
        body = orjson.dumps(_value_body(number))
        orjson.loads((await http.post(f"/records/{IDS[0]}/values", content=body, headers=JSON)).content)


def _one(records: list[Any]) -> list[Any]:
    return [record["record_values"][FIRST][0]["content"] for record in records]


def _all(records: list[Any]) -> list[Any]:
    return [[entry["content"] for field in FIELD_IDS for entry in record["record_values"][field]] for record in records]


# -- by our clients ---------------------------------------------------------------------------------------------------


def _one_value(client: KaleidoscopeClient) -> list[Any]:
    return [record.get_value_content(FIRST) for record in client.records.get_records_by_ids(IDS)]


async def _one_value_async(client: AsyncKaleidoscopeClient) -> list[Any]:
    return [await record.get_value_content(FIRST) for record in await client.records.get_records_by_ids(IDS)]


def _all_values(client: KaleidoscopeClient) -> list[Any]:
    return [
        [record.get_value_content(field, operation) for field in FIELD_IDS for operation in OPERATION_IDS]
        for record in client.records.get_records_by_ids(IDS)
    ]


async def _all_values_async(client: AsyncKaleidoscopeClient) -> list[Any]:
    return [
        [await record.get_value_content(field, operation) for field in FIELD_IDS for operation in OPERATION_IDS]
        for record in await client.records.get_records_by_ids(IDS)
    ]


async def _get_or_create_async(client: AsyncKaleidoscopeClient) -> None:
    for key in SOME_KEYS:
        await client.records.get_or_create_record(key)


def _get(client: KaleidoscopeClient) -> None:
    for _ in range(SMALL):
        client.call(get_record.build_request(IDS[0])).json()


async def _get_async(client: AsyncKaleidoscopeClient) -> None:
    for _ in range(SMALL):
        (await client.call(get_record.build_request(IDS[0]))).json()


def _get_record(client: KaleidoscopeClient) -> None:
    for _ in range(SMALL):
        client.records.get_record_by_id(IDS[0], use_cache=False)


async def _get_record_async(client: AsyncKaleidoscopeClient) -> None:
    for _ in range(SMALL):
        await client.records.get_record_by_id(IDS[0], use_cache=False)


def _post_request(number: int) -> dict[str, Any]:
    body = AddRecordValueBody(field_id=FIRST, content=_content(number), operation_id=None, record_view_id=None)
    return add_record_value.build_request(IDS[0], body=body)


def _post(client: KaleidoscopeClient) -> None:
    for number in range(SMALL):
        client.call(_post_request(number)).json()


async def _post_async(client: AsyncKaleidoscopeClient) -> None:
    for number in range(SMALL):
        (await client.call(_post_request(number))).json()


def _add_value(client: KaleidoscopeClient) -> None:
    record = Record({"id": IDS[0]}, client)
    for number in range(SMALL):
        record.add_value(FIRST, _content(number))


async def _add_value_async(client: AsyncKaleidoscopeClient) -> None:
    record = AsyncRecord({"id": IDS[0]}, client)
    for number in range(SMALL):
        await record.add_value(FIRST, _content(number))


def _activity(client: Any) -> Any:
    kind: Any = AsyncActivity if isinstance(client, AsyncKaleidoscopeClient) else Activity
    return kind({"id": OPERATION_IDS[0]}, client)


def _data(answer: httpx.Response) -> list[dict[str, Any]]:
    operation = OPERATION_IDS[0]
    return [
        {
            field: entry["content"]
            for field, entries in record["record_values"].items()
            for entry in entries
            if entry.get("operation_id", operation) == operation
        }
        for record in orjson.loads(answer.content)
    ]


async def _raw_data_async(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    return _data(await http.get(f"/operations/{OPERATION_IDS[0]}/records"))


async def _titles_async(client: AsyncKaleidoscopeClient) -> list[Any]:
    return [activity.title for activity in await client.activities.get_activities()]


def _raw_titles(answer: httpx.Response) -> list[Any]:
    return [activity["title"] for activity in orjson.loads(answer.content)]


async def _raw_titles_async(http: httpx.AsyncClient) -> list[Any]:
    return _raw_titles(await http.get("/activities"))


async def _raw_one_async(http: httpx.AsyncClient) -> list[Any]:
    return _one(await read_async(http, "/records", record_requests()))


async def _raw_all_async(http: httpx.AsyncClient) -> list[Any]:
    return _all(await read_async(http, "/records", record_requests()))


async def _raw_identified_async(http: httpx.AsyncClient) -> list[Any]:
    found = await read_async(http, "/records/identifiers", _identify_requests())
    return [item["record"] for item in found]


WORKLOADS = [
    Workload(
        "10,000 records by uuid, one value of each",
        1.3,
        _one_value,
        _one_value_async,
        lambda http: _one(read(http, "/records", record_requests())),
        _raw_one_async,
        memory=1.0,
        quick=False,
    ),
    Workload(
        "10,000 records by uuid, all 30 values of each",
        1.8,
        _all_values,
        _all_values_async,
        lambda http: _all(read(http, "/records", record_requests())),
        _raw_all_async,
        memory=1.0,
    ),
    Workload(
        "10,000 records by uuid, one value of each, 80 ms latency",
        1.3,
        _one_value,
        _one_value_async,
        lambda http: _one(read(http, "/records", record_requests())),
        _raw_one_async,
        latency=0.08,
        quick=False,
    ),
    Workload(
        "1,000 key-field dicts to records",
        1.5,
        lambda client: client.records.get_records_by_ids(KEYS),
        lambda client: client.records.get_records_by_ids(KEYS),
        lambda http: [item["record"] for item in read(http, "/records/identifiers", _identify_requests())],
        _raw_identified_async,
        max_requests=12,
    ),
    Workload(
        "500 get-or-create, one by one",
        1.25,
        lambda client: [client.records.get_or_create_record(key) for key in SOME_KEYS],
        _get_or_create_async,
        _raw_get_or_create,
        _raw_get_or_create_async,
        max_requests=500,
    ),
    Workload(
        "500 get-or-create in bulk, all new, 20 ms latency",
        1.15,
        lambda client: client.records.get_or_create_records(NEW_KEYS),
        lambda client: client.records.get_or_create_records(NEW_KEYS),
        _raw_bulk(NEW_KEYS),
        _raw_bulk_async(NEW_KEYS),
        latency=0.02,
        max_requests=505,
        rounds=9,
    ),
    Workload(
        "500 get-or-create in bulk, all there, 20 ms latency",
        1.15,
        lambda client: client.records.get_or_create_records(SOME_KEYS),
        lambda client: client.records.get_or_create_records(SOME_KEYS),
        _raw_bulk(SOME_KEYS),
        _raw_bulk_async(SOME_KEYS),
        latency=0.02,
        max_requests=5,
        quick=False,
    ),
    Workload(
        "1,000 records of an activity, as data",
        1.2,
        lambda client: _activity(client).get_record_data(),
        lambda client: _activity(client).get_record_data(),
        lambda http: _data(http.get(f"/operations/{OPERATION_IDS[0]}/records")),
        _raw_data_async,
        max_requests=1,
    ),
    Workload(
        "5,000 activities, titles read",
        1.4,
        lambda client: [activity.title for activity in client.activities.get_activities()],
        _titles_async,
        lambda http: _raw_titles(http.get("/activities")),
        _raw_titles_async,
        max_requests=1,
    ),
]

for _kind, _sync, _async, _by_httpx, _by_httpx_async in (
    ("GET by call", _get, _get_async, _raw_get, _raw_get_async),
    ("GET by get_record_by_id", _get_record, _get_record_async, _raw_get, _raw_get_async),
    ("POST by call", _post, _post_async, _raw_post, _raw_post_async),
    ("POST by add_value", _add_value, _add_value_async, _raw_post, _raw_post_async),
):
    WORKLOADS.append(
        Workload(
            f"2,000 small calls one by one: {SMALL} {_kind}",
            0.8,
            _sync,
            _async,
            _by_httpx,
            _by_httpx_async,
            limit_async=0.65,
            max_requests=SMALL,
            rounds=9,
        )
    )


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


def walk_in_operation(records: list[dict[str, Any]], operation: str) -> None:
    """Read 100,000 contents of an activity as a bare walk through dictionaries that does the same."""
    for _ in range(10):
        for record in records:
            own = record["id"]
            for field in FIELD_IDS:
                for entry in record["record_values"].get(field, ()):
                    if entry.get("record_id") == own and entry.get("operation_id") == operation:
                        entry["content"]
                        break


def look_up(records: list[Any], operation: str | None) -> None:
    """Read 100,000 current contents through the client's records."""
    for _ in range(10):
        for record in records:
            for field in FIELD_IDS:
                record.get_value_content(field, operation)
