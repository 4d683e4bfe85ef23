"""Locks of the items of one subtype."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from provena_api.api.registry import (
    registry_item_locks_history,
    registry_item_locks_lock,
    registry_item_locks_locked,
    registry_item_locks_unlock,
)
from provena_api.models import LockChangeRequest

from kalbio._core.http.responses import as_object
from kalbio.provena._model.answers import objects_in
from kalbio.provena._model.items import LockEvent
from kalbio.provena._model.subtypes import require_action
from kalbio.provena.aio._items import Identifier, Items
from kalbio.provena.aio._service import require_text


class LockCalls(Items):
    """Locks and unlocks items."""

    async def lock(self, identifier: Identifier, reason: str) -> None:
        """Lock an item: nobody can update, revert or delete it then, its owner and administrators included.

        A lock does not prevent new versions and other access settings.

        Args:
            identifier: the item: handle, object, or exact display name.
            reason: why, for its history.

        Raises:
            PermissionDeniedError: you do not have the role `admin` of the item.
            ValidationError: it is locked already.

        Example:
            >>> await client.models.lock("Coral model", "under review")
        """
        require_action(self.subtype, "locks_lock")
        require_text("reason", reason)
        body = LockChangeRequest(id=await self.own(identifier), reason=reason)
        await self.client.session.call(registry_item_locks_lock.build_request(*self._place(), body=body))

    async def unlock(self, identifier: Identifier, reason: str) -> None:
        """Unlock an item.

        Args:
            identifier: the item: handle, object, or exact display name.
            reason: why, for its history.

        Raises:
            PermissionDeniedError: you do not have the role `admin` of the item.
            ValidationError: it is not locked.

        Example:
            >>> await client.models.unlock("Coral model", "reviewed")
        """
        require_action(self.subtype, "locks_unlock")
        require_text("reason", reason)
        body = LockChangeRequest(id=await self.own(identifier), reason=reason)
        await self.client.session.call(registry_item_locks_unlock.build_request(*self._place(), body=body))

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
        request = registry_item_locks_locked.build_request(*self._place(), id=await self.own(identifier))
        return bool(as_object(await self.client.session.call(request)).get("locked"))

    async def lock_history(self, identifier: Identifier) -> list[LockEvent]:
        """Return when an item was locked and unlocked, the oldest first.

        Args:
            identifier: the item: handle, object, or exact display name.

        Example:
            >>> [(event.action_type, event.reason) for event in await client.models.lock_history("Coral model")]
            [('LOCK', 'under review'), ('UNLOCK', 'reviewed')]
        """
        require_action(self.subtype, "locks_history")
        request = registry_item_locks_history.build_request(*self._place(), id=await self.own(identifier))
        response = await self.client.session.call(request)
        return [LockEvent(one) for one in objects_in(response, as_object(response), "history")]
