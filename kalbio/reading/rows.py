"""Reads tables of any kind into rows of cells, each as it stands: frames, Arrow, lists, dicts, and files by path."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Any, overload

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.objects.checks import require_text, require_whole_number
from kalbio._core.objects.identifiers import Identified, close_matches
from kalbio._core.objects.resource import Resource
from kalbio._core.text.display import safe_repr
from kalbio._core.text.html_tables import html_table
from kalbio._model.plain_cells import MISSING, CellError, plain_cell
from kalbio._table_files.doubtful import Doubtful
from kalbio._table_files.excel import from_xlsx
from kalbio._table_files.text import from_delimited, from_json_lines
from kalbio.reading.cells import Converter, Converters, RefusedCell, RefusedCellsError, converters_of, decided
from kalbio.reading.frames import from_columns, from_frame
from kalbio.tables import Table

_INF = float("inf")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
Numbered = Iterable[tuple[int, Sequence[Any]]]
"""Rows with their numbers, each with a cell for every column."""


@attrs.frozen
class Rows(Sequence[dict[str, Any]]):
    """The rows of a table: dicts of column to cell, without the cells that have no value.

    Attributes:
        columns: the names of the columns, in order.
        rows: the rows.
        numbers: where each row stands in its source: the line of a text file, the row of a sheet, else from 0 on.
        refused: cells that have no form; `read_rows` raises where there is one.
        separator: what stands between the cells of a text file; None for another source.
    """

    columns: list[str]
    rows: list[dict[str, Any]]
    numbers: list[int]
    refused: list[RefusedCell]
    separator: str | None = None

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        """Return a row, or some."""
        return self.rows[index]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the rows."""
        return iter(self.rows)

    def __repr__(self) -> str:
        some = "1 row" if len(self.rows) == 1 else f"{len(self.rows)} rows"
        return f"<{some} of {', '.join(map(safe_repr, self.columns))}>"

    def _repr_html_(self) -> str:
        numbered = zip(self.numbers, self.rows, strict=True)
        shown = ([number, *(row.get(name) for name in self.columns)] for number, row in numbered)
        some = "1 row" if len(self.rows) == 1 else f"{len(self.rows)} rows"
        return html_table(some, shown, len(self.rows), heads=["", *self.columns])


def read_rows(
    source: Any,
    *,
    sheet: str | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    skip_rows: int = 0,
    converters: Converters | None = None,
    columns: Mapping[Any, str | None] | None = None,
) -> Rows:
    """Read a table of any kind into rows for `push_data`, every cell as it stands.

    Text stays text, whatever it looks like: `0042`, `1E5`, `NA`, `2024-01-02`, blanks around. Empty cells, None, NaN,
    NA and NaT are no value, and left out of their rows.

    Args:
        source: a frame of pandas or polars, anything that gives an Arrow stream, a list of dicts, a dict of lists, or
            the path of a file: `.csv`, `.txt`, `.tsv`, `.xlsx` (with the extra `excel`), `.parquet`, `.jsonl` or
            `.ndjson`. Of a `kalbio.tables.Table` the fields, without `record_id`.
        sheet: the sheet of an Excel file; needed where there are several.
        separator: the character between the cells of a text file, where it cannot be told from the file; a first
            line `sep=;`, as Excel knows it, tells it.
        encoding: the encoding of a text file that is neither UTF-8 nor begins with a mark, e.g. "cp1252".
        skip_rows: how many lines of a text file, or rows of a sheet, stand above the table; blank ones count too. The
            first one below them that is not blank has the names of the columns.
        converters: column to what its cells are to become: a function such as `decimal_comma`, a name such as
            "decimal-comma" or "without-unit:nM", or a list of these, one after the other. They are not called for cells
            without a value. Columns are named as in the table. The names are `decimal-comma`, `grouped-digits`,
            `unicode-minus`, `strip`, `without-unit:UNIT`, `grouped-by-points`, which makes `1234` of `1.234`,
            `split:TEXT`, which makes a list of what it separates, `day:FORM` such as `day:%d.%m.%Y`, and `none:TEXT`,
            `yes:TEXT`, `no:TEXT` for a text that means that.
        columns: column of the table to the name that it gets, where that is another: `{"Molecule": "Compound"}`; None
            leaves a column out.

    Raises:
        RefusedCellsError: cells have no form in a field, each with row and column.
        ModuleNotFoundError: the package that reads such a table is not installed; the text says how to get it.
        ValueError: the table as a whole cannot be read: what is wrong, where, and the cure.

    Example:
        >>> rows = read_rows({"Compound": ["CPD-1", "CPD-2"], "logP": [2.5, None]})
        >>> list(rows)
        [{'Compound': 'CPD-1', 'logP': 2.5}, {'Compound': 'CPD-2'}]
    """
    rows = read_cells(
        source,
        sheet=sheet,
        separator=separator,
        encoding=encoding,
        skip_rows=skip_rows,
        converters=converters,
        columns=columns,
    )
    if rows.refused:
        raise RefusedCellsError(rows.refused)
    return rows


