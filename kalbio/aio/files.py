"""Files: downloads of what was uploaded."""

from __future__ import annotations

from pathlib import Path

from kaleidoscope_api.api.activities import download_activity_file
from kaleidoscope_api.api.files import download_file

from kalbio._core.aio.downloads import refuse_existing, save
from kalbio._core.filenames import safe_name
from kalbio._model.identifiers import plain_id
from kalbio.aio._policy import nothing, on_failure
from kalbio.aio._service import Service
from kalbio.aio.activities import ActivityIdentifier

__all__ = ["FilesService"]


class FilesService(Service):
    """Downloads of uploaded files (`client.files`)."""

    @on_failure(nothing)
    async def download_file(
        self,
        file_id: str,
        filename: str | None = None,
        destination: str | Path | None = None,
        activity_id: ActivityIdentifier | None = None,
        *,
        overwrite: bool = False,
    ) -> str | None:
        """Save a file.

        Args:
            file_id: its id, from a webhook or from the content of a file field.
            filename: name to save it under; only its last component counts. By default the id.
            destination: directory to save in, created if need be; by default the current one.
            activity_id: the activity it belongs to: object, id, or title.
            overwrite: whether an existing file may be replaced.

        Returns:
            The path of the file, None when there is no such file on the server.

        Raises:
            FileExistsError: the file exists here and must not be replaced; nothing was sent.
            IdentifierNotFoundError: no such activity; nothing was sent.
            KalbioAPIError: the server refused.
            ConnectionFailedError: the download broke; an existing file is as it was.

        API operation: `downloadFile`; `downloadActivityFile` with an activity.

        Example:
            >>> path = await client.files.download_file("6f1c0d5e-0000-4000-8000-000000000000", "results.csv")
        """
        wanted = plain_id(file_id, "file")
        target = Path(destination if destination is not None else ".") / safe_name(filename, wanted)
        refuse_existing(target, overwrite)
        if activity_id is None:
            request = download_file.build_request(wanted)
        else:
            operation = await self._client.activities.resolve(activity_id)
            request = download_activity_file.build_request(operation, wanted)
        response = await self._client.call_or_none(request, stream=True)
        if response is None:
            return None
        await save(response, target, overwrite=overwrite)
        return str(target)
