"""R135, R150: errors of the connection name the place and are what the language has for them; a text is one line."""

from __future__ import annotations

import copy
import errno
import logging
import pickle
import socket
import traceback
import unicodedata
from typing import Any

import httpx
import pytest

from kalbio import (
    ConnectionFailedError,
    KalbioError,
    KalbioResponseError,
    NotFoundError,
    OutcomeError,
    OutcomeUnknownError,
    RequestTimeoutError,
)
from kalbio._core.http.connect_errors import explain
from kalbio._core.text.display import one_line
from kalbio._model.platform import KALEIDOSCOPE
from tests.conftest import World
from tests.core.wire import Wire, answer


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listing(world: World, client: Any) -> Any:
    """Make one call."""
    return world(client.programs.get_programs(use_cache=False))


# -- R135 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_r135_a_refused_port_of_this_machine_says_how_to_start_the_sandbox(world: World, host: str) -> None:
    """Host, port, what the system says, and the command, in one line."""
    port = free_port()
    client = world.connect(url=f"http://{host}:{port}/v1", retries=0)
    with pytest.raises(ConnectionFailedError) as caught:
        listing(world, client)
    assert f"POST /v1/auth/oauth/token at {host}:{port}: " in str(caught.value)
    assert "Connection refused" in str(caught.value)
    assert f"`kalbio sandbox --port {port}` starts a sandbox" in str(caught.value)
    assert (caught.value.host, caught.value.port) == (host, port)


def test_r135_a_refused_proxy_is_named_without_its_password(world: World) -> None:
    """It is the proxy that does not listen, so no sandbox would help."""
    port = free_port()
    client = world.connect(
        url="http://127.0.0.1:8000", proxy=f"http://me:sandbox-secret-pw@127.0.0.1:{port}", retries=0
    )
    with pytest.raises(ConnectionFailedError) as caught:
        listing(world, client)
    assert "at 127.0.0.1:8000: " in str(caught.value)
    assert f"(by the proxy 127.0.0.1:{port} (proxy))" in str(caught.value)
    assert "kalbio sandbox" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://api.invalid", "api.invalid:443"),
        ("http://127.0.0.1", "127.0.0.1:80"),
        ("https://[::1]:8443/v1", "[::1]:8443"),
    ],
)
def test_r135_errors_of_the_connection_name_host_and_port(world: World, url: str, place: str) -> None:
    """Also where the port is that of the scheme; a time limit that passed names them, too."""
    for failure, kind in (
        (httpx.ConnectError("no"), ConnectionFailedError),
        (httpx.ReadTimeout(""), RequestTimeoutError),
    ):
        client = world.connect(url=url, transport=Wire(failure), retries=0)
        with pytest.raises(kind, match=r"^GET .*/programs at ") as caught:
            listing(world, client)
        assert f"/programs at {place}: " in str(caught.value)


def test_r135_errors_of_the_connection_are_those_of_the_language(world: World) -> None:
    """`except ConnectionError` and `except TimeoutError` catch them; copies and pickles keep their text."""
    cases = (
        (httpx.ConnectError("no"), ConnectionError, ConnectionFailedError),
        (httpx.ReadTimeout(""), TimeoutError, RequestTimeoutError),
    )
    for failure, builtin, kind in cases:
        client = world.connect(transport=Wire(failure), retries=0)
        with pytest.raises(builtin) as caught:
            listing(world, client)
        error = caught.value
        assert type(error) is kind
        for twin in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
            assert (str(twin), twin.args, vars(twin)) == (str(error), error.args, vars(error))
            assert str(twin).startswith("GET /programs at sandbox.invalid:80: ")


def test_r135_an_unknown_outcome_is_no_connection_error(world: World) -> None:
    """Who repeats on the errors of the language must not write twice."""
    for failure in (httpx.ReadError("gone"), httpx.ReadTimeout("late"), httpx.RemoteProtocolError("cut")):
        client = world.connect(transport=Wire(failure), retries=0)
        with pytest.raises(OutcomeUnknownError) as caught:
            world(client.call({"method": "POST", "url": "/programs", "json": {}}))
        assert not isinstance(caught.value, OSError)


