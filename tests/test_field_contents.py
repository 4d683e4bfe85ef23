"""What is written for a cell, and when two contents are the same: by the type of the field."""

from __future__ import annotations

import math
import re
import warnings
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest

import kalbio.reading
from kalbio._model.enums import DataFieldTypeEnum
from kalbio._model.field_contents import MISSING, CellError, FileToUpload, content_for, fits_import, same_content
from kalbio._model.fields import EntityFieldData
from kalbio.reading import decimal_comma, grouped_digits, read_rows, unicode_minus, without_unit
from kalbio.records import FileValue, Record, RecordLink, RecordValue
from kalbio.testing import InProcess

ID = "0a1b2c3d-0000-4000-8000-000000000001"
OTHER = "0a1b2c3d-0000-4000-8000-000000000002"
KINDS = [member.value for member in DataFieldTypeEnum]
TEXTS = [
    "text", "select", "status", "email", "phone", "smiles-string", "molfile", "rxn", "formula", "dna-oligo",
    "rna-oligo", "peptide", "plasmid", "protein-structure", "snowflake-query",
]  # fmt: skip
JSON = ["mixture", "votes", "xy-array", "google-drive-file", "s3-file", "a type of next year"]


def field(kind: str, is_key: bool = False) -> EntityFieldData:
    """A field of this type, as the server tells of it."""
    return EntityFieldData({"id": ID, "field_name": "F", "field_type": kind, "is_key": is_key})


class Grade(Enum):
    """Members count as their values."""

    GOOD = "good"
    TWO = 2


BERLIN = timezone(timedelta(hours=1))

