"""Tables of model runs: frames, lists, and files, each row with where it stands; and what is wrong with rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.objects.checks import require_text
from kalbio._core.text.display import safe_repr
from kalbio._table_files.excel import from_xlsx
from kalbio._table_files.text import from_delimited

_TEXT = (".csv", ".txt", ".tsv", ".tab")
_EXCEL = (".xlsx", ".xlsm")
_TEMPLATE = "_workflow template id "
"""How the head of a column begins that names the workflow template in the servers' CSV files."""
JOB = "_job_id"
"""The column of the servers' CSV files that has the job of a row which was sent already."""


@attrs.frozen
class RunProblem:
    """What is wrong with a row that cannot be registered.

    Attributes:
        row: its number, from 0.
        location: where it stands, in words: "line 3" of a text file, "row 3" of a sheet, "rows[0]" of a list.
        column: the column, or the part of the record.
        text: what is wrong, and the cure.
    """

    row: int
    location: str
    column: str
    text: str

    def __str__(self) -> str:
        about = "" if self.column in self.text or not self.column else f"column {safe_repr(self.column)}: "
        return f"{about}{self.text}"


@attrs.frozen
class RunTable:
    """The rows of a table of runs.

    Attributes:
        rows: the rows: dicts of column to cell, or records.
        locations: where each stands, in words.
        workflow_template: the handle of the workflow template, where a CSV file of the servers names it.
    """

    rows: Sequence[Any]
    locations: Sequence[str]
    workflow_template: str | None


def read_table(
    source: Any, sheet: str | None, separator: str | None, encoding: str | None, skip_rows: int = 0
) -> RunTable:
    """Return the rows of a frame of pandas or polars, of a list, or of a file.

    Raises ValueError for what is no table, and OSError for a file that cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        return _read_file(Path(source), sheet, separator, encoding, skip_rows)
    options = {"sheet": sheet, "separator": separator, "encoding": encoding, "skip_rows": skip_rows or None}
    for name, given in options.items():
        if given is not None:
            raise ArgumentError(f"{name} is for files; rows is no path of one")
    rows = list(_rows_of(source))
    return RunTable(rows, [f"rows[{number}]" for number in range(len(rows))], None)


def _read_file(path: Path, sheet: str | None, separator: str | None, encoding: str | None, skip_rows: int) -> RunTable:
    kind = path.suffix.lower()
    if kind in _TEXT:
        if sheet is not None:
            raise ArgumentError(f"sheet is for Excel files; {path.name!r} has no sheets")
        separator = separator or ("\t" if kind in (".tsv", ".tab") else None)
        heads, numbered, _ = from_delimited(path, separator, encoding, skip_rows)
        noun = "line"
    elif kind in _EXCEL:
        if separator is not None or encoding is not None:
            raise ArgumentError(f"separator and encoding are for text files; {path.name!r} is none")
        heads, numbered = from_xlsx(path, None if sheet is None else require_text("sheet", sheet), skip_rows)
        noun = "row"
    else:
        cure = "; save it as .xlsx" if kind in (".xls", ".xlsb", ".ods") else ""
        raise ArgumentError(
            f"{path.name!r} is of no kind that is read: these are .csv, .txt, .tsv and .xlsx; for others give a frame"
            f" or a list of dicts{cure}"
        )
    twice = [head for head in heads if head not in (None, "") and heads.count(head) > 1]
    if twice:
        raise ArgumentError(f"{path.name!r} has two columns {safe_repr(twice[0])}; rename one of them")
    named = [head[len(_TEMPLATE) :].strip() for head in heads if isinstance(head, str) and head.startswith(_TEMPLATE)]
    if len(set(named)) > 1:
        raise ArgumentError(
            f"{path.name!r} names several workflow templates, {', '.join(map(safe_repr, named))}, in the heads of its "
            "columns; keep the column of one"
        )
    rows, locations = [], []
    for number, cells in numbered:
        for head, cell in zip(heads, cells, strict=True):
            if head in (None, "") and cell not in (None, ""):
                raise ArgumentError(
                    f"{path.name!r}, {noun} {number}: {safe_repr(cell)} stands in a column without a name; name it"
                )
        rows.append({head: cell for head, cell in zip(heads, cells, strict=True) if head not in (None, "")})
        locations.append(f"{noun} {number}")
    return RunTable(rows, locations, named[0] if named else None)


def _rows_of(table: Any) -> Iterable[Any]:
    if hasattr(table, "to_dict") and hasattr(table, "columns"):
        rows: Iterable[Any] = table.to_dicts() if hasattr(table, "to_dicts") else table.to_dict("records")
        return rows
    if isinstance(table, bytes | Mapping) or not isinstance(table, Iterable):
        raise ArgumentError(
            f"rows must be a frame, a list of dicts or records, or the path of a file; got {safe_repr(table)}"
        )
    return table


def job_of(row: Mapping[Any, Any]) -> str | None:
    """Return the job that a row has already, as a CSV file of the servers tells it."""
    job = row.get(JOB)
    return job if isinstance(job, str) and job.strip() else None
