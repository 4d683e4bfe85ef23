"""Who may do what with the items of one subtype."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from provena_api.api.auth import auth_groups_user_list_groups
from provena_api.api.registry import (
    registry_item_auth_configuration_get,
    registry_item_auth_configuration_put,
    registry_item_auth_evaluate,
    registry_item_auth_roles,
)
from provena_api.models import AccessSettings

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.errors import IdentifierNotFoundError
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.objects.checks import require_flag
from kalbio._core.objects.identifiers import Catalog, close_matches
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.access import ItemAccess, Role, as_group_roles, as_roles
from kalbio.provena._model.answers import objects_in, texts_in
from kalbio.provena._model.subtypes import require_action
from kalbio.provena._model.users import Group
from kalbio.provena.aio._items import Identifier, Items
from kalbio.provena.aio._pages import ItemT
from kalbio.provena.aio._verified import sent_or_found


class AccessCalls(Items[ItemT]):
    """Reads and changes the access settings of items."""

    async def my_roles(self, identifier: Identifier) -> frozenset[str]:
        """Return what you may do with an item; nothing for one that you may not even see.

        Args:
            identifier: the item: handle, object, or exact display name.

        Raises:
            NotFoundError: there is no such item.

        Example:
            >>> sorted(await client.models.my_roles("Coral model"))
            ['metadata-read']
        """
        require_action(self.subtype, "auth_evaluate")
        request = registry_item_auth_evaluate.build_request(
            *self._segments(), id=await self.own_or_unreadable(identifier)
        )
        response = await self.client.session.call(request)
        return frozenset(texts_in(response, as_object(response), "roles"))

    async def roles(self) -> list[Role]:
        """Return the roles that items of this subtype have.

        Example:
            >>> [role.name for role in await client.models.roles()]
            ['metadata-read', 'metadata-write', 'admin']
        """
        require_action(self.subtype, "auth_roles")
        response = await self.client.session.call(registry_item_auth_roles.build_request(*self._segments()))
        return [Role.of(one) for one in objects_in(response, as_object(response), "roles")]

    async def access(self, identifier: Identifier) -> ItemAccess:
        """Return who may do what with an item; only those who have its role `admin` may ask.

        Args:
            identifier: the item: handle, object, or exact display name.

        Raises:
            PermissionDeniedError: you may not know.
            NotFoundError: there is no such item.

        Example:
            >>> (await client.models.access("Coral model")).general
            frozenset({'metadata-read'})
        """
        require_action(self.subtype, "auth_configuration_get")
        return await self._access(await self.own(identifier))

    async def set_access(
        self,
        identifier: Identifier,
        *,
        general: Iterable[str] | None = None,
        groups: Mapping[Group, Iterable[str]] | Mapping[str, Iterable[str]] | None = None,
        verify: bool = False,
    ) -> ItemAccess:
        """Say who may do what with an item, also with one that is locked.

        The server replaces all settings at once, so they are read first; what another program changes between that
        and the answer is lost. It would take ids of groups that do not exist, which grant nothing; so the groups are
        listed, which everybody may do.

        Args:
            identifier: the item: handle, object, or exact display name.
            general: the roles of everybody; None leaves them as they are, an empty set takes all of them away.
            groups: the roles of groups, by group, id or exact display name, instead of those of all groups before; None
                leaves them.
            verify: whether to read the settings when the answer is lost.

        Returns:
            The settings as they are now.

        Raises:
            ValueError: a role that items of this subtype do not have; nothing was sent.
            IdentifierError: there is no such group; nothing was changed.
            PermissionDeniedError: you do not have the role `admin` of the item.

        Example:
            >>> await client.models.set_access("Coral model", groups={"modellers": {"metadata-read", "metadata-write"}})
            ItemAccess(owner='alice', ...)
        """
        require_action(self.subtype, "auth_configuration_put")
        if general is None and groups is None:
            raise ArgumentTypeError("set_access() needs general, groups, or both")
        for_all = None if general is None else as_roles(self.subtype, "general", general)
        for_groups = None if groups is None else as_group_roles(self.subtype, groups)
        id = await self.own(identifier)
        before = await self._access(id)
        if for_groups:
            for_groups = await self._known_groups(for_groups, before.groups)
        wanted = ItemAccess(
            before.owner,
            before.general if for_all is None else for_all,
            before.groups if for_groups is None else for_groups,
        )
        body: Any = AccessSettings.from_dict(wanted.to_dict())
        request = registry_item_auth_configuration_put.build_request(*self._segments(), id=id, body=body)

        async def look() -> bool | None:
            return True if await self._access(id) == wanted else None

        await sent_or_found(self.client, request, look if require_flag("verify", verify) else None)
        return wanted

    async def _known_groups(
        self, wanted: Mapping[str, frozenset[str]], before: Collection[str]
    ) -> dict[str, frozenset[str]]:
        """Return roles by the ids of groups that there are. One that has roles already may be gone, and stay."""
        response = await self.client.session.call(auth_groups_user_list_groups.build_request())
        groups = [Group(one) for one in objects_in(response, as_object(response), "groups")]
        catalog = Catalog("group", groups, lambda group: group.display_name)
        found: dict[str, frozenset[str]] = {}
        for given, roles in wanted.items():
            named = catalog.by_id(given) or (None if given in before else catalog.by_name(given))
            if named is None and given not in before:
                close = close_matches(given, [text for one in groups for text in (one.id, one.display_name or "")])
                raise IdentifierNotFoundError("group", given, close)
            id = given if named is None else named.id
            if id in found:
                raise ArgumentError(f"groups has {safe_repr(id)} twice: {safe_repr(given)} is the same group")
            found[id] = roles
        return found

    async def _access(self, id: str) -> ItemAccess:
        request = registry_item_auth_configuration_get.build_request(*self._segments(), id=id)
        response = await self.client.session.call(request)
        try:
            return ItemAccess.of(as_object(response))
        except ValueError as error:
            raise unusable(response, str(error)) from None
