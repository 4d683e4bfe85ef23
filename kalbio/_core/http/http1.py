"""One side of HTTP/1.1 on one connection, without the connection: what to write, and what was read.

The protocol itself is the work of h11. What is added is that a connection says whether it may be used again: never when
bytes are left over after an answer, because they would be taken for the answer to the next request.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import h11

from kalbio._core.http.httpx_names import LocalProtocolError, ReadError, RemoteProtocolError, UnsupportedProtocol

MAX_HEAD = 102_400
"""Bytes that the head of an answer may have."""

READ_SIZE = 65_536

Origin = tuple[bytes, str, int]
"""Scheme, host and port: what a connection leads to."""
Headers = Sequence[tuple[bytes, bytes]]
Head = tuple[int, list[tuple[bytes, bytes]], dict[str, Any]]
"""Status, headers, and the extensions that a response of the HTTP library carries."""


_PORTS = {b"http": 80, b"https": 443}


def origin_of(scheme: bytes, host: bytes, port: int | None) -> Origin:
    """Return what a URL leads to. Raises UnsupportedProtocol for what no HTTP leads to."""
    if scheme not in _PORTS:
        raise UnsupportedProtocol(f"{scheme.decode()}:// is neither http:// nor https://")
    if port is not None and port > 65_535:  # the system would take the rest of a division
        raise UnsupportedProtocol(f"there is no port {port}")
    return scheme, host.decode("ascii"), port or _PORTS[scheme]


class CannotBeSent(LocalProtocolError):
    """A request breaks the rules of HTTP, and nothing of it was sent."""


class Exchange:
    """The requests and answers of one connection, one after the other."""

    __slots__ = ("_h11", "_received")

    def __init__(self) -> None:
        self._h11 = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._received = False

    def begin(self, method: bytes, target: bytes, headers: Headers) -> bytes:
        """Return the bytes of the head of a request. Raises CannotBeSent when there can be no such head."""
        self._received = False
        try:
            return self._h11.send(h11.Request(method=method, target=target, headers=list(headers))) or b""
        except h11.LocalProtocolError as error:
            raise CannotBeSent(str(error)) from error

    def body(self, piece: bytes) -> bytes:
        """Return the bytes that carry a piece of the body."""
        try:
            return self._h11.send(h11.Data(data=piece)) or b""
        except h11.LocalProtocolError as error:
            raise LocalProtocolError(str(error)) from error

    def end(self) -> bytes:
        """Return the bytes after the body."""
        try:
            return self._h11.send(h11.EndOfMessage()) or b""
        except h11.LocalProtocolError as error:
            raise LocalProtocolError(str(error)) from error

    def feed(self, data: bytes) -> None:
        """Take what was read from the connection; nothing means that the other side has ended."""
        self._received = self._received or bool(data)
        self._h11.receive_data(data)

    @property
    def answering(self) -> bool:
        """Whether anything was read since the request began."""
        return self._received

    def head(self) -> Head | None:
        """Return the head of the answer, None while more must be read."""
        while True:
            event = self._next()
            if event is None:
                return None
            if isinstance(event, h11.Response):
                extensions = {"http_version": b"HTTP/" + event.http_version, "reason_phrase": event.reason}
                return event.status_code, event.headers.raw_items(), extensions
            if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
                raise RemoteProtocolError("the server changes the protocol, which nobody asked for")

    def piece(self) -> bytes | None:
        """Return the next piece of the body, nothing at its end, None while more must be read."""
        while True:
            event = self._next()
            if event is None:
                return None
            if not isinstance(event, h11.Data):
                return b""
            if event.data:
                return bytes(event.data)

    def _next(self) -> Any:
        try:
            event = self._h11.next_event()
        except h11.RemoteProtocolError as error:
            if not self._received:
                raise ReadError("the server closed the connection without an answer") from error
            raise RemoteProtocolError(str(error)) from error
        if event is h11.NEED_DATA:
            return None
        if isinstance(event, h11.ConnectionClosed):
            raise ReadError("the server closed the connection without an answer")
        return event

    def next_cycle(self) -> bool:
        """Make ready for another request; False when this connection must not be used again."""
        done = self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE
        if not done or self._h11.trailing_data != (b"", False):  # more bytes, and whether the other side has ended
            return False
        self._h11.start_next_cycle()
        return True

    @property
    def left_over(self) -> bool:
        """Whether bytes came after the end of the answer."""
        return self._h11.their_state is h11.DONE and bool(self._h11.trailing_data[0])
