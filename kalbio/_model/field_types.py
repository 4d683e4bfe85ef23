"""What each type of field holds: in Python, in Arrow and in pandas, and what is sent for it. One table; no network.

The type of the field decides, never the content: a number is a float in every row. What does not fit its type is kept
as it is, and told. What a cell becomes in a field is here too (`kalbio._model.field_contents` asks for it).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.text.display import safe_repr
from kalbio._model import content_reading as reading
from kalbio._model import content_writing as writing
from kalbio._model.cell_refusals import check_beside_commas, has_decimal_comma
from kalbio._model.content_reading import MisfitError, as_it_stands
from kalbio._model.fields import EntityFieldData

Json: TypeAlias = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""Anything that JSON can say."""


class ContentTypeWarning(UserWarning):
    """A content does not fit the type of its field; it is given as it is."""


@attrs.frozen
class Form:
    """How contents are read, and how cells are written.

    Attributes:
        name: what it is called in the table of the guide.
        python: the type that a value has in Python.
        arrow: its type in Arrow.
        pandas: its dtype in pandas.
        sent: what is sent for it.
        read: makes the value of a content that is not None; raises MisfitError.
        write: makes the content of a cell, MISSING where it has no value; raises CellError.
        same: whether two contents that are not None say the same, the one that is there and the one to be written.
    """

    name: str
    python: str
    arrow: str
    pandas: str
    sent: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = writing.write_text
    same: Callable[[Any, Any], bool] = writing.same_text

    @property
    def is_json(self) -> bool:
        """Whether a content may be any JSON."""
        return self.python == "any JSON"

    @property
    def shows_anything(self) -> bool:
        """Whether a column of it has room for what does not fit, as text."""
        return self.arrow == "string"


@attrs.frozen
class FieldType:
    """A type of field: how its contents are read, and how sure that is."""

    form: Form
    evidence: str


TEXT = Form("text", "str", "string", "str", "text", reading.read_text)
KEY = attrs.evolve(TEXT, name="key", write=writing.write_key)
NUMBER = Form(
    "number", "float", "double", "float64", "its text", reading.read_number, writing.write_number, writing.same_number
)
WHOLE = attrs.evolve(NUMBER, name="whole number", python="int", arrow="int64", pandas="Int64", read=reading.read_whole)
EXACT = attrs.evolve(
    NUMBER, name="decimal number", python="Decimal", arrow="string", pandas="object", read=reading.read_exact
)
FLAG = Form(
    "yes or no", "bool", "bool", "boolean", "true or false", reading.read_flag, writing.write_flag, writing.same_flag
)
DAY = Form(
    "day", "date", "date32", "datetime64[s]", "`2026-03-01`", reading.read_day, writing.write_day, writing.same_day
)
TEXTS = Form(
    "list of texts", "list[str]", "list<string>", "object", "a list of texts", reading.read_texts, writing.write_texts,
    writing.same_texts,
)  # fmt: skip
CHOICES = attrs.evolve(TEXTS, name="choices", write=writing.write_choices, same=writing.same_choices)
FILE = Form("file", "FileValue", "string", "str", "an upload", reading.read_file, writing.write_file, writing.same_file)
RECORD = Form(
    "record", "RecordLink", "string", "str", "the id of a record", reading.read_record, writing.write_record,
    writing.same_record,
)  # fmt: skip
JSON = Form(
    "any JSON", "any JSON", "string", "str", "any JSON", lambda content: content, writing.write_json, writing.same_json
)
QUALIFIED = attrs.evolve(
    JSON, name="qualified number", sent="text such as `>10`", write=writing.write_qualified, same=writing.same_qualified
)
PLAIN_NUMBER = attrs.evolve(NUMBER, name="number without a sign")
"""How a qualified number is read as a number: one with a sign, such as `>10`, is none."""
STANDING = Form("as it stands", "str", "string", "str", "", as_it_stands)

NUMBERS = (writing.write_number, writing.write_qualified)
"""What writes cells that are numbers."""

SEEN = "seen in answers of the platform"
DOCUMENTED = "documented, not seen"
ASSUMED = "assumed"

