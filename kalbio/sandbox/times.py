"""The two timestamp spellings of the API, and a clock that never shows the same instant twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Python reads more: weeks, dates without hyphens, any text between date and time.
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


class Clock:
    """Instants as microseconds since 1970, strictly increasing, so that "newest first" is always well defined."""

    def __init__(self, now: Callable[[], datetime] | None = None, last: int = 0) -> None:
        """Follow a source of time, but never fall back to `last`."""
        self._now = now or (lambda: datetime.now(UTC))
        self._last = last

    def now(self) -> datetime:
        """The current time, in UTC."""
        return as_utc(self._now())

    def tick(self) -> int:
        """A new instant, later than every one handed out before."""
        self._last = max(to_micros(self._now()), self._last + 1)
        return self._last


def as_utc(moment: datetime) -> datetime:
    """The same moment in UTC; a moment without a zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (as_utc(moment) - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The moment that many microseconds after 1970."""
    return _EPOCH + micros * _MICROSECOND


def milliseconds(micros: int) -> str:
    """`2025-10-17T18:11:41.180Z`: truncated, never rounded, as the server does."""
    moment = from_micros(micros)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def microseconds(micros: int) -> str:
    """`2025-10-20T16:01:57.94647+00:00`: trailing zeros dropped, at least one digit kept."""
    moment = from_micros(micros)
    fraction = f"{moment.microsecond:06d}".rstrip("0") or "0"
    return f"{moment.replace(tzinfo=None, microsecond=0).isoformat()}.{fraction}+00:00"


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
