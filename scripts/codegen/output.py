"""What all files that are made have in common: their format, and a header by which they are known."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

from .spec import SpecError

_SEAL = re.compile(r"^# .* \(digest \w+\)$")


def ruff(directory: Path, command: str, *arguments: str) -> None:
    """Runs ruff over the directory and fails with its words."""
    done = subprocess.run(
        [sys.executable, "-I", "-m", "ruff", command, "--quiet", "--no-cache", *arguments, "."],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SpecError(f"ruff {command} failed:\n{done.stdout}{done.stderr}")


def sealed(header: str, code: str) -> str:
    """The code under a header line that ends in a digest of it all, by which an edit is told from an old state."""
    return f"{header} (digest {_digest(header, code)})\n{code}"


def is_intact(text: str) -> bool:
    """Whether the text is as `sealed` made it."""
    first, _, code = text.partition("\n")
    header, _, digest = first.rpartition(" (digest ")
    return digest == f"{_digest(header, code)})"


def _digest(header: str, code: str) -> str:
    return hashlib.sha256(f"{header}\n{code}".encode()).hexdigest()[:12]


def is_made(path: Path) -> bool:
    """Whether the first line of the file says that it is made by this script."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return _SEAL.search(file.readline()) is not None
