"""What comes out of the pipe: usable answers, redirects that keep secrets at home, and nothing untyped."""

from __future__ import annotations

import contextlib
import gzip
import json
import logging
import math
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import hpack
import httpx
import pytest
from kaleidoscope_api.api.programs import list_programs
from kaleidoscope_api.api.records import add_record_value, get_record
from kaleidoscope_api.models import AddRecordValueBody

from kalbio import (
    AuthenticationError,
    ConnectionFailedError,
    KalbioError,
    KalbioResponseError,
    NotFoundError,
    OutcomeUnknownError,
    RetryPolicy,
)
from kalbio._core.http.responses import as_json, as_list, as_object, as_optional_object
from tests.conftest import World
from tests.core.wire import Core, Pieces, Wire, answer
from tests.rows import row

NO_WAIT = RetryPolicy(base=0)
RECORD = "6f1c0d5e-0000-4000-8000-000000000001"


# -- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"<html>log in</html>", b'{"cut": "of', b"plain", b"\xff\xfe", b"[" * 100_000])
def test_a_2xx_answer_that_is_no_json_is_a_response_error(core: Core, body: bytes) -> None:
    """The error names method, path and what came."""
    response = core.call(core.open(Wire(answer(200, body))))
    for read in (as_json, as_object, as_list, as_optional_object, lambda answer: answer.json()):
        with pytest.raises(KalbioResponseError, match="GET /things: the answer is not JSON") as caught:
            read(response)
        assert caught.value.response_body[:5] == body.decode("utf-8", "replace").encode()[:5]


@pytest.mark.parametrize("body", [b"", b"  \r\n"])
def test_an_empty_2xx_answer_is_none_where_that_makes_sense(core: Core, body: bytes) -> None:
    """Where nothing may come it reads as None; where an object or a list must come it is a response error."""
    response = core.call(core.open(Wire(answer(200, body))))
    assert as_json(response) is None
    assert as_optional_object(response) is None
    for read in (as_object, as_list, lambda answer: answer.json()):
        with pytest.raises(KalbioResponseError):
            read(response)


def test_the_wrong_shape_is_harmless_or_a_response_error(core: Core) -> None:
    """A list of one object reads as that object; everything else of the wrong shape is refused."""

    def response(body: Any) -> Any:
        return core.call(core.open(Wire(answer(200, body))))

    assert as_object(response([{"id": 1}])) == {"id": 1}
    assert as_json(response(b'\xef\xbb\xbf{"bom": 1}')) == {"bom": 1}
    for read, body in [(as_object, []), (as_object, [{}, {}]), (as_object, 7), (as_list, {"items": []}), (as_list, 7)]:
        with pytest.raises(KalbioResponseError, match=r"GET /things: the answer should be"):
            read(response(body))


def test_a_compressed_answer_is_read_and_a_broken_one_is_a_lost_answer(core: Core) -> None:
    """What cannot be unpacked counts as lost: asked again for a read, unknown fate for a write."""
    packed = gzip.compress(json.dumps({"n": 1}).encode())
    good = {"content_encoding": "gzip"}

    def broken(request: httpx.Request) -> httpx.Response:
        stream = Pieces(b"no gzip at all")
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=stream)

    wire = Wire(broken, answer(200, packed, **good))
    assert core.call(core.open(wire)).json() == {"n": 1}
    assert len(wire.requests) == 2
    with pytest.raises(OutcomeUnknownError):
        core.call(core.open(Wire(broken)), "POST", json={})


def test_an_answer_that_breaks_off_is_asked_for_again(core: Core) -> None:
    """A read whose body ends too early is repeated, and its connection is given back."""
    broken = Pieces(b'{"a":', httpx.RemoteProtocolError("peer closed connection"))
    wire = Wire(lambda request: httpx.Response(200, stream=broken), answer(200, {"a": 1}))
    assert core.call(core.open(wire)).json() == {"a": 1}
    assert broken.closed


def test_failed_answers_give_their_connection_back(core: Core) -> None:
    """Errors and redirects are read or closed, also where the caller wanted to stream."""
    bodies = [Pieces(b"busy"), Pieces(b"moved"), Pieces(b"not there")]
    wire = Wire(
        lambda request: httpx.Response(503, stream=bodies[0]),
        lambda request: httpx.Response(302, headers={"location": "/b"}, stream=bodies[1]),
        lambda request: httpx.Response(404, stream=bodies[2]),
    )
    with pytest.raises(NotFoundError, match="not there"):
        core.call(core.open(wire), stream=True)
    assert [body.closed for body in bodies] == [True] * 3


