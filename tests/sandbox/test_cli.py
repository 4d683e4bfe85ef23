from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import pytest

from kalbio import cli
from kalbio.sandbox.server import Server


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let children be ended by Ctrl-C: what a shell starts in the background ignores it, and so would they."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_the_sandbox_starts_tells_where_it_is_and_stops(tmp_path: Path) -> None:
    """The command prints addresses and credentials, serves, and ends cleanly on Ctrl-C."""
    command = [sys.executable, "-m", "kalbio", "sandbox", "--port", "0", "--db", str(tmp_path / "x.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        text = ""
        while "Ctrl-C" not in text:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            text += line
        found = re.search(r"export KALEIDOSCOPE_API_URL=(\S+)", text)
        assert found is not None
        with urlopen(found[1] + "/openapi.json", timeout=10) as answer:
            assert answer.status == 200
        os.kill(process.pid, signal.SIGINT)
        rest, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (0, "")
    assert "stopped" in rest
    for word in ("/reference", "KALEIDOSCOPE_API_CLIENT_ID=sandbox-id", "KALEIDOSCOPE_API_CLIENT_SECRET="):
        assert word in text


def test_a_sandbox_that_is_told_to_end_ends_as_with_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGTERM, which supervisors and containers send, stops it in the same way."""

    class Asleep:
        def wait(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda *_: None)
    here = SimpleNamespace(Event=Asleep, current_thread=threading.current_thread, main_thread=threading.main_thread)
    monkeypatch.setattr("kalbio.cli.emulators.threading", here)
    monkeypatch.setattr("kalbio.sandbox.server.serve", lambda *_, **__: nullcontext(Server("http://x")))
    try:
        assert cli.main(["sandbox", "--port", "0", "--seed", "empty"]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "Sandbox stopped." in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--host", "0.0.0.0"], ["--seed", "nope"]])
def test_what_cannot_be_done_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """An open address and an unknown seed end in a sentence, which names the way out."""
    assert cli.main(["sandbox", "--port", "0", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith("kalbio: ")
    assert ("--allow-remote" if "--host" in arguments else "known: demo, ") in told


def test_a_port_in_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """So is a port that something else listens on, by its number."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["sandbox", "--port", str(port)]) == 1

    told = capsys.readouterr().err
    assert f"port {port} of 127.0.0.1 is in use" in told
