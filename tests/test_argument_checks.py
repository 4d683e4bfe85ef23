"""Every plain argument of a public method has a check, and the table of checks has no other names."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import kalbio.aio
from kalbio._core.generated import UNSET
from kalbio._model import arguments
from kalbio._model.arguments import CHECKS, CLEARED_BY_NONE
from tests.rows import row

# A bar is shown where progress is True.
PLAIN = {
    "bool": (*arguments.FLAGS, *arguments.CALLBACKS),
    "int": arguments.WHOLE_NUMBERS,
    "str": arguments.TEXTS,
    "Path": arguments.PATHS,
}


def methods() -> Iterator[Callable[..., Any]]:
    """Yield the methods of services and objects that check their arguments."""
    for found in pkgutil.iter_modules(kalbio.aio.__path__):
        module = importlib.import_module(f"kalbio.aio.{found.name}")
        for kind in vars(module).values():
            if inspect.isclass(kind) and kind.__module__ == module.__name__:
                for method in vars(kind).values():
                    if inspect.isfunction(method) and inspect.unwrap(method) is not method:
                        yield inspect.unwrap(method)


PARAMETERS = [
    (method.__qualname__, parameter)
    for method in methods()
    for parameter in list(inspect.signature(method).parameters.values())[1:]
    if parameter.kind is not parameter.VAR_KEYWORD
]


def parts(parameter: inspect.Parameter) -> set[str]:
    """Return the types that a parameter is annotated with."""
    return set(str(parameter.annotation).split(" | "))


def test_every_plain_argument_has_a_check() -> None:
    """An argument that is a flag, a whole number, a text, a path or a callback is in the table, under its type."""
    missing = set()
    for _, parameter in PARAMETERS:
        plain = parts(parameter) - {"None", "Unset"}
        name = parameter.name
        names_a_thing = name.endswith(("_id", "_by"))
        if name in CHECKS or (names_a_thing and plain <= {"str"}):
            continue
        if plain <= {"bool", "int", "str", "Path", "dict[str, Any]"} or any("Progress" in part for part in plain):
            missing.add(f"{name}: {parameter.annotation}")
    assert missing == set()


def test_the_check_fits_the_type() -> None:
    """The check under a name is that of the type in each signature, and None is let through where the type has it."""
    for method, parameter in [item for item in PARAMETERS if item[1].name in CHECKS]:
        with row(method, parameter):
            types = parts(parameter)
            for plain, names in PLAIN.items():
                if plain in types and not {"str", "Path"} <= types and parameter.name not in arguments.PATHS:
                    assert parameter.name in names
            if parameter.default is UNSET:
                assert ("None" in types) == (parameter.name in CLEARED_BY_NONE)
            elif "None" in types and parameter.name != "include_sub_record_values":
                assert parameter.default is None


def test_the_table_has_no_other_names() -> None:
    """A name in the table that no method has any more is removed from it."""
    assert set(CHECKS) - {parameter.name for _, parameter in PARAMETERS} == set()
    assert set(CHECKS) >= CLEARED_BY_NONE
