"""State in SQLite: documents by kind and id, named texts, and whatever tables an emulator adds."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from kalbio._core.emulator.clock import Clock
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document, dumps

SCHEMA = """
create table meta (name text primary key, value text not null) without rowid;
create table document (
    seq integer primary key, kind text not null, id text not null, parent text, body text not null,
    unique (kind, id)
);
create index document_parent on document (kind, parent, seq);
"""
"""The tables of every store. An emulator sets `user_version` beside them, and adds its own."""


class UnusableFileError(ValueError):
    """A file cannot hold the data of an emulator, or holds something else."""


class Store:
    """One database. Not safe for threads by itself: the emulator holds a lock around each request."""

    def __init__(
        self, connection: sqlite3.Connection, clock: Clock, new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    ) -> None:
        """Work on a database that has the schema."""
        self.connection = connection
        self.clock = clock
        self.new_id = new_id

    def begin(self) -> None:
        """Begin a transaction. One that an interrupt has left behind is undone."""
        self.rollback()
        self.connection.execute("begin immediate")

    def commit(self) -> None:
        """Keep what was written since the beginning."""
        self.connection.execute("commit")

    def rollback(self) -> None:
        """Undo what was written since the beginning; without one nothing happens."""
        if self.connection.in_transaction:
            self.connection.execute("rollback")

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def tick(self) -> int:
        """A new instant in microseconds."""
        return self.clock.tick()

    # documents

    def add(self, kind: str, body: Document, parent: str | None = None) -> Document:
        """Keep a new document under its `id`."""
        self.connection.execute(
            "insert into document (kind, id, parent, body) values (?, ?, ?, ?)", (kind, body["id"], parent, dumps(body))
        )
        return body

    def put(self, kind: str, body: Document) -> Document:
        """Replace a document that exists."""
        self.connection.execute(
            "update document set body = ? where kind = ? and id = ?", (dumps(body), kind, body["id"])
        )
        return body

    def set_parent(self, kind: str, id: str, parent: str | None) -> None:
        """Hang a document under another one."""
        self.connection.execute("update document set parent = ? where kind = ? and id = ?", (parent, kind, id))

    def retire(self, kind: str, id: str) -> None:
        """Delete softly: the document stays in the database, under a kind that nothing looks for."""
        self.connection.execute("update document set kind = 'deleted_' || kind where kind = ? and id = ?", (kind, id))

    def need(self, kind: str, id: str | None, status: int = 404) -> Document:
        """The document, or an error answer that names it: 404 for one in the path, 400 for one in a body."""
        found = self.get(kind, id)
        if found is None:
            raise Refusal(status, f"{kind.replace('_', ' ')} {id} does not exist")
        return found

    def get(self, kind: str, id: str | None) -> Document | None:
        """The document, or None."""
        row = self.connection.execute("select body from document where kind = ? and id = ?", (kind, id)).fetchone()
        return json.loads(row[0]) if row else None

    def all(self, kind: str, parent: str | None = None) -> list[Document]:
        """Documents of a kind (and parent), oldest first."""
        if parent is None:
            rows = self.connection.execute("select body from document where kind = ? order by seq", (kind,))
        else:
            rows = self.connection.execute(
                "select body from document where kind = ? and parent = ? order by seq", (kind, parent)
            )
        return [json.loads(row[0]) for row in rows]

    def counter(self, name: str, start: int) -> int:
        """The next number of a named series."""
        row = self.connection.execute("select value from meta where name = ?", (name,)).fetchone()
        number = int(row[0]) + 1 if row else start
        self.set_meta(name, str(number))
        return number

    def set_meta(self, name: str, value: str) -> None:
        """Keep a named text."""
        self.connection.execute("insert or replace into meta values (?, ?)", (name, value))

    # rows

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.connection.execute(sql, parameters).fetchall()

    def run(self, sql: str, *parameters: object) -> int:
        """Run a statement; gives the number of rows it touched."""
        return self.connection.execute(sql, parameters).rowcount

    def run_many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run a statement once per row."""
        self.connection.executemany(sql, rows)


def id_list(ids: Iterable[str]) -> str:
    """Ids for `in (select value from json_each(?))`: one bound parameter, however many they are."""
    return dumps(list(ids))


def connect(path: str | Path | None) -> sqlite3.Connection:
    """A connection in autocommit mode: the store begins and ends its transactions itself."""
    if path is not None and not str(path):  # SQLite would take a file of its own, gone at the end
        raise ValueError(f"db is the path of a file; got {path!r}")
    try:
        connection = sqlite3.connect(_file_name(path), isolation_level=None, check_same_thread=False)
    except sqlite3.OperationalError as error:
        raise UnusableFileError(f"{path} cannot be used: {error}") from None
    if path is not None:
        try:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
        except sqlite3.DatabaseError as error:
            connection.close()
            raise UnusableFileError(f"{path} cannot be used: {error}") from None
    return connection


def _file_name(path: str | Path | None) -> str:
    if path is None:
        return ":memory:"
    # SQLite may take a name that begins so for a URI, with options that say how to open it.
    return f"./{path}" if str(path).startswith("file:") else str(path)


def is_empty(connection: sqlite3.Connection, version: int) -> bool:
    """Whether no schema was ever made in this database; one of something else or of another version is an error."""
    if not connection.execute("select 1 from sqlite_master limit 1").fetchone():
        return True
    if connection.execute("pragma user_version").fetchone() != (version,):
        path = connection.execute("pragma database_list").fetchone()[2]
        raise UnusableFileError(f"{path} cannot be used: it was not made by this version of the sandbox")
    return False