def test_json_bodies_go_through_the_strict_encoder(core: Core) -> None:
    """What is no JSON never reaches the wire, whoever built the request."""
    wire = Wire()
    with pytest.raises(ValueError, match=r"^a\[1\] is nan"):
        core.call(core.open(wire), "POST", json={"a": [1, float("nan")]})
    assert wire.requests == wire.logins == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("half \ud800", "not valid Unicode"),
        (math.nan, "JSON cannot carry"),
        (10**5000, "digits"),
        ("x" * 99_999, "long"),
    ],
    ids=["half a character", "nan", "huge number", "long text"],
)
def test_a_query_value_that_cannot_be_sent_is_named(core: Core, value: Any, reason: str) -> None:
    """Half a character, NaN, a number without end and text without end raise ValueError, and nothing is sent."""
    wire = Wire()
    with pytest.raises(ValueError, match=f"^wanted .*{reason}"):
        core.call(core.open(wire), params={"other": "x", "wanted": value})
    assert (wire.requests, wire.logins) == ([], [])


def test_a_request_of_another_maker_may_be_sent_too(core: Core) -> None:
    """A request that the pipe has not built gets a token and typed errors like any other."""
    wire = Wire(503, answer(404))
    with pytest.raises(NotFoundError):
        core.world(core.open(wire).send(httpx.Request("GET", "https://api.invalid/mine")))
    assert wire.bearers == ["Bearer sandbox-token-access-1"] * 2


# -- redirects --------------------------------------------------------------------------------------------------------


def test_a_redirect_on_the_same_host_keeps_the_login(core: Core) -> None:
    """A read follows it with the same headers."""
    wire = Wire(answer(307, location="/moved"), answer(200, [1]))
    response = core.call(core.open(wire, extra_headers={"X-Lab": "7"}), params={"q": "1"})
    assert response.json() == [1]
    assert [seen.path for seen in wire.requests] == ["/things", "/moved"]
    assert wire.bearers == ["Bearer sandbox-token-access-1"] * 2
    assert wire.requests[1].headers["x-lab"] == "7"


@pytest.mark.parametrize(
    "location", ["https://files.invalid/f", "http://api.invalid/f", "https://api.invalid:8443/f", "//files.invalid/f"]
)
def test_nothing_of_ours_goes_to_another_host(core: Core, location: str) -> None:
    """Neither credentials nor cookies nor the user's headers follow a redirect to another host, scheme or port."""
    wire = Wire(answer(302, location=location, set_cookie="session=1"), answer(200, b"file"))
    headers = {"X-Lab": "7", "Authorization": "sandbox-secret-basic"}
    pipe = core.open(wire, extra_headers=headers, fetch_identity=lambda: "sandbox-token-identity")
    assert core.call(pipe).content == b"file"
    sent = {name.lower() for name in wire.requests[1].headers}
    assert sent == {"host", "user-agent", "accept-encoding"}
    assert wire.requests[1].headers["user-agent"] == "core/1"
    assert wire.requests[1].body == b""
    assert wire.requests[1].extensions["timeout"] == wire.requests[0].extensions["timeout"]
    assert len(wire.logins) == 1


def test_a_cookie_goes_with_the_next_requests_until_it_is_taken_back(core: Core) -> None:
    """What a load balancer sets to find its server again is sent to it, over answers that set nothing."""
    wire = Wire(
        answer(200, b"1", set_cookie="node=7; Path=/"),
        answer(200, b"2"),
        answer(200, b"3", set_cookie="node=7; Path=/; Max-Age=0"),
        answer(200, b"4"),
    )
    pipe = core.open(wire)
    assert [core.call(pipe).content for _ in range(4)] == [b"1", b"2", b"3", b"4"]
    assert [seen.headers.get("cookie") for seen in wire.requests] == [None, "node=7", "node=7", None]


