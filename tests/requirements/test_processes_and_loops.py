"""Forked processes, several event loops, closed clients, and blocks that are left elsewhere: R121, R126, R147, R148."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

import kalbio
from kalbio import AsyncKaleidoscopeClient, ClientClosedError, JournalError, OutcomeUnknownError
from kalbio._core.aio.cache import AsyncCache
from kalbio._core.aio.concurrency import Event
from kalbio._core.bulk.journal import Journal, Note
from kalbio._core.concurrency import forks
from kalbio._core.concurrency.scoped_settings import value_of
from scripts.trials.echo_server import EchoServer, record_ids, serving
from scripts.trials.forked import Child
from tests.conftest import Lab, World
from tests.core.wire import Pieces, tokens
from tests.requirements.together import Gate, together

LIMIT = 10.0
can_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """What a test leaves open says so in that test."""
    yield
    gc.collect()


@pytest.fixture
def server() -> Iterator[EchoServer]:
    """A real server that gives each record that is asked for."""
    with serving() as made:
        yield made


def connect(world: World, server: EchoServer, **options: Any) -> Any:
    """A client of the server."""
    return world.connect(**{"url": server.url, "retries": 0, **options})


def elsewhere(world: World, call: Callable[[], Any]) -> threading.Thread:
    """Make a call in another thread, in the async world in a loop of its own; its failure is nobody's business."""

    def run() -> None:
        with contextlib.suppress(Exception):
            if world.kind == "sync":
                call()
            else:

                async def wait() -> None:
                    await call()

                asyncio.run(wait())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def anew(world: World, call: Callable[[], Any]) -> Any:
    """Make a call in a child, where the loop of the parent is of no use."""
    if world.kind == "sync":
        return call()

    async def wait() -> Any:
        return await call()

    return asyncio.run(wait())


def read(world: World, client: Any, record_id: str) -> str:
    """Read a record in a child or in another thread; returns its id."""
    return str(anew(world, lambda: client.records.get_record_by_id(record_id)).id)


class Held:
    """Holds back the answers to one path, until it is let go."""

    def __init__(self, server: EchoServer, part: str) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        self._part = part
        server.before = self._before

    def _before(self, path: str) -> None:
        if self._part in path and not self.opened.is_set():
            self.reached.set()
            self.opened.wait(2 * LIMIT)


# -- R121: fork -------------------------------------------------------------------------------------------------------


@can_fork
def test_r121_children_have_connections_of_their_own(world: World, server: EchoServer) -> None:
    """Two children and their parent read at the same time, each over its own connection, and get what they ask for."""
    client = connect(world, server)
    ids = record_ids(90)
    assert world(client.records.get_record_by_id(ids[0])).id == ids[0]
    server.before = lambda path: time.sleep(0.002)

    def wrong(share: list[str]) -> list[str]:
        return [one for one in share if read(world, client, one) != one]

    children = [Child(lambda share=ids[start : start + 30]: wrong(share)) for start in (0, 30)]  # type: ignore[misc]
    assert [one for one in ids[60:] if world(client.records.get_record_by_id(one)).id != one] == []
    assert [child.result(LIMIT) for child in children] == [[], []]
    if world.kind == "sync":  # in the other world each read of a child runs in a loop of its own
        assert server.connections == 3


@can_fork
@pytest.mark.parametrize("part", ["oauth/token", "programs"])
def test_r121_a_child_does_not_wait_for_calls_of_its_parent(world: World, server: EchoServer, part: str) -> None:
    """While a thread of the parent logs in, or fetches a listing, a child does the same for itself."""
    client = connect(world, server)
    held = Held(server, part)
    other = elsewhere(world, client.programs.get_programs)
    assert held.reached.wait(LIMIT)
    child = Child(lambda: len(anew(world, client.programs.get_programs)))
    held_for_child = threading.Timer(0.2, held.opened.set)  # the child asks the same server
    held_for_child.start()
    assert child.result(LIMIT) == 0
    other.join(LIMIT)
    assert not other.is_alive()


