"""The client of Provena, against the HTTP library alone: small calls, a list of all items, and waiting for many jobs.

Run as a process of its own, `python -m bench.provena` is the loopback server of these works; it prints its port.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import orjson
from provena_api.api.registry import registry_health_check

from bench.child import served
from bench.server import Connection
from kalbio._core.http.responses import as_object
from kalbio.provena import APIOverrides, AsyncProvenaClient, ClientCredentialsFlow, Config, ProvenaClient
from kalbio.provena.testing import InProcess

CALLS = 500
ITEMS = 10_000
PAGE = 1_000
JOBS = 100
_HANDLE = "10378.1/1700000"
_REGISTRY = "/registry-api"
Figures = dict[str, Any]


def _item(number: int) -> dict[str, Any]:
    return {
        "id": f"10378.1/{1_700_000 + number}",
        "display_name": f"Model {number}",
        "name": f"Model {number}",
        "description": "Grows corals on reefs, one after the other",
        "documentation_url": f"https://docs.example.org/{number}",
        "source_url": f"https://git.example.org/{number}",
        "user_metadata": None,
        "owner_username": "ada",
        "created_timestamp": 1_700_000_000 + number,
        "updated_timestamp": 1_700_000_000 + number,
        "item_category": "ENTITY",
        "item_subtype": "MODEL",
        "record_type": "COMPLETE_ITEM",
        "workflow_links": None,
        "versioning_info": {"previous_version": None, "version": 1, "reason": None, "next_version": None},
        "history": [],
    }


class Answers:
    """Every answer as bytes."""

    def __init__(self) -> None:
        self.counts = {"requests": 0, "connections": 0}
        self.latency = 0.0
        status = {"success": True, "details": "Success."}
        self._health = json.dumps({"message": "Health check successful."}).encode()
        self._token = json.dumps({"access_token": "t", "expires_in": 86_400}).encode()
        item = {**_item(0), "id": _HANDLE}
        self._fetched = json.dumps(
            {"status": status, "item": item, "roles": ["metadata-read"], "locked": False, "item_is_seed": False}
        ).encode()
        self._pages = []
        for start in range(0, ITEMS, PAGE):
            items = [_item(number) for number in range(start, start + PAGE)]
            last = items[-1]
            more = start + PAGE < ITEMS
            key = {"id": last["id"], "item_subtype": "MODEL", "updated_timestamp": last["updated_timestamp"]}
            page = {"status": status, "items": items, "seed_items": [], "unparsable_items": [],
                    "total_item_count": PAGE, "complete_item_count": PAGE, "seed_item_count": 0,
                    "unparsable_item_count": 0, "not_authorised_count": 0,
                    "pagination_key": key if more else None}  # fmt: skip
            self._pages.append(json.dumps(page).encode())

    def answer(self, method: str, target: str, body: bytes | bytearray) -> bytes:
        """Return the body of an answer."""
        path = target.partition("?")[0]
        if path == "/bench/counts":
            counts = json.dumps(self.counts).encode()
            self.counts["requests"] = 0
            return counts
        self.counts["requests"] += 1
        if path.endswith("/token"):
            return self._token
        if path == f"{_REGISTRY}/":
            return self._health
        if path.endswith("/fetch"):
            return self._fetched
        if path.endswith("/list"):
            key = json.loads(body).get("pagination_key")
            return self._pages[0 if key is None else (int(key["id"].partition("/")[2]) - 1_700_000 + 1) // PAGE]
        raise ValueError(f"the bench has no answer to {method} {path}")


# -- the works: by our client, and by the HTTP library -----------------------------------------------------------------


def _health(client: ProvenaClient) -> None:
    for _ in range(CALLS):
        assert as_object(client.call(registry_health_check.build_request()))["message"]


def _raw_health(http: httpx.Client) -> None:
    for _ in range(CALLS):
        assert orjson.loads(http.get(f"{_REGISTRY}/").raise_for_status().content)["message"]


def _fetch(client: ProvenaClient) -> None:
    for _ in range(CALLS):
        item = client.models.get(_HANDLE)
        assert item is not None
        assert item.display_name == "Model 0"


def _raw_fetch(http: httpx.Client) -> None:
    query = {"id": _HANDLE, "seed_allowed": "true"}
    for _ in range(CALLS):
        answer = http.get(f"{_REGISTRY}/registry/entity/model/fetch", params=query).raise_for_status()
        assert orjson.loads(answer.content)["item"]["display_name"] == "Model 0"


def _list(client: ProvenaClient) -> None:
    assert sum(len(item.display_name or "") for item in client.models.list(page_size=PAGE)) > ITEMS


def _raw_list(http: httpx.Client) -> None:
    key, letters = None, 0
    while True:
        body = {"page_size": PAGE, "pagination_key": key}
        answer = http.post(f"{_REGISTRY}/registry/entity/model/list", json=body).raise_for_status()
        page = orjson.loads(answer.content)
        letters += sum(len(item["display_name"]) for item in page["items"])
        key = page["pagination_key"]
        if key is None:
            break
    assert letters > ITEMS


async def _health_async(client: AsyncProvenaClient) -> None:
    for _ in range(CALLS):
        assert as_object(await client.call(registry_health_check.build_request()))["message"]


async def _raw_health_async(http: httpx.AsyncClient) -> None:
    for _ in range(CALLS):
        assert orjson.loads((await http.get(f"{_REGISTRY}/")).raise_for_status().content)["message"]


async def _fetch_async(client: AsyncProvenaClient) -> None:
    for _ in range(CALLS):
        item = await client.models.get(_HANDLE)
        assert item is not None
        assert item.display_name == "Model 0"


async def _raw_fetch_async(http: httpx.AsyncClient) -> None:
    query = {"id": _HANDLE, "seed_allowed": "true"}
    for _ in range(CALLS):
        answer = await http.get(f"{_REGISTRY}/registry/entity/model/fetch", params=query)
        assert orjson.loads(answer.raise_for_status().content)["item"]["display_name"] == "Model 0"


def _measured(title: str, limit: float, ours: Callable[[], Any], raw: Callable[[], Any], rounds: int) -> Figures:
    ours()  # connects, and logs in
    raw()
    mine: list[float] = []
    theirs: list[float] = []
    for turn in range(rounds):
        for work, taken in ((ours, mine), (raw, theirs))[:: 1 if turn % 2 else -1]:
            started = time.perf_counter()
            work()
            taken.append(time.perf_counter() - started)
    ratio = statistics.median(one / other for one, other in zip(mine, theirs, strict=True))
    return {"work": f"Provena: {title}", "ratio": ratio, "limit": limit, "ours": statistics.median(mine),
            "raw": statistics.median(theirs)}  # fmt: skip


def run(rounds: int) -> Iterator[Figures]:
    """Measure the works."""
    with served("bench.provena") as url, ExitStack() as stack:
        auth = ClientCredentialsFlow(Config("bench.invalid", "bench", APIOverrides.at(url)), "bench", "bench")
        client = stack.enter_context(ProvenaClient(auth))
        http = stack.enter_context(httpx.Client(base_url=url))
        counting = stack.enter_context(httpx.Client(base_url=url))
        runner = stack.enter_context(asyncio.Runner())
        client_async, http_async = AsyncProvenaClient(auth), httpx.AsyncClient(base_url=url)
        stack.callback(lambda: runner.run(client_async.aclose()))
        stack.callback(lambda: runner.run(http_async.aclose()))
        before = counting.get("/bench/counts").json()["connections"]
        _fetch(client)
        _health(client)
        connections = counting.get("/bench/counts").json()["connections"] - before
        yield _measured(f"{CALLS} health checks", 1.3, lambda: _health(client), lambda: _raw_health(http), rounds)
        yield _measured(f"{CALLS} health checks, async", 1.3, lambda: runner.run(_health_async(client_async)),
                        lambda: runner.run(_raw_health_async(http_async)), rounds)  # fmt: skip
        yield _measured(f"{CALLS} items fetched", 1.3, lambda: _fetch(client), lambda: _raw_fetch(http), rounds)
        yield _measured(f"{CALLS} items fetched, async", 1.3, lambda: runner.run(_fetch_async(client_async)),
                        lambda: runner.run(_raw_fetch_async(http_async)), rounds)  # fmt: skip
        yield _measured(f"{ITEMS:,} items listed", 1.5, lambda: _list(client), lambda: _raw_list(http), rounds)
        # All services are at one address here.
        yield {"work": f"Provena: {2 * CALLS} calls: connections", "ratio": connections, "limit": 1, "unit": ""}
    yield from _waiting()


def _waiting() -> list[Figures]:
    """Wait for many jobs while something else ticks in the same loop."""

    async def wait(lab: InProcess) -> tuple[float, float]:
        client = lab.async_client
        lab.sandbox.hold_jobs()
        jobs = [await client.jobs.admin.launch("PROV_LODGE_WAKE_UP", {"reason": "bench"}) for _ in range(JOBS)]
        longest, ticking = 0.0, True

        async def tick() -> None:
            nonlocal longest
            while ticking:
                began = time.perf_counter()
                await asyncio.sleep(0.01)
                longest = max(longest, time.perf_counter() - began - 0.01)

        async def move() -> None:
            for _ in range(5):
                await asyncio.sleep(0.3)
                lab.sandbox.step_jobs()

        before = len(lab.exchanges)
        ticker = asyncio.create_task(tick())
        mover = asyncio.create_task(move())
        await client.jobs.wait_all(jobs, timeout=60, interval=0.25)
        await mover
        ticking = False
        await ticker
        asked = [one for one in lab.exchanges[before:] if one.operation != "createToken"]
        rounds_of_looks = max(1, sum(1 for one in asked if b'pagination_key":{' not in one.body.replace(b" ", b"")))
        return len(asked) / rounds_of_looks, longest * 1000

    with InProcess() as lab:
        requests, longest = asyncio.run(wait(lab))
    return [
        {"work": f"Provena: waiting for {JOBS} jobs: requests a look", "ratio": requests, "limit": 5, "unit": ""},
        {"work": f"Provena: waiting for {JOBS} jobs: longest pause of the loop", "ratio": longest, "limit": 50,
         "unit": " ms"},
    ]  # fmt: skip


async def _serve() -> None:
    answers = Answers()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(answers), "127.0.0.1", 0)  # type: ignore[arg-type]
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
