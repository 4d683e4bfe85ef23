"""What can go wrong, as types.

    SDKError
    ├── APIError                    the server answered with a status of 400 or more
    │   ├── ValidationError         400, 422: the request was refused; `details` says where
    │   ├── AuthenticationError     401, or the login was refused
    │   ├── PermissionDeniedError   403
    │   ├── NotFoundError           404
    │   ├── ConflictError           409
    │   ├── RateLimitError          429; `retry_after` says how long to wait
    │   └── ServerError             5xx
    ├── ResponseError               the call succeeded, but its answer cannot be used
    ├── UnreadableTimeError         (also ValueError) a time of an answer is none, so it cannot be compared
    ├── TransportError              no answer
    │   ├── ConnectionFailedError   (also ConnectionError) the connection could not be made, or broke
    │   └── RequestTimeoutError     (also TimeoutError) a time limit passed
    ├── OutcomeUnknownError         a write was sent and its answer lost: it may or may not have been carried out
    ├── ClientClosedError           (also RuntimeError) the client was closed, before the call or while it was under way
    ├── OutcomeError                what was waited for ended badly; `outcome` is what it came to
    ├── JournalError                the journal of a load cannot be used, or a row not sent; `outcome` has the rows
    ├── WaitTimeoutError            (also TimeoutError) it did not end in time; `outcome` is its last state
    ├── SettingError                (also ValueError) what the client is set to cannot be used
    └── IdentifierError             (also ValueError) what was given does not name one thing
        ├── IdentifierNotFoundError (also LookupError) it names nothing; `suggestions` has the close matches
        └── AmbiguousIdentifierError it names several; `candidates` lists them

Errors carry the relative path; those of the connection name host and port too, for that is what the reader has to look
at, but never user name, password or query of an address. Bodies are cut and free of secrets; all can be copied and
pickled. Their text is one line, whatever the server sent: control characters are shown as escapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Self

from kalbio._core.constants import MAX_ERROR_BODY, PORTS
from kalbio._core.text.display import host_and_port, one_line, safe_repr
from kalbio._core.text.redaction import redact, redact_all

_NEEDLESS_ESCAPE = re.compile(r"\\u00(3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")


class SDKError(Exception):
    """Base of every error that is raised on purpose."""

    def __str__(self) -> str:
        # Here, and not where a text is made: what a server sent comes into the texts at many places.
        return one_line(super().__str__())

    def __reduce__(self) -> tuple[Any, ...]:
        # The constructors take keywords, which the default protocol of exceptions would lose.
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def _rebuild(kind: type[SDKError], args: tuple[Any, ...], state: dict[str, Any]) -> SDKError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def clip(body: bytes, secrets: Iterable[str] = ()) -> bytes:
    """Return what an error may keep of a body: no secrets, and not more than a few kilobytes."""
    # Redact a margin more than is kept, so that a secret across the cut is still seen whole.
    text = body[: MAX_ERROR_BODY * 4].decode("utf-8", "replace")
    # A letter may be written as an escape in JSON, and a secret would pass unseen.
    text = redact(_NEEDLESS_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text), secrets)
    kept = text.encode("utf-8", "replace")
    return kept if len(kept) <= MAX_ERROR_BODY else kept[:MAX_ERROR_BODY] + b" ... (cut)"


def _after_colon(body: bytes) -> str:
    return f": {body.decode('utf-8', 'replace')}" if body else ""


class APIError(SDKError):
    """The server answered with a status of 400 or more.

    Attributes:
        method: HTTP method.
        path: relative path of the request; `url` is the same, under its older name.
        query: the query as it was sent, without secrets; empty when there was none.
        status_code: HTTP status.
        response_body: the body, cut and without secrets.
        request_id: the server's id of the request, where it sent one.
        code: the server's error code, where the body has one.
        message: the server's message, where the body has one.
        details: what a validation error says about single inputs, as the server sent it.
        retry_after: seconds the server asked to wait, where it did.
    """

    def __init__(
        self,
        method: str,
        url: str,
        status_code: int,
        response_body: bytes,
        *,
        query: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        self.method = method
        self.path = url
        self.query = redact(query, secrets)
        self.status_code = status_code
        self.response_body = clip(response_body, secrets)
        self.request_id = request_id
        self.retry_after = retry_after
        self.code, self.message, self.details = _read_error_body(response_body, secrets)
        super().__init__(f"{method} {url} failed with status {status_code}{_after_colon(self.response_body)}")

    @property
    def url(self) -> str:
        """The relative path of the request."""
        return self.path

    @classmethod
    def for_status(cls, method: str, url: str, status_code: int, response_body: bytes, **more: Any) -> APIError:
        """Return the error of the class that belongs to the status."""
        kind = _BY_STATUS.get(status_code, ServerError if status_code >= 500 else APIError)
        return kind(method, url, status_code, response_body, **more)


class ValidationError(APIError):
    """400 or 422: the server refused what was sent; `message` and `details` say why."""


class AuthenticationError(APIError):
    """401, or the login itself was refused: check the client id and the client secret."""


class PermissionDeniedError(APIError):
    """403: the credentials are good, but not for this."""


class NotFoundError(APIError):
    """404: no such thing."""


class ConflictError(APIError):
    """409: the request does not fit the present state."""


class RateLimitError(APIError):
    """429: too many requests; `retry_after` has the wait in seconds, where the server named one."""


class ServerError(APIError):
    """5xx: the server failed."""


_BY_STATUS: dict[int, type[APIError]] = {
    400: ValidationError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: ValidationError,
    429: RateLimitError,
}


def _read_error_body(body: bytes, secrets: Iterable[str]) -> tuple[str | None, str | None, Any]:
    try:
        parsed = redact_all(json.loads(redact(body.decode("utf-8"), secrets)), secrets)
    except (ValueError, RecursionError):
        return None, None, None
    if not isinstance(parsed, dict):
        return None, None, parsed
    code, message = parsed.get("code"), parsed.get("message")
    # Validation details come under different names, depending on which layer of the server refused.
    details = next((parsed[name] for name in ("details", "issues", "errors", "validation") if parsed.get(name)), None)
    return (None if code is None else str(code)), (None if message is None else str(message)), details


class ResponseError(SDKError):
    """The call succeeded, but its answer cannot be used: no JSON, nothing at all, or of the wrong shape."""

    def __init__(
        self,
        method: str,
        url: str,
        response_body: bytes,
        reason: str = "unusable answer",
        *,
        secrets: Iterable[str] = (),
    ) -> None:
        self.method = method
        self.path = url
        self.response_body = clip(response_body, secrets)
        self.reason = reason
        super().__init__(f"{method} {url}: {reason}{_after_colon(self.response_body)}")

    @property
    def url(self) -> str:
        """The relative path of the request."""
        return self.path


class UnreadableTimeError(SDKError, ValueError):
    """A time of an answer cannot be read; `value` is what stands there, as it came."""

    def __init__(self, what: str, value: Any) -> None:
        self.value = value
        super().__init__(f"{what} is {safe_repr(value)}, which is no time that can be read")


class TransportError(SDKError):
    """No answer came.

    Attributes:
        method: HTTP method.
        path: relative path.
        reason: what went wrong.
        host: where the request was to go; None where that is not known, as `port`.
        port: the port there.
    """

    def __init__(
        self, method: str, path: str, reason: str, *, host: str | None = None, port: int | None = None
    ) -> None:
        self.method = method
        self.path = path
        self.reason = reason
        self.host = host
        self.port = port
        super().__init__(f"{method} {path}{f' at {host_and_port(host, port)}' if host else ''}: {reason}")

    @classmethod
    def of(cls, request: Any, reason: str) -> Self:
        """Return the error for a request of the HTTP library, which knows where it was to go."""
        url = request.url
        return cls(request.method, url.path, reason, host=url.host, port=url.port or PORTS.get(url.scheme))


class ConnectionFailedError(TransportError, ConnectionError):
    """The connection could not be made, or broke before the answer was complete."""


class RequestTimeoutError(TransportError, TimeoutError):
    """A time limit passed: connecting, writing, reading, or waiting for a free connection."""


class OutcomeUnknownError(SDKError):
    """A write was sent and its answer was lost: it may or may not have been carried out.

    Look before you repeat it: the second write may be one more.

    Attributes:
        method: HTTP method.
        path: relative path.
        sent: the body that was sent, cut and without secrets; None when it was streamed.
        reason: how the answer was lost.
        answer: the server's failure, when it did answer; None when no answer came.
    """

    def __init__(
        self,
        method: str,
        path: str,
        reason: str,
        sent: bytes | None,
        *,
        answer: APIError | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        self.method = method
        self.path = path
        self.reason = reason
        self.sent = None if sent is None else clip(sent, secrets)
        self.answer = answer
        super().__init__(
            f"{method} {path}: {reason}. The request was sent and may have been carried out; look before you repeat it."
        )


UnknownFateError = OutcomeUnknownError
"""The older name of OutcomeUnknownError."""


class ClientClosedError(SDKError, RuntimeError):
    """The client was closed, before the call or while it was under way.

    A write under way that must not be repeated raises OutcomeUnknownError instead. This one is raised under the older
    error policy too: to go on with a client that is closed is a mistake of the program.
    """

    def __init__(self, text: str = "This client is closed; make another one.") -> None:
        super().__init__(text)


class OutcomeError(SDKError):
    """Something that runs in the background ended badly; `outcome` is the object that says how."""

    def __init__(self, text: str, outcome: Any) -> None:
        self.outcome = outcome
        super().__init__(text)


class JournalError(SDKError):
    """The journal of a load belongs to other rows, is in use, cannot be written, or is no journal that is whole.

    It is also the error of a row that must not be sent by its journal.

    Attributes:
        outcome: what became of each row until then, where the journal failed in the middle of a load (of an iterator:
            of the rows of its last batch); None when nothing was sent.
    """

    def __init__(self, text: str, outcome: Any = None) -> None:
        self.outcome = outcome
        super().__init__(text)


class WaitTimeoutError(SDKError, TimeoutError):
    """Something that runs in the background did not end in time; `outcome` is the last state that was seen."""

    def __init__(self, text: str, outcome: Any) -> None:
        self.outcome = outcome
        super().__init__(text)


class SettingError(SDKError, ValueError):
    """What the client is set to, by an argument or by the environment, cannot be used; the text names the setting.

    Raised when the client is made, before anything is sent.
    """


class IdentifierError(SDKError, ValueError):
    """What was given does not name exactly one thing.

    Attributes:
        kind: what was looked for, e.g. "data field".
        identifier: what was given.
    """

    def __init__(self, kind: str, identifier: Any, text: str) -> None:
        self.kind = kind
        self.identifier = identifier
        super().__init__(text)


class IdentifierNotFoundError(IdentifierError, LookupError):
    """No such thing; `suggestions` lists the names that come close."""

    def __init__(self, kind: str, identifier: Any, suggestions: Sequence[str] = (), hint: str = "") -> None:
        self.suggestions = list(suggestions)
        close = f" Did you mean {' or '.join(map(safe_repr, self.suggestions))}?" if self.suggestions else ""
        super().__init__(
            kind, identifier, f"There is no {kind} {safe_repr(identifier)}.{close}{' ' + hint if hint else ''}"
        )


class AmbiguousIdentifierError(IdentifierError):
    """Several things have this name; `candidates` lists their ids, one of which is to be given instead."""

    def __init__(self, kind: str, identifier: Any, candidates: Sequence[str], hint: str = "") -> None:
        self.candidates = list(candidates)
        several = ", ".join(self.candidates)
        text = f"The {kind} {safe_repr(identifier)} is not unique; give the id of the one you mean: {several}"
        super().__init__(kind, identifier, f"{text}. {hint}" if hint else text)
