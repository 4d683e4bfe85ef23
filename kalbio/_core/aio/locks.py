"""Waiting, for tasks. Written by hand on both sides: the twin in `kalbio._core.sync` waits with threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import Event, Lock, sleep
from anyio.to_thread import run_sync

__all__ = ["Event", "Lock", "off_loop", "sleep"]


T = TypeVar("T")


async def off_loop(function: Callable[[], T]) -> T:
    """Run blocking code where it does not hold up other tasks."""
    return await run_sync(function)
