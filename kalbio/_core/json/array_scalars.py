"""Single numbers, booleans and times of array libraries such as numpy, which are no `int`, `float` or `bool`."""

from __future__ import annotations

import math
from struct import pack, unpack
from typing import Any

_SHORT = {2: ("e", 2**11, 6e4, 3, 5), 4: ("f", 2**24, 3e38, 6, 9)}
"""By bytes: how they are packed, below what whole numbers are not rounded, above what numbers may be rounded up beyond
all there are, how many digits are sure to stay, and how many are enough."""


def is_array_scalar(value: Any) -> bool:
    """Whether a value is one element of an array, and can say which plain value it is."""
    return getattr(value, "shape", None) == () and callable(getattr(value, "item", None))


def is_time(value: Any) -> bool:
    """Whether an array scalar is a time or a duration. Its plain value may be a bare number of nanoseconds."""
    dtype = getattr(value, "dtype", None)
    return dtype is not None and dtype.kind in ("M", "m")


def plain_value(value: Any) -> Any:
    """Return the plain value of an array scalar: of a short float the number it shows. Any other value as it is."""
    if not is_array_scalar(value) or is_time(value):
        return value
    plain = value.item()
    if isinstance(plain, float) and (size := getattr(value, "itemsize", 8)) in _SHORT:
        return short_float(plain, size)
    return plain


def short_float(number: float | None, size: int = 4) -> float | None:
    """Return the shortest number that is this one in so many bytes: 0.1, where Python has 0.10000000149011612 of it."""
    code, whole, large, sure, enough = _SHORT[size]
    if number is None or not math.isfinite(number) or (number.is_integer() and abs(number) < whole):
        return number
    if abs(number) < large:
        for digits in range(sure, enough):
            short = float(f"{number:.{digits}g}")
            if unpack(code, pack(code, short))[0] == number:
                return short
    return float(f"{number:.{enough}g}")
