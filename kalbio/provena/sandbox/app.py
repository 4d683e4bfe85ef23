"""The stand-in as one object."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from kalbio._core.description.document import JSON, Operation
from kalbio._core.emulator.access_log import silent_logger
from kalbio._core.emulator.calls import Answer
from kalbio._core.emulator.clock import Clock
from kalbio._core.emulator.conventions import Conventions
from kalbio._core.emulator.emulator import Emulator
from kalbio._core.emulator.faults import Fault
from kalbio._core.emulator.ledger import Ledger
from kalbio._core.emulator.messages import Request, Response
from kalbio._core.emulator.pages import PageSource
from kalbio._core.emulator.refusals import Code, Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import (
    access,
    datastore,
    device_page,
    groups,
    handles,
    identity,
    items,
    job_api,
    jobs,
    lineage,
    lineage_restore,
    link_api,
    links,
    listing,
    model_run_csv,
    model_runs,
    proxies,
    registry,
    registry_admin,
    releases,
    reports,
    s3,
    search,
    seeds,
    settings,
    surroundings,
)
from kalbio.provena.sandbox.contract import load_contract, subtype_of, subtypes_with
from kalbio.provena.sandbox.errors import INVALID_LOGIN, both, error_answer
from kalbio.provena.sandbox.faults import LOGINS, Faults
from kalbio.provena.sandbox.folder import Folder
from kalbio.provena.sandbox.forms import stripped
from kalbio.provena.sandbox.store import READ, WRITE, Call, Routes, Store, open_database

_CONVENTIONS = Conventions(
    error_answer=error_answer,
    both=both,
    logins=LOGINS,
    name="provena-sandbox",
    logger=silent_logger("kalbio.provena.sandbox"),
)

_SERVICES = (
    identity,
    registry,
    registry_admin,
    proxies,
    listing,
    settings,
    search,
    datastore,
    releases,
    handles,
    job_api,
    lineage,
    lineage_restore,
    model_run_csv,
    model_runs,
    access,
    link_api,
    groups,
    surroundings,
    reports,
)


Route = tuple[Operation, dict[str, str]] | None


class Sandbox(Emulator[Store]):
    """A stand-in for an installation of Provena: logins, the registry, handles, jobs, lineage and the search.

    It has the users `admin`, who may do everything and can log in as a service with `client_secret`, `alice`, `bob`,
    `erin` and `frank`, who may read and write, `carol`, who may read, and `dave`, who may do nothing. All services are
    below one address, each under its name. What it does not have is answered with 501.

    Args:
        db: a file that keeps everything but the contents of the files of datasets, which are in a folder beside it;
            without it, the state lives in memory and in a temporary folder.
        seed: what a new stand-in holds: `empty`, or `demo`, a study with two model runs, their datasets, and a review
            that waits for `bob`. Nobody is linked to a person but `alice` and `bob` in the demo.
        client_secret: the secret of `admin`.
        clock: a function that gives the current time.
        faults: the plan of what goes wrong on the way.

    Attributes:
        is_new: whether the database was made by this stand-in.
    """

    def __init__(
        self,
        db: str | Path | None = None,
        *,
        seed: str = "empty",
        client_secret: str = "sandbox-secret",  # noqa: S107  invented
        clock: Callable[[], datetime] | None = None,
        faults: Faults | None = None,
    ) -> None:
        seeds.check(seed)
        connection, is_new = open_database(db)
        # A sandbox that nobody closed takes its database along without a warning.
        weakref.finalize(self, connection.close)
        folder = Folder(None if db is None else Path(f"{db}.files"))
        store = Store(connection, Clock(clock), client_secret, folder)
        self.is_new = is_new
        if is_new:
            _add_users(store)
        self.client_secret = client_secret
        routes = Routes()
        for module in _SERVICES:
            routes.include(module.routes)
        super().__init__(
            load_contract(),
            routes,
            store,
            authenticator=identity.Users(store, routes.roles),
            conventions=_CONVENTIONS,
            faults=faults,
            pages=_pages,
            clock=store.clock.now,
            secrets=(client_secret,),
        )
        if is_new:
            # not by `handle`, which would log it
            seeds.plant(seed, store, lambda request: self._carry_out(request, self._route(request)))
            self._ledger = Ledger()  # of what is asked from now on

    def offline_token(self, username: str = "alice") -> str:
        """Make an offline token of a user."""
        with self.lock:
            return identity.offline_token(self.store, username)

    def approve(self, user_code: str, username: str = "alice") -> None:
        """Let the code of a device flow in, as a user would in a browser."""
        with self.lock:
            identity.approve(self.store, user_code, username)

    def link(self, username: str, person_id: str) -> None:
        """Link a user to a person of the registry, as the user does with `client.access.link_person`."""
        with self.lock:
            links.link(self.store, username, person_id)

    def hold_jobs(self) -> None:
        """Keep jobs where they are from now on, so that `step_jobs` can move them; by default they end at once."""
        with self.lock:
            jobs.hold(self.store)

    def step_jobs(self, stages: int = 1) -> None:
        """Move every job that has not ended: from nowhere to PENDING, DEQUEUED, IN_PROGRESS, and to its end."""
        with self._writing():
            for _ in range(stages):
                jobs.step(self.store)

    def release_jobs(self, seconds_per_stage: float = 0) -> None:
        """Let jobs run by themselves again: to their end at once, or so many seconds of the clock in each stage."""
        if not 0 <= seconds_per_stage < math.inf:
            raise ValueError(f"seconds_per_stage is a number from 0 on; got {seconds_per_stage!r}")
        with self._writing():
            jobs.release(self.store, seconds_per_stage)
            jobs.advance(self.store)

    def advance_jobs(self) -> None:
        """Take every job as far as it is due, which each request does as well."""
        with self._writing():
            jobs.advance(self.store)

    @property
    def emails(self) -> list[Document]:
        """The e-mails that were sent so far: `email_to`, `subject`, `body`, `reason`."""
        with self.lock:
            return [{name: text for name, text in one.items() if name != "id"} for one in self.store.all("email")]

    def put(self, item: Document, *, private: bool = False) -> None:
        """Keep an item as it is, whatever it looks like, for tests of what the registry should not have.

        Args:
            item: the item, with `id`, `item_subtype`, `record_type` and `owner_username`.
            private: whether only its owner may read it.
        """
        with self.lock:
            access = {"owner": item["owner_username"], "general": [], "groups": {}} if private else None
            items.keep(self.store, stripped(item), access)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self.lock:
            self.store.begin()
            try:
                yield
            except BaseException:
                self.store.rollback()
                raise
            self.store.commit()

    def body_limit(self, method: str, target: str) -> int:
        """How many bytes the body of such a request may have: a file may have as many as any upload."""
        return self._limits[1] if target.startswith(s3.PREFIX) else super().body_limit(method, target)

    def _route(self, request: Request) -> Route:
        route = super()._route(request)
        return None if route is None or _is_strange(*route) else route

    def _unknown_route(self, request: Request) -> Refusal:
        refusal = super()._unknown_route(request)
        known = [self.contract.route(method, request.path) for method in self.contract.methods(request.path)]
        if all(route is None or _is_strange(*route) for route in known):
            return Refusal(404, refusal.message, code=Code.UNKNOWN_PATH)
        return refusal

    def _carry_out(self, request: Request, route: Route, fault: Fault | None = None) -> Response:
        if request.path.startswith(reports.PLACE) and request.method == "GET":
            with self.lock:
                return reports.serve(self.store, request)
        if request.path == device_page.PLACE and request.method == "GET":
            with self._writing():
                return device_page.serve(self.store, request)
        # The object store stands beside the services, and is in no description of theirs.
        if route is None and request.path.startswith(s3.PREFIX):
            with self._writing():
                return s3.answer(self.store, request)
        if route is None and (target := self._target_without_slash(request)) is not None:
            return Response(307, (("location", target),), b"")
        return super()._carry_out(request, route, fault)

    def _target_without_slash(self, request: Request) -> str | None:
        """Where a request leads whose path has a slash too many at its end."""
        path, mark, query = request.target.partition("?")
        shorter = path.removesuffix("/")
        if shorter == path or self.contract.methods(path) or not self.contract.methods(shorter):
            return None
        return f"{self.base_url}{shorter}{mark}{query}"

    def _read(self, call: Call) -> None:
        proxies.require_context(call)
        try:
            super()._read(call)
        except Refusal as refusal:
            if "identity" in call.operation.spec["tags"]:
                raise Refusal(400, refusal.message, code=INVALID_LOGIN) from None
            raise

    def _read_body(self, call: Call) -> None:
        operation, request = call.operation, call.request
        if not request.body and not operation.body.get("required"):
            return
        if JSON not in operation.body_types():
            if operation.body_types():
                super()._read_body(call)
            return
        if not request.body:
            raise Refusal(422, "there is no body", code=Code.EMPTY_JSON)
        given = request.header("content-type")
        if given is None:
            call.request = replace(request, headers=[*request.headers, ("content-type", JSON)])
        elif given.partition(";")[0].strip().lower() != JSON:
            # A body of another type is a text to the servers, and no object.
            self.contract.check_body(operation, JSON, request.body.decode("utf-8", "replace"))
        super()._read_body(call)

    def _run(self, call: Call) -> Answer:
        jobs.advance(self.store)
        answer = super()._run(call)
        jobs.advance(self.store)
        return answer


def _pages() -> PageSource:
    from kalbio.provena.sandbox.pages import site  # Jinja2 is loaded for those who look at a page

    return site()


def _is_strange(operation: Operation, values: dict[str, str]) -> bool:
    """Whether a path names a subtype that there is not, or that does not have the operation."""
    if "subtype" not in values:
        return False
    return subtype_of(values["category"], values["subtype"]) not in subtypes_with(operation.id)


def _add_users(store: Store) -> None:
    identity.add_user(store, "admin")
    for username in ("alice", "bob", "erin", "frank"):
        identity.add_user(store, username, (READ, WRITE))
    identity.add_user(store, "carol", (READ,))
    identity.add_user(store, "dave", ())
