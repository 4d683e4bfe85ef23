"""What the sandbox does not take, and whom it does not let in."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from kalbio import cli
from kalbio._core.emulator.connection import Limits
from kalbio.sandbox import Sandbox
from kalbio.sandbox import server as server_module
from kalbio.sandbox.server import Server, serve
from tests.sandbox.wire import Api, multipart

SMALL = 4096
# what some readers take for this machine and others not
AMBIGUOUS = ["x@localhost", "localhost:80@evil.example", "localhost:1#", "localhost/", "localhost?", "127.1", "a b"]


@pytest.fixture(scope="module")
def small() -> Iterator[httpx.Client]:
    """A client of a sandbox on a port that takes little."""
    with Sandbox(json_limit=SMALL, upload_limit=2 * SMALL) as sandbox, serve(sandbox) as server:
        headers = {"X-Kal-Authorization": f"Bearer {sandbox.issue_token()}"}
        with httpx.Client(base_url=server.url, headers=headers) as client:
            yield client


def in_pieces(body: bytes) -> Iterator[bytes]:
    """A body whose length is not stated."""
    yield from (body[at : at + 512] for at in range(0, len(body), 512))


# -- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [bytes, in_pieces])
def test_a_body_that_is_too_large_is_refused(small: httpx.Client, form: Callable[[bytes], Any]) -> None:
    """413 in the form of the API's errors, whether or not the length was stated; the largest body is taken."""
    fits = json.dumps({"title": "x"}).encode().ljust(SMALL)
    headers = {"content-type": "application/json"}

    good = small.post("/programs", content=form(fits), headers=headers)
    bad = small.post("/programs", content=form(fits + b" "), headers=headers)

    assert good.status_code == 200
    assert (bad.status_code, bad.json()["code"]) == (413, "FST_ERR_CTP_BODY_TOO_LARGE")
    assert bad.json()["statusCode"] == 413
    assert small.get("/programs").status_code == 200


def test_a_body_is_refused_by_its_stated_length_alone(small: httpx.Client) -> None:
    """The answer comes before the body, and the connection ends."""
    with socket.create_connection((small.base_url.host, small.base_url.port or 0), timeout=10) as wire:
        wire.sendall(b"POST /programs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999\r\n\r\n")
        received = b"".join(iter(lambda: wire.recv(65536), b""))

    assert received.startswith(b"HTTP/1.1 413 ")


def test_uploads_have_a_limit_of_their_own(small: httpx.Client) -> None:
    """An upload may be larger than a JSON body, up to its own limit."""
    headers = {"content-type": "multipart/form-data; boundary=XX"}
    path = "/records/00000000-0000-4000-8000-000000000000/values/file"
    body = multipart("a.bin", b"0" * SMALL, {"field_id": "f"})

    assert small.post(path, content=body, headers=headers).status_code == 404
    assert small.post(path, content=body + b"0" * SMALL, headers=headers).status_code == 413


def test_limits_hold_in_process_too() -> None:
    """Without a port the same body is refused; limits that make no sense are a ValueError."""
    with Sandbox(json_limit=SMALL) as sandbox:
        assert Api(sandbox).send("POST", "/programs", b" " * (SMALL + 1), "application/json").status == 413
    for limit in (0, -1, 1_000_000_001):
        with pytest.raises(ValueError, match="json_limit must be"):
            Sandbox(json_limit=limit)


def test_headers_without_end_are_refused(small: httpx.Client) -> None:
    """More than 64 KiB of headers are a 431, and those that do not end are cut off before."""
    assert small.get("/programs", headers={"x-long": "x" * 66_000}).status_code == 431
    with socket.create_connection((small.base_url.host, small.base_url.port or 0), timeout=10) as wire:
        with contextlib.suppress(OSError):  # it may close while we are still sending
            for _ in range(100):
                wire.sendall(b"GET /programs HTTP/1.1\r\nx-long: ".ljust(100_000, b"x"))
        with contextlib.suppress(ConnectionResetError):
            assert wire.recv(65536)[:12] in (b"HTTP/1.1 400", b"")


