"""Which proxy a request goes through: decided here, from the argument or the environment, and not by the HTTP library.

That one refuses some entries of NO_PROXY, takes no ranges of addresses, and ignores the environment once it is given a
transport.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import attrs

from kalbio._core.argument_errors import ArgumentTypeError
from kalbio._core.constants import PORTS
from kalbio._core.errors import SettingError
from kalbio._core.http.addresses import read_address
from kalbio._core.text.display import host_and_port

_SCHEMES = ("http", "https", "socks5", "socks5h")
_HOST_AND_PORT = re.compile(r"\[(?P<v6>[^\[\]]+)\](?::(?P<v6_port>\d+))?|(?P<name>[^:]+):(?P<port>\d+)")


@attrs.frozen
class _Direct:
    """One entry of NO_PROXY: a name with all below it, or a range of addresses; "" and None match everything."""

    scheme: str
    name: str | IPv4Network | IPv6Network
    port: int | None
    below_only: bool = False

    def matches(self, scheme: str, host: str, port: int) -> bool:
        if self.scheme not in ("", "all", scheme) or self.port not in (None, port):
            return False
        if not isinstance(self.name, str):
            try:
                return ip_address(host) in self.name
            except ValueError:
                return False
        return not self.name or host.endswith(f".{self.name}") or (host == self.name and not self.below_only)


class _Proxy:
    """One proxy, and the setting that names it. Its url may hold a password, so it shows in no representation."""

    __slots__ = ("fault", "setting", "url", "where")

    def __init__(self, setting: str, url: str) -> None:
        self.setting, self.url = setting, url
        self.fault: SettingError | None = None
        self.where = ""
        try:
            self.where = _check(setting, url)
        except SettingError as error:
            self.fault = error


class Proxies:
    """Which proxy a request goes through. Without arguments: none."""

    __slots__ = ("_by_scheme", "_direct", "_known")

    def __init__(self, by_scheme: Mapping[str, _Proxy] | None = None, direct: tuple[_Direct, ...] = ()) -> None:
        self._by_scheme = dict(by_scheme or {})
        self._direct = direct
        self._known: dict[tuple[str, str, int | None], _Proxy | None] = {}

    def __bool__(self) -> bool:
        """Whether there are any, also such as cannot be used."""
        return bool(self._by_scheme)

    def proxy_of(self, scheme: str, host: str, port: int | None = None) -> str | None:
        """Return the url of the proxy for requests to a host, None for none.

        Raises SettingError, which names the setting, when there is one that cannot be used.
        """
        proxy = self._find(scheme, host, port)
        if proxy is None:
            return None
        if proxy.fault is not None:
            raise SettingError(*proxy.fault.args)
        return proxy.url

    def describe(self, scheme: str, host: str, port: int | None = None) -> str:
        """Return how an error names the proxy for a host, without its password; empty when there is none."""
        proxy = self._find(scheme, host, port)
        return "" if proxy is None else f"the proxy {proxy.where} ({proxy.setting})"

    def urls(self) -> dict[str, str]:
        """Return the proxies that can be used, by the scheme of the requests; "all" stands for the others."""
        return {scheme: proxy.url for scheme, proxy in self._by_scheme.items() if proxy.fault is None}

    def _find(self, scheme: str, host: str, port: int | None) -> _Proxy | None:
        if not self._by_scheme:
            return None
        key = (scheme, host, port)
        if key not in self._known:
            bare = host.lower().strip("[]").partition("%")[0].removesuffix(".")
            number = PORTS.get(scheme, 0) if port is None else port
            direct = any(entry.matches(scheme, bare, number) for entry in self._direct)
            self._known[key] = None if direct else self._by_scheme.get(scheme) or self._by_scheme.get("all")
        return self._known[key]

    def __repr__(self) -> str:
        return f"Proxies({', '.join(proxy.setting for proxy in self._by_scheme.values())})"

    def __reduce__(self) -> Any:
        raise ArgumentTypeError("proxies may hold passwords and cannot be pickled or copied")


def from_argument(url: Any) -> Proxies:
    """Return the proxy that the argument `proxy` names. Raises SettingError when it cannot be used."""
    _check("proxy", url)
    return Proxies({"all": _Proxy("proxy", url)})


def from_environment(environ: Mapping[str, str], system: Callable[[], Mapping[str, str]] | None = None) -> Proxies:
    """Return the proxies that the environment names, or else the settings of the system (macOS, Windows).

    What cannot be used is told when a request would go through it.
    """
    found: dict[str, tuple[str, str]] = {}
    for scheme in ("http", "https", "all", "no"):
        # Small letters win, also when they are empty. In a CGI script HTTP_PROXY comes from a header of the caller.
        names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY"]
        if scheme == "http" and "REQUEST_METHOD" in environ:
            names.pop()
        name = next((name for name in names if name in environ), "")
        if environ.get(name, "").strip():
            found[scheme] = name, environ[name].strip()
    if not found and system is not None:
        found = {scheme: ("the proxy settings of the system", url) for scheme, url in system().items()}
    entries = re.split(r"[,\s]+", found.pop("no", ("", ""))[1])
    proxies = {
        scheme: _Proxy(name, url if "://" in url else f"http://{url}")
        for scheme, (name, url) in found.items()
        if scheme in ("http", "https", "all")
    }
    return Proxies(proxies, tuple(filter(None, map(_entry, entries))))


def from_system() -> Mapping[str, str]:
    """Return what macOS or Windows is set to; nothing elsewhere."""
    if sys.platform not in ("darwin", "win32"):
        return {}
    from urllib.request import getproxies  # costs more than the rest of making a client

    return getproxies()


def _entry(text: str) -> _Direct | None:
    """Read one entry of NO_PROXY; what is none matches nothing."""
    scheme, separator, rest = text.lower().rpartition("://")
    if not separator:
        scheme, rest = "", text.lower()
    port: int | None = None
    if not _is_network(rest) and (match := _HOST_AND_PORT.fullmatch(rest)):
        rest = match["v6"] or match["name"]
        number = match["v6_port"] or match["port"]
        port = None if number is None else int(number)
    if rest == "*":
        return _Direct(scheme, "", port)
    if _is_network(rest):
        return _Direct(scheme, ip_network(_without_zone(rest), strict=False), port)
    below_only = rest.startswith((".", "*."))
    name = rest.removeprefix("*").strip(".")
    return _Direct(scheme, name, port, below_only) if name else None


def _is_network(text: str) -> bool:
    try:
        ip_network(_without_zone(text), strict=False)
    except ValueError:
        return False
    return True


def _without_zone(text: str) -> str:
    return re.sub(r"%[^/]*", "", text)


def _check(setting: str, url: Any) -> str:
    """Return where a proxy is. Raises SettingError when it cannot be used."""
    if isinstance(url, str) and url.lower().startswith("socks://"):
        raise SettingError(f"{setting} cannot be used: write socks5:// instead of socks://")
    address = read_address(setting, url, schemes=_SCHEMES, login=True)
    if address.path not in ("", "/"):
        raise SettingError(f"{setting} cannot be used: it has a path, which a proxy does not have")
    if address.scheme.startswith("socks") and find_spec("socksio") is None:
        raise SettingError(f"{setting} cannot be used: SOCKS needs socksio: pip install 'httpx[socks]'")
    return host_and_port(address.host, address.port)
