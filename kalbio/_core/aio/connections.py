"""HTTP/1.1 connections for tasks: asyncio's transports. Written by hand on both sides; the twin has plain sockets.

Whatever gives something up does it at once, without awaiting: a task can be cancelled wherever it awaits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from typing import Any

from kalbio._core import constants
from kalbio._core.http.http1 import READ_SIZE, CannotBeSent, Exchange, Head, Headers, Origin, in_pieces
from kalbio._core.http.httpx_names import (
    AsyncByteStream,
    ConnectError,
    ConnectTimeout,
    LocalProtocolError,
    PoolTimeout,
    ReadError,
    ReadTimeout,
    WriteError,
    WriteTimeout,
)
from kalbio._core.http.time_limits import Limits

_MUCH = 4 * READ_SIZE
"""Bytes that are taken in before anybody reads them."""


class AsyncConnection(asyncio.Protocol):
    """One connection, used by one call at a time."""

    def __init__(self, connections: AsyncConnections, origin: Origin) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.is_idle = False
        self._connections = connections
        self._exchange = Exchange()
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[bool] | None = None
        self._unread = 0
        self._held = False  # the other side is asked to send no more for now
        self._full = False  # the system takes nothing to send for now
        self._ended: str | None = None

    # -- what the event loop calls -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._ended is not None:  # the call has been given up meanwhile
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what came; what nobody has asked for ends the connection."""
        if self.is_idle:
            self._connections.came_unasked(self)
            return
        self._feed(data)
        self._unread += len(data)
        if self._unread > _MUCH and not self._held and self._transport is not None:
            self._held = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """The other side has ended; asyncio ends ours."""
        if self.is_idle:
            self._connections.drop(self)
        else:
            self._feed(b"")

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended."""
        if self.is_idle:
            self._connections.drop(self)
        elif self._ended is None:
            self._rescue()
            self._ended = str(error or "the connection was closed")
            self._wake()

    def pause_writing(self) -> None:
        """Nothing more can be sent for now."""
        self._full = True

    def resume_writing(self) -> None:
        """More can be sent."""
        self._full = False
        self._wake()

    # -- what a call does ----------------------------------------------------------------------------------------------

    async def open(self, limits: Limits, tls: Callable[[], ssl.SSLContext]) -> None:
        """Connect to the first address of the host that answers."""
        scheme, host, _ = self.origin
        context = tls() if scheme == b"https" else None  # first: certificates that are none are no fault of the server
        try:
            async with asyncio.timeout(limits.left("connect")):
                opened = await self._reach(limits)
                try:
                    await self._loop.create_connection(
                        lambda: self,
                        sock=opened,
                        ssl=context,
                        server_hostname=None if context is None else host,
                    )
                except BaseException:
                    opened.close()
                    raise
        except TimeoutError as error:
            raise ConnectTimeout(str(error) or "connecting took too long") from error
        except (OSError, UnicodeError) as error:  # a host that can be no name is a UnicodeError
            raise ConnectError(str(error)) from error

    async def _reach(self, limits: Limits) -> socket.socket:
        # Not by the event loop's own function: cancelled at the wrong moment it leaves a socket behind.
        addresses = await self._addresses()
        for index, (family, kind, protocol, _, address) in enumerate(addresses):
            if self._ended is not None:
                break
            opened = self._socket = socket.socket(family, kind, protocol)
            try:
                opened.setblocking(False)
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                async with asyncio.timeout(limits.share("connect", len(addresses) - index)):
                    await self._loop.sock_connect(opened, address)
                return opened
            except BaseException as error:
                opened.close()
                if not isinstance(error, OSError) or index == len(addresses) - 1:
                    raise
        raise OSError(self._ended or "the host has no address")

    async def _addresses(self) -> Any:
        _, host, port = self.origin
        try:
            return await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except RuntimeError:  # threads are no longer to be had, because the main thread has ended
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)

    async def send(
        self, method: bytes, target: bytes, headers: Headers, body: AsyncIterable[bytes], limits: Limits
    ) -> Head:
        """Send a request and read the head of its answer."""
        assert self._transport is not None
        unsent = self._exchange.begin(method, target, headers)
        head: Head | None = None
        begun = False
        try:
            async for data in body:
                for piece in in_pieces(data):
                    unsent += self._exchange.body(piece)
                    if len(unsent) >= READ_SIZE:
                        begun = True
                        await self._write(unsent, limits)
                        unsent = b""
                        # Who turns a long upload away says why at once, and then breaks the connection.
                        await asyncio.sleep(0)
                        head = self._exchange.head() if head is None and self._exchange.answering else head
                        if head is not None and head[0] >= 300:
                            return head
            unsent += self._exchange.end()
            begun = True
            await self._write(unsent, limits)
        except LocalProtocolError as error:
            raise error if begun else CannotBeSent(str(error)) from None
        except WriteError as error:
            # The answer may be there all the same. One that says that all is well cannot be about all.
            try:
                head = await self._head(limits) if head is None else head
            except ReadError:
                raise error from None
            if head[0] < 300:
                raise
            return head
        head = await self._head(limits) if head is None else head
        if head[0] < 300 and self._transport.get_write_buffer_size():
            await self._flush(limits)
        return head

    async def piece(self, limits: Limits) -> bytes:
        """Return the next piece of the answer's body, nothing at its end."""
        while (piece := self._exchange.piece()) is None:
            await self._read(limits)
        return piece

    def piece_at_hand(self) -> bytes | None:
        """Return the next piece of the answer's body that was read already, None when there is none."""
        return self._exchange.piece()

    def next_cycle(self) -> bool:
        """Make ready for another request; False when this connection must not be used again."""
        self._resume()  # who does not read does not hear that the other side has ended, either
        return self._ended is None and self._exchange.next_cycle()

    @property
    def has_news(self) -> bool:
        """Whether something has come that the event loop has not told of yet, because it was not its turn."""
        assert self._socket is not None
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            pass
        return True

    @property
    def left_over(self) -> bool:
        """Whether bytes came after the end of the answer."""
        return self._exchange.left_over

    def abort(self) -> None:
        """End the connection now, whatever is under way. For the event loop it belongs to."""
        self._ended = self._ended or "the connection was given up"
        self.is_idle = False
        if self._transport is not None:
            self._transport.abort()
        else:
            self.shut_down()  # it is still being made
        self._wake()

    def shut_down(self) -> None:
        """End the connection from wherever you are, whatever became of its event loop."""
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it may have ended already
                self._socket.shutdown(socket.SHUT_RDWR)

    async def _head(self, limits: Limits) -> Head:
        while (head := self._exchange.head()) is None:
            await self._read(limits)
        return head

    async def _read(self, limits: Limits) -> None:
        """Wait until something comes."""
        if self._ended is not None:
            raise ReadError(self._ended)
        self._resume()
        await self._wait(limits, "read", ReadTimeout)

    def _resume(self) -> None:
        self._unread = 0
        if self._held and self._transport is not None:
            self._held = False
            self._transport.resume_reading()

    async def _write(self, data: bytes, limits: Limits) -> None:
        assert self._transport is not None
        if self._ended is not None:
            raise WriteError(self._ended)
        self._transport.write(data)
        await self._until_writable(limits)

    async def _flush(self, limits: Limits) -> None:
        """Wait until the system has taken all: who says early that all is well gets the rest all the same.

        Of TLS some 64 KiB may be left still: what is encrypted waits in a transport of the event loop's own.
        """
        assert self._transport is not None
        self._transport.set_write_buffer_limits(0)  # pauses while anything is left
        await self._until_writable(limits)
        self._transport.set_write_buffer_limits()

    async def _until_writable(self, limits: Limits) -> None:
        while self._full:
            await self._wait(limits, "write", WriteTimeout)
            if self._ended is not None:
                raise WriteError(self._ended)

    async def _wait(self, limits: Limits, phase: str, late: type[ReadTimeout | WriteTimeout]) -> None:
        try:
            seconds = limits.left(phase)
        except TimeoutError as error:
            raise late(str(error)) from error
        waiter = self._waiter = self._loop.create_future()
        timer = None if seconds is None else self._loop.call_later(seconds, self._wake, False)
        try:
            if not await waiter:
                raise late(f"nothing for {seconds:g} s")
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self, in_time: bool = True) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(in_time)

    def _feed(self, data: bytes) -> None:
        self._exchange.feed(data)
        self._wake()

    def _rescue(self) -> None:
        """Read what the system still has: an answer that came before the reset that broke a long upload."""
        if self._transport is None or self._transport.get_extra_info("ssl_object") is not None:
            return
        opened = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(opened.fileno())) as copy:
            copy.setblocking(False)
            while data := copy.recv(READ_SIZE):
                self._exchange.feed(data)


