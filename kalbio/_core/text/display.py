"""Shows values as text: limited in length, printable, and on one line in errors."""

from __future__ import annotations

import re
from typing import Any

LIMIT = 200

# What ends a line, moves the cursor, turns the direction of writing, or cannot be written at all (half a pair).
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def safe_repr(value: Any) -> str:
    """Return how a value reads, cut where it is long. Gives its type where it cannot be shown at all."""
    if isinstance(value, str | bytes) and len(value) > LIMIT:
        return f"{value[: LIMIT // 2]!r}... ({len(value)} characters)"
    try:
        text = repr(value)
    except Exception:  # huge numbers, and objects that cannot be read
        return f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= LIMIT else f"{text[: LIMIT // 2]}... ({type(value).__name__})"


def host_and_port(host: str, port: int | None) -> str:
    """Return host and port as one writes them."""
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"


def one_line(text: str) -> str:
    """Return a text as one line that shows as it reads: control characters are written as escapes."""
    return _UNSEEN.sub(lambda match: repr(match[0])[1:-1], text)


def printable(text: str) -> str:
    """Return a text that can be printed and saved: half a pair of UTF-16, which no encoding carries, as an escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
