"""Cells of imports: the forms that are sent, and the fields that a load in batches makes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas
import pytest

from kalbio import IdentifierNotFoundError
from tests.altered import body_of
from tests.conftest import Lab, World
from tests.demo import NOWHERE


def push(lab: Lab, world: World, column: str, cells: list[Any], **options: Any) -> Any:
    """Push one column, a row for each cell, two at a time."""
    rows = [{"Compound": f"C-{number}", column: cell} for number, cell in enumerate(cells)]
    return world(lab.api.imports.push_data(["Compound"], rows, **{"batch_size": 2, **options}))


CELLS = [
    (5, 5), (2.5, 2.5), (True, True), ("0042", "0042"), ("", ""), (Decimal("2.50"), "2.50"),
    (date(2026, 3, 1), "2026-03-01"), (pandas.Timestamp("2026-03-01"), "2026-03-01"),
    (pandas.Timestamp("2026-03-01T09:30", tz="UTC"), "2026-03-01T09:30:00+00:00"),
    (datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "2026-03-01T09:30:00+00:00"),
    (pandas.Series([7])[0], 7), (pandas.Series([True])[0], True),
]  # fmt: skip


def test_only_known_forms_of_cells_are_sent(lab: Lab, world: World) -> None:
    """Cells travel as numbers, texts and booleans; None does not travel at all."""
    rows = [{"Compound": f"C-{number}", "Comment": cell} for number, (cell, _) in enumerate(CELLS)]
    rows.append({"Compound": "C", "Comment": None})
    activity = lab.client.activities.create_activity("B", "experiment", activity_definition_id="Batch registration")
    purity = [{**row, "Purity (%)": row["Comment"]} for row in rows]
    for row in purity:
        del row["Comment"]
    ways: tuple[tuple[str, str, str, Callable[[], Any]], ...] = (
        ("Comment", "pushImport", "data", lambda: lab.api.imports.push_data(["Compound"], rows)),
        ("", "pushImportByFieldId", "data", lambda: lab.api.imports.push_data_by_field_id(["Compound"], rows)),
        (
            "Purity (%)", "createImport", "data_json",
            lambda: lab.api.registration.stage_drafts(activity, ["Compound"], purity),
        ),
    )  # fmt: skip
    for column, operation, member, send in ways:
        world(send())
        sent = body_of(lab, operation)[member]
        name = column or next(key for key, value in sent[0].items() if value == 5)
        assert json.dumps([row[name] for row in sent[:-1]]) == json.dumps([form for _, form in CELLS])
        assert len(sent[-1]) == 1


@pytest.mark.parametrize("cell", [["a", "b"], ("a",), {"a": 1}, []])
def test_cells_of_several_things_are_refused(lab: Lab, world: World, cell: Any) -> None:
    """A list or a dict in a cell is refused before anything is sent, with the row, the column and the other way."""
    rows = [{"Compound": "A", "Comment": "x"}, {"Compound": "B", "Comment": cell}]
    calls: tuple[Callable[[], Any], ...] = (
        lambda: lab.api.imports.push_data(["Compound"], rows),
        lambda: lab.api.imports.push_data(["Compound"], rows, batch_size=1),
        lambda: lab.api.imports.push_data_by_field_id(["Compound"], rows),
        lambda: lab.api.registration.stage_drafts("B", ["Compound"], rows),
    )
    for call in calls:
        with pytest.raises(ValueError, match=r"data\[1\]\[.*\] is .*: a cell of an import is text.*add_values"):
            world(call())
    assert all(name in ("listKeyFields", "listDataFields") for name in lab.operations())


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        ([1, 2.5, 3, Decimal(4)], "number"),
        ([1, 2, 3, "n.d."], "text"),
        ([True, False, None, True], "boolean"),
        ([True, False, 3, 4], "text"),
        ([date(2026, 3, 1), None, pandas.Timestamp("2026-03-01"), datetime(2026, 3, 1, tzinfo=UTC)], "date"),
        ([date(2026, 3, 1), None, "later", None], "text"),
        (["1", "2", "3", "4"], "text"),
        (["2026-03-01", "2026-03-02", "", "x"], "text"),
        ([None, "", None, 5], "number"),
        ([*pandas.Series([1, 2, 3])], "number"),
    ],
)
def test_all_batches_decide_on_the_type_of_a_column(lab: Lab, world: World, cells: list[Any], wanted: str) -> None:
    """The field is made before the first batch, of a type that takes the cells of all, and no row is refused."""
    result = push(lab, world, "Reading", cells)

    assert result.ok
    field = world(lab.api.entity_fields.get_data_field_by_id("Reading"))
    assert field.field_type == wanted
    calls = [name for name in lab.operations() if name in ("getOrCreateDataField", "pushImport")]
    assert calls == ["getOrCreateDataField"] + ["pushImport"] * 2


def test_fields_that_are_there_stay_as_they_are(lab: Lab, world: World) -> None:
    """No field is made for a column that has one, for one without cells, nor for keys; a second run makes none."""
    world(lab.api.entity_fields.get_or_create_data_field("Reading", "text"))
    since = len(lab.operations())
    assert push(lab, world, "Reading", [1, 2, 3]).ok
    assert push(lab, world, "Void", [None, None, None]).ok
    assert push(lab, world, "New", [1, 2, 3]).ok
    assert push(lab, world, "New", [1, 2, 3]).ok
    assert lab.operations()[since:].count("getOrCreateDataField") == 1
    assert world(lab.api.entity_fields.get_data_field_by_id("Reading")).field_type == "text"


def test_views_cannot_gain_what_no_import_makes(lab: Lab, world: World) -> None:
    """Views that are to gain new columns are refused with a batch_size, before anything is made, with the way out."""
    with pytest.raises(ValueError, match="push some rows with 'New' without a batch_size first"):
        push(lab, world, "New", [1, 2, 3], add_fields_to_record_view_ids=[NOWHERE])
    assert set(lab.operations()) <= {"listDataFields"}
    with pytest.raises(IdentifierNotFoundError):
        push(lab, world, "New", [1, 2, 3], add_fields_to_record_view_ids=["my table"])