WRITTEN: dict[str, list[tuple[Any, Any]]] = {
    "text": [
        ("0042", "0042"), (" x ", " x "), ("NA", "NA"), ("1E5", "1E5"), ("=A1", "=A1"), ("µ\n", "µ\n"), (" ", " "),
        (12, "12"), (12.0, "12"), (-0.0, "0"), (2.5, "2.5"), (0.1, "0.1"), (1e-7, "1e-07"), (2**53 + 1, str(2**53 + 1)),
        (Decimal("2.50"), "2.50"), (True, "true"), (np.False_, "false"), (date(2026, 3, 1), "2026-03-01"),
        (datetime(2026, 3, 1), "2026-03-01"), (datetime(2026, 3, 1, 9, tzinfo=UTC), "2026-03-01T09:00:00+00:00"),
        (UUID(ID), ID), (Grade.GOOD, "good"), (Grade.TWO, "2"), (PurePosixPath("a/b"), "a/b"), (np.float64(3), "3"),
        (pd.Timestamp("2026-03-01"), "2026-03-01"), (np.str_("x"), "x"), (pyarrow.scalar("0042"), "0042"),
    ],
    "number": [
        (2.5, "2.5"), (12, "12"), (12.0, "12"), (-3, "-3"), (0, "0"), (0.1 + 0.2, "0.30000000000000004"),
        (2**70, str(2**70)), (Decimal("2.50"), "2.50"), (Decimal("1E+3"), "1E+3"), ("2.50", "2.50"), (" 5 ", "5"),
        ("-35", "-35"), ("+5", "+5"), (".5", ".5"), ("5.", "5."), ("1e5", "1e5"), ("1E-3", "1E-3"), ("0042", "0042"),
        (np.int64(7), "7"), (np.float64(2.5), "2.5"), (pyarrow.scalar(7), "7"), (Grade.TWO, "2"), (1e22, "1e+22"),
        ("9" * 250, "9" * 250), (" ", MISSING),
    ],
    "boolean": [
        (True, True), (False, False), (np.True_, True), ("true", True), ("FALSE", False), ("Yes", True),
        (" no ", False), (pyarrow.scalar(True), True), (" ", MISSING),
    ],
    "date": [
        (date(2026, 3, 1), "2026-03-01"), (datetime(2026, 3, 1), "2026-03-01"), ("2026-03-01", "2026-03-01"),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01"), (pd.Timestamp("2026-03-01"), "2026-03-01"),
        (np.datetime64("2026-03-01"), "2026-03-01"), (pyarrow.scalar(date(2026, 3, 1)), "2026-03-01"),
        (np.datetime64("2026-03-01T00:00"), "2026-03-01"),
        ("2026-03-01T00:00:00.000Z", "2026-03-01"), ("2026-03-01 00:00:00", "2026-03-01"),
        (" 2026-03-01 ", "2026-03-01"), (pd.Timestamp("2026-03-01", tz="UTC"), "2026-03-01"), (" ", MISSING),
    ],
    "multiselect": [
        (["a", "b"], ["a", "b"]), (("a",), ["a"]), ("a", ["a"]), ("a; b", ["a", "b"]), ("a;b;", ["a", "b"]),
        ('["a; b", "c"]', ["a; b", "c"]), ([1, "b", None], ["1", "b"]), (5, ["5"]), ([], MISSING),
        (" ; ", MISSING), (np.array(["a", "b"]), ["a", "b"]),
        (polars.Series(["a", None]), ["a"]), (pyarrow.scalar(["a", "b"]), ["a", "b"]),
        (pyarrow.array(["a", None]), ["a"]), (["a;b"], ["a;b"]), ("[]", MISSING),
        ("['a; b', \"it's\"]", ["a; b", "it's"]), (" ['a, b'] ", ["a, b"]), ("('a', 'b')", ["a", "b"]),
        ("('a',)", ["a"]), ("2,4-D;", ["2,4-D"]), ("a, b; c|d", ["a, b", "c|d"]), ("[M+H];", ["[M+H]"]),
        ("(S)", ["(S)"]),
        ("a]", ["a]"]), (["a, b"], ["a, b"]), ("a/b", ["a/b"]),
    ],
    "URL": [
        ("https://x.org/a;b", ["https://x.org/a;b"]), (["https://x.org", "https://y.org"], ["https://x.org", "https://y.org"]),
        ('["https://x.org"]', ["https://x.org"]), ("['https://x.org']", ["https://x.org"]),
        ("https://x.org/a,b|c", ["https://x.org/a,b|c"]),
    ],
    "record-reference": [
        (ID, ID), (ID.upper(), ID), (UUID(ID), ID), (RecordLink(ID), ID), (Record({"id": ID}), ID), (" ", MISSING),
    ],
    "file": [
        ("a/nmr.txt", FileToUpload(Path("a/nmr.txt"))), (Path("nmr.txt"), FileToUpload(Path("nmr.txt"))),
        (ID, {"file_id": ID}), (FileValue({"file_id": ID, "file_name": "x"}), {"file_id": ID}),
        ({"file_id": ID, "file_name": "x", "file_size": 5}, {"file_id": ID}), (" ", MISSING),
    ],
    "qualified-number": [
        (">10", ">10"), ("< 2.5", "< 2.5"), ("<=1e-3", "<=1e-3"), ("≥5", "≥5"), ("~3", "~3"), ("12.5", "12.5"),
        (12.5, "12.5"), (12, "12"), (Decimal("2.50"), "2.50"), (" >10 ", ">10"), ({"value": 5}, {"value": 5}),
        ('{"value": 5}', {"value": 5}),
    ],
    "mixture": [
        ({"a": [1, None]}, {"a": [1, None]}), ([1, 2], [1, 2]), ("text", "text"), ("5", 5), ('"5"', "5"),
        ('{"a": 1}', {"a": 1}), ("[Na+].[Cl-]", "[Na+].[Cl-]"), ("{x", "{x"),
        (r"{'a\d': 1}", r"{'a\d': 1}"), ("[0or 1]", "[0or 1]"), ("[1.1.1.1.1.1.1.1.1", "[1.1.1.1.1.1.1.1.1"),
        ("{[]: 1}", "{[]: 1}"),
        ("0042", "0042"), ("null", "null"), ("NaN", "NaN"), (5, 5), (2.5, 2.5), (True, True),
        (date(2026, 3, 1), "2026-03-01"), ({}, {}), ([], MISSING), ({"day": date(2026, 3, 1)}, {"day": "2026-03-01"}),
    ],
}  # fmt: skip
for other, like in (*((kind, "text") for kind in TEXTS), ("people", "multiselect"), ("image", "file")):
    WRITTEN.setdefault(other, WRITTEN[like])
