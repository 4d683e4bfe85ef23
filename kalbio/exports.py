# Derived from kalbio/aio/exports.py by scripts/regenerate; edit that file. (digest 2601ae56bceb)
"""Exports: records as CSV files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kaleidoscope_api.api.records import export_records_csv

from kalbio._core.filenames import safe_name
from kalbio._core.sync.downloads import refuse_existing, save
from kalbio._model.records import FieldFilter, FieldSort, ViewFieldFilter, ViewFieldSort, query_text
from kalbio._policy import nothing, on_failure
from kalbio._service import Service
from kalbio.activities import ActivityIdentifier
from kalbio.entity_types import EntityTypeIdentifier

__all__ = ["ExportsService"]


class ExportsService(Service):
    """Exports of records (`client.exports`)."""

    @on_failure(nothing)
    def pull_data(
        self,
        filename: str,
        entity_slice_id: EntityTypeIdentifier,
        download_path: str | Path | None = None,
        record_view_id: str | None = None,
        view_field_ids: str | Sequence[str] | None = None,
        identifier_ids: str | Sequence[str] | None = None,
        record_set_ids: str | Sequence[str] | None = None,
        program_id: str | None = None,
        operation_id: ActivityIdentifier | None = None,
        view_field_filters: str | Sequence[ViewFieldFilter] | None = None,
        view_field_sorts: str | Sequence[ViewFieldSort] | None = None,
        entity_field_filters: str | Sequence[FieldFilter] | None = None,
        entity_field_sorts: str | Sequence[FieldSort] | None = None,
        search_text: str | None = None,
        *,
        overwrite: bool = False,
    ) -> str | None:
        """Save the records of an entity type as a CSV file.

        Args:
            filename: name of the file; only its last component counts.
            entity_slice_id: the entity type: object, id, or name.
            download_path: directory to save in, created if need be; by default that for temporary files.
            record_view_id: only the records and columns of this view.
            view_field_ids: only these columns of the view: a list, or ids joined with commas.
            identifier_ids: only records with these key values: a list, or ids joined with commas.
            record_set_ids: only records of these sets: a list, or ids joined with commas.
            program_id: only records of this program: object, id, or title.
            operation_id: only records of this activity: object, id, or title.
            view_field_filters: filters by column, as a list or as JSON text.
            view_field_sorts: order by column, as a list or as JSON text.
            entity_field_filters: filters by field, as a list or as JSON text.
            entity_field_sorts: order by field, as a list or as JSON text.
            search_text: free text.
            overwrite: whether an existing file may be replaced.

        Returns:
            The path of the file, None when the server has nothing to export.

        Raises:
            FileExistsError: the file exists and must not be replaced; nothing was sent.
            IdentifierNotFoundError: no such entity type, program, activity or field; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `exportRecordsCsv`.

        Example:
            >>> path = client.exports.pull_data("compounds.csv", "compound", overwrite=True)
        """
        name = safe_name(filename, "export.csv")
        target = Path(download_path if download_path is not None else tempfile.gettempdir()) / name
        refuse_existing(target, overwrite)
        records = self._client.records
        query: dict[str, Any] = {
            "filename": name,
            "entity_slice_id": self._client.entity_types.types.require_id(entity_slice_id),
            "record_view_id": record_view_id,
            "view_field_ids": _joined(view_field_ids),
            "identifier_ids": _joined(identifier_ids),
            "record_set_ids": _joined(record_set_ids),
            "view_field_filters": None if view_field_filters is None else query_text(view_field_filters),
            "view_field_sorts": None if view_field_sorts is None else query_text(view_field_sorts),
            "entity_field_filters": records.conditions_text(entity_field_filters),
            "entity_field_sorts": records.conditions_text(entity_field_sorts),
            "search_text": search_text,
        }
        if program_id is not None:
            query["program_id"] = self._client.programs.programs.require_id(program_id)
        if operation_id is not None:
            query["operation_id"] = self._client.activities.resolve(operation_id)
        build: Any = export_records_csv.build_request
        response = self._client.call_or_none(build(**query), stream=True)
        if response is None:
            return None
        save(response, target, overwrite=overwrite)
        return str(target)


def _joined(value: str | Sequence[str] | None) -> str | None:
    return value if value is None or isinstance(value, str) else ",".join(value)
