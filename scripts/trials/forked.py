"""A client that is in use when the process forks: children and parent go on with it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from kalbio import AsyncKaleidoscopeClient, KaleidoscopeClient
from scripts.trials.echo_server import EchoServer, record_ids, serving

R = TypeVar("R")


class Child:
    """A forked process that does one thing."""

    def __init__(self, work: Callable[[], Any]) -> None:
        """Fork. What the work returns has to be JSON."""
        self._reader, writer = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on, when there are threads
            self._pid = os.fork()
        if not self._pid:
            try:
                told = {"result": work()}
            except BaseException:
                told = {"error": traceback.format_exc()}
            with contextlib.suppress(BaseException):
                os.write(writer, json.dumps(told).encode())
            os._exit(0)
        os.close(writer)

    def result(self, timeout: float = 30.0) -> Any:
        """Return what the work has returned. Raises TimeoutError when it hangs, RuntimeError when it failed."""
        try:
            if not select.select([self._reader], [], [], timeout)[0]:
                os.kill(self._pid, signal.SIGKILL)
                raise TimeoutError("the child hangs")
            told = json.loads(os.read(self._reader, 60_000) or b'{"error": "the child said nothing"}')
        finally:
            os.close(self._reader)
            os.waitpid(self._pid, 0)
        if "error" in told:
            raise RuntimeError(told["error"])
        return told["result"]


def _wrong(client: KaleidoscopeClient, ids: list[str]) -> int:
    """How many reads give another record, or none."""
    wrong = 0
    for record_id in ids:
        try:
            found = client.records.get_record_by_id(record_id)
            wrong += found is None or found.id != record_id
        except Exception:
            wrong += 1
    return wrong


def run(children: int, reads: int, patience: float = 30.0) -> dict[str, Any]:
    """Let a sync and an async client read in children while a thread of the parent goes on with the sync one."""
    figures: dict[str, Any] = {"reads": 0, "wrong": 0, "hung": 0}
    with serving(0.001) as server:
        for run_one in (_sync, _async):
            wrong, hung, made = run_one(server, children, reads, patience)
            figures["reads"] += made
            figures["wrong"] += wrong
            figures["hung"] += hung
        figures["connections"] = server.connections
    return figures


def held(figures: dict[str, Any]) -> bool:
    """Whether all children and their parent got what they asked for."""
    return figures["reads"] > 0 and not figures["wrong"] and not figures["hung"]


def _warm_up(client: KaleidoscopeClient) -> None:
    """Let several connections be open and idle."""
    with ThreadPoolExecutor(5) as threads:
        for _ in threads.map(lambda _: client.programs.get_programs(use_cache=False), range(20)):
            pass


def _sync(server: EchoServer, children: int, reads: int, patience: float) -> tuple[int, int, int]:
    ids = record_ids((children + 1) * reads)
    wrong = 0
    with KaleidoscopeClient("trial", "sandbox-secret", server.url, retries=0) as client:
        client.programs.get_programs()
        _warm_up(client)
        shares = [ids[place * reads : (place + 1) * reads] for place in range(children + 1)]

        def go_on() -> None:
            nonlocal wrong
            wrong += _wrong(client, shares[-1])

        thread = threading.Thread(target=go_on)
        thread.start()
        time.sleep(0.01)
        forked = [Child(lambda share=share: _wrong(client, share)) for share in shares[:-1]]  # type: ignore[misc]
        in_children, hung = _collect(forked, patience)
        thread.join()
    return wrong + in_children, hung, reads * (children + 1)


def _async(server: EchoServer, children: int, reads: int, patience: float) -> tuple[int, int, int]:
    ids = record_ids((children + 1) * reads + 1)
    client = AsyncKaleidoscopeClient("trial", "sandbox-secret", server.url, retries=0)

    async def read(share: list[str]) -> int:
        async def is_wrong(record_id: str) -> bool:
            try:
                found = await client.records.get_record_by_id(record_id)
            except Exception:
                return True
            return found is None or found.id != record_id

        return sum(await asyncio.gather(*map(is_wrong, share)))

    with asyncio.Runner() as runner:
        wrong = runner.run(read([ids.pop()]))
        shares = [ids[place * reads : (place + 1) * reads] for place in range(children + 1)]
        forked = [Child(lambda share=share: asyncio.run(read(share))) for share in shares[:-1]]  # type: ignore[misc]
        wrong += runner.run(read(shares[-1]))
        in_children, hung = _collect(forked, patience)
        runner.run(client.aclose())
    return wrong + in_children, hung, reads * (children + 1)


def _collect(forked: list[Child], patience: float) -> tuple[int, int]:
    """Return how many reads were wrong, and how many children hung."""
    wrong, hung = 0, 0
    for child in forked:
        try:
            wrong += child.result(patience)
        except TimeoutError:
            hung += 1
    return wrong, hung
