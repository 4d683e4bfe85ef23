"""A server on a loopback port whose connections are served by a function, byte by byte."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

Serve = Callable[["Peer"], object]


class Peer:
    """One connection that a client has made."""

    def __init__(self, connected: socket.socket, number: int) -> None:
        self.socket = connected
        self.number = number  # counted from 0
        self._received = b""

    def request(self) -> tuple[str, str, bytes] | None:
        """Read a request: method, target and body; None when the client has ended."""
        while b"\r\n\r\n" not in self._received:
            if not self._more():
                return None
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        while len(self._received) < length:
            if not self._more():
                return None
        body, self._received = self._received[:length], self._received[length:]
        return method, target, body

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65_536)
        except OSError:
            return False
        self._received += data
        return bool(data)

    def send(self, data: bytes) -> None:
        """Send bytes; a client that has gone does not matter."""
        with contextlib.suppress(OSError):
            self.socket.sendall(data)


def answer(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    """An answer of HTTP/1.1 in bytes."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class RawServer:
    """Listens, and serves each connection in a thread."""

    def __init__(self, serve: Serve, context: Any = None) -> None:
        self._serve = serve
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.peers: list[Peer] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._run, args=(connected,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, connected: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                connected = self._context.wrap_socket(connected, server_side=True)
        peer = Peer(connected, len(self.peers))
        self.peers.append(peer)
        with contextlib.suppress(OSError), connected:
            self._serve(peer)

    def close(self) -> None:
        """Listen no more, and end what is open."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in list(self.peers):
            with contextlib.suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)
        self._accepting.join(10)
        for thread in self._threads:
            thread.join(10)


@contextlib.contextmanager
def raw_server(serve: Serve, context: Any = None) -> Iterator[RawServer]:
    """Run such a server within the block."""
    server = RawServer(serve, context)
    try:
        yield server
    finally:
        server.close()
