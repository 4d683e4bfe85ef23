"""Runs the doctor on a client: asks for everything that can be read, and reports where the answers differ."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kalbio._core import constants
from kalbio._core.aio.concurrency import sleep
from kalbio._core.aio.session import AsyncSession
from kalbio._core.argument_errors import ArgumentError
from kalbio._core.auth.tokens import Tokens
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
from kalbio._model.platform import KALEIDOSCOPE
from kalbio.diagnosis import setup
from kalbio.diagnosis.doctor import make_report, require_checks, steps
from kalbio.diagnosis.exchanges import Call, Exchange
from kalbio.diagnosis.report import Report, SetupCheck

Progress = Callable[[str], object]


class AsyncDoctor:
    """Finds where the server and the API description differ. It is `client.doctor`, and is called.

    Args:
        session: that of the client.
        own: the address of the platform itself.
        tokens: the credentials, for a login that is held against the description too.
    """

    def __init__(self, session: AsyncSession, own: str, tokens: Tokens) -> None:
        self._session = session
        self._own = own
        self._tokens = tokens

    async def __call__(
        self,
        *,
        writes: bool = False,
        max_requests: int = constants.DOCTOR_REQUESTS,
        progress: Progress | None = None,
    ) -> Report:
        """Hold the answers of the server against the API description, and report where they differ.

        Everything that can be read is asked for, one request after the other. The report holds shapes and no data:
        it can be given away.

        Args:
            writes: also write a little of everything into a program of its own, which nothing can delete afterwards.
            max_requests: how many requests to make at most.
            progress: gets a line about each call, and on a connection that failed, which names its address.

        Returns:
            The report. It prints as tables, and has `findings`, `points`, `operations`, `setup`, `to_json`, `to_html`.

        Raises:
            ModuleNotFoundError: the extra `doctor` is not installed.
            ValueError: `max_requests` makes no sense; nothing was sent.

        Example:
            >>> report = await client.doctor()
            >>> print(report.summary())
        """
        if isinstance(max_requests, bool) or not isinstance(max_requests, int) or max_requests < 1:
            raise ArgumentError(f"max_requests must be a whole number of at least 1; got {safe_repr(max_requests)}")
        require_checks()
        with quiet(KALEIDOSCOPE.logger):  # paths and queries of these calls hold ids and key values
            run = _Run(self._session, self._tokens, max_requests, progress or (lambda line: None))
            return await run.examine(setup.of_settings(self._session.settings, self._own), writes=writes)


class _Run:
    """One examination: the calls, one after the other, and what came of them."""

    def __init__(self, session: AsyncSession, tokens: Tokens, max_requests: int, progress: Progress) -> None:
        self._session = session
        self._tokens = tokens
        self._max_requests = max_requests
        self._progress = progress
        self._date: str | None = None
        self._exchanges: list[Exchange] = []

    async def examine(self, checks: list[SetupCheck], *, writes: bool) -> Report:
        """Make the calls and return the report."""
        failed = await self._first_call()
        if failed is not None:
            return make_report("a workspace", [*checks, failed], [])
        checks += [SetupCheck("credentials", True, "good"), setup.of_clock(self._date)]
        planned = steps(with_writes=writes)
        cut = False
        try:
            call = next(planned)
            while not cut:
                call = planned.send(await self._ask(call))
                cut = len(self._exchanges) >= self._max_requests
        except StopIteration:
            pass
        return make_report("a workspace", checks, self._exchanges, with_writes=writes, cut=cut)

    async def _first_call(self) -> SetupCheck | None:
        from kaleidoscope_api.api.auth import create_token
        from kaleidoscope_api.models import CreateTokenBody

        call = Call("createToken")
        login = create_token.build_request(body=CreateTokenBody.from_dict(dict(self._tokens.login_grant())))
        started = time.perf_counter()
        try:
            response = await self._session.call({**login, "extensions": {}})
        except SDKError as error:
            if isinstance(error, TransportError):  # anything else may show what the server says
                self._progress(f"the first call failed: {error}")
            return setup.of_error(error)
        self._take(call, response, started)
        return None

    async def _ask(self, call: Call) -> Exchange:
        self._progress(f"{len(self._exchanges) + 1}: {call.operation}")
        if call.is_pause:
            await sleep(0.5)
        started = time.perf_counter()
        try:
            response = await self._session.call(call.request())
        except ClientClosedError:
            raise
        except SDKError as error:
            exchange = _of_error(call, error, time.perf_counter() - started)
            self._exchanges.append(exchange)
            return exchange
        return self._take(call, response, started)

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
