"""Runs mypy and pyright once on code as users write it, in a directory outside the tree, on the package as installed.

The code is the scripts of `scripts/`, which are written async and derived into the sync world.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from scripts.codegen.apis import read_table
from scripts.codegen.derive import derive

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = Path(__file__).parent / "scripts"
CHECKERS = ("mypy", "pyright")


class Finding(NamedTuple):
    """An error that a checker reports."""

    line: int
    text: str


class Reports(NamedTuple):
    """What was checked, and what each checker found: by checker, then by file."""

    files: Mapping[str, str]
    found: Mapping[str, Mapping[str, list[Finding]]]


def _scripts() -> Iterator[tuple[str, str]]:
    twins = read_table(ROOT).twins
    for path in sorted(SCRIPTS.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield f"async_{path.name}", text
        yield f"sync_{path.name}", derive(text, twins)


@functools.cache
def reports() -> Reports:
    """Check everything, once in a run of the tests."""
    files = dict(_scripts())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
        (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}', encoding="utf-8")
        commands = (
            [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-codes", "--config-file=",
             f"--cache-dir={ROOT / '.mypy_cache' / 'users'}", *files],
            [str(Path(sys.executable).with_name("basedpyright")), f"--pythonpath={sys.executable}", "--outputjson"],
        )  # fmt: skip
        running = [
            subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for command in commands
        ]
        (mypy, mypy_errors), (pyright, pyright_errors) = [process.communicate() for process in running]
    assert {process.returncode for process in running} <= {0, 1}, mypy_errors + pyright_errors
    found: dict[str, dict[str, list[Finding]]] = {checker: {file: [] for file in files} for checker in CHECKERS}
    for file, line, text in re.findall(r"^(\S+?):(\d+): error: (.*)$", mypy, re.MULTILINE):
        found["mypy"][file].append(Finding(int(line), text))
    for item in json.loads(pyright)["generalDiagnostics"]:
        if item["severity"] == "error":
            line = item["range"]["start"]["line"] + 1
            found["pyright"][Path(item["file"]).name].append(Finding(line, item["message"]))
    return Reports(files, found)
