"""The values of many records as rows of contents: answers are decoded straight into what is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from kalbio._core.json.lazy_json import LazyObject
from kalbio._core.objects.listing import read_undecoded
from kalbio._model.record_json import entries_of
from kalbio._model.record_values import current_entry
from kalbio._model.records import RecordData, state_of

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Response


class _Entry(msgspec.Struct, gc=False):
    """A value as it comes, its time decoded already."""

    content: Any = None
    created_at: datetime | None = None
    record_id: str | None = None
    operation_id: str | None = None
    record_view_id: str | None = None


class _Scoped(Protocol):
    operation_id: Any
    record_id: Any
    record_view_id: Any


class RowReader:
    """Reads answers that list records: the current contents of some fields, by record.

    Args:
        field_ids: the fields, in the order of the contents.
        operation_id: only values written in this activity; key values always count.
        record_view_id: with an activity: only values written in this table of it, or outside of its tables.
        include_sub_records: whether values of sub-records count too.

    Attributes:
        hidden: ids of records that show no value of this table, but one of another table of the activity. A record
            may show one value of each activity only, so an older one of this table may be hidden. Where values of
            sub-records count too, also records that show one of this table: a hidden one may be newer.
    """

    def __init__(
        self,
        field_ids: Sequence[str],
        operation_id: str | None = None,
        record_view_id: str | None = None,
        include_sub_records: bool = False,
    ) -> None:
        self._field_ids = field_ids
        self._operation = operation_id
        self._view = record_view_id
        self._sub_records = include_sub_records
        self.hidden: set[str] = set()
        names = [f"f{number}" for number in range(len(field_ids))]
        values = msgspec.defstruct(
            "Values",
            [(name, list[_Entry], []) for name in names],
            rename=dict(zip(names, field_ids, strict=True)),
            gc=False,
        )
        record = msgspec.defstruct("Record", [("id", str), ("record_values", values)], gc=False)
        self._decoder: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[record])  # type: ignore[valid-type]

    def read(self, response: Response) -> dict[str, list[Any]]:
        """Return the id of each record to its contents."""
        try:
            return self._read_fast(response.content)
        except (ValueError, TypeError, RecursionError):
            # Of another shape than usual, with times without a zone or alike: readable still, record by record.
            records = read_undecoded(response, RecordData)
            return {record.id: self.contents_of(state_of(record), record.id) for record in records}

    def _read_fast(self, data: bytes) -> dict[str, list[Any]]:
        if not data.isascii():
            data.decode()
        to_lists = msgspec.structs.astuple
        plain, any_owner = self._operation is None, self._sub_records
        passes = self._passes
        found: dict[str, list[Any]] = {}
        for record in self._decoder.decode(data):
            own = record.id
            contents: list[Any] = []
            for entries in to_lists(record.record_values):
                best = None
                for entry in entries:
                    owner = entry.record_id
                    if owner is not None and not ((owner == own or any_owner) and (plain or passes(entry))):
                        continue
                    if best is None or _later(entry, best):
                        best = entry
                if self._view is not None and (best is None or any_owner):
                    self._look_for_others(entries, own)
                contents.append(None if best is None else best.content)
            found[own] = contents
        return found

    def counts(self, operation_id: Any, record_view_id: Any) -> bool:
        """Whether a value of a data field that was written there is in the scope."""
        if self._operation is None:
            return True
        if str(operation_id) != self._operation:
            return False
        return self._view is None or record_view_id is None or str(record_view_id) == self._view

    def _passes(self, entry: _Scoped) -> bool:
        return self.counts(entry.operation_id, entry.record_view_id)

    def _look_for_others(self, entries: Iterable[_Scoped], own_id: str) -> None:
        here = [entry for entry in entries if str(entry.operation_id) == self._operation]
        seen = {str(entry.record_id) for entry in here if self._passes(entry)}
        owners = {str(entry.record_id) for entry in here} - seen
        if own_id in owners or (self._sub_records and owners):
            self.hidden.add(own_id)

    def contents_of(self, state: dict[str, Any] | LazyObject, own_id: str) -> list[Any]:
        """Return the contents of a record that was read already."""
        contents = []
        for field_id in self._field_ids:
            known = entries_of(state, field_id)
            entries = [entry for entry in known if entry.record_id is None or self._passes(entry)]
            entry = current_entry(entries, own_id, include_sub_records=self._sub_records)
            if self._view is not None and (entry is None or self._sub_records):
                self._look_for_others(known, own_id)
            contents.append(None if entry is None else entry.content)
        return contents

    def contents_among(self, values: Iterable[dict[str, Any]], own_id: str) -> list[Any]:
        """Return the contents of a record, given all values that it ever had, the newest first."""
        newest: dict[str, Any] = {}
        for value in values:
            if str(value.get("record_id") or own_id) == own_id and self.counts(
                value.get("operation_id"), value.get("record_view_id")
            ):
                newest.setdefault(str(value.get("field_id")), value.get("content"))
        return [newest.get(field_id) for field_id in self._field_ids]


def _later(one: _Entry, other: _Entry) -> bool:
    if other.created_at is None:
        return one.created_at is not None
    if one.created_at == other.created_at:
        raise ValueError("at the same time, unless it has more digits than were decoded")
    return one.created_at is not None and one.created_at > other.created_at


def columns_from(rows: Iterable[Sequence[Any]], count: int) -> list[list[Any]]:
    """Return rows as columns, of which there are so many also where there is no row."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return columns or [[] for _ in range(count)]
