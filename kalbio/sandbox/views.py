"""Record views: tables on one entity slice, and the templates that operations' tables are made from."""

from __future__ import annotations

from collections.abc import Iterable

from kalbio.sandbox import fields
from kalbio.sandbox.calls import Call, Refusal, operation
from kalbio.sandbox.store import Document, Store


@operation("listRecordViews")
def list_record_views(call: Call) -> list[Document]:
    """All views, oldest first; templates and staging tables are among them."""
    return call.store.all("view")


@operation("listRecordViewTemplates")
def list_record_view_templates(call: Call) -> list[Document]:
    """The templates among the views."""
    return [view for view in call.store.all("view") if view["is_template"]]


@operation("getRecordViewTemplate")
def get_record_view_template(call: Call) -> Document:
    """One template."""
    view = call.need("view", call.path["template_id"])
    if not view["is_template"]:
        raise Refusal(404, f"record view {view['id']} is no template")
    return view


def add_view(
    store: Store,
    name: str,
    slice_id: str,
    data_field_ids: Iterable[str] = (),
    *,
    operation_id: str | None = None,
    template: Document | None = None,
    is_template: bool = False,
    id: str | None = None,
) -> Document:
    """Keep a new view, with columns of its own for these data fields."""
    now = store.stamp()
    shared = ("program_ids", "filters", "sorts", "color_filters", "sort_order", "sort_descending", "view_mode")
    return store.add(
        "view",
        {
            "id": id or store.new_id(),
            "workspace_id": store.workspace_id,
            "created_by": store.user_id,
            "program_ids": [],
            "entity_slice_id": slice_id,
            "record_set_ids": [],
            "view_name": name,
            "last_updated_by": store.user_id,
            "is_deleted": False,
            "created_at": now,
            "updated_at": now,
            "is_archived": False,
            "sorts": [],
            "filters": [],
            "color_filters": [],
            "view_fields": [view_field(store, field_id) for field_id in data_field_ids],
            "operation_ids": [operation_id] if operation_id else [],
            "operation_definition_ids": [],
            "readonly_operation_ids": [],
            "readonly_operation_definition_ids": [],
            "sort_order": None,
            "sort_descending": None,
            "record_set_ids_filter": [],
            "record_ids_filter": [],
            "incrementing_field_ids": [],
            "view_mode": "table",
            "parent_record_view_id": template["id"] if template else None,
            "is_template": is_template,
            "template_name": name if is_template else None,
            "group_by_mode": None,
            "group_by_field_id": None,
        }
        | ({key: template[key] for key in shared} if template else {}),
        parent=operation_id,
    )


def view_field(store: Store, data_field_id: str) -> Document:
    """A column of a view."""
    return {
        "id": store.new_id(),
        "data_field_id": data_field_id,
        "lookup_field_id": None,
        "plot_field_id": None,
        "aggregation_type": None,
        "sort_behavior": None,
    }


def data_field_ids(view: Document) -> list[str]:
    """The data fields of a view, in column order."""
    return [column["data_field_id"] for column in view["view_fields"] if column["data_field_id"]]


def add_columns(store: Store, view: Document, new: Iterable[str]) -> None:
    """Give a view columns for data fields it does not have yet."""
    missing = [field_id for field_id in new if field_id not in data_field_ids(view)]
    if missing:
        view["view_fields"] += [view_field(store, field_id) for field_id in missing]
        store.put("view", view | {"updated_at": store.stamp()})


def make_tables(store: Store, activity: Document, definition: Document | None) -> None:
    """The tables a new operation gets: those of its definition's layout, or one Main table.

    Without a slice in the workspace there is nothing a Main table could be on, and none is made.
    """
    templates = [
        template
        for item in (definition["content_layout"] if definition else ())
        if item["component_type"] == "result_table" and (template := store.get("view", item["record_view_id"]))
    ]
    for template in templates:
        name = f"{activity['title']} {template['view_name']}"
        columns = data_field_ids(template)
        add_view(store, name, template["entity_slice_id"], columns, operation_id=activity["id"], template=template)
    slices = [piece["id"] for piece in store.all("slice") if not piece["hidden"]]
    if not templates and slices:
        slice_id = (definition and definition["enforce_slice_id"]) or slices[0]
        add_view(store, f"{activity['title']} Main", slice_id, operation_id=activity["id"])


def make_staging_table(store: Store, activity: Document, definition: Document) -> None:
    """The staging table of an operation, when its definition has table-based registration and it has none yet."""
    template_id = definition["registration_staging_template_view_id"]
    if template_id is None or activity["registration_staging_record_view_id"] is not None:
        return
    template = store.get("view", template_id)
    if template is None:
        raise Refusal(400, f"record view {template_id} does not exist")
    name = f"{activity['title']} Staging"
    slice_id, columns = draft_slice(store, template["entity_slice_id"])["id"], data_field_ids(template)
    view = add_view(store, name, slice_id, columns, operation_id=activity["id"], template=template)
    activity["registration_staging_record_view_id"] = view["id"]
    store.put("activity", activity)


def draft_slice(store: Store, slice_id: str) -> Document:
    """The hidden slice of the drafts of a slice: its keys and the one that makes every draft unique."""
    piece = store.get("slice", slice_id)
    if piece is None:
        raise Refusal(400, f"entity slice {slice_id} does not exist")
    return fields.ensure_slice(store, [*piece["key_field_ids"], fields.draft_key(store)["id"]], hidden=True)
