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
from typing import Any, TextIO

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.text.display import safe_repr
from kalbio._extras import require_excel
from kalbio._model.content_reading import qualified_number
from kalbio._model.field_types import QUALIFIED, Form

SEPARATORS = (",", ";", "\t", "|")
_ROWS = 1_048_576
_LETTERS = 32_767
_FIRST_DAY = date(1900, 3, 1)  # the calendar of Excel has a 29th of February 1900
_SURE_WHOLE = 10**15
_WITHOUT_EXPONENT = 1e16
_HALF = re.compile("[\ud800-\udfff]")
_NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")

_SUFFIXES = {"to_csv": (".csv", ".tsv", ".tab", ".txt"), "to_excel": (".xlsx",), "to_parquet": (".parquet", ".pq")}
"""What each method writes. Its file may have another name still, but for those of other kinds of files."""
_OTHERS = (
    ".xls", ".xlsm", ".xlsb", ".ods", ".numbers", ".json", ".jsonl", ".ndjson", ".feather", ".arrow", ".html", ".pdf",
)  # fmt: skip
_PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".tgz", ".tar")
_TABS = (".tsv", ".tab")


def checked_path(path: Any, method: str) -> Path:
    """Return where to write. Raises ValueError where the name is that of another kind of file: nobody could open it."""
    if not isinstance(path, str | os.PathLike):
        streams = ", or a stream of text" if method == "to_csv" else ""
        raise ArgumentError(f"path must be the path of a file{streams}; got {safe_repr(path)}")
    given = safe_repr(os.fspath(path))
    suffix = Path(path).suffix.lower()
    own = _SUFFIXES[method]
    other = next((one for one, suffixes in _SUFFIXES.items() if suffix in suffixes), method)
    if other != method:
        raise ArgumentError(
            f"{method}() writes no {suffix} file; got {given}: call {other}() for it, or give a name that ends in"
            f" {own[0]}"
        )
    if suffix in _PACKED:
        raise ArgumentError(
            f"{method}() packs no files; got {given}: give a name that ends in {own[0]}, and pack the file"
        )
    if suffix in _OTHERS:
        raise ArgumentError(f"{method}() writes no {suffix} file; got {given}: give a name that ends in {own[0]}")
    if Path(path).is_dir():
        raise ArgumentError(f"{given} is a folder; give the path of a file in it")
    return Path(path)


def checked_separator(separator: str | None, path: str | os.PathLike[str] | TextIO) -> str:
    """Return what stands between cells: a tab where the name of the file says so."""
    if separator is None:
        is_tabbed = isinstance(path, str | os.PathLike) and Path(path).suffix.lower() in _TABS
        return "\t" if is_tabbed else ","
    if separator not in SEPARATORS:
        raise ArgumentError(f"separator must be one of {', '.join(map(repr, SEPARATORS))}; got {safe_repr(separator)}")
    return separator


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
    path: str | os.PathLike[str] | TextIO,
    names: Sequence[str],
    forms: Sequence[Form],
    columns: Sequence[Sequence[Any]],
    separator: str | None,
    encoding: str | None,
    decimal: str,
) -> None:
    """Write columns as separated values. Nothing is written where a value has no form in the encoding."""
    separator = checked_separator(separator, path)
    if decimal not in (".", ","):
        raise ArgumentError(f"decimal must be '.' or ','; got {safe_repr(decimal)}")
    if decimal == separator:
        raise ArgumentError("decimal and separator cannot both be ','; give separator=';' as well")
    cells = [as_cells(form, values) for form, values in zip(forms, columns, strict=True)]
    if decimal == ",":
        cells = [_with_comma(form, column) for form, column in zip(forms, cells, strict=True)]
    if not isinstance(path, str | os.PathLike) and hasattr(path, "write"):
        _check_stream(path, encoding)
        _check_encoding(getattr(path, "encoding", None) or "utf-8", names, cells)
        _write_rows(path, names, cells, separator)
        return
    target, encoding = checked_path(path, "to_csv"), "utf-8" if encoding is None else encoding
    _check_encoding(encoding, names, cells)
    with target.open("w", encoding=encoding, newline="") as file:
        _write_rows(file, names, cells, separator)


def _write_rows(file: TextIO, names: Sequence[str], cells: Sequence[Sequence[Any]], separator: str) -> None:
    writer = csv.writer(file, delimiter=separator)
    writer.writerow(names)
    writer.writerows(zip(*cells, strict=True))


def _check_stream(stream: TextIO, encoding: str | None) -> None:
    if encoding is not None:
        raise ArgumentError("encoding is for a path; a stream of text has its own, which open(..., encoding=...) says")
    try:
        stream.write("")
    except TypeError:
        cure = "open(path, 'w', encoding='utf-8', newline='')"
        raise ArgumentError(
            f"{safe_repr(stream)} takes bytes; give a stream of text, such as {cure}, or a path"
        ) from None


def _with_comma(form: Form, cells: Sequence[Any]) -> Sequence[Any]:
    if form is QUALIFIED:  # what is no number there is JSON, whose points stay
        return [cell if qualified_number(cell) is None else cell.replace(".", ",") for cell in cells]
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
    if form.python == "bool":
        return values
    if form.python == "float":
        # Between these a float is written without an exponent, and is read again as a whole number of sixteen digits.
        return [
            str(value) if value is not None and 2**53 <= abs(value) < _WITHOUT_EXPONENT else value for value in values
        ]
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
