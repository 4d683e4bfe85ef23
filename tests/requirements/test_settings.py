"""R132, R133, R150: what a client is set to is checked when it is made, and works as it does in other programs."""

from __future__ import annotations

import os
import ssl
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import certifi
import pytest

from kalbio import KalbioError, SettingError
from tests.conftest import World
from tests.core.wire import Wire, answer
from tests.rows import row

VARIABLES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from the machine that runs the tests."""
    for name in (*VARIABLES, *map(str.lower, VARIABLES), "REQUESTS_CA_BUNDLE", "KALEIDOSCOPE_API_URL"):
        monkeypatch.delenv(name, raising=False)


class Server(ThreadingHTTPServer):
    """Answers every request, also as a proxy, and keeps the targets as they came."""

    daemon_threads = True

    def __init__(self) -> None:
        self.targets: list[str] = []
        self.redirect = ""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                server.targets.append(self.path)
                body = b"[]"
                if "token" in self.path:
                    body = b'{"access_token": "sandbox-token-1", "expires_in": 3600}'
                elif server.redirect:
                    self.send_response(302)
                    self.send_header("location", server.redirect)
                    body = b""
                if not (server.redirect and body == b""):
                    self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = handle_any

            def log_message(self, format: str, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    """The server that is meant, and a proxy."""
    both = Server(), Server()
    yield both
    for server in both:
        server.shutdown()
        server.server_close()


def listing(world: World, client: Any) -> Any:
    """Make one call."""
    return world(client.programs.get_programs(use_cache=False))


# -- R132: proxies and trust ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "proxied"),
    [
        ({"HTTP_PROXY": "PROXY"}, True),
        ({"ALL_PROXY": "PROXY", "NO_PROXY": "fe80::/10,::1/128,[::1],10.0.0.0/8"}, True),
        ({"ALL_PROXY": "PROXY", "NO_PROXY": "127.0.0.0/8"}, False),
        ({"HTTP_PROXY": "PROXY", "NO_PROXY": "fe80::/10, [::1] 127.0.0.1"}, False),
        ({"ALL_PROXY": "socks://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}, False),
        ({"ALL_PROXY": "socks5://127.0.0.1:9", "NO_PROXY": "127.0.0.0/8"}, False),
        ({"ALL_PROXY": "socks://127.0.0.1:9", "HTTP_PROXY": "PROXY"}, True),
        ({"HTTPS_PROXY": "nonsense://"}, False),
    ],
)
def test_r132_proxies_of_the_environment_work_as_elsewhere(
    world: World,
    servers: tuple[Server, Server],
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    proxied: bool,
) -> None:
    """Ranges and IPv6 in NO_PROXY count, and a proxy that cannot be used harms nobody who does not need it."""
    server, proxy = servers
    for name, value in environ.items():
        monkeypatch.setenv(name, value.replace("PROXY", proxy.url))
    assert listing(world, world.connect(url=server.url, retries=0)) == []
    assert (len(server.targets), len(proxy.targets)) == ((0, 2) if proxied else (2, 0))
    assert all(target.startswith(server.url) for target in proxy.targets)


@pytest.mark.parametrize("url", ["socks://p.invalid:1", "socks4://p.invalid:1", "ftp://p.invalid", "http://a..b"])
@pytest.mark.parametrize("name", ["ALL_PROXY", "https_proxy"])
def test_r132_a_proxy_that_cannot_be_used_is_named_when_the_client_is_made(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    """When requests to the url of the client would go through it."""
    monkeypatch.setenv(name, url)
    with pytest.raises(SettingError, match=f"^{name} cannot be used"):
        world.connect(url="https://api.invalid")
    monkeypatch.setenv("NO_PROXY", "api.invalid")
    world.connect(url="https://api.invalid")


def test_r132_a_redirect_to_another_host_asks_for_its_own_proxy(
    world: World, servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host of the client is left out, the one that it leads to is not: its proxy is used, or named in an error."""
    server, proxy = servers
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.redirect = "http://files.invalid/x"
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert listing(world, world.connect(url=server.url, retries=0)) == []
    assert proxy.targets == ["http://files.invalid/x"]
    monkeypatch.setenv("HTTP_PROXY", "socks://p.invalid")
    with pytest.raises(KalbioError, match="HTTP_PROXY cannot be used"):
        listing(world, world.connect(url=server.url, retries=0))


@pytest.mark.parametrize("proxy", ["proxy.invalid:3128", "proxy.invalid", "", "socks://p:1", 3128, "http://p/path"])
def test_r132_a_proxy_without_a_scheme_is_refused(world: World, proxy: Any) -> None:
    """And whatever else is no address of a proxy."""
    with pytest.raises(SettingError, match=r"^proxy "):
        world.connect(proxy=proxy)


