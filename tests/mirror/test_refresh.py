"""`client.mirror(...).refresh()`: what is in a mirror, and what a refresh asks for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import kalbio.mirror
from kalbio import KalbioError, MirrorError
from kalbio._model.fields import EntityFieldData
from kalbio.mirror._store import Contents, Store
from tests.conftest import Lab


def mirror(lab: Lab, folder: Path, **settings: Any) -> Any:
    """The mirror of a lab. Everything happens within seconds here, so that it looks back no further."""
    return lab.api.mirror(folder / "lab.duckdb", **{"overlap": timedelta(0), **settings})


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What a query finds in that mirror."""
    with kalbio.mirror.connect(folder / "lab.duckdb") as db:
        found: list[tuple[Any, ...]] = db.sql(query).fetchall()
        return found


def compound(lab: Lab, key: str) -> Any:
    """A record of the demo seed."""
    return lab.world(lab.api.records.get_record_by_id({"Compound": key}))


def test_a_mirror_has_the_tables_of_the_client(lab: Lab, tmp_path: Path) -> None:
    """The table of an entity type has the columns, types and rows that `client.records.table` gives."""
    lab.world(mirror(lab, tmp_path).refresh())
    table = lab.world(lab.api.records.table("Compound"))
    with kalbio.mirror.connect(tmp_path / "lab.duckdb") as db:
        found = db.sql("select * from Compound")
        assert found.columns == table.columns
        assert [str(kind) for kind in found.types] == ["VARCHAR", "VARCHAR", "VARCHAR", "DOUBLE", "BOOLEAN"]
        assert sorted(found.fetchall()) == sorted(tuple(row.values()) for row in table)


def test_values_have_their_author_time_and_activity(lab: Lab, tmp_path: Path) -> None:
    """The table of values has every value that was ever written, with who, when and where."""
    record = compound(lab, "SBX-1")
    lab.world(record.add_value("Potency (nM)", 3))
    lab.world(mirror(lab, tmp_path).refresh())
    found = rows(tmp_path, "select value, number, author, activity, written_at from values"
                 " where record = 'SBX-1' and field = 'Potency (nM)' order by written_at")  # fmt: skip
    history = lab.world(record.history("Potency (nM)"))
    assert [row[:4] for row in found] == [
        ("12.5", 12.5, "Sandbox Admin", "Kinase screen"), ("3", 3.0, "Sandbox Admin", None),
    ]  # fmt: skip
    assert [row[4] for row in found] == sorted(history["written_at"])


def test_a_refresh_reads_what_has_changed(lab: Lab, tmp_path: Path) -> None:
    """A refresh reads the record that was written to, and the record that is new, and no other."""
    lab.world(mirror(lab, tmp_path).refresh())
    lab.world(compound(lab, "SBX-1").add_value("Potency (nM)", 3))
    lab.world(lab.api.records.get_or_create_record({"Compound": "SBX-6"}))
    lab.exchanges.clear()
    done = lab.world(mirror(lab, tmp_path).refresh())
    assert (done.records, done.read, done.removed, done.full) == (6, 2, 0, False)
    assert lab.operations().count("listRecordValues") == 2
    assert rows(tmp_path, 'select Compound, "Potency (nM)" from Compound where Compound in (\'SBX-1\', \'SBX-6\')'
                " order by 1") == [("SBX-1", 3.0), ("SBX-6", None)]  # fmt: skip
    assert rows(tmp_path, "select count(*) from values where record = 'SBX-1'") == [(4,)]


def test_a_reader_keeps_its_state(lab: Lab, tmp_path: Path) -> None:
    """A connection shows the state it was opened at; one that is opened after the refresh shows the new one."""
    lab.world(mirror(lab, tmp_path).refresh())
    count = "select count(*) from records"
    with kalbio.mirror.connect(tmp_path / "lab.duckdb") as before:
        lab.world(lab.api.records.get_or_create_record({"Compound": "SBX-6"}))
        lab.world(mirror(lab, tmp_path).refresh())
        assert before.sql(count).fetchall() == [(5,)]
        assert rows(tmp_path, count) == [(6,)]


def test_something_else_is_not_replaced(lab: Lab, tmp_path: Path) -> None:
    """A file that is no mirror is left as it is, and one that is the mirror of another workspace, too."""
    import duckdb

    with duckdb.connect(str(tmp_path / "lab.duckdb")) as db:
        db.execute("create table mine as select 1 as one")
    held = (tmp_path / "lab.duckdb").read_bytes()
    with pytest.raises(MirrorError, match="no mirror of kalbio") as caught:
        lab.world(mirror(lab, tmp_path).refresh())
    assert "LINE 1" not in str(caught.value)  # of a query that nobody has written
    assert (tmp_path / "lab.duckdb").read_bytes() == held


