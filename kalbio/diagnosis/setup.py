"""What must be right before anything can be asked: each check says what is so, and how to cure what is wrong."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version

from kalbio._core.errors import (
    APIError,
    AuthenticationError,
    PermissionDeniedError,
    RequestTimeoutError,
    SDKError,
    ServerError,
    TransportError,
)
from kalbio._core.http.addresses import is_local, read_address
from kalbio._core.http.settings import Settings
from kalbio._version import __version__
from kalbio.diagnosis.exchanges import load_description
from kalbio.diagnosis.report import SetupCheck

_SKEW = 60


def of_settings(settings: Settings, own: str) -> list[SetupCheck]:
    """What can be told without a request. `own` is the address of the platform itself."""
    address = read_address("url", settings.base_url)
    where = "this machine" if is_local(address.host) else "another address than that of the platform"
    told = "the platform" if settings.base_url == own else where
    in_clear = address.scheme == "http" and not is_local(address.host) and settings.transport is None
    proxied = settings.proxies.proxy_of(address.scheme, address.host, address.port) is not None
    return [
        SetupCheck("versions", None, _versions()),
        SetupCheck(
            "url",
            False if in_clear else None,
            f"{told}, {'in clear' if address.scheme == 'http' else 'encrypted'}",
            "Use an address that begins with https://." if in_clear else "",
        ),
        SetupCheck("proxy", None, "requests go by a proxy" if proxied else "none"),
        SetupCheck("certificates", None, _trust(settings)),
    ]


def _versions() -> str:
    try:
        library = version("httpx")
    except PackageNotFoundError:
        library = "unknown"
    described = load_description().spec["info"]["version"]
    return f"kalbio {__version__}, description {described}, Python {platform.python_version()}, httpx {library}"


def _trust(settings: Settings) -> str:
    if settings.transport is not None:
        return "a transport of the caller's own"
    return "not checked" if settings.trust.context() is False else "checked"


def of_error(error: SDKError) -> SetupCheck:
    """What the failure of the first call means."""
    if isinstance(error, AuthenticationError | PermissionDeniedError) or (
        isinstance(error, APIError) and "/token" in error.path
    ):
        status = error.status_code
        return SetupCheck(
            "credentials",
            False,
            f"refused with status {status}",
            "Check KALEIDOSCOPE_API_CLIENT_ID and KALEIDOSCOPE_API_CLIENT_SECRET, and that they belong to this url. "
            "Behind Google's identity-aware proxy, iap_client_id is needed too.",
        )
    if isinstance(error, RequestTimeoutError):
        cure = "Check the network and the proxy (HTTPS_PROXY, NO_PROXY)."
        return SetupCheck("network", False, "no answer in time", cure)
    if isinstance(error, TransportError):
        return _of_connection(error.reason)
    if isinstance(error, ServerError):
        return SetupCheck("platform", False, f"status {error.status_code}", "Try again later.")
    told = f"status {error.status_code}" if isinstance(error, APIError) else "an answer that is not of this API"
    return SetupCheck("url", False, told, "Check KALEIDOSCOPE_API_URL: it is the address of the API, without a path.")


def _of_connection(reason: str) -> SetupCheck:
    known = reason.lower()
    if "certificate" in known or "ssl" in known or "tls" in known:
        return SetupCheck(
            "certificates",
            False,
            "the certificate of the server is not trusted, or the connection is not encrypted",
            "Name the certificates of your organisation with SSL_CERT_FILE, or check that url begins with https://.",
        )
    if "proxy" in known:
        return SetupCheck("proxy", False, "the proxy gives no way", "Check HTTPS_PROXY, ALL_PROXY and NO_PROXY.")
    return SetupCheck("url", False, "no connection", "Check KALEIDOSCOPE_API_URL, the network and the proxy.")


def of_clock(date: str | None, now: datetime | None = None) -> SetupCheck:
    """Whether the clock of this machine agrees with the `Date` of an answer."""
    try:
        told = parsedate_to_datetime(date) if date else None
    except ValueError:
        told = None
    if told is None:
        return SetupCheck("clock", None, "the answers have no date")
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    ahead = round(((now or datetime.now(UTC)) - told).total_seconds())
    if abs(ahead) <= _SKEW:
        return SetupCheck("clock", True, f"right, within {_SKEW} s of the server's")
    cure = "Set the clock of this machine (or that of the server): tokens and times depend on it."
    return SetupCheck("clock", False, f"{abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} the server's", cure)
