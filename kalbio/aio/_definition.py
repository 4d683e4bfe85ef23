"""What can be set on activity definitions."""

from __future__ import annotations

from typing import Any, Unpack

from kaleidoscope_api.api.activity_definitions import update_activity_definition
from kaleidoscope_api.types import UNSET, Unset

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.http.responses import as_optional_object
from kalbio._core.objects.checks import require_list, require_rows
from kalbio._core.objects.identifiers import Many, plain_id, plain_ids
from kalbio._core.objects.resource import Resource
from kalbio._core.objects.updates import NoMore, collect_updates
from kalbio._model import staleness
from kalbio._model.activities import (
    ActivityDefinitionData,
    ContentLayoutItem,
    QueueContentLayoutMapping,
)
from kalbio._model.enums import (
    ActivityStatusEnum,
)
from kalbio._model.rich_text import RichText
from kalbio._model.views import RecordViewData, RecordViewIdentifier
from kalbio.aio._activity_updates import resolved
from kalbio.aio._directory import Client
from kalbio.aio._listing import Kind
from kalbio.aio._policy import default_on_error, none
from kalbio.aio._property import Property, WithProperties
from kalbio.aio.entity_fields import DATA_FIELDS, EntityFieldIdentifier
from kalbio.aio.labels import LabelIdentifier
from kalbio.aio.programs import ProgramIdentifier
from kalbio.aio.property_fields import PropertyField
from kalbio.aio.workspace import GroupIdentifier, UserIdentifier

_DEFINITIONS: Kind[ActivityDefinitionData] = Kind(staleness.DEFINITION)


