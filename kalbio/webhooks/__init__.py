"""The registrar's side of registration: reads webhooks, and keeps and handles them so that none is lost.

    from kalbio.webhooks import RegistrationSubmitted, parse_webhook

    event = parse_webhook(request_body)
    if isinstance(event, RegistrationSubmitted):
        client.files.download_file(event.file_id, event.file_name, activity_id=event.operation_id)

`receiver` makes a whole service of a few handlers: an ASGI or WSGI application that writes each event to disk before it
answers, and hands it to a handler until that has succeeded.

Webhooks have not been seen on the wire; their fields follow the platform's documentation. So the parser takes the
members at the top or one level down (in `data` or `payload`), keeps what it does not know in `raw`, and refuses a
payload that lacks an id rather than guess it.
"""

from __future__ import annotations

from kalbio._model.registering import Results
from kalbio._model.webhooks import (
    DraftsSubmitted,
    DraftsValidationRequested,
    RegistrationSubmitted,
    UnknownWebhook,
    WebhookError,
    WebhookEvent,
    event_key,
    parse_webhook,
    verify_hmac,
)
from kalbio._registrar import ReceivedDrafts, ReceivedEvent, ReceivedFile
from kalbio.aio._registrar import AsyncReceivedDrafts, AsyncReceivedEvent, AsyncReceivedFile
from kalbio.webhooks.inbox import Inbox, InboxError, InboxEvent
from kalbio.webhooks.receiver import Receiver, receiver

__all__ = [
    "AsyncReceivedDrafts",
    "AsyncReceivedEvent",
    "AsyncReceivedFile",
    "DraftsSubmitted",
    "DraftsValidationRequested",
    "Inbox",
    "InboxError",
    "InboxEvent",
    "ReceivedDrafts",
    "ReceivedEvent",
    "ReceivedFile",
    "Receiver",
    "RegistrationSubmitted",
    "Results",
    "UnknownWebhook",
    "WebhookError",
    "WebhookEvent",
    "event_key",
    "parse_webhook",
    "receiver",
    "verify_hmac",
]
