"""The sandbox on a port of the loopback interface."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from kalbio.sandbox import reference
from kalbio.sandbox.app import Request, Response, Sandbox

_Message = MutableMapping[str, Any]
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
            _Face(sandbox), http="h11", ws="none", loop="asyncio", lifespan="off", access_log=False, log_level="warning"
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


class _Face:
    """The ASGI application: reads a request, lets the sandbox answer it in a worker thread, sends the answer."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Answer for a sandbox."""
        self._sandbox = sandbox

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
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
        answer = await asyncio.to_thread(self._answer, request)
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        if answer.status != 204:
            raw.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(self, request: Request) -> Response:
        path = request.target.partition("?")[0]
        if request.method == "GET" and path in ("/", reference.PATH):
            return _page("text/html; charset=utf-8", reference.page(self._sandbox.issue_token()))
        if request.method == "GET" and path == reference.DESCRIPTION_PATH:
            return _page("application/json", reference.description(self._sandbox.base_url))
        if request.method == "GET" and path.startswith(reference.PATH + "/"):
            found = reference.asset(path.removeprefix(reference.PATH + "/"))
            if found:
                return _page(*found)
        return self._sandbox.handle(request)


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
