"""The one seam to the HTTP library: no other module imports httpx."""

from __future__ import annotations

import contextlib
import re
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
    "with_query",
]

_AS_IT_IS = re.compile(r"[A-Za-z0-9_.~,-]*")
_LONGEST_QUERY = 60_000


def with_query(url: URL, params: Any) -> URL | None:
    """Return a URL with a query of the plainest kind: ids joined with commas. None where the library has to look at it.

    The library goes through a query letter by letter, which takes as long as all else that asking for 200 records does
    here, and it has no public way to leave that out.
    """
    if not isinstance(params, dict) or not all(type(value) is str for value in params.values()):
        return None
    if not all(_AS_IT_IS.fullmatch(text) for pair in params.items() for text in pair):
        return None
    query = "&".join(f"{name}={value.replace(',', '%2C')}" for name, value in params.items())
    parts: Any = getattr(url, "_uri_reference", None)
    if not hasattr(parts, "_replace") or not query or len(query) > _LONGEST_QUERY:
        return None
    found = URL.__new__(URL)
    found._uri_reference = parts._replace(query=query)
    return found


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