def locks_of(*things: Any) -> list[Any]:
    """The locks that things have."""
    kind = type(threading.Lock())
    found = []
    for thing in things:
        names = {
            *getattr(thing, "__dict__", {}),
            *(n for k in type(thing).__mro__ for n in getattr(k, "__slots__", ())),
        }
        found += [value for name in names if isinstance(value := getattr(thing, name, None), kind)]
    return found


@can_fork
def test_r121_no_lock_is_inherited_held(world: World, server: EchoServer) -> None:
    """Whatever lock of the package another thread holds at the moment of the fork, a child reads, writes and closes."""
    client = connect(world, server)
    record_id, another = record_ids(2)
    record = world(client.records.get_record_by_id(record_id))
    world(client.programs.get_programs())
    modules = [module for name, module in sys.modules.copy().items() if name.startswith("kalbio.")]
    pipes = list(client._http_clients._http_clients.values())
    locks = locks_of(*modules, *forks._registered.values(), *pipes, *[pipe._limiter for pipe in pipes])
    assert len(locks) > 10
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with contextlib.ExitStack() as stack:
            for lock in {id(lock): lock for lock in locks}.values():
                stack.enter_context(lock)
            taken.set()
            done.wait(2 * LIMIT)

    def go_on() -> list[str]:
        async def wait() -> list[str]:
            await record.refetch()
            found = await client.records.get_record_by_id(another)
            client.clear_caches()
            await client.programs.get_programs()
            await client.aclose()
            return [record.id, found.id]

        if world.kind == "async":
            return asyncio.run(wait())
        record.refetch()
        found = client.records.get_record_by_id(another)
        client.clear_caches()
        client.programs.get_programs()
        client.close()
        return [record.id, found.id]

    threading.Thread(target=hold, daemon=True).start()
    assert taken.wait(LIMIT)
    try:
        assert Child(go_on).result(LIMIT) == [record_id, another]
    finally:
        done.set()


@can_fork
def test_r121_the_refresh_token_stays_with_the_parent(world: World, server: EchoServer) -> None:
    """A child goes on with the access token; when that has ended it logs in, and the parent renews."""
    client = connect(world, server)
    one, another = record_ids(2)
    world(client.records.get_record_by_id(one))
    assert Child(lambda: read(world, client, another)).result(LIMIT) == another
    assert server.grants == ["client_credentials"]

    client._tokens._renew_at = 0.0
    assert Child(lambda: read(world, client, another)).result(LIMIT) == another
    assert server.grants == ["client_credentials", "client_credentials"]
    world(client.records.get_record_by_id(another))
    assert server.grants == ["client_credentials", "client_credentials", "refresh_token"]


@can_fork
def test_r121_a_child_that_ends_leaves_the_parents_connection_alone(world: World, server: EchoServer) -> None:
    """A child that forgets, collects and closes everything ends nothing that its parent uses."""
    client = connect(world, server)
    one, another = record_ids(2)
    world(client.records.get_record_by_id(one))

    def end() -> int:
        anew(world, client.close if world.kind == "sync" else client.aclose)
        return int(gc.collect() >= 0)

    assert Child(end).result(LIMIT) == 1
    assert world(client.records.get_record_by_id(another)).id == another
    assert server.connections == 1


