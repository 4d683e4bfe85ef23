"""Tells each attempt of a request to the log, and to whoever listens."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote

import attrs

from kalbio._core.errors import APIError, ConnectionFailedError, RequestTimeoutError, SDKError
from kalbio._core.http.httpx_names import HTTPError, Request, Response, TimeoutException
from kalbio._core.http.operation import OperationInfo
from kalbio._core.http.request_events import RequestEvent
from kalbio._core.http.settings import Settings
from kalbio._core.http.time_limits import DeadlinePassed
from kalbio._core.text.display import one_line
from kalbio._core.text.redaction import redact


@attrs.define(eq=False)
class Attempt:
    """One attempt of a request, and what became of it.

    Attributes:
        number: 1 for the first.
        started: when the first one began, on the clock of the client.
        is_told: whether it is told however it ends; that there will be another one always is.
        response: the answer, if there was one.
        failure: what went wrong.
        wait: seconds until the next attempt; None when this was the last one.
    """

    number: int
    started: float
    is_told: bool = False
    response: Response | None = None
    failure: BaseException | None = None
    wait: float | None = None


class RequestLog:
    """Tells what became of the attempts of one client."""

    def __init__(
        self, settings: Settings, operations: Mapping[str, OperationInfo], secrets: Callable[[], tuple[str, ...]]
    ) -> None:
        self._platform = settings.platform
        self._base_urls = settings.base_urls
        self._listener = settings.on_request
        self._logger = settings.platform.logger
        self._operations = operations
        self._secrets = secrets

    def note_login(self, request: Request, login: Request, answer: Response | None, error: Exception | None) -> None:
        """Keep what is to be told of a login, to be told together with the request that it is for."""
        request.extensions.setdefault("logins", []).append(self._event(login, answer, error))

    def tell(self, request: Request, attempt: Attempt) -> None:
        """Tell of an attempt, and before it of the logins that it took."""
        self._tell_logins(request, attempt)
        # An answer that would do, if it were the one to this request, deserves a closer look.
        is_odd = attempt.wait is not None and attempt.response is not None and attempt.response.is_success
        event = self._event(request, attempt.response, attempt.failure, attempt.number, attempt.wait)
        self._hand_on(event, warn=is_odd)

    def at_the_end_of(self, request: Request, attempt: Attempt) -> Callable[[int | None, BaseException | None], None]:
        """Return what tells of an attempt once the body of its answer was read: it takes its length and an error."""
        attempt.is_told = False
        self._tell_logins(request, attempt)
        # Not the attempt itself, which has the answer: they would keep each other alive.
        event, since = self._event(request, attempt.response, None, attempt.number), time.monotonic()

        def tell(received: int | None, error: BaseException | None) -> None:
            kind, reason = self._failure(None, error)
            took = event.milliseconds + (time.monotonic() - since) * 1000
            whole = attrs.evolve(event, error=kind, reason=reason, milliseconds=took, bytes_received=received)
            self._hand_on(whole)

        return tell

    def _tell_logins(self, request: Request, attempt: Attempt) -> None:
        logins: list[RequestEvent] = request.extensions.pop("logins", [])
        for login in logins:
            # The request was not sent: its next attempt begins with another login.
            is_last = login is logins[-1] and attempt.response is None and login.error is not None
            self._hand_on(attrs.evolve(login, attempt=attempt.number, retry_in=attempt.wait if is_last else None))

    def _hand_on(self, event: RequestEvent, *, warn: bool = False) -> None:
        """Write an event to the log, and hand it to the listener, whose mistakes are no concern of the call."""
        level = logging.WARNING if warn else logging.DEBUG if event.retry_in is None else logging.INFO
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", event, extra=event.as_dict())
        if self._listener is None:
            return
        try:
            self._listener(event)
        except Exception as error:
            told = "on_request raised %s; the call goes on: %s %s"
            self._logger.warning(told, type(error).__name__, event.method, one_line(event.path), exc_info=True)

    def _event(
        self,
        request: Request,
        response: Response | None,
        error: BaseException | None,
        attempt: int = 1,
        retry_in: float | None = None,
    ) -> RequestEvent:
        name = request.extensions.get("operation")
        operation = self._operations.get(name or "")
        begun = request.extensions.pop("begun", None)  # there is none where its turn never came
        kind, reason = self._failure(response, error)
        headers: Mapping[str, str] = {} if response is None else response.headers
        named = (headers[header] for header in self._platform.request_id_headers if header in headers)
        path = self._shown_path(request.url.path)
        written = request.url.raw_path.partition(b"?")[0].decode("ascii")
        # A secret may be written in an address in ways that a search for it does not know.
        address = written if path == request.url.path else quote(path)
        return RequestEvent(
            operation=name,
            method=request.method,
            path=path,
            route=None if operation is None else self._route(operation),
            url=f"{request.url.scheme}://{request.url.netloc.decode('ascii')}{address}",
            attempt=attempt,
            status=None if response is None else response.status_code,
            error=kind,
            reason=reason,
            retry_in=retry_in,
            milliseconds=0.0 if begun is None else (time.monotonic() - begun) * 1000,
            bytes_sent=_length(request.headers),
            bytes_received=None if response is None else response.extensions.get("received"),
            request_id=next(named, None),
        )

    def _route(self, operation: OperationInfo) -> str:
        if operation.tag not in self._base_urls:
            return operation.path
        return operation.path.removeprefix(self._platform.path_prefixes.get(operation.tag, ""))

    def _failure(self, response: Response | None, error: BaseException | None) -> tuple[str | None, str | None]:
        """Return the class and the reason of what went wrong: those of the error that is raised, or would be."""
        if error is None:
            if response is None or response.status_code < 400:
                return None, None
            meaning = self._platform.meaning(response.status_code, response.content)
            return APIError.class_for(meaning).__name__, None
        if isinstance(error, HTTPError | DeadlinePassed):
            late = isinstance(error, TimeoutException | DeadlinePassed)
            kind = RequestTimeoutError if late else ConnectionFailedError
            return kind.__name__, self._shown(str(error) or type(error).__name__)
        said = error.message if isinstance(error, APIError) else getattr(error, "reason", None)
        return type(error).__name__, self._shown(said) if isinstance(error, SDKError) and said else None

    def _shown_path(self, path: str) -> str:
        # Looking closely takes longer than all else here, and few paths have anything that could be a credential.
        if '"' in path or "=" in path or " " in path or any(one and one in path for one in self._secrets()):
            return redact(path, self._secrets())
        return path

    def _shown(self, reason: str) -> str:
        return one_line(redact(reason, self._secrets()))


def _length(headers: Mapping[str, str]) -> int | None:
    stated = headers.get("content-length")
    if stated is None:
        return None if "transfer-encoding" in headers else 0
    return int(stated) if stated.isascii() and stated.isdigit() else None
