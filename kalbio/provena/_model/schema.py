"""The base of the objects in `kalbio.provena.models`: what the older client sent and got, as views over JSON."""

from __future__ import annotations

import json
import types
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, Union, dataclass_transform, get_args, get_origin
from typing import get_type_hints as read_hints

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.json import strict_json
from kalbio._core.objects.fixed import copied
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import printable, safe_repr
from kalbio._core.text.redaction import HIDDEN

_HIDDEN = frozenset(
    (
        "access_token", "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "client_secret",
        "console_session_url", "device_code", "id_token", "presigned_url", "refresh_token", "report_url",
    )
)  # fmt: skip
"""Members that open something to everybody who sees them."""

_Dict = dict[str, Any]
"""`dict`, where a class has a method of that name."""


class Member(NamedTuple):
    """What is known of one member of a schema."""

    hint: Any
    required: bool


class _Attribute:
    """Reads one member, and sets it."""

    def __init__(self, name: str, required: bool) -> None:
        self.name = name
        self.required = required

    def __get__(self, instance: ProvenaObject | None, owner: type[ProvenaObject]) -> Any:
        return self if instance is None else instance.member(self.name)

    def __set__(self, instance: ProvenaObject, value: Any) -> None:
        instance.set_member(self.name, value)


@dataclass_transform(kw_only_default=True)
class ProvenaObject:
    """One object that goes to the servers or comes from them.

    It is made by keyword, and refuses names that it does not know and values of another kind. What comes from a server
    is kept as it came: `to_dict()` and `model_dump()` give it back, members that are not described here included.
    """

    __slots__ = ("__weakref__", "_raw", "_read")

    _raw: _Dict
    _read: _Dict
    takes_any_member: ClassVar[bool] = False

    def __init_subclass__(cls, takes_any_member: bool = False) -> None:
        cls.takes_any_member = takes_any_member or cls.takes_any_member
        for name in get_annotations(cls):
            setattr(cls, name, _Attribute(name, name not in vars(cls)))

    if not TYPE_CHECKING:  # there, the keywords are those of the members

        def __init__(self, /, **members: Any) -> None:
            kind, known = type(self), members_of(type(self))
            for name in members:
                if name not in known and not kind.takes_any_member:
                    raise ArgumentTypeError(f"a {kind.__name__} has no member {name!r}.{did_you_mean(name, known)}")
            missing = [name for name, one in known.items() if one.required and name not in members]
            if missing:
                raise ArgumentTypeError(f"a {kind.__name__} needs {', '.join(missing)}")
            self._raw = {}
            self._read = {
                name: _taken(known[name].hint if name in known else Any, value, f"{name} of a {kind.__name__}")
                for name, value in members.items()
            }

    @classmethod
    def over(cls, raw: Mapping[str, Any]) -> Self:
        """Return an object over JSON that nobody else changes."""
        made = cls.__new__(cls)
        made._raw, made._read = dict(raw), {}
        return made

    # -- members --------------------------------------------------------------------------------------------------

    def member(self, name: str) -> Any:
        """Return a member as its attribute does."""
        if name not in self._read:
            one = members_of(type(self)).get(name)
            if name not in self._raw:
                if one is None or one.required:
                    raise AttributeError(self._missing(name))
                return None
            self._read[name] = _shown(Any if one is None else one.hint, self._raw[name])
        return self._read[name]

    def set_member(self, name: str, value: Any) -> None:
        """Set a member as its attribute does."""
        self._read[name] = _taken(members_of(type(self))[name].hint, value, f"{name} of a {type(self).__name__}")

    def _missing(self, name: str) -> str:
        return f"a {type(self).__name__} has no member {name!r}.{did_you_mean(name, self._names())}"

    def _names(self) -> list[str]:
        return list(dict.fromkeys([*self._raw, *self._read]))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):  # tools ask for such names, also of objects that have no JSON yet
                raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
            return self.member(name)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Go through the members as pairs of name and value."""
        return iter([(name, self.member(name)) for name in self._names()])

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in self._raw if name.isidentifier())})

    # -- as JSON --------------------------------------------------------------------------------------------------

    def to_dict(self) -> _Dict:
        """Return the JSON: what was given, or what came, and nothing else."""
        return {
            name: _json(self._read[name]) if name in self._read else copied(self._raw[name]) for name in self._names()
        }

    def to_body(self) -> _Dict:
        """Return what is sent: the JSON without the members that are None. What you name yourself is left as it is."""
        known = members_of(type(self))
        found = ((name, self.member(name)) for name in self._names())
        return {name: _body(value) for name, value in found if value is not None or name not in known}

    def model_dump(
        self,
        *,
        mode: str = "python",
        include: Collection[str] | None = None,
        exclude: Collection[str] | None = None,
        exclude_none: bool = False,
        exclude_unset: bool = False,
    ) -> _Dict:
        """Return the JSON as a dict.

        Args:
            mode: means nothing here: both modes of older objects give JSON.
            include: names of members to give, and no others.
            exclude: names of members to leave out.
            exclude_none: leave out what is None, except under names of your own.
            exclude_unset: means nothing here: what was not given, or did not come, is not there.
        """
        found = self.to_body() if exclude_none else self.to_dict()
        return {
            name: value
            for name, value in found.items()
            if (include is None or name in include) and (exclude is None or name not in exclude)
        }

    def model_dump_json(self, *, indent: int | None = None, **which: Any) -> str:
        """Return `model_dump()` as JSON text.

        Args:
            indent: spaces to indent by; without it everything stands on one line.
            **which: members to give or leave out, see `model_dump`.
        """
        separators = (",", ":") if indent is None else None
        return json.dumps(self.model_dump(**which), indent=indent, separators=separators, ensure_ascii=False)

    def dict(self, **which: Any) -> _Dict:
        """Return `model_dump()`: an older spelling."""
        return self.model_dump(**which)

    def json(self, **which: Any) -> str:
        """Return `model_dump_json()`: an older spelling."""
        return self.model_dump_json(**which)

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """Return an object of this class from JSON that a server sent, or that `model_dump()` gave, taken as it is.

        Raises:
            ValueError: it is no JSON object.
        """
        if isinstance(obj, cls):
            return obj
        if isinstance(obj, ProvenaObject):
            obj = obj.to_dict()
        if not isinstance(obj, Mapping):
            raise ArgumentError(f"a {cls.__name__} is made from a dict of its members; got {safe_repr(obj)}")
        return cls.over(copied(dict(obj)))

    @classmethod
    def model_validate_json(cls, text: str | bytes) -> Self:
        """Return an object of this class from JSON text."""
        return cls.model_validate(json.loads(text))

    @classmethod
    def parse_obj(cls, obj: Any) -> Self:
        """Return `model_validate(obj)`: an older spelling."""
        return cls.model_validate(obj)

    @classmethod
    def parse_raw(cls, text: str | bytes) -> Self:
        """Return `model_validate_json(text)`: an older spelling."""
        return cls.model_validate_json(text)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, with other members if you give some.

        Args:
            update: members of the copy that are to be others.
            deep: means nothing here: a copy shares nothing.
        """
        made = self.over(self.to_dict())
        for name, value in (update or {}).items():
            if name not in members_of(type(self)):
                raise ArgumentTypeError(self._missing(name))
            made.set_member(name, value)
        return made

    def copy(self, **how: Any) -> Self:
        """Return `model_copy(...)`: an older spelling."""
        return self.model_copy(**how)

    def __copy__(self) -> Self:
        return self.model_copy()

    def __deepcopy__(self, memo: _Dict) -> Self:
        return self.model_copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).model_validate, (self.to_dict(),)

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if type(other) is type(self) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it can be changed

    def __repr__(self) -> str:
        parts = [f"{printable(name)}={_for_people(name, self.member(name))}" for name in self._names()]
        return f"{type(self).__name__}({', '.join(parts)})"