@can_fork
def test_r121_a_fork_waits_for_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that another thread of the parent was loading for a client can be loaded in the child."""
    (tmp_path / "loaded_slowly.py").write_text("import time\ntime.sleep(0.5)\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    class Owner:
        @forks.cached_property
        def slow(self) -> str:
            return __import__("loaded_slowly").__name__

    began = threading.Event()
    owner = Owner()

    def load() -> None:
        began.set()
        assert owner.slow == "loaded_slowly"

    thread = threading.Thread(target=load)
    thread.start()
    assert began.wait(LIMIT)
    time.sleep(0.1)  # into the import
    assert Child(lambda: Owner().slow).result(LIMIT) == "loaded_slowly"
    thread.join()


@can_fork
def test_r121_a_pool_of_the_users_own_is_refused_in_a_child(world: World, server: EchoServer) -> None:
    """A transport with connections of the parent is not used in a child, unless it knows how to forget them."""
    transport: Any = httpx.HTTPTransport() if world.kind == "sync" else httpx.AsyncHTTPTransport()
    client = connect(world, server, transport=transport)
    one, another = record_ids(2)
    world(client.records.get_record_by_id(one))
    with pytest.raises(RuntimeError, match=r"one was forked from. Make the client in the child"):
        Child(lambda: read(world, client, another)).result(LIMIT)
    transport.forget = lambda: setattr(transport, "_pool", type(transport)()._pool)
    assert Child(lambda: read(world, client, another)).result(LIMIT) == another


JOURNAL_IN_A_CHILD = """
import os, sys
from kalbio import JournalError
from kalbio._core.bulk.journal import Journal, JournalEntry, Note

path = sys.argv[1]
journal = Journal(path, "a load")
journal.note([Note(0, b"0", JournalEntry("done", "made", None))])
written = open(path, "rb").read()
pid = os.fork()
if not pid:
    twice = JournalEntry("done", "twice", None)
    for use in (lambda: journal.note([Note(1, b"1", twice)]), lambda: journal.read({0: b"0"})):
        try:
            use()
        except JournalError as error:
            print(error, flush=True)
    journal.close()
    sys.exit()  # as a program ends, with all finalizers
