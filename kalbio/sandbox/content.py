"""What a cell of each field type holds, and how content is kept. Pure."""

from __future__ import annotations

from typing import Any

from kalbio.sandbox.times import parse

Json = Any

# fmt: off
_TEXTS = frozenset((
    "text", "smiles-string", "select", "molfile", "record-reference", "date", "email", "phone", "formula", "dna-oligo",
    "rna-oligo", "peptide", "plasmid", "status", "rxn", "protein-structure", "snowflake-query",
))
# fmt: on
_LISTS_OF_TEXT = frozenset({"multiselect", "people", "URL"})
FILE_TYPES = frozenset({"file", "image"})


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


def as_number(content: Json) -> float | None:
    """The number that content (a number, or its text) stands for."""
    if isinstance(content, bool) or not isinstance(content, int | float | str):
        return None
    try:
        number = float(content)
    except (ValueError, OverflowError):
        return None
    return number if number - number == 0 else None


def inferred_type(contents: list[Json]) -> str:
    """The type of a new column, from what is in it."""
    present = [content for content in contents if content is not None]
    if present and all(isinstance(content, bool) for content in present):
        return "boolean"
    if present and all(isinstance(content, int | float) and not isinstance(content, bool) for content in present):
        return "number"
    return "text"


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
    return str(content)


def _number(content: Json) -> str:
    if as_number(content) is None:
        raise WrongContent(f"a number field takes a number, not {content!r}")
    return content.strip() if isinstance(content, str) else number_text(content)


def _text(field_type: str, content: Json) -> str:
    if isinstance(content, bool) or not isinstance(content, str | int | float):
        raise WrongContent(f"a {field_type} field takes text, not {content!r}")
    text = as_text(content)
    if field_type == "date" and text and parse(text) is None:
        raise WrongContent(f"a date field takes an ISO 8601 date, not {content!r}")
    return text
