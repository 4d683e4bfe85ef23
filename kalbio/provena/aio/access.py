"""Who may do what in general, and which person of the registry a user is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, Protocol, TypeAlias, get_args

from provena_api.api.auth import (
    auth_access_control_admin_add_note,
    auth_access_control_admin_all_pending_request_history,
    auth_access_control_admin_all_request_history,
    auth_access_control_admin_change_request_state,
    auth_access_control_admin_delete_request,
    auth_access_control_admin_user_pending_request_history,
    auth_access_control_admin_user_request_history,
    auth_access_control_user_generate_access_report,
    auth_access_control_user_pending_request_history,
    auth_access_control_user_request_change,
    auth_access_control_user_request_history,
    auth_link_admin_assign,
    auth_link_admin_clear,
    auth_link_admin_lookup,
    auth_link_admin_reverse_lookup,
    auth_link_user_assign,
    auth_link_user_lookup,
    auth_link_user_validate,
)
from provena_api.models import AccessReport as AccessReportBody
from provena_api.models import (
    AccessRequestStatusChange,
    AdminLinkUserAssignRequest,
    DeleteAccessRequest,
    RequestAddNote,
    UserLinkUserAssignRequest,
)
from provena_api.types import UNSET

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.concurrency.forks import cached_property
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.objects.checks import require_flag, require_text, require_texts
from kalbio._core.objects.resource import ObjectList
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.answers import objects_in, texts_in
from kalbio.provena._model.identifiers import handle_of
from kalbio.provena._model.items import HANDLE, Hit, Item
from kalbio.provena._model.users import AccessReport, AccessRequest
from kalbio.provena.aio._service import Client, Service, require_one_of, require_whole
from kalbio.provena.aio._verified import sent_or_found

State: TypeAlias = Literal[
    "PENDING_APPROVAL", "APPROVED_PENDING_ACTION", "DENIED_PENDING_DELETION", "ACTIONED_PENDING_DELETION"
]


class Persons(Protocol):
    """What knows the people of the registry."""

    async def checked(self, identifier: str | Item | Hit) -> str:
        """Return the handle of a person, as far as that can be read."""
        ...

    async def own(self, identifier: str | Item | Hit) -> str:
        """Return the handle of a person."""
        ...


class WithPersons(Client, Protocol):
    """What these services need of the client besides."""

    @property
    def persons(self) -> Persons:
        """People."""


class AccessService(Service):
    """Your roles, your requests for others, and which person of the registry you are.

    Attributes:
        admin: the requests and the links of everybody, for administrators.
    """

    _client: WithPersons

    def __init__(self, client: WithPersons) -> None:
        super().__init__(client)

    @cached_property
    def admin(self) -> AdminAccessService:
        """The requests and the links of everybody, for administrators."""
        return AdminAccessService(self._client)

    async def report(self) -> AccessReport:
        """Read which roles there are, and which of them you have.

        Example:
            >>> (await client.access.report()).granted
            ['entity-registry-read', 'entity-registry-write']
        """
        response = await self._client.session.call(auth_access_control_user_generate_access_report.build_request())
        raw = as_object(response).get("report")
        if not isinstance(raw, dict):
            raise unusable(response, "the answer has no report")
        for component in objects_in(response, raw, "components"):
            objects_in(response, component, "component_roles")
        return AccessReport(raw, self._client)

    async def request(
        self, add: Collection[str] = (), *, remove: Collection[str] = (), send_email: bool = True
    ) -> AccessReport:
        """Ask the administrators for other roles. They decide; `requests()` tells what has become of it.

        Args:
            add: names of roles that you would like to have.
            remove: names of roles that you want to lose.
            send_email: False does not tell them by e-mail.

        Returns:
            The report as you would like it to be, which is what was sent.

        Raises:
            ValueError: there is no such role, or nothing is asked for; nothing was asked.
            ValidationError: you have these roles already, or a request that is younger than five days.

        Example:
            >>> await client.access.request(["entity-registry-write"])
        """
        names = [require_texts(name, _as_list(name, roles)) for name, roles in (("add", add), ("remove", remove))]
        if not any(names):
            raise ArgumentError("give at least one role to add or to remove")
        require_flag("send_email", send_email)
        wanted = (await self.report()).with_roles(*names)
        body = AccessReportBody.from_dict(wanted.to_dict())
        request = auth_access_control_user_request_change.build_request(body=body, send_email=send_email)
        await self._client.session.call(request)
        return wanted

    async def requests(self, *, pending: bool = False) -> list[AccessRequest]:
        """List your requests for other roles.

        Args:
            pending: True gives those alone that nobody has decided yet.

        Example:
            >>> [request.ui_friendly_status for request in await client.access.requests()]
            ['request denied']
        """
        if require_flag("pending", pending):
            request = auth_access_control_user_pending_request_history.build_request()
        else:
            request = auth_access_control_user_request_history.build_request()
        return await _requests(self._client, request)

    async def linked_person(self, username: str | None = None) -> str | None:
        """Return the handle of the person that a user is linked to; None when there is none.

        Args:
            username: whose; by default yours.

        Example:
            >>> await client.access.linked_person()
            '10378.1/1451860'
        """
        name = UNSET if username is None else require_text("username", username)
        return await _person(self._client, auth_link_user_lookup.build_request(username=name))

    async def link_person(self, person: str | Item | Hit, *, verify: bool = False) -> str:
        """Link yourself to your person in the registry, which most writes need. Only administrators can undo it.

        Args:
            person: the person: its handle, the object, or its exact display name. You must own it.
            verify: whether to look up the link when the answer is lost.

        Returns:
            The handle of the person.

        Raises:
            IdentifierError: there is no such person.
            ConflictError: you are linked already.
            PermissionDeniedError: the person is somebody else's.

        Example:
            >>> await client.access.link_person("Ada Lovelace")
            '10378.1/1451860'
        """
        id = await self._client.persons.own(person)
        request = auth_link_user_assign.build_request(body=UserLinkUserAssignRequest(person_id=id))

        async def look() -> bool | None:
            return True if await self.linked_person() == id else None

        await sent_or_found(self._client, request, look if require_flag("verify", verify) else None)
        return id

    async def validate_link(self, person: str | Item | Hit) -> str:
        """Check whether you could link yourself to a person, without doing it.

        Args:
            person: the person: its handle, the object, or its exact display name.

        Returns:
            The handle of the person.

        Raises:
            IdentifierError: there is no such person.
            ConflictError: you are linked already.
            PermissionDeniedError: the person is somebody else's.

        Example:
            >>> await client.access.validate_link("Ada Lovelace")
            '10378.1/1451860'
        """
        id = await self._client.persons.own(person)
        body = UserLinkUserAssignRequest(person_id=id)
        await self._client.session.call(auth_link_user_validate.build_request(body=body))
        return id


class AdminAccessService(Service):
    """The requests and the links of everybody; it needs roles whose names begin with `sys-admin`."""

    _client: WithPersons

    def __init__(self, client: WithPersons) -> None:
        super().__init__(client)

    async def requests(self, username: str | None = None, *, pending: bool = False) -> list[AccessRequest]:
        """List requests for roles.

        Args:
            username: whose; by default everybody's.
            pending: True gives those alone that nobody has decided yet.

        Example:
            >>> for request in await client.access.admin.requests(pending=True):
            ...     print(request.username, request.changes)
        """
        is_pending = require_flag("pending", pending)
        if username is None and is_pending:
            request = auth_access_control_admin_all_pending_request_history.build_request()
        elif username is None:
            request = auth_access_control_admin_all_request_history.build_request()
        elif is_pending:
            request = auth_access_control_admin_user_pending_request_history.build_request(
                username=require_text("username", username)
            )
        else:
            request = auth_access_control_admin_user_request_history.build_request(
                username=require_text("username", username)
            )
        return await _requests(self._client, request)

    async def set_state(
        self, request: AccessRequest, state: State, *, note: str | None = None, send_email: bool = True
    ) -> None:
        """Decide about a request. Giving the roles themselves is done in the identity provider.

        Args:
            request: the request.
            state: what it is from now on: APPROVED_PENDING_ACTION, DENIED_PENDING_DELETION,
                ACTIONED_PENDING_DELETION, or PENDING_APPROVAL again.
            note: a note to add.
            send_email: False does not tell the user by e-mail.

        Raises:
            NotFoundError: there is no such request.

        Example:
            >>> await client.access.admin.set_state(request, "APPROVED_PENDING_ACTION", note="as agreed")
        """
        username, request_id = _named(request)
        require_one_of("state", state, get_args(State))
        require_flag("send_email", send_email)
        body: dict[str, Any] = {"username": username, "request_id": request_id, "desired_state": state}
        if note is not None:
            body["additional_note"] = require_text("note", note)
        built = auth_access_control_admin_change_request_state.build_request(
            body=AccessRequestStatusChange.from_dict(body), send_email_alert=send_email
        )
        await self._client.session.call(built)

    async def add_note(self, request: AccessRequest, note: str) -> None:
        """Add a note to a request.

        Args:
            request: the request.
            note: what to note.

        Raises:
            NotFoundError: there is no such request.

        Example:
            >>> await client.access.admin.add_note(request, "called back")
        """
        username, request_id = _named(request)
        body = RequestAddNote(username=username, request_id=request_id, note=require_text("note", note))
        await self._client.session.call(auth_access_control_admin_add_note.build_request(body=body))

    async def delete_request(self, request: AccessRequest) -> None:
        """Delete a request. Of one that is not there, the server says that it was deleted as well.

        Example:
            >>> await client.access.admin.delete_request(request)
        """
        username, request_id = _named(request)
        body = DeleteAccessRequest(username=username, request_id=request_id)
        await self._client.session.call(auth_access_control_admin_delete_request.build_request(body=body))

    async def linked_person(self, username: str) -> str | None:
        """Return the handle of the person that a user is linked to; None when there is none.

        Example:
            >>> await client.access.admin.linked_person("alice")
            '10378.1/1451860'
        """
        request = auth_link_admin_lookup.build_request(username=require_text("username", username))
        return await _person(self._client, request)

    async def linked_users(self, person: str | Item | Hit) -> list[str]:
        """List the names of the users who are linked to a person.

        Args:
            person: the person: its handle, the object, or its exact display name.

        Example:
            >>> await client.access.admin.linked_users("Ada Lovelace")
            ['alice']
        """
        id = await self._client.persons.checked(person)
        response = await self._client.session.call(auth_link_admin_reverse_lookup.build_request(person_id=id))
        return texts_in(response, as_object(response), "usernames")

    async def link_person(
        self,
        username: str,
        person: str | Item | Hit,
        *,
        force: bool = False,
        validate: bool = True,
        verify: bool = False,
    ) -> str:
        """Link a user to a person.

        Args:
            username: the user. The server does not check whether there is one.
            person: the person: its handle, the object, or its exact display name.
            force: True replaces the person that the user is linked to.
            validate: False takes any handle, and no name; the server does not check that it is that of a person.
            verify: whether to look up the link when the answer is lost.

        Returns:
            The handle of the person.

        Raises:
            IdentifierError: there is no such person.
            NotFoundError: there is no such person.
            ConflictError: the user is linked already.

        Example:
            >>> await client.access.admin.link_person("bob", "Ada Lovelace", force=True)
            '10378.1/1451860'
        """
        require_text("username", username)
        require_flag("force", force)
        if require_flag("validate", validate):
            id = await self._client.persons.own(person)
        else:
            id = handle_of(person)
            if not isinstance(id, str) or not HANDLE.fullmatch(id):
                raise ArgumentError(f"without validate, person must be a handle or an object; got {safe_repr(person)}")
        body = AdminLinkUserAssignRequest(username=username, person_id=id, force=force, validate_item=validate)
        request = auth_link_admin_assign.build_request(body=body)

        async def look() -> bool | None:
            return True if await self.linked_person(username) == id else None

        await sent_or_found(self._client, request, look if require_flag("verify", verify) else None)
        return id

    async def clear_link(self, username: str, *, verify: bool = False) -> None:
        """Undo the link of a user; one who had none is left alone.

        Args:
            username: the user.
            verify: whether to look up the link when the answer is lost.

        Example:
            >>> await client.access.admin.clear_link("bob")
        """
        request = auth_link_admin_clear.build_request(username=require_text("username", username))

        async def look() -> bool | None:
            return True if await self.linked_person(username) is None else None

        await sent_or_found(self._client, request, look if require_flag("verify", verify) else None)


def _as_list(name: str, roles: Any) -> list[Any]:
    if isinstance(roles, str) or not isinstance(roles, Collection):
        raise ArgumentError(f"{name} must be a list of names of roles; got {safe_repr(roles)}")
    return list(roles)


def _named(request: Any) -> tuple[str, int]:
    if not isinstance(request, AccessRequest) or not request.username or request.request_id is None:
        raise ArgumentError(f"request must be one that requests() gave; got {safe_repr(request)}")
    require_whole("request_id", request.request_id, 0)
    return request.username, request.request_id


async def _requests(client: Client, request: dict[str, Any]) -> list[AccessRequest]:
    response = await client.session.call(request)
    return ObjectList(AccessRequest(one, client) for one in objects_in(response, as_object(response), "items"))


async def _person(client: Client, request: dict[str, Any]) -> str | None:
    response = await client.session.call(request)
    id = as_object(response).get("person_id")
    if not isinstance(id, str | None):
        raise unusable(response, "person_id should be a handle")
    return id or None
