# Derived from kalbio/aio/_service.py by scripts/regenerate; edit that file. (digest 517e8bbb091d)
"""What the services share: calls, and a cached listing that finds things by id or name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from kalbio._core import constants
from kalbio._core.answers import as_list
from kalbio._core.errors import KalbioError
from kalbio._core.sync.cache import Cache
from kalbio._model.identifiers import Catalog, as_id, several
from kalbio._model.listing import Listing, read_items
from kalbio._model.resource import Resource
from kalbio.client import KaleidoscopeClient

R = TypeVar("R", bound=Resource)


class Service:
    """A group of calls about one noun."""

    _remembers: ClassVar[tuple[str, ...]] = ()
    """The kinds of reads that it remembers, see `kalbio._model.staleness`."""

    def __init__(self, client: KaleidoscopeClient) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"

    def clear_caches(self) -> None:
        """Forget what this service has cached."""
        self._client._forget(*self._remembers)


class CachedListing(Generic[R]):
    """All objects of one noun: listed once, kept for a while, found by id or by exact name.

    A name that is not found leads to one fresh listing before it counts as unknown: it may have been made elsewhere.
    """

    def __init__(
        self,
        client: KaleidoscopeClient,
        kind: str,
        request: Callable[[], Mapping[str, Any]],
        make: Callable[[dict[str, Any], Any], R],
        name_of: Callable[[R], str | None],
        accepted: type[Resource],
    ) -> None:
        self._client = client
        self._kind = kind
        self._request = request
        self._make = make
        self._name_of = name_of
        self._accepted = accepted
        self._cache: Cache[str, tuple[Catalog[R], Listing[R]]] = Cache(size=1, ttl=constants.LISTING_TTL)
        client._remember(kind, lambda _: self.drop())

    def _load(self) -> tuple[Catalog[R], Listing[R]]:
        answer = as_list(self._client.call(self._request()))
        listing = read_items(answer, lambda item: self._make(item, self._client))
        return Catalog(self._kind, listing, self._name_of), listing

    def catalog(self, *, use_cache: bool = True) -> Catalog[R]:
        """Return the index of the listing."""
        catalog, _ = self._cache.get("all", self._load, fresh=not self._client._caching(use_cache))
        return catalog

    def all(self, *, use_cache: bool = True) -> Listing[R]:
        """Return everything, as a list of the caller's own."""
        _, listing = self._cache.get("all", self._load, fresh=not self._client._caching(use_cache))
        return Listing(listing, listing.unreadable)

    @property
    def generation(self) -> int:
        """Grows whenever the listing is forgotten: what is derived from an older one is out of date."""
        return self._cache.generation

    def cached(self) -> Catalog[R] | None:
        """Return the index when it is cached, without a request."""
        return self.peek() if self._client._caching() else None

    def peek(self) -> Catalog[R] | None:
        """Return the index when it is there, for what is shown: also of a closed client, and outside an event loop."""
        entry = self._cache.peek("all")
        return None if entry is None else entry[0]

    def _search(self, look: Callable[[Catalog[R]], list[R | None]]) -> tuple[list[R | None], Catalog[R]]:
        """Return what `look` finds, and where; once more in a fresh listing when a cached one lacks something."""
        catalog = self.cached()
        if catalog is not None:
            found = look(catalog)
            if all(item is not None for item in found):
                return found, catalog
        catalog = self.catalog(use_cache=catalog is None)
        return look(catalog), catalog

    def search(self, look: Callable[[Catalog[R]], R | None]) -> R | None:
        """Return what `look` finds, looking once more in a fresh listing when it finds nothing in a cached one."""
        found, _ = self._search(lambda catalog: [look(catalog)])
        return found[0]

    def find(self, identifier: str) -> R | None:
        """Return the object with this id or exact name, None when there is none. Raises when there are several."""
        return self.search(lambda catalog: catalog.find(identifier))

    def get(self, identifier: Any) -> R | None:
        """Return the object that an id, a name or an object names, None when there is none."""
        return (self.get_many([identifier]))[0]

    def get_many(self, identifiers: Iterable[Any]) -> list[R | None]:
        """Return what ids, names and objects name, in order, None where there is none; lists once at most."""
        wanted = [as_id(item, self._kind, self._accepted) or item for item in several(identifiers, self._kind)]
        if not wanted:
            return []
        found, _ = self._search(lambda catalog: [catalog.find(item) for item in wanted])
        return found

    def listed(self, identifiers: Iterable[Any]) -> list[R]:
        """Return what ids, names and objects name, in the order of the listing; unknown ones are left out."""
        wanted = [as_id(item, self._kind, self._accepted) or item for item in several(identifiers, self._kind)]
        if not wanted:
            return []
        found, catalog = self._search(lambda catalog: [catalog.find(item) for item in wanted])
        ids = {item.id for item in found if item is not None}
        return [item for item in catalog.items if item.id in ids]

    def after_write(self, identifier: str) -> dict[str, Any] | None:
        """Return the JSON of an object after a write whose answer did not show it; None when it cannot be read.

        The write is done: not being able to read its outcome must not look like its failure.
        """
        with contextlib.suppress(KalbioError):
            found = self.find(identifier)
            return None if found is None else found.to_dict()
        return None

    def require_id(self, identifier: Any) -> str:
        """Return the id that an identifier names. Ids and objects cost no request; unknown names raise."""
        return (self.require_ids([identifier]))[0]

    def require_ids(self, identifiers: Iterable[Any]) -> list[str]:
        """Return the ids that identifiers name, in order. Ids and objects cost no request; unknown names raise."""
        given = several(identifiers, self._kind)
        known = [as_id(item, self._kind, self._accepted) for item in given]
        names = list(dict.fromkeys(item for item, found in zip(given, known, strict=True) if found is None))
        by_name: dict[str, str] = {}
        if names:
            found, catalog = self._search(lambda catalog: [catalog.by_name(name) for name in names])
            for name, item in zip(names, found, strict=True):
                if item is None:
                    raise catalog.not_found(name)
                by_name[name] = item.id
        return [by_name[item] if found is None else found for item, found in zip(given, known, strict=True)]

    def drop(self) -> None:
        """Forget the listing."""
        self._cache.clear()
