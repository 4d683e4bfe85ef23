"""The cached records of a client, by id and by key values; a write ends the use of records that it changes."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from threading import Lock as ShortLock
from typing import Generic, TypeVar

from kalbio._core.aio.cache import AsyncCache
from kalbio._core.concurrency import forks
from kalbio._model import constants
from kalbio._model.record_keys import KeyValues, is_named, key_of, shown_key, shown_sub_records
from kalbio._model.records import RecordData
from kalbio._model.staleness import parts_of

R = TypeVar("R", bound=RecordData)


class _CachedRecord(Generic[R]):
    """A record, and the number of the last write that it includes."""

    __slots__ = ("record", "since")

    def __init__(self, record: R, since: int) -> None:
        self.record = record
        self.since = since


class AsyncRecordCache(Generic[R]):
    """Writes are numbered. A record that was read before a write is used only if the write did not change it.

    Which records a write touches is decided when a record is looked up, not when the write is made: a record shows its
    sub-records and perhaps their values, so a write to them changes it too, and searching ten thousand records for it
    would take long.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        size, ttl = constants.RECORD_CACHE_SIZE, constants.RECORD_TTL
        self._clock = clock
        self._ttl = ttl
        self._by_id: AsyncCache[str, _CachedRecord[R]] = AsyncCache(size=size, ttl=ttl)
        self._by_key: AsyncCache[frozenset[tuple[str, str]], str] = AsyncCache(size=size, ttl=ttl)
        # Cached records that are not indexed by key yet: most are never looked up by key.
        self._unindexed: deque[R] = deque(maxlen=size)
        # Stores nothing: callers that ask for the same at the same time, with no write in between, share a request.
        self._shared: AsyncCache[tuple[int, Hashable], R | None] = AsyncCache(size=0, ttl=0)
        # A thread lock on both sides: it guards a few numbers and is never held while waiting.
        self._lock = ShortLock()
        self._writes = 0
        self._cleared = 0
        self._last_by_key = 0  # the last write that touched records by their keys: reading those takes longest
        # By record id, and by complete key: the last write that touched it, and when that was.
        self._touched: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()
        forks.register(self)

    def reset_after_fork(self) -> None:
        """In a forked child: keep what is known, with a lock of its own."""
        self._lock = ShortLock()

    @property
    def writes(self) -> int:
        """The number of writes so far; hand it to `keep` with what is read from now on."""
        return self._writes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._touched.clear()
            self._cleared = self._writes + 1
            self._writes = self._cleared
        self._by_id.clear()
        self._by_key.clear()
        self._unindexed.clear()

    def touch(self, keys_or_ids: Iterable[Hashable], *, keys: bool = False) -> None:
        """Note that the records with these ids or complete keys have changed, and the records that show them."""
        with self._lock:
            number, now = self._writes + 1, self._clock()
            for key in keys_or_ids:
                self._touched[key] = (number, now)
                self._touched.move_to_end(key)
            # What is kept goes earlier than that.
            while self._touched and next(iter(self._touched.values()))[1] < now - 2 * self._ttl:
                self._touched.popitem(last=False)
            self._last_by_key = number if keys else self._last_by_key
            while len(self._touched) > constants.MANY_TOUCHED:
                self._cleared = self._touched.popitem(last=False)[1][0]
            # Last, because readers take no lock: a reader that sees the number must see what it touched.
            self._writes = number

    def made(self, key_values: Mapping[str, str]) -> None:
        """Note that there may be a new record, which is a sub-record of those whose keys are a part of its key."""
        if len(key_values) > constants.MANY_KEYS:
            self.clear()
        elif len(key_values) > 1:
            self.touch(parts_of(key_values), keys=True)

    def keep(self, record: R, since: int, asked: KeyValues | None = None) -> None:
        """Remember a record that was read after so many writes, unless it is out of date already."""
        entry = _CachedRecord(record, since)
        if not self._is_current(entry):
            return
        self._by_id.put(record.id, entry)
        if asked is not None and is_named(record, asked):
            self._by_key.put(key_of(asked), record.id)
        else:
            self._unindexed.append(record)

    def by_id(self, record_id: str) -> R | None:
        """Return the remembered record with this id."""
        entry = self._by_id.peek(record_id)
        if entry is None:
            return None
        if self._is_current(entry):
            return entry.record
        self._by_id.drop(record_id)
        return None

    def by_key(self, key: frozenset[tuple[str, str]]) -> R | None:
        """Return the remembered record with these key values."""
        while True:
            try:
                record = self._unindexed.popleft()
            except IndexError:
                break
            # One that is not kept was read before a change, and its keys may be others by now.
            own_key = shown_key(record) if self.by_id(record.id) is record else None
            if own_key is not None:
                self._by_key.put(own_key, record.id)
        record_id = self._by_key.peek(key)
        return None if record_id is None else self.by_id(record_id)

    async def share(self, asked: Hashable, load: Callable[[], Awaitable[R | None]], *, fresh: bool) -> R | None:
        """Return what `load` gives, with one request for all who ask for the same at the same time."""
        return await self._shared.get((self._writes, asked), load, fresh=fresh)

    def _is_current(self, entry: _CachedRecord[R]) -> bool:
        """Whether no write since it was read has touched a record."""
        since, writes = entry.since, self._writes
        if since == writes:
            return True
        if since < self._cleared:
            return False
        record = entry.record
        if self._touched_since(since, record.id):
            return False
        if any(self._touched_since(since, child) for child in shown_sub_records(record)):
            return False
        if self._last_by_key > since and self._touched_since(since, shown_key(record)):
            return False
        entry.since = writes
        return True

    def _touched_since(self, since: int, key: Hashable) -> bool:
        touched = self._touched.get(key)
        return touched is not None and touched[0] > since
