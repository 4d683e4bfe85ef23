"""What type checkers say of usual code: this module is checked with the others, and its functions are run too."""

from __future__ import annotations

from kalbio import KaleidoscopeClient
from kalbio.entity_fields import EntityField, EntityFieldIdentifier, KeyField
from kalbio.records import Record, RecordIdentifier
from kalbio.testing import InProcess


def by_names(client: KaleidoscopeClient, key_values: dict[str, str]) -> Record:
    """A dict of names may be passed on as it is."""
    return client.records.get_or_create_record(key_values)


def by_key_fields(client: KaleidoscopeClient, key_values: dict[KeyField, str]) -> Record:
    """So may a dict of key fields."""
    return client.records.get_or_create_record(key_values)


def by_fields(client: KaleidoscopeClient, key_values: dict[EntityField, str]) -> Record:
    """So may a dict of fields."""
    return client.records.get_or_create_record(key_values)


def by_either(client: KaleidoscopeClient, key_values: dict[EntityFieldIdentifier, str]) -> Record:
    """So may a dict of either."""
    return client.records.get_or_create_record(key_values)


def several(client: KaleidoscopeClient, rows: list[dict[str, str]]) -> list[Record]:
    """Lists of dicts are lists of records."""
    return client.records.get_records_by_ids(rows)


def one(client: KaleidoscopeClient, key_values: dict[str, str]) -> Record | None:
    """A dict names a record."""
    identifier: RecordIdentifier = key_values
    return client.records.get_record_by_id(identifier)


def test_each_way_to_write_key_values_finds_the_record() -> None:
    """Key values may be dicts of names, of fields, or of both, as variables of these types."""
    with InProcess() as lab:
        key = lab.client.entity_fields.get_or_create_key_field("Compound")
        record = by_names(lab.client, {"Compound": "SBX-1"})
        assert by_key_fields(lab.client, {key: "SBX-1"}) == record
        assert by_fields(lab.client, {key: "SBX-1"}) == record
        assert by_either(lab.client, {key: "SBX-1"}) == record
        assert several(lab.client, [{"Compound": "SBX-1"}]) == [record]
        assert one(lab.client, {"Compound": "SBX-1"}) == record
