"""What mypy and pyright say of users' scripts, right ones and wrong ones."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable

import pytest

from kalbio._model.enums import FilterRule, FilterRuleTypeEnum, SearchRule
from tests.test_docs import PAGES
from tests.typing.checkers import COMMANDS, Findings, files, marked, refused


@pytest.mark.parametrize("checker", COMMANDS)
def test_checkers_report_the_marked_lines_alone(checker: str, checked: Callable[[str], Findings]) -> None:
    """A checker accepts what is documented, and reports each line that is marked as an error, in both worlds."""
    for file in (file for file in files() if not file.startswith("page_") and not file.endswith("_notebook.py")):
        found = checked(checker)[file]
        assert {line: text for line, text in found.items() if line not in marked(file)} == {}, file
        assert marked(file) - found.keys() == set(), file
        assert marked(file) or file == "usage_right.py"


OF_EXAMPLES = {
    "what may be None is used as if it were there": r'(?<!expected )(?<!of type )"[^"]*\bNone\b[^"]*"',
    "the same as an argument": r'of type "[^"]*\bNone\b[^"]*" (cannot|is not)|No overloads for "read_csv"',
    "what the description does not require is used as if it were there": r"\bUnset\b",
    "functions have no annotations": r"Function is missing|untyped function|Need type annotation",
    "libraries without types": r"stubs|Unknown|Series",
    "exceptions of Python that carry an outcome": r'"KeyboardInterrupt"',
    "a relation that is looked at and not awaited": r"must be used",
}
"""What the examples do that a script would not: why, and what checkers say of it."""


@pytest.mark.parametrize("checker", COMMANDS)
def test_examples_of_the_guide_type_check(checker: str, checked: Callable[[str], Findings]) -> None:
    """What the pages call is there, takes these arguments, and returns what has these members."""
    wrong = [
        f"{page.name}:{line}: {text}"
        for page in PAGES
        for line, texts in checked(checker)[f"page_{page.stem}.py".replace("-", "_")].items()
        for text in texts
        if line not in refused(page) and not re.search("|".join(OF_EXAMPLES.values()), text)
    ]
    assert wrong == []


def test_texts_of_rules_are_those_of_the_enumeration() -> None:
    """The texts that type checkers accept as rules are those that the enumeration and the description have."""
    from kaleidoscope_api.models import SearchFilterRuleType

    texts = {text for part in typing.get_args(FilterRule) for text in typing.get_args(part)}
    assert texts == {member.value for member in FilterRuleTypeEnum}
    assert set(typing.get_args(SearchRule)) == {member.value for member in SearchFilterRuleType}
