"""Records whose key is a part of the keys of a load: the compound of a batch. No network."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import attrs

from kalbio._core.text.display import safe_repr
from kalbio.loading.cells import key_shown
from kalbio.loading.near_twins import Key, difference, near_twins
from kalbio.loading.planning import NEAR_TWIN_CURE, PlannedRow, Refusals
from kalbio.loading.showing import records_shown

_TWINS = 3


@attrs.frozen
class Parents:
    """The records of a type whose key fields are some of those of a load.

    Attributes:
        type_name: what the type is called.
        places: where the values of its key stand in the keys of the load.
        known: the keys of those that are there, as far as they were looked for.
    """

    type_name: str
    places: Sequence[int]
    known: Collection[Key]

    def key_of(self, row: PlannedRow) -> Key:
        """Return the key of the record that a row belongs to."""
        return tuple(row.key[place] for place in self.places)

    def hold_back_near_twins(self, rows: Sequence[PlannedRow], refusals: Refusals) -> list[PlannedRow]:
        """Return the rows but new ones that belong to a record whose key a person would take for that of another."""
        new: dict[Key, int] = {}
        for row in rows:
            if row.record_id is None and self.key_of(row) not in self.known:
                new.setdefault(self.key_of(row), row.row)
        twins = near_twins(new, self.known)
        kept: list[PlannedRow] = []
        for row in rows:
            own = self.key_of(row)
            others = twins.get(own) if row.record_id is None else None
            if others is None:
                kept.append(row)
                continue
            beside = " and ".join(
                f"from {safe_repr(key_shown(other))} of {f'row {new[other]}' if other in new else self.type_name} "
                f"in {difference(own, other)} only"
                for other in others[:_TWINS]
            )
            reason = f"would belong to {safe_repr(key_shown(own))}, which differs {beside}"
            refusals.near_twins.append(row.refused(f"{reason}{NEAR_TWIN_CURE}"))
        return kept

    def note(self, rows: Sequence[PlannedRow]) -> str | None:
        """Return what is to be said of new rows whose record of this type is not there; None where all are."""
        missing = [row.row for row in rows if row.record_id is None and self.key_of(row) not in self.known]
        return (
            f"without a record of {self.type_name} that they belong to: {records_shown(missing)}" if missing else None
        )
