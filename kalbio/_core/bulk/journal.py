"""Keeps on disk the outcome of each row of a load, so that a load that was killed can continue.

A row is known by its number and by a digest of what it says. What it says is not kept, and neither is a credential.

    (nothing)   it is not in: never sent, refused, or held back
    sent        it may be in: it is about to be sent, is under way, or its answer was lost
    done        it is in; `made` is the id of what the server made of it
    passed      it was refused, and a later row for the same place is in: sent now, it would come too late

If a journal lost a row, the row would be sent twice. So everything is in the one file when `note` returns, the file has
a checksum of its content, and a file whose checksum is wrong is refused.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from zlib import crc32

import attrs

from kalbio._core.concurrency import forks
from kalbio._core.constants import JOURNAL_REST
from kalbio._core.errors import JournalError

_APPLICATION = 0x6B616C6B
_EARLIER = 0x6B616C6A  # marks journals without a checksum
_SCHEMA = """
create table load (name text primary key, value text not null) without rowid;
create table row (number integer primary key, digest blob not null, state text not null, made text, before text);
"""
_MODULUS = 2**31
_MOST_PARAMETERS = 500
# How SQLite's second file begins while it is needed to undo half a note.
_HOT = bytes.fromhex("d9d505f920a163d7")

_LOST = "It no longer tells which rows were written: check what is there before you load the rest"
_CAUSES = {
    "SQLITE_BUSY": "is in use by another load; wait until that has ended",
    "SQLITE_LOCKED": "is in use by another load; wait until that has ended",
    "SQLITE_FULL": "cannot be written: the disk is full",
    "SQLITE_READONLY": "cannot be written: the file or its folder is read-only",
    "SQLITE_CANTOPEN": "cannot be written: no file can be opened or made in its folder; it may be read-only",
    "SQLITE_IOERR": "cannot be read or written: the disk fails, or a quota or a limit on the size of files is reached",
    "SQLITE_CORRUPT": f"is damaged. {_LOST}",
    "SQLITE_NOTADB": "is not a journal",
}


@attrs.frozen
class JournalEntry:
    """What a journal knows about a row.

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
    """What to note about a row; with `entry` None, that it was not written."""

    number: int
    digest: bytes
    entry: JournalEntry | None


def digest(data: bytes) -> bytes:
    """Return the digest that identifies a row."""
    return blake2b(data, digest_size=16).digest()


