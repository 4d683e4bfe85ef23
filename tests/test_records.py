"""Records and values: what is sent, what is stored, what comes back."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from kalbio import (
    IdentifierError,
    IdentifierNotFoundError,
    KalbioAPIError,
    KalbioResponseError,
    NotFoundError,
)
from kalbio.records import FilterRuleTypeEnum
from tests.altered import alter, body_of, query_of, replace
from tests.conftest import Lab, World
from tests.demo import NOWHERE
from tests.rows import row


@pytest.fixture
def record(lab: Lab, world: World) -> Any:
    """A record of the demo seed that nothing was measured on."""
    return world(lab.api.records.get_record_by_id({"Compound": "SBX-5"}))


def history(lab: Lab, record: Any) -> list[tuple[Any, Any]]:
    """What the server stores for a record, as another client sees it: (content, activity), the newest first."""
    stored = lab.client.records.get_record_by_id(record.id, use_cache=False)
    assert stored is not None
    return [(value.content, value.operation_id) for value in stored.get_values()]


def test_a_value_write_is_one_request_and_updates_the_record_in_place(lab: Lab, world: World, record: Any) -> None:
    """Writing with uuids costs one request, and the record shows the value without being read again."""
    field = world(lab.api.entity_fields.get_or_create_data_field("logP", "number"))
    before = len(lab.exchanges)

    value = world(record.add_value(field.id, 2.5))

    assert lab.operations()[-1] == "addRecordValue"
    assert len(lab.exchanges) == before + 1
    assert body_of(lab, "addRecordValue") == {
        "field_id": field.id, "content": 2.5, "operation_id": None, "record_view_id": None,
    }  # fmt: skip
    assert (value.content, value.field_id, value.field_type) == ("2.5", field.id, "number")
    assert world(record.get_value_content(field.id)) == "2.5"
    assert history(lab, record)[0] == ("2.5", None)


def test_a_name_that_does_not_resolve_never_reaches_the_wire(lab: Lab, world: World, record: Any) -> None:
    """A write with a wrong field name sends no write, and the error names the close match."""
    with pytest.raises(IdentifierNotFoundError, match="Potency") as caught:
        world(record.add_value("potency (nm)", 1))

    assert caught.value.suggestions == ["Potency (nM)"]
    assert "addRecordValue" not in lab.operations()


def test_an_unknown_activity_is_an_error_in_writes_and_reads(lab: Lab, world: World, record: Any) -> None:
    """An activity that does not resolve never degrades to "no activity": nothing is written, and no read falls back."""
    calls: list[Any] = [
        lambda: record.add_value("Comment", "x", "Kinase sceen"),
        lambda: record.update_field("Comment", "x", "Kinase sceen"),
        lambda: record.update_field_file("Spectrum", "a.txt", b"1", "text/plain", "Kinase sceen"),
        lambda: record.get_value_content("Comment", "Kinase sceen"),
        lambda: record.get_activity_data("Kinase sceen"),
    ]
    for call in calls:
        with pytest.raises(IdentifierNotFoundError, match="Kinase screen"):
            world(call())
    assert not {"addRecordValue", "uploadRecordValueFile"} & set(lab.operations())


def test_a_field_made_elsewhere_resolves_after_one_fresh_listing(lab: Lab, world: World, record: Any) -> None:
    """A name that a cached listing does not know is looked for once more on the server."""
    world(lab.api.entity_fields.get_data_fields())
    lab.client.entity_fields.get_or_create_data_field("Made elsewhere", "text")
    before = len(lab.operations())
    world(record.add_value("Made elsewhere", "x"))
    assert lab.operations()[before:] == ["listDataFields", "addRecordValue"]


def test_update_field_writes_where_it_is_told(lab: Lab, world: World, record: Any) -> None:
    """update_field appends a value in the activity that is named; older values and other activities stay."""
    activity = world(lab.api.activities.get_activity_by_id("Kinase screen"))
    world(activity.add_records([record]))
    world(record.update_field("Potency (nM)", 5, None))
    value = world(record.update_field("Potency (nM)", "6", "Kinase screen"))
    assert value.operation_id == activity.id
    assert world(record.get_value_content("Potency (nM)", activity)) == "6"
    assert history(lab, record)[:2] == [("6", activity.id), ("5", None)]
    fresh = world(lab.api.records.get_record_by_id(record.id))
    assert world(fresh.get_value_content("Potency (nM)", activity.id)) == "6"
    assert fresh.record_values.keys() == record.record_values.keys()


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (Decimal("1.10"), "1.10"),
        (True, True),
        (FilterRuleTypeEnum.IS_SET, "is_set"),
        ({"when": [date(2026, 1, 2)]}, {"when": ["2026-01-02"]}),
    ],
)
def test_contents_are_encoded_at_any_depth(lab: Lab, world: World, record: Any, content: Any, sent: Any) -> None:
    """Dates, decimals and members of enumerations are sent as JSON has them."""
    replace(lab, "addRecordValue", {"resource": {"id": NOWHERE, "content": None}})
    world(record.add_value("Comment", content))
    assert body_of(lab, "addRecordValue")["content"] == sent


@pytest.mark.parametrize("content", [float("nan"), float("inf"), {"a": [float("-inf")]}, b"bytes", {1, 2}, object()])
def test_contents_that_json_cannot_carry_are_refused(lab: Lab, world: World, record: Any, content: Any) -> None:
    """NaN, infinities and objects raise before anything is sent."""
    with pytest.raises((ValueError, TypeError)):
        world(record.add_value("Comment", content))
    assert "addRecordValue" not in lab.operations()


def test_a_file_value_is_uploaded_as_multipart(lab: Lab, world: World, record: Any) -> None:
    """The upload names the field, leaves out what is not given, and the stored file can be downloaded again."""
    value = world(record.update_field_file("Spectrum", "nmr.txt", b"1 2 3", "text/plain"))
    exchange = lab.exchanges[-1]
    field = world(lab.api.entity_fields.get_data_field_by_id("Spectrum"))
    assert exchange.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'filename="nmr.txt"' in exchange.body
    assert json.dumps({"field_id": field.id}).encode() in exchange.body.replace(b'":"', b'": "')
    assert value.field_id == field.id
    assert world(record.get_value_content("Spectrum")) == value.content
    assert history(lab, record)[0][0] == value.content


def test_a_file_can_be_uploaded_to_a_record_that_is_only_named(lab: Lab, world: World) -> None:
    """create_record_value_file takes ids, objects and dicts; key values of no record give None and send nothing."""
    upload = lab.api.records.create_record_value_file
    found = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    lab.api.clear_caches()
    for identifier in (found.id, {"Compound": "SBX-1"}, found):
        value = world(upload(identifier, "Spectrum", "a.txt", b"1", "text/plain"))
        assert value.record_id == found.id
    sent = len(lab.operations())
    assert world(upload({"Compound": "nobody"}, "Spectrum", "a.txt", b"1", "text/plain")) is None
    assert "uploadRecordValueFile" not in lab.operations()[sent:]
    assert len(history(lab, found)) >= 3


def test_key_values_can_be_read_like_data(lab: Lab, world: World, record: Any) -> None:
    """Key values are found by name, id and object, and are part of what a record holds in an activity."""
    key = world(lab.api.entity_fields.get_key_field_by_id("Compound"))
    for identifier in ("Compound", key.id, key):
        assert world(record.get_value_content(identifier)) == "SBX-5"
        assert world(record.get_value_content(identifier, "Kinase screen")) == "SBX-5"
    assert world(record.get_activity_data("Kinase screen")) == {key.id: "SBX-5"}


def raw_record(**values: Any) -> dict[str, Any]:
    """A record with values of one field, `f`."""
    entries = values.get("entries", [])
    key = [{"id": "k", "content": "CPD-1"}]
    return {"id": NOWHERE, "record_values": {"f" * 8 + NOWHERE[8:]: entries, "e" * 8 + NOWHERE[8:]: key}}


FIELD = "f" * 8 + NOWHERE[8:]
SUB = "abababab" + NOWHERE[8:]
RUN = "cdcdcdcd" + NOWHERE[8:]
TABLE = "efefefef" + NOWHERE[8:]
ENTRIES = [
    {"id": "1", "content": "oldest", "created_at": "2026-01-01T00:00:00Z", "record_id": NOWHERE, "operation_id": RUN,
     "record_view_id": TABLE},
    {"id": "2", "content": "newest", "created_at": "2026-01-03T00:00:00.5+02:00", "record_id": NOWHERE},
    {"id": "3", "content": "zoneless", "created_at": "2026-01-02T00:00:00", "record_id": NOWHERE, "operation_id": RUN},
    {"id": "4", "content": "undated", "record_id": NOWHERE, "operation_id": RUN},
    {"id": "5", "content": "sub", "created_at": "2026-01-09T00:00:00Z", "record_id": SUB, "operation_id": RUN},
]  # fmt: skip


@pytest.mark.parametrize(
    ("conditions", "content"),
    [
        ({}, "newest"),
        ({"activity_id": RUN}, "zoneless"),
        ({"include_sub_record_values": True}, "sub"),
        ({"sub_record_id": SUB}, "sub"),
        ({"sub_record_id": SUB, "activity_id": NOWHERE}, None),
        ({"record_view_id": TABLE}, "oldest"),
        ({"activity_id": NOWHERE}, None),
        ({"include_sub_record_values": None}, "newest"),
    ],
)
def test_the_current_value_is_the_newest_that_passes(
    lab: Lab, world: World, conditions: dict[str, Any], content: Any
) -> None:
    """The newest instant wins whatever its spelling; undated values come last; a sub-record implies its values."""
    from kalbio.aio.records import Record as AsyncRecord
    from kalbio.records import Record

    item = (Record if world.kind == "sync" else AsyncRecord)(raw_record(entries=ENTRIES), lab.api)
    assert world(item.get_value_content(FIELD, **conditions)) == content
    assert lab.exchanges == []


def test_values_of_the_history_can_be_attributed(lab: Lab, world: World, record: Any) -> None:
    """Every value of the history knows its field, type, author, workspace and client; the newest comes first."""
    world(record.add_value("Comment", "a"))
    world(record.add_value("Comment", "b"))
    values = world(record.get_values())
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    assert [value.content for value in values[:2]] == ["b", "a"]
    assert (values[0].field_id, values[0].field_type, values[0].record_id) == (field.id, "text", record.id)
    assert values[0].created_by
    assert values[0].workspace_id
    assert values[0].import_id is None
    assert values[0]._client is lab.api


@pytest.mark.parametrize("value", [b"", {}, {"resource": None}, {"resource": {}}, {"error": "x", "statusCode": 401}])
def test_a_write_without_the_value_in_its_answer_may_be_in(lab: Lab, world: World, record: Any, value: Any) -> None:
    """When the answer of a write lacks the value, the error says that it may be in, and nothing cached hides it."""
    world(lab.api.records.get_record_by_id(record.id))
    replace(lab, "addRecordValue", value)
    with pytest.raises(KalbioResponseError, match="may have been carried out"):
        world(record.add_value("Comment", "a"))
    assert history_raw(lab, record)[0][0] == "a"
    again = world(lab.api.records.get_record_by_id(record.id))
    assert world(again.get_value_content("Comment")) == "a"


def history_raw(lab: Lab, record: Any) -> list[tuple[Any, Any]]:
    """The history as the record itself reads it, for when single reads are broken."""
    return [(value.content, value.operation_id) for value in lab.world(record.get_values())]


def test_a_record_that_is_gone_is_reported(lab: Lab, world: World, record: Any) -> None:
    """Refreshing a record that is not there any more raises; reading it gives None, and a cached copy is forgotten."""
    world(lab.api.records.get_record_by_id(record.id, use_cache=False))
    replace(lab, "getRecord", {"code": "NOT_FOUND"}, status=404)
    with pytest.raises(NotFoundError):
        world(record.refetch())
    assert world(lab.api.records.get_record_by_id(record.id, use_cache=False)) is None
    assert world(lab.api.records.get_record_by_id(record.id)) is None


def test_an_answer_that_is_no_record_is_not_a_missing_record(lab: Lab, world: World) -> None:
    """A single read whose answer cannot be read raises a response error with the path; it does not give None."""
    answers: list[Any] = [[], {"name": "no id"}, 5, b"<html>", b""]
    for value in answers:
        lab.transport.__dict__.pop("_answer", None)
        replace(lab, "getRecord", value)
        with pytest.raises(KalbioResponseError, match=f"/records/{NOWHERE}"):
            world(lab.api.records.get_record_by_id(NOWHERE))


def test_an_unreadable_item_of_a_batch_leaves_the_rest_usable(
    lab: Lab, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """In a batch, the item that is no record is logged and kept aside; the others come back."""
    ids = world(lab.api.records.search_records(search_text="SBX"))
    alter(lab, "listRecords", lambda items: [{"record_values": {}}, *items[1:]])
    records = world(lab.api.records.get_records_by_ids(ids))
    assert len(records) == len(ids) - 1
    assert records.unreadable == [{"record_values": {}}]
    assert len(caplog.records) == 1


def test_records_come_in_the_order_asked_for(lab: Lab, world: World) -> None:
    """Ids, dicts and objects can be mixed; the order is kept, doubles included, and misses are left out."""
    one, two, three = (lab.client.records.get_record_by_id({"Compound": f"SBX-{n}"}) for n in (1, 2, 3))
    assert one is not None
    assert two is not None
    assert three is not None
    held = world(lab.api.records.get_record_by_id(three.id))
    asked = [two.id, {"Compound": "SBX-1"}, NOWHERE, held, {"Compound": "nobody"}, two.id.upper()]
    found = world(lab.api.records.get_records_by_ids(asked))
    assert [item.record_identifier for item in found] == ["SBX-2", "SBX-1", "SBX-3", "SBX-2"]
    assert found[2] is held
    assert world(lab.api.records.get_records_by_ids([])) == []


def test_a_batch_larger_than_the_cache_is_complete(world: World, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,500 records asked for in one call come back whole though the cache holds 100."""
    lab.client.imports.push_data(["Compound"], [{"Compound": f"B-{number}"} for number in range(1500)])
    ids = lab.client.records.search_records(search_text="B-")
    monkeypatch.setattr(lab.api.directory.records._cache._by_id, "_size", 100)
    assert [item.id for item in world(lab.api.records.get_records_by_ids(ids, batch_size=1500))] == ids
    assert len(ids) == 1500


