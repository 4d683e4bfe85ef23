"""The one seam to the HTTP library: no other module of kalbio imports httpx."""

from __future__ import annotations

from importlib.util import find_spec

from httpx import (
    URL,
    USE_CLIENT_DEFAULT,
    AsyncBaseTransport,
    AsyncByteStream,
    AsyncClient,
    Auth,
    BaseTransport,
    ByteStream,
    Client,
    ConnectError,
    ConnectTimeout,
    DecodingError,
    HTTPError,
    InvalidURL,
    Limits,
    PoolTimeout,
    ProxyError,
    ReadError,
    ReadTimeout,
    Request,
    Response,
    StreamError,
    SyncByteStream,
    Timeout,
    TimeoutException,
    UnsupportedProtocol,
)

__all__ = [
    "URL",
    "USE_CLIENT_DEFAULT",
    "AsyncBaseTransport",
    "AsyncByteStream",
    "AsyncClient",
    "Auth",
    "BaseTransport",
    "ByteStream",
    "Client",
    "ConnectError",
    "ConnectTimeout",
    "DecodingError",
    "HTTPError",
    "InvalidURL",
    "Limits",
    "PoolTimeout",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "Request",
    "Response",
    "StreamError",
    "SyncByteStream",
    "Timeout",
    "TimeoutException",
    "UnsupportedProtocol",
    "http2_available",
]


def http2_available() -> bool:
    """Whether the optional HTTP/2 package is installed."""
    return find_spec("h2") is not None