def test_r135_what_the_system_reports_is_found_in_any_wrapping() -> None:
    """The libraries wrap it, in groups too where a host has several addresses, and name it or not."""
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    unreachable = OSError(errno.ENETUNREACH, "Network is unreachable")
    group = ExceptionGroup("several", [unreachable, ConnectionError("no number"), refused])
    outer = OSError("All connection attempts failed")
    outer.__cause__ = group
    top = httpx.ConnectError("All connection attempts failed")
    top.__cause__ = outer
    assert explain(top, str(top), "localhost", 9, no_server=KALEIDOSCOPE.no_server) == (
        "All connection attempts failed: Connection refused. Nothing listens there; "
        "`kalbio sandbox --port 9` starts a sandbox"
    )
    assert explain(top, str(top), "api.invalid", 443) == "All connection attempts failed: Connection refused"
    nameless = socket.gaierror(-2, "Name or service not known")
    assert "a sandbox has an address" in explain(nameless, str(nameless), "auth.sandbox.invalid", 443)
    assert explain(nameless, str(nameless), "api.example.org", 443) == str(nameless)
    loop = ValueError("a circle")
    loop.__cause__ = loop
    assert explain(loop, "a circle", "localhost", 9) == "a circle"


# -- R150 -------------------------------------------------------------------------------------------------------------

EVIL = "a\nb\r\x1b[31mred\x07\x00\x85\u2028\u2029\u202eesrever\u2066\u200f\ud83d\tz"


def harmless(text: str) -> bool:
    """Whether a text is one line that neither moves the cursor nor turns the direction of writing."""
    return len(text.splitlines()) == 1 and not any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in "\u202e\u2066\u200f"
        for character in text
    )


def test_r150_what_a_server_says_stays_on_one_line_of_an_error(world: World) -> None:
    """Error bodies, unusable answers and lost answers, in text and traceback; the attributes have what came."""
    body = {"message": EVIL, "code": "c"}
    steps = (
        (answer(404, body), "GET", NotFoundError),
        (answer(404, EVIL.encode("utf-8", "replace")), "GET", NotFoundError),
        (answer(200, EVIL.encode("utf-8", "replace")), "GET", KalbioResponseError),
        (httpx.ReadError(EVIL), "GET", ConnectionFailedError),
        (httpx.ReadError(EVIL), "POST", OutcomeUnknownError),
        (answer(500, EVIL.encode("utf-8", "replace")), "POST", OutcomeUnknownError),
    )
    for step, method, kind in steps:
        client = world.connect(transport=Wire(step), retries=0)
        with pytest.raises(kind) as caught:
            world(
                client.call({"method": method, "url": "/a%0Ab%E2%80%AE", **({"json": {}} if method == "POST" else {})})
            ).json()
        assert harmless(str(caught.value)), str(caught.value)
        assert "\\n" in str(caught.value)
        (last,) = traceback.format_exception_only(caught.value)
        assert harmless(last.rstrip("\n"))
    client = world.connect(transport=Wire(answer(404, body)), retries=0)
    with pytest.raises(NotFoundError) as told_of:
        listing(world, client)
    assert told_of.value.message == EVIL


def test_r150_one_failure_is_one_line_of_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Under the older error policy, and the lines about tries at all levels."""
    caplog.set_level(logging.DEBUG, "kalbio")
    body = EVIL.encode("utf-8", "replace")
    client = world.connect(transport=Wire(503, answer(400, body)), on_error="log", retries=1)
    assert listing(world, client) == []
    with pytest.raises(NotFoundError):
        world(world.connect(transport=Wire(503, 404)).call({"method": "GET", "url": "/a%0Ab"}))
    ours = [record.getMessage() for record in caplog.records if record.name == "kalbio"]
    assert [text for text in ours if not harmless(text)] == []
    assert len([text for text in ours if "failed with status 400" in text]) == 1


@pytest.mark.parametrize(
    "kind",
    [KalbioError, lambda text: OutcomeError(text, None), lambda text: OutcomeUnknownError("GET", text, text, None)],
)
def test_r150_every_error_of_the_package_shows_as_one_line(kind: Any) -> None:
    """Whatever text it is made of; what can be read is left as it is."""
    assert harmless(str(kind(EVIL)))
    assert "Ωμέγα 😀 café \\n" in str(kind("Ωμέγα 😀 café \\n"))


def test_r150_control_characters_are_shown_as_escapes() -> None:
    """As Python writes them."""
    assert one_line("a\nb\x1b\u2028\u202e\ud83d é\U0001f600") == "a\\nb\\x1b\\u2028\\u202e\\ud83d é\U0001f600"
