"""Waits for something that runs in the background."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kalbio._core.aio.concurrency import sleep
from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import WaitTimeoutError
from kalbio._core.text.display import safe_repr

T = TypeVar("T")


def check_times(interval: float, timeout: float) -> None:
    """Raise ValueError when it cannot be waited like this."""
    if not _is_seconds(interval) or not interval > 0 or not _is_seconds(timeout) or not timeout >= 0:
        given = f"{safe_repr(interval)} and {safe_repr(timeout)}"
        raise ArgumentError(f"interval must be above 0 and timeout at least 0, in seconds; got {given}")


async def poll(
    look: Callable[[], Awaitable[T]], ended: Callable[[T], bool], *, interval: float, timeout: float, what: str
) -> T:
    """Look until it has ended, every `interval` seconds, and a last time when `timeout` seconds are over.

    Returns the last state, or raises WaitTimeoutError with it. It is looked at once in any case.
    """
    check_times(interval, timeout)
    limit = time.monotonic() + timeout
    while True:
        left = limit - time.monotonic()
        state = await look()
        if ended(state):
            return state
        if left <= 0:
            raise WaitTimeoutError(f"{what} has not ended after {timeout:g} s", state)
        await sleep(max(0.0, min(interval, limit - time.monotonic())))


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
