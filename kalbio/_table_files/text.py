"""Reads text files: separated values, and JSON lines. Every cell of separated values is text."""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.concurrency.forks import fork_lock
from kalbio._core.text.display import safe_repr

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as the one of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = (
    (re.compile(rb"PK\x03\x04"), "a packed file, perhaps of Excel; call it .xlsx"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "a file of an old Excel; save it as .xlsx"),
    (re.compile(rb"PAR1.*PAR1\Z", re.DOTALL), "a Parquet file; call it .parquet"),
    (re.compile(rb"\x1f\x8b"), "a packed file; unpack it"),
    (re.compile(rb"\s*<(!doctype|html|table|\?xml)", re.IGNORECASE), "HTML or XML; save it as .csv"),
)
_SURE_DIGITS = 16
"""With the point: so many digits a float keeps."""
_MANY_NULLS = 4
"""One character in so many is a null where text in UTF-16 was read as UTF-8."""
_ONE_BYTE = frozenset({"cp1252", "iso8859-1", "iso8859-15", "mac-roman", "cp437", "cp850"})
# What Excel writes and reads in the first line of a file: it names the separator and is no row.
_NAMED = re.compile(r"""\s*"?sep=([^"\r\n])"?[ ]*(?=[\r\n])""", re.IGNORECASE)
_FIRST_LINE = re.compile(r"""[\r\n]*(?:[^"\r\n]|"[^"]*")*""")
_SEPARATORS = {",": "','", ";": "';'", "\t": r"'\t'", "|": "'|'"}
_LINE_END = re.compile(r"\r\n|\r|\n")


def decoded(path: Path, encoding: str | None) -> str:
    """Return the text of a file. Raises ValueError where its encoding is not given and cannot be told."""
    data = path.read_bytes()
    other = next((told for begin, told in _OTHERS if begin.match(data)), None)
    if other is not None:
        raise ArgumentError(f"{path.name!r} is no table as text: it is {other}")
    mark = next((name for begin, name in _MARKS if data.startswith(begin)), None)
    chosen = encoding or mark or "utf-8"
    try:
        text = data.decode(chosen)
    except LookupError:
        usual = "usual ones are 'utf-8', 'cp1252' and 'utf-16'"
        raise ArgumentError(f"There is no encoding {safe_repr(encoding)}; {usual}") from None
    except UnicodeDecodeError as error:
        line, found = data.count(b"\n", 0, error.start) + 1, data[error.start : error.start + 1]
        cure = "" if encoding else "; give its encoding: files of Western Windows programs are encoding='cp1252'"
        raise ArgumentError(f"{path.name!r} is not {chosen}: line {line} has the byte {found!r}{cure}") from None
    if "\0" in text and not encoding:
        if text.count("\0") * _MANY_NULLS > len(text):
            raise ArgumentError(f"{path.name!r} is no text in UTF-8; give its encoding, perhaps encoding='utf-16-le'")
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ArgumentError(f"{path.name!r}: line {line} has a null character, which no text has; write the file anew")
    if encoding and codecs.lookup(encoding).name in _ONE_BYTE and not data.isascii() and _is_utf8(data):
        raise ArgumentError(f"{path.name!r} is UTF-8, not {encoding}; leave encoding out")
    return text.removeprefix("\ufeff")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def from_delimited(
    path: Path, separator: str | None, encoding: str | None, skip_rows: int = 0
) -> tuple[list[Any], Iterator[Any], str]:
    """Return the header and the numbered rows of separated values, every cell as its text, and what separates them.

    So many lines at the beginning are not looked at; the first one behind them that is not blank has the names.
    """
    text = decoded(path, encoding)
    if separator is not None and (not isinstance(separator, str) or len(separator) != 1 or separator in '\r\n"'):
        raise ArgumentError(f"separator must be one letter, as ';' or a tab; got {safe_repr(separator)}")
    named = _NAMED.match(text)
    if named is not None:
        separator = separator or named[1]
        text = text[named.end() :]  # from the end of that line on, so that lines keep their numbers
    if skip_rows:
        text = _without_first(path, text, skip_rows)
    separator, lines = (separator, _parsed(path, text, separator)) if separator else _parsed_as_told(path, text)
    if not lines:
        below = f" below line {skip_rows}" if skip_rows else ""
        raise ArgumentError(f"{path.name!r} is empty{below}: the first line has the names of the columns")
    (_, header), *rest = lines
    for number, cells in rest:
        if len(cells) != len(header):
            count = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
            one_more = len(cells) == len(header) + 1 and not cells[-1]
            too_many = ", or the line ends with a separator too many" if one_more else ""
            raise ArgumentError(
                f"{path.name!r}, line {number}: {count}, where the header has {len(header)}; a cell with a"
                f" separator or a line break in it stands in double quotes{too_many}{_cure_of_lines_above(text)}"
            )
    return [*header], iter(rest), separator


