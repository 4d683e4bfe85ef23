"""Writes what a plan says: by imports where they can carry it, else value by value; and reads it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from kaleidoscope_api.api.imports import push_import_by_field_id

from kalbio._core.bulk.rows import OUTCOME_UNKNOWN
from kalbio._core.errors import OutcomeError
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.text.display import LIMIT, one_line, safe_repr
from kalbio._model import constants
from kalbio._model.bulk import BulkResult, RowProgress
from kalbio._model.content_writing import FileToUpload
from kalbio._model.errors import FieldTypeError, KalbioError
from kalbio._model.field_contents import fits_import
from kalbio._model.field_types import form_of
from kalbio._model.fields import EntityFieldData
from kalbio._model.imports import ImportRecord, ImportValidationError
from kalbio._model.quick_rows import QuickRows, encoded
from kalbio.aio._load_journal import LoadJournal, WithImports
from kalbio.aio._load_layout import entity_type_of
from kalbio.aio._load_state import StateReader
from kalbio.aio._resumable_writes import Write
from kalbio.aio.entity_fields import create_data_field
from kalbio.loading.cells import LoadCell, key_shown
from kalbio.loading.near_twins import Key
from kalbio.loading.plan import Layout
from kalbio.loading.planning import PlannedRow, is_same
from kalbio.loading.report import LoadedRow, LoadReport

Pair: TypeAlias = tuple[PlannedRow, LoadedRow]
"""What is to become of a record, and what became of it."""

_BEFORE_IT = "was not sent, because something before it failed"
_STOPPED = "was not sent, because the load was stopped"
_UNDER_WAY = "was being written when the load was interrupted; plan again, which reads what is there"


class Load:
    """One load of a plan.

    Args:
        client: whom to load into.
        layout: where the rows go.
        rows: the records to write, each with what is to be written.
        known: the ids of all records of the type that are there.
        write_values: writes single values.
        stop_on_error: whether to stop after the first import in which something failed.
        progress: called with the number of records that have ended, and the number of all that are written.
        timeout: longest time to wait for an import, in seconds.
        left: cells that are not written, and are told at the end.
        unchanged: how many cells are as given already.
        notes: what the plan has noted.
        journal: where to keep what became of each record.
    """

    def __init__(
        self,
        client: WithImports,
        layout: Layout,
        rows: Sequence[PlannedRow],
        *,
        known: Collection[str],
        write_values: Callable[[Sequence[Write]], Awaitable[BulkResult[Any]]],
        stop_on_error: bool,
        progress: RowProgress | None,
        timeout: float,
        left: Sequence[LoadCell],
        unchanged: int,
        notes: Sequence[str],
        journal: LoadJournal | None,
    ) -> None:
        self._client = client
        self._layout = layout
        self._write_values = write_values
        self._stop_on_error = stop_on_error
        self._progress = progress
        self._timeout = timeout
        self._left = left
        self._unchanged = unchanged
        self._notes = notes
        self._journal = journal
        self._known = set(known)
        self._pairs: list[Pair] = [(row, _loaded(row)) for row in rows if row.is_to_write]
        self._imports: list[str] = []
        self._outside: list[LoadCell] = []

    def report(self) -> LoadReport:
        """Return what became of all of it so far."""
        left = [*self._outside, *self._left]
        rows = [loaded for _, loaded in self._pairs]
        return LoadReport(rows, left, self._unchanged, self._imports, self._notes, self._layout.place)

    async def run(self) -> LoadReport:
        """Write, and return what became of it."""
        size = constants.IMPORT_ROWS
        try:
            if self._pairs:
                await self._make_fields()
            for start in range(0, len(self._pairs), size):
                batch = self._pairs[start : start + size]
                if self._journal is not None:
                    await self._journal.note_sent([row for row, _ in batch])
                await self._write(batch)
                if self._journal is not None:
                    outside = {cell.record_id for cell in self._outside}
                    await self._journal.note_outcomes([pair for pair in batch if pair[0].record_id not in outside])
                if self._progress is not None:
                    self._progress(start + len(batch), len(self._pairs))
                if self._stop_on_error and self._has_failed(batch):
                    break
        except BaseException as end:
            if not isinstance(end, Exception):
                self._tell_stopped()
            _attach(end, self.report())
            raise
        return self.report()

    def _tell_stopped(self) -> None:
        """Tell of what was not sent that the load was stopped: nothing has failed."""
        for _, loaded in self._pairs:
            if loaded.reason == _BEFORE_IT:
                loaded.reason = _STOPPED
            loaded.told.update({name: (s, _STOPPED) for name, (s, why) in loaded.told.items() if why == _BEFORE_IT})

    async def _make_fields(self) -> None:
        made: dict[str, EntityFieldData] = {}
        for name, kind in self._layout.new_fields.items():
            made[name] = await create_data_field(self._client, self._layout.columns[name].field_name or name, kind)
            check_made(made[name], kind)
        self._layout = self._layout.with_fields(made)

    async def _write(self, batch: Sequence[Pair]) -> None:
        columns, in_table = self._layout.columns, self._layout.table is not None
        # Most contents are text, and there are many of them. What imports write is outside of the tables.
        texts = set() if in_table else {name for name, field in columns.items() if fits_import(field, "")}

        def fits(name: str, content: Any) -> bool:
            return name in texts if type(content) is str else not in_table and fits_import(columns[name], content)

        alone = {id(row): [name for name in row.write if not fits(name, row.given[name])] for row, _ in batch}
        pushed = [
            (row, loaded)
            for row, loaded in batch
            if row.record_id is None or row.joins or len(alone[id(row)]) < len(row.write)
        ]
        for _, loaded in batch:
            loaded.status, loaded.reason = "unknown", _UNDER_WAY
        if pushed and not await self._push(pushed, alone):
            await self._check_joining(pushed)
        values = [(row, loaded, name) for row, loaded in batch for name in alone[id(row)]]
        for _, loaded in batch:
            if loaded.reason == _UNDER_WAY:  # of this one, no import had to carry anything
                loaded.status, loaded.reason = "done", ""
        if self._stop_on_error and self._has_failed(batch):
            for _, loaded, name in values:
                loaded.told[name] = ("skipped", _BEFORE_IT)
        elif values:
            await self._write_alone(values)

    def _has_failed(self, batch: Sequence[Pair]) -> bool:
        return bool(self._outside) or any(loaded.status != "done" or loaded.told for _, loaded in batch)

    async def _push(self, pairs: Sequence[Pair], alone: dict[int, list[str]]) -> bool:
        """Push an import, wait for it, and read back what it has written. Returns whether it has carried all rows."""
        rows = self._rows(pairs, alone)
        errors: Sequence[ImportValidationError] = ()
        open_reason = ""
        try:
            import_id = await self._send(rows)
            self._imports.append(import_id)
        except KalbioError as error:
            if not isinstance(error, OUTCOME_UNKNOWN):
                for _, loaded in pairs:
                    loaded.status, loaded.reason = "failed", f"was not written: {error}"
                return False
            open_reason = f"may be written still: {error}"
        else:
            try:
                errors = (await self._client.imports.wait(import_id, timeout=self._timeout)).row_errors
            except OutcomeError as error:
                failed = error.outcome
                whole = isinstance(failed, ImportRecord) and failed.is_complete
                open_reason = f"{'was not written' if whole else 'may be written still'}: {error}"
            except KalbioError as error:
                open_reason = f"may be written still: {error}"
        await self._read_back(pairs, alone, errors, open_reason)
        return not errors and not open_reason

    async def _check_joining(self, pairs: Sequence[Pair]) -> None:
        """Tell which records have not joined the activity and the program, where the import may have left them out."""
        layout = self._layout
        if layout.activity is None and layout.program is None:
            return
        try:
            members = await (await self._reader()).members(layout.program) or set()
        except KalbioError:
            members = set()
        for row, loaded in pairs:
            if row.record_id is None or row.record_id in members or not (row.joins or loaded.is_new):
                continue
            reason = "was not seen to join the activity or the program; plan again, which reads what is there"
            if loaded.new:
                shown = key_shown(row.key)
                self._outside.append(LoadCell(row.row, shown, None, "unknown", reason=reason, record_id=row.record_id))
            elif loaded.status == "done":
                loaded.status, loaded.reason = "unknown", reason

    def _rows(self, pairs: Sequence[Pair], alone: dict[int, list[str]]) -> list[dict[str, Any]]:
        """Return what an import is to carry, by the ids of fields."""
        keys = [field.id for field in self._layout.keys.values()]
        ids = {name: field.id for name, field in self._layout.columns.items()}
        rows: list[dict[str, Any]] = []
        for row, _ in pairs:
            cells: dict[str, Any] = dict(zip(keys, row.key, strict=True))
            given, others = row.given, alone[id(row)]
            cells.update({ids[name]: given[name] for name in row.write if name not in others})
            rows.append(cells)
        return rows

    async def _send(self, rows: Sequence[dict[str, Any]]) -> str:
        layout = self._layout
        keys = [field.id for field in layout.keys.values()]
        body: dict[str, Any] = {
            "key_field_ids": keys,
            "data": rows,
            "record_view_ids": [] if layout.table is None else [layout.table],
        }
        if layout.activity is not None:
            body["operation_id"] = layout.activity
        if layout.program is not None:
            body["program_id"] = layout.program
        request = encoded(push_import_by_field_id.build_request(body=body), QuickRows.look_at(rows, keys))
        response = await self._client.session.call(request)
        import_id = as_object(response).get("import_id")
        if not isinstance(import_id, str | int):
            raise unusable(response, "the answer has no id of an import")
        return str(import_id)

    async def _read_back(
        self,
        pairs: Sequence[Pair],
        alone: dict[int, list[str]],
        errors: Sequence[ImportValidationError],
        open_reason: str,
    ) -> None:
        """Tell of each cell that an import was to write whether it is there."""
        try:
            found = await self._read(pairs)
        except KalbioError as error:
            for _, loaded in pairs:
                loaded.status, loaded.reason = "unknown", f"was sent, and could not be read back: {error}"
            return
        columns = self._layout.columns
        forms = {name: form_of(field) for name, field in columns.items()}
        places = {name: place for place, name in enumerate(columns)}
        told = _errors_by_record(errors)
        for row, loaded in pairs:
            there = found.get(row.key)
            if there is not None:
                row.record_id = loaded.record_id = there[0]
            missing: list[str] = []
            for name in row.write:
                if name not in alone[id(row)] and (
                    there is None or not is_same(forms[name], there[1][places[name]], row.given[name])
                ):
                    missing.append(name)
            loaded.status, loaded.reason = "done", ""
            if there is not None and not missing:
                continue
            why = told(row.key)
            status, reason = _outcome(why, open_reason)
            if there is None:
                loaded.status, loaded.reason = status, reason
            for name in missing:
                own = [error for error in why if error.field_id == columns[name].id]
                cell_reason = f"was refused: {_why(own[0])}" if own else reason
                if (status, cell_reason) != (loaded.status, loaded.reason):
                    loaded.told[name] = (status, cell_reason)

    async def _reader(self) -> StateReader:
        layout = self._layout
        kind = layout.entity_type or await entity_type_of(self._client.directory, None, layout.keys.values())
        fields = list(layout.keys.values()), list(layout.columns.values())
        return StateReader(self._client, kind, *fields, layout.activity, layout.table)

    async def _read(self, pairs: Sequence[Pair]) -> dict[Key, tuple[str, Sequence[Any]]]:
        reader = await self._reader()
        ids = [row.record_id for row, _ in pairs if row.record_id is not None]
        new = [row.key for row, _ in pairs if row.record_id is None]
        found: dict[Key, tuple[str, Sequence[Any]]] = {}
        if new and reader.has_type:
            made = [record_id for record_id in await reader.ids() if record_id not in self._known]
            self._known.update(made)
            if reader.is_whole(len(made), len(new)):
                ids += made
            else:
                found.update(await reader.of_keys(new))
        return {**found, **(await reader.of_ids(ids) if ids else {})}

    async def _write_alone(self, values: Sequence[tuple[PlannedRow, LoadedRow, str]]) -> None:
        """Write cells that no import can carry."""
        ready: list[tuple[LoadedRow, str, Write]] = []
        for row, loaded, name in values:
            if row.record_id is None:
                loaded.told[name] = ("skipped", "was not sent, because its record was not made")
                continue
            scope = (self._layout.columns[name].id, self._layout.activity, self._layout.table)
            loaded.told[name] = ("unknown", _UNDER_WAY)
            ready.append((loaded, name, (row.record_id, scope, row.given[name])))
        try:
            result = await self._write_values([write for _, _, write in ready])
        except BaseException as end:
            so_far = getattr(end, "outcome", None)
            if isinstance(so_far, BulkResult):
                _tell(ready, so_far)
                with suppress(AttributeError):
                    end.outcome = None  # type: ignore[attr-defined]  # that of the whole load takes its place
            raise
        _tell(ready, result)
        statuses = (one[1].told.get(one[2], ("done", ""))[0] for one in values)
        sent = [one for one, status in zip(values, statuses, strict=True) if status in ("done", "unknown")]
        await self._read_alone(sent)

    async def _read_alone(self, values: Sequence[tuple[PlannedRow, LoadedRow, str]]) -> None:
        """Tell of values that were sent by themselves whether they are there; of files the upload tells.

        Where the answer was lost, a value that is there as given and was not before has been written.
        """
        columns = self._layout.columns
        places = {name: place for place, name in enumerate(columns)}
        texts = [one for one in values if not isinstance(one[0].given[one[2]], FileToUpload)]
        if not texts:
            return
        try:
            found = await (await self._reader()).of_ids([row.record_id for row, _, _ in texts if row.record_id])
        except KalbioError as error:
            for _, loaded, name in texts:
                if loaded.told.get(name, ("done", ""))[0] == "done":
                    loaded.told[name] = ("unknown", f"was sent, and could not be read back: {error}")
            return
        for row, loaded, name in texts:
            there, form, given = found.get(row.key), form_of(columns[name]), row.given[name]
            is_there = there is not None and is_same(form, there[1][places[name]], given)
            if loaded.told.get(name, ("done", ""))[0] == "unknown":
                if is_there and not is_same(form, row.old.get(name), given):
                    _note_done(loaded, name)
            elif not is_there:
                why = "was sent, and is not there as given; plan again, which reads what is there"
                loaded.told[name] = ("unknown", why)


def check_made(field: EntityFieldData, kind: str) -> None:
    """Raise FieldTypeError where somebody has made the field of another type meanwhile: the cells are none for it."""
    if field.field_type != kind:
        raise FieldTypeError(field.field_name or field.id, field.id, str(field.field_type), kind)


def _tell(ready: Sequence[tuple[LoadedRow, str, Write]], result: BulkResult[Any]) -> None:
    for (loaded, name, _), outcome in zip(ready, result, strict=True):
        if outcome.status == "done":
            _note_done(loaded, name)
        else:
            why = _BEFORE_IT if outcome.error is None else f"was not written: {outcome.error}"
            loaded.told[name] = (outcome.status, why)


def _note_done(loaded: LoadedRow, name: str) -> None:
    if loaded.status == "done":
        del loaded.told[name]
    else:  # unlike what an import was to carry
        loaded.told[name] = ("done", "")


def _loaded(row: PlannedRow) -> LoadedRow:
    # Not a pair for each cell: of the many objects of a large load each costs again whenever memory is tidied.
    new = row.given if row.write == list(row.given) else {name: row.given[name] for name in row.write}
    if FileToUpload in set(map(type, new.values())):
        new = {name: row.shown(name) for name in row.write}
    shown = key_shown(row.key)
    return LoadedRow(row.row, shown, row.record_id is None, new, row.old, reason=_BEFORE_IT, record_id=row.record_id)


def _outcome(why: Sequence[ImportValidationError], open_reason: str) -> tuple[str, str]:
    """Return status and reason of what is not there after an import."""
    if why:
        first = why[0]
        return (
            "failed",
            f"was left out with its row: {safe_repr(first.field_name)} = {safe_repr(first.value)} ({_why(first)})",
        )
    if open_reason:
        return ("failed" if open_reason.startswith("was not") else "unknown"), open_reason
    return "unknown", "was sent, is not there, and the import does not say why; plan again, which reads what is there"


def _why(error: ImportValidationError) -> str:
    """Return why an import has left out a row; some servers say more than the description of the API knows."""
    details = error.raw.get("error_details")
    kind = error.conflict_type or "the import does not say why"
    return f"{kind}: {one_line(details[:LIMIT])}" if details and isinstance(details, str) else kind


def _errors_by_record(errors: Sequence[ImportValidationError]) -> Callable[[Key], list[ImportValidationError]]:
    by_record: dict[str, list[ImportValidationError]] = {}
    for error in errors:
        by_record.setdefault(error.incoming_record_identifier or "", []).append(error)

    def of(key: Key) -> list[ImportValidationError]:
        if len(key) == 1:
            return by_record.get(key[0], [])
        # How the platform joins the values of several key fields is not known.
        fitting = [text for text in by_record if _is_joined(text, key)]
        return by_record[fitting[0]] if len(fitting) == 1 else []

    return of


def _is_joined(text: str, key: Key) -> bool:
    """Whether a text is these values, in any order, with nothing but signs between them."""
    for part in sorted(key, key=len, reverse=True):
        if part not in text:
            return False
        text = text.replace(part, "\0", 1)
    return not any(map(str.isalnum, text))


def _attach(error: BaseException, report: LoadReport) -> None:
    """Attach what became of a load so far to the exception that ends it."""
    with suppress(AttributeError):  # an exception of somebody else's may not take it
        error.outcome = report  # type: ignore[attr-defined]
    error.add_note("The load was interrupted. The `outcome` of this exception says what became of each cell.")
