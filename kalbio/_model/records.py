"""Records and their values: what they hold, which value is current, and how a search reads. No network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from threading import Lock
from typing import Any, NotRequired, TypedDict, TypeVar

import msgspec

from kalbio._core.concurrency import forks
from kalbio._core.errors import KalbioError, UnreadableTimeError
from kalbio._core.http.httpx_names import Response
from kalbio._core.http.responses import as_list, unusable
from kalbio._core.json import lazy_json, strict_json
from kalbio._core.json.lazy_json import LazyObject
from kalbio._core.objects.checks import require_flag
from kalbio._core.objects.fixed import FixedDict, FixedList, copied
from kalbio._core.objects.identifiers import did_you_mean, is_uuid, plain_id
from kalbio._core.objects.resource import NO_LIST, Resource, anything, enum_text, text, texts, timestamp
from kalbio._core.objects.times import Order, check_moment, order_of, parse_timestamp
from kalbio._core.text.display import safe_repr
from kalbio._model.enums import FilterRuleTypeEnum
from kalbio._model.fields import EntityFieldData
from kalbio._model.views import ViewField


class ViewFieldFilter(TypedDict):
    """A search filter on a column of a record view; exactly one of the two ids is set."""

    key_field_id: str | None
    view_field_id: str | None
    filter_type: FilterRuleTypeEnum | str
    filter_prop: Any


class ViewFieldSort(TypedDict):
    """A search order by a column of a record view; exactly one of the two ids is set."""

    key_field_id: str | None
    view_field_id: str | None
    descending: bool


class FieldFilter(TypedDict):
    """A search filter on a field: object, id, or name."""

    field_id: Resource | str | None
    filter_type: FilterRuleTypeEnum | str
    filter_prop: Any


class FieldSort(TypedDict):
    """A search order by a field: object, id, or name."""

    field_id: Resource | str | None
    descending: bool


class SearchRecordsQuery(TypedDict, total=False):
    """The conditions of a record search; all optional, None means not given.

    `record_set_id` is the older name of `record_set_ids`; `record_set_filters` is sent as it is, for servers that still
    know it.
    """

    record_set_ids: str | Sequence[str] | None
    program_id: Resource | str | None
    entity_slice_id: Resource | str | None
    operation_id: Resource | str | None
    identifier_ids: Sequence[str] | None
    view_field_filters: Sequence[ViewFieldFilter] | None
    view_field_sorts: Sequence[ViewFieldSort] | None
    entity_field_filters: Sequence[FieldFilter] | None
    entity_field_sorts: Sequence[FieldSort] | None
    search_text: str | None
    limit: int | None
    record_set_id: str | None
    record_set_filters: Sequence[str] | None


OLDER_CONDITIONS = {"record_set_id": "record_set_ids", "record_set_filters": None}
"""Conditions of older releases, with their newer names; None where there is no newer one."""


class ValueToWrite(TypedDict):
    """One row of `records.add_values`; everything is named as in `Record.add_value`."""

    record: Any
    field: Any
    content: Any
    activity: NotRequired[Any]
    record_view_id: NotRequired[Any]


def check_value_row(index: int, row: Any) -> Mapping[str, Any]:
    """Return a row to write. Raises ValueError naming the row that is incomplete or has an unknown member."""
    if not isinstance(row, Mapping):
        raise ValueError(f"rows[{index}] must be a dict; got {safe_repr(row)}")
    lacking = [name for name in ("record", "field", "content") if name not in row]
    if lacking:
        raise ValueError(f"rows[{index}] has no {lacking[0]!r}: {safe_repr(row)}")
    unknown = [name for name in row if name not in ValueToWrite.__annotations__]
    if unknown:
        known = ", ".join(ValueToWrite.__annotations__)
        raise ValueError(f"rows[{index}] has an unknown member {safe_repr(unknown[0])}; known are {known}")
    return row


class RecordValue(Resource):
    """One written value of a record. Key values have an id and a content only."""

    __slots__ = ()

    content = anything("The value: numbers come as text, booleans as booleans.")
    created_at = timestamp("When it was written; None on key values.")
    record_id = text("The record it belongs to: a sub-record's id on values of sub-records, None on key values.")
    operation_id = text("The activity it was written in; None when it was written on the record itself.")
    record_view_id = text("The record view it was written in, where it was aimed at one.")
    field_id = text("Its field (history and write answers).")
    field_type = enum_text("The type of its field (history and write answers).")
    created_by = text("Who wrote it (history and write answers).")
    import_id = text("The import that brought it (history and write answers).")
    workspace_id = text("Its workspace (history and write answers).")

    def _text(self) -> str:
        return str(self._raw.get("content"))


class RecordData(Resource):
    """What the server says of a record.

    A record of a list is kept as the JSON text that came. What is asked for is decoded: a field when one of its values
    is read, the whole when anything else is.
    """

    __slots__ = ("_contents", "_state")

    _state: dict[str, Any] | LazyObject
    # Field id, or field id and activity id, to content: what was looked up before. It goes when the state is replaced.
    # As long as no activity was asked for it holds nothing that the garbage collector would have to look at.
    _contents: dict[Any, Any]

    created_at = timestamp("When it was created.")
    entity_slice_id = text("Its entity type.")
    identifier_ids = texts("The ids of its key values.")
    record_identifier = text("Its key values as a person reads them.")
    initial_operation_id = text("The activity it was created in; it may have left that since.")
    sub_record_ids = texts("Its sub-records.")
    workspace_id = text("Its workspace.")

    _computed = ("record_values",)

    def __init__(self, raw: dict[str, Any] | LazyObject | None = None, client: Any = None, /, **members: Any) -> None:
        super().__init__(raw, client, **members)  # type: ignore[arg-type]  # `_raw` takes both

    @property
    def id(self) -> str:
        """The id, a UUID as text."""
        state = self._state
        return state.id if isinstance(state, LazyObject) else str(state.get("id", ""))

    @property
    def _raw(self) -> dict[str, Any]:
        state = self._state
        if isinstance(state, LazyObject):
            whole = lazy_json.decode_object(state)
            with _replacing:
                # Not what somebody has written meanwhile.
                if self._state is state:
                    self._state = whole
            return whole
        return state

    @_raw.setter
    def _raw(self, state: dict[str, Any] | LazyObject) -> None:
        with _replacing:
            self._state = state
            # The state first: who reads the old state puts what he finds into the old contents.
            self._contents = {}

    @property
    def record_values(self) -> dict[str, list[RecordValue]]:
        """The current picture: field id to values, the newest first, at most one for each activity."""
        client = self._client
        return FixedDict(
            {
                field_id: FixedList([RecordValue(entry, client) for entry in _objects(entries)])
                for field_id, entries in _values(self._raw).items()
            }
        )

    def _text(self) -> str:
        return self.record_identifier or super()._text()


R = TypeVar("R", bound=RecordData)

UNKNOWN = object()
"""Stands for a content that cannot be told yet."""

_replacing = Lock()


def _begin_anew() -> None:
    global _replacing
    _replacing = Lock()


forks.in_child(_begin_anew)


class ValueEntry(msgspec.Struct, gc=False):
    """What decides which value of a field is current."""

    content: Any = None
    created_at: Any = None
    operation_id: Any = None
    record_id: Any = None
    record_view_id: Any = None


class _Parts(msgspec.Struct, gc=False):
    record_values: dict[str, msgspec.Raw]
    identifier_ids: list[str | int] = []  # the library copies it


class _Children(msgspec.Struct, gc=False):
    sub_record_ids: list[str | int] = []  # the library copies it


_PARTS = msgspec.json.Decoder(_Parts)
_CHILDREN = msgspec.json.Decoder(_Children)
_ENTRIES = msgspec.json.Decoder(list[ValueEntry])


def _values(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    values = raw.get("record_values")
    return values if isinstance(values, dict) else {}


def _objects(entries: Any) -> list[dict[str, Any]]:
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def field_ids(state: Mapping[str, Any] | LazyObject) -> Iterable[str]:
    """Return the fields that a record holds values of."""
    if isinstance(state, LazyObject):
        try:
            return _parts(state).record_values.keys()
        except (ValueError, RecursionError):
            return _values(lazy_json.decode_object(state)).keys()
    return _values(state).keys()


def entries_of(state: Mapping[str, Any] | LazyObject, field_id: str) -> list[ValueEntry]:
    """Return the entries of a field, from the JSON of a record or its text."""
    if isinstance(state, LazyObject):
        try:
            part = _parts(state).record_values.get(field_id)
            return [] if part is None else _ENTRIES.decode(part)
        except (ValueError, RecursionError):
            # Of another shape than all records that were ever seen, but still readable as far as it goes.
            return entries_of(lazy_json.decode_object(state), field_id)
    return [
        ValueEntry(*map(entry.get, ValueEntry.__struct_fields__)) for entry in _objects(_values(state).get(field_id))
    ]


def sub_records_of(state: Mapping[str, Any] | LazyObject) -> list[str]:
    """Return the ids of the sub-records that a record shows."""
    if isinstance(state, LazyObject):
        try:
            return [str(item) for item in _CHILDREN.decode(state.text).sub_record_ids]
        except ValueError:
            return sub_records_of(lazy_json.decode(state.text))
    ids = state.get("sub_record_ids")
    return [str(item) for item in ids] if isinstance(ids, list) else []


def _parts(state: LazyObject) -> _Parts:
    parts: _Parts | None = state.parts
    if parts is None:
        parts = _PARTS.decode(state.text)
        if state.read:
            state.parts = parts
        state.read = True  # of many records one field is read, and no other: that is not worth keeping the parts
    return parts


def current_entry(
    entries: Iterable[ValueEntry],
    own_id: str,
    *,
    operation_id: str | None = None,
    record_view_id: str | None = None,
    include_sub_records: bool = False,
    sub_record_id: str | None = None,
) -> ValueEntry | None:
    """Return the newest entry of a field that passes the conditions, None when there is none.

    Key values pass every condition but that on a view. Values of sub-records count only when they are asked for.
    Raises UnreadableTimeError when there are several and the time of one cannot be read: any could be the newest.
    """
    best: ValueEntry | None = None
    newest: Order | None = None
    for entry in entries:
        owner = entry.record_id
        if owner is None:
            if record_view_id is not None:
                continue
        else:
            # Ids may come as numbers.
            if operation_id is not None and str(entry.operation_id) != operation_id:
                continue
            if record_view_id is not None and str(entry.record_view_id) != record_view_id:
                continue
            if sub_record_id is not None:
                if str(owner) != sub_record_id:
                    continue
            elif str(owner) != own_id and not include_sub_records:
                continue
        if best is None:  # as a rule it stays the only one, and its time need not be read
            best = entry
            continue
        newest = newest or _written(best, own_id)
        written = _written(entry, own_id)
        if written > newest:
            best, newest = entry, written
    return best


def content_by_ids(record: RecordData, field_id: Any, activity_id: Any) -> Any:
    """Return the current content of a field, in an activity or anywhere, and keep it beside the JSON of the record.

    UNKNOWN where it takes more to tell: for names, objects, contents that have to be copied, what cannot be read.
    """
    if not (is_uuid(field_id) and (activity_id is None or is_uuid(activity_id))):
        return UNKNOWN
    # In this order: what the older state says must not come to stand among the contents of the newer.
    known, own_id = record._contents, record.id
    try:
        entries = entries_of(record._state, field_id.lower())
        operation = None if activity_id is None else activity_id.lower()
        entry = current_entry(entries, own_id, operation_id=operation)
    except KalbioError:
        return UNKNOWN
    content = None if entry is None else entry.content
    if isinstance(content, dict | list):
        return UNKNOWN
    known[field_id if activity_id is None else (field_id, activity_id)] = content
    if operation is not None:
        # Who reads one activity often reads the others next.
        for other, item in contents_by_operation(entries, own_id).items():
            if not isinstance(item, dict | list):
                known.setdefault((field_id, other), item)
    return content


def contents_by_operation(entries: Iterable[ValueEntry], own_id: str) -> dict[str, Any]:
    """Return operation id to the current content of a data field there, of the record itself, not of sub-records.

    Operations where it cannot be told are left out.
    """
    own = [entry for entry in entries if entry.operation_id is not None and entry.record_id == own_id]
    found: dict[str, Any] = {entry.operation_id: entry.content for entry in own}
    if len(found) == len(own):  # as a rule there is one value in each
        return found
    for operation in found.copy():
        there = [entry for entry in own if entry.operation_id == operation]
        try:
            newest = current_entry(there, own_id)
        except UnreadableTimeError:
            del found[operation]
        else:
            found[operation] = None if newest is None else newest.content
    return found


def _written(entry: ValueEntry, own_id: str) -> Order:
    return order_of(entry.created_at, f"created_at of a value of the record {own_id}")


def contents(state: Mapping[str, Any] | LazyObject, own_id: str, *, operation_id: str) -> dict[str, Any]:
    """Return field id to content for everything the record holds in an operation, its key values included."""
    found: dict[str, Any] = {}
    for field_id in field_ids(state):
        entry = current_entry(entries_of(state, field_id), own_id, operation_id=operation_id)
        if entry is not None and entry.content is not None:
            found[field_id] = copied(entry.content)
    return found


# Members of a written value that the values inside a record do not have.
_HISTORY_ONLY = frozenset({"field_id", "field_type", "created_by", "import_id", "workspace_id"})
_SCOPE = ("record_id", "operation_id", "record_view_id")


def with_value(raw: Mapping[str, Any], field_id: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of a record after a value was written: the new one first, the old one of the same scope gone."""
    entry = {name: item for name, item in value.items() if name not in _HISTORY_ONLY}
    entry.setdefault("record_id", raw.get("id"))
    scope = tuple(entry.get(name) for name in _SCOPE)
    others = [old for old in _objects(_values(raw).get(field_id)) if tuple(old.get(name) for name in _SCOPE) != scope]
    return {**raw, "record_values": {**_values(raw), field_id: [entry, *others]}}


