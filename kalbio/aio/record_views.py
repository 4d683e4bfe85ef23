"""Record views: tables of the records of one entity type."""

from __future__ import annotations

from typing import Any, TypeAlias

from kaleidoscope_api.api.record_views import list_record_views

from kalbio._model.enums import DataFieldTypeEnum
from kalbio._model.identifiers import plain_id
from kalbio._model.views import RecordViewData, ViewField
from kalbio.aio._policy import on_failure
from kalbio.aio._service import CachedListing, Service
from kalbio.aio.entity_fields import DataField

__all__ = ["RecordView", "RecordViewIdentifier", "RecordViewsService", "ViewField"]


class RecordView(RecordViewData):
    """A table of the records of one entity type."""

    __slots__ = ()


RecordViewIdentifier: TypeAlias = RecordView | str
"""A record view, or its id."""


class RecordViewsService(Service):
    """Record views of the workspace (`client.record_views`)."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.views: CachedListing[RecordView] = CachedListing(
            client, "record view", list_record_views.build_request, RecordView, lambda view: view.view_name, RecordView
        )

    def clear_caches(self) -> None:
        """Forget the cached views."""
        self.views.drop()

    @on_failure(list)
    async def get_record_views(self, *, use_cache: bool = True) -> list[RecordView]:
        """Return all record views; templates are not among them.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listRecordViews`.

        Example:
            >>> names = [view.view_name for view in await client.record_views.get_record_views()]
        """
        return [view for view in await self.views.all(use_cache=use_cache) if not view.is_template]

    @on_failure(list)
    async def get_data_fields_on_view(
        self, view_id: RecordViewIdentifier, field_type: DataFieldTypeEnum | str | None = None
    ) -> list[DataField]:
        """Return the data fields that are columns of a view, in the order of the view; [] for an unknown view.

        Args:
            view_id: the view, or its id.
            field_type: only fields of this type.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listRecordViews`, `listDataFields`.

        Example:
            >>> for view in await client.record_views.get_record_views():
            ...     fields = await client.record_views.get_data_fields_on_view(view, "number")
        """
        view = await self.views.find(plain_id(view_id, "record view"))
        columns = [] if view is None else [column.data_field_id for column in view.view_fields if column.data_field_id]
        found = await self._client.entity_fields.data_fields.get_many(columns)
        return [field for field in found if field is not None and field_type in (None, field.field_type)]
