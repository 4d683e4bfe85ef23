"""A record: its values as they are now, how they came about, and where it is used."""

from __future__ import annotations

import json

from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Page, paging
from kalbio._core.emulator.refusals import Refusal
from kalbio.sandbox.pages.visits import Pages, Visit, by_id, titles, type_name, user_names
from kalbio.sandbox.results import key_values

pages = Pages()

_RELATIVES = (
    "select r.id, r.identifier, r.slice_id from sub_record s join record r on r.id = {other}"
    " where {own} = ? and r.archived = 0 order by r.identifier limit 100"
)


@pages.get(f"{PREFIX}/records/{{record_id}}")
def record(visit: Visit) -> Page:
    """The values of a record, and the history of all of them or of one field."""
    store, record_id = visit.store, visit.path["record_id"]
    found = store.rows(
        "select identifier, slice_id, created, draft_of from record where id = ? and archived = 0", record_id
    )
    if not found:
        raise Refusal(404, "There is no such record.")
    identifier, slice_id, created, draft_of = found[0]
    piece = store.need("slice", slice_id)
    keys = key_values(store, record_id)
    current = store.rows(
        "select field_id, operation_id, view_id, content, max(created), created_by, import_id, count(*) from value"
        " where record_id = ? group by field_id, operation_id, view_id",
        record_id,
    )
    field_id = visit.query.get("field")
    narrowed = " and field_id = ?" if field_id else ""
    given = (record_id, field_id) if field_id else (record_id,)
    total = store.rows(f"select count(*) from value where record_id = ?{narrowed}", *given)[0][0]  # noqa: S608
    part = paging(visit.query, total, 25)
    history = store.rows(
        "select field_id, operation_id, view_id, content, created, created_by, import_id from value"  # noqa: S608
        f" where record_id = ?{narrowed} order by created desc limit ? offset ?",
        *(*given, part.size, part.offset),
    )
    fields = by_id(store, "data_field", {row[0] for row in (*current, *history)} | {field_id})
    operations = [row[0] for row in store.rows(
        "select operation_id from membership where record_id = ? group by operation_id order by min(joined) desc"
        " limit 100", record_id,
    )]  # fmt: skip
    order = {field["id"]: n for n, field in enumerate(store.all("data_field"))}
    context = {
        "record_id": record_id,
        "piece": piece,
        "type_name": type_name(store, piece),
        "created": created,
        "draft_of": draft_of,
        "keys": [(by_id(store, "key_field", keys)[id_]["field_name"], text) for id_, text in keys.items()],
        "current": [
            (fields[row[0]], json.loads(row[3]), row) for row in sorted(current, key=lambda row: order[row[0]])
        ],
        "history": [(fields[row[0]], json.loads(row[3]), row) for row in history],
        "paging": part,
        "field": fields.get(field_id),
        "titles": titles(store, [*operations, draft_of, *(row[1] for row in (*current, *history))]),
        "views": by_id(store, "view", {row[2] for row in (*current, *history)}),
        "operations": by_id(store, "activity", operations),
        "names": user_names(store),
        "parents": store.rows(_RELATIVES.format(other="s.parent_id", own="s.child_id"), record_id),
        "children": store.rows(_RELATIVES.format(other="s.child_id", own="s.parent_id"), record_id),
    }
    above = (("Entity types", f"{PREFIX}/entities"), (context["type_name"], f"{PREFIX}/entities/{slice_id}"))
    return Page("record.html", identifier, context, above[:1] if piece["hidden"] else above)
