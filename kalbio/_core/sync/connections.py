"""HTTP/1.1 connections for threads: plain sockets. Written by hand on both sides; the twin has asyncio's transports."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf
from threading import Condition, Lock
from typing import Any
from weakref import WeakSet

from kalbio._core import constants
from kalbio._core.concurrency.stopping import Stop, current_stop
from kalbio._core.http.http1 import READ_SIZE, CannotBeSent, Exchange, Head, Headers, Origin, in_pieces
from kalbio._core.http.httpx_names import (
    ConnectError,
    ConnectTimeout,
    LocalProtocolError,
    PoolTimeout,
    ReadError,
    ReadTimeout,
    SyncByteStream,
    WriteError,
    WriteTimeout,
)
from kalbio._core.http.time_limits import Limits


class Connection:
    """One socket, used by one call at a time."""

    __slots__ = ("__weakref__", "_exchange", "_given_up", "_socket", "_stop", "idle_since", "origin")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self._socket: socket.socket | None = None
        self._stop: Stop | None = None
        self._given_up = False
        self._exchange = Exchange()

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # a signal may have broken into its making
            self.close()

    def open(self, limits: Limits, tls: Callable[[], ssl.SSLContext]) -> None:
        """Connect to the first address of the host that answers."""
        scheme, host, port = self.origin
        stop = self._stop
        context = tls() if scheme == b"https" else None  # first: certificates that are none are no fault of the server
        try:
            addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            for index, (family, kind, protocol, _, address) in enumerate(addresses):
                opened = self._socket = socket.socket(family, kind, protocol)
                self.belong_to(stop)  # of each address anew: closing a socket takes it from there
                try:
                    if self._given_up:
                        raise ConnectionAbortedError("the connection was given up")
                    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    opened.settimeout(limits.share("connect", len(addresses) - index))
                    opened.connect(address)
                    break
                except OSError:
                    self.close()
                    if index == len(addresses) - 1 or self._given_up:
                        raise
            if context is not None:
                opened.settimeout(limits.left("connect"))
                self._leave()  # the socket goes over into another object
                self._socket = context.wrap_socket(opened, server_hostname=host, do_handshake_on_connect=False)
                self.belong_to(stop)
                self._socket.do_handshake()
        except TimeoutError as error:
            raise ConnectTimeout(str(error)) from error
        except (OSError, UnicodeError) as error:  # a host that can be no name is a UnicodeError
            raise ConnectError(str(error)) from error

    def belong_to(self, stop: Stop | None) -> None:
        """Let the socket be shut down with a bulk call. Raises Stopped when that has been interrupted already."""
        self._stop = stop
        if stop is not None and self._socket is not None:
            stop.add(self._socket)

    def send(self, method: bytes, target: bytes, headers: Headers, body: Iterable[bytes], limits: Limits) -> Head:
        """Send a request and read the head of its answer."""
        unsent = self._exchange.begin(method, target, headers)
        head: Head | None = None
        begun = False
        try:
            for data in body:
                for piece in in_pieces(data):
                    unsent += self._exchange.body(piece)
                    if len(unsent) >= READ_SIZE:
                        begun = True
                        self._write(unsent, limits)
                        unsent = b""
                        # Who turns a long upload away says why at once, and then breaks the connection.
                        head = self._exchange.head() if head is None and self._look() else head
                        if head is not None and head[0] >= 300:
                            return head
            unsent += self._exchange.end()
            begun = True
            self._write(unsent, limits)
        except LocalProtocolError as error:
            raise error if begun else CannotBeSent(str(error)) from None
        except WriteError as error:
            # The answer may be there all the same. One that says that all is well cannot be about all.
            try:
                head = self._head(limits) if head is None else head
            except ReadError:
                raise error from None
            if head[0] < 300:
                raise
            return head
        return self._head(limits) if head is None else head

    def piece(self, limits: Limits) -> bytes:
        """Return the next piece of the answer's body, nothing at its end."""
        while (piece := self._exchange.piece()) is None:
            self._read(limits)
        return piece

    def piece_at_hand(self) -> bytes | None:
        """Return the next piece of the answer's body that was read already, None when there is none."""
        return self._exchange.piece()

    def next_cycle(self) -> bool:
        """Make ready for another request; False when this connection must not be used again."""
        self._leave()
        return self._exchange.next_cycle()

    @property
    def left_over(self) -> bool:
        """Whether bytes came after the end of the answer."""
        return self._exchange.left_over

    def is_silent(self) -> bool | None:
        """Whether this idle connection may be used; False when it has ended, None when something came unasked."""
        assert self._socket is not None
        try:
            self._socket.settimeout(0)
            came = self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return None if came else False

    def shut_down(self) -> None:
        """End the connection; a thread that waits on it wakes up."""
        self._given_up = True
        if self._socket is not None:
            # It may have ended already. Not `close`: the thread that waits would go on with the number of another file.
            # Nor the method of a TLS socket: it lets go of the encryption first, and that thread may be sending.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        self._leave()
        if self._socket is not None:
            self._socket.close()

    def _leave(self) -> None:
        stop, self._stop = self._stop, None
        if stop is not None and self._socket is not None:
            stop.discard(self._socket)

    def _head(self, limits: Limits) -> Head:
        while (head := self._exchange.head()) is None:
            self._read(limits)
        return head

    def _read(self, limits: Limits) -> None:
        assert self._socket is not None
        try:
            self._socket.settimeout(limits.left("read"))
            data = self._socket.recv(READ_SIZE)
        except TimeoutError as error:
            raise ReadTimeout(str(error)) from error
        except OSError as error:
            raise ReadError(str(error)) from error
        self._exchange.feed(data)

    def _look(self) -> bool:
        """Take what has come already; whether there is anything of an answer."""
        assert self._socket is not None
        try:
            self._socket.settimeout(0)
            self._exchange.feed(self._socket.recv(READ_SIZE))
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            raise WriteError(str(error)) from error
        return self._exchange.answering

    def _write(self, data: bytes, limits: Limits) -> None:
        assert self._socket is not None
        try:
            self._socket.settimeout(limits.left("write"))
            self._socket.sendall(data)
        except TimeoutError as error:
            raise WriteTimeout(str(error)) from error
        except OSError as error:
            raise WriteError(str(error)) from error


