"""The service of a registrar: an ASGI and WSGI application that keeps events, and lets handlers have them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import inspect
import json
import logging
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

import anyio
import anyio.to_thread

from kalbio._core.argument_errors import ArgumentTypeError
from kalbio._core.concurrency import forks
from kalbio._core.errors import SettingError
from kalbio._core.objects.identifiers import close_matches
from kalbio._core.text.display import safe_repr
from kalbio._model.webhooks import WebhookError, parse_webhook
from kalbio.webhooks.inbox import Inbox, InboxError
from kalbio.webhooks.worker import Clients, Worker, put

if TYPE_CHECKING:
    from kalbio.aio.client import AsyncKaleidoscopeClient
    from kalbio.client import KaleidoscopeClient
else:
    AsyncKaleidoscopeClient = KaleidoscopeClient = Any  # for those who resolve annotations

logger = logging.getLogger("kalbio.webhooks")

Check = Callable[[bytes, Mapping[str, str]], bool]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_StartResponse = Callable[..., Any]

KNOWN = ("registration_submitted", "registration_drafts_submitted", "registration_drafts_validation_requested")
OTHER = "other_event"
_SHORTEST_TOKEN = 16
_BODY_TIMEOUT = 30.0  # seconds for all of a body
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 405: "Method Not Allowed", 408: "Request Timeout",
            411: "Length Required", 413: "Content Too Large", 503: "Service Unavailable"}  # fmt: skip


def receiver(
    handlers: Any,
    inbox: str | os.PathLike[str] = "inbox.db",
    *,
    token: str | Iterable[str] | None,
    client: KaleidoscopeClient | None = None,
    async_client: AsyncKaleidoscopeClient | None = None,
    check: Check | None = None,
    concurrency: int = 4,
    attempts: int = 20,
    catch_up_every: float | None = 3600.0,
    body_limit: int = 1024 * 1024,
) -> Receiver:
    """Return a service that loses no event: an ASGI application; its `wsgi` is the same for WSGI.

    An event is on disk before it is answered with 200. It is handed to its handler until that has ended without an
    error: a failure is tried again, later each time, and at last goes to the dead letters (`kalbio inbox list`). Events
    of one activity are handled one after the other, in the order in which they came.

    Args:
        handlers: a module, an object or a dict with a function for each event, by its name: `registration_submitted`,
            `registration_drafts_submitted`, `registration_drafts_validation_requested`, and `other_event` for all
            others. Plain functions get a `ReceivedFile`, `ReceivedDrafts` or `ReceivedEvent` and run in threads;
            coroutine functions get an `AsyncReceivedFile` and so on, and run in the event loop of the application.
        inbox: the file of the inbox.
        token: what a sender must know, at least 16 characters; several while you change it. It is sent as
            `Authorization: Bearer TOKEN`, as `X-Webhook-Token: TOKEN` or in the url as `?token=TOKEN`. None lets
            everybody in who reaches the application.
        client: what plain handlers work with; by default a client of the environment.
        async_client: what coroutine functions work with; by default one of the environment.
        check: a further check of the body and the headers (by lower-case name), e.g. of a signature with `verify_hmac`.
        concurrency: how many events are handled at a time.
        attempts: how often an event is tried.
        catch_up_every: seconds between two looks at the API for what no webhook told of; the first is at the start.
            None never looks.
        body_limit: the largest body, in bytes.

    Raises:
        SettingError: an argument cannot be used, or credentials are missing.
        InboxError: the inbox cannot be used.

    Example:
        >>> def registration_submitted(event):
        ...     event.submit(message=f"{len(event.rows())} rows read")
        >>> app = receiver({"registration_submitted": registration_submitted}, token="sandbox-token-of-the-registrar")
    """
    return Receiver(
        handlers,
        inbox,
        token=token,
        client=client,
        async_client=async_client,
        check=check,
        concurrency=concurrency,
        attempts=attempts,
        catch_up_every=catch_up_every,
        body_limit=body_limit,
    )


class _Handler:
    """A handler, and which world it lives in."""

    def __init__(self, name: str, function: Callable[[Any], Any]) -> None:
        self.name = name
        self.function = function
        inner = function
        while isinstance(inner, partial):
            inner = inner.func
        self.is_async = inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(
            getattr(inner, "__call__", None)  # noqa: B004  an object with an async __call__ is one too
        )

    def __call__(self, event: Any) -> Any:
        given = self.function(event)
        if not self.is_async and inspect.isawaitable(given):
            if inspect.iscoroutine(given):
                given.close()
            raise ArgumentTypeError(f"the handler {self.name} returned something to await: write it with `async def`")
        return given


class Receiver:
    """A service that loses no event; see `receiver`.

    It starts with the application that it is, or with its first request. Where it is a part of another one, start it
    with that: `async with registrar:`, `with registrar:`, or `FastAPI(lifespan=registrar.lifespan)`.

    Attributes:
        inbox: the inbox.
    """

    def __init__(
        self,
        handlers: Any,
        inbox: str | os.PathLike[str],
        *,
        token: str | Iterable[str] | None,
        client: KaleidoscopeClient | None,
        async_client: AsyncKaleidoscopeClient | None,
        check: Check | None,
        concurrency: int,
        attempts: int,
        catch_up_every: float | None,
        body_limit: int,
    ) -> None:
        for name, number in {"concurrency": concurrency, "attempts": attempts, "body_limit": body_limit}.items():
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise SettingError(f"{name} must be a whole number of at least 1; got {safe_repr(number)}")
        if catch_up_every is not None and (
            isinstance(catch_up_every, bool) or not isinstance(catch_up_every, int | float) or not catch_up_every >= 1
        ):
            raise SettingError(
                f"catch_up_every must be seconds, at least 1, or None for never; got {safe_repr(catch_up_every)}"
            )
        self._tokens = _tokens(token)
        self._check = check
        self._body_limit = body_limit
        self._handlers = _handlers(handlers)
        self._make_worker = partial(Worker, concurrency=concurrency, attempts=attempts, catch_up_every=catch_up_every)
        self._given_clients = client, async_client
        self._clients, self._own = _clients(self._handlers.values(), client, async_client)
        self.inbox = Inbox(inbox)
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._stopped = False
        forks.register(self)

    def __repr__(self) -> str:
        return f"<Receiver of {self.inbox!r}: {', '.join(sorted(self._handlers))}>"

    def reset_after_fork(self) -> None:
        """In a forked child: start anew with the first request; the threads are the parent's."""
        self._lock = threading.Lock()
        if self._worker is not None:
            self._worker.reset_after_fork()
            self._worker = None

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to handle events, in threads. It does no harm to call it again."""
        self._start(None)

    def _start(self, loop: asyncio.AbstractEventLoop | None) -> Worker:
        with self._lock:
            if self._worker is None:
                if self._stopped:  # what was made here was closed then
                    self._clients, self._own = _clients(self._handlers.values(), *self._given_clients)
                    self._stopped = False
                worker = self._make_worker(self.inbox, self._find_handler, self._clients)
                worker.start(loop)
                self._worker = worker
            return self._worker

    def stop(self, grace: float = 10.0) -> None:
        """Take on no further events, and wait so many seconds for those that are being handled."""
        with self._lock:
            worker, self._worker = self._worker, None
            if worker is None:
                return
            self._stopped = True
        worker.stop(grace, self._clients.aio.aclose if "aio" in self._own and self._clients.aio is not None else None)
        if "sync" in self._own and self._clients.sync is not None:
            self._clients.sync.close()
        self.inbox.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        self._start(_running_loop())
        return self

    async def __aexit__(self, *_: object) -> None:
        await anyio.to_thread.run_sync(self.stop)

    @asynccontextmanager
    async def lifespan(self, app: Any = None) -> AsyncIterator[None]:
        """Live as long as the application that this is a part of: `FastAPI(lifespan=registrar.lifespan)`."""
        async with self:
            yield  # nothing: Starlette takes what is given here for the state of the application

    def wait_until_idle(self, timeout: float = 60.0) -> bool:
        """Start, and wait until no event is waiting or being handled; returns whether that came in time."""
        return self._start(None).wait_until_idle(timeout)

    def catch_up(self) -> int:
        """Start, and look at the API now; returns how many registrations no webhook had told of."""
        return self._start(None).catch_up()

    def _find_handler(self, name: str) -> _Handler | None:
        return self._handlers.get(name) or self._handlers.get(OTHER)

    # -- what every face does -----------------------------------------------------------------------------------------

    def _may_enter(self, headers: Mapping[str, str], query: bytes) -> bool:
        """Whether one of the tokens was sent; takes as long for a wrong one as for a right one."""
        if not self._tokens:
            return True
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        sent = [headers.get("x-webhook-token", ""), bearer.strip() if kind.lower() == "bearer" else ""]
        try:
            sent += [text.decode("latin-1") for text in parse_qs(query, max_num_fields=50).get(b"token", [])]
        except ValueError:
            return False
        offered = [hashlib.sha256(one.encode("utf-8", "surrogateescape")).digest() for one in sent[:10]]
        return bool(sum(hmac.compare_digest(one, known) for one in offered for known in self._tokens))

    def _refuse_early(self, method: str, headers: Mapping[str, str], query: bytes) -> tuple[int, str] | None:
        """What is wrong with a request, before its body is read."""
        if method not in ("POST", "GET", "HEAD"):
            return 405, "events are posted"
        if method != "POST":
            return None
        if not self._may_enter(headers, query):
            logger.warning("a request without a right token was refused")
            return 401, "the token is missing or wrong"
        stated = headers.get("content-length", "")
        if stated.isascii() and stated.isdecimal() and (len(stated) > 18 or int(stated) > self._body_limit):
            return self._too_large()
        return None

    def _too_large(self) -> tuple[int, str]:
        return 413, f"the body is larger than {self._body_limit} bytes"

    def _answer(self, method: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        """Keep an event, and answer; or say that the service is well."""
        try:
            if method != "POST":
                self.inbox.counts()  # it can be read
                return 200, {"status": "ok"}
            if self._check is not None and not self._check(body, headers):
                logger.warning("a request that does not pass the check was refused")
                return 401, {"error": "the check of the request failed"}
            return self._keep(body)
        except InboxError:
            logger.exception("an event could not be kept; its sender was told to try again")
            return 503, {"error": "the event could not be kept; send it again"}

    def _keep(self, body: bytes) -> tuple[int, dict[str, Any]]:
        try:
            event = parse_webhook(body)
        except WebhookError as error:
            return self._keep_unreadable(body, error)
        new = put(self.inbox, event, body, "webhook")
        if self._worker is not None:
            self._worker.wake()
        return 200, {"kept": True, "duplicate": not new}

    def _keep_unreadable(self, body: bytes, error: WebhookError) -> tuple[int, dict[str, Any]]:
        """Keep what may be an event of a form that this version does not know: who may enter has sent it."""
        try:
            is_object = isinstance(json.loads(body), dict)
        except (ValueError, RecursionError):
            is_object = False
        if not is_object:
            logger.warning("a request that is no event was refused: %s", error)
            return 400, {"error": str(error)}
        key = f"unreadable:{hashlib.sha256(body).hexdigest()}"
        self.inbox.put(key, "unreadable", body, unreadable=str(error))
        logger.error("%s is dead: %s", key, error)
        return 200, {"kept": True, "error": str(error)}

    # -- ASGI ---------------------------------------------------------------------------------------------------------

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer as an ASGI application."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        self._start(_running_loop())
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        method = scope["method"]
        refusal = self._refuse_early(method, headers, scope.get("query_string", b""))
        body = b""
        if refusal is None and method == "POST":
            try:
                with anyio.fail_after(_BODY_TIMEOUT):
                    read = await self._read(receive)
            except TimeoutError:
                refusal = 408, "the body did not come in time"
            else:
                if read is None:  # the sender has gone
                    return
                refusal = self._too_large() if len(read) > self._body_limit else None
                body = read
        if refusal is not None:
            status, said = refusal[0], {"error": refusal[1]}
        else:
            status, said = await anyio.to_thread.run_sync(self._answer, method, headers, body)
        data = _json(said)
        fields = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
        if refusal is not None:
            fields.append((b"connection", b"close"))  # the rest of the body is not read
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else data})

    async def _read(self, receive: _Receive) -> bytes | None:
        """The body, up to a little more than it may have."""
        body = bytearray()
        more = True
        while more and len(body) <= self._body_limit:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return bytes(body)

    async def _live(self, receive: _Receive, send: _Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    self._start(_running_loop())
                except Exception as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.__aexit__()
                await send({"type": "lifespan.shutdown.complete"})
                return

    # -- WSGI ---------------------------------------------------------------------------------------------------------

    def wsgi(self, environ: Mapping[str, Any], start_response: _StartResponse) -> list[bytes]:
        """Answer as a WSGI application."""
        self.start()
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name in ("CONTENT_LENGTH", "CONTENT_TYPE")
        }
        method = environ["REQUEST_METHOD"]
        refusal = self._refuse_early(method, headers, environ.get("QUERY_STRING", "").encode("latin-1"))
        body = b""
        if refusal is None and method == "POST":
            stated = headers.get("content-length", "")
            if stated.isascii() and stated.isdecimal():
                body = environ["wsgi.input"].read(int(stated))
                if len(body) < int(stated):
                    refusal = 400, "the body broke off"
            elif environ.get("wsgi.input_terminated"):
                body = environ["wsgi.input"].read(self._body_limit + 1)
                refusal = self._too_large() if len(body) > self._body_limit else None
            else:
                refusal = 411, "the length of the body is missing"
        if refusal is not None:
            status, said = refusal[0], {"error": refusal[1]}
        else:
            status, said = self._answer(method, headers, body)
        data = _json(said)
        start_response(
            f"{status} {_REASONS[status]}",
            [("Content-Type", "application/json"), ("Content-Length", str(len(data)))],
        )
        return [] if method == "HEAD" else [data]


def _json(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said).encode() + b"\n"


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of asyncio that runs here; None in another kind of loop, such as that of trio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _tokens(token: str | Iterable[str] | None) -> list[bytes]:
    """The digests of the tokens: all of one length, so that comparing them tells nothing."""
    if token is None:
        return []
    tokens = [token] if isinstance(token, str) else list(token)
    if not tokens:
        raise SettingError("token is empty: give the token that senders know, or None to let everybody in")
    for one in tokens:
        fits = isinstance(one, str) and len(one) >= _SHORTEST_TOKEN and one.isascii() and one.isprintable()
        if not fits or " " in one:  # no repr: a token that is refused may be a secret all the same
            raise SettingError(
                f"a token has at least {_SHORTEST_TOKEN} ASCII characters and no blanks; "
                "python -c 'import secrets; print(secrets.token_urlsafe())' makes one"
            )
    return [hashlib.sha256(one.encode()).digest() for one in tokens]


def _handlers(given: Any) -> dict[str, _Handler]:
    """The handlers by the name of their event. Names in a webhook are never looked up on an object."""
    if isinstance(given, Mapping):
        found = dict(given)
    else:
        names = [*KNOWN, OTHER]
        found = {name: getattr(given, name) for name in names if getattr(given, name, None) is not None}
        others = [name for name in dir(given) if name.startswith("registration_") and name not in names]
        found |= {name: getattr(given, name) for name in others if close_matches(name, names)}  # refused below
    for name, function in found.items():
        if not isinstance(name, str) or not callable(function):
            raise SettingError(f"the handler {safe_repr(name)} is {safe_repr(function)}; give a function")
        close = close_matches(name, [*KNOWN, OTHER])
        if name not in (*KNOWN, OTHER) and close:
            raise SettingError(f"there is no event {safe_repr(name)}; did you mean {close[0]}?")
    if not found:
        raise SettingError(f"there is no handler; give one for {', '.join(KNOWN)}, or {OTHER} for all others")
    return {name: _Handler(name, function) for name, function in found.items()}


def _clients(
    handlers: Iterable[_Handler], sync: KaleidoscopeClient | None, aio: AsyncKaleidoscopeClient | None
) -> tuple[Clients, set[str]]:
    """The clients that the handlers need, and which of them are made here."""
    from kalbio.aio.client import AsyncKaleidoscopeClient
    from kalbio.client import KaleidoscopeClient

    worlds = {handler.is_async for handler in handlers}
    for name, client, kind in (("client", sync, KaleidoscopeClient), ("async_client", aio, AsyncKaleidoscopeClient)):
        if client is not None and not isinstance(client, kind):
            raise SettingError(f"{name} must be of the class {kind.__name__}; got {safe_repr(client)}")
        if client is not None and client.session.on_error != "raise":
            raise SettingError(f'{name} has on_error="log", which hides what fails; give a client that raises')
    own = set()
    if False in worlds and sync is None:
        _no_other("client", "plain functions", aio)
        sync = KaleidoscopeClient(on_error="raise")
        own.add("sync")
    if True in worlds and aio is None:
        _no_other("async_client", "coroutine functions", sync if "sync" not in own else None)
        aio = AsyncKaleidoscopeClient(on_error="raise")
        own.add("aio")
    return Clients(sync, aio), own


def _no_other(name: str, what: str, other: object) -> None:
    """Refuse to work with one client of the caller's and one of the environment, which may be of two workspaces."""
    if other is not None:
        raise SettingError(f"handlers are {what}, which need {name}=...; only the other client was given")
