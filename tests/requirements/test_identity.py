"""R120, R123, R137: an answer counts only when it is the one to its request, holds what it must, and has a limit."""

from __future__ import annotations

import gzip
import importlib
import json
import re
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from kaleidoscope_api.operations import OPERATIONS

from kalbio import KalbioAPIError, KalbioResponseError, NotFoundError, OutcomeUnknownError
from kalbio._core.http.response_identity import broken_promise, contradiction
from kalbio._model.platform import KALEIDOSCOPE
from tests.conftest import Lab, World
from tests.core.conftest import core  # noqa: F401  # a fixture
from tests.core.wire import Core, Pieces, Wire, answer
from tests.rows import row

ONE, TWO, THREE = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
FIELD, OTHER = "00000000-0000-4000-8000-0000000000f1", "00000000-0000-4000-8000-0000000000f2"
FIELDS = [{"id": FIELD, "field_name": "Note", "is_key": False, "field_type": "text"}]
KEYS = [{"id": FIELD, "field_name": "Drug", "is_key": True, "field_type": "text"}]
SAMPLES = Path(__file__).parents[1] / "samples"


def connect(world: World, wire: Wire, **options: Any) -> Any:
    """Make a client on a scripted wire."""
    return world.connect(**{"retries": 0, **options, "transport": wire})


def reply(request: httpx.Request, body: Any) -> httpx.Response:
    """The answer to a request, status 200."""
    made = answer(200, body)
    made.request = request
    made.extensions["platform"] = KALEIDOSCOPE
    return made


def record(number: str, **values: str) -> dict[str, Any]:
    """A record with key values by field id."""
    return {
        "id": number,
        "record_values": {field: [{"id": "k", "content": content}] for field, content in values.items()},
    }


def value(record_id: str = ONE, field_id: str = FIELD, **more: Any) -> dict[str, Any]:
    """The answer to a write of a value."""
    return {"resource": {"id": "v", "record_id": record_id, "field_id": field_id, **more}}


def raw(world: World, client: Any, tag: str, module: str, *arguments: Any, **named: Any) -> Any:
    """Call a generated operation."""
    operation = importlib.import_module(f"kaleidoscope_api.api.{tag}.{module}")
    call = operation.sync if world.kind == "sync" else operation.asyncio
    return world(call(*arguments, client=client.raw, **named))


