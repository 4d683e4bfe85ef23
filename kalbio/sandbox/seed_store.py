"""The store that seeds write to: it keeps documents as objects until the end.

A seed makes tens of thousands of them, changes most once more, and looks at a few again and again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from kalbio._core.emulator.clock import Clock
from kalbio._core.emulator.strict_json import Document, dumps
from kalbio.sandbox.store import Store

_Key = tuple[str, str]


class SeedStore(Store):
    """A new database, whose documents are written by `write_documents`. What it gives is the document itself."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock, new_id: Callable[[], str]) -> None:
        """Work on a database that has the schema, and no documents."""
        super().__init__(connection, clock, new_id)
        self._documents: dict[_Key, Document] = {}
        self._parents: dict[_Key, str] = {}
        self._by_kind: dict[str, dict[_Key, None]] = {}
        self._by_parent: dict[_Key, dict[_Key, None]] = {}

    def write_documents(self) -> None:
        """Write what was kept, in the order in which it came."""
        self.run_many(
            "insert into document (kind, id, parent, body) values (?, ?, ?, ?)",
            ((*key, self._parents.get(key), dumps(body)) for key, body in self._documents.items()),
        )

    def add(self, kind: str, body: Document, parent: str | None = None) -> Document:
        """Keep a new document under its `id`."""
        key = kind, body["id"]
        self._documents[key] = body
        self._by_kind.setdefault(kind, {})[key] = None
        self.set_parent(*key, parent)
        return body

    def put(self, kind: str, body: Document) -> Document:
        """Replace a document that exists."""
        self._documents[kind, body["id"]] = body
        return body

    def set_parent(self, kind: str, id: str, parent: str | None) -> None:
        """Hang a document under another one."""
        key = kind, id
        if (before := self._parents.pop(key, None)) is not None:
            del self._by_parent[kind, before][key]
        if parent is not None:
            self._parents[key] = parent
            self._by_parent.setdefault((kind, parent), {})[key] = None

    def retire(self, kind: str, id: str) -> None:
        """Not needed: no seed deletes anything."""
        raise NotImplementedError

    def get(self, kind: str, id: str | None) -> Document | None:
        """The document, or None."""
        return None if id is None else self._documents.get((kind, id))

    def all(self, kind: str, parent: str | None = None) -> list[Document]:
        """Documents of a kind (and parent), oldest first."""
        keys = self._by_kind.get(kind, {}) if parent is None else self._by_parent.get((kind, parent), {})
        return [self._documents[key] for key in keys]
