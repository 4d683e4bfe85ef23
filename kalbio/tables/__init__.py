"""Tables: the values of many records as columns, for pandas, polars, Arrow, DuckDB, CSV and Parquet.

`client.records.table(...)` makes them. What speaks Arrow takes a `Table` as it is; that needs the extra `tables`.
"""

from __future__ import annotations

import inspect
import json
import os
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import wraps
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias, TypeVar, overload

import attrs

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.objects.checks import Synonyms, unknown_argument
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.objects.uuids import is_uuid
from kalbio._core.text.display import printable, safe_repr
from kalbio._core.text.html_tables import html_table
from kalbio._core.text.tracebacks import level_of_the_caller
from kalbio._extras import require_module
from kalbio._model.content_reading import as_it_stands, qualified_number
from kalbio._model.field_types import (
    EXACT,
    PLAIN_NUMBER,
    QUALIFIED,
    STANDING,
    WHOLE,
    ContentTypeWarning,
    Form,
    read_column,
)

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow
else:
    # Names in annotations, for tools that read these where the libraries are not there.
    pandas = polars = pyarrow = SimpleNamespace(DataFrame=Any, Table=Any)

__all__ = ["Cell", "Column", "Misfit", "Table"]


def __dir__() -> list[str]:
    return sorted(__all__)


Cell: TypeAlias = str | float | bool | date | datetime | Decimal | list[str] | None
"""What a table holds: which of them follows from the type of the column."""

T = TypeVar("T", float, int, Decimal, str, bool, datetime, date, list[str])

_TYPES: dict[str, type] = {
    "float": float, "int": int, "Decimal": Decimal, "str": str, "bool": bool, "date": date, "datetime": datetime,
    "list[str]": list,
}  # fmt: skip

SHOWN = 20
ID = "record_id"
"""The first column: the ids of the records."""

IDS = attrs.evolve(STANDING, name="record id")
MOMENT = Form("instant", "datetime", "timestamp[us, UTC]", "datetime64[us, UTC]", "", lambda moment: moment)


_WRITER_WORDS: Synonyms = {
    **dict.fromkeys(("sep", "delimiter"), ("separator",)), "dec": ("decimal",),
    **dict.fromkeys(("path_or_buf", "excel_writer", "file", "filename", "buf", "where"), ("path",)),
}  # fmt: skip
"""What other libraries call the arguments of the methods that write files."""

F = TypeVar("F", bound=Callable[..., Any])


def _tells_arguments(method: F) -> F:
    """Let a method that writes files say what it calls an argument of other libraries."""
    known = list(inspect.signature(method).parameters)[1:]

    @wraps(method)
    def checked(self: Any, *args: Any, **options: Any) -> Any:
        for name in options:
            if name == "index":
                raise ArgumentTypeError(
                    f"{method.__name__}() has no argument index: a table has none; its first column, record_id, has the"
                    " ids of the records"
                )
            if name not in known:
                raise unknown_argument(method.__name__, name, known, _WRITER_WORDS)
        return method(self, *args, **options)

    return checked  # type: ignore[return-value]


@attrs.frozen
class Column:
    """A column of a table.

    Attributes:
        name: its name: that of the field.
        field_id: the id of the field, None for what is no field.
        form: how its contents are read.
    """

    name: str
    field_id: str | None
    form: Form

    @property
    def is_file(self) -> bool:
        """Whether its values are the ids of files."""
        return self.form.python == "FileValue"

    @property
    def shows_misfits(self) -> bool:
        """Whether it has the text of a content that does not fit it; else there is no value."""
        return self.form.shows_anything and self.form.python != "Decimal"

    @property
    def python(self) -> str:
        """The type that its values have in Python."""
        return "str" if self.form.python in ("FileValue", "RecordLink", "any JSON") else self.form.python


@attrs.frozen
class Misfit:
    """A content that does not fit the type of its field.

    Attributes:
        record_id: the record.
        column: the name of the field.
        content: what it holds.
    """

    record_id: str
    column: str
    content: Any


