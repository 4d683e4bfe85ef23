"""Reads the sheets of Excel files: text as it stands, numbers without a point that they do not have, dates as dates."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from sys import float_info
from typing import Any
from zipfile import ZipFile

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.text.display import safe_repr
from kalbio._extras import require_excel
from kalbio._table_files.doubtful import Doubtful
from kalbio._table_files.number_formats import doubt

# Formats of East Asia that have a number and no text, and show a date; openpyxl has no name for them.
_DATES = frozenset({*range(27, 37), *range(50, 59)})
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_FORMULA = re.compile(rb"<(\w+:)?f[\s/>]")
_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""What files of old versions begin with, and those with a password."""
_FIRST_DAY = datetime(1900, 3, 1)  # the calendar of Excel has a 29th of February 1900, and times of day are before it


def from_xlsx(
    path: Path, sheet: str | None, skip_rows: int = 0
) -> tuple[list[Any], Iterator[tuple[int, Sequence[Any]]]]:
    """Return the header and the numbered rows of a sheet.

    So many rows at its top are not looked at; the first one below them that is not empty has the names.
    """
    require_excel()
    rows = _rows(path, sheet, skip_rows)
    if not rows:
        below = f" below row {skip_rows}" if skip_rows else ""
        raise ArgumentError(
            f"{path.name!r} has nothing in the sheet{below}: the first row has the names of the columns"
        )
    (_, head), *rest = rows
    width = max(max(cells) for _, cells in rows) + 1
    header = [head.get(column) for column in range(width)]
    return header, ((number, [cells.get(column) for column in range(width)]) for number, cells in rest)


def _rows(path: Path, sheet: str | None, skip_rows: int) -> list[tuple[int, dict[int, Any]]]:
    """Return the rows that are not empty, each with its number and its cells by their column."""
    book = _load(path, data_only=True)
    sheets = {read.title: read for read in book.worksheets}
    if sheet is not None and sheet not in sheets:
        raise ArgumentError(
            f"{path.name!r} has no sheet {safe_repr(sheet)}; it has {', '.join(map(safe_repr, sheets))}"
        )
    chosen = [sheet] if sheet is not None else list(sheets)
    cells = {name: _cells(sheets[name]) for name in chosen}
    found = {name: _values(cells[name], book.epoch, _formats_on_condition(sheets[name])) for name in chosen}
    # Results and formulas can only be read one after the other. The type of a result that is an empty text is str.
    blank = {
        name: [at for at, cell in cells[name].items() if cell.value is None and cell.data_type != "str"]
        for name in chosen
    }
    if any(blank.values()) and _has_formulas(path):
        formulas = _load(path, data_only=False)
        for name in chosen:
            found[name] |= _formulas(_cells(formulas[name]), blank[name])
    filled = [name for name in chosen if found[name]]
    hidden = [name for name in filled if sheets[name].sheet_state != "visible"]
    if len(filled) > 1 or (hidden and sheet is None):
        options = " or ".join(f"{name!r} (hidden)" if name in hidden else repr(name) for name in filled)
        few = "has several sheets" if len(filled) > 1 else "has rows in a hidden sheet alone"
        raise ArgumentError(f"{path.name!r} {few}; give sheet={options}")
    if not filled:
        return []
    merged = sorted(str(area) for area in sheets[filled[0]].merged_cells.ranges if area.max_row > skip_rows)
    if merged:
        raise ArgumentError(
            f"{path.name!r}: cells are merged, {merged[0]}; it is not said which of them have the value;"
            " where they stand above the names of the columns, give skip_rows=N for N rows"
        )
    rows: dict[int, dict[int, Any]] = {}
    for (row, column), value in sorted(found[filled[0]].items(), key=lambda item: item[0]):
        if row > skip_rows:
            rows.setdefault(row, {})[column - 1] = value
    return list(rows.items())


def _cells(sheet: Any) -> dict[tuple[int, int], Any]:
    """Return the cells that exist, by row and column: a sheet may reach to its last corner, and have two of them."""
    cells: dict[tuple[int, int], Any] = sheet._cells
    return cells


def _load(path: Path, data_only: bool) -> Any:
    from openpyxl import load_workbook

    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about looks and rules of entry, which would be lost on saving
        try:
            _check_escapes(file)
            return load_workbook(file, data_only=data_only, keep_links=False)
        except Exception as error:  # there is no end to what a file that is wrong inside may raise
            reason = _damage(file) or error.__cause__ or error
            raise ArgumentError(
                f"{path.name!r} is no Excel file of the newer kind (.xlsx) that can be read: {reason}"
            ) from error


