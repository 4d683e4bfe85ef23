"""What became of each of many model runs that were to be registered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import attrs

from kalbio._core.errors import OutcomeError, SDKError
from kalbio._core.text.display import one_line, safe_repr
from kalbio._core.text.html_tables import html_table
from kalbio.provena._model.run_tables import RunProblem

if TYPE_CHECKING:
    import pandas
else:
    from types import SimpleNamespace

    # A name in annotations, for tools that read these where the library is not there.
    pandas = SimpleNamespace(DataFrame=Any)

Fate: TypeAlias = Literal["registered", "refused", "failed", "unknown", "not sent"]

_SHOWN = 10


@attrs.frozen
class RunOutcome:
    """What became of one row.

    Attributes:
        row: its number, from 0.
        status: "registered"; "refused" here, before it was sent; "failed" on the server; "unknown" when its answer was
            lost or its job has not ended; "not sent" after an earlier failure.
        display_name: the name of the run.
        id: handle of the run, where it is registered.
        session_id: id of its job, where that is known.
        error: why it is not registered.
    """

    row: int
    status: Fate
    display_name: str
    id: str | None = None
    session_id: str | None = None
    error: str | None = None


class RunsRefusedError(SDKError, ValueError):
    """Rows cannot be registered as they are; nothing was sent.

    Attributes:
        problems: what is wrong, by the numbers of the rows, from 0: all of it, one after the other.
        details: the same as a list of `RunProblem`, with row, location, column and text.
    """

    cure = 'Mend them, or register the others with on_invalid="skip".'

    def __init__(self, details: Iterable[RunProblem]) -> None:
        self.details = list(details)
        self.problems = texts_of(self.details)
        locations = {one.row: one.location for one in self.details}
        lines = [f"{locations[row]}: {one_line(text)}" for row, text in list(self.problems.items())[:_SHOWN]]
        more = len(self.problems) - len(lines)
        rest = [f"and {more} more" if more > 0 else ""]
        count = "1 row" if len(self.problems) == 1 else f"{len(self.problems)} rows"
        super().__init__("; ".join(filter(None, [f"{count} cannot be registered", *lines, *rest])))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.details,)

    def _repr_html_(self) -> str:
        rows = [(one.location, one.column, one.text) for one in self.details]
        return html_table(str(self), rows, len(rows), heads=("row", "column", "problem"), hint=self.cure)


def texts_of(problems: Iterable[RunProblem]) -> dict[int, str]:
    """Return all that is wrong with each row as one text."""
    texts: dict[int, list[str]] = {}
    for one in problems:
        texts.setdefault(one.row, []).append(str(one))
    return {row: "; ".join(some) for row, some in texts.items()}


class RunsFailedError(OutcomeError):
    """Not all of many model runs are registered; `outcome` has what became of each.

    Attributes:
        outcome: a `RunOutcomes`.
    """

    cure = "`outcome` of the error has what became of each row."


class RunOutcomes(Sequence[RunOutcome]):
    """What became of each row of a batch, in their order."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Iterable[RunOutcome]) -> None:
        self._rows = list(rows)

    @overload
    def __getitem__(self, index: int) -> RunOutcome: ...
    @overload
    def __getitem__(self, index: slice) -> RunOutcomes: ...
    def __getitem__(self, index: int | slice) -> RunOutcome | RunOutcomes:
        """Return one, or some of them."""
        return RunOutcomes(self._rows[index]) if isinstance(index, slice) else self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def registered(self) -> list[RunOutcome]:
        """Those that are registered."""
        return [one for one in self._rows if one.status == "registered"]

    @property
    def others(self) -> list[RunOutcome]:
        """Those that are not, or of which that is not known."""
        return [one for one in self._rows if one.status != "registered"]

    def raise_for_others(self) -> None:
        """Raise RunsFailedError unless all are registered."""
        if self.others:
            first = self.others[0]
            why = f": {one_line(first.error)}" if first.error else ""
            text = (
                f"{len(self.others)} of {len(self)} model runs are not registered; rows[{first.row}] is {first.status}"
            )
            raise RunsFailedError(text + why, self)

    def to_dataframe(self) -> pandas.DataFrame:
        """Return them as a frame, one row for each. Needs pandas."""
        try:
            import pandas
        except ModuleNotFoundError:
            raise ModuleNotFoundError("to_dataframe() needs pandas: pip install pandas", name="pandas") from None
        names = [one.name for one in attrs.fields(RunOutcome)]
        return pandas.DataFrame([attrs.astuple(one) for one in self._rows], columns=names)

    def _told(self) -> str:
        counts = Counter(one.status for one in self._rows)
        return ", ".join(f"{count} {status}" for status, count in counts.items()) or "no rows"

    def _repr_html_(self) -> str:
        first = [*self.others, *self.registered]
        rows = [(one.row, one.display_name, one.status, one.id or one.error or "") for one in first]
        return html_table(f"Model runs: {self._told()}", rows, len(rows), heads=("row", "name", "status", ""))

    def __repr__(self) -> str:
        return f"<RunOutcomes: {self._told()}>"


def named(record: Any) -> str:
    """Return what a record is called, as far as that can be told."""
    name = record.get("display_name") if isinstance(record, Mapping) else getattr(record, "display_name", None)
    return name if isinstance(name, str) else safe_repr(name)
