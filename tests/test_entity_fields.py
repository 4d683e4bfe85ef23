"""Key fields and data fields: found, created, changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kalbio import (
    UNSET,
    AmbiguousIdentifierError,
    FieldTypeError,
    IdentifierNotFoundError,
    KalbioResponseError,
    NearTwinWarning,
)
from kalbio.entity_fields import DataFieldTypeEnum, EntityFieldRoleEnum, FormatEnforcementEnum, ValueAggregationTypeEnum
from tests.altered import alter, body_of, replace
from tests.conftest import Lab, World
from tests.demo import NOWHERE


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_field_that_looks_like_another_is_warned_of(world: World, use_cache: bool) -> None:
    """Before a field is made whose name a person takes for that of another one, a warning names both; no request is
    sent for it, and none at all where the warning is an error."""
    lab = Lab(world, use_cache=use_cache)
    fields = lab.api.entity_fields
    world(fields.get_data_fields())
    try:
        for name, what in (
            ("potency (nM)", "case"), ("Potency\u00a0(nM)", "blanks"), (" Potency (nM)", "blanks"),
            ("Potency (n\uff2d)", "the form of characters"), ("Potency (nM)\u200b", "invisible characters"),
        ):  # fmt: skip
            lab.exchanges.clear()
            told = f"The data field {name!r} is made beside 'Potency (nM)', which differs in {what} only.*give 'Potency"
            with pytest.raises(NearTwinWarning, match=re.escape(told).replace(r"\.\*", ".*")):
                world(fields.get_or_create_data_field(name, "number"))
            assert set(lab.operations()) <= {"listDataFields"}
        with pytest.raises(NearTwinWarning, match="The key field 'compound' is made beside 'Compound'"):
            world(fields.get_or_create_key_field("compound"))
        lab.exchanges.clear()
        with pytest.warns(NearTwinWarning, match="'potency") as found:
            made = world(fields.get_or_create_data_field("potency (nM)", "number"))
        assert (len(found), made.field_name) == (1, "potency (nM)")
        assert Path(found[0].filename).is_relative_to(Path(__file__).parent)
        assert lab.operations() == ["listDataFields", "getOrCreateDataField"]
        for name in ("Potency (nM)", "potency (nM)", "Potency (mM)", "Compound"):  # there, or clearly another one
            world(fields.get_or_create_data_field(name, "number"))
    finally:
        lab.close()


def test_fields_are_found_by_id_name_and_object(lab: Lab, world: World) -> None:
    """Key and data fields are separate name spaces: an object of the other kind, or an unknown name, gives None."""
    api = lab.api.entity_fields
    key, data = world(api.get_key_field_by_id("Compound")), world(api.get_data_field_by_id("Comment"))
    for find, field, other in (
        (api.get_key_field_by_id, key, data),
        (api.get_data_field_by_id, data, key),
    ):
        assert world(find(field.id)) == world(find(field)) == world(find(field.field_name)) == field
        assert world(find(other)) is None
        assert world(find(other.field_name)) is None
        assert world(find(NOWHERE)) is None
    assert (key.is_key, data.is_key) == (True, False)


def test_get_or_create_finds_or_creates(lab: Lab, world: World) -> None:
    """An existing field costs no creation; a new one is sent once, with what the wire wants, and is listed at once."""
    api = lab.api.entity_fields
    assert world(api.get_or_create_key_field("Compound")).field_name == "Compound"
    assert world(api.get_or_create_data_field("Comment", DataFieldTypeEnum.TEXT)).field_name == "Comment"
    assert not {"getOrCreateKeyField", "getOrCreateDataField"} & set(lab.operations())
    key = world(api.get_or_create_key_field("Plate"))
    data = world(api.get_or_create_data_field("logP", "number"))
    assert body_of(lab, "getOrCreateKeyField") == {"field_name": "Plate"}
    assert body_of(lab, "getOrCreateDataField") == {"field_name": "logP", "field_type": "number", "attrs": {}}
    assert key in world(api.get_key_fields())
    assert data in world(api.get_data_fields())
    assert "logP" in [field.field_name for field in lab.client.entity_fields.get_data_fields()]


def test_another_type_is_a_conflict(lab: Lab, world: World) -> None:
    """A field that exists with another type raises, whether it was known before or only the server knows it."""
    with pytest.raises(FieldTypeError, match="'text'"):
        world(lab.api.entity_fields.get_or_create_data_field("Comment", "number"))
    assert "getOrCreateDataField" not in lab.operations()
    alter(lab, "getOrCreateDataField", lambda field: {**field, "field_type": "text"})
    with pytest.raises(FieldTypeError, match="'text'"):
        world(lab.api.entity_fields.get_or_create_data_field("logP", "number"))


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.get_or_create_key_field(""),
        lambda api: api.get_or_create_key_field(None),
        lambda api: api.get_or_create_key_field(NOWHERE),
        lambda api: api.get_or_create_data_field("", "text"),
        lambda api: api.get_or_create_data_field("x", "numbr"),
        lambda api: api.get_or_create_data_field("x", None),
        lambda api: api.get_or_create_data_field(NOWHERE, "text"),
        lambda api: api.get_key_field_by_id(5),
        lambda api: api.get_data_field_by_id(" "),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(lab: Lab, world: World, call: Any) -> None:
    """Empty names, unknown types, ids of nothing: all raise, and at most a listing was read."""
    with pytest.raises((ValueError, TypeError)):
        world(call(lab.api.entity_fields))
    assert set(lab.operations()) <= {"listKeyFields", "listDataFields"}


def test_a_name_of_two_fields_is_ambiguous(lab: Lab, world: World) -> None:
    """A name that two fields of a kind share raises; so does one of both kinds where either kind could be meant."""
    alter(lab, "listDataFields", lambda items: [*items, {**items[0], "id": NOWHERE}])
    name = world(lab.api.entity_fields.get_data_fields())[0].field_name
    with pytest.raises(AmbiguousIdentifierError) as caught:
        world(lab.api.entity_fields.get_data_field_by_id(name))
    assert NOWHERE in caught.value.candidates
    lab.client.entity_fields.get_or_create_data_field("Compound", "text")
    lab.api.clear_caches()
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    with pytest.raises(AmbiguousIdentifierError):
        world(record.get_value_content("Compound"))


def test_a_key_field_is_changed(lab: Lab, world: World) -> None:
    """Only what is given is sent, members of enumerations as text, None clears; the field itself comes back changed."""
    field = world(lab.api.entity_fields.get_key_field_by_id("Compound"))
    changed = world(
        field.update(
            field_description="Registry number", regex_format=None, format_enforcement=FormatEnforcementEnum.SUGGEST,
            role=EntityFieldRoleEnum.REGISTERED_ENTITY, field_name=UNSET,
        )
    )  # fmt: skip
    assert changed is field
    assert body_of(lab, "updateKeyField") == {
        "field_description": "Registry number", "regex_format": None, "format_enforcement": "suggest",
        "role": "registered_entity",
    }  # fmt: skip
    assert field.field_description == "Registry number"
    other = lab.client.entity_fields.get_key_field_by_id("Compound")
    assert other is not None
    assert other.field_description == "Registry number"
    assert world(lab.api.entity_fields.get_key_field_by_id("Compound")).field_description == "Registry number"


def test_a_data_field_is_changed(lab: Lab, world: World) -> None:
    """The wrapped answer is taken over, in either of its forms, and what it does not mention stays."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    world(field.update(field_examples="good", display_aggregation_type=ValueAggregationTypeEnum.LIST, attrs={"a": 1}))
    assert body_of(lab, "updateDataField") == {
        "field_examples": "good", "display_aggregation_type": "list", "attrs": {"a": 1},
    }  # fmt: skip
    assert field.field_examples == "good"
    alter(lab, "updateDataField", lambda answer: {"resource": {"id": field.id, "field_examples": "bad"}})
    world(field.update(field_examples="bad"))
    assert (field.field_examples, field.field_name, field.field_type) == ("bad", "Comment", "text")


