"""Key fields and data fields: the columns of the workspace."""

from __future__ import annotations

import warnings
from typing import Any, TypeAlias

from kaleidoscope_api.api.fields import (
    get_or_create_data_field,
    get_or_create_key_field,
    update_data_field,
    update_key_field,
)
from kaleidoscope_api.types import UNSET, Unset

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import AmbiguousIdentifierError, IdentifierNotFoundError
from kalbio._core.http.responses import as_optional_object, unusable
from kalbio._core.json import strict_json
from kalbio._core.objects.checks import require_text
from kalbio._core.objects.identifiers import Catalog, as_id, close_matches, did_you_mean
from kalbio._core.objects.listing import read_object
from kalbio._core.objects.resource import Field
from kalbio._core.objects.updates import collect_updates
from kalbio._core.text.display import safe_repr
from kalbio._core.text.tracebacks import level_of_the_caller
from kalbio._model import staleness
from kalbio._model.enums import (
    DataFieldTypeEnum,
    EntityFieldRoleEnum,
    FormatEnforcementEnum,
    LookupDisplayOperationScopeEnum,
    ValueAggregationTypeEnum,
)
from kalbio._model.errors import FieldTypeError, NearTwinWarning
from kalbio._model.fields import EntityFieldData
from kalbio.aio._directory import Client, Directory
from kalbio.aio._listing import Kind
from kalbio.aio._policy import default_on_error, none
from kalbio.aio._service import Service

__all__ = [
    "UNSET",
    "DataField",
    "DataFieldTypeEnum",
    "EntityField",
    "EntityFieldIdentifier",
    "EntityFieldRoleEnum",
    "EntityFieldsService",
    "FormatEnforcementEnum",
    "KeyField",
    "LookupDisplayOperationScopeEnum",
    "ValueAggregationTypeEnum",
]


class EntityField(EntityFieldData):
    """A column of the workspace: a key field or a data field."""

    __slots__ = ()


class KeyField(EntityField):
    """A field whose values identify records."""

    __slots__ = ()
    _client: Client | None

    is_key = Field[bool | None](lambda _: True, "Always true: the kind is known, whatever the JSON says.")

    @default_on_error(none)
    async def update(
        self,
        *,
        field_name: str | Unset = UNSET,
        field_description: str | Unset = UNSET,
        field_examples: str | Unset = UNSET,
        regex_format: str | None | Unset = UNSET,
        serial_format_prefix: str | None | Unset = UNSET,
        serial_format_padding: int | None | Unset = UNSET,
        format_enforcement: FormatEnforcementEnum | str | None | Unset = UNSET,
        show_format_warning: bool | Unset = UNSET,
        initial_counter_value: int | Unset = UNSET,
        role: EntityFieldRoleEnum | str | None | Unset = UNSET,
    ) -> KeyField:
        """Change the field. What you leave out stays as it is; None clears it.

        Args:
            field_name: its name.
            field_description: what it is for; at most 500 characters, "" clears.
            field_examples: examples of its values; at most 500 characters, "" clears.
            regex_format: the pattern that values must follow.
            serial_format_prefix: what generated values begin with.
            serial_format_padding: digits of generated values.
            format_enforcement: how strictly the format is enforced.
            show_format_warning: whether the platform warns about values that do not fit.
            initial_counter_value: the first number of generated values.
            role: the role of the field.

        Returns:
            The field itself, with the server's new state. With nothing given, no request is made.

        Raises:
            KalbioAPIError: the server refused.
            KalbioResponseError: the answer does not hold the field.

        API operation: `updateKeyField`.

        Example:
            >>> field = await client.entity_fields.get_or_create_key_field("Compound")
            >>> await field.update(field_description="Registry number of the compound")
            <KeyField 'Compound' ...>
        """
        changes = collect_updates(locals())
        if changes:
            require_text("field_name", changes.get("field_name", "unchanged"))
            client = self._require_client()
            response = await client.session.call(update_key_field.build_request(self.id, body=changes))
            answer = as_optional_object(response)
            resource = strict_json.plain(changes) if answer is None else answer.get("resource")
            if not isinstance(resource, dict):
                raise unusable(response, "the answer holds no field")
            self._merge(resource)
        return self