def new_values(
    history: Sequence[Mapping[str, Any]],
    known: Set[str],
    record_id: str,
    field_id: str,
    operation_id: str | None,
    record_view_id: str | None,
) -> list[Mapping[str, Any]]:
    """Return the values of one place that a history holds beyond the known ids, the newest first.

    Ids tell what is new, not times: the clocks of the server and of this machine may differ. Where a time cannot be
    read the order is that of the history.
    """
    aim = {"record_id": record_id, "field_id": field_id, "operation_id": operation_id, "record_view_id": record_view_id}

    def aimed(value: Mapping[str, Any]) -> bool:
        # Older servers leave record_view_id out; None and absent are one.
        return all(_id_text(value.get(name)) == wanted for name, wanted in aim.items() if name in value)

    found = [value for value in history if str(value["id"]) not in known and aimed(value)]
    try:
        return sorted(found, key=_moment, reverse=True)
    except UnreadableTimeError:
        return found


def ids_until(
    history: Sequence[Mapping[str, Any]], last: str, record_id: str, field_id: str, operation_id: str | None
) -> set[str] | None:
    """Return the ids of the values of a field that a history holds up to the one with the id `last`.

    The order is that of the history, in whatever table of the activity they were written. None when it lacks that one,
    and when the time of one cannot be read.
    """
    aim = {"record_id": record_id, "field_id": field_id, "operation_id": operation_id}
    values = [
        value
        for value in history
        if all(_id_text(value.get(name)) == wanted for name, wanted in aim.items() if name in value)
    ]
    try:
        ids = [str(value["id"]) for value in sorted(values, key=_moment, reverse=True)]
    except UnreadableTimeError:
        return None
    return set(ids[ids.index(last) :]) if last in ids else None


