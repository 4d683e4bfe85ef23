"""An emulator on a port of the loopback interface."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import uvicorn

from kalbio._core.emulator import pages, reference
from kalbio._core.emulator.connection import Connection, Limits
from kalbio._core.emulator.emulator import Emulator, Outcome, too_large
from kalbio._core.emulator.faults import Fault
from kalbio._core.emulator.messages import Request, Response
from kalbio._core.emulator.origins import OriginPolicy, check_origin, is_loopback
from kalbio._core.emulator.refusals import Code, Refusal

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_START_LIMIT = 10.0
_LAST_PORT = 65_535
# Pages have a thread of their own: however many are asked for at once, a request of the API waits for what one of them
# reads, and never in line behind them. Two would take turns at the lock, and rendering is done one at a time anyway.
_PAGE_THREADS = 1
# The page holds a token: no other page may frame it, load it as something else, or find it in a cache.
_PRIVATE_PAGE_HEADERS = (
    ("cache-control", "no-store"),
    ("content-security-policy", "frame-ancestors 'none'"),
    ("cross-origin-resource-policy", "same-origin"),
)


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str

    @property
    def reference_url(self) -> str:
        """Where the interactive API reference is."""
        return self.url + reference.PATH

    @property
    def pages_url(self) -> str:
        """Where the pages are that show what it holds."""
        return self.url + pages.HOME


@contextmanager
def serve(
    emulator: Emulator[Any],
    port: int = 0,
    host: str = "127.0.0.1",
    *,
    allow_remote: bool = False,
    allow_origins: Iterable[str] = (),
    limits: Limits = Limits(),  # noqa: B008  they cannot be changed
) -> Iterator[Server]:
    """Serve an emulator from a background thread. Port 0 takes a free one.

    Only loopback addresses are served, unless `allow_remote` lets other machines in. Web pages are let in when they
    come from one of `allow_origins`.
    """
    local = is_loopback(host)
    if not (local or allow_remote):
        raise ValueError(f"the sandbox serves loopback addresses only, not {host!r}, unless --allow-remote is given")
    if not 0 <= port <= _LAST_PORT:
        raise ValueError(f"a port is a number from 0, which takes a free one, to {_LAST_PORT}; got {port}")
    origins = tuple(check_origin(origin) for origin in allow_origins)
    emulator.access_log.keep()  # for the pages; without a server there are none
    app = App(emulator, OriginPolicy(local, origins, emulator.conventions.exposed_headers), limits)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named so that asyncio switches Nagle's algorithm off: with it each answer waits 40 ms for an ACK.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(listener, host, port)
        emulator.base_url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            http=partial(Connection, limits=limits, refuse=app.refuse),  # type: ignore[arg-type]  # it is only called
            ws="none",
            loop="asyncio",
            lifespan="off",
            access_log=False,
            log_level="warning",
            date_header=not emulator.clock_skew,
            h11_max_incomplete_event_size=limits.headers,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name=emulator.conventions.name, daemon=True
        )
        thread.start()
        try:
            _wait_for(server, thread)
            yield Server(emulator.base_url)
        finally:
            server.should_exit = True
            thread.join(_START_LIMIT)
            app.close()


class App:
    """The ASGI application: reads a request, lets the emulator answer it in a worker thread, sends the answer."""

    def __init__(self, emulator: Emulator[Any], origins: OriginPolicy, limits: Limits) -> None:
        """Answer for an emulator to those who may talk to it."""
        self._emulator = emulator
        self._origins = origins
        self._header_limit = limits.headers
        self._page_threads = ThreadPoolExecutor(_PAGE_THREADS, "pages")  # which begin with the first page

    def close(self) -> None:
        """End the threads of the pages."""
        self._page_threads.shutdown()

    def refuse(self, refusal: Refusal) -> Response:
        """The answer to what never became a request."""
        answer = self._emulator.refuse(refusal)
        self._log(Request("-", "-"), answer, time.perf_counter())
        return answer

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        begun = time.perf_counter()
        target = scope["raw_path"].decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        named = dict(headers)
        head = Request(scope["method"], target, headers)
        try:
            if sum(len(name) + len(value) for name, value in headers) > self._header_limit:
                message = f"the headers are too large: {self._header_limit} bytes at most"
                raise Refusal(431, message, code=Code.HEADERS_TOO_LARGE)
            self._origins.check(named)
            body = await self._read(scope["method"], target, named, receive)
        except Refusal as refusal:
            answer = self._emulator.refuse(refusal)
            self._log(head, answer, begun)
            await _send_answer(send, answer, leaving=True)
            return
        if body is None:
            self._log(head, None, begun, note="the client left before all of its request was there")
            return
        cors = self._origins.cors_headers(named)
        if scope["method"] == "OPTIONS" and cors:
            answer = Response(204, cors, b"")
            self._log(head, answer, begun)
            await _send_answer(send, answer)
            return
        request = replace(head, body=body)
        if self._emulator.pages is not None and pages.is_page(head.path):
            loop = asyncio.get_running_loop()
            await _send_answer(send, await loop.run_in_executor(self._page_threads, self._show, request))
            return
        outcome = await asyncio.to_thread(self._answer, request)
        if cors and outcome.response is not None:
            answer = outcome.response
            outcome = Outcome(Response(answer.status, (*answer.headers, *cors), answer.body), outcome.fault)
        if outcome.fault is None:
            await _send_answer(send, outcome.response)
        else:
            await _send_with_fault(send, outcome, outcome.fault, scope["state"]["connection"], receive)

    async def _read(self, method: str, target: str, headers: dict[str, str], receive: _Receive) -> bytes | None:
        """The body, None when the client has gone. One that is too large is refused before it is read."""
        limit = self._emulator.body_limit(method, target)
        stated = headers.get("content-length", "")
        body = bytearray()
        more = True
        while more:
            if max(len(body), int(stated) if stated.isascii() and stated.isdecimal() else 0) > limit:
                raise too_large(limit)
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if len(body) > limit:
            raise too_large(limit)
        return bytes(body)

    def _show(self, request: Request) -> Response:
        """The answer to a request for a page. Only what goes wrong is logged: pages that renew themselves ask often."""
        begun = time.perf_counter()
        assert self._emulator.pages is not None
        if not self._origins.local:
            text = b"The pages show everything without a login: they are for this machine, and this port is open.\n"
            page = Response(403, (("content-type", "text/plain; charset=utf-8"),), text)
        else:
            try:
                page = self._emulator.pages().answer(self._emulator, request)
            except Exception as error:  # which the server answers with a 500, and shows
                note = f"failed with {type(error).__name__}: {error}"
                self._log(request, Response(500, (), b""), begun, note, is_page=True)
                raise
        if page.status >= 400:
            self._log(request, page, begun, is_page=True)
        return page

    def _answer(self, request: Request) -> Outcome:
        begun = time.perf_counter()
        page = self._find_page(request)
        if page is not None:
            self._log(request, page, begun, is_page=True)
            return Outcome(page)
        try:
            return self._emulator.handle_with_faults(request)
        except Exception as error:  # which the server answers with a 500, and shows
            self._log(request, Response(500, (), b""), begun, f"failed with {type(error).__name__}: {error}")
            raise

    def _log(
        self, request: Request, answer: Response | None, begun: float, note: str | None = None, *, is_page: bool = False
    ) -> None:
        self._emulator.access_log.request(request, answer, time.perf_counter() - begun, note=note, is_page=is_page)

    def _find_page(self, request: Request) -> Response | None:
        shown, path = self._emulator.reference, request.path
        if request.method != "GET" or shown is None:
            return None
        if path in ("/", reference.PATH):
            # On a port that others reach, the page would hand everybody a token.
            token = self._emulator.issue_token() if self._origins.local else None
            return _page("text/html; charset=utf-8", shown.page(token))
        if path == reference.DESCRIPTION_PATH:
            spec = self._emulator.contract.spec
            return _page("application/json", reference.description(spec, self._emulator.base_url))
        if path.startswith(reference.PATH + "/"):
            found = reference.asset(path.removeprefix(reference.PATH + "/"))
            return _page(*found) if found else None
        return None


async def _send_with_fault(
    send: _Send, outcome: Outcome, fault: Fault, connection: Connection, receive: _Receive
) -> None:
    """Send what a fault leaves of an answer, and break the connection where it says so."""
    answer = outcome.response
    if outcome.is_cut:
        connection.reset()
    elif fault.refuse:
        connection.transport.close()
    elif fault.truncate and answer is not None:
        half = Response(answer.status, answer.headers, answer.body[: len(answer.body) // 2])
        await _send_answer(send, half, promised=len(answer.body))
        connection.transport.close()
    else:
        if (fault.slow is not None or fault.time_out) and await _leaves(connection, receive, within=fault.slow):
            return
        await _send_answer(send, answer)
        return
    await _is_gone(receive)


async def _leaves(connection: Connection, receive: _Receive, within: float | None) -> bool:
    """Hold the answer back; whether the client has gone in the meantime."""
    connection.hold(True)
    try:
        async with asyncio.timeout(within):
            await _is_gone(receive)
    except TimeoutError:
        connection.hold(False)
        return False
    return True


async def _is_gone(receive: _Receive) -> None:
    """Wait until the connection is closed."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_answer(
    send: _Send, answer: Response | None, promised: int | None = None, leaving: bool = False
) -> None:
    """Send an answer, or the beginning of one that is to have `promised` bytes; close afterwards when `leaving`."""
    assert answer is not None
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.status not in (204, 304):
        headers.append((b"content-length", str(len(answer.body) if promised is None else promised).encode()))
    if leaving:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": promised is not None})


def _page(content_type: str, body: bytes) -> Response:
    return Response(200, (("content-type", content_type), *_PRIVATE_PAGE_HEADERS), body)


def _bind(listener: socket.socket, host: str, port: int) -> None:
    try:
        listener.bind((host, port))
    except OSError as error:
        why = error.strerror
        if error.errno == errno.EACCES:
            why = f"{why}; one from 1024 on needs no administrator, and 0 takes a free one"
        elif error.errno == errno.EADDRINUSE:
            told = "is in use, perhaps by another sandbox. Take another port, or 0 for a free one"
            raise OSError(error.errno, f"port {port} of {host} {told}") from None
        raise OSError(error.errno, f"{host} port {port} cannot be served on: {why}") from None


def _wait_for(server: uvicorn.Server, thread: threading.Thread) -> None:
    limit = time.monotonic() + _START_LIMIT
    while not server.started:
        if not thread.is_alive() or time.monotonic() > limit:
            raise RuntimeError("the sandbox did not start")
        time.sleep(0.005)
