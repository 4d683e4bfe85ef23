"""What a client tells of each attempt of a request: to its log, and to the function that it is made with."""

from __future__ import annotations

import contextlib
import gc
import gzip
import logging
import time
import weakref
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kalbio import OutcomeUnknownError, RequestEvent
from kalbio._core.errors import AuthenticationError, NotFoundError, ResponseError, SettingError
from kalbio._core.http.request_log import RequestLog
from kalbio._core.retry import RetryPolicy
from tests.conftest import World
from tests.core.wire import SECRET, TOKEN_PATH, Core, Pieces, Wire, answer, tokens
from tests.requirements.together import together

READ: dict[str, Any] = {"extensions": {"operation": "read"}}


def members(event: RequestEvent) -> dict[str, Any]:
    """An event without the time that it took."""
    return {name: value for name, value in event.as_dict().items() if name != "milliseconds"}


def outcomes(events: list[RequestEvent]) -> list[tuple[Any, ...]]:
    """What became of the attempts that are no logins."""
    return [
        (event.attempt, event.status, event.error, event.retry_in)
        for event in events
        if not event.path.endswith(TOKEN_PATH)
    ]


def test_each_attempt_is_told_once(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    """A login, a refusal, a lost answer and the answer are an event each, and a log record with the same members."""
    caplog.set_level(logging.DEBUG, "core")
    events: list[RequestEvent] = []
    busy = answer(503, {"message": "busy"}, x_request_id="r-1")
    wire = Wire(busy, httpx.ReadTimeout("no answer"), answer(200, {"id": "1"}, x_request_id="r-3"))
    core.call(core.open(wire, on_request=events.append), params={"q": "some data"}, **READ)
    common = {
        "operation": "read", "method": "GET", "path": "/things", "route": "/things", "url": "https://api.invalid/things",
        "status": None, "error": None, "reason": None, "retry_in": None, "bytes_sent": 0, "bytes_received": None,
        "request_id": None,
    }  # fmt: skip
    login = {
        **common, "operation": None, "method": "POST", "path": TOKEN_PATH, "route": None,
        "url": f"https://api.invalid{TOKEN_PATH}", "attempt": 1, "status": 200,
        "bytes_sent": len(wire.logins[0].body), "bytes_received": len(tokens(1).content),
    }  # fmt: skip
    refused = {"status": 503, "error": "ServerError", "retry_in": 0.5, "bytes_received": 19, "request_id": "r-1"}
    lost = {"error": "RequestTimeoutError", "reason": "no answer", "retry_in": 1.0}
    assert [members(event) for event in events] == [
        login,
        {**common, "attempt": 1, **refused},
        {**common, "attempt": 2, **lost},
        {**common, "attempt": 3, "status": 200, "bytes_received": 11, "request_id": "r-3"},
    ]
    assert [event.will_retry for event in events] == [False, True, True, False]
    records = [record for record in caplog.records if record.name == "core"]
    assert [record.levelname for record in records] == ["DEBUG", "INFO", "INFO", "DEBUG"]
    for record, event in zip(records, events, strict=True):
        assert {name: vars(record)[name] for name in event.as_dict()} == event.as_dict()
        assert record.getMessage() == str(event)
    assert str(events[1]).startswith("GET /things -> 503 ServerError, attempt 1, ")
    assert str(events[1]).endswith(" ms; next try in 0.50 s")
    assert str(events[2]).startswith("GET /things -> RequestTimeoutError (no answer), attempt 2, ")


@pytest.mark.parametrize(
    ("wire", "method", "raised", "told"),
    [
        (lambda: Wire(404), "GET", NotFoundError, (1, 404, "NotFoundError", None)),
        (lambda: Wire(httpx.ReadError("cut")), "POST", OutcomeUnknownError, (1, None, "OutcomeUnknownError", None)),
        (lambda: Wire(500), "POST", OutcomeUnknownError, (1, 500, "OutcomeUnknownError", None)),
        (lambda: Wire(logins=[401]), "GET", AuthenticationError, (1, None, "AuthenticationError", None)),
    ],
    ids=["refused", "lost", "failed", "login"],
)
def test_the_last_attempt_tells_the_error_that_is_raised(
    core: Core, wire: Callable[[], Wire], method: str, raised: type[Exception], told: tuple[Any, ...]
) -> None:
    """An attempt that ends a call names the class of its error, and that no other one follows."""
    events: list[RequestEvent] = []
    pipe = core.open(wire(), on_request=events.append)
    with pytest.raises(raised):
        core.call(pipe, method, json={} if method == "POST" else None)
    assert outcomes(events) == [told]


def test_logins_that_fail_are_told_with_what_follows(core: Core) -> None:
    """A login that is lost or turned away is an event of its own, tried again with the request that it was for."""
    events: list[RequestEvent] = []
    wire = Wire(logins=[httpx.ConnectError("refused"), 503])
    core.call(core.open(wire, on_request=events.append), **READ)
    assert [(event.path, event.attempt, event.status, event.error, event.retry_in) for event in events] == [
        (TOKEN_PATH, 1, None, "ConnectionFailedError", 0.5),
        ("/things", 1, None, "ConnectionFailedError", 0.5),
        (TOKEN_PATH, 2, 503, "ServerError", 1.0),
        ("/things", 2, None, "ServerError", 1.0),
        (TOKEN_PATH, 3, 200, None, None),
        ("/things", 3, 200, None, None),
    ]


def test_a_listener_that_fails_is_named_and_changes_nothing(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    """What `on_request` raises is a warning in the log; the call succeeds, or fails with its own error."""

    def listen(event: RequestEvent) -> None:
        raise ZeroDivisionError("mine")

    pipe = core.open(Wire(200, 404), on_request=listen)
    assert core.call(pipe).status_code == 200
    with pytest.raises(NotFoundError):
        core.call(pipe)
    warned = [record for record in caplog.records if record.levelname == "WARNING"]
    text = "on_request raised ZeroDivisionError; the call goes on: GET /things"
    assert [record.getMessage() for record in warned[1:]] == [text] * 2  # the first one is of the login
    assert all(record.exc_info for record in warned)


def test_events_hold_no_secret(core: Core) -> None:
    """A secret in a path or in the reason of a failure is hidden, and a query is left out."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells the whole address
    events: list[RequestEvent] = []
    pipe = core.open(Wire(httpx.ReadError(f"lost {SECRET}")), on_request=events.append, retry=RetryPolicy(attempts=2))
    try:
        core.call(pipe, path=f"/things/{SECRET}", params={"q": "data"})
    finally:
        logging.getLogger("httpx").setLevel(logging.NOTSET)
    assert "data" not in repr(events)
    assert "sandbox-secret" not in repr(events)
    assert [event.reason for event in events] == [None, "lost [hidden]", None]
    assert events[-1].url == "https://api.invalid/things/%5Bhidden%5D"


def test_neither_logins_nor_pauses_count_as_time_of_the_request(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of an attempt is that of its own request; its login has its own."""
    real, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])

    def slow(seconds: float, response: httpx.Response) -> Any:
        def play(request: httpx.Request) -> httpx.Response:
            passed[0] += seconds
            return response

        return play

    events: list[RequestEvent] = []
    wire = Wire(slow(100, answer(503)), slow(10, answer(200, {})), logins=[slow(1000, tokens(1))])
    core.call(core.open(wire, on_request=events.append), **READ)
    assert [round(event.milliseconds / 10_000) for event in events] == [100, 10, 1]


