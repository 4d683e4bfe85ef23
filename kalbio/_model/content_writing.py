"""What is sent for a cell, and when two contents are the same: two functions for each kind of content. No network.

Those that write take any cell, and return MISSING where it has no value; they raise CellError where the cell has no
form in such a field. Those that compare take a content as the platform keeps it and one that was written; neither is
None.
"""

from __future__ import annotations

import ast
import contextlib
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from kalbio._core.json.strict_json import is_midnight, plain
from kalbio._core.objects.uuids import is_uuid
from kalbio._model.cell_refusals import counted_day, day_refusal, number_refusal
from kalbio._model.content_reading import (
    NUMBER,
    MisfitError,
    qualified_number,
    read_day,
    read_exact,
    read_file,
    read_number,
    read_record,
    read_texts,
)
from kalbio._model.keys import read_key
from kalbio._model.plain_cells import MISSING, CellError, plain_cell

_LONGEST_SURE = 200
"""So many digits are within what a float can be."""

_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_IS_NUMBER = re.compile(NUMBER)
_ANY_EXPONENT = re.compile(rf"{NUMBER}[0-9]*")
_DAY_AND_MORE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?")

_OTHER_SEPARATORS = {",": ",", "|": "|", "\n": r"\n"}
"""What people write between several choices in place of a semicolon, and how the converter is told."""

_SHOWN_TEXT = r"""(?:'(?:[^'\\]|\\[\\'"nrtxuU])*'|"(?:[^"\\]|\\[\\'"nrtxuU])*")"""
_SHOWN_LIST = re.compile(rf"[\[(]{_SHOWN_TEXT}(?:, {_SHOWN_TEXT})*,?[\])]")
"""How Python shows a list of texts. Of anything else its parser warns, in words about source code."""
_SHOWN = re.compile(
    rf"[\[{{](?:{_SHOWN_TEXT}|[\[\]{{}}(),: ]|-?[0-9][0-9.]*(?:e[+-]?[0-9]+)?(?![\w.])|(?:True|False|None)(?!\w))*"
)
"""How Python shows dicts and lists of all that JSON has."""

_FLAGS = {"true": True, "yes": True, "false": False, "no": False}


@attrs.frozen
class FileToUpload:
    """A file that is to become a value: what a path is to a field of files.

    Attributes:
        path: where it is.
    """

    path: Path

    def check(self) -> None:
        """Raise CellError where there is no such file, so that this is known before anything is sent."""
        if self.path.is_dir():
            raise CellError("is a folder; give the path of a file")
        if not self.path.is_file():
            raise CellError("is the path of no file that is there, and no id of a file")


# -- texts ------------------------------------------------------------------------------------------------------------


def write_text(cell: Any) -> Any:
    """Text as it stands; a number as its digits, without a fraction that it does not have."""
    if type(cell) is str and cell and cell.isascii():
        return cell
    return _as_text(plain_cell(cell))


def _as_text(plain: Any) -> Any:
    if isinstance(plain, str) or plain is MISSING:
        return plain
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, float) and plain.is_integer() and abs(plain) >= 2**53:
        raise CellError(
            "is a number with more digits than a float holds, so that its last ones are lost; read the column as text"
        )
    if isinstance(plain, int | float | Decimal):
        return _digits(plain)
    if isinstance(plain, date):
        return plain.isoformat()
    raise CellError("is a list, and the field takes one text; give that, for example with a converter: '; '.join")


def _digits(number: float | Decimal) -> str:
    if isinstance(number, float) and number.is_integer() and abs(number) < 2**53:
        number = int(number)
    try:
        return str(number)
    except ValueError:  # Python writes no more than some thousand digits
        raise CellError("is a number of too many digits") from None


def same_text(old: Any, new: Any) -> bool:
    """Every letter counts."""
    return type(old) is type(new) and bool(old == new)


def write_key(cell: Any) -> Any:
    """Text, or a whole number as its digits; nothing else identifies."""
    plain = plain_cell(cell)
    if plain is MISSING:
        return plain
    text, fault = read_key(plain)
    if fault is not None:
        raise CellError(f"is no key: it {fault}")
    return text


