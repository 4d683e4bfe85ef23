"""Keeps calls out of the logs whose lines would tell data: their URLs hold ids and key values."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_quiet: ContextVar[bool] = ContextVar("is_quiet", default=False)


def is_kept_out(record: logging.LogRecord) -> bool:
    """Whether a line is about a call within a block of `quiet`. Errors are logged all the same."""
    return _is_quiet.get() and record.levelno < logging.ERROR


class _QuietFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not is_kept_out(record)


_quiet_filter = _QuietFilter()


@contextmanager
def quiet(logger: logging.Logger) -> Iterator[None]:
    """Within the block, calls of this thread or task leave no lines in this log and in those of the libraries."""
    logger.addFilter(_quiet_filter)
    before = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(before)
