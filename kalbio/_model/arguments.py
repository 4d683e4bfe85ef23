"""How the plain arguments of all public methods are checked, by their names: a name means the same wherever it stands.

Arguments that name a thing (a record, a field, an activity) are not here: they are checked where they are looked up.
"""

from __future__ import annotations

from kalbio._core.objects.checks import (
    Check,
    callback_or_flag,
    document,
    path,
    require_flag,
    unicode_text,
    whole_number,
)
from kalbio._model.rich_text import check_rich_text

FLAGS = (
    "aggregate_scheduling", "avoid_weekends", "display_includes_operations", "display_includes_sub_records",
    "extend_in_progress_items", "full", "history", "include_sub_record_values", "include_sub_records",
    "is_archived", "is_complete", "is_readonly", "only_changed",
    "lookup_display_includes_sub_records", "overwrite", "propagate_to_instances", "replace_existing",
    "show_format_warning", "sort_descending", "stop_on_error", "use_cache", "verify",
)  # fmt: skip
WHOLE_NUMBERS = (
    "batch_size", "duration", "initial_counter_value", "limit", "page", "page_size", "position_index",
    "serial_format_padding", "skip_rows",
)  # fmt: skip
TEXTS = (
    "category_name", "completed_behavior", "display_aggregation_type", "encoding", "error_message", "external_id",
    "field_description", "field_examples", "field_name", "field_type", "file_type", "filename", "format_enforcement",
    "group_by_field_id", "group_by_mode", "lookup_display_aggregation_type", "lookup_display_operation_scope",
    "message", "method", "path", "priority", "regex_format", "role", "search_text", "separator",
    "serial_format_prefix", "set_name", "sha256", "sheet", "shift_dependency_mode", "sort_order", "status",
    "template_name", "title", "view_mode", "view_name",
)  # fmt: skip
DOCUMENTS = ("attrs", "converters")
RICH_TEXTS = ("comment", "description")
PATHS = ("destination", "download_path", "journal")
CALLBACKS = ("progress",)

CHECKS: dict[str, Check] = {
    **dict.fromkeys(FLAGS, require_flag),
    **dict.fromkeys(WHOLE_NUMBERS, whole_number),
    **dict.fromkeys(TEXTS, unicode_text),
    **dict.fromkeys(DOCUMENTS, document),
    **dict.fromkeys(RICH_TEXTS, check_rich_text),
    **dict.fromkeys(PATHS, path),
    **dict.fromkeys(CALLBACKS, callback_or_flag),
}

CLEARED_BY_NONE = frozenset(
    {
        "description", "display_aggregation_type", "duration", "format_enforcement", "group_by_field_id",
        "group_by_mode", "lookup_display_aggregation_type", "regex_format", "role", "serial_format_padding",
        "serial_format_prefix", "sort_descending", "sort_order", "template_name", "view_mode",
    }
)  # fmt: skip
"""Arguments of updates that None clears; for any other one None is an error, and UNSET leaves it as it is."""

OLDER_NAMES = {
    "entity_slice_id": "entity_type",
    "operation_id": "activity",
    "activity_id": "activity",
    "record_view_id": "table",
    "view": "table",
    "program_id": "program",
}
"""What newer methods call the arguments of the documented ones; they take both."""

SYNONYMS: dict[str, list[str]] = {
    name: [old for old, new in OLDER_NAMES.items() if new == name] for name in dict.fromkeys(OLDER_NAMES.values())
}
"""What documented methods call the arguments of the newer ones, for who takes the one for the other."""
SYNONYMS |= {
    "filters": ["where", "entity_field_filters"],
    "where": ["entity_field_filters"],
    "record": ["record_id"],
    "field": ["field_id"],
}

_BY_PROGRAM = (
    "the API does not search by program; write [one for one in client.activities.get_activities()"
    " if program.id in one.program_ids]"
)
_BY_DATE = (
    "the API does not search by date; write [one for one in client.activities.get_activities()"
    " if one.created_at and one.created_at > since], or the same with start_date or due_date"
)
SYNONYMS |= {f"search_activities.{name}": [_BY_PROGRAM] for name in ("program", "program_id", "program_ids")}
SYNONYMS |= {
    f"search_activities.{what}_{when}": [_BY_DATE]
    for what in ("completed", "created", "due", "started", "updated")
    for when in ("after", "at", "before", "since")
}
SYNONYMS |= {f"search_activities.{name}": [_BY_DATE] for name in ("after", "before", "due_date", "since", "start_date")}
