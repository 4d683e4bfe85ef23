"""Reads frames of pandas and polars, Arrow streams and Parquet files: columns to rows of cells."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.json.array_scalars import short_float
from kalbio._core.text.display import safe_repr
from kalbio._model.plain_cells import PARTS_OF_MICROSECONDS, SHORT_FLOATS
from kalbio._table_files.doubtful import Doubtful

_DAY = 86_400
# Without the first and the last day, which may be in another year in another zone.
_FIRST, _LAST = -62_135_596_800 + _DAY, 253_402_300_800 - _DAY
_INDEX = re.compile(r"__index_level_\d+__")
_UNITS = {"ms": 10**3, "us": 10**6}


def from_frame(source: Any) -> tuple[list[Any], Iterable[tuple[int, Sequence[Any]]]] | None:
    """Return the columns and numbered rows of a frame, an Arrow stream or a Parquet file; None for anything else."""
    if isinstance(source, Path):
        names, columns = _parquet(source)
    elif _is_of("pandas", "DataFrame", source):
        names, columns = _pandas(source)
    elif _is_of("polars", "LazyFrame", source):
        raise ArgumentError("A LazyFrame has no rows yet; give frame.collect()")
    elif _is_of("polars", "DataFrame", source):
        names, columns = _polars(source)
    elif _is_of("pandas", "Series", source) or _is_of("polars", "Series", source):
        raise ArgumentError("A Series is one column of a table; give series.to_frame()")
    elif hasattr(source, "__arrow_c_stream__"):
        names, columns = _arrow(source)
    else:
        return None
    kept = [position for position, name in enumerate(names) if not _is_unnamed_index(name, columns[position])]
    return [names[position] for position in kept], enumerate(
        zip(*(columns[position] for position in kept), strict=True)
    )


def from_columns(source: Mapping[Any, Any]) -> dict[Any, list[Any]]:
    """Return the cells of columns, lists or columns of a library. Raises ValueError where rows cannot be told."""
    index: Any = None
    found: dict[Any, list[Any]] = {}
    for name, cells in source.items():
        if isinstance(cells, Set):
            raise ArgumentError(f"The column {safe_repr(name)} is a set, which has no order; give a list")
        if _is_of("pandas", "Series", cells):
            if index is not None and not index.equals(cells.index):
                raise ArgumentError(
                    f"The column {safe_repr(name)} is a Series with another index than one before it, so that its rows"
                    " are others; give pandas.DataFrame(...) of them, which aligns them, or lists"
                )
            index, found[name] = cells.index, _pandas_column(cells)
        elif _is_of("polars", "Series", cells):
            found[name] = _polars_column(cells)
        elif _is_of("pyarrow", "Array", cells) or _is_of("pyarrow", "ChunkedArray", cells):
            found[name] = _arrow_column(cells)
        else:
            found[name] = list(cells)
    return found


def _is_unnamed_index(name: Any, cells: Sequence[Any]) -> bool:
    """Whether a column is the index of a frame that pandas has written without a name, and has numbers of rows.

    Raises ValueError where it holds anything else.
    """
    if not isinstance(name, str) or not _INDEX.fullmatch(name):
        return False
    odd = next((cell for cell in cells if type(cell) is not int), None)
    if odd is not None:
        raise ArgumentError(
            f"The column {safe_repr(name)} is the index of a frame without a name, and holds what is no number of a"
            f" row, such as {safe_repr(odd)}; name it, with frame.rename_axis('Compound'), or write the frame with"
            " index=False"
        )
    return True


def _is_of(library: str, name: str, value: Any) -> bool:
    # A frame of a library that nobody has imported cannot be there.
    module = sys.modules.get(library)
    return module is not None and isinstance(value, getattr(module, name))


def _pandas(frame: Any) -> tuple[list[Any], list[list[Any]]]:
    if frame.columns.nlevels > 1:
        raise ArgumentError("The frame has several levels of column names; flatten them first")
    names = list(frame.index.names)
    if any(name is not None for name in names):  # then the index means something
        if None in names:
            raise ArgumentError(
                f"The index of the frame has levels without a name, beside {safe_repr(next(filter(None, names)))}; name"
                " them, with frame.rename_axis([...]), or drop them, with frame.reset_index(level=..., drop=True)"
            )
        twice = next((name for name in names if name in frame.columns), None)
        if twice is not None:
            raise ArgumentError(f"The index and a column are both called {safe_repr(twice)}; rename one of them")
        frame = frame.reset_index()
    elif len(frame) and frame.index.dtype.kind not in "iu":
        raise ArgumentError(
            f"The index of the frame has no name, and holds what is no number of a row, such as"
            f" {safe_repr(frame.index[0])}; give frame.rename_axis('Compound') where it is a column, else"
            " frame.reset_index(drop=True)"
        )
    return list(frame.columns), [_pandas_column(frame.iloc[:, position]) for position in range(frame.shape[1])]


def _pandas_column(column: Any) -> list[Any]:
    cells: list[Any] = column.astype(object).tolist()
    size = SHORT_FLOATS.get(str(column.dtype).removesuffix("[pyarrow]"))
    return cells if size is None else [short_float(cell, size) if type(cell) is float else cell for cell in cells]


def _polars(frame: Any) -> tuple[list[Any], list[list[Any]]]:
    return list(frame.columns), [_polars_column(series) for series in frame.get_columns()]


def _polars_column(series: Any) -> list[Any]:
    """Return the cells of a column. Times that Python cannot hold end the process of polars, or lose digits."""
    kind = str(series.dtype)
    if kind in SHORT_FLOATS:
        return [short_float(cell, SHORT_FLOATS[kind]) for cell in series.to_list()]
    if not kind.startswith(("Date", "Time")):
        cells: list[Any] = series.to_list()
        return cells
    numbers = series.to_physical()
    unit = "day" if kind == "Date" else getattr(series.dtype, "time_unit", "ns")
    if unit == "ns":  # all that can be counted so is within the calendar
        good, reason = numbers % 1000 == 0, PARTS_OF_MICROSECONDS
    else:
        first, last = (
            (_FIRST // _DAY, _LAST // _DAY) if unit == "day" else (_FIRST * _UNITS[unit], _LAST * _UNITS[unit])
        )
        good, reason = numbers.is_between(first, last), "is a time beyond the years 1 to 9999"
    good = good | series.is_null()
    rest = iter(series.filter(good).to_list())
    return [next(rest) if kept else Doubtful(held, reason) for kept, held in zip(good, numbers, strict=True)]


def _arrow(source: Any) -> tuple[list[Any], list[list[Any]]]:
    if find_spec("pyarrow") is not None:
        table = _one_table(import_module("pyarrow").table, source)
        return list(table.column_names), [_arrow_column(column) for column in table.columns]
    if find_spec("polars") is not None:
        return _polars(_one_table(import_module("polars").DataFrame, source))
    raise _missing(f"an Arrow stream, here of {safe_repr(type(source).__name__)},")


def _one_table(make: Any, source: Any) -> Any:
    try:
        return make(source)
    except Exception as error:  # libraries raise errors of their own
        raise ArgumentError(
            f"The Arrow stream, here of {safe_repr(type(source).__name__)}, is no table: {error}"
        ) from error


def _arrow_column(column: Any) -> list[Any]:
    """Return the cells of a column. One that Python cannot hold is doubtful, and no other is lost with it."""
    if str(column.type) != "time64[ns]":  # of these digits would be lost
        with contextlib.suppress(Exception):  # a time out of range, bytes that are no text: errors of many kinds
            cells: list[Any] = column.to_pylist()
            size = SHORT_FLOATS.get(str(column.type))
            return cells if size is None else [short_float(cell, size) for cell in cells]
    return [_arrow_cell(scalar) for scalar in column]


def _arrow_cell(scalar: Any) -> Any:
    if str(scalar.type) == "time64[ns]" and scalar.is_valid and scalar.value % 1000:
        return Doubtful(scalar.value, PARTS_OF_MICROSECONDS)
    try:
        return scalar.as_py()
    except Exception as error:
        held = getattr(scalar, "value", None)
        if held is None and hasattr(scalar, "as_buffer"):
            held = scalar.as_buffer().to_pybytes()
        return Doubtful(held, f"cannot be read as {scalar.type}: {error}")


def _parquet(path: Path) -> tuple[list[Any], list[list[Any]]]:
    if find_spec("pyarrow") is not None:
        # As one file, whatever its folders are called, and with names that stand there twice.
        return _arrow(_one_file(path, lambda file: import_module("pyarrow.parquet").ParquetFile(file).read()))
    if find_spec("polars") is not None:
        return _polars(_one_file(path, lambda file: import_module("polars").read_parquet(file)))
    raise _missing(path.name)


def _one_file(path: Path, read: Any) -> Any:
    with path.open("rb") as file:
        try:
            return read(file)
        except Exception as error:
            raise ArgumentError(f"{path.name!r} is no Parquet file that can be read: {error}") from error


def _missing(what: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"To read {what} takes pyarrow or polars: pip install pyarrow", name="pyarrow")
