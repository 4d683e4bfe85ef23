"""What the contents of each type of field are: in Python, in Arrow and in pandas. One table; no network.

The type of the field decides, never the content: a number is a float in every row. What does not fit its type is kept
as it is, and told.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

import attrs

from kalbio._core.objects.identifiers import is_uuid
from kalbio._core.objects.times import parse_timestamp
from kalbio._core.text.display import safe_repr
from kalbio._model.fields import EntityFieldData

Json: TypeAlias = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""Anything that JSON can say."""


class ContentTypeWarning(UserWarning):
    """A content does not fit the type of its field; it is given as it is."""


class MisfitError(ValueError):
    """A content does not fit its type."""


@attrs.frozen
class Form:
    """How contents are read.

    Attributes:
        name: what it is called in the table of the guide.
        python: the type that a value has in Python.
        arrow: its type in Arrow.
        pandas: its dtype in pandas.
        sent: what is sent for it.
        read: makes the value of a content that is not None; raises MisfitError.
    """

    name: str
    python: str
    arrow: str
    pandas: str
    sent: str
    read: Callable[[Any], Any]

    @property
    def shows_anything(self) -> bool:
        """Whether a column of it has room for what does not fit, as text."""
        return self.arrow == "string"


@attrs.frozen
class FieldType:
    """A type of field: how its contents are read, and how sure that is."""

    form: Form
    evidence: str


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    raise MisfitError


def _number(content: Any) -> float | None:
    if isinstance(content, str):
        if not content.strip():
            return None
        # Python takes 1_000, digits of other scripts and names for what is no number, too.
        if not content.isascii() or "_" in content:
            raise MisfitError
    elif isinstance(content, bool) or not isinstance(content, int | float):
        raise MisfitError
    try:
        number = float(content)
    except (ValueError, OverflowError):
        raise MisfitError from None
    if not math.isfinite(number):
        raise MisfitError
    return number


def _exact(content: Any) -> Decimal | None:
    if _number(content) is None:
        return None
    try:
        return Decimal(content.strip() if isinstance(content, str) else str(content))
    except InvalidOperation:
        raise MisfitError from None


def _whole(content: Any) -> int | None:
    exact = _exact(content)
    if exact is None:
        return None
    if exact != exact.to_integral_value():
        raise MisfitError
    return int(exact)


def _flag(content: Any) -> bool | None:
    if content == "":
        return None
    if isinstance(content, bool):
        return content
    raise MisfitError


_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MIDNIGHT = time()


def _day(content: Any) -> date | None:
    if content == "":
        return None
    if isinstance(content, str) and _DAY.fullmatch(content):
        try:
            return date.fromisoformat(content)
        except ValueError:
            raise MisfitError from None
    moment = parse_timestamp(content)
    # The platform shows days as midnight UTC; any other time is more than a day.
    if moment is None or moment.utcoffset() != timedelta(0) or moment.time() != _MIDNIGHT:
        raise MisfitError
    return moment.date()


def _texts(content: Any) -> list[str] | None:
    if content == "":
        return None
    items = [content] if isinstance(content, str) else content
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise MisfitError
    return list(items)


def _file(content: Any) -> dict[str, Any] | None:
    if content == "":
        return None
    if is_uuid(content):
        return {"file_id": content}
    if isinstance(content, dict) and isinstance(content.get("file_id"), str) and content["file_id"]:
        return content
    raise MisfitError


def _record(content: Any) -> str | None:
    if content == "":
        return None
    if is_uuid(content):
        return str(content)
    raise MisfitError


def as_it_stands(content: Any) -> str:
    """Return a content as text: text as it is, anything else as JSON."""
    if isinstance(content, str):
        return content
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


TEXT = Form("text", "str", "string", "str", "text", _text)
NUMBER = Form("number", "float", "double", "float64", "a number, or its text", _number)
WHOLE = Form("whole number", "int", "int64", "Int64", NUMBER.sent, _whole)
EXACT = Form("decimal number", "Decimal", "string", "object", NUMBER.sent, _exact)
FLAG = Form("yes or no", "bool", "bool", "boolean", "true or false", _flag)
DAY = Form("day", "date", "date32", "datetime64[s]", "ISO 8601 text", _day)
TEXTS = Form("list of texts", "list[str]", "list<string>", "object", "a list of texts", _texts)
FILE = Form("file", "FileValue", "string", "str", "an upload", _file)
RECORD = Form("record", "RecordLink", "string", "str", "the id of a record", _record)
JSON = Form("any JSON", "any JSON", "string", "str", "any JSON", lambda content: content)
STANDING = Form("as it stands", "str", "string", "str", "", as_it_stands)

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
    "multiselect": FieldType(TEXTS, ASSUMED),
    "people": FieldType(TEXTS, ASSUMED),
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
    "qualified-number": FieldType(JSON, ASSUMED),
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

    Numbers may be asked for as float, int or Decimal, everything as str. Raises ValueError where a field has no values
    of such a type, naming the argument.
    """
    # Key values identify: 0042 and 42 are two records, whatever the type says.
    known = FIELD_TYPES.get(str(field.field_type))
    own = TEXT if field.is_key else JSON if known is None else known.form
    if as_type is None:
        return own
    wanted = _KINDS.get(as_type) if isinstance(as_type, type) else None
    if wanted is None:
        names = ", ".join(kind.__name__ for kind in _KINDS)
        given = str(as_type)
        cure = f"; write {given}, without quotes" if given in names.split(", ") else ""
        raise ValueError(f"{argument} must be one of {names}; got {safe_repr(as_type)}{cure}")
    if wanted is STANDING and own is TEXT:
        return own
    if wanted in (own, STANDING) or (own is NUMBER and wanted in (WHOLE, EXACT)):
        return wanted
    kinds = "float, int, Decimal or str" if own is NUMBER else "str" if own.shows_anything else f"{own.python} or str"
    raise ValueError(
        f"{safe_repr(field.field_name or field.id)} is a field of the type {str(field.field_type)!r}: it is read as "
        f"{kinds}, not as {as_type.__name__}"
    )


def read_content(form: Form, content: Any) -> Any:
    """Return the value of a content, None where there is none. Raises MisfitError when it does not fit."""
    return None if content is None else form.read(content)


def read_column(form: Form, contents: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """Return the values of contents, None where there is none, and the places of those that do not fit."""
    if form is TEXT:
        if all(type(content) is str or content is None for content in contents):
            return list(contents), []
    elif form is NUMBER:
        values = _floats(contents)
        if values is not None:
            return values, []
    misfits: list[int] = []
    found: list[Any] = []
    read = form.read
    for place, content in enumerate(contents):
        try:
            found.append(None if content is None else read(content))
        except MisfitError:
            found.append(None)
            misfits.append(place)
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
