"""The key values of records: what identifies one, and which of the records that came is the one that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from kalbio._core.http.responses import as_list, unusable
from kalbio._core.json import lazy_json
from kalbio._core.json.lazy_json import LazyObject
from kalbio._model.record_json import ENTRIES, entries_of, field_ids, parts_of, sub_records_of
from kalbio._model.records import RecordData, state_of

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Response
else:
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request

R = TypeVar("R", bound=RecordData)


KeyValues = Mapping[str, str]
"""Key field id to the text of its value: what identifies a record."""


def key_of(key_values: KeyValues) -> frozenset[tuple[str, str]]:
    """Return key values as something that can be compared and hashed, whatever their order."""
    return frozenset(key_values.items())


def shown_key(record: RecordData) -> frozenset[tuple[str, str]] | None:
    """Return the key that a record shows, None when it does not show it whole."""
    return own_key(state_of(record))


def shown_sub_records(record: RecordData) -> list[str]:
    """Return the ids of the sub-records that a record shows."""
    return sub_records_of(state_of(record))


def own_key(state: Mapping[str, Any] | LazyObject) -> frozenset[tuple[str, str]] | None:
    """Return the complete key of a record as its values tell it, None when they tell none."""
    found: dict[str, str] = {}
    for field_id in field_ids(state):
        # A key value stands alone, so the first entry tells the kind of the field.
        first = next(iter(entries_of(state, field_id)), None)
        if first is not None and first.record_id is None and first.created_at is None:
            found[field_id] = str(first.content)
    return key_of(found) if found else None


def read_identified(response: Response, make: Callable[[dict[str, Any] | LazyObject], R]) -> list[R | None]:
    """Return what an answer to a look-up by key values holds, in its order; None where there is no record."""
    texts = lazy_json.split_members(response.content, "record")
    if texts is not None:
        return [None if text is None else make(text) for text in texts]
    found: list[R | None] = []
    for item in as_list(response):
        record = item.get("record") if isinstance(item, dict) else None
        if isinstance(record, dict) and not lazy_json.is_id(record.get("id")):
            raise unusable(response, "a record of the answer has no id")
        found.append(make(record) if isinstance(record, dict) else None)
    return found


def is_named(record: RecordData | None, key_values: KeyValues) -> bool:
    """Whether a record, still undecoded, shows exactly these key values."""
    state = None if record is None else state_of(record)
    if not isinstance(state, LazyObject):
        return False
    try:
        parts = parts_of(state)
        if len(parts.identifier_ids) != len(key_values):
            return False
        firsts = [ENTRIES.decode(parts.record_values[field])[0] for field in key_values]
    except (ValueError, LookupError):
        return False
    return all(
        first.record_id is None and first.created_at is None and first.content == text
        for first, text in zip(firsts, key_values.values(), strict=True)
    )


def match_identified(asked: Sequence[KeyValues], answered: Sequence[R | None]) -> list[R | None]:
    """Assign the records that came for a look-up by key values to what was asked for.

    The records are matched by their key values, so a server that leaves misses out is understood as well as one that
    keeps their positions with None.
    """
    if len(answered) == len(asked) and all(map(is_named, answered, asked)):
        return list(answered)  # as a rule; it takes less than reading the whole key of each
    own_keys = [None if record is None else own_key(state_of(record)) for record in answered]
    by_key = {key: record for key, record in zip(own_keys, answered, strict=True) if key is not None}
    result = [by_key.get(key_of(key_values)) for key_values in asked]
    if len(answered) == len(asked):
        # A record that does not show its key values, or shows them in another spelling, is told by its position.
        claimed = {record.id for record in result if record is not None}
        for index, record in enumerate(answered):
            if result[index] is None and record is not None and record.id not in claimed:
                key = own_keys[index]
                if key is None or {field for field, _ in key} == set(asked[index]):
                    result[index] = record
    return result
