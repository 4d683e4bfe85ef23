"""The base of all objects that the server sends: a typed view over its JSON, decoded when it is read."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, Self, TypeVar, overload

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.errors import UnreadableTimeError
from kalbio._core.json import strict_json
from kalbio._core.objects.fixed import FixedDict, FixedList, OpenText, copied, fixed
from kalbio._core.objects.notebook import html_of_list, html_of_object
from kalbio._core.objects.times import parse_timestamp
from kalbio._core.objects.uuids import short_id
from kalbio._core.text.display import printable, safe_repr
from kalbio._core.text.html_tables import ROWS

T = TypeVar("T")
R = TypeVar("R", bound="Resource")
C = TypeVar("C")


class ErrorPolicy(Protocol):
    """What a failure leads to."""

    on_error: Literal["raise", "log"]

    @property
    def logger(self) -> logging.Logger:
        """Where the client logs."""
        ...


class Names(Protocol):
    """What knows what things are called."""

    def shown_name(self, member: str, identifier: str) -> str | None:
        """Return what the thing is called that a member names by its id, None where that takes a request."""
        ...


class Owner(Protocol):
    """What every object needs of the client that it came from. Those that ask the server say what they need besides."""

    @property
    def session(self) -> ErrorPolicy:
        """What calls are made with."""
        ...

    @property
    def directory(self) -> Names:
        """What knows what things are called."""
        ...


class _Owned(Protocol[C]):
    _client: C | None


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
    return FixedList([str(item) for item in value if item is not None]) if isinstance(value, list) else None


def text(doc: str = "") -> Field[str | None]:
    """Text, None when it is absent."""
    return Field(_as_text, doc)


def enum_text(doc: str = "") -> Field[OpenText | None]:
    """Text of an open enumeration, None when it is absent. It has a `value`, as the members have."""

    def read(value: Any) -> OpenText | None:
        known = _as_text(value)
        return None if known is None else OpenText(known)

    return Field(read, doc)


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


class TimeField(Field[datetime | None]):
    """An instant with its zone, None when it is absent. One that cannot be read is neither."""

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Resource, owner: type) -> datetime | None: ...
    def __get__(self, instance: Resource | None, owner: type) -> Self | datetime | None:
        if instance is None:
            return self
        value = instance._raw.get(self._name)
        moment = parse_timestamp(value)
        if moment is not None or value is None or value == "":
            return moment
        error = UnreadableTimeError(f"{self._name} of {instance!r}", value)
        client = instance._client
        if client is None or client.session.on_error == "raise":
            raise error
        client.session.logger.error("%s", error)
        return None


def timestamp(doc: str = "") -> Field[datetime | None]:
    """An instant with its zone, None when it is absent. One that cannot be read raises UnreadableTimeError."""
    return TimeField(lambda value: value, doc)


def texts(doc: str = "") -> Field[list[str]]:
    """A list of texts, ids as a rule; empty when it is absent. It cannot be changed."""
    return Field(lambda value: _texts(value) or FixedList(), doc)


def texts_or_none(doc: str = "") -> Field[list[str] | None]:
    """A list of texts, None when it is absent."""
    return Field(_texts, doc)


def anything(doc: str = "") -> Field[Any]:
    """Any JSON; lists and dicts cannot be changed."""
    return Field(fixed, doc)


def list_of_anything(doc: str = "") -> Field[list[Any]]:
    """A JSON list, empty when it is absent. It cannot be changed."""
    return Field(lambda value: fixed(value) if isinstance(value, list) else FixedList(), doc)


def mapping(doc: str = "") -> Field[dict[str, Any]]:
    """A JSON object, empty when it is absent. It cannot be changed."""
    return Field(lambda value: fixed(value) if isinstance(value, dict) else FixedDict(), doc)


def objects(kind: type[T], doc: str = "") -> Field[list[T]]:
    """A list of value objects; empty when it is absent. It cannot be changed."""
    make: Callable[[Any], T] = kind
    return Field(
        lambda value: (
            ObjectList(make(item) for item in value if isinstance(item, dict))
            if isinstance(value, list)
            else ObjectList()
        ),
        doc,
    )


def optional_object(kind: type[T], doc: str = "") -> Field[T | None]:
    """A value object, None when it is absent."""
    make: Callable[[Any], T] = kind
    return Field(lambda value: make(value) if isinstance(value, dict) else None, doc)


class NoClientError(RuntimeError, AttributeError):
    """An object without a client, one that was unpickled as a rule, was to ask the server.

    Also an AttributeError: such an object does not have the relations that are asked for, and `hasattr` says so.
    """


_Dump = dict[str, Any]
"""`dict`, where a class has a method of that name."""

_OF_PYDANTIC = frozenset({"dict", "json", "model_copy", "model_dump", "model_dump_json", "model_validate"})
_SHOWN_NUMBERS = 6
_PYDANTIC_CURES = {
    "construct": "call the class with keywords",
    "copy": "use model_copy()",
    "from_orm": "use model_validate(...)",
    "model_construct": "call the class with keywords",
    "model_extra": "to_dict() has all members, those that this version does not know too",
    "model_fields": "model_dump() has the names of all members",
    "model_fields_set": "to_dict() has what was given, and nothing else",
    "model_json_schema": "the API is described in openapi.json of the generated package",
    "model_validate_json": "use model_validate(json.loads(...))",
    "parse_obj": "use model_validate(...)",
    "parse_raw": "use model_validate(json.loads(...))",
    "schema": "the API is described in openapi.json of the generated package",
    "update_forward_refs": "there is nothing to be done",
}
"""What scripts that were written for pydantic's objects ask for in vain, with the cure."""


