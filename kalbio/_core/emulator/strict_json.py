"""JSON as the standard has it, and nothing that could not be kept or shown later."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

Json = Any
Document = dict[str, Any]

# the escape of one, or the thing itself in text that was decoded elsewhere
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")

_DEPTH = 100
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_TOO_DEEP = f"it is nested too deeply: {_DEPTH} levels at most"


def dumps(value: Json) -> str:
    """Compact JSON text."""
    return _ENCODER.encode(value)


def encode(value: Json) -> bytes:
    """The same as UTF-8, and faster: answers may be large."""
    try:
        return msgspec.json.encode(value)
    except (TypeError, OverflowError):  # whole numbers of more than 64 bits
        return dumps(value).encode()


def loads(text: str | bytes) -> Json:
    """JSON as the standard has it: UTF-8, without NaN and infinities, numbers too large to keep, lone surrogates and
    endless nesting."""
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")  # JSON is UTF-8; left to itself the library guesses, and lets surrogates in
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    _refuse_depth(value)
    if _SURROGATE.search(text):
        _refuse_halves(value)
    return value


def _refuse_halves(value: Json) -> None:
    # Half of a pair is no character: no answer could hold it, and no database keeps it.
    try:
        dumps(value).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"\\u{ord(error.object[error.start]):04x} is half of a character") from None


def _refuse_depth(value: Json) -> None:
    # Whatever handles or shows the value later may call itself once for each level.
    level = [value]
    for _ in range(_DEPTH):
        level = [
            item
            for outer in level
            if isinstance(outer, dict | list)
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is out of range")
    return number
