# Derived from kalbio/aio/_record_writes.py by scripts/regenerate; edit that file. (digest 467212b9fdc3)
"""Many records and values, written a few at a time."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from kalbio._activity import RECORDS, Record
from kalbio._core import constants
from kalbio._core.bulk.journal import digest
from kalbio._core.json import strict_json
from kalbio._core.objects.checks import in_row, require_list
from kalbio._core.objects.identifiers import as_content
from kalbio._core.sync.bulk import BulkWriter
from kalbio._core.text.display import safe_repr
from kalbio._core.text.progress import as_function
from kalbio._core.text.tracebacks import level_of_the_caller
from kalbio._model.bulk import BulkResult, RowOutcome, RowProgress
from kalbio._model.errors import KalbioError, NearTwinWarning
from kalbio._model.fields import EntityFieldData
from kalbio._model.record_keys import KeyValues, is_named, key_of, shown_key
from kalbio._model.records import RecordValue, ValueToWrite, check_value_row
from kalbio._policy import default_on_error, end_on_error
from kalbio._progress import with_progress
from kalbio._record import RecordKey, content_in, scope_of, show_value, write_value
from kalbio._resumable_writes import ValueReconciler, WithWorkspace, Write, write_all, write_each
from kalbio._resumable_writes import open_journal as open_journal_file
from kalbio._service import Service
from kalbio.loading.near_twins import difference, near_twins

_NAMED = 3


class BulkWrites(Service):
    """The calls of `client.records` that write many rows."""

    _client: WithWorkspace

    def __init__(self, client: WithWorkspace) -> None:
        super().__init__(client)
        self._records = self._directory.records_of(RECORDS)

    @default_on_error(BulkResult)
    @with_progress("rows")
    def get_or_create_records(
        self,
        rows: Iterable[RecordKey],
        *,
        stop_on_error: bool = False,
        progress: RowProgress | bool | None = None,
        journal: str | Path | None = None,
    ) -> BulkResult[Record]:
        """Get or create many records: those that are there are read many at a time, the others made a few at a time.

        With more rows than the client sends at a time (`max_in_flight`), a `NearTwinWarning` names the records that are
        made although the key of another row differs from theirs in case, blanks, hyphens, Unicode form or zeros in
        front only.

        Args:
            rows: dicts of key field (object, id, or name) to value.
            stop_on_error: whether to stop after the first row that failed.
            progress: True shows a bar; a function is called with the number of rows that have ended, and of all rows.
            journal: path of a file that keeps what became of each row. To continue a load that was killed, run it again
                with the same rows and the same file: rows that are done are not sent again, and their outcomes have the
                `id` only.

        Returns:
            The outcome of each row, in order; a refused row does not keep the others from being written.

        Raises:
            IdentifierNotFoundError: a name is not a key field; nothing was sent.
            ValueError: a dict is empty, or a value is neither text nor a whole number; nothing was sent.
            JournalError: the journal belongs to other rows, is in use, cannot be written, or is damaged; nothing was
                sent. If it has an `outcome`, the journal failed in the middle of the load.

        API operation: `identifyRecords` for some 100 rows, `getOrCreateRecord` for each that is not there; with a
        journal also `getActiveWorkspace`.

        Example:
            >>> result = client.records.get_or_create_records([{"Compound": f"CPD-{n}"} for n in range(3)])
            >>> print(result)
            3 rows: 3 done
        """
        given = require_list("rows", rows)
        keys = self._records.keys_of(given, range(len(given)))
        with open_journal_file(self._client, journal, "records to get or create") as journal_file:
            return write_all(
                self._record_writer(journal_file, stop_on_error, _progress_counter(as_function(progress), len(keys))),
                keys,
            )

    @end_on_error
    def iter_get_or_create_records(
        self,
        rows: Iterable[RecordKey] | Iterable[RecordKey],
        *,
        stop_on_error: bool = False,
        journal: str | Path | None = None,
        batch_size: int = constants.BULK_CHUNK,
    ) -> Iterator[RowOutcome[Record]]:
        """Get or create records as they come, from any number of rows in constant memory; yield the outcome of each.

        Rows are taken a batch at a time, and the next batch when the outcomes of the last one have been taken.

        Args:
            rows: as in `get_or_create_records`; a generator may go on without end.
            stop_on_error: whether to stop after the batch in which a row has failed.
            journal: as in `get_or_create_records`.
            batch_size: rows to take, and to look names up for, at a time.

        Returns:
            An iterator of outcomes, in the order of the rows. An invalid row is "failed"; the others are written.

        Raises:
            JournalError: the journal belongs to other rows, is in use, cannot be written, or is damaged.
            KalbioAPIError: names could not be looked up.

        API operation: `identifyRecords` for some 100 rows, `getOrCreateRecord` for each that is not there; with a
        journal also `getActiveWorkspace`.

        Example:
            >>> rows = ({"Compound": f"CPD-{n}"} for n in range(3))
            >>> statuses = [outcome.status for outcome in client.records.iter_get_or_create_records(rows)]
        """

        def prepare(first: int, chunk: Sequence[RecordKey]) -> Sequence[KeyValues]:
            return self._records.keys_of(chunk, range(first, first + len(chunk)))

        with open_journal_file(self._client, journal, "records to get or create") as journal_file:
            outcomes = write_each(self._record_writer(journal_file, stop_on_error), rows, prepare, batch_size)
            with contextlib.closing(outcomes):
                for outcome in outcomes:
                    yield outcome

    def _record_writer(self, journal: Any, stop_on_error: bool, progress: Callable[[], object] | None = None) -> Any:
        existing: dict[frozenset[tuple[str, str]], Record] = {}

        def prefetch(rows: Sequence[KeyValues]) -> None:
            existing.clear()
            if len(rows) <= self._session.max_in_flight:
                return  # sent together they take no longer than the look-up
            try:
                found = self._records.identify(rows)
            except KalbioError:
                return  # each row is sent then, and says itself what is wrong
            for keys, record in zip(rows, found, strict=True):
                # Whether another key is the same one is for the server to say, when it is asked for this record.
                if record is not None and (is_named(record, keys) or shown_key(record) == key_of(keys)):
                    existing[key_of(keys)] = record
            made = [keys for keys, record in zip(rows, found, strict=True) if record is None]
            _warn_of_near_twins(made, [keys for keys, record in zip(rows, found, strict=True) if record is not None])

        def write(keys: KeyValues, before: str | None) -> Record:
            found = existing.get(key_of(keys))
            return self._records.get_or_create(keys) if found is None else found

        return BulkWriter(
            write,
            conflict_key=key_of,
            limit=self._session.max_in_flight,
            stop_on_error=stop_on_error,
            progress=progress,
            journal=journal,
            digest_of=lambda keys: digest(strict_json.encode(sorted(keys.items()))),
            prefetch=prefetch,
        )

    @default_on_error(BulkResult)
    @with_progress("rows")
    def add_values(
        self,
        rows: Iterable[ValueToWrite],
        *,
        stop_on_error: bool = False,
        progress: RowProgress | bool | None = None,
        verify: bool = False,
        journal: str | Path | None = None,
    ) -> BulkResult[RecordValue]:
        """Write many values, a few at a time.

        Args:
            rows: what to write, see `ValueToWrite`: `record`, `field` and `content`, and optionally `activity` and
                `record_view_id`; each named as in `Record.add_value`.
            stop_on_error: whether to stop after the first row that failed.
            progress: True shows a bar; a function is called with the number of rows that have ended, and of all rows.
            verify: whether to check the history after a lost answer, see `Record.add_value`. Without a journal, this
                reads the history of the record before each row.
            journal: path of a file that keeps what became of each row. To continue a load that was killed, run it again
                with the same rows and the same file: rows that are done are not sent again, and their outcomes have the
                `id` only; rows that were being sent, or whose answer was lost, are looked up before they are sent
                again. While the outcome of a row is unknown, or it did not arrive, the later rows for the same cell are
                skipped.

        Returns:
            The outcome of each row, in order; a refused row does not keep the others from being written. A row whose
            answer was lost is "unknown": check before you write it again, or run it again with the same journal. Rows
            for the same cell are written in their order, so the last one is the current value. The record objects that
            you gave show what was written.

        Raises:
            IdentifierNotFoundError: a row names something that is not there; nothing was sent.
            ValueError: a row is incomplete, or has an unknown member; nothing was sent.
            JournalError: the journal belongs to other rows, is in use, cannot be written, or is damaged; nothing was
                sent. If it has an `outcome`, the journal failed in the middle of the load.

        API operation: `addRecordValue` for each row; with `verify` also `listRecordValues`; with a journal also
        `getActiveWorkspace`, `listRecords` for some 200 rows, and `listRecordValues` where a value is looked for.

        Example:
            >>> record = client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> result = client.records.add_values(
            ...     [{"record": record, "field": "Purity (%)", "content": 99.1}]
            ... )
            >>> result.ok
            True
        """
        given = require_list("rows", rows)
        writes = self._writes(0, given)
        with open_journal_file(self._client, journal, "values to add") as journal_file:
            writer = self._value_writer(
                journal_file, verify, stop_on_error, _progress_counter(as_function(progress), len(writes))
            )
            return write_all(
                writer, writes, lambda outcome: _show(given[outcome.index], writes[outcome.index], outcome)
            )

    @end_on_error
    def iter_add_values(
        self,
        rows: Iterable[ValueToWrite] | Iterable[ValueToWrite],
        *,
        stop_on_error: bool = False,
        verify: bool = False,
        journal: str | Path | None = None,
        batch_size: int = constants.BULK_CHUNK,
    ) -> Iterator[RowOutcome[RecordValue]]:
        """Write values as they come, from any number of rows in constant memory; yield the outcome of each.

        Rows are taken a batch at a time, and the next batch when the outcomes of the last one have been taken.

        Args:
            rows: as in `add_values`; a generator may go on without end.
            stop_on_error: whether to stop after the batch in which a row has failed.
            verify: whether to check the history after a lost answer, as in `add_values`.
            journal: as in `add_values`.
            batch_size: rows to take, and to look names up for, at a time.

        Returns:
            An iterator of outcomes, in the order of the rows. An invalid row is "failed"; the others are written.

        Raises:
            JournalError: the journal belongs to other rows, is in use, cannot be written, or is damaged.
            KalbioAPIError: names could not be looked up.

        API operation: as `add_values`.

        Example:
            >>> record = client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> rows = ({"record": record, "field": "Purity (%)", "content": 90 + n} for n in range(3))
            >>> statuses = [outcome.status for outcome in client.records.iter_add_values(rows)]
        """
        with open_journal_file(self._client, journal, "values to add") as journal_file:
            writer = self._value_writer(journal_file, verify, stop_on_error)
            outcomes = write_each(writer, rows, self._writes, batch_size, _show)
            with contextlib.closing(outcomes):
                for outcome in outcomes:
                    yield outcome

    def _writes(self, first: int, rows: Sequence[Any]) -> list[Write]:
        """Resolve what rows name, or raise before anything is sent."""
        given = [check_value_row(first + index, row) for index, row in enumerate(rows)]
        numbers = range(first, first + len(given))
        ids = self._records.require_ids([row["record"] for row in given], numbers) if given else []
        writes: list[Write] = []
        known: dict[str, EntityFieldData | None] = {}
        for index, (record_id, row) in enumerate(zip(ids, given, strict=True), first):
            # What cannot be sent is said before anything is.
            content = as_content(row["content"])
            strict_json.encode(content, f"rows[{index}]['content']")
            with in_row(index):
                scope = scope_of(self._client, row["field"], row.get("activity"), row.get("record_view_id"))
                content = content_in(self._client, scope[0], content, known)
            writes.append((record_id, scope, content))
        return writes

    def _value_writer(
        self, journal: Any, verify: bool, stop_on_error: bool, progress: Callable[[], object] | None = None
    ) -> Any:
        def write(row: Write, before: str | None) -> RecordValue | None:
            record_id, scope, content = row
            # An object of its own: many rows may write to one record at a time.
            record = Record({"id": record_id}, self._client)
            return write_value(self._client, record, scope, content, verify=verify, before=before)

        return BulkWriter(
            write,
            # Not the table: older servers do not tell one from another.
            conflict_key=lambda row: (row[0], row[1][:2]),
            limit=self._session.max_in_flight,
            stop_on_error=stop_on_error,
            progress=progress,
            journal=journal,
            digest_of=lambda row: digest(strict_json.encode(row)),
            reconciler=None if journal is None else ValueReconciler(self._client, journal),
        )


def _warn_of_near_twins(made: Sequence[KeyValues], there: Sequence[KeyValues]) -> None:
    """Warn before records are made beside others that a person takes for the same."""

    def whole(keys: KeyValues) -> tuple[str, ...]:
        ids = sorted(keys)
        return (*ids, *(keys[one] for one in ids))

    twins = near_twins(map(whole, made), map(whole, there))
    told: dict[frozenset[tuple[str, ...]], str] = {}
    for key, (other, *_) in twins.items():
        width = len(key) // 2
        shown, beside = (", ".join(map(safe_repr, one[width:])) for one in (key, other))
        told.setdefault(frozenset((key, other)), f"{shown} beside {beside} ({difference(key, other)})")
    if told:
        more = f", and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
        warnings.warn(
            f"Records are made beside others whose keys a person takes for the same: "
            f"{'; '.join(list(told.values())[:_NAMED])}{more}. Give one spelling where one record is meant; "
            "client.records.upsert holds such rows back",
            NearTwinWarning,
            stacklevel=level_of_the_caller(),
        )


def _progress_counter(progress: RowProgress | None, total: int) -> Callable[[], object] | None:
    """Return what is to be called when a row has ended, one at a time."""
    if progress is None:
        return None
    count = itertools.count(1)
    return lambda: progress(next(count), total)


def _show(row: Any, write: Write, outcome: RowOutcome[RecordValue]) -> None:
    """Let a record object that was given show what was written."""
    if outcome.value is not None and isinstance(row["record"], Record):
        record, value = row["record"], outcome.value
        show_value(record, write[1][0], value)
