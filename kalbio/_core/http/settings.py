"""What a client is set to: one frozen object, read once when the client is made."""

from __future__ import annotations

import math
import os
import ssl
from collections.abc import Mapping
from typing import Any

import attrs

from kalbio._core import constants
from kalbio._core.argument_errors import ArgumentTypeError
from kalbio._core.errors import SettingError
from kalbio._core.http.certificates import Certificates
from kalbio._core.http.proxies import Proxies
from kalbio._core.http.request_events import OnRequest, as_listener
from kalbio._core.platform import Platform
from kalbio._core.retry import RetryPolicy
from kalbio._core.text.display import safe_repr


def _is_limit(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _check_limit(_: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and (not _is_limit(value)):
        raise SettingError(
            f"{attribute.name} must be a number of seconds above 0, or None for no limit; got {safe_repr(value)}"
        )


def _limit(default: float) -> Any:
    return attrs.field(default=default, validator=_check_limit)


@attrs.frozen
class Timeouts:
    """Time limits of one request, in seconds; None means no limit.

    Attributes:
        connect: for the connection to be made, TLS included.
        read: for the next piece of the answer to arrive.
        write: for the next piece of the request to be sent.
        pool: for a free connection when all are busy.
    """

    connect: float | None = _limit(constants.CONNECT_TIMEOUT)
    read: float | None = _limit(constants.READ_TIMEOUT)
    write: float | None = _limit(constants.WRITE_TIMEOUT)
    pool: float | None = _limit(constants.POOL_TIMEOUT)

    @classmethod
    def of(cls, value: float | Timeouts | None) -> Timeouts:
        """Return the limits meant by a number (for each phase alike), by `Timeouts`, or by None (the defaults)."""
        if value is None:
            return cls()
        if isinstance(value, Timeouts):
            return value
        if not _is_limit(value):
            raise SettingError(
                f"timeout must be a number of seconds above 0, or a Timeouts object; got {safe_repr(value)}"
            )
        return cls(connect=value, read=value, write=value, pool=value)

    def as_dict(self) -> dict[str, float | None]:
        """Return the limits in the form in which a request carries them."""
        return attrs.asdict(self)


@attrs.frozen
class Settings:
    """Everything about the connection but the credentials.

    The addresses are those of the platform unless others are given.
    """

    platform: Platform
    timeouts: Timeouts
    retry: RetryPolicy
    extra_headers: Mapping[str, str] = attrs.field(repr=False)
    base_url: str = attrs.Factory(lambda self: self.platform.base_url, takes_self=True)
    base_urls: Mapping[str, str] = attrs.Factory(lambda self: self.platform.base_urls, takes_self=True)
    trust: Certificates = attrs.field(factory=Certificates)
    proxies: Proxies = attrs.field(factory=Proxies)
    http2: bool = False
    max_connections: int = constants.MAX_CONNECTIONS
    max_in_flight: int = constants.MAX_IN_FLIGHT
    max_answer_size: int = constants.MAX_ANSWER_SIZE
    transport: Any = None
    on_request: OnRequest | None = attrs.field(default=None, converter=as_listener)
    debug: bool = attrs.Factory(lambda self: self.platform.is_debugged(os.environ), takes_self=True)

    def __reduce__(self) -> Any:
        raise ArgumentTypeError("the settings of a client hold secrets and cannot be pickled or copied")

    def tls(self) -> bool | ssl.SSLContext:
        """Return what the HTTP library needs to check certificates."""
        return self.trust.context()