def current_at(raw: Mapping[str, Any], field_id: str, operation_id: str | None) -> dict[str, Any] | None:
    """Return the newest entry of a field written in exactly this activity, or on the record itself; in any table.

    Raises UnreadableTimeError when there are several and the time of one cannot be read.
    """
    own_id = str(raw.get("id"))
    entries = [
        entry
        for entry in _objects(_values(raw).get(field_id))
        if _id_text(entry.get("record_id")) == own_id and _id_text(entry.get("operation_id")) == operation_id
    ]
    return max(entries, key=_moment, default=None) if len(entries) > 1 else next(iter(entries), None)


def _moment(value: Mapping[str, Any]) -> Order:
    return order_of(value.get("created_at"), f"created_at of the value {value.get('id')}")


def _id_text(value: Any) -> str | None:
    return None if value is None else str(value)


def holds(value: Mapping[str, Any], content: Any) -> bool:
    """Whether a value of the history is what the server makes of this content: numbers are kept as text."""
    sent, stored, kind = strict_json.plain(content), value.get("content"), value.get("field_type")
    if isinstance(sent, bool) or isinstance(stored, bool):
        return sent is stored
    if sent is None or stored is None:
        return sent is stored
    if kind == "number" or isinstance(sent, int | float):
        number = _as_number(stored)
        return number is not None and number == _as_number(sent)
    if isinstance(stored, list) and not isinstance(sent, list):
        return stored == [sent]
    if kind == "date" and sent != stored:
        moment = parse_timestamp(stored)
        return moment is not None and moment == parse_timestamp(sent)
    return bool(stored == sent)


