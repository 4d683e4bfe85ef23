# Derived from kalbio/_core/aio/bulk.py by scripts/regenerate; edit that file. (digest a9f6123ee1ab)
"""Does the same for many rows, a few at a time, and keeps account of each."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
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
    place_of: Callable[[T], Hashable],
    limit: int,
    stop_on_error: bool,
    progress: Callable[[int, int], object] | None,
) -> list[R | KalbioError | Skipped]:
    """Write each row and return what came of it: the result, the error, or SKIPPED.

    Rows of one place are written one after the other, in their order: the last one has to be the newest. With
    `stop_on_error` no row is begun after one has failed; those that are under way end.
    """
    places: dict[Hashable, list[int]] = {}
    for index, row in enumerate(rows):
        places.setdefault(place_of(row), []).append(index)
    outcomes: list[Any] = [SKIPPED] * len(rows)
    ended = 0
    stopped = False
    lock = ShortLock()

    def write_place(indexes: list[int]) -> None:
        nonlocal ended, stopped
        for index in indexes:
            if not (stopped and stop_on_error):
                try:
                    outcomes[index] = write(rows[index])
                except KalbioError as error:
                    outcomes[index] = error
                    stopped = True
            with lock:
                ended += 1
                if progress is not None:
                    progress(ended, len(rows))

    each(write_place, list(places.values()), limit)
    return outcomes
