"""What must be right before anything can be asked: each check says what is so, and how to cure what is wrong."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version

from kalbio._core.diagnosis.report import SetupCheck
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

_SKEW = 60


@dataclass(frozen=True)
class Cures:
    """What to do about a set-up that is wrong, where that depends on the platform.

    Attributes:
        credentials: what to check when the login is refused.
        address: what to check when something else answers, or nothing.
    """

    credentials: str
    address: str


def of_settings(settings: Settings, version: str, own: str | None = None) -> list[SetupCheck]:
    """What can be told without a request: `version` is that of the description, `own` the address of the platform."""
    urls = [*settings.base_urls.values()] or [settings.base_url]
    addresses = [read_address("url", url) for url in urls]
    local = all(is_local(address.host) for address in addresses)
    other = "other hosts" if own is None else "another address than that of the platform"
    told = "the platform" if urls == [own] else "this machine" if local else other
    clear = any(address.scheme == "http" for address in addresses)
    in_clear = settings.transport is None and any(
        address.scheme == "http" and not is_local(address.host) for address in addresses
    )
    proxied = any(settings.proxies.proxy_of(one.scheme, one.host, one.port) is not None for one in addresses)
    return [
        SetupCheck("versions", None, _versions(settings, version)),
        SetupCheck(
            "url",
            False if in_clear else None,
            f"{told}, {'in clear' if clear else 'encrypted'}",
            "Use an address that begins with https://." if in_clear else "",
        ),
        SetupCheck("proxy", None, "requests go by a proxy" if proxied else "none"),
        SetupCheck("certificates", None, _trust(settings)),
    ]


def _versions(settings: Settings, described: str) -> str:
    try:
        library = version("httpx")
    except PackageNotFoundError:
        library = "unknown"
    own = f"{settings.platform.name} {settings.platform.version}"
    return f"{own}, description {described}, Python {platform.python_version()}, httpx {library}"


def _trust(settings: Settings) -> str:
    if settings.transport is not None:
        return "a transport of the caller's own"
    return "not checked" if settings.trust.context() is False else "checked"


def of_error(error: SDKError, cures: Cures) -> SetupCheck:
    """What the failure of the first call means."""
    if isinstance(error, AuthenticationError | PermissionDeniedError) or (
        isinstance(error, APIError) and "/token" in error.path
    ):
        status = error.status_code
        return SetupCheck(
            "credentials",
            False,
            f"refused with status {status}",
            cures.credentials,
        )
    if isinstance(error, RequestTimeoutError):
        cure = "Check the network and the proxy (HTTPS_PROXY, NO_PROXY)."
        return SetupCheck("network", False, "no answer in time", cure)
    if isinstance(error, TransportError):
        return _of_connection(error.reason, cures)
    if isinstance(error, ServerError):
        return SetupCheck("platform", False, f"status {error.status_code}", "Try again later.")
    told = f"status {error.status_code}" if isinstance(error, APIError) else "an answer that is not of this API"
    return SetupCheck("url", False, told, cures.address)


def _of_connection(reason: str, cures: Cures) -> SetupCheck:
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
    return SetupCheck("url", False, "no connection", f"{cures.address} Check the network and the proxy, too.")


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
