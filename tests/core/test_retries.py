"""Whether and when to try again: the decision itself, and what it does on the wire."""

from __future__ import annotations

import io
import itertools
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from kalbio._core.errors import (
    ConnectionFailedError,
    OutcomeUnknownError,
    RateLimitError,
    RequestTimeoutError,
    SDKError,
    ServerError,
)
from kalbio._core.retry import AttemptResult, Decision, RetryPolicy, classify, decide, read_retry_after
from tests.core.wire import Core, Wire, answer

POLICY = RetryPolicy(attempts=4, base=0.5, max_wait=30, deadline=120)
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def decided(happened: AttemptResult, **given: Any) -> Decision:
    """The decision about a first try, unless something else is given."""
    facts: dict[str, Any] = {
        "idempotent": True, "replayable": True, "attempt": 1, "elapsed": 0.0, "retry_after": None,
        "random": lambda: 1.0,
    }  # fmt: skip
    return decide(POLICY, happened, **{**facts, **given})


@pytest.mark.parametrize(
    ("happened", "idempotent", "replayable", "again", "outcome_unknown"),
    [
        (AttemptResult.NOT_SENT, True, True, True, False),
        (AttemptResult.NOT_SENT, False, True, True, False),
        (AttemptResult.NOT_SENT, True, False, False, False),
        (AttemptResult.NOT_SENT, False, False, False, False),
        (AttemptResult.THROTTLED, True, True, True, False),
        (AttemptResult.THROTTLED, False, True, True, False),
        (AttemptResult.THROTTLED, True, False, False, False),
        (AttemptResult.THROTTLED, False, False, False, False),
        (AttemptResult.LOST, True, True, True, False),
        (AttemptResult.LOST, False, True, False, True),
        (AttemptResult.LOST, True, False, False, False),
        (AttemptResult.LOST, False, False, False, True),
        (AttemptResult.SERVER_FAILED, True, True, True, False),
        (AttemptResult.SERVER_FAILED, False, True, False, True),
        (AttemptResult.SERVER_FAILED, True, False, False, False),
        (AttemptResult.SERVER_FAILED, False, False, False, True),
        (AttemptResult.REFUSED, True, True, False, False),
        (AttemptResult.REFUSED, False, True, False, False),
        (AttemptResult.REFUSED, True, False, False, False),
        (AttemptResult.REFUSED, False, False, False, False),
    ],
)
def test_what_may_be_repeated(
    happened: AttemptResult, idempotent: bool, replayable: bool, again: bool, outcome_unknown: bool
) -> None:
    """Not processed: anything that can be sent again. Maybe processed: only what does no harm twice. Refused: never."""
    decision = decided(happened, idempotent=idempotent, replayable=replayable)
    assert (decision.wait is not None) is again
    assert decision.outcome_unknown is outcome_unknown
    last = decided(happened, idempotent=idempotent, replayable=replayable, attempt=4)
    assert last == Decision(None, outcome_unknown)


def test_the_wait_is_drawn_from_zero_to_a_bound_that_doubles() -> None:
    """Full jitter: 0 to 0.5 s, then 1 s, then 2 s, and never more than the longest single wait."""
    for attempt, bound in [(1, 0.5), (2, 1.0), (3, 2.0)]:
        assert decided(AttemptResult.LOST, attempt=attempt, random=lambda: 0.0).wait == 0
        assert decided(AttemptResult.LOST, attempt=attempt, random=lambda: 0.25).wait == bound / 4
        assert decided(AttemptResult.LOST, attempt=attempt).wait == bound
    patient = RetryPolicy(attempts=2000, max_wait=30)
    for attempt in (10, 1000):
        decision = decide(
            patient, AttemptResult.LOST, idempotent=True, replayable=True, attempt=attempt, elapsed=0, retry_after=None,
            random=lambda: 1.0,
        )  # fmt: skip
        assert decision.wait == 30


