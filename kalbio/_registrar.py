# Derived from kalbio/aio/_registrar.py by scripts/regenerate; edit that file. (digest 7dff53433235)
"""What a registrar does with an event: fetches what it tells of, reports results once, and finds what it has missed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaleidoscope_api.api.registration import (
    list_registration_files,
    list_registration_submissions,
    submit_registration_results,
    submit_submission_results,
)

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.constants import JOURNAL_REST
from kalbio._core.errors import APIError, IdentifierNotFoundError, NotFoundError, TransportError
from kalbio._core.files.filenames import safe_name
from kalbio._core.files.plain_download import save_url
from kalbio._core.objects.identifiers import Many
from kalbio._core.objects.listing import read_items
from kalbio._core.sync.concurrency import in_thread, map_bounded
from kalbio._core.text.display import safe_repr
from kalbio._model.registering import Fate, Results, Sent, Ticket, fate_of, has_begun_anew, results_are_in
from kalbio._model.registration import (
    RegistrationFileWithErrors,
    RegistrationSubmissionWithErrors,
    has_ended,
    results_body,
)
from kalbio._model.webhooks import DraftsSubmitted, RegistrationSubmitted, WebhookEvent
from kalbio.reading import Rows, read_rows

if TYPE_CHECKING:
    from kalbio.activities import Activity
    from kalbio.client import KaleidoscopeClient
    from kalbio.records import Record
    from kalbio.registration import RegistrationFileStatusEnum, RegistrationResultStatusEnum
else:
    # For those who resolve annotations.
    Activity = KaleidoscopeClient = Record = RegistrationFileStatusEnum = RegistrationResultStatusEnum = Any

__all__ = ["ReceivedDrafts", "ReceivedEvent", "ReceivedFile"]

_LISTS_AT_ONCE = 4


class TooEarlyError(Exception):
    """Results may still be under way; `wait` says for how many seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"what was sent may still be under way for {wait:.1f} s")
        self.wait = wait


class ReceivedEvent:
    """An event as a handler gets it.

    Attributes:
        event: what the platform told, as `parse_webhook` reads it; `event.raw` is all of it.
        client: the client to work with.
        key: what tells the event from others.
        attempt: how often it was tried, this time included.
        source: "webhook", or "catch-up" for what was found at the API because no webhook had told of it.
    """

    event: WebhookEvent

    def __init__(self, event: WebhookEvent, client: KaleidoscopeClient, ticket: Ticket) -> None:
        self.event = event
        self.client = client
        self.key = ticket.key
        self.attempt = ticket.attempt
        self.source = ticket.source
        self._ticket = ticket

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key}>"

    def close(self) -> None:
        """Delete what was fetched."""


