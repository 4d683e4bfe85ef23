"""A sandbox that listens, and the command that talks to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kalbio import cli
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

    def __init__(self, sandbox: Sandbox, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.sandbox = sandbox
        self.url = url
        self._capsys = capsys

    def __call__(self, *arguments: str | Path, code: int = 0) -> Ended:
        """Run a command that must end with this exit code."""
        self._capsys.readouterr()
        ended = cli.main([str(argument) for argument in arguments])
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
    for name in ("KALBIO_PROFILE", "KALEIDOSCOPE_API_URL", "KALEIDOSCOPE_API_CLIENT_ID",
                 "KALEIDOSCOPE_API_CLIENT_SECRET", "KALEIDOSCOPE_ON_ERROR"):  # fmt: skip
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
