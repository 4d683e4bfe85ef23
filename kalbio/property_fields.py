# Derived from kalbio/aio/property_fields.py by scripts/regenerate; edit that file. (digest d7d77149ffdf)
"""Property fields: what the properties of activities are made from."""

from __future__ import annotations

from typing import Any

from kaleidoscope_api.api.properties import list_property_fields

from kalbio._model import staleness
from kalbio._model.resource import Resource, enum_text, text
from kalbio._policy import on_failure
from kalbio._service import CachedListing, Service

__all__ = ["PropertyField", "PropertyFieldsService"]


class PropertyField(Resource):
    """The definition of a property."""

    __slots__ = ()

    property_name = text("Its name.")
    property_description = text("What it is for.")
    field_type = enum_text("Its type, see DataFieldTypeEnum.")

    def _text(self) -> str:
        return self.property_name or super()._text()


class PropertyFieldsService(Service):
    """Property fields of the workspace (`client.property_fields`)."""

    _remembers = (staleness.PROPERTY_FIELD,)

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self._property_fields: CachedListing[PropertyField] = CachedListing(
            client,
            staleness.PROPERTY_FIELD,
            list_property_fields.build_request,
            PropertyField,
            lambda field: field.property_name,
            PropertyField,
        )

    @on_failure(list)
    def get_property_fields(self, *, use_cache: bool = True) -> list[PropertyField]:
        """Return all property fields.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listPropertyFields`.

        Example:
            >>> names = [field.property_name for field in client.property_fields.get_property_fields()]
        """
        return self._property_fields.all(use_cache=use_cache)
