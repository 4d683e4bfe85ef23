"""What came of a row that was not sent now."""

from __future__ import annotations

from enum import Enum

import attrs

from kalbio._core.errors import OutcomeUnknownError, ResponseError


class Skipped(Enum):
    """Stands in the place of a result."""

    SKIPPED = "skipped"


SKIPPED = Skipped.SKIPPED

OUTCOME_UNKNOWN = (OutcomeUnknownError, ResponseError)
"""What leaves open whether a row is in: a lost answer, and one that cannot be read."""


def interrupted_row_error() -> OutcomeUnknownError:
    """Return what stands in the place of the result of a row that was under way when its load broke off."""
    error = OutcomeUnknownError("", "", "the load broke off while the row was under way", None)
    error.args = (
        "The load broke off while this row was under way: it may or may not be in; look before you send it again.",
    )
    return error


@attrs.frozen
class PriorOutcome:
    """Stands in the place of a result that an earlier run has got; `made` is the id of what the server made."""

    made: str | None
