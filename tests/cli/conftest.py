"""Sandboxes that listen, and the command that talks to them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kalbio import cli
from kalbio.provena.sandbox import Sandbox as ProvenaSandbox
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve


@dataclass
class Ended:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


class Shell:
    """Runs commands in this process: `shell("records", "table", "Compound")`."""

    def __init__(self, sandbox: Any, url: str, capsys: pytest.CaptureFixture[str], *before: str) -> None:
        self.sandbox = sandbox
        self.url = url
        self._capsys = capsys
        self._before = before

    def __call__(self, *arguments: str | Path, code: int = 0) -> Ended:
        """Run a command that must end with this exit code."""
        self._capsys.readouterr()
        ended = cli.main([*self._before, *map(str, arguments)])
        told = self._capsys.readouterr()
        assert ended == code, (ended, told)
        assert "Traceback" not in told.err
        # Errors are a line or two; what has failed in a part tells of that on its output.
        assert told.err.count("\n") <= 2, told.err
        assert ended == 0 or told.err or told.out
        return Ended(ended, told.out, told.err)


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine counts: no profile, no setting of a client, no terminal."""
    names = (
        "KALBIO_PROFILE",
        *(f"KALEIDOSCOPE_{name}" for name in ("API_URL", "API_CLIENT_ID", "API_CLIENT_SECRET", "ON_ERROR")),
        *(f"PROVENA_{name}" for name in ("URL", "DOMAIN", "REALM", "CLIENT_ID", "CLIENT_SECRET", "OFFLINE_TOKEN")),
    )
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_CONFIG_HOME", "APPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


@pytest.fixture
def served() -> Iterator[tuple[Sandbox, str]]:
    """The demo workspace, at an address."""
    with Sandbox() as sandbox, serve(sandbox, 0) as server:
        yield sandbox, server.url


@pytest.fixture
def shell(served: tuple[Sandbox, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command, with the sandbox in its environment."""
    sandbox, url = served
    monkeypatch.setenv("KALEIDOSCOPE_API_URL", url)
    monkeypatch.setenv("KALEIDOSCOPE_API_CLIENT_ID", sandbox.settings.client_id)
    monkeypatch.setenv("KALEIDOSCOPE_API_CLIENT_SECRET", sandbox.settings.client_secret)
    return Shell(sandbox, url, capsys)


@pytest.fixture
def provena(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Shell]:
    """`kalbio provena`, with a stand-in of its own in the environment, as its administrator."""
    with ProvenaSandbox() as sandbox, serve(sandbox, 0) as server:
        shell = Shell(sandbox, server.url, capsys, "provena")
        for name, value in (*place(shell).items(), ("CLIENT_ID", "admin"), ("CLIENT_SECRET", sandbox.client_secret)):
            monkeypatch.setenv(f"PROVENA_{name}", value)
        yield shell
    # The only place where tokens may be kept, so it is searched for none.
    shutil.rmtree(tmp_path / "home", ignore_errors=True)


def place(provena: Shell) -> dict[str, str]:
    """Where the stand-in is, by the ends of the names of variables."""
    return {"URL": provena.url, "DOMAIN": "sandbox.invalid", "REALM": "sandbox"}
