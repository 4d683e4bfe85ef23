"""Reads tables of any kind into rows to load: frames, Arrow, lists, and files, every cell as it stands.

    rows = read_rows("compounds.csv")
    client.imports.push_data(["Compound"], rows)

No network, and no library by itself: what reads Excel files, frames and Parquet files is loaded when one comes.
"""

from __future__ import annotations

from kalbio.reading.cells import (
    RefusedCell,
    RefusedCellsError,
    decimal_comma,
    grouped_digits,
    unicode_minus,
    without_unit,
)
from kalbio.reading.rows import Rows, read_rows

__all__ = [
    "RefusedCell",
    "RefusedCellsError",
    "Rows",
    "decimal_comma",
    "grouped_digits",
    "read_rows",
    "unicode_minus",
    "without_unit",
]


def __dir__() -> list[str]:
    return sorted(__all__)
