"""The package offers every documented name."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.surface import compare, read_tables

TABLES = Path(__file__).parents[2] / "shared" / "facts" / "kalbio-public-api.md"

SMALL = """
## 1. Programs (`client.programs`, module `programs`)

`Program` [2]: `title: str|None`; `str()` = title.

| signature | behaviour |
|---|---|
| `create_program(title: str) -> Program` [26] | creates |
| `create_program(title: str, colour: str) -> Program` | asks for too much |
| `paint_program(title: str)` | is not there |
"""


def test_what_is_missing_is_named_in_both_worlds() -> None:
    """A parameter and a method that do not exist are reported, what exists is not."""
    asked, missing = compare(SMALL)

    assert asked == 9
    assert missing == [
        "sync programs: create_program(colour)",
        "async programs: create_program(colour)",
        "sync programs: paint_program",
        "async programs: paint_program",
    ]


@pytest.mark.skipif(not TABLES.exists(), reason="the tables of the documented surface are not beside this checkout")
def test_nothing_of_the_documented_surface_is_missing() -> None:
    """Every class, method, parameter, enumeration member and attribute of the tables exists in both worlds."""
    text = TABLES.read_text(encoding="utf-8")

    assert len(read_tables(text)) > 150
    assert compare(text)[1] == []
