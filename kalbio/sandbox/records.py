"""Records: identity by key values, membership of operations, and how a record is shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Literal

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document, dumps
from kalbio.sandbox import events, fields
from kalbio.sandbox.activities import shown_activities
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.membership import need_record
from kalbio.sandbox.store import Store
from kalbio.sandbox.times import microseconds, milliseconds

routes = Routes()

# Key values of several keys are joined with this in `record_identifier`, in the order of the slice's key fields.
SEPARATOR = " | "
Form = Literal["list", "single"]


@routes.operation("listRecords")
def list_records(call: Call) -> list[Document]:
    """Records by id, ascending by id whatever was asked; unknown ids are absent."""
    return shown_records(call.store, [part for part in call.query["record_ids"].split(",") if part], "list")


@routes.operation("getRecord")
def get_record(call: Call) -> Document:
    """One record, drafts included."""
    need_record(call.store, call.path["record_id"])
    return shown_records(call.store, [call.path["record_id"]], "single")[0]


@routes.operation("getOrCreateRecord")
def get_or_create_record(call: Call) -> Document:
    """The record with these key values; record and slice are made when there is none."""
    keys = call.body["key_field_to_value"]
    for field_id, value in keys.items():
        call.store.need("key_field", field_id, status=400)
        if not value:
            raise Refusal(400, f"key field {field_id} has no value")
    piece = fields.ensure_slice(call.store, keys)
    record_id, is_new = ensure_record(call.store, piece, keys)
    if is_new:
        events.log(call.store, "record", "created", record_id, {"entity_slice_id": piece["id"]})
    return shown_records(call.store, [record_id], "single")[0]


@routes.operation("identifyRecords")
def identify_records(call: Call) -> list[Document]:
    """One match per look-up, null for a miss; but an empty list for a single look-up that misses."""
    asked = call.query["records_key_field_to_value"]
    slices = {tuple(piece["key_field_ids"]): piece for piece in call.store.all("slice") if not piece["hidden"]}
    found = []
    for keys in asked:
        piece = slices.get(tuple(sorted(keys)))
        found.append(find_record(call.store, piece, keys) if piece else None)
    if found == [None]:
        return []
    shown = {record["id"]: record for record in shown_records(call.store, filter(None, found), "list")}
    return [{"record": shown[record_id] if record_id else None} for record_id in found]


@routes.operation("listRecordOperations")
def list_record_operations(call: Call) -> list[Document]:
    """The activities that contain a record, newest first."""
    record_id = call.path["record_id"]
    need_record(call.store, record_id)
    rows = call.store.rows("select distinct operation_id from membership where record_id = ?", record_id)
    holders = {row[0] for row in rows}
    return shown_activities(call.store, [a for a in reversed(call.store.all("activity")) if a["id"] in holders])


def find_record(store: Store, piece: Document, keys: Mapping[str, str]) -> str | None:
    """The record of a slice with exactly these key values."""
    rows = store.rows(
        "select id from record where slice_id = ? and identity = ? and archived = 0",
        piece["id"],
        identity(piece, keys),
    )
    return str(rows[0][0]) if rows else None


def ensure_record(
    store: Store, piece: Document, keys: Mapping[str, str], operation_id: str | None = None, id: str | None = None
) -> tuple[str, bool]:
    """The record of a slice with these key values, and whether it is new."""
    found = find_record(store, piece, keys)
    if found:
        return found, False
    fields.check_formats(store, keys)
    record_id = id or store.new_id()
    store.run(
        "insert into record (id, slice_id, identity, identifier, created, initial_operation_id) values (?,?,?,?,?,?)",
        *(record_id, piece["id"], identity(piece, keys), identifier(piece, keys), store.tick(), operation_id),
    )
    _link_keys(store, record_id, piece, keys)
    _link_relatives(store, record_id, piece, keys)
    return record_id, True


def add_draft(store: Store, piece: Document, keys: Mapping[str, str], operation_id: str) -> str:
    """A draft of an operation. Its slice is hidden and contains a key that makes every draft unique."""
    fields.check_formats(store, keys)
    record_id = store.new_id()
    store.run(
        "insert into record (id, slice_id, identity, identifier, created, initial_operation_id, draft_of)"
        " values (?,?,?,?,?,?,?)",
        *(record_id, piece["id"], None, identifier(piece, keys), store.tick(), operation_id, operation_id),
    )
    _link_keys(store, record_id, piece, keys)
    return record_id


def move(store: Store, piece: Document, keys_by_record: Mapping[str, Mapping[str, str]]) -> None:
    """Move records to a slice under new keys. They keep their ids, values and places in operations and sets."""
    chosen = id_list(keys_by_record)
    store.run("update record set identity = null where id in (select value from json_each(?))", chosen)
    for table, column in (("record_key", "record_id"), ("sub_record", "parent_id"), ("sub_record", "child_id")):
        store.run(f"delete from {table} where {column} in (select value from json_each(?))", chosen)  # noqa: S608
    for record_id, keys in keys_by_record.items():
        fields.check_formats(store, keys)
        if find_record(store, piece, keys):
            raise Refusal(400, f"a record {identifier(piece, keys)!r} exists already")
        store.run(
            "update record set slice_id = ?, identity = ?, identifier = ? where id = ?",
            *(piece["id"], identity(piece, keys), identifier(piece, keys), record_id),
        )
        _link_keys(store, record_id, piece, keys)
        _link_relatives(store, record_id, piece, keys)


def identifier(piece: Document, keys: Mapping[str, str]) -> str:
    """What a record with these key values is called."""
    return SEPARATOR.join(keys[field_id] for field_id in piece["key_field_ids"])


def identity(piece: Document, keys: Mapping[str, str]) -> str:
    """What tells a record with these key values from the others of its slice."""
    return dumps([keys[field_id] for field_id in piece["key_field_ids"]])


def _link_keys(store: Store, record_id: str, piece: Document, keys: Mapping[str, str]) -> None:
    for position, field_id in enumerate(piece["key_field_ids"]):
        store.run("insert or ignore into key_value values (?, ?, ?)", store.new_id(), field_id, keys[field_id])
        store.run(
            "insert into record_key select ?, ?, id from key_value where field_id = ? and content = ?",
            *(record_id, position, field_id, keys[field_id]),
        )


def _link_relatives(store: Store, record_id: str, piece: Document, keys: Mapping[str, str]) -> None:
    """Connect records whose keys extend one another: the one with more keys is the sub-record."""
    own = set(piece["key_field_ids"])
    for other in store.all("slice"):
        theirs = set(other["key_field_ids"])
        if other["hidden"] or theirs == own:
            continue
        if theirs < own:
            parent = find_record(store, other, keys)
            if parent:
                store.run("insert into sub_record values (?, ?)", parent, record_id)
        elif own < theirs:
            store.run(
                # cross join: begin with the few records that share a key value, not with all of the slice
                """insert into sub_record select ?, k.record_id
                   from record_key k cross join record r on r.id = k.record_id
                   where r.slice_id = ? and k.key_value_id in (select key_value_id from record_key where record_id = ?)
                   group by k.record_id having count(*) = ?""",
                *(record_id, other["id"], record_id, len(own)),
            )


def shown_records(store: Store, record_ids: Iterable[str], form: Form) -> list[Document]:
    """Records as the API shows them, ascending by id.

    Both forms carry the same; in the list form values have microseconds, in the single form milliseconds.
    """
    chosen = id_list(record_ids)
    shown: dict[str, Document] = {}
    for id_, slice_id, identifier, created, operation_id in store.rows(
        "select id, slice_id, identifier, created, initial_operation_id from record"
        " where archived = 0 and id in (select value from json_each(?)) order by id",
        chosen,
    ):
        shown[id_] = {
            "id": id_,
            "created_at": milliseconds(created),
            "entity_slice_id": slice_id,
            "identifier_ids": [],
            "record_identifier": identifier,
            "initial_operation_id": operation_id,
            "workspace_id": store.workspace_id,
            "record_values": {},
            "sub_record_ids": [],
            "excluded_operation_ids": [],
            "operation_records_created_at": {},
        }
    for record_id, id_, field_id, content in store.rows(
        "select k.record_id, v.id, v.field_id, v.content from record_key k join key_value v on v.id = k.key_value_id"
        " where k.record_id in (select value from json_each(?)) order by k.record_id, k.position",
        chosen,
    ):
        if record_id in shown:
            shown[record_id]["identifier_ids"].append(id_)
            shown[record_id]["record_values"][field_id] = [{"id": id_, "content": content}]
    _show_values(store, shown, chosen, form)
    for parent_id, child_id in store.rows(
        "select s.parent_id, s.child_id from sub_record s join record r on r.id = s.child_id"
        " where r.archived = 0 and s.parent_id in (select value from json_each(?)) order by s.child_id",
        chosen,
    ):
        if parent_id in shown:
            shown[parent_id]["sub_record_ids"].append(child_id)
    for operation_id, record_id, joined in store.rows(
        "select operation_id, record_id, min(joined) from membership"
        " where record_id in (select value from json_each(?)) group by record_id, operation_id order by min(joined)",
        chosen,
    ):
        if record_id in shown:
            shown[record_id]["operation_records_created_at"][operation_id] = microseconds(joined)
    for record in shown.values():
        record["record_values"] = dict(sorted(record["record_values"].items()))
    return list(shown.values())


def _show_values(store: Store, shown: dict[str, Document], chosen: str, form: Form) -> None:
    """Add current values: those of the records themselves, and those of their sub-records under the id of these."""
    spell = microseconds if form == "list" else milliseconds
    # In the order of the index, so that nothing has to be sorted: the newest first within a field.
    own = store.rows(
        "select record_id, id, record_id, field_id, operation_id, view_id, content, created from value"
        " where record_id in (select value from json_each(?)) order by record_id desc, field_id desc, created desc",
        chosen,
    )
    inherited = store.rows(
        "select s.parent_id, v.id, v.record_id, v.field_id, v.operation_id, v.view_id, v.content, v.created"
        " from sub_record s join record r on r.id = s.child_id join value v on v.record_id = s.child_id"
        " where r.archived = 0 and s.parent_id in (select value from json_each(?)) order by v.created desc",
        chosen,
    )
    times = {row[1]: row[-1] for row in chain(own, inherited)} if inherited else {}
    seen: set[tuple[str, ...]] = set()
    with_sub_records: dict[str, bool] = {}
    entries: list[Document] = []
    contents: list[str] = []
    for shown_id, id_, record_id, field_id, operation_id, view_id, content, created in chain(own, inherited):
        scope = (shown_id, record_id, field_id, operation_id, view_id)
        if scope in seen or shown_id not in shown:
            continue
        seen.add(scope)
        if record_id != shown_id:
            if field_id not in with_sub_records:
                field = store.get("data_field", field_id)
                with_sub_records[field_id] = bool(field and field["display_includes_sub_records"])
            if not with_sub_records[field_id]:
                continue
        entry = {
            "id": id_,
            "content": None,
            "created_at": spell(created),
            "operation_id": operation_id,
            "record_id": record_id,
            "record_view_id": view_id,
        }
        values = shown[shown_id]["record_values"].setdefault(field_id, [])
        values.append(entry)
        if record_id != shown_id:
            values.sort(key=lambda value: -times[value["id"]])
        entries.append(entry)
        contents.append(content)
    # All at once: there are many, and small.
    for entry, content in zip(entries, json.loads(f"[{','.join(contents)}]"), strict=True):
        entry["content"] = content
