"""A connection of the server: it can be broken on purpose, and waits for its client for a limited time only."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Callable
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from kalbio.sandbox.calls import Refusal

LIMIT = 1000
"""How many connections there may be."""
PATIENCE = 30.0
"""Seconds in which a request must arrive, and an answer be taken; of large ones each further `STEP` bytes."""
STEP = 64 * 1024
GRACE = 1.0
"""Seconds in which a client takes its last answer, or asks for it when there are too many connections."""


class Connection(H11Protocol):
    """A connection that the application can break."""

    _held = _stopping = _is_too_many = False
    _arrived = 0
    _arrival: asyncio.TimerHandle | None = None
    _departure: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put itself where the application finds it, and begin to wait for a request."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": self}
        transport.set_write_buffer_limits(0)  # to be told whenever the client does not take what is sent
        self._is_too_many = len(self.connections) > LIMIT
        if self._is_too_many:
            self._expect(GRACE, self._turn_away)
        else:
            self._expect(PATIENCE, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request, which gives the rest of it more time."""
        if self._is_too_many:
            self._turn_away()
            return
        super().data_received(data)
        self._arrived += len(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._expect(None)
        elif self._arrival is None or self._arrived >= STEP:
            self._expect(PATIENCE, self._give_up)

    def pause_writing(self) -> None:
        """Begin to wait for the client to take what was sent."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Everything was taken."""
        super().resume_writing()
        if self._departure is not None:
            self._departure.cancel()
            self._departure = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._expect(None)
        super().connection_lost(exc)
        self.resume_writing()

    def shutdown(self) -> None:
        """Close when nothing is under way; what has not arrived yet is not waited for."""
        super().shutdown()
        self._stopping = True
        if self._is_too_many or self.conn.their_state is h11.SEND_BODY:
            self.transport.abort()
        self.hold(self._held)

    def hold(self, held: bool) -> None:
        """Tell that an answer is held back, so that nobody waits for it when the server stops."""
        self._held = held
        if held and self._stopping:
            self.transport.abort()

    def reset(self) -> None:
        """Break it as a crash does: the peer gets a RST."""
        no_linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        self.transport.abort()

    def _expect(self, seconds: float | None, otherwise: Callable[[], None] | None = None) -> None:
        """Wait so long for something to arrive, or for nothing."""
        self._arrived = 0
        if self._arrival is not None:
            self._arrival.cancel()
        self._arrival = None if seconds is None or otherwise is None else self.loop.call_later(seconds, otherwise)

    def _watch(self, size: int) -> None:
        self._departure = self.loop.call_later(PATIENCE, self._look_again, size)

    def _look_again(self, size: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left > size - STEP:
            self.reset()  # left to itself the system would go on offering what it holds
        else:
            self._watch(left)

    def _turn_away(self) -> None:
        self._end(503, f"there are too many connections: {LIMIT} at most")

    def _give_up(self) -> None:
        self._end(408, f"the request did not arrive in time: {PATIENCE:g} s, and as long for each {STEP} bytes")

    def _end(self, status: int, message: str) -> None:
        """Say why, unless an answer has begun, and close."""
        self._expect(None)
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = json.dumps(Refusal(status, message).body()).encode()
            self.transport.write(
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nconnection: close\r\nretry-after: 1\r\n"
                f"content-type: application/json; charset=utf-8\r\ncontent-length: {len(body)}\r\n\r\n".encode()
                + body
            )
        self.transport.close()
        self.loop.call_later(GRACE, self.transport.abort)
