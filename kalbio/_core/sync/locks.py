"""Waiting, for threads. Written by hand on both sides: the twin in `kalbio._core.aio` waits with tasks."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock
from time import sleep
from typing import TypeVar

__all__ = ["Event", "Lock", "here", "off_loop", "sleep"]

T = TypeVar("T")


def here() -> object | None:
    """Return None: connections are not bound to a thread."""
    return None


def off_loop(function: Callable[[], T]) -> T:
    """Run blocking code; a thread may simply block."""
    return function()
