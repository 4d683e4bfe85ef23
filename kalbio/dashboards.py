# Derived from kalbio/aio/dashboards.py by scripts/regenerate; edit that file. (digest 3cb347d69fdd)
"""Dashboards: saved summaries of records, record sets and categories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from kaleidoscope_api.api.dashboards import (
    add_dashboard_record,
    add_dashboard_set,
    create_dashboard_category,
    delete_dashboard_category,
    list_dashboard_categories,
    remove_dashboard_record,
    remove_dashboard_set,
)

from kalbio._activity import DEFINITIONS
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.objects.checks import require_list, require_text
from kalbio._core.objects.fixed import FixedList
from kalbio._core.objects.identifiers import Many, plain_id
from kalbio._core.objects.listing import read_items
from kalbio._core.objects.resource import Field, ReadsLikeDict, Resource, enum_text, text, texts
from kalbio._directory import Client
from kalbio._listing import Kind
from kalbio._model import staleness
from kalbio._model.activities import DefinitionIdentifier
from kalbio._policy import default_on_error, none
from kalbio._record import RecordIdentifier
from kalbio._service import Service
from kalbio.entity_fields import EntityFieldIdentifier, require_field_id
from kalbio.labels import LABELS, LabelIdentifier

__all__ = ["Dashboard", "DashboardCategory", "DashboardIdentifier", "DashboardType", "DashboardsService"]

DashboardType = Literal["decision", "data", "chart", "field", "summary"]
"""The types of dashboards."""


def _groups(value: Any) -> list[list[str]]:
    groups = value if isinstance(value, list) else ()
    return FixedList(FixedList(map(str, group)) for group in groups if isinstance(group, list))


class DashboardCategory(ReadsLikeDict):
    """A category of a dashboard. It also reads like a dict."""

    __slots__ = ()

    dashboard_id = text("Its dashboard.")
    category_name = text("Its name.")
    operation_definition_ids = texts("The definitions whose activities it shows.")
    label_ids = Field(_groups, "The labels it shows: groups of ids.")
    field_ids = texts("The fields it shows.")

    def _label(self) -> str | None:
        return self.category_name

    def _text(self) -> str:
        return f"{self.id}:{self.category_name}"


class Dashboard(Resource):
    """A saved summary."""

    __slots__ = ()
    _client: Client | None

    dashboard_name = text("Its name.")
    dashboard_description = text("What it is for.")
    dashboard_type = enum_text("Its type; an unknown one is kept as it is.")
    record_ids = texts("Its records.")
    record_set_ids = texts("Its record sets.")

    def _text(self) -> str:
        return self.dashboard_name or super()._text()

    @default_on_error(none)
    def add_category(
        self,
        category_name: str,
        operation_definition_ids: Many[DefinitionIdentifier],
        label_ids: Many[Many[LabelIdentifier]],
        field_ids: Many[EntityFieldIdentifier],
    ) -> DashboardCategory:
        """Add a category.

        Args:
            category_name: its name.
            operation_definition_ids: activity definitions: objects, ids, or titles.
            label_ids: groups of labels: objects, ids, or names.
            field_ids: fields, key fields included: objects, ids, or names.

        Raises:
            IdentifierNotFoundError: no such definition, label or field; nothing was sent.
            OutcomeUnknownError: the answer was lost; look with `get_categories` before you add it again.
            KalbioAPIError: the server refused.

        API operation: `createDashboardCategory`.

        Example:
            >>> dashboard = (client.dashboards.get_dashboards())[0]
            >>> category = dashboard.add_category("Potency", ["Screening experiment"], [], [])
        """
        from kaleidoscope_api.models import CreateDashboardCategoryBody

        client = self._require_client()
        definitions, labels = client.directory[DEFINITIONS], client.directory[LABELS]
        body = CreateDashboardCategoryBody(
            category_name=require_text("category_name", category_name),
            operation_definition_ids=definitions.require_ids(operation_definition_ids),
            label_ids=[labels.require_ids(group) for group in require_list("label_ids", label_ids)],
            field_ids=[require_field_id(client.directory, item) for item in require_list("field_ids", field_ids)],
        )
        response = client.session.call(create_dashboard_category.build_request(self.id, body=body))
        answer = as_object(response)
        if answer.get("id") is None:
            raise unusable(response, "the answer is not a category")
        return DashboardCategory(answer, client)

    @default_on_error(none)
    def remove_category(self, category_id: DashboardCategory | str) -> None:
        """Remove a category.

        Args:
            category_id: the category, or its id.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `deleteDashboardCategory`.

        Example:
            >>> dashboard = (client.dashboards.get_dashboards())[0]
            >>> category = dashboard.add_category("Potency", [], [], [])
            >>> dashboard.remove_category(category)
        """
        wanted = plain_id(category_id, "dashboard category", DashboardCategory)
        self._require_client().session.call(delete_dashboard_category.build_request(self.id, wanted, body={}))

    @default_on_error(list)
    def get_categories(self) -> list[DashboardCategory]:
        """Return the categories.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listDashboardCategories`.

        Example:
            >>> dashboard = (client.dashboards.get_dashboards())[0]
            >>> names = [category.category_name for category in dashboard.get_categories()]
        """
        client = self._require_client()
        response = client.session.call_or_none(list_dashboard_categories.build_request(self.id))
        return [] if response is None else read_items(response, lambda item: DashboardCategory(item, client))

    @default_on_error(none)
    def add_record(self, record_id: RecordIdentifier) -> None:
        """Add a record; this object shows it at once.

        Args:
            record_id: the record: object, id, or key-field dict.

        Raises:
            IdentifierNotFoundError: no record has the keys in one of the dicts; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `addDashboardRecord`.

        Example:
            >>> dashboard = (client.dashboards.get_dashboards())[0]
            >>> record = client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> dashboard.add_record(record)
        """
        resolved = self._require_client().directory.records.require_id(record_id)
        self._change(add_dashboard_record.build_request(self.id, body={"record_id": resolved}))
        self._hold("record_ids", lambda ids: ids if resolved in ids else [*ids, resolved])

    @default_on_error(none)
    def remove_record(self, record_id: RecordIdentifier) -> None:
        """Remove a record; this object no longer shows it.

        Args:
            record_id: the record: object, id, or key-field dict.

        Raises:
            IdentifierNotFoundError: no record has the keys in one of the dicts; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `removeDashboardRecord`.

        Example:
            >>> dashboard = (client.dashboards.get_dashboards())[0]
            >>> record = client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> dashboard.add_record(record)
            >>> dashboard.remove_record(record)
        """
        resolved = self._require_client().directory.records.require_id(record_id)
        self._change(remove_dashboard_record.build_request(self.id, resolved, body={}))
        self._hold("record_ids", lambda ids: [item for item in ids if item != resolved])

    @default_on_error(none)
    def add_set(self, set_id: str) -> None:
        """Add a record set; this object shows it at once.

        Args:
            set_id: id of the record set.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `addDashboardSet`.

        Example:
            >>> dashboard = (client.dashboards.get_dashboards())[0]
            >>> dashboard.add_set(set_id)
        """
        wanted = plain_id(set_id, "record set")
        self._change(add_dashboard_set.build_request(self.id, body={"set_id": wanted}))
        self._hold("record_set_ids", lambda ids: ids if wanted in ids else [*ids, wanted])

    @default_on_error(none)
    def remove_set(self, set_id: str) -> None:
        """Remove a record set; this object no longer shows it.

        Args:
            set_id: id of the record set.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `removeDashboardSet`.

        Example:
            >>> dashboard = (client.dashboards.get_dashboards())[0]
            >>> dashboard.add_set(set_id)
            >>> dashboard.remove_set(set_id)
        """
        wanted = plain_id(set_id, "record set")
        self._change(remove_dashboard_set.build_request(self.id, wanted, body={}))
        self._hold("record_set_ids", lambda ids: [item for item in ids if item != wanted])

    def _change(self, request: dict[str, Any]) -> None:
        # What the server answers is not known for sure, so it is not read: the change is made.
        self._require_client().session.call(request)

    def _hold(self, name: Literal["record_ids", "record_set_ids"], change: Callable[[list[str]], list[str]]) -> None:
        self._merge({name: change(getattr(self, name))})


DashboardIdentifier: TypeAlias = Dashboard | str
"""A dashboard, its id, or its name."""

DASHBOARDS: Kind[Dashboard] = Kind(staleness.DASHBOARD)


class DashboardsService(Service):
    """Dashboards of the workspace (`client.dashboards`)."""

    _remembers = (staleness.DASHBOARD,)

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._dashboards = self._directory[DASHBOARDS]

    @default_on_error(list)
    def get_dashboards(self, *, use_cache: bool = True) -> list[Dashboard]:
        """Return all dashboards.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listDashboards`.

        Example:
            >>> names = [dashboard.dashboard_name for dashboard in client.dashboards.get_dashboards()]
        """
        return self._dashboards.all(use_cache=use_cache)
