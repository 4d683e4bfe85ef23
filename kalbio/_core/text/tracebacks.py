"""What a notebook shows of an error that nobody caught: three lines, not a page. And whose line a warning is of."""

from __future__ import annotations

import inspect
from itertools import islice
from pathlib import Path
from types import TracebackType

from kalbio._core.text.display import one_line
from kalbio._core.text.redaction import redact

WHOLE = "import sys, traceback; traceback.print_exception(sys.last_value)"
"""Prints what Python itself would have shown, of the error that notebooks keep; `print_last` fails in Python 3.13.0."""

_LIMIT = 1000
_CAUSES = 3
_PACKAGE = __name__.partition(".")[0]


def level_of_the_caller() -> int:
    """Return the stack level of the first line outside of this package, for who calls `warnings.warn` one level up."""
    frame, level = inspect.currentframe(), 0
    while (
        frame is not None
        and frame.f_back is not None
        and str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE
    ):
        frame, level = frame.f_back, level + 1
    return level


def in_three_lines(error: BaseException, cure: str) -> list[str]:
    """Return what happened, where and because of what, and what to do; the third line also says how to see more."""
    return [
        _cut(f"{type(error).__name__}: {error}"),
        f"  {_cut('; '.join(filter(None, [_where_raised(error.__traceback__), *_causes(error), *_notes(error)])))}",
        f"  {f'{cure} ' if cure else ''}The whole traceback: {WHOLE}",
    ]


def _where_raised(traceback: TracebackType | None) -> str:
    """Return the line of the caller's code that led here: the last one before that of this package."""
    found = traceback
    here = traceback
    while here is not None and here.tb_frame.f_globals.get("__name__", "").partition(".")[0] != _PACKAGE:
        found, here = here, here.tb_next
    if found is None:
        return ""
    import linecache

    file = found.tb_frame.f_code.co_filename
    line = linecache.getline(file, found.tb_lineno, found.tb_frame.f_globals).strip()
    # Cells have names of their own, of files that are not there.
    where = f"{Path(file).name}, line {found.tb_lineno}" if Path(file).exists() else f"line {found.tb_lineno}"
    return f"{where}: {line}" if line else where


def _causes(error: BaseException) -> list[str]:
    """Return the errors that led to this one, the nearest first."""
    texts: list[str] = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while cause is not None and len(texts) < _CAUSES:
        texts.append(f"because of {type(cause).__name__}{f': {cause}' if str(cause) else ''}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return texts


def _notes(error: BaseException) -> list[str]:
    return [str(note) for note in islice(getattr(error, "__notes__", ()), _CAUSES)]


def _cut(text: str) -> str:
    shown = one_line(redact(text))
    return shown if len(shown) <= _LIMIT else f"{shown[:_LIMIT]}... ({len(shown)} characters)"
