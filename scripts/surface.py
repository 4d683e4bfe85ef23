"""Compares the public surface of the package with a table of what it should offer.

    python -m scripts.surface TABLES.md

reads the sections of a Markdown file whose headings name modules (``module `records` ``) and finds in their tables
every signature, class, enumeration member and member of an object; then it looks each up in both worlds, with its
parameter names.
It prints what is missing and exits 1 when anything is.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs

WORLDS = {"sync": "kalbio", "async": "kalbio.aio"}
_SIGNATURE = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)\((?P<parameters>.*)\)(?:\s*->.*)?$", re.DOTALL)
_HEADING = re.compile(r"^## \d+\. (?P<title>.*)$", re.MULTILINE)


@attrs.frozen
class Wanted:
    """One name that a table asks for."""

    modules: tuple[str, ...]
    name: str
    parameters: tuple[str, ...] | None = None
    members: tuple[str, ...] = ()


def read_tables(text: str) -> list[Wanted]:
    """Return what the tables of a Markdown text ask for."""
    wanted: list[Wanted] = []
    parts = _HEADING.split(text)
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        if "module" not in title:
            continue
        modules = tuple(re.findall(r"`(\w+)`", title[title.index("module") :]))
        wanted.extend(_read_section(modules, body))
    return wanted


def _read_section(modules: tuple[str, ...], body: str) -> Iterator[Wanted]:
    for line in body.splitlines():
        if not line.startswith("|"):
            # In prose, `Name` [era]: `member`, `member: type` … describes an object; several may share a line.
            _, *parts = re.split(r"`([A-Z]\w+)` \[\w+(?:[:;][^]]*)?\]", line)
            for name, described in zip(parts[::2], parts[1::2], strict=True):
                if described.lstrip().startswith((":", "–")):
                    yield Wanted(modules, name, members=_members(described))
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) < 2 or set(cells[0]) <= set("-: "):
            continue
        code = re.match(r"`([^`]+)`", cells[0])
        if code is None:
            continue
        text = code.group(1).replace("\\|", "|")
        signature = _SIGNATURE.match(text)
        if re.match(r"^[A-Z]\w*\([A-Z]\w*\)$", text):
            yield Wanted(modules, text.partition("(")[0], members=_members(cells[1]))
        elif signature:
            yield Wanted(modules, signature["name"], tuple(_parameters(signature["parameters"])))
        elif re.match(r"^[A-Z]\w*(\.\w+)?$", text):
            enum = tuple(re.findall(r"`([A-Z][A-Z0-9_]*)` \"", cells[1]))
            yield Wanted(modules, text, members=enum or _members(cells[1]))
        elif " (relation)" in cells[0] or " (property)" in cells[0]:
            yield Wanted(modules, text)


def _members(cell: str) -> tuple[str, ...]:
    # What stands in parentheses explains a member and is none; a method is listed in a table of its own.
    spans = re.findall(r"`([^`]+)`", re.sub(r"\([^()`]*`[^`]*`[^()]*\)", "", cell))
    names = (re.match(r"^([a-z_]\w*)(?::.*| = .*)?$", span) for span in spans)
    return tuple(name.group(1) for name in names if name is not None)


def _parameters(text: str) -> Iterator[str]:
    depth, start = 0, 0
    for index, char in enumerate(f"{text},"):
        depth += char in "([{"
        depth -= char in ")]}"
        if char == "," and depth == 0:
            name = re.split(r"[:=]", text[start:index].strip())[0].strip().strip("*")
            if name:
                yield name
            start = index + 1


def find_missing(wanted: Wanted, world: str) -> list[str]:
    """Return what a world lacks of one wanted name."""
    modules = [import_module(f"{WORLDS[world]}.{name}") for name in wanted.modules]
    found = [item for module in modules for item in _candidates(module, wanted.name, world)]
    label = f"{world} {'/'.join(wanted.modules)}: {wanted.name}"
    if not found:
        return [label]
    if wanted.parameters is not None:
        lacking = [[name for name in wanted.parameters if name not in _accepts(item)] for item in found]
        return [f"{label}({name})" for name in min(lacking, key=len)]
    lacking = [[name for name in wanted.members if not _has(item, name)] for item in found]
    return [f"{label}.{name}" for name in min(lacking, key=len)]


def _candidates(module: ModuleType, name: str, world: str) -> Iterator[Any]:
    owner, _, attribute = name.rpartition(".")
    if not owner:
        for spelling in (name, f"Async{name}") if world == "async" else (name,):
            if hasattr(module, spelling) and not inspect.ismodule(getattr(module, spelling)):
                yield getattr(module, spelling)
    classes = [item for item in vars(module).values() if inspect.isclass(item) and item.__module__ == module.__name__]
    for item in classes:
        if (not owner or item.__name__ == owner) and hasattr(item, attribute or name):
            yield inspect.getattr_static(item, attribute or name)


def _accepts(item: Any) -> set[str]:
    parameters = inspect.signature(item).parameters
    names = set(parameters)
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        names |= {"params", "kwargs"}
    return names


def _has(item: Any, name: str) -> bool:
    if inspect.isclass(item) and issubclass(item, Enum):
        return name in item.__members__
    return name in getattr(item, "__annotations__", {}) or hasattr(item, name)


def compare(text: str) -> tuple[int, list[str]]:
    """Return how many names and parameters the tables ask for, and those that are missing."""
    wanted = read_tables(text)
    asked = sum(1 + len(item.parameters or ()) + len(item.members) for item in wanted)
    return asked, [line for item in wanted for world in WORLDS for line in find_missing(item, world)]


def main() -> int:
    """Compare, and print what is missing."""
    asked, missing = compare(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(f"{asked} names, parameters and members asked for, in two worlds; {len(missing)} missing")
    for line in missing:
        print(f"  {line}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
