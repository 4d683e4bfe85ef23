"""Which proxy a request goes through, by a table, and what is refused."""

from __future__ import annotations

import pytest

from kalbio import SettingError
from kalbio._core.http.addresses import host_fault, is_local, read_address, without_secrets
from kalbio._core.http.proxies import from_argument, from_environment
from tests.rows import row

PROXY = "http://proxy.invalid:3128"


def direct(no_proxy: str, scheme: str, host: str, port: int | None = None) -> bool:
    """Whether NO_PROXY leaves out a host."""
    return from_environment({"ALL_PROXY": PROXY, "NO_PROXY": no_proxy}).proxy_of(scheme, host, port) is None


NO_PROXIES = [
    ("127.0.0.1", "127.0.0.1", True),
    ("127.0.0.1", "127.0.0.2", False),
    ("127.0.0.0/8", "127.5.6.7", True),
    ("10.1.2.3/8", "10.9.9.9", True),
    ("10.0.0.0/8", "11.0.0.1", False),
    ("10.0.0.0/8", "10.example.com", False),
    ("fe80::/10", "fe80::1", True),
    ("fe80::/10", "FE80::1%eth0", True),
    ("fe80::1%eth0", "fe80::1", True),
    ("::1/128", "::1", True),
    ("::1", "::1", True),
    ("[::1]", "::1", True),
    ("[::1]", "[::1]", True),
    ("0:0:0:0:0:0:0:1", "::1", True),
    ("::1", "::2", False),
    ("::/0", "127.0.0.1", False),
    ("example.com", "example.com", True),
    ("example.com", "api.Example.com.", True),
    ("EXAMPLE.com", "api.example.com", True),
    ("example.com", "notexample.com", False),
    (".example.com", "api.example.com", True),
    (".example.com", "example.com", False),
    ("*.example.com", "api.example.com", True),
    ("*.example.com", "example.com", False),
    ("example.com.", "example.com", True),
    ("*", "api.example.com", True),
    ("other.com,*", "10.0.0.1", True),
    ("a.com, example.com ,b.com", "example.com", True),
    ("a.com example.com", "example.com", True),
    ("", "example.com", False),
    (" ,,", "example.com", False),
    ("http://example.com", "example.com", False),
    ("https://example.com", "example.com", True),
    ("all://example.com", "example.com", True),
    ("[bad, 300.1.1.1/99, a:b:c, ://", "example.com", False),
]


def test_no_proxy_takes_every_usual_form() -> None:
    """Names with all below them, addresses and ranges of both kinds, stars; what is no entry matches nothing."""
    for no_proxy, host, expected in NO_PROXIES:
        with row(no_proxy, host, expected):
            assert direct(no_proxy, "https", host) is expected


@pytest.mark.parametrize(
    ("no_proxy", "scheme", "host", "port", "expected"),
    [
        ("example.com:8443", "https", "example.com", 8443, True),
        ("example.com:8443", "https", "example.com", None, False),
        ("example.com:443", "https", "example.com", None, True),
        ("example.com:80", "http", "example.com", None, True),
        ("[::1]:8000", "http", "::1", 8000, True),
        ("[::1]:8000", "http", "::1", 8001, False),
        ("127.0.0.1:8000", "http", "127.0.0.1", 8000, True),
        ("*:8000", "http", "example.com", 8000, True),
        ("http://example.com:8000", "http", "example.com", 8000, True),
        ("http://example.com:8000", "https", "example.com", 8000, False),
    ],
)
def test_no_proxy_takes_ports(no_proxy: str, scheme: str, host: str, port: int | None, expected: bool) -> None:
    """An entry with a port leaves out that port alone; no port means that of the scheme."""
    assert direct(no_proxy, scheme, host, port) is expected


@pytest.mark.parametrize(
    ("environ", "http", "https"),
    [
        ({}, None, None),
        ({"HTTP_PROXY": "http://a:1"}, "http://a:1", None),
        ({"HTTPS_PROXY": "http://a:1"}, None, "http://a:1"),
        ({"ALL_PROXY": "http://a:1"}, "http://a:1", "http://a:1"),
        ({"ALL_PROXY": "http://a:1", "HTTPS_PROXY": "http://b:2"}, "http://a:1", "http://b:2"),
        ({"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2"}, None, "http://b:2"),
        ({"HTTPS_PROXY": "http://a:1", "https_proxy": ""}, None, None),
        ({"HTTPS_PROXY": "a:1"}, None, "http://a:1"),
        ({"HTTPS_PROXY": " http://a:1 "}, None, "http://a:1"),
        ({"HTTP_PROXY": "http://a:1", "REQUEST_METHOD": "GET"}, None, None),
        ({"http_proxy": "http://a:1", "REQUEST_METHOD": "GET"}, "http://a:1", None),
    ],
)
def test_the_variable_for_the_scheme_counts(environ: dict[str, str], http: str | None, https: str | None) -> None:
    """The own variable before ALL_PROXY, small letters before capitals, no HTTP_PROXY in a CGI script."""
    proxies = from_environment(environ)
    assert (proxies.proxy_of("http", "x.com"), proxies.proxy_of("https", "x.com")) == (http, https)