def test_caches_can_be_bypassed_and_cleared(lab: Lab, world: World) -> None:
    """Per call, per block and per client, a read can be made to ask the server."""
    records = lab.api.records
    first = world(records.get_record_by_id({"Compound": "SBX-1"}))

    def asked(call: Any) -> list[str]:
        before = len(lab.operations())
        world(call())
        return lab.operations()[before:]

    assert asked(lambda: records.get_record_by_id(first.id)) == []
    assert asked(lambda: records.get_record_by_id({"Compound": "SBX-1"})) == []
    assert asked(lambda: records.get_record_by_id(first.id, use_cache=False)) == ["getRecord"]
    assert asked(lambda: records.get_records_by_ids([first.id], use_cache=False)) == ["listRecords"]
    assert asked(lambda: records.get_record_by_id({"Compound": "SBX-1"}, use_cache=False)) == ["identifyRecords"]
    with lab.api.cache_disabled():
        assert asked(lambda: records.get_record_by_id(first.id)) == ["getRecord"]
        with lab.api.cache_disabled():
            pass
        assert asked(lambda: records.get_records_by_ids([first.id])) == ["listRecords"]
    assert asked(lambda: records.get_record_by_id(first.id)) == []
    world(records.clear_record_caches())
    assert asked(lambda: records.get_record_by_id(first.id)) == ["getRecord"]


