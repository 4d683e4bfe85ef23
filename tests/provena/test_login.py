"""Logging in: three ways, renewed when they have to be, and never shown."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from kalbio._core.emulator.in_process import EmulatorTransport
from kalbio._core.errors import AuthenticationError, PermissionDeniedError, SettingError
from kalbio.provena import APIOverrides, ClientCredentialsFlow, Config, DeviceFlow, OfflineFlow, ProvenaClient
from tests.provena.conftest import Lab


def test_a_service_logs_in_once_for_many_calls(lab: Lab) -> None:
    """One token request serves all calls, whichever service they go to."""
    lab.organisation("Reef")
    assert lab(lab.api.search.find("reef"))
    assert lab(lab.api.handles.get("10378.1/1")) is None
    assert lab.logins == 1


def test_a_token_that_ended_is_replaced_without_a_word(lab: Lab) -> None:
    """What says that the token is bad leads to one more login, and the call succeeds."""
    lab.organisation("Reef")
    lab.sandbox.expire_tokens()
    assert lab(lab.api.organisations.get("Reef")) is not None
    assert lab.logins == 2


def test_a_missing_role_is_no_reason_to_log_in_again(lab: Lab) -> None:
    """401 means a role or a permission as well: it is PermissionDeniedError, and another token is not asked for."""
    reader = lab.connect(OfflineFlow(lab.config, "client-tools", lab.sandbox.offline_token("carol")))
    before = len(lab.transport.exchanges)
    with pytest.raises(PermissionDeniedError, match="correct role") as caught:
        lab(reader.organisations.create(display_name="x", name="x"))
    assert caught.value.status_code == 401
    assert [one.operation for one in lab.transport.exchanges[before:]] == ["createToken", "registryItemCreate"]


def test_a_wrong_secret_is_refused_for_good(lab: Lab) -> None:
    """AuthenticationError, with what the identity provider says, after one request."""
    client = lab.connect(ClientCredentialsFlow(lab.config, "admin", "sandbox-secret-that-is-wrong"))
    with pytest.raises(AuthenticationError, match="unauthorized_client") as caught:
        lab(client.organisations.get("10378.1/1"))
    assert lab.logins == 1
    assert "that-is-wrong" not in str(caught.value)


def test_an_offline_token_is_used_again_and_again(lab: Lab, tmp_path: Path) -> None:
    """Given as text or in a file; every renewal presents it with the id of the client."""
    kept = tmp_path / "token"
    kept.write_text(lab.sandbox.offline_token() + "\n")
    client = lab.connect(OfflineFlow(lab.config, "client-tools", offline_token_file=kept))
    kept.unlink()
    for _ in range(3):
        assert lab(client.organisations.get("10378.1/1")) is None
        lab.sandbox.expire_tokens()
    assert lab.logins == 3
    assert all(b"client_id=client-tools" in one.body for one in lab.transport.exchanges if b"grant_type" in one.body)
    with pytest.raises(SettingError, match="offline_token is missing"):
        OfflineFlow(lab.config, "client-tools")


class LateUser(EmulatorTransport):
    """Somebody lets the code in that was shown, after the first poll for it."""

    def __init__(self, lab: Lab, shown: list[str]) -> None:
        super().__init__(lab.sandbox)
        self._sandbox = lab.sandbox
        self._shown = shown
        self._polls = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self._look_at(request.read())
        return super().handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self._look_at(await request.aread())
        return await super().handle_async_request(request)

    def _look_at(self, body: bytes) -> None:
        if b"device_code=" in body:
            self._polls += 1
            if self._polls == 2:
                self._sandbox.approve(self._shown[-1].rpartition(" ")[2], "carol")


def test_a_device_flow_waits_for_its_user_and_renews_by_itself(lab: Lab) -> None:
    """It shows the link and the code, polls until the code is let in, and refreshes later without asking anybody."""
    shown: list[str] = []
    transport = LateUser(lab, shown)
    flow = DeviceFlow(lab.config, "client-tools", show=shown.append, open_browser=False)
    client = lab.connect(flow, transport=transport)
    assert lab(client.organisations.get("10378.1/1")) is None
    operations = [one.operation for one in transport.exchanges]
    assert operations == ["startDeviceLogin", "createToken", "createToken", "registryItemFetch"]
    lab.sandbox.expire_tokens()
    assert lab(client.organisations.get("10378.1/1")) is None
    assert b"grant_type=refresh_token" in transport.exchanges[-2].body
    assert len(shown) == 1
    assert shown[0].startswith("To log in, open http://")


@pytest.mark.parametrize(("error", "polls"), [("access_denied", 1), ("expired_token", 1), ("slow_down", 3)])
def test_a_device_flow_ends_when_it_is_refused_or_too_late(error: str, polls: int) -> None:
    """A refusal ends it at once; while it is slowed down, the polls get rarer, and end before the code does."""
    now = [0.0]
    flow = DeviceFlow(Config("provena.invalid", "sandbox"), "x", show=lambda text: None, open_browser=False)
    tokens: Any = flow.tokens
    tokens.clock = lambda: now[0]
    assert tokens.next_grant() == {"client_id": "x"}
    code = {"device_code": "sandbox-token-code", "user_code": "A", "verification_uri": "https://x", "expires_in": 30}
    assert tokens.accept(json.dumps(code).encode()) is None
    waits = []
    for _ in range(polls):
        grant = tokens.next_grant()
        assert grant["device_code"] == "sandbox-token-code"
        waits.append(tokens.wait_after_refusal(grant, 400, json.dumps({"error": error}).encode()))
        now[0] += waits[-1] or 0
    assert waits == [10.0, 15.0, None][3 - polls :]
    assert tokens.next_grant() == {"client_id": "x"}


@pytest.mark.parametrize("link", ["file:///etc/passwd", "javascript:x", "https://x/\x1b]0;y", ""])
def test_a_device_flow_opens_web_pages_only(link: str) -> None:
    """A link to anything but a web page, or one that a terminal would obey, is neither shown nor opened."""
    shown: list[str] = []
    flow = DeviceFlow(Config("provena.invalid", "sandbox"), "x", show=shown.append, open_browser=False)
    code = {"device_code": "sandbox-token-code", "user_code": "A\x1b[2J", "expires_in": 30}
    with pytest.raises(ValueError, match="a link to a web page as verification_uri"):
        flow.tokens.accept(json.dumps({**code, "verification_uri": link}).encode())
    assert shown == []
    good = {**code, "verification_uri": "https://x", "verification_uri_complete": link}
    assert flow.tokens.accept(json.dumps(good).encode()) is None
    assert shown == ["To log in, open https://x in a browser and enter the code A\\x1b[2J"]


def test_services_without_encryption_are_warned_of() -> None:
    """An address that begins with http:// and is not of this computer gives a warning that names the service."""
    config = Config(
        "provena.invalid", "sandbox", APIOverrides(jobs_service_api_endpoint_override="http://jobs.invalid")
    )
    flow = ClientCredentialsFlow(config, "client-id", "sandbox-secret")
    with pytest.warns(
        UserWarning, match=r"the address of job begins with http://: credentials and data travel to jobs"
    ):
        ProvenaClient(flow).close()


