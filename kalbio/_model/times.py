"""Reads the timestamps of the platform, which come in two formats."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

EARLIEST = datetime.min.replace(tzinfo=UTC)
"""Stands for a missing timestamp in comparisons, so that such entries count as the oldest."""


def parse_timestamp(value: Any) -> datetime | None:
    """Return the instant that `value` means, or None when it is no timestamp.

    Takes 1 to 6 fractional digits, `Z` or an offset, and dates alone; text without a zone counts as UTC.
    """
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
