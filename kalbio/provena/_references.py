# Derived from kalbio/provena/aio/_references.py by scripts/regenerate; edit that file. (digest 8f0793f8b0fc)
"""Looks up what data name: an object or a display name becomes the handle, where a handle belongs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

from kalbio._core.errors import IdentifierError
from kalbio._core.objects.identifiers import Catalog
from kalbio.provena._model.faults import Faults
from kalbio.provena._model.identifiers import handle_of
from kalbio.provena._model.items import HANDLE
from kalbio.provena._model.references import References
from kalbio.provena._model.subtypes import Subtype
from kalbio.provena._service import WithRegistry


class LookUps:
    """Looks up the items that one write names: each once, and names in a list of now, one for each subtype."""

    def __init__(self, client: WithRegistry) -> None:
        self._client = client
        self._lists: dict[Subtype, Catalog[Any]] = {}
        self._found: dict[tuple[Subtype, str], str | IdentifierError] = {}

    def look(self, subtype: Subtype, identifier: Any) -> str:
        """Return the handle of an item; what was looked up before, in vain or not, is not looked up again."""
        if not isinstance(identifier, str):
            return str(self._client.registry(subtype).checked(identifier))
        key = (subtype, identifier)
        if key not in self._found:
            try:
                self._found[key] = self._look(subtype, identifier)
            except IdentifierError as error:
                self._found[key] = error
        found = self._found[key]
        if isinstance(found, IdentifierError):
            raise copy(found)  # each is told where it was found
        return found

    def _look(self, subtype: Subtype, identifier: str) -> str:
        items = self._client.registry(subtype)
        items.check(identifier)
        if HANDLE.fullmatch(identifier):
            return str(items.checked(identifier))
        if subtype not in self._lists:
            self._lists[subtype] = items.catalog(use_cache=False)
        found: str = self._lists[subtype].named(identifier).id
        return found


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
