"""What goes over the wire, as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document, Json, loads


@dataclass(frozen=True)
class Request:
    """One HTTP request."""

    method: str
    target: str
    """Path and query, as on the request line."""
    headers: Iterable[tuple[str, str]] = ()
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without the query."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        """The last header of that name."""
        return next((v for n, v in reversed(list(self.headers)) if n.lower() == name.lower()), None)


@dataclass(frozen=True)
class Response:
    """One HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    refusal: Refusal | None = field(default=None, compare=False, repr=False)
    """Why the request was refused, for those who log it; nothing of this goes over the wire."""
    deliveries: tuple[Delivery, ...] = field(default=(), compare=False, repr=False)
    """The webhooks that the request caused, for those who log it."""

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def json(self) -> Json:
        """The decoded body."""
        return loads(self.body)


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver an event."""

    begun: float
    """Seconds since 1970."""
    seconds: float
    status: int | None
    error: str | None


@dataclass
class Delivery:
    """One event and what became of it."""

    payload: Document
    attempts: int = 0
    delivered: bool = False
    status: int | None = None
    error: str | None = None
    event: str = ""
    """What the description calls it."""
    history: list[Attempt] = field(default_factory=list)
    """The attempts that have ended, oldest first."""
