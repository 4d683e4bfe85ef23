"""Dask DataFrames of records: equal to the tables of one machine, read by workers with credentials of their own."""

from __future__ import annotations

import logging
import pickle
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import attrs
import cloudpickle
import dask
import pytest
from pandas.testing import assert_frame_equal

import kalbio.dask
from kalbio import F, IdentifierNotFoundError, KaleidoscopeClient, SettingError
from kalbio._model.field_types import FIELD_TYPES
from kalbio.dask._connection import Connection, close_clients
from kalbio.records import RecordsService
from kalbio.sandbox import Sandbox, values
from kalbio.sandbox.server import serve
from kalbio.tables import Table
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


@pytest.mark.parametrize("partition_size", [1, 3, 100])
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
            attrs.evolve(here, place=attrs.evolve(here.place, workspace_id=UUID)).client()
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
