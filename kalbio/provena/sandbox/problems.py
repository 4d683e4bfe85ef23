"""How the servers word what is wrong with a request, point by point."""

from __future__ import annotations

import re

from kalbio._core.emulator.refusals import Problem
from kalbio._core.emulator.strict_json import Document

_MISSING = re.compile(r'"(.*)" is a required property')
_WRONG_TYPE = re.compile(r'(.*) is not of types? "(\w+)".*', re.DOTALL)
_TYPES = {
    "array": ("value is not a valid list", "type_error.list"),
    "boolean": ("value could not be parsed to a boolean", "type_error.bool"),
    "integer": ("value is not a valid integer", "type_error.integer"),
    "number": ("value is not a valid float", "type_error.float"),
    "object": ("value is not a valid dict", "type_error.dict"),
    "string": ("str type expected", "type_error.str"),
}


def as_detail(problem: Problem) -> Document:
    """One entry of the `detail` of a 422."""
    location, rule = list(problem.location), problem.rule
    if rule.startswith(("value_error", "type_error")):
        return _detail(location, problem.message, rule)
    if rule == "required":
        missing = _MISSING.fullmatch(problem.message)
        member = [] if missing is None else [missing[1]]
        return _detail(location + member, "field required", "value_error.missing")
    wrong = _WRONG_TYPE.fullmatch(problem.message)
    if rule == "type" and wrong is not None:
        if wrong[1] == "null":
            return _detail(location, "none is not an allowed value", "type_error.none.not_allowed")
        return _detail(location, *_TYPES.get(wrong[2], (problem.message, "type_error")))
    if rule == "enum":
        return _detail(location, "value is not a valid enumeration member", "type_error.enum")
    return _detail(location, problem.message, f"value_error.{rule}")


def _detail(location: list[str | int], message: str, kind: str) -> Document:
    return {"loc": location, "msg": message, "type": kind}
