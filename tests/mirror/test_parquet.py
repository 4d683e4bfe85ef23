"""Mirrors that are folders of Parquet: what is in them, and that whoever reads them sees one state."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset
import pytest

import kalbio.mirror
from kalbio import KaleidoscopeClient, MirrorError
from kalbio.mirror._parquet import ParquetFolder, file_names
from kalbio.mirror._store import Part, Store
from kalbio.mirror._targets import Target
from kalbio.testing import InProcess
from tests.rows import row


@pytest.fixture(name="client")
def _client() -> Iterator[KaleidoscopeClient]:
    """A client of the demo workspace."""
    with InProcess() as lab:
        yield lab.client


def refresh(client: KaleidoscopeClient, folder: Path, **settings: Any) -> Any:
    """Refresh the mirror in a folder. Everything happens within seconds here, so that it looks back no further."""
    return client.mirror(f"{folder}/lab/", overlap=timedelta(0)).refresh(**settings)


def write(client: KaleidoscopeClient, value: float) -> None:
    """Write a value on a record of the demo seed."""
    record = client.records.get_record_by_id({"Compound": "SBX-1"})
    assert record is not None
    record.add_value("Potency (nM)", value)


def potency(state: Path) -> float:
    """What a state says of that value."""
    table = pd.read_parquet(state / "Compound.parquet").set_index("Compound")
    return float(table["Potency (nM)"]["SBX-1"])


def test_every_reader_finds_the_tables_of_the_mirror(client: KaleidoscopeClient, tmp_path: Path) -> None:
    """pandas, polars, pyarrow and DuckDB read the rows that SQL finds, in files and in the folder of all values."""
    refresh(client, tmp_path)
    latest = tmp_path / "lab" / "latest"
    with kalbio.mirror.connect(tmp_path / "lab") as db:
        compounds = db.sql("from Compound order by record_id").fetchall()
        count = db.sql("select count(*) from values").fetchall()[0][0]
        names = {name for (name,) in db.sql("show tables").fetchall()}
    file, values = latest / "Compound.parquet", latest / "values"
    # NULL is NaN to pandas, which equals nothing.
    assert len(pd.read_parquet(file)) == len(compounds)
    assert pl.scan_parquet(file).sort("record_id").collect().rows() == compounds
    assert sorted(map(tuple, (one.values() for one in pyarrow.dataset.dataset(file).to_table().to_pylist()))) == sorted(
        compounds
    )
    assert duckdb.sql(f"from '{file}' order by record_id").fetchall() == compounds
    assert len(pd.read_parquet(values)) == pl.scan_parquet(f"{values}/*.parquet").collect().height == count
    assert pyarrow.dataset.dataset(values).count_rows() == count
    assert {file.stem for file in latest.glob("*.parquet")} == names - {"values"}
    assert {file.stem for file in values.glob("*.parquet")} == {"Compound", "Compound + Batch"}


def test_what_is_unchanged_is_not_written_again(client: KaleidoscopeClient, tmp_path: Path) -> None:
    """A refresh after one value was written makes new files where that shows, and keeps the others; none, none."""
    refresh(client, tmp_path)
    first = kalbio.mirror.folder(tmp_path / "lab")
    refresh(client, tmp_path)
    assert kalbio.mirror.folder(tmp_path / "lab") == first
    write(client, 3)
    refresh(client, tmp_path)
    second = kalbio.mirror.folder(tmp_path / "lab")
    written = {str(file.relative_to(second)) for file in second.rglob("*.parquet")
               if not file.samefile(first / file.relative_to(second))}  # fmt: skip
    assert written == {
        "Compound.parquet", "values/Compound.parquet", "records.parquet", "files.parquet", "misfits.parquet"
    }  # fmt: skip


def test_a_reader_keeps_its_state(client: KaleidoscopeClient, tmp_path: Path) -> None:
    """The folder of a state stays as it is when a refresh makes a new one, and goes with the one after that."""
    refresh(client, tmp_path)
    state = kalbio.mirror.folder(tmp_path / "lab")
    lazy = pl.scan_parquet(state / "Compound.parquet")
    write(client, 3)
    refresh(client, tmp_path)
    assert potency(state) == 12.5
    assert 12.5 in lazy.collect()["Potency (nM)"].to_list()
    assert potency(tmp_path / "lab" / "latest") == potency(kalbio.mirror.folder(tmp_path / "lab")) == 3
    (state / "notes.txt").write_text("mine")
    write(client, 4)
    refresh(client, tmp_path)
    assert [file.name for file in state.rglob("*")] == ["notes.txt"]  # which is not of the mirror
    assert potency(tmp_path / "lab" / "latest") == 4


def _stop(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_whatever_breaks_off_leaves_a_whole_state(
    client: KaleidoscopeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a refresh ends early, `latest` and `folder` are of a whole state, and the next refresh goes on from it."""
    refresh(client, tmp_path)
    latest = tmp_path / "lab" / "latest"
    places: list[tuple[type, str]] = [
        (Store, "write_parquet"), (Target, "discard"), (ParquetFolder, "_link"), (Store, "close")
    ]  # fmt: skip
    for number, (kind, name) in enumerate(places):
        with row(name):
            before = potency(latest)
            write(client, number)
            with monkeypatch.context() as patch:
                patch.setattr(kind, name, _stop)
                with pytest.raises(KeyboardInterrupt):
                    refresh(client, tmp_path)
            assert potency(latest) in (before, number)
            assert potency(kalbio.mirror.folder(tmp_path / "lab")) in (before, number)
            told = kalbio.mirror.status(tmp_path / "lab").unfinished
            assert told or potency(kalbio.mirror.folder(tmp_path / "lab")) == number
            refresh(client, tmp_path)
            assert potency(latest) == potency(kalbio.mirror.folder(tmp_path / "lab")) == number
            assert not kalbio.mirror.status(tmp_path / "lab").unfinished


