"""What a load would write: counted, printed, shown in notebooks, and as a table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs

from kalbio._core.text.display import safe_repr
from kalbio._model.fields import EntityFieldData
from kalbio.loading.cells import LoadCell, cells_table, key_shown
from kalbio.loading.planning import PlannedRow, Refusals
from kalbio.loading.showing import amount, counted, grouped, html_of, listed, summary_lines
from kalbio.tables import Table

if TYPE_CHECKING:
    import pandas
else:
    from types import SimpleNamespace

    # A name in annotations, for tools that read these where the library is not there.
    pandas = SimpleNamespace(DataFrame=Any)

_ATTENTION = 20
_CHANGES = 10
_FIELDS = 10
_KEYS = 5


@attrs.frozen
class Layout:
    """Where the rows of a load go.

    Attributes:
        keys: column to key field.
        columns: column to data field; one that is to be made has no id yet.
        new_fields: column to the type of the field that is to be made for it.
        entity_type: the id of the entity type, None for one that the first record brings along.
        activity: the id of the activity to write in, None for the records themselves.
        program: the id of the program that the records join.
        only_changed: whether only what differs is written.
        table: the id of the table of the activity to write in, None for the activity itself.
        place: where values are written, in words.
    """

    keys: Mapping[str, EntityFieldData]
    columns: Mapping[str, EntityFieldData]
    new_fields: Mapping[str, str]
    entity_type: str | None
    activity: str | None
    program: str | None
    only_changed: bool
    table: str | None = None
    place: str = ""

    def with_fields(self, made: Mapping[str, EntityFieldData]) -> Layout:
        """Return the same where these fields are there by now, by column."""
        left = {name: kind for name, kind in self.new_fields.items() if name not in made}
        return attrs.evolve(self, columns={**self.columns, **made}, new_fields=left)


class PlannedLoad:
    """What a load would write, cell by cell, and what it refuses.

    It prints as a summary, with what needs attention first. Iterate over it for the cells that are new, changed or
    refused; `table()` has the same as a table.

    Attributes:
        layout: where the rows go.
        rows: the records, each with what is to be written.
        known: the ids of all records of the type that were there.
        all_rows: the records of the table, with those that are held back.
        refusals: what is not loaded, by kind: `cells`, `without_key`, `duplicates`, `near_twins`.
        notes: what else you should know before you apply it.
    """

    def __init__(
        self,
        layout: Layout,
        rows: Sequence[PlannedRow],
        refusals: Refusals,
        total: int,
        merged: int = 0,
        notes: Sequence[str] = (),
        known: Collection[str] = (),
        all_rows: Sequence[PlannedRow] | None = None,
    ) -> None:
        """Make a plan; users get it from `client.records.plan_upsert`."""
        self.layout = layout
        self.rows = list(rows)
        self.refusals = refusals
        self._total = total
        self._merged = merged
        self.notes = tuple(notes)
        self.known = frozenset(known)
        self.all_rows = self.rows if all_rows is None else list(all_rows)

    @property
    def records_new(self) -> int:
        """Records that would be made."""
        return sum(row.record_id is None for row in self.rows)

    @property
    def records_changed(self) -> int:
        """Records that are there, of which cells would be written, or which would join the activity or the program."""
        return sum(row.record_id is not None and row.is_to_write for row in self.rows)

    @property
    def records_unchanged(self) -> int:
        """Records of which nothing would be written."""
        return sum(not row.is_to_write for row in self.rows)

    @property
    def values_new(self) -> int:
        """Cells that would be written where there is no value."""
        return sum(len(row.write) - len(row.old) for row in self.rows)

    @property
    def values_changed(self) -> int:
        """Cells that would be written over another value."""
        return sum(len(row.old) for row in self.rows)

    @property
    def values_unchanged(self) -> int:
        """Cells that say what is there already."""
        return sum(len(row.given) - len(row.write) for row in self.rows)

    @property
    def new_fields(self) -> dict[str, str]:
        """The fields that would be made: name to type."""
        return {self.layout.columns[name].field_name or name: kind for name, kind in self.layout.new_fields.items()}

    @property
    def refused(self) -> list[LoadCell]:
        """The cells and rows that are not loaded, with the reasons, in the order of the rows."""
        return self.refusals.all

    @property
    def writes_nothing(self) -> bool:
        """Whether everything is there already."""
        return not any(row.is_to_write for row in self.rows)

    @property
    def refused_text(self) -> str:
        """How much is refused, in words."""
        return amount(self.refused)

    def __iter__(self) -> Iterator[LoadCell]:
        """Yield the cells that are refused, and then those that would be written."""
        yield from self.refused
        yield from self._changed()
        yield from self._new()

    def _changed(self) -> Iterator[LoadCell]:
        for row in self.rows:
            for name, old in row.old.items():
                yield self._cell(row, name, "changed", old)

    def _new(self) -> Iterator[LoadCell]:
        for row in self.rows:
            if not row.write and row.is_to_write:
                status = "new" if row.record_id is None else "joins"
                key = key_shown(row.key)
                yield LoadCell(row.row, key, None, status, reason="has no cell to write", record_id=row.record_id)
            for name in row.write:
                if name not in row.old:
                    yield self._cell(row, name, "new", None)

    @staticmethod
    def _cell(row: PlannedRow, name: str, status: str, old: Any) -> LoadCell:
        return LoadCell(row.row, key_shown(row.key), name, status, old, row.shown(name), "", row.record_id)

    def table(self) -> Table:
        """Return the cells that are refused or would be written as a table."""
        return cells_table(self)

    def to_pandas(self) -> pandas.DataFrame:
        """Return the same as a pandas DataFrame. Needs pandas."""
        return self.table().to_pandas()

    def _summary(self) -> list[tuple[str, str]]:
        lines = [
            (
                "records",
                f"{self.records_new:,} new, {self.records_changed:,} changed, {self.records_unchanged:,} unchanged",
            ),
            *([("new keys", self._new_keys())] if self.records_new else ()),
            (
                "values",
                f"{self.values_new:,} new, {self.values_changed:,} changed, {self.values_unchanged:,} unchanged",
            ),
            ("refused", self.refused_text),
        ]
        if self.layout.place:  # None as activity may be a title that was not found
            lines.append(("written", self.layout.place))
        joining = sum(row.joins for row in self.rows)
        if joining:
            which = counted(joining, "record that is", "records that are")
            lines.append(("joining", f"{which} not yet in the activity or the program"))
        if self._merged:
            lines.append(("merged", f"{counted(self._merged, 'row')} into another one of the same key"))
        if self.new_fields:
            shown = [f"{safe_repr(name)} ({kind})" for name, kind in islice(self.new_fields.items(), _FIELDS)]
            more = f" and {len(self.new_fields) - _FIELDS} more" if len(self.new_fields) > _FIELDS else ""
            lines.append(("fields", f"{len(self.new_fields)} to make: {', '.join(shown)}{more}"))
        lines += [("note", text) for text in self.notes]
        return lines

    def _new_keys(self) -> str:
        """The keys of the first records that would be made: a record cannot be deleted."""
        new = (safe_repr(key_shown(row.key)) for row in self.rows if row.record_id is None)
        more = f" and {self.records_new - _KEYS:,} more" if self.records_new > _KEYS else ""
        return f"{', '.join(islice(new, _KEYS))}{more}"

    def _headline(self) -> str:
        keys = " + ".join(self.layout.keys)
        return f"Plan for {counted(self._total, 'row')}{f' by {keys}' if keys else ''}; nothing is written yet"

    def __str__(self) -> str:
        refused = grouped(self.refused)
        lines = [self._headline(), *summary_lines(self._summary())]
        lines += listed("Not loaded:", refused, _ATTENTION, len(refused))
        lines += listed("Changed:", self._changed(), _CHANGES, self.values_changed)
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.records_new} new, {self.records_changed} changed, {self.records_unchanged} "
            f"unchanged records; refused: {self.refused_text}>"
        )

    def _repr_html_(self) -> str:
        hint = "All cells: .table(); to write them: .apply()"
        return html_of(self._headline(), self._summary(), [*grouped(self.refused), *self._changed()], hint)

    def __dir__(self) -> list[str]:
        """Name what is for users; how the plan is kept is not."""
        return sorted(set(super().__dir__()) - {"all_rows", "known", "layout", "refusals", "rows"})
