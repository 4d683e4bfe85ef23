"""What a cell of each field type holds, how content is kept, and how a table shows it as text. Pure.

Numbers follow a written grammar and not what Python takes for one: no `1_000`, no digits of other scripts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from kalbio._core.emulator.strict_json import dumps, loads
from kalbio.sandbox.times import parse

Json = Any

# an exponent of more digits is out of range in any case
_NUMBER = re.compile(r"[ \t\r\n]*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?)[ \t\r\n]*")
_SURELY_FINITE = 300
# as a number is written: what has leading zeros or a sign too many is a code that happens to consist of digits
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?")

# fmt: off
_TEXTS = frozenset((
    "text", "smiles-string", "select", "molfile", "record-reference", "date", "email", "phone", "formula", "dna-oligo",
    "rna-oligo", "peptide", "plasmid", "status", "rxn", "protein-structure", "snowflake-query",
))
# fmt: on
_LISTS_OF_TEXT = frozenset({"multiselect", "people", "URL"})
FILE_TYPES = frozenset({"file", "image"})
_PLAIN = _TEXTS | {"number", "boolean"}
"""Types whose content a table shows as it is. Lists, files and what may be any JSON stand there as JSON text."""
_BOOLEANS = {"true": True, "false": False}


class WrongContent(ValueError):
    """The content does not suit the type of the field."""


def stored(field_type: str, content: Json) -> Json:
    """Content as the server keeps it. None empties a cell of any type."""
    if content is None:
        return None
    if field_type == "number":
        return _number(content)
    if field_type == "boolean":
        if not isinstance(content, bool):
            raise WrongContent(f"a boolean field takes true or false, not {content!r}")
        return content
    if field_type in _TEXTS:
        return _text(field_type, content)
    if field_type in _LISTS_OF_TEXT:
        items = content if isinstance(content, list) else [content]
        if not all(isinstance(item, str) for item in items):
            raise WrongContent(f"a {field_type} field takes texts, not {content!r}")
        return items
    return content


def number_text(number: int | float) -> str:
    """A number as text: without a fraction when it has none."""
    if isinstance(number, float) and number.is_integer() and abs(number) < 1e21:
        return str(int(number))
    return str(number)


def as_number(content: Json) -> Decimal | None:
    """The number that content (a number, or its text) stands for, with all its digits."""
    if isinstance(content, bool) or not isinstance(content, int | float | str):
        return None
    found = _NUMBER.fullmatch(content if isinstance(content, str) else str(content))
    if found is None:
        return None
    number = Decimal(found[1])
    # what has fewer digits before the point is no infinity
    return None if number.adjusted() > _SURELY_FINITE and math.isinf(float(found[1])) else number


def inferred_type(contents: Iterable[Json]) -> str:
    """The type of a new column: one that takes every cell there is in it."""
    filled = [content for content in contents if content is not None and content != ""]
    for kind, suits in (
        ("boolean", _is_boolean),
        ("number", _is_number),
        ("date", _is_date),
        ("multiselect", _is_list),
    ):
        if filled and all(suits(content) for content in filled):
            return kind
    return "text"


def to_cell(field_type: str, content: Json) -> str:
    """Content as a table shows it: `from_cell` reads it back as what it was.

    Texts, numbers and booleans are plain; lists, files and what else may be any JSON are JSON text.
    """
    if content is None or content == []:
        return ""
    if isinstance(content, str) and (field_type in _PLAIN or _json(content) is _NO_JSON):
        return content
    return as_text(content) if field_type in _PLAIN else dumps(content)


def from_cell(field_type: str, cell: Json) -> Json:
    """What a cell of a table means in a field: the text of an export is what was exported."""
    if field_type == "text" and isinstance(cell, bool | list | dict):
        return dumps(cell)
    if not isinstance(cell, str):
        return cell
    if field_type == "boolean":
        return _BOOLEANS.get(cell, cell)
    if field_type in _PLAIN:
        return cell
    read = _json(cell)
    if read is _NO_JSON or (field_type in _LISTS_OF_TEXT and not _is_list(read)):
        return cell
    return read


def holds_text(field_type: str) -> bool:
    """Whether cells of a type are text, or lists of it, even where they look like something else."""
    return field_type in _TEXTS or field_type in _LISTS_OF_TEXT


def texts_in(content: Json) -> Iterable[str]:
    """What a text search looks at: texts, the items of lists, and the names of files."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for item in content:
            yield from texts_in(item)
    elif isinstance(content, dict) and isinstance(content.get("file_name"), str):
        yield content["file_name"]


def as_text(content: Json) -> str:
    """Any content as one line of text."""
    if content is None:
        return ""
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, int | float):
        return number_text(content)
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return ", ".join(as_text(item) for item in content)
    if isinstance(content, dict) and "file_name" in content:
        return str(content["file_name"])
    return dumps(content)


def _number(content: Json) -> str:
    if as_number(content) is None:
        raise WrongContent(f"a number field takes a number, not {content!r}")
    return content.strip(" \t\r\n") if isinstance(content, str) else number_text(content)


def _is_boolean(content: Json) -> bool:
    return isinstance(content, bool) or (isinstance(content, str) and content in _BOOLEANS)


def _is_number(content: Json) -> bool:
    if isinstance(content, str) and not _PLAIN_NUMBER.fullmatch(content):
        return False
    return as_number(content) is not None


def _is_date(content: Json) -> bool:
    return parse(content) is not None


def _is_list(content: Json) -> bool:
    return isinstance(content, list) and all(isinstance(item, str) for item in content)


_NO_JSON = object()


def _json(text: str) -> Json:
    try:
        return loads(text)
    except ValueError:
        return _NO_JSON


def _text(field_type: str, content: Json) -> str:
    if isinstance(content, bool) or not isinstance(content, str | int | float):
        raise WrongContent(f"a {field_type} field takes text, not {content!r}")
    text = as_text(content)
    if field_type == "date" and text and parse(text) is None:
        raise WrongContent(f"a date field takes an ISO 8601 date, not {content!r}")
    return text
