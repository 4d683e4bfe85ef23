"""A workspace loaded by dlt: equal to what the client reads, from run to run, whatever happens between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import dlt
import duckdb
import httpx
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

import kalbio.dlt
from kalbio import KaleidoscopeClient
from kalbio._model.content_reading import as_it_stands
from kalbio.testing import InProcess
from tests.altered import alter

NONE = timedelta(0)


@pytest.fixture
def lab() -> Iterator[InProcess]:
    """A workspace of a few compounds."""
    with InProcess() as made:
        yield made


class Warehouse:
    """A pipeline into a DuckDB file, and what is in it."""

    def __init__(self, folder: Path) -> None:
        """Keep everything below a folder."""
        self.path = folder / "warehouse.duckdb"
        self.folder = folder

    def load(self, client: KaleidoscopeClient, **options: Any) -> dict[str, int]:
        """Load a workspace; return how many rows were loaded into each table."""
        return self.run(kalbio.dlt.workspace(client, **options))

    def run(self, source: Any, **options: Any) -> dict[str, int]:
        """Run a pipeline as of a new process; return how many rows were loaded into each table."""
        pipeline = dlt.pipeline(
            "lab", destination=dlt.destinations.duckdb(str(self.path)), dataset_name="lab", pipelines_dir=self.folder
        )
        pipeline.run(source, **options)
        counts = pipeline.last_trace.last_normalize_info.row_counts
        return {name: count for name, count in counts.items() if not name.startswith("_dlt")}

    def __call__(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            found: list[tuple[Any, ...]] = connection.execute(f"set schema 'lab'; {query}").fetchall()
            return found


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A warehouse in a folder of its own, of which nobody is told."""
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.chdir(tmp_path)
    return Warehouse(tmp_path)


def shown(client: KaleidoscopeClient, *fields: str) -> list[tuple[Any, ...]]:
    """What the client reads of the compounds."""
    table = client.records.table("Compound", fields=list(fields))
    return sorted(zip(table.record_ids, *(table[name] for name in fields), strict=True))


def rows(warehouse: Warehouse, lab: InProcess, **columns: str) -> tuple[Any, Any]:
    """The compounds in the warehouse, and those that the client reads: column to the name of its field."""
    table = lab.client.records.table("Compound", fields=list(columns.values()))
    read = sorted(zip(table.record_ids, *(table[name] for name in columns.values()), strict=True))
    return warehouse(f"select record_id, {', '.join(columns)} from compound order by record_id"), read


def history(warehouse: Warehouse, lab: InProcess) -> tuple[Any, Any]:
    """The values in the warehouse, and those that the client reads."""
    records = lab.client.records.get_records_by_ids(lab.client.records.search_records())
    found = [(value.id, record.id, as_it_stands(value.content)) for record in records for value in record.get_values()]
    return warehouse('select value_id, record_id, "value" from "values" order by 1'), sorted(found)


def test_runs_load_what_has_changed_and_the_warehouse_equals_the_workspace(
    lab: InProcess, warehouse: Warehouse
) -> None:
    """The first run loads all; a later one what has changed; fields that dlt writes alike have a column each."""
    client = lab.client
    columns = {"compound": "Compound", "potency_n_mx": "Potency (nM)", "soluble": "Soluble"}
    assert warehouse.load(client, overlap=NONE)["compound"] == len(rows(warehouse, lab, **columns)[1])
    there, read = rows(warehouse, lab, **columns)
    assert there == read

    again = warehouse.load(client, overlap=NONE)
    assert again.keys() & {"compound", "values", "events"} == set()
    field = client.entity_fields.get_or_create_data_field("Potency [nM]", "text")
    record = client.records.get_or_create_record({"Compound": "SBX-1"})
    record.add_value(field, "weak")
    record.add_value("Potency (nM)", 77)
    client.records.get_or_create_record({"Compound": "NEW-1"})
    renamed = next(one for one in client.entity_fields.get_data_fields() if one.field_name == "Soluble")
    renamed.update(field_name="In water")

    assert warehouse.load(client, overlap=NONE)["compound"] == 2
    columns |= {"soluble": "In water", f"potency_n_m_{field.id[:8]}": "Potency [nM]"}
    there, read = rows(warehouse, lab, **columns)
    assert there == read
    there, read = history(warehouse, lab)
    assert there == read
    names = dict(warehouse("select field_id, name from fields"))
    assert (names[renamed.id], len(warehouse("from records"))) == ("In water", len(client.records.search_records()))


