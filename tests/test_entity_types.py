"""Entity types: found by name and by their set of key fields."""

from __future__ import annotations

from typing import Any

import pytest

from tests.altered import query_of
from tests.conftest import Lab, World


def test_types_are_found_by_their_key_fields(lab: Lab, world: World) -> None:
    """The exact set of key fields finds one type whatever the order; a part of it finds all types that contain it."""
    api = lab.api.entity_types
    compound, batch = (world(lab.api.entity_fields.get_key_field_by_id(name)) for name in ("Compound", "Batch"))
    single = world(api.get_type_exact_keys([compound.id]))
    pair = world(api.get_type_exact_keys([batch, "Compound"]))
    assert (single.key_field_ids, set(pair.key_field_ids)) == ([compound.id], {compound.id, batch.id})
    assert world(api.get_types_with_key_fields(["Compound"])) == [single, pair]
    assert world(api.get_types_with_key_fields(["Batch"])) == [pair]
    assert world(api.get_types_with_key_fields([])) == []
    assert world(api.get_type_exact_keys([])) is None
    assert world(api.get_type_exact_keys(["Batch"])) is None


def test_types_are_found_by_name(lab: Lab, world: World) -> None:
    """A name that was given elsewhere is found after one fresh listing; an unknown one gives None."""
    kinds = world(lab.api.entity_types.get_types())
    named = [kind for kind in kinds if kind.slice_name]
    for kind in named:
        assert world(lab.api.entity_types.get_type_by_name(kind.slice_name)) == kind
    assert world(lab.api.entity_types.get_type_by_name("nothing")) is None
    lab.client.entity_fields.get_or_create_key_field("Plate")
    lab.client.records.get_or_create_record({"Plate": "P1"})
    before = len(lab.operations())
    assert world(lab.api.entity_types.get_type_exact_keys(["Plate"])) is not None
    assert lab.operations()[before:] == ["listKeyFields", "listEntitySlices"]


def test_the_records_of_a_type(lab: Lab, world: World) -> None:
    """A type gives the ids of its records with one search."""
    kind = world(lab.api.entity_types.get_type_exact_keys(["Compound"]))
    ids = world(kind.get_record_ids())
    assert query_of(lab, "searchRecords") == {"entity_slice_id": kind.id}
    assert len(ids) == 5


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.get_types_with_key_fields("Compound"),
        lambda api: api.get_types_with_key_fields(["Compond"]),
        lambda api: api.get_type_exact_keys(["Comment"]),
        lambda api: api.get_type_exact_keys([None]),
        lambda api: api.get_type_by_name(""),
    ],
)
def test_bad_input_is_refused(lab: Lab, world: World, call: Any) -> None:
    """Names that are no key fields, and single texts in place of lists, raise."""
    with pytest.raises(ValueError, match=r".+"):
        world(call(lab.api.entity_types))


def test_a_type_of_several_keys_is_called_by_them(lab: Lab, world: World) -> None:
    """A type without a name shows its key fields where they are known already; no request is made for that."""
    record = world(lab.api.records.get_or_create_record({"Compound": "SBX-1", "Batch": "9"}))
    kind = next(item for item in world(lab.api.entity_types.get_types()) if item.id == record.entity_slice_id)
    kind = type(kind)({**kind.to_dict(), "slice_name": None}, lab.api)
    names = [field.field_name for field in world(lab.api.entity_fields.get_key_fields())]
    before = len(lab.exchanges)
    assert {"Compound", "Batch"} <= set(names)
    shown = " + ".join(name for name in names if name in ("Compound", "Batch"))
    assert repr(kind) == f"<EntityType '{shown}' {kind.id[:8]}>"
    lab.api.clear_caches()
    assert repr(kind) == f"<EntityType {kind.id[:8]}>"
    assert len(lab.exchanges) == before
