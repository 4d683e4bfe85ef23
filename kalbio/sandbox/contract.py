"""The contract of the sandbox: the installed API description, and what it takes from old clients."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from kalbio._core.description.document import Operation
from kalbio._core.emulator.contract import Contract, Query, bad_query

# Query parameters of old clients that the description no longer lists, and what they mean today.
_LEGACY_QUERY = {
    "searchRecords": {"record_set_id": "record_set_ids", "record_set_filters": None},
    "exportRecordsCsv": {"record_set_id": "record_set_ids", "record_set_filters": None},
}
# Here the text `null` stands for a parameter that is not given: clients write None as JSON.
_NULL_IS_ABSENT = {"searchRecords", "searchActivities", "listWorkspaceEvents"}
# ... but not here, where it means "none".
_NULL_IS_A_VALUE = {"parent_id"}


@cache
def load_contract() -> Contract:
    """The contract of the installed API description, shared by all sandboxes of the process."""
    spec = json.loads((files("kaleidoscope_api") / "openapi.json").read_text(encoding="utf-8"))
    return Contract(spec, clean_query=_clean_query)


def _clean_query(operation: Operation, query: Query) -> Query:
    """Read the parameters of old clients as those of today, and leave out what stands for nothing."""
    legacy = _LEGACY_QUERY.get(operation.id, {})
    cleaned = []
    for name, raw in query:
        if raw == "null" and operation.id in _NULL_IS_ABSENT and name not in _NULL_IS_A_VALUE:
            continue
        if name in legacy:
            if legacy[name] is None:
                if raw in ("", "[]"):
                    continue
                raise bad_query(name, f"{name} is no longer supported; use entity_field_filters", "unknown")
            name = legacy[name] or name
        cleaned.append((name, raw))
    return cleaned
