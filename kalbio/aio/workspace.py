"""The workspace, its members and its groups."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any, TypeAlias, TypedDict, Unpack

from kaleidoscope_api.api.workspace import (
    get_active_workspace,
    list_workspace_events,
)
from kaleidoscope_api.operations import OPERATIONS

from kalbio._core import constants
from kalbio._core.aio.cache import AsyncCache
from kalbio._core.argument_errors import ArgumentTypeError
from kalbio._core.http.responses import as_json
from kalbio._core.json import strict_json
from kalbio._core.objects.checks import conditions, require_texts, require_whole_number, unicode_text
from kalbio._core.objects.identifiers import Many
from kalbio._core.objects.listing import read_items, read_object
from kalbio._core.objects.paging import Pages
from kalbio._core.objects.resource import (
    ReadsLikeDict,
    Resource,
    enum_text,
    flag,
    mapping,
    number,
    text,
    texts,
    timestamp,
)
from kalbio._core.objects.times import check_moment
from kalbio._core.text.html_tables import html_table
from kalbio._model import staleness
from kalbio._model.enums import WorkspaceAccessLevelEnum
from kalbio.aio._directory import Client
from kalbio.aio._listing import Kind
from kalbio.aio._policy import default_on_error, end_on_error, none
from kalbio.aio._service import Service

__all__ = [
    "GroupIdentifier",
    "UserIdentifier",
    "Workspace",
    "WorkspaceAccessLevelEnum",
    "WorkspaceEvent",
    "WorkspaceGroup",
    "WorkspaceService",
    "WorkspaceUser",
]


class Workspace(Resource):
    """The tenant that the credentials belong to."""

    __slots__ = ()

    workspace_name = text("Its name.")

    def _text(self) -> str:
        return self.workspace_name or super()._text()


class WorkspaceUser(Resource):
    """A member of the workspace."""

    __slots__ = ()

    full_name = text("The full name.")
    preferred_name = text("The name they go by.")
    access_level = enum_text("What they may do, see WorkspaceAccessLevelEnum.")
    email = text("The e-mail address.")

    def _text(self) -> str:
        return self.full_name or super()._text()

    def _as_value(self) -> str:
        return self.id


class WorkspaceGroup(Resource):
    """A group of members."""

    __slots__ = ()

    group_name = text("Its name.")
    user_ids = texts("Its members.")
    program_ids = texts("Its programs.")
    email = text("The e-mail address, where it has one.")

    def _text(self) -> str:
        return self.group_name or super()._text()

    def _as_value(self) -> str:
        return self.id


class WorkspaceEvent(ReadsLikeDict):
    """Something that happened in the workspace, with the name of who did it. It also reads like a dict."""

    __slots__ = ()

    full_name = text("Who did it.")
    preferred_name = text("The name they go by.")
    is_bot = flag("Whether it was a program.")
    event_attrs = mapping("Details; the shape depends on the type.")
    created_at = timestamp("When it happened.")
    resource_id = text("What it happened to.")
    resource_type = text("Its kind; activities are called task.")
    event_type = text("What happened.")
    event_type_version = number("The version of the shape of event_attrs.")
    event_user_id = text("The id of who did it.")
    parent_bulk_event_id = text("The bulk event it is a part of.")
    is_bulk = flag("Whether it stands for many.")

    def _label(self) -> str | None:
        return self.event_type

    def _text(self) -> str:
        return f"{self.id}:{self.event_type}"


UserIdentifier: TypeAlias = WorkspaceUser | str
"""A member of the workspace, the id, or the e-mail address."""

GroupIdentifier: TypeAlias = WorkspaceGroup | str
"""A group, its id, or its name."""

USERS: Kind[WorkspaceUser] = Kind(staleness.USER)
GROUPS: Kind[WorkspaceGroup] = Kind(staleness.GROUP)


def html_of_client(service: WorkspaceService, kind: str, address: str) -> str:
    """Return what a notebook shows of a client: the workspace, where it was read, and the address. Sends nothing."""
    name = service._workspace.peek("active") or "not read yet: client.workspace.get_workspace() reads it"
    return html_table(kind, [("workspace", name), ("address", address)], 2)


class WorkspaceService(Service):
    """The workspace (`client.workspace`)."""

    _remembers = (staleness.USER, staleness.GROUP, staleness.WORKSPACE)

    class EventsQuery(TypedDict, total=False):
        """The conditions of `get_events`; all optional, None means not given."""

        page: int | None
        page_size: int | None
        event_types: list[str] | None
        resource_type: str | None
        event_user_ids: Many[UserIdentifier] | None
        after_date: date | str | None
        before_date: date | str | None

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._members = self._directory[USERS]
        self._groups = self._directory[GROUPS]
        self._workspace: AsyncCache[str, Workspace | None] = AsyncCache(size=1, ttl=constants.LISTING_TTL)
        self._session.remember(staleness.WORKSPACE, lambda _: self._workspace.clear())

    @default_on_error(none)
    async def get_workspace(self, *, use_cache: bool = True) -> Workspace | None:
        """Return the workspace of the credentials; None when the server returns none, which is not cached.

        Args:
            use_cache: False asks the server even when it is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `getActiveWorkspace`.

        Example:
            >>> workspace = await client.workspace.get_workspace()
        """

        async def load() -> Workspace | None:
            response = await self._session.call_or_none(get_active_workspace.build_request())
            if response is None or as_json(response) is None:
                return None
            return Workspace(read_object(response, "workspace"), self._client)

        # None counts as not cached, so an absent workspace is asked for each time.
        return await self._workspace.get("active", load, fresh=not self._session.caching(use_cache))

    @default_on_error(list)
    async def get_members(self, *, use_cache: bool = True) -> list[WorkspaceUser]:
        """Return all members of the workspace.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listWorkspaceMembers`.

        Example:
            >>> emails = [user.email for user in await client.workspace.get_members()]
        """
        return await self._members.all(use_cache=use_cache)

    @default_on_error(list, skip_when_none="ids")
    async def get_members_by_ids(self, ids: Many[UserIdentifier]) -> list[WorkspaceUser]:
        """Return the members with these ids or addresses, in the order of the listing; unknown ones are left out.

        Args:
            ids: ids, e-mail addresses and member objects, in any combination.

        Raises:
            AmbiguousIdentifierError: several members have one of the e-mail addresses.
            KalbioAPIError: the server refused.

        API operation: `listWorkspaceMembers`.

        Example:
            >>> activity = (await client.activities.get_activities())[0]
            >>> users = await client.workspace.get_members_by_ids(activity.assigned_user_ids)
        """
        return await self._members.listed(ids)

    @default_on_error(list)
    async def get_groups(self, *, use_cache: bool = True) -> list[WorkspaceGroup]:
        """Return all groups of the workspace.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listWorkspaceGroups`.

        Example:
            >>> names = [group.group_name for group in await client.workspace.get_groups()]
        """
        return await self._groups.all(use_cache=use_cache)

    @default_on_error(list, skip_when_none="ids")
    async def get_groups_by_ids(self, ids: Many[GroupIdentifier]) -> list[WorkspaceGroup]:
        """Return the groups with these ids or names, in the order of the listing; unknown ones are left out.

        Args:
            ids: ids, names and group objects, in any combination.

        Raises:
            AmbiguousIdentifierError: several groups have one of the names.
            KalbioAPIError: the server refused.

        API operation: `listWorkspaceGroups`.

        Example:
            >>> activity = (await client.activities.get_activities())[0]
            >>> groups = await client.workspace.get_groups_by_ids(activity.assigned_group_ids)
        """
        return await self._groups.listed(ids)

    @default_on_error(list)
    async def get_events(self, **params: Unpack[WorkspaceService.EventsQuery]) -> list[WorkspaceEvent]:
        """Return one page of what happened in the workspace.

        Args:
            **params: the conditions of `EventsQuery`, all optional; None means not given. `page`, `page_size`;
                `event_types`: any of these; `resource_type`: e.g. "task", "record"; `event_user_ids`: users as
                objects, ids, or e-mail addresses; `after_date`, `before_date`: datetimes with a zone, dates
                (their beginning in UTC), or the ISO text of either.

        Raises:
            TypeError: there is no such condition.
            ValueError: a time of day has no zone, or a condition is invalid; nothing was sent.
            IdentifierNotFoundError: no such user; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `listWorkspaceEvents`.

        Example:
            >>> events = await client.workspace.get_events(resource_type="record", page_size=20)
        """
        query = conditions("get_events", params, WorkspaceService.EventsQuery.__annotations__)
        for name, least in (("page", 0), ("page_size", 1)):
            if name in query:
                require_whole_number(name, query[name], least)
        for name in ("after_date", "before_date"):
            if name in query:
                check_moment(name, query[name])
        if "resource_type" in query:
            unicode_text("resource_type", query["resource_type"])
        if "event_types" in query:
            query["event_types"] = strict_json.encode_text(require_texts("event_types", query["event_types"]))
        if "event_user_ids" in query:
            users = await self._members.require_ids(query["event_user_ids"])
            query["event_user_ids"] = strict_json.encode_text(users)
        build: Any = list_workspace_events.build_request
        response = await self._session.call_or_none(build(**query))
        if response is None:
            return []
        return read_items(response, lambda item: WorkspaceEvent(item, self._client))

    @end_on_error
    async def iter_events(self, **params: Unpack[WorkspaceService.EventsQuery]) -> AsyncIterator[WorkspaceEvent]:
        """Yield all that happened in the workspace, page by page, each event once.

        Nothing that was there at the start is left out, whatever is added or removed meanwhile. What takes several
        pages is read twice for that.

        Args:
            **params: the conditions of `get_events`, but for `page`.

        Raises:
            TypeError: there is no such condition, or a page was given.
            KalbioResponseError: the server gives the same page again and again.
            KalbioAPIError: the server refused.

        API operation: `listWorkspaceEvents`.

        Example:
            >>> events = [event async for event in client.workspace.iter_events(page_size=50)]
        """
        if "page" in params:
            raise ArgumentTypeError("iter_events() yields all pages; use get_events(page=...) for one")
        if params.get("page_size") is None:
            params["page_size"] = 100
        pages = Pages(OPERATIONS["listWorkspaceEvents"].path, params["page_size"])
        while pages.more:
            params["page"] = pages.number
            for event in pages.take(await self.get_events(**params)):
                yield event