for other in JSON:
    WRITTEN.setdefault(other, WRITTEN["mixture"])

NUMBERS_REFUSED = [
    (">10", "qualified-number"), ("<5", "qualified-number"), ("≥ 5", "qualified-number"), ("~5", "qualified-number"),
    ("±5", "qualified-number"), ("1.2 nM", r"without_unit\('nM'\)"), ("95%", "without_unit"),
    ("5 µg/mL", "without_unit"),
    ("−5", "unicode_minus"), ("–5", "unicode_minus"), ("1,234", "decimal_comma or kalbio.reading.grouped_digits"),
    ("1 234", "grouped_digits"), ("1\N{NARROW NO-BREAK SPACE}234.5", "grouped_digits"), ("1'234'567", "grouped_digits"),
    ("1,5", "decimal_comma"), ("-0,25", "decimal_comma"), ("NA", "returns None"), ("n.d.", "returns None"),
    ("-", "no number"),
    ("nan", "returns None"), ("inf", "no number"), ("1_000", "underscore"), ("٣", "ASCII"), ("５", "ASCII"),
    ("1e400", "beyond"), ("9" * 400, "beyond"), (10**400, "beyond"),
    ("1/2", "number"), ("1.2.3", "no number"), ("€5", "ASCII"),
    ("1,2 µM", r"comma.*\[kalbio.reading.without_unit\('µM'\), kalbio.reading.decimal_comma\]"),
    ("98,5 %", r"\[kalbio.reading.without_unit\('%'\), kalbio.reading.decimal_comma\]"),
    ("1.234,5", "give the converter .*decimal_comma"),
    ("1,234 nM", "decimal_comma.*or kalbio.reading.grouped_digits in place"),
    ("5±1", "'±1' behind it; give a converter that says which number"), ("5 (n=2)", r"'\(n=2\)' behind it"),
    ("0x10", "no number as in 16"), ("5 mg/kg", r"without_unit\('mg/kg'\)"), ("5 h⁻¹", "without_unit"),
]  # fmt: skip
REFUSED: dict[str, list[tuple[Any, str]]] = {
    "text": [
        (["a"], "list"), ({"a": 1}, "several things"), (float(2**53), "digits"), (math.inf, "finite"), (b"x", "bytes"),
        ("\ud800", "Unicode"), (datetime(2026, 3, 1, 9), "zone"), (10**5000, "digits"), (object(), "type object"),
    ],
    "number": [
        *NUMBERS_REFUSED, (True, "yes or no"), (date(2026, 3, 1), "date"), ([1], "list"), (math.inf, "finite"),
        (datetime(2026, 3, 1, 9, tzinfo=UTC), "time"), (10**5000, "digits"), (Decimal("1E-99999"), "beyond"),
        ("1e-99999", "beyond"), (Decimal("sNaN"), "cannot be read"),
    ],
    "boolean": [("1", "'1': True"), (1, "yes or no"), (0.0, "yes or no"), ("ja", "yes or no"), ([True], "yes or no")],
    "date": [
        ("01.03.2026", "strptime"), ("3/1/2026", "strptime"), ("20260301", "strptime"), ("2026-060", "strptime"),
        ("2026-3-1", "strptime"), ("2026-02-30", "no day"), ("2026-03-01T09:30:00Z", "time of day"), (46082, "number"),
        (datetime(2026, 3, 1, 9, tzinfo=UTC), r"value\.date\(\)"), (datetime(2026, 3, 1, tzinfo=BERLIN), "time of day"),
        (datetime(2026, 3, 1, 9), "zone"), (True, "yes or no"), ("2026-03-01T00:00:00+01:00", "time of day"),
        ("2026-03-01 soon", "no day"), (pd.Timestamp("2026-03-01", tz="UTC") + pd.Timedelta(1), "time of day"),
        (["2026-03-01"], "list"), ("2/3/2026", "which: .*'%m/%d/%Y'.*'%d/%m/%Y'"), ("2/13/2026", "text, '%m/%d/%Y'"),
        ("13/2/2026", "text, '%d/%m/%Y'"), ("46056", r"2026-02-03 in Excel.*date\(1899, 12, 30\)"),
        (46056, "2026-02-03 in Excel"), ("2026-02-30", "calendar has none"), ("31.02.2026", "calendar has none"),
        ("20260301", "%Y%m%d"), ("2026-060", "%Y-%j"), ("1 March 2026", "%d %B %Y"), ("soon", "returns None"),
        (np.datetime64("2026-02"), "a month, a year or a week, and no day"), (np.datetime64("2026"), "and no day"),
        (np.datetime64("2026-02-05", "W"), "and no day"), (np.datetime64("2026-01", ("M", 6)), "and no day"),
        (pd.Period("2026-02", "M"), "type Period"), ("2026-02", "no day"),
    ],
    "URL": [("[https://x.org]", "looks like a list"), ("['https://x.org' 'https://y.org']", "looks like a list")],
    "multiselect": [
        ("['a' 'b']", "looks like a list"), ("[1]", "looks like a list"), ("[a, b]", "looks like a list"),
        ("[nan]", "looks like a list"), ("['a', None]", r'as \["hit", "lead"\] is.*lambda cell: \[cell\]'),
        ("a, b", "one or several, because of its ',': write ';'.*\"split:,\""), ("a,b", "one or several"),
        ("a|b", "split:|"), ("a\nb", r"split:\\n"),
        ([["a"]], "list of lists"), ({"a": 1}, "several things"), ([math.inf], "finite"),
    ],
    "record-reference": [("CPD-1", "no id of a record"), (5, "no id"), ([ID], "no id"), ({"id": ID}, "several things")],
    "file": [(b"x", "bytes"), ({"name": "x"}, "names no file"), (5, "number"), (["x"], "list"), ("a\0b", "no file")],
    "qualified-number": [
        (">10 nM", "without_unit"), (">1,5", "decimal_comma"), ("±5", "comparison"), ("high", "no number"),
        (">", "comparison"), (True, "yes or no"), (["x"], "list"), ({"a": math.inf}, "cannot carry"),
        ('{"a": 1, "a": 2}', "twice"),
    ],
    "mixture": [
        ("{'a': 1}", "as Python shows it, and no JSON"), ("[{'a': None, 'b': -1.5e-7}]", "json.dumps"),
        ("['a']", "no JSON"),
        ({"a": math.nan}, "cannot carry"), ({1: 2}, "keys must be text"), ('{"a": 1, "a": 2}', "twice"),
        (b"x", "bytes"), ({"a": {1}}, "set"), ("\ud800", "Unicode"),
    ],
}  # fmt: skip
MISSING_CELLS = ["", None, math.nan, float("nan"), np.nan, np.float32("nan"), pd.NA, pd.NaT, Decimal("nan"),
                 np.datetime64("NaT"), pyarrow.scalar(None), MISSING, np.str_("")]  # fmt: skip


