"""Whether a small answer is, at a glance, the one to its request: the usual case of what `response_identity` finds out.

One pass over what the operation promises and repeats. False says nothing against an answer: only that it has to be
looked at closely.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, reduce
from typing import Any

import attrs
import msgspec

from kalbio._core.http.httpx_names import ByteStream, Request, Response
from kalbio._core.http.operation import OperationInfo, path_pattern
from kalbio._core.http.responses import platform_of

SMALL = 2_000
"""Bytes up to which JSON is decoded whole: cutting it over and over would take longer."""

_decode = msgspec.json.Decoder().decode
_get: Callable[[Any, str], Any] = dict.get
_Steps = tuple[str, ...]


@attrs.frozen
class _Plan:
    """What is to be looked at in the answers of an operation, as steps through members."""

    required: tuple[_Steps, ...]
    in_path: tuple[tuple[_Steps, str], ...]
    in_body: tuple[tuple[_Steps, _Steps], ...]
    fixed: tuple[tuple[_Steps, str], ...]


@lru_cache(maxsize=512)
def _plan(operation: OperationInfo) -> _Plan | None:
    """Return what is to be looked at; None for an operation whose marks need more than steps through members."""
    in_path: list[tuple[_Steps, str]] = []
    in_body: list[tuple[_Steps, _Steps]] = []
    fixed: list[tuple[_Steps, str]] = []
    for mark in operation.repeats:
        part, *source = mark.request.split(".")
        steps = tuple(mark.answer.split("."))
        if {"*", "?", "{key}"} & {*steps, *source} or (part == "path" and len(source) != 1):
            return None
        if mark.value:
            fixed.append((steps, mark.value))
        elif part == "path":
            in_path.append((steps, source[0]))
        elif part == "body":
            in_body.append((steps, tuple(source)))
        else:
            return None
    if operation.answer != "object":
        return None
    required = tuple(tuple(path.split(".")) for path in operation.required)
    return _Plan(required, tuple(in_path), tuple(in_body), tuple(fixed))


def is_plainly_right(operation: OperationInfo, request: Request, response: Response) -> bool:
    """Whether an answer has just what it must have. What was decoded is left for whoever reads the answer first."""
    text = response.content
    plan = _plan(operation) if len(text) <= SMALL else None
    if plan is None:
        return False
    try:
        answer = _decode(text)
        platform = platform_of(response)
        if type(answer) is not dict or platform is None or platform.find_failure(answer) is not None:
            return False
        for steps in plan.required:
            found: Any = reduce(_get, steps, answer)
            if type(found) is not str or not found or not found.isascii():
                return False
        for steps, value in plan.fixed:
            found = reduce(_get, steps, answer)
            if found != value:
                return False
        if plan.in_path:
            matched = path_pattern(operation.path).search(request.url.raw_path.partition(b"?")[0].decode("ascii"))
            for steps, name in plan.in_path:
                if matched is None or "%" in matched[name] or reduce(_get, steps, answer) != matched[name]:
                    return False
        if plan.in_body:
            # Forms and files are no ByteStream.
            sent = request.content if isinstance(request.stream, ByteStream) else b""
            asked = _decode(sent) if len(sent) <= SMALL else None
            for steps, source in plan.in_body:
                wanted = reduce(_get, source, asked)
                found = None if wanted is None else reduce(_get, steps, answer)
                # Numbers come back as text.
                if found != wanted and not (type(wanted) in (int, float) and found == str(wanted)):
                    return False
    except (TypeError, ValueError, RecursionError):  # something else than an object on the way; no JSON
        return False
    response.extensions["decoded"] = answer
    return True
