"""Roles, requests for roles, and groups: what the auth service answers with."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.objects.resource import Resource, number, text, text_or_empty, texts_or_none
from kalbio._core.text.display import printable, safe_repr
from kalbio.provena._model.items import moment


class AccessReport(Resource):
    """The roles that there are in the realm, and which of them the caller has."""

    __slots__ = ()

    @property
    def roles(self) -> dict[str, bool]:
        """The names of all roles, each with whether it is granted."""
        return {str(role.get("role_name")): role.get("access_granted") is True for role in self._roles()}

    @property
    def granted(self) -> list[str]:
        """The names of the roles that are granted."""
        return [name for name, is_granted in self.roles.items() if is_granted]

    def with_roles(self, add: Collection[str] = (), remove: Collection[str] = ()) -> AccessReport:
        """Return a report with other roles granted.

        Raises:
            ValueError: there is no such role, or one is to be added and removed.
        """
        known = self.roles
        for name in (*add, *remove):
            if name not in known:
                raise ArgumentError(f"there is no role {safe_repr(name)}.{did_you_mean(name, known)}")
        if both := set(add) & set(remove):
            raise ArgumentError(f"{', '.join(sorted(both))}: to be added and to be removed")
        changed = AccessReport(self.to_dict(), self._client)
        for role in changed._roles():
            if role.get("role_name") in add:
                role["access_granted"] = True
            if role.get("role_name") in remove:
                role["access_granted"] = False
        return changed

    def _roles(self) -> Iterator[dict[str, Any]]:
        for component in _dicts(self._raw.get("components")):
            yield from _dicts(component.get("component_roles"))

    def __repr__(self) -> str:
        return f"<AccessReport: {printable(', '.join(self.granted)) or 'no roles'}>"


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


class AccessRequest(Resource):
    """A request of a user for other roles, and what has become of it."""

    __slots__ = ()
    _columns = ("username", "request_id", "status", "notes")

    username = text_or_empty("Whose it is.")
    request_id = number("Its number among the requests of the user.")
    status = text("PENDING_APPROVAL, APPROVED_PENDING_ACTION, DENIED_PENDING_DELETION or ACTIONED_PENDING_DELETION.")
    ui_friendly_status = text("The same in words.")
    email = text("The address of the user.")
    notes = text_or_empty("What administrators noted, with commas in between.")
    created_timestamp = number("When it was made, in seconds since 1970.")
    updated_timestamp = number("When it was changed last, in seconds since 1970.")
    expiry = number("When it is forgotten, in seconds since 1970.")

    @property
    def id(self) -> str:
        """Its user and its number."""
        return f"{self.username}/{self.request_id}"

    @property
    def created_at(self) -> datetime | None:
        """When it was made."""
        return moment(self.created_timestamp)

    @property
    def updated_at(self) -> datetime | None:
        """When it was changed last."""
        return moment(self.updated_timestamp)

    @property
    def changes(self) -> dict[str, bool]:
        """The roles that would be others, each with whether it would be granted."""
        try:
            differing = json.loads(self._raw.get("request_diff_contents") or "{}")
        except (TypeError, ValueError):
            return {}
        return AccessReport(differing if isinstance(differing, dict) else {}).roles

    def __repr__(self) -> str:
        return f"<AccessRequest of {printable(self.username)} {self.request_id} {printable(self.status or '')}>"


class Group(Resource):
    """A group of users, to whom items give roles together."""

    __slots__ = ()

    display_name = text("Its name for people.")
    description = text("What it is for.")
    default_data_store_access = texts_or_none("Roles of datasets; the servers keep them, and do nothing with them.")

    def _text(self) -> str:
        return self.display_name or self.id

    def __repr__(self) -> str:
        return f"<Group {printable(self.id)}>"


class Member(Resource):
    """A user who is in a group."""

    __slots__ = ()

    username = text_or_empty("The name of the user.")
    email = text("The address; None when it is not known.")
    first_name = text("The first name; None when it is not known.")
    last_name = text("The last name; None when it is not known.")

    @property
    def id(self) -> str:
        """The name of the user."""
        return self.username

    def __repr__(self) -> str:
        return f"<Member {printable(self.username)}>"
