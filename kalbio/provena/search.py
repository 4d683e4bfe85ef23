# Derived from kalbio/provena/aio/search.py by scripts/regenerate; edit that file. (digest 82f5f42e6715)
"""Search over the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from provena_api.api.search import search_entity_registry
from provena_api.models import ItemSubType
from provena_api.types import UNSET

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.http.responses import as_object
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.answers import objects_in
from kalbio.provena._model.items import Hit
from kalbio.provena._model.subtypes import Subtype, as_subtype
from kalbio.provena._service import Service, require_whole

LARGEST_LIMIT = 50
"""The server gives no more hits than that."""


class SearchService(Service):
    """Searches the registry."""

    _elsewhere: ClassVar[Mapping[str, str]] = {
        "search_registry": "find(words, subtype=..., limit=...), or use kalbio.provena.clients.SearchClient",
    }

    def find(self, words: str, *, subtype: Subtype | str | None = None, limit: int = 10) -> list[Hit]:
        """Find items by words in their data; small differences in spelling are forgiven.

        A hit is the id of an item and how well it fits: the server tells no more. `client.registry.get(hit)` reads it.

        The search lags behind the registry, and finds items that you may not read.

        Args:
            words: what to look for.
            subtype: only items of this subtype.
            limit: how many hits at most, 50 at most.

        Returns:
            The hits, the best first.

        Example:
            >>> for hit in client.search.find("coral", subtype="MODEL"):
            ...     print(hit.score, client.models.get(hit))
        """
        if not isinstance(words, str) or not words.strip():
            raise ArgumentError(f"words must be text to look for; got {safe_repr(words)}")
        require_whole("limit", limit, 1, LARGEST_LIMIT)
        wanted = UNSET if subtype is None else ItemSubType(as_subtype(subtype).value)
        request = search_entity_registry.build_request(query=words, subtype_filter=wanted, record_limit=limit)
        response = self._client.session.call(request)
        return [Hit(one, self._client) for one in objects_in(response, as_object(response), "results")]
