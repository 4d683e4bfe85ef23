"""R127, R129, R143: what waits ends when it should: on Ctrl-C, in time, and after the main thread."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kalbio import WaitTimeoutError
from kalbio.sandbox import Sandbox
from tests.conftest import Lab, World


@pytest.fixture
def pauses(world: World, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let time pass in the pauses between two looks alone, and keep how long these are."""
    kept: list[float] = []

    def pause(seconds: float) -> None:
        kept.append(seconds)

    async def pause_in_task(seconds: float) -> None:
        pause(seconds)

    for kind, instead in (("sync", pause), ("aio", pause_in_task)):
        monkeypatch.setattr(f"kalbio._core.{kind}.waiting.sleep", instead)
        monkeypatch.setattr(f"kalbio._core.{kind}.waiting.time", SimpleNamespace(monotonic=lambda: sum(kept)))
    return kept


def waits(lab: Lab, world: World) -> list[Callable[..., Any]]:
    """Return each call that waits for something that does not end."""
    import_id = world(lab.api.imports.push_data(["Compound"], [{"Compound": "CPD-1"}]))
    run = world(
        lab.api.activities.create_activity("Run", "experiment", activity_definition_id="Assay results registration")
    )
    upload = next(item for item in run.properties if item.field_type == "file")
    file_id = world(upload.update_property_file("a.csv", b"a", "text/csv"))["file_id"]
    world(lab.api.registration.register_file(run, file_id))
    return [
        lambda **times: lab.api.imports.wait(import_id, **times),
        lambda **times: lab.api.registration.wait(run, file_id=file_id, **times),
    ]


@pytest.mark.parametrize(
    ("interval", "timeout", "expected"),
    [(2, 3, [2, 1]), (1, 3, [1, 1, 1]), (10, 3, [3]), (1, 0, []), (2, 0.5, [0.5])],
)
def test_r129_a_wait_lasts_as_long_as_it_may(
    world: World, pauses: list[float], interval: float, timeout: float, expected: list[float]
) -> None:
    """A wait uses its time up, whatever the interval, and looks a last time at the end of it."""
    lab = Lab(world, sandbox=Sandbox(import_polls=1000))
    for wait in waits(lab, world):
        pauses.clear()
        before = len(lab.exchanges)
        with pytest.raises(WaitTimeoutError, match=f"has not ended after {timeout:g} s"):
            world(wait(interval=interval, timeout=timeout))
        assert pauses == expected
        assert len(lab.exchanges) - before == len(expected) + 1
    lab.close()


def test_r129_what_ends_in_the_last_moment_has_ended(world: World, pauses: list[float]) -> None:
    """An import that ends between the last whole interval and the end of the wait is returned, not given up."""
    lab = Lab(world, sandbox=Sandbox(import_polls=2))
    import_id = world(lab.api.imports.push_data(["Compound"], [{"Compound": "CPD-1"}]))
    record = world(lab.api.imports.wait(import_id, interval=2, timeout=3))
    assert (record.import_status, pauses) == ("completed", [2, 1])
    lab.close()
