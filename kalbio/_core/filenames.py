"""Makes any text one safe file name, on every platform."""

from __future__ import annotations

import re
import unicodedata

from kalbio._core.constants import MAX_FILE_NAME

_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


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
    name = _FORBIDDEN.sub("_", "".join(ch for ch in name if unicodedata.category(ch) not in ("Cc", "Cf", "Cs")))
    # Windows drops dots and spaces at the end, which would make two names one.
    name = name.strip().rstrip(". ")
    if not name.strip("._ "):
        return ""
    stem, dot, suffix = name.partition(".")
    if stem.lower() in _DEVICES:
        name = f"_{stem}{dot}{suffix}"
    if len(name.encode("utf-8")) > MAX_FILE_NAME:
        stem, dot, suffix = name.rpartition(".")
        tail = f".{suffix}" if dot and len(suffix) <= 16 else ""
        room = MAX_FILE_NAME - len(tail.encode("utf-8"))
        name = (stem if tail else name).encode("utf-8")[:room].decode("utf-8", "ignore").rstrip(". ") + tail
    return name
