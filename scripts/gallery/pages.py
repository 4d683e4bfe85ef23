"""Shows pages of the sandbox, with what the registration demo has left in it."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from kalbio import KalbioError, KaleidoscopeClient
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve
from scripts.gallery.chromium import shoot
from scripts.gallery.steady import steady
from scripts.registration_demo.__main__ import EXPERIMENT, run
from scripts.registration_demo.account import Account
from scripts.registration_demo.registrar import Registrar, serving
from scripts.registration_demo.table import KEY, SPOILT

_WIDTH = 1180
_PORT = 8321  # that of `kalbio sandbox`, which a page names


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
