"""`scripts/surface.py`, which compares the package with tables of what it should offer, notices what differs."""

from __future__ import annotations

from scripts.surface import compare, read_tables
from scripts.surface_run import walk

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


TOUCHED = """
## 1. Programs (`client.programs`, module `programs`)

`Program` [2]: `title: str|None`, `colour: str`; `str()` = title. `ProgramsService` [2].

| signature | behaviour | seed on failure |
|---|---|---|
| `get_programs(*, use_cache: bool = True) -> list[Program]` [2] | lists | `[]` |
| `create_program(title: str) -> str` [26] | creates, but no text | `None` |
| `update_program(program_id: str, title: str) -> Program` [26] | changes, and gives None when it fails | `False` |
"""


def test_what_is_touched_is_compared() -> None:
    """Members are read, calls made well and badly, and each difference from the table is named, the rest counted."""
    came = walk(read_tables(TOUCHED), "async", "log")

    names = {label: told for label, told in came.differences.items() if not label.startswith("older: ")}
    assert sorted(names) == [
        "programs: Program.colour",
        "programs: create_program",
        "programs: create_program(title)",
        "programs: update_program on failure",
    ]
    assert "not str" in names["programs: create_program"]
    assert names["programs: update_program on failure"].count("gives None, not `False`") == 2
    assert {"programs: get_programs(use_cache)", "programs: get_programs on failure"} < came.touched
    assert "programs: Program.title" in came.touched
    assert [label for label in came.differences if label.startswith("older: ")] == [
        "older: search_records(record_set_filters)",
        "older: pull_data(record_set_filters)",
    ]
