# Derived from kalbio/aio/_staging.py by scripts/regenerate; edit that file. (digest 16e73fde8dee)
"""The staging table of an activity: which columns drafts may have."""

from __future__ import annotations

from collections.abc import Sequence

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import AmbiguousIdentifierError
from kalbio._core.objects.identifiers import close_matches
from kalbio._directory import Directory
from kalbio._model.activities import ActivityData
from kalbio.entity_fields import DATA_FIELDS, KEY_FIELDS, DataField
from kalbio.entity_types import ENTITY_TYPES
from kalbio.record_views import RECORD_VIEWS, RecordView, columns_of


def staging_view(directory: Directory, activity: ActivityData) -> RecordView:
    """Return the staging table of an activity. Raises ValueError when it has none."""
    view_id = activity.registration_staging_record_view_id
    if view_id is None:
        raise ArgumentError(
            f"{activity} has no staging table: its definition needs table-based registration "
            "(set_registration_settings(staging_template_view_id=...))"
        )
    view = directory[RECORD_VIEWS].find(view_id)
    if view is None:
        raise ArgumentError(f"The staging table {view_id} of {activity} is not among the record views of the server.")
    return view


def check_keys(directory: Directory, view: RecordView, keys: Sequence[str]) -> None:
    """Raise when a name is not a key field of a staging table, or the name of several."""
    fields = directory[KEY_FIELDS]
    kind = directory[ENTITY_TYPES].find(view.entity_slice_id or "")
    if kind is None:
        # The type of a staging table need not be listed; its keys must be key fields of the workspace at least.
        fields.require_ids(keys)
        return
    # An id that no listed key field has tells that the listing is older than the type.
    fields.get_many(kind.key_field_ids)
    known = fields.catalog()
    fitting = [field for field in known.items if field.id in kind.key_field_ids]
    for name in keys:
        found = [field.id for field in fitting if field.field_name == name]
        if not found:
            names = sorted(field.field_name or "" for field in fitting)
            raise ArgumentError(f"{name!r} is not a key field of the staging table; its key fields are {names}")
        if len(found) > 1:
            raise AmbiguousIdentifierError("key field", name, found)


def map_columns(directory: Directory, view: RecordView, columns: Sequence[str]) -> dict[str, DataField]:
    """Return the data field of each column. Raises when a staging table has none of that name, or several."""
    fields = columns_of(directory, view.id)
    if set(columns) - {field.field_name for field in fields}:
        # A column may have been added since the listings were read.
        directory[RECORD_VIEWS].drop()
        directory[DATA_FIELDS].drop()
        fields = columns_of(directory, view.id)
    mapped: dict[str, DataField] = {}
    for name in columns:
        found = [field for field in fields if field.field_name == name]
        if not found:
            names = [field.field_name or "" for field in fields]
            close = close_matches(name, names)
            hint = f" Did you mean {close[0]!r}?" if close else f" It has {', '.join(names) or 'none'}."
            raise ArgumentError(f"{name!r} is not a data field of the staging table {view.view_name!r}.{hint}")
        if len(found) > 1:
            raise AmbiguousIdentifierError("data field", name, [field.id for field in found])
        mapped[name] = found[0]
    return mapped
