"""Columns in which commas stand before the decimals, and points may stand between thousands."""

from __future__ import annotations

from pathlib import Path

import pytest

from kalbio.loading import LoadRefusedError
from tests.conftest import Lab


def load(lab: Lab, path: Path, text: str, **options: object) -> dict[str, object]:
    """Load a file of the columns Compound and MW as far as it goes, and return what the records hold."""
    path.write_text(text, encoding="utf-8")
    lab.client.entity_fields.get_or_create_data_field("MW", "number")
    lab.client.records.upsert(path, key="Compound", on_error="continue", **options)  # type: ignore[arg-type]
    rows = lab.client.records.table("Compound", fields=["Compound", "MW"]).to_rows()
    return {str(row["Compound"]): row["MW"] for row in rows if row["MW"] is not None}


@pytest.mark.parametrize("other", ["1,5", "1.234,5", "1 234,5", "-0,25", "1.234.567", "<1,5", "1,5 mg"])
def test_a_point_beside_decimal_commas_is_in_doubt(lab: Lab, tmp_path: Path, other: str) -> None:
    """Beside a decimal comma in a column of numbers, a cell with three digits behind a point is refused."""
    text = f"Compound;MW\nD-1;{other}\nD-2;1.234\nD-3;-12.500\nD-4;0.125\nD-5;12.5\nD-6;7\n"
    assert load(lab, tmp_path / "de.csv", text) == {"D-4": 0.125, "D-5": 12.5, "D-6": 7.0}
    with pytest.raises(LoadRefusedError, match=r"'1.234' may be thousands or a fraction.*\[\"grouped-by-points\""):
        lab.client.records.upsert(tmp_path / "de.csv", key="Compound")


def test_the_cure_loads_the_column(lab: Lab, tmp_path: Path) -> None:
    """The converters that the refusal names make numbers of all cells."""
    text = "Compound;MW\nD-1;1,5\nD-2;1.234,5\nD-3;1.234\nD-4;-1.234.567\nD-5;12.5\n"
    chain = {"MW": ["grouped-by-points", "decimal-comma"]}
    found = load(lab, tmp_path / "de.csv", text, converters=chain)
    assert found == {"D-1": 1.5, "D-2": 1234.5, "D-3": 1234.0, "D-4": -1234567.0, "D-5": 12.5}


def test_points_are_decimals_where_no_comma_says_otherwise(lab: Lab, tmp_path: Path) -> None:
    """A column without decimal commas is read as it stands; commas in columns of text are no matter."""
    text = 'Compound,MW,Comment\nD-1,1.234,"1,5"\nD-2,12.500,1.234\n'
    assert load(lab, tmp_path / "en.csv", text) == {"D-1": 1.234, "D-2": 12.5}
    comments = lab.client.records.table("Compound", fields=["Comment"])["Comment"]
    assert {"1,5", "1.234"} <= set(comments)


def test_thousands_alone_are_noted_where_semicolons_separate(lab: Lab, tmp_path: Path) -> None:
    """Numbers that all look like thousands load as fractions, and the plan of a file with semicolons says so."""
    lab.client.entity_fields.get_or_create_data_field("MW", "number")
    plan = lab.client.records.plan_upsert
    path = tmp_path / "t.csv"
    for separator, cells, noted in (
        (";", ("1.234", "12.500", "2.000"), True), (";", ("1.234", "12.5"), False), (";", ("1.234", "0.125"), False),
        (",", ("1.234", "12.500"), False), (";", ("1.234",), True),
    ):  # fmt: skip
        lines = [f"C-{number}{separator}{cell}{separator}1.234" for number, cell in enumerate(cells)]
        path.write_text("\n".join([f"Compound{separator}MW{separator}Comment", *lines]), encoding="utf-8")
        notes = [note for note in plan(path, key="Compound").notes if "thousands" in note]
        assert bool(notes) == noted
        if noted:
            (note,) = notes
            assert note.startswith(
                "'MW': all cells have three digits behind a point, as '1.234', and count as fractions"
            )
    chain = {"MW": ["grouped-by-points", "decimal-comma"]}
    assert plan(path, key="Compound", converters=chain).notes == ()
