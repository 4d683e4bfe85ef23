"""What came of a row that was not sent now."""

from __future__ import annotations

from enum import Enum

import attrs

from kalbio._core.errors import KalbioResponseError, UnknownFateError


class Skipped(Enum):
    """Stands in the place of a result."""

    SKIPPED = "skipped"


SKIPPED = Skipped.SKIPPED

UNKNOWN = (UnknownFateError, KalbioResponseError)
"""What leaves open whether a row is in: a lost answer, and one that cannot be read."""


@attrs.frozen
class Earlier:
    """Stands in the place of a result that an earlier run has got; `made` is the id of what the server made."""

    made: str | None
