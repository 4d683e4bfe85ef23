# Derived from kalbio/provena/aio/_registry_admin.py by scripts/regenerate; edit that file. (digest 3f3aea625542)
"""The registry taken out and in again, which only its administrators may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from provena_api.api.registry import (
    registry_admin_config,
    registry_admin_export,
    registry_admin_import,
    registry_admin_restore_prov_graph,
)
from provena_api.models import ProvGraphRestoreRequest, RegistryImportRequest

from kalbio._core.argument_errors import ArgumentTypeError
from kalbio._core.http.responses import as_object
from kalbio._core.objects.checks import require_flag
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.answers import object_in, objects_in, texts_in
from kalbio.provena._model.items import ImportOutcome
from kalbio.provena._service import Service, require_one_of

ImportMode: TypeAlias = Literal[
    "ADD_ONLY", "ADD_OR_OVERWRITE", "OVERWRITE_ONLY", "SYNC_ADD_OR_OVERWRITE", "SYNC_DELETION_ALLOWED"
]

_MODES = ("ADD_ONLY", "ADD_OR_OVERWRITE", "OVERWRITE_ONLY", "SYNC_ADD_OR_OVERWRITE", "SYNC_DELETION_ALLOWED")


class AdminCalls(Service):
    """Takes the registry out and in again."""

    def export_items(self) -> list[dict[str, Any]]:
        """Return the whole registry: each item with its access settings and its lock, as they are stored.

        Only administrators of the registry may have it. It comes in one answer, and is kept in memory.

        Example:
            >>> items = client.registry.export_items()
        """
        response = self._client.session.call(registry_admin_export.build_request())
        return objects_in(response, as_object(response), "items")

    def import_items(
        self,
        items: Iterable[Mapping[str, Any]],
        mode: ImportMode = "ADD_ONLY",
        *,
        trial_mode: bool = True,
        parse_items: bool = True,
        allow_entry_deletion: bool = False,
    ) -> ImportOutcome:
        """Write items as `export_items()` gives them. **It only tries, unless `trial_mode` is False.**

        That is what the server does by default.

        Args:
            items: the items, each with `id`, `item_payload`, `auth_payload` and `lock_payload`.
            mode: ADD_ONLY, ADD_OR_OVERWRITE, OVERWRITE_ONLY, SYNC_ADD_OR_OVERWRITE or SYNC_DELETION_ALLOWED. The last
                two refuse, and delete, items that are in the registry and not among those given.
            trial_mode: whether to write nothing, and to say what would be written.
            parse_items: whether to refuse items that do not have the form of their subtype.
            allow_entry_deletion: whether SYNC_DELETION_ALLOWED may delete.

        Raises:
            ValidationError: nothing was written; `details` has each item that was refused, and why.

        Example:
            >>> outcome = client.registry.import_items(items, "ADD_OR_OVERWRITE")
            >>> outcome.trial_mode, outcome.new_entries
            (True, 0)
        """
        require_one_of("mode", mode, _MODES)
        body = RegistryImportRequest.from_dict(
            {
                "import_mode": mode,
                "parse_items": require_flag("parse_items", parse_items),
                "allow_entry_deletion": require_flag("allow_entry_deletion", allow_entry_deletion),
                "trial_mode": require_flag("trial_mode", trial_mode),
                "items": _bundles(items),
            }
        )
        response = self._client.session.call(registry_admin_import.build_request(body=body))
        answer = as_object(response)
        return ImportOutcome({"trial_mode": answer.get("trial_mode"), **object_in(response, answer, "statistics")})

    def restore_lineage(
        self, items: Iterable[Mapping[str, Any]], *, trial_mode: bool = True, abort_if_failures: bool = True
    ) -> list[str]:
        """Lodge the provenance of items again. **It only tries, unless `trial_mode` is False.**

        That is what the server does by default.

        Args:
            items: the items, as `export_items()` gives them.
            trial_mode: whether to check them and do nothing.
            abort_if_failures: whether one item with a mistake keeps all others from being lodged.

        Returns:
            The ids of the jobs that do it, one for each item; none in a trial.
        """
        body = ProvGraphRestoreRequest.from_dict(
            {
                "items": _bundles(items),
                "trial_mode": require_flag("trial_mode", trial_mode),
                "abort_if_failures": require_flag("abort_if_failures", abort_if_failures),
            }
        )
        request = registry_admin_restore_prov_graph.build_request(body=body)
        response = self._client.session.call(request)
        return texts_in(response, as_object(response), "task_ids")

    def config(self, *, required_only: bool = True) -> str:
        """Return the settings of the registry's server as the text of an environment file.

        Args:
            required_only: whether to leave out those that have a default.
        """
        request = registry_admin_config.build_request(required_only=require_flag("required_only", required_only))
        return (self._client.session.call(request)).text


def _bundles(items: Any) -> list[dict[str, Any]]:
    if isinstance(items, (str, Mapping)) or not isinstance(items, Iterable):
        raise ArgumentTypeError(f"items must be a list of what export_items() gives; got {safe_repr(items)}")
    found = list(items)
    needed = ("id", "item_payload", "auth_payload", "lock_payload")
    for one in found:
        if not isinstance(one, Mapping) or any(name not in one for name in needed):
            raise ArgumentTypeError(
                f"an item to import has {', '.join(needed)}, as export_items() gives it; got {safe_repr(one)}"
            )
    return [dict(one) for one in found]