class DataField(EntityField):
    """A field that holds data of records."""

    __slots__ = ()
    _client: Client | None

    is_key = Field[bool | None](lambda _: False, "Always false: the kind is known, whatever the JSON says.")

    @default_on_error(none)
    async def update(
        self,
        *,
        field_name: str | Unset = UNSET,
        field_description: str | Unset = UNSET,
        field_examples: str | Unset = UNSET,
        is_archived: bool | Unset = UNSET,
        is_readonly: bool | Unset = UNSET,
        display_aggregation_type: ValueAggregationTypeEnum | str | None | Unset = UNSET,
        display_includes_sub_records: bool | Unset = UNSET,
        display_includes_operations: bool | Unset = UNSET,
        lookup_display_aggregation_type: ValueAggregationTypeEnum | str | None | Unset = UNSET,
        lookup_display_includes_sub_records: bool | Unset = UNSET,
        lookup_display_operation_scope: LookupDisplayOperationScopeEnum | str | Unset = UNSET,
        attrs: dict[str, Any] | Unset = UNSET,
    ) -> DataField:
        """Change the field. What you leave out stays as it is; None clears it.

        Args:
            field_name: its name.
            field_description: what it is for; at most 500 characters, "" clears.
            field_examples: examples of its values; at most 500 characters, "" clears.
            is_archived: whether it is archived.
            is_readonly: whether it is read-only.
            display_aggregation_type: how several values are shown as one.
            display_includes_sub_records: whether values of sub-records are shown.
            display_includes_operations: whether values of activities are shown.
            lookup_display_aggregation_type: the same for look-ups.
            lookup_display_includes_sub_records: the same for look-ups.
            lookup_display_operation_scope: which activities a look-up takes values from.
            attrs: what the type of the field needs, e.g. the choices of a select.

        Returns:
            The field itself, with the server's new state. With nothing given, no request is made.

        Raises:
            KalbioAPIError: the server refused.
            KalbioResponseError: the answer does not hold the field.

        API operation: `updateDataField`.

        Example:
            >>> field = await client.entity_fields.get_or_create_data_field("logP", "number")
            >>> await field.update(field_description="Octanol-water partition coefficient")
            <DataField 'logP' ...>
        """
        changes = collect_updates(locals())
        if changes:
            require_text("field_name", changes.get("field_name", "unchanged"))
            client = self._require_client()
            response = await client.session.call(update_data_field.build_request(self.id, body=changes))
            answer = as_optional_object(response)
            resource = strict_json.plain(changes) if answer is None else answer.get("resource")
            # Usually the field stands beside a report of its validation.
            field = resource.get("field", resource) if isinstance(resource, dict) else None
            if not isinstance(field, dict):
                raise unusable(response, "the answer holds no field")
            self._merge(field)
        return self


EntityFieldIdentifier: TypeAlias = EntityField | str
"""A field object, its id, or its name."""

KEY_FIELDS: Kind[KeyField] = Kind(staleness.KEY_FIELD)
DATA_FIELDS: Kind[DataField] = Kind(staleness.DATA_FIELD)


