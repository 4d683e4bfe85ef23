"""Tables that are read: every cell arrives as it stands, or is refused by name."""

from __future__ import annotations

import codecs
import io
import json
import math
import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
from openpyxl import Workbook
from openpyxl.chart import BarChart
from openpyxl.comments import Comment
from openpyxl.styles import Border, Side
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900
from openpyxl.worksheet.datavalidation import DataValidation

from kalbio.reading import RefusedCellsError, decimal_comma, read_rows, without_unit
from kalbio.testing import InProcess

TRICKY = [
    "0042", "1E5", "NA", "None", "nan", "null", "2024-01-02", "50-00-0", "12345678901234567890", "=A1+B1", "-5", "+5",
    " before", "after ", "TRUE", "1,234", "a;b", 'say "hi"', "two\nlines", "µg", "#N/A", "1.0", "", "x\ty",
]  # fmt: skip
"""Text of cells that readers like to change."""


def rows_of(*cells: Any) -> list[dict[str, Any]]:
    """Rows of the column `v` with these cells and a key; empty ones have no cell."""
    return [{"k": f"K{index}", **({} if cell == "" else {"v": cell})} for index, cell in enumerate(cells)]


def separated(separator: str, end: str = "\n", quoted: bool = False) -> str:
    """The tricky cells as separated values."""
    lines = ["k" + separator + "v"]
    for index, cell in enumerate(TRICKY):
        needs = quoted or any(letter in cell for letter in f'{separator}"\n\t')
        doubled = cell.replace('"', '""')
        lines.append(f"K{index}{separator}" + (f'"{doubled}"' if needs else cell))
    return end.join(lines) + end


TEXT_FILES: dict[str, tuple[str, bytes, dict[str, Any]]] = {
    "comma": (".csv", separated(",").encode(), {}),
    "semicolon": (".csv", separated(";").encode(), {"separator": ";"}),
    "semicolon, told": (".csv", separated(";", quoted=True).encode(), {}),
    "tab": (".tsv", separated("\t").encode(), {}),
    "bar in .txt": (".txt", separated("|").encode(), {}),
    "all quoted": (".csv", separated(",", quoted=True).encode(), {}),
    "windows line ends": (".csv", separated(",", "\r\n").encode(), {}),
    "mark of utf-8": (".csv", codecs.BOM_UTF8 + separated(",").encode(), {}),
    "utf-16, little": (".csv", codecs.BOM_UTF16_LE + separated(",").encode("utf-16-le"), {}),
    "utf-16, big": (".csv", codecs.BOM_UTF16_BE + separated(",").encode("utf-16-be"), {}),
    "utf-16, no mark": (".csv", separated(",").encode("utf-16-le"), {"encoding": "utf-16-le"}),
    "cp1252": (".csv", separated(",").encode("cp1252"), {"encoding": "cp1252"}),
    "mixed line ends": (".csv", separated(",").replace("\nK3", "\r\nK3").encode(), {}),
    "blank lines": (".csv", separated(",").replace("\nK3", "\n\n\nK3").encode(), {}),
    "no line end": (".csv", separated(",").rstrip("\n").encode(), {}),
    "json lines": (
        ".jsonl",
        "".join(json.dumps({"k": f"K{n}", "v": cell}) + "\n" for n, cell in enumerate(TRICKY)).encode(),
        {},
    ),
}


@pytest.mark.parametrize("name", TEXT_FILES)
def test_text_of_files_arrives_as_it_stands(name: str, tmp_path: Path) -> None:
    """In every spelling of a text file, text that looks like something else stays what it is."""
    suffix, data, options = TEXT_FILES[name]
    path = tmp_path / f"t{suffix}"
    path.write_bytes(data)

    rows = read_rows(path, **options)

    assert (rows.columns, list(rows)) == (["k", "v"], rows_of(*TRICKY))


# -- Excel ------------------------------------------------------------------------------------------------------------