@pytest.mark.parametrize("depth", [101, 5_000, 100_000])
@pytest.mark.parametrize("brackets", ["[]", ('{"a":', "}")])
def test_deep_nesting_is_refused(api: Api, depth: int, brackets: tuple[str, str]) -> None:
    """More than 100 levels are a 400, in a body as in the query, and nothing is written."""
    record, field = api.record(Compound="A")["id"], api.field("Note")
    deep = brackets[0] * depth + "1" + brackets[1] * depth
    body = f'{{"field_id": "{field}", "content": {deep}}}'.encode()

    answer = api.send("POST", f"/records/{record}/values", body, "application/json")

    assert (answer.status, answer.json()["code"]) == (400, "FST_ERR_CTP_INVALID_JSON_BODY")
    assert api.get("/records/search", entity_field_filters=deep).status == 400
    assert api.read(f"/records/{record}/values") == []


def test_what_is_nested_less_is_kept(api: Api) -> None:
    """A value with 90 levels can be written and read."""
    record, field = api.record(Compound="A")["id"], api.field("Plot", "qualified-number")
    deep = json.loads("[" * 90 + "]" * 90)
    api.value(record, field, deep)

    assert api.read(f"/records/{record}/values")[0]["content"] == deep


def test_a_body_of_many_parts_is_refused(api: Api) -> None:
    """Sixteen parts are looked at, of which the description allows two; more are a 400 at once."""
    part = b'--XX\r\nContent-Disposition: form-data; name="p%d"\r\n\r\n1\r\n'
    body = b"".join(part % number for number in range(17)) + b"--XX--\r\n"

    answer = api.send(
        "POST", f"/records/{api.record(Compound='A')['id']}/values/file", body, "multipart/form-data; boundary=XX"
    )

    assert (answer.status, answer.json()["code"]) == (400, "FST_PARTS_LIMIT")


