"""The token endpoint, and who may pass."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from kalbio._core.emulator.calls import Answer
from kalbio._core.emulator.clock import to_micros
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.errors import error_answer
from kalbio.sandbox.store import Store

routes = Routes()

_REFRESH_LIFETIME = 90 * 86_400
_SECOND = 1_000_000
# Unmistakable, so that scanners for secrets find one that has strayed.
_PREFIX = "sandbox-token-"


@routes.operation("createToken")
def create_token(call: Call) -> Document | Answer:
    """Client credentials begin a token family; every refresh rotates its refresh token."""
    if call.body["grant_type"] == "client_credentials":
        settings = call.store.settings
        known = hmac.compare_digest(call.body["client_id"].encode(), settings.client_id.encode())
        proven = hmac.compare_digest(call.body["client_secret"].encode(), settings.client_secret.encode())
        if not (known and proven):
            raise Refusal(401, "client credentials are wrong", code="invalid_client")
        return issue(call.store, settings.token_lifetime, call.store.new_id())
    return _refresh(call, call.body["refresh_token"])


def _refresh(call: Call, token: str) -> Document | Answer:
    store = call.store
    rows = store.rows("select family, expires, spent from token where token = ? and kind = 'refresh'", _digest(token))
    if not rows or rows[0][1] <= _now(store):
        raise Refusal(401, "refresh token is unknown, expired or revoked", code="invalid_grant")
    family, _, spent = rows[0]
    if spent:
        # Someone else may hold it, so the whole family dies. An answer, not a Refusal, which would undo this.
        store.run("delete from token where family = ?", family)
        return error_answer(Refusal(401, "refresh token was used before; its family is revoked", code="invalid_grant"))
    store.run("update token set spent = 1 where token = ?", _digest(token))
    return issue(store, call.store.settings.token_lifetime, family)


class Tokens:
    """Who may pass: those who hold a living access token."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def authenticate(self, call: Call) -> None:
        """Refuse a call without such a token. Everybody who has one may do everything."""
        check_token(self._store, call.request.header("x-kal-authorization"))

    def issue_token(self) -> str:
        """An access token without a login."""
        token = issue(self._store, self._store.settings.token_lifetime, self._store.new_id())
        return str(token["access_token"])

    def expire_tokens(self) -> None:
        """End every access token there is; refresh tokens stay good."""
        self._store.run("update token set expires = 0 where kind = 'access'")

    def revoke_tokens(self) -> None:
        """End every token there is."""
        self._store.run("delete from token")


def check_token(store: Store, header: str | None) -> None:
    """Refuse a request whose `X-Kal-Authorization` holds no living access token."""
    if not header:
        raise Refusal(401, "X-Kal-Authorization is missing")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(401, "X-Kal-Authorization must be `Bearer <access token>`")
    rows = store.rows("select expires from token where token = ? and kind = 'access'", _digest(token))
    if not rows:
        raise Refusal(401, "access token is unknown or revoked")
    if rows[0][0] <= _now(store):
        raise Refusal(401, "access token has expired")


def _digest(token: str) -> str:
    # What is kept can be checked and not used: a database that gets around gives no access.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _now(store: Store) -> int:
    # not a tick of the store's clock, which a clock set to the past cannot move
    return to_micros(store.clock.now())


def issue(store: Store, lifetime: int, family: str) -> Document:
    """A new pair of tokens."""
    access, refresh = (_PREFIX + secrets.token_urlsafe(24) for _ in range(2))
    now = _now(store)
    store.run_many(
        "insert into token values (?, ?, ?, ?, 0)",
        [
            (_digest(access), "access", family, now + lifetime * _SECOND),
            (_digest(refresh), "refresh", family, now + _REFRESH_LIFETIME * _SECOND),
        ],
    )
    return {"access_token": access, "refresh_token": refresh, "expires_in": lifetime, "token_type": "Bearer"}
