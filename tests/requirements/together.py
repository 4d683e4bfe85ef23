"""Calls that run at the same time, in threads or in tasks, and a transport that holds one of them up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from kalbio.testing import SandboxTransport
from tests.conftest import World


def together(world: World, *calls: Callable[[], Any]) -> list[Any]:
    """Make several calls at once: threads in the sync world, tasks in the async one."""
    if world.kind == "sync":
        with ThreadPoolExecutor(len(calls)) as pool:
            return [waiting.result() for waiting in [pool.submit(call) for call in calls]]

    async def gather() -> list[Any]:
        return await asyncio.gather(*(call() for call in calls))

    results: list[Any] = world(gather())
    return results


class Gate(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Carries out the calls of one operation at once, but holds their answers back until the gate is opened."""

    def __init__(self, inner: SandboxTransport, operation: str) -> None:
        self._inner = inner
        self._operation = operation
        self.reached = threading.Event()
        self.opened = threading.Event()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        if request.extensions.get("operation") == self._operation and not self.reached.is_set():
            self.reached.set()
            assert self.opened.wait(10)
        return response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if request.extensions.get("operation") == self._operation and not self.reached.is_set():
            self.reached.set()
            assert await asyncio.to_thread(self.opened.wait, 10)
        return response

    def during(self, world: World, read: Callable[[], Any], write: Callable[[], Any]) -> Any:
        """Return what a read gives whose answer was made before a write and arrives after it."""
        if world.kind == "sync":

            def then() -> None:
                assert self.reached.wait(10)
                write()
                self.opened.set()

            return together(world, read, then)[0]

        async def then_async() -> None:
            assert await asyncio.to_thread(self.reached.wait, 10)
            await write()
            self.opened.set()

        return together(world, read, then_async)[0]
