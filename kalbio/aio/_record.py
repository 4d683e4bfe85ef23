"""Records as objects: their values are read here and written."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from kaleidoscope_api.api.records import (
    add_record_value,
    get_record,
    list_record_values,
    upload_record_value_file,
)

from kalbio._core.aio.concurrency import sleep
from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import IdentifierNotFoundError, NotFoundError, OutcomeUnknownError, PermissionDeniedError
from kalbio._core.files.uploads import FileData, UploadProgress, open_upload
from kalbio._core.http.responses import as_object
from kalbio._core.json import strict_json
from kalbio._core.objects.fixed import copied
from kalbio._core.objects.identifiers import DictLike, as_content, as_id, plain_id
from kalbio._core.objects.listing import (
    read_items,
    read_object,
)
from kalbio._core.retry import AttemptResult, decide
from kalbio._core.text.progress import BYTES, as_function
from kalbio._model import staleness
from kalbio._model.activities import ActivityData, ActivityIdentifier
from kalbio._model.errors import KalbioError
from kalbio._model.field_contents import listed_content, may_be_listed
from kalbio._model.fields import EntityFieldData
from kalbio._model.record_json import entries_of
from kalbio._model.record_values import UNDECIDED, contents, current_entry, with_value
from kalbio._model.records import RecordData, RecordValue, content_by_ids
from kalbio._model.value_history import has_content, new_values
from kalbio._model.views import RecordViewData, RecordViewIdentifier
from kalbio.aio._directory import Client
from kalbio.aio._histories import Scope, known_before, read_history
from kalbio.aio._listing import Kind
from kalbio.aio._policy import default_on_error, none
from kalbio.aio._progress import with_progress
from kalbio.aio._record_store import record_id_of
from kalbio.aio.entity_fields import (
    DATA_FIELDS,
    KEY_FIELDS,
    EntityField,
    EntityFieldIdentifier,
    KeyField,
    require_field_id,
)

if TYPE_CHECKING:
    from kaleidoscope_api.types import File

_ACTIVITIES: Kind[ActivityData] = Kind(staleness.ACTIVITY)

RecordKey: TypeAlias = DictLike[EntityFieldIdentifier, str | int]
"""A dict of key field (object, id, or name) to value."""

RecordIdentifier: TypeAlias = RecordData | str | RecordKey
"""A record, its id, or a dict of key field (object, id, or name) to value."""


class WritableRecord(RecordData):
    """What a record does but for leading to its activities."""

    __slots__ = ()
    _client: Client | None

    @default_on_error(none)
    async def add_value(
        self,
        field_id: EntityFieldIdentifier,
        content: Any,
        activity_id: ActivityIdentifier | None = None,
        record_view_id: RecordViewIdentifier | None = None,
        *,
        verify: bool = False,
    ) -> RecordValue | None:
        """Write a value. Values are append-only: this one becomes the current one, the older ones stay in the history.

        Args:
            field_id: the data field: object, id, or name.
            content: the value. Numbers may be numbers or text, dates `date` or `datetime`; NaN is refused. For records
                and people give the objects or their ids; a value that was read, such as a file, is taken, too. For a
                field of several choices give a list; text is split at semicolons, as in a load.
            activity_id: the activity to write it in: object, id, or title. None writes it on the record itself.
            record_view_id: id of the table of the activity to write it in; needs an activity.
            verify: whether to check the history when the answer is lost, and to write the value again only if it is not
                there. Reads the history once before writing.

        Returns:
            The written value. The record holds it at once, without being read again.

        Raises:
            IdentifierNotFoundError: no such field or activity; nothing was sent.
            ValueError: the content cannot be sent.
            OutcomeUnknownError: the answer was lost, and `verify`, if given, could not tell; check before you write
                again.
            KalbioAPIError: the server refused.

        API operation: `addRecordValue`; with `verify` also `listRecordValues`.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> await record.add_value("Potency (nM)", 2.5)
            <RecordValue '2.5' ...>
        """
        client = self._require_client()
        scope = await scope_of(client, field_id, activity_id, record_view_id)
        content = await content_in(client, scope[0], as_content(content))
        return await self._write(client, scope, content, verify=verify)

    async def _write(
        self, client: Client, scope: Scope, content: Any, *, verify: bool = False, before: str | None = None
    ) -> RecordValue | None:
        """Write a value, given the ids of its scope. `before` is the current value there, where it is known."""
        from kaleidoscope_api.models import AddRecordValueBody

        field, operation, view = scope
        body = AddRecordValueBody(field_id=field, content=content, operation_id=operation, record_view_id=view)
        request = add_record_value.build_request(self.id, body=body)
        if verify:
            strict_json.encode(content)  # what cannot be sent is said before anything is
            return await self._write_and_look(client, request, scope, content, before)
        return self._written(client, field, await client.session.call(request))

    async def _write_and_look(
        self, client: Client, request: Mapping[str, Any], scope: Scope, content: Any, before: str | None
    ) -> RecordValue | None:
        """Write a value; after a lost answer look for it in the history, and repeat the write when it is not there."""
        known: set[str] | None = None
        try:
            if before is None:
                known = {str(value["id"]) for value in await read_history(client, self.id)}
        except NotFoundError:
            # The write itself tells best that there is no such record. Should it not, there is nothing to compare with.
            return self._written(client, scope[0], await client.session.call(request))
        lost: OutcomeUnknownError | None = None
        started, attempt = time.monotonic(), 0
        while True:
            attempt += 1
            try:
                response = await client.session.call(request)
            except OutcomeUnknownError as error:
                lost = lost or error
                wait = _wait_to_repeat(client, error, attempt, time.monotonic() - started)
            except KalbioError as error:
                if lost is None:
                    raise
                lost.add_note(f"It was not in the history; writing it again failed: {error}")
                raise lost from lost.__cause__
            else:
                return self._written(client, scope[0], response)
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
            own = next((value for value in new if has_content(value, content)), None)
            if own is not None:
                client.directory.records.touch(self.id)
                self._replace_json(with_value(self._raw, scope[0], own))
                return RecordValue(dict(own), client)
            if new:
                # Written by somebody else, or ours in an unknown form: writing it again might double it.
                lost.add_note("The history has a new value in the same cell, with other content.")
            if new or wait is None:
                raise lost

    @default_on_error(none)
    async def update_field(
        self,
        field_id: EntityFieldIdentifier,
        value: Any,
        activity_id: ActivityIdentifier | None,
        record_view_id: RecordViewIdentifier | None = None,
        *,
        verify: bool = False,
    ) -> RecordValue | None:
        """Write a value, like `add_value`, but with an activity that you must give.

        Args:
            field_id: the data field: object, id, or name.
            value: the value, see `add_value`.
            activity_id: the activity: object, id, or title. None writes it on the record itself.
            record_view_id: id of the table of the activity to write it in; needs an activity.
            verify: whether to check the history after a lost answer, see `add_value`.

        Returns:
            The written value.

        Raises:
            IdentifierNotFoundError: no such field or activity; nothing was sent.
            OutcomeUnknownError: the answer was lost; check before you write again.
            KalbioAPIError: the server refused.

        API operation: `addRecordValue`; with `verify` also `listRecordValues`.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> value = await record.update_field("Potency (nM)", "2.6", None)
        """
        return await self.add_value(field_id, value, activity_id, record_view_id, verify=verify)

    @default_on_error(none)
    @with_progress(BYTES)
    async def update_field_file(
        self,
        field_id: EntityFieldIdentifier,
        file_name: str | os.PathLike[str],
        file_data: FileData | None = None,
        file_type: str | None = None,
        activity_id: ActivityIdentifier | None = None,
        record_view_id: RecordViewIdentifier | None = None,
        *,
        progress: UploadProgress | bool | None = None,
    ) -> RecordValue | None:
        """Upload a file as a value.

        Args:
            field_id: the data field, of type file: object, id, or name.
            file_name: the name to keep it under; without `file_data`, the path of the file.
            file_data: bytes, a file opened for reading bytes (sent from its current position), or a path.
            file_type: its content type, e.g. "text/csv"; by default it is chosen by the ending of the name.
            activity_id: the activity: object, id, or title. None writes it on the record itself.
            record_view_id: id of the table of the activity to write it in; needs an activity.
            progress: True shows a bar; a function is called with the bytes sent so far, and those in all (or None).

        Returns:
            The written value.

        Raises:
            IdentifierNotFoundError: no such field or activity; nothing was sent.
            OutcomeUnknownError: the answer was lost; check before you upload again.
            KalbioAPIError: the server refused.

        API operation: `uploadRecordValueFile`.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> value = await record.update_field_file("Spectrum", "nmr.txt", b"1 2 3", "text/plain")
        """
        client = self._require_client()
        field = getattr(field_id, "field_name", field_id)
        with open_upload(file_name, file_data, file_type, as_function(progress), field=field) as file:
            scope = await scope_of(client, field_id, activity_id, record_view_id)
            return await upload(client, self, file, scope)

    async def get_value_content(
        self,
        field_id: EntityFieldIdentifier,
        activity_id: ActivityIdentifier | None = None,
        include_sub_record_values: bool | None = False,
        sub_record_id: RecordIdentifier | None = None,
        record_view_id: RecordViewIdentifier | None = None,
    ) -> Any | None:
        """Return the current content of a field: the newest value that meets the conditions.

        Args:
            field_id: the field, key fields included: object, id, or name.
            activity_id: only values written in this activity: object, id, or title. Key values always count.
            include_sub_record_values: whether values of sub-records count too.
            sub_record_id: only values of this sub-record: object, id, or key-field dict.
            record_view_id: id of a table: only values written in it.

        Returns:
            The content: numbers as text, booleans as booleans; None when there is no such value. Nothing is sent,
            unless a name has to be looked up.

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
                content = content_by_ids(self, field_id, activity_id)
            if content is not UNDECIDED:
                return content
        return await self._find_content(field_id, activity_id, include_sub_record_values, sub_record_id, record_view_id)

    @default_on_error(none, skip_when_none="field_id", needs_no_client=True)
    async def _find_content(
        self,
        field_id: EntityFieldIdentifier,
        activity_id: ActivityIdentifier | None,
        include_sub_record_values: bool,
        sub_record_id: RecordIdentifier | None,
        record_view_id: RecordViewIdentifier | None,
    ) -> Any | None:
        # Ids need no client and no request.
        field = as_id(field_id, "field", EntityField)
        if field is None:
            field = await require_field_id(self._require_client().directory, field_id)
        operation: str | None = None
        if activity_id is not None:
            operation = as_id(activity_id, "activity", ActivityData)
            operation = operation or await self._require_client().directory[_ACTIVITIES].require_id(activity_id)
        sub_record: str | None = None
        if sub_record_id is not None:
            # Ids and objects again without a client.
            sub_record = (
                await self._require_client().directory.records.require_id(sub_record_id)
                if isinstance(sub_record_id, Mapping)
                else record_id_of(sub_record_id)
            )
        entry = current_entry(
            entries_of(self._state, field),
            self.id,
            operation_id=operation,
            record_view_id=None if record_view_id is None else _view(record_view_id),
            include_sub_records=include_sub_record_values,
            sub_record_id=sub_record,
        )
        return None if entry is None else copied(entry.content)

    @default_on_error(dict, skip_when_none="activity_id")
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
        operation = operation or await self._require_client().directory[_ACTIVITIES].require_id(activity_id)
        return contents(self._state, self.id, operation_id=operation)

    @default_on_error(list)
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
        response = await client.session.call_or_none(list_record_values.build_request(self.id))
        return [] if response is None else read_items(response, lambda item: RecordValue(item, client))

    @default_on_error(none)
    async def refetch(self) -> None:
        """Read the record from the server again; this object then shows its state.

        Raises:
            NotFoundError: the record is not there any more.
            KalbioAPIError: the server refused.

        API operation: `getRecord`.

        Example:
            >>> record = await client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> await record.refetch()
        """
        client = self._require_client()
        client.directory.records.touch(self.id)
        self._replace_json(read_object(await client.session.call(get_record.build_request(self.id)), "record"))

    def _written(self, client: Client, field: str, response: Any) -> RecordValue | None:
        """Take over the answer of a write, which holds the value that was made."""
        resource = as_object(response)["resource"]
        self._show(field, resource)
        return RecordValue(resource, client)

    def _show(self, field: str, value: dict[str, Any]) -> None:
        self._replace_json(with_value(self._raw, field, value))


