"""Result table templates: views that the tables of operations are made from, and their links to definitions."""

from __future__ import annotations

from kalbio._core.emulator.calls import NO_CONTENT, Answer
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document, Json
from kalbio.sandbox import events, fields, layouts, membership, views
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.store import Store
from kalbio.sandbox.view_parts import RULES, checked_rules, copies, view_field, without

routes = Routes()

_PLAIN = ("view_name", "template_name", "is_archived", "sort_descending", "view_mode", "group_by_mode")


@routes.operation("listRecordViewTemplates")
def list_record_view_templates(call: Call) -> list[Document]:
    """The templates among the views."""
    return [view for view in call.store.all("view") if view["is_template"]]


@routes.operation("getRecordViewTemplate")
def get_record_view_template(call: Call) -> Document:
    """One template."""
    return _template_of_path(call)


@routes.operation("createRecordViewTemplate")
def create_record_view_template(call: Call) -> Document:
    """A new template, from scratch or as a copy of a view."""
    store, body = call.store, dict(call.body)
    name, source_id = body.pop("view_name"), body.pop("source_view_id", None)
    if source_id is not None:
        surplus = body.keys() - {"template_name"}
        if surplus:
            raise Refusal(400, f"{min(surplus)!r} does not go with source_view_id: all of the view is copied")
        source = _need_plain_view(call, source_id)
        template = views.add_view(store, name, source["entity_slice_id"], source=source, is_template=True)
        template |= {"template_name": body.get("template_name", name)}
    else:
        piece = call.store.need("slice", body.pop("entity_slice_id"), status=400)
        if piece["hidden"]:
            raise Refusal(400, f"entity slice {piece['id']} is managed by the system")
        template = views.add_view(store, name, piece["id"], is_template=True)
        _change(call, template, body, _add_columns(call, template, body))
    events.log(store, "record_view", "created", template["id"], {"view_name": name, "is_template": True})
    return store.put("view", template)


@routes.operation("updateRecordViewTemplate")
def update_record_view_template(call: Call) -> Document:
    """Change the keys that were sent; lists are replaced as a whole. Tables that were made from it stay as they are."""
    store, body = call.store, call.body
    before = _template_of_path(call)
    template = before | {"view_fields": list(before["view_fields"])}
    own = {column["id"]: column["id"] for column in template["view_fields"]}
    added = _add_columns(call, template, {"view_field_ids": _strangers(own, body.get("save_view_field_ids", ()))})
    gone = _own_columns(own, body.get("remove_view_field_ids", ()), "remove_view_field_ids")
    order = _own_columns(own, body.get("reorder_view_field_ids", ()), "reorder_view_field_ids")
    kept = [column for column in template["view_fields"] if column["id"] not in gone]
    template["view_fields"] = sorted(kept, key=lambda column: _rank(order, column["id"]))
    template = without(template, gone)
    left = {id_: id_ for id_ in own if id_ not in gone}
    _change(call, template, body, left | added)
    template |= {"updated_at": store.stamp(), "last_updated_by": store.user_id}
    events.log(store, "record_view", "updated", template["id"], events.changes(before, template))
    return store.put("view", template)


@routes.operation("deleteRecordViewTemplate")
def delete_record_view_template(call: Call) -> Answer:
    """Delete softly: definitions lose what points at it, and the tables made from it go."""
    store = call.store
    template = _template_of_path(call)
    for definition in store.all("definition"):
        if _is_linked(definition, template):
            template = _sever(store, template, definition)
    # tables of operations whose definition was changed since
    for view in store.all("view"):
        if view["parent_record_view_id"] == template["id"]:
            _remove_made(store, view)
    store.put("view", template | {"is_deleted": True, "updated_at": store.stamp()})
    store.retire("view", template["id"])
    events.log(store, "record_view", "deleted", template["id"], {"is_template": True})
    return NO_CONTENT


@routes.operation("duplicateRecordViewTemplate")
def duplicate_record_view_template(call: Call) -> Document:
    """A copy that is linked to nothing."""
    store = call.store
    source = _template_of_path(call)
    name = f"{source['view_name']} (copy)"
    copy = views.add_view(store, name, source["entity_slice_id"], source=source, is_template=True)
    if source["template_name"] is not None:
        copy["template_name"] = f"{source['template_name']} (copy)"
    events.log(store, "record_view", "created", copy["id"], {"view_name": name, "duplicate_of": source["id"]})
    return store.put("view", copy)


