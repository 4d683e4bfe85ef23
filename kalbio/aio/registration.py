"""The registration workflow: files and drafts go out to a registrar, results come back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, overload

from kaleidoscope_api.api.imports import create_import, run_import
from kaleidoscope_api.api.registration import (
    clear_drafts,
    list_draft_statuses,
    list_registration_files,
    list_registration_submissions,
    register_file,
    submit_drafts,
    submit_registration_results,
    submit_submission_results,
    update_registration_file_status,
    update_submission_status,
    validate_drafts,
)

from kalbio._bars import told_of
from kalbio._core.aio.waiting import poll
from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import IdentifierNotFoundError, OutcomeError
from kalbio._core.objects.checks import renamed, require_rows, require_texts
from kalbio._core.objects.identifiers import Many, plain_id, plain_ids
from kalbio._core.objects.listing import read_items, read_object
from kalbio._core.text.display import safe_repr
from kalbio._model import staleness
from kalbio._model.activities import ActivityData, ActivityIdentifier
from kalbio._model.cells import READ_TABLE, with_cells
from kalbio._model.enums import (
    RegistrationFileStatusEnum,
    RegistrationResultStatusEnum,
    RegistrationSubmissionTypeEnum,
)
from kalbio._model.errors import KalbioError
from kalbio._model.imports import ImportRecord
from kalbio._model.keys import with_key_texts
from kalbio._model.records import RecordData
from kalbio._model.registration import (
    FAILED,
    RegistrationDraftStatus,
    RegistrationFile,
    RegistrationFileWithErrors,
    RegistrationResultError,
    RegistrationSubmission,
    RegistrationSubmissionWithErrors,
    has_ended,
    results_body,
)
from kalbio.aio._activity import ACTIVITIES
from kalbio.aio._policy import default_on_error, deprecated, none
from kalbio.aio._service import Service
from kalbio.aio._staging import check_keys, map_columns, staging_view

__all__ = [
    "RegistrationDraftStatus",
    "RegistrationFile",
    "RegistrationFileStatusEnum",
    "RegistrationFileWithErrors",
    "RegistrationResultError",
    "RegistrationResultStatusEnum",
    "RegistrationService",
    "RegistrationSubmission",
    "RegistrationSubmissionTypeEnum",
    "RegistrationSubmissionWithErrors",
]


class RegistrationService(Service):
    """The registration workflow (`client.registration`), seen from both sides: the lab's and the registrar's."""

    # -- file-based ---------------------------------------------------------------------------------------------------

    @default_on_error(none)
    async def register_file(self, operation_id: ActivityIdentifier, file_id: str) -> RegistrationFile:
        """Hand an uploaded file to the registrar, who is notified by a webhook.

        Args:
            operation_id: the activity: object, id, or title.
            file_id: id of the uploaded file.

        Returns:
            The registration, with the status "pending".

        Raises:
            IdentifierNotFoundError: no such activity; nothing was sent.
            OutcomeUnknownError: the answer was lost; look with `get_registration_files` before you register again.
            KalbioAPIError: the server refused.

        API operation: `registerFile`.

        Example:
            >>> activity = await client.activities.create_activity(
            ...     "Potency run", "experiment", activity_definition_id="Assay results registration"
            ... )
            >>> upload = next(item for item in activity.properties if item.field_type == "file")
            >>> file = await upload.update_property_file("results.csv", b"compound,IC50", "text/csv")
            >>> registration = await client.registration.register_file(activity, file["file_id"])
        """
        operation = await self._directory[ACTIVITIES].require_id(operation_id)
        request = register_file.build_request(operation, plain_id(file_id, "file"), body={})
        response = await self._session.call(request)
        return RegistrationFile(read_object(response, "registration"), self._client)

    @default_on_error(list, skip_when_none="operation_id")
    async def get_registration_files(self, operation_id: ActivityIdentifier) -> list[RegistrationFileWithErrors]:
        """Return the file registrations of an activity; those that failed list the problems of single records.

        Args:
            operation_id: the activity: object, id, or title.

        Raises:
            IdentifierNotFoundError: no such activity; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `listRegistrationFiles`.

        Example:
            >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
            >>> for registration in await client.registration.get_registration_files(activity):
            ...     print(registration.status, registration.message)
        """
        operation = await self._directory[ACTIVITIES].require_id(operation_id)
        answer = await self._session.call(list_registration_files.build_request(operation))
        return read_items(answer, lambda item: RegistrationFileWithErrors(item, self._client))

    @default_on_error(bool)
    async def push_status(
        self,
        operation_id: ActivityIdentifier,
        file_id: str,
        status: RegistrationFileStatusEnum | str,
        message: str | None = None,
    ) -> bool:
        """Report progress of a file registration, as the registrar.

        Args:
            operation_id: the activity: object, id, or title.
            file_id: id of the registered file.
            status: "validated", "validation_failed" or another state of `RegistrationFileStatusEnum`.
            message: a message for people to read.

        Returns:
            True; every failure raises. (False only with `on_error="log"`.)

        Raises:
            ValueError: there is no such status.
            IdentifierNotFoundError: no such activity; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `updateRegistrationFileStatus`.

        Example:
            >>> await client.registration.push_status(operation_id, file_id, "validated")
            True
        """
        body = _status(status, message)
        operation = await self._directory[ACTIVITIES].require_id(operation_id)
        request = update_registration_file_status.build_request(operation, plain_id(file_id, "file"), body=body)
        await self._session.call(request)
        return True

    @deprecated(error_message="message")
    @default_on_error(bool)
    async def submit_results(
        self,
        operation_id: ActivityIdentifier,
        file_id: str,
        status: RegistrationResultStatusEnum | str,
        message: str | None = None,
        key_field_names: Many[str] | None = None,
        records: Iterable[Mapping[str, Any]] | None = None,
        *,
        error_message: str | None = None,
    ) -> bool:
        """Report the results of a file registration, as the registrar.

        Args:
            operation_id: the activity: object, id, or title.
            file_id: id of the registered file.
            status: "success" or "error".
            message: a message for people to read.
            key_field_names: which names in the `data` of the records are key fields.
            records: outcomes of single records: `record_id` and `status` (free text), and optionally `data` (field
                name to value) and `error_message`.
            error_message: older name of `message`.

        Returns:
            True; every failure raises. (False only with `on_error="log"`.)

        Raises:
            ValueError: there is no such status, or an outcome is incomplete; nothing was sent.
            IdentifierNotFoundError: no such activity; nothing was sent.
            OutcomeUnknownError: the answer was lost; look with `get_registration_files` before you report again.
            KalbioAPIError: the server refused.

        API operation: `submitRegistrationResults`.

        Example:
            >>> await client.registration.submit_results(operation_id, file_id, "success")
            True
        """
        if error_message is not None:
            message = renamed("error_message", error_message, "message", message)
        body = results_body(status, message, key_field_names, records)
        operation = await self._directory[ACTIVITIES].require_id(operation_id)
        request = submit_registration_results.build_request(operation, plain_id(file_id, "file"), body=body)
        await self._session.call(request)
        return True

    @overload
    async def wait(
        self,
        operation_id: ActivityIdentifier,
        *,
        file_id: str,
        submission_id: None = None,
        interval: float = 2.0,
        timeout: float = 600.0,
        on_record_errors: Literal["return", "raise"] = "return",
        progress: Callable[[RegistrationFileWithErrors], object] | bool | None = None,
    ) -> RegistrationFileWithErrors: ...

    @overload
    async def wait(
        self,
        operation_id: ActivityIdentifier,
        *,
        file_id: None = None,
        submission_id: RegistrationSubmission | str,
        interval: float = 2.0,
        timeout: float = 600.0,
        on_record_errors: Literal["return", "raise"] = "return",
        progress: Callable[[RegistrationSubmissionWithErrors], object] | bool | None = None,
    ) -> RegistrationSubmissionWithErrors: ...

    @default_on_error(none)
    async def wait(
        self,
        operation_id: ActivityIdentifier,
        *,
        file_id: str | None = None,
        submission_id: RegistrationSubmission | str | None = None,
        interval: float = 2.0,
        timeout: float = 600.0,
        on_record_errors: Literal["return", "raise"] = "return",
        progress: Callable[[Any], object] | bool | None = None,
    ) -> RegistrationFileWithErrors | RegistrationSubmissionWithErrors:
        """Wait until the registrar is done with a file or a submission, and return it.

        Args:
            operation_id: the activity: object, id, or title.
            file_id: id of the registered file; either this or `submission_id`.
            submission_id: the submission of drafts, or its id.
            interval: seconds between two checks.
            timeout: longest time to wait, in seconds.
            on_record_errors: "raise" treats failed records as a failure of the whole; "return" leaves it to you to look
                at `record_errors`.
            progress: True shows its status and the time; a function is called with the registration after each look.

        Raises:
            IdentifierNotFoundError: no such activity, registration or submission.
            OutcomeError: it failed, or, if asked for, single records did; `outcome` is the registration.
            WaitTimeoutError: it has not ended in time; `outcome` is the registration as it was last seen.
            KalbioAPIError: the server refused.

        API operation: `listRegistrationFiles` or `listRegistrationSubmissions`.

        Example:
            >>> try:
            ...     ended = await client.registration.wait(operation_id, file_id=file_id, timeout=0)
            ... except TimeoutError as error:
            ...     print(error.outcome.status)
        """
        if (file_id is None) == (submission_id is None):
            raise ArgumentError("give either file_id or submission_id")
        if on_record_errors not in ("return", "raise"):
            raise ArgumentError(f'on_record_errors must be "return" or "raise"; got {safe_repr(on_record_errors)}')
        operation = await self._directory[ACTIVITIES].require_id(operation_id)

        async def look() -> RegistrationFileWithErrors | RegistrationSubmissionWithErrors:
            if file_id is not None:
                wanted = plain_id(file_id, "file")
                for registration in await self.get_registration_files(operation):
                    if registration.file_id == wanted:
                        return registration
                raise IdentifierNotFoundError("registration of the file", wanted)
            wanted = plain_id(submission_id, "submission", RegistrationSubmission)
            for submission in await self.get_registration_submissions(operation):
                if submission.id == wanted:
                    return submission
            raise IdentifierNotFoundError("submission", wanted)

        what = f"the registration of {file_id or submission_id}"
        with told_of(progress, "registration", lambda state: state.status or "") as tell:

            async def look_and_tell() -> RegistrationFileWithErrors | RegistrationSubmissionWithErrors:
                found = await look()
                tell(found)
                return found

            ended = await poll(look_and_tell, has_ended, interval=interval, timeout=timeout, what=what)
        # The registrar has written, maybe with another client, and whoever waits for it wants to see that.
        self._session.forget(*staleness.REGISTERED)
        if ended.status in FAILED or (ended.record_errors and on_record_errors == "raise"):
            against = f"; {len(ended.record_errors)} records were refused" if ended.record_errors else ""
            raise OutcomeError(f"{what} ended as {ended.status}: {ended.message or 'no message'}{against}", ended)
        return ended

    # -- table-based --------------------------------------------------------------------------------------------------

    @default_on_error(none)
    async def stage_drafts(
        self,
        operation_id: ActivityIdentifier,
        key_field_names: Many[str],
        data: Sequence[Mapping[str, Any]],
        replace_existing: bool = False,
        *,
        import_id: ImportRecord | str | None = None,
    ) -> str:
        """Stage rows in the staging table of an activity, to be registered later.

        Args:
            operation_id: the activity: object, id, or title. Its definition has table-based registration.
            key_field_names: the columns that are key fields.
            data: rows of column name to value; all other columns must be data fields of the staging table.
            replace_existing: whether the drafts that are there now are archived when the rows are in.
            import_id: the import of an earlier call that stored these rows but could not start (`import_id` of its
                error): it is started, and nothing is stored again.

        Returns:
            The id of the import, to poll with `client.imports.get_import`.

        Raises:
            ValueError: no rows, an activity without a staging table, an unknown column, rows without a key value (an
                `IdentifierError` that names them all); nothing was sent.
            IdentifierNotFoundError: no such activity; nothing was sent.
            KalbioAPIError: the server refused. When the rows were stored but not started, `import_id` of the error
                names the import; give it to a further call.

        API operation: `createImport`, `runImport`.

        Example:
            >>> activity = await client.activities.create_activity(
            ...     "Registration batch", "experiment", activity_definition_id="Batch registration"
            ... )
            >>> import_id = await client.registration.stage_drafts(activity, ["Compound"], [{"Compound": "CPD-9"}])
        """
        keys = require_texts("key_field_names", key_field_names)
        rows = _rows(keys, require_rows("data", data, of_table=READ_TABLE))
        filled_cells = with_cells("data", rows)
        activity = ActivityData(await self._directory[ACTIVITIES].read_now(operation_id))
        view = await staging_view(self._directory, activity)
        await check_keys(self._directory, view, keys)
        columns = sorted({name for row in rows for name in row} - set(keys))
        fields = await map_columns(self._directory, view, columns)
        if import_id is None:
            staged = {
                "data_json": filled_cells,
                "attrs": {},
                "operation_id": activity.id,
                "is_draft": True,
                "source_type": "http-post",
            }
            response = await self._session.call(create_import.build_request(body=staged))
            import_id = str(read_object(response, "import")["id"])
        else:
            import_id = plain_id(import_id, "import", ImportRecord)
        run: dict[str, Any] = {
            "key_field_configurations": [{"name": name} for name in keys],
            "data_field_configurations": [
                {"name": name, "type": field.field_type, "mapped_field_id": field.id} for name, field in fields.items()
            ],
            "record_view_id": view.id,
        }
        if replace_existing and activity.data_table_draft_record_ids:
            run["replace_draft_record_ids"] = activity.data_table_draft_record_ids
        try:
            await self._session.call(run_import.build_request(import_id, body=run))
        except KalbioError as error:
            error.import_id = import_id  # type: ignore[attr-defined]  # only this call leaves an import behind
            error.add_note(f"The rows are stored as import {import_id}; stage_drafts(..., import_id=...) starts it.")
            raise
        return import_id

    @default_on_error(none)
    async def validate_drafts(
        self, operation_id: ActivityIdentifier, record_ids: Many[RecordData | str] | None = None
    ) -> RegistrationSubmission:
        """Ask the registrar for verdicts on drafts; nothing is registered.

        Args:
            operation_id: the activity: object, id, or title.
            record_ids: ids of drafts; None for all.

        Returns:
            The submission, of the type "validation".

        Raises:
            ValueError: the list of drafts is empty; nothing was sent.
            IdentifierNotFoundError: no such activity; nothing was sent.
            OutcomeUnknownError: the answer was lost.
            KalbioAPIError: the server refused.

        API operation: `validateDrafts`.

        Example:
            >>> submission = await client.registration.validate_drafts(operation_id)
        """
        return await self._submit(validate_drafts.build_request, operation_id, record_ids)

    @default_on_error(none)
    async def submit_drafts(
        self, operation_id: ActivityIdentifier, record_ids: Many[RecordData | str] | None = None
    ) -> RegistrationSubmission:
        """Submit drafts for registration.

        Args:
            operation_id: the activity: object, id, or title.
            record_ids: ids of drafts; None for all.

        Returns:
            The submission, of the type "registration".

        Raises:
            ValueError: the list of drafts is empty; nothing was sent.
            IdentifierNotFoundError: no such activity; nothing was sent.
            OutcomeUnknownError: the answer was lost.
            KalbioAPIError: the server refused.

        API operation: `submitDrafts`.

        Example:
            >>> submission = await client.registration.submit_drafts(operation_id)
        """
        return await self._submit(submit_drafts.build_request, operation_id, record_ids)

    async def _submit(
        self, build: Any, operation_id: ActivityIdentifier, record_ids: Many[RecordData | str] | None
    ) -> RegistrationSubmission:
        body = {} if record_ids is None else {"record_ids": _drafts(record_ids)}
        operation = await self._directory[ACTIVITIES].require_id(operation_id)
        response = await self._session.call(build(operation, body=body))
        return RegistrationSubmission(read_object(response, "submission"), self._client)

    @default_on_error(list, skip_when_none="operation_id")
    async def get_draft_statuses(self, operation_id: ActivityIdentifier) -> list[RegistrationDraftStatus]:
        """Return what became of the drafts that took part in a submission.

        Args:
            operation_id: the activity: object, id, or title.

        Raises:
            IdentifierNotFoundError: no such activity; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `listDraftStatuses`.

        Example:
            >>> for draft in await client.registration.get_draft_statuses(operation_id):
            ...     print(draft.record_id, draft.status, draft.message)
        """
        operation = await self._directory[ACTIVITIES].require_id(operation_id)
        answer = await self._session.call(list_draft_statuses.build_request(operation))
        return read_items(answer, lambda item: RegistrationDraftStatus(item, self._client), needs_id=False)

    @default_on_error(list, skip_when_none="operation_id")
    async def get_registration_submissions(
        self, operation_id: ActivityIdentifier
    ) -> list[RegistrationSubmissionWithErrors]:
        """Return the submissions of an activity, newest first.

        Args:
            operation_id: the activity: object, id, or title.

        Raises:
            IdentifierNotFoundError: no such activity; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `listRegistrationSubmissions`.

        Example:
            >>> submissions = await client.registration.get_registration_submissions(operation_id)
        """
        operation = await self._directory[ACTIVITIES].require_id(operation_id)
        answer = await self._session.call(list_registration_submissions.build_request(operation))
        return read_items(answer, lambda item: RegistrationSubmissionWithErrors(item, self._client))

    @default_on_error(bool)
    async def clear_drafts(self, operation_id: ActivityIdentifier, record_ids: Many[RecordData | str]) -> bool:
        """Archive drafts. Drafts that are pending or submitted cannot be cleared.

        Args:
            operation_id: the activity: object, id, or title.
            record_ids: ids of drafts.

        Returns:
            True; every failure raises. (False only with `on_error="log"`.)

        Raises:
            IdentifierNotFoundError: no such activity; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `clearDrafts`.

        Example:
            >>> activity = await client.activities.get_activity_by_id(operation_id)
            >>> await client.registration.clear_drafts(activity, activity.data_table_draft_record_ids)
            True
        """
        body = {"record_ids": _drafts(record_ids)}
        operation = await self._directory[ACTIVITIES].require_id(operation_id)
        await self._session.call(clear_drafts.build_request(operation, body=body))
        return True

    @default_on_error(bool)
    async def push_submission_status(
        self,
        operation_id: ActivityIdentifier,
        submission_id: RegistrationSubmission | str,
        status: RegistrationFileStatusEnum | str,
        message: str | None = None,
    ) -> bool:
        """Report progress of a submission, as the registrar.

        Args:
            operation_id: the activity: object, id, or title.
            submission_id: id of the submission.
            status: a state of `RegistrationFileStatusEnum`.
            message: a message for people to read.

        Returns:
            True; every failure raises. (False only with `on_error="log"`.)

        Raises:
            ValueError: there is no such status.
            IdentifierNotFoundError: no such activity; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `updateSubmissionStatus`.

        Example:
            >>> await client.registration.push_submission_status(operation_id, submission_id, "validated")
            True
        """
        body = _status(status, message)
        operation = await self._directory[ACTIVITIES].require_id(operation_id)
        request = update_submission_status.build_request(
            operation, plain_id(submission_id, "submission", RegistrationSubmission), body=body
        )
        await self._session.call(request)
        return True

    @default_on_error(bool)
    async def submit_submission_results(
        self,
        operation_id: ActivityIdentifier,
        submission_id: RegistrationSubmission | str,
        status: RegistrationResultStatusEnum | str,
        message: str | None = None,
        key_field_names: Many[str] | None = None,
        records: Iterable[Mapping[str, Any]] | None = None,
    ) -> bool:
        """Report the results of a submission, as the registrar.

        Args:
            operation_id: the activity: object, id, or title.
            submission_id: id of the submission.
            status: "success" or "error".
            message: a message for people to read.
            key_field_names: which names in the `data` of the records are key fields.
            records: outcomes of single drafts, see `submit_results`; `record_id` is the draft's id.

        Returns:
            True; every failure raises. (False only with `on_error="log"`.)

        Raises:
            ValueError: there is no such status, or an outcome is incomplete; nothing was sent.
            IdentifierNotFoundError: no such activity; nothing was sent.
            OutcomeUnknownError: the answer was lost; look with `get_registration_submissions` before you report again.
            KalbioAPIError: the server refused.

        API operation: `submitSubmissionResults`.

        Example:
            >>> await client.registration.submit_submission_results(operation_id, submission_id, "success")
            True
        """
        body = results_body(status, message, key_field_names, records)
        operation = await self._directory[ACTIVITIES].require_id(operation_id)
        request = submit_submission_results.build_request(
            operation, plain_id(submission_id, "submission", RegistrationSubmission), body=body
        )
        await self._session.call(request)
        return True


def _drafts(record_ids: Many[RecordData | str]) -> list[str]:
    ids = plain_ids(record_ids, "draft", RecordData)
    if not ids:
        raise ArgumentError("record_ids is empty; name at least one draft")
    return ids


def _status(status: RegistrationFileStatusEnum | str, message: str | None) -> dict[str, Any]:
    known = [member.value for member in RegistrationFileStatusEnum]
    if status not in known:
        raise ArgumentError(f"status must be one of {', '.join(known)}; got {safe_repr(status)}")
    return {"status": str(status)} if message is None else {"status": str(status), "message": message}


def _rows(keys: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if not keys:
        raise ArgumentError("key_field_names is empty; name the columns that are key fields")
    if not rows:
        raise ArgumentError("data is empty; give at least one row")
    return with_key_texts("data", rows, {name: name for name in keys})
