"""Items of the registry, as a table and one by one."""

from __future__ import annotations

import json
from typing import Any

from kalbio._core.emulator.access_log import without_secrets
from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Page, paging
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import items, links
from kalbio.provena.sandbox.contract import load_contract
from kalbio.provena.sandbox.pages import datasets, neighbourhood
from kalbio.provena.sandbox.pages.visits import Pages, Values, Visit, item_path, member_of, micros, subtype_words
from kalbio.provena.sandbox.store import Store

pages = Pages()

_SORTS = {"name": "display_name", "updated": "updated_timestamp", "created": "created_timestamp"}
_NEWEST_FIRST = "-updated"
_MOST_ENTRIES = 50


@pages.get(f"{PREFIX}/items")
def all_items(visit: Visit) -> Page:
    """Items by subtype and name."""
    store, query = visit.store, visit.query
    subtype, name, sort = query.get("subtype"), query.get("name").strip(), query.get("sort", _NEWEST_FIRST)
    member = _SORTS.get(sort.removeprefix("-"))
    if member is None:
        raise Refusal(400, f"Items are sorted by {', '.join(_SORTS)}, not by {sort[:40]!r}.")
    where, values = "kind = 'item'", []
    if subtype:
        where, values = f"{where} and parent = ?", [subtype]
    if name:
        where += " and (instr(lower(json_extract(body, '$.display_name')), lower(?)) or id = ?)"
        values += [name, name]
    total = store.rows(f"select count(*) from document where {where}", *values)[0][0]  # noqa: S608
    part = paging(query, total)
    order = "desc" if sort.startswith("-") else "asc"
    # The order of an index, which has all that is needed to get past the pages before.
    chosen = store.rows(
        f"select seq from document indexed by item_{member}{'_of' if subtype else ''} where {where} "  # noqa: S608
        f"order by json_extract(body, '$.{member}') {order}, id {order} limit ? offset ?",
        *values, part.size, part.offset,
    )  # fmt: skip
    bodies = dict(
        store.rows(
            "select seq, body from document where seq in (select value from json_each(?))",
            json.dumps([seq for (seq,) in chosen]),
        )
    )
    known = load_contract().spec["x-registry-subtypes"]
    context = {
        "items": rows_of(store, [json.loads(bodies[seq]) for (seq,) in chosen]),
        "paging": part,
        "subtype": subtype,
        "subtypes": [(one, subtype_words(one)) for one in known],
        "name": name,
        "sort": sort,
    }
    title = f"Items: {subtype_words(subtype)}" if subtype in known else "Items"
    return Page("items.html", title, context)


@pages.get(f"{PREFIX}/items/{{id}}")
def item(visit: Visit) -> Page:
    """One item: its data, what it has to do with others, and what became of it."""
    store, id = visit.store, visit.path["id"]
    found = store.get(items.ITEM, id)
    if found is None:
        raise Refusal(404, "There is no such item in the registry.")
    access, lock = items.settings(store, id), items.lock(store, id)
    hidden = {"display_name", "release_history"}
    data = {name: value for name, value in items.data_of(found).items() if name not in hidden}
    own = {
        name: found[name]
        for name in ("owner_username", "created_timestamp", "updated_timestamp", "versioning_info", "workflow_links")
        if found.get(name)
    }
    reviews = found.get("release_history") or []
    values = Values(store, data, own, access, lock, reviews)
    context = {
        "item": _row(found, is_locked=bool(lock["locked"])),
        "own": values.show(own),
        "data": values.show(data),
        "reviews": values.show(reviews),
        "access": access,
        "roles": items.roles_for(found["item_subtype"]),
        "lock_history": values.show(lock["history"]),
        "users": links.users_of(store, id),
        "history": _history(found),
        "files": datasets.files_of(store, found),
        "around": neighbourhood.around(store, id, min(visit.query.number("depth", 1), neighbourhood.DEEPEST)),
        "json": without_secrets(json.dumps(found, indent=2, ensure_ascii=False)),
    }
    subtype = found["item_subtype"]
    crumbs = (("Items", f"{PREFIX}/items"), (subtype_words(subtype), f"{PREFIX}/items?subtype={subtype}"))
    return Page("item.html", str(found.get("display_name") or id), context, crumbs)


def rows_of(store: Store, found: list[Document]) -> list[dict[str, Any]]:
    """Items as rows of a table."""
    locked = store.rows(
        "select id from document where kind = ? and id in (select value from json_each(?))"
        " and json_extract(body, '$.lock_information.locked')",
        items.LOCK, id_list(one["id"] for one in found),
    )  # fmt: skip
    ids = {row[0] for row in locked}
    return [_row(one, is_locked=one["id"] in ids) for one in found]


def _row(item: Document, *, is_locked: bool) -> dict[str, Any]:
    return {
        "name": str(item.get("display_name") or item["id"]),
        "id": item["id"],
        "path": item_path(item["id"]),
        "subtype": item["item_subtype"],
        "words": subtype_words(item["item_subtype"]),
        "owner": item.get("owner_username"),
        "updated": micros(item.get("updated_timestamp")),
        "version": member_of(item, "versioning_info", "version"),
        "is_seed": item["record_type"] == "SEED_ITEM",
        "is_locked": is_locked,
    }


def _history(item: Document) -> list[dict[str, Any]]:
    """The entries of the history, newest first, with the members that differ from the entry before."""
    entries = (item.get("history") or [])[: _MOST_ENTRIES + 1]
    told = []
    for position, entry in enumerate(entries[:_MOST_ENTRIES]):
        new = entry.get("item") or {}
        old = entries[position + 1].get("item") or {} if position + 1 < len(entries) else None
        changed = [] if old is None else sorted(one for one in {*new, *old} if new.get(one) != old.get(one))
        told.append({**entry, "at": micros(entry.get("timestamp")), "changed": changed, "is_first": old is None})
    return told
