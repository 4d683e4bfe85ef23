"""Contents of files, in a folder of their own."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Content:
    """Bytes that are kept."""

    name: str
    size: int
    md5: str


class Folder:
    """Where contents are, made when the first one comes.

    Args:
        kept: where it is; by default a temporary folder, which is removed with the stand-in.
    """

    def __init__(self, kept: Path | None = None) -> None:
        self._kept = kept

    @cached_property
    def path(self) -> Path:
        """The folder."""
        if self._kept is not None:
            self._kept.mkdir(parents=True, exist_ok=True)
            return self._kept
        made = tempfile.mkdtemp(prefix="provena-sandbox-")
        weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)
        return Path(made)

    def keep(self, name: str, data: bytes) -> Content:
        """Keep bytes."""
        (self.path / name).write_bytes(data)
        return Content(name, len(data), hashlib.md5(data, usedforsecurity=False).hexdigest())

    def join(self, name: str, parts: Iterable[tuple[str, int, int]]) -> Content:
        """Keep pieces of what is kept already, one after the other: each a name, where it begins and how long it is."""
        digest, size = hashlib.md5(usedforsecurity=False), 0
        with (self.path / name).open("wb") as whole:
            for part, begin, length in parts:
                for piece in self._pieces(part, begin, length):
                    digest.update(piece)
                    whole.write(piece)
                    size += len(piece)
        return Content(name, size, digest.hexdigest())

    def read(self, name: str, begin: int, length: int) -> bytes:
        """Part of what is kept."""
        return b"".join(self._pieces(name, begin, length))

    def forget(self, name: str) -> None:
        """Keep it no longer."""
        (self.path / name).unlink(missing_ok=True)

    def _pieces(self, name: str, begin: int, length: int) -> Iterable[bytes]:
        with (self.path / name).open("rb") as file:
            file.seek(begin)
            while length and (piece := file.read(min(length, 1 << 20))):
                length -= len(piece)
                yield piece
