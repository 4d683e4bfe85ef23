"""Times: those of answers are instants that can be compared, those that are sent say what they mean."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import UnreadableTimeError
from kalbio._core.json.strict_json import NO_ZONE, is_midnight
from kalbio._core.text.display import safe_repr

Order: TypeAlias = tuple[datetime, str]
"""What times are compared by: the instant in microseconds, and what it has beyond them."""

ABSENT: Order = (datetime.min.replace(tzinfo=UTC), "")
"""Stands for a time that is not there, so that such entries count as the oldest."""

# What the platform writes; the rest takes ten times as long.
_USUAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)

_ISO = re.compile(
    r"""(?P<year>\d{4})
    (?: -(?P<month>\d\d)-(?P<day>\d\d) | (?P<basic>\d{4}) | -?W(?P<week>\d\d)-?(?P<weekday>\d) | -?(?P<nth>\d{3}) )
    (?: [Tt ] (?P<hour>\d\d) (?: :?(?P<minute>\d\d) (?: :?(?P<second>\d\d) )? )? (?: [.,](?P<fraction>\d*) )?
        [ ]? (?P<zone> [Zz] | (?P<sign>[+\-\N{MINUS SIGN}])
            (?P<hours>\d\d)(?: :?(?P<minutes>\d\d)(?: :?(?P<seconds>\d\d) )? )? )? )?""",
    re.ASCII | re.VERBOSE,
)


def parse_timestamp(value: Any) -> datetime | None:
    """Return the instant that `value` means, or None when it is no timestamp.

    Takes all spellings of RFC 3339 and those of ISO 8601 that mean an instant or a day: `Z` or `z`, any number of
    fractional digits, the basic format, weeks and days of the year, the end of a day (24:00) and leap seconds (:60,
    which become the last microsecond of their minute). Text without a zone counts as UTC.
    """
    found = _read(value)
    return None if found is None else found[0]


@lru_cache(maxsize=4096)
def usual_time(text: str) -> datetime | None:
    """Return the instant of text in the spelling of the platform, None for any other.

    It is remembered: many values are written at the same time.
    """
    if _USUAL.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # a leap second, the end of a day, or none
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def read_time(value: Any, what: str) -> datetime | None:
    """Return the instant that a member of an answer means, None when it is not there.

    Raises UnreadableTimeError naming `what`: taken for absent, it would make the newest the oldest.
    """
    if value is None or value == "":
        return None
    moment = parse_timestamp(value)
    if moment is None:
        raise UnreadableTimeError(what, value)
    return moment


def order_of(value: Any, what: str) -> Order:
    """Return what a time of an answer is compared by. Raises UnreadableTimeError naming `what`."""
    if value is None or value == "":
        return ABSENT
    found = _read(value)
    if found is None:
        raise UnreadableTimeError(what, value)
    return found


def _read(value: Any) -> Order | None:
    if not isinstance(value, str):
        return None
    moment = usual_time(value)
    if moment is not None:
        return moment, ""
    match = _ISO.fullmatch(value)
    if match is None:
        return None
    try:
        return _instant(match)
    except (ValueError, OverflowError):  # the 30th of February, the year 0, an offset of 30 hours
        return None


def _instant(match: re.Match[str]) -> Order:
    year, basic = int(match["year"]), match["basic"]
    if match["week"]:
        day = date.fromisocalendar(year, int(match["week"]), int(match["weekday"]))
    elif match["nth"]:
        day = date(year, 1, 1) + timedelta(int(match["nth"]) - 1)
        if day.year != year:
            raise ValueError("no such day")
    else:
        day = date(year, int(match["month"] or basic[:2]), int(match["day"] or basic[2:]))
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    fraction = match["fraction"] or ""
    rest = ""
    if match["second"]:
        micro, rest = int(fraction[:6].ljust(6, "0")), fraction[6:].rstrip("0")
    else:  # of the last unit that is there
        micro = (60 if match["minute"] else 3600) * 10**6 * int(fraction[:20] or 0) // 10 ** len(fraction[:20])
    if second == 60:
        # After all of the second before it, and before the next one: the sign follows the digits.
        second, micro, rest = 59, 999_999, f":{fraction.rstrip('0')}"
    whole_day = timedelta(0)
    if hour == 24 and not (minute or second or micro or rest):
        hour, whole_day = 0, timedelta(1)
    zone = UTC
    if match["sign"]:
        hours, minutes, seconds = (int(match[name] or 0) for name in ("hours", "minutes", "seconds"))
        offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        zone = timezone(offset if match["sign"] == "+" else -offset)
    start = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone)
    return start + whole_day + timedelta(microseconds=micro), rest


def check_moment(name: str, value: Any) -> Any:
    """Return a date, a datetime, or the ISO text of one, where an instant is meant.

    Raises ValueError naming the argument, also for a time of day without a zone: the platform would take it for UTC.
    """
    if _kind(name, value) in ("midnight", "vague"):
        raise ArgumentError(f"{name} is {safe_repr(value)}: {NO_ZONE}")
    return value


def check_day(name: str, value: Any) -> Any:
    """Return a date, a datetime, or the ISO text of one, where a day is meant; midnight without a zone is one.

    Raises ValueError naming the argument, also for another time of day without a zone.
    """
    if _kind(name, value) == "vague":
        raise ArgumentError(f"{name} is {safe_repr(value)}: {NO_ZONE}")
    return value


def _no_time(name: str, value: Any) -> str:
    return f"{name} must be a date, a datetime or the text of one such as '2026-03-01'; got {safe_repr(value)}"


def _kind(name: str, value: Any) -> Literal["day", "midnight", "vague", "instant"]:
    """Return what a time says: a day, midnight or another time of day without a zone, or an instant."""
    if isinstance(value, str):
        match = _ISO.fullmatch(value)
        if match is None or _read(value) is None:
            raise ArgumentError(_no_time(name, value))
        if not match["hour"]:
            return "day"
        if match["zone"]:
            return "instant"
        return "vague" if value[match.start("hour") :].strip("0:., ") else "midnight"
    if not isinstance(value, date) or value != value:  # a missing time of pandas passes for a datetime
        raise ArgumentError(_no_time(name, value))
    if not isinstance(value, datetime):
        return "day"
    if value.utcoffset() is not None:
        return "instant"
    return "midnight" if is_midnight(value) else "vague"


def in_seconds(value: float) -> datetime | float:
    """Return the instant that is so many seconds after the beginning of 1970; what is none as it is."""
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return value
