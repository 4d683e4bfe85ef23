"""The stand-in as a command, and kept in a file."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from kalbio import cli
from kalbio._core.emulator.in_process import EmulatorTransport
from kalbio._core.emulator.server import serve
from kalbio._core.errors import PermissionDeniedError
from kalbio.provena import APIOverrides, ClientCredentialsFlow, Config, DeviceFlow, OfflineFlow, ProvenaClient
from kalbio.provena.sandbox import Sandbox
from tests.provena.conftest import Lab
from tests.rows import row


def test_the_command_serves_a_stand_in_that_the_environment_points_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the command prints is all that a client and a browser need; Ctrl-C ends it, its file stays."""
    command = [sys.executable, "-m", "kalbio", "provena", "sandbox", "--port", "0", "--db", str(tmp_path / "x.db")]
    command += ["--seed", "demo"]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what is in the background ignore it
    for number in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            text = ""
            while "Ctrl-C" not in text:
                line = process.stdout.readline()
                assert line, process.stderr.read()
                text += line
                if line.startswith("export "):
                    monkeypatch.setenv(*line.removeprefix("export ").strip().split("="))
            with ProvenaClient() as client:
                if number == 0:
                    client.organisations.create(display_name="Other group", name="Other group")
                assert {one.display_name for one in client.organisations.list()} == {"Other group", "Reef group"}
            (place,) = re.findall(r"^Pages: +(\S+)$", text, re.MULTILINE)
            assert "Reef group" in httpx.get(f"{place}browse/items?subtype=ORGANISATION").text
            os.kill(process.pid, signal.SIGINT)
            rest, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")
        assert re.search(r"\d\d:\d\d:\d\d POST \S+ 200 [\d.]+ ms\n", rest)
        assert rest.endswith("\nSandbox stopped.\n")


def test_a_file_keeps_everything(tmp_path: Path) -> None:
    """Items and logins outlive the stand-in, the file holds no secret, and a file of something else is refused."""
    config = Config("sandbox.invalid", "sandbox", APIOverrides.at("http://sandbox.invalid"))
    path = tmp_path / "x.db"
    with Sandbox(path) as sandbox:
        token = sandbox.offline_token("alice")
        auth = ClientCredentialsFlow(config, "admin", sandbox.client_secret)
        with ProvenaClient(auth, transport=EmulatorTransport(sandbox)) as client:
            made = client.organisations.create(display_name="Reef group", name="Reef group")
    assert b"sandbox-token-" not in path.read_bytes()
    with Sandbox(path) as sandbox:
        login = OfflineFlow(config, "any", offline_token=token)
        with ProvenaClient(login, transport=EmulatorTransport(sandbox)) as client:
            assert client.organisations.get("Reef group") == made
            assert client.organisations.create(display_name="Other", name="Other").id > made.id
    (tmp_path / "y.db").write_text("no database at all", encoding="utf-8")
    with pytest.raises(ValueError, match=r"y\.db cannot be used"):
        Sandbox(tmp_path / "y.db")


def test_an_address_of_the_environment_stays_with_its_domain() -> None:
    """PROVENA_URL holds for a domain and a realm of the environment, never for those that a program names."""
    environ = {"PROVENA_DOMAIN": "a.invalid", "PROVENA_REALM": "r", "PROVENA_URL": "http://127.0.0.1:9"}
    assert Config.of(None, None, environ).registry_api_endpoint == "http://127.0.0.1:9/registry-api"
    assert Config.of("b.invalid", None, environ).registry_api_endpoint == "https://registry-api.b.invalid"


def test_a_fault_of_no_operation_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """An operation that there is not ends in a sentence with the one that comes close."""
    assert cli.main(["provena", "sandbox", "--port", "0", "--fault", "registryItemFetsh:status=503"]) == 2
    assert "registryItemFetch" in capsys.readouterr().err


def test_the_link_of_a_device_flow_leads_to_a_page(lab: Lab) -> None:
    """At a port, the page offers the users, lets the code in as one of them, and escapes what it is asked.

    Whoever waits for somebody to find it looks once a second.
    """
    with serve(lab.sandbox, 0) as server:
        config = Config("sandbox.invalid", "sandbox", APIOverrides.at(server.url))
        pages: list[httpx.Response] = []

        def let_in(text: str) -> None:
            link = text.split(" open ")[1].split()[0]
            code = text.rpartition(" ")[2]

            pages.extend(httpx.get(link + more) for more in ("", "&username=nobody", "&username=carol"))
            pages.append(httpx.get(link.replace(code, "<b>")))

        flow = DeviceFlow(config, "client-tools", keep=False, show=let_in, open_browser=False)
        client = lab.connect(flow, transport=None)
        with pytest.raises(PermissionDeniedError, match="correct role"):
            lab(client.organisations.create(display_name="x", name="x"))
        assert lab(client.organisations.get("10378.1/1")) is None
        begin = httpx.post(f"{config.keycloak_endpoint}/protocol/openid-connect/auth/device", data={"client_id": "x"})
    assert begin.json()["interval"] == 1
    assert [page.status_code for page in pages] == [200, 404, 200, 200]
    assert re.search(r'<button name="username" value="carol">', pages[0].text)
    assert "is let in as <b>carol</b>" in pages[2].text
    assert "&lt;B&gt;" in pages[3].text
    assert "<B>" not in pages[3].text


def test_the_command_prints_the_login_of_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--offline-token carol` prints lines that a client logs in as carol with, whatever the shell.

    The command that logs in in a browser is there too.
    """
    printed = io.StringIO()  # of pytest's own, the search for secrets would find the token that is asked for

    def look() -> None:
        text = printed.getvalue()
        place = text.split("PROVENA_URL=")[1].split()[0]
        assert f"\nkalbio provena login --url {place} --domain sandbox.invalid --realm sandbox\n" in text
        printed.seek(printed.truncate(0))
        for pattern in (r"^export (\w+)=(.*)$|^unset (\w+)$", r'^\$env:(\w+) = "(.*)"$', r"^%env (\w+)=(.*)$"):
            for found in re.finditer(pattern, text, re.MULTILINE):
                name, value = (found[1], found[2]) if found[1] else (found[3], "")
                monkeypatch.setenv(name, value)
            with ProvenaClient() as client, pytest.raises(PermissionDeniedError):
                client.organisations.create(display_name="x", name="x")
        raise KeyboardInterrupt

    monkeypatch.setattr("kalbio.cli.emulators.wait_for_ctrl_c", look)
    monkeypatch.setattr(sys, "stdout", printed)
    assert cli.main(["provena", "sandbox", "--port", "0", "--offline-token", "carol"]) == 0
    assert cli.main(["provena", "sandbox", "--port", "0", "--offline-token", "carol", "--log-json"]) == 2


def test_what_keeps_the_command_from_starting_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command names the users that there are, and says what is wrong with a pace and a file."""
    monkeypatch.setattr("kalbio.cli.emulators.wait_for_ctrl_c", lambda: None)
    for option, value, code, text in (
        ("--offline-token", "karol", 2, "no user 'karol' in the sandbox; it has admin, alice"),
        ("--seconds-per-stage", "-1", 2, "seconds_per_stage is a number from 0 on; got -1.0"),
        ("--db", str(tmp_path), 1, f"{tmp_path} cannot be used: unable to open database file"),
    ):
        with row(option):
            assert cli.main(["provena", "sandbox", "--port", "0", option, value]) == code
            assert text in capsys.readouterr().err
