"""The ways to log in: what each asks the identity provider for, and what it makes of the answers."""

from __future__ import annotations

import json
import time
import webbrowser
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, TypeGuard

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.auth.tokens import Grant, Tokens, TokenSource
from kalbio._core.errors import SettingError
from kalbio._core.json import strict_json
from kalbio._core.text.display import one_line
from kalbio.provena._model.config import Config
from kalbio.provena._model.token_files import TokenFile

_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL = 5.0
"""Seconds between two polls of a device flow, unless the server says otherwise; `slow_down` adds as many."""
_LEAST_INTERVAL = 0.01  # seconds; none would be a flood of requests


class AuthManager:
    """A way to log in to one installation. Clients that are given the same one share its tokens.

    A subclass of your own has `get_token()`, which returns the token for the next request, and may have
    `force_refresh()`, which is called after the server has refused that token.

    Attributes:
        config: the installation.
        tokens: what the client asks for and gets; no `repr` shows it.

    Example:
        >>> class FromVault(AuthManager):
        ...     def get_token(self):
        ...         return vault.read("provena-token")
    """

    def __init__(self, config: Config, tokens: TokenSource | None = None) -> None:
        if not isinstance(config, Config):
            raise SettingError(f"config must be a Config object; got {type(config).__name__}")
        self.config = config
        self.tokens = _OwnTokens(self) if tokens is None else tokens

    def get_token(self) -> str:
        """Return the token for the next request: for subclasses of your own. The flows here log in with a request."""
        raise NotImplementedError(
            f"{type(self).__name__} has no get_token(); a client that is given it logs in by itself"
        )

    def force_refresh(self) -> None:
        """Forget the access token, so that the next call gets another one."""
        if (token := self.tokens.usable()) is not None:
            self.tokens.reject(token)

    def __repr__(self) -> str:
        config = getattr(self, "config", None)
        return f"<{type(self).__name__}{f' {config.domain} {config.realm_name}' if config else ''}>"

    def __reduce__(self) -> Any:
        raise ArgumentTypeError(f"a {type(self).__name__} holds secrets and cannot be pickled or copied")


def tokens_of(auth: AuthManager) -> TokenSource:
    """Return what gives the tokens of a login, also of one of your own that did not call `super().__init__()`."""
    found = getattr(auth, "tokens", None)
    return _OwnTokens(auth) if found is None else found


class _OwnTokens:
    """The tokens of a login of your own: it is asked for one with each request, and logs in by itself."""

    def __init__(self, auth: AuthManager) -> None:
        self._auth = auth
        self._refused: str | None = None
        self._given: deque[str] = deque(maxlen=8)

    def usable(self) -> str:
        """Return what `get_token` returns."""
        refused, self._refused = self._refused, None
        if refused is not None and type(self._auth).force_refresh is not AuthManager.force_refresh:
            self._auth.force_refresh()
        token = self._auth.get_token()
        _check("what get_token() returns", token)
        self._given.append(token)
        return token

    def secrets(self) -> tuple[str, ...]:
        """Return the tokens that were given last."""
        return tuple(self._given)

    def reject(self, access: str) -> None:
        """Note that the server refused a token."""
        self._refused = access

    def next_grant(self) -> Grant:
        """Not needed: there always is a token, or an error."""
        raise NotImplementedError

    def accept(self, body: bytes) -> str | None:
        """Not needed."""
        raise NotImplementedError

    def wait_after_refusal(self, grant: Grant, status: int, body: bytes) -> float | None:
        """Not needed."""
        raise NotImplementedError

    def restore(self, grant: Grant) -> None:
        """Not needed."""


class ClientCredentialsFlow(AuthManager):
    """Logs in as a service, with the id and the secret of a client of the realm."""

    def __init__(self, config: Config, client_id: str, client_secret: str) -> None:
        _check("client_id", client_id)
        _check("client_secret", client_secret)
        super().__init__(config, _ClientCredentials(client_id, client_secret, time.monotonic))


class OfflineFlow(AuthManager):
    """Logs in with an offline token: a refresh token that lives for weeks. Give it, or a file that has it."""

    def __init__(
        self,
        config: Config,
        client_id: str,
        offline_token: str | None = None,
        offline_token_file: str | Path | None = None,
    ) -> None:
        _check("client_id", client_id)
        if offline_token is None:
            if offline_token_file is None:
                raise SettingError("offline_token is missing: pass offline_token=... or offline_token_file=...")
            try:
                offline_token = Path(offline_token_file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeError) as error:
                raise SettingError(f"offline_token_file cannot be read: {error}") from None
        _check("offline_token", offline_token)
        super().__init__(config, _OfflineTokens(client_id, offline_token, time.monotonic))


