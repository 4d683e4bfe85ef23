"""Dashboards: summaries of records and record sets, with categories. They are made elsewhere; here they are filled."""

from __future__ import annotations

from kalbio._core.emulator.calls import NO_CONTENT, Answer
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import events, fields
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.membership import need_records
from kalbio.sandbox.store import Store

routes = Routes()


@routes.operation("listDashboards")
def list_dashboards(call: Call) -> list[Document]:
    """All dashboards, oldest first."""
    return call.store.all("dashboard")


@routes.operation("listDashboardCategories")
def list_dashboard_categories(call: Call) -> list[Document]:
    """The categories of a dashboard, oldest first."""
    return call.store.all("category", call.store.need("dashboard", call.path["dashboard_id"])["id"])


@routes.operation("createDashboardCategory")
def create_dashboard_category(call: Call) -> Document:
    """A new category; all it names must exist."""
    store, body = call.store, call.body
    dashboard = call.store.need("dashboard", call.path["dashboard_id"])
    definition_ids, label_ids = body.get("operation_definition_ids", []), body.get("label_ids", [])
    field_ids = body.get("field_ids", [])
    for definition_id in definition_ids:
        call.store.need("definition", definition_id, status=400)
    for label_id in [label_id for group in label_ids for label_id in group]:
        call.store.need("label", label_id, status=400)
    for field_id in field_ids:
        if fields.find_field(store, field_id) is None:
            raise Refusal(400, f"field {field_id} does not exist")
    category = add_category(store, dashboard, body["category_name"], definition_ids, label_ids, field_ids)
    events.log(store, "dashboard_category", "created", category["id"], {"dashboard_id": dashboard["id"]})
    return category


@routes.operation("deleteDashboardCategory")
def delete_dashboard_category(call: Call) -> Answer:
    """Remove a category."""
    dashboard = call.store.need("dashboard", call.path["dashboard_id"])
    category = call.store.need("category", call.path["category_id"])
    if category["dashboard_id"] != dashboard["id"]:
        raise Refusal(404, f"dashboard {dashboard['id']} has no category {category['id']}")
    call.store.retire("category", category["id"])
    events.log(call.store, "dashboard_category", "deleted", category["id"], {"dashboard_id": dashboard["id"]})
    return NO_CONTENT


@routes.operation("addDashboardRecord")
def add_dashboard_record(call: Call) -> Document:
    """Show a record; one that is shown stays where it is. The answer is the dashboard."""
    call.store.need("dashboard", call.path["dashboard_id"])
    need_records(call.store, [call.body["record_id"]])
    return _add(call, "record_ids", call.body["record_id"])


@routes.operation("removeDashboardRecord")
def remove_dashboard_record(call: Call) -> Answer:
    """Show a record no longer."""
    return _remove(call, "record_ids", call.path["record_id"])


@routes.operation("addDashboardSet")
def add_dashboard_set(call: Call) -> Document:
    """Show a record set. The answer is the dashboard."""
    call.store.need("dashboard", call.path["dashboard_id"])
    return _add(call, "record_set_ids", call.store.need("record_set", call.body["set_id"], status=400)["id"])


@routes.operation("removeDashboardSet")
def remove_dashboard_set(call: Call) -> Answer:
    """Show a record set no longer."""
    return _remove(call, "record_set_ids", call.path["set_id"])


def add_category(
    store: Store,
    dashboard: Document,
    name: str,
    definition_ids: list[str],
    label_ids: list[list[str]],
    field_ids: list[str],
    id: str | None = None,
) -> Document:
    """Keep a new category."""
    category = {
        "id": id or store.new_id(),
        "dashboard_id": dashboard["id"],
        "category_name": name,
        "operation_definition_ids": definition_ids,
        "label_ids": label_ids,
        "field_ids": field_ids,
    }
    return store.add("category", category, parent=dashboard["id"])


def _add(call: Call, key: str, id: str) -> Document:
    dashboard = call.store.need("dashboard", call.path["dashboard_id"])
    return _change(call, dashboard, key, list(dict.fromkeys([*dashboard[key], id])))


def _remove(call: Call, key: str, id: str) -> Answer:
    dashboard = call.store.need("dashboard", call.path["dashboard_id"])
    if id not in dashboard[key]:
        raise Refusal(404, f"dashboard {dashboard['id']} does not show {id}")
    _change(call, dashboard, key, [other for other in dashboard[key] if other != id])
    return NO_CONTENT


def _change(call: Call, dashboard: Document, key: str, ids: list[str]) -> Document:
    changed = dashboard | {key: ids}
    events.log(call.store, "dashboard", "updated", dashboard["id"], events.changes(dashboard, changed))
    return call.store.put("dashboard", changed)
