"""Checks of plain arguments, made before anything is sent."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.generated import UNSET
from kalbio._core.json.array_scalars import plain_value
from kalbio._core.objects.identifiers import close_matches
from kalbio._core.objects.lists import is_frame, is_list
from kalbio._core.text.display import safe_repr

Check = Callable[[str, Any], Any]


def unicode_text(name: str, value: Any) -> str:
    """Return text, which may be empty. Raises ValueError naming the argument."""
    if not isinstance(value, str):
        raise ArgumentError(f"{name} must be text; got {safe_repr(value)}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ArgumentError(f"{name} is {safe_repr(value)}, which is not valid Unicode text") from None
    return value


def require_text(name: str, value: Any) -> str:
    """Return text that is not blank. Raises ValueError naming the argument."""
    if not isinstance(value, str) or not value.strip():
        raise ArgumentError(f"{name} must be text that is not empty; got {safe_repr(value)}")
    return unicode_text(name, value)


def require_flag(name: str, value: Any) -> bool:
    """Return a yes or no. Raises ValueError naming the argument: "no" would count as yes."""
    if not isinstance(plain_value(value), bool):
        raise ArgumentError(f"{name} must be True or False; got {safe_repr(value)}")
    return bool(value)


def require_texts(name: str, values: Any) -> list[str]:
    """Return a list of texts that are not blank. A single text is refused: it would be read letter by letter."""
    if not is_list(values):
        raise ArgumentError(f"{name} must be a list of texts; got {safe_repr(values)}")
    return [require_text(f"{name}[{index}]", value) for index, value in enumerate(values)]


def require_list(name: str, values: Any) -> list[Any]:
    """Return what a list holds. Raises ValueError naming the argument: a text would be taken letter by letter."""
    if is_frame(values):
        raise ArgumentError(f"{name} must be a list, not a table; give its rows, frame.to_dict('records') in pandas")
    if not is_list(values):
        raise ArgumentError(f"{name} must be a list; got {safe_repr(values)}")
    return list(values)


def require_whole_number(name: str, value: Any, least: int) -> int:
    """Return a whole number of at least `least`. Raises ValueError naming the argument."""
    number = plain_value(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise ArgumentError(f"{name} must be a whole number of at least {least}; got {safe_repr(value)}")
    return number


Synonyms = Mapping[str, Collection[str]]
"""What an argument may be called elsewhere, by its name; by "method.name" a sentence on what to do instead."""


def unknown_argument(
    name: str, unknown: str, known: Collection[str], synonyms: Synonyms, kind: str = "argument"
) -> ArgumentTypeError:
    """Return the error for an argument that a method lacks, with what it is called there or what it takes."""
    if instead := synonyms.get(f"{name}.{unknown}"):
        return ArgumentTypeError(f"{name}() has no {kind} {unknown}: {' '.join(instead)}")
    same = [one for one in synonyms.get(unknown, ()) if one in known]
    close = same or close_matches(unknown, known)
    names = " or ".join(f"{one}=..." for one in close)
    cure = f". Did you mean {names}?" if close else f"; it takes {', '.join(known) or 'none'}"
    return ArgumentTypeError(f"{name}() has no {kind} {unknown}{cure}")


def conditions(
    name: str, params: Mapping[str, Any], known: Iterable[str], synonyms: Synonyms | None = None
) -> dict[str, Any]:
    """Return the conditions that are given: those that are not None. Raises TypeError for one that `name` lacks."""
    known = list(known)
    for unknown in sorted(set(params) - set(known)):
        raise unknown_argument(name, unknown, known, synonyms or {}, "condition")
    return {condition: value for condition, value in params.items() if value is not None}


def require_rows(name: str, data: Any, members: type | None = None, *, of_table: str = "") -> list[dict[Any, Any]]:
    """Return a table as a list of dicts. Raises ValueError naming the first row that is not a dict.

    With a class of `members`, rows must have no others. `of_table` says how a table of another library
    becomes such a list.
    """
    if not is_list(data):
        single = "for a single one, [row]" if isinstance(data, Mapping) else f"got {type(data).__name__}"
        if of_table and (isinstance(data, str | os.PathLike) or is_frame(data)):
            single = of_table
        raise ArgumentError(f"{name} must be a list of dicts, one for each row; {single}")
    if hasattr(data, "to_dict"):
        cure = of_table or f"got {type(data).__name__}"
        raise ArgumentError(f"{name} must be a list of dicts, one for each row: {cure}")
    rows = []
    for index, row in enumerate(data):
        if not isinstance(row, Mapping):
            raise ArgumentError(f"{name}[{index}] must be a dict of column to value; got {safe_repr(row)}")
        unknown = [] if members is None else [key for key in row if key not in members.__annotations__]
        if members is not None and unknown:
            known = ", ".join(members.__annotations__)
            raise ArgumentError(f"{name}[{index}] has an unknown member {safe_repr(unknown[0])}; known are {known}")
        rows.append(dict(row))
    return rows


class in_row:  # used as what it is: `with in_row(3):`
    """Lets errors begin with the number of the row that they are about; None for no row.

    A class, because a generator that is entered for each of many rows takes as long as what is done with them.
    """

    __slots__ = ("_name", "_number")

    def __init__(self, number: int | None, name: str = "rows") -> None:
        self._number = number
        self._name = name

    def __enter__(self) -> None:
        """Nothing has to be done."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Name the row in an error."""
        if self._number is not None and isinstance(error, ValueError | TypeError):
            error.args = (f"{self._name}[{self._number}]: {error}", *error.args[1:])