def test_another_host_cannot_send_the_credentials_back(core: Core) -> None:
    """Once a read was led away, a redirect back to our host goes without a token."""
    wire = Wire(
        answer(302, location="https://other.invalid/"), answer(302, location="https://api.invalid/secret"), answer(401)
    )
    with pytest.raises(AuthenticationError):
        core.call(core.open(wire))
    assert [seen.url.host for seen in wire.requests] == ["api.invalid", "other.invalid", "api.invalid"]
    assert ["x-token" in seen.headers for seen in wire.requests] == [True, False, False]


LOCATIONS = [
    ("https://api.invalid@files.invalid/f", False),
    ("https://api.invalid:443@files.invalid/f", False),
    ("https://api.invalid.files.invalid/f", False),
    ("https://api.invalid./f", False),
    ("https://files.invalid#@api.invalid/f", False),
    ("https://files.invalid/?@api.invalid/f", False),
    ("///files.invalid/f", None),
    ("https:files.invalid/f", None),
    (r"https://files.invalid\@api.invalid/f", None),
    (r"\\files.invalid\f", None),
    ("https://files.invalid%2f@api.invalid/f", True),
    ("https://user:word@api.invalid/f", True),
    ("https://API.INVALID:443/f", True),
    ("HTTPS://API.INVALID:443/f", None),
    ("//api.invalid/f", True),
    ("../f", True),
    ("?f=1", True),
]


def test_however_a_place_is_written_only_our_host_gets_the_token(core: Core) -> None:
    """What counts is where the request goes: elsewhere nothing of ours goes along, at home the token does."""
    for location, home in LOCATIONS:
        with row(location, home):
            wire = Wire(answer(302, location=location), answer(200, b"file"))
            pipe = core.open(wire, extra_headers={"X-Lab": "7"})
            with contextlib.suppress(KalbioError):  # some of these are no places at all
                core.call(pipe, params={"mine": "only-for-home"})
            assert home is None or len(wire.requests) == 2
            for seen in wire.requests[1:]:
                at_home = (seen.url.scheme, seen.url.host, seen.url.port) == ("https", "api.invalid", None)
                assert home is None or at_home == home
                assert seen.headers.get("x-token") == ("Bearer sandbox-token-access-1" if at_home else None)
                assert ("x-lab" in seen.headers) == at_home
                assert "only-for-home" not in str(seen.url)


def test_a_redirect_loop_ends_with_a_response_error(core: Core) -> None:
    """The server answers, but never with what was asked for; trying again would not help."""
    wire = Wire(*[lambda request: answer(302, location="/things")] * 100)
    with pytest.raises(KalbioResponseError, match="redirects this call in circles"):
        core.call(core.open(wire))
    assert len(wire.requests) == 21
    assert core.clock.pauses == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("stream", [False, True])
def test_a_redirected_write_is_an_error_and_goes_nowhere(core: Core, status: int, stream: bool) -> None:
    """A write is never repeated at another place, nor turned into a read."""
    wire = Wire(answer(status, location="https://api.invalid/elsewhere"))
    with pytest.raises(KalbioResponseError, match="redirects this call elsewhere; check the url"):
        core.call(core.open(wire), "POST", json={}, stream=stream)
    assert len(wire.requests) == 1


def test_a_3xx_answer_without_a_place_to_go_is_an_error(core: Core) -> None:
    """An answer that is neither success nor failure is not taken for an empty success."""
    for status in (300, 302, 304):
        with pytest.raises(KalbioResponseError):
            core.call(core.open(Wire(answer(status))))


def test_a_redirect_to_nonsense_is_a_typed_error(core: Core) -> None:
    """A location that is no URL does not surface as an error of the HTTP library."""
    for location in ("https://[bad", "ftp://files.invalid/f", "https://:99999/"):
        wire = Wire(answer(302, location=location), httpx.UnsupportedProtocol("no such scheme"))
        with pytest.raises((ConnectionFailedError, KalbioResponseError)):
            core.call(core.open(wire))
        assert core.clock.pauses == []


# -- logs of the libraries below ---------------------------------------------------------------------------------------


