"""The kinds of files that outcomes are saved as."""

from __future__ import annotations

import os
from pathlib import Path

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.text.display import safe_repr


def suffix_to_save(path: str | os.PathLike[str]) -> str:
    """Return ".json" or ".csv", as the name of a file says. Raises ArgumentError where it is another."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".json", ".csv"):
        raise ArgumentError(
            f"{safe_repr(os.fspath(path))} must end in .json or .csv, which are what outcomes are saved as"
        )
    return suffix
