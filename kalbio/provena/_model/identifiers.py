"""Objects that name an item, where its handle is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kalbio.provena._model.items import Hit, Item
from kalbio.provena._model.lineage import LineageNode
from kalbio.provena._model.run_outcomes import RunOutcome


def handle_of(given: Any) -> Any:
    """Return the handle of an object that names an item, and anything else as it is."""
    return (given.id or given) if isinstance(given, Item | Hit | LineageNode | RunOutcome) else given


def with_handles(data: Any) -> Any:
    """Return data with handles where they have objects."""
    if isinstance(data, Mapping):
        return {name: with_handles(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [with_handles(value) for value in data]
    return handle_of(data)