_KNOWN: dict[type[ProvenaObject], Mapping[str, Member]] = {}


def members_of(kind: type[ProvenaObject]) -> Mapping[str, Member]:
    """Return the members of a schema. They are looked up when they are first needed: there are hundreds of schemas."""
    known = _KNOWN.get(kind)
    if known is None:
        attributes = ((name, hint, getattr(kind, name)) for name, hint in read_hints(kind).items())
        known = _KNOWN[kind] = {
            name: Member(hint, one.required) for name, hint, one in attributes if isinstance(one, _Attribute)
        }
    return known


def body_of(name: str, value: Any, *kinds: type[ProvenaObject]) -> dict[str, Any]:
    """Return the body that an argument stands for: an object of one of the kinds, or a dict that is sent as it is."""
    if isinstance(value, ProvenaObject) and isinstance(value, kinds):
        return value.to_body()
    if isinstance(value, Mapping):
        return {str(key): _body(item) for key, item in value.items()}
    wanted = " or ".join(
        "an object of kalbio.provena.models" if one is ProvenaObject else one.__name__ for one in kinds
    )
    raise ArgumentTypeError(f"{name} must be {wanted}, or a dict of its members; got {safe_repr(value)}")


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _is_schema(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, ProvenaObject)


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)


def _shown(hint: Any, value: Any) -> Any:
    """Return JSON as an attribute shows it; what has another form than described is shown as it came."""
    if isinstance(value, dict):
        kinds = [one for one in _options(hint) if _is_schema(one)]
        if not kinds:
            return copied(value)
        # Of several, the first that has all it needs: the ones with fewer members come last.
        fits = (one for one in kinds if all(name in value for name, of in members_of(one).items() if of.required))
        return next(fits, kinds[-1]).model_validate(value)
    if isinstance(value, list):
        inner = next((get_args(one)[0] for one in _options(hint) if get_origin(one) is list), Any)
        return [_shown(inner, item) for item in value]
    if isinstance(value, str):
        kind = next((one for one in _options(hint) if _is_enum(one)), None)
        return value if kind is None else kind(value)
    return value