def _as_number(content: Any) -> float | None:
    try:
        return float(content)
    except (TypeError, ValueError, OverflowError):
        return None


KeyValues = Mapping[str, str]
"""Key field id to the text of its value: what identifies a record."""


def key_of(key_values: KeyValues) -> frozenset[tuple[str, str]]:
    """Return key values as something that can be compared and hashed, whatever their order."""
    return frozenset(key_values.items())


def shown_key(record: RecordData) -> frozenset[tuple[str, str]] | None:
    """Return the key that a record shows, None when it does not show it whole."""
    return own_key(record._state)


def shown_sub_records(record: RecordData) -> list[str]:
    """Return the ids of the sub-records that a record shows."""
    return sub_records_of(record._state)


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
    state = None if record is None else record._state
    if not isinstance(state, LazyObject):
        return False
    try:
        parts = _parts(state)
        if len(parts.identifier_ids) != len(key_values):
            return False
        firsts = [_ENTRIES.decode(parts.record_values[field])[0] for field in key_values]
    except (ValueError, LookupError):
        return False
    return all(
        first.record_id is None and first.created_at is None and first.content == text
        for first, text in zip(firsts, key_values.values(), strict=True)
    )


def match_identified(asked: Sequence[KeyValues], answered: Sequence[R | None]) -> list[R | None]:
    """Assign the records that came for a look-up by key values to what was asked for.

    The records are matched by their key values, so a server that leaves misses out is understood as well as one that
    keeps their places with None.
    """
    if len(answered) == len(asked) and all(map(is_named, answered, asked)):
        return list(answered)  # as a rule; it takes less than reading the whole key of each
    own_keys = [None if record is None else own_key(record._state) for record in answered]
    by_key = {key: record for key, record in zip(own_keys, answered, strict=True) if key is not None}
    result = [by_key.get(key_of(key_values)) for key_values in asked]
    if len(answered) == len(asked):
        # A record that does not show its key values, or shows them in another spelling, is told by its place.
        claimed = {record.id for record in result if record is not None}
        for place, record in enumerate(answered):
            if result[place] is None and record is not None and record.id not in claimed:
                key = own_keys[place]
                if key is None or {field for field, _ in key} == set(asked[place]):
                    result[place] = record
    return result


