"""The two timestamp spellings of the API."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from kalbio._core.emulator.clock import as_utc, from_micros, to_micros

# Python reads more: weeks, dates without hyphens, any text between date and time.
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


def milliseconds(micros: int) -> str:
    """`2025-10-17T18:11:41.180Z`: truncated, never rounded, as the server does."""
    seconds, rest = divmod(micros, 1_000_000)
    return f"{_second(seconds)}.{rest // 1000:03d}Z"


def microseconds(micros: int) -> str:
    """`2025-10-20T16:01:57.94647+00:00`: trailing zeros dropped, at least one digit kept."""
    seconds, rest = divmod(micros, 1_000_000)
    fraction = f"{rest:06d}".rstrip("0") or "0"
    return f"{_second(seconds)}.{fraction}+00:00"


@lru_cache(maxsize=4096)  # the values of an import, of which there are many, are of a few seconds
def _second(seconds: int) -> str:
    return from_micros(seconds * 1_000_000).replace(tzinfo=None).isoformat()


def parse(text: object) -> datetime | None:
    """The moment that `2025-01-31` names, or that with a time `T13:30`, seconds and zone after it, or None."""
    if not isinstance(text, str) or not _ISO.fullmatch(text):
        return None
    try:
        return as_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):  # the second for what lies outside of all years in UTC
        return None


def midnight(text: str) -> str | None:
    """A date set by a user, as the server answers it: midnight UTC with milliseconds. None if it is no date."""
    moment = parse(text)
    if moment is None:
        return None
    return milliseconds(to_micros(moment.replace(hour=0, minute=0, second=0, microsecond=0)))
