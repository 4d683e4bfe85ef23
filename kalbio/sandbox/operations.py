"""Operations: activities seen from the records they hold."""

from __future__ import annotations

from kalbio._core.emulator.calls import NO_CONTENT, Answer
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import events, membership
from kalbio.sandbox.activities import CLOSED, shown_activities
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.records import shown_records

routes = Routes()


@routes.operation("listOperationRecords")
def list_operation_records(call: Call) -> list[Document]:
    """The records of an operation, in the list form; drafts are not among them."""
    activity = call.store.need("activity", call.path["operation_id"])
    return shown_records(call.store, membership.members(call.store, activity["id"]), "list")


@routes.operation("addOperationRecords")
def add_operation_records(call: Call) -> Answer:
    """Attach records; those that are there stay."""
    activity = membership.need_operation(call.store, call.path["operation_id"])
    added = membership.need_records(call.store, call.body["record_ids"])
    membership.attach(call.store, activity, added)
    events.log(call.store, "task", "updated", activity["id"], {"added_record_ids": added})
    call.store.put("activity", activity | {"last_activity_at": call.store.stamp()})
    return NO_CONTENT


@routes.operation("removeOperationRecords")
def remove_operation_records(call: Call) -> Document:
    """Take records, and the values they hold there, out of an operation or out of one of its tables. All or nothing."""
    store, view_id = call.store, call.body.get("record_view_id")
    activity = membership.need_operation(store, call.path["operation_id"])
    if activity["status"] in CLOSED:
        raise Refusal(409, f"operation {activity['id']} is {activity['status']} and closed for edits")
    if view_id is not None and activity["id"] not in call.store.need("view", view_id, status=400)["operation_ids"]:
        raise Refusal(400, f"record view {view_id} is not a table of operation {activity['id']}")
    here = set(membership.members(store, activity["id"], view_id))
    strangers = [record_id for record_id in call.body["record_ids"] if record_id not in here]
    if strangers:
        raise Refusal(400, f"records are not in operation {activity['id']}: {', '.join(strangers[:5])}")
    membership.leave(store, activity["id"], call.body["record_ids"], view_id)
    activity = store.put("activity", activity | {"last_activity_at": store.stamp()})
    attrs = {"removed_record_ids": call.body["record_ids"], "record_view_id": view_id}
    events.log(store, "task", "updated", activity["id"], attrs)
    return shown_activities(store, [activity])[0]


@routes.operation("postOperationCallback")
def post_operation_callback(call: Call) -> Answer:
    """Keep what an outside service reports about work it was given; it shows as an event of the activity."""
    activity = membership.need_operation(call.store, call.path["operation_id"])
    callback = {"id": call.store.new_id(), "operation_id": activity["id"], "payload": call.body}
    call.store.add("callback", callback, parent=activity["id"])
    attrs = {"callback_id": callback["id"], "payload": call.body}
    events.log(call.store, "task", "callback_received", activity["id"], attrs)
    return NO_CONTENT
