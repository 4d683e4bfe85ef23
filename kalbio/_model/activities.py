"""Activities, their definitions and what hangs on them, as data."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias, TypedDict

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.objects.fixed import FixedDict, FixedList
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.objects.resource import (
    Field,
    Resource,
    anything,
    enum_text,
    flag,
    flag_or_false,
    mapping,
    number,
    objects,
    text,
    texts,
    texts_or_none,
    timestamp,
)
from kalbio._core.text.display import safe_repr
from kalbio._model.enums import ACTIVITY_TYPE_TO_LABEL
from kalbio._model.rich_text import plain_text

ActivityType = Literal["task", "experiment", "project", "stage", "milestone", "cycle"]
"""The types of activities; experiments and cycles hold records."""


_text_member = text  # a comment has a `text` of its own


class QueueContentLayoutMapping(TypedDict):
    """Where records queue up: a view, and the content layout items that show it."""

    view_id: str
    content_layout_ids: list[str]


class ContentLayoutItem(Resource):
    """One item of the content layout of a definition."""

    __slots__ = ()

    component_type = enum_text("What stands there, see ContentLayoutComponentTypeEnum.")
    position_index = number("Its position.")
    note_section_id = text("The note section, if it is one.")
    sheet_id = text("The sheet, if it is one.")
    platemap_id = text("The plate map, if it is one.")
    record_view_id = text("The record view, if it is a table.")
    drc_config_id = text("The chart, if it is one.")


class _Written(Resource):
    """Something that somebody wrote or did."""

    __slots__ = ()
    _author: ClassVar[str]  # the member that says who

    def __repr__(self) -> str:
        # The author by name, where that is known without a request.
        who, when = self._raw.get(self._author), self._raw.get("created_at")
        told = [
            *([f"by {safe_repr(self._shown_name(self._author, str(who)) or str(who))}"] if who else ()),
            *([f"at {safe_repr(str(when))}"] if when else ()),
        ]
        return f"{super().__repr__().removesuffix('>')} {', '.join(told)}".rstrip() + ">"


class Comment(_Written):
    """A comment on an activity."""

    __slots__ = ()
    _author = "created_by"
    _columns = ("created_by", "created_at")

    workspace_id = _text_member("Its workspace.")
    created_by = _text_member("Who wrote it.")
    content = anything("What it says, as a rich-text document; `text` has it as plain text.")
    parent_comment_id = _text_member("The comment it replies to.")
    mentioned_user_ids = texts_or_none("Who is mentioned.")
    resource_type = _text_member("What it is about; activities are called task.")
    resource_id = _text_member("The id of what it is about.")
    created_at = timestamp("When it was written.")
    updated_at = timestamp("When it was changed.")

    @property
    def text(self) -> str:
        """What it says as plain text, a line for each paragraph; formatting is left out."""
        return plain_text(self._raw.get("content"))

    def _text(self) -> str:
        return self.text or super()._text()


class ActivityEvent(_Written):
    """Something that happened to an activity."""

    __slots__ = ()
    _author = "event_user_id"

    event_type = text("What happened.")
    event_type_version = number("The version of the shape of event_attrs.")
    event_attrs = mapping("Details; the shape depends on the type.")
    event_user_id = text("Who did it.")
    created_at = timestamp("When it happened.")
    resource_id = text("What it happened to.")
    resource_type = text("Its kind; activities are called task.")
    workspace_id = text("Its workspace.")
    parent_bulk_event_id = text("The bulk event it is a part of.")
    is_bulk = flag("Whether it stands for many.")
    request_id = text("The request that caused it.")
    session_id = text("The session that caused it.")
    log = text("What happened, for people.")

    def _label(self) -> str | None:
        return self.log or self.event_type


class PropertyData(Resource):
    """The data of a property, as the server sends it."""

    __slots__ = ()

    property_field_id = text("Its property field.")
    content = anything("Its value.")
    created_at = timestamp("When it was created.")
    last_updated_by = text("Who changed it last.")
    created_by = text("Who created it.")
    property_name = text("Its name.")
    field_type = enum_text("Its type, see DataFieldTypeEnum.")

    def _text(self) -> str:
        return f"{self.property_name}: {self._raw.get('content')}"


def _lists_of_ids(value: Any) -> dict[str, list[str]]:
    if not isinstance(value, dict):
        return FixedDict()
    return FixedDict({key: FixedList(map(str, items)) for key, items in value.items() if isinstance(items, list)})


class ActivityDefinitionData(Resource):
    """The data of an activity definition, as the server sends it."""

    __slots__ = ()
    _columns = ("activity_type", "status", "program_ids", "label_ids", "is_archived")

    program_ids = texts("Its programs.")
    title = text("Its title; not unique.")
    activity_type = enum_text("The type of its activities.")
    status = enum_text("The state that its activities begin in.")
    assigned_user_ids = texts("Who is assigned.")
    assigned_group_ids = texts("Which groups are assigned.")
    label_ids = texts("Its labels.")
    external_id = text("Its id in another system.")
    registration_property_field_id = text("The file property field whose upload can be registered.")
    registration_record_view_id = text("The table whose records are sent.")
    registration_content_layout_id = text("The content layout item of that table.")
    registration_status_field_id = text("The data field that shows the progress.")
    registration_result_record_view_id = text("The table for results.")
    registration_result_content_layout_id = text("The content layout item of that table.")
    registration_staging_template_view_id = text("The view that staging tables are made from.")
    view_ids_to_add_to_when_record_attached = texts("The views that attached records are added to.")
    queue_content_layout_ids = texts("The content layout items where records queue up.")
    content_layout = objects(ContentLayoutItem, "What its activities consist of.")
    is_archived = flag_or_false("Whether it is archived.")
    is_draft = flag_or_false("Whether it is a draft.")

    def _label(self) -> str | None:
        return self.title

    def _text(self) -> str:
        return f"{self.id}:{self.title}"


class ActivityData(Resource):
    """The data of an activity, as the server sends it."""

    __slots__ = ()
    _columns = (
        "activity_type", "status", "definition_id", "program_ids", "assigned_user_ids", "start_date", "due_date",
        "created_at",
    )  # fmt: skip

    created_at = timestamp("When it was created.")
    parent_id = text("The activity it is a part of.")
    child_ids = texts("The activities it consists of.")
    definition_id = text("Its definition; None for one without.")
    program_ids = texts("Its programs.")
    activity_type = enum_text("Its type; an unknown one is kept as it is.")
    title = text("Its title; not unique.")
    description = anything("Its description, as a rich-text document.")
    status = enum_text("Its state, see ActivityStatusEnum; the server may know more.")
    assigned_user_ids = texts("Who is assigned.")
    assigned_group_ids = texts("Which groups are assigned.")
    due_date = timestamp("When it is due, midnight UTC.")
    start_date = timestamp("When it starts, midnight UTC.")
    duration = number("Its duration in days.")
    completed_at_date = timestamp("When it was completed.")
    dependencies = texts("The activities that block it.")
    label_ids = texts("Its labels.")
    is_draft = flag_or_false("Whether it is a draft.")
    external_id = text("Its id in another system.")
    all_record_ids = texts("The records it contains.")
    data_table_record_mapping = Field(_lists_of_ids, "Record view id to the ids of its records, in order.")
    subscriber_ids = texts("Who is told of changes.")
    data_table_draft_record_ids = texts("The open registration drafts.")
    registration_staging_record_view_id = text("Its staging table, where its definition has table-based registration.")

    def _label(self) -> str | None:
        return self.title

    def _cure_of(self, name: str) -> str:
        if name == "copy":
            return (
                "; a copy of it would stand for the same activity on the server. A new one with its setup:"
                " new = client.activities.create_activity(title, activity.activity_type,"
                " activity_definition_id=activity.definition_id, program_ids=activity.program_ids),"
                " then new.add_records(activity.all_record_ids)"
            )
        return super()._cure_of(name)

    def _text(self) -> str:
        return f'Activity("{self.title}")'


def check_activity_type(given: Any) -> str:
    """Return the text of an activity type. Raises ValueError naming the close ones when there is none such."""
    if not isinstance(given, str) or given not in ACTIVITY_TYPE_TO_LABEL:
        hint = did_you_mean(given, ACTIVITY_TYPE_TO_LABEL) or f" There are {', '.join(ACTIVITY_TYPE_TO_LABEL)}."
        raise ArgumentError(f"There is no activity type {safe_repr(given)}.{hint}")
    return str(given)


ActivityIdentifier: TypeAlias = ActivityData | str
"""An activity, its id, or its title."""

DefinitionIdentifier: TypeAlias = ActivityDefinitionData | str
"""An activity definition, its id, or its title."""
