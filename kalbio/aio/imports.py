"""Imports: bulk loads of records and values, which run in the background."""

from __future__ import annotations

import json
import warnings
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

import attrs
from kaleidoscope_api.api.imports import (
    get_import,
    list_imports,
    push_import,
    push_import_by_field_id,
    push_import_from_source,
)
from kaleidoscope_api.operations import OPERATIONS

from kalbio._bars import told_of
from kalbio._core.aio.bulk import BulkWriter
from kalbio._core.aio.waiting import check_times, poll
from kalbio._core.argument_errors import ArgumentError
from kalbio._core.bulk.journal import Journal, digest
from kalbio._core.bulk.rows import SKIPPED
from kalbio._core.errors import (
    IdentifierNotFoundError,
    JournalError,
    OutcomeError,
    OutcomeUnknownError,
    WaitTimeoutError,
)
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.json import strict_json
from kalbio._core.objects.checks import require_rows, require_text, require_texts, require_whole_number
from kalbio._core.objects.identifiers import Catalog, ListLike, Many, plain_id, plain_ids
from kalbio._core.objects.listing import read_items, read_object
from kalbio._core.objects.paging import Pages
from kalbio._core.text.display import safe_repr
from kalbio._model import constants, staleness
from kalbio._model.activities import ActivityIdentifier
from kalbio._model.bulk import BulkResult, RowOutcome, RowProgress, attach_outcome, outcome_of
from kalbio._model.cells import READ_TABLE, column_types
from kalbio._model.errors import KalbioError
from kalbio._model.imports import ImportRecord, ImportResult, ImportValidationError, ImportValidationResult
from kalbio._model.quick_rows import QuickRows, are_plain, careful, encoded
from kalbio._model.views import RecordViewData, RecordViewIdentifier
from kalbio.aio._activity import ACTIVITIES
from kalbio.aio._policy import default_on_error, end_on_error, none, unreachable, when_called
from kalbio.aio._progress import with_progress
from kalbio.aio._resumable_writes import WithWorkspace, open_journal
from kalbio.aio._service import Service
from kalbio.aio.entity_fields import (
    DATA_FIELDS,
    KEY_FIELDS,
    DataField,
    EntityFieldIdentifier,
    create_data_field,
    require_field_id,
)
from kalbio.aio.programs import PROGRAMS, ProgramIdentifier

__all__ = ["ImportRecord", "ImportResult", "ImportValidationError", "ImportValidationResult", "ImportsService"]


def _look_at_call(service: Any, given: dict[str, Any]) -> None:
    if given.get("progress") and given.get("batch_size") is None:
        raise ArgumentError("progress needs a batch_size; imports.wait(import_id, progress=True) shows a single import")
    if isinstance(given.get("record_view_id"), list | tuple) or given.get("record_view_ids") is not None:
        warnings.warn("record_view_ids has no effect here; give record_view_id", DeprecationWarning, stacklevel=3)
    # The older order: the tables were a list in 6th place, and the name of the set followed.
    name = given.get("add_fields_to_record_view_ids")
    if isinstance(given.get("record_view_id"), list | tuple) and isinstance(name, str) and not given.get("set_name"):
        given["set_name"] = given.pop("add_fields_to_record_view_ids")


