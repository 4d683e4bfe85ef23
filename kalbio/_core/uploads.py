"""Checks what is to be uploaded before anything is sent."""

from __future__ import annotations

import io
import mimetypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from kaleidoscope_api.types import File

# Also keeps line ends out of the header of the part.
_CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[\x20-\x7e]*)?", re.ASCII)


FileData = BinaryIO | bytes | os.PathLike[str]
"""What can be uploaded: bytes, a file opened for reading bytes, or a path."""


@contextmanager
def opened(file_name: str | os.PathLike[str], file_data: FileData | None, file_type: str | None) -> Iterator[File]:
    """Open what is to be uploaded, and close what was opened here.

    Without `file_data`, `file_name` is a path. Without `file_type` it follows from the name. An upload begins where an
    opened file stands.
    """
    path = file_name if file_data is None else file_data
    name = Path(file_name).name if file_data is None or isinstance(file_name, os.PathLike) else file_name
    kind = file_type
    if kind is None and isinstance(name, str):
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if isinstance(path, os.PathLike) or (file_data is None and isinstance(path, str) and path):
        with Path(path).open("rb") as file:
            yield as_file(name, file, kind)
    else:
        yield as_file(name, path, kind)


def as_file(file_name: Any, file_data: Any, file_type: Any) -> File:
    """Return the file part of an upload. Raises ValueError or TypeError naming what is wrong with it."""
    if not isinstance(file_name, str) or not file_name.strip():
        raise ValueError(f"file_name must be text that is not empty; got {file_name!r}")
    if not isinstance(file_type, str) or not _CONTENT_TYPE.fullmatch(file_type):
        raise ValueError(f"file_type must be a content type, e.g. 'text/csv'; got {file_type!r}")
    if isinstance(file_data, bytes | bytearray | memoryview):
        return File(io.BytesIO(file_data), file_name, file_type)
    if isinstance(file_data, io.TextIOBase) or not hasattr(file_data, "read"):
        raise TypeError(
            f"file_data must be bytes or a file opened for reading bytes (mode 'rb'), or a path; "
            f"got {type(file_data).__name__}"
        )
    stream: Any = _Stream(file_data)
    return File(stream, file_name, file_type)


class _Stream:
    """A file that begins where it stands and does not show its descriptor.

    The HTTP library takes the length of an upload from the descriptor, which is wrong for pipes (0), for compressed
    files (the compressed length), and for files that were read from already; and it rewinds to the very beginning.
    Without a descriptor, it seeks, or sends in chunks.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        # Not everything that reads can say whether it seeks.
        if file.seekable() if hasattr(file, "seekable") else hasattr(file, "seek"):
            begin = file.tell()

            def seek(offset: int, whence: int = os.SEEK_SET) -> int:
                return file.seek(offset + begin if whence == os.SEEK_SET else offset, whence) - begin

            self.seek, self.tell = seek, lambda: file.tell() - begin
