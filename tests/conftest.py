"""Fixtures shared by the tests: every behaviour of the client is tested in both worlds, sync and async."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import hypothesis  # noqa: F401  # before `_kept`: it looks for those who refer to what others registered
import pytest

from kalbio.sandbox import Sandbox
from kalbio.testing import InProcess

pytest_plugins = ["tests.leaks", "tests.neighbours"]

WORLDS = ["sync", "async"]


def pytest_configure() -> None:
    """Let Ctrl-C be heard where a shell started the tests in the background: it is ignored there, and by children."""
    gc.disable()  # until all tests are collected: nothing of them is ever garbage
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Let `-n auto` be one more than there are cores: tests spend much of their time waiting, for each other too."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names of cases that are others in each process: the processes of one run must agree on them."""
    unstable = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if unstable:
        raise pytest.UsageError(f"give these cases ids without an address: {unstable}")


def pytest_collection_finish() -> None:
    """Let garbage be collected again, less often than usual: most goes without that, and each module begins with it."""
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


def pytest_sessionfinish() -> None:
    """Leave everything as it was."""
    gc.unfreeze()


@pytest.fixture(scope="module", autouse=True)
def _kept() -> None:
    """Leave what is there to stay, all tests and imported modules, out of the garbage collections of these tests."""
    gc.collect()
    gc.freeze()


class World:
    """One world: `world(...)` gives the result of a call, awaiting it where need be, so that one test serves both."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._runner = asyncio.Runner() if kind == "async" else None
        self._clients: list[Any] = []

    def __call__(self, result: Any) -> Any:
        if self._runner is None or not inspect.isawaitable(result):
            return result

        async def wait() -> Any:
            return await result

        # In the context of the test, so that blocks such as cache_disabled() hold inside.
        return self._runner.run(wait(), context=contextvars.copy_context())

    def connect(self, **options: Any) -> Any:
        """Make a client of this world, closed at the end of the test."""
        from kalbio import AsyncKaleidoscopeClient, KaleidoscopeClient

        kind: Any = KaleidoscopeClient if self.kind == "sync" else AsyncKaleidoscopeClient
        defaults = {"client_id": "sandbox-id", "client_secret": "sandbox-secret", "url": "http://sandbox.invalid"}
        client = kind(**{**defaults, **options})
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            self(client.close() if self.kind == "sync" else client.aclose())
        if self._runner is not None:
            self._runner.close()


class Lab(InProcess):
    """A sandbox and the client of one world."""

    def __init__(self, world: World, sandbox: Sandbox | None = None, **options: Any) -> None:
        super().__init__(sandbox, **options)
        self.world = world
        self.api: Any = world.connect(**{**options, "transport": self.transport})


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Mapping[str, Mapping[int, list[str]]]]:
    """What a type checker finds in users' scripts; each runs once, whichever process asks first."""
    from tests.typing.checkers import findings  # most tests do without

    folder = tmp_path_factory.getbasetemp()
    return functools.partial(findings, folder=folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The sync world, then the async one."""
    made = World(request.param)
    yield made
    made.close()


@pytest.fixture
def lab(world: World) -> Iterator[Lab]:
    """A fresh sandbox with the client of the world, without retries so that failures show at once."""
    made = Lab(world, retries=0)
    yield made
    made.close()
