"""A cached listing of one kind of things, which finds them by id or by exact name."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar

import attrs

from kalbio._core import constants
from kalbio._core.aio.cache import AsyncCache
from kalbio._core.aio.session import AsyncSession
from kalbio._core.concurrency.forks import cached_property
from kalbio._core.errors import AmbiguousIdentifierError, NotFoundError
from kalbio._core.objects.identifiers import Catalog, as_id, require_identifiers
from kalbio._core.objects.listing import Listing, read_items, read_names, read_object
from kalbio._core.objects.resource import Resource
from kalbio._model.errors import KalbioError

R = TypeVar("R", bound=Resource)


@attrs.frozen
class Kind(Generic[R]):
    """A kind of things that the platform lists, and what its objects are to a type checker.

    Attributes:
        name: what one is called in errors, and in `kalbio._model.staleness`.
    """

    name: str


@attrs.frozen
class ComposedNames(Generic[R]):
    """How things are called that may have no name of their own.

    Attributes:
        member: the member of their JSON that has their own name.
        joint: what stands between the parts of a name that is composed.
        compose: names those objects that have no name, after things of other listings; False reads these anew.
    """

    member: str
    joint: str
    compose: Callable[[Iterable[R], bool], Awaitable[None]]


class _Loaded(Generic[R]):
    """A listing that has come. Its names are read at once, and objects made of it only when they are asked for.

    Many a script needs the id of one activity by its title, where thousands are listed.
    """

    def __init__(self, kind: str, response: Any, read: Callable[[Any], Listing[R]], name: str, member: str) -> None:
        self.is_named = name == member
        self._kind = kind
        self._response = response
        self._read = read
        self._name = name
        self._names = read_names(response, member)
        self._ids = dict(self._names or ())
        if self._names is None:  # what is wrong with it is said now
            _ = self.listing

    @property
    def names(self) -> Sequence[tuple[str, str]]:
        """What its items are called, with their ids; nothing where one has no readable name or id."""
        return self._names or ()

    @cached_property
    def listing(self) -> Listing[R]:
        """The objects."""
        found = self._read(self._response)
        self._response = None  # it is large
        return found

    @cached_property
    def catalog(self) -> Catalog[R]:
        """Their index."""
        return Catalog(self._kind, self.listing, attrgetter(self._name))

    def named(self) -> None:
        """Take note that all objects have got their names."""
        self.is_named = True
        self.__dict__.pop("catalog", None)  # its index may be older

    def id_of(self, name: str) -> str | None:
        """Return the id of what has this name of its own, None when nothing has. Raises AmbiguousIdentifierError."""
        if self._names is None:
            found = self.catalog.by_name(name)
            return None if found is None else found.id
        if len(self._ids) < len(self._names):  # some have one name
            ids = [known for called, known in self._names if called == name]
            if len(ids) > 1:
                raise AmbiguousIdentifierError(self._kind, name, ids)
        return self._ids.get(name)


class CachedListing(Generic[R]):
    """All objects of one kind: listed once, kept for a while, found by id or by exact name.

    A name that is not found leads to one fresh listing before it counts as unknown: it may have been made elsewhere.
    """

    def __init__(
        self,
        session: AsyncSession,
        kind: Kind[R],
        request: Callable[[], Mapping[str, Any]],
        make: Callable[[dict[str, Any]], R],
        name: str,
        accepted: type[Resource],
        one: Callable[[str], Mapping[str, Any]] | None = None,
        composed: ComposedNames[R] | None = None,
    ) -> None:
        self._session = session
        self._kind = kind.name
        self._request = request
        self._make = make
        self._name = name
        self._accepted = accepted
        self._one = one
        self._composed = composed
        # Whether the server reads single objects; not every one does, so the first answer decides.
        self._reads_one: bool | None = None
        self._cache: AsyncCache[str, _Loaded[R]] = AsyncCache(size=1, ttl=constants.LISTING_TTL)
        self._last_names: Sequence[tuple[str, str]] = ()
        session.remember(kind.name, lambda _: self.drop())

    async def _load(self) -> _Loaded[R]:
        member = self._name if self._composed is None else self._composed.member
        loaded = _Loaded(self._kind, await self._session.call(self._request()), self.adopt, self._name, member)
        self._last_names = loaded.names
        return loaded

    async def _loaded(self, *, use_cache: bool = True) -> _Loaded[R]:
        return await self._cache.get("all", self._load, fresh=not self._session.caching(use_cache))

    async def _named(self, loaded: _Loaded[R], *, use_cache: bool = True) -> _Loaded[R]:
        """Return a listing whose objects all have their names; these may take other listings."""
        if self._composed is not None and not loaded.is_named:
            await self._composed.compose(loaded.listing, use_cache)
            loaded.named()
        return loaded

    def adopt(self, response: Any) -> Listing[R]:
        """Make objects of an answer that lists some."""
        return read_items(response, self._make)

    async def catalog(self, *, use_cache: bool = True) -> Catalog[R]:
        """Return the index of the listing."""
        return (await self._named(await self._loaded(use_cache=use_cache), use_cache=use_cache)).catalog

    async def all(self, *, use_cache: bool = True) -> Listing[R]:
        """Return everything, as a list of the caller's own."""
        listing = (await self._named(await self._loaded(use_cache=use_cache), use_cache=use_cache)).listing
        return Listing(listing, listing.unreadable)

    @property
    def generation(self) -> int:
        """Grows whenever the listing is forgotten: what is derived from an older one is out of date."""
        return self._cache.generation

    def cached(self) -> Catalog[R] | None:
        """Return the index when it is cached, without a request."""
        return self.peek() if self._session.caching() else None

    def peek(self) -> Catalog[R] | None:
        """Return the index when it is there, for what is shown: also of a closed client, and outside an event loop."""
        entry = self._cache.peek("all")
        return None if entry is None else entry.catalog

    @property
    def names_read(self) -> list[str]:
        """The names as they were read last, however long ago, for what must not ask: completion."""
        return [name for name, _ in self._last_names]

    def shown_name(self, identifier: str) -> str | None:
        """Return the name of what has this id, None where that is not known without a request."""
        catalog = self.peek()
        item = None if catalog is None else catalog.by_id(identifier)
        return None if item is None else getattr(item, self._name)

    async def _search(self, look: Callable[[Catalog[R]], list[R | None]]) -> tuple[list[R | None], Catalog[R]]:
        """Return what `look` finds, and where; once more in a fresh listing when a cached one lacks something."""
        was_cached = self.cached() is not None
        catalog = await self.catalog()
        found = look(catalog)
        if was_cached and any(item is None for item in found):
            catalog = await self.catalog(use_cache=False)
            found = look(catalog)
        return found, catalog

    async def search(self, look: Callable[[Catalog[R]], R | None]) -> R | None:
        """Return what `look` finds, looking once more in a fresh listing when it finds nothing in a cached one."""
        found, _ = await self._search(lambda catalog: [look(catalog)])
        return found[0]

    async def find(self, identifier: str) -> R | None:
        """Return the object with this id or exact name, None when there is none. Raises when there are several."""
        return await self.search(lambda catalog: catalog.find(identifier))

    async def get(self, identifier: Any) -> R | None:
        """Return the object that an id, a name or an object names, None when there is none."""
        return (await self.get_many([identifier]))[0]

    async def get_many(self, identifiers: Iterable[Any]) -> list[R | None]:
        """Return what ids, names and objects name, in order, None where there is none; lists once at most."""
        wanted = [
            as_id(item, self._kind, self._accepted) or item for item in require_identifiers(identifiers, self._kind)
        ]
        if not wanted:
            return []
        found, _ = await self._search(lambda catalog: [catalog.find(item) for item in wanted])
        return found

    async def listed(self, identifiers: Iterable[Any]) -> list[R]:
        """Return what ids, names and objects name, in the order of the listing; unknown ones are left out."""
        wanted = [
            as_id(item, self._kind, self._accepted) or item for item in require_identifiers(identifiers, self._kind)
        ]
        if not wanted:
            return []
        found, catalog = await self._search(lambda catalog: [catalog.find(item) for item in wanted])
        ids = {item.id for item in found if item is not None}
        return [item for item in catalog.items if item.id in ids]

    async def after_write(self, identifier: str) -> dict[str, Any] | None:
        """Return the JSON of an object after a write whose answer did not show it; None when it cannot be read.

        The write is done: not being able to read its outcome must not look like its failure.
        """
        with contextlib.suppress(KalbioError):
            found = await self.find(identifier)
            return None if found is None else found.to_dict()
        return None

    async def read_one(self, identifier: str) -> dict[str, Any]:
        """Return the JSON of the object with this id as it is now.

        Raises NotFoundError or IdentifierNotFoundError when there is none.
        """
        refusal: NotFoundError | None = None
        if self._one is not None and self._reads_one is not False:
            try:
                answer = read_object(await self._session.call(self._one(identifier)), self._kind)
                self._reads_one = True
                return answer
            except NotFoundError as error:
                if self._reads_one:
                    raise
                refusal = error
        # Either there is no such object, or the server has no such call: the listing tells.
        catalog = await self.catalog(use_cache=False)
        found = catalog.by_id(identifier)
        if found is None:
            raise refusal or catalog.not_found(identifier)
        self._reads_one = False
        return found.to_dict()

    async def read_now(self, identifier: Any) -> dict[str, Any]:
        """Return the JSON of what an identifier names, as it is now, with one fresh read. Misses raise."""
        known = as_id(identifier, self._kind, self._accepted)
        if known is None:
            cached = self.cached()
            found = None if cached is None else cached.by_name(str(identifier))
            if found is None:
                # The listing that the name is looked up in is a fresh read already.
                catalog = await self.catalog(use_cache=False)
                found = catalog.by_name(str(identifier))
                if found is None:
                    raise catalog.not_found(identifier)
                return found.to_dict()
            known = found.id
        return await self.read_one(known)

    async def require_id(self, identifier: Any) -> str:
        """Return the id that an identifier names. Ids and objects cost no request; unknown names raise."""
        known = as_id(identifier, self._kind, self._accepted)
        if known is not None:
            return known
        if self._composed is not None and self._composed.joint in identifier:
            return (await self.require_ids([identifier]))[0]
        entry = self._cache.peek("all") if self._session.caching() else None
        found = None if entry is None else entry.id_of(identifier)
        if found is None:
            entry = await self._loaded(use_cache=entry is None)
            found = entry.id_of(identifier)
            if found is None:
                return (await self._named(entry)).catalog.named(identifier).id
        return found

    async def require_ids(self, identifiers: Iterable[Any]) -> list[str]:
        """Return the ids that identifiers name, in order. Ids and objects cost no request; unknown names raise."""
        given = require_identifiers(identifiers, self._kind)
        known = [as_id(item, self._kind, self._accepted) for item in given]
        names = list(dict.fromkeys(item for item, found in zip(given, known, strict=True) if found is None))
        by_name: dict[str, str] = {}
        if names:
            found, catalog = await self._search(lambda catalog: [catalog.by_name(name) for name in names])
            for name, item in zip(names, found, strict=True):
                if item is None:
                    raise catalog.not_found(name)
                by_name[name] = item.id
        return [by_name[item] if found is None else found for item, found in zip(given, known, strict=True)]

    def drop(self) -> None:
        """Forget the listing."""
        self._cache.clear()
