"""Answers that list records, read into the columns that a mirror keeps."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
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


class Numbers(dict[str | None, int]):
    """Gives each id of a field, an activity, a table or a member a small number, and remembers which.

    What is repeated with every value costs four bytes then, not forty. 0 stands for none.

    Attributes:
        fresh: those that were given a number since they were taken out last.
    """

    def __init__(self, known: Mapping[str | None, int]) -> None:
        super().__init__(known)
        self[None] = 0
        self.fresh: list[str] = []

    def __missing__(self, identifier: str) -> int:
        number = self[identifier] = len(self)
        self.fresh.append(identifier)
        return number


class TypedRows:
    """The current contents of records of one entity type, by column.

    Attributes:
        numbers: the numbers of the records.
        ids: their ids.
    """

    def __init__(self) -> None:
        self.numbers = array("q")
        self.ids: list[str] = []
        self._alike: dict[tuple[str, ...], tuple[array[int], list[str], list[list[Any]]]] = {}
        self._columns: dict[str, list[Any]] = {}

    def add(self, number: int, record_id: str, fields: tuple[str, ...], contents: list[Any]) -> None:
        """Add a record: the fields that it holds something of, and the content of each."""
        alike = self._alike.get(fields)
        if alike is None:
            alike = self._alike[fields] = (array("q"), [], [])
        alike[0].append(number)
        alike[1].append(record_id)
        alike[2].append(contents)

    def columns(self) -> dict[str, list[Any]]:
        """Return the contents by field id, each as long as there are records, in the order of `numbers` and `ids`."""
        columns = self._columns
        for fields, (numbers, ids, rows) in self._alike.items():
            row = len(self.ids)
            for field_id, contents in zip(fields, zip(*rows, strict=True), strict=True):
                column = columns.setdefault(field_id, [])
                column.extend([None] * (row - len(column)))
                column.extend(contents)
            self.numbers.extend(numbers)
            self.ids += ids
        self._alike.clear()
        for column in columns.values():
            column.extend([None] * (len(self.ids) - len(column)))
        return columns


class Rows:
    """What was read and is not stored yet.

    Args:
        numbers: the numbers of what values refer to.
        next_record: the number of the next record.

    Attributes:
        records: number, id, entity type, name, time and first activity of each record, by column.
        typed: the current contents, by entity type.
    """

    def __init__(self, numbers: Numbers, next_record: int) -> None:
        self._numbers = numbers
        self._next_record = next_record
        self.clear()

    def clear(self) -> None:
        """Forget what is stored by now."""
        self.records: tuple[Any, ...] = (array("q"), [], array("i"), [], [], array("i"))
        self.typed: dict[str, TypedRows] = {}
        self._of_records, self._of_fields = array("q"), array("i")
        self._alike: dict[tuple[str, ...], array[int]] = {}  # the numbers of fields that records have in common
        self._values: list[Any] = []

    def __len__(self) -> int:
        return len(self._values) + len(self.records[0])

    def values(self) -> dict[str, Any]:
        """Return the values by column; key values are among them."""
        values, number_of = self._values, self._numbers.__getitem__
        nobody = bytes(4 * len(values))
        told = bool(values) and isinstance(values[-1], _Value)  # histories tell authors, and records do not
        return {
            "record": self._of_records,
            "field": self._of_fields,
            "content": [
                content if type(content) is str or content is None else as_it_stands(content)
                for content in [value.content for value in values]
            ],
            "written_at": [value.created_at for value in values],
            "activity": array("i", map(number_of, [value.operation_id for value in values])),
            "on_table": array("i", map(number_of, [value.record_view_id for value in values])),
            "author": array("i", map(number_of, [value.created_by for value in values]) if told else nobody),
        }

    def add(self, answer: Response, histories: Mapping[str, Response | None] | None) -> None:
        """Add an answer that lists records.

        Args:
            answer: the answer.
            histories: the answers with all values of each; without them, the values that the records themselves show
                are taken: the newest of each field in each activity.
        """
        number_of = self._numbers
        numbers, ids, types, names, times, activities = self.records
        for record in _read(answer, _RECORDS, _plain_record):
            number, own = self._next_record, record.id
            self._next_record += 1
            kind = record.entity_slice_id or ""
            numbers.append(number)
            ids.append(own)
            types.append(number_of[kind])
            names.append(record.record_identifier)
            times.append(record.created_at)
            activities.append(number_of[record.initial_operation_id])
            typed = self.typed.get(kind)
            if typed is None:
                typed = self.typed[kind] = TypedRows()
            fields = tuple(record.record_values)
            flat = _one_each(record)  # as a rule a field has one value
            shown = None if flat is not None else _own(record)
            if histories is None and flat is not None:
                known = self._alike.get(fields)
                if known is None:
                    known = self._alike[fields] = array("i", [number_of[field_id] for field_id in fields])
                self._of_fields.extend(known)
                self._values += flat
            elif histories is None:
                for field_id, entries in zip(fields, shown or (), strict=True):
                    self._of_fields.extend([number_of[field_id]] * len(entries))
                    self._values += entries
            else:
                history = histories.get(own)
                for value in () if history is None else _read(history, _VALUES, _plain_value):
                    if value.record_id is None or value.record_id == own:
                        self._of_fields.append(number_of[value.field_id])
                        self._values.append(value)
            self._of_records.extend([number] * (len(self._values) - len(self._of_records)))
            contents = [entry.content for entry in flat or ()] or [_current(entries, own) for entries in shown or ()]
            typed.add(number, own, fields, contents)


def _one_each(record: _Record) -> list[_Entry] | None:
    """Return the entries of all fields where each has one, and it is the record's own; else None."""
    try:
        entries = [entry for (entry,) in record.record_values.values()]
    except ValueError:
        return None
    return entries if {entry.record_id for entry in entries} <= {record.id, None} else None


def _own(record: _Record) -> Iterable[list[_Entry]]:
    """Return the entries of each field that are not of sub-records, which are records of their own."""
    own = record.id
    lists = list(record.record_values.values())
    for entries in lists:
        for entry in entries:
            if entry.record_id != own and entry.record_id is not None:
                return [[one for one in some if one.record_id is None or one.record_id == own] for some in lists]
    return lists


def _current(entries: Sequence[_Entry], own_id: str) -> Any:
    """Return the newest content."""
    if len(entries) == 1:
        return entries[0].content
    return max(entries, key=lambda entry: _order(entry, own_id)).content if entries else None


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
