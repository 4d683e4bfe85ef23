"""Bulk writes that continue after a kill, and how their values are told from those that were there before."""

from __future__ import annotations

import contextlib
import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from typing import Any, Protocol, TypeAlias

from kaleidoscope_api.api.records import add_record_value, list_records

from kalbio._core import constants
from kalbio._core.aio.bulk import BulkWriter, in_chunks
from kalbio._core.aio.concurrency import in_thread, map_bounded
from kalbio._core.argument_errors import ArgumentError
from kalbio._core.bulk.journal import Journal
from kalbio._core.bulk.rows import SKIPPED
from kalbio._core.errors import JournalError, NotFoundError, OutcomeUnknownError, UnreadableTimeError
from kalbio._core.http.responses import as_list
from kalbio._core.http.url_chunks import chunk_for_url
from kalbio._core.objects.checks import require_whole_number
from kalbio._core.objects.lists import NOT_LISTS
from kalbio._core.objects.resource import Resource
from kalbio._core.text.display import safe_repr
from kalbio._model.bulk import BulkResult, RowOutcome, attach_outcome, outcome_of
from kalbio._model.errors import KalbioError
from kalbio._model.record_values import current_at
from kalbio._model.records import RecordValue
from kalbio._model.value_history import has_content, new_values
from kalbio.aio._directory import Client
from kalbio.aio._histories import NOTHING, Scope, known_before, read_history

Write: TypeAlias = tuple[str, Scope, Any]
"""The id of a record, where to write, and the content."""


class ReadsWorkspace(Protocol):
    """What a load asks of the service of the workspace."""

    async def get_workspace(self, *, use_cache: bool = True) -> Resource | None:
        """Return the workspace of the credentials."""
        ...


class WithWorkspace(Client, Protocol):
    """A client with that service."""

    @property
    def workspace(self) -> ReadsWorkspace:
        """The service."""
        ...


@contextlib.asynccontextmanager
async def open_journal(client: WithWorkspace, path: str | os.PathLike[str] | None, what: str) -> AsyncIterator[Any]:
    """Open a journal, if there is to be one. It belongs to what is loaded, and to the workspace, not to who loads."""
    if path is None:
        yield None
        return
    workspace = await client.workspace.get_workspace()
    where = "" if workspace is None else f" in the workspace {workspace.id}"
    journal = await in_thread(lambda: Journal(path, f"{what}{where}"))
    try:
        yield journal
    finally:
        journal.close()


async def write_all(
    writer: BulkWriter[Any, Any], rows: Sequence[Any], ended: Callable[[RowOutcome[Any]], object] = lambda _: None
) -> BulkResult[Any]:
    """Write rows that are all known, and return the outcome of each; `ended` is told of each, also of a failed load."""
    # Without a journal nothing has to be noted between two chunks.
    size = constants.BULK_CHUNK if writer.journal else len(rows)
    if writer.journal is not None:
        writer.claim(rows)
    results: list[Any] = []
    chunk_results: list[Any] = []
    try:
        for start in range(0, len(rows), size or 1):
            chunk = rows[start : start + size]
            await writer.run(range(start, start + len(chunk)), chunk, chunk_results)
            results, chunk_results = results + chunk_results, []
    except BaseException as error:
        results += chunk_results
        results += [SKIPPED] * (len(rows) - len(results))
        attach_outcome(error, _result(results, ended))
        raise
    return _result(results, ended)


def _result(
    found: Sequence[Any], ended: Callable[[RowOutcome[Any]], object] = lambda _: None, first: int = 0
) -> BulkResult[Any]:
    outcomes = [outcome_of(number, result) for number, result in enumerate(found, first)]
    for outcome in outcomes:
        ended(outcome)
    return BulkResult(outcomes)


async def write_each(
    writer: BulkWriter[Any, Any],
    rows: Iterable[Any] | AsyncIterable[Any],
    prepare: Callable[[int, Sequence[Any]], Awaitable[Sequence[Any]]],
    batch_size: int,
    ended: Callable[[Any, Any, RowOutcome[Any]], object] = lambda *_: None,
) -> AsyncGenerator[RowOutcome[Any], None]:
    """Prepare and write rows as they come, so many at a time, and yield the outcome of each.

    A row that makes no sense fails by itself. `ended` is told of each: the row, what was prepared, the outcome.
    """
    require_whole_number("batch_size", batch_size, 1)
    if isinstance(rows, NOT_LISTS) or not isinstance(rows, Iterable | AsyncIterable):
        raise ArgumentError(f"rows must be an iterable of rows; got {safe_repr(rows)}")
    first = 0
    async for chunk in in_chunks(rows, batch_size):
        prepared = await _prepared(prepare, first, chunk)
        found: list[Any] = [SKIPPED] * len(chunk)
        valid = []
        for index, row in enumerate(prepared):
            if isinstance(row, Exception):
                found[index] = row
                if writer.stop_on_error:
                    break
            else:
                valid.append(index)
        results: list[Any] = []
        journal_error: JournalError | None = None
        try:
            await writer.run([first + index for index in valid], [prepared[index] for index in valid], results)
        except BaseException as error:
            for index, item in zip(valid, results, strict=False):
                found[index] = item
            attach_outcome(error, _result(found, first=first))
            if not isinstance(error, JournalError):
                raise
            journal_error = error
        for index, item in zip(valid, results, strict=True):
            found[index] = item
        for index, item in enumerate(found):
            outcome = outcome_of(first + index, item)
            # Of a batch in which the journal has failed, what was sent comes before the error.
            if journal_error is None or outcome.status != "skipped":
                ended(chunk[index], prepared[index], outcome)
                yield outcome
        if journal_error is not None:
            raise journal_error
        first += len(chunk)
        if writer.stop_on_error and any(isinstance(item, Exception) for item in found):
            return


