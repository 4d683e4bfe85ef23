"""Rows to load, checked and encoded at the speed of C: the usual case of what others do carefully.

`with_key_texts`, `with_cells` and the strict encoder look at each cell, and name the row and the column that cannot be
sent. Here one pass of msgspec over many rows finds text, finite numbers, booleans and None in columns that are known,
or refuses, and another one writes them without what is None. What is written is what the others would have written;
None says nothing against the rows, only that they have to be looked at closely.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from operator import itemgetter
from typing import Annotated, Any, TypeAlias, TypeGuard

import msgspec

from kalbio._core.json import strict_json
from kalbio._model.cells import with_cells
from kalbio._model.keys import with_key_texts

Rows: TypeAlias = Sequence[dict[Any, Any]]

_FIRST = 100
_CHUNK = 500
"""Rows that are looked at and encoded together: so many that they are still close to the processor the second time."""
_PLAIN = frozenset({str, int, float, bool})
_ODD = (ValueError, TypeError, LookupError, OverflowError, RecursionError, RuntimeError)
"""What odd rows lead to here; the last one those that are changed meanwhile."""

_Finite = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
_encode = msgspec.json.Encoder().encode


def are_plain(data: object) -> TypeGuard[Rows]:
    """Whether this is a list of dicts and nothing else, which can be looked at without a copy."""
    return isinstance(data, list | tuple) and set(map(type, data)) <= {dict}


class QuickRows:
    """Rows that were looked at and encoded."""

    __slots__ = ("_begun",)

    def __init__(self, begun: BytesIO) -> None:
        """Made by `look_at`."""
        self._begun = begun

    @classmethod
    def look_at(cls, rows: Rows, keys: Iterable[str]) -> QuickRows | None:
        """Return the rows, encoded together; None where it takes a closer look.

        Args:
            rows: plain dicts.
            keys: the columns that every row must have a key value in.
        """
        names = {key: key for key in keys}
        # What it holds is handed on without a copy: it is most of the memory that a large load takes.
        begun = BytesIO()
        begun.write(b'{"data":[')
        try:
            columns = _Columns((), frozenset()).widened(rows[:_FIRST])  # as a rule these have all of them
            for start in range(0, len(rows), _CHUNK):
                chunk = _with_keys(rows[start : start + _CHUNK], names)
                part = columns.read(chunk)
                if part is None:
                    chunk = _in_plain_types(chunk)  # dates, say
                    part = columns.read(chunk)
                if part is None:
                    columns = columns.widened(chunk)
                    part = columns.read(chunk)
                if part is None:
                    return None
                begun.write(b"," if start else b"")
                begun.write(memoryview(_encode(part))[1:-1])
        except _ODD:
            return None
        return cls(begun)

    def encode(self, body: Mapping[str, Any]) -> bytes | None:
        """Return a body with these rows as its `data` and texts besides, once; None where it takes a closer look."""
        try:
            others = _encode({name: value for name, value in body.items() if name != "data"})
        except _ODD:
            return None
        self._begun.write(b"]" if others == b"{}" else b"],")
        self._begun.write(others[1:])
        return self._begun.getvalue()


def careful(rows: Sequence[Mapping[Any, Any]], names: Mapping[Any, Any]) -> list[dict[Any, Any]]:
    """Return rows as they are sent, or raise and name what cannot be; `names` is key column to key field."""
    return with_cells("data", with_key_texts("data", rows, names))


def encoded(request: dict[str, Any], rows: QuickRows | None, names: Mapping[Any, Any] | None = None) -> dict[str, Any]:
    """Return a request with its body encoded, where the rows allow it; they are most of the body.

    With `names`, the rows of the body have not been looked at closely: where it takes that, it is done now.
    """
    body = request["json"]
    content = None if rows is None else rows.encode(body)
    if content is not None:
        return {**request, "json": None, "content": content}
    if rows is None or names is None:
        return request
    return {**request, "json": {**body, "data": careful(body["data"], names)}}


class _Columns:
    """Columns that are known, and which of them may have fractions in them."""

    __slots__ = ("_floats", "_names", "_type")

    def __init__(self, names: tuple[str, ...], floats: frozenset[str]) -> None:
        self._names = names
        self._floats = floats
        self._type = _row_type(names, floats)

    def read(self, rows: Rows) -> list[Any] | None:
        """Return rows that have nothing but plain cells in these columns; None when they have."""
        # A Decimal would become a float. What becomes of it is that all its digits are text.
        if any(_has_decimals(rows, name) for name in self._floats):
            return None
        try:
            found: list[Any] = msgspec.convert(rows, self._type)
        except msgspec.ValidationError:
            return None
        return found

    def widened(self, rows: Rows) -> _Columns:
        """Return these columns and those that rows have besides."""
        names, floats = dict.fromkeys(self._names), set(self._floats)
        for row in rows:
            for name, cell in row.items():
                names[name] = None
                if type(cell) is float:
                    floats.add(name)
        return _Columns(tuple(names), frozenset(floats))


def _has_decimals(rows: Rows, name: str) -> bool:
    cell = itemgetter(name)
    with suppress(Exception):  # cells are missing, or of several kinds; what they are added by may be anything
        return isinstance(
            sum(map(cell, rows)), Decimal
        )  # the quickest way to tell: a sum of floats and Decimals is none
    try:
        return Decimal in set(map(type, map(cell, rows)))
    except KeyError:
        return Decimal in {type(row.get(name)) for row in rows}


@lru_cache(maxsize=32)
def _row_type(names: tuple[str, ...], floats: frozenset[str]) -> Any:
    """Return the type of a list of rows with these columns. Raises ValueError for names that have to be escaped."""
    members = [f"c{number}" for number in range(len(names))]
    kinds = [str | int | bool | _Finite | None if name in floats else str | int | bool | None for name in names]
    row = msgspec.defstruct(
        "Row",
        [(member, kind, None) for member, kind in zip(members, kinds, strict=True)],
        rename=dict(zip(members, names, strict=True)),
        omit_defaults=True,
        forbid_unknown_fields=True,
        gc=False,
    )
    return list[row]  # type: ignore[valid-type]


def _with_keys(rows: Rows, names: Mapping[str, str]) -> Rows:
    """Return rows whose key values are texts. Raises one of `_ODD` where one is missing or none."""
    try:
        for name in names:
            if not all(map(str.strip, map(itemgetter(name), rows))):
                raise ValueError("a key is blank")
    except TypeError:  # no text: a number, perhaps
        return with_key_texts("rows", rows, names)
    return rows


def _in_plain_types(rows: Rows) -> Rows:
    return [
        {column: cell if type(cell) in _PLAIN else _plain(cell) for column, cell in row.items() if cell is not None}
        for row in rows
    ]


def _plain(cell: Any) -> Any:
    """Return what is written for a cell of another type: a date, a Decimal, a number of an array library."""
    plain = strict_json.converted(cell)
    if type(plain) not in _PLAIN:
        raise TypeError("one step is not enough")
    return plain
