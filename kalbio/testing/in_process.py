"""A transport that answers from a sandbox, and a client on top of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

import attrs

from kalbio._core._http import AsyncBaseTransport, BaseTransport
from kalbio._core._http import Request as HttpRequest
from kalbio._core._http import Response as HttpResponse
from kalbio.aio.client import AsyncKaleidoscopeClient
from kalbio.client import KaleidoscopeClient
from kalbio.sandbox import Request, Response, Sandbox


@attrs.frozen
class Exchange:
    """One request that was made, and the status of its answer.

    Attributes:
        method: HTTP method.
        target: path and query as sent.
        operation: operationId, where a generated operation built the request.
        headers: lower-case names; credentials are left out.
        body: what was sent.
        status: status of the answer.
    """

    method: str
    target: str
    operation: str | None
    headers: Mapping[str, str]
    body: bytes
    status: int


_CREDENTIALS = ("authorization", "x-kal-authorization")


class SandboxTransport(BaseTransport, AsyncBaseTransport):
    """Answers the requests of a sync or an async client from a sandbox; `exchanges` keeps what was asked."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.exchanges: list[Exchange] = []

    def handle_request(self, request: HttpRequest) -> HttpResponse:
        """Answer a request of a sync client."""
        return self._answer(request, request.read())

    async def handle_async_request(self, request: HttpRequest) -> HttpResponse:
        """Answer a request of an async client."""
        return self._answer(request, await request.aread())

    def _answer(self, request: HttpRequest, body: bytes) -> HttpResponse:
        target = request.url.raw_path.decode("ascii")
        headers = tuple(request.headers.multi_items())
        answer: Response = self.sandbox.handle(Request(request.method, target, headers, body))
        shown = {name: value for name, value in headers if name not in _CREDENTIALS}
        operation = request.extensions.get("operation")
        self.exchanges.append(Exchange(request.method, target, operation, shown, body, answer.status))
        return HttpResponse(answer.status, headers=list(answer.headers), content=answer.body, request=request)


class InProcess:
    """A sandbox with a sync and an async client, all in this process.

    Args:
        sandbox: a sandbox of your own; by default a fresh one in memory.
        **options: further arguments of the clients, e.g. `on_error="log"`.

    Attributes:
        sandbox: the sandbox.
        client: a sync client.
        async_client: an async client of the same sandbox.
        exchanges: what both have asked, logins included.
    """

    def __init__(self, sandbox: Sandbox | None = None, **options: Any) -> None:
        self.sandbox = sandbox if sandbox is not None else Sandbox()
        self.transport = SandboxTransport(self.sandbox)
        self._options: dict[str, Any] = {
            "client_id": self.sandbox.settings.client_id,
            "client_secret": self.sandbox.settings.client_secret,
            "url": self.sandbox.base_url,
            "transport": self.transport,
            **options,
        }

    @cached_property
    def client(self) -> KaleidoscopeClient:
        """A sync client."""
        return KaleidoscopeClient(**self._options)

    @cached_property
    def async_client(self) -> AsyncKaleidoscopeClient:
        """An async client."""
        return AsyncKaleidoscopeClient(**self._options)

    @property
    def exchanges(self) -> list[Exchange]:
        """What the clients have asked, in order."""
        return self.transport.exchanges

    def operations(self) -> list[str]:
        """Return the operationIds that were called, in order; logins are left out."""
        return [item.operation for item in self.exchanges if item.operation not in (None, "createToken")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the sync client and the sandbox."""
        if "client" in self.__dict__:
            self.client.close()
        self.sandbox.close()