os.waitpid(pid, 0)
assert open(path, "rb").read() == written, "the child has written the journal of its parent"
journal.note([Note(2, b"2", JournalEntry("sent", None, None))])
os._exit(0)  # as after a kill
"""


@can_fork
def test_r121_a_journal_is_refused_in_a_child(tmp_path: Path) -> None:
    """A child neither uses nor closes the journal of its parent, which goes on and has everything afterwards."""
    path = tmp_path / "load.db"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", JOURNAL_IN_A_CHILD, str(path)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.count(f"The journal {path} is open in the parent process") == 2
    journal = Journal(path, "a load")
    assert sorted(journal.read({0: b"0", 1: b"1", 2: b"2"})) == [0, 2]
    journal.close()


def test_r121_a_journal_that_is_refused_can_be_closed(tmp_path: Path) -> None:
    """Closing the journal of another process does nothing, and says nothing."""
    journal = Journal(tmp_path / "load.db", "a load")
    kept = journal._db
    journal.reset_after_fork()
    journal.close()
    with pytest.raises(JournalError, match="only the process that began a load can continue it"):
        journal.note([Note(0, b"0", None)])
    kept.close()


# -- R126: event loops ------------------------------------------------------------------------------------------------


@pytest.fixture
def client(server: EchoServer) -> Any:
    """An async client of the server."""
    return AsyncKaleidoscopeClient("sandbox-id", "sandbox-secret", server.url, retries=0)


def in_loops(*calls: Callable[[], Any]) -> list[Any]:
    """Make each call in a thread with a loop of its own, and return what came of them; hanging is a failure."""
    results: list[Any] = ["it hangs"] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        try:
            results[place] = asyncio.run(call())
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=given, daemon=True) for given in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    return results


def test_r126_loops_share_a_request_that_is_under_way() -> None:
    """Who waits in one loop for a request of another one is woken up by its answer, and nothing is asked twice."""
    world = World("async")
    lab = Lab(world, retries=0)
    gate = Gate(lab.transport, "listPrograms")
    shared = world.connect(transport=gate)
    entered = threading.Event()

    async def second() -> int:
        await asyncio.to_thread(gate.reached.wait, LIMIT)
        waiting = asyncio.create_task(shared.programs.get_programs())
        await asyncio.sleep(0.05)  # it waits now
        entered.set()
        return len(await waiting)

    async def first() -> int:
        return len(await shared.programs.get_programs())

    def then() -> None:
        assert entered.wait(LIMIT)
        gate.opened.set()

    opening = threading.Thread(target=then)
    opening.start()
    answers = in_loops(first, second)
    opening.join()
    assert answers[0] == answers[1]
    assert isinstance(answers[0], int)
    assert lab.operations() == ["listPrograms"]
    lab.close()
    world.close()


def test_r126_a_loop_that_has_ended_does_not_keep_others_from_waking_up() -> None:
    """An event wakes the waiting of living loops, though one that waits too has died without a word."""
    event = Event()
    dead = asyncio.new_event_loop()
    waiting: Any = dead.create_task(event.wait())
    dead.run_until_complete(asyncio.sleep(0))
    waiting._log_destroy_pending = False  # what is left there is left on purpose
    dead.close()

    async def wait() -> bool:
        asyncio.get_running_loop().call_later(0.05, threading.Thread(target=event.set).start)
        return await event.wait()

    assert in_loops(wait) == [True]
    waiting.get_coro().close()


def test_r126_a_wait_ends_in_time_or_with_the_event() -> None:
    """A wait with a limit says whether it has come, and cancelled ones leave nothing behind."""

    async def run() -> list[Any]:
        event = Event()
        late = await event.wait(0.01)
        cancelled = asyncio.create_task(event.wait())
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        left = list(event._waiting)
        event.set()
        return [late, left, await event.wait(5), await event.wait(), event.is_set()]

    assert asyncio.run(run()) == [False, [], True, True, True]


def test_r126_many_loops_at_once_use_one_client(client: Any, server: EchoServer) -> None:
    """Four loops read listings and records at the same time; each answer is the right one, and none hangs."""
    ids = record_ids(40)

    async def use(share: list[str]) -> bool:
        for record_id in share:
            await client.programs.get_programs(use_cache=False)
            assert (await client.records.get_record_by_id(record_id)).id == record_id
        return True

    assert in_loops(*[lambda place=place: use(ids[place::4]) for place in range(4)]) == [True] * 4
    asyncio.run(client.aclose())


def ended(server: EchoServer) -> bool:
    """Whether all connections end."""
    limit = time.monotonic() + LIMIT
    while server.open_connections and time.monotonic() < limit:
        time.sleep(0.01)
    return not server.open_connections


def test_r126_connections_of_ended_loops_are_closed(client: Any, server: EchoServer) -> None:
    """After fifty runs in a row no connection is open, and the client can be closed in yet another loop."""
    for record_id in record_ids(50):
        asyncio.run(client.records.get_record_by_id(record_id))
    assert ended(server)
    assert server.connections == 50
    asyncio.run(client.aclose())


def test_r126_closing_reaches_loops_that_run_elsewhere(client: Any, server: EchoServer) -> None:
    """`aclose` in one loop ends the calls and the connections of another one."""
    held = Held(server, "records")

    async def call() -> Any:
        return await client.records.get_record_by_id(record_ids(1)[0])

    async def close() -> float:
        await asyncio.to_thread(held.reached.wait, LIMIT)
        began = time.monotonic()
        await client.aclose()
        return time.monotonic() - began

    failure, took = in_loops(call, close)
    held.opened.set()
    assert isinstance(failure, ClientClosedError), failure
    assert took < 2
    assert ended(server)


def test_r126_another_kind_of_loop_is_refused(client: Any) -> None:
    """Under trio a call says at once that asyncio is needed, cached or not, and closing an unused client works."""
    for call in (client.programs.get_programs, lambda: client.records.get_records_by_ids([])):
        with pytest.raises(RuntimeError, match=r"No asyncio event loop is running here.*trio"):
            trio.run(call)
    trio.run(client.aclose)


# -- R147: closed clients ---------------------------------------------------------------------------------------------


def test_r147_a_closed_client_says_so_on_every_call(lab: Lab, world: World) -> None:
    """Cached reads, empty reads, relations, writes, raw calls and iterators raise the one error, and send nothing."""
    api = lab.api
    record = world(api.records.get_record_by_id({"Compound": "SBX-1"}))
    activity = world(api.activities.get_activity_by_id("Kinase screen"))
    program = world(api.programs.get_programs())[0]
    calls: dict[str, Callable[[], Any]] = {
        "listing": api.programs.get_programs,
        "by id": lambda: api.records.get_record_by_id(record.id),
        "by name": lambda: api.activities.get_activity_by_id("Kinase screen"),
        "nothing": lambda: api.records.get_records_by_ids([]),
        "bulk": lambda: api.records.add_values([]),
        "relation": lambda: activity.child_activities,
        "value": lambda: record.add_value("Comment", "late"),
        "update": lambda: api.programs.update_program(program, "late"),
        "refetch": record.refetch,
        "raw": lambda: api.call({"method": "get", "url": "/programs"}),
        "walk": lambda: walk(world, api.records.iter_search(), 1),
    }
    world(calls["relation"]())
    walking = api.records.iter_search()
    first = world(step(world, walking))
    world(api.close() if world.kind == "sync" else api.aclose())
    world(api.close() if world.kind == "sync" else api.aclose())
    before = len(lab.exchanges)

    def closed(call: Callable[[], Any]) -> None:
        with pytest.raises(ClientClosedError, match=r"This client is closed; make another one."):
            world(call())

    for call in calls.values():
        closed(call)
    closed(lambda: step(world, walking))
    assert len(lab.exchanges) == before
    assert first.id
    assert record.id
    assert record.record_values
    assert issubclass(ClientClosedError, RuntimeError)
    assert issubclass(ClientClosedError, kalbio.KalbioError)


def step(world: World, items: Any) -> Any:
    """The next one."""
    return next(items) if world.kind == "sync" else anext(items)


def walk(world: World, items: Any, count: int) -> Any:
    """The first ones."""
    if world.kind == "sync":
        return [next(items) for _ in range(count)]

    async def collect() -> list[Any]:
        return [await anext(items) for _ in range(count)]

    return collect()


def test_r147_the_older_policy_does_not_hide_it(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """With on_error="log" too a closed client raises: no neutral value is made up."""
    lab = Lab(world, on_error="log")
    world(lab.api.programs.get_programs())
    world(lab.api.close() if world.kind == "sync" else lab.api.aclose())
    for call in (lab.api.programs.get_programs, lambda: walk(world, lab.api.records.iter_search(), 1)):
        with pytest.raises(ClientClosedError):
            world(call())
    assert caplog.records == []
    lab.close()


class Waits:
    """Calls of a client that wait for one thing when it is closed."""

    def __init__(self, world: World, server: EchoServer, client: Any, part: str) -> None:
        self.world, self.client = world, client
        self.held = Held(server, part)

    def close_under(self, *calls: Callable[[], Any]) -> tuple[list[Any], float]:
        """Close the client while these calls wait; return what came of them, and how long it took them to end."""
        results: list[Any] = [None] * len(calls)
        closed_at: list[float] = []

        def outcome(place: int, call: Callable[[], Any]) -> Callable[[], Any]:
            def sync() -> None:
                try:
                    results[place] = call()
                except Exception as error:
                    results[place] = error

            async def wait() -> None:
                try:
                    results[place] = await call()
                except Exception as error:
                    results[place] = error

            return sync if self.world.kind == "sync" else wait

        def close() -> None:
            assert self.held.reached.wait(LIMIT)
            time.sleep(0.1)  # the others wait now, too
            closed_at.append(time.monotonic())
            self.client.close()

        async def close_async() -> None:
            assert await asyncio.to_thread(self.held.reached.wait, LIMIT)
            await asyncio.sleep(0.1)
            closed_at.append(time.monotonic())
            await self.client.aclose()

        every = [outcome(place, call) for place, call in enumerate(calls)]
        together(self.world, *every, close if self.world.kind == "sync" else close_async)
        took = time.monotonic() - closed_at[0]
        self.held.opened.set()
        return results, took


@pytest.mark.parametrize("on_error", ["raise", "log"])
@pytest.mark.parametrize("part", ["oauth/token", "/records/"])
def test_r147_calls_under_way_end_when_the_client_is_closed(
    world: World, server: EchoServer, part: str, on_error: str
) -> None:
    """Calls that wait for an answer, a login, a shared read or their turn all end at once, with the same error."""
    client = connect(world, server, max_in_flight=2, on_error=on_error)
    waits = Waits(world, server, client, part)
    ids = record_ids(5)
    results, took = waits.close_under(
        *[lambda one=one: client.records.get_record_by_id(one) for one in ids],
        lambda: client.records.get_record_by_id(ids[0]),
    )
    assert [repr(result) for result in results] == [repr(ClientClosedError())] * 6
    assert took < 2


def test_r147_a_download_under_way_ends_with_it(tmp_path: Path) -> None:
    """A download whose connection breaks because the client is closed says that the client is closed."""

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("token"):
            return tokens(1)
        return httpx.Response(200, stream=Pieces(b"half", httpx.ReadError("closed")))

    world = World("sync")
    client = world.connect(transport=httpx.MockTransport(serve), retries=0)
    with pytest.raises(ClientClosedError):
        client.files.download_file(record_ids(1)[0], "a.txt", tmp_path, progress=lambda *_: client.close())
    assert list(tmp_path.iterdir()) == []


def test_r147_a_pause_before_another_try_ends_too(world: World) -> None:
    """A call that waits for long because the server has asked for it ends when the client is closed."""
    lab = Lab(world)
    lab.fail("listPrograms", status=429, retry_after=20)
    paused = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "next try" in record.getMessage():
                paused.set()

    listener, logger = Listener(), logging.getLogger("kalbio")
    logger.addHandler(listener)
    before = logger.level
    logger.setLevel(logging.INFO)

    def close() -> None:
        assert paused.wait(LIMIT)
        lab.api.close()

    async def close_async() -> None:
        assert await asyncio.to_thread(paused.wait, LIMIT)
        await lab.api.aclose()

    try:
        began = time.monotonic()
        with pytest.raises(ClientClosedError):
            together(world, lab.api.programs.get_programs, close if world.kind == "sync" else close_async)
        assert time.monotonic() - began < 5
    finally:
        logger.removeHandler(listener)
        logger.setLevel(before)
        lab.close()


def test_r147_a_write_under_way_has_an_unknown_outcome(world: World, server: EchoServer) -> None:
    """A write whose answer is lost by closing the client says that it may be in; one that waits says it is not."""
    client = connect(world, server, max_in_flight=1)
    record = world(client.records.get_record_by_id(record_ids(1)[0]))
    field = record_ids(3)[-1]
    waits = Waits(world, server, client, "/values")

    def write() -> Any:
        return record.add_value(field, "1")

    results, took = waits.close_under(write, write)
    assert sorted(type(result).__name__ for result in results) == ["ClientClosedError", "OutcomeUnknownError"]
    assert took < 2
    assert OutcomeUnknownError.__name__ in {type(result).__name__ for result in results}


# -- R148: blocks -----------------------------------------------------------------------------------------------------

BLOCKS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], bool]]] = {
    "timeout": (lambda api: api.timeout(5), lambda api: value_of(api.session, "timeout") is not None),
    "cache_disabled": (lambda api: api.cache_disabled(), lambda api: not api.session.caching()),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_r148_a_block_can_be_left_in_another_context(lab: Lab, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Entered in one context and left in another, a block ends in both; the log says that it held in the first only."""
    make, holds = BLOCKS[name]
    entering, leaving = contextvars.copy_context(), contextvars.copy_context()
    block = make(lab.api)
    entering.run(block.__enter__)
    assert (entering.run(holds, lab.api), leaving.run(holds, lab.api)) == (True, False)
    leaving.run(block.__exit__, None, None, None)
    assert (entering.run(holds, lab.api), leaving.run(holds, lab.api)) == (False, False)
    (said,) = caplog.records
    assert said.levelname == "WARNING"
    assert said.getMessage().startswith(f"{name}() was entered in one context and left in another one")
    assert "Make a client with" in said.getMessage()