class ImportsService(Service):
    """Bulk loads (`client.imports`)."""

    _client: WithWorkspace

    def __init__(self, client: WithWorkspace) -> None:
        super().__init__(client)
        # Imports that were pushed here and go on in the background: nobody has seen the end of them yet.
        self._running: dict[str, None] = {}

    @overload
    async def push_data(
        self,
        key_field_names: Many[str],
        data: Sequence[Mapping[str, Any]],
        source_id: str | None = None,
        operation_id: ActivityIdentifier | None = None,
        program_id: ProgramIdentifier | None = None,
        record_view_id: RecordViewIdentifier | None = None,
        add_fields_to_record_view_ids: Many[RecordViewIdentifier] | None = None,
        set_name: str | None = None,
        record_view_ids: Many[RecordViewIdentifier] | None = None,
    ) -> str: ...

    @overload
    async def push_data(
        self,
        key_field_names: Many[str],
        data: Sequence[Mapping[str, Any]],
        source_id: str | None = None,
        operation_id: ActivityIdentifier | None = None,
        program_id: ProgramIdentifier | None = None,
        record_view_id: RecordViewIdentifier | None = None,
        add_fields_to_record_view_ids: Many[RecordViewIdentifier] | None = None,
        set_name: str | None = None,
        record_view_ids: Many[RecordViewIdentifier] | None = None,
        *,
        batch_size: int,
        journal: str | Path | None = None,
        stop_on_error: bool = False,
        progress: RowProgress | bool | None = None,
        timeout: float = 300.0,
    ) -> BulkResult[ImportRecord]: ...

    @when_called(_look_at_call)
    @default_on_error(none, bulk_keyword="batch_size", reraise_if=unreachable)
    @with_progress("batches")
    async def push_data(
        self,
        key_field_names: Many[str],
        data: Sequence[Mapping[str, Any]],
        source_id: str | None = None,
        operation_id: ActivityIdentifier | None = None,
        program_id: ProgramIdentifier | None = None,
        record_view_id: RecordViewIdentifier | None = None,
        add_fields_to_record_view_ids: Many[RecordViewIdentifier] | None = None,
        set_name: str | None = None,
        record_view_ids: Many[RecordViewIdentifier] | None = None,
        *,
        batch_size: int | None = None,
        journal: str | Path | None = None,
        stop_on_error: bool = False,
        progress: RowProgress | bool | None = None,
        timeout: float = 300.0,
    ) -> str | BulkResult[ImportRecord]:
        """Load rows: records are created or updated, and columns without a field create one.

        Args:
            key_field_names: the columns that identify a record.
            data: rows of column name to value (text, numbers, dates, true or false; None is left out); each has a value
                for every key column. An import without rows is allowed, and changes nothing.
            source_id: the source they come from: any text that the platform knows it by.
            operation_id: the activity that the records join: object, id, or title.
            program_id: the program: object, id, or title.
            record_view_id: id of the table of the activity to load into; needs an activity.
            add_fields_to_record_view_ids: ids of views that get columns for new fields too.
            set_name: name of the record set that the records join.
            record_view_ids: has no effect and is not sent. In older releases it stood where `record_view_id` is now.
            batch_size: splits the rows into several imports of so many rows, one after the other, and waits for each.
                Fields for new columns are created before the first: number, boolean or date if all cells of the column
                in `data` are such values, else text.
            journal: path of a file that keeps what became of each batch: to continue a load that was killed, run it
                again with the same rows, the same batch size and the same file. Needs a `batch_size`.
            stop_on_error: whether to stop after the first batch that failed.
            progress: True shows a bar; a function is called with the number of batches that have ended, and of all.
            timeout: longest time to wait for the import of a batch, in seconds.

        Returns:
            The id of the import, to poll with `get_import`. With a `batch_size` the outcome of each batch, with its
            import as `value`: "failed" also when rows were left out (see `value.row_errors`), "unknown" when the answer
            was lost or the import has not ended in time; later batches are then skipped.

        Raises:
            IdentifierNotFoundError: no such activity or program; nothing was sent.
            IdentifierError: rows have no value for a key field, or one that is neither text nor a whole number; all of
                them are named, and nothing was sent.
            ValueError: no key field is named, or a row cannot be sent, e.g. because a cell is a list; nothing was sent.
            OutcomeUnknownError: the answer was lost; check before you load again.
            JournalError: the journal belongs to other rows, is in use, cannot be written, or is damaged; nothing was
                sent. If it has an `outcome`, the journal failed in the middle of the load.
            KalbioAPIError: the server refused.

        API operation: `pushImport`, `pushImportFromSource`; with a `batch_size` also `getImport`, `listDataFields` and
        `getOrCreateDataField`, with a journal `listImports` and `getActiveWorkspace`.

        Example:
            >>> import_id = await client.imports.push_data(["Compound"], [{"Compound": "CPD-1", "Potency (nM)": 2.5}])
        """
        if isinstance(record_view_id, list | tuple):
            record_view_id = None  # in older releases this was the place of record_view_ids, which has no effect
        check_times(1.0, timeout)
        if batch_size is None:
            if journal is not None:
                raise ArgumentError("a journal needs a batch_size: a single import is sent as a whole")
            if progress is True:
                shows = "imports.wait(import_id, progress=True) shows how it goes on"
                raise ArgumentError(f"progress=True needs a batch_size: a single import is sent as a whole; {shows}")
            (request,) = await self._requests(
                key_field_names, data, source_id, operation_id, program_id, record_view_id,
                add_fields_to_record_view_ids, set_name,
            )  # fmt: skip
            return await self._push(request)
        size = require_whole_number("batch_size", batch_size, 1)
        return await self._push_in_batches(
            key_field_names, data, source_id, operation_id, program_id, record_view_id,
            add_fields_to_record_view_ids, set_name, size, journal, stop_on_error, progress, timeout,
        )  # fmt: skip

    async def _push_in_batches(self, *arguments: Any) -> BulkResult[ImportRecord]:
        *what, size, path, stop_on_error, progress, timeout = arguments
        requests = await self._requests(*what, size=size)
        new = await self._new_fields(requests)
        async with open_journal(self._client, path, f"imports of {size} rows") as journal:
            writer = await self._batch_writer(journal, stop_on_error)
            writer.claim(requests)
            outcomes: list[RowOutcome[ImportRecord]] = [outcome_of(index, SKIPPED) for index in range(len(requests))]
            results: list[Any] = []
            index, journal_error = 0, None
            try:
                for name, field_type in new.items():
                    await create_data_field(self._client, name, field_type)
                for index, request in enumerate(requests):
                    try:
                        await writer.run([index], [request], results)
                    except JournalError as error:  # the batch may have been pushed all the same
                        journal_error = error
                    outcomes[index] = await self._ended(outcome_of(index, results[0]), timeout)
                    results.clear()
                    if journal_error is not None:
                        raise journal_error
                    if outcomes[index].status == "unknown" or (stop_on_error and outcomes[index].status != "done"):
                        writer.stopped = True
                    if progress is not None:
                        progress(index + 1, len(requests))
            except BaseException as end:
                if results:
                    begun = outcome_of(index, results[0])
                    outcomes[index] = begun if begun.id is None else attrs.evolve(begun, status="unknown")
                attach_outcome(end, BulkResult(outcomes))
                raise
        return BulkResult(outcomes)

    async def _requests(
        self,
        key_field_names: Many[str],
        data: Sequence[Mapping[str, Any]],
        source_id: str | None,
        operation_id: ActivityIdentifier | None,
        program_id: ProgramIdentifier | None,
        record_view_id: RecordViewIdentifier | None,
        add_fields_to_record_view_ids: Many[RecordViewIdentifier] | None,
        set_name: str | None,
        *,
        size: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return the requests that push so many rows each, all in one by default; raises before anything is sent."""
        if record_view_id is not None and operation_id is None:
            raise ArgumentError("record_view_id needs an operation_id: a table belongs to an activity")
        keys = _names("key_field_names", key_field_names)
        rows = data if are_plain(data) else require_rows("data", data, of_table=READ_TABLE)
        quick = QuickRows.look_at(rows, keys)
        if quick is None or size is not None:
            rows = careful(rows, {name: name for name in keys})
        body = {"key_field_names": keys, **await self._body(operation_id, program_id, set_name)}
        if record_view_id is not None:
            body["record_view_id"] = plain_id(record_view_id, "record view", RecordViewData)
        if add_fields_to_record_view_ids is not None:
            body["add_fields_to_record_view_ids"] = plain_ids(
                add_fields_to_record_view_ids, "record view", RecordViewData
            )
        if size is not None and quick is None:
            for index, row in enumerate(rows):  # no batch may go and a later one turn out to be none
                strict_json.encode(row, f"data[{index}]")
        step = size or len(rows) or 1
        bodies = [{**body, "data": rows[start : start + step]} for start in range(0, len(rows) or 1, step)]
        if source_id is None:
            requests = [push_import.build_request(body=part) for part in bodies]
        else:
            source = require_text("source_id", source_id)
            requests = [push_import_from_source.build_request(source, body=part) for part in bodies]
        return requests if size is not None else [encoded(requests[0], quick, {name: name for name in keys})]

    async def _new_fields(self, requests: Sequence[dict[str, Any]]) -> dict[str, str]:
        """Return the fields to make before the first batch: name to a type that takes the cells of all batches.

        Each batch is an import of its own. The first would make fields of types that need not take the cells of others.
        """
        bodies = [request["json"] for request in requests]
        rows = [row for body in bodies for row in body["data"]]
        keys = bodies[0]["key_field_names"]
        types = column_types(rows, dict.fromkeys(name for row in rows for name in row if name not in keys))

        def lacking(catalog: Catalog[DataField]) -> dict[str, str]:
            known = {field.field_name for field in catalog.items}
            return {name: field_type for name, field_type in types.items() if name not in known}

        listing = self._directory[DATA_FIELDS]
        cached = listing.cached()
        if not types or (cached is not None and not lacking(cached)):
            return {}
        new = lacking(await listing.catalog(use_cache=False))
        if new and bodies[0].get("add_fields_to_record_view_ids"):
            raise ArgumentError(
                "add_fields_to_record_view_ids adds what an import makes, and a batch_size makes fields before it: "
                f"push some rows with {', '.join(map(safe_repr, new))} without a batch_size first"
            )
        return new

    async def _batch_writer(self, journal: Journal | None, stop_on_error: bool) -> BulkWriter[Any, ImportRecord]:
        reconciler = None
        if journal is not None:
            ids = [item.id async for item in self.iter_imports()]
            reconciler = _ImportTraces(
                self.iter_imports, journal, set(json.loads(journal.keep("imports", json.dumps(ids))))
            )

        async def write(request: dict[str, Any], before: str | None) -> ImportRecord:
            return ImportRecord(
                {"id": await self._push(encoded(request, QuickRows.look_at(request["json"]["data"], ())))},
                self._client,
            )

        # One after the other, and none behind one whose fate is open: rows of several batches may be for one place.
        return BulkWriter(
            write,
            conflict_key=lambda request: None,
            limit=1,
            stop_on_error=stop_on_error,
            journal=journal,
            digest_of=lambda request: digest(strict_json.encode([request["url"], request["json"]])),
            reconciler=reconciler,
        )

    async def _ended(self, outcome: RowOutcome[ImportRecord], timeout: float) -> RowOutcome[ImportRecord]:
        """Wait for the import of a batch, and return what came of the batch."""
        if outcome.id is None:
            return outcome
        try:
            value = await self.wait(outcome.id, timeout=timeout, on_row_errors="raise")
        except WaitTimeoutError as error:
            return attrs.evolve(outcome, status="unknown", value=error.outcome, error=error)
        except OutcomeError as error:
            return attrs.evolve(outcome, status="failed", value=error.outcome, error=error)
        except KalbioError as error:
            return attrs.evolve(outcome, status="unknown", value=None, error=error)
        return attrs.evolve(outcome, value=value)

    @default_on_error(none)
    async def push_data_by_field_id(
        self,
        key_field_ids: ListLike[EntityFieldIdentifier],
        data: Sequence[Mapping[str, Any]],
        operation_id: ActivityIdentifier | None = None,
        program_id: ProgramIdentifier | None = None,
        record_view_ids: Many[RecordViewIdentifier] | None = None,
        set_name: str | None = None,
    ) -> str:
        """Load rows whose columns are named by the ids of fields.

        Args:
            key_field_ids: the key fields that identify a record: ids, names, or objects.
            data: rows of field (id, name, or object) to value; each has a value for every key field. There may be none.
            operation_id: the activity that the records join: object, id, or title.
            program_id: the program: object, id, or title.
            record_view_ids: ids of the tables to load into.
            set_name: name of the record set that the records join.

        Returns:
            The id of the import, to poll with `get_import`.

        Raises:
            IdentifierNotFoundError: no such field, activity or program; nothing was sent.
            IdentifierError: rows have no value for a key field, or one that is neither text nor a whole number; all of
                them are named, and nothing was sent.
            ValueError: no key field is named, or a row cannot be sent, e.g. because a cell is a list; nothing was sent.
            OutcomeUnknownError: the answer was lost; check before you load again.
            KalbioAPIError: the server refused.

        API operation: `pushImportByFieldId`.

        Example:
            >>> key = await client.entity_fields.get_or_create_key_field("Compound")
            >>> import_id = await client.imports.push_data_by_field_id([key.id], [{key.id: "CPD-1"}])
        """
        rows = require_rows("data", data, of_table=READ_TABLE)
        keys = await self._directory[KEY_FIELDS].require_ids(key_field_ids)
        if not keys:
            raise ArgumentError("key_field_ids is empty; name the key fields that identify a record")
        columns = dict(zip(key_field_ids, keys, strict=True))
        for column in dict.fromkeys(name for row in rows for name in row):
            if column not in columns:
                columns[column] = await require_field_id(self._directory, column)
        by_id = [{columns[column]: value for column, value in row.items()} for row in rows]
        for index, row in enumerate(rows):
            if len(by_id[index]) < len(row):
                raise ArgumentError(f"data[{index}] names a field twice: {list(row)!r}")
        names = dict(zip(keys, key_field_ids, strict=True))
        quick = QuickRows.look_at(by_id, keys)
        if quick is None:
            by_id = careful(by_id, names)
        body = {
            "key_field_ids": keys,
            "data": by_id,
            "record_view_ids": plain_ids(record_view_ids or (), "record view", RecordViewData),
            **await self._body(operation_id, program_id, set_name),
        }
        return await self._push(encoded(push_import_by_field_id.build_request(body=body), quick, names))

    @default_on_error(list)
    async def get_imports(
        self, is_complete: bool | None = None, page: int | None = None, page_size: int | None = None
    ) -> list[ImportRecord]:
        """Return one page of imports.

        Args:
            is_complete: only those that have ended (True), or have not (False).
            page: which page.
            page_size: imports on a page.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listImports`.

        Example:
            >>> running = await client.imports.get_imports(is_complete=False)
        """
        query: dict[str, Any] = {
            "page": None if page is None else require_whole_number("page", page, 0),
            "page_size": None if page_size is None else require_whole_number("page_size", page_size, 1),
        }
        if is_complete is not None:
            query["is_complete"] = int(is_complete)
        build: Any = list_imports.build_request
        response = await self._session.call_or_none(build(**query))
        if response is None:
            return []
        found = read_items(response, lambda item: ImportRecord(item, self._client))
        for item in found:
            if item.is_complete and item.id in self._running:
                self._has_ended(item.id)
        return found

    @default_on_error(none, skip_when_none="import_id")
    async def get_import(self, import_id: ImportRecord | str) -> ImportRecord | None:
        """Return an import as it stands, None when there is none.

        Args:
            import_id: its id.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `getImport`.

        Example:
            >>> import_id = await client.imports.push_data(["Compound"], [{"Compound": "CPD-1"}])
            >>> (await client.imports.get_import(import_id)).is_complete
            True
        """
        response = await self._session.call_or_none(
            get_import.build_request(plain_id(import_id, "import", ImportRecord))
        )
        if response is None:
            return None
        record = ImportRecord(read_object(response, "import"), self._client)
        if record.is_complete:
            self._has_ended(record.id)
        return record

    def _has_ended(self, import_id: str) -> None:
        """Forget what an import may have brought into being since it was pushed: it must be seen from now on."""
        self._running.pop(import_id, None)
        self._session.forget(*staleness.IMPORTED)

    @end_on_error
    async def iter_imports(self, is_complete: bool | None = None, page_size: int = 100) -> AsyncIterator[ImportRecord]:
        """Yield all imports, page by page, each once.

        Nothing that existed at the start is left out, even if imports are added or end meanwhile. To be sure of that, a
        listing of several pages is read twice.

        Args:
            is_complete: only those that have ended (True), or have not (False).
            page_size: imports to ask for at once.

        Raises:
            KalbioResponseError: the server gives the same page again and again.
            KalbioAPIError: the server refused.

        API operation: `listImports`.

        Example:
            >>> ids = [item.id async for item in client.imports.iter_imports()]
        """
        pages = Pages(OPERATIONS["listImports"].path, page_size)
        while pages.more:
            for item in pages.take(await self.get_imports(is_complete, pages.number, page_size)):
                yield item

    @default_on_error(none)
    async def wait(
        self,
        import_id: ImportRecord | str,
        *,
        interval: float = 1.0,
        timeout: float = 300.0,
        on_row_errors: Literal["return", "raise"] = "return",
        progress: Callable[[ImportRecord], object] | bool | None = None,
    ) -> ImportRecord:
        """Wait until an import has ended, and return it.

        Args:
            import_id: its id.
            interval: seconds between two checks.
            timeout: longest time to wait, in seconds.
            on_row_errors: "raise" treats rows that were left out as a failure; "return" leaves it to you to look at
                `import_result.validation_result.errors`.
            progress: True shows its state and the time; a function is called with the import after each look.

        Raises:
            IdentifierNotFoundError: there is no such import.
            OutcomeError: it failed as a whole, or, if asked for, rows were left out; `outcome` is the import.
            WaitTimeoutError: it has not ended in time; `outcome` is the import as it was last seen.
            KalbioAPIError: the server refused.

        API operation: `getImport`.

        Example:
            >>> import_id = await client.imports.push_data(["Compound"], [{"Compound": "CPD-1"}])
            >>> (await client.imports.wait(import_id)).import_status
            'completed'
        """
        if on_row_errors not in ("return", "raise"):
            raise ArgumentError(f'on_row_errors must be "return" or "raise"; got {safe_repr(on_row_errors)}')
        what = f"the import {import_id}"
        with told_of(progress, "import", lambda state: state.import_status or "") as tell:

            async def look() -> ImportRecord:
                record = await self.get_import(import_id)
                if record is None:
                    raise IdentifierNotFoundError("import", import_id)
                tell(record)
                return record

            record = await poll(look, lambda state: state.is_complete, interval=interval, timeout=timeout, what=what)
        if record.import_result is None and (record.import_status == "failed" or record.error_message):
            raise OutcomeError(f"{what} failed: {record.error_message or record.import_status}", record)
        errors = record.row_errors
        if errors and on_row_errors == "raise":
            first = errors[0]
            raise OutcomeError(
                f"{what} left {len(errors)} rows out; the first one: {first.field_name} = {first.value!r} "
                f"({first.conflict_type})",
                record,
            )
        return record

    async def _body(self, operation_id: Any, program_id: Any, set_name: str | None) -> dict[str, Any]:
        body: dict[str, Any] = {}
        if operation_id is not None:
            body["operation_id"] = await self._directory[ACTIVITIES].require_id(operation_id)
        if program_id is not None:
            body["program_id"] = await self._directory[PROGRAMS].require_id(program_id)
        if set_name is not None:
            body["set_name"] = set_name
        return body

    async def _push(self, request: dict[str, Any]) -> str:
        response = await self._session.call(request)
        import_id = as_object(response).get("import_id")
        if not isinstance(import_id, str | int):
            raise unusable(response, "the answer has no id of an import")
        self._running[str(import_id)] = None
        for oldest in list(self._running)[: -constants.RUNNING_IMPORTS]:
            self._running.pop(oldest, None)
        return str(import_id)


class _ImportTraces:
    """Looks for an import whose answer was lost among those that are new since the load began.

    A single one with as many rows, for the same activity, is taken for it.
    """

    def __init__(self, imports: Callable[[], AsyncIterator[ImportRecord]], journal: Journal, known: set[str]) -> None:
        self._imports = imports
        self._journal = journal
        self._known = known

    async def before(self, rows: Sequence[dict[str, Any]]) -> list[str | None]:
        """Return nothing: what was there is known since the load began."""
        return [None for _ in rows]

    async def find(
        self, rows: Sequence[tuple[dict[str, Any], str | None]]
    ) -> list[ImportRecord | OutcomeUnknownError | None]:
        """Return the import of each batch, None when there is none, an error when that cannot be told."""
        return [await self._find(request) for request, _ in rows]

    async def _find(self, request: dict[str, Any]) -> ImportRecord | OutcomeUnknownError | None:
        reason = "an earlier run may have sent it, and "
        try:
            new = [item async for item in self._imports() if item.id not in self._known]
        except KalbioError as error:
            return OutcomeUnknownError(
                request["method"], request["url"], f"{reason}imports cannot be read: {error}", None
            )
        made = self._journal.made_before([item.id for item in new])
        new = [item for item in new if item.id not in made]
        body = request["json"]
        if len(new) == 1 and _fits(new[0], len(body["data"]), body.get("operation_id")):
            return new[0]
        if not new:
            return None
        ids = ", ".join(item.id for item in new)
        return OutcomeUnknownError(
            request["method"], request["url"], f"{reason}there are imports since that may be it ({ids})", None
        )


def _fits(record: ImportRecord, rows: int, operation_id: str | None) -> bool:
    result = record.import_result
    checked = None if result is None else result.validation_result
    return checked is not None and checked.total_processed == rows and record.operation_id == operation_id


def _names(name: str, values: Many[str]) -> list[str]:
    names = require_texts(name, values)
    if not names:
        raise ArgumentError(f"{name} is empty; name the columns that identify a record")
    return names