def test_bytes_are_those_that_travelled(core: Core) -> None:
    """A compressed answer counts as it came, and a body that is sent as it went."""
    packed = gzip.compress(b'{"text": "' + b"a" * 5000 + b'"}')
    events: list[RequestEvent] = []
    wire = Wire(lambda request: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Pieces(packed)))
    core.call(core.open(wire, on_request=events.append), "POST", json={"a": "b"})
    assert (events[-1].bytes_sent, events[-1].bytes_received) == (9, len(packed))


@pytest.mark.parametrize(("cut", "told"), [(False, (200, None, 6)), (True, (200, "ConnectionFailedError", None))])
def test_a_download_is_told_when_it_is_over(core: Core, cut: bool, told: tuple[Any, ...]) -> None:
    """The event of a streamed answer comes when its body was read, with its length, or with what cut it off."""
    events: list[RequestEvent] = []
    pieces = Pieces(b"abc", httpx.ReadError("cut") if cut else b"def")
    pipe = core.open(Wire(lambda request: httpx.Response(200, stream=pieces)), on_request=events.append)
    response = core.call(pipe, stream=True)
    assert outcomes(events) == []

    async def read() -> None:
        async for _ in response.aiter_raw():
            pass

    with contextlib.suppress(httpx.ReadError):
        if core.world.kind == "sync":
            list(response.iter_raw())
        else:
            core.world(read())
    core.world(response.close() if core.world.kind == "sync" else response.aclose())
    (event,) = [event for event in events if event.path == "/things"]
    assert (event.status, event.error, event.bytes_received) == told


