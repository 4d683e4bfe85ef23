# Derived from kalbio/_core/aio/bulk.py by scripts/regenerate; edit that file. (digest 98835832e1b5)
"""Does the same for many rows, a few at a time, and keeps account of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock as ShortLock
from typing import Any, TypeVar

from kalbio._core.errors import KalbioError
from kalbio._core.rows import SKIPPED, Skipped
from kalbio._core.sync.locks import each

T = TypeVar("T")
R = TypeVar("R")


def run_rows(
    write: Callable[[T], R],
    rows: Sequence[T],
    *,
    limit: int,
    stop_on_error: bool,
    progress: Callable[[int, int], object] | None,
) -> list[R | KalbioError | Skipped]:
    """Write each row and return what came of it: the result, the error, or SKIPPED.

    With `stop_on_error` no row is begun after one has failed; those that are under way end.
    """
    ended = 0
    stopped = False
    lock = ShortLock()

    def one(row: T) -> Any:
        nonlocal ended, stopped
        outcome: Any = SKIPPED
        if not (stopped and stop_on_error):
            try:
                outcome = write(row)
            except KalbioError as error:
                outcome = error
                stopped = True
        with lock:
            ended += 1
            if progress is not None:
                progress(ended, len(rows))
        return outcome

    return each(one, rows, limit)