def _view(identifier: Any) -> str:
    return plain_id(identifier, "record view", RecordViewData)


async def content_in(
    client: Client, field_id: str, content: Any, known: dict[str, EntityFieldData | None] | None = None
) -> Any:
    """Return a content as it is written in a field: text for several choices or addresses is the list of a load.

    `known` keeps fields for the next content: their types cannot change, so one listing serves many rows.
    """
    if not isinstance(content, str) or not may_be_listed(content):
        return content
    known = {} if known is None else known
    if field_id not in known:
        try:
            known[field_id] = (await client.directory[DATA_FIELDS].catalog()).find(field_id)
        except (PermissionDeniedError, NotFoundError):
            known[field_id] = None  # who may not list the fields may write in them all the same
    field = known[field_id]
    return content if field is None else listed_content(field, content)


async def scope_of(client: Client, field_id: Any, activity_id: Any, record_view_id: Any) -> Scope:
    """Return the ids of the field, the activity and the table that a write is aimed at, or raise before it is sent.

    A key field is refused, saying how key values are given.
    """
    if record_view_id is not None and activity_id is None:
        raise ArgumentError("record_view_id needs an activity_id: a table belongs to an activity")
    view = None if record_view_id is None else _view(record_view_id)
    hint = "It is a key field: key values are given when the record is made, with get_or_create_record."
    if isinstance(field_id, KeyField):
        raise IdentifierNotFoundError("data field", field_id, hint=hint)
    try:
        field = await client.directory[DATA_FIELDS].require_id(field_id)
    except IdentifierNotFoundError as error:
        keys = await client.directory[KEY_FIELDS].catalog()
        if any(key.field_name == field_id for key in keys.items):
            raise IdentifierNotFoundError("data field", field_id, hint=hint) from error
        raise
    operation = None if activity_id is None else await client.directory[_ACTIVITIES].require_id(activity_id)
    return field, operation, view


