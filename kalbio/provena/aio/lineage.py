"""Lineage: what an item came from, and what came of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from provena_api.api.prov import (
    prov_explore_downstream,
    prov_explore_generate_report,
    prov_explore_special_contributing_agents,
    prov_explore_special_contributing_datasets,
    prov_explore_special_effected_agents,
    prov_explore_special_effected_datasets,
    prov_explore_upstream,
)
from provena_api.api.registry import registry_general_fetch
from provena_api.models import GenerateReportRequest
from provena_api.types import UNSET

from kalbio._core.aio.concurrency import in_thread, map_bounded
from kalbio._core.aio.downloads import check_target
from kalbio._core.aio.waiting import check_times
from kalbio._core.concurrency.forks import cached_property
from kalbio._core.errors import IdentifierError, IdentifierNotFoundError, NotFoundError, PermissionDeniedError
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.objects.checks import require_flag
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.answers import object_in
from kalbio.provena._model.identifiers import handle_of
from kalbio.provena._model.items import HANDLE
from kalbio.provena._model.lineage import Direction, LineageGraph, LineageNode
from kalbio.provena._model.subtypes import an
from kalbio.provena.aio._job import TIMEOUT
from kalbio.provena.aio._lineage_admin import LineageAdmin
from kalbio.provena.aio._reports import document_of
from kalbio.provena.aio._service import Service, require_whole

Depth: TypeAlias = int | Literal["all"] | None

LARGEST_DEPTH = 10
"""The server goes no further in one request; what is beyond takes several."""
LARGEST_REPORT_DEPTH = 3
_REPORTED = ("STUDY", "MODEL_RUN")


class LineageService(Service):
    """Asks what items came from, and what came of them.

    Every method takes an item (its handle, the item, a hit of a search, a node of a graph, or an outcome), and how many
    steps to go: a number, "all", or nothing for the default of the server: 2, and 4 for datasets and agents. The server
    goes 10 steps in one request; what is further away takes several, which are sent for you. Items that you may not
    read are in the graph as well. With `names=True` the display name of each item is read too, with a request for each.

    Attributes:
        admin: what administrators do with the graph.
    """

    async def upstream(self, item: Any, depth: Depth = None, *, names: bool = False) -> LineageGraph:
        """Get what an item came from.

        Raises:
            IdentifierError: it names no item.
            NotFoundError: there is no item with this handle.

        Example:
            >>> graph = await client.lineage.upstream(dataset, depth=5)
            >>> graph.find("MODEL_RUN")
            []
        """
        return await self._named(await self._walk(item, depth, "upstream"), names)

    async def downstream(self, item: Any, depth: Depth = None, *, names: bool = False) -> LineageGraph:
        """Get what came of an item.

        Example:
            >>> graph = await client.lineage.downstream(study, depth="all")
        """
        return await self._named(await self._walk(item, depth, "downstream"), names)

    async def contributing_datasets(self, item: Any, depth: Depth = None, *, names: bool = False) -> LineageGraph:
        """Get the datasets that an item came from, with the ways to them.

        Example:
            >>> [node.id for node in (await client.lineage.contributing_datasets(model_run)).find("DATASET")]
            []
        """
        ask = prov_explore_special_contributing_datasets.build_request
        return await self._named(await self._paths(ask, item, depth, "upstream", _is_dataset), names)

    async def effected_datasets(self, item: Any, depth: Depth = None, *, names: bool = False) -> LineageGraph:
        """Get the datasets that came of an item, with the ways to them.

        Example:
            >>> graph = await client.lineage.effected_datasets(model)
        """
        ask = prov_explore_special_effected_datasets.build_request
        return await self._named(await self._paths(ask, item, depth, "downstream", _is_dataset), names)

    async def contributing_agents(self, item: Any, depth: Depth = None, *, names: bool = False) -> LineageGraph:
        """Get the people and organisations that an item goes back to, with the ways to them.

        Example:
            >>> graph = await client.lineage.contributing_agents(dataset, names=True)
        """
        ask = prov_explore_special_contributing_agents.build_request
        return await self._named(await self._paths(ask, item, depth, "upstream", _is_agent), names)

    async def effected_agents(self, item: Any, depth: Depth = None, *, names: bool = False) -> LineageGraph:
        """Get the people and organisations behind what came of an item, with the ways to them.

        Example:
            >>> graph = await client.lineage.effected_agents(dataset)
        """
        ask = prov_explore_special_effected_agents.build_request
        start, limit = _handle(item), _limit(depth)
        if depth is None or (limit is not None and limit <= LARGEST_DEPTH):
            return await self._named(await self._ask(ask, start, limit), names)
        below = await self._walk(item, depth, "downstream")
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
        return await self._named(found, names)

    @cached_property
    def admin(self) -> LineageAdmin:
        """What administrators do with the graph."""
        return LineageAdmin(self._client)

    # -- reports ------------------------------------------------------------------------------------------------------

    async def report(self, item: Any, *, depth: int = 1, timeout: float = TIMEOUT) -> bytes:
        """Get the report about a study or a model run: a Word document, as bytes.

        Args:
            item: the study or the model run: its handle or an object.
            depth: how many steps around it the report goes, from 1 to 3.
            timeout: longest time to wait for it, in seconds.

        Raises:
            IdentifierError: it names no study and no model run.
            JobFailedError: the server could not make it.
            JobTimeoutError: it was not made in time.

        Example:
            >>> content = await client.lineage.report(study, depth=2)
        """
        id = _handle(item)
        require_whole("depth", depth, 1, LARGEST_REPORT_DEPTH)
        check_times(1, timeout)
        subtype = getattr(item, "item_subtype", None) or getattr(item, "subtype", None) or await self._subtype_of(id)
        if subtype not in _REPORTED:
            raise IdentifierError(
                "item",
                item,
                f"{safe_repr(id)} is {an(subtype)} item: there are reports about studies and model runs only.",
            )
        body = GenerateReportRequest.from_dict({"id": id, "item_subtype": subtype, "depth": depth})
        response = await self._client.session.call(prov_explore_generate_report.build_request(body=body))
        return await document_of(self._client, response, timeout)

    async def save_report(
        self,
        item: Any,
        path: str | os.PathLike[str],
        *,
        depth: int = 1,
        timeout: float = TIMEOUT,
        overwrite: bool = False,
    ) -> Path:
        """Save the report about a study or a model run as a file. There is the whole of it, or nothing.

        Args:
            item: the study or the model run: its handle or an object.
            path: the file, such as "close-out.docx".
            depth: how many steps around it the report goes, from 1 to 3.
            timeout: longest time to wait for it, in seconds.
            overwrite: whether a file that is there may be replaced.

        Raises:
            FileExistsError: the file is there; nothing was sent.

        Example:
            >>> await client.lineage.save_report(study, "close-out.docx", depth=2)
        """
        target = Path(path)
        check_target(target, require_flag("overwrite", overwrite))
        content = await self.report(item, depth=depth, timeout=timeout)
        await in_thread(partial(_write, target, content, overwrite))
        return target

    async def _subtype_of(self, id: str) -> str:
        try:
            answer = as_object(await self._client.session.call(registry_general_fetch.build_request(id=id)))
        except NotFoundError:
            raise IdentifierNotFoundError("item", id, []) from None
        item = answer.get("item")
        return str(item.get("item_subtype")) if isinstance(item, dict) else ""

    # -- requests -----------------------------------------------------------------------------------------------------

    async def _ask(self, build_request: Callable[..., dict[str, Any]], start: str, depth: int | None) -> LineageGraph:
        request = build_request(starting_id=start, depth=UNSET if depth is None else depth)
        response = await self._client.session.call(request)
        graph = object_in(response, as_object(response), "graph")
        try:
            return LineageGraph.from_dict(graph, start=start)
        except ValueError as error:
            raise unusable(response, str(error)) from None

    async def _walk(self, item: Any, depth: Depth, direction: Direction) -> LineageGraph:
        """Everything within so many steps, with as many requests as that takes."""
        start, limit = _handle(item), _limit(depth)
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
        item: Any,
        depth: Depth,
        direction: Direction,
        is_end: Callable[[LineageNode], bool],
    ) -> LineageGraph:
        start, limit = _handle(item), _limit(depth)
        if depth is None or (limit is not None and limit <= LARGEST_DEPTH):
            return await self._ask(ask, start, limit)
        return (await self._walk(item, depth, direction)).paths_to(is_end, start, direction, limit)

    async def _named(self, graph: LineageGraph, names: bool) -> LineageGraph:
        if not names:
            return graph
        ids = [node.id for node in graph]
        found = await map_bounded(self._name_of, ids, self._client.session.max_in_flight)
        return graph.named(dict(zip(ids, found, strict=True)))

    async def _name_of(self, id: str) -> str | None:
        try:
            answer = as_object(await self._client.session.call(registry_general_fetch.build_request(id=id)))
        except (NotFoundError, PermissionDeniedError):  # what was deleted is in the graph still
            return None
        item = answer.get("item")
        return item.get("display_name") if isinstance(item, dict) else None


def _write(target: Path, content: bytes, overwrite: bool) -> None:
    temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        temporary.write_bytes(content)
        check_target(target, overwrite)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _handle(item: Any) -> str:
    """Return the handle of what is given."""
    item = handle_of(item)
    if isinstance(item, str) and HANDLE.fullmatch(item):
        return item
    raise IdentifierError(
        "item",
        item,
        f"{safe_repr(item)} names no item here: give its handle, or an object that client.datasets.get(...) returns.",
    )


def _limit(depth: Any) -> int | None:
    """Return how many steps to go at most; None for all, and for the default of the server."""
    if depth is None or depth == "all":
        return None
    require_whole("depth", depth, 1)
    return int(depth)


def _is_dataset(node: LineageNode) -> bool:
    return node.subtype == "DATASET"


def _is_agent(node: LineageNode) -> bool:
    return node.category == "AGENT"
