from __future__ import annotations

import csv
import io

from tests.sandbox.wire import Api, Json


def _rows(api: Api, **query: Json) -> list[list[str]]:
    answer = api.get("/records/export/csv", filename="out.csv", **query)
    assert answer.status == 200, answer.body
    return list(csv.reader(io.StringIO(answer.body.decode(), newline="")))


def test_an_export_is_plain_csv(bare: Api) -> None:
    """Exactly text/csv under the name asked for; key fields, then every data field with a value."""
    record = bare.record(Drug='A, "B"')
    bare.record(Drug="C")
    bare.field("Unused")
    bare.value(record["id"], bare.field("Mass", "number"), 4.50)
    bare.value(record["id"], bare.field("Safe", "boolean"), False)
    bare.value(record["id"], bare.field("Tags", "multiselect"), ["x", "y"])
    answer = bare.get("/records/export/csv", filename="out.csv", entity_slice_id=record["entity_slice_id"])

    headers = dict(answer.headers)
    assert (headers["content-type"], headers["content-disposition"]) == ("text/csv", 'attachment; filename="out.csv"')
    by_name = {"field_id": bare.key("Drug"), "descending": False}
    assert _rows(bare, entity_slice_id=record["entity_slice_id"], entity_field_sorts=[by_name]) == [
        ["Drug", "Mass", "Safe", "Tags"],
        ['A, "B"', "4.5", "false", '["x","y"]'],
        ["C", "", "", ""],
    ]


def test_a_view_decides_the_columns(api: Api) -> None:
    """With a view its columns come in its order, and view_field_ids picks among them."""
    view = next(v for v in api.read("/record_views") if v["view_name"] == "Main" and not v["is_template"])
    query = {"entity_slice_id": view["entity_slice_id"], "record_view_id": view["id"]}
    columns = [column["id"] for column in view["view_fields"]]

    assert _rows(api, **query)[0] == ["Compound", "SMILES", "Potency (nM)", "Soluble"]
    assert _rows(api, **query, view_field_ids=columns[2])[0] == ["Compound", "Soluble"]
    assert api.get("/records/export/csv", filename="x", **query, view_field_ids="nope").status == 400


def test_an_export_takes_the_conditions_of_a_search(api: Api) -> None:
    """Filters, text and identifiers narrow the rows."""
    record = api.record(Compound="SBX-2")
    query = {"entity_slice_id": record["entity_slice_id"]}
    rule = {"field_id": api.key("Compound"), "filter_type": "ends_with", "filter_prop": "3"}

    assert [row[0] for row in _rows(api, **query, entity_field_filters=[rule])[1:]] == ["SBX-3"]
    assert [row[0] for row in _rows(api, **query, identifier_ids=",".join(record["identifier_ids"]))[1:]] == ["SBX-2"]
    assert api.get("/records/export/csv", filename="x", entity_slice_id="nope").status == 400
