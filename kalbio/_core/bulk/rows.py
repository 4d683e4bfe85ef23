"""The outcomes of rows that were not sent in this run."""

from __future__ import annotations

from enum import Enum

import attrs

from kalbio._core.errors import OutcomeUnknownError, ResponseError


class Skipped(Enum):
    """Takes the place of a result when a row was not sent."""

    SKIPPED = "skipped"


SKIPPED = Skipped.SKIPPED

OUTCOME_UNKNOWN = (OutcomeUnknownError, ResponseError)
"""Errors that do not tell whether a row was written: a lost answer, and an answer that cannot be read."""


def interrupted_row_error() -> OutcomeUnknownError:
    """Return the error for a row that was being sent when its load was interrupted."""
    error = OutcomeUnknownError("", "", "the load was interrupted while the row was being sent", None)
    error.args = (
        "The load was interrupted while this row was being sent: it may or may not have been written; "
        "check before you send it again.",
    )
    return error


@attrs.frozen
class PriorOutcome:
    """Takes the place of a result from an earlier run; `made` is the id of what the server created."""

    made: str | None
