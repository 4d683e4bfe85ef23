"""What was exported can be imported again, and makes the same export."""

from __future__ import annotations

import csv
import io

import pytest

from kalbio.sandbox import Sandbox
from kalbio.sandbox.contract import load_contract
from tests.sandbox.wire import Api, Json

FILE_TYPES = ("file", "image")
# contents that differ in what a table may make of them, for each type of field
SAMPLES: dict[str, list[Json]] = {
    "text": ["a, b", '["a"]', "true", "0042", " x ", 'two\r\nlines "quoted"', "5", "{}", "null"],
    "number": ["4.50", 3, -0.25, 2**53 + 1, "1e-7"],
    "boolean": [True, False],
    "date": ["2026-01-31", "2026-01-31T10:00:00.5+02:00"],
    "multiselect": [["a"], ["a, b", "c"], ['["a"]'], ["5", ""], ["true"]],
    "people": [["Ada", "Grace"], ["null"]],
    "URL": [["https://example.org/?a=1,2", "https://example.org/"], ["x"]],
    "select": ["one", "[1]"],
}
ANYTHING: list[Json] = [
    "<5", "5", 5, 2.5, True, "true", {"qualifier": "<", "value": 5}, [1, "a", None], {"a": {}}, "[", '"x"', ["a"],
]  # fmt: skip
TEXTS = ("smiles-string", "molfile", "email", "phone", "formula", "dna-oligo", "rna-oligo", "peptide", "plasmid",
         "status", "rxn", "protein-structure", "snowflake-query")  # fmt: skip


def samples(kind: str) -> list[Json]:
    """Contents of a field of this type."""
    return SAMPLES.get(kind) or (["CCO", "[H]O[H]", "1"] if kind in TEXTS else ANYTHING)


def exported(api: Api) -> str:
    """The drugs with all their fields."""
    piece = next(piece for piece in api.read("/entity_slices") if piece["slice_name"] == "Drug")
    by_name = {"field_id": api.key("Drug"), "descending": False}
    query = {"entity_slice_id": piece["id"], "entity_field_sorts": [by_name]}
    return api.get("/records/export/csv", filename="x.csv", **query).body.decode()


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of an export."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def pushed(api: Api, rows: list[dict[str, Json]]) -> Json:
    """The result of an import of drugs."""
    import_id = api.post("/push/imports", {"key_field_names": ["Drug"], "data": rows})["import_id"]
    return api.read(f"/imports/{import_id}")["import_result"]


def contents(api: Api, name: str, field: str) -> list[Json]:
    """All contents of a field, newest first."""
    record = api.post("/records", {"key_field_to_value": {api.key("Drug"): name}})["id"]
    return [value["content"] for value in api.read(f"/records/{record}/values") if value["field_id"] == field]


@pytest.mark.parametrize("kind", sorted(load_contract().known_values("FieldType")))
def test_an_export_of_each_type_comes_back(bare: Api, kind: str) -> None:
    """Rows of an export change nothing when they are imported: neither contents nor the next export."""
    field = bare.field("Cell", kind)
    records = [bare.record(Drug=f"D{n}")["id"] for n in range(12)]
    if kind in FILE_TYPES:
        for record in records[:2]:
            bare.upload(f"/records/{record}/values/file", 'a, "b".txt', b"1", {"field_id": field})
    else:
        wanted = records[-2:] if kind == "record-reference" else samples(kind)
        for record, content in zip(records, wanted, strict=False):
            bare.value(record, field, content)
    before = exported(bare)

    result = pushed(bare, rows_of(before))

    assert (result["records_skipped"], result["records_created"], result["fields_added"]) == (0, 0, 0), result
    assert exported(bare) == before
    for number in range(len(records)):
        found = contents(bare, f"D{number}", field)
        assert found[:1] == found[-1:]
        assert len(found) in (0, 2)


def test_an_export_comes_back_in_another_workspace(bare: Api) -> None:
    """Where none of its fields is there, the types are guessed, no row is refused, and the export is the same."""
    for kind in sorted(load_contract().known_values("FieldType") - {*FILE_TYPES, "record-reference"}):
        for number, content in enumerate(samples(kind)):
            bare.value(bare.record(Drug=f"D{number:02}")["id"], bare.field(kind, kind), content)
    before = exported(bare)

    with Sandbox(seed="empty") as sandbox:
        other = Api(sandbox)
        result = pushed(other, rows_of(before))
        kinds = {field["field_name"]: field["field_type"] for field in other.read("/data_fields")}
        after = exported(other)

    assert result["records_skipped"] == 0, result
    assert after == before
    assert {kind: kinds[kind] for kind in ("number", "boolean", "date", "text", "multiselect")} == {
        "number": "number", "boolean": "boolean", "date": "date", "text": "text", "multiselect": "text",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "cells", "kept"),
    [
        ("number", [1, 2.5, "3.10", None, ""], ["1", "2.5", "3.10"]),
        ("number", ["1.10", "-7E-3"], ["1.10", "-7E-3"]),
        ("boolean", [True, None, False], [True, False]),
        ("boolean", ["true", True], [True, True]),
        ("date", ["2026-01-31", "2026-01-31T00:00:00"], ["2026-01-31", "2026-01-31T00:00:00"]),
        ("multiselect", [["a"], ["b", "c"]], [["a"], ["b", "c"]]),
        ("text", ["0042", "7"], ["0042", "7"]),
        ("text", ["1e999", "NaN"], ["1e999", "NaN"]),
        ("text", [1, "n.d.", True], ["1", "n.d.", "true"]),
        ("text", [["a"], "b", [1]], ['["a"]', "b", "[1]"]),
        ("text", [{"q": "<"}, 2.0, False], ['{"q":"<"}', "2", "false"]),
        ("text", ["2026-01-31", "soon"], ["2026-01-31", "soon"]),
        ("text", [None, ""], []),
    ],
)
def test_a_new_column_takes_the_rows_it_came_from(bare: Api, kind: str, cells: list[Json], kept: list[Json]) -> None:
    """Its type suits every cell, decided over all rows; no row is refused, and no cell is a repr of Python."""
    result = pushed(bare, [{"Drug": f"D{number}", "Cell": cell} for number, cell in enumerate(cells)])

    (field,) = bare.read("/data_fields")
    assert field["field_type"] == kind
    assert result["records_skipped"] == 0, result
    found = [content for number in range(len(cells)) for content in contents(bare, f"D{number}", field["id"])]
    assert found == kept
    again = pushed(bare, [{"Drug": f"D{number}", "Cell": cell} for number, cell in enumerate(cells)])
    assert again["records_skipped"] == 0, again


def test_each_import_decides_for_itself(bare: Api) -> None:
    """The first one makes the field; rows of a later one that do not suit it are left out and explained."""
    pushed(bare, [{"Drug": "A", "Cell": 1}])

    result = pushed(bare, [{"Drug": "B", "Cell": "n.d."}])

    (error,) = result["validation_result"]["errors"]
    assert (result["records_skipped"], error["field_name"], error["value"]) == (1, "Cell", "n.d.")


def test_a_list_is_no_key(bare: Api) -> None:
    """A row whose key is a list or an object is left out."""
    result = pushed(bare, [{"Drug": ["a"], "Cell": 1}, {"Drug": {"a": 1}}, {"Drug": "A"}])

    assert (result["records_created"], result["records_skipped"]) == (1, 2)
