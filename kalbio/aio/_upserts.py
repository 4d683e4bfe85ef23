"""Loads of tables into records: planned, and then written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict, Unpack

import attrs

from kalbio._core.aio.waiting import check_times
from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import IdentifierNotFoundError, NotFoundError
from kalbio._core.objects.identifiers import as_id
from kalbio._core.objects.resource import NoClientError
from kalbio._core.text.display import safe_repr
from kalbio._core.text.progress import as_function
from kalbio._model import staleness
from kalbio._model.activities import ActivityData, ActivityIdentifier
from kalbio._model.bulk import BulkResult, RowProgress
from kalbio._model.enums import ACTIVITY_TYPE_TO_LABEL
from kalbio._model.fields import EntityFieldData
from kalbio._model.records import RecordValue
from kalbio._model.views import RecordViewData
from kalbio.aio._activity_tables import activity_of, find_table
from kalbio.aio._listing import Kind
from kalbio.aio._load_journal import LoadJournal, WithImports
from kalbio.aio._load_layout import Columns, Key, NewFields, column_fields, entity_type_of
from kalbio.aio._load_parents import parents_of
from kalbio.aio._load_state import State, StateReader
from kalbio.aio._load_values import WithFiles, leave_out_same, value_writer
from kalbio.aio._loads import Load, check_made
from kalbio.aio._policy import default_on_error, none, takes_older_names
from kalbio.aio._progress import with_progress
from kalbio.aio._record_writes import BulkWrites
from kalbio.aio._resumable_writes import WithWorkspace, Write, open_journal, write_all
from kalbio.aio._typed_values import TableIdentifier
from kalbio.aio.entity_fields import DATA_FIELDS
from kalbio.aio.entity_types import EntityTypeIdentifier
from kalbio.aio.programs import PROGRAMS, ProgramIdentifier
from kalbio.loading.errors import LoadRefusedError
from kalbio.loading.near_twins import other_spellings
from kalbio.loading.plan import Layout, PlannedLoad
from kalbio.loading.planning import (
    NEAR_TWIN_CURE,
    PlannedRow,
    Refusals,
    compare,
    hold_back_near_twins,
    leave_out_empty,
    misfit_notes,
    new_record_notes,
    rows_to_apply,
    rows_to_load,
    split_conflicts,
    thousands_notes,
)
from kalbio.loading.report import LoadReport
from kalbio.loading.resuming import settle
from kalbio.loading.showing import records_shown
from kalbio.reading.cells import Converters
from kalbio.reading.rows import read_cells

_ACTIVITIES: Kind[ActivityData] = Kind(staleness.ACTIVITY)

_NAMED = 5

_NO_ROWS = "the table has no rows"

OnError = Literal["stop", "continue"]
NearTwins = Literal["refuse", "create"]


class _LoadClient(WithWorkspace, WithImports, WithFiles, Protocol):
    """What loads need of a client."""


class OlderNames(TypedDict, total=False):
    """Older names of what says where a table goes."""

    entity_slice_id: EntityTypeIdentifier | None
    operation_id: ActivityIdentifier | None
    activity_id: ActivityIdentifier | None
    record_view_id: TableIdentifier | None
    program_id: ProgramIdentifier | None


class UpsertPlan(PlannedLoad):
    """What a load would write. `apply()` writes it."""

    __module__ = "kalbio.aio.records"

    _client: _LoadClient | None = None
    _service: Upserts | None = None
    _makes_twins = False

    @default_on_error(LoadReport)
    @with_progress("records")
    async def apply(
        self,
        *,
        on_error: OnError = "stop",
        journal: str | Path | None = None,
        progress: RowProgress | bool | None = None,
        timeout: float = 300.0,
    ) -> LoadReport:
        """Write what the plan says, and nothing else.

        What the records hold is read again first. A cell that somebody has changed since the plan, also one that the
        plan found unchanged, is a conflict and is left alone, unless it says by now what the table says. What the plan
        refuses is not written, and records that are not there any more are not made again. Nor is a record made beside
        a near-twin that came since the plan.

        Args:
            on_error: "stop" ends the load after the first import in which something failed; "continue" goes on.
            journal: path of a file that keeps what became of each record, as in `upsert`.
            progress: True shows a bar; a function is called with the number of records that have ended, and of all
                that are written.
            timeout: longest time to wait for an import, in seconds.

        Returns:
            What became of each cell.

        Raises:
            JournalError: as in `upsert`.
            FieldTypeError: somebody has made a field of another type than the one that was to be made.
            KalbioAPIError: what is there could not be read; nothing was sent.

        API operation: as `plan_upsert`, then `pushImportByFieldId` and `getImport` for some thousand rows, and
        `addRecordValue` for each value that no import can carry; `getOrCreateDataField` for new fields. Afterwards
        `searchRecords` and `listRecords` read back what was written. With a journal also `getActiveWorkspace` and
        `listImports`.

        Example:
            >>> plan = await client.records.plan_upsert([{"Compound": "CPD-1", "Purity (%)": 99.2}], key="Compound")
            >>> report = await plan.apply()
            >>> report.ok
            True
        """
        check_times(1.0, timeout)
        stop = _check_choice("on_error", on_error, ("stop", "continue")) == "stop"
        if self._service is None:
            raise NoClientError("This plan has no client, so it cannot ask the server.")
        return await self._service._load(self, journal, as_function(progress), timeout, stop=stop, again=True)


class Upserts(BulkWrites):
    """The calls of `client.records` that load tables."""

    _client: _LoadClient

    @takes_older_names
    @default_on_error(none)
    async def plan_upsert(
        self,
        data: Any,
        key: Key,
        *,
        entity_type: EntityTypeIdentifier | None = None,
        columns: Columns | None = None,
        activity: ActivityIdentifier | None = None,
        table: TableIdentifier | None = None,
        program: ProgramIdentifier | None = None,
        only_changed: bool = True,
        create_fields: NewFields = False,
        near_twins: NearTwins = "refuse",
        converters: Converters | None = None,
        sheet: str | None = None,
        separator: str | None = None,
        encoding: str | None = None,
        skip_rows: int = 0,
        **older: Unpack[OlderNames],
    ) -> UpsertPlan:
        """Tell what `upsert` would do with a table: what is new, what has changed, and what cannot be loaded.

        Nothing is written. `print(plan)` shows it; `plan.apply()` writes it.

        Args:
            data: a frame of pandas or polars, anything that gives an Arrow stream, a list of dicts, a dict of lists, or
                the path of a file, as in `kalbio.reading.read_rows`.
            key: the key field that identifies a record, or several: objects, ids, or names.
            entity_type: the type of the records: object, id, or name. It follows from the key fields; given, it is
                checked.
            columns: column to field (object, id, or name), where they are not called alike; None leaves a column out.
            activity: the activity to write in, which the records join: object, id, or title. None writes on the records
                themselves, and compares with their newest value wherever that was written.
            table: the table (record view) of the activity to write in, which the records come to stand on: object,
                id, or name. Its values are written one by one, which takes a request for each. An activity need not be
                given where only one has the table.
            program: the program that the records join: object, id, or title.
            only_changed: whether only cells are written that differ from what is there.
            create_fields: True makes fields for columns without one, of a type that takes all cells: of files for
                paths, of references for records; a dict says the types: `{"Lot": "text"}`.
            near_twins: "refuse" holds back rows that would make a record whose key differs from another one in case,
                blanks, hyphens or Unicode form only; "create" makes them.
            converters: column to what its cells are to become: a function, a name such as "decimal-comma", or a list of
                these, as in `kalbio.reading.read_rows`.
            sheet: the sheet of an Excel file.
            separator: the character between the cells of a text file.
            encoding: the encoding of a text file.
            skip_rows: how many lines of a text file, or rows of a sheet, stand above the names of the columns.
            **older: the older names of arguments: `entity_slice_id`, `operation_id`, `activity_id`, `record_view_id`,
                `program_id`.

        Returns:
            The plan.

        Raises:
            IdentifierNotFoundError: columns match no field, or there is no such key field, activity or program.
            AmbiguousIdentifierError: several entity types have these key fields.
            ValueError: the table as a whole cannot be read, an argument names what it does not have, or the activity is
                of a type that holds no records.
            KalbioAPIError: the server refused.

        API operation: `listDataFields`, `listKeyFields`, `listEntitySlices`, `searchRecords`, and `listRecords` for
        some 200 records; `identifyRecords` where the type has many more records than the table;
        `listWorkspaceMembers` for fields of people that hold others. For an activity `listActivities`, or `getActivity`
        of an id, where it is not known yet.

        Example:
            >>> rows = [{"Compound": "CPD-1", "Purity (%)": 99.2}]
            >>> plan = await client.records.plan_upsert(rows, key="Compound")
            >>> plan.values_new
            1
        """
        _check_choice("near_twins", near_twins, ("refuse", "create"))
        if isinstance(data, list | tuple) and not data:
            # A list without rows has no columns either; there is nothing to load.
            layout = Layout({}, {}, {}, None, None, None, only_changed)
            return self._made(UpsertPlan(layout, [], Refusals(), 0, notes=[_NO_ROWS]))
        rows = read_cells(
            data, sheet=sheet, separator=separator, encoding=encoding, skip_rows=skip_rows, converters=converters,
            nested=True,
        )  # fmt: skip
        fields = await column_fields(self._directory, rows, key, columns, create_fields)
        activity_id, view, place = await self._place(activity, table)
        kind = entity_type if entity_type is not None or view is None else view.entity_slice_id
        layout = Layout(
            fields.keys,
            fields.columns,
            fields.new_fields,
            await entity_type_of(self._directory, kind, fields.keys.values()),
            activity_id,
            None if program is None else await self._directory[PROGRAMS].require_id(program),
            only_changed,
            None if view is None else view.id,
            place,
        )
        refusals = Refusals()
        planned, merged = rows_to_load(rows, layout.keys, layout.columns, refusals, fields.fieldless)
        state = await self._state(layout, [row.key for row in planned])
        compare(planned, state.records, layout.columns, only_changed=only_changed)
        if only_changed:
            await leave_out_same(self._client, planned, state.records, layout.columns)
        _note_joining(planned, state)
        notes = [*([] if len(rows) else [_NO_ROWS]), *fields.notes, *thousands_notes(rows, layout.columns)]
        notes += misfit_notes(data, layout.columns)
        notes += [] if view is None else _unseen_notes(view, layout.columns)
        rows_of_table = planned
        planned, empty = leave_out_empty(planned)
        if empty:
            notes.append(f"not made, because all of their cells are refused: {records_shown(empty)}")
        known = set(state.records)
        new = [row.key for row in planned if row.record_id is None]
        if new and not state.whole:
            others = other_spellings(new)
            known.update((await self._reader(layout).of_keys(others)) if others else ())
            notes.append(
                f"the type has {len(state.known):,} records. Only common other spellings of the new keys were looked "
                "up; unusual ones may have been missed"
            )
        kept = hold_back_near_twins(planned, known, refusals)
        for parents in await parents_of(self._client, layout, planned):
            kept = parents.hold_back_near_twins(kept, refusals)
            missing = parents.note(planned if near_twins == "create" else kept)
            notes += [] if missing is None else [missing]
        if near_twins == "create":
            twins = [(safe_repr(cell.key), cell.reason.removesuffix(NEAR_TWIN_CURE)) for cell in refusals.near_twins]
            notes += [f"a new record is made for {key}, which {reason}" for key, reason in twins[:_NAMED]]
            if len(refusals.near_twins) > _NAMED:
                notes.append(f"and {len(refusals.near_twins) - _NAMED:,} more near-twins of other keys")
            refusals.near_twins = []
        else:
            planned = kept
        notes += new_record_notes(planned, known, list(layout.keys))
        plan = UpsertPlan(layout, planned, refusals, len(rows), merged, notes, state.known, rows_of_table)
        plan._makes_twins = near_twins == "create"
        return self._made(plan)

    async def _place(
        self, activity: ActivityIdentifier | None, table: TableIdentifier | None
    ) -> tuple[str | None, RecordViewData | None, str]:
        """Return the activity and the table to write in, and where that is, in words."""
        if table is None:
            if activity is None:
                return None, None, "on the records themselves, in no activity"
            activity_id, named = await self._activity(activity)
            return activity_id, None, f"in the activity {safe_repr(named)}"
        view = await find_table(self._directory, table, activity)
        found = await activity_of(self._directory, view, activity)
        if found is None:
            raise ArgumentError(
                f"The table {safe_repr(str(view))} belongs to no activity, so it has no values of its own"
            )
        return found.id, view, f"in the table {safe_repr(str(view))} of the activity {safe_repr(found.title)}"

    async def _activity(self, activity: ActivityIdentifier) -> tuple[str, str]:
        """Return the id and the title of an activity to write in. Raises where it is not there or holds no records."""
        listing = self._directory[_ACTIVITIES]
        activity_id = as_id(activity, "activity", ActivityData)
        found: ActivityData | None
        if isinstance(activity, ActivityData):
            found = activity
        elif activity_id is None:
            found = await listing.get(activity)
            if found is None:
                raise (await listing.catalog()).not_found(activity)
        else:
            known = listing.cached()
            found = None if known is None else known.by_id(activity_id)
            if found is None:
                try:
                    found = ActivityData(await listing.read_one(activity_id))
                except NotFoundError:
                    raise IdentifierNotFoundError("activity", activity_id) from None
        title = found.id if found.title is None else found.title
        kind = found.activity_type
        if kind in ACTIVITY_TYPE_TO_LABEL and kind not in ("experiment", "cycle"):
            raise ArgumentError(
                f"The activity {safe_repr(title)} is a {ACTIVITY_TYPE_TO_LABEL[kind].lower()}, which holds no records, "
                "so nothing can be written in it: name an experiment or a cycle, or leave activity out to write on the "
                "records themselves"
            )
        return found.id, str(title)

    def _made(self, plan: UpsertPlan) -> UpsertPlan:
        plan._client, plan._service = self._client, self
        return plan

    @takes_older_names
    @default_on_error(LoadReport)
    @with_progress("records")
    async def upsert(
        self,
        data: Any,
        key: Key,
        *,
        entity_type: EntityTypeIdentifier | None = None,
        columns: Columns | None = None,
        activity: ActivityIdentifier | None = None,
        table: TableIdentifier | None = None,
        program: ProgramIdentifier | None = None,
        only_changed: bool = True,
        create_fields: NewFields = False,
        near_twins: NearTwins = "refuse",
        converters: Converters | None = None,
        sheet: str | None = None,
        separator: str | None = None,
        encoding: str | None = None,
        skip_rows: int = 0,
        on_error: OnError = "stop",
        journal: str | Path | None = None,
        progress: RowProgress | bool | None = None,
        timeout: float = 300.0,
        **older: Unpack[OlderNames],
    ) -> LoadReport:
        """Load a table: make the records that are not there, and write the cells that differ from what is there.

        Sent again, the same table writes nothing. `plan_upsert` takes the same arguments and tells what would be done.

        Args:
            data: as in `plan_upsert`.
            key: as in `plan_upsert`.
            entity_type: as in `plan_upsert`.
            columns: as in `plan_upsert`.
            activity: as in `plan_upsert`.
            table: as in `plan_upsert`.
            program: as in `plan_upsert`.
            only_changed: as in `plan_upsert`.
            create_fields: as in `plan_upsert`.
            near_twins: as in `plan_upsert`.
            converters: as in `plan_upsert`.
            sheet: as in `plan_upsert`.
            separator: as in `plan_upsert`.
            encoding: as in `plan_upsert`.
            skip_rows: as in `plan_upsert`.
            on_error: "stop" sends nothing when a cell or a row cannot be loaded, and ends the load after the first
                import in which something failed; "continue" loads the rest.
            journal: path of a file that keeps what became of each record. To continue a load that was killed, run it
                again with the same table and the same file: what it had sent is waited for and read first, what is
                there is not written again, and what somebody else has written there since is left alone.
            progress: True shows a bar; a function is called with the number of records that have ended, and of all
                that are written.
            timeout: longest time to wait for an import, in seconds.
            **older: the older names of arguments: `entity_slice_id`, `operation_id`, `activity_id`, `record_view_id`,
                `program_id`.

        Returns:
            What became of each cell.

        Raises:
            LoadRefusedError: cells or rows cannot be loaded, each with row and column; nothing was sent.
            IdentifierNotFoundError: as in `plan_upsert`.
            AmbiguousIdentifierError: as in `plan_upsert`.
            ValueError: as in `plan_upsert`.
            JournalError: the journal belongs to another table, is in use, cannot be written, or is damaged; nothing was
                sent. If it has an `outcome`, the journal failed in the middle of the load.
            KalbioAPIError: the server refused.

        API operation: as `plan_upsert` and `plan.apply()`.

        Example:
            >>> rows = [{"Compound": "CPD-1", "Purity (%)": 99.2}, {"Compound": "CPD-2", "Purity (%)": 97.0}]
            >>> report = await client.records.upsert(rows, key="Compound")
            >>> report.ok
            True
        """
        check_times(1.0, timeout)
        stop = _check_choice("on_error", on_error, ("stop", "continue")) == "stop"
        plan = await self.plan_upsert(
            data, key, entity_type=entity_type, columns=columns, activity=activity, table=table, program=program,
            only_changed=only_changed, create_fields=create_fields, near_twins=near_twins, converters=converters,
            sheet=sheet, separator=separator, encoding=encoding, skip_rows=skip_rows,
        )  # fmt: skip
        if stop and plan.refused:
            raise LoadRefusedError(plan)
        return await self._load(plan, journal, as_function(progress), timeout, stop=stop, again=False)

    async def _state(self, layout: Layout, keys: Sequence[tuple[str, ...]]) -> State:
        if layout.entity_type is None:  # somebody may have made the first record meanwhile
            layout = attrs.evolve(layout, entity_type=await entity_type_of(self._directory, None, layout.keys.values()))
        return await self._reader(layout).read(keys, layout.program)

    def _reader(self, layout: Layout) -> StateReader:
        fields, columns = list(layout.keys.values()), list(layout.columns.values())
        return StateReader(self._client, layout.entity_type, fields, columns, layout.activity, layout.table)

    async def _load(
        self,
        plan: UpsertPlan,
        journal: str | Path | None,
        progress: RowProgress | None,
        timeout: float,
        *,
        stop: bool,
        again: bool,
    ) -> LoadReport:
        """Write what a plan says. What is there is read again when asked for, and where an earlier run was killed."""
        async with open_journal(self._client, journal, "a table to load") as journal_file:
            kept = None if journal_file is None else LoadJournal(self._client, journal_file)
            if kept is not None:
                await kept.begin(plan.all_rows, plan.layout, timeout)
            layout, known, left, unchanged = plan.layout, plan.known, plan.refused, plan.values_unchanged
            rows = [row for row in plan.rows if row.is_to_write]
            if again or (kept is not None and kept.entries):
                layout = await self._with_made_fields(layout)
                state = await self._state(layout, [row.key for row in (plan.rows if again else rows)])
                known = frozenset(state.known)
                if again:
                    # The plan itself stays as it is: it may be looked at afterwards, and applied again.
                    rows, changed = rows_to_apply(plan.rows, state.records, layout.columns)
                    unchanged -= changed
                joining = [row for row in rows if row.joins or row.record_id is None]
                begun = [row for row in rows if kept is not None and row.number in kept.entries]
                there = sum(len(row.write) for row in begun)
                if kept is not None:
                    # What is there as given may be of the earlier run, so it is not written again in any case.
                    compare(begun, state.records, layout.columns, only_changed=True)
                    await leave_out_same(self._client, begun, state.records, layout.columns)
                    there -= sum(len(row.write) for row in begun)
                    left = [*settle(begun, kept.entries, state.records, list(layout.columns), kept.still_open), *left]
                others = [row for row in rows if kept is None or row.number not in kept.entries]
                if layout.only_changed:
                    there += await leave_out_same(self._client, others, state.records, layout.columns)
                conflicts, more = split_conflicts(others, state.records, layout.columns)
                left, unchanged = [*conflicts, *left], unchanged + there + more
                _note_joining(joining, state)
                if not plan._makes_twins:
                    twins = Refusals()
                    made = [key for key, (record_id, _) in state.records.items() if record_id not in plan.known]
                    rows = hold_back_near_twins(rows, made, twins)
                    left = [*twins.near_twins, *left]

            async def write_values(writes: Sequence[Write]) -> BulkResult[RecordValue]:
                return await write_all(value_writer(self._client, stop), writes)

            load = Load(
                self._client,
                layout,
                rows,
                known=known,
                write_values=write_values,
                stop_on_error=stop,
                progress=progress,
                timeout=timeout,
                left=left,
                unchanged=unchanged,
                notes=plan.notes,
                journal=kept,
            )
            return await load.run()

    async def _with_made_fields(self, layout: Layout) -> Layout:
        """Return the layout with the fields that were to be made and are there by now, maybe with values."""
        names = list(layout.new_fields)
        found = await self._directory[DATA_FIELDS].get_many([layout.columns[name].field_name for name in names])
        made = {name: field for name, field in zip(names, found, strict=True) if field is not None}
        for name, field in made.items():
            check_made(field, layout.new_fields[name])
        return layout.with_fields(made)


def _unseen_notes(view: RecordViewData, columns: Mapping[str, EntityFieldData]) -> list[str]:
    """Return what is told of fields that get values in a table which has no column for them."""
    seen = {column.data_field_id for column in view.view_fields}
    unseen = [field.field_name or name for name, field in columns.items() if field.id not in seen]
    if not unseen:
        return []
    return [
        f"the table {safe_repr(str(view))} has no column for {', '.join(map(safe_repr, unseen))}: what is written there"
        " shows only where the field is asked for by name"
    ]


def _note_joining(rows: Sequence[PlannedRow], state: State) -> None:
    """Note which of the records that are there are not yet in the activity and the program of the load."""
    if state.members is not None:
        for row in rows:
            row.joins = row.record_id is not None and row.record_id not in state.members


def _check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        raise ArgumentError(f"{name} must be {' or '.join(map(safe_repr, choices))}; got {safe_repr(value)}")
    return value
