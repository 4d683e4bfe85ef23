# Derived from kalbio/provena/aio/_items.py by scripts/regenerate; edit that file. (digest 9bed4bb4bef5)
"""What is known of the items of one subtype: which there are, and which one is meant."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, cast

from provena_api.api.registry import registry_general_fetch, registry_item_fetch, registry_item_list
from provena_api.models import RegistryCategorySegment, RegistrySubtypeSegment, SubtypeListRequest

from kalbio._core.errors import (
    AmbiguousIdentifierError,
    IdentifierError,
    IdentifierNotFoundError,
    NotFoundError,
    PermissionDeniedError,
    ValidationError,
)
from kalbio._core.http.responses import as_object
from kalbio._core.objects.checks import require_flag
from kalbio._core.objects.identifiers import Catalog
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.answers import page_of, texts_in
from kalbio.provena._model.items import HANDLE, Hit, Item
from kalbio.provena._model.lineage import LineageNode, node_subtype
from kalbio.provena._model.run_outcomes import RunOutcome
from kalbio.provena._model.subtypes import Subtype, an, require_action
from kalbio.provena._pages import ITEMS, LARGEST_PAGE, PAGE_SIZE, ItemT, Pages
from kalbio.provena._service import WithRegistry, not_there, require_one_of, require_whole
from kalbio.provena.items import KINDS

RecordType: TypeAlias = Literal["ALL", "COMPLETE_ONLY", "SEED_ONLY"]
Sort: TypeAlias = Literal["CREATED_TIME", "UPDATED_TIME", "DISPLAY_NAME"]

Identifier: TypeAlias = str | Item | Hit | LineageNode | RunOutcome
"""Names an item: its handle, an object, or its exact display name within its subtype."""


Names: TypeAlias = list[str]
_OF_SERVICES = frozenset(
    {"catalog", "check", "checked", "client", "own", "own_or_unreadable", "page", "resolve_now", "wire_record"}
)


class Items(Generic[ItemT]):
    """The items of one subtype, to be read.

    Attributes:
        subtype: the subtype.
        client: the client that asks.
    """

    def __init__(self, client: WithRegistry, subtype: Subtype) -> None:
        self.client = client
        self.subtype = subtype
        self._kind = cast("type[ItemT]", KINDS[subtype])
        self._catalog: Catalog[ItemT] | None = None
        self._of_this_subtype: set[str] = set()
        client.session.remember(subtype.value, self._forget)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.subtype.value}>"

    def __dir__(self) -> Names:
        # Without what services call of each other: completion is for what to write.
        return [name for name in super().__dir__() if name not in _OF_SERVICES]

    if not TYPE_CHECKING:
        # Hidden from type checkers, so that a slip is an error there.

        def __getattr__(self, name: str) -> Any:
            raise not_there(self, name, {})

    def get(self, identifier: Identifier) -> ItemT | None:
        """Get an item; None when there is none.

        Args:
            identifier: its handle, an object, or its exact display name within this subtype.

        Raises:
            IdentifierError: it is an item of another subtype, or several have this name.
            PermissionDeniedError: you may not read it.

        Example:
            >>> model = client.models.get("10378.1/1451860")
        """
        require_action(self.subtype, "fetch")
        found = self._id(identifier)
        if found is not None:
            return self._get(found)
        name = str(identifier)
        named = self._known(name)
        if named is not None:
            item = self._get(named.id)
            if item is not None and item.display_name == name:
                return item
        # Other programs make, delete and rename items as well: the name may mean another one now, or have come to be.
        named = (self.catalog(use_cache=False)).by_name(name)
        return None if named is None else self._get(named.id)

    def _get(self, found: str) -> ItemT | None:
        try:
            response = self.client.session.call(self._fetch(found))
        except NotFoundError:
            return None
        except ValidationError:
            # So it says of items of other subtypes, and of damaged ones.
            self._refuse_others(found)
            raise
        answer = as_object(response)
        raw = answer.get("item")
        if not isinstance(raw, dict):
            return None
        item = self._make(raw)
        self._check_subtype(found, item.item_subtype)
        self._of_this_subtype.add(item.id)
        roles, locked = texts_in(response, answer, "roles"), answer.get("locked")
        item.roles = None if answer.get("roles") is None else roles
        item.locked = locked if isinstance(locked, bool) else None
        return item

    def need(self, identifier: Identifier) -> ItemT:
        """Get an item.

        Raises:
            IdentifierError: it names no item of this subtype, or several.
            PermissionDeniedError: you may not read it.
        """
        item = self.get(identifier)
        if item is not None:
            return item
        if self._id(identifier) is not None:
            raise IdentifierNotFoundError(self.subtype.noun, identifier, [])
        raise (self._catalog or self.catalog()).not_found(identifier)  # `get` has listed them just now

    def resolve(self, identifier: Identifier) -> str:
        """Return the handle of an item, given that, an object, or its exact display name within this subtype.

        Raises:
            IdentifierError: it names no item of this subtype, or several.
        """
        found = self._id(identifier)
        if found is not None:
            return found
        named = self._known(str(identifier))
        return self.resolve_now(identifier) if named is None else named.id

    def resolve_now(self, identifier: Identifier) -> str:
        """Return the handle of an item that is to be written: a name is looked for in a list of now.

        One that was remembered may have become that of another item, or of several.

        Raises:
            IdentifierError: it names no item of this subtype, or several.
        """
        found = self._id(identifier)
        return (self.catalog(use_cache=False)).named(str(identifier)).id if found is None else found

    def list(
        self,
        *,
        record_type: RecordType = "COMPLETE_ONLY",
        sort: Sort | None = None,
        ascending: bool = False,
        limit: int | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Pages[ItemT]:
        """List the items, those that were changed last first.

        Args:
            record_type: whether items without data count: COMPLETE_ONLY, SEED_ONLY or ALL.
            sort: CREATED_TIME, UPDATED_TIME or DISPLAY_NAME.
            ascending: the other way round.
            limit: how many at most.
            page_size: how many to ask for at a time.

        Example:
            >>> for person in client.persons.list(sort="DISPLAY_NAME", ascending=True):
            ...     print(person.display_name)
        """
        require_action(self.subtype, "list")
        request = list_request(record_type, sort, ascending, limit, page_size)

        def read(key: Any) -> dict[str, Any]:
            return self.page(request, key)

        return Pages(self._make, self.subtype.noun, read, limit)

    def page(self, request: dict[str, Any], key: Any) -> dict[str, Any]:
        """Read one page: the request is not changed."""
        body = SubtypeListRequest.from_dict(request if key is None else {**request, "pagination_key": key})
        built = registry_item_list.build_request(*self._segments(), body=body)
        return page_of(self.client.session.call(built), key, *ITEMS)

    def count(self, *, record_type: RecordType = "COMPLETE_ONLY") -> int:
        """Count the items that you may read. The server does not count: they are listed.

        Example:
            >>> client.models.count()
            12
        """
        return len(self.list(record_type=record_type, page_size=LARGEST_PAGE).all())

    def _make(self, raw: dict[str, Any]) -> ItemT:
        return self._kind(raw, self.client)

    def _cached(self) -> Catalog[ItemT] | None:
        return self._catalog if self.client.session.caching() else None

    def _known(self, name: str) -> ItemT | None:
        """Return the item of a name as far as that is known without a request; None otherwise, and for several."""
        cached = self._cached()
        with suppress(AmbiguousIdentifierError):
            return None if cached is None else cached.by_name(name)
        return None

    def catalog(self, *, use_cache: bool = True) -> Catalog[ItemT]:
        """Return the items by their names; read once, and again after a write of this client."""
        if self._catalog is None or not self.client.session.caching(use_cache):
            items = self.list(page_size=LARGEST_PAGE).all()
            self._catalog = Catalog(self.subtype.noun, items, lambda item: item.display_name)
        return self._catalog

    def _forget(self, after: Any) -> None:
        self._catalog = None

    def _segments(self) -> tuple[RegistryCategorySegment, RegistrySubtypeSegment]:
        return RegistryCategorySegment(self.subtype.category), RegistrySubtypeSegment(self.subtype.segment)

    def _fetch(self, id: str) -> dict[str, Any]:
        return registry_item_fetch.build_request(*self._segments(), id=id, seed_allowed=True)

    def check(self, identifier: Any) -> None:
        """Raise IdentifierError for what can be neither a handle nor a name nor an object of this subtype."""
        self._id(identifier)

    def _id(self, identifier: Any) -> str | None:
        """Return the handle that is given; None for a name."""
        if isinstance(identifier, Item) and identifier.id:
            self._check_subtype(identifier.id, identifier.item_subtype or self.subtype.value)
            return identifier.id
        if isinstance(identifier, LineageNode):
            self._check_subtype(identifier.id, node_subtype(identifier))
            return identifier.id
        if isinstance(identifier, Hit | RunOutcome) and identifier.id:
            return identifier.id
        if not isinstance(identifier, str) or not identifier.strip():
            given = f"{safe_repr(identifier)} names no {self.subtype.noun}"
            raise IdentifierError(self.subtype.noun, identifier, f"{given}: give its handle, its name or an object.")
        return identifier if HANDLE.fullmatch(identifier) else None

    def checked(self, identifier: Identifier) -> str:
        """Return the handle of an item that is of this subtype, as far as you may read that: `resolve` does not look.

        A handle is looked at once.

        Raises:
            IdentifierError: it names no item of this subtype, or several.
        """
        id = self._id(identifier)
        if id is None:
            return self.resolve_now(identifier)
        if isinstance(identifier, Item | LineageNode) or id in self._of_this_subtype:
            return id
        if (cached := self._cached()) is not None and cached.by_id(id) is not None:
            return id
        try:
            self._refuse_others(id)
        except NotFoundError:
            raise IdentifierNotFoundError(self.subtype.noun, identifier, []) from None
        except PermissionDeniedError:  # the server may know better
            pass
        return id

    def own(self, identifier: Identifier) -> str:
        """Return the handle of an item that is known to be of this subtype.

        The server looks at the handle alone in most actions: it would delete or lock an item of any other subtype.
        """
        id = self._id(identifier)
        if id is None:
            return self.resolve_now(identifier)
        if isinstance(identifier, Item) and identifier.item_subtype == self.subtype.value:
            return id
        if id not in self._of_this_subtype:
            try:
                self._refuse_others(id)
            except NotFoundError as error:
                error.add_note(f"there is no {self.subtype.noun} {safe_repr(id)}")
                raise
        return id

    def own_or_unreadable(self, identifier: Identifier) -> str:
        """Return the handle of an item that is not known to be of another subtype: one may do more than read it."""
        try:
            return self.own(identifier)
        except PermissionDeniedError:
            return self.resolve_now(identifier)

    def _check_subtype(self, id: str, subtype: str) -> None:
        if subtype != self.subtype.value:
            raise IdentifierError(
                self.subtype.noun, id, f"{safe_repr(id)} names no {self.subtype.noun}: it is {an(subtype)} item."
            )

    def _refuse_others(self, id: str) -> None:
        answer = as_object(self.client.session.call(registry_general_fetch.build_request(id=id)))
        raw = answer.get("item")
        if isinstance(raw, dict):
            self._check_subtype(id, str(raw.get("item_subtype")))
            self._of_this_subtype.add(id)


def list_request(
    record_type: RecordType, sort: Sort | None, ascending: bool, limit: int | None, page_size: int
) -> dict[str, Any]:
    """Return the body of a list. Raises ValueError for what no list takes."""
    require_one_of("record_type", record_type, ("ALL", "COMPLETE_ONLY", "SEED_ONLY"))
    if sort is not None:
        require_one_of("sort", sort, ("CREATED_TIME", "UPDATED_TIME", "DISPLAY_NAME"))
    require_flag("ascending", ascending)
    if limit is not None:
        require_whole("limit", limit, 0)
    require_whole("page_size", page_size, 1, LARGEST_PAGE)
    if limit:
        page_size = min(page_size, limit)
    request: dict[str, Any] = {"page_size": page_size, "filter_by": {"record_type": record_type}}
    if sort is not None or ascending:
        request["sort_by"] = {"sort_type": sort, "ascending": bool(ascending)}
    return request
