"""Record views: tables on one entity slice, and how operations get theirs."""

from __future__ import annotations

from collections.abc import Iterable

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import fields, layouts, membership
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.store import Store
from kalbio.sandbox.view_parts import copied, view_field

routes = Routes()


@routes.operation("listRecordViews")
def list_record_views(call: Call) -> list[Document]:
    """All views, oldest first; templates and staging tables are among them."""
    return [shown_view(call.store, view) for view in call.store.all("view")]


def shown_view(store: Store, view: Document) -> Document:
    """A view as the API shows it: a table of an operation also belongs to the definition of that operation."""
    owners = [activity for id_ in view["operation_ids"] if (activity := store.get("activity", id_))]
    of_owners = [activity["definition_id"] for activity in owners if activity["definition_id"]]
    return view | {"operation_definition_ids": list(dict.fromkeys([*view["operation_definition_ids"], *of_owners]))}


def add_view(
    store: Store,
    name: str,
    slice_id: str,
    data_field_ids: Iterable[str] = (),
    *,
    operation_id: str | None = None,
    source: Document | None = None,
    template: Document | None = None,
    is_template: bool = False,
    id: str | None = None,
) -> Document:
    """Keep a new view: with columns for these data fields, as a copy of a view, or as a table made from a template."""
    now = store.stamp()
    view: Document = {
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
    original = template or source
    return store.add("view", view | (copied(store, original) if original else {}), parent=operation_id)


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
    """The tables a new operation gets: one for each table in its definition's layout, or one Main table.

    Without a slice in the workspace there is nothing a Main table could be on, and none is made.
    """
    made = ensure_tables(store, activity, definition) if definition else []
    slices = [piece["id"] for piece in store.all("slice") if not piece["hidden"]]
    if not made and slices:
        slice_id = (definition and definition["enforce_slice_id"]) or slices[0]
        add_view(store, f"{activity['title']} Main", slice_id, operation_id=activity["id"])


def ensure_tables(store: Store, activity: Document, definition: Document) -> list[str]:
    """The operation's own tables, one for each table in the layout of a definition, however often it is placed."""
    placed = [
        item["record_view_id"] for item in definition["content_layout"] if item["component_type"] == "result_table"
    ]
    templates = [template for id_ in dict.fromkeys(placed) if (template := store.get("view", id_))]
    return [ensure_table(store, activity, template) for template in templates]


def ensure_table(store: Store, activity: Document, template: Document) -> str:
    """The id of the operation's own table made from a template; there is at most one."""
    found = membership.table_of(store, activity["id"], template["id"])
    if found is None:
        name = f"{activity['title']} {template['view_name']}"
        view = add_view(store, name, template["entity_slice_id"], operation_id=activity["id"], template=template)
        found = str(view["id"])
        membership.fill(store, activity, found)
    return found


def remove_table(store: Store, view: Document, successor: str | None = None) -> None:
    """Delete a table of an operation. Its records and values go to another table, or stay in the operation itself."""
    move_rows(store, view["id"], successor)
    store.retire("view", view["id"])


def move_rows(store: Store, view_id: str, successor: str | None) -> None:
    """Take all records of a table, and the values they hold in it, into another table or the operation itself."""
    store.run(
        "insert or ignore into membership select operation_id, ?, record_id, joined from membership where view_id = ?",
        *(successor or "", view_id),
    )
    store.run("delete from membership where view_id = ?", view_id)
    store.run("update value set view_id = ? where view_id = ?", successor, view_id)


def make_staging_table(store: Store, activity: Document, definition: Document) -> None:
    """The staging table of an operation, when its definition has table-based registration and it has none yet."""
    template_id = definition[layouts.STAGING]
    if template_id is None or activity["registration_staging_record_view_id"] is not None:
        return
    template = store.get("view", template_id)
    if template is None:
        raise Refusal(400, f"record view {template_id} does not exist")
    slice_id = draft_slice(store, template["entity_slice_id"])["id"]
    view = add_view(store, f"{activity['title']} Staging", slice_id, operation_id=activity["id"], template=template)
    activity["registration_staging_record_view_id"] = view["id"]
    store.put("activity", activity)


def remove_staging_table(store: Store, activity: Document) -> None:
    """Delete the staging table of an operation, if it has one. Its drafts stay until they are cleared."""
    view = store.get("view", activity["registration_staging_record_view_id"])
    if view is not None:
        remove_table(store, view)
        store.put("activity", activity | {"registration_staging_record_view_id": None})


def draft_slice(store: Store, slice_id: str) -> Document:
    """The hidden slice of the drafts of a slice: its keys and the one that makes every draft unique."""
    piece = store.get("slice", slice_id)
    if piece is None:
        raise Refusal(400, f"entity slice {slice_id} does not exist")
    return fields.ensure_slice(store, [*piece["key_field_ids"], fields.draft_key(store)["id"]], hidden=True)
