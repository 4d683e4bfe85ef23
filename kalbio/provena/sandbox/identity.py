"""A small identity provider: client credentials, offline tokens, the device flow, and who may pass."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kalbio._core.emulator.calls import IN_PROCESS_URL, Answer
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox.errors import BAD_TOKEN
from kalbio.provena.sandbox.store import EVERY_ROLE, Call, Routes, Store, digest

routes = Routes()

LIFETIME = 300
DEVICE_PAGE = "/identity/device"
"""Where a code is let in, in a browser."""
_SERVICE = "admin"  # the only user who can log in with a secret
_REFRESH_LIFETIME = 30 * 86_400
_CODE_LIFETIME = 600
_FOREVER = 10**9
_INTERVAL = 1  # a person has to find the page
_INTERVAL_IN_PROCESS = 0.01  # no program has to wait for the stand-in


@dataclass(frozen=True)
class User:
    """Whom a token belongs to."""

    username: str
    roles: frozenset[str]
    email: str

    def require(self, *roles: str) -> None:
        """Refuse a user who lacks a role."""
        if not self.roles.issuperset(roles):
            raise Refusal(
                401,
                "You are not authorised to access this resource as you don't have the correct role.",
                code=BAD_TOKEN,
            )


class Users:
    """Who may pass: those who hold a living access token."""

    def __init__(self, store: Store, roles: Mapping[str, tuple[str, ...]] = MappingProxyType({})) -> None:
        """Know the roles that operations need."""
        self._store = store
        self._roles = roles

    def authenticate(self, call: Call) -> User:
        """Give the user of the token, or refuse."""
        scheme, _, token = (call.request.header("authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(401, "Not authenticated", code=BAD_TOKEN)
        username = self._store.owner_of("access", token)
        if username is None:
            raise Refusal(401, "Could not validate credentials", code=BAD_TOKEN)
        stored = self._store.need("user", username)
        user = User(username, frozenset(stored["roles"]), stored["email"])
        user.require(*self._roles.get(call.operation.id, ()))
        return user

    def issue_token(self) -> str:
        """A token without a login."""
        return self._store.issue("admin", "access", LIFETIME)

    def expire_tokens(self) -> None:
        """End every access token."""
        self._store.end_all("access")

    def revoke_tokens(self) -> None:
        """End every token."""
        for kind in ("access", "refresh", "offline"):
            self._store.end_all(kind)


def add_user(store: Store, username: str, roles: tuple[str, ...] = EVERY_ROLE) -> None:
    """Add a user."""
    email = f"{username}@example.org"
    store.add("user", {"id": username, "email": email, "roles": list(roles)})


def offline_token(store: Store, username: str) -> str:
    """Make a token that its user can log in with for long. Raises ValueError for a user that there is not."""
    _require_user(store, username)
    return store.issue(username, "offline", _FOREVER)


@routes.operation("getRealm")
def get_realm(call: Call) -> Document:
    """A realm whose key nothing is signed with."""
    return {"realm": "sandbox", "public_key": "c2FuZGJveA=="}


@routes.operation("createToken")
def create_token(call: Call) -> Document | Answer:
    """Tokens for a secret, for a token, or for a code that somebody has let in."""
    body, store = call.body, call.store
    kind = body["grant_type"]
    if kind == "client_credentials":
        user = store.get("user", body["client_id"])
        if user is None or user["id"] != _SERVICE or body.get("client_secret") != store.client_secret:
            return _refused(401, "unauthorized_client", "Invalid client or Invalid client credentials")
        return _tokens(store, user["id"], refresh=False)
    if kind == "refresh_token":
        token = body.get("refresh_token")
        for stored in ("refresh", "offline"):
            username = store.owner_of(stored, token)
            if username is not None:
                return _tokens(store, username, refresh=stored == "refresh")
        return _refused(400, "invalid_grant", "Token is not active")
    code = store.get("code", digest(body.get("device_code") or ""))
    if kind != "urn:ietf:params:oauth:grant-type:device_code" or code is None:
        return _refused(400, "invalid_grant", "Device code not valid")
    if code["ends"] <= store.seconds():
        return _refused(400, "expired_token", "Device code is expired")
    if code["username"] == "":
        return _refused(400, "authorization_pending", "The authorization request is still pending")
    store.run("delete from document where kind = 'code' and id = ?", code["id"])
    return _tokens(store, code["username"], refresh=True)


@routes.operation("startDeviceLogin")
def start_device_login(call: Call) -> Document:
    """A code to be let in: by `Sandbox.approve`, or on the page that the link leads to."""
    store = call.store
    code, user_code = "sandbox-token-" + secrets.token_urlsafe(24), secrets.token_hex(2).upper()
    ends = store.seconds() + _CODE_LIFETIME
    store.add("code", {"id": digest(code), "user_code": user_code, "username": "", "ends": ends})
    where = call.base_url + DEVICE_PAGE
    return {
        "device_code": code,
        "user_code": user_code,
        "verification_uri": where,
        "verification_uri_complete": f"{where}?user_code={user_code}",
        "expires_in": _CODE_LIFETIME,
        "interval": _INTERVAL_IN_PROCESS if call.base_url == IN_PROCESS_URL else _INTERVAL,
    }


def approve(store: Store, user_code: str, username: str) -> None:
    """Let a code in that waits for it, as a user. Raises ValueError for an unknown one of either."""
    _require_user(store, username)
    for code in store.all("code"):
        if code["user_code"] == user_code and code["ends"] > store.seconds():
            store.put("code", {**code, "username": username})
            return
    raise ValueError(f"there is no code {user_code!r}")


def _require_user(store: Store, username: str) -> None:
    if store.get("user", username) is None:
        names = ", ".join(sorted(str(user["id"]) for user in store.all("user")))
        raise ValueError(f"there is no user {username!r} in the sandbox; it has {names}")


def _tokens(store: Store, username: str, *, refresh: bool) -> Document:
    given: Document = {
        "access_token": store.issue(username, "access", LIFETIME),
        "expires_in": LIFETIME,
        "token_type": "Bearer",
    }
    if refresh:
        given["refresh_token"] = store.issue(username, "refresh", _REFRESH_LIFETIME)
    return given


def _refused(status: int, error: str, text: str) -> Answer:
    return Answer({"error": error, "error_description": text}, status)
