"""The journal of a load: what an earlier run has sent, and what this one sends."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from typing import Literal, Protocol

from kalbio._core.aio.concurrency import in_thread, sleep
from kalbio._core.bulk.journal import Journal, JournalEntry, Note
from kalbio._core.errors import OutcomeError
from kalbio._model.errors import KalbioError
from kalbio._model.imports import ImportRecord
from kalbio.aio._directory import Client
from kalbio.loading.plan import Layout
from kalbio.loading.planning import PlannedRow
from kalbio.loading.report import LoadedRow
from kalbio.loading.resuming import before_text, row_digest


class Imports(Protocol):
    """What a load asks of the service of imports."""

    async def wait(
        self,
        import_id: ImportRecord | str,
        *,
        interval: float = 1.0,
        timeout: float = 300.0,
        on_row_errors: Literal["return", "raise"] = "return",
    ) -> ImportRecord:
        """Wait until an import has ended, and return it."""
        ...

    def iter_imports(self, is_complete: bool | None = None, page_size: int = 100) -> AsyncIterator[ImportRecord]:
        """Yield all imports."""
        ...


class WithImports(Client, Protocol):
    """A client with that service."""

    @property
    def imports(self) -> Imports:
        """The service."""
        ...


class LoadJournal:
    """Keeps what became of each record of a load.

    Attributes:
        entries: what earlier runs have done, by the number of the record.
        still_open: why it cannot be told yet whether what they have sent is in; None where it can.
    """

    def __init__(self, client: WithImports, journal: Journal) -> None:
        self._client = client
        self._journal = journal
        self._digests: dict[int, bytes] = {}
        self.entries: dict[int, JournalEntry] = {}
        self.still_open: str | None = None

    async def begin(self, rows: Sequence[PlannedRow], layout: Layout, timeout: float) -> None:
        """Say what is loaded. Raises JournalError when the journal belongs to something else.

        Where an earlier run was killed, what it has sent is waited for.
        """
        fields = {**layout.keys, **layout.columns}
        place = [layout.activity, layout.program, *(f"{name}: {field.field_name}" for name, field in fields.items())]
        if layout.table is not None:
            place.append(layout.table)
        self._digests = {row.number: row_digest(row, place) for row in rows}
        await in_thread(lambda: self._journal.claim(self._digests.values()))
        running = [item.id async for item in self._client.imports.iter_imports(is_complete=False)]
        known = json.loads(await in_thread(lambda: self._journal.keep("imports", json.dumps(running))))
        self.entries = await in_thread(lambda: self._journal.read(self._digests))
        if any(entry.state == "sent" for entry in self.entries.values()):
            await self._settle(set(known), timeout)

    async def _settle(self, known: set[str], timeout: float) -> None:
        await sleep(self._journal.rest)
        limit = time.monotonic() + timeout
        try:
            async for item in self._client.imports.iter_imports(is_complete=False):
                # Those that ran before the load began are none of its own.
                if item.id not in known:
                    await self._wait(item.id, max(0.0, limit - time.monotonic()))
        except KalbioError as error:
            self.still_open = str(error)

    async def _wait(self, import_id: str, timeout: float) -> None:
        """Wait until an import has ended, well or not."""
        try:
            await self._client.imports.wait(import_id, timeout=timeout)
        except OutcomeError as error:
            if not (isinstance(error.outcome, ImportRecord) and error.outcome.is_complete):
                raise

    async def note_sent(self, rows: Iterable[PlannedRow]) -> None:
        """Keep that these are about to be written."""
        notes = [
            Note(row.number, self._digests[row.number], JournalEntry("sent", None, before_text(row))) for row in rows
        ]
        await in_thread(partial(self._journal.note, notes))

    async def note_outcomes(self, pairs: Iterable[tuple[PlannedRow, LoadedRow]]) -> None:
        """Keep what became of these; what is unknown stays as it was."""
        notes: list[Note] = []
        for row, loaded in pairs:
            statuses = {loaded.status, *(status for status, _ in loaded.told.values())}
            if statuses == {"done"}:
                notes.append(Note(row.number, self._digests[row.number], JournalEntry("done", loaded.record_id, None)))
            elif "unknown" not in statuses:
                notes.append(Note(row.number, self._digests[row.number], None))
        await in_thread(partial(self._journal.note, notes))