def refusal(kind: str, cell: Any) -> str:
    """How a cell is refused."""
    try:
        return f"not refused: {content_for(field(kind), cell)!r}"
    except CellError as error:
        return str(error)


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_cell_becomes_what_its_field_takes(kind: str) -> None:
    """The type of the field says what is sent for a cell, and nothing else is sent."""
    for cell, content in WRITTEN[kind]:
        found = content_for(field(kind), cell)
        assert (cell, found, type(found)) == (cell, content, type(content))


@pytest.mark.parametrize("kind", REFUSED)
def test_a_cell_without_a_form_is_refused_with_the_cure(kind: str) -> None:
    """What a field has no room for is refused, and the text says what is wrong or what to do."""
    told = [(cell, text, refusal(kind, cell)) for cell, text in REFUSED[kind]]
    assert [line for line in told if not re.search(line[1], line[2]) or line[2].startswith("not refused")] == []


def test_all_types_of_field_are_written() -> None:
    """Every type of field has its cells here."""
    assert set(KINDS) <= set(WRITTEN)


@pytest.mark.parametrize("kind", [*KINDS, "a type of next year"])
def test_a_missing_cell_is_no_value(kind: str) -> None:
    """What every library means by missing is no value in a field of any type, and never null."""
    assert [content_for(field(kind), cell) for cell in MISSING_CELLS] == [MISSING] * len(MISSING_CELLS)
    assert content_for(field(kind, is_key=True), None) is MISSING