@routes.operation("promoteRecordView")
def promote_record_view(call: Call) -> Document:
    """Replace a table of an operation by one that is made from a new template, with the same rows and position."""
    store, body = call.store, call.body
    definition = _need_definition(call, body["operation_definition_id"])
    view = _need_plain_view(call, body["source_view_id"])
    operations = [a for a in _instances(store, definition) if a["id"] in view["operation_ids"]]
    if not operations:
        raise Refusal(400, f"record view {view['id']} is not a table of an operation of {definition['title']!r}")
    origin = view["parent_record_view_id"]
    here = layouts.placements(definition, origin) if origin else []
    position = body.get("position_index", here[0]["position_index"] if here else None)
    _check_position(definition, position)
    template = views.add_view(store, body["view_name"], view["entity_slice_id"], source=view, is_template=True)
    layouts.replace_references(definition, view["id"], template["id"])
    template = _link(store, template, definition, position)
    for activity in operations:
        table_id = views.ensure_table(store, activity, template)
        membership.clear(store, table_id)
        views.remove_table(store, view, table_id)
    events.log(store, "record_view", "promoted", template["id"], {"source_view_id": view["id"]})
    return template


@routes.operation("linkRecordViewTemplate")
def link_record_view_template(call: Call) -> Document:
    """Place a template in a definition's layout; its operations get a table. The answer is the template before that."""
    store, body = call.store, call.body
    template = _need_template(call, body["template_view_id"])
    definition = _need_definition(call, body["operation_definition_id"])
    _check_position(definition, body.get("position_index"))
    _link(store, template, definition, body.get("position_index"))
    return template


@routes.operation("unlinkRecordViewTemplate")
def unlink_record_view_template(call: Call) -> Answer:
    """Remove one placement; with the last one the tables of the definition's operations go."""
    store = call.store
    template = _template_of_path(call)
    definition = call.store.need("definition", call.body["operation_definition_id"], status=400)
    layout_id = call.body["content_layout_id"]
    layout_ids = [item["id"] for item in layouts.placements(definition, template["id"])]
    if layout_id not in layout_ids:
        raise Refusal(400, f"{layout_id} is not a placement of the template in {definition['title']!r}")
    layouts.remove_placements(definition, {layout_id})
    store.put("definition", definition)
    if len(layout_ids) == 1:
        _sever(store, template, definition, staging=False)
    else:
        _log_link(store, "unlinked", template, definition)
    return NO_CONTENT


@routes.operation("bulkLinkRecordViewTemplate")
def bulk_link_record_view_template(call: Call) -> Answer:
    """Place a template at the end of the layouts of several definitions, all or none."""
    template = _need_template(call, call.body["template_view_id"])
    for definition_id in dict.fromkeys(call.body["operation_definition_ids"]):
        template = _link(call.store, template, _need_definition(call, definition_id), None)
    return NO_CONTENT


@routes.operation("bulkUnlinkRecordViewTemplate")
def bulk_unlink_record_view_template(call: Call) -> Answer:
    """Remove all placements from several definitions, and the settings that point at the template. All or none."""
    template = _need_template(call, call.body["template_view_id"])
    for definition_id in dict.fromkeys(call.body["operation_definition_ids"]):
        definition = call.store.need("definition", definition_id, status=400)
        if not _is_linked(definition, template):
            raise Refusal(400, f"the template is not linked to {definition['title']!r}")
        template = _sever(call.store, template, definition)
    return NO_CONTENT


def _need_template(call: Call, id: str, status: int = 400) -> Document:
    view = call.store.need("view", id, status)
    if not view["is_template"]:
        raise Refusal(status, f"record view {id} is not a template")
    return view


def _template_of_path(call: Call) -> Document:
    return _need_template(call, call.path["template_id"], status=404)


def _need_plain_view(call: Call, id: str) -> Document:
    view = call.store.need("view", id, status=400)
    piece = call.store.need("slice", view["entity_slice_id"], status=400)
    if view["is_template"] or piece["hidden"]:
        raise Refusal(400, f"record view {id} is a template or a staging table")
    return view


def _need_definition(call: Call, id: str) -> Document:
    definition = call.store.need("definition", id, status=400)
    if definition["activity_type"] not in membership.OPERATION_TYPES:
        raise Refusal(400, f"a {definition['activity_type']} holds no records and has no tables")
    return definition


def _check_position(definition: Document, position: int | None) -> None:
    if position is not None and not 0 <= position <= len(definition["content_layout"]):
        raise Refusal(400, f"position_index {position} is beyond the layout of {definition['title']!r}")


def _instances(store: Store, definition: Document) -> list[Document]:
    return [activity for activity in store.all("activity") if activity["definition_id"] == definition["id"]]


def _is_linked(definition: Document, template: Document) -> bool:
    return bool(layouts.placements(definition, template["id"])) or layouts.refers_to(definition, template["id"])


