"""What all generated packages share, so that the `UNSET` or the `File` of one is that of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, BinaryIO, Literal, NamedTuple


class Unset:
    """The type of `UNSET`: the value of a field that is not there, as opposed to one that is null."""

    _instance: Unset | None = None

    def __new__(cls) -> Unset:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"

    def __copy__(self) -> Unset:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Unset:
        return self

    def __reduce__(self) -> str:
        return "UNSET"


UNSET: Unset = Unset()

FileContent = IO[bytes] | bytes | str
FileTypes = tuple[str | None, FileContent, str | None] | tuple[str | None, FileContent, str | None, Mapping[str, str]]
RequestFiles = list[tuple[str, FileTypes]]


class File(NamedTuple):
    """A file to upload, or one that came back."""

    payload: BinaryIO
    file_name: str | None = None
    mime_type: str | None = None

    def to_tuple(self) -> FileTypes:
        """The form that httpx takes. Without a file name a server would take the part for a form field."""
        return self.file_name or "file", self.payload, self.mime_type
