"""What patches the HTTP library works with this client as with any other of the library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from pytest_httpx import HTTPXMock

from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve
from tests.conftest import World
from tests.core.raw import Peer, answer, raw_server
from tests.core.wire import tokens
from tests.recording import recorder

URL = "https://api.invalid"


def programs(world: World, client: Any) -> list[str]:
    """The titles of all programs, asked for anew."""
    return [program.title for program in world(client.programs.get_programs(use_cache=False))]


LISTING = [{"id": "p-1", "title": "From the mock"}]


@pytest.mark.parametrize("below", ["httpcore", "httpx"])
def test_respx_mocks_it(world: World, below: str) -> None:
    """By either of its ways: patched pools, and patched clients."""
    with respx.mock(using=below) as mock:
        mock.post(f"{URL}/auth/oauth/token").mock(tokens(1))
        mock.get(f"{URL}/programs").respond(json=LISTING)
        assert programs(world, world.connect(url=URL)) == ["From the mock"]


def test_respx_lets_through_what_it_is_told_to(world: World) -> None:
    """Requests that it passes on reach the server."""
    with Sandbox() as sandbox, serve(sandbox) as server, respx.mock() as mock:
        mock.route(host="127.0.0.1").pass_through()
        assert programs(world, world.connect(url=server.url))


def test_pytest_httpx_mocks_it(world: World, httpx_mock: HTTPXMock) -> None:
    """Its fixture answers, and sees what was sent."""
    login = tokens(1)
    httpx_mock.add_response(method="POST", url=f"{URL}/auth/oauth/token", json=login.json())
    httpx_mock.add_response(method="GET", url=f"{URL}/programs", json=LISTING)
    assert programs(world, world.connect(url=URL)) == ["From the mock"]
    assert [request.method for request in httpx_mock.get_requests()] == ["POST", "GET"]


def test_vcrpy_records_and_plays(world: World, tmp_path: Path) -> None:
    """What was recorded from a server is played when the server has gone."""

    def use(url: str, mode: str) -> list[str]:
        with recorder(mode, tmp_path).use_cassette("programs.yaml"):
            return programs(world, world.connect(url=url))

    with Sandbox() as sandbox, serve(sandbox) as server:
        recorded, url = use(server.url, "all"), server.url
    assert recorded
    assert use(url, "none") == recorded


def test_a_wrapper_of_the_librarys_transport_sees_all_requests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tracing tools patch it; what they hand on still comes to our connections."""
    seen: list[str] = []
    if world.kind == "sync":
        original: Callable[..., Any] = httpx.HTTPTransport.handle_request

        def traced(self: Any, request: httpx.Request) -> httpx.Response:
            seen.append(request.url.path)
            response: httpx.Response = original(self, request)
            return response

        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", traced)
    else:
        async_original: Callable[..., Any] = httpx.AsyncHTTPTransport.handle_async_request

        async def async_traced(self: Any, request: httpx.Request) -> httpx.Response:
            seen.append(request.url.path)
            response: httpx.Response = await async_original(self, request)
            return response

        monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", async_traced)

    login = tokens(1).content

    def twice(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            peer.send(2 * answer(login if request[0] == "POST" else b'[{"id": "p", "title": "%d"}]' % next(numbers)))

    numbers: Iterator[int] = iter(range(100))
    with raw_server(twice) as server:
        client = world.connect(url=server.url)
        # Two copies of each answer: the library's own pool takes the second one for the next answer.
        assert [programs(world, client) for _ in range(5)] == [[str(number)] for number in range(5)]
    assert seen == ["/auth/oauth/token", *["/programs"] * 5]


@pytest.mark.parametrize("way", ["argument", "HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_is_used(world: World, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by the argument or by the environment; NO_PROXY leaves a host out."""
    targets: list[str] = []

    def proxy(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            targets.append(request[1])
            peer.send(answer(tokens(1).content if request[0] == "POST" else b'[{"id": "p", "title": "by proxy"}]'))

    with raw_server(proxy) as server:
        if way != "argument":
            monkeypatch.setenv(way, server.url)
        client = world.connect(url="http://api.localhost", **({"proxy": server.url} if way == "argument" else {}))
        assert programs(world, client) == ["by proxy"]
        assert targets == ["http://api.localhost/auth/oauth/token", "http://api.localhost/programs"]
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        if way != "argument":
            with Sandbox() as sandbox, serve(sandbox) as direct:
                assert "by proxy" not in programs(world, world.connect(url=direct.url))


def test_the_librarys_transport_takes_its_pool_from_where_ours_is_put(world: World) -> None:
    """A new version of the library that names it otherwise is noticed here."""
    kind: Any = httpx.HTTPTransport if world.kind == "sync" else httpx.AsyncHTTPTransport
    assert "_pool" in vars(kind())
