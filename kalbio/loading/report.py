"""What became of a load, cell by cell."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.bulk.saving import suffix_to_save
from kalbio._core.errors import OutcomeError
from kalbio._core.json import strict_json
from kalbio._core.text.display import safe_repr
from kalbio.loading.cells import LoadCell, cells_table
from kalbio.loading.showing import Group, amount, grouped, html_of, listed, summary_lines
from kalbio.tables import Table

if TYPE_CHECKING:
    import pandas
else:
    from types import SimpleNamespace

    # A name in annotations, for tools that read these where the library is not there.
    pandas = SimpleNamespace(DataFrame=Any)

_FORMAT = "kalbio load report 1"
_IN_ORDER = ("failed", "unknown", "conflict", "skipped", "refused", "done")
_SHOWN = 20
_NOT_SENT = "nothing was sent; the error says why, or the log"


@attrs.define(eq=False)
class LoadedRow:
    """What became of the cells of a record.

    Attributes:
        row: the number of its row.
        key: its key, as a person reads it.
        is_new: whether the record was not there before.
        new: column to what was to be written.
        old: of these, what the fields that had a value held.
        status: of the cells that are not in `told`, and of the record where it is new.
        reason: why.
        told: column to status and reason, where they differ.
        record_id: the record, where it is known.
    """

    row: int
    key: str
    is_new: bool
    new: Mapping[str, Any]
    old: Mapping[str, Any] = attrs.field(factory=dict)
    status: str = "skipped"
    reason: str = ""
    told: dict[str, tuple[str, str]] = attrs.field(factory=dict)
    record_id: str | None = None

    def __iter__(self) -> Iterator[LoadCell]:
        if not self.new:
            yield LoadCell(self.row, self.key, None, self.status, None, None, self.reason, self.record_id)
        for name, new in self.new.items():
            status, reason = self.told.get(name, (self.status, self.reason))
            yield LoadCell(self.row, self.key, name, status, self.old.get(name), new, reason, self.record_id)

    @property
    def is_done_somewhere(self) -> bool:
        """Whether anything of the record was written."""
        rest = not self.new or len(self.told) < len(self.new)
        return (rest and self.status == "done") or any(status == "done" for status, _ in self.told.values())

    def count(self, counts: Counter[str]) -> None:
        """Add the cells to the counts of each status."""
        counts[self.status] += max(1, len(self.new)) - len(self.told)
        for status, _ in self.told.values():
            counts[status] += 1


class LoadReport:
    """What became of a load. It prints as a summary, with what needs attention first.

    Iterate over it for every cell that was to be written or was refused; a record that is new and has no cell counts as
    one. The status of a cell is "done": it was read back as given; "failed": it was refused, and is not there;
    "unknown": it was sent, and is not there or cannot be read; "conflict": somebody else has written there since the
    plan, so it was left alone; "skipped": it was not sent, because something before it failed or the load was stopped;
    "refused": it cannot be written as it stands.

    Attributes:
        values_unchanged: how many cells said what is there already.
        notes: what the plan has noted, e.g. columns that are not loaded.
        place: where values were written, in words.
    """

    def __init__(
        self,
        rows: Sequence[LoadedRow] | None = None,
        left: Iterable[LoadCell] = (),
        values_unchanged: int = 0,
        import_ids: Iterable[str] = (),
        notes: Iterable[str] = (),
        place: str = "",
    ) -> None:
        """Make a report; users get it from a load."""
        self._sent = rows is not None
        self._rows = list(rows or ())
        self._left = list(left)
        self.values_unchanged = values_unchanged
        self._imports = list(import_ids)
        self.notes = tuple(notes)
        self.place = place

    def __iter__(self) -> Iterator[LoadCell]:
        """Yield the cells that were to be written or were refused."""
        yield from chain.from_iterable(self._rows)
        yield from self._left

    def __len__(self) -> int:
        """Return how many cells there are."""
        return sum(max(1, len(row.new)) for row in self._rows) + len(self._left)

    def __bool__(self) -> bool:
        """False only where the load did not begin, also where nothing had to be written."""
        return self._sent

    def _of(self, status: str) -> list[LoadCell]:
        return [cell for cell in self if cell.status == status]

    @property
    def done(self) -> list[LoadCell]:
        """The cells that were written, and read back as given."""
        return self._of("done")

    @property
    def failed(self) -> list[LoadCell]:
        """The cells that certainly were not written, because they or their rows were refused or never arrived."""
        return self._of("failed")

    @property
    def unknown(self) -> list[LoadCell]:
        """The cells that may or may not have been written. Plan again, which reads what is there."""
        return self._of("unknown")

    @property
    def skipped(self) -> list[LoadCell]:
        """The cells that were not sent, because something before them failed or the load was stopped."""
        return self._of("skipped")

    @property
    def conflicts(self) -> list[LoadCell]:
        """The cells that somebody else has written since the plan; they were left alone."""
        return self._of("conflict")

    @property
    def refused(self) -> list[LoadCell]:
        """The cells and rows that could not be loaded as they stand."""
        return self._of("refused")

    @property
    def failed_rows(self) -> list[int]:
        """The numbers of the rows of which not everything is there: mend these, and load them again."""
        return sorted({cell.row for cell in self if cell.status != "done"})

    @property
    def records_made(self) -> int:
        """How many records are new."""
        return sum(row.is_new and row.record_id is not None for row in self._rows)

    @property
    def import_ids(self) -> list[str]:
        """The ids of the imports that carried the load."""
        return list(self._imports)

    @property
    def counts(self) -> dict[str, int]:
        """How many cells have each status; those that have none are left out."""
        found: Counter[str] = Counter()
        for row in self._rows:
            row.count(found)
        found.update(cell.status for cell in self._left)
        return {status: found[status] for status in _IN_ORDER if found[status]}

    @property
    def ok(self) -> bool:
        """Whether everything that was given is there: nothing failed, is unknown or was left out."""
        return self._sent and not self.counts.keys() - {"done"}

    def raise_for_failures(self) -> None:
        """Raise OutcomeError, whose `outcome` is this report, unless everything that was given is there."""
        if not self._sent:
            raise OutcomeError(_NOT_SENT, self)
        if not self.ok:
            first = next(self._attention())
            raise OutcomeError(f"{self._headline()}; the first one: {first} ({first.status})", self)

    def table(self) -> Table:
        """Return the cells as a table."""
        return cells_table(self)

    def to_pandas(self) -> pandas.DataFrame:
        """Return the cells as a pandas DataFrame. Needs pandas."""
        return self.table().to_pandas()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the report to a file. It has the contents of the cells, and no credentials.

        The ending of its name says the kind: `.json`, which `LoadReport.load` reads, or `.csv`, a line for each cell.
        Raises ValueError for another one; `report.table()` can be written as other kinds of files.
        """
        if suffix_to_save(path) == ".csv":
            self.table().to_csv(path)
            return
        rows = [_kept(row) for row in self._rows]
        left = [attrs.asdict(cell) for cell in self._left]
        document = {
            "format": _FORMAT,
            "summary": dict(self._summary()),
            "sent": self._sent,
            "rows": rows,
            "left": [{**cell, "new": _plain(cell["new"])} for cell in left],
            "values_unchanged": self.values_unchanged,
            "import_ids": self._imports,
            "notes": list(self.notes),
            "place": self.place,
        }
        Path(path).write_bytes(strict_json.encode(document))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a report from a `.json` file that `save` has written. Raises ValueError when it is none."""
        if Path(path).suffix.lower() == ".csv":
            raise ArgumentError(
                f"{os.fspath(path)} is a table of cells, which is not all of a report: save it as .json to load it"
            )
        try:
            document = json.loads(Path(path).read_bytes())
            if document["format"] != _FORMAT:
                raise ValueError(f"its format is {safe_repr(document['format'])}")
            rows = [
                LoadedRow(**{**_EMPTY, **_cells(row.pop("cells", {})), **row, "told": _told(row)})
                for row in document["rows"]
            ]
            made = cls(
                rows if document["sent"] else None,
                [LoadCell(**cell) for cell in document["left"]],
                document["values_unchanged"],
                document["import_ids"],
                document.get("notes", ()),
                document.get("place", ""),
            )
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ArgumentError(f"{os.fspath(path)} is no report of a load: {error}") from error
        return made

    def _attention(self) -> Iterator[LoadCell]:
        for status in _IN_ORDER[:-1]:
            yield from self._of(status)

    def _headline(self) -> str:
        if not self._sent:
            return f"Load: {_NOT_SENT}"
        counts = ", ".join(f"{number:,} {status}" for status, number in self.counts.items())
        return f"Load: {counts or 'nothing to write'}"

    def _summary(self) -> list[tuple[str, str]]:
        counts = self.counts
        rows = sum(row.is_done_somewhere and not row.is_new for row in self._rows)
        lines = [
            ("records", f"{self.records_made:,} made, {rows:,} changed"),
            ("values", f"{self._values_written():,} written, {self.values_unchanged:,} unchanged"),
        ]
        if self.place:
            lines.append(("written", self.place))
        lines += [(status, amount(self._of(status))) for status in _IN_ORDER[:-1] if status in counts]
        if self._imports:
            lines.append(("imports", ", ".join(self._imports)))
        return [*lines, *(("note", text) for text in self.notes)]

    def _values_written(self) -> int:
        # A new record without a cell is done as well, and no value.
        return self.counts.get("done", 0) - sum(row.status == "done" and not row.new for row in self._rows)

    def __str__(self) -> str:
        told = [(self._status_of(item), item) for item in grouped(self._attention())]
        lines = [self._headline(), *summary_lines(self._summary())]
        shown = [f"{status:<8} {item}" for status, item in told]
        return "\n".join([*lines, *listed("Needs attention:", shown, _SHOWN, len(shown))])

    @staticmethod
    def _status_of(item: LoadCell | Group) -> str:
        return item.first.status if isinstance(item, Group) else item.status

    def __repr__(self) -> str:
        return f"<LoadReport {self._headline().removeprefix('Load: ')}>"

    def _repr_html_(self) -> str:
        hint = "All cells: .table(); to keep it: .save('report.json')"
        return html_of(self._headline(), self._summary(), grouped(self._attention()), hint)


_EMPTY: Mapping[str, Any] = {"told": {}, "reason": "", "record_id": None}


def _kept(row: LoadedRow) -> dict[str, Any]:
    """Return what a file keeps of a row: of each cell what was there, and what was to be written."""
    members = attrs.asdict(row, recurse=False)
    new, old = members.pop("new"), members.pop("old")
    members["cells"] = {name: (old.get(name), content) for name, content in new.items()}
    return {name: value for name, value in members.items() if value not in ("", {}, None)}


def _plain(value: Any) -> Any:
    """Return what a refused cell holds, which may be anything, as something that JSON has."""
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        with suppress(ValueError, TypeError):
            strict_json.encode(value)
            return value
    return safe_repr(value)


def _cells(pairs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        "new": {name: new for name, (_, new) in pairs.items()},
        "old": {name: old for name, (old, _) in pairs.items() if old is not None},
    }


def _told(row: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {name: (str(status), str(reason)) for name, (status, reason) in row.get("told", {}).items()}
