"""Rows that are encoded together: what is sent is what the careful way would have sent, and nothing else passes."""

from __future__ import annotations

import enum
import json
import math
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import numpy
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kalbio._core.json import strict_json
from kalbio._model.cells import with_cells
from kalbio._model.keys import with_key_texts
from kalbio._model.quick_rows import QuickRows, are_plain
from tests.altered import body_of
from tests.conftest import Lab, World


class Word(str):
    """Text of a type of its own."""


class Count(int):
    """A number of a type of its own."""


class Share(float):
    """A fraction of a type of its own."""


class Colour(enum.StrEnum):
    """Text of an enumeration."""

    RED = "red"


class Level(enum.IntEnum):
    """Numbers of an enumeration."""

    LOW = 1


class Odd(enum.Enum):
    """Members that are no cells."""

    PAIR = (1, 2)


USUAL = [
    "text", "", "0042", 'a "quoted" \\ text', "line\nend\x00\x1f\x7f\u2028", "Ünï😀", '":null,', "null", 7, -3, 0,
    10**18, 2**64, 10**30, 2.5, -0.0, 1e-7, 1e16, 1e22, 5e-324, 1.7976931348623157e308, True, False, None,
]  # fmt: skip
OTHERS = [
    Decimal("2.50"), Decimal("1E+3"), Decimal("1E+999999"), date(2026, 3, 1), datetime(2026, 3, 1),
    datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    time(9, 30), UUID(int=5), PurePosixPath("a/b"), pandas.Timestamp("2026-03-01T09:30", tz="UTC"), numpy.float64(1.5),
    numpy.int64(3), numpy.bool_(True), numpy.str_("z"), Colour.RED, Level.LOW, Word("w"), Count(3), Share(2.5),
]  # fmt: skip
REFUSED = [
    math.nan, math.inf, -math.inf, "\ud800", [1], (1,), {"a": 1}, {1}, OrderedDict(a=1), MappingProxyType({"a": 1}),
    b"x", bytearray(b"x"), object, datetime(2026, 3, 1, 9, 30), timedelta(1), Decimal("NaN"),
    Decimal("sNaN"), numpy.float64("nan"),
    pandas.NA, pandas.NaT, Odd.PAIR, numpy.datetime64("2026-03-01"), memoryview(b"x"), 10**5000,
]  # fmt: skip

CELLS = (
    st.sampled_from([*USUAL, *OTHERS, *REFUSED]) | st.text('"\\:,{}[]nul\n1é', max_size=8) | st.floats() | st.integers()
)
KEYS: Any = st.sampled_from(["A", "B-1", " x ", 5, 10**20, Word("w"), Colour.RED])
BAD_KEYS: Any = st.sampled_from(["", "  ", None, 2.5, True, "\ud800"])
COLUMNS: Any = st.sampled_from(["Weight", "logP", "Ünï", "", "a b", 'q"', "back\\", "tab\t"]) | st.sampled_from(
    [5, None]
)
# Rows of good cells as a rule: one odd cell hides what becomes of all the others.
GOOD = st.sampled_from([*USUAL, *OTHERS])
ROWS = st.lists(
    st.builds(
        lambda key, cells: {"Compound": key, **cells},
        KEYS,
        st.dictionaries(st.sampled_from(["Weight", "logP", "Ünï", "a b"]), GOOD, max_size=4),
    ),
    max_size=6,
) | st.lists(
    st.builds(
        lambda key, cells: {"Compound": key, **cells},
        KEYS | BAD_KEYS,
        st.dictionaries(COLUMNS, CELLS, max_size=3),
    ),
    max_size=3,
)


def carefully(rows: list[dict[Any, Any]]) -> bytes:
    """Encode rows cell by cell, or raise."""
    checked = with_cells("data", with_key_texts("data", rows, {"Compound": "Compound"}))
    return strict_json.encode({"data": checked, "key_field_names": ["Compound"]})


def quickly(rows: list[dict[Any, Any]]) -> bytes | None:
    """Encode rows together, where that can be done."""
    looked = QuickRows.look_at(rows, ["Compound"])
    return None if looked is None else looked.encode({"key_field_names": ["Compound"]})


def told(text: bytes) -> str:
    """Return what JSON says, so that 1, 1.0 and true are three things; the spelling of exponents is none of it."""
    return json.dumps(json.loads(text), sort_keys=True)


@given(ROWS)
@settings(max_examples=400, derandomize=True, database=None, deadline=None)
def test_the_quick_way_sends_what_the_careful_one_sends(rows: list[dict[Any, Any]]) -> None:
    """Whatever is encoded together is the same JSON as cell by cell, and what that refuses is not encoded."""
    found = quickly(rows)
    if found is not None:
        assert told(found) == told(carefully(rows))