class Table:
    """Values of records: one row for each record, one column for each field, typed by the field.

    The first column, `record_id`, has the ids. `misfits` lists the contents that do not fit the type of their field:
    columns of text show them as they stand, others have no value there. `contents` has the values of the columns that
    are fields, in their order. A column of files has their ids; `file_names` has the names that the server gave with
    them, by id, which is what a notebook shows.
    """

    __slots__ = ("__weakref__", "_columns", "contents", "file_names", "misfits", "record_ids")

    def __init__(
        self,
        columns: Sequence[Column],
        record_ids: Sequence[str],
        contents: Sequence[Sequence[Any]],
        misfits: Sequence[Misfit] = (),
        file_names: Mapping[str, str] | None = None,
    ) -> None:
        """Make a table of columns of values; users get it from a client."""
        self._columns = tuple(columns)
        self.contents = tuple(contents)
        self.record_ids = list(record_ids)
        self.misfits = list(misfits)
        self.file_names = dict(file_names or {})

    @property
    def columns(self) -> list[str]:
        """The names of the columns, `record_id` first."""
        return [ID, *(column.name for column in self._columns)]

    @property
    def schema(self) -> dict[str, str]:
        """The names of the columns and their Arrow types."""
        return {ID: IDS.arrow, **{column.name: column.form.arrow for column in self._columns}}

    @property
    def fields(self) -> list[Column]:
        """The columns that are fields, with the id of the field and the way it is read."""
        return list(self._columns)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.record_ids)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or name in Table.__slots__:  # of a copy that is not filled yet
                raise AttributeError(name, name=name, obj=self)
            does = "table.to_pandas() and table.to_polars() give frames, which do more"
            if name in self.columns:
                does = f"the values of a column are table[{safe_repr(name)}]"
            raise AttributeError(f"A Table has no {safe_repr(name)}; {does}", name=name, obj=self)

    @overload
    def __getitem__(self, column: str) -> list[Cell]: ...
    @overload
    def __getitem__(self, column: slice) -> Table: ...
    def __getitem__(self, column: str | slice) -> list[Cell] | Table:
        """Return the values of a column, or the rows of a slice as a table."""
        if isinstance(column, slice):
            ids = self.record_ids[column]
            kept = set(ids)
            misfits = [misfit for misfit in self.misfits if misfit.record_id in kept]
            return Table(self._columns, ids, [values[column] for values in self.contents], misfits, self.file_names)
        if column == ID:
            return list(self.record_ids)
        for known, values in zip(self._columns, self.contents, strict=True):
            if known.name == column:
                return list(values)
        cure = did_you_mean(column, self.columns) or f" It has {', '.join(map(safe_repr, self.columns))}."
        if isinstance(column, int):
            cure = " For a row write table.to_rows()[...]; for some rows, table[:10]."
        raise KeyError(f"The table has no column {safe_repr(column)}.{cure}")

    def _ipython_key_completions_(self) -> list[str]:
        return self.columns

    def __iter__(self) -> Iterator[dict[str, Cell]]:
        """Yield the rows as dicts, ids included."""
        names = self.columns
        for row in zip(self.record_ids, *self.contents, strict=True):
            yield dict(zip(names, row, strict=True))

    def column(self, name: str, as_type: type[T]) -> list[T | None]:
        """Return the values of a column whose type you name, so that a type checker knows it: None is no value.

        Args:
            name: the name of the column.
            as_type: the type that the column has: `float`, `str`, `bool`, `date`, `datetime`, `list`, or what `types`
                had its numbers read as, `int` or `Decimal`.

        Raises:
            KeyError: there is no such column.
            ValueError: it has another type.
        """
        values: list[Any] = self[name]
        found = next((column.python for column in self._columns if column.name == name), "str")
        if as_type is not _TYPES.get(found):
            kind = as_type.__name__ if isinstance(as_type, type) else safe_repr(as_type)
            raise ArgumentError(f"{safe_repr(name)} is a column of {found}, not of {kind}")
        return values

    def to_rows(self) -> list[dict[str, Cell]]:
        """Return the rows as dicts, ids included."""
        return list(self)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the table as an Arrow stream: what polars, pyarrow, DuckDB and others ask for."""
        from kalbio.tables._arrow import stream

        kinds = [IDS.arrow, *(column.form.arrow for column in self._columns)]
        columns = [self.record_ids, *map(_as_arrow, self._columns, self.contents)]
        capsule: object = stream(self.columns, kinds, columns, len(self)).__arrow_c_stream__()
        return capsule

    def __arrow_c_schema__(self) -> object:
        """Return the Arrow schema."""
        from kalbio.tables._arrow import schema_capsule

        capsule: object = schema_capsule(self.columns, list(self.schema.values()))
        return capsule

    def to_pandas(self) -> pandas.DataFrame:
        """Return the table as a pandas DataFrame. Needs pandas; pyarrow it does not need."""
        require_module("pandas", "to_pandas() needs pandas")
        from kalbio.tables._frames import to_pandas

        return to_pandas(self.columns, self._forms(), [self.record_ids, *map(_as_arrow, self._columns, self.contents)])

    def to_polars(self) -> polars.DataFrame:
        """Return the table as a polars DataFrame. Needs polars and the extra `tables`."""
        require_module("polars", "to_polars() needs polars")
        import polars

        return polars.DataFrame(self)

    def to_arrow(self) -> pyarrow.Table:
        """Return the table as a pyarrow Table. Needs pyarrow and the extra `tables`."""
        require_module("pyarrow", "to_arrow() needs pyarrow")
        import pyarrow

        return pyarrow.table(self)

    @overload
    def to_csv(
        self,
        path: str | os.PathLike[str],
        *,
        separator: str | None = None,
        encoding: str | None = None,
        decimal: str = ".",
    ) -> str: ...
    @overload
    def to_csv(
        self, path: TextIO, *, separator: str | None = None, encoding: None = None, decimal: str = "."
    ) -> None: ...
    @_tells_arguments
    def to_csv(
        self,
        path: str | os.PathLike[str] | TextIO,
        *,
        separator: str | None = None,
        encoding: str | None = None,
        decimal: str = ".",
    ) -> str | None:
        """Write the table as a CSV file, and return its path.

        No value is an empty cell, a yes or no is `true` or `false`, a list is JSON text, and text stands as it is:
        spreadsheets compute what begins with `=`, `+`, `-` or `@`, also where somebody else has written it; for them
        `to_excel` is safe. An existing file is replaced. `kalbio.reading.read_rows` reads the file with the same
        `separator` and `encoding`.

        Args:
            path: where to write, or a stream of text, such as `io.StringIO()` or a file that was opened with
                `newline=""`.
            separator: the character between cells: comma, semicolon, tab, or `|`. Without it a comma, and a tab in a
                file whose name ends in `.tsv` or `.tab`.
            encoding: that of a file: "utf-8", as without it; "utf-8-sig", which Excel recognises; or another one that
                has all letters of the table.
            decimal: the sign before the fraction of numbers, also behind a comparison, `<0,5`: "." or ",". To read them
                again, give the converter `kalbio.reading.decimal_comma`.

        Raises:
            ValueError: an argument is none of these, the name is that of another kind of file (`.xlsx`, `.csv.gz`), or
                a text has no form in the encoding; nothing was written.
        """
        from kalbio.tables._files import write_csv

        write_csv(path, self.columns, self._forms(), self._all_contents(), separator, encoding, decimal)
        return os.fspath(path) if isinstance(path, str | os.PathLike) else None

    @_tells_arguments
    def to_excel(self, path: str | os.PathLike[str]) -> str:
        """Write the table as an Excel file with one sheet, and return its path. Needs the extra `excel`.

        Numbers, days and yes or no are such cells; everything else is text that stands as it is and is never computed:
        instants, lists (as JSON text), decimal numbers, whole numbers of more digits than Excel keeps, other numbers
        from 2**53 on, days before March 1900. An existing file is replaced.

        Raises:
            ValueError: the name is that of another kind of file (`.csv`, `.xls`), a text has no form in a cell of
                Excel, or there are too many rows; nothing was written.
        """
        from kalbio.tables._files import checked_path, write_excel

        write_excel(checked_path(path, "to_excel"), self.columns, self._forms(), self._all_contents())
        return os.fspath(path)

    def _forms(self) -> list[Form]:
        return [IDS, *(column.form for column in self._columns)]

    def _all_contents(self) -> list[Sequence[Any]]:
        return [self.record_ids, *self.contents]

    @_tells_arguments
    def to_parquet(self, path: str | os.PathLike[str]) -> str:
        """Write the table as a Parquet file, and return its path.

        Needs the extra `tables` and pyarrow or polars, whichever is there. An existing file is replaced.

        Raises:
            ValueError: the name is that of another kind of file (`.csv`); nothing was written.
        """
        from kalbio.tables._files import checked_path

        checked_path(path, "to_parquet")
        if find_spec("pyarrow") is not None:
            import pyarrow.parquet

            pyarrow.parquet.write_table(self.to_arrow(), os.fspath(path))
        elif find_spec("polars") is not None:
            self.to_polars().write_parquet(os.fspath(path))
        else:
            require_module("pyarrow", "to_parquet() needs pyarrow or polars")
        return os.fspath(path)

    def __repr__(self) -> str:
        return f"<Table of {_counted(len(self))}: {', '.join(self.columns)}>"

    def _repr_html_(self) -> str:
        names, ids = self.columns, [f"{name[:8]}…" for name in self.record_ids[:SHOWN]]
        columns = [
            [self._file_shown(value) for value in values[:SHOWN]] if column.is_file else values[:SHOWN]
            for column, values in zip(self._columns, self.contents, strict=True)
        ]
        # The ids last: they are for programs.
        rows = [*zip(*columns, ids, strict=True)]
        more = f", the first {SHOWN}" if len(self) > SHOWN else ""
        odd = f", {len(self.misfits)} contents do not fit: see .misfits" if self.misfits else ""
        hint = "table[20:40] has further rows, to_pandas() and to_rows() have all." if more else ""
        heads = [*names[1:], names[0]]
        return html_table(f"{_counted(len(self))}{more}{odd}", rows, len(rows), heads=heads, hint=hint)

    def _file_shown(self, file_id: Any) -> str | None:
        if not isinstance(file_id, str):
            return None
        name = self.file_names.get(file_id)
        return name if name is not None or not is_uuid(file_id) else f"file {file_id[:8]}…"


def _counted(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def make_column(column: Column, record_ids: Sequence[str], contents: Sequence[Any]) -> tuple[list[Any], list[Misfit]]:
    """Return the values of a column, and the contents that do not fit it.

    Half a pair of UTF-16, which neither files nor Arrow can hold, is shown as an escape, and does not fit.
    """
    form = column.form
    values, misfits = read_column(form, contents)
    if form.arrow == "int64":
        for row, value in enumerate(values):
            if value is not None and not -(2**63) <= value < 2**63:
                values[row] = None
                misfits.append(row)
    if column.is_file:
        values = [None if value is None else str(value["file_id"]) for value in values]
    elif form.is_json:
        numbers = form is QUALIFIED  # there `10` and `"10"` say the same
        values = [
            as_it_stands(value) if numbers and qualified_number(value) is not None else _plain(value)
            for value in values
        ]
    if column.shows_misfits:
        for row in misfits:
            values[row] = as_it_stands(contents[row])
    if form.arrow in ("string", "list<string>") and form.python != "Decimal":
        for row, value in enumerate(values):
            if value and value != (shown := _printable(value)):
                values[row] = shown
                misfits.append(row)
    return values, [Misfit(record_ids[row], column.name, contents[row]) for row in sorted(set(misfits))]


def names_of_files(columns: Sequence[Column], contents: Sequence[Sequence[Any]]) -> dict[str, str]:
    """Return the names of files by their ids, as far as the contents of columns of files have them."""
    held = (content for column, rows in zip(columns, contents, strict=True) if column.is_file for content in rows)
    found = ((content.get("file_id"), content.get("file_name")) for content in held if isinstance(content, Mapping))
    return {known: name for known, name in found if isinstance(known, str) and isinstance(name, str) and name}


def warn_of_misfits(table: Table, told: Collection[str] = ()) -> set[str]:
    """Warn of contents that do not fit a type that the caller asked for, and return the names of their columns.

    They have no value in the table, though the field has one. Columns that are in `told` are left out.
    """
    odd: dict[str, list[Misfit]] = {}
    # Only `types` makes columns of these: what does not fit the field itself was there before somebody asked.
    asked = {column.name: column.form for column in table.fields if column.form in (WHOLE, EXACT, PLAIN_NUMBER)}
    for misfit in table.misfits:
        if misfit.column in asked and misfit.column not in told:
            odd.setdefault(misfit.column, []).append(misfit)
    for name, misfits in odd.items():
        count = "1 content does" if len(misfits) == 1 else f"{len(misfits):,} contents do"
        first = misfits[0]
        warnings.warn(
            f"{count} not fit the column {safe_repr(name)}, which you read as {asked[name].python}, and the table has "
            f"no value there; the first: {safe_repr(first.content)} of the record {first.record_id}. Without types the "
            "column is read as its field says, with str it has the text as it stands; table.misfits has all of them",
            ContentTypeWarning,
            stacklevel=level_of_the_caller(),
        )
    return set(odd)


def _printable(value: Any) -> Any:
    return list(map(printable, value)) if isinstance(value, list) else printable(value)


def _plain(value: Any) -> str | None:
    """Return JSON as text: text as it is, unless it would read as other JSON."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            json.loads(value)
        except (ValueError, RecursionError):
            return value
        return json.dumps(value, ensure_ascii=False)
    return as_it_stands(value)


def _as_arrow(column: Column, values: Sequence[Any]) -> Sequence[Any]:
    if column.form.python != "Decimal":
        return values
    return [None if value is None else str(value) for value in values]
