"""The search for secrets in everything that the tests write would find one."""

from __future__ import annotations

import base64
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from kalbio import KalbioAPIError
from kalbio.sandbox import Request, Sandbox
from tests.leaks import Watch, overhear
from tests.recording import CASSETTES

# Planted ones have a mark of their own: the watch over all tests must not see them.
MARK = "planted-secret-"
SECRET = MARK + "Zm9v_Yg"


@pytest.fixture
def other() -> Iterator[Watch]:
    """A second watch, for what is planted."""
    made = Watch(MARK)
    with pytest.MonkeyPatch.context() as patch:
        overhear(made, patch)
        yield made


def _raise(error: Exception, cause: Exception | None = None) -> None:
    with pytest.raises(type(error)):
        raise error from cause


PLACES: dict[str, Callable[[], object]] = {
    "an error": lambda: _raise(ValueError(f"no {SECRET}")),
    "the cause of an error": lambda: _raise(ValueError("no"), OSError(SECRET)),
    "an error that nobody raised": lambda: KalbioAPIError("GET", "/", 400, SECRET.encode()),
    "an attribute of an error": lambda: KalbioAPIError("GET", "/", 400, b"", request_id=SECRET),
    "a pickle": lambda: pickle.dumps({"token": SECRET}),
    "a log at DEBUG": lambda: logging.getLogger("asyncio").debug("header %s", SECRET),
    "an argument of a log": lambda: logging.getLogger("httpx").info("%.1s", SECRET),
    "the error in a log": lambda: logging.getLogger("asyncio").error("no", exc_info=ValueError(SECRET)),
    "the output of a process": lambda: subprocess.run(
        [sys.executable, "-c", f"print('{SECRET}')"], check=True, capture_output=True
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_found_wherever_it_strays(other: Watch, place: str) -> None:
    """What a test raises, pickles, logs or lets a process print is looked through."""
    PLACES[place]()

    assert [SECRET in found for found in other.found].count(True) > 0


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_that_a_test_reads_away_is_looked_through(
    other: Watch, capsys: pytest.CaptureFixture[str], stream: str
) -> None:
    """Reading the output takes it out of the reports of pytest, not out of sight."""
    getattr(sys, stream).write(SECRET)
    capsys.readouterr()

    assert len(other.found) == 1


PLANTED = """
import warnings

def test_planted(tmp_path):
    print(SECRET)
    warnings.warn(SECRET)
    (tmp_path / "journal.sqlite").write_bytes(b"SQLite format 3\\0" + SECRET.encode())
"""


@pytest.mark.parametrize("processes", [0, 2])
def test_a_run_that_writes_a_secret_fails(tmp_path: Path, processes: int) -> None:
    """A run of any number of processes ends with a search of what was printed, warned of, and left in files."""
    conftest = f"import tests.leaks\ntests.leaks.MARKS = ({MARK!r},)\npytest_plugins = ['tests.leaks']\n"
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    (tmp_path / "test_planted.py").write_text(f"SECRET = {SECRET!r}\n{PLANTED}", encoding="utf-8")
    folders = ["--rootdir", str(tmp_path), "--basetemp", str(tmp_path / "base"), "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", f"-n{processes}", "-c", os.devnull, *folders, str(tmp_path)]

    done = subprocess.run(
        command,
        cwd=CASSETTES.parent.parent,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "1 passed" in done.stdout) == (1, True)
    places = [f"SECRET in {place}" for place in ("output: test_", "warnings: : b", "files: ")]
    assert [place for place in places if place not in done.stdout] == []


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        repr(SECRET.encode()),
        quote(SECRET, safe=""),
        SECRET.encode().hex(),
        *(base64.b64encode(b"x" * before + SECRET.encode()).decode() for before in range(3)),
        *(base64.urlsafe_b64encode(b"\xff" * before + SECRET.encode()).decode() for before in range(3)),
    ],
)
def test_a_secret_is_found_in_every_form(form: str) -> None:
    """Plain, quoted, in hexadecimal, and in base64 wherever it begins."""
    watch = Watch(MARK)

    watch.look("output", f"<<{form}>>")

    assert len(watch.found) == 1


def test_what_is_no_secret_is_not_found() -> None:
    """Not the id, not the name of a thing, and not the announcement that the command makes."""
    watch = Watch()

    for text in ("sandbox-id", "sandbox token", "export KALEIDOSCOPE_API_CLIENT_SECRET=sandbox-secret\n", b"\0" * 9):
        watch.look("output", text)

    assert (watch.found, sum(watch.pieces.values())) == ([], 4)


def test_every_token_of_the_sandbox_carries_the_mark() -> None:
    """So that the search knows those that it has never seen."""
    with Sandbox() as sandbox:
        watch = Watch()
        watch.look("output", sandbox.issue_token())

    assert len(watch.found) == 1


def test_a_database_of_the_sandbox_holds_no_token(tmp_path: Path) -> None:
    """It keeps what a token can be checked with; the token is good after a restart all the same."""
    with Sandbox(tmp_path / "lab.db") as sandbox:
        token = sandbox.issue_token()

    with Sandbox(tmp_path / "lab.db") as sandbox:
        assert sandbox.handle(Request("GET", "/programs", [("X-Kal-Authorization", f"Bearer {token}")])).status == 200
    assert token.encode() not in (tmp_path / "lab.db").read_bytes()
