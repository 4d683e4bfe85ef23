"""The registry: one service for each subtype, all of one class."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any, Literal, TypeAlias

import attrs
from provena_api.api.registry import (
    registry_general_fetch,
    registry_item_create,
    registry_item_fetch,
    registry_item_list,
)
from provena_api.models import GenericDomainInfo, RegistryCategorySegment, RegistrySubtypeSegment, SubtypeListRequest

from kalbio._core.errors import IdentifierError, NotFoundError, ValidationError
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.objects.identifiers import Catalog, did_you_mean
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.items import HANDLE, Hit, Item, UnparsableItemWarning
from kalbio.provena._model.lineage import LineageNode, node_subtype
from kalbio.provena._model.subtypes import Subtype, require_action
from kalbio.provena.aio._service import Client, require_one_of, require_whole

RecordType: TypeAlias = Literal["ALL", "COMPLETE_ONLY", "SEED_ONLY"]
Sort: TypeAlias = Literal["CREATED_TIME", "UPDATED_TIME", "DISPLAY_NAME"]

PAGE_SIZE = 100
LARGEST_PAGE = 1000


class Pages:
    """The items of a list, read page by page as you go through them.

    What the caller may not see is left out by the server, and counted in `not_authorised_count`. An item that does not
    have the form of its subtype is among the others as it is stored, with a warning.

    Attributes:
        not_authorised_count: items that were left out so far.
        unparsable: ids of items without the form of their subtype so far.
    """

    def __init__(self, service: RegistryService, request: dict[str, Any], limit: int | None) -> None:
        self._service = service
        self._request = request
        self._limit = limit
        self.not_authorised_count = 0
        self.unparsable: list[str] = []

    def __repr__(self) -> str:
        limit = "" if self._limit is None else f", {self._limit} at most"
        return f"<{self._service.subtype.noun} items{limit}: go through them, or call all()>"

    async def __aiter__(self) -> AsyncIterator[Item]:
        self.not_authorised_count, self.unparsable = 0, []
        left = self._limit
        key: Any = None
        while left is None or left > 0:
            page = await self._service.page(self._request, key)
            self.not_authorised_count += page.get("not_authorised_count") or 0
            for item in self._items(page):
                yield item
                if left is not None:
                    left -= 1
                    if left == 0:
                        return
            key = page.get("pagination_key")
            # A page may be short or empty although more follow: what does not match is taken out after it was cut.
            if key is None:
                return

    def _items(self, page: dict[str, Any]) -> list[Item]:
        made = [Item(one, self._service.client) for name in ("items", "seed_items") for one in page.get(name) or ()]
        broken = [Item(one, self._service.client) for one in page.get("unparsable_items") or ()]
        if broken:
            self.unparsable += [one.id for one in broken]
            warnings.warn(
                f"the registry has {self._service.subtype.noun} items that do not have the form of their subtype: "
                f"{', '.join(one.id or '(without an id)' for one in broken)}",
                UnparsableItemWarning,
                stacklevel=3,
            )
        return made + broken

    async def all(self) -> list[Item]:
        """Read all of them, and return them as a list."""
        return [item async for item in self]


class RegistryService:
    """The items of one subtype.

    Attributes:
        subtype: the subtype.
        client: the client that asks.
    """

    def __init__(self, client: Client, subtype: Subtype) -> None:
        self.client = client
        self.subtype = subtype
        self._catalog: Catalog[Item] | None = None
        client.session.remember(subtype.value, self._forget)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.subtype.value}>"

    async def get(self, identifier: str | Item | Hit | LineageNode) -> Item | None:
        """Get an item; None when there is none.

        Args:
            identifier: its handle, an object, or its exact display name within this subtype.

        Raises:
            IdentifierError: it is an item of another subtype, or several have this name.
            PermissionDeniedError: you may not read it.

        Example:
            >>> model = await client.models.get("10378.1/1451860")
        """
        require_action(self.subtype, "fetch")
        found = self._id(identifier)
        if found is None:
            named = (await self.catalog()).by_name(str(identifier))
            if named is None:
                return None
            found = named.id
        try:
            answer = as_object(await self.client.session.call(self._fetch(found)))
        except NotFoundError:
            return None
        except ValidationError:
            # So it says of items of other subtypes, and of damaged ones.
            await self._refuse_others(found)
            raise
        raw = answer.get("item")
        if not isinstance(raw, dict):
            return None
        item = Item(raw, self.client)
        self._check_subtype(found, item.item_subtype)
        item.roles, item.locked = answer.get("roles"), answer.get("locked")
        return item

    async def resolve(self, identifier: str | Item | Hit | LineageNode) -> str:
        """Return the handle of an item, given that, an object, or its exact display name within this subtype.

        Raises:
            IdentifierError: it names no item of this subtype, or several.
        """
        found = self._id(identifier)
        if found is not None:
            return found
        catalog = await self.catalog()
        named = catalog.by_name(str(identifier))
        if named is None:
            raise catalog.not_found(identifier)
        return named.id

    def list(
        self,
        *,
        record_type: RecordType = "COMPLETE_ONLY",
        sort: Sort | None = None,
        ascending: bool = False,
        limit: int | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Pages:
        """List the items, those that were changed last first.

        Args:
            record_type: whether items without data count: COMPLETE_ONLY, SEED_ONLY or ALL.
            sort: CREATED_TIME, UPDATED_TIME or DISPLAY_NAME.
            ascending: the other way round.
            limit: how many at most.
            page_size: how many to ask for at a time.

        Example:
            >>> async for person in client.persons.list(sort="DISPLAY_NAME", ascending=True):
            ...     print(person.display_name)
        """
        require_action(self.subtype, "list")
        require_one_of("record_type", record_type, ("ALL", "COMPLETE_ONLY", "SEED_ONLY"))
        if sort is not None:
            require_one_of("sort", sort, ("CREATED_TIME", "UPDATED_TIME", "DISPLAY_NAME"))
        if limit is not None:
            require_whole("limit", limit, 0)
        require_whole("page_size", page_size, 1, LARGEST_PAGE)
        if limit:
            page_size = min(page_size, limit)
        request: dict[str, Any] = {"page_size": page_size, "filter_by": {"record_type": record_type}}
        if sort is not None or ascending:
            request["sort_by"] = {"sort_type": sort, "ascending": bool(ascending)}
        return Pages(self, request, limit)

    async def create(self, **members: Any) -> Item:
        """Create an item.

        Args:
            **members: the data of the subtype: `display_name`, and what else it has.

        Raises:
            TypeError: the subtype has no such member, or a member is missing; nothing was sent.
            UnsupportedActionError: items of this subtype are not written here.
            ValidationError: the server refused.

        Example:
            >>> await client.organisations.create(display_name="Reef group", name="Reef group")
        """
        require_action(self.subtype, "create")
        self._check_members(members)
        body = GenericDomainInfo.from_dict(members)
        response = await self.client.session.call(registry_item_create.build_request(*self._place(), body=body))
        raw = as_object(response).get("created_item")
        if not isinstance(raw, dict):
            raise unusable(response, "the answer has no created_item")
        return Item(raw, self.client)

    def _check_members(self, members: dict[str, Any]) -> None:
        # The server ignores what it does not know.
        model = getattr(import_module("provena_api.models"), f"{self.subtype.stem}DomainInfo")
        fields = [one for one in attrs.fields(model) if one.init]
        known = [one.name for one in fields]
        for name in members:
            if name not in known:
                raise TypeError(f"a {self.subtype.noun} has no member {name!r}.{did_you_mean(name, known)}")
        missing = [one.name for one in fields if one.default is attrs.NOTHING and one.name not in members]
        if missing:
            raise TypeError(f"a {self.subtype.noun} needs {', '.join(missing)}")

    async def page(self, request: dict[str, Any], key: Any) -> dict[str, Any]:
        """Read one page: the request is not changed."""
        body = SubtypeListRequest.from_dict(request if key is None else {**request, "pagination_key": key})
        built = registry_item_list.build_request(*self._place(), body=body)
        return as_object(await self.client.session.call(built))

    async def catalog(self) -> Catalog[Item]:
        """Return the items by their names; read once, and again after a write of this client."""
        if self._catalog is None or not self.client.session.caching():
            items = await self.list(page_size=LARGEST_PAGE).all()
            self._catalog = Catalog(self.subtype.noun, items, lambda item: item.display_name)
        return self._catalog

    def _forget(self, after: Any) -> None:
        self._catalog = None

    def _place(self) -> tuple[RegistryCategorySegment, RegistrySubtypeSegment]:
        return RegistryCategorySegment(self.subtype.category), RegistrySubtypeSegment(self.subtype.segment)

    def _fetch(self, id: str) -> dict[str, Any]:
        return registry_item_fetch.build_request(*self._place(), id=id, seed_allowed=True)

    def _id(self, identifier: Any) -> str | None:
        """Return the handle that is given; None for a name."""
        if isinstance(identifier, Item) and identifier.id:
            self._check_subtype(identifier.id, identifier.item_subtype or self.subtype.value)
            return identifier.id
        if isinstance(identifier, LineageNode):
            self._check_subtype(identifier.id, node_subtype(identifier))
            return identifier.id
        if isinstance(identifier, Hit) and identifier.id:
            return identifier.id
        if not isinstance(identifier, str) or not identifier.strip():
            given = f"{safe_repr(identifier)} names no {self.subtype.noun}"
            raise IdentifierError(self.subtype.noun, identifier, f"{given}: give its handle, its name or an object.")
        return identifier if HANDLE.fullmatch(identifier) else None

    def _check_subtype(self, id: str, subtype: str) -> None:
        if subtype != self.subtype.value:
            raise IdentifierError(
                self.subtype.noun, id, f"{safe_repr(id)} names no {self.subtype.noun}: it is a {subtype} item."
            )

    async def _refuse_others(self, id: str) -> None:
        answer = as_object(await self.client.session.call(registry_general_fetch.build_request(id=id)))
        raw = answer.get("item")
        if isinstance(raw, dict):
            self._check_subtype(id, str(raw.get("item_subtype")))