def renamed(old: str, value: Any, new: str, other: Any) -> Any:
    """Return the value that came under the older name of an argument. Raises ValueError when both were given."""
    if other is not None:
        raise ArgumentError(f"{new} and {old} mean the same; give {new} only")
    return value


def whole_number(name: str, value: Any) -> None:
    """Raise ValueError naming the argument when a value is not a whole number; those of array libraries are."""
    if isinstance(value, bool) or not (isinstance(value, int) or callable(getattr(value, "__index__", None))):
        raise ArgumentError(f"{name} must be a whole number; got {safe_repr(value)}")


def document(name: str, value: Any) -> None:
    """Raise ValueError naming the argument when a value is not a dict."""
    if not isinstance(value, Mapping):
        raise ArgumentError(f"{name} must be a dict; got {safe_repr(value)}")


def path(name: str, value: Any) -> None:
    """Raise ValueError naming the argument when a value cannot be the path of a file."""
    if not isinstance(value, str | os.PathLike) or "\0" in os.fspath(value):
        raise ArgumentError(f"{name} must be a path; got {safe_repr(value)}")


def callback_or_flag(name: str, value: Any) -> None:
    """Raise ValueError naming the argument when a value is neither a function nor True or False."""
    if not callable(value) and not isinstance(value, bool):
        raise ArgumentError(f"{name} must be True, or a function to call; got {safe_repr(value)}")


def argument_checker(
    method: Callable[..., Any],
    checks: Mapping[str, Check],
    cleared_by_none: Collection[str],
    synonyms: Synonyms | None = None,
) -> Callable[[tuple[Any, ...], Mapping[str, Any]], None]:
    """Return a function that checks what a method is called with, before anything is done.

    It raises ValueError, and TypeError for an argument that the method lacks.

    Args:
        method: the method. The default of an argument is always accepted.
        checks: the name of an argument to its check; others have checks of their own, where they are used.
        cleared_by_none: arguments with the default UNSET that may also be None.
        synonyms: what arguments are called elsewhere, for those that the method lacks.
    """
    parameters = list(inspect.signature(method).parameters.values())[1:]
    takes_any = any(item.kind is item.VAR_KEYWORD for item in parameters)
    names = {item.name: None for item in parameters if item.kind is not item.VAR_POSITIONAL}
    checked = [
        (position, item.name, checks[item.name], item.default)
        for position, item in enumerate(parameters)
        if item.name in checks
    ]

    def check(args: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
        if keywords and not takes_any and not keywords.keys() <= names.keys():
            unknown = next(name for name in keywords if name not in names)
            raise unknown_argument(method.__name__, unknown, names, synonyms or {})
        for position, name, check_one, default in checked:
            value = args[position] if position < len(args) else keywords.get(name, default)
            if value is default or value is UNSET:
                continue
            if value is None and default is UNSET:
                if name in cleared_by_none:
                    continue
                raise ArgumentError(f"{name} cannot be None; to leave it as it is, do not give it, or give UNSET")
            check_one(name, value)

    return check
