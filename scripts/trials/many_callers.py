"""Many callers share one client while its tokens end again and again: one login, one renewal for each end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from typing import Any
from urllib.parse import parse_qs

from kalbio.sandbox import Sandbox
from kalbio.testing import InProcess

LIFETIME = 1  # seconds; a token is renewed after four fifths of it
LIMIT = 120.0
PAUSE = 0.01


def _grants(lab: InProcess) -> Counter[str]:
    logins = (item for item in list(lab.exchanges) if item.operation == "createToken")
    return Counter(parse_qs(item.body.decode())["grant_type"][0] for item in logins)


def _figures(lab: InProcess, callers: int, failures: list[BaseException]) -> dict[str, Any]:
    grants = _grants(lab)
    return {
        "callers": callers,
        "calls": sum(item.operation != "createToken" for item in lab.exchanges),
        "logins": grants["client_credentials"],
        "renewals": grants["refresh_token"],
        "refused": sum((item.status or 0) == 401 for item in lab.exchanges),
        "failures": [repr(error) for error in failures[:3]],
    }


def threads(callers: int, ends: int) -> dict[str, Any]:
    """Let threads call until the token has ended so often."""
    failures: list[BaseException] = []
    enough = threading.Event()
    with InProcess(Sandbox(token_lifetime=LIFETIME), retries=0, use_cache=False) as lab:

        def call() -> None:
            while not enough.is_set():
                try:
                    lab.client.programs.get_programs()
                except BaseException as error:
                    failures.append(error)
                    return
                time.sleep(PAUSE)

        workers = [threading.Thread(target=call) for _ in range(callers)]
        for worker in workers:
            worker.start()
        limit = time.monotonic() + LIMIT
        while _grants(lab)["refresh_token"] < ends and time.monotonic() < limit and not failures:
            time.sleep(0.05)
        enough.set()
        for worker in workers:
            worker.join()
        return _figures(lab, callers, failures)


def tasks(callers: int, ends: int) -> dict[str, Any]:
    """Let tasks call until the token has ended so often."""
    failures: list[BaseException] = []

    async def run(lab: InProcess) -> None:
        enough = asyncio.Event()

        async def call() -> None:
            while not enough.is_set():
                try:
                    await lab.async_client.programs.get_programs()
                except Exception as error:
                    failures.append(error)
                    return
                await asyncio.sleep(PAUSE * callers / 64)

        workers = [asyncio.create_task(call()) for _ in range(callers)]
        limit = time.monotonic() + LIMIT
        while _grants(lab)["refresh_token"] < ends and time.monotonic() < limit and not failures:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        enough.set()
        await asyncio.gather(*workers)
        await lab.async_client.aclose()

    with InProcess(Sandbox(token_lifetime=LIFETIME), retries=0, use_cache=False) as lab:
        asyncio.run(run(lab))
        return _figures(lab, callers, failures)
