"""What a client tells of each attempt of a request."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import attrs

from kalbio._core.errors import SettingError
from kalbio._core.text.display import one_line, safe_repr


@attrs.frozen(kw_only=True)
class RequestEvent:
    """One attempt of a request, once it is over: what `on_request` of a client is called with.

    A request that is tried again has an event for each attempt. A login has one of its own, before that of the request
    which it is for. None of the members has credentials, or the query; paths have ids, and names of files.

    Attributes:
        operation: the name of the operation in the API description; None for a request without one.
        method: the HTTP method.
        path: the path as it was sent.
        route: the path with the names of its parameters in braces; of few values, so that it can label a metric. None
            for a request without an operation.
        url: scheme, host, port and path.
        attempt: 1 for the first attempt.
        status: the HTTP status; None when there was no answer.
        error: the name of the class of the error that was raised, or would be if the request were not tried again;
            None when the attempt succeeded.
        reason: what was wrong, in the words of the server or of the system; it may have data in it. None when the
            attempt succeeded, or nothing is known.
        retry_in: seconds until the next attempt; None when there is none.
        milliseconds: from its turn, logged in, until the answer was read. Waiting between attempts is not in it.
        bytes_sent: the length of the body of the request; None for a stream of unknown length.
        bytes_received: the length of the body of the answer as it travelled; None when it did not come to its end.
        request_id: the server's id of the request, if the answer has one.
    """

    operation: str | None
    method: str
    path: str
    route: str | None
    url: str
    attempt: int
    status: int | None
    error: str | None
    reason: str | None
    retry_in: float | None
    milliseconds: float
    bytes_sent: int | None
    bytes_received: int | None
    request_id: str | None

    @property
    def will_retry(self) -> bool:
        """Whether the request is tried again."""
        return self.retry_in is not None

    def as_dict(self) -> dict[str, Any]:
        """Return the members, as they stand beside each log record of an attempt."""
        return {name: getattr(self, name) for name in _MEMBERS}

    def __str__(self) -> str:
        said = [f"{part}" for part in (self.status, self.error) if part is not None]
        if self.reason is not None and (self.status is None or self.status < 400):  # others say it by their status
            said.append(f"({self.reason})")
        again = "" if self.retry_in is None else f"; next try in {self.retry_in:.2f} s"
        text = f"{self.method} {self.path} -> {' '.join(said)}, attempt {self.attempt}, {self.milliseconds:.1f} ms"
        return one_line(f"{text}{again}")


_MEMBERS = tuple(field.name for field in attrs.fields(RequestEvent))

OnRequest = Callable[[RequestEvent], object]
"""Called with the event of each attempt."""


def as_listener(given: Any) -> OnRequest | None:
    """Return what listens to the attempts of a client. Raises SettingError for what cannot."""
    if given is None:
        return None
    if not callable(given):
        raise SettingError(f"on_request must be a function that takes a RequestEvent; got {safe_repr(given)}")
    if inspect.iscoroutinefunction(given) or inspect.iscoroutinefunction(type(given).__call__):
        raise SettingError("on_request must be a plain function, in an async client too: nobody would await this one")
    listener: OnRequest = given
    return listener
