"""A transport that answers from a sandbox, and a client on top of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import cached_property
from typing import Any, Self

import anyio
import attrs

from kalbio._core._http import (
    AsyncBaseTransport,
    AsyncByteStream,
    BaseTransport,
    ConnectError,
    ReadError,
    ReadTimeout,
    SyncByteStream,
)
from kalbio._core._http import Request as HttpRequest
from kalbio._core._http import Response as HttpResponse
from kalbio.aio.client import AsyncKaleidoscopeClient
from kalbio.client import KaleidoscopeClient
from kalbio.sandbox import Fault, Faults, Outcome, Request, Sandbox


@attrs.frozen
class Exchange:
    """One request that was made, and the status of its answer.

    Attributes:
        method: HTTP method.
        target: path and query as sent.
        operation: operationId, where a generated operation built the request.
        headers: lower-case names; credentials are left out.
        body: what was sent.
        status: status of the answer, None when there was none.
    """

    method: str
    target: str
    operation: str | None
    headers: Mapping[str, str]
    body: bytes
    status: int | None


_DELAY = "sandbox_delay"
_CREDENTIALS = ("authorization", "x-kal-authorization")


class SandboxTransport(BaseTransport, AsyncBaseTransport):
    """Answers the requests of a sync or an async client from a sandbox.

    Attributes:
        sandbox: the sandbox.
        exchanges: what was asked, in order.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.exchanges: list[Exchange] = []

    @property
    def faults(self) -> Faults:
        """What goes wrong: the plan of the sandbox."""
        return self.sandbox.faults

    def handle_request(self, request: HttpRequest) -> HttpResponse:
        """Answer a request of a sync client."""
        answer = self._answer(request, request.read())
        if wait := _wait_for(answer, request):
            time.sleep(wait)
        return _in_time(answer, request)

    async def handle_async_request(self, request: HttpRequest) -> HttpResponse:
        """Answer a request of an async client."""
        answer = self._answer(request, await request.aread())
        if wait := _wait_for(answer, request):
            await anyio.sleep(wait)
        return _in_time(answer, request)

    def _answer(self, request: HttpRequest, body: bytes) -> HttpResponse:
        headers = tuple(request.headers.multi_items())
        outcome = self.sandbox.meet(Request(request.method, request.url.raw_path.decode("ascii"), headers, body))
        self._note(request, body, outcome.response.status if outcome.response else None)
        return _deliver(outcome, request)

    def _note(self, request: HttpRequest, body: bytes, status: int | None) -> None:
        headers = {name: value for name, value in request.headers.multi_items() if name not in _CREDENTIALS}
        target = request.url.raw_path.decode("ascii")
        operation = request.extensions.get("operation")
        self.exchanges.append(Exchange(request.method, target, operation, headers, body, status))


def _deliver(outcome: Outcome, request: HttpRequest) -> HttpResponse:
    """Return what the client gets, or raise what it meets."""
    fault, answer = outcome.fault, outcome.response
    if fault is not None:
        if fault.refuse:
            raise ConnectError("connection refused (injected)", request=request)
        if fault.time_out:
            raise ReadTimeout("timed out (injected)", request=request)
        if outcome.is_cut:
            raise ReadError("connection reset (injected)", request=request)
    assert answer is not None
    if fault is not None and fault.truncate:
        headers = [*answer.headers, ("content-length", str(len(answer.body)))]
        return HttpResponse(answer.status, headers=headers, stream=_BrokenStream(answer.body), request=request)
    good = HttpResponse(answer.status, headers=list(answer.headers), content=answer.body, request=request)
    if fault is not None and fault.slow:
        good.extensions[_DELAY] = fault.slow
    return good


def _wait_for(answer: HttpResponse, request: HttpRequest) -> float:
    """How long the client waits for an answer: no longer than it has the patience to."""
    delay: float = answer.extensions.get(_DELAY, 0)
    return min(delay, _patience(request))


def _in_time(answer: HttpResponse, request: HttpRequest) -> HttpResponse:
    if answer.extensions.get(_DELAY, 0) > _patience(request):
        raise ReadTimeout("timed out (injected)", request=request)
    return answer


def _patience(request: HttpRequest) -> float:
    limit: float | None = request.extensions.get("timeout", {}).get("read")
    return float("inf") if limit is None else limit


class _BrokenStream(SyncByteStream, AsyncByteStream):
    """The first half of a body, then a broken connection."""

    def __init__(self, body: bytes) -> None:
        self._half = body[: len(body) // 2]

    def __iter__(self) -> Iterator[bytes]:
        yield self._half
        raise ReadError("the body is incomplete (injected)")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._half
        raise ReadError("the body is incomplete (injected)")


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

    Example:
        >>> with InProcess() as lab:
        ...     programs = lab.client.programs.get_programs()

    With the async client, `async with InProcess() as lab:` closes that one too.
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

    def fail(self, operation: str | None = None, **fault: Any) -> Fault:
        """Let the next calls of an operation go wrong; the arguments are those of `Fault`.

        Example:
            >>> lab.fail("addRecordValue", lose_answer=True)
            >>> lab.fail("getRecord", status=503, retry_after=1, times=2)
        """
        return self.sandbox.faults.add(Fault(operation, **fault))

    def operations(self) -> list[str]:
        """Return the operationIds that were called, in order; logins are left out."""
        return [item.operation for item in self.exchanges if item.operation not in (None, "createToken")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def close(self) -> None:
        """Close the sync client and the sandbox. The async client holds no connections, but stays open."""
        if "client" in self.__dict__:
            self.client.close()
        self.sandbox.close()

    async def aclose(self) -> None:
        """Close both clients and the sandbox."""
        if "async_client" in self.__dict__:
            await self.async_client.aclose()
        self.close()
