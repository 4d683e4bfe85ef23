"""What is written for a cell, and when that is what is there already: both by the type of the field. No network.

The rules stand in the table of `kalbio._model.field_types`. For many cells of one column take `form_of(field)` once,
and call its `write` and `same`.
"""

from __future__ import annotations

from typing import Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.text.display import safe_repr
from kalbio._model.content_writing import FileToUpload
from kalbio._model.field_types import CHOICES, TEXTS, form_of
from kalbio._model.fields import EntityFieldData
from kalbio._model.plain_cells import MISSING, CellError

__all__ = [
    "MISSING", "CellError", "FileToUpload", "content_for", "fits_import", "listed_content", "may_be_listed",
    "same_content",
]  # fmt: skip

_SIGNS = frozenset(";,|\n[(")


def content_for(field: EntityFieldData, cell: Any) -> Any:
    """Return the content that a cell becomes in a field: what the API takes.

    MISSING where the cell has no value. A path in a field of files becomes a FileToUpload. Raises CellError where the
    field has no room for the cell; the text says what is wrong and the cure, and reads on from the cell.
    """
    return form_of(field).write(cell)


def listed_content(field: EntityFieldData, text: str) -> Any:
    """Return a text for a field of several texts as the list that a load makes of it; for other fields the text.

    Raises ValueError where it may be one text or several.
    """
    form = form_of(field)
    if form not in (TEXTS, CHOICES):
        return text
    try:
        found = form.write(text)
    except CellError:
        raise ArgumentError(
            f"content is {safe_repr(text)}, which may be one text or several, and the field takes a list; give that, as"
            f" in ['hit', 'lead'], for a single text {safe_repr([text])}"
        ) from None
    return text if found is MISSING else found


def may_be_listed(text: str) -> bool:
    """Whether a text has a sign of a list, so that it matters whether its field takes several texts."""
    return not _SIGNS.isdisjoint(text)


def same_content(field: EntityFieldData, old: Any, new: Any) -> bool:
    """Whether a content that is there (None: there is none) says what a content from `content_for` would say."""
    if old is None or new is None:
        return old is new
    return form_of(field).same(old, new)


def fits_import(field: EntityFieldData, content: Any) -> bool:
    """Whether an import can carry a content, so that it arrives as it is.

    An import takes texts, numbers and booleans. What it makes of lists and objects is not known, nor whether it reads
    the text in a field of any JSON.
    """
    return isinstance(content, str | bool | int | float) and not form_of(field).is_json
