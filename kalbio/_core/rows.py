"""What came of a row that was not sent."""

from __future__ import annotations

from enum import Enum


class Skipped(Enum):
    """Stands in the place of a result."""

    SKIPPED = "skipped"


SKIPPED = Skipped.SKIPPED
