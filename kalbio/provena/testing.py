"""A stand-in for Provena in this process, with clients on top of it, for tests of your own."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

from kalbio._extras import require_sandbox

require_sandbox()  # before an import below fails with less to say

from kalbio._core.emulator.in_process import EmulatorTransport, Exchange  # noqa: E402
from kalbio.provena._model.config import APIOverrides, Config  # noqa: E402
from kalbio.provena._model.login import ClientCredentialsFlow  # noqa: E402
from kalbio.provena.aio.client import AsyncProvenaClient  # noqa: E402
from kalbio.provena.client import ProvenaClient  # noqa: E402
from kalbio.provena.sandbox import Sandbox  # noqa: E402

__all__ = ["InProcess"]


class InProcess:
    """A stand-in with a sync and an async client, all in this process; it needs the extra `sandbox`.

    Args:
        sandbox: a stand-in of your own; by default a fresh one.
        **options: further arguments of the clients.

    Attributes:
        sandbox: the stand-in.
        config: where it is.
        transport: answers requests from it.

    Example:
        >>> with InProcess() as lab:
        ...     lab.client.organisations.create(display_name="Reef group", name="Reef group")
    """

    def __init__(self, sandbox: Sandbox | None = None, **options: Any) -> None:
        self.sandbox = sandbox if sandbox is not None else Sandbox()
        self.config = Config("sandbox.invalid", "sandbox", APIOverrides.at(self.sandbox.base_url))
        self.transport = EmulatorTransport(self.sandbox)
        self._options = {"transport": self.transport, **options}

    @property
    def exchanges(self) -> list[Exchange]:
        """What the clients have asked, logins included."""
        return self.transport.exchanges

    @cached_property
    def client(self) -> ProvenaClient:
        """A sync client that may do everything."""
        return ProvenaClient(self._auth(), **self._options)

    @cached_property
    def async_client(self) -> AsyncProvenaClient:
        """An async client that may do everything."""
        return AsyncProvenaClient(self._auth(), **self._options)

    def _auth(self) -> ClientCredentialsFlow:
        return ClientCredentialsFlow(self.config, "admin", self.sandbox.client_secret)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if "client" in vars(self):
            self.client.close()
        self.sandbox.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if "async_client" in vars(self):
            await self.async_client.aclose()
        self.__exit__()
