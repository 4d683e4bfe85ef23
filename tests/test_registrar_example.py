"""The registrar in `examples/registrar`, as a process of its own that is killed, behind a sandbox that posts to it."""

from __future__ import annotations

import os
import re
import runpy
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from kalbio import KaleidoscopeClient
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve
from kalbio.webhooks import Inbox

EXAMPLE = Path(__file__).parent.parent / "examples" / "registrar"
TOKEN = "sandbox-token-of-the-registrar"
PATIENCE = 60.0


@contextmanager
def registrar(folder: Path, url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the example until the block ends."""
    environment = {
        **os.environ,
        "KALEIDOSCOPE_API_CLIENT_ID": "sandbox-id",
        "KALEIDOSCOPE_API_CLIENT_SECRET": "sandbox-secret",
        "KALEIDOSCOPE_API_URL": url,
        "REGISTRAR_TOKEN": TOKEN,
        "REGISTRAR_FOLDER": str(folder),
    }
    command = [sys.executable, "-m", "uvicorn", "registrar:app", "--port", str(port), "--log-level", "error"]
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen(command, cwd=EXAMPLE, env=environment, stderr=log) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE)


def wait_until(reached: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    limit = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < limit, "it did not come"
        time.sleep(0.02)


def is_well(port: int) -> bool:
    """Whether the service answers."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_the_example_handles_what_came_before_and_after_it_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files and drafts are registered row by row, although the service was away for one and was killed at another; the
    lab that lies beside it says what became of its rows.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        Sandbox(webhook=f"http://127.0.0.1:{port}/?token={TOKEN}") as sandbox,
        serve(sandbox) as server,
        KaleidoscopeClient("sandbox-id", "sandbox-secret", server.url) as api,
    ):
        run = api.activities.create_activity("P", "experiment", activity_definition_id="Assay results registration")
        run.add_records([{"Compound": "SBX-1"}, {"Compound": "SBX-2"}])
        upload = next(item for item in run.properties if item.field_type == "file")

        def register(text: str) -> str:
            file_id = str((upload.update_property_file("p.csv", text.encode(), "text/csv") or {})["file_id"])
            api.registration.register_file(run, file_id)
            return file_id

        missed = register("Compound,Potency\nSBX-1,12.1\nSBX-2,-5\nSBX-99,1\n")  # nobody is there yet
        assert sandbox.wait_for_webhooks()
        with registrar(tmp_path, server.url, port) as process:
            first = api.registration.wait(run, file_id=missed, interval=0.05, timeout=PATIENCE)
            wait_until(lambda: is_well(port))
            killed = register("Compound,Potency\nSBX-2,7\n")
            assert sandbox.wait_for_webhooks()
            process.kill()
        with registrar(tmp_path, server.url, port):
            second = api.registration.wait(run, file_id=killed, interval=0.05, timeout=PATIENCE)
            batch = api.activities.create_activity("B", "experiment", activity_definition_id="Batch registration")
            rows = [{"Compound": "CPD-7", "Purity (%)": 98.2}, {"Compound": "CPD-8", "Purity (%)": 61.0}]
            api.registration.stage_drafts(batch, ["Compound"], rows)
            submission = api.registration.submit_drafts(batch)
            third = api.registration.wait(batch, submission_id=submission.id, interval=0.05, timeout=PATIENCE)
            for name, value in (("CLIENT_ID", "sandbox-id"), ("CLIENT_SECRET", "sandbox-secret"), ("URL", server.url)):
                monkeypatch.setenv(f"KALEIDOSCOPE_API_{name}", value)
            runpy.run_path(str(EXAMPLE / "lab.py"), run_name="__main__")
            inbox = Inbox(tmp_path / "inbox.db", create=False)
            wait_until(lambda: inbox.counts()["done"] == 4)
            inbox.close()
        reported = [entry.status for entry in sandbox.ledger if entry.operation.endswith("Results")]

    assert first.message == "3 rows checked; 1 row without a record: row 4: no compound 'SBX-99' in this activity"
    assert [error.error_message for error in first.record_errors] == ["a potency is above 0"]
    assert (second.status, second.record_errors) == ("completed", [])
    assert [error.error_message for error in third.record_errors] == ["the purity is below 95 %"]
    assert capsys.readouterr().out == (
        "week12.csv is handed over; the registrar has a minute to answer\n"
        "completed: 3 rows checked; 1 row without a record: row 4: no compound 'SBX-77' in this activity\n"
        "SBX-2: a potency is above 0\n"
    )
    assert reported == [204] * 4
    assert "INFO kalbio.webhooks: " in (tmp_path / "log").read_text()
    with closing(sqlite3.connect(tmp_path / "registry.db")) as database:
        entered = database.execute(
            "select thing, value from entry where value != 'registered' order by rowid"
        ).fetchall()
        assert database.execute("select count(*) from entry where value = 'registered'").fetchone() == (1,)
    assert entered == [("SBX-1", "12.1"), ("SBX-2", "7.0"), ("SBX-1", "12.1")]


def test_the_unit_and_the_image_start_the_same_application() -> None:
    """Both name the application, keep its things in a folder that lasts, and write no token to an access log."""
    unit = (EXAMPLE / "registrar.service").read_text(encoding="utf-8")
    image = (EXAMPLE / "Dockerfile").read_text(encoding="utf-8")
    started = {text: re.findall(r"registrar:app|--no-access-log|REGISTRAR_FOLDER=\S+", text) for text in (unit, image)}
    assert sorted(started[unit]) == ["--no-access-log", "REGISTRAR_FOLDER=/var/lib/registrar", "registrar:app"]
    assert sorted(started[image]) == ["--no-access-log", "REGISTRAR_FOLDER=/data", "registrar:app"]
    for copied in re.findall(r"^COPY (?!--)(.+) /", image, re.MULTILINE):
        assert all((EXAMPLE.parent.parent / path).exists() for path in copied.split())


def test_the_example_needs_a_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without one it does not start, and says how to make one."""
    environment = {**os.environ, "REGISTRAR_FOLDER": str(tmp_path), "REGISTRAR_TOKEN": ""}
    started = subprocess.run(
        [sys.executable, "-c", "import registrar"],
        cwd=EXAMPLE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "secrets.token_urlsafe()" in started.stderr
