"""Files that people have: every cell arrives as it stands, or is refused by name."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from openpyxl import Workbook

from kalbio.reading import RefusedCellsError, decimal_comma, read_rows

Rows = list[dict[str, Any]]
Case = tuple[str, bytes | Callable[[Path], object], dict[str, Any], Any]
"""Suffix, bytes or what writes the file, arguments of `read_rows`, and what is to come.

Rows arrive; a text is what the error about the whole file says; a dict is (row, column) of refused cells to what is
said of each.
"""

# -- separated values -------------------------------------------------------------------------------------------------

LOOK = '0042,1E5,NA,None,null,2024-01-02,50-00-0,1.0,TRUE,=A1+B1,+5,-5,#N/A,@x, x ,"1,234",12345678901234567890'
LOOKED = {
    f"c{place}": text
    for place, text in enumerate(
        [
            "0042", "1E5", "NA", "None", "null", "2024-01-02", "50-00-0", "1.0", "TRUE", "=A1+B1", "+5", "-5", "#N/A",
            "@x", " x ", "1,234", "12345678901234567890",
        ]
    )
}  # fmt: skip
HEAD = ",".join(LOOKED)
AB = [{"a": "1", "b": "2"}]


def encoded(encoding: str, mark: bytes = b"") -> bytes:
    """A table with letters beyond ASCII."""
    return mark + "a,b\nµ,–€\n".encode(encoding)


MICRO = [{"a": "µ", "b": "–€"}]
TEXT: dict[str, Case] = {
    "text that looks like something else stays text": (".csv", f"{HEAD}\n{LOOK}\n".encode(), {}, [LOOKED]),
    "the mark of UTF-8 is no part of the first name": (".csv", encoded("utf-8", codecs.BOM_UTF8), {}, MICRO),
    "two marks of UTF-8, as joined files have": (".csv", codecs.BOM_UTF8 * 2 + b"a,b\n1,2\n", {}, AB),
    "UTF-16, the short end first": (".csv", encoded("utf-16-le", codecs.BOM_UTF16_LE), {}, MICRO),
    "UTF-16, the long end first": (".csv", encoded("utf-16-be", codecs.BOM_UTF16_BE), {}, MICRO),
    "UTF-32, whose mark begins as that of UTF-16": (".csv", encoded("utf-32-le", codecs.BOM_UTF32_LE), {}, MICRO),
    "UTF-16 without a mark is asked about": (".csv", encoded("utf-16-le"), {}, r"utf-16|has the byte"),
    "UTF-16 without a mark, told": (".csv", encoded("utf-16-le"), {"encoding": "utf-16-le"}, MICRO),
    "half a character of UTF-16": (".csv", codecs.BOM_UTF16_LE + b"a\0\n\0b", {}, "is not utf-16"),
    "cp1252, told": (".csv", encoded("cp1252"), {"encoding": "cp1252"}, MICRO),
    "cp1252 is asked about": (".csv", encoded("cp1252"), {}, r"line 2 has the byte.*encoding='cp1252'"),
    "UTF-8 called cp1252 would be other letters": (".csv", encoded("utf-8"), {"encoding": "cp1252"}, "is UTF-8"),
    "a byte that cp1252 does not have": (".csv", b"a\n\x81\n", {"encoding": "cp1252"}, "is not cp1252: line 2"),
    "an encoding that is too small": (".csv", encoded("utf-8"), {"encoding": "ascii"}, "is not ascii"),
    "an encoding that there is not": (".csv", b"a\n", {"encoding": "cp9999"}, "no encoding 'cp9999'"),
    "a null character within UTF-8": (".csv", b"a,b\n1,x\0y, and more text\n", {}, "line 2 has a null character"),
    "semicolons and decimal commas": (
        ".csv",
        b"a;b\n1,5;2\n",
        {"converters": {"a": decimal_comma}},
        [{"a": "1.5", "b": "2"}],
    ),
    "tabs": (".tsv", b"a\tb\n1\t2\n", {}, AB),
    "tabs in .txt": (".txt", b"a\tb\n1\t2\n", {}, AB),
    "bars": (".csv", b"a|b\n1|2\n", {}, AB),
    "colons, told": (".csv", b"a:b\n1:2\n", {"separator": ":"}, AB),
    "two letters as separator": (".csv", b"a\n", {"separator": ";;"}, "one letter"),
    "the separator named as Excel does": (".csv", b"sep=;\na;b\n1;2\n", {}, AB),
    "the separator named in quotes": (".csv", b'"sep=\t"\na\tb\n1\t2\n', {}, AB),
    "a row that is too long after a named separator": (".csv", b"sep=;\na;b\n1;2;3\n", {}, "line 3: 3 cells"),
    "two separators that both fit": (".csv", b"a;b,c\n1;2,3\n", {}, "separator="),
    "two separators, of which one would leave a quote open": (
        ".csv",
        b'a,b;c\n1,"x;y"z\n',
        {},
        [{"a,b": '1,"x', "c": 'y"z'}],
    ),
    "line ends of Windows": (".csv", b"a,b\r\n1,2\r\n", {}, AB),
    "line ends of an old Mac": (".csv", b"a,b\r1,2\r", {}, AB),
    "line ends of an old Mac, semicolons and commas": (".csv", b"a;b\r1,5;2\r", {}, [{"a": "1,5", "b": "2"}]),
    "mixed line ends": (".csv", b"a,b\r\n1,2\n3,4\r5,6", {}, [*AB, {"a": "3", "b": "4"}, {"a": "5", "b": "6"}]),
    "line ends that were doubled": (".csv", b"a,b\r\r\n1,2\r\r\n", {}, AB),
    "breaks of a page and of a paragraph are no line ends": (
        ".csv",
        "a,b\n1,x\x0by\u2028z\x85w\n".encode(),
        {},
        [{"a": "1", "b": "x\x0by\u2028z\x85w"}],
    ),
    "a line break in a cell": (".csv", b'a,b\n"1\n1",2\n', {}, [{"a": "1\n1", "b": "2"}]),
    "a line break in a name": (".csv", b'"a\n(nM)",b\n1,2\n', {}, [{"a\n(nM)": "1", "b": "2"}]),
    "a cell of 200 KB": (".csv", b"a,b\n1," + b"x" * 200_000 + b"\n", {}, [{"a": "1", "b": "x" * 200_000}]),
    "a quote within a cell": (".csv", b"a,b\n1,5'10\"\n", {}, [{"a": "1", "b": "5'10\""}]),
    "a quote behind a blank is a letter": (".csv", b'a,b\n1, "x"\n', {}, [{"a": "1", "b": ' "x"'}]),
    "a quote that nothing closes": (".csv", b'a,b\n1,"2\n3,4\n', {}, "line 2: a double quote opens a cell there"),
    "text behind a closing quote": (".csv", b'a,b\n1,"2"x\n', {"separator": ","}, "line 2.*is written twice"),
    "quotes with backslashes": (".csv", b'a,b\n1,"\\"x\\""\n', {"separator": ","}, "line 2.*is written twice"),
    "names alone": (".csv", b"a,b\n", {}, []),
    "nothing at all": (".csv", b"", {}, "is empty"),
    "a mark alone": (".csv", codecs.BOM_UTF8, {}, "is empty"),
    "empty lines": (".csv", b"\n\na,b\n\n1,2\n\n", {}, AB),
    "empty cells, and a line of separators": (".csv", b'a,b\n,\n1,""\n', {}, [{"a": "1"}]),
    "a row that is too short": (
        ".csv",
        b"a,b\n1,2\n3\n",
        {"separator": ","},
        "line 3: 1 cell, where the header has 2",
    ),
    "a separator too many": (
        ".csv",
        b"a,b\n1,2,\n3,4,\n",
        {},
        "line 2: 3 cells, where the header has 2; .* in double quotes, or the line ends with a separator too many",
    ),
    "a row that is too long": (".csv", b"a,b\n1,2\n1,2,3\n", {"separator": ","}, "line 3: 3 cells"),
    "the end of a file of DOS": (".csv", b"a,b\n1,2\n\x1a", {}, "line 3: 1 cell"),
    "a separator behind each row": (".csv", b"a,b,\n1,2,\n", {}, AB),
    "a cell without a name": (
        ".csv",
        b"a,\n1,2\n",
        {},
        "row 2: '2' stands in.*name it, save .* with index=False, or give skip_rows=N ",
    ),
    "a name of hard blanks is none": (".csv", "a,\xa0\n1,2\n".encode(), {}, "'2' stands in a column without a name"),
    "two columns of one name": (".csv", b"a,a\n1,2\n", {}, "Two columns are called 'a'"),
    "names that differ in blanks": (".csv", b"a , a\n1,2\n", {}, [{"a ": "1", " a": "2"}]),
    "a line before the names": (".csv", b"# plate 7\na;b\n1;2\n", {}, "'# plate 7'.*give skip_rows=1, which"),
    "a line before names with commas": (".csv", b"plate 7\na,b\n1,2\n", {}, "'plate 7'.*give skip_rows=1, which"),
    "blank lines before a line before the names": (".csv", b"\n\nplate 7\n\na,b\n1,2\n", {}, "give skip_rows=4, which"),
    "lines above, left out": (".csv", b'"x" y;\n\na,b\n1,2\n', {"skip_rows": 1}, AB),
    "lines above and a blank one, left out": (".csv", b'"x" y;\r\n\r\na,b\r\n1,2\r\n', {"skip_rows": 2}, AB),
    "lines above with an open quote, in an old Mac": (".csv", b'"\ra;b\r1;2\r', {"skip_rows": 1}, AB),
    "lines above, which keep the numbers of lines": (
        ".csv",
        b"x\n\na,b\n1,2\n3\n",
        {"skip_rows": 2},
        "line 5: 1 cell, where the header has 2",
    ),
    "a named separator is a line too": (".csv", b"sep=;\nx,y,z\na;b\n1;2\n", {"skip_rows": 2}, AB),
    "lines above of fewer cells are asked about": (
        ".csv",
        b"Date,2026-01-31\nBy,A\n\na,b,c\n1,2,3\n",
        {},
        "line 4: 3 cells, where the header has 2.*stand in line 4, give skip_rows=3$",
    ),
    "lines above with other separators are asked about": (
        ".csv",
        b"Date;1,5\na,b,c\n1,2,3\n4,5,6\n",
        {},
        "what separates the cells cannot be told.*stand in line 2, give skip_rows=1$",
    ),
    "a long row is no table below others": (".csv", b"a,b\n1,2\n3,4,5\n", {}, "in double quotes$"),
    "more lines left out than there are": (".csv", b"a\n1", {"skip_rows": 2}, "has 2 lines; skip_rows=2 leaves none"),
    "more than there are, with an end": (".csv", b"a\n1\n", {"skip_rows": 3}, "has 2 lines; skip_rows=3 leaves none"),
    "all lines left out": (".csv", b"a\n1\n", {"skip_rows": 2}, "is empty below line 2"),
    "rows of no file left out": (".jsonl", b'{"a": 1}', {"skip_rows": 1}, "skip_rows is for text files and Excel"),
    "a part of a line left out": (".csv", b"a\n", {"skip_rows": 1.5}, "skip_rows must be a whole number"),
    "one column": (".csv", b"a\nx\ny\n", {}, [{"a": "x"}, {"a": "y"}]),
    "one column, semicolons in some lines": (".csv", b"a\nx; y\nz\n", {}, [{"a": "x; y"}, {"a": "z"}]),
    "a file of Excel called .csv": (".csv", b"PK\x03\x04\x14\0", {}, "call it .xlsx"),
    "a file of an old Excel called .csv": (".csv", b"\xd0\xcf\x11\xe0\xa1\xb1", {}, "save it as .xlsx"),
    "a packed file called .csv": (".csv", b"\x1f\x8b\x08\0", {}, "unpack it"),
    "a page of HTML called .csv": (".csv", b"<html><table><tr><td>a", {}, "HTML"),
    "an old file of Excel": (".xls", b"x", {}, "save it as .xlsx"),
    "a file of another kind": (".pdf", b"x", {}, "of no kind that is read"),
    "a packed file": (".gz", b"x", {}, "unpack it"),
    "a sheet of a text file": (".csv", b"a\n", {"sheet": "S"}, "has no sheets"),
    "a converter of no column": (".csv", b"logP\n1\n", {"converters": {"logp": str}}, "Did you mean 'logP'"),
    "a converter that is none": (
        ".csv",
        b"a\n1\n",
        {"converters": {"a": 5}},
        r"converters\['a'\] must be a function",
    ),
    "a name of no converter": (
        ".csv",
        b"a\n1\n",
        {"converters": {"a": ["strip", "decimal_comma"]}},
        r"converters\['a'\]: there is no converter 'decimal_comma'. Did you mean 'decimal-comma'\?.*none:n/a",
    ),
    "a converter without its text": (
        ".csv",
        b"a\n1\n",
        {"converters": {"a": "without-unit"}},
        "the converter without-unit is written 'without-unit:nM'",
    ),
    "a converter that fails": (".csv", b"a\nx\n", {"converters": {"a": int}}, {(2, "a"): "ValueError"}),
}

# -- JSON lines -------------------------------------------------------------------------------------------------------

LINES: dict[str, Case] = {
    "text, numbers and truth values": (
        ".jsonl",
        b'{"a": "0042", "b": 5, "c": 2.5, "d": true, "e": null}\n',
        {},
        [{"a": "0042", "b": 5, "c": 2.5, "d": True}],
    ),
    "members that only some have": (".ndjson", b'{"a": 1}\n\n{"b": 2}\r\n', {}, [{"a": 1}, {"b": 2}]),
    "a mark of UTF-8": (".jsonl", codecs.BOM_UTF8 + b'{"a": 1}', {}, [{"a": 1}]),
    "UTF-16": (".jsonl", '{"a": "µ"}'.encode("utf-16"), {}, [{"a": "µ"}]),
    "more digits than a float has": (
        ".jsonl",
        b'{"a": 0.1234567890123456789, "b": 0.10000000000000000, "c": 123456789012345678901}',
        {},
        [{"a": Decimal("0.1234567890123456789"), "b": 0.1, "c": 123456789012345678901}],
    ),
    "a paragraph break in text": (".jsonl", '{"a": "x\u2028y"}\n'.encode(), {}, [{"a": "x\u2028y"}]),
    "lists": (".jsonl", b'{"a": ["x", null, "y"], "b": []}', {}, [{"a": ["x", "y"]}]),
    "no number": (".jsonl", b'{"a": NaN, "b": 1}', {}, [{"b": 1}]),
    "beyond all numbers": (".jsonl", b'{"a": 1}\n{"a": 1e400}', {}, {(2, "a"): "no finite number"}),
    "an object in a cell": (".jsonl", b'{"a": {"b": 1}}', {}, {(1, "a"): "holds several things"}),
    "half a character": (".jsonl", b'{"a": "\\ud800"}', {}, {(1, "a"): "not valid Unicode"}),
    "a line that is cut": (".jsonl", b'{"a": 1}\n{"a": ', {}, "line 2"),
    "two objects in a line": (".jsonl", b'{"a": 1}{"a": 2}', {}, "line 1: Extra data"),
    "an array": (".jsonl", b'[{"a": 1}]', {}, r"line 1 is no object.*read_rows\(json.load\(file\)\)"),
    "a member twice": (".jsonl", b'{"a": 1, "a": 2}\n', {}, "'a' stands there twice"),
    "too deep": (".jsonl", b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", {}, "line 1: "),
    "no line": (".jsonl", b"", {}, "no columns"),
}

# -- Excel ------------------------------------------------------------------------------------------------------------


def sheet(*cells: Any, change: Callable[[Workbook], object] = lambda book: None) -> Callable[[Path], object]:
    """A file of Excel with the names `k` and `v`, and a row for each cell; one with its format comes as a pair."""

    def write(path: Path) -> None:
        book = Workbook()
        first: Any = book.active
        first.append(["k", "v"])
        for row, cell in enumerate(cells, 2):
            held, code = cell if isinstance(cell, tuple) else (cell, None)
            first.append([f"K{row}", held])
            if code:
                first.cell(row, 2).number_format = code
        change(book)
        book.save(path)

    return write


def rows_of(*cells: Any) -> Rows:
    """The rows of such a file; None has no cell."""
    return [{"k": f"K{row}", **({} if cell is None else {"v": cell})} for row, cell in enumerate(cells, 2)]


def hidden(book: Any, alone: bool = False) -> None:
    """Add a sheet that is not shown."""
    second = book.create_sheet("H")
    second.sheet_state = "hidden"
    second.append(["v"])
    second.append([1])
    if alone:
        book.worksheets[0].delete_rows(1, 5)


def with_rows_above(book: Any) -> None:
    """Put a title over both columns, a formula and an empty row above the table."""
    first = book.worksheets[0]
    first.insert_rows(1, 3)
    first["A1"], first["A2"] = "Reader 7", "=NOW()"
    first.merge_cells("A1:B1")


def set_cell(place: str, value: Any) -> Callable[[Any], None]:
    """Set a cell of the first sheet."""
    return lambda book: book.worksheets[0].__setitem__(place, value)


def text_of_formula(book: Any) -> None:
    """Make the cell text that begins as a formula does."""
    book.worksheets[0]["B2"] = "=1+1"
    book.worksheets[0]["B2"].data_type = "s"


def cut_short(path: Path) -> None:
    """Write a file of Excel without its end."""
    sheet(1)(path)
    path.write_bytes(path.read_bytes()[:-200])


EXCEL: dict[str, Case] = {
    "text that looks like something else": (
        ".xlsx",
        sheet("0042", "1E5", "NA", "2024-01-02", " x ", "50-00-0", "TRUE", "a\nb", ">10"),
        {},
        rows_of("0042", "1E5", "NA", "2024-01-02", " x ", "50-00-0", "TRUE", "a\nb", ">10"),
    ),
    "numbers": (".xlsx", sheet(7, 7.0, 2.5, -1e-7, 1e300, None), {}, rows_of(7, 7, 2.5, -1e-7, 1e300, None)),
    "truth values": (".xlsx", sheet(True, False), {}, rows_of(True, False)),
    "days": (
        ".xlsx",
        sheet(date(2026, 3, 1), datetime(2026, 3, 1), (46023, "d.m.yy"), (46023, "[$-409]d-mmm")),
        {},
        rows_of(date(2026, 3, 1), date(2026, 3, 1), date(2026, 1, 1), date(2026, 1, 1)),
    ),
    "formats that show the number": (
        ".xlsx",
        sheet((1234567, "#,##0"), (5, "0.00"), (5, "[Red]0"), (5, "[$-807] 0"), (12345, r"#\ ##0"), (5, "@")),
        {},
        rows_of(1234567, 5, 5, 5, 12345, 5),
    ),
    "formats that show something else": (
        ".xlsx",
        sheet(
            (0.95, "0%"),
            (1234567, "#,##0,"),
            (123456, "000-00-0"),
            (123456, r"000\-00\-0"),
            (5, '"CPD-"0'),
            (42, "00000"),
            (5, '"CPD-"General'),
            (5, '0" mg"'),
            (5, '"$"0.00'),
        ),
        {},
        {
            (2, "v"): "shows as '95%' and holds 0.95",
            (3, "v"): "because of its format '#,##0,'",
            (4, "v"): "000-00-0",
            (5, "v"): "format",
            (6, "v"): "CPD-",
            (7, "v"): "shows as '00042'",
            (8, "v"): "CPD-",
            (9, "v"): "'5 mg'",
            (10, "v"): "'$5.00'",
        },
    ),
    "a percentage that a converter decides about": (
        ".xlsx",
        sheet((0.95, "0%")),
        {"converters": {"v": lambda held: held * 100}},
        rows_of(95.0),
    ),
    "times": (
        ".xlsx",
        sheet(time(9, 30), timedelta(hours=30), datetime(2026, 3, 1, 9)),
        {},
        {(2, "v"): "time of day", (3, "v"): "time of day", (4, "v"): "without a zone"},
    ),
    "errors and formulas": (
        ".xlsx",
        sheet("#N/A", "#DIV/0!", "=1+1"),
        {},
        {(2, "v"): "error of the sheet", (3, "v"): "error of the sheet", (4, "v"): "formula without a result"},
    ),
    "text that begins as a formula": (".xlsx", sheet("x", change=text_of_formula), {}, rows_of("=1+1")),
    "rows above, left out with their merged cells and formulas": (
        ".xlsx",
        sheet(1, 2, change=with_rows_above),
        {"skip_rows": 3},
        [{"k": "K2", "v": 1}, {"k": "K3", "v": 2}],
    ),
    "rows above that are not told": (
        ".xlsx",
        sheet(1, change=with_rows_above),
        {},
        "cells are merged, A1:B1.*skip_rows=N",
    ),
    "all rows left out": (".xlsx", sheet(1), {"skip_rows": 2}, "has nothing in the sheet below row 2"),
    "merged cells": (
        ".xlsx",
        sheet(1, 2, change=lambda book: book.worksheets[0].merge_cells("B2:B3")),
        {},
        "merged, B2:B3",
    ),
    "merged names": (
        ".xlsx",
        sheet(1, change=lambda book: book.worksheets[0].merge_cells("A1:B1")),
        {},
        "merged, A1:B1",
    ),
    "a hidden sheet beside": (".xlsx", sheet(1, change=hidden), {}, r"sheet='Sheet' or 'H' \(hidden\)"),
    "a hidden sheet alone": (
        ".xlsx",
        sheet(1, change=lambda book: hidden(book, alone=True)),
        {},
        r"in a hidden sheet alone; give sheet='H'",
    ),
    "a hidden sheet that is named": (".xlsx", sheet(5, change=hidden), {"sheet": "H"}, [{"v": 1}]),
    "a sheet that there is not": (".xlsx", sheet(1), {"sheet": "Plate"}, "has no sheet 'Plate'; it has 'Sheet'"),
    "a year as a name": (".xlsx", sheet(1, change=set_cell("B1", 2026)), {}, "name of column 2 is 2026"),
    "a year as a name, renamed": (
        ".xlsx",
        sheet(1, change=set_cell("B1", 2026)),
        {"columns": {2026: "v"}},
        rows_of(1),
    ),
    "an error as a name": (".xlsx", sheet(1, change=set_cell("B1", "#REF!")), {}, "name of column 2 is '#REF!'"),
    "two columns of one name in a sheet": (
        ".xlsx",
        sheet(1, change=set_cell("C1", "v")),
        {},
        "Two columns are called 'v'",
    ),
    "a title above the names": (
        ".xlsx",
        sheet(1, change=lambda book: (book.worksheets[0].insert_rows(1), set_cell("A1", "Plate 7")(book))),
        {},
        "row 2: 'v' stands in a column without a name",
    ),
    "a cell far below": (
        ".xlsx",
        sheet(1, change=set_cell("B900", "x")),
        {},
        [*rows_of(1), {"v": "x"}],
    ),
    "a file of Excel of which the end is missing": (".xlsx", cut_short, {}, "is cut off or damaged; copy it again"),
    "a file of Excel with a password": (
        ".xlsx",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more",
        {},
        r"of an old Excel, or has a password; save it as .xlsx, without one",
    ),
    "an empty file called .xlsx": (".xlsx", b"", {}, "it is empty"),
    "text called .xlsx": (".xlsx", b"a,b\n1,2\n", {}, "no Excel file"),
    "a file of Excel that is cut": (".xlsx", b"PK\x03\x04\x14\0", {}, "no Excel file"),
}

# -- Parquet ----------------------------------------------------------------------------------------------------------


def parquet(values: Any, kind: Any = None) -> Callable[[Path], object]:
    """A Parquet file with one column."""
    array = values if isinstance(values, pyarrow.Array) else pyarrow.array(values, kind)
    return lambda path: pyarrow.parquet.write_table(pyarrow.table({"v": array}), path)


def twice(path: Path) -> None:
    """Write a Parquet file with two columns of one name."""
    one = pyarrow.array([1])
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays([one, one], names=["v", "v"]), path)


def cut(path: Path) -> None:
    """Write a Parquet file without its end."""
    parquet(list(range(1000)))(path)
    path.write_bytes(path.read_bytes()[:200])


def broken_text() -> pyarrow.Array:
    """A column whose second text is no UTF-8."""
    ends = b"".join(end.to_bytes(4, "little") for end in (0, 1, 2, 3))
    return pyarrow.Array.from_buffers(
        pyarrow.string(), 3, [None, pyarrow.py_buffer(ends), pyarrow.py_buffer(b"x\xffy")]
    )


BERLIN = pyarrow.scalar(datetime(2026, 3, 1, tzinfo=UTC), pyarrow.timestamp("us", "Europe/Berlin")).as_py()
MIDNIGHT = 1_772_323_200_000_000_000
PARQUET: dict[str, Case] = {
    "text by a dictionary": (
        ".parquet",
        parquet(pyarrow.array(["0042", None, "NA"]).dictionary_encode()),
        {},
        [{"v": "0042"}, {}, {"v": "NA"}],
    ),
    "decimals": (
        ".parquet",
        parquet([Decimal("1.50"), None], pyarrow.decimal128(10, 2)),
        {},
        [{"v": Decimal("1.50")}, {}],
    ),
    "whole numbers up to 64 bits": (".parquet", parquet([2**64 - 1], pyarrow.uint64()), {}, [{"v": 2**64 - 1}]),
    "no numbers": (".parquet", parquet([1.5, float("nan"), None]), {}, [{"v": 1.5}, {}, {}]),
    "beyond numbers": (".parquet", parquet([1.5, float("inf")]), {}, {(1, "v"): "no finite number"}),
    "truth values, some missing": (".parquet", parquet([True, None]), {}, [{"v": True}, {}]),
    "a column of nothing": (".parquet", parquet([None, None], pyarrow.null()), {}, [{}, {}]),
    "a table without rows": (".parquet", parquet([], pyarrow.string()), {}, []),
    "days of both sizes": (".parquet", parquet([date(2026, 3, 1)], pyarrow.date64()), {}, [{"v": date(2026, 3, 1)}]),
    "days beyond the calendar": (".parquet", parquet([0, 2**30], pyarrow.date32()), {}, {(1, "v"): "cannot be read"}),
    "midnight": (".parquet", parquet([MIDNIGHT], pyarrow.timestamp("ns")), {}, [{"v": date(2026, 3, 1)}]),
    "a nanosecond after midnight": (
        ".parquet",
        parquet([MIDNIGHT, MIDNIGHT + 1], pyarrow.timestamp("ns")),
        {},
        {(1, "v"): "without a zone"},
    ),
    "a time with a zone": (
        ".parquet",
        parquet([datetime(2026, 3, 1, tzinfo=UTC)], pyarrow.timestamp("us", "Europe/Berlin")),
        {},
        [{"v": BERLIN}],
    ),
    "a zone that there is not": (
        ".parquet",
        parquet([datetime(2026, 3, 1, tzinfo=UTC)], pyarrow.timestamp("us", "Nowhere/City")),
        {},
        {(0, "v"): "cannot be read as timestamp"},
    ),
    "a time of day": (".parquet", parquet([time(9, 30)], pyarrow.time64("us")), {}, [{"v": "09:30:00"}]),
    "a nanosecond of the day": (
        ".parquet",
        parquet([1000, 1], pyarrow.time64("ns")),
        {},
        {(1, "v"): "parts of microseconds"},
    ),
    "spans": (".parquet", parquet([timedelta(1)]), {}, {(0, "v"): "timedelta"}),
    "bytes": (".parquet", parquet([b"x"]), {}, {(0, "v"): "bytes"}),
    "text that is no text": (".parquet", parquet(broken_text()), {}, {(1, "v"): "cannot be read as string"}),
    "lists of text": (".parquet", parquet([["a", None], [], None]), {}, [{"v": ["a"]}, {}, {}]),
    "structs": (".parquet", parquet([{"a": 1}]), {}, {(0, "v"): "several things"}),
    "lists of structs": (".parquet", parquet([[{"a": 1}]]), {}, {(0, "v"): "several things"}),
    "maps": (
        ".parquet",
        parquet([[("a", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
        {},
        {(0, "v"): "list of lists"},
    ),
    "two columns of one name in Parquet": (".parquet", twice, {}, "Two columns are called 'v'"),
    "a Parquet file that is cut": (".parquet", cut, {}, "no Parquet file that can be read"),
    "an empty file called .parquet": (".parquet", b"", {}, "no Parquet file that can be read"),
    "text called .parquet": (".pq", b"a,b\n", {}, "no Parquet file that can be read"),
}

FILES = {**TEXT, **{f"JSON lines: {name}": case for name, case in LINES.items()}}
FILES |= {f"Excel: {name}": case for name, case in EXCEL.items()}
FILES |= {f"Parquet: {name}": case for name, case in PARQUET.items()}


@pytest.mark.parametrize("name", FILES)
def test_a_file_arrives_as_it_stands_or_is_refused_by_name(name: str, tmp_path: Path) -> None:
    """No cell is changed, dropped or guessed: it is what it was, or it is named with its row and column."""
    suffix, content, options, wanted = FILES[name]
    path = tmp_path / f"table{suffix}"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)
    if isinstance(wanted, str):
        with pytest.raises(ValueError, match=wanted) as whole:
            read_rows(path, **options)
        assert not isinstance(whole.value, RefusedCellsError)
    elif isinstance(wanted, dict):
        with pytest.raises(RefusedCellsError) as cells:
            read_rows(path, **options)
        assert [(cell.row, cell.column) for cell in cells.value.cells] == list(wanted)
        for cell in cells.value.cells:
            assert wanted[cell.row, cell.column] in str(cell)
    else:
        found = list(read_rows(path, **options))
        assert found == wanted
        assert [[type(cell) for cell in row.values()] for row in found] == [
            [type(cell) for cell in row.values()] for row in wanted
        ]


def test_the_limit_of_the_library_stays_as_it_was(tmp_path: Path) -> None:
    """A file with a long cell does not change what other readers of the program take."""
    import csv

    path = tmp_path / "t.csv"
    path.write_bytes(b"a\n" + b"x" * 300_000 + b"\n")
    before = csv.field_size_limit()
    read_rows(path)
    assert csv.field_size_limit() == before


def test_files_with_long_cells_are_read_at_once(tmp_path: Path) -> None:
    """Several threads read files with long cells, and none takes the limit of the other away."""
    paths = [tmp_path / f"{number}.csv" for number in range(4)]
    for path in paths:
        path.write_bytes(b"a,b\n" + b"1,2\n" * 20_000 + b"1," + b"x" * 300_000 + b"\n")
    with ThreadPoolExecutor(4) as pool:
        for rows in pool.map(read_rows, paths * 4):
            assert len(rows) == 20_001


RENAMED: list[tuple[dict[Any, Any], Any]] = [
    ({"Molecule": "Compound"}, [{"Compound": "P-1", "logP": "0.5", "Notes": "x"}]),
    ({"Molecule": "Compound", "Notes": None}, [{"Compound": "P-1", "logP": "0.5"}]),
    ({"Molecule": "logP", "logP": "Molecule"}, [{"logP": "P-1", "Molecule": "0.5", "Notes": "x"}]),
    ({"Molecule": "logP"}, "Two columns are called 'logP'"),
    (
        {"molecule": "Compound"},
        "columns names a column 'molecule' that the table does not have. Did you mean 'Molecule'",
    ),
    ({"Molecule": ""}, r"columns\['Molecule'\] must be its new name, or None"),
    ({"Molecule": 5}, r"columns\['Molecule'\] must be its new name, or None"),
    ({"Molecule": None, "logP": None, "Notes": None}, "no columns"),
]


def test_columns_are_renamed_and_left_out() -> None:
    """`columns` says what a column is called where that is not the name of the field; others keep their names."""
    table = {"Molecule": ["P-1"], "logP": ["0.5"], "Notes": ["x"]}
    for columns, wanted in RENAMED:
        if isinstance(wanted, str):
            with pytest.raises(ValueError, match=wanted):
                read_rows(table, columns=columns)
        else:
            rows = read_rows(table, columns=columns)
            assert (list(rows), rows.columns) == (wanted, list(wanted[0]))


def test_renamed_columns_are_told_by_the_names_in_the_table() -> None:
    """Converters and refused cells name the columns of the table; what is left out is not looked at."""
    table = {"Mass": ["1,5"], "Odd": [{1}], "logP": [float("inf")]}
    with pytest.raises(RefusedCellsError, match="row 0, column 'logP'") as refusal:
        read_rows(table, columns={"Mass": "Mass (mg)", "Odd": None, "logP": "x"}, converters={"Mass": decimal_comma})
    assert len(refusal.value.cells) == 1
    rows = read_rows({"Mass": ["1,5"]}, columns={"Mass": "Mass (mg)"}, converters={"Mass": decimal_comma})
    assert list(rows) == [{"Mass (mg)": "1.5"}]
    assert json.dumps(list(rows)) == '[{"Mass (mg)": "1.5"}]'