def test_a_run_that_broke_off_is_repeated_without_doubling(lab: InProcess, warehouse: Warehouse) -> None:
    """After a run that failed in the middle, the next one loads all, each value once; a change of type is followed."""
    lab.client.records.get_or_create_record({"Compound": "SBX-1"}).add_value("Potency (nM)", 77)
    broken = lab.fail("listRecordValues", status=403, times=1)
    with pytest.raises(PipelineStepFailed) as refused:
        warehouse.load(lab.client, overlap=NONE, batch_size=2)
    assert "403" in str(refused.value)
    assert broken is not None

    warehouse.load(lab.client, overlap=NONE, batch_size=2)
    there, read = history(warehouse, lab)
    assert there == read

    store = lab.sandbox.store
    field = next(one for one in store.all("data_field") if one["field_name"] == "Soluble")
    store.put("data_field", field | {"field_type": "text"})
    lab.client.clear_caches()
    warehouse.load(lab.client, overlap=NONE)
    there, read = rows(warehouse, lab, **{f"soluble_{field['id'][:8]}": "Soluble"})
    assert there == read


def test_a_source_can_be_run_again_and_more_types_can_be_chosen(lab: InProcess, warehouse: Warehouse) -> None:
    """A type chosen later is loaded from its beginning, and a source that is kept finds what is new in each run."""
    none = kalbio.dlt.workspace(lab.client, entity_types=[], overlap=NONE).with_resources("values")
    assert warehouse.run(none) == {}
    source = kalbio.dlt.workspace(lab.client, overlap=NONE).with_resources("values")
    for _ in range(2):
        warehouse.run(source)
        there, read = history(warehouse, lab)
        assert there == read
        lab.client.records.get_or_create_record({"Compound": "SBX-1"}).add_value("Potency (nM)", 77)


def test_types_that_swap_names_do_not_share_a_table(lab: InProcess, warehouse: Warehouse) -> None:
    """A table whose name another entity type has got is refused, with the way to load it anew."""
    warehouse.run(kalbio.dlt.workspace(lab.client).with_resources("compound"))
    store = lab.sandbox.store
    for item in list(store.all("slice")):
        store.put("slice", item | {"slice_name": "Sample" if item["slice_name"] == "Compound" else "Compound"})
    lab.client.clear_caches()
    source = kalbio.dlt.workspace(lab.client).with_resources("compound")
    with pytest.raises(PipelineStepFailed, match=r"held another entity type.*drop_resources"):
        warehouse.run(source)
    warehouse.run(source, refresh="drop_resources")
    tables = "select count(*) from duckdb_tables() where schema_name = 'lab' and table_name = 'compound'"
    assert (warehouse(tables), lab.client.records.table("Compound").record_ids) == ([(0,)], [])


def test_a_client_that_was_open_for_long_finds_what_others_made(lab: InProcess, warehouse: Warehouse) -> None:
    """Fields and entity types that others have made since the client read its lists are loaded, fields in a run."""
    source = kalbio.dlt.workspace(lab.client, events=False, history=False, overlap=NONE)
    warehouse.run(source)
    lab.client.records.table("Compound")
    with InProcess(lab.sandbox).client as other:
        field = other.entity_fields.get_or_create_data_field("Made elsewhere", "number")
        other.records.get_or_create_record({"Compound": "SBX-1"}).add_value(field, 5)
        other.entity_fields.get_or_create_key_field("Plate")
        other.records.get_or_create_record({"Plate": "P-1"})
    warehouse.run(source)
    assert warehouse("select made_elsewhere from compound where compound = 'SBX-1'") == [(5.0,)]
    warehouse.load(lab.client, events=False, history=False, overlap=NONE)
    assert warehouse("select plate from plate") == [("P-1",)]


