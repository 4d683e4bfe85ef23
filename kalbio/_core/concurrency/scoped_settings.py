"""Settings that hold for the calls inside a `with` block, in the present thread or task and those that it starts.

A block stands in the context that it was entered in. A generator may be entered in one context and left in another (a
fixture, a dependency with `yield`): the block ends everywhere when it is left, wherever that is.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any


class _Block:
    __slots__ = ("is_open", "name", "owner", "value")

    def __init__(self, owner: object, name: str, value: Any) -> None:
        self.owner = owner
        self.name = name
        self.value = value
        self.is_open = True


_open_blocks: ContextVar[tuple[_Block, ...]] = ContextVar("open_blocks", default=())


@contextlib.contextmanager
def block(owner: object, name: str, value: Any, alternative: str, logger: logging.Logger) -> Iterator[None]:
    """Let a setting of `owner` have a value within the block. `alternative` says how to set it for every context."""
    entered = _Block(owner, name, value)
    _open_blocks.set((*(one for one in _open_blocks.get() if one.is_open), entered))
    try:
        yield
    finally:
        entered.is_open = False
        blocks = _open_blocks.get()
        if entered in blocks:
            _open_blocks.set(tuple(one for one in blocks if one.is_open))
        else:
            # Not an exception, and no warning that may become one: leaving must not fail.
            logger.warning(
                "%s() was entered in one context and left in another one, as in an async fixture or a dependency with "
                "yield. It applied only to calls in the first one. %s",
                name, alternative,
            )  # fmt: skip


def value_of(owner: object, name: str) -> Any:
    """Return the value that the innermost open block gives to a setting; None when there is none."""
    for one in reversed(_open_blocks.get()):
        if one.owner is owner and one.name == name and one.is_open:
            return one.value
    return None