class _Kind(type):
    """The class of the classes of objects: it names the cure for what older scripts ask of a class."""

    if not TYPE_CHECKING:

        def __getattr__(cls, name: str) -> Any:
            cure = f"; {_PYDANTIC_CURES[name]}" if name in _PYDANTIC_CURES else ""
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}{cure}")


class Resource(metaclass=_Kind):
    """An object of the server: its members are attributes, decoded when they are read.

    Members that this version does not know are attributes too. `raw` shows the JSON as it came, `to_dict()` copies it.
    Two objects are equal when they are of the same type and have the same id. Lists and dicts of an object cannot be
    changed: that would change nothing on the server.

    Tests of your own make objects by keyword: `Toy(id="...", color="red", made_at=datetime.now(UTC))`.
    """

    __slots__ = ("__weakref__", "_client", "_raw", "_relations", "_stale")

    _raw: _Dump
    _client: Owner | None
    # Members that are read by a property of their own, not by a `Field`.
    _computed: ClassVar[tuple[str, ...]] = ()
    # Members that a list of such objects shows in a notebook; by default the first that hold something.
    _columns: ClassVar[tuple[str, ...]] = ()

    def __init__(self, raw: dict[str, Any] | None = None, client: Owner | None = None, /, **members: Any) -> None:
        if raw is None:
            known = ("id", *_declared(type(self)))
            for name in members:
                # What is not a member and has a meaning of its own would be hidden by it.
                if name not in known and (name.startswith("_") or hasattr(type(self), name)):
                    raise ArgumentTypeError(f"{type(self).__name__} has no member {name!r} to set")
            raw = self._raw_of(members)
        elif members:
            raise ArgumentTypeError(f"{type(self).__name__} takes its JSON or its members by keyword, not both")
        self._raw = raw
        self._client = client
        self._relations: dict[str, Any] | None = None  # most objects have none, and there are many of them
        self._stale = False

    @property
    def id(self) -> str:
        """The id, a UUID as text; empty on value objects that have none."""
        return str(self._raw.get("id", ""))

    @property
    def raw(self) -> Mapping[str, Any]:
        """The JSON as the server sent it, read-only."""
        return MappingProxyType(fixed(self._raw))

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

    @classmethod
    def _raw_of(cls, members: Mapping[str, Any]) -> _Dump:
        """Return the JSON of members that were given as the attributes show them."""
        return {name: _as_json(value, f"{name} of a {cls.__name__}") for name, value in members.items()}

    def _as_value(self) -> Any:
        """Return what `written_of` does."""
        return self

    def _names(self) -> list[str]:
        """Return the names of all members: documented ones, and those that came besides."""
        raw = self._raw
        return list(dict.fromkeys([*(("id",) if "id" in raw else ()), *_declared(type(self)), *raw]))

    def _member(self, name: str) -> Any:
        # Other attributes than members may ask the server.
        return getattr(self, name) if name == "id" or name in _declared(type(self)) else fixed(self._raw[name])

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Go through the members as pairs of name and value: `dict(record)` has all of them."""
        return iter([(name, self._member(name)) for name in self._names()])

    def __contains__(self, name: object) -> bool:
        # Going through pairs would find nothing, and whether a name is that of a member or of a field nobody can tell.
        raise ArgumentTypeError(
            f"`in` does not work on a {type(self).__name__}; for its members, use {safe_repr(name)} in dict(...)"
        )

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """Return an object of this class from what `model_dump()` gave, or from the JSON of the server.

        Raises:
            ValueError: it is neither.

        Example:
            >>> Program.model_validate({"id": "0a1b2c3d-0000-4000-8000-000000000001", "title": "Kinases"})
            <Program 'Kinases' 0a1b2c3d>
        """
        if isinstance(obj, cls):
            return obj
        if not isinstance(obj, Mapping):
            raise ArgumentError(f"A {cls.__name__} is made from a dict of its members; got {safe_repr(obj)}")
        return cls(cls._raw_of(obj))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, with other members if you give some. It has the same client; the server knows nothing of it.

        Args:
            update: members of the copy that are to be others.
            deep: means nothing here: a copy shares nothing that could be changed.
        """
        return type(self)({**copied(self._raw), **self._raw_of(update or {})}, self._client)

    def clear_caches(self) -> None:
        """Forget the relations that were computed for this object; they are read again when you ask for them."""
        self._relations = None

    def _cached_relation(self, name: str) -> Any:
        """Return a relation that was computed before, None when it was not."""
        return None if self._relations is None else self._relations.get(name)

    def _cache_relation(self, name: str, value: Any) -> None:
        self._relations = {**(self._relations or {}), name: value}

    def _require_client(self: _Owned[C]) -> C:
        if self._client is None:
            raise NoClientError(
                f"This {type(self).__name__} has no client, so it cannot send requests; get it from a client instead."
            )
        return self._client

    def _merge(self, answer: Mapping[str, Any]) -> None:
        """Copy the members of an answer; what it does not mention stays. Readers see the old state or the new one."""
        self._replace_json({**self._raw, **answer})

    def _replace_json(self, raw: dict[str, Any]) -> None:
        self._raw = raw
        self._relations = None
        self._stale = False

    if not TYPE_CHECKING:
        # Hidden from type checkers, so that a slip is an error there; for them there is raw[...].

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):  # tools ask for such names, also of objects that have no JSON yet
                raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
            if hasattr(type(self), name):
                # It is there, and says itself why it cannot be read; a member of that name is something else.
                return object.__getattribute__(self, name)
            try:
                return fixed(self._raw[name])
            except KeyError:
                raise AttributeError(
                    f"{type(self).__name__} {short_id(self.id)} has no attribute {name!r}{self._cure_of(name)}"
                ) from None

    def _cure_of(self, name: str) -> str:
        """What an error about an attribute that is not there adds: where such a name is to be found instead."""
        if name == "copy" and self._client is not None:
            # `model_copy()` would be changed in the belief that the original stays as it is.
            return f"; a copy of it would stand for the same {type(self).__name__} on the server"
        return f"; {_PYDANTIC_CURES[name]}" if name in _PYDANTIC_CURES else ""

    def __dir__(self) -> list[str]:
        # Without the spellings that only older scripts use: completion is for what to write today.
        usual = set(super().__dir__()) - _OF_PYDANTIC
        return sorted(usual.union(name for name in self._raw if name.isidentifier()))

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
        return f"{type(self).__name__} {short_id(self.id)}"

    def _label(self) -> str | None:
        """What a person calls it, for `repr`; None when there is nothing but the id."""
        text = self._text()
        return None if text == Resource._text(self) else text

    def __repr__(self) -> str:
        label = self._label()
        parts = [type(self).__name__, safe_repr(label) if label else "", printable(short_id(self.id))]
        if not any(parts[1:]):  # nothing names it: what it counts
            numbers = ((name, value) for name, value in self._raw.items() if isinstance(value, int | float))
            parts += [f"{printable(name)}={safe_repr(value)}" for name, value in islice(numbers, _SHOWN_NUMBERS)]
        return f"<{' '.join(part for part in parts if part)}>"

    def _repr_html_(self) -> str:
        raw = self._raw
        title = f"{type(self).__name__} {self._label() or short_id(self.id)}"
        return html_of_object(title, ((name, raw.get(name)) for name in self._names()), self._shown_name)

    @classmethod
    def _html_of(cls, items: Sequence[Self]) -> str:
        """Return what a notebook shows of a list of such objects. Nothing is sent to show it."""
        first = items[:ROWS]
        shown = [(item._label() or "", {name: item._raw.get(name) for name in item._names()}) for item in first]
        name_of = first[0]._name_in_list
        return html_of_list(cls.__name__, shown, len(items), cls._columns, name_of)

    def _shown_name(self, member: str, identifier: str) -> str | None:
        """Return what the thing is called that a member names by its id, None where that is not known."""
        return None if self._client is None else self._client.directory.shown_name(member, identifier)

    def _name_in_list(self, member: str, identifier: str) -> str | None:
        """Return what a list of such objects shows for the id, None where it shows no names but known ones."""
        return self._shown_name(member, identifier)

    def __copy__(self) -> Self:
        return type(self)(self._raw, self._client)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)(copied(self._raw), self._client)

    def __reduce__(self) -> tuple[Any, ...]:
        # The client holds connections and credentials; neither belongs into a pickle.
        return type(self), (self._raw,)

    def model_dump(
        self,
        *,
        mode: Literal["python", "json"] = "python",
        include: Collection[str] | None = None,
        exclude: Collection[str] | None = None,
        exclude_none: bool = False,
        exclude_unset: bool = False,
    ) -> _Dump:
        """Return all members as a dict: documented ones as their attributes show them, and those that came besides.

        `to_dict()` has the JSON as it came instead: nothing that is absent there.

        Args:
            mode: "python" gives times as `datetime`; "json" gives what `json.dumps` takes, times as they came.
            include: names of members to give, and no others.
            exclude: names of members to leave out.
            exclude_none: leave out what is None.
            exclude_unset: leave out what did not come.

        Raises:
            ValueError: there is no such mode.
        """
        if mode not in ("python", "json"):
            raise ArgumentError(f'mode must be "python" or "json"; got {safe_repr(mode)}')
        dump = {}
        for name in self._names():
            if (include is not None and name not in include) or (exclude is not None and name in exclude):
                continue
            if exclude_unset and name not in self._raw:
                continue
            is_time = name in _declared(type(self)) and isinstance(getattr(type(self), name), TimeField)
            value = _dumped(copied(self._raw.get(name)) if is_time and mode == "json" else self._member(name), mode)
            if value is not None or not exclude_none:
                dump[name] = value
        return dump

    def model_dump_json(self, *, indent: int | None = None, **which: Any) -> str:
        """Return `model_dump(mode="json")` as JSON text.

        Args:
            indent: spaces to indent by; without it everything stands on one line.
            **which: members to give or leave out, see `model_dump`.
        """
        dump = self.model_dump(mode="json", **which)
        separators = (",", ":") if indent is None else None
        return printable(json.dumps(dump, indent=indent, separators=separators, ensure_ascii=False))

    def dict(self, **which: Any) -> _Dump:
        """Return `model_dump()`: an older spelling."""
        return self.model_dump(**which)

    def json(self, **which: Any) -> str:
        """Return `model_dump_json()`: an older spelling."""
        return self.model_dump_json(**which)