def test_the_settings_of_the_system_count_where_no_variable_is_set() -> None:
    """As on macOS and Windows."""
    assert from_environment({}, lambda: {"https": "http://a:1"}).proxy_of("https", "x.com") == "http://a:1"
    assert (
        from_environment({"HTTP_PROXY": "http://b:2"}, lambda: {"https": "http://a:1"}).proxy_of("https", "x.com")
        is None
    )


@pytest.mark.parametrize(
    "url",
    ["socks://h:1", "socks4://h:1", "ftp://h:1", "http://", "http://h:port", "http://h:99999", "http://a..b", "//"],
)
def test_a_proxy_of_the_environment_that_cannot_be_used_is_named_when_it_is_needed(url: str) -> None:
    """A host that is left out does not care; any other request is told the variable."""
    proxies = from_environment({"https_proxy": url, "NO_PROXY": "home.com"})
    assert proxies.proxy_of("https", "home.com") is None
    assert proxies.proxy_of("http", "x.com") is None
    for _ in range(2):
        with pytest.raises(SettingError, match="https_proxy cannot be used"):
            proxies.proxy_of("https", "x.com")


@pytest.mark.parametrize(
    "url", ["proxy.invalid:3128", "proxy.invalid", "", "http://h/path", "http://h?x=1", 7, None, b"http://h"]
)
def test_a_proxy_that_is_given_must_be_an_address(url: object) -> None:
    """Its scheme included, because host:port could as well be scheme:path."""
    with pytest.raises(SettingError, match=r"^proxy "):
        from_argument(url)


def test_a_proxy_is_told_without_its_password() -> None:
    """Neither its representation nor what errors say of it has user name or password; the url to connect with has."""
    proxies = from_argument("http://me:sandbox-secret-pw@proxy.invalid")
    assert proxies.proxy_of("https", "x.com") == "http://me:sandbox-secret-pw@proxy.invalid"
    assert proxies.describe("https", "x.com") == "the proxy proxy.invalid:80 (proxy)"
    assert repr(proxies) == "Proxies(proxy)"


# -- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("api.kaleidoscope.bio", True), ("localhost", True), ("a_b", True), ("x.", True), ("127.0.0.1", True),
        ("127.1", True), ("::1", True), ("fe80::1%eth0", True), ("bücher.example", True), ("a" * 63, True),
        ("", False), ("-", False), ("a..b", False), (".a", False), ("a-.b", False), ("-a.b", False), ("a" * 64, False),
        ("256.1.1.1", False), ("1.2.3.4.5", False), (":::1", False), ("☃.net", False), ("xn--a", False),
        ("a%41", False), ("a,b", False), ("a.b" * 90, False), ("a\\b", False),
    ],
)  # fmt: skip
def test_a_host_that_cannot_be_is_told_from_one_that_can(host: str, good: bool) -> None:
    """Names by the rules of DNS with underscores, addresses of both kinds, names in other scripts."""
    assert (host_fault(host) == "") is good


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True), ("LOCALHOST.", True), ("lab.localhost", True), ("127.0.0.1", True), ("127.9.9.9", True),
        ("::1", True), ("10.0.0.1", False), ("sandbox", False), ("localhost.com", False), ("::2", False),
    ],
)  # fmt: skip
def test_local_is_what_stays_on_this_machine(host: str, local: bool) -> None:
    """Loopback alone: a private address is a network that others read."""
    assert is_local(host) is local


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("https://h.com/v1", "https://h.com/v1"),
        ("https://me:pw@h.com", "https://[hidden]@h.com"),
        ("https://me:p/w@h.com", "https://[hidden]@h.com"),
        ("https://me:p?w@h.com", "https://[hidden]@[hidden]"),
        ("https://me:p#w@h.com", "https://[hidden]@[hidden]"),
        ("https://h.com?mail=a@b&token=pw", "https://[hidden]@[hidden]"),
        ("https://h.com?token=pw", "https://h.com?[hidden]"),
        ("https://h.com#pw", "https://h.com#[hidden]"),
        ("me:pw@h.com", "[hidden]"),
        ("pw", "[hidden]"),
    ],
)
def test_an_address_is_told_without_what_may_be_secret(text: str, told: str) -> None:
    """User name, password, query and fragment, wherever they stand; and all of what is no address."""
    assert without_secrets(text) == told


def test_the_parts_of_an_address_are_read() -> None:
    """Host in small letters and without brackets, port by the scheme where there is none."""
    address = read_address("url", "HTTPS://[FE80::1]/V1")
    assert (address.scheme, address.host, address.port, address.path) == ("https", "fe80::1", 443, "/V1")
