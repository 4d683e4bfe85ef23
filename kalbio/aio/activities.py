"""Activities (experiments, tasks, projects …), their definitions and their properties."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, TypeAlias

from kaleidoscope_api.api.activities import (
    create_activity,
    get_activity,
    list_activities,
    list_activity_comments,
    list_activity_events,
    list_child_activities,
    search_activities,
    update_activity,
)
from kaleidoscope_api.api.activity_definitions import list_activity_definitions, update_activity_definition
from kaleidoscope_api.api.operations import add_operation_records, list_operation_records, remove_operation_records
from kaleidoscope_api.api.properties import update_property, upload_property_file
from kaleidoscope_api.api.records import list_record_operations
from kaleidoscope_api.types import UNSET, Unset

from kalbio._core import constants, jsontext
from kalbio._core.aio.cache import AsyncCache
from kalbio._core.answers import as_json, as_list, as_optional_object
from kalbio._core.errors import IdentifierNotFoundError, KalbioError, NotFoundError
from kalbio._core.on_demand import on_demand
from kalbio._core.shown import shown
from kalbio._core.uploads import FileData, opened
from kalbio._model import staleness
from kalbio._model.activities import (
    ActivityData,
    ActivityDefinitionData,
    ActivityEvent,
    ActivityType,
    Comment,
    ContentLayoutItem,
    PropertyData,
    QueueContentLayoutMapping,
    check_activity_type,
)
from kalbio._model.checks import filled, listed, rows_of, texts_of, whole
from kalbio._model.enums import (
    ACTIVITY_TYPE_TO_LABEL,
    ActivityStatusEnum,
    CompletedBehaviorEnum,
    ContentLayoutComponentTypeEnum,
)
from kalbio._model.fixed import FixedList
from kalbio._model.identifiers import as_id, plain_id, plain_ids
from kalbio._model.listing import Listing, read_items, read_object
from kalbio._model.resource import Resource
from kalbio._model.times import check_day
from kalbio._model.updates import given
from kalbio._model.views import RecordViewData
from kalbio.aio._policy import nothing, on_failure, when_called
from kalbio.aio._service import CachedListing, Service
from kalbio.aio.property_fields import PropertyField

__all__ = [
    "ACTIVITY_TYPE_TO_LABEL",
    "ActivitiesService",
    "Activity",
    "ActivityDefinition",
    "ActivityEvent",
    "ActivityIdentifier",
    "ActivityStatusEnum",
    "ActivityType",
    "Comment",
    "CompletedBehaviorEnum",
    "ContentLayoutComponentTypeEnum",
    "ContentLayoutItem",
    "DefinitionIdentifier",
    "Property",
    "QueueContentLayoutMapping",
]


class Property(PropertyData):
    """The value of a property field on an activity or a definition."""

    __slots__ = ()

    @on_failure(nothing)
    async def update_property(self, property_value: Any) -> None:
        """Set the property; the object takes over the server's new state.

        Args:
            property_value: the value, of the type of the property.

        Raises:
            ValueError: the value cannot be sent.
            KalbioAPIError: the server refused.

        API operation: `updateProperty`.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> for item in activity.properties:
            ...     if item.field_type == "text":
            ...         await item.update_property("plate 7")
        """
        client = self._require_client()
        request = update_property.build_request(self.id, body={"content": property_value})
        response = await client.call(request)
        self._take_over(as_optional_object(response) or jsontext.plain({"content": property_value}))

    @on_failure(nothing)
    async def update_property_file(
        self,
        file_name: str | os.PathLike[str],
        file_data: FileData | None = None,
        file_type: str | None = None,
    ) -> dict[str, Any] | None:
        """Upload a file into a property of type file.

        Args:
            file_name: the name to keep it under; without `file_data`, the path of the file.
            file_data: bytes, a file opened for reading bytes (sent from where it stands), or a path.
            file_type: its content type, e.g. "text/csv"; by default it follows from the name.

        Returns:
            What the server says of the file, as it came; None when it says nothing.

        Raises:
            UnknownFateError: the answer was lost; look before you upload again.
            KalbioAPIError: the server refused.

        API operation: `uploadPropertyFile`.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> for item in activity.properties:
            ...     if item.field_type == "file":
            ...         answer = await item.update_property_file("results.csv", b"compound,IC50", "text/csv")
        """
        from kaleidoscope_api.models import UploadPropertyFileBody

        client = self._require_client()
        with opened(file_name, file_data, file_type) as file:
            body = UploadPropertyFileBody(file=file)
            response = await client.call(upload_property_file.build_request(self.id, body=body))
        answer = as_json(response)
        return answer if isinstance(answer, dict) and answer else None


class _WithProperties(Resource):
    """What activities and definitions share: properties that can be changed."""

    __slots__ = ()

    _computed: ClassVar[tuple[str, ...]] = ("properties",)

    @property
    def properties(self) -> list[Property]:
        """Its properties."""
        known: list[Property] | None = self._kept("properties")
        if known is None:
            items = self._raw.get("properties") or ()
            # Kept, so that what is changed through a property shows on it when it is asked for again.
            known = FixedList(Property(item, self._client) for item in items if isinstance(item, dict))
            self._keep("properties", known)
        return known


class ActivityDefinition(_WithProperties, ActivityDefinitionData):
    """A template of activities ("experiment type"): defaults, content layout, queueing and registration settings."""

    __slots__ = ()

    @property
    @on_demand  # async-only
    @on_failure(list)
    async def activities(self) -> list[Activity]:
        """The activities made from it. API operation: `listActivities`."""
        client = self._require_client()
        return [activity for activity in await client.activities.get_activities() if activity.definition_id == self.id]

    @property
    @on_demand  # async-only
    @on_failure(list)
    async def record_views(self) -> list[RecordView]:
        """The record views that belong to it; templates are not among them. API operation: `listRecordViews`."""
        client = self._require_client()
        views: list[RecordView] = await client.record_views.get_record_views()
        return [view for view in views if self.id in (view.operation_definition_ids or ())]

    @property
    @on_demand  # async-only
    @on_failure(list)
    async def templates(self) -> list[ResultTableTemplate]:
        """The result table templates that are linked to it. API operation: `listRecordViewTemplates`."""
        client = self._require_client()
        templates: list[ResultTableTemplate] = await client.result_table_templates.get_templates()
        return [template for template in templates if self.id in (template.operation_definition_ids or ())]

    @on_failure(nothing)
    async def update(
        self,
        *,
        title: str | Unset = UNSET,
        description: dict[str, Any] | None | Unset = UNSET,
        status: ActivityStatusEnum | str | Unset = UNSET,
        priority: str | Unset = UNSET,
        is_archived: bool | Unset = UNSET,
        external_id: str | Unset = UNSET,
        duration: int | None | Unset = UNSET,
        aggregate_scheduling: bool | Unset = UNSET,
        assigned_user_ids: list[str] | Unset = UNSET,
        add_assigned_user_ids: list[str] | Unset = UNSET,
        remove_assigned_user_ids: list[str] | Unset = UNSET,
        add_assigned_group_ids: list[str] | Unset = UNSET,
        remove_assigned_group_ids: list[str] | Unset = UNSET,
        add_label_ids: list[str] | Unset = UNSET,
        remove_label_ids: list[str] | Unset = UNSET,
        add_program_ids: list[str] | Unset = UNSET,
        remove_program_ids: list[str] | Unset = UNSET,
        propagate_to_instances: bool | Unset = UNSET,
        **more: Any,
    ) -> None:
        """Change the definition; what is not given stays, None clears.

        Args:
            title: its title.
            description: a rich-text document.
            status: the state that its activities begin in.
            priority: urgent, high, medium, low or none.
            is_archived: whether it is archived.
            external_id: its id in another system.
            duration: days.
            aggregate_scheduling: whether the dates of children are rolled up.
            assigned_user_ids: the complete list of assigned users: objects, ids, or e-mail addresses.
            add_assigned_user_ids: users to assign.
            remove_assigned_user_ids: users to release.
            add_assigned_group_ids: groups to assign: objects, ids, or names.
            remove_assigned_group_ids: groups to release.
            add_label_ids: labels to add: objects, ids, or names.
            remove_label_ids: labels to remove.
            add_program_ids: programs to add: objects, ids, or titles.
            remove_program_ids: programs to remove.
            propagate_to_instances: whether existing activities change too.
            **more: further members of the request, sent as they are.

        Raises:
            TypeError: a further member looks like a misspelt argument; nothing was sent.
            IdentifierNotFoundError: a name names nothing; the change was not sent.
            ValueError: the title is empty, or a value cannot be sent.
            KalbioAPIError: the server refused.

        API operation: `updateActivityDefinition`.

        Example:
            >>> definition = (await client.activities.get_definitions())[0]
            >>> await definition.update(external_id="LIMS-7")
        """
        await self._put(await _resolved(self._require_client(), given(locals())))

    @on_failure(nothing)
    async def set_registration_settings(
        self,
        *,
        property_field_id: str | None | Unset = UNSET,
        record_view_id: str | None | Unset = UNSET,
        content_layout_id: str | None | Unset = UNSET,
        status_field_id: str | None | Unset = UNSET,
        result_record_view_id: str | None | Unset = UNSET,
        result_content_layout_id: str | None | Unset = UNSET,
        staging_template_view_id: str | None | Unset = UNSET,
    ) -> None:
        """Set how activities of this type are registered; what is not given stays, None clears.

        Args:
            property_field_id: the file property field whose upload can be registered.
            record_view_id: the table whose records are sent.
            content_layout_id: the place of that table.
            status_field_id: the data field that shows the progress: object, id, or name.
            result_record_view_id: the table for results.
            result_content_layout_id: the place of that table.
            staging_template_view_id: the view that staging tables are made from; switches table-based registration on.

        Raises:
            IdentifierNotFoundError: something is given that is no id; the change was not sent.
            KalbioAPIError: the server refused.

        API operation: `updateActivityDefinition`.

        Example:
            >>> definition = (await client.activities.get_definitions())[0]
            >>> await definition.set_registration_settings(status_field_id=None)
        """
        changes = given(locals())
        settings: dict[str, str | None] = {}
        for name, value in changes.items():
            if value is not None and name == "status_field_id":
                value = await self._require_client().entity_fields._data_fields.require_id(value)
            elif value is not None:
                if name.endswith("view_id"):
                    accepted: type[Resource] = RecordViewData
                else:
                    accepted = ContentLayoutItem if name.endswith("content_layout_id") else PropertyField
                value = plain_id(value, name.removesuffix("_id").replace("_", " "), accepted)
            settings[f"registration_{name}"] = value
        await self._put(settings)

    @on_failure(nothing)
    async def set_queuing_behavior(
        self,
        *,
        add_view_ids: list[str] | Unset = UNSET,
        remove_view_ids: list[str] | Unset = UNSET,
        queue_content_layout_ids: list[QueueContentLayoutMapping] | Unset = UNSET,
    ) -> None:
        """Set where records go that are attached to activities of this type.

        Args:
            add_view_ids: views that attached records are added to from now on.
            remove_view_ids: views that they are not added to any more.
            queue_content_layout_ids: the places where they queue up; replaces the whole mapping.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `updateActivityDefinition`.

        Example:
            >>> definition = (await client.activities.get_definitions())[0]
            >>> await definition.set_queuing_behavior(queue_content_layout_ids=[])
        """
        changes: dict[str, Any] = {}
        if not isinstance(add_view_ids, Unset):
            changes["add_view_ids_to_add_to_when_record_attached"] = plain_ids(
                add_view_ids, "record view", RecordViewData
            )
        if not isinstance(remove_view_ids, Unset):
            changes["remove_view_ids_to_add_to_when_record_attached"] = plain_ids(
                remove_view_ids, "record view", RecordViewData
            )
        if not isinstance(queue_content_layout_ids, Unset):
            changes["set_queue_content_layout_ids"] = [
                {
                    "view_id": plain_id(place.get("view_id"), "record view", RecordViewData),
                    "content_layout_ids": plain_ids(
                        place.get("content_layout_ids", ()), "content layout item", ContentLayoutItem
                    ),
                }
                for place in rows_of("queue_content_layout_ids", queue_content_layout_ids, QueueContentLayoutMapping)
            ]
        await self._put(changes)

    def content_layout_ids_for_view(self, view_id: str) -> list[str]:
        """Return the ids of the places where a view stands, in the order of the layout. Local.

        Args:
            view_id: the record view, or its id.
        """
        if view_id is None:
            return []
        wanted = plain_id(view_id, "record view", RecordViewData)
        return [item.id for item in self.content_layout if item.record_view_id == wanted]

    @on_failure(nothing)
    async def queue_to_views(self, views: Sequence[RecordView | ContentLayoutItem]) -> None:
        """Let attached records queue up in these tables.

        Args:
            views: record views, or places of the content layout.

        Raises:
            ValueError: a view has no place in the layout, or several; a place holds no table.
            KalbioAPIError: the server refused.

        API operation: `updateActivityDefinition`.

        Example:
            >>> definition = (await client.activities.get_definitions())[0]
            >>> await definition.queue_to_views([])
        """
        places: dict[str, list[str]] = {}
        for view in listed("views", views):
            view_id, layout_id = self._place(view)
            places.setdefault(view_id, []).append(layout_id)
        mapping: list[QueueContentLayoutMapping] = [
            {"view_id": view_id, "content_layout_ids": layout_ids} for view_id, layout_ids in places.items()
        ]
        await self.set_queuing_behavior(add_view_ids=list(places), queue_content_layout_ids=mapping)

    @on_failure(nothing)
    async def configure_registration(
        self,
        *,
        view: RecordView | ContentLayoutItem,
        file_property_field: Property | PropertyField | str,
        status_field: EntityFieldIdentifier | None | Unset = UNSET,
        result_view: RecordView | ContentLayoutItem | None | Unset = UNSET,
    ) -> None:
        """Set up file-based registration in one request.

        Args:
            view: the table whose records are sent, or its place.
            file_property_field: the file property whose upload can be registered, or its property field: object, or id.
            status_field: the data field that shows the progress; None clears.
            result_view: the table for results, or its place; None clears.

        Raises:
            ValueError: a view has no place in the layout, or several; a place holds no table.
            KalbioAPIError: the server refused.

        API operation: `updateActivityDefinition`.

        Example:
            >>> definition = await client.activities.get_definition_by_id("Assay results registration")
            >>> table = next(item for item in definition.content_layout if item.record_view_id)
            >>> upload = next(item for item in definition.properties if item.field_type == "file")
            >>> await definition.configure_registration(view=table, file_property_field=upload)
        """
        view_id, layout_id = self._place(view)
        if isinstance(file_property_field, Property):
            property_field_id = file_property_field.property_field_id
        else:
            property_field_id = plain_id(file_property_field, "property field", PropertyField)
        changes: dict[str, Any] = {
            "registration_property_field_id": property_field_id,
            "registration_record_view_id": view_id,
            "registration_content_layout_id": layout_id,
        }
        if not isinstance(status_field, Unset):
            fields = self._require_client().entity_fields._data_fields
            known = None if status_field is None else await fields.require_id(status_field)
            changes["registration_status_field_id"] = known
        if not isinstance(result_view, Unset):
            result = (None, None) if result_view is None else self._place(result_view)
            changes["registration_result_record_view_id"], changes["registration_result_content_layout_id"] = result
        await self._put(changes)

    def _place(self, view: RecordView | ContentLayoutItem) -> tuple[str, str]:
        """Return the ids of a view and of the one place where it stands."""
        if isinstance(view, ContentLayoutItem):
            if view.record_view_id is None:
                raise ValueError(f"The place {view.id} of the content layout holds no table.")
            return view.record_view_id, view.id
        view_id = plain_id(view, "record view", RecordViewData)
        places = self.content_layout_ids_for_view(view_id)
        if len(places) != 1:
            found = "has no place" if not places else f"stands at {len(places)} places"
            raise ValueError(
                f"The view {view_id} {found} in the content layout of {self.title!r}; give the place itself."
            )
        return view_id, places[0]

    async def _put(self, changes: dict[str, Any]) -> None:
        if not changes:
            return
        client = self._require_client()
        response = await client.call(update_activity_definition.build_request(self.id, body=changes))
        self._stale = True
        answer = as_optional_object(response)
        if answer is None or str(answer.get("id")) != self.id:
            answer = await client.activities._definitions.after_write(self.id)
        if answer is not None:
            self._take_over(answer)


class Activity(_WithProperties, ActivityData):
    """A unit of work: a task, an experiment, a project, a stage, a milestone or a design cycle.

    Experiments and cycles are operations: they hold records, and values can be written in them.
    """

    __slots__ = ()

    @property
    @on_demand  # async-only
    @on_failure(nothing)
    async def activity_definition(self) -> ActivityDefinition | None:
        """Its definition, None when it has none. API operation: `listActivityDefinitions`."""
        definition_id = self.definition_id
        if definition_id is None:
            return None
        definition: ActivityDefinition | None = await self._require_client().activities._definitions.find(definition_id)
        return definition

    @property
    @on_demand  # async-only
    @on_failure(list)
    async def assigned_users(self) -> list[WorkspaceUser]:
        """The users that are assigned; unknown ones are left out. API operation: `listWorkspaceMembers`."""
        users: list[WorkspaceUser] = await self._require_client().workspace.get_members_by_ids(self.assigned_user_ids)
        return users

    @property
    @on_demand  # async-only
    @on_failure(list)
    async def assigned_groups(self) -> list[WorkspaceGroup]:
        """The groups that are assigned; unknown ones are left out. API operation: `listWorkspaceGroups`."""
        groups: list[WorkspaceGroup] = await self._require_client().workspace.get_groups_by_ids(self.assigned_group_ids)
        return groups

    @property
    @on_demand  # async-only
    @on_failure(list)
    async def labels(self) -> list[Label]:
        """Its labels; unknown ones are left out. API operation: `listActivityLabels`."""
        labels: list[Label] = await self._require_client().labels.get_labels_by_ids(self.label_ids)
        return labels

    @property
    @on_demand  # async-only
    @on_failure(list)
    async def programs(self) -> list[Program]:
        """Its programs; unknown ones are left out. API operation: `listPrograms`."""
        programs: list[Program] = await self._require_client().programs.get_programs_by_ids(self.program_ids)
        return programs

    @property
    @on_demand  # async-only
    @on_failure(list)
    async def child_activities(self) -> list[Activity]:
        """The activities it consists of. Asked for once, and again after activities were changed or it was refreshed.

        API operation: `listChildActivities`.
        """
        client = self._require_client()
        since = client.activities._activities.generation
        read, known = self._kept("child_activities") or (None, Listing())
        if read != since or not client._caching():
            response = await client._call_or_none(list_child_activities.build_request(self.id))
            known = Listing() if response is None else client.activities._adopt(response)
            self._keep("child_activities", (since, known))
        return Listing(known, known.unreadable)

    @property
    @on_demand  # async-only
    @on_failure(list)
    async def records(self) -> list[Record]:
        """The records it contains, asked for at every access. API operation: `listOperationRecords`."""
        client = self._require_client()
        since = client.records._cache.writes
        response = await client._call_or_none(list_operation_records.build_request(self.id))
        records: list[Record] = [] if response is None else client.records._adopt(response, since)
        return records

    @property
    @on_demand  # async-only
    @on_failure(list)
    async def record_views(self) -> list[RecordView]:
        """Its tables; templates are not among them. API operation: `listRecordViews`."""
        views: list[RecordView] = await self._require_client().record_views.get_record_views()
        return [view for view in views if self.id in (view.operation_ids or ())]

    @on_failure(list, about="view_id")
    async def records_on_view(self, view_id: str) -> list[Record]:
        """Return the records of one of its tables, in the order of the table.

        Args:
            view_id: the record view, or its id.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listRecords`.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> for view in await activity.record_views:
            ...     records = await activity.records_on_view(view.id)
        """
        ids = self.data_table_record_mapping.get(plain_id(view_id, "record view", RecordViewData), [])
        records: list[Record] = await self._require_client().records.get_records_by_ids(ids) if ids else []
        return records

    @on_failure(nothing, about="identifier")
    async def get_record(self, identifier: RecordIdentifier) -> Record | None:
        """Return a record when this activity contains it, else None.

        Args:
            identifier: the record: object, id, or key-field dict.

        Raises:
            IdentifierNotFoundError: a name in the dict is no key field.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> record = await activity.get_record({"Compound": "CPD-1"})
        """
        records = self._require_client().records
        if not isinstance(identifier, Mapping) and await records._resolve(identifier) not in self.all_record_ids:
            return None  # the ids are at hand: nothing needs to be read
        record: Record | None = await records.get_record_by_id(identifier)
        return record if record is not None and record.id in self.all_record_ids else None

    @on_failure(bool, about="identifier")
    async def has_record(self, identifier: RecordIdentifier) -> bool:
        """Return whether this activity contains a record.

        Args:
            identifier: the record: object, id, or key-field dict. Objects and ids cost no request.

        Raises:
            IdentifierNotFoundError: a name in the dict is no key field.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> contained = await activity.has_record({"Compound": "CPD-1"})
        """
        if isinstance(identifier, Mapping):
            return await self.get_record(identifier) is not None
        resolved: str = await self._require_client().records._resolve(identifier)
        return resolved in self.all_record_ids

    @on_failure(nothing)
    async def update(
        self,
        *,
        parent_id: str | None | Unset = UNSET,
        title: str | Unset = UNSET,
        description: dict[str, Any] | None | Unset = UNSET,
        status: ActivityStatusEnum | str | Unset = UNSET,
        priority: str | Unset = UNSET,
        definition_id: str | Unset = UNSET,
        add_dependencies: list[str] | Unset = UNSET,
        remove_dependencies: list[str] | Unset = UNSET,
        due_date: date | None | Unset = UNSET,
        start_date: date | None | Unset = UNSET,
        duration: int | None | Unset = UNSET,
        aggregate_scheduling: bool | Unset = UNSET,
        add_label_ids: list[str] | Unset = UNSET,
        remove_label_ids: list[str] | Unset = UNSET,
        add_program_ids: list[str] | Unset = UNSET,
        remove_program_ids: list[str] | Unset = UNSET,
        add_assigned_user_ids: list[str] | Unset = UNSET,
        remove_assigned_user_ids: list[str] | Unset = UNSET,
        add_assigned_group_ids: list[str] | Unset = UNSET,
        remove_assigned_group_ids: list[str] | Unset = UNSET,
        add_reviewer_ids: list[str] | Unset = UNSET,
        remove_reviewer_ids: list[str] | Unset = UNSET,
        add_subscriber_ids: list[str] | Unset = UNSET,
        remove_subscriber_ids: list[str] | Unset = UNSET,
        external_id: str | Unset = UNSET,
        comment: dict[str, Any] | Unset = UNSET,
        shift_dependency_mode: str | Unset = UNSET,
        avoid_weekends: bool | Unset = UNSET,
        extend_in_progress_items: bool | Unset = UNSET,
        **more: Any,
    ) -> None:
        """Change the activity; what is not given stays, None clears.

        Args:
            parent_id: the activity it is a part of: object, id, or title; None detaches it.
            title: its title.
            description: a rich-text document.
            status: its state, as a member of `ActivityStatusEnum` or as text.
            priority: urgent, high, medium, low or none.
            definition_id: its definition: object, id, or title.
            add_dependencies: activities that block it: objects, ids, or titles.
            remove_dependencies: activities that block it no more.
            due_date: when it is due: a date, or a datetime; midnight without a zone counts as the day.
            start_date: when it starts, given alike.
            duration: days.
            aggregate_scheduling: whether the dates of children are rolled up.
            add_label_ids: labels to add: objects, ids, or names.
            remove_label_ids: labels to remove.
            add_program_ids: programs to add: objects, ids, or titles.
            remove_program_ids: programs to remove.
            add_assigned_user_ids: users to assign: objects, ids, or e-mail addresses.
            remove_assigned_user_ids: users to release.
            add_assigned_group_ids: groups to assign: objects, ids, or names.
            remove_assigned_group_ids: groups to release.
            add_reviewer_ids: reviewers to add.
            remove_reviewer_ids: reviewers to remove.
            add_subscriber_ids: users to tell of changes.
            remove_subscriber_ids: users not to tell any more.
            external_id: its id in another system.
            comment: a rich-text document, posted with the change.
            shift_dependency_mode: how dependent activities are moved.
            avoid_weekends: whether moved dates keep off weekends.
            extend_in_progress_items: whether running activities are extended.
            **more: further members of the request, sent as they are.

        Raises:
            TypeError: a further member looks like a misspelt argument; nothing was sent.
            IdentifierNotFoundError: a name names nothing; the change was not sent.
            ValueError: the title is empty, or a value cannot be sent.
            KalbioAPIError: the server refused.

        API operation: `updateActivity`.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> await activity.update(status=ActivityStatusEnum.IN_PROGRESS)
        """
        changes = given(locals())
        if not changes:
            return
        client = self._require_client()
        changes = await _resolved(client, changes)
        request = update_activity.build_request(self.id, body=changes)
        if "comment" in changes:
            # A second comment would stand there twice.
            request["extensions"]["idempotent"] = False
        response = await client.call(request)
        await self._take_over_or_reread(response)

    @on_failure(nothing)
    async def add_records(self, record_ids: Sequence[RecordIdentifier]) -> None:
        """Attach records; those that are attached already stay.

        Args:
            record_ids: the records: objects, ids, or key-field dicts.

        Raises:
            IdentifierNotFoundError: a key-field dict names no record; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `addOperationRecords`.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> await activity.add_records([record])
        """
        from kaleidoscope_api.models import AddOperationRecordsBody

        client = self._require_client()
        ids = await client.records._resolve_many(record_ids)
        if not ids:
            return
        body = AddOperationRecordsBody(record_ids=ids)
        await client.call(add_operation_records.build_request(self.id, body=body))
        await self._reread()

    @on_failure(nothing)
    async def remove_records(self, record_ids: Sequence[RecordIdentifier], record_view_id: str | None = None) -> None:
        """Detach records. The values they hold in this activity are deleted with it.

        Args:
            record_ids: the records: objects, ids, or key-field dicts.
            record_view_id: only from this table; None from all tables.

        Raises:
            IdentifierNotFoundError: a key-field dict names no record; nothing was sent.
            KalbioAPIError: the server refused, e.g. because a record is not attached; nothing was changed.

        API operation: `removeOperationRecords`.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> await activity.add_records([record])
            >>> await activity.remove_records([record])
        """
        from kaleidoscope_api.models import RemoveOperationRecordsBody

        client = self._require_client()
        ids = await client.records._resolve_many(record_ids)
        if not ids:
            return
        body = RemoveOperationRecordsBody(
            record_ids=ids,
            record_view_id=UNSET if record_view_id is None else plain_id(record_view_id, "record view", RecordViewData),
        )
        response = await client.call(remove_operation_records.build_request(self.id, body=body))
        await self._take_over_or_reread(response)

    @on_failure(list)
    async def get_record_data(self) -> list[dict[str, Any]]:
        """Return what each record holds in this activity: field id to content, in the order of the records.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listOperationRecords`.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> rows = await activity.get_record_data()
        """
        return [await record.get_activity_data(self) for record in await self.records]

    @on_failure(list)
    async def get_events(self) -> list[ActivityEvent]:
        """Return what happened to the activity, in the server's order (newest first, as a rule).

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivityEvents`.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> events = await activity.get_events()
        """
        client = self._require_client()
        response = await client._call_or_none(list_activity_events.build_request(self.id))
        return [] if response is None else read_items(as_list(response), lambda item: ActivityEvent(item, client))

    @on_failure(list)
    async def get_comments(self) -> list[Comment]:
        """Return the comments on the activity.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivityComments`.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> comments = await activity.get_comments()
        """
        client = self._require_client()
        response = await client._call_or_none(list_activity_comments.build_request(self.id))
        return [] if response is None else read_items(as_list(response), lambda item: Comment(item, client))

    @on_failure(nothing)
    async def refetch(self) -> None:
        """Read the activity from the server again; this object takes over what it says.

        Raises:
            NotFoundError: the activity is not there any more; IdentifierNotFoundError where only the listing tells.
            KalbioAPIError: the server refused.

        API operation: `getActivity`; `listActivities` where the server does not know it.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> await activity.refetch()
        """
        await self._refresh()

    async def _refresh(self) -> None:
        client = self._require_client()
        # What is read now may be newer than what is remembered, which must not contradict it.
        client._forget(staleness.ACTIVITY, staleness.OF_RECORD)
        self._become(await client.activities._read_one(self.id))

    async def _take_over_or_reread(self, response: Any) -> None:
        self._stale = True
        answer = as_json(response)
        if isinstance(answer, list) and len(answer) == 1:
            answer = answer[0]
        if isinstance(answer, dict) and str(answer.get("id")) == self.id:
            self._take_over(answer)
        else:
            await self._reread()

    async def _reread(self) -> None:
        """Read the outcome of a write. The write is done: not being able to read it must not look like its failure."""
        self._stale = True
        with contextlib.suppress(KalbioError):
            await self._refresh()


ActivityIdentifier: TypeAlias = Activity | str
"""An activity, its id, or its title."""

DefinitionIdentifier: TypeAlias = ActivityDefinition | str
"""An activity definition, its id, or its title."""


def _warn_of_older_places(service: Any, given: dict[str, Any]) -> None:
    if isinstance(given.get("subscriber_ids"), date):
        warnings.warn("give start_date and duration by name", DeprecationWarning, stacklevel=3)


class ActivitiesService(Service):
    """Activities and their definitions (`client.activities`)."""

    _remembers = (staleness.ACTIVITY, staleness.DEFINITION, staleness.OF_RECORD)

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self._activities: CachedListing[Activity] = CachedListing(
            client, staleness.ACTIVITY, list_activities.build_request, Activity, lambda item: item.title, Activity
        )
        self._definitions: CachedListing[ActivityDefinition] = CachedListing(
            client,
            staleness.DEFINITION,
            list_activity_definitions.build_request,
            ActivityDefinition,
            lambda item: item.title,
            ActivityDefinition,
        )
        self._of_record: AsyncCache[str, Listing[Activity]] = AsyncCache(
            size=constants.RELATION_CACHE_SIZE, ttl=constants.RELATION_TTL
        )
        client._remember(staleness.OF_RECORD, lambda _: self._of_record.clear())
        # Whether the server reads single activities; not every one does, so the first answer decides.
        self._reads_one: bool | None = None

    def _adopt(self, response: Any) -> Listing[Activity]:
        """Make activities of a list answer."""
        return read_items(as_list(response), lambda item: Activity(item, self._client))

    async def _resolve(self, identifier: ActivityIdentifier) -> str:
        """Return the id of an activity. Ids and objects cost no request; a title of none, or of several, raises."""
        return await self._activities.require_id(identifier)

    async def _read_one(self, activity_id: str) -> dict[str, Any]:
        """Return the JSON of one activity. Raises NotFoundError or IdentifierNotFoundError when there is none."""
        refusal: NotFoundError | None = None
        if self._reads_one is not False:
            try:
                answer = read_object(await self._client.call(get_activity.build_request(activity_id)), "activity")
                self._reads_one = True
                return answer
            except NotFoundError as error:
                if self._reads_one:
                    raise
                refusal = error
        # Either there is no such activity, or the server has no such call: the listing tells.
        catalog = await self._activities.catalog(use_cache=False)
        found = catalog.by_id(activity_id)
        if found is None:
            raise refusal or catalog.not_found(activity_id)
        self._reads_one = False
        return found.to_dict()

    async def _read_now(self, identifier: ActivityIdentifier) -> dict[str, Any]:
        """Return the JSON of the activity that an identifier names, as it is now, with one fresh read. Misses raise."""
        known = as_id(identifier, "activity", ActivityData)
        if known is None:
            cached = self._activities.cached()
            found = None if cached is None else cached.by_name(str(identifier))
            if found is None:
                # The listing that the title is looked up in is a fresh read already.
                catalog = await self._activities.catalog(use_cache=False)
                found = catalog.by_name(str(identifier))
                if found is None:
                    raise catalog.not_found(identifier)
                return found.to_dict()
            known = found.id
        return await self._read_one(known)

    @on_failure(list)
    async def get_activities(self, *, use_cache: bool = True) -> list[Activity]:
        """Return all activities of all types, drafts included.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivities`.

        Example:
            >>> titles = [activity.title for activity in await client.activities.get_activities()]
        """
        return await self._activities.all(use_cache=use_cache)

    @on_failure(list, about="activity_type")
    async def get_activity_by_type(self, activity_type: ActivityType) -> list[Activity]:
        """Return all activities of a type.

        Args:
            activity_type: "task", "experiment", "project", "stage", "milestone" or "cycle".

        Raises:
            ValueError: there is no such type, and no activity has it.
            KalbioAPIError: the server refused.

        API operation: `listActivities`.

        Example:
            >>> experiments = await client.activities.get_activity_by_type("experiment")
        """
        found = (await self._activities.all()).only(lambda activity: activity.activity_type == activity_type)
        if not found:
            check_activity_type(activity_type)
        return found

    @on_failure(nothing, about="activity_id")
    async def get_activity_by_id(self, activity_id: ActivityIdentifier) -> Activity | None:
        """Return an activity.

        Args:
            activity_id: its id, its exact title, or the activity itself, which is returned as it is.

        Returns:
            The activity, None when there is none.

        Raises:
            AmbiguousIdentifierError: several activities have this title.
            KalbioAPIError: the server refused.

        API operation: `getActivity` for an id, `listActivities` for a title.

        Example:
            >>> activity = await client.activities.get_activity_by_id("Kinase screen")
        """
        if isinstance(activity_id, Activity):
            return activity_id
        known = as_id(activity_id, "activity", ActivityData)
        if known is None:
            return await self._activities.find(activity_id)
        cached = self._activities.cached()
        found = None if cached is None else cached.by_id(known)
        if found is not None:
            return found
        try:
            return Activity(await self._read_one(known), self._client)
        except (NotFoundError, IdentifierNotFoundError):
            return None

    @on_failure(list, about="ids")
    async def get_activities_by_ids(self, ids: Iterable[ActivityIdentifier]) -> list[Activity]:
        """Return activities in the order asked for; unknown ones are left out.

        Args:
            ids: ids, titles and activities, in any mixture.

        Raises:
            AmbiguousIdentifierError: several activities have one of the titles.
            KalbioAPIError: the server refused.

        API operation: `listActivities`.

        Example:
            >>> activities = await client.activities.get_activities_by_ids(["Kinase screen"])
        """
        return [item for item in await self._activities.get_many(ids) if item is not None]

    @on_failure(nothing, about="external_id")
    async def get_activity_by_external_id(self, external_id: str) -> Activity | None:
        """Return the first activity with this id of another system, None when there is none.

        Args:
            external_id: the id in the other system.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivities`.

        Example:
            >>> activity = await client.activities.get_activity_by_external_id("LIMS-7")
        """
        return await self._activities.search(
            lambda catalog: next((item for item in catalog.items if item.external_id == external_id), None)
        )

    @when_called(_warn_of_older_places)
    @on_failure(nothing)
    async def create_activity(
        self,
        title: str,
        activity_type: ActivityType,
        program_ids: Sequence[str] | None = None,
        activity_definition_id: DefinitionIdentifier | None = None,
        assigned_user_ids: Sequence[str] | None = None,
        subscriber_ids: Sequence[str] | None = None,
        start_date: date | None = None,
        duration: int | None = None,
    ) -> Activity:
        """Create an activity. For experiments and cycles the server makes their tables as well.

        Args:
            title: its title. The server does not keep titles unique.
            activity_type: "task", "experiment", "project", "stage", "milestone" or "cycle".
            program_ids: programs: objects, ids, or titles.
            activity_definition_id: its definition: object, id, or title.
            assigned_user_ids: members of the workspace: objects, ids, or e-mail addresses.
            subscriber_ids: members to tell of changes; the creator and the assigned are told anyway.
            start_date: when it starts: a date, or a datetime; midnight without a zone counts as the day.
            duration: days.

        Raises:
            ValueError: the title is empty, or there is no such type.
            IdentifierNotFoundError: there is no such definition, program or member; the creation was not sent.
            UnknownFateError: the answer was lost; look before you create it again.
            KalbioAPIError: the server refused.

        API operation: `createActivity`.

        Example:
            >>> activity = await client.activities.create_activity("Solubility screen", "experiment")
        """
        if isinstance(subscriber_ids, date):
            # Older releases had no subscriber_ids, and the two after it stood one place earlier.
            given_duration: Any = start_date if duration is None else duration
            subscriber_ids, start_date, duration = None, subscriber_ids, given_duration
        members = self._client.workspace._members
        body: dict[str, Any] = {
            "title": filled("title", title),
            "activity_type": check_activity_type(activity_type),
            "definition_id": None
            if activity_definition_id is None
            else await self._definitions.require_id(activity_definition_id),
            "program_ids": await self._client.programs._programs.require_ids(program_ids or ()),
            "assigned_user_ids": await members.require_ids(assigned_user_ids or ()),
            "subscriber_ids": await members.require_ids(subscriber_ids or ()),
            "start_date": None if start_date is None else check_day("start_date", start_date),
            "duration": None if duration is None else whole("duration", duration, 0),
        }
        response = await self._client.call(create_activity.build_request(body=body))
        return Activity(read_object(response, "activity"), self._client)

    @on_failure(list, about="record_id")
    async def get_activities_with_record(self, record_id: RecordIdentifier, use_cache: bool = True) -> list[Activity]:
        """Return the activities that contain a record.

        Args:
            record_id: the record: object, id, or key-field dict.
            use_cache: False asks the server even when the answer is cached (for ten seconds).

        Returns:
            The activities; none when the record does not exist.

        Raises:
            IdentifierNotFoundError: a name in the dict is no key field.
            KalbioAPIError: the server refused.

        API operation: `listRecordOperations`.

        Example:
            >>> activities = await client.activities.get_activities_with_record({"Compound": "CPD-1"})
        """
        records = self._client.records
        try:
            wanted = await records._resolve(record_id)
        except IdentifierNotFoundError as error:
            # Key values that no record has; a name that is no key field is another matter.
            if error.kind == "record" and isinstance(record_id, Mapping):
                return []
            raise

        async def load() -> Listing[Activity]:
            response = await self._client._call_or_none(list_record_operations.build_request(wanted))
            return Listing() if response is None else self._adopt(response)

        found = await self._of_record.get(wanted, load, fresh=not self._client._caching(use_cache))
        return Listing(found, found.unreadable)

    @on_failure(list)
    async def search_activities(
        self,
        *,
        search_text: str | None = None,
        activity_types: Sequence[ActivityType] | None = None,
        definition_ids: Sequence[DefinitionIdentifier] | None = None,
        record_ids: Sequence[RecordIdentifier] | None = None,
        statuses: Sequence[ActivityStatusEnum | str] | None = None,
        label_ids: Sequence[str] | None = None,
        assigned_user_ids: Sequence[str] | None = None,
        created_by: str | None = None,
        parent_id: ActivityIdentifier | None | Unset = UNSET,
        limit: int | None = None,
        completed_behavior: CompletedBehaviorEnum | str | None = None,
    ) -> list[Activity]:
        """Return the activities that fulfil all conditions; of the values of one list, any one will do.

        Args:
            search_text: free text in the title.
            activity_types: types.
            definition_ids: definitions: objects, ids, or titles.
            record_ids: records that are contained: objects, ids, or key-field dicts.
            statuses: states, as members of `ActivityStatusEnum` or as text.
            label_ids: labels: objects, ids, or names.
            assigned_user_ids: users: objects, ids, or e-mail addresses.
            created_by: the user who created it: object, id, or e-mail address.
            parent_id: the activity it is a part of: object, id, or title; None for those that are part of none.
            limit: most activities to return; the server gives 500 at most.
            completed_behavior: "show-all" (the default), "hide-completed-trees" or "hide-all".

        Raises:
            IdentifierNotFoundError: a condition names nothing; nothing was sent.
            ValueError: an unknown type or behaviour.
            KalbioAPIError: the server refused.

        API operation: `searchActivities`.

        Example:
            >>> running = await client.activities.search_activities(statuses=["in progress"], limit=20)
        """
        from kaleidoscope_api.models import CompletedBehavior

        client = self._client
        query: dict[str, Any] = {
            "search_text": search_text,
            "limit": None if limit is None else whole("limit", limit, 1),
        }
        if activity_types is not None:
            types = [check_activity_type(item) for item in texts_of("activity_types", activity_types)]
            query["activity_types"] = jsontext.encode_text(types)
        if definition_ids is not None:
            query["definition_ids"] = jsontext.encode_text(await self._definitions.require_ids(definition_ids))
        if record_ids is not None:
            query["record_ids"] = jsontext.encode_text(await client.records._resolve_many(record_ids))
        # Lists of lists on the wire: the inner ones are alternatives.
        if statuses is not None:
            query["statuses"] = jsontext.encode_text([texts_of("statuses", statuses)])
        if label_ids is not None:
            query["label_ids"] = jsontext.encode_text([await client.labels._labels.require_ids(label_ids)])
        if assigned_user_ids is not None:
            users = await client.workspace._members.require_ids(assigned_user_ids)
            query["assigned_user_ids"] = jsontext.encode_text([users])
        if created_by is not None:
            query["created_by"] = await client.workspace._members.require_id(created_by)
        if not isinstance(parent_id, Unset):
            query["parent_id"] = "null" if parent_id is None else await self._resolve(parent_id)
        if completed_behavior is not None:
            known = [member.value for member in CompletedBehaviorEnum]
            if completed_behavior not in known:
                raise ValueError(
                    f"completed_behavior must be one of {', '.join(known)}; got {shown(completed_behavior)}"
                )
            query["completed_behavior"] = CompletedBehavior(str(completed_behavior))
        build: Any = search_activities.build_request
        response = await self._client._call_or_none(build(**query))
        return [] if response is None else self._adopt(response)

    @on_failure(list)
    async def get_definitions(self, *, use_cache: bool = True) -> list[ActivityDefinition]:
        """Return all activity definitions, drafts and archived ones included.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivityDefinitions`.

        Example:
            >>> titles = [definition.title for definition in await client.activities.get_definitions()]
        """
        return await self._definitions.all(use_cache=use_cache)

    @on_failure(nothing, about="definition_id")
    async def get_definition_by_id(self, definition_id: DefinitionIdentifier) -> ActivityDefinition | None:
        """Return an activity definition.

        Args:
            definition_id: its id, its exact title, or the definition itself.

        Returns:
            The definition, None when there is none.

        Raises:
            AmbiguousIdentifierError: several definitions have this title.
            KalbioAPIError: the server refused.

        API operation: `listActivityDefinitions`.

        Example:
            >>> definition = await client.activities.get_definition_by_id("Assay results registration")
        """
        return await self._definitions.get(definition_id)

    @on_failure(list, about="ids")
    async def get_definitions_by_ids(self, ids: Iterable[DefinitionIdentifier]) -> list[ActivityDefinition]:
        """Return definitions in the order asked for; unknown ones are left out.

        Args:
            ids: ids, titles and definitions, in any mixture.

        Raises:
            AmbiguousIdentifierError: several definitions have one of the titles.
            KalbioAPIError: the server refused.

        API operation: `listActivityDefinitions`.

        Example:
            >>> definitions = await client.activities.get_definitions_by_ids(["Assay results registration"])
        """
        return [item for item in await self._definitions.get_many(ids) if item is not None]

    @on_failure(nothing, about="external_id")
    async def get_activity_definition_by_external_id(self, external_id: str) -> ActivityDefinition | None:
        """Return the first definition with this id of another system, None when there is none.

        Args:
            external_id: the id in the other system.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivityDefinitions`.

        Example:
            >>> definition = await client.activities.get_activity_definition_by_external_id("LIMS-7")
        """
        return await self._definitions.search(
            lambda catalog: next((item for item in catalog.items if item.external_id == external_id), None)
        )


# Where the members of an update that name things are looked up: the service of the client and its listing.
_NAMED = {
    "parent_id": ("activities", "_activities"),
    "definition_id": ("activities", "_definitions"),
    "dependencies": ("activities", "_activities"),
    "label_ids": ("labels", "_labels"),
    "program_ids": ("programs", "_programs"),
    "assigned_user_ids": ("workspace", "_members"),
    "reviewer_ids": ("workspace", "_members"),
    "subscriber_ids": ("workspace", "_members"),
    "assigned_group_ids": ("workspace", "_groups"),
}


async def _resolved(client: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes of an update with ids in place of names and objects; unknown names raise."""
    filled("title", changes.get("title", "unchanged"))
    resolved: dict[str, Any] = {}
    for name, value in changes.items():
        place = _NAMED.get(name.removeprefix("add_").removeprefix("remove_"))
        if name in ("due_date", "start_date") and value is not None:
            check_day(name, value)
        if name == "duration" and value is not None:
            whole(name, value, 0)
        if name == "status":
            filled(name, value)
        if place is None or (value is None and name == "parent_id"):
            resolved[name] = value
            continue
        listing = getattr(getattr(client, place[0]), place[1])
        one = name in ("parent_id", "definition_id")
        resolved[name] = await (listing.require_id(value) if one else listing.require_ids(value))
    return resolved


# At the end, because these modules need this one: whoever resolves the annotations above finds their names.
from kalbio.aio.entity_fields import EntityFieldIdentifier  # noqa: E402
from kalbio.aio.labels import Label  # noqa: E402
from kalbio.aio.programs import Program  # noqa: E402
from kalbio.aio.record_views import RecordView  # noqa: E402
from kalbio.aio.records import Record, RecordIdentifier  # noqa: E402
from kalbio.aio.result_table_templates import ResultTableTemplate  # noqa: E402
from kalbio.aio.workspace import WorkspaceGroup, WorkspaceUser  # noqa: E402
