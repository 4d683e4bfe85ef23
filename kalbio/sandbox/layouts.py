"""Content layouts of definitions: where tables are placed, and the settings that point at them."""

from __future__ import annotations

from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox.store import Store

_VIEW_SETTINGS = ("registration_record_view_id", "registration_result_record_view_id")
_LAYOUT_SETTINGS = ("registration_content_layout_id", "registration_result_content_layout_id")
STAGING = "registration_staging_template_view_id"


def placements(definition: Document, view_id: str) -> list[Document]:
    """Where a table is placed; it may be several times."""
    return [item for item in definition["content_layout"] if item["record_view_id"] == view_id]


def add_placement(store: Store, definition: Document, view_id: str, position: int | None) -> Document:
    """Place a table: at a position, those from there on move down, or at the end."""
    layout = definition["content_layout"]
    item: Document = {
        "id": store.new_id(),
        "component_type": "result_table",
        "position_index": 0,
        "note_section_id": None,
        "sheet_id": None,
        "platemap_id": None,
        "record_view_id": view_id,
        "drc_config_id": None,
    }
    layout.insert(len(layout) if position is None else position, item)
    _renumber(definition)
    return item


def remove_placements(definition: Document, layout_ids: set[str]) -> None:
    """Take placements out of the layout, and forget the settings that point at them."""
    definition["content_layout"] = [item for item in definition["content_layout"] if item["id"] not in layout_ids]
    _renumber(definition)
    for key in _LAYOUT_SETTINGS:
        if definition[key] in layout_ids:
            definition[key] = None
    queued = definition["queue_content_layout_ids"]
    definition["queue_content_layout_ids"] = [id_ for id_ in queued if id_ not in layout_ids]


def refers_to(definition: Document, view_id: str) -> bool:
    """Whether a setting of the definition points at a table."""
    attached = definition["view_ids_to_add_to_when_record_attached"]
    return view_id in attached or view_id in [definition[key] for key in (*_VIEW_SETTINGS, STAGING)]


def replace_references(definition: Document, view_id: str, successor: str | None) -> None:
    """Point the settings that name a table at another one, or at none. Staging is a setting of its own."""
    for key in _VIEW_SETTINGS:
        if definition[key] == view_id:
            definition[key] = successor
    attached = [successor if id_ == view_id else id_ for id_ in definition["view_ids_to_add_to_when_record_attached"]]
    definition["view_ids_to_add_to_when_record_attached"] = [id_ for id_ in attached if id_ is not None]


def _renumber(definition: Document) -> None:
    definition["content_layout"] = [
        item | {"position_index": index} for index, item in enumerate(definition["content_layout"])
    ]
