# Derived from kalbio/_core/aio/gate.py by scripts/regenerate; edit that file. (digest 2d025118d0ce)
"""Lets a number of requests of one client through at a time, and fewer while the server asks for less."""

from __future__ import annotations

from collections import deque
from threading import Lock as ShortLock

from kalbio._core.sync.locks import Event


class Gate:
    """Bounds the requests under way, first come, first served.

    After a 429 half as many are let through; each round of answers without one raises the number by one again.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._allowed = float(limit)
        self._inside = 0
        self._waiting: deque[Event] = deque()
        self._round = 0
        # A thread lock on both sides: it guards a few numbers and is never held while waiting.
        self._lock = ShortLock()

    @property
    def allowed(self) -> int:
        """How many may be under way now."""
        return int(self._allowed)

    def enter(self) -> int:
        """Wait for a place, to be given back with `leave`. Returns the present round, for `slow_down`."""
        with self._lock:
            if self._inside < self.allowed and not self._waiting:
                self._inside += 1
                return self._round
            turn = Event()
            self._waiting.append(turn)
        try:
            turn.wait()
        except BaseException:
            with self._lock:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                else:
                    self._inside -= 1
                    self._admit()
            raise
        return self._round

    def leave(self) -> None:
        """Give a place back."""
        with self._lock:
            self._inside -= 1
            self._admit()

    def slow_down(self, entered: int) -> None:
        """Let half as many through. Several that were turned away together count as one."""
        with self._lock:
            if entered == self._round:
                self._round += 1
                self._allowed = max(1.0, self._allowed / 2)

    def speed_up(self) -> None:
        """Let a little more through again."""
        if self._allowed < self._limit:
            with self._lock:
                self._allowed = min(self._limit, self._allowed + 1 / self._allowed)
                self._admit()

    def _admit(self) -> None:
        while self._waiting and self._inside < self.allowed:
            self._inside += 1
            self._waiting.popleft().set()
