"""The sandbox on a real port."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import Server, serve
from tests.sandbox.wire import Api


class _Receiver(HTTPServer):
    """An outside service that refuses as many events as it is told, then takes them."""

    def __init__(self, refusals: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refusals = refusals
        self.heard: list[Any] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Receiver

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        refused = self.server.refusals > 0
        self.server.refusals -= 1
        if not refused:
            self.server.heard.append(event)
        self.send_response(503 if refused else 204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[_Receiver]:
    """An outside service that refuses the first event."""
    server = _Receiver(refusals=1)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The demo workspace on a port."""
    with Sandbox() as sandbox, serve(sandbox) as running:
        yield running


def _get(url: str, token: str = "") -> tuple[int, str, bytes]:
    try:
        with urlopen(Request(url, headers={"X-Kal-Authorization": f"Bearer {token}"}), timeout=10) as answer:
            return answer.status, answer.headers["content-type"], answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.headers["content-type"], error.read()


def _token(url: str) -> str:
    form = b"grant_type=client_credentials&client_id=sandbox-id&client_secret=sandbox-secret"
    with urlopen(url + "/auth/oauth/token", form, timeout=10) as answer:
        return str(json.loads(answer.read())["access_token"])


def test_the_api_answers_on_a_port(server: Server) -> None:
    """Login, a list, and a refusal, over HTTP."""
    status, kind, body = _get(server.url + "/programs", _token(server.url))

    assert (status, kind, len(json.loads(body))) == (200, "application/json; charset=utf-8", 2)
    assert _get(server.url + "/programs")[0] == 401
    assert _get(server.url + "//programs", _token(server.url))[0] == 404


def test_long_targets_are_taken(server: Server) -> None:
    """A batch of several hundred ids fits into the request line."""
    ids = ",".join(f"00000000-0000-0000-0000-{n:012}" for n in range(1000))

    status, _, body = _get(f"{server.url}/records?record_ids={ids}", _token(server.url))

    assert (status, body) == (200, b"[]")


def test_the_reference_works_offline(server: Server) -> None:
    """Page, assets and description come from this server and name no other host."""
    status, kind, page = _get(server.reference_url)
    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert b"//" not in page.replace(b"</", b"")
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"):
        assert name.encode() in page
        assert _get(f"{server.reference_url}/{name}")[0] == 200
    assert _get(f"{server.reference_url}/../secret")[0] == 404

    description = json.loads(_get(server.url + "/openapi.json")[2])

    assert description["openapi"].startswith("3.1")
    assert description["servers"] == [{"url": server.url}]


def test_the_reference_renders_this_version_of_openapi() -> None:
    """The installed Swagger UI knows OpenAPI 3.1."""
    from kalbio._core.emulator import reference

    found = reference.asset("swagger-ui-bundle.js")

    assert found is not None
    assert b"OpenAPI31" in found[1]


def test_a_server_on_an_open_address_is_refused() -> None:
    """Loopback only."""
    with Sandbox() as sandbox, pytest.raises(ValueError, match="loopback"), serve(sandbox, host="0.0.0.0"):
        pass


def test_a_webhook_is_posted_and_tried_again(receiver: _Receiver) -> None:
    """The event arrives by HTTP, after one refusal, with a URL at which the file can be had."""
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    with Sandbox(webhook=url) as sandbox, serve(sandbox) as running:
        api = Api(sandbox)
        operation = api.experiment("Assay", "Assay results registration")
        file_property = next(p["id"] for p in operation["properties"] if p["field_type"] == "file")
        file_id = api.upload(f"/properties/{file_property}/file", "r.csv", b"1,2").json()["file_id"]
        api.post(f"/operations/{operation['id']}/register/{file_id}", {})

        assert sandbox.wait_for_webhooks(20)
        (event,) = receiver.heard
        assert _get(event["file_url"], api.token)[2] == b"1,2"
        assert event["file_url"].startswith(running.url)
        (delivery,) = sandbox.webhook_log
        assert (delivery.attempts, delivery.delivered, delivery.status) == (2, True, 204)


def test_a_receiver_that_is_not_there_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a few tries the log says why, and nobody waits any longer."""
    monkeypatch.setattr("kalbio._core.emulator.webhooks._PAUSE", 0.001)
    with Sandbox(webhook="http://127.0.0.1:9/hook") as sandbox:
        api = Api(sandbox)
        operation = api.experiment("Assay", "Assay results registration")
        file_property = next(p["id"] for p in operation["properties"] if p["field_type"] == "file")
        file_id = api.upload(f"/properties/{file_property}/file", "r.csv", b"1,2").json()["file_id"]
        api.post(f"/operations/{operation['id']}/register/{file_id}", {})

        assert sandbox.wait_for_webhooks(20)
        (delivery,) = sandbox.webhook_log
        assert (delivery.attempts, delivery.delivered) == (3, False)
        assert delivery.error


def test_lenient_uploads_find_the_boundary_themselves() -> None:
    """Clients that force the JSON type onto a multipart body are served when asked to be."""
    with Sandbox(lenient_uploads=True) as sandbox:
        api = Api(sandbox)
        record, field = api.record(Compound="A")["id"], api.field("Spectrum", "file")
        path = f"/records/{record}/values/file"

        answer = api.upload(path, "a.csv", b"x", {"field_id": field}, "application/json")

        assert answer.json()["resource"]["content"]["file_size"] == 1
        assert api.send("POST", path, b'{"a": 1}', "application/json").status == 400
