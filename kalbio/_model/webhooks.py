"""Reads the webhooks by which the platform tells a registrar what to do. No network."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.text.display import safe_repr


class WebhookError(ValueError):
    """A payload that is no webhook of the platform, or lacks what it must say."""


@attrs.frozen
class WebhookEvent:
    """Something that the platform tells.

    Attributes:
        event: its name, e.g. "registration_submitted".
        raw: the payload as it came.
    """

    event: str
    raw: Mapping[str, Any] = attrs.field(repr=False)


@attrs.frozen
class RegistrationSubmitted(WebhookEvent):
    """A file was registered.

    Attributes:
        operation_id: the activity it belongs to.
        file_id: the file.
        file_url: where it can be downloaded, if the platform says so.
        file_name: its name.
        record_ids: the records that go with it.
    """

    operation_id: str
    file_id: str
    file_url: str | None
    file_name: str | None
    record_ids: list[str] = attrs.field(repr=safe_repr)


@attrs.frozen
class DraftsSubmitted(WebhookEvent):
    """Drafts were submitted for registration.

    Attributes:
        operation_id: the activity they belong to.
        submission_id: the submission.
        record_ids: the drafts.
    """

    operation_id: str
    submission_id: str
    record_ids: list[str] = attrs.field(repr=safe_repr)


@attrs.frozen
class DraftsValidationRequested(DraftsSubmitted):
    """Verdicts on drafts are asked for; nothing is to be registered."""


@attrs.frozen
class UnknownWebhook(WebhookEvent):
    """An event that this version does not know; `raw` has all of it."""


def parse_webhook(payload: bytes | str | Mapping[str, Any]) -> WebhookEvent:
    """Return the event that a payload tells of.

    Args:
        payload: the body of the request, or the object it was parsed to.

    Returns:
        `RegistrationSubmitted`, `DraftsSubmitted`, `DraftsValidationRequested`, or `UnknownWebhook`.

    Raises:
        WebhookError: the payload is no JSON object, names no event, lacks an id that the event must have, or has
            record_ids that are no list.

    Example:
        >>> event = parse_webhook('{"event": "registration_submitted", "operation_id": "o-1", "file_id": "f-1"}')
        >>> event.file_id
        'f-1'
    """
    raw = _as_object(payload)
    inner: list[Mapping[str, Any]] = [raw[name] for name in ("data", "payload") if isinstance(raw.get(name), Mapping)]
    members = {**raw, **(inner[0] if inner else {})}
    names = (members.get(name) for name in ("event", "event_type", "type"))
    event = next((name for name in names if isinstance(name, str)), None)
    if event is None:
        raise WebhookError(f"the payload names no event; it has {', '.join(sorted(raw)) or 'nothing'}")
    kind = _KINDS.get(event, UnknownWebhook)
    known: dict[str, Any] = {}
    for field in attrs.fields(kind):
        if field.name in ("event", "raw"):
            continue
        value = members.get(field.name)
        if field.name == "record_ids":
            if not isinstance(value, list | None):
                raise WebhookError(f"record_ids of the webhook {event} is not a list")
            known[field.name] = [str(item) for item in value or ()]
        elif value is not None:
            known[field.name] = str(value)
        elif field.name.endswith("_id"):
            raise WebhookError(f"the webhook {event} lacks {field.name}")
        else:
            known[field.name] = None
    return kind(event=event, raw=raw, **known)


def event_key(event: WebhookEvent) -> str:
    """Return the key that tells an event from others: those with the same key are deliveries of one event.

    For the events of the registration workflow it is the event with the ids of the activity and of the file or the
    submission, `registration_submitted:ACTIVITY:FILE`; the platform is not known to send an id of the delivery. Any
    other event is told by all that it says: its name and a digest of the payload.

    Example:
        >>> event_key(parse_webhook('{"event": "registration_submitted", "operation_id": "o-1", "file_id": "f-1"}'))
        'registration_submitted:o-1:f-1'
    """
    if isinstance(event, RegistrationSubmitted):
        parts = [event.operation_id, event.file_id]
    elif isinstance(event, DraftsSubmitted):
        parts = [event.operation_id, event.submission_id]
    else:
        said = json.dumps(event.raw, sort_keys=True, separators=(",", ":")).encode()
        parts = [hashlib.sha256(said).hexdigest()]
    # An id may be any text of JSON, also one that no file can hold.
    return ":".join([event.event, *parts]).encode("utf-8", "backslashreplace").decode()


_KINDS: dict[str, type[WebhookEvent]] = {
    "registration_submitted": RegistrationSubmitted,
    "registration_drafts_submitted": DraftsSubmitted,
    "registration_drafts_validation_requested": DraftsValidationRequested,
}


def _as_object(payload: bytes | str | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(payload, bytes | str):
        try:
            payload = json.loads(payload)
        except (ValueError, RecursionError):
            raise WebhookError("the payload is not JSON") from None
    if not isinstance(payload, Mapping):
        raise WebhookError(f"the payload must be a JSON object, not {type(payload).__name__}")
    return payload


def verify_hmac(body: bytes, signature: str, secret: str | bytes, *, algorithm: str = "sha256") -> bool:
    """Return whether a signature is the HMAC of a body, compared in constant time.

    How, and whether, the platform signs its webhooks is not known. This serves receivers behind a gateway that signs.
    Without a signature, trust nothing but the ids: read the file and the records with the client.

    Args:
        body: the body of the request, byte for byte.
        signature: the hexadecimal digest, with or without a prefix such as "sha256=".
        secret: the shared secret.
        algorithm: a name that `hashlib` knows.

    Raises:
        ValueError: there is no such algorithm.

    Example:
        >>> verify_hmac(b"{}", "sha256=00", "secret")
        False
    """
    # The SHAKE family has no length of its own, so no HMAC.
    if algorithm not in hashlib.algorithms_available or algorithm.startswith("shake"):
        raise ArgumentError(f"there is no hash algorithm {algorithm!r}")
    key = secret.encode("utf-8") if isinstance(secret, str) else secret
    expected = hmac.new(key, body, algorithm).hexdigest()
    return hmac.compare_digest(expected.encode("ascii"), signature.rpartition("=")[2].strip().lower().encode("utf-8"))