def test_two_clients_share_no_cache(lab: Lab, world: World) -> None:
    """A record that one client has read is not known to another, and clearing the one leaves the other alone."""
    first = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    other = world.connect(transport=lab.transport, retries=0)
    before = len(lab.operations())
    assert world(other.records.get_record_by_id(first.id)) is not first
    other.clear_caches()
    assert world(lab.api.records.get_record_by_id(first.id)) is first
    assert lab.operations()[before:] == ["getRecord"]


def test_get_or_create_finds_or_creates(lab: Lab, world: World) -> None:
    """Key values that exist give their record, others a new one; a known one costs no request."""
    get_or_create = lab.api.records.get_or_create_record
    key = world(lab.api.entity_fields.get_key_field_by_id("Compound"))
    existing = world(get_or_create({"Compound": "SBX-1"}))
    assert body_of(lab, "getOrCreateRecord") == {"key_field_to_value": {key.id: "SBX-1"}}
    assert existing == world(lab.api.records.get_record_by_id({key: "SBX-1"}))
    assert world(lab.api.records.get_record_by_id({"Compound": "new"})) is None
    created = world(get_or_create({key.id: "new"}))
    before = len(lab.operations())
    assert world(get_or_create({key: "new"})) is created
    assert lab.operations()[before:] == []
    stored = lab.client.records.get_record_by_id({"Compound": "new"})
    assert stored is not None
    assert stored.id == created.id


