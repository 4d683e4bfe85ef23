"""How plans and reports are shown: a summary first, and then what is worth a look, never all of a long list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from kalbio._core.text.html_tables import html_tables
from kalbio.loading.cells import LoadCell

_ROWS = 5


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with what it counts."""
    return f"1 {one}" if number == 1 else f"{number:,} {many or one + 's'}"


def rows_shown(numbers: Iterable[int]) -> str:
    """Return the numbers of rows, the first of them where there are many."""
    listed = list(dict.fromkeys(numbers))
    more = ", ..." if len(listed) > _ROWS else ""
    return f"{'row' if len(listed) == 1 else 'rows'} {', '.join(map(str, listed[:_ROWS]))}{more}"


def records_shown(numbers: Sequence[int]) -> str:
    """Return how many records that are, and where."""
    return f"{counted(len(numbers), 'record')} ({rows_shown(numbers)})"


def summary_lines(summary: Iterable[tuple[str, str]]) -> list[str]:
    """Return a summary as lines of text."""
    return [f"  {name:<8} {text}" for name, text in summary]


def listed(title: str, items: Iterable[object], most: int, count: int) -> list[str]:
    """Return the first of so many items as lines of text, and how many are left."""
    shown = [f"  {item}" for item in islice(items, most)]
    left = [f"  ... {count - most:,} more"] if count > most else []
    return [title, *shown, *left] if shown else []


def html_of(headline: str, summary: Sequence[tuple[str, str]], cells: Iterable[LoadCell], count: int, hint: str) -> str:
    """Return a summary for a notebook, and the first of so many cells that are worth a look."""
    rows = ((cell.row, cell.key, cell.column, cell.status, cell.old, cell.new, cell.reason) for cell in cells)
    heads = ("row", "key", "column", "status", "there", "given", "reason")
    tables: list[tuple[str, Sequence[str], Iterable[Sequence[object]], int]] = [("", (), summary, len(summary))]
    if count:
        tables.append(("Worth a look", heads, rows, count))
    return html_tables(headline, tables, hint=hint)
