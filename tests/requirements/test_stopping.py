"""R127, R129, R143: what waits ends when it should: on Ctrl-C, in time, and after the main thread."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kalbio import WaitTimeoutError
from kalbio._core.sync.concurrency import THREAD_NAME
from kalbio.sandbox import Fault, Faults, Sandbox
from kalbio.sandbox.server import serve
from tests.conftest import Lab, World


@pytest.fixture
def pauses(world: World, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let time pass in the pauses between two looks alone, and keep how long these are."""
    kept: list[float] = []

    def pause(seconds: float) -> None:
        kept.append(seconds)

    async def pause_in_task(seconds: float) -> None:
        pause(seconds)

    for kind, instead in (("sync", pause), ("aio", pause_in_task)):
        monkeypatch.setattr(f"kalbio._core.{kind}.waiting.sleep", instead)
        monkeypatch.setattr(f"kalbio._core.{kind}.waiting.time", SimpleNamespace(monotonic=lambda: sum(kept)))
    return kept


def waits(lab: Lab, world: World) -> list[Callable[..., Any]]:
    """Return each call that waits for something that does not end."""
    import_id = world(lab.api.imports.push_data(["Compound"], [{"Compound": "CPD-1"}]))
    run = world(
        lab.api.activities.create_activity("Run", "experiment", activity_definition_id="Assay results registration")
    )
    upload = next(item for item in run.properties if item.field_type == "file")
    file_id = world(upload.update_property_file("a.csv", b"a", "text/csv"))["file_id"]
    world(lab.api.registration.register_file(run, file_id))
    return [
        lambda **times: lab.api.imports.wait(import_id, **times),
        lambda **times: lab.api.registration.wait(run, file_id=file_id, **times),
    ]


@pytest.mark.parametrize(
    ("interval", "timeout", "expected"),
    [(2, 3, [2, 1]), (1, 3, [1, 1, 1]), (10, 3, [3]), (1, 0, []), (2, 0.5, [0.5])],
)
def test_r129_a_wait_lasts_as_long_as_it_may(
    world: World, pauses: list[float], interval: float, timeout: float, expected: list[float]
) -> None:
    """A wait uses its time up, whatever the interval, and looks a last time at the end of it."""
    lab = Lab(world, sandbox=Sandbox(import_polls=1000))
    for wait in waits(lab, world):
        pauses.clear()
        before = len(lab.exchanges)
        with pytest.raises(WaitTimeoutError, match=f"has not ended after {timeout:g} s"):
            world(wait(interval=interval, timeout=timeout))
        assert pauses == expected
        assert len(lab.exchanges) - before == len(expected) + 1
    lab.close()


def test_r129_what_ends_in_the_last_moment_has_ended(world: World, pauses: list[float]) -> None:
    """An import that ends between the last whole interval and the end of the wait is returned, not given up."""
    lab = Lab(world, sandbox=Sandbox(import_polls=2))
    import_id = world(lab.api.imports.push_data(["Compound"], [{"Compound": "CPD-1"}]))
    record = world(lab.api.imports.wait(import_id, interval=2, timeout=3))
    assert (record.import_status, pauses) == ("completed", [2, 1])
    lab.close()


PATIENCE = 15.0


def ctrl_c(thread: int) -> None:
    """Press it, heard by this thread."""
    signal.pthread_kill(thread, signal.SIGINT)


def stopped(
    world: World, call: Callable[[], Any], when: Callable[[], bool], press_key: Callable[[int], object] | None = None
) -> tuple[BaseException, float]:
    """Make a call, and press Ctrl-C (or cancel the task) as soon as something is so; return what it ends with.

    Also returns how many seconds after that it ended. Another way to press it gets the id of the main thread.
    """
    pressed: list[float] = []
    if world.kind == "sync":
        main = threading.get_ident()

        def press() -> None:
            limit = time.monotonic() + PATIENCE
            while not when() and time.monotonic() < limit:
                time.sleep(0.005)
            pressed.append(time.monotonic())
            (press_key or ctrl_c)(main)

        thread = threading.Thread(target=press)
        thread.start()
        with pytest.raises(KeyboardInterrupt) as caught:
            call()
        ended = time.monotonic()
        thread.join()
        return caught.value, ended - pressed[0]

    async def run() -> tuple[BaseException, float]:
        task = asyncio.ensure_future(call())
        limit = time.monotonic() + PATIENCE
        while not when() and time.monotonic() < limit:  # noqa: ASYNC110  # the other world waits for it too
            await asyncio.sleep(0.005)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return caught.value, time.monotonic() - started

    found: tuple[BaseException, float] = world(run())
    return found


def working() -> list[threading.Thread]:
    """The threads that still work for a bulk call a moment after its end."""
    threads = [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]
    for thread in threads:
        thread.join(1)
    return [thread for thread in threads if thread.is_alive()]


