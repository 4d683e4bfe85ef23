"""What the pages of the sandbox are given, and what many of them look up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from kalbio._core.emulator.pages import visits
from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox.store import Store

Visit = visits.Visit[Store]
Pages = visits.Pages[Store]


def count(store: Store, kind: str) -> int:
    """How many documents of a kind there are."""
    return int(store.rows("select count(*) from document where kind = ?", kind)[0][0])


def newest(store: Store, kind: str, limit: int, offset: int = 0) -> list[Document]:
    """Documents of a kind, newest first."""
    return newest_of(store, "kind = ?", [kind], limit, offset)


def newest_of(store: Store, condition: str, given: Sequence[object], limit: int, offset: int) -> list[Document]:
    """Documents that meet a condition, newest first. Bodies are read of these alone, however many there are before."""
    rows = store.rows(
        "select body from document where seq in (select seq from document"  # noqa: S608  conditions are fixed texts
        f" where {condition} order by seq desc limit ? offset ?) order by seq desc",
        *(*given, limit, offset),
    )
    return [json.loads(body) for (body,) in rows]


def by_id(store: Store, kind: str, ids: Iterable[str | None]) -> dict[str, Document]:
    """Documents of a kind by id, of those ids that exist."""
    sql = "select id, body from document where kind = ? and id in (select value from json_each(?))"
    rows = store.rows(sql, kind, id_list({id_ for id_ in ids if id_}))
    return {id_: json.loads(body) for id_, body in rows}


def titles(store: Store, ids: Iterable[str | None]) -> dict[str, str]:
    """The titles of activities and programs by id."""
    sql = (
        "select id, json_extract(body, '$.title') from document where kind in ('activity', 'program')"
        " and id in (select value from json_each(?))"
    )
    return dict(store.rows(sql, id_list({id_ for id_ in ids if id_})))


def user_names(store: Store) -> dict[str, str]:
    """The names of all users by id."""
    return {user["id"]: user["full_name"] for user in store.all("user")}


def type_name(store: Store, piece: Document) -> str:
    """The name of an entity type; one of several keys has none of its own, and is called after these.

    By the rule of the client, which the sandbox does not import: in the order in which key fields are listed.
    """
    if piece["slice_name"]:
        return str(piece["slice_name"])
    return " + ".join(key["field_name"] for key in store.all("key_field") if key["id"] in piece["key_field_ids"])
