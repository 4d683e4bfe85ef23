"""The rule for key values, wherever they are given: text that is not blank, or a whole number.

A whole number counts as its digits. Anything else could be a second spelling of a key, which would make a second
record.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kalbio._core.errors import IdentifierError
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr

_EMPTY = "is empty"
_NAMED_ROWS = 1000
_NAMED_COLUMNS = 20


def key_text(value: Any, field: Any) -> str:
    """Return the text of a key value. Raises IdentifierError naming the field when it is none."""
    text, fault = read_key(value)
    if fault is not None:
        raise IdentifierError("record", value, f"The value of key field {safe_repr(str(field))} {fault}.")
    return text


def with_key_texts(name: str, rows: Sequence[Mapping[Any, Any]], keys: Mapping[Any, Any]) -> list[dict[Any, Any]]:
    """Return rows whose key values are texts; `keys` is column to the name of the key field.

    Raises IdentifierError naming the rows and the key field where a row has no value for one, or one that is no key.
    """
    read: list[dict[Any, Any]] = []
    wrong: list[tuple[int, Any, Any]] = []
    for index, row in enumerate(rows):
        texts = dict(row)
        for column, field in keys.items():
            texts[column], fault = read_key(row.get(column))
            if fault is not None:
                wrong.append((index, field, row.get(column)))
        read.append(texts)
    if wrong:
        raise refusal(name, wrong, _absent(rows, keys))
    return read


def _absent(rows: Sequence[Mapping[Any, Any]], keys: Mapping[Any, Any]) -> str:
    """Return the sentences that tell which columns no row has, and which there are."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    told = ""
    for key in keys:
        if key not in columns:
            close = did_you_mean(key, map(str, columns))
            shown = ", ".join(map(safe_repr, columns[:_NAMED_COLUMNS])) or "none"
            more = f" and {len(columns) - _NAMED_COLUMNS} more" if len(columns) > _NAMED_COLUMNS else ""
            told += f" No row has a column {safe_repr(key)}; the columns are {shown}{more}.{close}"
    return told


def is_key(value: Any) -> bool:
    """Whether a value can be that of a key field."""
    return read_key(value)[1] is None


def refusal(name: str, wrong: Iterable[tuple[int, Any, Any]], more: str = "") -> IdentifierError:
    """Return the error that names all of these: number of the row, key field, and the value that is no key."""
    indexes_of: dict[tuple[str, str], list[int]] = {}
    first: dict[tuple[str, str], Any] = {}
    for index, field, value in wrong:
        fault = read_key(value)[1] or ""
        kind = (str(field), _EMPTY if fault == _EMPTY else type(value).__name__)
        indexes_of.setdefault(kind, []).append(index)
        first.setdefault(kind, value)
    sentences = []
    for (field, fault), indexes in indexes_of.items():
        where = _slices(name, indexes)
        if fault == _EMPTY:
            sentences.append(f"{where} {'has' if len(indexes) == 1 else 'have'} no value for the key field {field!r}.")
        else:
            sentences.append(f"{where}: the value of key field {field!r} {read_key(first[field, fault])[1]}.")
    return IdentifierError("record", next(iter(first.values())), " ".join(sentences) + more)


def read_key(value: Any) -> tuple[str, str | None]:
    """Return the text of a key value, and what is wrong with it: None when nothing is."""
    if isinstance(value, str):
        if not value.strip():
            return "", _EMPTY
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return "", f"is {safe_repr(value)}, which is not valid Unicode text"
        return str.__str__(value), None
    # Numbers, those of array libraries included
    index = getattr(value, "__index__", None)
    if callable(index) and not isinstance(value, bool):
        with contextlib.suppress(ValueError, TypeError):  # too many digits; an array
            return str(index()), None
    if _is_gap(value):
        return "", _EMPTY
    cure = ""
    if isinstance(value, float) and value.is_integer():
        cure = (
            ": a table makes whole numbers float where a column has gaps, so read the column as text (in pandas"
            " dtype=str), or as whole numbers with gaps (dtype='Int64')"
        )
    return "", f"must be text or a whole number, not {type(value).__name__} ({safe_repr(value)}){cure}"


def _is_gap(value: Any) -> bool:
    """Whether a table has nothing here: None, and what is not equal to itself."""
    if value is None:
        return True
    if hasattr(value, "__len__"):
        return False
    try:
        return bool(value != value)
    except TypeError:  # the missing value of pandas does not even say that
        return type(value).__name__ == "NAType"
    except ValueError:
        return False


def _slices(name: str, indexes: Sequence[int]) -> str:
    """Return how rows are written, those in sequence as a slice: `data[1], data[4:7]`."""
    runs: list[list[int]] = []
    for index in indexes:
        if runs and runs[-1][1] == index:
            runs[-1][1] += 1
        else:
            runs.append([index, index + 1])
    shown_runs = runs[:_NAMED_ROWS]
    texts = [f"{name}[{start}]" if end == start + 1 else f"{name}[{start}:{end}]" for start, end in shown_runs]
    left = sum(end - start for start, end in runs[_NAMED_ROWS:])
    return ", ".join(texts) + (f" and {left} more rows" if left else "")
