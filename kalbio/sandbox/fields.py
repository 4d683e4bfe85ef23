"""Key fields, data fields and the entity slices that sets of key fields make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import events, patterns
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.content import as_number
from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.store import Store

routes = Routes()

DRAFT_KEY = "Draft ID"
_ENUMERATIONS = {
    "format_enforcement": "KeyFieldFormatEnforcement",
    "role": "KeyFieldRole",
    "display_aggregation_type": "ValueAggregation",
    "lookup_display_aggregation_type": "ValueAggregation",
    "lookup_display_operation_scope": "LookupOperationScope",
}
_FIRST_SERIAL = 1_000_001


@routes.operation("listKeyFields")
def list_key_fields(call: Call) -> list[Document]:
    """All key fields, oldest first."""
    return [shown_key_field(call.store, field) for field in call.store.all("key_field")]


@routes.operation("getOrCreateKeyField")
def get_or_create_key_field(call: Call) -> Document:
    """The key field of a name. The slice it makes on its own comes with its first record."""
    field, is_new = ensure_key_field(call.store, call.body["field_name"])
    if is_new:
        events.log(call.store, "key_field", "created", field["id"], {"field_name": field["field_name"]})
    return shown_key_field(call.store, field)


@routes.operation("updateKeyField")
def update_key_field(call: Call) -> Document:
    """Change the keys that were sent."""
    field = call.store.need("key_field", call.path["field_id"])
    _refuse_taken_name(call, "key_field", field)
    enforcement = call.body.get("format_enforcement")
    if enforcement == "generate":
        raise Refusal(400, "the sandbox has no serial generator: format_enforcement 'generate' is not supported")
    pattern = call.body.get("regex_format")
    if pattern is not None:
        patterns.check(pattern)
    field = _update(call, "key_field", field)
    return {"resource": shown_key_field(call.store, field), "event": None}


@routes.operation("listDataFields")
def list_data_fields(call: Call) -> list[Document]:
    """All data fields, oldest first."""
    return call.store.all("data_field")


@routes.operation("getOrCreateDataField")
def get_or_create_data_field(call: Call) -> Document:
    """The data field of a name. A name that exists with another type is refused."""
    name, kind = call.body["field_name"], call.body["field_type"]
    if kind not in load_contract().known_values("FieldType"):
        raise Refusal(400, f"field_type {kind!r} is unknown")
    field, is_new = ensure_data_field(call.store, name, kind, call.body.get("attrs"))
    if field["field_type"] != kind:
        raise Refusal(400, f"data field {name!r} exists with type {field['field_type']!r}, not {kind!r}")
    if is_new:
        events.log(call.store, "data_field", "created", field["id"], {"field_name": name, "field_type": kind})
    return field


@routes.operation("updateDataField")
def update_data_field(call: Call) -> Document:
    """Change the keys that were sent."""
    field = call.store.need("data_field", call.path["field_id"])
    _refuse_taken_name(call, "data_field", field)
    field = _update(call, "data_field", field)
    return {"resource": {"field": field, "validation": {}}, "event": None}


@routes.operation("listEntitySlices")
def list_entity_slices(call: Call) -> list[Document]:
    """All slices, oldest first. Slices of drafts stay hidden."""
    return [shown_slice(piece) for piece in call.store.all("slice") if not piece["hidden"]]


def ensure_key_field(store: Store, name: str, id: str | None = None) -> tuple[Document, bool]:
    """The key field of a name, and whether it is new."""
    found = named(store.all("key_field"), name)
    if found:
        return found, False
    field = _common(store, name, "text", id) | {
        "attrs": None,
        "identifier_type": "custom",
        "identifier_type_id": store.new_id(),
        "is_key": True,
        "regex_format": None,
    }
    return store.add("key_field", field), True


def draft_key(store: Store) -> Document:
    """The system-managed key field that makes every draft unique."""
    return ensure_key_field(store, DRAFT_KEY)[0]


def ensure_data_field(
    store: Store, name: str, kind: str, attrs: Document | None = None, id: str | None = None
) -> tuple[Document, bool]:
    """The data field of a name, whatever its type, and whether it is new."""
    found = named(store.all("data_field"), name)
    if found:
        return found, False
    field = _common(store, name, kind, id) | {
        "attrs": attrs or {},
        "identifier_type": None,
        "identifier_type_id": None,
        "is_key": False,
        "regex_format": None,
    }
    return store.add("data_field", field), True


def ensure_slice(
    store: Store, key_field_ids: Iterable[str], name: str = "", id: str | None = None, *, hidden: bool = False
) -> Document:
    """The slice of a set of key fields; made when there is none.

    A slice of one key field is primary and bears its name, a slice of several has none.
    """
    ids = sorted(set(key_field_ids))
    own = named(store.all("key_field"), DRAFT_KEY)
    if own and own["id"] in ids and not hidden:
        raise Refusal(400, f"key field {DRAFT_KEY!r} is managed by the system")
    found = find_slice(store, ids)
    if found:
        return found
    if len(ids) == 1 and not name:
        key_field = store.get("key_field", ids[0])
        name = key_field["field_name"] if key_field else ""
    now = store.stamp()
    return store.add(
        "slice",
        {
            "id": id or store.new_id(),
            "created_by": store.user_id,
            "last_updated_by": store.user_id,
            "import_id": None,
            "key_field_ids": ids,
            "slice_name": name,
            "workspace_id": store.workspace_id,
            "created_at": now,
            "updated_at": now,
            "is_primary": len(ids) == 1,
            "is_archived": False,
            "source_id": None,
            "is_deleted": False,
            "hidden": hidden,
        },
    )


def find_slice(store: Store, key_field_ids: Iterable[str]) -> Document | None:
    """The slice whose set of key fields is exactly this one."""
    ids = sorted(set(key_field_ids))
    return next((piece for piece in store.all("slice") if piece["key_field_ids"] == ids), None)


class Misfit(Refusal):
    """A key value breaks the format of its key field."""

    def __init__(self, field: Document, value: str) -> None:
        """Name the field and the format."""
        name, pattern = field["field_name"], field["regex_format"]
        super().__init__(400, f"key field {name!r}: {value!r} has not the format {pattern!r}")
        self.field = field
        self.value = value


def check_formats(store: Store, keys: Mapping[str, str]) -> None:
    """Refuse key values of new records that break an enforced format. The format covers the whole value."""
    for field_id, value in keys.items():
        field = store.get("key_field", field_id)
        pattern = field["regex_format"] if field and field.get("format_enforcement") == "enforce_only" else None
        if field and pattern is not None and not patterns.fits(pattern, value):
            raise Misfit(field, value)


def find_field(store: Store, id: str | None) -> Document | None:
    """The data field or key field with this id."""
    return store.get("data_field", id) or store.get("key_field", id)


def named(fields: Iterable[Document], name: str) -> Document | None:
    """The field of exactly this name."""
    return next((field for field in fields if field["field_name"] == name), None)


def shown_slice(piece: Document) -> Document:
    """A slice without what is the sandbox's own."""
    return {key: value for key, value in piece.items() if key != "hidden"}


