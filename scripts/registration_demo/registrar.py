"""The outside service: receives the webhook, fetches the file, checks each row, reports back."""

from __future__ import annotations

import csv
import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

from kalbio import KaleidoscopeClient
from kalbio.registration import RegistrationFileStatusEnum, RegistrationResultStatusEnum
from scripts.registration_demo.table import KEY, complaint_about, weight_of


class Registrar:
    """Handles the events that the receiver has taken in, one after the other."""

    def __init__(self) -> None:
        self.events: Queue[dict[str, Any]] = Queue()

    def handle(self, event: dict[str, Any], client: KaleidoscopeClient) -> dict[str, str]:
        """Process one registration; return the complaint about each bad row by drug."""
        operation, file_id = event["operation_id"], event["file_id"]
        with tempfile.TemporaryDirectory() as folder:
            path = client.files.download_file(file_id, event.get("file_name"), folder, activity_id=operation)
            if path is None:
                raise RuntimeError(f"the file {file_id} of the webhook is not there")
            with Path(path).open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
        complaints = {row[KEY]: text for row in rows if (text := complaint_about(row)) is not None}
        verdict = f"{len(rows) - len(complaints)} of {len(rows)} rows are right"
        client.registration.push_status(operation, file_id, RegistrationFileStatusEnum.VALIDATED, verdict)

        records = client.records.get_records_by_ids(event["record_ids"])
        by_drug = {client_key(record): record for record in records}
        results: list[dict[str, Any]] = []
        for row in rows:
            record = by_drug[row[KEY]]
            if row[KEY] in complaints:
                results.append({"record_id": record.id, "status": "error", "error_message": complaints[row[KEY]]})
            else:
                data = {"Calculated weight": round(weight_of(row["Formula"]), 2), "Identity confirmed": True}
                results.append({"record_id": record.id, "status": "matched", "data": data})
        client.registration.submit_results(
            operation, file_id, RegistrationResultStatusEnum.SUCCESS, verdict, records=results
        )
        return complaints


def client_key(record: Any) -> str:
    """Return the name of the drug that a record is about."""
    return str(record.record_identifier)


@contextmanager
def receiving(registrar: Registrar) -> Iterator[str]:
    """Run a webhook receiver on loopback; yields its URL. It answers at once and leaves the work to the registrar."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            registrar.events.put(json.loads(body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the account readable."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, name="receiver", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
