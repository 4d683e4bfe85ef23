"""Logins that a user writes: subclasses of AuthManager."""

from __future__ import annotations

from typing import Any

import pytest

from kalbio._core.errors import AuthenticationError, SettingError
from kalbio.provena import AuthManager, ClientCredentialsFlow
from tests.provena.conftest import Lab


class Vault(AuthManager):
    """Hands out tokens from a list; some do not call what they inherit."""

    def __init__(self, lab: Lab, *tokens: Any) -> None:
        self.config = lab.config
        self.left = list(tokens)
        self.refreshed = 0

    def get_token(self) -> str:
        """The first one."""
        return self.left[0]  # type: ignore[no-any-return]

    def force_refresh(self) -> None:
        """Go on to the next one."""
        self.refreshed += 1
        del self.left[0]


def test_a_login_of_ones_own_brings_the_tokens(lab: Lab) -> None:
    """It is asked for one with each call, and nothing is asked of the identity provider."""
    auth = Vault(lab, lab.sandbox.issue_token())
    api = lab.connect(auth)
    assert lab(api.organisations.create(display_name="Reef", name="Reef")).display_name == "Reef"
    auth.left = [lab.sandbox.issue_token()]
    assert lab(api.organisations.get("Reef")) is not None
    assert (lab.logins, auth.refreshed) == (0, 0)
    assert auth.left[0] not in repr(auth)


def test_a_refused_token_is_renewed_once(lab: Lab) -> None:
    """`force_refresh` is called after a refusal, and the call is made again; a second refusal is the answer."""
    auth = Vault(lab, "sandbox-token-of-yesterday", lab.sandbox.issue_token())
    api = lab.connect(auth)
    assert lab(api.organisations.get("10378.1/1")) is None
    assert auth.refreshed == 1
    auth.left = ["sandbox-token-a", "sandbox-token-b", "sandbox-token-c"]
    with pytest.raises(AuthenticationError) as caught:
        lab(api.organisations.get("10378.1/1"))
    assert auth.left[0] == "sandbox-token-b"
    assert "sandbox-token" not in str(caught.value)


@pytest.mark.parametrize("token", [None, "", "sandbox-token\n", b"sandbox-token-x"])
def test_what_is_no_token_is_refused(lab: Lab, token: Any) -> None:
    """Before anything is sent, and without showing it."""
    before = len(lab.transport.exchanges)
    with pytest.raises(SettingError, match=r"what get_token\(\) returns") as caught:
        lab(lab.connect(Vault(lab, token)).organisations.get("10378.1/1"))
    assert "sandbox-token" not in str(caught.value)
    assert len(lab.transport.exchanges) == before


def test_the_logins_here_can_be_made_to_log_in_again(lab: Lab) -> None:
    """`force_refresh` forgets the token; `get_token`, which would have to send something, says what to do."""
    auth = ClientCredentialsFlow(lab.config, "admin", lab.sandbox.client_secret)
    api = lab.connect(auth)
    auth.force_refresh()
    for _ in range(2):
        assert lab(api.organisations.get("10378.1/1")) is None
    auth.force_refresh()
    assert lab(api.organisations.get("10378.1/1")) is None
    assert lab.logins == 2
    with pytest.raises(NotImplementedError, match="logs in by itself"):
        auth.get_token()
