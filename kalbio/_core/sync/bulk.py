# Derived from kalbio/_core/aio/bulk.py by scripts/regenerate; edit that file. (digest 62ee97e32ef9)
"""Writes many rows, a few at a time, and keeps the outcome of each."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock as ShortLock
from typing import Any, Generic, Protocol, TypeVar

from kalbio._core.bulk.journal import Journal, JournalEntry, Note
from kalbio._core.bulk.rows import OUTCOME_UNKNOWN, SKIPPED, PriorOutcome, Skipped, interrupted_row_error
from kalbio._core.errors import (
    ConflictError,
    JournalError,
    NotFoundError,
    OutcomeUnknownError,
    SDKError,
    ValidationError,
)
from kalbio._core.sync.concurrency import in_thread, map_bounded, raise_if_stopped, sleep

T = TypeVar("T")
R = TypeVar("R")
Row = TypeVar("Row", contravariant=True)

_REFUSED = (ValidationError, NotFoundError, ConflictError)
"""Errors that are about the row itself: it would be refused again."""


def run_rows(
    write: Callable[[T], R],
    rows: Sequence[T],
    outcomes: list[Any],
    *,
    conflict_key: Callable[[T], Hashable],
    limit: int,
    stop_on_error: bool,
    progress: Callable[[int, int], object] | None,
) -> None:
    """Write each row, and put its result or its error into `outcomes`, where SKIPPED stands at its index.

    When this is interrupted, `outcomes` holds what there is so far, and OutcomeUnknownError for rows that were being
    sent. Rows with the same conflict key are written one after the other, in their order, because the last one has to
    be the newest. With `stop_on_error` no row is begun after one has failed; those under way are finished.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(conflict_key(row), []).append(index)
    ended = 0
    stopped = False
    lock = ShortLock()
    begun: set[int] = set()

    def write_group(indexes: list[int]) -> None:
        nonlocal ended, stopped
        for index in indexes:
            if not (stopped and stop_on_error):
                begun.add(index)
                try:
                    outcomes[index] = write(rows[index])
                except SDKError as error:
                    outcomes[index] = error
                    stopped = True
                begun.discard(index)
                raise_if_stopped()
            with lock:
                ended += 1
                if progress is not None:
                    progress(ended, len(rows))

    try:
        map_bounded(write_group, list(groups.values()), limit)
    except BaseException:
        for index in list(begun):
            if outcomes[index] is SKIPPED:
                outcomes[index] = interrupted_row_error()
        raise


