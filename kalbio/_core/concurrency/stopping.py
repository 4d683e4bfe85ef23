"""Stops the threads of a bulk call: what waits stops waiting, what reads stops reading, nothing more is sent.

Ctrl-C reaches the main thread alone. A bulk call that ends by it sets its stop, which its threads find in their
context.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, ContextVar

_current: ContextVar[Stop | None] = ContextVar("stop", default=None)


class Stopped(BaseException):
    """The bulk call that this was done for has been interrupted.

    Not an Exception: it is no failure of a request, and must not be taken for one.
    """


class Stop:
    """Says once and for all that a bulk call has ended, and ends the waits and connections that belong to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_stopped = threading.Event()
        self._dependents: set[socket.socket | Stop] = set()

    def is_set(self) -> bool:
        """Whether it has been said."""
        return self._is_stopped.is_set()

    def check(self) -> None:
        """Raise Stopped when it has been said."""
        if self._is_stopped.is_set():
            raise Stopped

    def wait(self, seconds: float) -> bool:
        """Wait until it is said, for so long at most. Returns whether it was."""
        return self._is_stopped.wait(seconds)

    def add(self, dependent: socket.socket | Stop) -> None:
        """Shut this socket down, or set this stop, when it is said. Raises Stopped when it has been said already."""
        with self._lock:
            self.check()
            self._dependents.add(dependent)

    def discard(self, dependent: socket.socket | Stop) -> None:
        """Leave this socket or stop alone from now on."""
        with self._lock:
            self._dependents.discard(dependent)

    def signal(self) -> None:
        """End all waits, and let nothing more be begun; what is on its way may still end."""
        with self._lock:
            self._is_stopped.set()
            inner = [dependent for dependent in self._dependents if isinstance(dependent, Stop)]
        for stop in inner:
            stop.signal()

    def set(self) -> None:
        """End all waits, and shut the sockets down."""
        self.signal()
        with self._lock:
            dependents, self._dependents = self._dependents, set()
        for each in dependents:
            if isinstance(each, Stop):
                each.set()
            else:
                # Not the method of a TLS socket: it lets go of the encryption first, and another thread may be sending.
                with suppress(OSError):
                    socket.socket.shutdown(each, socket.SHUT_RDWR)


def current_stop() -> Stop | None:
    """Return the stop of the bulk call that this thread works for; None outside of one."""
    return _current.get()


def raise_if_stopped() -> None:
    """Raise Stopped when the bulk call that this thread works for has been interrupted."""
    stop = _current.get()
    if stop is not None:
        stop.check()


@contextmanager
def new_stop() -> Iterator[Stop]:
    """Make a stop for a bulk call. It is set with that of the bulk call around it, if there is one."""
    stop, outer = Stop(), _current.get()
    if outer is not None:
        outer.add(stop)
    try:
        yield stop
    finally:
        if outer is not None:
            outer.discard(stop)


def enter(context: Context, stop: Stop) -> Context:
    """Let what runs in a context find this stop."""
    context.run(_current.set, stop)
    return context
