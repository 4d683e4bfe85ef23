"""Dask DataFrames of records: equal to the tables of one machine, read by workers with credentials of their own."""

from __future__ import annotations

import logging
import os
import pickle
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import cloudpickle
import dask.dataframe
import distributed
import pandas
import pytest
from pandas.testing import assert_frame_equal

import kalbio.dask
from kalbio import F, IdentifierNotFoundError, JournalError, KaleidoscopeClient, OutcomeError, SettingError
from kalbio._model.field_types import FIELD_TYPES
from kalbio.dask._connection import Connection, close_clients
from kalbio.records import RecordsService
from kalbio.sandbox import Sandbox, values
from kalbio.sandbox.server import serve
from kalbio.tables import Table
from tests.demo import NOWHERE
from tests.test_tables import everything

SECRET = "sandbox-secret"
UUID = "0a1b2c3d-0000-4000-8000-000000000001"
FIELDS = ["Compound", "Potency (nM)", "Soluble", "Count", *(f"a {kind}" for kind in FIELD_TYPES)]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox on a port, with fields of every type."""
    with Sandbox(seed="demo") as made, serve(made), connect(made) as client:
        lab: Any = SimpleNamespace(sandbox=made, client=client)
        everything(lab, 8)
        count = client.entity_fields.get_or_create_data_field("Count", "number")
        for number in range(1, 5):
            client.records.get_or_create_record({"Compound": f"SBX-{number}"}).add_value(count, number)
        yield made


def connect(sandbox: Sandbox) -> KaleidoscopeClient:
    """A client of one machine."""
    return KaleidoscopeClient("sandbox-id", SECRET, sandbox.base_url)


@pytest.fixture
def client(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[KaleidoscopeClient]:
    """The environment of a worker, everything being computed in this thread; and a client to compare with."""
    monkeypatch.setenv("KALEIDOSCOPE_API_URL", sandbox.base_url)
    monkeypatch.setenv("KALEIDOSCOPE_API_CLIENT_ID", "sandbox-id")
    monkeypatch.setenv("KALEIDOSCOPE_API_CLIENT_SECRET", SECRET)
    with dask.config.set(scheduler="synchronous"), connect(sandbox) as made:
        yield made
    close_clients()


@pytest.mark.parametrize("partition_size", [2, 100])
@pytest.mark.parametrize(
    "given",
    [
        {"entity_type": "Compound"},
        {"entity_type": "Compound", "where": F("Potency (nM)") < 1000, "sorts": ["-Potency (nM)"]},
        {
            "entity_type": "Compound",
            "sorts": ["Compound"],
            "limit": 3,
            "types": {"Count": int, "Potency (nM)": Decimal},
        },
        {"activity": "Kinase screen"},
        {"ids": [{"Compound": "SBX-3"}, {"Compound": "SBX-1"}, {"Compound": "SBX-3"}]},
        {"entity_type": "Compound", "include_sub_records": True},
        {"where": F("Compound") == "nobody"},
    ],
    ids=lambda given: "-".join(given),
)
def test_records_equal_the_table(client: KaleidoscopeClient, given: dict[str, Any], partition_size: int) -> None:
    """However it is cut, a frame has the columns, dtypes, values and index of the table of one machine."""
    table = client.records.table(fields=FIELDS, **given).to_pandas()
    frame = kalbio.dask.read_records(fields=FIELDS, **given, partition_size=partition_size)

    assert list(frame.dtypes.items()) == list(table.dtypes.items())
    assert frame.npartitions == max(1, -(-len(table) // partition_size))
    assert_frame_equal(frame.compute(), table)


@pytest.mark.parametrize(
    "given",
    [
        {"entity_type": "Compound", "fields": ["Compound", "Potency (nM)"]},
        {"activity": "Kinase screen", "fields": FIELDS, "include_sub_records": True},
    ],
    ids=["one field", "many"],
)
def test_values_equal_the_history(client: KaleidoscopeClient, given: dict[str, Any]) -> None:
    """A frame of values has the columns, dtypes and rows of the history that one machine reads."""
    history = client.records.table(**given, history=True).to_pandas()
    frame = kalbio.dask.read_values(**given, partition_size=2)

    assert len(history) > 2
    assert list(frame.dtypes.items()) == list(history.dtypes.items())
    assert_frame_equal(frame.compute().reset_index(drop=True), history)


def test_a_graph_holds_no_secret(client: KaleidoscopeClient) -> None:
    """What is sent to workers has neither the id of the credentials nor their secret, and no token."""
    frame = kalbio.dask.read_records("Compound", fields=FIELDS)
    values = kalbio.dask.read_values("Compound", fields=FIELDS)
    for made in (frame, values):
        sent = pickle.dumps(made) + cloudpickle.dumps(dict(made.__dask_graph__()))
        assert [mark for mark in (b"sandbox-", b"oauth", b"Bearer") if mark in sent] == []


def test_a_frame_is_read_anew(client: KaleidoscopeClient) -> None:
    """A second frame of the same records shares no name with the first, whose results a cluster may still hold."""
    first, second = (kalbio.dask.read_records("Compound", fields=["Compound"]) for _ in range(2))
    assert set(first.__dask_graph__()) & set(second.__dask_graph__()) == set()


def test_only_the_columns_that_are_needed_are_read(client: KaleidoscopeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A computation on one column makes no values of the others."""
    frame = kalbio.dask.read_records("Compound", fields=FIELDS, types={"Count": int})
    asked: list[list[str]] = []
    table = RecordsService.table

    def spy(self: RecordsService, **given: Any) -> Table:
        asked.append(given["fields"])
        return table(self, **given)

    monkeypatch.setattr(RecordsService, "table", spy)
    assert frame["Potency (nM)"].count().compute() == 4
    ids = {field.field_name: field.id for field in client.entity_fields.get_data_fields()}
    assert asked == [[ids["Potency (nM)"]]]


