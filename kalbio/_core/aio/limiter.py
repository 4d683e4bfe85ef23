"""Limits how many requests of a client run at a time, and lowers the limit while the server asks for fewer."""

from __future__ import annotations

from collections import deque
from threading import Lock as ShortLock

from kalbio._core.aio.concurrency import Event
from kalbio._core.errors import ClientClosedError
from kalbio._core.http.time_limits import DeadlinePassed


class AsyncSlot:
    """The slot of one request: created first, then acquired, then released."""

    __slots__ = ("come", "round")

    def __init__(self) -> None:
        self.come: Event | None = None  # for those who have to wait
        self.round = 0


class AsyncLimiter:
    """Bounds the requests under way, first come, first served.

    After a 429 half as many are let through; each round of answers without one raises the number by one again.

    A caller may be interrupted or cancelled anywhere. So its turn is there before it enters, is given back whether it
    got in or not, and nothing that is done twice counts twice.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._allowed = float(limit)
        self._inside: set[AsyncSlot] = set()
        self._waiting: deque[AsyncSlot] = deque()
        self._round = 0
        self._ended = False
        # A thread lock on both sides: it guards a few numbers and is never held while waiting.
        self._lock = ShortLock()

    @property
    def allowed(self) -> int:
        """How many may be under way now."""
        return int(self._allowed)

    async def acquire(self, turn: AsyncSlot, seconds: float | None = None) -> None:
        """Wait for a slot, to be given back with `leave` in any case. Notes the present round, for `slow_down`.

        Raises ClientClosedError once the gate has ended, and DeadlinePassed when none comes within so many seconds.
        """
        with self._lock:
            if self._ended:
                raise ClientClosedError
            turn.round = self._round
            if len(self._inside) < self.allowed and not self._waiting:
                self._inside.add(turn)
                return
            turn.come = Event()
            self._waiting.append(turn)
        if not await turn.come.wait(seconds):
            raise DeadlinePassed("the deadline passed while the call waited for its turn")
        if self._ended:
            raise ClientClosedError
        turn.round = self._round

    def release(self, turn: AsyncSlot) -> None:
        """Give the slot back, or give up waiting for it."""
        with self._lock:
            self._inside.discard(turn)
            if turn.come is not None and turn in self._waiting:
                self._waiting.remove(turn)
            self._admit()

    def slow_down(self, turn: AsyncSlot) -> None:
        """Let half as many through. Several that were turned away together count as one."""
        with self._lock:
            if turn.round == self._round:
                self._round += 1
                self._allowed = max(1.0, self._allowed / 2)

    def speed_up(self) -> None:
        """Let a little more through again."""
        if self._allowed < self._limit:
            with self._lock:
                self._allowed = min(self._limit, self._allowed + 1 / self._allowed)
                self._admit()

    def end(self) -> None:
        """Let nobody through any more, also of those who wait."""
        with self._lock:
            self._ended = True
            for turn in self._waiting:
                if turn.come is not None:
                    turn.come.set()

    def _admit(self) -> None:
        while self._waiting and len(self._inside) < self.allowed:
            turn = self._waiting[0]
            if turn.come is not None:
                turn.come.set()
            self._inside.add(turn)
            self._waiting.popleft()