def _wait_to_repeat(client: Client, error: OutcomeUnknownError, attempt: int, elapsed: float) -> float | None:
    """Return how long to wait before a write whose answer was lost is repeated, None when that is enough."""
    import random

    return decide(
        client.session.settings.retry,
        AttemptResult.LOST,
        idempotent=True,  # it is repeated only when it was looked for
        replayable=True,
        attempt=attempt,
        elapsed=elapsed,
        retry_after=None if error.answer is None else error.answer.retry_after,
        random=random.random,
    ).wait


async def write_value(
    client: Client, record: WritableRecord, scope: Scope, content: Any, *, verify: bool, before: str | None
) -> RecordValue | None:
    """Write a value, given the ids of its scope. `before` is the current value there, where it is known."""
    return await record._write(client, scope, content, verify=verify, before=before)


def show_value(record: WritableRecord, field: str, value: RecordValue) -> None:
    """Let a record show a value that was written without it."""
    record._show(field, value.to_dict())


async def upload(client: Client, record: WritableRecord, file: File, scope: Scope) -> RecordValue | None:
    """Write a file as a value, given the ids of its scope."""
    from kaleidoscope_api.models import RecordValueFileTarget, UploadRecordValueFileBody
    from kaleidoscope_api.types import UNSET

    field, operation, view = scope
    where = RecordValueFileTarget(
        field_id=field,
        operation_id=UNSET if operation is None else operation,
        record_view_id=UNSET if view is None else view,
    )
    body = UploadRecordValueFileBody(body=where, file=file)
    response = await client.session.call(upload_record_value_file.build_request(record.id, body=body))
    return record._written(client, field, response)