def test_slow_clients_take_no_threads(small: httpx.Client) -> None:
    """A hundred clients that stop in the middle of a request hold connections, and others are served."""
    small.get("/programs")
    before = threading.active_count()
    address = (small.base_url.host, small.base_url.port or 0)
    wires = [socket.create_connection(address, timeout=10) for _ in range(100)]
    try:
        for wire in wires:
            wire.sendall(b"POST /programs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
        assert small.get("/programs").status_code == 200
        assert threading.active_count() - before <= 1
    finally:
        for wire in wires:
            wire.close()


@contextlib.contextmanager
def served_with(limits: Limits) -> Iterator[tuple[str, int]]:
    """The address of a sandbox with limits of its own."""
    with Sandbox(seed="empty") as sandbox, serve(sandbox, limits=limits) as server:
        yield "127.0.0.1", int(port_of(server))


@pytest.fixture(scope="module")
def hasty() -> Iterator[tuple[str, int]]:
    """The address of a sandbox that waits for a moment only."""
    with served_with(Limits(patience=0.3, grace=0.1)) as address:
        yield address


def answer_on(wire: socket.socket) -> bytes:
    """One answer, of a connection that goes on."""
    received = wire.recv(65536)
    while not received.endswith(b"}"):
        received += wire.recv(65536)
    return received


def all_of(wire: socket.socket) -> bytes:
    """What comes until the connection ends."""
    return b"".join(iter(lambda: wire.recv(65536), b""))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /progr",
        b"GET /programs HTTP/1.1\r\nhost: localhost\r\n",
        b"POST /programs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{",
        b"POST /programs HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
    ],
)
def test_a_request_that_does_not_arrive_ends_its_connection(hasty: tuple[str, int], sent: bytes) -> None:
    """Silence, half a head and half a body are a 408 after a while, each for itself."""
    with socket.create_connection(hasty, timeout=10) as wire:
        wire.sendall(sent)
        received = all_of(wire)

    assert received.startswith(b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n")
    assert json.loads(received.partition(b"\r\n\r\n")[2])["statusCode"] == 408


def test_drops_give_no_more_time(hasty: tuple[str, int]) -> None:
    """A client that sends a byte now and then does not hold a connection for ever."""
    stopped = threading.Event()
    with socket.create_connection(hasty, timeout=10) as wire:
        wire.sendall(b"POST /programs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10000\r\n\r\n")

        def drip() -> None:
            with contextlib.suppress(OSError):
                while not stopped.wait(0.02):
                    wire.sendall(b" ")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            with contextlib.suppress(ConnectionResetError):
                assert all_of(wire)[:12] in (b"HTTP/1.1 408", b"")
        finally:
            stopped.set()
            thread.join()


def test_a_large_request_may_take_longer() -> None:
    """As long as enough of it arrives, a body has the time it needs."""
    body = b'{"title": "x"}'.ljust(10_000)
    limits = Limits(patience=0.3, grace=0.1, step=1000)
    with served_with(limits) as address, socket.create_connection(address, timeout=10) as wire:
        wire.sendall(
            b"POST /programs HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 10000\r\n\r\n"
        )
        for at in range(0, len(body), 1000):
            assert not stopped_within(wire, 0.06)
            wire.sendall(body[at : at + 1000])
        assert all_of(wire).startswith(b"HTTP/1.1 401 ")  # it got as far as the API


def stopped_within(wire: socket.socket, seconds: float) -> bool:
    """Whether the other side says something within this time."""
    return bool(select.select([wire], [], [], seconds)[0])


def test_an_answer_that_is_not_taken_ends_its_connection() -> None:
    """A client that does not read loses the connection, and the server stops without waiting for it."""
    with Sandbox(seed="empty") as sandbox:
        api = Api(sandbox)
        record, field = api.record(Drug="A")["id"], api.field("Spectrum", "file")
        data = bytes(32 * 1024 * 1024)
        file_id = api.upload(f"/records/{record}/values/file", "a", data, {"field_id": field}).json()["resource"]
        path = f"/files/{file_id['content']['file_id']}"
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(serve(sandbox, limits=Limits(patience=0.3)))
            wire = stack.enter_context(socket.create_connection(("127.0.0.1", port_of(server)), timeout=10))
            head = f"GET {path} HTTP/1.1\r\nhost: localhost\r\nx-kal-authorization: Bearer {api.token}\r\n\r\n"
            wire.sendall(head.encode())
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            hung_up = select.poll()
            hung_up.register(wire, select.POLLHUP | select.POLLERR)
            assert hung_up.poll(10_000)


def test_connections_beyond_the_limit_are_turned_away() -> None:
    """With 503 and an end, whether or not they ask; those within the limit are served, and room is made by leaving."""
    ask = b"GET /programs HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(served_with(Limits(connections=5, patience=10, grace=0.1)))
        inside = [stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(5)]
        for wire in inside:
            wire.sendall(ask)
            assert answer_on(wire).startswith(b"HTTP/1.1 401 ")
        for sent in (ask, b""):
            with socket.create_connection(address, timeout=10) as outside:
                outside.sendall(sent)
                received = all_of(outside)
            assert received.startswith(b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n")
            assert json.loads(received.partition(b"\r\n\r\n")[2])["statusCode"] == 503
        inside[0].sendall(ask)
        assert answer_on(inside[0]).startswith(b"HTTP/1.1 401 ")
        inside[0].shutdown(socket.SHUT_WR)
        assert all_of(inside[0]) == b""
        with socket.create_connection(address, timeout=10) as another:
            another.sendall(ask)
            assert answer_on(another).startswith(b"HTTP/1.1 401 ")


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../../up.csv", "/etc/absolute", "C:\\\\up.csv", "nul\0.csv", "..", "", "a" * 5000, "☃"]
)
def test_names_of_files_stay_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whatever an upload or an export is called, it is answered well and no file appears beside the database."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    with Sandbox(inner / "lab.db") as sandbox:
        api = Api(sandbox)
        record, field = api.record(Compound="A"), api.field("Spectrum", "file")
        sent = api.upload(f"/records/{record['id']}/values/file", name, b"x", {"field_id": field})
        slice_id = api.read("/entity_slices")[0]["id"]
        answers = [sent, api.get("/records/export/csv", filename=name, entity_slice_id=slice_id)]
        if sent.status == 200:
            content = sent.json()["resource"]["content"]
            assert content["file_name"] == name.replace("\\\\", "\\")  # in quotes, two are one
            answers.append(api.get(f"/files/{content['file_id']}"))

    assert {answer.status for answer in answers} <= {200, 400}
    for answer in answers:
        assert all(text.isascii() and text.isprintable() for _, text in answer.headers)
    assert {path.name.split("-")[0] for path in tmp_path.rglob("*")} == {"a", "b", "lab.db"}


def test_the_name_of_the_database_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks like a URI is the name of a file all the same, and a place that is not there is a ValueError."""
    monkeypatch.chdir(tmp_path)
    with Sandbox("file:lab.db?mode=memory", seed="empty"):
        assert (tmp_path / "file:lab.db?mode=memory").exists()
    with pytest.raises(ValueError, match="cannot be used: unable to open database file"):
        Sandbox(tmp_path / "nowhere" / "lab.db")


def test_a_type_that_is_no_header_is_not_given_back(small: httpx.Client) -> None:
    """The type of an upload becomes a header of its download: one that cannot be a header is replaced."""
    with Sandbox() as sandbox, serve(sandbox) as server:
        api = Api(sandbox)
        record, field = api.record(Compound="A")["id"], api.field("Spectrum", "file")
        body = multipart("a.csv", b"x", {"field_id": field}).replace(b"text/csv", "text/☃".encode())
        sent = api.send("POST", f"/records/{record}/values/file", body, "multipart/form-data; boundary=XX")
        file_id = sent.json()["resource"]["content"]["file_id"]
        token = {"x-kal-authorization": f"Bearer {api.token}"}
        answer = httpx.get(f"{server.url}/files/{file_id}", headers=token)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream")


# -- who is let in ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The demo workspace on a port, open to one page."""
    with Sandbox() as sandbox, serve(sandbox, allow_origins=["http://localhost:3000"]) as running:
        yield running


def port_of(server: Server) -> str:
    """The port of a server."""
    return server.url.rpartition(":")[2]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[::2]", "[", *AMBIGUOUS]
)
def test_a_page_that_turned_its_name_to_this_machine_gets_nothing(server: Server, host: str) -> None:
    """DNS rebinding makes a foreign page of the same origin; the Host header gives it away."""
    for path in ("/reference", "/programs", "/openapi.json"):
        answer = httpx.get(server.url + path, headers={"Host": f"{host}:{port_of(server)}"})

        assert answer.status_code == 421, path
        assert "sandbox-token-" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_the_names_of_this_machine_are_answered(server: Server, host: str) -> None:
    """All ways to say loopback, with a port and without."""
    for name in (host, f"{host}:{port_of(server)}"):
        assert httpx.get(server.url + "/openapi.json", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    ],
)
def test_a_foreign_page_is_refused(server: Server, headers: dict[str, str]) -> None:
    """Neither reads nor logins nor preflights of other origins: 403, and nothing lets the page read it."""
    form = {"grant_type": "client_credentials", "client_id": "sandbox-id", "client_secret": "sandbox-secret"}
    for answer in (
        httpx.get(server.reference_url, headers=headers),
        httpx.post(server.url + "/auth/oauth/token", data=form, headers=headers),
        httpx.options(server.url + "/programs", headers={**headers, "Access-Control-Request-Method": "GET"}),
    ):
        assert answer.status_code == 403
        assert "sandbox-token-" not in answer.text
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_the_pages_of_the_sandbox_work(server: Server) -> None:
    """The reference may be linked to and calls the API from its own origin; no other page may frame it or keep it."""
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    page = httpx.get(server.reference_url, headers=link)
    own = httpx.get(server.url + "/programs", headers={"Origin": server.url, "Sec-Fetch-Site": "same-origin"})

    assert page.status_code == 200
    assert "sandbox-token-" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert page.headers["cross-origin-resource-policy"] == "same-origin"
    assert not [name for name in page.headers if name.startswith("access-control-")]
    assert own.status_code == 401  # it got as far as the API


