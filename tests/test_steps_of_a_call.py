"""How much a call takes, counted and not timed, and when the HTTP library is loaded."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import httpx
import pytest
from kaleidoscope_api.operations import OPERATIONS

from kalbio._core.http import response_identity
from kalbio._core.http.plain_answers import is_plainly_right
from kalbio._core.http.response_identity import broken_promise, contradiction
from kalbio._model.platform import KALEIDOSCOPE


def answered(**answer: Any) -> httpx.Response:
    """An answer of the platform, as the client gets it."""
    return httpx.Response(200, extensions={"platform": KALEIDOSCOPE}, **answer)


THING, FIELD, OTHER = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))


def test_writing_a_value_takes_few_steps() -> None:
    """A warm `add_value` enters at most 100 functions of the project in 34 files: the check of the answer is few."""
    # In a process of its own: the tests of this one have logging and hooks that take steps too.
    done = subprocess.run([sys.executable, "-m", "bench.trace"], capture_output=True, text=True, check=True)
    frames, files = map(int, re.findall(r"\d+", done.stdout.splitlines()[-1]))
    assert frames <= 100, done.stdout
    assert files <= 34, done.stdout
    assert done.stdout.count("response_identity.py") + done.stdout.count("plain_answers.py") <= 3


RIGHT = {"id": "v", "record_id": THING, "field_id": FIELD, "content": "2.5", "operation_id": None}
ODD: list[Any] = [None, "", 5, [], OTHER, THING.upper(), "\ud800", "%3Cx%3E", "<x>"]
ANSWERS: list[Any] = [
    {"resource": RIGHT},
    [{"resource": RIGHT}],
    RIGHT,
    {},
    [],
    None,
    "text",
    {"resource": None},
    {"resource": [RIGHT]},
    {"resource": {}},
    {"resource": RIGHT, "error": "no"},
    {"resource": RIGHT, "statusCode": 401},
    *({"resource": {**RIGHT, name: odd}} for name in ("id", "record_id", "field_id", "operation_id") for odd in ODD),
    *(
        {"resource": {**RIGHT, "content": content, "field_type": kind}}
        for content in ("2.5", 2.5, "2.50", "2.6", "x", True, None, ["2.5"])
        for kind in ("number", "text", "file", None)
    ),
]


@pytest.mark.parametrize("sent", [2.5, "2.5", "x", True, 1, None, ["2.5"], {"a": 1}])
@pytest.mark.parametrize("path", [f"/records/{THING}/values", "/records/%3Cx%3E/values", "/elsewhere"])
def test_what_is_right_at_a_glance_is_right_when_looked_at_closely(path: str, sent: object) -> None:
    """No answer passes the quick check that the thorough one would not let pass."""
    operation = OPERATIONS["addRecordValue"]
    body = {"field_id": FIELD, "content": sent, "operation_id": None}
    passed = 0
    for found in ANSWERS:
        request = httpx.Request("POST", f"http://sandbox{path}", json=body)
        response = answered(text=json.dumps(found), request=request)
        if is_plainly_right(operation, request, response):
            passed += 1
            assert contradiction(operation, request, response) is None, found
            assert broken_promise(operation, request, response) is None, found
    assert passed or path != f"/records/{THING}/values" or isinstance(sent, list | dict) or sent == 1


def test_the_quick_check_is_the_one_that_counts_as_a_rule() -> None:
    """The answer to a read and to a write of the sandbox's kind needs no second look."""
    for operation, method, path, body, found in (
        (
            "addRecordValue",
            "POST",
            f"/records/{THING}/values",
            {"field_id": FIELD, "content": 2.5},
            {"resource": RIGHT},
        ),
        ("getRecord", "GET", f"/records/{THING}", None, {"id": THING, "record_values": {}}),
    ):
        request = httpx.Request(method, f"http://sandbox{path}", json=body)
        assert is_plainly_right(OPERATIONS[operation], request, answered(json=found, request=request))


def shown(**values: Any) -> dict[str, Any]:
    """A record that shows these contents by field."""
    return {"id": THING, "record_values": {name: [{"id": "k", "content": value}] for name, value in values.items()}}


RECORDS: list[Any] = [
    shown(drug="A", lot="1"),
    shown(drug="A"),
    shown(drug="B", lot="1"),
    shown(drug="a", lot="1"),
    shown(drug="A", lot=1),
    shown(drug=None, lot="1"),
    {"id": THING, "record_values": {"drug": [], "lot": []}},
    {"id": THING, "record_values": {"drug": [{"content": "B"}, {"content": "A"}], "lot": [{"content": "1"}]}},
    {"id": THING, "record_values": {"drug": {"content": "A"}, "lot": [{"content": "1"}]}},
    {"id": THING, "record_values": {"drug": ["A"], "lot": ["1"]}},
    {"id": THING, "record_values": {}},
    {"id": THING, "record_values": None},
    {"id": THING, "record_values": []},
    {"id": THING},
    None,
    "A",
    7,
    [],
]


def test_key_values_at_a_glance_are_those_that_a_closer_look_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers to look-ups by key are judged alike with the quick check of key values and without it."""
    wanted = {"drug": "A", "lot": "1"}
    get = httpx.Request(
        "GET",
        "http://sandbox/records/identifiers",
        params={"records_key_field_to_value": json.dumps([wanted, wanted])},
    )
    post = httpx.Request("POST", "http://sandbox/records", json={"key_field_to_value": wanted})
    cases = [("getOrCreateRecord", post, answer) for record in RECORDS for answer in (record, [record])]
    for one in RECORDS:
        for other in RECORDS:
            cases.append(("identifyRecords", get, [{"record": one}, {"record": other}]))
        cases += [("identifyRecords", get, answer) for answer in ([{"record": one}], [one, one], {"record": one}, one)]

    def judged() -> list[Any]:
        verdicts = []
        for operation, request, answer in cases:
            response = answered(text=json.dumps(answer), request=request)
            wrong = contradiction(OPERATIONS[operation], request, response)
            verdicts.append((wrong, broken_promise(OPERATIONS[operation], request, response)))
        return verdicts

    quick = judged()
    monkeypatch.setattr(response_identity, "_key_decoders", lambda _: None)
    assert quick == judged()
    assert {wrong is None for wrong, _ in quick} == {True, False}


def test_json_of_an_answer_is_the_readers_own() -> None:
    """Reading an answer twice gives two copies: what one reader changes, the other does not see."""
    from kalbio._core.http.responses import as_json

    request = httpx.Request("GET", f"http://sandbox/records/{THING}")
    response = answered(json={"id": THING}, request=request)
    assert is_plainly_right(OPERATIONS["getRecord"], request, response)
    first = as_json(response)
    first["id"] = OTHER
    assert as_json(response) == {"id": THING}


@pytest.mark.parametrize("world", ["Kaleidoscope", "AsyncKaleidoscope"])
def test_the_http_library_is_loaded_with_the_first_request(world: str) -> None:
    """Making a client and asking it for every service loads no httpx."""
    code = f"""
import sys
from kalbio import {world}Client as Client
client = Client("id", "secret")
for name in dir(type(client)):
    if not name.startswith("_"):
        getattr(client, name)
loaded = [name for name in ("httpx", "httpcore", "h11") if name in sys.modules]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
