# Derived from kalbio/aio/_typed_values.py by scripts/regenerate; edit that file. (digest 7f9a48a42bf3)
"""Records read by their fields: values in the types of the fields, files and links as objects."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeAlias, TypedDict, TypeVar, Unpack, overload

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.errors import (
    AmbiguousIdentifierError,
    IdentifierError,
    IdentifierNotFoundError,
)
from kalbio._core.objects.checks import require_list
from kalbio._core.objects.identifiers import Catalog, Identified, as_id, close_matches, plain_id
from kalbio._core.objects.resource import NoClientError
from kalbio._core.sync.downloads import DownloadProgress
from kalbio._core.text.display import printable, safe_repr
from kalbio._directory import Client, Directory
from kalbio._history_tables import read_history_table
from kalbio._listing import Kind
from kalbio._model import staleness
from kalbio._model.activities import ActivityData, ActivityIdentifier
from kalbio._model.content_reading import MisfitError
from kalbio._model.field_types import (
    FILE,
    RECORD,
    ContentTypeWarning,
    Form,
    Json,
    form_of,
    misfit_text,
    read_content,
)
from kalbio._model.fields import EntityFieldData
from kalbio._model.record_json import entries_of, field_ids
from kalbio._model.record_values import current_entry
from kalbio._model.views import RecordViewData
from kalbio._policy import default_on_error, none, takes_older_names
from kalbio._record import RecordIdentifier, WritableRecord
from kalbio._record_pages import html_of_record, html_of_records
from kalbio.entity_fields import DATA_FIELDS, KEY_FIELDS, EntityField, EntityFieldIdentifier
from kalbio.tables import Table

T = TypeVar("T", float, int, Decimal, str, bool, date, list[str])

_ACTIVITIES: Kind[ActivityData] = Kind(staleness.ACTIVITY)
_READABLE: Kind[ReadableRecord] = Kind(staleness.RECORD)

TableIdentifier: TypeAlias = RecordViewData | str
"""A table of an activity (a record view), its id, or, where records are read or loaded as a table, its name."""


_ELSEWHERE = {
    **dict.fromkeys(
        ("author", "created_by", "events", "get_events", "last_updated_by", "updated_at", "updated_by"),
        "; who wrote its values, and when, is in record.history()",
    ),
    **dict.fromkeys(("comments", "get_comments"), "; comments are those of activities: activity.get_comments()"),
    **dict.fromkeys(("save", "update"), "; record.add_value(field, content) writes a value"),
    **dict.fromkeys(
        ("delete", "remove"), "; the API deletes no records; activity.remove_records([record]) detaches it"
    ),
}
"""What people look for at a record that has it elsewhere."""

_VERB = re.compile("(add|create|delete|fetch|find|get|list|read|remove|save|search|set|update|write)_")
"""What names of methods begin with, and names of fields hardly ever."""


class Files(Protocol):
    """What a file that is a value asks of the service of files."""

    def download_file(
        self,
        file_id: str,
        filename: str | None = None,
        destination: str | Path | None = None,
        *,
        overwrite: bool = True,
        progress: DownloadProgress | bool | None = None,
    ) -> str | None:
        """Save a file."""
        ...

    def read_file(self, file_id: str, *, progress: DownloadProgress | bool | None = None) -> bytes | None:
        """Return the bytes of a file."""
        ...


class WithFiles(Client, Protocol):
    """A client with that service."""

    @property
    def files(self) -> Files:
        """The service."""
        ...


class _Named(Identified):
    """What a content names by an id: it can be compared, hashed and pickled, and knows the client that it came from."""

    __slots__ = ("_client", "id")

    def __init__(self, identifier: str, client: object = None) -> None:
        self.id = identifier
        self._client: Any = client

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Named) and type(other) is type(self) and self.id == other.id

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.id))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {printable(self.id[:8])}>"

    def _require_client(self) -> Any:
        if self._client is None:
            raise NoClientError(f"This {type(self).__name__} has no client, so it cannot ask the server.")
        return self._client


class FileValue(_Named):
    """A file that is the value of a field. It downloads itself.

    Attributes:
        id: the id of the file.
        name: the name that it was uploaded under, None where the server does not say it.
        type: its content type.
        size: its size in bytes.
    """

    __slots__ = ("name", "size", "type")
    __module__ = "kalbio.records"

    def __init__(self, content: Mapping[str, object], client: object = None) -> None:
        """Make it from the content of a value; users get it from a record."""
        super().__init__(str(content["file_id"]), client)
        name, kind, size = content.get("file_name"), content.get("file_type"), content.get("file_size")
        self.name: str | None = name if isinstance(name, str) else None
        self.type: str | None = kind if isinstance(kind, str) else None
        self.size: int | None = size if isinstance(size, int) else None

    def __repr__(self) -> str:
        return f"<FileValue {safe_repr(self.name)} {printable(self.id[:8])}>"

    def __str__(self) -> str:
        return printable(self.name or self.id)

    @property
    def content(self) -> dict[str, str]:
        """What is written for it: another value of a file field takes it as well."""
        return {"file_id": self.id}

    def __reduce__(self) -> tuple[Any, ...]:
        content = {"file_id": self.id, "file_name": self.name, "file_type": self.type, "file_size": self.size}
        return FileValue, (content,)

    @default_on_error(none)
    def read(self, *, progress: DownloadProgress | bool | None = None) -> bytes | None:
        """Return the bytes of the file, None when it is not there any more.

        Args:
            progress: True shows a bar; a function is called with the bytes received so far, and those in all (or None).

        Raises:
            KalbioAPIError: the server refused.

        API operation: `downloadFile`.

        Example:
            >>> record = client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> record.update_field_file("Spectrum", "nmr.txt", b"1 2 3", "text/plain")
            <RecordValue ...>
            >>> spectrum = record.value("Spectrum")
            >>> spectrum.read()
            b'1 2 3'
        """
        client: WithFiles = self._require_client()
        return client.files.read_file(self.id, progress=progress)

    @default_on_error(none)
    def save(
        self,
        destination: str | Path | None = None,
        filename: str | None = None,
        *,
        overwrite: bool = True,
        progress: DownloadProgress | bool | None = None,
    ) -> str | None:
        """Save the file, by default under its own name; returns the path, None when it is not there any more.

        Args:
            destination: directory to save in, created if need be; by default the current one.
            filename: another name; only its last component counts.
            overwrite: whether an existing file is replaced.
            progress: True shows a bar; a function is called with the bytes received so far, and those in all (or None).

        Raises:
            OSError: the file cannot be written.
            FileExistsError: it exists and is not to be replaced; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `downloadFile`.

        Example:
            >>> record = client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> record.update_field_file("Spectrum", "nmr.txt", b"1 2 3", "text/plain")
            <RecordValue ...>
            >>> spectrum = record.value("Spectrum")
            >>> path = spectrum.save("spectra")
        """
        client: WithFiles = self._require_client()
        return client.files.download_file(
            self.id, filename or self.name, destination, overwrite=overwrite, progress=progress
        )


class RecordLink(_Named):
    """A record that the value of a field refers to.

    Attributes:
        id: the id of the record.
    """

    __slots__ = ()
    __module__ = "kalbio.records"

    def __str__(self) -> str:
        return self.id

    def __reduce__(self) -> tuple[Any, ...]:
        return RecordLink, (self.id,)

    @default_on_error(none)
    def fetch(self) -> ReadableRecord | None:
        """Return the record itself, None when it is not there any more.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `getRecord`.

        Example:
            >>> record = client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> salt = client.entity_fields.get_or_create_data_field("Salt of", "record-reference")
            >>> parent = client.records.get_or_create_record({"Compound": "CPD-2"})
            >>> record.add_value("Salt of", parent.id)
            <RecordValue ...>
            >>> link = record.value("Salt of")
            >>> str(link.fetch())
            'CPD-2'
        """
        client: Client = self._require_client()
        return client.directory.records_of(_READABLE).find(self.id)


FieldValue: TypeAlias = str | float | Decimal | bool | date | list[str] | FileValue | RecordLink | Json
"""What a field may hold: which of them follows from the type of the field."""


class OlderScopeNames(TypedDict, total=False):
    """Older names of what says where a value was written."""

    operation_id: ActivityIdentifier | None
    activity_id: ActivityIdentifier | None
    record_view_id: TableIdentifier | None
    view: TableIdentifier | None


class ReadableRecord(WritableRecord):
    """What a record does but for leading to its activities."""

    __slots__ = ()

    if TYPE_CHECKING:
        # A record is gone through by its members, not by its fields: `dict(record)` is no row.
        keys: ClassVar[None]

    def __getitem__(self, field: EntityFieldIdentifier) -> FieldValue:
        """Return the current value of a field in the type of the field: `record["logP"]`; None where there is none.

        See `value`, which also takes an activity or a table. An error is raised whatever `on_error` says.
        """
        client = self._require_client()
        known = field_of(client.directory, field)
        entry = current_entry(entries_of(self._state, known.id), self.id)
        value: FieldValue = typed(client, self, known, form_of(known), None if entry is None else entry.content)
        return value

    def _ipython_key_completions_(self) -> list[str]:
        # Tab sends nothing: these are the names that were read before, for whatever reason.
        return [] if self._client is None else field_names_read(self._client.directory)

    def __contains__(self, name: object) -> bool:
        # It would have to ask which fields there are, and members of the JSON have names too.
        raise ArgumentTypeError(
            f"`in` does not work on a Record; for its fields, use {safe_repr(name)} in record.to_row(), for the members"
            " of its JSON record.raw"
        )

    def _cure_of(self, name: str) -> str:
        cure = super()._cure_of(name) or _ELSEWHERE.get(name, "")
        is_known = self._client is not None and name in field_names_read(self._client.directory)
        if (cure or _VERB.match(name)) and not is_known:
            return cure
        return f"; the value of a field is record[{name!r}]"

    if not TYPE_CHECKING:

        def __setitem__(self, field: object, content: object) -> None:
            raise ArgumentTypeError(
                f"A value is not assigned but added to the history: record.add_value({safe_repr(str(field))}, ...)"
            )

    def _repr_html_(self) -> str:
        return html_of_record(self, self._client)

    @classmethod
    def _html_of(cls, items: Sequence[Self]) -> str:
        return html_of_records(items, items[0]._client)

    @overload
    def value(
        self,
        field: EntityFieldIdentifier,
        *,
        activity: ActivityIdentifier | None = None,
        table: TableIdentifier | None = None,
        sub_record: RecordIdentifier | None = None,
        include_sub_records: bool = False,
        **older: Unpack[OlderScopeNames],
    ) -> FieldValue: ...

    @overload
    def value(
        self,
        field: EntityFieldIdentifier,
        as_type: type[T],
        *,
        activity: ActivityIdentifier | None = None,
        table: TableIdentifier | None = None,
        sub_record: RecordIdentifier | None = None,
        include_sub_records: bool = False,
        **older: Unpack[OlderScopeNames],
    ) -> T | None: ...

    @takes_older_names
    @default_on_error(none)
    def value(
        self,
        field: EntityFieldIdentifier,
        as_type: type | None = None,
        *,
        activity: ActivityIdentifier | None = None,
        table: TableIdentifier | None = None,
        sub_record: RecordIdentifier | None = None,
        include_sub_records: bool = False,
        **older: Unpack[OlderScopeNames],
    ) -> Any:
        """Return the current value of a field, in the type of the field.

        A number is a `float`, a date a `date`, a multi-select a list of texts, a file a `FileValue` that downloads
        itself, a reference a `RecordLink`; the guide has the whole table. A content that does not fit its type is
        returned as it is, with a `ContentTypeWarning`.

        Args:
            field: the field, key fields included: object, id, or name.
            as_type: read it as this type: `float`, `int` or `Decimal` for numbers, `str` for the text as it stands.
            activity: only values written in this activity: object, id, or title. Key values always count.
            table: only values written in this table (record view): object or id.
            sub_record: only values of this sub-record: object, id, or key-field dict.
            include_sub_records: whether values of sub-records count too.
            **older: the older names of `activity` and `table`: `operation_id`, `record_view_id`.

        Returns:
            The value, None where there is none. Nothing is sent for fields that are known already.

        Raises:
            IdentifierNotFoundError: no such field, activity or sub-record.
            ValueError: the field has no values of this type, or its content does not fit the type that you ask for.

        API operation: `listDataFields` and `listKeyFields`, where the fields are not known yet.

        Example:
            >>> record = client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> record.add_value("Potency (nM)", 2.5)
            <RecordValue ...>
            >>> record.value("Potency (nM)")
            2.5
            >>> record.value("Potency (nM)", str)
            '2.5'
        """
        client: Client = self._require_client()
        known = field_of(client.directory, field)
        form = form_of(known, as_type)
        content = self._find_content(known.id, activity, include_sub_records, sub_record, view_id(table))
        return typed(client, self, known, form, content, strict=as_type is not None)

    @takes_older_names
    @default_on_error(dict)
    def to_row(
        self,
        fields: Iterable[EntityFieldIdentifier] | None = None,
        *,
        activity: ActivityIdentifier | None = None,
        table: TableIdentifier | None = None,
        **older: Unpack[OlderScopeNames],
    ) -> dict[str, FieldValue]:
        """Return the current values as a row: name of the field to value in its type.

        Args:
            fields: the fields in the order wanted: objects, ids, or names; those without a value are None. By default
                all that the record holds values of, key fields first.
            activity: only values written in this activity: object, id, or title. Key values always count.
            table: only values written in this table (record view): object or id.
            **older: the older names of `activity` and `table`: `operation_id`, `record_view_id`.

        Raises:
            IdentifierNotFoundError: no such field or activity.
            AmbiguousIdentifierError: two of the fields have the same name.

        API operation: `listDataFields` and `listKeyFields`, where the fields are not known yet.

        Example:
            >>> record = client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> record.to_row()
            {'Compound': 'CPD-1'}
        """
        client: Client = self._require_client()
        if fields is None:
            chosen = fields_held(client.directory, field_ids(self._state))
        else:
            chosen = [field_of(client.directory, field) for field in require_list("fields", fields)]
        row: dict[str, FieldValue] = {}
        for known, name in zip(chosen, names_of(chosen), strict=True):
            content = self._find_content(known.id, activity, False, None, view_id(table))
            if fields is not None or content is not None:
                row[name] = typed(client, self, known, form_of(known), content)
        return row

    @takes_older_names
    @default_on_error(lambda: Table([], [], []))
    def history(
        self,
        field: EntityFieldIdentifier | None = None,
        *,
        activity: ActivityIdentifier | None = None,
        table: TableIdentifier | None = None,
        **older: Unpack[OlderScopeNames],
    ) -> Table:
        """Return every value that was ever written as a table: field, value, author, time, activity and table.

        The newest is first. Authors, activities and tables have their names; the last columns have their ids.

        Args:
            field: the data field: object, id, or name; by default all of them. The values of one field have its type,
                those of several types are the text as it stands.
            activity: only values written in this activity: object, id, or title.
            table: only values written in this table (record view): object or id.
            **older: the older names of `activity` and `table`: `operation_id`, `record_view_id`.

        Raises:
            IdentifierNotFoundError: no such field or activity.
            ValueError: it is a key field, which has no history.
            KalbioAPIError: the server refused.

        API operation: `listRecordValues`; for names `listDataFields`, `listKeyFields`, `listWorkspaceMembers`,
        `listActivities` and `listRecordViews`, where they are not known yet.

        Example:
            >>> record = client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> for content in (2.5, 2.7):
            ...     value = record.add_value("Potency (nM)", content)
            >>> history = record.history("Potency (nM)")
            >>> len(history)
            2
        """
        client: Client = self._require_client()
        directory = client.directory
        if field is None:
            chosen: list[EntityFieldData] = list(directory[DATA_FIELDS].all())
        else:
            chosen = [field_of(directory, field)]
            if chosen[0].is_key:
                name = safe_repr(chosen[0].field_name or chosen[0].id)
                raise ArgumentError(f"{name} is a key field: key values are given with the record, and have no history")
        operation = None if activity is None else directory[_ACTIVITIES].require_id(activity)
        return read_history_table(client, self.id, chosen, operation, view_id(table))


def view_id(table: TableIdentifier | None) -> str | None:
    """Return the id of a table."""
    return None if table is None else plain_id(table, "table", RecordViewData)


def typed(
    client: Client, record: WritableRecord, field: EntityFieldData, form: Form, content: Any, *, strict: bool = False
) -> Any:
    """Return the value of a content; one that does not fit as it is, with a warning, or as an error if `strict`."""
    try:
        found = read_content(form, content)
    except MisfitError:
        if strict:
            name = safe_repr(field.field_name or field.id)
            raise ArgumentError(
                f"{name} of {record} holds {safe_repr(content)}, which cannot be read as {form.python};"
                f" record.value({name}) reads it as the field says"
            ) from None
        warnings.warn(misfit_text(field, content, str(record)), ContentTypeWarning, stacklevel=3)
        return content
    if found is None:
        return None
    return FileValue(found, client) if form is FILE else RecordLink(found, client) if form is RECORD else found


def field_of(directory: Directory, identifier: EntityFieldIdentifier) -> EntityFieldData:
    """Return the field that an object, an id or a name says, read once more when it is not among those known."""
    known = as_id(identifier, "field", EntityFieldData)
    if isinstance(identifier, EntityFieldData) and identifier.field_type is not None:
        return identifier
    for fresh in (False, True):
        # Both kinds before either is read again: a field of the one is always unknown to the other.
        data = directory[DATA_FIELDS].catalog(use_cache=not fresh)
        keys = directory[KEY_FIELDS].catalog(use_cache=not fresh)
        found = _among(data, keys, known, identifier)
        if found is not None:
            return found
    raise _unknown(data, keys, identifier)


def known_field(directory: Directory, identifier: EntityFieldIdentifier) -> EntityFieldData:
    """Return the field that an object, an id or a name says, without a request; or raise, saying how to get it."""
    known = as_id(identifier, "field", EntityFieldData)
    if isinstance(identifier, EntityFieldData) and identifier.field_type is not None:
        return identifier
    data, keys = directory[DATA_FIELDS].peek(), directory[KEY_FIELDS].peek()
    if data is None or keys is None:
        raise IdentifierError(
            "field",
            identifier,
            "The fields of the workspace are not known yet, or not any more, and record[...] cannot wait for them: use "
            "`record.value(...)`, or `record.to_row()` for all of them.",
        )
    found = _among(data, keys, known, identifier)
    if found is None:
        raise _unknown(data, keys, identifier)
    return found


def field_names_read(directory: Directory) -> list[str]:
    """Return the names of the fields as they were read last, key fields first, without a request."""
    return list(dict.fromkeys([*directory[KEY_FIELDS].names_read, *directory[DATA_FIELDS].names_read]))


def fields_held(directory: Directory, ids: Iterable[str]) -> list[EntityFieldData]:
    """Return the fields with these ids, key fields first, in the order of their listings.

    One that is not listed is read as any JSON, under its id.
    """
    wanted = dict.fromkeys(ids)
    listed: dict[str, EntityFieldData] = {}
    for fresh in (False, True):
        keys = directory[KEY_FIELDS].catalog(use_cache=not fresh)
        data = directory[DATA_FIELDS].catalog(use_cache=not fresh)
        listed = {field.id: field for field in (*keys.items, *data.items)}
        if listed.keys() >= wanted.keys():
            break
    return [
        *(field for field_id, field in listed.items() if field_id in wanted),
        *(EntityField({"id": field_id, "field_name": field_id}) for field_id in wanted if field_id not in listed),
    ]


def names_of(fields: Iterable[EntityFieldData]) -> list[str]:
    """Return the names of fields that stand beside each other. Raises AmbiguousIdentifierError when two are alike."""
    found: dict[str, EntityFieldData] = {}
    for field in fields:
        name = field.field_name or field.id
        if name in found:
            hint = "A row has one value of a name: give fields=[...] with only one of these ids."
            raise AmbiguousIdentifierError("field", name, [found[name].id, field.id], hint)
        found[name] = field
    return list(found)


def _among(
    data: Catalog[Any], keys: Catalog[Any], known: str | None, identifier: EntityFieldIdentifier
) -> EntityFieldData | None:
    if known is not None:
        by_id: EntityFieldData | None = data.by_id(known) or keys.by_id(known)
        return by_id
    name = str(identifier)
    found: list[EntityFieldData] = [field for field in (data.by_name(name), keys.by_name(name)) if field is not None]
    if len(found) > 1:
        hint = f"{found[0].id} is the data field, {found[1].id} the key field."
        raise AmbiguousIdentifierError("field", name, [field.id for field in found], hint)
    return found[0] if found else None


def _unknown(data: Catalog[Any], keys: Catalog[Any], identifier: EntityFieldIdentifier) -> IdentifierNotFoundError:
    names = [field.field_name or "" for field in (*data.items, *keys.items)]
    return IdentifierNotFoundError("field", identifier, close_matches(identifier, names))
