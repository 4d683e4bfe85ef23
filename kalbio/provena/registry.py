# Derived from kalbio/provena/aio/registry.py by scripts/regenerate; edit that file. (digest 6b240c8c86f4)
"""The registry: one service for each subtype, all of one class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeAlias

import attrs
from provena_api.api.registry import (
    registry_item_create,
    registry_item_delete,
    registry_item_revert,
    registry_item_schema,
    registry_item_seed,
    registry_item_ui_schema,
    registry_item_update,
    registry_item_validate,
    registry_item_version,
)
from provena_api.models import GenericDomainInfo, ItemRevertRequest, LockChangeRequest
from provena_api.types import UNSET

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.errors import NotFoundError, ResponseError, SDKError
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.objects.checks import require_flag
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.objects.resource import stale
from kalbio._core.text.display import safe_repr
from kalbio.provena._item import RegistryItem
from kalbio.provena._item_access import AccessCalls
from kalbio.provena._item_locks import LockCalls
from kalbio.provena._items import Identifier, RecordType
from kalbio.provena._model.answers import object_in
from kalbio.provena._model.references import OF_MEMBERS
from kalbio.provena._model.subtypes import require_action
from kalbio.provena._pages import ItemT
from kalbio.provena._references import LookUps, with_handles
from kalbio.provena._service import require_text, require_whole
from kalbio.provena._verified import sent_or_found

ListOf: TypeAlias = list[ItemT]
_LATELY = 100
"""How many of the newest items one is looked for among whose answer was lost."""


class RegistryService(AccessCalls[ItemT], LockCalls[ItemT]):
    """The items of one subtype.

    Attributes:
        subtype: the subtype.
        client: the client that asks.
    """

    def create(self, *, verify: bool = False, **members: Any) -> ItemT:
        """Create an item.

        Args:
            verify: whether to look for the item by its name and its data when the answer is lost. Lists the items
                before.
            **members: the data of the subtype: `display_name`, and what else it has. Where it wants the handle of
                another item, the object and its exact display name do as well.

        Raises:
            TypeError: the subtype has no such member, or a member is missing; nothing was sent.
            IdentifierError: a member names no item of the subtype that belongs there, or several; nothing was sent.
            UnsupportedActionError: items of this subtype are not written here.
            ValidationError: the server refused, perhaps because your user is linked to no person.
            OutcomeUnknownError: the answer was lost, and `verify`, if given, found nothing.

        Example:
            >>> client.organisations.create(display_name="Reef group", name="Reef group")
        """
        require_action(self.subtype, "create")
        require_flag("verify", verify)
        self._check_members(members)
        members = self._with_handles(members)
        body = GenericDomainInfo.from_dict(members)
        before = {item.id for item in self._twins(members)} if verify else set()

        def look() -> ItemT | None:
            new = [item for item in self._twins(members) if item.id not in before]
            return new[0] if len(new) == 1 else None

        sent = sent_or_found(
            self.client, registry_item_create.build_request(*self._segments(), body=body), look if verify else None
        )
        if isinstance(sent, RegistryItem):
            return sent
        raw = as_object(sent).get("created_item")
        if not isinstance(raw, dict):
            raise unusable(sent, "the answer has no created_item")
        return self._make(raw)

    def seed(self, *, verify: bool = False) -> ItemT:
        """Make an item without data: a handle that is good already. `update` gives it data later.

        Args:
            verify: whether to look for it when the answer is lost: the one seed that was not there before. Lists the
                seeds before.

        Example:
            >>> seed = client.models.seed()
        """
        require_action(self.subtype, "seed")
        require_flag("verify", verify)
        before = self._newest_ids("SEED_ONLY") if verify else set()

        def look() -> ItemT | None:
            new = self._newer(before, "SEED_ONLY")
            return new[0] if len(new) == 1 else None

        request = registry_item_seed.build_request(*self._segments())
        response = sent_or_found(self.client, request, look if verify else None)
        if isinstance(response, RegistryItem):
            return response
        raw = as_object(response).get("seeded_item")
        if not isinstance(raw, dict):
            raise unusable(response, "the answer has no seeded_item")
        return self._make(raw)

    def update(
        self, identifier: Identifier, *, reason: str | None = None, verify: bool = False, **members: Any
    ) -> ItemT:
        """Change members of the data of an item, or give a seed its data.

        The server replaces all data at once, so they are read first; what another program changes between that and the
        answer is lost.

        Args:
            identifier: the item: handle, object, or exact display name.
            reason: why, for the history of the item. A seed needs none.
            verify: whether to look for the change when the answer is lost, instead of raising OutcomeUnknownError.
            **members: the members to change, as `create` takes them; the others stay. None takes away one that need not
                be there.

        Returns:
            The item as it is now. Should it not be readable after the change, it has the new data and `is_stale`.

        Raises:
            TypeError: the subtype has no such member, or a member would be missing; nothing was changed.
            ValueError: there is no reason; nothing was changed.
            PermissionDeniedError: you may not change it, or it is locked.
            ValidationError: the server refused.

        Example:
            >>> client.organisations.update("Reef group", reason="it has a ror", ror="https://ror.org/05x")
        """
        require_action(self.subtype, "update")
        if reason is not None:
            require_text("reason", reason)
        if not members:
            raise ArgumentTypeError("update() needs the members to change")
        self._check_names(members)
        members = self._with_handles(members)
        item = self.need(self.resolve_now(identifier))
        if reason is None and not item.is_seed:
            raise ArgumentError("reason is missing: say why the item is changed; only a seed needs none")
        data = {name: value for name, value in {**self._data(item), **members}.items() if value is not None}
        self._check_members(data)
        body = GenericDomainInfo.from_dict(data)
        why = UNSET if reason is None else reason
        request = registry_item_update.build_request(*self._segments(), id=item.id, reason=why, body=body)

        def look() -> ItemT | None:
            now = self.need(item.id)
            new = changes_since(now, item)
            as_sent = not now.is_seed and _bare(self._data(now)) == _bare(data)
            return now if as_sent and (item.is_seed or any(one.get("reason") == reason for one in new)) else None

        sent = sent_or_found(self.client, request, look if require_flag("verify", verify) else None)
        if isinstance(sent, RegistryItem):
            return sent
        gone = {name: None for name, value in members.items() if value is None}
        raw = {**item.to_dict(), **data, **gone, "record_type": "COMPLETE_ITEM"}
        return self._read_back(self._make(raw))

    def revert(self, identifier: Identifier, history_id: int, reason: str, *, verify: bool = False) -> ItemT:
        """Give an item the data that it had before, as a new entry of its history.

        Args:
            identifier: the item: handle, object, or exact display name.
            history_id: the `id` of the entry of its `history` that has the data.
            reason: why, for the history of the item.
            verify: whether to look for the change when the answer is lost, instead of raising OutcomeUnknownError.
                Reads the item before.

        Returns:
            The item as it is now, as `update` gives it.

        Raises:
            PermissionDeniedError: you may not change it, or it is locked.
            ValidationError: its history has no such entry, or it is a seed.

        Example:
            >>> client.models.revert("Coral model", 0, "the change was wrong")
        """
        require_action(self.subtype, "revert")
        require_whole("history_id", history_id, 0)
        require_text("reason", reason)
        id = self.own(identifier)
        body = ItemRevertRequest(id=id, history_id=history_id, reason=reason)
        request = registry_item_revert.build_request(*self._segments(), body=body)
        before = self.need(id) if require_flag("verify", verify) else None
        sent = sent_or_found(self.client, request, self._reverted(before, history_id, reason))
        return sent if isinstance(sent, RegistryItem) else self._read_back(self._unread(id))

    def version(self, identifier: Identifier, reason: str, *, verify: bool = False) -> ItemT:
        """Make the next version of an item: a copy that can be changed, while the item stays as it is.

        A job registers that; `version_job_id` of the new item names it. A lock does not prevent a version.

        Args:
            identifier: the newest version of an item: handle, object, or exact display name.
            reason: why there is a new one.
            verify: whether to look for the new version when the answer is lost. Reads the item before.

        Returns:
            The new version.

        Raises:
            UnsupportedActionError: items of this subtype have no versions.
            PermissionDeniedError: you do not have the role `admin` of the item.
            ValidationError: there is a next version already, or it is a seed.
            OutcomeUnknownError: the answer was lost, and `verify`, if given, found nothing.

        Example:
            >>> model = client.models.version("Coral model", "with currents")
        """
        require_action(self.subtype, "version")
        require_text("reason", reason)
        require_flag("verify", verify)
        old = self.own(identifier)
        before = self._next_of(old) if verify else None

        def look() -> ItemT | None:
            following = self._next_of(old)
            return None if following in (None, before) else self.need(str(following))

        request = registry_item_version.build_request(*self._segments(), body=LockChangeRequest(id=old, reason=reason))
        sent = sent_or_found(self.client, request, look if verify else None)
        if isinstance(sent, RegistryItem):
            return sent
        answer = as_object(sent)
        id = answer.get("new_version_id")
        if not isinstance(id, str):
            raise unusable(sent, "the answer has no new_version_id")
        made = self._unread(id, {"version_activity_workflow_id": answer.get("version_job_session_id")})
        return self._read_back(made)

    def versions(self, identifier: Identifier) -> ListOf[ItemT]:
        """Return all versions of an item, the oldest first. An item without versions is its only one.

        Args:
            identifier: any version: handle, object, or exact display name.

        Example:
            >>> [one.versioning_info["reason"] for one in client.models.versions("Coral model")]
            [None, 'with currents']
        """
        found = [self.need(identifier)]
        seen = {found[0].id}
        for member, end in (("previous_version", 0), ("next_version", -1)):
            while (id := neighbouring_version(found[end], member)) is not None and id not in seen:
                seen.add(id)
                found.insert(0 if end == 0 else len(found), self.need(id))
        return found

    def validate(self, **members: Any) -> None:
        """Check data without creating anything; the server refuses those that it would not take.

        Args:
            **members: the data of the subtype, as `create` takes them.

        Raises:
            TypeError: the subtype has no such member, or a member is missing; nothing was sent.
            ValidationError: the data cannot be registered; the text says why.

        Example:
            >>> client.organisations.validate(display_name="Reef group", name="Reef group")
        """
        require_action(self.subtype, "validate")
        self._check_members(members)
        members = self._with_handles(members)
        body = GenericDomainInfo.from_dict(members)
        self.client.session.call(registry_item_validate.build_request(*self._segments(), body=body))

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the data of the subtype.

        Example:
            >>> (client.organisations.schema())["title"]
            'OrganisationDomainInfo'
        """
        require_action(self.subtype, "schema")
        response = self.client.session.call(registry_item_schema.build_request(*self._segments()))
        return dict(object_in(response, as_object(response), "json_schema"))

    def ui_schema(self) -> dict[str, Any]:
        """Return how a form for the data of the subtype is to be shown."""
        require_action(self.subtype, "ui_schema")
        response = self.client.session.call(registry_item_ui_schema.build_request(*self._segments()))
        return dict(object_in(response, as_object(response), "ui_schema"))

    def delete(self, identifier: Identifier, *, verify: bool = False) -> None:
        """Delete an item for good, with its history, settings and lock; what the lineage knows of it stays.

        Only administrators of the registry may do that. The server would delete an item of any subtype here, so the
        subtype is checked first.

        Args:
            identifier: the item: handle, object, or exact display name.
            verify: whether to look if it is there when the answer is lost.

        Raises:
            IdentifierError: it is an item of another subtype; nothing was deleted.
            NotFoundError: there is no such item.
            PermissionDeniedError: you are no administrator of the registry, or the item is locked.

        Example:
            >>> client.models.delete("10378.1/1451860")
        """
        require_action(self.subtype, "delete")
        id = self.own(identifier)
        request = registry_item_delete.build_request(*self._segments(), id=id)

        def look() -> bool | None:
            try:
                self._refuse_others(id)
            except NotFoundError:
                return True
            return None

        sent_or_found(self.client, request, look if require_flag("verify", verify) else None)
        self._of_this_subtype.discard(id)

    def _reverted(self, before: ItemT | None, history_id: int, reason: str) -> Callable[[], ItemT | None] | None:
        """Return what looks for a revert, given the item before it; None without that."""
        if before is None:
            return None
        known = before
        wanted = next((one.get("item") for one in known.history if one.get("id") == history_id), None)

        def look() -> ItemT | None:
            now = self.need(known.id)
            # The servers put words of their own around the reason.
            new = [one for one in changes_since(now, known) if reason in str(one.get("reason"))]
            return now if any(_bare(one.get("item")) == _bare(wanted) for one in new) else None

        return look

    def _newest_ids(self, record_type: RecordType) -> set[str]:
        """Return the newest items before a write that makes one.

        They are twice as many as are looked at after it: as many may leave the list meanwhile, and no older ones come
        into what is looked at then.
        """
        return {one.id for one in self._newest(record_type, 2 * _LATELY)}

    def _newer(self, before: set[str], record_type: RecordType) -> ListOf[ItemT]:
        """Return the newest items that were not there before a write."""
        return [one for one in self._newest(record_type, _LATELY) if one.id not in before]

    def _newest(self, record_type: RecordType, number: int) -> ListOf[ItemT]:
        return self.list(record_type=record_type, sort="CREATED_TIME", limit=number).all()

    def _twins(self, members: dict[str, Any]) -> ListOf[ItemT]:
        """Read the items that have these data."""
        self._forget(None)
        wanted = _bare(members)
        items = (self.catalog()).items
        return [item for item in items if wanted.items() <= _bare(self._data(item)).items()]

    def _next_of(self, id: str) -> str | None:
        return neighbouring_version(self.need(id), "next_version")

    def _read_back(self, item: ItemT) -> ItemT:
        """Read an item after a write that succeeded; what is known of it where that fails."""
        try:
            return self.need(item.id)
        except SDKError:
            return stale(item)

    def _unread(self, id: str, links: dict[str, Any] | None = None) -> ItemT:
        self._of_this_subtype.add(id)
        known = {"id": id, "item_subtype": self.subtype.value, "record_type": "COMPLETE_ITEM", "workflow_links": links}
        return self._make(known)

    def _with_handles(self, members: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = with_handles(LookUps(self.client).look, OF_MEMBERS.get(self.subtype, {}), members)
        return found

    def _fields(self) -> dict[str, Any]:
        model = getattr(import_module("provena_api.models"), f"{self.subtype.stem}DomainInfo")
        return {one.name: one for one in attrs.fields(model) if one.init}

    def _data(self, item: RegistryItem) -> dict[str, Any]:
        raw = item.to_dict()
        return {name: raw[name] for name in self._fields() if name in raw}

    def _check_names(self, members: dict[str, Any]) -> None:
        # The server ignores what it does not know.
        known = self._fields()
        for name in members:
            if name not in known:
                raise ArgumentTypeError(
                    f"{self.subtype.a_noun} has no member {safe_repr(name)}.{did_you_mean(name, known)}"
                )

    def _check_members(self, members: dict[str, Any]) -> None:
        self._check_names(members)
        needed = (name for name, one in self._fields().items() if one.default is attrs.NOTHING)
        missing = [name for name in needed if name not in members]
        if missing:
            lacks = f"which {'is' if len(missing) == 1 else 'are'} missing"
            raise ArgumentTypeError(f"{self.subtype.a_noun} needs {', '.join(missing)}, {lacks}")


def neighbouring_version(item: RegistryItem, member: str) -> str | None:
    """Return the handle of the version before an item, or after it; None when there is none.

    Raises ResponseError when the item tells something else there.
    """
    info = item.to_dict().get("versioning_info")
    found = info.get(member) if isinstance(info, Mapping) else None
    if not isinstance(info, Mapping | None) or not isinstance(found, str | None):
        reason = f"its versioning_info should be an object with a handle as {member}"
        raise ResponseError("GET", f"the item {item.id}", b"", reason)
    return found


def changes_since(now: RegistryItem, before: RegistryItem) -> list[dict[str, Any]]:
    """Return the entries in the history of an item that it did not have before."""
    known = {one.get("id") for one in before.history if isinstance(one, Mapping)}
    return [dict(one) for one in now.history if isinstance(one, Mapping) and one.get("id") not in known]


def _bare(value: Any) -> Any:
    """Return data without the members that have no value, which the server adds everywhere."""
    if isinstance(value, dict):
        return {name: _bare(one) for name, one in value.items() if one is not None}
    return [_bare(one) for one in value] if isinstance(value, list) else value