def test_the_logs_show_no_signed_url(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    """The HTTP library names each URL; one that a download is led to opens the file to everybody who reads it."""
    caplog.set_level(logging.DEBUG)
    signed = (
        "https://user:sandbox-secret-word@files.invalid/f?X-Amz-Signature=sandbox-secret-1&part=2&sig=sandbox-secret-2"
    )
    core.call(core.open(Wire(answer(302, location=signed), answer(200, b"file"))))
    assert (
        "HTTP Request: GET https://[hidden]@files.invalid/f?X-Amz-Signature=[hidden]&part=2&sig=[hidden]" in caplog.text
    )
    assert "sandbox-secret" not in caplog.text


def test_the_logs_of_http2_show_no_headers(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    """The library that packs the headers of HTTP/2 would log each of them at DEBUG, the token among them."""
    caplog.set_level(logging.DEBUG)
    core.call(core.open(Wire()))
    packed = hpack.Encoder().encode([("x-kal-authorization", "Bearer sandbox-token-1")])
    assert hpack.Decoder().decode(packed)
    assert not [record.name for record in caplog.records if record.name.startswith("hpack")]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("headers=[(b'Set-Cookie', b'a=sandbox-secret')]", "headers=[(b'Set-Cookie', [hidden])]"),
        ("headers=[(b'Location', b'https://f.invalid/?sig=sandbox-secret')]", "headers=[(b'Location', b'https://f.invalid/?sig=[hidden]')]"),
        ("headers=[(b'X-Echo', b'Bearer sandbox-token-1')]", "headers=[(b'X-Echo', b'Bearer [hidden]')]"),
        ("connect_tcp.started host='api.invalid' port=80", "connect_tcp.started host='api.invalid' port=80"),
    ],
)  # fmt: skip
def test_the_logs_of_connections_show_no_credentials(
    core: Core, caplog: pytest.LogCaptureFixture, said: str, shown: str
) -> None:
    """The library that holds the connections logs the headers of answers at DEBUG; what is harmless is left alone."""
    caplog.set_level(logging.DEBUG)
    core.open(Wire())
    logging.getLogger("httpcore.http11").debug(said)
    assert caplog.messages == [shown]


# -- raw calls --------------------------------------------------------------------------------------------------------


def raw(world: World, operation: Any, *args: Any, client: Any, **kwargs: Any) -> Any:
    """Call a generated operation in the world's own way."""
    function = operation.sync_detailed if world.kind == "sync" else operation.asyncio_detailed
    return world(function(*args, client=client.raw, **kwargs))


def test_a_raw_call_has_the_manners_of_a_curated_one(world: World) -> None:
    """Login, renewal after a 401, retries and the parsed model."""
    wire = Wire(503, 401, answer(200, {"id": RECORD, "record_identifier": "CPD-1"}))
    client = world.connect(transport=wire, retries=NO_WAIT)
    result = raw(world, get_record, RECORD, client=client)
    assert result.parsed.id == RECORD
    assert [seen.headers["x-kal-authorization"] for seen in wire.requests] == [
        "Bearer sandbox-token-access-1", "Bearer sandbox-token-access-1", "Bearer sandbox-token-access-2",
    ]  # fmt: skip
    assert wire.requests[0].extensions["operation"] == "getRecord"


def test_a_raw_call_raises_typed_errors(world: World) -> None:
    """A refusal and a lost write do not come back as parsed error bodies."""
    with pytest.raises(NotFoundError):
        raw(world, get_record, RECORD, client=world.connect(transport=Wire(404)))
    body = AddRecordValueBody.from_dict({"content": 1, "field_id": RECORD})
    with pytest.raises(OutcomeUnknownError):
        raw(world, add_record_value, RECORD, body=body, client=world.connect(transport=Wire(500)))


@pytest.mark.parametrize("body", [b"<html>log in</html>", b'[{"id":', b"   "])
def test_a_raw_call_with_an_answer_that_is_no_json_raises_a_response_error(world: World, body: bytes) -> None:
    """The generated parser sees the same typed error as the curated methods."""
    client = world.connect(transport=Wire(answer(200, body)))
    with pytest.raises(KalbioResponseError, match="GET /programs"):
        raw(world, list_programs, client=client)


def test_a_curated_call_with_an_answer_that_is_no_json_raises_a_response_error(world: World) -> None:
    """A captive portal's page is not an empty list."""
    client = world.connect(transport=Wire(answer(200, b"<html>log in</html>")))
    with pytest.raises(KalbioResponseError, match="the answer is not JSON"):
        world(client.programs.get_programs())


