"""The connections below the transport: what is sent and read on real sockets, in both worlds."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import trustme

from kalbio._core.concurrency.stopping import enter, new_stop
from kalbio._core.http import pools
from tests.conftest import World
from tests.core.raw import Peer, RawServer, answer, raw_server

LIMITS = {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 5.0}


class Caller:
    """Sends requests through a transport of one world, and reads their answers."""

    def __init__(self, world: World, *, limit: int = 5, keep: float = 30.0, tls: Any = None) -> None:
        self.world = world
        kind: Any = pools.Transport if world.kind == "sync" else pools.AsyncTransport
        self.transport = kind(tls=tls or ssl.create_default_context, limit=limit, keep=keep)
        self.client: Any = (httpx.Client if world.kind == "sync" else httpx.AsyncClient)(
            transport=self.transport, timeout=httpx.Timeout(**LIMITS)
        )

    @property
    def count(self) -> int:
        """How many connections there are."""
        gc.collect()
        return int(self.transport.connections.count)

    def __call__(self, url: str, method: str = "GET", **given: Any) -> httpx.Response:
        response: httpx.Response = self.world(self.client.request(method, url, **given))
        return response

    def stream(self, url: str) -> httpx.Response:
        """Send a request and leave its answer unread."""
        response: httpx.Response = self.world(self.client.send(self.client.build_request("GET", url), stream=True))
        return response

    def give_up(self, held: Any) -> None:
        """Close an answer that was left unread."""
        self.world(held.close() if self.world.kind == "sync" else held.aclose())

    def settle(self) -> None:
        """Let what has arrived be seen: the event loop has to come by."""
        if self.world.kind == "async":
            self.world(asyncio.sleep(0.01))

    def close(self) -> None:
        self.world(self.client.close() if self.world.kind == "sync" else self.client.aclose())


@pytest.fixture
def open_caller(world: World) -> Iterator[Callable[..., Caller]]:
    """Makes callers, closed at the end of the test."""
    made: list[Caller] = []

    def make(**options: Any) -> Caller:
        made.append(Caller(world, **options))
        return made[-1]

    yield make
    for caller in made:
        caller.close()


@pytest.fixture
def caller(open_caller: Callable[..., Caller]) -> Caller:
    """A caller with the usual settings."""
    return open_caller()


def echo(peer: Peer) -> None:
    """Answer each request with its target."""
    while (request := peer.request()) is not None:
        peer.send(answer(request[1].encode()))


def certified() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server on a loopback port, and a client that trusts it, encrypt with."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return context, trusting


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.001)


# -- one answer for one request ---------------------------------------------------------------------------------------


def test_requests_share_a_connection(caller: Caller) -> None:
    """One after the other they need one."""
    with raw_server(echo) as server:
        assert [caller(f"{server.url}/{number}").text for number in range(5)] == [f"/{number}" for number in range(5)]
        assert len(server.peers) == 1
        assert caller.count == 1


def test_what_is_left_over_is_no_answer(caller: Caller) -> None:
    """An answer that comes twice in one packet is the answer to one request, and ends its connection."""

    def twice(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            peer.send(2 * answer(request[1].encode()))

    with raw_server(twice) as server:
        assert [caller(f"{server.url}/{number}").text for number in range(20)] == [f"/{number}" for number in range(20)]
        assert len(server.peers) == 20


def test_what_comes_unasked_is_no_answer(caller: Caller) -> None:
    """A second copy that arrives while the connection is idle ends it, and none is kept to that host for a while."""

    def later(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            peer.send(answer(request[1].encode()))
            go_on.acquire(timeout=5)
            peer.send(answer(request[1].encode()))
            sent.release()

    go_on, sent = threading.Semaphore(0), threading.Semaphore(0)
    with raw_server(later) as server:
        for number in range(4):
            assert caller(f"{server.url}/{number}").text == f"/{number}"
            go_on.release()
            assert sent.acquire(timeout=5)
            caller.settle()
        assert len(server.peers) == 4


@pytest.mark.parametrize("comes", ["a second copy", "the end"])
@pytest.mark.parametrize("secure", [False, True])
def test_what_came_while_nothing_ran_is_noticed(open_caller: Callable[..., Caller], comes: str, secure: bool) -> None:
    """Code that blocks the event loop between two calls keeps it from telling; the connection is not used again."""
    context, trusting = certified()
    caller = open_caller(tls=lambda: trusting)

    def serve(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            peer.send(answer(request[1].encode()))
            go_on.acquire(timeout=5)
            if comes == "the end":
                return ended.release()
            peer.send(answer(request[1].encode()))
            ended.release()

    async def scene(url: str) -> list[str]:
        texts = []
        for number in range(3):
            texts.append((await caller.client.post(f"{url}/{number}")).text)
            go_on.release()
            assert ended.acquire(timeout=5)
            time.sleep(0.02)  # noqa: ASYNC251 - it is what this is about
        return texts

    go_on, ended = threading.Semaphore(0), threading.Semaphore(0)
    with raw_server(serve, context if secure else None) as server:
        if caller.world.kind == "async":
            assert caller.world(scene(server.url)) == ["/0", "/1", "/2"]
        else:
            for number in range(3):
                assert caller(f"{server.url}/{number}", "POST").text == f"/{number}"
                go_on.release()
                assert ended.acquire(timeout=5)
                time.sleep(0.02)
        assert len(server.peers) == 3


def test_a_fresh_connection_can_be_asked_for(caller: Caller) -> None:
    """A request may refuse the idle ones, which are given up then."""
    with raw_server(echo) as server:
        caller(f"{server.url}/1")
        assert caller(f"{server.url}/2", extensions={"fresh_connection": True, "timeout": LIMITS}).text == "/2"
        assert len(server.peers) == 2


def test_a_connection_that_the_server_has_closed_is_not_used(caller: Caller) -> None:
    """The next request opens another one, and nothing fails."""
    closed = threading.Semaphore(0)

    def once(peer: Peer) -> None:
        request = peer.request()
        if request is not None:
            peer.send(answer(request[1].encode()))
            peer.socket.shutdown(socket.SHUT_RDWR)
            closed.release()

    with raw_server(once) as server:
        for number in range(3):
            assert caller(f"{server.url}/{number}").text == f"/{number}"
            assert closed.acquire(timeout=5)
            caller.settle()
        assert len(server.peers) == 3


def test_old_idle_connections_are_not_used(open_caller: Callable[..., Caller]) -> None:
    """They are kept for so long, because what stands between may have forgotten them."""
    caller = open_caller(keep=0.0)
    with raw_server(echo) as server:
        for number in range(3):
            caller(f"{server.url}/{number}")
        assert len(server.peers) == 3


# -- forms of answers -------------------------------------------------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: 1\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (answer(b""), b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (CHUNKED, b"abcdefg"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(b"abc"), b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"abc"), b"abc"),
    ],
    ids=["empty", "204", "chunked", "early hints", "continue"],
)
@pytest.mark.parametrize("cut", [None, 1], ids=["whole", "byte by byte"])
def test_answers_of_all_forms_are_read(caller: Caller, sent: bytes, body: bytes, cut: int | None) -> None:
    """However their bytes arrive, and the connection is used again."""

    def serve(peer: Peer) -> None:
        while peer.request() is not None:
            for place in range(0, len(sent), cut or len(sent)):
                peer.send(sent[place : place + (cut or len(sent))])

    with raw_server(serve) as server:
        for _ in range(2):
            assert caller(server.url).content == body
        assert len(server.peers) == 1


def test_an_answer_to_head_has_no_body(caller: Caller) -> None:
    """Whatever length it states."""

    def serve(peer: Peer) -> None:
        while peer.request() is not None:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")

    with raw_server(serve) as server:
        assert caller(server.url, "HEAD").content == b""
        assert caller(server.url, "HEAD").headers["content-length"] == "100"


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b"", httpx.ReadError),
        (b"HTTP/1.1 200 OK\r\nContent-Le", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", httpx.RemoteProtocolError),
        (CHUNKED[:-8], httpx.RemoteProtocolError),
        (b"SSH-2.0-OpenSSH_9.6\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", httpx.RemoteProtocolError),
    ],
    ids=["nothing", "cut head", "cut body", "cut chunks", "no HTTP", "101", "endless head"],
)
def test_what_is_no_answer_fails(caller: Caller, sent: bytes, kind: type[Exception]) -> None:
    """A broken one is never taken for a whole one, and its connection is given up."""

    def serve(peer: Peer) -> None:
        peer.request()
        peer.send(sent)

    with raw_server(serve) as server, pytest.raises(kind):
        caller(server.url)
    assert caller.count == 0


def test_a_body_may_last_until_the_connection_ends(caller: Caller) -> None:
    """Then the connection is not used again."""

    def serve(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
        peer.send(b"def")

    with raw_server(serve) as server:
        assert caller(server.url).content == b"abcdef"
        assert caller.count == 0


# -- sending ----------------------------------------------------------------------------------------------------------


def test_bodies_of_all_forms_are_sent(caller: Caller) -> None:
    """Text, bytes, and files, with nothing lost or doubled."""
    bodies: list[bytes] = []

    def serve(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            bodies.append(request[2])
            peer.send(answer())

    large = bytes(range(256)) * 4_000
    with raw_server(serve) as server:
        for content in (b"", b"abc", large):
            caller(server.url, "POST", content=content)
        caller(server.url, "POST", files={"file": ("x.bin", large)})
    assert bodies[:3] == [b"", b"abc", large]
    assert large in bodies[3]


@pytest.mark.parametrize("status", ["413 Content Too Large", "401 Unauthorized", "429 Too Many Requests"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_an_early_answer_to_an_upload_is_read(caller: Caller, status: str, reset: bool) -> None:
    """Who is turned away in the middle of an upload is told why, also when the connection breaks."""

    def serve(peer: Peer) -> None:
        peer.socket.recv(1_000)
        peer.send(answer(b"no", status, "Connection: close"))
        time.sleep(0.05)
        if reset:
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with raw_server(serve) as server:
        response = caller(server.url, "POST", content=b"x" * 20_000_000)
    assert (response.status_code, response.content) == (int(status[:3]), b"no")
    assert caller.count == 0


def test_a_short_upload_that_is_turned_away_early_ends_its_connection(caller: Caller) -> None:
    """What was not sent of a body with a long head is never taken out of the next request on that connection."""
    begun, refused = threading.Event(), threading.Event()

    def serve(peer: Peer) -> None:
        assert begun.wait(5)
        peer.send(answer(b"no", "413 Content Too Large"))
        refused.set()
        while data := peer.socket.recv(100_000):
            came.append(data)

    def pieces() -> Iterator[bytes]:
        begun.set()
        assert refused.wait(5)
        yield b"x" * 60_000
        raise AssertionError("the answer was there already")

    async def pieces_of_a_task() -> Any:
        for piece in pieces():
            for _ in range(3):  # the event loop takes in what has come
                await asyncio.sleep(0)
            yield piece

    came: list[bytes] = []
    with raw_server(serve) as server:
        body = pieces() if caller.world.kind == "sync" else pieces_of_a_task()
        headers = {"Content-Length": "60100", "X-Long": "x" * 7_000}
        assert caller(server.url, "POST", content=body, headers=headers).status_code == 413
        assert caller.count == 0
    assert b"".join(came).endswith(b"x" * 60_000)


@pytest.mark.parametrize("whole", [True, False])
def test_an_upload_is_sent_whole_though_all_is_well_early(caller: Caller, whole: bool) -> None:
    """Only a refusal ends an upload; a success that breaks it off is none."""

    def serve(peer: Peer) -> None:
        peer.socket.recv(1_000)
        peer.send(answer(b"yes"))
        go_on.set()
        data = b""
        while whole and (piece := peer.socket.recv(1_000_000)):
            data = data[-4:] + piece
            if data.endswith(b"0\r\n\r\n"):
                arrived.set()
                break
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            yield b"x" * 100_000
            if number == 1:
                assert go_on.wait(5)

    async def pieces_of_a_task() -> Any:
        for piece in pieces():
            yield piece

    go_on, arrived = threading.Event(), threading.Event()
    with raw_server(serve) as server:
        content = pieces() if caller.world.kind == "sync" else pieces_of_a_task()
        if whole:
            assert caller(server.url, "POST", content=content).text == "yes"
            assert arrived.wait(5)
        else:
            with pytest.raises(httpx.WriteError):
                caller(server.url, "POST", content=content)
            assert caller.count == 0


def test_what_of_an_upload_is_left_when_all_is_well_is_sent(caller: Caller) -> None:
    """A call does not end while the rest of its body waits in the event loop, which may be about to end."""
    if caller.world.kind == "sync":
        pytest.skip("a thread gives all to the system at once")

    def serve(peer: Peer) -> None:
        peer.socket.recv(1_000)
        peer.send(answer(b"yes"))
        go_on.set()
        given.wait(0.5)  # the system takes no more meanwhile
        data = b""
        while piece := peer.socket.recv(1_000_000):
            data = data[-4:] + piece
            if data.endswith(b"0\r\n\r\n"):
                arrived.set()
                break

    async def pieces() -> Any:
        yield b"x" * 70_000
        assert go_on.wait(5)
        (connection,) = caller.transport.connections._busy
        while not connection._transport.get_write_buffer_size():
            yield b"x" * 70_000
        asyncio.get_running_loop().call_later(0.05, given.set)

    go_on, given, arrived = threading.Event(), threading.Event(), threading.Event()
    with raw_server(serve) as server:
        assert caller(server.url, "POST", content=pieces()).text == "yes"
        assert arrived.wait(5)


def test_a_request_that_cannot_be_written_is_not_begun(caller: Caller) -> None:
    """The server hears nothing of it, and the connection can be used."""
    with raw_server(echo) as server:
        assert caller(f"{server.url}/1").text == "/1"
        with pytest.raises(httpx.LocalProtocolError):
            caller(server.url, headers={"X-Bad": "a\r\nb: c"})
        assert caller(f"{server.url}/2").text == "/2"


# -- time -------------------------------------------------------------------------------------------------------------


def test_the_deadline_bounds_an_answer_that_drips(caller: Caller) -> None:
    """Each byte comes in time, the whole answer does not."""

    def drip(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(100):
                peer.socket.sendall(b"x")
                time.sleep(0.05)

    with raw_server(drip) as server:
        started = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            caller(server.url, extensions={"deadline": started + 0.3, "timeout": LIMITS})
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("phase", ["read", "pool", "write"])
def test_each_phase_has_its_limit(open_caller: Callable[..., Caller], phase: str) -> None:
    """Reading, waiting for a connection, and writing end in time, with an error of their own."""
    kinds = {"read": httpx.ReadTimeout, "pool": httpx.PoolTimeout, "write": httpx.WriteTimeout}
    caller = open_caller(limit=1)
    done = threading.Event()

    def serve(peer: Peer) -> None:
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        peer.socket.recv(100)
        if phase == "pool":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na")
        done.wait(5)

    with raw_server(serve) as server:
        held = caller.stream(server.url) if phase == "pool" else None
        given = {"content": b"x" * 30_000_000} if phase == "write" else {}
        with pytest.raises(kinds[phase]):
            caller(server.url, "POST", extensions={"timeout": {**LIMITS, phase: 0.2}}, **given)
        done.set()
        if held is not None:
            caller.give_up(held)
    assert caller.count == 0


# -- places -----------------------------------------------------------------------------------------------------------


def test_a_connection_that_is_given_back_serves_who_waits(open_caller: Callable[..., Caller]) -> None:
    """No more connections than allowed, and nobody waits in vain."""
    caller = open_caller(limit=2)

    async def all_at_once(url: str) -> list[str]:
        return [answer.text for answer in await asyncio.gather(*(caller.client.get(f"{url}/{n}") for n in range(40)))]

    with raw_server(echo) as server:
        if caller.world.kind == "async":
            texts = caller.world(all_at_once(server.url))
        else:
            texts = [""] * 40

            def one(number: int) -> None:
                texts[number] = caller(f"{server.url}/{number}").text

            threads = [threading.Thread(target=one, args=(number,)) for number in range(40)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
        assert texts == [f"/{number}" for number in range(40)]
        assert len(server.peers) == 2


def test_an_idle_connection_makes_room_for_another_host(open_caller: Callable[..., Caller]) -> None:
    """The one place that there is is not held for a host that nobody asks."""
    caller = open_caller(limit=1)
    with raw_server(echo) as server, raw_server(echo) as other:
        for each in (server, other, server):
            assert caller(f"{each.url}/x").text == "/x"
    assert caller.count == 1


def test_an_answer_that_nobody_reads_gives_its_place_back(open_caller: Callable[..., Caller]) -> None:
    """When it is closed, or forgotten."""
    caller = open_caller(limit=1)

    def serve(peer: Peer) -> None:
        if peer.request() is not None:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            peer.request()

    with raw_server(serve) as server:
        held = caller.stream(server.url)
        assert caller.count == 1
        caller.give_up(held)
        assert caller.count == 0


def test_a_place_that_is_given_up_as_it_comes_goes_to_the_next(open_caller: Callable[..., Caller]) -> None:
    """Who is cancelled in the moment when its turn has come passes it on."""
    caller = open_caller(limit=1)
    if caller.world.kind == "sync":
        pytest.skip("threads cannot be cancelled")

    def serve(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            peer.send(
                answer(request[1].encode()) if request[1] != "/" else b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
            )

    async def scene(url: str) -> str:
        held = await caller.client.send(caller.client.build_request("GET", url), stream=True)
        first, second = (asyncio.create_task(caller.client.get(f"{url}/{number}")) for number in (1, 2))
        await until(lambda: len(caller.transport.connections._waiting) == 2)
        await held.aclose()
        first.cancel()
        return str((await second).text)

    with raw_server(serve) as server:
        assert caller.world(scene(server.url)) == "/2"


def test_cancelled_calls_leave_no_connection_behind(open_caller: Callable[..., Caller]) -> None:
    """Wherever a task is cancelled: connecting, waiting for a place, sending, reading."""
    caller = open_caller(limit=3)
    if caller.world.kind == "sync":
        pytest.skip("threads cannot be cancelled")

    def slow(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            time.sleep(0.001)
            peer.send(answer(request[1].encode()))

    async def scene(url: str) -> str:
        for turn in range(300):
            tasks = [asyncio.create_task(caller.client.post(url, content=b"x" * 70_000)) for _ in range(5)]
            for _ in range(turn % 12):
                await asyncio.sleep(0)
            await asyncio.sleep(0.0005 * (turn % 5))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert caller.transport.connections.count <= 3
        assert not caller.transport.connections._busy
        answers = await asyncio.gather(*(caller.client.get(f"{url}/{number}") for number in range(9)))
        return " ".join(each.text for each in answers)

    with raw_server(slow) as server:
        assert caller.world(scene(server.url)) == " ".join(f"/{number}" for number in range(9))


def test_a_call_that_is_torn_away_gives_its_place_back(open_caller: Callable[..., Caller]) -> None:
    """Ctrl-C in the middle of a call leaves no place taken."""
    caller = open_caller(limit=1)

    def interrupted() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise KeyboardInterrupt

    async def interrupted_later() -> Any:
        for piece in interrupted():
            yield piece

    def serve(peer: Peer) -> None:
        request = peer.request()
        if request is not None and request[0] == "GET":
            peer.send(answer(request[1].encode()))
        peer.request()

    with raw_server(serve) as server:
        for _ in range(3):
            content = interrupted() if caller.world.kind == "sync" else interrupted_later()
            with pytest.raises(KeyboardInterrupt):
                caller(server.url, "POST", content=content)
            assert caller.count == 0
        assert caller(f"{server.url}/x").text == "/x"


# -- the end ----------------------------------------------------------------------------------------------------------


def test_calls_under_way_end_with_the_connections(caller: Caller) -> None:
    """Whoever closes them from another thread need not wait for the server."""
    begun = threading.Event()

    def silent(peer: Peer) -> None:
        peer.request()
        begun.set()
        peer.request()

    def close() -> None:
        begun.wait(5)
        caller.transport.abort()

    with raw_server(silent) as server:
        thread = threading.Thread(target=close)
        thread.start()
        with pytest.raises(httpx.ReadError):
            caller(server.url)
        thread.join(5)
        with pytest.raises(httpx.ConnectError, match="closed"):
            caller(server.url)


@contextlib.contextmanager
def busy_address() -> Iterator[Any]:
    """An address where connections are neither taken nor refused: the queue is full, and nobody serves it."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()


