"""Search over the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from provena_api.api.registry import registry_general_fetch
from provena_api.api.search import search_entity_registry
from provena_api.models import ItemSubType
from provena_api.types import UNSET

from kalbio._core.aio.concurrency import map_bounded
from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import NotFoundError, PermissionDeniedError
from kalbio._core.http.responses import as_object
from kalbio._core.objects.checks import require_flag
from kalbio._core.objects.listing import Listing
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.answers import object_in, objects_in
from kalbio.provena._model.items import Hit
from kalbio.provena._model.subtypes import Subtype, as_subtype
from kalbio.provena.aio._service import Service, require_whole

LARGEST_LIMIT = 50
"""The server gives no more hits than that."""


class SearchService(Service):
    """Searches the registry."""

    _elsewhere: ClassVar[Mapping[str, str]] = {
        "search_registry": "find(words, subtype=..., limit=...), or use kalbio.provena.clients.SearchClient",
    }

    async def find(
        self, words: str, *, subtype: Subtype | str | None = None, limit: int = 10, names: bool = False
    ) -> list[Hit]:
        """Find items by words in their data; small differences in spelling are forgiven.

        A hit is the id of an item and how well it fits: the server tells no more. `client.registry.get(hit)` reads it.

        The search lags behind the registry, and finds items that you may not read.

        Args:
            words: what to look for.
            subtype: only items of this subtype.
            limit: how many hits at most, 50 at most.
            names: whether to read what each hit is called and of which subtype it is, with a request for each.

        Returns:
            The hits, the best first.

        Example:
            >>> for hit in await client.search.find("coral", subtype="MODEL"):
            ...     print(hit.score, await client.models.get(hit))
        """
        if not isinstance(words, str) or not words.strip():
            raise ArgumentError(f"words must be text to look for; got {safe_repr(words)}")
        require_whole("limit", limit, 1, LARGEST_LIMIT)
        require_flag("names", names)
        wanted = UNSET if subtype is None else ItemSubType(as_subtype(subtype).value)
        request = search_entity_registry.build_request(query=words, subtype_filter=wanted, record_limit=limit)
        response = await self._client.session.call(request)
        hits = [Hit(one, self._client) for one in objects_in(response, as_object(response), "results")]
        if names:
            hits = await map_bounded(self._named, hits, self._client.session.max_in_flight)
        return Listing(hits)

    async def _named(self, hit: Hit) -> Hit:
        try:
            response = await self._client.session.call(registry_general_fetch.build_request(id=hit.id))
        except (NotFoundError, PermissionDeniedError):  # the search finds what was deleted, and what you may not read
            return hit
        item = object_in(response, as_object(response), "item")
        known = {name: item.get(name) for name in ("display_name", "item_subtype")}
        return Hit({**hit.to_dict(), **known}, self._client)
