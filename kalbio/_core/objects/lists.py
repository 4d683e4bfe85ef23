"""What counts as a list of things when a caller gives one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from kalbio._core.objects.resource import Resource

NOT_LISTS = (str, bytes, Mapping, Resource)
"""Types that can be iterated and are not lists: a text would be read letter by letter, a dict or an object by key."""


def is_frame(value: Any) -> bool:
    """Whether a value is a table, of this or another library: what it yields are names of columns, or rows."""
    has_columns = hasattr(value, "columns") or hasattr(value, "column_names")
    return has_columns and not isinstance(value, Resource) and hasattr(value, "__arrow_c_stream__")


def is_list(value: Any) -> TypeGuard[Iterable[Any]]:
    """Whether a value is a list, or anything else that yields items one after the other."""
    return isinstance(value, Iterable) and not isinstance(value, NOT_LISTS) and not is_frame(value)
