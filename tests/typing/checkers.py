"""Runs mypy and pyright once on code as users write it, in a directory outside the tree, on the package as installed.

The code is the scripts of `scripts/`, which are written async and derived into the sync world; those of `scripts/sync/`
are checked as they stand. So are the examples of the guide, those of a page as one function, and the notebook of
`right/`, in which nothing may be Any.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.codegen.apis import read_table
from scripts.codegen.derive import derive
from tests.test_docs import PAGES, blocks, statements

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = Path(__file__).parent / "scripts"
NOTEBOOK = Path(__file__).parent / "right" / "notebook.py"
UNKNOWN = ["Any", "UnknownVariableType", "UnknownMemberType", "UnknownArgumentType", "UnknownParameterType",
           "UnknownLambdaType"]  # fmt: skip
NO_ANY = f"\n# mypy: disallow-any-expr\n# pyright: {', '.join(f'report{kind}=error' for kind in UNKNOWN)}\n"
"""What has a checker report every expression without a type, in one file."""


@functools.cache
def files() -> Mapping[str, str]:
    """The code to check, by the name of the file."""
    twins = read_table(ROOT).twins
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted(SCRIPTS.glob("sync/*.py"))}
    for path in [*sorted(SCRIPTS.glob("*.py")), NOTEBOOK]:
        text = path.read_text(encoding="utf-8") + (NO_ANY if path == NOTEBOOK else "")
        found |= {f"async_{path.name}": text, f"sync_{path.name}": derive(text, twins)}
    return found | {f"page_{page.stem}.py".replace("-", "_"): _code_of(page) for page in PAGES}


def _code_of(page: Path) -> str:
    """The blocks of a page as one function, which may await, in the lines where they stand."""
    lines = [""] * (page.read_text(encoding="utf-8").count("\n") + 1)
    lines[:2] = "# mypy: allow-redefinition", "async def page() -> None:"
    lines[-1] = "    pass"
    for block in blocks(page):
        for number, line in enumerate(block.code.splitlines(), block.line):
            lines[number] = f"    {line}" if line and not line.startswith("from __future__") else ""
    return "\n".join(lines) + "\n"


def marked(file: str) -> set[int]:
    """The lines of a file that are marked as errors."""
    return {number for number, line in enumerate(files()[file].splitlines(), 1) if line.endswith("# error")}


def refused(page: Path) -> set[int]:
    """The lines of statements of a page of which it says that they raise: what they show is often a slip."""
    return {
        block.line + line
        for block in blocks(page)
        for statement, expected in statements(block)
        if expected.error is not None
        for line in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    }


Findings = Mapping[str, Mapping[int, list[str]]]
"""What a checker finds: by file, and by line."""


def findings(checker: str, folder: Path) -> Findings:
    """What a checker finds. It runs once for all processes that give the same folder: the first of them runs it."""
    kept, runs = folder / f"{checker}.json", folder / f"{checker}.runs"
    deadline = time.monotonic() + 500
    while not kept.exists():
        assert time.monotonic() < deadline, f"{checker} did not end in another process of the tests"
        try:
            runs.mkdir()
        except FileExistsError:
            time.sleep(0.05)
            continue
        try:
            kept.with_suffix(".part").write_text(json.dumps(_run(checker)), encoding="utf-8")
            kept.with_suffix(".part").replace(kept)
        finally:
            runs.rmdir()  # when it failed, the next one fails in the same way, and says how
    found = {file: dict[int, list[str]]() for file in files()}
    for file, line, text in json.loads(kept.read_text(encoding="utf-8")):
        found[file].setdefault(line, []).append(text)
    return found


def _run(checker: str) -> list[tuple[str, int, str]]:
    with tempfile.TemporaryDirectory() as folder:
        for file, text in files().items():
            Path(folder, file).write_text(text, encoding="utf-8")
        Path(folder, "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}', encoding="utf-8")
        command = COMMANDS[checker] + ([] if checker == "pyright" else [*files()])
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return list(READ[checker](done.stdout))


def _read_mypy(output: str) -> Iterator[tuple[str, int, str]]:
    for file, line, text in re.findall(r"^(\S+?):(\d+): error: (.*)$", output, re.MULTILINE):
        yield file, int(line), text


def _read_pyright(output: str) -> Iterator[tuple[str, int, str]]:
    for item in json.loads(output)["generalDiagnostics"]:
        if item["severity"] == "error":
            yield Path(item["file"]).name, item["range"]["start"]["line"] + 1, item["message"]


COMMANDS = {
    # The cache is that of the project's own check: it holds the package already, and both are strict.
    "mypy": [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-codes", "--config-file=",
             f"--cache-dir={ROOT / '.mypy_cache'}"],
    "pyright": [str(Path(sys.executable).with_name("basedpyright")), f"--pythonpath={sys.executable}", "--outputjson"],
}  # fmt: skip
READ = {"mypy": _read_mypy, "pyright": _read_pyright}
