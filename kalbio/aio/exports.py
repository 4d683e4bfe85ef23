"""Exports: records as CSV files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from kaleidoscope_api.api.records import export_records_csv

from kalbio._core.aio.downloads import GZIP_ENCODING, DownloadProgress, check_target, save
from kalbio._core.errors import IdentifierError
from kalbio._core.files.filenames import safe_name
from kalbio._core.objects.checks import renamed
from kalbio._core.objects.identifiers import Many, joined_ids, plain_id
from kalbio._core.objects.resource import Resource
from kalbio._core.text.progress import BYTES, as_function
from kalbio._model.activities import ActivityIdentifier
from kalbio._model.filters import Filters, Sorts
from kalbio._model.long_searches import check_length
from kalbio._model.records import RecordValue
from kalbio._model.search import OLDER_CONDITIONS, ViewFilters, ViewSorts
from kalbio._model.views import RecordViewData, RecordViewIdentifier, ViewField
from kalbio.aio._policy import default_on_error, deprecated, none, unreachable
from kalbio.aio._progress import with_progress
from kalbio.aio._record_search import search_query
from kalbio.aio._service import Service
from kalbio.aio.entity_types import EntityTypeIdentifier
from kalbio.aio.programs import ProgramIdentifier

__all__ = ["ExportsService"]


class ExportsService(Service):
    """Exports of records (`client.exports`)."""

    @deprecated(**OLDER_CONDITIONS)
    @default_on_error(none, reraise_if=unreachable)
    @with_progress(BYTES)
    async def pull_data(
        self,
        filename: str,
        entity_slice_id: EntityTypeIdentifier,
        download_path: str | Path | None = None,
        record_view_id: RecordViewIdentifier | None = None,
        view_field_ids: str | Many[ViewField | str] | None = None,
        identifier_ids: str | Many[RecordValue | str] | None = None,
        record_set_ids: str | Many[str] | None = None,
        program_id: ProgramIdentifier | None = None,
        operation_id: ActivityIdentifier | None = None,
        view_field_filters: str | ViewFilters | None = None,
        view_field_sorts: str | ViewSorts | None = None,
        entity_field_filters: str | Filters | None = None,
        entity_field_sorts: str | Sorts | None = None,
        search_text: str | None = None,
        *,
        overwrite: bool = True,
        progress: DownloadProgress | bool | None = None,
        where: Filters | None = None,
        sorts: Sorts | None = None,
        record_set_id: str | None = None,
        record_set_filters: Many[str] | None = None,
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
            view_field_filters: conditions on columns, made with `F`, as a list of dicts, or as JSON text.
            view_field_sorts: order by column, as a list or as JSON text.
            entity_field_filters: as `where`, or as JSON text.
            entity_field_sorts: as `sorts`, or as JSON text.
            search_text: free text.
            overwrite: whether to replace an existing file (its permissions are kept); with False, an existing file is
                an error.
            progress: True shows a bar; a function is called with the bytes received so far, and those in all (or None).
            where: conditions on fields that must all hold, made with `F`: `(F("logP") < 5) & F("Hit").is_set()`.
            sorts: names of fields, the most important first, with a "-" before one for descending.
            record_set_id: older name of `record_set_ids`.
            record_set_filters: sent as it is, for servers that still know it.

        Returns:
            The path of the file, None when the server has nothing to export.

        Raises:
            OSError: the file cannot be written.
            FileExistsError: the file exists and `overwrite` is False, or there is a link or something else that is not
                a plain file; nothing was sent.
            IdentifierError: the entity type is None; nothing was sent.
            IdentifierNotFoundError: no such entity type, program, activity or field; nothing was sent.
            KalbioAPIError: the server refused.
            KalbioResponseError: the answer is not a whole file, or has an encoding that the client does not accept.
            ConnectionFailedError: the download broke; an existing file is as it was.

        API operation: `exportRecordsCsv`.

        Example:
            >>> path = await client.exports.pull_data("compounds.csv", "Compound", "exports")
        """
        name = safe_name(filename, "export.csv")
        target = Path(download_path if download_path is not None else tempfile.gettempdir()) / name
        check_target(target, overwrite)
        if record_set_id is not None:
            record_set_ids = renamed("record_set_id", record_set_id, "record_set_ids", record_set_ids)
        if entity_slice_id is None:
            raise IdentifierError(
                "entity type", None, "pull_data() needs an entity type: give its id or its name as entity_slice_id."
            )
        query = await search_query(
            self._directory,
            {
                "filename": name,
                "entity_slice_id": entity_slice_id,
                "record_view_id": None
                if record_view_id is None
                else plain_id(record_view_id, "record view", RecordViewData),
                "view_field_ids": _joined(view_field_ids, "view field", ViewField),
                "identifier_ids": _joined(identifier_ids, "key value", RecordValue),
                "record_set_ids": record_set_ids,
                "record_set_filters": record_set_filters,
                "program_id": program_id,
                "operation_id": operation_id,
                "view_field_filters": view_field_filters,
                "view_field_sorts": view_field_sorts,
                "where": where,
                "sorts": sorts,
                "entity_field_filters": entity_field_filters,
                "entity_field_sorts": entity_field_sorts,
                "search_text": search_text,
            },
        )
        build: Any = export_records_csv.build_request
        request = build(**query)
        check_length(query, lambda asked: self._session.target_length(build(**asked)))
        response = await self._session.call_or_none({**request, "headers": GZIP_ENCODING}, stream=True)
        if response is None:
            return None
        await save(response, target, overwrite=overwrite, progress=as_function(progress))
        return str(target)


def _joined(value: str | Many[Resource | str] | None, kind: str, accepted: type[Resource]) -> str | None:
    return None if value is None else joined_ids(value, kind, accepted)
