"""A clock that never shows the same instant twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


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
