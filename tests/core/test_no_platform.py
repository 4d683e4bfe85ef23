"""The floor names no platform: not in its imports, its identifiers, its texts, or its comments."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kaleidoscope_api
import pytest

import kalbio
from kalbio._model.platform import KALEIDOSCOPE
from tests.rows import row
from tests.sources import nodes

FLOOR = Path(kalbio.__file__).parent / "_core"
MODULES = sorted(FLOOR.rglob("*.py"))
DESCRIPTION = json.loads((Path(kaleidoscope_api.__file__).parent / "openapi.json").read_text(encoding="utf-8"))

# What stands in the names of the description, and is a word of HTTP, of OAuth, of OpenAPI, or of plain English.
COMMON = {
    "access token", "client id", "client secret", "expire in", "grant type", "refresh token", "token type",
    "error message", "file name", "is complete", "is required", "json object", "operation id", "request id",
    "set name", "statu code", "created at", "user id",
}  # fmt: skip
ORDINARY = {
    "access", "add", "aggregation", "attr", "auth", "behavior", "body", "bulk", "by", "callback", "category",
    "clear", "color", "comment", "completed", "component", "configuration", "conflict", "content", "convention",
    "create", "data", "definition", "delete", "draft", "duplicate", "embedded", "empty", "error", "event",
    "field", "file", "filter", "format", "from", "get", "grant", "group", "id", "ids", "import", "item", "json", "key",
    "label", "level", "link", "list", "lookup", "mapping", "match", "name", "naming", "object", "operation", "or",
    "order", "post", "priority", "program", "promote", "property", "push", "pushed", "queue", "record", "register",
    "remove", "replace", "requested", "resource", "result", "rich", "role", "rule", "run", "scope", "search", "set",
    "sort", "source", "statu", "status", "submit", "target", "template", "text", "timestamp", "token", "transfer",
    "type", "unlink", "update", "upload", "user", "validate", "validation", "value", "view", "write", "slice",
    "submitted",
}  # fmt: skip


def words(text: str) -> tuple[str, ...]:
    """The words of a name or a text, in lower case and in the singular."""
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    apart = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", apart)
    return tuple(singular(word.lower()) for word in re.findall(r"[A-Za-z]+", apart))


def singular(word: str) -> str:
    """A word without the ending of its plural."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def described(node: Any) -> Iterator[str]:
    """The names of members and parameters, anywhere in the description."""
    if isinstance(node, list):
        for item in node:
            yield from described(item)
    elif isinstance(node, dict):
        yield from node["properties"] if isinstance(node.get("properties"), dict) else ()
        if "in" in node and isinstance(node.get("name"), str):
            yield node["name"]
        for item in node.values():
            yield from described(item)


@cache
def foreign() -> tuple[frozenset[str], frozenset[tuple[str, ...]]]:
    """The single words, and the words in a row, that the floor must not say."""
    operations = [one for path in DESCRIPTION["paths"].values() for one in path.values() if isinstance(one, dict)]
    nouns = {tag for one in operations for tag in one.get("tags", ())} | set(DESCRIPTION["components"]["schemas"])
    names = nouns | {one["operationId"] for one in operations if "operationId" in one} | set(described(DESCRIPTION))
    single = {word for noun in nouns for word in words(noun)} - ORDINARY
    single |= {"kaleidoscope", "kal", *words(DESCRIPTION["info"]["title"])} - {"api"}
    single |= {KALEIDOSCOPE.name}
    rows = {words(name) for name in names}
    return frozenset(single), frozenset(row for row in rows if len(row) > 1 and " ".join(row) not in COMMON)


@cache
def found(text: str) -> set[str]:
    """What a text says that the floor must not say."""
    single, rows = foreign()
    said = words(text)
    pieces = {said[start : start + size] for size in {len(row) for row in rows} for start in range(len(said))}
    return {word for word in said if word in single} | {" ".join(row) for row in pieces & rows}


def said_by(source: str) -> Iterator[tuple[int, str]]:
    """The identifiers, texts and comments of a module; of absolute imports, what follows the package's own name."""
    own = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kalbio._core")
    ]
    names_of_package = {node.lineno for node in own}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "NAME" and token.string == "kalbio" and token.start[0] in names_of_package:
            continue
        if kind == "COMMENT" and token.string.startswith(("# Derived from ", "# sync: from kalbio._core.")):
            continue  # the head of a twin, and an import as the twin has it
        if kind in ("NAME", "STRING", "COMMENT") or kind.startswith("FSTRING"):
            yield token.start[0], token.string


def test_the_floor_names_no_platform() -> None:
    """No noun, name, header, variable or package of the platform stands in a module of the floor."""
    for path in MODULES:
        with row(path):
            source = path.read_text(encoding="utf-8")
            guilty = {line: what for line, text in said_by(source) if (what := found(text))}
            assert guilty == {}


def test_the_floor_imports_no_generated_package() -> None:
    """Operations come with the platform, as an argument."""
    for path in MODULES:
        with row(path):
            for node in nodes(path):
                modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                assert not any(module.split(".")[0].endswith("_api") for module in modules)
                assert not any(
                    module.startswith("kalbio") and not module.startswith("kalbio._core") for module in modules
                )


def test_no_text_of_the_floor_is_a_key_of_error_bodies() -> None:
    """The members that the platform's errors have are read by the platform."""
    keys = set(DESCRIPTION["components"]["schemas"]["Error"]["properties"]) | {"issues", "validation"}
    texts = {
        (path.name, node.value)
        for path in MODULES
        if "emulator" not in path.parts and "description" not in path.parts
        for node in nodes(path)
        if isinstance(node, ast.Constant) and node.value in keys
    }
    assert texts == set()


@pytest.mark.parametrize(
    "line",
    [
        'HEADER = "X-Kal-Authorization"',
        'os.environ["KALEIDOSCOPE_API_URL"]',
        'logging.getLogger("kalbio")',
        'raise ValueError(f"data field {name!r} is none")',
        "def read(entity_slices): ...",
        "answer.key_field_to_value",
        "from kaleidoscope_api.types import UNSET",
        "# see the record view",
        '"""Programs and activities."""',
    ],
)
def test_a_word_of_the_platform_would_be_found(line: str) -> None:
    """The test above sees names, attributes, texts, comments and imports."""
    assert [what for _, text in said_by(line + "\n") for what in found(text)]
