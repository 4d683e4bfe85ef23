# Derived from kalbio/_core/aio/waiting.py by scripts/regenerate; edit that file. (digest d823a711368c)
"""Waits for something that runs in the background."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from kalbio._core.errors import WaitTimeoutError
from kalbio._core.sync.locks import sleep

T = TypeVar("T")


def poll(look: Callable[[], T], ended: Callable[[T], bool], *, interval: float, timeout: float, what: str) -> T:
    """Look until it has ended, every `interval` seconds, for `timeout` seconds at most; return the last state.

    It is looked at once in any case. Raises WaitTimeoutError with the last state.
    """
    if not interval > 0 or not timeout >= 0:
        raise ValueError(f"interval must be above 0 and timeout at least 0; got {interval!r} and {timeout!r}")
    limit = time.monotonic() + timeout
    while True:
        state = look()
        if ended(state):
            return state
        if time.monotonic() + interval > limit:
            raise WaitTimeoutError(f"{what} has not ended after {timeout:g} s", state)
        sleep(interval)
