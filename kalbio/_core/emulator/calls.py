"""What an operation is to an emulator: a function from a `Call` to an answer, among the routes of that emulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from kalbio._core.description.document import Operation
from kalbio._core.emulator.messages import Request
from kalbio._core.emulator.strict_json import Document, Json

StoreT = TypeVar("StoreT")

IN_PROCESS_URL = "http://sandbox.invalid"
"""The URL of an emulator that no server has given one."""


@dataclass(frozen=True)
class UploadedFile:
    """A file in a multipart request."""

    name: str
    type: str
    data: bytes


@dataclass
class Call(Generic[StoreT]):
    """One request for an operation, and the world it acts on. A handler gets it when it has passed the contract."""

    store: StoreT
    operation: Operation
    request: Request
    base_url: str
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, Json] = field(default_factory=dict)
    body: Json = None
    """The decoded body; of a multipart request the members that are no files."""
    files: dict[str, UploadedFile] = field(default_factory=dict)
    """The files of a multipart request, by the names of their parts."""
    caller: Any = None
    """Whom the authenticator took the caller for."""
    webhooks: list[tuple[str, Document]] = field(default_factory=list)
    """Names in the description and payloads of what to send once the transaction is committed."""


@dataclass(frozen=True)
class Answer:
    """An answer that is not simply JSON with status 200."""

    body: bytes | Json = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


NO_CONTENT = Answer(status=204)

Handler = Callable[[Call[StoreT]], Any]


class Routes(Generic[StoreT]):
    """The functions that answer the operations of an API, by operationId."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler[StoreT]] = {}

    def operation(self, operation_id: str) -> Callable[[Handler[StoreT]], Handler[StoreT]]:
        """Register the function that answers an operation."""

        def register(handler: Handler[StoreT]) -> Handler[StoreT]:
            if operation_id in self.handlers:
                raise ValueError(f"{operation_id} is answered twice")
            self.handlers[operation_id] = handler
            return handler

        return register

    def include(self, other: Routes[StoreT]) -> None:
        """Register all functions of other routes."""
        for operation_id, handler in other.handlers.items():
            self.operation(operation_id)(handler)
