"""Which person of the registry a user is: many writes need to know."""

from __future__ import annotations

from kalbio._core.emulator.refusals import Refusal
from kalbio.provena.sandbox.store import Store

KIND = "link"


def person_of(store: Store, username: str) -> str | None:
    """The id of the person that a user is linked to, None when there is none."""
    link = store.get(KIND, username)
    return None if link is None else link["person_id"]


def require_person(store: Store, username: str) -> str:
    """The id of the person that a user is linked to, or the refusal of what needs one."""
    person_id = person_of(store, username)
    if person_id is None:
        raise Refusal(
            400,
            "In order to perform this operation you must link your User account to a Person in the registry.",
        )
    return person_id


def link(store: Store, username: str, person_id: str) -> None:
    """Link a user to a person, instead of the one before."""
    clear(store, username)
    store.add(KIND, {"id": username, "person_id": person_id}, parent=person_id)


def clear(store: Store, username: str) -> None:
    """Link a user to nobody."""
    store.run("delete from document where kind = ? and id = ?", KIND, username)


def users_of(store: Store, person_id: str) -> list[str]:
    """The users that are linked to a person."""
    return [one["id"] for one in store.all(KIND, person_id)]
