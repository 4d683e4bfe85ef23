"""Who may talk to an emulator on its port. A web page that the user happens to look at may not."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from kalbio._core.emulator.refusals import Code, Refusal

_METHODS = "GET, POST, PUT, PATCH, DELETE"
# A name or an address, and a port. Nothing that could be read in two ways: no user, no path, no percent signs.
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True)
class OriginPolicy:
    """The rules of one server: whether it is for this machine only, and which web pages may use it."""

    local: bool
    origins: tuple[str, ...] = ()
    exposed_headers: tuple[str, ...] = ()
    """The headers of an answer that those pages may read."""

    def check(self, headers: Mapping[str, str]) -> None:
        """Refuse what comes under a foreign name or from a foreign page."""
        host = headers.get("host", "")
        name = _HOST.fullmatch(host)
        if name is None and "host" in headers:
            raise Refusal(421, f"a Host is a name and a port, not {host!r}", code=Code.FOREIGN_HOST)
        if self.local and name is not None and not is_loopback(name[1].strip("[]")):
            # A page whose name was turned to this machine after it was loaded would be of the same origin.
            message = f"this sandbox is for this machine only, and does not answer as {host}"
            raise Refusal(421, message, code=Code.FOREIGN_HOST)
        origin = headers.get("origin")
        if origin in self.origins:
            return
        if origin is not None and origin.lower() != f"http://{host}".lower():
            raise Refusal(403, f"pages of {origin} may not use this sandbox", code=Code.FOREIGN_ORIGIN)
        embedded = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) != ("navigate", "document")
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and embedded:
            raise Refusal(403, "pages of other origins may not use this sandbox", code=Code.FOREIGN_ORIGIN)

    def cors_headers(self, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """The headers that let a page read the answer, for the pages that may."""
        origin = headers.get("origin")
        if origin is None or origin not in self.origins:
            return ()
        asked = headers.get("access-control-request-headers", "")
        return (
            ("access-control-allow-origin", origin),
            ("access-control-allow-methods", _METHODS),
            ("access-control-allow-headers", asked),
            ("access-control-expose-headers", ", ".join(self.exposed_headers)),
            ("vary", "origin"),
        )


def check_origin(origin: str) -> str:
    """An origin as browsers write it; anything else is a ValueError."""
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}":
        raise ValueError(f"an origin is like http://localhost:3000, without a path; got {origin!r}")
    return origin


def is_loopback(host: str) -> bool:
    """Whether a name or an address can only mean this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