@pytest.fixture
def refusing(world: World) -> Iterator[Lab]:
    """A sandbox that makes ten records, and then asks to wait for 20 s with each further one."""
    made = Lab(world, Sandbox(faults=Faults()))
    world(made.api.programs.get_programs())
    sent, lock = itertools.count(1), threading.Lock()
    meet = made.sandbox.handle_with_faults

    def refuse(request: Any) -> Any:
        with lock:
            answer = meet(request)
            if request.target.endswith("/records") and next(sent) == 10:
                made.sandbox.faults.add(Fault("getOrCreateRecord", status=503, retry_after=20, times=None))
        return answer

    made.sandbox.handle_with_faults = refuse  # type: ignore[method-assign]
    yield made
    made.close()


ROWS = [{"Compound": f"STOP-{number}"} for number in range(40)]


def refused(lab: Lab, count: int = 8) -> Callable[[], bool]:
    """Whether so many calls have been asked to wait."""
    return lambda: sum(exchange.status == 503 for exchange in list(lab.exchanges)) >= count


def test_r127_ctrl_c_ends_a_bulk_call_that_was_asked_to_wait(world: World, refusing: Lab) -> None:
    """Ctrl-C while all rows under way wait for Retry-After: the call ends at once, and nothing is sent after it."""
    end, seconds = stopped(world, lambda: refusing.api.records.get_or_create_records(ROWS), refused(refusing))
    sent = len(refusing.exchanges)
    assert seconds < 1
    assert working() == []
    refusing.sandbox.faults.clear()
    world(refusing.api.records.search_records())
    assert [exchange.operation for exchange in refusing.exchanges[sent:]] == ["searchRecords"]
    assert isinstance(end, KeyboardInterrupt | asyncio.CancelledError)


@pytest.mark.parametrize("world", ["sync"], indirect=True)
def test_r127_ctrl_c_is_heard_when_it_wakes_nobody(world: World, refusing: Lab) -> None:
    """A signal that came just before the main thread fell asleep, which does not wake it, is heard at once as well."""
    call = lambda: refusing.api.records.get_or_create_records(ROWS)  # noqa: E731
    at_work: list[str] = []

    def press(_: int) -> None:
        at_work.extend(thread.name for thread in threading.enumerate() if thread.name == THREAD_NAME)
        _thread.interrupt_main()

    _, seconds = stopped(world, call, refused(refusing), press)
    assert seconds < 1
    assert len(at_work) == 8  # so that `working` looks for the right ones
    assert working() == []


def test_r127_the_outcomes_so_far_are_on_the_exception(world: World, refusing: Lab) -> None:
    """What became of each row is the outcome of the exception: done, unknown where it was under way, or skipped."""
    end, _ = stopped(world, lambda: refusing.api.records.get_or_create_records(ROWS), refused(refusing))
    outcome: Any = end.outcome  # type: ignore[attr-defined]
    assert len(outcome) == 40
    assert [len(rows) for rows in (outcome.done, outcome.unknown, outcome.skipped)] == [10, 8, 22]
    assert all(item.id is not None for item in outcome.done)
    assert "may or may not have been written" in str(outcome.unknown[0].error)
    assert end.__notes__[0].startswith("The load was interrupted: 40 rows: 10 done, 8 unknown, 22 skipped.")


def test_r127_the_outcomes_so_far_are_in_the_journal(world: World, refusing: Lab, tmp_path: Path) -> None:
    """A load that was interrupted goes on with its journal: what was done before is not sent again."""
    path = tmp_path / "load.db"
    stopped(world, lambda: refusing.api.records.get_or_create_records(ROWS, journal=path), refused(refusing))
    refusing.sandbox.faults.clear()
    result = world(refusing.api.records.get_or_create_records(ROWS, journal=path))
    assert (len(result.done), sum(item.earlier for item in result)) == (40, 10)


def test_r127_ctrl_c_ends_a_stream(world: World, refusing: Lab) -> None:
    """The exception that ends an iterator has the outcomes of the batch under way, by their true numbers."""
    taken: list[Any] = []

    def rows() -> Iterator[Any]:
        yield from ROWS

    if world.kind == "sync":

        def walk() -> None:
            for outcome in refusing.api.records.iter_get_or_create_records(rows(), batch_size=8):
                taken.append(outcome)
    else:

        async def walk() -> None:  # type: ignore[misc]
            async for outcome in refusing.api.records.iter_get_or_create_records(rows(), batch_size=8):
                taken.append(outcome)

    end, seconds = stopped(world, walk, refused(refusing, 6))
    outcome: Any = end.outcome  # type: ignore[attr-defined]
    assert seconds < 1
    assert [item.index for item in taken] == list(range(8))
    assert [item.index for item in outcome] == list(range(8, 16))
    assert [len(outcome.done), len(outcome.unknown)] == [2, 6]


