"""Webhooks as a registrar reads them."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from kalbio.sandbox import Sandbox
from kalbio.testing import InProcess
from kalbio.webhooks import (
    DraftsSubmitted,
    DraftsValidationRequested,
    RegistrationSubmitted,
    UnknownWebhook,
    WebhookError,
    parse_webhook,
    verify_hmac,
)


def test_what_the_sandbox_sends_is_understood() -> None:
    """The three events of the registration workflow parse to their classes, with the ids of the things they tell of."""
    sent: list[dict[str, Any]] = []
    with InProcess(Sandbox(webhook=sent.append)) as lab:
        api = lab.client
        run = api.activities.create_activity("A", "experiment", activity_definition_id="Assay results registration")
        upload = next(item for item in run.properties if item.field_type == "file")
        file_id = (upload.update_property_file("a.csv", b"a", "text/csv") or {})["file_id"]
        api.registration.register_file(run, file_id)
        batch = api.activities.create_activity("B", "experiment", activity_definition_id="Batch registration")
        api.registration.stage_drafts(batch, ["Compound"], [{"Compound": "CPD-9"}])
        dry = api.registration.validate_drafts(batch)
        api.registration.submit_submission_results(batch, dry.id, "success")
        real = api.registration.submit_drafts(batch)
        assert lab.sandbox.wait_for_webhooks()

    first, second, third = (parse_webhook(json.dumps(payload).encode()) for payload in sent)

    assert isinstance(first, RegistrationSubmitted)
    assert (first.operation_id, first.file_id, first.file_name) == (run.id, file_id, "a.csv")
    assert type(second) is DraftsValidationRequested
    assert second.submission_id == dry.id
    assert type(third) is DraftsSubmitted
    assert third.submission_id == real.id
    assert third.raw == sent[2]


@pytest.mark.parametrize("level", ["data", "payload"])
def test_members_may_lie_one_level_down(level: str) -> None:
    """An envelope around the members does no harm."""
    event = parse_webhook({"type": "registration_submitted", level: {"operation_id": "o", "file_id": "f"}})

    assert isinstance(event, RegistrationSubmitted)
    assert (event.operation_id, event.file_id, event.record_ids, event.file_url) == ("o", "f", [], None)


def test_an_unknown_event_is_kept() -> None:
    """An event of a later platform is no error, and nothing of it is lost."""
    event = parse_webhook('{"event": "record_archived", "record_id": "r"}')

    assert isinstance(event, UnknownWebhook)
    assert event.raw["record_id"] == "r"


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"", "not JSON"),
        ("[]", "object"),
        ({}, "names no event"),
        ({"event": "registration_submitted", "operation_id": "o"}, "lacks file_id"),
        ({"event": "registration_drafts_submitted", "operation_id": "o"}, "lacks submission_id"),
        (
            {"event": "registration_submitted", "operation_id": "o", "file_id": "f", "record_ids": "r"},
            "record_ids .* is not a list",
        ),
    ],
)
def test_a_payload_that_says_too_little_is_refused(payload: Any, text: str) -> None:
    """The error says what is missing or wrong; no id is made up."""
    with pytest.raises(WebhookError, match=text):
        parse_webhook(payload)


def test_a_signature_is_checked() -> None:
    """The HMAC of the body passes, with a prefix or without; another body, secret or digest does not."""
    body = b'{"event": "x"}'
    digest = hmac.new(b"secret", body, hashlib.sha256).hexdigest()

    assert verify_hmac(body, digest, "secret")
    assert verify_hmac(body, f"sha256={digest.upper()}", b"secret")
    assert not verify_hmac(body + b" ", digest, "secret")
    assert not verify_hmac(body, digest, "other")
    assert not verify_hmac(body, "", "secret")
    for algorithm in ("md99", "shake_128"):
        with pytest.raises(ValueError, match=algorithm):
            verify_hmac(body, digest, "secret", algorithm=algorithm)
