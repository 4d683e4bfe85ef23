"""Makes times and ids the same in every run, so that a picture changes only when the product does."""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Self
from unittest import mock

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@contextlib.contextmanager
def steady() -> Iterator[None]:
    """Within the block, sandboxes of this process count time in steps from `START`, and ids come in a fixed order."""
    moment, counted = START, 0.0
    numbers = random.Random(17)  # noqa: S311

    class Steps(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            nonlocal moment
            moment += timedelta(milliseconds=250)
            return cls.fromtimestamp(moment.timestamp(), tz)

    def count() -> float:
        nonlocal counted
        counted += 0.0004
        return counted

    def next_id() -> uuid.UUID:
        return uuid.UUID(int=numbers.getrandbits(128), version=4)

    clock = SimpleNamespace(**{**vars(time), "time": lambda: Steps.now(UTC).timestamp(), "perf_counter": count})
    with contextlib.ExitStack() as patches:
        patches.enter_context(mock.patch("kalbio._core.emulator.clock.datetime", Steps))
        patches.enter_context(mock.patch("uuid.uuid4", next_id))
        for module in ("access_log", "emulator", "server", "webhooks"):
            patches.enter_context(mock.patch(f"kalbio._core.emulator.{module}.time", clock))
        yield
