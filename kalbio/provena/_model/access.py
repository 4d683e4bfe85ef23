"""Who may do what with an item: roles, and the settings that grant them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.subtypes import Subtype
from kalbio.provena._model.users import Group

_ROLES = ("metadata-read", "metadata-write", "admin")
_DATASET_ROLES = ("dataset-data-read", "dataset-data-write")


@attrs.frozen
class ItemAccess:
    """Who may do what with an item, besides its owner and the administrators of the registry, who may do everything.

    Attributes:
        owner: the user it belongs to; that cannot be changed.
        general: the roles of everybody.
        groups: the roles of the members of groups, by the ids of the groups.
    """

    owner: str
    general: frozenset[str]
    groups: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> ItemAccess:
        """Return the settings that the server tells. Raises ValueError when it does not tell all of them.

        They are written back whole: what was read wrong would take the access of others away.
        """
        owner, general, groups = raw.get("owner"), raw.get("general"), raw.get("groups")
        if not isinstance(owner, str) or not isinstance(groups, Mapping):
            raise ArgumentError("the answer has no owner, or no groups")
        if not all(_are_texts(one) for one in (general, *groups.values())):
            raise ArgumentError("the answer has roles that are no list of texts")
        return cls(owner, frozenset(general or ()), {str(group): frozenset(roles) for group, roles in groups.items()})

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as the server takes them."""
        groups = {group: sorted(roles) for group, roles in self.groups.items()}
        return {"owner": self.owner, "general": sorted(self.general), "groups": groups}


@attrs.frozen
class Role:
    """Something that can be granted.

    Attributes:
        name: what settings call it.
        title: what people call it.
        description: what it is good for.
        also_grants: the roles that it is told to include.
    """

    name: str
    title: str
    description: str
    also_grants: tuple[str, ...]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Role:
        """Return the role that the server tells."""
        name, title, text = (str(raw.get(one) or "") for one in ("role_name", "role_display_name", "description"))
        also = raw.get("also_grants")
        return cls(name, title, text, tuple(also) if isinstance(also, list) and _are_texts(also) else ())


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def roles_of(subtype: Subtype) -> tuple[str, ...]:
    """Return the roles that items of a subtype have."""
    return (*_ROLES, *_DATASET_ROLES) if subtype is Subtype.DATASET else _ROLES


def as_roles(subtype: Subtype, name: str, value: Any) -> frozenset[str]:
    """Return a set of roles of a subtype. Raises TypeError or ValueError when it is none."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ArgumentTypeError(f'{name} must be a set of roles such as {{"metadata-read"}}; got {safe_repr(value)}')
    found, known = frozenset(value), roles_of(subtype)
    for role in found:
        if role not in known:
            close = did_you_mean(role, known) or f" There are {', '.join(known)}."
            raise ArgumentError(f"{name} has {safe_repr(role)}, which is no role of {subtype.a_noun}.{close}")
    return found


def as_group_roles(subtype: Subtype, value: Any) -> dict[str, frozenset[str]]:
    """Return the roles of groups by their ids. Raises TypeError or ValueError when they are none."""
    if not isinstance(value, Mapping):
        raise ArgumentTypeError(f"groups must be a dict of group id to roles; got {safe_repr(value)}")
    found = {}
    for group, roles in value.items():
        id = group.id if isinstance(group, Group) else group
        if not isinstance(id, str) or not id.strip():
            raise ArgumentTypeError(
                f"groups must be a dict of group id to roles; {safe_repr(group)} is no id of a group"
            )
        found[id] = as_roles(subtype, f"groups[{id!r}]", roles)
    return found
