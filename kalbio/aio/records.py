"""Records: rows of entities such as compounds and samples, and the values written on them."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from kaleidoscope_api.api.records import (
    add_record_value,
    get_or_create_record,
    get_record,
    identify_records,
    list_record_values,
    list_records,
    search_records,
    upload_record_value_file,
)

from kalbio._core import constants, jsontext
from kalbio._core.aio.bulk import Load
from kalbio._core.aio.locks import each, sleep, stream
from kalbio._core.answers import as_list, as_object
from kalbio._core.batches import cut
from kalbio._core.errors import IdentifierError, IdentifierNotFoundError, KalbioError, NotFoundError, UnknownFateError
from kalbio._core.journal import digest
from kalbio._core.retry import Happened, decide
from kalbio._core.shown import shown
from kalbio._core.uploads import FileData, opened
from kalbio._model import staleness
from kalbio._model.activities import ActivityData
from kalbio._model.bulk import BulkResult, Progress, RowOutcome
from kalbio._model.checks import conditions, in_row, listed, renamed, texts_of, unicode_text, whole
from kalbio._model.enums import FilterRuleTypeEnum
from kalbio._model.fixed import copied
from kalbio._model.identifiers import as_id, joined_ids, plain_id, plain_ids, several
from kalbio._model.keys import is_key, key_text, refusal
from kalbio._model.listing import (
    Listing,
    read_ids,
    read_items,
    read_object,
    read_undecoded,
    read_undecoded_object,
)
from kalbio._model.records import (
    OLDER_CONDITIONS,
    FieldFilter,
    FieldSort,
    KeyValues,
    RecordData,
    RecordValue,
    SearchRecordsQuery,
    ValueToWrite,
    ViewFieldFilter,
    ViewFieldSort,
    check_value_row,
    conditions_of,
    contents,
    contents_by_operation,
    current_entry,
    entries_of,
    holds,
    is_named,
    key_of,
    match_identified,
    new_values,
    own_key,
    prepared,
    query_text,
    read_identified,
    view_conditions_text,
    with_value,
)
from kalbio._model.views import RecordViewData
from kalbio.aio._loads import Scope, ValueTraces, Write, known_before, load_all, load_each, read_history
from kalbio.aio._loads import opened as opened_journal
from kalbio.aio._policy import deprecated, ends_on_failure, nothing, on_failure
from kalbio.aio._record_cache import AsyncRecordCache
from kalbio.aio._service import Service
from kalbio.aio.entity_fields import EntityField, EntityFieldIdentifier, KeyField

if TYPE_CHECKING:
    from kaleidoscope_api.types import File

__all__ = [
    "BulkResult",
    "FieldFilter",
    "FieldSort",
    "FilterRuleTypeEnum",
    "Record",
    "RecordIdentifier",
    "RecordKey",
    "RecordValue",
    "RecordsService",
    "RowOutcome",
    "SearchRecordsQuery",
    "ValueToWrite",
    "ViewFieldFilter",
    "ViewFieldSort",
]


class Record(RecordData):
    """A row: one combination of key values of an entity type, and the values written on it.

    Reads of values are local; they see what the record held when it was fetched, and what was written through it since.
    """

    __slots__ = ()

    @on_failure(list)
    async def get_activities(self) -> list[Activity]:
        """Return the activities that contain this record.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listRecordOperations`.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> await record.get_activities()
            []
        """
        activities: list[Activity] = await self._require_client().activities.get_activities_with_record(self)
        return activities

    @on_failure(nothing)
    async def add_value(
        self,
        field_id: EntityFieldIdentifier,
        content: Any,
        activity_id: ActivityIdentifier | None = None,
        record_view_id: str | None = None,
        *,
        verify: bool = False,
    ) -> RecordValue | None:
        """Write a value. Values are append-only: this one becomes the current one, the older ones stay in the history.

        Args:
            field_id: the data field: object, id, or name.
            content: the value. Numbers may be numbers or text, dates `date` or `datetime`; NaN is refused.
            activity_id: the activity to write it in: object, id, or title. None writes it on the record itself.
            record_view_id: id of the table of the activity to write it in; needs an activity.
            verify: whether to look, when the answer is lost, for the value in the history, and to write it again only
                when it is not there. Reads the history once before writing.

        Returns:
            The written value. The record holds it at once, without being read again.

        Raises:
            IdentifierNotFoundError: no such field or activity; nothing was sent.
            ValueError: the content cannot be sent.
            UnknownFateError: the answer was lost, and with `verify` looking did not help; look before you write again.
            KalbioAPIError: the server refused.

        API operation: `addRecordValue`; with `verify` also `listRecordValues`.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> await record.add_value("Potency (nM)", 2.5)
            <RecordValue '2.5' ...>
        """
        client = self._require_client()
        scope = await _scope(client, field_id, activity_id, record_view_id)
        return await self._write(scope, content, verify=verify)

    async def _write(
        self, scope: Scope, content: Any, *, verify: bool = False, before: str | None = None
    ) -> RecordValue | None:
        """Write a value at a place that is resolved already. `before` is the current value there, where it is known."""
        from kaleidoscope_api.models import AddRecordValueBody

        field, operation, view = scope
        body = AddRecordValueBody(field_id=field, content=content, operation_id=operation, record_view_id=view)
        request = add_record_value.build_request(self.id, body=body)
        if verify:
            jsontext.encode(content)  # what cannot be sent is said before anything is
            return await self._write_and_look(request, scope, content, before)
        return await self._written(field, await self._require_client().call(request))

    async def _write_and_look(
        self, request: Mapping[str, Any], scope: Scope, content: Any, before: str | None
    ) -> RecordValue | None:
        """Write a value; after a lost answer look for it in the history, and repeat the write when it is not there."""
        client = self._require_client()
        known: set[str] | None = None
        try:
            if before is None:
                known = {str(value["id"]) for value in await read_history(client, self.id)}
        except NotFoundError:
            # The write itself tells best that there is no such record. Should it not, there is nothing to compare with.
            return await self._written(scope[0], await client.call(request))
        lost: UnknownFateError | None = None
        started, attempt = time.monotonic(), 0
        while True:
            attempt += 1
            try:
                response = await client.call(request)
            except UnknownFateError as error:
                lost = lost or error
                wait = _wait_to_repeat(client, error, attempt, time.monotonic() - started)
            except KalbioError as error:
                if lost is None:
                    raise
                lost.add_note(f"It was not in the history; writing it again failed: {error}")
                raise lost from lost.__cause__
            else:
                return await self._written(scope[0], response)
            # First the wait, then the look: what is still under way may arrive meanwhile.
            await sleep(wait or 0)
            try:
                history = await read_history(client, self.id)
            except KalbioError as error:
                lost.add_note(f"The history could not be read: {error}")
                raise lost from lost.__cause__
            if before is not None:
                known = known_before(history, before, self.id, scope)
            if known is None:
                lost.add_note("The history does not have the value that was there before.")
                raise lost
            new = new_values(history, known, self.id, *scope)
            own = next((value for value in new if holds(value, content)), None)
            if own is not None:
                client.records._forget(self.id)
                self._become(with_value(self._raw, scope[0], own))
                return RecordValue(dict(own), client)
            if new:
                # Somebody else's, or ours in a form that is not known here: writing again might double it.
                lost.add_note("The history has a new value in the same place, with another content.")
            if new or wait is None:
                raise lost

    @on_failure(nothing)
    async def update_field(
        self,
        field_id: EntityFieldIdentifier,
        value: Any,
        activity_id: ActivityIdentifier | None,
        record_view_id: str | None = None,
        *,
        verify: bool = False,
    ) -> RecordValue | None:
        """Write a value, saying where: the same as `add_value`, with an activity that must be named.

        Args:
            field_id: the data field: object, id, or name.
            value: the value, see `add_value`.
            activity_id: the activity: object, id, or title. None writes it on the record itself.
            record_view_id: id of the table of the activity to write it in; needs an activity.
            verify: whether to look after a lost answer, see `add_value`.

        Returns:
            The written value.

        Raises:
            IdentifierNotFoundError: no such field or activity; nothing was sent.
            UnknownFateError: the answer was lost; look before you write again.
            KalbioAPIError: the server refused.

        API operation: `addRecordValue`; with `verify` also `listRecordValues`.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> value = await record.update_field("Potency (nM)", "2.6", None)
        """
        return await self.add_value(field_id, value, activity_id, record_view_id, verify=verify)

    @on_failure(nothing)
    async def update_field_file(
        self,
        field_id: EntityFieldIdentifier,
        file_name: str | os.PathLike[str],
        file_data: FileData | None = None,
        file_type: str | None = None,
        activity_id: ActivityIdentifier | None = None,
        record_view_id: str | None = None,
    ) -> RecordValue | None:
        """Upload a file as a value.

        Args:
            field_id: the data field, of type file: object, id, or name.
            file_name: the name to keep it under; without `file_data`, the path of the file.
            file_data: bytes, a file opened for reading bytes (sent from where it stands), or a path.
            file_type: its content type, e.g. "text/csv"; by default it follows from the name.
            activity_id: the activity: object, id, or title. None writes it on the record itself.
            record_view_id: id of the table of the activity to write it in; needs an activity.

        Returns:
            The written value.

        Raises:
            IdentifierNotFoundError: no such field or activity; nothing was sent.
            UnknownFateError: the answer was lost; look before you upload again.
            KalbioAPIError: the server refused.

        API operation: `uploadRecordValueFile`.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> value = await record.update_field_file("Spectrum", "nmr.txt", b"1 2 3", "text/plain")
        """
        client = self._require_client()
        with opened(file_name, file_data, file_type) as file:
            scope = await _scope(client, field_id, activity_id, record_view_id)
            return await _upload(client, self, file, scope)

    async def get_value_content(
        self,
        field_id: EntityFieldIdentifier,
        activity_id: ActivityIdentifier | None = None,
        include_sub_record_values: bool | None = False,
        sub_record_id: RecordIdentifier | None = None,
        record_view_id: str | None = None,
    ) -> Any | None:
        """Return the current content of a field: the newest value that passes the conditions.

        Args:
            field_id: the field, key fields included: object, id, or name.
            activity_id: only values written in this activity: object, id, or title. Key values always count.
            include_sub_record_values: whether values of sub-records count too.
            sub_record_id: only values of this sub-record: object, id, or key-field dict.
            record_view_id: id of a table: only values written in it.

        Returns:
            The content: numbers as text, booleans as booleans; None when there is no such value. Local; names are
            looked up in cached listings.

        Raises:
            IdentifierNotFoundError: no such field, activity or sub-record.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> await record.get_value_content("Compound")
            'CPD-1'
        """
        include_sub_record_values = False if include_sub_record_values is None else include_sub_record_values
        plain = include_sub_record_values is False and sub_record_id is None and record_view_id is None
        if plain:
            # A loop over many records and fields comes here often: what was found once is kept beside the JSON.
            try:
                return self._contents[field_id if activity_id is None else (field_id, activity_id)]
            except (KeyError, TypeError):
                pass
        return await self._find_content(
            field_id, activity_id, include_sub_record_values, sub_record_id, record_view_id, keep=plain
        )

    @on_failure(nothing, about="field_id", local=True)
    async def _find_content(
        self,
        field_id: EntityFieldIdentifier,
        activity_id: ActivityIdentifier | None,
        include_sub_record_values: bool,
        sub_record_id: RecordIdentifier | None,
        record_view_id: str | None,
        *,
        keep: bool,
    ) -> Any | None:
        # Ids need no client and no request.
        field = as_id(field_id, "field", EntityField)
        by_ids = isinstance(field_id, str) and field is not None
        if field is None:
            field = await self._require_client().entity_fields._resolve(field_id)
        operation: str | None = None
        if activity_id is not None:
            operation = as_id(activity_id, "activity", ActivityData)
            by_ids = by_ids and isinstance(activity_id, str) and operation is not None
            operation = operation or await self._require_client().activities._resolve(activity_id)
        sub_record: str | None = None
        if sub_record_id is not None:
            # Ids and objects again without a client.
            sub_record = (
                await self._require_client().records._resolve(sub_record_id)
                if isinstance(sub_record_id, Mapping)
                else _uuid(sub_record_id)
            )
        # In this order: what the older state says must not come to stand among the contents of the newer.
        known, own_id = self._contents, self.id
        entries = entries_of(self._state, field)
        entry = current_entry(
            entries,
            own_id,
            operation_id=operation,
            record_view_id=_view(record_view_id),
            include_sub_records=include_sub_record_values,
            sub_record_id=sub_record,
        )
        content = None if entry is None else entry.content
        if isinstance(content, dict | list):
            return copied(content)
        if keep and by_ids:
            # Not by names, which may come to mean something else.
            known[field_id if activity_id is None else (field_id, activity_id)] = content
            if operation is not None:
                # Who reads one activity often reads the others next.
                for other, item in contents_by_operation(entries, own_id).items():
                    if not isinstance(item, dict | list):
                        known.setdefault((field_id, other), item)
        return content

    @on_failure(dict, about="activity_id")
    async def get_activity_data(self, activity_id: ActivityIdentifier) -> dict[str, Any]:
        """Return what the record holds in an activity, its key values included.

        Args:
            activity_id: the activity: object, id, or title.

        Returns:
            Field id to content; fields without a value there are left out.

        Raises:
            IdentifierNotFoundError: no such activity.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> data = await record.get_activity_data(activity)
        """
        operation = as_id(activity_id, "activity", ActivityData)
        operation = operation or await self._require_client().activities._resolve(activity_id)
        return contents(self._state, self.id, operation_id=operation)

    @on_failure(list)
    async def get_values(self) -> list[RecordValue]:
        """Return the complete history of the record's values, newest first; key values are not in it.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listRecordValues`.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> for value in await record.get_values():
            ...     print(value.created_at, value.field_id, value.content)
        """
        client = self._require_client()
        response = await client._call_or_none(list_record_values.build_request(self.id))
        return [] if response is None else read_items(as_list(response), lambda item: RecordValue(item, client))

    @on_failure(nothing)
    async def refetch(self) -> None:
        """Read the record from the server again; this object takes over what it says.

        Raises:
            NotFoundError: the record is not there any more.
            KalbioAPIError: the server refused.

        API operation: `getRecord`.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> await record.refetch()
        """
        await self._refresh()

    async def _refresh(self) -> None:
        client = self._require_client()
        client.records._forget(self.id)
        self._become(read_object(await client.call(get_record.build_request(self.id)), "record"))

    async def _written(self, field: str, response: Any) -> RecordValue | None:
        """Take over the answer of a write, which holds the value that was made."""
        client = self._require_client()
        resource = as_object(response)["resource"]
        self._become(with_value(self._raw, field, resource))
        return RecordValue(resource, client)


RecordKey: TypeAlias = (
    Mapping[str, str] | Mapping[KeyField, str] | Mapping[EntityField, str] | Mapping[EntityFieldIdentifier, str]
)
"""A dict of key field (object, id, or name) to value. Several types, because a mapping is invariant in its keys."""

RecordIdentifier: TypeAlias = Record | str | RecordKey
"""A record, its id, or a dict of key field (object, id, or name) to value."""


class RecordsService(Service):
    """Records of the workspace (`client.records`)."""

    _remembers = (staleness.RECORD,)

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self._cache: AsyncRecordCache[Record] = AsyncRecordCache()
        client._remember(staleness.RECORD, lambda _: self._cache.clear())
        client._remember(staleness.NAMED_RECORDS, self._named)
        client._remember(staleness.MADE_RECORD, self._made)

    def _named(self, request: Mapping[str, Any] | None) -> None:
        ids = None if request is None else staleness.records_named(request)
        if ids is None:
            self._cache.clear()
        else:
            self._cache.touch(ids)

    def _made(self, request: Mapping[str, Any] | None) -> None:
        keys = None if request is None else staleness.key_made(request)
        if keys is None:
            self._cache.clear()
        else:
            self._cache.made(keys)

    async def clear_record_caches(self) -> None:
        """Forget the cached records, and which activities contain them.

        Example:
            >>> await client.records.clear_record_caches()
        """
        self._client._forget(staleness.RECORD, staleness.OF_RECORD)

    def _forget(self, record_id: str) -> None:
        """Forget one cached record."""
        self._cache.touch([record_id])

    def _adopt(self, response: Any, since: int) -> Listing[Record]:
        """Make records of a list answer and cache them."""
        listing = read_undecoded(response, lambda item: Record(item, self._client))
        for record in listing:
            self._cache.keep(record, since)
        return listing

    @on_failure(nothing, about="record_id")
    async def get_record_by_id(self, record_id: RecordIdentifier, use_cache: bool = True) -> Record | None:
        """Return a record.

        Args:
            record_id: its id, a dict of key field (object, id, or name) to value, or the record itself, which is
                returned as it is.
            use_cache: False asks the server even when the record is cached.

        Returns:
            The record, None when there is none.

        Raises:
            IdentifierNotFoundError: a name in the dict is no key field.
            ValueError: the dict is empty, or a value is no text.
            KalbioAPIError: the server refused.

        API operation: `getRecord`; `identifyRecords` for a dict.

        Example:
            >>> record = await client.records.get_record_by_id({"Compound": "CPD-1"})
        """
        if isinstance(record_id, Record):
            return record_id
        if isinstance(record_id, Mapping):
            keys = await self._keys([record_id])

            async def identify() -> Record | None:
                return (await self._identify(keys, use_cache=use_cache))[0]

            return await self._cache.share(key_of(keys[0]), identify, fresh=not self._client._caching(use_cache))
        wanted = _uuid(record_id)
        cached = self._cache.by_id(wanted) if self._client._caching(use_cache) else None
        if cached is not None:
            return cached

        async def load() -> Record:
            since = self._cache.writes
            response = await self._client.call(get_record.build_request(wanted))
            record = Record(read_undecoded_object(response, "record"), self._client)
            self._cache.keep(record, since)
            return record

        try:
            return await self._cache.share(wanted, load, fresh=not self._client._caching(use_cache))
        except NotFoundError:
            self._forget(wanted)
            return None

    @on_failure(list, about="record_ids")
    async def get_records_by_ids(
        self, record_ids: Sequence[RecordIdentifier], batch_size: int = 250, use_cache: bool = True
    ) -> list[Record]:
        """Return many records with few requests, in the order asked for; those that are not there are left out.

        Args:
            record_ids: ids, dicts of key field to value, and records, in any mixture.
            batch_size: most records to ask for at once; batches are cut by the length of the URL as well.
            use_cache: False asks the server even for cached records.

        Raises:
            IdentifierNotFoundError: a name in a dict is no key field.
            ValueError: something in the list names no record.
            KalbioAPIError: the server refused.

        API operation: `listRecords`; `identifyRecords` for dicts.

        Example:
            >>> records = await client.records.get_records_by_ids([{"Compound": "CPD-1"}, {"Compound": "CPD-2"}])
        """
        whole("batch_size", batch_size, 1)
        places = await self._places(record_ids)
        asked = [place for place in places if isinstance(place, Mapping)]
        identified = iter(await self._identify(asked, use_cache=use_cache, batch_size=batch_size))
        unreadable: list[Any] = []
        ids = [place for place in places if isinstance(place, str)]
        fetched = await self._fetch(ids, batch_size, use_cache, unreadable)
        found: list[Record | None] = []
        for place in places:
            if isinstance(place, Record):
                found.append(place)
            elif isinstance(place, str):
                found.append(fetched.get(place))
            else:
                found.append(next(identified))
        return Listing([record for record in found if record is not None], unreadable)

    async def _places(
        self, identifiers: Iterable[Any], numbers: Sequence[int | None] | None = None
    ) -> list[Record | str | KeyValues]:
        """Return each identifier as a record, an id, or key values; every name of a key field is looked up once."""
        given = several(identifiers, "record")
        rows: Sequence[int | None] = [None] * len(given) if numbers is None else numbers
        dicts = [(item, row) for item, row in zip(given, rows, strict=True) if isinstance(item, Mapping)]
        keys = iter(await self._keys([item for item, _ in dicts], [row for _, row in dicts]))
        places: list[Record | str | KeyValues] = []
        for item, row in zip(given, rows, strict=True):
            if isinstance(item, Record):
                places.append(item)
            else:
                with in_row(row):
                    places.append(next(keys) if isinstance(item, Mapping) else _uuid(item))
        return places

    async def _fetch(
        self, ids: Sequence[str], batch_size: int, use_cache: bool, unreadable: list[Any]
    ) -> dict[str, Record]:
        """Return the records with these ids, cached ones without a request."""
        found: dict[str, Record] = {}
        missing: list[str] = []
        caching = self._client._caching(use_cache)
        if not caching:
            self._cache.touch(ids)
        for record_id in dict.fromkeys(ids):
            cached = self._cache.by_id(record_id) if caching else None
            if cached is None:
                missing.append(record_id)
            else:
                found[record_id] = cached
        if missing:
            overhead = self._client._target_length(list_records.build_request(record_ids=""))
            since = self._cache.writes

            async def ask(batch: slice) -> Listing[Record]:
                request = list_records.build_request(record_ids=",".join(missing[batch]))
                return self._adopt(await self._client.call(request), since)

            batches = list(cut(missing, overhead=overhead, separator=",", max_count=batch_size))
            for listing in await each(ask, batches, self._client.max_in_flight):
                # From the answers themselves, not from the cache: that may hold fewer than were asked for.
                found.update((record.id, record) for record in listing)
                unreadable.extend(listing.unreadable)
        return found

    async def _identify(
        self, asked: Sequence[KeyValues], *, use_cache: bool = True, batch_size: int = 250
    ) -> list[Record | None]:
        """Return the records with these key values, in order; one request for many of them."""
        caching = self._client._caching(use_cache)
        known: dict[frozenset[tuple[str, str]], Record | None] = {}
        missing: dict[frozenset[tuple[str, str]], KeyValues] = {}
        for key_values in asked:
            key = key_of(key_values)
            cached = self._cache.by_key(key)
            if cached is not None and not caching:
                self._forget(cached.id)
                cached = None
            if cached is None:
                missing[key] = key_values
            else:
                known[key] = cached
        wanted = list(missing.values())
        texts = [jsontext.encode_text(key_values) for key_values in wanted]
        if texts:
            overhead = self._client._target_length(identify_records.build_request(records_key_field_to_value="[]"))
            since = self._cache.writes

            async def ask(batch: slice) -> None:
                request = identify_records.build_request(records_key_field_to_value=f"[{','.join(texts[batch])}]")
                response = await self._client._call_or_none(request)
                answered = (
                    [] if response is None else read_identified(response, lambda item: Record(item, self._client))
                )
                for key_values, record in zip(wanted[batch], match_identified(wanted[batch], answered), strict=True):
                    known[key_of(key_values)] = record
                    if record is not None:
                        self._cache.keep(record, since)

            batches = list(cut(texts, overhead=overhead, separator=",", max_count=batch_size))
            await each(ask, batches, self._client.max_in_flight)
        return [known[key_of(key_values)] for key_values in asked]

    @on_failure(nothing)
    async def get_or_create_record(self, key_values: RecordKey) -> Record:
        """Return the record with these key values, creating it, and its entity type, when there is none.

        Args:
            key_values: key field (object, id, or name) to value.

        Raises:
            IdentifierNotFoundError: a name is no key field; nothing was sent.
            ValueError: the dict is empty, or a value is no text.
            KalbioAPIError: the server refused.

        API operation: `getOrCreateRecord`.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
        """
        return await self._get_or_create((await self._keys([key_values]))[0])

    async def _get_or_create(self, wanted: KeyValues) -> Record:
        """Return the record with these key values, which are resolved already."""
        from kaleidoscope_api.models import GetOrCreateRecordBody, KeyValuesByFieldId

        if self._client._caching():
            cached = self._cache.by_key(key_of(wanted))
            if cached is not None:
                return cached
        body = GetOrCreateRecordBody(key_field_to_value=KeyValuesByFieldId.from_dict(dict(wanted)))
        since = self._cache.writes
        response = await self._client.call(get_or_create_record.build_request(body=body))
        record = Record(read_undecoded_object(response, "record"), self._client)
        self._cache.keep(record, since, wanted)
        return record

    @on_failure(BulkResult)
    async def get_or_create_records(
        self,
        rows: Iterable[RecordKey],
        *,
        stop_on_error: bool = False,
        progress: Progress | None = None,
        journal: str | Path | None = None,
    ) -> BulkResult[Record]:
        """Get or create many records: those that are there are read many at a time, the others made a few at a time.

        Args:
            rows: dicts of key field (object, id, or name) to value.
            stop_on_error: whether no further row is sent once one has failed.
            progress: called with the rows that have ended, and with all of them.
            journal: path of a file that keeps what became of each row. A load that was killed is run again with the
                same rows and the same file: rows that are done are not sent again, their outcomes have the `id` only.

        Returns:
            The outcome of each row, in order; a row that is refused does not keep the others from going in.

        Raises:
            IdentifierNotFoundError: a name is no key field; nothing was sent.
            ValueError: a dict is empty, or a value is no text; nothing was sent.
            JournalError: the journal belongs to other rows, is in use, cannot be written, or is not whole; nothing
                was sent. With an `outcome`: it failed in the middle of the load.

        API operation: `identifyRecords` for some 100 rows, `getOrCreateRecord` for each that is not there; with a
        journal also `getActiveWorkspace`.

        Example:
            >>> result = await client.records.get_or_create_records([{"Compound": f"CPD-{n}"} for n in range(3)])
            >>> print(result)
            3 rows: 3 done
        """
        given = listed("rows", rows)
        keys = await self._keys(given, range(len(given)))
        async with opened_journal(self._client, journal, "records to get or create") as opened:
            return await load_all(self._record_load(opened, stop_on_error, _counting(progress, len(keys))), keys)

    @ends_on_failure
    async def iter_get_or_create_records(
        self,
        rows: Iterable[RecordKey] | AsyncIterable[RecordKey],
        *,
        stop_on_error: bool = False,
        journal: str | Path | None = None,
        batch_size: int = constants.BULK_CHUNK,
    ) -> AsyncIterator[RowOutcome[Record]]:
        """Get or create records as they come, from any number of rows in constant memory; yield the outcome of each.

        Rows are taken a batch at a time, and the next batch when the outcomes of the last one have been taken.

        Args:
            rows: as in `get_or_create_records`; a generator may go on without end.
            stop_on_error: whether it ends with the batch in which a row has failed.
            journal: as in `get_or_create_records`.
            batch_size: rows to take, and to look names up for, at a time.

        Returns:
            An iterator of outcomes, in the order of the rows. A row that makes no sense is "failed"; the others go in.

        Raises:
            JournalError: the journal belongs to other rows, is in use, cannot be written, or is not whole.
            KalbioAPIError: names could not be looked up.

        API operation: `identifyRecords` for some 100 rows, `getOrCreateRecord` for each that is not there; with a
        journal also `getActiveWorkspace`.

        Example:
            >>> rows = ({"Compound": f"CPD-{n}"} for n in range(3))
            >>> statuses = [outcome.status async for outcome in client.records.iter_get_or_create_records(rows)]
        """

        async def prepare(first: int, chunk: Sequence[RecordKey]) -> Sequence[KeyValues]:
            return await self._keys(chunk, range(first, first + len(chunk)))

        async with opened_journal(self._client, journal, "records to get or create") as opened:
            outcomes = load_each(self._record_load(opened, stop_on_error), rows, prepare, batch_size)
            async with contextlib.aclosing(outcomes):  # sync: with contextlib.closing(outcomes):
                async for outcome in outcomes:
                    yield outcome

    def _record_load(self, journal: Any, stop_on_error: bool, progress: Callable[[], object] | None = None) -> Any:
        there: dict[frozenset[tuple[str, str]], Record] = {}

        async def look_up(rows: Sequence[KeyValues]) -> None:
            there.clear()
            if len(rows) <= self._client.max_in_flight:
                return  # sent together they take no longer than the look-up
            try:
                found = await self._identify(rows)
            except KalbioError:
                return  # each row is sent then, and says itself what is wrong
            for keys, record in zip(rows, found, strict=True):
                # Whether another key is the same one is for the server to say, when it is asked for this record.
                if record is not None and (is_named(record, keys) or own_key(record._state) == key_of(keys)):
                    there[key_of(keys)] = record

        async def write(keys: KeyValues, before: str | None) -> Record:
            found = there.get(key_of(keys))
            return await self._get_or_create(keys) if found is None else found

        return Load(
            write,
            spot_of=key_of,
            limit=self._client.max_in_flight,
            stop_on_error=stop_on_error,
            progress=progress,
            journal=journal,
            digest_of=lambda keys: digest(jsontext.encode(sorted(keys.items()))),
            look_up=look_up,
        )

    @on_failure(BulkResult)
    async def add_values(
        self,
        rows: Iterable[ValueToWrite],
        *,
        stop_on_error: bool = False,
        progress: Progress | None = None,
        verify: bool = False,
        journal: str | Path | None = None,
    ) -> BulkResult[RecordValue]:
        """Write many values, a few at a time.

        Args:
            rows: what to write, see `ValueToWrite`: `record`, `field` and `content`, and optionally `activity` and
                `record_view_id`; each named as in `Record.add_value`.
            stop_on_error: whether no further row is sent once one has failed.
            progress: called with the rows that have ended, and with all of them.
            verify: whether to look after a lost answer, see `Record.add_value`; reads a history before each row,
                but for those of a journal.
            journal: path of a file that keeps what became of each row. A load that was killed is run again with the
                same rows and the same file: rows that are done are not sent again, their outcomes have the `id` only;
                rows that were under way, or whose answer was lost, are looked for before they are sent again. With it,
                a row that may or may not be in, or did not arrive, holds back the later rows for the same place.

        Returns:
            The outcome of each row, in order; a row that is refused does not keep the others from going in. A row whose
            answer was lost is "unknown": look before you write it again, or run it again with the same journal. Rows
            for the same place are written in their order, so the last one is the current value. Record objects show
            what was written.

        Raises:
            IdentifierNotFoundError: a row names something that is not there; nothing was sent.
            ValueError: a row is incomplete, or has an unknown member; nothing was sent.
            JournalError: the journal belongs to other rows, is in use, cannot be written, or is not whole; nothing
                was sent. With an `outcome`: it failed in the middle of the load.

        API operation: `addRecordValue` for each row; with `verify` also `listRecordValues`; with a journal also
        `getActiveWorkspace`, `listRecords` for some 200 rows, and `listRecordValues` where a value is looked for.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> result = await client.records.add_values(
            ...     [{"record": record, "field": "Purity (%)", "content": 99.1}]
            ... )
            >>> result.ok
            True
        """
        given = listed("rows", rows)
        writes = await self._writes(0, given)
        async with opened_journal(self._client, journal, "values to add") as opened:
            load = self._value_load(opened, verify, stop_on_error, _counting(progress, len(writes)))
            return await load_all(
                load, writes, lambda outcome: _show(given[outcome.index], writes[outcome.index], outcome)
            )

    @ends_on_failure
    async def iter_add_values(
        self,
        rows: Iterable[ValueToWrite] | AsyncIterable[ValueToWrite],
        *,
        stop_on_error: bool = False,
        verify: bool = False,
        journal: str | Path | None = None,
        batch_size: int = constants.BULK_CHUNK,
    ) -> AsyncIterator[RowOutcome[RecordValue]]:
        """Write values as they come, from any number of rows in constant memory; yield the outcome of each.

        Rows are taken a batch at a time, and the next batch when the outcomes of the last one have been taken.

        Args:
            rows: as in `add_values`; a generator may go on without end.
            stop_on_error: whether it ends with the batch in which a row has failed.
            verify: whether to look after a lost answer, as in `add_values`.
            journal: as in `add_values`.
            batch_size: rows to take, and to look names up for, at a time.

        Returns:
            An iterator of outcomes, in the order of the rows. A row that makes no sense is "failed"; the others go in.

        Raises:
            JournalError: the journal belongs to other rows, is in use, cannot be written, or is not whole.
            KalbioAPIError: names could not be looked up.

        API operation: as `add_values`.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> rows = ({"record": record, "field": "Purity (%)", "content": 90 + n} for n in range(3))
            >>> statuses = [outcome.status async for outcome in client.records.iter_add_values(rows)]
        """
        async with opened_journal(self._client, journal, "values to add") as opened:
            load = self._value_load(opened, verify, stop_on_error)
            outcomes = load_each(load, rows, self._writes, batch_size, _show)
            async with contextlib.aclosing(outcomes):  # sync: with contextlib.closing(outcomes):
                async for outcome in outcomes:
                    yield outcome

    async def _writes(self, first: int, rows: Sequence[Any]) -> list[Write]:
        """Resolve what rows name, or raise before anything is sent."""
        given = [check_value_row(first + index, row) for index, row in enumerate(rows)]
        numbers = range(first, first + len(given))
        ids = await self._resolve_many([row["record"] for row in given], numbers) if given else []
        writes: list[Write] = []
        for index, (record_id, row) in enumerate(zip(ids, given, strict=True), first):
            # What cannot be sent is said before anything is.
            jsontext.encode(row["content"], f"rows[{index}]['content']")
            with in_row(index):
                scope = await _scope(self._client, row["field"], row.get("activity"), row.get("record_view_id"))
            writes.append((record_id, scope, row["content"]))
        return writes

    def _value_load(
        self, journal: Any, verify: bool, stop_on_error: bool, progress: Callable[[], object] | None = None
    ) -> Any:
        async def write(row: Write, before: str | None) -> RecordValue | None:
            record_id, scope, content = row
            # An object of its own: many rows may write to one record at a time.
            record = Record({"id": record_id}, self._client)
            return await record._write(scope, content, verify=verify, before=before)

        return Load(
            write,
            # Not the table: older servers do not tell one from another.
            spot_of=lambda row: (row[0], row[1][:2]),
            limit=self._client.max_in_flight,
            stop_on_error=stop_on_error,
            progress=progress,
            journal=journal,
            digest_of=lambda row: digest(jsontext.encode(row)),
            traces=None if journal is None else ValueTraces(self._client, journal),
        )

    @deprecated(**OLDER_CONDITIONS)
    @on_failure(list)
    async def search_records(self, **params: Unpack[SearchRecordsQuery]) -> list[str]:
        """Return the ids of the records that fulfil all conditions, in the server's order.

        Args:
            **params: the conditions of `SearchRecordsQuery`, all optional; None means not given.
                `entity_slice_id`, `operation_id`, `program_id`: objects, ids, or names. `record_set_ids`: ids.
                `entity_field_filters`, `entity_field_sorts`: by field; `field_id` takes a field object, id, or name.
                `view_field_filters`, `view_field_sorts`: by column of a record view.
                `identifier_ids`: ids of key values. `search_text`: free text. `limit`: most ids to return.

        Raises:
            TypeError: there is no such condition.
            IdentifierNotFoundError: a condition names something that is not there; the search was not sent.
            ValueError: a filter has an unknown rule, or a condition makes no sense.
            KalbioAPIError: the server refused.

        API operation: `searchRecords`.

        Example:
            >>> ids = await client.records.search_records(
            ...     entity_field_filters=[{"field_id": "Potency (nM)", "filter_type": "is_less_than", "filter_prop": 5}]
            ... )
        """
        return await self._search("search_records", params)

    @deprecated(**OLDER_CONDITIONS)
    @ends_on_failure
    async def iter_search(
        self, *, batch_size: int = 100, **params: Unpack[SearchRecordsQuery]
    ) -> AsyncIterator[Record]:
        """Yield the records that fulfil all conditions, in the server's order, while further ones are on their way.

        Takes as little memory for a million records as for a thousand: only a few batches are held, and the records
        are not cached. The first record comes before the second batch is asked for.

        Args:
            batch_size: most records to ask for at once; batches are cut by the length of the URL as well.
            **params: the conditions, as in `search_records`.

        Returns:
            An iterator of records; those that have gone since the search are left out.

        Raises:
            TypeError: there is no such condition.
            IdentifierNotFoundError: a condition names something that is not there; the search was not sent.
            ValueError: a filter has an unknown rule, or a condition makes no sense.
            KalbioAPIError: the server refused.

        API operation: `searchRecords`, `listRecords` for each batch.

        Example:
            >>> names = [record.record_identifier async for record in client.records.iter_search(search_text="CPD")]
        """
        whole("batch_size", batch_size, 1)
        ids = await self._search("iter_search", params)
        overhead = self._client._target_length(list_records.build_request(record_ids=""))

        async def ask(batch: Sequence[str]) -> tuple[Sequence[str], Any]:
            return batch, await self._client.call(list_records.build_request(record_ids=",".join(batch)))

        def read(batch: Sequence[str], response: Any) -> list[Record]:
            # Here and not where it was asked for: small pieces from many threads would leave holes in the memory.
            found = {record.id: record for record in read_undecoded(response, lambda item: Record(item, self._client))}
            return [found[record_id] for record_id in batch if record_id in found]

        first = ids[: min(batch_size, constants.FIRST_BATCH)]
        for record in read(*await ask(first)) if first else ():
            yield record
        rest = ids[len(first) :]
        parts = cut(rest, overhead=overhead, separator=",", max_count=batch_size)
        limit = self._client.max_in_flight
        answers = stream(ask, (rest[part] for part in parts), limit, ahead=limit)
        # Closed with this iterator: what is under way must not wait for the garbage collector.
        async with contextlib.aclosing(answers):  # sync: with contextlib.closing(answers):
            async for answer in answers:
                for record in read(*answer):
                    yield record

    async def _search(self, name: str, params: Mapping[str, Any]) -> list[str]:
        query = conditions(name, params, SearchRecordsQuery.__annotations__)
        if "record_set_id" in query:
            older, newer = query.pop("record_set_id"), query.get("record_set_ids")
            query["record_set_ids"] = renamed("record_set_id", older, "record_set_ids", newer)
        if "limit" in query:
            whole("limit", query["limit"], 1)
        if isinstance(query.get("identifier_ids"), str):
            prepared("identifier_ids", query["identifier_ids"])
        elif "identifier_ids" in query:
            query["identifier_ids"] = query_text(plain_ids(query["identifier_ids"], "key value", RecordValue))
        build: Any = search_records.build_request
        response = await self._client._call_or_none(build(**await self._query(query)))
        return [] if response is None else read_ids(as_list(response))

    async def _query(self, conditions: Mapping[str, Any]) -> dict[str, Any]:
        """Return the conditions of a search or an export as they stand in the request; None is left out."""
        query = {name: value for name, value in conditions.items() if value is not None}
        client = self._client
        if "search_text" in query:
            unicode_text("search_text", query["search_text"])
        if "entity_slice_id" in query:
            query["entity_slice_id"] = await client.entity_types._types.require_id(query["entity_slice_id"])
        if "program_id" in query:
            query["program_id"] = await client.programs._programs.require_id(query["program_id"])
        if "operation_id" in query:
            query["operation_id"] = await client.activities._resolve(query["operation_id"])
        for name in ("entity_field_filters", "entity_field_sorts"):
            if name in query:
                query[name] = await self._conditions_text(name, query[name])
        for name in ("view_field_filters", "view_field_sorts"):
            if name in query:
                query[name] = view_conditions_text(name, query[name])
        if "record_set_filters" in query:
            given = query["record_set_filters"]
            if isinstance(given, str):
                given = prepared("record_set_filters", given)
            query["record_set_filters"] = query_text(
                given if isinstance(given, str) else texts_of("record_set_filters", given)
            )
        if "record_set_ids" in query:
            query["record_set_ids"] = joined_ids(query["record_set_ids"], "record set")
        return query

    async def _conditions_text(self, name: str, given: str | Sequence[Mapping[str, Any]]) -> str:
        """Return filters or sorts by field as they stand in a query; text is taken to be prepared already."""
        if isinstance(given, str):
            return prepared(name, given)
        resolved = []
        for condition in conditions_of(name, given):
            if condition.get("field_id") is None:
                raise IdentifierError("field", None, f"A search filter or sort needs a field_id: {shown(condition)}")
            field = await self._client.entity_fields._resolve(condition["field_id"])
            resolved.append({**condition, "field_id": field})
        return jsontext.encode_text(resolved, name)

    @on_failure(nothing)
    async def create_record_value_file(
        self,
        record_id: RecordIdentifier,
        field_id: EntityFieldIdentifier,
        file_name: str | os.PathLike[str],
        file_data: FileData | None = None,
        file_type: str | None = None,
        activity_id: ActivityIdentifier | None = None,
    ) -> RecordValue | None:
        """Upload a file as a value of a record.

        Args:
            record_id: the record: object, id, or key-field dict.
            field_id: the data field, of type file: object, id, or name.
            file_name: the name to keep it under; without `file_data`, the path of the file.
            file_data: bytes, a file opened for reading bytes (sent from where it stands), or a path.
            file_type: its content type, e.g. "text/csv"; by default it follows from the name.
            activity_id: the activity: object, id, or title. None writes it on the record itself.

        Returns:
            The written value, None when a key-field dict names no record.

        Raises:
            IdentifierNotFoundError: no such field or activity; nothing was sent.
            UnknownFateError: the answer was lost; look before you upload again.
            KalbioAPIError: the server refused.

        API operation: `uploadRecordValueFile`.

        Example:
            >>> value = await client.records.create_record_value_file(
            ...     {"Compound": "CPD-1"}, "Spectrum", "nmr.txt", b"1 2 3", "text/plain"
            ... )
        """
        with opened(file_name, file_data, file_type) as file:
            scope = await _scope(self._client, field_id, activity_id, None)
            record: Record | None
            if isinstance(record_id, Record):
                record = record_id
            elif isinstance(record_id, Mapping):
                record = await self.get_record_by_id(record_id)
            else:
                wanted = _uuid(record_id)
                # Nothing of a record that is not at hand is needed to write to it.
                record = self._cache.by_id(wanted) or Record({"id": wanted}, self._client)
            return None if record is None else await _upload(self._client, record, file, scope)

    async def _resolve(self, identifier: RecordIdentifier) -> str:
        """Return the id of a record. Ids and objects cost no request; a dict without a record raises."""
        return (await self._resolve_many([identifier]))[0]

    async def _resolve_many(
        self, identifiers: Iterable[RecordIdentifier], numbers: Sequence[int] | None = None
    ) -> list[str]:
        """Return the ids of records, in order; all dicts are looked up together. Errors name rows of these numbers."""
        given = several(identifiers, "record")
        rows: Sequence[int | None] = [None] * len(given) if numbers is None else numbers
        places = await self._places(given, rows)
        identified = iter(await self._identify([place for place in places if isinstance(place, Mapping)]))
        ids: list[str] = []
        for identifier, place, row in zip(given, places, rows, strict=True):
            record = next(identified) if isinstance(place, Mapping) else place
            if record is None:
                with in_row(row):
                    raise IdentifierNotFoundError("record", identifier)
            ids.append(record.id if isinstance(record, Record) else record)
        return ids

    async def _keys(
        self, dicts: Sequence[Mapping[Any, Any]], numbers: Sequence[int | None] | None = None
    ) -> list[KeyValues]:
        """Return each dict as key field id to text. Names cost a request when the key fields are not cached.

        Errors name the rows of these numbers.
        """
        rows: Sequence[int | None] = [None] * len(dicts) if numbers is None else numbers
        first: dict[Any, int | None] = {}
        for given, row in zip(dicts, rows, strict=True):
            with in_row(row):
                if not isinstance(given, Mapping) or not given:
                    raise IdentifierError(
                        "record", given, f"{shown(given)} names no record; give a dict of key field: value."
                    )
            for field in given:
                first.setdefault(field, row)
        fields = self._client.entity_fields._key_fields
        try:
            ids = dict(zip(first, await fields.require_ids(list(first)), strict=True))
        except IdentifierError as error:
            with in_row(first.get(error.identifier)):
                raise
        keys: list[KeyValues] = []
        wrong: list[tuple[int, Any, Any]] = []
        for given, row in zip(dicts, rows, strict=True):
            if row is not None:
                wrong += [(row, field, value) for field, value in given.items() if not is_key(value)]
                if wrong:
                    continue
            with in_row(row):
                resolved = {ids[field]: key_text(value, field) for field, value in given.items()}
                if len(resolved) < len(given):
                    raise IdentifierError("record", given, f"A key field is given twice: {shown(given)}")
            keys.append(resolved)
        if wrong:
            raise refusal("rows", wrong)
        return keys


def _counting(progress: Progress | None, total: int) -> Callable[[], object] | None:
    """Return what is to be called when a row has ended, one at a time."""
    if progress is None:
        return None
    count = itertools.count(1)
    return lambda: progress(next(count), total)


def _show(row: Any, write: Write, outcome: RowOutcome[RecordValue]) -> None:
    """Let a record object that was given show what was written."""
    if outcome.value is not None and isinstance(row["record"], Record):
        record, value = row["record"], outcome.value
        record._become(with_value(record._raw, write[1][0], value._raw))


def _uuid(identifier: Any) -> str:
    found = as_id(identifier, "record", RecordData)
    if found is None:
        raise IdentifierNotFoundError(
            "record", identifier, hint='A record is named by its id (a uuid) or by key values: {"key field": "value"}.'
        )
    return found


def _view(identifier: Any) -> str | None:
    return None if identifier is None else plain_id(identifier, "record view", RecordViewData)


async def _data_field(client: Any, identifier: Any) -> str:
    """Return the id of the data field to write to. A key field is refused, saying how key values are given."""
    hint = "It is a key field: key values are given when the record is made, with get_or_create_record."
    if isinstance(identifier, KeyField):
        raise IdentifierNotFoundError("data field", identifier, hint=hint)
    try:
        found: str = await client.entity_fields._data_fields.require_id(identifier)
    except IdentifierNotFoundError as error:
        keys = await client.entity_fields._key_fields.catalog()
        if any(key.field_name == identifier for key in keys.items):
            raise IdentifierNotFoundError("data field", identifier, hint=hint) from error
        raise
    return found


async def _scope(client: Any, field_id: Any, activity_id: Any, record_view_id: Any) -> Scope:
    """Return the ids of the field, the activity and the table that a write is aimed at, or raise before it is sent."""
    if record_view_id is not None and activity_id is None:
        raise ValueError("record_view_id needs an activity_id: a table belongs to an activity")
    view = _view(record_view_id)
    field = await _data_field(client, field_id)
    operation: str | None = None if activity_id is None else await client.activities._resolve(activity_id)
    return field, operation, view


def _wait_to_repeat(client: Any, error: UnknownFateError, attempt: int, elapsed: float) -> float | None:
    """Return how long to wait before a write whose answer was lost is repeated, None when that is enough."""
    import random

    return decide(
        client._settings.retry,
        Happened.LOST,
        idempotent=True,  # it is repeated only when it was looked for
        replayable=True,
        attempt=attempt,
        elapsed=elapsed,
        retry_after=None if error.answer is None else error.answer.retry_after,
        random=random.random,
    ).wait


async def _upload(client: Any, record: Record, file: File, scope: Scope) -> RecordValue | None:
    from kaleidoscope_api.models import RecordValueFileTarget, UploadRecordValueFileBody
    from kaleidoscope_api.types import UNSET

    field, operation, view = scope
    where = RecordValueFileTarget(
        field_id=field,
        operation_id=UNSET if operation is None else operation,
        record_view_id=UNSET if view is None else view,
    )
    body = UploadRecordValueFileBody(body=where, file=file)
    response = await client.call(upload_record_value_file.build_request(record.id, body=body))
    return await record._written(field, response)


# At the end, because these modules need this one: whoever resolves the annotations above finds their names.
from kalbio.aio.activities import Activity, ActivityIdentifier  # noqa: E402
