# Derived from kalbio/aio/result_table_templates.py by scripts/regenerate; edit that file. (digest f24709b85133)
"""Result table templates: reusable record views that are linked to activity definitions."""

from __future__ import annotations

from typing import Any

from kaleidoscope_api.api.record_view_templates import get_record_view_template, list_record_view_templates

from kalbio._core.answers import as_object
from kalbio._model.identifiers import plain_id
from kalbio._policy import nothing, on_failure
from kalbio._service import CachedListing, Service
from kalbio.record_views import RecordView

__all__ = ["ResultTableTemplate", "ResultTableTemplatesService"]


class ResultTableTemplate(RecordView):
    """A record view that is a template: each experiment of a linked definition gets a view made from it."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.template_name or self.view_name or self.id


class ResultTableTemplatesService(Service):
    """Result table templates of the workspace (`client.result_table_templates`)."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.templates: CachedListing[ResultTableTemplate] = CachedListing(
            client,
            "result table template",
            list_record_view_templates.build_request,
            ResultTableTemplate,
            lambda template: template.template_name,
            ResultTableTemplate,
        )

    def clear_caches(self) -> None:
        """Forget the cached templates."""
        self.templates.drop()

    @on_failure(list)
    def get_templates(self, *, use_cache: bool = True) -> list[ResultTableTemplate]:
        """Return all templates.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listRecordViewTemplates`.

        Example:
            >>> templates = client.result_table_templates.get_templates()
        """
        return self.templates.all(use_cache=use_cache)

    @on_failure(nothing)
    def get_template_by_id(self, template_id: str) -> ResultTableTemplate | None:
        """Return a template as it is now, None when there is none.

        Args:
            template_id: its id.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `getRecordViewTemplate`.

        Example:
            >>> for template in client.result_table_templates.get_templates():
            ...     fresh = client.result_table_templates.get_template_by_id(template.id)
        """
        request = get_record_view_template.build_request(plain_id(template_id, "result table template"))
        response = self._client.call_or_none(request)
        return None if response is None else ResultTableTemplate(as_object(response), self._client)
