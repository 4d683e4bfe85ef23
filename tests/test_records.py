"""Records and values: what is sent, what is stored, what comes back."""

from __future__ import annotations

import json

import pytest

from kalbio import IdentifierNotFoundError
from tests.conftest import Lab, World


def test_a_value_write_is_one_request_and_updates_the_record_in_place(lab: Lab, world: World) -> None:
    """Writing with uuids costs one request, and the record shows the value without being read again."""
    field = world(lab.api.entity_fields.get_or_create_data_field("logP", "number"))
    world(lab.api.entity_fields.get_or_create_key_field("compound"))
    record = world(lab.api.records.get_or_create_record({"compound": "CPD-1"}))
    before = len(lab.exchanges)

    value = world(record.add_value(field.id, 2.5))

    assert lab.operations()[-1] == "addRecordValue"
    assert len(lab.exchanges) == before + 1
    assert json.loads(lab.exchanges[-1].body) == {
        "field_id": field.id, "content": 2.5, "operation_id": None, "record_view_id": None,
    }  # fmt: skip
    assert value.content == "2.5"
    assert world(record.get_value_content(field.id)) == "2.5"


def test_a_name_that_does_not_resolve_never_reaches_the_wire(lab: Lab, world: World) -> None:
    """A write with a wrong field name sends no write, and the error names the close match."""
    world(lab.api.entity_fields.get_or_create_data_field("logP", "number"))
    world(lab.api.entity_fields.get_or_create_key_field("compound"))
    record = world(lab.api.records.get_or_create_record({"compound": "CPD-1"}))

    with pytest.raises(IdentifierNotFoundError, match="logP") as caught:
        world(record.add_value("logp", 1))

    assert caught.value.suggestions == ["logP"]
    assert "addRecordValue" not in lab.operations()
