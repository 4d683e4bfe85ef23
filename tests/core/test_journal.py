"""The journal of a load: what it keeps, and what it refuses."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kalbio import JournalError
from kalbio._core.constants import JOURNAL_REST
from kalbio._core.journal import Entry, Journal, Note, digest

ROWS = [digest(bytes([n])) for n in range(5)]
SENT = Entry("sent", None, "before")
DONE = Entry("done", "made", None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "load.db"


def numbered(rows: list[bytes]) -> dict[int, bytes]:
    """Return rows by their numbers."""
    return dict(enumerate(rows))


def test_what_was_noted_is_there_again(path: Path) -> None:
    """States, ids and what was there before survive; what is noted as not in is not there."""
    journal = Journal(path, "values")
    journal.note([Note(0, ROWS[0], SENT), Note(1, ROWS[1], SENT), Note(2, ROWS[2], SENT)])
    journal.note([Note(1, ROWS[1], DONE), Note(2, ROWS[2], None)])
    journal.close()

    again = Journal(path, "values")
    assert again.read(numbered(ROWS)) == {0: SENT, 1: DONE}
    assert again.made_before(["made", "other"]) == {"made"}
    again.close()


def test_many_threads_may_ask_at_once(path: Path) -> None:
    """Rows that are looked for side by side ask side by side, while others are noted, and get their own answers."""
    journal = Journal(path, "values")
    journal.note([Note(n, digest(bytes([n])), Entry("done", f"made-{n}", None)) for n in range(100)])

    def ask(number: int) -> None:
        for turn in range(50):
            assert journal.made_before([f"made-{number}", f"other-{turn}"]) == {f"made-{number}"}
            journal.note([Note(100 + number, ROWS[0], Entry("done", f"new-{number}", None))])
            assert journal.read({number: digest(bytes([number]))})[number].made == f"made-{number}"

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(ask, range(32)))
    journal.close()


def test_what_was_noted_survives_a_kill(path: Path) -> None:
    """A process that is killed right after a note leaves the note, and the journal can be opened at once."""
    code = (
        "import os, signal, sys\nfrom kalbio._core.journal import *\njournal = Journal(sys.argv[1], 'values')\n"
        "journal.note([Note(n, digest(bytes([n])), Entry('sent', None, 'before')) for n in range(5)])\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == -9

    journal = Journal(path, "values")
    assert journal.read(numbered(ROWS)) == dict.fromkeys(range(5), SENT)
    journal.close()


def test_each_note_is_on_the_disk_before_it_counts(path: Path) -> None:
    """The file is written through to the disk at each commit, so that a power failure loses no note."""
    journal = Journal(path, "values")
    assert journal._db.execute("pragma synchronous").fetchone() == (2,)
    assert journal._db.execute("pragma journal_mode").fetchone() == ("wal",)
    journal.close()


def test_all_of_a_note_is_kept_or_nothing(path: Path) -> None:
    """Notes that cannot be kept as a whole leave everything as it was."""
    journal = Journal(path, "values")
    with pytest.raises(sqlite3.IntegrityError):
        journal.note([Note(0, ROWS[0], SENT), Note(1, None, SENT)])  # type: ignore[arg-type]

    assert journal.read(numbered(ROWS)) == {}
    journal.note([Note(0, ROWS[0], SENT)])
    journal.close()


def test_one_has_it_at_a_time(path: Path) -> None:
    """A second load, in this process or another, is refused while the first one has the journal."""
    journal = Journal(path, "values")
    code = "import sys\nfrom kalbio._core.journal import Journal\nJournal(sys.argv[1], 'values')"
    other = subprocess.run([sys.executable, "-c", code, path], check=False, capture_output=True, text=True)
    with pytest.raises(JournalError, match="is in use by another load; wait"):
        Journal(path, "values")

    assert "is in use by another load" in other.stderr
    journal.close()
    Journal(path, "values").close()


def test_another_load_is_refused(path: Path) -> None:
    """The journal of one load is not taken for another, and the error names both and the cure."""
    Journal(path, "values").close()

    with pytest.raises(JournalError, match=r"another load \(values, not imports\); give another path, or delete"):
        Journal(path, "imports")
    Journal(path, "values").close()


@pytest.mark.parametrize("rows", [ROWS[:4], [*ROWS, digest(b"more")], [*ROWS[1:], ROWS[0]], []])
def test_other_rows_are_refused(path: Path, rows: list[bytes]) -> None:
    """Fewer rows, more, the same in another order, and none are all other rows."""
    journal = Journal(path, "values")
    journal.claim(ROWS)
    journal.claim(iter(ROWS))

    with pytest.raises(JournalError, match="belongs to other rows; give another path"):
        journal.claim(rows)
    journal.close()


def test_a_row_that_says_something_else_is_refused(path: Path) -> None:
    """Where not all rows are known, each is compared when its turn comes."""
    journal = Journal(path, "values")
    journal.note([Note(n, ROWS[n], DONE) for n in (0, 1, 3)])

    assert journal.read({0: ROWS[0], 2: ROWS[4], 3: ROWS[3]}) == {0: DONE, 3: DONE}
    with pytest.raises(JournalError, match="row 3 was another one"):
        journal.read({2: ROWS[2], 3: ROWS[2]})
    journal.close()


@pytest.mark.parametrize("kind", ["text", "database", "folder", "nowhere"])
def test_what_is_no_journal_is_refused_and_left_alone(path: Path, kind: str) -> None:
    """A file of another kind, a database of somebody else, a folder, and a path that leads nowhere are refused."""
    if kind == "text":
        path.write_text("no database, but text of some length\n" * 100)
    elif kind == "database":
        with sqlite3.connect(path) as other:
            other.execute("create table theirs (x)")
        other.close()
    elif kind == "folder":
        path.mkdir()
    else:
        path = path / "missing" / "load.db"
    kept = path.read_bytes() if path.is_file() else None

    with pytest.raises(JournalError, match=r"The journal .*load.db (is no journal|cannot be)"):
        Journal(path, "values")
    assert kept is None or path.read_bytes() == kept


def test_a_journal_that_was_killed_while_it_was_made_is_made_again(path: Path) -> None:
    """A file without anything in it yet counts as new."""
    db = sqlite3.connect(path)
    db.execute("pragma journal_mode = wal")
    db.close()
    assert path.stat().st_size > 0

    Journal(path, "values").close()


def test_what_was_sent_a_moment_ago_is_given_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right after a row was sent there is a rest to wait, some time later none; a clock that was set back adds none."""
    now = 1000.0
    monkeypatch.setattr("kalbio._core.journal.time.time", lambda: now)

    def rest() -> float:
        journal = Journal(path, "values")
        found = journal.rest
        journal.note([Note(0, ROWS[0], SENT)] if now == 1000.0 else [])
        journal.close()
        return found

    assert rest() == 0.0
    assert 1.5 < rest() <= JOURNAL_REST
    now = 1001.5
    assert 0.0 < rest() <= 0.5
    now = 1002.5
    assert rest() == 0.0
    now = 10.0
    assert 1.5 < rest() <= JOURNAL_REST