def test_r127_whatever_ends_a_load_has_the_outcomes(lab: Lab, world: World) -> None:
    """A failure of the caller's own `progress` ends the load too, and has the outcomes so far."""

    def progress(ended: int, rows: int) -> None:
        if ended == 5:
            raise LookupError("the bar is gone")

    with pytest.raises(LookupError) as caught:
        world(lab.api.records.get_or_create_records(ROWS, progress=progress))
    outcome: Any = caught.value.outcome  # type: ignore[attr-defined]
    assert len(outcome) == 40
    assert len(outcome.done) >= 5


class Silent:
    """A server that gives tokens, and says nothing to anything else."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        token = {"access_token": "sandbox-token-access", "refresh_token": "sandbox-token-refresh", "expires_in": 3600}
        body = json.dumps(token).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                if b"/auth/oauth/token" in data:
                    connection.sendall(head + body)
                elif data.startswith((b"GET", b"POST")):
                    self.asked.append(time.monotonic())

    def close(self) -> None:
        self.listener.close()
        for connection in self.open:
            connection.close()


def test_r127_ctrl_c_ends_a_bulk_call_to_a_silent_server(world: World) -> None:
    """Ctrl-C while a server does not answer: the call ends, and nothing is sent after it."""
    server = Silent()
    client = world.connect(url=server.url)
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(1000)]
    _, seconds = stopped(
        world, lambda: client.records.get_records_by_ids(ids, batch_size=100), lambda: len(server.asked) >= 8
    )
    sent = len(server.asked)
    assert seconds < 2
    time.sleep(0.2)  # what would still be sent
    assert len(server.asked) == sent == 8
    server.close()


LATE = """
import asyncio, atexit, sys, threading
import kalbio

moment, url, *names = sys.argv[1:]
over, lock = threading.Event(), threading.Lock()

def rows_of(name):
    return [{"Compound": f"{name}-{number}"} for number in range(30)]

def first(client, begun):
    begun.set()
    over.wait()
    return len(client.programs.get_programs()) > 0

def bulk(client, begun):
    client.programs.get_programs()
    begun.set()
    over.wait()
    return str(client.records.get_or_create_records(rows_of("bulk"))) == "30 rows: 30 done"

def load(client, begun):
    outcomes = client.records.iter_get_or_create_records(rows_of("load"), batch_size=10)
    statuses = [next(outcomes).status]
    begun.set()
    over.wait()
    return statuses + [outcome.status for outcome in outcomes] == ["done"] * 30

def walk(client, begun):
    rows = rows_of("walk")
    client.records.get_or_create_records(rows)
    found = client.records.iter_search(entity_slice_id="Compound", batch_size=5)
    names = [str(next(found))]
    begun.set()
    over.wait()
    names += map(str, found)
    return {row["Compound"] for row in rows} <= set(names)

def wait(client, begun):
    begun.set()
    over.wait()
    job = client.imports.wait(client.imports.push_data(["Compound"], rows_of("wait")), interval=0.01)
    return job.is_complete

def tasks(_, begun):
    begun.set()
    over.wait()

    async def work():
        async with kalbio.AsyncKaleidoscopeClient("sandbox-id", "sandbox-secret", url) as client:
            return str(await client.records.get_or_create_records(rows_of("tasks"))) == "30 rows: 30 done"

    return asyncio.run(work())

def tell(name, begun):
    client = kalbio.KaleidoscopeClient("sandbox-id", "sandbox-secret", url)
    try:
        said = "right" if globals()[name](client, begun) else "wrong"
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
    client.close()
    begun.set()
    with lock:
        print(name, said)

if moment == "atexit":
    over.set()
    for name in reversed(names):
        atexit.register(tell, name, threading.Event())
else:
    threading.Thread(target=lambda: (threading.main_thread().join(), over.set()), daemon=True).start()
    for name in names:
        begun = threading.Event()
        threading.Thread(target=tell, args=(name, begun)).start()
        begun.wait()
"""


@pytest.mark.parametrize(
    ("moment", "names"),
    [
        ("thread", ["first"]),  # alone: it loads what a request needs after the main thread has ended
        ("thread", ["bulk", "load", "walk", "wait", "tasks"]),
        ("atexit", ["first", "bulk", "load", "walk", "wait", "tasks"]),
    ],
    ids=["first in a thread", "thread", "atexit"],
)
def test_r143_a_client_works_after_the_main_thread_has_ended(moment: str, names: list[str]) -> None:
    """A thread that outlives the main thread may call, and so may what runs at exit: first calls, bulk calls, walks."""
    with Sandbox() as sandbox, serve(sandbox) as server:
        url = server.url.replace("127.0.0.1", "localhost")  # a name, which has to be looked up
        command = [sys.executable, "-W", "error", "-c", LATE, moment, url, *names]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert sorted(done.stdout.splitlines()) == sorted(f"{name} right" for name in names)
    assert done.stderr == ""
