from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kalbio.sandbox import Request, Sandbox
from tests.sandbox.wire import Api


def test_login_gives_a_pair_of_tokens_and_their_life(bare: Api) -> None:
    """The three fields every client needs are there."""
    token = bare.login()

    assert token["expires_in"] == 3600
    assert token["access_token"] != token["refresh_token"]


def test_refresh_rotates_and_reuse_ends_the_family(bare: Api) -> None:
    """A spent refresh token is refused and takes all tokens that came from its login with it."""
    first = bare.login()
    second = bare.login(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert bare.send("GET", "/programs", token=second["access_token"]).status == 200

    reuse = bare.form("/auth/oauth/token", {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]})

    assert (reuse.status, reuse.json()["code"]) == (401, "invalid_grant")
    assert bare.send("GET", "/programs", token=second["access_token"]).status == 401
    after = bare.form("/auth/oauth/token", {"grant_type": "refresh_token", "refresh_token": second["refresh_token"]})
    assert after.status == 401
    assert bare.send("GET", "/programs").status == 200, "another login is another family"


def test_wrong_secret_is_refused(bare: Api) -> None:
    """Wrong credentials get 401 invalid_client."""
    form = {"grant_type": "client_credentials", "client_id": "sandbox-id", "client_secret": "no"}

    answer = bare.form("/auth/oauth/token", form)

    assert (answer.status, answer.json()["code"]) == (401, "invalid_client")


def test_an_access_token_expires() -> None:
    """After its life has passed by the sandbox's clock a token is worth nothing."""
    now = [datetime(2026, 6, 1, tzinfo=UTC)]
    with Sandbox(token_lifetime=60, clock=lambda: now[0]) as sandbox:
        api = Api(sandbox)
        assert api.get("/programs").status == 200

        now[0] += timedelta(seconds=61)

        assert api.get("/programs").json()["message"] == "access token has expired"


@pytest.mark.parametrize("headers", [[], [("x-kal-authorization", "x")], [("authorization", "Bearer {token}")]])
def test_only_the_kaleidoscope_header_opens_the_door(bare: Api, headers: list[tuple[str, str]]) -> None:
    """No token, a bare word, or a good token in the wrong header are all 401 with an error body."""
    sent = [(name, value.format(token=bare.token)) for name, value in headers]

    answer = bare.sandbox.handle(Request("GET", "/programs", sent))

    assert answer.status == 401
    assert answer.json()["statusCode"] == 401


def test_all_tokens_can_be_revoked(bare: Api) -> None:
    """What a client holds is worth nothing afterwards, its refresh token included."""
    token = bare.login()
    bare.sandbox.revoke_tokens()

    assert bare.send("GET", "/programs", token=token["access_token"]).status == 401
    form = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    assert bare.form("/auth/oauth/token", form).status == 401


def test_a_clock_in_the_past_still_lets_tokens_expire() -> None:
    """Tokens go by the time of the clock, not by that of the seed."""
    now = [datetime(2020, 1, 1, tzinfo=UTC)]
    with Sandbox(token_lifetime=60, clock=lambda: now[0]) as sandbox:
        api = Api(sandbox)
        now[0] += timedelta(seconds=61)

        assert api.get("/programs").status == 401
