"""Waiting for what runs in the background, and going through pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kalbio import IdentifierNotFoundError, OutcomeError, WaitTimeoutError
from kalbio._core.objects.paging import Pages
from kalbio.sandbox import Sandbox
from kalbio.testing import InProcess
from tests.conftest import Lab, World

Ticks = Callable[[Callable[[int], None]], None]


@pytest.fixture
def on_tick(world: World, monkeypatch: pytest.MonkeyPatch) -> Ticks:
    """Let something happen instead of each pause between two looks; the number of the pause is passed on."""

    def install(happen: Callable[[int], None]) -> None:
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            happen(len(pauses))

        async def pause_in_task(seconds: float) -> None:
            pause(seconds)

        monkeypatch.setattr("kalbio._core.sync.waiting.sleep", pause)
        monkeypatch.setattr("kalbio._core.aio.waiting.sleep", pause_in_task)

    return install


def everything(world: World, iterator: Any) -> list[Any]:
    """Return what an iterator of the world yields."""
    if world.kind == "sync":
        return list(iterator)

    async def collect() -> list[Any]:
        return [item async for item in iterator]

    return list(world(collect()))


def test_an_import_is_waited_for(world: World, on_tick: Ticks) -> None:
    """The wait looks again until the import has ended, and returns it."""
    ticks: list[int] = []
    on_tick(ticks.append)
    lab = Lab(world, sandbox=Sandbox(import_polls=2))
    import_id = world(lab.api.imports.push_data(["Compound"], [{"Compound": "CPD-1"}]))

    record = world(lab.api.imports.wait(import_id))

    assert record.import_status == "completed"
    assert record.import_result.records_created == 1
    assert ticks == [1, 2]
    lab.close()


def test_an_import_that_does_not_end_in_time(world: World) -> None:
    """The error is a TimeoutError and holds the import as it was last seen."""
    lab = Lab(world, sandbox=Sandbox(import_polls=5))
    import_id = world(lab.api.imports.push_data(["Compound"], [{"Compound": "CPD-1"}]))

    with pytest.raises(TimeoutError) as caught:
        world(lab.api.imports.wait(import_id, timeout=0))

    assert isinstance(caught.value, WaitTimeoutError)
    assert caught.value.outcome.is_complete is False
    lab.close()


def test_rows_left_out_are_returned_or_raised(lab: Lab, world: World) -> None:
    """By default row errors are in the result; if asked for, they are a failure that names the first one."""
    world(lab.api.entity_fields.get_or_create_data_field("Yield", "number"))
    rows = [{"Compound": "CPD-1", "Yield": "much"}]
    import_id = world(lab.api.imports.push_data(["Compound"], rows))

    assert [error.field_name for error in world(lab.api.imports.wait(import_id)).row_errors] == ["Yield"]
    with pytest.raises(OutcomeError, match="Yield = 'much'") as caught:
        world(lab.api.imports.wait(import_id, on_row_errors="raise"))
    assert caught.value.outcome.id == import_id


def test_an_import_that_is_not_there(lab: Lab, world: World) -> None:
    """Waiting for nothing fails at once."""
    with pytest.raises(IdentifierNotFoundError, match="import"):
        world(lab.api.imports.wait("00000000-0000-4000-8000-000000000000"))


def registered(lab: Lab, world: World) -> tuple[Any, str]:
    """Return an activity and the id of its registered file."""
    run = world(
        lab.api.activities.create_activity("Run", "experiment", activity_definition_id="Assay results registration")
    )
    upload = next(item for item in run.properties if item.field_type == "file")
    file_id = world(upload.update_property_file("a.csv", b"a", "text/csv"))["file_id"]
    world(lab.api.registration.register_file(run, file_id))
    return run, file_id


@pytest.mark.parametrize(("verdict", "status"), [("success", "completed"), ("error", "failed")])
def test_a_registration_is_waited_for(lab: Lab, world: World, on_tick: Ticks, verdict: str, status: str) -> None:
    """The wait goes on over progress reports and ends with the verdict; a bad one is raised with the registration."""
    run, file_id = registered(lab, world)
    registrar = InProcess(lab.sandbox).client.registration

    def report(tick: int) -> None:
        if tick == 1:
            registrar.push_status(run.id, file_id, "validated")
        else:
            registrar.submit_results(run.id, file_id, verdict, "that is all")

    on_tick(report)
    if verdict == "success":
        ended = world(lab.api.registration.wait(run, file_id=file_id))
    else:
        with pytest.raises(OutcomeError, match="that is all") as caught:
            world(lab.api.registration.wait(run, file_id=file_id))
        ended = caught.value.outcome

    assert ended.status == status


def test_a_registration_needs_one_thing_to_wait_for(lab: Lab, world: World) -> None:
    """Neither a file nor a submission, or both, is refused before anything is sent."""
    for arguments in ({}, {"file_id": "a", "submission_id": "b"}):
        with pytest.raises(ValueError, match="either"):
            world(lab.api.registration.wait("00000000-0000-4000-8000-000000000000", **arguments))
    assert lab.exchanges == []


def test_a_dry_run_ends_with_its_verdict(lab: Lab, world: World) -> None:
    """A validation submission has ended when it is validated."""
    run = world(lab.api.activities.create_activity("B", "experiment", activity_definition_id="Batch registration"))
    world(lab.api.registration.stage_drafts(run, ["Compound"], [{"Compound": "CPD-9"}]))
    dry = world(lab.api.registration.validate_drafts(run))
    world(lab.api.registration.submit_submission_results(run, dry.id, "success"))

    assert world(lab.api.registration.wait(run, submission_id=dry.id)).status == "validated"


def test_all_imports_are_gone_through(lab: Lab, world: World) -> None:
    """The iterator yields every import once, whatever the size of a page."""
    made = [world(lab.api.imports.push_data(["Compound"], [{"Compound": f"C-{n}"}])) for n in range(7)]

    for size in (1, 3, 7, 50):
        assert sorted(item.id for item in everything(world, lab.api.imports.iter_imports(page_size=size))) == sorted(
            made
        )


@pytest.mark.parametrize("base", [0, 1])
def test_pages_fit_together_whatever_the_first_number_is(base: int) -> None:
    """A server that counts from 0 and one that counts from 1 are both read whole, each item once."""
    stored = list(range(25))
    pages, read = Pages("/imports"), []
    while pages.more:
        number = base if pages.number is None else pages.number
        begin = 10 * (number - base)
        read += pages.take(stored[begin : begin + 10] if begin >= 0 else [])

    assert read == stored
