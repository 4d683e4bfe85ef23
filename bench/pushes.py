"""Rows that are pushed: checked and encoded by us, encoded by orjson."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import httpx
import orjson

from bench.server import KEY_NAME
from bench.workloads import JSON, Workload
from kalbio import AsyncKaleidoscopeClient, KaleidoscopeClient

Rows = list[dict[str, Any]]


@cache
def _rows(count: int, missing: int) -> Rows:
    """Return rows of 9 cells, some 260 bytes as JSON; of so many cells one is None, if that is not 0."""
    rows: Rows = [
        {
            KEY_NAME: f"CPD-{n}",
            "SMILES": f"CC(=O)Oc1ccccc1C(=O)N{'C' * (n % 40)}",
            "Weight": n * 0.37,
            "logP": (n % 700) / 100 - 2,
            "Count": n % 17,
            "Hit": n % 3 == 0,
            "Made on": f"2026-01-{n % 28 + 1:02}",
            "Supplier": f"Supplier {n % 100} of the catalogue",
            "Comment": f"measured in run {n % 7}, plate {n % 96}, checked twice",
        }
        for n in range(count)
    ]
    if missing:
        columns = list(rows[0])[1:]
        for place in range(0, count * len(columns), missing):
            rows[place // len(columns)][columns[place % len(columns)]] = None
    return rows


def _body(rows: Rows) -> dict[str, Any]:
    return {"key_field_names": [KEY_NAME], "data": rows}


def _pushed(count: int, missing: int, limit: float, **settings: Any) -> Workload:
    def ours(client: KaleidoscopeClient) -> str:
        return client.imports.push_data([KEY_NAME], _rows(count, missing))

    async def ours_async(client: AsyncKaleidoscopeClient) -> str:
        return await client.imports.push_data([KEY_NAME], _rows(count, missing))

    def raw(http: httpx.Client) -> Any:
        body = orjson.dumps(_body(_rows(count, missing)))
        return orjson.loads(http.post("/push/imports", content=body, headers=JSON).content)

    async def raw_async(http: httpx.AsyncClient) -> Any:
        body = orjson.dumps(_body(_rows(count, missing)))
        return orjson.loads((await http.post("/push/imports", content=body, headers=JSON)).content)

    gaps = f", one cell in {missing} missing" if missing else ""
    return Workload(
        f"push_data of {count:,} rows x 9{gaps}",
        limit,
        ours,
        ours_async,
        raw,
        raw_async,
        max_requests=1,
        prepare=partial(_rows, count, missing),
        apart=True,
        **settings,
    )


WORKLOADS = [
    _pushed(50_000, 0, 1.8, rounds=9, max_memory=25, quick=False),
    _pushed(50_000, 7, 2.2, rounds=9, quick=False),
    _pushed(10_000, 0, 1.8, full=False),
    _pushed(10_000, 7, 2.2, full=False),
]