class EntityFieldsService(Service):
    """Key fields and data fields of the workspace (`client.entity_fields`)."""

    _remembers = (staleness.KEY_FIELD, staleness.DATA_FIELD)

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._key_fields = self._directory[KEY_FIELDS]
        self._data_fields = self._directory[DATA_FIELDS]

    @default_on_error(list)
    async def get_key_fields(self, *, use_cache: bool = True) -> list[KeyField]:
        """Return all key fields.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listKeyFields`.

        Example:
            >>> names = [field.field_name for field in await client.entity_fields.get_key_fields()]
        """
        return await self._key_fields.all(use_cache=use_cache)

    @default_on_error(none, skip_when_none="identifier")
    async def get_key_field_by_id(self, identifier: EntityFieldIdentifier) -> KeyField | None:
        """Return a key field.

        Args:
            identifier: the field object, its id, or its exact name. A data field object gives None.

        Returns:
            The field, None when there is none.

        Raises:
            AmbiguousIdentifierError: several key fields have this name.

        API operation: `listKeyFields`.

        Example:
            >>> field = await client.entity_fields.get_key_field_by_id("Compound")
        """
        if isinstance(identifier, EntityFieldData) and not isinstance(identifier, KeyField):
            return None
        return await self._key_fields.get(identifier)

    @default_on_error(none)
    async def get_or_create_key_field(self, field_name: str) -> KeyField:
        """Return the key field of this name, creating it when there is none.

        A data field may have the same name; where both kinds of fields are accepted, that name is then ambiguous. You
        get a `NearTwinWarning` where the name of the new field differs from that of another one in case, blanks,
        hyphens or Unicode form only.

        Args:
            field_name: its exact name; or the id of an existing field.

        Raises:
            AmbiguousIdentifierError: several key fields have this name.
            IdentifierNotFoundError: an id was given that no key field has.
            KalbioAPIError: the server refused.

        API operation: `getOrCreateKeyField`.

        Example:
            >>> field = await client.entity_fields.get_or_create_key_field("Compound")
        """
        found = await self._key_fields.get(field_name)
        if found is not None:
            return found
        if as_id(field_name, "key field", KeyField) is not None:
            raise IdentifierNotFoundError("key field", field_name, hint="To create one, give its name.")
        from kaleidoscope_api.models import GetOrCreateKeyFieldBody

        _warn_of_near_twin("key field", field_name, self._key_fields.peek())
        body = GetOrCreateKeyFieldBody(field_name=field_name)
        response = await self._session.call(get_or_create_key_field.build_request(body=body))
        return KeyField(read_object(response, "key field"), self._client)

    @default_on_error(list)
    async def get_data_fields(self, *, use_cache: bool = True) -> list[DataField]:
        """Return all data fields.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listDataFields`.

        Example:
            >>> numbers = [f for f in await client.entity_fields.get_data_fields() if f.field_type == "number"]
        """
        return await self._data_fields.all(use_cache=use_cache)

    @default_on_error(none, skip_when_none="identifier")
    async def get_data_field_by_id(self, identifier: EntityFieldIdentifier) -> DataField | None:
        """Return a data field.

        Args:
            identifier: the field object, its id, or its exact name. A key field object gives None.

        Returns:
            The field, None when there is none.

        Raises:
            AmbiguousIdentifierError: several data fields have this name.

        API operation: `listDataFields`.

        Example:
            >>> field = await client.entity_fields.get_data_field_by_id("logP")
        """
        if isinstance(identifier, EntityFieldData) and not isinstance(identifier, DataField):
            return None
        return await self._data_fields.get(identifier)

    @default_on_error(none)
    async def get_or_create_data_field(self, field_name: str, field_type: DataFieldTypeEnum | str) -> DataField:
        """Return the data field of this name, creating it when there is none.

        A `NearTwinWarning` tells when a field is made whose name differs from that of another one in case, blanks,
        hyphens or Unicode form only.

        Args:
            field_name: its exact name.
            field_type: its type, as a member of `DataFieldTypeEnum` or its text ("number").

        Raises:
            ValueError: there is no such type.
            FieldTypeError: a field of this name has another type.
            AmbiguousIdentifierError: several data fields have this name.
            KalbioAPIError: the server refused.

        API operation: `getOrCreateDataField`.

        Example:
            >>> field = await client.entity_fields.get_or_create_data_field("logP", "number")
        """
        wanted = checked_field_type(field_type)
        found = await self._data_fields.get(field_name)
        if found is None:
            if as_id(field_name, "data field", DataField) is not None:
                raise IdentifierNotFoundError("data field", field_name, hint="To create one, give its name.")
            _warn_of_near_twin("data field", field_name, self._data_fields.peek())
            found = await create_data_field(self._client, field_name, wanted)
        if found.field_type not in (None, wanted):
            raise FieldTypeError(found.field_name or field_name, found.id, str(found.field_type), wanted)
        return found