def test_keys_have_one_spelling() -> None:
    """A key field of any type takes text and whole numbers, and nothing that could be written in two ways."""
    for kind in ("text", "number", "date"):
        key = field(kind, is_key=True)
        assert [content_for(key, cell) for cell in ("0042", 42, np.int64(7), " x")] == ["0042", "42", "7", " x"]
        for cell in (1.0, True, date(2026, 3, 1), Decimal(1), ["a"]):
            with pytest.raises(CellError, match="is no key: it must be text or a whole number"):
                content_for(key, cell)
        with pytest.raises(CellError, match="is no key: it is empty"):
            content_for(key, "  ")


SAME: dict[str, list[tuple[Any, Any]]] = {
    "text": [("a", "a"), ("", "")],
    "number": [
        ("2", "2.0"), ("2", 2), (2.0, "2"), ("2.50", "2.5"), ("1e3", "1000"), (" 5 ", "5"), ("-0", "0"), ("0042", "42"),
        (str(2**70), str(2**70) + ".0"), ("+5", "5"), ("0.10000000000000001", "0.1"), ("1" * 60, str(float("1" * 60))),
    ],
    "boolean": [(True, True), (False, False)],
    "date": [("2026-03-01T00:00:00.000Z", "2026-03-01"), ("2026-03-01", "2026-03-01")],
    "multiselect": [(["b", "a"], ["a", "b"]), ("a", ["a"]), (["a", "a"], ["a"])],
    "URL": [(["b", "a"], ["b", "a"]), ("a", ["a"])],
    "record-reference": [(ID, ID), (ID.upper(), ID)],
    "file": [({"file_id": ID, "file_name": "x"}, {"file_id": ID}), (ID, {"file_id": ID})],
    "qualified-number": [
        (">10", "> 10.0"), ("≥5", ">=5"), (12.5, "12.5"), ("=5", "5"), ({"value": 5}, {"value": 5.0}),
    ],
    "mixture": [({"a": 1, "b": [1.0]}, {"b": [1], "a": 1.0}), ("x", "x"), (5, 5)],
}  # fmt: skip
DIFFERENT: dict[str, list[tuple[Any, Any]]] = {
    "text": [("a", "a "), ("2", "2.0"), ("A", "a"), (5, "5"), ("", "a"), ("é", "e\u0301")],
    "number": [
        ("2", "3"), ("", "0"), ("many", "2"), (True, "1"), (str(2**53 + 1), str(2**53)), ("0.1", "0.10000000000000001"),
        ({"value": 1}, "1"),
    ],
    "boolean": [(True, False), ("true", True), (1, True), ("", False)],
    "date": [("2026-03-02", "2026-03-01"), ("2026-03-01T09:00:00Z", "2026-03-01"), ("", "2026-03-01"),
             (5, "2026-03-01")],
    "multiselect": [(["a"], ["a", "b"]), ("", ["a"]), ([1], ["1"]), (["A"], ["a"])],
    "URL": [(["a", "b"], ["b", "a"]), ([1], ["1"]), ("", ["a"])],
    "record-reference": [(OTHER, ID), ("", ID), (5, ID)],
    "file": [
        ({"file_id": OTHER}, {"file_id": ID}), ("", {"file_id": ID}),
        ({"file_id": ID, "file_name": "nmr.txt"}, FileToUpload(Path("nmr.txt"))),
    ],
    "qualified-number": [(">10", "10"), (">10", "<10"), ("10", "12"), (True, "1"), ("high", "5"),
                         ({"value": 5}, {"value": 6})],
    "mixture": [(True, 1), ([1, 2], [2, 1]), ({"a": 1}, {"a": 1, "b": None}), ("5", 5), ({"a": True}, {"a": 1})],
}  # fmt: skip


@pytest.mark.parametrize("kind", SAME)
def test_contents_that_mean_the_same_are_the_same(kind: str) -> None:
    """Two spellings of one content are the same by the type of the field, so that it is not written again."""
    assert [(old, new) for old, new in SAME[kind] if not same_content(field(kind), old, new)] == []


