"""Downloads from an address that somebody else chose: without credentials, without redirects, up to a size."""

from __future__ import annotations

import contextlib
import re
import secrets
import urllib.request
from pathlib import Path
from typing import Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.text.display import safe_repr

LARGEST = 1024 * 1024 * 1024
_TIMEOUT = 60.0
_CHUNK = 65_536


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Take the redirect for the answer, which is a failure."""


_opener = urllib.request.build_opener(_NoRedirects)


def save_url(url: str, target: Path, limit: int = LARGEST) -> None:
    """Save what an address gives; a part of it never has the final name.

    Raises ValueError for what is no http address, OSError when it cannot be fetched or is larger than the limit.
    """
    if not re.match(r"https?://[^/?#\s@]+(?:[/?#]|$)", url, re.IGNORECASE):
        raise ArgumentError(
            f"a file is fetched from an http:// or https:// address without a password; got {safe_repr(url)}"
        )
    part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
    size = 0
    try:
        with _opener.open(url, timeout=_TIMEOUT) as answer, part.open("xb") as file:
            promised = answer.headers.get("content-length")
            while piece := answer.read(_CHUNK):
                size += len(piece)
                if size > limit:
                    raise OSError(f"the file is larger than {limit} bytes")
                file.write(piece)
            if promised is not None and promised.isdecimal() and int(promised) != size:
                raise OSError(f"the file broke off: {size} of {promised} bytes came")
        part.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
