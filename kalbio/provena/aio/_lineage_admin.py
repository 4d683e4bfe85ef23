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

from kalbio._core.errors import IdentifierError
from kalbio._core.http.responses import as_object
from kalbio._core.objects.checks import require_flag, require_list
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.items import HANDLE, Item
from kalbio.provena._model.lineage import LineageNode
from kalbio.provena.aio._service import Service


class LineageAdmin(Service):
    """Changes the graph by hand, which needs an administrator of the registry."""

    async def remove(self, run: Any, *, trial_mode: bool = False) -> list[dict[str, Any]]:
        """Take what a model run says out of the graph. The registry keeps the item.

        Args:
            run: the model run: its handle or an object.
            trial_mode: only tell what would change. By default, as with the server, it is changed.

        Returns:
            The changes, each with an `action_type`.

        Example:
            >>> changes = await client.lineage.admin.remove(run, trial_mode=True)
        """
        body = {"record_id": _run_id(run), "trial_mode": require_flag("trial_mode", trial_mode)}
        request = prov_model_run_delete.build_request(body=PostDeleteGraphRequest.from_dict(body))
        answer = as_object(await self._client.session.call(request))
        return [one for one in answer.get("diff") or () if isinstance(one, dict)]

    async def store(self, runs: Any, *, validate_record: bool = True) -> None:
        """Put what model runs say into the graph again.

        Args:
            runs: items of model runs, as `client.model_runs.get` gives them, or one of them.
            validate_record: False does not check their records before.

        Example:
            >>> await client.lineage.admin.store(run)
        """
        items = [runs] if isinstance(runs, Item | Mapping) else require_list("runs", runs)
        sent = [ItemModelRun.from_dict(one.to_dict() if isinstance(one, Item) else dict(one)) for one in items]
        request = prov_admin_store_records.build_request(
            body=sent, validate_record=require_flag("validate_record", validate_record)
        )
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


def _run_id(run: Any) -> str:
    if isinstance(run, Item) and run.id and run.item_subtype in ("", "MODEL_RUN"):
        return run.id
    if isinstance(run, LineageNode) and run.subtype == "MODEL_RUN":
        return run.id
    if isinstance(run, str) and HANDLE.fullmatch(run):
        return run
    raise IdentifierError("model run", run, f"{safe_repr(run)} names no model run: give its handle or an object.")
