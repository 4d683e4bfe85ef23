"""Compares the clients of the older Provena client with a table of what they should offer.

    python -m scripts.provena_surface TABLES.md

reads the tables of a Markdown file below headings that name classes (``**RegistryClient**``), whose first column has
signatures (`fetch_item(id: str)`). It looks each method up in both worlds, and compares the names of the parameters and
whether they must be given. It prints what is missing or differs, and exits 1 when anything does.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

WORLDS = ("kalbio.provena.clients", "kalbio.provena.sync")
_CLASS = re.compile(r"^\*\*(\w+)\*\*$")
_ROW = re.compile(r"^\| `(\w+\(.*?\))` \|")


class Wanted(NamedTuple):
    """A method that a table asks for."""

    owner: str
    name: str
    parameters: list[str]
    required: int
    """How many of them must be given."""


def read_tables(text: str) -> Iterator[Wanted]:
    """Yield the methods in the order of the tables."""
    owner = ""
    for line in text.splitlines():
        if found := _CLASS.match(line):
            owner = found[1]
        elif owner and (found := _ROW.match(line)):
            function = ast.parse(f"def {found[1]}: ...").body[0]
            assert isinstance(function, ast.FunctionDef)
            arguments = function.args
            names = [one.arg for one in arguments.args]
            yield Wanted(owner, function.name, names, len(names) - len(arguments.defaults))


def difference(wanted: Wanted, world: str) -> str | None:
    """What is wrong with a method in a world, None when nothing is."""
    owner: Any = getattr(import_module(world), wanted.owner, None)
    if owner is None:
        return "there is no such class"
    method = getattr(owner, wanted.name, None)
    if method is None:
        return "there is no such method"
    found = list(inspect.signature(method).parameters.values())[1:]
    names = [one.name for one in found]
    if names[: len(wanted.parameters)] != wanted.parameters:
        return f"its parameters are {', '.join(names)}, not {', '.join(wanted.parameters)}"
    must = [one.name for one in found if one.default is inspect.Parameter.empty]
    if too_many := [name for name in must if name not in wanted.parameters[: wanted.required]]:
        return f"{', '.join(too_many)} must be given"
    return None


def main(arguments: list[str]) -> int:
    """Compare, and return the exit code."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    wanted = list(read_tables(Path(arguments[0]).read_text(encoding="utf-8")))
    worst = 0
    for world in WORLDS:
        wrong = [(one, told) for one in wanted if (told := difference(one, world)) is not None]
        for one, told in wrong:
            print(f"{world}.{one.owner}.{one.name}: {told}")
        classes = {one.owner for one in wanted}
        print(f"{world}: {len(wanted) - len(wrong)} of {len(wanted)} methods of {len(classes)} classes as documented")
        worst = worst or bool(wrong) or not wanted
    return int(worst)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