def in_chunks(items: Iterable[T] | Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of this size. When the items fail, those before the failure are yielded first."""
    chunk: list[T] = []
    try:
        for item in items:
            chunk.append(item)
            if len(chunk) == size:
                full, chunk = chunk, []
                yield full
    except Exception:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


class Reconciler(Protocol[Row, R]):
    """Finds out whether a row that must not be sent twice has been written."""

    def before(self, rows: Sequence[Row]) -> list[str | None]:
        """Return a short text for what is there now, before each row is written; None when that cannot be told."""

    def find(self, rows: Sequence[tuple[Row, str | None]]) -> list[R | OutcomeUnknownError | None]:
        """Return what the server created for each row, given what was there before it.

        None for a row that certainly was not written, an error for one of which that cannot be told.
        """


class BulkWriter(Generic[T, R]):
    """A bulk write, done in chunks. With a journal it continues where an earlier run ended.

    With a journal, a row is begun only when all earlier rows with the same conflict key were written, or were refused
    for good. So at most one of them is under way, and a row that is sent again is still the newest. Before a row is
    sent, the journal notes what is there; afterwards, what the server created. A row that has only the first note is
    looked up by the reconciler.
    """

    def __init__(
        self,
        write: Callable[[T, str | None], R],
        *,
        conflict_key: Callable[[T], Hashable],
        limit: int,
        stop_on_error: bool,
        progress: Callable[[], object] | None = None,
        journal: Journal | None = None,
        digest_of: Callable[[T], bytes] | None = None,
        reconciler: Reconciler[T, R] | None = None,
        prefetch: Callable[[Sequence[T]], object] | None = None,
    ) -> None:
        """Prepare a bulk write. Without a `reconciler`, rows may be sent twice.

        `write` gets a row and what was there before. `prefetch` gets the rows that are written next, to read for all of
        them together.
        """
        self._write = write
        self._conflict_key = conflict_key
        self._limit = limit
        self.stop_on_error = stop_on_error
        self._progress = progress
        self.journal = journal
        self._digest_of = digest_of
        self._reconciler = reconciler
        self._prefetch = prefetch
        self._blocked: set[Hashable] = set()
        self._refused: dict[Hashable, list[Note]] = {}
        self.stopped = False

    def claim(self, rows: Sequence[T]) -> None:
        """Declare that these are all rows. Raises JournalError when the journal belongs to other rows."""
        if self.journal is not None and self._digest_of is not None:
            self.journal.claim(map(self._digest_of, rows))

    def run(
        self, numbers: Sequence[int], rows: Sequence[T], outcomes: list[Any] | None = None
    ) -> list[R | SDKError | Skipped | PriorOutcome]:
        """Write rows, which the journal knows by their numbers, and return the outcome of each.

        If you pass a list as `outcomes`, it holds the outcomes so far when this is interrupted. Raises JournalError
        when the journal cannot be read or written: nothing is sent that cannot be noted.
        """
        outcomes = [] if outcomes is None else outcomes
        outcomes[:] = [SKIPPED] * len(rows)
        if self.stopped:
            self._ended(len(rows))
            return outcomes
        if self.journal is None:
            self._send([(row, None) for row in rows], outcomes)
        else:
            self._resume(self.journal, numbers, rows, outcomes)
        self.stopped = self.stop_on_error and any(isinstance(item, SDKError) for item in outcomes)
        return outcomes

    def _send(self, rows: Sequence[tuple[T, str | None]], outcomes: list[Any]) -> None:
        def write(row: tuple[T, str | None]) -> R:
            return self._write(*row)

        if self._prefetch is not None:
            self._prefetch([row for row, _ in rows])
        run_rows(
            write,
            rows,
            outcomes,
            conflict_key=lambda row: self._conflict_key(row[0]),
            limit=self._limit,
            stop_on_error=self.stop_on_error,
            progress=lambda *_: self._ended(),
        )

    def _ended(self, count: int = 1) -> None:
        if self._progress is not None:
            for _ in range(count):
                self._progress()

    def _resume(self, journal: Journal, numbers: Sequence[int], rows: Sequence[T], outcomes: list[Any]) -> None:
        assert self._digest_of is not None
        digests = [self._digest_of(row) for row in rows]
        known = in_thread(lambda: journal.read(dict(zip(numbers, digests, strict=True))))
        entries = [known.get(number) for number in numbers]
        outcomes[:] = [_prior_outcome(number, entry) for number, entry in zip(numbers, entries, strict=True)]
        left = [index for index, item in enumerate(outcomes) if item is SKIPPED]
        self._ended(len(rows) - len(left))

        def note(index: int) -> Note:
            entry = entries[index]
            before = None if entry is None else entry.before
            return Note(numbers[index], digests[index], _entry(outcomes[index], before))

        def send(indexes: Sequence[int], befores: Sequence[str | None]) -> None:
            results: list[Any] = [SKIPPED] * len(indexes)
            try:
                self._send([(rows[index], before) for index, before in zip(indexes, befores, strict=True)], results)
            except BaseException:
                self._store(outcomes, indexes, results)
                # At once, because a second interrupt may follow. Rows that cannot be noted stay open.
                with suppress(JournalError):
                    journal.note([note(index) for index in indexes])
                raise
            self._store(outcomes, indexes, results)

        if self._reconciler is None:
            send(left, [None] * len(left))
            in_thread(lambda: journal.note([note(index) for index in left]))
            return
        for wave in _waves([self._conflict_key(row) for row in rows], left):
            free = [
                index for index in wave if not self.stopped and self._conflict_key(rows[index]) not in self._blocked
            ]
            self._reconcile(journal, self._reconciler, rows, entries, outcomes, free)
            to_send = [index for index in free if outcomes[index] is SKIPPED]
            marks = [Note(numbers[index], digests[index], entries[index]) for index in to_send]
            in_thread(partial(journal.note, marks))
            send(to_send, [(entries[index] or _SENT).before for index in to_send])
            notes = [note(index) for index in free]
            for index in free:
                notes += self._settle(self._conflict_key(rows[index]), numbers[index], digests[index], outcomes[index])
            in_thread(partial(journal.note, notes))
            self._ended(len(wave) - len(to_send))
            self.stopped = self.stop_on_error and any(isinstance(outcomes[index], SDKError) for index in free)

    @staticmethod
    def _store(outcomes: list[Any], indexes: Sequence[int], results: Sequence[Any]) -> None:
        for index, item in zip(indexes, results, strict=True):
            outcomes[index] = item

    def _reconcile(
        self,
        journal: Journal,
        reconciler: Reconciler[T, R],
        rows: Sequence[T],
        entries: list[JournalEntry | None],
        outcomes: list[Any],
        wave: Sequence[int],
    ) -> None:
        """Find what an earlier run has sent, and note what is there before the other rows are sent."""
        seen_before = [(index, entry.before) for index in wave if (entry := entries[index]) is not None]
        if seen_before:
            sleep(journal.rest)
            results = reconciler.find([(rows[index], before) for index, before in seen_before])
            for (index, _), item in zip(seen_before, results, strict=True):
                outcomes[index] = SKIPPED if item is None else item
        fresh = [index for index in wave if entries[index] is None]
        try:
            befores = reconciler.before([rows[index] for index in fresh]) if fresh else []
        except SDKError as error:
            for index in fresh:
                outcomes[index] = JournalError(f"It was not sent, because what is there now could not be read: {error}")
        else:
            for index, before in zip(fresh, befores, strict=True):
                entries[index] = JournalEntry("sent", None, before)

    def _settle(self, key: Hashable, number: int, digest: bytes, outcome: Any) -> list[Note]:
        """Decide what the outcome of a row means for the other rows with its conflict key."""
        if isinstance(outcome, _REFUSED):
            self._refused.setdefault(key, []).append(Note(number, digest, JournalEntry("passed", None, None)))
        elif isinstance(outcome, SDKError | Skipped):
            self._blocked.add(key)
        else:
            return self._refused.pop(key, [])
        return []


_SENT = JournalEntry("sent", None, None)


def _prior_outcome(number: int, entry: JournalEntry | None) -> PriorOutcome | JournalError | Skipped:
    """Return the outcome from an earlier run, SKIPPED for a row that is left to do."""
    if entry is not None and entry.state == "done":
        return PriorOutcome(entry.made)
    if entry is not None and entry.state == "passed":
        return JournalError(
            f"Row {number} was refused in an earlier run, and a later row for the same cell was written; "
            "sent now, it would become the current value."
        )
    return SKIPPED


def _entry(outcome: Any, before: str | None) -> JournalEntry | None:
    """Return what the journal keeps of a row after a try, None when it was not written."""
    if isinstance(outcome, OUTCOME_UNKNOWN):
        return JournalEntry("sent", None, before)
    if isinstance(outcome, SDKError | Skipped):
        return None
    made = getattr(outcome, "id", None)
    return JournalEntry("done", made if made is None else str(made), None)


def _waves(keys: Sequence[Hashable], indexes: Sequence[int]) -> list[list[int]]:
    """Split the indexes into as few lists as possible, in order, so that no list has the same conflict key twice."""
    waves: list[list[int]] = []
    seen: dict[Hashable, int] = {}
    for index in indexes:
        number = seen[keys[index]] = seen.get(keys[index], -1) + 1
        if number == len(waves):
            waves.append([])
        waves[number].append(index)
    return waves