# -- numbers ----------------------------------------------------------------------------------------------------------


def write_number(cell: Any) -> Any:
    """The text of a number, as the platform keeps it: the digits that were given."""
    kind = type(cell)
    if (kind is str and _PLAIN.fullmatch(cell) and len(cell) < _LONGEST_SURE) or cell is MISSING:
        return cell
    if kind is float and math.isfinite(cell):
        return _digits(cell)
    plain = plain_cell(cell)
    if isinstance(plain, str):
        return _number_in(plain, number_refusal)
    if isinstance(plain, bool) or not isinstance(plain, int | float | Decimal):
        if plain is MISSING:
            return plain
        raise CellError(f"is {_kind_of(plain)}, and the field takes a number")
    return _in_range(_digits(plain))


def _number_in(text: str, refusal: Callable[[str], CellError]) -> Any:
    text = text.strip()
    if not text:
        return MISSING
    if _ANY_EXPONENT.fullmatch(text):
        return _in_range(text)
    raise refusal(text)


def _in_range(text: str) -> str:
    if math.isinf(float(text)) or _IS_NUMBER.fullmatch(text) is None:
        raise CellError("is a number beyond all that a field of numbers can be read as")
    return text


def _kind_of(plain: Any) -> str:
    if isinstance(plain, bool):
        return "a yes or no"
    if isinstance(plain, list):
        return "a list"
    if isinstance(plain, date):
        return "a time" if isinstance(plain, datetime) else "a date"
    return "text" if isinstance(plain, str) else "a number"


def same_number(old: Any, new: Any) -> bool:
    """The same number, however it is written."""
    if type(old) is str and old == new:
        return True
    try:
        return _same_exact(old, new)
    except MisfitError:
        return False


def _same_exact(old: Any, new: Any) -> bool:
    if read_number(old) != read_number(new):
        return False
    # What a float says of a number is all that is known of it where it was read as one: digits beyond stay.
    if isinstance(new, str) and new == _digits(float(new)):
        return True
    exact = read_exact(old)
    return exact is not None and exact == read_exact(new)


def write_qualified(cell: Any) -> Any:
    """A number, or one behind a comparison (`>10`), as text; what else the platform may keep there as JSON."""
    if isinstance(cell, Mapping):
        return _as_json(cell)
    plain = plain_cell(cell)
    if not isinstance(plain, str):
        return write_number(plain)
    text = plain.strip()
    if text.startswith("{") and isinstance(found := _parsed(text), dict):
        return found
    # The platform writes such a number into its exports as JSON text: `"12.3"`.
    if text.startswith('"') and qualified_number(found := _parsed(text)) is not None:
        text = found.strip()
    return text if qualified_number(text) is not None else _number_in(text, _qualified_refusal)


def _qualified_refusal(text: str) -> CellError:
    rest = text.lstrip("<>=~\u2248\u2264\u2265\u00b1 ")
    if rest == text:
        return number_refusal(text)
    if not rest or _IS_NUMBER.fullmatch(rest):
        return CellError("is no comparison with a number, such as '>10'")
    return number_refusal(rest)


def same_qualified(old: Any, new: Any) -> bool:
    """The same comparison with the same number, however they are written."""
    known = qualified_number(old)
    return same_json(old, new) if known is None else known == qualified_number(new)


# -- yes or no, days --------------------------------------------------------------------------------------------------


def write_flag(cell: Any) -> Any:
    """True or false, or one of the words for them."""
    if cell is True or cell is False:
        return cell
    plain = plain_cell(cell)
    if isinstance(plain, bool) or plain is MISSING:
        return plain
    if isinstance(plain, str):
        word = plain.strip().lower()
        if not word:
            return MISSING
        if word in _FLAGS:
            return _FLAGS[word]
    raise CellError(
        "is no yes or no: that is True or False, or the text true, false, yes or no; give a converter, such as"
        " lambda cell: {'1': True, '0': False}.get(str(cell), cell)"
    )


