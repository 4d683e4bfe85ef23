"""Checks what is to be uploaded before anything is sent."""

from __future__ import annotations

import io
from typing import BinaryIO

from kaleidoscope_api.types import File


def as_file(file_name: str, file_data: BinaryIO | bytes, file_type: str) -> File:
    """Return the file part of an upload. Raises ValueError or TypeError naming what is wrong with it."""
    if not isinstance(file_name, str) or not file_name.strip():
        raise ValueError(f"file_name must be text that is not empty; got {file_name!r}")
    if isinstance(file_data, bytes | bytearray | memoryview):
        return File(io.BytesIO(file_data), file_name, file_type)
    if isinstance(file_data, io.TextIOBase) or not hasattr(file_data, "read"):
        raise TypeError(
            f"file_data must be bytes or a file opened for reading bytes (mode 'rb'); got {type(file_data).__name__}"
        )
    return File(file_data, file_name, file_type)