@pytest.mark.parametrize(
    "wrong", [0, 1, None, 1.0, "", "no", "/nowhere/ca.pem", b"/x", Path("/nowhere"), "EMPTY", "FOLDER"]
)
def test_r132_certificates_that_cannot_be_trusted_are_refused(world: World, tmp_path: Path, wrong: Any) -> None:
    """A path must be a file of certificates, or a directory that has some; numbers are no yes and no."""
    (tmp_path / "empty.pem").write_text("no certificate")
    (tmp_path / "folder").mkdir()
    path = {"EMPTY": str(tmp_path / "empty.pem"), "FOLDER": str(tmp_path / "folder")}.get(str(wrong), wrong)
    with pytest.raises(SettingError) as caught:
        world.connect(verify_ssl=path)
    assert str(caught.value).startswith("verify_ssl ")
    assert str(path) in str(caught.value)


def test_r132_the_environment_names_trusted_certificates(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE, the first that is set; a wrong one is named at once."""
    text = Path(certifi.where()).read_text(encoding="utf-8")
    end = "-----END CERTIFICATE-----\n"
    single = tmp_path / "one.pem"
    single.write_text(text[text.index("-----BEGIN") : text.index(end)] + end)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "0a1b2c3d.0").write_text(single.read_text())

    def trusted() -> int:
        context = world.connect()._settings.tls()
        return len(context.get_ca_certs()) if isinstance(context, ssl.SSLContext) else -1

    assert trusted() == -1  # those of the HTTP library
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(single))
    assert trusted() == 1
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    assert trusted() == 0  # read when they are needed
    monkeypatch.setenv("SSL_CERT_FILE", str(single))
    assert trusted() == 1
    assert world.connect(verify_ssl=False)._settings.tls() is False
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nowhere/ca.pem")
        with pytest.raises(SettingError, match=rf"^{name} .*/nowhere/ca\.pem"):
            world.connect()
        world.connect(transport=Wire())  # which sends nothing by TLS that we know of
        monkeypatch.delenv(name)


def test_r132_a_certificate_that_cannot_be_loaded_is_named(world: World, tmp_path: Path) -> None:
    """What looks like one and is none shows with the first connection."""
    (tmp_path / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    client = world.connect(url="https://sandbox.invalid", verify_ssl=tmp_path / "bad.pem")
    with pytest.raises(SettingError, match=r"^verify_ssl cannot be used: it cannot be loaded .*bad\.pem"):
        listing(world, client)


def test_r132_a_proxy_and_a_transport_exclude_each_other(world: World) -> None:
    """One of them would be ignored."""
    with pytest.raises(SettingError, match="proxy and transport cannot be given together"):
        world.connect(proxy="http://proxy.invalid:3128", transport=Wire())


def test_r132_credentials_in_clear_are_warned_of_once(world: World) -> None:
    """For each host that is another machine; the warning points at the line that made the client."""
    url = f"http://{world.kind}.example.com:8000"
    with pytest.warns(UserWarning, match=f"travel to {world.kind}.example.com unencrypted") as caught:
        world.connect(url=url)
    assert caught[0].filename.endswith("conftest.py")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        world.connect(url=url)
        world.connect(url=url.replace("http:", "https:").replace("example", "other"))
        world.connect(url="http://unseen.example.com", transport=Wire())
        for host in ("localhost", "127.0.0.1:8000", "[::1]:8000", "lab.localhost"):
            world.connect(url=f"http://{host}")


# -- R133: headers and credentials ------------------------------------------------------------------------------------

HEADERS = {
    "a line end": ("X-Lab", "a\r\nX-Other: 1"),
    "a trailing line end": ("X-Lab", "a\n"),
    "a control character": ("X-Lab", "a\x00"),
    "space around it": ("X-Lab", " a"),
    "not Latin-1": ("X-Lab", "€"),
    "half a pair": ("X-Lab", "\ud83d"),
    "None": ("X-Lab", None),
    "a number": ("X-Lab", 7),
    "bytes": ("X-Lab", b"a"),
    "a name with a space": ("X Lab", "a"),
    "a name with a colon": ("X-Lab:", "a"),
    "a name with a line end": ("X-Lab\n", "a"),
    "a name that is not ASCII": ("X-Läb", "a"),
    "an empty name": ("", "a"),
    "a name that is not text": (7, "a"),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_r133_a_header_that_cannot_be_sent_is_refused_at_any_time(world: World, kind: str) -> None:
    """When the client is made and whenever its headers change; the client keeps those that it had."""
    name, value = HEADERS[kind]
    with pytest.raises(SettingError, match="additional_headers cannot be used: "):
        world.connect(additional_headers={name: value})
    wire = Wire(*[answer(200, [])] * 9)
    client = world.connect(transport=wire, additional_headers={"X-Good": "1"})
    changes = (
        lambda: client.additional_headers.__setitem__(name, value),
        lambda: client.additional_headers.update({name: value}),
        lambda: client.additional_headers.setdefault(name, value),
        lambda: setattr(client, "additional_headers", {name: value}),
    )
    for change in changes:
        with pytest.raises(SettingError, match="additional_headers cannot be used: "):
            change()
    listing(world, client)
    assert wire.requests[0].headers["x-good"] == "1"
    assert dict(client.additional_headers) == {"X-Good": "1"}


def test_r133_headers_that_can_be_sent_arrive(world: World) -> None:
    """Latin-1 as Latin-1, with tabs and inner spaces; a new mapping takes the place of the old one."""
    wire = Wire(*[answer(200, [])] * 9)
    client = world.connect(transport=wire, additional_headers={"X-Lab": "Zürich\t 2"})
    listing(world, client)
    for seen in (wire.logins[0], wire.requests[0]):
        assert (b"X-Lab", "Zürich\t 2".encode("latin-1")) in seen.headers.raw
    client.additional_headers = {"X-Other": ""}
    client.additional_headers |= {"X-More": "3"}
    listing(world, client)
    headers = wire.requests[1].headers
    assert (headers["x-other"], headers["x-more"], "x-lab" in headers) == ("", "3", False)


@pytest.mark.parametrize("value", ["a\nb", None, "€", 7])
def test_r133_a_header_of_one_call_that_cannot_be_sent_is_refused(world: World, value: Any) -> None:
    """Nothing is sent, and a write has no unknown fate."""
    wire = Wire()
    client = world.connect(transport=wire)
    request = {"method": "POST", "url": "/programs", "json": {}, "headers": {"X-Lab": value}}
    with pytest.raises(ValueError, match="header X-Lab "):
        world(client.call(request))
    assert wire.requests == wire.logins == []


CREDENTIALS = {
    "a line end": "sandbox-secret\n",
    "a line end of Windows": "sandbox-secret\r\n",
    "space before it": " sandbox-secret",
    "a control character": "sandbox-secret\x00x",
    "half a pair": "sandbox-secret\ud83d",
    "bytes": b"sandbox-secret",
    "a number": 7,
    "a list": ["sandbox-secret"],
}


@pytest.mark.parametrize("name", ["client_id", "client_secret"])
def test_r133_a_credential_that_cannot_be_meant_is_refused(world: World, name: str) -> None:
    """Line ends and space around it, control characters, halves of pairs, and what is no text; it is not shown."""
    for kind in CREDENTIALS:
        with row(kind):
            with pytest.raises(SettingError, match=f"^{name} ") as caught:
                world.connect(**{name: CREDENTIALS[kind]})
            assert "sandbox-secret" not in repr(caught.value)
            assert caught.value.__context__ is None


def test_r133_a_credential_of_the_environment_is_named_by_its_variable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from $(cat file) in a shell that keeps the line end, or bytes that are no UTF-8."""
    for value in (b"sandbox-secret\n", b"sandbox-secret\xff"):
        monkeypatch.setitem(os.environ, "KALEIDOSCOPE_API_CLIENT_SECRET", os.fsdecode(value))
        with pytest.raises(SettingError, match=r"^KALEIDOSCOPE_API_CLIENT_SECRET has "):
            world.connect(client_secret=None)


# -- R150: addresses --------------------------------------------------------------------------------------------------


BAD_URLS = [
    ("ftp://x", "does not begin with http:// or https://"),
    ("api.invalid", "does not begin with http:// or https://"),
    ("http://h:99999", "port"),
    ("http://h:0", "port"),
    ("http://h:x", "port"),
    ("https://api.invalid:443:80", "port"),
    ("http://[::1", "brackets"),
    ("http://[:::1]", "IPv6"),
    ("http://256.0.0.1", "IPv4"),
    ("http://exa mple.com", "space"),
    ("http://a\n.com", "control character"),
    ("http://a..b", "not a valid host name"),
    ("http://-", "not a valid host name"),
    ("http://☃.net", "not a valid host name"),
    ("https:///v1", "no host"),
    ("https://h?x=1", "query"),
    ("https://h/#x", "fragment"),
    (7, "must be text"),
]


def test_r150_a_url_that_cannot_be_is_refused_by_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the setting, where it came from, and what is wrong with it."""
    for url, wrong in BAD_URLS:
        with row(url, wrong):
            with pytest.raises(SettingError, match=rf"^url .*{wrong}"):
                world.connect(url=url)
            if isinstance(url, str):
                monkeypatch.setenv("KALEIDOSCOPE_API_URL", url)
                with pytest.raises(SettingError, match=rf"^url \(from KALEIDOSCOPE_API_URL\) .*{wrong}"):
                    world.connect(url=None)
