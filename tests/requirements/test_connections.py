"""What goes wrong on connections, and what becomes of the calls."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
import trustme

from kalbio import (
    AsyncKaleidoscopeClient,
    KalbioAPIError,
    KaleidoscopeClient,
    OutcomeUnknownError,
    SettingError,
    TransportError,
)
from tests.conftest import World
from tests.core.raw import Peer, answer, raw_server
from tests.core.wire import tokens

RECORD = "00000000-0000-4000-8000-{:012d}".format
LOGIN = tokens(1).content


def record_of(target: str) -> bytes:
    """The record that a target asks for."""
    return b'{"id": "%s", "record_values": {}}' % target.rpartition("/")[2].partition("?")[0].encode()


@pytest.mark.parametrize("copies", ["in one packet", "at once"])
def test_r120_an_answer_that_comes_twice_answers_one_request(world: World, copies: str) -> None:
    """What is left over on a connection is never the answer to the next request, of reads and of logins."""

    def serve(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            body = answer(LOGIN if request[0] == "POST" else record_of(request[1]))
            if copies == "in one packet":
                peer.send(2 * body)
            else:
                peer.send(body)
                peer.send(body)

    with raw_server(serve) as server:
        client = world.connect(url=server.url)
        for number in range(50):
            record = world(client.records.get_record_by_id(RECORD(number)))
            assert record.id == RECORD(number)


def test_r125_cancelled_calls_leave_the_client_as_it_was(world: World) -> None:
    """After a thousand calls that were cancelled wherever they were, all connections and turns are free."""
    if world.kind == "sync":
        pytest.skip("threads cannot be cancelled")

    def serve(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            time.sleep(0.0005)
            peer.send(answer(LOGIN if request[0] == "POST" else record_of(request[1])))

    async def call(client: Any, number: int, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await client.records.get_record_by_id(RECORD(number), use_cache=False)
        except TimeoutError:
            pass

    async def scene(client: Any) -> list[str]:
        for turn in range(100):
            await asyncio.gather(*(call(client, number, 0.0003 * (number + turn % 7)) for number in range(10)))
        read = (client.records.get_record_by_id(RECORD(number), use_cache=False) for number in range(30))
        return [record.id for record in await asyncio.gather(*read)]

    with raw_server(serve) as server:
        client = world.connect(url=server.url, max_connections=4, max_in_flight=4, retries=0, timeout=5)
        assert world(scene(client)) == [RECORD(number) for number in range(30)]


@pytest.mark.parametrize("status", [401, 413, 429])
def test_r131_an_upload_that_is_turned_away_early_says_why(world: World, status: int) -> None:
    """The status is reported, though the connection was reset before the file was sent."""

    def serve(peer: Peer) -> None:
        while True:
            peer._received += peer.socket.recv(4096)
            if b"\r\n\r\n" not in peer._received:
                continue
            if b"/file" in peer._received.split(b"\r\n")[0]:
                peer.send(answer(b"{}", f"{status} No", "Connection: close"))
                time.sleep(0.05)
                peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            request = peer.request()
            assert request is not None
            peer.send(answer(LOGIN if "/auth/" in request[1] else record_of(request[1])))

    with raw_server(serve) as server:
        client = world.connect(url=server.url, retries=0)
        with pytest.raises(KalbioAPIError) as raised:
            world(client.records.create_record_value_file(RECORD(1), RECORD(2), "x.bin", b"x" * 10_000_000))
    assert raised.value.status_code == status


@pytest.mark.parametrize(
    "given",
    [{"cookies": {"a": "b\r\nc"}}, {"headers": {"Content-Length": "500"}}, {"headers": {"Content-Length": "1"}},
     {"headers": {"Transfer-Encoding": "gzip"}}],
)  # fmt: skip
def test_r133_what_cannot_be_sent_has_no_unknown_outcome(world: World, given: Any) -> None:
    """A raw call that no rule of HTTP allows is not sent, and the error does not say that it may have been."""
    seen: list[str] = []

    def serve(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            seen.append(request[1])
            peer.send(answer(LOGIN))

    with raw_server(serve) as server:
        client = world.connect(url=server.url, retries=0)
        raw = client.raw.get_httpx_client() if world.kind == "sync" else client.raw.get_async_httpx_client()
        with pytest.raises(TransportError) as raised:
            world(raw.request(method="post", url="/programs", json={"title": "A"}, **given))
    assert not isinstance(raised.value, OutcomeUnknownError)
    assert [target for target in seen if "/auth/" not in target] == []


# -- HTTP/2 -----------------------------------------------------------------------------------------------------------


class Http2Server:
    """Answers so many requests on each connection, then says goodbye, as proxies do, and takes note of each row."""

    def __init__(self, per_connection: int) -> None:
        self.per_connection = per_connection
        self.carried_out: list[str] = []

    def serve(self, peer: Peer) -> None:
        """Speak HTTP/2 on one connection, until its last answer is sent."""
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        peer.socket.sendall(connection.data_to_send())
        targets: dict[int, str] = {}
        answered = 0
        while answered < self.per_connection and (data := peer.socket.recv(65_536)):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    targets[event.stream_id] = dict(event.headers)[b":path"].decode()
                elif isinstance(event, h2.events.StreamEnded) and answered < self.per_connection:
                    target = targets[event.stream_id]
                    self.carried_out.append(target)
                    body = LOGIN if "/auth/" in target else b'{"row": "%s"}' % target.encode()
                    connection.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/json")])
                    connection.send_data(event.stream_id, body, end_stream=True)
                    answered += 1
                    if answered == self.per_connection:
                        connection.close_connection(last_stream_id=event.stream_id)
            peer.send(connection.data_to_send())
        peer.socket.settimeout(1)  # it stays a while, so that what it has sent is not lost by a reset
        with contextlib.suppress(OSError):
            while peer.socket.recv(65_536):
                pass


def test_r130_a_server_that_says_goodbye_loses_and_doubles_nothing() -> None:
    """What it did not take is sent again elsewhere, and each write has its own answer."""
    authority = trustme.CA()
    context, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2"])
    authority.configure_trust(trusting)
    server_of_rows = Http2Server(per_connection=10)

    async def write(client: Any, number: int) -> str:
        request = {"method": "POST", "url": f"/rows/{number}", "json": {}, "extensions": {"idempotent": False}}
        try:
            return str((await client.call(request)).json()["row"])
        except OutcomeUnknownError:
            return "unknown"

    async def scene(url: str) -> list[str]:
        async with AsyncKaleidoscopeClient(
            "sandbox-id", "sandbox-secret", url, verify_ssl=trusting, http2=True, retries=0
        ) as client:
            return await asyncio.gather(*(write(client, number) for number in range(200)))

    with raw_server(server_of_rows.serve, context) as server:
        outcomes = asyncio.run(scene(server.url))
    rows = [target for target in server_of_rows.carried_out if "/rows/" in target]
    assert len(rows) == len(set(rows))
    for number, outcome in enumerate(outcomes):
        assert outcome in (f"/rows/{number}", "unknown")
        assert outcome == "unknown" or outcome in rows
    assert "unknown" not in outcomes
    assert len(server.peers) >= 20


def test_r130_the_sync_client_refuses_http2() -> None:
    """When it is made, and by default neither client speaks it."""
    with pytest.raises(SettingError, match="http2=True works with the async client only"):
        KaleidoscopeClient("sandbox-id", "sandbox-secret", http2=True)
    for kind in (KaleidoscopeClient, AsyncKaleidoscopeClient):
        assert kind("sandbox-id", "sandbox-secret")._settings.http2 is False
