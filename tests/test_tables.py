"""Tables: records as columns, typed by their fields, for what speaks Arrow, for pandas, and as files."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import importlib
import io
import json
import math
import pickle
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import nanoarrow
import numpy
import pandas
import polars
import pytest

from kalbio import AmbiguousIdentifierError, F, IdentifierNotFoundError, tables
from kalbio._core.emulator.calls import UploadedFile
from kalbio._model import field_types
from kalbio._model.field_types import FIELD_TYPES
from kalbio.reading import decimal_comma, read_rows
from kalbio.records import ContentTypeWarning
from kalbio.sandbox import files, values
from kalbio.tables import Misfit, Table
from kalbio.tables._rows import RowReader
from tests.altered import alter
from tests.conftest import Lab, World
from tests.requirements.test_caching import asked
from tests.rows import row as in_row
from tests.test_extras import without

UUID = "0a1b2c3d-0000-4000-8000-000000000001"
OTHER = "0a1b2c3d-0000-4000-8000-000000000002"


@pytest.fixture
def table(lab: Lab) -> Table:
    """The compounds of the demo."""
    found: Table = lab.world(lab.api.records.table("Compound"))
    return found


def rows_of(table: Table, *names: str) -> list[tuple[Any, ...]]:
    """The values of some columns, by row."""
    return list(zip(*(table[name] for name in names), strict=True))


def read_batches(lab: Lab, *args: Any, **given: Any) -> list[Table]:
    """All parts of an iteration."""
    parts = lab.api.records.iter_batches(*args, **given)
    if lab.world.kind == "sync":
        return list(parts)

    async def gather() -> list[Table]:
        return [part async for part in parts]

    found: list[Table] = lab.world(gather())
    return found


def test_columns_follow_their_fields(table: Table) -> None:
    """A table has the ids, the key fields and the data fields that have values, each in the type of its field."""
    assert table.schema == {
        "record_id": "string", "Compound": "string", "SMILES": "string", "Potency (nM)": "double", "Soluble": "bool",
    }  # fmt: skip
    assert sorted(rows_of(table, "Compound", "Potency (nM)", "Soluble")) == [
        ("SBX-1", 12.5, True), ("SBX-2", 340.0, False), ("SBX-3", 0.8, True), ("SBX-4", 1500.0, False),
        ("SBX-5", None, True),
    ]  # fmt: skip
    assert len(table) == 5
    assert table.record_ids == table["record_id"] == sorted(table.record_ids)


def test_a_type_does_not_depend_on_the_rows(lab: Lab) -> None:
    """A table without rows, and a field without values, have the types of the fields all the same."""
    fields = ["Compound", "Purity (%)"]
    empty = lab.world(lab.api.records.table("Compound", where=F("Compound") == "nobody", fields=fields))
    assert (len(empty), empty.schema["Purity (%)"]) == (0, "double")
    assert str(empty.to_pandas().dtypes["Purity (%)"]) == "float64"
    assert nanoarrow.ArrayStream(empty).read_all().to_pylist() == []
    unfilled = lab.world(lab.api.records.table("Compound", fields=["Purity (%)"]))
    assert unfilled["Purity (%)"] == [None] * 5
    assert str(unfilled.to_pandas().dtypes["Purity (%)"]) == "float64"


def test_conditions_and_order_are_those_of_searches(lab: Lab) -> None:
    """`where`, `sorts`, `limit`, ids, program and the older names of arguments say what they say in searches."""
    world, read = lab.world, lab.api.records.table
    found = world(read("Compound", fields=["Compound"], where=F("Potency (nM)") < 400, sorts=["-Potency (nM)"]))
    assert found["Compound"] == ["SBX-2", "SBX-1", "SBX-3"]
    assert world(read("Compound", fields=["Compound"], sorts=["Compound"], limit=2))["Compound"] == ["SBX-1", "SBX-2"]
    picked = [{"Compound": "SBX-3"}, {"Compound": "SBX-1"}, {"Compound": "SBX-3"}]
    assert world(read(fields=["Compound"], ids=picked))["Compound"] == ["SBX-3", "SBX-1", "SBX-3"]
    assert world(read(fields=["Compound"], ids=picked, where=F("Potency (nM)") < 1))["Compound"] == ["SBX-3", "SBX-3"]
    sorted_down = world(read(fields=["Compound"], ids=picked, sorts=["-Compound"]))
    assert sorted_down["Compound"] == ["SBX-3", "SBX-3", "SBX-1"]
    assert world(read(fields=["Compound"], ids=picked, sorts=["-Compound"], limit=1))["Compound"] == ["SBX-3"]
    assert world(read(fields=["Compound"], ids=[UUID]))["Compound"] == []
    assert len(world(read(entity_slice_id="Compound", operation_id="Kinase screen"))) == 4
    with pytest.raises(ValueError, match="entity_type and entity_slice_id mean the same"):
        world(read("Compound", entity_slice_id="Compound"))


def test_a_misspelled_argument_is_named(lab: Lab) -> None:
    """A slip in the name of an argument is an error at once, with the name that was meant; nothing is sent."""

    def slip() -> None:
        records = lab.api.records
        with pytest.raises(TypeError, match=r"table\(\) has no argument entity_typ. Did you mean entity_type"):
            records.table(entity_typ="Compound")
        with pytest.raises(TypeError, match=r"iter_batches\(\) has no argument wher. Did you mean where"):
            records.iter_batches("Compound", wher=[])
        with pytest.raises(TypeError, match=r"table\(\) has no argument older; it takes entity_type, fields, where"):
            records.table(older={})

    assert asked(lab, lab.world, slip) == []


def test_columns_of_all_libraries_are_lists(lab: Lab) -> None:
    """A column is a list of ids, whatever its labels are, and no frame is asked for what its library warns of."""
    ids = lab.world(lab.api.records.table("Compound")).record_ids[:1]
    columns: list[Any] = [
        pandas.Series(ids, index=["columns"]), pandas.Index(ids), pandas.Series(ids).array, polars.Series(ids),
        dict.fromkeys(ids).keys(), iter(ids), numpy.array(ids),
    ]  # fmt: skip
    for column in columns:
        assert [record.id for record in lab.world(lab.api.records.get_records_by_ids(column))] == ids
    with pytest.raises(ValueError, match="Give a list, not <LazyFrame"):
        lab.world(lab.api.records.get_records_by_ids(polars.LazyFrame({"id": ids})))


def test_who_takes_a_table_for_a_frame_or_a_list_is_told_what_to_give(lab: Lab) -> None:
    """What frames do is named with the way to one, a column with its brackets; a table is no list of records."""
    table = lab.world(lab.api.records.table("Compound"))
    for name, cure in (("head", r"table\.to_pandas\(\)"), ("shape", "to_polars"), ("Compound", r"table\['Compound'\]")):
        with pytest.raises(AttributeError, match=cure):
            getattr(table, name)
    assert pickle.loads(pickle.dumps(table)).to_rows() == table.to_rows()
    activity = lab.world(lab.api.activities.get_activities())[0]
    before = len(lab.operations())
    for given in (table, table.to_pandas(), table.to_arrow()):
        calls: list[Callable[[Any], Any]] = [
            lab.api.records.get_records_by_ids,
            lambda given: lab.api.records.table("Compound", ids=given),
            activity.add_records,
        ]
        for call in calls:
            with pytest.raises(ValueError, match="Give a list, not a table: its column of record ids"):
                lab.world(call(given))
        with pytest.raises(ValueError, match=r"frame\.to_dict\('records'\)"):
            lab.world(lab.api.records.add_values(given))
    assert [name for name in lab.operations()[before:] if not name.startswith("list")] == []


def test_a_limit_may_come_from_an_array(lab: Lab) -> None:
    """A whole number of numpy limits as any other does; a fraction is refused."""
    assert len(lab.world(lab.api.records.table("Compound", limit=numpy.int64(2)))) == 2
    with pytest.raises(ValueError, match="limit must be a whole number"):
        lab.world(lab.api.records.table("Compound", limit=numpy.float64(2)))


def test_few_requests(lab: Lab) -> None:
    """A table costs its search and one listing for each batch, besides the fields; nothing is read record by record."""

    def call() -> Any:
        return lab.api.records.table("Compound", fields=["Compound", "SMILES"])

    lab.world(call())
    assert sorted(asked(lab, lab.world, call)) == ["listRecords", "searchRecords"]


@pytest.mark.parametrize(
    "given",
    [
        {"fields": ["No such"]}, {"activity": "No such"}, {"table": UUID}, {"program": "No such"},
        {"where": F("No such") == 1}, {"sorts": ["No such"]}, {"ids": [{"No such": "x"}]}, {"types": {"No such": int}},
    ],
)  # fmt: skip
def test_unknown_names_are_refused(lab: Lab, given: dict[str, Any]) -> None:
    """A name that is not there raises, and no record is asked for."""

    def call() -> Any:
        with pytest.raises(IdentifierNotFoundError):
            lab.world(lab.api.records.table(**given))

    assert {"searchRecords", "listRecords"} & set(asked(lab, World("sync"), call)) == set()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"limit": 0}, "limit"),
        ({"types": {"SMILES": int}, "fields": ["SMILES"]}, "'SMILES' is a field of the type 'smiles-string'"),
        ({"types": {"SMILES": str}, "fields": ["Compound"]}, "types has 'SMILES', which is no column"),
        ({"fields": ["SMILES", "SMILES"]}, "fields has 'SMILES' twice.*give it once"),
        ({"types": {"Potency (nM)": "int"}}, r"types\['Potency \(nM\)'\] must be one of .*; write int, without quotes"),
        ({"where": "logP < 5"}, r"where takes conditions made with F"),
        ({"sorts": "SMILES"}, r"sorts must be a list of names of fields.*\['SMILES'\]"),
        ({"fields": "SMILES"}, "list"),
        ({"ids": "SBX-1"}, "list"),
    ],
)
def test_contradictions_are_refused(lab: Lab, given: dict[str, Any], told: str) -> None:
    """What makes no sense raises and says what it is, before a record is read."""

    def call() -> Any:
        with pytest.raises(ValueError, match=told):
            lab.world(lab.api.records.table(**given))

    assert "listRecords" not in asked(lab, World("sync"), call)


def test_a_batch_iteration_needs_its_columns(lab: Lab) -> None:
    """Parts have the same columns, so they must be known before the first."""
    with pytest.raises(ValueError, match=r"needs fields=\[...\]"):
        read_batches(lab, "Compound")


def test_batches_are_the_table(lab: Lab) -> None:
    """The parts of an iteration, put together, are the rows of the table, in its order."""
    fields = ["Compound", "Potency (nM)"]
    whole = lab.world(lab.api.records.table("Compound", fields=fields, sorts=["Compound"]))
    parts = read_batches(lab, "Compound", fields=fields, sorts=["Compound"], batch_size=2)
    assert [len(part) for part in parts] == [2, 2, 1]
    assert [row for part in parts for row in part] == whole.to_rows()


class Counted(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Counts the requests that were begun, and those of them that ended."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.begun = self.ended = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.begun += 1
        try:
            response: httpx.Response = self._inner.handle_request(request)
        finally:
            self.ended += 1
        return response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.begun += 1
        try:
            await asyncio.sleep(0)
            response: httpx.Response = await self._inner.handle_async_request(request)
        finally:
            self.ended += 1
        return response


def test_an_iteration_that_is_given_up_asks_no_more(lab: Lab) -> None:
    """After a few parts nothing is under way and nothing more is sent, however many parts there would have been."""
    record = lab.client.records.get_or_create_record({"Compound": "SBX-1"})
    counted = Counted(lab.transport)
    api = lab.world.connect(transport=counted)

    def begin() -> Any:
        return api.records.iter_batches(ids=[record.id] * 200, fields=["Compound"], batch_size=1)

    async def some() -> int:
        async with contextlib.aclosing(begin()) as parts:
            assert [len(await anext(parts)) for _ in range(3)] == [1, 1, 1]
        begun = counted.begun
        for _ in range(20):
            await asyncio.sleep(0)
        return begun

    if lab.world.kind == "async":
        begun = lab.world(some())
    else:
        with contextlib.closing(begin()) as parts:
            assert [len(next(parts)) for _ in range(3)] == [1, 1, 1]
        begun = counted.begun
    assert counted.begun == counted.ended == begun < 100


def test_an_activity_gives_its_table(lab: Lab) -> None:
    """The table of an activity has its records, and only what was written in it; key values always count."""
    screen = lab.world(lab.api.activities.get_activity_by_id("Kinase screen"))
    found = lab.world(screen.table())
    assert found.columns == ["record_id", "Compound", "Potency (nM)"]
    assert sorted(found["Compound"]) == ["SBX-1", "SBX-2", "SBX-3", "SBX-4"]
    assert None not in found["Potency (nM)"]
    assert lab.world(screen.table(["SMILES"]))["SMILES"] == [None] * 4


def test_a_program_gives_its_table(lab: Lab) -> None:
    """The table of a program has the records of its activities."""
    program = lab.world(lab.api.programs.get_programs())[0]
    ids = lab.world(lab.api.records.search_records(program_id=program))
    assert ids
    assert lab.world(program.table()).record_ids == ids


def test_a_table_without_records_has_the_key_fields(lab: Lab) -> None:
    """Where no record is found, the key fields of an activity's tables are there, and without tables all of them."""
    client: Any = lab.client
    activity = lab.world(lab.api.activities.get_activity_by_id("Kinase screen"))
    none = F("Compound") == "none"
    assert lab.world(activity.table(where=none)).columns == ["record_id", "Compound"]
    assert lab.world(activity.table(where=none, history=True)).columns[:3] == ["record_id", "Compound", "field"]
    bare = client.activities.create_activity("Bare", "experiment", program_ids=activity.program_ids)
    keys = ["record_id", *(field.field_name for field in client.entity_fields.get_key_fields())]
    nothing: list[dict[str, Any]] = [{"activity": bare.id}, {"where": none}, {"ids": []}]
    for given in nothing:
        assert lab.world(lab.api.records.table(**given)).columns == keys
    assert lab.world(lab.api.records.table(ids=[], fields=["Comment"])).columns == ["record_id", "Comment"]


