"""Checks what is to be uploaded before anything is sent."""

from __future__ import annotations

import io
import re
from typing import Any, BinaryIO

from kaleidoscope_api.types import File

# Also keeps line ends out of the header of the part.
_CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[\x20-\x7e]*)?", re.ASCII)


def as_file(file_name: str, file_data: BinaryIO | bytes, file_type: str) -> File:
    """Return the file part of an upload. Raises ValueError or TypeError naming what is wrong with it."""
    if not isinstance(file_name, str) or not file_name.strip():
        raise ValueError(f"file_name must be text that is not empty; got {file_name!r}")
    if not isinstance(file_type, str) or not _CONTENT_TYPE.fullmatch(file_type):
        raise ValueError(f"file_type must be a content type, e.g. 'text/csv'; got {file_type!r}")
    if isinstance(file_data, bytes | bytearray | memoryview):
        return File(io.BytesIO(file_data), file_name, file_type)
    if isinstance(file_data, io.TextIOBase) or not hasattr(file_data, "read"):
        raise TypeError(
            f"file_data must be bytes or a file opened for reading bytes (mode 'rb'); got {type(file_data).__name__}"
        )
    stream: Any = _Stream(file_data)
    return File(stream, file_name, file_type)


class _Stream:
    """A file that does not show its descriptor.

    The HTTP library takes the length of an upload from the descriptor, which is wrong for pipes (0) and for compressed
    files (the compressed length). Without it, it seeks, or sends in chunks.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        # Not everything that reads can say whether it seeks.
        if file.seekable() if hasattr(file, "seekable") else hasattr(file, "seek"):
            self.seek, self.tell = file.seek, file.tell