def test_a_page_that_is_let_in_may_read(server: Server) -> None:
    """An origin that was asked for gets its preflight answered and its answers marked as readable."""
    origin = {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-kal-authorization"}
    preflight = httpx.options(server.url + "/programs", headers={**origin, **asked})
    read = httpx.get(server.url + "/programs", headers=origin)

    assert preflight.status_code == 204
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"] == "x-kal-authorization"
    assert read.status_code == 401
    assert {answer.headers["access-control-allow-origin"] for answer in (preflight, read)} == {origin["Origin"]}


def test_what_is_no_origin_is_refused() -> None:
    """A star, a path or a bare name would let in nobody, or everybody."""
    for origin in ("*", "null", "localhost:3000", "http://localhost:3000/", "file:///x"):
        with Sandbox(seed="empty") as sandbox, pytest.raises(ValueError, match="an origin is like"):
            serve(sandbox, allow_origins=[origin]).__enter__()


def test_other_machines_are_let_in_only_when_asked() -> None:
    """With consent an open address is served under any name, and the reference holds no token."""
    with Sandbox(seed="empty") as sandbox:
        with pytest.raises(ValueError, match="loopback"):
            serve(sandbox, host="0.0.0.0").__enter__()
        with serve(sandbox, host="0.0.0.0", allow_remote=True) as running:
            url = f"http://127.0.0.1:{port_of(running)}"
            page = httpx.get(url + "/reference", headers={"Host": "lab.example"})
            foreign = httpx.get(url + "/programs", headers={"Origin": "https://evil.example"})

    assert page.status_code == 200
    assert "sandbox-token-" not in page.text
    assert foreign.status_code == 403


def test_the_command_lets_others_in_only_when_asked_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without consent an open address is an error; with it the sandbox starts, and warns on standard error."""
    monkeypatch.setattr("kalbio.cli.emulators.wait_for_ctrl_c", lambda: None)
    command = ["sandbox", "--port", "0", "--host", "0.0.0.0", "--seed", "empty"]

    assert cli.main(command) == 2
    assert "loopback addresses only" in capsys.readouterr().err
    assert cli.main([*command, "--allow-remote"]) == 0
    assert capsys.readouterr().err.startswith("Warning: anybody who can reach this port can use the sandbox")
    assert cli.main(["sandbox", "--port", "0"]) == 0
    assert capsys.readouterr().err == ""


def test_the_command_passes_limits_and_origins_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Limits are given in MiB; what makes no sense is an error."""
    seen: list[Any] = []

    @contextlib.contextmanager
    def note(sandbox: Sandbox, *_: Any, allow_origins: Any, **__: Any) -> Iterator[Server]:
        upload = "/records/1/values/file"
        seen.extend([sandbox.body_limit("GET", "/"), sandbox.body_limit("POST", upload), list(allow_origins)])
        yield Server("http://x")

    monkeypatch.setattr(server_module, "serve", note)
    monkeypatch.setattr("kalbio.cli.emulators.wait_for_ctrl_c", lambda: None)
    given = ["--json-limit", "2", "--upload-limit", "3", "--allow-origin", "http://localhost:3000"]

    assert cli.main(["sandbox", *given]) == 0
    assert seen == [2 << 20, 3 << 20, ["http://localhost:3000"]]
    assert cli.main(["sandbox", "--json-limit", "0"]) == 2
    assert "json_limit must be" in capsys.readouterr().err


# -- webhooks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/y", "gopher://x", "/etc/passwd", "http://", "http:///x", ""]
)
def test_a_webhook_goes_over_http_only(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No other scheme is opened, in a program as on the command line."""
    with pytest.raises(ValueError, match="a webhook goes to"):
        Sandbox(webhook=url)
    if url:
        assert cli.main(["sandbox", "--port", "0", "--webhook", url]) == 2
        assert "a webhook goes to" in capsys.readouterr().err


class _Elsewhere(BaseHTTPRequestHandler):
    """Sends everybody on to another place, and notes who came."""

    came: list[tuple[str, str]]

    def do_POST(self) -> None:
        type(self).came.append((self.command, self.path))
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(302)
        self.send_header("location", "/inner")
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        pass


def test_a_webhook_follows_no_redirects(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver cannot send the sandbox to another address; a redirect counts as a failure."""
    monkeypatch.setattr("kalbio._core.emulator.webhooks._PAUSE", 0.001)
    _Elsewhere.came = []
    receiver = HTTPServer(("127.0.0.1", 0), _Elsewhere)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with Sandbox(webhook=f"http://127.0.0.1:{receiver.server_port}/hook") as sandbox:
            api = Api(sandbox)
            operation = api.experiment("Assay", "Assay results registration")
            file_property = next(p["id"] for p in operation["properties"] if p["field_type"] == "file")
            file_id = api.upload(f"/properties/{file_property}/file", "r.csv", b"1,2").json()["file_id"]
            api.post(f"/operations/{operation['id']}/register/{file_id}", {})
            assert sandbox.wait_for_webhooks(20)
            (delivery,) = sandbox.webhook_log
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()

    assert _Elsewhere.came == [("POST", "/hook")] * 3
    assert (delivery.delivered, delivery.error) == (False, "answered 302")
