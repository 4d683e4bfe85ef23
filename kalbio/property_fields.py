# Derived from kalbio/aio/property_fields.py by scripts/regenerate; edit that file. (digest 3c7320b2b1f7)
"""Property fields: what the properties of activities are made from."""

from __future__ import annotations

from kalbio._core.objects.resource import Resource, enum_text, text
from kalbio._directory import Client
from kalbio._listing import Kind
from kalbio._model import staleness
from kalbio._policy import default_on_error
from kalbio._service import Service

__all__ = ["PropertyField", "PropertyFieldsService"]


class PropertyField(Resource):
    """The definition of a property."""

    __slots__ = ()

    property_name = text("Its name.")
    property_description = text("What it is for.")
    field_type = enum_text("Its type, see DataFieldTypeEnum.")

    def _text(self) -> str:
        return self.property_name or super()._text()


PROPERTY_FIELDS: Kind[PropertyField] = Kind(staleness.PROPERTY_FIELD)


class PropertyFieldsService(Service):
    """Property fields of the workspace (`client.property_fields`)."""

    _remembers = (staleness.PROPERTY_FIELD,)

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._property_fields = self._directory[PROPERTY_FIELDS]

    @default_on_error(list)
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
