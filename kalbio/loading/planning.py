"""Makes a plan of rows: what each cell says, which rows are of one record, and what differs from what is there."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from kalbio._core.errors import IdentifierError
from kalbio._core.text.display import safe_repr
from kalbio._model.cell_refusals import THOUSANDS_CURE, UnitError, may_be_thousands
from kalbio._model.content_writing import FileToUpload, same_json
from kalbio._model.field_types import NUMBERS, TEXT, Form, form_of, write_in_column
from kalbio._model.fields import EntityFieldData
from kalbio._model.keys import key_text
from kalbio._model.plain_cells import MISSING, CellError
from kalbio.loading.cells import LoadCell, key_shown
from kalbio.loading.near_twins import Key, difference, folded, near_twins, oddities, zero_twins
from kalbio.loading.showing import counted, records_shown
from kalbio.reading.rows import Rows
from kalbio.tables import Table

Current: TypeAlias = Mapping[Key, tuple[str, Sequence[Any]]]
"""What is there: key to the id of the record, and its contents in the order of the columns."""

NEAR_TWIN_CURE = '; spell them alike, or give near_twins="create"'
"""What stands behind the reason for which a near-twin is held back."""
_TWINS = 3
_ZEROS = "leading zeros"
_ZEROS_LOST = "; a library that reads keys as numbers drops them: read the column as text (pandas: dtype=str)"
_NAMED = 5
_NO_NAME = re.compile(
    r"#?n/?a|n\.[ad]\.|<na>|nan|nat|none|null|nil|undefined|unknown|missing|\(?blank\)?|empty|tbd|nd|\?+|-+|#[a-z0-9/]+[!?]"
    r"|((grand|sub)?total)s?|sum|mean|average|avg|median|sd|std|stdev|min|max|count"
)
"""What stands for a missing value, and what a line below a table begins with; no blanks, no capitals."""


@attrs.define(eq=False)
class PlannedRow:
    """What is to become of a record.

    Attributes:
        number: its place among the records of the table.
        row: the number of its row.
        key: its key.
        given: column to content: all that the row says.
        record_id: the record, None for a new one.
        write: the columns that are to be written.
        old: of these, what those that have a value hold now.
        joins: whether the record is to join the activity or the program of the load.
        held: whether it must not be written now, whatever there is to write.
        is_cut: whether cells of it are refused.
        same: columns whose fields hold what means the same but is written otherwise, with that: files, and people.
    """

    number: int
    row: int
    key: Key
    given: dict[str, Any]
    record_id: str | None = None
    write: list[str] = attrs.field(factory=list)
    old: dict[str, Any] = attrs.field(factory=dict)
    joins: bool = False
    held: bool = False
    is_cut: bool = False
    same: Mapping[str, Any] = {}

    @property
    def is_to_write(self) -> bool:
        """Whether there is anything to write."""
        return not self.held and (bool(self.write) or self.record_id is None or self.joins)

    def copy(self) -> PlannedRow:
        """Return the same row, whose `write` can be narrowed."""
        return PlannedRow(
            self.number,
            self.row,
            self.key,
            self.given,
            self.record_id,
            list(self.write),
            dict(self.old),
            self.joins,
            self.held,
            self.is_cut,
            self.same,
        )

    def shown(self, name: str) -> Any:
        """Return what a column says, for a person: of a file that is to be uploaded, its path."""
        content = self.given[name]
        return str(content.path) if isinstance(content, FileToUpload) else content

    def refused(self, reason: str) -> LoadCell:
        """Return what is told where the row is not loaded."""
        return LoadCell(self.row, key_shown(self.key), None, "refused", reason=reason, record_id=self.record_id)


@attrs.define
class Refusals:
    """What of a table is not loaded, and why."""

    cells: list[LoadCell] = attrs.field(factory=list)
    without_key: list[LoadCell] = attrs.field(factory=list)
    duplicates: list[LoadCell] = attrs.field(factory=list)
    near_twins: list[LoadCell] = attrs.field(factory=list)

    @property
    def all(self) -> list[LoadCell]:
        """All of them, in the order of their rows."""
        found = [*self.cells, *self.without_key, *self.duplicates, *self.near_twins]
        return sorted(found, key=lambda cell: cell.row)


def rows_to_load(
    rows: Rows,
    keys: Mapping[str, EntityFieldData],
    columns: Mapping[str, EntityFieldData],
    refusals: Refusals,
    fieldless: Sequence[str] = (),
) -> tuple[list[PlannedRow], int]:
    """Return what the rows say, one for each key, and how many rows say again what another one says.

    `keys` and `columns` are column to field. The columns of `fieldless` have no cell that could be written: what is
    refused in them is told.
    """
    refused_in: dict[int, list[Any]] = {}
    for cell in rows.refused:
        refused_in.setdefault(cell.row, []).append(cell)
    writers = [
        (name, write_in_column(form_of(field), (row[name] for row in rows.rows if name in row)))
        for name, field in columns.items()
    ]
    writers += [(name, TEXT.write) for name in fieldless]
    made: dict[Key, PlannedRow] = {}
    merged: dict[Key, list[PlannedRow]] = {}
    clashing: dict[Key, list[PlannedRow]] = {}
    for number, row in zip(rows.numbers, rows.rows, strict=True):
        odd = refused_in.get(number, ())
        key = _key(number, row, keys, odd, refusals)
        refused_before = len(refusals.cells)
        for cell in odd:
            if cell.column in columns or cell.column in fieldless:
                refusals.cells.append(_refused(number, key, cell.column, cell.value, cell.reason))
        given: dict[str, Any] = {}
        for name, write in writers:
            if name not in row:
                continue
            try:
                content = write(row[name])
                if isinstance(content, FileToUpload):
                    content.check()
            except CellError as error:
                refusals.cells.append(_refused(number, key, name, row[name], _reason(error, columns.get(name))))
                continue
            if content is not MISSING and name in columns:
                given[name] = content
        if key is None:
            continue
        one = PlannedRow(0, number, key, given, is_cut=len(refusals.cells) > refused_before)
        if key in clashing:
            clashing[key].append(one)
            continue
        first = made.setdefault(key, one)
        if first is one:
            continue
        if _contradicts(first, one, columns):
            clashing[key] = [first, *merged.pop(key, ()), one]
        else:
            merged.setdefault(key, []).append(one)
            first.is_cut = first.is_cut or one.is_cut
            first.given.update({name: content for name, content in given.items() if name not in first.given})
    for key, rows_of_key in clashing.items():
        del made[key]
        for one in rows_of_key:
            refusals.duplicates.append(one.refused(_clash(one, rows_of_key, columns)))
    rows_made = list(made.values())
    for number, one in enumerate(rows_made):
        one.number = number
    return rows_made, sum(map(len, merged.values()))


def _reason(error: CellError, field: EntityFieldData | None) -> str:
    if field is not None and isinstance(error, UnitError):
        return error.in_field(field.field_name or "")
    return str(error)


def _refused(number: int, key: Key | None, column: str, value: Any, reason: str) -> LoadCell:
    return LoadCell(number, key_shown(key or ()), column, "refused", None, value, reason)


def _key(
    number: int,
    row: Mapping[str, Any],
    keys: Mapping[str, EntityFieldData],
    odd: Sequence[Any],
    refusals: Refusals,
) -> Key | None:
    found: list[str] = []
    for name, field in keys.items():
        value = row.get(name)
        wrong = next((cell for cell in odd if cell.column == name), None)
        try:
            found.append(key_text(value, field.field_name or name))
            continue
        except IdentifierError as error:
            reason = f"has no value for the key {safe_repr(name)}" if value is None else f"has no key: {error}"
        if wrong is not None:
            reason = f"has no key: {safe_repr(name)} is {safe_repr(wrong.value)}, which {wrong.reason}"
        refusals.without_key.append(LoadCell(number, "", None, "refused", reason=reason))
        return None
    return tuple(found)


def _contradicts(one: PlannedRow, other: PlannedRow, columns: Mapping[str, EntityFieldData]) -> list[str]:
    return [
        name
        for name, content in other.given.items()
        if name in one.given and not is_same(form_of(columns[name]), one.given[name], content)
    ]


def _clash(one: PlannedRow, rows: Sequence[PlannedRow], columns: Mapping[str, EntityFieldData]) -> str:
    others = ", ".join(str(other.row) for other in rows if other is not one)
    names = dict.fromkeys(name for other in rows if other is not one for name in _contradicts(one, other, columns))
    about = f" in {', '.join(map(safe_repr, names))}" if names else ""
    return f"has the key of row {others}, with other cells{about}; keep one of them, or give their mean"


def is_same(form: Form, old: Any, new: Any) -> bool:
    """Whether a field of this form that holds one content need not be written to hold the other."""
    if (type(old) is str or isinstance(old, FileToUpload)) and old == new:
        return True
    return old is not None and form.same(old, new)


def _is_as_seen(form: Form, now: Any, seen: Any) -> bool:
    """Whether a field holds what it held, also where that does not fit its type."""
    if now is None or seen is None:
        return now is seen
    return is_same(form, now, seen) or same_json(now, seen)


def compare(
    rows: Sequence[PlannedRow], current: Current, columns: Mapping[str, EntityFieldData], *, only_changed: bool
) -> None:
    """Note in each row which record it is, and which of its cells are to be written."""
    fields = [(name, form_of(field), position) for position, (name, field) in enumerate(columns.items())]
    for row in rows:
        found = current.get(row.key)
        if found is None:
            row.record_id, row.write, row.old = None, list(row.given), {}
            continue
        row.record_id, contents = found
        row.write, row.old = [], {}
        for name, form, position in fields:
            if name not in row.given:
                continue
            old = contents[position]
            if old is None:
                row.write.append(name)
            elif not only_changed or not is_same(form, old, row.given[name]):
                row.write.append(name)
                row.old[name] = old


def leave_out_empty(rows: Sequence[PlannedRow]) -> tuple[list[PlannedRow], list[int]]:
    """Return the rows but those of new records of which every cell is refused, and the numbers of these."""
    empty = [row for row in rows if row.record_id is None and row.is_cut and not row.given]
    left = set(map(id, empty))
    return [row for row in rows if id(row) not in left], [row.row for row in empty]


def hold_back_near_twins(rows: Sequence[PlannedRow], known: Collection[Key], refusals: Refusals) -> list[PlannedRow]:
    """Return the rows but those that would make a record whose key a person would take for another one."""
    new = {row.key: row.row for row in rows if row.record_id is None}
    twins = near_twins(new, known)
    kept: list[PlannedRow] = []
    told: set[Key] = set()
    for row in rows:
        others = twins.get(row.key) if row.record_id is None else None
        if others is None:
            kept.append(row)
            continue
        beside = " and ".join(
            f"from {'the record' if other in known else f'row {new[other]}'} {safe_repr(key_shown(other))} "
            f"in {difference(row.key, other)} only"
            for other in others[:_TWINS]
        )
        lost = _ZEROS_LOST if f" {_ZEROS} " in beside else ""
        odd = "".join(map(_odd, [row.key, *others[:_TWINS]]))
        # Of rows that are twins of each other, the first one has the cure for all.
        cure = "" if told.issuperset(others) else NEAR_TWIN_CURE
        told.add(row.key)
        refusals.near_twins.append(row.refused(f"differs {beside}{lost}{odd}{cure}"))
    return kept


def _odd(key: Key) -> str:
    odd = oddities(key)
    return f"; {safe_repr(key_shown(key))} is the odd one, it has {' and '.join(odd)}" if odd else ""


def thousands_notes(rows: Rows, columns: Mapping[str, EntityFieldData]) -> list[str]:
    """Return what is told of columns of numbers that look like thousands alone, in a file that semicolons separate.

    Such files come from where commas stand before the decimals, and points between thousands.
    """
    if rows.separator != ";":
        return []
    notes: list[str] = []
    for name, field in columns.items():
        cells = [row[name] for row in rows.rows if name in row]
        if form_of(field).write in NUMBERS and cells and all(map(may_be_thousands, cells)):
            notes.append(
                f"{safe_repr(name)}: all cells have three digits behind a point, as {safe_repr(cells[0])}, and count as"
                f" fractions; if they are thousands, {THOUSANDS_CURE}"
            )
    return notes


def misfit_notes(data: Any, columns: Collection[str]) -> list[str]:
    """Return what is told of contents that a table of records does not show, so that no load of it has them."""
    if not isinstance(data, Table):
        return []
    empty = {column.name for column in data.fields if not column.shows_misfits}
    lost = [misfit for misfit in data.misfits if misfit.column in columns and misfit.column in empty]
    if not lost:
        return []
    count = counted(
        len(lost), "content of the table does not fit its field", "contents of the table do not fit their fields"
    )
    first = lost[0]
    return [
        f"not loaded: {count}; the first is {safe_repr(first.content)} in {safe_repr(first.column)} of the record "
        f"{first.record_id}; table.misfits has all of them"
    ]


def odd_key_notes(rows: Sequence[PlannedRow], names: Sequence[str]) -> list[str]:
    """Return what is told of new records whose keys have what nobody sees, or takes for something else."""
    found: dict[str, list[PlannedRow]] = {}
    for row in rows:
        if row.record_id is None:
            for kind in oddities(row.key):
                found.setdefault(kind, []).append(row)
    column = safe_repr(names[0]) if len(names) == 1 else "column"
    cures = {"blanks at the ends": f"or give converters={{{column}: str.strip}}"}
    return [
        f"keys of {records_shown([row.row for row in odd])} have {kind}, which stay: the first is "
        f"{key_shown(odd[0].key)!a}; if they are not meant, mend the table, "
        f"{cures.get(kind, 'or give a converter that replaces them')}"
        for kind, odd in found.items()
    ]


def new_record_notes(rows: Sequence[PlannedRow], known: Collection[Key], names: Sequence[str]) -> list[str]:
    """Return what is told of records that would be made and maybe should not be: records cannot be deleted.

    `known` are the keys that are there, as far as they were looked for; `names` the columns of the key.
    """
    new = [row for row in rows if row.record_id is None]
    notes = odd_key_notes(rows, names)
    if zeros := _zero_notes(new, known):
        notes.append(
            f"new keys that differ from others in {_ZEROS} only: {zeros}; spell them alike if they are the same"
        )
    odd = [row for row in new if any(map(_NO_NAME.fullmatch, folded(row.key)))]
    if odd:
        notes.append(
            f"new keys that are words for a missing value, or for a line of totals: {_named(odd)}; leave such rows out "
            "of the table if they are no records"
        )
    alone = [row for row in new if not row.given and not row.is_cut]
    if alone and any(row.given for row in rows):
        notes.append(
            f"new records of rows that have nothing but a key, where others have cells: {_named(alone)}; leave "
            "such rows out of the table if they are no records, such as a footnote"
        )
    return notes


def _zero_notes(new: Sequence[PlannedRow], known: Collection[Key]) -> str:
    places = {row.key: row.row for row in new}
    twins = zero_twins(places, known)
    told: set[Key] = set()
    parts: list[str] = []
    for key, others in twins.items():
        if told.issuperset(others):  # of rows that are twins of each other, the first one says it
            continue
        told.add(key)
        other = others[0]
        what = f"row {places[other]}" if other in places else "the record"
        parts.append(f"{safe_repr(key_shown(key))} (row {places[key]}) from {what} {safe_repr(key_shown(other))}")
    return _some(parts)


def _named(rows: Sequence[PlannedRow]) -> str:
    return _some([f"{safe_repr(key_shown(row.key))} (row {row.row})" for row in rows[:_NAMED]], len(rows))


def _some(parts: Sequence[str], count: int | None = None) -> str:
    more = (len(parts) if count is None else count) - _NAMED
    return ", ".join(parts[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def rows_to_apply(
    rows: Sequence[PlannedRow], current: Current, columns: Mapping[str, EntityFieldData]
) -> tuple[list[PlannedRow], int]:
    """Return copies of the rows that have something to write, or cells that are not as they were any more.

    A cell that the plan found unchanged, and that somebody has changed since, is to be written again, over what the
    plan saw: `split_conflicts` then tells it. Returns how many these are as well.
    """
    fields = [(name, form_of(field), position) for position, (name, field) in enumerate(columns.items())]
    found: list[PlannedRow] = []
    count = 0
    for row in rows:
        there = current.get(row.key) if row.record_id is not None else None
        is_gone = row.record_id is not None and (there is None or there[0] != row.record_id)
        changed: dict[str, Any] = {}
        for name, form, position in fields:
            if row.record_id is None or name not in row.given or name in row.write:
                continue
            # Nothing is kept of what the plan saw: it was what the table says.
            seen = row.same.get(name, row.given[name])
            now = None if is_gone or there is None else there[1][position]
            if now is None or not is_same(form, now, seen):
                changed[name] = seen
        if row.is_to_write or changed or is_gone:
            copy = row.copy()
            copy.write += changed
            copy.old.update(changed)
            found.append(copy)
            count += len(changed)
    return found, count


def split_conflicts(
    rows: Sequence[PlannedRow], current: Current, columns: Mapping[str, EntityFieldData]
) -> tuple[list[LoadCell], int]:
    """Take out of the rows what is not as the plan saw it; return these cells, and how many are as given by now."""
    conflicts: list[LoadCell] = []
    there = 0
    positions = {name: position for position, name in enumerate(columns)}
    for row in rows:
        found = current.get(row.key)
        if row.record_id is not None and (found is None or found[0] != row.record_id):
            gone = "is for a record that is not there any more; plan again"
            conflicts += [_conflict(row, name, None, gone) for name in row.write]
            if not row.write:  # it was to join the activity or the program
                conflicts.append(LoadCell(row.row, key_shown(row.key), None, "conflict", reason=gone))
            row.write, row.held = [], True
            continue
        if found is None:
            continue
        row.record_id, contents = found
        kept: list[str] = []
        for name in row.write:
            now, seen, form = contents[positions[name]], row.old.get(name), form_of(columns[name])
            if _is_as_seen(form, now, seen):
                kept.append(name)
                if now is not None:
                    row.old[name] = now
            elif is_same(form, now, row.given[name]):
                there += 1
            else:
                before = "no value" if seen is None else safe_repr(seen)
                reason = f"was not written: the field holds {safe_repr(now)} by now, the plan saw {before}; plan again"
                conflicts.append(_conflict(row, name, now, reason))
        row.write = kept
    return conflicts, there


def _conflict(row: PlannedRow, name: str, now: Any, reason: str) -> LoadCell:
    return LoadCell(row.row, key_shown(row.key), name, "conflict", now, row.shown(name), reason, row.record_id)