def test_a_record_that_is_gone_leaves_its_place_empty(client: KaleidoscopeClient) -> None:
    """A record that is not there when a partition is read has no row, and the others keep theirs."""
    there = client.records.search_records(entity_slice_id="Compound", limit=3)
    frame = kalbio.dask.read_records(fields=["Compound"], ids=[there[0], UUID, there[1], there[2]], partition_size=2)

    assert frame.known_divisions
    read = frame.compute()
    assert (list(read.index), list(read["record_id"])) == ([0, 2, 3], there)
    assert list(frame.loc[2:]["record_id"].compute()) == there[1:]


def test_a_content_that_does_not_fit_is_an_error(client: KaleidoscopeClient, sandbox: Sandbox) -> None:
    """What a column has no room for is named with its record and the cure; read as text it is there."""
    field = client.entity_fields.get_or_create_data_field("Odd", "number")
    record = client.records.get_or_create_record({"Compound": "SBX-1"})
    with sandbox.lock:  # which it would refuse from a client
        known = sandbox.store.get("data_field", field.id)
        assert known is not None
        values.write(sandbox.store, record.id, known, "about 5")

    frame = kalbio.dask.read_records(ids=[record], fields=["Odd"])
    with pytest.raises(ValueError, match=rf"'about 5' of the record {record.id} .* 'Odd'.*types="):
        frame.compute()
    with pytest.raises(ValueError, match="'about 5'"):
        kalbio.dask.read_values(ids=[record], fields=["Odd"]).compute()
    as_text: dict[str, Any] = {"ids": [record], "fields": ["Odd"], "types": {"Odd": str}}
    assert list(kalbio.dask.read_records(**as_text).compute()["Odd"]) == ["about 5"]
    assert list(kalbio.dask.read_values(**as_text).compute()["value"]) == ["about 5"]


def test_partitions_share_a_client(client: KaleidoscopeClient, caplog: pytest.LogCaptureFixture) -> None:
    """All partitions that one process reads share one client, which logs in and looks fields up once."""
    frame = kalbio.dask.read_records("Compound", fields=FIELDS, partition_size=1)
    close_clients()
    with caplog.at_level(logging.DEBUG, "kalbio"):
        frame.compute()
        frame.compute()
    paths = Counter(record.getMessage().split(" ")[1].partition("?")[0] for record in caplog.records)
    assert paths.pop("/records") == 2 * len(frame)
    assert set(paths.values()) == {1}


