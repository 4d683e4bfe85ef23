"""Reads identifiers: a UUID, an object, or a name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set, ValuesView
from typing import Any, Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

from kalbio._core.concurrency.forks import cached_property
from kalbio._core.errors import AmbiguousIdentifierError, IdentifierError, IdentifierNotFoundError
from kalbio._core.objects.lists import is_frame, is_list
from kalbio._core.objects.resource import Resource, written_of
from kalbio._core.objects.uuids import UUID_TEXT
from kalbio._core.text.display import safe_repr

R = TypeVar("R", bound=Resource)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
V_co = TypeVar("V_co", covariant=True)


class ListLike(Protocol[T_co]):
    """A list, tuple, set or the like. Text is none, though it can be gone through letter by letter."""

    def __contains__(self, item: object, /) -> bool: ...  # text takes text only, and this tells them apart
    def __iter__(self) -> Iterator[T_co]: ...
    def __len__(self) -> int: ...


class DictLike(Protocol[T_co, V_co]):
    """A dict or the like. Its keys may be of a part of what is asked for, which a `Mapping` does not allow."""

    def __getitem__(self, key: Any, /) -> V_co: ...
    def __len__(self) -> int: ...
    def items(self) -> Set[tuple[T_co, V_co]]: ...


Many: TypeAlias = ListLike[T] | Iterator[T] | ValuesView[T]
"""What arguments take that name several things: lists and the like, generators, the values of a dict; but no text."""

Accepted: TypeAlias = type[Resource] | tuple[type[Resource], ...]
"""The kinds of objects that may stand for their ids."""


class Identified:
    """What a value names by its id, without being an object of the server."""

    __slots__ = ()

    id: str

    @property
    def content(self) -> Any:
        """What is written for it."""
        return self.id


def as_content(value: Any) -> Any:
    """Return what is written for an object of the server, its id, and for a value that was read; others as they are."""
    if isinstance(value, list | tuple):
        return list(map(_as_content, value))
    return _as_content(value)


def _as_content(value: Any) -> Any:
    if isinstance(value, Identified):
        return value.content
    return written_of(value) if isinstance(value, Resource) else value


def as_id(value: Any, kind: str, accepted: Accepted, *, others: str = "its id, its name") -> str | None:
    """Return the id when `value` is one, or an object of the right type; None when it is a name.

    Raises IdentifierError for anything that can be neither; `others` says what may be given besides an object.
    """
    if isinstance(value, str):
        if UUID_TEXT.fullmatch(value):
            return value.lower()
        if not value.strip():
            raise IdentifierError(
                kind,
                value,
                f"An empty text ({safe_repr(value)}) names no {kind}; give {others.replace(', ', ' or ', 1)}.",
            )
        return None
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, accepted) and value.id:
        return value.id
    raise IdentifierError(kind, value, _refusal(value, kind, accepted, others))


def _refusal(value: Any, kind: str, accepted: Accepted, others: str) -> str:
    kinds = accepted if isinstance(accepted, tuple) else (accepted,)
    # The data of a noun without its calls stands in a class of its own, which users do not know.
    objects = " or ".join(dict.fromkeys(cls.__name__.removesuffix("Data") for cls in kinds))
    article = "an" if objects[:1] in "AEIO" else "a"  # names of classes: a User
    wanted = f"{others} or {article} {objects} object" if objects else others
    return f"{safe_repr(value)} names no {kind}: give {wanted}, not {type(value).__name__}."


def require_identifiers(values: Any, kind: str) -> list[Any]:
    """Return what a list holds. Anything else is refused: a text would be taken letter by letter."""
    if is_frame(values):
        raise IdentifierError(kind, values, f"Give a list, not a table: its column of {kind} ids, for example.")
    if not is_list(values):
        is_one = isinstance(values, str | Mapping | Resource) and bool(values)
        single = f"; for a single {kind} give [{safe_repr(values)}]" if is_one else ""
        raise IdentifierError(kind, values, f"Give a list, not {safe_repr(values)}{single}.")
    return list(values)


def plain_ids(values: Iterable[Any], kind: str, accepted: Accepted = ()) -> list[str]:
    """Return a list of ids for arguments that take ids (or objects of their kind, or UUIDs) only."""
    return [plain_id(value, kind, accepted) for value in require_identifiers(values, kind)]


def joined_ids(values: Any, kind: str, accepted: Accepted = ()) -> str:
    """Return ids joined with commas, from a list of them or from such a text."""
    given = [part.strip() for part in values.split(",") if values.strip()] if isinstance(values, str) else values
    return ",".join(plain_ids(given, kind, accepted))


def plain_id(value: Any, kind: str, accepted: Accepted = ()) -> str:
    """Return the id for an argument that takes an id (or an object of its kind, or a UUID) only."""
    if not isinstance(value, str | UUID) and not (isinstance(value, accepted) and value.id):
        raise IdentifierError(kind, value, _refusal(value, kind, accepted, "its id"))
    found = as_id(value, kind, accepted)
    if found is None:
        # Something may well have this name.
        error = IdentifierNotFoundError(f"{kind} with the id", value, hint="Give its id, a UUID.")
        error.kind = kind
        raise error
    return found


class Catalog(Generic[R]):
    """A listing with its index: finds an object by id or by exact name."""

    def __init__(self, kind: str, items: Sequence[R], name_of: Callable[[R], str | None]) -> None:
        self.kind = kind
        self.items = tuple(items)
        self._name_of = name_of

    # Made when they are asked for: many listings are only read through.

    @cached_property
    def _by_id(self) -> dict[str, R]:
        return {item.id: item for item in self.items}

    @cached_property
    def _by_name(self) -> dict[str, list[R]]:
        names: dict[str, list[R]] = {}
        for item in self.items:
            name = self._name_of(item)
            if name:
                names.setdefault(name, []).append(item)
        return names

    def by_id(self, identifier: str) -> R | None:
        """Return the object with this id."""
        return self._by_id.get(identifier)

    def by_name(self, name: str) -> R | None:
        """Return the one object of this name, None when there is none. Raises AmbiguousIdentifierError on several."""
        found = self._by_name.get(name, ())
        if len(found) > 1:
            raise AmbiguousIdentifierError(self.kind, name, [item.id for item in found])
        return found[0] if found else None

    def find(self, identifier: str) -> R | None:
        """Return the object with this id, else the one of this name, else None."""
        return self._by_id.get(identifier) or self._by_id.get(identifier.lower()) or self.by_name(identifier)

    def named(self, name: str) -> R:
        """Return the one object of this name. Raises IdentifierError when there is none, or several."""
        found = self.by_name(name)
        if found is None:
            raise self.not_found(name)
        return found

    def not_found(self, identifier: Any) -> IdentifierNotFoundError:
        """Return the error for a name that is not here, with the names that come close."""
        return IdentifierNotFoundError(self.kind, identifier, close_matches(identifier, self._by_name))


def did_you_mean(given: Any, known: Iterable[str]) -> str:
    """Return the sentence that suggests what comes close, with a space before it; empty when nothing does."""
    close = close_matches(given, known)
    return f" Did you mean {' or '.join(map(safe_repr, map(str, close)))}?" if close else ""


def close_matches(identifier: Any, names: Iterable[str]) -> list[str]:
    """Return up to three names: with the same words, then ones that look alike, else ones that hold it as a word.

    Case does not matter.
    """
    if not isinstance(identifier, str):
        return []
    folded: dict[str, list[str]] = {}
    for name in dict.fromkeys(str.__str__(name) for name in names):  # members of an enumeration as plain text
        folded.setdefault(name.casefold().strip(), []).append(name)
    given = identifier.casefold().strip()
    words = sorted(given.split())
    close = [key for key in folded if words and sorted(key.split()) == words]
    close += [key for key in difflib.get_close_matches(given, folded, n=3, cutoff=0.6) if key not in close]
    if not close and given:
        held = re.compile(rf"(?<!\w){re.escape(given)}(?!\w)")
        close = sorted(filter(held.search, folded), key=lambda key: not key.startswith(given))
    return [name for key in close for name in folded[key]][:3]
