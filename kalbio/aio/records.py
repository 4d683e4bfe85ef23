"""Records: rows of entities such as compounds and samples, and the values written on them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Unpack

from kaleidoscope_api.api.records import (
    list_records,
    search_records,
)

from kalbio._core.aio.concurrency import map_bounded, map_ordered
from kalbio._core.files.uploads import FileData, UploadProgress, open_upload
from kalbio._core.http.url_chunks import chunk_for_url
from kalbio._core.objects.checks import conditions, renamed, require_whole_number
from kalbio._core.objects.identifiers import Many, plain_ids
from kalbio._core.objects.listing import (
    read_ids,
    read_undecoded,
)
from kalbio._core.text.progress import BYTES, as_function
from kalbio._model import constants, staleness
from kalbio._model.activities import ActivityIdentifier
from kalbio._model.arguments import SYNONYMS
from kalbio._model.bulk import BulkResult, RowOutcome
from kalbio._model.enums import FilterRuleTypeEnum
from kalbio._model.field_types import ContentTypeWarning
from kalbio._model.filters import FieldFilter, FieldSort, Filters, Sorts, Where
from kalbio._model.long_searches import in_parts
from kalbio._model.records import RecordValue, ValueToWrite
from kalbio._model.search import (
    OLDER_CONDITIONS,
    SearchRecordsQuery,
    ViewFieldFilter,
    ViewFieldSort,
    query_text,
    require_json_list,
)
from kalbio.aio._activity import Record
from kalbio.aio._policy import default_on_error, deprecated, end_on_error, none
from kalbio.aio._progress import with_progress
from kalbio.aio._record import RecordIdentifier, RecordKey, scope_of, upload
from kalbio.aio._record_search import search_query
from kalbio.aio._record_store import record_id_of
from kalbio.aio._tables import TableReads
from kalbio.aio._typed_values import FieldValue, FileValue, RecordLink
from kalbio.aio._upserts import UpsertPlan, Upserts
from kalbio.aio.entity_fields import EntityFieldIdentifier

__all__ = [
    "BulkResult",
    "ContentTypeWarning",
    "FieldFilter",
    "FieldSort",
    "FieldValue",
    "FileValue",
    "FilterRuleTypeEnum",
    "Filters",
    "Record",
    "RecordIdentifier",
    "RecordKey",
    "RecordLink",
    "RecordValue",
    "RecordsService",
    "RowOutcome",
    "SearchRecordsQuery",
    "Sorts",
    "UpsertPlan",
    "ValueToWrite",
    "ViewFieldFilter",
    "ViewFieldSort",
    "Where",
]


class RecordsService(TableReads, Upserts):
    """Records of the workspace (`client.records`)."""

    _remembers = (staleness.RECORD,)

    async def clear_record_caches(self) -> None:
        """Forget the cached records, and which activities contain them.

        Example:
            >>> await client.records.clear_record_caches()
        """
        self._session.forget(staleness.RECORD, staleness.OF_RECORD)

    @default_on_error(none, skip_when_none="record_id")
    async def get_record_by_id(self, record_id: RecordIdentifier, use_cache: bool = True) -> Record | None:
        """Return a record.

        Args:
            record_id: its id, a dict of key field (object, id, or name) to value, or the record itself, which is
                returned as it is.
            use_cache: False asks the server even when the record is cached.

        Returns:
            The record, None when there is none.

        Raises:
            IdentifierNotFoundError: a name in the dict is not a key field.
            ValueError: the dict is empty, or a value is neither text nor a whole number.
            KalbioAPIError: the server refused.

        API operation: `getRecord`; `identifyRecords` for a dict.

        Example:
            >>> record = await client.records.get_record_by_id({"Compound": "CPD-1"})
        """
        if isinstance(record_id, Record):
            return record_id
        return await self._records.find(record_id, use_cache=use_cache)

    @default_on_error(list, skip_when_none="record_ids")
    async def get_records_by_ids(
        self, record_ids: Many[RecordIdentifier], batch_size: int = 250, use_cache: bool = True
    ) -> list[Record]:
        """Return many records with few requests, in the order asked for; those that are not there are left out.

        Args:
            record_ids: ids, dicts of key field to value, and records, in any combination.
            batch_size: most records to ask for at once; the length of the URL limits a batch, too.
            use_cache: False asks the server even for cached records.

        Raises:
            IdentifierNotFoundError: a name in a dict is not a key field.
            ValueError: something in the list names no record.
            KalbioAPIError: the server refused.

        API operation: `listRecords`; `identifyRecords` for dicts.

        Example:
            >>> records = await client.records.get_records_by_ids([{"Compound": "CPD-1"}, {"Compound": "CPD-2"}])
        """
        require_whole_number("batch_size", batch_size, 1)
        return await self._records.find_many(record_ids, batch_size=batch_size, use_cache=use_cache)

    @default_on_error(none)
    async def get_or_create_record(self, key_values: RecordKey) -> Record:
        """Return the record with these key values, creating it, and its entity type, when there is none.

        Args:
            key_values: key field (object, id, or name) to value.

        Raises:
            IdentifierNotFoundError: a name is not a key field; nothing was sent.
            ValueError: the dict is empty, or a value is neither text nor a whole number.
            KalbioAPIError: the server refused.

        API operation: `getOrCreateRecord`.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
        """
        return await self._records.get_or_create((await self._records.keys_of([key_values]))[0])

    @deprecated(**OLDER_CONDITIONS)
    @default_on_error(list)
    async def search_records(self, **params: Unpack[SearchRecordsQuery]) -> list[str]:
        """Return the ids of the records that meet all conditions, in the server's order.

        Args:
            **params: the conditions of `SearchRecordsQuery`, all optional; None means not given.
                `where`: conditions on fields, made with `F`. `sorts`: names of fields, "-" before one for descending.
                `entity_slice_id`, `operation_id`, `program_id`: objects, ids, or names. `record_set_ids`: ids.
                `entity_field_filters`, `entity_field_sorts`: the same as `where` and `sorts`, as a rule as dicts;
                `field_id` takes a field object, id, or name.
                `view_field_filters`, `view_field_sorts`: by column of a record view.
                `identifier_ids`: ids of key values. `search_text`: free text. `limit`: most ids to return.

        Raises:
            TypeError: there is no such condition.
            IdentifierNotFoundError: a name in a condition does not exist; the search was not sent.
            ValueError: a filter has an unknown rule, a condition is invalid, or the conditions are too long for a URL
                and cannot be sent in parts.
            KalbioAPIError: the server refused.

        API operation: `searchRecords`; several times where a list of values is too long for a URL.

        Example:
            >>> ids = await client.records.search_records(
            ...     where=(F("Potency (nM)") < 5) & F("Soluble").is_set(), sorts=["-Potency (nM)"]
            ... )
        """
        return await self._search("search_records", params)

    @deprecated(**OLDER_CONDITIONS)
    @end_on_error
    async def iter_search(
        self, *, batch_size: int = 100, **params: Unpack[SearchRecordsQuery]
    ) -> AsyncIterator[Record]:
        """Yield the records that meet all conditions, in the server's order, while it fetches the next ones.

        Takes as little memory for a million records as for a thousand: only a few batches are held, and the records
        are not cached. The first record comes before the second batch is asked for.

        Args:
            batch_size: most records to ask for at once; the length of the URL limits a batch, too.
            **params: the conditions, as in `search_records`.

        Returns:
            An iterator of records; records deleted since the search are left out.

        Raises:
            TypeError: there is no such condition.
            IdentifierNotFoundError: a name in a condition does not exist; the search was not sent.
            ValueError: a filter has an unknown rule, or a condition is invalid.
            KalbioAPIError: the server refused.

        API operation: `searchRecords`, `listRecords` for each batch.

        Example:
            >>> names = [record.record_identifier async for record in client.records.iter_search(search_text="CPD")]
        """
        require_whole_number("batch_size", batch_size, 1)
        ids = await self._search("iter_search", params)
        overhead = self._session.target_length(list_records.build_request(record_ids=""))

        async def ask(batch: Sequence[str]) -> tuple[Sequence[str], Any]:
            return batch, await self._session.call(list_records.build_request(record_ids=",".join(batch)))

        def read(batch: Sequence[str], response: Any) -> list[Record]:
            # Here and not where it was asked for: small pieces from many threads would leave holes in the memory.
            found = {record.id: record for record in read_undecoded(response, lambda item: Record(item, self._client))}
            return [found[record_id] for record_id in batch if record_id in found]

        first = ids[: min(batch_size, constants.FIRST_BATCH)]
        for record in read(*await ask(first)) if first else ():
            yield record
        rest = ids[len(first) :]
        parts = chunk_for_url(rest, overhead=overhead, separator=",", max_count=batch_size)
        limit = self._session.max_in_flight
        answers = map_ordered(ask, (rest[part] for part in parts), limit, ahead=limit)
        # Closed with this iterator: what is under way must not wait for the garbage collector.
        async with contextlib.aclosing(answers):  # sync: with contextlib.closing(answers):
            async for answer in answers:
                for record in read(*answer):
                    yield record

    async def _search(self, name: str, params: Mapping[str, Any]) -> list[str]:
        query = conditions(name, params, SearchRecordsQuery.__annotations__, SYNONYMS)
        if "record_set_id" in query:
            older, newer = query.pop("record_set_id"), query.get("record_set_ids")
            query["record_set_ids"] = renamed("record_set_id", older, "record_set_ids", newer)
        if "limit" in query:
            require_whole_number("limit", query["limit"], 1)
        if isinstance(query.get("identifier_ids"), str):
            require_json_list("identifier_ids", query["identifier_ids"])
        elif "identifier_ids" in query:
            query["identifier_ids"] = query_text(plain_ids(query["identifier_ids"], "key value", RecordValue))
        build: Any = search_records.build_request
        asked = await search_query(self._directory, query)

        async def ask(conditions: Mapping[str, Any]) -> list[str]:
            response = await self._session.call_or_none(build(**conditions))
            return [] if response is None else read_ids(response)

        parts = in_parts(asked, lambda conditions: self._session.target_length(build(**conditions)))
        if parts is None:
            return await ask(asked)
        return parts.together(await map_bounded(ask, parts.queries, self._session.max_in_flight))

    @default_on_error(none)
    @with_progress(BYTES)
    async def create_record_value_file(
        self,
        record_id: RecordIdentifier,
        field_id: EntityFieldIdentifier,
        file_name: str | os.PathLike[str],
        file_data: FileData | None = None,
        file_type: str | None = None,
        activity_id: ActivityIdentifier | None = None,
        *,
        progress: UploadProgress | bool | None = None,
    ) -> RecordValue | None:
        """Upload a file as a value of a record.

        Args:
            record_id: the record: object, id, or key-field dict.
            field_id: the data field, of type file: object, id, or name.
            file_name: the name to keep it under; without `file_data`, the path of the file.
            file_data: bytes, a file opened for reading bytes (sent from its current position), or a path.
            file_type: its content type, e.g. "text/csv"; by default it is chosen by the ending of the name.
            activity_id: the activity: object, id, or title. None writes it on the record itself.
            progress: True shows a bar; a function is called with the bytes sent so far, and those in all (or None).

        Returns:
            The written value, None when no record has the keys in one of the dicts.

        Raises:
            IdentifierNotFoundError: no such field or activity; nothing was sent.
            OutcomeUnknownError: the answer was lost; check before you upload again.
            KalbioAPIError: the server refused.

        API operation: `uploadRecordValueFile`.

        Example:
            >>> value = await client.records.create_record_value_file(
            ...     {"Compound": "CPD-1"}, "Spectrum", "nmr.txt", b"1 2 3", "text/plain"
            ... )
        """
        field = getattr(field_id, "field_name", field_id)
        with open_upload(file_name, file_data, file_type, as_function(progress), field=field) as file:
            scope = await scope_of(self._client, field_id, activity_id, None)
            record: Record | None
            if isinstance(record_id, Record):
                record = record_id
            elif isinstance(record_id, Mapping):
                record = await self._records.find(record_id)
            else:
                wanted = record_id_of(record_id)
                # Nothing of a record that is not at hand is needed to write to it.
                record = self._records.cached(wanted) or Record({"id": wanted}, self._client)
            return None if record is None else await upload(self._client, record, file, scope)
