"""Which records an operation holds: attached to it, or in one of its tables."""

from __future__ import annotations

from collections.abc import Iterable

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox.store import Store

OPERATION_TYPES = ("experiment", "cycle")


def join(store: Store, operation_id: str, record_ids: Iterable[str], view_id: str = "") -> None:
    """Make records members of an operation, or of one of its tables. Members stay as they are."""
    store.run_many(
        "insert or ignore into membership values (?, ?, ?, ?)",
        [(operation_id, view_id, record_id, store.tick()) for record_id in record_ids],
    )


def attach(store: Store, activity: Document, record_ids: Iterable[str]) -> None:
    """Attach records to an operation, which puts them on its tables."""
    record_ids = list(record_ids)
    join(store, activity["id"], record_ids)
    for view_id in _tables_of_attached(store, activity):
        join(store, activity["id"], record_ids, view_id)


def fill(store: Store, activity: Document, view_id: str) -> None:
    """Put the records that are attached to an operation on a table that it has just got."""
    if view_id in _tables_of_attached(store, activity):
        sql = "select record_id from membership where operation_id = ? and view_id = '' order by joined"
        join(store, activity["id"], [row[0] for row in store.rows(sql, activity["id"])], view_id)


def clear(store: Store, view_id: str) -> None:
    """Take all records off a table; values stay."""
    store.run("delete from membership where view_id = ?", view_id)


def _tables_of_attached(store: Store, activity: Document) -> list[str]:
    """The tables that attached records are on: those that the definition names, or all."""
    definition = store.get("definition", activity["definition_id"]) if activity["definition_id"] else None
    named = definition["view_ids_to_add_to_when_record_attached"] if definition else []
    if named:
        return [view_id for template_id in named if (view_id := table_of(store, activity["id"], template_id))]
    staging_id = activity["registration_staging_record_view_id"]
    return [view["id"] for view in store.all("view", activity["id"]) if view["id"] != staging_id]


def members(store: Store, operation_id: str, view_id: str | None = None) -> list[str]:
    """Ids of the records of an operation or of one of its tables, in the order they joined."""
    sql = """select m.record_id from membership m join record r on r.id = m.record_id
             where m.operation_id = ? and r.archived = 0"""
    if view_id is None:
        rows = store.rows(f"{sql} group by m.record_id order by min(m.joined)", operation_id)
    else:
        rows = store.rows(f"{sql} and m.view_id = ? order by m.joined", operation_id, view_id)
    return [row[0] for row in rows]


def leave(store: Store, operation_id: str, record_ids: Iterable[str], view_id: str | None = None) -> None:
    """Take records out of an operation (or of one table); what they hold as values there goes with them."""
    chosen = id_list(record_ids)
    given = (operation_id, chosen, view_id, view_id)
    store.run(
        "delete from membership where operation_id = ? and record_id in (select value from json_each(?))"
        " and (? is null or view_id = ?)",
        *given,
    )
    store.run(
        "delete from value where operation_id = ? and record_id in (select value from json_each(?))"
        " and (? is null or view_id = ?)",
        *given,
    )
    # who left its only table is no member any more
    store.run(
        "delete from value where operation_id = ? and record_id in (select value from json_each(?))"
        " and record_id not in (select record_id from membership where operation_id = ?)",
        *(operation_id, chosen, operation_id),
    )


def table_of(store: Store, operation_id: str, template_id: str) -> str | None:
    """The operation's own table made from a template; its staging table is another matter."""
    activity = store.get("activity", operation_id)
    staging_id = activity["registration_staging_record_view_id"] if activity else None
    for view in store.all("view", operation_id):
        if template_id in (view["parent_record_view_id"], view["id"]) and view["id"] != staging_id:
            return str(view["id"])
    return None


def records_of_view(store: Store, view: Document) -> list[str]:
    """What a view shows: the members of a table, or else the records of its slice that its lists allow."""
    if view["operation_ids"]:
        found = [record_id for id_ in view["operation_ids"] for record_id in members(store, id_, view["id"])]
    else:
        sql = "select id from record where slice_id = ? and archived = 0 and draft_of is null order by id"
        found = [row[0] for row in store.rows(sql, view["entity_slice_id"])]
    return allowed_by(store, view, found)


def allowed_by(store: Store, view: Document, record_ids: list[str]) -> list[str]:
    """Those of these records that a view is not limited to exclude: by record sets, and by record ids."""
    if view["record_set_ids_filter"]:
        sql = "select record_id from record_set_member where set_id in (select value from json_each(?))"
        in_sets = {row[0] for row in store.rows(sql, id_list(view["record_set_ids_filter"]))}
        record_ids = [record_id for record_id in record_ids if record_id in in_sets]
    if view["record_ids_filter"]:
        chosen = set(view["record_ids_filter"])
        record_ids = [record_id for record_id in record_ids if record_id in chosen]
    return record_ids


def need_operation(store: Store, operation_id: str, status: int = 404) -> Document:
    """An activity that can hold records, or an error answer."""
    activity = store.get("activity", operation_id)
    if activity is None:
        raise Refusal(status, f"operation {operation_id} does not exist")
    if activity["activity_type"] not in OPERATION_TYPES:
        raise Refusal(status, f"activity {operation_id} is a {activity['activity_type']} and holds no records")
    return activity


def need_record(store: Store, record_id: str, status: int = 404) -> str:
    """The slice id of a record that is there, or an error answer."""
    rows = store.rows("select slice_id from record where id = ? and archived = 0", record_id)
    if not rows:
        raise Refusal(status, f"record {record_id} does not exist")
    return str(rows[0][0])


def need_records(store: Store, record_ids: Iterable[str]) -> list[str]:
    """These ids without repetition, or a 400 that names the unknown ones."""
    wanted = list(dict.fromkeys(record_ids))
    sql = "select id from record where archived = 0 and id in (select value from json_each(?))"
    known = {row[0] for row in store.rows(sql, id_list(wanted))}
    unknown = [record_id for record_id in wanted if record_id not in known]
    if unknown:
        raise Refusal(400, f"records do not exist: {', '.join(unknown[:5])}")
    return wanted