def written_of(resource: Resource) -> Any:
    """Return what is written of an object as a value; itself, which JSON refuses, where no field holds such objects."""
    return resource._as_value()


class ReadsLikeDict(Resource):
    """What older clients gave as a dict: its members can be asked for by key as well."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        return fixed(self._raw[name])

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # by its keys, as a dict is gone through
        return iter(list(self._raw))

    def __len__(self) -> int:
        return len(self._raw)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a member as it came, or what is given instead."""
        return fixed(self._raw.get(name, default))

    def keys(self) -> list[str]:
        """Return the names of its members."""
        return list(self._raw)

    def values(self) -> list[Any]:
        """Return its members as they came."""
        return [fixed(value) for value in self._raw.values()]

    def items(self) -> list[tuple[str, Any]]:
        """Return its members with their names."""
        return [(name, fixed(value)) for name, value in self._raw.items()]


@cache
def _declared(kind: type[Resource]) -> tuple[str, ...]:
    """Return the names of the members that are documented, in their order."""
    names = [name for part in reversed(kind.__mro__) for name, item in vars(part).items() if isinstance(item, Field)]
    return tuple(dict.fromkeys([*names, *kind._computed]))


def stale(item: R) -> R:
    """Mark an object of which a write is not known to show, and return it."""
    item._stale = True
    return item


