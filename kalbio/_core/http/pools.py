"""Our connections as the pools below the HTTP library's transports.

Recorders, mocks and instruments patch the library's transports, or the pools below them. So ours are those classes with
another pool: a patch is called as ever, and what it hands on comes to our connections. While nothing is patched, a
request takes the short way to them.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

import httpcore

from kalbio._core import constants
from kalbio._core.aio.connections import AsyncConnections
from kalbio._core.http.http1 import origin_of
from kalbio._core.http.httpx_names import (
    AsyncHTTPTransport,
    ByteStream,
    ConnectError,
    HTTPTransport,
    RemoteProtocolError,
    Request,
    Response,
    create_ssl_context,
)
from kalbio._core.http.httpx_names import (
    Limits as PoolLimits,
)
from kalbio._core.http.settings import Settings
from kalbio._core.sync.connections import Connections


def connect(settings: Settings, proxy: str | None = None) -> HTTPTransport:
    """Return the transport for the requests of a sync client, through a proxy or directly."""
    if proxy is None:
        return Transport(**_direct(settings))
    return HTTPTransport(proxy=proxy, **_by_the_library(settings))


def connect_async(settings: Settings, proxy: str | None = None) -> AsyncHTTPTransport:
    """Return the transport for the requests of an async client, through a proxy or directly."""
    if settings.http2:
        return Http2Transport(proxy=proxy, **_by_the_library(settings))
    if proxy is None:
        return AsyncTransport(**_direct(settings))
    return AsyncHTTPTransport(proxy=proxy, **_by_the_library(settings))


def _direct(settings: Settings) -> dict[str, Any]:
    # The certificates are loaded with the first connection that needs them, and once.
    tls = cache(lambda: create_ssl_context(verify=settings.tls(), trust_env=False))
    return {"tls": tls, "limit": settings.max_connections, "keep": constants.KEEPALIVE_EXPIRY}


def _by_the_library(settings: Settings) -> dict[str, Any]:
    limit = settings.max_connections
    limits = PoolLimits(
        max_connections=limit, max_keepalive_connections=limit, keepalive_expiry=constants.KEEPALIVE_EXPIRY
    )
    return {"verify": settings.tls(), "http2": settings.http2, "limits": limits, "trust_env": False}


def _patched(function: Any, home: str) -> bool:
    """Whether a function is another than the one that its module defines.

    Told by where it comes from: this module may have been imported inside of the patch. Wrappers pass on what they
    are asked for, but not their type.
    """
    return type(function) is not FunctionType or function.__globals__["__name__"] != home


class Pool(httpcore.ConnectionPool):
    """What the library's transport takes for its pool."""

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self._connections_of_ours = connections

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request by our connections, or as a patch of this class wants it."""
        if _patched(httpcore.ConnectionPool.handle_request, "httpcore._sync.connection_pool"):
            self._ssl_context = self._connections_of_ours.tls()  # the patch may send it on by the library's own
            return super().handle_request(request)
        url = request.url
        origin = origin_of(url.scheme, url.host, url.port)
        head, body = self._connections_of_ours.send(
            request.method,
            origin,
            url.target,
            request.headers,
            request.stream,  # type: ignore[arg-type]
            request.extensions,
        )
        return httpcore.Response(head[0], headers=head[1], content=body, extensions=head[2])


class Transport(HTTPTransport):
    """The transport of the sync client."""

    def __init__(self, *, tls: Callable[[], ssl.SSLContext], limit: int, keep: float) -> None:
        # Not the library's own constructor: it makes the pool that this one replaces, and takes none that is given.
        self.connections = Connections(tls=tls, limit=limit, keep=keep)
        self._pool = Pool(self.connections)

    def handle_request(self, request: Request) -> Response:
        """Send a request."""
        if _patched(HTTPTransport.handle_request, "httpx._transports.default") or _patched(
            httpcore.ConnectionPool.handle_request, "httpcore._sync.connection_pool"
        ):
            return super().handle_request(request)
        url = request.url
        head, body = self.connections.send(
            request.method.encode("ascii"),
            origin_of(url.raw_scheme, url.raw_host, url.port),
            url.raw_path,
            request.headers.raw,
            request.stream,  # type: ignore[arg-type]
            request.extensions,
        )
        return Response(head[0], headers=head[1], stream=body, extensions=head[2])

    def abort(self) -> None:
        """End all connections at once, from any thread; calls under way fail."""
        self.connections.abort()

    def close(self) -> None:
        """End all connections."""
        self.abort()
        super().close()


class AsyncPool(httpcore.AsyncConnectionPool):
    """What the library's transport takes for its pool."""

    def __init__(self, connections: AsyncConnections) -> None:
        super().__init__()
        self._connections_of_ours = connections

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request by our connections, or as a patch of this class wants it."""
        if _patched(httpcore.AsyncConnectionPool.handle_async_request, "httpcore._async.connection_pool"):
            self._ssl_context = self._connections_of_ours.tls()  # the patch may send it on by the library's own
            return await super().handle_async_request(request)
        url = request.url
        origin = origin_of(url.scheme, url.host, url.port)
        head, body = await self._connections_of_ours.send(
            request.method,
            origin,
            url.target,
            request.headers,
            request.stream,  # type: ignore[arg-type]
            request.extensions,
        )
        return httpcore.Response(head[0], headers=head[1], content=body, extensions=head[2])


class AsyncTransport(AsyncHTTPTransport):
    """The transport of the async client."""

    def __init__(self, *, tls: Callable[[], ssl.SSLContext], limit: int, keep: float) -> None:
        # Not the library's own constructor: it makes the pool that this one replaces, and takes none that is given.
        self.connections = AsyncConnections(tls=tls, limit=limit, keep=keep)
        self._pool = AsyncPool(self.connections)

    async def handle_async_request(self, request: Request) -> Response:
        """Send a request."""
        if _patched(AsyncHTTPTransport.handle_async_request, "httpx._transports.default") or _patched(
            httpcore.AsyncConnectionPool.handle_async_request, "httpcore._async.connection_pool"
        ):
            return await super().handle_async_request(request)
        url = request.url
        head, body = await self.connections.send(
            request.method.encode("ascii"),
            origin_of(url.raw_scheme, url.raw_host, url.port),
            url.raw_path,
            request.headers.raw,
            request.stream,  # type: ignore[arg-type]
            request.extensions,
        )
        return Response(head[0], headers=head[1], stream=body, extensions=head[2])

    def abort(self) -> None:
        """End all connections at once, from any thread and whatever became of the loop; calls under way fail."""
        self.connections.abort()

    async def aclose(self) -> None:
        """End all connections."""
        self.abort()
        await super().aclose()


class Http2Transport(AsyncHTTPTransport):
    """The library's transport for HTTP/2, which loses requests when a server says goodbye; this one sends them again.

    A server says which request is the last one that it takes (GOAWAY). What comes after it was not carried out.
    """

    async def handle_async_request(self, request: Request) -> Response:
        """Send a request, on other connections while the server says that it has not taken it."""
        for _ in range(constants.GOODBYES):
            stream = _StreamNumber()
            request.extensions["trace"] = stream
            try:
                return await super().handle_async_request(request)
            except RemoteProtocolError as error:
                goodbye = getattr(error.__cause__, "args", (None,))[0]
                last = getattr(goodbye, "last_stream_id", None)
                if last is None or stream.number is None or stream.number <= last:
                    raise
                failure = error
            if not isinstance(request.stream, ByteStream):
                break
        raise ConnectError("the server has ended the connection before it took the request") from failure


class _StreamNumber:
    """Finds out the number that a request has on its connection, by the hook that the library has for tracing."""

    def __init__(self) -> None:
        self.number: int | None = None

    async def __call__(self, name: str, info: dict[str, Any]) -> None:
        if name == "http2.send_request_headers.started":
            self.number = info["stream_id"]
