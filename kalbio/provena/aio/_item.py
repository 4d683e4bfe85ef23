"""Items as objects: what the service of their subtype does, without naming them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self, cast

from kalbio._core.argument_errors import ArgumentTypeError
from kalbio.provena._model.access import ItemAccess
from kalbio.provena._model.items import Item
from kalbio.provena._model.subtypes import Subtype, an, as_subtype, require_action
from kalbio.provena._model.users import Group
from kalbio.provena.aio._service import WithRegistry


class RegistryItem(Item):
    """An item that came from a client, and can be worked with."""

    __slots__ = ()
    _client: WithRegistry | None

    async def refetch(self) -> Self:
        """Read it anew, into a new object.

        Example:
            >>> model = await model.refetch()
        """
        found: Self = await self._service().need(self)
        return found

    async def update(
        self, whole: Any = None, /, *, reason: str | None = None, verify: bool = False, **members: Any
    ) -> Self:
        """Change members of its data; the others stay. See `update` of the service.

        Datasets are changed as a whole, by their metadata. For a model run, members or a whole record can be given, and
        the job that changes it is waited for.

        Args:
            whole: the metadata of a dataset, or the record of a model run.
            reason: why, for the history of the item.
            verify: whether to look for the change when the answer is lost.
            **members: the members that change.

        Example:
            >>> model = await model.update(reason="it moved", source_url="https://git.example.org/coral")
        """
        subtype = as_subtype(self.item_subtype)
        service = self._service()
        if subtype is Subtype.DATASET and whole is not None and not members:
            return cast("Self", await service.update(self, whole, reason=reason, verify=verify))
        if subtype is Subtype.MODEL_RUN and not self.is_seed:
            job = await service.update(self, whole, reason=reason, verify=verify, **members)
            return cast("Self", await service.run_of(job))
        require_action(subtype, "update")
        if whole is not None:
            raise ArgumentTypeError(
                f"{an(self.item_subtype)} item is changed by its members: update(reason=..., name=...)"
            )
        return cast("Self", await service.update(self, reason=reason, verify=verify, **members))

    async def revert(self, history_id: int, reason: str, *, verify: bool = False) -> Self:
        """Give it the data that an entry of its `history` has. See `revert` of the service."""
        reverted: Self = await self._service().revert(self, history_id, reason, verify=verify)
        return reverted

    async def version(self, reason: str, *, verify: bool = False, copy_files: bool | None = None) -> Self:
        """Make its next version. See `version` of the service.

        Args:
            reason: why there is a new one.
            verify: whether to look for the new version when the answer is lost.
            copy_files: for datasets alone: whether to copy the files as well.
        """
        options: dict[str, Any] = {"verify": verify}
        if self.item_subtype == Subtype.DATASET.value:
            options["copy_files"] = copy_files
        elif copy_files is not None:
            raise ArgumentTypeError(f"copy_files is for datasets; this is {an(self.item_subtype)} item")
        made: Self = await self._service().version(self, reason, **options)
        return made

    async def versions(self) -> list[Self]:
        """Return all its versions, the oldest first; it is one of them."""
        found: list[Self] = await self._service().versions(self)
        return found

    async def delete(self, *, verify: bool = False) -> None:
        """Delete it, which needs an administrator of the registry. See `delete` of the service."""
        await self._service().delete(self, verify=verify)

    async def lock(self, reason: str, *, verify: bool = False) -> None:
        """Lock it: nobody can change its data then. See `lock` of the service."""
        await self._service().lock(self, reason, verify=verify)

    async def unlock(self, reason: str, *, verify: bool = False) -> None:
        """Unlock it."""
        await self._service().unlock(self, reason, verify=verify)

    async def access(self) -> ItemAccess:
        """Return who may do what with it. See `access` of the service."""
        found: ItemAccess = await self._service().access(self)
        return found

    async def set_access(
        self,
        *,
        general: Iterable[str] | None = None,
        groups: Mapping[Group, Iterable[str]] | Mapping[str, Iterable[str]] | None = None,
        verify: bool = False,
    ) -> ItemAccess:
        """Say who may do what with it. See `set_access` of the service."""
        changed: ItemAccess = await self._service().set_access(self, general=general, groups=groups, verify=verify)
        return changed

    def _service(self) -> Any:
        return self._require_client().registry(self.item_subtype)