def _without_first(path: Path, text: str, count: int) -> str:
    """Return a text with so many lines emptied, so that the others keep their numbers."""
    found = islice(_LINE_END.finditer(text), min(count, len(text) + 1))
    ends = [one.end() for one in found]
    if len(ends) < count:
        lines = len(ends) + (not ends or ends[-1] < len(text))
        some = "1 line" if lines == 1 else f"{lines} lines"
        raise ArgumentError(f"{path.name!r} has {some}; skip_rows={safe_repr(count)} leaves none of them")
    return "\n" * count + text[ends[-1] :]


def _cure_of_lines_above(text: str) -> str:
    """Return how many lines stand above a table, as a cure: the lines of the table have as many separators as its last.

    Empty where that cannot be told.
    """
    lines = _LINE_END.split(text.rstrip("\r\n"))
    found: dict[int, None] = {}
    for separator in _SEPARATORS:
        width, first = lines[-1].count(separator), len(lines)
        while width and first and lines[first - 1].count(separator) == width:
            first -= 1
        if width and 0 < first < len(lines) - 1 and any(lines[:first]):
            found[first] = None
    if len(found) != 1:
        return ""
    (first,) = found
    return f"; where the names of the columns stand in line {first + 1}, give skip_rows={first}"


def _parsed(path: Path, text: str, separator: str) -> list[tuple[int, Sequence[str]]]:
    """Return the lines that are not blank, and not of separators alone, with their numbers."""
    try:
        return _lines(path, text, separator)
    except _LongCellError:
        pass
    # The library takes long cells, such as sequences, only when it is told so for the whole process. Nobody else does
    # this here at the same time, and no child is forked meanwhile, which would wait for ever.
    with fork_lock():
        usual = csv.field_size_limit()
        csv.field_size_limit(max(usual, len(text)))
        try:
            return _lines(path, text, separator)
        finally:
            csv.field_size_limit(usual)


class _LongCellError(Exception):
    """A cell is longer than the library takes."""


def _lines(path: Path, text: str, separator: str) -> list[tuple[int, Sequence[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[tuple[int, Sequence[str]]] = []
    begin = 1
    try:
        for cells in reader:
            if any(cells):
                rows.append((begin, cells))
            begin = reader.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):
            raise _LongCellError from None
        told = "a double quote opens a cell there and none closes it" if "end of data" in str(error) else str(error)
        cure = "a double quote within a quoted cell is written twice"
        raise ArgumentError(f"{path.name!r}, line {begin}: {told}; {cure}") from None
    return rows


def _parsed_as_told(path: Path, text: str) -> tuple[str, list[tuple[int, Sequence[str]]]]:
    """Return a separator and the lines, separated by what gives all of them the same number of cells, more than one."""
    head = _FIRST_LINE.match(text)[0].strip("\r\n")  # type: ignore[index]  # it matches nothing, if need be
    there = [separator for separator in _SEPARATORS if separator in head]
    if len(there) <= 1:
        only = there[0] if there else ","
        lines = _parsed(path, text, only)
        # A line before the names of the columns would make one column of the whole table.
        rest = [",".join(cells) for _, cells in lines[1:]]
        if not there and rest and any(all(separator in line for line in rest) for separator in _SEPARATORS):
            free = next((shown for separator, shown in _SEPARATORS.items() if separator not in text), "...")
            skip = f"skip_rows={lines[1][0] - 1}, which leaves out what stands above the names of the columns"
            raise ArgumentError(
                f"{path.name!r}: the first line, {safe_repr(head.strip())}, has one name, and all other lines look like"
                f" several cells; give {skip}, or separator={free} if the table has one column"
            )
        return only, lines
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
        return next(iter(fitting.items()))
    options = " or ".join(_SEPARATORS[separator] for separator in fitting or there)
    raise ArgumentError(
        f"{path.name!r}: what separates the cells cannot be told; give separator={options}{_cure_of_lines_above(text)}"
    )


def from_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of JSON lines. Raises ValueError naming the line that is none."""
    for number, line in enumerate(decoded(path, None).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_object, parse_float=_number)
        except (ValueError, RecursionError) as error:
            raise ArgumentError(f"{path.name!r}, line {number}: {error}") from None
        if not isinstance(row, dict):
            cure = "; give read_rows(json.load(file))" if isinstance(row, list) else ""
            raise ArgumentError(f"{path.name!r}, line {number} is no object of column to value: {safe_repr(row)}{cure}")
        yield row


def _number(text: str) -> float | Decimal:
    """Return a number with all the digits that it is written with."""
    number = float(text)
    if len(text) <= _SURE_DIGITS or math.isinf(number):
        return number
    exact = Decimal(text)
    return number if exact == Decimal(repr(number)) else exact


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ArgumentError(f"the member {safe_repr(twice)} stands there twice")
    return found
