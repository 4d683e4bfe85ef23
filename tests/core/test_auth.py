"""Logins, renewals and what happens when the server refuses a token."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from kalbio._core.auth.tokens import Tokens
from kalbio._core.errors import (
    AuthenticationError,
    ConnectionFailedError,
    RateLimitError,
    ResponseError,
    SDKError,
    ServerError,
)
from kalbio._core.retry import RetryPolicy
from tests.core.wire import SECRET, Core, Wire, answer, tokens
from tests.rows import row

LOGIN = {"grant_type": "client_credentials", "client_id": "an-id", "client_secret": SECRET}


def test_the_first_call_logs_in_with_a_form_and_carries_the_token(core: Core) -> None:
    """The login sends exactly the three fields as a form; the call carries the token in the platform's header only."""
    wire = Wire()
    core.call(core.open(wire))

    (login,), (call,) = wire.logins, wire.requests
    assert login.method == "POST"
    assert login.form == LOGIN
    assert login.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "x-token" not in login.headers
    assert call.headers["x-token"] == "Bearer sandbox-token-access-1"
    assert "authorization" not in call.headers


def test_one_login_serves_many_calls(core: Core) -> None:
    """While the token is good, calls send nothing to the token endpoint."""
    wire = Wire()
    pipe = core.open(wire)
    for _ in range(3):
        core.call(pipe)
    assert len(wire.logins) == 1
    assert wire.bearers == ["Bearer sandbox-token-access-1"] * 3


def test_a_refresh_sends_the_newest_refresh_token_and_nothing_else(core: Core) -> None:
    """Each renewal presents the token of the answer before it, without the client's credentials."""
    wire = Wire()
    pipe = core.open(wire)
    for _ in range(3):
        core.call(pipe)
        core.clock.now += 3600
    assert [login.form for login in wire.logins] == [
        LOGIN,
        {"grant_type": "refresh_token", "refresh_token": "sandbox-token-refresh-1"},
        {"grant_type": "refresh_token", "refresh_token": "sandbox-token-refresh-2"},
    ]
    assert wire.bearers == [f"Bearer sandbox-token-access-{number}" for number in (1, 2, 3)]


@pytest.mark.parametrize(("lifetime", "good_for"), [(3600, 3000), (86_400, 85_800), (300, 240), (10, 8)])
def test_a_token_is_renewed_ahead_of_its_end_by_a_margin_that_shrinks_with_its_life(
    core: Core, lifetime: float, good_for: float
) -> None:
    """Ten minutes ahead, but a short-lived token is used for four fifths of its life, not renewed before each call."""
    wire = Wire(lifetime=lifetime)
    pipe = core.open(wire)
    core.call(pipe)
    core.clock.now += good_for - 0.5
    core.call(pipe)
    assert len(wire.logins) == 1
    core.clock.now += 1
    core.call(pipe)
    assert len(wire.logins) == 2


