"""What a platform is: everything that the floor has to be told about an API, in one object."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from kalbio._core.auth.tokens import Grant
from kalbio._core.errors import ErrorBody, SettingError
from kalbio._core.http.operation import OperationInfo
from kalbio._core.text.display import safe_repr

_IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-correlation-id")
"""Headers of an answer that may name the request, the best one first, unless a platform has its own."""


@attrs.frozen
class Failure:
    """A failure that a successful answer tells.

    Attributes:
        reason: what it says.
        is_refusal: whether it says that nothing was done. It is an APIError then, as if the status had said so.
        meaning: the status that says what it means; 0 for none in particular.
    """

    reason: str
    is_refusal: bool = False
    meaning: int = 0


def _no_error_body(body: Any) -> ErrorBody:
    return ErrorBody()


def _no_failure(answer: Mapping[str, Any]) -> Failure | None:
    return None


def _as_sent(status: int, body: bytes) -> int:
    return status


def _no_hint(port: int | None) -> str:
    return ""


def is_idempotent(method: str, operation: OperationInfo | None) -> bool:
    """Whether a request may be repeated: the description says so of its operation, else its method does."""
    return method in _IDEMPOTENT_METHODS if operation is None else operation.idempotent


@attrs.frozen(kw_only=True)
class Platform:
    """An API, and how its client is known there and here.

    Attributes:
        name: the name of the client: of its logger, and in its user agent.
        version: the version of the client, for the user agent.
        base_url: where the API answers.
        base_urls: where the operations of a tag answer, for tags that have a place of their own. They get the same
            credentials.
        path_prefixes: what the paths of a tag begin with in the description, and not at the place of its own.
        operations: gives the operations of the description; asked when the first request is sent.
        token_request: the arguments of `build_request` for one request of a login, given its grant. What is asked for,
            and for how long, is decided by a `TokenSource`.
        token_header: the header that carries the access token.
        read_error: reads the JSON of an answer with a status of 400 or more.
        find_failure: says whether the object of a successful answer tells a failure.
        is_idempotent: whether a request may be sent twice, given its method, and its operation where it has one.
        meaning: the status that a refusal means, given its status and its body. It decides about the class of the
            error, about another login, and about another try.
        request_id_headers: headers of an answer that may name the request, the best one first.
        wraps_objects: whether an object may come as a list of one.
        no_server: says what may help when no server listens on a port of this computer.
        token_variable: the shell variable that stands for the access token where requests are shown.
        debug_variable: the environment variable that lets each request be shown; empty for none.
    """

    name: str
    version: str
    base_url: str
    operations: Callable[[], Mapping[str, OperationInfo]]
    token_request: Callable[[Grant], Mapping[str, Any]]
    base_urls: Mapping[str, str] = attrs.field(factory=dict)
    path_prefixes: Mapping[str, str] = attrs.field(factory=dict)
    token_header: str = "Authorization"  # noqa: S105
    read_error: Callable[[Any], ErrorBody] = _no_error_body
    find_failure: Callable[[Mapping[str, Any]], Failure | None] = _no_failure
    is_idempotent: Callable[[str, OperationInfo | None], bool] = is_idempotent
    meaning: Callable[[int, bytes], int] = _as_sent
    request_id_headers: tuple[str, ...] = REQUEST_ID_HEADERS
    wraps_objects: bool = False
    no_server: Callable[[int | None], str] = _no_hint
    token_variable: str = "TOKEN"  # noqa: S105
    debug_variable: str = ""

    @property
    def logger(self) -> logging.Logger:
        """Where its client logs."""
        return logging.getLogger(self.name)

    def is_debugged(self, environ: Mapping[str, str]) -> bool:
        """Whether the environment asks for each request to be shown. Raises SettingError for what says neither."""
        value = environ.get(self.debug_variable, "") if self.debug_variable else ""
        if value not in ("", "0", "1"):
            raise SettingError(f"{self.debug_variable} must be 1, or 0 or empty for off; got {safe_repr(value)}")
        return value == "1"

    @property
    def user_agent(self) -> str:
        """How its client is known to servers."""
        return f"{self.name}/{self.version}"
