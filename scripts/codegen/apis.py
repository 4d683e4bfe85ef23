"""Reads the table of APIs in pyproject.toml: what is made of which description, and which modules are derived."""

from __future__ import annotations

import tomllib
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from .spec import NAME, SpecError

GENERATED = "generated"
"""The directory of the generated packages; nothing else lies in it."""


class Twins(NamedTuple):
    """A directory of async sources, and the directory of the sync modules that are derived from them."""

    source: str
    target: str
    by_hand: frozenset[str]
    """Modules of the source that have no derived twin, by their path in it."""


class SchemaModule(NamedTuple):
    """A module with a class for each schema of an API, and the class that they are subclasses of."""

    module: str
    base: str


class Api(NamedTuple):
    """One API: its description and the package that is generated from it."""

    name: str
    description: str
    package: str
    schemas: SchemaModule | None


class Table(NamedTuple):
    """All of it."""

    apis: list[Api]
    twins: list[Twins]


def read_table(root: Path) -> Table:
    """The table below `[tool.kalbio]` of pyproject.toml. Raises SpecError that says what is wrong with it."""
    try:
        with (root / "pyproject.toml").open("rb") as file:
            table = tomllib.load(file).get("tool", {}).get("kalbio", {})
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SpecError(f"pyproject.toml cannot be read: {error}") from error
    apis: list[Api] = []
    twins: list[Twins] = []
    if "floor" in table:
        twins.append(_twins("tool.kalbio.floor", dict(table["floor"])))
    for name, entry in table.get("apis", {}).items():
        where, rest = f"tool.kalbio.apis.{name}", dict(entry)
        told = dict(rest.pop("schemas", {}))
        schemas = SchemaModule(*(_text(f"{where}.schemas", told, one) for one in ("module", "base"))) if told else None
        api = Api(name, _text(where, rest, "description"), _text(where, rest, "package"), schemas)
        if not NAME.fullmatch(api.package):
            raise SpecError(f"{where}: package is {api.package!r}, which is not a valid package name")
        if api.package in {other.package for other in apis}:
            raise SpecError(f"{where}: another API has the package {api.package} already")
        apis.append(api)
        if rest:  # an API may have no client, only its generated package
            twins.append(_twins(where, rest))
    if not apis:
        raise SpecError("pyproject.toml has no API: tool.kalbio.apis.<name> names each one")
    return Table(apis, twins)


def _twins(where: str, entry: dict[str, Any]) -> Twins:
    source, target = (PurePosixPath(_text(where, entry, name)) for name in ("source", "twins"))
    by_hand = entry.pop("by_hand", [])
    if entry:
        raise SpecError(f"{where}: {', '.join(entry)} is not a known setting")
    if target not in (source.parent, source.parent / target.name):
        raise SpecError(
            f"{where}: the twins of {source} lie in the directory above it or in one beside it, not in {target}"
        )
    return Twins(str(source), str(target), frozenset(by_hand))


def _text(where: str, entry: dict[str, Any], name: str) -> str:
    value = entry.pop(name, None)
    if not isinstance(value, str) or not value:
        raise SpecError(f"{where}: {name} is missing")
    return value
