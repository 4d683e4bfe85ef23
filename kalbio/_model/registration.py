"""Registrations, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.objects.checks import in_row, require_rows, require_texts, unicode_text
from kalbio._core.objects.identifiers import Many, plain_id
from kalbio._core.objects.resource import Resource, enum_text, objects, text, texts, texts_or_none
from kalbio._core.text.display import safe_repr
from kalbio._model.enums import RegistrationResultStatusEnum
from kalbio._model.keys import key_text
from kalbio._model.records import RecordData


class RegistrationResultError(Resource):
    """A problem that a registrar reported for one record. It has no id."""

    __slots__ = ()

    source_record_id = text("The record.")
    status = enum_text("The registrar's verdict, free text.")
    error_message = text("Why.")


class RegistrationFile(Resource):
    """The registration of a file: one for each operation and file."""

    __slots__ = ()

    workspace_id = text("Its workspace.")
    operation_id = text("The activity.")
    file_id = text("The file.")
    status = enum_text("Its state, see RegistrationFileStatusEnum.")
    created_by = text("Who registered it.")
    last_updated_by = text("Who changed it last.")
    created_at = text("When it was registered, as the server wrote it.")
    updated_at = text("When it was changed, as the server wrote it.")

    _computed = ("message",)

    @property
    def message(self) -> str | None:
        """What the registrar says, under its new name or its old one."""
        value = self._raw.get("message")
        return value if value is not None else self._raw.get("error_message")

    def _label(self) -> str | None:
        return self.status

    def _text(self) -> str:
        return f"RegistrationFile {self.id[:8]} {self.status}"


class RegistrationFileWithErrors(RegistrationFile):
    """The registration of a file, with the problems of single records."""

    __slots__ = ()

    record_errors = objects(RegistrationResultError, "What failed; empty unless the registration failed.")


class RegistrationSubmission(Resource):
    """A request to the registrar about some or all drafts of an activity."""

    __slots__ = ()

    workspace_id = text("Its workspace.")
    operation_id = text("The activity.")
    submission_type = enum_text("registration or validation, see RegistrationSubmissionTypeEnum.")
    file_ids = texts("Its files; none for drafts.")
    submitted_record_ids = texts_or_none("The drafts it is about.")
    status = enum_text("Its state, see RegistrationFileStatusEnum.")
    message = text("What the registrar says.")
    created_by = text("Who submitted it.")
    last_updated_by = text("Who changed it last.")
    created_at = text("When it was submitted, as the server wrote it.")
    updated_at = text("When it was changed, as the server wrote it.")

    def _label(self) -> str | None:
        return self.status

    def _text(self) -> str:
        return f"RegistrationSubmission {self.id[:8]} {self.status}"


class RegistrationSubmissionWithErrors(RegistrationSubmission):
    """A submission, with the problems of single drafts."""

    __slots__ = ()

    record_errors = objects(RegistrationResultError, "What failed; empty unless the submission failed.")


class RegistrationDraftStatus(Resource):
    """What became of one draft. It has no id of its own."""

    __slots__ = ()

    record_id = text("The draft.")
    status = enum_text("What became of it, in the server's words, which need not be those of the registrar's verdict.")
    message = text("Why.")


FAILED = frozenset({"failed", "validation_failed"})
"""The states that a registration ends badly in."""


def has_ended(registration: RegistrationFile | RegistrationSubmission) -> bool:
    """Whether nothing more is to come. For a dry run, a verdict is the end."""
    if registration.status == "validated":
        return isinstance(registration, RegistrationSubmission) and registration.submission_type == "validation"
    return registration.status == "completed" or registration.status in FAILED


def check_results(records: Iterable[Mapping[str, Any]], keys: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the outcomes of single records; `keys` are the names in their data that are key fields.

    Raises ValueError naming one that is incomplete, has an unknown key, or a key value that is none.
    """
    known = {"record_id", "status", "data", "error_message"}
    checked = []
    for index, record in enumerate(require_rows("records", records)):
        missing = [name for name in ("record_id", "status") if not record.get(name)]
        if missing:
            raise ArgumentError(f"records[{index}] has no {missing[0]}: {safe_repr(record)}")
        unknown = [name for name in record if name not in known]
        if unknown:
            raise ArgumentError(
                f"records[{index}] has an unknown key {safe_repr(unknown[0])}; known are {', '.join(sorted(known))}"
            )
        for name in ("status", "error_message"):
            if record.get(name) is not None:
                unicode_text(f"records[{index}][{name!r}]", record[name])
        outcome = {name: value for name, value in record.items() if value is not None}
        outcome["record_id"] = plain_id(record["record_id"], "record", RecordData)
        if not isinstance(outcome.get("data", {}), Mapping):
            raise ArgumentError(
                f"records[{index}]['data'] must be a dict of field name to value; got {safe_repr(record['data'])}"
            )
        given = [name for name in keys if name in outcome.get("data", {})]
        with in_row(index, "records"):
            texts = {name: key_text(outcome["data"][name], name) for name in given}
        if texts:
            outcome["data"] = {**outcome["data"], **texts}
        checked.append(outcome)
    return checked


def results_body(
    status: RegistrationResultStatusEnum | str,
    message: str | None,
    key_field_names: Many[str] | None,
    records: Iterable[Mapping[str, Any]] | None,
) -> dict[str, Any]:
    """Return the body that reports results. Raises ValueError for a status or an outcome that cannot be reported."""
    if status not in [member.value for member in RegistrationResultStatusEnum]:
        raise ArgumentError(f'status must be "success" or "error"; got {safe_repr(status)}')
    body: dict[str, Any] = {"status": str(status)}
    if message is not None:
        body["message"] = message
    if key_field_names is not None:
        body["key_field_names"] = require_texts("key_field_names", key_field_names)
    if records is not None:
        body["records"] = check_results(records, body.get("key_field_names", ()))
    return body
