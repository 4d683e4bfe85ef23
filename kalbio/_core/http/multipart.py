"""The body of an upload: parts of a form, whose names come back as they were given."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from io import UnsupportedOperation
from typing import Any, BinaryIO
from urllib.parse import quote

from kalbio._core import constants
from kalbio._core.http.content_types import content_type_of
from kalbio._core.http.httpx_names import AsyncByteStream, SyncByteStream

Part = tuple[str | None, BinaryIO | bytes, str | None]
Parts = list[tuple[str, Part]]
"""Name of each part; name of its file (None for a field of the form), what is in it, its content type."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_parts(files: Any) -> bool:
    """Whether files have the form that generated operations give them, of all those that the HTTP library takes."""
    return (
        bool(files)
        and isinstance(files, list)
        and all(
            isinstance(part, tuple) and len(part) == 3 and (isinstance(part[1], bytes) or hasattr(part[1], "read"))
            for _, part in files
        )
    )


class Multipart(SyncByteStream, AsyncByteStream):
    """Parts one after the other, each read while it is sent, and from its beginning each time.

    The HTTP library writes `"` in a name as `%22`, which servers keep, and takes the type of a part that has none from
    what is registered on the machine.
    """

    def __init__(self, parts: Parts) -> None:
        self._boundary = secrets.token_hex(16)
        self._parts = [(self._head(name, part), part[1]) for name, part in parts]
        self._end = f"--{self._boundary}--\r\n".encode()

    @property
    def headers(self) -> dict[str, str]:
        """The headers that say what the body is, and how long where that is known."""
        named = {"Content-Type": f"multipart/form-data; boundary={self._boundary}"}
        lengths = [_length(payload) for _, payload in self._parts]
        if None in lengths:
            return {**named, "Transfer-Encoding": "chunked"}
        around = sum(len(head) + len(b"\r\n") for head, _ in self._parts) + len(self._end)
        return {**named, "Content-Length": str(around + sum(filter(None, lengths)))}

    def _head(self, name: str, part: Part) -> bytes:
        file_name, _, kind = part
        lines = [f"--{self._boundary}", f"Content-Disposition: form-data; name={_quoted(name)}"]
        if file_name is not None:
            lines[-1] += f"; filename={_quoted(file_name)}"
            if _CONTROL.search(file_name):
                # No quotes can hold it. Those who do not know this form have the name above.
                lines[-1] += f"; filename*=UTF-8''{quote(file_name, safe='')}"
            kind = kind or content_type_of(file_name)
        if kind is not None:
            lines.append(f"Content-Type: {kind}")
        return "\r\n".join([*lines, "", ""]).encode()

    def __iter__(self) -> Iterator[bytes]:
        for head, payload in self._parts:
            yield head
            if isinstance(payload, bytes):
                yield payload
            else:
                _rewind(payload)
                while piece := payload.read(constants.UPLOAD_CHUNK):
                    yield piece
            yield b"\r\n"
        yield self._end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def _quoted(name: str) -> str:
    text = name.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _CONTROL.sub(lambda match: f"%{ord(match[0]):02X}", text) + '"'


def _rewind(file: BinaryIO) -> None:
    if hasattr(file, "seek"):
        with suppress(UnsupportedOperation):  # a pipe has the method, too
            file.seek(0)


def _length(payload: BinaryIO | bytes) -> int | None:
    if isinstance(payload, bytes):
        return len(payload)
    if not hasattr(payload, "seek"):
        return None
    try:
        return payload.seek(0, os.SEEK_END)
    except UnsupportedOperation:
        return None
