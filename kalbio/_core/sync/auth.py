# Derived from kalbio/_core/aio/auth.py by scripts/regenerate; edit that file. (digest deeba6cf2200)
"""Logs in, renews and replays: authentication as a flow of requests around the one that was asked for."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime

from kalbio._core import constants
from kalbio._core.auth.tokens import Grant, TokenSource
from kalbio._core.errors import (
    APIError,
    AuthenticationError,
    ClientClosedError,
    ConnectionFailedError,
    ResponseError,
    SDKError,
)
from kalbio._core.http.httpx_names import Auth, ByteStream, Request, Response
from kalbio._core.http.time_limits import Limits
from kalbio._core.platform import Platform
from kalbio._core.retry import read_retry_after
from kalbio._core.sync.concurrency import Event, Lock, held, in_thread, raise_if_stopped
from kalbio._core.sync.response_body import read
from kalbio._core.text.log_redaction import RedactedHeaders
from kalbio._core.text.redaction import redact

_BODY_HEADERS = frozenset({"content-type", "content-length", "content-encoding", "transfer-encoding"})
_CONFIDENTIAL = re.compile("auth|cookie|credential|key|pass|pwd|secret|session|signature|token", re.IGNORECASE)
_TOKEN = re.compile(r"[\x21-\x7e]+")


class IdentityToken:
    """A Google identity token for a service behind an identity-aware proxy, fetched when it is needed and kept."""

    __slots__ = ("_clock", "_fetch", "_lock", "_renew_at", "_token")  # no vars(), which would show the token

    def __init__(self, fetch: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = Lock()
        self._token = ""
        self._renew_at = float("-inf")

    @property
    def last(self) -> str:
        """The token in use, for hiding it; empty before the first one."""
        return self._token

    def get(self) -> str:
        """Return a token that is good for a while."""
        with self._lock:
            if self._clock() >= self._renew_at:
                self._token = in_thread(self._fetch)
                self._renew_at = self._clock() + constants.IAP_TOKEN_LIFETIME
            return self._token


class TokenAuth(Auth):
    """Puts a bearer token on each request, renews it ahead of its end, and once more when the server refuses it.

    One renewal serves any number of callers: the others wait at the lock and find a good token, or share its failure.
    """

    def __init__(
        self,
        tokens: TokenSource,
        *,
        platform: Platform,
        build: Callable[[Grant], Request],
        extra_headers: Mapping[str, str],
        identity: IdentityToken | None = None,
    ) -> None:
        self._tokens = tokens
        self._platform = platform
        self._header = platform.token_header
        self._build = build
        self._extra_headers = extra_headers
        self._identity = identity
        self._lock = Lock()
        self.failures = 0  # logins and renewals that failed
        self._failure: SDKError | None = None
        self._ended = Event()
        self.after_login: Callable[[Request, Request, Response], object] = lambda request, login, answer: None

    def end(self) -> None:
        """Log in no more; who waits for a login gets ClientClosedError."""
        self._ended.set()

    def secrets(self) -> tuple[str, ...]:
        """Return everything that must not be shown to anyone."""
        identity = (self._identity.last,) if self._identity else ()
        extra = (value for name, value in self._extra_headers.items() if _CONFIDENTIAL.search(name))
        return *self._tokens.secrets(), *identity, *extra

    def sync_auth_flow(self, request: Request) -> Generator[Request, Response, None]:
        """Yield the requests to send, in order; the last one is the one that was asked for."""
        for last_try in (False, True):
            identity = self._proxy_header(request)
            token = self._tokens.usable()
            if token is None:
                failures = request.extensions.pop("failed_logins", self.failures)
                with held(self._lock, Limits(request.extensions).left("login")):
                    token = self._tokens.usable()
                    if token is None and self._failure is not None and self.failures != failures:
                        raise copy.copy(self._failure)
                    while token is None:
                        if self._ended.is_set():
                            raise ClientClosedError
                        grant = self._tokens.next_grant()
                        login = self._build(grant)
                        # Time limits of a block hold for its login too.
                        login.extensions["timeout"] = request.extensions.get("timeout", login.extensions["timeout"])
                        login.extensions["deadline"] = request.extensions.get("deadline")
                        login.extensions["fresh_connection"] = request.extensions.get("fresh_connection", False)
                        login.extensions["is_login"] = True
                        self._set_headers(login, identity)
                        raise_if_stopped()
                        login.extensions["begun"] = time.monotonic()
                        answer = yield login
                        try:
                            read_answer = read(answer, constants.MAX_LOGIN)
                            self.after_login(request, login, read_answer)
                            token = self._read_answer(grant, read_answer)
                        except SDKError as error:
                            # A copy: the traceback of this one would be kept alive, and shared.
                            self.failures, self._failure = self.failures + 1, copy.copy(error)
                            raise
                request.extensions["begun"] = time.monotonic()  # a login, or waiting for one, is not its own time
            self._set_headers(request, {**identity, self._header: f"Bearer {token}"})
            raise_if_stopped()
            response = yield request
            if response.status_code != 401 or last_try:
                return
            refusal = read(response, constants.MAX_REFUSAL)  # the library would read all of it
            response.headers.pop("content-encoding", None)
            response.stream = ByteStream(refusal.content)
            if self._platform.meaning(401, refusal.content) != 401:
                return  # another token would not be allowed to do it either
            self._tokens.reject(token)  # also for those who cannot try again: the next caller needs another one
            if not request.extensions.get("replayable", True):
                return

    def _proxy_header(self, request: Request) -> dict[str, str]:
        if self._identity is None:
            return {}
        try:
            token = self._identity.get()
            if not _TOKEN.fullmatch(token):
                raise ValueError("the token has characters that cannot be sent in a header")
            return {"Authorization": f"Bearer {token}"}
        except Exception as error:  # whatever the library of the credentials raises
            told = redact(str(error), self.secrets())
            cause = error if told == str(error) else None  # its text would stand in tracebacks
            reason = f"no identity token for the proxy: {told}"
            raise ConnectionFailedError.of(request, reason) from cause

    def _set_headers(self, request: Request, headers: Mapping[str, str]) -> None:
        if not isinstance(request.headers, RedactedHeaders):
            request.headers = RedactedHeaders(request.headers)
        for name, value in headers.items():
            request.headers[name] = value  # `update` makes headers of them first
        for name, value in self._extra_headers.items():
            # A caller's header wins, but cannot relabel or reframe a body that we encoded.
            if name.lower() not in _BODY_HEADERS:
                if not value.isascii():
                    request.headers.encoding = "iso-8859-1"  # as HTTP means it; the library would write UTF-8
                request.headers[name] = value

    def _read_answer(self, grant: Grant, answer: Response) -> str | None:
        """Return the new access token, or None when another request is needed for one."""
        if answer.status_code < 400:
            try:
                if answer.has_redirect_location:
                    raise ValueError("the server redirects the login elsewhere; check the url")
                return self._tokens.accept(answer.content)
            except ValueError as error:
                # Not the body: part of a token may stand in it.
                url = answer.request.url.path
                raise ResponseError(answer.request.method, url, b"[hidden]", str(error)) from None
        elif answer.status_code in (408, 421, 425, 429) or answer.status_code >= 500:
            if answer.status_code in (421, 425, 429, 503):
                self._tokens.restore(grant)
            raise self._refusal(APIError.for_status, answer)
        wait = self._tokens.wait_after_refusal(grant, answer.status_code, answer.content)
        if wait is None:
            refused = self._refusal(AuthenticationError, answer)
            if answer.status_code in (404, 405):
                refused.add_note("There is no login at this address; check `url`.")
            raise refused
        self._ended.wait(wait)  # a refused refresh needs no error: the next grant is a login
        return None

    def _refusal(self, make: Callable[..., APIError], answer: Response) -> APIError:
        return make(
            answer.request.method,
            answer.request.url.path,
            answer.status_code,
            answer.content,
            retry_after=read_retry_after(answer.headers.get("retry-after"), datetime.now(UTC)),
            secrets=self.secrets(),
            read_body=self._platform.read_error,
        )
