"""Reads conditions as one writes them behind `--where`: `logP < 5 and Status in ["hit", "lead"]`.

    conditions  condition { ("and" | "&") condition }
    condition   "(" conditions ")"
              | field ("==" | "=" | "!=" | "<" | "<=" | ">" | ">=") value
              | field ["not"] "in" list
              | field "is" ("set" | "empty")
              | field ("contains" | "starts_with" | "ends_with") value
              | field "." method "(" [ argument { "," argument } ] ")"
    field       word | text | "F" "(" text ")"
    list        "[" value { "," value } "]"
    value       text | number | date | "true" | "false"

A text stands in quotes, single or double, with a backslash before a quote that belongs to it. The methods are those of
`kalbio.F`. Anything else is refused, with its position: nothing is guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn, TypeVar

from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr
from kalbio._model.filters import F, Where

T = TypeVar("T")

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<date>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?![\w-]))
      | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<word>[^\W\d][\w-]*)
      | (?P<sign>==|!=|<=|>=|[=<>()\[\],.&|~])""",
    re.VERBOSE,
)
_COMPARISONS: dict[str, Callable[[F, Any], Where]] = {
    "==": F.__eq__,
    "=": F.__eq__,
    "!=": F.__ne__,
    "<": F.__lt__,
    "<=": F.__le__,
    ">": F.__gt__,
    ">=": F.__ge__,
}
_WORDS: dict[str, Callable[[F, Any], Where]] = {
    "contains": F.contains,
    "starts_with": F.starts_with,
    "ends_with": F.ends_with,
}
_RESERVED = {"and", "or", "not", "in", "is", "true", "false"}
_NO_RULES = {"ascending", "descending"}
_RULES = sorted(name for name in vars(F) if not name.startswith("_") and name not in _NO_RULES)