@pytest.mark.parametrize("phase", ["connecting", "shaking hands"])
def test_calls_that_are_connecting_end_with_the_connections(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    """The next address is not tried either."""
    go_on = threading.Event()
    with raw_server(lambda _: go_on.wait(5)) as server, busy_address() as busy:
        address = busy if phase == "connecting" else ("127.0.0.1", server.port)
        there = (socket.AF_INET, socket.SOCK_STREAM, 6, "", address)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [there, there])
        timer = threading.Timer(0.2, caller.transport.abort)
        timer.start()
        before = time.monotonic()
        with pytest.raises(httpx.ConnectError):
            caller("https://two.invalid")
        assert time.monotonic() - before < 2
        timer.join()
        go_on.set()
    assert caller.count == 0


def ended(server: RawServer) -> bool:
    """Whether all clients have ended their connections."""
    for thread in server._threads:
        thread.join(5)
    return not any(thread.is_alive() for thread in server._threads)


def test_connections_end_with_their_event_loop() -> None:
    """Nobody has to close what was used in `asyncio.run`."""
    transport = pools.AsyncTransport(tls=ssl.create_default_context, limit=5, keep=30)

    async def scene(url: str) -> str:
        client = httpx.AsyncClient(transport=transport)
        return (await client.get(f"{url}/x")).text

    with raw_server(echo) as server:
        assert asyncio.run(scene(server.url)) == "/x"
        assert ended(server)


