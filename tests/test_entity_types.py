"""Entity types: found by name and by their set of key fields."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kalbio import AmbiguousIdentifierError, IdentifierNotFoundError
from tests.altered import alter, query_of
from tests.conftest import Lab, World
from tests.demo import NOWHERE
from tests.rows import row


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
    assert lab.operations()[before:] == ["listKeyFields", "listEntitySlices", "listKeyFields"]


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


@pytest.fixture
def pair(lab: Lab) -> str:
    """The id of the type of compounds and batches, which has no name of its own."""
    kind = lab.client.entity_types.get_type_exact_keys(["Compound", "Batch"])
    assert kind is not None
    assert kind.slice_name == ""
    return kind.id


def test_a_type_of_several_keys_is_called_by_them(lab: Lab, world: World, pair: str) -> None:
    """A listed type without a name is shown by its key fields, in the order of these, wherever it stands."""
    kinds = world(lab.api.entity_types.get_types())
    kind = next(item for item in kinds if item.id == pair)
    names = [field.field_name for field in world(lab.api.entity_fields.get_key_fields())]
    assert names.index("Compound") < names.index("Batch")
    lab.api.clear_caches()
    before = len(lab.exchanges)
    assert (str(kind), kind.shown_name) == ("Compound + Batch", "Compound + Batch")
    assert repr(kind) == f"<EntityType 'Compound + Batch' {pair[:8]}>"
    assert "Compound + Batch" in kinds._repr_html_()
    assert len(lab.exchanges) == before
    for copied in (copy.copy(kind), copy.deepcopy(kind), pickle.loads(pickle.dumps(kind))):
        assert (copied, copied.shown_name) == (kind, "Compound + Batch")
    unlisted = type(kind)(kind.to_dict(), lab.api)
    assert (unlisted.shown_name, str(unlisted)) == ("", f"EntityType {pair[:8]}")


def test_a_shown_name_names_the_type(lab: Lab, world: World, pair: str, tmp_path: Path) -> None:
    """Wherever a type is accepted by its name, that of its key fields is accepted, and its id is sent."""
    records, shown = lab.api.records, "Compound + Batch"
    rows = [{"Compound": "SBX-1", "Batch": "B-77", "Comment": "x"}]
    calls: dict[str, Callable[[], Any]] = {
        "get_type_by_name": lambda: lab.api.entity_types.get_type_by_name(shown),
        "search_records": lambda: records.search_records(entity_slice_id=shown),
        "table": lambda: records.table(shown),
        "plan_upsert": lambda: records.plan_upsert(rows, key=["Compound", "Batch"], entity_type=shown),
        "upsert": lambda: records.upsert(rows, key=["Compound", "Batch"], entity_type=shown),
        "pull_data": lambda: lab.api.exports.pull_data("batches.csv", shown, tmp_path),
        "create_template": lambda: lab.api.result_table_templates.create_template(
            entity_slice_id=shown, data_field_ids=["Comment"], view_name="Batches"
        ),
    }
    for name, call in calls.items():
        with row(name):
            lab.api.clear_caches()
            before = len(lab.exchanges)
            result = world(call())
            asked = [item for item in lab.exchanges[before:] if pair in item.target or pair.encode() in item.body]
            assert asked or result.id == pair


def test_a_key_field_alone_leads_to_the_types_that_have_it(lab: Lab, world: World, pair: str) -> None:
    """The name of a key field that no type is called by is answered with the types of several fields that have it."""
    with pytest.raises(IdentifierNotFoundError, match=r"'Batch'\. Did you mean 'Compound \+ Batch'\?"):
        world(lab.api.records.table("Batch"))


def test_a_name_of_its_own_takes_no_key_fields(lab: Lab, world: World, pair: str) -> None:
    """A type that has a name is found by it in the list of types, and nothing else is asked for that."""
    before = len(lab.operations())
    world(lab.api.records.search_records(entity_slice_id="Compound"))
    assert lab.operations()[before:] == ["listEntitySlices", "searchRecords"]


def test_a_name_of_its_own_and_the_same_of_its_keys_is_ambiguous(lab: Lab, world: World, pair: str) -> None:
    """A name that one type has and another shows raises with the ids of both, before anything is sent."""
    other = NOWHERE
    alter(lab, "listEntitySlices", lambda items: [{**items[0], "id": other, "slice_name": "Compound + Batch"}, *items])
    before = len(lab.operations())
    with pytest.raises(AmbiguousIdentifierError) as caught:
        world(lab.api.records.search_records(entity_slice_id="Compound + Batch"))
    assert set(caught.value.candidates) == {other, pair}
    assert "searchRecords" not in lab.operations()[before:]


def test_an_unknown_type_is_told_with_the_shown_names(lab: Lab, world: World, pair: str) -> None:
    """A name that comes close, or has the key fields in another order, is told the one that is shown."""
    for name in ("Compound + Batches", "compound + batch", "Batch + Compound"):
        with row(name), pytest.raises(IdentifierNotFoundError, match="Did you mean") as caught:
            world(lab.api.records.table(name))
        assert caught.value.suggestions[0] == "Compound + Batch"


def test_a_renamed_key_field_renames_the_type(lab: Lab, world: World, pair: str) -> None:
    """The shown name follows a key field that was renamed, by this client or elsewhere."""
    types = lab.api.entity_types
    assert world(types.get_type_by_name("Compound + Batch")).id == pair
    world(world(lab.api.entity_fields.get_key_field_by_id("Batch")).update(field_name="Lot"))
    assert world(types.get_type_by_name("Compound + Batch")) is None
    assert world(types.get_type_by_name("Compound + Lot")).id == pair
    lot = lab.client.entity_fields.get_key_field_by_id("Lot")
    assert lot is not None
    lot.update(field_name="Charge")
    assert world(types.get_type_by_name("Compound + Charge")).id == pair


def test_types_are_listed_where_key_fields_may_not_be(lab: Lab, world: World, pair: str) -> None:
    """Credentials that may not list key fields get the types all the same, those without a name by their ids."""
    lab.fail("listKeyFields", status=403)
    kind = next(item for item in world(lab.api.entity_types.get_types()) if item.id == pair)
    assert str(kind) == f"EntityType {pair[:8]}"
