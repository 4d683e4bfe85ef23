"""The contents of files beside a mirror: where each of them is kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from kalbio._core.files.filenames import safe_name


class FilesFolder:
    """The folder with the contents of files: a folder in it for each, named after its id.

    Args:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def path_of(self, file_id: str, name: str | None) -> Path:
        """Return where the content of a file is, or will be."""
        folder = file_id if re.fullmatch(r"[0-9a-z-]{8,64}", file_id) else _digest(file_id)
        return self._path / folder / safe_name(name, file_id)

    def present(self, files: Mapping[str, str | None]) -> dict[str, str]:
        """Return those of these files, named by their ids, whose content is there, with the path from the mirror on."""
        if not self._path.is_dir():
            return {}
        paths = {file_id: self.path_of(file_id, name) for file_id, name in files.items()}
        root = self._path.parent
        return {file_id: path.relative_to(root).as_posix() for file_id, path in paths.items() if path.is_file()}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
