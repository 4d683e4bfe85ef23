"""The journal of a load: what it keeps, and what it refuses."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kalbio import JournalError
from kalbio._core.bulk.journal import Journal, JournalEntry, Note, digest
from kalbio._core.constants import JOURNAL_REST

ROWS = [digest(bytes([n])) for n in range(5)]
SENT = JournalEntry("sent", None, "before")
DONE = JournalEntry("done", "made", None)


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
    journal.note([Note(n, digest(bytes([n])), JournalEntry("done", f"made-{n}", None)) for n in range(100)])

    def ask(number: int) -> None:
        for turn in range(10):
            assert journal.made_before([f"made-{number}", f"other-{turn}"]) == {f"made-{number}"}
            journal.note([Note(100 + number, ROWS[0], JournalEntry("done", f"new-{number}", None))])
            assert journal.read({number: digest(bytes([number]))})[number].made == f"made-{number}"

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(ask, range(32)))
    journal.close()


def test_what_was_noted_survives_a_kill(path: Path) -> None:
    """A process that is killed right after a note leaves the note, and the journal can be opened at once."""
    code = (
        "import os, signal, sys\nfrom kalbio._core.bulk.journal import *\njournal = Journal(sys.argv[1], 'values')\n"
        "journal.note([Note(n, digest(bytes([n])), JournalEntry('sent', None, 'before')) for n in range(5)])\n"
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
    assert journal._db.execute("pragma journal_mode").fetchone() == ("persist",)
    journal.close()


def test_all_of_a_note_is_kept_or_nothing(path: Path) -> None:
    """Notes that cannot be kept as a whole leave everything as it was."""
    journal = Journal(path, "values")
    with pytest.raises(JournalError, match="NOT NULL"):
        journal.note([Note(0, ROWS[0], SENT), Note(1, None, SENT)])  # type: ignore[arg-type]

    assert journal.read(numbered(ROWS)) == {}
    journal.note([Note(0, ROWS[0], SENT)])
    journal.close()


def test_one_has_it_at_a_time(path: Path) -> None:
    """A second load, in this process or another, is refused while the first one has the journal."""
    journal = Journal(path, "values")
    code = "import sys\nfrom kalbio._core.bulk.journal import Journal\nJournal(sys.argv[1], 'values')"
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
    with pytest.raises(JournalError, match="row 3 is different"):
        journal.read({2: ROWS[2], 3: ROWS[2]})
    journal.close()


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("text", "is not a journal"),
        ("database", "is not a journal"),
        ("no tables", "is not a journal"),
        ("folder", "is not a plain file"),
        ("pipe", "is not a plain file"),
        ("empty", "is empty, which a journal never is"),
        ("memory", "must be a file, or it would be lost with this process"),
        ("nowhere", "cannot be used: No such file or directory"),
        ("below a file", "cannot be used: Not a directory"),
    ],
)
def test_what_is_no_journal_is_refused_and_left_alone(path: Path, kind: str, why: str) -> None:
    """Files of another kind and foreign databases are refused unchanged, and so is what is not a plain file."""
    if kind == "text":
        path.write_text("no database, but text of some length\n" * 100)
    elif kind in ("database", "no tables"):
        with closing(sqlite3.connect(path)) as other:
            other.execute("create table theirs (x)" if kind == "database" else "pragma user_version = 1")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "empty":
        path.touch()
    elif kind == "nowhere":
        path = path / "missing" / "load.db"
    elif kind == "below a file":
        path.write_text("a file")
        path = path / "load.db"
    kept = path.read_bytes() if path.is_file() else None

    with pytest.raises(JournalError, match=rf"^The journal .*(load.db|:memory:) {why}"):
        Journal(":memory:" if kind == "memory" else path, "values")
    assert kept is None or path.read_bytes() == kept


def test_a_journal_is_never_there_in_part(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends while it makes a journal leaves none under the name, and the next one makes it."""

    def ended(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", ended)
        with pytest.raises(KeyboardInterrupt):
            Journal(path, "values")
    assert list(path.parent.iterdir()) == []

    Journal(path, "values").close()
    assert [found.name for found in path.parent.iterdir()] == ["load.db"]


def test_a_journal_can_be_made_where_there_are_no_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without links the file is written in its place."""

    def none(*_: Any) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", none)
    journal = Journal(path, "values")
    journal.note([Note(0, ROWS[0], DONE)])
    journal.close()
    again = Journal(path, "values")
    assert again.read(numbered(ROWS)) == {0: DONE}
    again.close()


def written(path: Path, rows: int = 300) -> None:
    """Write a journal of several pages."""
    journal = Journal(path, "values")
    for first in range(0, rows, 100):
        entries = [JournalEntry("done", f"{number:036}", None) for number in range(first, first + 100)]
        journal.note([Note(first + place, ROWS[0], entry) for place, entry in enumerate(entries)])
    journal.close()


@pytest.mark.parametrize("kept", [1, 100, 4096, 8192, -4096, -100, -1])
def test_a_journal_that_was_cut_off_is_refused(path: Path, kept: int) -> None:
    """Wherever the end of the file is missing, the journal is not used, and the file stays as it is."""
    written(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:kept])

    with pytest.raises(JournalError, match=r"is damaged\. It no longer tells which rows were written|is not a journal"):
        Journal(path, "values")
    assert path.read_bytes() == whole[:kept]


def test_a_journal_with_a_changed_byte_is_refused(path: Path) -> None:
    """Whichever letter of an id, byte of a digest or state is another one, the journal is not used."""
    written(path)
    whole = path.read_bytes()
    ids = [whole.index(b"%036d" % number) for number in (0, 150, 299)]
    places = [place + more for place in ids for more in (-1, -10, 0, 35)] + [len(whole) - 1]
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(JournalError, match="is damaged"):
            Journal(path, "values")
    path.write_bytes(whole)
    Journal(path, "values").close()


@pytest.mark.parametrize("name", [b"digest", b"key"])
def test_a_journal_whose_tables_are_no_text_is_refused(path: Path, name: bytes) -> None:
    """What the database says of damage to the names of its columns is no text either."""
    written(path)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(name, name[:1] + b"\xe9" + name[2:], 1))
    with pytest.raises(JournalError, match="is damaged"):
        Journal(path, "values")


def test_half_a_note_is_refused_when_what_undoes_it_is_lost(path: Path) -> None:
    """Whichever page of a note is missing, because the process was killed and its second file lost, it is noticed."""
    written(path)
    old = path.read_bytes()
    journal = Journal(path, "values")
    journal.note([Note(number, ROWS[1], SENT) for number in range(100, 350)])
    journal.close()
    new = path.read_bytes()
    pages = [start for start in range(0, len(new), 4096) if new[start : start + 4096] != old[start : start + 4096]]
    assert len(pages) > 3
    for start in pages:
        path.write_bytes(new[:start] + old[start : start + 4096].ljust(4096, b"\0") + new[start + 4096 :])
        with pytest.raises(JournalError, match="is damaged"):
            Journal(path, "values")


def test_what_undoes_half_a_note_is_not_taken_for_nothing(path: Path) -> None:
    """Where the journal has gone and its second file is still needed, no new one is begun."""
    written(path)
    code = (
        "import os, signal, sys\nfrom kalbio._core.bulk.journal import *\njournal = Journal(sys.argv[1], 'values')\n"
        "journal._db.execute('pragma cache_size = 1')\njournal._db.execute('begin')\n"
        "journal._db.execute(\"update row set state = 'sent'\")\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == -9
    main = path.read_bytes()
    path.unlink()
    with pytest.raises(JournalError, match=r"is not there, but load\.db-journal, which is a part of it; bring it back"):
        Journal(path, "values")

    path.write_bytes(main)
    journal = Journal(path, "values")
    assert journal.read({0: ROWS[0]})[0].state == "done"
    journal.close()


def test_a_journal_of_an_earlier_release_is_refused(path: Path) -> None:
    """One without a checksum might have lost notes, and says so; one that another program changed, too."""
    for change, why in [
        ("application_id = 0x6B616C6A", "was made by an earlier release"),
        ("journal_mode = wal", "was changed by another program"),
    ]:
        written(path)
        with closing(sqlite3.connect(path)) as other:
            other.execute(f"pragma {change}")
        with pytest.raises(JournalError, match=why):
            Journal(path, "values")
        path.unlink()


def test_a_full_disk_leaves_what_was_noted_before(path: Path) -> None:
    """A note for which there is no room is a JournalError that says so, and a later one may be kept again."""
    journal = Journal(path, "values")
    journal.note([Note(0, ROWS[0], SENT)])
    (pages,) = journal._db.execute("pragma page_count").fetchone()
    journal._db.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(JournalError, match=r"load.db cannot be written: the disk is full\."):
        journal.note([Note(0, ROWS[0], DONE), *[Note(number, ROWS[1], SENT) for number in range(1, 200)]])
    assert journal.read({0: ROWS[0], 1: ROWS[1]}) == {0: SENT}
    journal.note([Note(0, ROWS[0], DONE)])
    journal.close()

    again = Journal(path, "values")
    assert again.read({0: ROWS[0], 1: ROWS[1]}) == {0: DONE}
    again.close()


def test_a_limit_on_the_size_of_files_leaves_what_was_noted_before(path: Path) -> None:
    """Where the system refuses to let the file grow, all notes that returned are there, and no half of another."""
    code = """if True:
        import resource, sys
        from kalbio import JournalError
        from kalbio._core.bulk.journal import *
        journal = Journal(sys.argv[1], "values")
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        try:
            for number in range(0, 10_000, 10):
                entries = [Note(n, digest(b""), JournalEntry("done", str(n), None)) for n in range(number, number + 10)]
                journal.note(entries)
        except JournalError as error:
            print(number, error)
        """
    told = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True).stdout
    count, _, why = told.partition(" ")
    assert "cannot be read or written: the disk fails, or a quota or a limit on the size of files is reached" in why

    journal = Journal(path, "values")
    assert 100 < len(journal.read(dict.fromkeys(range(10_000), digest(b"")))) == int(count)
    journal.close()


@pytest.mark.parametrize("what", ["file", "folder", "folder of a new one"])
def test_what_must_not_be_written_is_refused_when_it_is_opened(what: str) -> None:
    """A read-only file, one in a read-only folder, and a new one there, are refused before a load begins."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        path = folder / "load.db"
        if what != "folder of a new one":
            written(path)
        path.chmod(0o444 if what == "file" else 0o666) if path.exists() else None
        folder.chmod(0o777 if what == "file" else 0o555)
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(65534)  # root may write everything
            with pytest.raises(JournalError, match=r"load.db cannot be (written: .*read-only|used: Permission denied)"):
                Journal(path, "values")
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_what_an_earlier_run_has_sent_is_given_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest begins when the journal is opened, whatever the clock on the wall says, and goes by in the process."""
    now = 1000.0
    monkeypatch.setattr("kalbio._core.bulk.journal.time.monotonic", lambda: now)
    for wall in (1e9, 1e9 + 86_400, 0.0):
        monkeypatch.setattr("kalbio._core.bulk.journal.time.time", lambda wall=wall: wall)
        journal = Journal(path, "values")
        journal.note([Note(0, ROWS[0], SENT)])
        assert journal.rest == JOURNAL_REST
        now += 1.5
        assert journal.rest == JOURNAL_REST - 1.5
        now += 1.5
        assert journal.rest == 0.0
        journal.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_neither_uses_the_journal_nor_disturbs_it(path: Path) -> None:
    """A child, forked while threads note, is refused all of it, and its end leaves the journal of its parent whole."""
    code = """if True:
        import gc, os, sys, threading, warnings
        from kalbio import JournalError
        from kalbio._core.bulk.journal import *
        warnings.simplefilter("ignore")
        journal = Journal(sys.argv[1], "values")
        running, noted = True, 0
        def note():
            global noted
            while running:
                journal.note([Note(n, digest(b""), JournalEntry("sent", None, str(noted))) for n in range(500)])
                noted += 1
        thread = threading.Thread(target=note)
        thread.start()
        for _ in range(20):
            child = os.fork()
            if child == 0:
                code = 0
                uses = [
                    lambda: journal.note([Note(0, b"", None)]), lambda: journal.read({0: b""}),
                    lambda: journal.keep("a", "b"), lambda: journal.claim([]), lambda: journal.made_before(["x"]),
                ]
                for use in uses:
                    try:
                        use()
                        code = 1
                    except JournalError as error:
                        code = code or 2 * ("in the parent process" not in str(error))
                journal.close()
                del journal
                gc.collect()
                os._exit(code)
            assert os.waitpid(child, 0)[1] == 0
        running = False
        thread.join()
        print(noted, flush=True)
        os._exit(0)
        """
    told = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60, check=False)
    assert told.stderr == ""
    journal = Journal(path, "values")
    kept = journal.read(dict.fromkeys(range(500), digest(b"")))
    assert {entry.before for entry in kept.values()} == {str(int(told.stdout) - 1)}
    assert len(kept) == 500
    journal.close()