class DefinitionSettings(WithProperties, ActivityDefinitionData):
    """What can be set on an activity definition."""

    __slots__ = ()
    _client: Client | None

    @default_on_error(none)
    async def update(
        self,
        *,
        title: str | Unset = UNSET,
        description: RichText | None | Unset = UNSET,
        status: ActivityStatusEnum | str | Unset = UNSET,
        priority: str | Unset = UNSET,
        is_archived: bool | Unset = UNSET,
        external_id: str | Unset = UNSET,
        duration: int | None | Unset = UNSET,
        aggregate_scheduling: bool | Unset = UNSET,
        assigned_user_ids: Many[UserIdentifier] | Unset = UNSET,
        add_assigned_user_ids: Many[UserIdentifier] | Unset = UNSET,
        remove_assigned_user_ids: Many[UserIdentifier] | Unset = UNSET,
        add_assigned_group_ids: Many[GroupIdentifier] | Unset = UNSET,
        remove_assigned_group_ids: Many[GroupIdentifier] | Unset = UNSET,
        add_label_ids: Many[LabelIdentifier] | Unset = UNSET,
        remove_label_ids: Many[LabelIdentifier] | Unset = UNSET,
        add_program_ids: Many[ProgramIdentifier] | Unset = UNSET,
        remove_program_ids: Many[ProgramIdentifier] | Unset = UNSET,
        propagate_to_instances: bool | Unset = UNSET,
        **more: Unpack[NoMore],
    ) -> None:
        """Change the definition. What you leave out stays as it is; None clears it.

        Args:
            title: its title.
            description: text, or a rich-text document as a dict.
            status: the state that its activities begin in.
            priority: urgent, high, medium, low or none.
            is_archived: whether it is archived.
            external_id: its id in another system.
            duration: days.
            aggregate_scheduling: whether the dates of children are rolled up.
            assigned_user_ids: the complete list of assigned users: objects, ids, or e-mail addresses.
            add_assigned_user_ids: users to assign.
            remove_assigned_user_ids: users to unassign.
            add_assigned_group_ids: groups to assign: objects, ids, or names.
            remove_assigned_group_ids: groups to unassign.
            add_label_ids: labels to add: objects, ids, or names.
            remove_label_ids: labels to remove.
            add_program_ids: programs to add: objects, ids, or titles.
            remove_program_ids: programs to remove.
            propagate_to_instances: whether existing activities change too.
            **more: further members of the request, sent as they are; type checkers take them as a
                `dict[str, Any]`: `**members`.

        Raises:
            TypeError: another keyword looks like a misspelled argument; nothing was sent.
            IdentifierNotFoundError: a name does not exist; nothing was changed.
            ValueError: the title is empty, or a value cannot be sent.
            KalbioAPIError: the server refused.

        API operation: `updateActivityDefinition`.

        Example:
            >>> definition = (await client.activities.get_definitions())[0]
            >>> await definition.update(external_id="LIMS-7")
        """
        await self._put(await resolved(self._require_client().directory, collect_updates(locals())))

    @default_on_error(none)
    async def set_registration_settings(
        self,
        *,
        property_field_id: PropertyField | str | None | Unset = UNSET,
        record_view_id: RecordViewIdentifier | None | Unset = UNSET,
        content_layout_id: ContentLayoutItem | str | None | Unset = UNSET,
        status_field_id: EntityFieldIdentifier | None | Unset = UNSET,
        result_record_view_id: RecordViewIdentifier | None | Unset = UNSET,
        result_content_layout_id: ContentLayoutItem | str | None | Unset = UNSET,
        staging_template_view_id: RecordViewIdentifier | None | Unset = UNSET,
    ) -> None:
        """Set how activities of this type are registered. What you leave out stays as it is; None clears it.

        Args:
            property_field_id: the file property field whose upload can be registered.
            record_view_id: the table whose records are sent.
            content_layout_id: the content layout item of that table.
            status_field_id: the data field that shows the progress: object, id, or name.
            result_record_view_id: the table for results.
            result_content_layout_id: the content layout item of that table.
            staging_template_view_id: the view that staging tables are made from; switches table-based registration on.

        Raises:
            IdentifierNotFoundError: an argument is not an id; nothing was changed.
            KalbioAPIError: the server refused.

        API operation: `updateActivityDefinition`.

        Example:
            >>> definition = (await client.activities.get_definitions())[0]
            >>> await definition.set_registration_settings(status_field_id=None)
        """
        given = {
            "property_field_id": property_field_id,
            "record_view_id": record_view_id,
            "content_layout_id": content_layout_id,
            "status_field_id": status_field_id,
            "result_record_view_id": result_record_view_id,
            "result_content_layout_id": result_content_layout_id,
            "staging_template_view_id": staging_template_view_id,
        }
        changes = {name: value for name, value in given.items() if not isinstance(value, Unset)}
        settings: dict[str, str | None] = {}
        for name, value in changes.items():
            if value is not None and name == "status_field_id":
                value = await self._require_client().directory[DATA_FIELDS].require_id(value)
            elif value is not None:
                if name.endswith("view_id"):
                    accepted: type[Resource] = RecordViewData
                else:
                    accepted = ContentLayoutItem if name.endswith("content_layout_id") else PropertyField
                value = plain_id(value, name.removesuffix("_id").replace("_", " "), accepted)
            settings[f"registration_{name}"] = value
        await self._put(settings)

    @default_on_error(none)
    async def set_queuing_behavior(
        self,
        *,
        add_view_ids: Many[RecordViewIdentifier] | Unset = UNSET,
        remove_view_ids: Many[RecordViewIdentifier] | Unset = UNSET,
        queue_content_layout_ids: Many[QueueContentLayoutMapping] | Unset = UNSET,
    ) -> None:
        """Set where records go that are attached to activities of this type.

        Args:
            add_view_ids: views that attached records are added to from now on.
            remove_view_ids: views that they are not added to any more.
            queue_content_layout_ids: the content layout items where they queue up; replaces the whole mapping.

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
                    "view_id": plain_id(mapping.get("view_id"), "record view", RecordViewData),
                    "content_layout_ids": plain_ids(
                        mapping.get("content_layout_ids", ()), "content layout item", ContentLayoutItem
                    ),
                }
                for mapping in require_rows(
                    "queue_content_layout_ids", queue_content_layout_ids, QueueContentLayoutMapping
                )
            ]
        await self._put(changes)

    def content_layout_ids_for_view(self, view_id: RecordViewIdentifier) -> list[str]:
        """Return the ids of the content layout items of a view, in the order of the layout. Sends nothing.

        Args:
            view_id: the record view, or its id.
        """
        if view_id is None:
            return []
        wanted = plain_id(view_id, "record view", RecordViewData)
        return [item.id for item in self.content_layout if item.record_view_id == wanted]

    @default_on_error(none)
    async def queue_to_views(self, views: Many[RecordViewIdentifier | ContentLayoutItem]) -> None:
        """Let attached records queue up in these tables.

        Args:
            views: record views, or content layout items.

        Raises:
            ValueError: a view is not in the content layout, or several times; a content layout item is not a table.
            KalbioAPIError: the server refused.

        API operation: `updateActivityDefinition`.

        Example:
            >>> definition = (await client.activities.get_definitions())[0]
            >>> await definition.queue_to_views([])
        """
        ids_by_view: dict[str, list[str]] = {}
        for view in require_list("views", views):
            view_id, layout_id = self._view_and_layout_id(view)
            ids_by_view.setdefault(view_id, []).append(layout_id)
        mapping: list[QueueContentLayoutMapping] = [
            {"view_id": view_id, "content_layout_ids": layout_ids} for view_id, layout_ids in ids_by_view.items()
        ]
        await self.set_queuing_behavior(add_view_ids=list(ids_by_view), queue_content_layout_ids=mapping)

    @default_on_error(none)
    async def configure_registration(
        self,
        *,
        view: RecordViewIdentifier | ContentLayoutItem,
        file_property_field: Property | PropertyField | str,
        status_field: EntityFieldIdentifier | None | Unset = UNSET,
        result_view: RecordViewIdentifier | ContentLayoutItem | None | Unset = UNSET,
    ) -> None:
        """Set up file-based registration in one request.

        Args:
            view: the table whose records are sent, or its content layout item.
            file_property_field: the file property whose upload can be registered, or its property field: object, or id.
            status_field: the data field that shows the progress; None clears.
            result_view: the table for results, or its content layout item; None clears.

        Raises:
            ValueError: a view is not in the content layout, or several times; a content layout item is not a table.
            KalbioAPIError: the server refused.

        API operation: `updateActivityDefinition`.

        Example:
            >>> definition = await client.activities.get_definition_by_id("Assay results registration")
            >>> table = next(item for item in definition.content_layout if item.record_view_id)
            >>> upload = next(item for item in definition.properties if item.field_type == "file")
            >>> await definition.configure_registration(view=table, file_property_field=upload)
        """
        view_id, layout_id = self._view_and_layout_id(view)
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
            fields = self._require_client().directory[DATA_FIELDS]
            known = None if status_field is None else await fields.require_id(status_field)
            changes["registration_status_field_id"] = known
        if not isinstance(result_view, Unset):
            result = (None, None) if result_view is None else self._view_and_layout_id(result_view)
            changes["registration_result_record_view_id"], changes["registration_result_content_layout_id"] = result
        await self._put(changes)

    def _view_and_layout_id(self, view: RecordViewIdentifier | ContentLayoutItem) -> tuple[str, str]:
        """Return the ids of a view and of its one content layout item."""
        if isinstance(view, ContentLayoutItem):
            if view.record_view_id is None:
                raise ArgumentError(f"The content layout item {view.id} is not a table.")
            return view.record_view_id, view.id
        view_id = plain_id(view, "record view", RecordViewData)
        layout_ids = self.content_layout_ids_for_view(view_id)
        if len(layout_ids) != 1:
            found = "is not" if not layout_ids else f"is {len(layout_ids)} times"
            raise ArgumentError(
                f"The view {view_id} {found} in the content layout of {self.title!r}; give the content layout item."
            )
        return view_id, layout_ids[0]

    async def _put(self, changes: dict[str, Any]) -> None:
        if not changes:
            return
        client = self._require_client()
        response = await client.session.call(update_activity_definition.build_request(self.id, body=changes))
        self._stale = True
        answer = as_optional_object(response)
        if answer is None or str(answer.get("id")) != self.id:
            answer = await client.directory[_DEFINITIONS].after_write(self.id)
        if answer is not None:
            self._merge(answer)
