"""Where a user of this computer has the settings of a program, and files there that nobody else can read."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path


def settings_folder(program: str, environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Return the folder in which a user of this platform has the settings of a program."""
    if platform == "win32":
        return Path(environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / program
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support" / program
    given = environ.get("XDG_CONFIG_HOME", "")
    # The standard says that a relative path there does not count.
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".config") / program


def write_private(path: Path, text: str) -> None:
    """Write a file, and its folder if need be, whole or not at all: a reader gets the old one or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Nobody else's business from the beginning: mkstemp makes a file of the user alone, whatever the umask.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
