"""Rows of data that one test goes through: the row that fails is named."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def row(*of_it: object) -> Iterator[None]:
    """Add the row to what fails within the block."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"in the row {', '.join(map(_shown, of_it))}")
        raise


def _shown(part: object) -> str:
    """A function by the line where it stands; anything else as it is, within reason."""
    return f"of line {part.__code__.co_firstlineno}" if inspect.isfunction(part) else f"{part!r:.200}"
