"""The life of an access token, decided without a network: what to ask for next, and what an answer means."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Protocol

import attrs

from kalbio._core import constants
from kalbio._core.concurrency import forks
from kalbio._core.json import strict_json

# What may stand in a header: anything else would fail later, in an error text that shows the header.
_TOKEN = re.compile(r"[\x21-\x7e]+")

Grant = Mapping[str, str]
"""The form fields of one token request."""


class TokenSource(Protocol):
    """How to authenticate: what to ask for next, and what an answer means. It sends nothing itself.

    A login may take several requests: as long as there is no token, `next_grant` is asked for another one. So a device
    flow shows its code in `accept`, and says in `wait_after_refusal` how long to wait until it asks again.
    """

    def usable(self) -> str | None:
        """Return the access token while it is good, else None."""

    def secrets(self) -> tuple[str, ...]:
        """Return everything that must not be shown to anyone."""

    def next_grant(self) -> Grant:
        """Return what to ask for next."""

    def accept(self, body: bytes) -> str | None:
        """Take over a good answer and return the access token, None when it has none yet.

        Raises ValueError when the answer makes no sense.
        """

    def wait_after_refusal(self, grant: Grant, status: int, body: bytes) -> float | None:
        """Return in how many seconds to ask for the next grant; None when the login is refused for good."""

    def restore(self, grant: Grant) -> None:
        """Note that a grant was certainly not used."""

    def reject(self, access: str) -> None:
        """Forget an access token that the server refused, unless it has been replaced already."""


@attrs.define(repr=False)
class Tokens:
    """The tokens of one client that logs in with its credentials, and when they end on a monotonic clock.

    `rejected` remembers what the server refused, so that many callers with the same refused token cause one renewal.
    """

    client_id: str
    client_secret: str = attrs.field(repr=False)  # printers of attrs objects ask each field
    clock: Callable[[], float]
    _access: str | None = attrs.field(default=None, repr=False)
    _refresh: str | None = attrs.field(default=None, repr=False)
    _renew_at: float = 0.0
    # The last tokens that were given: also one that was replaced must not be shown.
    _issued: deque[str] = attrs.field(factory=lambda: deque(maxlen=8), repr=False)
    _lock: Lock = attrs.field(factory=Lock)

    def __attrs_post_init__(self) -> None:
        forks.register(self)

    def __repr__(self) -> str:
        return "Tokens([hidden])"

    def usable(self) -> str | None:
        """Return the access token while it is good, else None."""
        with self._lock:
            return self._access if self._access is not None and self.clock() < self._renew_at else None

    def secrets(self) -> tuple[str, ...]:
        """Return everything that must not be shown to anyone."""
        with self._lock:
            return self.client_secret, *self._issued

    def reset_after_fork(self) -> None:
        """In a forked child: keep the access token, and leave the refresh token to the parent."""
        self._lock = Lock()
        self._refresh = None

    def next_grant(self) -> Grant:
        """Return what to ask the token endpoint for: a refresh where that is possible, else a login.

        The refresh token is given up here: it works once, and presenting it twice kills the whole family. It comes back
        with the answer; when that is lost, the next grant is a login.
        """
        with self._lock:
            refresh, self._refresh = self._refresh, None
            if refresh is not None:
                return {"grant_type": "refresh_token", "refresh_token": refresh}
        return self.login_grant()

    def login_grant(self) -> Grant:
        """Return what to ask the token endpoint for with the credentials alone."""
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }

    def accept(self, body: bytes) -> str:
        """Take over the tokens of a good answer and return the access token. Raises ValueError when it has none."""
        try:
            answer: Any = strict_json.decode(body)
            access, lifetime = answer["access_token"], float(answer["expires_in"])
            refresh = answer.get("refresh_token")
            if not isinstance(access, str) or not _TOKEN.fullmatch(access):
                raise TypeError("a token is visible ASCII text")
            if refresh is not None:
                refresh.encode()  # half a surrogate pair could not be sent back
            if not (math.isfinite(lifetime) and lifetime > 0):
                raise ValueError("a token must live for a while")
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            raise ValueError("the token answer needs access_token and a positive expires_in") from None
        margin = min(constants.TOKEN_MARGIN, lifetime * constants.TOKEN_MARGIN_SHARE)
        with self._lock:
            self._access, self._refresh = access, refresh
            self._issued.extend(token for token in (access, refresh) if token)
            self._renew_at = self.clock() + lifetime - margin
        return access

    def wait_after_refusal(self, grant: Grant, status: int, body: bytes) -> float | None:
        """Return 0 when a refresh was refused: a login comes next. A refused login is refused for good."""
        return 0.0 if grant["grant_type"] == "refresh_token" else None

    def restore(self, grant: Grant) -> None:
        """Keep the refresh token of a request that certainly was not processed."""
        with self._lock:
            self._refresh = self._refresh or grant.get("refresh_token")

    def reject(self, access: str) -> None:
        """Forget an access token that the server refused, unless it has been replaced already."""
        with self._lock:
            if self._access == access:
                self._access = None