def _as_json(value: Any, path: str) -> Any:
    """Return what was given for a member as the JSON that would show it."""
    if value is None or type(value) in (str, bool, int, float):
        return value
    if isinstance(value, Resource):
        return value.to_dict()
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise ArgumentTypeError(f"{path} has the key {safe_repr(name)}; keys must be text")
        return {str(name): _as_json(item, f"{path}[{safe_repr(name)}]") for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item, f"{path}[{index}]") for index, item in enumerate(value)]
    return strict_json.plain(value, path)


def _dumped(value: Any, mode: Literal["python", "json"]) -> Any:
    if isinstance(value, Resource):
        return value.model_dump(mode=mode)
    if isinstance(value, Mapping):
        return {name: _dumped(item, mode) for name, item in value.items()}
    if isinstance(value, list):
        return [_dumped(item, mode) for item in value]
    return str(value) if isinstance(value, str) else value


def html_of(items: Sequence[Any]) -> str | None:
    """Return what a notebook shows of a list; None, which lets it show the list itself, of one that is no objects'."""
    kinds = {type(item) for item in items[:ROWS]}
    first = next(iter(kinds), None)
    return first._html_of(items) if len(kinds) == 1 and first is not None and issubclass(first, Resource) else None


class ObjectList(FixedList[T]):
    """The list of objects that a member of another holds."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        return html_of(self)
