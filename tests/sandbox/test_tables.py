"""Sub-records, tables and the scope of an activity, as clients see them in process and over HTTP."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kalbio import KaleidoscopeClient, ValidationError
from kalbio.activities import Activity
from kalbio.records import Record
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve
from kalbio.testing import InProcess


@pytest.fixture(params=["in process", "over HTTP"])
def client(request: pytest.FixtureRequest) -> Iterator[KaleidoscopeClient]:
    """A client of the demo workspace."""
    if request.param == "in process":
        with InProcess() as lab:
            yield lab.client
    else:
        with (
            Sandbox() as sandbox,
            serve(sandbox) as server,
            KaleidoscopeClient("sandbox-id", "sandbox-secret", server.url) as client,
        ):
            yield client


@pytest.fixture
def compound(client: KaleidoscopeClient) -> Record:
    """A compound with a comment of its own."""
    made = client.records.get_or_create_record({"Compound": "CPD-1"})
    made.add_value("Comment", "of the compound")
    return made


@pytest.fixture
def batch(client: KaleidoscopeClient, compound: Record) -> Record:
    """A batch of it, with two comments."""
    made = client.records.get_or_create_record({"Compound": "CPD-1", "Batch": "B1"})
    made.add_value("Comment", "older")
    made.add_value("Comment", "of the batch")
    return made


def rerun(client: KaleidoscopeClient, title: str, definition: str | None = None) -> Activity:
    """A new experiment."""
    made = client.activities.create_activity(title, "experiment", activity_definition_id=definition)
    assert made is not None
    return made


def link(client: KaleidoscopeClient, name: str, definition: str) -> None:
    """A new table for the activities of a definition."""
    template = client.result_table_templates.create_template(
        view_name=name, entity_slice_id="Compound", data_field_ids=["Comment"]
    )
    client.result_table_templates.link_to_operation_definition(template, operation_definition_id=definition)


def now(record: Record) -> Record:
    """The record as it is now."""
    record.refetch()
    return record


def again(client: KaleidoscopeClient, activity: Activity) -> Activity:
    """The activity as it is now."""
    client.clear_caches()
    found = client.activities.get_activity_by_id(activity.id)
    assert found is not None
    return found


# -- sub-records ------------------------------------------------------------------------------------------------------


def test_values_of_sub_records_show_in_the_parent(client: KaleidoscopeClient, compound: Record, batch: Record) -> None:
    """Under their own record id, the newest of each place, the newest first; and asked for alone or together."""
    for seen in (client.records.get_record_by_id(compound.id, use_cache=False), now(compound)):
        assert seen is not None
        comment = client.entity_fields.get_data_field_by_id("Comment")
        assert comment is not None
        found = [(value.record_id, value.content) for value in seen.record_values[comment.id]]
        assert found == [(batch.id, "of the batch"), (compound.id, "of the compound")]
        assert seen.get_value_content("Comment") == "of the compound"
        assert seen.get_value_content("Comment", include_sub_record_values=True) == "of the batch"
        assert seen.get_value_content("Comment", sub_record_id=batch.id) == "of the batch"
        assert seen.get_value_content("Comment", sub_record_id={"Compound": "CPD-1", "Batch": "B1"}) == "of the batch"


def test_a_field_can_leave_sub_records_out(client: KaleidoscopeClient, compound: Record, batch: Record) -> None:
    """Where `display_includes_sub_records` is false the parent shows its own values only."""
    comment = client.entity_fields.get_data_field_by_id("Comment")
    assert comment is not None
    comment.update(display_includes_sub_records=False)

    compound.refetch()

    assert compound.get_value_content("Comment", include_sub_record_values=True) == "of the compound"
    assert compound.sub_record_ids == [batch.id]


def test_the_sub_record_and_the_history_have_their_own_values(compound: Record, batch: Record) -> None:
    """A parent's values do not show in its sub-record, and the history of a record is its own."""
    batch.refetch()

    assert [value.content for value in batch.get_values()] == ["of the batch", "older"]
    assert [value.content for value in compound.get_values()] == ["of the compound"]
    assert {value.record_id for values in batch.record_values.values() for value in values} == {None, batch.id}


