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
    ├── UnreadableTimeError         (also ValueError) a time in an answer cannot be read
    ├── TransportError              no answer
    │   ├── ConnectionFailedError   (also ConnectionError) the connection could not be made, or broke
    │   └── RequestTimeoutError     (also TimeoutError) a time limit passed
    ├── OutcomeUnknownError         a write was sent and its answer lost: it may or may not have been carried out
    ├── ClientClosedError           (also RuntimeError) the client was closed before the call, or while it was under way
    ├── OutcomeError                what you waited for failed; `outcome` is its last state
    ├── JournalError                the journal of a load cannot be used; see `outcome`
    ├── WaitTimeoutError            (also TimeoutError) it did not end in time; `outcome` is its last state
    ├── SettingError                (also ValueError) a setting of the client cannot be used
    └── IdentifierError             (also ValueError) an identifier cannot be used
        ├── IdentifierNotFoundError (also LookupError) nothing has this name or id; see `suggestions`
        └── AmbiguousIdentifierError several things have this name; `candidates` has their ids

Each error names the path of the request. Connection errors also name the host and the port, because that is what you
have to check, but never a user name, a password or a query. Bodies are shortened and hold no secrets. Errors can be
copied and pickled. Their text is one line, whatever the server sent: control characters are shown as escapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self

from kalbio._core.constants import MAX_ERROR_BODY, PORTS
from kalbio._core.text.display import host_and_port, one_line, safe_repr
from kalbio._core.text.redaction import redact, redact_all

_NEEDLESS_ESCAPE = re.compile(r"\\u00(3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")


class SDKError(Exception):
    """Base of every error that is raised on purpose.

    Attributes:
        cure: what to do about it, empty where the text says it.
    """

    cure = ""

    def __str__(self) -> str:
        # Done here, because text from the server gets into the messages in many places.
        return one_line(super().__str__())

    def _render_traceback_(self) -> list[str]:
        # What IPython and Jupyter show when nobody caught it. Python itself shows the whole traceback.
        from kalbio._core.text.tracebacks import in_three_lines

        return in_three_lines(self, self.cure)

    def _repr_html_(self) -> str:
        from kalbio._core.text.html_tables import html_table, shown

        members = ((name, shown(value)) for name, value in vars(self).items() if name != "cure")
        rows = [(name, text) for name, text in [("cure", self.cure), *members] if text]
        return html_table(f"{type(self).__name__}: {self}", rows, len(rows))

    def __reduce__(self) -> tuple[Any, ...]:
        # The constructors take keywords, which the default way of pickling exceptions would lose.
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def _rebuild(kind: type[SDKError], args: tuple[Any, ...], state: dict[str, Any]) -> SDKError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def clip(body: bytes, secrets: Iterable[str] = ()) -> bytes:
    """Return the part of a body that an error keeps: a few kilobytes at most, without secrets."""
    # Redact a margin more than is kept, so that a secret across the cut is still seen whole.
    text = body[: MAX_ERROR_BODY * 4].decode("utf-8", "replace")
    # A letter may be written as an escape in JSON, and a secret would pass unseen.
    text = redact(_NEEDLESS_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text), secrets)
    kept = text.encode("utf-8", "replace")
    return kept if len(kept) <= MAX_ERROR_BODY else kept[:MAX_ERROR_BODY] + b" ... (cut)"


def _after_colon(body: bytes) -> str:
    return f": {body.decode('utf-8', 'replace')}" if body else ""


class ErrorBody(NamedTuple):
    """What the body of a refusal says.

    Attributes:
        code: the server's error code.
        message: the server's message.
        details: what it says about single inputs.
        cure: what to do about it, where that is known; otherwise the class of the error says it.
        says_all: whether the message says everything that the body does, so that it stands in the text of the error
            instead of the body.
    """

    code: str | None = None
    message: str | None = None
    details: Any = None
    cure: str = ""
    says_all: bool = False


