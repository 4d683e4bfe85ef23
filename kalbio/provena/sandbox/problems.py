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

_LIMITS = {
    "maximum": ("ensure this value is less than or equal to {}", "value_error.number.not_le"),
    "minimum": ("ensure this value is greater than or equal to {}", "value_error.number.not_ge"),
    "maxLength": ("ensure this value has at most {} characters", "value_error.any_str.max_length"),
    "minLength": ("ensure this value has at least {} characters", "value_error.any_str.min_length"),
    "maxItems": ("ensure this value has at most {} items", "value_error.list.max_items"),
    "minItems": ("ensure this value has at least {} items", "value_error.list.min_items"),
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
    if rule == "enum" and isinstance(problem.expected, list):
        permitted = ", ".join(map(repr, problem.expected))
        told = f"value is not a valid enumeration member; permitted: {permitted}"
        return {**_detail(location, told, "type_error.enum"), "ctx": {"enum_values": problem.expected}}
    if rule in _LIMITS:
        told, kind = _LIMITS[rule]
        detail = _detail(location, told.format(problem.expected), kind)
        return {**detail, "ctx": {"limit_value": problem.expected}}
    return _detail(location, problem.message, f"value_error.{rule}")


def _detail(location: list[str | int], message: str, kind: str) -> Document:
    return {"loc": location, "msg": message, "type": kind}
