"""What a stand-in holds at first, the fixtures that bring it, and what large ones take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kalbio._core.emulator.messages import Request
from kalbio.provena import AsyncProvenaClient, ProvenaClient
from kalbio.provena.sandbox import Sandbox, items, jobs
from kalbio.provena.testing import InProcess


@pytest.mark.parametrize("run", [1, 2])
def test_the_demo_is_a_study_and_each_test_has_its_own(provena_client: ProvenaClient, run: int) -> None:
    """Its runs lead from the results to the study, its files can be got, and a review waits."""
    client = provena_client
    results = client.datasets.need("Coral cover")
    assert results.release_status == "PENDING"
    assert [file.path for file in client.datasets.files(results)] == ["data.csv", "metadata.json"]
    found = {node.subtype for node in client.lineage.upstream(results, depth=5)}
    assert {"MODEL_RUN", "STUDY", "MODEL", "DATASET", "PERSON", "ORGANISATION"} <= found
    assert sorted(str(run.record_status) for run in client.model_runs.list()) == ["LODGED", "LODGED"]
    assert [group.id for group in client.groups.list()] == ["modellers"]
    assert client.organisations.get("Mine") is None
    client.organisations.create(display_name="Mine", name="Mine")


async def _name(client: AsyncProvenaClient) -> str | None:
    return (await client.models.need("Coral model")).display_name


def test_the_fixtures_share_one_stand_in(provena_sandbox: InProcess, provena_async_client: AsyncProvenaClient) -> None:
    """The stand-in of a test knows what its clients asked, and nothing that was asked before."""
    import asyncio

    assert provena_sandbox.sandbox.ledger == []
    assert asyncio.run(_name(provena_async_client)) == "Coral model"
    assert {one.operation for one in provena_sandbox.exchanges} > {"registryItemList"}


def test_a_file_is_seeded_once(tmp_path: Path) -> None:
    """The seed is that of a new file; one that is none is refused before there is a file."""
    path = tmp_path / "provena.db"
    with pytest.raises(ValueError, match="seed must be one of demo, empty; got 'full'"):
        Sandbox(path, seed="full")
    assert not path.exists()
    for seed in ("demo", "demo", "empty"):
        with Sandbox(path, seed=seed) as sandbox:
            assert len(sandbox.store.all(items.ITEM)) == 18


def steps_of_the_last_page(number: int, target: str, body: dict[str, Any]) -> int:
    """How many steps the database takes for the last page, of so many items and jobs."""
    with Sandbox() as sandbox:
        store = sandbox.store
        headers = [("authorization", f"Bearer {sandbox.issue_token()}"), ("content-type", "application/json")]
        with sandbox._writing():
            for count in range(number):
                items.create(store, "ORGANISATION", {"display_name": f"{count:04}", "name": "x"}, "admin")
                jobs.launch(store, "admin", "REGISTRY_WAKE_UP", {})
        sandbox.release_jobs()
        steps, key = 0, None

        def count_one() -> int:
            nonlocal steps
            steps += 1
            return 0

        while True:
            steps = 0
            store.connection.set_progress_handler(count_one, 10)
            asked = json.dumps({**body, "pagination_key": key}).encode()
            answer = json.loads(sandbox.handle(Request("POST", target, headers, asked)).body)
            store.connection.set_progress_handler(None, 0)
            key = answer["pagination_key"]
            if key is None:
                return steps


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/registry-api/registry/agent/organisation/list", {"page_size": 20}),
        ("/registry-api/registry/general/list", {"page_size": 20, "sort_by": {"sort_type": "DISPLAY_NAME"}}),
        ("/job-api/jobs/user/list", {"limit": 20}),
    ],
    ids=["subtype", "all", "jobs"],
)
def test_a_page_of_many_takes_as_long_as_one_of_few(target: str, body: dict[str, Any]) -> None:
    """The database goes to where a page begins: it neither sorts everything for it nor counts from the start."""
    assert steps_of_the_last_page(400, target, body) < 1.5 * steps_of_the_last_page(40, target, body)
