"""Combines the pages of a listing, whether they count from 0 or 1, and whatever changes meanwhile."""

from __future__ import annotations

from typing import Any

from kalbio._core.errors import ResponseError
from kalbio._core.objects.listing import Listing

_SAME = 5
"""So many times in a row one page may come under different numbers: as much may have been added in between."""

_KNOWN = 1000
"""So many pages in a row may bring nothing new: as much may have been added in between."""

_PASSES = 10
"""So often a listing that loses things is read."""


class Pages:
    """Decides which page to request next, and which of its items are new.

    Whether the server counts pages from 0 or from 1 is not known. So the first page is asked for without a number, and
    page 1 next: it is either the same or the one after.

    What is added meanwhile moves things to later pages: they come twice, and a page of known things is no end; only an
    empty one is. What is removed moves things to earlier pages, past the reader, and nothing tells it on the pages that
    follow. So a listing of several pages is read once more, until a pass lacks nothing that the pass before it had.
    """

    def __init__(self, path: str, size: int | None = None) -> None:
        self.number: int | None = None
        self.more = True
        self._path = path
        self._size = size
        self._yielded: set[str] = set()
        self._passes = 0
        self._before: set[str] | None = None
        self._begin()

    def _begin(self) -> None:
        self.number = None
        self._passes += 1
        self._here: set[str] = set()
        self._fits = True  # whether all of it fitted on the first page
        self._last: list[str] = []
        self._same = self._known = 0

    def take(self, items: list[Any]) -> list[Any]:
        """Return the new items of the page that was asked for, and move on.

        Raises:
            ResponseError: the server gives the same again and again, or the listing never stands still.
        """
        names = [item.id if hasattr(item, "id") else str(item) for item in items]
        if not names and not (isinstance(items, Listing) and items.unreadable):
            self._end()
            return []
        self._watch(names)
        if self.number is None:
            self._fits = self._size is not None and len(names) < self._size
        elif not self._here.issuperset(names):
            self._fits = False
        self._here.update(names)
        self._last = names
        self.number = 1 if self.number is None else self.number + 1
        new = {name: item for name, item in zip(names, items, strict=True) if name not in self._yielded}
        self._yielded.update(new)
        return list(new.values())

    def _watch(self, names: list[str]) -> None:
        """Raise when the pages lead nowhere."""
        self._same = self._same + 1 if names == self._last else 0
        self._known = self._known + 1 if self._here.issuperset(names) else 0
        if self._same >= _SAME or self._known >= _KNOWN:
            raise ResponseError(
                "GET",
                self._path,
                b"",
                f"the server returns the same items for page {self.number} as for the pages before it",
            )

    def _end(self) -> None:
        if self._fits or (self._before is not None and self._before <= self._here):
            self.more = False
        elif self._passes == _PASSES:
            raise ResponseError(
                "GET",
                self._path,
                b"",
                f"items disappeared from the listing each of the {_PASSES} times that it was read",
            )
        else:
            self._before = self._here
            self._begin()
