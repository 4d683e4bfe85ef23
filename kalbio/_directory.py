# Derived from kalbio/aio/_directory.py by scripts/regenerate; edit that file. (digest 474bf4c2fe50)
"""The directory of a client: it finds a thing of any kind by its id, its name, or the object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar, cast

import attrs

from kalbio._core.objects.resource import Resource
from kalbio._core.sync.session import Session
from kalbio._listing import CachedListing, ComposedNames, Kind
from kalbio._model import staleness
from kalbio._model.bulk import RowProgress
from kalbio._model.filters import Filters, Sorts
from kalbio._model.names import LISTINGS_OF_MEMBER
from kalbio._model.records import RecordData
from kalbio._record_store import RecordStore
from kalbio.tables import Table

R = TypeVar("R", bound=Resource)
Rec = TypeVar("Rec", bound=RecordData)


class Client(Protocol):
    """What services and objects need of a client."""

    @property
    def session(self) -> Session:
        """What calls are made with."""
        ...

    @property
    def directory(self) -> Directory:
        """What finds things by id, name or object."""
        ...


class Tables(Protocol):
    """What gives tables: the service of records."""

    def table(
        self,
        *,
        fields: Iterable[Resource | str] | None = None,
        where: Filters | None = None,
        sorts: Sorts | None = None,
        activity: Resource | None = None,
        table: Resource | None = None,
        program: Resource | None = None,
        history: bool = False,
        progress: RowProgress | bool | None = None,
    ) -> Table:
        """Return the current values of records as a table."""
        ...


class WithTables(Client, Protocol):
    """A client with that service."""

    @property
    def records(self) -> Tables:
        """The service."""
        ...


@attrs.frozen
class Source(Generic[R]):
    """Where the things of a kind are listed.

    Attributes:
        kind: the kind.
        request: builds the request that lists all.
        make: makes an object of its JSON.
        name: the member that says what a thing is called; a property where that takes other listings.
        accepted: the class of objects that stand for their ids.
        one: builds the request that reads the one with an id, where the API has such a call.
        composed: makes what names those things that have no name of their own.
    """

    kind: Kind[R]
    request: Callable[[], Mapping[str, Any]]
    make: Callable[[dict[str, Any], Client], R]
    name: str
    accepted: type[Resource]
    one: Callable[[str], Mapping[str, Any]] | None = None
    composed: Callable[[Client], ComposedNames[R]] | None = None


class Directory:
    """The listings of all kinds, and the records, which are too many to be listed.

    `directory[LABELS].require_id(label)` is the id of a label, given the label, its id, or its name.
    """

    def __init__(
        self,
        client: Client,
        sources: Iterable[Source[Any]],
        record: type[RecordData],
    ) -> None:
        self._listings: dict[str, CachedListing[Any]] = {
            source.kind.name: CachedListing(
                client.session,
                source.kind,
                source.request,
                _maker(source.make, client),
                source.name,
                source.accepted,
                source.one,
                None if source.composed is None else source.composed(client),
            )
            for source in sources
        }
        self.records: RecordStore[RecordData] = RecordStore(
            client.session, self._listings[staleness.KEY_FIELD], lambda item: record(item, client), record
        )
        """The records, for whom their ids will do."""

    def records_of(self, kind: Kind[Rec]) -> RecordStore[Rec]:
        """Return the records as the objects that they are, which stand above this module."""
        return cast("RecordStore[Rec]", self.records)

    def __getitem__(self, kind: Kind[R]) -> CachedListing[R]:
        return self._listings[kind.name]

    def shown_name(self, member: str, identifier: str) -> str | None:
        """Return what the thing is called that a member names by its id, None where that takes a request."""
        names = (self._listings[kind].shown_name(identifier) for kind in LISTINGS_OF_MEMBER.get(member, ()))
        return next(filter(None, names), None)


def _maker(make: Callable[[dict[str, Any], Client], R], client: Client) -> Callable[[dict[str, Any]], R]:
    return lambda item: make(item, client)
