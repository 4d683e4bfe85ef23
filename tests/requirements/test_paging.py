"""R122: listings that come in pages, read from a server whose listing changes under the reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kalbio import KalbioResponseError
from tests.conftest import Lab, World

SIZE = 4
READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "imports": ("listImports", lambda api: api.imports.iter_imports(page_size=SIZE)),
    "running imports": ("listImports", lambda api: api.imports.iter_imports(is_complete=False, page_size=SIZE)),
    "events": ("listWorkspaceEvents", lambda api: api.workspace.iter_events(page_size=SIZE)),
}


class Shelf:
    """A listing that the server cuts into pages, and that changes after each of them."""

    def __init__(self, lab: Lab, operation: str, base: int, change: Callable[[list[str], int], None]) -> None:
        self.items = [f"there-{number:02}" for number in range(18)]
        self.asked = 0
        self._base, self._change = base, change
        original = lab.transport._answer

        def answer(request: httpx.Request, body: bytes) -> httpx.Response:
            if request.extensions.get("operation") != operation:
                return original(request, body)
            return httpx.Response(200, json=self.page(request.url.params.get("page")), request=request)

        lab.transport._answer = answer  # type: ignore[method-assign]

    def page(self, number: str | None) -> list[dict[str, str]]:
        """One page; an error would be a sign that the reader does not stop."""
        self.asked += 1
        assert self.asked < 2000
        begin = SIZE * (0 if number is None else int(number) - self._base)
        found = [{"id": item} for item in self.items[begin : begin + SIZE]]
        self._change(self.items, self.asked)
        return found


def gone_through(world: World, iterator: Any) -> list[str]:
    """The ids of what an iterator of the world yields."""

    async def collect() -> list[str]:
        return [item.id async for item in iterator]

    return [item.id for item in iterator] if world.kind == "sync" else world(collect())


def newer(number: int, until: int = 12) -> Callable[[list[str], int], None]:
    """So many are added in front after each of the first pages."""

    def change(items: list[str], asked: int) -> None:
        if asked <= until:
            items[:0] = [f"new-{asked}-{index}" for index in range(number)]

    return change


def appended(items: list[str], asked: int) -> None:
    """One is added at the end after each of the first pages."""
    if asked <= 12:
        items.append(f"new-{asked}")


def first_goes(items: list[str], asked: int) -> None:
    """The first one goes after each of the first pages, as imports do that are running no more."""
    if 2 <= asked <= 5:
        del items[0]


def page_goes(items: list[str], asked: int) -> None:
    """As many go at once as fit on a page, all of them read already."""
    if asked == 3:
        del items[:SIZE]


def both(items: list[str], asked: int) -> None:
    """One is added in front and others go."""
    if asked in (3, 6, 9):
        del items[1:3]
        items.insert(0, f"new-{asked}")


CHANGES: dict[str, Callable[[list[str], int], None]] = {
    "nothing": lambda items, asked: None,
    "one more in front": newer(1),
    "a page more in front, for a while": newer(SIZE, until=4),
    "three pages more in front, once": lambda items, asked: newer(3 * SIZE)(items, asked) if asked == 3 else None,
    "one more at the end": appended,
    "the first goes": first_goes,
    "a page goes": page_goes,
    "both": both,
}


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("reader", READERS)
def test_r122_pages_that_shift_lose_nothing(lab: Lab, world: World, reader: str, name: str, base: int) -> None:
    """What was there at the start and has not gone is yielded, each once, whatever is added or removed meanwhile."""
    operation, read = READERS[reader]
    shelf = Shelf(lab, operation, base, CHANGES[name])
    at_first = list(shelf.items)

    found = gone_through(world, read(lab.api))

    assert [item for item in at_first if item in shelf.items and item not in found] == []
    assert len(found) == len(set(found))
    if name == "nothing":
        assert found == at_first


@pytest.mark.parametrize("reader", READERS)
def test_r122_the_same_page_for_ever_is_an_error(lab: Lab, world: World, reader: str) -> None:
    """A server that gives the same page whatever is asked for is left after a few requests, and the error says so."""
    operation, read = READERS[reader]
    shelf = Shelf(lab, operation, 1, lambda items, asked: None)
    page = shelf.page(None)
    shelf.page = lambda number: page  # type: ignore[method-assign]
    before = len(lab.operations())

    with pytest.raises(KalbioResponseError, match="the same"):
        gone_through(world, read(lab.api))

    assert len(lab.operations()) - before < 10


@pytest.mark.parametrize("reader", READERS)
def test_r122_pages_that_lead_in_circles_are_an_error(lab: Lab, world: World, reader: str) -> None:
    """A server that gives known pages in turn, or a listing that loses something each time, is left in the end."""
    operation, read = READERS[reader]
    shelf = Shelf(lab, operation, 1, lambda items, asked: None)
    pages = [shelf.page(None), shelf.page("2")]
    shelf.page = lambda number: pages[int(number or 1) % 2]  # type: ignore[method-assign]
    with pytest.raises(KalbioResponseError, match="the same"):
        gone_through(world, read(lab.api))

    def flip(items: list[str], asked: int) -> None:
        items[:] = [f"{asked}-{index}" for index in range(6)]

    Shelf(lab, operation, 1, flip)
    with pytest.raises(KalbioResponseError, match="items disappeared"):
        gone_through(world, read(lab.api))


def test_r122_a_short_listing_is_read_once(lab: Lab, world: World) -> None:
    """What fits on one page costs no second reading."""
    shelf = Shelf(lab, "listImports", 1, lambda items, asked: None)
    del shelf.items[SIZE - 1 :]

    assert gone_through(world, lab.api.imports.iter_imports(page_size=SIZE)) == shelf.items
    assert shelf.asked == 3


def test_r122_a_page_of_unreadable_items_is_no_end(lab: Lab, world: World) -> None:
    """Items that are no objects do not end the listing."""
    shelf = Shelf(lab, "listImports", 1, lambda items, asked: None)
    original = shelf.page
    shelf.page = lambda number: [7] * SIZE if number == "2" else original(number)  # type: ignore[method-assign,list-item]

    found = gone_through(world, lab.api.imports.iter_imports(page_size=SIZE))

    assert found == shelf.items[:SIZE] + shelf.items[2 * SIZE :]
