"""How plans and reports are shown: a summary first, and then what is worth a look, never all of a long list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

import attrs

from kalbio._core.text.display import safe_repr
from kalbio._core.text.html_tables import html_tables
from kalbio.loading.cells import LoadCell, content_shown

_ROWS = 5
_ALONE = 3
_VARYING = re.compile(r"'(?:[^'\\]|\\.)*'|[0-9][0-9.,]*%?")


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


def amount(cells: Iterable[LoadCell]) -> str:
    """Return how many cells that are, and how many whole rows."""
    whole, single = 0, 0
    for cell in cells:
        whole, single = (whole + 1, single) if cell.column is None else (whole, single + 1)
    parts = [*([counted(single, "cell")] if single else ()), *([counted(whole, "row")] if whole else ())]
    return ", ".join(parts) or "nothing"


@attrs.define
class Group:
    """Cells of one column, or rows, with the same reason.

    Attributes:
        first: the first of them.
        rows: the numbers of the first rows.
        count: how many there are.
    """

    first: LoadCell
    rows: list[int]
    count: int = 1

    def __str__(self) -> str:
        first, some = self.first, f"{rows_shown(self.rows)}"
        if first.column is None:
            return f"{counted(self.count, 'row')} ({some}): {first.reason}"
        return (
            f"{safe_repr(first.column)}: {counted(self.count, 'cell')} ({some}): {safe_repr(first.new)} {first.reason}"
        )


def grouped(cells: Iterable[LoadCell]) -> list[LoadCell | Group]:
    """Return cells; where many of a column have the same reason, as one."""
    found: dict[tuple[str, str | None, str], list[LoadCell] | Group] = {}
    for cell in cells:
        # A reason that tells what stands in the cell is the same one in all of a column.
        reason = cell.reason if cell.column is None else _VARYING.sub("#", cell.reason)
        key = (cell.status, cell.column, reason)
        group = found.setdefault(key, [])
        if isinstance(group, Group):
            group.count += 1
            if len(group.rows) <= _ROWS:
                group.rows.append(cell.row)
            continue
        group.append(cell)
        if len(group) > _ALONE:
            found[key] = Group(group[0], [one.row for one in group], len(group))
    shown: list[LoadCell | Group] = []
    for group in found.values():
        shown += [group] if isinstance(group, Group) else group
    return shown


def html_of(headline: str, summary: Sequence[tuple[str, str]], items: Sequence[LoadCell | Group], hint: str) -> str:
    """Return a summary for a notebook, and the first of what is worth a look."""
    rows = map(_html_row, items)
    heads = ("row", "key", "column", "status", "there", "given", "reason")
    tables: list[tuple[str, Sequence[str], Iterable[Sequence[object]], int]] = [("", (), summary, len(summary))]
    if items:
        tables.append(("Worth a look", heads, rows, len(items)))
    return html_tables(headline, tables, hint=hint)


def _html_row(item: LoadCell | Group) -> Sequence[object]:
    if isinstance(item, Group):
        cell = item.first
        what = counted(item.count, "row" if cell.column is None else "cell")
        return (
            rows_shown(item.rows).partition(" ")[2],
            what,
            cell.column,
            cell.status,
            "",
            content_shown(cell.new),
            cell.reason,
        )
    return (item.row, item.key, item.column, item.status, content_shown(item.old), content_shown(item.new), item.reason)