def test_searches_and_exports_read_the_record_itself(
    client: KaleidoscopeClient, compound: Record, batch: Record, tmp_path: Path
) -> None:
    """What only a sub-record holds is neither found nor exported under its parent."""
    rule: Any = {"field_id": "Comment", "filter_type": "is_equal", "filter_prop": "of the batch"}

    assert client.records.search_records(entity_field_filters=[rule]) == [batch.id]
    path = client.exports.pull_data("c.csv", "Compound", str(tmp_path))
    assert {row["Compound"]: row["Comment"] for row in rows_of(path)}["CPD-1"] == "of the compound"


def rows_of(path: str | None) -> list[dict[str, str]]:
    """The rows of an export."""
    assert path is not None
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# -- tables -----------------------------------------------------------------------------------------------------------


def test_attached_records_are_on_the_tables(client: KaleidoscopeClient, compound: Record) -> None:
    """Unless a definition names tables, they are on all, also on those that come later."""
    for activity in (rerun(client, "Bare"), rerun(client, "Screen", "Screening experiment")):
        activity.add_records([compound.id])
        (table,) = again(client, activity).record_views
        assert [record.id for record in again(client, activity).records_on_view(table.id)] == [compound.id]

    link(client, "Later", "Screening experiment")
    activity = again(client, activity)
    later = next(table for table in activity.record_views if "Later" in str(table.view_name))
    assert [record.id for record in activity.records_on_view(later.id)] == [compound.id]


def test_a_definition_can_say_which_tables(client: KaleidoscopeClient, compound: Record) -> None:
    """Where it names tables for attached records they are on no other."""
    link(client, "Other", "Assay results registration")
    activity = rerun(client, "Run", "Assay results registration")

    activity.add_records([compound.id])

    activity = again(client, activity)
    on = {str(table.view_name): activity.records_on_view(table.id) for table in activity.record_views}
    assert {name: [record.id for record in records] for name, records in on.items()} == {
        "Run Main": [compound.id],
        "Run Other": [],
    }
    other = next(table for table in activity.record_views if table.view_name == "Run Other")
    with pytest.raises(ValidationError, match="is not on table 'Run Other'"):
        compound.add_value("Comment", "x", activity, record_view_id=other.id)


def test_written_shown_and_removed_agree_about_a_table(client: KaleidoscopeClient, compound: Record) -> None:
    """What a table shows can be written there and taken off; after that neither is possible and its values are gone."""
    activity = rerun(client, "Run")
    activity.add_records([compound.id])
    (table,) = activity.record_views
    compound.add_value("Comment", "on the table", activity, record_view_id=table.id)
    compound.add_value("SMILES", "C", activity)

    assert now(compound).get_value_content("Comment", activity, record_view_id=table.id) == "on the table"
    activity.remove_records([compound.id], record_view_id=table.id)

    activity = again(client, activity)
    assert activity.records_on_view(table.id) == []
    assert now(compound).get_value_content("Comment", activity) is None
    assert compound.get_value_content("SMILES", activity) == "C"
    with pytest.raises(ValidationError, match="is not on table"):
        compound.add_value("Comment", "again", activity, record_view_id=table.id)
    with pytest.raises(ValidationError, match="are not in operation"):
        activity.remove_records([compound.id], record_view_id=table.id)


def test_an_import_into_one_table_is_on_that_table(client: KaleidoscopeClient) -> None:
    """It is on no other; and who leaves its only table takes along what it holds in the activity."""
    activity = rerun(client, "Run", "Screening experiment")
    (first,) = activity.record_views
    link(client, "Second", "Screening experiment")
    row = {"Compound": "CPD-7", "Comment": "imported"}
    client.imports.wait(
        client.imports.push_data(["Compound"], [row], operation_id=activity.id, record_view_id=first.id)
    )
    activity = again(client, activity)
    record = client.records.get_record_by_id({"Compound": "CPD-7"})
    assert record is not None

    second = next(table for table in activity.record_views if table.id != first.id)
    assert [len(activity.records_on_view(table.id)) for table in (first, second)] == [1, 0]
    record.add_value("SMILES", "C", activity)
    activity.remove_records([record.id], record_view_id=first.id)
    assert again(client, activity).all_record_ids == []
    assert [value for value in record.get_values() if value.operation_id is not None] == []


