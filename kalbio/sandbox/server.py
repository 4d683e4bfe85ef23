"""The sandbox on a port of the loopback interface."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from kalbio.sandbox import reference
from kalbio.sandbox.app import Outcome, Request, Response, Sandbox
from kalbio.sandbox.faults import Fault

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_START_LIMIT = 10.0


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str

    @property
    def reference_url(self) -> str:
        """Where the interactive API reference is."""
        return self.url + reference.PATH


@contextmanager
def serve(sandbox: Sandbox, port: int = 0, host: str = "127.0.0.1") -> Iterator[Server]:
    """Serve a sandbox from a background thread. Port 0 takes a free one."""
    if not _is_loopback(host):
        raise ValueError(f"the sandbox serves loopback addresses only, not {host!r}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named so that asyncio switches Nagle's algorithm off: with it each answer waits 40 ms for an ACK.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        sandbox.base_url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            _Face(sandbox),
            http=_Connection,
            ws="none",
            loop="asyncio",
            lifespan="off",
            access_log=False,
            log_level="warning",
            date_header=not sandbox.clock_skew,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="kalbio-sandbox", daemon=True)
        thread.start()
        try:
            _wait_for(server, thread)
            yield Server(sandbox.base_url)
        finally:
            server.should_exit = True
            thread.join(_START_LIMIT)


class _Connection(H11Protocol):
    """A connection that the application can break."""

    _held = _stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put itself where the application finds it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": self}

    def shutdown(self) -> None:
        """Close when nothing is under way."""
        super().shutdown()
        self._stopping = True
        self.hold(self._held)

    def hold(self, held: bool) -> None:
        """Tell that an answer is held back, so that nobody waits for it when the server stops."""
        self._held = held
        if held and self._stopping:
            self.transport.abort()

    def reset(self) -> None:
        """Break it as a crash does: the peer gets a RST."""
        no_linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        self.transport.abort()


class _Face:
    """The ASGI application: reads a request, lets the sandbox answer it in a worker thread, sends the answer."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Answer for a sandbox."""
        self._sandbox = sandbox

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        target = scope["raw_path"].decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        request = Request(scope["method"], target, headers, bytes(body))
        outcome = await asyncio.to_thread(self._answer, request)
        if outcome.fault is None:
            await _send_answer(send, outcome.response)
        else:
            await _send_in_trouble(send, outcome, outcome.fault, scope["state"]["connection"], receive)

    def _answer(self, request: Request) -> Outcome:
        page = self._find_page(request)
        return Outcome(page) if page else self._sandbox.meet(request)

    def _find_page(self, request: Request) -> Response | None:
        path = request.target.partition("?")[0]
        if request.method != "GET":
            return None
        if path in ("/", reference.PATH):
            return _page("text/html; charset=utf-8", reference.page(self._sandbox.issue_token()))
        if path == reference.DESCRIPTION_PATH:
            return _page("application/json", reference.description(self._sandbox.base_url))
        if path.startswith(reference.PATH + "/"):
            found = reference.asset(path.removeprefix(reference.PATH + "/"))
            return _page(*found) if found else None
        return None


async def _send_in_trouble(
    send: _Send, outcome: Outcome, fault: Fault, connection: _Connection, receive: _Receive
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


async def _leaves(connection: _Connection, receive: _Receive, within: float | None) -> bool:
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


async def _send_answer(send: _Send, answer: Response | None, promised: int | None = None) -> None:
    """Send an answer, or the beginning of one that is to have `promised` bytes."""
    assert answer is not None
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.status not in (204, 304):
        headers.append((b"content-length", str(len(answer.body) if promised is None else promised).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": promised is not None})


def _page(content_type: str, body: bytes) -> Response:
    return Response(200, (("content-type", content_type),), body)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _wait_for(server: uvicorn.Server, thread: threading.Thread) -> None:
    limit = time.monotonic() + _START_LIMIT
    while not server.started:
        if not thread.is_alive() or time.monotonic() > limit:
            raise RuntimeError("the sandbox did not start")
        time.sleep(0.005)
