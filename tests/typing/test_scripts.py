"""What mypy and pyright say of users' scripts, right ones and wrong ones."""

from __future__ import annotations

import typing

import pytest

from kalbio._model.enums import FilterRule, FilterRuleTypeEnum, SearchRule
from tests.typing.checkers import COMMANDS, files, findings, marked


@pytest.mark.parametrize("checker", COMMANDS)
def test_checkers_report_the_marked_lines_alone(checker: str) -> None:
    """A checker accepts what is documented, and reports each line that is marked as an error, in both worlds."""
    for file, found in findings(checker).items():
        assert {line: text for line, text in found.items() if line not in marked(file)} == {}, file
        assert marked(file) - found.keys() == set(), file
    assert all(marked(file) for file in files() if file != "usage_right.py")


def test_texts_of_rules_are_those_of_the_enumeration() -> None:
    """The texts that type checkers accept as rules are those that the enumeration and the description have."""
    from kaleidoscope_api.models import SearchFilterRuleType

    texts = {text for part in typing.get_args(FilterRule) for text in typing.get_args(part)}
    assert texts == {member.value for member in FilterRuleTypeEnum}
    assert set(typing.get_args(SearchRule)) == {member.value for member in SearchFilterRuleType}