def test_each_cell_is_sent_alike() -> None:
    """Each kind of cell, early and late, in a known column and a new one: the same JSON, or the careful way."""
    for cell in [*USUAL, *OTHERS, *REFUSED]:
        for place in (0, 150, 2_050):
            rows: list[dict[Any, Any]] = [{"Compound": f"C-{n}", "Weight": n / 2} for n in range(place + 2)]
            for column in ("Weight", "New"):
                rows[place][column] = cell
                found = quickly(rows)
                if any(cell is other for other in REFUSED):
                    assert found is None, cell
                elif found is not None:
                    assert told(found) == told(carefully(rows)), cell
                rows[place] = {"Compound": "C", "Weight": 1.5}


def test_texts_are_sent_byte_for_byte_alike() -> None:
    """Text, whole numbers, booleans and fractions without an exponent are written with the same bytes."""
    cells: list[Any] = [chr(n) for n in range(0x20000) if not 0xD800 <= n < 0xE000]
    cells += [n * 0.37 for n in range(2_000)] + [True, False, 2**64, -(10**30)]
    rows = [{"Compound": f"C-{n}", "Cell": cell} for n, cell in enumerate(cells)]
    assert quickly(rows) == carefully(rows)


def test_usual_tables_go_the_quick_way() -> None:
    """Gaps, dates, Decimals, numbers as keys, late columns and rows in another order need no closer look."""
    gaps = [{"Compound": f"C-{n}", "a": None if n % 3 else n, "b": n / 2 if n > 2_500 else None} for n in range(6_000)]
    typed = [
        {"Compound": n, "at": date(2026, 3, 1), "mass": Decimal("2.50"), "n": numpy.int64(n)} for n in range(3_000)
    ]
    late = [{"Compound": f"C-{n}", **({f"c{n}": n / 3} if n % 900 == 0 else {})} for n in range(5_000)]
    turned = [{"b": 1, "Compound": "A"}, {"Compound": "B", "b": 2}]
    for rows in (gaps, typed, late, turned, []):
        found = quickly(rows)
        assert found is not None
        assert told(found) == told(carefully(rows))


def test_only_lists_of_dicts_are_plain() -> None:
    """Other rows are copied first: what is derived from a dict may give other cells than it holds."""
    assert are_plain([{"a": 1}])
    assert are_plain(({"a": 1},))
    for data in (
        {"a": 1},
        [OrderedDict(a=1)],
        [("a", 1)],
        "text",
        pandas.DataFrame({"a": [1]}),
        iter([{"a": 1}]),
        None,
    ):
        assert not are_plain(data)


FAULTS: list[tuple[dict[Any, Any], str]] = [
    (
        {"Weight": math.nan},
        r"\[4321\]\['Weight'\] is nan, which JSON cannot carry; for an empty cell give None",
    ),
    ({"Weight": [1]}, r"^data\[4321\]\['Weight'\] is \[1\]: a cell of an import is text"),
    ({"Weight": "\ud800"}, r"\[4321\]\['Weight'\] is '\\ud800', which is not valid Unicode text"),
    ({"Weight": datetime(2026, 3, 1, 9, 30)}, r"\[4321\]\['Weight'\] is .*a time without a zone"),
    ({"Compound": " "}, r"data\[4321\] has no value for the key field 'Compound'"),
    ({"Compound": 2.0}, r"data\[4321\]: the value of key field 'Compound' must be text or a whole number"),
    ({5: "x"}, r"\[4321\]'?\]? has the key 5; keys must be text"),
]


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_a_fault_among_many_rows_is_named(lab: Lab, world: World, fault: int) -> None:
    """What cannot be sent is refused with its row and column, however many good rows there are around it."""
    cells, wanted = FAULTS[fault]
    rows: list[dict[Any, Any]] = [{"Compound": f"C-{n}", "Weight": n / 2} for n in range(5_000)]
    rows[4321] = {**rows[4321], **cells}
    for options in ({}, {"batch_size": 3_000}):
        with pytest.raises((ValueError, TypeError), match=wanted):
            world(lab.api.imports.push_data(["Compound"], rows, **options))
    assert not {"pushImport", "getOrCreateDataField"} & set(lab.operations())


def test_rows_are_not_changed(lab: Lab, world: World) -> None:
    """The rows that were given stay as they are, gaps and numbers as keys too."""
    rows = [{"Compound": 7, "Weight": None, "Comment": "a"}, {"Compound": "8", "Weight": 2.5}]
    world(lab.api.imports.push_data(["Compound"], rows))
    assert rows == [{"Compound": 7, "Weight": None, "Comment": "a"}, {"Compound": "8", "Weight": 2.5}]
    sent = [{"Compound": "7", "Comment": "a"}, {"Compound": "8", "Weight": 2.5}]
    assert body_of(lab, "pushImport") == {"key_field_names": ["Compound"], "data": sent}