def test_a_table_of_an_activity_gives_its_records_and_columns(lab: Lab) -> None:
    """A table of an activity has its columns and records, and the values written in it, outside of tables included."""
    client: Any = lab.client
    activity = client.activities.get_activity_by_id("First registration")
    view = activity.record_views[0]
    record = client.records.get_or_create_record({"Compound": "SBX-1"})
    activity.add_records([record])
    activity.refetch()
    record.add_value("Potency (nM)", 1)
    record.add_value("Potency (nM)", 2, activity_id=activity)
    record.add_value("Potency (nM)", 3, activity_id=activity, record_view_id=view.id)
    seen = next(item for item in lab.world(lab.api.record_views.get_record_views()) if item.id == view.id)
    found = lab.world(seen.table())
    assert found.columns[:3] == ["record_id", "Compound", "Potency (nM)"]
    assert found.record_ids == [record.id]
    assert rows_of(found, "Compound", "Potency (nM)") == [("SBX-1", 3.0)]
    # Newest of all, in another table of the activity.
    store = lab.sandbox.store
    field = next(item for item in store.all("data_field") if item["field_name"] == "Potency (nM)")
    values.write(store, record.id, field, "4", activity.id, OTHER)
    assert lab.world(seen.table())["Potency (nM)"] == [3.0]
    given = {"fields": ["Potency (nM)"], "history": True}
    assert lab.world(lab.api.records.table(table=view.id, **given))["value"] == [3.0, 2.0]
    assert lab.world(lab.api.records.table(activity=activity.id, **given))["value"] == [4.0, 3.0, 2.0]
    with pytest.raises(ValueError, match="is none of the activity 'Kinase screen'"):
        lab.world(lab.api.records.table(table=view.id, activity="Kinase screen"))
    with pytest.raises(ValueError, match="a table has its own entity type"):
        lab.world(lab.api.records.table("Compound", table=view.id))


