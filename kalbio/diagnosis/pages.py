"""Whether the pages of a list fit together."""

from __future__ import annotations

from kalbio._core.description.document import Operation
from kalbio._core.diagnosis.examine import Examination
from kalbio._core.diagnosis.report import Finding


def is_paged(operation: Operation) -> bool:
    """Whether an operation gives its list in pages."""
    return {"page", "page_size"} <= operation.parameters_in("query").keys()


def wrong_pages(examination: Examination) -> list[Finding]:
    """What is wrong with pages of one size, and with those of another."""
    found = []
    for operation in examination.description.operations:
        for expected, seen in _wrong_with(_pages(examination, operation)):
            found.append(Finding("wrong", "paging", operation.id, expected, seen, (operation.id,), "1"))
    return found


def _pages(examination: Examination, operation: Operation) -> dict[tuple[int, int], list[str]]:
    """The ids on each page, by its number and size."""
    found = {}
    for one in examination.of(operation.id) if is_paged(operation) else ():
        page, size = one.call.query.get("page", ""), one.call.query.get("page_size", "")
        if one.is_good and page.isdecimal() and size.isdecimal() and len(one.call.query) == 2:
            found[int(page), int(size)] = [str(item.get("id")) for item in one.items()]
    return found


def _wrong_with(pages: dict[tuple[int, int], list[str]]) -> list[tuple[str, str]]:
    first, second, both = (pages.get(key) for key in ((1, 2), (2, 2), (1, 4)))
    found = []
    if any(len(ids) > size for (_, size), ids in pages.items()):
        found.append(("at most page_size items", "more items"))
    if first and second:
        if set(first) & set(second):
            found.append(("each item on one page", "page 2 repeats items of page 1"))
        elif both is not None and first + second != both[:4]:
            found.append(("pages in the order of the whole", "pages in another order"))
    return found