async def _prepared(
    prepare: Callable[[int, Sequence[Any]], Awaitable[Sequence[Any]]], first: int, rows: Sequence[Any]
) -> Sequence[Any]:
    """Prepare rows together, or one by one when one of them makes no sense: an error then takes its place."""
    try:
        return await prepare(first, rows)
    except (ValueError, TypeError):
        pass
    prepared: list[Any] = []
    for index, row in enumerate(rows):
        try:
            prepared += await prepare(first + index, [row])
        except (ValueError, TypeError) as error:
            prepared.append(error)
    return prepared


class ValueReconciler:
    """Finds values of an earlier run by what was current in their cell before they were sent.

    That takes one request for about 200 records. The history of a record is read only if another value is current now
    that is not clearly the one that was sent.
    """

    def __init__(self, client: Client, journal: Journal) -> None:
        self._client = client
        self._session = client.session
        self._journal = journal

    async def before(self, rows: Sequence[Write]) -> list[str | None]:
        """Return the id of the current value that each row writes over, NOTHING for none, None where that is open."""
        records = await self._read([record_id for record_id, _, _ in rows])
        return [_current_id(records.get(record_id), scope) for record_id, scope, _ in rows]

    async def find(self, rows: Sequence[tuple[Write, str | None]]) -> list[RecordValue | OutcomeUnknownError | None]:
        """Return the value that was made of each row, None when it is not in, an error when that cannot be told."""
        try:
            records = await self._read([record_id for (record_id, _, _), _ in rows])
        except KalbioError as error:
            return [_unknown(record_id, f"the record could not be read: {error}") for (record_id, _, _), _ in rows]

        async def find(row: tuple[Write, str | None]) -> RecordValue | OutcomeUnknownError | None:
            (record_id, scope, content), before = row
            return await self._find(records.get(record_id), record_id, scope, content, before)

        return await map_bounded(find, rows, self._session.max_in_flight)

    async def _find(
        self, raw: Mapping[str, Any] | None, record_id: str, scope: Scope, content: Any, before: str | None
    ) -> RecordValue | OutcomeUnknownError | None:
        field, operation, view = scope
        current = _current_id(raw, scope)
        if raw is not None and before is not None and current is not None:
            if current == before:
                return None
            value = current_at(raw, field, operation)
            matches = value is not None and value.get("record_view_id", view) == view and has_content(value, content)
            if value is not None and matches and not await self._made_by_others([value]):
                return RecordValue(value, self._client)
        try:
            history = await read_history(self._client, record_id)
        except NotFoundError:
            return None  # a record that is not there has no values
        except KalbioError as error:
            return _unknown(record_id, f"the history could not be read: {error}")
        known = None if before is None else known_before(history, before, record_id, scope)
        if known is None:
            return _unknown(record_id, "the value that was there before is not known")
        new = new_values(history, known, record_id, *scope)
        others = await self._made_by_others(new)
        new = [value for value in new if str(value["id"]) not in others]
        own = next((value for value in new if has_content(value, content)), None)
        if own is not None:
            return RecordValue(dict(own), self._client)
        # Written by somebody else, or ours in an unknown form: writing it again might double it.
        return _unknown(record_id, "the cell has a new value with other content") if new else None

    async def _made_by_others(self, values: Sequence[Mapping[str, Any]]) -> set[str]:
        """Return those ids that the journal knows to be of other rows."""
        ids = [str(value["id"]) for value in values]
        return await in_thread(lambda: self._journal.made_before(ids))

    async def _read(self, record_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the records as JSON, past every cache."""
        ids = list(dict.fromkeys(record_ids))
        overhead = self._session.target_length(list_records.build_request(record_ids=""))

        async def ask(batch: slice) -> list[Any]:
            return as_list(await self._session.call(list_records.build_request(record_ids=",".join(ids[batch]))))

        batches = list(chunk_for_url(ids, overhead=overhead, separator=",", max_count=len(ids)))
        answers = await map_bounded(ask, batches, self._session.max_in_flight)
        return {str(raw["id"]): raw for answer in answers for raw in answer if isinstance(raw, dict) and raw.get("id")}


def _current_id(raw: Mapping[str, Any] | None, scope: Scope) -> str | None:
    """Return the id of the current value within a scope, NOTHING where there is none, None where it cannot be told."""
    if raw is None:
        return None
    try:
        value = current_at(raw, *scope[:2])
    except UnreadableTimeError:
        return None
    return NOTHING if value is None else str(value["id"])


def _unknown(record_id: str, reason: str) -> OutcomeUnknownError:
    request = add_record_value.build_request(record_id, body={})
    return OutcomeUnknownError(
        request["method"], request["url"], f"an earlier run may have sent it, and {reason}", None
    )