def _damage(file: Any) -> str | None:
    """Return what is wrong with a file that is not even packed as one of Excel is, None where it is."""
    file.seek(0)
    begin = file.read(8)
    if not begin:
        return "it is empty; copy it again"
    if begin == _OLD:
        return "it is of an old Excel, or has a password; save it as .xlsx, without one"
    if not begin.startswith(b"PK"):
        return None
    file.seek(0)
    try:
        with ZipFile(file) as packed:
            odd = packed.testzip()
    except Exception:
        odd = ""
    return None if odd is None else "it is cut off or damaged; copy it again"


def _check_escapes(file: Any) -> None:
    """Refuse what openpyxl would change: it leaves out the escape of an underscore, wherever that stands in a text."""
    with ZipFile(file) as packed:
        shared = [name for name in packed.namelist() if name.casefold().endswith("sharedstrings.xml")]
        if any(b"x005F_" in packed.read(name) for name in shared):
            raise ArgumentError(
                "a text in it has the form '_x000D_', which stands for a character; change it, or use .csv"
            )


def _has_formulas(path: Path) -> bool:
    """Tell at a glance; True may be wrong, and then costs time alone."""
    with ZipFile(path) as packed:
        return any(_FORMULA.search(packed.read(name)) for name in packed.namelist() if name.endswith(".xml"))


def _values(
    cells: dict[tuple[int, int], Any], epoch: datetime, others: Sequence[tuple[Any, str]]
) -> dict[tuple[int, int], Any]:
    """Return the values of the cells that have one. Some areas may have other formats under conditions."""
    found = {at: _value(cell, epoch) for at, cell in cells.items() if cell.value is not None and cell.value != ""}
    for area, code in others:
        (first_column, first_row, last_column, last_row) = area.bounds
        for (row, column), value in found.items():
            inside = first_row <= row <= last_row and first_column <= column <= last_column
            if inside and not isinstance(value, Doubtful | bool | date):
                found[row, column] = doubt(value, code, under_condition=True) or value
    return found


def _formats_on_condition(sheet: Any) -> list[tuple[Any, str]]:
    """Return the areas of a sheet whose cells have another format where a condition holds, each with that format."""
    return [
        (area, rule.dxf.numFmt.formatCode)
        for formatting in sheet.conditional_formatting
        for rule in formatting.rules
        if rule.dxf is not None and rule.dxf.numFmt is not None
        for area in formatting.sqref.ranges
    ]


def _formulas(cells: dict[tuple[int, int], Any], blank: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Doubtful]:
    """Return those of the cells that have a formula."""
    reason = "is a formula without a result; open the file and save it"
    return {
        at: Doubtful(getattr(cells[at].value, "text", cells[at].value), reason)
        for at in blank
        if cells[at].data_type == "f"
    }


def _value(cell: Any, epoch: datetime) -> Any:
    value = cell.value
    if cell.data_type == "e":
        return Doubtful(value, "is an error of the sheet")
    if isinstance(value, str):
        text = _unescaped(value) if "_x" in value else value
        return doubt(text, cell.number_format) or text
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value, cell, epoch)
    if '"' in cell.number_format and not set("dhmsy") & set(_shown(cell).casefold()):
        return Doubtful(value, f"is a number, taken for a date because of its format {cell.number_format}; change that")
    form = _shown(cell).casefold()
    if "d" not in form and set("ym") & set(form) and not set("hs") & set(form) and isinstance(value, date):
        day = f"{value:%Y-%m-%d}"
        return Doubtful(
            value,
            f"shows no day because of its format {safe_repr(cell.number_format)}, and holds {day}; format it as a day,"
            f" or give a converter, which gets {day}",
        )
    return _moment(value, epoch)


def _unescaped(text: str) -> str:
    from openpyxl.utils.escape import unescape

    return str(unescape(text))


def _number(value: int | float, cell: Any, epoch: datetime) -> Any:
    if cell._style.numFmtId in _DATES:
        from openpyxl.utils.datetime import from_excel

        return _moment(from_excel(value, epoch), epoch)
    if abs(value) > float_info.max:  # of a program that is not Excel
        return Doubtful(value, "is a number larger than Excel knows; write it as text")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return doubt(value, cell.number_format) or value


def _shown(cell: Any) -> str:
    """Return the format of a number that is not negative, without its texts, blanks and colours."""
    return _LITERAL.sub("", cell.number_format).split(";")[0]


def _moment(value: Any, epoch: datetime) -> Any:
    if type(value) is date or (isinstance(value, datetime) and value >= _FIRST_DAY):
        return value
    from openpyxl.utils.datetime import to_excel

    return Doubtful(to_excel(value, epoch), "shows a time of day, or a day before March 1900; write it as text")
