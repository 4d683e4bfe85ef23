"""JSON out and in. What leaves is valid JSON or an error that names the place; nothing is guessed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.json.array_scalars import is_array_scalar, is_time, plain_value
from kalbio._core.text.display import safe_repr

NO_ZONE = (
    "a time without a zone, which would be taken for UTC; give one with a zone, such as datetime.now(UTC)"
    " or value.astimezone() for local time, or value.date() for a day"
)
"""What is wrong with most datetimes without a zone, and the cure."""

_EMPTY = "for an empty cell give None"


def is_midnight(value: datetime) -> bool:
    """Whether a datetime is the beginning of a day, to the last digit."""
    # Those of pandas go beyond microseconds.
    return value.time() == time() and not getattr(value, "nanosecond", 0)


def encode(value: Any, path: str = "body") -> bytes:
    """Return `value` as compact UTF-8 JSON. `path` says in errors where it stands.

    Dates and times become ISO text, a datetime at midnight without a zone that of its day, UUIDs, paths and Decimals
    (all digits kept) text, enumeration members their values, numbers of array libraries plain numbers, tuples lists.
    Other datetimes without a zone, NaN, infinities, bytes, sets and anything else raise ValueError or TypeError naming
    the place.
    """
    try:
        text = _ENCODER.encode(value)
        _check_keys(value)
        return text.encode("utf-8")
    except (ValueError, TypeError, RecursionError) as error:
        _complain(value, path)
        raise ArgumentError(f"This cannot be sent as JSON: {error}") from None


def encode_text(value: Any, path: str = "body") -> str:
    """Return `value` as JSON text, for query parameters that carry JSON."""
    return encode(value, path).decode("utf-8")


def plain(value: Any, path: str = "body") -> Any:
    """Return `value` as it reads after a journey as JSON: dates as text, members of enumerations as their values."""
    if value is None or type(value) is bool:
        return value
    if (type(value) is str and value.isascii()) or (type(value) is int and value.bit_length() < 64):
        return value
    return decode(encode(value, path))


def decode(data: bytes) -> Any:
    """Parse JSON bytes. Raises ValueError when they are not JSON."""
    return json.loads(data)


def converted(value: Any) -> Any:
    """Return what is written for a value that JSON does not know, in one step. Raises ValueError or TypeError."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date | time):
        if value != value:  # a missing time of pandas passes for a datetime
            raise ArgumentError(f"{value} is not a time; {_EMPTY}")
        if isinstance(value, datetime) and value.utcoffset() is None:
            if not is_midnight(value):
                raise ArgumentError(NO_ZONE)
            return value.date().isoformat()  # tables of other libraries have such datetimes where dates are meant
        return value.isoformat()
    if isinstance(value, UUID | PurePath):
        return str(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ArgumentError(f"{value} is not a number JSON can carry")
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if is_array_scalar(value):
        if is_time(value):
            if str(value) == "NaT":
                raise ArgumentError(f"it is not a time; {_EMPTY}")
            raise ArgumentTypeError(f"{type(value).__name__} can be written to JSON in several ways; give a datetime")
        return plain_value(value)
    if type(value).__name__ == "NAType":
        raise ArgumentTypeError(f"it stands for a missing value; {_EMPTY}")
    cure = ""
    if isinstance(value, set | frozenset):
        cure = "; give a list"
    elif isinstance(getattr(value, "id", None), str):
        cure = "; give its id or its name"
    elif callable(getattr(value, "tolist", None)):
        cure = "; give its list, value.tolist()"
    raise ArgumentTypeError(f"{type(value).__name__} is not a type JSON can carry{cure}")


# Made once: `json.dumps` makes one for each call that is not as it likes it.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=converted)


def _check_keys(value: Any) -> None:
    """Raise TypeError for keys that are no text; the library would turn 1, True and None into text without a word."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ArgumentTypeError("keys must be text")
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for item in value:
        if isinstance(item, Mapping | list | tuple):
            _check_keys(item)


def _complain(value: Any, path: str, depth: int = 0) -> None:
    """Raise an error that names the first place in `value` which cannot be sent."""
    if depth > 200:
        raise ArgumentError(f"{path[:100]} is nested too deeply, or contains itself")
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise ArgumentError(f"{path} is {safe_repr(value)}, which is not valid Unicode text") from None
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ArgumentError(f"{path} is {value}, which JSON cannot carry; {_EMPTY}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ArgumentTypeError(f"{path} has the key {safe_repr(key)}; keys must be text")
            _complain(key, f"a key of {path}", depth + 1)
            # What stands in a body is called by the caller as its member is: an argument has that name.
            inner = key if path == "body" and not depth and key.isidentifier() else f"{path}[{safe_repr(key)}]"
            _complain(item, inner, depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _complain(item, f"{path}[{index}]", depth + 1)
    elif isinstance(value, int) and not isinstance(value, bool):
        try:
            str(value)
        except ValueError:
            raise ArgumentError(f"{path} is {safe_repr(value)}: it has too many digits") from None
    elif value is not None and not isinstance(value, bool):
        try:
            plain_form = converted(value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{path} is {safe_repr(value)}: {error}") from None
        _complain(plain_form, path, depth + 1)