class AsyncConnections:
    """The connections of one client in one event loop: a bounded number of them, kept while that is safe."""

    def __init__(self, *, tls: Callable[[], ssl.SSLContext], limit: int, keep: float) -> None:
        """Prepare. `tls` is asked when it is needed; at most `limit` connections, idle ones are kept `keep` seconds."""
        self.tls = tls
        self._limit = limit
        self._keep = keep
        self._idle: list[AsyncConnection] = []
        self._busy: set[AsyncConnection] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._distrusted: dict[Origin, float] = {}
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._until_the_loop_ends: AsyncGenerator[None, None] | None = None

    async def send(
        self,
        method: bytes,
        origin: Origin,
        target: bytes,
        headers: Headers,
        body: AsyncIterable[bytes],
        extensions: Mapping[str, Any],
    ) -> tuple[Head, AsyncByteStream]:
        """Send a request; return the head of its answer, and its body as it comes."""
        limits = Limits(extensions)
        if extensions.get("fresh_connection"):
            self._distrust(origin)
        connection = await self._acquire(origin, limits)
        try:
            head = await connection.send(method, target, headers, body, limits)
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
        """End all connections at once, those of calls under way too. From any thread, whatever became of the loop."""
        self._closed = True
        if self._loop is None or _running() is self._loop:
            self._end()
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._end)
        if not self._loop.is_running():
            for connection in [*self._idle, *self._busy]:
                connection.shut_down()

    def _end(self) -> None:
        for connection in [*self._idle, *self._busy]:
            connection.abort()
        self._idle.clear()
        while self._waiting:
            self._admit()

    @property
    def count(self) -> int:
        """How many connections there are."""
        return len(self._idle) + len(self._busy)

    def came_unasked(self, connection: AsyncConnection) -> None:
        """Take note that something came on an idle connection."""
        self._distrust(connection.origin)

    def drop(self, connection: AsyncConnection) -> None:
        """Forget an idle connection."""
        if connection in self._idle:
            self._idle.remove(connection)
        connection.abort()
        self._admit()

    async def _acquire(self, origin: Origin, limits: Limits) -> AsyncConnection:
        """Return the idle connection that was used last, or a new one where there is room for it."""
        while True:
            if self._closed:
                raise ConnectError("the connections of this client are closed")
            oldest = time.monotonic() - self._keep
            while self._idle and self._idle[0].idle_since < oldest:
                self._idle.pop(0).abort()
            connection = next((idle for idle in reversed(self._idle) if idle.origin == origin), None)
            if connection is not None and connection.has_news:
                await self._hear(connection)
                continue
            if connection is not None:
                self._idle.remove(connection)
                self._busy.add(connection)
                connection.is_idle = False
                return connection
            if self.count >= self._limit and self._idle:
                self._idle.pop(0).abort()
            if self.count < self._limit:
                break
            await self._turn(limits)
        connection = AsyncConnection(self, origin)
        self._busy.add(connection)
        try:
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
                self._until_the_loop_ends = _end_with_loop(self)
                await anext(self._until_the_loop_ends)
            await connection.open(limits, self.tls)
        except BaseException:
            self._discard(connection)
            raise
        return connection

    async def _hear(self, connection: AsyncConnection) -> None:
        """Let the event loop tell what came on an idle connection while it had no turn: the end, or an old answer."""
        for _ in range(2):  # it looks in the first, and tells in the second
            await asyncio.sleep(0)
        if connection.is_idle and connection.has_news:
            self.drop(connection)

    async def _turn(self, limits: Limits) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(limits.left("pool")):
                await turn
        except BaseException as error:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._admit()  # it came, and was given up in the same moment
            if isinstance(error, TimeoutError):
                raise PoolTimeout(str(error) or "all connections are busy") from error
            raise

    def _admit(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _release(self, connection: AsyncConnection) -> None:
        """Take back a connection whose answer was read whole."""
        if connection.left_over:
            self._distrust(connection.origin)
        now = time.monotonic()
        self._busy.discard(connection)
        if connection.next_cycle() and not self._closed and now >= self._distrusted.get(connection.origin, 0.0):
            connection.is_idle = True
            connection.idle_since = now
            self._idle.append(connection)
        else:
            connection.abort()
        self._admit()

    def _discard(self, connection: AsyncConnection) -> None:
        connection.abort()
        self._busy.discard(connection)
        self._admit()

    def _distrust(self, origin: Origin) -> None:
        """Keep no connections to a host that has sent what nobody asked for, until it was quiet for a while."""
        self._distrusted[origin] = time.monotonic() + constants.DISTRUST
        for connection in [connection for connection in self._idle if connection.origin == origin]:
            self.drop(connection)


async def _end_with_loop(connections: AsyncConnections) -> AsyncGenerator[None, None]:
    """End the connections when their event loop ends: a loop that is shut down closes the generators begun in it."""
    try:
        yield
    finally:
        connections.abort()


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class _Body(AsyncByteStream):
    """The body of an answer: what came with its head, and the rest as it comes."""

    def __init__(
        self,
        pieces: list[bytes],
        connections: AsyncConnections | None = None,
        connection: AsyncConnection | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._pieces = pieces
        self._connections = connections
        self._connection = connection
        self._limits = limits

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        self._pieces = []
        while self._connection is not None:
            assert self._limits is not None
            assert self._connections is not None
            try:
                piece = await self._connection.piece(self._limits)
            except BaseException:
                await self.aclose()
                raise
            if not piece:
                connection, self._connection = self._connection, None
                self._connections._release(connection)
                return
            yield piece

    async def aclose(self) -> None:
        """Give up what was not read: the connection cannot be used again."""
        connection, self._connection = self._connection, None
        if connection is not None and self._connections is not None:
            self._connections._discard(connection)
