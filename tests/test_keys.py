"""The one rule for key values, in every call that takes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pandas
import pytest
from kaleidoscope_api.operations import OPERATIONS

from kalbio import IdentifierError
from tests.altered import body_of
from tests.conftest import Lab, World
from tests.demo import NOWHERE

NO_KEYS = [
    1.0, 1.5, True, ["a"], {"a": 1}, date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC), Decimal(1), uuid4(), b"a",
]  # fmt: skip
NOTHING = [None, "", " \t", float("nan"), pandas.NA, pandas.NaT]


Call = Callable[[Any], Any]


@pytest.fixture
def calls(lab: Lab, world: World) -> dict[str, Call]:
    """Each way in for key values, as a call that takes one."""
    api = lab.api
    activity = world(api.activities.create_activity("B", "experiment", activity_definition_id="Batch registration"))
    record = world(api.records.get_record_by_id({"Compound": "SBX-1"}))
    view = world(api.record_views.get_record_views())[0]
    row = {"record_id": record.id, "status": "ok"}

    def moved(value: Any) -> Any:
        return [{"record_id": record, "key_field_name_to_value": {"Compound": "SBX-1", "Salt form": value}}]

    return {
        "get_or_create_record": lambda key: api.records.get_or_create_record({"Compound": key}),
        "get_or_create_records": lambda key: api.records.get_or_create_records([{"Compound": key}]),
        "get_record_by_id": lambda key: api.records.get_record_by_id({"Compound": key}),
        "push_data": lambda key: api.imports.push_data(["Compound"], [{"Compound": key}]),
        "push_data in batches": lambda key: api.imports.push_data(["Compound"], [{"Compound": key}], batch_size=5),
        "push_data_by_field_id": lambda key: api.imports.push_data_by_field_id(["Compound"], [{"Compound": key}]),
        "stage_drafts": lambda key: api.registration.stage_drafts(activity, ["Compound"], [{"Compound": key}]),
        "submit_results": lambda key: api.registration.submit_results(
            activity, NOWHERE, "success", key_field_names=["Compound"], records=[{**row, "data": {"Compound": key}}]
        ),
        "submit_submission_results": lambda key: api.registration.submit_submission_results(
            activity, NOWHERE, "success", key_field_names=["Compound"], records=[{**row, "data": {"Compound": key}}]
        ),
        "extend_view": lambda key: view.extend_view(
            {"new_key_field_name": "Salt form", "records_to_transfer": moved(key)}
        ),
        "replace_key_fields": lambda key: view.replace_key_fields(
            {"add_key_field_names": ["Salt form"], "records_to_transfer": moved(key)}
        ),
    }


def written(lab: Lab, since: int) -> list[str]:
    """Return the operations since then that are no mere reads."""
    return [name for name in lab.operations()[since:] if OPERATIONS[name].method != "GET"]


def test_what_is_no_key_is_refused_by_every_call(lab: Lab, world: World, calls: dict[str, Call]) -> None:
    """Floats, truth values, lists, dates and the rest are no keys for any call, and nothing is sent."""
    for name, call in calls.items():
        for value in [*NO_KEYS, *NOTHING]:
            since = len(lab.operations())
            with pytest.raises(IdentifierError, match=r"key field 'Compound'|key field 'Salt form'") as caught:
                world(call(value))
            assert written(lab, since) == [], (name, value)
            empty = any(value is nothing for nothing in NOTHING)
            assert empty or "must be text or a whole number" in str(caught.value)


def test_whole_numbers_go_out_as_their_digits(lab: Lab, world: World) -> None:
    """A whole number, also one of an array library, is the same key in every call: its digits as text."""
    whole = pandas.Series([42])[0]
    record = world(lab.api.records.get_or_create_record({"Compound": 42}))
    for number in (42, whole, "42"):
        for push, operation in (
            (lab.api.imports.push_data, "pushImport"),
            (lab.api.imports.push_data_by_field_id, "pushImportByFieldId"),
        ):
            job = world(lab.api.imports.wait(world(push(["Compound"], [{"Compound": number}]))))
            assert list(body_of(lab, operation)["data"][0].values()) == ["42"]
            assert (job.import_result.records_created, job.import_result.records_updated) == (0, 1)
        assert world(lab.api.records.get_or_create_record({"Compound": number})) == record


def test_numbers_that_gaps_made_float_are_explained(lab: Lab, world: World) -> None:
    """A column of whole numbers with a gap, as pandas reads it, is refused with the cause and both cures."""
    rows = pandas.DataFrame({"Compound": [1, None, 3], "Comment": "x"}).to_dict("records")
    with pytest.raises(IdentifierError) as caught:
        world(lab.api.imports.push_data(["Compound"], rows))

    text = str(caught.value)
    assert "data[0], data[2]: the value of key field 'Compound' must be text or a whole number, not float (1.0)" in text
    assert "makes whole numbers float where a column has gaps" in text
    assert "dtype=str" in text
    assert "dtype='Int64'" in text
    assert "data[1] has no value for the key field 'Compound'" in text
    cured = pandas.DataFrame({"Compound": [1, None, 3]}, dtype="Int64").to_dict("records")
    with pytest.raises(IdentifierError, match=r"^data\[1\] has no value for the key field 'Compound'.$"):
        world(lab.api.imports.push_data(["Compound"], cured))
    assert lab.operations() == []


def test_all_rows_without_a_key_are_named(lab: Lab, world: World) -> None:
    """Every row that lacks a key value is named, those in sequence together, whichever call takes the rows."""
    keys = ["A", "", "B", None, " ", "", "C", float("nan")]
    rows = [{"Compound": key} for key in keys]
    told = r"{0}\[1\], {0}\[3:6\], {0}\[7\] have no value for the key field 'Compound'"
    activity = lab.client.activities.create_activity("B", "experiment", activity_definition_id="Batch registration")
    since = len(lab.operations())

    pushes: tuple[Callable[[], Any], ...] = (
        lambda: lab.api.imports.push_data(["Compound"], rows),
        lambda: lab.api.imports.push_data(["Compound"], rows, batch_size=2),
        lambda: lab.api.imports.push_data_by_field_id(["Compound"], rows),
        lambda: lab.api.registration.stage_drafts(activity, ["Compound"], rows),
    )
    for call in pushes:
        with pytest.raises(IdentifierError, match=told.format("data")):
            world(call())
    with pytest.raises(IdentifierError, match=told.format("rows")):
        world(lab.api.records.get_or_create_records(rows))
    assert written(lab, since) == []


def test_very_many_rows_without_a_key_are_counted(lab: Lab, world: World) -> None:
    """After a thousand places the other rows are counted."""
    rows = [{"Compound": "" if number % 2 else "A"} for number in range(3000)]
    with pytest.raises(IdentifierError, match=r", data\[1999\] and 500 more rows have no value"):
        world(lab.api.imports.push_data(["Compound"], rows))


def test_a_table_without_the_key_column_names_its_columns(lab: Lab, world: World) -> None:
    """Where no row has the column of a key field, the error says so, with the columns that are there."""
    rows = [{"compound": "A", "Comment": "x"}, {"compound": "B"}]
    told = (
        r"^data\[0:2\] have no value for the key field 'Compound'\. No row has a column 'Compound'; the columns are"
        r" 'compound', 'Comment'\. Did you mean 'compound'\?$"
    )
    with pytest.raises(IdentifierError, match=told):
        world(lab.api.imports.push_data(["Compound"], rows))
    assert lab.operations() == []
