"""Single numbers, booleans and times of array libraries such as numpy, which are no `int`, `float` or `bool`."""

from __future__ import annotations

from typing import Any


def is_array_scalar(value: Any) -> bool:
    """Whether a value is one element of an array, and can say which plain value it is."""
    return getattr(value, "shape", None) == () and callable(getattr(value, "item", None))


def is_time(value: Any) -> bool:
    """Whether an array scalar is a time or a duration. Its plain value may be a bare number of nanoseconds."""
    dtype = getattr(value, "dtype", None)
    return dtype is not None and dtype.kind in ("M", "m")


def plain_value(value: Any) -> Any:
    """Return the plain value of an array scalar; any other value as it is."""
    return value.item() if is_array_scalar(value) and not is_time(value) else value