@pytest.mark.parametrize("kind", DIFFERENT)
def test_contents_that_differ_are_told_apart(kind: str) -> None:
    """What means something else, or does not fit the type, is a change."""
    assert [(old, new) for old, new in DIFFERENT[kind] if same_content(field(kind), old, new)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_content_is_the_same_as_none_alone(kind: str) -> None:
    """A cell that is empty is a change when something is written, and none when nothing is."""
    new = next(content for _, content in WRITTEN[kind] if content is not MISSING)
    assert not same_content(field(kind), None, new)
    assert same_content(field(kind), None, None)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("file", "image", "record-reference")])
def test_what_is_written_is_there_afterwards(kind: str) -> None:
    """What the platform keeps of a content is the same as the content, for every cell and every type."""
    with InProcess() as lab:
        made = lab.client.entity_fields.get_or_create_data_field(f"a {kind}", kind)
        record = lab.client.records.get_or_create_record({"Compound": "CPD-1"})
        for cell, _ in WRITTEN[kind]:
            content = content_for(made, cell)
            if content is not MISSING:
                record.add_value(made, content)
                assert same_content(made, record.get_value_content(made), content)


def test_imports_carry_what_they_can() -> None:
    """Texts, numbers and truth values fit into an import; lists, files and what could be read as JSON do not."""
    assert [fits_import(field("text"), content) for content in ("a", True, 5, ["a"], {"file_id": ID})] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert not fits_import(field("mixture"), "5")
    assert not fits_import(field("file"), FileToUpload(Path("x")))


def test_a_file_that_is_not_there_is_told_before_it_is_sent(tmp_path: Path) -> None:
    """A path of no file and a folder are refused."""
    (tmp_path / "nmr.txt").write_text("1")
    FileToUpload(tmp_path / "nmr.txt").check()
    with pytest.raises(CellError, match="no file that is there"):
        FileToUpload(tmp_path / "ms.txt").check()
    with pytest.raises(CellError, match="folder"):
        FileToUpload(tmp_path).check()


CONVERTED: list[tuple[Any, Any, Any]] = [
    (decimal_comma, "1,5", "1.5"), (decimal_comma, "1,234", "1.234"), (decimal_comma, "-1.234,5", "-1234.5"),
    (decimal_comma, "1.234.567", "1234567"), (decimal_comma, "12.5", "12.5"), (decimal_comma, "0.123", "0.123"),
    (decimal_comma, "1.23,4", "1.23,4"), (decimal_comma, "x", "x"), (decimal_comma, "<0,5", "<0.5"),
    (decimal_comma, " > 1,5 ", "> 1.5"), (decimal_comma, "≤0,5", "≤0.5"), (decimal_comma, "~-3,5e-2", "~-3.5e-2"),
    (decimal_comma, ">= 1.234,5", ">= 1234.5"), (decimal_comma, "1 234", "1234"), (decimal_comma, "1'234,5", "1234.5"),
    (decimal_comma, "0 234,5", "0 234,5"), (grouped_digits, "> 1,234", "> 1234"), (unicode_minus, "<−5", "<-5"),
    (unicode_minus, "1e−5", "1e-5"), (unicode_minus, "− 5", "-5"),
    (grouped_digits, "1,234", "1234"), (grouped_digits, "-1 234 567.5", "-1234567.5"),
    (grouped_digits, "1'234", "1234"),
    (grouped_digits, "1\N{NARROW NO-BREAK SPACE}234", "1234"), (grouped_digits, "12,34", "12,34"),
    (grouped_digits, "1,234 567", "1,234 567"), (grouped_digits, "1,5", "1,5"), (grouped_digits, 5, 5),
    (unicode_minus, "−5", "-5"), (unicode_minus, " –5", "-5"), (unicode_minus, "5−3", "5−3"), (unicode_minus, "", ""),
    (unicode_minus, None, None), (without_unit("nM"), "1.2 nM", "1.2"), (without_unit("nM"), "1.2nM ", "1.2"),
    (without_unit("\N{GREEK SMALL LETTER MU}M"), "1.2 \N{MICRO SIGN}M", "1.2"),
    (without_unit("\N{MICRO SIGN}M"), "1.2 \N{GREEK SMALL LETTER MU}M ", "1.2"),
    (without_unit("nM"), "1.2 µM", "1.2 µM"), (without_unit("%"), "95%", "95"), (without_unit("nM"), 5, 5),
]  # fmt: skip


