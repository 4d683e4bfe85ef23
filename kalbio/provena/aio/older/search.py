"""The search over the registry."""

from __future__ import annotations

from provena_api.api.search import search_entity_registry
from provena_api.types import UNSET

from kalbio.provena.aio.older._calls import OlderClient, as_item_subtype, text, whole_or_unset
from kalbio.provena.models import ItemSubType, QueryResults


class SearchClient(OlderClient):
    """The search."""

    async def search_registry(
        self, query: str, limit: int | None = None, subtype_filter: ItemSubType | None = None
    ) -> QueryResults:
        """Search the registry; the server gives 50 hits at most. Operation `searchEntityRegistry`."""
        return await self._ask(
            search_entity_registry.build_request(
                query=text("query", query),
                record_limit=whole_or_unset("limit", limit),
                subtype_filter=UNSET if subtype_filter is None else as_item_subtype(subtype_filter),
            ),
            QueryResults,
        )
