"""JSON: what leaves is valid, what cannot leave is refused by its place."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID

import pytest

from kalbio._core.json.strict_json import decode, encode, encode_text
from tests.rows import row


class Colour(Enum):
    """A plain enumeration."""

    RED = "red"


class Shade(StrEnum):
    """Members that are text."""

    DARK = "dark"


class Number(IntEnum):
    """Members that are numbers."""

    ONE = 1


class Nested(Enum):
    """Members whose values need encoding themselves."""

    WHEN = date(2026, 5, 4)


class Scalar:
    """Numbers of array libraries look like this."""

    def __init__(self, value: Any, kind: str = "f") -> None:
        self.value = value
        self.shape: tuple[int, ...] = ()
        self.dtype = type("dtype", (), {"kind": kind})()

    def item(self) -> Any:
        return self.value


class Array(Scalar):
    """More than one number."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.shape = (1,)


class MissingTime(datetime):
    """The missing time of pandas: a datetime that is not equal to itself."""

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def shown(value: object) -> str:
    """A value as the name of a case: without its address, which is another one in each process."""
    return repr(value).partition(" at 0x")[0][:30]


class View(Mapping[str, Any]):
    """A mapping that is no dict."""

    def __getitem__(self, key: str) -> Any:
        return 1

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1


ENCODED = [
    (None, "null"),
    (True, "true"),
    (1, "1"),
    (10**30, "1" + "0" * 30),
    (0.1, "0.1"),
    (1e300, "1e+300"),
    ('ü\n"\u2028😀', '"ü\\n\\"\u2028😀"'),
    ((1, 2), "[1,2]"),
    (OrderedDict(b=1, a=2), '{"b":1,"a":2}'),
    (View(), '{"a":1}'),
    ({Shade.DARK: 1}, '{"dark":1}'),
    (date(2026, 5, 4), '"2026-05-04"'),
    (datetime(2026, 5, 4), '"2026-05-04"'),
    (datetime(2026, 5, 4, 1, 2, 3, 4, tzinfo=UTC), '"2026-05-04T01:02:03.000004+00:00"'),
    (datetime(2026, 5, 4, tzinfo=timezone(timedelta(hours=2))), '"2026-05-04T00:00:00+02:00"'),
    (time(1, 2), '"01:02:00"'),
    (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    (Decimal("1.10"), '"1.10"'),
    (PurePosixPath("/a/b"), '"/a/b"'),
    (PureWindowsPath("a\\b"), '"a\\\\b"'),
    (Path("x"), '"x"'),
    (Colour.RED, '"red"'),
    (Shade.DARK, '"dark"'),
    (Number.ONE, "1"),
    (Nested.WHEN, '"2026-05-04"'),
    (Scalar(2.5), "2.5"),
    (Scalar(3, "i"), "3"),
    (Scalar(True, "b"), "true"),
]


def test_what_json_can_carry_is_encoded_alike_at_any_depth() -> None:
    """Top level, in a list, in a dictionary: the same text, and as query text too."""
    for value, text in ENCODED:
        with row(value, text):
            assert encode(value).decode() == encode_text(value) == text
            deep = encode({"a": [{"b": value}]}).decode()
            assert deep == f'{{"a":[{{"b":{text}}}]}}'
            json.loads(deep)


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        (float("nan"), ValueError, "is nan, which JSON cannot carry"),
        (float("-inf"), ValueError, "is -inf, which JSON cannot carry"),
        (Decimal("NaN"), ValueError, "not a number JSON can carry"),
        (Decimal("Infinity"), ValueError, "not a number JSON can carry"),
        (Scalar(float("nan")), ValueError, "is nan"),
        (Scalar(1_700_000_000_000_000_000, "M"), TypeError, "give a datetime"),
        (MissingTime(2026, 1, 1), ValueError, "is not a time"),
        ("\ud800", ValueError, "not valid Unicode text"),
        (b"bytes", TypeError, "bytes is not a type JSON can carry"),
        (bytearray(b"x"), TypeError, "bytearray is not a type JSON can carry"),
        ({1}, TypeError, "set is not a type JSON can carry"),
        (frozenset({1}), TypeError, "frozenset is not a type"),
        (object(), TypeError, "object is not a type"),
        (timedelta(1), TypeError, "timedelta is not a type"),
        (Array(), TypeError, "Array is not a type"),
        (1j, TypeError, "complex is not a type"),
        ({1: "x"}, TypeError, "has the key 1; keys must be text"),
        ({None: "x"}, TypeError, "has the key None; keys must be text"),
        ({True: "x"}, TypeError, "has the key True; keys must be text"),
        ({date(2026, 1, 1): "x"}, TypeError, "keys must be text"),
        ({"\ud800": 1}, ValueError, "not valid Unicode text"),
    ],
    ids=shown,
)
def test_what_json_cannot_carry_is_refused_with_its_place(value: Any, kind: type[Exception], says: str) -> None:
    """The error says where in the body it stands and what is wrong with it."""
    with pytest.raises(kind) as caught:
        encode({"rows": [{"ok": 1}, {"logP": value}]})
    assert "rows[1]['logP']" in str(caught.value)
    assert says in str(caught.value)


def test_a_body_that_contains_itself_is_refused() -> None:
    """A cycle and an endless nesting end in a ValueError, not in a crash."""
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="nested too deeply, or contains itself"):
        encode({"a": cycle})
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        encode(deep)


def test_bytes_are_parsed_or_refused() -> None:
    """What is no JSON raises ValueError."""
    assert decode('{"ü": 1}'.encode()) == {"ü": 1}
    for data in (b"", b"{", b"\xff"):
        with pytest.raises(ValueError, match=r".+"):
            decode(data)
