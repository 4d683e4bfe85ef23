"""Cells of Excel whose format shows something else than they hold, and formats that show a number as it is."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from openpyxl import Workbook
from openpyxl.formatting.rule import Rule
from openpyxl.styles import Font
from openpyxl.styles.differential import DifferentialStyle
from openpyxl.styles.numbers import NumberFormat

from kalbio.reading import RefusedCellsError, decimal_comma, read_rows, without_unit
from kalbio.testing import InProcess

ACCOUNTING = '_-* #,##0.00_-;-* #,##0.00_-;_-* "-"??_-;_-@_-'
AS_IT_IS: list[tuple[Any, str]] = [
    (5, "General"), (5, "@"), (5, "0"), (5.25, "0.00"), (5, "0."), (0.5, ".00"), (5.25, "00.00"), (7, "#"),
    (12345, "#,##0"), (12345, r"#\ ##0"), (12345, "#'##0"), (12345, '#" "##0.0'), (1e-5, "0.00E+00"),
    (12345, "##0.0E+0"),
    (2.5, "# ?/?"), (2.5, "# ?/8"), (5, "[Red]0.00"), (5, "[Color10]0"), (46023, "[$-409]0"), (5, "+0;-0"),
    (5, "_(0_)"), (-5, "0"), (-5, "0;-0"), (-5, r"0;\-0"),
    (-5, "0.00;[Red]0.00"), (-5, "#,##0_);(#,##0)"), (-5, r"0_);[Red]\(0\)"),
    (-5, "General;-General"), (0, "0;-0"), (0, "0;-0;0"), (5, ACCOUNTING), (-5, ACCOUNTING), (5, '0;-0;"<LOD"'),
    (-5, '0;-0;"<LOD"'), (5, '[<0.01]"<0.01";0.00'), (1500, "[>=1000]#,##0;0.00"), (-5, "[Red][<0]0.0;0.0"),
    ("x", "0"), ("x", "@"), ("x", ACCOUNTING), (True, "0%"), (1e300, "0.00"), (2**60, "0"), (5, '0;-0;0;"text"'),
    (5, "GENERAL"), (-5, "general"), (-5, "0;\u22120"),
]  # fmt: skip
SOMETHING_ELSE: list[tuple[Any, str, str]] = [
    (10, '">"0', "10 shows as '>10' and holds 10"), (10, r"\>0", "'>10'"), (10, ">0", "'>10'"), (10, '"~"0', "'~10'"),
    (10, '"≥"0', "'≥10'"), (10, "‹0", "'‹10'"), (10, '"<"0.0', "'<10.0'"), (0.001, '[<0.01]"<0.01";0.00', "'<0.01'"),
    (5, '"10"0', "'105'"), (5, '0"000"', "'5000'"), (105, r"0\ 0", "'10 5'"), (5, "0*0", "something else"),
    (0, '0;-0;"<LOD"', "'<LOD'"), (0, ACCOUNTING, "'-'"), (5, '"n.d."', "'n.d.'"), (5, ";;;", "shows nothing"),
    (0, "0;-0;;@", "shows nothing"), (-5, "0;", "shows nothing"), (0, "#", "shows nothing"), (0, "#.##", "'.'"),
    (5, "[>100]0;[>10]0", "shows no number"), (5, "[DBNum1]General", "something else"), (-5, "0;0", "'5'"),
    (5, "-0", "'-5'"), (-5, "+0", "'-+5'"), (5, "(0)", "'(5)'"), (-5, "[<0]0", "something else"),
    (0.95, "0%", "'95%' and holds 0.95"), (1234567, "#,##0,", "'1,235'"), (1200, "0.0,", "'1.2'"),
    (42, "00000", "'00042'"), (42, "0,000", "'0,042'"),
    (123456, "000-00-0", "'123-45-6'"), (123456, r"000\-00\-0", "'123-45-6'"), (5, '"CPD-"0', "'CPD-5'"),
    (5, '"CPD-"General', "'CPD-5'"), (1234.5, '"~"#,##0.00', "'~1,234.50'"), (5, '0" mM"', "'5 mM'"),
    (5, "[$CHF-807] 0", "'CHF 5'"), ("5", '"CPD-"@', "'CPD-5'"), ("x", ";;;", "shows nothing"),
    ("x", '0;0;0;"y"', "'y'"), (2.5, '# ?/?"x"', "something else"), (1e-5, '0E+0"x"', "something else"),
]  # fmt: skip


def book(path: Path, cells: list[tuple[Any, str]], name: str = "v") -> Path:
    """A file with one column of these cells, each in its format."""
    made = Workbook()
    sheet: Any = made.active
    sheet.append([name])
    for row, (held, code) in enumerate(cells, 2):
        at = sheet.cell(row, 1, held)
        at.number_format = code
        if isinstance(held, str):
            at.data_type = "s"
    made.save(path)
    return path


def test_formats_that_show_the_number_are_no_matter(tmp_path: Path) -> None:
    """Digits, groups, exponents, signs, colours, padding and sections of other values are no matter."""
    rows = read_rows(book(tmp_path / "t.xlsx", AS_IT_IS))
    assert [row["v"] for row in rows] == [held for held, _ in AS_IT_IS]


def test_what_shows_something_else_is_refused_with_the_text_that_shows(tmp_path: Path) -> None:
    """Everything else in a format has its cell refused, with what shows, what the cell holds, and the cure."""
    path = book(tmp_path / "t.xlsx", [(held, code) for held, code, _ in SOMETHING_ELSE])
    with pytest.raises(RefusedCellsError) as refusal:
        read_rows(path)
    found = refusal.value.cells
    assert [cell.row for cell in found] == list(range(2, len(SOMETHING_ELSE) + 2))
    told = [(str(cell), text) for cell, (_, _, text) in zip(found, SOMETHING_ELSE, strict=True)]
    assert [line for line in told if line[1] not in line[0] or "give a converter, which gets" not in line[0]] == []


@pytest.mark.parametrize("number", ["1E999", "-1E999", "1" + "0" * 400])
@pytest.mark.parametrize("code", ["#", "0", "General", "[>1]0;0.0", '0"x"'])
def test_a_number_that_is_too_large_is_a_refused_cell(tmp_path: Path, number: str, code: str) -> None:
    """What another program has written beyond the numbers of Excel is refused with its row, whatever its format."""
    path = book(tmp_path / "t.xlsx", [(5, "0"), (12345, code)])
    with ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    with ZipFile(path, "w") as packed:
        for name, part in parts.items():
            packed.writestr(name, part.replace(b"<v>12345</v>", f"<v>{number}</v>".encode()))
    with pytest.raises(RefusedCellsError, match=r"row 3, column 'v'.*larger than Excel knows"):
        read_rows(path)


def test_the_unit_of_the_field_may_stand_in_the_format(tmp_path: Path) -> None:
    """A text that is the unit in the name of the field, or that `without_unit` names, is no matter; another one is."""
    cells = [(5, '0.0" \N{MICRO SIGN}M"'), (-2.5, '0.0\\ "µM"')]
    path = book(tmp_path / "t.xlsx", cells, "Dose (\N{GREEK SMALL LETTER MU}M)")
    assert [cell for row in read_rows(path) for cell in row.values()] == [5, -2.5]
    assert list(read_rows(book(path, [(5, '"$"#,##0')], "Price ($)"))) == [{"Price ($)": 5}]
    accounting = '_($* #,##0.00_);_($* (#,##0.00);_($* "-"??_);_(@_)'
    prices = list(read_rows(book(path, [(held, accounting) for held in (5, -5)], "Price ($)")))
    assert [row["Price ($)"] for row in prices] == [5, -5]
    path = book(path, cells, "Dose")
    assert list(read_rows(path, converters={"Dose": without_unit("µM")})) == [{"Dose": 5}, {"Dose": -2.5}]
    assert len(read_rows(path, columns={"Dose": "Dose (µM)"})) == len(cells)
    with pytest.raises(RefusedCellsError, match=r"give the converter kalbio.reading.without_unit\('µM'\)"):
        read_rows(path, converters={"Dose": without_unit("nM")})
    with pytest.raises(RefusedCellsError, match="the name of the field says 'nM'"):
        read_rows(path, columns={"Dose": "Dose (nM)"})
    with pytest.raises(RefusedCellsError, match="'>5'"):
        read_rows(book(path, [(5, '">"0')], "Dose (>)"))


def test_a_converter_for_text_says_nothing_of_a_doubtful_number(tmp_path: Path) -> None:
    """Decimal commas of other cells are no answer to what a number means; a function of your own is."""
    path = book(tmp_path / "t.xlsx", [(10, '">"0'), ("1,5", "@")])
    for named in (decimal_comma, ["strip", "decimal-comma"], "none:n/a", without_unit("mg")):
        with pytest.raises(RefusedCellsError, match="'>10'"):
            read_rows(path, converters={"v": named})
    rows = read_rows(
        path, converters={"v": [decimal_comma, lambda cell: cell if isinstance(cell, str) else f">{cell}"]}
    )
    assert list(rows) == [{"v": ">10"}, {"v": "1.5"}]


def test_a_format_under_a_condition_is_in_doubt(tmp_path: Path) -> None:
    """Numbers that a conditional format may show as something else are refused; those beside, and colours, are not."""
    made = Workbook()
    sheet: Any = made.active
    for row in (["v", "w", "x"], [0.001, 0.001, "t"], [5, 5, "t"], [7, 7, "t"]):
        sheet.append(row)
    lod = NumberFormat(numFmtId=170, formatCode='"<0.01"')
    for area, style in (("A2:A3", {"numFmt": lod}), ("B2:B9", {"font": Font(color="FF0000")})):
        rule = Rule(type="cellIs", operator="lessThan", formula=["0.01"], dxf=DifferentialStyle(**style))
        sheet.conditional_formatting.add(area, rule)
    made.save(tmp_path / "t.xlsx")
    with pytest.raises(RefusedCellsError, match=r"0.001 may show as '<0.01' .*\"<0.01\"' under a condition") as refusal:
        read_rows(tmp_path / "t.xlsx")
    assert [(cell.row, cell.column) for cell in refusal.value.cells] == [(2, "v"), (3, "v")]
    assert len(read_rows(tmp_path / "t.xlsx", converters={"v": lambda cell: cell})) == 3


def test_a_month_is_no_day(tmp_path: Path) -> None:
    """A date that shows as a month or a year is refused: Excel makes the first day of `Feb 2026`."""
    day = date(2026, 2, 1)
    formats = ["d.m.yy", "yyyy-mm-dd", "[$-409]d-mmm", "mmm-yy", "mm/yyyy", "yyyy", 'yyyy"d"']
    path = book(tmp_path / "t.xlsx", [(day, code) for code in formats])
    with pytest.raises(
        RefusedCellsError, match="shows no day because of its format 'mmm-yy', and holds 2026-02-01"
    ) as odd:
        read_rows(path)
    assert [cell.row for cell in odd.value.cells] == [5, 6, 7, 8]
    assert {cell["v"] for cell in read_rows(path, converters={"v": lambda held: held})} == {day}


def test_a_load_refuses_what_shows_something_else(tmp_path: Path) -> None:
    """The plan of a load names such cells, and loads none of them as the bare number."""
    with InProcess() as lab:
        lab.client.entity_fields.get_or_create_data_field("IC50", "qualified-number")
        path = tmp_path / "t.xlsx"
        made = Workbook()
        for row in (["Compound", "IC50"], ["A", 10], ["B", 12]):
            made.active.append(row)
        made.active["B2"].number_format = '">"0'
        made.save(path)
        report = lab.client.records.upsert(path, key="Compound", on_error="continue")
        assert [(cell.row, cell.column) for cell in report.refused] == [(2, "IC50")]
        table = lab.client.records.table("Compound", fields=["IC50"])
        assert [value for value in table["IC50"] if value is not None] == ["12"]