FORMATS = [
    "mm-dd-yy",
    "m/d/yy h:mm",
    "00000",
    "yyyy\\-mm\\-dd",
    '0.0 "days"',
    "[Red]0.00",
    "h:mm",
    '0" mg; dry"',
    "[h]:mm",
]
"""Formats of numbers; the style of each has its place, from 1 on."""
HOURS = len(FORMATS)
CHINA = HOURS + 1
"""The style of dates in China, which files name by its number alone: 31."""
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
TEXTS = (
    f"<sst {MAIN}><si><t>00007</t></si><si><r><t>in </t></r><r><t>runs</t></r><rPh sb='0' eb='1'><t>x</t></rPh></si>"
    "<si><t>a_x000D_b</t></si></sst>"
)


def excel(
    path: Path, *cells: str, sheets: int = 1, since_1904: bool = False, merged: str = "", texts: str = TEXTS
) -> Path:
    """Write an Excel file with one column `v` of these cells, as they stand in its XML; all around them is as usual."""
    book = Workbook()
    book.epoch = CALENDAR_MAC_1904 if since_1904 else CALENDAR_WINDOWS_1900
    first = book.active
    for row, code in enumerate([*FORMATS, "mmmm"], 1):
        first.cell(row, 9, 1).number_format = code
    first.title = "S1"
    for n in range(2, sheets + 1):
        book.create_sheet(f"S{n}")
    if merged:
        first.merge_cells(merged)
    book.save(path)
    with ZipFile(path) as packed:
        parts = {name: packed.read(name).decode() for name in packed.namelist()}
    rows = "".join(f'<row r="{n}">{cell}</row>'.replace("B9", f"B{n}") for n, cell in enumerate(cells, 3))
    data = f'<sheetData><row r="2"><c r="B2" t="inlineStr"><is><t>v</t></is></c></row>{rows}</sheetData>'
    parts = {name: re.sub("<sheetData>.*</sheetData>", lambda _: data, text) for name, text in parts.items()}
    shared = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(
        "</Types>", f'<Override PartName="/xl/sharedStrings.xml" ContentType="{shared}"/></Types>'
    )
    (number,) = re.findall('numFmtId="([0-9]+)" formatCode="mmmm"', parts["xl/styles.xml"])
    parts["xl/styles.xml"] = parts["xl/styles.xml"].replace(f'<xf numFmtId="{number}"', '<xf numFmtId="31"')
    with ZipFile(path, "w") as packed:
        for name, text in {**parts, "xl/sharedStrings.xml": texts}.items():
            packed.writestr(name, text)
    return path


def cell(held: str, kind: str = "n", style: int = 0, formula: str = "") -> str:
    """A cell of Excel."""
    value = f"<v>{held}</v>" if held else ""
    made = f"<f>{formula}</f>" if formula else ""
    return f'<c r="B9" t="{kind}" s="{style}">{made}{value}</c>'


EXCEL: dict[str, tuple[str, Any]] = {
    "text of digits": (cell("0", "s"), "00007"),
    "text in runs": (cell("1", "s"), "in runs"),
    "character with a code": (cell("2", "s"), "a\rb"),
    "text beside": ('<c r="B9" t="inlineStr"><is><t xml:space="preserve"> =A1 </t></is></c>', " =A1 "),
    "whole": (cell("42"), 42),
    "whole with a point": (cell("7.0"), 7),
    "long id": (cell("12345678901234567"), 12345678901234567),
    "fraction": (cell("0.10000000000000001"), 0.1),
    "small": (cell("1.0000000000000001E-5"), 1e-5),
    "true": (cell("1", "b"), True),
    "false": (cell("0", "b"), False),
    "day": (cell("46023", style=1), date(2026, 1, 1)),
    "day, own format": (cell("46023", style=4), date(2026, 1, 1)),
    "day, format of China": (cell("46023", style=CHINA), date(2026, 1, 1)),
    "midnight": (cell("46023", style=2), date(2026, 1, 1)),
    "coloured number": (cell("2.5", style=6), 2.5),
    "digits that fill the format": (cell("12345", style=3), 12345),
    "result of a formula": (cell("3", formula="1+2"), 3),
    "text of a formula": (cell("0042", "str", formula="A1"), "0042"),
    "text that looks like a code": ('<c r="B9" t="inlineStr"><is><t>_x005F_x000D_</t></is></c>', "_x000D_"),
}


