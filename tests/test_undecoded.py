"""Records of lists are kept as the text that came; nobody can tell, but by the time and the memory it takes."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kalbio import KalbioResponseError
from kalbio._core.json import lazy_json
from kalbio._core.objects.listing import read_undecoded, read_undecoded_object
from kalbio._model.record_keys import own_key, read_identified
from kalbio.records import Record

ID = "0a1b2c3d-0000-4000-8000-000000000001"
FIELD = "0a1b2c3d-0000-4000-8000-00000000000f"
KEY = "0a1b2c3d-0000-4000-8000-00000000000e"
OPERATION = "0a1b2c3d-0000-4000-8000-00000000000a"
OTHER = "0a1b2c3d-0000-4000-8000-00000000000b"


def entry(content: Any, day: int, operation: Any = None, **more: Any) -> dict[str, Any]:
    """One value inside a record."""
    told = {"content": content, "created_at": f"2026-01-{day:02}T10:00:00.5Z", "operation_id": operation}
    return {"id": f"v{day}", "record_id": ID, **told, **more}


ORDINARY = {
    FIELD: [entry("1", 1), entry("3", 3, OPERATION), entry("2", 2, OTHER), entry("9", 9, record_id="sub")],
    KEY: [{"id": "k", "content": "CPD-1"}],
}
SHAPES: dict[str, dict[str, Any]] = {
    "ordinary": {"record_values": ORDINARY, "identifier_ids": ["k"], "a new member": [1, {"deep": None}]},
    "files and lists": {"record_values": {FIELD: [entry({"file_id": "f"}, 1, OPERATION), entry(["a"], 2)]}},
    "numbers for ids": {"id": 5, "record_values": {FIELD: [entry("1", 1, 7, record_id=5)]}},
    "no values": {},
    "null values": {"record_values": None},
    "values of another shape": {"record_values": {FIELD: None, KEY: [None, "x", {"id": "k", "content": "CPD-1"}]}},
    "more members in a value": {"record_values": {FIELD: [entry("1", 1, record_view_id="w", note="kept")]}},
    "far from ASCII": {"record_values": {FIELD: [entry("µ – 微 – \U0001f9ea", 1)]}},
    "half of a pair": {"record_values": {FIELD: [entry("\ud83e", 1)]}},
}


def shown(record: Record) -> dict[str, Any]:
    """Everything that can be read from a record without a client."""
    return {
        "id": record.id,
        "contents": [record.get_value_content(field) for field in (FIELD, KEY, OTHER)],
        "of activities": [record.get_value_content(FIELD, operation) for operation in (OPERATION, OTHER, ID)],
        "again": [record.get_value_content(FIELD, operation) for operation in (None, OPERATION, OTHER, ID)],
        "key of an activity": record.get_value_content(KEY, OPERATION),
        "with sub-records": record.get_value_content(FIELD, None, True),
        "data": record.get_activity_data(OPERATION),
        "key": own_key(record._state),
        "values": {field: [value.to_dict() for value in values] for field, values in record.record_values.items()},
        "whole": record.to_dict(),
        "text": str(record),
    }


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("first", ["contents", "whole"])
def test_a_record_of_a_list_reads_as_its_whole_json(shape: str, first: str) -> None:
    """Whatever its shape and whatever is read first, a record that came in a list shows the same as decoded JSON."""
    whole = {"id": ID, **SHAPES[shape]}
    listing = read_undecoded(httpx.Response(200, content=json.dumps([whole, whole])), Record)
    assert len(listing) == 2
    record = listing[1]
    if first == "whole":
        record.to_dict()
    assert shown(record) == shown(Record(copy.deepcopy(whole)))
    assert shown(record) == shown(listing[0])


@pytest.mark.parametrize("shape", SHAPES)
def test_single_and_identified_records_read_as_their_whole_json(shape: str) -> None:
    """A record that came alone, or in the answer to key values, shows the same as decoded JSON."""
    whole = {"id": ID, **SHAPES[shape]}
    wanted = shown(Record(whole))
    alone = httpx.Response(200, content=json.dumps(whole))
    assert shown(Record(read_undecoded_object(alone, "record"))) == wanted
    wrapped = httpx.Response(200, content=json.dumps([{"record": None}, {"record": whole}, {}]))
    none, found, lacking = read_identified(wrapped, Record)
    assert (none, lacking) == (None, None)
    assert found is not None
    assert shown(found) == wanted


def test_a_list_with_a_bad_item_loses_nothing() -> None:
    """An item without an id is kept aside, and the others are records."""
    listing = read_undecoded(httpx.Response(200, json=[{"id": ID}, {"record_values": {}}, 5]), Record)
    assert [record.id for record in listing] == [ID]
    assert listing.unreadable == [{"record_values": {}}, 5]


@pytest.mark.parametrize(
    "body", [b'[{"id": "a", "x": "\xff"}]', b'[{"id": "a", "x": [}]', b'[{"id": "a", "x": tru}]', b'[{"id": "a"}', b"x"]
)
def test_broken_text_is_found_when_it_comes(body: bytes) -> None:
    """Text that is no JSON fails the call that brought it, not a read later on."""
    response = httpx.Response(200, content=body, request=httpx.Request("GET", "http://sandbox.invalid/records"))
    with pytest.raises(KalbioResponseError, match="not JSON"):
        read_undecoded(response, Record)


def test_ids_are_found_wherever_they_stand() -> None:
    """The id of a record is that of its JSON, whether it stands first or not, and however it is spelled."""
    items = [
        b'{"id":"a-1"}', b' { "id" : "a-2", "x": 1 }', b'{"x": {"id": "no"}, "id": "a-3"}', b'{"id": 17}',
        b'{"id": "a\\u002d4"}', '{"id": "\N{GREEK SMALL LETTER ALPHA}-5"}'.encode(), b'{"id": "a 6"}',
    ]  # fmt: skip
    for last in range(len(items)):
        cut = lazy_json.split_list(b"[" + b",".join([items[0], items[last]]) + b"]")
        assert cut is not None
        assert [part.id for part in cut] == [str(json.loads(item)["id"]) for item in (items[0], items[last])]


def test_a_kept_record_does_not_keep_its_answer() -> None:
    """The text of a record is a copy: one record of a large answer holds its own bytes only."""
    item = json.dumps({"id": ID, **SHAPES["ordinary"]}).encode()
    cut = lazy_json.split_list(b"[" + b",".join([item] * 50) + b"]")
    assert cut is not None
    assert type(cut[7].text) is bytes
    assert cut[7].text == item


def test_copies_and_pickles_are_whole() -> None:
    """A record of a list survives copying and pickling before anything was read of it."""
    copiers: list[Callable[[Record], Record]] = [
        copy.copy,
        copy.deepcopy,
        lambda record: pickle.loads(pickle.dumps(record)),
    ]
    for copier in copiers:
        listing = read_undecoded(httpx.Response(200, json=[{"id": ID, **SHAPES["ordinary"]}]), Record)
        assert copier(listing[0]).to_dict() == {"id": ID, **SHAPES["ordinary"]}


def test_what_is_written_while_a_record_is_decoded_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that ends while another thread decodes the older text is not undone by that."""
    record = read_undecoded(httpx.Response(200, json=[{"id": ID, **SHAPES["ordinary"]}]), Record)[0]
    decode = lazy_json.decode

    def meanwhile(text: bytes) -> Any:
        whole = decode(text)
        record._replace_json({"id": ID, "record_values": {FIELD: [entry("newer", 30)]}})
        return whole

    monkeypatch.setattr(lazy_json, "decode", meanwhile)
    record.to_dict()
    monkeypatch.undo()
    assert record.get_value_content(FIELD) == "newer"
