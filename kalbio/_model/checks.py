"""Checks of plain arguments: what is wrong is said before anything is sent."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def filled(name: str, value: Any) -> str:
    """Return text that says something. Raises ValueError naming the argument."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be text that is not empty; got {value!r}")
    return value


def texts_of(name: str, values: Any) -> list[str]:
    """Return a list of texts that say something. A single text is refused: it would be taken letter by letter."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise ValueError(f"{name} must be a list of texts; got {values!r}")
    return [filled(f"{name}[{index}]", value) for index, value in enumerate(values)]


def whole(name: str, value: Any, least: int) -> int:
    """Return a whole number of at least `least`. Raises ValueError naming the argument."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}; got {value!r}")
    return value


def rows_of(name: str, data: Any) -> list[dict[Any, Any]]:
    """Return a table as a list of dicts. Raises ValueError naming the row that is none."""
    if isinstance(data, str | bytes | Mapping) or not isinstance(data, Iterable):
        raise ValueError(f"{name} must be a list of dicts, one for each row; got {type(data).__name__}")
    if hasattr(data, "to_dict"):
        raise ValueError(f'{name} must be a list of dicts, one for each row: give table.to_dict("records")')
    rows = []
    for index, row in enumerate(data):
        if not isinstance(row, Mapping):
            raise ValueError(f"{name}[{index}] must be a dict of column to value; got {row!r}")
        rows.append(dict(row))
    return rows


def check_keys(rows: Sequence[Mapping[Any, Any]], keys: Mapping[Any, Any]) -> None:
    """Raise ValueError naming row and key field where a row has no value for one; `keys` is column to name."""
    for index, row in enumerate(rows):
        for column, name in keys.items():
            value = row.get(column)
            if value is None or (isinstance(value, str) and not value.strip()):
                raise ValueError(f"data[{index}] has no value for the key field {str(name)!r}")


def renamed(old: str, value: Any, new: str, other: Any) -> Any:
    """Return the value that came under the older name of an argument. Raises ValueError when both were given."""
    if other is not None:
        raise ValueError(f"{new} and {old} mean the same; give {new} only")
    warnings.warn(f"{old} is now called {new}", DeprecationWarning, stacklevel=4)
    return value
