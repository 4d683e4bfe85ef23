"""Checks what is to be uploaded before anything is sent."""

from __future__ import annotations

import inspect
import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from kalbio._core import constants
from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.errors import AuthenticationError, RateLimitError, ServerError, TransportError
from kalbio._core.generated import File
from kalbio._core.http.content_types import content_type_of
from kalbio._core.text.display import safe_repr

# Also keeps line ends out of the header of the part.
_CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[\x20-\x7e]*)?", re.ASCII)

_OFTEN_REPEATED = (AuthenticationError, RateLimitError, ServerError, TransportError)

FileData = BinaryIO | bytes | os.PathLike[str]
"""What can be uploaded: bytes, a file opened for reading bytes, or a path."""


UploadProgress = Callable[[int, int | None], object]
"""Called with the bytes that were sent, and with all that will be sent where that is known."""


@contextmanager
def open_upload(
    file_name: str | os.PathLike[str],
    file_data: FileData | None,
    file_type: str | None,
    progress: UploadProgress | None = None,
    *,
    field: object = None,
) -> Iterator[File]:
    """Open what is to be uploaded, and close what was opened here. `progress` is called for each piece that is sent.

    Without `file_data`, `file_name` is a path. Without `file_type` it follows from the name. An upload begins where an
    opened file stands; when it fails, the file stands there again, so that the caller can try once more. `field` is
    what the errors call the field that it is for.
    """
    if file_data is None and not isinstance(file_name, str | os.PathLike):
        for_field = f" for {safe_repr(field)}" if field is not None else ""
        raise ArgumentTypeError(
            f"file_name{for_field} must be the path of a file, or a name with the bytes behind it: "
            f"'nmr.txt', b'1 2 3'; got {safe_repr(file_name)}"
        )
    path = file_name if file_data is None else file_data
    name = Path(file_name).name if file_data is None or isinstance(file_name, os.PathLike) else file_name
    kind = file_type
    if kind is None and isinstance(name, str):
        kind = content_type_of(name)
    with ExitStack() as ours:
        if isinstance(path, os.PathLike) or (file_data is None and isinstance(path, str) and path):
            # Without a buffer: what is read at once is more than it would hold.
            path = ours.enter_context(Path(path).open("rb", buffering=0))
        part = as_file(name, path, kind)
        if progress is not None:
            watched: Any = _Watched(part.payload, progress)
            part = File(watched, part.file_name, part.mime_type)
        try:
            yield part
        except BaseException as error:
            if hasattr(part.payload, "seek"):
                with suppress(OSError, ValueError):  # the file may be what went wrong
                    part.payload.seek(0)
            elif isinstance(error, _OFTEN_REPEATED):
                error.add_note("It was not sent again, because file_data cannot seek back to what was sent already.")
            raise


def as_file(file_name: Any, file_data: Any, file_type: Any) -> File:
    """Return the file part of an upload. Raises ValueError or TypeError naming what is wrong with it."""
    if not isinstance(file_name, str) or not file_name.strip():
        raise ArgumentError(f"file_name must be text that is not empty; got {file_name!r}")
    if any("\ud800" <= character <= "\udfff" for character in file_name):
        raise ArgumentError(f"file_name must be text that can be sent as UTF-8; got {file_name!r}")
    if not isinstance(file_type, str) or not _CONTENT_TYPE.fullmatch(file_type):
        raise ArgumentError(f"file_type must be a content type, e.g. 'text/csv'; got {file_type!r}")
    if isinstance(file_data, bytes | bytearray | memoryview):
        return File(io.BytesIO(file_data), file_name, file_type)
    _check_readable(file_data)
    stream: Any = _Stream(file_data)
    return File(stream, file_name, file_type)


def _check_readable(file: Any) -> None:
    """Raise TypeError, or what the file itself raises, when it does not give bytes."""
    nothing = file.read(0) if hasattr(file, "read") else None
    if isinstance(nothing, bytes | bytearray | memoryview):
        return
    if inspect.iscoroutine(nothing):
        nothing.close()
    raise ArgumentTypeError(
        f"file_data must be bytes or a file opened for reading bytes (mode 'rb'), or a path; got {type(file).__name__}"
    )


class _Stream:
    """A file that begins where it stands, ends where it ended then, and does not show its descriptor.

    The HTTP library takes the length of an upload from the descriptor, which is wrong for pipes (0), for compressed
    files (the compressed length), and for files that were read from already; and it rewinds to the very beginning.
    Without a descriptor, it seeks, or sends in chunks.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left: int | None = None
        # Not everything that reads can say whether it seeks.
        if file.seekable() if hasattr(file, "seekable") else hasattr(file, "seek"):
            begin = file.tell()
            file.seek(0, os.SEEK_END)
            size = max(0, file.tell() - begin)
            file.seek(begin)
            if begin and not size:  # as a plot that was just saved into a buffer: an empty file is not what is meant
                raise ArgumentError(
                    "file_data stands at its end, so nothing would be sent; file_data.seek(0) goes back to its start"
                )
            self._left = size

            def seek(offset: int, whence: int = os.SEEK_SET) -> int:
                position = offset + (size if whence == os.SEEK_END else 0)
                file.seek(begin + position)
                self._left = size - position
                return position

            self.seek, self.tell = seek, lambda: size - (self._left or 0)

    def read(self, _: int = -1) -> bytes:
        """Return the next piece. It is larger than the HTTP library asks for: fewer pieces cost less."""
        wanted = constants.UPLOAD_CHUNK if self._left is None else min(constants.UPLOAD_CHUNK, self._left)
        if not wanted:
            return b""  # what was appended since the length was stated is not sent
        piece = self._file.read(wanted)
        if piece is None:
            raise BlockingIOError("file_data has nothing to read yet; open it in blocking mode")
        if self._left is not None:
            if not piece:
                raise OSError(f"file_data became {self._left} bytes shorter during the upload")
            self._left -= len(piece)
        return bytes(piece)


class _Watched:
    """What is uploaded, telling how much of it was taken. It begins anew when an upload is tried once more."""

    def __init__(self, file: BinaryIO, progress: UploadProgress) -> None:
        self._file = file
        self._progress = progress
        self._done = 0
        self._size: int | None = None
        if hasattr(file, "seek"):
            self._size = file.seek(0, os.SEEK_END)
            file.seek(0)
            self.seek, self.tell = self._seek, file.tell

    def _seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._done = self._file.seek(offset, whence)
        return self._done

    def read(self, size: int = -1) -> bytes:
        """Return the next piece."""
        piece = self._file.read(size)
        self._done += len(piece)
        if piece:
            self._progress(self._done, self._size)
        return piece
