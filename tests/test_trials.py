"""A short trial in every run of the tests; `scripts/reliability` runs the long ones."""

from __future__ import annotations

from typing import Any

import pytest

from kalbio._core.retry import decide
from scripts.trials import mixed_calls


def test_nothing_is_lost_or_doubled_under_faults() -> None:
    """Of 1,000 mixed calls under 30 % faults none is lost, doubled, or carried out without being told."""
    figures = mixed_calls.run(1000, 0.3, seed=5)

    assert (figures["lost"], figures["doubled"], figures["unreported"]) == (0, 0, 0)
    assert 0 < figures["of these carried out"] < figures["unknown writes"]


def test_the_trial_notices_a_client_that_repeats_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that repeats every lost write doubles some, and the trial counts them."""

    def careless(*arguments: Any, **named: Any) -> Any:
        return decide(*arguments, **{**named, "idempotent": True})

    monkeypatch.setattr("kalbio._core.sync.pipe.decide", careless)

    assert mixed_calls.run(1000, 0.3, seed=5)["doubled"] > 0
