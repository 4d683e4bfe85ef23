"""Does the same for many rows, a few at a time, and keeps account of each."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock as ShortLock
from typing import Any, Generic, Protocol, TypeVar

from kalbio._core.aio.concurrency import in_thread, map_bounded, one_by_one, raise_if_stopped, sleep
from kalbio._core.bulk.journal import Journal, JournalEntry, Note
from kalbio._core.bulk.rows import SKIPPED, UNKNOWN, PriorOutcome, Skipped, under_way
from kalbio._core.errors import (
    ConflictError,
    JournalError,
    KalbioError,
    NotFoundError,
    OutcomeUnknownError,
    ValidationError,
)

T = TypeVar("T")
R = TypeVar("R")
Row = TypeVar("Row", contravariant=True)

_REFUSED = (ValidationError, NotFoundError, ConflictError)
"""What says that the row itself is the reason, so that it would be refused again."""


async def run_rows(
    write: Callable[[T], Awaitable[R]],
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
    places: dict[Hashable, list[int]] = {}
    for index, row in enumerate(rows):
        places.setdefault(conflict_key(row), []).append(index)
    ended = 0
    stopped = False
    lock = ShortLock()
    begun: set[int] = set()

    async def write_place(indexes: list[int]) -> None:
        nonlocal ended, stopped
        for index in indexes:
            if not (stopped and stop_on_error):
                begun.add(index)
                try:
                    outcomes[index] = await write(rows[index])
                except KalbioError as error:
                    outcomes[index] = error
                    stopped = True
                begun.discard(index)
                raise_if_stopped()
            with lock:
                ended += 1
                if progress is not None:
                    progress(ended, len(rows))

    try:
        await map_bounded(write_place, list(places.values()), limit)
    except BaseException:
        for index in list(begun):
            if outcomes[index] is SKIPPED:
                outcomes[index] = under_way()
        raise


async def in_chunks(items: Iterable[T] | AsyncIterable[T], size: int) -> AsyncIterator[list[T]]:
    """Yield the items, so many at a time; what comes is handed out before a failure of the items is raised."""
    chunk: list[T] = []
    try:
        async for item in one_by_one(items):  # sync: for item in items:
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

    async def before(self, rows: Sequence[Row]) -> list[str | None]:
        """Return, in short, what is at the place of each row; None when that cannot be told."""

    async def find(self, rows: Sequence[tuple[Row, str | None]]) -> list[R | OutcomeUnknownError | None]:
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
        write: Callable[[T, str | None], Awaitable[R]],
        *,
        conflict_key: Callable[[T], Hashable],
        limit: int,
        stop_on_error: bool,
        progress: Callable[[], object] | None = None,
        journal: Journal | None = None,
        digest_of: Callable[[T], bytes] | None = None,
        traces: Reconciler[T, R] | None = None,
        look_up: Callable[[Sequence[T]], Awaitable[object]] | None = None,
    ) -> None:
        """Prepare a load. Rows are written with what was there before; without `traces` they may be sent twice.

        `look_up` is told the rows that are to be written next, together, and may read what they have in common.
        """
        self._write = write
        self._spot_of = conflict_key
        self._limit = limit
        self.stop_on_error = stop_on_error
        self._progress = progress
        self.journal = journal
        self._digest_of = digest_of
        self._traces = traces
        self._look_up = look_up
        self._held: set[Hashable] = set()
        self._refused: dict[Hashable, list[Note]] = {}
        self.stopped = False

    def claim(self, rows: Sequence[T]) -> None:
        """Say that these are all rows. Raises JournalError when the journal is about others."""
        if self.journal is not None and self._digest_of is not None:
            self.journal.claim(map(self._digest_of, rows))

    async def run(
        self, numbers: Sequence[int], rows: Sequence[T], found: list[Any] | None = None
    ) -> list[R | KalbioError | Skipped | PriorOutcome]:
        """Write rows, which the journal knows by their numbers, and return what came of each.

        A list that is given as `found` has what came so far when this is interrupted. Raises JournalError when the
        journal cannot be read or written: nothing is sent that cannot be noted.
        """
        found = [] if found is None else found
        found[:] = [SKIPPED] * len(rows)
        if self.stopped:
            self._ended(len(rows))
            return found
        if self.journal is None:
            await self._send([(row, None) for row in rows], found)
        else:
            await self._go_on(self.journal, numbers, rows, found)
        self.stopped = self.stop_on_error and any(isinstance(item, KalbioError) for item in found)
        return found

    async def _send(self, rows: Sequence[tuple[T, str | None]], outcomes: list[Any]) -> None:
        async def write(row: tuple[T, str | None]) -> R:
            return await self._write(*row)

        if self._look_up is not None:
            await self._look_up([row for row, _ in rows])
        await run_rows(
            write,
            rows,
            outcomes,
            conflict_key=lambda row: self._spot_of(row[0]),
            limit=self._limit,
            stop_on_error=self.stop_on_error,
            progress=lambda *_: self._ended(),
        )

    def _ended(self, count: int = 1) -> None:
        if self._progress is not None:
            for _ in range(count):
                self._progress()

    async def _go_on(self, journal: Journal, numbers: Sequence[int], rows: Sequence[T], found: list[Any]) -> None:
        assert self._digest_of is not None
        digests = [self._digest_of(row) for row in rows]
        known = await in_thread(lambda: journal.read(dict(zip(numbers, digests, strict=True))))
        entries = [known.get(number) for number in numbers]
        found[:] = [_prior_outcome(number, entry) for number, entry in zip(numbers, entries, strict=True)]
        left = [place for place, item in enumerate(found) if item is SKIPPED]
        self._ended(len(rows) - len(left))

        def note(place: int) -> Note:
            entry = entries[place]
            before = None if entry is None else entry.before
            return Note(numbers[place], digests[place], _entry(found[place], before))

        async def send(places: Sequence[int], befores: Sequence[str | None]) -> None:
            outcomes: list[Any] = [SKIPPED] * len(places)
            try:
                await self._send(
                    [(rows[place], before) for place, before in zip(places, befores, strict=True)], outcomes
                )
            except BaseException:
                self._take(found, places, outcomes)
                # At once, because who is interrupted may be so again. Rows that cannot be noted stay open.
                with suppress(JournalError):
                    journal.note([note(place) for place in places])
                raise
            self._take(found, places, outcomes)

        if self._traces is None:
            await send(left, [None] * len(left))
            await in_thread(lambda: journal.note([note(place) for place in left]))
            return
        for wave in _waves([self._spot_of(row) for row in rows], left):
            free = [place for place in wave if not self.stopped and self._spot_of(rows[place]) not in self._held]
            await self._look(journal, self._traces, rows, entries, found, free)
            to_send = [place for place in free if found[place] is SKIPPED]
            marks = [Note(numbers[place], digests[place], entries[place]) for place in to_send]
            await in_thread(partial(journal.note, marks))
            await send(to_send, [(entries[place] or _SENT).before for place in to_send])
            notes = [note(place) for place in free]
            for place in free:
                notes += self._judge(self._spot_of(rows[place]), numbers[place], digests[place], found[place])
            await in_thread(partial(journal.note, notes))
            self._ended(len(wave) - len(to_send))
            self.stopped = self.stop_on_error and any(isinstance(found[place], KalbioError) for place in free)

    @staticmethod
    def _take(found: list[Any], places: Sequence[int], outcomes: Sequence[Any]) -> None:
        for place, item in zip(places, outcomes, strict=True):
            found[place] = item

    async def _look(
        self,
        journal: Journal,
        traces: Reconciler[T, R],
        rows: Sequence[T],
        entries: list[JournalEntry | None],
        found: list[Any],
        wave: Sequence[int],
    ) -> None:
        """Find what an earlier run has sent, and see what is at the places of the other rows before they are sent."""
        again = [(place, entry.before) for place in wave if (entry := entries[place]) is not None]
        if again:
            await sleep(journal.rest)
            outcome = await traces.find([(rows[place], before) for place, before in again])
            for (place, _), item in zip(again, outcome, strict=True):
                found[place] = SKIPPED if item is None else item
        fresh = [place for place in wave if entries[place] is None]
        try:
            befores = await traces.before([rows[place] for place in fresh]) if fresh else []
        except KalbioError as error:
            for place in fresh:
                found[place] = JournalError(f"It was not sent, because its place could not be looked at: {error}")
        else:
            for place, before in zip(fresh, befores, strict=True):
                entries[place] = JournalEntry("sent", None, before)

    def _judge(self, spot: Hashable, number: int, digest: bytes, outcome: Any) -> list[Note]:
        """Decide what the end of a row means for the later and the earlier ones of its spot."""
        if isinstance(outcome, _REFUSED):
            self._refused.setdefault(spot, []).append(Note(number, digest, JournalEntry("passed", None, None)))
        elif isinstance(outcome, KalbioError | Skipped):
            self._held.add(spot)
        else:
            return self._refused.pop(spot, [])
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
    if isinstance(outcome, UNKNOWN):
        return JournalEntry("sent", None, before)
    if isinstance(outcome, KalbioError | Skipped):
        return None
    made = getattr(outcome, "id", None)
    return JournalEntry("done", made if made is None else str(made), None)


def _waves(spots: Sequence[Hashable], places: Sequence[int]) -> list[list[int]]:
    """Return the places in as few lists as there can be, so that no list has a spot twice and each keeps its order."""
    waves: list[list[int]] = []
    seen: dict[Hashable, int] = {}
    for place in places:
        turn = seen[spots[place]] = seen.get(spots[place], -1) + 1
        if turn == len(waves):
            waves.append([])
        waves[turn].append(place)
    return waves
