"""Tables for notebooks: HTML that shows text as text, has a bound, and follows the theme of the page around it."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from kalbio._core.text.display import LIMIT, one_line, safe_repr

ROWS = 20
COLUMNS = 20

# The colours are those of the page, whatever its theme is: nothing here has one of its own, and what stands back is
# see-through. A wide table scrolls within its box.
_STYLE = (
    "<style>"
    ".sdk-view{color:var(--jp-content-font-color1,inherit);max-width:100%;margin:.2em 0;overflow-wrap:anywhere}"
    ".sdk-view .box{max-width:100%;overflow-x:auto}"
    ".sdk-view table{border-collapse:collapse;margin:.3em 0;width:auto}"
    ".sdk-view th,.sdk-view td{text-align:left;vertical-align:top;white-space:normal;padding:.15em 1em .15em 0;"
    "border:0;border-bottom:1px solid rgba(128,128,128,.4);max-width:30em;overflow-wrap:break-word}"
    ".sdk-view tr{background:none!important}"
    ".sdk-view .title{font-weight:600}"
    ".sdk-view .hint,.sdk-view summary{opacity:.8}"
    "</style>"
)


def html_table(
    title: str,
    rows: Iterable[Sequence[Any]],
    count: int,
    *,
    heads: Sequence[Any] = (),
    hint: str = "",
    folded: Sequence[Sequence[Any]] = (),
    limit: int = ROWS,
) -> str:
    """Return a table for notebooks: the first of `count` rows, and how many more there are. Cells are cut.

    Args:
        title: the line above it; of the page a person looks at this first.
        rows: the rows; the first cell of each says what it is about.
        count: how many there are.
        heads: the heads of the columns.
        hint: a line below it, e.g. how to get the rest.
        folded: rows that are shown when somebody asks for them: ids, and what is empty.
        limit: most rows shown.
    """
    return html_tables(title, [("", heads, rows, count)], hint=hint, folded=folded, limit=limit)


def html_tables(
    title: str,
    tables: Iterable[tuple[str, Sequence[Any], Iterable[Sequence[Any]], int]],
    *,
    hint: str = "",
    folded: Sequence[Sequence[Any]] = (),
    limit: int = ROWS,
) -> str:
    """Return several tables below one title: each with a line above it, heads, rows, and how many rows there are."""
    parts = [f'<div class="title">{_cell(title)}</div>']
    for line, heads, rows, count in tables:
        if line:
            parts.append(f'<div class="hint">{_cell(line)}</div>')
        parts.append(_table(heads, rows, count, limit))
    if hint:
        parts.append(f'<div class="hint">{_cell(hint)}</div>')
    if folded:
        inner = _table((), folded, len(folded), 2 * limit)
        parts.append(f"<details><summary>ids, and the rest</summary>{inner}</details>")
    return framed("".join(parts))


def framed(content: str) -> str:
    """Return HTML in the frame that gives it the look of all that is shown; its texts are escaped already."""
    return f'<div class="sdk-view">{_STYLE}{content}</div>'


def boxed(table: str) -> str:
    """Return a table in a box that it scrolls in where it is too wide."""
    return f'<div class="box"><table>{table}</table></div>'


def _table(heads: Sequence[Any], rows: Iterable[Sequence[Any]], count: int, limit: int) -> str:
    lines = []
    if heads:
        names = "".join(f"<th>{_cell(head)}</th>" for head in heads[:COLUMNS])
        if len(heads) > COLUMNS:
            names += f"<th>... {len(heads) - COLUMNS} more</th>"
        lines.append(f"<thead><tr>{names}</tr></thead>")
    for head, *cells in itertools.islice(rows, limit):
        shown = "".join(f"<td>{_cell(cell)}</td>" for cell in cells[: COLUMNS - 1])
        lines.append(f"<tr><th>{_cell(head)}</th>{shown}</tr>")
    if count > limit:
        lines.append(f"<tr><td>... {count - limit} more</td></tr>")
    return boxed("".join(lines)) if lines else ""


def _cell(value: Any) -> str:
    text = shown(value)
    cut = text if len(text) <= LIMIT else f"{text[:LIMIT]}... ({len(text)} characters)"
    return html.escape(one_line(cut))


def shown(value: Any) -> str:
    """Return a value as a person reads it in a table: nothing for None, minutes of a time, items of a list."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if value.tzinfo else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        more = f", ... {len(value) - ROWS} more" if len(value) > ROWS else ""
        return ", ".join(map(shown, value[:ROWS])) + more
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    try:
        return str(value)
    except Exception:  # huge numbers, and objects that cannot be read
        return safe_repr(value)
