"""What a view consists of: columns, and the filters and sorts that point at them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.store import Store

RULES = ("filters", "sorts", "color_filters")
# what a copy of a view takes over as it is
_SETTINGS = (
    "program_ids", "record_set_ids", "record_set_ids_filter", "record_ids_filter", "incrementing_field_ids",
    "sort_order", "sort_descending", "view_mode", "group_by_mode",
)  # fmt: skip
_DEFAULTS: dict[str, Document] = {
    "filters": {"filter_type": None, "filter_prop": None},
    "sorts": {"descending": False},
    "color_filters": {"filter_type": None, "filter_prop": None, "color": None},
}


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


def copies(store: Store, columns: Iterable[Document]) -> dict[str, Document]:
    """Columns with ids of their own, by the ids of those they were made from."""
    return {column["id"]: column | {"id": store.new_id()} for column in columns}


def copied(store: Store, view: Document) -> Document:
    """The columns, rules and settings of a copy of a view: columns get new ids, and rules follow them."""
    columns = copies(store, view["view_fields"])
    group_by = view["group_by_field_id"]
    parts: Document = {key: view[key] for key in _SETTINGS}
    parts["view_fields"] = list(columns.values())
    parts["group_by_field_id"] = columns[group_by]["id"] if group_by in columns else group_by
    for key in RULES:
        parts[key] = [
            rule | {"view_field_id": columns[rule["view_field_id"]]["id"]} if rule["view_field_id"] else rule
            for rule in view[key]
        ]
    return parts


def checked_rules(
    key: str, rules: Iterable[Document], columns: Mapping[str, str], keys: Iterable[str]
) -> list[Document]:
    """Filters or sorts as they are kept: every key present, pointing at a key field or a column of the view.

    `columns` says which column is meant by the id of a view field.
    """
    keys, checked = set(keys), []
    for rule in rules:
        full = {"key_field_id": None, "view_field_id": None, **_DEFAULTS[key], "plot_field_config": None}
        unknown = rule.keys() - full.keys()
        if unknown:
            raise Refusal(400, f"{key}: the sandbox does not know the key {min(unknown)!r}")
        full |= rule
        if (full["key_field_id"] is None) == (full["view_field_id"] is None):
            raise Refusal(400, f"{key}: exactly one of key_field_id and view_field_id must be set")
        if full["key_field_id"] is not None and full["key_field_id"] not in keys:
            raise Refusal(400, f"{key}: {full['key_field_id']} is not a key field of the view's slice")
        if full["view_field_id"] is not None:
            if full["view_field_id"] not in columns:
                raise Refusal(400, f"{key}: {full['view_field_id']} is not a column of the view")
            full["view_field_id"] = columns[full["view_field_id"]]
        if key != "sorts" and full["filter_type"] not in load_contract().known_values("FilterRuleType"):
            raise Refusal(400, f"{key}: filter_type {full['filter_type']!r} is unknown")
        if key == "color_filters" and not full["color"]:
            raise Refusal(400, f"{key}: color is missing")
        checked.append(full)
    return checked


def without(view: Document, ids: Iterable[str]) -> Document:
    """A view without what points at these columns or key fields."""
    gone = set(ids)
    kept = {
        key: [rule for rule in view[key] if rule["key_field_id"] not in gone and rule["view_field_id"] not in gone]
        for key in RULES
    }
    group_by = view["group_by_field_id"]
    return view | kept | {"group_by_field_id": None if group_by in gone else group_by}
