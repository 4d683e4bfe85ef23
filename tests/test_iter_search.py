"""`records.iter_search`: records in the server's order, while further ones are on their way."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from kalbio import ServerError
from kalbio._model.constants import FIRST_BATCH
from kalbio.sandbox import Fault, Faults, Sandbox
from kalbio.testing import InProcess
from tests.conftest import Lab, World

RECORDS = 700


@pytest.fixture(scope="module")
def stocked() -> Iterator[Sandbox]:
    """A sandbox with some hundred compounds; the tests only read."""
    sandbox = Sandbox()
    client = InProcess(sandbox).client
    client.imports.push_data(["Sample"], [{"Sample": f"S-{number}"} for number in range(RECORDS)])
    client.close()
    yield sandbox
    sandbox.close()


def taken(world: World, records: Any, most: int | None = None) -> list[Any]:
    """Return the first records of an iterator of either world, and close it."""
    if world.kind == "sync":
        found = list(islice(records, most))
        records.close()
        return found

    async def take() -> list[Any]:
        first = []
        async for record in records:
            first.append(record)
            if len(first) == most:
                break
        await records.aclose()
        return first

    return list(world(take()))


def batches(lab: Lab) -> list[list[str]]:
    """The ids that each request asked for."""
    targets = [urlsplit(item.target) for item in lab.exchanges if item.operation == "listRecords"]
    return [parse_qs(target.query)["record_ids"][0].split(",") for target in targets]


@pytest.mark.parametrize("batch_size", [250, 40, 7])
def test_all_records_come_in_the_order_of_the_search(stocked: Sandbox, world: World, batch_size: int) -> None:
    """Every record that is found is yielded once, in the server's order, whatever the size of the batches."""
    lab = Lab(world, stocked, retries=0)
    ids = world(lab.api.records.search_records(entity_slice_id="Sample"))
    found = taken(world, lab.api.records.iter_search(entity_slice_id="Sample", batch_size=batch_size))
    assert [record.id for record in found] == ids
    assert len(ids) == RECORDS
    assert sorted(map(len, batches(lab)))[-1] <= batch_size
    assert max(len(item.target) for item in lab.exchanges) < 8192


def test_the_first_record_comes_before_the_second_batch_is_asked_for(stocked: Sandbox, world: World) -> None:
    """Who takes one record has paid for the search and one small batch."""
    lab = Lab(world, stocked, retries=0)
    found = taken(world, lab.api.records.iter_search(entity_slice_id="Sample"), 1)
    assert [str(record) for record in found] != []
    assert [len(batch) for batch in batches(lab)] == [FIRST_BATCH]


def test_the_look_ahead_is_bounded(world: World) -> None:
    """Who stops early has not asked for everything: as many batches as may be in flight are under way, and no more."""
    faults = Faults()
    lab = Lab(world, Sandbox(faults=faults), retries=0, max_in_flight=2)
    world(lab.api.imports.push_data(["Sample"], [{"Sample": f"S-{number}"} for number in range(200)]))
    faults.add(Fault("listRecords", slow=0.2, times=None))  # time enough for all that want to begin
    taken(world, lab.api.records.iter_search(entity_slice_id="Sample", batch_size=25), FIRST_BATCH + 1)
    assert len(batches(lab)) == 1 + 2


def test_the_cache_stays_as_it_is(stocked: Sandbox, world: World) -> None:
    """A long iteration neither fills the cache nor is answered from it."""
    lab = Lab(world, stocked, retries=0)
    first = world(lab.api.records.search_records(entity_slice_id="Sample", limit=1))[0]
    world(lab.api.records.get_record_by_id(first))
    taken(world, lab.api.records.iter_search(entity_slice_id="Sample"))
    assert sum(map(len, batches(lab))) == RECORDS
    before = len(lab.operations())
    last = world(lab.api.records.search_records(entity_slice_id="Sample"))[-1]
    world(lab.api.records.get_record_by_id(last))
    assert lab.operations()[before:] == ["searchRecords", "getRecord"]


def test_a_search_without_results_asks_for_nothing_more(stocked: Sandbox, world: World) -> None:
    """A search without results asks for nothing more."""
    lab = Lab(world, stocked, retries=0)
    assert taken(world, lab.api.records.iter_search(search_text="no such thing at all")) == []
    assert lab.operations()[-1] == "searchRecords"


def test_a_failure_comes_after_the_records_before_it(world: World) -> None:
    """When a batch fails, the records before it have been yielded, and the failure is raised."""
    faults = Faults()
    lab = Lab(world, Sandbox(faults=faults), retries=0, max_in_flight=1)
    world(lab.api.imports.push_data(["Sample"], [{"Sample": f"S-{number}"} for number in range(80)]))
    records = lab.api.records.iter_search(entity_slice_id="Sample", batch_size=FIRST_BATCH)
    found: list[Any] = []
    if world.kind == "sync":
        found.append(next(records))
        faults.add(Fault("listRecords", status=502))
        with pytest.raises(ServerError):
            found.extend(records)
    else:

        async def take() -> None:
            found.append(await anext(records))
            faults.add(Fault("listRecords", status=502))
            async for record in records:
                found.append(record)

        with pytest.raises(ServerError):
            world(take())
    assert len(found) == FIRST_BATCH
    lab.close()


def test_wrong_conditions_are_refused_before_anything_is_sent(lab: Lab, world: World) -> None:
    """An unknown condition or a batch size that makes no sense raises at the first step, and nothing is sent."""
    with pytest.raises(TypeError, match=r"iter_search\(\) has no condition colour"):
        taken(world, lab.api.records.iter_search(colour="red"))
    with pytest.raises(ValueError, match="batch_size"):
        taken(world, lab.api.records.iter_search(batch_size=0))
    assert lab.operations() == []


def test_with_errors_logged_the_iteration_ends(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """With on_error="log" a search that fails gives no records, and says why in the log."""
    faults = Faults()
    lab = Lab(world, Sandbox(faults=faults), retries=0, on_error="log")
    faults.add(Fault("searchRecords", status=500))
    assert taken(world, lab.api.records.iter_search()) == []
    assert "iter_search" in caplog.text
    lab.close()