class APIError(SDKError):
    """The server refused: it answered with a status of 400 or more, or told in a 200 that it did nothing.

    Attributes:
        method: HTTP method.
        path: relative path of the request; `url` is the same, under its older name.
        query: the query as it was sent, without secrets; empty when there was none.
        status_code: HTTP status.
        response_body: the body, shortened and without secrets.
        request_id: the server's id of the request, if it sent one.
        code: the server's error code, if the body has one.
        message: the server's message, if the body has one.
        details: what the server says about single inputs, as it sent it.
        retry_after: seconds that the server asked to wait, if it did.
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
        read_body: Callable[[Any], ErrorBody] | None = None,
    ) -> None:
        self.method = method
        self.path = url
        self.query = redact(query, secrets)
        self.status_code = status_code
        self.response_body = clip(response_body, secrets)
        self.request_id = request_id
        self.retry_after = retry_after
        read = _read_error_body(response_body, secrets, read_body)
        self.code, self.message, self.details, cure = read[:4]
        shown = clip(read.message.encode("utf-8", "replace"), secrets) if read.says_all and read.message else None
        told = "failed with" if status_code >= 400 else "was refused in an answer with"
        text = (
            f"{method} {url} {told} status {status_code}{_after_colon(self.response_body if shown is None else shown)}"
        )
        if cure:
            self.cure = cure
        super().__init__(f"{text.removesuffix('.')}. {cure}" if cure else text)

    @property
    def url(self) -> str:
        """The relative path of the request."""
        return self.path

    @classmethod
    def for_status(
        cls, method: str, url: str, status_code: int, response_body: bytes, *, meaning: int | None = None, **more: Any
    ) -> APIError:
        """Return the error of the class that belongs to the status, or to the one that it means."""
        kind = cls.class_for(status_code if meaning is None else meaning)
        return kind(method, url, status_code, response_body, **more)

    @staticmethod
    def class_for(status: int) -> type[APIError]:
        """Return the class of the errors that a status means."""
        return _BY_STATUS.get(status, ServerError if status >= 500 else APIError)


class ValidationError(APIError):
    """400 or 422: the server refused what was sent; `message` and `details` say why."""

    cure = "Correct what the server names."


class AuthenticationError(APIError):
    """401, or the login itself was refused: check the client id and the client secret."""

    cure = "Check the client id and the client secret, and that they belong to this address."


class PermissionDeniedError(APIError):
    """403: the credentials are valid, but do not allow this call."""

    cure = "Use credentials that are allowed to do this, or ask for the right."


class NotFoundError(APIError):
    """404: what was asked for does not exist."""

    cure = "Check the id: it may be of another kind of thing, or of another address."


class ConflictError(APIError):
    """409: the request conflicts with the current state of the server."""

    cure = "Read the current state, and decide again."


class RateLimitError(APIError):
    """429: too many requests; `retry_after` has the wait in seconds, if the server named one."""

    cure = "Wait, and make a client with a smaller max_in_flight."


class ServerError(APIError):
    """5xx: the server failed."""

    cure = "Try again later; `request_id` lets those who run the server find it."


_BY_STATUS: dict[int, type[APIError]] = {
    400: ValidationError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: ValidationError,
    429: RateLimitError,
}


def _read_error_body(body: bytes, secrets: Iterable[str], read: Callable[[Any], ErrorBody] | None) -> ErrorBody:
    if read is None:
        return ErrorBody()
    try:
        parsed = redact_all(json.loads(redact(body.decode("utf-8"), secrets)), secrets)
    except (ValueError, RecursionError):
        return ErrorBody()
    return read(parsed)


class ResponseError(SDKError):
    """The call succeeded, but its answer cannot be used: it is empty, is not JSON, or has the wrong shape."""

    cure = "Check that the address is that of the API; `response_body` has the beginning of the answer."

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
    """A time in an answer cannot be read; `value` is what the server sent instead."""

    def __init__(self, what: str, value: Any) -> None:
        self.value = value
        super().__init__(f"{what} is {safe_repr(value)}, which cannot be read as a time")


class TransportError(SDKError):
    """The server sent no answer.

    Attributes:
        method: HTTP method.
        path: relative path.
        reason: what went wrong.
        host: the host that the request was for; None if that is not known.
        port: its port; None if that is not known.
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
        """Return the error for a request of the HTTP library, with its host and port."""
        url = request.url
        return cls(request.method, url.path, reason, host=url.host, port=url.port or PORTS.get(url.scheme))


