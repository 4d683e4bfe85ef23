"""The fields that a load makes for columns without one: of which type, and what to know before. No network."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import PurePath
from typing import Any, TypeAlias

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.objects.identifiers import Identified
from kalbio._core.objects.resource import Resource
from kalbio._core.text.display import safe_repr
from kalbio._model.cells import column_types
from kalbio._model.field_types import form_of
from kalbio._model.fields import EntityFieldData
from kalbio._model.plain_cells import CellError
from kalbio.reading.cells import decimal_comma
from kalbio.reading.rows import Rows

ObjectTypes: TypeAlias = Mapping[type, str]
"""Classes of objects to the type of field that takes them."""

_Numbered: TypeAlias = tuple[int, Any]
"""The number of a row, and a cell of it."""

_PLAIN: frozenset[type] = frozenset((str, int, float, bool, date, datetime))
_ODD = 3
_MOSTLY = 5
"""Of so many cells one may be no number, and a column of text is still taken for one of numbers."""
_CODE = re.compile(r"\s*[+-]?0[0-9]")
_LOOKS = {"date": ("days", "of days"), "boolean": ("yes or no", "of yes or no")}


def types_for(rows: Sequence[Mapping[str, Any]], names: Sequence[str], objects: ObjectTypes) -> dict[str, str]:
    """Return the type of field that takes all cells of a column, by column.

    Columns are left out that have no cell, or none but blanks and what no field could hold. Raises ArgumentError for
    columns of objects that no type is sure to take.
    """
    found = column_types(rows, names)
    for name, kind in list(found.items()):
        cells = [row[name] for row in rows if name in row]
        of_objects = _type_of_objects(name, cells, objects)
        if of_objects is not None:
            found[name] = of_objects
        elif not takes(kind, cells):  # times of day are no days
            found[name] = "text"
            if not any(takes("text", [cell]) for cell in cells):
                del found[name]
        elif kind == "text" and not any(map(_says_something, cells)):
            del found[name]
    return found


def _type_of_objects(name: str, cells: Sequence[Any], objects: ObjectTypes) -> str | None:
    """Return the type of field that takes the objects of a column; None where it has none."""
    classes = set(map(type, cells)) - _PLAIN
    if not classes:
        return None
    items = {type(item) for cell in cells if isinstance(cell, list | tuple) for item in cell}
    odd = [one for one in (*classes, *items) if issubclass(one, (PurePath, Identified, Resource))]
    if not odd:
        return None
    kinds = {kind for one in odd for known, kind in objects.items() if issubclass(one, known)}
    if len(kinds) == 1 and items.isdisjoint(odd) and all(issubclass(one, tuple(objects)) for one in odd):
        (kind,) = kinds
        if takes(kind, cells):  # a path may stand beside text, and a record beside an id
            return kind
    shown = " and ".join(sorted(one.__name__ for one in odd))
    lists = "lists of " if not items.isdisjoint(odd) else ""
    beside = "" if lists or len(odd) == len(set(map(type, cells))) else " beside other cells"
    raise ArgumentError(
        f"The column {safe_repr(name)} holds {lists}{shown} objects{beside}, and no type of field is sure to take "
        f"them. A field cannot be deleted, so say the type: give create_fields={{{safe_repr(name)}: type}}; or "
        "give text in place of the objects"
    )


def _says_something(cell: Any) -> bool:
    return not isinstance(cell, str) or bool(cell.strip())


def takes(kind: str, cells: Sequence[Any]) -> bool:
    """Whether a field of a type takes all of the cells."""
    return all(map(_taker(kind), cells))


def _taker(kind: str) -> Callable[[Any], bool]:
    write = form_of(EntityFieldData({"id": "", "field_type": kind})).write

    def takes_one(cell: Any) -> bool:
        try:
            write(cell)
        except CellError:
            return False
        return True

    return takes_one


def text_notes(rows: Rows, made: Mapping[str, str], types: Mapping[str, str]) -> list[str]:
    """Return what is told of new fields of text whose cells are of another type, all or most of them, and the cure.

    `made` is column to type, `types` the same for those that were asked for.
    """
    notes: list[tuple[str, str]] = []
    wanted = dict(made)
    for name, kind in made.items():
        if kind != "text" or name in types:
            continue
        numbered = zip(rows.numbers, rows.rows, strict=True)
        cells = [(number, row[name]) for number, row in numbered if name in row and _says_something(row[name])]
        seen = _numbers_seen(cells) or _others_seen(cells)
        if seen is not None:
            wanted[name], what, for_one = seen
            notes.append((f"{safe_repr(name)} becomes a field of text, and {what}", for_one))
    # A field cannot be deleted, nor can its type be changed; and a dict makes only the fields that it names.
    cure = f"create_fields={{{', '.join(f'{safe_repr(name)}: {safe_repr(kind)}' for name, kind in wanted.items())}}}"
    found = [note for note, _ in notes]
    if found:  # one dict has the types of all of them
        found[-1] += f"; for {f'a field {notes[0][1]}' if len(found) == 1 else 'fields of these types'} give {cure}"
    return found


_Seen: TypeAlias = tuple[str, str, str]
"""The type of field that would take most cells, what they are, and what that field is of."""


def _numbers_seen(cells: Sequence[_Numbered]) -> _Seen | None:
    """Return whether the cells of a column of text are numbers, with comparisons or without; None where few are."""
    odd = _odd_ones(cells, _is_number)
    if odd == []:
        return "number", "all of its cells look like numbers", "of numbers"
    compared = _odd_ones(cells, _is_qualified)
    if compared is not None and (odd is None or len(compared) < len(odd)):
        what = f"{_most(cells, compared)} numbers, some with a comparison such as '>10'{_all_but(compared)}"
        return "qualified-number", what, "of numbers with comparisons"
    if _have_commas(cells):
        what = (
            "all of its cells look like numbers, some with a decimal comma (for those, give the converter "
            "kalbio.reading.decimal_comma)"
        )
        return "number", what, "of numbers"
    return None if odd is None else ("number", f"{_most(cells, odd)} numbers{_all_but(odd)}", "of numbers")


def _others_seen(cells: Sequence[_Numbered]) -> _Seen | None:
    """Return whether the cells of a column of text are days, or yes or no; None where few are."""
    for kind, (plural, for_one) in _LOOKS.items():
        odd = _odd_ones(cells, _taker(kind))
        if odd is not None:
            return kind, f"{_most(cells, odd)} {plural}{_all_but(odd)}", for_one
    return None


def _odd_ones(cells: Sequence[_Numbered], is_one: Callable[[Any], bool]) -> list[_Numbered] | None:
    """Return the cells that are none of a kind; None where these are many, or there are no cells."""
    odd: list[_Numbered] = []
    for number, cell in cells:
        if not is_one(cell):
            odd.append((number, cell))
            if len(odd) * _MOSTLY > len(cells):
                return None
    return odd if cells else None


def _most(cells: Sequence[_Numbered], odd: Sequence[_Numbered]) -> str:
    return f"{len(cells) - len(odd):,} of its {len(cells):,} cells are" if odd else "all of its cells are"


def _all_but(odd: Sequence[_Numbered]) -> str:
    if not odd:
        return ""
    shown = ", ".join(f"row {number} {safe_repr(cell)}" for number, cell in odd[:_ODD])
    return f", all but {shown}{f' and {len(odd) - _ODD:,} more' if len(odd) > _ODD else ''}"


_NUMBER, _QUALIFIED = _taker("number"), _taker("qualified-number")


def _is_number(cell: Any) -> bool:
    """Whether a field of numbers takes a cell; a zero in front is no number's."""
    return not (isinstance(cell, str) and _CODE.match(cell)) and _NUMBER(cell)


def _is_qualified(cell: Any) -> bool:
    return not (isinstance(cell, str) and _CODE.match(cell)) and _QUALIFIED(cell)


def _have_commas(cells: Sequence[_Numbered]) -> bool:
    """Whether all cells are numbers once a comma is taken for the point of the decimals."""
    try:
        return bool(cells) and all(_is_number(decimal_comma(cell)) for _, cell in cells)
    except CellError:
        return False