def same_flag(old: Any, new: Any) -> bool:
    """Both true or both false."""
    return isinstance(old, bool) and old is new


def write_day(cell: Any) -> Any:
    """A day, as `2026-03-01`; midnight without a zone, and midnight UTC, are one."""
    if type(cell) is date:
        return cell.isoformat()
    plain = plain_cell(cell)
    if plain is MISSING:
        return plain
    if isinstance(plain, datetime):
        if plain.utcoffset() != timedelta(0) or not is_midnight(plain):
            raise CellError(
                "has a time of day, and the field keeps days; give the day that is meant: value.date(), or a converter"
            )
        plain = plain.date()
    if isinstance(plain, date):
        return plain.isoformat()
    if not isinstance(plain, str):
        counted = counted_day(plain) if isinstance(plain, int | float) and not isinstance(plain, bool) else None
        raise CellError(
            counted or f"is {_kind_of(plain)}, and the field takes a day; give a date, or a converter that makes one"
        )
    text = plain.strip()
    if not text:
        return MISSING
    try:
        if _DAY_AND_MORE.fullmatch(text) and (day := read_day(text)) is not None:
            return day.isoformat()
    except MisfitError:
        if len(text) > len("2026-03-01"):
            raise CellError(
                "is no day, or has a time of day, which the field does not keep; give a converter that makes it a day"
            ) from None
    raise day_refusal(text)


def same_day(old: Any, new: Any) -> bool:
    """The same day: as such, or as its midnight UTC."""
    if old == new and type(old) is str:
        return True
    try:
        return read_day(old) == read_day(new)
    except MisfitError:
        return False


# -- lists of texts ---------------------------------------------------------------------------------------------------


def write_choices(cell: Any) -> Any:
    """A list of texts; a text is split at its semicolons, unless it is a list in JSON or as Python shows it."""
    return _write_texts(cell, is_split=True)


def write_texts(cell: Any) -> Any:
    """A list of texts; a text is one of them, unless it is a list in JSON or as Python shows it."""
    return _write_texts(cell, is_split=False)


def _write_texts(cell: Any, *, is_split: bool) -> Any:
    plain = plain_cell(cell)
    if isinstance(plain, str):
        found = _listed(plain)
        if found is not None:
            return [item for item in found if item] or MISSING
        text = plain.strip()
        # A semicolon says that commas belong to the names.
        odd = next((sign for sign in _OTHER_SEPARATORS if sign in text), None) if is_split and ";" not in text else None
        if odd is not None:
            raise CellError(
                f"may be one or several, because of its {odd!r}: write ';' between them, or behind a single one; or"
                f' give the converter "split:{_OTHER_SEPARATORS[odd]}", or a list'
            )
        items = [item.strip() for item in text.split(";")] if is_split else [text]
        return [item for item in items if item] or MISSING
    if plain is MISSING:
        return plain
    return [_as_text(item) for item in plain] if isinstance(plain, list) else [_as_text(plain)]