def test_another_workspace_is_refused(client: KaleidoscopeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is connected to another workspace, or to a copy of it, reads nothing: its records would differ."""
    told = "This process is connected to .* and the one that made the frame to"
    frame = kalbio.dask.read_records("Compound", fields=FIELDS)
    with Sandbox(seed="demo") as other, serve(other) as elsewhere:
        monkeypatch.setenv("KALEIDOSCOPE_API_URL", elsewhere.url)
        with pytest.raises(SettingError, match=told):
            frame.compute()
        here = Connection.here(None, None)
        with pytest.raises(SettingError, match=told):
            attrs.evolve(here, workspace=attrs.evolve(here.workspace, workspace_id=UUID)).client()
        close_clients()


def test_errors_of_a_worker_are_raised(client: KaleidoscopeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment says that errors are logged, a partition that cannot be read is an error all the same."""
    monkeypatch.setenv("KALEIDOSCOPE_ON_ERROR", "log")
    with pytest.raises(IdentifierNotFoundError):
        kalbio.dask.read_records("Compound", fields=["No such"])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"partition_size": 0}, "partition_size"),
        ({"ids": [], "where": F("Compound") == "x"}, "ids names the records"),
        ({"profile": "nobody"}, "no profile 'nobody'"),
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"fields": "Compound"}, "list"),
    ],
)
def test_contradictions_are_refused(client: KaleidoscopeClient, given: dict[str, Any], told: str) -> None:
    """What makes no sense is an error when the frame is made."""
    for read in (kalbio.dask.read_records, kalbio.dask.read_values):
        with pytest.raises(ValueError, match=told):
            read(**{"fields": ["Compound"], **given})


# -- the way back -----------------------------------------------------------------------------------------------------


def rows(name: str, count: int = 7) -> pandas.DataFrame:
    """A table of records that are not there yet."""
    numbers = range(count)
    return pandas.DataFrame(
        {
            "Molecule": [f"{name}-{number}" for number in numbers],
            "Count": [number + 0.5 for number in numbers],
            "a multiselect": [["a", str(number)] for number in numbers],
            "Remark": "not loaded",
        }
    )


LOADED: dict[str, Any] = {"key": "Compound", "columns": {"Molecule": "Compound", "Remark": None}}


def in_parts(frame: pandas.DataFrame, count: int = 3) -> Any:
    """A Dask frame of it, whose lists stay lists."""
    with dask.config.set({"dataframe.convert-string": False}):
        return dask.dataframe.from_pandas(frame, npartitions=count)


def histories(client: KaleidoscopeClient, name: str, count: int = 7) -> list[list[Any]]:
    """Every value of the records of a table."""
    keys = [{"Compound": f"{name}-{number}"} for number in range(count)]
    history = client.records.table(
        ids=keys, fields=["Compound", "Count", "a multiselect"], types={"Count": str}, history=True
    )
    return sorted(map(list, zip(history["Compound"], history["field"], history["value"], strict=True)))


def once(name: str, count: int = 7) -> list[list[Any]]:
    """What these are where each was written once."""
    counts = [[f"{name}-{number}", "Count", f"{number}.5"] for number in range(count)]
    return sorted(counts + [[f"{name}-{number}", "a multiselect", f'["a","{number}"]'] for number in range(count)])


