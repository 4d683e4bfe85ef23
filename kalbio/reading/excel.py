"""Reads the sheets of Excel files: text as it stands, numbers without a point that they do not have, dates as dates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import BadZipFile, ZipFile

import attrs

from kalbio._core.text.display import safe_repr
from kalbio.reading.doubtful import Doubtful

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
# Formats that have a number instead of a text, and show a date.
_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_TIMES = frozenset({18, 19, 20, 21, 22, 32, 33, 45, 46, 47, 55, 56})
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_ADDRESS = re.compile(r"([A-Z]+)([0-9]+)")
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


@attrs.frozen
class _Format:
    """How a cell shows a number: as a date, with a time of day, with at least so many digits."""

    is_date: bool = False
    has_time: bool = False
    digits: int = 0


@attrs.frozen
class _Book:
    """What the sheets of a file refer to."""

    texts: Sequence[str]
    formats: Sequence[_Format]
    epoch: date


def from_xlsx(path: Path, sheet: str | None) -> tuple[list[Any], Iterator[tuple[int, Sequence[Any]]]]:
    """Return the header and the numbered rows of a sheet; its first row that is not empty has the names."""
    try:
        with ZipFile(path) as packed:
            rows = _rows(packed, path, sheet)
    except (BadZipFile, KeyError, ElementTree.ParseError) as error:
        raise ValueError(f"{path.name!r} is no Excel file of the newer kind (.xlsx): {error}") from None
    if not rows:
        raise ValueError(f"{path.name!r} has nothing in the sheet: the first row has the names of the columns")
    (_, head), *rest = rows
    width = max(max(cells, default=0) for _, cells in rows) + 1
    header = [head.get(place) for place in range(width)]
    return header, ((number, [cells.get(place) for place in range(width)]) for number, cells in rest)


def _rows(packed: ZipFile, path: Path, sheet: str | None) -> list[tuple[int, dict[int, Any]]]:
    workbook = _xml(packed, "xl/workbook.xml")
    targets = {item.get("Id"): str(item.get("Target")) for item in _xml(packed, "xl/_rels/workbook.xml.rels")}
    files = {
        str(item.get("name")): targets[item.get(_RELATION)] for item in workbook.iterfind(f"{_MAIN}sheets/{_MAIN}sheet")
    }
    settings = workbook.find(f"{_MAIN}workbookPr")
    since_1904 = settings is not None and settings.get("date1904") in ("1", "true")
    book = _Book(_texts(packed), _formats(packed), date(1904, 1, 1) if since_1904 else date(1899, 12, 30))
    if sheet is not None and sheet not in files:
        raise ValueError(f"{path.name!r} has no sheet {safe_repr(sheet)}; it has {', '.join(map(safe_repr, files))}")
    read = {name: _sheet(packed, _place(files[name]), book) for name in ([sheet] if sheet is not None else files)}
    filled = [name for name, (rows, _) in read.items() if rows]
    if len(filled) > 1:
        raise ValueError(f"{path.name!r} has several sheets; give sheet={' or '.join(map(safe_repr, filled))}")
    rows, merged = read[filled[0]] if filled else ([], None)
    if merged is not None:
        raise ValueError(f"{path.name!r}: cells are merged, {merged}; it is not said which of them have the value")
    return rows


def _place(target: str) -> str:
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _xml(packed: ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(packed.read(name))  # noqa: S314  the parser has limits on what entities become


def _texts(packed: ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in packed.namelist():
        return []
    return [_text(item) for item in _xml(packed, "xl/sharedStrings.xml").iterfind(f"{_MAIN}si")]


def _text(item: ElementTree.Element) -> str:
    """Return a text, which may be in runs of different looks; how it is pronounced is no part of it."""
    parts = [item.findtext(f"{_MAIN}t")] if item.find(f"{_MAIN}t") is not None else []
    parts += [run.findtext(f"{_MAIN}t") for run in item.iterfind(f"{_MAIN}r")]
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), "".join(part or "" for part in parts))


def _formats(packed: ZipFile) -> list[_Format]:
    if "xl/styles.xml" not in packed.namelist():
        return []
    styles = _xml(packed, "xl/styles.xml")
    own = {
        int(item.get("numFmtId", 0)): str(item.get("formatCode"))
        for item in styles.iterfind(f"{_MAIN}numFmts/{_MAIN}numFmt")
    }
    formats = []
    for item in styles.iterfind(f"{_MAIN}cellXfs/{_MAIN}xf"):
        number = int(item.get("numFmtId", 0))
        if number not in own:
            formats.append(_Format(number in _DATES, number in _TIMES))
            continue
        code = _LITERAL.sub("", own[number]).split(";")[0]
        letters = set(code.casefold()) if code.casefold() != "general" else set()
        has_time = bool(letters & {"h", "s"})
        digits = len(code) if code and set(code) == {"0"} else 0
        formats.append(_Format(bool(letters & set("ymdhs")), has_time, digits))
    return formats


def _sheet(packed: ZipFile, name: str, book: _Book) -> tuple[list[tuple[int, dict[int, Any]]], str | None]:
    """Return the rows that are not empty, and a range of merged cells where there is one."""
    root = _xml(packed, name)
    rows: list[tuple[int, dict[int, Any]]] = []
    last = 0
    for row in root.iterfind(f"{_MAIN}sheetData/{_MAIN}row"):
        last = int(row.get("r", last + 1))
        cells: dict[int, Any] = {}
        place = -1
        for cell in row.iterfind(f"{_MAIN}c"):
            place = _column(cell.get("r")) if cell.get("r") else place + 1
            value = _value(cell, book)
            if value is not None and value != "":
                cells[place] = value
        if cells:
            rows.append((last, cells))
    merged = root.find(f"{_MAIN}mergeCells/{_MAIN}mergeCell")
    return rows, None if merged is None else merged.get("ref")


def _column(address: Any) -> int:
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise ValueError(f"{safe_repr(address)} is no address of a cell")
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _value(cell: ElementTree.Element, book: _Book) -> Any:
    kind, held = cell.get("t", "n"), cell.findtext(f"{_MAIN}v")
    if kind == "inlineStr":
        inline = cell.find(f"{_MAIN}is")
        return None if inline is None else _text(inline)
    if held is None:
        if cell.find(f"{_MAIN}f") is not None:
            return Doubtful(
                f"={cell.findtext(f'{_MAIN}f')}", "is a formula without a result; open the file and save it"
            )
        return None
    if kind == "s":
        return book.texts[int(held)]
    if kind == "str":
        return held
    if kind == "b":
        return held == "1"
    if kind == "e":
        return Doubtful(held, "is an error of the sheet")
    if kind == "d":
        return datetime.fromisoformat(held)
    style = int(cell.get("s", 0))
    return _number(held, book.formats[style] if style < len(book.formats) else _Format(), book.epoch)


def _number(held: str, shown: _Format, epoch: date) -> Any:
    number = float(held)
    if shown.is_date:
        if number < 61 and epoch.year == 1899:  # its calendar has a 29th of February 1900, and times of day before
            return Doubtful(number, "shows a time of day, or a day before March 1900; write it as text")
        if not shown.has_time and number.is_integer():
            return epoch + timedelta(days=int(number))
        moment = datetime(epoch.year, epoch.month, epoch.day) + timedelta(days=number)
        return moment + timedelta(microseconds=500) - timedelta(microseconds=(moment.microsecond + 500) % 1000)
    plain: float | int = number
    if re.fullmatch(r"-?[0-9]+", held):
        plain = int(held)
    elif number.is_integer() and abs(number) < 2**53:
        plain = int(number)
    if isinstance(plain, int) and len(str(abs(plain))) < shown.digits:
        text = f"{plain:0{shown.digits}}"
        return Doubtful(plain, f"shows as {text} and holds {plain}; make it text in the sheet, or give a converter")
    return plain
