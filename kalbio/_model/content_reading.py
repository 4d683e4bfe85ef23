"""What contents of fields mean: one function for each kind of content. No network.

Each takes a content that is not None, as the platform keeps it, and returns its value, None where there is none.
"""

from __future__ import annotations

import json
import math
import re
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from kalbio._core.objects.times import parse_timestamp
from kalbio._core.objects.uuids import is_uuid

NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?"
"""The text of a number."""

_QUALIFIED = re.compile(rf"(<=|>=|[<>=~\u2248\u2264\u2265]?)\s*({NUMBER})")
_SAME_SIGNS = {"\u2264": "<=", "\u2265": ">=", "\u2248": "~", "=": ""}


class MisfitError(ValueError):
    """A content does not fit its type."""


def read_text(content: Any) -> str:
    """A text."""
    if isinstance(content, str):
        return content
    raise MisfitError


def read_number(content: Any) -> float | None:
    """A number, as such or as its text."""
    if isinstance(content, str):
        if not content.strip():
            return None
        # Python takes 1_000, digits of other scripts and names for what is no number, too.
        if not content.isascii() or "_" in content:
            raise MisfitError
    elif isinstance(content, bool) or not isinstance(content, int | float):
        raise MisfitError
    try:
        number = float(content)
    except (ValueError, OverflowError):
        raise MisfitError from None
    if not math.isfinite(number):
        raise MisfitError
    return number


def read_exact(content: Any) -> Decimal | None:
    """A number with all its digits."""
    if read_number(content) is None:
        return None
    try:
        return Decimal(content.strip() if isinstance(content, str) else str(content))
    except InvalidOperation:
        raise MisfitError from None


def read_whole(content: Any) -> int | None:
    """A number without a fraction."""
    exact = read_exact(content)
    if exact is None:
        return None
    if exact != exact.to_integral_value():
        raise MisfitError
    return int(exact)


def qualified_number(content: Any) -> tuple[str, Decimal] | None:
    """Return the comparison and the number that a content means, None where it is anything else."""
    if isinstance(content, bool) or not isinstance(content, str | int | float):
        return None
    found = _QUALIFIED.fullmatch(str(content).strip())
    return None if found is None else (_SAME_SIGNS.get(found[1], found[1]), Decimal(found[2]))


def read_flag(content: Any) -> bool | None:
    """True or false."""
    if content == "":
        return None
    if isinstance(content, bool):
        return content
    raise MisfitError


_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MIDNIGHT = time()


def read_day(content: Any) -> date | None:
    """A day, as such or as midnight UTC."""
    if content == "":
        return None
    if isinstance(content, str) and _DAY.fullmatch(content):
        try:
            return date.fromisoformat(content)
        except ValueError:
            raise MisfitError from None
    moment = parse_timestamp(content)
    # The platform shows days as midnight UTC; any other time is more than a day.
    if moment is None or moment.utcoffset() != timedelta(0) or moment.time() != _MIDNIGHT:
        raise MisfitError
    return moment.date()


def read_texts(content: Any) -> list[str] | None:
    """A list of texts; a text alone is a list of one."""
    if content == "":
        return None
    items = [content] if isinstance(content, str) else content
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise MisfitError
    return list(items)


def read_file(content: Any) -> dict[str, Any] | None:
    """What the platform says of a file, its id at least."""
    if content == "":
        return None
    if is_uuid(content):
        return {"file_id": content}
    if isinstance(content, dict) and isinstance(content.get("file_id"), str) and content["file_id"]:
        return content
    raise MisfitError


def read_record(content: Any) -> str | None:
    """The id of a record."""
    if content == "":
        return None
    if is_uuid(content):
        return str(content)
    raise MisfitError


def as_it_stands(content: Any) -> str:
    """Return a content as text: text as it is, anything else as JSON."""
    if isinstance(content, str):
        return content
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
