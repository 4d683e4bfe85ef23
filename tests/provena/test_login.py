"""Logging in: three ways, renewed when they have to be, and never shown."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest

from kalbio._core.emulator.in_process import EmulatorTransport
from kalbio._core.errors import AuthenticationError, PermissionDeniedError, SettingError
from kalbio.provena import (
    APIOverrides,
    ClientCredentialsFlow,
    Config,
    DeviceFlow,
    OfflineFlow,
    ProvenaClient,
    TokenFileWarning,
)
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


def _device(lab: Lab, shown: list[str], **options: Any) -> tuple[Any, DeviceFlow]:
    """A client that logs in through a browser, with tokens that the stand-in knows."""
    flow = DeviceFlow(lab.config, "client-tools", show=shown.append, open_browser=False, **options)
    return lab.connect(flow, transport=LateUser(lab, shown)), flow


def test_tokens_outlive_the_program(lab: Lab, config_folder: Path) -> None:
    """The next program uses the tokens of the one before, renews them when they have ended, and shows no code."""
    shown: list[str] = []
    client, flow = _device(lab, shown)
    assert not config_folder.exists()
    lab(client.organisations.get("10378.1/1"))
    (kept,) = [path for path in config_folder.rglob("*") if path.is_file()]
    assert flow.token_file == kept
    assert kept.relative_to(config_folder).parts[:2] == ("kalbio", "provena")
    assert (stat.S_IMODE(kept.stat().st_mode), stat.S_IMODE(kept.parent.stat().st_mode)) == (0o600, 0o700)
    before = lab.sandbox.ledger
    later, _ = _device(lab, shown)
    lab(later.organisations.get("10378.1/1"))
    assert lab.sandbox.ledger == before  # no login
    lab.sandbox.expire_tokens()
    last, _ = _device(lab, shown)
    lab(last.organisations.get("10378.1/1"))
    assert [one.operation for one in lab.sandbox.ledger[len(before) :]] == ["createToken"]
    assert len(shown) == 1


def test_a_refresh_token_from_elsewhere_takes_the_place_of_a_browser(lab: Lab) -> None:
    """`renew_with` logs in with it, and it is kept where the answer has no other one; refused, a code is shown."""
    shown: list[str] = []
    client, flow = _device(lab, shown)
    token = lab.sandbox.offline_token("alice")
    flow.renew_with(token)
    lab(client.organisations.get("10378.1/1"))
    assert flow.token_file is not None
    assert json.loads(flow.token_file.read_text())["refresh_token"] == token
    for expired in (client, _device(lab, shown)[0]):
        lab.sandbox.expire_tokens()
        lab(expired.organisations.get("10378.1/1"))
    assert shown == []
    flow.renew_with("sandbox-token-that-ended")
    lab(client.organisations.get("10378.1/1"))
    assert len(shown) == 1
    with pytest.raises(SettingError, match="refresh_token must be text"):
        flow.renew_with("")


def test_tokens_stay_until_there_are_others(lab: Lab) -> None:
    """Those that are kept outlive a login in their place that fails, and one that succeeds replaces them."""

    class StoppedError(Exception):
        pass

    def stop(_: str) -> None:
        raise StoppedError

    shown: list[str] = []
    client, flow = _device(lab, shown)
    lab(client.organisations.get("10378.1/1"))
    assert flow.token_file is not None
    kept = flow.token_file.read_bytes()
    other = DeviceFlow(lab.config, "client-tools", show=stop, open_browser=False)
    for begin in (other.log_in_anew, lambda: other.renew_with("sandbox-token-that-ended")):
        begin()
        with pytest.raises(StoppedError):
            lab(lab.connect(other).organisations.get("10378.1/1"))
        assert flow.token_file.read_bytes() == kept
    flow.log_in_anew()
    lab(lab.connect(flow, transport=LateUser(lab, shown)).organisations.get("10378.1/1"))
    assert len(shown) == 2
    assert flow.token_file.read_bytes() != kept


def test_tokens_are_kept_apart(lab: Lab, config_folder: Path) -> None:
    """Another user, client or realm has tokens of its own, and without `keep` there are none."""
    shown: list[str] = []
    elsewhere = Config("provena.invalid", "other", lab.config.api_overrides)
    assert elsewhere.keycloak_endpoint == lab.config.keycloak_endpoint  # the address is what counts
    other = Config("other.invalid", "sandbox")
    flows = [
        DeviceFlow(lab.config, "client-tools"),
        DeviceFlow(lab.config, "client-tools", user="bob"),
        DeviceFlow(lab.config, "other-tools"),
        DeviceFlow(other, "client-tools"),
    ]
    assert len({flow.token_file for flow in flows}) == 4
    client, flow = _device(lab, shown, keep=False)
    lab(client.organisations.get("10378.1/1"))
    assert (flow.token_file, config_folder.exists()) == (None, False)


def test_logout(lab: Lab, config_folder: Path) -> None:
    """After it, no token is left, on disk or in memory: the next call shows a code again."""
    shown: list[str] = []
    client, flow = _device(lab, shown)
    lab(client.organisations.get("10378.1/1"))
    flow.logout()
    flow.logout()
    assert [path for path in config_folder.rglob("*") if path.is_file()] == []
    again = lab.connect(flow, transport=LateUser(lab, shown))
    lab(again.organisations.get("10378.1/1"))
    assert len(shown) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"realm": "x"}', None])
def test_tokens_that_make_no_sense_are_replaced(lab: Lab, text: str | None) -> None:
    """What stands in the file is not trusted: damaged, of somebody else, refused by the server, it leads to a login."""
    shown: list[str] = []
    client, flow = _device(lab, shown)
    assert flow.token_file is not None
    lab(client.organisations.get("10378.1/1"))
    if text is None:
        lab.sandbox.revoke_tokens()
    else:
        flow.token_file.write_text(text)
    later, _ = _device(lab, shown)
    lab(later.organisations.get("10378.1/1"))
    assert len(shown) == 2
    last, _ = _device(lab, shown)
    lab(last.organisations.get("10378.1/1"))
    assert len(shown) == 2


def test_tokens_that_others_may_read_are_not_used(lab: Lab) -> None:
    """A warning names the file; the login is made anew, and the new file is private."""
    shown: list[str] = []
    client, flow = _device(lab, shown)
    lab(client.organisations.get("10378.1/1"))
    assert flow.token_file is not None
    flow.token_file.chmod(0o644)
    later, _ = _device(lab, shown)
    with pytest.warns(TokenFileWarning, match="is not used: others may read it"):
        lab(later.organisations.get("10378.1/1"))
    assert (len(shown), stat.S_IMODE(flow.token_file.stat().st_mode)) == (2, 0o600)


def test_a_folder_that_cannot_be_written_keeps_nobody_out(lab: Lab, config_folder: Path) -> None:
    """A warning says that the tokens are not kept; the calls go on."""
    config_folder.write_text("a file, where a folder should be")
    client, _ = _device(lab, [])
    with pytest.warns(TokenFileWarning, match="tokens cannot be kept in"):
        assert lab(client.organisations.get("10378.1/1")) is None


def test_another_program_has_renewed_the_tokens(lab: Lab) -> None:
    """When a token for renewal is refused, a newer one in the file is tried before a person is asked."""
    shown: list[str] = []
    first, _ = _device(lab, shown)
    lab(first.organisations.get("10378.1/1"))
    lab.sandbox.revoke_tokens()
    other, _ = _device(lab, shown)
    lab(other.organisations.get("10378.1/1"))
    assert len(shown) == 2
    lab(first.organisations.get("10378.1/1"))
    assert len(shown) == 2


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


@pytest.mark.parametrize("interval", [-5, 1e-9, float("nan")])
def test_a_device_flow_waits_between_two_looks(interval: float) -> None:
    """A server cannot make it ask without a pause, and a refusal that is nested without end is a refusal."""
    flow = DeviceFlow(Config("provena.invalid", "sandbox"), "x", show=lambda text: None, open_browser=False)
    tokens: Any = flow.tokens
    code = {"device_code": "sandbox-token-code", "user_code": "A", "verification_uri": "https://x", "expires_in": 30}
    with pytest.raises(ValueError, match="interval"):
        tokens.accept(json.dumps({**code, "interval": interval}).encode())
    assert tokens.accept(json.dumps(code).encode()) is None
    assert tokens.wait_after_refusal(tokens.next_grant(), 400, b"[" * 100_000) is None
