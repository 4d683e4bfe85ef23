"""What answers must be: statuses, numbers and nesting that no server should send, bodies that promise and belong."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from kalbio import (
    AuthenticationError,
    KalbioAPIError,
    KalbioResponseError,
    OutcomeUnknownError,
    RetryPolicy,
)
from kalbio._core.objects.fixed import copied
from kalbio._core.objects.resource import Resource, number
from kalbio._core.retry import read_retry_after
from kalbio.webhooks import WebhookError, parse_webhook
from tests.conftest import World
from tests.core.conftest import core  # noqa: F401  # a fixture
from tests.core.wire import Core, Wire, answer

RECORD = "00000000-0000-4000-8000-000000000001"
DEEP = b"[" * 100_000 + b"]" * 100_000
DIGITS = "9" * 400


def connect(world: World, wire: Wire, **options: Any) -> Any:
    """Make a client on a scripted wire."""
    return world.connect(**{"retries": 0, **options, "transport": wire})


# -- R134 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [DIGITS, "1e400", "Fri, 01 Jan 99999 00:00:00 GMT", f"Fri, 01 Jan {'9' * 30} 00:00:00 GMT", "1" * 5000],
    ids=["digits", "power", "year", "long year", "thousands of digits"],
)
def test_r134_a_retry_after_without_measure_counts_as_absent(core: Core, header: str) -> None:  # noqa: F811
    """A wait that cannot be told is no wait: the call goes on as without it, and the error says what came."""
    assert read_retry_after(header, datetime.now(UTC)) is None
    refusals = [answer(429, {}, retry_after=header) for _ in range(2)]
    with pytest.raises(KalbioAPIError) as caught:
        core.call(core.open(Wire(*refusals), retry=RetryPolicy(attempts=2, base=0)))
    assert (caught.value.status_code, caught.value.retry_after) == (429, None)


@pytest.mark.parametrize(
    "members",
    [f'"expires_in": {DIGITS}', '"expires_in": 1e400', f'"expires_in": {"9" * 5000}',
     '"expires_in": 60, "refresh_token": "\\ud83d"', f'"expires_in": {DEEP.decode()}'],
    ids=["digits", "power", "thousands of digits", "half a character", "deep"],
)  # fmt: skip
def test_r134_a_login_without_measure_is_an_unusable_answer(core: Core, members: str) -> None:  # noqa: F811
    """A token answer with numbers or text that nobody can use is a KalbioResponseError that shows nothing of it."""
    body = '{"access_token": "sandbox-token-x", ' + members + "}"
    with pytest.raises(KalbioResponseError, match=r"expires_in") as caught:
        core.call(core.open(Wire(logins=[answer(200, body)])))
    assert "sandbox-token-x" not in str(caught.value)


@pytest.mark.parametrize("body", [DEEP, b'{"id": "a", "x": ' + DEEP + b"}", b'[{"id": "a", "x": ' + DEEP + b"}]",
                                  b'[{"record": {"id": "a", "x": ' + DEEP + b"}}]", b'{"id": ' + b"9" * 5000 + b"}"],
                         ids=["list", "object", "items", "members", "digits"])  # fmt: skip
def test_r134_nesting_and_digits_without_end_are_unusable_answers(world: World, body: bytes) -> None:
    """JSON that cannot be decoded is a KalbioResponseError for one record, several, a search and a look-up by key."""
    key_field = answer(200, [{"id": "f", "field_name": "Drug", "is_key": True}])
    reads: list[tuple[list[Any], Callable[[Any], Any]]] = [
        ([answer(200, body)], lambda client: client.records.get_record_by_id(RECORD)),
        ([answer(200, body)], lambda client: client.records.get_records_by_ids([RECORD])),
        ([answer(200, body)], lambda client: client.records.search_records(search_text="x")),
        ([answer(200, body)], lambda client: client.programs.get_programs()),
        ([key_field, answer(200, body)], lambda client: client.records.get_record_by_id({"Drug": "x"})),
    ]
    for steps, read in reads:
        client = connect(world, Wire(*steps))
        with pytest.raises(KalbioResponseError):
            world(read(client))


def test_r134_a_record_whose_members_cannot_be_decoded_says_so(world: World) -> None:
    """A number of thousands of digits inside a record is found when it is read, as a KalbioResponseError."""
    client = connect(world, Wire(answer(200, f'[{{"id": "{RECORD}", "x": {"9" * 5000}}}]')))
    (record,) = world(client.records.get_records_by_ids([RECORD]))
    for member in ("x", "record_identifier", "raw", "record_values"):
        with pytest.raises(KalbioResponseError, match=RECORD):
            getattr(record, member)


def test_r134_members_without_measure_read_as_what_they_are() -> None:
    """A whole number of any length stays whole, an infinite one is none, and deep JSON can be copied."""

    class Thing(Resource):
        size = number()

    assert Thing({"size": 10**400}).size == 10**400
    assert Thing({"size": math.inf}).size is None
    deep: Any = "end"
    for _ in range(5000):
        deep = [{"in": deep}]
    copy = copied(deep)
    depth = 0
    while isinstance(copy, list):
        assert copy is not deep
        copy, deep, depth = copy[0]["in"], deep[0]["in"], depth + 1
    assert (copy, depth) == ("end", 5000)


def test_r134_half_a_character_in_an_id_is_no_id(world: World) -> None:
    """An id that could not be sent back is refused in one object, and set aside in lists and searches."""
    half = "\ud83d"
    client = connect(
        world,
        Wire(
            *[answer(200, {"id": half}) for _ in range(2)],  # it is no answer to the request either: asked once more
            answer(200, [{"id": half}, {"id": RECORD}]),
            answer(200, [half, RECORD]),
        ),
    )
    with pytest.raises(KalbioResponseError, match="id"):
        world(client.records.get_record_by_id(RECORD))
    programs = world(client.programs.get_programs())
    assert ([item.id for item in programs], programs.unreadable) == ([RECORD], [{"id": half}])
    assert world(client.records.search_records(search_text="x")) == [RECORD]


@pytest.mark.parametrize("payload", [DEEP, DEEP.decode(), b'{"event": ' + b"9" * 5000 + b"}"])
def test_r134_a_webhook_without_measure_is_no_webhook(payload: bytes | str) -> None:
    """Nesting and digits without end in a webhook are a WebhookError."""
    with pytest.raises(WebhookError, match="not JSON"):
        parse_webhook(payload)


# -- R146 ------------------------------------------------------------------------------------------------------------

PATIENT = RetryPolicy(attempts=3, base=0)


@pytest.mark.parametrize("status", [421, 425])
@pytest.mark.parametrize("operation", ["read", "write"])
def test_r146_what_was_not_processed_is_sent_again(core: Core, status: int, operation: str) -> None:  # noqa: F811
    """421 and 425 say that nothing was done: any call is sent again, after 421 over a fresh connection."""
    wire = Wire(status, status, answer(200, {"id": "1"}))
    response = core.call(core.open(wire, retry=PATIENT), "POST", json={}, extensions={"operation": operation})
    assert response.json() == {"id": "1"}
    fresh = [bool(seen.extensions.get("fresh_connection")) for seen in wire.requests]
    assert fresh == [False, status == 421, status == 421]


def test_r146_a_request_time_out_of_a_read_is_asked_again(core: Core) -> None:  # noqa: F811
    """408 is asked again where the call may be repeated."""
    wire = Wire(408, answer(200, {"id": "1"}))
    assert core.call(core.open(wire, retry=PATIENT)).json() == {"id": "1"}
    assert len(wire.requests) == 2


def test_r146_a_write_answered_408_has_an_unknown_outcome(core: Core) -> None:  # noqa: F811
    """After 408 a write may or may not have been carried out: it is not sent again, and the error says so."""
    wire = Wire(408)
    with pytest.raises(OutcomeUnknownError, match="408") as caught:
        core.call(core.open(wire, retry=PATIENT), "POST", json={})
    assert len(wire.requests) == 1
    assert caught.value.answer is not None
    assert caught.value.answer.status_code == 408


@pytest.mark.parametrize("status", [408, 421, 425])
def test_r146_a_login_is_tried_again_too(core: Core, status: int) -> None:  # noqa: F811
    """A login that was not processed, or timed out, is tried again; it does not blame the credentials."""
    wire = Wire(logins=[status])
    core.call(core.open(wire, retry=PATIENT), "POST", json={})
    assert (len(wire.logins), len(wire.requests)) == (2, 1)
    assert bool(wire.logins[1].extensions["fresh_connection"]) is (status == 421)
    with pytest.raises(KalbioAPIError) as caught:
        core.call(core.open(Wire(logins=[status] * 3), retry=PATIENT))
    assert caught.value.status_code == status
    assert not isinstance(caught.value, AuthenticationError)


def test_r146_a_refresh_that_was_not_processed_keeps_its_token(core: Core) -> None:  # noqa: F811
    """After 421 and 425 the refresh token is still good and is used; after 408 it may be spent, and a login follows."""
    for status, grant in ((421, "refresh_token"), (425, "refresh_token"), (408, "client_credentials")):
        wire = Wire(lifetime=100)
        pipe = core.open(wire, retry=PATIENT)
        core.call(pipe)
        core.clock.now += 99
        wire.login_steps = iter([answer(status)])
        core.call(pipe)
        assert [seen.form["grant_type"] for seen in wire.logins[1:]] == ["refresh_token", grant]