def test_connections_are_closed_though_their_loop_has_gone() -> None:
    """A loop that was closed without being shut down leaves them to whoever closes the client."""
    transport = pools.AsyncTransport(tls=ssl.create_default_context, limit=5, keep=30)
    loop = asyncio.new_event_loop()

    async def scene(url: str) -> str:
        client = httpx.AsyncClient(transport=transport)
        return (await client.get(f"{url}/x")).text

    with raw_server(echo) as server:
        assert loop.run_until_complete(scene(server.url)) == "/x"
        transport.abort()
        assert ended(server)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


# -- addresses and certificates ---------------------------------------------------------------------------------------


def test_each_address_of_a_host_is_tried(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host of which one address refuses is reached by the other."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refusing = closed.getsockname()[1]
    with raw_server(echo) as server:

        def two(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", number)) for number in (refusing, server.port)
            ]

        monkeypatch.setattr(socket, "getaddrinfo", two)
        assert caller(f"http://two.invalid:{server.port}/x").text == "/x"


@pytest.mark.parametrize("host", ["127.0.0.1", "other.invalid"])
def test_certificates_are_checked(open_caller: Callable[..., Caller], host: str) -> None:
    """One of an unknown authority, or for another host, is refused, and nothing is sent."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    received: list[Any] = []

    def serve(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            received.append(request)
            peer.send(answer(request[1].encode()))

    with raw_server(serve, context) as server:
        with pytest.raises(httpx.ConnectError, match="certificate"):
            open_caller()(server.url)
        caller = open_caller(tls=lambda: trusting)
        if host == "127.0.0.1":
            assert [caller(f"{server.url}/{number}").text for number in range(3)] == ["/0", "/1", "/2"]
            assert caller.count == 1
        else:
            with pytest.raises(httpx.ConnectError, match="certificate"):
                caller(server.url)
            assert received == []


def test_an_answer_that_comes_twice_in_tls_is_the_answer_to_one(open_caller: Callable[..., Caller]) -> None:
    """Bytes that wait inside the encryption are seen too."""
    context, trusting = certified()

    def twice(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            peer.send(answer(request[1].encode()))
            peer.send(answer(request[1].encode()))

    caller = open_caller(tls=lambda: trusting)
    with raw_server(twice, context) as server:
        for number in range(5):
            assert caller(f"{server.url}/{number}").text == f"/{number}"
            caller.settle()


def test_what_is_read_slowly_does_not_pile_up() -> None:
    """A large answer waits at the server while nobody reads it."""
    transport = pools.AsyncTransport(tls=ssl.create_default_context, limit=5, keep=30)
    sent = 0

    def serve(peer: Peer) -> None:
        nonlocal sent
        peer.request()
        peer.socket.settimeout(0.3)
        with contextlib.suppress(OSError):
            peer.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
            while sent < 200_000_000:
                sent += peer.socket.send(b"x" * 65_536)

    async def scene(url: str) -> None:
        async with httpx.AsyncClient(transport=transport) as client, client.stream("GET", url):
            await asyncio.sleep(0.5)

    with raw_server(serve) as server:
        asyncio.run(scene(server.url))
        assert ended(server)
    assert sent < 50_000_000


def test_a_connection_that_was_read_slowly_hears_the_end() -> None:
    """A large answer that was read at leisure leaves its connection listening."""
    transport = pools.AsyncTransport(tls=ssl.create_default_context, limit=5, keep=30)
    go_on = threading.Event()

    def serve(peer: Peer) -> None:
        if peer.request() is not None:
            peer.send(answer(b"x" * 400_000))
            go_on.wait(5)

    async def scene(url: str) -> None:
        async with httpx.AsyncClient(transport=transport) as client:
            async with client.stream("GET", url) as response:
                (connection,) = transport.connections._busy
                await until(lambda: connection._held)
                assert len(await response.aread()) == 400_000
            assert transport.connections.count == 1
            go_on.set()
            await until(lambda: transport.connections.count == 0)

    with raw_server(serve) as server:
        asyncio.run(scene(server.url))


# -- what leads nowhere, and ends from outside ------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "ws://127.0.0.1/x", "http://127.0.0.1:99999/"])
def test_what_no_http_leads_to_is_refused(caller: Caller, url: str) -> None:
    """A redirect may lead anywhere: schemes that are no HTTP, and ports that do not exist."""
    with pytest.raises(httpx.UnsupportedProtocol, match=r"99999|neither http"):
        caller(url)


def test_a_host_that_can_be_no_name_cannot_be_connected_to(caller: Caller) -> None:
    """The name that the resolver refuses is a failure to connect."""
    with pytest.raises(httpx.ConnectError):
        caller(f"http://{'a' * 70}.invalid/")


def test_every_address_that_is_tried_belongs_to_the_bulk_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose first address refuses, as localhost often does, is left at once when the bulk call is stopped."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        refused = nobody.getsockname()
    asked, ended = threading.Event(), threading.Event()

    def silent(peer: Peer) -> None:
        peer.request()
        asked.set()
        peer.request()
        ended.set()

    with raw_server(silent) as server, new_stop() as stop:
        there = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        addresses = [(*there, refused), (*there, ("127.0.0.1", server.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        transport = pools.Transport(tls=ssl.create_default_context, limit=5, keep=30)
        failures: list[BaseException] = []

        def call() -> None:
            try:
                with httpx.Client(transport=transport, timeout=httpx.Timeout(**LIMITS)) as client:
                    client.get("http://localhost")
            except BaseException as failure:
                failures.append(failure)

        thread = threading.Thread(target=enter(contextvars.copy_context(), stop).run, args=(call,))
        thread.start()
        assert asked.wait(5)
        stop.set()
        assert ended.wait(2)
        thread.join(5)
    assert isinstance(failures[0], httpx.ReadError)


def test_shutting_a_connection_down_keeps_its_encryption() -> None:
    """A thread that is about to send when another one closes the client sends nothing in clear text."""
    context, trusting = certified()
    transport = pools.Transport(tls=lambda: trusting, limit=5, keep=30)
    with raw_server(echo, context) as server, httpx.Client(transport=transport) as client:
        assert client.get(f"{server.url}/1").text == "/1"
        (connection,) = transport.connections._idle
        connection.shut_down()
        assert isinstance(connection._socket, ssl.SSLSocket)
        assert connection._socket.version() is not None  # None: what is sent goes out as it is
