"""Ctrl-C in bulk calls: each ends at once, nothing is sent after it, its account is true, and the client goes on."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from random import Random
from typing import Any
from unittest.mock import patch

from kalbio import KaleidoscopeClient
from kalbio._core import constants
from kalbio._core.concurrency.stopping import Stop
from kalbio._core.sync.concurrency import THREAD_NAME
from kalbio.sandbox import Fault, Faults, Sandbox
from kalbio.sandbox.server import serve

ON_ITS_WAY = 0.1  # seconds that a request which was sent before the end of a call may take to be seen by the server
LOOK = 0.4  # seconds in which a request that is sent too late is seen
WAITS = [
    Fault("getOrCreateRecord", status=503, retry_after=0.2, rate=0.3),
    Fault("addRecordValue", status=429, retry_after=0.2, rate=0.1),
    Fault("addRecordValue", slow=0.3, rate=0.2),
    Fault("listRecords", slow=0.3, rate=0.5),
]


class _RequestTimes:
    """Keeps when the server was asked for anything."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.moments: list[float] = []
        self._handle = sandbox.handle_with_faults
        sandbox.handle_with_faults = self.handle_with_faults  # type: ignore[method-assign]

    def handle_with_faults(self, request: Any) -> Any:
        self.moments.append(time.monotonic())
        return self._handle(request)


def run(
    count: int, seed: int, *, stops: bool = True, faults: Sequence[Fault] = WAITS, retries: int = 3
) -> dict[str, Any]:
    """Interrupt bulk calls so often, at any moment of them; without `stops` nobody tells their threads to stop."""
    draw = Random(seed)  # noqa: S311  # a trial that can be repeated
    sent_after, slowest, accounts = 0, 0.0, 0
    done: list[str] = []
    skipped: set[str] = set()
    with (
        Sandbox(faults=Faults(seed=seed)) as sandbox,
        serve(sandbox) as server,
        KaleidoscopeClient(
            sandbox.settings.client_id, sandbox.settings.client_secret, server.url, retries=retries
        ) as client,
    ):
        names = [f"BASE-{number}" for number in range(400)]
        records = client.records.get_or_create_records([{"Compound": name} for name in names]).ids
        for fault in faults:
            sandbox.faults.add(fault)
        watch = _RequestTimes(sandbox)
        for number in range(count):
            begun = threading.Event()
            call = _call(client, records, number, draw, begun)
            if (
                number % 8 or not stops
            ):  # else not before the first row is there, so that there is something to account for
                begun.set()
            with nullcontext() if stops else _without_stop():
                end, pressed = _interrupted(call, draw.random(), begun)
            ended = time.monotonic()
            slowest = max(slowest, ended - pressed)
            time.sleep(LOOK)
            sent_after += sum(moment > ended + ON_ITS_WAY for moment in watch.moments)
            watch.moments.clear()
            outcome = getattr(end, "outcome", None)
            if number % 4 == 0 and outcome is not None:
                accounts += 1
                done += [item.id for item in outcome.done]
                skipped |= {f"I-{number}-{item.index}" for item in outcome.skipped}
        sandbox.faults.clear()
        there = {str(record) for record in client.records.iter_search(entity_slice_id="Compound")}
        lost = sum(record is None for record in client.records.get_records_by_ids(done))
        started = time.monotonic()
        good = client.records.get_or_create_records([{"Compound": f"END-{number}"} for number in range(100)]).ok
        limiter = client._http_clients.current()._limiter
        return {
            "interrupts": count,
            "sent after": sent_after,
            "slowest stop, s": round(slowest, 2),
            "accounts": accounts,
            "done by these accounts": len(done),
            "of these not there": lost + len(done) - len(set(done)),
            "skipped by these accounts, and there": len(skipped & there),
            "stuck places": len(limiter._inside) + len(limiter._waiting),
            "stuck threads": _stuck_threads(),
            "a bulk call afterwards": f"{'good' if good else 'FAILED'}, {time.monotonic() - started:.1f} s",
        }


def held(figures: dict[str, Any]) -> bool:
    """Whether everything stopped, in time, and told the truth."""
    wrong = (
        "sent after",
        "of these not there",
        "skipped by these accounts, and there",
        "stuck places",
        "stuck threads",
    )
    return (
        not any(figures[name] for name in wrong)
        and figures["slowest stop, s"] <= 2
        and figures["done by these accounts"] > 0
        and figures["a bulk call afterwards"].startswith("good")
    )


def _stuck_threads() -> int:
    """How many threads of bulk calls have not ended a moment after these."""
    threads = [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]
    for thread in threads:
        thread.join(1)
    return sum(thread.is_alive() for thread in threads)


def _call(
    client: KaleidoscopeClient, records: list[Any], number: int, draw: Random, begun: threading.Event
) -> Callable[[], object]:
    kinds: list[Callable[[], object]] = [
        lambda: client.records.get_or_create_records(
            [{"Compound": f"I-{number}-{row}"} for row in range(1000)], progress=lambda *_: begun.set()
        ),
        lambda: client.records.add_values(
            [{"record": draw.choice(records), "field": "Comment", "content": str(row)} for row in range(3000)]
        ),
        lambda: [client.records.get_records_by_ids(records, use_cache=False, batch_size=10) for _ in range(1000)],
        lambda: [list(client.records.iter_search(entity_slice_id="Compound", batch_size=10)) for _ in range(1000)],
    ]
    return kinds[number % 4]


def _interrupted(call: Callable[[], object], delay: float, begun: threading.Event) -> tuple[BaseException, float]:
    """Make a call that lasts long, press Ctrl-C a while after it has begun, and return what it ended with and when.

    Where the interpreter ignores exceptions, in callbacks of weak references and in `__del__`, it ignores this one too,
    and says so; then it is pressed again, as anybody would.
    """
    main, pressed, over = threading.get_ident(), [0.0], threading.Event()

    def press() -> None:
        begun.wait(60)
        over.wait(delay)
        while not over.is_set():
            ignored.clear()
            pressed[0] = time.monotonic()
            signal.pthread_kill(main, signal.SIGINT)
            while not over.is_set() and not ignored.wait(0.01):
                pass

    ignored = threading.Event()
    usual = sys.unraisablehook

    def note(unraisable: Any) -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            ignored.set()
        else:
            usual(unraisable)

    sys.unraisablehook = note
    thread = threading.Thread(target=press)
    try:
        thread.start()
        call()
    except KeyboardInterrupt as end:
        return end, pressed[0]
    finally:
        over.set()
        thread.join()
        sys.unraisablehook = usual
    raise RuntimeError("the call ended before it was interrupted")


@contextmanager
def _without_stop() -> Iterator[None]:
    """Let the threads of a call not hear that it has ended, and nobody wait for them."""
    with (
        patch.object(Stop, "set", lambda self: None),
        patch.object(Stop, "signal", lambda self: None),
        patch.object(constants, "STOP_PATIENCE", 0),
    ):
        yield