def test_a_frame_is_loaded_once(client: KaleidoscopeClient, tmp_path: Path) -> None:
    """A frame is loaded as one machine loads its table; again, with the folder or with another, it writes nothing."""
    frame = in_parts(rows("once"))
    report = kalbio.dask.upsert(frame, **LOADED, activity="Kinase screen", journal_dir=tmp_path / "a" / "journals")

    assert (report.ok, report.records_made, report.counts, report.values_unchanged) == (True, 7, {"done": 14}, 0)
    assert histories(client, "once") == once("once")
    screened = client.records.table(activity="Kinase screen", fields=["Compound", "Count"])
    assert dict(zip(screened["Compound"], screened["Count"], strict=True))["once-6"] == 6.5
    for folder in ("a/journals", "b"):
        report = kalbio.dask.upsert(frame, **LOADED, activity="Kinase screen", journal_dir=tmp_path / folder)
        assert (report.ok, report.counts, report.values_unchanged) == (True, {}, 14)
    assert histories(client, "once") == once("once")


def test_what_cannot_be_loaded_is_told_with_its_partition(client: KaleidoscopeClient, tmp_path: Path) -> None:
    """Of a partition with a refused cell nothing is sent, or all else; the other partitions are loaded."""
    frame = rows("told", 4)
    frame["Count"] = ["1", "2", "3", "about 4"]
    report = kalbio.dask.upsert(in_parts(frame, 2), **LOADED, journal_dir=tmp_path / "a")
    assert (report.ok, report.records_made, report.counts) == (False, 2, {"done": 4, "skipped": 3, "refused": 1})
    table = report.to_pandas()
    assert table[["partition", "row", "key", "column"]].to_numpy().tolist() == [[1, 1, "told-3", "Count"]]
    with pytest.raises(OutcomeError, match=r"partition 1: row 1 .*'about 4'"):
        report.raise_for_failures()
    assert "  partition 1: row 1 (told-3), 'Count': 'about 4' is no number" in str(report)

    report = kalbio.dask.upsert(in_parts(frame, 2), **LOADED, journal_dir=tmp_path / "b", on_error="continue")
    assert (report.ok, report.counts, report.values_unchanged) == (False, {"done": 3, "refused": 1}, 4)


def test_a_key_in_two_partitions_is_refused(client: KaleidoscopeClient, tmp_path: Path) -> None:
    """Rows that two workers would load into one record, or into two that a person takes for one, are not sent."""
    twice, twins = rows("twice", 4), rows("twins", 4)
    twice.loc[3, "Molecule"] = "twice-0"
    twins.loc[3, "Molecule"] = "TWINS-0 "
    for frame, told in (
        (
            twice,
            r"'twice-0' in partition 0 and 'twice-0' in partition 1; bring .* data.shuffle.*to_parquet",
        ),
        (twins, "'twins-0' in partition 0 and 'TWINS-0 ' in partition 1; spell them alike"),
    ):
        with pytest.raises(ValueError, match=told):
            kalbio.dask.upsert(in_parts(frame, 2), **LOADED, journal_dir=tmp_path / "journals")
    assert client.records.search_records(where=F("Compound").starts_with("tw")) == []
    assert not (tmp_path / "journals").exists()

    report = kalbio.dask.upsert(in_parts(twins, 2), **LOADED, journal_dir=tmp_path, near_twins="create")
    assert (report.ok, report.records_made) == (True, 4)


def test_fields_are_made_once(client: KaleidoscopeClient, tmp_path: Path) -> None:
    """Fields that are asked for are made before the partitions are loaded, of the types that are given."""
    frame = rows("made").assign(Lot="0042")
    report = kalbio.dask.upsert(in_parts(frame), **LOADED, create_fields={"Lot": "text"}, journal_dir=tmp_path)

    assert report.ok
    made = [field for field in client.entity_fields.get_data_fields(use_cache=False) if field.field_name == "Lot"]
    assert [field.field_type for field in made] == ["text"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"data": [{"Molecule": "x"}]}, "takes a Dask DataFrame; got list"),
        ({"near_twins": "yes"}, "near_twins must be"),
        ({"on_error": "log"}, "on_error must be"),
        ({"timeout": -1}, "timeout"),
        ({"create_fields": True}, "create_fields must be a dict"),
        (
            {"key": "Batch", "columns": {"Molecule": "Batch", "Remark": None}},
            "There is no record with these key fields",
        ),
        ({"columns": {"Molecule": "Compound"}}, "Columns that match no field: 'Remark'"),
        ({"converters": {"Size": float}}, "'Size'"),
        ({"activity": "No such"}, "No such"),
        (
            {"activity": NOWHERE, "columns": {"Molecule": "Compound", "Remark": None}},
            f"There is no activity '{NOWHERE}'",
        ),
    ],
)
def test_loads_that_make_no_sense_are_refused(
    client: KaleidoscopeClient, tmp_path: Path, given: dict[str, Any], told: str
) -> None:
    """A load that cannot be right is refused before a partition is computed."""

    def never(part: pandas.DataFrame) -> pandas.DataFrame:
        raise AssertionError

    frame = in_parts(rows("wrong")).map_partitions(never, meta=rows("wrong"))
    with pytest.raises(ValueError, match=told):
        kalbio.dask.upsert(**{"data": frame, **LOADED, "journal_dir": tmp_path / "journals", **given})
    assert not (tmp_path / "journals").exists()


