"""The names of the tables of a mirror."""

from __future__ import annotations

from collections.abc import Sequence

from kalbio._core.text.display import printable
from kalbio._model.workspace_lists import LISTINGS

OWN_TABLES = (*(listing.table for listing in LISTINGS), "records", "values", "files", "activity_records", "misfits")
"""The tables that every mirror has; an entity type of such a name gets another one."""


def unique_names(wanted: Sequence[tuple[str, str]], taken: Sequence[str] = ()) -> dict[str, str]:
    """Return id to name; names that differ in case only count as equal, and later ones get a part of their id.

    Args:
        wanted: ids with the names that they should have, the first come first.
        taken: names that are not to be had.
    """
    seen = {name.casefold() for name in taken}
    found: dict[str, str] = {}
    for identifier, name in wanted:
        chosen = printable(name) or identifier
        if chosen.casefold() in seen:
            chosen = f"{chosen} ({identifier[:8]})"
        if chosen.casefold() in seen:
            chosen = f"{printable(name)} ({identifier})"
        seen.add(chosen.casefold())
        found[identifier] = chosen
    return found