def test_a_change_of_the_wall_clock_changes_nothing(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expiry is counted on the monotonic clock alone."""
    wire = Wire()
    pipe = core.open(wire)
    core.call(pipe)
    monkeypatch.setattr(time, "time", lambda: 9e12)
    core.call(pipe)
    assert len(wire.logins) == 1


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_refresh_leads_to_a_login(core: Core, status: int) -> None:
    """When the refresh token is refused, the client starts over with its credentials within the same call."""
    wire = Wire(logins=[tokens(1), answer(status, {"code": "invalid_grant"}), tokens(9)])
    pipe = core.open(wire)
    core.call(pipe)
    core.clock.now += 3600
    core.call(pipe)
    assert [login.form["grant_type"] for login in wire.logins] == [
        "client_credentials", "refresh_token", "client_credentials",
    ]  # fmt: skip
    assert wire.bearers[-1] == "Bearer sandbox-token-access-9"
    assert core.clock.pauses == []


def test_a_login_may_take_any_number_of_requests(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that asks a hundred times until it is let in is one login of one call, without a retry."""
    monkeypatch.setattr(Tokens, "wait_after_refusal", lambda self, grant, status, body: 0.0)
    pending: list[Any] = [answer(400, {"code": "authorization_pending"}) for _ in range(100)]
    wire = Wire(logins=[*pending, tokens(7)])
    core.call(core.open(wire, retry=RetryPolicy(attempts=1)))
    assert (len(wire.logins), wire.bearers) == (101, ["Bearer sandbox-token-access-7"])


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_login_is_an_authentication_error_at_once(core: Core, status: int) -> None:
    """Wrong credentials are told, not tried again, and the call itself is never sent."""
    wire = Wire(logins=[answer(status, {"code": "nope", "message": "bad client"})])
    with pytest.raises(AuthenticationError) as caught:
        core.call(core.open(wire))
    assert (caught.value.status_code, caught.value.code, caught.value.message) == (status, "nope", "bad client")
    assert len(wire.logins) == 1
    assert wire.requests == []


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_token_endpoint_is_tried_again_even_for_a_write(core: Core, status: int) -> None:
    """The write has not been sent when its login fails, so it may be tried again."""
    wire = Wire(logins=[answer(status), answer(status)])
    core.call(core.open(wire), "POST", json={})
    assert len(wire.logins) == 3
    assert len(wire.requests) == 1
    assert core.clock.pauses == [0.5, 1.0]


def test_a_token_endpoint_that_stays_busy_gives_its_error(core: Core) -> None:
    """When the tries are used up, the error is that of the token endpoint, with the wait it asked for."""
    wire = Wire(logins=[answer(429, retry_after="7")] * 2)
    with pytest.raises(RateLimitError) as caught:
        core.call(core.open(wire, retry=RetryPolicy(attempts=2)))
    assert caught.value.retry_after == 7
    assert caught.value.path == "/auth/oauth/token"
    with pytest.raises(ServerError):
        core.call(core.open(Wire(logins=[answer(500)]), retry=RetryPolicy(attempts=1)))


@pytest.mark.parametrize(
    ("failure", "next_grant"),
    [
        (429, "refresh_token"),
        (503, "refresh_token"),
        (500, "client_credentials"),
        (httpx.ReadTimeout("late"), "client_credentials"),
        (httpx.ReadError("gone"), "client_credentials"),
    ],
)
def test_a_refresh_token_is_presented_twice_only_when_it_was_not_looked_at(
    core: Core, failure: Any, next_grant: str
) -> None:
    """Turned away: the same refresh token again. Answer lost: it may be used up, so a login."""
    wire = Wire(logins=[tokens(1), failure, tokens(2)])
    pipe = core.open(wire)
    core.call(pipe)
    core.clock.now += 3600
    core.call(pipe)
    assert [login.form["grant_type"] for login in wire.logins[1:]] == ["refresh_token", next_grant]
    if next_grant == "refresh_token":
        assert wire.logins[2].form["refresh_token"] == "sandbox-token-refresh-1"


def test_an_answer_without_refresh_token_leads_to_logins(core: Core) -> None:
    """A server that gives no refresh tokens is asked with the credentials each time."""
    wire = Wire(logins=[answer(200, {"access_token": "a", "expires_in": 60}), tokens(2)])
    pipe = core.open(wire)
    core.call(pipe)
    core.clock.now += 60
    core.call(pipe)
    assert [login.form["grant_type"] for login in wire.logins] == ["client_credentials"] * 2


def test_a_401_on_a_call_renews_once_and_replays_once(core: Core) -> None:
    """A token that the server forgot costs one renewal; the call goes out again with the same body."""
    wire = Wire(answer(401), answer(200, {"ok": True}))
    response = core.call(core.open(wire), "POST", json={"a": 1})
    assert response.json() == {"ok": True}
    assert wire.bearers == ["Bearer sandbox-token-access-1", "Bearer sandbox-token-access-2"]
    assert [seen.body for seen in wire.requests] == [b'{"a":1}'] * 2
    assert wire.logins[1].form["grant_type"] == "refresh_token"


def test_a_second_401_is_an_authentication_error(core: Core) -> None:
    """A server that refuses fresh tokens too is not asked for ever."""
    wire = Wire(answer(401), answer(401, {"message": "no"}), answer(200))
    pipe = core.open(wire)
    with pytest.raises(AuthenticationError) as caught:
        core.call(pipe)
    assert caught.value.path == "/things"
    assert len(wire.requests) == len(wire.logins) == 2
    core.call(pipe)  # the fresh token may be good for something else
    assert len(wire.logins) == 2


def test_a_refusal_that_comes_late_does_not_cost_the_new_token() -> None:
    """A 401 for a token that another caller has renewed meanwhile leads to no second renewal."""
    held = Tokens(client_id="i", client_secret="s", clock=lambda: 0.0)
    held.accept(tokens(1).content)
    held.accept(tokens(2).content)
    held.reject("sandbox-token-access-1")
    assert held.usable() == "sandbox-token-access-2"
    held.reject("sandbox-token-access-2")
    assert held.usable() is None


def test_a_stream_that_cannot_be_sent_twice_is_not_replayed_after_a_401(core: Core) -> None:
    """Rather an error than half a body."""

    class Once(io.BytesIO):
        def seekable(self) -> bool:
            return False

    wire = Wire(answer(401), answer(200))
    with pytest.raises(AuthenticationError):
        core.call(core.open(wire), "POST", files={"file": ("a.txt", Once(b"text"), "text/plain")})
    assert len(wire.requests) == 1


BAD_ANSWERS = [
    b"",
    b"<html>hello</html>",
    b"[]",
    b"7",
    b"null",
    json.dumps({"access_token": "tok-abc"}).encode(),
    json.dumps({"access_token": "", "expires_in": 60}).encode(),
    json.dumps({"access_token": "tok-abc\n", "expires_in": 60}).encode(),
    json.dumps({"access_token": "tok-ä", "expires_in": 60}).encode(),
    json.dumps({"access_token": 7, "expires_in": 60}).encode(),
    json.dumps({"access_token": "tok-abc", "expires_in": 60, "refresh_token": 7}).encode(),
    json.dumps({"access_token": "tok-abc", "expires_in": "soon"}).encode(),
    json.dumps({"access_token": "tok-abc", "expires_in": 0}).encode(),
    json.dumps({"access_token": "tok-abc", "expires_in": -5}).encode(),
    b'{"access_token": "tok-abc", "expires_in": NaN}',
    b"[" * 100_000,
]


def test_an_unusable_token_answer_is_a_response_error_that_shows_no_token(core: Core) -> None:
    """The error names the token endpoint and hides the body, part of which may be a token."""
    for body in BAD_ANSWERS:
        with row(body):
            wire = Wire(logins=[answer(200, body)])
            with pytest.raises(ResponseError) as caught:
                core.call(core.open(wire))
            assert caught.value.path == "/auth/oauth/token"
            assert "tok-" not in str(caught.value) + repr(caught.value) + str(caught.value.response_body)
            assert wire.requests == []


def test_a_login_that_is_redirected_says_so(core: Core) -> None:
    """Credentials are never sent after a redirect; the error points at the url."""
    wire = Wire(logins=[answer(302, location="https://elsewhere.invalid/login")])
    with pytest.raises(ResponseError, match="redirects the login elsewhere; check the url"):
        core.call(core.open(wire))
    assert len(wire.logins) == 1


# -- many callers -----------------------------------------------------------------------------------------------------


def in_parallel(core: Core, call: Callable[[], Any], number: int) -> list[Any]:
    """Let `number` threads or tasks make the same call at the same moment; errors are returned."""
    if core.world.kind == "sync":
        ready = threading.Barrier(number)

        def one(_: int) -> Any:
            ready.wait()
            try:
                return call()
            except SDKError as error:
                return error

        with ThreadPoolExecutor(number) as pool:
            return list(pool.map(one, range(number)))

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(call() for _ in range(number)), return_exceptions=True)

    return list(core.world(all_of_them()))


