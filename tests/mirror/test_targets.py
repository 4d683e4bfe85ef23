"""Where mirrors are kept, and what is not taken for one."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

import kalbio.mirror
from kalbio import MirrorError
from kalbio.mirror._store import Store
from tests.conftest import Lab
from tests.rows import row


def test_a_full_refresh_does_not_go_on_with_half_a_refresh_of_changes(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a refresh of what has changed broke off, `full=True` reads every record."""
    mirror = lab.api.mirror(tmp_path / "lab.duckdb", overlap=timedelta(0))
    lab.world(mirror.refresh())

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "finish", stop)
        with pytest.raises(KeyboardInterrupt):
            lab.world(mirror.refresh())

    assert lab.world(mirror.refresh(full=True)).read == 5


def test_a_link_stays_a_link(lab: Lab, tmp_path: Path) -> None:
    """Where the target is a link, the file that it leads to is made and renewed."""
    (tmp_path / "disk").mkdir()
    link, real = tmp_path / "lab.duckdb", tmp_path / "disk" / "real.duckdb"
    link.symlink_to(real)
    for _ in range(2):
        lab.world(lab.api.mirror(link).refresh())
        assert link.is_symlink()
        with kalbio.mirror.connect(real) as db:
            assert db.sql("select count(*) from records").fetchall() == [(5,)]


def test_a_target_that_cannot_be_is_refused_at_once(lab: Lab, tmp_path: Path) -> None:
    """A name that DuckDB would take for a schema, and what is no path at all, are refused before anything is asked."""
    for target in (tmp_path / "Store.duckdb", "a\0.duckdb", "\ud800.duckdb", "a" * 300 + ".duckdb"):
        with row(repr(target)), pytest.raises(ValueError, match="cannot be"):
            lab.api.mirror(target)


def test_what_is_no_mirror_is_left_alone(lab: Lab, tmp_path: Path) -> None:
    """A database of something else, also of SQLite or with a table of the same name, is not replaced and not read."""
    with sqlite3.connect(tmp_path / "sqlite.db") as other:
        other.execute("create table t (a)")
    other.close()
    for name, text in (("odd", "no JSON"), ("another", json.dumps("x"))):
        with duckdb.connect(tmp_path / f"{name}.duckdb") as db:
            db.execute("create schema store; create table store.state (key VARCHAR, value VARCHAR)")
            db.execute("insert into store.state values ('x', ?)", [text])
    for path in sorted(tmp_path.iterdir()):
        with row(path.name):
            before = path.read_bytes()
            for ask in (
                lambda path=path: lab.world(lab.api.mirror(path).refresh()),
                lambda path=path: kalbio.mirror.status(path),
            ):
                with pytest.raises(MirrorError, match="no mirror") as caught:
                    ask()
                assert "extension" not in str(caught.value)  # which DuckDB would have fetched
            assert path.read_bytes() == before


def test_what_the_disk_refuses_is_an_error_of_the_mirror(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that cannot be written, and a database that cannot go on, are told in one way, and leave the mirror."""
    mirror = lab.api.mirror(tmp_path / "lab.duckdb")
    lab.world(mirror.refresh())

    def is_full(*_: object) -> None:
        raise duckdb.IOException("Could not write file: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "close", is_full)
        with pytest.raises(MirrorError, match="No space left"):
            lab.world(mirror.refresh())
    assert mirror.status().rows["records"] == 5
    lab.world(mirror.refresh())
    assert not mirror.status().unfinished

    (tmp_path / "other.duckdb.lock").mkdir()
    with pytest.raises(MirrorError, match=r"other\.duckdb could not be refreshed"):
        lab.world(lab.api.mirror(tmp_path / "other.duckdb").refresh())
