# Derived from kalbio/aio/_load_state.py by scripts/regenerate; edit that file. (digest e9e09501bc03)
"""What the records hold that a load is for: read with few requests, past every cache."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kaleidoscope_api.api.records import list_record_values, list_records, search_records

from kalbio._core.http.responses import as_list
from kalbio._core.http.url_chunks import chunk_for_url
from kalbio._core.objects.listing import read_ids
from kalbio._core.sync.concurrency import map_bounded
from kalbio._directory import Client
from kalbio._listing import Kind
from kalbio._model import staleness
from kalbio._model.activities import ActivityData
from kalbio._model.fields import EntityFieldData
from kalbio._model.records import state_of
from kalbio.loading.near_twins import Key
from kalbio.tables._rows import RowReader

_ACTIVITIES: Kind[ActivityData] = Kind(staleness.ACTIVITY)

# A whole type is read where that is not much more than what is asked for: fewer requests, and all keys are seen.
_SHARE = 2
_FEW = 2_000


class State:
    """What is there.

    Attributes:
        records: key to the id of the record, and its contents in the order of the columns.
        whole: whether these are all records of the type, not only those that were asked for.
        known: the ids of all records of the type that there are.
        members: of these, those that are in the activity and the program; None where there is neither.
    """

    def __init__(self) -> None:
        self.records: dict[Key, tuple[str, Sequence[Any]]] = {}
        self.whole = True
        self.known: set[str] = set()
        self.members: set[str] | None = None


class StateReader:
    """Reads what records of a type hold.

    Args:
        client: whom to ask.
        entity_type: the id of the type, None where there is none yet.
        keys: the key fields, in the order of the keys.
        columns: the data fields, in the order of the contents.
        activity: only what was written in this activity.
        table: only what was written in this table of it, or outside of its tables.
    """

    def __init__(
        self,
        client: Client,
        entity_type: str | None,
        keys: Sequence[EntityFieldData],
        columns: Sequence[EntityFieldData],
        activity: str | None,
        table: str | None = None,
    ) -> None:
        self._client = client
        self._session = client.session
        self._activity = activity
        self._table = table
        self._type = entity_type
        self._keys = [field.id for field in keys]
        # A field that is to be made has no id yet, and no values.
        self._places = [place for place, field in enumerate(columns) if field.id]
        self._width = len(columns)
        self._reader = RowReader([*self._keys, *(columns[place].id for place in self._places)], activity, table)

    def read(self, keys: Sequence[Key], program: str | None) -> State:
        """Return what is there of the records with these keys, and which of them are in the activity and a program."""
        state = State()
        if self._type is None:
            return state
        ids = self.ids()
        state.known = set(ids)
        if self.is_whole(len(ids), len(keys)):
            state.records = self.of_ids(ids)
        else:
            state.whole = False
            state.records = self.of_keys(keys)
        state.members = self.members(program)
        return state

    def members(self, program: str | None) -> set[str] | None:
        """Return the ids of the records that are in the activity, on its table, and in a program.

        None where there is nothing to be in.
        """
        conditions = {"operation_id": self._activity, "program_id": program}
        given = [{name: value} for name, value in conditions.items() if value is not None]
        if not given:
            return None
        found = [set(self.ids(**condition)) for condition in given]
        if self._table is not None:
            activity = ActivityData(self._client.directory[_ACTIVITIES].read_now(self._activity))
            found.append(set(activity.data_table_record_mapping.get(self._table, [])))
        return set.intersection(*found)

    @property
    def has_type(self) -> bool:
        """Whether there is a type, and so maybe records."""
        return self._type is not None

    @staticmethod
    def is_whole(count: int, asked: int) -> bool:
        """Whether so many records are better read by their ids, all of them, than by the keys that are asked for."""
        return count <= _SHARE * asked + _FEW

    def ids(self, **conditions: Any) -> list[str]:
        """Return the ids of all records of the type that meet the conditions."""
        build: Any = search_records.build_request
        response = self._session.call_or_none(build(entity_slice_id=self._type, **conditions))
        return [] if response is None else read_ids(response)

    def of_ids(self, ids: Iterable[str]) -> dict[Key, tuple[str, Sequence[Any]]]:
        """Return what the records with these ids hold."""
        wanted = list(dict.fromkeys(ids))
        overhead = self._session.target_length(list_records.build_request(record_ids=""))
        batches = list(chunk_for_url(wanted, overhead=overhead, separator=",", max_count=len(wanted) or 1))

        def ask(batch: slice) -> dict[str, list[Any]]:
            response = self._session.call(list_records.build_request(record_ids=",".join(wanted[batch])))
            return self._reader.read(response)

        found: dict[Key, tuple[str, Sequence[Any]]] = {}
        for answer in map_bounded(ask, batches, self._session.max_in_flight):
            for record_id, contents in answer.items():
                self._add(found, record_id, contents)
        self._look_behind(found)
        return found

    def of_keys(self, keys: Sequence[Key]) -> dict[Key, tuple[str, Sequence[Any]]]:
        """Return what the records with these keys hold."""
        asked = [dict(zip(self._keys, key, strict=True)) for key in dict.fromkeys(keys)]
        found: dict[Key, tuple[str, Sequence[Any]]] = {}
        for record in self._client.directory.records.identify(asked, use_cache=False):
            if record is not None:
                self._add(found, record.id, self._reader.contents_of(state_of(record), record.id))
        self._look_behind(found)
        return found

    def _look_behind(self, found: dict[Key, tuple[str, Sequence[Any]]]) -> None:
        """Read the values that a record does not show, because newer ones of other tables of the activity hide them."""
        hidden = [(key, *there) for key, there in found.items() if there[0] in self._reader.hidden]

        def ask(one: tuple[Key, str, Sequence[Any]]) -> tuple[str, Sequence[Any]]:
            _, record_id, contents = one
            response = self._session.call(list_record_values.build_request(record_id))
            current = self._reader.contents_among(as_list(response), record_id)
            rest = list(contents)
            for place, content in zip(self._places, current[len(self._keys) :], strict=True):
                rest[place] = content
            return record_id, rest

        asked = map_bounded(ask, hidden, self._session.max_in_flight)
        found.update(zip((key for key, *_ in hidden), asked, strict=True))

    def _add(self, found: dict[Key, tuple[str, Sequence[Any]]], record_id: str, contents: Sequence[Any]) -> None:
        key, rest = contents[: len(self._keys)], contents[len(self._keys) :]
        if None in key:  # not of this type, or not shown whole
            return
        if len(rest) < self._width:
            known = dict(zip(self._places, rest, strict=True))
            rest = [known.get(place) for place in range(self._width)]
        found[tuple(map(str, key))] = (record_id, rest)
