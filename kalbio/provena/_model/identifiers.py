"""Objects that name an item, where its handle is wanted."""

from __future__ import annotations

from typing import Any

from kalbio.provena._model.items import Hit, Item
from kalbio.provena._model.lineage import LineageNode
from kalbio.provena._model.run_outcomes import RunOutcome


def handle_of(given: Any) -> Any:
    """Return the handle of an object that names an item, and anything else as it is."""
    return (given.id or given) if isinstance(given, Item | Hit | LineageNode | RunOutcome) else given