@pytest.mark.parametrize("kind", ["key", "data"])
def test_updates_without_effect_or_without_an_answer(lab: Lab, world: World, kind: str) -> None:
    """Nothing given sends nothing; an empty name is refused; an answer without the field is a response error."""
    api = lab.api.entity_fields
    find = api.get_key_field_by_id if kind == "key" else api.get_data_field_by_id
    field = world(find("Compound" if kind == "key" else "Comment"))
    operation = "updateKeyField" if kind == "key" else "updateDataField"
    assert world(field.update()) is field
    with pytest.raises(ValueError, match="field_name"):
        world(field.update(field_name=""))
    assert operation not in lab.operations()
    answers: list[Any] = [{}, {"resource": None}, [], 5]
    for answer in answers:
        lab.transport.__dict__.pop("_answer", None)
        replace(lab, operation, answer)
        with pytest.raises(KalbioResponseError, match="PUT"):
            world(field.update(field_description="x"))
    lab.transport.__dict__.pop("_answer", None)
    assert world(find(field)).field_description == "x"


def test_a_new_type_of_field_does_not_break_the_listing(lab: Lab, world: World) -> None:
    """A type that this version does not know is kept as it is."""
    alter(lab, "listDataFields", lambda items: [{**items[0], "field_type": "hologram", "attrs": None}, *items[1:]])
    assert world(lab.api.entity_fields.get_data_fields())[0].field_type == "hologram"
    with pytest.raises(IdentifierNotFoundError):
        world(lab.api.entity_types.get_types_with_key_fields(["Comment"]))


def test_a_name_of_both_kinds_tells_which_is_which(lab: Lab, world: World) -> None:
    """A key field may have the name of a data field; where either may stand, the error tells them apart."""
    data = world(lab.api.entity_fields.get_data_field_by_id("Purity (%)"))
    key = world(lab.api.entity_fields.get_or_create_key_field("Purity (%)"))
    record = world(lab.api.records.get_or_create_record({"Purity (%)": "x"}))
    with pytest.raises(AmbiguousIdentifierError) as caught:
        world(record.get_value_content("Purity (%)"))
    assert caught.value.candidates == [data.id, key.id]
    assert f"{data.id} is the data field" in str(caught.value)
    assert f"{key.id} the key field (get_key_field_by_id('Purity (%)'))" in str(caught.value)
