"""What is shown to those who wait, when they ask for it: a line or a bar, or a call of a function of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias, TypeVar, cast

from kalbio._core.text.progress import Advance, progress_bar, waiting_line
from kalbio._extras import require_progress

T = TypeVar("T")
Tell: TypeAlias = Callable[[T], object]


@contextmanager
def told_of(wanted: Callable[[T], object] | bool | None, what: str, state: Callable[[T], str]) -> Iterator[Tell[T]]:
    """Give a function to call with each state of what is waited for: it shows a line, or is that of the caller.

    Raises ModuleNotFoundError, saying what to install, when the package that draws the line is not there.
    """
    if wanted is True:
        require_progress()
        with waiting_line(what) as line:
            yield lambda item: line(state(item))
    else:
        yield wanted if callable(wanted) else lambda _: None


@contextmanager
def counted(wanted: Callable[[int, int | None], object] | bool | None, what: str, unit: str) -> Iterator[Advance]:
    """Give a function to call with what is done: it shows a bar, or is that of the caller.

    Raises ModuleNotFoundError, saying what to install, when the package that draws the bar is not there.
    """
    if wanted is True:
        require_progress()
        with progress_bar(what, unit) as advance:
            yield advance
    else:
        yield cast("Advance", wanted) if callable(wanted) else lambda done, total: None
