"""State in SQLite. Records and values have tables of their own; everything else is a document with an id.

Values are append-only: nothing here updates one. The newest of a scope is the current one.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from kalbio.sandbox.times import Clock, milliseconds

Json = Any
Document = dict[str, Any]

VERSION = 1
SCHEMA = f"""
pragma user_version = {VERSION};
create table meta (name text primary key, value text not null) without rowid;
create table document (
    seq integer primary key, kind text not null, id text not null, parent text, body text not null,
    unique (kind, id)
);
create index document_parent on document (kind, parent, seq);

-- identity: the key values in slice order as JSON text; null for drafts, of which there may be several alike
create table record (
    id text primary key, slice_id text not null, identity text, identifier text not null,
    created integer not null, initial_operation_id text, draft_of text, archived integer not null default 0
) without rowid;
create unique index record_identity on record (slice_id, identity);
create index record_draft on record (draft_of) where draft_of is not null;

-- one key value object per key field and content, shared by every record that has it
create table key_value (id text primary key, field_id text not null, content text not null, unique (field_id, content));
create table record_key (
    record_id text not null, position integer not null, key_value_id text not null, primary key (record_id, position)
) without rowid;
create index record_key_value on record_key (key_value_id);
create table sub_record (parent_id text not null, child_id text not null, primary key (parent_id, child_id))
    without rowid;

create table value (
    id text primary key, record_id text not null, field_id text not null, operation_id text, view_id text,
    content text not null, created integer not null, created_by text not null, import_id text
) without rowid;
create index value_record on value (record_id, field_id, created);
create index value_field on value (field_id, created);

-- view_id is '' for a record attached to the operation itself
create table membership (
    operation_id text not null, view_id text not null, record_id text not null, joined integer not null,
    primary key (operation_id, view_id, record_id)
) without rowid;
create index membership_record on membership (record_id);
create table record_program (program_id text not null, record_id text not null, primary key (program_id, record_id))
    without rowid;
create table record_set_member (set_id text not null, record_id text not null, primary key (set_id, record_id))
    without rowid;

create table file (
    id text primary key, name text not null, type text not null, data blob not null, activity_id text, property_id text
);
create table token (
    token text primary key, kind text not null, family text not null, expires integer not null, spent integer not null
) without rowid;
"""


def dumps(value: Json) -> str:
    """Compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Store:
    """One database. Not safe for threads by itself: the sandbox holds a lock around each request."""

    def __init__(
        self, connection: sqlite3.Connection, clock: Clock, new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    ) -> None:
        """Work on a database that has the schema."""
        self.connection = connection
        self.clock = clock
        self.new_id = new_id
        meta = dict(connection.execute("select name, value from meta"))
        self.workspace_id: str = meta.get("workspace_id", "")
        self.user_id: str = meta.get("user_id", "")

    def tick(self) -> int:
        """A new instant in microseconds."""
        return self.clock.tick()

    def stamp(self) -> str:
        """A new instant, in the millisecond spelling."""
        return milliseconds(self.clock.tick())

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
        """Keep a named text of the workspace."""
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
    """A connection in autocommit mode: the sandbox begins and ends its transactions itself."""
    try:
        connection = sqlite3.connect(_place(path), isolation_level=None, check_same_thread=False)
    except sqlite3.OperationalError as error:
        raise ValueError(f"{path} cannot be used: {error}") from None
    if path is not None:
        try:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
        except sqlite3.DatabaseError as error:
            connection.close()
            raise ValueError(f"{path} cannot be used: {error}") from None
    return connection


def _place(path: str | Path | None) -> str:
    if path is None:
        return ":memory:"
    # SQLite may take a name that begins so for a URI, with options that say how to open it.
    return f"./{path}" if str(path).startswith("file:") else str(path)


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether no schema was ever made in this database. A database of something else is a ValueError."""
    if not connection.execute("select 1 from sqlite_master limit 1").fetchone():
        return True
    if connection.execute("pragma user_version").fetchone() != (VERSION,):
        raise ValueError("the database was not made by this version of the sandbox")
    return False


def last_instant(connection: sqlite3.Connection) -> int:
    """The newest instant in the database: the clock of a reopened file must not fall behind it."""
    sql = """select max(t) from (select max(created) t from value union all select max(created) from record
             union all select max(joined) from membership)"""
    return connection.execute(sql).fetchone()[0] or 0