def test_the_servers_wait_is_a_minimum() -> None:
    """Retry-After is waited for in full, plus a little so that callers turned away together do not return together."""
    assert decided(AttemptResult.THROTTLED, retry_after=7.0, random=lambda: 0.0).wait == 7
    assert decided(AttemptResult.THROTTLED, retry_after=7.0, attempt=3).wait == 7.5
    assert decided(AttemptResult.THROTTLED, retry_after=0.0, random=lambda: 0.0).wait == 0


def test_a_server_that_asks_for_too_long_is_not_asked_again() -> None:
    """A wait over the cap, or one that would end after the deadline, gives the error now."""
    assert decided(AttemptResult.THROTTLED, retry_after=30.0, random=lambda: 0.0).wait == 30
    assert decided(AttemptResult.THROTTLED, retry_after=30.01).wait is None
    assert decided(AttemptResult.LOST, elapsed=119.5).wait == 0.5
    assert decided(AttemptResult.LOST, elapsed=119.6).wait is None


def test_statuses_are_classified_by_what_the_server_did() -> None:
    """421, 425, 429, and 503 with Retry-After: nothing. 408, other 5xx: maybe something. The rest: it said no."""
    assert classify(429, None) is classify(429, 1.0) is classify(503, 0.0) is AttemptResult.THROTTLED
    assert classify(421, None) is classify(425, None) is AttemptResult.THROTTLED
    assert {classify(status, None) for status in (408, 500, 502, 503, 504, 599)} == {AttemptResult.SERVER_FAILED}
    assert classify(500, 5.0) is AttemptResult.SERVER_FAILED
    assert {classify(status, 3.0) for status in (400, 401, 403, 404, 409, 422, 501)} == {AttemptResult.REFUSED}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("1e999", None),
        ("", None),
        ("soon", None),
        ("Mon, 99 Foo 2026 12:00:00 GMT", None),
        ("Mon, 04 May 99999 12:00:00 GMT", None),
        ("Mon, 04 May 2026 12:00:09 +9999999999", None),
        ("Mon, 04 May 2026 12:00:09 GMT", 9.0),
        ("Mon, 04 May 2026 12:00:09 -0000", 9.0),
        ("Mon, 04 May 2026 14:00:09 +0200", 9.0),
        ("Mon, 04 May 2026 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    """What makes no sense counts as absent; what is past counts as now."""
    assert read_retry_after(header, NOW) == seconds


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"base": -1}, {"max_wait": -1}, {"deadline": -1}])
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """Numbers out of range raise when the policy is made."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RetryPolicy(**wrong)


# -- at the wire ------------------------------------------------------------------------------------------------------

LOST = [httpx.ReadTimeout("late"), httpx.ReadError("reset"), httpx.RemoteProtocolError("gone"), httpx.WriteError("w")]
NOT_SENT = [
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout("slow"),
    httpx.PoolTimeout("busy"),
    httpx.ProxyError("407"),
]


@pytest.mark.parametrize("failure", [500, 502, 503, 504, 429, *NOT_SENT, *LOST], ids=repr)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_what_may_be_repeated_is_repeated(core: Core, failure: Any, method: str) -> None:
    """A call that does no harm twice gets its answer on the second try."""
    wire = Wire(failure, answer(200, [1]))
    assert core.call(core.open(wire), method).json() == [1]
    assert len(wire.requests) == 2
    assert core.clock.pauses == [0.5]


@pytest.mark.parametrize("failure", [429, answer(503, retry_after="0"), *NOT_SENT], ids=repr)
def test_a_write_that_was_not_processed_is_sent_again(core: Core, failure: Any) -> None:
    """No connection, 429, 503 with Retry-After: the server did nothing, so a POST may be repeated as it was."""
    if isinstance(failure, httpx.Response):
        failure = answer(failure.status_code, retry_after="0")
    wire = Wire(failure, answer(200, {}))
    core.call(core.open(wire), "POST", json={"n": 1})
    assert [seen.body for seen in wire.requests] == [b'{"n":1}'] * 2


@pytest.mark.parametrize("failure", LOST, ids=repr)
def test_a_write_whose_answer_is_lost_raises_outcome_unknown(core: Core, failure: Exception) -> None:
    """The error holds what was sent, and nothing is sent a second time."""
    wire = Wire(failure)
    with pytest.raises(OutcomeUnknownError, match="may have been carried out; check before you repeat it") as caught:
        core.call(core.open(wire), "POST", json={"n": 1})
    error = caught.value
    assert (error.method, error.path, error.sent, error.answer) == ("POST", "/things", b'{"n":1}', None)
    assert error.__cause__ is failure
    assert len(wire.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_write_that_the_server_failed_at_has_an_unknown_outcome_too(core: Core, status: int) -> None:
    """A 5xx without Retry-After does not say how far the server came; its answer stays with the error."""
    wire = Wire(answer(status, {"code": "boom"}, x_request_id="r-1"))
    with pytest.raises(OutcomeUnknownError, match=f"status {status}") as caught:
        core.call(core.open(wire), "POST", json={})
    assert isinstance(caught.value.answer, ServerError)
    assert (caught.value.answer.status_code, caught.value.answer.code) == (status, "boom")
    assert caught.value.answer.request_id == "r-1"
    assert len(wire.requests) == 1


def test_the_description_of_an_operation_outweighs_its_method(core: Core) -> None:
    """A POST known to be idempotent is repeated, a PUT known not to be is not; a call may override both."""
    wire = Wire(httpx.ReadTimeout("late"))
    core.call(core.open(wire), "POST", json={}, extensions={"operation": "getOrCreate"})
    assert len(wire.requests) == 2

    with pytest.raises(OutcomeUnknownError):
        core.call(core.open(Wire(httpx.ReadTimeout("late"))), "PUT", json={}, extensions={"operation": "oncePut"})

    wire = Wire(500)
    core.call(core.open(wire), "POST", json={}, extensions={"operation": "write", "idempotent": True})
    assert len(wire.requests) == 2
    with pytest.raises(OutcomeUnknownError):
        core.call(core.open(Wire(500)), "GET", extensions={"operation": "read", "idempotent": False})


def test_an_unknown_operation_goes_by_its_method(core: Core) -> None:
    """A request that no generated operation built is judged by its method alone."""
    with pytest.raises(OutcomeUnknownError):
        core.call(core.open(Wire(500)), "PATCH", json={}, extensions={"operation": "newer than this client"})


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.ConnectError("refused"), ConnectionFailedError),
        (httpx.ReadError("reset"), ConnectionFailedError),
        (httpx.ReadTimeout("late"), RequestTimeoutError),
        (httpx.ConnectTimeout("slow"), RequestTimeoutError),
        (httpx.PoolTimeout("busy"), RequestTimeoutError),
        (429, RateLimitError),
        (500, ServerError),
    ],
    ids=repr,
)
def test_when_the_tries_are_used_up_the_last_failure_is_raised(core: Core, failure: Any, kind: type[SDKError]) -> None:
    """Four tries with waits of up to 0.5, 1 and 2 seconds, then the typed error with method and path."""
    wire = Wire(*itertools.repeat(failure, 5))
    with pytest.raises(kind) as caught:
        core.call(core.open(wire))
    assert (caught.value.method, caught.value.path) == ("GET", "/things")  # type: ignore[attr-defined]
    assert len(wire.requests) == 4
    assert core.clock.pauses == [0.5, 1.0, 2.0]