def test_converters_change_what_they_are_for() -> None:
    """A converter changes the spelling it is for, and leaves all other cells to the field."""
    for convert, cell, wanted in CONVERTED:
        assert (cell, convert(cell)) == (cell, wanted)


def test_no_group_of_digits_begins_with_zero() -> None:
    """What looks like groups and begins with 0 is refused, and `decimal_comma` is the cure where it is a comma."""
    for cell in ("0,125", "00,123", "-0,250", "<0,125", "0,125,000", "0 125"):
        with pytest.raises(ValueError, match="no digits in groups, because a group does not begin with 0"):
            grouped_digits(cell)
    with pytest.raises(ValueError, match=r"give the converter kalbio\.reading\.decimal_comma"):
        grouped_digits("0,125")
    assert "grouped_digits" not in refusal("number", "0,125")


COMPARISONS = ("", "<", "> ", "≤", "~")
WRITTEN_NUMBERS = (
    "0,5", "-1,5", "−1,5", "1.234,5", "1 234,5", "1 234", "1'234,5", "1,234", "0,125", "00,123", "1.234.567",
    "1,234,567.5", "1 234.5", "−1 234,5", "1,5e-3", "1e−5", "1,5e−5", "−5", "+1,5", "1\N{NARROW NO-BREAK SPACE}234,5",
)  # fmt: skip


def test_no_cure_leads_in_a_circle() -> None:
    """The converters that a refusal names make a value of it, however comparison, sign, comma and unit combine."""
    cells = [f"{sign}{number}{unit}" for sign in COMPARISONS for number in WRITTEN_NUMBERS for unit in ("", " mg", "%")]
    for cell in cells:
        kind = "qualified-number" if cell.startswith(COMPARISONS[1:]) else "number"
        named = re.search(r"give the converters? (\[.*?\](?=$|,|;)|\S+\)|\S+?)(?:$|[ ,;])", refusal(kind, cell))
        assert named is not None, (cell, refusal(kind, cell))
        given = eval(named[1], {"kalbio": kalbio})
        (row,) = read_rows({"v": [cell]}, converters={"v": given})
        assert content_for(field(kind), row["v"]) is not MISSING


def test_a_unit_is_text() -> None:
    """A unit that is none is refused when the converter is made."""
    for unit in ("", " ", 5):
        with pytest.raises(ValueError, match="unit must be text"):
            without_unit(unit)  # type: ignore[arg-type]


def test_records_and_files_in_rows_count_as_their_ids() -> None:
    """A record, a link or a file in a table that is read is its id."""
    rows = read_rows([{"a": Record({"id": ID}), "b": RecordLink(OTHER), "c": FileValue({"file_id": ID})}])
    assert list(rows) == [{"a": ID, "b": OTHER, "c": ID}]


def test_text_in_brackets_is_told_in_words_about_lists(recwarn: pytest.WarningsRecorder) -> None:
    """What looks like a list is refused without the warnings of the parser of Python."""
    warnings.simplefilter("always")
    for text in (r"['a\d']", "[0x1for x in y]", "[1if 2 else 3]", r"['\N{DEGREE SIGN}']"):
        assert "looks like a list" in refusal("multiselect", text)
    assert content_for(field("multiselect"), repr(["it's", 'a "b"', "tab\t", "\x00é\u200b"])) == [
        "it's", 'a "b"', "tab\t", "\x00é\u200b",
    ]  # fmt: skip
    assert [str(warning.message) for warning in recwarn] == []


def test_a_value_of_a_record_is_what_it_holds() -> None:
    """A cell that is a value of a record, of those that a record shows, is its content and not its id."""
    value = RecordValue(id=OTHER, content="2.5", field_id=ID)
    assert content_for(field("number"), value) == content_for(field("number"), "2.5")
    assert content_for(field("text"), value) == "2.5"
