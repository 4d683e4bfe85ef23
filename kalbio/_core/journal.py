"""Keeps on disk what became of each row of a load, so that a load that was killed can go on where it was.

A row is known by its number and by a digest of what it says. What it says is not kept, and neither is a credential.

    (nothing)   it is not in: never sent, refused, or held back
    sent        it may be in: it is about to be sent, is under way, or its answer was lost
    done        it is in; `made` is the id of what the server made of it
    passed      it was refused, and a later row for the same place is in: sent now, it would come too late
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import NoReturn, cast

import attrs

from kalbio._core import forks
from kalbio._core.constants import JOURNAL_REST
from kalbio._core.errors import JournalError

_APPLICATION = 0x6B616C6A
_SCHEMA = """
create table load (name text primary key, value text not null) without rowid;
create table row (number integer primary key, digest blob not null, state text not null, made text, before text);
"""
# What a file is that somebody else holds, and one that is no database.
_HELD = ("SQLITE_BUSY", "SQLITE_LOCKED")


@attrs.frozen
class Entry:
    """What a journal knows of a row.

    Attributes:
        state: "sent", "done" or "passed".
        made: the id of what was made of it.
        before: what was there before it was sent, as the caller put it.
    """

    state: str
    made: str | None
    before: str | None


@attrs.frozen
class Note:
    """What is to be kept of a row; `entry` None means that it is not in."""

    number: int
    digest: bytes
    entry: Entry | None


def digest(data: bytes) -> bytes:
    """Return what a row is known by."""
    return blake2b(data, digest_size=16).digest()


class _InParent:
    """Stands for a connection to the file that belongs to the parent of this process."""

    def __init__(self, refusal: JournalError) -> None:
        self._refusal = refusal

    def close(self) -> None:
        """Do nothing: the parent closes it."""

    def __getattr__(self, name: str) -> NoReturn:
        raise self._refusal


class Journal:
    """An open journal. One process has it at a time; it is given back when it is closed, or when the process ends."""

    def __init__(self, path: str | os.PathLike[str], load: str) -> None:
        """Open the journal of a load, or begin one where there is no file. `load` says what is loaded, and where.

        Raises JournalError when the file belongs to another load, is in use, or is no journal.
        """
        self._path = Path(path)
        self._turn = Lock()  # rows that are looked for at the same time ask from several threads
        self._db = self._open()
        try:
            self._same("load", load, f"belongs to another load ({{}}, not {load})")
            self._quiet_at = time.monotonic() + max(0.0, JOURNAL_REST - self._since_last_sent())
        except BaseException:
            self._db.close()
            raise
        forks.watch(self)

    def begin_anew(self) -> None:
        """In a forked child: refuse. The file is open in the parent, and closing it here would write to it."""
        forks.keep(self._db)
        self._turn = Lock()
        refusal = self._refusal("is open in the process that this one was forked from; a load goes on where it began")
        self._db = cast(sqlite3.Connection, _InParent(refusal))

    def _open(self) -> sqlite3.Connection:
        try:
            # One thread at a time, but not always the same one: calls from outside take turns.
            db = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._refusal(f"cannot be opened ({error})") from error
        try:
            db.execute("pragma locking_mode = exclusive")
            (kind,) = db.execute("pragma application_id").fetchone()
            (tables,) = db.execute("select count(*) from sqlite_master").fetchone()
            if tables and kind != _APPLICATION:
                raise self._refusal("is no journal")
            # Each commit is on the disk before it returns, also if the power fails.
            db.execute("pragma journal_mode = wal")
            db.execute("pragma synchronous = full")
            db.execute("begin immediate")
            if not tables:
                db.execute(f"pragma application_id = {_APPLICATION}")
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
            db.execute("commit")
        except sqlite3.Error as error:
            db.close()
            if getattr(error, "sqlite_errorname", "").startswith(_HELD):
                raise self._refusal("is in use by another load; wait until that has ended") from None
            raise self._refusal(f"cannot be used ({error})") from error
        except BaseException:
            db.close()
            raise
        return db

    def _refusal(self, reason: str) -> JournalError:
        return JournalError(f"The journal {self._path} {reason}.")

    def _same(self, name: str, value: str, reason: str) -> None:
        """Keep a value of the load, or raise when another one is kept."""
        kept = self._value(name)
        if kept is None:
            self._db.execute("insert into load values (?, ?)", (name, value))
        elif kept != value:
            raise self._refusal(
                f"{reason.format(kept)}; give another path, or delete the file if that load is not to go on"
            )

    def _value(self, name: str) -> str | None:
        row = self._db.execute("select value from load where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def keep(self, name: str, value: str) -> str:
        """Keep a fact about the load, unless it is kept already; return what is kept."""
        with self._turn:
            self._db.execute("insert or ignore into load values (?, ?)", (name, value))
            kept = self._value(name)
        assert kept is not None
        return kept

    def claim(self, digests: Iterable[bytes]) -> None:
        """Say which rows it is about, where all are known. Raises JournalError when it is about others."""
        every = blake2b(digest_size=16)
        count = 0
        for one in digests:
            every.update(one)
            count += 1
        with self._turn:
            self._same("rows", f"{count} rows, {every.hexdigest()}", "belongs to other rows")

    def read(self, digests: Mapping[int, bytes]) -> dict[int, Entry]:
        """Return what is known of the rows with these numbers. Raises JournalError when one says something else."""
        found: dict[int, Entry] = {}
        if not digests:
            return found
        query = "select number, digest, state, made, before from row where number between ? and ?"
        with self._turn:
            rows = self._db.execute(query, (min(digests), max(digests))).fetchall()
        for number, known, state, made, before in rows:
            if number not in digests:
                continue
            if known != digests[number]:
                raise self._refusal(
                    f"belongs to other rows: row {number} was another one; "
                    "give another path, or delete the file if that load is not to go on"
                )
            found[number] = Entry(state, made, before)
        return found

    def made_before(self, ids: Sequence[str]) -> set[str]:
        """Return those of the ids that rows of this load are known to have made."""
        if not ids:
            return set()
        query = f"select made from row where made in ({','.join('?' * len(ids))})"  # noqa: S608  # question marks only
        with self._turn:
            return {made for (made,) in self._db.execute(query, tuple(ids))}

    @property
    def rest(self) -> float:
        """Seconds until what an earlier run has sent is either in or not: for a while it may be under way."""
        return max(0.0, self._quiet_at - time.monotonic())

    def _since_last_sent(self) -> float:
        # By the clock on the wall, as it may have been another process; one that was set back makes us wait.
        sent = self._value("sent at")
        return JOURNAL_REST if sent is None else max(0.0, time.time() - float(sent))

    def note(self, notes: Sequence[Note]) -> None:
        """Keep what became of rows, all of them or none; it is on the disk when this returns."""
        if not notes:
            return
        with self._turn:
            self._write(notes)

    def _write(self, notes: Sequence[Note]) -> None:
        self._db.execute("begin immediate")
        try:
            self._db.executemany("delete from row where number = ?", [(one.number,) for one in notes if not one.entry])
            self._db.executemany(
                "insert or replace into row values (?, ?, ?, ?, ?)",
                [
                    (one.number, one.digest, one.entry.state, one.entry.made, one.entry.before)
                    for one in notes
                    if one.entry
                ],
            )
            if any(one.entry and one.entry.state == "sent" for one in notes):
                self._db.execute("insert or replace into load values ('sent at', ?)", (repr(time.time()),))
            self._db.execute("commit")
        except BaseException:
            self._db.execute("rollback")
            raise

    def close(self) -> None:
        """Give it back."""
        self._db.close()
