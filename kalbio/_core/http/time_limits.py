"""How long each phase of a request may still take: its own limit, or what is left of the whole call's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any


class DeadlinePassed(TimeoutError):
    """The deadline of a call has passed."""


class Limits:
    """The time limits that a request carries in its extensions: those of its phases, and its deadline.

    The deadline is a moment of `time.monotonic()`. It is looked up each time: who reads a stream at his leisure takes
    it off once the answer has begun.
    """

    __slots__ = ("_extensions", "_phases")

    def __init__(self, extensions: Mapping[str, Any]) -> None:
        self._extensions = extensions
        self._phases: Mapping[str, float | None] = extensions.get("timeout") or {}

    def left(self, phase: str) -> float | None:
        """Return the seconds left for a phase, None for no limit. Raises DeadlinePassed when there are none."""
        limit = self._phases.get(phase)
        deadline: float | None = self._extensions.get("deadline")
        if deadline is None:
            return limit
        left = deadline - time.monotonic()
        if left <= 0:
            raise DeadlinePassed("the deadline of the call passed")
        return left if limit is None else min(limit, left)

    @property
    def over(self) -> bool:
        """Whether the deadline has passed."""
        deadline: float | None = self._extensions.get("deadline")
        return deadline is not None and time.monotonic() >= deadline

    def share(self, phase: str, parts: int) -> float | None:
        """Return what one of so many parts of a phase may take: a silent address leaves time for the next one."""
        left = self.left(phase)
        return None if left is None else left / parts
