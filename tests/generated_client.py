"""Makes the generated package from a description of the test's own and runs code against it in a process of its own."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from scripts.codegen import spec
from scripts.codegen.generate import generate

ROOT = Path(__file__).resolve().parents[1]


@cache
def _api_description() -> bytes:
    return pickle.dumps(spec.load((ROOT / "openapi.yaml").read_text(encoding="utf-8")))


def api_description() -> dict[str, Any]:
    """openapi.yaml, to be changed at will."""
    description: dict[str, Any] = pickle.loads(_api_description())
    return description


def without_provena(table: str) -> str:
    """The project's table of APIs with the first one alone, for what the second would only make slower."""
    return re.sub(r"\[tool\.kalbio\.apis\.provena\]\n(.+\n)+", "", table)


def build_package(description: dict[str, Any], directory: Path) -> Path:
    """Generates `kaleidoscope_api` below the directory and returns the directory, which is then good for `run`."""
    directory.mkdir(parents=True, exist_ok=True)
    generate(description, directory / "kaleidoscope_api")
    return directory


def run(directory: Path, code: str) -> str:
    """What the code prints when `kaleidoscope_api` is the package below the directory."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
