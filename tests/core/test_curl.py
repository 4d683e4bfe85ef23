"""Requests as lines for the shell."""

from __future__ import annotations

import shlex
import subprocess
from typing import Any

import httpx
import pytest

from kalbio._core.http.curl import as_curl
from kalbio._core.platform import Platform
from tests.core import wire as wires
from tests.core.wire import Core, Wire

PLATFORM = Platform(
    name="core", version="1", base_url="https://api.invalid", operations=dict, token_request=dict,
    token_header="X-Token", token_variable="THE_TOKEN",
)  # fmt: skip
SECRET = "sandbox-secret +/1"


def line(method: str = "GET", url: str = "https://api.invalid/things", **given: Any) -> str:
    """The line of a request."""
    return as_curl(httpx.Request(method, url, **given), PLATFORM, (SECRET,))


def words(*request: str, **given: Any) -> list[str]:
    """The words that a shell makes of it."""
    return shlex.split(line(*request, **given))


@pytest.mark.parametrize("text", ["it's", "$HOME `id` $(id) \\ !!", '"', "ü 😀", "-d", "@file", "a;b|c&d>e *? ~ #"])
def test_a_shell_sees_the_body_as_it_was_sent(text: str) -> None:
    """Whatever a body has in it, a shell passes it on as it is and does nothing else with it."""
    shown = line("POST", content=text.encode())
    done = subprocess.run(["sh", "-c", f"printf '%s\\n' {shown}"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == shlex.split(shown)
    assert shlex.split(shown) == ["curl", "-X", "POST", "https://api.invalid/things", "--data-raw", text]


@pytest.mark.parametrize("header", ["X-Token", "Authorization", "X-Lab", "Cookie"])
def test_variables_stand_for_what_may_be_a_credential(header: str) -> None:
    """Of headers, only those that describe the body are shown; a shell puts in the others from its variables."""
    shown = line("GET", headers={header: "Bearer sandbox-token-1", "Content-Type": "text/plain"})
    variable = "THE_TOKEN" if header == "X-Token" else header.upper().replace("-", "_")
    run = ["sh", "-c", f"printf '%s\\n' {shown}"]
    done = subprocess.run(run, capture_output=True, text=True, check=True, env={variable: "value"})
    assert f"{header.lower()}: Bearer value" in done.stdout.splitlines()
    assert "content-type: text/plain" in done.stdout.splitlines()


def test_the_name_of_a_header_is_no_command() -> None:
    """Names may have characters that mean something to a shell."""
    shown = line("GET", headers={"x-`id`$a": "b"})
    run = ["sh", "-c", f"printf '%s\\n' {shown}"]
    done = subprocess.run(run, capture_output=True, text=True, check=True, env={"X__ID__A": "value"})
    assert done.stdout.splitlines()[-1] == "x-`id`$a: value"


@pytest.mark.parametrize(
    "body",
    [
        {"json": {"client_secret": "sandbox-secret-2"}},
        {"json": {"deep": [{"sessionToken": "sandbox-token-2"}]}},
        {"json": {"text": '{"secret": "sandbox-secret-2"}'}},
        {"json": {"name": f"uses {SECRET}"}},
        {"json": {"link": "https://h.invalid/hook?a=1&token=sandbox-token-2"}},
        {"json": {"link": "https://h.invalid/file?X-Amz-Signature=sandbox-secret-2&b=1"}},
        {"json": {"link": "https://user:sandbox-secret-2@h.invalid/"}},
        {"data": {"grant_type": "refresh_token", "refresh_token": "sandbox-token-2"}},
        {"data": {"subject_token": "sandbox-token-2", "device": SECRET}},
    ],
)
def test_secrets_in_bodies_are_hidden(body: dict[str, Any]) -> None:
    """A secret of the client, and what is named like one, is hidden; the rest of the body is there."""
    shown = words("POST", **body)[-1]
    assert "[hidden]" in shown
    assert "sandbox-" not in shown


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Signature=sandbox-secret",
        "sig=sandbox-secret",
        "token=sandbox-token-1",
        "a=1&X-Goog-Signature=sandbox-secret",
    ],
)
def test_secrets_in_links_are_hidden(query: str) -> None:
    """What lets whoever has a link open it is hidden in it: signatures, tokens, a login."""
    shown = line("GET", f"https://user:sandbox-secret@api.invalid/a?{query}&b=2")
    assert "sandbox-" not in shown
    assert "b=2" in shown


@pytest.mark.parametrize(
    ("content", "file"),
    [(b"\xff\x00\x01", "@body-of-3-bytes"), (b"a\nb", "@body-of-3-bytes"), (b"a" * 5000, "@body-of-5000-bytes")],
)
def test_what_is_no_plain_text_is_named_as_a_file(content: bytes, file: str) -> None:
    """Binary and long bodies are named with their length."""
    assert words("PUT", content=content)[-2:] == ["--data-binary", file]


def test_streams_are_named_as_files() -> None:
    """An upload is not read for it."""
    given = {"content": iter([b"abc"]), "headers": {"Content-Length": "3"}}
    assert words("PUT", **given)[-2:] == ["--data-binary", "@stream-of-3-bytes"]


def test_curl_takes_the_address_as_it_is() -> None:
    """Brackets and braces in an address are no patterns, and a HEAD request waits for no body."""
    assert words("HEAD", "https://api.invalid/a?b={1}[2]")[:3] == ["curl", "--head", "--globoff"]


def test_secrets_of_the_client_are_hidden_wherever_they_stand(core: Core, capfd: pytest.CaptureFixture[str]) -> None:
    """What the login knows as a secret is hidden also where nothing is named like one; failures are shown as well."""
    wire = Wire(httpx.ReadError("lost"))
    core.call(core.open(wire, debug=True), "PUT", json={"note": f"{wires.SECRET} and sandbox-token-access-1"})
    shown = capfd.readouterr().err.splitlines()
    assert sum("[hidden] and [hidden]" in text for text in shown) == 2
    assert [text.partition(",")[0] for text in shown if text.startswith("# PUT")] == [
        "# PUT /things -> ReadError", "# PUT /things -> 200",
    ]  # fmt: skip


def test_what_a_redirect_leads_to_is_shown(core: Core, capfd: pytest.CaptureFixture[str]) -> None:
    """A read that the server leads elsewhere is answered, and each of its requests is a line, as without it."""
    wire = Wire(wires.answer(307, location="/moved"), wires.answer(200, [1]))
    assert core.call(core.open(wire, debug=True)).json() == [1]
    shown = [text for text in capfd.readouterr().err.splitlines() if " -X GET " in text or text.startswith("# GET")]
    assert [("/moved" in text, text.startswith("curl -X GET ")) for text in shown] == [
        (False, True), (False, False), (True, True), (True, False),
    ]  # fmt: skip


def test_a_request_that_cannot_be_shown_is_sent(
    core: Core, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong while a request is written down, the call goes on, and the line says so."""

    def broken(*_: object) -> str:
        raise RuntimeError

    package = "sync" if core.world.kind == "sync" else "aio"
    monkeypatch.setattr(f"kalbio._core.{package}.shown_transport.as_curl", broken)
    assert core.call(core.open(Wire(), debug=True)).json() == {"id": "1"}
    assert "# a GET request cannot be shown: RuntimeError\n# a GET request -> 200, " in capfd.readouterr().err
