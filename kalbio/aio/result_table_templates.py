"""Result table templates: reusable record views that are linked to activity definitions."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from kaleidoscope_api.api.record_view_templates import (
    bulk_link_record_view_template,
    bulk_unlink_record_view_template,
    create_record_view_template,
    delete_record_view_template,
    duplicate_record_view_template,
    get_record_view_template,
    link_record_view_template,
    promote_record_view,
    unlink_record_view_template,
    update_record_view_template,
)
from kaleidoscope_api.types import UNSET, Unset

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import IdentifierNotFoundError
from kalbio._core.http.responses import as_json
from kalbio._core.objects.checks import require_list, require_rows, require_text, require_whole_number
from kalbio._core.objects.identifiers import Many, plain_id, plain_ids
from kalbio._core.objects.listing import read_object
from kalbio._core.objects.resource import Resource, stale
from kalbio._core.objects.updates import collect_updates
from kalbio._core.text.display import safe_repr
from kalbio._model import staleness
from kalbio._model.activities import ActivityDefinitionData, ContentLayoutItem, DefinitionIdentifier
from kalbio._model.errors import KalbioError
from kalbio._model.filters import FieldSort, Where
from kalbio._model.search import check_filter_time, given_conditions
from kalbio._model.views import RecordViewColorFilter, RecordViewFilter, RecordViewSort, ViewField
from kalbio.aio._directory import Client
from kalbio.aio._listing import Kind
from kalbio.aio._policy import default_on_error, none, when_called
from kalbio.aio._service import Service
from kalbio.aio.entity_fields import DATA_FIELDS, EntityFieldIdentifier
from kalbio.aio.entity_types import ENTITY_TYPES, EntityTypeIdentifier
from kalbio.aio.programs import PROGRAMS, ProgramIdentifier
from kalbio.aio.record_views import RecordView, RecordViewIdentifier, on_columns

__all__ = ["ResultTableTemplate", "ResultTableTemplateIdentifier", "ResultTableTemplatesService"]


class ResultTableTemplate(RecordView):
    """A record view that is a template: each experiment of a linked definition gets a view made from it."""

    __slots__ = ()

    def _text(self) -> str:
        return self.template_name or self.view_name or self.id

    def _label(self) -> str | None:
        return self.template_name or self.view_name


ResultTableTemplateIdentifier: TypeAlias = ResultTableTemplate | str
"""A template, its id, or its template name."""


_DEFINITIONS: Kind[ActivityDefinitionData] = Kind(staleness.DEFINITION)
TEMPLATES: Kind[ResultTableTemplate] = Kind(staleness.TEMPLATE)


TableFilters: TypeAlias = Where | Sequence[RecordViewFilter | Where]
"""Filters of a table: made with `F`, or dicts."""

TableSorts: TypeAlias = Sequence[str | RecordViewSort | FieldSort | Resource]
"""Orders of a table: names of fields, with a "-" before one for descending; fields; or dicts."""

TableColors: TypeAlias = Where | Sequence[RecordViewColorFilter | Where]
"""Colours of a table: conditions made with `F(...)` and `in_color`, or dicts."""


class ResultTableTemplatesService(Service):
    """Result table templates of the workspace (`client.result_table_templates`)."""

    _remembers = (staleness.TEMPLATE,)

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._told_of_none = False
        self._templates = self._directory[TEMPLATES]

    def _look_for_none(self, given: dict[str, Any]) -> None:
        """Take None as older clients did under their error policy; else say once what it does."""
        without = [name for name, value in given.items() if value is None and name != "template_id"]
        if self._session.on_error == "log":
            for name in without:
                del given[name]
            return
        cleared = [name for name in without if name in _CLEARED]
        if cleared and not self._told_of_none:
            self._told_of_none = True
            warnings.warn(
                f"update_template({cleared[0]}=None) clears it: None clears here, as in every update method; older "
                f"clients left it as it was. To leave it, give {cleared[0]}=UNSET (from kalbio import UNSET), "
                "or not at all.",
                stacklevel=3,
            )

    @default_on_error(list)
    async def get_templates(self, *, use_cache: bool = True) -> list[ResultTableTemplate]:
        """Return all templates.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listRecordViewTemplates`.

        Example:
            >>> templates = await client.result_table_templates.get_templates()
        """
        return await self._templates.all(use_cache=use_cache)

    @default_on_error(none, skip_when_none="template_id")
    async def get_template_by_id(self, template_id: ResultTableTemplate | str) -> ResultTableTemplate | None:
        """Return a template as it is now, None when there is none.

        Args:
            template_id: its id.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `getRecordViewTemplate`.

        Example:
            >>> for template in await client.result_table_templates.get_templates():
            ...     fresh = await client.result_table_templates.get_template_by_id(template.id)
        """
        request = get_record_view_template.build_request(
            plain_id(template_id, "result table template", ResultTableTemplate)
        )
        response = await self._session.call_or_none(request)
        return None if response is None else self._read(response)

    @default_on_error(none)
    async def create_template(
        self,
        *,
        view_name: str,
        entity_slice_id: EntityTypeIdentifier,
        template_name: str | None = None,
        program_ids: Many[ProgramIdentifier] | None = None,
        view_field_ids: Many[ViewField | str] | None = None,
        data_field_ids: Many[EntityFieldIdentifier] | None = None,
        lookup_field_ids: Many[str] | None = None,
        plot_field_ids: Many[str] | None = None,
        filters: TableFilters | None = None,
        sorts: TableSorts | None = None,
        color_filters: TableColors | None = None,
        record_set_ids_filter: Many[str] | None = None,
        sort_order: str | None = None,
        sort_descending: bool | None = None,
        view_mode: str | None = None,
        group_by_mode: str | None = None,
        group_by_field_id: str | None = None,
    ) -> ResultTableTemplate:
        """Create a template from scratch; what is None is left to the server.

        Args:
            view_name: name of the tables made from it.
            entity_slice_id: the entity type of their records: object, id, or name.
            template_name: its own name.
            program_ids: programs: objects, ids, or titles.
            view_field_ids: ids of columns of existing views to copy.
            data_field_ids: data fields to show: objects, ids, or names.
            lookup_field_ids: ids of look-ups to show.
            plot_field_ids: ids of plots to show.
            filters: conditions on key fields, made with `F` or dicts; new columns have no ids yet.
            sorts: names of key fields, with a "-" before one for descending; or dicts.
            color_filters: conditions with a colour: `(F("Compound") == "CPD-1").in_color("#FF0000")`, or dicts.
            record_set_ids_filter: ids of record sets to limit it to.
            sort_order: alphabetical, created_date or manual.
            sort_descending: whether to sort in descending order.
            view_mode: how it is shown.
            group_by_mode: how it is grouped.
            group_by_field_id: id of what it is grouped by.

        Raises:
            ValueError: a name is empty.
            IdentifierNotFoundError: no such entity type, program or field; nothing was sent.
            OutcomeUnknownError: the answer was lost; check before you create it again.
            KalbioAPIError: the server refused.

        API operation: `createRecordViewTemplate`.

        Example:
            >>> template = await client.result_table_templates.create_template(
            ...     view_name="Potency", entity_slice_id="Compound", data_field_ids=["Potency (nM)"]
            ... )
        """
        body = {name: value for name, value in locals().items() if name != "self" and value is not None}
        body["view_name"] = require_text("view_name", view_name)
        body["entity_slice_id"] = await self._directory[ENTITY_TYPES].require_id(entity_slice_id)
        if data_field_ids is not None:
            body["data_field_ids"] = await self._directory[DATA_FIELDS].require_ids(data_field_ids)
        return await self._create(create_record_view_template.build_request(body=await self._with_programs(body)))

    @default_on_error(none)
    async def save_view_as_template(
        self, *, source_view_id: RecordViewIdentifier, view_name: str, template_name: str | None = None
    ) -> ResultTableTemplate:
        """Create a template from a record view.

        Args:
            source_view_id: the view, or its id.
            view_name: name of the tables made from it.
            template_name: its own name.

        Raises:
            ValueError: a name is empty.
            OutcomeUnknownError: the answer was lost; check before you create it again.
            KalbioAPIError: the server refused.

        API operation: `createRecordViewTemplate`.

        Example:
            >>> view = (await client.record_views.get_record_views())[0]
            >>> template = await client.result_table_templates.save_view_as_template(
            ...     source_view_id=view, view_name="Potency"
            ... )
        """
        body = {
            "source_view_id": plain_id(source_view_id, "record view", RecordView),
            "view_name": require_text("view_name", view_name),
        }
        if template_name is not None:
            body["template_name"] = template_name
        return await self._create(create_record_view_template.build_request(body=body))

    @when_called(_look_for_none)
    @default_on_error(none)
    async def update_template(
        self,
        template_id: ResultTableTemplateIdentifier,
        *,
        view_name: str | Unset = UNSET,
        template_name: str | None | Unset = UNSET,
        program_ids: Many[ProgramIdentifier] | Unset = UNSET,
        save_view_field_ids: Many[ViewField | str] | Unset = UNSET,
        remove_view_field_ids: Many[ViewField | str] | Unset = UNSET,
        reorder_view_field_ids: Many[ViewField | str] | Unset = UNSET,
        filters: TableFilters | Unset = UNSET,
        sorts: TableSorts | Unset = UNSET,
        color_filters: TableColors | Unset = UNSET,
        record_set_ids_filter: Many[str] | Unset = UNSET,
        is_archived: bool | Unset = UNSET,
        sort_order: str | None | Unset = UNSET,
        sort_descending: bool | None | Unset = UNSET,
        view_mode: str | None | Unset = UNSET,
        group_by_mode: str | None | Unset = UNSET,
        group_by_field_id: str | None | Unset = UNSET,
    ) -> ResultTableTemplate:
        """Change a template; what is not given, or UNSET, stays; None clears.

        In older clients, None left a setting as it was. With `on_error="log"` it still does; otherwise the first call
        that clears something with None gives a warning.

        Args:
            template_id: the template: object, id, or template name.
            view_name: name of the tables made from it.
            template_name: its own name.
            program_ids: the complete list of programs: objects, ids, or titles.
            save_view_field_ids: ids of columns to add.
            remove_view_field_ids: ids of columns to remove.
            reorder_view_field_ids: ids of columns in their new order.
            filters: the complete conditions on key fields and columns, made with `F` or dicts.
            sorts: all names of fields to sort by, with a "-" before one for descending; or dicts.
            color_filters: all conditions with a colour: `(F("logP") < 5).in_color("#FF0000")`, or dicts.
            record_set_ids_filter: the complete list of record sets to limit it to.
            is_archived: whether it is archived.
            sort_order: alphabetical, created_date or manual.
            sort_descending: whether to sort in descending order.
            view_mode: how it is shown.
            group_by_mode: how it is grouped.
            group_by_field_id: id of what it is grouped by.

        Returns:
            The template as it is now. If you give nothing to change, nothing is changed: a template object is returned
            as it is, and an id or a name is looked up.

        Raises:
            IdentifierNotFoundError: no such template or program; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `updateRecordViewTemplate`.

        Example:
            >>> template = (await client.result_table_templates.get_templates())[0]
            >>> template = await client.result_table_templates.update_template(template, sort_order="manual")
        """
        changes = {name: value for name, value in collect_updates(locals()).items() if name != "template_id"}
        require_text("view_name", changes.get("view_name", "unchanged"))
        if not changes and isinstance(template_id, ResultTableTemplate):
            return template_id
        resolved = await self._templates.require_id(template_id)
        if not changes:
            return self._read(await self._session.call(get_record_view_template.build_request(resolved)))
        body = await self._with_programs(changes, template_id)
        response = await self._session.call(update_record_view_template.build_request(resolved, body=body))
        if as_json(response) is None:
            return await self._reread(resolved)
        return self._read(response)

    @default_on_error(none)
    async def delete_template(self, template_id: ResultTableTemplateIdentifier) -> None:
        """Delete a template. It is removed from linked definitions, and the tables made from it are deleted.

        Args:
            template_id: the template: object, id, or template name.

        Raises:
            IdentifierNotFoundError: no such template; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `deleteRecordViewTemplate`.

        Example:
            >>> template = (await client.result_table_templates.get_templates())[0]
            >>> copy = await client.result_table_templates.duplicate_template(template)
            >>> await client.result_table_templates.delete_template(copy)
        """
        resolved = await self._templates.require_id(template_id)
        await self._session.call(delete_record_view_template.build_request(resolved, body={}))

    @default_on_error(none)
    async def duplicate_template(self, template_id: ResultTableTemplateIdentifier) -> ResultTableTemplate:
        """Copy a template.

        Args:
            template_id: the template: object, id, or template name.

        Raises:
            IdentifierNotFoundError: no such template; nothing was sent.
            OutcomeUnknownError: the answer was lost; check before you copy it again.
            KalbioAPIError: the server refused.

        API operation: `duplicateRecordViewTemplate`.

        Example:
            >>> template = (await client.result_table_templates.get_templates())[0]
            >>> copy = await client.result_table_templates.duplicate_template(template)
        """
        resolved = await self._templates.require_id(template_id)
        return await self._create(duplicate_record_view_template.build_request(resolved, body={}))

    @default_on_error(none)
    async def promote_view_to_template(
        self,
        *,
        source_view_id: RecordViewIdentifier,
        operation_definition_id: DefinitionIdentifier,
        view_name: str,
        position_index: int | None = None,
    ) -> ResultTableTemplate:
        """Make a template from a table of a definition; the template replaces that table.

        Args:
            source_view_id: the view, or its id.
            operation_definition_id: the definition: object, id, or title.
            view_name: name of the tables made from it.
            position_index: its position in the content layout.

        Raises:
            IdentifierNotFoundError: no such definition; nothing was sent.
            OutcomeUnknownError: the answer was lost; check before you repeat it.
            KalbioAPIError: the server refused.

        API operation: `promoteRecordView`.

        Example:
            >>> activity = await client.activities.get_activity_by_id("Kinase screen")
            >>> view = (await activity.record_views)[0]
            >>> template = await client.result_table_templates.promote_view_to_template(
            ...     source_view_id=view, operation_definition_id="Screening experiment", view_name="Potency"
            ... )
        """
        body: dict[str, Any] = {
            "source_view_id": plain_id(source_view_id, "record view", RecordView),
            "operation_definition_id": await self._directory[_DEFINITIONS].require_id(operation_definition_id),
            "view_name": require_text("view_name", view_name),
        }
        if position_index is not None:
            body["position_index"] = require_whole_number("position_index", position_index, 0)
        return await self._create(promote_record_view.build_request(body=body))

    @default_on_error(none)
    async def link_to_operation_definition(
        self,
        template_view_id: ResultTableTemplateIdentifier,
        *,
        operation_definition_id: DefinitionIdentifier,
        position_index: int | None = None,
    ) -> ResultTableTemplate:
        """Put a template into the content layout of a definition; each of its experiments gets a table made from it.

        Args:
            template_view_id: the template: object, id, or template name.
            operation_definition_id: the definition: object, id, or title.
            position_index: its position in the content layout.

        Returns:
            The template as it is after the link.

        Raises:
            IdentifierNotFoundError: no such template or definition; nothing was sent.
            OutcomeUnknownError: the answer was lost; check before you link it again.
            KalbioAPIError: the server refused.

        API operation: `linkRecordViewTemplate`, then `getRecordViewTemplate`.

        Example:
            >>> template = (await client.result_table_templates.get_templates())[0]
            >>> template = await client.result_table_templates.link_to_operation_definition(
            ...     template, operation_definition_id="Screening experiment"
            ... )
        """
        resolved = await self._templates.require_id(template_view_id)
        body: dict[str, Any] = {
            "template_view_id": resolved,
            "operation_definition_id": await self._directory[_DEFINITIONS].require_id(operation_definition_id),
        }
        if position_index is not None:
            body["position_index"] = require_whole_number("position_index", position_index, 0)
        await self._session.call(link_record_view_template.build_request(body=body))
        # The answer shows the template as it was before.
        return await self._reread(resolved)

    @default_on_error(none)
    async def unlink_from_operation_definition(
        self,
        template_id: ResultTableTemplateIdentifier,
        *,
        operation_definition_id: DefinitionIdentifier,
        content_layout_id: ContentLayoutItem | str,
    ) -> None:
        """Remove a template from one position in the content layout of a definition.

        Args:
            template_id: the template: object, id, or template name.
            operation_definition_id: the definition: object, id, or title.
            content_layout_id: the content layout item, or its id.

        Raises:
            IdentifierNotFoundError: no such template or definition; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `unlinkRecordViewTemplate`.

        Example:
            >>> templates = client.result_table_templates
            >>> template = (await templates.get_templates())[0]
            >>> template = await templates.link_to_operation_definition(
            ...     template, operation_definition_id="Screening experiment"
            ... )
            >>> definition = await client.activities.get_definition_by_id("Screening experiment")
            >>> item = definition.content_layout_ids_for_view(template.id)[0]
            >>> await templates.unlink_from_operation_definition(
            ...     template, operation_definition_id=definition, content_layout_id=item
            ... )
        """
        resolved = await self._templates.require_id(template_id)
        body = {
            "operation_definition_id": await self._directory[_DEFINITIONS].require_id(operation_definition_id),
            "content_layout_id": plain_id(content_layout_id, "content layout item", ContentLayoutItem),
        }
        await self._session.call(unlink_record_view_template.build_request(resolved, body=body))

    @default_on_error(none)
    async def bulk_link_to_operation_definitions(
        self,
        template_view_id: ResultTableTemplateIdentifier,
        *,
        operation_definition_ids: Many[DefinitionIdentifier],
    ) -> None:
        """Put a template at the end of the content layouts of several definitions.

        Args:
            template_view_id: the template: object, id, or template name.
            operation_definition_ids: at least one definition: objects, ids, or titles.

        Raises:
            ValueError: no definition was given.
            IdentifierNotFoundError: no such template or definition; nothing was sent.
            OutcomeUnknownError: the answer was lost; check before you link it again.
            KalbioAPIError: the server refused.

        API operation: `bulkLinkRecordViewTemplate`.

        Example:
            >>> template = (await client.result_table_templates.get_templates())[0]
            >>> await client.result_table_templates.bulk_link_to_operation_definitions(
            ...     template, operation_definition_ids=["Screening experiment"]
            ... )
        """
        body = await self._bulk(template_view_id, operation_definition_ids)
        await self._session.call(bulk_link_record_view_template.build_request(body=body))

    @default_on_error(none)
    async def bulk_unlink_from_operation_definitions(
        self,
        template_view_id: ResultTableTemplateIdentifier,
        *,
        operation_definition_ids: Many[DefinitionIdentifier],
    ) -> None:
        """Remove a template from the content layouts and the registration settings of several definitions.

        Args:
            template_view_id: the template: object, id, or template name.
            operation_definition_ids: at least one definition: objects, ids, or titles.

        Raises:
            ValueError: no definition was given.
            IdentifierNotFoundError: no such template or definition; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `bulkUnlinkRecordViewTemplate`.

        Example:
            >>> template = (await client.result_table_templates.get_templates())[0]
            >>> linked = template.operation_definition_ids
            >>> await client.result_table_templates.bulk_unlink_from_operation_definitions(
            ...     template, operation_definition_ids=linked
            ... )
        """
        body = await self._bulk(template_view_id, operation_definition_ids)
        await self._session.call(bulk_unlink_record_view_template.build_request(body=body))

    async def _create(self, request: dict[str, Any]) -> ResultTableTemplate:
        return self._read(await self._session.call(request))

    def _read(self, response: Any) -> ResultTableTemplate:
        return ResultTableTemplate(read_object(response, "template"), self._client)

    async def _reread(self, template_id: str) -> ResultTableTemplate:
        """Return a template after a write; stale when it cannot be read, which must not look like a failed write."""
        with contextlib.suppress(KalbioError):
            return self._read(await self._session.call(get_record_view_template.build_request(template_id)))
        return stale(ResultTableTemplate({"id": template_id}, self._client))

    async def _with_programs(self, body: dict[str, Any], template_id: Any = None) -> dict[str, Any]:
        """Return a body with ids in the place of programs, fields and objects. Raises before anything is sent."""
        if "program_ids" in body:
            body["program_ids"] = await self._directory[PROGRAMS].require_ids(body["program_ids"])
        for name, value in body.items():
            if name in _IDS:
                body[name] = plain_ids(value, *_IDS[name])
            elif name in ("filters", "sorts", "color_filters"):
                given = given_conditions(name, value)
                if any("field_id" in condition for condition in given if isinstance(condition, Mapping)):
                    template = None if template_id is None else await self._templates.get(template_id)
                    try:
                        given = await on_columns(self._directory, given, template.view_fields if template else [])
                    except IdentifierNotFoundError as error:
                        if template_id is not None or error.kind != "column":
                            raise
                        raise IdentifierNotFoundError(
                            "column", error.identifier,
                            hint=f"A new template has none yet, so its {name} can be on key fields only: make it, then"
                            f" update_template(template, {name}=...).",
                        ) from None  # fmt: skip
                    given = [{"plot_field_config": None, **condition} for condition in given]
                body[name] = require_rows(name, given)
                for condition in body[name]:
                    check_filter_time(condition)
        return body

    async def _bulk(
        self, template: ResultTableTemplateIdentifier, definitions: Many[DefinitionIdentifier]
    ) -> dict[str, Any]:
        given = require_list("operation_definition_ids", definitions)
        if not given:
            raise ArgumentError(
                f"operation_definition_ids must be a list of at least one definition; got {safe_repr(definitions)}"
            )
        return {
            "template_view_id": await self._templates.require_id(template),
            "operation_definition_ids": await self._directory[_DEFINITIONS].require_ids(given),
        }


# What None clears; anything else of a template cannot be null.
_CLEARED = ("template_name", "sort_order", "sort_descending", "view_mode", "group_by_mode", "group_by_field_id")

# What is named by ids alone, and the objects that stand for them.
_IDS: dict[str, tuple[str, type[Resource] | tuple[type[Resource], ...]]] = {
    "view_field_ids": ("view field", ViewField),
    "save_view_field_ids": ("view field", ViewField),
    "remove_view_field_ids": ("view field", ViewField),
    "reorder_view_field_ids": ("view field", ViewField),
    "lookup_field_ids": ("look-up", ()),
    "plot_field_ids": ("plot", ()),
    "record_set_ids_filter": ("record set", ()),
}
