# Derived from kalbio/provena/aio/groups.py by scripts/regenerate; edit that file. (digest 5187bda17f61)
"""Groups of users, to whom items give roles together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias, get_args

from provena_api.api.auth import (
    auth_groups_admin_add_group,
    auth_groups_admin_add_member,
    auth_groups_admin_check_membership,
    auth_groups_admin_describe_group,
    auth_groups_admin_export,
    auth_groups_admin_import,
    auth_groups_admin_list_groups,
    auth_groups_admin_list_members,
    auth_groups_admin_list_user_membership,
    auth_groups_admin_remove_group,
    auth_groups_admin_remove_member,
    auth_groups_admin_remove_members,
    auth_groups_admin_restore_from_table,
    auth_groups_admin_update_group,
    auth_groups_user_check_membership,
    auth_groups_user_describe_group,
    auth_groups_user_list_groups,
    auth_groups_user_list_members,
    auth_groups_user_list_user_membership,
)
from provena_api.models import (
    GroupsImportRequest,
    GroupsRestoreRequest,
    GroupUser,
    RemoveMembersRequest,
    UserGroupMetadata,
)

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.concurrency.forks import cached_property
from kalbio._core.errors import NotFoundError
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.objects.checks import require_flag, require_rows, require_text, require_texts
from kalbio._core.objects.resource import ObjectList
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.answers import object_in, objects_in
from kalbio.provena._model.users import Group, Member
from kalbio.provena._service import Client, Service, require_one_of
from kalbio.provena._verified import sent_or_found

ImportMode: TypeAlias = Literal[
    "ADD_ONLY", "ADD_OR_OVERWRITE", "OVERWRITE_ONLY", "SYNC_ADD_OR_OVERWRITE", "SYNC_DELETION_ALLOWED"
]
Groups: TypeAlias = list[Group]
Members: TypeAlias = list[Member]
Exported: TypeAlias = list[dict[str, Any]]


class GroupsService(Service):
    """The groups that there are, and those that you are in.

    Wherever a group is meant, give its id or the object.

    Attributes:
        admin: the members of all groups, and how groups are changed, for administrators.
    """

    @cached_property
    def admin(self) -> AdminGroupsService:
        """The members of all groups, and how groups are changed, for administrators."""
        return AdminGroupsService(self._client)

    def list(self) -> Groups:
        """List all groups.

        Example:
            >>> [group.display_name for group in client.groups.list()]
            ['Modellers']
        """
        return _groups(self._client, auth_groups_user_list_groups.build_request())

    def get(self, group: str | Group) -> Group | None:
        """Get a group; None when there is none.

        Example:
            >>> (client.groups.get("modellers")).description
            'people who model'
        """
        return _group(self._client, auth_groups_user_describe_group.build_request(id=_id_of(group)))

    def members(self, group: str | Group) -> Members:
        """List the members of a group that you are in.

        Raises:
            NotFoundError: there is no such group.
            PermissionDeniedError: you are not in it.

        Example:
            >>> [member.username for member in client.groups.members("modellers")]
            ['alice', 'bob']
        """
        return _members(self._client, auth_groups_user_list_members.build_request(id=_id_of(group)))

    def mine(self) -> Groups:
        """List the groups that you are in.

        Example:
            >>> client.groups.mine()
            [<Group modellers>]
        """
        return _groups(self._client, auth_groups_user_list_user_membership.build_request())

    def is_member(self, group: str | Group) -> bool:
        """Tell whether you are in a group.

        Raises:
            NotFoundError: there is no such group.

        Example:
            >>> client.groups.is_member("modellers")
            True
        """
        request = auth_groups_user_check_membership.build_request(group_id=_id_of(group))
        return _is_member(self._client, request)


class AdminGroupsService(Service):
    """All groups and their members; it needs roles whose names begin with `sys-admin`."""

    def list(self) -> Groups:
        """List all groups.

        Example:
            >>> groups = client.groups.admin.list()
        """
        return _groups(self._client, auth_groups_admin_list_groups.build_request())

    def get(self, group: str | Group) -> Group | None:
        """Get a group; None when there is none.

        Example:
            >>> group = client.groups.admin.get("modellers")
        """
        return _group(self._client, auth_groups_admin_describe_group.build_request(id=_id_of(group)))

    def members(self, group: str | Group) -> Members:
        """List the members of a group.

        Raises:
            NotFoundError: there is no such group.

        Example:
            >>> members = client.groups.admin.members("modellers")
        """
        return _members(self._client, auth_groups_admin_list_members.build_request(id=_id_of(group)))

    def of_user(self, username: str) -> Groups:
        """List the groups that a user is in.

        Example:
            >>> groups = client.groups.admin.of_user("alice")
        """
        request = auth_groups_admin_list_user_membership.build_request(username=require_text("username", username))
        return _groups(self._client, request)

    def is_member(self, group: str | Group, username: str) -> bool:
        """Tell whether a user is in a group.

        Raises:
            NotFoundError: there is no such group.

        Example:
            >>> client.groups.admin.is_member("modellers", "alice")
            True
        """
        request = auth_groups_admin_check_membership.build_request(
            group_id=_id_of(group), username=require_text("username", username)
        )
        return _is_member(self._client, request)

    def add(
        self,
        id: str,
        display_name: str,
        description: str,
        *,
        default_data_store_access: Iterable[str] | None = None,
        verify: bool = False,
    ) -> Group:
        """Add a group, without members.

        Args:
            id: its id, a short text of your choice that stays.
            display_name: its name for people.
            description: what it is for.
            default_data_store_access: roles of datasets; the servers keep them, and do nothing with them.
            verify: whether to look for it when the answer is lost.

        Raises:
            ConflictError: there is a group with this id.

        Example:
            >>> client.groups.admin.add("modellers", "Modellers", "people who model")
            <Group modellers>
        """
        body = _metadata(id, display_name, description, default_data_store_access)
        request = auth_groups_admin_add_group.build_request(body=UserGroupMetadata.from_dict(body))
        sent_or_found(self._client, request, self._looks_for(body, verify))
        return Group(body, self._client)

    def update(
        self,
        group: str | Group,
        *,
        display_name: str | None = None,
        description: str | None = None,
        default_data_store_access: Iterable[str] | None = None,
        verify: bool = False,
    ) -> Group:
        """Change what a group is called and what it is for. What you do not give stays as it is.

        Args:
            group: the group.
            display_name: its name for people.
            description: what it is for.
            default_data_store_access: roles of datasets; an empty list takes all away.
            verify: whether to read the group when the answer is lost.

        Raises:
            NotFoundError: there is no such group.

        Example:
            >>> client.groups.admin.update("modellers", description="people who model reefs")
            <Group modellers>
        """
        if display_name is None and description is None and default_data_store_access is None:
            raise ArgumentError("give what is to change: display_name, description or default_data_store_access")
        for name, text in (("display_name", display_name), ("description", description)):
            if text is not None:
                require_text(name, text)
        given = _roles(default_data_store_access)
        # The server replaces all of it, and what is not sent would be lost.
        response = self._client.session.call(auth_groups_admin_describe_group.build_request(id=_id_of(group)))
        kept = as_object(response).get("group")
        if not isinstance(kept, dict):
            raise unusable(response, "the answer has no group")
        body = _metadata(
            _id_of(group),
            kept.get("display_name") if display_name is None else display_name,
            kept.get("description") if description is None else description,
            kept.get("default_data_store_access") if given is None else given,
        )
        request = auth_groups_admin_update_group.build_request(body=UserGroupMetadata.from_dict(body))
        sent_or_found(self._client, request, self._looks_for(body, verify))
        return Group(body, self._client)

    def _looks_for(self, body: dict[str, Any], verify: Any) -> Callable[[], bool | None] | None:
        """Return what looks whether a group is as it was written; None without `verify`."""

        def look() -> bool | None:
            found = self.get(body["id"])
            return True if found is not None and body.items() <= found.to_dict().items() else None

        return look if require_flag("verify", verify) else None

    def _looks_for_members(
        self, group: str | Group, usernames: Iterable[str], are_in: bool, verify: Any
    ) -> Callable[[], bool | None] | None:
        """Return what looks whether users are in a group, or not; None without `verify`."""

        def look() -> bool | None:
            members = {one.username for one in self.members(group)}
            return True if all((name in members) is are_in for name in usernames) else None

        return look if require_flag("verify", verify) else None

    def remove(self, group: str | Group, *, verify: bool = False) -> None:
        """Remove a group. Items that give it roles keep naming it.

        Args:
            group: the group.
            verify: whether to look for it when the answer is lost.

        Raises:
            NotFoundError: there is no such group.

        Example:
            >>> client.groups.admin.remove("modellers")
        """

        def look() -> bool | None:
            return True if self.get(group) is None else None

        request = auth_groups_admin_remove_group.build_request(id=_id_of(group))
        sent_or_found(self._client, request, look if require_flag("verify", verify) else None)

    def add_member(
        self,
        group: str | Group,
        username: str,
        *,
        email: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        verify: bool = False,
    ) -> None:
        """Add a user to a group. The server does not check whether there is such a user.

        Args:
            group: the group.
            username: the user.
            email: the address, for those who read the list.
            first_name: the first name.
            last_name: the last name.
            verify: whether to list the members when the answer is lost.

        Raises:
            NotFoundError: there is no such group.
            ConflictError: the user is in it already.

        Example:
            >>> client.groups.admin.add_member("modellers", "alice", email="alice@example.org")
        """
        known = {"email": email, "first_name": first_name, "last_name": last_name}
        body = {"username": require_text("username", username)}
        body |= {name: require_text(name, text) for name, text in known.items() if text is not None}
        request = auth_groups_admin_add_member.build_request(group_id=_id_of(group), body=GroupUser.from_dict(body))
        sent_or_found(self._client, request, self._looks_for_members(group, [username], True, verify))

    def remove_member(self, group: str | Group, username: str, *, verify: bool = False) -> None:
        """Remove a user from a group.

        Args:
            group: the group.
            username: the user.
            verify: whether to list the members when the answer is lost.

        Raises:
            NotFoundError: there is no such group, or the user is not in it.

        Example:
            >>> client.groups.admin.remove_member("modellers", "bob")
        """
        request = auth_groups_admin_remove_member.build_request(
            group_id=_id_of(group), username=require_text("username", username)
        )
        sent_or_found(self._client, request, self._looks_for_members(group, [username], False, verify))

    def remove_members(self, group: str | Group, usernames: Iterable[str], *, verify: bool = False) -> None:
        """Remove several users from a group: all of them, or none when one is not in it.

        Args:
            group: the group.
            usernames: the users.
            verify: whether to list the members when the answer is lost.

        Raises:
            NotFoundError: there is no such group, or one of them is not in it; nobody was removed.

        Example:
            >>> client.groups.admin.remove_members("modellers", ["bob", "erin"])
        """
        names = require_texts(
            "usernames",
            [*usernames] if isinstance(usernames, Iterable) and not isinstance(usernames, str) else usernames,
        )
        if not names:
            raise ArgumentError("usernames must name at least one user")
        body = RemoveMembersRequest(group_id=_id_of(group), member_usernames=names)
        request = auth_groups_admin_remove_members.build_request(body=body)
        sent_or_found(self._client, request, self._looks_for_members(group, names, False, verify))

    def export(self) -> Exported:
        """Return all groups with their members, as the server stores them; `import_groups` takes them.

        Example:
            >>> groups = client.groups.admin.export()
        """
        response = self._client.session.call(auth_groups_admin_export.build_request())
        return objects_in(response, as_object(response), "items")

    def import_groups(
        self,
        groups: Iterable[Mapping[str, Any]],
        mode: ImportMode = "ADD_ONLY",
        *,
        trial: bool = True,
        allow_deletion: bool = False,
        parse: bool = True,
    ) -> dict[str, Any]:
        """Write groups as an export has them. By default nothing is written: it is only told what would be.

        Args:
            groups: the groups.
            mode: ADD_ONLY refuses those that exist, OVERWRITE_ONLY those that do not, ADD_OR_OVERWRITE takes both;
                SYNC_ADD_OR_OVERWRITE refuses when others exist, and SYNC_DELETION_ALLOWED removes those.
            trial: False writes.
            allow_deletion: True lets SYNC_DELETION_ALLOWED remove groups.
            parse: False writes groups without checking their form.

        Returns:
            What the server counted: `old_size`, `new_size`, `deleted_entries`, `overwritten_entries`, `new_entries`.

        Raises:
            ValidationError: the mode does not allow it, or a group has not the form of one; nothing was written.
                `details` has pairs of a reason and a group.

        Example:
            >>> client.groups.admin.import_groups(groups, "ADD_OR_OVERWRITE", trial=False)
        """
        body = _import_settings(mode, trial=trial, allow_deletion=allow_deletion, parse=parse)
        rows = require_rows("groups", [*groups] if isinstance(groups, Iterable) else groups)
        request = auth_groups_admin_import.build_request(body=GroupsImportRequest.from_dict({**body, "items": rows}))
        return _statistics(self._client, request)

    def restore(
        self,
        table_name: str,
        mode: ImportMode = "ADD_ONLY",
        *,
        trial: bool = True,
        allow_deletion: bool = False,
        parse: bool = True,
    ) -> dict[str, Any]:
        """Write groups from a table that the server can reach, such as a backup; otherwise as `import_groups`.

        Args:
            table_name: the name of the table; the one in use is refused.
            mode: see `import_groups`.
            trial: False writes.
            allow_deletion: True lets SYNC_DELETION_ALLOWED remove groups.
            parse: False writes groups without checking their form.

        Returns:
            What the server counted.

        Example:
            >>> client.groups.admin.restore("groups-backup", "ADD_OR_OVERWRITE")
        """
        body = _import_settings(mode, trial=trial, allow_deletion=allow_deletion, parse=parse)
        request = auth_groups_admin_restore_from_table.build_request(
            table_name=require_text("table_name", table_name), body=GroupsRestoreRequest.from_dict(body)
        )
        return _statistics(self._client, request)


def _id_of(group: Any) -> str:
    return require_text("group", group.id if isinstance(group, Group) else group)


def _roles(roles: Any) -> list[str] | None:
    if roles is None:
        return None
    if isinstance(roles, str) or not isinstance(roles, Iterable):
        raise ArgumentError(f"default_data_store_access must be a list of roles; got {safe_repr(roles)}")
    return require_texts("default_data_store_access", [*roles])


def _metadata(id: Any, display_name: Any, description: Any, roles: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": require_text("id", id),
        "display_name": require_text("display_name", display_name),
        "description": require_text("description", description),
    }
    given = _roles(roles)
    return body if given is None else {**body, "default_data_store_access": given}


def _import_settings(mode: Any, *, trial: Any, allow_deletion: Any, parse: Any) -> dict[str, Any]:
    require_one_of("mode", mode, get_args(ImportMode))
    return {
        "import_mode": mode,
        "trial_mode": require_flag("trial", trial),
        "allow_entry_deletion": require_flag("allow_deletion", allow_deletion),
        "parse_items": require_flag("parse", parse),
    }


def _groups(client: Client, request: dict[str, Any]) -> Groups:
    response = client.session.call(request)
    return ObjectList(Group(one, client) for one in objects_in(response, as_object(response), "groups"))


def _group(client: Client, request: dict[str, Any]) -> Group | None:
    try:
        raw = as_object(client.session.call(request)).get("group")
    except NotFoundError:
        return None
    return Group(raw, client) if isinstance(raw, dict) else None


def _members(client: Client, request: dict[str, Any]) -> Members:
    response = client.session.call(request)
    group = as_object(response).get("group")
    if not isinstance(group, dict):
        raise unusable(response, "the answer has no group")
    return ObjectList(Member(one, client) for one in objects_in(response, group, "users"))


def _is_member(client: Client, request: dict[str, Any]) -> bool:
    response = client.session.call(request)
    told = as_object(response).get("is_member")
    if not isinstance(told, bool):
        raise unusable(response, "the answer does not say whether")
    return told


def _statistics(client: Client, request: dict[str, Any]) -> dict[str, Any]:
    response = client.session.call(request)
    return dict(object_in(response, as_object(response), "statistics"))
