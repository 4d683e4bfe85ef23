"""`kalbio mirror sql`: what a query may do."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from kalbio.testing import Fault
from tests.cli.conftest import Shell
from tests.rows import row


def test_a_query_reaches_nothing_but_the_mirror(shell: Shell, tmp_path: Path) -> None:
    """No query writes a file or to the mirror, reads another file, or fetches anything."""
    target, secret, other = tmp_path / "lab.duckdb", tmp_path / "secret.txt", tmp_path / "other"
    shell("mirror", "sync", target, "--no-history")
    secret.write_text("a;b\n")
    mirrored, there = target.read_bytes(), set(tmp_path.iterdir())
    reaching = (
        f"select * from read_csv('{secret}')", f"from '{secret}'", f"from glob('{tmp_path}/*')",
        "from 'https://nowhere.invalid/a.csv'", "insert into store.state values ('a', 'b')",
        f"pragma import_database('{other}')",
    )  # fmt: skip
    not_allowed = (
        "install httpfs", f"copy (select 1) to '{other}'", f"export database '{other}'",
        f"attach '{other}' as other",
        f"use memory; detach mirror; attach '{target}' as m; create table m.main.x (a int)",
        f"set log_query_path = '{other}'", f"pragma profiling_output='{other}'", "", "-- nothing",
        "delete from records", "set enable_external_access = true",
    )  # fmt: skip
    for code, queries in ((1, reaching), (2, not_allowed)):
        for query in queries:
            with row(query):
                assert "fault of kalbio" not in shell("mirror", "sql", target, query, code=code).err
    assert "bring the mirror up to date" in shell("mirror", "sql", target, "delete from records", code=2).err
    assert "in Python" in shell("mirror", "sql", target, not_allowed[1], code=2).err
    assert target.read_bytes() == mirrored
    assert set(tmp_path.iterdir()) == there


def test_what_asks_is_answered(shell: Shell, tmp_path: Path) -> None:
    """Queries, also those that describe tables or turn them around, print what they find."""
    target = tmp_path / "lab.duckdb"
    shell("mirror", "sync", target, "--no-history")
    assert shell("mirror", "sql", target, "select count(*) as n from records", "--json").json == [{"n": 5}]
    assert "record_id" in shell("mirror", "sql", target, "describe Compound").out
    assert "Compound" in shell("mirror", "sql", target, "show tables").out
    own = "create temp table own as select 1 as a; select a from own"
    assert shell("mirror", "sql", target, own, "--json").json == [{"a": 1}]
    shell("mirror", "sql", target, "pivot records on entity_type using count(*) group by name")


def test_the_command_takes_a_folder(shell: Shell, tmp_path: Path) -> None:
    """`kalbio mirror` makes a folder of Parquet, tells of it, and asks it questions as a DuckDB file."""
    target = f"{tmp_path}/lab/"
    shell("mirror", "sync", target, "--no-history")
    assert len(pd.read_parquet(tmp_path / "lab" / "latest" / "Compound.parquet")) == 5
    assert shell("mirror", "sql", target, "select count(*) as n from Compound", "--json").json == [{"n": 5}]
    assert shell("mirror", "status", target, "--json").json["rows"]["Compound"] == 5


def test_contents_come_with_the_mirror(shell: Shell, tmp_path: Path) -> None:
    """`--files` downloads contents; what fails is told with its reason, and the exit code is 1."""
    (tmp_path / "nmr.txt").write_bytes(b"7.26")
    record = ("--record", "Compound=SBX-1", "--field", "Spectrum")
    shell("files", "put", tmp_path / "nmr.txt", *record)
    target = tmp_path / "lab.duckdb"
    shell.sandbox.faults.add(Fault("downloadFile", status=403))
    report, reason = shell("mirror", "sync", target, "--files", code=1).out.splitlines()
    assert report.endswith("0 files downloaded, 1 not")
    assert reason.startswith("nmr.txt: ")
    told = shell("mirror", "sync", target, "--files", "--json").json
    assert [(one["name"], one["error"]) for one in told["files"]] == [("nmr.txt", None)]
    (found,) = shell("mirror", "sql", target, "select path from files", "--json").json
    assert (tmp_path / found["path"]).read_bytes() == b"7.26"
