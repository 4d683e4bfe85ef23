"""A loopback server that answers each read of a record with the record that was asked for."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID


def record_ids(count: int) -> list[str]:
    """Ids of so many records."""
    return [str(UUID(int=number)) for number in range(1, count + 1)]


class EchoServer(ThreadingHTTPServer):
    """Knows every record, and lists nothing.

    Attributes:
        connections: how many were made.
        open_connections: how many are open now.
        grants: what each login presented.
        requests: method and path of the others.
        before: called with the path before each answer; it may take its time.
        lifetime: of a token, in seconds.
    """

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, pause: float = 0.0) -> None:
        self.connections = 0
        self.open_connections = 0
        self.grants: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.before: Callable[[str], object] = lambda path: time.sleep(pause)
        self.lifetime = 3600
        self.counting = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients go away in the middle of an answer."""

    def count(self, step: int) -> None:
        """Count a connection that begins or ends."""
        with self.counting:
            self.connections += step > 0
            self.open_connections += step


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: EchoServer

    def setup(self) -> None:
        super().setup()
        self.server.count(1)

    def finish(self) -> None:
        self.server.count(-1)
        with contextlib.suppress(OSError):
            super().finish()

    def answer(self) -> None:
        path = urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.before(path)
        given: Any = []
        if path.endswith("/oauth/token"):
            grant = parse_qs(body.decode())["grant_type"][0]
            self.server.grants.append(grant)
            number = len(self.server.grants)
            given = {
                "access_token": f"sandbox-token-access-{number}",
                "refresh_token": f"sandbox-token-refresh-{number}",
                "expires_in": self.server.lifetime,
            }
        else:
            self.server.requests.append((self.command, path))
            if "/records/" in path:
                record_id = path.rpartition("/")[2]
                given = {"id": record_id, "record_identifier": record_id, "record_values": {}}
        text = json.dumps(given).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def serving(pause: float = 0.0) -> Iterator[EchoServer]:
    """Serve within the block; each answer takes so many seconds."""
    with EchoServer(pause) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
