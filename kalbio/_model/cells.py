"""Cells of rows to load: which values can be sent, and which type of field a column needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import Enum
from numbers import Number
from typing import Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.json.array_scalars import plain_value
from kalbio._core.text.display import safe_repr

READ_TABLE = "give kalbio.reading.read_rows(table)"
"""How a table of another library becomes rows to load."""


def with_cells(name: str, rows: Sequence[Mapping[Any, Any]]) -> list[dict[Any, Any]]:
    """Return rows without the cells that are None. Raises ValueError naming a cell that holds several things.

    An import takes numbers, texts and booleans. What it makes of null, lists and objects is not known.
    """
    for index, row in enumerate(rows):
        for column, cell in row.items():
            if isinstance(cell, list | tuple | Mapping):
                raise ArgumentError(
                    f"{name}[{index}][{safe_repr(column)}] is {safe_repr(cell)}: a cell of an import is text, a "
                    "number, a date, or true or false; write what else a field may hold with client.records.add_values"
                )
    return [{column: cell for column, cell in row.items() if cell is not None} for row in rows]


def column_types(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> dict[str, str]:
    """Return the type of field that takes all cells of a column, by column; those without any cell are left out."""
    kinds: dict[str, set[str]] = {column: set() for column in columns}
    for row in rows:
        for column, cell in row.items():
            if column in kinds and cell is not None and not (isinstance(cell, str) and not cell):
                kinds[column].add(_kind(cell))
    return {column: found.pop() if len(found) == 1 else "text" for column, found in kinds.items() if found}


def _kind(cell: Any) -> str:
    """Return the type of field that a cell by itself needs. Text stays text, whatever it looks like."""
    if isinstance(cell, Enum):
        cell = cell.value
    cell = plain_value(cell)
    if isinstance(cell, bool):
        return "boolean"
    if isinstance(cell, Number):
        return "number"
    if isinstance(cell, list):
        return "multiselect"
    return "date" if isinstance(cell, date) else "text"
