"""The inbox of a registrar: every event that was received, on disk, and what became of it.

    waiting   to be handled, at once or when its time has come
    running   a handler has it
    done      handled
    dead      given up: its handler failed too often, there is none, or it cannot be read
    unknown   it cannot be told whether its results arrived; nothing more is sent before somebody decides
    dropped   set aside by somebody

Several processes may receive into one inbox. The one that has the duty, a lock that the system releases when the
process ends, handles what is there.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.concurrency import forks
from kalbio._core.errors import SDKError
from kalbio._core.text.display import one_line, printable, safe_repr
from kalbio._model.registering import Sent, Ticket

State = Literal["waiting", "running", "done", "dead", "unknown", "dropped"]
STATES: tuple[State, ...] = ("waiting", "running", "done", "dead", "unknown", "dropped")

_APPLICATION = 0x6B616C69
_VERSION = 1
_PATIENCE = 10.0  # seconds for other processes to end their writes
_MOST_TEXT = 2000
_SCHEMA = f"""
create table event (
    seq integer primary key autoincrement, key text not null unique, name text not null, activity text,
    body blob not null, source text not null, received real not null, deliveries integer not null,
    state text not null, attempts integer not null, not_before real not null, changed real not null, error text,
    results text, sent text, handled integer not null, look integer not null
);
create index open_event on event (activity, seq) where state in ('waiting', 'running');
create index event_state on event (state, seq);
pragma application_id = {_APPLICATION};
pragma user_version = {_VERSION};
"""
_SHOWN = (
    "key, name, activity, state, source, received, deliveries, attempts, not_before, changed, error, "
    "results, sent, body"
)


_MEMBERS = _SHOWN.split(", ")


class InboxError(SDKError):
    """The inbox cannot be used, or an event in it is not in a state for what was asked."""


@attrs.frozen
class InboxEvent:
    """An event in the inbox.

    Attributes:
        key: what tells it from others.
        name: what happened, e.g. "registration_submitted".
        activity: the activity that it is about, if it says so.
        state: "waiting", "running", "done", "dead", "unknown" or "dropped".
        source: "webhook", or "catch-up" for what was found at the API.
        received: when it came first, in seconds of Unix time.
        deliveries: how often it came.
        attempts: how often it was tried.
        not_before: when it is tried again, in seconds of Unix time.
        changed: when its state changed last, in seconds of Unix time.
        error: why it was not handled.
        results: None before results were sent; "sending" while their answer is missing, "in" when they have arrived.
        sent: when they were sent, in seconds of Unix time.
        body: the payload.
    """

    key: str
    name: str
    activity: str | None
    state: State
    source: str
    received: float
    deliveries: int
    attempts: int
    not_before: float
    changed: float
    error: str | None
    results: str | None
    sent: float | None
    body: bytes = attrs.field(repr=False)


class Inbox:
    """An inbox on disk.

    Args:
        path: its file; with the SQLite files beside it, which belong to it.
        create: whether to make it where there is none.

    Raises:
        InboxError: it is no inbox, cannot be opened, or is not there.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        self.path = Path(path)
        if os.fspath(path) in ("", ":memory:"):
            raise InboxError("an inbox must be a file, or its events would be lost with this process")
        self._create = create
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        forks.register(self)
        with self._using():
            pass

    def reset_after_fork(self) -> None:
        """In a forked child: open it anew. The connection is the parent's."""
        self._lock = threading.RLock()
        if self._db is not None:
            forks.never_free(self._db)
            self._db = None

    def __repr__(self) -> str:
        return f"<Inbox {os.fspath(self.path)!r}>"

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._db is None:
                    self._db = self._open()
                    # One that nobody closed takes its connection along without a warning.
                    weakref.finalize(self, _close, self._db, os.getpid())
                yield self._db
            except sqlite3.Error as error:
                raise InboxError(f"The inbox {self.path} cannot be used: {error}") from error
            except OSError as error:
                raise InboxError(f"The inbox {self.path} cannot be used: {error.strerror or error}") from error

    def _open(self) -> sqlite3.Connection:
        if not self.path.exists():
            if not self._create:
                raise InboxError(f"There is no inbox {self.path}")
            # Payloads are nobody else's business; the files that SQLite makes beside it get the same permissions.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
                _keep_name(self.path)
        elif not self.path.is_file():
            raise InboxError(f"The inbox {self.path} is not a plain file")
        db = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            (kind,) = db.execute("pragma application_id").fetchone()
            (version,) = db.execute("pragma user_version").fetchone()
            (tables,) = db.execute("select count(*) from sqlite_master").fetchone()
            if (kind, version) != (_APPLICATION, _VERSION):
                if kind == _APPLICATION:
                    raise InboxError(f"The inbox {self.path} was made by another release; handle it with that one")
                if tables or not self._create:
                    raise InboxError(f"{self.path} is not an inbox")
                self._begin(db)
            db.execute("pragma journal_mode = wal")
            # What was committed is on the disk, also if the power fails.
            db.execute("pragma synchronous = full")
        except BaseException:
            db.close()
            raise
        return db

    def _begin(self, db: sqlite3.Connection) -> None:
        with _transaction(db, "exclusive"):
            if not db.execute("select count(*) from sqlite_master").fetchone()[0]:  # nobody was faster
                for statement in _SCHEMA.strip().split(";\n"):
                    db.execute(statement)

    def close(self) -> None:
        """Close it; it is opened again when it is used."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    # -- what comes in ------------------------------------------------------------------------------------------------

    def put(
        self,
        key: str,
        name: str,
        body: bytes,
        *,
        activity: str | None = None,
        source: str = "webhook",
        repeats: bool = False,
        unreadable: str | None = None,
    ) -> bool:
        """Keep an event; it is on the disk when this returns. Returns whether it is new.

        Args:
            key: what tells it from others: an event whose key is known is another delivery of the same.
            name: what happened.
            body: the payload.
            activity: what it is about; events of one activity are handled in the order in which they came.
            source: "webhook" or "catch-up".
            repeats: whether the same may happen again to the same thing, so that after it was handled another delivery
                is a reason to look.
            unreadable: why it cannot be read; it is kept as dead.
        """
        now = time.time()
        delivered = source == "webhook"
        with self._using() as db, _transaction(db):
            known = db.execute("select state from event where key = ?", (key,)).fetchone()
            if known is None:
                state = "waiting" if unreadable is None else "dead"
                db.execute(
                    "insert into event values (null, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, null, null, 0, 0)",
                    (key, name, activity, body, source, now, int(delivered), state, now, unreadable),
                )
                return True
            db.execute("update event set deliveries = deliveries + ? where key = ?", (int(delivered), key))
            if repeats:
                db.execute("update event set look = 1 where key = ? and state in ('waiting', 'running')", (key,))
                db.execute(
                    "update event set look = 1, state = 'waiting', attempts = 0, not_before = 0, changed = ?"
                    " where key = ? and state = 'done'",
                    (now, key),
                )
            return False

    # -- what is handled ----------------------------------------------------------------------------------------------

    def claim(self, count: int) -> list[tuple[InboxEvent, Ticket]]:
        """Take up to so many events to handle them: the oldest of each activity, where none of it is being handled."""
        if count < 1:
            return []
        now = time.time()
        with self._using() as db, _transaction(db):
            rows = db.execute(
                f"select {_SHOWN}, handled, look from event e where state = 'waiting' and not_before <= ?"  # noqa: S608
                " and not exists (select 1 from event o where o.activity = e.activity and o.seq < e.seq"
                " and o.state in ('waiting', 'running'))"
                # one that came before all others of its activity may still run behind one that was opened again
                " and not exists (select 1 from event o where o.activity = e.activity and o.state = 'running')"
                " order by seq limit ?",
                (now, count),
            ).fetchall()
            db.executemany(
                "update event set state = 'running', attempts = attempts + 1, look = 0, changed = ? where key = ?",
                [(now, row[0]) for row in rows],
            )
        return [(event := _event(row[:-2]), self._ticket(event, row[11], row[12], *row[-2:])) for row in rows]

    def _ticket(self, event: InboxEvent, results: Any, sent: str | None, handled: int, look: int) -> Ticket:
        return Ticket(
            key=event.key,
            attempt=event.attempts + 1,
            source=event.source,
            results=results,
            sent=Sent.from_json(sent),
            handled=bool(handled),
            look=bool(look),
            save=self._save,
        )

    def _save(self, ticket: Ticket) -> None:
        sent = None if ticket.sent is None else ticket.sent.to_json()
        with self._using() as db:
            db.execute(
                "update event set results = ?, sent = ?, handled = ? where key = ?",
                (ticket.results, sent, int(ticket.handled), ticket.key),
            )

    def finish(self, key: str) -> None:
        """Note that an event was handled. One that came again in the meantime waits to be looked at."""
        self._set(
            key,
            "state = case when look then 'waiting' else 'done' end, attempts = case when look then 0 else attempts end,"
            " not_before = 0, error = null",
        )

    def postpone(self, key: str, seconds: float, error: str | None = None, *, counts: bool = True) -> None:
        """Note that an event is to be tried again so much later, and why; `counts` says whether that was a try."""
        self._set(
            key,
            "state = 'waiting', not_before = ?, error = coalesce(?, error), attempts = attempts - ?",
            time.time() + seconds,
            _text(error),
            int(not counts),
        )

    def give_up(self, key: str, state: Literal["dead", "unknown"], error: str) -> None:
        """Note that an event is not tried again, and why."""
        self._set(key, "state = ?, error = ?", state, _text(error))

    def _set(self, key: str, changes: str, *values: Any) -> None:
        with self._using() as db:
            db.execute(
                f"update event set {changes}, changed = ? where key = ? and state = 'running'",  # noqa: S608
                (*values, time.time(), key),
            )

    def recover(self, attempts: int) -> None:
        """Let events wait again that were being handled when the process ended. Only for who has the duty.

        An event that was tried `attempts` times is dead: it may be what ends the process.
        """
        now = time.time()
        ended = "the process ended while it was handled"
        with self._using() as db, _transaction(db):
            db.execute(
                "update event set state = 'dead', error = ?, changed = ? where state = 'running' and attempts >= ?",
                (ended, now, attempts),
            )
            db.execute(
                "update event set state = 'waiting', not_before = 0, error = coalesce(error, ?), changed = ?"
                " where state = 'running'",
                (ended, now),
            )

    def forget(self, seconds: float) -> int:
        """Delete what was done or dropped so long ago; returns how many events that were."""
        with self._using() as db:
            done = "delete from event where state in ('done', 'dropped') and changed < ?"
            return db.execute(done, (time.time() - seconds,)).rowcount

    # -- what is there ------------------------------------------------------------------------------------------------

    def events(self, *states: State, limit: int | None = None) -> list[InboxEvent]:
        """Return the events in these states (by default all), in the order in which they came."""
        for state in states:
            if state not in STATES:
                raise ArgumentError(f"there is no state {safe_repr(state)}; there are {', '.join(STATES)}")
        chosen = states or STATES
        query = f"select {_SHOWN} from event where state in ({','.join('?' * len(chosen))}) order by seq limit ?"  # noqa: S608
        with self._using() as db:
            rows = db.execute(query, (*chosen, -1 if limit is None else limit)).fetchall()
        return [_event(row) for row in rows]

    def event(self, key: str) -> InboxEvent:
        """Return the event with this key, or with a key that begins like this where there is only one.

        Raises InboxError when there is none, or several.
        """
        with self._using() as db:
            rows = db.execute(f"select {_SHOWN} from event where key = ?", (key,)).fetchall()  # noqa: S608
            if not rows and key:
                rows = db.execute(
                    f"select {_SHOWN} from event where substr(key, 1, ?) = ? order by seq limit 3",  # noqa: S608
                    (len(key), key),
                ).fetchall()
        if len(rows) != 1:
            several = f"several events have a key that begins with {safe_repr(key)}"
            raise InboxError(several if rows else f"the inbox {self.path} has no event {safe_repr(key)}")
        return _event(rows[0])

    def counts(self) -> dict[State, int]:
        """Return how many events are in each state."""
        with self._using() as db:
            found = dict(db.execute("select state, count(*) from event group by state").fetchall())
        return {state: found.get(state, 0) for state in STATES}

    def due(self) -> float | None:
        """Return in how many seconds an event is due that is not due yet, None when there is none."""
        now = time.time()
        query = "select min(not_before) from event where state = 'waiting' and not_before > ?"
        with self._using() as db:
            (moment,) = db.execute(query, (now,)).fetchone()
        return None if moment is None else moment - now

    # -- what somebody decides ----------------------------------------------------------------------------------------

    def retry(self, key: str, *, submit_again: bool = False) -> InboxEvent:
        """Let an event be handled again, now, and return it as it was.

        Args:
            key: its key, or the beginning of it.
            submit_again: for an event whose results have an unknown fate: let them be sent once more. Without it, it is
                looked once more what became of them.

        Raises:
            InboxError: there is no such event, or it is being handled.
        """
        event = self._decide(key)
        again = "results = null, sent = null," if submit_again and event.results == "sending" else ""
        self._change(event, f"{again} state = 'waiting', attempts = 0, not_before = 0, handled = 0")
        return event

    def drop(self, key: str) -> InboxEvent:
        """Set an event aside, so that it is not handled, and return it as it was.

        Raises:
            InboxError: there is no such event, or it is being handled.
        """
        event = self._decide(key)
        self._change(event, "state = 'dropped'")
        return event

    def _decide(self, key: str) -> InboxEvent:
        event = self.event(key)
        if event.state == "running":
            raise InboxError(f"the event {event.key} is being handled; wait until that has ended")
        return event

    def _change(self, event: InboxEvent, changes: str) -> None:
        with self._using() as db:
            changed = db.execute(
                f"update event set {changes}, changed = ? where key = ? and state = ?",  # noqa: S608
                (time.time(), event.key, event.state),
            )
        if not changed.rowcount:
            raise InboxError(f"the event {event.key} is no longer {event.state}; look again")


class Duty:
    """The right to handle the events of an inbox, which one process has at a time, until it gives it back or ends."""

    def __init__(self, inbox: Path) -> None:
        self._path = inbox.with_name(f"{inbox.name}-duty")
        self._db: sqlite3.Connection | None = None

    def take(self) -> bool:
        """Take it, unless somebody else has it."""
        if self._db is not None:
            return True
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        db = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("begin exclusive")
        except sqlite3.OperationalError as error:
            db.close()
            if error.sqlite_errorname.startswith("SQLITE_BUSY"):
                return False
            raise InboxError(f"{self._path} cannot be used: {error}") from error
        self._db = db
        return True

    def release(self) -> None:
        """Give it back."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def forget(self) -> None:
        """In a forked child: it is the parent's."""
        if self._db is not None:
            forks.never_free(self._db)
            self._db = None


def _close(db: sqlite3.Connection, owner: int) -> None:
    if os.getpid() == owner:  # in a forked child it is the parent's
        db.close()


def _keep_name(path: Path) -> None:
    """See to it that a new file is still in its folder after a power failure, where the system can do that."""
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection, kind: str = "immediate") -> Iterator[None]:
    db.execute(f"begin {kind}")
    try:
        yield
        db.execute("commit")
    except BaseException:
        if db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                db.execute("rollback")
        raise


def _event(row: Sequence[Any]) -> InboxEvent:
    members = dict(zip(_MEMBERS, row, strict=True))
    sent = Sent.from_json(members["sent"])
    members["sent"] = None if sent is None or members["results"] is None else sent.at
    return InboxEvent(**members)


def _text(error: str | None) -> str | None:
    return None if error is None else printable(one_line(error))[:_MOST_TEXT]
