"""A lab whose registrar is under test: a sandbox, things to register, and the ways in of the service."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio

from kalbio.activities import Activity
from kalbio.sandbox import Sandbox
from kalbio.testing import InProcess
from kalbio.webhooks import Receiver, receiver

TOKEN = "sandbox-token-of-the-registrar"
OTHER_TOKEN = "sandbox-token-of-somebody-else"


class Lab:
    """A sandbox in this process that keeps the webhooks it would send, and receivers for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent: list[dict[str, Any]] = []
        self.world = InProcess(Sandbox(webhook=self.sent.append), retries=0)
        self.api = self.world.client
        self.receivers: list[Receiver] = []

    def receiver(self, handlers: Any, **options: Any) -> Receiver:
        """A receiver of this lab; its clients are those of the lab, unless others are given."""
        given = {"token": TOKEN, "catch_up_every": None, "client": self.api, "async_client": self.world.async_client}
        made = receiver(handlers, self.folder / "inbox.db", **{**given, **options})
        self.receivers.append(made)
        return made

    def file_registered(self, text: str = "Compound,Potency\nSBX-1,12.1\n", activity: Activity | None = None) -> Any:
        """Register a file; returns the webhook that tells of it."""
        run = activity or self.activity()
        upload = next(item for item in run.properties if item.field_type == "file")
        file_id = (upload.update_property_file("week12.csv", text.encode(), "text/csv") or {})["file_id"]
        self.api.registration.register_file(run, file_id)
        return self.sent[-1]

    def activity(self) -> Activity:
        """An activity with two records that files are registered in."""
        run = self.api.activities.create_activity(
            "Potency", "experiment", activity_definition_id="Assay results registration"
        )
        run.add_records([{"Compound": "SBX-1"}, {"Compound": "SBX-2"}])
        return run

    def drafts_submitted(self, *, validate: bool = False, count: int = 2) -> Any:
        """Submit drafts; returns the webhook that tells of them."""
        batch = self.api.activities.create_activity("B", "experiment", activity_definition_id="Batch registration")
        rows = [{"Compound": f"CPD-{number}"} for number in range(count)]
        self.api.registration.stage_drafts(batch, ["Compound"], rows)
        ask = self.api.registration.validate_drafts if validate else self.api.registration.submit_drafts
        ask(batch)
        return self.sent[-1]

    def status_of(self, payload: Mapping[str, Any]) -> Any:
        """How the registration of a webhook stands."""
        registration = self.api.registration
        if "file_id" in payload:
            found: Any = registration.get_registration_files(payload["operation_id"])
            return next(item for item in found if item.file_id == payload["file_id"])
        found = registration.get_registration_submissions(payload["operation_id"])
        return next(item for item in found if item.id == payload["submission_id"])

    def results_sent(self) -> list[int | None]:
        """What the sandbox made of each report of results that reached it."""
        reports = ("submitRegistrationResults", "submitSubmissionResults")
        return [entry.status for entry in self.world.sandbox.ledger if entry.operation in reports]

    def close(self) -> None:
        """Stop what was started."""
        for made in self.receivers:
            made.stop(1.0)
        self.world.close()


def post(app: Receiver, payload: Any, *, face: str = "asgi", **options: Any) -> tuple[int, dict[str, Any]]:
    """Post an event to one of the faces of a receiver, with its token; returns status and answer."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = options.get("headers", {"authorization": f"Bearer {TOKEN}"})
    method, query = options.get("method", "POST"), options.get("query", "")
    send: Callable[..., tuple[int, bytes]] = {"asgi": post_asgi, "wsgi": post_wsgi}[face]
    status, answer = send(app, method, headers, query, body)
    return status, json.loads(answer) if answer else {}


def post_asgi(
    app: Receiver,
    method: str,
    headers: Mapping[str, str],
    query: str,
    body: bytes,
    *,
    stated: bool = True,
    endless: bool = False,
) -> tuple[int, bytes]:
    """Send a request as an ASGI server does, its body in pieces."""
    pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)] or [b""]
    fields = {"content-length": str(len(body))} if stated else {}
    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in {**fields, **headers}.items()],
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if endless:
            return {"type": "http.request", "body": body, "more_body": True}
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    anyio.run(run)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def post_wsgi(app: Receiver, method: str, headers: Mapping[str, str], query: str, body: bytes) -> tuple[int, bytes]:
    """Send a request as a WSGI server does."""
    told: list[Any] = []
    environ = {
        "REQUEST_METHOD": method,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    }
    answer = b"".join(app.wsgi(environ, lambda status, fields: told.append(status)))
    return int(told[0].split()[0]), answer
