"""A connection of the server: it can be broken on purpose, and waits for its client for a limited time only."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from kalbio._core.emulator.messages import Response
from kalbio._core.emulator.refusals import Code, Refusal


@dataclass(frozen=True)
class Limits:
    """What a server takes."""

    connections: int = 1000
    """How many connections there may be."""
    patience: float = 30.0
    """Seconds in which a request must arrive, and an answer be taken; of large ones each further `step` bytes."""
    step: int = 64 * 1024
    grace: float = 1.0
    """Seconds in which a client takes its last answer, or asks for it when there are too many connections."""
    headers: int = 64 * 1024
    """The largest headers of a request, in bytes."""


class Connection(H11Protocol):
    """A connection that the application can break."""

    _held = _stopping = _is_too_many = False
    _arrived = 0
    _arrival: asyncio.TimerHandle | None = None
    _departure: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, limits: Limits, refuse: Callable[[Refusal], Response], **kwargs: Any) -> None:
        """Take the limits of the server, and what makes an answer of a refusal; the rest is what uvicorn gives."""
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._refuse = refuse

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put itself where the application finds it, and begin to wait for a request."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": self}
        transport.set_write_buffer_limits(0)  # to be told whenever the client does not take what is sent
        self._is_too_many = len(self.connections) > self._limits.connections
        if self._is_too_many:
            self._expect(self._limits.grace, self._turn_away)
        else:
            self._expect(self._limits.patience, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request, which gives the rest of it more time."""
        if self._is_too_many:
            self._turn_away()
            return
        super().data_received(data)
        self._arrived += len(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._expect(None)
        elif self._arrival is None or self._arrived >= self._limits.step:
            self._expect(self._limits.patience, self._give_up)

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
        with contextlib.suppress(OSError):  # the peer may have gone first
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        self.transport.abort()

    def _expect(self, seconds: float | None, otherwise: Callable[[], None] | None = None) -> None:
        """Wait so long for something to arrive, or for nothing."""
        self._arrived = 0
        if self._arrival is not None:
            self._arrival.cancel()
        self._arrival = None if seconds is None or otherwise is None else self.loop.call_later(seconds, otherwise)

    def _watch(self, size: int) -> None:
        self._departure = self.loop.call_later(self._limits.patience, self._look_again, size)

    def _look_again(self, size: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left > size - self._limits.step:
            self.reset()  # left to itself the system would go on offering what it holds
        else:
            self._watch(left)

    def _turn_away(self) -> None:
        message = f"there are too many connections: {self._limits.connections} at most"
        self._end(Refusal(503, message, code=Code.TOO_MANY_CONNECTIONS))

    def _give_up(self) -> None:
        patience, step = self._limits.patience, self._limits.step
        message = f"the request did not arrive in time: {patience:g} s, and as long for each {step} bytes"
        self._end(Refusal(408, message, code=Code.REQUEST_TIMEOUT))

    def _end(self, refusal: Refusal) -> None:
        """Say why, unless an answer has begun, and close."""
        self._expect(None)
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            answer = self._refuse(refusal)
            headers = [("connection", "close"), ("retry-after", "1"), *answer.headers]
            headers.append(("content-length", str(len(answer.body))))
            head = "".join(f"{name}: {value}\r\n" for name, value in headers)
            phrase = HTTPStatus(answer.status).phrase
            self.transport.write(f"HTTP/1.1 {answer.status} {phrase}\r\n{head}\r\n".encode("latin-1") + answer.body)
        self.transport.close()
        self.loop.call_later(self._limits.grace, self.transport.abort)
