"""The outside service: receives the webhook, fetches the file, checks each row, reports back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from kalbio import KaleidoscopeClient
from kalbio.webhooks import ReceivedFile, Results, receiver
from scripts.registration_demo.table import KEY, complaint_about, weight_of

TOKEN = "sandbox-token-of-the-demo"  # noqa: S105  for this process alone
_START_LIMIT = 10.0


class Registrar:
    """Handles what its receiver has taken in; afterwards it knows what it has seen."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/?token={TOKEN}"
        self.events: list[Any] = []
        self.complaints: dict[str, str] = {}

    def registration_submitted(self, event: ReceivedFile) -> None:
        """Check one registered file, and report the outcome of each row."""
        self.events.append(event.event)
        rows = event.rows()
        self.complaints = {row[KEY]: text for row in rows if (text := complaint_about(row)) is not None}
        verdict = f"{len(rows) - len(self.complaints)} of {len(rows)} rows are right"
        event.push_status("validated", verdict)

        by_drug = {str(record.record_identifier): record for record in event.records()}
        results = Results()
        for row in rows:
            if row[KEY] in self.complaints:
                results.failed(by_drug[row[KEY]], self.complaints[row[KEY]], status="error")
            else:
                data = {"Calculated weight": round(weight_of(row["Formula"]), 2), "Identity confirmed": True}
                results.ok(by_drug[row[KEY]], data, status="matched")
        event.submit(results, verdict)


@contextmanager
def serving(registrar: Registrar, client: KaleidoscopeClient, folder: str) -> Iterator[None]:
    """Serve the receiver of a registrar from a background thread."""
    app = receiver(registrar, Path(folder) / "inbox.db", token=TOKEN, client=client)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, args=([registrar.listener],), name="receiver", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(_START_LIMIT)
        registrar.listener.close()
