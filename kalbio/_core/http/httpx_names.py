"""The one seam to the HTTP library: no other module imports httpx."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from httpx import (
    URL,
    USE_CLIENT_DEFAULT,
    AsyncBaseTransport,
    AsyncByteStream,
    AsyncClient,
    AsyncHTTPTransport,
    Auth,
    BaseTransport,
    ByteStream,
    Client,
    ConnectError,
    ConnectTimeout,
    Cookies,
    Headers,
    HTTPError,
    HTTPTransport,
    InvalidURL,
    Limits,
    LocalProtocolError,
    PoolTimeout,
    ProxyError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    Request,
    Response,
    StreamError,
    SyncByteStream,
    Timeout,
    TimeoutException,
    UnsupportedProtocol,
    WriteError,
    WriteTimeout,
    create_ssl_context,
)

__all__ = [
    "URL",
    "USE_CLIENT_DEFAULT",
    "AsyncBaseTransport",
    "AsyncByteStream",
    "AsyncClient",
    "AsyncHTTPTransport",
    "Auth",
    "BaseTransport",
    "ByteStream",
    "Client",
    "ConnectError",
    "ConnectTimeout",
    "Cookies",
    "HTTPError",
    "HTTPTransport",
    "Headers",
    "InvalidURL",
    "Limits",
    "LocalProtocolError",
    "PoolTimeout",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "Request",
    "Response",
    "StreamError",
    "SyncByteStream",
    "Timeout",
    "TimeoutException",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
    "create_ssl_context",
    "forget",
    "shut_down",
]


def shut_down(transport: Any) -> None:
    """Close the connections of a transport at once, whichever thread or event loop uses them."""
    if hasattr(transport, "abort"):
        transport.abort()
        return
    # The library's own transports, which proxies and HTTP/2 have, close only where they are awaited, and have no public
    # way to their sockets.
    for connection in getattr(getattr(transport, "_pool", None), "connections", ()):
        while (inner := getattr(connection, "_connection", None)) is not None:
            connection = inner
        stream = getattr(connection, "_network_stream", None)
        opened = None if stream is None else stream.get_extra_info("socket")
        if opened is not None:
            # Not the method of a TLS socket: it lets go of the encryption first, and another thread may be sending.
            kind = socket.socket if isinstance(opened, socket.socket) else type(opened)
            with contextlib.suppress(OSError):
                kind.shutdown(opened, socket.SHUT_RDWR)


def forget(transport: Any) -> bool:
    """Let a transport that a child has inherited begin anew; False when it is bound to those of the parent."""
    if hasattr(transport, "forget"):
        transport.forget()
        return True
    return not hasattr(transport, "_pool")