_GROUP = 3
"""So many digits stand between two commas of thousands."""
_JOINING = ("and", "&", ")")
_QUOTED_NAME = '; a name with blanks or signs stands in quotes: "Potency (nM)" < 100'


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def read_conditions(text: str) -> Where:
    """Return the conditions that a text says. Raises ValueError, naming the position, for one that cannot be read."""
    try:
        return _Reader(text).read()
    except RecursionError:
        raise ValueError("--where: there are too many parentheses") from None


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._cut())
        self._next = 0

    def read(self) -> Where:
        """Return all conditions of the text."""
        found = self._conditions()
        if self._token.kind != "end":
            self._refuse(self._join_cure())
        return found

    def _cut(self) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None:
                what = (
                    "a quote that is never closed" if self._text[position] in "'\"" else safe_repr(self._text[position])
                )
                # A sign behind a word, not in a value, is most often one of the name of a field.
                is_named = bool(tokens) and tokens[-1].kind == "word" and len(tokens) == 1
                self._refuse(f"there is {what}{_QUOTED_NAME if is_named else ''}", position)
            if match.lastgroup != "space":
                tokens.append(_Token(str(match.lastgroup), match[0], position))
            position = match.end()
        return [*tokens, _Token("end", "", len(self._text))]

    # -- what stands next

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._token
        self._next += token.kind != "end"
        return token

    def _is(self, *texts: str) -> bool:
        return self._token.kind in ("word", "sign") and self._token.text in texts

    def _take_if(self, *texts: str) -> bool:
        if not self._is(*texts):
            return False
        self._next += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._take_if(text):
            self._refuse(f"{text!r} is missing{self._found()}")

    def _found(self) -> str:
        return f" {_before(self._token)}"

    def _refuse(self, why: str, position: int | None = None) -> NoReturn:
        where = (self._token.position if position is None else position) + 1
        raise ValueError(f"--where {safe_repr(self._text)}, character {where}: {why}")

    # -- the grammar

    def _conditions(self) -> Where:
        found = self._condition()
        while self._take_if("and", "&"):
            found = found & self._condition()
        return found

    def _condition(self) -> Where:
        if self._take_if("("):
            found = self._conditions()
            if not self._is(")"):
                self._refuse(self._join_cure() if self._token.kind != "end" else "')' is missing at the end")
            self._take()
            return found
        if self._is("not", "~"):
            self._refuse("the API has no 'not'; write the opposite rule: != for ==, not in for in, is empty for is set")
        named = self._token
        field = self._field()
        token = self._token
        if token.kind == "sign" and token.text in _COMPARISONS:
            self._take()
            return self._made(token, lambda: _COMPARISONS[token.text](field, self._value()))
        if self._take_if("in"):
            return self._made(token, lambda: field.is_in(self._list()))
        if self._take_if("not"):
            self._expect("in")
            return self._made(token, lambda: field.is_not_in(self._list()))
        if self._take_if("is"):
            if self._take_if("set"):
                return field.is_set()
            if self._take_if("empty"):
                return field.is_empty()
            self._refuse(f"'set' or 'empty' is missing after 'is'{self._found()}; for a value write ==")
        if token.kind == "word" and token.text in _WORDS:
            self._take()
            return self._made(token, lambda: _WORDS[token.text](field, self._value()))
        if self._take_if("."):
            return self._method(field)
        goes_on = (named.kind == "word" and token.kind in ("word", "number")) or token.text in ("(", "[")
        self._refuse(
            f"a comparison is missing{self._found()}: ==, !=, <, <=, >, >=, in [...], is set, is empty, contains, "
            f"or a method of F such as .is_between(1, 5){_QUOTED_NAME if goes_on else ''}"
        )

    def _field(self) -> F:
        token = self._take()
        if token.kind == "word" and token.text == "F" and self._take_if("("):
            token = self._take()
            if token.kind != "text":
                self._refuse("F(...) takes the name of a field in quotes", token.position)
            self._expect(")")
        elif token.kind == "word" and token.text in _RESERVED:
            self._refuse(f"the name of a field is missing before {token.text!r}", token.position)
        elif token.kind not in ("word", "text"):
            self._refuse(
                f"the name of a field is missing {_before(token)}; one with blanks stands in quotes", token.position
            )
        name = _unquoted(token) if token.kind == "text" else token.text
        return self._made(token, lambda: F(name))

    def _method(self, field: F) -> Where:
        token = self._take()
        if token.kind != "word" or token.text not in _RULES:
            cure = did_you_mean(token.text, _RULES) or f" There are {', '.join(_RULES)}."
            self._refuse(f"F has no rule {safe_repr(token.text)}.{cure}", token.position)
        self._expect("(")
        arguments: list[Any] = []
        while not self._is(")"):
            arguments.append(self._list() if self._is("[") else self._value())
            if not self._take_if(","):
                break
        self._expect(")")
        rule: Callable[..., Where] = getattr(field, token.text)
        try:
            return self._made(token, lambda: rule(*arguments))
        except TypeError:
            self._refuse(f"{token.text}() does not take {len(arguments)} values", token.position)

    def _list(self) -> list[Any]:
        if not self._take_if("["):
            self._refuse(f'a list is missing{self._found()}: ["a", "b"]')
        values = [self._value()]
        while self._take_if(","):
            values.append(self._value())
        self._expect("]")
        return values

    def _value(self) -> Any:
        token = self._take()
        if token.kind == "text":
            return _unquoted(token)
        if token.kind == "number":
            return _number(token.text)
        if token.kind == "date":
            return self._made(token, lambda: _time(token.text))
        if token.kind == "word" and token.text in ("true", "false"):
            return token.text == "true"
        if token.kind == "word":
            self._refuse(f"text stands in quotes: {json.dumps(token.text)}", token.position)
        self._refuse(
            f"a value is missing {_before(token)}: a text in quotes, a number, a date such as 2026-01-31, true, false",
            token.position,
        )

    def _made(self, token: _Token, make: Callable[[], T]) -> T:
        """Return what is made of a part of the text; a refusal of it names the position of the part."""
        try:
            return make()
        except ValueError as error:
            if str(error).startswith("--where "):
                raise
            self._refuse(str(error), token.position)

    def _join_cure(self) -> str:
        if self._is("or", "|"):
            return "the API has no 'or'; for one field with several values write in [...], for others search twice"
        before, token = self._tokens[max(self._next - 1, 0)], self._token
        after = self._tokens[min(self._next + 1, len(self._tokens) - 1)]
        if before.kind == "number" and token.text == "," and after.kind == "number":
            whole = re.sub(r"^[+-]?0*(?=[0-9])", "", before.text)
            may_be_grouped = len(after.text) == _GROUP and 1 <= len(whole) <= _GROUP and whole != "0"
            grouped = f", or {before.text}{after.text} without a comma" if may_be_grouped else ""
            return f"a number is written with a point: {before.text}.{after.text}{grouped}"
        if before.kind == token.kind == "number":
            return f"a number is written without blanks in it: {before.text}{token.text}"
        if before.kind == "number" and token.kind == "word" and (after.kind == "end" or after.text in _JOINING):
            return f"'and' is missing {_before(token)}; a number stands without its unit"
        return f"'and' is missing {_before(token)}"


def _before(token: _Token) -> str:
    if token.kind == "end":
        return "at the end"
    return f"before {token.text if token.kind == 'text' else safe_repr(token.text)}"


def _unquoted(token: _Token) -> str:
    return re.sub(r"\\(.)", r"\1", token.text[1:-1])


def _number(text: str) -> int | float | Decimal:
    if not re.search(r"[.eE]", text):
        return int(text)
    # As it is written where a float would be another number.
    exact = Decimal(text)
    return float(text) if Decimal(repr(float(text))) == exact else exact


def _time(text: str) -> date:
    return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