def _listed(text: str) -> list[str] | None:
    """Return the texts of a list in JSON, or in the form in which Python shows it; None where a text looks like none.

    pandas writes lists into files in the second form. Only what Python would show in just this way is one: it reads
    `['a' 'b']`, which numpy shows for two texts, as one text.
    """
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")) and not text.startswith(("('", '("')):
        return None
    found = _parsed(text) if text.startswith("[") else None
    if found is None and _SHOWN_LIST.fullmatch(text):
        with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            shown = ast.literal_eval(text)
            found = list(shown) if isinstance(shown, list | tuple) and repr(shown) == text else None
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        return found
    if text.startswith("("):
        return None
    raise CellError(
        'looks like a list and is none of texts, as ["hit", "lead"] is; write it so, or give a converter that returns a'
        " list: lambda cell: [cell] where it is a single text"
    )


def same_choices(old: Any, new: Any) -> bool:
    """The same texts, in any order."""
    try:
        return set(read_texts(old) or ()) == set(read_texts(new) or ())
    except MisfitError:
        return False


def same_texts(old: Any, new: Any) -> bool:
    """The same texts in the same order."""
    try:
        return (read_texts(old) or []) == (read_texts(new) or [])
    except MisfitError:
        return False


# -- files and records ------------------------------------------------------------------------------------------------


def write_file(cell: Any) -> Any:
    """A file that is there, as `{"file_id": ...}`, or a path, as what is to be uploaded."""
    if isinstance(cell, Mapping):
        try:
            known = read_file(dict(cell))
        except MisfitError:
            known = None
        if known is None:
            raise CellError("names no file; give its path, or {'file_id': ...}")
        return {"file_id": known["file_id"]}
    if isinstance(cell, bytes | bytearray | memoryview):
        raise CellError("is bytes, which have no file name; save them and give the path of the file")
    plain = plain_cell(cell)
    if plain is MISSING or (isinstance(plain, str) and not plain.strip()):
        return MISSING
    if not isinstance(plain, str):
        raise CellError(f"is {_kind_of(plain)}, and the field takes a file; give its path, or its id")
    if "\0" in plain:
        raise CellError("is the path of no file")
    return {"file_id": plain} if is_uuid(plain) else FileToUpload(Path(plain))


def same_file(old: Any, new: Any) -> bool:
    """The same file of the platform. Of one that is to be uploaded this cannot be told without its bytes."""
    try:
        known, given = read_file(old), read_file(new)
    except MisfitError:
        return False
    return known is not None and given is not None and same_id(known["file_id"], given["file_id"])


def write_record(cell: Any) -> Any:
    """The id of a record."""
    plain = plain_cell(cell)
    if plain is MISSING or (isinstance(plain, str) and not plain.strip()):
        return MISSING
    if is_uuid(plain):
        return plain.lower()
    raise CellError(
        "is no id of a record; give the record or its id, for example client.records.get_record_by_id({...}).id"
    )


def same_record(old: Any, new: Any) -> bool:
    """The same record."""
    try:
        known, given = read_record(old), read_record(new)
    except MisfitError:
        return False
    return known is not None and given is not None and same_id(known, given)


def same_id(one: str, other: str) -> bool:
    """Whether two ids are one: uuids may be written in capitals."""
    return one == other or (is_uuid(one) and one.lower() == other.lower())


# -- any JSON ---------------------------------------------------------------------------------------------------------


def write_json(cell: Any) -> Any:
    """Any JSON; text that is JSON is read, other text stands as it is."""
    if isinstance(cell, Mapping | list | tuple):
        return _as_json(cell) if cell else (MISSING if isinstance(cell, list | tuple) else {})
    value = plain_cell(cell)
    if isinstance(value, str):
        found = _parsed(value)
        if found is None and _is_shown_by_python(value):
            raise CellError("is a dict or a list as Python shows it, and no JSON; write it by json.dumps(...)")
        return value if found is None else found
    return value if value is MISSING else _as_json(value)


def _is_shown_by_python(text: str) -> bool:
    """Whether a text is what pandas writes into a file for a dict or a list."""
    if not _SHOWN.fullmatch(text.strip()):
        return False
    with contextlib.suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return isinstance(ast.literal_eval(text.strip()), dict | list)
    return False


def _as_json(value: Any) -> Any:
    try:
        return plain(value, "it")
    except (ValueError, TypeError) as error:
        raise CellError(f"cannot be sent: {error}") from None


def _parsed(text: str) -> Any:
    """Return what JSON text says, None where it is none. Raises CellError where it says one thing twice."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        if isinstance(error, CellError):
            raise
        return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise CellError("is JSON that has a member twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def same_json(old: Any, new: Any) -> bool:
    """The same JSON: the order of members means nothing, 1 and 1.0 are one number, True and 1 are not."""
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(same_json(old[name], new[name]) for name in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(same_json, old, new))
    return bool(old == new)
