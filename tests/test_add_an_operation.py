"""The walk of docs/add-an-operation.md, on a copy of the project: four files are edited by hand, the rest is made."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.codegen.__main__ import main
from scripts.codegen.derive import is_derived
from tests.generated_client import ROOT, without_provena

PAGE = ROOT / "docs/add-an-operation.md"
PARTS = ("kalbio", "generated", "scripts", "tests", "openapi.yaml", "pyproject.toml")
# Where each block of the page goes: before this text of that file; at the end without one.
PLACES = (
    ("openapi.yaml", "  /workspaces/groups:\n"),
    ("openapi.yaml", "    WorkspaceGroup:\n"),
    ("kalbio/aio/workspace.py", "class WorkspaceService("),
    ("kalbio/aio/workspace.py", ""),
    ("kalbio/sandbox/workspace.py", ""),
    ("tests/every_operation.py", "    world(api.workspace.get_events("),
)
EDITED = {file for file, _ in PLACES}
CHECKS = (
    "tests/test_every_operation.py",
    "tests/sandbox/test_contract.py::test_every_operation_is_served",
    "tests/sandbox/test_parse_constraints.py::test_every_operation_was_answered",
    "tests/test_curated_attributes.py::test_every_attribute_is_described",
    "tests/test_openapi.py::test_operations_are_complete_and_named_once",
    "tests/core/test_retry_table.py::test_the_table_knows_every_operation",
    "tests/test_generated.py::test_every_operation_builds_its_request",
    "tests/test_generated.py::test_every_function_says_what_success_is",
)


def blocks() -> list[str]:
    """The code of the page, in order."""
    return re.findall(r"^```\w+\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the copy in the place of the project."""
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'generated'}"}
    environment.pop("PYTEST_CURRENT_TEST", None)
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def insert(path: Path, block: str, before: str) -> None:
    """Put a block where it belongs."""
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1 or not before, (path, before)
    if not before:
        gap = "\n" if block.startswith(" ") else "\n\n"
        path.write_text(text + gap + block, encoding="utf-8")
    else:
        gap = "\n\n" if block.startswith("class") else ""
        path.write_text(text.replace(before, block + gap + before), encoding="utf-8")


def contents(root: Path) -> dict[str, bytes]:
    """All files of a copy."""
    files = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, set[str]]]:
    """A copy of the project after the walk, and the files that differ and that nothing makes."""
    root = tmp_path_factory.mktemp("walk") / "project"
    root.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            # With what was compiled, as far as it is: it is good for the copy too. Others may be writing it.
            left_out = shutil.ignore_patterns("*.pyc.*", "cassettes", "provena_api")
            shutil.copytree(ROOT / part, root / part, ignore=left_out)
        else:
            shutil.copy(ROOT / part, root / part)
    table = root / "pyproject.toml"  # nothing is made of the other API
    table.write_text(without_provena(table.read_text(encoding="utf-8")), encoding="utf-8")
    before = contents(root)
    for (file, place), block in zip(PLACES, blocks(), strict=True):
        insert(root / file, block, place)
    assert main([], root) == 0
    changed = {name for name, data in contents(root).items() if data != before.get(name)}
    yield root, {name for name in changed if not (name.startswith("generated/") or is_derived(root / name))}
    # What is only copied names the secrets that tests plant; what was written here is looked through with the rest.
    for path in [path for path in root.rglob("*") if path.is_file()]:
        original = ROOT / path.relative_to(root)
        if original.is_file() and filecmp.cmp(path, original, shallow=False):
            path.unlink()


def test_four_files_are_edited_by_hand(walked: tuple[Path, set[str]]) -> None:
    """The description, the service, the handler and the scenario change by hand; all else that changes is made."""
    _, by_hand = walked
    assert by_hand == EDITED
    assert len(EDITED) <= 4


def test_what_is_asked_of_every_operation_holds(walked: tuple[Path, set[str]]) -> None:
    """The tests that go over all operations are green, and the new one among them: both clients call it, and the
    sandbox serves it.
    """
    root, _ = walked
    done = run(root, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CHECKS)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def test_what_is_forgotten_is_red(walked: tuple[Path, set[str]]) -> None:
    """Without the handler and the line in the scenario, the tests that the page names are red and say so."""
    root, _ = walked
    forgotten = ("tests/every_operation.py", "kalbio/sandbox/workspace.py")
    kept = {file: (root / file).read_bytes() for file in forgotten}
    for file in forgotten:
        shutil.copy(ROOT / file, root / file)
    try:
        done = run(root, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CHECKS[:2])
    finally:
        for file in forgotten:
            (root / file).write_bytes(kept[file])
    red = {line.split()[1].partition("[")[0] for line in done.stdout.splitlines() if line.startswith("FAILED ")}
    assert red == {"tests/test_every_operation.py::test_every_operation_is_called_and_served", CHECKS[1]}
    assert done.stdout.count("listWorkspaceRooms") >= 3
