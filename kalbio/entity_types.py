# Derived from kalbio/aio/entity_types.py by scripts/regenerate; edit that file. (digest 882fc7d4554b)
"""Entity types (entity slices): the classes of records that share a set of key fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self, TypeAlias

from kaleidoscope_api.api.records import search_records

from kalbio._core.errors import NotFoundError, PermissionDeniedError
from kalbio._core.objects.identifiers import Many
from kalbio._core.objects.listing import read_ids
from kalbio._directory import Client
from kalbio._listing import ComposedNames, Kind
from kalbio._model import staleness
from kalbio._model.fields import JOINT, EntityTypeData, name_of_type
from kalbio._policy import default_on_error, none
from kalbio._service import Service
from kalbio.entity_fields import KEY_FIELDS, EntityFieldIdentifier

__all__ = ["EntityType", "EntityTypeIdentifier", "EntityTypesService"]


class EntityType(EntityTypeData):
    """A class of records: those whose keys are values of the same set of key fields."""

    __slots__ = ("_of_key_fields",)
    _client: Client | None

    def __init__(self, raw: dict[str, Any] | None = None, client: Client | None = None, /, **members: Any) -> None:
        super().__init__(raw, client, **members)
        self._of_key_fields = ""

    @property
    def shown_name(self) -> str:
        """What it is called: its name; a type of several key fields has none, and is called by theirs.

        Such a name, "Compound + Batch", has the key fields in the order in which the workspace lists them. It is as
        good as a name wherever an entity type is asked for. Empty on a type without a name that did not come in a list
        of types.
        """
        return self.slice_name or self._of_key_fields

    def _text(self) -> str:
        return self.shown_name or super()._text()

    def __copy__(self) -> Self:
        return self._named_as(super().__copy__())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._named_as(super().__deepcopy__(memo))

    def __reduce__(self) -> tuple[Any, ...]:
        return *super().__reduce__(), (None, {"_of_key_fields": self._of_key_fields})

    def _named_as(self, other: Self) -> Self:
        other._of_key_fields = self._of_key_fields
        return other

    @default_on_error(list)
    def get_record_ids(self) -> list[str]:
        """Return the ids of all records of this type.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `searchRecords`.

        Example:
            >>> compounds = client.entity_types.get_type_by_name("Compound")
            >>> ids = compounds.get_record_ids()
        """
        client = self._require_client()
        response = client.session.call_or_none(search_records.build_request(entity_slice_id=self.id))
        return [] if response is None else read_ids(response)


EntityTypeIdentifier: TypeAlias = EntityType | str
"""An entity type, its id, or its name; one of several key fields is called "Compound + Batch" after them."""

ENTITY_TYPES: Kind[EntityType] = Kind(staleness.ENTITY_TYPE)


def names_of_types(client: Client) -> ComposedNames[EntityType]:
    """Return what calls the types without a name after their key fields, which are listed when there are such types."""

    def compose(kinds: Iterable[EntityType], use_cache: bool) -> None:
        unnamed = [kind for kind in kinds if not kind.slice_name]
        if not unnamed:
            return
        try:
            fields = client.directory[KEY_FIELDS].all(use_cache=use_cache)
        except (PermissionDeniedError, NotFoundError):
            return  # the types can be used by their ids all the same
        names = {field.id: field.field_name or field.id for field in fields}
        for kind in unnamed:
            kind._of_key_fields = name_of_type(kind.slice_name, kind.key_field_ids, names)

    return ComposedNames("slice_name", JOINT, compose)


class EntityTypesService(Service):
    """Entity types of the workspace (`client.entity_types`)."""

    _remembers = (staleness.ENTITY_TYPE,)

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._types = self._directory[ENTITY_TYPES]

    @default_on_error(list)
    def get_types(self, *, use_cache: bool = True) -> list[EntityType]:
        """Return all entity types.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listEntitySlices`.

        Example:
            >>> for kind in client.entity_types.get_types():
            ...     print(kind.shown_name)
        """
        return self._types.all(use_cache=use_cache)

    @default_on_error(none, skip_when_none="name")
    def get_type_by_name(self, name: EntityTypeIdentifier) -> EntityType | None:
        """Return the entity type of this exact name, None when there is none.

        Args:
            name: the exact name, as "Compound" or, of a type of several key fields, "Compound + Batch"; the id, or the
                entity type itself.

        Raises:
            AmbiguousIdentifierError: several types have this name.

        API operation: `listEntitySlices`.

        Example:
            >>> compounds = client.entity_types.get_type_by_name("Compound")
        """
        return self._types.get(name)

    @default_on_error(list, skip_when_none="key_field_ids")
    def get_types_with_key_fields(self, key_field_ids: Many[EntityFieldIdentifier]) -> list[EntityType]:
        """Return the types that have all of these key fields, and maybe more; [] when none are given.

        Args:
            key_field_ids: key fields as ids, names or objects.

        Raises:
            IdentifierNotFoundError: a name is not a key field.

        API operation: `listEntitySlices`.

        Example:
            >>> kinds = client.entity_types.get_types_with_key_fields(["Compound"])
        """
        wanted = self._key_ids(key_field_ids)
        return [kind for kind in self._types.all() if wanted <= set(kind.key_field_ids)] if wanted else []

    @default_on_error(none, skip_when_none="key_field_ids")
    def get_type_exact_keys(self, key_field_ids: Many[EntityFieldIdentifier]) -> EntityType | None:
        """Return the type that has exactly these key fields, in whatever order; None when there is none.

        Args:
            key_field_ids: key fields as ids, names or objects.

        Raises:
            IdentifierNotFoundError: a name is not a key field.

        API operation: `listEntitySlices`.

        Example:
            >>> compounds = client.entity_types.get_type_exact_keys(["Compound"])
        """
        wanted = self._key_ids(key_field_ids)
        if not wanted:
            return None
        return self._types.search(
            lambda catalog: next((kind for kind in catalog.items if set(kind.key_field_ids) == wanted), None)
        )

    def _key_ids(self, identifiers: Many[EntityFieldIdentifier]) -> set[str]:
        return set(self._directory[KEY_FIELDS].require_ids(identifiers))
