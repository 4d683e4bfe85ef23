"""The demo of a whole study: twice on one database."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.provena_demo.__main__ import main


def test_a_study_is_done_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every check holds, and a second run on the same database makes nothing, changes nothing and starts no job."""
    monkeypatch.setattr(sys, "argv", ["demo", "--db", str(tmp_path / "lab.db")])
    assert main() == 0
    assert "this database was new to the demo" in capsys.readouterr().out
    assert main() == 0
    told = capsys.readouterr().out
    assert "this database had seen the demo before" in told
    assert "0 registered, 3 were there" in told
    assert "0 of 3 files sent" in told