def read_cells(
    source: Any,
    *,
    sheet: str | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    skip_rows: int = 0,
    converters: Converters | None = None,
    columns: Mapping[Any, str | None] | None = None,
    nested: bool = False,
) -> Rows:
    """Read as `read_rows`, and keep the cells that are refused beside the others.

    With `nested`, lists, dicts, paths and objects of the platform are left as they are, for the field to say whether it
    takes them.
    """
    first = require_whole_number("skip_rows", skip_rows, 0)
    found, numbered, separated_by = _table(source, sheet, separator, encoding, first)
    names = _names(found, columns or {})
    converts = _converts(found, converters or {})
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    refused: list[RefusedCell] = []
    for number, cells in numbered:
        row: dict[str, Any] = {}
        for old, name, convert, value in zip(found, names, converts, cells, strict=True):
            # Most cells are plain already, and there are many of them.
            kind = type(value)
            if (
                not convert
                and name
                and (
                    (kind is str and value and value.isascii())
                    or kind is int
                    or (kind is float and -_INF < value < _INF)
                )
            ):
                row[name] = value
                continue
            if name is None:
                continue
            try:
                cell = _cell(value, convert, nested, name)
            except CellError as error:
                held = value.value if isinstance(value, Doubtful) else value
                refused.append(RefusedCell(number, str(old), held, str(error)))
                continue
            if cell is not MISSING:
                if not name:
                    above = (
                        ", save a frame of pandas with index=False, or give skip_rows=N where N lines stand above the"
                        " names of the columns"
                        if isinstance(source, str | os.PathLike)
                        else ""
                    )
                    raise ArgumentError(
                        f"row {number}: {safe_repr(cell)} stands in a column without a name; name it{above}"
                    )
                row[name] = cell
        rows.append(row)
        numbers.append(number)
    return Rows([name for name in names if name], rows, numbers, refused, separated_by)


def _names(found: Sequence[Any], columns: Mapping[Any, str | None]) -> list[str | None]:
    """Return the names that columns get: empty for those without one, None for those that are left out."""
    _check_known("columns", columns, found)
    for old, new in columns.items():
        if new is not None and not (isinstance(new, str) and new.strip()):
            raise ArgumentError(
                f"columns[{safe_repr(old)}] must be its new name, or None to leave it out; got {safe_repr(new)}"
            )
    names: list[str | None] = []
    for number, old in enumerate(found, 1):
        name = columns.get(old, old)
        if name is None and old in columns:
            names.append(None)
            continue
        if name is None or (isinstance(name, str) and not name.strip()):
            names.append("")
            continue
        if not isinstance(name, str):
            shown = safe_repr(name.value if isinstance(name, Doubtful) else name)
            raise ArgumentError(f"The name of column {number} is {shown}, which is no text; name it, or give columns=")
        if name in names:
            raise ArgumentError(f"Two columns are called {safe_repr(name)}; rename one of them")
        names.append(name)
    if not any(names):
        raise ArgumentError("The table has no columns")
    return names


def _converts(found: Sequence[Any], converters: Converters) -> list[tuple[Converter, ...]]:
    """Return the converters of each column."""
    _check_known("converters", converters, found)
    read = {name: converters_of(name, given) for name, given in converters.items()}
    return [read.get(name, ()) for name in found]


def _check_known(argument: str, given: Iterable[Any], found: Sequence[Any]) -> None:
    for name in given:
        if name not in found:
            close = close_matches(name, [known for known in found if isinstance(known, str)])
            hint = f" Did you mean {' or '.join(map(safe_repr, close))}?" if close else ""
            raise ArgumentError(f"{argument} names a column {safe_repr(name)} that the table does not have.{hint}")


def _cell(value: Any, converters: Sequence[Converter], nested: bool, name: str) -> Any:
    if isinstance(value, Doubtful):
        value = decided(value, name, converters)
    for convert in converters:
        try:
            cell = _plain(value, nested)
        except CellError:  # what it is to become is for the converter to say
            cell = value
        if cell is MISSING:
            return cell
        try:
            value = convert(cell)
        except CellError:
            raise
        except Exception as error:
            raise CellError(f"makes its converter raise {type(error).__name__}: {error}") from None
    if nested and isinstance(value, PurePath | Identified | Resource):
        return value  # for which fields are made of another type than for its text
    return _plain(value, nested)


def _plain(value: Any, nested: bool) -> Any:
    if nested and (isinstance(value, Mapping) or (isinstance(value, list) and value)):
        return value
    return plain_cell(value)