class DeviceFlow(AuthManager):
    """Logs in through a browser, on this computer or another: shows a link and a code, and waits until they are used.

    The tokens are kept in the folder for settings of your account on this computer, in a file that only you can read,
    so that the next program needs no browser while they can be renewed. `logout()` deletes it.

    Args:
        config: the installation.
        client_id: id of a client of the realm that allows this.
        user: a name for who logs in, where several do from the same account: each name has tokens of its own.
        keep: False keeps the tokens in memory alone.
        scope: scopes to ask for, such as `offline_access`, whose tokens can be renewed for longer.
        show: gets the text that tells what to do; by default it is printed.
        open_browser: whether to open the link in a browser of this computer, if there is one.

    Example:
        >>> auth = DeviceFlow(config, "client-tools")
        >>> auth.logout()
    """

    def __init__(
        self,
        config: Config,
        client_id: str,
        *,
        user: str = "default",
        keep: bool = True,
        scope: str | None = None,
        show: Callable[[str], object] = print,
        open_browser: bool = True,
    ) -> None:
        _check("client_id", client_id)
        _check("user", user)
        if scope is not None:
            _check("scope", scope)
        if not isinstance(keep, bool):
            raise SettingError(f"keep must be True or False; got {type(keep).__name__}")
        self._device = _DeviceTokens(client_id, time.monotonic, show, open_browser, scope)
        super().__init__(config, self._device)
        if keep:
            self._device.file = TokenFile(config.keycloak_endpoint, client_id, user)

    @property
    def token_file(self) -> Path | None:
        """Where the tokens are kept; None when they are in memory alone."""
        return None if self._device.file is None else self._device.file.path

    def renew_with(self, refresh_token: str) -> None:
        """Log in with a refresh token that you have already, such as an offline token, in place of a browser.

        What comes of it is kept like the tokens of a login in a browser, and in place of those. A token that is refused
        leads to a login in a browser. Until a login has succeeded, the tokens that are kept stay as they are.

        Example:
            >>> auth.renew_with(offline_token)
        """
        _check("refresh_token", refresh_token)
        self._device.begin_anew()  # a token that is refused must not lead to what somebody else has left
        self._device.renew_with(refresh_token)

    def log_in_anew(self) -> None:
        """Let the next call log in in a browser, whatever tokens there are, perhaps as somebody else.

        The tokens that are kept stay as they are until that login has succeeded, and are replaced then.

        Example:
            >>> auth.log_in_anew()
        """
        self._device.begin_anew()

    def logout(self) -> None:
        """Forget the tokens, in memory and in the file; the next call asks for a login in the browser.

        The identity provider is not told: where somebody else may have them, end the session there.
        """
        self._device.forget()


def _check(name: str, value: Any) -> None:
    # No error shows it: it may be what nobody must see.
    if not isinstance(value, str) or not value:
        raise SettingError(f"{name} must be text that is not empty; got {type(value).__name__}")
    if value != value.strip() or not value.isprintable():
        raise SettingError(f"{name} has a line end, a space around it or a control character, perhaps from a file")


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and bool(value.strip())


def _is_link(text: Any) -> TypeGuard[str]:
    # It is opened and printed: no other scheme, and nothing that a terminal would obey.
    return isinstance(text, str) and text.startswith(("https://", "http://")) and text.isprintable()


class _ClientCredentials(Tokens):
    """Logs in anew each time: a refresh would need the secret as well."""

    def next_grant(self) -> Grant:
        """Return a login."""
        return self.login_grant()


class _OfflineTokens(Tokens):
    """Renews with the offline token, or with the newest one that took its place."""

    def next_grant(self) -> Grant:
        """Return a renewal."""
        with self._lock:
            newest, self._refresh = self._refresh or self.client_secret, None
        return {"grant_type": "refresh_token", "client_id": self.client_id, "refresh_token": newest}

    def wait_after_refusal(self, grant: Grant, status: int, body: bytes) -> float | None:
        """Return 0 when the refused token had taken the place of the one that was given, which may still be good."""
        return None if grant["refresh_token"] == self.client_secret else 0.0


