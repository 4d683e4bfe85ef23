"""What can be told of data without telling data: types, forms, ranges, and names that are only names."""

from __future__ import annotations

import re
from typing import Any

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_MANY_DIGITS = re.compile(r"[0-9]{4}|[0-9a-fA-F]{12}")
_WORD = re.compile(r"[a-z_ -]{1,40}")
_HEADER = re.compile(r"[a-z][a-z-]{0,39}")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = re.compile(r"[0-9T:.,+Zz/ -]{6,40}")
_MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_OFFSET = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00", re.ASCII)

MILLISECONDS, OFFSET = "milliseconds and Z", "1 to 6 digits and +00:00"
"""The two spellings of times that clients of the API have met."""


def is_id(value: Any) -> bool:
    """Whether a value is UUID text in lower case with hyphens."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def safe_name(name: str) -> str | None:
    """The name of a member, None when it may be an id or other data."""
    return name if _NAME.fullmatch(name) and not _MANY_DIGITS.search(name) else None


def safe_word(value: str) -> str | None:
    """The value of an enumeration, None when it may be data."""
    return value if _WORD.fullmatch(value) else None


def safe_header(name: str) -> str | None:
    """The name of a header in lower case, None when it may be data."""
    return name.lower() if _HEADER.fullmatch(name.lower()) else None


def shape(value: Any) -> str:
    """What kind of JSON a value is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "whole number"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        if not value:
            return "empty text"
        return "text that is a number" if _NUMBER.fullmatch(value) else "id" if is_id(value) else "text"
    if isinstance(value, list):
        inner = sorted({shape(item) for item in value[:50]})
        return f"list of {' and '.join(inner[:3])}" if inner else "empty list"
    return "object" if isinstance(value, dict) else "bytes"


def form_of_time(text: str) -> str:
    """How a time is spelled: one of the two known forms, or a picture of it with 0 for each digit."""
    if _MILLISECONDS.fullmatch(text):
        return MILLISECONDS
    if _OFFSET.fullmatch(text):
        return OFFSET
    return re.sub("[0-9]", "0", text) if _MOMENT.fullmatch(text) else "text that is no time"


def about(count: int) -> str:
    """A number of things, as a range."""
    if count <= 1:
        return str(count)
    upper = 10
    while count > upper:
        upper *= 10
    return "2-10" if upper == 10 else f"{upper // 10 + 1}-{upper}"
