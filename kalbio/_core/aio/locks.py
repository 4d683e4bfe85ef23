"""Waiting, for tasks. Written by hand on both sides: the twin in `kalbio._core.sync` waits with threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio import Event, Lock, sleep
from anyio.to_thread import run_sync

__all__ = ["Event", "Lock", "here", "off_loop", "sleep"]


T = TypeVar("T")


def here() -> object | None:
    """Return the running event loop, to which connections are bound; None outside of asyncio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def off_loop(function: Callable[[], T]) -> T:
    """Run blocking code where it does not hold up other tasks."""
    return await run_sync(function)
