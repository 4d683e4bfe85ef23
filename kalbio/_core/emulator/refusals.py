"""Requests that are refused, before it is decided how the platform says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kalbio._core.emulator.strict_json import Json


class Code(StrEnum):
    """Why the kit itself refuses a request. A platform's `error_answer` gives each its own status and words."""

    UNKNOWN_PATH = "unknown_path"
    UNKNOWN_METHOD = "unknown_method"
    INVALID_QUERY = "invalid_query"
    INVALID_BODY = "invalid_body"
    INVALID_JSON = "invalid_json"
    EMPTY_JSON = "empty_json"
    INVALID_MULTIPART = "invalid_multipart"
    TOO_MANY_PARTS = "too_many_parts"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    BODY_TOO_LARGE = "body_too_large"
    HEADERS_TOO_LARGE = "headers_too_large"
    FOREIGN_HOST = "foreign_host"
    FOREIGN_ORIGIN = "foreign_origin"
    REQUEST_TIMEOUT = "request_timeout"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    NOT_IMPLEMENTED = "not_implemented"
    CONTRACT_VIOLATION = "contract_violation"
    INJECTED = "injected"


@dataclass(frozen=True)
class Problem:
    """One thing in a request that breaks the description."""

    location: tuple[str | int, ...]
    """Where it is: `query` or `body`, then the way to it."""
    message: str
    rule: str
    """The rule that it breaks: a keyword of JSON Schema, or `unknown`, `repeated`, `required`, `json`."""
    expected: Json = None
    """What the rule allows, where it says so: the values of an enumeration, a limit."""


class Refusal(Exception):
    """The request is refused; the conventions of the platform make an error answer of it."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, problems: tuple[Problem, ...] = ()
    ) -> None:
        """Refuse with a status and a text for people; a handler may give a code of its platform."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.problems = problems
