"""Lists that are read page by page as you go through them."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, TypeVar

from kalbio._core.objects.listing import Listing
from kalbio.provena._model.answers import PageKeys
from kalbio.provena._model.items import UnparsableItemWarning
from kalbio.provena.aio._item import RegistryItem
from kalbio.provena.aio._service import outside

Read = Callable[[Any], Awaitable[dict[str, Any]]]
"""Reads the page that begins at a key of the server, the first one for None."""

ItemT = TypeVar("ItemT", bound=RegistryItem)

PAGE_SIZE = 100
ITEMS = ("items", "seed_items", "unparsable_items")
"""What a page of items has them in."""
LARGEST_PAGE = 1000


class Pages(Generic[ItemT]):
    """The items of a list, read page by page as you go through them.

    What the caller may not see is left out by the server, and counted in `not_authorised_count`. An item that does not
    have the form of its subtype is among the others as it is stored, with a warning.

    Attributes:
        not_authorised_count: items that were left out so far, where the server tells.
        unparsable: ids of items without the form of their subtype so far.
    """

    def __init__(
        self,
        make: Callable[[dict[str, Any]], ItemT],
        noun: str,
        read: Read,
        limit: int | None,
        members: tuple[str, ...] = ("items", "seed_items"),
    ) -> None:
        self._make = make
        self._noun = noun
        self._read = read
        self._limit = limit
        self._members = members
        self.not_authorised_count = 0
        self.unparsable: list[str] = []

    def __repr__(self) -> str:
        limit = "" if self._limit is None else f", {self._limit} at most"
        return f"<{self._noun} items{limit}: go through them, or call all()>"

    async def __aiter__(self) -> AsyncIterator[ItemT]:
        self.not_authorised_count, self.unparsable = 0, []
        left = self._limit
        key: Any = None
        pages = PageKeys()
        while left is None or left > 0:
            page = await self._read(key)
            self.not_authorised_count += page.get("not_authorised_count") or 0
            for item in self._items(page):
                yield item
                if left is not None:
                    left -= 1
                    if left == 0:
                        return
            key = pages.following(page.get("pagination_key"))
            # A page may be short or empty although more follow: what does not match is taken out after it was cut.
            if key is None:
                return

    def _items(self, page: dict[str, Any]) -> list[ItemT]:
        made = [self._make(one) for name in self._members for one in page.get(name) or ()]
        broken = [self._make(one) for one in page.get("unparsable_items") or ()]
        if broken:
            self.unparsable += [one.id for one in broken]
            warnings.warn(
                f"the registry has {self._noun} items that do not have the form of their subtype: "
                f"{', '.join(one.id or '(without an id)' for one in broken)}",
                UnparsableItemWarning,
                stacklevel=outside(),
            )
        return made + broken

    async def all(self) -> list[ItemT]:
        """Read all of them, and return them as a list, which a notebook shows as a table."""
        return Listing([item async for item in self])
