"""The one way out: authentication, retries, redirects and typed errors around every request, raw or curated."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from math import inf
from typing import Any, NoReturn, cast

from kalbio._core import constants
from kalbio._core.aio.auth import AsyncTokenAuth
from kalbio._core.aio.concurrency import Event, raise_if_stopped
from kalbio._core.aio.limiter import AsyncLimiter, AsyncSlot
from kalbio._core.aio.response_body import CountedStream, read
from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import (
    APIError,
    ClientClosedError,
    ConnectionFailedError,
    OutcomeUnknownError,
    RequestTimeoutError,
    ResponseError,
    SDKError,
    TransportError,
)
from kalbio._core.http.connect_errors import explain as explain_connect_error
from kalbio._core.http.cookies import SparingCookies
from kalbio._core.http.headers import find_violation as header_violation
from kalbio._core.http.http1 import CannotBeSent
from kalbio._core.http.httpx_names import (
    URL,
    USE_CLIENT_DEFAULT,
    AsyncByteStream,
    AsyncClient,
    Auth,
    ByteStream,
    ConnectError,
    ConnectTimeout,
    HTTPError,
    InvalidURL,
    PoolTimeout,
    ProxyError,
    Request,
    Response,
    StreamError,
    Timeout,
    TimeoutException,
    UnsupportedProtocol,
    shut_down,
    with_query,
)
from kalbio._core.http.multipart import Multipart, is_parts
from kalbio._core.http.plain_answers import is_plainly_right
from kalbio._core.http.pools import connect_async as connect  # sync: from kalbio._core.http.pools import connect
from kalbio._core.http.request_log import Attempt, RequestLog
from kalbio._core.http.response_identity import LACKS, broken_promise, contradiction
from kalbio._core.http.responses import unusable
from kalbio._core.http.settings import Settings
from kalbio._core.http.time_limits import DeadlinePassed, Limits
from kalbio._core.json import strict_json
from kalbio._core.platform import Failure
from kalbio._core.retry import AttemptResult, Decision, classify, decide, read_retry_after
from kalbio._core.text import log_redaction
from kalbio._core.text.redaction import redact

_OPERATION_ARGUMENTS = frozenset({"content", "extensions", "headers", "params"})
_NOT_SENT = (ConnectError, ConnectTimeout, PoolTimeout, ProxyError)
_NO_LOGIN = Auth()


class AsyncRetryingClient(AsyncClient):
    """An HTTP client whose `send` retries what may be retried and raises typed errors.

    Generated operations accept it as it is, because it is a client of the HTTP library.
    """

    def __init__(
        self,
        settings: Settings,
        make_auth: Callable[[AsyncRetryingClient], AsyncTokenAuth],
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
        pause: Callable[[float], Awaitable[object]] | None = None,
    ) -> None:
        log_redaction.install()
        self._settings = settings
        self._platform = settings.platform
        self._proxied = bool(settings.proxies)
        proxied: dict[str, Any] = {
            f"{scheme}://": connect(settings, url) for scheme, url in settings.proxies.urls().items()
        }
        self._direct: Any = connect(settings) if settings.transport is None else settings.transport
        self._own = [self._direct, *proxied.values()] if settings.transport is None else []
        if settings.debug:
            self._direct = self._shown(self._direct)
            proxied = {scheme: self._shown(transport) for scheme, transport in proxied.items()}
        super().__init__(
            base_url=settings.base_url,
            headers={"User-Agent": settings.platform.user_agent, "Accept-Encoding": "gzip"},
            timeout=Timeout(**settings.timeouts.as_dict()),
            transport=self._direct,
            mounts=proxied,
            trust_env=False,
            follow_redirects=False,
        )
        self._cookies = SparingCookies()  # the library's public setter would make plain ones of them
        self._operations = settings.platform.operations()
        self._clock = clock
        self._draw = draw
        self._pause = pause if pause is not None else self._sleep
        self._urls: dict[Any, URL] = {}
        self._ended, self._is_ended = Event(), False
        self._limiter = AsyncLimiter(settings.max_in_flight)
        self._suspicious = False  # an idle connection may have the answer to another request
        auth = make_auth(self)
        self._secrets = auth.secrets
        self._logger = settings.platform.logger
        self._log = RequestLog(settings, self._operations, auth.secrets)
        auth.after_login = self._after_login
        self.auth = self._login = auth

    def _shown(self, transport: Any) -> Any:
        from kalbio._core.aio.shown_transport import AsyncShownTransport  # few want it

        return AsyncShownTransport(transport, self._platform, lambda: self._secrets())

    def _transport_for_url(self, url: URL) -> Any:
        # The library knows proxies by scheme only in the form that it takes; which hosts are left out is decided here.
        # It has no public way for that: patterns of `mounts` know no IPv6 and no networks.
        chosen = super()._transport_for_url(url)
        if self._proxied and self._settings.proxies.proxy_of(url.scheme, url.host, url.port) is None:
            return self._direct
        return chosen

    def build_request(self, method: str, url: Any, *, json: Any = None, **arguments: Any) -> Request:
        """Build a request; JSON bodies and query values go through the strict encoder."""
        given = arguments.get("headers")
        for name, value in given.items() if isinstance(given, Mapping) else ():
            if wrong := header_violation(name, value):
                raise ArgumentError(f"headers cannot be sent: {wrong}")
        if json is not None:
            arguments["content"] = strict_json.encode(json)
            arguments["headers"] = {**(given or {}), "Content-Type": "application/json"}
        files, upload = arguments.get("files") or (), None
        if files and is_parts(files) and not arguments.get("data"):
            upload = Multipart(arguments.pop("files"))
            arguments.update(content=upload, headers={**(given or {}), **upload.headers})
        if isinstance(arguments.get("params"), Mapping):
            # The library would write str() of anything.
            arguments["params"] = {name: strict_json.plain(value, name) for name, value in arguments["params"].items()}
        if self._settings.base_urls:
            url = self._placed(url, arguments)
        # The library parses a url twice to make it absolute: a seventh of the cost of a small request.
        try:
            request = self._assemble(method, self._urls.get(url, url), arguments)
        except InvalidURL as error:
            asked = arguments.get("params") or {}
            longest = max(asked, key=lambda name: len(str(asked[name])), default="url")
            raise ArgumentError(f"{longest} cannot be part of a URL: {error}") from None
        if url not in self._urls:
            if len(self._urls) >= constants.URL_CACHE_SIZE:
                self._urls.clear()
            self._urls[url] = request.url.copy_with(query=None) if arguments.get("params") else request.url
        if upload is not None:
            request.stream = upload  # the library takes what is iterated for something that can be read only once
            # What an upload says beside its file, to hold the answer against.
            request.extensions["form"] = {name: part[1] for name, part in files if part[0] is None}
        request.extensions["replayable"] = _replayable(request, files)
        return request

    def _placed(self, url: Any, arguments: Mapping[str, Any]) -> Any:
        """Return the url of an operation whose tag has a place of its own; any other one as it is."""
        operation = self._operations.get((arguments.get("extensions") or {}).get("operation", ""))
        base = None if operation is None else self._settings.base_urls.get(operation.tag)
        if operation is None or base is None:
            return url
        return f"{base}{url.removeprefix(self._platform.path_prefixes.get(operation.tag, ''))}"

    def _assemble(self, method: str, url: Any, arguments: dict[str, Any]) -> Request:
        """Build a request, in the short way where it has nothing but what generated operations give it.

        The library merges and looks for what may be given otherwise, which takes it a third of a small call.
        """
        headers: Any = arguments.get("headers") or {}
        content = arguments.get("content", b"")
        if (
            not (isinstance(url, URL) and isinstance(content, bytes) and isinstance(headers, dict))
            or not (arguments.keys() <= _OPERATION_ARGUMENTS and headers.keys() <= {"Content-Type"})
            or (not content and method not in ("GET", "DELETE"))
            or (self.params or self.cookies or "Host" in self.headers)
        ):
            return super().build_request(method, url, **arguments)
        params = arguments.get("params")
        if params and (asked := with_query(url, params)) is not None:
            url, params = asked, None
        if content:
            headers = {**headers, "Content-Length": str(len(content))}
        added = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        request = Request(
            method,
            url,
            params=params,
            headers=[(b"Host", url.netloc), *self.headers.raw, *added],
            stream=ByteStream(content),
            extensions={"timeout": self.timeout.as_dict(), **(arguments.get("extensions") or {})},
        )
        request.read()
        return request

    async def send(
        self,
        request: Request,
        *,
        stream: bool = False,
        auth: Any = USE_CLIENT_DEFAULT,
        follow_redirects: Any = USE_CLIENT_DEFAULT,
    ) -> Response:
        """Send a request. Returns only answers with a status below 400; everything else raises a typed error.

        Redirects of reads are followed and those of writes refused, whatever `follow_redirects` says.
        """
        try:
            return await self._send_until_answered(request, stream=stream, auth=auth)
        except Exception as error:
            if error.__suppress_context__:
                # What tracebacks leave out may show a secret. Libraries that pickle whole chains would pass it on.
                error.__context__ = error.__cause__
            if not self._is_ended or isinstance(error, OutcomeUnknownError | APIError | ResponseError):
                raise
            # What breaks because the connections are closed under it can be anything.
            if (
                not isinstance(error, SDKError)
                and self._decide(request, AttemptResult.LOST, Attempt(1, self._clock())).outcome_unknown
            ):
                self._raise_outcome_unknown(request, "the client was closed meanwhile", self._cause(error))
            raise ClientClosedError from self._cause(error)

    def _is_told(self) -> bool:
        """Whether somebody wants to know of every attempt."""
        return self._settings.on_request is not None or self._logger.isEnabledFor(logging.DEBUG)

    def _after_login(self, request: Request, login: Request, answer: Response) -> None:
        """Note a login for the telling of the request that it is for."""
        if self._is_told():
            self._log.note_login(request, login, answer, None)

    async def _sleep(self, seconds: float) -> None:
        await self._ended.wait(seconds)

    async def _send_until_answered(self, request: Request, *, stream: bool, auth: Any) -> Response:
        if "replayable" not in request.extensions:
            request.extensions["replayable"] = _replayable(request, None)
        if self._suspicious:
            self._suspicious, request.extensions["fresh_connection"] = False, True
        started = self._clock()
        patience = self._settings.retry.deadline
        if patience is not None and isinstance(request.stream, ByteStream):
            # Whoever waits for several requests may have one of his own.
            own = request.extensions.get("deadline", inf)
            request.extensions["deadline"] = min(own, time.monotonic() + patience)
        number = 0
        while True:
            if self._is_ended:
                raise ClientClosedError
            number += 1
            attempt = Attempt(number, started, self._is_told())
            try:
                await self._try(request, attempt, stream=stream, auth=auth)
            except BaseException as error:
                attempt.failure = error
                raise
            finally:
                if attempt.is_told or attempt.wait is not None:
                    self._log.tell(request, attempt)
                attempt.failure = None  # its traceback leads back here, and would keep everything alive
            if attempt.wait is None:
                assert attempt.response is not None
                return attempt.response
            if attempt.wait:
                await self._pause(attempt.wait)

    async def _try(self, request: Request, attempt: Attempt, *, stream: bool, auth: Any) -> None:
        """Send a request once. What became of it stands in `attempt` then, or is raised when it is final."""
        try:
            if stream:
                response = attempt.response = await self._send_once(request, auth)
                if response.is_success:
                    # What is read of it takes as long as whoever reads it likes.
                    response.request.extensions.pop("deadline", None)
                    if attempt.is_told and not response.is_stream_consumed:
                        body = cast(AsyncByteStream, response.stream)
                        response.stream = CountedStream(body, self._log.at_the_end_of(request, attempt))
                    return
                response = await read(response, self._settings.max_answer_size)
            else:
                response = await self._send_in_turn(request, auth)
        except (StreamError, InvalidURL, CannotBeSent) as error:
            reason = self._without_secrets(error)
            raise TransportError.of(request, reason) from self._cause(error)
        except (HTTPError, DeadlinePassed) as error:
            decision = self._after_failure(request, error, attempt)
            attempt.failure = error
        except TransportError as error:  # the login got no answer: the request itself was not sent
            decision = self._decide(request, AttemptResult.NOT_SENT, attempt)
            if decision.wait is None:
                raise error from None
            attempt.failure = error
        except APIError as error:  # the login was turned away
            result = classify(error.status_code, error.retry_after)
            if result is AttemptResult.SERVER_FAILED:
                result = AttemptResult.NOT_SENT
            _leave_connection(request, error.status_code)
            decision = self._decide(request, result, attempt, error.retry_after)
            if decision.wait is None:
                raise error from None
            attempt.failure = error
        else:
            attempt.response = response
            if response.is_success:
                response.extensions["secrets"] = self._secrets
                response.extensions["platform"] = self._platform
                if not self._is_answer_to(request, response, attempt):
                    attempt.wait = 0.0
                return
            if response.status_code < 400:
                raise _redirect_error(request, "the server redirects this call elsewhere; check the url")
            decision = self._after_refusal(request, response, attempt)
        attempt.wait = decision.wait

    async def _send_in_turn(self, request: Request, auth: Any) -> Response:
        """Send a request when it is its turn, and read the answer.

        Downloads take no turn: they last as long as whoever reads them likes.
        """
        # Who waits for his turn while a login fails shares that failure, and does not present the credentials again.
        request.extensions["failed_logins"] = self._login.failures
        turn = AsyncSlot()
        try:
            try:
                await self._limiter.acquire(turn, Limits(request.extensions).left("turn"))
                response = await read(await self._send_once(request, auth), self._settings.max_answer_size)
            finally:
                self._limiter.release(turn)
        except BaseException:
            self._limiter.release(turn)  # again: an interrupt may break in before the first line of it
            raise
        if response.status_code == 429:
            self._limiter.slow_down(turn)
        else:
            self._limiter.speed_up()
        return response

    async def _send_once(self, request: Request, auth: Any) -> Response:
        raise_if_stopped()
        request.extensions["begun"] = time.monotonic()
        response = await self._send_with_login(request, auth)
        hops, at_home = 0, True
        while response.has_redirect_location and request.method in ("GET", "HEAD"):
            hops += 1
            onward = response.next_request
            await response.aclose()
            raise_if_stopped()
            if hops > self.max_redirects or onward is None:
                raise _redirect_error(request, "the server redirects this call in circles")
            at_home = at_home and _origin(onward) == _origin(request)
            if at_home:
                response = await self._send_with_login(onward, auth)
            else:
                # Another host sees nothing that was meant for ours: neither credentials nor the user's own headers.
                # Nor does it get to say what of ours is asked with them.
                headers = {"User-Agent": self._platform.user_agent}
                if packing := request.headers.get("Accept-Encoding"):
                    headers["Accept-Encoding"] = packing
                bare = Request("GET", onward.url, headers=headers)
                for name in ("timeout", "deadline"):
                    bare.extensions[name] = request.extensions.get(name)
                bare.extensions["replayable"] = True
                response = await self._send_with_login(bare, None)
        return response

    async def _send_with_login(self, request: Request, auth: Any) -> Response:
        """Send a request, and before it those of its login, however many they are.

        The library would take each of them for a redirect, of which it follows 20: too few for a login that asks until
        somebody lets it in. It would also keep their answers with the last one, tokens and all.
        """
        flow = self._build_request_auth(request, auth).async_auth_flow(request)
        try:
            due = await anext(flow)
            while True:
                response = await super().send(due, stream=True, auth=_NO_LOGIN, follow_redirects=False)
                try:
                    due = await flow.asend(response)
                    await response.aread()  # what is left of it; its connection is free then
                except StopAsyncIteration:
                    return response
                except BaseException:
                    await response.aclose()
                    raise
        finally:
            await flow.aclose()

    def end(self) -> None:
        """Close the connections at once, from any thread: calls under way end, and none begins any more."""
        self._is_ended = True
        self._ended.set()
        self._limiter.end()
        self._login.end()
        for transport in self._own:
            shut_down(transport)

    async def aclose(self) -> None:
        """Close the connections; calls under way end with ClientClosedError."""
        self.end()
        await super().aclose()

    def _decide(
        self, request: Request, result: AttemptResult, attempt: Attempt, retry_after: float | None = None
    ) -> Decision:
        if result in (AttemptResult.LOST, AttemptResult.SERVER_FAILED):
            request.extensions["maybe_done"] = True
        return decide(
            self._settings.retry,
            result,
            idempotent=self._may_be_repeated(request),
            replayable=request.extensions["replayable"],
            attempt=attempt.number,
            elapsed=inf if Limits(request.extensions).over else self._clock() - attempt.started,
            retry_after=retry_after,
            random=self._draw,
        )

    def _may_be_repeated(self, request: Request) -> bool:
        operation = self._operations.get(request.extensions.get("operation", ""))
        idempotent = self._platform.is_idempotent(request.method, operation)
        return bool(request.extensions.get("idempotent", idempotent))

    def _is_answer_to(self, request: Request, response: Response, attempt: Attempt) -> bool:
        """Whether an answer is the one to its request; False when the request is to be sent once more.

        Raises OutcomeUnknownError for a write with the answer to another request; ResponseError for a read that
        got one twice, and for what lacks what the description of the API promises.
        """
        operation = self._operations.get(request.extensions.get("operation", ""))
        if operation is None or is_plainly_right(operation, request, response):
            return True
        reading = request.method in ("GET", "HEAD")
        wrong = contradiction(operation, request, response)
        lacking = broken_promise(operation, request, response) if wrong is None else None
        if wrong is None and lacking is None:
            return True
        if isinstance(lacking, Failure) and lacking.is_refusal:
            make = partial(APIError.for_status, meaning=lacking.meaning) if lacking.meaning else APIError
            refused = self._refusal(make, request, response, None)
            refused.message = refused.message or redact(lacking.reason, self._secrets())
            raise refused
        self._suspicious = True
        told = lacking.reason if isinstance(lacking, Failure) else f"{lacking}"
        reason = told if wrong is None else f"the answer belongs to another request: {wrong}"
        reason = redact(reason, self._secrets())
        # The answer to a login, say, lacks what that to a read has.
        foreign = wrong is not None or (reading and reason.startswith(LACKS))
        again = foreign and self._may_be_repeated(request) and request.extensions["replayable"]
        if again and "asked_again" not in request.extensions:
            attempt.failure = unusable(response, reason, show=False)
            request.extensions.update(asked_again=True, fresh_connection=True)
            return False
        if wrong is not None and not reading:
            self._raise_outcome_unknown(request, reason, None)
        raise unusable(response, reason)

    def _after_failure(self, request: Request, error: HTTPError | DeadlinePassed, attempt: Attempt) -> Decision:
        sent = _request_of(error) or request
        if isinstance(error, UnsupportedProtocol):
            result = AttemptResult.REFUSED
        elif isinstance(error, DeadlinePassed):  # before it was its turn
            result = AttemptResult.NOT_SENT
        elif sent is request and not isinstance(error, _NOT_SENT):
            result = AttemptResult.LOST
        else:
            result = AttemptResult.NOT_SENT
        decision = self._decide(request, result, attempt)
        if attempt.is_told and "is_login" in sent.extensions:
            self._log.note_login(request, sent, None, error)
        if decision.wait is not None:
            return decision
        reason, cause = self._without_secrets(error), self._cause(error)
        late = isinstance(error, TimeoutException | DeadlinePassed)
        over = late and Limits(request.extensions).over
        if over:
            patience = self._settings.retry.deadline
            limit = "there was time for" if patience is None else f"the deadline of {patience:g} s"
            reason = f"took longer than {limit}"
        if decision.outcome_unknown:
            self._raise_outcome_unknown(request, f"the answer was lost ({'it ' if over else ''}{reason})", cause)
        if late and not over:
            reason = f"timed out ({type(error).__name__})"
        url = sent.url
        if isinstance(error, _NOT_SENT):
            reason = explain_connect_error(
                error,
                reason,
                url.host,
                url.port,
                self._settings.proxies.describe(url.scheme, url.host, url.port),
                self._platform.no_server,
            )
        raise (RequestTimeoutError if late else ConnectionFailedError).of(sent, reason) from cause

    def _after_refusal(self, request: Request, response: Response, attempt: Attempt) -> Decision:
        retry_after = read_retry_after(response.headers.get("retry-after"), datetime.now(UTC))
        meaning = self._platform.meaning(response.status_code, response.content)
        result = classify(meaning, retry_after)
        decision = self._decide(request, result, attempt, retry_after)
        _leave_connection(request, response.status_code)
        if decision.wait is not None:
            return decision
        error = self._refusal(partial(APIError.for_status, meaning=meaning), request, response, retry_after)
        if decision.outcome_unknown:
            self._raise_outcome_unknown(request, f"the server failed with status {response.status_code}", error)
        raise error

    def _refusal(
        self, make: Callable[..., APIError], request: Request, response: Response, retry_after: float | None
    ) -> APIError:
        named = (response.headers[name] for name in self._platform.request_id_headers if name in response.headers)
        return make(
            request.method,
            request.url.path,
            response.status_code,
            response.content,
            query=request.url.query.decode("ascii"),
            request_id=next(named, None),
            retry_after=retry_after,
            secrets=self._secrets(),
            read_body=self._platform.read_error,
        )

    def _raise_outcome_unknown(self, request: Request, reason: str, cause: Exception | None) -> NoReturn:
        sent = request.content if isinstance(request.stream, ByteStream) else None
        answer = cause if isinstance(cause, APIError) else None
        raise OutcomeUnknownError(
            request.method, request.url.path, reason, sent, answer=answer, secrets=self._secrets()
        ) from cause

    def _without_secrets(self, error: Exception) -> str:
        return redact(str(error) or type(error).__name__, self._secrets())

    def _cause(self, error: Exception) -> Exception | None:
        """Return what an error may name as its cause, whose text stands in tracebacks: nothing that shows a secret."""
        if redact(str(error), self._secrets()) != str(error):
            return None
        if isinstance(error, HTTPError) and (sent := _request_of(error)) is not None:
            # That of a login has the client secret in its body, all have the token in a header.
            error.request = Request(sent.method, sent.url.copy_with(query=None))
        return error


def _leave_connection(request: Request, status: int) -> None:
    """Send the next try over a fresh connection when the one in use leads to a server that is not the one asked for."""
    if status == 421:
        request.extensions["fresh_connection"] = True


def _redirect_error(request: Request, reason: str) -> ResponseError:
    return ResponseError(request.method, request.url.path, b"", reason)


def _origin(request: Request) -> tuple[str, str, int | None]:
    return request.url.scheme, request.url.host, request.url.port


def _request_of(error: Exception) -> Request | None:
    try:
        return error.request if isinstance(error, HTTPError) else None
    except RuntimeError:  # raised by the library when an error knows no request
        return None


def _replayable(request: Request, files: Any) -> bool:
    """Whether the body can be sent a second time: bytes can, and files that can seek."""
    if isinstance(request.stream, ByteStream):
        return True
    if not files:
        return False
    parts = files.values() if isinstance(files, Mapping) else [part for _, part in files]
    return all(_rewinds(part[1] if isinstance(part, tuple) else part) for part in parts)


def _rewinds(content: Any) -> bool:
    if isinstance(content, bytes | str):
        return True
    return bool(content.seekable()) if hasattr(content, "seekable") else hasattr(content, "seek")
