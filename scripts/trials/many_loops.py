"""One async client in several event loops: at once in several threads, and one after the other."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from pathlib import Path
from typing import Any

from kalbio import AsyncKaleidoscopeClient
from scripts.trials.echo_server import record_ids, serving


def sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except OSError:  # that of the directory itself
            continue
    return count


def settled_sockets() -> int:
    """How many sockets there are when those of earlier work have been closed, also by others."""
    gc.collect()
    found = [sockets()]
    while len(found) < 100 and found[-4:] != found[-1:] * 4:
        time.sleep(0.05)
        found.append(sockets())
    return found[-1]


def held(figures: dict[str, Any]) -> bool:
    """Whether all calls came to a right end, and all connections to theirs."""
    return not figures["hung"] and not figures["failures"] and not figures["sockets left"]


def run(calls: int, loops: int = 3, patience: float = 30.0) -> dict[str, Any]:
    """Make calls from several loops at once, then from 50 loops in a row, and close in another one."""
    failures: list[str] = []
    with serving() as server:
        client = AsyncKaleidoscopeClient("trial", "sandbox-secret", server.url, retries=0)
        before = settled_sockets()

        async def use(share: list[str]) -> None:
            for record_id in share:
                await client.programs.get_programs()  # what many ask for at once is asked for once
                client.programs.clear_caches()
                found = await client.records.get_record_by_id(record_id)
                if found is None or found.id != record_id:
                    failures.append(f"{found} for {record_id}")

        def go(share: list[str]) -> None:
            try:
                asyncio.run(use(share))
            except Exception as error:
                failures.append(repr(error))

        ids = record_ids(calls // 2)
        threads = [threading.Thread(target=go, args=(ids[place::loops],), daemon=True) for place in range(loops)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + patience
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        hung = sum(thread.is_alive() for thread in threads)
        most = 0
        for record_id in ids[:50]:
            go([record_id])
            most = max(most, sockets() - before)
        asyncio.run(client.aclose())
        # Those of the server's side are sockets too: they end when it has noticed.
        for _ in range(100):
            if not server.open_connections:
                break
            time.sleep(0.05)
        return {
            "calls": 2 * len(ids),
            "hung": hung,
            "failures": failures[:3],
            "sockets at most in 50 runs in a row": most,
            "sockets left": sockets() - before,
        }
