"""What the stand-in keeps: items by subtype, the lineage graph, handles, users, tokens and codes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path

from kalbio._core.emulator import calls, store
from kalbio._core.emulator.clock import Clock, to_micros
from kalbio._core.emulator.strict_json import Json
from kalbio.provena.sandbox.folder import Folder

READ, WRITE, ADMIN = "entity-registry-read", "entity-registry-write", "entity-registry-admin"
JOBS_READ, JOBS_WRITE = "job-service-read", "job-service-write"
HANDLES_READ, HANDLES_WRITE = "handle-read", "handle-write"
SYSTEM_READ, SYSTEM_WRITE, SYSTEM_ADMIN = "sys-admin-read", "sys-admin-write", "sys-admin-admin"
EVERY_ROLE = (
    *(READ, WRITE, ADMIN),
    *(JOBS_READ, JOBS_WRITE, "job-service-admin"),
    *(HANDLES_READ, HANDLES_WRITE, "handle-admin"),
    *(SYSTEM_READ, SYSTEM_WRITE, SYSTEM_ADMIN),
)
HANDLE = "handle"
"""The kind of document of a handle."""

_SCHEMA = """
create table lineage_node (id text primary key, category text not null, subtype text not null) without rowid;
create table lineage_link (
    source text not null, target text not null, type text not null, primary key (source, target)
) without rowid;
create index lineage_link_target on lineage_link (target);
-- What each record says: its links, and, without a target, its nodes.
create table lineage_record (
    record text not null, source text not null, target text not null, primary key (record, source, target)
) without rowid;
create index lineage_record_ends on lineage_record (source, target);
"""

LISTED_BY = ("updated_timestamp", "created_timestamp", "display_name")
"""The members of items that lists of all subtypes are sorted by."""

# Pages are cut in the order of an index, so that each takes as long as the first.
_INDEXES = (
    "".join(
        f"create index item_{member} on document (json_extract(body, '$.{member}'), id) where kind = 'item';"
        f"create index item_{member}_of on document (parent, json_extract(body, '$.{member}'), id) where kind = 'item';"
        for member in LISTED_BY
    )
    + "create index job_seq on document (seq) where kind = 'job';"
)

_LARGEST_PAGE = 1_000_000
_SECOND = 1_000_000
_FIRST_HANDLE = 1_800_000


# Raised whenever the tables or the documents change, so that an older file is refused instead of misread.
_VERSION = 2


def open_database(path: str | Path | None) -> tuple[sqlite3.Connection, bool]:
    """Open a file, or a database in memory, and say whether it is new. Raises ValueError for one of something else."""
    connection = store.connect(path)
    try:
        is_new = store.is_empty(connection, _VERSION)
        if is_new:
            connection.executescript(f"{store.SCHEMA + _SCHEMA + _INDEXES} pragma user_version = {_VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection, is_new


class Store(store.Store):
    """The state of one stand-in."""

    def __init__(
        self, connection: sqlite3.Connection, clock: Clock, client_secret: str, folder: Folder | None = None
    ) -> None:
        super().__init__(connection, clock)
        self.client_secret = client_secret
        self.seconds_per_stage: float | None = 0
        """How long a job stays in each stage; None when it is moved by hand."""
        self.folder = folder if folder is not None else Folder()
        """Where the contents of the files of datasets are."""

    def seconds(self) -> int:
        """Now, in whole seconds since 1970."""
        return to_micros(self.clock.now()) // _SECOND

    def new_handle(self, value: str, value_type: str = "URL") -> str:
        """Mint a handle."""
        handle = f"10378.1/{self.counter('handle', _FIRST_HANDLE)}"
        self.add(HANDLE, {"id": handle, "properties": [{"type": value_type, "value": value, "index": 1}]})
        return handle

    def issue(self, username: str, kind: str, lifetime: int) -> str:
        """Make a token for a user; what it is good for is its `kind`."""
        # Unmistakable, so that scanners for secrets find one that has strayed.
        token = "sandbox-token-" + secrets.token_urlsafe(24)
        self.add(kind, {"id": digest(token), "username": username, "ends": self.seconds() + lifetime})
        return token

    def derive(self, purpose: str, id: str) -> str:
        """A secret that is not kept: it follows from an id, and from the secret of the sandbox."""
        return hmac.new(self.client_secret.encode(), f"{purpose} {id}".encode(), hashlib.sha256).hexdigest()

    def owner_of(self, kind: str, token: str | None) -> str | None:
        """Return the user that a token of this kind is good for now."""
        found = None if token is None else self.get(kind, digest(token))
        return found["username"] if found is not None and found["ends"] > self.seconds() else None

    def end_all(self, kind: str) -> None:
        """End every token of a kind."""
        self.run("delete from document where kind = ?", kind)


def page_size(given: float) -> int:
    """How long a page is to be, as a number that the database takes."""
    return int(min(given, _LARGEST_PAGE))


def is_key(value: Json) -> bool:
    """Whether a value can be that of an index."""
    return isinstance(value, str) or (isinstance(value, int) and abs(value) < 1 << 63)


def digest(secret: str) -> str:
    """What is kept of a secret, so that no file holds it."""
    return hashlib.sha256(secret.encode()).hexdigest()


Call = calls.Call[Store]


class Routes(calls.Routes[Store]):
    """The functions that answer operations, and the roles that a caller must have.

    The servers look at roles before they look at the request.
    """

    def __init__(self) -> None:
        super().__init__()
        self.roles: dict[str, tuple[str, ...]] = {}

    def operation(self, operation_id: str, *roles: str) -> Callable[[calls.Handler[Store]], calls.Handler[Store]]:
        """Register the function that answers an operation, for callers who have all of these roles."""
        self.roles[operation_id] = roles
        return super().operation(operation_id)

    def include(self, other: calls.Routes[Store]) -> None:
        """Register all functions of other routes."""
        super().include(other)
        if isinstance(other, Routes):
            self.roles |= other.roles
