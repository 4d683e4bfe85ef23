"""What a page gets and gives: a `Visit`, and a `Page`, a `Download`, a `Picture` or a `Redirect`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

from kalbio._core.emulator.refusals import Refusal

if TYPE_CHECKING:
    from kalbio._core.emulator.emulator import Emulator

StateT = TypeVar("StateT")
_LARGEST = 1_000_000_000


class Query:
    """The members of a query or of a form, with those that come several times."""

    def __init__(self, text: str) -> None:
        """Read `a=1&b=2`."""
        self.pairs = parse_qsl(text, keep_blank_values=True, errors="replace")

    def get(self, name: str, default: str = "") -> str:
        """The last member of a name."""
        return next((value for key, value in reversed(self.pairs) if key == name), default)

    def all(self, name: str) -> list[str]:
        """All members of a name."""
        return [value for key, value in self.pairs if key == name]

    def number(self, name: str, default: int) -> int:
        """A whole number from 1 on."""
        text = self.get(name)
        if not text:
            return default
        if not (text.isascii() and text.isdecimal() and 0 < int(text[:12]) <= _LARGEST):
            raise Refusal(400, f"{name} is a whole number from 1 on, not {text[:40]!r}")
        return int(text)

    def replace(self, **members: str | int | None) -> str:
        """Give the query with these members instead of those of the same names; None leaves them out."""
        added = [(key, str(value)) for key, value in members.items() if value is not None]
        return self.with_members(added, without=tuple(members))

    def with_members(self, added: Iterable[tuple[str, str]], without: Iterable[str]) -> str:
        """Give the query without the members of these names, and with others behind the rest."""
        left_out = set(without)
        return "?" + urlencode([*((key, value) for key, value in self.pairs if key not in left_out), *added])


@dataclass(frozen=True)
class Visit(Generic[StateT]):
    """One request for a page, and the emulator that it shows."""

    emulator: Emulator[Any]
    store: StateT
    url: str
    """The path that was asked for."""
    path: Mapping[str, str]
    """What stands in the place of `{name}` in the pattern of the page."""
    query: Query
    form: Query


@dataclass(frozen=True)
class Page:
    """A template, and what it shows."""

    template: str
    title: str
    context: Mapping[str, Any] = field(default_factory=dict)
    crumbs: tuple[tuple[str, str], ...] = ()
    """The pages above this one: titles and paths."""
    status: int = 200


@dataclass(frozen=True)
class Download:
    """A file, which a browser keeps and never shows."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Picture:
    """An SVG picture."""

    svg: bytes


@dataclass(frozen=True)
class Redirect:
    """Another page to go to, after something was done."""

    to: str


Given = Page | Download | Picture | Redirect
Handler = Callable[[Visit[StateT]], Given]


@dataclass(frozen=True)
class Paging:
    """Which part of a long list a page shows."""

    page: int
    size: int
    total: int

    @property
    def offset(self) -> int:
        """How many items come before."""
        return (self.page - 1) * self.size

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // self.size))

    @property
    def first_item(self) -> int:
        """The number of the first item on this page, from 1 on."""
        return min(self.offset + 1, self.total)

    @property
    def last_item(self) -> int:
        """The number of the last item on this page."""
        return min(self.offset + self.size, self.total)


def paging(query: Query, total: int, size: int = 50, name: str = "page") -> Paging:
    """Which part of a list of `total` items the query asks for: the last one where it asks for more than there are."""
    asked = Paging(query.number(name, 1), size, total)
    return replace(asked, page=min(asked.page, asked.last))


class Pages(Generic[StateT]):
    """Functions that give pages, by method and pattern of the path, such as `/browse/things/{id}`."""

    def __init__(self) -> None:
        self.handlers: dict[tuple[str, str], tuple[Handler[StateT], bool]] = {}

    def get(self, pattern: str, *, locked: bool = True) -> Callable[[Handler[StateT]], Handler[StateT]]:
        """Register a page. It runs while no request changes the store, unless it needs nothing of it."""
        return self._register("GET", pattern, locked)

    def post(self, pattern: str) -> Callable[[Handler[StateT]], Handler[StateT]]:
        """Register what a form does. It runs without the lock, so that what it sends can call back."""
        return self._register("POST", pattern, False)

    def include(self, other: Pages[StateT]) -> None:
        """Register all functions of other pages."""
        for (method, pattern), (handler, locked) in other.handlers.items():
            self._register(method, pattern, locked)(handler)

    def _register(self, method: str, pattern: str, locked: bool) -> Callable[[Handler[StateT]], Handler[StateT]]:
        def register(handler: Handler[StateT]) -> Handler[StateT]:
            if (method, pattern) in self.handlers:
                raise ValueError(f"{method} {pattern} is registered twice")
            self.handlers[method, pattern] = handler, locked
            return handler

        return register
