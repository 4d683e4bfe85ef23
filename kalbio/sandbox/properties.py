"""Property fields, and properties: their values on activities and definitions."""

from __future__ import annotations

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import events, files
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.content import FILE_TYPES, Json, WrongContent, stored
from kalbio.sandbox.store import Store
from kalbio.sandbox.times import microseconds, milliseconds

routes = Routes()


@routes.operation("listPropertyFields")
def list_property_fields(call: Call) -> list[Document]:
    """All property fields."""
    return call.store.all("property_field")


@routes.operation("updateProperty")
def update_property(call: Call) -> Document:
    """Set the content of a property."""
    property_ = call.store.need("property", call.path["property_id"])
    content = call.body["content"]
    try:
        content = stored(property_["field_type"], content)
    except WrongContent as error:
        raise Refusal(400, f"property {property_['property_name']!r}: {error}") from None
    if property_["field_type"] in FILE_TYPES and content is not None:
        content = files.reference(call.store, content)
    return to_json(_set(call.store, property_, content))


@routes.operation("uploadPropertyFile")
def upload_property_file(call: Call) -> Document:
    """Store a file as the content of a file property; the answer is the content."""
    property_ = call.store.need("property", call.path["property_id"])
    if property_["field_type"] not in FILE_TYPES:
        raise Refusal(400, f"property {property_['property_name']!r} has type {property_['field_type']!r}, not file")
    activity_id = property_["resource_id"] if property_["resource_type"] == "task" else None
    content = files.keep(call.store, call.files["file"], activity_id=activity_id, property_id=property_["id"])
    _set(call.store, property_, content)
    return content


def add_property(
    store: Store, field: Document, owner_id: str, resource_type: str, content: Json, id: str | None = None
) -> Document:
    """Give an activity (`task`) or a definition (`task_definition`) a property of this field."""
    return store.add(
        "property",
        {
            "id": id or store.new_id(),
            "property_field_id": field["id"],
            "content": content,
            "created_at": store.tick(),
            "last_updated_by": store.user_id,
            "created_by": store.user_id,
            "property_name": field["property_name"],
            "field_type": field["field_type"],
            "resource_type": resource_type,
            "resource_id": owner_id,
        },
        parent=owner_id,
    )


def to_json(property_: Document) -> Document:
    """A property as the API shows it: microseconds on activities, milliseconds on definitions."""
    spell = microseconds if property_["resource_type"] == "task" else milliseconds
    return property_ | {"created_at": spell(property_["created_at"])}


def _set(store: Store, property_: Document, content: Json) -> Document:
    changed = property_ | {"content": content, "last_updated_by": store.user_id}
    attrs = {"property_id": property_["id"]} | events.changes(property_, changed)
    events.log(store, property_["resource_type"], "updated", property_["resource_id"], attrs)
    return store.put("property", changed)