class Connections:
    """The connections of one client: a bounded number of them, kept for the next request while that is safe."""

    def __init__(self, *, tls: Callable[[], ssl.SSLContext], limit: int, keep: float) -> None:
        """Prepare. `tls` is asked when it is needed; at most `limit` connections, idle ones are kept `keep` seconds."""
        self.tls = tls
        self._limit = limit
        self._keep = keep
        # Entered by itself: a signal may break into the code of the condition and leave it locked.
        self._lock = Lock()
        self._free = Condition(self._lock)
        self._idle: list[Connection] = []
        # Weakly: the slot of a call that was torn away between two steps is free again by itself.
        self._busy: WeakSet[Connection] = WeakSet()
        self._distrusted: dict[Origin, float] = {}
        self._closed = False

    def send(
        self,
        method: bytes,
        origin: Origin,
        target: bytes,
        headers: Headers,
        body: Iterable[bytes],
        extensions: Mapping[str, Any],
    ) -> tuple[Head, SyncByteStream]:
        """Send a request; return the head of its answer, and its body as it comes."""
        limits = Limits(extensions)
        if extensions.get("fresh_connection"):
            self._distrust(origin)
        connection = self._acquire(origin, limits)
        try:
            head = connection.send(method, target, headers, body, limits)
            # Most answers have come whole by now: their connection is free before anybody reads them.
            pieces: list[bytes] = []
            while piece := connection.piece_at_hand():
                pieces.append(piece)
            if piece is not None:
                self._release(connection)
                return head, _Body(pieces)
        except BaseException:
            self._discard(connection)
            raise
        return head, _Body(pieces, self, connection, limits)

    def abort(self) -> None:
        """End all connections at once, those of calls under way too. None can be made any more."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
            self._free.notify_all()
        for connection in idle:
            connection.close()
        for connection in busy:
            connection.shut_down()

    @property
    def count(self) -> int:
        """How many connections there are."""
        with self._lock:
            return len(self._idle) + len(self._busy)

    def _acquire(self, origin: Origin, limits: Limits) -> Connection:
        while True:
            connection, is_new = self._take(origin, limits)
            try:
                connection.belong_to(current_stop())
                if is_new:
                    connection.open(limits, self.tls)
                    return connection
                silent = connection.is_silent()
            except BaseException:
                self._discard(connection)
                raise
            if silent:
                return connection
            self._discard(connection)
            if silent is None:
                self._distrust(origin)

    def _take(self, origin: Origin, limits: Limits) -> tuple[Connection, bool]:
        """Return the idle connection that was used last, or a new one where there is room for it."""
        stop = current_stop()
        try:
            patience = limits.left("pool")
        except TimeoutError as error:
            raise PoolTimeout(str(error)) from error
        limit = inf if patience is None else time.monotonic() + patience
        with self._lock:
            while True:
                if self._closed:
                    raise ConnectError("the connections of this client are closed")
                oldest = time.monotonic() - self._keep
                while self._idle and self._idle[0].idle_since < oldest:
                    self._idle.pop(0).close()
                for connection in reversed(self._idle):
                    if connection.origin == origin:
                        self._idle.remove(connection)
                        self._busy.add(connection)
                        return connection, False
                if len(self._idle) + len(self._busy) >= self._limit and self._idle:
                    self._idle.pop(0).close()
                if len(self._idle) + len(self._busy) < self._limit:
                    connection = Connection(origin)
                    self._busy.add(connection)
                    return connection, True
                left = limit - time.monotonic()
                if left <= 0:
                    raise PoolTimeout("all connections are busy")
                # Not for longer: nobody wakes this one when the bulk call that it waits for is interrupted.
                self._free.wait(min(left, constants.STOP_LOOK))
                if stop is not None:
                    stop.check()

    def _release(self, connection: Connection) -> None:
        """Take back a connection whose answer was read whole."""
        if connection.left_over:
            self._distrust(connection.origin)
        now = time.monotonic()
        usable = connection.next_cycle() and now >= self._distrusted.get(connection.origin, 0.0)
        with self._lock:
            self._busy.discard(connection)
            if usable and not self._closed:
                connection.idle_since = now
                self._idle.append(connection)
                connection = None  # type: ignore[assignment]
            self._free.notify()
        if connection is not None:
            connection.close()

    def _discard(self, connection: Connection) -> None:
        connection.close()
        with self._lock:
            self._busy.discard(connection)
            self._free.notify()

    def _distrust(self, origin: Origin) -> None:
        """Keep no connections to a host that has sent what nobody asked for, until it was quiet for a while."""
        with self._lock:
            self._distrusted[origin] = time.monotonic() + constants.DISTRUST
            dropped = [connection for connection in self._idle if connection.origin == origin]
            self._idle = [connection for connection in self._idle if connection.origin != origin]
        for connection in dropped:
            connection.close()


class _Body(SyncByteStream):
    """The body of an answer: what came with its head, and the rest as it comes."""

    def __init__(
        self,
        pieces: list[bytes],
        connections: Connections | None = None,
        connection: Connection | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._pieces = pieces
        self._connections = connections
        self._connection = connection
        self._limits = limits

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        self._pieces = []
        while self._connection is not None:
            assert self._limits is not None
            assert self._connections is not None
            try:
                piece = self._connection.piece(self._limits)
            except BaseException:
                self.close()
                raise
            if not piece:
                connection, self._connection = self._connection, None
                self._connections._release(connection)
                return
            yield piece

    def close(self) -> None:
        """Give up what was not read: the connection cannot be used again."""
        connection, self._connection = self._connection, None
        if connection is not None and self._connections is not None:
            self._connections._discard(connection)