def _taken(hint: Any, value: Any, where: str) -> Any:
    """Return what a member that is set holds. Raises TypeError or ValueError when it is of another kind."""
    options = _options(hint)
    if value is None and (type(None) in options or hint is Any):
        return None
    wanted = [one for one in options if one is not type(None)]
    problem: Exception = ArgumentTypeError(f"{where} must not be None")
    for one in wanted if value is not None else ():
        try:
            return _taken_as(one, value, where)
        except (TypeError, ValueError) as error:
            problem = error
    raise problem


def _taken_as(hint: Any, value: Any, where: str) -> Any:
    if hint is Any:
        return (
            copied(_json(value))
            if isinstance(value, ProvenaObject | Mapping | list | tuple)
            else strict_json.plain(value, where)
        )
    if _is_schema(hint):
        if isinstance(value, hint):
            return value
        if isinstance(value, Mapping):
            return hint(**value)
        raise ArgumentTypeError(f"{where} must be a {hint.__name__} or a dict of its members; got {safe_repr(value)}")
    if get_origin(hint) is list:
        if not isinstance(value, list | tuple):
            raise ArgumentTypeError(f"{where} must be a list; got {safe_repr(value)}")
        return [_taken(get_args(hint)[0], item, f"{where}[{index}]") for index, item in enumerate(value)]
    if get_origin(hint) is dict:
        if not isinstance(value, Mapping):
            raise ArgumentTypeError(f"{where} must be a dict; got {safe_repr(value)}")
        return {str(name): _json(item) for name, item in value.items()}
    if _is_enum(hint):
        if isinstance(value, hint):
            return value
        known = [one.value for one in hint]
        if value not in known:
            raise ArgumentError(f"{where} must be one of {', '.join(known)}; got {safe_repr(value)}")
        return hint(value)
    return _taken_scalar(hint, strict_json.plain(value, where), where)


_SCALARS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _taken_scalar(hint: Any, value: Any, where: str) -> Any:
    allowed: tuple[type, ...] = (int, float) if hint is float else (hint,)
    if not isinstance(value, allowed) or (isinstance(value, bool) and hint is not bool):
        raise ArgumentTypeError(f"{where} must be {_SCALARS[hint]}; got {safe_repr(value)}")
    return value


def _json(value: Any) -> Any:
    """Return what attributes show as JSON."""
    if isinstance(value, ProvenaObject):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: _json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def _body(value: Any) -> Any:
    """Return what attributes show as it is sent."""
    if isinstance(value, ProvenaObject):
        return value.to_body()
    if isinstance(value, Mapping):
        return {name: _body(item) for name, item in value.items()}
    return [_body(item) for item in value] if isinstance(value, list | tuple) else _json(value)


def _for_people(name: str, value: Any) -> str:
    if name in _HIDDEN and value is not None:
        return HIDDEN
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{safe_repr(key)}: {_for_people(str(key), item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_for_people('', item) for item in value)}]"
    return repr(value) if isinstance(value, ProvenaObject) else safe_repr(value)
