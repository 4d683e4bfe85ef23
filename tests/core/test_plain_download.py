"""Downloads from an address that somebody else chose."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kalbio._core.files.plain_download import save_url
from tests.rows import row


@contextmanager
def answering(status: int, headers: dict[str, str], body: bytes) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that answers everything like this; yields its address and the headers of what was asked."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/file?signature=1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_file_is_fetched_without_credentials(tmp_path: Path) -> None:
    """The file comes whole, and the request has no header that says who asks."""
    with answering(200, {"content-length": "3"}, b"abc") as (url, asked):
        save_url(url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"abc"
    assert set(asked[0]) <= {"host", "user-agent", "accept-encoding", "connection"}


def test_what_is_not_the_whole_file_is_not_kept(tmp_path: Path) -> None:
    """A redirect, a refusal, a broken answer and a file that is too large leave nothing behind."""
    rows: list[tuple[int, dict[str, str], bytes]] = [
        (302, {"location": "http://127.0.0.1:1/elsewhere"}, b""),
        (404, {}, b"no"),
        (200, {"content-length": "9"}, b"abc"),
        (200, {"content-length": "101"}, b"a" * 101),
        (200, {}, b"a" * 101),
    ]
    for status, headers, body in rows:
        with row(status, headers), answering(status, headers, body) as (url, asked), pytest.raises(OSError):  # noqa: PT011
            save_url(url, tmp_path / "file", limit=100)
        assert len(asked) == 1
        assert list(tmp_path.iterdir()) == []


def test_only_web_addresses_are_fetched(tmp_path: Path) -> None:
    """Files of this machine, other protocols and passwords in the address are refused before anything is opened."""
    for url in ("file:///etc/passwd", "ftp://host/x", "/etc/passwd", "http://me:x@host/", "http:///x", "data:,x"):
        with row(url), pytest.raises(ValueError, match="http"):
            save_url(url, tmp_path / "file")
