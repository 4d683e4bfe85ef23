"""The pipes of one client: one for each event loop that calls, and in a forked child others than in its parent."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock as ShortLock
from typing import TYPE_CHECKING, Any

from kalbio._core import forks
from kalbio._core.aio.locks import here
from kalbio._core.errors import ClientClosedError

if TYPE_CHECKING:
    from kalbio._core.aio.pipe import AsyncPipe


class AsyncPipes:
    """Opens a pipe where there is none yet, and closes all of them.

    Connections, waiting places and locks belong to an event loop, so each one has its own. Loops that have ended leave
    their connections open; these are closed when another loop comes, and at the end.
    """

    def __init__(self, make: Callable[[], AsyncPipe], transport: Any = None) -> None:
        """Prepare. `transport` is the user's own, which all pipes share."""
        self._make = make
        self._transport = transport
        self._lock = ShortLock()
        self._pipes: dict[Any, AsyncPipe] = {}
        self.is_closed = False  # for good
        self._stranded = False
        forks.watch(self)

    def check(self) -> None:
        """Raise ClientClosedError when they are closed."""
        if self.is_closed:
            raise ClientClosedError

    def here(self) -> AsyncPipe:
        """Return the pipe of the present event loop."""
        if self.is_closed:
            raise ClientClosedError
        pipe = self._pipes.get(here())  # sync: pipe = self._pipes.get(None)
        return self._open() if pipe is None else pipe

    def _open(self) -> AsyncPipe:
        loop = here()
        with self._lock:
            self.check()
            if self._stranded:
                raise RuntimeError(
                    "The transport that this client was made with has connections that belong to the process that this "
                    "one was forked from. Make the client in the child, or use a transport with a method forget()."
                )
            ended = [other for other in self._pipes if other is not None and other.is_closed()]
            dropped = [self._pipes.pop(other) for other in ended]
            if loop not in self._pipes:
                with forks.undisturbed():  # it imports a lot
                    self._pipes[loop] = self._make()
            pipe = self._pipes[loop]
        for other in dropped:
            other.end()
        return pipe

    async def aclose(self) -> None:
        """Close all of them; calls under way end with ClientClosedError."""
        with self._lock:
            self.is_closed = True
            pipes, self._pipes = self._pipes, {}
        for pipe in pipes.values():
            pipe.end()
        mine = pipes.get(here()) if pipes else None
        if mine is not None:
            await mine.aclose()
        elif pipes and self._transport is not None:
            await self._transport.aclose()

    def begin_anew(self) -> None:
        """In a forked child: leave the connections to the parent, and open others for the next call."""
        self._lock = ShortLock()
        if self._pipes:
            forks.keep(self._pipes)
            self._pipes = {}
            from kalbio._core._http import forget  # loaded by the pipes

            self._stranded = self._transport is not None and not forget(self._transport)
