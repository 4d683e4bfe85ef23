"""Conditions as one writes them behind `--where`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from kalbio import F
from kalbio.cli.where import read_conditions
from tests.rows import row

READ = {
    "logP < 5": F("logP") < 5,
    "logP>=-2.5": F("logP") >= -2.5,
    '"Potency (nM)" <= 1e3': F("Potency (nM)") <= 1000.0,
    "x = 0.1000000000000000000001": F("x") == Decimal("0.1000000000000000000001"),
    "x == 12345678901234567890": F("x") == 12345678901234567890,
    "Status == 'hit'": F("Status") == "hit",
    'Status != "it\'s \\"so\\" \\\\"': F("Status") != 'it\'s "so" \\',
    "Soluble == true": F("Soluble") == True,  # noqa: E712
    'Status in ["hit", 5]': F("Status").is_in(["hit", 5]),
    'Status not in ["hit"]': F("Status").is_not_in(["hit"]),
    "Status is set": F("Status").is_set(),
    "Status is empty": F("Status").is_empty(),
    "Naïve-Name_2 contains 'x'": F("Naïve-Name_2").contains("x"),
    "a starts_with 'x' and b ends_with 'y'": F("a").starts_with("x") & F("b").ends_with("y"),
    "Made < 2026-01-31": F("Made") < date(2026, 1, 31),
    "Made >= 2026-01-31T10:00:00Z": F("Made") >= datetime(2026, 1, 31, 10, tzinfo=UTC),
    "Made == 2026-01-31": F("Made") == date(2026, 1, 31),
    "x.is_between(1, 5)": F("x").is_between(1, 5),
    "x.is_between(2026-01-01, 2026-02-01)": F("x").is_between(date(2026, 1, 1), date(2026, 2, 1)),
    "tags.overlaps_with(['a', 'b'])": F("tags").overlaps_with(["a", "b"]),
    "when.is_last_week()": F("when").is_last_week(),
    "when.is_before_relative_day(-3)": F("when").is_before_relative_day(-3),
    '(F("logP") < 5) & F("Status").is_in(["hit", "lead"])': (F("logP") < 5) & F("Status").is_in(["hit", "lead"]),
    "((a == 1) and (b == 2)) & c == 3": (F("a") == 1) & (F("b") == 2) & (F("c") == 3),
    "and_ == 1": F("and_") == 1,
}

REFUSED = {
    "": "character 1: the name of a field is missing at the end",
    "logP": "character 5: a comparison is missing at the end",
    "logP <": "character 7: a value is missing at the end",
    "logP < five": 'character 8: text stands in quotes: "five"',
    "logP < '5'": "character 6: F('logP').is_less_than() compares with a number; got '5'; write 5",
    "logP << 5": "character 7: a value is missing before '<'",
    "5 < logP": "character 1: the name of a field is missing before '5'",
    "a == 1 or b == 2": "character 8: the API has no 'or'",
    "a == 1 | b == 2": "character 8: the API has no 'or'",
    "not a == 1": "character 1: the API has no 'not'",
    "a == 1 b == 2": "character 8: 'and' is missing before 'b'",
    "a == 1 and": "character 11: the name of a field is missing at the end",
    "(a == 1": "character 8: ')' is missing at the end",
    "a < 1,5": "character 6: a number is written with a point: 1.5",
    "(a < -0,5 and b == 1)": "a number is written with a point: -0.5",
    "a < 1,234": "a number is written with a point: 1.234, or 1234 without a comma",
    "a < 0,125": "a number is written with a point: 0.125",
    "a < 1 234": "a number is written without blanks in it: 1234",
    "a < 5 nM": "'and' is missing before 'nM'; a number stands without its unit",
    "a == 1)": "character 7: 'and' is missing before ')'",
    "a == 'x": "character 6: there is a quote that is never closed",
    "a == 1; b": "character 7: there is ';'",
    "Potency (nM) < 5": "character 9: a comparison is missing before '('",
    "Potency nM < 5": 'a name with blanks or signs stands in quotes: "Potency (nM)" < 100',
    "Purity % < 5": "character 8: there is '%'; a name with blanks or signs stands in quotes",
    "(Potency (nM) < 5)": "a name with blanks or signs stands in quotes",
    "a in 'x'": "character 6: a list is missing before 'x'",
    "a in []": "character 7: a value is missing before ']'",
    "a in ['x'": "character 10: ']' is missing at the end",
    "a is 5": "character 6: 'set' or 'empty' is missing after 'is' before '5'",
    "a.is_betwen(1, 5)": "character 3: F has no rule 'is_betwen'. Did you mean 'is_between'",
    "a.descending()": "character 3: F has no rule 'descending'",
    "a.is_between(1)": "character 3: is_between() does not take 1 values",
    "a.is_between(5, 1)": "character 3: F('a').is_between() goes from 5 to 1",
    "a.is_set(": "character 10: a value is missing at the end",
    "a == 2026-13-01": "character 6: ",
    "a < 2026-01-31T10:00": "character 3: ",
    "a == 1.2.3": "character 6: there is '1'",
    "a == 12abc": "character 6: there is '1'",
    "a == --5": "character 6: there is '-'",
    "and == 1": "character 1: the name of a field is missing before 'and'",
    "F(a) == 1": "character 3: F(...) takes the name of a field in quotes",
    '"" == 1': "character 1: F() takes a field",
    "a == None": "character 6: text stands in quotes",
}


def test_conditions_read_as_they_are_written() -> None:
    """What is written behind --where is what the same words say in Python."""
    for text, meant in READ.items():
        with row(text):
            assert list(read_conditions(text)) == list(meant)


def test_what_cannot_be_read_is_refused_with_its_place() -> None:
    """No text is guessed: it is refused with the character where it goes wrong, and with a cure."""
    for text, told in REFUSED.items():
        with row(text):
            with pytest.raises(ValueError, match=r"^--where ") as caught:
                read_conditions(text)
            assert told in str(caught.value)