class _ReceivedRegistration(ReceivedEvent):
    """What files and drafts share."""

    event: RegistrationSubmitted | DraftsSubmitted

    @property
    def operation_id(self) -> str:
        """The activity."""
        return self.event.operation_id

    @property
    def record_ids(self) -> list[str]:
        """The records or drafts that it is about."""
        return self.event.record_ids

    def records(self) -> list[Record]:
        """Return the records or drafts that it is about. API operation: `listRecords`."""
        return self.client.records.get_records_by_ids(self.record_ids)

    def status(self) -> RegistrationFileWithErrors | RegistrationSubmissionWithErrors | None:
        """Return the registration as it stands at the platform now, None when it is not there."""
        raise NotImplementedError

    def submit(
        self,
        results: Results | Iterable[Mapping[str, Any]] | None = None,
        message: str | None = None,
        *,
        status: RegistrationResultStatusEnum | str = "success",
        key_field_names: Many[str] | None = None,
    ) -> bool:
        """Report the results, once: what was sent before, also by a process that was killed, is not sent again.

        Args:
            results: the outcome of each record, as `Results` or as `submit_results` takes them.
            message: a message for people to read.
            status: "success", or "error" when the whole has failed.
            key_field_names: which names in the `data` of the records are key fields.

        Returns:
            True; False when results were in already, and nothing was sent.

        Raises:
            ValueError: an outcome is incomplete, or is missing for a draft; nothing was sent.
            IdentifierNotFoundError: the platform does not have this registration; nothing was sent.
            OutcomeUnknownError: the answer was lost. Let it pass: the event is tried again, which begins with a look at
                what became of them.
            KalbioAPIError: the server refused.
        """
        rows = results.records if isinstance(results, Results) else results
        if isinstance(results, Results):
            message = results.message(message)
        body = results_body(status, message, key_field_names, rows)
        self._check_rows(body.get("records"))
        ticket = self._ticket
        if ticket.results == "in":
            return False
        if ticket.results == "sending":
            raise RuntimeError("the results were sent and their answer was lost: let the error pass")
        now = self.status()
        if now is None:
            raise IdentifierNotFoundError("registration", self.key)
        if results_are_in(now):
            in_thread(partial(ticket.note, results="in"))
            return False
        sent = Sent(now.status, now.updated_at, body["status"], message, time.time())
        in_thread(partial(ticket.note, results="sending", sent=sent))
        try:
            self.client.session.call(self._request(body))
        except (APIError, TransportError):  # whatever else is raised, they may have arrived
            in_thread(partial(ticket.note, results=None))
            raise
        in_thread(partial(ticket.note, results="in"))
        return True

    def fail(self, message: str) -> bool:
        """Report that the whole has failed, and why; see `submit`."""
        if not isinstance(message, str) or not message.strip():
            raise ArgumentError(f"a registration that failed needs a message; got {safe_repr(message)}")
        return self.submit(None, message, status="error")

    def _check_rows(self, rows: list[dict[str, Any]] | None) -> None:
        """Raise ValueError for outcomes that do not fit the registration."""

    def _request(self, body: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def _settle(self) -> bool:
        """Find out how the registration stands where an earlier attempt has left that open; False when it cannot be."""
        ticket = self._ticket
        if ticket.results == "sending" and ticket.sent is not None:
            wait = JOURNAL_REST - (time.time() - ticket.sent.at)
            if 0 < wait <= JOURNAL_REST:
                raise TooEarlyError(wait)
            now = self.status()
            fate = Fate.UNKNOWN if now is None else fate_of(ticket.sent, now)
            if fate is Fate.UNKNOWN:
                return False
            in_thread(partial(ticket.note, results="in" if fate is Fate.ARRIVED else None))
        if ticket.look and (ticket.handled or ticket.results == "in"):
            now = self.status()
            if now is not None and has_begun_anew(ticket, now):
                in_thread(partial(ticket.note, results=None, sent=None, handled=False, look=False))
        return True

    def _remember_state(self) -> None:
        """Note how the registration stands after a handler that reported nothing, to tell later when it begins anew."""
        now = self.status()
        if now is not None:
            seen = Sent(now.status, now.updated_at)
            results = "in" if results_are_in(now) else None
            in_thread(partial(self._ticket.note, results=results, sent=seen))


class ReceivedFile(_ReceivedRegistration):
    """A file that was registered, as the handler `registration_submitted` gets it.

    Example:
        >>> def registration_submitted(event):
        ...     results = Results()
        ...     records = {str(record): record for record in event.records()}
        ...     for row in event.rows():
        ...         results.ok(records[row["Compound"]], {"Potency (nM)": float(row["Potency"])})
        ...     event.submit(results, "checked")
    """

    event: RegistrationSubmitted

    def __init__(self, event: RegistrationSubmitted, client: KaleidoscopeClient, ticket: Ticket) -> None:
        super().__init__(event, client, ticket)
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def file_id(self) -> str:
        """The file."""
        return self.event.file_id

    @property
    def file_name(self) -> str | None:
        """Its name, if it is known."""
        return self.event.file_name

    def path(self, folder: str | Path | None = None, *, from_url: bool = False) -> Path:
        """Fetch the file, and return where it is.

        Args:
            folder: where to keep it; by default a temporary folder, which is deleted when the handler ends.
            from_url: fetch it from the `file_url` of the webhook, without credentials and without following redirects.
                By default it is fetched by its id, with the client.

        Raises:
            FileNotFoundError: the platform does not have the file.
            ValueError: the webhook has no `file_url`, or one that is no http address.
            KalbioAPIError: the server refused.

        API operation: `downloadActivityFile`.
        """
        if folder is None:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="kalbio-")
            folder = self._folder.name
        if from_url:
            url = self.event.file_url
            if url is None:
                raise ArgumentError(f"the webhook {self.key} has no file_url; fetch the file by its id")
            target = Path(folder) / safe_name(self.file_name, self.file_id)
            in_thread(partial(save_url, url, target))
            return target
        found = self.client.files.download_file(self.file_id, self.file_name, folder, activity_id=self.operation_id)
        if found is None:
            raise FileNotFoundError(f"the platform has no file {self.file_id} of the activity {self.operation_id}")
        return Path(found)

    def read(self, *, from_url: bool = False) -> bytes:
        """Fetch the file, and return its bytes; see `path`."""
        return (self.path(from_url=from_url)).read_bytes()

    def rows(self, *, from_url: bool = False, **options: Any) -> Rows:
        """Fetch the file, and read it as a table.

        Args:
            from_url: see `path`.
            **options: those of `kalbio.reading.read_rows`, e.g. `sheet` or `converters`.

        Raises:
            ValueError: the file cannot be read as a table; what is wrong, where, and the cure.
        """
        path = self.path(from_url=from_url)
        return in_thread(partial(read_rows, path, **options))

    def push_status(self, status: RegistrationFileStatusEnum | str, message: str | None = None) -> None:
        """Report progress, e.g. "validated". API operation: `updateRegistrationFileStatus`."""
        self.client.registration.push_status(self.operation_id, self.file_id, status, message)

    def status(self) -> RegistrationFileWithErrors | None:
        """Return the registration as it stands now, None when it is not there.

        API operation: `listRegistrationFiles`.
        """
        answer = self.client.session.call(list_registration_files.build_request(self.operation_id))
        found = read_items(answer, lambda item: RegistrationFileWithErrors(item, self.client))
        return next((item for item in found if item.file_id == self.file_id), None)

    def _request(self, body: dict[str, Any]) -> dict[str, Any]:
        return submit_registration_results.build_request(self.operation_id, self.file_id, body=body)

    def close(self) -> None:
        """Delete what was fetched into the temporary folder."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


class ReceivedDrafts(_ReceivedRegistration):
    """Drafts that were submitted, for good or for verdicts only."""

    event: DraftsSubmitted

    @property
    def submission_id(self) -> str:
        """The submission."""
        return self.event.submission_id

    def push_status(self, status: RegistrationFileStatusEnum | str, message: str | None = None) -> None:
        """Report progress, e.g. "validated". API operation: `updateSubmissionStatus`."""
        self.client.registration.push_submission_status(self.operation_id, self.submission_id, status, message)

    def status(self) -> RegistrationSubmissionWithErrors | None:
        """Return the submission as it stands now, None when it is not there.

        API operation: `listRegistrationSubmissions`.
        """
        answer = self.client.session.call(list_registration_submissions.build_request(self.operation_id))
        found = read_items(answer, lambda item: RegistrationSubmissionWithErrors(item, self.client))
        return next((item for item in found if item.id == self.submission_id), None)

    def _check_rows(self, rows: list[dict[str, Any]] | None) -> None:
        if rows is None or not self.record_ids:
            return
        given = {row["record_id"] for row in rows}
        for what, ids in (
            ("no outcome for the drafts", [one for one in self.record_ids if one not in given]),
            ("outcomes of drafts that are not part of the submission:", sorted(given - set(self.record_ids))),
        ):
            if ids:
                more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
                raise ArgumentError(f"{what} {', '.join(ids[:5])}{more}")

    def _request(self, body: dict[str, Any]) -> dict[str, Any]:
        return submit_submission_results.build_request(self.operation_id, self.submission_id, body=body)


def received(event: WebhookEvent, client: KaleidoscopeClient, ticket: Ticket) -> ReceivedEvent:
    """Return an event as a handler gets it."""
    if isinstance(event, RegistrationSubmitted):
        return ReceivedFile(event, client, ticket)
    if isinstance(event, DraftsSubmitted):
        return ReceivedDrafts(event, client, ticket)
    return ReceivedEvent(event, client, ticket)


def handle(handler: Callable[[Any], object], event: ReceivedEvent) -> bool:
    """Let a handler have an event, unless it is dealt with; False when it cannot be told what became of its results.

    Raises TooEarlyError while results that were sent may be under way, and what the handler raises.
    """
    ticket = event._ticket
    registration = event if isinstance(event, _ReceivedRegistration) else None
    if registration is not None and not registration._settle():
        return False
    if ticket.handled:
        return True
    try:
        handler(event)
    finally:
        in_thread(event.close)
    in_thread(partial(ticket.note, handled=True))
    if registration is not None and ticket.results is None:
        registration._remember_state()
    return True


def find_unfinished(client: KaleidoscopeClient) -> list[dict[str, Any]]:
    """Return the registrations that wait for results, oldest first in each activity, as payloads of webhooks.

    Asks for the activities, their definitions, and the registrations of each activity that can have some.
    """
    activities = client.activities.get_activities(use_cache=False)
    definitions = {item.id: item for item in client.activities.get_definitions(use_cache=False)}

    def look(activity: Activity) -> list[dict[str, Any]]:
        definition = definitions.get(activity.definition_id or "")
        found: list[dict[str, Any]] = []
        try:
            if definition is not None and definition.registration_property_field_id is not None:
                answer = client.session.call(list_registration_files.build_request(activity.id))
                files = read_items(answer, lambda item: RegistrationFileWithErrors(item, client))
                found += [_of_file(activity, item) for item in reversed(files) if _waits(item)]
            if activity.registration_staging_record_view_id is not None:
                answer = client.session.call(list_registration_submissions.build_request(activity.id))
                submissions = read_items(answer, lambda item: RegistrationSubmissionWithErrors(item, client))
                found += [_of_submission(activity, item) for item in reversed(submissions) if _waits(item)]
        except NotFoundError:  # gone since the list was read
            return []
        return found

    batches = map_bounded(look, list(activities), _LISTS_AT_ONCE)
    return [payload for batch in batches for payload in batch]


def _waits(registration: RegistrationFileWithErrors | RegistrationSubmissionWithErrors) -> bool:
    if isinstance(registration, RegistrationFileWithErrors) and registration.status == "submitted":
        return False  # its results are in, and are worked on
    return not has_ended(registration)


def _of_file(activity: Activity, registration: RegistrationFileWithErrors) -> dict[str, Any]:
    return {
        "event": "registration_submitted",
        "operation_id": activity.id,
        "file_id": registration.file_id,
        "file_name": next(_names(activity, registration.file_id), None),
        "record_ids": list(activity.all_record_ids),
    }


def _names(activity: Activity, file_id: str | None) -> Iterator[str | None]:
    for item in activity.properties:
        content = item.content
        if isinstance(content, Mapping) and content.get("file_id") == file_id:
            yield content.get("file_name")


def _of_submission(activity: Activity, submission: RegistrationSubmissionWithErrors) -> dict[str, Any]:
    asked = "validation_requested" if submission.submission_type == "validation" else "submitted"
    return {
        "event": f"registration_drafts_{asked}",
        "operation_id": activity.id,
        "submission_id": submission.id,
        "record_ids": list(submission.submitted_record_ids or ()),
    }
