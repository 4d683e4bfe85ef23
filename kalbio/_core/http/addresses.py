"""Checks the addresses that a client is given, and shows them without what may be secret."""

from __future__ import annotations

import re
import socket
import warnings
from collections.abc import Collection
from typing import Any

import attrs

from kalbio._core.constants import PORTS
from kalbio._core.errors import SettingError
from kalbio._core.text.display import safe_repr
from kalbio._core.text.redaction import HIDDEN

_ADDRESS = re.compile(r"(?P<scheme>[^:/?#@]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<rest>.*)", re.DOTALL)
_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)


@attrs.frozen
class Address:
    """The parts of an address that say where it leads. The host has no brackets and is in lower case."""

    scheme: str
    host: str
    port: int
    path: str = ""


def read_address(
    setting: str, text: Any, *, schemes: Collection[str] = ("http", "https"), login: bool = False
) -> Address:
    """Return the parts of an address. Raises SettingError, which names the setting and says what is wrong with it.

    `login` says whether it may hold a user name and a password. The error shows neither, nor a query.
    """
    if not isinstance(text, str):
        raise SettingError(f"{setting} must be text; got {safe_repr(text)}")
    wrong = ""
    match = _ADDRESS.fullmatch(text)
    if any(character.isspace() or not character.isprintable() for character in text):
        wrong = "it has a space or a control character in it"
    elif match is None:
        wrong = f"it does not begin with {_any_of(schemes)}"
    else:
        scheme, authority, path = match["scheme"].lower(), match["authority"], match["path"]
        _, has_login, where = authority.rpartition("@")
        if (has_login or "@" in path) and not login:  # a password may have a slash in it
            raise SettingError(f"{setting} must not hold a user name or a password")
        host, port, wrong = _split(where)
        if scheme not in schemes:
            wrong = f"it does not begin with {_any_of(schemes)}"
        elif match["rest"]:
            wrong = "it has a query (?) or a fragment (#)"
        elif not wrong:
            wrong = host_fault(host)
        if not wrong:
            return Address(scheme, host, PORTS[scheme] if port is None else port, path)
    given = without_secrets(text)
    told = "it is not shown, since it may hold a secret" if given == HIDDEN else f"got {safe_repr(given)}"
    raise SettingError(f"{setting} cannot be used: {wrong}; {told}")


def without_secrets(text: str) -> str:
    """Return an address without user name, password, query and fragment, whatever else is wrong with it."""
    scheme, separator, rest = text.partition("://")
    if not separator:  # it may be anything, a secret that was given in the wrong place included
        return HIDDEN
    _, has_login, after = rest.rpartition("@")
    if not has_login:
        return f"{scheme}://{re.sub('[?#].*', lambda match: match[0][0] + HIDDEN, rest, flags=re.DOTALL)}"
    # A password may have ? and # in it, and a query @: nobody knows then which is which.
    return f"{scheme}://{HIDDEN}@{HIDDEN if re.search('[?#]', rest) else after}"


def host_fault(host: str) -> str:
    """Return what makes a host impossible; empty when nothing does."""
    if not host:
        return "it has no host"
    if ":" in host:
        return "" if _is_ipv6(host) else "its host is not an IPv6 address"
    if _NUMBERS.fullmatch(host):
        try:
            socket.inet_aton(host)
        except OSError:
            return "its host is not an IPv4 address"
        return ""
    if not host.isascii() or "xn--" in host:
        import idna  # as the HTTP library uses it

        try:
            host = idna.encode(host.lower()).decode("ascii")
            idna.decode(host)
        except UnicodeError:
            return "its host is not a valid host name"
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        return (
            "its host is not a valid host name "
            "(parts of 1 to 63 letters, digits and inner hyphens, with single dots between them)"
        )
    return ""


def is_local(host: str) -> bool:
    """Whether a host is this machine by its name alone."""
    host = host.lower().strip("[]").removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        from ipaddress import ip_address

        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split(where: str) -> tuple[str, int | None, str]:
    """Return host, port, and what is wrong with them."""
    match = re.fullmatch(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>.*))?", where)
    if match is None:
        bracket = "[" in where or "]" in where
        return "", None, "its brackets do not match" if bracket else "it has more than one port"
    host = (match["name"] if match["v6"] is None else match["v6"]).lower()
    if match["v6"] is not None and not _is_ipv6(host):
        return host, None, "its host is not an IPv6 address"
    if not match["port"]:
        return host, None, ""
    number = match["port"]
    if not (number.isascii() and number.isdigit() and len(number) < 6 and 0 < int(number) < 65_536):
        return host, None, "its port is not a number from 1 to 65535"
    return host, int(number), ""


def _is_ipv6(host: str) -> bool:
    from ipaddress import IPv6Address

    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def _any_of(schemes: Collection[str]) -> str:
    return " or ".join(f"{scheme}://" for scheme in schemes)


# Hosts that have been warned of.
_in_clear: set[str] = set()


def warn_of_clear_text(setting: str, address: Address) -> None:
    """Warn the caller of a constructor, once for each host, that credentials would travel unencrypted."""
    if address.scheme == "http" and not is_local(address.host) and address.host not in _in_clear:
        _in_clear.add(address.host)
        warnings.warn(
            f"{setting} begins with http://: credentials and data travel to {address.host} unencrypted, so anybody on "
            "the way can read them; use https://",
            UserWarning,
            stacklevel=3,
        )