@pytest.mark.parametrize("name", EXCEL)
def test_cells_of_excel_arrive_as_they_stand(name: str, tmp_path: Path) -> None:
    """Text stays text, whole numbers have no point, dates are dates and booleans booleans."""
    held, wanted = EXCEL[name]
    rows = read_rows(excel(tmp_path / "t.xlsx", held))
    assert (list(rows), rows.numbers) == ([{"v": wanted}], [3])
    assert type(rows[0]["v"]) is type(wanted)


EXCEL_REFUSED: dict[str, tuple[str, str]] = {
    "number of days": (cell("2.5", style=5), "shows as '2.5 days'"),
    "zeros by format": (cell("42", style=3), "shows as '00042' and holds 42"),
    "error": (cell("#N/A", "e"), "error of the sheet"),
    "formula without result": (cell("", formula="A1"), "formula without a result"),
    "time of day": (cell("0.5", style=7), "0.5 shows a time of day"),
    "hours": (cell("62", style=HOURS), "62.0 shows a time of day"),
    "day that never was": (cell("60", style=1), "a day before March 1900"),
    "day that Excel cannot show": (cell("3000000", style=1), "error of the sheet"),
    "number taken for a date": (cell("120", style=8), "change that"),
    "moment without zone": (cell("46023.5", style=2), "without a zone"),
}


@pytest.mark.parametrize("name", EXCEL_REFUSED)
def test_cells_of_excel_that_do_not_hold_what_they_show_are_refused(name: str, tmp_path: Path) -> None:
    """They are named with row and column; a converter decides what they are."""
    held, text = EXCEL_REFUSED[name]
    path = excel(tmp_path / "t.xlsx", cell("1"), held)
    with pytest.raises(RefusedCellsError, match=text) as refusal:
        read_rows(path)
    assert [(item.row, item.column) for item in refusal.value.cells] == [(4, "v")]


def test_a_converter_decides_about_a_doubtful_cell(tmp_path: Path) -> None:
    """The number behind a format of zeros is given to the converter of its column."""
    path = excel(tmp_path / "t.xlsx", cell("42", style=3))
    assert list(read_rows(path, converters={"v": "{:05}".format})) == [{"v": "00042"}]


def test_sheets_are_named_where_there_are_several(tmp_path: Path) -> None:
    """Several sheets with something in them are refused until one is named; merged cells always; the epoch counts."""
    path = excel(tmp_path / "t.xlsx", cell("1"), sheets=2)
    with pytest.raises(ValueError, match="sheet='S1' or 'S2'"):
        read_rows(path)
    assert list(read_rows(path, sheet="S2")) == [{"v": 1}]
    with pytest.raises(ValueError, match="no sheet 'S3'"):
        read_rows(path, sheet="S3")
    merged = excel(tmp_path / "m.xlsx", cell("1"), merged="B3:B4")
    with pytest.raises(ValueError, match="merged, B3:B4"):
        read_rows(merged)
    assert list(read_rows(excel(tmp_path / "e.xlsx", cell("44561", style=1), since_1904=True))) == [
        {"v": date(2026, 1, 1)}
    ]
    charts = Workbook()
    charts.create_chartsheet().add_chart(BarChart())
    charts.remove(charts.active)
    for number, empty in enumerate([Workbook(), charts]):
        empty.save(tmp_path / f"{number}.xlsx")
        with pytest.raises(ValueError, match="nothing in the sheet"):
            read_rows(tmp_path / f"{number}.xlsx")


