"""A cache for one client: bounded, expiring, safe for tasks and threads; simultaneous callers share one request."""

from __future__ import annotations

import copy
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from threading import Lock as ShortLock
from typing import Generic, TypeVar

from kalbio._core.aio.concurrency import Event
from kalbio._core.concurrency import forks
from kalbio._core.errors import SDKError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _PendingLoad(Generic[V]):
    """A load that is under way, and the callers that wait for it."""

    def __init__(self) -> None:
        self.finished = Event()
        self.value: list[V] = []
        self.error: SDKError | None = None


class AsyncCache(Generic[K, V]):
    """Maps keys to loaded values.

    The short lock is a thread lock on both sides: it guards dictionary work only and is never held while waiting. A
    value that began to load before `drop` or `clear` is returned to its callers, but not cached.
    """

    def __init__(self, *, size: int, ttl: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._ttl = ttl
        self._clock = clock
        self._lock = ShortLock()
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._pending: dict[K, _PendingLoad[V]] = {}
        self._generation = 0
        forks.register(self)

    def reset_after_fork(self) -> None:
        """In a forked child: keep the values, and wait for no request of the parent's."""
        self._lock = ShortLock()
        self._pending = {}

    @property
    def generation(self) -> int:
        """Grows with every `drop` and `clear`; hand it to `put` to keep stale values out."""
        return self._generation

    def peek(self, key: K) -> V | None:
        """Return what is cached for `key`, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if self._clock() >= entry[0]:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return entry[1]

    def put(self, key: K, value: V, *, since: int | None = None) -> None:
        """Keep a value, unless something was dropped after generation `since`."""
        with self._lock:
            if since is not None and since != self._generation:
                return
            self._entries[key] = (self._clock() + self._ttl, value)
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def drop(self, *keys: K) -> None:
        """Forget these keys."""
        with self._lock:
            self._generation += 1
            for key in keys:
                self._entries.pop(key, None)
                self._pending.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._generation += 1
            self._entries.clear()
            self._pending.clear()

    async def get(self, key: K, load: Callable[[], Awaitable[V]], *, fresh: bool = False) -> V:
        """Return the cached value, or load it; callers that ask meanwhile wait for the same request.

        With `fresh` the server is asked in any case, and the cache takes over its answer. A failure is never kept.
        """
        if fresh:
            since = self._generation
            value = await load()
            self.put(key, value, since=since)
            return value
        while True:
            cached = self.peek(key)
            if cached is not None:
                return cached
            own: _PendingLoad[V] = _PendingLoad()
            try:
                with self._lock:
                    pending = self._pending.setdefault(key, own)
                    since = self._generation
                if pending is own:
                    return await self._load_shared(key, own, load, since)
            except BaseException:
                self._finish(key, own)  # again: an interrupt may break in anywhere, and nobody may wait for ever
                raise
            await pending.finished.wait()
            if pending.error is not None:
                # A copy: one exception object must not collect the tracebacks of several askers.
                raise copy.copy(pending.error)
            if pending.value:
                return pending.value[0]
            # The leader was cancelled; the next one takes over.

    async def _load_shared(self, key: K, pending: _PendingLoad[V], load: Callable[[], Awaitable[V]], since: int) -> V:
        try:
            value = await load()
            pending.value.append(value)
            self.put(key, value, since=since)
            return value
        except SDKError as error:
            pending.error = error
            raise
        finally:
            self._finish(key, pending)

    def _finish(self, key: K, pending: _PendingLoad[V]) -> None:
        with self._lock:
            if self._pending.get(key) is pending:
                del self._pending[key]
        pending.finished.set()
