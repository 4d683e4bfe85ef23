"""Where things of each kind are listed: the table for the directory of a client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaleidoscope_api.api.activities import get_activity, list_activities
from kaleidoscope_api.api.activity_definitions import list_activity_definitions
from kaleidoscope_api.api.dashboards import list_dashboards
from kaleidoscope_api.api.entity_slices import list_entity_slices
from kaleidoscope_api.api.fields import list_data_fields, list_key_fields
from kaleidoscope_api.api.labels import list_activity_labels
from kaleidoscope_api.api.programs import list_programs
from kaleidoscope_api.api.properties import list_property_fields
from kaleidoscope_api.api.record_view_templates import list_record_view_templates
from kaleidoscope_api.api.record_views import list_record_views
from kaleidoscope_api.api.workspace import list_workspace_groups, list_workspace_members

from kalbio._model import staleness
from kalbio._model.activities import ActivityData
from kalbio.aio._activity import ACTIVITIES, DEFINITIONS, Activity, ActivityDefinition, Record
from kalbio.aio._directory import Client, Directory, Source
from kalbio.aio.dashboards import DASHBOARDS, Dashboard
from kalbio.aio.entity_fields import DATA_FIELDS, KEY_FIELDS, DataField, KeyField
from kalbio.aio.entity_types import ENTITY_TYPES, EntityType, names_of_types
from kalbio.aio.labels import LABELS, Label
from kalbio.aio.programs import PROGRAMS, Program
from kalbio.aio.property_fields import PROPERTY_FIELDS, PropertyField
from kalbio.aio.record_views import RECORD_VIEWS, RecordView
from kalbio.aio.result_table_templates import TEMPLATES, ResultTableTemplate
from kalbio.aio.workspace import GROUPS, USERS, WorkspaceGroup, WorkspaceUser

SOURCES: tuple[Source[Any], ...] = (
    Source(
        ACTIVITIES,
        list_activities.build_request,
        Activity,
        "title",
        ActivityData,  # of either world: scripts that mix them hand activities on
        one=get_activity.build_request,
    ),
    Source(
        DEFINITIONS,
        list_activity_definitions.build_request,
        ActivityDefinition,
        "title",
        ActivityDefinition,
    ),
    Source(DASHBOARDS, list_dashboards.build_request, Dashboard, "dashboard_name", Dashboard),
    Source(KEY_FIELDS, list_key_fields.build_request, KeyField, "field_name", KeyField),
    Source(DATA_FIELDS, list_data_fields.build_request, DataField, "field_name", DataField),
    Source(
        ENTITY_TYPES,
        list_entity_slices.build_request,
        EntityType,
        "shown_name",
        EntityType,
        composed=names_of_types,
    ),
    Source(LABELS, list_activity_labels.build_request, Label, "label_name", Label),
    Source(PROGRAMS, list_programs.build_request, Program, "title", Program),
    Source(
        PROPERTY_FIELDS,
        list_property_fields.build_request,
        PropertyField,
        "property_name",
        PropertyField,
    ),
    Source(RECORD_VIEWS, list_record_views.build_request, RecordView, "view_name", RecordView),
    Source(
        TEMPLATES,
        list_record_view_templates.build_request,
        ResultTableTemplate,
        "template_name",
        ResultTableTemplate,
    ),
    Source(USERS, list_workspace_members.build_request, WorkspaceUser, "email", WorkspaceUser),
    Source(GROUPS, list_workspace_groups.build_request, WorkspaceGroup, "group_name", WorkspaceGroup),
)


def make_directory(client: Client) -> Directory:
    """Make the directory of a client."""
    directory = Directory(client, SOURCES, Record)
    types = directory[ENTITY_TYPES]

    def made(request: Mapping[str, Any] | None) -> None:
        """Forget the types when a record may have brought its own into being."""
        keys = None if request is None else staleness.key_made(request)
        known = types.peek()
        if keys is None or known is None or not any(set(kind.key_field_ids) == set(keys) for kind in known.items):
            types.drop()

    client.session.remember(staleness.MADE_RECORD, made)
    return directory
