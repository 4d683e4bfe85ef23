"""Lineage: what an item came from, and what came of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from provena_api.api.prov import prov_explore_generate_report
from provena_api.api.registry import registry_general_fetch
from provena_api.models import GenerateReportRequest

from kalbio._core.aio.concurrency import in_thread, map_bounded
from kalbio._core.aio.downloads import check_target
from kalbio._core.aio.waiting import check_times
from kalbio._core.concurrency.forks import cached_property
from kalbio._core.errors import IdentifierError, IdentifierNotFoundError, NotFoundError, PermissionDeniedError
from kalbio._core.http.responses import as_object
from kalbio._core.objects.checks import require_flag
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.lineage import LineageGraph, text_or_none
from kalbio.provena._model.subtypes import Subtype, an
from kalbio.provena.aio._job import TIMEOUT
from kalbio.provena.aio._lineage_admin import LineageAdmin
from kalbio.provena.aio._lineage_walks import Depth, LineageWalks, limit_of
from kalbio.provena.aio._reports import document_of
from kalbio.provena.aio._service import Service, WithRegistry, require_path, require_whole

LARGEST_REPORT_DEPTH = 3
_REPORTED = (Subtype.STUDY, Subtype.MODEL_RUN)


class LineageService(Service):
    """Asks what items came from, and what came of them.

    Every method takes an item (its handle, the item, a hit of a search, a node of a graph, an outcome, or its exact
    display name, for which all items are listed once), and how many steps to go: a number, "all", or nothing for the
    default of the server: 2, and 4 for datasets and agents. The server goes 10 steps in one request; what is further
    away takes several, which are sent for you. Items that you may not read are in the graph as well. With `names=True`
    the display name of each item is read too, with a request for each.

    Attributes:
        admin: what administrators do with the graph.
    """

    _client: WithRegistry

    def __init__(self, client: WithRegistry) -> None:
        super().__init__(client)
        self._walks = LineageWalks(client)

    async def upstream(self, item: Any, depth: Depth = None, *, names: bool = False) -> LineageGraph:
        """Get what an item came from.

        Raises:
            IdentifierError: it names no item, or several.
            NotFoundError: there is no item with this handle.

        Example:
            >>> graph = await client.lineage.upstream(dataset, depth=5)
            >>> graph.find("MODEL_RUN")
            []
        """
        return await self._asked(self._walks.upstream, item, depth, names)

    async def downstream(self, item: Any, depth: Depth = None, *, names: bool = False) -> LineageGraph:
        """Get what came of an item.

        Example:
            >>> graph = await client.lineage.downstream(study, depth="all")
        """
        return await self._asked(self._walks.downstream, item, depth, names)

    async def contributing_datasets(self, item: Any, depth: Depth = None, *, names: bool = False) -> LineageGraph:
        """Get the datasets that an item came from, with the ways to them.

        Example:
            >>> [node.id for node in (await client.lineage.contributing_datasets(model_run)).find("DATASET")]
            []
        """
        return await self._asked(self._walks.contributing_datasets, item, depth, names)

    async def effected_datasets(self, item: Any, depth: Depth = None, *, names: bool = False) -> LineageGraph:
        """Get the datasets that came of an item, with the ways to them.

        Example:
            >>> graph = await client.lineage.effected_datasets(model)
        """
        return await self._asked(self._walks.effected_datasets, item, depth, names)

    async def contributing_agents(self, item: Any, depth: Depth = None, *, names: bool = False) -> LineageGraph:
        """Get the people and organisations that an item goes back to, with the ways to them.

        Example:
            >>> graph = await client.lineage.contributing_agents(dataset, names=True)
        """
        return await self._asked(self._walks.contributing_agents, item, depth, names)

    async def effected_agents(self, item: Any, depth: Depth = None, *, names: bool = False) -> LineageGraph:
        """Get the people and organisations behind what came of an item, with the ways to them.

        Example:
            >>> graph = await client.lineage.effected_agents(dataset)
        """
        return await self._asked(self._walks.effected_agents, item, depth, names)

    @cached_property
    def admin(self) -> LineageAdmin:
        """What administrators do with the graph."""
        return LineageAdmin(self._client)

    # -- reports ------------------------------------------------------------------------------------------------------

    async def report(self, item: Any, *, depth: int = 1, timeout: float = TIMEOUT) -> bytes:
        """Get the report about a study or a model run: a Word document, as bytes.

        Args:
            item: the study or the model run: its handle, an object, or its exact display name.
            depth: how many steps around it the report goes, from 1 to 3.
            timeout: longest time to wait for it, in seconds.

        Raises:
            IdentifierError: it names no study and no model run.
            JobFailedError: the server could not make it.
            JobTimeoutError: it was not made in time.

        Example:
            >>> content = await client.lineage.report(study, depth=2)
        """
        require_whole("depth", depth, 1, LARGEST_REPORT_DEPTH)
        check_times(1, timeout)
        id = await self._client.registry.resolve(item, among=_REPORTED)
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
            item: the study or the model run: its handle, an object, or its exact display name.
            path: the file, such as "close-out.docx".
            depth: how many steps around it the report goes, from 1 to 3.
            timeout: longest time to wait for it, in seconds.
            overwrite: whether a file that is there may be replaced.

        Raises:
            FileExistsError: the file is there; nothing was sent.

        Example:
            >>> await client.lineage.save_report(study, "close-out.docx", depth=2)
        """
        target = require_path("path", path)
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

    async def _asked(
        self, walk: Callable[[str, Depth], Awaitable[LineageGraph]], item: Any, depth: Depth, names: bool
    ) -> LineageGraph:
        limit_of(depth)
        require_flag("names", names)
        return await self._named(await walk(await self._client.registry.resolve(item), depth), names)

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
        return text_or_none(item.get("display_name")) if isinstance(item, dict) else None


def _write(target: Path, content: bytes, overwrite: bool) -> None:
    temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        temporary.write_bytes(content)
        check_target(target, overwrite)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
