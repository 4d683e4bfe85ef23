"""Cells of tables: what is no value, what is plain, and what has no form. No network."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.json.array_scalars import plain_value, short_float
from kalbio._core.json.strict_json import is_midnight
from kalbio._core.objects.identifiers import Identified
from kalbio._core.objects.resource import Resource, written_of

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "MISSING", "__slots__": ()})()
"""Stands for a cell without a value."""

# NA and NaT of pandas: comparing the one raises, the other passes for a datetime.
_MISSING_TYPES = ("NAType", "NaTType")

PARTS_OF_MICROSECONDS = "is a time with parts of microseconds, which would be lost; round it, or give text"
"""What is wrong with some times of libraries that count nanoseconds."""

_COARSE = re.compile(r"\[[0-9]*[YMW]\]")
"""The units of times of numpy that are longer than a day; `[m]` is minutes."""

SHORT_FLOATS = {"float": 4, "halffloat": 2, "float32": 4, "float16": 2, "Float32": 4, "Float16": 2}
"""The types of Arrow, pandas and polars whose numbers have fewer digits than those of Python, and their bytes."""


class CellError(ArgumentError):
    """A value has no form in a cell; the text says why."""


def plain_cell(value: Any) -> Any:
    """Return what a value is to a field, MISSING where it is none. Raises CellError where it has no form.

    Text stays text, whatever it looks like. Empty text, None, NaN, NA and NaT of all libraries are no value. An object
    of the platform counts as its id, and a value of a record as what it holds.
    """
    kind = type(value)
    if kind is str:
        return _text(value) if value else MISSING
    if value is None or kind.__name__ in _MISSING_TYPES:
        return MISSING
    if kind is bool or kind is int or (kind is float and math.isfinite(value)):
        return value
    if isinstance(value, Enum):
        return plain_cell(value.value)
    if isinstance(value, Mapping | set | frozenset):
        raise CellError("holds several things; a cell holds one value, or a list of them")
    if isinstance(value, tuple) and kind is not tuple:  # with a name for each, as a span of months and days
        raise CellError(f"is a {kind.__name__}, which holds several things; a cell holds one value, or a list of them")
    if isinstance(value, list | tuple) or getattr(value, "ndim", 0) == 1 or _is_column(value):
        return _items(value)
    try:
        unboxed = _unboxed(value)
        return plain_cell(unboxed) if isinstance(unboxed, list | Mapping) else _scalar(unboxed)
    except CellError:
        raise
    except (ValueError, OverflowError, NotImplementedError) as error:  # days beyond the calendar of Python, as a rule
        raise CellError(f"cannot be read: {error}") from None


def _scalar(value: Any) -> Any:
    if value is None or value is MISSING:
        return MISSING
    if isinstance(value, Identified) and value.id:
        return value.id
    if isinstance(value, Resource) and value.id:
        written = written_of(value)
        return value.id if written is value else plain_cell(written)
    if isinstance(value, str):
        return _text(str(value)) if value else MISSING
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float | Decimal):
        if math.isnan(value):
            return MISSING
        if math.isinf(value):
            raise CellError("is no finite number")
        return value if isinstance(value, Decimal) else float(value)
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            if not is_midnight(value):
                raise CellError(
                    "is a time without a zone, which would be taken for UTC; give the day (value.date()), a time with a"
                    " zone (value.replace(tzinfo=UTC)), or text, for example by a converter"
                )
            return value.date()
        return value
    if isinstance(value, date):
        return value
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, UUID | PurePath):
        return str(value)
    raise CellError(f"is of the type {type(value).__name__}, which has no form in a cell; give text, or a converter")


def _is_column(value: Any) -> bool:
    """Whether a value is a column of polars or Arrow, which count no dimensions."""
    return hasattr(value, "to_pylist") or (hasattr(value, "to_list") and hasattr(value, "dtype"))


def _unboxed(value: Any) -> Any:
    """Return the plain value of a scalar of an array library."""
    if getattr(getattr(value, "dtype", None), "kind", "") == "M":  # its plain value may be a number of nanoseconds
        if str(value) == "NaT":
            return None
        if _COARSE.search(str(value.dtype)):
            raise CellError("is a month, a year or a week, and no day; give the day that is meant, or text")
        short = value.astype("datetime64[us]")
        if short != value:
            raise CellError(PARTS_OF_MICROSECONDS)
        return datetime.fromisoformat(str(short))
    if hasattr(value, "as_py"):  # a scalar of pyarrow
        plain = value.as_py()
        return short_float(plain, SHORT_FLOATS[str(value.type)]) if str(value.type) in SHORT_FLOATS else plain
    return plain_value(value)


def _items(values: Any) -> list[Any]:
    items = [plain_cell(item) for item in values]
    if any(isinstance(item, list) for item in items):
        raise CellError("is a list of lists; a cell holds one value, or a list of them")
    found = [item for item in items if item is not MISSING]
    return found or MISSING


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise CellError("is not valid Unicode text") from None
    return value
