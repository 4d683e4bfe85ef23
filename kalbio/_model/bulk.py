"""What became of the rows of a bulk write."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, Literal, SupportsIndex, TypeVar, overload

import attrs

from kalbio._core.bulk.rows import OUTCOME_UNKNOWN, SKIPPED, PriorOutcome
from kalbio._core.bulk.saving import suffix_to_save
from kalbio._core.errors import OutcomeError
from kalbio._core.json import strict_json
from kalbio._core.text.display import LIMIT, one_line, printable, safe_repr
from kalbio._core.text.html_tables import html_table
from kalbio._core.text.redaction import redact

T = TypeVar("T")

Status = Literal["done", "failed", "unknown", "skipped"]
RowProgress = Callable[[int, int], object]
"""Called with the number of rows that have ended, and the number of all rows."""

_SHOWN = 5


@attrs.frozen
class RowOutcome(Generic[T]):
    """What became of one row.

    Attributes:
        index: its position in the rows that you gave, from 0.
        status: "done"; "failed": it was refused or never arrived; "unknown": it was sent and its answer was lost, so
            check before you send it again; "skipped": it was not sent, because an earlier row failed (with a journal:
            an earlier row for the same cell), or the load was interrupted.
        value: what the server created; None when it is not done, or an earlier run with the same journal did it.
        error: why it is not done.
        id: the id of what the server created, also in an earlier run.
        earlier: whether an earlier run with the same journal did it, so that it was not sent now.
    """

    index: int
    status: Status
    value: T | None = attrs.field(default=None, repr=safe_repr)
    error: Exception | None = attrs.field(default=None, repr=safe_repr)
    id: str | None = None
    earlier: bool = False


class BulkResult(Sequence[RowOutcome[T]]):
    """The outcome of every row, in the order in which the rows were given.

    A call that is interrupted before any row was sent, or fails there with `on_error="log"`, gives a result without
    rows that is not `ok`.
    """

    def __init__(self, outcomes: Sequence[RowOutcome[T]] | None = None) -> None:
        self._outcomes = tuple(outcomes or ())
        self._sent = outcomes is not None

    def __len__(self) -> int:
        return len(self._outcomes)

    @overload
    def __getitem__(self, index: SupportsIndex) -> RowOutcome[T]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[RowOutcome[T], ...]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> RowOutcome[T] | tuple[RowOutcome[T], ...]:
        return self._outcomes[index]

    def __iter__(self) -> Iterator[RowOutcome[T]]:
        return iter(self._outcomes)

    def _of(self, status: Status) -> list[RowOutcome[T]]:
        return [outcome for outcome in self._outcomes if outcome.status == status]

    @property
    def done(self) -> list[RowOutcome[T]]:
        """The rows that were written."""
        return self._of("done")

    @property
    def failed(self) -> list[RowOutcome[T]]:
        """The rows that certainly were not written."""
        return self._of("failed")

    @property
    def unknown(self) -> list[RowOutcome[T]]:
        """The rows that may or may not have been written: check before you send them again."""
        return self._of("unknown")

    @property
    def skipped(self) -> list[RowOutcome[T]]:
        """The rows that were not sent, because an earlier one failed or the load was interrupted."""
        return self._of("skipped")

    @property
    def values(self) -> list[T | None]:
        """What the server created for each row; None for rows that were not done in this run."""
        return [outcome.value for outcome in self._outcomes]

    @property
    def ids(self) -> list[str | None]:
        """The id of what the server created for each row, also in an earlier run; None for rows that are not done."""
        return [outcome.id for outcome in self._outcomes]

    @property
    def ok(self) -> bool:
        """Whether every row was written."""
        return self._sent and all(outcome.status == "done" for outcome in self._outcomes)

    def raise_for_failures(self) -> None:
        """Raise OutcomeError, whose `outcome` is this result, unless every row was written."""
        if not self._sent:
            raise OutcomeError("no row was sent; the error says why, or the log", self)
        if not self.ok:
            first = next(outcome for outcome in self._outcomes if outcome.status != "done")
            counts = self._counts()
            raise OutcomeError(f"{counts}; the first one: row {first.index}: {first.error or first.status}", self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the outcomes to a file: index, status, the id of what was created, and the error.

        The ending of its name says the kind: `.csv` or `.json`. Raises ValueError for another one.
        """
        names = ("index", "status", "id", "error")
        rows = [
            (one.index, one.status, printable(one.id or ""), "" if one.error is None else printable(str(one.error)))
            for one in self._outcomes
        ]
        if suffix_to_save(path) == ".json":
            Path(path).write_bytes(strict_json.encode([dict(zip(names, row, strict=True)) for row in rows]))
            return
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows(rows)

    def _counts(self) -> str:
        counts = ((name, len(self._of(name))) for name in ("done", "failed", "unknown", "skipped"))
        return f"{len(self)} row{'' if len(self) == 1 else 's'}: " + (
            ", ".join(f"{n} {name}" for name, n in counts if n) or "none"
        )

    def __str__(self) -> str:
        bad = [*self.unknown, *self.failed]
        shown = [f"  row {one.index}, {one.status}: {_in_short(one.error)}" for one in bad[:_SHOWN]]
        left = len(bad) - len(shown)
        more = [f"  ... {left:,} more, in .unknown and .failed"] if left else []
        return "\n".join([self._counts(), *shown, *more])

    def __repr__(self) -> str:
        return f"<BulkResult {self._counts()}>"

    def _repr_html_(self) -> str:
        # What to look at first: rows that may have been written, then those that were refused.
        bad = [*self.unknown, *self.failed, *self.skipped]
        if not bad:
            return html_table(self._counts(), (), 0)
        rows = ((item.index, item.status, item.error) for item in bad)
        hint = "Those that are not done: .unknown, .failed and .skipped; all of them: .save('outcomes.csv')"
        return html_table(self._counts(), rows, len(bad), heads=("row", "status", "error"), hint=hint)


def _in_short(error: Exception | None) -> str:
    text = one_line(redact(str(error or "no reason is known")))
    return text if len(text) <= LIMIT else f"{text[: LIMIT - 3]}..."


def attach_outcome(error: BaseException, result: BulkResult[Any]) -> None:
    """Attach the outcomes so far to the exception that ends a load: as its `outcome`, and in its text."""
    if getattr(error, "outcome", None) is None:
        with suppress(AttributeError):  # an exception of somebody else's may not take it
            error.outcome = result  # type: ignore[attr-defined]
    counts = result._counts()
    error.add_note(f"The load was interrupted: {counts}. The `outcome` of this exception says what became of each row.")


def outcome_of(index: int, result: Any) -> RowOutcome[Any]:
    """Return the outcome of a row from its result: a value, an error, SKIPPED, or that of an earlier run."""
    if result is SKIPPED:
        return RowOutcome(index, "skipped")
    if isinstance(result, Exception):
        return RowOutcome(index, "unknown" if isinstance(result, OUTCOME_UNKNOWN) else "failed", error=result)
    if isinstance(result, PriorOutcome):
        return RowOutcome(index, "done", id=result.made, earlier=True)
    return RowOutcome(index, "done", result, id=getattr(result, "id", None))