def check_rule(rule: Any) -> str:
    """Return the text of a rule of record search. Raises ValueError naming close ones when there is no such rule."""
    from kaleidoscope_api.models import SearchFilterRuleType

    known = [member.value for member in SearchFilterRuleType]
    if rule not in known:
        hint = did_you_mean(rule, known) or " FilterRuleTypeEnum has them all."
        raise ValueError(f"Record search has no filter rule {safe_repr(rule)}.{hint}")
    return str(rule)


def check_condition(condition: Any) -> Mapping[str, Any]:
    """Return a filter or a sort. Raises ValueError when it is none, or has an unknown rule."""
    if not isinstance(condition, Mapping):
        raise ValueError(f"A search filter or sort is a dict; got {safe_repr(condition)}")
    if "filter_type" in condition:
        check_rule(condition["filter_type"])
    elif "filter_prop" in condition:
        raise ValueError(f"A search filter needs a filter_type: {safe_repr(condition)}")
    if "descending" in condition:
        require_flag("descending", condition["descending"])
    check_filter_time(condition)
    return condition


def check_filter_time(condition: Mapping[str, Any]) -> None:
    """Raise ValueError where a filter compares with an instant, and is given a time that is none."""
    limit = condition.get("filter_prop")
    if condition.get("filter_type") == FilterRuleTypeEnum.IS_LAST_UPDATED_AFTER and limit is not None:
        check_moment("filter_prop", limit)


def conditions_of(name: str, conditions: Any) -> list[Mapping[str, Any]]:
    """Return filters or sorts, each of them checked. Raises ValueError naming the argument when it is no list."""
    if isinstance(conditions, NO_LIST) or not isinstance(conditions, Iterable):
        hint = f"; for a single one, [{safe_repr(conditions)}]" if isinstance(conditions, Mapping) else ""
        raise ValueError(
            f"{name} must be a list of dicts, one for each condition{hint}; got {type(conditions).__name__}"
        )
    return [check_condition(condition) for condition in conditions]


def view_conditions_text(name: str, given: str | Sequence[Mapping[str, Any]]) -> str:
    """Return filters or sorts by column as they stand in a query; text is taken to be prepared already."""
    if isinstance(given, str):
        return prepared(name, given)
    resolved = []
    for condition in conditions_of(name, given):
        columns = [key for key in ("key_field_id", "view_field_id") if condition.get(key)]
        if len(columns) != 1:
            raise ValueError(
                f"A condition on a view needs either a key_field_id or a view_field_id: {safe_repr(condition)}"
            )
        kind, accepted = ("key field", EntityFieldData) if columns[0] == "key_field_id" else ("column", ViewField)
        resolved.append({**condition, columns[0]: plain_id(condition[columns[0]], kind, accepted)})
    return strict_json.encode_text(resolved, name)


def prepared(name: str, text: str) -> str:
    """Return conditions that are JSON text already. Raises ValueError naming the argument when they are not."""
    try:
        known = json.loads(text)
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, list):
        raise ValueError(f"{name} must be a list, or one as JSON text; got {safe_repr(text)}")
    return text


def query_text(value: Any) -> str:
    """Return how a search condition stands in the query: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else strict_json.encode_text(value)