def test_a_new_entity_type_becomes_visible(lab: Lab, world: World) -> None:
    """A record with a new combination of key fields brings its entity type into being, and the listing shows it."""
    world(lab.api.entity_fields.get_or_create_key_field("Plate"))
    assert world(lab.api.entity_types.get_type_exact_keys(["Plate"])) is None
    record = world(lab.api.records.get_or_create_record({"Plate": "P1"}))
    assert record.entity_slice_id in [kind.id for kind in world(lab.api.entity_types.get_types())]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Compond": "x"},
        {"Compound": ""},
        {"Compound": None},
        {"Compound": 1.5},
        {"Compound": True},
        {7: "x"},
        "x",
        5,
    ],
)
def test_bad_key_values_are_refused_before_anything_is_sent(lab: Lab, world: World, given: Any) -> None:
    """An empty dict, unknown fields and values that are no text raise in look-ups and in get-or-create."""
    world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    before = len(lab.operations())
    with pytest.raises(IdentifierError):
        world(lab.api.records.get_or_create_record(given))
    with pytest.raises(IdentifierError):
        world(lab.api.records.get_record_by_id(given))
    assert set(lab.operations()[before:]) <= {"listKeyFields"}


@pytest.mark.parametrize("answer", [[], [{"record": None}], b""])
def test_a_look_up_without_a_hit_is_not_found(lab: Lab, world: World, answer: Any) -> None:
    """A server may leave misses out or answer null: both mean "not found"."""
    if answer == b"":
        replace(lab, "identifyRecords", {"message": "none"}, status=404)
    else:
        replace(lab, "identifyRecords", answer)
    assert world(lab.api.records.get_record_by_id({"Compound": "nobody"})) is None
    assert world(lab.api.records.get_records_by_ids([{"Compound": "nobody"}])) == []


