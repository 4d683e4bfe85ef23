"""The lineage graph for administrators of the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provena_api.api.prov import (
    prov_admin_store_all_registry_records,
    prov_admin_store_records,
    prov_graph_admin_clear,
    prov_model_run_delete,
)
from provena_api.models import ItemModelRun, PostDeleteGraphRequest

from kalbio._core.errors import NotFoundError
from kalbio._core.http.responses import as_object
from kalbio._core.objects.checks import require_flag, require_list
from kalbio.provena._model.answers import objects_in
from kalbio.provena._model.items import Item
from kalbio.provena._model.subtypes import Subtype
from kalbio.provena.aio._service import Service, WithRegistry


class LineageAdmin(Service):
    """Changes the graph by hand, which needs an administrator of the registry."""

    _client: WithRegistry

    def __init__(self, client: WithRegistry) -> None:
        super().__init__(client)

    async def remove(self, run: Any, *, trial_mode: bool = False) -> list[dict[str, Any]]:
        """Take what a model run says out of the graph. The registry keeps the item.

        Args:
            run: the model run: its handle, an object, or its exact display name.
            trial_mode: only tell what would change. By default, as with the server, it is changed.

        Returns:
            The changes, each with an `action_type`.

        Example:
            >>> changes = await client.lineage.admin.remove(run, trial_mode=True)
        """
        is_trial = require_flag("trial_mode", trial_mode)
        items = self._client.registry(Subtype.MODEL_RUN)
        try:
            id = await items.own(run)
        except NotFoundError:  # it is deleted, and in the graph still
            id = await items.resolve(run)
        body = {"record_id": id, "trial_mode": is_trial}
        request = prov_model_run_delete.build_request(body=PostDeleteGraphRequest.from_dict(body))
        response = await self._client.session.call(request)
        return objects_in(response, as_object(response), "diff")

    async def store(self, runs: Any, *, validate_record: bool = True) -> None:
        """Put what model runs say into the graph again.

        Args:
            runs: model runs, or one of them: objects, handles or exact display names.
            validate_record: False does not check their records before.

        Example:
            >>> await client.lineage.admin.store(run)
        """
        flag = require_flag("validate_record", validate_record)
        many = [runs] if isinstance(runs, Item | Mapping | str) else require_list("runs", runs)
        items = self._client.registry(Subtype.MODEL_RUN)
        raw = [
            dict(one) if isinstance(one, Mapping) else (await items.need(await items.resolve_now(one))).to_dict()
            for one in many
        ]
        sent = [ItemModelRun.from_dict(one) for one in raw]
        request = prov_admin_store_records.build_request(body=sent, validate_record=flag)
        await self._client.session.call(request)

    async def store_all(self, *, validate_record: bool = True) -> str:
        """Put what all model runs of the registry say into the graph again; returns what the server says about it.

        Args:
            validate_record: False does not check their records before.

        Example:
            >>> print(await client.lineage.admin.store_all())
        """
        flag = require_flag("validate_record", validate_record)
        request = prov_admin_store_all_registry_records.build_request(validate_record=flag)
        status = as_object(await self._client.session.call(request)).get("status")
        return str(status.get("details")) if isinstance(status, dict) else ""

    async def clear(self) -> None:
        """Empty the graph. The registry stays as it is, and `store_all` puts the model runs into the graph again.

        `client.registry.restore_lineage` puts in how other items came to be.

        Example:
            >>> await client.lineage.admin.clear()
        """
        await self._client.session.call(prov_graph_admin_clear.build_request())
