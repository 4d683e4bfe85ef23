# Derived from kalbio/provena/aio/_references.py by scripts/regenerate; edit that file. (digest 8b3b747bd52e)
"""Looks up what data name: an object or a display name becomes the handle, where a handle belongs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kalbio._core.errors import IdentifierError
from kalbio.provena._model.faults import Faults
from kalbio.provena._model.identifiers import handle_of
from kalbio.provena._model.references import References
from kalbio.provena._model.subtypes import Subtype

Look = Callable[[Subtype, Any], str]
"""Returns the handle of an item of a subtype."""


def with_handles(
    look: Look, references: References, data: Any, faults: Faults | None = None, path: str = "", shown: str = ""
) -> Any:
    """Return data with handles where they name items.

    Args:
        look: returns the handle of what is named.
        references: where the data name items.
        data: the data, or a part of them.
        faults: keeps what is wrong, instead of an error for the first of it; there is None in its place then.
        path: which part that is, as the references call it.
        shown: the same, as a person calls it.

    Raises:
        IdentifierError: nothing has this name, several have it, or it is an item of another subtype; the text begins
            with the member.
    """
    subtype = references.get(path)
    if subtype is not None and data is not None:
        try:
            return look(subtype, data)
        except IdentifierError as error:
            error.args = (f"{shown}: {error}", *error.args[1:])
            if faults is None:
                raise
            with faults.of(shown):
                raise
            return None
    if isinstance(data, Mapping):
        before = (f"{path}.", f"{shown}.") if path else ("", "")
        return {
            name: with_handles(look, references, value, faults, f"{before[0]}{name}", f"{before[1]}{name}")
            for name, value in data.items()
        }
    if isinstance(data, list | tuple):
        return [
            with_handles(look, references, one, faults, f"{path}[]", f"{shown}[{number}]")
            for number, one in enumerate(data)
        ]
    return handle_of(data)
