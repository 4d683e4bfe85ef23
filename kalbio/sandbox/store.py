"""State in SQLite. Records and values have tables of their own; everything else is a document with an id.

Values are append-only: nothing here updates one. The newest of a scope is the current one.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from kalbio._core.emulator import store as kit
from kalbio._core.emulator.clock import Clock
from kalbio.sandbox.times import milliseconds

VERSION = 1
SCHEMA = f"""
pragma user_version = {VERSION};
{kit.SCHEMA}
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

-- with rowid: values of a record are mostly written together, and so they lie together when they are read
create table value (
    id text not null unique, record_id text not null, field_id text not null, operation_id text, view_id text,
    content text not null, created integer not null, created_by text not null, import_id text
);
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


@dataclass(frozen=True)
class SandboxSettings:
    """How this sandbox was asked to behave."""

    client_id: str = "sandbox-id"
    client_secret: str = "sandbox-secret"  # noqa: S105  invented, and printed on start
    token_lifetime: int = 3600
    import_polls: int = 0


class Store(kit.Store):
    """The workspace of a sandbox."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        clock: Clock,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        settings: SandboxSettings = SandboxSettings(),
    ) -> None:
        """Work on a database that has the schema."""
        super().__init__(connection, clock, new_id)
        self.settings = settings
        meta = dict(connection.execute("select name, value from meta"))
        self.workspace_id: str = meta.get("workspace_id", "")
        self.user_id: str = meta.get("user_id", "")

    def stamp(self) -> str:
        """A new instant, in the millisecond spelling."""
        return milliseconds(self.clock.tick())


def last_instant(connection: sqlite3.Connection) -> int:
    """The newest instant in the database: the clock of a reopened file must not fall behind it."""
    sql = """select max(t) from (select max(created) t from value union all select max(created) from record
             union all select max(joined) from membership)"""
    return connection.execute(sql).fetchone()[0] or 0