def newest_of_each_activity(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records as a server shows them that has one value of each activity, whatever the table."""
    for record in records:
        for field, entries in record["record_values"].items():
            kept = {(entry.get("record_id"), entry.get("operation_id")): entry for entry in reversed(entries)}
            record["record_values"][field] = list(kept.values())[::-1]
    return records


def test_a_value_that_another_table_hides_is_looked_for(lab: Lab) -> None:
    """Where a record shows the value of another table of the activity only, its own is read from its history."""
    client: Any = lab.client
    activity = client.activities.get_activity_by_id("First registration")
    view = activity.record_views[0]
    records = [client.records.get_or_create_record({"Compound": name}) for name in ("SBX-1", "SBX-2", "SBX-3")]
    activity.add_records(records)
    activity.refetch()
    for record, number in zip(records, (3, 5), strict=False):
        record.add_value("Potency (nM)", number, activity_id=activity, record_view_id=view.id)
        record.add_value("Comment", "of the table", activity_id=activity, record_view_id=view.id)
    store = lab.sandbox.store
    field = next(item for item in store.all("data_field") if item["field_name"] == "Potency (nM)")
    for record in (records[0], records[2]):
        values.write(store, record.id, field, "4", activity.id, OTHER)
    alter(lab, "listRecords", newest_of_each_activity)
    read: Any = lab.api.records
    given: dict[str, Any] = {"fields": ["Compound", "Potency (nM)", "Comment"], "table": view.id, "sorts": ["Compound"]}
    before = len(lab.operations())

    found = lab.world(read.table(**given))

    wanted = [("SBX-1", 3.0, "of the table"), ("SBX-2", 5.0, "of the table"), ("SBX-3", None, None)]
    assert rows_of(found, "Compound", "Potency (nM)", "Comment") == wanted
    assert lab.operations()[before:].count("listRecordValues") == 2
    with pytest.raises(ValueError, match="include_sub_records cannot be given here"):
        lab.world(read.table(**given, include_sub_records=True))


def test_a_view_gives_its_table(lab: Lab) -> None:
    """A view of the workspace has its columns, for the records of its entity type."""
    view = next(item for item in lab.world(lab.api.record_views.get_record_views()) if not item.operation_ids)
    found = lab.world(view.table())
    assert found.columns == ["record_id", "Compound", "SMILES", "Potency (nM)", "Soluble"]
    assert len(found) == 5


def test_history_has_every_value(lab: Lab) -> None:
    """With `history`, each value that was ever written has a row, with activity, author and time, newest first."""
    record = lab.client.records.get_or_create_record({"Compound": "SBX-1"})
    record.add_value("Potency (nM)", 3)
    record.add_value("Purity (%)", 98.5)
    record.add_value("Purity (%)", None)
    told = record.get_values()
    names = {field.id: field.field_name for field in lab.client.entity_fields.get_data_fields()}
    found = lab.world(lab.api.records.table(ids=[record.id], history=True))
    assert found.columns == [
        "record_id", "Compound", "field", "value", "activity_id", "table_id", "written_by", "written_at",
    ]  # fmt: skip
    assert found["field"] == [names[value.field_id or ""] for value in told]
    assert found["written_at"] == [value.created_at for value in told]
    assert found["activity_id"] == [value.operation_id for value in told]
    assert found["written_by"] == [value.created_by for value in told]
    contents = [value.content for value in told]
    assert found["value"] == [item if isinstance(item, str | None) else json.dumps(item) for item in contents]
    assert set(found["Compound"]) == {"SBX-1"}
    one = lab.world(lab.api.records.table(ids=[record.id], fields=["Compound", "Potency (nM)"], history=True))
    assert (one["value"], one.schema["value"]) == ([3.0, 12.5], "double")
    inside = lab.world(
        lab.api.records.table(ids=[record.id], fields=["Potency (nM)"], activity="Kinase screen", history=True)
    )
    assert inside["value"] == [12.5]
    assert str(found.to_pandas().dtypes["written_at"]) == "datetime64[us, UTC]"
    assert nanoarrow.ArrayStream(found).read_all().to_pylist()[0]["written_at"] == told[0].created_at


def test_sub_records_are_included_on_request(lab: Lab) -> None:
    """With `include_sub_records` values of sub-records count, and in a history they have rows that name their owner."""
    world, read = lab.world, lab.api.records.table
    record = lab.client.records.get_or_create_record({"Compound": "SBX-5"})
    batch = lab.client.records.get_or_create_record({"Compound": "SBX-5", "Batch": "B-09"})
    batch.add_value("Purity (%)", 97)
    batch.add_value("Purity (%)", 98.5)
    given: Any = {"ids": [record.id], "fields": ["Compound", "Purity (%)"]}
    assert world(read(**given))["Purity (%)"] == [None]
    assert world(read(**given, include_sub_records=True)).to_rows() == [
        {"record_id": record.id, "Compound": "SBX-5", "Purity (%)": 98.5}
    ]
    assert read_batches(lab, **given, include_sub_records=True)[0]["Purity (%)"] == [98.5]
    record.add_value("Purity (%)", 5)
    assert world(read(**given, include_sub_records=True))["Purity (%)"] == [5]
    alone = world(read(**given, history=True))
    assert ("sub_record_id" in alone.columns, alone["value"]) == (False, [5.0])
    both = world(read(**given, include_sub_records=True, history=True))
    assert both["sub_record_id"] == [None, batch.id, batch.id]
    assert (both["value"], set(both["record_id"]), set(both["Compound"])) == ([5.0, 98.5, 97.0], {record.id}, {"SBX-5"})


def test_a_history_is_of_its_record(lab: Lab) -> None:
    """Where the server lists values of sub-records among those of a record, they are not taken for its own."""
    record = lab.client.records.get_or_create_record({"Compound": "SBX-1"})
    alter(lab, "listRecordValues", lambda rows: [{**rows[0], "record_id": UUID, "content": "8"}, *rows])
    found = lab.world(lab.api.records.table(ids=[record.id], fields=["Potency (nM)"], history=True))
    assert found["value"] == [12.5]


# -- every type of field ----------------------------------------------------------------------------------------------


CONTENTS: dict[str, Callable[[random.Random], Any]] = {
    "number": lambda draw: draw.choice(["0", "-0.5", "7.0", "1e3", str(2**53 + 1), 5, 2.5]),
    "boolean": lambda draw: draw.random() < 0.5,
    "date": lambda draw: draw.choice(["2026-03-01", "1899-12-31", "2026-03-11T00:00:00Z"]),
    "multiselect": lambda draw: draw.sample(["a", "ß", "😀", ""], draw.randint(0, 3)),
    "people": lambda draw: ["x"],
    "URL": lambda draw: ["https://example.org"],
    "qualified-number": lambda draw: draw.choice([">10", "10", "true", {"value": 5}, [1, 2], 5, True]),
}


DTYPES = {
    "string": "str", "double": "float64", "bool": "boolean", "date32": "datetime64[s]", "list<string>": "object",
}  # fmt: skip


def everything(lab: Lab, count: int = 40) -> list[str]:
    """Records with a field of every type, filled now and then; returns their ids."""
    draw, store, client = random.Random(7), lab.sandbox.store, lab.client
    fields = {kind: client.entity_fields.get_or_create_data_field(f"a {kind}", kind).id for kind in FIELD_TYPES}
    ids = [client.records.get_or_create_record({"Compound": f"T-{row:03}"}).id for row in range(count)]
    file = files.keep(store, UploadedFile("nmr.txt", "text/plain", b"x"))
    for kind, field_id in fields.items():
        field = store.get("data_field", field_id)
        assert field is not None
        for record_id in ids:
            for _ in range(draw.randint(0, 2)):
                if kind in ("file", "image"):
                    content: Any = file
                elif kind == "record-reference":
                    content = draw.choice(ids)
                else:
                    content = CONTENTS[kind](draw) if kind in CONTENTS else draw.choice(["x", "ß😀", "0042", ""])
                values.write(store, record_id, field, values.checked(store, field, content))
    return ids


def test_a_notebook_shows_the_names_of_files(lab: Lab) -> None:
    """A column of files shows names where the server gave them, and little where not; data are the ids, and nothing
    more is asked."""
    field = lab.sandbox.store.need("data_field", lab.client.entity_fields.get_or_create_data_field("Scan", "file").id)
    one, other = (lab.client.records.get_or_create_record({"Compound": f"F-{name}"}) for name in "12")
    file = files.keep(lab.sandbox.store, UploadedFile("a<b>.txt", "text/plain", b"x"))
    file_id = file["file_id"]
    for record, content in ((one, file), (other, UUID)):
        values.write(lab.sandbox.store, record.id, field, content)
    found = lab.world(lab.api.records.table(ids=[one.id, other.id], fields=["Compound", "Scan"]))
    history = lab.world(lab.api.records.table(ids=[one.id], fields=["Scan"], history=True))
    asked = len(lab.exchanges)
    for shown in (found, found[:1], history):
        assert shown.file_names == {file_id: "a<b>.txt"}
        assert "<td>a&lt;b&gt;.txt</td>" in shown._repr_html_()
        assert file_id not in shown._repr_html_()
    assert f"<td>file {UUID[:8]}…</td>" in found._repr_html_()
    assert found["Scan"] == [file_id, UUID]
    assert len(lab.exchanges) == asked


def test_a_table_says_what_records_say(lab: Lab) -> None:
    """For every type of field, a cell of the table is the value of the record; files and links are their ids."""
    ids = everything(lab)
    fields = [f"a {kind}" for kind in FIELD_TYPES]
    found = lab.world(lab.api.records.table(ids=ids, fields=["Compound", *fields]))
    assert (found.record_ids, found.misfits) == (ids, [])
    seen: set[str] = set()
    read: Any = lab.client.records.get_records_by_ids(ids, use_cache=False)
    for record, row in zip(read, found, strict=True):
        for name in fields:
            value = record[name]
            if found.schema[name] == "string" and not isinstance(value, str | None):
                value = value.id if hasattr(value, "id") else json.dumps(value, separators=(",", ":"))
            elif value == "true" and name == "a qualified-number":
                value = '"true"'  # text, where a truth value would be without quotes; "10" and 10 say the same there
            assert (name, row[name]) == (name, value)
            seen |= {name} if value is not None else set()
    assert seen == set(fields)


def test_a_table_of_a_scope_says_what_records_say_there(lab: Lab) -> None:
    """With an activity, a cell of the table is the value of the record in that activity, for every record asked for."""
    draw, store, client = random.Random(11), lab.sandbox.store, lab.client
    screens: list[Any] = [
        client.activities.get_activity_by_id(title) for title in ("Kinase screen", "First registration")
    ]
    fields = {kind: client.entity_fields.get_or_create_data_field(f"a {kind}", kind).id for kind in CONTENTS}
    ids = [client.records.get_or_create_record({"Compound": f"S-{row:03}"}).id for row in range(12)]
    for kind, field_id in fields.items():
        field = store.get("data_field", field_id)
        assert field is not None
        for record_id in ids:
            for place in draw.choices([None, *(screen.id for screen in screens)], k=draw.randint(0, 4)):
                values.write(store, record_id, field, values.checked(store, field, CONTENTS[kind](draw)), place)
    names = [f"a {kind}" for kind in CONTENTS if kind != "qualified-number"]
    asked_for = draw.choices(ids, k=20)
    records = {record.id: record for record in client.records.get_records_by_ids(ids, use_cache=False)}
    for screen in (None, *screens):
        found = lab.world(lab.api.records.table(ids=asked_for, fields=names, activity=screen and screen.id))
        told = [[records[record_id].value(name, activity=screen) for name in names] for record_id in asked_for]
        assert (found.record_ids, [list(row.values())[1:] for row in found]) == (asked_for, told)
        assert any(value is not None for row in told for value in row)
        assert any(value is None for row in told for value in row)


def test_arrow_and_pandas_say_what_the_table_says(lab: Lab) -> None:
    """For every type of field, the Arrow stream and the pandas frame have the values of the table, and its types."""
    table = lab.world(lab.api.records.table(ids=everything(lab)))
    expected = table.to_rows()
    assert nanoarrow.ArrayStream(table).read_all().to_pylist() == expected
    frame = table.to_pandas()
    assert list(frame.columns) == table.columns
    for name, kind in table.schema.items():
        dtype = DTYPES[kind]
        assert str(frame.dtypes[name]) == dtype, name
        for cell, value in zip(frame[name], table[name], strict=True):
            if value is None:
                assert cell is None or cell is pandas.NA or cell is pandas.NaT or math.isnan(cell)
            else:
                assert cell == (pandas.Timestamp(value) if isinstance(value, date) else value)


def test_the_quick_reader_reads_as_the_careful_one(lab: Lab) -> None:
    """Answers that are decoded at once give what records give that are read field by field, scopes included."""
    ids = everything(lab, 10)
    client: Any = lab.client
    fields = [field.id for field in (*client.entity_fields.get_key_fields(), *client.entity_fields.get_data_fields())]
    ids += client.records.search_records(operation_id="Kinase screen")
    screen = client.activities.get_activity_by_id("Kinase screen").id
    response = client.session.call({"method": "get", "url": "/records", "params": {"record_ids": ",".join(ids)}})
    for scope in ((None, None), (screen, None), (screen, UUID)):
        reader = RowReader(fields, *scope)
        quick = reader._read_fast(response.content)
        reader._read_fast = broken  # type: ignore[method-assign, assignment]
        assert reader.read(response) == quick


def broken(_: bytes) -> Any:
    """Say that an answer is none of the usual ones."""
    raise ValueError


def entry(content: Any, at: Any, **more: Any) -> dict[str, Any]:
    """A value inside a record."""
    return {"id": UUID, "content": content, "created_at": at, "operation_id": None, "record_id": UUID, **more}


@pytest.mark.parametrize(
    ("entries", "content"),
    [
        ([entry("1", "2026-01-01T10:00:00.5Z"), entry("2", "2026-01-01T10:00:00.50001+00:00")], "2"),
        ([entry("1", "2026-01-01T10:00:00Z"), entry("2", "2026-01-01T10:00:00+02:00")], "1"),
        ([entry("1", "2026-01-01T10:00:00"), entry("2", "2026-01-01T10:00:00+02:00")], "1"),
        ([entry("1", "2026-01-01T10:00:00Z"), entry("2", "2026-01-01T10:00:00Z")], "1"),
        ([entry("1", None), entry("2", "2026-01-01T10:00:00Z")], "2"),
        ([entry("1", ""), entry("2", "2026-01-01T10:00:00Z")], "2"),
        ([entry("1", "2026-01-01T10:00:00Z"), entry("2", "2027-01-01T10:00:00Z", record_id=OTHER)], "1"),
        ([entry("1", "2026-01-01T10:00:00Z", operation_id=5)], "1"),
        ([{"id": UUID, "content": "key"}], "key"),
        ([entry("1", "2026-01-01T10:00:00.1234567Z"), entry("2", "2026-01-01T10:00:00.1234568Z")], "2"),
        ([], None),
        (None, None),
        ("odd", None),
    ],
)
def test_the_newest_value_counts(entries: Any, content: Any) -> None:
    """The newest value of the record itself is in the row, whatever way its time is written."""
    body = json.dumps([{"id": UUID, "record_values": {OTHER: entries}, "record_identifier": "ß"}]).encode()
    assert RowReader([OTHER]).read(httpx.Response(200, content=body)) == {UUID: [content]}


# -- contents that do not fit, and types on request --------------------------------------------------------------------


class Odd(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Lists records whose contents are other ones than those that the sandbox keeps."""

    def __init__(self, inner: Any, change: Callable[[dict[str, Any]], None]) -> None:
        self._inner, self._change = inner, change

    def _changed(self, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if request.url.path != "/records" or request.method != "GET":
            return response
        records = json.loads(response.content)
        for record in records:
            self._change(record)
        return httpx.Response(200, content=json.dumps(records).encode(), headers={"content-type": "application/json"})

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._changed(request, self._inner.handle_request(request))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self._changed(request, await self._inner.handle_async_request(request))


@pytest.fixture
def odd(world: World) -> Iterator[Any]:
    """A client that is told of potencies that are no numbers, and of a SMILES that is one."""
    lab = Lab(world, retries=0)
    names = {field.field_name: field.id for field in lab.client.entity_fields.get_data_fields()}

    def change(record: dict[str, Any]) -> None:
        if record["record_identifier"] == "SBX-1":
            record["record_values"][names["Potency (nM)"]][0]["content"] = "> 10"
            record["record_values"][names["SMILES"]][0]["content"] = 5

    yield world.connect(transport=Odd(lab.transport, change))
    lab.close()


def test_what_does_not_fit_is_listed(odd: Any, world: World) -> None:
    """A content that does not fit is listed with its record; a column of text shows it, another one has no value."""
    found = world(odd.records.table("Compound", sorts=["Compound"], fields=["SMILES", "Potency (nM)"]))
    assert (found["SMILES"][0], found["Potency (nM)"][0]) == ("5", None)
    record_id = found.record_ids[0]
    assert found.misfits == [Misfit(record_id, "SMILES", 5), Misfit(record_id, "Potency (nM)", "> 10")]
    assert found.schema["Potency (nM)"] == "double"
    assert "2 contents do not fit" in found._repr_html_()
    assert found[1:].misfits == []
    wanted = {"fields": ["Potency (nM)"], "types": {"Potency (nM)": str}}
    standing = world(odd.records.table("Compound", sorts=["Compound"], **wanted))
    assert (standing["Potency (nM)"][0], standing.misfits) == ("> 10", [])


def client_told(lab: Lab, contents: dict[str, Any]) -> Any:
    """A client that is told of these contents, by the name of the field, whatever a record holds."""
    names = {field.field_name: field.id for field in lab.client.entity_fields.get_data_fields()}

    def change(record: dict[str, Any]) -> None:
        for name, content in contents.items():
            record["record_values"][names[name]] = [{"id": UUID, "content": content}]

    return lab.world.connect(transport=Odd(lab.transport, change))


def test_a_column_that_holds_what_does_not_fit_is_there(lab: Lab) -> None:
    """A field is a column of a table of all fields as soon as a record holds something, whether that fits or not."""
    found = lab.world(client_told(lab, {"Purity (%)": "> 98"}).records.table("Compound"))
    assert (found["Purity (%)"], len(found.misfits)) == ([None] * 5, 5)


def test_json_is_shown_whole(lab: Lab) -> None:
    """A column of JSON shows objects as they are, those too that name a file among other things."""
    lab.client.entity_fields.get_or_create_data_field("Scan", "s3-file")
    content = {"file_id": UUID, "bucket": "lab"}
    found = lab.world(client_told(lab, {"Scan": content}).records.table("Compound", fields=["Scan"]))
    assert [json.loads(cell) for cell in found["Scan"]] == [content] * 5
    assert found.misfits == []


def test_half_a_character_can_be_saved(lab: Lab, tmp_path: Path) -> None:
    """Text with half a pair of UTF-16 is shown as an escape and listed, and ends neither a stream nor a file."""
    lab.client.entity_fields.get_or_create_data_field("Tags", "multiselect")
    lab.client.entity_fields.get_or_create_data_field("Votes", "votes")
    contents = {"SMILES": "C\ud800C", "Tags": ["ß", "\udc00"], "Votes": {"a": "\ud800"}}
    found = lab.world(client_told(lab, contents).records.table("Compound", fields=list(contents), limit=1))
    row = {"SMILES": "C\\ud800C", "Tags": ["ß", "\\udc00"], "Votes": '{"a":"\\ud800"}'}
    assert [{name: cell for name, cell in shown.items() if name in row} for shown in found] == [row]
    assert [(misfit.column, misfit.content) for misfit in found.misfits] == list(contents.items())
    assert nanoarrow.ArrayStream(found).read_all().to_pylist() == found.to_rows()
    assert "C\\ud800C" in Path(found.to_csv(tmp_path / "odd.csv")).read_text("utf-8")
    assert list(found.to_pandas()["SMILES"]) == ["C\\ud800C"]


def test_numbers_are_read_as_asked(lab: Lab) -> None:
    """A number is an int, a Decimal or text on request, in Arrow and pandas too; what does not fit is listed."""
    record = lab.client.records.get_or_create_record({"Compound": "SBX-5"})
    field = lab.client.entity_fields.get_or_create_data_field("Count", "number")
    given = {"SBX-1": 7, "SBX-2": str(2**60 + 1), "SBX-3": "0.50", "SBX-4": str(2**70)}
    for name, content in given.items():
        lab.client.records.get_or_create_record({"Compound": name}).add_value(field, content)

    def read(kind: type) -> Table:
        found: Table = lab.world(
            lab.api.records.table("Compound", sorts=["Compound"], fields=["Compound", "Count"], types={"Count": kind})
        )
        return found

    with pytest.warns(ContentTypeWarning, match=r"2 contents do not fit the column 'Count', which you read as int"):
        whole = read(int)
    assert whole["Count"] == [7, 2**60 + 1, None, None, None]
    assert [misfit.content for misfit in whole.misfits] == ["0.50", str(2**70)]
    assert list(whole.to_pandas()["Count"])[:2] == [7, 2**60 + 1]
    assert nanoarrow.ArrayStream(whole).read_all().to_pylist()[1]["Count"] == 2**60 + 1
    exact = read(Decimal)
    assert exact["Count"][1:3] == [Decimal(2**60 + 1), Decimal("0.50")]
    assert nanoarrow.ArrayStream(exact).read_all().to_pylist()[2]["Count"] == "0.50"
    assert read(str)["Count"][:3] == ["7", str(2**60 + 1), "0.50"]
    assert record.id in whole.record_ids


# -- what takes a table -----------------------------------------------------------------------------------------------


def consumers() -> dict[str, Callable[[Table], list[dict[str, Any]]]]:
    """What takes an Arrow stream, and reads it back."""

    def polars_rows(table: Table) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = table.to_polars().to_dicts()
        return found

    def pyarrow_rows(table: Table) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = table.to_arrow().to_pylist()
        return found

    def duckdb_rows(compounds: Table) -> list[dict[str, Any]]:
        # The query stands in the guide, and reads the variable that it names.
        guide = Path(__file__).parents[1].joinpath("docs/guide/tables.md").read_text(encoding="utf-8")
        (query,) = re.findall(r'duckdb\.sql\("(.*?)"\)', guide)
        found = importlib.import_module("duckdb").sql(query)
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

    return {"polars": polars_rows, "pyarrow": pyarrow_rows, "duckdb": duckdb_rows}


@pytest.mark.parametrize("library", ["polars", "pyarrow", "duckdb"])
def test_other_libraries_take_a_table(library: str) -> None:
    """polars, pyarrow and DuckDB make of a table with every type of field what the table says."""
    if library == "duckdb" and find_spec(library) is None:
        pytest.skip("DuckDB is not installed here; it is large, and the Arrow stream is read by three others as well")
    lab = Lab(World("sync"))
    try:
        table = lab.client.records.table(ids=everything(lab))
        assert consumers()[library](table) == table.to_rows()
    finally:
        lab.close()


def test_a_stream_can_be_taken_twice(table: Table) -> None:
    """Each request for the stream of a table gives a fresh one."""
    first, second = (nanoarrow.ArrayStream(table).read_all().to_pylist() for _ in range(2))
    assert first == second == table.to_rows()


def test_a_csv_file_can_be_read_again(table: Table, tmp_path: Path) -> None:
    """A CSV file has the header and a row for each record: numbers, and true or false, as they are written."""
    path = table.to_csv(tmp_path / "compounds.csv")
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == table.columns
    assert {row[1]: row[3:] for row in rows[1:]}["SBX-1"] == ["12.5", "true"]
    assert {row[1]: row[3:] for row in rows[1:]}["SBX-5"] == ["", "true"]


ODD_TEXTS = ["=1+1", "#N/A", "0042", " \u00e4 ", "a\rb", "a\r\nb", "'x", "TRUE", "1e5", '"', "a;b", None]
ODD: dict[Any, list[Any]] = {
    field_types.TEXT: ODD_TEXTS,
    field_types.NUMBER: [1.5, -2.0, 1e300, 0.1 + 0.2, 1e-7, 2.0**53, 1e16, *[None] * 5],
    field_types.QUALIFIED: ["<0.5", "1.25", ">= 1.234", "3", '{"a": 1.5}', *[None] * 7],
    field_types.WHOLE: [1, -(10**15), 10**17, *[None] * 9],
    field_types.EXACT: [Decimal("1.50"), Decimal("1E+60"), *[None] * 10],
    field_types.FLAG: [True, False, *[None] * 10],
    field_types.DAY: [date(2026, 1, 1), date(1899, 12, 31), date(9999, 12, 31), *[None] * 9],
    field_types.CHOICES: [["a", "=b"], ["c;d"], *[None] * 10],
    tables.MOMENT: [datetime(2026, 1, 1, 12, tzinfo=UTC), *[None] * 11],
}


def odd_table() -> Table:
    """A table with a column of each kind, and values that files are known to change."""
    columns = [tables.Column(form.name, None, form) for form in ODD]
    return Table(columns, [f"r{place}" for place in range(len(ODD_TEXTS))], [*ODD.values()])


@pytest.mark.parametrize("name", ["plain.csv", "german.csv", "wide.csv", "sheet.xlsx"])
def test_what_is_written_is_read_again(name: str, tmp_path: Path) -> None:
    """With every separator, encoding and decimal sign, and in Excel, each cell means what it meant."""
    table, path = odd_table(), tmp_path / name
    settings: dict[str, Any] = {
        "german.csv": {"separator": ";", "encoding": "cp1252"}, "wide.csv": {"separator": "\t", "encoding": "utf-16"},
    }.get(name, {})  # fmt: skip
    comma = {"decimal": ","} if name == "german.csv" else {}
    converters = dict.fromkeys(("number", "decimal number", "qualified number"), decimal_comma) if comma else {}
    assert (table.to_excel if name == "sheet.xlsx" else table.to_csv)(path, **settings, **comma) == str(path)

    rows = read_rows(path, **settings, converters=converters).rows

    for column in table.fields:
        write = column.form.write
        wanted = [None if cell is None else write(cell) for cell in table[column.name]]
        got = [write(cells[column.name]) if column.name in cells else None for cells in rows]
        for place, (one, other) in enumerate(zip(got, wanted, strict=True)):
            with in_row(f"{column.name} {place}: {one!r} {other!r}"):
                assert one is other is None or column.form.same(one, other)


def test_what_a_file_cannot_hold_is_refused_by_name(tmp_path: Path) -> None:
    """A text without a form in the encoding or in a cell of Excel is named, and what is there stays."""
    path = tmp_path / "there.txt"
    path.write_text("as it was")
    calls: list[tuple[str, Callable[[Table], str], str]] = [
        ("\N{GRINNING FACE}", lambda it: it.to_csv(path, encoding="cp1252"), "row 1 of the column 'text'; .*utf-8-sig"),
        ("a\ud800", lambda it: it.to_csv(path), "utf-8 has no form for .*row 1 of the column 'text'; half a character"),
        ("a", lambda it: it.to_csv(path, encoding="nope"), "no encoding 'nope'"),
        ("a", lambda it: it.to_csv(path, separator="x"), "separator must be one of"),
        ("a", lambda it: it.to_csv(path, decimal=","), "give separator=';' as well"),
        ("a", lambda it: it.to_csv(path, decimal="x"), "decimal must be"),
        ("a\x01b", lambda it: it.to_excel(tmp_path / "a.xlsx"), "row 1 of the column 'text', has the character"),
        ("a\udfff", lambda it: it.to_excel(tmp_path / "a.xlsx"), r"has the character '\\udfff'"),
        ("\ufffe", lambda it: it.to_excel(tmp_path / "a.xlsx"), r"has the character '\\ufffe'"),
        ("x" * 32_768, lambda it: it.to_excel(tmp_path / "a.xlsx"), "has 32,768 letters"),
        ("_x000D_", lambda it: it.to_excel(tmp_path / "a.xlsx"), r"the code of a character; .* to_csv\(\)"),
    ]
    for text, call, why in calls:
        made = Table([tables.Column("text", None, field_types.TEXT)], ["r0", "r1"], [["fine", text]])
        with in_row(f"{text[:10]!r} {why}"), pytest.raises(ValueError, match=why):
            call(made)
    assert path.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [path]


def test_the_extra_is_named_where_it_is_missing() -> None:
    """Without nanoarrow, reading a table, pandas and CSV work; the stream names the extra and how to get it."""
    code = (
        "from kalbio.tables import Table\ntable = Table([], ['a'], [])\n"
        "print(len(table.to_pandas()), table)\n"
        "try:\n    table.__arrow_c_stream__()\nexcept ImportError as error:\n    print(error.name, error)\n"
    )
    run = without("nanoarrow", code)
    assert run.stderr == ""
    assert run.stdout.startswith("1 <Table of 1 row: record_id>\nnanoarrow Arrow streams need the extra 'tables'")
    assert "pip install '.[tables]'" in run.stdout


@pytest.mark.parametrize(
    ("call", "module"),
    [("to_polars()", "polars"), ("to_arrow()", "pyarrow"), ("to_pandas()", "pandas"), ("to_parquet('x')", "pyarrow")],
)
def test_a_library_that_is_missing_is_named_with_the_cure(call: str, module: str) -> None:
    """A table for a library that is not there says which one it takes, and what to install."""
    code = (
        "from kalbio.tables import Table\n"
        f"try:\n    Table([], ['a'], []).{call}\nexcept ImportError as error:\n    print(error.name, error)\n"
    )
    run = without("polars pyarrow pandas", code)
    assert run.stderr == ""
    assert run.stdout.startswith(f"{module} {call.partition('(')[0]}() needs {module}")
    assert f"pip install {module}" in run.stdout


def test_a_table_is_shown(table: Table) -> None:
    """A table shows its columns, and in a notebook the first twenty rows."""
    assert repr(table) == "<Table of 5 rows: record_id, Compound, SMILES, Potency (nM), Soluble>"
    assert "5 rows" in table._repr_html_()
    long = Table(table.fields, ["x"] * 30, [["cell"] * 30] * 4)
    assert "the first 20" in long._repr_html_()
    assert long._repr_html_().count("<tr>") == 21
    with pytest.raises(KeyError, match=r"has no column 'logP'. It has 'record_id', 'Compound'"):
        table["logP"]
    with pytest.raises(KeyError, match=r"has no column 'smiles'. Did you mean 'SMILES'"):
        table["smiles"]
    with pytest.raises(KeyError, match=r"For a row write table.to_rows\(\)"):
        table[0]  # type: ignore[call-overload]
    assert table[1:3].record_ids == table.record_ids[1:3]


def test_two_fields_of_one_name_are_refused(lab: Lab) -> None:
    """A key field and a data field of one name cannot both be columns: the error has their ids and the way out."""
    record = lab.client.records.get_or_create_record({"Compound": "SBX-1"})
    field = lab.client.entity_fields.get_or_create_data_field("Compound", "text")
    record.add_value(field, "x")
    with pytest.raises(AmbiguousIdentifierError, match=r"give fields=\[\.\.\.\] with only one of these") as caught:
        lab.world(lab.api.records.table("Compound"))
    assert field.id in caught.value.candidates
    assert len(caught.value.candidates) == 2
    own = lab.client.entity_fields.get_or_create_data_field("record_id", "text")
    with pytest.raises(ValueError, match=r"has a column 'record_id' of its own.*fields=\[\.\.\.\] without that field"):
        lab.world(lab.api.records.table("Compound", fields=[own]))
    key = lab.client.entity_fields.get_or_create_key_field("written_by")
    with pytest.raises(ValueError, match="has a column 'written_by' of its own"):
        lab.world(lab.api.records.table("Compound", fields=[key, "SMILES"], history=True))
    with pytest.raises(AmbiguousIdentifierError):
        lab.world(lab.api.records.table("Compound", fields=["Compound"]))
    assert lab.world(lab.api.records.table(ids=[record], fields=[field]))["Compound"] == ["x"]


def test_contents_that_a_type_has_no_room_for_are_told(lab: Lab) -> None:
    """Where numbers do not fit the type that was asked for, a warning at the line of the caller names the cure."""
    asked: dict[str, Any] = {"fields": ["Compound", "Potency (nM)"], "types": {"Potency (nM)": int}}
    asked["sorts"] = ["Compound"]
    for read, given in ((lab.api.records.table, {}), (lab.api.records.table, {"history": True})):
        with pytest.warns(
            ContentTypeWarning, match=r"first: '12\.5' of the record .*Without types.*str.*misfits"
        ) as told:
            lab.world(read("Compound", **asked, **given))
        assert len(told) == 1
        if lab.world.kind == "sync":
            assert told[0].filename == __file__
    with pytest.warns(ContentTypeWarning, match="1 content does not fit") as told:
        assert len(read_batches(lab, "Compound", **asked, batch_size=1)) > 2
    assert len(told) == 1
    whole = lab.world(lab.api.records.table("Compound", **{**asked, "types": {"Potency (nM)": Decimal}}))
    assert whole["Potency (nM)"][0] == Decimal("12.5")


def test_the_time_of_a_history_is_an_instant(lab: Lab) -> None:
    """Times of a history have a zone, so that they can be compared."""
    found = lab.world(lab.api.records.table("Compound", fields=["SMILES"], history=True))
    assert all(isinstance(moment, datetime) and moment.tzinfo is not None for moment in found["written_at"])
    assert min(found["written_at"]) > datetime(2025, 1, 1, tzinfo=UTC)


def test_a_column_is_given_as_the_type_that_is_named(lab: Lab) -> None:
    """A column of a type that you name is as it stands; another type, or a name that is no column's, is an error."""
    table = lab.world(lab.api.records.table("Compound", types={"Potency (nM)": Decimal}, sorts=["Compound"]))
    assert table.column("Potency (nM)", Decimal)[0] == Decimal("12.5")
    assert table.column("Soluble", bool) == table["Soluble"]
    assert table.column("record_id", str) == table.record_ids
    history = lab.world(lab.api.records.table(ids=table.record_ids, history=True))
    assert history.column("written_at", datetime) == history["written_at"]
    for name, kind in (("Potency (nM)", float), ("Soluble", int), ("record_id", list), ("written_at", date)):
        with pytest.raises(ValueError, match="is a column of"):
            (history if name == "written_at" else table).column(name, kind)
    with pytest.raises(ValueError, match=r"'Soluble' is a column of bool, not of 'bool'"):
        table.column("Soluble", "bool")
    with pytest.raises(KeyError, match="Did you mean 'Soluble'"):
        table.column("soluble", bool)


WRONG_NAMES = [
    ("to_csv", "a.xlsx", r"call to_excel\(\) for it"), ("to_csv", "a.parquet", r"call to_parquet\(\) for it"),
    ("to_excel", "a.CSV", r"call to_csv\(\) for it"), ("to_parquet", "a.csv", r"call to_csv\(\) for it"),
    ("to_csv", "a.csv.gz", "packs no files.*ends in .csv, and pack"), ("to_csv", "a.zip", "packs no files"),
    ("to_parquet", "a.parquet.gz", "packs no files"), ("to_excel", "a.xls", "writes no .xls file.*ends in .xlsx"),
    ("to_excel", "a.xlsm", "writes no .xlsm file"), ("to_excel", "a.ods", "writes no .ods file"),
    ("to_csv", "a.xls", "writes no .xls file"), ("to_csv", "a.json", "writes no .json file"),
    ("to_csv", "", "is a folder"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "name", "told"), WRONG_NAMES)
def test_a_name_of_another_kind_is_refused(table: Table, tmp_path: Path, method: str, name: str, told: str) -> None:
    """Nothing is written under a name that says the file is of another kind, and the error says what to do."""
    with pytest.raises(ValueError, match=told):
        getattr(table, method)(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.tsv", "a.TAB"])
def test_a_name_of_tabs_has_tabs(table: Table, tmp_path: Path, name: str) -> None:
    """A file called .tsv or .tab is written with tabs, as it is read; a separator that is given counts."""
    path = table.to_csv(tmp_path / name)
    assert Path(path).read_text(encoding="utf-8").splitlines()[0] == "\t".join(table.columns)
    assert len(read_rows(path)) == len(table)
    table.to_csv(path, separator=";")
    assert read_rows(path, separator=";").columns == table.columns


def test_a_stream_of_text_takes_a_table(table: Table, tmp_path: Path) -> None:
    """A stream of text gets what a file gets; one of bytes, and an encoding beside a stream, are told."""
    text = io.StringIO()
    assert table.to_csv(text, separator=";") is None
    path = table.to_csv(tmp_path / "a.csv", separator=";")
    assert text.getvalue().encode() == Path(path).read_bytes()
    wrong: Any = table.to_csv
    with pytest.raises(ValueError, match=r"takes bytes; give a stream of text, such as open\("):
        wrong(io.BytesIO())
    with pytest.raises(ValueError, match="encoding is for a path"):
        wrong(io.StringIO(), encoding="cp1252")
    with pytest.raises(ValueError, match="path must be the path of a file, or a stream of text; got None"):
        wrong(None)
    with pytest.raises(ValueError, match="path must be the path of a file; got"):
        table.to_excel(io.BytesIO())  # type: ignore[arg-type]


def test_arguments_of_other_libraries_are_told(table: Table, tmp_path: Path) -> None:
    """A writer that gets what pandas calls an argument names its own, and says that a table has no index."""
    written: Any = table
    for method, given, told in (
        ("to_csv", {"sep": ";"}, r"to_csv\(\) has no argument sep. Did you mean separator=...\?"),
        ("to_csv", {"delimiter": ";"}, "Did you mean separator="),
        (
            "to_csv",
            {"index": False},
            "has no argument index: a table has none; its first column, record_id",
        ),
        ("to_csv", {"na_rep": "x"}, "has no argument na_rep; it takes path, separator, encoding, decimal"),
        ("to_excel", {"index": False}, r"to_excel\(\) has no argument index"),
        ("to_excel", {"sheet_name": "x"}, "has no argument sheet_name; it takes path"),
        ("to_parquet", {"compression": "x"}, r"to_parquet\(\) has no argument compression"),
    ):
        with pytest.raises(TypeError, match=told):
            getattr(written, method)(tmp_path / "a.x", **given)
