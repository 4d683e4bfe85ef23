"""Reads text files: separated values, and JSON lines. Every cell of separated values is text."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kalbio._core.text.display import safe_repr

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# What Excel writes and reads in the first line of a file: it names the separator and is no row.
_NAMED = re.compile(r"""\s*"?sep=([^"\r\n])"?[ ]*(?=[\r\n])""", re.IGNORECASE)
_SEPARATORS = {",": "','", ";": "';'", "\t": r"'\t'", "|": "'|'"}


def decoded(path: Path, encoding: str | None) -> str:
    """Return the text of a file. Raises ValueError where its encoding is not given and cannot be told."""
    data = path.read_bytes()
    mark = next((name for begin, name in _MARKS if data.startswith(begin)), None)
    try:
        text = data.decode(encoding or mark or "utf-8")
    except LookupError:
        usual = "usual ones are 'utf-8', 'cp1252' and 'utf-16'"
        raise ValueError(f"There is no encoding {safe_repr(encoding)}; {usual}") from None
    except UnicodeDecodeError as error:
        line, found = data.count(b"\n", 0, error.start) + 1, data[error.start : error.start + 1]
        cure = "" if encoding else "; give its encoding: files of Western Windows programs are encoding='cp1252'"
        raise ValueError(f"{path.name!r} is not {error.encoding}: line {line} has the byte {found!r}{cure}") from None
    if "\0" in text and not encoding:
        raise ValueError(f"{path.name!r} is no text in UTF-8; give its encoding, perhaps encoding='utf-16-le'")
    return text.removeprefix("\ufeff")


def from_delimited(path: Path, separator: str | None, encoding: str | None) -> tuple[list[Any], Iterator[Any]]:
    """Return the header and the numbered rows of separated values, every cell as its text."""
    text = decoded(path, encoding)
    if separator is not None and (not isinstance(separator, str) or len(separator) != 1 or separator in '\r\n"'):
        raise ValueError(f"separator must be one letter, as ';' or a tab; got {safe_repr(separator)}")
    named = _NAMED.match(text)
    if named is not None:
        separator = separator or named[1]
        text = text[named.end() :]  # from the end of that line on, so that lines keep their numbers
    lines = _parsed(path, text, separator) if separator else _parsed_as_told(path, text)
    if not lines:
        raise ValueError(f"{path.name!r} is empty: the first line has the names of the columns")
    (_, header), *rest = lines
    for number, cells in rest:
        if len(cells) != len(header):
            raise ValueError(
                f"{path.name!r}, line {number}: {len(cells)} cells, where the header has {len(header)}; a cell with a"
                " separator or a line break in it stands in double quotes"
            )
    return [*header], iter(rest)


def _parsed(path: Path, text: str, separator: str) -> list[tuple[int, Sequence[str]]]:
    """Return the lines that are not blank with their numbers."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[tuple[int, Sequence[str]]] = []
    begin = 1
    try:
        for cells in reader:
            if cells:
                rows.append((begin, cells))
            begin = reader.line_num + 1
    except csv.Error as error:
        told = "a double quote opens a cell there and none closes it" if "end of data" in str(error) else str(error)
        cure = "a double quote within a quoted cell is written twice"
        raise ValueError(f"{path.name!r}, line {begin}: {told}; {cure}") from None
    return rows


def _parsed_as_told(path: Path, text: str) -> list[tuple[int, Sequence[str]]]:
    """Return the lines, separated by what gives all of them the same number of cells, more than one."""
    head = text.lstrip("\r\n").split("\n", 1)[0]
    there = [separator for separator in _SEPARATORS if separator in head]
    if len(there) <= 1:
        lines = _parsed(path, text, there[0] if there else ",")
        # A line before the names of the columns would make one column of the whole table.
        rest = [",".join(cells) for _, cells in lines[1:]]
        if not there and rest and any(all(separator in line for line in rest) for separator in _SEPARATORS):
            free = next((shown for separator, shown in _SEPARATORS.items() if separator not in text), "...")
            raise ValueError(
                f"{path.name!r}: the first line, {safe_repr(head.strip())}, has one name, and all other lines look like"
                f" several cells; remove what stands before the names of the columns, or give separator={free} if the"
                " table has one column"
            )
        return lines
    fitting: dict[str, list[tuple[int, Sequence[str]]]] = {}
    for separator in there:
        try:
            lines = _parsed(path, text, separator)
        except ValueError:
            continue
        widths = {len(cells) for _, cells in lines}
        if len(widths) == 1 and widths != {1}:
            fitting[separator] = lines
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    options = " or ".join(_SEPARATORS[separator] for separator in fitting or there)
    raise ValueError(f"{path.name!r}: what separates the cells cannot be told; give separator={options}")


def from_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of JSON lines. Raises ValueError naming the line that is none."""
    for number, line in enumerate(decoded(path, None).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path.name!r}, line {number}: {error}") from None
        if not isinstance(row, dict):
            raise ValueError(f"{path.name!r}, line {number} is no object of column to value: {safe_repr(row)}")
        yield row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {safe_repr(twice)} stands there twice")
    return found
