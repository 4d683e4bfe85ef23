"""What became of a load by a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from kalbio._core.errors import OutcomeError
from kalbio.loading.cells import LoadCell, cells_table
from kalbio.loading.showing import counted, grouped, listed

if TYPE_CHECKING:
    import pandas
else:
    from types import SimpleNamespace

    pandas = SimpleNamespace(DataFrame=Any)

_SHOWN = 20


@attrs.frozen
class PartitionReport:
    """What became of a partition, in its last run.

    Attributes:
        number: which one, from 0 on.
        rows: how many rows it has.
        records_made: how many records are new.
        values_unchanged: how many cells said what was there already, also what a run before has written.
        counts: how many cells have each status, as in a `LoadReport`.
        cells: those that are not done, with the reasons; their `row` counts from 0 on in each partition.
        notes: what else is told.
    """

    number: int
    rows: int
    records_made: int = 0
    values_unchanged: int = 0
    counts: Mapping[str, int] = attrs.field(factory=dict)
    cells: Sequence[LoadCell] = ()
    notes: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        """Whether everything that was given is there."""
        return not self.counts.keys() - {"done"}


class ClusterLoadReport:
    """What became of a load by a cluster. It prints as a summary, with what needs attention.

    Attributes:
        partitions: a report for each partition.
    """

    def __init__(self, partitions: Sequence[PartitionReport]) -> None:
        """Make a report; users get it from `kalbio.dask.upsert`."""
        self.partitions = list(partitions)

    @property
    def ok(self) -> bool:
        """Whether everything that was given is there."""
        return all(part.ok for part in self.partitions)

    @property
    def counts(self) -> dict[str, int]:
        """How many cells have each status."""
        found: Counter[str] = Counter()
        for part in self.partitions:
            found.update(part.counts)
        return dict(found)

    @property
    def records_made(self) -> int:
        """How many records are new. Those that a lost worker has made count as unchanged."""
        return sum(part.records_made for part in self.partitions)

    @property
    def values_unchanged(self) -> int:
        """How many cells said what was there already."""
        return sum(part.values_unchanged for part in self.partitions)

    def to_pandas(self) -> pandas.DataFrame:
        """Return the cells that are not done, with partition, row, status and reason."""
        frame = cells_table(cell for part in self.partitions for cell in part.cells).to_pandas()
        frame.insert(0, "partition", [part.number for part in self.partitions for _ in part.cells])
        return frame

    def raise_for_failures(self) -> None:
        """Raise OutcomeError, whose `outcome` is this report, unless everything that was given is there."""
        for part in self.partitions:
            if not part.ok:
                raise OutcomeError(
                    f"{self._headline()}; the first one, in partition {part.number}: {part.cells[0]}", self
                )

    def _headline(self) -> str:
        counts = ", ".join(f"{number:,} {status}" for status, number in self.counts.items()) or "nothing to write"
        return f"Load of {counted(len(self.partitions), 'partition')}: {counts}, {self.values_unchanged:,} unchanged"

    def __repr__(self) -> str:
        lines: list[str] = []
        for part in self.partitions:
            lines += [f"partition {part.number}: {group}" for group in grouped(part.cells)]
        return "\n".join([self._headline(), *listed("Needs attention:", lines, _SHOWN, len(lines))])