FIELD_TYPES: dict[str, FieldType] = {
    "text": FieldType(TEXT, SEEN),
    "number": FieldType(NUMBER, SEEN),
    "boolean": FieldType(FLAG, SEEN),
    "record-reference": FieldType(RECORD, DOCUMENTED),
    "date": FieldType(DAY, ASSUMED),
    "select": FieldType(TEXT, ASSUMED),
    "status": FieldType(TEXT, ASSUMED),
    "multiselect": FieldType(CHOICES, ASSUMED),
    "people": FieldType(CHOICES, ASSUMED),
    "URL": FieldType(TEXTS, "seen so in properties of activities"),
    "email": FieldType(TEXT, ASSUMED),
    "phone": FieldType(TEXT, ASSUMED),
    "smiles-string": FieldType(TEXT, ASSUMED),
    "molfile": FieldType(TEXT, ASSUMED),
    "rxn": FieldType(TEXT, ASSUMED),
    "formula": FieldType(TEXT, ASSUMED),
    "dna-oligo": FieldType(TEXT, ASSUMED),
    "rna-oligo": FieldType(TEXT, ASSUMED),
    "peptide": FieldType(TEXT, ASSUMED),
    "plasmid": FieldType(TEXT, ASSUMED),
    "protein-structure": FieldType(TEXT, ASSUMED),
    "snowflake-query": FieldType(TEXT, ASSUMED),
    "file": FieldType(FILE, ASSUMED),
    "image": FieldType(FILE, ASSUMED),
    "qualified-number": FieldType(QUALIFIED, ASSUMED),
    "mixture": FieldType(JSON, ASSUMED),
    "votes": FieldType(JSON, ASSUMED),
    "xy-array": FieldType(JSON, ASSUMED),
    "google-drive-file": FieldType(JSON, ASSUMED),
    "s3-file": FieldType(JSON, ASSUMED),
}
"""Every type of field. A type that is not here is one of a newer platform, and read as any JSON."""

_KINDS: dict[type, Form] = {
    float: NUMBER,
    int: WHOLE,
    Decimal: EXACT,
    str: STANDING,
    bool: FLAG,
    date: DAY,
    list: TEXTS,
}


def form_of(field: EntityFieldData, as_type: type | None = None, argument: str = "as_type") -> Form:
    """Return how the contents of a field are read, or how they are read as the type that you ask for.

    Numbers may be asked for as float, int or Decimal, qualified ones too, everything as str. Raises ValueError where a
    field has no values of such a type, naming the argument.
    """
    # Key values identify: 0042 and 42 are two records, whatever the type says.
    known = FIELD_TYPES.get(str(field.field_type))
    own = KEY if field.is_key else JSON if known is None else known.form
    if as_type is None:
        return own
    wanted = _KINDS.get(as_type) if isinstance(as_type, type) else None
    if wanted is None:
        names = ", ".join(kind.__name__ for kind in _KINDS)
        given = str(as_type)
        cure = f"; write {given}, without quotes" if given in names.split(", ") else ""
        raise ArgumentError(f"{argument} must be one of {names}; got {safe_repr(as_type)}{cure}")
    if wanted is STANDING and own.read is TEXT.read:
        return own
    if own is QUALIFIED and wanted is NUMBER:
        return PLAIN_NUMBER
    if wanted is STANDING or wanted.read is own.read or (own in (NUMBER, QUALIFIED) and wanted in (WHOLE, EXACT)):
        return wanted
    kinds = (
        "float, int, Decimal or str"
        if own in (NUMBER, QUALIFIED)
        else "str"
        if own.shows_anything
        else f"{own.python} or str"
    )
    raise ArgumentError(
        f"{safe_repr(field.field_name or field.id)} is a field of the type {str(field.field_type)!r}: it is read as "
        f"{kinds}, not as {as_type.__name__}"
    )


def write_in_column(form: Form, cells: Iterable[Any]) -> Callable[[Any], Any]:
    """Return what makes the contents of the cells of a column: `form.write`, or what also looks at the other cells.

    In a column of numbers with decimal commas, `1.234` may be thousands.
    """
    write = form.write
    if write not in NUMBERS or not any(map(has_decimal_comma, cells)):
        return write

    def checked(cell: Any) -> Any:
        check_beside_commas(cell)
        return write(cell)

    return checked


def read_content(form: Form, content: Any) -> Any:
    """Return the value of a content, None where there is none. Raises MisfitError when it does not fit."""
    return None if content is None else form.read(content)


def read_column(form: Form, contents: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """Return the values of contents, None where there is none, and the positions of those that do not fit."""
    if form.read is TEXT.read:
        if all(type(content) is str or content is None for content in contents):
            return list(contents), []
    elif form is NUMBER:
        values = _floats(contents)
        if values is not None:
            return values, []
    misfits: list[int] = []
    found: list[Any] = []
    read = form.read
    for position, content in enumerate(contents):
        try:
            found.append(None if content is None else read(content))
        except MisfitError:
            found.append(None)
            misfits.append(position)
    return found, misfits


def _floats(contents: Sequence[Any]) -> list[float | None] | None:
    """Return numbers that come as text, as a rule; None where any content is something else."""
    try:
        text = "".join([content for content in contents if content is not None])
        if "_" in text or not text.isascii():
            return None
        values = [None if content is None else float(content) for content in contents]
    except (TypeError, ValueError):
        return None
    return values if all(map(math.isfinite, filter(None, values))) else None


def misfit_text(field: EntityFieldData, content: Any, record: str | None = None) -> str:
    """Return the sentence that tells of a content which does not fit the type of its field."""
    where = "" if record is None else f" of {record}"
    return (
        f"{safe_repr(field.field_name or field.id)}{where} holds {safe_repr(content)}, which does not fit the type "
        f"{str(field.field_type)!r} of the field"
    )