class Journal:
    """An open journal. One process can have it open; closing it, or the end of the process, releases it."""

    def __init__(self, path: str | os.PathLike[str], load: str) -> None:
        """Open the journal of a load, or begin one where there is no file. `load` says what is loaded, and where.

        Raises JournalError when the file belongs to another load, is in use, is no journal, or is not whole, and when
        it cannot be written.
        """
        self._name = os.fspath(path)
        self._forked = False
        with self._causes():
            file = Path(os.path.realpath(self._name))
            if not self._there(file):
                _begin(file)
            # One thread at a time, but not always the same one.
            self._db = sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            with self._causes():
                self._take()
            with self._using():
                self._same("load", load, f"belongs to another load ({{}}, not {load})")
        except BaseException:
            self._db.close()
            raise
        # From now on, however long ago the earlier run has ended: clocks are set, and machines sleep.
        self._quiet_at = time.monotonic() + JOURNAL_REST
        forks.register(self)

    def reset_after_fork(self) -> None:
        """In a forked child: refuse. The file is open in the parent, and closing it here would write to it."""
        forks.never_free(self._db)
        self._forked = True

    def _there(self, file: Path) -> bool:
        """Say whether there is a file. Raises JournalError for what is no plain one, before opening: a pipe blocks."""
        if self._name == ":memory:":
            raise self._refusal("must be a file, or it would be lost with this process")
        try:
            found = file.stat()
        except FileNotFoundError:
            beside = Path(f"{file}-journal")
            if beside.is_file() and beside.read_bytes().startswith(_HOT):
                raise self._refusal(
                    f"is not there, but {beside.name}, which is a part of it; bring it back, or delete that file too "
                    "if the load is not to go on"
                ) from None
            return False
        if not stat.S_ISREG(found.st_mode):
            raise self._refusal("is not a plain file")
        if not found.st_size:
            raise self._refusal(f"is empty, which a journal never is. {_LOST}, or delete the file if it was never one")
        return True

    def _take(self) -> None:
        """Take the file until it is closed; see that it can be written, and that it is whole."""
        # What is damaged may be no text either, and is to fail at the checksum.
        self._db.text_factory = partial(str, encoding="utf-8", errors="replace")
        self._db.execute("pragma locking_mode = exclusive")
        # Each commit is on the disk before it returns, also if the power fails.
        self._db.execute("pragma synchronous = full")
        with self._transaction():
            (kind,) = self._db.execute("pragma application_id").fetchone()
            if kind == _EARLIER:
                raise self._refusal("was made by an earlier release; finish that load with that release")
            if kind != _APPLICATION:
                raise self._refusal("is not a journal")
            (mode,) = self._db.execute("pragma journal_mode").fetchone()
            if mode == "wal":
                raise self._refusal(f"was changed by another program, so that a part may be missing. {_LOST}")
            (state,) = self._db.execute("pragma quick_check(1)").fetchone()
            all_of_it = [self._db.execute(f"select * from {table}") for table in ("load", "row")]  # noqa: S608
            if state != "ok" or self._sum != sum(map(_checksum, all_of_it)) % _MODULUS:
                raise self._refusal(_CAUSES["SQLITE_CORRUPT"])
            self._sum = self._sum  # a first write: one that is not possible is to fail before anything is sent
        # The second file, which undoes half a note, stays while this is open; that spares the disk some work.
        self._db.execute("pragma journal_mode = persist")

    def _refusal(self, reason: str) -> JournalError:
        return JournalError(f"The journal {self._name} {reason}.")

    @contextlib.contextmanager
    def _causes(self) -> Iterator[None]:
        """Raise JournalError for what the file system and the database refuse, saying why."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorname", "")
            known = next((reason for name, reason in _CAUSES.items() if code.startswith(name)), None)
            raise self._refusal(known or f"cannot be used ({error})") from error
        except UnicodeDecodeError as error:  # what SQLite tells of a damaged file quotes it
            raise self._refusal(_CAUSES["SQLITE_CORRUPT"]) from error
        except OSError as error:
            raise self._refusal(f"cannot be used: {error.strerror or error}") from error

    @contextlib.contextmanager
    def _using(self) -> Iterator[None]:
        """Take turns. Raises JournalError when the journal cannot be read or written, and in a forked process."""
        if self._forked:
            raise self._refusal("is open in the parent process; only the process that began a load can continue it")
        # Rows that are looked for at the same time ask from several threads; and a fork waits for the end of a note.
        with forks.fork_lock(), self._causes():
            yield

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Keep all that is written, or nothing; it is on the disk at the end."""
        try:
            self._db.execute("begin exclusive")
            yield
            self._db.execute("commit")
        except BaseException:
            # Not every failure leaves something to undo, and where even that fails, the next one to open it does it.
            if self._db.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("rollback")
            raise

    @property
    def _sum(self) -> int:
        """The checksum of all that is kept; a sum, so that what changes can be taken out and put in."""
        return int(self._db.execute("pragma user_version").fetchone()[0])

    @_sum.setter
    def _sum(self, value: int) -> None:
        self._db.execute(f"pragma user_version = {value % _MODULUS}")

    def _sum_of(self, numbers: Sequence[int]) -> int:
        """Return the part of the checksum that these rows have."""
        total = 0
        for start in range(0, len(numbers), _MOST_PARAMETERS):
            some = numbers[start : start + _MOST_PARAMETERS]
            placeholders = ",".join("?" * len(some))
            total += _checksum(self._db.execute(f"select * from row where number in ({placeholders})", some))  # noqa: S608
        return total

    def _same(self, name: str, value: str, reason: str) -> None:
        """Keep a fact about the load, or raise when another one is kept."""
        kept = self._kept(name, value)
        if kept != value:
            raise self._refusal(
                f"{reason.format(kept)}; give another path, or delete the file if you do not want to continue that load"
            )

    def _kept(self, name: str, value: str) -> str:
        """Keep a fact about the load, unless it is kept already; return what is kept."""
        row = self._db.execute("select value from load where name = ?", (name,)).fetchone()
        if row is not None:
            return str(row[0])
        with self._transaction():
            self._db.execute("insert into load values (?, ?)", (name, value))
            self._sum += _checksum([(name, value)])
        return value

    def keep(self, name: str, value: str) -> str:
        """Keep a fact about the load, unless it is kept already; return what is kept."""
        with self._using():
            return self._kept(name, value)

    def claim(self, digests: Iterable[bytes]) -> None:
        """Declare which rows the journal is for. Raises JournalError when it belongs to other rows."""
        every = blake2b(digest_size=16)
        count = 0
        for one in digests:
            every.update(one)
            count += 1
        with self._using():
            self._same("rows", f"{count} rows, {every.hexdigest()}", "belongs to other rows")

    def read(self, digests: Mapping[int, bytes]) -> dict[int, JournalEntry]:
        """Return what is known of the rows with these numbers. Raises JournalError when one says something else."""
        found: dict[int, JournalEntry] = {}
        if not digests:
            return found
        query = "select number, digest, state, made, before from row where number between ? and ?"
        with self._using():
            rows = self._db.execute(query, (min(digests), max(digests))).fetchall()
        for number, known, state, made, before in rows:
            if number not in digests:
                continue
            if known != digests[number]:
                raise self._refusal(
                    f"belongs to other rows: row {number} is different; "
                    "give another path, or delete the file if you do not want to continue that load"
                )
            found[number] = JournalEntry(state, made, before)
        return found

    def match(self, digests: Mapping[int, bytes]) -> dict[int, tuple[int, JournalEntry]]:
        """Return what is known of rows by what they say, wherever they stand now, and under which number it is noted.

        For loads whose rows may be mended between two runs, where `claim` is for those that stay as they are. Raises
        JournalError when a row that is in, or may be, is not among them: changed, it would be written once more.
        """
        with self._using():
            kept = self._db.execute("select number, digest, state, made, before from row order by number").fetchall()
        free: dict[bytes, list[int]] = {}
        for row, one in digests.items():
            free.setdefault(one, []).append(row)
        found: dict[int, tuple[int, JournalEntry]] = {}
        lost = 0
        for number, known, state, made, before in kept:
            rows = free.get(known)
            if rows:
                found[rows.pop(0)] = (number, JournalEntry(state, made, before))
            else:
                lost += 1
        if lost:
            raise self._refusal(
                f"belongs to other rows: {lost} that were sent are not among these as they were. Give those unchanged, "
                "with all others; or give rows that were never sent alone, with another path"
            )
        return found

    def made_before(self, ids: Sequence[str]) -> set[str]:
        """Return those of the ids that rows of this load are known to have made."""
        if not ids:
            return set()
        query = f"select made from row where made in ({','.join('?' * len(ids))})"  # noqa: S608  # question marks only
        with self._using():
            return {made for (made,) in self._db.execute(query, tuple(ids))}

    @property
    def rest(self) -> float:
        """Seconds until what an earlier run has sent is either in or not: for a while it may be under way."""
        return max(0.0, self._quiet_at - time.monotonic())

    def note(self, notes: Sequence[Note]) -> None:
        """Keep what became of rows, all of them or none; it is on the disk when this returns."""
        if not notes:
            return
        numbers = list({one.number: None for one in notes})
        entries = [
            (one.number, one.digest, one.entry.state, one.entry.made, one.entry.before) for one in notes if one.entry
        ]
        with self._using(), self._transaction():
            before = self._sum_of(numbers)
            self._db.executemany("delete from row where number = ?", [(number,) for number in numbers])
            self._db.executemany("insert or replace into row values (?, ?, ?, ?, ?)", entries)
            self._sum += self._sum_of(numbers) - before

    def close(self) -> None:
        """Close the journal and release it."""
        if self._forked:
            return
        with forks.fork_lock():
            with contextlib.suppress(sqlite3.Error):  # the second file may stay
                self._db.execute("pragma locking_mode = normal")
                self._db.execute("pragma journal_mode = delete")
            self._db.close()


def _begin(file: Path) -> None:
    """Make an empty journal under another name first, so that under its own there never is a part of one."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute(f"pragma application_id = {_APPLICATION}")
        db.executescript(_SCHEMA)
        data = db.serialize()
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}.part")
    try:
        _write(part, data)
        with contextlib.suppress(FileExistsError):  # somebody else was faster, and has it
            try:
                os.link(part, file)
            except FileExistsError:
                raise
            except OSError:  # not every file system has links
                _write(file, data)
    finally:
        part.unlink(missing_ok=True)
    # The name too is to be there when the power fails.
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write(file: Path, data: bytes) -> None:
    """Write a file that is not there yet, through to the disk."""
    with file.open("xb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def _checksum(rows: Iterable[tuple[object, ...]]) -> int:
    return sum(crc32(repr(row).encode()) for row in rows)
