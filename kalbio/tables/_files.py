"""Tables as text files and Excel files: every value as `kalbio.reading` reads it again, or refused by name."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Sequence
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.text.display import safe_repr
from kalbio._extras import require_excel
from kalbio._model.field_types import Form

SEPARATORS = (",", ";", "\t", "|")
_ROWS = 1_048_576
_LETTERS = 32_767
_FIRST_DAY = date(1900, 3, 1)  # the calendar of Excel has a 29th of February 1900
_SURE_WHOLE = 10**15
_HALF = re.compile("[\ud800-\udfff]")
_NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")

_WRITTEN_BY = {
    ".csv": "to_csv", ".tsv": "to_csv", ".xlsx": "to_excel", ".xlsm": "to_excel", ".xls": "to_excel",
    ".parquet": "to_parquet",
}  # fmt: skip


def check_name(path: str | os.PathLike[str], method: str) -> None:
    """Raise ValueError where a name is that of another kind of file than the method writes: nobody could open it."""
    suffix = Path(path).suffix.lower()
    other = _WRITTEN_BY.get(suffix, method)
    if other != method:
        own = next(name for name, one in _WRITTEN_BY.items() if one == method)
        raise ArgumentError(
            f"{method}() writes no {suffix} file; got {safe_repr(os.fspath(path))}: call {other}() for it, or give a"
            f" name that ends in {own}"
        )


def as_cells(form: Form, values: Sequence[Any]) -> Sequence[Any]:
    """Return the values of a column as the cells of a text file."""
    if form.arrow == "bool":
        return [None if value is None else "true" if value else "false" for value in values]
    if form.arrow == "list<string>":
        return [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
    if form.python == "datetime":
        return [None if value is None else value.isoformat() for value in values]
    return values


def write_csv(
    path: Path,
    names: Sequence[str],
    forms: Sequence[Form],
    columns: Sequence[Sequence[Any]],
    separator: str,
    encoding: str,
    decimal: str,
) -> None:
    """Write columns as separated values. Nothing is written where a value has no form in the encoding."""
    if separator not in SEPARATORS:
        raise ArgumentError(f"separator must be one of {', '.join(map(repr, SEPARATORS))}; got {safe_repr(separator)}")
    if decimal not in (".", ","):
        raise ArgumentError(f"decimal must be '.' or ','; got {safe_repr(decimal)}")
    if decimal == separator:
        raise ArgumentError("decimal and separator cannot both be ','; give separator=';' as well")
    cells = [as_cells(form, values) for form, values in zip(forms, columns, strict=True)]
    if decimal == ",":
        cells = [_with_comma(form, column) for form, column in zip(forms, cells, strict=True)]
    _check_encoding(encoding, names, cells)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(names)
        writer.writerows(zip(*cells, strict=True))


def _with_comma(form: Form, cells: Sequence[Any]) -> Sequence[Any]:
    if form.python not in ("float", "Decimal"):
        return cells
    return [None if cell is None else str(cell).replace(".", ",") for cell in cells]


def _check_encoding(encoding: str, names: Sequence[str], cells: Sequence[Sequence[Any]]) -> None:
    try:
        "".encode(encoding)
    except LookupError:
        usual = "usual ones are 'utf-8', 'utf-8-sig' and 'cp1252'"
        raise ArgumentError(f"There is no encoding {safe_repr(encoding)}; {usual}") from None
    for name, column in zip(names, cells, strict=True):
        for row, cell in enumerate(chain([name], column)):
            if not isinstance(cell, str):  # every encoding has what numbers and days are written with
                continue
            try:
                cell.encode(encoding)
            except UnicodeEncodeError:
                where = f"row {row - 1} of the column {safe_repr(name)}" if row else "the name of a column"
                cure = "give encoding='utf-8', or 'utf-8-sig' for Excel"
                if _HALF.search(cell):
                    cure = "half a character has none in any: correct the value"
                raise ArgumentError(f"{encoding} has no form for {safe_repr(cell)}, {where}; {cure}") from None


def write_excel(path: Path, names: Sequence[str], forms: Sequence[Form], columns: Sequence[Sequence[Any]]) -> None:
    """Write columns as the one sheet of an Excel file. Nothing is written where a value has no form in a cell."""
    require_excel()
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    count = len(columns[0])
    if count >= _ROWS:
        raise ArgumentError(f"A sheet of Excel has {_ROWS:,} rows, and the table {count:,}; write a file with to_csv()")
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Table")

    def cell(value: Any) -> Any:
        # openpyxl takes '=1+1' for a formula and '#N/A' for an error, and writes 16 of the 17 digits of a float.
        if type(value) is str and value[:1] in "=#":
            kind, text = "s", value
        elif type(value) is float and float(f"{value:.16g}") != value:
            kind, text = "n", repr(value)
        else:
            return value
        made = WriteOnlyCell(sheet, text)
        made.data_type = kind
        return made

    rows = zip(*map(_excel_cells, names, forms, columns), strict=True)
    heads = [_text(name, name, None) for name in names]
    for row in [heads, *rows]:  # all of them are looked at before any is written
        sheet.append([cell(value) for value in row])
    book.save(path)


def _excel_cells(name: str, form: Form, values: Sequence[Any]) -> Sequence[Any]:
    if form.python in ("float", "bool"):
        return values
    values = as_cells(form, values)
    if form.python == "int":  # Excel keeps 15 digits of a number
        return [value if value is None or abs(value) < _SURE_WHOLE else str(value) for value in values]
    if form.python == "date":
        return [value.isoformat() if value is not None and value < _FIRST_DAY else value for value in values]
    return [None if value is None else _text(name, str(value), row) for row, value in enumerate(values)]


def _text(name: str, value: str, row: int | None) -> str:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    why = ""
    if len(value) > _LETTERS:
        why = f"has {len(value):,} letters, and a cell of Excel {_LETTERS:,}"
    elif found := ILLEGAL_CHARACTERS_RE.search(value) or _NO_XML.search(value):
        why = f"has the character {found[0]!a}, which a cell of Excel cannot hold"
    elif "_x" in value and _read_again(value) != value:
        why = "has what Excel takes for the code of a character"
    if why:
        where = "the name of a column" if row is None else f"row {row} of the column {safe_repr(name)}"
        raise ArgumentError(f"{safe_repr(value)}, {where}, {why}; write a text file, with to_csv(), instead")
    return value.replace("\r", "_x000D_")  # by its code; what XML has for it becomes another end of line


def _read_again(value: str) -> str:
    from openpyxl.utils.escape import unescape

    return str(unescape(value))