@pytest.mark.parametrize("occasion", ["cold start", "expiry", "revoked token"])
def test_any_number_of_callers_cause_one_login_or_renewal(core: Core, occasion: str) -> None:
    """64 threads or 500 tasks that find no good token send one token request in all."""
    revoked: set[str] = set()

    def serve(request: httpx.Request) -> httpx.Response:
        return answer(401 if request.headers["x-token"] in revoked else 200, {})

    number = 64 if core.world.kind == "sync" else 500
    wire = Wire(*[serve] * 4 * number)
    pipe = core.open(wire)
    before = 0
    if occasion != "cold start":
        core.call(pipe)
        before = 1
    if occasion == "expiry":
        core.clock.now += 3600
    if occasion == "revoked token":
        revoked.add("Bearer sandbox-token-access-1")
    wire.linger = 0.02

    results = in_parallel(core, lambda: pipe.send(pipe.build_request("GET", "/things")), number)

    assert [getattr(result, "status_code", result) for result in results] == [200] * number
    assert len(wire.logins) == before + 1


def test_callers_that_waited_for_a_refused_login_do_not_repeat_it(core: Core) -> None:
    """Wrong credentials in a crowd are presented once, not once for each (which may lock the account)."""
    wire = Wire(logins=[401] * 1000)
    wire.linger = 0.05
    pipe = core.open(wire)

    results = in_parallel(core, lambda: pipe.send(pipe.build_request("GET", "/things")), 64)

    assert {type(result) for result in results} == {AuthenticationError}
    assert len({id(result) for result in results}) == 64
    presented = len(wire.logins)
    # Threads that start too late to wait for it ask once more; tasks all start before it ends.
    assert presented == 1 if core.world.kind == "async" else presented < 32
    # A later call is not answered from memory.
    with pytest.raises(AuthenticationError):
        core.call(pipe)
    assert len(wire.logins) == presented + 1