def test_a_folder_of_something_else_is_left_alone(client: KaleidoscopeClient, tmp_path: Path) -> None:
    """A folder with other files is refused and gets no file, and files that come later stay as they are."""
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "results.csv").write_text("a")
    with pytest.raises(MirrorError, match=r"results\.csv"):
        refresh(client, tmp_path)
    assert [file.name for file in tmp_path.rglob("*")] == ["lab", "results.csv"]
    (tmp_path / "lab" / "results.csv").unlink()
    refresh(client, tmp_path)
    (tmp_path / "lab" / "results.csv").write_text("a")
    (tmp_path / "lab" / "states" / "mine").mkdir()
    refresh(client, tmp_path, full=True)
    assert (tmp_path / "lab" / "results.csv").read_text() == "a"
    assert (tmp_path / "lab" / "states" / "mine").is_dir()
    (tmp_path / "lab" / "latest").unlink()
    (tmp_path / "lab" / "latest").mkdir()
    with pytest.raises(MirrorError, match="should be the link"):
        refresh(client, tmp_path)


def test_where_there_are_no_links_the_newest_state_is_told(
    client: KaleidoscopeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a disk without links a refresh logs that there is no `latest`, and everything else is as elsewhere."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no links here")

    for name in ("symlink_to", "hardlink_to"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr("os.link", refuse)
    with caplog.at_level(logging.WARNING, "kalbio"):
        refresh(client, tmp_path)
        write(client, 3)
        refresh(client, tmp_path)
    assert "kalbio.mirror.folder" in caplog.text
    newest = kalbio.mirror.folder(tmp_path / "lab")
    assert newest == max((tmp_path / "lab" / "states").iterdir())
    assert potency(newest) == 3
    assert len(pd.read_parquet(newest / "activities.parquet")) == 4


def test_no_name_of_an_entity_type_leaves_the_folder(tmp_path: Path) -> None:
    """Any names give files of different names, in this folder, which readers neither skip nor take for a pattern."""
    hostile = [
        "../x", "a/b", "a_b", "a\\b", "a\0b", "CON", "con.txt", "nul", "Compound", "COMPOUND", "compound ", ".hidden",
        "_private", "", " ", "..", "x" * 300, "x" * 301, "ß" * 200, "*", "[a]", "{a}", "a?b", "a=b", "caf\u00e9",
        "cafe\u0301", "\u202etxt", "\ud800", "C:", "values", "a#b", "a%2Fb", "化合物", "a.", "a",
    ]  # fmt: skip
    files = file_names(hostile)
    assert set(files) == set(hostile)
    assert len({file.casefold() for file in files.values()}) == len(hostile)
    for name, file in files.items():
        with row(repr(name)):
            path = tmp_path / f"{file}.parquet"
            duckdb.sql(f"copy (select 1 as a) to '{path}' (format parquet)")
            assert path.parent.resolve() == path.resolve().parent == tmp_path.resolve()
            assert len(pd.read_parquet(path)) == 1
            assert pl.scan_parquet(path).collect().height == 1
            assert duckdb.sql(f"from '{path}'").fetchall() == [(1,)]
    assert pyarrow.dataset.dataset(tmp_path).count_rows() == len(hostile)
    assert files["Compound"] == "Compound"
    assert files["化合物"] == "化合物"
    assert file_names(["a/b"])["a/b"] == files["a/b"]  # whatever else there is


def test_which_file_has_which_table_is_told(client: KaleidoscopeClient, tmp_path: Path) -> None:
    """A list in each state says in which file a table is, for names that cannot be those of files."""
    field = next(one for one in client.entity_fields.get_key_fields() if one.field_name == "Batch")
    field.update(field_name="../Batch")
    refresh(client, tmp_path)
    newest = kalbio.mirror.folder(tmp_path / "lab")
    told = json.loads((newest / "_tables.json").read_text("utf-8"))
    assert {newest / one["file"] for group in told.values() for one in group.values()} == set(newest.rglob("*.parquet"))
    assert "Compound + ../Batch" in told["tables"]


def test_long_texts_get_more_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a table cannot be written with the usual memory, it is written with more."""
    monkeypatch.setattr("kalbio.mirror._store._MEMORY", 4)
    store = Store(tmp_path / "lab.duckdb")
    query = "select repeat(n::VARCHAR, 500) as text from range(5000) as r(n)"
    store.write_parquet(Part("tables", "x", query, ""), tmp_path / "x.parquet")
    assert duckdb.sql(f"select count(*) from '{tmp_path}/x.parquet'").fetchall() == [(5000,)]
    assert store._one("select current_setting('memory_limit')") != "3.8 MiB"
    store.close()


@pytest.mark.parametrize(
    ("target", "cure"),
    [("lab.csv", "or in / for a folder"), ("taken", "does not end in .duckdb"), ("a.duckdb", "is a folder")],
)
def test_a_target_of_neither_kind_is_refused(
    client: KaleidoscopeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, cure: str
) -> None:
    """What is neither a DuckDB file nor a folder is refused at once, with what it should be."""
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("")
    Path("a.duckdb").mkdir()
    with pytest.raises(ValueError, match=cure):
        client.mirror(target)


def test_a_path_that_is_a_folder_needs_no_ending(client: KaleidoscopeClient, tmp_path: Path) -> None:
    """A folder that is there, a path without a suffix and one that ends in .parquet are folders of Parquet."""
    (tmp_path / "v1.2").mkdir()
    for name in ("v1.2", "lab", "lab.parquet"):
        with row(name):
            assert client.mirror(tmp_path / name).target == str(tmp_path / name)


def test_a_file_has_no_folder(tmp_path: Path) -> None:
    """`folder` of a DuckDB file is a wrong argument, and of a folder that is no mirror says how to make one."""
    with pytest.raises(ValueError, match="in one file"):
        kalbio.mirror.folder(tmp_path / "lab.duckdb")
    with pytest.raises(MirrorError, match="kalbio mirror sync"):
        kalbio.mirror.folder(tmp_path / "lab")
