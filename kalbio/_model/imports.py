"""Imports, as data."""

from __future__ import annotations

from kalbio._core.objects.resource import Resource, anything, flag_or_false, number, objects, optional_object, text


class ImportValidationError(Resource):
    """Why one row of an import was left out."""

    __slots__ = ()

    field_id = text("The field.")
    field_name = text("Its name.")
    value = anything("The value that does not fit.")
    conflict_type = text("What is wrong with it.")
    incoming_record_identifier = text("The record of the row.")
    conflicting_record_id = text("The record it collides with.")
    conflicting_record_identifier = text("That record, as a person reads it.")
    conflicting_value = anything("The value there.")
    constraint_fields = anything("The fields of the constraint.")


class ImportValidationResult(Resource):
    """How many rows of an import did and did not get in, and why."""

    __slots__ = ()

    total_processed = number("Rows looked at.")
    successful = number("Rows that got in.")
    failed = number("Rows that did not.")
    errors = objects(ImportValidationError, "Why they did not.")


class ImportResult(Resource):
    """What an import changed."""

    __slots__ = ()

    records_created = number("Records created.")
    records_skipped = number("Rows left out.")
    records_updated = number("Records that got values.")
    fields_added = number("Fields created.")
    validation_result = optional_object(ImportValidationResult, "Row by row.")


class ImportRecord(Resource):
    """A bulk load, which runs in the background."""

    __slots__ = ()
    _columns = ("is_complete", "operation_id", "entity_slice_id", "created_at", "completed_at", "error_message",
                "import_result")  # fmt: skip

    import_status = text("Its state, e.g. created, completed, failed.")
    is_complete = flag_or_false("Whether it has ended.")
    created_at = text("When it was created, as the server wrote it.")
    started_at = text("When it began, as the server wrote it.")
    completed_at = text("When it ended, as the server wrote it.")
    error_message = text("Why it failed as a whole.")
    operation_id = text("The activity it belongs to.")
    entity_slice_id = text("The entity type it loads.")
    source_id = text("Its source.")
    import_result = optional_object(ImportResult, "What it changed; None when it failed as a whole.")

    @property
    def row_errors(self) -> list[ImportValidationError]:
        """Why rows were left out; none when all got in, or nothing is known of single rows."""
        result = self.import_result
        checked = None if result is None else result.validation_result
        return [] if checked is None else checked.errors

    def _label(self) -> str | None:
        return self.import_status

    def _text(self) -> str:
        return f"ImportRecord {self.id[:8]} {self.import_status}"
