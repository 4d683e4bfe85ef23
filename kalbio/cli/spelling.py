"""Cures as one types them: what the library says of its arguments, as the options and commands of the shell."""

from __future__ import annotations

import ast
import json
import re
import shlex
import warnings
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

_TEXT = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
"""A text as Python shows it."""
_KEYS = rf"\{{(?:{_TEXT}): (?:{_TEXT})(?:, (?:{_TEXT}): (?:{_TEXT}))*\}}"
"""Texts by texts, as Python shows them."""


_CONVERTER = rf'(?:kalbio\.reading\.[a-z_]+(?:\((?:{_TEXT})\))?|"[a-z-]+(?::[^"]*)?")'
"""One that is built in, by its function or its name."""


def as_typed(text: str, column: str | None = None) -> str:
    """Return what the library says with what to type in place of what to write in Python.

    Options for a column get the name of the one that is given, or that the text names before them.
    """
    for pattern, typed in _TYPED:
        text = pattern.sub(typed if isinstance(typed, str) else partial(_typed_if_readable, typed), text)
    if column is not None:
        return _for_column(column, text)
    done, place, name = "", 0, ""
    for found in [*_NAMED_COLUMN.finditer(text), None]:
        end = len(text) if found is None else found.end()
        done += _for_column(name, text[place:end]) if name else text[place:end]
        if found is not None:
            place, name = end, str(ast.literal_eval(found[1] or found[2]))
    return done


_NAMED_COLUMN = re.compile(
    rf"(?:\brow [0-9,]+(?: \([^\n]*?\))?, (?:column )?({_TEXT}):|({_TEXT})(?:: [0-9,]+ cells? \(| becomes a field of))"
)
_OPTION = re.compile(r"--convert ('COLUMN=[^']*'|COLUMN=split:\S|COLUMN=\S*?(?=[,;:.)]*(?:\s|$)))")


def _for_column(column: str, text: str) -> str:
    def named(found: re.Match[str]) -> str:
        how = shlex.split(found[1])[0].removeprefix("COLUMN=")
        return f"--convert {shlex.quote(f'{column}={how}')}"

    return _OPTION.sub(named, text)