def test_runs_tell_what_they_cannot_know_without_events(
    lab: InProcess, warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    """Where events may not be read, a run that needs them warns, even one that has no table of events."""
    load: dict[str, Any] = {"entity_types": ["Compound"], "events": False, "history": False}
    warehouse.load(lab.client, **load)
    lab.fail("listWorkspaceEvents", status=403)
    warehouse.load(lab.client, **load)
    told = [one.getMessage() for one in caplog.records if one.name == "kalbio.dlt"]
    assert told == ["the credentials may not read events: new records without a value are found by full loads"]


def test_names_of_dlt_itself_are_not_taken(lab: InProcess, warehouse: Warehouse) -> None:
    """Fields called as columns that dlt writes for itself, or as the key of the table, get columns of other names."""
    record = lab.client.records.get_or_create_record({"Compound": "SBX-1"})
    for name in ("_dlt_id", "_dlt_load_id", "Record ID"):
        record.add_value(lab.client.entity_fields.get_or_create_data_field(name, "text"), name)
    warehouse.load(lab.client, entity_types=["Compound"], events=False, history=False)
    found = warehouse("select dlt_id, dlt_load_id, columns('record_id_.*') from compound where compound = 'SBX-1'")
    assert found == [("_dlt_id", "_dlt_load_id", "Record ID")]
    assert warehouse(
        "select count(*) from duckdb_columns() where table_name = 'compound' and column_name = '_dlt_id'"
    ) == [(0,)]


def test_text_that_no_encoding_carries_is_loaded(lab: InProcess, warehouse: Warehouse) -> None:
    """Half a pair of UTF-16 in a value or an event is loaded as its escape, as the client shows it in tables."""
    lab.client.records.get_or_create_record({"Compound": "SBX-1"}).add_value("Comment", "half a pair")

    class Halves(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = lab.transport.handle_request(request)
            content = answer.read().replace(b"half a pair", b"\\ud800")
            return httpx.Response(answer.status_code, content=content, headers={"content-type": "application/json"})

    settings = lab.sandbox.settings
    with KaleidoscopeClient(
        settings.client_id, settings.client_secret, url=lab.sandbox.base_url, transport=Halves()
    ) as client:
        warehouse.load(client, entity_types=["Compound"])
    assert warehouse('select distinct "value" from "values" where "value" like \'%ud800%\'') == [("\\ud800",)]


def test_what_has_no_id_is_left_out_and_told(
    lab: InProcess, warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    """Values, events and programs without an id are left out with a warning, and all others are loaded."""
    lab.client.records.get_or_create_record({"Compound": "SBX-1"}).add_value("Comment", "whole")
    for operation in ("listRecordValues", "listWorkspaceEvents", "listPrograms"):
        alter(lab, operation, lambda items: [{**items[0], "id": None}, "nothing", *items[1:]] if items else items)
    warehouse.load(lab.client, entity_types=["Compound"])
    store = lab.sandbox.store
    assert len(warehouse("from programs")) == len(store.all("program")) - 1
    assert warehouse("from events")
    assert warehouse('from "values"')
    told = "\n".join(one.getMessage() for one in caplog.records)
    for part in ("2 values of the record", "skipped 2 items of a list", "left out 2 items of the list programs"):
        assert part in told


def test_types_are_those_of_the_fields(lab: InProcess, warehouse: Warehouse) -> None:
    """Numbers, days, yes or no and lists arrive as such, and times with their zone."""
    client = lab.client
    made = {kind: client.entity_fields.get_or_create_data_field(f"A {kind}", kind) for kind in ("date", "multiselect")}
    record = client.records.get_or_create_record({"Compound": "SBX-1"})
    record.add_value(made["date"], date(2026, 1, 2))
    record.add_value(made["multiselect"], ["a", "b"])

    warehouse.load(client, entity_types=["Compound"], events=False)
    kinds = "typeof(potency_n_mx), typeof(soluble), typeof(a_date), typeof(a_multiselect)"
    found = warehouse(f"select {kinds}, a_date, a_multiselect from compound where compound = 'SBX-1'")
    assert found == [("DOUBLE", "BOOLEAN", "DATE", "JSON", date(2026, 1, 2), '["a","b"]')]
    (written_at,) = warehouse('select max(written_at) from "values"')[0]
    assert written_at == max(value.created_at for value in record.get_values() if value.created_at is not None)
    assert warehouse("select count(*) from duckdb_tables() where table_name = 'events'") == [(0,)]


def test_nothing_secret_is_kept(lab: InProcess, warehouse: Warehouse) -> None:
    """No file of the pipeline has a secret of the client in it, and another workspace is refused before it is read."""
    warehouse.load(lab.client, entity_types=["Compound"], history=False, events=False)
    kept = b"".join(path.read_bytes() for path in warehouse.folder.rglob("*") if path.is_file())
    assert b"SBX-1" in kept
    assert [secret for secret in (b"sandbox-secret", b"Bearer") if secret in kept] == []

    with InProcess() as other:
        other.sandbox.store.workspace_id = str(UUID(int=7))
        with pytest.raises(PipelineStepFailed, match="give that one a pipeline of its own"):
            warehouse.load(other.client, entity_types=["Compound"], history=False, events=False)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"overlap": 5}, "overlap must be a timedelta"),
        ({"overlap": timedelta(-1)}, "overlap must be a timedelta"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"history": "no"}, "history must be"),
        ({"entity_types": ["Compond"]}, "Did you mean 'Compound'"),
    ],
)
def test_what_cannot_be_meant_is_refused(lab: InProcess, options: dict[str, Any], why: str) -> None:
    """Arguments are checked when the source is made."""
    with pytest.raises(ValueError, match=why):
        kalbio.dlt.workspace(lab.client, **options)


def test_a_client_that_only_logs_is_refused(lab: InProcess) -> None:
    """What such a client leaves out, the warehouse would lack without a word."""
    lab.client.on_error = "log"
    with pytest.raises(ValueError, match="leaves out what fails"):
        kalbio.dlt.workspace(lab.client)
