"""Records and their values, as data."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from operator import attrgetter
from threading import Lock
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.concurrency import forks
from kalbio._core.json import lazy_json
from kalbio._core.json.lazy_json import LazyObject
from kalbio._core.objects.fixed import FixedDict, FixedList, copied, fixed
from kalbio._core.objects.identifiers import DictLike
from kalbio._core.objects.resource import Field, Owner, Resource, TimeField, enum_text, text, texts, timestamp
from kalbio._core.objects.uuids import is_uuid
from kalbio._core.text.display import safe_repr
from kalbio._model.activities import ActivityIdentifier
from kalbio._model.errors import KalbioError
from kalbio._model.fields import EntityFieldData
from kalbio._model.record_json import (
    ShownEntry,
    entries_of,
    entry_at,
    is_read_widely,
    objects_of,
    shown_entries_of,
    timed_entries_of,
    values_of,
)
from kalbio._model.record_values import UNDECIDED, contents_by_operation, current_entry, quick_contents
from kalbio._model.views import RecordViewIdentifier


class ValueToWrite(TypedDict):
    """One row of `records.add_values`; everything is named as in `Record.add_value`."""

    record: RecordData | str | DictLike[EntityFieldData | str, str | int]
    field: EntityFieldData | str
    content: Any
    activity: NotRequired[ActivityIdentifier | None]
    record_view_id: NotRequired[RecordViewIdentifier | None]


def check_value_row(index: int, row: Any) -> Mapping[str, Any]:
    """Return a row to write. Raises ValueError naming the row that is incomplete or has an unknown member."""
    if not isinstance(row, Mapping):
        raise ArgumentError(f"rows[{index}] must be a dict; got {safe_repr(row)}")
    lacking = [name for name in ("record", "field", "content") if name not in row]
    if lacking:
        raise ArgumentError(f"rows[{index}] has no {lacking[0]!r}: {safe_repr(row)}")
    unknown = [name for name in row if name not in ValueToWrite.__annotations__]
    if unknown:
        known = ", ".join(ValueToWrite.__annotations__)
        raise ArgumentError(f"rows[{index}] has an unknown member {safe_repr(unknown[0])}; known are {known}")
    return row


class _Content(property, Field[Any]):
    """A content, which a property reads from its slot in C: contents are asked for by the million."""

    def __init__(self, doc: str) -> None:
        property.__init__(self, attrgetter("_content"))
        Field.__init__(self, fixed, doc)

    __set_name__ = Field.__set_name__


class _Moment(property, TimeField):
    """A time, read in the same way."""

    def __init__(self, doc: str) -> None:
        property.__init__(self, attrgetter("_created_at"))
        Field.__init__(self, lambda value: value, doc)

    __set_name__ = Field.__set_name__


class RecordValue(Resource):
    """One written value of a record. Key values have an id and a content only.

    A value that a record shows is kept as text, but for what is read most; what else is asked for decodes it.
    """

    __slots__ = ("_content", "_created_at", "_json", "_position", "_source")
    _columns = ("field_id", "operation_id", "record_view_id", "created_by", "created_at")

    # Of a value that is still text: what was decoded of it, and where the rest is. There are many such values, so
    # that none of their other slots is set before it is needed (see `__getattr__`).
    _content: Any
    _created_at: datetime | None
    _source: tuple[LazyObject, str, Owner | None]
    _position: int
    _json: dict[str, Any] | None

    content: Field[Any] = _Content("The value: numbers come as text, booleans as booleans.")
    created_at: TimeField = _Moment("When it was written; None on key values.")
    record_id = text("The record it belongs to: a sub-record's id on values of sub-records, None on key values.")
    operation_id = text("The activity it was written in; None when it was written on the record itself.")
    record_view_id = text("The record view it was written in, where it was aimed at one.")
    field_id = text("Its field (history and write answers).")
    field_type = enum_text("The type of its field (history and write answers).")
    created_by = text("Who wrote it (history and write answers).")
    import_id = text("The import that brought it (history and write answers).")
    workspace_id = text("Its workspace (history and write answers).")

    @classmethod
    def of_text(
        cls, record: LazyObject, shown: Mapping[str, list[ShownEntry]], client: Owner | None
    ) -> FixedDict[str, list[RecordValue]]:
        """Return the values of a record that is still text, by field."""
        new = object.__new__
        values: dict[str, list[RecordValue]] = {}
        for field_id, entries in shown.items():
            found, source = [], (record, field_id, client)
            for position, entry in enumerate(entries):
                self = new(cls)
                content = entry.content
                self._content = content if type(content) is str else fixed(content)
                self._created_at = entry.created_at
                self._source = source
                self._position = position
                found.append(self)
            values[field_id] = FixedList(found)
        return FixedDict(values)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in _UNSET:
                return _UNSET[name]
            if name == "_client":
                return self._source[2]
            if name == "_content":
                return Field.__get__(RecordValue.content, self, RecordValue)
            if name == "_created_at":
                return TimeField.__get__(RecordValue.created_at, self, RecordValue)
            return super().__getattr__(name)

    @property
    def _raw(self) -> dict[str, Any]:
        known = self._json
        if known is None:
            record, field_id, _ = self._source
            known = self._json = entry_at(record, field_id, self._position)
        return known

    @_raw.setter
    def _raw(self, raw: dict[str, Any]) -> None:
        self._json = raw
        with suppress(AttributeError):  # that it was decoded from text
            del self._content, self._created_at

    def _as_value(self) -> Any:
        return copied(self.content)

    def _text(self) -> str:
        return str(self._raw.get("content"))

    def __repr__(self) -> str:
        told = [f"{what} {safe_repr(value)}" for what, value in self._circumstances()]
        return " ".join([super().__repr__()[:-1], ", ".join(told)]).rstrip() + ">"

    def _name_in_list(self, member: str, identifier: str) -> str | None:
        # A table of values says of which field each is, by its id if need be.
        known = super()._name_in_list(member, identifier)
        return f"{identifier[:8]}…" if known is None and member == "field_id" else known

    def _circumstances(self) -> list[tuple[str, str]]:
        """Return what is known of a value in a history: the names of its field, activity, table and author, and when.

        The names are those that are known without a request, ids else.
        """
        known = ((what, member, self._raw.get(member)) for what, member in _CIRCUMSTANCES)
        return [
            (what, self._shown_name(member, str(value)) or str(value))
            for what, member, value in known
            if value is not None
        ]


_UNSET: dict[str, Any] = {"_json": None, "_relations": None, "_stale": False}
"""What the slots hold of a value that is still text."""

_CIRCUMSTANCES = (
    ("of", "field_id"),
    ("in", "operation_id"),
    ("table", "record_view_id"),
    ("by", "created_by"),
    ("at", "created_at"),
)
"""What is shown of a value: the word before it, and the member."""


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

    def __init__(
        self, raw: dict[str, Any] | LazyObject | None = None, client: Owner | None = None, /, **members: Any
    ) -> None:
        super().__init__(raw, client, **members)  # type: ignore[arg-type]  # `_raw` takes both

    @property
    def id(self) -> str:
        """The id, a UUID as text."""
        state = self._state
        return state.id if isinstance(state, LazyObject) else str(state.get("id", ""))

    def _as_value(self) -> str:
        return self.id

    @property
    def _raw(self) -> dict[str, Any]:
        state = self._state
        if isinstance(state, LazyObject):
            whole = lazy_json.decode_object(state)
            with _state_lock:
                # Not what somebody has written meanwhile.
                if self._state is state:
                    self._state = whole
            return whole
        return state

    @_raw.setter
    def _raw(self, state: dict[str, Any] | LazyObject) -> None:
        with _state_lock:
            self._state = state
            # The state first: who reads the old state puts what he finds into the old contents.
            self._contents = {}

    @property
    def record_values(self) -> dict[str, list[RecordValue]]:
        """The current picture: field id to values, the newest first, at most one for each activity."""
        client = self._client
        state = self._state
        if isinstance(state, LazyObject) and (shown := shown_entries_of(state)) is not None:
            return RecordValue.of_text(state, shown, client)
        return FixedDict(
            {
                field_id: FixedList([RecordValue(entry, client) for entry in objects_of(entries)])
                for field_id, entries in values_of(self._raw).items()
            }
        )

    def _text(self) -> str:
        return self.record_identifier or super()._text()


_ALL = object()
"""Stands among the contents of a record for all fields."""

_state_lock = Lock()


def _reset_after_fork() -> None:
    global _state_lock
    _state_lock = Lock()


forks.call_in_child(_reset_after_fork)


def content_by_ids(record: RecordData, field_id: Any, activity_id: Any) -> Any:
    """Return the current content of a field, in an activity or anywhere, and keep it beside the JSON of the record.

    UNDECIDED where it takes more to tell: for names, objects, contents that have to be copied, what cannot be read.
    """
    if not (is_uuid(field_id) and (activity_id is None or is_uuid(activity_id))):
        return UNDECIDED
    # In this order: what the older state says must not come to stand among the contents of the newer.
    known, own_id, state = record._contents, record.id, record._state
    field = field_id.lower()
    operation = None if activity_id is None else activity_id.lower()
    key = field_id if activity_id is None else (field_id, activity_id)
    if isinstance(state, LazyObject) and is_read_widely(state):
        everywhere = _ALL if operation is None else (_ALL, operation)
        if everywhere not in known:
            known[everywhere] = _read_all(known, state, operation)
            if key in known:
                return known[key]
        if known[everywhere] and field == field_id:  # what is not there has no value
            known[key] = None
            return None
    try:
        entries = entries_of(state, field)
        entry = current_entry(entries, own_id, operation_id=operation)
    except KalbioError:
        return UNDECIDED
    content = None if entry is None else entry.content
    if isinstance(content, dict | list):
        return UNDECIDED
    known[key] = content
    if operation is not None:
        # Who reads one activity often reads the others next.
        for other, item in contents_by_operation(entries, own_id).items():
            if not isinstance(item, dict | list):
                known.setdefault((field_id, other), item)
    return content


def _read_all(known: dict[Any, Any], state: LazyObject, operation: str | None) -> bool:
    """Put the contents of all fields among those that are known, as far as that is quickly done; say if that is all."""
    quick = quick_contents(timed_entries_of(state), state.id, operation)
    whole = bool(quick)
    for field_id, content in quick.items():
        if content is UNDECIDED:
            whole = False
        else:
            known[field_id if operation is None else (field_id, operation)] = content
    return whole


def state_of(record: RecordData) -> dict[str, Any] | LazyObject:
    """Return the JSON of a record, or its text where nothing needed more than parts of it."""
    return record._state
