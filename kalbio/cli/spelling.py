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


def as_typed(text: str) -> str:
    """Return what the library says with what to type in place of what to write in Python."""
    for pattern, typed in _TYPED:
        text = pattern.sub(typed if isinstance(typed, str) else partial(_typed_if_readable, typed), text)
    return text


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


def _unit_and_form(found: re.Match[str]) -> str:
    form, other = found[2].replace("_", "-"), ", or grouped-digits in place of decimal-comma" if found[3] else ""
    unit = shlex.quote(f"COLUMN=without-unit:{ast.literal_eval(found[1])}")
    return f"give --convert {unit} --convert COLUMN={form}{other}"


def _day(form: str) -> str:
    return shlex.quote(f"COLUMN=day:{ast.literal_eval(form)}")


def _option(name: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"--{name} {shlex.quote(ast.literal_eval(found[1]))}"


def _new_key_field(found: re.Match[str]) -> str:
    body = json.dumps({"field_name": ast.literal_eval(found[1])}, ensure_ascii=False)
    return f"kalbio raw getOrCreateKeyField --body {shlex.quote(body)}"


_Typed: TypeAlias = str | Callable[[re.Match[str]], str]
_PATTERNS: list[tuple[str, _Typed]] = [
    # Loads
    (rf"\bcolumns=\{{(column|{_TEXT}): (field|None|{_TEXT})\}}", _column),
    (rf"\bcreate_fields=({_KEYS})", _pairs("--create-fields ")),
    (r"\bcreate_fields\b", "--create-fields"),
    (r'\bnear_twins="create"', "--near-twins create"),
    (rf"\bconverters=\{{(column|{_TEXT}): str\.strip\}}", _strip),
    (
        rf"\bgive the converters \[kalbio\.reading\.without_unit\(({_TEXT})\),"
        r" kalbio\.reading\.(decimal_comma|grouped_digits)\]"
        r"(, or kalbio\.reading\.grouped_digits in place of kalbio\.reading\.decimal_comma)?",
        _unit_and_form,
    ),
    (
        rf"\bgive the converter kalbio\.reading\.without_unit\(({_TEXT})\)",
        lambda found: f"give --convert {shlex.quote(f'COLUMN=without-unit:{ast.literal_eval(found[1])}')}",
    ),
    (
        r"\bgive the converter kalbio\.reading\.decimal_comma or kalbio\.reading\.grouped_digits",
        "give --convert COLUMN=decimal-comma or --convert COLUMN=grouped-digits",
    ),
    (
        r"; or give the converter \"(split:[^\"]+)\", or a list",
        lambda found: f"; or give --convert {shlex.quote(f'COLUMN={found[1]}')}",
    ),
    (
        r", or give a converter that returns a list: lambda cell: \[cell\] where it is a single text",
        "",
    ),
    (r"\bgive the converter kalbio\.reading\.decimal_comma", "give --convert COLUMN=decimal-comma"),
    (r"\bgive the converter kalbio\.reading\.grouped_digits", "give --convert COLUMN=grouped-digits"),
    (r"\bgive the converter kalbio\.reading\.unicode_minus", "give --convert COLUMN=unicode-minus"),
    (
        r"\bgive a converter that says which: lambda cell: cell\.replace\(.*?\) for thousands",
        "write it without the point",
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
