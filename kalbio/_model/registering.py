"""What a registrar knows about an event that it handles, and about results whose answer was lost. No network."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Literal

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.objects.checks import unicode_text
from kalbio._core.objects.identifiers import plain_id
from kalbio._core.text.display import one_line, safe_repr
from kalbio._model.records import RecordData
from kalbio._model.registration import RegistrationFile, RegistrationSubmission

MOST_ROWS_TOLD = 20


class Fate(StrEnum):
    """What became of results that were sent and not answered."""

    ARRIVED = "arrived"
    LOST = "lost"
    UNKNOWN = "unknown"


@attrs.frozen
class Sent:
    """What was about to be sent, and how the registration stood just before.

    Attributes:
        status: the state of the registration before.
        updated_at: when it had been changed last, as the server wrote it.
        verdict: "success" or "error", as reported.
        message: the message that was reported.
        at: when it was sent, in seconds of the clock of this machine.
    """

    status: str | None
    updated_at: str | None
    verdict: str | None = None
    message: str | None = None
    at: float = 0.0

    def to_json(self) -> str:
        """Return it as text, to be kept."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_json(cls, text: str | None) -> Sent | None:
        """Read what was kept."""
        return None if text is None else cls(**json.loads(text))


@attrs.define
class Ticket:
    """What is on disk about an event that is being handled; `note` changes it there.

    Attributes:
        key: tells the event from others.
        attempt: counts from 1.
        source: "webhook", or "catch-up" for what was found at the API.
        results: None before they are sent, "sending" from then on, "in" when they have arrived.
        sent: what was sent, or with results that were not sent, how the registration stood when the handler had ended.
        handled: whether the handler has ended well.
        look: whether the event came again, so that it must be asked whether the registration has begun anew.
        save: writes it to disk; it is there when this returns.
    """

    key: str
    attempt: int
    source: str
    results: Literal["sending", "in"] | None
    sent: Sent | None
    handled: bool
    look: bool
    save: Callable[[Ticket], None] = attrs.field(repr=False)

    def note(self, **changes: Any) -> None:
        """Change it, on disk first."""
        changed = attrs.evolve(self, **changes)
        self.save(changed)
        for name in changes:
            setattr(self, name, getattr(changed, name))


def results_are_in(registration: RegistrationFile | RegistrationSubmission) -> bool:
    """Whether its results are in, so that no more are taken: it is completed or has failed."""
    return registration.status in ("completed", "failed")


def fate_of(sent: Sent, now: RegistrationFile | RegistrationSubmission) -> Fate:
    """Say what became of results, from how the registration stood before they were sent and stands now.

    A state that only results lead to says that they arrived; a registration that nobody has touched says that they did
    not. Whatever else has changed, it may have been them or somebody else.
    """
    if results_are_in(now):
        return Fate.ARRIVED
    unchanged = now.status == sent.status and now.updated_at == sent.updated_at
    if isinstance(now, RegistrationSubmission):
        verdicts = {"success": "validated", "error": "validation_failed"}
        if now.submission_type == "validation":
            told = (verdicts.get(sent.verdict or ""), sent.message)
            if (now.status, now.message) == told and now.status != sent.status:
                return Fate.ARRIVED
    elif now.status == "submitted" != sent.status:  # received, and still worked on
        return Fate.ARRIVED
    return Fate.LOST if unchanged and now.updated_at is not None else Fate.UNKNOWN


def has_begun_anew(ticket: Ticket, now: RegistrationFile | RegistrationSubmission) -> bool:
    """Whether a file that was dealt with was registered again; a submission never is."""
    if not isinstance(now, RegistrationFile) or now.status != "pending":
        return False
    if ticket.results == "in":
        return True
    before = ticket.sent
    return ticket.handled and before is not None and (before.status, before.updated_at) != (now.status, now.updated_at)


class Results:
    """The outcome of each record of a registration.

    Example:
        >>> results = Results()
        >>> results.ok("0a5b3a86-0000-4000-8000-000000000001", {"Potency (nM)": 12.1})
        >>> results.failed("0a5b3a86-0000-4000-8000-000000000002", "a potency is above 0")
        >>> results.row_failed(7, "there is no compound CPD-9")
        >>> results
        <Results: 1 ok, 1 failed, 1 row without a record>
    """

    def __init__(self) -> None:
        self._outcomes: dict[str, dict[str, Any]] = {}
        self._rows: list[str] = []

    def ok(self, record: RecordData | str, data: dict[str, Any] | None = None, *, status: str = "registered") -> None:
        """Report that a record is right.

        Args:
            record: the record or draft, or its id.
            data: field name to value, to be written in the activity.
            status: the verdict, free text.
        """
        if data is not None and not isinstance(data, dict):
            raise ArgumentError(f"data must be a dict of field name to value; got {safe_repr(data)}")
        self._add(record, {"status": unicode_text("status", status), "data": data})

    def failed(self, record: RecordData | str, reason: str, *, status: str = "failed") -> None:
        """Report what is wrong with a record.

        Args:
            record: the record or draft, or its id.
            reason: a text for people to read.
            status: the verdict, free text.
        """
        if not isinstance(reason, str) or not reason.strip():
            raise ArgumentError(f"a record that failed needs a reason; got {safe_repr(reason)}")
        self._add(record, {"status": unicode_text("status", status), "error_message": unicode_text("reason", reason)})

    def row_failed(self, row: int, reason: str) -> None:
        """Report a row of the file that no record can be found for; it is told in the message of the whole."""
        if not isinstance(reason, str) or not reason.strip():
            raise ArgumentError(f"a row that failed needs a reason; got {safe_repr(reason)}")
        self._rows.append(f"row {row}: {one_line(reason)}")

    def _add(self, record: RecordData | str, outcome: dict[str, Any]) -> None:
        record_id = plain_id(record, "record", RecordData)
        if record_id in self._outcomes:
            raise ArgumentError(f"the record {record_id} has an outcome already; give one for each record")
        known = {name: value for name, value in outcome.items() if value is not None}
        self._outcomes[record_id] = {"record_id": record_id, **known}

    @property
    def records(self) -> list[dict[str, Any]]:
        """The outcomes, as `submit_results` takes them."""
        return list(self._outcomes.values())

    def message(self, text: str | None) -> str | None:
        """Return the message of the whole: your text, and the rows that no record was found for."""
        if not self._rows:
            return text
        some = self._rows[:MOST_ROWS_TOLD]
        more = len(self._rows) - len(some)
        told = f"{_count(len(self._rows), 'row')} without a record: {'; '.join(some)}"
        return "; ".join(filter(None, [text, told, f"and {more} more" if more else None]))

    def __repr__(self) -> str:
        bad = sum("error_message" in outcome for outcome in self._outcomes.values())
        rows = f", {_count(len(self._rows), 'row')} without a record" if self._rows else ""
        return f"<Results: {len(self._outcomes) - bad} ok, {bad} failed{rows}>"


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"
