"""The history of a record as a table: `record.history("logP")`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kalbio import IdentifierNotFoundError, KalbioAPIError
from tests.altered import alter
from tests.conftest import Lab
from tests.requirements.test_caching import asked

COLUMNS = [
    "record_id", "field", "value", "author", "written_at", "activity", "table", "written_by", "activity_id", "table_id",
]  # fmt: skip


def compound(lab: Lab, key: str = "SBX-1") -> Any:
    """A record of the demo seed."""
    return lab.world(lab.api.records.get_record_by_id({"Compound": key}))


def test_a_history_has_values_of_the_type_of_the_field(lab: Lab) -> None:
    """The history of a field has every value, the newest first, in the type of the field, with names and ids."""
    world, record = lab.world, compound(lab)
    world(record.add_value("Potency (nM)", 3))
    history = world(record.history("Potency (nM)"))
    assert history.columns == COLUMNS
    assert history["value"] == [3.0, 12.5]
    assert history.schema["value"] == "double"
    assert history["field"] == ["Potency (nM)"] * 2
    assert history["activity"] == [None, "Kinase screen"]
    author = world(lab.api.workspace.get_members())[0]
    assert history["author"] == [author.email] * 2
    assert history["written_by"] == [author.id] * 2
    screen = world(lab.api.activities.get_activity_by_id("Kinase screen"))
    assert history["activity_id"] == [None, screen.id]
    assert history.record_ids == [record.id] * 2
    newest = history["written_at"][0]
    assert datetime.now(UTC) - newest < timedelta(days=400)
    assert newest > history["written_at"][1]
    assert "Kinase screen" in history._repr_html_()


def test_a_history_of_all_fields_is_text(lab: Lab) -> None:
    """Without a field all that was ever written is there, as it stands, since the fields have several types."""
    record = compound(lab)
    history = lab.world(record.history())
    assert sorted(zip(history["field"], history["value"], strict=True)) == [
        ("Potency (nM)", "12.5"), ("SMILES", "CCO"), ("Soluble", "true"),
    ]  # fmt: skip
    assert history["written_at"] == sorted(history["written_at"], reverse=True)


def test_a_history_of_an_activity_has_what_was_written_there(lab: Lab) -> None:
    """An activity or a table narrows the history, under their older names too."""
    world, record = lab.world, compound(lab)
    world(record.add_value("Potency (nM)", 3))
    view = next(
        view for view in world(lab.api.record_views.get_record_views()) if view.view_name == "Kinase screen Main"
    )
    world(record.add_value("Potency (nM)", 4, "Kinase screen", view))
    assert world(record.history("Potency (nM)", activity="Kinase screen"))["value"] == [4.0, 12.5]
    assert world(record.history("Potency (nM)", operation_id="Kinase screen"))["value"] == [4.0, 12.5]
    there = world(record.history("Potency (nM)", activity="Kinase screen", table=view))
    assert there["table"] == ["Kinase screen Main", None]


def test_a_history_reads_only_the_names_that_it_needs(lab: Lab) -> None:
    """The listings of members, activities and tables are read where a value names one, and once."""
    record = compound(lab, "SBX-2")
    sent = asked(lab, lab.world, lambda: record.history("SMILES"))
    assert sent == ["listDataFields", "listRecordValues", "listWorkspaceMembers"]
    assert asked(lab, lab.world, lambda: record.history("SMILES")) == ["listRecordValues"]


def test_names_that_may_not_be_read_are_ids(lab: Lab) -> None:
    """Where the credentials may not list the members, the ids stand for the names; another failure is an error."""
    world, record = lab.world, compound(lab)
    lab.fail("listWorkspaceMembers", status=403)
    history = world(record.history("SMILES"))
    assert history["author"] == history["written_by"]
    lab.fail("listWorkspaceMembers", status=500)
    with pytest.raises(KalbioAPIError):
        world(record.history("SMILES"))


def test_values_of_sub_records_are_not_the_record_s_own(lab: Lab) -> None:
    """Values of sub-records, which a server may list with those of a record, are no part of its history."""

    def more(values: Any) -> Any:
        return [*values, {**values[0], "id": "x", "record_id": "0a1b2c3d-0000-4000-8000-000000000009"}]

    alter(lab, "listRecordValues", more)
    assert len(lab.world(compound(lab).history())) == 3


def test_wrong_fields_are_errors_before_anything_is_sent(lab: Lab) -> None:
    """A key field has no history; an unknown field is an error with the close names; no value is no row."""
    world, record = lab.world, compound(lab)
    world(record.to_row())
    with pytest.raises(ValueError, match="'Compound' is a key field"):
        world(record.history("Compound"))
    with pytest.raises(IdentifierNotFoundError, match="Did you mean 'Potency"):
        world(record.history("Potency"))
    empty = world(record.history("Purity (%)"))
    assert len(empty) == 0
    assert empty.columns == COLUMNS
    assert empty.schema["value"] == "double"
