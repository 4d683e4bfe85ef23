"""What a notebook shows of objects: what a person calls things, ids folded away, a bounded part of long lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import time
from itertools import islice
from typing import Any, TypeAlias

from kalbio._core.objects.times import in_seconds, parse_timestamp
from kalbio._core.objects.uuids import is_uuid, short_id
from kalbio._core.text.display import safe_repr
from kalbio._core.text.html_tables import ROWS, html_table, shown

NameOf: TypeAlias = Callable[[str, str], str | None]
"""Returns the name of what a member names by an id, None where it is not known without a request."""

COLUMNS = 8
_LENGTH = 100
_MEMBERS = 50
_IDS = 5
_NOTHING = (None, "", "False")


def html_of_object(title: str, members: Iterable[tuple[str, Any]], name_of: NameOf) -> str:
    """Return the members of an object as a table; ids without a known name, and what is empty, are folded away."""
    told: list[tuple[str, str]] = []
    folded: list[tuple[str, str]] = []
    count = 0
    for name, value in members:
        text = named(name, value, name_of)
        count += bool(text)
        if text is None or text == "":
            folded.append((_cut(name), _short(value)))
        elif len(told) < _MEMBERS:
            told.append((_cut(name), text))
    return html_table(title, told, count, folded=folded[: 2 * ROWS], limit=_MEMBERS)


def html_of_list(
    kind: str, items: Sequence[tuple[str, Mapping[str, Any]]], count: int, columns: Sequence[str], name_of: NameOf
) -> str:
    """Return the first objects of a list as a table: what each is called, and those columns that hold something.

    Without `columns`, these are the first members that are no ids.
    """
    texts = [{name: named(name, value, name_of) for name, value in members.items()} for _, members in items]
    known = columns or dict.fromkeys(name for _, members in items for name in members)
    if not columns:  # but for that which the things are called by
        known = [
            name for name in known if any(row.get(name) != item[0] for item, row in zip(items, texts, strict=True))
        ]
    heads = list(islice((name for name in known if any(row.get(name) not in _NOTHING for row in texts)), COLUMNS))
    rows = [
        [label, *(row.get(name) or "" for name in heads), _start(members.get("id"))]
        for (label, members), row in zip(items, texts, strict=True)
    ]
    hint = "" if count <= len(items) else f"The first {len(items)} of {count}; list[{len(items)}:] shows further ones."
    return html_table(counted(count, kind), rows, len(rows), heads=["", *map(_cut, heads), "id"], hint=hint)


def counted(count: int, kind: str) -> str:
    """Return how many there are of a kind."""
    if count == 1:
        return f"1 {kind}"
    return f"{count} {kind[:-1]}ies" if kind.endswith("y") else f"{count} {kind}s"


def named(name: str, value: Any, name_of: NameOf) -> str | None:
    """Return a member as a person reads it; names where it has ids, None where no name of theirs is known."""
    ids = value if isinstance(value, list) and value else [value]
    if any(isinstance(item, dict) and ("id" in item or any(map(is_uuid, item))) for item in ids[:_IDS]):
        return None  # other objects, or what hangs on them: they are no line of this one
    if all(map(is_uuid, ids)):
        names = [name_of(name, identifier) for identifier in ids[:_IDS]]
        if not any(names):
            return None
        texts = [known or identifier[:8] for known, identifier in zip(names, ids, strict=False)]
        return _cut(", ".join([*texts, *([f"... {len(ids) - _IDS} more"] if len(ids) > _IDS else [])]))
    if isinstance(value, str) and name.endswith(("_at", "_date")):
        return moment(value)
    if type(value) in (int, float) and name.endswith("timestamp"):
        return _cut(shown(in_seconds(value)))
    return "" if value in (None, "", [], {}) else _short(value)


def moment(value: Any) -> str:
    """Return a time as a person reads it: to the minute, days as days, what cannot be read as it came."""
    known = parse_timestamp(value)
    if known is None:
        return "" if value is None else _short(value)
    if known.utcoffset():
        return f"{known:%Y-%m-%d %H:%M %z}"
    return f"{known:%Y-%m-%d}" if known.time() == time() else f"{known:%Y-%m-%d %H:%M} UTC"


def _short(value: Any) -> str:
    """Return JSON as text, cut where it is long, so that what shows it does not grow with it."""
    if isinstance(value, str):
        return _cut(value)
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value[:ROWS]):
        return _cut(", ".join(value[:ROWS]))
    try:
        return _cut(json.dumps(value, ensure_ascii=False, default=str))
    except (ValueError, RecursionError):  # a number that is too long, and what is nested too deep
        return safe_repr(value)


def _start(identifier: Any) -> str:
    if not identifier:
        return ""
    return f"{short_id(identifier)}…" if is_uuid(identifier) else _cut(str(identifier))


def _cut(text: str) -> str:
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 3]}..."
