"""Puts pages together, whatever number the first one has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Pages:
    """Tells which page to ask for next, and which of its items are new.

    Whether the server counts pages from 0 or from 1 is not known. So the first page is asked for without a number, and
    page 1 next: it is either the same or the one after.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.more = True
        self._seen: set[str] = set()

    def take(self, items: Iterable[Any]) -> list[Any]:
        """Return the new items of the page that was asked for, and move on."""
        new = []
        for item in items:
            name = item.id if hasattr(item, "id") else str(item)
            if name not in self._seen:
                self._seen.add(name)
                new.append(item)
        # Page 1 may bring nothing new without being the last one.
        self.more = bool(new) or (self.number == 1 and bool(self._seen))
        self.number = 1 if self.number is None else self.number + 1
        return new
