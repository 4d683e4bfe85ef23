"""`kalbio mirror sql`: what it says of a query that does not work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import kalbio.mirror
from kalbio import cli
from kalbio.testing import InProcess


def sql(capsys: pytest.CaptureFixture[str], folder: Path, query: str, code: int) -> str:
    """What the command prints of an error, with a mirror of the demo workspace."""
    if not (folder / "lab.duckdb").exists():
        with InProcess() as lab:
            lab.client.mirror(folder / "lab.duckdb", history=False).refresh()
    capsys.readouterr()
    assert cli.main(["mirror", "sql", str(folder / "lab.duckdb"), query]) == code
    return capsys.readouterr().err


def test_what_duckdb_says_is_read_as_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An unknown table or column is told in one line, with how names are written."""
    told, cure = sql(capsys, tmp_path, "select *\nfrom Compund", 1).splitlines()
    assert told.endswith('Table with name Compund does not exist! Did you mean "Compound"? (line 2)')
    assert "double quotes" in cure
    told, cure = sql(capsys, tmp_path, "select Potency (nM) from Compound", 1).splitlines()
    assert "\\n" not in told
    assert "double quotes" in cure


def test_no_query_is_dropped(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Two queries are refused, since the rows of the first would not be printed; no query is refused, too."""
    assert "one at a time" in sql(capsys, tmp_path, "select 1; select 2", 2)
    assert "there is no query" in sql(capsys, tmp_path, " ;", 2)


def test_a_mirror_without_its_packages_says_what_to_install(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where DuckDB is not installed, `sql` says how to get it, as the other commands do."""
    monkeypatch.setattr(kalbio.mirror, "require_mirror", _missing)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    capsys.readouterr()
    assert cli.main(["mirror", "sql", str(tmp_path / "lab.duckdb"), "select 1"]) == 1
    assert "the extra 'mirror'" in capsys.readouterr().err


def _missing() -> None:
    raise ModuleNotFoundError("a mirror needs the extra 'mirror'", name="duckdb")
