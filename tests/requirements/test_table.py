"""The table of requirements in docs/requirements.md names each of them once, with a test that exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "docs" / "requirements.md"
NUMBERS = [
    *range(1, 27), *range(30, 38), *range(40, 61), *range(65, 72), *range(75, 88), *range(90, 99), *range(105, 151),
]  # fmt: skip


def rows() -> list[tuple[int, str, list[str]]]:
    """The rows of the table: number, what is required, and the names of the tests."""
    found = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        row = re.fullmatch(r"\| R(\d+) \| (.+) \| (.+) \|", line)
        if row:
            found.append((int(row[1]), row[2], re.findall(r"`(test_\w+)`", row[3])))
    return found


@cache
def functions() -> dict[str, list[tuple[str, ast.FunctionDef]]]:
    """The test functions of this directory by name, with the modules that have them."""
    found: dict[str, list[tuple[str, ast.FunctionDef]]] = {}
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_r"):
                found.setdefault(node.name, []).append((path.name, node))
    return found


def test_the_table_names_every_requirement_once() -> None:
    """Each number has one row, in order, that says what is required."""
    assert [number for number, _, _ in rows()] == NUMBERS
    assert all(len(text) > 10 for _, text, _ in rows())


def test_each_row_names_tests_that_exist() -> None:
    """Each row names at least one test of its own number, and every test that it names is there."""
    known = functions()
    for number, _, named in rows():
        assert named, f"R{number} names no test"
        assert set(named) <= set(known), f"R{number} names tests that are not there"
        assert all(name.startswith(f"test_r{number:03}_") for name in named), f"R{number} names tests of others"


def test_each_test_of_a_requirement_is_in_the_table() -> None:
    """No test that bears the number of a requirement is missing from its row, and no name is used twice."""
    in_table = {name for _, _, named in rows() for name in named}
    numbered = {name: modules for name, modules in functions().items() if re.match(r"test_r\d{3}_", name)}
    assert set(numbered) == in_table
    assert [name for name, modules in numbered.items() if len(modules) > 1] == []


def test_each_test_of_a_requirement_says_what_it_claims() -> None:
    """Every test that bears the number of a requirement has a docstring."""
    assert [name for name, found in functions().items() if not all(ast.get_docstring(item) for _, item in found)] == []