def _warn_of_near_twin(kind: str, name: str, known: Catalog[Any] | None) -> None:
    """Warn before a field is made beside one that a person takes for the same. Those known were listed a moment ago."""
    from kalbio.loading.near_twins import difference, near_twins  # few scripts make fields

    names = [(field.field_name,) for field in (() if known is None else known.items) if field.field_name]
    twins = near_twins([(name,)], names).get((name,))
    if twins:
        twin, what = safe_repr(twins[0][0]), difference((name,), twins[0])
        warnings.warn(
            f"The {kind} {safe_repr(name)} is made beside {twin}, which differs in {what} only. If you mean that one, "
            f"give {twin}: no field can be deleted",
            NearTwinWarning,
            stacklevel=level_of_the_caller(),
        )


async def create_data_field(client: Client, field_name: str, field_type: str) -> DataField:
    """Create a data field, or return the one that the server has by now."""
    from kaleidoscope_api.models import GetOrCreateDataFieldBody

    body = GetOrCreateDataFieldBody.from_dict({"field_name": field_name, "field_type": field_type, "attrs": {}})
    response = await client.session.call(get_or_create_data_field.build_request(body=body))
    return DataField(read_object(response, "data field"), client)


def checked_field_type(given_type: DataFieldTypeEnum | str) -> str:
    """Return the text of a field type. Raises ValueError naming the close ones when there is no such type."""
    try:
        return DataFieldTypeEnum(given_type).value
    except ValueError:
        hint = did_you_mean(given_type, [member.value for member in DataFieldTypeEnum])
        usual = "The usual ones are text, number, boolean, date, and file; DataFieldTypeEnum has all."
        raise ArgumentError(f"There is no field type {safe_repr(given_type)}.{hint} {usual}") from None


async def require_field_id(directory: Directory, identifier: EntityFieldIdentifier) -> str:
    """Return the id of a key field or data field. A name that both kinds know raises."""
    known = as_id(identifier, "field", EntityFieldData)
    if known is not None:
        return known
    name = str(identifier)
    for fresh in (False, True):
        # Both kinds are looked at before either is read again: a name of the one is always unknown to the other.
        data_fields = await directory[DATA_FIELDS].catalog(use_cache=not fresh)
        key_fields = await directory[KEY_FIELDS].catalog(use_cache=not fresh)
        both: list[EntityField | None] = [data_fields.by_name(name), key_fields.by_name(name)]
        found = [field for field in both if field is not None]
        if len(found) > 1:
            hint = (
                f"{found[0].id} is the data field (get_data_field_by_id({name!r}) gives it), "
                f"{found[1].id} the key field (get_key_field_by_id({name!r}))."
            )
            raise AmbiguousIdentifierError("field", name, [field.id for field in found], hint)
        if found:
            return found[0].id
    names = [field.field_name or "" for field in (*data_fields.items, *key_fields.items)]
    raise IdentifierNotFoundError("field", name, close_matches(name, names))


def field_at_hand(directory: Directory, identifier: EntityFieldIdentifier) -> EntityFieldData | None:
    """Return the field that an object or an id means, where it is known without a request."""
    if isinstance(identifier, EntityFieldData) and identifier.field_type is not None:
        return identifier
    known = as_id(identifier, "field", EntityFieldData)
    data, keys = directory[DATA_FIELDS].cached(), directory[KEY_FIELDS].cached()
    if known is None:
        return None
    return (None if data is None else data.by_id(known)) or (None if keys is None else keys.by_id(known))
