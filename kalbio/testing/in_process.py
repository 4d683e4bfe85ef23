"""A sandbox in this process, with clients on top of it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

from kalbio._core.emulator.in_process import EmulatorTransport, Exchange
from kalbio.aio.client import AsyncKaleidoscopeClient
from kalbio.client import KaleidoscopeClient
from kalbio.sandbox import Fault, Sandbox

__all__ = ["Exchange", "InProcess", "SandboxTransport"]


class SandboxTransport(EmulatorTransport):
    """Answers the requests of a sync or an async client from a sandbox.

    Attributes:
        sandbox: the sandbox.
        exchanges: what was asked, in order.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.sandbox = sandbox


class InProcess:
    """A sandbox with a sync and an async client, all in this process.

    Args:
        sandbox: a sandbox of your own; by default a fresh one in memory.
        **options: further arguments of the clients, e.g. `on_error="log"`.

    Attributes:
        sandbox: the sandbox.
        client: a sync client.
        async_client: an async client of the same sandbox.
        exchanges: what both have asked, logins included.

    Example:
        >>> with InProcess() as lab:
        ...     programs = lab.client.programs.get_programs()

    With the async client, `async with InProcess() as lab:` closes that one too.
    """

    def __init__(self, sandbox: Sandbox | None = None, **options: Any) -> None:
        self.sandbox = sandbox if sandbox is not None else Sandbox()
        self.transport = SandboxTransport(self.sandbox)
        self._options: dict[str, Any] = {
            "client_id": self.sandbox.settings.client_id,
            "client_secret": self.sandbox.settings.client_secret,
            "url": self.sandbox.base_url,
            "transport": self.transport,
            **options,
        }

    @cached_property
    def client(self) -> KaleidoscopeClient:
        """A sync client."""
        return KaleidoscopeClient(**self._options)

    @cached_property
    def async_client(self) -> AsyncKaleidoscopeClient:
        """An async client."""
        return AsyncKaleidoscopeClient(**self._options)

    @property
    def exchanges(self) -> list[Exchange]:
        """What the clients have asked, in order."""
        return self.transport.exchanges

    def fail(self, operation: str | None = None, **fault: Any) -> Fault:
        """Let the next calls of an operation go wrong; the arguments are those of `Fault`.

        Example:
            >>> lab.fail("addRecordValue", lose_answer=True)
            >>> lab.fail("getRecord", status=503, retry_after=1, times=2)
        """
        return self.sandbox.faults.add(Fault(operation, **fault))

    def operations(self) -> list[str]:
        """Return the operationIds that were called, in order; logins are left out."""
        return [item.operation for item in self.exchanges if item.operation not in (None, "createToken")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def close(self) -> None:
        """Close the sync client and the sandbox. The async client holds no connections, but stays open."""
        if "client" in self.__dict__:
            self.client.close()
        self.sandbox.close()

    async def aclose(self) -> None:
        """Close both clients and the sandbox."""
        if "async_client" in self.__dict__:
            await self.async_client.aclose()
        self.close()
