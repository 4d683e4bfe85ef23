"""The calls that return lists of objects, for requirements that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class ListCall(NamedTuple):
    """A call that returns a list."""

    operation: str
    """The operation that answers it."""
    kind: str
    """The class of its items."""
    call: Callable[[Any, Any], Any]
    """Gets the client and things of the demo seed (record, activity, dashboard, each with an id)."""


# Name of the test case to the call. The client must not have cached anything before.
LISTS: dict[str, ListCall] = {
    "activities": ListCall("listActivities", "Activity", lambda api, it: api.activities.get_activities()),
    "activities of a type": ListCall(
        "listActivities", "Activity", lambda api, it: api.activities.get_activity_by_type("experiment")
    ),
    "activities found": ListCall("searchActivities", "Activity", lambda api, it: api.activities.search_activities()),
    "activities of a record": ListCall(
        "listRecordOperations", "Activity", lambda api, it: api.activities.get_activities_with_record(it.record)
    ),
    "children": ListCall("listChildActivities", "Activity", lambda api, it: it.activity.child_activities),
    "comments": ListCall("listActivityComments", "Comment", lambda api, it: it.activity.get_comments()),
    "events of an activity": ListCall("listActivityEvents", "ActivityEvent", lambda api, it: it.activity.get_events()),
    "records of an activity": ListCall("listOperationRecords", "Record", lambda api, it: it.activity.records),
    "definitions": ListCall(
        "listActivityDefinitions", "ActivityDefinition", lambda api, it: api.activities.get_definitions()
    ),
    "records": ListCall(
        "listRecords", "Record", lambda api, it: api.records.get_records_by_ids([it.record.id], use_cache=False)
    ),
    "values": ListCall("listRecordValues", "RecordValue", lambda api, it: it.record.get_values()),
    "key fields": ListCall("listKeyFields", "KeyField", lambda api, it: api.entity_fields.get_key_fields()),
    "data fields": ListCall("listDataFields", "DataField", lambda api, it: api.entity_fields.get_data_fields()),
    "entity types": ListCall("listEntitySlices", "EntityType", lambda api, it: api.entity_types.get_types()),
    "programs": ListCall("listPrograms", "Program", lambda api, it: api.programs.get_programs()),
    "labels": ListCall("listActivityLabels", "Label", lambda api, it: api.labels.get_labels()),
    "members": ListCall("listWorkspaceMembers", "WorkspaceUser", lambda api, it: api.workspace.get_members()),
    "groups": ListCall("listWorkspaceGroups", "WorkspaceGroup", lambda api, it: api.workspace.get_groups()),
    "events": ListCall("listWorkspaceEvents", "WorkspaceEvent", lambda api, it: api.workspace.get_events()),
    "record views": ListCall("listRecordViews", "RecordView", lambda api, it: api.record_views.get_record_views()),
    "templates": ListCall(
        "listRecordViewTemplates", "ResultTableTemplate", lambda api, it: api.result_table_templates.get_templates()
    ),
    "property fields": ListCall(
        "listPropertyFields", "PropertyField", lambda api, it: api.property_fields.get_property_fields()
    ),
    "dashboards": ListCall("listDashboards", "Dashboard", lambda api, it: api.dashboards.get_dashboards()),
    "categories": ListCall(
        "listDashboardCategories", "DashboardCategory", lambda api, it: it.dashboard.get_categories()
    ),
    "imports": ListCall("listImports", "ImportRecord", lambda api, it: api.imports.get_imports()),
    "registrations": ListCall(
        "listRegistrationFiles",
        "RegistrationFileWithErrors",
        lambda api, it: api.registration.get_registration_files(it.activity),
    ),
    "submissions": ListCall(
        "listRegistrationSubmissions",
        "RegistrationSubmissionWithErrors",
        lambda api, it: api.registration.get_registration_submissions(it.activity),
    ),
}