def shown_key_field(store: Store, field: Document) -> Document:
    """A key field with what is known of its values."""
    contents = [row[0] for row in store.rows("select content from key_value where field_id = ?", field["id"])]
    return field | {
        "predicted_to_be_numeric": bool(contents) and all(as_number(content) is not None for content in contents)
    }


def _refuse_taken_name(call: Call, kind: str, field: Document) -> None:
    name = call.body.get("field_name")
    other = named(call.store.all(kind), name) if name else None
    if other and other["id"] != field["id"]:
        raise Refusal(400, f"a field named {name!r} exists")


def _update(call: Call, kind: str, field: Document) -> Document:
    for key, enumeration in _ENUMERATIONS.items():
        value = call.body.get(key)
        if value is not None and value not in load_contract().known_values(enumeration):
            raise Refusal(400, f"{key} {value!r} is unknown")
    changed = field | call.body | {"updated_at": call.store.stamp()}
    events.log(call.store, kind, "updated", field["id"], events.changes(field, changed))
    return call.store.put(kind, changed)


def _common(store: Store, name: str, kind: str, id: str | None) -> Document:
    now = store.stamp()
    return {
        "id": id or store.new_id(),
        "field_name": name,
        "field_description": "",
        "field_examples": "",
        "field_type": kind,
        "ref_field_id": None,
        "ref_slice_id": None,
        "created_at": now,
        "created_by": store.user_id,
        "updated_at": now,
        "workspace_id": store.workspace_id,
        "is_archived": False,
        "import_id": None,
        "standard_format": None,
        "serial_key": str(store.counter("serial_key", _FIRST_SERIAL)),
        "is_deleted": False,
        "is_readonly": False,
        "display_aggregation_type": None,
        "display_includes_sub_records": True,
        "display_includes_operations": True,
    }
