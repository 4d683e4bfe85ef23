"""The stand-in as one object."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from datetime import datetime

from kalbio._core.emulator.clock import Clock
from kalbio._core.emulator.conventions import Conventions
from kalbio._core.emulator.emulator import Emulator
from kalbio._core.emulator.faults import Faults
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import identity, registry, services
from kalbio.provena.sandbox.contract import load_contract
from kalbio.provena.sandbox.errors import error_answer
from kalbio.provena.sandbox.store import READ, WRITE, Routes, Store

_CONVENTIONS = Conventions(
    error_answer=error_answer,
    logins=frozenset({"createToken", "startDeviceLogin", "getRealm"}),
    name="provena-sandbox",
)


class Sandbox(Emulator[Store]):
    """A stand-in for an installation of Provena, in memory: logins, the registry, handles and the search.

    It has the users `admin`, who can log in as a service with `client_secret`, `alice`, who may read and write, and
    `carol`, who may read. All services are below one address, each under its name. What it does not have yet is
    answered with 501.

    Args:
        client_secret: the secret of `admin`.
        clock: a function that gives the current time.
        faults: the plan of what goes wrong on the way.
    """

    def __init__(
        self,
        *,
        client_secret: str = "sandbox-secret",  # noqa: S107  invented
        clock: Callable[[], datetime] | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.client_secret = client_secret
        store = Store(Clock(clock))
        weakref.finalize(self, store.connection.close)
        identity.add_user(store, "admin", client_secret=client_secret)
        identity.add_user(store, "alice", (READ, WRITE, "handle-read"))
        identity.add_user(store, "carol", (READ,))
        routes = Routes()
        for module in (identity, registry, services):
            routes.include(module.routes)
        super().__init__(
            load_contract(),
            routes,
            store,
            authenticator=identity.Users(store),
            conventions=_CONVENTIONS,
            faults=faults,
            clock=store.clock.now,
        )

    def offline_token(self, username: str = "alice") -> str:
        """Make an offline token of a user."""
        with self.lock:
            return identity.offline_token(self.store, username)

    def approve(self, user_code: str, username: str = "alice") -> None:
        """Let the code of a device flow in, as a user would in a browser."""
        with self.lock:
            identity.approve(self.store, user_code, username)

    def put(self, item: Document, *, private: bool = False) -> None:
        """Keep an item as it is, whatever it looks like, for tests of what the registry should not have.

        Args:
            item: the item, with `id`, `item_subtype`, `record_type` and `owner_username`.
            private: whether only its owner may read it.
        """
        with self.lock:
            stored = {**item, "_private": True} if private else item
            self.store.add(registry.KIND, stored, parent=item["item_subtype"])
