"""What an operation is to the sandbox: a function from a `Call` to an answer, registered under its operationId."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from kalbio.sandbox.store import Document, Json, Store


@dataclass(frozen=True)
class Settings:
    """How this sandbox was asked to behave."""

    client_id: str = "sandbox-id"
    client_secret: str = "sandbox-secret"  # noqa: S105  invented, and printed on start
    token_lifetime: int = 3600
    lenient_uploads: bool = False
    import_polls: int = 0


@dataclass(frozen=True)
class UploadedFile:
    """The file part of a multipart request."""

    name: str
    type: str
    data: bytes


@dataclass
class Call:
    """One request that passed the contract, and the world it acts on."""

    store: Store
    settings: Settings
    base_url: str
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, Json] = field(default_factory=dict)
    body: Json = None
    file: UploadedFile | None = None
    events: list[Document] = field(default_factory=list)
    """Webhook payloads to send once the transaction is committed."""

    def need(self, kind: str, id: str | None, status: int = 404) -> Document:
        """The document, or an error answer that names it: 404 for one in the path, 400 for one in a body."""
        found = self.store.get(kind, id)
        if found is None:
            raise Refusal(status, f"{kind.replace('_', ' ')} {id} does not exist")
        return found


@dataclass(frozen=True)
class Answer:
    """An answer that is not simply JSON with status 200."""

    body: bytes | Json = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


NO_CONTENT = Answer(status=204)


class Refusal(Exception):
    """The request is refused; becomes an error answer."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, details: list[Document] | None = None
    ) -> None:
        """Refuse with a status, a text for people, and the code and details that programs read."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or _CODES.get(status, "SANDBOX_ERROR")
        self.details = details

    def body(self) -> Document:
        """The error body: the keys of a Fastify error, and details where there are any."""
        body: Document = {
            "statusCode": self.status,
            "code": self.code,
            "error": HTTPStatus(self.status).phrase,
            "message": self.message,
        }
        if self.details:
            body["details"] = self.details
        return body


_CODES = {400: "invalid_data", 401: "unauthorized", 404: "not_found", 409: "conflict", 501: "not_implemented"}

Handler = Callable[[Call], Any]
HANDLERS: dict[str, Handler] = {}


def operation(operation_id: str) -> Callable[[Handler], Handler]:
    """Register the function that answers an operation of the API."""

    def register(handler: Handler) -> Handler:
        if operation_id in HANDLERS:
            raise ValueError(f"{operation_id} is answered twice")
        HANDLERS[operation_id] = handler
        return handler

    return register
