"""Fields and entity types, as data."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kalbio._core.objects.resource import (
    Resource,
    enum_text,
    flag,
    flag_or_false,
    text,
    text_or_empty,
    texts,
    timestamp,
)


class EntityFieldData(Resource):
    """What the server says of a field."""

    __slots__ = ()
    _columns = ("field_type", "is_key", "field_description", "field_examples", "is_archived", "created_at")

    created_at = timestamp("When it was created.")
    is_key = flag("Whether it identifies records.")
    field_name = text("Its name.")
    field_type = enum_text("Its type, see DataFieldTypeEnum; an unknown one is kept as it is.")
    field_description = text_or_empty("What it is for.")
    field_examples = text_or_empty("Examples of its values.")
    regex_format = text("The pattern that values must follow (key fields).")
    ref_slice_id = text("The entity type that it refers to.")
    is_archived = flag_or_false("Whether it is archived.")
    is_readonly = flag_or_false("Whether it is read-only.")

    def _text(self) -> str:
        return self.field_name or super()._text()


class EntityTypeData(Resource):
    """What the server says of an entity type (entity slice)."""

    __slots__ = ()
    _columns = ("key_field_ids", "is_primary", "is_archived", "created_at")

    key_field_ids = texts("The key fields whose values identify a record of this type; their order means nothing.")
    slice_name = text("Its name; empty for types that arose from a combination of key fields.")
    is_primary = flag_or_false("Whether it is a type of its own, not a combination.")
    is_archived = flag_or_false("Whether it is archived.")
    created_at = timestamp("When it was created.")

    def _text(self) -> str:
        return self.slice_name or super()._text()


JOINT = " + "
"""What stands between the key fields that an entity type is called after."""


def name_of_type(slice_name: str | None, key_field_ids: Collection[str], key_fields: Mapping[str, str]) -> str:
    """Return what people call an entity type: its name, else those of its key fields; empty when it has neither.

    The order of `key_field_ids` means nothing, so the key fields come in the order in which the workspace lists them.

    Args:
        slice_name: the name of its own.
        key_field_ids: the ids of its key fields.
        key_fields: the names of the key fields of the workspace by their ids, in the order of its list.
    """
    known = [name for identifier, name in key_fields.items() if identifier in key_field_ids]
    unknown = [identifier for identifier in key_field_ids if identifier not in key_fields]
    return slice_name or JOINT.join([*known, *unknown])