Read = tuple[Callable[[World, Any], Any], list[Any], Any, Any]
READS: dict[str, Read] = {
    # The call, the answers before, the answer to another request, the right one.
    "one": (lambda world, api: world(api.records.get_record_by_id(ONE)).id, [], record(TWO), record(ONE)),
    "several": (
        lambda world, api: [item.id for item in world(api.records.get_records_by_ids([ONE, TWO]))],
        [], [record(ONE), record(THREE)], [record(ONE), record(TWO)],
    ),
    "by key": (
        lambda world, api: world(api.records.get_record_by_id({"Drug": "A"})).id,
        [KEYS], [{"record": record(TWO, **{FIELD: "B"})}], [{"record": record(ONE, **{FIELD: "a"})}],
    ),
    "by the key of another type": (
        lambda world, api: world(api.records.get_record_by_id({"Drug": "A"})).id,
        [KEYS], [{"record": record(TWO, **{OTHER: "A"})}], [{"record": record(ONE, **{FIELD: "A"})}],
    ),
    "an import": (
        lambda world, api: world(api.imports.get_import(ONE)).id,
        [], {"id": TWO, "is_complete": True}, {"id": ONE, "is_complete": True},
    ),
    "raw": (lambda world, api: raw(world, api, "records", "get_record", ONE).id, [], record(TWO), record(ONE)),
    "raw history": (
        lambda world, api: [item.id for item in raw(world, api, "records", "list_record_values", ONE)],
        [], [{"id": "v", "record_id": TWO}], [{"id": "v", "record_id": ONE}],
    ),
    "a new key": (  # repeating it does no harm
        lambda world, api: world(api.records.get_or_create_record({"Drug": "A"})).id,
        [KEYS], record(TWO, **{FIELD: "B"}), record(ONE, **{FIELD: "A"}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READS)
def test_r120_a_read_with_the_answer_to_another_request_is_asked_once_more(world: World, name: str) -> None:
    """The second time goes over a fresh connection, and its answer counts when it fits."""
    call, before, other, right = READS[name]
    wire = Wire(*[answer(200, body) for body in (*before, other)])
    client = connect(world, wire)
    wrong = Wire(*[answer(200, body) for body in (*before, right)])
    expected = call(world, connect(world, wrong))
    wire.steps = iter([answer(200, body) for body in (*before, other, right)])
    assert call(world, client) == expected
    fresh = [bool(seen.extensions.get("fresh_connection")) for seen in wire.requests]
    assert fresh == [*[False] * len(before), False, True]


@pytest.mark.parametrize("name", [name for name in READS if name != "a new key"])
def test_r120_a_read_with_the_answer_to_another_request_twice_raises(world: World, name: str) -> None:
    """The error says that the answer belongs to another request."""
    call, before, other, _ = READS[name]
    wire = Wire(*[answer(200, body) for body in (*before, other, other)])
    with pytest.raises(KalbioResponseError, match="the answer belongs to another request"):
        call(world, connect(world, wire))
    assert len(wire.requests) == len(before) + 2


WRITES: dict[str, Any] = {
    "another record": value(TWO),
    "another field": value(ONE, OTHER),
    "another activity": value(operation_id=THREE),
    "another content": value(content="other", field_type="text"),
}


@pytest.mark.parametrize("name", WRITES)
def test_r120_a_write_with_the_answer_to_another_request_has_an_unknown_outcome(world: World, name: str) -> None:
    """It is not sent again; in a bulk call the row is unknown, and the next request goes over a fresh connection."""
    wire = Wire(answer(200, record(ONE)), answer(200, WRITES[name]), answer(200, WRITES[name]))
    client = connect(world, wire)
    activity = {"activity_id": TWO} if name == "another activity" else {}
    item = world(client.records.get_record_by_id(ONE))
    with pytest.raises(OutcomeUnknownError, match="the answer belongs to another request"):
        world(item.add_value(FIELD, "mine", **activity))
    rows = [{"record": ONE, "field": FIELD, "content": "mine", **({"activity": TWO} if activity else {})}]
    posted = [seen for seen in wire.requests if seen.method == "POST"]
    assert len(posted) == 1
    outcomes = world(client.records.add_values(rows))
    assert [row.status for row in outcomes] == ["unknown"]
    posted = [seen for seen in wire.requests if seen.method == "POST"]
    assert len(posted) == 2
    assert any(seen.extensions.get("fresh_connection") for seen in wire.requests)


def test_r120_a_get_or_create_with_a_wrong_answer_twice_has_an_unknown_outcome(world: World) -> None:
    """What may be repeated is asked once more; then nobody knows."""
    call, before, other, _ = READS["a new key"]
    wire = Wire(*[answer(200, body) for body in (*before, other, other)])
    with pytest.raises(OutcomeUnknownError, match="belongs to another request"):
        call(world, connect(world, wire))


def test_r120_uploads_are_held_against_their_record_and_field(world: World) -> None:
    """The field that an upload names in its form counts like that of a body."""
    wire = Wire(answer(200, record(ONE)), answer(200, value(ONE, OTHER)))
    client = connect(world, wire)
    item = world(client.records.get_record_by_id(ONE))
    with pytest.raises(OutcomeUnknownError, match=r"resource\.field_id"):
        world(item.update_field_file(FIELD, "a.txt", b"1", "text/plain"))


def test_r120_an_id_in_a_journal_is_the_id_of_its_row(world: World, tmp_path: Path) -> None:
    """A row whose answer belongs to another one is not noted as done, and its id is not that of the other."""

    def play(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("_fields"):
            return answer(200, FIELDS)
        if request.method == "GET":
            ids = dict(request.url.params).get("record_ids")
            return answer(200, record(ONE) if ids is None else [record(number) for number in ids.split(",")])
        asked = json.loads(request.content)["content"]
        made = {"id": f"value-{asked}", "content": asked, "field_type": "text"}
        # The first answer comes twice: the second row gets that of the first.
        made = made if asked == "first" else {"id": "value-first", "content": "first", "field_type": "text"}
        return answer(200, value(request.url.path.split("/")[2], **{**made}))

    wire = Wire(*[play] * 20)
    client = connect(world, wire, max_in_flight=1)
    rows = [{"record": number, "field": FIELD, "content": text} for number, text in ((ONE, "first"), (TWO, "second"))]
    outcomes = world(client.records.add_values(rows, journal=tmp_path / "load"))
    assert [row.status for row in outcomes] == ["done", "unknown"]
    assert [row.id for row in outcomes] == ["value-first", None]


@pytest.mark.parametrize(
    ("operation", "path", "query", "body", "fits", "differs"),
    [
        ("getOrCreateRecord", "/records", {}, {"key_field_to_value": {FIELD: 5}}, record(ONE, **{FIELD: "5.0"}),
         record(ONE, **{FIELD: "6"})),
        ("getOrCreateRecord", "/records", {}, {"key_field_to_value": {FIELD: " a B"}}, record(ONE, **{FIELD: "A b"}),
         record(ONE, **{OTHER: "A b"})),
        ("addRecordValue", f"/records/{ONE}/values", {}, {"content": 4.10}, value(content="4.1", field_type="number"),
         value(content="4.2", field_type="number")),
        ("addRecordValue", f"/records/{ONE}/values", {}, {"content": 0.1 + 0.2},
         value(content="0.3", field_type="number"), value(content="0.3001", field_type="number")),
        ("getOrCreateKeyField", "/key_fields", {}, {"field_name": "\ufeffName\u200b"}, {"field_name": "name"},
         {"field_name": "names"}),
        ("addRecordValue", f"/records/{ONE}/values", {}, {"content": "CC"},
         value(content="C-C", field_type="smiles-string"),
         value(content="C", field_type="text")),
        ("createProgram", "/programs", {}, {"title": "A"}, {"id": ONE}, {"id": ONE, "title": "B"}),
        ("validateDrafts", f"/operations/{ONE}/validate_drafts", {}, {}, {"id": TWO, "submission_type": None},
         {"id": TWO, "submission_type": "registration"}),
        ("identifyRecords", "/records/identifiers",
         {"records_key_field_to_value": json.dumps([{FIELD: "A"}, {FIELD: "B"}])}, {},
         [{"record": record(ONE, **{FIELD: "B"})}, {"record": None}], [{"record": record(ONE, **{FIELD: "C"})}]),
        ("listRecordValues", f"/records/{ONE}/values", {}, {},
         [{"id": FIELD, "record_id": TWO}, {"id": OTHER, "record_id": ONE}],
         [{"id": FIELD, "record_id": TWO}, {"id": OTHER, "record_id": TWO}]),
        ("updateDataField", f"/data_fields/{FIELD}", {}, {}, {"resource": {"field": {"id": FIELD}}},
         {"resource": {"field": {"id": OTHER}}}),
    ],
)  # fmt: skip
def test_r120_what_legitimately_differs_is_no_contradiction(
    operation: str, path: str, query: dict[str, str], body: Any, fits: Any, differs: Any
) -> None:
    """Letters, spaces, the spelling of numbers and what is absent do not count; another thing does."""
    info = OPERATIONS[operation]
    request = httpx.Request(info.method, f"https://x.invalid/base{path}", params=query, json=body)
    assert contradiction(info, request, reply(request, fits)) is None
    assert contradiction(info, request, reply(request, differs)) is not None


def test_r120_no_sample_contradicts_its_request_or_breaks_a_promise(lab: Lab, world: World) -> None:
    """Answers of every operation hold what is promised, and everything with an id of its path repeats it."""
    for path in SAMPLES.glob("[!w]*.json"):
        info = OPERATIONS[path.stem]
        request = httpx.Request(info.method, "https://x.invalid/elsewhere")
        assert broken_promise(info, request, reply(request, path.read_bytes())) is None, path.stem
    for name, info in OPERATIONS.items():
        last = re.search(r"\{(\w+)\}$", info.path)
        if last and info.answer == "object" and last[1] != "source_id":
            assert any(mark.request == f"path.{last[1]}" for mark in info.repeats), name


# -- R137, of answers in memory --------------------------------------------------------------------------------------


@cache
def packed(size: int) -> bytes:
    """The gzip of a JSON text of so many letters."""
    return gzip.compress(b'{"id": "' + b"a" * size + b'"}')


def streamed(body: bytes, encoding: str = "gzip", status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    """An answer that comes in pieces, as over a network."""
    pieces = [body[start : start + 65_536] for start in range(0, len(body), 65_536)]
    headers = {"content-encoding": encoding} if encoding else {}
    return lambda request: httpx.Response(status, headers=headers, stream=Pieces(*pieces))


def test_r137_an_answer_over_the_limit_is_refused_before_it_is_in_memory(world: World) -> None:
    """A bomb of 50 MB takes a few, and the error names the limit; what stays below is read."""
    client = connect(world, Wire(streamed(packed(50_000_000)), streamed(packed(1000))), max_answer_size=1_000_000)
    pipe = client.raw.get_httpx_client() if world.kind == "sync" else client.raw.get_async_httpx_client()
    tracemalloc.start()
    with pytest.raises(KalbioResponseError, match=r"longer than 1,000,000 bytes.*max_answer_size"):
        world(pipe.request(method="GET", url="/records/x"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
    assert len(world(pipe.request(method="GET", url="/records/x")).json()["id"]) == 1000


@pytest.mark.parametrize("encoding", ["", "gzip", "x-gzip", "GZIP", "identity"])
def test_r137_only_gzip_is_asked_for_and_read(core: Core, encoding: str) -> None:  # noqa: F811
    """Both names of gzip are read, and the request names no other encoding."""
    body = b'{"id": "1"}'
    wire = Wire(streamed(gzip.compress(body) if "gzip" in encoding.lower() else body, encoding))
    response = core.call(core.open(wire))
    assert (response.json(), response.content) == ({"id": "1"}, body)
    assert wire.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, identity", "gzip, gzip"])
def test_r137_an_encoding_that_was_not_asked_for_is_named(core: Core, encoding: str) -> None:  # noqa: F811
    """It is refused by its name, and the connection is given back; a refusal in it still has its status."""
    with pytest.raises(KalbioResponseError, match=f"encoding '{encoding}'"):
        core.call(core.open(Wire(streamed(b"anything", encoding))))
    with pytest.raises(NotFoundError):
        core.call(core.open(Wire(streamed(b"anything", encoding, status=404))))


@pytest.mark.parametrize("status", [404, 401])
def test_r137_the_body_of_a_refusal_is_cut(core: Core, status: int) -> None:  # noqa: F811
    """The status of a refusal counts, however much it says, and what is kept of it is short."""
    wire = Wire(*[streamed(packed(50_000_000), status=status) for _ in range(2)])
    tracemalloc.start()
    with pytest.raises(KalbioAPIError) as caught:
        core.call(core.open(wire))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.status_code == status
    assert peak < 20_000_000


def test_r137_a_login_that_unpacks_without_end_is_refused(core: Core) -> None:  # noqa: F811
    """The answer to a login has a limit of its own, and nothing of it is shown."""
    with pytest.raises(KalbioResponseError, match="longer than") as caught:
        core.call(core.open(Wire(logins=[streamed(packed(50_000_000))])))
    assert caught.value.response_body == b""


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "1", None])
def test_r137_a_limit_that_makes_no_sense_is_refused(world: World, size: Any) -> None:
    """It must be a whole number of at least 1."""
    with pytest.raises(ValueError, match="max_answer_size"):
        connect(world, Wire(), max_answer_size=size)


# -- R123 ------------------------------------------------------------------------------------------------------------

USELESS: dict[str, Any] = {
    "an error": {"error": "Session expired", "statusCode": 401},
    "nothing": b"",
    "an empty object": {},
    "a page": b"<html>log in</html>",
    "text": b"done",
}


@pytest.mark.parametrize("name", USELESS)
@pytest.mark.parametrize("status", [200, 201])
def test_r123_a_write_without_its_answer_is_not_done(world: World, name: str, status: int) -> None:
    """A single write raises and says that it may be in; a row of a bulk write is unknown."""
    item = record(ONE)
    wire = Wire(answer(200, item), answer(status, USELESS[name]), answer(status, USELESS[name]))
    client = connect(world, wire)
    one = world(client.records.get_record_by_id(ONE))
    with pytest.raises(KalbioResponseError, match="may have been carried out"):
        world(one.add_value(FIELD, "x"))
    outcomes = world(client.records.add_values([{"record": ONE, "field": FIELD, "content": "x"}]))
    assert [row.status for row in outcomes] == ["unknown"]


def test_r123_every_operation_with_an_answer_refuses_useless_ones() -> None:
    """Errors, pages and text are refused everywhere; nothing at all where something is promised."""
    for operation in [name for name, item in OPERATIONS.items() if item.answer and name != "createToken"]:
        with row(operation):
            info = OPERATIONS[operation]
            request = httpx.Request(info.method, "https://x.invalid" + info.path)
            for name, body in USELESS.items():
                allowed = (name == "nothing" and info.may_be_empty) or (name == "an empty object" and not info.required)
                allowed = allowed and (info.answer == "object" or name == "nothing")
                assert (broken_promise(info, request, reply(request, body)) is None) is allowed, name
            seen = {item.answer for item in OPERATIONS.values()}
            assert seen == {"object", "list", ""}


@pytest.mark.parametrize("operation", [name for name, item in OPERATIONS.items() if not item.answer])
def test_r123_where_nothing_is_to_be_read_an_error_still_counts(operation: str) -> None:
    """A call that answers nothing is done with nothing and with any word, not with an error or a page to log in."""
    info = OPERATIONS[operation]
    request = httpx.Request(info.method, "https://x.invalid" + info.path)
    verdicts = {name: broken_promise(info, request, reply(request, body)) is None for name, body in USELESS.items()}
    assert verdicts == {"an error": False, "nothing": True, "an empty object": True, "a page": False, "text": True}


def test_r123_a_write_that_says_nothing_is_refused_over_the_wire_too(world: World) -> None:
    """Deleting, linking and the like: an error in the answer raises, in curated calls and raw ones."""
    bodies = [{"error": "Session expired", "statusCode": 401}] * 3  # a read is asked once more
    client = connect(world, Wire(*[answer(200, body) for body in bodies]))
    with pytest.raises(KalbioResponseError, match="error with status 401; the call may have been carried out"):
        raw(world, client, "records", "get_or_create_record", body={"key_field_to_value": {FIELD: "x"}})
    with pytest.raises(KalbioResponseError, match="error with status 401"):
        raw(world, client, "records", "get_record", ONE)


def test_r123_a_created_activity_must_be_in_its_list(world: World) -> None:
    """An empty list is no created activity; the object without its list is one."""
    info = OPERATIONS["createActivity"]
    request = httpx.Request("POST", "https://x.invalid/activities", json={})
    assert broken_promise(info, request, reply(request, [])) == "the answer is an empty list"
    assert broken_promise(info, request, reply(request, {"id": ONE})) is None
    assert broken_promise(info, request, reply(request, [{"title": "x"}])) == "the answer has no id"
