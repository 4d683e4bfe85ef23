"""Answers that list records, read into the columns that a mirror keeps."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from kalbio._core.http.responses import as_list
from kalbio._core.objects.times import order_of
from kalbio._model.content_reading import as_it_stands

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Response


class _Entry(msgspec.Struct, gc=False):
    content: Any = None
    created_at: str | None = None
    record_id: str | None = None
    operation_id: str | None = None
    record_view_id: str | None = None


class _Record(msgspec.Struct, gc=False):
    id: str
    entity_slice_id: str | None = None
    record_identifier: str | None = None
    created_at: str | None = None
    initial_operation_id: str | None = None
    record_values: dict[str, list[_Entry]] = {}  # the library copies it


class _Value(msgspec.Struct, gc=False):
    field_id: str
    content: Any = None
    created_at: str | None = None
    created_by: str | None = None
    record_id: str | None = None
    operation_id: str | None = None
    record_view_id: str | None = None


_RECORDS = msgspec.json.Decoder(list[_Record])
_VALUES = msgspec.json.Decoder(list[_Value])


class Numbers:
    """Gives each id of a field, an activity, a table or a member a small number, and remembers which.

    What is repeated with every value costs four bytes then, not forty. 0 stands for none.

    Attributes:
        known: the ids with their numbers.
        fresh: those that were given a number since they were taken out last.
    """

    def __init__(self, known: Mapping[str, int]) -> None:
        self.known = dict(known)
        self.fresh: list[str] = []

    def of(self, identifier: str | None) -> int:
        """Return the number of an id."""
        if identifier is None:
            return 0
        number = self.known.get(identifier)
        if number is None:
            number = self.known[identifier] = len(self.known) + 1
            self.fresh.append(identifier)
        return number


class TypedRows:
    """The current contents of records of one entity type, by column."""

    def __init__(self) -> None:
        self.numbers = array("q")
        self.ids: list[str] = []
        self._columns: dict[str, list[Any]] = {}

    def add(self, number: int, record_id: str, contents: Iterable[tuple[str, Any]]) -> None:
        """Add a record: field id and content of each field that it holds something of."""
        place = len(self.ids)
        self.numbers.append(number)
        self.ids.append(record_id)
        for field_id, content in contents:
            column = self._columns.get(field_id)
            if column is None:
                column = self._columns[field_id] = [None] * place
            elif len(column) < place:
                column.extend([None] * (place - len(column)))
            column.append(content)

    def columns(self) -> dict[str, list[Any]]:
        """Return the contents by field id, each as long as there are records."""
        for column in self._columns.values():
            column.extend([None] * (len(self.ids) - len(column)))
        return self._columns


class Rows:
    """What was read and is not stored yet.

    Args:
        numbers: the numbers of what values refer to.
        next_record: the number of the next record.

    Attributes:
        records: number, id, entity type, name, time and first activity of each record, by column.
        values: record, field, content, time, activity, table and author of each value, by column.
        typed: the current contents, by entity type.
    """

    def __init__(self, numbers: Numbers, next_record: int) -> None:
        self._numbers = numbers
        self.next_record = next_record
        self.clear()

    def clear(self) -> None:
        """Forget what is stored by now."""
        self.records: tuple[Any, ...] = (array("q"), [], array("i"), [], [], array("i"))
        self.values: tuple[Any, ...] = (array("q"), array("i"), [], [], array("i"), array("i"), array("i"))
        self.typed: dict[str, TypedRows] = {}

    def __len__(self) -> int:
        return len(self.values[0]) + len(self.records[0])

    def add(self, answer: Response, histories: Mapping[str, Response | None] | None) -> None:
        """Add an answer that lists records.

        Args:
            answer: the answer.
            histories: the answers with all values of each; without them, the values that the records themselves show
                are taken: the newest of each field in each activity.
        """
        number_of = self._numbers.of
        numbers, ids, types, names, times, activities = self.records
        for record in _read(answer, _RECORDS, _plain_record):
            number, own = self.next_record, record.id
            self.next_record += 1
            kind = record.entity_slice_id or ""
            numbers.append(number)
            ids.append(own)
            types.append(number_of(kind))
            names.append(record.record_identifier)
            times.append(record.created_at)
            activities.append(number_of(record.initial_operation_id))
            typed = self.typed.get(kind)
            if typed is None:
                typed = self.typed[kind] = TypedRows()
            typed.add(number, own, self._current(record, number, shown=histories is None))
            if histories is not None:
                history = histories.get(own)
                if history is not None:
                    self._add_history(number, own, history)

    def _current(self, record: _Record, number: int, *, shown: bool) -> list[tuple[str, Any]]:
        """Return the current content of each field, and note the values that the record shows where that is wanted."""
        own = record.id
        found: list[tuple[str, Any]] = []
        of_records, of_fields, contents, times, activities, tables, authors = self.values
        number_of = self._numbers.of
        for field_id, entries in record.record_values.items():
            best: _Entry | None = None
            for entry in entries:
                owner = entry.record_id
                if owner is not None:
                    if owner != own:  # a value of a sub-record, which is a record of its own
                        continue
                    if shown:
                        content = entry.content
                        of_records.append(number)
                        of_fields.append(number_of(field_id))
                        contents.append(content if content is None or type(content) is str else as_it_stands(content))
                        times.append(entry.created_at)
                        activities.append(number_of(entry.operation_id))
                        tables.append(number_of(entry.record_view_id))
                        authors.append(0)
                if best is None or _order(entry, own) > _order(best, own):
                    best = entry
            if best is not None and best.content is not None:
                found.append((field_id, best.content))
        return found

    def _add_history(self, number: int, own: str, history: Response) -> None:
        of_records, of_fields, contents, times, activities, tables, authors = self.values
        number_of = self._numbers.of
        for value in _read(history, _VALUES, _plain_value):
            if value.record_id is not None and value.record_id != own:
                continue
            content = value.content
            of_records.append(number)
            of_fields.append(number_of(value.field_id))
            contents.append(content if content is None or type(content) is str else as_it_stands(content))
            times.append(value.created_at)
            activities.append(number_of(value.operation_id))
            tables.append(number_of(value.record_view_id))
            authors.append(number_of(value.created_by))


def _order(entry: _Entry, own_id: str) -> Any:
    return order_of(entry.created_at, f"created_at of a value of the record {own_id}")


def _read(answer: Response, decoder: Any, plain: Callable[[Any], Any]) -> list[Any]:
    data = answer.content
    try:
        if not data.isascii():
            data.decode()
        found: list[Any] = decoder.decode(data)
    except (ValueError, TypeError, RecursionError):
        # Of another shape than all answers that were ever seen, but readable still.
        found = [item for item in map(plain, as_list(answer)) if item is not None]
    return found


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _plain_record(item: Any) -> _Record | None:
    if not isinstance(item, dict) or item.get("id") is None:
        return None
    values = item.get("record_values")
    return _Record(
        id=str(item["id"]),
        entity_slice_id=_text(item.get("entity_slice_id")),
        record_identifier=_text(item.get("record_identifier")),
        created_at=_text(item.get("created_at")),
        initial_operation_id=_text(item.get("initial_operation_id")),
        record_values={
            str(field): [_plain_entry(one) for one in entries if isinstance(one, dict)]
            for field, entries in (values if isinstance(values, dict) else {}).items()
            if isinstance(entries, list)
        },
    )


def _plain_entry(item: Mapping[str, Any]) -> _Entry:
    names = ("created_at", "record_id", "operation_id", "record_view_id")
    return _Entry(item.get("content"), *(_text(item.get(name)) for name in names))


def _plain_value(item: Any) -> _Value | None:
    if not isinstance(item, dict) or item.get("field_id") is None:
        return None
    names = ("created_at", "created_by", "record_id", "operation_id", "record_view_id")
    return _Value(str(item["field_id"]), item.get("content"), *(_text(item.get(name)) for name in names))
