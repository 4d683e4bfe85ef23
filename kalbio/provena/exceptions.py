"""The exceptions of the older client, as subclasses of the errors of kalbio.

A method of `kalbio.provena.clients` raises an error that is both: of the class that the older client had for the status
that was sent, and of the class of kalbio for what the server meant.

    SDKError                             BaseException
    ├── APIError
    │   ├── BadRequestException          400
    │   ├── AuthException                401, whether about the token or about a permission; the login was refused
    │   ├── NotFoundException            404
    │   ├── HTTPValidationException      422
    │   └── ServerException              every other status
    ├── ResponseError
    │   └── ValidationException          the answer cannot be used
    └── RequestTimeoutError
        └── CustomTimeoutException       no answer in time

A server that tells in a 200 that it did nothing raises `ValidationError` or `NotFoundError` of kalbio, where the older
client raised a bare `Exception`. Whatever the class, `error_code`, `payload` and `message` are there.
"""

from __future__ import annotations

from typing import Any

from kalbio._core.errors import (
    APIError,
    AuthenticationError,
    OutcomeUnknownError,
    RequestTimeoutError,
    ResponseError,
    SDKError,
)

# Without BaseException: `import *` must not hide the one of Python.
__all__ = [
    "AuthException",
    "BadRequestException",
    "CustomTimeoutException",
    "HTTPValidationException",
    "NotFoundException",
    "ServerException",
    "ValidationException",
]

BaseException = SDKError  # the name that the older client gave its base


class _Older(SDKError):
    """What errors of the older client have besides."""

    @property
    def error_code(self) -> int | None:
        """The status that was sent, None when no answer came."""
        return getattr(self, "status_code", None)

    @property
    def payload(self) -> str:
        """What was called."""
        return f"{getattr(self, 'method', '')} {getattr(self, 'path', '')}".strip()

    def __reduce__(self) -> tuple[Any, ...]:
        if type(self) not in _MADE.values():
            return super().__reduce__()
        return _revived, (*type(self).__bases__, self.args, dict(self.__dict__))  # that class has no place of its own


class BadRequestException(_Older, APIError):
    """400: the server refused what was sent, or does not have it."""


class AuthException(_Older, APIError):
    """401: about the token, or about a permission or a lock, which is also a `PermissionDeniedError`."""


class NotFoundException(_Older, APIError):
    """404: there is no such route."""


class HTTPValidationException(_Older, APIError):
    """422: `details` says which inputs were refused, and why."""


class ServerException(_Older, APIError):
    """Any other status: 403, or the server failed."""


class ValidationException(_Older, ResponseError):
    """The call succeeded, but its answer cannot be used."""

    @property
    def message(self) -> str:
        """What is wrong with the answer."""
        return self.reason


class CustomTimeoutException(_Older, RequestTimeoutError):
    """No answer came in time."""

    @property
    def message(self) -> str:
        """What took too long."""
        return self.reason


_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequestException,
    401: AuthException,
    404: NotFoundException,
    422: HTTPValidationException,
}


def make_older(error: SDKError) -> None:
    """Make an error one of the older client as well, in its place: with its traceback, its cause and its notes."""
    older: type[SDKError] = _Older  # it had no class for it: what was raised has `error_code` and `payload` besides
    told = (error.answer or error) if isinstance(error, OutcomeUnknownError) else error
    if isinstance(told, AuthenticationError):
        older = AuthException
    elif isinstance(told, APIError):
        # The older client had no class for a refusal in a 200.
        older = _Older if told.status_code < 300 else _BY_STATUS.get(told.status_code, ServerException)
    elif isinstance(told, ResponseError):
        older = ValidationException
    elif isinstance(told, RequestTimeoutError):
        older = CustomTimeoutException
    if isinstance(error, _Older):
        return
    if told is not error:  # of unknown fate: it has what the server said besides
        error.__dict__.update({**vars(told), **vars(error)})
    error.__class__ = _both(older, type(error))


_MADE: dict[tuple[type[SDKError], type[SDKError]], type[SDKError]] = {}


def _both(older: type[SDKError], kind: type[SDKError]) -> type[SDKError]:
    if issubclass(older, kind):
        return older
    if (older, kind) not in _MADE:
        named = kind if older is _Older else older
        members: dict[str, Any] = {"__module__": named.__module__, "__doc__": named.__doc__, "cure": kind.cure}
        if older is _Older and not issubclass(kind, APIError):  # which has the text of the server
            members["message"] = property(str)
        _MADE[older, kind] = type(named.__name__, (older, kind), members)
    return _MADE[older, kind]


def _revived(older: type[SDKError], kind: type[SDKError], args: tuple[Any, ...], state: dict[str, Any]) -> SDKError:
    made = _both(older, kind)
    error = made.__new__(made, *args)
    error.args = args
    error.__dict__.update(state)
    return error
