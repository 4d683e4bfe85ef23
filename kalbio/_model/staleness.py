"""What each operation of the API changes among the reads that a client remembers.

This table is the only place that says so. `client.call` applies it to everything that is sent, whoever sends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import attrs

# Kinds of remembered reads. Those of listings are also what their objects are called in errors.
ACTIVITY = "activity"
DEFINITION = "activity definition"
OF_RECORD = "activities of a record"
KEY_FIELD = "key field"
DATA_FIELD = "data field"
ENTITY_TYPE = "entity type"
VIEW = "record view"
TEMPLATE = "result table template"
PROGRAM = "program"
DASHBOARD = "dashboard"
RECORD = "record"
# Nothing in the API changes these.
LABEL = "label"
PROPERTY_FIELD = "property field"
USER = "user"
GROUP = "group"
WORKSPACE = "workspace"

# Of the remembered records only those that the request names, and those that show their values.
NAMED_RECORDS = "records named"
# Of the remembered records only those that the new one is a part of; entity types, when it brings its own along.
MADE_RECORD = "record made"

KINDS = frozenset(
    {
        ACTIVITY, DEFINITION, OF_RECORD, KEY_FIELD, DATA_FIELD, ENTITY_TYPE, VIEW, TEMPLATE, PROGRAM, DASHBOARD, RECORD,
        LABEL, PROPERTY_FIELD, USER, GROUP, WORKSPACE,
    }
)  # fmt: skip
"""All kinds that are remembered."""

_ACTIVITIES = frozenset({ACTIVITY, OF_RECORD})
IMPORTED = _ACTIVITIES | {RECORD, KEY_FIELD, DATA_FIELD, ENTITY_TYPE, VIEW, TEMPLATE}
"""What an import changes: it makes records, fields and types, attaches records, and adds columns to views."""
REGISTERED = _ACTIVITIES | {RECORD, ENTITY_TYPE}
"""What a step of a registration changes: lists of drafts, progress written as values, and at the end new records."""


@attrs.frozen
class Change:
    """What an operation makes stale.

    Attributes:
        kinds: always.
        given: on top of that, when the body has this member.
        why: why there is nothing.
    """

    kinds: frozenset[str]
    given: Mapping[str, frozenset[str]] = attrs.field(factory=dict)
    why: str = ""


def _change(*kinds: str | frozenset[str], **given: frozenset[str]) -> Change:
    flat = (kind if isinstance(kind, frozenset) else frozenset({kind}) for kind in kinds)
    return Change(frozenset().union(*flat), given)


def _nothing(why: str) -> Change:
    return Change(frozenset(), why=why)


_VALUE = _change(NAMED_RECORDS)
_PROPERTY = _change(_ACTIVITIES, DEFINITION)
_IMPORT = _change(IMPORTED)
_REGISTRATION = _change(REGISTERED)
# Tables of activities come and go with a link, and with them layouts, staging tables, and where values stand.
_LINK = _change(_ACTIVITIES, DEFINITION, VIEW, TEMPLATE, RECORD)
# Listings of views have templates too.
_TEMPLATE = _change(TEMPLATE, VIEW)

CHANGES: Mapping[str, Change] = MappingProxyType(
    {
        "createToken": _nothing("it logs in"),
        # The first staging table of a workspace brings the key field of drafts along.
        "createActivity": _change(
            _ACTIVITIES, VIEW, definition_id=frozenset({KEY_FIELD}), record_ids=frozenset({NAMED_RECORDS})
        ),
        "updateActivity": _change(_ACTIVITIES, definition_id=frozenset({VIEW, KEY_FIELD})),
        "updateActivityDefinition": _change(
            DEFINITION,
            propagate_to_instances=_ACTIVITIES,
            registration_staging_template_view_id=_ACTIVITIES | {VIEW, KEY_FIELD},
        ),
        "updateProperty": _PROPERTY,
        "uploadPropertyFile": _PROPERTY,
        "addOperationRecords": _change(_ACTIVITIES, NAMED_RECORDS),
        "removeOperationRecords": _change(_ACTIVITIES, RECORD),
        "postOperationCallback": _nothing("it shows as an event, and events are always asked for"),
        "getOrCreateRecord": _change(MADE_RECORD),
        "addRecordValue": _VALUE,
        "uploadRecordValueFile": _VALUE,
        "getOrCreateKeyField": _change(KEY_FIELD),
        # Types without a name are called after their key fields.
        "updateKeyField": _change(KEY_FIELD, field_name=frozenset({ENTITY_TYPE})),
        "getOrCreateDataField": _change(DATA_FIELD),
        "updateDataField": _change(DATA_FIELD),
        # Records move to other types, which may be new; their rows in the tables of activities go along.
        "addRecordViewKeyField": _change(_ACTIVITIES, RECORD, VIEW, ENTITY_TYPE, KEY_FIELD),
        "replaceRecordViewKeyFields": _change(_ACTIVITIES, RECORD, VIEW, ENTITY_TYPE, KEY_FIELD),
        "createRecordViewTemplate": _TEMPLATE,
        "updateRecordViewTemplate": _TEMPLATE,
        "duplicateRecordViewTemplate": _TEMPLATE,
        "deleteRecordViewTemplate": _LINK,
        "promoteRecordView": _LINK,
        "linkRecordViewTemplate": _LINK,
        "unlinkRecordViewTemplate": _LINK,
        "bulkLinkRecordViewTemplate": _LINK,
        "bulkUnlinkRecordViewTemplate": _LINK,
        "createProgram": _change(PROGRAM),
        "updateProgram": _change(PROGRAM),
        "pushImport": _IMPORT,
        "pushImportFromSource": _IMPORT,
        "pushImportByFieldId": _IMPORT,
        "createImport": _nothing("it keeps rows; running it is what changes things"),
        "runImport": _change(_ACTIVITIES, replace_draft_record_ids=frozenset({NAMED_RECORDS})),
        "createDashboardCategory": _nothing("categories are always asked for"),
        "deleteDashboardCategory": _nothing("categories are always asked for"),
        "addDashboardRecord": _change(DASHBOARD),
        "removeDashboardRecord": _change(DASHBOARD),
        "addDashboardSet": _change(DASHBOARD),
        "removeDashboardSet": _change(DASHBOARD),
        "registerFile": _REGISTRATION,
        "updateRegistrationFileStatus": _REGISTRATION,
        "submitRegistrationResults": _REGISTRATION,
        "validateDrafts": _REGISTRATION,
        "submitDrafts": _REGISTRATION,
        "updateSubmissionStatus": _REGISTRATION,
        "submitSubmissionResults": _REGISTRATION,
        "clearDrafts": _REGISTRATION,
    }
)
"""What each operation changes, by its id. An operation that only reads has no row."""


def stale_after(request: Mapping[str, Any]) -> frozenset[str]:
    """Return the kinds of reads that a request makes stale; all of them when it is no known operation and may write."""
    method, operation = str(request.get("method")).upper(), request.get("extensions", {}).get("operation")
    change = CHANGES.get(operation)
    if change is None:
        return KINDS if operation is None and method not in ("GET", "HEAD", "OPTIONS") else frozenset()
    kinds, body = change.kinds, request.get("json")
    for member, more in change.given.items():
        if not isinstance(body, Mapping) or _says(body, member, method):
            kinds |= more
    return kinds


def _says(body: Mapping[str, Any], member: str, method: str) -> bool:
    value = body.get(member, False)
    # In an update None clears, in what is made it leaves out.
    return method == "PUT" if value is None else value is not False


def records_named(request: Mapping[str, Any]) -> list[str] | None:
    """Return the ids of the records that a request writes to; None when it does not tell."""
    parts = str(request.get("url", "")).split("/")
    if parts[1:2] == ["records"] and len(parts) > 2:
        return [unquote(parts[2])]
    body = request.get("json")
    for member in ("record_ids", "replace_draft_record_ids"):
        ids = body.get(member) if isinstance(body, Mapping) else None
        if isinstance(ids, list):
            return [str(item) for item in ids]
    return None


def key_made(request: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return the key values of the record that a request gets or creates; None when it does not tell."""
    body = request.get("json")
    keys = body.get("key_field_to_value") if isinstance(body, Mapping) else None
    return keys if isinstance(keys, Mapping) and keys else None


def parts_of(key_values: Mapping[str, str]) -> Iterable[frozenset[tuple[str, str]]]:
    """Return the keys of the records that one with these key values is a sub-record of."""
    items = sorted(key_values.items())
    return (frozenset(part) for count in range(1, len(items)) for part in combinations(items, count))
