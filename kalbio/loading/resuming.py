"""What a load that was killed has done already: told by its journal and by what is there.

The journal knows a record as "sent" from before it is written until all of its cells were seen to be there; then as
"done". With "sent" it keeps a digest of what each cell held before, so that afterwards a cell that was not written yet
is told from one that somebody else has written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kalbio._core.bulk.journal import JournalEntry, digest
from kalbio._core.json import strict_json
from kalbio._core.text.display import safe_repr
from kalbio.loading.cells import LoadCell, key_shown
from kalbio.loading.planning import Current, PlannedRow

_NOTHING = ""
_GONE = "an earlier run of this load may have written it, and the field holds {} by now; it was left alone"
_CHANGED = "was written by an earlier run of this load, and the field holds {} by now; it was left alone"
_REMOVED = "was made by an earlier run of this load, and is not there any more; it was not made again"
_OPEN = "may be on its way still: {}; run the load again later, with the same journal"


def row_digest(row: PlannedRow, target: Sequence[str | None]) -> bytes:
    """Return the digest of a row and of where it goes, by which a journal knows it."""
    given = {name: row.shown(name) for name in sorted(row.given)}
    return digest(strict_json.encode([target, row.key, given]))


def before_text(row: PlannedRow) -> str:
    """Return what a journal keeps of what the cells of a row hold before they are written: no contents."""
    return json.dumps({name: _short(row.old.get(name)) for name in row.write})


def settle(
    rows: Iterable[PlannedRow],
    entries: Mapping[int, JournalEntry],
    current: Current,
    columns: Sequence[str],
    still_open: str | None,
) -> list[LoadCell]:
    """Take out of the rows what must not be written again; return these cells, with what is known of them.

    Args:
        rows: the rows, compared with what is there.
        entries: what the journal knows of them, by their numbers.
        current: what is there.
        columns: the columns, in the order of the contents.
        still_open: why it cannot be told whether what was sent is in by now; None where it can.
    """
    left: list[LoadCell] = []
    positions = {name: position for position, name in enumerate(columns)}
    for row in rows:
        entry = entries.get(row.number)
        if entry is None:
            continue
        found = current.get(row.key)
        before = json.loads(entry.before or "{}")
        kept: list[str] = []
        for name in row.write:
            now = None if found is None else found[1][positions[name]]
            if entry.state == "done":
                left.append(_left(row, name, now, "conflict", _CHANGED.format(_shown(now))))
            elif still_open is not None:
                left.append(_left(row, name, now, "unknown", _OPEN.format(still_open)))
            elif before.get(name) == _short(now):
                kept.append(name)
            else:
                left.append(_left(row, name, now, "conflict", _GONE.format(_shown(now))))
        row.write = kept
        row.old = {name: old for name, old in row.old.items() if name in kept}
        row.held = entry.state == "done" or still_open is not None
        if row.held and not row.given and row.record_id is None:
            status, reason = ("unknown", _OPEN.format(still_open)) if still_open else ("conflict", _REMOVED)
            left.append(LoadCell(row.row, key_shown(row.key), None, status, reason=reason))
    return left


def _left(row: PlannedRow, name: str, now: Any, status: str, reason: str) -> LoadCell:
    return LoadCell(row.row, key_shown(row.key), name, status, now, row.shown(name), reason, row.record_id)


def _shown(now: Any) -> str:
    return "no value" if now is None else safe_repr(now)


def _short(content: Any) -> str:
    return _NOTHING if content is None else digest(strict_json.encode(content)).hex()[:16]
