"""What a cell of Excel shows, by the format of the cell: what it holds, or something else.

A format shows the number itself where it has nothing but what is known to do so: digits, a decimal point, groups of
digits, an exponent, a fraction, the sign, colours and padding. Everything else is doubtful, and told with the text
that shows, as far as that can be told.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache

import attrs

from kalbio._core.text.display import safe_repr
from kalbio._table_files.doubtful import Doubtful

_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)"? | \\(?P<escaped>.) | _(?P<padding>.) | \*(?P<fill>.) | \[(?P<bracket>[^\]]*)\]?
    | (?P<general>(?i:General)) | (?P<exponent>[eE][+-]) | (?P<digit>[0#?]) | (?P<over>/[1-9][0-9]*) | (?P<mark>[.,/@%])
    | (?P<end>;) | (?P<plain>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_TEXTS = ("quoted", "escaped", "plain")
_NUMBERS = ("general", "exponent", "digit", "over", "mark")
_BLANKS = " \xa0\u2007\u202f"
# The shapes of what shows a number, by d for a digit: 0.00, #,##0, # ##0.00, 0.00E+00, # ?/?, # ?/8, General.
_SHAPE = re.compile(
    rf"G|@|(?:d+(?:,d+)*|d+([{_BLANKS}'\u2019])ddd(?:\1ddd)*)?(?:\.d*)?(?:Ed+)?|(?:d+[{_BLANKS}]+)?d+/(?:d+|[1-9][0-9]*)"
)
_COLOUR = re.compile(r"black|blue|cyan|green|magenta|red|white|yellow|color ?[0-9]+", re.IGNORECASE)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*([+-]?[0-9]*\.?[0-9]+(?:E[+-]?[0-9]+)?)", re.IGNORECASE)
_COMPARE = {
    "<=": operator.le, ">=": operator.ge, "<>": operator.ne, "<": operator.lt, ">": operator.gt, "=": operator.eq,
}  # fmt: skip
_UNIT = re.compile(r"[^\W\d_]|[°%\u2030]")
_CURRENCY = re.compile(r"[$\xa2-\xa5\u20a0-\u20bf]|[A-Z]{3}")
_MINUS = str.maketrans("\u2212\u2013", "--")
_NEGATIVE = 1
"""The place of the section for numbers below zero."""


@attrs.frozen
class _Section:
    """One of the parts of a format that semicolons separate.

    Attributes:
        tokens: kind and text of all that it has.
        condition: which numbers it is for, where it says so.
        is_coloured: whether it has a colour of its own.
        is_odd: whether it has what is not known to show a number.
        before: the text before the number.
        number: what stands for the number.
        shape: the same, by one letter for each kind.
        after: the text behind the number.
    """

    tokens: tuple[tuple[str, str], ...]
    condition: tuple[str, float] | None
    is_coloured: bool
    is_odd: bool
    before: str
    number: str
    shape: str
    after: str

    @property
    def text(self) -> str:
        """All that stands around the number."""
        return self.before + self.after


def doubt(value: int | float | str, code: str, *, under_condition: bool = False) -> Doubtful | None:
    """Return what a cell of this format is where it does not show what it holds, None where it shows that.

    The format may be one that the cell has `under_condition` only: whether that holds is not known.
    """
    if code in ("General", "@") or (not isinstance(value, str) and _shows_every_number(code)):
        return None
    held = safe_repr(value)
    by = f", because of its format {safe_repr(code)}"
    shows = "shows"
    if under_condition:
        by, shows = f"{by} under a condition", "may show"
    cure = f"write there what is meant, in the format General, or give a converter, which gets {held}"
    if isinstance(value, str):
        section = _of_text(code)
        if section is None or (section.shape in ("@", "G") and not section.text.strip(_BLANKS) and not section.is_odd):
            return None
        shown = section.before + (value if section.shape in ("@", "G") else "") + section.after
        return Doubtful(value, f"{shows} {f'as {safe_repr(shown)}' if shown else 'nothing'}{by}; {cure}")
    candidates = _of_number(code, value)
    for section, is_own in candidates:
        beside = _beside(section, value, is_own)
        if beside == "":
            continue
        # How a minus shows beside a condition is not known.
        text = None if value < 0 and section.condition else _as_shown(section, value, is_own)
        what = "something else" if text is None else f"as {safe_repr(text)}" if text else "nothing"
        return Doubtful(value, f"{shows} {what} and holds {held}{by}; {cure}", _unit(section, beside))
    return None if candidates else Doubtful(value, f"{shows} no number and holds {held}{by}; {cure}")


@lru_cache(512)
def _shows_every_number(code: str) -> bool:
    """Whether a format such as `0.00` shows every number, so that none of many cells has to be looked at."""
    first, *others = _sections(code)
    if others or first.condition or "+" in first.before or not set("0G") & set(first.number.replace("General", "G")):
        return False
    return _beside(first, 1, False) == ""


@lru_cache(512)
def _sections(code: str) -> tuple[_Section, ...]:
    found: list[list[tuple[str, str]]] = [[]]
    for token in _TOKEN.finditer(code):
        kind = str(token.lastgroup)
        if kind == "end":
            found.append([])
        else:
            found[-1].append((kind, token[kind]))
    return tuple(map(_section, found))


def _section(tokens: Sequence[tuple[str, str]]) -> _Section:
    condition, is_coloured, is_odd = None, False, False
    kept: list[tuple[str, str]] = []
    for kind, text in tokens:
        if kind == "padding":
            continue
        if kind == "fill":
            is_odd = is_odd or text not in _BLANKS
        elif kind == "bracket":
            if text.startswith("$"):  # a currency, a language, or both
                kept.append(("quoted", text[1:].rpartition("-")[0] if "-" in text else text[1:]))
            elif known := _CONDITION.fullmatch(text.strip()):
                condition = (known[1], float(known[2]))
            elif _COLOUR.fullmatch(text.strip()):
                is_coloured = True
            else:
                is_odd = True
        else:
            kept.append((kind, text))
    places = [place for place, (kind, _) in enumerate(kept) if kind in _NUMBERS]
    first, last = (places[0], places[-1] + 1) if places else (len(kept), len(kept))
    inner = kept[first:last]
    letters = {"general": "G", "exponent": "E", "digit": "d"}
    return _Section(
        tuple(kept),
        condition,
        is_coloured,
        is_odd,
        "".join(text for _, text in kept[:first]),
        "".join(text for _, text in inner),
        "".join(letters.get(kind, text) for kind, text in inner),
        "".join(text for _, text in kept[last:]),
    )


def _of_text(code: str) -> _Section | None:
    """Return the section that says how text shows, None where it shows as it is."""
    sections = _sections(code)
    last = sections[-1]
    return last if len(sections) >= 4 or "@" in last.number else None


def _of_number(code: str, value: int | float) -> list[tuple[_Section, bool]]:
    """Return the sections that may say how a number shows, and whether each is for its sign alone."""
    sections = list(_sections(code))
    if len(sections) > 1 and (len(sections) >= 4 or "@" in sections[-1].number):
        sections.pop()  # it is for text
    if any(section.condition for section in sections):
        # Which of those without a condition counts is told in several ways: each of them has to show the number.
        found: list[tuple[_Section, bool]] = []
        for section in sections:
            if section.condition is None:
                found.append((section, True))
                continue
            sign, limit = section.condition
            if _COMPARE[sign](value, limit):
                return [*found, (section, True)]
        return found
    if value < 0 and len(sections) > _NEGATIVE:
        return [(sections[_NEGATIVE], True)]
    if value == 0 and len(sections) > _NEGATIVE + 1:
        return [(sections[_NEGATIVE + 1], True)]
    return [(sections[0], False)]


def _beside(section: _Section, value: int | float, is_own: bool) -> str | None:
    """Return the text beside the number, which may be its unit, empty if there is none; None if no number shows."""
    if section.is_odd or not section.number or not _SHAPE.fullmatch(section.shape):
        return None
    if "@" in section.shape and section.text.strip(_BLANKS):
        return None
    before, after = (text.translate(_MINUS).strip(_BLANKS) for text in (section.before, section.after))
    has_minus = False
    if (before[:1] == "(" or before[-1:] == "(") and (after[:1] == ")" or after[-1:] == ")"):  # ($5), $(5)
        before, after, has_minus = before.replace("(", "", 1), after.replace(")", "", 1), True
    elif before[:1] == "-" or before[-1:] == "-":
        before, has_minus = before.removeprefix("-") if before[:1] == "-" else before[:-1], True
    elif after == "-":
        after, has_minus = "", True
    elif value >= 0:
        before = before.removeprefix("+")
    # A section for negative numbers has the sign itself: a minus, brackets, or a colour.
    says_minus = has_minus or (section.is_coloured and is_own) or not is_own
    if (value < 0 and not says_minus) or (has_minus and (value >= 0 or not is_own)):
        return None
    if not _fills(section, value):
        return None
    return before.strip(_BLANKS) + after.strip(_BLANKS)


def _unit(section: _Section, beside: str | None) -> str | None:
    """Return the text beside a number where it may be a unit: behind the number, or the sign of a currency."""
    if not beside or not (_CURRENCY.fullmatch(beside) or (_UNIT.match(beside) and beside in section.after)):
        return None
    return beside


def _fills(section: _Section, value: int | float) -> bool:
    """Whether the number has at least as many digits as the format, and the format a digit for the number."""
    if "d" not in section.shape or "E" in section.shape or "/" in section.shape:
        return True
    whole, point, decimals = section.number.partition(".")
    rounded = _rounded(Decimal(f"{abs(value):.15g}"), len(decimals))
    digits = rounded.partition(".")[0]
    if "0" not in whole + decimals and not float(rounded):
        return False  # no number shows
    zeros = whole.count("0")
    return zeros <= max(len(digits), 1) or (bool(point) and "," not in whole)


def _rounded(value: Decimal, decimals: int) -> str:
    """Return the digits of a number with so many decimals, as Excel rounds."""
    with localcontext(prec=400):
        return format(value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP), "f")


def _as_shown(section: _Section, value: int | float, is_own: bool) -> str | None:
    """Return the text that shows, None where that is not known."""
    if section.is_odd or set("E/@") & set(section.shape) or section.shape.count(".") > 1:
        return None
    shown = ["-"] if value < 0 and not is_own else []
    if "G" in section.shape:
        number = f"{abs(value):.11g}"
        return "".join([*shown, *(number if kind == "general" else text for kind, text in section.tokens)])
    whole_form, _, decimal_form = section.number.partition(".")
    places = [len(re.findall("[0#?]", form)) for form in (whole_form, decimal_form)]
    thousands = sum(len(commas) for commas in re.findall(r"[0#?](,+)(?![0#?,])", section.number))
    factor = Decimal(100) ** section.number.count("%") / Decimal(1000) ** thousands
    whole, _, decimals = _rounded(Decimal(f"{abs(value):.15g}") * factor, places[1]).partition(".")
    whole, grouped = whole.lstrip("0"), re.search("[0#?],+[0#?]", whole_form) is not None
    ahead = whole[: max(len(whole) - places[0], 0)]
    right, behind = places[0], False
    for kind, text in section.tokens:
        if kind == "mark":
            behind = behind or text == "."
            shown.append("" if text == "," else text)
        elif kind != "digit":
            shown.append(text)
        elif behind:
            digit, decimals = decimals[:1], decimals[1:]
            shown.append(digit if text == "0" or digit + decimals.strip("0") != "0" else "")
        else:
            digits = ahead + (whole[-right] if right <= len(whole) else "0" if text == "0" else "")
            for place, digit in enumerate(digits):
                left = right - 1 + len(digits) - 1 - place
                shown.append(f"{digit}," if grouped and left and left % 3 == 0 else digit)
            right, ahead = right - 1, ""
    return "".join(shown)
