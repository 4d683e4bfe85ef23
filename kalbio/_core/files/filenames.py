"""Makes any text one safe file name, on every platform."""

from __future__ import annotations

import re
import unicodedata

from kalbio._core.constants import MAX_FILE_NAME

_FORBIDDEN = re.compile(r'[<>:"|?*]')
# Control and format characters (which can turn the reading direction), surrogates, line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_PORTS = (f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³")
_DEVICES = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$", *_PORTS})


def safe_name(wanted: str | None, fallback: str) -> str:
    """Return `wanted` as one file name: its last component, without separators or anything a platform refuses.

    When nothing is left of it, `fallback` (an id, say) is made safe instead.
    """
    for candidate in (wanted, fallback, "download"):
        name = _clean(candidate or "")
        if name:
            return name
    raise AssertionError("unreachable: 'download' is a safe name")


def _clean(text: str) -> str:
    name = re.split(r"[/\\]", text.strip())[-1]
    name = _FORBIDDEN.sub("_", "".join(ch for ch in name if unicodedata.category(ch) not in _INVISIBLE))
    # Windows drops dots and spaces at the end, which would make two names one.
    name = name.strip().rstrip(". ")
    if not name.strip("._ "):
        return ""
    stem, dot, suffix = name.partition(".")
    if stem.strip().lower() in _DEVICES:
        name = f"_{stem}{dot}{suffix}"
    if len(name.encode("utf-8")) > MAX_FILE_NAME:
        stem, dot, suffix = name.rpartition(".")
        tail = f".{suffix}" if dot and len(suffix) <= 16 else ""
        room = MAX_FILE_NAME - len(tail.encode("utf-8"))
        name = (stem if tail else name).encode("utf-8")[:room].decode("utf-8", "ignore").rstrip(". ") + tail
    return name
