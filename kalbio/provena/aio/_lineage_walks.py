"""Walks through the lineage: as many requests as it takes, because the server goes no further than 10 steps in one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeAlias

from provena_api.api.prov import (
    prov_explore_downstream,
    prov_explore_special_contributing_agents,
    prov_explore_special_contributing_datasets,
    prov_explore_special_effected_agents,
    prov_explore_special_effected_datasets,
    prov_explore_upstream,
)
from provena_api.types import UNSET

from kalbio._core.aio.concurrency import map_bounded
from kalbio._core.errors import NotFoundError
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.answers import object_in
from kalbio.provena._model.lineage import Direction, LineageGraph, LineageNode
from kalbio.provena.aio._service import Client, require_whole

Depth: TypeAlias = int | Literal["all"] | None

LARGEST_DEPTH = 10
"""The server goes no further in one request; what is beyond takes several."""


class LineageWalks:
    """Asks what a handle came from, and what came of it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def upstream(self, start: str, depth: Depth) -> LineageGraph:
        """Everything that an item came from."""
        return await self._walk(start, depth, "upstream")

    async def downstream(self, start: str, depth: Depth) -> LineageGraph:
        """Everything that came of an item."""
        return await self._walk(start, depth, "downstream")

    async def contributing_datasets(self, start: str, depth: Depth) -> LineageGraph:
        """The ways up to datasets."""
        ask = prov_explore_special_contributing_datasets.build_request
        return await self._paths(ask, start, depth, "upstream", _is_dataset)

    async def effected_datasets(self, start: str, depth: Depth) -> LineageGraph:
        """The ways down to datasets."""
        ask = prov_explore_special_effected_datasets.build_request
        return await self._paths(ask, start, depth, "downstream", _is_dataset)

    async def contributing_agents(self, start: str, depth: Depth) -> LineageGraph:
        """The ways up to people and organisations."""
        ask = prov_explore_special_contributing_agents.build_request
        return await self._paths(ask, start, depth, "upstream", _is_agent)

    async def effected_agents(self, start: str, depth: Depth) -> LineageGraph:
        """The people and organisations behind what came of an item."""
        ask = prov_explore_special_effected_agents.build_request
        limit = limit_of(depth)
        if depth is None or (limit is not None and limit <= LARGEST_DEPTH):
            return await self._ask(ask, start, limit)
        below = await self._walk(start, depth, "downstream")
        # What each of these answers reaches as far as the next of them, or the end.
        steps_to = below.distances(start, "downstream")
        causes = {edge.target for edge in below.edges}
        stages = [
            start,
            *(id for id, steps in steps_to.items() if steps and steps % LARGEST_DEPTH == 0 and id in causes),
        ]

        async def ask_stage(id: str) -> LineageGraph:
            left = LARGEST_DEPTH if limit is None else min(LARGEST_DEPTH, limit - steps_to[id])
            return await self._ask(ask, id, left) if left else LineageGraph()

        parts = await map_bounded(ask_stage, stages, self._client.session.max_in_flight)
        leading = {id for id, part in zip(stages, parts, strict=True) if part}
        found = below.paths_to(lambda node: node.id in leading, start, "downstream", limit)
        for part in parts:
            found |= part
        return found

    async def _ask(self, build_request: Callable[..., dict[str, Any]], start: str, depth: int | None) -> LineageGraph:
        request = build_request(starting_id=start, depth=UNSET if depth is None else depth)
        try:
            response = await self._client.session.call(request)
        except NotFoundError as error:
            error.add_note(f"there is no item {safe_repr(start)}")
            raise
        graph = object_in(response, as_object(response), "graph")
        try:
            return LineageGraph.from_dict(graph, start=start)
        except ValueError as error:
            raise unusable(response, str(error)) from None

    async def _walk(self, start: str, depth: Depth, direction: Direction) -> LineageGraph:
        """Everything within so many steps, with as many requests as that takes."""
        limit = limit_of(depth)
        ask = (prov_explore_upstream if direction == "upstream" else prov_explore_downstream).build_request
        if depth is None or (limit is not None and limit <= LARGEST_DEPTH):
            return await self._ask(ask, start, limit)
        found = await self._ask(ask, start, LARGEST_DEPTH)
        reached = LARGEST_DEPTH
        while limit is None or reached < limit:
            left = LARGEST_DEPTH if limit is None else min(LARGEST_DEPTH, limit - reached)
            steps_to = found.distances(start, direction)
            # Nothing is upstream of an agent, and a request for each would find that out.
            edge = [
                node.id
                for node in found
                if steps_to.get(node.id) == reached and not (direction == "upstream" and _is_agent(node))
            ]
            if not edge:
                break
            further = partial(self._ask, ask, depth=left)
            for part in await map_bounded(further, edge, self._client.session.max_in_flight):
                found |= part
            reached += left
        return found

    async def _paths(
        self,
        ask: Callable[..., dict[str, Any]],
        start: str,
        depth: Depth,
        direction: Direction,
        is_end: Callable[[LineageNode], bool],
    ) -> LineageGraph:
        limit = limit_of(depth)
        if depth is None or (limit is not None and limit <= LARGEST_DEPTH):
            return await self._ask(ask, start, limit)
        return (await self._walk(start, depth, direction)).paths_to(is_end, start, direction, limit)


def limit_of(depth: Any) -> int | None:
    """Return how many steps to go at most; None for all, and for the default of the server."""
    if depth is None or depth == "all":
        return None
    require_whole("depth", depth, 1)
    return int(depth)


def _is_dataset(node: LineageNode) -> bool:
    return node.subtype == "DATASET"


def _is_agent(node: LineageNode) -> bool:
    return node.category == "AGENT"
