"""What the sandbox takes for a number, a date and text: a written grammar, not what Python's constructors take."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kalbio.sandbox.content import as_number
from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.times import parse
from tests.sandbox.wire import Api


@pytest.mark.parametrize("text", ["0", "-1.5", "+4", " 12 ", "04", ".5", "5.", "1e3", "2.5E-7"])
def test_these_are_numbers(bare: Api, text: str) -> None:
    """Digits, a point, an exponent and blanks around are kept as they are written."""
    record, field = bare.record(Drug="A")["id"], bare.field("Mass", "number")

    assert bare.value(record, field, text)["content"] == text.strip()


@pytest.mark.parametrize(
    "text",
    ["1_000", "\u0661\u0662", "\uff11\uff12", "\u00a012", "1,5", "nan", "inf", "-Infinity", "1e999", "0x10", "", "1e"],
)
def test_these_are_not(bare: Api, text: str) -> None:
    """What only Python or nobody reads as a finite number is refused, and the field says so."""
    record, field = bare.record(Drug="A")["id"], bare.field("Mass", "number")

    refused = bare.post(f"/records/{record}/values", {"field_id": field, "content": text}, 400)

    assert "'Mass': a number field takes a number" in refused["message"]
    assert as_number(text) is None


def test_numbers_keep_all_their_digits() -> None:
    """Whole numbers beyond 2^53 and small fractions are what is written."""
    assert as_number(2**53 + 1) == 2**53 + 1
    assert as_number("9007199254740993") != as_number("9007199254740992")
    assert as_number(0.1) == as_number("0.1") == Decimal("0.1")


@pytest.mark.parametrize(
    "text", ["2024-01-31", "2024-01-31T10:00", "2024-01-31 10:00:59.5Z", "2024-01-31T10:00:00.1234567+02:00"]
)
def test_these_are_dates(text: str) -> None:
    """A day, or a day and a time."""
    assert parse(text) is not None


@pytest.mark.parametrize(
    "text",
    ["2024-W01-1", "2024-W011", "20240131", "2024-01-31x10:00", "2024-01-31T10", "2024-02-30", "\u0662024-01-31"],
)
def test_these_are_no_dates(bare: Api, text: str) -> None:
    """Weeks, days without hyphens and what no calendar has are refused."""
    record, field = bare.record(Drug="A")["id"], bare.field("On", "date")

    bare.post(f"/records/{record}/values", {"field_id": field, "content": text}, 400)


def test_digits_of_other_scripts_are_no_whole_number(bare: Api) -> None:
    """In the query as well."""
    assert bare.get("/records/search", limit="\u0665").status == 400


HALVES = {
    "escaped": b'"x\\ud800"',
    "the second half": b'"\\uDFFF x"',
    "as bytes": b'"\xed\xa0\x80"',
    "no UTF-8": b'"\xff"',
    "another encoding": '"x"'.encode("utf-16"),
}


@pytest.mark.parametrize("text", HALVES.values(), ids=HALVES)
def test_half_a_character_is_refused(api: Api, text: bytes) -> None:
    """A body that is no text is a 400 in every place where it may hold one, and nothing is written."""
    record, field = api.record(Compound="SBX-1")["id"], api.field("Comment").encode()
    before = api.read(f"/records/{record}/values")
    bodies = {
        "/programs": b'{"title": %s}' % text,
        "/key_fields/": b'{"field_name": %s}' % text,
        "/push/imports": b'{"key_field_names": ["Compound"], "data": [{"Compound": %s}]}' % text,
        f"/records/{record}/values": b'{"field_id": "%s", "content": [%s]}' % (field, text),
    }
    for path, body in bodies.items():
        answer = api.send("POST", path, body, "application/json")
        assert (answer.status, answer.json()["code"]) == (400, "FST_ERR_CTP_INVALID_JSON_BODY"), path

    upload = b'--XX\r\nContent-Disposition: form-data; name="body"\r\n\r\n{"field_id": %s}\r\n--XX--\r\n' % text
    path = f"/records/{record}/values/file"
    assert api.send("POST", path, upload, "multipart/form-data; boundary=XX").status == 400
    assert api.read(f"/records/{record}/values") == before


@pytest.mark.parametrize("half", ["%5Cud800", "%ED%A0%80", "%FF"])
def test_half_a_character_in_a_filter_is_refused(api: Api, half: str) -> None:
    """So is one in the query, escaped or not."""
    rule = (
        f"%5B%7B%22field_id%22%3A%22{api.field('Comment')}%22%2C%22filter_type%22%3A%22includes%22%2C%22filter_prop%22"
    )

    assert api.send("GET", f"/records/search?entity_field_filters={rule}%3A%22{half}%22%7D%5D").status == 400
    if half.startswith("%5C"):
        return  # outside of JSON this is a backslash and letters
    for target in (
        "/records/search?search_text=",
        "/activities/search?search_text=",
        "/workspaces/events?resource_type=",
    ):
        assert api.send("GET", target + half).status == 400


def test_half_a_character_is_refused_by_every_operation(api: Api) -> None:
    """Wherever an operation takes JSON or a query, it is a 4xx: no answer is a 500, and no exception comes out."""
    for operation in load_contract().operations:
        path = operation.path.replace("{", "").replace("}", "")
        if "application/json" in operation.body_types():
            for half in (b'{"a": "\\udc00"}', b'{"\xed\xb0\x80": 1}', b'["\\ud800"]'):
                answer = api.send(operation.method, path, half, "application/json")
                assert answer.status == 400, (operation.id, answer.body)
        for parameter in operation.parameters:
            if parameter["in"] == "query":
                answer = api.send(operation.method, f"{path}?{parameter['name']}=%ED%B0%80")
                assert answer.status == 400, (operation.id, answer.body)


def test_a_pair_of_halves_is_a_character(api: Api) -> None:
    """What clients escape because it is not ASCII comes back as it was."""
    body = b'{"title": "\\ud83e\\uddea"}'

    assert api.send("POST", "/programs", body, "application/json").json()["title"] == "\U0001f9ea"


@pytest.mark.parametrize("boundary", ["X" * 71, "X" * 100_000, "", "a\u00e9", " "])
def test_a_boundary_of_the_wrong_length_is_refused(api: Api, boundary: str) -> None:
    """Seventy characters at most, as the standard has it: 4xx, never 500."""
    path = f"/records/{api.record(Compound='SBX-1')['id']}/values/file"
    line = b"--" + boundary.encode("latin-1")
    body = line + b'\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n1\r\n' + line + b"--\r\n"

    answer = api.send("POST", path, body, f'multipart/form-data; boundary="{boundary}"')

    assert answer.status in (400, 415)
    assert answer.json()["code"] == "FST_INVALID_MULTIPART_CONTENT_TYPE"


def test_a_pattern_that_explodes_costs_no_time(api: Api) -> None:
    """A format on which most engines never end is matched at once."""
    key = next(field for field in api.read("/key_fields") if field["field_name"] == "Compound")["id"]
    settings = {"regex_format": "(a+)+$", "format_enforcement": "enforce_only"}
    api.put(f"/key_fields/{key}", settings)

    api.post("/records", {"key_field_to_value": {key: "a" * 20_000 + "!"}}, 400)
    api.post("/records", {"key_field_to_value": {key: "a" * 20_000}})


@pytest.mark.parametrize(
    "pattern", ["(", "(?=a)b", r"(a)\1", "a{1,1000000}", "(?:(?:a{1,900}){1,900}){1,900}", "[b-a]"]
)
def test_a_pattern_without_a_promise_is_refused(api: Api, pattern: str) -> None:
    """What is no regular expression, or needs more than linear time or much memory, is refused when it is set."""
    key = next(field for field in api.read("/key_fields") if field["field_name"] == "Compound")["id"]

    refused = api.put(f"/key_fields/{key}", {"regex_format": pattern}, 400)

    assert "regex_format is not a regular expression (RE2)" in refused["message"]
