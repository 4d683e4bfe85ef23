"""The registry as a whole: a service for each subtype, what goes for all of them, and its administration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, Literal, TypeAlias, overload

from provena_api.api.registry import (
    registry_entity_dataset_user_releases,
    registry_general_about_version,
    registry_general_fetch,
    registry_general_list,
)
from provena_api.models import (
    GeneralListRequest,
    ListUserReviewingDatasetsRequest,
)

from kalbio._core.errors import AmbiguousIdentifierError, IdentifierError, IdentifierNotFoundError, NotFoundError
from kalbio._core.http.responses import as_object
from kalbio._core.objects.checks import require_flag
from kalbio._core.objects.identifiers import Catalog
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.answers import page_of
from kalbio.provena._model.identifiers import handle_of
from kalbio.provena._model.items import HANDLE, ServerVersion
from kalbio.provena._model.subtypes import Subtype, an
from kalbio.provena.aio._item import RegistryItem
from kalbio.provena.aio._items import Identifier, RecordType, Sort, list_request
from kalbio.provena.aio._pages import ITEMS, LARGEST_PAGE, PAGE_SIZE, Pages
from kalbio.provena.aio._registry_admin import AdminCalls
from kalbio.provena.aio._service import WithRegistry, require_one_of, require_whole
from kalbio.provena.aio.items import (
    CreateActivity,
    Dataset,
    DatasetTemplate,
    Model,
    ModelRun,
    Organisation,
    Person,
    Study,
    VersionActivity,
    WorkflowTemplate,
    item_of,
)
from kalbio.provena.aio.registry import RegistryService

Items: TypeAlias = list[RegistryItem]
ReleaseStatus: TypeAlias = Literal["NOT_RELEASED", "PENDING", "RELEASED"]

_STATUSES = ("NOT_RELEASED", "PENDING", "RELEASED")


class Registry(AdminCalls):
    """All items. Called with a subtype, it gives the service for the items of that.

    The methods of the older client's registry are here as well: `client.registry.fetch_item(...)`.

    Example:
        >>> created = await client.registry("CREATE").list().all()
    """

    def __init__(
        self,
        client: WithRegistry,
        service_of: Callable[[Subtype | str], RegistryService[Any]],
        older: Callable[[], Any],
    ) -> None:
        super().__init__(client)
        self._client: WithRegistry = client
        self._service_of = service_of
        self._older = older
        self._catalog: Catalog[RegistryItem] | None = None
        for subtype in Subtype:
            client.session.remember(subtype.value, self._forget)

    @overload
    def __call__(self, subtype: Literal["ORGANISATION"]) -> RegistryService[Organisation]: ...
    @overload
    def __call__(self, subtype: Literal["PERSON"]) -> RegistryService[Person]: ...
    @overload
    def __call__(self, subtype: Literal["MODEL"]) -> RegistryService[Model]: ...
    @overload
    def __call__(
        self, subtype: Literal[Subtype.MODEL_RUN_WORKFLOW_TEMPLATE, "MODEL_RUN_WORKFLOW_TEMPLATE"]
    ) -> RegistryService[WorkflowTemplate]: ...
    @overload
    def __call__(
        self, subtype: Literal[Subtype.DATASET_TEMPLATE, "DATASET_TEMPLATE"]
    ) -> RegistryService[DatasetTemplate]: ...
    @overload
    def __call__(self, subtype: Literal["DATASET"]) -> RegistryService[Dataset]: ...
    @overload
    def __call__(self, subtype: Literal["STUDY"]) -> RegistryService[Study]: ...
    @overload
    def __call__(self, subtype: Literal["MODEL_RUN"]) -> RegistryService[ModelRun]: ...
    @overload
    def __call__(self, subtype: Literal["CREATE"]) -> RegistryService[CreateActivity]: ...
    @overload
    def __call__(self, subtype: Literal["VERSION"]) -> RegistryService[VersionActivity]: ...
    @overload
    def __call__(self, subtype: Subtype | str) -> RegistryService[Any]: ...
    def __call__(self, subtype: Subtype | str) -> RegistryService[Any]:
        """Return the service for the items of a subtype; the nouns of the client are the same."""
        return self._service_of(subtype)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # tools ask for such names
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self._older(), name)

    def __repr__(self) -> str:
        return '<registry: call it with a subtype, such as client.registry("MODEL")>'

    async def get(self, identifier: Identifier) -> RegistryItem | None:
        """Get an item whose subtype you do not know; None when there is none.

        Args:
            identifier: its handle, an object, or its exact display name. For a name all items are listed, once.

        Raises:
            IdentifierError: several items have this name.
            PermissionDeniedError: you may not read it.

        Example:
            >>> item = await client.registry.get("10378.1/1451860")
        """
        try:
            handle = await self.resolve(identifier)
        except IdentifierNotFoundError:
            return None
        try:
            answer = as_object(await self._client.session.call(registry_general_fetch.build_request(id=handle)))
        except NotFoundError:
            return None
        raw = answer.get("item")
        if not isinstance(raw, dict):
            return None
        item = self._made(raw)
        if item.item_subtype not in Subtype.__members__:  # one without paths of its own
            return item
        found: RegistryItem | None = await self(item.item_subtype).get(handle)
        return found

    async def resolve(self, identifier: Identifier, *, among: Collection[Subtype] = ()) -> str:
        """Return the handle of an item of any subtype, given that, an object, or its exact display name.

        For a name all items that you may read are listed, once, and again after a write of this client.

        Args:
            identifier: the item.
            among: the subtypes that a name is looked for in; by default all.

        Raises:
            IdentifierError: no item has this name, or several have it; the text has their subtypes.

        Example:
            >>> await client.registry.resolve("Coral model")
            '10378.1/1451860'
        """
        handle = handle_of(identifier)
        if not isinstance(handle, str) or not handle.strip():
            raise IdentifierError(
                "item", identifier, f"{safe_repr(identifier)} names no item: give its handle, its name or an object."
            )
        if HANDLE.fullmatch(handle):
            return handle
        fresh = self._catalog is None or not self._client.session.caching()
        found = self._named(handle, among, await self._items(use_cache=not fresh))
        if not found and not fresh:  # other programs make items and rename them as well
            found = self._named(handle, among, await self._items(use_cache=False))
        if not found:
            raise (await self._items()).not_found(identifier)
        if len(found) > 1:
            told = ", ".join(f"{one.id} is {an(one.item_subtype)}" for one in found)
            raise AmbiguousIdentifierError("item", identifier, [one.id for one in found], f"Here {told}.")
        return found[0].id

    @staticmethod
    def _named(name: str, among: Collection[Subtype], catalog: Catalog[RegistryItem]) -> Items:
        named = [one for one in catalog.items if one.display_name == name]
        return [one for one in named if one.item_subtype in among] if among else named

    async def _items(self, *, use_cache: bool = True) -> Catalog[RegistryItem]:
        if self._catalog is None or not use_cache:
            items = await self.list(page_size=LARGEST_PAGE).all()
            self._catalog = Catalog("item", items, lambda item: item.display_name)
        return self._catalog

    def _forget(self, after: Any) -> None:
        self._catalog = None

    def list(
        self,
        *,
        record_type: RecordType = "COMPLETE_ONLY",
        sort: Sort | None = None,
        ascending: bool = False,
        limit: int | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Pages[RegistryItem]:
        """List the items of all subtypes that you may read, those that were changed last first.

        They come as they are stored: a member without a value is not there. Items that you may not read are left out,
        and not counted.

        Args:
            record_type: whether items without data count: COMPLETE_ONLY, SEED_ONLY or ALL.
            sort: CREATED_TIME, UPDATED_TIME or DISPLAY_NAME.
            ascending: the other way round.
            limit: how many at most.
            page_size: how many to ask for at a time.

        Example:
            >>> async for item in client.registry.list(limit=10):
            ...     print(item.item_subtype, item)
        """
        request = list_request(record_type, sort, ascending, limit, page_size)

        async def read(key: Any) -> dict[str, Any]:
            body = GeneralListRequest.from_dict(request if key is None else {**request, "pagination_key": key})
            built = registry_general_list.build_request(body=body)
            return page_of(await self._client.session.call(built), key, *ITEMS)

        return Pages(self._made, "registry", read, limit)

    async def counts(self, *, record_type: RecordType = "COMPLETE_ONLY") -> dict[str, int]:
        """Count the items that you may read, by subtype. The server does not count: they are listed.

        Example:
            >>> await client.registry.counts()
            {'MODEL': 3, 'PERSON': 12}
        """
        items = await self.list(record_type=record_type, page_size=LARGEST_PAGE).all()
        return dict(sorted(Counter(item.item_subtype for item in items).items()))

    def releases(
        self,
        reviewer: Identifier,
        *,
        status: ReleaseStatus | None = None,
        ascending: bool = False,
        limit: int | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Pages[Dataset]:
        """List the datasets that a reviewer was asked to release, the latest first. You can ask for yourself alone.

        Args:
            reviewer: the person that your user is linked to: handle, object, or exact display name.
            status: only those of this state: NOT_RELEASED, PENDING or RELEASED.
            ascending: the other way round.
            limit: how many at most.
            page_size: how many to ask for at a time.

        Raises:
            PermissionDeniedError: when you go through them: it is another person.
            IdentifierError: when you go through them: there is no such person.

        Example:
            >>> pending = await client.registry.releases("10378.1/1451860", status="PENDING").all()
        """
        if status is not None:
            require_one_of("status", status, _STATUSES)
        if limit is not None:
            require_whole("limit", limit, 0)
        require_whole("page_size", page_size, 1, LARGEST_PAGE)
        wanted = {} if status is None else {"release_status": status}
        # The server fails at every other order.
        order = {"sort_type": "RELEASE_TIMESTAMP", "ascending": require_flag("ascending", ascending)}
        size = min(page_size, limit) if limit else page_size
        request: dict[str, Any] = {"sort_by": order, "page_size": size}
        persons = self(Subtype.PERSON)
        persons.check(reviewer)

        async def read(key: Any) -> dict[str, Any]:
            whole = {**request, "filter_by": {"release_reviewer": await persons.checked(reviewer), **wanted}}
            if key is not None:
                whole["pagination_key"] = key
            body = ListUserReviewingDatasetsRequest.from_dict(whole)
            built = registry_entity_dataset_user_releases.build_request(body=body)
            return page_of(await self._client.session.call(built), key, "dataset_items")

        return Pages(self._dataset, "dataset", read, limit, ("dataset_items",))

    def _made(self, raw: dict[str, Any]) -> RegistryItem:
        return item_of(raw, self._client)

    def _dataset(self, raw: dict[str, Any]) -> Dataset:
        return Dataset(raw, self._client)

    async def server_version(self) -> ServerVersion:
        """Return which version of the software the registry is.

        Example:
            >>> (await client.registry.server_version()).commit_id
            'a1b2c3d'
        """
        return ServerVersion(as_object(await self._client.session.call(registry_general_about_version.build_request())))
