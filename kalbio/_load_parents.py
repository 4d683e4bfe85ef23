# Derived from kalbio/aio/_load_parents.py by scripts/regenerate; edit that file. (digest c4a151a7276e)
"""The records that those of a load belong to, such as the compounds of batches: looked up before batches are made."""

from __future__ import annotations

from collections.abc import Sequence

from kalbio._directory import Client
from kalbio._load_state import StateReader
from kalbio.entity_types import ENTITY_TYPES
from kalbio.loading.near_twins import other_spellings
from kalbio.loading.parents import Parents
from kalbio.loading.plan import Layout
from kalbio.loading.planning import PlannedRow


def parents_of(client: Client, layout: Layout, rows: Sequence[PlannedRow]) -> list[Parents]:
    """Return the types whose keys are a part of those of a load, with the records that new rows may belong to."""
    new = [row for row in rows if row.record_id is None]
    fields = list(layout.keys.values())
    ids = [field.id for field in fields]
    if not new or len(ids) < 2:
        return []
    found: list[Parents] = []
    for kind in (client.directory[ENTITY_TYPES].catalog()).items:
        places = [place for place, field_id in enumerate(ids) if field_id in kind.key_field_ids]
        if kind.is_archived or not places or len(places) == len(ids) or len(places) < len(kind.key_field_ids):
            continue
        reader = StateReader(client, kind.id, [fields[place] for place in places], [], None)
        keys = list({tuple(row.key[place] for place in places): None for row in new})
        state = reader.read(keys, None)
        known = set(state.records)
        if not state.whole:
            others = other_spellings([key for key in keys if key not in known])
            known.update((reader.of_keys(others)) if others else ())
        found.append(Parents(str(kind), places, known))
    return found