def test_reading_a_mirror_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    """Reading what is not there names the command that makes it, and makes nothing."""
    with pytest.raises(KalbioError, match="kalbio mirror sync"):
        kalbio.mirror.status(tmp_path / "lab.duckdb")
    assert list(tmp_path.iterdir()) == []


def test_a_first_copy_that_broke_off_is_taken_up(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a broken first copy has stored is not read again, what changed since is; nothing shows before the end."""
    for module in ("kalbio._mirror", "kalbio.aio._mirror"):
        monkeypatch.setattr(f"{module}._FLUSH", 1)
        monkeypatch.setattr(f"{module}._BATCH_WITH_HISTORY", 1)

    def break_off(done: int, _: int | None) -> None:
        if done == 3:
            raise LookupError

    with pytest.raises(LookupError):
        lab.world(mirror(lab, tmp_path).refresh(progress=break_off))
    with pytest.raises(MirrorError, match="There is no mirror"):
        kalbio.mirror.status(tmp_path / "lab.duckdb")
    lab.world(compound(lab, "SBX-1").add_value("Potency (nM)", 3))
    done = lab.world(mirror(lab, tmp_path).refresh())
    assert done.full
    assert done.read in (2, 3)  # with the record that was written to, if that was stored
    assert rows(tmp_path, "select \"Potency (nM)\" from Compound where Compound = 'SBX-1'") == [(3.0,)]
    assert rows(tmp_path, "select count(*) from values") == [(15,)]
    assert not kalbio.mirror.status(tmp_path / "lab.duckdb").unfinished


def test_a_full_copy_finds_what_nothing_tells(lab: Lab, tmp_path: Path) -> None:
    """A refresh with full=True, or one of a mirror with another history, reads every record."""
    lab.world(mirror(lab, tmp_path).refresh())
    assert lab.world(mirror(lab, tmp_path).refresh()).read == 0
    assert lab.world(mirror(lab, tmp_path).refresh(full=True)).read == 5
    done = lab.world(mirror(lab, tmp_path, history=False).refresh())
    assert (done.read, done.full) == (5, True)
    assert rows(tmp_path, "select count(*), count(author) from values") == [(14, 0)]


def test_a_list_that_may_not_be_read_is_told(lab: Lab, tmp_path: Path) -> None:
    """Where the credentials may not list members, that table is empty, and the report and the status say so."""
    lab.fail("listWorkspaceMembers", status=403)
    assert lab.world(mirror(lab, tmp_path).refresh()).not_permitted == ("members",)
    assert kalbio.mirror.status(tmp_path / "lab.duckdb").not_permitted == ("members",)
    assert rows(tmp_path, "select count(*) from values where author <> written_by") == [(0,)]
    lab.fail("listWorkspaceEvents", status=403)
    assert lab.world(mirror(lab, tmp_path).refresh()).not_permitted == ("events",)


def test_many_fields_get_more_memory(tmp_path: Path) -> None:
    """What the database may use grows with the fields, since each column takes some of it."""
    fields = {str(n): EntityFieldData({"id": str(n), "field_type": "text"}) for n in range(1000)}
    store = Store(tmp_path / "lab.duckdb")
    limits = []
    for count in (10, 1000):
        contents = SimpleNamespace(fields=lambda count=count: dict(list(fields.items())[:count]))
        store.use(cast(Contents, contents))
        limits.append(store._one("select current_setting('memory_limit')"))
    store.close()
    assert limits == ["38.1 MiB", "484.4 MiB"]


def test_two_refreshes_at_a_time_are_refused(lab: Lab, tmp_path: Path) -> None:
    """While a refresh holds the mirror, another one ends with an error and changes nothing."""
    from kalbio.mirror._targets import Target

    with Target(tmp_path / "lab.duckdb").lock(), pytest.raises(MirrorError, match="Another refresh"):
        lab.world(mirror(lab, tmp_path).refresh())


@pytest.mark.parametrize(
    ("target", "cure"), [("lab.csv", "must end in .duckdb"), ("", "must be the path"), ("a/b.duckdb", "no folder")]
)
def test_a_target_that_cannot_be_used_is_refused(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, cure: str
) -> None:
    """A target of another kind, or in a folder that is not there, is refused before anything is sent."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=cure):
        lab.world(lab.api.mirror(target).refresh())
    assert lab.operations() == []
