"""What counts as a list of things when a caller gives one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from kalbio._core.objects.resource import Resource

NOT_LISTS = (str, bytes, Mapping, Resource)
"""Types that can be iterated and are not lists: a text would be read letter by letter, a dict or an object by key."""


def is_frame(value: Any) -> bool:
    """Whether a value is a table, of this or another library: what it yields are names of columns, or rows."""
    kind = type(value)  # a series has its labels as attributes, and a lazy frame warns when it is asked for its columns
    return hasattr(kind, "__arrow_c_stream__") and (hasattr(kind, "columns") or hasattr(kind, "column_names"))


def is_list(value: Any) -> TypeGuard[Iterable[Any]]:
    """Whether a value is a list, or anything else that yields items one after the other."""
    return isinstance(value, Iterable) and not isinstance(value, NOT_LISTS) and not is_frame(value)
