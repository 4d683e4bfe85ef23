"""One side of HTTP/1.1 on one connection, without the connection: what to write, and what was read.

The protocol itself is the work of h11, but for messages of the most usual form, which are written and read in a shorter
way. What is added is that a connection says whether it may be used again: never when bytes are left over after an
answer, because they would be taken for the answer to the next request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import h11

from kalbio._core.http import plain_http1
from kalbio._core.http.httpx_names import LocalProtocolError, ReadError, RemoteProtocolError, UnsupportedProtocol

MAX_HEAD = 102_400
"""Bytes that the head of an answer may have."""

READ_SIZE = 65_536

LONG = 524_288
"""Bytes of a body that go out together."""

Origin = tuple[bytes, str, int]
"""Scheme, host and port: what a connection leads to."""
Headers = plain_http1.Headers
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


def in_pieces(data: bytes) -> Iterable[bytes]:
    """Return a body as it goes out: a long one piece by piece, so that it never lies in memory a second time."""
    if len(data) <= LONG:
        return (data,)
    return (data[start : start + LONG] for start in range(0, len(data), LONG))


class CannotBeSent(LocalProtocolError):
    """A request breaks the rules of HTTP, and nothing of it was sent."""


class Exchange:
    """The requests and answers of one connection, one after the other.

    Those of the usual form are written and read by `plain_http1`. Once something else is met, h11 is told what was said
    so far and has the say until the answer is read.
    """

    __slots__ = ("_asked", "_came", "_ended", "_h11", "_left", "_length", "_received", "_said", "_to_say")

    def __init__(self) -> None:
        self._h11: h11.Connection | None = None
        self._received = False
        # What follows is for messages of the usual form: the request, the pieces of its body and how much of that is
        # still to come, what came and was not read yet, the length of the answer's body and how much of that is left.
        self._asked: tuple[bytes, bytes, Headers] = (b"", b"", ())
        self._said: list[bytes] = []
        self._to_say = 0
        self._came = b""
        self._ended = False
        self._length = 0
        self._left: int | None = None

    def begin(self, method: bytes, target: bytes, headers: Headers) -> bytes:
        """Return the bytes of the head of a request. Raises CannotBeSent when there can be no such head."""
        self._received = False
        plain = plain_http1.request_head(method, target, headers)
        if plain is None:
            try:
                return self._by_h11().send(h11.Request(method=method, target=target, headers=list(headers))) or b""
            except h11.LocalProtocolError as error:
                raise CannotBeSent(str(error)) from error
        self._asked, self._said, self._left = (method, target, headers), [], None
        head, self._to_say = plain
        return head

    def _by_h11(self) -> h11.Connection:
        self._h11 = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        return self._h11

    def _give_over(self) -> h11.Connection:
        """Let h11 take over, as if it had been there from the beginning of this request."""
        method, target, headers = self._asked
        protocol = self._by_h11()
        protocol.send(h11.Request(method=method, target=target, headers=list(headers)))
        for piece in self._said:
            protocol.send(h11.Data(data=piece))
        if self._to_say == 0:
            protocol.send(h11.EndOfMessage())
        if self._came:
            protocol.receive_data(self._came)
        if self._ended:
            protocol.receive_data(b"")
        return protocol

    def body(self, piece: bytes) -> bytes:
        """Return the bytes that carry a piece of the body."""
        if self._h11 is None and len(piece) <= self._to_say:
            self._said.append(piece)
            self._to_say -= len(piece)
            return piece
        try:
            return (self._h11 or self._give_over()).send(h11.Data(data=piece)) or b""
        except h11.LocalProtocolError as error:
            raise LocalProtocolError(str(error)) from error

    def end(self) -> bytes:
        """Return the bytes after the body."""
        if self._h11 is None and self._to_say == 0:
            return b""
        try:
            return (self._h11 or self._give_over()).send(h11.EndOfMessage()) or b""
        except h11.LocalProtocolError as error:
            raise LocalProtocolError(str(error)) from error

    def feed(self, data: bytes) -> None:
        """Take what was read from the connection; nothing means that the other side has ended."""
        self._received = self._received or bool(data)
        if self._h11 is not None:
            self._h11.receive_data(data)
        elif data:
            self._came = self._came + data if self._came else data
        else:
            self._ended = True

    @property
    def answering(self) -> bool:
        """Whether anything was read since the request began."""
        return self._received

    def head(self) -> Head | None:
        """Return the head of the answer, None while more must be read."""
        if self._h11 is None:
            if not self._came and not self._ended:
                return None
            plain = plain_http1.answer_head(self._came)
            if plain is not None:
                self._came = self._came[plain.start :]
                self._length = self._left = plain.length
                return plain.status, plain.headers, {"http_version": b"HTTP/1.1", "reason_phrase": plain.reason}
            self._give_over()
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
        if self._h11 is None:
            return self._plain_piece()
        while True:
            event = self._next()
            if event is None:
                return None
            if not isinstance(event, h11.Data):
                return b""
            if event.data:
                return bytes(event.data)

    def _plain_piece(self) -> bytes | None:
        if not self._left:
            return b""
        piece = self._came
        if not piece:
            if self._ended:
                got = f"received {self._length - self._left} bytes, expected {self._length}"
                raise RemoteProtocolError(f"peer closed connection without sending complete message body ({got})")
            return None
        if len(piece) > self._left:
            piece, self._came = piece[: self._left], piece[self._left :]
        else:
            self._came = b""
        self._left -= len(piece)
        return piece

    def _next(self) -> Any:
        assert self._h11 is not None
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
        if self._h11 is None:
            # With a part of the request still to be sent, the next one would be taken for that part.
            if self._ended or self._came or self._left != 0 or self._to_say:
                return False
        else:
            done = self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE
            if not done or self._h11.trailing_data != (b"", False):  # more bytes, and whether the other side has ended
                return False
        # The next one begins anew. Nothing is kept alive by a connection that is idle.
        self._h11, self._asked, self._said, self._came = None, (b"", b"", ()), [], b""
        return True

    @property
    def left_over(self) -> bool:
        """Whether bytes came after the end of the answer."""
        if self._h11 is None:
            return self._left == 0 and bool(self._came)
        return self._h11.their_state is h11.DONE and bool(self._h11.trailing_data[0])