def test_journals_are_of_one_load(client: KaleidoscopeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of another load, or one that a worker does not see, is refused: what was sent would be sent again."""
    kalbio.dask.upsert(in_parts(rows("folder")), **LOADED, journal_dir=tmp_path / "a")
    with pytest.raises(JournalError, match="are of a load of 3 partitions, and the frame has 2"):
        kalbio.dask.upsert(in_parts(rows("folder"), 2), **LOADED, journal_dir=tmp_path / "a")
    with pytest.raises(JournalError, match="belongs to other rows"):
        kalbio.dask.upsert(in_parts(rows("other")), **LOADED, journal_dir=tmp_path / "a")
    with pytest.raises(JournalError, match="has other files in it"):
        kalbio.dask.upsert(in_parts(rows("other")), **LOADED, journal_dir=tmp_path)

    def moved(part: pandas.DataFrame) -> pandas.DataFrame:
        (tmp_path / "b" / "load.json").unlink(missing_ok=True)  # as on a machine that has a folder of its own there
        return part

    with pytest.raises(JournalError, match="This worker does not see the journals in"):
        kalbio.dask.upsert(in_parts(rows("elsewhere")).map_partitions(moved), **LOADED, journal_dir=tmp_path / "b")
    (tmp_path / "a" / "load.json").write_text("{}", encoding="utf-8")
    with pytest.raises(JournalError, match="is damaged"):
        kalbio.dask.upsert(in_parts(rows("folder")), **LOADED, journal_dir=tmp_path / "a")


# -- a cluster --------------------------------------------------------------------------------------------------------


def die_once_written() -> None:
    """Let this process be killed when it has sent its first partition, before the journal says that it is in."""
    import os
    import signal

    from kalbio._core.bulk.journal import Journal

    note, calls = Journal.note, [0]

    def killed(self: Journal, notes: Any) -> None:
        calls[0] += 1
        if calls[0] == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        note(self, notes)

    Journal.note = killed  # type: ignore[method-assign]


def test_a_worker_is_killed_and_nothing_is_doubled(client: KaleidoscopeClient, tmp_path: Path) -> None:
    """Of two workers one is killed between a write and its note: frame and histories are those of one machine."""
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=tmp_path / "space",
        ) as cluster,
        distributed.Client(cluster) as workers,
        dask.config.set(scheduler="distributed"),
    ):
        for nanny in cluster.workers.values():
            nanny.close_gracefully()  # who is killed is not started again, which would take seconds
        address, pid = min(workers.run(os.getpid).items())
        workers.run(die_once_written, workers=[address])
        frame = in_parts(rows("killed"), 4)
        report = kalbio.dask.upsert(frame, **LOADED, only_changed=False, journal_dir=tmp_path / "journals")
        read = kalbio.dask.read_records(
            where=F("Compound").starts_with("killed"), fields=FIELDS, partition_size=2
        ).compute()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

    assert report.ok
    assert histories(client, "killed") == once("killed")
    table = client.records.table(where=F("Compound").starts_with("killed"), fields=FIELDS)
    assert_frame_equal(read, table.to_pandas())
