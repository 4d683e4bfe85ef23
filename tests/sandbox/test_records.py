from __future__ import annotations

import re

from tests.sandbox.wire import Api

_MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_MICROSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{0,5}[1-9]|0)\+00:00")


def test_the_same_keys_give_the_same_record(bare: Api) -> None:
    """POST /records gets or creates."""
    first, second, other = bare.record(Drug="A"), bare.record(Drug="A"), bare.record(Drug="B")

    assert first == second
    assert other["id"] != first["id"]
    assert first["record_identifier"] == "A"


def test_an_unknown_key_set_makes_its_slice(bare: Api) -> None:
    """One key: a primary slice named after it. Several keys: an unnamed slice, whatever the order of the keys."""
    bare.record(Drug="A")
    pair = bare.record(Drug="A", Lot="1")
    again = bare.record(Lot="1", Drug="A")

    slices = bare.read("/entity_slices")

    assert again == pair
    assert [(s["slice_name"], s["is_primary"]) for s in slices] == [("Drug", True), ("", False)]
    assert slices[1]["key_field_ids"] == sorted(slices[1]["key_field_ids"])


def test_the_identifier_joins_keys_in_slice_order(bare: Api) -> None:
    """Several key values are joined in the order of the slice's key fields, and identifier_ids follow them."""
    pair = bare.record(Drug="A", Lot="1")
    by_id = {bare.key("Drug"): "A", bare.key("Lot"): "1"}

    assert pair["record_identifier"] == " | ".join(content for _, content in sorted(by_id.items()))
    assert pair["identifier_ids"] == [pair["record_values"][key][0]["id"] for key in sorted(by_id)]


def test_a_record_that_extends_the_keys_is_a_sub_record(bare: Api) -> None:
    """Both orders of creation connect parent and sub-record, and only those whose values agree."""
    early = bare.record(Drug="A", Lot="1")
    parent = bare.record(Drug="A")
    late = bare.record(Drug="A", Lot="2")
    bare.record(Drug="B", Lot="1")

    assert bare.read(f"/records/{parent['id']}")["sub_record_ids"] == sorted([early["id"], late["id"]])


def test_unknown_key_fields_and_empty_values_are_refused(bare: Api) -> None:
    """A record needs key fields that exist and values that say something."""
    key = bare.key("Drug")

    bare.post("/records", {"key_field_to_value": {"nope": "A"}}, 400)
    bare.post("/records", {"key_field_to_value": {key: ""}}, 400)
    bare.post("/records", {"key_field_to_value": {key: 5}}, 400)

    assert bare.read("/records/search") == []


def test_a_list_comes_in_id_order_and_skips_the_unknown(bare: Api) -> None:
    """The order asked for does not matter, encoded commas do not either."""
    ids = sorted((bare.record(Drug=name)["id"] for name in "ABCDE"), reverse=True)

    literal = bare.send("GET", "/records?record_ids=" + ",".join([*ids, "nope"])).json()

    assert [record["id"] for record in literal] == sorted(ids)
    assert bare.read("/records", record_ids=",".join(ids)) == literal
    assert bare.send("GET", "/records?record_ids=").json() == []


def test_the_two_forms_spell_time_differently(bare: Api) -> None:
    """Values have microseconds in the list form and milliseconds, truncated, in the single form."""
    record = bare.record(Drug="A")
    field, experiment = bare.field("Note"), bare.experiment()
    bare.attach(experiment["id"], record["id"])
    bare.value(record["id"], field, "x")

    listed = bare.read("/records", record_ids=record["id"])[0]
    single = bare.read(f"/records/{record['id']}")

    fine, coarse = (form["record_values"][field][0]["created_at"] for form in (listed, single))
    assert _MICROSECONDS.fullmatch(fine)
    assert _MILLISECONDS.fullmatch(coarse)
    assert fine[:-6].ljust(26, "0")[:23] == coarse[:23]
    for form in (listed, single):
        assert _MILLISECONDS.fullmatch(form["created_at"])
        assert _MICROSECONDS.fullmatch(form["operation_records_created_at"][experiment["id"]])


def test_key_values_are_bare(bare: Api) -> None:
    """A key entry has id and content, nothing else, and the fields stand in id order."""
    record = bare.record(Drug="A")
    for name in ("One", "Two", "Three"):
        bare.value(record["id"], bare.field(name), "x")

    shown = bare.read(f"/records/{record['id']}")

    assert set(shown["record_values"][bare.key("Drug")][0]) == {"id", "content"}
    assert list(shown["record_values"]) == sorted(shown["record_values"])


def test_identifiers_miss_in_two_ways(bare: Api) -> None:
    """A single look-up that misses gives []; many keep their places, with null for a miss."""
    record, key = bare.record(Drug="A"), bare.key("Drug")
    path = "/records/identifiers"

    assert bare.read(path, records_key_field_to_value=[{key: "zz"}]) == []
    found = bare.read(path, records_key_field_to_value=[{key: "zz"}, {key: "A"}, {"nope": "A"}, {key: "A"}])

    assert [match["record"] and match["record"]["id"] for match in found] == [None, record["id"], None, record["id"]]


def test_what_is_not_there_is_404(bare: Api) -> None:
    """Reading one record, its values or its operations by an unknown id."""
    for path in ("/records/nope", "/records/nope/values", "/records/nope/operations"):
        assert bare.get(path).status == 404


def test_thousands_of_records_travel_in_batches(bare: Api) -> None:
    """An import of 2,500 rows is read back 1,000 at a time."""
    rows = [{"Drug": f"D{n}", "Mass": n} for n in range(2500)]
    bare.post("/push/imports", {"key_field_names": ["Drug"], "data": rows})

    ids = bare.read("/records/search")
    seen = [
        r["record_identifier"]
        for i in range(0, 2500, 1000)
        for r in bare.read("/records", record_ids=",".join(ids[i : i + 1000]))
    ]

    assert sorted(seen) == sorted(f"D{n}" for n in range(2500))