def test_a_search_sends_each_condition_as_the_wire_wants_it(lab: Lab, world: World) -> None:
    """Text is sent raw, lists as JSON text, names as ids; None is left out; the filters take effect."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Potency (nM)"))
    kind = world(lab.api.entity_types.get_type_by_name("Compound")) or world(lab.api.entity_types.get_types())[0]
    ids = world(
        lab.api.records.search_records(
            search_text="SBX", limit=10, entity_slice_id=kind, operation_id="Kinase screen", program_id=None,
            entity_field_filters=[{"field_id": "Potency (nM)", "filter_type": FilterRuleTypeEnum.IS_LESS_THAN,
                                   "filter_prop": 100}],
            entity_field_sorts=[{"field_id": field, "descending": True}],
        )
    )  # fmt: skip
    query = query_of(lab, "searchRecords")
    activity = world(lab.api.activities.get_activity_by_id("Kinase screen"))
    assert set(query) == {
        "search_text", "limit", "entity_slice_id", "operation_id", "entity_field_filters", "entity_field_sorts",
    }  # fmt: skip
    assert (query["search_text"], query["limit"]) == ("SBX", "10")
    assert (query["entity_slice_id"], query["operation_id"]) == (kind.id, activity.id)
    assert json.loads(query["entity_field_filters"]) == [
        {"field_id": field.id, "filter_type": "is_less_than", "filter_prop": 100}
    ]
    found = world(lab.api.records.get_records_by_ids(ids))
    assert [item.record_identifier for item in found] == ["SBX-1", "SBX-3"]


def test_the_older_name_of_record_set_ids_is_accepted(lab: Lab, world: World) -> None:
    """record_set_id is sent as record_set_ids, with a warning; both together are refused."""
    with pytest.warns(DeprecationWarning, match="record_set_ids"):
        world(lab.api.records.search_records(record_set_id=NOWHERE))
    assert query_of(lab, "searchRecords") == {"record_set_ids": NOWHERE}
    with pytest.raises(ValueError, match="same"):
        world(lab.api.records.search_records(record_set_id=NOWHERE, record_set_ids=NOWHERE))


BAD_SEARCHES: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"serch_text": "x"}, TypeError),
    ({"limit": 0}, ValueError),
    ({"limit": "ten"}, ValueError),
    ({"entity_slice_id": "Compoud"}, IdentifierNotFoundError),
    ({"operation_id": "Kinase sceen"}, IdentifierNotFoundError),
    ({"program_id": "Kinase inhibitor"}, IdentifierNotFoundError),
    ({"record_set_ids": ["my set"]}, IdentifierNotFoundError),
    ({"identifier_ids": ["x"]}, IdentifierNotFoundError),
    ({"entity_field_filters": ["x"]}, ValueError),
    ({"entity_field_filters": [{"filter_type": "is_set", "filter_prop": None}]}, IdentifierError),
    ({"entity_field_filters": [{"field_id": "Comment", "filter_type": "is_st", "filter_prop": None}]}, ValueError),
    ({"entity_field_filters": [{"field_id": "Comment", "filter_prop": 1}]}, ValueError),
    ({"entity_field_sorts": [{"field_id": "Coment", "descending": True}]}, IdentifierNotFoundError),
    ({"view_field_filters": [{"filter_type": "is_set", "filter_prop": None}]}, ValueError),
    ({"view_field_filters": [{"view_field_id": NOWHERE, "filter_type": "x", "filter_prop": 1}]}, ValueError),
    (
        {"entity_field_filters": [{"field_id": "Comment", "filter_type": "is_equal", "filter_prop": float("nan")}]},
        ValueError,
    ),
]


def test_a_search_that_makes_no_sense_is_not_sent(lab: Lab, world: World) -> None:
    """Unknown conditions, names and rules raise before the search is sent."""
    for conditions, error in BAD_SEARCHES:
        with row(conditions, error):
            with pytest.raises(error):
                world(lab.api.records.search_records(**conditions))
            assert "searchRecords" not in lab.operations()


BAD_CALLS: list[Any] = [
    lambda api, record: api.records.get_record_by_id(""),
    lambda api, record: api.records.get_record_by_id("CPD-1"),
    lambda api, record: api.records.get_record_by_id(5),
    lambda api, record: api.records.get_records_by_ids("CPD-1"),
    lambda api, record: api.records.get_records_by_ids([None]),
    lambda api, record: api.records.get_records_by_ids([record.id], batch_size=0),
    lambda api, record: api.records.create_record_value_file("x", "Spectrum", "a", b"", "text/plain"),
    lambda api, record: api.records.create_record_value_file(record, "Spectrum", "", b"", "text/plain"),
    lambda api, record: record.add_value(None, 1),
    lambda api, record: record.add_value("", 1),
    lambda api, record: record.add_value(api, 1),
    lambda api, record: record.add_value("Comment", 1, None, NOWHERE),
    lambda api, record: record.add_value("Comment", 1, NOWHERE, "my table"),
    lambda api, record: record.add_value("Comment", 1, 5),
    lambda api, record: record.update_field_file("Spectrum", "a", "text", "text/plain"),
    lambda api, record: record.get_value_content("Comment", sub_record_id="x"),
    lambda api, record: record.get_value_content(5),
]


def test_bad_input_is_refused_before_anything_is_sent(lab: Lab, world: World, record: Any) -> None:
    """What cannot be meant raises a ValueError or TypeError, and only listings may have been read."""
    for call in BAD_CALLS:
        with row(call):
            before = len(lab.operations())
            with pytest.raises((ValueError, TypeError)):
                world(call(lab.api, record))
            assert all(name.startswith("list") for name in lab.operations()[before:])
            assert "listRecords" not in lab.operations()[before:]


def test_the_activities_of_a_record(lab: Lab, world: World) -> None:
    """get_activities gives the activities that contain the record, asked for once in ten seconds."""
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    assert [activity.title for activity in world(record.get_activities())] == ["Kinase screen"]
    before = len(lab.operations())
    world(record.get_activities())
    assert lab.operations()[before:] == []


def test_a_refused_write_raises_and_changes_nothing(lab: Lab, world: World, record: Any) -> None:
    """A write that the server refuses raises the server's words, and the record stays as it was."""
    before = record.to_dict()
    with pytest.raises(KalbioAPIError) as caught:
        world(record.add_value("Potency (nM)", "not a number"))
    assert caught.value.status_code == 400
    assert record.to_dict() == before


