"""The base of all objects that the server sends: a typed view over its JSON, decoded when it is read."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, Self, TypeVar, overload

from kalbio._core.errors import UnreadableTimeError
from kalbio._core.shown import printable, shown, table
from kalbio._model.times import read_time

logger = logging.getLogger("kalbio")

T = TypeVar("T")


class Field(Generic[T]):
    """An attribute that reads one member of the JSON."""

    def __init__(self, read: Callable[[Any], T], doc: str = "") -> None:
        self._read = read
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Resource, owner: type) -> T: ...
    def __get__(self, instance: Resource | None, owner: type) -> Self | T:
        """Decode the member, from the JSON as it is now."""
        return self if instance is None else self._read(instance._raw.get(self._name))


def _as_text(value: Any) -> str | None:
    # Some servers send numbers where text belongs; an object is not worth losing for that.
    return value if value is None or isinstance(value, str) else str(value)


def _as_whole_number(value: Any) -> int | None:
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, int) else None


def _texts(value: Any) -> list[str] | None:
    return [str(item) for item in value if item is not None] if isinstance(value, list) else None


def copied(value: Any) -> Any:
    """Return a copy of JSON; much quicker than `copy.deepcopy`, because JSON holds no cycles and shares nothing."""
    try:
        if isinstance(value, dict):
            return {name: copied(item) for name, item in value.items()}
        if isinstance(value, list):
            return [copied(item) for item in value]
    except RecursionError:
        return _copied_flat(value)
    return value


def _copied_flat(value: Any) -> Any:
    """Return a copy of JSON that is nested deeper than calls can be."""
    top: list[Any] = [value]
    left = [top]
    while left:
        holder: Any = left.pop()
        for place in list(holder) if isinstance(holder, dict) else range(len(holder)):
            if isinstance(holder[place], dict | list):
                holder[place] = holder[place].copy()
                left.append(holder[place])
    return top[0]


def text(doc: str = "") -> Field[str | None]:
    """Text, None when it is absent."""
    return Field(_as_text, doc)


def text_or_empty(doc: str = "") -> Field[str]:
    """Text, empty when it is absent."""
    return Field(lambda value: _as_text(value) or "", doc)


def number(doc: str = "") -> Field[int | None]:
    """A whole number, None when it is absent or no number."""
    return Field(_as_whole_number, doc)


def flag(doc: str = "") -> Field[bool | None]:
    """A yes or no, None when it is absent."""
    return Field(lambda value: value if isinstance(value, bool) else None, doc)


def flag_or_false(doc: str = "") -> Field[bool]:
    """A yes or no, no when it is absent."""
    return Field(lambda value: value is True, doc)


class _Time(Field[datetime | None]):
    """An instant with its zone, None when it is absent. One that cannot be read is neither."""

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Resource, owner: type) -> datetime | None: ...
    def __get__(self, instance: Resource | None, owner: type) -> Self | datetime | None:
        if instance is None:
            return self
        try:
            return read_time(instance._raw.get(self._name), f"{self._name} of {instance!r}")
        except UnreadableTimeError as error:
            client = instance._client
            if client is None or client.on_error == "raise":
                raise
            logger.error("%s", error)
            return None


def timestamp(doc: str = "") -> Field[datetime | None]:
    """An instant with its zone, None when it is absent. One that cannot be read raises UnreadableTimeError."""
    return _Time(lambda value: value, doc)


def texts(doc: str = "") -> Field[list[str]]:
    """A list of texts, ids as a rule; empty when it is absent. Each read gives a list of its own."""
    return Field(lambda value: _texts(value) or [], doc)


def texts_or_none(doc: str = "") -> Field[list[str] | None]:
    """A list of texts, None when it is absent."""
    return Field(_texts, doc)


def anything(doc: str = "") -> Field[Any]:
    """Any JSON, as a copy of its own."""
    return Field(copied, doc)


def list_of_anything(doc: str = "") -> Field[list[Any]]:
    """A JSON list, empty when it is absent; a copy of its own."""
    return Field(lambda value: copied(value) if isinstance(value, list) else [], doc)


def mapping(doc: str = "") -> Field[dict[str, Any]]:
    """A JSON object, empty when it is absent; a copy of its own."""
    return Field(lambda value: copied(value) if isinstance(value, dict) else {}, doc)


def objects(kind: type[T], doc: str = "") -> Field[list[T]]:
    """A list of value objects; empty when it is absent."""
    make: Callable[[Any], T] = kind
    return Field(
        lambda value: [make(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else [], doc
    )


def optional_object(kind: type[T], doc: str = "") -> Field[T | None]:
    """A value object, None when it is absent."""
    make: Callable[[Any], T] = kind
    return Field(lambda value: make(value) if isinstance(value, dict) else None, doc)


class NoClientError(RuntimeError, AttributeError):
    """An object without a client, one that was unpickled as a rule, was to ask the server.

    Also an AttributeError: such an object does not have the relations that are asked for, and `hasattr` says so.
    """


class Resource:
    """An object of the server: its members are attributes, decoded when they are read.

    Members that this version does not know are attributes too. `raw` shows the JSON as it came, `to_dict()` copies it.
    Two objects are equal when they are of the same type and have the same id.
    """

    __slots__ = ("__weakref__", "_client", "_raw", "_relations", "_stale")

    _raw: dict[str, Any]
    _client: Any

    def __init__(self, raw: dict[str, Any], client: Any = None) -> None:
        self._raw = raw
        self._client = client
        self._relations: dict[str, Any] = {}
        self._stale = False

    @property
    def id(self) -> str:
        """The id, a UUID as text; empty on value objects that have none."""
        return str(self._raw.get("id", ""))

    @property
    def raw(self) -> Mapping[str, Any]:
        """The JSON as the server sent it, read-only. Deeper members are copies: changing them changes nothing here."""
        return MappingProxyType(copied(self._raw))

    @property
    def is_stale(self) -> bool:
        """Whether a write through this object succeeded whose outcome could not be read; `refetch()` reads it."""
        return self._stale

    def to_dict(self) -> dict[str, Any]:
        """Return a copy of the JSON, unknown members included."""
        return {name: copied(value) for name, value in self._raw.items()}

    def to_json(self) -> str:
        """Return the JSON as indented text; half a letter, which no encoding carries, stands there as an escape."""
        return printable(json.dumps(self._raw, indent=2, ensure_ascii=False, default=str))

    def clear_caches(self) -> None:
        """Forget the relations that were computed for this object; they are computed anew when asked for."""
        self._relations.clear()

    def _require_client(self) -> Any:
        if self._client is None:
            raise NoClientError(
                f"This {type(self).__name__} has no client, so it cannot ask the server; get it from a client instead."
            )
        return self._client

    def _take_over(self, answer: Mapping[str, Any]) -> None:
        """Copy the members of an answer; what it does not mention stays. Readers see the old state or the new one."""
        self._become({**self._raw, **answer})

    def _become(self, raw: dict[str, Any]) -> None:
        self._raw = raw
        self._relations = {}
        self._stale = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # tools ask for such names, also of objects that have no JSON yet
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        if hasattr(type(self), name):
            # It is there, and says itself why it cannot be read; a member of that name is something else.
            return object.__getattribute__(self, name)
        try:
            return copied(self._raw[name])
        except KeyError:
            raise AttributeError(f"{type(self).__name__} {self.id[:8]} has no attribute {name!r}") from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in self._raw if name.isidentifier())})

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.id == other.id if self.id else self._raw == other._raw

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.id))

    def __str__(self) -> str:
        return printable(self._text())

    def _text(self) -> str:
        """What a person calls it, the id where there is nothing else."""
        return f"{type(self).__name__} {self.id[:8]}"

    def _label(self) -> str | None:
        """What a person calls it, for `repr`; None when there is nothing but the id."""
        text = self._text()
        return None if text == Resource._text(self) else text

    def __repr__(self) -> str:
        label = self._label()
        parts = [type(self).__name__, shown(label) if label else "", printable(self.id[:8])]
        return f"<{' '.join(part for part in parts if part)}>"

    def _repr_html_(self) -> str:
        members = ((_short(name), _short(value)) for name, value in self._raw.items())
        return table(repr(self), members, len(self._raw))

    def __copy__(self) -> Self:
        return type(self)(self._raw, self._client)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)(copied(self._raw), self._client)

    def __reduce__(self) -> tuple[Any, ...]:
        # The client holds connections and credentials; neither belongs into a pickle.
        return type(self), (self._raw,)


def _short(value: Any) -> str:
    """Return JSON as text, cut where it is long, so that what shows it does not grow with it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 100 else f"{text[:97]}..."
