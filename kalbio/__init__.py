"""kalbio: a Python client for the Kaleidoscope R&D platform.

    from kalbio import KaleidoscopeClient

    with KaleidoscopeClient() as client:
        record = client.records.get_or_create_record({"compound": "CPD-1"})
        record.add_value("logP", 2.5)

Everything here is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kalbio._version import __version__

if TYPE_CHECKING:
    from kaleidoscope_api.types import UNSET

    from kalbio._core.errors import (
        AmbiguousIdentifierError,
        AuthenticationError,
        ClientClosedError,
        ConflictError,
        ConnectionFailedError,
        IdentifierError,
        IdentifierNotFoundError,
        JournalError,
        NotFoundError,
        OutcomeError,
        OutcomeUnknownError,
        PermissionDeniedError,
        RateLimitError,
        RequestTimeoutError,
        ServerError,
        SettingError,
        TransportError,
        UnknownFateError,
        UnreadableTimeError,
        ValidationError,
        WaitTimeoutError,
    )
    from kalbio._core.http.request_events import RequestEvent
    from kalbio._core.http.settings import Timeouts
    from kalbio._core.retry import RetryPolicy
    from kalbio._model.errors import (
        FieldTypeError,
        KalbioAPIError,
        KalbioError,
        KalbioResponseError,
        MirrorError,
        NearTwinWarning,
    )
    from kalbio._model.filters import F
    from kalbio.aio.client import AsyncKaleidoscopeClient
    from kalbio.client import KaleidoscopeClient
    from kalbio.loading.errors import LoadRefusedError

_HOMES = {
    "kalbio.client": ["KaleidoscopeClient"],
    "kalbio.aio.client": ["AsyncKaleidoscopeClient"],
    "kalbio._core.errors": [
        "AmbiguousIdentifierError",
        "AuthenticationError",
        "ClientClosedError",
        "ConflictError",
        "ConnectionFailedError",
        "IdentifierError",
        "IdentifierNotFoundError",
        "JournalError",
        "NotFoundError",
        "OutcomeError",
        "PermissionDeniedError",
        "RateLimitError",
        "RequestTimeoutError",
        "ServerError",
        "SettingError",
        "TransportError",
        "OutcomeUnknownError",
        "UnknownFateError",
        "UnreadableTimeError",
        "ValidationError",
        "WaitTimeoutError",
    ],
    "kalbio._model.errors": [
        "FieldTypeError",
        "KalbioAPIError",
        "KalbioError",
        "KalbioResponseError",
        "MirrorError",
        "NearTwinWarning",
    ],
    "kalbio.loading.errors": ["LoadRefusedError"],
    "kalbio._core.retry": ["RetryPolicy"],
    "kalbio._model.filters": ["F"],
    "kalbio._core.http.request_events": ["RequestEvent"],
    "kalbio._core.http.settings": ["Timeouts"],
    "kaleidoscope_api.types": ["UNSET"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: RUF022  # clients first
    "KaleidoscopeClient",
    "AsyncKaleidoscopeClient",
    "F",
    "RequestEvent",
    "RetryPolicy",
    "Timeouts",
    "UNSET",
    "AmbiguousIdentifierError",
    "AuthenticationError",
    "ClientClosedError",
    "ConflictError",
    "ConnectionFailedError",
    "FieldTypeError",
    "IdentifierError",
    "IdentifierNotFoundError",
    "JournalError",
    "KalbioAPIError",
    "KalbioError",
    "KalbioResponseError",
    "LoadRefusedError",
    "MirrorError",
    "NearTwinWarning",
    "NotFoundError",
    "OutcomeError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestTimeoutError",
    "ServerError",
    "SettingError",
    "TransportError",
    "OutcomeUnknownError",
    "UnknownFateError",
    "UnreadableTimeError",
    "ValidationError",
    "WaitTimeoutError",
    "__version__",
]


if not TYPE_CHECKING:
    # Hidden from type checkers, so that a name that does not exist is an error there.
    def __getattr__(name: str) -> Any:
        home = _HOME_OF.get(name)
        if home is None:
            raise AttributeError(f"module 'kalbio' has no attribute {name!r}")
        value = getattr(import_module(home), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
