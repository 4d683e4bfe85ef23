"""What commands print: text for people, JSON or CSV for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from kalbio._core.text.display import one_line

if TYPE_CHECKING:
    from kalbio._core.objects.resource import Resource
    from kalbio.tables import Table

_WIDEST = 60


class Output:
    """Prints lists and objects in the form that was asked for.

    Attributes:
        form: "text", "json" or "csv".
    """

    def __init__(self, form: Literal["text", "json", "csv"] = "text") -> None:
        self.form = form

    def rows(self, items: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
        """Print a list: JSON has each item whole, text and CSV have these columns of it, by default those of the first.

        JSON and CSV are written item by item.
        """
        if self.form == "json":
            self._json_list(items)
            return
        if columns is None:
            items = list(items)
            columns = list(items[0]) if items else []
        cells = ([item.get(name) for name in columns] for item in items)
        if self.form == "csv":
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([plain(cell) for cell in row] for row in cells)
        else:
            _print_table(columns, [[shown(cell) for cell in row] for row in cells])

    def object(self, item: Mapping[str, Any], columns: Sequence[str] | None = None) -> None:
        """Print one object: JSON has it whole, text and CSV have these members of it, by default all."""
        names = list(item) if columns is None else columns
        if self.form == "json":
            sys.stdout.write(f"{as_json(item, indent=2)}\n")
        elif self.form == "csv":
            self.rows([item], names)
        else:
            width = max(map(len, names), default=0)
            for name in names:
                sys.stdout.write(f"{one_line(name):<{width}}  {shown(item.get(name))}".rstrip() + "\n")

    def text(self, text: str, whole: Any) -> None:
        """Print a text of several lines, or what it tells of as JSON."""
        sys.stdout.write(f"{as_json(whole, indent=2) if self.form == 'json' else text}\n")

    def _json_list(self, items: Iterable[Mapping[str, Any]]) -> None:
        before = "[\n"
        for item in items:
            sys.stdout.write(f"{before}{as_json(item)}")
            before = ",\n"
        sys.stdout.write("[]\n" if before == "[\n" else "\n]\n")


def print_objects(out: Output, items: Iterable[Resource], columns: Sequence[str], **computed: Any) -> None:
    """Print objects: JSON as the server sent them, text and CSV with these members, and with what is computed."""
    if out.form == "json":
        out.rows(item.to_dict() for item in items)
        return

    def cells(item: Resource) -> dict[str, Any]:
        return {name: computed[name](item) if name in computed else getattr(item, name, None) for name in columns}

    out.rows(map(cells, items), columns)


def print_table(out: Output, table: Table, names: Mapping[str, Mapping[str, str]] | None = None) -> None:
    """Print a table; people see the ids of records last, and names in place of other ids: of files, and by column.

    What does not fit the types of the fields is counted.
    """
    columns = table.columns
    rows: Iterable[Mapping[str, Any]] = table
    if out.form == "text":
        heads = {name: name.removesuffix("_id") for name in names or {}}
        shown_as = {**{column.name: table.file_names for column in table.fields if column.is_file}, **(names or {})}
        rows = (
            {**row, **{heads.get(name, name): known.get(str(row[name]), row[name]) for name, known in shown_as.items()}}
            for row in table
        )
        columns = [heads.get(name, name) for name in columns]
    out.rows(rows, columns if out.form == "csv" else [*columns[1:], columns[0]])
    if table.misfits:
        sys.stderr.write(f"kalbio: {len(table.misfits)} contents do not fit the type of their field\n")


def as_json(value: Any, indent: int | None = None) -> str:
    """Return JSON text. Times are ISO 8601, and what is exact decimally is text, as the platform has it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=_other)


def _other(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return str(value)


def plain(value: Any) -> Any:
    """Return a cell of a CSV file: no value is empty, a yes or no `true` or `false`, a list JSON text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return as_json(value) if isinstance(value, list | tuple | Mapping) else value


def shown(value: Any) -> str:
    """Return what people see of a cell: on one line, and without what moves a cursor."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple) and not any(isinstance(item, list | tuple | Mapping) for item in value):
        return one_line(", ".join(map(str, value)))
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return one_line(as_json(value) if isinstance(value, list | tuple | Mapping) else str(value))


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not columns:
        return
    if sys.stdout.isatty():
        if find_spec("rich") is not None:
            _print_rich(columns, rows)
            return
        rows = [[cell if len(cell) <= _WIDEST else f"{cell[: _WIDEST - 1]}…" for cell in row] for row in rows]
    heads = [one_line(name) for name in columns]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(f"{line.rstrip()}\n")


def _print_rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    # Loaded late: nothing but a table on a terminal is worth its loading.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(Text(one_line(name)), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))  # as text: nothing in it is read as a mark of rich
    Console(file=sys.stdout).print(table)
