"""What may know what: one module knows the HTTP library, none but the description knows the API's paths."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from kaleidoscope_api.operations import OPERATIONS

import kalbio
from tests.sources import nodes

PACKAGE = Path(kalbio.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
NO_SANDBOX = [path for path in MODULES if "sandbox" not in path.relative_to(PACKAGE).parts]


def name(path: Path) -> str:
    """The module's place in the package."""
    return path.relative_to(PACKAGE).as_posix()


def imports(path: Path) -> Iterator[str]:
    """The modules that a module imports, wherever in its text."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def texts(path: Path) -> Iterator[str]:
    """The string literals of a module, parts of f-strings included, docstrings left out."""
    docs = {id(node.value) for node in nodes(path) if isinstance(node, ast.Expr)}
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_one_module_imports_the_http_library() -> None:
    """Everything else takes its names from kalbio._core.http.httpx_names."""
    guilty = [name(path) for path in MODULES if any(module.split(".")[0] == "httpx" for module in imports(path))]
    assert guilty == ["_core/http/httpx_names.py"]


def test_no_module_states_a_path_or_a_query_of_the_api() -> None:
    """No text of the client begins like a path of openapi.yaml; requests are built by the generated operations."""
    roots = {operation.path.split("/")[1] for operation in OPERATIONS.values()}
    stated = re.compile(rf"/?({'|'.join(sorted(map(re.escape, roots)))})/|/({'|'.join(sorted(roots))})\b|\?\w+=")
    assert [(name(path), text) for path in NO_SANDBOX for text in texts(path) if stated.match(text)] == []


def test_the_arrows_run_one_way() -> None:
    """The core knows no noun of the platform; the model no service; the sandbox no client."""
    rules = {
        "_core": ("kalbio.aio", "kalbio._model", "kalbio.sandbox", "kalbio.testing", "kalbio.client"),
        "_model": ("kalbio.sandbox", "kalbio.testing", "kalbio.client", "kalbio.aio.client"),
        "sandbox": ("kalbio._core.aio", "kalbio._core.sync", "kalbio.aio", "kalbio.client", "kalbio._model"),
    }
    typing_only = {"kalbio.aio.client", "kalbio.client"}
    wrong = []
    for path in MODULES:
        layer = path.relative_to(PACKAGE).parts[0]
        for module in imports(path):
            forbidden = rules.get(layer, ())
            if module.startswith(forbidden) and not (layer == "_model" and module in typing_only):
                wrong.append((name(path), module))
    assert wrong == []
