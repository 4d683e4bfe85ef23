"""Files: downloads of what was uploaded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from kaleidoscope_api.api.activities import download_activity_file
from kaleidoscope_api.api.files import download_file

from kalbio._core.aio.downloads import (
    IDENTITY_ENCODING,
    DownloadProgress,
    check_sha256,
    check_target,
    check_writable,
    pieces,
    save,
    save_into,
)
from kalbio._core.files.filenames import safe_name
from kalbio._core.objects.identifiers import plain_id
from kalbio._core.text.progress import BYTES, as_function
from kalbio._model.activities import ActivityIdentifier
from kalbio.aio._activity import ACTIVITIES
from kalbio.aio._policy import default_on_error, end_on_error, none
from kalbio.aio._progress import iter_with_progress, with_progress
from kalbio.aio._service import Service
from kalbio.aio._typed_values import FileValue

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Response

__all__ = ["FilesService"]


class FilesService(Service):
    """Downloads of uploaded files (`client.files`)."""

    @default_on_error(none, skip_when_none="file_id")
    @with_progress(BYTES)
    async def download_file(
        self,
        file_id: str | FileValue,
        filename: str | None = None,
        destination: str | Path | None = None,
        activity_id: ActivityIdentifier | None = None,
        *,
        overwrite: bool = True,
        progress: DownloadProgress | bool | None = None,
        sha256: str | None = None,
    ) -> str | None:
        """Save a file.

        Args:
            file_id: its id, from a webhook, or the value of a file field: `record["Spectrum"]`.
            filename: name to save it under; only its last component counts. By default the id.
            destination: directory to save in, created if need be; by default the current one.
            activity_id: the activity it belongs to: object, id, or title.
            overwrite: whether to replace an existing file (its permissions are kept); with False, an existing file is
                an error.
            progress: True shows a bar; a function is called with the bytes received so far, and those in all (or None).
            sha256: checksum that the file must have, 64 hexadecimal digits.

        Returns:
            The path of the file, None when there is no such file on the server, or `file_id` is None.

        Raises:
            OSError: the file cannot be written.
            FileExistsError: the file exists and `overwrite` is False, or there is a link or something else that is not
                a plain file; nothing was sent.
            IdentifierNotFoundError: no such activity; nothing was sent.
            KalbioAPIError: the server refused.
            KalbioResponseError: the answer is not a whole file, or has an encoding that the client does not accept.
            ConnectionFailedError: the download broke, or the checksum is wrong; an existing file is as it was.

        API operation: `downloadFile`; `downloadActivityFile` with an activity.

        Example:
            >>> path = await client.files.download_file("6f1c0d5e-0000-4000-8000-000000000000", "results.csv")
        """
        wanted = _id_of(file_id)
        target = Path(destination if destination is not None else ".") / safe_name(filename, wanted)
        check_target(target, overwrite)
        check_sha256(sha256)
        response = await self._open(wanted, activity_id)
        if response is None:
            return None
        await save(response, target, overwrite=overwrite, progress=as_function(progress), sha256=sha256)
        return str(target)

    @default_on_error(none, skip_when_none="file_id")
    @with_progress(BYTES)
    async def write_file(
        self,
        file_id: str | FileValue,
        file: BinaryIO,
        activity_id: ActivityIdentifier | None = None,
        *,
        progress: DownloadProgress | bool | None = None,
        sha256: str | None = None,
    ) -> int | None:
        """Write a file into one that is open, from where it stands.

        Args:
            file_id: its id, or the value of a file field: `record["Spectrum"]`.
            file: opened for writing bytes. A failure leaves what was written until then in it.
            activity_id: the activity it belongs to: object, id, or title.
            progress: True shows a bar; a function is called with the bytes received so far, and those in all (or None).
            sha256: checksum that the file must have, 64 hexadecimal digits.

        Returns:
            How many bytes were written, None when there is no such file on the server, or `file_id` is None.

        Raises:
            TypeError: `file` does not take bytes; nothing was sent.
            IdentifierNotFoundError: no such activity; nothing was sent.
            KalbioAPIError: the server refused.
            KalbioResponseError: the answer is not a whole file, or has an encoding that the client does not accept.
            ConnectionFailedError: the download broke, or the checksum is wrong.

        API operation: `downloadFile`; `downloadActivityFile` with an activity.

        Example:
            >>> with open("results.csv", "wb") as file:
            ...     size = await client.files.write_file("6f1c0d5e-0000-4000-8000-000000000000", file)
        """
        wanted = _id_of(file_id)
        check_writable(file)
        check_sha256(sha256)
        response = await self._open(wanted, activity_id)
        return (
            None if response is None else await save_into(response, file, progress=as_function(progress), sha256=sha256)
        )

    @default_on_error(none, skip_when_none="file_id")
    @with_progress(BYTES)
    async def read_file(
        self,
        file_id: str | FileValue,
        activity_id: ActivityIdentifier | None = None,
        *,
        progress: DownloadProgress | bool | None = None,
        sha256: str | None = None,
    ) -> bytes | None:
        """Return the bytes of a file, None when there is no such file on the server, or `file_id` is None.

        Args:
            file_id: its id, or the value of a file field: `record["Spectrum"]`.
            activity_id: the activity it belongs to: object, id, or title.
            progress: True shows a bar; a function is called with the bytes received so far, and those in all (or None).
            sha256: checksum that the file must have, 64 hexadecimal digits.

        Raises:
            IdentifierNotFoundError: no such activity; nothing was sent.
            KalbioAPIError: the server refused.
            KalbioResponseError: the answer is not a whole file, or has an encoding that the client does not accept.
            ConnectionFailedError: the download broke, or the checksum is wrong.

        API operation: `downloadFile`; `downloadActivityFile` with an activity.

        Example:
            >>> data = await client.files.read_file("6f1c0d5e-0000-4000-8000-000000000000")
        """
        wanted = _id_of(file_id)
        check_sha256(sha256)
        response = await self._open(wanted, activity_id)
        if response is None:
            return None
        return b"".join([piece async for piece in pieces(response, progress=as_function(progress), sha256=sha256)])

    @end_on_error
    @iter_with_progress(BYTES)
    async def iter_file(
        self,
        file_id: str | FileValue,
        activity_id: ActivityIdentifier | None = None,
        *,
        progress: DownloadProgress | bool | None = None,
        sha256: str | None = None,
    ) -> AsyncIterator[bytes]:
        """Yield a file piece by piece, for files that are too large to hold.

        The connection is given back when the iterator ends or is closed.

        Args:
            file_id: its id, or the value of a file field: `record["Spectrum"]`.
            activity_id: the activity it belongs to: object, id, or title.
            progress: True shows a bar; a function is called with the bytes received so far, and those in all (or None).
            sha256: checksum that the file must have, 64 hexadecimal digits; checked behind the last piece.

        Raises:
            NotFoundError: there is no such file on the server.
            IdentifierNotFoundError: no such activity; nothing was sent.
            KalbioAPIError: the server refused.
            KalbioResponseError: the answer is not a whole file, or has an encoding that the client does not accept.
            ConnectionFailedError: the download broke, or the checksum is wrong.

        API operation: `downloadFile`; `downloadActivityFile` with an activity.

        Example:
            >>> size = sum([len(piece) async for piece in client.files.iter_file(file_id)])
        """
        wanted = _id_of(file_id)
        check_sha256(sha256)
        response = await self._session.call(await self._request(wanted, activity_id), stream=True)
        try:
            async for piece in pieces(response, progress=as_function(progress), sha256=sha256):
                yield piece
        finally:
            await response.aclose()  # a reader that stops early does not close the inner iterator at once

    async def _open(self, file_id: str, activity_id: ActivityIdentifier | None) -> Response | None:
        return await self._session.call_or_none(await self._request(file_id, activity_id), stream=True)

    async def _request(self, file_id: str, activity_id: ActivityIdentifier | None) -> dict[str, Any]:
        if activity_id is None:
            request = download_file.build_request(file_id)
        else:
            activity = await self._directory[ACTIVITIES].require_id(activity_id)
            request = download_activity_file.build_request(activity, file_id)
        return {**request, "headers": IDENTITY_ENCODING}


def _id_of(file_id: Any) -> str:
    if isinstance(file_id, FileValue):
        return plain_id(file_id.id, "file")
    content = getattr(file_id, "content", file_id)
    if isinstance(content, Mapping) and "file_id" in content:  # the value of a field, or of a property, is at hand
        return plain_id(content["file_id"], "file")
    return plain_id(file_id, "file")
