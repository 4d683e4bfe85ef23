"""How many requests a call costs, counted at the transport; no request target may exceed 8 kB."""

from __future__ import annotations

from typing import Any

import pytest

from kalbio.sandbox import Sandbox
from kalbio.testing import InProcess
from tests.conftest import Lab, World

RECORDS = 10_000


@pytest.fixture(scope="module")
def stocked() -> Any:
    """A sandbox with ten thousand compounds, loaded in one import; the tests only read."""
    sandbox = Sandbox()
    client = InProcess(sandbox).client
    client.imports.push_data(["Compound"], [{"Compound": f"CPD-{number}"} for number in range(RECORDS)])
    kind = client.entity_types.get_type_exact_keys(["Compound"])
    assert kind is not None
    ids = kind.get_record_ids()
    client.close()
    yield sandbox, ids
    sandbox.close()


class Cost:
    """Counts the requests of a block, logins left out."""

    def __init__(self, lab: Lab, what: str) -> None:
        self.lab, self.what = lab, what

    def __enter__(self) -> Cost:
        self.before = len(self.lab.operations())
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.operations = self.lab.operations()[self.before :]
        self.longest = max((len(item.target) for item in self.lab.exchanges), default=0)
        print(f"{self.what}: {len(self.operations)} requests, longest target {self.longest} bytes")
        assert self.longest < 8192


def lab_on(sandbox: Sandbox, world: World) -> Lab:
    """Make a client of one world on a sandbox that others read from too."""
    return Lab(world, sandbox=sandbox, retries=0)


def test_one_record_by_uuid_costs_one_request(stocked: Any, world: World) -> None:
    """Reading a record by its id costs one request after the login, and none while it is cached."""
    sandbox, ids = stocked
    lab = lab_on(sandbox, world)
    with Cost(lab, "get one record by uuid") as cost:
        record = world(lab.api.records.get_record_by_id(ids[0]))
    assert (record.id, cost.operations) == (ids[0], ["getRecord"])
    with Cost(lab, "the same again") as again:
        assert world(lab.api.records.get_record_by_id(ids[0])) == record
    assert again.operations == []


def test_a_thousand_records_by_key_values_cost_at_most_twelve_requests(stocked: Any, world: World) -> None:
    """A thousand key-field dicts are looked up together, with the key fields known."""
    sandbox, _ = stocked
    lab = lab_on(sandbox, world)
    field = world(lab.api.entity_fields.get_key_field_by_id("Compound"))
    for label, key in (("names", "Compound"), ("ids", field.id)):
        lab.api.clear_caches()
        world(lab.api.entity_fields.get_key_fields())
        wanted = [{key: f"CPD-{number}"} for number in range(1000)]
        with Cost(lab, f"get 1,000 records by key-field dicts ({label})") as cost:
            records = world(lab.api.records.get_records_by_ids(wanted))
        assert [record.record_identifier for record in records] == [item[key] for item in wanted]
        assert len(cost.operations) <= 12


def test_ten_thousand_records_by_uuid_cost_at_most_fifty_requests(stocked: Any, world: World) -> None:
    """Ten thousand ids are cut into batches by the length of the request target; the order asked for is kept."""
    sandbox, ids = stocked
    lab = lab_on(sandbox, world)
    wanted = [*reversed(ids[:RECORDS])]
    with Cost(lab, "fetch 10,000 records by uuid") as cost:
        records = world(lab.api.records.get_records_by_ids(wanted))
    assert [record.id for record in records] == wanted
    assert len(cost.operations) <= 50


def test_names_of_key_fields_are_looked_up_once_for_many_records(stocked: Any, world: World) -> None:
    """With caches switched off, a batch of key-field dicts still costs one listing of the key fields."""
    sandbox, _ = stocked
    lab = lab_on(sandbox, world)
    with lab.api.cache_disabled(), Cost(lab, "get 50 records by key-field dicts, caches off") as cost:
        records = world(lab.api.records.get_records_by_ids([{"Compound": f"CPD-{number}"} for number in range(50)]))
    assert len(records) == 50
    assert cost.operations == ["listKeyFields", "identifyRecords"]


def test_a_value_write_with_uuids_costs_one_request(lab: Lab, world: World) -> None:
    """Writing with ids sends the write and nothing else; the record shows the value without being read again."""
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    field = world(lab.api.entity_fields.get_data_field_by_id("Potency (nM)"))
    activity = world(lab.api.activities.get_activity_by_id("Kinase screen"))
    lab.api.clear_caches()
    with Cost(lab, "add_value with uuid identifiers") as cost:
        value = world(record.add_value(field.id, 7.25, activity.id))
        assert world(record.get_value_content(field.id, activity.id)) == value.content == "7.25"
    assert cost.operations == ["addRecordValue"]


def test_objects_are_as_cheap_as_ids(lab: Lab, world: World) -> None:
    """Objects stand for their ids: resolving them sends nothing."""
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    field = world(lab.api.entity_fields.get_data_field_by_id("Potency (nM)"))
    activity = world(lab.api.activities.get_activity_by_id("Kinase screen"))
    lab.api.clear_caches()
    with Cost(lab, "a write and two reads with objects") as cost:
        world(record.add_value(field, 7.25, activity))
        assert world(record.get_value_content(field, activity)) == "7.25"
        assert world(activity.has_record(record)) is True
        assert world(lab.api.records.get_record_by_id(record)) is record
    assert cost.operations == ["addRecordValue"]


def test_one_activity_by_uuid_does_not_list_all(lab: Lab, world: World) -> None:
    """Reading or refreshing one activity asks for that one."""
    activity = world(lab.api.activities.get_activity_by_id("Kinase screen"))
    lab.api.clear_caches()
    with Cost(lab, "one activity by uuid, and a refetch") as cost:
        assert world(lab.api.activities.get_activity_by_id(activity.id)) == activity
        world(activity.refetch())
    assert cost.operations == ["getActivity", "getActivity"]


def test_many_unknown_titles_cost_one_fresh_listing(lab: Lab, world: World) -> None:
    """A bulk read looks once into a fresh listing, however many names it does not find."""
    world(lab.api.activities.get_activities())
    with Cost(lab, "fifty unknown titles") as cost:
        titles = ["Kinase screen", *(f"No {number}" for number in range(50))]
        found = world(lab.api.activities.get_activities_by_ids(titles))
    assert [activity.title for activity in found] == ["Kinase screen"]
    assert cost.operations == ["listActivities"]


def test_records_are_attached_with_one_look_up_for_all_dicts(lab: Lab, world: World) -> None:
    """Attaching by key values looks all records up together, writes once, and reads the activity once."""
    activity = world(lab.api.activities.get_activity_by_id("First registration"))
    world(lab.api.entity_fields.get_key_fields())
    with Cost(lab, "attach five records by key-field dicts") as cost:
        world(activity.add_records([{"Compound": f"SBX-{number}"} for number in range(1, 6)]))
    assert len(activity.all_record_ids) == 5
    assert cost.operations == ["identifyRecords", "addOperationRecords", "getActivity"]
