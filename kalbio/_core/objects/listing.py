"""Turns a list answer into objects without losing anything."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, overload

from kalbio._core.http.responses import as_list, as_object, as_texts, platform_of, unusable
from kalbio._core.json.lazy_json import LazyObject, is_id, named_ids, split_object
from kalbio._core.objects.resource import Resource, html_of

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Response
else:
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request

R = TypeVar("R", bound=Resource)

_SHOWN = 30


class Listing(list[R]):
    """A list of objects; `unreadable` holds the items of the answer that were none, as they came."""

    unreadable: list[Any]

    def __init__(self, items: Iterable[R] = (), unreadable: Iterable[Any] = ()) -> None:
        super().__init__(items)
        self.unreadable = list(unreadable)

    def __repr__(self) -> str:
        # Whoever shows ten thousand records wants to see that there are so many, and what they look like.
        if len(self) <= _SHOWN:
            return super().__repr__()
        return f"[{', '.join(map(repr, self[:_SHOWN]))}, ... {len(self) - _SHOWN} more]"

    def _repr_html_(self) -> str | None:
        return html_of(self)

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> R: ...
    @overload
    def __getitem__(self, index: slice, /) -> Listing[R]: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> R | Listing[R]:
        """Return an object, or a part, which a notebook shows as a table as well."""
        return Listing(super().__getitem__(index)) if isinstance(index, slice) else super().__getitem__(index)

    def only(self, wanted: Callable[[R], bool]) -> Listing[R]:
        """Return the objects that `wanted` holds for; what was unreadable stays at hand."""
        return Listing(filter(wanted, self), self.unreadable)


def read_items(response: Response, make: Callable[[dict[str, Any]], R], *, needs_id: bool = True) -> Listing[R]:
    """Make an object of each item of a list answer. What is no object, or has no id, is reported and kept aside."""
    listing: Listing[R] = Listing()
    for item in as_list(response):
        if isinstance(item, dict) and (is_id(item.get("id")) or not needs_id):
            listing.append(make(item))
        else:
            listing.unreadable.append(item)
    if listing.unreadable:
        text = "skipped %d items of a list that are not objects or have no id; they are in .unreadable"
        _warn(response, text, len(listing.unreadable))
    return listing


def read_undecoded(response: Response, make: Callable[[dict[str, Any] | LazyObject], R]) -> Listing[R]:
    """Make an object of each item of a list answer, from its text where the list is what it should be."""
    texts = as_texts(response)
    return read_items(response, make) if texts is None else Listing(map(make, texts))


def read_undecoded_object(response: Response, kind: str) -> dict[str, Any] | LazyObject:
    """Return the one object of an answer, as its text where the answer is what it should be."""
    return split_object(response.content) or read_object(response, kind)


def read_names(response: Response, member: str) -> list[tuple[str, str]] | None:
    """Return what the items of a list answer are called, with their ids; None where an item is not what it should be.

    Objects made of them would be called the same, in the same order.
    """
    response.extensions.pop("parts", None)  # the answer is kept for a while, and these are many
    return named_ids(response.content, member)


def read_ids(response: Response) -> list[str]:
    """Return the ids of a list answer. Numbers count as their text; what is no id is reported and left out."""
    given = as_list(response)
    ids = [str(item) for item in given if isinstance(item, str | int) and not isinstance(item, bool) and is_id(item)]
    if len(ids) < len(given):
        _warn(response, "skipped %d items of a list that are not ids", len(given) - len(ids))
    return ids


def read_object(response: Response, kind: str) -> dict[str, Any]:
    """Return the one object of an answer. Raises ResponseError when the answer is no such thing."""
    answer = as_object(response)
    if not is_id(answer.get("id")):
        raise unusable(response, f"the answer is not the {kind}: it has no id")
    return answer


def _warn(response: Response, text: str, count: int) -> None:
    platform = platform_of(response)
    (logging.getLogger(__name__) if platform is None else platform.logger).warning(text, count)
