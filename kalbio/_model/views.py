"""Record views and result table templates, as data."""

from __future__ import annotations

from typing import Any, TypeAlias, TypedDict

from kalbio._core.objects.resource import (
    ReadsLikeDict,
    Resource,
    enum_text,
    flag,
    flag_or_false,
    list_of_anything,
    objects,
    text,
    texts,
    texts_or_none,
    timestamp,
)
from kalbio._model.enums import FilterRule, FilterRuleTypeEnum


class RecordTransfer(TypedDict):
    """A record that moves to another entity type, with its new key values by field name."""

    record_id: Any
    key_field_name_to_value: dict[str, Any]


class RecordViewSort(TypedDict):
    """An order of a view; exactly one of the two ids is set."""

    key_field_id: str | None
    view_field_id: str | None
    descending: bool
    plot_field_config: dict[str, Any] | None


class RecordViewFilter(TypedDict):
    """A filter of a view; exactly one of the two ids is set."""

    key_field_id: str | None
    view_field_id: str | None
    filter_type: FilterRuleTypeEnum | FilterRule
    filter_prop: Any
    plot_field_config: dict[str, Any] | None


class RecordViewColorFilter(RecordViewFilter):
    """A filter of a view that colours what it finds."""

    color: str


class ViewField(ReadsLikeDict):
    """A column of a record view. Its own id is what exports, view filters and view sorts refer to.

    It also reads like a dict: `column["data_field_id"]`.
    """

    __slots__ = ()

    data_field_id = text("The data field it shows, if it shows one.")
    lookup_field_id = text("The look-up it shows, if it shows one.")
    plot_field_id = text("The plot it shows, if it shows one.")
    aggregation_type = enum_text("How several values are shown as one, see ValueAggregationTypeEnum.")
    sort_behavior = text("How it sorts.")


class RecordViewData(Resource):
    """The data of a record view, as the server sends it."""

    __slots__ = ()
    _columns = ("entity_slice_id", "program_ids", "operation_ids", "is_template", "is_archived", "created_at")

    view_name = text("Its name.")
    entity_slice_id = text("The entity type of its records.")
    program_ids = texts("Its programs.")
    operation_ids = texts_or_none("The activities it is a table of.")
    operation_definition_ids = texts_or_none("The definitions it belongs to.")
    view_fields = objects(ViewField, "Its columns.")
    filters = list_of_anything("Its filters, as they came.")
    sorts = list_of_anything("Its sorts, as they came.")
    color_filters = list_of_anything("Its colours, as they came.")
    record_set_ids_filter = texts("The record sets it is limited to.")
    record_ids_filter = texts("The records it is limited to.")
    incrementing_field_ids = texts("Its counting fields.")
    sort_order = text("How it is sorted.")
    sort_descending = flag("Whether it is sorted downwards.")
    view_mode = text("How it is shown.")
    parent_record_view_id = text("The view it was made from.")
    is_archived = flag_or_false("Whether it is archived.")
    is_template = flag_or_false("Whether it is a template.")
    template_name = text("Its name as a template.")
    group_by_mode = text("How it is grouped.")
    group_by_field_id = text("What it is grouped by.")
    workspace_id = text("Its workspace.")
    created_by = text("Who created it.")
    last_updated_by = text("Who changed it last.")
    created_at = timestamp("When it was created.")
    updated_at = timestamp("When it was changed.")

    def _text(self) -> str:
        return self.view_name or super()._text()


RecordViewIdentifier: TypeAlias = RecordViewData | str
"""A record view, or its id."""