def test_a_key_field_is_not_written_like_data(lab: Lab, world: World, record: Any) -> None:
    """Writing to a key field, by name or as an object, says how key values are given; nothing is sent."""
    key = world(lab.api.entity_fields.get_key_field_by_id("Compound"))
    for field in ("Compound", key):
        with pytest.raises(IdentifierNotFoundError, match=r"It is a key field.*get_or_create_record"):
            world(record.add_value(field, "SBX-6"))
    with pytest.raises(IdentifierNotFoundError) as caught:
        world(record.add_value("Compond", "SBX-6"))
    assert "key field" not in str(caught.value)
    assert "addRecordValue" not in lab.operations()


def test_a_view_to_read_from_is_checked(lab: Lab, world: World, record: Any) -> None:
    """Reads take a view as writes do, as an id or an object; a name is refused."""
    view = world(lab.api.record_views.get_record_views())[0]
    for given in (view, view.id):
        assert world(record.get_value_content("Comment", record_view_id=given)) is None
    with pytest.raises(IdentifierNotFoundError, match="Give its id, a UUID"):
        world(record.get_value_content("Comment", record_view_id="main"))
    with pytest.raises(IdentifierError, match=r"a RecordView object, not Record"):
        world(record.get_value_content("Comment", record_view_id=record))


@pytest.mark.parametrize(
    "name", ["entity_field_filters", "entity_field_sorts", "view_field_filters", "view_field_sorts"]
)
def test_a_single_condition_is_not_a_list(lab: Lab, world: World, name: str) -> None:
    """A condition in place of a list of them is refused, naming the argument and saying what is wanted."""
    condition = {"field_id": "Comment", "filter_type": "is_set", "filter_prop": None}
    calls: list[Any] = [
        lambda given: lab.api.records.search_records(**{name: given}),
        lambda given: lab.api.exports.pull_data("never.csv", "Compound", **{name: given}),
    ]
    forms = (
        "must be a list of names of fields, or of dicts"
        if name.endswith("sorts")
        else r"takes conditions made with F, such as F\('logP'\) < 5, or a list of dicts"
    )
    for call in calls:
        with pytest.raises(ValueError, match=rf"^{name} {forms}.*\[{{'field_id'.*got dict$"):
            world(call(condition))
        with pytest.raises(ValueError, match=rf"^{name} {forms}.*got int$"):
            world(call(5))
    assert set(lab.operations()) <= {"listEntitySlices", "listKeyFields"}
