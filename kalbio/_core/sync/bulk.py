# Derived from kalbio/_core/aio/bulk.py by scripts/regenerate; edit that file. (digest 63081c4b938e)
"""Does the same for many rows, a few at a time, and keeps account of each."""

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
"""What says that the row itself is the reason, so that it would be refused again."""


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
    """Write each row, and put what came of it into its place in `outcomes`, which is SKIPPED: the result or the error.

    What came so far is there when this is interrupted too, with an error of unknown outcome for each row under way.
    Rows of one place are written one after the other, in their order: the last one has to be the newest. With
    `stop_on_error` no row is begun after one has failed; those that are under way end.
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
    """Yield the items, so many at a time; what comes is handed out before a failure of the items is raised."""
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
    """How a row that must not be sent twice is looked for at its place."""

    def before(self, rows: Sequence[Row]) -> list[str | None]:
        """Return, in short, what is at the place of each row; None when that cannot be told."""

    def find(self, rows: Sequence[tuple[Row, str | None]]) -> list[R | OutcomeUnknownError | None]:
        """Return what was made of each row, given what was there before it.

        None when it certainly is not in, an error when that cannot be told.
        """


class BulkWriter(Generic[T, R]):
    """A bulk write that goes chunk by chunk, and with a journal from where an earlier run of it ended.

    With a journal, a row for a place (its spot) is begun only when all earlier rows for it are in, or were refused for
    what they are: so at most one row for a spot is under way, and a row that is sent again is still the newest there.
    What is there is noted before a row is sent, and what was made of it after; a row of which only the first is known
    is looked for.
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
        """Prepare a load. Rows are written with what was there before; without `reconciler` they may be sent twice.

        `prefetch` is told the rows that are to be written next, together, and may read what they have in common.
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
        """Say that these are all rows. Raises JournalError when the journal is about others."""
        if self.journal is not None and self._digest_of is not None:
            self.journal.claim(map(self._digest_of, rows))

    def run(
        self, numbers: Sequence[int], rows: Sequence[T], outcomes: list[Any] | None = None
    ) -> list[R | SDKError | Skipped | PriorOutcome]:
        """Write rows, which the journal knows by their numbers, and return what came of each.

        A list that is given as `outcomes` has what came so far when this is interrupted. Raises JournalError when the
        journal cannot be read or written: nothing is sent that cannot be noted.
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
                # At once, because who is interrupted may be so again. Rows that cannot be noted stay open.
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
        """Find what an earlier run has sent, and see what is at the places of the other rows before they are sent."""
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
                outcomes[index] = JournalError(f"It was not sent, because its place could not be looked at: {error}")
        else:
            for index, before in zip(fresh, befores, strict=True):
                entries[index] = JournalEntry("sent", None, before)

    def _settle(self, key: Hashable, number: int, digest: bytes, outcome: Any) -> list[Note]:
        """Decide what the end of a row means for the later and the earlier ones of its spot."""
        if isinstance(outcome, _REFUSED):
            self._refused.setdefault(key, []).append(Note(number, digest, JournalEntry("passed", None, None)))
        elif isinstance(outcome, SDKError | Skipped):
            self._blocked.add(key)
        else:
            return self._refused.pop(key, [])
        return []


_SENT = JournalEntry("sent", None, None)


def _prior_outcome(number: int, entry: JournalEntry | None) -> PriorOutcome | JournalError | Skipped:
    """Return what an earlier run has settled, SKIPPED for what is left to do."""
    if entry is not None and entry.state == "done":
        return PriorOutcome(entry.made)
    if entry is not None and entry.state == "passed":
        return JournalError(
            f"Row {number} was refused in an earlier run, and a later row for the same place is in; "
            "sent now, it would become the current one."
        )
    return SKIPPED


def _entry(outcome: Any, before: str | None) -> JournalEntry | None:
    """Return what is to be kept of a row after a try, None when it is not in."""
    if isinstance(outcome, OUTCOME_UNKNOWN):
        return JournalEntry("sent", None, before)
    if isinstance(outcome, SDKError | Skipped):
        return None
    made = getattr(outcome, "id", None)
    return JournalEntry("done", made if made is None else str(made), None)


def _waves(keys: Sequence[Hashable], indexes: Sequence[int]) -> list[list[int]]:
    """Return the places in as few lists as there can be, so that no list has a spot twice and each keeps its order."""
    waves: list[list[int]] = []
    seen: dict[Hashable, int] = {}
    for index in indexes:
        number = seen[keys[index]] = seen.get(keys[index], -1) + 1
        if number == len(waves):
            waves.append([])
        waves[number].append(index)
    return waves