class _DeviceTokens(Tokens):
    """Asks for a code, shows it, and asks until somebody has let it in; renews where it can."""

    def __init__(
        self,
        client_id: str,
        clock: Callable[[], float],
        show: Callable[[str], object],
        open_browser: bool,
        scope: str | None,
    ) -> None:
        super().__init__(client_id, "", clock)
        self._show = show
        self._open_browser = open_browser
        self._scope = scope
        self.file: TokenFile | None = None
        self._code = ""
        self._interval = _INTERVAL
        self._ends = 0.0
        self._looked = False  # whether the tokens of an earlier program were taken over
        self._anew = False  # whether what is kept is not to be used, and replaced by the next login
        self._tried = ""  # the refresh token that was presented last
        self._renewing = ""  # the same, while its answer is awaited

    def usable(self) -> str | None:
        """Return the access token while it is good, else None; at first that of an earlier program."""
        if not self._looked and self.file is not None:
            self._take_over()
        return super().usable()

    def _take_over(self) -> None:
        self._looked = True
        kept = self._kept()
        with self._lock:
            if kept is None or self._access is not None or self._refresh is not None:
                return
            self._refresh = kept["refresh_token"]
            left = kept["renew_at"] - time.time()
            if left > 0:
                self._access, self._renew_at = kept["access_token"], self.clock() + left

    def _kept(self) -> dict[str, Any] | None:
        """Return what the file has, when it is to be used and makes sense."""
        kept = None if self.file is None or self._anew else self.file.read()
        if kept is None:
            return None
        tokens = [kept.get("access_token"), kept.get("refresh_token")]
        if not isinstance(kept.get("renew_at"), int | float) or not all(map(_is_token, tokens)):
            return None
        with self._lock:
            self._issued.extend(map(str, tokens))
        return kept

    def renew_with(self, refresh: str) -> None:
        """Present this refresh token next."""
        with self._lock:
            self._refresh = refresh
            self._issued.append(refresh)

    def begin_anew(self) -> None:
        """Forget the tokens in memory, and leave those in the file alone until there are others."""
        with self._lock:
            self._access, self._refresh, self._code, self._looked, self._anew = None, None, "", True, True

    def forget(self) -> None:
        """Forget all tokens, those in the file too."""
        self.begin_anew()
        if self.file is not None:
            self.file.delete()

    def secrets(self) -> tuple[str, ...]:
        """Return everything that must not be shown to anyone."""
        with self._lock:
            return (*self._issued, *([self._code] if self._code else []))

    def reset_after_fork(self) -> None:
        """In a forked child: keep the access token, and leave everything else to the parent."""
        self._lock = Lock()
        self._refresh, self._code = None, ""

    def next_grant(self) -> Grant:
        """Return a renewal where that is possible, else a poll for the code, else the beginning of a flow."""
        with self._lock:
            self._renewing = ""
            if self._code:
                return {"grant_type": _DEVICE_GRANT, "client_id": self.client_id, "device_code": self._code}
            refresh, self._refresh = self._refresh, None
        if refresh is None:
            # Another program may have renewed them meanwhile.
            kept = self._kept()
            refresh = None if kept is None or kept["refresh_token"] == self._tried else kept["refresh_token"]
        if refresh is not None:
            self._tried = self._renewing = refresh
            return {"grant_type": "refresh_token", "client_id": self.client_id, "refresh_token": refresh}
        return {"client_id": self.client_id} if self._scope is None else {
            "client_id": self.client_id, "scope": self._scope,
        }  # fmt: skip

    def accept(self, body: bytes) -> str | None:  # type: ignore[override]  # a login may take several requests
        """Take over the tokens, or the code, which is shown. Raises ValueError when the answer has neither."""
        answer: Any = strict_json.decode(body)
        if not isinstance(answer, dict) or "device_code" not in answer:
            token = super().accept(body)
            with self._lock:
                # A renewal that brings no other refresh token leaves the one that it was made with.
                self._refresh = self._refresh or self._renewing or None
                self._code, self._tried, self._renewing = "", "", ""
                renew_at = time.time() + self._renew_at - self.clock()
                kept = {"access_token": token, "refresh_token": self._refresh, "renew_at": renew_at}
                was_anew, self._anew = self._anew, False
            if self.file is not None and kept["refresh_token"]:
                self.file.write(kept)
            elif self.file is not None and was_anew:
                self.file.delete()  # what is there belongs to the login that this one takes the place of
            return token
        try:
            code, user_code, where = answer["device_code"], str(answer["user_code"]), str(answer["verification_uri"])
            self._interval = float(answer.get("interval") or _INTERVAL)
            if not self._interval >= _LEAST_INTERVAL:  # nor is it "not a number"
                raise ArgumentError("asked without a pause")
            self._ends = self.clock() + float(answer["expires_in"])
            if not isinstance(code, str) or not code:
                raise ArgumentTypeError("a code is text")
            if not _is_link(where):
                raise ArgumentError("a link leads to a web page")
        except (KeyError, TypeError, ValueError):
            raise ArgumentError(
                "the answer needs device_code, user_code, expires_in, a link to a web page as verification_uri, and an "
                "interval that is a pause"
            ) from None
        with self._lock:
            self._code = code
        whole = answer.get("verification_uri_complete")
        link = whole if _is_link(whole) else where
        self._show(f"To log in, open {link} in a browser and enter the code {one_line(user_code)}")
        if self._open_browser:
            webbrowser.open(link)  # nothing happens where there is none
        return None

    def wait_after_refusal(self, grant: Grant, status: int, body: bytes) -> float | None:
        """Return how long to wait for the person; 0 after a refused renewal; None when the login is refused."""
        if grant.get("grant_type") == "refresh_token":
            return 0.0
        try:
            reason = json.loads(body).get("error")
        except (ValueError, AttributeError, RecursionError):
            reason = None
        waits = reason in ("authorization_pending", "slow_down")
        if reason == "slow_down":
            self._interval += _INTERVAL
        if waits and self.clock() + self._interval < self._ends:
            return self._interval
        with self._lock:
            self._code = ""
        return None
