"""The clients of one client: one for each event loop that calls, and in a forked child others than in its parent."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock as ShortLock
from typing import TYPE_CHECKING, Any

from kalbio._core.aio.concurrency import running_loop
from kalbio._core.concurrency import forks
from kalbio._core.errors import ClientClosedError

if TYPE_CHECKING:
    from kalbio._core.aio.retrying_client import AsyncRetryingClient


class AsyncClientPerLoop:
    """Opens a client where there is none yet, and closes all of them.

    Connections, waiting places and locks belong to an event loop, so each one has its own. Loops that have ended leave
    their connections open; these are closed when another loop comes, and at the end.
    """

    def __init__(self, make: Callable[[], AsyncRetryingClient], transport: Any = None) -> None:
        """Prepare. `transport` is the user's own, which all clients share."""
        self._make = make
        self._transport = transport
        self._lock = ShortLock()
        self._http_clients: dict[Any, AsyncRetryingClient] = {}
        self.is_closed = False  # for good
        self._has_foreign_connections = False
        forks.register(self)

    def check(self) -> None:
        """Raise ClientClosedError when they are closed."""
        if self.is_closed:
            raise ClientClosedError

    def current(self) -> AsyncRetryingClient:
        """Return the client of the present event loop."""
        if self.is_closed:
            raise ClientClosedError
        client = self._http_clients.get(running_loop())  # sync: client = self._http_clients.get(None)
        return self._open() if client is None else client

    def _open(self) -> AsyncRetryingClient:
        loop = running_loop()
        with self._lock:
            self.check()
            if self._has_foreign_connections:
                raise RuntimeError(
                    "The transport that this client was made with has connections that belong to the process that this "
                    "one was forked from. Make the client in the child, or use a transport with a method forget()."
                )
            ended = [other for other in self._http_clients if other is not None and other.is_closed()]
            dropped = [self._http_clients.pop(other) for other in ended]
            if loop not in self._http_clients:
                with forks.fork_lock():  # it imports a lot
                    self._http_clients[loop] = self._make()
            client = self._http_clients[loop]
        for other in dropped:
            other.end()
        return client

    async def aclose(self) -> None:
        """Close all of them; calls under way end with ClientClosedError."""
        with self._lock:
            self.is_closed = True
            clients, self._http_clients = self._http_clients, {}
        for client in clients.values():
            client.end()
        mine = clients.get(running_loop()) if clients else None
        if mine is not None:
            await mine.aclose()
        elif clients and self._transport is not None:
            await self._transport.aclose()

    def reset_after_fork(self) -> None:
        """In a forked child: leave the connections to the parent, and open others for the next call."""
        self._lock = ShortLock()
        if self._http_clients:
            forks.never_free(self._http_clients)
            self._http_clients = {}
            from kalbio._core.http.httpx_names import forget  # loaded by the clients

            self._has_foreign_connections = self._transport is not None and not forget(self._transport)