@pytest.mark.parametrize("name", BLOCKS)
def test_r148_an_async_fixture_is_left_without_a_failure(lab: Lab, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A generator that yields inside a block, set up and torn down by different tasks, ends as if nothing had been."""
    make, holds = BLOCKS[name]

    async def fixture() -> Any:
        with make(lab.api):
            yield lab.api

    async def run() -> bool:
        items = fixture()
        await asyncio.create_task(anext(items))
        used = holds(lab.api)
        with pytest.raises(StopAsyncIteration):
            await asyncio.create_task(anext(items))
        return used

    assert asyncio.run(run()) is False
    assert len(caplog.records) == 1


@pytest.mark.parametrize("name", BLOCKS)
def test_r148_an_abandoned_generator_takes_its_block_along(lab: Lab, name: str) -> None:
    """A block of a generator that nobody goes on with holds no longer once the loop has closed the generator."""
    make, holds = BLOCKS[name]

    async def items() -> Any:
        with make(lab.api):
            yield 1

    context = contextvars.copy_context()
    with asyncio.Runner() as runner:
        left = items()
        runner.run(anext(left), context=context)
        assert context.run(holds, lab.api)
        runner.run(left.aclose())
        assert not context.run(holds, lab.api)


@pytest.mark.parametrize("name", BLOCKS)
def test_r148_blocks_hold_where_they_stand(lab: Lab, world: World, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A plain generator holds for who iterates it, nested blocks end in any order, and nothing is logged."""
    make, holds = BLOCKS[name]

    def fixture() -> Iterator[Any]:
        with make(lab.api):
            yield lab.api

    for api in fixture():
        assert holds(api)
    outer, inner = make(lab.api), make(lab.api)
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert holds(lab.api)
    inner.__exit__(None, None, None)
    assert not holds(lab.api)
    assert caplog.records == []


def test_r148_the_innermost_limit_counts(world: World) -> None:
    """Requests carry the limit of the innermost block, then of the one around it; other clients none of it."""
    seen: list[Any] = []

    class Watching(httpx.BaseTransport, httpx.AsyncBaseTransport):
        def __init__(self, lab: Lab) -> None:
            self._inner = lab.transport

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request.extensions["timeout"]["read"])
            return self._inner.handle_request(request)

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request.extensions["timeout"]["read"])
            return await self._inner.handle_async_request(request)

    lab = Lab(world)
    api, other = (world.connect(transport=Watching(lab), use_cache=False, timeout=7) for _ in range(2))
    for one in (api, other):
        world(one.programs.get_programs())
    seen.clear()
    with api.timeout(5):
        with api.timeout(3):
            world(api.programs.get_programs())
            world(other.programs.get_programs())
        world(api.programs.get_programs())
    world(api.programs.get_programs())
    assert seen == [3, 7, 5, 7]
    lab.close()


def test_r126_a_cache_is_shared_by_loops_without_a_lost_wake_up() -> None:
    """Two loops that ask for the same things again and again, in the same order, always come to an end."""
    cache: AsyncCache[int, int] = AsyncCache(size=1, ttl=60)

    async def use() -> bool:
        for number in range(300):

            async def load(number: int = number) -> int:
                await asyncio.sleep(0)
                return number

            assert await cache.get(number, load) == number
        return True

    assert in_loops(use, use, use) == [True] * 3