def test_a_login_that_is_cancelled_leaves_the_way_free_for_the_next_caller(core: Core) -> None:
    """A task cancelled while it logs in does not leave the others waiting for ever."""
    if core.world.kind == "sync":
        pytest.skip("threads cannot be cancelled")
    started = asyncio.Event()

    class Stuck(Wire):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if not started.is_set():
                started.set()
                await asyncio.Event().wait()
            return await super().handle_async_request(request)

    pipe = core.open(Stuck())

    async def scene() -> int:
        first = asyncio.create_task(pipe.send(pipe.build_request("GET", "/things")))
        await started.wait()
        second = asyncio.create_task(pipe.send(pipe.build_request("GET", "/things")))
        await asyncio.sleep(0)
        first.cancel()
        return int((await asyncio.wait_for(second, 5)).status_code)

    assert core.world(scene()) == 200


# -- headers ----------------------------------------------------------------------------------------------------------


def test_the_identity_token_of_a_proxy_goes_on_both_calls_and_is_renewed(core: Core) -> None:
    """It stands in Authorization, beside the platform's own header, and is fetched anew when its time is over."""
    fetched: list[str] = []

    def fetch() -> str:
        fetched.append(f"sandbox-token-identity-{len(fetched) + 1}")
        return fetched[-1]

    wire = Wire(lifetime=100_000)
    pipe = core.open(wire, fetch_identity=fetch)
    core.call(pipe)
    core.call(pipe)
    assert fetched == ["sandbox-token-identity-1"]
    assert wire.logins[0].headers["authorization"] == "Bearer sandbox-token-identity-1"
    assert wire.requests[0].headers["authorization"] == "Bearer sandbox-token-identity-1"
    assert wire.requests[0].headers["x-token"] == "Bearer sandbox-token-access-1"

    core.clock.now += 3001
    core.call(pipe)
    assert wire.requests[-1].headers["authorization"] == "Bearer sandbox-token-identity-2"
    assert len(wire.logins) == 1


def test_an_identity_token_that_cannot_be_fetched_is_a_typed_error(core: Core) -> None:
    """Whatever the credentials' library raises, the caller gets one of ours after the tries, and nothing was sent."""

    def fetch() -> str:
        raise OSError("metadata server not found")

    wire = Wire()
    with pytest.raises(ConnectionFailedError, match="no identity token for the proxy: metadata server not found"):
        core.call(core.open(wire, fetch_identity=fetch), "POST", json={})
    assert len(core.clock.pauses) == 3
    assert wire.logins == wire.requests == []


def test_additional_headers_go_on_the_login_and_on_calls_but_never_describe_a_body(core: Core) -> None:
    """A caller's headers are added everywhere, but a content type or length of theirs is left out."""
    extra = {"X-Lab": "7", "content-type": "text/evil", "Content-Length": "1", "User-Agent": "mine"}
    wire = Wire()
    core.call(core.open(wire, extra_headers=extra), "POST", json={"a": 1})
    login, call = wire.logins[0], wire.requests[0]
    assert login.headers["x-lab"] == call.headers["x-lab"] == "7"
    assert login.headers["content-type"] == "application/x-www-form-urlencoded"
    assert call.headers["content-type"] == "application/json"
    assert call.headers["content-length"] == str(len(call.body))
    assert call.headers["user-agent"] == "mine"


def test_the_time_limits_of_a_call_hold_for_its_login(core: Core) -> None:
    """A call with its own limits does not wait longer for the token it needs."""
    limits = {"connect": 1.0, "read": 2.0, "write": 3.0, "pool": 4.0}
    wire = Wire()
    core.call(core.open(wire), extensions={"timeout": limits})
    assert wire.logins[0].extensions["timeout"] == limits


def test_tokens_do_not_show_in_their_representation() -> None:
    """Neither the secret nor a token stands in repr()."""
    held = Tokens(client_id="i", client_secret="sandbox-secret-s3cret", clock=lambda: 0.0)
    held.accept(tokens(1).content)
    assert repr(held) == "Tokens([hidden])"