def test_no_repr_and_no_log_shows_what_is_secret(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """Neither flows and tokens nor clients and log lines have a secret or a token in them."""
    caplog.set_level(logging.DEBUG)
    offline = OfflineFlow(lab.config, "client-tools", lab.sandbox.offline_token())
    client = lab.connect(offline)
    lab(client.organisations.get("10378.1/1"))
    secret = ClientCredentialsFlow(lab.config, "admin", "sandbox-secret-of-admin")
    told = [repr(one) for one in (offline, offline.tokens, secret, secret.tokens, client, client.organisations)]
    assert "sandbox-token" not in "".join([*told, caplog.text])
    assert "sandbox-secret" not in "".join([*told, caplog.text])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda config: ClientCredentialsFlow(config, "", "x"), "client_id must be text"),
        (lambda config: ClientCredentialsFlow(config, "a", "x\n"), "client_secret has a line end"),
        (lambda config: OfflineFlow(config, "a", offline_token_file="/no/such"), "offline_token_file cannot be read"),
        (lambda config: DeviceFlow(config.domain, "a"), "config must be a Config object"),
    ],
)
def test_a_login_that_cannot_be_says_why(make: Any, reason: str) -> None:
    """Bad settings are errors when they are given."""
    with pytest.raises(SettingError, match=reason):
        make(Config("provena.invalid", "sandbox"))