def _table(
    source: Any, sheet: str | None, separator: str | None, encoding: str | None, skip_rows: int
) -> tuple[list[Any], Numbered, str | None]:
    """Return the columns and the numbered rows of a table, and what separates the cells where it is a text file."""
    if isinstance(source, str | os.PathLike):
        _check_path(source)
        return _file(Path(source), sheet, separator, encoding, skip_rows)
    options = {"sheet": sheet, "separator": separator, "encoding": encoding, "skip_rows": skip_rows or None}
    for name, given in options.items():
        if given is not None:
            raise ArgumentError(f"{name} is for files, and the table is no path of one, but a {type(source).__name__}")
    if isinstance(source, Table):
        # Without the ids: they are no field, and pushed they would make one.
        return [column.name for column in source.fields], enumerate(zip(*source.contents, strict=True)), None
    frame = from_frame(source)
    if frame is not None:
        return *frame, None
    if isinstance(source, bytes | bytearray | memoryview) or callable(getattr(source, "read", None)):
        raise ArgumentError(_path_of(source))
    if isinstance(source, Mapping):
        return *_columns(source), None
    if not isinstance(source, Iterable):
        raise ArgumentError(
            "A table is a frame, a list of dicts, a dict of lists, something that gives an Arrow stream, or the path of"
            f" a file; got {safe_repr(source)}"
        )
    return *_records(source), None


def _check_path(source: str | os.PathLike[str]) -> None:
    """Raise ValueError where a text is an address or the table itself, or a path is that of a folder."""
    given = os.fspath(source)
    if _URL.match(given):
        raise ArgumentError(f"A URL is not read: {safe_repr(given)}; download it first, and give the path of the file")
    if "\n" in given or "\r" in given:
        raise ArgumentError(
            f"A text is taken for the path of a file, and {safe_repr(given)} has several lines; where it is the table"
            " itself, write it into a file and give the path"
        )
    if Path(given).is_dir():
        raise ArgumentError(f"{safe_repr(given)} is a folder; give the path of a file in it")


def _path_of(source: Any) -> str:
    """Return that an open file, or what it holds, is given where a path is expected, and which path that is."""
    name = getattr(source, "name", None)
    if isinstance(name, str) and Path(name).is_file():
        return f"A file is given by its path, not open: give {safe_repr(name)}"
    what = "Bytes are no table" if isinstance(source, bytes | bytearray | memoryview) else "A stream is not read"
    return f"{what}: {safe_repr(source)}; write it into a file and give the path"


def _file(
    path: Path, sheet: str | None, separator: str | None, encoding: str | None, skip_rows: int
) -> tuple[list[Any], Numbered, str | None]:
    kind = path.suffix.lower()
    if sheet is not None and kind not in (".xlsx", ".xlsm"):
        raise ArgumentError(f"sheet is for Excel files; {path.name!r} has no sheets")
    if kind in (".csv", ".txt", ".tsv", ".tab"):
        separator = separator or ("\t" if kind in (".tsv", ".tab") else None)
        return from_delimited(path, separator, encoding, skip_rows)
    if separator is not None or encoding is not None:
        raise ArgumentError(f"separator and encoding are for text files; {path.name!r} is none")
    if kind in (".xlsx", ".xlsm"):
        return *from_xlsx(path, None if sheet is None else require_text("sheet", sheet), skip_rows), None
    if skip_rows:
        raise ArgumentError(f"skip_rows is for text files and Excel files; {path.name!r} is none")
    if kind in (".jsonl", ".ndjson"):
        return *_records(from_json_lines(path), first=1), None
    if kind in (".parquet", ".pq"):
        frame = from_frame(path)
        assert frame is not None
        return *frame, None
    known = ".csv, .txt, .tsv, .xlsx, .parquet, .jsonl and .ndjson"
    cure = "; save it as .xlsx" if kind in (".xls", ".xlsb", ".ods", ".numbers") else ""
    cure = "; unpack it" if kind in (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".tgz", ".tar") else cure
    raise ArgumentError(f"{path.name!r} is of no kind that is read: these are {known}{cure}")


def _records(source: Iterable[Any], first: int = 0) -> tuple[list[Any], Numbered]:
    rows = list(source)
    columns: dict[Any, None] = {}
    for index, row in enumerate(rows, first):
        if not isinstance(row, Mapping):
            lists = (
                "; of rows that are lists, the first with the names, make dicts: [dict(zip(rows[0], row)) for row in"
                " rows[1:]]"
            )
            cure = lists if isinstance(row, list | tuple) else ""
            raise ArgumentError(f"rows[{index}] must be a dict of column to value; got {safe_repr(row)}{cure}")
        columns.update(dict.fromkeys(row))
    names = list(columns)
    return names, ((index, [row.get(name) for name in names]) for index, row in enumerate(rows, first))


def _columns(source: Mapping[Any, Any]) -> tuple[list[Any], Numbered]:
    for name, cells in source.items():
        if isinstance(cells, str | bytes | Mapping) or not isinstance(cells, Iterable):
            raise ArgumentError(
                f"A dict is taken for columns of a table, and {safe_repr(name)} holds no list: {safe_repr(cells)};"
                " for a single row give [row]"
            )
    listed = from_columns(source)
    for (name, cells), (other, more) in pairwise(listed.items()):
        if len(cells) != len(more):
            raise ArgumentError(
                f"Columns differ in length: {safe_repr(name)} has {len(cells)} cells, {safe_repr(other)} {len(more)}"
            )
    return list(listed), enumerate(zip(*listed.values(), strict=True))
