"""Entity types, each as a table of records and fields. All of its state is in the URL: filters, sort, text, page."""

from __future__ import annotations

import json

from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Page, Paging, Query, paging
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import membership, views
from kalbio.sandbox.pages.filters import GROUPS, Filter, filters_of
from kalbio.sandbox.pages.tables import fields_in_type, rows_of
from kalbio.sandbox.pages.visits import Pages, Visit, by_id, type_name
from kalbio.sandbox.queries import Columns, select_records
from kalbio.sandbox.store import Store

pages = Pages()

_WIDEST = 40
_CRUMBS = (("Entity types", f"{PREFIX}/entities"),)
_THERE = "slice_id = ? and archived = 0 and draft_of is null"


@pages.get(f"{PREFIX}/entities")
def entity_types(visit: Visit) -> Page:
    """All entity types, with how many records each has."""
    store = visit.store
    types = [piece for piece in store.all("slice") if not piece["hidden"]]
    keys = {field["id"]: field["field_name"] for field in store.all("key_field")}
    counts = dict(
        store.rows("select slice_id, count(*) from record where archived = 0 and draft_of is null group by slice_id")
    )
    shown = [
        (piece, type_name(store, piece), [keys[id_] for id_ in piece["key_field_ids"]], counts.get(piece["id"], 0))
        for piece in types
    ]
    return Page("entities.html", "Entity types", {"types": shown})


@pages.get(f"{PREFIX}/entities/{{type_id}}")
def entity_type(visit: Visit) -> Page:
    """The records of a type: the page of them that the URL asks for."""
    store, query = visit.store, visit.query
    piece = store.need("slice", visit.path["type_id"])
    keys = by_id(store, "key_field", piece["key_field_ids"])
    filled = fields_in_type(store, piece["id"])
    tables = _views(store, piece["id"])
    view = next((view for view in tables if view["id"] == query.get("view")), None)
    filters: list[Filter] = []
    problem, ids, part = "", list[str](), paging(query, 0)
    try:
        filters = filters_of(query)
        ids, part = _chosen(store, piece["id"], query, filters, view)
    except Refusal as refusal:
        problem = refusal.message
    fields = _columns(store, filled, view, filters, query.get("sort").removeprefix("-"))
    more = 0 if query.get("fields") == "all" or view else max(0, len(fields) - _WIDEST)
    fields = fields[: len(fields) - more]
    known = {**keys, **by_id(store, "data_field", [one.field_id for one in filters])}
    context = {
        "piece": piece,
        "keys": [keys[id_] for id_ in piece["key_field_ids"]],
        "fields": fields,
        "more": more,
        "rows": rows_of(store, ids, fields),
        "paging": part,
        "filters": [
            (known[one.field_id]["field_name"] if one.field_id in known else one.field_id, one, _without(query, n))
            for n, one in enumerate(filters)
        ],
        "groups": GROUPS,
        "choices": [*keys.values(), *filled],
        "views": tables,
        "view": view,
        "problem": problem,
        "is_narrowed": bool(filters or query.get("search")),
    }
    status = 400 if problem else 200
    return Page("entity_type.html", type_name(store, piece), context, _CRUMBS, status)


def _chosen(
    store: Store, slice_id: str, query: Query, filters: list[Filter], view: Document | None
) -> tuple[list[str], Paging]:
    """Ids of the records on this page, of those that the search of the API finds; without a sort, by key."""
    sort, text = query.get("sort"), query.get("search")
    is_limited = view is not None and (view["record_set_ids_filter"] or view["record_ids_filter"])
    if not (filters or sort or text or is_limited):
        part = paging(query, store.rows(f"select count(*) from record where {_THERE}", slice_id)[0][0])  # noqa: S608
        by_keys = f"select id from record where {_THERE} order by identity limit ? offset ?"  # noqa: S608  by an index
        rows = store.rows(by_keys, slice_id, part.size, part.offset)
        return [id_ for (id_,) in rows], part
    asked: Document = {"entity_slice_id": slice_id}
    if filters:
        asked["entity_field_filters"] = [one.condition() for one in filters]
    if text:
        asked["search_text"] = text
    if sort:
        asked["entity_field_sorts"] = [{"field_id": sort.removeprefix("-"), "descending": sort.startswith("-")}]
    ids = select_records(store, asked, None, Columns(store), order="identity")
    if view is not None:
        ids = membership.allowed_by(store, view, ids)
    part = paging(query, len(ids))
    return ids[part.offset : part.offset + part.size], part


def _views(store: Store, slice_id: str) -> list[Document]:
    """The views of an entity type that are neither tables of an activity nor templates."""
    rows = store.rows(
        "select body from document where kind = 'view' and parent is null"
        " and json_extract(body, '$.entity_slice_id') = ? order by seq",
        slice_id,
    )
    found = [json.loads(body) for (body,) in rows]
    return [view for view in found if not (view["operation_ids"] or view["is_template"])]


def _columns(
    store: Store, filled: list[Document], view: Document | None, filters: list[Filter], sort: str
) -> list[Document]:
    """The fields to show: those of the view, or all that are filled; and always those that the URL speaks of."""
    if view is not None:
        chosen = by_id(store, "data_field", views.data_field_ids(view))
        return [chosen[id_] for id_ in views.data_field_ids(view) if id_ in chosen]
    named = {sort, *(one.field_id for one in filters)}
    return sorted(filled, key=lambda field: field["id"] not in named) if named - {""} else filled


def _without(query: Query, number: int) -> str:
    """The query without one of its conditions."""
    kept = [one for n, one in enumerate(filters_of(query)) if n != number]
    names = ("field", "rule", "value")
    members = [pair for one in kept for pair in zip(names, (one.field_id, one.rule, one.text), strict=True)]
    return query.with_members(members, without=(*names, "page"))
