"""A transport that answers from an emulator in this process."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import anyio
import attrs

from kalbio._core.emulator.emulator import Emulator, Outcome
from kalbio._core.emulator.faults import Faults
from kalbio._core.emulator.messages import Request
from kalbio._core.http.httpx_names import (
    AsyncBaseTransport,
    AsyncByteStream,
    BaseTransport,
    ConnectError,
    ReadError,
    ReadTimeout,
    SyncByteStream,
)
from kalbio._core.http.httpx_names import Request as HttpRequest
from kalbio._core.http.httpx_names import Response as HttpResponse


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


_DELAY = "emulator_delay"


class EmulatorTransport(BaseTransport, AsyncBaseTransport):
    """Answers the requests of a sync or an async client from an emulator.

    Attributes:
        emulator: the emulator.
        exchanges: what was asked, in order.
    """

    def __init__(self, emulator: Emulator[Any]) -> None:
        self.emulator = emulator
        self.exchanges: list[Exchange] = []

    @property
    def faults(self) -> Faults:
        """What goes wrong: the plan of the emulator."""
        return self.emulator.faults

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
        target = request.url.raw_path.decode("ascii")
        outcome = self.emulator.handle_with_faults(Request(request.method, target, headers, body))
        self._note(request, body, outcome.response.status if outcome.response else None)
        return _deliver(outcome, request)

    def _note(self, request: HttpRequest, body: bytes, status: int | None) -> None:
        hidden = self.emulator.conventions.credential_headers
        headers = {name: value for name, value in request.headers.multi_items() if name not in hidden}
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