def test_a_definition_has_the_tables_of_its_activities(client: KaleidoscopeClient) -> None:
    """And follows them when an activity changes its definition."""
    activity = rerun(client, "Run", "Screening experiment")
    rerun(client, "Bare")

    def tables(title: str) -> set[str]:
        definition = client.activities.get_definition_by_id(title)
        assert definition is not None
        return {str(view.view_name) for view in definition.record_views}

    assert tables("Screening experiment") == {"Kinase screen Main", "Run Main"}
    activity.update(definition_id="Assay results registration")
    client.clear_caches()
    assert tables("Screening experiment") == {"Kinase screen Main"}
    assert "Run Main" in tables("Assay results registration")


# -- the scope of an activity -----------------------------------------------------------------------------------------


@pytest.fixture
def measured(client: KaleidoscopeClient, compound: Record) -> tuple[Activity, Activity]:
    """Two activities with the compound; it has a purity outside of both, in the first, and in the second none."""
    first, second = rerun(client, "First"), rerun(client, "Second")
    for activity in (first, second):
        activity.add_records([compound.id])
    compound.add_value("Purity (%)", 90, first)
    compound.add_value("Purity (%)", 50)
    return first, second


def test_reads_in_an_activity_agree(
    client: KaleidoscopeClient, compound: Record, measured: tuple[Activity, Activity], tmp_path: Path
) -> None:
    """Client, search and export see the activity's own value, or none; outside of activities the newest of all."""

    def searched(**scope: Any) -> set[str]:
        numbers = ("50", "90")
        return {
            number
            for number in numbers
            if compound.id
            in client.records.search_records(
                entity_field_filters=[{"field_id": "Purity (%)", "filter_type": "is_equal", "filter_prop": number}],
                **scope,
            )
        }

    def exported(**scope: Any) -> str | None:
        path = client.exports.pull_data("c.csv", "Compound", str(tmp_path), **scope)
        return next(row.get("Purity (%)") for row in rows_of(path) if row["Compound"] == "CPD-1")

    compound.refetch()
    expected: list[tuple[Activity | None, str | None]] = [(measured[0], "90"), (measured[1], None), (None, "50")]
    for activity, number in expected:
        scope = {"operation_id": activity.id} if activity else {}
        assert compound.get_value_content("Purity (%)", activity) == number
        assert searched(**scope) == ({number} if number else set())
        assert exported(**scope) == number


def test_an_export_of_a_table_has_its_rows_and_values(
    client: KaleidoscopeClient, compound: Record, measured: tuple[Activity, Activity], tmp_path: Path
) -> None:
    """Its own and those of its activity outside of tables; a table of another activity is refused."""
    first, second = measured
    (table,) = first.record_views
    other = client.records.get_or_create_record({"Compound": "CPD-2"})
    first.add_records([other.id])
    first.remove_records([other.id], record_view_id=table.id)
    key = client.entity_fields.get_key_field_by_id("Compound")
    comment = client.entity_fields.get_data_field_by_id("Comment")
    assert key is not None
    assert comment is not None
    client.imports.wait(
        client.imports.push_data_by_field_id(
            [key.id], [{key.id: "CPD-1", comment.id: "seen"}], operation_id=first.id, record_view_ids=[table.id]
        )
    )

    path = client.exports.pull_data("t.csv", "Compound", str(tmp_path), record_view_id=table.id)

    assert rows_of(path) == [{"Compound": "CPD-1", "Comment": "seen"}]
    with pytest.raises(ValidationError, match="is not a table of operation"):
        client.exports.pull_data("t.csv", "Compound", str(tmp_path), record_view_id=table.id, operation_id=second.id)
