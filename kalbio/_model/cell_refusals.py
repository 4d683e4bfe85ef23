"""Why text is refused in fields of numbers and of days, and the cure. No network."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from kalbio._core.text.display import safe_repr
from kalbio._model.content_reading import NUMBER
from kalbio._model.plain_cells import CellError

MINUS_SIGNS = ("\N{MINUS SIGN}", "\N{EN DASH}", "\N{EM DASH}", "\N{SMALL HYPHEN-MINUS}", "\N{FULLWIDTH HYPHEN-MINUS}")
"""What stands for a minus sign in text that people or programs for people have set."""

_IS_NUMBER = re.compile(NUMBER)
_COMPARISON = re.compile(r"[<>=~\u2248\u2264\u2265\u00b1]")
# No group of thousands begins with 0.
_GROUPS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:([,'\u2019\s])[0-9]{3})(?:\1[0-9]{3})*(?:\.[0-9]+)?")
_ONE_GROUP = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_DECIMAL_COMMA = re.compile(
    r"[+-]?(?:[0-9]+|[1-9][0-9]{0,2}(?:([.'\u2019\s])[0-9]{3})(?:\1[0-9]{3})*),[0-9]+(?:[eE][+-]?[0-9]+)?"
)
_POINTS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+")
_MINUS_IN_NUMBER = re.compile(r"(?:^|(?<=[0-9.][eE]))\s*[\u2212\u2013\u2014\ufe63\uff0d]\s*")
_SEVERAL = 2
_BEFORE = re.compile(r"\s*(?:(?:<=|>=|[<>=~\u2248\u2264\u2265])\s*)?")
_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F]+")

_WRITTEN = r"[+-]?(?:[0-9]+(?:[.,'\u2019\s][0-9]+)*\.?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_WITH_MORE = re.compile(rf"({_WRITTEN})\s*(?![0-9.,])(\S.*)", re.DOTALL)
_MICRO = ("\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}")
_WORD = r"(?:°?[^\W\d_]+(?:\^?[-\u2212]?[1-9]|\u207b?[\u00b9\u00b2\u00b3])?|[°%\u2030])"
_UNIT = re.compile(rf"{_WORD}(?:(?:\s*[/\u00b7*]\s*|\s){_WORD})*")
_CURRENCY = re.compile(r"[$\xa2-\xa5\u20a0-\u20bf]")
_UNIT_OF_FIELD = re.compile(r".*[(\[]\s*([^()\[\]]+?)\s*[)\]]\s*", re.DOTALL)

_DAY_FORMS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y",
    "%m-%d-%Y", "%d-%m-%Y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%d. %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%y",
)  # fmt: skip
_LIKE_A_DAY = re.compile(r"[0-9]{1,4}([-./])[0-9]{1,2}\1[0-9]{1,4}")
_DAY_ZERO = date(1899, 12, 30)
"""From where spreadsheets count days."""
_COUNTED_DAYS = range(20_000, 80_000)
"""The counts of days between 1954 and 2119: what is beyond is hardly a day."""


THOUSANDS_CURE = 'give the converters ["grouped-by-points", "decimal-comma"]'
"""What makes thousands of points."""
_ODD_MINUS = "a minus sign that is none of ASCII"


def parted(text: str) -> tuple[str, str]:
    """Return the comparison that a text begins with, with the blanks around it, and the rest."""
    found = _BEFORE.match(text)
    end = 0 if found is None else found.end()
    return text[:end], text[end:]


def with_usual_minus(text: str) -> str:
    """Return a number with the usual minus sign, where it has a longer one in front of it or of its exponent."""
    before, rest = parted(text)
    return before.lstrip() + _MINUS_IN_NUMBER.sub("-", rest)


def has_decimal_comma(cell: Any) -> bool:
    """Whether a cell is text of a number with a decimal comma, or with points between groups of digits."""
    if not isinstance(cell, str) or ("," not in cell and cell.count(".") < _SEVERAL):
        return False
    number = parted(cell)[1].strip()
    found = _WITH_MORE.fullmatch(number)
    if found is not None and _UNIT.fullmatch(found[2]):
        number = found[1]
    return bool(_DECIMAL_COMMA.fullmatch(number)) or (number.count(".") >= _SEVERAL and bool(_POINTS.fullmatch(number)))


def may_be_thousands(cell: Any) -> bool:
    """Whether a cell is text of a number with one group of three digits behind a point."""
    return isinstance(cell, str) and cell.count(".") == 1 and bool(_POINTS.fullmatch(parted(cell)[1].strip()))


def check_beside_commas(cell: Any) -> None:
    """Raise CellError where a cell, in a column with decimal commas, may be thousands or a fraction."""
    if isinstance(cell, str) and _POINTS.fullmatch(parted(cell)[1].strip()):
        raise CellError(
            "may be thousands or a fraction, because other cells of the column have a decimal comma; for thousands"
            f" {THOUSANDS_CURE}, for a fraction write it with a comma"
        )


class UnitError(CellError):
    """A number has a unit behind it. Whether it is that of the field, only the name of the field can tell."""

    def __init__(self, unit: str, number: str, *, has_odd_minus: bool = False) -> None:
        self._unit = unit
        self._form = _form_of_number(number)
        minus = "kalbio.reading.unicode_minus" if has_odd_minus else ""
        converter = f"kalbio.reading.without_unit({unit!r})"
        if self._form is None and not minus:
            has = f"has more than a number; where {unit!r} is the unit of the field give the converter {converter}"
        else:
            what, reader, other = self._form or ("", "", None)
            what = f"has {what}, and {unit!r} behind the number" if what else f"has {unit!r} behind the number"
            what = f"begins with {_ODD_MINUS} and {what}" if minus else what
            chain = ", ".join(filter(None, (minus, converter, reader)))
            has = f"{what}; where that is the unit of the field give the converters [{chain}]"
            has += f", or {other} in place of {reader}" if other else ""
        super().__init__(f"{has}, and convert what has another one")

    def in_field(self, name: str) -> str:
        """Return the text for a field of this name, which may end with a unit in brackets."""
        own = unit_of_field(name)
        if own is None or one_micro(own) == one_micro(self._unit):
            return str(self)
        also = "" if self._form is None else f", has {self._form[0]}"
        return (
            f"is in {self._unit!r}{also}, and the name of the field says {own!r}; give a converter that makes it a"
            f" number in the unit of the field"
        )


def one_micro(unit: str) -> str:
    """Return a unit with one of the two signs for micro, which look the same."""
    return unit.replace(*_MICRO)


def unit_of_field(name: str) -> str | None:
    """Return the unit that stands in brackets at the end of the name of a field, None where there is none."""
    found = _UNIT_OF_FIELD.fullmatch(name)
    return None if found is None or not (_UNIT.fullmatch(found[1]) or _CURRENCY.fullmatch(found[1])) else found[1]


def number_refusal(text: str) -> CellError:
    """Return what is wrong with text that is no number, and the cure."""
    if _COMPARISON.match(text):
        return CellError(
            "has a comparison, which a field of numbers does not keep; load it into a field of the type"
            " qualified-number, or give a converter that says which number is meant"
        )
    usual = with_usual_minus(text)
    minus = usual if usual != text else None
    if minus is not None and _IS_NUMBER.fullmatch(minus):
        where = "begins with" if text[0] in MINUS_SIGNS else "has"
        return CellError(f"{where} {_ODD_MINUS}; give the converter kalbio.reading.unicode_minus")
    form = _form_of_number(minus or text)
    if form is not None:
        what, reader, other = form
        if minus is not None:
            either = f", or {other} in place of {reader}" if other else ""
            chain = f"[kalbio.reading.unicode_minus, {reader}]{either}"
            return CellError(f"begins with {_ODD_MINUS} and has {what}; give the converters {chain}")
        return CellError(f"has {what}; give the converter {reader}{f' or {other}' if other else ''}")
    if text.isascii() and "_" in text and text[0].isdigit():
        return CellError("is no number: there is an underscore in it")
    if _HEXADECIMAL.fullmatch(text):
        return CellError("is no number as in 16 or 2.5; give a converter that makes it one")
    found = _WITH_MORE.fullmatch(minus or text)
    if found is not None and not found[2][0].isdecimal():
        number, more = found[1], found[2]
        if _UNIT.fullmatch(more) and (_IS_NUMBER.fullmatch(number) or _form_of_number(number)):
            return UnitError(more, number, has_odd_minus=minus is not None)
        return CellError(
            f"has more than a number: {safe_repr(more)} behind it; give a converter that says which number is meant"
        )
    if not text.isascii() and any(map(str.isdecimal, text)):
        return CellError("has digits or signs that are none of ASCII; give a converter that makes a number of it")
    return CellError("is no number; where it means that there is no value, give a converter that returns None for it")


def _form_of_number(text: str) -> tuple[str, str, str | None] | None:
    """Return how a number is written that is not written as usual: what it has, and one or two converters for it."""
    comma, groups = "kalbio.reading.decimal_comma", "kalbio.reading.grouped_digits"
    if _ONE_GROUP.fullmatch(text):
        return "a decimal comma, or digits in groups", comma, groups
    if _GROUPS.fullmatch(text):
        return "digits in groups", groups, None
    if text.count(".") >= _SEVERAL and _POINTS.fullmatch(text):
        return "digits in groups", comma, None
    return ("a decimal comma", comma, None) if _DECIMAL_COMMA.fullmatch(text) else None


def day_refusal(text: str) -> CellError:
    """Return what is wrong with text that is no day as in 2026-03-01, and the cure."""
    forms = [form for form in _DAY_FORMS if _fits(text, form)]
    if not forms and re.fullmatch(r"[0-9]{8}", text):
        forms = [form for form in ("%Y%m%d", "%d%m%Y", "%m%d%Y") if _fits(text, form)][:1]
    if not forms and re.fullmatch(r"[0-9]{4}-[0-9]{3}", text):
        forms = [form for form in ("%Y-%j",) if _fits(text, form)]
    if len(forms) > 1:
        return CellError(
            "may have the month or the day in front; give a converter that says which: lambda text:"
            f" datetime.strptime(text, {forms[0]!r}).date(), or with {forms[1]!r}"
        )
    if forms:
        return CellError(
            "is no day as in 2026-03-01; give a converter, such as"
            f" lambda text: datetime.strptime(text, {forms[0]!r}).date()"
        )
    if re.fullmatch(r"[0-9]{5}(?:\.0*)?", text) and (counted := counted_day(float(text))):
        return CellError(counted)
    if _LIKE_A_DAY.fullmatch(text):
        return CellError("is no day: the calendar has none of this date; correct it in the table")
    return CellError(
        "is no day as in 2026-03-01; where it means that there is no value, give a converter that returns None for it"
    )


def counted_day(number: float) -> str | None:
    """Return what is wrong with a number that is the day number of a spreadsheet, None where it is none."""
    if number not in _COUNTED_DAYS:
        return None
    day = _DAY_ZERO + timedelta(days=int(number))
    return (
        f"is a number, by which spreadsheets count days: {day} in Excel; format its column as dates, or give the"
        " converter lambda cell: date(1899, 12, 30) + timedelta(days=int(cell))"
    )


def _fits(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True