def test_files_of_excel_in_common_use_are_read(tmp_path: Path) -> None:
    """Tricky text and plain values of a whole file arrive; looks, rules, comments and far corners are no matter."""
    book = Workbook()
    sheet = book.active
    moment = datetime(2026, 1, 1)
    values = [*TRICKY, 42, 2.5, True, False, date(2026, 1, 1), moment]
    for row, pair in enumerate([("k", "v"), *((f"K{n}", value) for n, value in enumerate(values))], 1):
        for column, value in enumerate(pair, 1):
            at = sheet.cell(row, column, value or None if isinstance(value, str) else value)
            at.border = Border(top=Side("thin"))
            if isinstance(value, str) and value:
                at.data_type = "s"  # text, also where it looks like a formula
    sheet.cell(2**20, 2**14).border = Border(top=Side("thin"))
    rule = DataValidation("list", formula1='"a,b"')
    rule.add("B2:B9")
    sheet.add_data_validation(rule)
    sheet.auto_filter.ref = "A1:B9"
    sheet["B3"].comment = Comment("seen", "me")
    book.create_sheet("empty")
    book.save(tmp_path / "t.xlsx")

    rows = read_rows(tmp_path / "t.xlsx")

    assert list(rows) == rows_of(*TRICKY, 42, 2.5, True, False, date(2026, 1, 1), date(2026, 1, 1))
    assert rows.numbers == list(range(2, len(values) + 2))


def test_formulas_that_were_never_computed_are_refused(tmp_path: Path) -> None:
    """Programs may write formulas without their results; each such cell is named, and empty cells are not."""
    book = Workbook()
    for row in (["a", "b"], [1, "=A2+1"], [2, None], [3, "=A4+1"]):
        book.active.append(row)
    book.active["B3"].number_format = "0.0"
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(RefusedCellsError, match=r"row 2, column 'b': '=A2\+1' is a formula without") as refusal:
        read_rows(tmp_path / "t.xlsx")
    assert [(item.row, item.column) for item in refusal.value.cells] == [(2, "b"), (4, "b")]
    no_text = '<c r="B9" t="str"><f>""</f><v></v></c>'  # a result, and no value
    assert list(read_rows(excel(tmp_path / "e.xlsx", cell("1"), no_text, cell("", style=3)))) == [{"v": 1}]


def test_a_file_whose_text_would_be_changed_is_refused(tmp_path: Path) -> None:
    """Text in the form of the code of a character cannot be told from the character, and is not guessed at."""
    texts = f"<sst {MAIN}><si><t>_x005F_x000D_</t></si></sst>"
    with pytest.raises(ValueError, match=r"'_x000D_', which stands for a character; change it"):
        read_rows(excel(tmp_path / "t.xlsx", cell("0", "s"), texts=texts))


def test_files_that_are_wrong_inside_are_refused(tmp_path: Path) -> None:
    """Whatever is broken in a file, the error says that it cannot be read; a missing file is another matter."""
    path = excel(tmp_path / "t.xlsx", cell("99", "s"))
    with pytest.raises(ValueError, match=r"'t.xlsx' is no Excel file of the newer kind \(.xlsx\) that can be read"):
        read_rows(path)
    path = excel(tmp_path / "t.xlsx", cell("twelve"))
    with pytest.raises(ValueError, match=r"no Excel file.*'twelve'"):
        read_rows(path)
    with pytest.raises(FileNotFoundError):
        read_rows(tmp_path / "missing.xlsx")


# -- frames, lists, dicts ---------------------------------------------------------------------------------------------


class Colour(Enum):
    """An enumeration of a user."""

    RED = "red"


MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)
VALUES: list[tuple[Any, Any]] = [
    (5, 5), (2.5, 2.5), (True, True), ("0042", "0042"), (Decimal("2.50"), Decimal("2.50")), (Colour.RED, "red"),
    (UUID(int=5), str(UUID(int=5))), (date(2026, 1, 1), date(2026, 1, 1)), (MOMENT, MOMENT),
    (datetime(2026, 1, 1), date(2026, 1, 1)),
    (np.int64(5), 5), (np.float32(2.5), 2.5), (np.bool_(True), True), (np.str_("x"), "x"),
    (np.datetime64("2026-01-01"), date(2026, 1, 1)), (pd.Timestamp("2026-01-01"), date(2026, 1, 1)),
    (["a", None, "b"], ["a", "b"]), (("a",), ["a"]), (np.array(["a", "b"]), ["a", "b"]),
]  # fmt: skip
NOTHING = [None, float("nan"), np.nan, np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT"), Decimal("NaN"), "", []]
NO_FORM = [float("inf"), Decimal("Infinity"), {"a": 1}, {1, 2}, b"x", object(), "\ud800", [["a"]], datetime(2026, 1, 1, 9), 1j]  # noqa: E501  # fmt: skip


@pytest.mark.parametrize(("given", "wanted"), VALUES, ids=repr)
def test_values_of_all_libraries_are_plain(given: Any, wanted: Any) -> None:
    """Scalars of numpy and pandas, Decimal, dates, enumerations and UUIDs become what a field takes."""
    (row,) = read_rows([{"v": given}])
    assert row == {"v": wanted}
    assert type(row["v"]) is type(wanted)


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
def test_missing_of_every_library_is_no_value(nothing: Any) -> None:
    """It is neither an error nor a cell, and no converter sees it."""
    assert list(read_rows([{"v": nothing, "k": 1}], converters={"v": str})) == [{"k": 1}]


@pytest.mark.parametrize("value", NO_FORM, ids=lambda value: type(value).__name__)
def test_what_has_no_form_is_refused_with_row_and_column(value: Any) -> None:
    """All such cells are named together, with row, column and reason."""
    with pytest.raises(RefusedCellsError, match=r"2 cells are refused: row 1, column 'v': ") as refusal:
        read_rows([{"v": "fine"}, {"v": value}, {"v": value}])
    assert [(item.row, item.column) for item in refusal.value.cells] == [(1, "v"), (2, "v")]
    assert all(item.reason for item in refusal.value.cells)


def pandas_frame() -> Any:
    """A frame of pandas with a column of each kind, one cell missing in each."""
    return pd.DataFrame(
        {
            "text": ["0042", None], "number": [2.5, math.nan], "whole": pd.array([5, None], "Int64"),
            "flag": pd.array([True, None], "boolean"), "day": pd.to_datetime(["2026-01-01", None]),
            "moment": pd.to_datetime(["2026-01-01T12:00Z", None]), "kind": pd.Categorical(["a", None]),
        }
    )  # fmt: skip


FIRST = {
    "text": "0042", "number": 2.5, "whole": 5, "flag": True, "day": date(2026, 1, 1), "moment": MOMENT, "kind": "a",
}  # fmt: skip


def test_a_frame_of_pandas_is_read_by_its_columns() -> None:
    """Every dtype gives plain cells, an index with a name is a column, one without is none."""
    rows = read_rows(pandas_frame())
    assert list(rows) == [FIRST, {}]
    assert [type(value) for value in rows[0].values()][:4] == [str, float, int, bool]
    indexed = pandas_frame().iloc[:1].set_index("text")
    assert read_rows(indexed)[0] == FIRST
    with pytest.raises(ValueError, match="levels"):
        read_rows(pd.concat({"a": pandas_frame()}, axis=1))
    with pytest.raises(ValueError, match="Two columns"):
        read_rows(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(ValueError, match="no text"):
        read_rows(pd.DataFrame([[1, 2]]))


def arrow_table() -> Any:
    """The same as a table of Arrow."""
    return pyarrow.table({name: pyarrow.array([value, None]) for name, value in FIRST.items()})


def polars_frame() -> Any:
    """The same as a frame of polars."""
    return polars.DataFrame({name: [value, None] for name, value in FIRST.items()})


@pytest.mark.parametrize("make", [arrow_table, polars_frame])
def test_arrow_and_polars_are_read(make: Callable[[], Any], tmp_path: Path) -> None:
    """Frames of polars, tables of Arrow, anything that gives an Arrow stream, and Parquet files give the same cells."""
    frame = make()

    class Stream:
        def __arrow_c_stream__(self, schema: Any = None) -> Any:
            return frame.__arrow_c_stream__(schema)

    assert list(read_rows(frame)) == list(read_rows(Stream())) == [FIRST, {}]
    if hasattr(frame, "write_parquet"):
        frame.write_parquet(tmp_path / "t.parquet")
        assert list(read_rows(tmp_path / "t.parquet")) == [FIRST, {}]
        with pytest.raises(ValueError, match="collect"):
            read_rows(frame.lazy())


NS = 1_772_323_200_000_000_000
FRAMES: list[tuple[Any, str]] = [
    (polars.DataFrame({"v": polars.Series([NS, NS + 1]).cast(polars.Datetime("ns"))}), "row 1.*parts of microseconds"),
    (polars.DataFrame({"v": polars.Series([1000, 1]).cast(polars.Time)}), "row 1.*parts of microseconds"),
    (polars.DataFrame({"v": polars.Series([0, 2**30]).cast(polars.Date)}), "row 1.*beyond the years"),
    (polars.DataFrame({"v": polars.Series([0, 10**18]).cast(polars.Datetime("ms", "UTC"))}), "row 1.*beyond the years"),
    (polars.DataFrame({"v": [{"a": 1}]}), "several things"),
    (polars.Series("v", [1]), r"give series.to_frame\(\)"),
    (pd.Series([1], name="v"), r"give series.to_frame\(\)"),
    (pd.DataFrame({"v": [1]}, index=["CPD-1"]), r"such as 'CPD-1'; give frame.rename_axis\('Compound'\)"),
    (pd.DataFrame({"v": [1]}, index=pd.Index([5], name="v")), "index and a column are both called 'v'"),
    (
        pd.DataFrame({"v": [1]}, index=pd.MultiIndex.from_tuples([("a", 1)], names=["k", None])),
        r"levels without a name, beside 'k'; name them, with frame.rename_axis\(\[",
    ),
    (
        pyarrow.Table.from_pandas(pd.DataFrame({"v": [1]}, index=["CPD-1"])),
        r"is the index of a frame without a name, .* such as 'CPD-1'; name it",
    ),
    (
        {"k": pd.Series(["a", "b"]), "v": pd.Series([2, 1], index=[1, 0])},
        r"'v' is a Series with another index .* give pandas.DataFrame\(",
    ),
    ({"k": ["a", "b"], "v": {1, 2}}, "'v' is a set, which has no order; give a list"),
    (pd.DataFrame({"v": pd.period_range("2026-03", periods=1, freq="M")}), "Period"),
    (pd.DataFrame({"v": pd.Series(np.array(["20000-01-01"], "datetime64[s]"))}), "cannot be read"),
    (pyarrow.table({"v": pyarrow.array([(1, 2, 3)], pyarrow.month_day_nano_interval())}), "MonthDayNano"),
    (pyarrow.chunked_array([[1]]), "Arrow stream.*is no table"),
    ([{"v": np.datetime64(NS + 1, "ns")}], "parts of microseconds"),
    ([{"v": np.datetime64("20000-01-01")}], "cannot be read"),
]


def test_frames_lose_nothing_without_a_word() -> None:
    """What a library would cut, drop or end the program over is refused, and the text says what to do."""
    for frame, text in FRAMES:
        with pytest.raises(ValueError, match=text):
            read_rows(frame)
    for unit in ("ns", "us", "ms"):
        days = polars.Series([datetime(1899, 3, 1), None, datetime(2026, 3, 1)]).cast(polars.Datetime(unit))
        assert list(read_rows(polars.DataFrame({"v": days}))) == [{"v": date(1899, 3, 1)}, {}, {"v": date(2026, 3, 1)}]
    assert list(read_rows(pd.DataFrame({"v": [1, 2]}, index=[7, 5]))) == [{"v": 1}, {"v": 2}]
    assert list(read_rows(pyarrow.Table.from_pandas(pd.DataFrame({"v": [1, 2]}, index=[7, 5])))) == [{"v": 1}, {"v": 2}]


def test_columns_of_any_library_are_read_as_in_its_frames() -> None:
    """In a dict of columns, those of pandas, polars and Arrow have the cells that they have in a frame."""
    day, odd = datetime(2026, 1, 1), np.datetime64("2026-01-01T00:00:00.000000001", "ns")
    columns: dict[str, Any] = {
        "pandas": pd.Series([0.1, None], index=[7, 5], dtype="Float32"), "array": np.array([0.1, 2], dtype="float32"),
        "polars": polars.Series([day, None]), "arrow": pyarrow.array([0.1, None], type=pyarrow.float32()),
        "chunked": pyarrow.chunked_array([["x"], [None]]), "list": ["a", "b"],
    }  # fmt: skip
    assert list(read_rows(columns)) == [
        {"pandas": 0.1, "array": 0.1, "polars": day.date(), "arrow": 0.1, "chunked": "x", "list": "a"},
        {"array": 2, "list": "b"},
    ]
    with pytest.raises(RefusedCellsError, match="parts of microseconds"):
        read_rows({"v": polars.Series(np.array([odd]))})


SHORT: list[tuple[float, float]] = [
    (0.1, 0.1), (1 / 3, 0.33333334), (16777217.0, 16777216.0), (1.1e10, 1.1e10), (3.4028235e38, 3.40282347e38),
    (2.5, 2.5), (-0.7, -0.7), (1.17549435e-38, 1.1754944e-38),
]  # fmt: skip


def test_floats_of_32_bits_are_as_short_as_they_were() -> None:
    """A number of 32 bits is the shortest that means it, as it shows in its frame, and not what Python has of it."""
    wanted = [{"v": short} for _, short in SHORT]
    given = np.array([number for number, _ in SHORT], dtype="float32")
    for source in (
        pd.DataFrame({"v": given}),
        pd.DataFrame({"v": pd.array(given, dtype="Float32")}),
        pd.DataFrame({"v": pd.array(given, dtype="float[pyarrow]")}),
        polars.DataFrame({"v": given}),
        pyarrow.table({"v": given}),
        {"v": list(given)},
        {"v": list(pyarrow.array(given))},
    ):
        assert list(read_rows(source)) == wanted
    assert list(read_rows({"v": [np.float32("nan"), np.float16(0.1)]})) == [{}, {"v": 0.1}]
    draw = random.Random(5)
    for _ in range(1000):
        number = np.float32(draw.uniform(-1, 1) * 10 ** draw.randint(-30, 30))
        (row,) = read_rows([{"v": number}])
        assert row["v"] == float(str(number))


def test_lists_and_dicts_are_tables() -> None:
    """A list of dicts and a dict of lists; what is neither is refused, and says what is wanted."""
    assert list(read_rows([{"a": 1}, {"b": 2}])) == [{"a": 1}, {"b": 2}]
    assert list(read_rows({"a": [1, None], "b": ("x", "y")})) == [{"a": 1, "b": "x"}, {"b": "y"}]
    for wrong, text in [
        ({"a": [1], "b": [1, 2]}, "differ in length"), ({"a": 1}, r"\[row\]"), ([1], r"rows\[0\]"), (5, "frame"),
        ([], "no columns"), (b"x", "Bytes are no table"), ([{1: 2}], "no text"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=text):
            read_rows(wrong)


def test_what_is_no_path_of_a_file_is_told(tmp_path: Path) -> None:
    """Addresses, folders, text, bytes, streams and open files are told, with the path to give where it is known."""
    file = tmp_path / "t.csv"
    file.write_text("v\n1\n")
    with file.open() as text, file.open("rb") as binary:
        for source, told in (
            ("https://example.org/x.csv", "A URL is not read: 'https://example.org/x.csv'; download it first"),
            ("s3://bucket/x.parquet", "download it first"),
            (tmp_path, "is a folder; give the path of a file in it"),
            ("v\n1\n", "has several lines; where it is the table itself, write it into a file"),
            (b"v\n1\n", "Bytes are no table: .*; write it into a file and give the path"),
            (io.StringIO("v\n1\n"), "A stream is not read: .*; write it into a file and give the path"),
            (io.BytesIO(b"v\n1\n"), "A stream is not read"),
            (text, f"by its path, not open: give {str(file)!r}"),
            (binary, f"by its path, not open: give {str(file)!r}"),
            (
                [["v"], [1]],
                r"got \['v'\]; of rows that are lists.*\[dict\(zip\(rows\[0\], row\)\) for row in rows\[1:\]\]",
            ),
        ):
            with pytest.raises(ValueError, match=told):
                read_rows(source)
    assert list(read_rows(pd.DataFrame({"read": [1]}))) == [{"read": 1}]


def test_decimal_commas_are_read_when_asked() -> None:
    """The converter makes a point of the comma of a number, refuses a point that may be either, leaves other cells."""
    given = ["1,5", "-0,25", "1,5E-3", " 2,0 ", "1.234,5", "1,234,567", "a,b", ">1,5", "7", "1 234,5"]
    rows = read_rows({"v": given}, converters={"v": decimal_comma})
    wanted = ["1.5", "-0.25", "1.5E-3", "2.0", "1234.5", "1,234,567", "a,b", ">1.5", "7", "1234.5"]
    assert [row["v"] for row in rows] == wanted
    with pytest.raises(
        RefusedCellsError, match=r"row 0, column 'v': '1.234' has a point and no comma, so that it may be"
    ):
        read_rows({"v": ["1.234"]}, converters={"v": decimal_comma})


def test_converters_follow_each_other() -> None:
    """Functions and names of one column are called in order, with what the one before made, until it is no value."""
    seen: list[Any] = []

    def note(cell: Any) -> Any:
        seen.append(cell)
        return cell

    rows = read_rows(
        {
            "Mass": [" 1,5 mg", "n/a", " ", None],
            "Hit": ["ja", "nein", "?", None],
            "Day": ["31.01.2026", "-", "1", None],
        },
        converters={
            "Mass": ("strip", "none:n/a", note, without_unit("mg"), "decimal-comma"),
            "Hit": ["yes:ja", "no:nein"],
            "Day": ["none:-", "day:%d.%m.%Y"],
        },
    )
    assert list(rows) == [{"Mass": "1.5", "Hit": True, "Day": date(2026, 1, 31)}, {"Hit": False},
                          {"Hit": "?", "Day": "1"}, {}]  # fmt: skip
    assert seen == ["1,5 mg"]
    with pytest.raises(RefusedCellsError, match=r"row 0, column 'v': 'a' makes its converter raise ValueError"):
        read_rows({"v": ["a"]}, converters={"v": ["strip", float, "decimal-comma"]})


def test_rows_go_into_an_import(tmp_path: Path) -> None:
    """What is read is pushed as it is: text of digits in a text field stays what it was."""
    path = tmp_path / "t.csv"
    path.write_text("Compound;Code;Mass\nR-1;0042;1,5\nR-2;;NA\n", "utf-8")
    with InProcess() as lab:
        lab.client.entity_fields.get_or_create_data_field("Code", "text")
        rows = read_rows(path, separator=";")
        lab.client.imports.wait(lab.client.imports.push_data(["Compound"], rows) or "")
        record = lab.client.records.get_record_by_id({"Compound": "R-1"})
        assert record is not None
        assert record.get_value_content("Code") == "0042"


@pytest.mark.parametrize("table", [pandas_frame(), "plate.csv", Path("plate.csv")], ids=["frame", "text", "path"])
def test_a_table_in_the_place_of_rows_is_told_to_be_read(table: Any) -> None:
    """Who pushes a frame or the path of a file as it is learns what makes rows of it, and nothing is sent."""
    with InProcess() as lab:
        with pytest.raises(ValueError, match="read_rows"):
            lab.client.imports.push_data(["text"], table)
        assert lab.operations() == []


def test_a_table_of_records_is_read_by_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of the client is read without a library for Arrow, and without the ids of its records: no field."""
    monkeypatch.setattr("kalbio.reading.frames.find_spec", lambda name: None)
    with InProcess() as lab:
        table = lab.client.records.table("Compound", fields=["Compound", "Potency (nM)"], sorts=["Compound"])
        rows = read_rows(table)
    assert rows.columns == ["Compound", "Potency (nM)"]
    assert rows[0] == {"Compound": "SBX-1", "Potency (nM)": 12.5}
    assert rows[4] == {"Compound": "SBX-5"}


def test_rows_show_as_a_table_in_a_notebook() -> None:
    """A notebook shows the names and the rows, escaped, with no more than it has room for."""
    page = read_rows({"<b>": [f"cell {place}" for place in range(500)]})._repr_html_()
    assert "&lt;b&gt;" in page
    assert "cell 0" in page
    assert "cell 499" not in page