class ConnectionFailedError(TransportError, ConnectionError):
    """The connection could not be made, or broke before the answer was complete."""

    cure = "Check the address, the network and the proxy."


class RequestTimeoutError(TransportError, TimeoutError):
    """A time limit passed: connecting, writing, reading, or waiting for a free connection."""

    cure = "Try again, or with more time: client.timeout(seconds)."


class OutcomeUnknownError(SDKError):
    """A write was sent and its answer was lost: it may or may not have been carried out.

    Check before you repeat it, or the write may be done twice.

    Attributes:
        method: HTTP method.
        path: relative path.
        sent: the body that was sent, shortened and without secrets; None when it was streamed.
        reason: how the answer was lost.
        answer: the error that the server answered with; None when no answer came.
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
            f"{method} {path}: {reason}. The request was sent and may have been carried out; "
            "check before you repeat it."
        )


UnknownFateError = OutcomeUnknownError
"""The older name of OutcomeUnknownError."""


class ClientClosedError(SDKError, RuntimeError):
    """The client was closed, before the call or while it was under way.

    A write that was sent, and is not safe to repeat, raises OutcomeUnknownError instead. This error is raised with
    `on_error="log"` too, because using a closed client is a mistake in the program.
    """

    def __init__(self, text: str = "This client is closed; make another one.") -> None:
        super().__init__(text)


class OutcomeError(SDKError):
    """Something that you waited for failed; `outcome` is its last state."""

    cure = "`outcome` of the error says what failed."

    def __init__(self, text: str, outcome: Any) -> None:
        self.outcome = outcome
        super().__init__(text)


class JournalError(SDKError):
    """The journal of a load belongs to other rows, is in use, cannot be written, or is damaged.

    It is also the error of a single row that the journal does not allow to be sent.

    Attributes:
        outcome: what became of each row, if the journal failed in the middle of a load (for an iterator: of the rows
            in its last batch); None when nothing was sent.
    """

    def __init__(self, text: str, outcome: Any = None) -> None:
        self.outcome = outcome
        super().__init__(text)


class WaitTimeoutError(SDKError, TimeoutError):
    """Something did not end while you waited; `outcome` is the last state that was seen."""

    cure = "It goes on: wait for it again, with a larger timeout."

    def __init__(self, text: str, outcome: Any) -> None:
        self.outcome = outcome
        super().__init__(text)


class SettingError(SDKError, ValueError):
    """A setting of the client cannot be used. The text names the argument or the environment variable.

    It is raised when you make the client, before anything is sent.
    """


class IdentifierError(SDKError, ValueError):
    """An identifier does not name exactly one thing.

    Attributes:
        kind: what was looked for.
        identifier: the identifier that was given.
    """

    def __init__(self, kind: str, identifier: object, text: str) -> None:
        self.kind = kind
        self.identifier = identifier
        super().__init__(text)


class IdentifierNotFoundError(IdentifierError, LookupError):
    """Nothing has this name or id; `suggestions` has the names that are similar."""

    def __init__(self, kind: str, identifier: object, suggestions: Sequence[str] = (), hint: str = "") -> None:
        self.suggestions = list(suggestions)
        close = f" Did you mean {' or '.join(map(safe_repr, self.suggestions))}?" if self.suggestions else ""
        super().__init__(
            kind, identifier, f"There is no {kind} {safe_repr(identifier)}.{close}{' ' + hint if hint else ''}"
        )


class AmbiguousIdentifierError(IdentifierError):
    """Several things have this name; `candidates` has their ids. Give one of them instead of the name."""

    def __init__(self, kind: str, identifier: object, candidates: Sequence[str], hint: str = "") -> None:
        self.candidates = list(candidates)
        several = ", ".join(self.candidates)
        text = f"The {kind} {safe_repr(identifier)} is not unique; give the id of the one you mean: {several}"
        super().__init__(kind, identifier, f"{text}. {hint}" if hint else text)
