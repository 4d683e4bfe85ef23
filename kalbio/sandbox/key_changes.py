"""Changes of the key fields of a record view: it moves to another slice, and records go with it under new keys."""

from __future__ import annotations

from collections.abc import Iterable

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import events, fields, membership, records, views
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.results import key_values
from kalbio.sandbox.view_parts import without

routes = Routes()


@routes.operation("addRecordViewKeyField")
def add_record_view_key_field(call: Call) -> Document:
    """The view moves to the slice with one key more; the listed records go with it, all others stay where they are."""
    store, body = call.store, call.body
    view, piece = _need_view(call)
    target = _target(call, piece, [body["new_key_field_name"]], ())
    transfers = body.get("records_to_transfer") or ()
    own = {one["record_id"]: key_values(store, one["record_id"]) for one in transfers}
    moved = _transfer(call, view, target, transfers, own)
    events.log(store, "record_view", "updated", view["id"], _attrs(view["id"], piece, target, moved))
    changed = {"entity_slice_id": target["id"], "updated_at": store.stamp(), "last_updated_by": store.user_id}
    return views.shown_view(store, store.put("view", view | changed))


@routes.operation("replaceRecordViewKeyFields")
def replace_record_view_key_fields(call: Call) -> Document:
    """A copy of the view on the slice of the new keys, with all its records; the view that was asked for stays."""
    store, body = call.store, call.body
    view, piece = _need_view(call)
    removed = body.get("remove_key_field_ids", ())
    target = _target(call, piece, body.get("add_key_field_names", ()), removed)
    transfers = body.get("records_to_transfer") or ()
    left_out = set(membership.records_of_view(store, view)) - {one["record_id"] for one in transfers}
    if left_out:
        raise Refusal(400, f"records of the view are not listed: {', '.join(sorted(left_out)[:5])}")
    moved = _transfer(call, view, target, transfers, {})
    operation_ids = view["operation_ids"]
    source = without(view, removed)
    copy = views.add_view(
        store, view["view_name"], target["id"], source=source, operation_id=operation_ids[0] if operation_ids else None
    )
    views.move_rows(store, view["id"], copy["id"])
    events.log(store, "record_view", "created", copy["id"], _attrs(view["id"], piece, target, moved))
    copy = store.put("view", copy | {"operation_definition_ids": view["operation_definition_ids"]})
    return views.shown_view(store, copy)


def _need_view(call: Call) -> tuple[Document, Document]:
    """The view and its slice. Templates hold no records, and staging tables have keys of their own."""
    view = call.store.need("view", call.path["view_id"])
    piece = call.store.need("slice", view["entity_slice_id"], status=400)
    if view["is_template"] or piece["hidden"]:
        raise Refusal(400, f"key fields of record view {view['id']} cannot be changed: template or staging table")
    return view, piece


def _target(call: Call, piece: Document, add: Iterable[str], remove: Iterable[str]) -> Document:
    """The slice of the new keys, made when there is none."""
    own, gone = piece["key_field_ids"], set(remove)
    strangers = gone - set(own)
    if strangers:
        raise Refusal(400, f"the view has no key field {min(strangers)}")
    added = []
    for name in dict.fromkeys(add):
        if not name:
            raise Refusal(400, "a key field has no name")
        key = fields.ensure_key_field(call.store, name)[0]["id"]
        if key in own:
            raise Refusal(400, f"the view has the key field {name!r} already")
        added.append(key)
    wanted = [key for key in own if key not in gone] + added
    if not wanted:
        raise Refusal(400, "a view needs a key field")
    if not added and not gone:
        raise Refusal(400, "no key field is added or removed")
    return fields.ensure_slice(call.store, wanted)


def _transfer(
    call: Call, view: Document, target: Document, transfers: Iterable[Document], own: dict[str, dict[str, str]]
) -> list[str]:
    """Give records new keys, where `own` has what a transfer need not say; gives their ids."""
    here = set(membership.records_of_view(call.store, view))
    names = {}
    for field_id in target["key_field_ids"]:
        names[call.store.need("key_field", field_id, status=400)["field_name"]] = field_id
    keys: dict[str, dict[str, str]] = {}
    for one in transfers:
        record_id, given = one["record_id"], one["key_field_name_to_value"]
        if record_id not in here:
            raise Refusal(400, f"record {record_id} is not on the view")
        if record_id in keys:
            raise Refusal(400, f"record {record_id} is listed twice")
        unknown = given.keys() - names.keys()
        if unknown:
            raise Refusal(400, f"{min(unknown)!r} is not a key field of the view after the change")
        known = own.get(record_id, {})
        values = {field_id: given.get(name) or known.get(field_id, "") for name, field_id in names.items()}
        missing = [name for name, field_id in names.items() if not values[field_id]]
        if missing:
            raise Refusal(400, f"record {record_id} has no value for {missing[0]!r}")
        keys[record_id] = values
    records.move(call.store, target, keys)
    return list(keys)


def _attrs(view_id: str, piece: Document, target: Document, moved: list[str]) -> Document:
    slices = [{"field": "entity_slice_id", "old": piece["id"], "new": target["id"]}]
    return {"source_view_id": view_id, "changes": slices, "record_ids": moved}