def _typed_if_readable(typed: Callable[[re.Match[str]], str], found: re.Match[str]) -> str:
    """Return what to type. What looks like a text of Python, and is none, is left as it stands."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Python warns of an escape that is none, and would print it
            return typed(found)
    except (SyntaxError, ValueError):
        return found[0]


def _pairs(option: str) -> Callable[[re.Match[str]], str]:
    """Return what writes a dict as an option that is given once for each of its pairs."""

    def typed(found: re.Match[str]) -> str:
        pairs: dict[str, str] = ast.literal_eval(found[1])
        return " ".join(f"{option}{shlex.quote(f'{name}={value}')}" for name, value in pairs.items())

    return typed


def _column(found: re.Match[str]) -> str:
    field = "FIELD" if found[2] == "field" else "" if found[2] == "None" else ast.literal_eval(found[2])
    column = "COLUMN" if found[1] == "column" else ast.literal_eval(found[1])
    return f"--column {shlex.quote(f'{column}={field}')}"


def _strip(found: re.Match[str]) -> str:
    column = "COLUMN" if found[1] == "column" else ast.literal_eval(found[1])
    return f"--convert {shlex.quote(f'{column}=strip')}"


def _converters(found: re.Match[str]) -> str:
    """Return converters as options, and what may stand in place of the last of them."""
    names = [*map(_converter_name, re.findall(_CONVERTER, found[1]))]
    options = " ".join(f"--convert {shlex.quote(f'COLUMN={name}')}" for name in names)
    if found[2]:
        return f"{options} or --convert {shlex.quote(f'COLUMN={_converter_name(found[2])}')}"
    return options + (f", or {_converter_name(found[3])} in place of {names[-1]}" if found[3] else "")


def _converter_name(text: str) -> str:
    if text.startswith('"'):
        return text.strip('"')
    name, sign, about = text.removeprefix("kalbio.reading.").partition("(")
    return name.replace("_", "-") + (f":{ast.literal_eval(about.removesuffix(')'))}" if sign else "")


def _day(form: str) -> str:
    return shlex.quote(f"COLUMN=day:{ast.literal_eval(form)}")


def _option(name: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"--{name} {shlex.quote(ast.literal_eval(found[1]))}"


def _keys(found: re.Match[str]) -> str:
    names: list[str] = ast.literal_eval(found[1])
    return " ".join(f"--key {shlex.quote(name)}" for name in names)


def _new_key_field(found: re.Match[str]) -> str:
    body = json.dumps({"field_name": ast.literal_eval(found[1])}, ensure_ascii=False)
    return f"kalbio raw getOrCreateKeyField --body {shlex.quote(body)}"


_Typed: TypeAlias = str | Callable[[re.Match[str]], str]
_PATTERNS: list[tuple[str, _Typed]] = [
    # Loads
    (rf"\bkey=(\[(?:{_TEXT})(?:, (?:{_TEXT}))*\])", _keys),
    (rf"\bcolumns=\{{(column|{_TEXT}): (field|None|{_TEXT})\}}", _column),
    (rf"\bcreate_fields=({_KEYS})", _pairs("--create-fields ")),
    (r"\bcreate_fields\b", "--create-fields"),
    (r'\bnear_twins="create"', "--near-twins create"),
    (rf"\bconverters=\{{(column|{_TEXT}): str\.strip\}}", _strip),
    (r'("split:[^"]+"), or a list\b', r"\1"),
    (
        rf"(?<=\bgive )the converters? (\[{_CONVERTER}(?:, {_CONVERTER})*\]|{_CONVERTER})"
        rf"(?: or ({_CONVERTER})|, or ({_CONVERTER}) in place of {_CONVERTER})?",
        _converters,
    ),
    (
        r"\bgive a converter, such as lambda cell: \{'1': True, '0': False\}\.get\(str\(cell\), cell\)",
        "give --convert COLUMN=yes:1 --convert COLUMN=no:0 with your words",
    ),
    (
        rf"\bgive a converter that says which: lambda text: datetime\.strptime\(text, ({_TEXT})\)\.date\(\),"
        rf" or with ({_TEXT})",
        lambda found: f"give --convert {_day(found[1])} or --convert {_day(found[2])}",
    ),
    (
        rf"\bgive a converter, such as lambda text: datetime\.strptime\(text, ({_TEXT})\)\.date\(\)",
        lambda found: f"give --convert {_day(found[1])}",
    ),
    (r", or give the converter lambda cell: date\(1899, 12, 30\) \+ timedelta\(days=int\(cell\)\)", " there"),
    (r"\bconverters names a column\b", "--convert names a column"),
    (r"\bcolumns names a column\b", "--column names a column"),
    (r"\bgive a converter that returns None for it", "give --convert COLUMN=none:TEXT with its text"),
    # What takes a function of Python can only be done in the table.
    (r", or give a converter that returns a list: lambda cell: \[cell\] where it is a single text", ""),
    (r"\bgive a converter that [^;,.]*", "correct it in the table"),
    (rf", or give a converter, which gets (?:{_TEXT}|[^\s;]+)", ""),
    (r"\bgive the day that is meant: value\.date\(\), or a converter", "write the day alone"),
    (
        r"\bgive the day \(value\.date\(\)\), a time with a zone \(value\.replace\(tzinfo=UTC\)\), or text, for example"
        r" by a converter",
        "write the day alone, or text",
    ),
    (r"\bgive that, for example with a converter: '; '\.join", "write one"),
    (r"\bgive a date, or a converter that makes one", "write a date"),
    (r"\bgive text, or a converter\b", "write text"),
    (rf"\bencoding=({_TEXT})", _option("encoding")),
    (r"\bseparator='\\t'", r"--separator $'\\t'"),
    (rf"\bseparator=({_TEXT})", _option("separator")),
    (rf"\bsheet=({_TEXT})", _option("sheet")),
    (r"\bskip_rows=(N|[0-9]+)", r"--skip-rows \1"),
    (r"\bskip_rows is for\b", "--skip-rows is for"),
    (rf"\bclient\.entity_fields\.get_or_create_key_field\(({_TEXT})\)", _new_key_field),
    # Records
    (rf"(?<=There is no record )({_KEYS})", _pairs("")),
    (
        r'(?<=A record is named by its id \(a uuid\) or by key values: )\{"key field": "value"\}',
        "FIELD=VALUE for each key field",
    ),
    # Files, settings and answers
    (r"\boverwrite=True\b", "--force"),
    (r"\bpass [a-z_]+=\.\.\. or set the environment variable\b", "set the environment variable"),
    (r"(?<=Try again, or with more time): client\.timeout\(seconds\)\.", " to answer."),
    (r"\bWait, and make a client with a smaller max_in_flight\.", "Wait, and try again."),
    (r"; `response_body` has the beginning of the answer\.", "."),
    (
        r"^`job` of the error is the job that failed, with its payload\.$",
        "kalbio provena jobs show ID has its payload.",
    ),
    (r"^`outcome` of the error says what failed\.$", ""),
]
_TYPED = [(re.compile(pattern), typed) for pattern, typed in _PATTERNS]
"""What the library says, and what to type for it. The columns of a load are those that the text names beside."""
