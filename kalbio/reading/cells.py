"""Cells of tables that are read: those that are refused, and converters for what is written in many ways."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr
from kalbio._model.cell_refusals import THOUSANDS_CURE, one_micro, parted, unit_of_field, with_usual_minus
from kalbio._model.errors import KalbioError
from kalbio._model.plain_cells import CellError
from kalbio._table_files.doubtful import Doubtful

Converter: TypeAlias = Callable[[Any], Any]
"""What a cell is to become."""

Converters: TypeAlias = Mapping[str, Converter | str | Sequence[Converter | str]]
"""Column to a function, a name such as "decimal-comma", or several of them, one after the other."""

_SHOWN = 5
_COMMA = re.compile(
    r"([+-]?)([0-9]+|[1-9][0-9]{0,2}(?:([.'\u2019\s])[0-9]{3})(?:\3[0-9]{3})*),([0-9]+)((?:[eE][+-]?[0-9]+)?)\s*"
)
_SPACED = re.compile(r"([+-]?[1-9][0-9]{0,2}(?:(['\u2019\s])[0-9]{3})(?:\2[0-9]{3})*)\s*")
_POINTS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+\s*")
_BY_POINTS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?![.0-9])")
_GROUPED = re.compile(r"([+-]?[0-9]{1,3}(?:([,'\u2019\s])[0-9]{3})(?:\2[0-9]{3})*)((?:\.[0-9]+)?)\s*")


@attrs.frozen
class RefusedCell:
    """A cell that has no form a field could take.

    Attributes:
        row: where its row stands: the line of a text file, the row of a sheet, the position in a list from 0 on.
        column: its column.
        value: what stands there.
        reason: what is wrong, and the cure.
    """

    row: int
    column: str
    value: Any
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, column {safe_repr(self.column)}: {safe_repr(self.value)} {self.reason}"


class RefusedCellsError(KalbioError, ValueError):
    """Cells of a table cannot be taken; `cells` has all of them, with row, column and reason."""

    def __init__(self, cells: Sequence[RefusedCell]) -> None:
        self.cells = list(cells)
        more = f"; and {len(cells) - _SHOWN} more" if len(cells) > _SHOWN else ""
        count = "1 cell is" if len(cells) == 1 else f"{len(cells)} cells are"
        super().__init__(f"{count} refused: {'; '.join(map(str, self.cells[:_SHOWN]))}{more}")


def decimal_comma(text: Any) -> Any:
    """Return a number that is written with a decimal comma, as text with a point: a converter for `read_rows`.

    A comparison may stand before it. Points, blanks and apostrophes between groups of three digits are left out. Where
    it cannot be told what a point is, as in `1.234`, the cell is refused. Anything else stays as it is: whether the
    field takes it is for the field to say.

    Raises:
        ValueError: a point may stand for thousands or for decimals.

    Example:
        >>> decimal_comma("1,5"), decimal_comma("1.234,5"), decimal_comma("< 0,5")
        ('1.5', '1234.5', '< 0.5')
    """
    if not isinstance(text, str):
        return text
    before, rest = parted(text)
    found = _COMMA.fullmatch(rest)
    if found is not None:
        whole = found[2].replace(found[3], "") if found[3] else found[2]
        return f"{before.lstrip()}{found[1]}{whole}.{found[4]}{found[5]}"
    if _POINTS.fullmatch(rest):
        if rest.count(".") > 1:
            return before.lstrip() + rest.replace(".", "").rstrip()
        raise CellError(
            f"has a point and no comma, so that it may be thousands or a fraction; for thousands {THOUSANDS_CURE}, else"
            " write it with a comma"
        )
    spaced = _SPACED.fullmatch(rest)
    return text if spaced is None else f"{before.lstrip()}{spaced[1].replace(spaced[2], '')}"


def grouped_digits(text: Any) -> Any:
    """Return a number whose digits stand in groups of three, without what is between them: a converter for `read_rows`.

    Between them may be a comma, a blank of any kind, or an apostrophe; a comparison may stand before them. `0,125` is
    refused, since no group begins with 0. Anything else stays as it is.

    Raises:
        ValueError: what looks like groups begins with 0.

    Example:
        >>> grouped_digits("1,234.5")
        '1234.5'
    """
    if not isinstance(text, str):
        return text
    before, rest = parted(text)
    found = _GROUPED.fullmatch(rest)
    if found is None:
        return text
    if found[1].lstrip("+-").startswith("0"):
        cure = "; give the converter kalbio.reading.decimal_comma" if found[2] == "," and not found[3] else ""
        raise CellError(f"has no digits in groups, because a group does not begin with 0{cure or '; correct it'}")
    return f"{before.lstrip()}{found[1].replace(found[2], '')}{found[3]}"


def unicode_minus(text: Any) -> Any:
    """Return text whose first sign is one of the longer minus signs with the usual one: a converter for `read_rows`.

    A comparison may stand before it, and the minus of an exponent counts too. Anything else stays as it is.

    Example:
        >>> unicode_minus("\N{MINUS SIGN}5")
        '-5'
    """
    return with_usual_minus(text) if isinstance(text, str) else text


def without_unit(unit: str) -> Callable[[Any], Any]:
    """Return a converter for `read_rows` that takes this unit away from the end of a cell, and no other.

    The two signs for micro, µ (U+00B5) and μ (U+03BC), count as one. In Excel the unit may also be in the format of a
    number.

    Example:
        >>> without_unit("nM")("1.2 nM")
        '1.2'
    """
    if not isinstance(unit, str) or not unit.strip():
        raise ArgumentError(f"unit must be text such as 'nM'; got {safe_repr(unit)}")
    return _WithoutUnit(unit)


@attrs.frozen
class _WithoutUnit:
    unit: str

    def __call__(self, text: Any) -> Any:
        stripped = text.rstrip() if isinstance(text, str) else ""
        if not one_micro(stripped).endswith(one_micro(self.unit)):
            return text
        return stripped[: -len(self.unit)].rstrip()

    def means(self, unit: str) -> bool:
        """Whether this is the unit."""
        return one_micro(self.unit.strip()) == one_micro(unit)


def decided(cell: Doubtful, name: str | None, converters: Sequence[Converter]) -> Any:
    """Return what a doubtful cell holds, where the name of its field or a converter says that it is meant.

    Raises CellError where they do not.
    """
    if cell.unit is not None:
        own = unit_of_field(name or "")
        if own is not None and one_micro(own) == one_micro(cell.unit):
            return cell.value
        if any(isinstance(convert, _WithoutUnit) and convert.means(cell.unit) for convert in converters):
            return cell.value
    if all(map(_is_for_text, converters)):
        raise CellError(cell.reason + _cure_of_unit(cell.unit, name))
    return cell.value


def _cure_of_unit(unit: str | None, name: str | None) -> str:
    if unit is None:
        return ""
    own = unit_of_field(name or "")
    if own is not None:
        return f"; the name of the field says {safe_repr(own)}"
    return f"; where {unit!r} is the unit of the field give the converter kalbio.reading.without_unit({unit!r})"


def _is_for_text(convert: Converter) -> bool:
    """Whether a converter is one of those here, which say nothing of a number: they are for text."""
    return isinstance(convert, _WithoutUnit) or getattr(convert, "__module__", None) == __name__


def converters_of(name: str, given: Any) -> tuple[Converter, ...]:
    """Return the functions that convert the cells of a column, in order. Raises ValueError where it is none."""
    several = isinstance(given, Sequence) and not isinstance(given, str | bytes)
    found: list[Converter] = []
    for one in given if several else [given]:
        if isinstance(one, str):
            try:
                found.append(converter_named(one))
            except ArgumentError as error:
                raise ArgumentError(f"converters[{safe_repr(name)}]: {error}; a function is given as it is") from None
        elif callable(one):
            found.append(one)
        else:
            raise ArgumentError(
                f"converters[{safe_repr(name)}] must be a function of a cell, the name of a converter, or a list of"
                f" these; got {safe_repr(one)}"
            )
    return tuple(found)


def converter_named(text: str) -> Converter:
    """Return the converter of a name, such as "decimal-comma" or "without-unit:nM". Raises ValueError where none is."""
    name, sign, about = text.partition(":")
    if name not in _NAMED:
        known = [f"{one}:{_OF_TEXT[one]}" if one in _OF_TEXT else one for one in _NAMED]
        raise ArgumentError(
            f"there is no converter {safe_repr(name)}.{did_you_mean(name, list(_NAMED))} These are {', '.join(known)}"
        )
    if bool(about) != (name in _OF_TEXT) or (sign and not about):
        written = f"{name}:{_OF_TEXT[name]}" if name in _OF_TEXT else name
        raise ArgumentError(f"the converter {name} is written {safe_repr(written)}; got {safe_repr(text)}")
    return _NAMED[name](about)


def _strip(cell: Any) -> Any:
    return cell.strip() if isinstance(cell, str) else cell


def _without_points(cell: Any) -> Any:
    """Return a number without the points between groups of three digits."""
    if not isinstance(cell, str):
        return cell
    before, rest = parted(cell)
    return before + rest.replace(".", "") if _BY_POINTS.match(rest) else cell


def _split(text: str, cell: Any) -> Any:
    """Return the parts of a text, without the blanks around them."""
    sign = "\n" if text == r"\n" else text
    return [part.strip() for part in cell.split(sign) if part.strip()] if isinstance(cell, str) else cell


def _meaning(text: str, value: Any, cell: Any) -> Any:
    return value if str(cell) == text else cell


def _day(form: str, cell: Any) -> Any:
    """Return the day that a text of this form is; anything else stays, for the field to refuse."""
    if not isinstance(cell, str):
        return cell
    try:
        return datetime.strptime(cell.strip(), form).date()
    except ValueError:
        return cell


_NAMED: Mapping[str, Callable[[str], Converter]] = {
    "decimal-comma": lambda _: decimal_comma,
    "grouped-digits": lambda _: grouped_digits,
    "grouped-by-points": lambda _: _without_points,
    "unicode-minus": lambda _: unicode_minus,
    "strip": lambda _: _strip,
    "without-unit": without_unit,
    "split": lambda text: lambda cell: _split(text, cell),
    "none": lambda text: lambda cell: _meaning(text, None, cell),
    "yes": lambda text: lambda cell: _meaning(text, True, cell),
    "no": lambda text: lambda cell: _meaning(text, False, cell),
    "day": lambda form: lambda cell: _day(form, cell),
}
_OF_TEXT = {"without-unit": "nM", "split": ",", "none": "n/a", "yes": "1", "no": "0", "day": "%d.%m.%Y"}
"""Those that are written with a text behind a colon, each with an example."""