def test_the_length_of_an_answer_is_that_of_a_whole_one(core: Core) -> None:
    """An answer that is longer than allowed, and a download that nobody reads to its end, have no length."""
    events: list[RequestEvent] = []
    wire = Wire(*[lambda request: httpx.Response(200, stream=Pieces(b"abc", b"def"))] * 2)
    pipe = core.open(wire, on_request=events.append, max_answer_size=4)
    with pytest.raises(ResponseError, match="longer than 4 bytes"):
        core.call(pipe)
    response = core.call(pipe, stream=True)
    core.world(response.close() if core.world.kind == "sync" else response.aclose())
    assert [event.bytes_received for event in events if event.path == "/things"] == [None, None]


def test_nothing_is_made_for_nobody(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a listener, and with a log that shows nothing at DEBUG, no event is made."""
    made: list[Any] = []
    monkeypatch.setattr(RequestLog, "_event", lambda *given: made.append(given))
    logging.getLogger("core").setLevel(logging.WARNING)
    try:
        core.call(core.open(Wire()))
        with pytest.raises(NotFoundError):
            core.call(core.open(Wire(404)))
    finally:
        logging.getLogger("core").setLevel(logging.NOTSET)
    assert made == []


def test_events_keep_no_answer_alive(core: Core) -> None:
    """Whoever keeps the events keeps no answer and no error, which go as soon as nobody else has them."""
    if core.world.kind == "async":
        pytest.skip("an event loop lets go of what it has run when it pleases")
    events: list[RequestEvent] = []
    errors: list[weakref.ref[Exception]] = []

    def lose(request: httpx.Request) -> httpx.Response:
        try:
            raise httpx.ReadError("lost", request=request)
        except httpx.ReadError as error:
            errors.append(weakref.ref(error))
            raise

    pipe = core.open(Wire(503, lose), on_request=events.append)
    gc.collect()
    gc.disable()
    try:
        there = weakref.ref(core.call(pipe))
        assert (there(), errors[0]()) == (None, None)
    finally:
        gc.enable()


def test_what_cannot_listen_is_refused(world: World) -> None:
    """An `on_request` that cannot be called, or that nobody would await, is an error when the client is made."""

    async def listen(event: RequestEvent) -> None: ...

    class Listener:
        async def __call__(self, event: RequestEvent) -> None: ...

    for given, text in (("print", "takes a RequestEvent; got 'print'"), (listen, "plain"), (Listener(), "plain")):
        with pytest.raises(SettingError, match=f"on_request must be a .*{text}"):
            world.connect(on_request=given)


def test_waiting_for_the_login_of_another_call_does_not_count(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that finds a login under way waits for it, and its own time begins after that."""
    real, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])

    def slow(request: httpx.Request) -> httpx.Response:
        passed[0] += 1000
        return tokens(1)

    events: list[RequestEvent] = []
    wire = Wire(logins=[slow])
    wire.linger = 0.05
    pipe = core.open(wire, on_request=events.append)
    together(core.world, *[lambda: pipe.send(pipe.build_request("GET", "/things")) for _ in range(3)])
    assert len(wire.logins) == 1
    assert [event.milliseconds < 100_000 for event in events if event.path == "/things"] == [True] * 3
