"""Compares the public surface of the package with a table of what it should offer.

    python -m scripts.surface TABLES.md

reads the sections of a Markdown file whose headings name modules (``module `records` ``) and finds in their tables
every signature, class, enumeration member and member of an object. It looks each up in both worlds, with its parameter
names; then `scripts.surface_run` touches each on a sandbox, under both error policies.
It prints what is missing or differs, and exits 1 when anything does that has no reason.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs

WORLDS = {"sync": "kalbio", "async": "kalbio.aio"}
_SIGNATURE = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)\((?P<parameters>.*)\)(?:\s*->(?P<returns>.*))?$", re.DOTALL)
_HEADING = re.compile(r"^## \d+\. (?P<title>.*)$", re.MULTILINE)
_ERA = re.compile(r"\[(S|\d+)\b[^]]*\]")
_FAILURE = re.compile(r"on failure|lenient value")


@attrs.frozen
class Wanted:
    """One name that a table asks for.

    Attributes:
        modules: where it is to be imported from, one of them; none where it is of every object.
        name: with its class where the table tells it.
        parameters: of what can be called.
        required: those of them that the table gives no default, but for those that go by keyword only.
        members: of an enumeration with their values, of an object with their types; empty text where it is not told.
        era: mark of the release that had it first.
        returns: the annotation of what a call gives.
        failure: what the table says of the value of a failed call under the older policy; None where it says nothing.
        is_read: whether it is read like a member, and not called.
    """

    modules: tuple[str, ...]
    name: str
    parameters: tuple[str, ...] | None = None
    required: tuple[str, ...] = ()
    members: Mapping[str, str] = attrs.field(factory=dict)
    era: str = ""
    returns: str = ""
    failure: str | None = None
    is_read: bool = False


def read_tables(text: str) -> list[Wanted]:
    """Return what the tables of a Markdown text ask for."""
    wanted: list[Wanted] = []
    parts = _HEADING.split(text)
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        _, named, modules = title.partition("module")
        if named or title.startswith("Base of"):  # what the base of all objects has belongs to no module
            wanted.extend(_read_section(tuple(re.findall(r"`(\w+)`", modules)), title, body))
    return wanted


def _read_section(modules: tuple[str, ...], title: str, body: str) -> Iterator[Wanted]:
    owner, era = "", _era(title)
    headings: list[str] = []
    for line in body.splitlines():
        if not line.startswith("|"):
            headings = []
            if line.startswith("#"):
                found = re.search(r"`([A-Z]\w+)`", line)
                owner, era = (found.group(1) if found else ""), _era(line) or era
            if service := re.search(r"`\w+Service` (\[\w+[^]]*\])", line):
                era = _era(service.group(1))
            era = era or _era(line)
            yield from (Wanted(modules, name, era=era) for name in re.findall(r"`(\w+Service)`", line))
            described = list(_described(modules, line))
            yield from described
            if line.startswith("Attributes of the client"):
                owner = "KaleidoscopeClient"
            elif described and not described[-1].members:
                owner, era = described[-1].name, described[-1].era  # its members stand in a table of their own
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not headings:
            headings = cells
            continue
        code = re.match(r"`([^`]+)`", cells[0])
        if code is None or len(cells) < 2:
            continue
        text = code.group(1).replace("\\|", "|")
        own = _era(cells[0]) or era
        if headings[0] in ("attribute", "field"):
            told = re.match(r"`?(\w+(?:\[.*\])?(?:\|None)?)`?(?: –|$)", cells[1].replace("\\|", "|"))
            members = {name: told.group(1) if told else "" for name in re.findall(r"`(\w+)`", cells[0])}
            yield Wanted(modules, owner, members=members, era=own)
            continue
        failures = [cell for heading, cell in zip(headings, cells, strict=False) if _FAILURE.search(heading)]
        failure = failures[0] if failures else None
        signature = _SIGNATURE.match(text)
        if re.match(r"^[A-Z]\w*\([A-Z]\w*\)$", text):
            yield Wanted(modules, text.partition("(")[0], members=_members(cells[1]), era=own)
        elif signature and signature["name"] != "str":
            name = signature["name"]
            if owner and not name[0].isupper():
                name = f"{owner}.{name}"
            parameters = dict(_parameters(signature["parameters"]))
            required = tuple(parameter for parameter, is_required in parameters.items() if is_required)
            returns = (signature["returns"] or "").strip()
            yield Wanted(modules, name, tuple(parameters), required, {}, own, returns, failure)
        elif not modules and (member := re.match(r"^(\w+): (\w+)$", text)):
            yield Wanted(modules, "", members={member.group(1): member.group(2)}, era=own)
        elif re.match(r"^[A-Z]\w*(\.\w+)?$", text):
            values = dict(re.findall(r"`([A-Z][A-Z0-9_]*)` \"([^\"]*)\"", cells[1]))
            yield Wanted(modules, text, members=values or _members(cells[1]), era=own)
        elif " (relation)" in cells[0] or " (property)" in cells[0]:
            returns = cells[0].replace("\\|", "|").partition("`-> ")[2].partition("`")[0]
            name = f"{owner}.{text}" if owner else text
            yield Wanted(modules, name, era=own, returns=returns, failure=failure, is_read=True)


def _described(modules: tuple[str, ...], line: str) -> Iterator[Wanted]:
    """Read prose, in which `Name` [era]: `member`, `member: type` … describes an object; several may share a line."""
    _, *parts = re.split(r"`([A-Z]\w+)` (\[\w+(?:[:;,][^]]*)?\])", line)
    for name, era, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        if text.lstrip().startswith((":", "–")) and not name.endswith("Service"):
            yield Wanted(
                modules, name, members=_members(re.sub(r"`str\(\)` = (`[^`]*`|[^`:;|]*)", "", text)), era=_era(era)
            )


def _era(text: str) -> str:
    found = _ERA.search(re.sub(r"`[^`]*`", "", text))
    return found.group(1) if found else ""


def _members(cell: str) -> dict[str, str]:
    # What stands in parentheses explains a member and is none; a method is listed in a table of its own.
    spans = re.findall(r"`([^`]+)`", re.sub(r"\([^()`]*`[^`]*`[^()]*\)", "", cell.replace("\\|", "|")))
    found = (re.match(r"^([a-z_]\w*)(?:: ([^=]*?))?(?: = .*)?$", span) for span in spans)
    return {member.group(1): member.group(2) or "" for member in found if member is not None}


def _parameters(text: str) -> Iterator[tuple[str, bool]]:
    """Return each parameter of a signature, and whether it must be given."""
    depth, start, by_position = 0, 0, True
    for index, char in enumerate(f"{text},"):
        depth += char in "([{"
        depth -= char in ")]}"
        if char == "," and depth == 0:
            part = text[start:index].strip()
            by_position = by_position and not part.startswith("*")
            name = re.split(r"[:=]", part)[0].strip().strip("*")
            if name:
                yield name, by_position and "=" not in part
            start = index + 1


def find_missing(wanted: Wanted, world: str) -> list[str]:
    """Return what a world lacks of one wanted name."""
    found = [item for _, item in find(wanted, world)]
    label = f"{world} {'/'.join(wanted.modules)}: {wanted.name}"
    if not found:
        return [label]
    if wanted.parameters is not None:
        lacking = [[name for name in wanted.parameters if name not in _accepts(item)] for item in found]
        return [f"{label}({name})" for name in min(lacking, key=len)]
    lacking = [[name for name in wanted.members if not _has(item, name)] for item in found]
    return [f"{label}.{name}" for name in min(lacking, key=len)]


def find(wanted: Wanted, world: str) -> list[tuple[str, Any]]:
    """Return what a world has under a wanted name, each with the name of its class or of its module."""
    if not wanted.modules:
        wanted = attrs.evolve(wanted, modules=("records",), name=f"Record.{wanted.name}".rstrip("."))
    modules = [import_module(f"{WORLDS[world]}.{name}") for name in wanted.modules]
    return [found for module in modules for found in _candidates(module, wanted.name, world)]


def _candidates(module: ModuleType, name: str, world: str) -> Iterator[tuple[str, Any]]:
    owner, _, attribute = name.rpartition(".")
    if not owner:
        for spelling in (name, f"Async{name}") if world == "async" else (name,):
            if hasattr(module, spelling) and not inspect.ismodule(getattr(module, spelling)):
                yield module.__name__, getattr(module, spelling)
    classes = [item for item in vars(module).values() if inspect.isclass(item) and item.__module__ == module.__name__]
    for item in classes:
        if owner in ("", item.__name__, item.__name__.removeprefix("Async")) and hasattr(item, attribute or name):
            yield item.__name__, inspect.getattr_static(item, attribute or name)


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
    """Compare, touch everything, and print what is missing and what differs."""
    from scripts.surface_run import report

    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    asked, missing = compare(text)
    print(f"{asked} names, parameters and members asked for, in two worlds; {len(missing)} missing")
    for line in missing:
        print(f"  {line}")
    told, without_reason = report(read_tables(text))
    print(*told, sep="\n")
    print(f"{len(without_reason)} differences without a reason")
    return 1 if missing or without_reason else 0


if __name__ == "__main__":
    sys.exit(main())
