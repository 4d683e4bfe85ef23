"""What is told of single cells: by a plan, and by the report of a load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from kalbio._core.text.display import LIMIT, one_line, safe_repr
from kalbio._model.content_reading import as_it_stands
from kalbio._model.field_types import STANDING, WHOLE
from kalbio.tables import Column, Table

_COLUMNS = ("row", "key", "column", "status", "old", "new", "reason")


@attrs.frozen
class LoadCell:
    """A cell of a load, or a whole row where `column` is None.

    Attributes:
        row: where its row stands: the line of a text file, the row of a sheet, the place in a list from 0 on.
        key: the key values of its record, as a person reads them; empty where there are none.
        column: its column; None for the row as a whole.
        status: in a plan "new", "changed", "joins" or "refused"; in a report "done", "failed", "unknown", "skipped",
            "conflict" or "refused".
        old: what the field holds; None for no value.
        new: what is to be written.
        reason: why it is not written, and the cure.
        record_id: the record, None where there is none yet.
    """

    row: int
    key: str
    column: str | None
    status: str
    old: Any = None
    new: Any = None
    reason: str = ""
    record_id: str | None = None

    def __str__(self) -> str:
        who = f" ({one_line(self.key[:LIMIT])})" if self.key else ""
        where = "" if self.column is None else f", {safe_repr(self.column)}"
        if self.reason:
            what = f" {self.reason}" if self.column is None else f" {safe_repr(self.new)} {self.reason}"
        elif self.old is None:
            what = f" {safe_repr(content_shown(self.new))}"
        else:
            what = f" {safe_repr(content_shown(self.old))} -> {safe_repr(content_shown(self.new))}"
        return f"row {self.row}{who}{where}:{what}"


def content_shown(content: Any) -> Any:
    """Return a content for a person: a file by its name."""
    is_file = isinstance(content, dict) and isinstance(content.get("file_id"), str)
    return content.get("file_name") or content if is_file else content


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return as_it_stands(value)
    except (TypeError, ValueError):  # what is refused may be anything
        return safe_repr(value)


def key_shown(key: Sequence[str]) -> str:
    """Return key values as a person reads them."""
    return " / ".join(key)


def cells_table(cells: Iterable[LoadCell]) -> Table:
    """Return cells as a table."""
    listed = list(cells)
    contents: list[list[Any]] = [[getattr(cell, name) for cell in listed] for name in _COLUMNS]
    for position, name in enumerate(_COLUMNS):
        if name in ("old", "new"):
            contents[position] = list(map(_as_text, contents[position]))
    columns = [Column(name, None, WHOLE if name == "row" else STANDING) for name in _COLUMNS]
    # A record that is not there yet has no id.
    ids: list[Any] = [cell.record_id for cell in listed]
    return Table(columns, ids, contents)
