"""Reads frames of pandas and polars, Arrow streams and Parquet files: columns to rows of cells."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kalbio._core.text.display import safe_repr


def from_frame(source: Any) -> tuple[list[Any], Iterable[tuple[int, Sequence[Any]]]] | None:
    """Return the columns and numbered rows of a frame, an Arrow stream or a Parquet file; None for anything else."""
    if isinstance(source, Path):
        names, columns = _parquet(source)
    elif _is_of("pandas", "DataFrame", source):
        names, columns = _pandas(source)
    elif _is_of("polars", "LazyFrame", source):
        raise ValueError("A LazyFrame has no rows yet; give frame.collect()")
    elif _is_of("polars", "DataFrame", source):
        names, columns = source.columns, [series.to_list() for series in source.get_columns()]
    elif hasattr(source, "__arrow_c_stream__"):
        names, columns = _arrow(source)
    else:
        return None
    return list(names), enumerate(zip(*columns, strict=True))


def _is_of(library: str, name: str, value: Any) -> bool:
    # A frame of a library that nobody has imported cannot be there.
    module = sys.modules.get(library)
    return module is not None and isinstance(value, getattr(module, name))


def _pandas(frame: Any) -> tuple[list[Any], list[list[Any]]]:
    if frame.columns.nlevels > 1:
        raise ValueError("The frame has several levels of column names; flatten them first")
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()  # the index has names because it means something
    columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
    return list(frame.columns), [column.astype(object).tolist() for column in columns]


def _arrow(source: Any) -> tuple[list[Any], list[list[Any]]]:
    if find_spec("pyarrow") is not None:
        table = import_module("pyarrow").table(source)
        return list(table.column_names), [column.to_pylist() for column in table.columns]
    if find_spec("polars") is not None:
        frame = import_module("polars").DataFrame(source)
        return list(frame.columns), [series.to_list() for series in frame.get_columns()]
    raise _missing(f"an Arrow stream, here of {safe_repr(type(source).__name__)},")


def _parquet(path: Path) -> tuple[list[Any], list[list[Any]]]:
    if find_spec("pyarrow") is not None:
        return _arrow(import_module("pyarrow.parquet").read_table(path))
    if find_spec("polars") is not None:
        return _arrow(import_module("polars").read_parquet(path))
    raise _missing(path.name)


def _missing(what: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"To read {what} takes pyarrow or polars: pip install pyarrow", name="pyarrow")