def test_retry_after_is_waited_for_at_the_wire(core: Core) -> None:
    """In seconds and as a date; one over the cap raises at once and tells the wait."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    wire = Wire(answer(429, retry_after="3"), answer(503, retry_after=soon))
    core.call(core.open(wire, draw=0.0), "POST", json={})
    assert core.clock.pauses[0] == 3
    assert 17 < core.clock.pauses[1] <= 20

    core.clock.pauses.clear()
    with pytest.raises(RateLimitError) as caught:
        core.call(core.open(Wire(answer(429, retry_after="31"))))
    assert caught.value.retry_after == 31
    assert core.clock.pauses == []


def test_the_deadline_covers_all_tries_of_a_call(core: Core) -> None:
    """Tries end when the next wait would end after the deadline, however many are left."""

    def slow(request: httpx.Request) -> httpx.Response:
        core.clock.now += 50
        return answer(503)

    wire = Wire(*[slow] * 10)
    with pytest.raises(ServerError):
        core.call(core.open(wire, retry=RetryPolicy(attempts=10, base=0, deadline=120)))
    assert len(wire.requests) == 3


def test_a_call_may_have_a_deadline_of_its_own(core: Core) -> None:
    """A deadline that came with a call ends its tries before that of the policy, and never later."""
    for retry in (RetryPolicy(attempts=5, base=1), RetryPolicy(attempts=5, base=1, deadline=120)):
        wire = Wire(*[503] * 5)
        with pytest.raises(RequestTimeoutError, match="took longer than"):
            core.call(core.open(wire, retry=retry), extensions={"deadline": time.monotonic() - 1})
        assert (len(wire.requests), core.clock.pauses) == (0, [])
    wire = Wire(*[503] * 5)
    with pytest.raises(ServerError):
        core.call(core.open(wire, retry=retry), extensions={"deadline": time.monotonic() + 1000})
    assert len(wire.requests) == 5


def test_a_url_that_no_client_speaks_is_not_tried_again(core: Core) -> None:
    """A wrong scheme is wrong the second time too."""
    with pytest.raises(ConnectionFailedError):
        core.call(core.open(Wire(httpx.UnsupportedProtocol("ftp://"))))
    assert core.clock.pauses == []


def test_an_upload_is_identical_on_every_try(core: Core) -> None:
    """Boundary and content of a multipart body are the same when it is sent again, a login in between included."""
    wire = Wire(429, 401, answer(200, {}))
    core.call(
        core.open(wire), "POST", data={"body": "{}"}, files={"file": ("a.bin", io.BytesIO(bytes(200_000)), "x/y")}
    )
    assert len(wire.requests) == 3
    assert len({seen.body for seen in wire.requests}) == 1
    assert len(wire.requests[0].body) > 200_000
    assert {seen.headers["content-type"] for seen in wire.requests} == {wire.requests[0].headers["content-type"]}
    assert wire.requests[0].headers["content-type"].startswith("multipart/form-data; boundary=")
    assert wire.requests[0].headers["content-length"] == str(len(wire.requests[0].body))


def test_an_upload_that_cannot_be_rewound_is_sent_once(core: Core) -> None:
    """A pipe is read once: a second try would send nothing or the rest."""

    class Once(io.RawIOBase):
        def __init__(self) -> None:
            self.parts = [b"one", b"two"]

        def read(self, _: int = -1) -> bytes:
            return self.parts.pop(0) if self.parts else b""

    for failure in (429, httpx.ConnectError("refused")):
        wire = Wire(failure)
        with pytest.raises(SDKError):
            core.call(core.open(wire), "POST", files=[("file", ("a", Once(), "x/y"))])
        assert len(wire.requests) == 1
        assert b"onetwo" in wire.requests[0].body


def test_a_failed_stream_of_an_answer_is_not_retried_behind_the_callers_back(core: Core) -> None:
    """Tries end when an answer begins to stream; what happens to its body is the caller's to see."""
    wire = Wire(503, answer(200, b"a,b\n"))
    response = core.call(core.open(wire), stream=True)
    body = core.world(response.read() if core.world.kind == "sync" else response.aread())
    assert body == b"a,b\n"
    assert len(wire.requests) == 2
