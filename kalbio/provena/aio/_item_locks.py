"""Locks of the items of one subtype."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from provena_api.api.registry import (
    registry_item_locks_history,
    registry_item_locks_lock,
    registry_item_locks_locked,
    registry_item_locks_unlock,
)
from provena_api.models import LockChangeRequest

from kalbio._core.http.responses import as_object, unusable
from kalbio._core.objects.checks import require_flag
from kalbio.provena._model.answers import objects_in
from kalbio.provena._model.items import LockEvent
from kalbio.provena._model.subtypes import require_action
from kalbio.provena.aio._items import Identifier, Items
from kalbio.provena.aio._pages import ItemT
from kalbio.provena.aio._service import require_text
from kalbio.provena.aio._verified import sent_or_found


class LockCalls(Items[ItemT]):
    """Locks and unlocks items."""

    async def lock(self, identifier: Identifier, reason: str, *, verify: bool = False) -> None:
        """Lock an item: nobody can update, revert or delete it then, its owner and administrators included.

        A lock does not prevent new versions and other access settings.

        Args:
            identifier: the item: handle, object, or exact display name.
            reason: why, for its history.
            verify: whether to look into its lock history when the answer is lost. Reads that before.

        Raises:
            PermissionDeniedError: you do not have the role `admin` of the item.
            ValidationError: it is locked already.

        Example:
            >>> await client.models.lock("Coral model", "under review")
        """
        require_action(self.subtype, "locks_lock")
        require_text("reason", reason)
        id = await self.own(identifier)
        request = registry_item_locks_lock.build_request(
            *self._segments(), body=LockChangeRequest(id=id, reason=reason)
        )
        await self._change_lock(request, "LOCK", id, reason, verify)

    async def unlock(self, identifier: Identifier, reason: str, *, verify: bool = False) -> None:
        """Unlock an item.

        Args:
            identifier: the item: handle, object, or exact display name.
            reason: why, for its history.
            verify: whether to look into its lock history when the answer is lost. Reads that before.

        Raises:
            PermissionDeniedError: you do not have the role `admin` of the item.
            ValidationError: it is not locked.

        Example:
            >>> await client.models.unlock("Coral model", "reviewed")
        """
        require_action(self.subtype, "locks_unlock")
        require_text("reason", reason)
        id = await self.own(identifier)
        request = registry_item_locks_unlock.build_request(
            *self._segments(), body=LockChangeRequest(id=id, reason=reason)
        )
        await self._change_lock(request, "UNLOCK", id, reason, verify)

    async def _change_lock(self, request: dict[str, Any], action: str, id: str, reason: str, verify: Any) -> None:
        before = len(await self.lock_history(id)) if require_flag("verify", verify) else 0

        async def look() -> bool | None:
            new = (await self.lock_history(id))[before:]
            return True if any((one.action_type, one.reason) == (action, reason) for one in new) else None

        await sent_or_found(self.client, request, look if verify else None)

    @asynccontextmanager
    async def locked(self, identifier: Identifier, reason: str) -> AsyncIterator[None]:
        """Keep an item locked inside a `with` block, and unlock it at the end, whatever happens in between.

        Args:
            identifier: the item: handle, object, or exact display name.
            reason: why, for its history.

        Raises:
            ValidationError: it is locked already, perhaps by somebody else; it stays so.
            PermissionDeniedError: you do not have the role `admin` of the item.

        Example:
            >>> async with client.models.locked("Coral model", "a run is under way"):
            ...     pass
        """
        id = await self.own(identifier)
        await self.lock(id, reason)
        try:
            yield
        finally:
            await self.unlock(id, f"the end of: {reason}")

    async def is_locked(self, identifier: Identifier) -> bool:
        """Return whether an item is locked.

        Args:
            identifier: the item: handle, object, or exact display name.

        Example:
            >>> await client.models.is_locked("Coral model")
            False
        """
        require_action(self.subtype, "locks_locked")
        request = registry_item_locks_locked.build_request(*self._segments(), id=await self.own(identifier))
        response = await self.client.session.call(request)
        locked = as_object(response).get("locked")
        if not isinstance(locked, bool):
            raise unusable(response, "the answer does not say whether it is locked")
        return locked

    async def lock_history(self, identifier: Identifier) -> list[LockEvent]:
        """Return when an item was locked and unlocked, the oldest first.

        Args:
            identifier: the item: handle, object, or exact display name.

        Example:
            >>> [(event.action_type, event.reason) for event in await client.models.lock_history("Coral model")]
            [('LOCK', 'under review'), ('UNLOCK', 'reviewed')]
        """
        require_action(self.subtype, "locks_history")
        request = registry_item_locks_history.build_request(*self._segments(), id=await self.own(identifier))
        response = await self.client.session.call(request)
        return [LockEvent(one) for one in objects_in(response, as_object(response), "history")]
