"""Shows pages of the sandboxes, with what the demos have left in them."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from kalbio import KalbioError, KaleidoscopeClient
from kalbio._core.emulator.server import serve
from kalbio.provena import APIOverrides, ClientCredentialsFlow, Config, OfflineFlow, ProvenaClient
from kalbio.provena.sandbox import Sandbox as ProvenaSandbox
from kalbio.sandbox import Sandbox
from scripts.gallery.chromium import shoot
from scripts.gallery.steady import steady
from scripts.provena_demo.__main__ import Lab
from scripts.provena_demo.__main__ import run as run_study
from scripts.registration_demo.__main__ import EXPERIMENT, run
from scripts.registration_demo.account import Account
from scripts.registration_demo.registrar import Registrar, serving
from scripts.registration_demo.table import KEY, SPOILT

_WIDTH = 1260
_PORT, _PROVENA_PORT = 8321, 8322  # of the commands, which pages name


class Workspace:
    """A sandbox that is served, after the demo.

    Attributes:
        pages: where its pages are.
    """

    def __init__(self, pages: str, sandbox: Sandbox, client: KaleidoscopeClient) -> None:
        self.pages = pages
        self._sandbox = sandbox
        self._client = client

    def overview(self) -> str:
        """The first page."""
        return self.pages

    def entity_type(self) -> str:
        """The light drugs as a table, by their logP."""
        kind = self._client.entity_types.get_type_exact_keys([KEY])
        weight, log_p = map(self._client.entity_fields.get_data_field_by_id, ("Molecular weight", "logP"))
        assert kind is not None
        assert weight is not None
        assert log_p is not None
        light = f"field={weight.id}&rule=is_less_than&value=300"
        return f"{self.pages}browse/entities/{kind.id}?sort=-{log_p.id}&{light}"

    def record(self) -> str:
        """The record of one drug."""
        record = self._client.records.get_record_by_id({KEY: SPOILT})
        assert record is not None
        return f"{self.pages}browse/records/{record.id}"

    def registration(self) -> str:
        """The registration of the file of results."""
        (found, *_) = self._client.registration.get_registration_files(EXPERIMENT)
        return f"{self.pages}browse/registrations/{found.id}"

    def refused_request(self) -> str:
        """A request that was refused."""
        record = self._client.records.get_record_by_id({KEY: SPOILT})
        assert record is not None
        with contextlib.suppress(KalbioError):
            record.add_value("logP", "high")
        refused = next(entry for entry in self._sandbox.access_log.entries() if (entry.status or 0) >= 400)
        return f"{self.pages}browse/requests/{refused.number}"


kept = contextlib.ExitStack()
"""What is served until the last picture is made."""


@cache
def _workspace() -> Workspace:
    """Run the demo, once for all pictures; it is served until the end."""
    kept.enter_context(steady())
    registrar = Registrar()
    sandbox = kept.enter_context(Sandbox(seed="demo", webhook=registrar.url))
    server = kept.enter_context(serve(sandbox, port=_PORT))
    account = sandbox.settings.client_id, sandbox.settings.client_secret, server.url
    lab, service = (kept.enter_context(KaleidoscopeClient(*account)) for _ in range(2))
    kept.enter_context(serving(registrar, service, kept.enter_context(tempfile.TemporaryDirectory())))
    with contextlib.redirect_stdout(io.StringIO()):
        run(Account(), lab, registrar)
    return Workspace(server.pages_url, sandbox, lab)


def sandbox_page(where: Callable[[Workspace], str], to: Path, *, dark: bool, height: int) -> None:
    """Save a picture of a page, and of as much of it as this height shows."""
    shoot(where(_workspace()), to, dark=dark, width=_WIDTH, height=height)


class Study:
    """A stand-in for Provena that is served, after its demo.

    Attributes:
        pages: where its pages are.
    """

    def __init__(self, pages: str, client: ProvenaClient) -> None:
        self.pages = pages
        self._client = client

    def run(self) -> str:
        """A model run, with what it used and what it made."""
        run = sorted(self._client.model_runs.list(), key=lambda item: str(item.display_name))[0]
        return f"{self.pages}browse/items/{run.id.replace('/', '%2F')}"


@cache
def _study() -> Study:
    """Run the demo of Provena, once for all pictures; it is served until the end."""
    kept.enter_context(steady())
    sandbox = kept.enter_context(ProvenaSandbox())
    server = kept.enter_context(serve(sandbox, port=_PROVENA_PORT))
    config = Config("sandbox.invalid", "sandbox", APIOverrides.at(server.url))
    logins = [
        *(OfflineFlow(config, "client-tools", sandbox.offline_token(name)) for name in ("alice", "bob")),
        ClientCredentialsFlow(config, "admin", sandbox.client_secret),
    ]
    lab = Lab(*(kept.enter_context(ProvenaClient(login)) for login in logins))
    with contextlib.redirect_stdout(io.StringIO()):
        run_study(Account(), lab)
    return Study(server.pages_url, lab.modeller)


def provena_page(where: Callable[[Study], str], to: Path, *, dark: bool, height: int) -> None:
    """Save a picture of a page of the stand-in, and of as much of it as this height shows."""
    shoot(where(_study()), to, dark=dark, width=_WIDTH, height=height)
