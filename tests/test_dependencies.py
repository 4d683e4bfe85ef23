"""What the client imports is declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

from tests.sources import nodes

ROOT = Path(__file__).parent.parent
OPTIONAL = {
    "click", "dask", "dlt", "duckdb", "google", "h2", "jsonschema_rs", "keyring", "nanoarrow", "numpy", "openpyxl",
    "opentelemetry", "pandas", "polars", "pyarrow", "requests", "rich", "tqdm", "yaml",
}  # fmt: skip
"""Imported where a setting or a call asks for it, and named in an error when it is not there."""

OF_EXTRAS = {"sandbox", "emulator", "testing", "pytest_plugin"}
"""Modules that come with an extra, or run inside of pytest."""


def imported(path: Path) -> set[str]:
    """The packages that a module imports, wherever in it."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_packages_that_the_client_imports_are_dependencies() -> None:
    """A package that comes along with another one may be gone with the next release of that one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[\[<>=!~ ;]", text)[0] for text in project["dependencies"]}
    modules = [path for folder in ("kalbio", "generated") for path in (ROOT / folder).rglob("*.py")]
    modules = [path for path in modules if not OF_EXTRAS & set(path.relative_to(ROOT).with_suffix("").parts)]
    ours = {"kalbio", "kaleidoscope_api", "provena_api"}
    used = set().union(*map(imported, modules)) - set(sys.stdlib_module_names) - ours
    names = {"attr": "attrs"}
    assert {names.get(name, name) for name in used - OPTIONAL} - declared == set()
