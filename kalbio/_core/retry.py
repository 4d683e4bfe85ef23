"""Whether and when to try again. Pure: what happened goes in, a decision comes out.

The rule: a request that certainly was not processed (no connection, 421, 425, 429, 503 with Retry-After) may be
repeated whatever it does; one whose answer was lost, or that ended in 408 or another 5xx, only when repeating does no
harm.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

import attrs

from kalbio._core import constants
from kalbio._core.errors import SettingError
from kalbio._core.text.display import safe_repr

# The connection leads to a server that is not the one asked for; the request came too early; there are too many.
_NOT_PROCESSED = frozenset({421, 425, 429})


class AttemptResult(Enum):
    """What happened to an attempt."""

    NOT_SENT = "not sent"
    """No connection was made: the server knows nothing of it."""
    THROTTLED = "turned away"
    """421, 425, 429, or 503 with Retry-After: the server did not process it."""
    LOST = "lost"
    """Sent, but no complete answer."""
    SERVER_FAILED = "server failed"
    """408, or another 5xx: it may have been processed, in part or as a whole."""
    REFUSED = "refused"
    """An answer that repeating does not change: any other status of 400 or more, or 501."""


def _check_attempts(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise SettingError(f"{attribute.name} must be a whole number of at least 1; got {safe_repr(value)}")


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _check_wait(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not _is_seconds(value):
        raise SettingError(f"{attribute.name} must be a number of seconds, at least 0; got {safe_repr(value)}")


def _check_deadline(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not (_is_seconds(value) and value > 0):
        raise SettingError(
            f"{attribute.name} must be a number of seconds above 0, or None for no deadline; got {safe_repr(value)}"
        )


@attrs.frozen
class RetryPolicy:
    """How often and how patiently to try again.

    Attributes:
        attempts: tries in total; 1 means no retries.
        base: first back-off in seconds; it doubles with each try. Each wait is a random time between 0 and the back-off
            (full jitter).
        max_wait: longest single wait in seconds. If the server asks for a longer one, the client gives up.
        deadline: longest time in seconds for one request with everything it does: waiting for its turn, logging in,
            sending, reading, and trying again. A call that needs several requests has it for each of them. With None
            there is no deadline, but no try begins later than two minutes after the first. Uploads, and downloads once
            they have begun, may take longer.
    """

    attempts: int = attrs.field(default=constants.RETRY_ATTEMPTS, validator=_check_attempts)
    base: float = attrs.field(default=constants.RETRY_BASE, validator=_check_wait)
    max_wait: float = attrs.field(default=constants.RETRY_MAX_WAIT, validator=_check_wait)
    deadline: float | None = attrs.field(default=None, validator=_check_deadline)

    @classmethod
    def of(cls, value: int | RetryPolicy | None) -> RetryPolicy:
        """Return the policy meant by a number of retries, by a `RetryPolicy`, or by None (the defaults)."""
        if value is None:
            return cls()
        if isinstance(value, RetryPolicy):
            return value
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise SettingError(f"retries must be a RetryPolicy or a whole number, at least 0; got {safe_repr(value)}")
        return cls(attempts=value + 1)


@attrs.frozen
class Decision:
    """What to do now: wait and try again (`wait` in seconds), or give up (`wait` is None)."""

    wait: float | None
    outcome_unknown: bool = False


def classify(status: int, retry_after: float | None) -> AttemptResult:
    """Say what an HTTP status of 400 or more means for a repetition."""
    if status in _NOT_PROCESSED or (status == 503 and retry_after is not None):
        return AttemptResult.THROTTLED
    if status == 408 or (status >= 500 and status != 501):
        return AttemptResult.SERVER_FAILED
    return AttemptResult.REFUSED


def decide(
    policy: RetryPolicy,
    result: AttemptResult,
    *,
    idempotent: bool,
    replayable: bool,
    attempt: int,
    elapsed: float,
    retry_after: float | None,
    random: Callable[[], float],
) -> Decision:
    """Decide about the next try after `attempt` tries and `elapsed` seconds.

    `replayable` says that the body can be sent once more; `random` draws from 0 to 1.
    """
    maybe_done = result in (AttemptResult.LOST, AttemptResult.SERVER_FAILED)
    give_up = Decision(None, outcome_unknown=maybe_done and not idempotent)
    if result is AttemptResult.REFUSED or give_up.outcome_unknown or not replayable or attempt >= policy.attempts:
        return give_up
    backoff = random() * min(policy.max_wait, policy.base * 2.0 ** (attempt - 1))
    if retry_after is None:
        wait = backoff
    elif retry_after > policy.max_wait:
        return give_up
    else:
        # The server's wait is a minimum; the jitter on top keeps callers that were turned away together apart.
        wait = retry_after + min(backoff, policy.base)
    deadline = constants.RETRY_DEADLINE if policy.deadline is None else policy.deadline
    return give_up if elapsed + wait > deadline else Decision(wait)


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header, in seconds or as an HTTP date; None when there is none that makes sense."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
