"""The sandbox: an emulator with the handlers, the rules and the seeds of the platform."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from kalbio._core.emulator.access_log import silent_logger
from kalbio._core.emulator.clock import Clock
from kalbio._core.emulator.conventions import Conventions
from kalbio._core.emulator.emulator import Emulator, Outcome, check_body_limits
from kalbio._core.emulator.ledger import ids_of
from kalbio._core.emulator.messages import Request
from kalbio._core.emulator.pages import PageSource
from kalbio._core.emulator.reference import Reference
from kalbio._core.emulator.store import connect, is_empty
from kalbio._core.emulator.strict_json import Document, Json
from kalbio._core.emulator.webhooks import Webhooks
from kalbio.sandbox import (
    activities,
    dashboards,
    definitions,
    events,
    exports,
    fields,
    files,
    imports,
    key_changes,
    oauth,
    operations,
    programs,
    properties,
    queries,
    records,
    registration,
    seed,
    submissions,
    templates,
    values,
    views,
    workspace,
)
from kalbio.sandbox.calls import Routes
from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.errors import error_answer
from kalbio.sandbox.faults import LOGINS, Faults
from kalbio.sandbox.store import VERSION, SandboxSettings, Store, last_instant

_MIB = 1024 * 1024
_MODULES = (
    activities, dashboards, definitions, events, exports, fields, files, imports, key_changes, oauth, operations,
    programs, properties, queries, records, registration, submissions, templates, values, views, workspace,
)  # fmt: skip


def _ids_of(body: Json) -> tuple[str, ...]:
    """The ids of what an answer shows, which some answers have in their `resource`."""
    return ids_of(body.get("resource") or body if isinstance(body, dict) else body)


_CONVENTIONS = Conventions(
    error_answer=error_answer,
    ids_of=_ids_of,
    logins=LOGINS,
    json_type="application/json; charset=utf-8",
    credential_headers=frozenset({"authorization", "x-kal-authorization"}),
    name="kalbio-sandbox",
    logger=silent_logger("kalbio.sandbox"),
)
_REFERENCE = Reference("Kaleidoscope API (sandbox)", scheme="kaleidoscopeToken", token_prefix="Bearer ")  # noqa: S106


class Sandbox(Emulator[Store]):
    """A local emulator of the Kaleidoscope API.

    `webhook` receives the registration events: a URL gets real POSTs, a callable gets the payload.
    `db` is a file that keeps everything; without it the state lives in memory. A file is seeded only when it is new.
    `faults` is the plan of what goes wrong on the way, for those who use `handle_with_faults`; `clock_skew` shifts the
    Date header of the answers by so many seconds. `json_limit` and `upload_limit` are the largest bodies it takes, in
    bytes.

    `is_new` says whether the database was made, and seeded, by this sandbox.
    """

    def __init__(
        self,
        db: str | Path | None = None,
        *,
        seed: str = "demo",
        webhook: str | Callable[[Document], None] | None = None,
        lenient_uploads: bool = False,
        client_id: str = "sandbox-id",
        client_secret: str = "sandbox-secret",  # noqa: S107  invented, and printed on start
        token_lifetime: int = 3600,
        import_polls: int = 0,
        clock: Callable[[], datetime] | None = None,
        faults: Faults | None = None,
        clock_skew: float = 0,
        json_limit: int = 32 * _MIB,
        upload_limit: int = 512 * _MIB,
    ) -> None:
        """Open the database and, when it is new, fill it with a seed."""
        check_body_limits(json_limit, upload_limit)
        if token_lifetime < 1:
            raise ValueError(f"token_lifetime is a number of seconds from 1 on; got {token_lifetime!r}")
        self.settings = SandboxSettings(client_id, client_secret, token_lifetime, import_polls)
        webhooks = Webhooks(webhook, name=_CONVENTIONS.name, logger=_CONVENTIONS.logger)
        connection = connect(db)
        # A sandbox that nobody closed takes its database along without a warning.
        weakref.finalize(self, connection.close)
        try:
            self.is_new = _fill_when_empty(connection, seed)
        except BaseException:
            connection.close()
            raise
        store = Store(connection, Clock(clock, last_instant(connection)), settings=self.settings)
        super().__init__(
            load_contract(),
            _routes(),
            store,
            authenticator=oauth.Tokens(store),
            conventions=_CONVENTIONS,
            faults=faults,
            webhooks=webhooks,
            reference=_REFERENCE,
            pages=_pages,
            clock=store.clock.now,
            clock_skew=clock_skew,
            json_limit=json_limit,
            upload_limit=upload_limit,
            lenient_uploads=lenient_uploads,
            secrets=(client_secret,),
        )

    def meet(self, request: Request) -> Outcome:
        """The earlier name of `handle_with_faults`."""
        return self.handle_with_faults(request)


def _pages() -> PageSource:
    from kalbio.sandbox.pages import site  # Jinja2 is loaded for those who look at a page

    return site()


def _routes() -> Routes:
    found = Routes()
    for module in _MODULES:
        found.include(module.routes)
    return found


def _fill_when_empty(connection: sqlite3.Connection, name: str) -> bool:
    seed.check_name(name)
    is_new = is_empty(connection, VERSION)
    if is_new:
        template = sqlite3.connect(":memory:")
        try:
            template.deserialize(seed.image(name))
            template.backup(connection)
        finally:
            template.close()
    return is_new
