"""Makes the calls of the doctor, one after the other, and reports what came of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from kalbio._core.aio.concurrency import sleep
from kalbio._core.aio.session import AsyncSession
from kalbio._core.argument_errors import ArgumentError
from kalbio._core.diagnosis import setup
from kalbio._core.diagnosis.exchanges import Call, Exchange
from kalbio._core.diagnosis.report import Report, SetupCheck
from kalbio._core.diagnosis.subject import Subject, require_checks
from kalbio._core.errors import (
    APIError,
    ClientClosedError,
    OutcomeUnknownError,
    ResponseError,
    SDKError,
    TransportError,
)
from kalbio._core.text.display import safe_repr
from kalbio._core.text.quiet_logs import quiet

Progress = Callable[[str], object]


class AsyncExaminer:
    """One examination: the calls, and what came of them.

    Args:
        session: that of the client.
        subject: what is to be known about the platform.
        max_requests: how many requests to make at most.
        progress: gets a line about each call.

    Raises:
        ValueError: `max_requests` makes no sense.
        ModuleNotFoundError: the extra `doctor` is not installed.
    """

    def __init__(
        self, session: AsyncSession, subject: Subject, max_requests: int, progress: Progress | None = None
    ) -> None:
        if isinstance(max_requests, bool) or not isinstance(max_requests, int) or max_requests < 1:
            raise ArgumentError(f"max_requests must be a whole number of at least 1; got {safe_repr(max_requests)}")
        require_checks()
        self._session = session
        self._subject = subject
        self._max_requests = max_requests
        self._progress = progress or (lambda line: None)
        self._date: str | None = None
        self._exchanges: list[Exchange] = []

    async def examine(
        self, first: Call, request: Mapping[str, Any] | None = None, *, own: str | None = None, writes: bool = False
    ) -> Report:
        """Make the calls and return the report.

        `first` shows that somebody answers, and lets us in; `request` sends it, where it is more than the call says.
        `own` is the address of the platform itself.
        """
        with quiet(self._session.settings.platform.logger):  # paths and queries of these calls hold ids and key values
            checks = setup.of_settings(self._session.settings, self._subject.version, own)
            failed = await self._open(first, request)
            if failed is not None:
                return self._subject.report(self._subject.source, [*checks, failed], [])
            checks += [SetupCheck("credentials", True, "good"), setup.of_clock(self._date)]
            cut = await self._ask_all(writes)
            return self._subject.report(self._subject.source, checks, self._exchanges, with_writes=writes, cut=cut)

    async def _open(self, call: Call, request: Mapping[str, Any] | None) -> SetupCheck | None:
        started = time.perf_counter()
        try:
            response = await self._session.call(self._request(call) if request is None else request)
        except SDKError as error:
            if isinstance(error, TransportError):  # anything else may show what the server says
                self._progress(f"the first call failed: {error}")
            return setup.of_error(error, self._subject.cures)
        self._take(call, response, started)
        return None

    async def _ask_all(self, writes: bool) -> bool:
        """Make all calls; gives whether the limit of requests ended them."""
        planned = self._subject.steps(writes)
        try:
            call = next(planned)
            while True:
                call = planned.send(await self._ask(call))
                if len(self._exchanges) >= self._max_requests:
                    return True
        except StopIteration:
            return False

    async def _ask(self, call: Call) -> Exchange:
        self._progress(f"{len(self._exchanges) + 1}: {call.operation}")
        if call.is_pause:
            await sleep(0.5)
        started = time.perf_counter()
        try:
            response = await self._session.call(self._request(call))
        except ClientClosedError:
            raise
        except SDKError as error:
            exchange = _of_error(call, error, time.perf_counter() - started)
            self._exchanges.append(exchange)
            return exchange
        return self._take(call, response, started)

    def _request(self, call: Call) -> dict[str, Any]:
        operation = self._subject.description().by_id[call.operation]
        request, settings = call.request(operation), self._session.settings
        tag = operation.spec["tags"][0]
        if base := settings.base_urls.get(tag):  # the request names no operation that would tell
            prefix = settings.platform.path_prefixes.get(tag, "")
            request["url"] = f"{base}{request['url'].removeprefix(prefix)}"
        return request

    def _take(self, call: Call, response: Any, started: float) -> Exchange:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._date = response.headers.get("date", self._date)
        exchange = Exchange(
            call,
            response.status_code,
            kind,
            tuple(dict.fromkeys(response.headers)),
            response.content,
            time.perf_counter() - started,
        )
        self._exchanges.append(exchange)
        return exchange


def _of_error(call: Call, error: SDKError, seconds: float) -> Exchange:
    refusal = error.answer if isinstance(error, OutcomeUnknownError) else error
    if isinstance(refusal, APIError):
        names = ("retry-after",) if refusal.retry_after is not None else ()
        return Exchange(call, refusal.status_code, "", names, refusal.response_body, seconds)
    failure = "an answer that cannot be used" if isinstance(error, ResponseError) else type(error).__name__
    return Exchange(call, None, seconds=seconds, failure=failure)
