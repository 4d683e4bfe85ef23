"""What a job is without a network: its kinds, what it leads to, and how it may disappoint those who wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import OutcomeError, WaitTimeoutError
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr

_SUB_TYPES = {
    "PROV_LODGE": (
        "PROV_LODGE_WAKE_UP",
        "MODEL_RUN_PROV_LODGE",
        "MODEL_RUN_LODGE_ONLY",
        "MODEL_RUN_BATCH_SUBMIT",
        "LODGE_CREATE_ACTIVITY",
        "LODGE_VERSION_ACTIVITY",
        "MODEL_RUN_UPDATE",
        "MODEL_RUN_UPDATE_LODGE_ONLY",
    ),
    "REGISTRY": ("REGISTRY_WAKE_UP", "REGISTER_CREATE_ACTIVITY", "REGISTER_VERSION_ACTIVITY"),
    "EMAIL": ("EMAIL_WAKE_UP", "SEND_EMAIL"),
    "REPORT": ("GENERATE_REPORT",),
}
_TYPES = {sub_type: job_type for job_type, sub_types in _SUB_TYPES.items() for sub_type in sub_types}

ENDED = frozenset({"SUCCEEDED", "FAILED"})
"""The statuses of a job that will not change any more."""


class JobFailedError(OutcomeError):
    """A job failed, or one that it led to; the text has what the server says about it.

    Attributes:
        job: the job that failed; of several, the first one.
        outcome: all that was waited for: the job, or the list of the jobs.
    """

    cure = "`job` of the error is the job that failed, with its payload."

    def __init__(self, text: str, outcome: Any, job: Any = None) -> None:
        self.job = job
        super().__init__(text, outcome)


class JobTimeoutError(WaitTimeoutError):
    """A job did not end in time, or does not show up at all.

    Attributes:
        outcome: all that was waited for, as it was last seen: the job, or the list of the jobs.
    """

    cure = "It may go on: wait for it again. One that stays PENDING for long may have been lost by the server."


def type_of(sub_type: Any) -> str:
    """Return the type of a sub type of jobs. Raises ValueError when there is no such sub type."""
    if not isinstance(sub_type, str) or sub_type not in _TYPES:
        raise ArgumentError(f"{safe_repr(sub_type)} is no sub type of jobs.{did_you_mean(sub_type, _TYPES)}")
    return _TYPES[sub_type]


def leads_to(result: Any) -> str | None:
    """Return the session id of the job that one has launched at its end, None when there is none."""
    following = result.get("lodge_session_id") if isinstance(result, Mapping) else None
    return following if isinstance(following, str) and following else None
