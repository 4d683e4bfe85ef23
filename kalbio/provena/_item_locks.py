# Derived from kalbio/provena/aio/_item_locks.py by scripts/regenerate; edit that file. (digest 19c233d6872f)
"""Locks of the items of one subtype."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from provena_api.api.registry import (
    registry_item_locks_history,
    registry_item_locks_lock,
    registry_item_locks_locked,
    registry_item_locks_unlock,
)
from provena_api.models import LockChangeRequest

from kalbio._core.http.responses import as_object
from kalbio.provena._items import Identifier, Items
from kalbio.provena._model.answers import objects_in
from kalbio.provena._model.items import LockEvent
from kalbio.provena._model.subtypes import require_action
from kalbio.provena._service import require_text


class LockCalls(Items):
    """Locks and unlocks items."""

    def lock(self, identifier: Identifier, reason: str) -> None:
        """Lock an item: nobody can update, revert or delete it then, its owner and administrators included.

        A lock does not prevent new versions and other access settings.

        Args:
            identifier: the item: handle, object, or exact display name.
            reason: why, for its history.

        Raises:
            PermissionDeniedError: you do not have the role `admin` of the item.
            ValidationError: it is locked already.

        Example:
            >>> client.models.lock("Coral model", "under review")
        """
        require_action(self.subtype, "locks_lock")
        require_text("reason", reason)
        body = LockChangeRequest(id=self.own(identifier), reason=reason)
        self.client.session.call(registry_item_locks_lock.build_request(*self._place(), body=body))

    def unlock(self, identifier: Identifier, reason: str) -> None:
        """Unlock an item.

        Args:
            identifier: the item: handle, object, or exact display name.
            reason: why, for its history.

        Raises:
            PermissionDeniedError: you do not have the role `admin` of the item.
            ValidationError: it is not locked.

        Example:
            >>> client.models.unlock("Coral model", "reviewed")
        """
        require_action(self.subtype, "locks_unlock")
        require_text("reason", reason)
        body = LockChangeRequest(id=self.own(identifier), reason=reason)
        self.client.session.call(registry_item_locks_unlock.build_request(*self._place(), body=body))

    @contextmanager
    def locked(self, identifier: Identifier, reason: str) -> Iterator[None]:
        """Keep an item locked inside a `with` block, and unlock it at the end, whatever happens in between.

        Args:
            identifier: the item: handle, object, or exact display name.
            reason: why, for its history.

        Raises:
            ValidationError: it is locked already, perhaps by somebody else; it stays so.
            PermissionDeniedError: you do not have the role `admin` of the item.

        Example:
            >>> with client.models.locked("Coral model", "a run is under way"):
            ...     pass
        """
        id = self.own(identifier)
        self.lock(id, reason)
        try:
            yield
        finally:
            self.unlock(id, f"the end of: {reason}")

    def is_locked(self, identifier: Identifier) -> bool:
        """Return whether an item is locked.

        Args:
            identifier: the item: handle, object, or exact display name.

        Example:
            >>> client.models.is_locked("Coral model")
            False
        """
        require_action(self.subtype, "locks_locked")
        request = registry_item_locks_locked.build_request(*self._place(), id=self.own(identifier))
        return bool(as_object(self.client.session.call(request)).get("locked"))

    def lock_history(self, identifier: Identifier) -> list[LockEvent]:
        """Return when an item was locked and unlocked, the oldest first.

        Args:
            identifier: the item: handle, object, or exact display name.

        Example:
            >>> [(event.action_type, event.reason) for event in client.models.lock_history("Coral model")]
            [('LOCK', 'under review'), ('UNLOCK', 'reviewed')]
        """
        require_action(self.subtype, "locks_history")
        request = registry_item_locks_history.build_request(*self._place(), id=self.own(identifier))
        response = self.client.session.call(request)
        return [LockEvent(one) for one in objects_in(response, as_object(response), "history")]
