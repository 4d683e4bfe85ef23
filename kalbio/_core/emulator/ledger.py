"""What became of each write, whatever its client was told."""

from __future__ import annotations

from collections import deque

import attrs

from kalbio._core.emulator.strict_json import Json


@attrs.frozen
class LedgerEntry:
    """A write that reached the sandbox, and what became of it.

    Attributes:
        number: counts from 1; entries that are no longer kept leave a gap at the beginning.
        operation: operationId.
        method: HTTP method.
        path: path as sent, without the query.
        status: the sandbox's own answer, whether or not it arrived; None if the write was not carried out.
        fault: kind of the fault that hit it, None for none.
        ids: ids of what the answer shows.
    """

    number: int
    operation: str
    method: str
    path: str
    status: int | None
    fault: str | None
    ids: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether the sandbox did it."""
        return self.status is not None and self.status < 400


class Ledger:
    """The last entries, and how many there were. Not safe for threads by itself."""

    def __init__(self, limit: int = 100_000) -> None:
        self._entries: deque[LedgerEntry] = deque(maxlen=limit)
        self._count = 0

    def record(
        self, operation: str, method: str, path: str, status: int | None, fault: str | None, ids: tuple[str, ...]
    ) -> None:
        """Keep what became of a write."""
        self._count += 1
        self._entries.append(LedgerEntry(self._count, operation, method, path, status, fault, ids))

    def entries(self) -> list[LedgerEntry]:
        """The entries that are kept, oldest first."""
        return list(self._entries)


def ids_of(body: Json) -> tuple[str, ...]:
    """The `id` of the object, or of each object of the list, that an answer is."""
    items = body if isinstance(body, list) else [body]
    return tuple(item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), str))