def _link(store: Store, template: Document, definition: Document, position: int | None) -> Document:
    """Place a template in a definition, and the operations a table; gives the template after that."""
    layouts.add_placement(store, definition, template["id"], position)
    store.put("definition", definition)
    linked = list(dict.fromkeys([*template["operation_definition_ids"], definition["id"]]))
    template = store.put("view", template | {"operation_definition_ids": linked, "updated_at": store.stamp()})
    for activity in _instances(store, definition):
        views.ensure_table(store, activity, template)
    _log_link(store, "linked", template, definition)
    return template


def _sever(store: Store, template: Document, definition: Document, *, staging: bool = True) -> Document:
    """End a link: placements, settings and the tables made for it; gives the template after that."""
    layouts.remove_placements(definition, {item["id"] for item in layouts.placements(definition, template["id"])})
    layouts.replace_references(definition, template["id"], None)
    for activity in _instances(store, definition):
        table = store.get("view", membership.table_of(store, activity["id"], template["id"]))
        if table:
            views.remove_table(store, table)
        if staging and definition[layouts.STAGING] == template["id"]:
            views.remove_staging_table(store, activity)
    if staging and definition[layouts.STAGING] == template["id"]:
        definition[layouts.STAGING] = None
    store.put("definition", definition)
    linked = [id_ for id_ in template["operation_definition_ids"] if id_ != definition["id"]]
    _log_link(store, "unlinked", template, definition)
    return store.put("view", template | {"operation_definition_ids": linked, "updated_at": store.stamp()})


def _remove_made(store: Store, view: Document) -> None:
    for operation_id in view["operation_ids"]:
        activity = store.get("activity", operation_id)
        if activity and activity["registration_staging_record_view_id"] == view["id"]:
            views.remove_staging_table(store, activity)
            return
    views.remove_table(store, view)


def _log_link(store: Store, verb: str, template: Document, definition: Document) -> None:
    events.log(store, "record_view", verb, template["id"], {"operation_definition_id": definition["id"]})


def _add_columns(call: Call, template: Document, body: Document) -> dict[str, str]:
    """Add columns; gives which of them is meant by the id of a view field it was copied from."""
    for key in ("lookup_field_ids", "plot_field_ids"):
        if body.get(key):
            raise Refusal(400, f"the sandbox has no lookup and plot fields: {key} must be empty")
    wanted = body.get("view_field_ids", ())
    known = {column["id"]: column for view in call.store.all("view") for column in view["view_fields"]}
    unknown = [id_ for id_ in wanted if id_ not in known]
    if unknown:
        raise Refusal(400, f"view fields do not exist: {', '.join(unknown[:5])}")
    new = copies(call.store, [known[id_] for id_ in dict.fromkeys(wanted)])
    template["view_fields"] += new.values()
    for field_id in body.get("data_field_ids", ()):
        call.store.need("data_field", field_id, status=400)
        if field_id not in views.data_field_ids(template):
            template["view_fields"].append(view_field(call.store, field_id))
    return {old: column["id"] for old, column in new.items()}


def _strangers(own: dict[str, str], ids: list[str]) -> list[str]:
    return [id_ for id_ in ids if id_ not in own]


def _own_columns(own: dict[str, str], ids: list[str], key: str) -> list[str]:
    unknown = _strangers(own, ids)
    if unknown:
        raise Refusal(400, f"{key}: {unknown[0]} is not a column of the template")
    return list(dict.fromkeys(ids))


def _rank(order: list[str], id: str) -> int:
    return order.index(id) if id in order else len(order)


def _change(call: Call, template: Document, body: Document, columns: dict[str, str]) -> None:
    """Set what a create and an update have in common."""
    store = call.store
    piece = call.store.need("slice", template["entity_slice_id"], status=400)
    template |= {key: body[key] for key in _PLAIN if key in body}
    for key, kind in (("program_ids", "program"), ("record_set_ids_filter", "record_set")):
        if key in body:
            template[key] = [call.store.need(kind, id_, status=400)["id"] for id_ in dict.fromkeys(body[key])]
    template["record_set_ids"] = template["record_set_ids_filter"]
    for key in RULES:
        if key in body:
            template[key] = checked_rules(key, body[key], columns, piece["key_field_ids"])
    if "sort_order" in body:
        template["sort_order"] = _known_order(body["sort_order"])
    if "group_by_field_id" in body:
        wanted = body["group_by_field_id"]
        if wanted is not None and wanted not in columns and fields.find_field(store, wanted) is None:
            raise Refusal(400, f"group_by_field_id: field {wanted} does not exist")
        template["group_by_field_id"] = columns.get(wanted, wanted)


def _known_order(value: Json) -> Json:
    if value is not None and value not in load_contract().known_values("RecordViewSortOrder"):
        raise Refusal(400, f"sort_order {value!r} is unknown")
    return value