def test_a_raw_call_in_the_wrong_world_says_which_function_to_take(world: World) -> None:
    """A sync function on an async client, and the other way round, is a TypeError with a hint; nothing is sent."""
    wire = Wire()
    client = world.connect(transport=wire)
    if world.kind == "async":
        with pytest.raises(TypeError, match="async client: await asyncio"):
            list_programs.sync(client=client.raw)
    else:
        call = list_programs.asyncio(client=client.raw)
        with pytest.raises(TypeError, match="sync client: call sync"):
            call.send(None)
    assert wire.requests == []


# -- a real socket ----------------------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """Answers tokens, and tells what connection a call came over."""

    protocol_version = "HTTP/1.1"
    ports: set[int]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        pair = {"access_token": "sandbox-token-sock", "refresh_token": "sandbox-token-sock-2"}
        self._answer(json.dumps({**pair, "expires_in": 99}))

    def do_GET(self) -> None:
        type(self).ports.add(self.client_address[1])
        if self.path == "/programs":
            self._answer("[]")
        else:
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(b'{"cut":')
            self.close_connection = True

    def _answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def origin() -> Iterator[str]:
    """The URL of a server on loopback."""
    Handler.ports = set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_calls_share_a_connection_and_leave_no_token_in_debug_logs(
    world: World, origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Over a real socket: one connection for all calls, and no secret in the logs of any library at DEBUG."""
    caplog.set_level(logging.DEBUG)
    client = world.connect(url=origin, client_secret="sandbox-secret-sock")
    world(client.programs.get_programs(use_cache=False))
    world(client.programs.get_programs(use_cache=False))
    assert len(Handler.ports) == 1
    assert "GET /programs -> 200" in caplog.text
    assert not [mark for mark in ("sandbox-token-", "sandbox-secret") if mark in caplog.text]


def test_a_request_looks_for_no_module(world: World, origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once connected, a request imports nothing, not even in vain: what is missing is searched for anew each time.

    The HTTP library does that for `sniffio` in the async client.
    """
    client = world.connect(url=origin)
    world(client.programs.get_programs(use_cache=False))
    searched: list[str] = []

    class Finder:
        @staticmethod
        def find_spec(name: str, *_: Any) -> None:
            searched.append(name)

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    world(client.programs.get_programs(use_cache=False))
    assert searched == []


def test_a_cut_answer_over_a_real_socket_is_a_typed_error(world: World, origin: str) -> None:
    """A body shorter than its stated length is not taken for an answer."""
    client = world.connect(url=origin, retries=0)
    with pytest.raises(ConnectionFailedError):
        world(client.records.get_record_by_id(RECORD))


# -- requests that are built in the short way -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        {"method": "get", "url": "/things/\u00fc b"},
        {"method": "GET", "url": "/things", "params": {"ids": "a,b c", "limit": "3"}},
        {"method": "POST", "url": "/things", "json": {"a": "\u00fc"}, "headers": {"Content-Type": "application/json"}},
        {"method": "POST", "url": "/things"},
        {"method": "DELETE", "url": "/things", "json": {"a": 1}},
        {"method": "POST", "url": "/things", "content": b"", "extensions": {"timeout": {"read": 1}}},
    ],
    ids=str,
)
def test_a_url_asked_for_again_goes_out_as_at_first(core: Core, arguments: dict[str, Any]) -> None:
    """The second request to a url, which takes less to build, has the same line, headers, body and time limits."""
    pipe = core.open(Wire(200))
    first, again = (pipe.build_request(**arguments) for _ in range(2))

    assert (again.method, again.url, again.content) == (first.method, first.url, first.content)
    assert again.headers.multi_items() == first.headers.multi_items()
    assert again.extensions == first.extensions


def test_what_is_set_on_a_client_of_the_library_counts_for_urls_that_are_known(core: Core) -> None:
    """Headers, cookies and query values of the client, and a host of one's own, reach the second request as well."""
    pipe = core.open(Wire(200))
    pipe.build_request("GET", "/things")
    pipe.headers["X-Lab"] = "B12"
    pipe.headers["Host"] = "other.test"
    pipe.cookies.set("lane", "7")
    pipe.params = {"tenant": "t"}
    again = pipe.build_request("GET", "/things")

    assert (again.headers["X-Lab"], again.headers["Cookie"], again.headers["Host"]) == ("B12", "lane=7", "other.test")
    assert again.headers.get_list("Host") == ["other.test"]
    assert again.url.params["tenant"] == "t"
